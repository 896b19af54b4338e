package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"plantroom/agent"
	"plantroom/agent/events"
	"plantroom/agent/ledger"
)

// november is what the ledger of the building of these tests kept of November
// 2026, but for the 9th, when the box was off, and a restart on the 17th.
func november(t *testing.T) ([]*ledger.Day, []*events.Record) {
	t.Helper()
	var days []*ledger.Day
	import0 := 800e6
	for d := 1; d <= 30; d++ {
		if d == 9 {
			continue
		}
		from, to := time.Date(2026, 11, d, 0, 0, 0, 0, prague), time.Date(2026, 11, d+1, 0, 0, 0, 0, prague)
		day := &ledger.Day{Site: "praha-1", Date: from.Format("2006-01-02"), From: from, To: to, Runs: []ledger.Run{{From: from, To: to}}}
		up := 86400.0
		if d == 17 {
			noon := from.Add(12 * time.Hour)
			day.Runs = []ledger.Run{{From: from, To: noon}, {From: noon.Add(150 * time.Second), To: to}}
			up -= 150
		}
		battery, onGenerator, dead := 0.0, 0.0, 0.0
		switch d {
		case 26:
			battery, onGenerator, dead = 18, 924, 900
		case 12:
			battery, dead = 4, 4
		}
		power := 118e3 + 9e3*math.Sin(float64(d)/3)
		it := 80e3 + 2e3*math.Cos(float64(d)/5)
		free := 14 + 6*math.Sin(float64(d)/2)
		at := from.Add(14*time.Hour + 5*time.Minute)
		value := func(unit string, lo, mean, hi float64) *ledger.Value {
			return &ledger.Value{Unit: unit, Seconds: up, Sum: mean * up, Min: lo, Max: hi, MaxAt: at}
		}
		used := power / 1000 * 24e3
		day.Devices = []*ledger.Device{
			{ID: "site", Name: "praha-1", Class: "site", Up: up, Polls: int(up),
				States: map[string]map[string]float64{
					"supply":           {"mains": up - battery - onGenerator, "generator": onGenerator, "batteries": battery},
					"power_redundancy": {"ok": up - 1100*float64(d/26), "lost": 1100 * float64(d/26)}},
				Values: map[string]*ledger.Value{"mains_power": value("W", 0, power, power*1.2), "generator_power": value("W", 0, 114e3*onGenerator/up, 129e3*float64(d/26)),
					"it_power": value("W", it*0.9, it, it*1.1), "cooling_power": value("W", 6e3, 11e3, 24e3), "free_cooling": value("%", 0, free/24*100, 100)},
				PUE: &ledger.PUE{Seconds: up - battery, Site: power * 24, IT: it * 24}},
			{ID: "msb", Name: "Main switchboard", Class: "switchboard", Up: up, Polls: int(up),
				Counts: map[string]*ledger.Count{"energy_import": {Unit: "Wh", First: import0, Last: import0 + used, Used: used}}},
			{ID: "gen-1", Name: "Generator 1", Class: "generator", Up: up - 40, Down: 40, Outages: 1, Polls: int(up) - 30, Failures: 20,
				States: map[string]map[string]float64{"status": {"stopped": up - 40 - onGenerator, "on_load": onGenerator}, "mode": {"auto": up - 40}},
				Counts: map[string]*ledger.Count{"starts": {Used: math.Min(1, onGenerator)}, "output_energy": {Unit: "Wh", Used: 30.2 * onGenerator}}},
			{ID: "ups-a", Name: "UPS A", Class: "ups", Up: up, Polls: int(up / 5), States: map[string]map[string]float64{"status": {"online": up - battery, "on_battery": battery}},
				Counts: map[string]*ledger.Count{"output_energy": {Unit: "Wh", Used: it * 12}}},
			{ID: "ups-b", Name: "UPS B", Class: "ups", Up: up, Polls: int(up / 5), Failures: d % 3,
				States: map[string]map[string]float64{"status": {"online": up - battery - 600*float64(d/30), "on_battery": battery, "maintenance_bypass": 600 * float64(d/30)}},
				Counts: map[string]*ledger.Count{"output_energy": {Unit: "Wh", Used: it * 12}}},
			{ID: "cooling-1", Name: "Cooling unit 1", Class: "cooling", Up: up, Polls: int(up / 10),
				States: map[string]map[string]float64{"status": {"running": up - 120*float64(d/26), "off": 120 * float64(d/26)},
					"mode": {"free_cooling": free * 3600, "mixed": 3600, "mechanical": up - free*3600 - 3600}}},
			{ID: "climate-cold-1", Name: "Cold aisle 1", Class: "climate", Room: "hall", Up: up, Polls: int(up / 10),
				Values: map[string]*ledger.Value{"temperature": value("Cel", 21.2, 22.3, 23.9+float64(d/26)), "humidity": value("%", 31, 38, 47)}},
		}
		import0 += used
		on := func(mains, generator, batteries, dead float64) map[string]float64 {
			return map[string]float64{"mains": mains, "generator": generator, "batteries": batteries, "dead": dead}
		}
		day.Parts = []*ledger.Part{
			{ID: "utility", Name: "Utility", Class: "utility", On: on(up-dead, 0, 0, dead)},
			{ID: "msb", Name: "Main switchboard", Class: "switchboard", On: on(up-dead, 0, 0, dead)},
			{ID: "ats-1", Name: "ATS 1", Class: "ats", On: on(up-dead-30, onGenerator, 0, dead-onGenerator+30)},
			{ID: "ups-a", Name: "UPS A", Class: "ups", On: on(up, 0, 0, 0)},
		}
		days = append(days, day)
	}
	test := monthly(t)
	incident := &events.Record{ID: "20261112-023011-k3001", Site: "praha-1", Kind: "incident", Domain: "power", Severity: agent.Alarm,
		Title: agent.Words{EN: "Mains failure", CS: "Výpadek sítě"}, Cause: agent.Words{EN: "Main switchboard has no voltage", CS: "Hlavní rozvaděč je bez napětí"},
		Began: time.Date(2026, 11, 12, 2, 30, 11, 0, time.UTC), Figures: []events.Figure{{Name: events.TimeOnBattery, Device: "ups-a", Value: 4, Unit: "s"}}}
	incident.Ended = incident.Began.Add(41 * time.Second)
	weekly := &events.Record{ID: "20261109-080000-k3001", Site: "praha-1", Kind: "test", Plan: "weekly", Verdict: events.Missed, Severity: agent.Warning,
		Title: agent.Words{EN: "Weekly start", CS: "Týdenní start"}, Began: time.Date(2026, 11, 9, 8, 0, 0, 0, time.UTC)}
	weekly.Ended, weekly.Due = weekly.Began, weekly.Began
	return days, append(before(test, 3), weekly, incident, test)
}

// december is when the report on November is made.
var december = time.Date(2026, 12, 1, 8, 0, 0, 0, prague)

func ofNovember(t *testing.T, lang string) *Report {
	t.Helper()
	days, all := november(t)
	r, err := OfMonth(2026, 11, days, all, lang, december)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestMonth: the report of a known month, in every format.
func TestMonth(t *testing.T) {
	for _, lang := range languages {
		r := ofNovember(t, lang)
		golden(t, "november."+lang+".md", write(t, r, "md"))
		sound(t, write(t, r, "html"))
	}
	text := write(t, ofNovember(t, "en"), "json")
	golden(t, "november.json", text)
	var m Month
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	day := 86400.0
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"observed", m.Observed, 29*day - 150}, {"on the mains", m.Supply["mains"], 29*day - 150 - 22 - 924}, {"on generators", m.Supply["generator"], 924},
		{"on batteries", m.Supply["batteries"], 22}, {"UPS B on bypass", m.UPS[1].in("maintenance_bypass"), 600}, {"restarts", float64(m.Restarts), 2},
		{"gaps", float64(len(m.Missing)), 2}, {"incidents", float64(len(m.Incidents)), 1}, {"tests", float64(len(m.Tests)), 2},
		{"no mains", m.Feeds[0].On["dead"], 904}, {"hottest", m.Rooms[0].Max, 24.9},
	} {
		if math.Abs(c.got-c.want) > 1e-6 {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
	if got := m.Rooms[0].MaxAt.In(prague).Format(time.DateTime); got != "2026-11-26 14:05:00" {
		t.Errorf("hottest at %s", got)
	}
}

// TestMonthOfLittle: a month under way, one with records and no days, and one
// of which there is nothing.
func TestMonthOfLittle(t *testing.T) {
	days, all := november(t)
	now := time.Date(2026, 11, 5, 6, 0, 20, 0, prague)
	days[4].Runs[0].To = now.Add(-20 * time.Second)
	for _, lang := range languages {
		r, err := OfMonth(2026, 11, days[:5], nil, lang, now)
		if err != nil {
			t.Fatal(err)
		}
		if m := r.data.(*Month); len(m.Missing) != 0 || m.length() != 4*86400+6*3600+20 {
			t.Errorf("under way: %v missing, %v s", m.Missing, m.length())
		}
		sound(t, write(t, r, "html"))
		if r, err = OfMonth(2026, 11, nil, all, lang, december); err != nil {
			t.Fatal(err)
		}
		sound(t, write(t, r, "html"))
		if _, err = OfMonth(2026, 3, nil, nil, lang, december); !errors.Is(err, ErrNoData) {
			t.Errorf("nothing: %v", err)
		}
		var names []*ledger.Day
		for _, d := range days[:2] {
			one := *d
			one.Site = hostile
			one.Devices = nil
			for _, dev := range d.Devices {
				copied := *dev
				copied.Name = hostile
				one.Devices = append(one.Devices, &copied)
			}
			one.Parts = []*ledger.Part{{ID: "x", Name: hostile, Class: "board", On: map[string]float64{"mains": 5}}}
			names = append(names, &one)
		}
		r, err = OfMonth(2026, 11, names, nil, lang, december)
		if err != nil {
			t.Fatal(err)
		}
		page := write(t, r, "html")
		sound(t, page)
		if strings.Contains(page, "<script") {
			t.Error("a name became a script")
		}
	}
}

// TestUnderLoad: a generator whose controller has no word for it was under load too.
func TestUnderLoad(t *testing.T) {
	days, _ := november(t)
	for _, d := range days {
		status := d.Devices[2].States["status"]
		status["running"] = status["on_load"]
		delete(status, "on_load")
		d.Parts = append(d.Parts, &ledger.Part{ID: "gen-1", Class: "generator", Carried: status["running"]})
	}
	r, err := OfMonth(2026, 11, days, nil, "en", december)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.ReplaceAll(write(t, r, "md"), nbsp, " "); !strings.Contains(got, "| Generator 1 | 1 | 15 min 24 s | 15 min 24 s |") {
		t.Error(got)
	}
}

// TestMonthHas: a month has what lasted into it, and the tests that were to be
// made in it, also those of which that is said on the first of the next.
func TestMonthHas(t *testing.T) {
	at := func(month time.Month, day, hour, minute int) time.Time {
		return time.Date(2026, month, day, hour, minute, 0, 0, prague).UTC()
	}
	record := func(id, kind string, due, began, ended time.Time, v events.Verdict) *events.Record {
		return &events.Record{ID: id, Kind: kind, Due: due, Began: began, Ended: ended, Verdict: v}
	}
	all := []*events.Record{
		record("over midnight", "incident", time.Time{}, at(10, 31, 23, 50), at(11, 1, 0, 30), ""),
		record("lasts", "incident", time.Time{}, at(11, 20, 8, 0), time.Time{}, ""),
		record("missed in October", "test", at(10, 1, 0, 0), at(11, 1, 0, 0), at(11, 1, 0, 0), events.Missed),
		record("missed late", "test", at(10, 31, 23, 0), at(11, 1, 1, 0), at(11, 1, 1, 0), events.Missed),
		record("missed in the quarter", "test", at(10, 1, 0, 0), at(1, 1, 0, 0).AddDate(1, 0, 0), at(1, 1, 0, 0).AddDate(1, 0, 0), events.Missed),
		record("made over midnight", "test", at(10, 31, 23, 55), at(10, 31, 23, 55), at(11, 1, 0, 15), events.Passed),
	}
	now := time.Date(2027, 1, 15, 8, 0, 0, 0, prague)
	for month, want := range map[time.Month]string{
		time.September: "[]",
		time.October:   "[over midnight missed in October missed late made over midnight]",
		time.November:  "[over midnight lasts]",
		time.December:  "[lasts missed in the quarter]",
	} {
		r, err := OfMonth(2026, month, []*ledger.Day{{}}, all, "en", now)
		if err != nil {
			t.Fatal(err)
		}
		ids := []string{}
		for _, one := range append(r.data.(*Month).Incidents, r.data.(*Month).Tests...) {
			ids = append(ids, one.ID)
		}
		if got := fmt.Sprint(ids); got != want {
			t.Errorf("%s has %s, want %s", month, got, want)
		}
	}
}

// TestPrintMonth: it is printed too.
func TestPrintMonth(t *testing.T) {
	pages, text := printed(t, write(t, ofNovember(t, "cs"), "html"))
	if pages != "3" {
		t.Errorf("it has %s pages, want 3", pages)
	}
	for _, want := range []string{"Měsíční zpráva: listopad", "Dostupnost", "Co nebylo pozorováno", fmt.Sprintf("strana %s z %s", pages, pages)} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the paper", want)
		}
	}
}
