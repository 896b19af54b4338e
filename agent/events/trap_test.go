package events

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"plantroom/agent"
	"plantroom/config"
)

// TestTrap takes traps: what nothing clears is told of once while it is
// repeated, what is cleared lasts until then, what is never cleared is
// forgotten in the end.
func TestTrap(t *testing.T) {
	ups := &agent.Device{ID: "ups-a", Name: "UPS A", Class: "ups", Labels: []agent.Label{{Name: "room", Value: "hall"}}}
	start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	var told []string
	open := func() *Engine {
		e, err := Open(Options{Site: "praha-1", Agent: "edge-1", Dir: dir, Announce: func(ev *agent.Event) {
			if ev.Kind != "trap" {
				return
			}
			lasts := "-" + ev.Ended.Sub(ev.Began).String()
			if ev.Active() {
				lasts = "-"
			}
			told = append(told, fmt.Sprintf("%s%s %s %s", ev.Began.Sub(start), lasts, ev.Severity, ev.Text.EN))
		}})
		if err != nil {
			t.Fatal(err)
		}
		e.Configure(Setup{Devices: []*agent.Device{ups}})
		return e
	}
	e := open()
	trap := func(after time.Duration, d *agent.Device, name, about string, lasts bool, clears ...string) {
		e.Trap(agent.Trap{Time: start.Add(after), Device: d, From: "10.1.0.11", Name: name, About: about, Severity: agent.Warning,
			Text: agent.Words{EN: name + about, CS: name}, Lasts: lasts, Clears: clears})
	}
	want := func(lines ...string) {
		t.Helper()
		if got, want := strings.Join(told, "\n"), strings.Join(lines, "\n"); got != want {
			t.Errorf("told:\n%s\nwant:\n%s", got, want)
		}
		told = nil
	}
	for minute := range 5 {
		trap(time.Duration(minute)*time.Minute, ups, "battery", "", false)
	}
	trap(20*time.Minute, ups, "battery", "", false)
	want("0s-0s warning UPS A: battery", "20m0s-0s warning UPS A: battery")
	trap(21*time.Minute, nil, "battery", "", false) // of who knows whom
	want("21m0s-0s warning 10.1.0.11: battery")

	trap(22*time.Minute, ups, "alarm", " 1", true)
	trap(23*time.Minute, ups, "alarm", " 2", true)
	trap(24*time.Minute, ups, "alarm", " 1", true)
	trap(25*time.Minute, ups, "over", " 1", false, "alarm")
	want("22m0s- warning UPS A: alarm 1", "23m0s- warning UPS A: alarm 2", "22m0s-3m0s warning UPS A: alarm 1")
	trap(26*time.Minute, ups, "over", " 1", false, "alarm") // again, and without effect
	want()
	trap(27*time.Minute, ups, "alarm", " 3", true)
	trap(27*time.Minute, nil, "alarm", " 3", true)
	e.Trap(agent.Trap{Time: start.Add(28 * time.Minute), Device: ups, Name: "none", Clears: []string{"alarms"}, All: true})
	want("27m0s- warning UPS A: alarm 3", "27m0s- warning 10.1.0.11: alarm 3")
	e.Trap(agent.Trap{Time: start.Add(29 * time.Minute), Device: ups, Name: "none", Clears: []string{"alarm"}, All: true})
	slices.Sort(told)
	want("23m0s-6m0s warning UPS A: alarm 2", "27m0s-2m0s warning UPS A: alarm 3")
	trap(29*time.Minute, nil, "over", " 3", false, "alarm")
	want("27m0s-2m0s warning 10.1.0.11: alarm 3")
	trap(30*time.Minute, ups, "alarm", " 2", true)
	want("30m0s- warning UPS A: alarm 2")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = open()
	if last := e.Active(); len(last) != 1 || last[0].Channel != " 2" || last[0].Labels["room"] != "hall" {
		t.Fatalf("after a restart there last %v", last)
	}
	e.Observe(&agent.Poll{Device: ups, Time: start.Add(30*time.Minute + trapLasts - time.Second)})
	want()
	e.Observe(&agent.Poll{Device: ups, Time: start.Add(31*time.Minute + trapLasts + time.Hour)})
	want("30m0s-25h1m0s warning UPS A: alarm 2")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestTrapThatPollsDeny: the trap that clears another may be lost. Where the
// polls say that its condition is over, it is; not at once, as a card says a
// state later than it sends a trap, and not where they do not say.
func TestTrapThatPollsDeny(t *testing.T) {
	ups := &agent.Device{ID: "ups-a", Name: "UPS A", Class: "ups"}
	status := &agent.Point{Device: ups, Metric: config.Lookup("ups", "status")}
	start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	open := func() *Engine {
		e, err := Open(Options{Site: "praha-1", Agent: "edge-1", Dir: dir, Announce: func(*agent.Event) {}})
		if err != nil {
			t.Fatal(err)
		}
		e.Configure(Setup{Devices: []*agent.Device{ups}, While: map[string]While{"ups-a": {"onBattery": {"status": {"on_battery"}}}}})
		return e
	}
	e := open()
	second := 0
	trap := func(name string) {
		e.Trap(agent.Trap{Time: start.Add(time.Duration(second) * time.Second), Device: ups, Name: name, Severity: agent.Warning,
			Text: agent.Words{EN: name, CS: name}, Lasts: true})
	}
	// poll has the UPS say something, or nothing, each second until one, and wants these traps to last then.
	poll := func(until int, says string, want ...string) {
		t.Helper()
		for ; second < until; second++ {
			p := &agent.Poll{Device: ups, Time: start.Add(time.Duration(second) * time.Second)}
			switch code, known := status.Metric.Code(says); {
			case says == "silence":
				p.Err = errors.New("timeout")
			case known:
				p.Readings = []agent.Reading{{Point: status, Time: p.Time, Value: float64(code)}}
			default:
				p.Readings = []agent.Reading{status.Failed(errors.New("refused"))}
			}
			e.Observe(p)
		}
		var got []string
		for _, ev := range e.Active() {
			if ev.Kind == "trap" {
				got = append(got, ev.Metric)
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("after %d s %v last, not %v", until, got, want)
		}
	}
	poll(5, "online")
	trap("onBattery")
	trap("other")
	poll(14, "online", "onBattery", "other")
	poll(60, "on_battery", "onBattery", "other")
	poll(61, "online", "other")
	trap("onBattery")
	poll(65, "on_battery", "onBattery", "other")
	poll(100, "silence", "onBattery", "other")
	poll(130, "nothing", "onBattery", "other")
	trap("onBattery") // again: it has waited for this one since
	poll(139, "online", "onBattery", "other")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = open()
	poll(143, "online", "other")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestTrapsOfAnOutage: what a loss of supply has devices send is a part of the
// incident or test that the polls then tell of, though it came before them, and
// calls nobody besides. Where they tell of none, it calls after a while.
func TestTrapsOfAnOutage(t *testing.T) {
	for _, test := range []struct {
		name    string
		test    bool // one was declared
		loss    bool // polls see the supply lost
		outage  bool // a loss brings the traps with it
		calls   []string
		parents int
	}{
		{"an outage", false, true, true, []string{"Mains failure: Main switchboard has no voltage"}, 2},
		{"a test", true, true, true, nil, 2},
		{"nothing that polls see", false, false, true, []string{"UPS: lasts", "UPS: once"}, 0},
		{"a battery that failed in a test", true, true, false, []string{"Blackout: Main switchboard has no voltage"}, 2},
	} {
		p := newPlant(t, Options{}, nil)
		p.well(1)
		if test.test {
			if _, err := p.e.StartTest("", "Blackout", "Jana"); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{"lasts", "once"} {
			p.e.Trap(agent.Trap{Time: p.start.Add(p.at), Device: p.device("ups"), Name: name, Severity: agent.Warning,
				Text: agent.Words{EN: name, CS: name}, Outage: test.outage, Lasts: name == "lasts"})
		}
		p.at += time.Second
		if test.loss {
			p.dead(15)
		} else {
			p.well(15)
		}
		called := map[string]bool{}
		for _, ev := range p.told {
			called[ev.ID] = called[ev.ID] || ev.Severity >= agent.Warning && !ev.Part()
		}
		var calls []string
		parents := 0
		for _, ev := range slices.Backward(p.e.Events(agent.EventQuery{})) {
			if called[ev.ID] {
				calls = append(calls, ev.Text.EN)
			}
			if ev.Kind == "trap" && ev.Parent != "" {
				parents++
			}
		}
		if !slices.Equal(calls, test.calls) || parents != test.parents {
			t.Errorf("%s: it calls %q and %d traps are parts; want %q and %d", test.name, calls, parents, test.calls, test.parents)
		}
	}
}
