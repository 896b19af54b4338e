package events

import (
	"math"
	"slices"
	"strings"
	"testing"

	"plantroom/agent"
	"plantroom/config"
)

// TestWords: whatever happens has words in both languages, with a place for
// the name of what it happened to.
func TestWords(t *testing.T) {
	own := profileStates(t)
	for _, r := range states {
		for _, text := range []string{r.text.EN, r.text.CS} {
			if strings.Count(text, "%s") != 1 || strings.Count(text, "%") != 1 {
				t.Errorf("%s %s %v: %q", r.class, r.metric, r.words, text)
			}
		}
		if r.meaning.rank > 0 && (r.meaning.title.EN == "" || r.meaning.title.CS == "") {
			t.Errorf("%s %s %v is a cause without a title", r.class, r.metric, r.words)
		}
		class := r.class
		if class == "*" {
			class = "ups"
		}
		m := config.Lookup(class, r.metric)
		for _, made := range []*agent.Metric{supplyMetric, carriesMetric, sourceMetric} {
			if made.Name == r.metric && class != "site" {
				m = made
			}
		}
		for _, w := range r.words {
			can := m != nil && slices.Contains(m.States, w)
			for _, metrics := range own {
				for _, x := range metrics {
					can = can || x.Class == class && x.Name == r.metric && slices.Contains(x.States, w)
				}
			}
			if !can {
				t.Errorf("%s %s is never %s", r.class, r.metric, w)
			}
		}
	}
	for _, l := range config.UsualLimits() {
		if w := Named(l.Metric); w.CS == w.EN {
			t.Errorf("%s has no Czech name", l.Metric)
		}
	}
	for name, w := range figureWords {
		if w.EN == "" || w.CS == "" {
			t.Errorf("the figure %s has no words", name)
		}
	}
	for name, metrics := range own {
		for _, m := range metrics {
			for code, r := range rulesOf(m, m.Class) {
				if r != nil && strings.HasPrefix(m.Name, "x_") && r.text.CS == r.text.EN {
					t.Errorf("%s: %s, which can be %s, has no Czech words", name, m.Name, m.States[code])
				}
			}
		}
	}
}

// profileStates returns the states that each profile can read.
func profileStates(t *testing.T) map[string][]*agent.Metric {
	t.Helper()
	profiles, err := config.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]*agent.Metric{}
	for name, p := range profiles {
		add := func(m *agent.Metric) {
			if m.Kind == agent.State && !slices.Contains(all[name], m) {
				all[name] = append(all[name], m)
			}
		}
		if p.SNMP != nil {
			for i := range p.SNMP.Points {
				add(p.SNMP.Points[i].Metric)
			}
		}
		if p.Modbus != nil {
			for i := range p.Modbus.Points {
				add(p.Modbus.Points[i].Metric)
			}
		}
	}
	return all
}

// TestQuantity: numbers as people write them.
func TestQuantity(t *testing.T) {
	for _, test := range []struct {
		v      float64
		unit   string
		en, cs string
	}{
		{33.24, "Cel", "33.2 °C", "33,2 °C"}, {86850.6, "W", "86.9 kW", "86,9 kW"}, {917, "s", "15.3 min", "15,3 min"}, {7, "s", "7 s", "7 s"},
		{0.564, "%", "0.56 %", "0,56 %"}, {100, "%", "100 %", "100 %"}, {0, "K", "0 K", "0 K"}, {-40.5, "Cel", "-40.5 °C", "-40,5 °C"},
		{1500, "{rpm}", "1500 rpm", "1500 rpm"}, {2, "", "2", "2"}, {1e6, "By", "1 MB", "1 MB"}, {230.04, "V", "230 V", "230 V"},
		{49.87, "Hz", "49.87 Hz", "49,87 Hz"}, {50, "Hz", "50 Hz", "50 Hz"}, {2.5e5, "Pa", "250 kPa", "250 kPa"}, {120, "Pa", "120 Pa", "120 Pa"},
		{1200, "m3/h", "1200 m³/h", "1200 m³/h"},
	} {
		if q := quantity(test.v, test.unit); q.EN != test.en || q.CS != test.cs {
			t.Errorf("%g %s: %q, %q; want %q, %q", test.v, test.unit, q.EN, q.CS, test.en, test.cs)
		}
	}
}

// TestAgainst: a value reads otherwise than the bound that it is beyond of.
func TestAgainst(t *testing.T) {
	for _, test := range []struct {
		v, bound  float64
		unit      string
		value, of string
	}{
		{27.5, 27, "Cel", "27.5 °C", "27 °C"}, {27.04, 27, "Cel", "27.04 °C", "27 °C"}, {27, 27, "Cel", "27 °C", "27 °C"},
		{49.996, 50, "Hz", "49.996 Hz", "50 Hz"}, {59.98, 60, "%", "59.98 %", "60 %"}, {299.9, 300, "s", "4.998 min", "5 min"},
		{math.Nextafter(27, 28), 27, "Cel", "27 °C", "27 °C"},
	} {
		if v, of := against(test.v, test.bound, test.unit); v.EN != test.value || of.EN != test.of {
			t.Errorf("%g and %g %s: %q, %q; want %q, %q", test.v, test.bound, test.unit, v.EN, of.EN, test.value, test.of)
		}
	}
}

// TestAlarmSeverities: what threatens the load, the room or people is an alarm
// in whatever class, what can wait is not.
func TestAlarmSeverities(t *testing.T) {
	states := config.AlarmStates()
	for _, test := range []struct {
		severity agent.Severity
		cause    string // title of the incident that it makes
		class    string
		names    string
	}{
		{agent.Alarm, "", "ups", "output_off output_bad output_overload output_short_circuit output_not_protected redundancy_lost battery_redundancy_lost " +
			"battery_disconnected battery_fault battery_overtemperature battery_thermal_runaway depleted_battery low_battery_shutdown " +
			"shutdown_imminent emergency_power_off rectifier_fault inverter_fault static_switch_failure overtemperature general_fault system_off"},
		{agent.Warning, "", "ups", "low_battery battery_bad charger_failed fan_failure bypass_bad input_bad power_module_failure sensor_failure warning"},
		{agent.Info, "", "ups", "on_generator battery_maintenance_due output_off_as_requested notice"},
		{agent.Alarm, "Cooling failure", "cooling", "high_temperature supply_air_high_temperature loss_of_airflow loss_of_water_flow loss_of_cooling " +
			"chilled_water_high_temperature compressor_lockout compressor_overload chiller_failure unit_shutdown remote_shutdown"},
		{agent.Warning, "", "cooling", "low_temperature high_humidity humidifier_failure humidifier_lockout compressor_high_pressure fan_failure " +
			"sensor_failure leak_sensor_failure check_air_filter power_lost condensation service_required"},
		{agent.Info, "", "cooling", "maintenance_due run_hours_exceeded standby_unit_on door_open"},
		{agent.Alarm, "Fire", "cooling", "fire"},
		{agent.Alarm, "Smoke", "ups", "smoke"},
		{agent.Alarm, "Water leak", "pdu", "water_leak"},
		{agent.Alarm, "", "pdu", "overcurrent branch_breaker_open branch_overcurrent residual_overcurrent overcurrent_protection_trip high_temperature"},
		{agent.Warning, "", "pdu", "undercurrent outlet_load_lost unbalanced_load contact_open firmware_update_required"},
	} {
		for name := range strings.FieldsSeq(test.names) {
			m := &agent.Metric{Class: test.class, Name: "x_alarm_" + name, Kind: agent.State, States: states}
			active, _ := m.Code("active")
			r := rulesOf(m, test.class)[active]
			if r.severity != test.severity || r.meaning.title.EN != test.cause {
				t.Errorf("%s %s is %s of %q, want %s of %q", test.class, name, r.severity, r.meaning.title.EN, test.severity, test.cause)
			}
			if Named(m.Name).CS == Named(m.Name).EN {
				t.Errorf("%s has no Czech name", name)
			}
		}
	}
}
