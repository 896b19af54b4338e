package main

import (
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plantroom/agent"
	"plantroom/agent/events"
	"plantroom/config"
	"plantroom/drivers/sim"
)

// A story is a scenario of the demo, polled in the facility's own time: the
// devices are asked over their sockets by the drivers that plantroom run uses,
// and the readings have the facility's times, however long it took to ask.
type story struct {
	t        *testing.T
	facility *sim.Facility
	station  *station
	sources  []agent.Source
	devices  []*agent.Device
	start    time.Time // of the facility's time
	dir      string    // of the events
	every    time.Duration
	order    *rand.Rand // in which devices are polled, another one each time

	// What polls could have seen: the lowest charge of each UPS, the highest
	// power of each generator and temperature of each sensor.
	least, most map[string]float64
}

// newStory prepares a scenario; the seed is that of the facility's noise, and
// of the order in which devices are polled.
func newStory(t *testing.T, scenario string, seed uint64) *story {
	t.Helper()
	f, addresses := simulated(t, sim.Options{Scenario: scenario, Seed: seed, Start: 8 * time.Hour})
	dir := t.TempDir()
	start := time.Date(2026, 11, 4, 8, 0, 0, 0, time.Local)
	// The test is due in each: what is no test is not to be taken for one.
	text := string(demoConfig(f, addresses, "127.0.0.1:0", "127.0.0.1:0", &demoCmd{Scenario: "monthly-test", Every: time.Second}, start))
	path, err := writeDemo(dir, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	site, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &story{t: t, facility: f, dir: filepath.Join(dir, "state", "events"), every: time.Second, order: rand.New(rand.NewPCG(seed, 1)),
		least: map[string]float64{}, most: map[string]float64{},
		start: start.UTC()}
	if s.station, err = newStation(patient(site), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.station.close)
	for _, b := range s.station.plan.Buses() {
		for _, d := range b.Devices() {
			s.devices, s.sources = append(s.devices, d), append(s.sources, b.Source(d.ID))
		}
	}
	return s
}

// now returns the facility's time.
func (s *story) now() time.Time { return s.start.Add(s.facility.Now()) }

// goOn lets the facility live, and polls every device, until a time since the
// start.
func (s *story) goOn(until time.Duration) {
	s.t.Helper()
	s.by(s.every, until)
}

// by is goOn with polls at an interval of its own, for times in which nothing
// happens.
func (s *story) by(every, until time.Duration) {
	s.t.Helper()
	for s.facility.Now() < until {
		s.facility.Step(every)
		for _, d := range s.facility.Devices {
			if v, ok := d.Number("battery_charge", ""); ok && (s.least[d.ID] == 0 || v < s.least[d.ID]) {
				s.least[d.ID] = v
			}
			for _, metric := range []string{"output_power", "temperature"} {
				if v, ok := d.Number(metric, ""); ok {
					s.most[d.ID] = max(s.most[d.ID], v)
				}
			}
		}
		at := s.now()
		for _, i := range s.order.Perm(len(s.devices)) {
			d := s.devices[i]
			up := &agent.Point{Device: d, Metric: config.Lookup(d.Class, "up")}
			rs, err := s.sources[i].Poll(s.t.Context(), []agent.Reading{{Point: up, Value: 1}})
			if err != nil {
				s.t.Fatalf("%s: %v", d.ID, err)
			}
			for j := range rs {
				rs[j].Time = at
			}
			p := &agent.Poll{Device: d, Time: at, Next: at.Add(every), Readings: rs}
			s.station.power.Observe(p)
			s.station.events.Observe(p)
		}
	}
}

// shown returns what a device shows now.
func (s *story) shown(device, metric string) float64 {
	s.t.Helper()
	v, ok := s.facility.Device(device).Number(metric, "")
	if !ok {
		s.t.Fatalf("%s shows no %s", device, metric)
	}
	return v
}

// seen returns the times, since the start, at which polls saw a device come to
// one of the states and leave them again, as the facility itself knows it; 0
// where it has not left them. A state that came and went between two polls is
// not among them.
func (s *story) seen(device, what string, words ...string) (out [][2]time.Duration) {
	poll := func(at time.Duration) time.Duration { return (at + s.every - 1) / s.every * s.every }
	inside := false
	for _, tr := range s.facility.Transitions() {
		if tr.Device != device || tr.What != what {
			continue
		}
		switch is := slices.Contains(words, tr.To); {
		case is && !inside:
			if n := len(out); n > 0 && out[n-1][1] == poll(tr.At) {
				out[n-1][1] = 0 // no poll saw it away
			} else {
				out = append(out, [2]time.Duration{poll(tr.At)})
			}
			inside = true
		case !is && inside:
			inside = false
			if last := &out[len(out)-1]; poll(tr.At) > last[0] {
				last[1] = poll(tr.At)
			} else {
				out = out[:len(out)-1]
			}
		}
	}
	return out
}

// expected returns the events of devices that must have come of what the
// facility knows that it did, as lines.
func (s *story) expected() (lines []string) {
	add := func(device, metric string, seen [][2]time.Duration) {
		for _, one := range seen {
			lines = append(lines, eventLine(device, metric, one[0], one[1]))
		}
	}
	lost := s.seen("", "mains", "lost")
	add("feed", "supply", lost)
	add("msb", "supply", append(lost, s.seen("", "incomer", "open")...))
	for _, d := range s.facility.Devices {
		switch d.Class {
		case "ups":
			add(d.ID, "status", s.seen(d.ID, "status", "on_battery"))
			add(d.ID, "status", s.seen(d.ID, "status", "off"))
		case "ats":
			add(d.ID, "transfer", s.seen(d.ID, "selected_source", "b"))
		case "generator":
			add(d.ID, "status", s.seen(d.ID, "status", "starting", "warming_up", "running", "on_load", "cooling_down", "stopping"))
			add(d.ID, "status", s.seen(d.ID, "status", "fault"))
			if d.ID == "gen-1" { // its controller names the alarm
				add(d.ID, "x_alarm_fail_to_start", s.seen(d.ID, "status", "fault"))
			}
			add(d.ID, "carries", s.seen(d.ID, "status", "on_load"))
		case "cooling":
			add(d.ID, "status", s.seen(d.ID, "status", "off"))
			add(d.ID, "status", s.seen(d.ID, "status", "fault"))
		}
	}
	slices.Sort(lines)
	return lines
}

func eventLine(device, metric string, began, ended time.Duration) string {
	return fmt.Sprintf("%s %s %v..%v", device, metric, began, ended)
}

// happened returns the events of devices that there were, as lines; all are to
// be part of the incident or test with the given id.
func (s *story) happened(parent string) (lines []string) {
	s.t.Helper()
	for _, e := range s.station.events.Events(agent.EventQuery{}) {
		if e.Device == "" || e.Kind == "limit" || e.Metric == "mode" {
			continue // of the site, of measured values, of the weather
		}
		if e.Parent != parent {
			s.t.Errorf("%s is part of %q, want %q", e.Text.EN, e.Parent, parent)
		}
		ended := time.Duration(0)
		if !e.Active() {
			ended = e.Ended.Sub(s.start)
		}
		lines = append(lines, eventLine(e.Device, e.Metric, e.Began.Sub(s.start), ended))
	}
	slices.Sort(lines)
	return lines
}

// record returns the one record there is.
func (s *story) record() *events.Record {
	s.t.Helper()
	s.station.events.Flush()
	all, err := events.List(s.dir)
	if err != nil || len(all) != 1 {
		s.t.Fatalf("%d records, %v; want one", len(all), err)
	}
	r, err := events.Load(s.dir, all[0].ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// figure holds a figure of a record against what it must be.
func (s *story) figure(r *events.Record, name, device string, want, within float64) {
	s.t.Helper()
	for _, f := range r.Figures {
		if f.Name == name && f.Device == device {
			if math.Abs(f.Value-want) > within {
				s.t.Errorf("%s of %s is %g %s, want %g within %g", name, device, f.Value, f.Unit, want, within)
			}
			return
		}
	}
	s.t.Errorf("there is no %s of %s", name, device)
}

// seconds returns how long all of the times together are.
func seconds(times [][2]time.Duration) (sum float64) {
	for _, one := range times {
		sum += (one[1] - one[0]).Seconds()
	}
	return sum
}

// storyOfMainsFailure: all that the facility does in it is one incident,
// with the times of the polls that saw it and the figures that it knows.
func storyOfMainsFailure(t *testing.T, seed uint64) {
	s := newStory(t, "mains-failure", seed)
	s.goOn(19 * time.Second)
	given, charge := s.shown("gen-1", "output_energy"), s.shown("ups-a", "battery_charge")
	s.goOn(270 * time.Second)
	given, most := s.shown("gen-1", "output_energy")-given, s.most["gen-1"]
	charge -= s.least["ups-a"]
	s.goOn(325 * time.Second)
	s.by(5*time.Second, 450*time.Second)
	r := s.record()
	if diff := cmp.Diff(s.expected(), s.happened(r.ID)); diff != "" {
		t.Errorf("events: (-facility +plantroom)\n%s", diff)
	}
	began, ended := s.seen("", "mains", "lost")[0][0], s.seen("cooling-1", "status", "off")[1][1]
	if r.Kind != "incident" || r.Title.EN != "Mains failure" || r.Device != "feed" || r.Began.Sub(s.start) != began || r.Ended.Sub(s.start) != ended {
		t.Errorf("%s %s at %s from %v to %v, want from %v to %v", r.Kind, r.Title.EN, r.Device, r.Began.Sub(s.start), r.Ended.Sub(s.start), began, ended)
	}
	gen := s.seen("gen-1", "status", "on_load")
	s.figure(r, events.TimeDead, "feed", seconds(s.seen("", "mains", "lost")), 0)
	s.figure(r, events.TimeToStart, "gen-1", (s.seen("gen-1", "status", "warming_up")[0][0] - began).Seconds(), 0)
	s.figure(r, events.TimeToLoad, "gen-1", (gen[0][0] - began).Seconds(), 0)
	s.figure(r, events.TimeCarried, "gen-1", seconds(gen), 0)
	s.figure(r, events.TimeToTransfer, "ats-1", (s.seen("ats-1", "selected_source", "b")[0][0] - began).Seconds(), 0)
	s.figure(r, events.Energy, "gen-1", given, most/3600) // what it gives in one poll interval
	s.figure(r, events.LoadMax, "gen-1", most, 1)
	for _, ups := range []string{"ups-a", "ups-b", "ups-office"} {
		s.figure(r, events.TimeOnBattery, ups, seconds(s.seen(ups, "status", "on_battery")), 0)
	}
	s.figure(r, events.BatteryDrained, "ups-a", charge, 1) // it says whole percents
	s.figure(r, events.CoolingOff, "cooling-1", seconds(s.seen("cooling-1", "status", "off")), 0)
	s.figure(r, events.TimeUncooled, "", seconds(s.seen("cooling-1", "status", "off")), 0)
	if len(r.Series) == 0 || r.Series[0].Time(0).After(r.Began.Add(-15*time.Second)) {
		t.Error("no readings of the time before")
	}
}

// unmet returns the criteria of a record that were not met, by their names
// and devices.
func unmet(r *events.Record) (out []string) {
	for _, c := range r.Criteria {
		if !c.Met {
			out = append(out, c.Name+" "+c.Device)
		}
	}
	return out
}

// storyOfMonthlyTest: a building that is cut off from live mains when the
// plan says so is a test. It passed, and called nobody.
func storyOfMonthlyTest(t *testing.T, seed uint64) {
	s := newStory(t, "monthly-test", seed)
	s.goOn(19 * time.Second)
	given := s.shown("gen-1", "output_energy")
	s.goOn(90 * time.Second)
	s.by(10*time.Second, 900*time.Second)
	s.goOn(1030 * time.Second)
	r := s.record()
	if diff := cmp.Diff(s.expected(), s.happened(r.ID)); diff != "" {
		t.Errorf("events: (-facility +plantroom)\n%s", diff)
	}
	began, ended := s.seen("", "incomer", "open")[0][0], s.seen("cooling-1", "status", "off")[1][1]
	if r.Kind != "test" || r.Plan != "monthly" || !r.Due.Equal(s.start) || r.Began.Sub(s.start) != began || r.Ended.Sub(s.start) != ended {
		t.Errorf("%s of %q, due %v, from %v to %v; want from %v to %v", r.Kind, r.Plan, r.Due, r.Began.Sub(s.start), r.Ended.Sub(s.start), began, ended)
	}
	if r.Verdict != events.Passed || len(r.Criteria) != 8 || unmet(r) != nil {
		t.Errorf("the test %s by %d criteria, not met: %v", r.Verdict, len(r.Criteria), unmet(r))
	}
	gen := s.seen("gen-1", "status", "on_load")
	s.figure(r, events.TimeToStart, "gen-1", (s.seen("gen-1", "status", "warming_up")[0][0] - began).Seconds(), 0)
	s.figure(r, events.TimeToLoad, "gen-1", (gen[0][0] - began).Seconds(), 0)
	s.figure(r, events.TimeCarried, "gen-1", seconds(gen), 0)
	s.figure(r, events.Energy, "gen-1", s.shown("gen-1", "output_energy")-given, s.most["gen-1"]/3600)
	s.figure(r, events.LoadMean, "gen-1", (s.shown("gen-1", "output_energy")-given)*3600/seconds(gen), 200)
	for _, e := range s.station.events.Events(agent.EventQuery{}) {
		if e.Severity != agent.Info {
			t.Errorf("in a test that is passed: %s: %s", e.Severity, e.Text.EN)
		}
	}
}

// storyOfGeneratorFails: the test fails with the first generator, which
// calls somebody, though the second one carries.
func storyOfGeneratorFails(t *testing.T, seed uint64) {
	s := newStory(t, "generator-fails", seed)
	s.goOn(90 * time.Second)
	s.by(10*time.Second, 900*time.Second)
	s.goOn(1030 * time.Second)
	r := s.record()
	if diff := cmp.Diff(s.expected(), s.happened(r.ID)); diff != "" {
		t.Errorf("events: (-facility +plantroom)\n%s", diff)
	}
	want := []string{"time_to_start gen-1", "time_to_load gen-1", "time_carried gen-1", "load_mean gen-1", "frequency_deviation gen-1", "faults gen-1"}
	if diff := cmp.Diff(want, unmet(r)); r.Kind != "test" || r.Verdict != events.Failed || diff != "" {
		t.Errorf("%s %s; criteria not met: (-want +got)\n%s", r.Kind, r.Verdict, diff)
	}
	gen := s.seen("gen-2", "status", "on_load")
	s.figure(r, events.TimeToLoad, "gen-2", (gen[0][0] - s.seen("", "incomer", "open")[0][0]).Seconds(), 0)
	s.figure(r, events.TimeCarried, "gen-2", seconds(gen), 0)
	s.figure(r, events.TimeOnBattery, "ups-b", seconds(s.seen("ups-b", "status", "on_battery")), 0)
	if !slices.ContainsFunc(r.NotObserved, func(n events.NotObserved) bool {
		return n == events.NotObserved{Name: events.TimeToStart, Device: "gen-1", Why: agent.Words{EN: "it did not start", CS: "nenastartoval"}}
	}) {
		t.Errorf("not observed: %v", r.NotObserved)
	}
	var called []string
	for _, e := range s.station.events.Active() {
		if e.Severity > agent.Info {
			called = append(called, e.Severity.String()+" "+e.Text.EN)
		}
	}
	if diff := cmp.Diff([]string{
		"warning Redundancy is lost: Generator 1 in fault", // which outlasts the test
		"alarm Generator 1 has a fault",
		"alarm Generator 1 reports: fail to start (shutdown)",
		"warning Monthly blackout test: failed: Generator 1, time to run at speed: it did not start (at most 15 s)",
	}, called); diff != "" {
		t.Errorf("what lasts: (-want +got)\n%s", diff)
	}
	if path := s.station.power.Path(); path.On == agent.Batteries {
		t.Errorf("afterwards it stands on %s", path.On)
	}
}

// storyOfFlappingMains: mains that come and go within a minute are one
// incident, in which they failed four times.
func storyOfFlappingMains(t *testing.T, seed uint64) {
	s := newStory(t, "flapping-mains", seed)
	s.goOn(180 * time.Second)
	r := s.record()
	if diff := cmp.Diff(s.expected(), s.happened(r.ID)); diff != "" {
		t.Errorf("events: (-facility +plantroom)\n%s", diff)
	}
	lost := s.seen("", "mains", "lost")
	if len(lost) != 4 || r.Kind != "incident" || r.Began.Sub(s.start) != lost[0][0] {
		t.Errorf("%s from %v; the mains failed at %v", r.Kind, r.Began.Sub(s.start), lost)
	}
	s.figure(r, events.TimeDead, "feed", seconds(lost), 0)
	s.figure(r, events.TimeOnBattery, "ups-a", seconds(s.seen("ups-a", "status", "on_battery")), 0)
	n := 0
	for _, tr := range r.Transitions {
		if tr.Device == "feed" && tr.Metric == "supply" {
			n++
		}
	}
	if n != 8 {
		t.Errorf("%d changes of the mains, want 8", n)
	}
}

// storyOfCoolingFailure: two units that fail one after the other are one
// incident, of cooling, and what becomes too warm is a part of it.
func storyOfCoolingFailure(t *testing.T, seed uint64) {
	s := newStory(t, "cooling-failure", seed)
	s.goOn(19 * time.Second)
	before := s.shown("climate-cold-1", "temperature")
	s.goOn(385 * time.Second)
	r := s.record()
	if diff := cmp.Diff(s.expected(), s.happened(r.ID)); diff != "" {
		t.Errorf("events: (-facility +plantroom)\n%s", diff)
	}
	one, two := s.seen("cooling-1", "status", "fault"), s.seen("cooling-2", "status", "fault")
	if r.Kind != "incident" || r.Domain != "cooling" || r.Began.Sub(s.start) != one[0][0] || r.Ended.Sub(s.start) != one[0][1] {
		t.Errorf("%s of %s from %v to %v, want %v", r.Kind, r.Domain, r.Began.Sub(s.start), r.Ended.Sub(s.start), one)
	}
	s.figure(r, events.CoolingOff, "cooling-1", seconds(one), 0)
	s.figure(r, events.TimeUncooled, "", seconds(two), 0)
	s.figure(r, events.TemperatureRise, "climate-cold-1", s.most["climate-cold-1"]-before, 0.1)
	warm := map[string]bool{}
	for _, e := range s.station.events.Events(agent.EventQuery{}) {
		if e.Kind == "limit" && e.Parent == r.ID && e.Metric == "supply_air_temperature" && !e.Active() {
			warm[e.Device] = true
		}
	}
	if len(warm) != 2 {
		t.Errorf("too warm: %v, want both units", warm)
	}
}

// TestStories tells each scenario, with other noise and another order of polls
// each time.
func TestStories(t *testing.T) {
	for name, story := range map[string]func(*testing.T, uint64){
		"mains-failure": storyOfMainsFailure, "monthly-test": storyOfMonthlyTest, "generator-fails": storyOfGeneratorFails,
		"flapping-mains": storyOfFlappingMains, "cooling-failure": storyOfCoolingFailure,
	} {
		seeds := uint64(3)
		if testing.Short() || name == "generator-fails" { // which takes long
			seeds = 1
		}
		for seed := range seeds {
			t.Run(fmt.Sprint(name, "/", seed), func(t *testing.T) {
				t.Parallel()
				story(t, seed)
			})
		}
	}
}
