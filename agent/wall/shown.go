package wall

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"plantroom/agent"
)

// shown are the metrics of each class that a wall shows, and the desk in its
// list. What else a device says is on its own page.
var shown = map[string]map[string]bool{
	"agent": set("sink_up", "queue_bytes", "queue_age", "memory"),
	"ups": set("status", "battery_status", "battery_charge", "battery_runtime", "battery_temperature", "battery_time_used",
		"input_voltage", "input_frequency", "input_power", "output_voltage", "output_power", "output_load"),
	"ats": set("selected_source", "position", "redundancy", "source_a_voltage", "source_a_status", "source_b_voltage", "source_b_status",
		"output_power", "output_load"),
	"generator": set("status", "mode", "engine_speed", "fuel_level", "coolant_temperature", "oil_pressure", "starter_battery_voltage",
		"output_voltage", "output_frequency", "output_power", "output_load", "generator_breaker"),
	"switchboard": set("voltage", "current", "active_power", "frequency", "power_factor", "load", "breaker"),
	"pdu":         set("voltage", "current", "active_power", "load"),
	"dc": set("battery_status", "battery_charge", "battery_runtime", "output_voltage", "output_current", "output_power", "load",
		"rectifiers_active", "input_voltage"),
	"cooling": set("status", "mode", "supply_air_temperature", "return_air_temperature", "setpoint_temperature", "outdoor_temperature",
		"supply_water_temperature", "return_water_temperature", "fan_speed", "compressor_speed", "cooling_power", "cooling_demand",
		"power", "filter_pressure"),
	"climate": set("temperature", "humidity", "dew_point", "differential_pressure", "water_leak", "smoke", "door"),
	"site": set("supply", "mains_power", "generator_power", "it_power", "cooling_power", "pue", "battery_runtime_min", "power_redundancy",
		"free_cooling"),
}

func set(names ...string) map[string]bool {
	m := map[string]bool{}
	for _, n := range names {
		m[n] = true
	}
	return m
}

// Shows reports whether a wall shows a point. Of the distribution it shows the
// sums and the phases, not every outlet and branch.
func Shows(p *agent.Point) bool {
	class := p.Metric.Class
	if p.Metric.Name == "alarms_active" || p.Metric.Name == "up" {
		return class == p.Device.Class
	}
	// The sensor of a room may be plugged into a UPS or a PDU.
	if class != p.Device.Class && class != "climate" || !shown[class][p.Metric.Name] {
		return false
	}
	switch class {
	case "switchboard", "pdu", "dc":
		return p.Channel == "" || len(p.Channel) == 2 && p.Channel[0] == 'L'
	case "ups", "ats", "generator":
		return !strings.Contains(p.Channel, "-") // between phases
	}
	return true
}

// A Live is what the walls of a site show now: of each device what was last
// read of it, and when. A device that does not answer keeps what it said, with
// the time when it did; a value that could not be read is gone. It is safe for
// concurrent use.
type Live struct {
	band func(*agent.Point) (low, high float64)

	mu      sync.Mutex
	devices map[string]*entry
	changes uint64
}

// An entry is how a device was last seen.
type entry struct {
	device   *agent.Device
	change   uint64 // the number of the last change
	polled   time.Time
	read     time.Time // when the readings were; zero for never
	up       bool
	err      string
	failures int
	since    time.Time // when up became what it is
	readings []agent.Reading
	shown    agent.Places[bool]
	text     json.RawMessage // nil since the last change
}

// NewLive returns one that has seen nothing yet. Band says between which values
// a point gives no warning, infinite for no bound; it may be nil.
func NewLive(band func(*agent.Point) (low, high float64)) *Live {
	return &Live{band: band, devices: map[string]*entry{}}
}

// Observe sees a poll; it is what agent.Watch is given.
func (l *Live) Observe(p *agent.Poll) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.devices[p.Device.ID]
	if e == nil || e.device != p.Device {
		e = &entry{device: p.Device}
		l.devices[p.Device.ID] = e
	}
	l.changes++
	if up := p.Err == nil; e.polled.IsZero() || up != e.up {
		e.up, e.since = up, p.Time
	}
	e.change, e.polled, e.err, e.failures, e.text = l.changes, p.Time, "", p.Failures, nil
	if p.Err != nil {
		e.err = p.Err.Error()
		return
	}
	e.read = p.Time
	e.readings = e.readings[:0]
	for i := range p.Readings {
		if e.shown.At(i, p.Readings[i].Point, Shows) {
			e.readings = append(e.readings, p.Readings[i])
		}
	}
}

// after returns the JSON of the devices that changed after a change, in the
// order of their ids, and the newest change. Those that are not in known are
// left out and forgotten.
func (l *Live) after(change uint64, known map[string]*agent.Device) ([]json.RawMessage, uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.devices, func(id string, e *entry) bool { return known[id] != e.device })
	changed := []json.RawMessage{} // which is a list in JSON when it is empty, too
	for _, id := range slices.Sorted(maps.Keys(l.devices)) {
		if e := l.devices[id]; e.change > change {
			if e.text == nil {
				e.text = encoded(e.asJSON(l.allowed))
			}
			changed = append(changed, e.text)
		}
	}
	return changed, l.changes
}

// A liveJSON is a device in the stream.
type liveJSON struct {
	ID       string    `json:"id"`
	Up       bool      `json:"up"`
	Since    time.Time `json:"since"`
	Polled   time.Time `json:"polled"`
	Failures int       `json:"failures,omitempty"`
	Err      string    `json:"err,omitempty"`
	Read     time.Time `json:"read,omitzero"` // when the readings were; none for never
	// Readings by METRIC, METRIC/CHANNEL or, of a room's sensor in a device of
	// another class, climate.METRIC/CHANNEL: a number or a state's word where
	// the reading is good and there is nothing more to say of it, otherwise a
	// liveReading.
	Readings map[string]any `json:"readings,omitempty"`
}

type liveReading struct {
	Value       any    `json:"value,omitempty"` // none when bad
	Quality     string `json:"quality"`
	Why         string `json:"why,omitempty"`
	Raw         string `json:"raw,omitempty"`
	ChannelName string `json:"channel_name,omitempty"`
	// Band is, of what makes the climate of a room, what gives no warning: the
	// least and the greatest value, null for no bound.
	Band *[2]*float64 `json:"band,omitempty"`
}

// allowed returns the band of a point, nil where it has none.
func (l *Live) allowed(p *agent.Point) *[2]*float64 {
	if l.band == nil || p.Metric.Class != "climate" && p.Metric.Class != "cooling" || p.Metric.Kind == agent.State {
		return nil
	}
	low, high := l.band(p)
	var band [2]*float64
	for i, v := range []float64{low, high} {
		if agent.Finite(v) {
			band[i] = &v
		}
	}
	if band == [2]*float64{} {
		return nil
	}
	return &band
}

func (e *entry) asJSON(allowed func(*agent.Point) *[2]*float64) liveJSON {
	out := liveJSON{ID: e.device.ID, Up: e.up, Since: stamp(e.since), Polled: stamp(e.polled), Failures: e.failures, Err: e.err,
		Read: stamp(e.read), Readings: make(map[string]any, len(e.readings))}
	for i := range e.readings {
		r := &e.readings[i]
		p := r.Point
		name := p.Metric.Name
		if p.Metric.Class != e.device.Class {
			name = p.Metric.Class + "." + name
		}
		if p.Channel != "" {
			name += "/" + p.Channel
		}
		var value any
		switch word := r.Word(); {
		case word != "":
			value = word
		case r.Quality != agent.Bad:
			value = r.Value
		}
		if band := allowed(p); r.Quality != agent.Good || r.Raw != "" || p.ChannelName != "" || band != nil {
			value = liveReading{value, r.Quality.String(), r.Why, r.Raw, p.ChannelName, band}
		}
		out.Readings[name] = value
	}
	return out
}

// stamp returns a time as the walls see it: by the box's clock as it is now, to
// the millisecond and in the box's own zone, so that they show the building's
// clock whatever zone they are in.
func stamp(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return agent.Restated(t, time.Now()).Local().Truncate(time.Millisecond)
}
