package grafana

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"plantroom/agent"
	"plantroom/config"
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
func (b *board) mappings(m *agent.Metric) []dashboard.ValueMapping {
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
		show(0, m.States[0], noData)
		for i, word := range m.States[1:] {
			code := i + 1
			color := meanings[m.Class+"."+m.Name][word]
			for _, l := range b.limitsOf(m) {
				switch {
				case slices.Contains(l.AlarmOn, word):
					color = lost
				case slices.Contains(l.WarnOn, word):
					color = abnormal
				}
			}
			show(code, words(word), cmp.Or(color, "text"))
		}
	default:
		return nil
	}
	return []dashboard.ValueMapping{{ValueMap: &dashboard.ValueMap{Type: dashboard.MappingTypeValueToText, Options: shown}}}
}

// A band is where a value ought to be: from low to high it is sound, out of
// that abnormal, and out of alarmLow to alarmHigh an alarm.
type band struct{ alarmLow, low, high, alarmHigh float64 }

var (
	inf     = math.Inf(1)
	nowhere = band{-inf, -inf, inf, inf}
)

// norms are the bands of what is no event however it is, and still drawn.
var norms = map[string]band{
	// EN 50160 for a low-voltage network: 230 V and 10 % either way, 50 Hz and 1 %, harmonics of 8 %.
	"switchboard.voltage":     {-inf, 207, 253, inf},
	"switchboard.frequency":   {47, 49.5, 50.5, 52},
	"switchboard.voltage_thd": {-inf, -inf, 8, inf},
	"ups.input_voltage":       {-inf, 207, 253, inf},
	"ups.input_frequency":     {47, 49.5, 50.5, 52},
	// ASHRAE TC 9.9, class A1: allowed and recommended at the inlet of servers.
	"climate.humidity": {8, 20, 60, 80},
	// The worst of the units; its own limit is that of ups.battery_runtime.
	"site.battery_runtime_min": {120, 300, inf, inf},
	"agent.queue_age":          {-inf, -inf, 60, 600},
	"agent.readings_dropped":   {-inf, -inf, 1, inf},
}

// band returns the limits of a metric, those that hold for all devices; where
// there are none, its norm.
func (b *board) band(m *agent.Metric) (band, bool) {
	out, found := nowhere, false
	set := func(to *float64, from *float64, none float64) {
		switch {
		case from == nil:
		case math.IsInf(*from, 0):
			*to = none
		default:
			*to, found = *from, true
		}
	}
	for _, l := range b.limitsOf(m) {
		if l.Off {
			out, found = nowhere, false
		}
		set(&out.alarmLow, l.AlarmLow, -inf)
		set(&out.low, l.WarnLow, -inf)
		set(&out.high, l.WarnHigh, inf)
		set(&out.alarmHigh, l.AlarmHigh, inf)
	}
	if !found {
		out, found = norms[m.Class+"."+m.Name]
	}
	// A limit may be an alarm at once.
	out.low, out.high = max(out.low, out.alarmLow), min(out.high, out.alarmHigh)
	return out, found
}

// limitsOf returns the limits that are about every channel of every device.
func (b *board) limitsOf(m *agent.Metric) (all []config.Limit) {
	for _, l := range b.options.Limits {
		if l.Class == m.Class && l.Metric == m.Name && l.Device == "" && len(l.Labels) == 0 && l.Channel == nil {
			all = append(all, l)
		}
	}
	return all
}

// thresholds returns the steps of a band's colours; a metric without a band
// is in one colour.
func (b *board) thresholds(m *agent.Metric) *dashboard.ThresholdsConfigBuilder {
	in, ok := b.band(m)
	if !ok || m.Kind == agent.State {
		return steps(dashboard.Threshold{Color: neutral(m)})
	}
	at := []dashboard.Threshold{{Color: lost}}
	from := func(value float64, color string) {
		switch last := &at[len(at)-1]; {
		case math.IsInf(value, 1):
		case math.IsInf(value, -1), last.Value != nil && *last.Value == value: // nothing is below, or between
			last.Color = color
		default:
			at = append(at, dashboard.Threshold{Value: &value, Color: color})
		}
	}
	from(in.alarmLow, abnormal)
	from(in.low, sound)
	from(in.high, abnormal)
	from(in.alarmHigh, lost)
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
