package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"plantroom/agent"
	"plantroom/agent/events"
	"plantroom/config"
)

// languages are those that reports are written in.
var languages = []string{"en", "cs"}

var update = flag.Bool("update", false, "write the golden files")

// afternoon is when the reports of these tests are made.
var afternoon = time.Date(2026, 11, 26, 15, 30, 0, 0, prague)

func write(t testing.TB, r *Report, format string) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b, format); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// golden compares text with a file of testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (-want +got):\n%s\nwrite it anew with: go test ./agent/report -update", name, diff)
	}
}

// TestGolden: the report of a known record, in every format but the page.
func TestGolden(t *testing.T) {
	r := monthly(t)
	for _, lang := range languages {
		golden(t, "monthly."+lang+".md", write(t, OfRecord(r, before(r, 14), lang, afternoon), "md"))
	}
	golden(t, "monthly.json", write(t, OfRecord(r, before(r, 14), "en", afternoon), "json"))
}

// TestJSONIsTheRecord: what a program reads out of the report is what was
// recorded.
func TestJSONIsTheRecord(t *testing.T) {
	r := monthly(t)
	var s Story
	if err := json.Unmarshal([]byte(write(t, OfRecord(r, nil, "cs", afternoon), "json")), &s); err != nil {
		t.Fatal(err)
	}
	want := *r
	want.Series = nil
	if diff := cmp.Diff(&want, s.Record); diff != "" {
		t.Errorf("(-recorded +reported)\n%s", diff)
	}
}

// hostile is what somebody could call a device to have it run in a browser.
const hostile = `<script>alert("x")</script>` + "\n| # `b` &amp; *c* 'd' \\"

// foreign is the monthly record with hostile names and notes in it.
func foreign(t *testing.T) *events.Record {
	r := monthly(t)
	r.Site = hostile
	r.Title = agent.Words{EN: hostile, CS: hostile}
	for i := range r.Devices {
		r.Devices[i].Name = hostile
	}
	for i := range r.Events {
		r.Events[i].Text = agent.Words{EN: hostile, CS: hostile}
	}
	r.Transitions[3].To = hostile
	r.Transitions[4].Metric = "x_" + hostile
	r.Notes[0].Text, r.Notes[0].By = hostile, hostile
	r.NotObserved = []events.NotObserved{{Name: hostile, Device: "ups-a", Why: agent.Words{EN: hostile, CS: hostile}}}
	return r
}

// TestForeignText: names are shown, and never obeyed.
func TestForeignText(t *testing.T) {
	r := foreign(t)
	for _, kind := range []string{"test", "incident"} {
		r.Kind = kind
		for _, lang := range languages {
			made := OfRecord(r, before(r, 3), lang, afternoon)
			page := write(t, made, "html")
			doc, err := html.Parse(strings.NewReader(page))
			if err != nil {
				t.Fatal(err)
			}
			shown := false
			for n := range doc.Descendants() {
				if n.Type == html.ElementNode && n.Data == "script" {
					t.Errorf("%s %s: a name became a script", kind, lang)
				}
				shown = shown || n.Type == html.TextNode && n.Parent.Data == "td" && strings.Contains(n.Data, `<script>alert("x")</script>`)
			}
			if !shown {
				t.Errorf("%s %s: the name is not shown as it is", kind, lang)
			}
			text := write(t, made, "md")
			if at := regexp.MustCompile(`(^|[^\\])<`).FindStringIndex(text); at != nil {
				t.Errorf("%s %s: Markdown would take this for HTML: %q", kind, lang, text[max(0, at[0]-20):at[1]+20])
			}
			for line := range strings.Lines(text) {
				if pipes := len(regexp.MustCompile(`(^|[^\\])\|`).FindAllString(line, -1)); strings.HasPrefix(line, "|") && pipes < 3 {
					t.Errorf("%s %s: a torn row: %q", kind, lang, line)
				}
			}
		}
	}
}

// void are the elements of HTML without an end.
var void = []string{"meta", "link", "br", "hr", "img", "input"}

// sound fails the test where a page is not well-formed or needs anything else.
func sound(t *testing.T, page string) {
	t.Helper()
	if !strings.HasPrefix(page, "<!DOCTYPE html>\n<html lang=\"") {
		t.Errorf("the page begins with %q", page[:40])
	}
	z := html.NewTokenizer(strings.NewReader(page))
	var open []string
	ids, refs := map[string]int{}, map[string]bool{}
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		tok := z.Token()
		switch kind {
		case html.StartTagToken, html.SelfClosingTagToken:
			if kind == html.StartTagToken && !slices.Contains(void, tok.Data) {
				open = append(open, tok.Data)
			}
			if slices.Contains([]string{"script", "link", "img", "iframe", "object", "embed", "image", "base", "form"}, tok.Data) {
				t.Errorf("there is a <%s>", tok.Data)
			}
			for _, a := range tok.Attr {
				switch {
				case a.Key == "id":
					ids[a.Val]++
				case a.Key == "href" || a.Key == "xlink:href":
					if !strings.HasPrefix(a.Val, "#") {
						t.Errorf("<%s> refers to %q", tok.Data, a.Val)
					}
					refs[a.Val[1:]] = true
				case a.Key == "src" || strings.HasPrefix(a.Key, "on") || a.Key == "style":
					t.Errorf("<%s> has %s=%q", tok.Data, a.Key, a.Val)
				case strings.HasPrefix(a.Val, "url("):
					refs[strings.TrimSuffix(strings.TrimPrefix(a.Val, "url(#"), ")")] = true
				}
				if strings.Contains(a.Val, "NaN") || strings.Contains(a.Val, "Inf") || strings.Contains(a.Val, "ZgotmplZ") {
					t.Errorf("<%s> has %s=%q", tok.Data, a.Key, a.Val)
				}
			}
		case html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != tok.Data {
				t.Fatalf("</%s> ends %v", tok.Data, open)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("not ended: %v", open)
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("the id %s is there %d times", id, n)
		}
	}
	for id := range refs {
		if ids[id] == 0 {
			t.Errorf("there is no %q that something refers to", id)
		}
	}
	if i := strings.Index(page, "http"); i >= 0 && !strings.HasPrefix(page[i:], "http-equiv") {
		t.Errorf("the page refers to another: %q", page[i:min(i+60, len(page))])
	}
	for _, forbidden := range []string{"@import", "@font-face", "url(h", "url(/", "data:"} {
		if strings.Contains(page, forbidden) {
			t.Errorf("the page has %s", forbidden)
		}
	}
}

// TestPage: the page is whole by itself, whatever the record has and has not.
func TestPage(t *testing.T) {
	full := monthly(t)
	records := map[string]*events.Record{"full": full, "foreign": foreign(t)}
	incident := *full
	incident.Kind, incident.Verdict, incident.Criteria, incident.Plan = "incident", "", nil, ""
	records["incident"] = &incident
	open := *full
	open.Ended, open.Watched, open.Verdict = time.Time{}, time.Time{}, events.NoVerdict
	records["under way"] = &open
	bare := events.Record{ID: full.ID, Kind: "incident", Began: full.Began, Title: full.Title, Cause: full.Cause}
	records["nothing but its beginning"] = &bare
	missed := events.Record{ID: full.ID, Kind: "test", Began: full.Began, Ended: full.Began, Due: full.Due, Title: full.Title, Verdict: events.Missed}
	records["missed"] = &missed
	noted := missed
	noted.Verdict, noted.Watched, noted.Declared, noted.Notes = events.Passed, full.Began, "J. Novák", full.Notes
	records["noted by hand"] = &noted
	odd := *full
	odd.Series = slices.Clone(full.Series)
	for i := range odd.Series { // constant, single, and none at all
		s := &odd.Series[i]
		n := i % 3
		s.Times, s.Values = s.Times[:n], s.Values[:n]
	}
	records["hardly any readings"] = &odd
	for name, r := range records {
		t.Run(name, func(t *testing.T) {
			for _, lang := range languages {
				sound(t, write(t, OfRecord(r, before(full, 14), lang, afternoon), "html"))
				sound(t, write(t, OfRecord(r, nil, lang, afternoon), "html"))
			}
		})
	}
}

// verbs are those of fmt.
var verbs = regexp.MustCompile(`%[-+# 0]*(\[\d+\])?[\d.*]*[a-zA-Z]`)

// wordsIn returns every agent.Words that is written in the package's files.
func wordsIn(t *testing.T) map[agent.Words]string {
	t.Helper()
	found := map[agent.Words]string{}
	set := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			var w agent.Words
			keys := 0
			for _, e := range lit.Elts {
				kv, ok := e.(*ast.KeyValueExpr)
				if !ok {
					return true
				}
				key, ok := kv.Key.(*ast.Ident)
				if !ok || key.Name != "EN" && key.Name != "CS" {
					return true
				}
				value, ok := kv.Value.(*ast.BasicLit)
				if !ok {
					return true // of a call
				}
				text, _ := strconv.Unquote(value.Value)
				if keys++; key.Name == "EN" {
					w.EN = text
				} else {
					w.CS = text
				}
			}
			if keys > 0 {
				found[w] = set.Position(lit.Pos()).String()
			}
			return true
		})
	}
	if len(found) < 150 {
		t.Fatalf("only %d words are found", len(found))
	}
	return found
}

// alike are the words that the two languages share.
var shared = []string{"bypass", "alarm", "UPS", "PDU", "PDUs", "Agent", "A", "B", "PUE", ""}

// TestBothLanguages: every sentence is there in both, with the same verbs, and
// the Czech one is Czech.
func TestBothLanguages(t *testing.T) {
	for w, at := range wordsIn(t) {
		switch {
		case w.EN == "" || w.CS == "":
			t.Errorf("%s: one language only: %q, %q", at, w.EN, w.CS)
		case w.EN == w.CS && !slices.Contains(shared, w.EN):
			t.Errorf("%s: %q is the same in both languages", at, w.EN)
		}
		if en, cs := verbs.FindAllString(w.EN, -1), verbs.FindAllString(w.CS, -1); !slices.Equal(en, cs) {
			t.Errorf("%s: %q takes %v and %q takes %v", at, w.EN, en, w.CS, cs)
		}
	}
}

// TestNoEnglishInCzech: no sentence of the package is in a Czech report in
// English.
func TestNoEnglishInCzech(t *testing.T) {
	r := monthly(t)
	// What comes from outside is Czech in both languages.
	czech := func(w *agent.Words) { w.EN = w.CS }
	czech(&r.Title)
	r.Cause = agent.Words{EN: "Zařízení 1 je bez napětí", CS: "Zařízení 1 je bez napětí"}
	r.Notes[0].Text = "Tlak oleje v normě."
	for i := range r.Devices {
		r.Devices[i].Name = "Zařízení " + strconv.Itoa(i)
	}
	for i := range r.Events {
		r.Events[i].Text.CS = "Událost"
	}
	var texts []string
	for _, kind := range []string{"test", "incident"} {
		r.Kind = kind
		for _, end := range []time.Time{r.Ended, {}} {
			one := *r
			one.Ended = end
			texts = slices.AppendSeq(texts, strings.SplitSeq(write(t, OfRecord(&one, before(r, 14), "cs", afternoon), "md"), "\n"))
			page := write(t, OfRecord(&one, before(r, 14), "cs", afternoon), "html")
			doc, _ := html.Parse(strings.NewReader(page))
			for n := range doc.Descendants() {
				if n.Type == html.TextNode && n.Parent.Data != "style" {
					texts = append(texts, n.Data)
				}
			}
		}
	}
	slices.Sort(texts) // each once: a page says the same as Markdown, mostly
	all := strings.Join(slices.Compact(texts), "\n")
	words := wordsIn(t)
	czechWords, small := "", strings.ToLower(all)
	for w := range words {
		czechWords += w.CS + "\n"
	}
	for w := range words {
		for piece := range strings.SplitSeq(verbs.ReplaceAllString(w.EN, "\x00"), "\x00") {
			piece = strings.Trim(piece, " .,:()")
			if len(piece) < 3 || strings.Contains(czechWords, piece) {
				continue
			}
			if !strings.Contains(small, strings.ToLower(piece)) {
				continue
			}
			if at := regexp.MustCompile(`(?i)(^|\PL)` + regexp.QuoteMeta(piece) + `(\PL|$)`).FindStringIndex(all); at != nil {
				t.Errorf("%q is in the Czech report: %q", piece, all[max(0, at[0]-30):min(len(all), at[1]+30)])
			}
		}
	}
}

// TestEveryStateHasAWord: each metric and state of the catalogue that a record
// can show, and each figure, is named in both languages.
func TestEveryStateHasAWord(t *testing.T) {
	for _, class := range config.Classes() {
		if _, ok := classes[class]; !ok {
			t.Errorf("the class %s has no name", class)
		}
		for _, name := range config.Names(class) {
			m := config.Lookup(class, name)
			if m.Kind != agent.State {
				continue
			}
			if _, ok := metrics[name]; !ok {
				t.Errorf("%s %s has no name", class, name)
			}
			for _, word := range m.States {
				_, special := states[name+"."+word]
				if _, ok := states[word]; !ok && !special {
					t.Errorf("%s %s: the state %s has no word", class, name, word)
				}
			}
		}
	}
	for s := agent.NoData; s <= agent.Batteries; s++ {
		if _, ok := states[s.String()]; !ok {
			t.Errorf("the supply %s has no word", s)
		}
	}
	text, err := os.ReadFile("../events/record.go")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?m)^\t[A-Z]\w+\s+= "([a-z_]+)" +// (s|%|W|Wh|K)(,|$)`).FindAllStringSubmatch(string(text), -1)
	if len(names) < 20 {
		t.Fatalf("only %d figures are found", len(names))
	}
	for _, m := range names {
		if _, ok := figures[m[1]]; !ok {
			t.Errorf("the figure %s has no name", m[1])
		}
	}
}

// TestGaps: what was not read is said, of all devices at once as the agent's.
func TestGaps(t *testing.T) {
	at := func(s int) time.Time { return time.Date(2026, 11, 26, 12, 0, s, 0, time.UTC) }
	series := func(device string, seconds ...int) events.Series {
		s := events.Series{Device: device, Metric: "status"}
		for _, sec := range seconds {
			s.Times, s.Values = append(s.Times, at(sec).UnixMilli()), append(s.Values, 1)
		}
		return s
	}
	r := &events.Record{Began: at(0), Ended: at(40), Devices: []events.Device{{ID: "a", Every: 1}, {ID: "b", Every: 5}, {ID: "silent", Every: 1}}}
	a := []int{}
	for s := range 41 {
		if (s < 5 || s > 9) && (s < 15 || s > 33) { // 16..33: the agent did not run
			a = append(a, s)
		}
	}
	r.Series = []events.Series{series("a", a...), series("b", 0, 5, 10, 35, 40)}
	want := []Gap{
		{From: at(14), To: at(34), Longest: 20},
		{Device: "a", From: at(4), To: at(10), Longest: 6},
		{Device: "silent", From: at(0), To: at(40), Never: true, Longest: 40},
	}
	if diff := cmp.Diff(want, gaps(r)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	// A short pause of the agent is one gap, though of all devices one or another was read shortly before and after.
	r.Ended, r.Devices = at(40), []events.Device{{ID: "a", Every: 1}, {ID: "b", Every: 1}, {ID: "c", Every: 1}}
	r.Series = []events.Series{series("", 18)} // the building, which is no device
	for i, id := range []string{"a", "b", "c"} {
		s := series(id)
		for sec := range 41 {
			if sec < 17 || sec > 20 {
				s.Times, s.Values = append(s.Times, at(sec).UnixMilli()+int64(i)*450), append(s.Values, 1)
			}
		}
		r.Series = append(r.Series, s)
	}
	if diff := cmp.Diff([]Gap{{From: at(16).Add(900 * time.Millisecond), To: at(21), Longest: 4.1}}, gaps(r)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	// And not where another device was read meanwhile.
	r.Series[3] = series("c", 0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39)
	if all := gaps(r); len(all) != 2 || all[0].Device != "a" || all[1].Device != "b" {
		t.Errorf("%+v", all)
	}
	r.Devices = r.Devices[:1]
	// One that is read now and then is one gap, and what lasts is recorded less often.
	r.Ended = at(3*3600 + 100)
	a = a[:0]
	for s := 0; s <= 3*3600+100; s++ {
		if (s < 100 || s > 200 || s%10 == 0) && (s < 2*3600 || s%10 == 0) {
			a = append(a, s)
		}
	}
	r.Series = []events.Series{series("a", a...)}
	if diff := cmp.Diff([]Gap{{From: at(100), To: at(200), Longest: 10}}, gaps(r)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestComparedByWhatWasTested: a generator that took over from the one that was
// tested and did not start is no figure of that.
func TestComparedByWhatWasTested(t *testing.T) {
	r := &events.Record{Kind: "test", Devices: []events.Device{{ID: "gen-1", Class: "generator"}, {ID: "gen-2", Class: "generator"}, {ID: "ups", Class: "ups"}},
		Figures: []events.Figure{{Name: events.TimeToStart, Device: "gen-2", Value: 60}, {Name: events.TimeOnBattery, Device: "ups", Value: 70}}}
	names := func() (names []string) {
		for _, f := range earlier(r).Figures {
			names = append(names, f.Name)
		}
		return names
	}
	if got := names(); !slices.Equal(got, []string{events.TimeToStart, events.TimeOnBattery}) {
		t.Errorf("of any generator: %v", got)
	}
	r.Criteria = []events.Criterion{{Name: events.TimeToStart, Device: "gen-1"}}
	if got := names(); !slices.Equal(got, []string{events.TimeOnBattery}) {
		t.Errorf("of generator 1: %v", got)
	}
}

// TestTongue: numbers, units and times as each language writes them.
func TestTongue(t *testing.T) {
	en, cs := newTongue("en", prague), newTongue("cs", prague)
	at := time.Date(2026, 3, 1, 11, 5, 9, 0, time.UTC)
	summer := time.Date(2026, 7, 1, 11, 5, 9, 0, time.UTC)
	kathmandu, _ := time.LoadLocation("Asia/Kathmandu")
	for _, c := range []struct{ got, want string }{
		{en.quantity(112345, "W"), "112 kW"}, {cs.quantity(11234.5, "W"), "11,2 kW"}, {cs.quantity(1234567.8, "Wh"), "1,23 MWh"},
		{en.quantity(230.06, "V"), "230.1 V"}, {cs.quantity(-3.14159, "Cel"), "−3,1 °C"}, {cs.quantity(49.987, "Hz"), "49,99 Hz"},
		{en.quantity(-0.01, "K"), "0.0 K"}, {en.number(1234567, 0), "1,234,567"}, {cs.number(1234567.27, 1), "1 234 567,3"},
		{en.duration(0), "0.0 s"}, {cs.duration(59.94), "59,9 s"}, {en.duration(59.96), "1 min"}, {en.duration(200), "3 min 20 s"},
		{en.duration(3599.7), "1 h"}, {en.duration(4320), "1 h 12 min"}, {cs.duration(93600), "1 d 2 h"}, {en.duration(-2), "−2.0 s"}, {en.duration(-0.04), "0.0 s"},
		{en.share(1, 1), "100.0 %"}, {en.share(999, 1000), "99.9 %"}, {cs.share(99999, 100000), "99,999 %"}, {en.share(999999999, 1e9), "99.9999 %"},
		{en.share(0, 5), "0.0 %"}, {en.share(1, 0), ""}, {en.hours(5400), "1.5 h"},
		{en.date(at), "1 Mar 2026"}, {cs.date(at), "1. 3. 2026"}, {en.longDate(at), "1 March 2026"}, {cs.longDate(at), "1. března 2026"},
		{cs.month(2026, time.September), "září 2026"}, {en.month(2026, time.May), "May 2026"}, {cs.clock(at), "12:05:09"},
		{cs.moment(summer), "1. 7. 2026 13:05:09"}, {en.zoneName(at), "CET (UTC+1)"}, {en.zoneName(summer), "CEST (UTC+2)"},
		{en.zones(at, summer), "CET (UTC+1), CEST (UTC+2)"}, {en.zones(at, at), "CET (UTC+1)"}, {en.share(1395044.6437185647, 1395044.6437185647), "100.0 %"},
		{newTongue("en", kathmandu).zoneName(at), "UTC+5:45"}, {newTongue("en", time.UTC).zoneName(at), "UTC"},
	} {
		if got := strings.ReplaceAll(c.got, nbsp, " "); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestOwnMetrics: what a maker adds is called as its events are.
func TestOwnMetrics(t *testing.T) {
	r := monthly(t)
	r.Transitions = []events.Transition{
		{Time: r.Began, Device: "ups-a", Metric: "x_alarm_on_battery", From: "clear", To: "active"},
		{Time: r.Began, Device: "gen-1", Metric: "x_alarm_fail_to_start", From: "clear", To: "shutdown"},
		{Time: r.Began, Device: "gen-1", Metric: "x_shutdown_alarm", From: "clear", To: "active"},
		{Time: r.Began, Device: "ats-1", Metric: "x_source_b_quality", From: "good", To: "low_voltage"},
		{Time: r.Began, Device: "ats-1", Metric: "x_anything_else", From: "good", To: "so_so"},
	}
	for lang, want := range map[string][]string{
		"en": {"| alarm: on battery | clear → active |", "| alarm: fail to start | clear → shutdown |", "| shutdown alarm | clear → active |",
			"| quality of source B | good → low voltage |", "| anything else | good → so so |"},
		"cs": {"| alarm: provoz na baterie | v klidu → aktivní |", "| alarm: nezdařený start | v klidu → odstavení |", "| odstavení poruchou | v klidu → aktivní |",
			"| kvalita zdroje B | v pořádku → nízké napětí |", "| anything else | good → so so |"},
	} {
		text := write(t, OfRecord(r, nil, lang, afternoon), "md")
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: there is no %q", lang, w)
			}
		}
	}
}

// TestAgentStopped: where the agent did not run for a while, the first paragraph
// says what the durations are worth.
func TestAgentStopped(t *testing.T) {
	r := monthly(t)
	from, to := r.Began.Add(time.Minute).UnixMilli(), r.Began.Add(6*time.Minute).UnixMilli()
	for i := range r.Series {
		s := &r.Series[i]
		one := *s
		one.Times, one.Values = nil, nil
		for j, at := range s.Times {
			if (at <= from || at >= to) && (at <= to+60_000 || at >= to+180_000) {
				one.Times, one.Values = append(one.Times, at), append(one.Values, s.Values[j])
			}
		}
		*s = one
	}
	if got := strings.ReplaceAll(write(t, OfRecord(r, nil, "en", afternoon), "md"), nbsp, " "); !strings.Contains(got, "For 7 min of it the agent read nothing;") {
		t.Error(got[:min(len(got), 2000)])
	}
}

// TestBeforeItBegan: what happened before a record began is so much before it.
func TestBeforeItBegan(t *testing.T) {
	c := &composer{author: author{tongue: newTongue("en", prague)}, r: &events.Record{Began: afternoon}}
	for seconds, want := range map[time.Duration]string{-3: minus + "3.0 s", 0: "+0.0 s", 200: "+3 min 20 s"} {
		if got := strings.ReplaceAll(c.after(afternoon.Add(seconds*time.Second)), nbsp, " "); got != want {
			t.Errorf("%d s after: %s, want %s", seconds, got, want)
		}
	}
}

// TestNotSeen: a test that nobody watched for is not said to have been left out.
func TestNotSeen(t *testing.T) {
	noon := afternoon.Add(-3 * time.Hour)
	r := &events.Record{ID: "20261126-125501-k3001", Kind: "test", Verdict: events.Missed, Title: agent.Words{EN: "Weekly start", CS: "Týdenní start"},
		Due: noon, Began: noon, Ended: noon, Watched: noon}
	for _, unseen := range []bool{false, true} {
		if unseen {
			r.NotObserved = []events.NotObserved{{Name: events.TimeRun}}
		}
		got := write(t, OfRecord(r, nil, "en", afternoon), "md")
		if strings.Contains(got, "did not happen") == unseen || strings.Contains(got, "not seen") != unseen {
			t.Errorf("unseen %t:\n%s", unseen, got)
		}
		m, err := OfMonth(2026, 11, nil, []*events.Record{r}, "cs", afternoon)
		if err != nil {
			t.Fatal(err)
		}
		if got := write(t, m, "md"); strings.Contains(got, "nezaznamenána") != unseen {
			t.Errorf("unseen %t, in its month:\n%s", unseen, got)
		}
	}
}

// TestUnderWay: of a test that is being made nobody says that nothing is asked
// of it, and what lasted over midnight says on which day it ended.
func TestUnderWay(t *testing.T) {
	r := monthly(t)
	r.Ended, r.Watched, r.Verdict, r.Criteria = time.Time{}, time.Time{}, events.NoVerdict, nil
	if got := write(t, OfRecord(r, nil, "en", afternoon), "md"); !strings.Contains(got, "is judged when it has ended") || strings.Contains(got, "No criteria") {
		t.Errorf("of criteria it says:\n%s", got[:min(len(got), 2000)])
	}
	r.Ended, r.Watched, r.Verdict = r.Began.Add(20*time.Hour), r.Began.Add(21*time.Hour), events.Passed
	r.Events[1].Ended = time.Time{}
	if got := write(t, OfRecord(r, nil, "en", afternoon), "md"); !strings.Contains(got, "No criteria were set") ||
		!strings.Contains(strings.ReplaceAll(got, nbsp, " "), "It lasted 20 h, until 27 Nov 2026 ") || !strings.Contains(got, "| past the end |") {
		t.Errorf("of the end it says:\n%s", got[:min(len(got), 2000)])
	}
}

// TestPeaksStay: however many readings fall on one px, the lowest and the
// highest of them are on the line, and a gap breaks it.
func TestPeaksStay(t *testing.T) {
	began := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	l := line{name: "x", gap: 3000}
	for i := range 20000 {
		v := 230.0
		switch i {
		case 7777:
			v = 180
		case 12345:
			v = 260
		}
		if i < 15000 || i > 15600 {
			l.times, l.values = append(l.times, began.UnixMilli()+int64(i)*1000), append(l.values, v)
		}
	}
	c := &chart{t: newTongue("en", time.UTC), unit: "V", from: began, to: began.Add(20000 * time.Second), lines: []line{l}}
	p := c.Plot()
	least, most := p.Bottom, p.Top
	for _, m := range regexp.MustCompile(`[ML]([-\d.]+) ([-\d.]+)`).FindAllStringSubmatch(p.Lines[0].Path, -1) {
		x, _ := strconv.ParseFloat(m[1], 64)
		y, _ := strconv.ParseFloat(m[2], 64)
		if x < p.Left-0.1 || x > p.Right+0.1 || y < p.Top-0.1 || y > p.Bottom+0.1 {
			t.Fatalf("%s is outside the field", m[0])
		}
		least, most = min(least, y), max(most, y)
	}
	lo, _ := strconv.ParseFloat(p.Y[0].Text, 64)
	hi, _ := strconv.ParseFloat(p.Y[len(p.Y)-1].Text, 64)
	at := func(v float64) float64 { return p.Bottom - (v-lo)/(hi-lo)*(p.Bottom-p.Top) }
	if fmt.Sprintf("%.1f %.1f", least, most) != fmt.Sprintf("%.1f %.1f", at(260), at(180)) {
		t.Errorf("the line goes from y %.1f to %.1f, want %.1f to %.1f", least, most, at(260), at(180))
	}
	if n := strings.Count(p.Lines[0].Path, "M"); n != 2 {
		t.Errorf("the line has %d pieces, want 2", n)
	}
	if n := strings.Count(p.Lines[0].Path, "L"); n > 4*700 {
		t.Errorf("the line has %d corners", n)
	}
}

// TestAnyChart: whatever the readings are, a chart can be drawn of them, and
// its lines and ticks are numbers within a hand's breadth of the field.
func TestAnyChart(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	began := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for range 3000 {
		c := &chart{t: newTongue(languages[rng.IntN(2)], prague), unit: []string{"V", "W", "s", "%", "", "Cel"}[rng.IntN(6)],
			from: began, to: began.Add(time.Duration(rng.IntN(200000)) * time.Second), Half: rng.IntN(2) == 0, zero: rng.IntN(2) == 0}
		if rng.IntN(3) == 0 {
			c.max = 100
		}
		scale := []float64{0, 1e-12, 1e-3, 1, 230, 1e6, 1e17, -1e5}[rng.IntN(8)]
		for i := range 1 + rng.IntN(6) {
			l := line{name: strconv.Itoa(i), gap: int64(rng.IntN(5000))}
			at := began.UnixMilli() - 5000
			constant := rng.IntN(2) == 0
			for range 1 + rng.IntN(200) {
				at += 1 + int64(rng.IntN(3000))
				v := scale
				if !constant {
					v *= rng.Float64()
				}
				l.times, l.values = append(l.times, at), append(l.values, v)
			}
			c.lines = append(c.lines, l)
		}
		p := c.Plot()
		if len(p.Y) < 2 || len(p.Y) > 12 || len(p.X) > 40 {
			t.Fatalf("%d and %d ticks of %+v", len(p.Y), len(p.X), c)
		}
		for _, k := range append(p.X, p.Y...) {
			if !(k.At > -50 && k.At < 800) {
				t.Fatalf("a tick at %v", k.At)
			}
		}
		for _, l := range p.Lines {
			if strings.Contains(l.Path, "NaN") || strings.Contains(l.Path, "Inf") {
				t.Fatalf("%s of %+v", l.Path, c)
			}
		}
	}
}

// TestTakenForATest: of an outage that only the plan says was a test, the report
// says so; of one that was expected or declared it does not.
func TestTakenForATest(t *testing.T) {
	of := func(declared string, severity agent.Severity) *events.Record {
		r := *monthly(t)
		r.Declared = declared
		r.Events = []agent.Event{{ID: r.ID, Kind: "test", Severity: severity}, {ID: "x", Kind: "state", Metric: "supply", State: "dead", Severity: severity}}
		return &r
	}
	for lang, want := range map[string]string{"en": "Nobody declared it: an outage", "cs": "Nikdo ji neohlásil: za zkoušku"} {
		for _, test := range []struct {
			r    *events.Record
			said bool
		}{{of("schedule", agent.Alarm), true}, {of("schedule", agent.Info), false}, {of("Jana", agent.Alarm), false}} {
			if text := write(t, OfRecord(test.r, nil, lang, afternoon), "md"); strings.Contains(text, want) != test.said {
				t.Errorf("%s, declared by %s, %s: %s", lang, test.r.Declared, test.r.Severity, text)
			}
		}
	}
}

// TestCancelled: a test that was called off says by whom, why and what became of
// it, is compared with nothing, and counts in no month as planned or done.
func TestCancelled(t *testing.T) {
	test := monthly(t)
	off := &events.Record{ID: "20261126-090000-k3001", Site: test.Site, Kind: "test", Domain: "power", Title: test.Title, Plan: test.Plan, Due: test.Due,
		Began: time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC), Verdict: events.Cancelled, Declared: "Petr", Became: "20261126-090500-k3001",
		Notes: []agent.Note{{Time: time.Date(2026, 11, 26, 8, 3, 0, 0, time.UTC), By: "Petr", Text: "the key is missing"}}}
	off.Ended = off.Began.Add(10 * time.Minute)
	off.Watched, off.Cancelled = off.Ended, &agent.Note{Time: off.Ended, By: "Jana", Text: "the wrong building."}
	for lang, want := range map[string][]string{
		"en": {"cancelled**", "was cancelled by Jana at 09:10:00: it is no test. The reason: the wrong building. What happened meanwhile is the incident 20261126-090500-k3001.",
			"09:03:00 Petr: the key is missing", "declared by Petr"},
		"cs": {"zrušena**", "dne 26. listopadu 2026): zrušil(a) Jana v 09:10:00, zkouškou není. Důvod: the wrong building. Co se mezitím stalo, je mimořádná událost 20261126-090500-k3001."},
	} {
		r := OfRecord(off, []*events.Record{test}, lang, afternoon)
		sound(t, write(t, r, "html"))
		text := strings.ReplaceAll(write(t, r, "md"), nbsp, " ")
		for _, part := range want {
			if !strings.Contains(text, part) {
				t.Errorf("%s: %q is not in\n%s", lang, part, text)
			}
		}
		if strings.Contains(text, "riteri") || strings.Contains(text, "ritéri") {
			t.Errorf("%s: criteria in\n%s", lang, text)
		}
	}
	if s := newStory(test, []*events.Record{off}, afternoon); len(s.Earlier) > 0 {
		t.Errorf("compared with %+v", s.Earlier)
	}
	var said [2]string
	for i, all := range [][]*events.Record{{test}, {off, test}} {
		m, err := newMonth(2026, 11, nil, all, december)
		if err != nil || len(m.Tests) != i+1 {
			t.Fatalf("%d tests, %v", len(m.Tests), err)
		}
		said[i] = m.Summary.EN
	}
	if said[0] != said[1] {
		t.Errorf("with it the month is %q", said[1])
	}
	r, err := OfMonth(2026, 11, nil, []*events.Record{off, test}, "en", december)
	if err != nil {
		t.Fatal(err)
	}
	if text := write(t, r, "md"); !strings.Contains(text, "Planned: 1. Done: 1, of which passed: 1. Planned and not done: 0. Cancelled: 1.") {
		t.Errorf("the month:\n%s", text)
	}
}

// TestPeakInReport: of what was beyond a limit the report has the worst value.
func TestPeakInReport(t *testing.T) {
	value, peak, rate := 27.3, 31.4, -2.5
	r := *monthly(t)
	r.Events = append(slices.Clone(r.Events),
		agent.Event{ID: "x", Kind: "limit", Metric: "temperature", Began: r.Began, Value: &value, Peak: &peak, Unit: "Cel", Text: agent.Words{EN: "Aisle: too warm"}},
		agent.Event{ID: "y", Kind: "rate", Metric: "temperature", Began: r.Began, Value: &rate, Unit: "Cel/min", Text: agent.Words{EN: "Aisle: falls"}})
	text := strings.ReplaceAll(write(t, OfRecord(&r, nil, "en", afternoon), "md"), nbsp, " ")
	for _, want := range []string{"Aisle: too warm | 31.4 °C |", "Aisle: falls | −2.50 °C/min |"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// TestFirstAlarm: of what was no alarm at first, the report says when it was told to
// be one.
func TestFirstAlarm(t *testing.T) {
	r := *monthly(t)
	r.Kind, r.Plan, r.Criteria, r.Verdict = "incident", "", nil, ""
	for i := range r.Events {
		r.Events[i].Told = r.Ended.Add(time.Hour)
	}
	want := r.Ended.Add(time.Hour).In(afternoon.Location()).Format("| First alarm | 15:04:05 |")
	if text := strings.ReplaceAll(write(t, OfRecord(&r, nil, "en", afternoon), "md"), nbsp, " "); !strings.Contains(text, want) {
		t.Errorf("%q is not in\n%s", want, text)
	}
}
