package events

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plantroom/agent"
)

// TestWindows: when a plan is due, across months and daylight saving.
func TestWindows(t *testing.T) {
	prague, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		t.Fatal(err)
	}
	local := time.Local
	time.Local = prague
	defer func() { time.Local = local }()
	at := func(text string) time.Time {
		t.Helper()
		when, err := time.ParseInLocation("2006-01-02 15:04", text, prague)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, test := range []struct {
		schedule           Schedule
		now, from, due, to string
	}{
		{Schedule{Every: "month", Weekday: 3, Nth: 1, At: 8 * time.Hour, Timed: true, Within: 2 * time.Hour},
			"2026-11-04 09:00", "2026-11-04 06:00", "2026-11-04 08:00", "2026-11-04 10:00"},
		{Schedule{Every: "month", Weekday: 3, Nth: 1, At: 8 * time.Hour, Timed: true, Within: 2 * time.Hour},
			"2026-11-04 10:00", "2026-12-02 06:00", "2026-12-02 08:00", "2026-12-02 10:00"},
		{Schedule{Every: "month", Weekday: 5, Nth: -1}, "2026-11-04 09:00", "2026-11-27 00:00", "2026-11-27 00:00", "2026-11-28 00:00"},
		{Schedule{Every: "month", Day: 31}, "2026-11-04 09:00", "2026-11-30 00:00", "2026-11-30 00:00", "2026-12-01 00:00"},
		{Schedule{Every: "month"}, "2026-11-04 09:00", "2026-11-01 00:00", "2026-11-01 00:00", "2026-12-01 00:00"},
		{Schedule{Every: "week", Weekday: 1, At: 6*time.Hour + 30*time.Minute, Timed: true, Within: time.Hour},
			"2026-11-04 09:00", "2026-11-09 05:30", "2026-11-09 06:30", "2026-11-09 07:30"},
		{Schedule{Every: "week"}, "2026-11-08 23:59", "2026-11-02 00:00", "2026-11-02 00:00", "2026-11-09 00:00"},
		// The night in which clocks go forward: at 02:30 there is none, and the day has 23 hours.
		{Schedule{Every: "day", At: 2*time.Hour + 30*time.Minute, Timed: true, Within: time.Hour},
			"2027-03-28 00:00", "2027-03-28 01:30", "2027-03-28 03:30", "2027-03-28 04:30"},
		// The night in which they go back: 02:30 comes twice, and either will do.
		{Schedule{Every: "week", Weekday: 7, At: 2*time.Hour + 30*time.Minute, Timed: true, Within: time.Hour},
			"2026-10-25 00:00", "2026-10-25 01:30", "2026-10-25 02:30", "2026-10-25 03:30"},
		// A window may begin in the day before.
		{Schedule{Every: "day", At: 30 * time.Minute, Timed: true, Within: time.Hour},
			"2026-11-03 23:45", "2026-11-03 23:30", "2026-11-04 00:30", "2026-11-04 01:30"},
		{Schedule{Every: "quarter"}, "2026-11-04 09:00", "2026-10-01 00:00", "2026-10-01 00:00", "2027-01-01 00:00"},
		{Schedule{Every: "year"}, "2026-11-04 09:00", "2026-01-01 00:00", "2026-01-01 00:00", "2027-01-01 00:00"},
	} {
		w, ok := test.schedule.window(at(test.now))
		if !ok || !w.from.Equal(at(test.from)) || !w.due.Equal(at(test.due)) || !w.to.Equal(at(test.to)) {
			t.Errorf("%+v at %s: %v", test.schedule, test.now, w)
		}
	}
	if _, ok := (Schedule{}).window(at("2026-11-04 09:00")); ok {
		t.Error("what is never due has a window")
	}
}

// TestDayWithoutMidnight: where clocks go forward at midnight that day has its
// plan too, and each begins when the one before has ended.
func TestDayWithoutMidnight(t *testing.T) {
	here := time.Local
	defer func() { time.Local = here }()
	for zone, day := range map[string]string{"America/Havana": "2026-03-08", "Asia/Beirut": "2026-03-29"} {
		var err error
		if time.Local, err = time.LoadLocation(zone); err != nil {
			t.Fatal(err)
		}
		noon, err := time.ParseInLocation("2006-01-02 15", day+" 12", time.Local)
		if err != nil {
			t.Fatal(err)
		}
		sunday := Schedule{Every: "month", Weekday: 7, Nth: (noon.Day() + 6) / 7, At: 3 * time.Hour, Timed: true, Within: time.Hour}
		if sunday.Nth > 4 {
			sunday.Nth = -1
		}
		if w, _ := sunday.window(noon.AddDate(0, 0, -5)); !w.due.Equal(noon.Add(-9 * time.Hour)) {
			t.Errorf("%s: the Sunday's test is due %v", zone, w.due)
		}
		before, _ := Schedule{Every: "day"}.window(noon.AddDate(0, 0, -1))
		that, _ := Schedule{Every: "day"}.window(before.to)
		next, _ := Schedule{Every: "day"}.window(that.to)
		if !that.from.Equal(before.to) || !that.from.Equal(noon.Add(-11*time.Hour)) || that.to.Sub(that.from) != 23*time.Hour || !next.from.Equal(that.to) {
			t.Errorf("%s: the days are %v to %v, %v to %v, and from %v", zone, before.from, before.to, that.from, that.to, next.from)
		}
	}
}

// hourly is a plan that is due at eight, when the plant's time begins.
func hourly(id, kind, device string) Plan {
	return Plan{ID: id, Name: "Test " + id, Kind: kind, Device: device,
		Schedule: Schedule{Every: "day", At: 8 * time.Hour, Timed: true, Within: time.Hour}}
}

// verdicts returns what records there are: plan, kind, verdict and who said
// that it was a test.
func (p *plant) verdicts(dir string) (out []string) {
	p.t.Helper()
	p.e.Flush()
	all, err := List(dir)
	if err != nil {
		p.t.Error(err)
	}
	for _, r := range all {
		out = append(out, strings.Join([]string{r.Kind, r.Plan, string(r.Verdict), r.Declared}, " "))
	}
	return out
}

// TestPlanned: each kind of plan is seen when its test is made, once; a plan
// whose time has passed without is an event until it is kept.
func TestPlanned(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, func(s *Setup) {
		start, ups := hourly("start", Start, "gen"), hourly("self", SelfTest, "ups")
		start.Run, start.StartWithin = 5*time.Second, 10*time.Second
		s.Tests = []Plan{start, ups, hourly("ats", Transfer, "ats"), hourly("note", Manual, ""), hourly("missed", Transfer, "other")}
	})
	p.at = -2 * time.Hour // so that the plans are known before they are due
	p.well(1)
	p.at = 0
	p.well(2)
	for _, status := range []string{"starting", "running", "running", "running", "running", "running", "running", "running", "running", "running", "running", "running"} {
		p.now("gen", "mode=auto output_power=0 status="+status)
	}
	p.well(70)
	p.now("ups", "self_test=running")
	p.now("ups", "self_test=running")
	p.now("ups", "self_test=passed")
	p.well(70)
	p.now("ats", "selected_source=b preferred_source=a")
	p.well(70)
	p.now("ats", "selected_source=b preferred_source=a") // again is no test any more
	p.well(70)
	if _, err := p.e.NoteTest("note", "Jana", "the firewall took over in 4 s", true); err != nil {
		t.Error(err)
	}
	want := []string{
		"test start passed schedule",
		"test self passed controller",
		"test ats passed schedule",
		"incident   ",
		"test note failed Jana",
	}
	if diff := cmp.Diff(want, p.verdicts(dir)); diff != "" {
		t.Errorf("records: (-want +got)\n%s", diff)
	}
	// The window ends; an agent that is restarted in it knows what was made.
	p.open(Options{Dir: dir})
	p.well(1)
	p.at = 3601 * time.Second
	p.well(2)
	var lasts []string
	for _, e := range p.e.Active() {
		lasts = append(lasts, e.Severity.String()+" "+e.Text.EN)
	}
	if diff := cmp.Diff([]string{"warning Test note failed", "warning Test missed was due and was not made"}, lasts); diff != "" {
		t.Errorf("what lasts: (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(append(want, "test missed missed schedule"), p.verdicts(dir)); diff != "" {
		t.Errorf("records: (-want +got)\n%s", diff)
	}
	// The next day it is kept.
	p.at = 24 * time.Hour
	if _, err := p.e.NoteTest("note", "Jana", "the firewall took over in 1 s", false); err != nil {
		t.Error(err)
	}
	for _, e := range p.e.Active() {
		if strings.Contains(e.Text.EN, "note") {
			t.Errorf("still: %s", e.Text.EN)
		}
	}
}

// TestGoesOn: a test that a generator's run is goes on while it runs, over a
// change of the configuration and over a kill, and ends when it stops.
func TestGoesOn(t *testing.T) {
	for _, how := range []string{"reload", "kill"} {
		dir := t.TempDir()
		p := newPlant(t, Options{Dir: dir}, func(s *Setup) { s.Tests = []Plan{hourly("start", Start, "gen")} })
		run := func(n int) {
			for range n {
				p.now("gen", "status=running mode=auto")
			}
		}
		p.well(2)
		run(30)
		if how == "reload" {
			p.e.Configure(p.setup)
		} else {
			p.open(Options{Dir: dir})
		}
		run(100)
		if n := len(p.e.Active()); n != 2 {
			t.Errorf("%s: %d events last, want the test and the run", how, n)
		}
		p.well(70)
		if n := len(p.e.Active()); n != 0 {
			t.Errorf("%s: %d events last after it", how, n)
		}
		if got := p.verdicts(dir); !slices.Equal(got, []string{"test start passed schedule"}) {
			t.Errorf("%s: %q", how, got)
		}
	}
}

// TestFirstDays: what was due before a plan was known is not missed.
func TestFirstDays(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, func(s *Setup) {
		s.Tests = []Plan{{ID: "monthly", Name: "Monthly", Kind: Blackout, Schedule: Schedule{Every: "month"}}}
	})
	p.well(1)
	p.at = 40 * 24 * time.Hour // December, November being known in part
	p.well(1)
	p.want()
	p.at = 60 * 24 * time.Hour // January
	p.well(1)
	p.want("4.9824e+06.. warning Monthly was due and was not made")
}

// TestDeclared: a test that somebody declares lasts until he says that it has
// ended, and calls nobody for what it is for; a fault calls somebody still.
func TestDeclared(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, nil)
	p.well(1)
	if _, err := p.e.EndTest("Jana"); err == nil {
		t.Error("a test that was not begun has ended")
	}
	if _, err := p.e.StartTest("monthly", "", "Jana"); err == nil || !strings.Contains(err.Error(), "the configuration has no tests") {
		t.Errorf("a plan that is none: %v", err)
	}
	id, err := p.e.StartTest("", "Blackout by hand", "Jana")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.e.StartTest("", "Another", "Petr"); err == nil || !strings.Contains(err.Error(), "Blackout by hand is under way since") {
		t.Errorf("two at a time: %v", err)
	}
	p.dead(3)
	p.say("gen", "status=fault mode=auto")
	p.dead(1)
	p.well(300) // quiet, but nobody has said that it is over
	if _, err := p.e.NoteTest("", "Petr", "the second breaker was stiff", false); err != nil {
		t.Error(err)
	}
	if ended, err := p.e.EndTest("Jana"); err != nil || ended != id {
		t.Errorf("ended %s, %v", ended, err)
	}
	p.well(70)
	p.e.Flush()
	p.want(
		"0..304 alarm Blackout by hand: failed: Generator has a fault",
		"1..5 info UPS is on battery < Blackout by hand: failed: Generator has a fault",
		"1..5 info Main switchboard has no voltage < Blackout by hand: failed: Generator has a fault",
		"1..5 info Cooler has stopped < Blackout by hand: failed: Generator has a fault",
		"4..5 alarm Generator has a fault < Blackout by hand: failed: Generator has a fault",
	)
	r, err := Load(dir, id)
	if err != nil || r.Declared != "Jana" || len(r.Notes) != 1 || r.Notes[0].By != "Petr" {
		t.Errorf("%+v, %v", r, err)
	}
	if len(r.Criteria) != 1 || r.Criteria[0].Name != Faults || r.Criteria[0].Device != "gen" || *r.Criteria[0].Measured != 1 || r.Criteria[0].Met {
		t.Errorf("criteria: %+v", r.Criteria)
	}
	// And afterwards, by its ID.
	if _, err := p.e.NoteTest(id, "Jana", "the breaker is greased", false); err != nil {
		t.Error(err)
	}
	p.e.Flush()
	if r, err := Load(dir, id); err != nil || len(r.Notes) != 2 {
		t.Errorf("%+v, %v", r.Notes, err)
	}
}

// TestSaidFailed: who saw more than readings show says that a test was not
// passed, while it lasts, while batteries are still watched, and later.
func TestSaidFailed(t *testing.T) {
	for _, when := range []string{"while it lasts", "while it is watched", "later"} {
		dir := t.TempDir()
		p := newPlant(t, Options{Dir: dir}, func(s *Setup) { s.Tests = []Plan{hourly("blackout", Blackout, "")} })
		p.well(1)
		if _, err := p.e.StartTest("blackout", "Another name", "Jana"); err == nil || !strings.Contains(err.Error(), "is called Test blackout already") {
			t.Errorf("of another name: %v", err)
		}
		id, err := p.e.StartTest("blackout", "", "Jana")
		if err != nil {
			t.Fatal(err)
		}
		p.dead(3)
		p.now("gen", "status=running mode=auto output_power=50000")
		said := func() {
			t.Helper()
			if noted, err := p.e.NoteTest(id, "Petr", "a contactor smoked", true); err != nil || noted != id {
				t.Errorf("%s: %s, %v", when, noted, err)
			}
		}
		if when == "while it lasts" {
			said()
		}
		if _, err := p.e.EndTest("Jana"); err != nil {
			t.Fatal(err)
		}
		p.well(65)
		p.e.Flush()
		if when == "while it is watched" {
			said()
		}
		p.well(80)
		p.e.Flush()
		if when == "later" {
			if got := p.verdicts(dir); !slices.Equal(got, []string{"test blackout passed Jana"}) {
				t.Errorf("before: %v", got)
			}
			said()
			said() // twice is once
		}
		p.e.Flush()
		p.open(Options{Dir: dir}) // without Close, as by a kill
		p.well(1)
		if got := p.verdicts(dir); !slices.Equal(got, []string{"test blackout failed Jana"}) {
			t.Errorf("%s: %v", when, got)
		}
		text := "Test blackout: failed: a contactor smoked"
		if r, err := Load(dir, id); err != nil || r.Events[0].Text.EN != text || r.Events[0].Severity != agent.Warning {
			t.Errorf("%s: %+v, %v", when, r, err)
		}
		var lasts []string
		for _, ev := range p.e.Active() {
			lasts = append(lasts, ev.Metric+" "+ev.Severity.String()+" "+ev.Text.EN)
		}
		if want := "verdict warning " + text; !slices.Equal(lasts, []string{want}) {
			t.Errorf("%s: there last %q, want %q", when, lasts, want)
		}
		if last := p.e.Tests().Last; len(last) != 1 || last[0].Verdict != string(Failed) {
			t.Errorf("%s: the last is %+v", when, last)
		}
	}
	// An incident is not passed or failed.
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, nil)
	p.well(1)
	p.dead(1)
	if _, err := p.e.NoteTest("", "Petr", "a contactor smoked", true); err == nil || !strings.Contains(err.Error(), "only a test can be not passed") {
		t.Errorf("of an incident: %v", err)
	}
}

// TestController: a controller that says that it tests makes a test of it; but
// mains that fail meanwhile call somebody.
func TestController(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	p.well(1)
	p.now("gen", "mode=test_on_load status=running output_power=50000")
	p.now("ats", "selected_source=b preferred_source=a")
	p.now("msb", "voltage/L1=0 voltage/L2=0 voltage/L3=0")
	p.want(
		"1.. info Generator is tested under load < Generator test: Main switchboard has no voltage",
		"1.. alarm Generator test: Main switchboard has no voltage",
		"1.. info Generator was told to start < Generator test: Main switchboard has no voltage",
		"1.. warning Generator carries the load < Generator test: Main switchboard has no voltage",
		"2.. warning ATS has gone to its other source < Generator test: Main switchboard has no voltage",
		"3.. alarm Main switchboard has no voltage < Generator test: Main switchboard has no voltage",
	)
}

// TestMainsFailInWindow: mains that fail while a test is due are a test where
// nothing tells the two apart, and call somebody; where a meter of the mains
// has a board behind it, they are no test.
func TestMainsFailInWindow(t *testing.T) {
	for _, behind := range []bool{false, true} {
		p := newPlant(t, Options{}, func(s *Setup) {
			s.Tests = []Plan{hourly("blackout", Blackout, "")}
			if behind {
				s.Devices = append(s.Devices, &agent.Device{ID: "feed", Name: "Feed", Class: "switchboard", Every: time.Second})
				s.Nodes = append(s.Nodes, Node{"feed", "switchboard", []agent.Feed{{To: "msb"}}})
			}
		})
		meter := "msb"
		if behind {
			meter = "feed"
			p.now("feed", "voltage/L1=230")
		}
		p.well(1)
		p.now(meter, "voltage/L1=0"+strings.Repeat(" voltage/L2=0 voltage/L3=0", map[bool]int{false: 1}[behind]))
		kinds := map[string]bool{}
		for _, e := range p.e.Active() {
			kinds[e.Kind] = true
			if e.Severity != agent.Alarm {
				t.Errorf("%s: %s", e.Severity, e.Text.EN)
			}
		}
		if kinds["test"] == behind || kinds["incident"] != behind {
			t.Errorf("with a board behind %v: %v", behind, kinds)
		}
	}
	// A UPS is polled first, then the mains: all of it calls.
	p := newPlant(t, Options{}, func(s *Setup) { s.Tests = []Plan{hourly("blackout", Blackout, "")} })
	p.well(1)
	p.say("ups", "status=on_battery")
	p.now("msb", "voltage/L1=0 voltage/L2=0 voltage/L3=0")
	if all := p.e.Active(); slices.ContainsFunc(all, func(e agent.Event) bool { return e.Severity != agent.Alarm }) || len(all) != 3 {
		t.Errorf("%v", p.lines())
	}
}

// blackout is a plant whose blackout test is due.
func blackout(t *testing.T, dir string) *plant {
	p := newPlant(t, Options{Dir: dir}, func(s *Setup) {
		plan := hourly("blackout", Blackout, "")
		plan.Carry = 10 * time.Second
		s.Tests = []Plan{plan}
	})
	p.at = -2 * time.Hour // so that the plan is known before it is due
	p.well(1)
	p.at = 0
	p.well(1)
	return p
}

// TestCancelled: a test that somebody cancels counts for nothing. Where nothing
// happened meanwhile that is all; its plan is due as before, and missed when
// that time is over.
func TestCancelled(t *testing.T) {
	dir := t.TempDir()
	p := blackout(t, dir)
	due := p.agenda()
	if _, err := p.e.CancelTest("", "Jana", ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("none is under way: %v", err)
	}
	id, err := p.e.StartTest("blackout", "", "Jana")
	if err != nil {
		t.Fatal(err)
	}
	p.well(10)
	if _, err := p.e.NoteTest("", "Petr", "the wrong building", false); err != nil {
		t.Error(err)
	}
	if _, err := p.e.CancelTest("another", "Jana", ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("one that there is none of: %v", err)
	}
	if got, err := p.e.CancelTest("blackout", "Jana", " called off "); err != nil || got != id {
		t.Fatalf("cancelled %s, %v", got, err)
	}
	p.wantAgenda("cancelled", due...)
	p.e.Flush()
	if _, err := p.e.CancelTest(id, "Jana", ""); err == nil || err.Error() != "Test blackout: cancelled by Jana; it is cancelled already" {
		t.Errorf("twice: %v", err)
	}
	p.well(70)
	p.want("0..10 info Test blackout: cancelled by Jana")
	if cs := p.e.Events(agent.EventQuery{})[0].Text.CS; cs != "Test blackout: zrušil(a) Jana" {
		t.Errorf("in Czech: %s", cs)
	}
	want := []string{"test blackout cancelled Jana"}
	if got := p.verdicts(dir); !slices.Equal(got, want) {
		t.Errorf("records: %q", got)
	}
	r, err := Load(dir, id)
	if err != nil || len(r.Notes) != 1 || len(r.Criteria) > 0 || r.Became != "" || r.Ended.Sub(r.Began) != 10*time.Second || r.Watched.IsZero() {
		t.Errorf("%+v, %v", r, err)
	}
	if diff := cmp.Diff(&agent.Note{Time: r.Ended, By: "Jana", Text: "called off"}, r.Cancelled); diff != "" {
		t.Errorf("why: (-want +got)\n%s", diff)
	}
	p.open(Options{Dir: dir})
	p.well(1)
	p.wantAgenda("cancelled, after a restart", due...)
	// Declared again, it lasts until after the time that it was due: then it is missed at once.
	p.at = 3590 * time.Second
	if _, err := p.e.StartTest("blackout", "", "Jana"); err != nil {
		t.Fatal(err)
	}
	p.well(20)
	if _, err := p.e.CancelTest("", "Jana", ""); err != nil {
		t.Fatal(err)
	}
	p.well(1)
	got := p.e.Active()
	if len(got) != 1 || got[0].Text.EN != "Test blackout was due and was not made" {
		t.Fatalf("%+v", got)
	}
	p.e.Flush()
	if _, err := p.e.CancelTest(got[0].ID, "Jana", ""); err == nil || !strings.Contains(err.Error(), "was not made as far as anything was observed, and cannot be cancelled") {
		t.Errorf("one that was missed: %v", err)
	}
}

// TestCancelledAfterwards: an outage that was taken for the planned test is
// cancelled when it is over: while its batteries charge, long after, and after a
// restart. It is an incident of then; the plan is due as if it had not been, and
// how it went last is what it was before.
func TestCancelledAfterwards(t *testing.T) {
	for _, when := range []string{"at once", "watched", "long after", "restart", "window over"} {
		for _, carried := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, carried %v", when, carried), func(t *testing.T) {
				dir := t.TempDir()
				p := blackout(t, dir)
				due := p.agenda()
				p.say("gen", "status=starting mode=auto output_power=0")
				p.say("ups", "status=on_battery battery_charge=90")
				p.dead(3)
				if carried {
					p.now("gen", "status=running mode=auto output_power=0")
					for range 15 {
						p.say("msb", "voltage/L1=0 voltage/L2=0 voltage/L3=0 breaker=closed")
						p.say("gen", "status=on_load mode=auto output_power=50000")
						p.say("ups", "status=online battery_charge=90")
						p.now("ats", "selected_source=b preferred_source=a")
					}
				}
				p.well(62)
				id := ""
				for _, e := range p.e.Events(agent.EventQuery{}) {
					if e.Kind == "test" && e.Metric == power {
						id = e.ID
					}
				}
				switch when {
				case "at once":
				case "watched":
					p.e.Flush()
				default:
					p.well(200)
					p.e.Flush()
				}
				switch when {
				case "restart":
					p.open(Options{Dir: dir})
				case "window over":
					p.at = 2 * time.Hour
				}
				p.well(1)
				if _, err := p.e.CancelTest(id, "Petr", "the transformer failed"); err != nil {
					t.Fatal(err)
				}
				p.well(2)
				if when == "window over" {
					if got := p.e.Active(); len(got) != 1 || got[0].Text.EN != "Test blackout was due and was not made" {
						t.Errorf("lasts: %+v", got)
					}
				} else {
					p.wantAgenda("cancelled", due...)
					if got := p.e.Active(); len(got) != 0 {
						t.Errorf("lasts: %+v", got)
					}
				}
				p.well(100)
				p.e.Flush()
				all, err := List(dir)
				if err != nil {
					t.Fatal(err)
				}
				var inc *Record
				for _, r := range all {
					switch {
					case r.ID == id && (r.Verdict != Cancelled || len(r.Events) != 1 || r.Became == "" || r.Watched.IsZero()):
						t.Errorf("the test: %+v", r)
					case r.Kind == "incident" && inc == nil:
						inc = r
					case r.ID != id && r.Verdict != Missed:
						t.Errorf("there is %+v", r)
					}
				}
				if inc == nil || inc.Title.EN != "Mains failure" || inc.Severity != agent.Alarm || inc.Began.Sub(p.start) != time.Second || inc.Watched.IsZero() {
					t.Fatalf("the incident: %+v", inc)
				}
				for _, e := range p.e.Events(agent.EventQuery{}) {
					if e.Kind == "state" && e.Parent != inc.ID {
						t.Errorf("no part of it: %s", e.Text.EN)
					}
				}
				if f := inc.figure(TimeOnBattery, "ups"); f == nil || f.Value < 3 || f.Value > 6 {
					t.Errorf("on battery: %+v", f)
				}
				if r, err := Load(dir, inc.ID); err != nil || len(r.Series) == 0 {
					t.Errorf("%d series, %v", len(r.Series), err)
				}
				was := p.agenda()
				p.open(Options{Dir: dir})
				p.well(1)
				p.wantAgenda("after another restart", was...)
			})
		}
	}
}

// TestCancelledOutage: what happened while a test was under way that is none is
// an incident from its beginning, which calls; declared or taken for the planned
// one, while it lasts or afterwards, before and after a kill.
func TestCancelledOutage(t *testing.T) {
	for _, declared := range []bool{false, true} {
		for _, over := range []bool{false, true} {
			for _, kill := range []bool{false, true} {
				t.Run(fmt.Sprintf("declared %v over %v kill %v", declared, over, kill), func(t *testing.T) {
					dir := t.TempDir()
					p := blackout(t, dir)
					if declared {
						if _, err := p.e.StartTest("blackout", "", "Jana"); err != nil {
							t.Fatal(err)
						}
					}
					due := p.agenda()
					if declared {
						due = due[1:]
					}
					p.well(1)
					p.dead(2)
					p.say("gen", "status=fault mode=auto")
					p.dead(2)
					from := 2
					if over {
						p.well(3)
					}
					if kill {
						p.e.Flush() // this one is not really dead, and would write later
						p.open(Options{Dir: dir})
					}
					p.told = nil
					if kill && over {
						p.well(1)
					} else if kill {
						p.dead(1)
					}
					called := p.e.now
					id, err := p.e.CancelTest("", "Petr", "the transformer failed")
					if err != nil {
						t.Fatal(err)
					}
					p.wantAgenda("cancelled", due...)
					p.well(70)
					p.e.Flush()
					for _, e := range p.e.Active() {
						t.Errorf("lasts: %s", e.Text.EN)
					}
					all, err := List(dir)
					if err != nil || len(all) != 2 {
						t.Fatalf("%d records, %v", len(all), err)
					}
					test, inc := all[0], all[1]
					if test.Kind != "test" {
						test, inc = inc, test
					}
					if test.ID != id || test.Verdict != Cancelled || test.Became != inc.ID || len(test.Events) != 1 {
						t.Errorf("the test: %+v", test)
					}
					if inc.Kind != "incident" || inc.Title.EN != "Mains failure" || inc.Severity != agent.Alarm || inc.Plan != "" || inc.Verdict != NoVerdict ||
						inc.Began.Sub(p.start) != time.Duration(from)*time.Second || len(inc.Notes) != 1 || !strings.Contains(inc.Notes[0].Text, "the transformer failed") {
						t.Errorf("the incident: %+v", inc)
					}
					severities := map[string]agent.Severity{}
					for _, e := range inc.Events[1:] {
						severities[e.Text.EN] = e.Severity
						told := called // until then it was Info
						if e.State == "fault" || !declared {
							told = time.Time{} // which it never was
						}
						if !e.Told.Equal(told) {
							t.Errorf("%s: told %v, want %v", e.Text.EN, e.Told, told)
						}
					}
					if diff := cmp.Diff(map[string]agent.Severity{"UPS is on battery": agent.Alarm, "Main switchboard has no voltage": agent.Alarm,
						"Cooler has stopped": agent.Warning, "Generator has a fault": agent.Alarm}, severities); diff != "" {
						t.Errorf("its parts: (-want +got)\n%s", diff)
					}
					lasted := 4.0
					if kill && !over {
						lasted++
					}
					if f := inc.figure(TimeOnBattery, "ups"); f == nil || f.Value != lasted {
						t.Errorf("on battery: %+v, want %g s", f, lasted)
					}
					// Whoever is called is told once of each: of what was Info before, and that the test is over.
					texts := map[string]int{}
					for _, e := range p.told {
						if e.Severity == agent.Alarm && (e.Parent == inc.ID || e.ID == inc.ID) && e.Active() {
							texts[e.Text.EN]++
						}
					}
					if !over && len(texts) != 4 {
						t.Errorf("called for %v", texts)
					}
					p.open(Options{Dir: dir})
					p.well(1)
					p.wantAgenda("after another restart", due...)
				})
			}
		}
	}
}

// TestKilledWhileCancelling: killed after any line that a cancel writes, it is
// carried out all the same: one incident, with all that happened.
func TestKilledWhileCancelling(t *testing.T) {
	for name, over := range map[string]bool{"under way": false, "over": true} {
		t.Run(name, func(t *testing.T) { killedWhileCancelling(t, over) })
	}
}

func killedWhileCancelling(t *testing.T, over bool) {
	dir := t.TempDir()
	p := blackout(t, dir)
	if _, err := p.e.StartTest("blackout", "", "Jana"); err != nil {
		t.Fatal(err)
	}
	p.dead(3)
	p.well(2) // one of the parts is over
	p.dead(2)
	id, old := p.e.Tests().Running[0].ID, []byte(nil)
	if over {
		if _, err := p.e.EndTest("Jana"); err != nil {
			t.Fatal(err)
		}
		p.well(300)
		p.e.Flush()
		var err error
		if old, err = os.ReadFile(filepath.Join(dir, id+recordSuffix)); err != nil {
			t.Fatal(err)
		}
	}
	journal := func(dir string) string {
		names, err := journals(dir)
		if err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, names[len(names)-1])
	}
	text := func() []byte {
		text, err := os.ReadFile(journal(dir))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	before := text()
	if _, err := p.e.CancelTest(id, "Petr", ""); err != nil {
		t.Fatal(err)
	}
	due := p.agenda()
	after, end := text(), p.at
	p.e.Flush()
	kills := 0
	for n := len(before); n < len(after); {
		n += bytes.IndexByte(after[n:], '\n') + 1
		kills++
		killed := t.TempDir()
		if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(journal(killed), after[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		records, err := List(killed)
		if err != nil || len(records) != 2 {
			t.Fatal(len(records), err)
		}
		for _, r := range records { // they had no time to be written
			if err := os.Remove(filepath.Join(killed, r.ID+recordSuffix)); err != nil {
				t.Fatal(err)
			}
		}
		if over {
			if err := os.WriteFile(filepath.Join(killed, id+recordSuffix), old, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		p.at = end
		p.open(Options{Dir: killed})
		if !over {
			p.dead(2)
		}
		p.well(70)
		p.wantAgenda(fmt.Sprintf("killed after line %d", kills), due...)
		p.e.Flush()
		var lines []string
		for _, line := range p.lines() {
			when, what, _ := strings.Cut(line, " ")
			if from, to, _ := strings.Cut(when, ".."); from != to { // or it was no incident of anything yet
				lines = append(lines, what)
			}
		}
		slices.Sort(lines)
		const of = " < Mains failure: Main switchboard has no voltage"
		want := []string{"alarm Main switchboard has no voltage" + of, "alarm Main switchboard has no voltage" + of, "alarm Mains failure: Main switchboard has no voltage",
			"alarm UPS is on battery" + of, "alarm UPS is on battery" + of, "info Test blackout: cancelled by Petr", "warning Cooler has stopped" + of, "warning Cooler has stopped" + of}
		if over { // it had failed, which is over too
			want = append(slices.DeleteFunc(want, func(line string) bool { return strings.HasPrefix(line, "info") }), "warning Test blackout: cancelled by Petr",
				"warning Test blackout: failed: Generator, time on load: not observed (at least 10 s)")
		}
		if diff := cmp.Diff(want, lines); diff != "" {
			t.Errorf("killed after line %d: (-want +got)\n%s", kills, diff)
		}
		if len(p.e.Active()) > 0 {
			t.Errorf("killed after line %d: lasts: %v", kills, p.e.Active())
		}
		if r, err := Load(killed, id); err != nil || r.Verdict != Cancelled || r.Ended.IsZero() || len(r.Events) != 1 || len(r.Criteria) > 0 || r.Became == "" {
			t.Errorf("killed after line %d: %+v, %v", kills, r, err)
		}
	}
	if kills < 8 {
		t.Errorf("%d lines", kills)
	}
}

// TestKilledWhileCancellingLongAfter: killed when a cancel had written its first
// line only, of a test whose plan nobody keeps any more, the agent starts, and what
// lasts beyond the test may end before the cancel goes on.
func TestKilledWhileCancellingLongAfter(t *testing.T) {
	dir := t.TempDir()
	p := blackout(t, dir)
	stand := func(redundant bool, missing ...agent.Words) {
		p.e.Path(agent.Path{Time: p.start.Add(p.at), On: agent.Mains, Redundant: redundant, Missing: missing})
	}
	stand(true)
	p.say("ups", "status=on_battery battery_charge=90")
	p.dead(3)
	stand(false, agent.Words{EN: "no reserve", CS: "bez zálohy"})
	p.well(300)
	p.e.Flush()
	p.open(Options{Dir: dir})
	p.well(2)
	id := ""
	for _, e := range p.e.Active() {
		if e.Metric == "power_redundancy" {
			id = e.Parent
		}
	}
	names, err := journals(dir)
	if err != nil || id == "" {
		t.Fatal(id, err)
	}
	journal, record := filepath.Join(dir, names[len(names)-1]), filepath.Join(dir, id+recordSuffix)
	read := func(name string) []byte {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	before, old := len(read(journal)), read(record)
	if _, err := p.e.CancelTest(id, "Petr", ""); err != nil {
		t.Fatal(err)
	}
	after := read(journal)
	p.e.Flush()
	for name, text := range map[string][]byte{journal: after[:before+bytes.IndexByte(after[before:], '\n')+1], record: old} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.open(Options{Dir: dir})
	p.at += time.Second
	stand(true)
	p.well(70)
	if len(p.e.Active()) > 0 {
		t.Errorf("lasts: %v", p.e.Active())
	}
	p.e.Flush()
	if r, err := Load(dir, id); err != nil || r.Verdict != Cancelled || r.Became == "" {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestNoPollWaitsForRecords: while a cancel reads what was recorded of earlier
// tests, polls are observed.
func TestNoPollWaitsForRecords(t *testing.T) {
	dir := t.TempDir()
	p := blackout(t, dir)
	if _, err := p.e.StartTest("blackout", "", "Jana"); err != nil {
		t.Fatal(err)
	}
	id := p.e.Tests().Running[0].ID
	p.dead(3)
	if _, err := p.e.EndTest("Jana"); err != nil {
		t.Fatal(err)
	}
	p.well(300)
	p.e.Flush()
	slow := filepath.Join(dir, "20200101-000000-aa001"+recordSuffix) // whoever reads it waits for who writes it
	if err := syscall.Mkfifo(slow, 0o600); err != nil {
		t.Fatal(err)
	}
	cancelled, observed := make(chan error, 1), make(chan struct{})
	go func() {
		_, err := p.e.CancelTest(id, "Petr", "")
		cancelled <- err
	}()
	reader, err := os.OpenFile(slow, os.O_WRONLY, 0) // it reads
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		p.well(1)
		close(observed)
	}()
	select {
	case <-observed:
	case <-time.After(10 * time.Second):
		t.Error("a poll waits")
	}
	reader.Close() // an empty file, which is no record
	if err := <-cancelled; err != nil {
		t.Error(err)
	}
	<-observed
	os.Remove(slow)
}

// TestCancelledOther: a run that was taken for the planned one is none when
// somebody says so, and no incident; what a controller says that it tests is not
// to be talked away, and no incident is.
func TestCancelledOther(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, func(s *Setup) { s.Tests = []Plan{hourly("start", Start, "gen")} })
	p.well(2)
	for range 20 {
		p.now("gen", "status=running mode=auto output_power=0")
	}
	if _, err := p.e.CancelTest("start", "Jana", "it was refuelled"); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		p.now("gen", "status=running mode=auto output_power=0")
	}
	p.well(70)
	p.want("2..42 info Generator was told to start", "2..21 info Test start: cancelled by Jana")
	if got := p.verdicts(dir); !slices.Equal(got, []string{"test start cancelled schedule"}) {
		t.Errorf("records: %q", got)
	}
	p.now("gen", "mode=test_on_load status=running output_power=50000")
	if _, err := p.e.CancelTest("", "Jana", ""); err == nil || !strings.Contains(err.Error(), "is what the controller says that it does") {
		t.Errorf("a controller's: %v", err)
	}
	p.well(70)
	p.dead(1)
	for _, e := range p.e.Active() {
		if e.Kind != "incident" {
			continue
		}
		if _, err := p.e.CancelTest(e.ID, "Jana", ""); err == nil || !strings.Contains(err.Error(), "is an incident; only a test can be cancelled") {
			t.Errorf("an incident: %v", err)
		}
	}
}

// TestNobodyWatched: of a test that was due while the agent did not run it says
// that it saw none, and not that there was none; of one that people note it
// knows.
func TestNobodyWatched(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, func(s *Setup) { s.Tests = []Plan{hourly("start", Start, "gen"), hourly("note", Manual, "")} })
	p.at = -2 * time.Hour
	p.well(1)
	p.open(Options{Dir: dir})
	p.at = 2 * time.Hour
	p.well(2)
	var lasts []string
	for _, e := range p.e.Active() {
		lasts = append(lasts, e.Text.EN)
	}
	if diff := cmp.Diff([]string{"Test start was due and was not seen, the agent did not run all that time", "Test note was due and was not made"}, lasts); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	p.e.Flush()
	all, err := List(dir)
	if err != nil || len(all) != 2 || len(all[0].NotObserved)+len(all[1].NotObserved) != 1 {
		t.Errorf("records: %+v, %v", all, err)
	}
}

// TestMainsFailInsteadOfSelfTest: where a UPS is to test its battery some day, and
// a switch to go over, the mains that fail are no such test, whatever is polled
// first; what is alone is one, when the switch has not gone over.
func TestMainsFailInsteadOfSelfTest(t *testing.T) {
	plans := func(s *Setup) {
		s.Tests = []Plan{{ID: "battery", Name: "Battery test", Kind: SelfTest, Device: "ups", Schedule: Schedule{Every: "quarter"}},
			{ID: "switch", Name: "Switch test", Kind: Transfer, Device: "ats", Schedule: Schedule{Every: "month"}}}
	}
	p := newPlant(t, Options{}, plans)
	p.well(2)
	p.say("ups", "status=on_battery battery_charge=99")
	p.say("ats", "selected_source=b preferred_source=a")
	p.now("msb", "voltage/L1=0 voltage/L2=0 voltage/L3=0")
	p.want(
		"2.. alarm UPS is on battery < Mains failure: Main switchboard has no voltage",
		"2.. warning ATS has gone to its other source < Mains failure: Main switchboard has no voltage",
		"2.. alarm Main switchboard has no voltage < Mains failure: Main switchboard has no voltage",
		"2.. alarm Mains failure: Main switchboard has no voltage",
	)
	p = newPlant(t, Options{}, plans)
	p.well(2)
	p.now("ups", "status=on_battery battery_charge=99")
	p.well(4)
	if all := p.lines(); !strings.Contains(strings.Join(all, "\n"), "Battery test") {
		t.Errorf("one UPS on battery for a second: %q", all)
	}
}

// TestFlickerIsNoBlackout: UPS units that are on battery for a moment, while the
// board before them has voltage, are no blackout test, though one is due; with a
// switch that goes over, or for longer, they are.
func TestFlickerIsNoBlackout(t *testing.T) {
	for name, test := range map[string]struct {
		then func(p *plant)
		want string
	}{
		"flicker":                        {func(p *plant) { p.well(10) }, "incident "},
		"flicker, read before the board": {func(p *plant) { p.at += time.Second; p.well(10) }, "incident "},
		"transfer": {func(p *plant) {
			p.well(3)
			p.now("ats", "selected_source=b preferred_source=a")
			p.well(10)
		}, "test blackout"},
		"longer": {func(p *plant) {
			for range 20 {
				p.now("ups", "status=on_battery battery_charge=90")
			}
		}, "test blackout"},
		"dead": {func(p *plant) { p.dead(3) }, "test blackout"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := blackout(t, dir)
			due := p.agenda()
			p.say("ups", "status=on_battery battery_charge=99")
			test.then(p)
			p.well(80)
			p.e.Flush()
			all, err := List(dir)
			if err != nil || len(all) != 1 || all[0].Kind+" "+all[0].Plan != test.want || all[0].Began.Sub(p.start) != time.Second {
				t.Fatalf("%+v, %v", all, err)
			}
			if all[0].Kind == "incident" {
				p.wantAgenda("it is still due", due...)
				if all[0].Severity != agent.Alarm {
					t.Errorf("it is %s", all[0].Severity)
				}
			}
		})
	}
}

// TestBlackoutOfAnyDay: a plan that names no day does not quiet what fails on
// one of its days, though that counts as the test; where somebody declared it,
// it does. A plan that names the day is enough.
func TestBlackoutOfAnyDay(t *testing.T) {
	for _, test := range []struct {
		schedule Schedule
		declared bool
		quiet    bool
	}{
		{Schedule{Every: "month"}, false, false},
		{Schedule{Every: "month"}, true, true},
		{Schedule{Every: "month", Day: 4}, false, true},
		{Schedule{Every: "week", Weekday: 3}, false, true},
		{Schedule{Every: "week"}, false, false},
	} {
		dir := t.TempDir()
		p := newPlant(t, Options{Dir: dir}, func(s *Setup) {
			s.Tests = []Plan{{ID: "blackout", Name: "Test blackout", Kind: Blackout, Schedule: test.schedule}}
			s.Devices = append(s.Devices, &agent.Device{ID: "feed", Name: "Feed", Class: "switchboard", Every: time.Second})
			s.Nodes = append(s.Nodes, Node{"feed", "switchboard", []agent.Feed{{To: "msb"}}})
		})
		p.now("feed", "voltage/L1=230")
		p.well(1)
		if test.declared {
			if _, err := p.e.StartTest("blackout", "", "Jana"); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 { // the main breaker opens
			p.say("feed", "voltage/L1=230")
			p.dead(1)
		}
		loud := 0
		for _, e := range p.e.Active() {
			if e.Severity == agent.Alarm {
				loud++
			}
		}
		if (loud == 0) != test.quiet {
			t.Errorf("%+v, declared %v: %d alarms of\n%s", test.schedule, test.declared, loud, strings.Join(p.lines(), "\n"))
		}
		p.say("feed", "voltage/L1=230")
		p.well(70)
		if got := p.verdicts(dir); len(got) != 1 || !strings.HasPrefix(got[0], "test blackout ") {
			t.Errorf("%+v: %q", test.schedule, got)
		}
	}
}

// TestBlipOfATransfer: a UPS that is on battery while a switch is on its way is a
// part of the transfer test that is due, whichever of them is polled first and
// however long after; where the switch stays where it is, it is an incident.
func TestBlipOfATransfer(t *testing.T) {
	const blip, well, other = "status=on_battery battery_charge=99", "status=online battery_charge=99", "selected_source=b preferred_source=a"
	for name, then := range map[string]func(p *plant){
		"the switch first": func(p *plant) { p.say("ats", other); p.now("ups", blip); p.now("ups", well) },
		"the UPS first":    func(p *plant) { p.say("ups", blip); p.now("ats", other); p.now("ups", well) },
		"the UPS first, boards only when all is over": func(p *plant) { p.say("ups", blip); p.now("ats", other); p.now("ups", well) },
		"the switch at the same time, on its way": func(p *plant) {
			p.say("ats", "selected_source=a preferred_source=a")
			p.now("ups", blip)
			p.now("ats", "selected_source=none preferred_source=a")
			p.now("ups", well)
			p.now("ats", other)
		},
		"the switch when the UPS is well again": func(p *plant) {
			p.now("ups", blip)
			p.now("ups", well)
			p.at += 8 * time.Second
			p.now("ats", other)
		},
		"no switch": func(p *plant) { p.now("ups", blip); p.now("ups", well) },
		"a silent switch": func(p *plant) {
			p.now("ups", blip)
			for range 20 {
				p.say("ats", "")
				p.now("ups", blip)
			}
			p.now("ups", well)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := newPlant(t, Options{Dir: dir}, func(s *Setup) { s.Tests = []Plan{hourly("ats", Transfer, "ats")} })
			p.well(2)
			then(p)
			for range 5 {
				if strings.HasPrefix(name, "the") {
					if !strings.Contains(name, "boards") {
						p.say("msb", "voltage/L1=230 voltage/L2=230 voltage/L3=230")
						p.say("mains-2", "voltage/L1=230")
					}
					p.now("ats", other)
				} else {
					p.well(1)
				}
			}
			p.well(70)
			p.e.Flush()
			all, err := List(dir)
			if err != nil || len(all) != 1 {
				t.Fatalf("%+v, %v", all, err)
			}
			want := "test ats passed"
			if !strings.HasPrefix(name, "the") {
				want = "incident  "
			}
			r := all[0]
			if got := r.Kind + " " + r.Plan + " " + string(r.Verdict); got != want || r.Began.Sub(p.start) != 2*time.Second {
				t.Errorf("%q from %v, want %q", got, r.Began.Sub(p.start), want)
			}
			for _, ev := range r.Events[1:] {
				if called := ev.Severity > agent.Info; called != (r.Kind == "incident") {
					t.Errorf("%s: %s", ev.Severity, ev.Text.EN)
				}
			}
			if t.Failed() || r.Kind == "test" && len(r.Events) != 3 {
				t.Errorf("its parts: %q", p.lines())
			}
		})
	}
}
