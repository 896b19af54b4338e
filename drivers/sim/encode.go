package sim

import (
	"math"
	"strconv"

	"plantroom/agent"
	"plantroom/config"
)

// A raw is what a device holds for a value: a number or, with text set, text.
type raw struct {
	number float64
	text   string
	isText bool
}

// rawOf reads a raw value as a profile writes it: a number where it is one.
func rawOf(s string) raw {
	if n, err := strconv.ParseInt(s, 0, 64); err == nil {
		return raw{number: float64(n)}
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && agent.Finite(f) {
		return raw{number: f}
	}
	return raw{text: s, isText: true}
}

// A converter runs a point's Conversion backwards.
type converter struct {
	scale, offset float64
	absent        []float64
	words         []raw // of a state: what stands for each code
}

// nearest says which word a device that cannot express a word shows instead:
// a controller without a code for "on load" says that its engine is running.
var nearest = map[string][]string{
	"generator.status/starting":      {"warming_up", "running"},
	"generator.status/warming_up":    {"running"},
	"generator.status/on_load":       {"running"},
	"generator.status/running":       {"on_load"},
	"generator.status/cooling_down":  {"running"},
	"generator.status/stopping":      {"cooling_down", "stopped"},
	"generator.mode/test_on_load":    {"auto"},
	"ups.battery_status/charging":    {"normal"},
	"ups.battery_status/discharging": {"normal"},
	"ups.battery_status/depleted":    {"low"},
	"ups.status/maintenance_bypass":  {"bypass"},
	"cooling.status/fault":           {"off"},
	"cooling.status/standby":         {"off"},
	"cooling.mode/mixed":             {"free_cooling", "mechanical"},
}

func newConverter(m *agent.Metric, c config.Conversion) converter {
	conv := converter{scale: c.Scale, offset: c.Offset, absent: c.Absent}
	if m.Kind != agent.State {
		return conv
	}
	conv.words = rawStates(m, c.States, c.States)
	return conv
}

// rawStates returns what stands for each state of m in one of the device's
// registers or objects, given what it has a word for and what all those that
// make up the state have one for. Another's word is something that this has none for.
func rawStates(m *agent.Metric, states, all map[string]string) []raw {
	byWord := make(map[string]raw)
	taken := make(map[float64]bool)
	for key, word := range states {
		r := rawOf(key)
		if !r.isText {
			taken[r.number] = true
		}
		if old, ok := byWord[word]; !ok || before(r, old) {
			byWord[word] = r
		}
	}
	unmapped := raw{}
	for taken[unmapped.number] {
		unmapped.number++
	}
	said := make(map[string]bool)
	for _, word := range all {
		said[word] = true
	}
	words := make([]raw, len(m.States))
	for code, word := range m.States {
		words[code] = unmapped
		for _, w := range append([]string{word}, nearest[m.Class+"."+m.Name+"/"+word]...) {
			if !said[w] {
				continue
			}
			if r, ok := byWord[w]; ok {
				words[code] = r
			}
			break
		}
	}
	return words
}

// before orders raw values so that of several with one word the same one is
// always served: numbers first, the smallest.
func before(a, b raw) bool {
	if a.isText != b.isText {
		return b.isText
	}
	if a.isText {
		return a.text < b.text
	}
	return a.number < b.number
}

// raw returns what stands for value, for a device that counts in
// units of factor; whole rounds a number to an integer.
func (c *converter) raw(value float64, factor float64, whole bool) raw {
	if c.words != nil {
		code := int(value)
		if code < 0 || code >= len(c.words) {
			code = 0
		}
		return c.words[code]
	}
	n := (value - c.offset) / (c.scale * factor)
	if whole {
		n = math.Round(n)
	}
	return raw{number: n}
}
