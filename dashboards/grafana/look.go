package grafana

import (
	"math"
	"strconv"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"plantroom/agent"
)

// unitIDs are Grafana's names of the catalogue's units.
var unitIDs = map[string]string{
	"": units.NoUnit, "V": units.Volt, "A": units.Ampere, "W": units.Watt, "VA": units.VoltAmpere, "var": units.VoltAmpereReactive,
	"Wh": units.WattHour, "Hz": units.Hertz, "%": units.Percent, "Cel": units.Celsius, "Pa": units.Pascals, "s": units.Seconds,
	"L/min": units.LitrePerMinute, "m3/h": "suffix:m³/h", "{rpm}": units.RevolutionsPerMinute, "m/s": units.MetersPerSecond, "By": units.BytesIEC,
}

// What colours mean, on every dashboard. A state has a word beside its colour.
const (
	sound    = "green"            // as it should be
	ready    = "#6e7f80"          // at rest, and not needed now
	working  = "blue"             // doing something, and nothing is wrong with that
	abnormal = "orange"           // carries, and not as it should
	lost     = "red"              // ought to carry or be ready, and is not
	noData   = "rgb(90, 90, 110)" // nobody knows
)

// meanings are the colours of states, by class, metric and word. What is not
// here, such as the cause of a transfer, is neither good nor bad.
var meanings = map[string]map[string]string{
	"ups.status": {"online": sound, "on_battery": abnormal, "bypass": abnormal, "maintenance_bypass": abnormal, "eco": sound, "boost": working,
		"trim": working, "off": lost, "fault": lost},
	"ups.battery_status": {"normal": sound, "low": lost, "depleted": lost, "charging": working, "discharging": abnormal, "replace": abnormal,
		"fault": lost},
	"ups.self_test": {"passed": sound, "failed": lost, "warning": abnormal, "running": working, "aborted": abnormal, "not_run": ready},
	// Which of the sources is the better one only the position tells.
	"ats.selected_source":         {"none": lost, "a": sound, "b": working},
	"ats.position":                {"off": lost, "mains": sound, "generator": abnormal},
	"ats.redundancy":              {"ok": sound, "lost": abnormal},
	"ats.source_a_status":         {"ok": sound, "fail": abnormal},
	"ats.source_b_status":         {"ok": sound, "fail": abnormal},
	"generator.status":            {"stopped": ready, "starting": abnormal, "warming_up": abnormal, "running": abnormal, "on_load": abnormal, "cooling_down": working, "stopping": working, "fault": lost},
	"generator.mode":              {"off": lost, "manual": abnormal, "auto": sound, "test_on_load": working, "test_off_load": working},
	"generator.mains_breaker":     {"open": abnormal, "closed": sound},
	"generator.generator_breaker": {"open": ready, "closed": abnormal},
	"switchboard.breaker":         {"open": abnormal, "closed": sound},
	"cooling.status":              {"off": ready, "standby": ready, "running": sound, "fault": lost},
	"cooling.mode":                {"mechanical": working, "mixed": "semi-dark-green", "free_cooling": sound, "heating": abnormal},
	"climate.water_leak":          {"dry": sound, "wet": lost},
	"climate.door":                {"closed": sound, "open": abnormal},
	"climate.smoke":               {"clear": sound, "alarm": lost},
	"site.supply":                 {"dead": lost, "mains": sound, "generator": abnormal, "batteries": abnormal},
	"site.power_redundancy":       {"ok": sound, "lost": abnormal},
}

// mappings say by which word and in which colour each of a state's codes is
// shown, and what up and sink_up mean.
func mappings(m *agent.Metric) []dashboard.ValueMapping {
	shown := map[string]dashboard.ValueMappingResult{}
	show := func(code int, word, color string) {
		shown[strconv.Itoa(code)] = dashboard.ValueMappingResult{Text: &word, Color: &color, Index: cog.ToPtr(int32(code))}
	}
	switch {
	case m.Name == "up":
		show(0, "silent", lost)
		show(1, "answers", sound)
	case m.Name == "sink_up":
		show(0, "takes nothing", lost)
		show(1, "takes readings", sound)
	case m.Kind == agent.State:
		for code, word := range m.States {
			color := meanings[m.Class+"."+m.Name][word]
			switch {
			case code == 0:
				color = noData
			case color == "":
				color = "text"
			}
			show(code, words(word), color)
		}
	default:
		return nil
	}
	return []dashboard.ValueMapping{{ValueMap: &dashboard.ValueMap{Type: dashboard.MappingTypeValueToText, Options: shown}}}
}

// A band is where a value ought to be: from low to high it is sound, out of
// that abnormal, and out of alarmLow to alarmHigh an alarm.
type band struct{ alarmLow, low, high, alarmHigh float64 }

var inf = math.Inf(1)

// bands are the thresholds. What depends on the building or the make, such as
// the voltage of a battery, has none.
var bands = map[string]band{
	"ups.battery_charge":      {40, 80, inf, inf},
	"ups.battery_runtime":     {300, 600, inf, inf},
	"ups.battery_temperature": {-inf, 10, 30, 40},
	"ups.output_load":         {-inf, -inf, 80, 95},
	"ats.output_load":         {-inf, -inf, 80, 95},
	"generator.output_load":   {-inf, -inf, 80, 95},
	"generator.fuel_level":    {25, 50, inf, inf},
	// EN 50160 for a low-voltage network: 230 V and 10 % either way, 50 Hz and 1 %, harmonics of 8 %.
	"switchboard.voltage":     {-inf, 207, 253, inf},
	"switchboard.frequency":   {47, 49.5, 50.5, 52},
	"switchboard.voltage_thd": {-inf, -inf, 5, 8},
	"ups.input_voltage":       {-inf, 207, 253, inf},
	"ups.input_frequency":     {47, 49.5, 50.5, 52},
	// ASHRAE TC 9.9, class A1: recommended and allowed at the inlet of servers.
	"cooling.supply_air_temperature": {-inf, -inf, 27, 32},
	"climate.humidity":               {8, 20, 60, 80},
	"site.battery_runtime_min":       {300, 600, inf, inf},
	"site.pue":                       {-inf, -inf, 1.8, inf},
	"agent.queue_age":                {-inf, -inf, 60, 600},
	"agent.clock_offset":             {-inf, -1, 1, inf},
	"agent.readings_dropped":         {-inf, -inf, 1, inf},
}

// thresholds returns the steps of a band's colours; a metric without a band
// is in one colour.
func thresholds(m *agent.Metric) *dashboard.ThresholdsConfigBuilder {
	b, ok := bands[m.Class+"."+m.Name]
	if !ok {
		return steps(dashboard.Threshold{Color: neutral(m)})
	}
	at := []dashboard.Threshold{{Color: lost}}
	from := func(value float64, color string) {
		switch {
		case math.IsInf(value, 1):
		case math.IsInf(value, -1):
			at = []dashboard.Threshold{{Color: color}}
		default:
			at = append(at, dashboard.Threshold{Value: &value, Color: color})
		}
	}
	from(b.alarmLow, abnormal)
	from(b.low, sound)
	from(b.high, abnormal)
	from(b.alarmHigh, lost)
	return steps(at...)
}

// neutral is the colour of what has no band; a state that nobody maps shows by
// it that something is amiss.
func neutral(m *agent.Metric) string {
	if m.Kind == agent.State {
		return noData
	}
	return "text"
}

// plain is one colour, that of text.
func plain() *dashboard.ThresholdsConfigBuilder { return steps(dashboard.Threshold{Color: "text"}) }

func steps(s ...dashboard.Threshold) *dashboard.ThresholdsConfigBuilder {
	return dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(s)
}
