package events

import (
	"cmp"
	"math"
	"slices"
	"time"

	"plantroom/agent"
)

// A Limit says from which values on a metric is an event. Where several are
// about the same point, each says what it sets (is not nil), and of two that
// set the same the more particular one counts: for a device, then by labels,
// then for all; of equals the later one.
type Limit struct {
	Class, Metric string
	Device        string            // only this one; "" for any
	Labels        map[string]string // only devices with all of these
	Channel       *string           // only this one; nil for any

	Off bool // no event at all, unless a more particular one sets a bound again

	// Bounds, in the metric's unit. An infinite one takes one away.
	WarnHigh, AlarmHigh, WarnLow, AlarmLow *float64
	// WarnRate and AlarmRate bound how fast the value may rise or fall: in the
	// metric's unit a minute, measured over RateOver (a minute).
	WarnRate, AlarmRate *float64
	RateOver            *time.Duration

	Hysteresis *float64       // how far back within the bound ends it; otherwise 2 % of the bound, 0.2 % of a frequency's
	Delay      *time.Duration // for how long it must be beyond the bound
	ClearDelay *time.Duration // for how long it must be back within

	WarnOn, AlarmOn []string // of a state: words that are an event
}

// specific orders limits by how particular they are.
func (l *Limit) specific() int {
	n := 0
	if l.Device != "" {
		n += 4
	}
	if len(l.Labels) > 0 {
		n += 2
	}
	if l.Channel != nil {
		n++
	}
	return n
}

func (l *Limit) covers(p *agent.Point) bool {
	if l.Device != "" && l.Device != p.Device.ID || l.Channel != nil && *l.Channel != p.Channel {
		return false
	}
	for name, value := range l.Labels {
		if !slices.Contains(p.Device.Labels, agent.Label{Name: name, Value: value}) {
			return false
		}
	}
	return true
}

// A limitIndex finds the limits of a point quickly, among thousands.
type limitIndex struct {
	of  map[limitKey][]*Limit // for one device
	all map[limitKey][]*Limit // for any, with device ""
}

type limitKey struct{ device, class, metric string }

func indexLimits(limits []Limit) limitIndex {
	x := limitIndex{of: map[limitKey][]*Limit{}, all: map[limitKey][]*Limit{}}
	for i := range limits {
		l := &limits[i]
		k := limitKey{l.Device, l.Class, l.Metric}
		if l.Device == "" {
			x.all[k] = append(x.all[k], l)
		} else {
			x.of[k] = append(x.of[k], l)
		}
	}
	return x
}

// A bounds is what the limits of one point come to.
type bounds struct {
	low, high           float64    // within both nothing is the case, whatever the hysteresis
	lows, highs         [2]float64 // of warning and alarm; infinite for none
	back                float64    // hysteresis; NaN for a share of the bound
	share               float64    // that is it otherwise
	delay, clear        time.Duration
	rates               [2]float64 // in the unit a minute, of warning and alarm; infinite for none
	over                time.Duration
	warnWords, alarmOns []string
	off                 bool // what is an event otherwise is none
}

// of returns what the limits of a point come to, nil where there are none.
func (x *limitIndex) bounds(p *agent.Point) *bounds {
	class, metric := cmp.Or(p.Metric.Class, p.Device.Class), p.Metric.Name
	var found []*Limit
	for _, l := range x.all[limitKey{"", class, metric}] {
		if l.covers(p) {
			found = append(found, l)
		}
	}
	for _, l := range x.of[limitKey{p.Device.ID, class, metric}] {
		if l.covers(p) {
			found = append(found, l)
		}
	}
	if len(found) == 0 {
		return nil
	}
	slices.SortStableFunc(found, func(a, b *Limit) int { return cmp.Compare(a.specific(), b.specific()) })
	none := &bounds{
		lows: [2]float64{math.Inf(-1), math.Inf(-1)}, highs: [2]float64{math.Inf(1), math.Inf(1)},
		rates: [2]float64{math.Inf(1), math.Inf(1)}, back: math.NaN(), share: 0.02, over: time.Minute,
	}
	if p.Metric.Unit == "Hz" { // 2 % of which is more than anybody bounds
		none.share = 0.002
	}
	b := *none
	for _, l := range found {
		if l.Off {
			b = *none
			b.off = true
		}
		set(&b.highs[0], l.WarnHigh)
		set(&b.highs[1], l.AlarmHigh)
		set(&b.rates[0], l.WarnRate)
		set(&b.rates[1], l.AlarmRate)
		set(&b.back, l.Hysteresis)
		set(&b.delay, l.Delay)
		set(&b.clear, l.ClearDelay)
		set(&b.over, l.RateOver)
		for i, low := range []*float64{l.WarnLow, l.AlarmLow} {
			if set(&b.lows[i], low); low != nil && math.IsInf(*low, 0) {
				b.lows[i] = math.Inf(-1)
			}
		}
		if l.WarnOn != nil {
			b.warnWords = l.WarnOn
		}
		if l.AlarmOn != nil {
			b.alarmOns = l.AlarmOn
		}
	}
	b.low, b.high = math.Inf(-1), math.Inf(1)
	for i := range 2 {
		b.low = max(b.low, b.lows[i]+b.margin(b.lows[i]))
		b.high = min(b.high, b.highs[i]-b.margin(b.highs[i]))
	}
	return &b
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// margin returns the hysteresis of a bound.
func (b *bounds) margin(bound float64) float64 {
	switch {
	case math.IsInf(bound, 0):
		return 0
	case math.IsNaN(b.back):
		return b.share * math.Abs(bound)
	}
	return b.back
}

// bounded reports whether there is a bound of the value itself.
func (b *bounds) bounded() bool { return !math.IsInf(b.low, -1) || !math.IsInf(b.high, 1) }

// rated reports whether there is a bound of its rate.
func (b *bounds) rated() bool { return !math.IsInf(min(b.rates[0], b.rates[1]), 1) }

// A level is how far beyond its bounds a value is: 0 within, 1 warning and 2
// alarm, negative below the low ones.
type level int8

func (l level) severity() agent.Severity {
	if l == 2 || l == -2 {
		return agent.Alarm
	}
	return agent.Warning
}

// levelOf returns the level of an event.
func levelOf(s agent.Severity, low bool) level {
	l := level(1)
	if s == agent.Alarm {
		l = 2
	}
	if low {
		return -l
	}
	return l
}

// level returns the level of a value that was at another.
func (b *bounds) level(v float64, was level) level {
	beyond := func(high bool, i int, held bool) bool {
		bound, margin := b.lows[i], 0.0
		if high {
			bound = b.highs[i]
		}
		if held {
			margin = b.margin(bound)
		}
		if high {
			return v > bound-margin
		}
		return v < bound+margin
	}
	for i := 1; i >= 0; i-- {
		if beyond(true, i, was > level(i)) {
			return level(i + 1)
		}
		if beyond(false, i, was < -level(i)) {
			return -level(i + 1)
		}
	}
	return 0
}

// bound returns the bound that a level is beyond of.
func (b *bounds) bound(l level) float64 {
	if l > 0 {
		return b.highs[l-1]
	}
	return b.lows[-l-1]
}

// A limited is how a point stands to its bounds.
type limited struct {
	*bounds
	is    level        // as it counts
	seen  level        // as the readings have it
	since [2]time.Time // since when they are beyond the bounds of a warning and of an alarm, or are not
	event *happening
	peak  peak // since they are
}

// note takes how far beyond its bounds a reading has it.
func (l *limited) note(now level, v float64, at time.Time) {
	for i := range l.since {
		beyond, was := abs(now) > level(i), abs(l.seen) > level(i)
		if beyond != was || beyond && now*l.seen < 0 {
			l.since[i] = at
		}
	}
	if now*l.seen <= 0 {
		l.peak = peak{}
	}
	if l.seen = now; now == 0 {
		return
	}
	l.peak.take(v, at.Sub(l.since[0]), now < 0)
	if l.event != nil && now*l.is > 0 {
		l.event.peak.take(v, at.Sub(l.event.since), now < 0)
	}
}

// counts returns the level that counts: each is reached when the readings have been
// as far for the delay, whatever they were further, and left likewise.
func (l *limited) counts(at time.Time) level {
	for i := level(1); i >= 0; i-- {
		lasted := at.Sub(l.since[i])
		beyond, held := abs(l.seen) > i, abs(l.is) > i
		switch {
		case beyond && (lasted >= l.delay || held && l.seen*l.is > 0):
			if l.seen < 0 {
				return -i - 1
			}
			return i + 1
		case held && lasted < l.clear:
			return l.is
		}
	}
	return 0
}

// rateSamples is how many values are kept to tell a rate by.
const rateSamples = 8

// A rated is how fast a point moves.
type rated struct {
	*bounds
	times  [rateSamples]time.Time
	values [rateSamples]float64
	next   int
	is     level
	event  *happening
}

// add takes a value, of which there is one every so often, and returns the rate
// in its unit a minute, once it has been seen for long enough.
func (r *rated) add(at time.Time, v float64, every time.Duration) (rate float64, ok bool) {
	oldest := r.next % rateSamples
	newest := (r.next + rateSamples - 1) % rateSamples
	since := oldest
	for i := range rateSamples { // of values that are far apart an older one is of no use
		if one := (oldest + i) % rateSamples; at.Sub(r.times[one]) >= r.over {
			since = one
		}
	}
	if from := r.times[since]; !from.IsZero() {
		if past := at.Sub(from); past >= r.over*3/4 && past < max(4*r.over, 2*every) {
			rate, ok = (v-r.values[since])/past.Minutes(), true
		}
	}
	if r.times[newest].IsZero() || at.Sub(r.times[newest]) >= r.over/rateSamples {
		r.times[oldest], r.values[oldest] = at, v
		r.next++
	}
	return rate, ok
}

// level returns the level of a rate.
func (r *rated) level(rate float64) level {
	for i := level(1); i >= 0; i-- {
		bound := r.rates[i]
		held := func(side level) float64 {
			if side*r.is > i {
				return 0.9 * bound
			}
			return bound
		}
		switch {
		case rate > held(1):
			return i + 1
		case -rate > held(-1):
			return -i - 1
		}
	}
	return 0
}
