package report

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"plantroom/agent"
	"plantroom/agent/events"
	"plantroom/config"
	"plantroom/drivers/sim"
)

// prague is the zone of the building of these tests.
var prague = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		panic(err)
	}
	return zone
}()

// seen are the metrics of each class that are recorded.
var seen = map[string][]string{
	"switchboard": {"voltage", "active_power"},
	"ats":         {"selected_source"},
	"generator":   {"status", "output_voltage", "output_frequency", "output_power", "fuel_level"},
	"ups":         {"status", "battery_status", "battery_charge", "output_power"},
	"cooling":     {"status", "mode"},
	"climate":     {"temperature"},
}

// building runs a scenario of the simulated building, read every second, and
// returns the record of it: transitions and figures are those that the
// readings show.
func building(t *testing.T, scenario string, began time.Time, length time.Duration) *events.Record {
	t.Helper()
	began = began.Add(-20 * time.Second) // when the scenarios begin
	local := began.In(prague)
	f, err := sim.NewFacility(sim.Options{Scenario: scenario, Seed: 7, Start: time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	r := &events.Record{Site: "praha-1", Domain: "power"}
	var states []events.Transition
	index := map[string]int{}
	for s := 0; s <= int(length/time.Second); s++ {
		now := began.Add(time.Duration(s) * time.Second)
		for _, d := range f.Devices {
			if s == 0 {
				r.Devices = append(r.Devices, events.Device{ID: d.ID, Name: d.Name, Class: d.Class, Every: 1, Labels: map[string]string{"room": d.Room}})
			}
			for _, name := range seen[d.Class] {
				m := config.Lookup(d.Class, name)
				for _, channel := range d.Channels(m) {
					v, ok := d.Value(m, channel)
					if !ok {
						continue
					}
					key := d.ID + name + channel
					i, known := index[key]
					if !known {
						i = len(r.Series)
						index[key] = i
						r.Series = append(r.Series, events.Series{Device: d.ID, Metric: name, Channel: channel, Unit: m.Unit, States: m.States})
					}
					one := &r.Series[i]
					if n := len(one.Values); m.Kind == agent.State && n > 0 && one.Values[n-1] != v {
						states = append(states, events.Transition{Time: now, Device: d.ID, Metric: name, From: one.Word(n - 1), To: m.Word(int(v))})
					}
					// Two decimals are what a device says, and keep the files small.
					one.Times, one.Values = append(one.Times, now.UnixMilli()), append(one.Values, math.Round(v*100)/100)
				}
			}
		}
		f.Step(time.Second)
	}
	r.Transitions = states
	return r
}

// monthly is the monthly test of the building as it would be recorded. The
// record is the caller's, but for the values of its series.
func monthly(t *testing.T) *events.Record {
	t.Helper()
	kept.Do(func() { kept.record = newMonthly(t) })
	bare := *kept.record
	bare.Series = nil
	text, err := json.Marshal(bare)
	if err != nil {
		t.Fatal(err)
	}
	r := &events.Record{}
	if err := json.Unmarshal(text, r); err != nil {
		t.Fatal(err)
	}
	r.Series = slices.Clone(kept.record.Series)
	return r
}

var kept struct {
	sync.Once
	record *events.Record
}

func newMonthly(t *testing.T) *events.Record {
	began := time.Date(2026, 11, 26, 12, 55, 1, 0, time.UTC)
	r := building(t, "monthly-test", began, 40*time.Minute)
	r.ID, r.Kind, r.Plan, r.Declared, r.Severity = "20261126-125501-k3001", "test", "monthly", "schedule", agent.Info
	r.Title = agent.Words{EN: "Monthly test under load", CS: "Měsíční zkouška pod zátěží"}
	r.Cause = agent.Words{EN: "Main switchboard has no voltage", CS: "Main switchboard je bez napětí"}
	r.Began, r.Ended = began, began.Add(15*time.Minute+42*time.Second)
	r.Watched, r.Due = began.Add(35*time.Minute), began.Add(-time.Second)
	r.Verdict = events.Passed
	at := func(s float64) time.Time { return began.Add(time.Duration(s * float64(time.Second))) }
	r.Transitions = append([]events.Transition{
		{Time: began, Device: "", Metric: "power_path", From: "mains", To: "batteries"},
		{Time: at(13), Device: "", Metric: "power_path", From: "batteries", To: "generator"},
		{Time: r.Ended, Device: "", Metric: "power_path", From: "generator", To: "mains"},
		{Time: began, Device: "msb", Metric: "supply", From: "live", To: "dead"},
		{Time: at(900), Device: "msb", Metric: "supply", From: "dead", To: "live"},
	}, r.Transitions...)
	slices.SortStableFunc(r.Transitions, func(a, b events.Transition) int { return a.Time.Compare(b.Time) })
	figure := func(name, device string, v float64, unit string, s float64, en, cs string) {
		f := events.Figure{Name: name, Device: device, Value: v, Unit: unit, Text: agent.Words{EN: en, CS: cs}}
		if s > 0 {
			f.At = at(s)
		}
		r.Figures = append(r.Figures, f)
	}
	figure(events.TimeDead, "msb", 900, "s", 0, "without voltage", "bez napětí")
	figure(events.TimeToTransfer, "ats-1", 13, "s", 13, "from the loss to the transfer", "od výpadku do přepnutí")
	figure(events.TimeToStart, "gen-1", 10, "s", 10, "from the loss to running at speed", "od výpadku do jmenovitých otáček")
	figure(events.TimeToLoad, "gen-1", 13, "s", 13, "from the loss to carrying the load", "od výpadku do převzetí zátěže")
	figure(events.TimeCarried, "gen-1", 917, "s", 0, "carried the load", "napájení zátěže")
	figure(events.VoltageDip, "gen-1", 3.6, "%", 14, "voltage dip as it took the load", "pokles napětí při převzetí zátěže")
	figure(events.VoltageSettling, "gen-1", 2, "s", 16, "until the voltage was steady", "do ustálení napětí")
	figure(events.FrequencyDip, "gen-1", 2.9, "%", 14, "frequency dip as it took the load", "pokles frekvence při převzetí zátěže")
	figure(events.FrequencySettling, "gen-1", 3, "s", 17, "until the frequency was steady", "do ustálení frekvence")
	figure(events.FrequencyDeviation, "gen-1", 0.51, "%", 300, "farthest from nominal once settled", "největší odchylka po ustálení")
	figure(events.LoadMean, "gen-1", 107.4e3, "W", 0, "mean load", "střední zatížení")
	figure(events.LoadMax, "gen-1", 114.2e3, "W", 50, "highest load", "nejvyšší zatížení")
	figure(events.Energy, "gen-1", 27310, "Wh", 0, "energy given", "dodaná energie")
	figure(events.FuelUsed, "gen-1", 1.5, "%", 0, "fuel used", "spotřeba paliva")
	for _, u := range []struct {
		id      string
		drained float64
	}{{"ups-a", 3.9}, {"ups-b", 4.1}, {"ups-office", 6.2}} {
		figure(events.TimeOnBattery, u.id, 18, "s", 0, "on battery, all told", "na baterie celkem")
		figure(events.BatteryDrained, u.id, u.drained, "%", 30, "taken from the battery", "vybití baterie")
		figure(events.TimeToRecover, u.id, 520, "s", 0, "until the charge was what it had been", "do obnovení nabití")
		figure(events.TimeLost, u.id, 0, "s", 0, "load without power", "zátěž bez napájení")
	}
	figure(events.TimeUncooled, "", 42, "s", 0, "no cooling unit ran", "bez běžící chladicí jednotky")
	figure(events.TemperatureRise, "climate-hot-1", 1.3, "K", 55, "rise while cooling was off", "oteplení za dobu bez chlazení")
	criterion := func(name, device string, limit, measured float64, atLeast bool, unit, en, cs string) {
		r.Criteria = append(r.Criteria, events.Criterion{Name: name, Device: device, Limit: limit, Measured: &measured, AtLeast: atLeast,
			Unit: unit, Text: agent.Words{EN: en, CS: cs}, Met: (measured >= limit) == atLeast || measured == limit})
	}
	criterion(events.TimeToStart, "gen-1", 15, 10, false, "s", "the generator started", "start generátoru")
	criterion(events.TimeCarried, "gen-1", 900, 917, true, "s", "it carried the load", "doba napájení zátěže")
	criterion(events.LoadMean, "gen-1", 80e3, 107.4e3, true, "W", "load that it carried", "napájená zátěž")
	criterion(events.FrequencyDeviation, "gen-1", 1, 0.51, false, "%", "frequency kept", "dodržení frekvence")
	event := func(n int, device string, severity agent.Severity, from, to float64, en, cs string) {
		d := r.Devices[slices.IndexFunc(r.Devices, func(d events.Device) bool { return d.ID == device })]
		r.Events = append(r.Events, agent.Event{ID: fmt.Sprintf("20261126-125501-k3%03d", n), Kind: "state", Parent: r.ID, Device: device,
			Name: d.Name, Class: d.Class, Severity: severity, Began: at(from), Ended: at(to), Text: agent.Words{EN: d.Name + " " + en, CS: d.Name + " " + cs}})
	}
	r.Events = append(r.Events, agent.Event{ID: r.ID, Kind: "test", Began: r.Began, Ended: r.Ended, Text: r.Title})
	event(2, "msb", agent.Alarm, 0, 900, "has no voltage", "je bez napětí")
	event(3, "ups-a", agent.Alarm, 1, 19, "is on battery", "běží na baterie")
	event(4, "ups-b", agent.Alarm, 1, 19, "is on battery", "běží na baterie")
	event(5, "ups-office", agent.Alarm, 1, 19, "is on battery", "běží na baterie")
	event(6, "gen-1", agent.Info, 3, 1003, "runs", "běží")
	event(7, "ats-1", agent.Warning, 13, 930, "has gone to its other source", "přešel na druhý zdroj")
	event(8, "gen-1", agent.Warning, 13, 930, "carries the load", "napájí zátěž")
	r.Notes = []agent.Note{{Time: at(410), By: "J. Novák", Text: "Oil pressure and coolant looked at: fine."}}
	return r
}

// before are the records of earlier monthly tests.
func before(r *events.Record, n int) []*events.Record {
	var all []*events.Record
	for i := n; i > 0; i-- {
		e := &events.Record{ID: fmt.Sprintf("2026%02d01-090000-k30%02d", i, i), Kind: r.Kind, Plan: r.Plan, Domain: r.Domain, Title: r.Title,
			Began: r.Began.AddDate(0, -i, -2*i%5), Verdict: events.Passed}
		e.Ended = e.Began.Add(15 * time.Minute)
		switch i {
		case 5:
			e.Verdict, e.Ended = events.Missed, e.Began
			all = append(all, e)
			continue
		case 8:
			e.Verdict = events.Failed
		}
		for _, f := range r.Figures {
			f.At = time.Time{}
			f.Value *= 1 + 0.13*math.Sin(float64(3*i))
			if i == 8 && f.Name == events.TimeToStart {
				f.Value = 18
			}
			e.Figures = append(e.Figures, f)
		}
		all = append(all, e)
	}
	return all
}
