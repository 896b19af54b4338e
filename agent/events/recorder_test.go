package events

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plantroom/agent"
)

// TestThinning: readings of what lasts are all recorded for two hours and
// around each event, then ever fewer of them.
func TestThinning(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, nil)
	p.well(70)
	p.now("sensor", "water_leak=wet")
	began := p.at - time.Second
	for _, until := range []time.Duration{3 * time.Hour, 3*time.Hour + 10*time.Minute, 24 * time.Hour, 25 * time.Hour} {
		for p.at < began+until {
			p.now("sensor", "water_leak=wet temperature=20")
		}
		if until == 3*time.Hour {
			p.say("sensor", "smoke=alarm")
		}
	}
	id := p.e.incidents[0].ID
	p.e.Flush()
	all, err := Load(dir, id)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, s := range all.Series {
		if s.Device != "sensor" || s.Metric != "water_leak" {
			if s.Device == "msb" && s.Metric == "supply" && s.Time(0).Sub(p.start) > began-before {
				t.Errorf("the minute before begins at %v", s.Time(0).Sub(p.start))
			}
			continue
		}
		for i := range s.Times {
			switch at := s.Time(i).Sub(p.start) - began; {
			case at < 2*time.Hour:
				count["in the first two hours"]++
			case at < 3*time.Hour:
				count["in the third hour"]++
			case at < 3*time.Hour+2*time.Minute:
				count["around an event"]++
			case at >= 24*time.Hour:
				count["in the second day"]++
			}
		}
	}
	for what, want := range map[string]int{"in the first two hours": 7200, "in the third hour": 360, "around an event": 120, "in the second day": 60} {
		if got := count[what]; got < want-2 || got > want+2 {
			t.Errorf("%d rows %s, want %d", got, what, want)
		}
	}
}

// TestNothingKept: without a folder, tests still have a verdict.
func TestNothingKept(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	p.well(2)
	if _, err := p.e.StartTest("", "By hand", "Jana"); err != nil {
		t.Fatal(err)
	}
	p.now("ups", "status=off")
	p.well(1)
	if _, err := p.e.EndTest("Jana"); err != nil {
		t.Fatal(err)
	}
	p.well(70)
	p.e.Flush()
	if got := p.lines(); !strings.Contains(got[0], "By hand: failed: UPS, time without output: 1 s (at most 0 s)") {
		t.Errorf("%q", got)
	}
}

// TestDiskFull: events go on where their file takes nothing; it is said once,
// and once that it is well again.
func TestDiskFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	dir := t.TempDir()
	var log bytes.Buffer
	p := newPlant(t, Options{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))}, nil)
	p.now("sensor", "door=open")
	p.e.mu.Lock()
	good := p.e.journal.f
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p.e.journal.f = full
	p.e.mu.Unlock()
	p.now("sensor", "door=closed")
	p.now("sensor", "door=open")
	p.e.mu.Lock()
	p.e.journal.f = good
	p.e.mu.Unlock()
	full.Close()
	p.now("sensor", "door=closed")
	if n := len(p.lines()); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
	if text := log.String(); strings.Count(text, "not kept") != 1 || strings.Count(text, "kept again") != 1 {
		t.Errorf("the log says:\n%s", text)
	}
	if all := journaled(t, dir); len(all) != 2 { // the first as it was when the disk was full
		t.Errorf("%v", all)
	}
	if _, err := os.Stat(filepath.Join(dir, "2026-11.events")); err != nil {
		t.Error(err)
	}
}

// journaled returns the events in a folder as they have become, by their ids.
func journaled(t *testing.T, dir string) map[string]agent.Event {
	t.Helper()
	names, err := journals(dir)
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]agent.Event{}
	for _, name := range names {
		if _, err := readJournal(filepath.Join(dir, name), func(e entry) {
			if e.Event != nil {
				last[e.Event.ID] = *e.Event
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	return last
}

// TestPrune: the oldest goes first, readings before records before months.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	all := []string{"2026-09.events", "2026-10.events", "2026-11.events", "20260901-080000-aa001.readings.gz", "20260901-080000-aa001.record.json",
		"20261101-080000-aa001.readings.gz", "20261101-080000-aa001.record.json", "20261102-080000-aa001.readings"}
	for _, name := range all {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 100), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		limit int64
		gone  string
	}{
		{800, ""}, {799, all[3]}, {600, all[5]}, {450, all[4] + " " + all[6]}, {0, all[0]}, {0, ""},
	} {
		gone, err := prune(dir, test.limit)
		if got := strings.Join(gone, " "); err != nil || got != test.gone {
			t.Errorf("down to %d bytes: removed %q, %v; want %q", test.limit, got, err, test.gone)
		}
	}
}
