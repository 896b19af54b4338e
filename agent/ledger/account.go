package ledger

import (
	"slices"
	"time"

	"plantroom/agent"
)

// What of a device is kept, by class and metric; other counters are not, and
// of other numbers and states only that they were read.
var (
	keptStates = map[string][]string{
		"ups": {"status", "battery_status"}, "ats": {"selected_source", "position", "redundancy"},
		"generator": {"status", "mode"}, "cooling": {"status", "mode"},
		"switchboard": {"breaker"}, "dc": {"battery_status"}, "site": {"supply", "power_redundancy"},
	}
	keptValues = map[string][]string{
		"ups": {"output_power", "output_load", "battery_charge"}, "generator": {"output_power", "fuel_level"}, "ats": {"output_power"},
		"switchboard": {"active_power"}, "pdu": {"active_power"}, "dc": {"output_power", "battery_charge"},
		"cooling": {"power", "outdoor_temperature"}, "climate": {"temperature", "humidity"},
		"site": {"mains_power", "generator_power", "it_power", "cooling_power", "pue", "free_cooling"},
	}
	keptCounts = map[string][]string{
		"ups": {"input_energy", "output_energy"}, "generator": {"output_energy", "run_time", "starts"}, "ats": {"transfers"},
		"switchboard": {"energy_import", "energy_export"}, "pdu": {"energy_import"}, "cooling": {"energy", "compressor_run_time"},
	}
)

// maxChannels bounds how many channels of a device are kept.
const maxChannels = 64

// phases are the channels whose sum is the device's, where it does not say
// that itself. Of powers and counters no others are kept: they are parts.
var phases = []string{"", "L1", "L2", "L3"}

// An account is a device's day, and what the last poll said that is not
// counted yet.
type account struct {
	*Device
	device      *agent.Device
	from, until time.Time // what is not counted yet, and up to when it is known
	up          bool
	slots       []slot // of the readings, in their order
	states      []state
	values      []value
	pue         struct {
		known            bool
		mains, other, it float64 // W
	}
}

// A slot says what becomes of a reading.
type slot struct {
	point *agent.Point
	kind  kind
	index int // in states or values
	count string
}

type kind uint8

const (
	left kind = iota // nothing
	aState
	aValue
	aCount
)

type state struct {
	metric string
	word   string // "" where it was not read
	of     map[string]float64
}

type value struct {
	of    *Value
	name  string
	unit  string
	v     float64
	known bool
}

func newDevice(d *agent.Device) *Device {
	return &Device{ID: d.ID, Name: d.Name, Class: d.Class, Room: d.Label("room")}
}

// forget makes the account's totals those of its Device, anew.
func (a *account) forget() {
	for i := range a.states {
		a.states[i].of = nil
	}
	for i := range a.values {
		a.values[i].of = nil
	}
}

// Observe takes a poll; it is an agent's observer.
func (l *Ledger) Observe(p *agent.Poll) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := p.Time.Round(0)
	l.reach(t)
	a := l.accounts[p.Device.ID]
	if a == nil || a.device != p.Device { // or it is of another configuration
		if a != nil {
			a.settle(t)
		}
		a = &account{Device: l.device(p.Device), device: p.Device}
		l.accounts[p.Device.ID] = a
		fresh := newDevice(p.Device)
		a.Name, a.Class, a.Room = fresh.Name, fresh.Class, fresh.Room
	}
	a.settle(t)
	a.take(l, p, t)
}

// settle counts what is known up to a time.
func (a *account) settle(t time.Time) {
	end := t
	if a.until.Before(end) {
		end = a.until
	}
	d := end.Sub(a.from).Seconds()
	if a.from.IsZero() || d <= 0 {
		return
	}
	a.from = end
	if !a.up {
		a.Down += d
		return
	}
	a.Up += d
	running := true
	for i := range a.states {
		s := &a.states[i]
		if s.metric == "status" && a.Class == "cooling" {
			running = s.word == "running" || s.word == ""
		}
	}
	for i := range a.states {
		s := &a.states[i]
		if s.word == "" || s.metric == "mode" && a.Class == "cooling" && !running {
			continue
		}
		if s.of == nil {
			s.of = a.States[s.metric]
		}
		if s.of == nil {
			if a.States == nil {
				a.States = map[string]map[string]float64{}
			}
			s.of = map[string]float64{}
			a.States[s.metric] = s.of
		}
		s.of[s.word] += d
	}
	for i := range a.values {
		if v := &a.values[i]; v.known {
			to := a.value(v)
			to.Seconds += d
			to.Sum += v.v * d
		}
	}
	if a.pue.known {
		if a.PUE == nil {
			a.PUE = &PUE{}
		}
		a.PUE.Seconds += d
		a.PUE.Site += (a.pue.mains + a.pue.other) * d / 3600
		a.PUE.IT += a.pue.it * d / 3600
	}
}

// value returns where a value is counted.
func (a *account) value(v *value) *Value {
	if v.of == nil {
		v.of = a.Values[v.name]
	}
	if v.of == nil {
		if a.Values == nil {
			a.Values = map[string]*Value{}
		}
		v.of = &Value{Unit: v.unit}
		a.Values[v.name] = v.of
	}
	return v.of
}

// take makes a poll what is known from its time on.
func (a *account) take(l *Ledger, p *agent.Poll, t time.Time) {
	a.from = later(later(a.from, t), l.counted) // one that was late leaves what was counted meanwhile
	a.until = t.Add(p.Device.Every)
	if p.Next.After(a.until) {
		a.until = p.Next.Round(0)
	}
	a.until = a.until.Add(2 * p.Device.Every)
	a.Polls++
	a.Skipped += p.Skipped
	if a.up = p.Err == nil; !a.up {
		a.Failures++
		if p.Failures == 2 {
			a.Outages++
		}
		return
	}
	for i := range a.states {
		a.states[i].word = ""
	}
	for i := range a.values {
		a.values[i].known = false
	}
	a.pue.known, a.pue.mains, a.pue.other, a.pue.it = false, 0, 0, 0
	for i := range p.Readings {
		r := &p.Readings[i]
		if i >= len(a.slots) || a.slots[i].point != r.Point {
			a.place(i, r.Point)
		}
		if r.Quality != agent.Good {
			continue
		}
		s := &a.slots[i]
		switch s.kind {
		case aState:
			a.states[s.index].word = r.Word()
		case aValue:
			a.measured(&a.values[s.index], r.Value, t)
			if a.Class == "site" {
				a.ofSite(r)
			}
		case aCount:
			a.counted(l, s.count, r, t)
		}
	}
}

// measured takes a value.
func (a *account) measured(v *value, now float64, t time.Time) {
	v.v, v.known = now, true
	to := a.value(v)
	if to.Seconds == 0 && to.MaxAt.IsZero() {
		to.Min, to.Max, to.MaxAt = now, now, t
	}
	to.Min = min(to.Min, now)
	if now > to.Max {
		to.Max, to.MaxAt = now, t
	}
}

// ofSite keeps what the PUE is computed from.
func (a *account) ofSite(r *agent.Reading) {
	switch r.Point.Metric.Name {
	case "mains_power":
		a.pue.mains = r.Value
	case "generator_power":
		a.pue.other = r.Value
	case "it_power":
		a.pue.it = r.Value
	case "pue": // it is only known while all of them are
		a.pue.known = true
	}
}

// counted takes what a counter shows.
func (a *account) counted(l *Ledger, name string, r *agent.Reading, t time.Time) {
	c := a.Counts[name]
	if c == nil {
		if a.Counts == nil {
			a.Counts = map[string]*Count{}
		}
		c = &Count{Unit: r.Point.Metric.Unit, First: r.Value, Last: r.Value}
		if before := l.last[countKey{a.ID, name}]; before != nil {
			c.First, c.Last, c.At = before.Last, before.Last, before.At
		}
		a.Counts[name] = c
	}
	step := r.Value - c.Last
	if step < 0 { // it began again
		step = r.Value
		c.Resets++
	}
	switch {
	case c.At.IsZero() || step <= most(c.Unit, t.Sub(c.At).Abs()):
		c.Used += step
	case step == r.Value-c.Last: // it is another meter's
		c.Resets++
	}
	c.Last, c.At = r.Value, t
}

// most returns how much a counter can count in a time; more is that of another
// device in the same place.
func most(unit string, d time.Duration) float64 {
	switch unit {
	case "Wh":
		return 200e6 * (d + time.Minute).Hours() // 200 MW, the most that the catalogue believes
	case "s":
		return (d + 2*time.Hour).Seconds() // many controllers count whole hours
	}
	return 1e6
}

// place finds out what becomes of the readings of a point at a place of the
// polls.
func (a *account) place(i int, p *agent.Point) {
	for len(a.slots) <= i {
		a.slots = append(a.slots, slot{})
	}
	s := slot{point: p}
	m, class := p.Metric, a.device.Class
	name := m.Name
	if p.Channel != "" {
		name += "/" + p.Channel
	}
	whole := slices.Contains(phases, p.Channel) || class == "climate"
	switch {
	case m.Class != class && m.Class != "": // of another class than the device's
	case m.Kind == agent.State && p.Channel == "" && slices.Contains(keptStates[class], m.Name):
		s.kind = aState
		if s.index = slices.IndexFunc(a.states, func(o state) bool { return o.metric == m.Name }); s.index < 0 {
			s.index = len(a.states)
			a.states = append(a.states, state{metric: m.Name})
		}
	case m.Kind == agent.Gauge && whole && slices.Contains(keptValues[class], m.Name) && len(a.values) < maxChannels:
		s.kind = aValue
		if s.index = slices.IndexFunc(a.values, func(o value) bool { return o.name == name }); s.index < 0 {
			s.index = len(a.values)
			a.values = append(a.values, value{name: name, unit: m.Unit})
		}
	case m.Kind == agent.Counter && whole && slices.Contains(keptCounts[class], m.Name):
		s.kind, s.count = aCount, name
	}
	a.slots[i] = s
}
