package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plantroom/agent"
	"plantroom/agent/events"
	"plantroom/agent/report"
	"plantroom/config"
	"plantroom/drivers/sim"
	"plantroom/testdata/peer"
)

// reported runs plantroom report and returns what it prints.
func reported(t *testing.T, args ...string) string {
	t.Helper()
	var out, log bytes.Buffer
	if code := run(t.Context(), append([]string{"report"}, args...), &out, &log); code != 0 {
		t.Fatalf("report %s: exit %d\n%s", strings.Join(args, " "), code, log.String())
	}
	return out.String()
}

// TestReportOfMonthlyTest: what the report says of the demo's monthly test is
// what the facility did, in every format and language.
func TestReportOfMonthlyTest(t *testing.T) {
	t.Parallel()
	s := newStory(t, "monthly-test", 7)
	s.goOn(90 * time.Second)
	s.by(10*time.Second, 900*time.Second)
	s.goOn(1030 * time.Second)
	s.record()
	state := filepath.Dir(s.dir)

	began := s.seen("", "incomer", "open")[0][0]
	carried := s.seen("gen-1", "status", "on_load")
	battery := s.seen("ups-a", "status", "on_battery")
	want := map[string]float64{
		"time_to_load gen-1":    (carried[0][0] - began).Seconds(),
		"time_carried gen-1":    seconds(carried),
		"time_on_battery ups-a": seconds(battery),
		"time_uncooled ":        seconds(s.seen("cooling-1", "status", "off")),
		"time_dead msb":         seconds(s.seen("", "incomer", "open")),
	}
	var story report.Story
	if err := json.Unmarshal([]byte(reported(t, "test", "last", "--state", state, "--format", "json")), &story); err != nil {
		t.Fatal(err)
	}
	for _, f := range story.Record.Figures {
		key := f.Name + " " + f.Device
		if v, ok := want[key]; ok && v == f.Value {
			delete(want, key)
		}
	}
	for key, v := range want {
		t.Errorf("%s is not reported as %v", key, v)
	}
	if story.Record.Verdict != events.Passed {
		t.Errorf("the test %s", story.Record.Verdict)
	}

	// People read the same, in their way.
	load := (carried[0][0] - began).Seconds()
	clock := func(at time.Duration) string { return s.start.Add(at).Local().Format("15:04:05") }
	for _, c := range []struct {
		lang string
		want []string
	}{
		{"en", []string{
			fmt.Sprintf("Generator 1 took the load after %.1f s", load),
			fmt.Sprintf("UPS A %.1f s", seconds(battery)),
			clock(battery[0][0]) + "|UPS A, UPS B, Office UPS|state of the UPS|online → on battery",
			clock(battery[1][1]) + "|UPS A, UPS B, Office UPS|state of the UPS|on battery → online",
			"The test was passed",
		}},
		{"cs", []string{
			fmt.Sprintf("Zátěž převzal Generator 1 za %s s", strings.Replace(fmt.Sprintf("%.1f", load), ".", ",", 1)),
			clock(battery[0][0]) + "|UPS A, UPS B, Office UPS|stav UPS|ze sítě → na baterie",
			"Zkouška vyhověla",
		}},
	} {
		text := strings.ReplaceAll(reported(t, "test", "last", "--state", state, "--lang", c.lang, "--format", "md"), "\u00a0", " ")
		for _, want := range c.want {
			if found := strings.Contains(text, want); !found && !rowHas(text, strings.Split(want, "|")) {
				t.Errorf("%s: the report does not say %q", c.lang, want)
			}
		}
		if page := reported(t, "test", "last", "--state", state, "--lang", c.lang); strings.Count(page, "<svg class=\"chart\"") < 6 {
			t.Errorf("%s: the page has %d charts", c.lang, strings.Count(page, "<svg class=\"chart\""))
		}
	}
}

// rowHas reports whether a table has a row with all of some cells.
func rowHas(text string, cells []string) bool {
	for line := range strings.Lines(text) {
		all := strings.HasPrefix(line, "|")
		for _, c := range cells {
			all = all && (strings.Contains(line, "| "+c+" |") || strings.Contains(line, "| **"+c+"** |"))
		}
		if all {
			return true
		}
	}
	return false
}

// TestMonthOfRunningAgent: what an agent keeps as it runs is a month's report,
// and a restart is seen in it.
func TestMonthOfRunningAgent(t *testing.T) {
	f, addresses := simulated(t, sim.Options{Scenario: "calm", Seed: 7, Start: 8 * time.Hour})
	dir := t.TempDir()
	path, err := writeDemo(dir, demoConfig(f, addresses, "127.0.0.1:0", "127.0.0.1:0", &demoCmd{Every: 200 * time.Millisecond}, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	site, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	site.MQTT = nil
	month := time.Now()
	runs := func(polls uint64) {
		t.Helper()
		s, err := newStation(patient(site), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.agent.Run(ctx) }()
		peer.Until(t, "polls", func() bool { return s.agent.Stats().Polls >= polls })
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		s.close()
	}
	runs(400)
	runs(400)
	var m report.Month
	text := reported(t, "month", month.Format("2006-01"), "--config", path, "--format", "json")
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	if m.Site != "demo" || m.Restarts != 1 || len(m.UPS) != 3 || len(m.Cooling) != 2 || m.Polls < 700 || m.Observed <= 0 {
		t.Errorf("site %s, %d restarts, %d UPS units, %d cooling units, %d polls, %v s", m.Site, m.Restarts, len(m.UPS), len(m.Cooling), m.Polls, m.Observed)
	}
	if on := m.Supply[agent.Mains.String()]; on <= 0 || len(m.Supply) != 1 {
		t.Errorf("the load stood on %v", m.Supply)
	}
	if m.Energy.PUE < 1 || m.Energy.PUE > 3 || m.Energy.Mains.Wh <= 0 {
		t.Errorf("%+v", m.Energy)
	}
	for _, u := range m.UPS {
		if u.States["online"] <= 0 || len(u.States) != 1 {
			t.Errorf("%s was %v", u.ID, u.States)
		}
	}
	if out := reported(t, "month", month.Format("2006-01"), "--config", path, "--lang", "cs", "--format", "md"); !strings.Contains(out, "Main switchboard") {
		t.Errorf("the report does not name the switchboard:\n%s", out)
	}
}
