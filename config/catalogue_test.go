package config

import (
	"math"
	"regexp"
	"slices"
	"testing"

	"plantroom/agent"
)

func TestCatalogueIsSane(t *testing.T) {
	units := []string{"V", "A", "W", "VA", "var", "Wh", "Hz", "%", "Cel", "Pa", "s", "L/min", "m3/h", "m/s", "{rpm}", "By"}
	// Gauges that are a ratio, a yes or no, or a number of things.
	plain := []string{"up", "alarms_active", "sink_up", "power_factor", "input_power_factor", "output_power_factor", "rectifiers_active", "pue"}
	word := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	for _, c := range catalogue {
		seen := map[string]bool{}
		for _, m := range slices.Concat(every, c.metrics) {
			at := c.name + "." + m.Name
			if seen[m.Name] {
				t.Errorf("%s is there twice", at)
			}
			seen[m.Name] = true
			if !word.MatchString(m.Name) || m.Class != "" || m.Doc == "" {
				t.Errorf("%s: a bad name, a class of its own or no doc", at)
			}
			if m.Min > m.Max || math.IsNaN(m.Min) || math.IsInf(m.Max, 0) {
				t.Errorf("%s: range %g..%g", at, m.Min, m.Max)
			}
			if m.Kind == agent.State {
				if len(m.States) < 3 || m.States[0] != "unknown" || m.Unit != "" || m.Min != m.Max {
					t.Errorf("%s: states %q, unit %q, range %g..%g", at, m.States, m.Unit, m.Min, m.Max)
				}
				for i, s := range m.States {
					if !word.MatchString(s) || slices.Index(m.States, s) != i {
						t.Errorf("%s: state %q", at, s)
					}
				}
				continue
			}
			if m.States != nil {
				t.Errorf("%s is measured and has states", at)
			}
			switch {
			case slices.Contains(units, m.Unit):
			case m.Unit == "" && (m.Kind == agent.Counter || slices.Contains(plain, m.Name)):
			default:
				t.Errorf("%s: unit %q", at, m.Unit)
			}
			if m.Kind == agent.Gauge && c.name != "agent" && m.Min == m.Max {
				t.Errorf("%s has no plausible range", at)
			}
		}
	}
}

// What the wall, the dashboards and the far sides store is the code.
func TestCodesStay(t *testing.T) {
	for _, c := range []struct {
		class, name, word string
		code              int
	}{
		{"ups", "status", "online", 1},
		{"ups", "status", "on_battery", 2},
		{"ups", "status", "fault", 9},
		{"ups", "battery_status", "fault", 7},
		{"ats", "position", "generator", 3},
		{"ats", "redundancy", "lost", 2},
		{"generator", "status", "on_load", 5},
		{"generator", "generator_breaker", "closed", 2},
		{"pdu", "outlet_state", "on", 2},
		{"cooling", "mode", "free_cooling", 3},
		{"climate", "water_leak", "wet", 2},
		{"climate", "contact", "closed", 2},
	} {
		if code, ok := Lookup(c.class, c.name).Code(c.word); !ok || code != c.code {
			t.Errorf("%s.%s: %s is %d, not %d", c.class, c.name, c.word, code, c.code)
		}
	}
}

func TestLookup(t *testing.T) {
	m := Lookup("ups", "battery_runtime")
	if m == nil || m.Class != "ups" || m.Name != "battery_runtime" || m.Unit != "s" {
		t.Fatalf("ups.battery_runtime is %+v", m)
	}
	if Lookup("ups", "battery_runtime") != m || Lookup("dc", "ups.battery_runtime") != m {
		t.Error("the same metric is not the same pointer")
	}
	if d := Lookup("dc", "battery_runtime"); d == nil || d == m || d.Class != "dc" {
		t.Errorf("dc.battery_runtime is %+v", d)
	}
	if p, s := Lookup("pdu", "voltage"), Lookup("switchboard", "voltage"); p.Class != "pdu" || s.Class != "switchboard" {
		t.Errorf("voltage of a pdu and a switchboard: %+v, %+v", p, s)
	}
	for _, class := range Classes() {
		if up := Lookup(class, "up"); up == nil || up.Class != class {
			t.Errorf("%s.up is %+v", class, up)
		}
	}
	for _, c := range [][2]string{{"ups", "voltage"}, {"", "up"}, {"ups", "climate.voltage"}, {"ups", "boat.voltage"}, {"boat", "up"}, {"ups", ""}} {
		if m := Lookup(c[0], c[1]); m != nil {
			t.Errorf("Lookup(%q, %q) is %+v", c[0], c[1], m)
		}
	}
}

func TestClassesAndNames(t *testing.T) {
	want := []string{"agent", "ups", "ats", "generator", "switchboard", "pdu", "dc", "cooling", "climate", "site"}
	if got := Classes(); !slices.Equal(got, want) {
		t.Errorf("classes %q", got)
	}
	want = []string{"air_speed", "alarms_active", "contact", "dew_point", "differential_pressure", "door", "humidity",
		"input_voltage", "poll_duration", "pressure", "smoke", "temperature", "up", "water_leak"}
	if got := Names("climate"); !slices.Equal(got, want) {
		t.Errorf("names of climate %q", got)
	}
	if got := Names("boat"); got != nil {
		t.Errorf("names of boat %q", got)
	}
}
