package events

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plantroom/agent"
)

// agenda returns what there is of tests, a line for each: what is planned with
// its window, what is being made, and how it went last. Times are of the plant's
// zone, and seconds since its beginning.
func (p *plant) agenda() (lines []string) {
	p.t.Helper()
	all := p.e.Tests()
	since := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return fmt.Sprintf("%gs", t.Sub(p.start).Seconds())
	}
	for _, r := range all.Running {
		line := fmt.Sprintf("running %s %s since %s by %s", r.Test, r.Name.EN, since(r.Began), r.By)
		if r.Run > 0 {
			line += fmt.Sprintf(", %g s since %s", r.Run, since(r.RunSince))
		}
		if r.Ending {
			line += ", ending"
		}
		for _, n := range r.Notes {
			line += ", " + n.By + ": " + n.Text
		}
		lines = append(lines, line)
	}
	for _, t := range all.Planned {
		load := "-"
		if t.Load != nil {
			load = fmt.Sprint(*t.Load)
		}
		const form = "2. 1. 15:04"
		lines = append(lines, fmt.Sprintf("%s %s %s %s: %s, %s, %s", t.ID, t.Kind, load, t.Device, t.From.Local().Format(form), t.Due.Local().Format(form), t.Until.Local().Format(form)))
	}
	for _, r := range all.Last {
		lines = append(lines, fmt.Sprintf("last %s %s %s: %s", r.Test, r.Verdict, since(r.Began), r.Text.EN))
	}
	return lines
}

func (p *plant) wantAgenda(when string, want ...string) {
	p.t.Helper()
	if diff := cmp.Diff(want, p.agenda()); diff != "" {
		p.t.Errorf("%s: (-want +got)\n%s", when, diff)
	}
}

// TestAgenda: what is planned is due at its next date, the one after it once it
// was made or missed; what is being made says since when, and for how long the
// generator has done what is asked; and how it went last outlives the agent.
func TestAgenda(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, func(s *Setup) {
		monthly := Plan{ID: "monthly", Name: "Monthly", Kind: Blackout, Device: "gen", Carry: 20 * time.Second,
			Schedule: Schedule{Every: "month", Weekday: 3, Nth: 1, At: 8 * time.Hour, Timed: true, Within: time.Hour}}
		weekly := Plan{ID: "weekly", Name: "Weekly", Kind: Start, Device: "gen", Run: 5 * time.Minute,
			Schedule: Schedule{Every: "week", Weekday: 4, At: 6 * time.Hour, Timed: true, Within: time.Hour}}
		s.Tests = []Plan{weekly, monthly, {ID: "firewall", Name: "Firewall", Kind: Manual, Schedule: Schedule{Every: "month"}}}
	})
	const (
		weekly   = "weekly start false gen: 5. 11. 05:00, 5. 11. 06:00, 5. 11. 07:00"
		monthly  = "monthly blackout true gen: 4. 11. 07:00, 4. 11. 08:00, 4. 11. 09:00"
		firewall = "firewall manual - : 1. 11. 00:00, 1. 11. 00:00, 1. 12. 00:00"
		december = "monthly blackout true gen: 2. 12. 07:00, 2. 12. 08:00, 2. 12. 09:00"
	)
	p.at = -2 * time.Hour
	p.well(1)
	p.wantAgenda("before", monthly, weekly, firewall)
	p.at = 0
	p.well(1)
	carried := func(n int) {
		for range n {
			p.say("msb", "voltage/L1=0 voltage/L2=0 voltage/L3=0 breaker=closed")
			p.say("gen", "status=on_load mode=auto output_power=50000")
			p.now("ats", "selected_source=b preferred_source=a")
		}
	}
	p.dead(3)
	p.wantAgenda("the mains are cut", "running monthly Monthly since 1s by schedule, 20 s since -", monthly, weekly, firewall)
	p.now("gen", "status=running mode=auto output_power=0")
	carried(8)
	p.wantAgenda("the generator carries", "running monthly Monthly since 1s by schedule, 20 s since 5s", monthly, weekly, firewall)
	if _, err := p.e.NoteTest("", "Petr", "the second breaker was stiff", false); err != nil {
		t.Error(err)
	}
	p.open(Options{Dir: dir})
	carried(16)
	p.wantAgenda("after a kill", "running monthly Monthly since 1s by schedule, 20 s since 5s, Petr: the second breaker was stiff", monthly, weekly, firewall)
	p.well(70)
	p.e.Flush()
	p.wantAgenda("made", weekly, firewall, december, "last monthly passed 1s: Monthly: passed")

	if _, err := p.e.NoteTest("firewall", "Jana", "it took over in 4 s", true); err != nil {
		t.Error(err)
	}
	p.at = 24 * time.Hour
	p.well(1)
	p.wantAgenda("the firewall failed", "weekly start false gen: 12. 11. 05:00, 12. 11. 06:00, 12. 11. 07:00", december, "firewall manual - : 1. 12. 00:00, 1. 12. 00:00, 1. 1. 00:00",
		"last weekly missed -: Weekly was due and was not made", "last firewall failed 98s: Firewall: failed", "last monthly passed 1s: Monthly: passed")
	was := p.agenda()
	p.e.Flush()
	p.open(Options{Dir: dir})
	p.wantAgenda("after a kill, before it is known what time it is", was[3:]...)
	p.well(1)
	p.wantAgenda("after a kill", was...)

	// One that somebody declares, of no plan.
	if _, err := p.e.StartTest("", "By hand", "Jana"); err != nil {
		t.Fatal(err)
	}
	if got := p.agenda()[0]; got != "running  By hand since 86401s by Jana" {
		t.Errorf("declared: %s", got)
	}
	if _, err := p.e.EndTest("Jana"); err != nil {
		t.Fatal(err)
	}
	if got := p.agenda()[0]; got != "running  By hand since 86401s by Jana, ending" {
		t.Errorf("it was said that it has ended: %s", got)
	}
	p.at += time.Second
	p.well(70)
	p.e.Flush()
	if diff := cmp.Diff(append(was[:3:3], append([]string{"last  passed 86401s: By hand: passed"}, was[3:]...)...), p.agenda()); diff != "" {
		t.Errorf("by hand: (-want +got)\n%s", diff)
	}
}

// TestRunOfItsOwnGenerator: what a generator elsewhere does is nothing to a test.
func TestRunOfItsOwnGenerator(t *testing.T) {
	p := newPlant(t, Options{}, func(s *Setup) {
		feeds := []agent.Feed{{To: "ups-2"}}
		s.Devices = append(s.Devices, &agent.Device{ID: "gen-2", Name: "Other generator", Class: "generator", Every: time.Second, Feeds: feeds})
		s.Nodes = append(s.Nodes, Node{"gen-2", "generator", feeds})
		start := hourly("start", Start, "")
		start.Run = 5 * time.Minute
		s.Tests = []Plan{start}
	})
	p.at = -2 * time.Hour
	p.well(1)
	for range 20 {
		p.now("gen-2", "status=running mode=auto output_power=0")
	}
	p.at = 0
	for range 20 {
		p.say("gen-2", "status=running mode=auto output_power=0")
		p.now("gen", "status=running mode=auto output_power=0")
	}
	p.wantAgenda("both run", "running start Test start since 0s by schedule, 300 s since 0s", "start start false : 4. 11. 07:00, 4. 11. 08:00, 4. 11. 09:00")
}

// TestUpcomingIsWhatIsMissed: the date that is shown as the next one, of any
// rule and on any day, is the one for which a test is missed when it was not made
// by the end of its window.
func TestUpcomingIsWhatIsMissed(t *testing.T) {
	for _, every := range []string{"day", "week", "month", "quarter", "year"} {
		for _, s := range []Schedule{{}, {At: 2*time.Hour + 30*time.Minute, Timed: true, Within: 3 * time.Hour}, {Weekday: 7}, {Weekday: 7, Nth: -1, At: 23 * time.Hour, Timed: true, Within: 2 * time.Hour}, {Day: 31}} {
			s.Every = every
			if every == "day" || every == "week" { // which have no such days
				s.Nth, s.Day = 0, 0
			}
			p := newPlant(t, Options{}, func(setup *Setup) { setup.Tests = []Plan{{ID: "t", Name: "T", Kind: Manual, Schedule: s}} })
			p.well(1)
			for range 4 {
				next := p.e.Tests().Planned[0]
				p.at = next.Until.Sub(p.start) - time.Second
				p.well(1)
				if got := p.e.Tests().Planned[0]; !got.Due.Equal(next.Due) {
					t.Errorf("%+v: a second before its end the next is %v, it was %v", s, got, next)
				}
				before := len(p.missed())
				p.at = next.Until.Sub(p.start)
				p.well(1)
				missed := p.missed()
				if next.From.Before(p.start) { // a window that was open when the plan became known
					if len(missed) != before {
						t.Errorf("%+v: what began before the plan was known is missed", s)
					}
				} else if len(missed) == 0 || !missed[0].Due.Equal(next.Due) {
					t.Errorf("%+v: the next was %v, missed is %+v", s, next, missed)
				}
				if got := p.e.Tests().Planned[0]; !got.Due.After(next.Due) || got.From.Before(next.Until.Add(-time.Hour)) {
					t.Errorf("%+v: after %v comes %v", s, next, got)
				}
			}
		}
	}
}

// missed returns those of the last results that are of a test that was missed.
func (p *plant) missed() (out []agent.TestResult) {
	for _, r := range p.e.Tests().Last {
		if r.Verdict == "missed" && strings.HasSuffix(r.Text.EN, "was due and was not made") {
			out = append(out, r)
		}
	}
	return out
}
