package events

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plantroom/agent"
	"plantroom/config"
)

// open returns an engine that is closed when the test ends.
func open(t testing.TB, o Options, s Setup) *Engine {
	t.Helper()
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	e.Configure(s)
	return e
}

// A plant is a few devices whose readings a test makes by hand, a poll a
// second.
type plant struct {
	t      *testing.T
	e      *Engine
	start  time.Time
	at     time.Duration // of the next poll
	points map[string]*agent.Point
	setup  Setup
	told   []agent.Event
}

// The devices of a plant: mains -> msb -> ats (and gen on its other source) ->
// ups; a cooling unit on the ats, and a UPS elsewhere that hangs on nothing here.
func newPlant(t *testing.T, o Options, more func(*Setup)) *plant {
	t.Helper()
	p := &plant{t: t, start: time.Date(2026, 11, 4, 8, 0, 0, 0, time.Local).UTC(), points: map[string]*agent.Point{}}
	feeds := func(ids ...string) (f []agent.Feed) {
		for _, id := range ids {
			f = append(f, agent.Feed{To: id})
		}
		return f
	}
	for _, d := range []agent.Device{
		{ID: "msb", Name: "Main switchboard", Class: "switchboard", Feeds: feeds("ats")},
		{ID: "gen", Name: "Generator", Class: "generator", Feeds: feeds("ats")},
		{ID: "ats", Name: "ATS", Class: "ats", Feeds: feeds("ups", "cooler")},
		{ID: "ups", Name: "UPS", Class: "ups", Labels: []agent.Label{{Name: "room", Value: "hall"}}},
		{ID: "cooler", Name: "Cooler", Class: "cooling"},
		{ID: "mains-2", Name: "Other mains", Class: "switchboard", Feeds: feeds("ups-2")},
		{ID: "ups-2", Name: "Other UPS", Class: "ups"},
		{ID: "sensor", Name: "Sensor", Class: "climate"},
		{ID: "pdu", Name: "PDU", Class: "pdu"},
	} {
		d.Every = time.Second
		p.setup.Devices = append(p.setup.Devices, &d)
		p.setup.Nodes = append(p.setup.Nodes, Node{d.ID, d.Class, d.Feeds})
	}
	if more != nil {
		more(&p.setup)
	}
	p.open(o)
	return p
}

// open opens an engine, also after another that was killed. What is kept is
// kept when a test says Flush: one that was killed does not write any more
// while the next reads, and nobody announces beside the test.
func (p *plant) open(o Options) {
	p.t.Helper()
	o.Agent = "edge-1"
	o.Announce = func(ev *agent.Event) { p.told = append(p.told, *ev) }
	p.e = open(p.t, o, p.setup)
	still(p.e)
}

// still ends the goroutine of an engine's keeper: its work is done by Flush and
// Close.
func still(e *Engine) {
	close(e.keeper.quit)
	<-e.keeper.done
	e.keeper.quit = make(chan struct{})
}

func (p *plant) device(id string) *agent.Device {
	for _, d := range p.setup.Devices {
		if d.ID == id {
			return d
		}
	}
	p.t.Fatalf("no device %s", id)
	return nil
}

// say polls a device: "status=on_battery battery_charge=98 voltage/L1=230
// battery_charge=bad x_other_alarm=active:1.3.6,1.3.7". Without any it does not
// answer.
func (p *plant) say(id, readings string) {
	p.t.Helper()
	d := p.device(id)
	at := p.start.Add(p.at)
	poll := &agent.Poll{Device: d, Time: at}
	for _, r := range strings.Fields(readings) {
		name, value, _ := strings.Cut(r, "=")
		key := id + " " + name
		metric, channel, _ := strings.Cut(name, "/")
		pt := p.points[key]
		if pt == nil {
			m := config.Lookup(d.Class, metric)
			if strings.HasPrefix(metric, "x_") {
				m = &agent.Metric{Class: d.Class, Name: metric, Kind: agent.State,
					States: []string{"unknown", "clear", "active", "warning", "shutdown", "electrical_trip", "controlled_shutdown", "indication"}}
			}
			pt = &agent.Point{Device: d, Metric: m, Channel: channel}
			p.points[key] = pt
		}
		rd := agent.Reading{Point: pt, Time: at}
		value, rd.Raw, _ = strings.Cut(value, ":")
		rd.Raw = strings.ReplaceAll(rd.Raw, ",", ", ")
		var v float64
		switch code, ok := pt.Metric.Code(value); {
		case value == "bad":
			rd.Quality, rd.Why = agent.Bad, "timeout"
		case strings.HasPrefix(value, "?"):
			fmt.Sscan(value[1:], &rd.Value)
			rd.Quality = agent.Suspect
		case ok:
			rd.Value = float64(code)
		default:
			if _, err := fmt.Sscan(value, &v); err != nil {
				p.t.Fatalf("%s: %v", r, err)
			}
			rd.Value = v
		}
		poll.Readings = append(poll.Readings, rd)
	}
	if readings == "" {
		poll.Err, poll.Failures = errors.New("timeout"), 1
		if old := p.e.devices[id]; old != nil && !old.silentSince.IsZero() {
			poll.Failures = int(at.Sub(old.silentSince)/time.Second) + 1
		}
	}
	p.e.Observe(poll)
}

// own gives a device a state of its profile's own.
func (p *plant) own(id, metric string, words ...string) {
	d := p.device(id)
	m := &agent.Metric{Class: d.Class, Name: metric, Kind: agent.State, States: append([]string{"unknown"}, words...)}
	p.points[id+" "+metric] = &agent.Point{Device: d, Metric: m}
}

// well has every device say that it is well, n times, a second each.
func (p *plant) well(n int) {
	p.t.Helper()
	for range n {
		p.say("msb", "voltage/L1=230 voltage/L2=230 voltage/L3=230 breaker=closed")
		p.say("gen", "status=stopped mode=auto output_power=0")
		p.say("ats", "selected_source=a preferred_source=a")
		p.say("ups", "status=online battery_charge=100")
		p.say("cooler", "status=running mode=free_cooling")
		p.say("mains-2", "voltage/L1=230")
		p.say("ups-2", "status=online battery_charge=100")
		p.at += time.Second
	}
}

// now says a device's poll and lets a second pass.
func (p *plant) now(id, readings string) {
	p.t.Helper()
	p.say(id, readings)
	p.at += time.Second
}

// record returns the only record that there is in a folder, with its series.
func (p *plant) record(dir string) *Record {
	p.t.Helper()
	p.e.Flush()
	all, err := List(dir)
	if err != nil || len(all) != 1 {
		p.t.Fatal(all, err)
	}
	r, err := Load(dir, all[0].ID)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// lines returns all events, oldest first: from..to severity text [< parent's text].
func (p *plant) lines() []string {
	var lines []string
	text := map[string]string{}
	all := p.e.Events(agent.EventQuery{})
	for _, e := range all {
		text[e.ID] = e.Text.EN
	}
	for _, e := range slices.Backward(all) {
		line := fmt.Sprintf("%v..", e.Began.Sub(p.start).Seconds())
		if !e.Active() {
			line += fmt.Sprint(e.Ended.Sub(p.start).Seconds())
		}
		line += fmt.Sprintf(" %s %s", e.Severity, e.Text.EN)
		if e.Parent != "" {
			line += " < " + text[e.Parent]
		}
		lines = append(lines, line)
	}
	return lines
}

func (p *plant) want(want ...string) {
	p.t.Helper()
	if diff := cmp.Diff(want, p.lines()); diff != "" {
		p.t.Errorf("events: (-want +got)\n%s", diff)
	}
}

// TestAlarmTable: an alarm of a device's table is an event while its row is
// there; a table that could not be read ends none.
func TestAlarmTable(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	p.now("ups", "x_alarm_fuse_failure=clear x_alarm_general_fault=clear x_alarm_ups_off_as_requested=clear")
	p.now("ups", "x_alarm_fuse_failure=active x_alarm_general_fault=clear x_alarm_ups_off_as_requested=clear")
	p.now("ups", "x_alarm_fuse_failure=bad x_alarm_general_fault=bad x_alarm_ups_off_as_requested=bad")
	p.now("ups", "x_alarm_fuse_failure=active x_alarm_general_fault=active x_alarm_ups_off_as_requested=active")
	p.now("ups", "x_alarm_fuse_failure=clear x_alarm_general_fault=active x_alarm_ups_off_as_requested=active")
	p.now("ups", "x_alarm_fuse_failure=clear x_alarm_general_fault=clear x_alarm_ups_off_as_requested=clear")
	p.now("ups", "x_alarm_on_battery=active x_alarm_on_bypass=active x_alarm_test_in_progress=active") // the status tells
	p.want(
		"1..4 warning UPS reports: fuse failure",
		"3..5 alarm UPS reports: general fault",
		"3..5 info UPS reports: ups off as requested",
	)
	if cs := p.e.Events(agent.EventQuery{})[2].Text.CS; cs != "UPS hlásí: porucha pojistky" {
		t.Errorf("in Czech: %s", cs)
	}
}

// TestUnlistedAlarm: what a device says of alarms that have no name is in the
// words of the one that stands for them, all that it said while the event lasts.
func TestUnlistedAlarm(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, nil)
	p.now("ups", "x_other_alarm=clear")
	p.now("ups", "x_other_alarm=active:1.3.6.2.15")
	p.now("ups", "x_other_alarm=active:1.3.6.2.15")
	p.now("ups", "x_other_alarm=active:1.3.6.2.1,1.3.6.2.15")
	p.now("ups", "x_other_alarm=active:1.3.6.2.1")
	if n := len(p.told); n != 2 {
		t.Errorf("told %d times; want 2", n)
	}
	p.open(Options{Dir: dir}) // after a restart the same event goes on
	p.now("ups", "x_other_alarm=active:1.3.6.2.1")
	p.now("ups", "x_other_alarm=active:1.3.6.2.7")
	p.now("ups", "x_other_alarm=clear")
	p.now("ups", "x_other_alarm=active")
	p.want(
		"1..7 warning UPS reports: other alarm (1.3.6.2.15) (1.3.6.2.1) (1.3.6.2.7)",
		"8.. warning UPS reports: other alarm",
	)
	if cs := p.told[0].Text.CS; cs != "UPS hlásí: jiný alarm (1.3.6.2.15)" {
		t.Errorf("in Czech: %s", cs)
	}
	p.now("ups", "x_other_alarm=active:"+strings.Repeat("1.3.6.2.9,", 200)+strings.Repeat("9", mostWords))
	for i := range 1000 {
		p.now("ups", fmt.Sprintf("x_other_alarm=active:1.3.6.2.%d", i))
	}
	if n := len(p.e.Active()[0].Text.CS); n > mostWords+50 || n < mostWords-50 {
		t.Errorf("%d bytes of words", n)
	}
}

// TestGradedAlarms: an alarm is as bad as its own word says, and one that sums
// up others is told where none of these is. In an incident both are part of it.
func TestGradedAlarms(t *testing.T) {
	p := newPlant(t, Options{Dir: t.TempDir()}, nil)
	p.well(2)
	p.dead(1) // the incident is that of the mains
	p.now("gen", "x_shutdown_alarm=clear x_electrical_trip=clear x_warning_alarm=clear x_alarm_fail_to_start=clear x_alarm_low_fuel_level=clear")
	p.now("gen", "x_shutdown_alarm=active x_electrical_trip=clear x_warning_alarm=clear x_alarm_fail_to_start=shutdown x_alarm_low_fuel_level=clear")
	p.now("gen", "x_shutdown_alarm=active x_electrical_trip=clear x_warning_alarm=active x_alarm_fail_to_start=shutdown x_alarm_low_fuel_level=warning")
	p.now("gen", "x_shutdown_alarm=clear x_electrical_trip=active x_warning_alarm=active x_alarm_fail_to_start=clear x_alarm_low_fuel_level=electrical_trip")
	p.now("gen", "x_shutdown_alarm=clear x_electrical_trip=active x_warning_alarm=clear x_alarm_fail_to_start=clear x_alarm_low_fuel_level=bad")
	p.now("gen", "x_shutdown_alarm=clear x_electrical_trip=clear x_warning_alarm=clear x_alarm_fail_to_start=indication x_alarm_low_fuel_level=clear")
	p.now("gen", "x_shutdown_alarm=active x_electrical_trip=clear x_warning_alarm=clear x_alarm_fail_to_start=unknown x_alarm_mains_failed=warning x_alarm_can_ecu_data_fail=warning")
	of := " < Mains failure: Main switchboard has no voltage"
	p.want(
		"2.. alarm UPS is on battery"+of,
		"2.. alarm Mains failure: Main switchboard has no voltage",
		"2.. alarm Main switchboard has no voltage"+of,
		"2.. warning Cooler has stopped"+of,
		"4..6 alarm Generator reports: fail to start (shutdown)"+of,
		"5..6 warning Generator reports: low fuel level"+of,
		"6..8 alarm Generator reports: low fuel level (electrical trip)"+of,
		"6..7 warning Generator reports: warning alarm"+of, // which names no one
		"8.. info Generator reports: fail to start"+of,
		"9.. warning Generator reports: mains failed"+of,
		"9.. warning Generator reports: CAN ECU data fail"+of,
		"9.. alarm Generator reports: shutdown alarm"+of,
	)
	events := p.e.Events(agent.EventQuery{})
	for i, want := range map[int]string{7: "Generator hlásí: nezdařený start (odstavení)", 6: "Generator hlásí: nízká hladina paliva", 5: "Generator hlásí: nízká hladina paliva (odpojení zátěže)"} {
		if cs := events[i].Text.CS; cs != want {
			t.Errorf("in Czech: %s, want %s", cs, want)
		}
	}
}

// TestStartFailure: a controller whose alarms have no grade says by the alarm
// alone how bad it is.
func TestStartFailure(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	p.now("gen", "x_alarm_fail_to_start=active x_alarm_generator_high_voltage/U>1=active x_alarm_maintenance_due/timer=active")
	p.want(
		"0.. alarm Generator reports: fail to start",
		"0.. warning Generator (U>1) reports: generator high voltage",
		"0.. info Generator (timer) reports: maintenance due",
	)
}

// TestGradedAlarmsAreKept: what lasts goes on after a kill, and is the same
// part of its incident.
func TestGradedAlarmsAreKept(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, nil)
	p.now("gen", "x_shutdown_alarm=active x_alarm_emergency_stop=shutdown")
	p.now("cooler", "x_alarm_high_pressure=shutdown")
	id := p.e.Active()[0].ID
	p.open(Options{Dir: dir})
	for range 90 { // the cooler was not polled yet, and its incident does not end
		p.now("msb", "voltage/L1=230")
	}
	p.now("gen", "x_shutdown_alarm=active x_alarm_emergency_stop=shutdown")
	p.now("cooler", "x_alarm_high_pressure=shutdown")
	p.want(
		"0.. alarm Generator reports: emergency stop (shutdown)",
		"1.. alarm Cooler reports: high pressure (shutdown) < Cooling failure: Cooler reports: high pressure (shutdown)",
		"1.. alarm Cooling failure: Cooler reports: high pressure (shutdown)",
	)
	if p.e.Active()[0].ID != id {
		t.Errorf("%s has become %s", id, p.e.Active()[0].ID)
	}
}

// TestStates: a state is an event as long as readings show it; those that say
// nothing neither end it nor begin another.
func TestStates(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	p.now("pdu", "breaker/1=open breaker/2=closed") // the first is meant to be
	p.now("pdu", "breaker/1=open breaker/2=open")
	p.now("pdu", "breaker/1=bad breaker/2=bad")
	p.now("pdu", "breaker/1=unknown breaker/2=unknown")
	p.now("pdu", "")
	p.now("pdu", "breaker/1=open breaker/2=closed")
	p.now("cooler", "status=off mode=free_cooling") // may be meant to be
	p.now("cooler", "status=running mode=mechanical")
	p.now("cooler", "status=running mode=mechanical")
	p.now("sensor", "door/rack=open")
	p.now("sensor", "door/rack=?1")
	p.now("sensor", "door/rack=closed")
	p.now("gen", "x_battery_fault=active mode=manual")
	p.now("gen", "x_battery_fault=clear mode=auto")
	p.now("ups", "alarms_active=2")
	for range 6 {
		p.now("ups", "alarms_active=2")
	}
	p.now("ups", "alarms_active=0")
	p.want(
		"1..5 warning PDU (2): the breaker is open",
		"7..7 info Cooler now cools mechanically",
		"9..11 info Sensor (rack): the door is open",
		"12..13 alarm Generator reports: battery fault",
		"12..13 warning Generator is in manual, it will not start by itself",
		"14..21 warning UPS reports 2 alarms",
	)
}

// TestSwitchOnItsWay: that a transfer switch is on neither source is an event
// only where it stays there.
func TestSwitchOnItsWay(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	p.well(1)
	p.now("ats", "selected_source=none preferred_source=a")
	p.now("ats", "selected_source=a preferred_source=a")
	for range 5 {
		p.now("ats", "selected_source=none preferred_source=a")
	}
	p.now("ats", "selected_source=b preferred_source=b")
	p.want(
		"3..8 alarm ATS is on neither source < Transfer to the other source: ATS is on neither source",
		"3.. alarm Transfer to the other source: ATS is on neither source",
	)
}

// TestBoardBetweenPhases: a meter that knows voltages between phases only tells
// of dead mains too, and one whose phases are not all read does not.
func TestBoardBetweenPhases(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	p.now("msb", "voltage/L1-L2=400 voltage/L2-L3=400 voltage/L3-L1=400")
	p.now("msb", "voltage/L1-L2=0 voltage/L2-L3=bad voltage/L3-L1=0")
	p.now("msb", "voltage/L1-L2=0 voltage/L2-L3=400 voltage/L3-L1=0")
	p.now("msb", "voltage/L1-L2=0 voltage/L2-L3=0 voltage/L3-L1=0")
	p.now("mains-2", "voltage/L1=230 voltage/L1-L2=400")
	p.now("mains-2", "voltage/L1=0 voltage/L1-L2=400")
	p.want(
		"2..3 alarm Main switchboard has lost a phase < Mains failure: Main switchboard has no voltage",
		"2.. alarm Mains failure: Main switchboard has no voltage",
		"3.. alarm Main switchboard has no voltage < Mains failure: Main switchboard has no voltage",
		"5.. alarm Other mains has no voltage < Mains failure: Other mains has no voltage",
		"5.. alarm Mains failure: Other mains has no voltage",
	)
}

// TestLimits: bounds with their hysteresis, delays and rates, by how
// particular they are.
func TestLimits(t *testing.T) {
	seconds := func(n int) *time.Duration { d := time.Duration(n) * time.Second; return &d }
	for _, test := range []struct {
		name   string
		limits []Limit
		values string // of a second each; - is missing
		want   []string
	}{
		{"high and hysteresis", []Limit{{WarnHigh: number(30), AlarmHigh: number(40), Hysteresis: number(2)}},
			"29 31 29 28.5 28 41 39 38 29 27",
			[]string{"1..4 warning UPS: battery charge 31 %, above 30 %", "5..9 alarm UPS: battery charge 41 %, above 40 %"}},
		{"low", []Limit{{WarnLow: number(50), AlarmLow: number(20)}},
			"51 49 19 20.3 50.5 51 52",
			[]string{"1..5 alarm UPS: battery charge 19 %, below 20 %"}},
		{"delays", []Limit{{WarnHigh: number(30), Hysteresis: number(0), Delay: seconds(2), ClearDelay: seconds(3)}},
			"31 31 29 31 31 31 29 29 31 29 29 29 29",
			[]string{"3..9 warning UPS: battery charge 31 %, above 30 %"}},
		{"what says nothing", []Limit{{WarnHigh: number(30)}},
			"31 bad ?20 - 20",
			[]string{"0..4 warning UPS: battery charge 31 %, above 30 %"}},
		{"a device before a label before all", []Limit{
			{Device: "ups", AlarmHigh: number(math.Inf(1)), WarnHigh: number(70)},
			{Labels: map[string]string{"room": "hall"}, WarnHigh: number(60), AlarmHigh: number(80)},
			{WarnHigh: number(10)}},
			"65 75 85",
			[]string{"1.. warning UPS: battery charge 75 %, above 70 %; peak 85 % at 08:00"}},
		{"of another room", []Limit{{Labels: map[string]string{"room": "office"}, WarnHigh: number(10)}}, "65", nil},
		{"off", []Limit{{WarnHigh: number(10)}, {Device: "ups", Off: true}}, "65", nil},
		{"off but for one bound", []Limit{{WarnHigh: number(10)}, {Labels: map[string]string{"room": "hall"}, Off: true}, {Device: "ups", WarnLow: number(66)}}, "65",
			[]string{"0.. warning UPS: battery charge 65 %, below 66 %"}},
		{"rate", []Limit{{WarnRate: number(20), RateOver: seconds(8)}},
			"10 10 10 10 10 10 11 12 13 14 14 14 14 14 14 14",
			[]string{"8..15 warning UPS: battery charge rises by 22.5 % a minute; peak 30 % a minute at 08:00"}},
		{"up, and down again", []Limit{{WarnRate: number(20), RateOver: seconds(8)}},
			"10 10 10 10 10 10 10 10 10 40 40 40 40 40 40 40 40 10 10 10 10 10 10 10 10 10",
			[]string{"9..17 warning UPS: battery charge rises by 225 % a minute", "17..25 warning UPS: battery charge falls by 225 % a minute"}},
		{"about the bound of an alarm", []Limit{{WarnHigh: number(30), AlarmHigh: number(40), Delay: seconds(4), ClearDelay: seconds(4)}},
			"31 39 41 39 41 39 41 39 41 39 41 41 41 41 41 39 29 39 29 39 29 29 29 29 29",
			[]string{"0..20 alarm UPS: battery charge 41 %, above 40 %"}},
		{"from one bound beyond the other", []Limit{{WarnHigh: number(70), WarnLow: number(30)}},
			"50 75 80 20 10 50",
			[]string{"1..3 warning UPS: battery charge 75 %, above 70 %; peak 80 % at 08:00", "3..5 warning UPS: battery charge 20 %, below 30 %; lowest 10 % at 08:00"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPlant(t, Options{}, func(s *Setup) {
				for _, l := range test.limits {
					l.Class, l.Metric = "ups", "battery_charge"
					s.Limits = append(s.Limits, l)
				}
			})
			for _, v := range strings.Fields(test.values) {
				if v == "-" {
					p.now("ups", "status=online")
				} else {
					p.now("ups", "battery_charge="+v)
				}
			}
			p.want(test.want...)
		})
	}
}

// TestRateOfSlowPolls: how fast a value moves is known of a sensor that is polled
// no oftener than the rate is measured over, too; but not across a long silence.
func TestRateOfSlowPolls(t *testing.T) {
	for _, every := range []time.Duration{10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute} {
		t.Run(every.String(), func(t *testing.T) {
			p := newPlant(t, Options{}, func(s *Setup) {
				s.Limits = []Limit{{Class: "climate", Metric: "temperature", WarnRate: number(1)}}
			})
			p.device("sensor").Every = every
			at := func(celsius float64) {
				p.say("sensor", fmt.Sprint("temperature=", celsius))
				p.at += every
			}
			rise := 2 * every.Minutes()
			for i := range 10 {
				at(20 + rise*float64(i))
			}
			if got := p.lines(); len(got) != 1 || !strings.Contains(got[0], "warning Sensor: temperature rises by 2 °C a minute") {
				t.Errorf("while it rises: %q", got)
			}
			for range 10 {
				at(20)
			}
			if active := p.e.Active(); len(active) > 0 {
				t.Errorf("when it has fallen: %v", active)
			}
			p.at += 24 * time.Hour
			at(20 - 25*60)
			if got := p.lines(); len(got) > 2 {
				t.Errorf("after a silence: %q", got)
			}
		})
	}
}

// TestLimitOfAFrequency: what is a hundredth off is back when it is as it should be.
func TestLimitOfAFrequency(t *testing.T) {
	p := newPlant(t, Options{}, func(s *Setup) {
		s.Limits = []Limit{{Class: "switchboard", Metric: "frequency", WarnHigh: number(50.5), WarnLow: number(49.5)}}
	})
	for _, hz := range []string{"50.1", "50.53", "50.6", "50.45", "50.2", "49.48", "49.55", "50.1"} {
		p.now("msb", "frequency="+hz)
	}
	p.want("1..4 warning Main switchboard: frequency 50.53 Hz, above 50.5 Hz; peak 50.6 Hz at 08:00", "5..7 warning Main switchboard: frequency 49.48 Hz, below 49.5 Hz")
}

// TestLimitOnItsWayBack: what is not an alarm any more is a warning, and says
// nothing of a value that is not so; when it is over it is what it came to.
func TestLimitOnItsWayBack(t *testing.T) {
	p := newPlant(t, Options{}, func(s *Setup) {
		s.Limits = []Limit{{Class: "ups", Metric: "battery_charge", WarnLow: number(50), AlarmLow: number(20)},
			{Class: "climate", Metric: "temperature", WarnHigh: number(27), AlarmHigh: number(32), Hysteresis: number(1)}}
	})
	for _, v := range []string{"19", "50.5", "52"} {
		p.now("ups", "battery_charge="+v)
	}
	for _, v := range []string{"33", "30", "33", "26.5", "25"} {
		p.now("sensor", "temperature="+v)
	}
	var told []string
	for _, e := range p.told {
		told = append(told, e.Severity.String()+" "+e.Text.EN)
	}
	if diff := cmp.Diff([]string{
		"alarm UPS: battery charge 19 %, below 20 %", "warning UPS: battery charge 50.5 %, hardly above 50 %; lowest 19 % at 08:00", "alarm UPS: battery charge 19 %, below 20 %",
		"alarm Sensor: temperature 33 °C, above 32 °C", "warning Sensor: temperature 30 °C, above 27 °C; peak 33 °C at 08:00", "alarm Sensor: temperature 33 °C, above 32 °C",
		"warning Sensor: temperature 26.5 °C, hardly below 27 °C; peak 33 °C at 08:00", "alarm Sensor: temperature 33 °C, above 32 °C",
	}, told); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestLimitsOfParts: what the device as a whole is beyond of is told once, and
// of its phases only what is more or was told before.
func TestLimitsOfParts(t *testing.T) {
	delay, own := 2*time.Second, "L3"
	p := newPlant(t, Options{}, func(s *Setup) {
		s.Limits = []Limit{
			{Class: "ups", Metric: "output_load", WarnHigh: number(85), AlarmHigh: number(100), Delay: &delay},
			{Class: "ups", Metric: "output_load", Channel: &own, WarnHigh: number(95)},
		}
	})
	for _, loads := range []string{
		"60 90 50 40", "60 90 50 40", "60 90 50 40", // one phase, for the delay
		"60 60 50 40",                               // and no more
		"91 90 91 92", "91 90 91 92", "91 90 91 92", // all of it; the first phase comes before it
		"92 91 92 101", "92 91 92 101", "92 91 92 101", // one phase has worse, and limits of its own
		"70 89 60 60", "70 89 60 60", // the whole is well, one phase is not
		"60 60 60 60",
	} {
		var v [4]string
		copy(v[:], strings.Fields(loads))
		p.now("ups", fmt.Sprintf("output_load/L1=%s output_load=%s output_load/L2=%s output_load/L3=%s", v[1], v[0], v[2], v[3]))
	}
	p.want(
		"0..3 warning UPS (L1): output load 90 %, above 85 %",
		"4..10 warning UPS: output load 91 %, above 85 %; peak 92 % at 08:00",
		"7..10 alarm UPS (L3): output load 101 %, above 100 %",
		"4..12 warning UPS (L1): output load 89 %, above 85 %; peak 91 % at 08:00",
	)
}

// TestStateLimits: the configuration makes a state an event, or another one.
func TestStateLimits(t *testing.T) {
	fuel := "fuel"
	p := newPlant(t, Options{}, func(s *Setup) {
		s.Limits = []Limit{
			{Class: "climate", Metric: "contact", Channel: &fuel, AlarmOn: []string{"closed"}},
			{Class: "climate", Metric: "door", WarnOn: []string{"open"}},
		}
	})
	p.now("sensor", "contact/fuel=closed contact/other=closed door=open")
	p.now("sensor", "contact/fuel=open contact/other=open door=closed")
	p.want(
		"0..1 alarm Sensor (fuel): contact is closed",
		"0..1 warning Sensor: the door is open",
	)
}

// TestStatesOff: a state that is to be no event is none, also one that lasts, unless a
// more particular limit makes it one; in the words that it has.
func TestStatesOff(t *testing.T) {
	front := "front"
	p := newPlant(t, Options{}, nil)
	say := func(n int) {
		for range n {
			p.say("sensor", "door=open door/front=open smoke=alarm")
			p.now("pdu", "alarms_active=2")
		}
	}
	say(6)
	if n := len(p.e.Active()); n != 5 {
		t.Errorf("%d events: %q", n, p.lines())
	}
	p.setup.Limits = []Limit{
		{Class: "climate", Metric: "door", Off: true},
		{Class: "climate", Metric: "door", Channel: &front, WarnOn: []string{"open"}},
		{Class: "pdu", Metric: "alarms_active", Off: true},
	}
	p.e.Configure(p.setup)
	say(6)
	var lasts []string
	for _, ev := range p.e.Active() {
		lasts = append(lasts, ev.Text.EN)
	}
	slices.Sort(lasts)
	if diff := cmp.Diff([]string{"Sensor (front): the door is open", "Sensor: smoke", "Smoke: Sensor: smoke"}, lasts); diff != "" {
		t.Errorf("lasts: (-want +got)\n%s", diff)
	}
}

// TestAbsence: a device that does not answer, and a value that it does not
// give any more.
func TestAbsence(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	p.now("ups", "status=online")
	for range 4 {
		p.now("ups", "")
	}
	for range 2 {
		p.now("ups", "status=online")
	}
	for range 4 {
		p.now("ups", "status=bad")
	}
	p.now("ups", "status=online")
	p.now("ups", "")
	p.now("ups", "")
	p.now("ups", "status=online")
	p.now("sensor", "smoke=clear")
	for range 4 {
		p.now("sensor", "door=closed")
	}
	for range 4 {
		p.now("gen", "mode=auto")
	}
	p.want(
		"1..5 warning UPS does not answer",
		"9..11 warning UPS does not give its status any more",
		"18.. warning Sensor does not give its smoke any more",
	)
}

// TestManyAbsent: many values that are missing at once are one event, also where
// not all of them come back.
func TestManyAbsent(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	all := func(of, word string) (out string) {
		for _, c := range of {
			out += fmt.Sprintf("x_alarm_%c=%s ", c, word)
		}
		return out
	}
	p.now("ups", "status=online "+all("abcde", "clear"))
	for range 5 {
		p.now("ups", "status=online "+all("abcde", "bad"))
	}
	p.now("ups", "status=online "+all("abc", "clear")+all("de", "bad"))
	for range 4 {
		p.now("ups", "status=online "+all("abc", "clear")+all("de", "bad"))
	}
	p.now("ups", "status=online "+all("abcde", "clear"))
	p.want(
		"3..6 warning UPS does not give its a any more, nor 4 other values",
		"8..11 warning UPS does not give its d any more",
		"8..11 warning UPS does not give its e any more",
	)
}

// dead makes the mains fail for n seconds, with all that follows.
func (p *plant) dead(n int) {
	p.t.Helper()
	for range n {
		p.say("ups", "status=on_battery battery_charge=99")
		p.say("msb", "voltage/L1=0 voltage/L2=0 voltage/L3=0 breaker=closed")
		p.say("cooler", "status=off mode=free_cooling")
		p.at += time.Second
	}
}

// TestIncident: what follows from one cause is one, with the name of the one
// nearest to the source, though another was polled first; what hangs on
// something else is another.
func TestIncident(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	p.well(2)
	p.dead(3)
	p.say("ups-2", "status=on_battery")
	p.say("sensor", "water_leak=wet")
	p.dead(1)
	p.well(30)
	p.dead(1) // within a minute: the same
	p.well(65)
	p.dead(1) // and not the same
	p.want(
		"2..6 alarm UPS is on battery < Mains failure: Main switchboard has no voltage",
		"2..37 alarm Mains failure: Main switchboard has no voltage",
		"2..6 alarm Main switchboard has no voltage < Mains failure: Main switchboard has no voltage",
		"2..6 warning Cooler has stopped < Mains failure: Main switchboard has no voltage",
		"5..6 alarm Other UPS is on battery < Operation on battery: Other UPS is on battery",
		"5..6 alarm Operation on battery: Other UPS is on battery",
		"5.. alarm Sensor: water where none should be < Water leak: Sensor: water where none should be",
		"5.. alarm Water leak: Sensor: water where none should be",
		"36..37 alarm UPS is on battery < Mains failure: Main switchboard has no voltage",
		"36..37 alarm Main switchboard has no voltage < Mains failure: Main switchboard has no voltage",
		"36..37 warning Cooler has stopped < Mains failure: Main switchboard has no voltage",
		"102.. alarm UPS is on battery < Mains failure: Main switchboard has no voltage",
		"102.. alarm Mains failure: Main switchboard has no voltage",
		"102.. alarm Main switchboard has no voltage < Mains failure: Main switchboard has no voltage",
		"102.. warning Cooler has stopped < Mains failure: Main switchboard has no voltage",
	)
}

// TestCoolingStops: a unit that stops may have lost its supply, which is seen
// seconds later; alone it is an incident of cooling.
func TestCoolingStops(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	p.well(1)
	for range 3 {
		p.now("cooler", "status=off")
	}
	p.dead(1)
	p.well(70)
	for range 5 {
		p.now("cooler", "status=off")
	}
	p.well(1)
	for range 12 {
		p.now("cooler", "status=off")
	}
	p.want(
		"1..5 warning Cooler has stopped < Mains failure: Main switchboard has no voltage",
		"4..5 alarm UPS is on battery < Mains failure: Main switchboard has no voltage",
		"4..5 alarm Mains failure: Main switchboard has no voltage",
		"4..5 alarm Main switchboard has no voltage < Mains failure: Main switchboard has no voltage",
		"75..80 warning Cooler has stopped",
		"81.. warning Cooler has stopped < Cooling failure: Cooler has stopped",
		"81.. warning Cooling failure: Cooler has stopped",
	)
}

// TestCallsOnce: what the mains take with them is seen at the same moment, in any
// order, and calls nobody by itself; alone it does, a little later.
func TestCallsOnce(t *testing.T) {
	calls := func(p *plant) (texts []string) {
		last := map[string]int{} // of an event that is told again, by its id
		for _, e := range p.told {
			if e.Severity < agent.Warning || e.Parent != "" || !e.Active() {
				continue
			}
			if _, again := last[e.ID]; !again {
				last[e.ID] = len(texts)
				texts = append(texts, "")
			}
			texts[last[e.ID]] = fmt.Sprintf("%g %s", p.at.Seconds(), e.Text.EN)
		}
		p.told = nil
		return texts
	}
	lost := agent.Path{On: agent.Mains, Missing: []agent.Words{{EN: "ATS without voltage", CS: "ATS bez napětí"}}}
	for _, mains := range []bool{true, false} {
		p := newPlant(t, Options{}, nil)
		p.e.Path(agent.Path{Time: p.start, On: agent.Mains, Redundant: true})
		p.well(1)
		p.told = nil
		lost.Time = p.start.Add(p.at)
		p.e.Path(lost)
		p.say("cooler", "status=off")
		if mains {
			p.dead(1)
			if diff := cmp.Diff([]string{"2 Mains failure: Main switchboard has no voltage"}, calls(p)); diff != "" {
				t.Errorf("the mains fail (-want +got)\n%s", diff)
			}
			continue
		}
		var got []string
		for range 12 {
			p.now("cooler", "status=off")
			got = append(got, calls(p)...)
		}
		want := []string{"12 Redundancy is lost: ATS without voltage", "12 Cooling failure: Cooler has stopped"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("alone (-want +got)\n%s", diff)
		}
	}
}

// TestToldOfABeginning: that an incident began a little earlier than it was thought
// is in its record, and nobody is told the same again.
func TestToldOfABeginning(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	p.well(5)
	p.now("msb", "voltage/L1=0 voltage/L2=0 voltage/L3=0")
	p.at -= 3 * time.Second // polled before, and slower to answer
	p.say("ups", "status=on_battery")
	last := map[string]agent.Event{}
	for _, e := range p.told {
		if cmp.Equal(e, last[e.ID]) {
			t.Errorf("told twice: %s", e.Text.EN)
		}
		last[e.ID] = e
	}
	if at := p.e.incidents[0].Began.Sub(p.start); at != 3*time.Second {
		t.Errorf("it began at %v", at)
	}
}

// TestKilledBeforeItCalls: what calls nobody yet when the agent is killed calls
// after the restart.
func TestKilledBeforeItCalls(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, nil)
	p.e.Path(agent.Path{Time: p.start, On: agent.Mains, Redundant: true})
	p.well(1)
	p.e.Path(agent.Path{Time: p.start.Add(p.at), On: agent.Mains, Missing: []agent.Words{{EN: "ATS without voltage", CS: "ATS bez napětí"}}})
	p.now("cooler", "status=off")
	p.open(Options{Dir: dir})
	for range 12 {
		p.now("cooler", "status=off")
	}
	p.want(
		"1.. warning Redundancy is lost: ATS without voltage",
		"1.. warning Cooler has stopped < Cooling failure: Cooler has stopped",
		"1.. warning Cooling failure: Cooler has stopped",
	)
}

// TestPathKeepsOpen: while the building stands on a generator its incident
// lasts, whatever the devices say; and redundancy that is lost is an event.
func TestPathKeepsOpen(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	missing := []agent.Words{{EN: "ATS without voltage", CS: "ATS bez napětí"}}
	stands := func(on agent.Supply, redundant bool) {
		path := agent.Path{Time: p.start.Add(p.at), On: on, Redundant: redundant}
		if !redundant {
			path.Missing = missing
		}
		p.e.Path(path)
	}
	stands(agent.NoData, false)
	p.well(2)
	stands(agent.Mains, true)
	p.dead(1)
	stands(agent.Generator, false)
	missing = []agent.Words{{EN: "mains", CS: "síť"}, {EN: "UPS B", CS: "UPS B"}} // what is missing is so now
	stands(agent.Generator, false)
	p.well(5)
	missing = missing[:1] // and for a moment it is not
	stands(agent.Generator, false)
	if n := strings.Count(fmt.Sprint(p.told), "Redundancy is lost"); n != 2 {
		t.Errorf("it is told %d times that redundancy is lost, want 2", n)
	}
	p.well(1)
	missing = missing[:2]
	stands(agent.Generator, false)
	p.well(94)
	missing = nil // something was not asked yet
	stands(agent.Generator, false)
	p.e.Path(agent.Path{Time: p.start.Add(p.at), On: agent.Generator, Missing: []agent.Words{{EN: "no data from UPS B", CS: "bez dat: UPS B"}}, Blind: true})
	stands(agent.Mains, true)
	p.well(70)
	p.want(
		"2..3 alarm UPS is on battery < Mains failure: Main switchboard has no voltage",
		"2..103 alarm Mains failure: Main switchboard has no voltage",
		"2..3 alarm Main switchboard has no voltage < Mains failure: Main switchboard has no voltage",
		"2..3 warning Cooler has stopped < Mains failure: Main switchboard has no voltage",
		"3..103 warning Redundancy is lost: mains, UPS B < Mains failure: Main switchboard has no voltage",
	)
	// That nobody knows is no loss.
	p.told = nil
	p.e.Path(agent.Path{Time: p.start.Add(p.at), On: agent.Mains, Missing: []agent.Words{{EN: "no data from UPS B", CS: "bez dat: UPS B"}}, Blind: true})
	p.well(20)
	if len(p.told) > 0 {
		t.Errorf("when there is no data: %v", p.told)
	}
}

// TestRecordOfWhatLasts: while an incident lasts its record has what its events
// have become.
func TestRecordOfWhatLasts(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, nil)
	p.well(2)
	p.dead(5)
	p.e.Flush()
	p.now("ups", "status=online battery_charge=98")
	p.now("ats", "selected_source=b preferred_source=a")
	r := p.record(dir)
	for _, want := range []struct {
		metric string
		lasts  bool
	}{{"status", false}, {"transfer", true}} {
		if !slices.ContainsFunc(r.Events, func(e agent.Event) bool {
			return (e.Device == "ups" || e.Device == "ats") && e.Metric == want.metric && e.Active() == want.lasts
		}) {
			t.Errorf("no %s that lasts: %t", want.metric, want.lasts)
		}
	}
}

// TestKilled: what lasted when the agent was killed goes on as the same, what
// ended meanwhile ends with the first reading, and the record has all of it.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, nil)
	p.well(2)
	p.dead(5)
	p.e.Ack(p.e.Active()[0].ID, "Jana")
	incident := ""
	for _, e := range p.e.Active() {
		if e.Kind == "incident" {
			incident = e.ID
		}
	}
	// As a kill leaves it: nothing is closed, and the last line is torn.
	names, err := journals(dir)
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, names[0]), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`12345678 {"event":{"id":"2026`)
	f.Close()
	p.at += 10 * time.Second
	p.told = nil
	p.open(Options{Dir: dir})
	if got := len(p.e.Active()); got != 4 {
		t.Errorf("%d events last after a restart, want 4", got)
	}
	p.dead(2)
	p.say("gen", "status=running mode=auto output_power=50000")
	p.well(70)
	p.want(
		"2..19 alarm UPS is on battery < Mains failure: Main switchboard has no voltage",
		"2..19 alarm Mains failure: Main switchboard has no voltage",
		"2..19 alarm Main switchboard has no voltage < Mains failure: Main switchboard has no voltage",
		"2..19 warning Cooler has stopped < Mains failure: Main switchboard has no voltage",
		"19..19 info Generator was told to start < Mains failure: Main switchboard has no voltage",
		"19..19 warning Generator carries the load < Mains failure: Main switchboard has no voltage",
	)
	p.e.Flush()
	r, err := Load(dir, incident)
	if err != nil {
		t.Fatal(err)
	}
	if r.Ended.Sub(p.start) != 19*time.Second || len(r.Events) != 6 || r.Events[0].ID != incident || r.Figures == nil {
		t.Errorf("the record ends at %v with %d events and %d figures", r.Ended.Sub(p.start), len(r.Events), len(r.Figures))
	}
	if f := r.figure(TimeOnBattery, "ups"); f == nil || f.Value != 17 {
		t.Errorf("on battery: %+v, want 17 s: from before the kill until after it", f)
	}
	if !slices.ContainsFunc(r.Events, func(e agent.Event) bool { return e.AckedBy == "Jana" }) {
		t.Error("nobody has acknowledged anything")
	}
	if n := len(journaled(t, dir)); n != 6 {
		t.Errorf("the journal has %d events", n)
	}
	for i, e := range p.told {
		if i > 0 && e.ID == p.told[i-1].ID && cmp.Equal(e, p.told[i-1]) {
			t.Errorf("told twice: %v", e)
		}
	}
}

// TestKilledWhileSilent: devices that do not answer keep their incident open over
// a restart.
func TestKilledWhileSilent(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, nil)
	p.well(1)
	silent := func(n int) {
		for range n {
			for _, id := range []string{"ups", "ups-2", "pdu"} {
				p.say(id, "")
			}
			p.at += time.Second
		}
	}
	silent(10)
	p.open(Options{Dir: dir})
	silent(100)
	if n := len(p.e.Active()); n != 4 {
		t.Errorf("%d events last, want an incident of three devices", n)
	}
}

// TestKilledBeforeItIsWritten: what was known of an incident and had no time to
// get into its record is written by the next run, and a test that was made is
// not missed.
func TestKilledBeforeItIsWritten(t *testing.T) {
	for _, watched := range []bool{false, true} {
		dir := t.TempDir()
		plan := func(s *Setup) { s.Tests = []Plan{hourly("start", Start, "gen")} }
		p := newPlant(t, Options{Dir: dir}, plan)
		p.well(2)
		for range 30 {
			p.now("gen", "status=running mode=auto")
		}
		p.e.Flush()
		charge := " battery_charge=50" // which is to recover yet
		if watched {
			charge = " battery_charge=100"
		}
		for range 70 {
			p.say("gen", "status=stopped mode=auto")
			p.now("ups", "status=online"+charge)
		}
		if got := len(p.e.incidents); (got == 0) != watched {
			t.Fatalf("%d incidents", got)
		}
		p.open(Options{Dir: dir})
		p.at += 2 * time.Hour // and its time is over
		p.well(300)
		p.e.Flush()
		all, err := List(dir)
		if err != nil || len(all) != 1 || all[0].Ended.IsZero() || all[0].Watched.IsZero() || all[0].Verdict != Passed || len(all[0].Figures) == 0 {
			t.Errorf("watched %v: %d records, %v: %+v", watched, len(all), err, all)
		}
		if last := p.e.Active(); len(last) != 0 {
			t.Errorf("watched %v: still there: %+v", watched, last)
		}
	}
}

// TestAck: the first who looks counts, and must have a name.
func TestAck(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	p.now("sensor", "door=open")
	id := p.e.Active()[0].ID
	if _, err := p.e.Ack(id, " "); err == nil {
		t.Error("nobody has acknowledged an event")
	}
	if _, err := p.e.Ack("20261104-080000-aa001", "Jana"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an event that is none: %v", err)
	}
	for _, by := range []string{"Jana", "Petr"} {
		if e, err := p.e.Ack(id, by); err != nil || e.AckedBy != "Jana" || e.Acked.IsZero() {
			t.Errorf("by %s: %v, %v", by, e, err)
		}
	}
	p.now("sensor", "door=closed")
	if e := p.e.Events(agent.EventQuery{})[0]; e.AckedBy != "Jana" || e.Active() {
		t.Errorf("afterwards: %+v", e)
	}
	if n := len(p.told); n != 3 {
		t.Errorf("%d announcements, want 3: begun, acknowledged, ended", n)
	}
}

// TestReconfigured: events of a device that is gone end; the others go on.
func TestReconfigured(t *testing.T) {
	p := newPlant(t, Options{}, func(s *Setup) {
		s.Limits = []Limit{{Class: "ups", Metric: "battery_charge", WarnLow: number(50)}}
	})
	p.say("ups", "battery_charge=40 self_test=failed")
	p.now("ups-2", "self_test=failed")
	s := p.setup
	s.Devices = slices.DeleteFunc(slices.Clone(s.Devices), func(d *agent.Device) bool { return d.ID == "ups-2" })
	s.Limits = nil
	p.e.Configure(s)
	p.now("ups", "battery_charge=40 self_test=failed")
	p.want(
		"0..1 warning UPS: battery charge 40 %, below 50 %",
		"0.. warning UPS: the battery failed its self-test",
		"0..0 warning Other UPS: the battery failed its self-test",
	)
}

// TestReconfiguredOtherwise: what a device does not measure any more, by another
// profile or as one of another class, is over; what the engine makes of several
// readings, and what may still be measured, is not.
func TestReconfiguredOtherwise(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, nil)
	p.well(1)
	p.say("ups", "status=on_battery x_alarm_battery_bad=active battery_charge=99")
	p.say("ups-2", "x_alarm_battery_bad=active battery_status=replace")
	p.say("ats", "selected_source=b preferred_source=a redundancy=lost")
	p.now("msb", "voltage/L1=0 voltage/L2=0 voltage/L3=0")
	s := p.setup
	s.Devices = slices.Clone(s.Devices)
	for i, d := range s.Devices {
		if d.ID == "ups-2" {
			other := *d
			other.Class = "dc"
			s.Devices[i] = &other
		}
	}
	s.Metrics = map[string]map[string]bool{"ups": {"status": true}, "ats": {"selected_source": true, "preferred_source": true}, "msb": {"voltage": true}, "ups-2": {}}
	p.e.Configure(s)
	lasts := func() (all []string) {
		for _, ev := range p.e.Active() {
			all = append(all, ev.Device+" "+ev.Metric)
		}
		slices.Sort(all)
		return all
	}
	want := []string{" power", "ats transfer", "msb supply", "ups status"}
	if got := lasts(); !slices.Equal(got, want) {
		t.Errorf("%q last, want %q", got, want)
	}
	// So it is where the configuration changed while nobody ran.
	p.setup = s
	p.open(Options{Dir: dir})
	if got := lasts(); !slices.Equal(got, want) {
		t.Errorf("after a restart %q last, want %q", got, want)
	}
}

// TestGone: of a device that is gone nothing is taken, though it was read before.
func TestGone(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	p.well(1)
	s := p.setup
	s.Devices = slices.DeleteFunc(slices.Clone(s.Devices), func(d *agent.Device) bool { return d.ID == "ups-2" })
	p.e.Configure(s)
	p.now("ups-2", "status=on_battery")
	p.e.Trap(agent.Trap{Time: p.start.Add(p.at), Device: p.device("ups-2"), Name: "alarm", Severity: agent.Alarm, Lasts: true})
	p.want()
	p.e.Configure(p.setup) // and there it is again
	p.now("ups-2", "status=on_battery")
	if n := len(p.e.Active()); n != 2 {
		t.Errorf("%d events last, want an incident and its cause", n)
	}
}

// TestIDs are each larger than the one before, and of another agent others.
func TestIDs(t *testing.T) {
	e := open(t, Options{Agent: "edge-1"}, Setup{})
	e.now = time.Date(2026, 11, 4, 23, 59, 59, 0, time.UTC)
	last := ""
	for range 2500 {
		id := e.newID()
		if id <= last || !idForm.MatchString(id) {
			t.Fatalf("%s after %s", id, last)
		}
		last = id
	}
	if want := "20261105-000001-" + tagOf("edge-1") + "502"; last != want {
		t.Errorf("the last of 2500 in a second is %s, want %s", last, want)
	}
	// Also after a restart within the same second.
	p := newPlant(t, Options{Dir: t.TempDir()}, nil)
	p.say("sensor", "door=open")
	p.open(Options{Dir: p.e.options.Dir})
	p.say("sensor", "door=open smoke=alarm")
	ids := map[string]bool{}
	for _, e := range p.e.Events(agent.EventQuery{}) {
		ids[e.ID] = true
	}
	if len(ids) != 3 {
		t.Errorf("%d IDs of a door, smoke and its incident", len(ids))
	}
	if tagOf("edge-1") == tagOf("edge-2") {
		t.Error("two agents have the same tag")
	}
}

// TestMonths: each month has a file, which says what lasts at its beginning.
func TestMonths(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, nil)
	p.now("sensor", "door=open")
	p.at = 30 * 24 * time.Hour
	p.say("ups", "self_test=failed")
	p.at += 31 * 24 * time.Hour
	p.say("ups", "self_test=passed")
	names, err := journals(dir)
	if diff := cmp.Diff([]string{"2026-11.events", "2026-12.events", "2027-01.events"}, names); err != nil || diff != "" {
		t.Fatalf("%v (-want +got)\n%s", err, diff)
	}
	for _, name := range names[:2] {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	p.open(Options{Dir: dir})
	p.want("0.. info Sensor: the door is open", "2.592e+06..5.2704e+06 warning UPS: the battery failed its self-test")
	if n := len(journaled(t, dir)); n != 2 {
		t.Errorf("%d events in January", n)
	}
}

// TestFlurry: what begins again and again is one event after a while, and ends
// when it has been over for ten minutes.
func TestFlurry(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	for range 100 {
		p.now("sensor", "door=open")
		p.now("sensor", "door=closed")
	}
	if n := len(p.lines()); n != flurrySize {
		t.Errorf("%d events of a door that opened a hundred times, want %d", n, flurrySize)
	}
	if n := len(p.told); n != 2*flurrySize {
		t.Errorf("told %d times, want %d", n, 2*flurrySize)
	}
	over := p.at - time.Second
	for p.at < over+lullTime+2*time.Second {
		p.now("sensor", "door=closed")
	}
	lines := p.lines()
	if want := fmt.Sprintf("58..%v info Sensor: the door is open (comes and goes)", over.Seconds()); lines[len(lines)-1] != want {
		t.Errorf("the last is %s, want %s", lines[len(lines)-1], want)
	}
	p.now("sensor", "door=open")
	p.now("sensor", "door=closed")
	if lines := p.lines(); len(lines) != flurrySize+1 || strings.Contains(lines[flurrySize], "comes and goes") {
		t.Errorf("afterwards: %s", lines[len(lines)-1])
	}
}

// TestFlurryGoesOn: what came and went lasts when it is so after all, also where
// the configuration changed while it was over, and where a trap says it.
func TestFlurryGoesOn(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	trap := agent.Trap{Device: p.device("gen"), Name: "alarm", Severity: agent.Alarm, Lasts: true}
	over := agent.Trap{Device: p.device("gen"), Name: "over", Clears: []string{"alarm"}}
	for range flurrySize + 5 {
		trap.Time, over.Time = p.start.Add(p.at), p.start.Add(p.at)
		p.e.Trap(trap)
		p.e.Trap(over)
		p.now("sensor", "door=open")
		p.now("sensor", "door=closed")
	}
	p.e.Configure(p.setup)
	trap.Time = p.start.Add(p.at)
	p.e.Trap(trap)
	for range int(lullTime/time.Second) + 10 {
		p.now("sensor", "door=open")
	}
	var lasts []string
	for _, ev := range p.e.Active() {
		lasts = append(lasts, ev.Kind)
	}
	if slices.Sort(lasts); !slices.Equal(lasts, []string{"state", "trap"}) {
		t.Errorf("%q last", lasts)
	}
	p.now("sensor", "door=closed")
	if p.e.calmDown(); p.e.lulls != 1 {
		t.Errorf("%d are over for the moment", p.e.lulls)
	}
	over.Time, trap.Time = p.start.Add(p.at), p.start.Add(p.at)
	p.e.Trap(over)
	p.e.Trap(trap) // within the time that it was over for
	p.at += lullTime + time.Minute
	p.now("pdu", "voltage=230")
	if n := len(p.e.Active()); n != 1 {
		t.Errorf("%d last, want what the trap tells", n)
	}
}

// TestSilentTogether: devices that fall silent together are one incident, but
// where the mains have failed it is of these.
func TestSilentTogether(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	p.well(1)
	for range 4 {
		for _, id := range []string{"ups", "gen", "cooler", "pdu"} {
			p.say(id, "")
		}
		p.at += time.Second
	}
	p.well(70)
	p.say("pdu", "breaker=closed")
	var own []string
	for _, line := range p.lines() {
		if !strings.Contains(line, "<") {
			own = append(own, line)
		} else if !strings.HasSuffix(line, "does not answer < Devices do not answer: Cooler does not answer") {
			t.Errorf("%s", line)
		}
	}
	if diff := cmp.Diff([]string{"1.. warning Devices do not answer: Cooler does not answer"}, own); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	p = newPlant(t, Options{}, nil)
	p.well(1)
	p.dead(1)
	for range 4 {
		for _, id := range []string{"ups", "gen", "cooler"} {
			p.say(id, "")
		}
		p.at += time.Second
	}
	for _, line := range p.lines() {
		if strings.Contains(line, "not answer") && !strings.HasSuffix(line, "< Mains failure: Main switchboard has no voltage") {
			t.Errorf("%s", line)
		}
	}
}

// TestSteps: when the clock is set, either way, what has begun to last goes on
// to: a delay, the time for which nobody has acknowledged, and that for which
// all must be well are as long as ever, and nothing ends before it began.
func TestSteps(t *testing.T) {
	for _, by := range []time.Duration{-3 * time.Hour, -7 * time.Minute, 7 * time.Minute, 40 * 24 * time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			p := newPlant(t, Options{Dir: t.TempDir()}, func(s *Setup) {
				high, delay := 27.0, time.Minute
				s.Limits = append(s.Limits, Limit{Class: "climate", Metric: "temperature", WarnHigh: &high, Delay: &delay})
				s.Escalate = []time.Duration{5 * time.Minute}
			})
			hot := func(seconds int, value string) {
				for range seconds {
					p.say("sensor", "temperature="+value)
					p.at += time.Second
				}
			}
			step := func() {
				p.start = p.start.Add(by)
				p.e.Step(by)
			}
			last := func() agent.Event {
				t.Helper()
				if len(p.told) == 0 {
					t.Fatal("nothing is told")
				}
				return p.told[len(p.told)-1]
			}
			p.well(5)
			hot(40, "30")
			step()
			hot(20, "30")
			if len(p.told) > 0 {
				t.Errorf("too soon: %+v", p.told)
			}
			hot(1, "30")
			if ev := last(); !ev.Began.Equal(p.start.Add(5 * time.Second)) {
				t.Errorf("it began %v after the start", ev.Began.Sub(p.start))
			}
			step()
			hot(5*60-61, "30")
			if ev := last(); ev.Escalated != 0 {
				t.Errorf("escalated too soon")
			}
			hot(2, "30")
			if ev := last(); ev.Escalated != 300 || len(p.told) != 2 {
				t.Errorf("nobody has acknowledged it: %+v", ev)
			}
			step()
			hot(1, "20")
			if ev := last(); ev.Ended.Before(ev.Began) || ev.Active() || len(p.told) != 3 {
				t.Errorf("it lasts from %v to %v", ev.Began, ev.Ended)
			}

			p.now("msb", "voltage/L1=0 voltage/L2=0 voltage/L3=0 breaker=closed")
			p.well(10)
			if n := len(p.e.incidents); n != 1 || !p.e.incidents[0].Ended.IsZero() {
				t.Fatalf("%d incidents", n)
			}
			inc := p.e.incidents[0]
			step()
			p.well(40)
			if !inc.Ended.IsZero() {
				t.Error("the incident has ended too soon")
			}
			p.well(15)
			if inc.Ended.IsZero() || inc.Ended.Before(inc.Began) {
				t.Errorf("the incident lasts from %v to %v", inc.Began, inc.Ended)
			}
		})
	}
}

// TestStepInIncident: an incident has the same figures and lasts for as long
// whatever becomes of the clock meanwhile, and so has each part of it.
func TestStepInIncident(t *testing.T) {
	story := func(by time.Duration) string {
		dir := t.TempDir()
		p := newPlant(t, Options{Dir: dir}, nil)
		p.well(20)
		p.dead(5)
		p.start = p.start.Add(by)
		if by != 0 {
			p.e.Step(by)
		}
		p.dead(5)
		for range 10 {
			p.say("msb", "voltage/L1=0 voltage/L2=0 voltage/L3=0 breaker=closed")
			p.say("gen", "status=on_load mode=auto output_power=50000 engine_speed=1500 output_voltage=230 output_frequency=50")
			p.say("ats", "selected_source=b preferred_source=a")
			p.say("ups", "status=online battery_charge=90")
			p.at += time.Second
		}
		p.well(200)
		p.e.Flush()
		all, err := List(dir)
		if err != nil || len(all) != 1 {
			t.Fatalf("%d records, %v", len(all), err)
		}
		r := all[0]
		if n := len(r.Notes); by == 0 && n != 0 || by != 0 && (n != 1 || !strings.Contains(r.Notes[0].Text, "set by "+by.String())) {
			t.Errorf("set by %v: the notes are %+v", by, r.Notes)
		}
		var out strings.Builder
		fmt.Fprintln(&out, "recorded", r.Watched.Sub(r.Began))
		for _, ev := range r.Events {
			fmt.Fprintln(&out, ev.Began.Sub(r.Began), ev.Ended.Sub(r.Began), ev.Text.EN)
		}
		for _, f := range r.Figures {
			fmt.Fprintln(&out, f.Name, f.Device, f.Value, f.At.Sub(r.Began))
		}
		for _, tr := range r.Transitions {
			fmt.Fprintln(&out, tr.Time.Sub(r.Began), tr.Device, tr.Metric, tr.To)
		}
		lines := strings.Split(out.String(), "\n")
		slices.Sort(lines) // what is seen at one time is in any order
		return strings.Join(lines, "\n")
	}
	want := story(0)
	for _, by := range []time.Duration{-3 * time.Hour, -10 * time.Second, 10 * time.Second, 3 * time.Hour} {
		if diff := cmp.Diff(want, story(by)); diff != "" {
			t.Errorf("set by %v: (-without +with)\n%s", by, diff)
		}
	}
}

// TestStepBefore: what began long before the clock was set has nothing to do
// with what begins afterwards, and what began a moment before has.
func TestStepBefore(t *testing.T) {
	for _, by := range []time.Duration{-3 * time.Hour, 3 * time.Hour} {
		step := func(p *plant) {
			p.start = p.start.Add(by)
			p.e.Step(by)
		}
		parent := func(p *plant, metric string) string {
			for _, ev := range p.e.Active() {
				if ev.Metric == metric {
					return ev.Parent
				}
			}
			t.Fatalf("no event of %s", metric)
			return ""
		}
		for _, c := range []struct {
			passed time.Duration
			part   bool
		}{{10 * time.Minute, false}, {5 * time.Second, true}} {
			p := newPlant(t, Options{}, nil)
			p.well(5)
			p.now("ups", "status=online battery_status=low")
			p.at += c.passed
			step(p)
			p.now("msb", "voltage/L1=0 voltage/L2=0 voltage/L3=0")
			if got := parent(p, "battery_status") != ""; got != c.part {
				t.Errorf("set by %v, %v after it began, it is a part of what followed: %v", by, c.passed, got)
			}

			p = newPlant(t, Options{}, nil)
			p.well(5)
			p.now("ups", "status=on_battery")
			p.at += c.passed
			step(p)
			p.now("msb", "voltage/L1=0 voltage/L2=0 voltage/L3=0")
			if got := p.e.incidents[0].Device == "msb"; got != c.part {
				t.Errorf("set by %v, %v after it began, an incident has the later cause: %v", by, c.passed, got)
			}

			p = newPlant(t, Options{}, nil)
			p.well(5)
			for range 5 {
				p.say("ups", "")
				p.now("ups-2", "")
			}
			p.at += c.passed
			step(p)
			for range 5 {
				p.now("pdu", "")
			}
			if got := len(p.e.incidents) == 1; got != c.part {
				t.Errorf("set by %v, %v after two fell silent, they did so together with another: %v", by, c.passed, got)
			}
		}
	}
}

// TestAnotherClockBefore: what an earlier run told by a clock that was ahead
// does not hold up this one.
func TestAnotherClockBefore(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, nil)
	p.well(5)
	p.now("msb", "voltage/L1=0 voltage/L2=0 voltage/L3=0 breaker=closed")
	p.start = p.start.Add(-24 * time.Hour)
	p.open(Options{Dir: dir})
	if _, err := p.e.StartTest("", "By hand", "Jana"); !errors.Is(err, errNoTime) {
		t.Errorf("a test before anything is observed: %v", err)
	}
	id := p.e.Active()[0].ID
	if ev, err := p.e.Ack(id, "Jana"); err != nil || ev.Acked.Before(ev.Began) {
		t.Errorf("acknowledged: %+v, %v", ev, err)
	}
	p.well(70)
	for _, ev := range p.e.Events(agent.EventQuery{}) {
		if ev.Active() || ev.Ended.Before(ev.Began) {
			t.Errorf("%s from %v to %v", ev.Text.EN, ev.Began, ev.Ended)
		}
	}
}

// TestNoLongerObserved: an event of what an answering device does not say any more
// ends, with words for that, as the device may be another one. Silence, and a
// value that the device cannot give, end nothing, however long.
func TestNoLongerObserved(t *testing.T) {
	const active = "x_alarm_fuse_failure=active battery_status=replace battery_temperature=45 alarms_active=2"
	const fuse, battery, warm = "warning UPS reports: fuse failure", "warning UPS: the battery has to be replaced",
		"warning UPS: battery temperature 45 °C, above 40 °C"
	begin := func(t *testing.T) (p *plant, hours func(n int, id, readings string)) {
		p = newPlant(t, Options{Dir: t.TempDir()}, func(s *Setup) {
			s.Limits = []Limit{{Class: "ups", Metric: "battery_temperature", WarnHigh: number(40)}}
		})
		p.now("ups", active)
		return p, func(n int, id, readings string) {
			for range 20 * n {
				p.now(id, readings)
				p.at += 3*time.Minute - time.Second
			}
		}
	}
	lasting := []string{"0.. " + fuse, "0.. " + battery, "0.. " + warm}
	t.Run("left out", func(t *testing.T) {
		p, hours := begin(t)
		hours(1, "ups", active)
		hours(2, "ups", "status=online")
		p.now("ups", "") // a lost packet
		p.want(lasting...)
		hours(1, "ups", "status=online")
		const unseen = "0..3601 "
		p.want(unseen+fuse+" (no longer observed)", unseen+battery+" (no longer observed)", unseen+warm+" (no longer observed)")
		if cs := p.told[len(p.told)-1].Text.CS; !strings.HasSuffix(cs, " (další stav není znám)") {
			t.Errorf("in Czech: %s", cs)
		}
		at := p.at.Seconds()
		p.now("ups", active)
		if got := p.lines()[3:]; len(got) != 3 || got[0] != fmt.Sprintf("%v.. %s", at, fuse) {
			t.Errorf("read again: %q", got)
		}
	})
	t.Run("left out when it was worse before", func(t *testing.T) {
		p := newPlant(t, Options{}, func(s *Setup) {
			s.Limits = []Limit{{Class: "ups", Metric: "battery_temperature", WarnHigh: number(40), AlarmHigh: number(50)}}
		})
		p.now("ups", "battery_temperature=55")
		p.now("ups", "battery_temperature=45")
		for range 60 {
			p.now("ups", "status=online")
			p.at += 3 * time.Minute
		}
		p.now("ups", "battery_temperature=41")
		p.now("ups", "battery_temperature=20")
		if got := p.lines(); len(got) != 2 || !strings.HasSuffix(got[1], " warning UPS: battery temperature 41 °C, above 40 °C") {
			t.Errorf("%q", got)
		}
	})
	t.Run("left out since a restart", func(t *testing.T) {
		p, hours := begin(t)
		p.open(Options{Dir: p.e.options.Dir})
		hours(2, "ups", "status=online")
		p.want(lasting...)
		hours(1, "ups", "status=online")
		for _, line := range p.lines() {
			if !strings.HasSuffix(line, " (no longer observed)") {
				t.Error(line)
			}
		}
	})
	t.Run("unknown", func(t *testing.T) {
		p, hours := begin(t)
		hours(3, "ups", "x_alarm_fuse_failure=unknown battery_status=normal battery_temperature=20")
		p.want("0..1 "+fuse+" (no longer observed)", "0..1 "+battery, "0..1 "+warm)
	})
	t.Run("counted", func(t *testing.T) {
		p, hours := begin(t)
		p.now("ups-2", "alarms_active=2")
		p.at += time.Minute
		p.now("ups-2", "alarms_active=2")
		hours(3, "ups-2", "status=online")
		if got := p.lines()[3:]; !slices.Equal(got, []string{"1..63 warning Other UPS reports 2 alarms (no longer observed)"}) {
			t.Errorf("%q", got)
		}
	})
	t.Run("silent", func(t *testing.T) {
		p, hours := begin(t)
		hours(30, "ups", "")
		p.now("ups", "status=online") // its card starts
		p.now("ups", active)
		if got := p.lines()[:3]; !slices.Equal(got, lasting) {
			t.Errorf("%q", got)
		}
	})
	t.Run("refused, and then left out", func(t *testing.T) {
		p, hours := begin(t)
		hours(30, "ups", "x_alarm_fuse_failure=bad battery_status=normal battery_temperature=20")
		want := []string{lasting[0], "0..1 " + battery, "0..1 " + warm, "361.. warning UPS does not give its fuse failure any more"}
		p.want(want...)
		hours(3, "ups", "battery_status=normal battery_temperature=20")
		for _, line := range []string{p.lines()[0], p.lines()[3]} {
			if !strings.HasSuffix(line, " (no longer observed)") {
				t.Error(line)
			}
		}
	})
	t.Run("a sensor", func(t *testing.T) { // whose absence is told as long as it lasts
		p, hours := begin(t)
		want := func(lines ...string) {
			t.Helper()
			var got []string
			for _, ev := range p.e.Active() {
				if ev.Device == "sensor" {
					got = append(got, ev.Text.EN)
				}
			}
			if !slices.Equal(got, lines) {
				t.Errorf("%q, want %q", got, lines)
			}
		}
		const wet, missing = "Sensor: water where none should be", "Sensor does not give its water leak any more"
		p.now("sensor", "water_leak=wet")
		hours(3, "sensor", "temperature=20")
		want(wet, missing)
		p.open(p.e.options)
		hours(3, "sensor", "temperature=20")
		want(wet, missing)
		p.now("sensor", "water_leak=wet")
		want(wet)
		p.open(p.e.options) // it was taken away meanwhile
		hours(3, "sensor", "temperature=20")
		want()
	})
}

// TestNeverGiven: of what a device has not given since the agent started it is told
// that it could not be read, also after a restart, and what the configuration counts
// on: a limit of that device, and what the way of the power is told by. Anything
// else it may do without.
func TestNeverGiven(t *testing.T) {
	channel := "inlet"
	setup := func(s *Setup) {
		s.Limits = []Limit{
			{Class: "ups", Metric: "battery_temperature", Device: "ups", WarnHigh: number(40)},
			{Class: "ups", Metric: "battery_charge", WarnLow: number(20)}, // of any UPS
			{Class: "ups", Metric: "output_load", Device: "ups", Off: true},
			{Class: "ups", Metric: "ambient", Device: "ups", WarnHigh: number(40)}, // which its profile does not have
			{Class: "climate", Metric: "temperature", Device: "sensor", Channel: &channel, WarnHigh: number(27)},
			{Class: "generator", Metric: "oil_pressure", Device: "gen", WarnLow: number(1e5)},
		}
		s.Metrics = map[string]map[string]bool{
			"ups": {"battery_temperature": true, "battery_charge": true, "output_load": true, "status": true}, "sensor": {"temperature": true, "smoke": true},
			"gen": {"oil_pressure": true, "status": true}, "ats": {"selected_source": true}, "msb": {"voltage": true}, "pdu": {"load": true}, "cooler": {},
		}
	}
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, setup)
	all := func(n int, ups, sensor string) {
		for range n {
			p.say("pdu", "poll_duration=1")
			p.say("cooler", "status=running")
			p.say("gen", "status=stopped mode=auto")
			p.say("msb", "frequency=50")
			p.say("ats", "selected_source=a")
			p.say("ups", ups)
			p.now("sensor", sensor)
		}
	}
	all(2, "", "temperature/outlet=20 smoke=bad")
	all(60, "status=online", "temperature/outlet=20 smoke=bad")
	want := []string{
		"2.. warning Sensor does not give its smoke",
		"0.. warning Main switchboard does not give its voltage",
		"0.. warning Sensor (inlet) does not give its temperature",
	}
	p.want(want...)
	all(1, "status=online", "temperature/outlet=20 smoke=bad")
	want = append(want, "2.. warning UPS does not give its battery temperature")
	p.want(want...)
	told := len(p.told)
	p.open(Options{Dir: dir})
	all(4*60*60, "status=online", "temperature/outlet=20 smoke=bad")
	if len(p.told) != told {
		t.Errorf("told again: %v", p.told[told:])
	}
	p.want(want...)
	p.open(Options{Dir: dir})
	all(1, "status=online battery_temperature=20", "temperature/outlet=20 temperature/inlet=20 smoke=clear")
	p.now("msb", "voltage/L1=230")
	for _, ev := range p.e.Active() {
		t.Errorf("given, and still: %s", ev.Text.EN)
	}
	all(100, "status=online", "temperature/outlet=20")
	if cs := p.told[0].Text.CS; cs != "Sensor neudává: kouř" {
		t.Error(cs)
	}
}

// TestManyNeverGiven: many values that cannot be read since the agent started are
// one event, and the same after a restart.
func TestManyNeverGiven(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, nil)
	for range 3 {
		for range 5 {
			p.now("ups", "x_alarm_fuse=bad x_alarm_fan=bad x_alarm_charger=bad x_alarm_bypass=bad x_alarm_module=bad")
		}
		p.want("2.. warning UPS does not give its fuse, nor 4 other values")
		p.open(Options{Dir: dir})
	}
	p.now("ups", "x_alarm_fuse=clear x_alarm_fan=clear x_alarm_charger=clear x_alarm_bypass=clear x_alarm_module=clear")
	if got := p.e.Active(); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}
