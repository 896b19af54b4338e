package config

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"plantroom/agent"
)

// UsualLimits returns what holds wherever the configuration says nothing else. They are few:
// values that are not well whatever the site.
func UsualLimits() []Limit {
	v := func(v float64) *float64 { return &v }
	d := func(d time.Duration) *time.Duration { return &d }
	return []Limit{
		{Class: "ups", Metric: "battery_charge", WarnLow: v(60), AlarmLow: v(30)},
		{Class: "ups", Metric: "battery_runtime", WarnLow: v(300), AlarmLow: v(120), Delay: d(10 * time.Second)},
		{Class: "ups", Metric: "battery_temperature", WarnHigh: v(40), AlarmHigh: v(50), Delay: d(time.Minute)},
		{Class: "ups", Metric: "output_load", WarnHigh: v(85), AlarmHigh: v(100), Delay: d(10 * time.Second)},
		{Class: "ats", Metric: "output_load", WarnHigh: v(85), AlarmHigh: v(100), Delay: d(10 * time.Second)},
		{Class: "generator", Metric: "fuel_level", WarnLow: v(50), AlarmLow: v(25), Delay: d(time.Minute)},
		{Class: "generator", Metric: "coolant_temperature", WarnHigh: v(100), AlarmHigh: v(108)},
		{Class: "dc", Metric: "battery_charge", WarnLow: v(60), AlarmLow: v(30)},
		{Class: "dc", Metric: "load", WarnHigh: v(85), AlarmHigh: v(100), Delay: d(10 * time.Second)},
		{Class: "switchboard", Metric: "load", WarnHigh: v(85), AlarmHigh: v(100), Delay: d(10 * time.Second)},
		{Class: "pdu", Metric: "load", WarnHigh: v(85), AlarmHigh: v(100), Delay: d(10 * time.Second)},
		// ASHRAE TC 9.9: what a server takes in is 27 Cel at most, by its recommendation, and 32 Cel where it is of class A1.
		{Class: "cooling", Metric: "supply_air_temperature", WarnHigh: v(27), AlarmHigh: v(32), Delay: d(time.Minute)},
		{Class: "agent", Metric: "sink_up", WarnLow: v(0.5), Hysteresis: v(0), Delay: d(time.Minute)},
		{Class: "agent", Metric: "clock_offset", WarnHigh: v(2), WarnLow: v(-2)},
	}
}

// limit reads one of limits:.
func (r *siteReader) limit(s *source, n *yaml.Node) {
	m := s.mapping(n, "the limit")
	l := Limit{}
	metric := m.need("metric", "climate.temperature")
	class, name, ok := strings.Cut(s.text(metric, "metric"), ".")
	l.Class, l.Metric = class, name
	found := Lookup(class, name)
	own := strings.HasPrefix(name, "x_")
	switch {
	case metric == nil:
	case !ok:
		s.fault(metric, "metric is %s; write the class before it, for example climate.temperature", metric.Value)
	case !slices.Contains(Classes(), class):
		s.fault(metric, "there is no class %s; %s", class, oneOf(class, Classes()))
	case found == nil && !own:
		s.fault(metric, "a device of class %s has no %s; %s", class, name, listed(name, Names(class), "plantroom metrics "+class))
	}
	device, room, labels, channel := m.get("device"), m.get("room"), m.get("labels"), m.get("channel")
	l.Device = s.text(device, "device")
	l.Labels = map[string]string{}
	for _, label := range s.labels(labels) {
		l.Labels[label.Name] = label.Value
	}
	if room != nil {
		l.Labels["room"] = s.text(room, "room")
	}
	if channel != nil {
		text := s.text(channel, "channel")
		l.Channel = &text
	}
	off := m.get("off")
	l.Off = s.boolean(off, "off")
	unit := ""
	if found != nil {
		unit = found.Unit
	}
	bounds := 0
	bound := func(key string) *float64 {
		n := m.get(key)
		if n == nil {
			return nil
		}
		bounds++
		v := math.Inf(1) // none
		if !s.is(n, "none") {
			v = s.quantity(n, key, unit, math.NaN())
		}
		return &v
	}
	// What the metric is held against; a value beyond what it can be is a wrong unit.
	level := func(key string) *float64 {
		v := bound(key)
		if v == nil || found == nil || len(found.States) > 0 || math.IsInf(*v, 0) {
			return v
		}
		s.percent(m.get(key), key, unit, *v)
		if *v < found.Min || *v > found.Max {
			s.fault(m.get(key), "%s is %s; %s is from %s to %s", key, m.get(key).Value, name, amount(found.Min), strings.TrimSpace(amount(found.Max)+" "+unit))
		}
		return v
	}
	positive := func(key string) *float64 {
		v := bound(key)
		if v != nil && *v < 0 {
			s.fault(m.get(key), "%s is %s; it must not be negative", key, amount(*v))
		}
		return v
	}
	l.WarnHigh, l.AlarmHigh = level("warn_high"), level("alarm_high")
	l.WarnLow, l.AlarmLow = level("warn_low"), level("alarm_low")
	l.WarnRate, l.AlarmRate = positive("warn_rate"), positive("alarm_rate")
	if l.Hysteresis = positive("hysteresis"); l.Hysteresis != nil && math.IsInf(*l.Hysteresis, 0) {
		*l.Hysteresis = 0
	}
	span := func(key string, otherwise, lo time.Duration) *time.Duration {
		n := m.get(key)
		if n == nil {
			return nil
		}
		d := s.duration(n, key, otherwise, lo, 24*time.Hour)
		return &d
	}
	l.RateOver = span("rate_over", time.Minute, 10*time.Second)
	l.Delay, l.ClearDelay = span("delay", 0, Slot), span("clear_delay", 0, Slot)
	warn, alarm := m.get("warn_on"), m.get("alarm_on")
	words := func(n *yaml.Node, key string) []string {
		if n == nil {
			return nil
		}
		out := s.texts(n, key)
		if found == nil {
			return out
		}
		for i, item := range s.list(n) {
			if _, ok := found.Code(out[i]); !ok || out[i] == found.States[0] {
				s.fault(item, "%s is never %s; %s", name, out[i], oneOf(out[i], found.States[1:]))
			}
		}
		return out
	}
	switch stated := found != nil && len(found.States) > 0; {
	case stated && bounds > 0:
		s.fault(m.node, "%s is a state and has no bounds; write warn_on: or alarm_on: with words of it", name)
	case found != nil && !stated && (warn != nil || alarm != nil):
		s.fault(m.node, "%s is a number and has no words; write warn_high, warn_low, alarm_high or alarm_low", name)
	default:
		l.WarnOn, l.AlarmOn = words(warn, "warn_on"), words(alarm, "alarm_on")
	}
	m.done()
	if m.node == nil {
		return
	}
	if bounds == 0 && warn == nil && alarm == nil && off == nil && l.Delay == nil && l.ClearDelay == nil && l.RateOver == nil {
		s.fault(m.node, "the limit says nothing; add for example warn_high: 27, or off: true")
	}
	ordered := func(a, b *float64, low, high string) {
		if a != nil && b != nil && !math.IsInf(*a, 0) && !math.IsInf(*b, 0) && *a > *b {
			s.fault(m.node, "%s is %s and %s is %s; the one must not be above the other", low, amount(*a), high, amount(*b))
		}
	}
	ordered(l.WarnHigh, l.AlarmHigh, "warn_high", "alarm_high")
	ordered(l.AlarmLow, l.WarnLow, "alarm_low", "warn_low")
	ordered(l.WarnLow, l.WarnHigh, "warn_low", "warn_high")
	ordered(l.AlarmLow, l.AlarmHigh, "alarm_low", "alarm_high")
	ordered(l.WarnRate, l.AlarmRate, "warn_rate", "alarm_rate")
	low, high := cmp.Or(l.WarnLow, l.AlarmLow), cmp.Or(l.WarnHigh, l.AlarmHigh)
	if h := l.Hysteresis; h != nil && low != nil && high != nil && !math.IsInf(*low, 0) && !math.IsInf(*high, 0) && *low <= *high && *h >= *high-*low {
		s.fault(m.get("hysteresis"), "hysteresis is %s, and there are only %s within the bounds; it would never be over", amount(*h), amount(*high-*low))
	}
	r.site.Limits = append(r.site.Limits, l)
	if found != nil || own {
		r.fits(s, m, &l)
	}
	r.later = append(r.later, func() { r.agrees(s, m, &l) })
}

// agrees reports a limit with a bound that is out of order with one that holds
// already for all that the limit is about, and that it does not set.
func (r *siteReader) agrees(s *source, m *mapping, l *Limit) {
	for _, side := range []struct {
		warn, alarm string
		of          func(*Limit) (warn, alarm *float64)
		over        float64 // the sign of an alarm over a warning
	}{
		{"warn_high", "alarm_high", func(l *Limit) (_, _ *float64) { return l.WarnHigh, l.AlarmHigh }, 1},
		{"warn_low", "alarm_low", func(l *Limit) (_, _ *float64) { return l.WarnLow, l.AlarmLow }, -1},
	} {
		warn, alarm := side.of(l)
		if l.Off || (warn == nil) == (alarm == nil) {
			continue
		}
		set, other := side.warn, side.alarm
		if warn == nil {
			set, other = other, set
			warn = r.already(l, func(o *Limit) *float64 { w, _ := side.of(o); return w })
		} else {
			alarm = r.already(l, func(o *Limit) *float64 { _, a := side.of(o); return a })
		}
		if warn == nil || alarm == nil || math.IsInf(*warn, 0) || math.IsInf(*alarm, 0) || !(side.over*(*alarm-*warn) < 0) {
			continue
		}
		mine, has := warn, alarm
		if set == side.alarm {
			mine, has = has, mine
		}
		s.fault(m.get(set), "%s is %s, and %s is %s already; add %s, or %[3]s: none", set, amount(*mine), other, amount(*has), other)
	}
}

// already returns a bound that holds for all that a limit is about but for that
// limit itself, nil for none.
func (r *siteReader) already(l *Limit, bound func(*Limit) *float64) (found *float64) {
	most := 0
	for i := range r.site.Limits {
		o := &r.site.Limits[i]
		if o.Class != l.Class || o.Metric != l.Metric || o.Device != "" && o.Device != l.Device || o.Channel != nil && (l.Channel == nil || *o.Channel != *l.Channel) {
			continue
		}
		covers, particular := true, 0
		for name, value := range o.Labels {
			d := r.deviceOf(l.Device)
			covers = covers && (l.Labels[name] == value || d != nil && slices.Contains(d.Labels, agent.Label{Name: name, Value: value}))
			particular = 2
		}
		if o.Device != "" {
			particular += 4
		}
		if o.Channel != nil {
			particular++
		}
		if !covers || particular < most {
			continue
		}
		if o.Off {
			found, most = nil, particular
		}
		if v := bound(o); v != nil {
			found, most = v, particular
		}
	}
	return found
}

// fits reports a limit that is about nothing that the site measures.
func (r *siteReader) fits(s *source, m *mapping, l *Limit) {
	if n := m.get("device"); n != nil && l.Device != r.site.Agent && l.Device != SiteID {
		if r.deviceOf(l.Device) == nil {
			s.fault(n, "there is no device %s; %s", l.Device, oneOf(l.Device, r.deviceIDs()))
			return
		}
	}
	if l.Class == "agent" || l.Class == "site" {
		return
	}
	if name, value := r.unlabelled(l.Labels); name != "" {
		s.fault(m.node, "no device has the label %s: %s; %s", name, value, oneOf(value, r.labelled(name)))
		return
	}
	for _, d := range r.site.Devices {
		if l.Device != "" && l.Device != d.ID {
			continue
		}
		if d.Profile == nil {
			return // it may be the one, but that is wrong itself
		}
		all := true
		for name, value := range l.Labels {
			all = all && slices.Contains(d.Labels, agent.Label{Name: name, Value: value})
		}
		if all && d.Profile.measures(l.Class, l.Metric) {
			return
		}
	}
	s.fault(m.node, "no device that this is about measures %s.%s", l.Class, l.Metric)
}

// unlabelled returns one of labels that no device has.
func (r *siteReader) unlabelled(labels map[string]string) (name, value string) {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if !slices.Contains(r.labelled(name), labels[name]) {
			return name, labels[name]
		}
	}
	return "", ""
}

// labelled returns what the devices have for a label.
func (r *siteReader) labelled(name string) (values []string) {
	for _, d := range r.site.Devices {
		for _, l := range d.Labels {
			if l.Name == name {
				values = append(values, l.Value)
			}
		}
	}
	return values
}

// deviceOf returns the device with an id, nil for none.
func (r *siteReader) deviceOf(id string) *Device {
	for _, d := range r.site.Devices {
		if d.ID == id {
			return d
		}
	}
	return nil
}

func (r *siteReader) deviceIDs() []string {
	ids := make([]string, len(r.site.Devices))
	for i, d := range r.site.Devices {
		ids[i] = d.ID
	}
	return ids
}

// measures reports whether a device with the profile may have a metric.
func (p *Profile) measures(class, name string) bool {
	if m := Lookup(class, name); m != nil && (name == "up" || name == "poll_duration") {
		return p.Class == class
	}
	if p.Modbus != nil {
		for i := range p.Modbus.Points {
			if m := p.Modbus.Points[i].Metric; m.Name == name && m.Class == class {
				return true
			}
		}
	}
	if p.SNMP != nil {
		for i := range p.SNMP.Points {
			if m := p.SNMP.Points[i].Metric; m.Name == name && m.Class == class {
				return true
			}
		}
	}
	return false
}
