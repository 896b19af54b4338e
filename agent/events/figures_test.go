package events

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"plantroom/agent"
)

// zero is when the records of these tests begin; each reading is a second
// after the one before, from ten seconds before on.
var zero = time.Date(2026, 11, 4, 8, 0, 0, 0, time.UTC)

// seriesOf reads "ups-a status online*10 on_battery*5 online": values, each as
// often as it says. A - is not read.
func seriesOf(t *testing.T, text string) Series {
	t.Helper()
	words := strings.Fields(text)
	s := Series{Device: words[0], Metric: words[1]}
	s.Metric, s.Channel, _ = strings.Cut(words[1], "/")
	at := zero.Add(-10 * time.Second)
	for _, w := range words[2:] {
		value, times, repeated := strings.Cut(w, "*")
		n := 1
		if repeated {
			fmt.Sscan(times, &n)
		}
		var v float64
		if _, err := fmt.Sscan(value, &v); err != nil && value != "-" {
			if s.States == nil {
				s.States = []string{"unknown"}
			}
			v = float64(len(s.States))
			for i, known := range s.States {
				if known == value {
					v = float64(i)
				}
			}
			if int(v) == len(s.States) {
				s.States = append(s.States, value)
			}
		}
		for range n {
			if value != "-" {
				s.Times, s.Values = append(s.Times, at.UnixMilli()), append(s.Values, v)
			}
			at = at.Add(time.Second)
		}
	}
	return s
}

func recordOf(t *testing.T, lines ...string) *Record {
	t.Helper()
	r := &Record{Kind: "incident", Began: zero, Watched: zero.Add(time.Hour), Devices: []Device{
		{ID: "msb", Name: "Board", Class: "switchboard"}, {ID: "gen", Name: "Generator", Class: "generator"}, {ID: "ats", Name: "ATS", Class: "ats"},
		{ID: "ups", Name: "UPS", Class: "ups"}, {ID: "dc", Name: "DC", Class: "dc"},
		{ID: "cool-1", Name: "Cooler 1", Class: "cooling", Labels: map[string]string{"room": "hall"}},
		{ID: "cool-2", Name: "Cooler 2", Class: "cooling", Labels: map[string]string{"room": "hall"}},
		{ID: "aisle", Name: "Aisle", Class: "climate", Labels: map[string]string{"room": "hall"}},
		{ID: "yard", Name: "Yard", Class: "climate", Labels: map[string]string{"room": "yard"}},
	}}
	for _, line := range lines {
		r.Series = append(r.Series, seriesOf(t, line))
	}
	r.measure()
	return r
}

// said returns the figures of a record as "name device value at", and what was
// not observed as "name device: why".
func said(r *Record) string {
	var b strings.Builder
	for _, f := range r.Figures {
		fmt.Fprintf(&b, "%s %s %.4g", f.Name, f.Device, f.Value)
		if !f.At.IsZero() {
			fmt.Fprintf(&b, " at %v", f.At.Sub(zero).Seconds())
		}
		b.WriteString("\n")
	}
	for _, n := range r.NotObserved {
		fmt.Fprintf(&b, "%s %s: %s\n", n.Name, n.Device, n.Why.EN)
	}
	return b.String()
}

func TestFigures(t *testing.T) {
	for _, test := range []struct {
		name   string
		series []string
		want   string
	}{
		{"a generator takes the load", []string{
			"gen status stopped*12 starting*5 running*95 cooling_down*5 stopped",
			"gen carries no*20 yes*92 no*6",
			"gen output_power/L1 0*20 10000*20 20000*71 20000 0*6",
			"gen output_power/L2 0*20 10000*20 20000*71 20000 0*6",
			"gen output_power/L3 0*20 10000*20 20000*71 20000 0*6",
			"gen output_voltage/L1 0*14 230*6 230*98",
			"gen output_voltage/L2 0*14 230*6 230 207 219 225 229 230*93",
			"gen output_frequency 0*14 50*6 50 47 48.5 49.2 50*40 50.3 50*53",
			"gen fuel_level 80*60 79*58",
		}, `time_to_start gen 7 at 7
time_run gen 105 at 2
fuel_used gen 1 at 107
time_to_load gen 10 at 10
time_carried gen 92 at 10
load_mean gen 5.332e+04
load_max gen 6e+04 at 30
energy gen 1362
voltage_dip gen 10 at 11
voltage_settling gen 3 at 13
frequency_dip gen 6 at 11
frequency_settling gen 3 at 13
frequency_deviation gen 0.6 at 54
`},
		{"a generator that does not start", []string{"gen status stopped*12 starting*15 fault*10", "gen fuel_level 80*37", "gen carries no*37"},
			"fuel_used gen 0 at 26\ntime_to_start gen: it did not start\ntime_to_load gen: it did not carry\n"},
		{"on load before it was ever seen at speed", []string{"gen status starting*15 running*15", "gen carries no*15 yes*15", "gen output_voltage/L1 0*15 228 230*14",
			"gen output_frequency 0*15 49*2 50*13"},
			`time_to_start gen 5 at 5
time_run gen 29 at -10
time_to_load gen 5 at 5
time_carried gen 14 at 5
voltage_dip gen 0.8696 at 5
voltage_settling gen 0 at 5
frequency_dip gen 2 at 5
frequency_settling gen 0 at 5
fuel_used gen: its fuel level is not measured
load_mean gen: its power is not measured
frequency_deviation gen: there are too few readings
`},
		{"two times on load, unmetered", []string{"gen status stopped*10 running*30", "gen carries no*15 yes*5 no*2 yes*9 no*9"},
			`time_to_start gen 0 at 0
time_run gen 29 at 0
time_to_load gen 5 at 5
time_carried gen 14 at 5
time_carried_unbroken gen 9 at 12
fuel_used gen: its fuel level is not measured
load_mean gen: its power is not measured
voltage_dip gen: there are too few readings
frequency_dip gen: there are too few readings
frequency_deviation gen: there are too few readings
`},
		{"batteries", []string{
			"ups status online*10 on_battery*8 unknown on_battery online*20",
			"ups battery_charge 100*12 98 96 95 94 93*3 94*2 96*5 99*10 100*2",
			"ups battery_runtime 900*12 600*6 700*20",
			"dc battery_status normal*10 discharging*30",
			"dc battery_charge 100*10 90*30",
		}, `time_on_battery ups 10 at 0
battery_runtime_min ups 600 at 2
battery_drained ups 7 at 6
battery_charge_min ups 93 at 6
time_to_recover ups 6 at 16
time_on_battery dc 29 at 0
battery_drained dc 10 at 0
battery_charge_min dc 90 at 0
time_to_recover dc: the battery was still charging when the recording ended
`},
		{"a UPS goes down", []string{"ups status online*10 on_battery*5 off*5 online*5", "msb supply live*10 dead*12 live*3", "ats transfer preferred*25"},
			"time_dead msb 12 at 0\ntime_lost ups 5 at 5\ntime_on_battery ups 5 at 0\nbattery_drained ups: its charge is not measured\n"},
		{"cooling", []string{
			"cool-1 status running*10 fault*20 running*10",
			"cool-2 status running*20 off*20",
			"aisle temperature/low 20*12 21 22 23*10 25*3 24*13",
			"aisle temperature/high 21*12 22 25 26*10 28.5*3 24*13",
			"yard temperature 5*20 9*20",
		}, `cooling_off cool-1 20 at 0
cooling_off cool-2 19 at 10
time_uncooled  10 at 10
temperature_rise aisle 7.5 at 14
`},
		{"before it began", []string{"ups status on_battery*3 online*37", "cool-1 status running*40"}, "time_on_battery ups 3 at -10\nbattery_drained ups: its charge is not measured\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := said(recordOf(t, test.series...)); got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
		})
	}
}

// TestStillWatched: of a battery that charges while it is recorded nobody says
// that it did not recover.
func TestStillWatched(t *testing.T) {
	r := recordOf(t, "ups status online*10 on_battery*5 online*5", "ups battery_charge 100*10 90*10")
	if len(r.NotObserved) != 1 {
		t.Errorf("when it was recorded: %+v", r.NotObserved)
	}
	r.Watched = time.Time{}
	if r.measure(); len(r.NotObserved) > 0 {
		t.Errorf("while it is recorded: %+v", r.NotObserved)
	}
}

// TestBeforeIncident: what began well before an incident is no part of it.
func TestBeforeIncident(t *testing.T) {
	r := recordOf(t, "ups status on_battery*3 online*37 on_battery*5 online", "ups battery_charge 100*46")
	r.Began = zero.Add(20 * time.Second)
	r.measure()
	if f := r.figure(TimeOnBattery, "ups"); f == nil || f.Value != 5 {
		t.Errorf("on battery: %+v, want 5 s", f)
	}
}

// TestTransitions: what changed, unknown states left out.
func TestTransitions(t *testing.T) {
	r := recordOf(t, "ups status online*10 unknown on_battery*2 online", "ups up 1*11 0*2 1", "ups battery_charge 100 99 98")
	got := ""
	for _, tr := range r.Transitions {
		got += fmt.Sprintf("%v %s %s->%s\n", tr.Time.Sub(zero).Seconds(), tr.Metric, tr.From, tr.To)
	}
	if want := "1 status online->on_battery\n1 up up->silent\n3 status on_battery->online\n3 up silent->up\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestCriteria: each is met or not by its figure; what was not observed is not.
func TestCriteria(t *testing.T) {
	series := []string{
		"gen status stopped*12 starting*5 running*60", "gen carries no*20 yes*50 no*7", "gen output_power 0*20 50000*57", "gen output_frequency 50*40 50.4*37",
		"ats transfer preferred*19 other*58", "ups status online*10 on_battery*12 online*55", "ups battery_charge 100*15 90*62",
	}
	for _, test := range []struct {
		plan  Plan
		unmet string
	}{
		{Plan{StartWithin: 7 * time.Second, LoadWithin: 10 * time.Second, TransferWithin: 9 * time.Second, Carry: 50 * time.Second,
			Load: 40000, Frequency: 1, Charge: 90, Run: 60 * time.Second}, ""},
		{Plan{StartWithin: 6 * time.Second}, TimeToStart}, {Plan{LoadWithin: 9 * time.Second}, TimeToLoad},
		{Plan{TransferWithin: 8 * time.Second}, TimeToTransfer}, {Plan{Carry: 51 * time.Second}, TimeCarried}, {Plan{Load: 60000}, LoadMean},
		{Plan{Frequency: 0.5}, FrequencyDeviation}, {Plan{Charge: 91}, ChargeLowest}, {Plan{Run: time.Hour}, TimeRun},
		{Plan{Device: "other", StartWithin: time.Minute}, TimeToStart},
	} {
		r := recordOf(t, series...)
		r.judge(&test.plan)
		unmet := ""
		for _, c := range r.Criteria {
			if !c.Met {
				unmet += c.Name
			}
			if c.Text.EN == "" || c.Text.CS == "" || c.Measured != nil && math.IsNaN(*c.Measured) {
				t.Errorf("%+v", c)
			}
		}
		if unmet != test.unmet || (r.Verdict == Passed) != (test.unmet == "") {
			t.Errorf("%+v: %s, not met: %s; want %s", test.plan, r.Verdict, unmet, test.unmet)
		}
	}
	idle := recordOf(t, "gen status stopped*77", "ups status online*77")
	for _, kind := range []string{Blackout, Start} {
		if idle.judge(&Plan{Kind: kind}); idle.Verdict != Failed || idle.Criteria[0].Text.EN != "Generator, running time: not observed (at least 1 s)" {
			t.Errorf("a test of kind %s in which nothing happened: %s %+v", kind, idle.Verdict, idle.Criteria)
		}
		ran := recordOf(t, series...)
		if ran.judge(&Plan{Kind: kind}); ran.Verdict != Passed || len(ran.Criteria) > 0 {
			t.Errorf("a test of kind %s without criteria: %s %+v", kind, ran.Verdict, ran.Criteria)
		}
	}
	broken := recordOf(t, "gen status stopped*10 starting*20 fault*10", "gen carries no*40")
	if broken.judge(&Plan{StartWithin: time.Minute}); broken.Criteria[0].Text.EN != "Generator, time to run at speed: it did not start (at most 60 s)" {
		t.Errorf("a generator that does not start: %+v", broken.Criteria)
	}
	r := recordOf(t, "gen status stopped*10 running*20", "gen carries no*30", "gen fuel_level 80*30")
	if r.judge(&Plan{Kind: Start}); r.Verdict != Passed || len(r.NotObserved) > 0 {
		t.Errorf("a start without load: %s, not observed: %+v", r.Verdict, r.NotObserved)
	}
	r = recordOf(t, "ups status online*10 off*5 online*5")
	if r.judge(nil); r.Verdict != Failed {
		t.Error("a test passed in which a UPS gave nothing")
	}
	if c := r.Criteria[0].Text; c != (agent.Words{EN: "UPS, time without output: 5 s (at most 0 s)", CS: "UPS, doba bez výstupu: 5 s (nejvýše 0 s)"}) {
		t.Errorf("%+v", c)
	}
}

// TestNothingTakesLessThanNoTime: what was seen before the cause, which is polled
// now and then only, took no time.
func TestNothingTakesLessThanNoTime(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, nil)
	p.well(20)
	for range 5 {
		p.say("ats", "selected_source=b preferred_source=a")
		p.now("gen", "status=on_load mode=auto output_power=50000")
	}
	p.now("msb", "voltage/L1=0 voltage/L2=0 voltage/L3=0")
	p.well(200)
	r := p.record(dir)
	r.Began = r.Began.Add(3 * time.Second) // as where the first who saw it was another
	r.measure()
	for _, name := range []string{TimeToStart, TimeToLoad} {
		if f := r.figure(name, "gen"); f == nil || f.Value != 0 {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if f := r.figure(TimeToTransfer, "ats"); f == nil || f.Value != 0 {
		t.Errorf("%+v", f)
	}
}
