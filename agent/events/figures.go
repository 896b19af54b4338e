package events

import (
	"cmp"
	"math"
	"slices"
	"time"

	"plantroom/agent"
)

// Bands around nominal values within which a generator that has taken a load
// has settled, as ISO 8528-5 has them for class G2, and for how long it is
// looked at; and after how long its frequency is to be steady.
const (
	voltageBand   = 0.025
	frequencyBand = 0.02
	settleWithin  = time.Minute
	steadyAfter   = 15 * time.Second
)

// recoveredWithin is how much of its charge, in %, a battery may lack and count
// as recovered.
const recoveredWithin = 1

// figureWords say what each figure is.
var figureWords = map[string]agent.Words{
	TimeToTransfer:     {EN: "time to transfer", CS: "doba do přepnutí"},
	TimeToStart:        {EN: "time to run at speed", CS: "doba do náběhu"},
	TimeToLoad:         {EN: "time to take the load", CS: "doba do převzetí zátěže"},
	TimeRun:            {EN: "running time", CS: "doba běhu"},
	TimeCarried:        {EN: "time on load", CS: "doba pod zátěží"},
	TimeUnbroken:       {EN: "longest time on load without a break", CS: "nejdelší nepřerušená doba pod zátěží"},
	VoltageDip:         {EN: "voltage dip on taking the load", CS: "pokles napětí při převzetí zátěže"},
	VoltageSettling:    {EN: "time until the voltage had settled", CS: "doba ustálení napětí"},
	FrequencyDip:       {EN: "frequency dip on taking the load", CS: "pokles frekvence při převzetí zátěže"},
	FrequencySettling:  {EN: "time until the frequency had settled", CS: "doba ustálení frekvence"},
	FrequencyDeviation: {EN: "deviation of the frequency on load", CS: "odchylka frekvence pod zátěží"},
	LoadMean:           {EN: "load on average", CS: "průměrná zátěž"},
	LoadMax:            {EN: "highest load", CS: "nejvyšší zátěž"},
	Energy:             {EN: "energy given", CS: "dodaná energie"},
	FuelUsed:           {EN: "fuel used, of a full tank", CS: "spotřeba paliva, z plné nádrže"},
	TimeOnBattery:      {EN: "time on battery", CS: "doba provozu na baterie"},
	BatteryDrained:     {EN: "charge taken from the battery", CS: "odebraný náboj baterie"},
	ChargeLowest:       {EN: "lowest charge of the battery", CS: "nejnižší nabití baterie"},
	RuntimeLowest:      {EN: "shortest runtime left", CS: "nejkratší zbývající doba zálohy"},
	TimeToRecover:      {EN: "time until the battery had recovered", CS: "doba do dobití baterie"},
	TimeLost:           {EN: "time without output", CS: "doba bez výstupu"},
	TimeUncooled:       {EN: "time without any cooling", CS: "doba bez chlazení"},
	CoolingOff:         {EN: "time out of operation", CS: "doba mimo provoz"},
	TemperatureRise:    {EN: "rise of the temperature", CS: "nárůst teploty"},
	TimeDead:           {EN: "time without voltage", CS: "doba bez napětí"},
}

// A measuring computes the figures of a record from its series.
type measuring struct {
	*Record
	index map[seriesKey]*Series
	end   time.Time // of the last reading
}

// A stretch is a time during which something was the case: from the first
// reading that showed it to the first that did not. Open is one that the
// readings do not show the end of.
type stretch struct {
	from, to time.Time
	open     bool
}

func (s stretch) length() time.Duration { return s.to.Sub(s.from) }

func lengths(ss []stretch) (sum time.Duration) {
	for _, s := range ss {
		sum += s.length()
	}
	return sum
}

// measure sets the record's transitions and figures by its series.
func (r *Record) measure() {
	m := &measuring{Record: r, index: map[seriesKey]*Series{}}
	r.Transitions, r.Figures, r.NotObserved = nil, nil, nil
	for i := range r.Series {
		s := &r.Series[i]
		m.index[seriesKey{s.Device, s.Metric, s.Channel}] = s
		if n := len(s.Times); n > 0 {
			m.end = maxTime(m.end, s.Time(n-1))
		}
		r.Transitions = append(r.Transitions, transitions(s)...)
	}
	slices.SortStableFunc(r.Transitions, func(a, b Transition) int { return a.Time.Compare(b.Time) })
	for _, d := range r.Devices {
		switch d.Class {
		case "switchboard":
			m.total(TimeDead, d.ID, m.stated(d.ID, "supply", "dead"))
		case "ats":
			if over := m.stated(d.ID, "transfer", "other"); len(over) > 0 {
				m.took(TimeToTransfer, d.ID, over[0].from)
			}
		case "generator":
			m.generator(d.ID)
		case "ups", "dc":
			m.battery(d)
		}
	}
	m.cooling()
}

// transitions returns the changes of a state.
func transitions(s *Series) (out []Transition) {
	was := -1
	for i := range s.Values {
		if s.States == nil && s.Metric != "up" || s.States != nil && s.Values[i] == 0 {
			continue // unknown
		}
		word := func(i int) string {
			switch {
			case s.States != nil:
				return s.Word(i)
			case s.Values[i] == 0:
				return "silent"
			}
			return "up"
		}
		if was >= 0 && s.Values[was] != s.Values[i] {
			out = append(out, Transition{s.Time(i), s.Device, s.Metric, s.Channel, word(was), word(i)})
		}
		was = i
	}
	return out
}

func (m *measuring) add(name, device string, v float64, unit string, at time.Time) {
	if agent.Finite(v) {
		m.Figures = append(m.Figures, Figure{name, device, figureWords[name], v, unit, at})
	}
}

// took adds how long after the beginning something was so: not at all where that
// was seen before what the record began with, which another device told.
func (m *measuring) took(name, device string, at time.Time) {
	m.add(name, device, max(0, at.Sub(m.Began).Seconds()), "s", at)
}

func (m *measuring) missing(name, device string, why agent.Words) {
	m.NotObserved = append(m.NotObserved, NotObserved{name, device, why})
}

// total adds the length of stretches, where there are any.
func (m *measuring) total(name, device string, ss []stretch) {
	if len(ss) > 0 {
		m.add(name, device, lengths(ss).Seconds(), "s", ss[0].from)
	}
}

func (m *measuring) series(device, metric, channel string) *Series {
	return m.index[seriesKey{device, metric, channel}]
}

// where returns the stretches of a series during which f held, that began no
// earlier than the record (but for what another device may have seen first).
func (m *measuring) where(s *Series, f func(i int) bool) (out []stretch) {
	if s == nil {
		return nil
	}
	from, inside := 0, false
	for i := range s.Values {
		switch held := f(i); {
		case held && !inside:
			from, inside = i, true
		case !held && inside:
			out = append(out, stretch{s.Time(from), s.Time(i), false})
			inside = false
		}
	}
	if inside {
		out = append(out, stretch{s.Time(from), s.Time(len(s.Times) - 1), true})
	}
	return slices.DeleteFunc(out, func(one stretch) bool { return one.from.Before(m.Began.Add(-together)) })
}

// stated returns the stretches during which a state was one of words. An
// unknown state changes nothing.
func (m *measuring) stated(device, metric string, words ...string) []stretch {
	s := m.series(device, metric, "")
	if s == nil {
		return nil
	}
	known := ""
	return m.where(s, func(i int) bool {
		if s.Values[i] != 0 {
			known = s.Word(i)
		}
		return slices.Contains(words, known)
	})
}

// sum returns a quantity of a device: what it says of the whole, or else its
// phases' sum.
func (m *measuring) sum(device, metric string) *Series {
	if s := m.series(device, metric, ""); s != nil {
		return s
	}
	a, b, c := m.series(device, metric, "L1"), m.series(device, metric, "L2"), m.series(device, metric, "L3")
	if a == nil || b == nil || c == nil {
		return a
	}
	all := &Series{Device: device, Metric: metric, Unit: a.Unit}
	for i, j, k := 0, 0, 0; i < len(a.Times) && j < len(b.Times) && k < len(c.Times); {
		switch at := max(a.Times[i], b.Times[j], c.Times[k]); {
		case a.Times[i] < at:
			i++
		case b.Times[j] < at:
			j++
		case c.Times[k] < at:
			k++
		default:
			all.Times, all.Values = append(all.Times, at), append(all.Values, a.Values[i]+b.Values[j]+c.Values[k])
			i, j, k = i+1, j+1, k+1
		}
	}
	return all
}

// between returns the indexes of the values from one time up to another.
func (s *Series) between(from, to time.Time) (first, end int) {
	if s == nil {
		return 0, 0
	}
	first, _ = slices.BinarySearch(s.Times, from.UnixMilli())
	end, _ = slices.BinarySearch(s.Times, to.UnixMilli()+1)
	return first, end
}

// before returns the last value before a time; with none, that of the time
// itself.
func (s *Series) before(at time.Time) (v float64, ok bool) {
	first, end := s.between(at, at)
	if first > 0 {
		return s.Values[first-1], true
	}
	if end > 0 {
		return s.Values[0], true
	}
	return 0, false
}

func (m *measuring) generator(id string) {
	runs := m.stated(id, "status", "starting", "warming_up", "running", "on_load", "cooling_down", "stopping")
	carried := m.stated(id, "carries", "yes")
	if len(runs) == 0 && len(carried) == 0 {
		return
	}
	if speed := m.stated(id, "status", "warming_up", "running", "on_load", "cooling_down"); len(speed) > 0 {
		m.took(TimeToStart, id, speed[0].from)
		m.total(TimeRun, id, runs)
	} else if len(runs) > 0 {
		m.missing(TimeToStart, id, agent.Words{EN: "it did not start", CS: "nenastartoval"})
	} else {
		m.missing(TimeToStart, id, agent.Words{EN: "it does not say whether it runs", CS: "neudává, zda běží"})
	}
	fuel := m.series(id, "fuel_level", "")
	if before, ok := fuel.before(m.Began); ok {
		n := len(fuel.Values) - 1
		m.add(FuelUsed, id, before-fuel.Values[n], "%", fuel.Time(n))
	} else {
		m.missing(FuelUsed, id, agent.Words{EN: "its fuel level is not measured", CS: "hladina paliva se neměří"})
	}
	if len(carried) == 0 {
		m.missing(TimeToLoad, id, agent.Words{EN: "it did not carry", CS: "nepřevzal zátěž"})
		return
	}
	took := carried[0]
	m.took(TimeToLoad, id, took.from)
	m.total(TimeCarried, id, carried)
	if len(carried) > 1 {
		longest := slices.MaxFunc(carried, func(a, b stretch) int { return cmp.Compare(a.length(), b.length()) })
		m.add(TimeUnbroken, id, longest.length().Seconds(), "s", longest.from)
	}
	m.load(id, carried)
	frequency := m.series(id, "output_frequency", "")
	for _, q := range []struct {
		dip, settling string
		series        *Series
		nominal       func(float64) float64
		band          float64
	}{
		{VoltageDip, VoltageSettling, m.lowestPhase(id, "output_voltage"), func(v float64) float64 { return v }, voltageBand},
		{FrequencyDip, FrequencySettling, frequency, nominalFrequency, frequencyBand},
	} {
		m.dip(id, q.dip, q.settling, q.series, q.nominal, q.band, took)
	}
	m.steady(id, frequency, carried)
}

// load adds what a generator gave while it carried: on average, at most, and
// in all (the area under the straight lines between readings).
func (m *measuring) load(id string, carried []stretch) {
	s := m.sum(id, "output_power")
	most, at, joules, seconds := math.Inf(-1), time.Time{}, 0.0, 0.0
	for _, c := range carried {
		first, end := s.between(c.from, c.to)
		for i := first; i < end; i++ {
			if s.Values[i] > most {
				most, at = s.Values[i], s.Time(i)
			}
			if i > first {
				dt := s.Time(i).Sub(s.Time(i - 1)).Seconds()
				joules += (s.Values[i] + s.Values[i-1]) / 2 * dt
				seconds += dt
			}
		}
	}
	if seconds == 0 {
		m.missing(LoadMean, id, agent.Words{EN: "its power is not measured", CS: "výkon se neměří"})
		return
	}
	m.add(LoadMean, id, joules/seconds, "W", time.Time{})
	m.add(LoadMax, id, most, "W", at)
	m.add(Energy, id, joules/3600, "Wh", time.Time{})
}

// lowestPhase returns the lowest of the phases' voltages at each time.
func (m *measuring) lowestPhase(id, metric string) *Series {
	s := m.series(id, metric, "L1")
	if s == nil {
		return m.series(id, metric, "")
	}
	low := &Series{Device: id, Metric: metric, Unit: s.Unit, Times: s.Times, Values: slices.Clone(s.Values)}
	for _, channel := range []string{"L2", "L3"} {
		other := m.series(id, metric, channel)
		for i, at := range low.Times {
			if other == nil {
				break
			}
			if j, found := slices.BinarySearch(other.Times, at); found {
				low.Values[i] = min(low.Values[i], other.Values[j])
			}
		}
	}
	return low
}

// nominalFrequency returns the standard frequency that one is near to.
func nominalFrequency(hz float64) float64 {
	for _, nominal := range []float64{50, 60} {
		if math.Abs(hz-nominal) < 0.05*nominal {
			return nominal
		}
	}
	return hz
}

// dip adds how far a value fell below its nominal one in the first minute on
// load, and when it was within the band for good.
func (m *measuring) dip(id, dip, settling string, s *Series, nominal func(float64) float64, band float64, took stretch) {
	first, end := s.between(took.from, minTime(took.to, took.from.Add(settleWithin)))
	if end-max(0, first-1) < 3 {
		m.missing(dip, id, agent.Words{EN: "there are too few readings", CS: "příliš málo odečtů"})
		return
	}
	values := slices.Clone(s.Values[max(0, first-1):end])
	slices.Sort(values)
	normal := nominal(values[len(values)/2])
	if first > 0 && s.Values[first-1] > normal/2 { // less is of a set that is not at speed yet
		first-- // the reading before may have seen it already: the breaker is polled no oftener
	}
	lowest, settled := first, took.from
	for i := first; i < end; i++ {
		if s.Values[i] < s.Values[lowest] {
			lowest = i
		}
		if math.Abs(s.Values[i]-normal) > band*normal {
			settled = time.Time{}
		} else if settled.IsZero() {
			settled = s.Time(i)
		}
	}
	m.add(dip, id, max(0, 100*(normal-s.Values[lowest])/normal), "%", s.Time(lowest))
	if settled.IsZero() {
		m.missing(settling, id, agent.Words{EN: "it did not settle within a minute", CS: "neustálilo se do minuty"})
		return
	}
	m.add(settling, id, max(0, settled.Sub(took.from).Seconds()), "s", settled)
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// steady adds the farthest that the frequency was from nominal on load.
func (m *measuring) steady(id string, s *Series, carried []stretch) {
	worst, at := -1.0, time.Time{}
	for _, c := range carried {
		first, end := s.between(c.from.Add(steadyAfter), c.to)
		if !c.open && end > first {
			end-- // the reading that no longer shows it on load
		}
		for i := first; i < end; i++ {
			normal := nominalFrequency(s.Values[i])
			if d := 100 * math.Abs(s.Values[i]-normal) / normal; d > worst {
				worst, at = d, s.Time(i)
			}
		}
	}
	if worst < 0 {
		m.missing(FrequencyDeviation, id, agent.Words{EN: "there are too few readings", CS: "příliš málo odečtů"})
		return
	}
	m.add(FrequencyDeviation, id, worst, "%", at)
}

func (m *measuring) battery(d Device) {
	used := m.stated(d.ID, "status", "on_battery")
	if d.Class == "dc" {
		used = m.stated(d.ID, "battery_status", "discharging", "low", "depleted")
	}
	m.total(TimeLost, d.ID, m.stated(d.ID, "status", "off"))
	if len(used) == 0 {
		return
	}
	m.total(TimeOnBattery, d.ID, used)
	last := used[len(used)-1]
	runtime := m.series(d.ID, "battery_runtime", "")
	if first, end := runtime.between(used[0].from, last.to); end > first {
		low := first
		for i := first; i < end; i++ {
			if runtime.Values[i] < runtime.Values[low] {
				low = i
			}
		}
		m.add(RuntimeLowest, d.ID, runtime.Values[low], "s", runtime.Time(low))
	}
	charge := m.series(d.ID, "battery_charge", "")
	before, ok := charge.before(minTime(m.Began, used[0].from))
	if !ok {
		m.missing(BatteryDrained, d.ID, agent.Words{EN: "its charge is not measured", CS: "nabití se neměří"})
		return
	}
	first, end := charge.between(used[0].from, m.end)
	low := -1
	for i := first; i < end; i++ {
		if low < 0 || charge.Values[i] < charge.Values[low] {
			low = i
		}
	}
	if low < 0 {
		m.missing(BatteryDrained, d.ID, agent.Words{EN: "its charge was not read", CS: "nabití nebylo odečteno"})
		return
	}
	m.add(BatteryDrained, d.ID, max(0, before-charge.Values[low]), "%", charge.Time(low))
	m.add(ChargeLowest, d.ID, charge.Values[low], "%", charge.Time(low))
	// It recovers from the end of the discharge that took it lowest.
	over := used[0]
	for _, one := range used {
		if !one.from.After(charge.Time(low)) {
			over = one
		}
	}
	for i := low; i < end; i++ {
		if at := charge.Time(i); !at.Before(over.to) && charge.Values[i] >= before-recoveredWithin && !over.open {
			m.add(TimeToRecover, d.ID, at.Sub(over.to).Seconds(), "s", at)
			return
		}
	}
	if m.Watched.IsZero() {
		return // it may yet
	}
	m.missing(TimeToRecover, d.ID, agent.Words{EN: "the battery was still charging when the recording ended", CS: "baterie se při konci záznamu ještě dobíjela"})
}

// cooling adds for how long units did not cool, for how long none did, and how
// much warmer it became in their rooms.
func (m *measuring) cooling() {
	units, rooms := 0, map[string]bool{}
	var edges []edge // +1 where one stops cooling, -1 where it does again
	var began time.Time
	for _, d := range m.Devices {
		if d.Class != "cooling" {
			continue
		}
		stopped := m.stated(d.ID, "status", "off", "fault")
		if m.series(d.ID, "status", "") != nil {
			units++
		}
		rooms[d.Labels["room"]] = true
		m.total(CoolingOff, d.ID, stopped)
		for _, s := range stopped {
			edges = append(edges, edge{s.from, 1}, edge{s.to, -1})
			if began.IsZero() || s.from.Before(began) {
				began = s.from
			}
		}
	}
	if began.IsZero() {
		return
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(b.step, a.step)) })
	off, uncooled, since, first := 0, time.Duration(0), time.Time{}, time.Time{}
	for _, one := range edges {
		if off == units && one.step < 0 {
			uncooled += one.at.Sub(since)
		}
		if off += one.step; off == units && one.step > 0 {
			if since = one.at; first.IsZero() {
				first = since
			}
		}
	}
	m.add(TimeUncooled, "", uncooled.Seconds(), "s", first)
	for _, d := range m.Devices {
		if d.Class != "climate" || !rooms[d.Labels["room"]] {
			continue
		}
		m.warmer(d.ID, began)
	}
}

// warmer adds how much warmer it became at the sensor that warmed most.
func (m *measuring) warmer(id string, since time.Time) {
	rise, at := math.Inf(-1), time.Time{}
	for i := range m.Series {
		s := &m.Series[i]
		if s.Device != id || s.Metric != "temperature" {
			continue
		}
		before, ok := s.before(since)
		for i, end := s.between(since, m.end); ok && i < end; i++ {
			if s.Values[i]-before > rise {
				rise, at = s.Values[i]-before, s.Time(i)
			}
		}
	}
	if at.IsZero() {
		m.missing(TemperatureRise, id, agent.Words{EN: "its temperature was not read", CS: "teplota nebyla odečtena"})
		return
	}
	m.add(TemperatureRise, id, max(0, rise), "K", at)
}

type edge struct {
	at   time.Time
	step int
}

// figure returns a figure of the record, nil where there is none.
func (r *Record) figure(name, device string) *Figure {
	for i := range r.Figures {
		if f := &r.Figures[i]; f.Name == name && f.Device == device {
			return f
		}
	}
	return nil
}

// judge sets the criteria of a test and its verdict, by its figures.
func (r *Record) judge(p *Plan) {
	if p == nil {
		p = &Plan{}
	}
	r.Criteria = nil
	if p.Kind == Start && p.LoadWithin == 0 && p.Carry == 0 { // nobody asked for it
		r.NotObserved = slices.DeleteFunc(r.NotObserved, func(n NotObserved) bool { return n.Name == TimeToLoad })
	}
	check := func(name, device string, limit float64, unit string, atLeast bool, measured *float64) {
		c := Criterion{Name: name, Device: device, Limit: limit, Unit: unit, AtLeast: atLeast, Measured: measured}
		c.Met = measured != nil && (*measured >= limit && atLeast || *measured <= limit && !atLeast)
		words := agent.Words{EN: "%s, %s: %s (at most %s)", CS: "%s, %s: %s (nejvýše %s)"}
		if atLeast {
			words = agent.Words{EN: "%s, %s: %s (at least %s)", CS: "%s, %s: %s (nejméně %s)"}
		}
		got := agent.Words{EN: "not observed", CS: "nezjištěno"}
		for _, n := range r.NotObserved {
			if n.Name == name && n.Device == device {
				got = n.Why
			}
		}
		if measured != nil {
			got = quantity(*measured, unit)
		}
		c.Text = say(words, r.nameOf(device), figureWords[name], got, quantity(limit, unit))
		r.Criteria = append(r.Criteria, c)
	}
	by := func(name, device string, limit float64, unit string, atLeast bool) {
		var measured *float64
		if f := r.figure(name, device); f != nil {
			measured = &f.Value
		}
		check(name, device, limit, unit, atLeast, measured)
	}
	set := r.generatorOf(p)
	if p.StartWithin > 0 {
		by(TimeToStart, set, p.StartWithin.Seconds(), "s", false)
	}
	if p.LoadWithin > 0 {
		by(TimeToLoad, set, p.LoadWithin.Seconds(), "s", false)
	}
	if p.TransferWithin > 0 {
		some := false
		for _, f := range r.Figures {
			if f.Name == TimeToTransfer {
				by(TimeToTransfer, f.Device, p.TransferWithin.Seconds(), "s", false)
				some = true
			}
		}
		if !some {
			check(TimeToTransfer, p.Device, p.TransferWithin.Seconds(), "s", false, nil)
		}
	}
	if p.Run > 0 {
		by(TimeRun, set, p.Run.Seconds(), "s", true)
	}
	if p.Carry > 0 {
		name := TimeCarried
		if r.figure(TimeUnbroken, set) != nil {
			name = TimeUnbroken
		}
		by(name, set, p.Carry.Seconds(), "s", true)
	}
	if p.Load > 0 {
		by(LoadMean, set, p.Load, "W", true)
	}
	if p.Frequency > 0 {
		by(FrequencyDeviation, set, p.Frequency, "%", false)
	}
	for _, d := range r.Devices {
		if d.Class == "ups" && p.Charge > 0 && r.figure(TimeOnBattery, d.ID) != nil {
			by(ChargeLowest, d.ID, p.Charge, "%", true)
		}
		if r.figure(TimeLost, d.ID) != nil { // whatever was to be shown, not that
			by(TimeLost, d.ID, 0, "s", false)
		}
	}
	// Without criteria a test at least is what it is called: a generator that
	// was not seen to do anything was not tested.
	if (p.Kind == Blackout || p.Kind == Start) && len(r.Criteria) == 0 && set != "" && r.figure(TimeRun, set) == nil && r.figure(TimeCarried, set) == nil {
		check(TimeRun, set, 1, "s", true, nil)
	}
	r.Criteria = append(r.Criteria, r.faults()...)
	r.Verdict = Passed
	for _, c := range r.Criteria {
		if !c.Met {
			r.Verdict = Failed
		}
	}
	if r.saidFailed() >= 0 {
		r.Verdict = Failed
	}
}

// faults returns what no test is passed with, whatever it had to show: faults of
// a generator or a UPS, and self-tests that failed, a criterion a device.
func (r *Record) faults() (all []Criterion) {
	for _, ev := range r.Events {
		broke := ev.Metric == "status" && ev.State == "fault" && (ev.Class == "generator" || ev.Class == "ups")
		if !broke && !(ev.Metric == "self_test" && ev.State == "failed") {
			continue
		}
		at := slices.IndexFunc(all, func(c Criterion) bool { return c.Device == ev.Device })
		if at < 0 {
			at = len(all)
			all = append(all, Criterion{Name: Faults, Device: ev.Device, Text: ev.Text, Measured: new(float64)})
		}
		*all[at].Measured++
	}
	return all
}

// generatorOf returns the generator that a test is about: the plan's, the one
// that started first, or the first there is.
func (r *Record) generatorOf(p *Plan) string {
	if p.Device != "" {
		return p.Device
	}
	class := map[string]string{}
	first := ""
	for _, d := range r.Devices {
		if class[d.ID] = d.Class; first == "" && d.Class == "generator" {
			first = d.ID
		}
	}
	for _, t := range r.Transitions {
		if class[t.Device] == "generator" && t.Metric == "status" && t.From == "stopped" && !t.Time.Before(r.Began.Add(-together)) {
			return t.Device
		}
	}
	return first
}

func (r *Record) nameOf(device string) string {
	for _, d := range r.Devices {
		if d.ID == device {
			return d.Name
		}
	}
	return device
}
