package report

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"plantroom/agent/events"
	"plantroom/testdata/peer"
)

// printed prints a page with Chromium, as a person would with any browser, and
// returns the number of its pages and what is to be read on them.
func printed(t *testing.T, page string) (pages string, text string) {
	t.Helper()
	chromium := peer.Need(t, "chromium", "apt-get install chromium")
	info, read := peer.Need(t, "pdfinfo", "apt-get install poppler-utils"), peer.Need(t, "pdftotext", "apt-get install poppler-utils")
	dir := t.TempDir()
	from, to := filepath.Join(dir, "report.html"), filepath.Join(dir, "report.pdf")
	if err := os.WriteFile(from, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) string {
		out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", filepath.Base(name), err, out)
		}
		return string(out)
	}
	run(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir="+filepath.Join(dir, "chromium"), "--no-pdf-header-footer", "--print-to-pdf="+to, "file://"+from)
	about := run(info, to)
	if size := regexp.MustCompile(`(?m)^Page size: +(.*)$`).FindStringSubmatch(about); size == nil || !strings.Contains(size[1], "A4") {
		t.Errorf("it is printed on %v", size)
	}
	if n := regexp.MustCompile(`(?m)^Pages: +(\d+)$`).FindStringSubmatch(about); n != nil {
		pages = n[1]
	}
	return pages, run(read, "-layout", to, "-")
}

// TestPrint: a real browser prints the report on as many pages of A4 as it is
// to have, numbered, with nothing left out.
func TestPrint(t *testing.T) {
	r := monthly(t)
	incident := *r
	incident.Kind, incident.Verdict, incident.Criteria, incident.Plan = "incident", events.NoVerdict, nil, ""
	for _, c := range []struct {
		name, lang string
		record     *events.Record
		pages      string
		want       []string
	}{
		{"test", "en", r, "5", []string{"Test report", "PASSED", "page 1 of 5", "page 5 of 5", "Comparison with earlier tests", "What was not observed", "Signature"}},
		{"událost", "cs", &incident, "6", []string{"Zpráva o mimořádné události", "Příčina", "Opatření", "strana 6 z 6", "Měsíční zkouška pod zátěží"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			pages, text := printed(t, write(t, OfRecord(c.record, before(r, 14), c.lang, afternoon), "html"))
			if pages != c.pages {
				t.Errorf("it has %s pages, want %s", pages, c.pages)
			}
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not on the paper", want)
				}
			}
		})
	}
}
