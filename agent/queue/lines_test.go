package queue

import (
	"bytes"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// lines are what was logged.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

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
	l.mu.Lock()
	defer l.mu.Unlock()
	var got []string
	for line := range strings.Lines(l.buf.String()) {
		got = append(got, strings.TrimSpace(keys.ReplaceAllString(line, "$1 $2$3")))
	}
	l.buf.Reset()
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
