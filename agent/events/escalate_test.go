package events

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"plantroom/agent"
)

// TestEscalate: what nobody acknowledges is announced again after each of the
// times, once, also when the agent was killed in between; what is acknowledged
// or has ended is not.
func TestEscalate(t *testing.T) {
	ups := &agent.Device{ID: "ups-a", Name: "UPS A", Class: "ups"}
	start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	var told []string
	now := start
	open := func() *Engine {
		e, err := Open(Options{Site: "praha-1", Agent: "edge-1", Dir: dir, Announce: func(ev *agent.Event) {
			acked := ""
			if !ev.Acked.IsZero() {
				acked = " by " + ev.AckedBy
			}
			told = append(told, fmt.Sprintf("%s %s%s %d%s", now.Sub(start), ev.Metric, ev.Channel, ev.Escalated, acked))
		}})
		if err != nil {
			t.Fatal(err)
		}
		e.Configure(Setup{Devices: []*agent.Device{ups}, Escalate: []time.Duration{time.Hour, 15 * time.Minute}})
		return e
	}
	e := open()
	raise := func(about string, severity agent.Severity) {
		e.Trap(agent.Trap{Time: now, Device: ups, Name: "alarm", About: about, Severity: severity, Text: agent.Words{EN: about, CS: about}, Lasts: true})
	}
	until := func(minute int) {
		for ; now.Before(start.Add(time.Duration(minute) * time.Minute)); now = now.Add(10 * time.Second) {
			e.Observe(&agent.Poll{Device: ups, Time: now})
		}
	}
	want := func(lines ...string) {
		t.Helper()
		if got, want := strings.Join(told, "\n"), strings.Join(lines, "\n"); got != want {
			t.Errorf("told:\n%s\nwant:\n%s", got, want)
		}
		told = nil
	}
	raise("1", agent.Alarm)
	raise("2", agent.Warning)
	raise("3", agent.Info)
	want("0s alarm1 0", "0s alarm2 0", "0s alarm3 0")
	until(10)
	for _, ev := range e.Active() {
		if ev.Channel == "2" {
			if _, err := e.Ack(ev.ID, "Jana"); err != nil {
				t.Fatal(err)
			}
		}
	}
	want("10m0s alarm2 0 by Jana")
	until(20)
	want("15m0s alarm1 900")
	// Killed: it is not closed.
	e = open()
	until(59)
	want()
	until(90)
	want("1h0m0s alarm1 3600")
	if last := e.Active(); len(last) != 3 || last[0].Escalated != 3600 || last[1].Escalated != 0 {
		t.Errorf("lasting: %+v", last)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOutlasts: what a test brought with it and leaves behind calls for itself
// once that has ended, also after a kill, and escalates from then on.
func TestOutlasts(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, func(s *Setup) { s.Escalate = []time.Duration{5 * time.Minute} })
	p.well(1)
	if _, err := p.e.StartTest("", "Blackout", "Jana"); err != nil {
		t.Fatal(err)
	}
	p.dead(3)
	breaker := func(is string, seconds int) {
		for range seconds {
			p.say("msb", "voltage/L1=230 voltage/L2=230 voltage/L3=230 breaker="+is)
			p.say("ups", "status=online battery_charge=100")
			p.say("cooler", "status=running mode=free_cooling")
			p.at += time.Second
		}
	}
	find := func() (found agent.Event) {
		t.Helper()
		for _, ev := range p.e.Events(agent.EventQuery{Device: "msb"}) {
			if ev.Metric == "breaker" {
				return ev
			}
		}
		t.Fatal("the breaker is not told of")
		return found
	}
	breaker("open", 100)
	if ev := find(); ev.Severity != agent.Info || !ev.Part() {
		t.Errorf("while the test lasts: %s, %+v", ev.Severity, ev)
	}
	if _, err := p.e.EndTest("Jana"); err != nil {
		t.Fatal(err)
	}
	breaker("open", 62)
	p.told = nil
	ended := p.at
	breaker("open", 100)
	if ev := find(); ev.Severity != agent.Warning || ev.Part() || ev.Parent == "" || ended-ev.Outlived.Sub(p.start) > 5*time.Second {
		t.Errorf("after it: %s, outlived at %s, %+v", ev.Severity, ev.Outlived.Sub(p.start), ev)
	}
	if len(p.told) > 0 {
		t.Errorf("told again and again: %v", p.told)
	}
	p.open(Options{Dir: dir}) // without Close, as by a kill
	p.told = nil
	breaker("open", 205)
	if ev := find(); ev.Severity != agent.Warning || ev.Escalated != 300 || len(p.told) != 1 {
		t.Errorf("later: %s, escalated after %d s; told %v", ev.Severity, ev.Escalated, p.told)
	}
	breaker("closed", 1)
	if ev := find(); ev.Severity != agent.Warning || ev.Active() {
		t.Errorf("when it is over: %+v", ev)
	}
}

// TestKillBeforeItIsTold: what was in the journal and not announced when the
// agent was killed, the next one announces, as it has become, and once.
func TestKillBeforeItIsTold(t *testing.T) {
	ups := &agent.Device{ID: "ups-a", Name: "UPS A", Class: "ups"}
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	next := func() (told []string) {
		e, err := Open(Options{Site: "praha-1", Agent: "edge-1", Dir: dir, Announce: func(ev *agent.Event) {
			told = append(told, fmt.Sprint(ev.Channel, " ", ev.AckedBy))
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		e.Configure(Setup{Devices: []*agent.Device{ups}})
		return told
	}
	var found [][]string // by one that is started when each announcement is about to be made
	e, err := Open(Options{Site: "praha-1", Agent: "edge-1", Dir: dir, Announce: func(*agent.Event) { found = append(found, next()) }})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	e.Configure(Setup{Devices: []*agent.Device{ups}})
	for _, about := range []string{"1", "2"} {
		e.Trap(agent.Trap{Time: at, Device: ups, Name: "alarm", About: about, Severity: agent.Alarm, Lasts: true})
	}
	if again := next(); again != nil {
		t.Errorf("told again: %v", again)
	}
	if _, err := e.Ack(e.Active()[1].ID, "Jana"); err != nil {
		t.Fatal(err)
	}
	if again := next(); again != nil {
		t.Errorf("told again: %v", again)
	}
	if got, want := fmt.Sprint(found), "[[1 ] [2 ] [2 Jana]]"; got != want {
		t.Errorf("told by the next one: %s, want %s", got, want)
	}
}
