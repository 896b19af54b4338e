package config

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestReadmeLimits loads the limits and tests that the README shows.
func TestReadmeLimits(t *testing.T) {
	site := load(t, "-- site.yaml --\n"+`site: praha-1
devices:
  - {id: gen-1, profile: deepsea-gencomm, modbus: {tcp: 192.0.2.1, unit: 1}}
  - {id: aisle, profile: hwg-ste, snmp: {address: 192.0.2.2}, labels: {room: hall}}
  - {id: io-1, profile: apc-environment, snmp: {address: 192.0.2.3}}
`+readme(t, "limits:"))
	number := func(v float64) *float64 { return &v }
	minute, channel := time.Minute, "input 3"
	own := site.Limits[len(UsualLimits()):]
	if diff := cmp.Diff([]Limit{
		{Class: "climate", Metric: "temperature", Labels: map[string]string{"room": "hall"}, WarnHigh: number(27), AlarmHigh: number(32), Delay: &minute},
		{Class: "generator", Metric: "fuel_level", Device: "gen-1", Labels: map[string]string{}, WarnLow: number(60)},
		{Class: "climate", Metric: "contact", Device: "io-1", Labels: map[string]string{}, Channel: &channel, AlarmOn: []string{"closed"}},
	}, own); diff != "" {
		t.Errorf("limits: (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]*Test{
		{ID: "monthly", Name: "Monthly blackout test", Kind: "blackout", Device: "gen-1",
			Schedule:    Schedule{Every: "month", Weekday: 3, Nth: 1, At: 8 * time.Hour, Timed: true, Within: 2 * time.Hour},
			StartWithin: 15 * time.Second, LoadWithin: 30 * time.Second, Carry: 15 * time.Minute, Load: 60000, Frequency: 1, Charge: 50},
		{ID: "weekly", Name: "weekly", Kind: "start", Device: "gen-1", Run: 5 * time.Minute,
			Schedule: Schedule{Every: "week", Weekday: 1, At: 6*time.Hour + 30*time.Minute, Timed: true, Within: 2 * time.Hour}},
		{ID: "firewall", Name: "Firewall of the office", Kind: "manual", Schedule: Schedule{Every: "month"}},
	}, site.Tests); diff != "" {
		t.Errorf("tests: (-want +got)\n%s", diff)
	}
	if site.Hold != time.Minute {
		t.Errorf("hold is %v", site.Hold)
	}
}

// TestLimitSpelling: what a bound and a day can be, besides.
func TestLimitSpelling(t *testing.T) {
	site := load(t, "-- site.yaml --\n"+`site: praha-1
incidents: {hold: 90s}
devices: [{id: ups-a, profile: rfc1628-ups, snmp: {address: 192.0.2.1}}]
limits:
  - {metric: ups.battery_charge, warn_low: none, alarm_low: 40, warn_rate: 5, rate_over: 30s, clear_delay: 2s, hysteresis: none}
  - {metric: agent.sink_up, off: true}
tests:
  - {id: a, kind: manual, every: month, day: last fri, at: 7:05}
  - {id: b, kind: manual, every: month, day: 31}
  - {id: c, kind: self_test, every: quarter, battery_left: 40}
`)
	own := site.Limits[len(UsualLimits()):]
	if l := own[0]; !math.IsInf(*l.WarnLow, 1) || *l.AlarmLow != 40 || *l.WarnRate != 5 || *l.RateOver != 30*time.Second || *l.ClearDelay != 2*time.Second || *l.Hysteresis != 0 || l.Off {
		t.Errorf("%+v", l)
	}
	if l := own[1]; !l.Off || l.Class != "agent" {
		t.Errorf("%+v", l)
	}
	want := []Schedule{
		{Every: "month", Weekday: 5, Nth: -1, At: 7*time.Hour + 5*time.Minute, Timed: true, Within: 2 * time.Hour},
		{Every: "month", Day: 31}, {Every: "quarter"},
	}
	for i, s := range want {
		if site.Tests[i].Schedule != s {
			t.Errorf("%+v, want %+v", site.Tests[i].Schedule, s)
		}
	}
	if site.Hold != 90*time.Second {
		t.Errorf("hold is %v", site.Hold)
	}
	// What always holds is about metrics that there are.
	for _, l := range UsualLimits() {
		if Lookup(l.Class, l.Metric) == nil {
			t.Errorf("there is no %s.%s", l.Class, l.Metric)
		}
	}
}
