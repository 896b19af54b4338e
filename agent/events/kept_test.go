package events

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"plantroom/agent"
)

// step sets the clock.
func (p *plant) step(by time.Duration) {
	p.start = p.start.Add(by)
	p.e.Step(by)
}

// TestEscalateTheWhole: of an incident that nobody acknowledges that itself is
// announced again, and none of its parts.
func TestEscalateTheWhole(t *testing.T) {
	p := newPlant(t, Options{}, func(s *Setup) { s.Escalate = []time.Duration{time.Minute} })
	p.well(1)
	p.dead(90)
	var again []string
	for _, e := range p.told {
		if e.Escalated > 0 {
			again = append(again, e.Kind)
		}
	}
	if !slices.Equal(again, []string{"incident"}) {
		t.Errorf("announced again: %q", again)
	}
}

// TestStepWhileSilent: for how long a device has been silent, or has counted
// alarms, goes by no clock.
func TestStepWhileSilent(t *testing.T) {
	for _, by := range []time.Duration{-time.Hour, time.Hour} {
		p := newPlant(t, Options{}, nil)
		p.say("ups", "alarms_active=1")
		p.now("sensor", "")
		p.now("sensor", "")
		p.step(by)
		p.say("ups", "alarms_active=1")
		p.want()
		p.now("sensor", "")
		p.at += 3 * time.Second
		p.say("ups", "alarms_active=1")
		p.want("0.. warning Sensor does not answer", "0.. warning UPS reports 1 alarm")
	}
}

// TestThirdPoll: a device is silent when three polls in a row had no answer.
func TestThirdPoll(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	p.now("sensor", "")
	p.now("sensor", "")
	p.want()
	p.now("sensor", "")
	p.want("0.. warning Sensor does not answer")
}

// TestStepBeforeARecord: what was read before an incident is in its record with
// the time that it was read at, by the clock of the incident.
func TestStepBeforeARecord(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, nil)
	p.well(10)
	p.step(time.Hour)
	p.dead(1)
	r := p.record(dir)
	for _, s := range r.Series {
		if s.Device == "ups" && s.Metric == "status" {
			if from := r.Began.Sub(s.Time(0)); len(s.Times) != 11 || from != 10*time.Second {
				t.Errorf("%d readings from %v before the incident", len(s.Times), from)
			}
			return
		}
	}
	t.Error("the status of the UPS is not recorded")
}

// TestOfAnotherClass: what a device was is over when its ID is that of another.
func TestOfAnotherClass(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	for range 3 {
		p.now("sensor", "")
	}
	other := p.setup
	other.Devices = nil
	for _, d := range p.setup.Devices {
		one := *d
		if one.ID == "sensor" {
			one.Class = "pdu"
		}
		other.Devices = append(other.Devices, &one)
	}
	p.e.Configure(other)
	p.want("0..2 warning Sensor does not answer")
}

// TestCauseOfATest: a controller that says that it tests is the cause, whatever
// follows from it.
func TestCauseOfATest(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	p.well(1)
	p.now("gen", "mode=test_on_load status=running output_power=50000")
	p.now("ups", "status=on_battery battery_charge=99")
	for _, e := range p.e.Active() {
		if e.Kind == "test" && e.Text.EN != "Generator test: Generator is tested under load" {
			t.Errorf("%+v", e.Text)
		}
	}
}

// TestWatchedUntilRecovered: after an incident readings are recorded until the
// batteries have what they had, but for a day at most.
func TestWatchedUntilRecovered(t *testing.T) {
	for _, recovers := range []bool{true, false} {
		p := newPlant(t, Options{Dir: t.TempDir()}, nil)
		p.well(5)
		p.dead(5)
		watched := func(charge int) bool {
			p.say("msb", "voltage/L1=230 voltage/L2=230 voltage/L3=230 breaker=closed")
			p.say("cooler", "status=running mode=free_cooling")
			p.now("ups", fmt.Sprint("status=online battery_charge=", charge))
			return len(p.e.incidents) > 0
		}
		for range 200 {
			if !watched(80) {
				t.Fatal("it is not watched while the battery charges")
			}
		}
		if p.e.incidents[0].Ended.IsZero() {
			t.Fatal("it has not ended")
		}
		if p.at += 23 * time.Hour; !watched(98) {
			t.Error("it is not watched when the battery lacks 2 %")
		}
		if recovers && watched(99) {
			t.Error("it is watched when the battery has recovered")
		}
		if p.at += time.Hour; !recovers && watched(98) {
			t.Error("it is watched after a day")
		}
	}
}

// TestLackThatStays: what is missing from redundancy is told when it has stayed
// so, for as long as that is by no clock.
func TestLackThatStays(t *testing.T) {
	for _, by := range []time.Duration{0, -time.Hour, time.Hour} {
		p := newPlant(t, Options{}, nil)
		lacks := func(names ...string) {
			path := agent.Path{Time: p.start.Add(p.at), On: agent.Mains, Redundant: len(names) == 0}
			for _, n := range names {
				path.Missing = append(path.Missing, agent.Words{EN: n, CS: n})
			}
			p.e.Path(path)
		}
		lacks()
		p.well(1)
		lacks("UPS A")
		p.well(1)
		lacks("UPS A", "UPS B")
		p.step(by)
		p.well(int(settledAfter / time.Second))
		if text := p.told[len(p.told)-1].Text.EN; text != "Redundancy is lost: UPS A" {
			t.Errorf("set by %v, too soon: %s", by, text)
		}
		p.well(1)
		if text := p.told[len(p.told)-1].Text.EN; text != "Redundancy is lost: UPS A, UPS B" {
			t.Errorf("set by %v, when it has stayed so: %s", by, text)
		}
	}
}

// TestLessGrave: an alarm that is only a warning now waits for as long as one
// that is over.
func TestLessGrave(t *testing.T) {
	clear := 3 * time.Second
	p := newPlant(t, Options{}, func(s *Setup) {
		s.Limits = []Limit{{Class: "ups", Metric: "battery_charge", WarnHigh: number(30), AlarmHigh: number(40), ClearDelay: &clear}}
	})
	for _, want := range []string{"alarm", "alarm", "alarm", "alarm", "warning"} {
		value := 35
		if p.at == 0 {
			value = 45
		}
		if p.now("ups", fmt.Sprint("battery_charge=", value)); p.e.Active()[0].Severity.String() != want {
			t.Errorf("after %v: %v, want %s", p.at-time.Second, p.e.Active()[0].Severity, want)
		}
	}
}

// TestRateOnItsWayBack: a rate is over a tenth below its bound.
func TestRateOnItsWayBack(t *testing.T) {
	over := 8 * time.Second
	p := newPlant(t, Options{}, func(s *Setup) {
		s.Limits = []Limit{{Class: "climate", Metric: "temperature", WarnRate: number(20), RateOver: &over}}
	})
	celsius := 20.0
	rise := func(perMinute float64) (active int) {
		for range 10 {
			celsius += perMinute / 60
			p.now("sensor", fmt.Sprint("temperature=", celsius))
		}
		return len(p.e.Active())
	}
	for _, step := range []struct {
		perMinute float64
		want      int
	}{{19, 0}, {21, 1}, {19, 1}, {17, 0}} {
		if got := rise(step.perMinute); got != step.want {
			t.Errorf("at %v a minute %d events last, want %d", step.perMinute, got, step.want)
		}
	}
}

// TestLimitGoesOn: a value that was beyond its bound when the configuration was
// loaded again is, on the same side, and nobody is told twice.
func TestLimitGoesOn(t *testing.T) {
	for _, value := range []string{"10", "40", "95"} {
		p := newPlant(t, Options{}, func(s *Setup) {
			s.Limits = []Limit{{Class: "ups", Metric: "battery_charge", WarnLow: number(50), AlarmLow: number(20), WarnHigh: number(90)}}
		})
		p.now("ups", "battery_charge="+value)
		p.e.Configure(p.setup)
		p.now("ups", "battery_charge="+value)
		if len(p.told) != 1 {
			t.Errorf("%s %%: told %d times", value, len(p.told))
		}
		if p.now("ups", "battery_charge=70"); len(p.e.Active()) > 0 {
			t.Errorf("%s %%: it goes on", value)
		}
	}
}

// TestNoFlurry: what begins now and then is an event each time, however often.
func TestNoFlurry(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	for range 2 * flurrySize {
		p.now("ups", "status=bypass")
		p.now("ups", "status=online")
		p.at += 10 * time.Minute
	}
	lines := p.lines()
	if len(lines) < 2*flurrySize || strings.Contains(strings.Join(lines, "\n"), "comes and goes") {
		t.Errorf("%d events: %s", len(lines), lines[len(lines)-1])
	}
}

// TestNoteAfterAStep: a note is in a record by the clock that it began with.
func TestNoteAfterAStep(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	p.well(1)
	p.dead(1)
	p.step(time.Hour)
	p.dead(9)
	if _, err := p.e.NoteTest("", "Jana", "I go there", false); err != nil {
		t.Fatal(err)
	}
	inc := p.e.incidents[0]
	for _, n := range inc.Notes {
		if at := n.Time.Sub(inc.Began); n.By == "Jana" && at != 9*time.Second {
			t.Errorf("noted %v after it began", at)
		}
	}
	if len(inc.Notes) != 2 {
		t.Errorf("notes: %+v", inc.Notes)
	}
}

// TestFailedSelfTest: a UPS that says that its self-test failed has failed it.
func TestFailedSelfTest(t *testing.T) {
	r := recordOf(t, "ups status online*10 on_battery*5 online*5")
	if r.judge(&Plan{Kind: SelfTest}); r.Verdict != Passed {
		t.Errorf("a self-test: %s", r.Verdict)
	}
	r.Events = []agent.Event{{Metric: "self_test", State: "failed"}}
	if r.judge(&Plan{Kind: SelfTest}); r.Verdict != Failed {
		t.Errorf("one that the UPS says has failed: %s", r.Verdict)
	}
}

// TestLastReadingOnLoad: the reading that no longer shows a generator on load is
// not one of its frequency on load; and the discharge that took a battery lowest
// is the one that it recovers from.
func TestLastReadingOnLoad(t *testing.T) {
	r := recordOf(t, "gen status stopped*10 running*40", "gen carries no*10 yes*30 no*10", "gen output_frequency 0*10 50*29 50.1 48*10")
	if f := r.figure(FrequencyDeviation, "gen"); f == nil || f.Value > 0.3 {
		t.Errorf("%+v", f)
	}
	r = recordOf(t, "ups status online*10 on_battery*10 online*20 on_battery*2 online*10",
		"ups battery_charge 100*12 80*8 90*10 100*10 99*12")
	if f := r.figure(TimeToRecover, "ups"); f == nil || f.Value != 10 {
		t.Errorf("%+v", f)
	}
	r = recordOf(t, "gen status stopped*10 running*3611", "gen carries no*10 yes*3601 no*10", "gen output_power 0*10 50000*3601 0*10")
	if f := r.figure(Energy, "gen"); f == nil || f.Value < 50000 || f.Value > 50010 {
		t.Errorf("an hour of 50 kW: %+v", f)
	}
}

// TestBuiltWithout: a site that never had a reserve has lost none.
func TestBuiltWithout(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	p.e.Path(agent.Path{Time: p.start, On: agent.Mains, Missing: []agent.Words{{EN: "UPS B off", CS: "UPS B mimo provoz"}}})
	p.well(10)
	p.want()
}

// TestMadeAtTheLastMoment: a test that is under way when its time is over was
// made.
func TestMadeAtTheLastMoment(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, func(s *Setup) { s.Tests = []Plan{hourly("start", Start, "gen")} })
	p.at = -2 * time.Hour // so that the plan is known before it is due
	p.well(1)
	for p.at = time.Hour - 30*time.Second; p.at < time.Hour+time.Minute; {
		p.now("gen", "status=running mode=auto")
	}
	p.well(90)
	if got := p.verdicts(dir); !slices.Equal(got, []string{"test start passed schedule"}) {
		t.Errorf("%q", got)
	}
}

// TestPlanThatComesBack: of a plan that was taken out of the configuration for a
// while nothing was due meanwhile.
func TestPlanThatComesBack(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, func(s *Setup) { s.Tests = []Plan{hourly("start", Start, "gen")} })
	plans := p.setup.Tests
	p.at = 10 * time.Hour
	p.well(1)
	p.setup.Tests = nil
	p.e.Configure(p.setup)
	p.at = 10 * 24 * time.Hour
	p.well(1)
	p.open(Options{Dir: dir}) // nor by what was known before a restart
	p.at += 10 * time.Hour
	p.well(1)
	p.setup.Tests = plans
	p.e.Configure(p.setup)
	p.well(1)
	p.want()
	p.at += 24 * time.Hour
	p.well(1)
	if lines := p.lines(); len(lines) != 1 || !strings.HasSuffix(lines[0], "Test start was due and was not made") {
		t.Errorf("a day later: %q", lines)
	}
}
