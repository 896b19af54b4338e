package report

import (
	"math"
	"slices"
	"time"

	"plantroom/agent"
	"plantroom/agent/events"
)

// charts draws the readings around what happened.
func (c *composer) charts() {
	var blocks []block
	put := func(charts ...*chart) {
		if charts = slices.DeleteFunc(charts, func(one *chart) bool { return one == nil }); len(charts) > 0 {
			blocks = append(blocks, block{Charts: charts})
		}
	}
	put(c.mains())
	for _, d := range c.ofClass("generator") {
		put(c.takingOver(d, "output_voltage", agent.Words{EN: "%s: voltage as it took the load", CS: "%s: napětí při převzetí zátěže"}, 8),
			c.takingOver(d, "output_frequency", agent.Words{EN: "%s: frequency as it took the load", CS: "%s: frekvence při převzetí zátěže"}, 1))
	}
	put(c.loads())
	put(c.batteries())
	put(c.temperatures())
	if len(blocks) > 0 {
		c.section(agent.Words{EN: "Readings", CS: "Průběhy měření"}, blocks...)
	}
}

// ofClass returns the record's devices of a class.
func (c *composer) ofClass(class string) []events.Device {
	return slices.DeleteFunc(slices.Clone(c.r.Devices), func(d events.Device) bool { return d.Class != class })
}

// series returns what a channel of a device read, nil for nothing.
func (c *composer) series(device, metric, channel string) *events.Series {
	for i := range c.s.series {
		if s := &c.s.series[i]; s.Device == device && s.Metric == metric && s.Channel == channel && len(s.Times) > 0 {
			return s
		}
	}
	return nil
}

func (c *composer) line(d events.Device, s *events.Series) line {
	return line{d.Name, s.Times, s.Values, patience(c.r, interval(d, s.Times), s.Time(len(s.Times)-1))}
}

var phases = [...]string{"L1", "L2", "L3"}

// total returns a device's power: what it says of all of it, or the sum of its
// phases.
func (c *composer) total(d events.Device, metric string) *events.Series {
	if s := c.series(d.ID, metric, ""); s != nil {
		return s
	}
	first := c.series(d.ID, metric, phases[0])
	if first == nil {
		return nil
	}
	sum := *first
	sum.Times, sum.Values = nil, nil
	for i, at := range first.Times {
		v, all := first.Values[i], true
		for _, p := range phases[1:] {
			if s := c.series(d.ID, metric, p); s != nil {
				j, found := slices.BinarySearch(s.Times, at)
				if all = all && found; found {
					v += s.Values[j]
				}
			}
		}
		if all { // a phase that was not read is not 0
			sum.Times, sum.Values = append(sum.Times, at), append(sum.Values, v)
		}
	}
	return &sum
}

// moved reports whether a series goes up or down by more than d while the
// record lasted.
func (c *composer) moved(s *events.Series, d float64) bool {
	lo, hi := math.Inf(1), math.Inf(-1)
	for i, v := range s.Values {
		if at := s.Time(i); !at.Before(c.before()) && !at.After(c.past()) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	return hi-lo > d
}

// mains is the voltage of the boards that lost it.
func (c *composer) mains() *chart {
	ch := c.whole(agent.Words{EN: "Voltage of the switchboards", CS: "Napětí rozvaděčů"}, "V")
	ch.zero = true
	for _, d := range c.ofClass("switchboard") {
		if s := c.lowest(d.ID, "voltage"); s != nil && c.moved(s, 20) {
			ch.lines = append(ch.lines, c.line(d, s))
		}
	}
	return ch.orNone()
}

// lowest returns the phase of a device's voltage that went the lowest, or what
// it says of all phases.
func (c *composer) lowest(device, metric string) *events.Series {
	found, least := c.series(device, metric, ""), math.Inf(1)
	if found != nil {
		return found
	}
	for _, p := range append(phases[:], "L1-L2", "L2-L3", "L3-L1") {
		s := c.series(device, metric, p)
		if s == nil {
			continue
		}
		if found != nil && len(p) > 2 {
			break // between phases only where there is nothing else
		}
		if v := slices.Min(s.Values); v < least {
			found, least = s, v
		}
	}
	return found
}

func (c *composer) whole(title agent.Words, unit string) *chart {
	return &chart{t: c.tongue, Title: c.say(title), unit: unit, from: c.before(), to: c.past(), marks: c.marks}
}

func (ch *chart) orNone() *chart {
	if len(ch.lines) == 0 {
		return nil
	}
	return ch
}

// How much of a generator's taking over is drawn, before and after.
const (
	overBefore = 10 * time.Second
	overAfter  = 30 * time.Second
)

// takingOver is a generator's voltage or frequency around the moment in which
// it took the load.
func (c *composer) takingOver(d events.Device, metric string, title agent.Words, span float64) *chart {
	f := figureOf(c.r, events.TimeToLoad, d.ID)
	if f == nil {
		return nil
	}
	at := f.At
	if at.IsZero() {
		at = c.r.Began.Add(time.Duration(f.Value * float64(time.Second)))
	}
	// Both of its readings are drawn from and to the same times.
	until := at.Add(overAfter)
	for _, name := range []string{events.VoltageSettling, events.FrequencySettling} {
		if s := figureOf(c.r, name, d.ID); s != nil {
			if t := at.Add(time.Duration(s.Value*float64(time.Second)) + overBefore); t.After(until) {
				until = t
			}
		}
	}
	s := c.lowestBetween(d.ID, metric, at.Add(-overBefore), until)
	if s == nil {
		return nil
	}
	name := d.Name
	if s.Channel != "" {
		name += " " + s.Channel
	}
	ch := &chart{t: c.tongue, Title: c.say(title, name), Half: true, unit: s.Unit, from: at.Add(-overBefore), to: until, span: span,
		marks: c.marksOf(d.ID, at.Add(-overBefore), until), lines: []line{c.line(d, s)}}
	// Until it ran at speed is another story.
	high := 0.0
	for i, v := range s.Values {
		if at := s.Time(i); !at.Before(ch.from) && !at.After(ch.to) {
			high = max(high, v)
		}
	}
	for i, v := range s.Values {
		if at := s.Time(i); v > 0.95*high && !at.Before(ch.from) {
			ch.since = at
			break
		}
	}
	return ch
}

// lowestBetween is lowest, by what was read between two times.
func (c *composer) lowestBetween(device, metric string, from, to time.Time) *events.Series {
	if s := c.series(device, metric, ""); s != nil {
		return s
	}
	var found *events.Series
	least := math.Inf(1)
	for _, p := range phases {
		s := c.series(device, metric, p)
		if s == nil {
			continue
		}
		high := slices.Max(s.Values)
		for i, v := range s.Values {
			if at := s.Time(i); !at.Before(from) && !at.After(to) && v > 0.7*high && v < least {
				found, least = s, v
			}
		}
	}
	return found
}

// marksOf returns a device's transitions between two times, and those of the
// building, by their numbers in the table.
func (c *composer) marksOf(id string, from, to time.Time) []moment {
	var out []moment
	for i, row := range c.rows {
		if slices.ContainsFunc(row.devices, func(d string) bool { return d == id || ofBuilding(d) }) && !row.at.Before(from) && !row.at.After(to) {
			out = append(out, moment{row.at, c.rowNumber(i)})
		}
	}
	return out
}

// loads is the power of what can carry the building, as far as it did.
func (c *composer) loads() *chart {
	ch := c.whole(agent.Words{EN: "Load", CS: "Zatížení"}, "W")
	ch.zero = true
	for _, class := range []struct{ name, metric string }{{"switchboard", "active_power"}, {"generator", "output_power"}, {"ups", "output_power"}} {
		for _, d := range c.ofClass(class.name) {
			s := c.total(d, class.metric)
			if s == nil || slices.Max(s.Values) <= 0 {
				continue
			}
			// What stays as it is, is of interest beside what does not.
			if class.name != "generator" && c.r.Domain == "power" || c.moved(s, 1000+0.2*slices.Max(s.Values)) {
				ch.lines = append(ch.lines, c.line(d, s))
			}
		}
	}
	ch.lines = largest(ch.lines, maxLines)
	return ch.orNone()
}

// maxLines is how many lines a chart has at most.
const maxLines = 6

// largest keeps the n lines that go the highest, in their order.
func largest(lines []line, n int) []line {
	if len(lines) <= n {
		return lines
	}
	by := slices.Clone(lines)
	slices.SortStableFunc(by, func(a, b line) int {
		switch x, y := slices.Max(a.values), slices.Max(b.values); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	least := slices.Max(by[n-1].values)
	lines = slices.DeleteFunc(slices.Clone(lines), func(l line) bool { return slices.Max(l.values) < least })
	return lines[:n]
}

// batteries is the charge of the UPS units' batteries, until they were full
// again.
func (c *composer) batteries() *chart {
	ch := c.whole(agent.Words{EN: "Battery charge", CS: "Nabití baterií"}, "%")
	ch.max, ch.span = 100, 10
	for _, class := range []string{"ups", "dc"} {
		for _, d := range c.ofClass(class) {
			if s := c.series(d.ID, "battery_charge", ""); s != nil && (c.r.Domain == "power" || c.moved(s, 1)) {
				ch.lines = append(ch.lines, c.line(d, s))
				if last := s.Time(len(s.Times) - 1); last.After(ch.to) {
					ch.to = last
				}
			}
		}
	}
	ch.lines = ch.lines[:min(len(ch.lines), maxLines)]
	return ch.orNone()
}

// temperatures are those of the rooms: of the sensors that rose, or else all.
func (c *composer) temperatures() *chart {
	ch := c.whole(agent.Words{EN: "Temperature of the rooms", CS: "Teplota v místnostech"}, "Cel")
	ch.span = 4
	rose := named(c.r, events.TemperatureRise)
	for _, d := range c.ofClass("climate") {
		if len(rose) > 0 && figureOf(c.r, events.TemperatureRise, d.ID) == nil {
			continue
		}
		var of []*events.Series
		for i := range c.s.series {
			if s := &c.s.series[i]; s.Device == d.ID && s.Metric == "temperature" && len(s.Times) > 0 {
				of = append(of, s)
			}
		}
		for _, s := range of {
			l := c.line(d, s)
			if len(of) > 1 { // otherwise the channel says nothing
				l.name += " " + s.Channel
			}
			ch.lines = append(ch.lines, l)
		}
	}
	ch.lines = largest(ch.lines, maxLines)
	return ch.orNone()
}

// trends draws how figures went from test to test, with what is required.
func (c *composer) trends(all []Earlier, names []string) []block {
	var charts []*chart
	label := c.shortDate
	if all[len(all)-1].Began.Sub(all[0].Began) > 300*24*time.Hour {
		label = func(at time.Time) string { return at.In(c.zone).Format("1/06") }
	}
	for _, name := range names {
		l := line{gap: 1}
		unit := ""
		for i, e := range all {
			if f := e.figure(name); f != nil {
				l.times, l.values, unit = append(l.times, int64(i)), append(l.values, f.Value), f.Unit
			}
		}
		if len(l.times) < 2 {
			continue
		}
		ch := &chart{t: c.tongue, Title: c.figure(name), Half: true, unit: unit, zero: true, final: true, lines: []line{l},
			from: time.UnixMilli(-1), to: time.UnixMilli(int64(len(all)))}
		for i, e := range all {
			ch.ticks = append(ch.ticks, moment{time.UnixMilli(int64(i)), label(e.Began)})
		}
		for _, k := range c.r.Criteria {
			if k.Name == name {
				sign := "≤" + nbsp
				if k.AtLeast {
					sign = "≥" + nbsp
				}
				ch.limits = append(ch.limits, limit{k.Limit, sign + c.quantity(k.Limit, k.Unit)})
			}
		}
		charts = append(charts, ch)
	}
	charts = charts[:min(len(charts), 4)]
	var blocks []block
	for pair := range slices.Chunk(charts, 2) {
		blocks = append(blocks, block{Charts: pair})
	}
	return blocks
}
