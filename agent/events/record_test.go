package events

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plantroom/agent"
)

func number(v float64) *float64 { return &v }

// TestRecord: a record comes back as it was written, its series from lines of
// which a torn and a damaged one cost only themselves.
func TestRecord(t *testing.T) {
	dir := t.TempDir()
	began := time.Date(2026, 11, 26, 12, 55, 1, 0, time.UTC)
	want := &Record{
		ID: "20261126-125501-k3001", Site: "praha-1", Kind: "test", Domain: "power", Title: agent.Words{EN: "Monthly test", CS: "Měsíční zkouška"},
		Began: began, Ended: began.Add(15 * time.Minute), Plan: "monthly", Verdict: Failed, Severity: agent.Warning,
		Criteria:    []Criterion{{Name: TimeToStart, Device: "gen-1", Limit: 15, Unit: "s"}},
		Figures:     []Figure{{Name: TimeToLoad, Device: "gen-2", Value: 42.5, Unit: "s", At: began.Add(42500 * time.Millisecond)}},
		Devices:     []Device{{ID: "gen-1", Name: "Generator 1", Class: "generator", Every: 1, Labels: map[string]string{"room": "yard"}}},
		Transitions: []Transition{{Time: began, Device: "msb", Metric: "supply", From: "live", To: "dead"}},
		Events:      []agent.Event{{ID: "20261126-125501-k3002", Kind: "state", Device: "ups-a", Began: began, Value: number(2), State: "on_battery"}},
	}
	if err := want.write(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "20261126-125501-k3009"+recordSuffix), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := List(dir)
	if err == nil || len(all) != 1 {
		t.Fatalf("%d records, %v; want the whole one, and an error for the other", len(all), err)
	}
	if diff := cmp.Diff(want, all[0]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := Load(dir, "../"+want.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("a path for an id: %v", err)
	}
	if r, err := Load(dir, want.ID); err != nil || r.Series != nil {
		t.Errorf("without readings: %v, %v", r, err)
	}

	columns := heading{"ups-a", []column{{Metric: "battery_charge", Unit: "%"}, {Metric: "status", States: []string{"unknown", "online", "on_battery"}}}}
	var lines []byte
	lines = appendLine(lines, columns)
	lines = appendLine(lines, row{"ups-a", 1000, []*float64{number(100), number(1)}})
	damaged := appendLine(nil, row{"ups-a", 2000, []*float64{number(99), number(2)}})
	lines = append(lines, bytes.Replace(damaged, []byte("99"), []byte("98"), 1)...)
	lines = appendLine(lines, row{"ups-a", 3000, []*float64{nil, number(2)}})
	torn := appendLine(nil, row{"ups-a", 4000, []*float64{number(97), number(2)}})
	path := filepath.Join(dir, want.ID+readingsSuffix)
	if err := os.WriteFile(path, append(lines, torn[:len(torn)-4]...), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := openAppend(path)
	if err != nil {
		t.Fatal(err)
	}
	f.Write(appendLine(appendLine(nil, columns), row{"ups-a", 5000, []*float64{number(96.5), number(2)}}))
	f.Close()
	r, err := Load(dir, want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Series{
		{Device: "ups-a", Metric: "battery_charge", Unit: "%", Times: []int64{1000, 5000}, Values: []float64{100, 96.5}},
		{Device: "ups-a", Metric: "status", States: columns.Columns[1].States, Times: []int64{1000, 3000, 5000}, Values: []float64{1, 2, 2}},
	}, r.Series); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if w := r.Series[1].Word(1); w != "on_battery" {
		t.Errorf("the second status is %q", w)
	}
}
