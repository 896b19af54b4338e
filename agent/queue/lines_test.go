package queue

import (
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"plantroom/testdata/peer"
)

// lines are what was logged.
type lines struct{ peer.Output }

func (l *lines) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "queue" {
			return slog.Attr{}
		}
		return a
	}}))
}

var keys = regexp.MustCompile(`(?:level=(\S+) )?msg=(?:"([^"]*)"|(\S+))`)

// expect forgets what was logged, which must be lines that begin like these.
func (l *lines) expect(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for line := range strings.Lines(l.Take()) {
		got = append(got, strings.TrimSpace(keys.ReplaceAllString(line, "$1 $2$3")))
	}
	if len(got) != len(want) {
		t.Errorf("logged %q, want %q", got, want)
		return
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("logged %q, want %q", got[i], want[i])
		}
	}
}
