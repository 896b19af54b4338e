package main

import (
	"fmt"
	"log/slog"
	"math"
	"os"
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

	// What polls could have seen: the lowest charge of each UPS, the highest
	// power of each generator.
	least, most map[string]float64
}

// newStory prepares a scenario. More is added to the configuration.
func newStory(t *testing.T, scenario, more string) *story {
	t.Helper()
	f, err := sim.NewFacility(sim.Options{Scenario: scenario, Seed: 7, Start: 8 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	addresses, servers, err := serveFacility(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, s := range servers {
			s.Close()
		}
	})
	dir := t.TempDir()
	own := filepath.Join(dir, "profiles", sim.FreeCoolingFile)
	if err := os.Mkdir(filepath.Dir(own), 0o700); err != nil {
		t.Fatal(err)
	}
	text := string(demoConfig(f, addresses, "127.0.0.1:0", "127.0.0.1:0", &demoCmd{Every: time.Second})) + "state: state\n" + more
	for name, text := range map[string]string{own: sim.FreeCooling, filepath.Join(dir, "site.yaml"): text} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	site, err := config.Load(filepath.Join(dir, "site.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s := &story{t: t, facility: f, dir: filepath.Join(dir, "state", "events"), every: time.Second,
		least: map[string]float64{}, most: map[string]float64{},
		start: time.Date(2026, 11, 4, 8, 0, 0, 0, time.Local).UTC()} // a first Wednesday
	if s.station, err = newStation(site, slog.New(slog.DiscardHandler)); err != nil {
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
	for s.facility.Now() < until {
		s.facility.Step(s.every)
		for _, d := range s.facility.Devices {
			if v, ok := d.Number("battery_charge", ""); ok && (s.least[d.ID] == 0 || v < s.least[d.ID]) {
				s.least[d.ID] = v
			}
			if v, ok := d.Number("output_power", ""); ok && d.Class == "generator" {
				s.most[d.ID] = max(s.most[d.ID], v)
			}
		}
		at := s.now()
		for i, d := range s.devices {
			up := &agent.Point{Device: d, Metric: config.Lookup(d.Class, "up")}
			rs, err := s.sources[i].Poll(s.t.Context(), []agent.Reading{{Point: up, Value: 1}})
			if err != nil {
				s.t.Fatalf("%s: %v", d.ID, err)
			}
			for j := range rs {
				rs[j].Time = at
			}
			p := &agent.Poll{Device: d, Time: at, Next: at.Add(s.every), Readings: rs}
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
			out = append(out, [2]time.Duration{poll(tr.At)})
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
	add("msb", "breaker", s.seen("", "incomer", "open"))
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
		if e.Device == "" {
			continue
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

// TestStoryOfMainsFailure: all that the facility does in it is one incident,
// with the times of the polls that saw it and the figures that it knows.
func TestStoryOfMainsFailure(t *testing.T) {
	s := newStory(t, "mains-failure", "")
	s.goOn(19 * time.Second)
	given, charge := s.shown("gen-1", "output_energy"), s.shown("ups-a", "battery_charge")
	s.goOn(270 * time.Second)
	given, most := s.shown("gen-1", "output_energy")-given, s.most["gen-1"]
	charge -= s.least["ups-a"]
	s.goOn(600 * time.Second)
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
