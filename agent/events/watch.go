package events

import (
	"slices"
	"strings"
	"time"

	"plantroom/agent"
)

// A device is what the engine knows of one that is polled.
type device struct {
	*agent.Device
	cells  agent.Places[*cell]
	byName map[cellName]*cell
	watch  []*cell // those of which an absence is an event
	polls  int
	wants  []wanted  // that were not given yet
	known  time.Time // when it answered first

	answered    time.Time // time of the last poll with an answer
	silentSince time.Time // time of the first poll without an answer in a row; zero while it answers
	silent      *happening
	alarms      *cell // the count of its own alarms
	alarmed     *happening
	alarmsSince time.Time // since when it is not 0; zero while it is

	phases   []*cell   // voltages to neutral of a switchboard
	pairs    []*cell   // and between phases, for where those are all it says
	supply   *cell     // of a switchboard
	supplied time.Time // when that was read last
	carrying *cell     // of a generator
	transfer *cell     // of a transfer switch
	sums     []*cell   // alarms that only sum up others, or say again what a state does

	ring ring
}

type cellName struct{ class, metric, channel string }

// A cell is what the engine knows of one point of a device.
type cell struct {
	device *device
	point  *agent.Point
	seen   int     // the device's polls at the last Good reading; 0 before the first
	value  float64 // that it had
	raw    string  // likewise
	failed int     // the device's polls at the last Bad one
	misses int     // answered polls in a row that did not read it
	stale  *happening

	rules   []*stateRule // by code; nil where no state is an event
	rule    *stateRule   // of the state as it is; nil for one that is no event
	before  bool         // another state was seen before
	since   time.Time    // when rule became what it is
	event   *happening   // of rule
	waiting bool         // rule becomes an event when it has lasted
	late    bool         // judged at the end of the poll, together with others

	limit *limited
	rate  *rated
}

// What counts as absent: polls in a row without an answer, or answers in a row
// without a value that was there before.
const (
	silentPolls = 3
	stalePolls  = 3
)

// meet makes the device known, or known again after the configuration changed.
func (e *Engine) meet(d *agent.Device) *device {
	known := &device{Device: d, byName: map[cellName]*cell{}}
	e.devices[d.ID] = known
	known.silent = e.active[eventKey{"absence", d.ID, "up", ""}]
	known.alarmed = e.active[eventKey{"alarm", d.ID, "alarms_active", ""}]
	known.wants = e.wants(known)
	pseudo := func(m *agent.Metric) *cell {
		return e.newCell(known, &agent.Point{Device: d, Metric: m})
	}
	switch d.Class {
	case "switchboard":
		if !e.graph.onlyStandby(d.ID) {
			known.supply = pseudo(supplyMetric)
		}
	case "generator":
		known.carrying = pseudo(carriesMetric)
	case "ats":
		known.transfer = pseudo(sourceMetric)
	}
	return known
}

// cell returns the cell of a point of a device.
func (e *Engine) cell(d *device, p *agent.Point) *cell {
	name := cellName{p.Metric.Class, p.Metric.Name, p.Channel}
	c := d.byName[name]
	if c == nil {
		c = e.newCell(d, p)
		d.byName[name] = c
	}
	c.point = p
	return c
}

// newCell returns the cell of a point that was not seen before.
func (e *Engine) newCell(d *device, p *agent.Point) *cell {
	c := &cell{device: d, point: p}
	m := p.Metric
	class := m.Class
	if class == "" {
		class = d.Class
	}
	c.stale = e.active[eventKey{"absence", d.ID, m.Name, p.Channel}]
	if m.Name == "up" {
		c.stale = nil // that is of the device
	}
	limit := e.limits.bounds(p)
	if m.Kind == agent.State {
		c.rules = rulesOf(m, class)
		e.except(c, limit)
		c.event = e.active[eventKey{stateKind(m), d.ID, m.Name, p.Channel}]
	} else {
		e.bound(c, limit)
	}
	switch {
	case m.Name == "alarms_active" && (limit == nil || !limit.off):
		d.alarms = c
	case m.Name == "alarms_active" && d.alarmed != nil:
		e.endNow(d.alarmed, e.now)
		d.alarmed = nil
	case m.Class == "switchboard" && d.Class == m.Class && m.Name == "voltage":
		switch {
		case toNeutral(p.Channel):
			d.phases = append(d.phases, c)
		case p.Channel == "L1-L2" || p.Channel == "L2-L3" || p.Channel == "L3-L1":
			d.pairs = append(d.pairs, c)
		}
	}
	if c.rules != nil || c.limit != nil || c.rate != nil || class == "climate" {
		d.watch = append(d.watch, c)
	}
	if recorded(m, class, p.Channel) {
		d.ring.add(c)
	}
	return c
}

// bound gives a point its bounds, nil for none. What lasts goes on with them.
func (e *Engine) bound(c *cell, b *bounds) {
	id, m, channel := c.device.ID, c.point.Metric.Name, c.point.Channel
	beyond, moving := e.active[eventKey{"limit", id, m, channel}], e.active[eventKey{"rate", id, m, channel}]
	switch {
	case b != nil && b.bounded():
		c.limit = &limited{bounds: b, event: beyond}
		if beyond != nil { // which bound it was is seen with the next reading
			c.limit.is = levelOf(beyond.event.Severity, beyond.peak.value < min(b.highs[0], b.highs[1]))
			c.limit.seen = c.limit.is
		}
	case beyond != nil:
		e.endNow(beyond, e.now)
	}
	switch {
	case b != nil && b.rated():
		c.rate = &rated{bounds: b, event: moving}
		if moving != nil {
			c.rate.is = levelOf(moving.event.Severity, moving.peak.value < 0)
		}
	case moving != nil:
		e.endNow(moving, e.now)
	}
}

// toNeutral reports whether a channel is a phase, or the only one there is.
func toNeutral(channel string) bool {
	return channel == "" || channel == "L1" || channel == "L2" || channel == "L3"
}

// stateKind returns the kind of events that a state metric makes.
func stateKind(m *agent.Metric) string {
	if strings.HasPrefix(m.Name, "x_") {
		return "alarm"
	}
	return "state"
}

// except leaves out states that are no event here, and adds those that the
// configuration makes one.
func (e *Engine) except(c *cell, limit *bounds) {
	m, d := c.point.Metric, c.device
	switch m.Name {
	case "redundancy", "source_a_status", "source_b_status":
		// A generator at rest is a source that could not take over, and ought not to be.
		if e.graph.fedBy(d.ID, "generator") {
			c.rules = nil
		}
	case "supply":
		// The site as a whole has a supply too, of which there are no rules.
		if dead, ok := m.Code("dead"); ok && c.rules != nil && e.graph.metersMains(d.ID) {
			lost := *c.rules[dead]
			lost.meaning = mainsLost
			c.rules[dead] = &lost
		}
	case "selected_source", "position":
		c.late = true
	}
	if _, isEcho := echoes[m.Name]; isEcho || summaries[m.Name] != nil {
		c.late = true
		d.sums = append(d.sums, c)
	}
	if limit == nil {
		return
	}
	usual := c.rules
	if limit.off {
		c.rules = nil
	}
	for _, set := range []struct {
		words    []string
		severity agent.Severity
	}{{limit.warnWords, agent.Warning}, {limit.alarmOns, agent.Alarm}} {
		for _, w := range set.words {
			code, ok := m.Code(w)
			if !ok {
				continue
			}
			if c.rules == nil {
				c.rules = make([]*stateRule, len(m.States))
			}
			r := stateRule{words: []string{w}, meaning: meaning{domain: domainOf(d.Class)},
				text: say(agent.Words{EN: "%%s: %s is %s", CS: "%%s: %s: %s"}, Named(m.Name), Named(w))}
			if code < len(usual) && usual[code] != nil {
				r = *usual[code]
			}
			r.severity, r.how = set.severity, lasting
			c.rules[code] = &r
		}
	}
}

// presence notes whether the device answers.
func (e *Engine) presence(d *device, p *agent.Poll, at time.Time) {
	if p.Err == nil {
		d.answered, d.silentSince = at, time.Time{}
		if d.silent != nil {
			e.end(d.silent, at)
			d.silent = nil
		}
		return
	}
	if d.silentSince.IsZero() {
		d.silentSince = at
	}
	if d.silent == nil && p.Failures >= silentPolls {
		ev := agent.Event{Kind: "absence", Metric: "up", Severity: agent.Warning, Began: d.silentSince,
			Text: say(agent.Words{EN: "%s does not answer", CS: "%s neodpovídá"}, d.Name)}
		describe(&ev, d.Device)
		d.silent = e.begin(ev, meaning{domain: silence})
		e.mute(d.silent)
	}
}

// silence is the domain of devices that do not answer: it follows from a loss
// of power and is no cause of anything.
const silence = "silence"

// read judges a reading. A state that is not known, a value that is not
// plausible or was not read says nothing.
func (e *Engine) read(c *cell, r *agent.Reading, at time.Time) {
	if r.Quality != agent.Good {
		if r.Quality == agent.Bad || c.point.Metric.Class == "climate" { // a sensor that gives what cannot be
			c.failed = c.device.polls
		}
		return
	}
	c.seen, c.value, c.raw = c.device.polls, r.Value, r.Raw
	if h := c.stale; h != nil {
		if c.stale = nil; h.event.Metric == c.point.Metric.Name && h.event.Channel == c.point.Channel { // and not one of the others
			e.end(h, at)
		}
	}
	switch {
	case c.late:
	case c.rules != nil || c.event != nil:
		e.state(c, int(r.Value), at)
	case c.limit != nil && (r.Value > c.limit.high || r.Value < c.limit.low || c.limit.is != 0 || c.limit.seen != 0):
		e.limit(c, at)
	}
	if c.rate != nil {
		e.rate(c, at)
	}
}

// state judges a state.
func (e *Engine) state(c *cell, code int, at time.Time) {
	if code <= 0 {
		return // unknown
	}
	var rule *stateRule
	if code < len(c.rules) {
		rule = c.rules[code]
	}
	if c.since.IsZero() { // the first reading
		c.since, c.rule = at, rule
		switch h := c.event; {
		case h != nil && rule != nil && slices.Contains(rule.words, h.event.State):
			if (h.meaning.rank > 0) == (rule.meaning.rank > 0) { // it goes on, and what it was taken for stands
				h.meaning = rule.meaning
			}
			e.tellMore(c)
			return
		case h != nil:
			e.end(h, at)
			c.event = nil
			c.before = true
		}
		if rule != nil && (rule.how == lasting || c.before && rule.how != momentary) {
			c.event = e.say(c, rule, code, at)
		}
		return
	}
	if rule != c.rule {
		if c.event != nil {
			e.end(c.event, at)
			c.event = nil
		}
		c.rule, c.since, c.before = rule, at, true
		c.waiting = rule != nil && rule.how == settled
		if rule != nil && !c.waiting {
			c.event = e.say(c, rule, code, at)
		}
	} else if c.waiting && at.Sub(c.since) >= settledAfter {
		c.waiting = false
		c.event = e.say(c, rule, code, c.since)
	} else if c.raw != "" && c.event != nil {
		e.tellMore(c)
	}
}

// tellMore adds to an event's words what the device says of it that they do not
// have yet: an alarm that stands for all without a name may be another now.
func (e *Engine) tellMore(c *cell) {
	text := &c.event.event.Text
	words := withRaw(*text, c.raw)
	if words != *text {
		*text = words
		e.update(c.event)
	}
}

// mostWords is how long an event's words get by what a device says itself.
const mostWords = 1000

// withRaw returns words with what a device said itself, piece by piece.
func withRaw(words agent.Words, raw string) agent.Words {
	for said := range strings.SplitSeq(raw, ", ") {
		if in := " (" + said + ")"; said != "" && len(words.EN)+len(in) <= mostWords && !strings.Contains(words.EN, in) {
			words = agent.Words{EN: words.EN + in, CS: words.CS + in}
		}
	}
	return words
}

// say begins the event of a state; it returns nil for one without duration.
func (e *Engine) say(c *cell, r *stateRule, code int, at time.Time) *happening {
	m := c.point.Metric
	value := float64(code)
	ev := agent.Event{Kind: stateKind(m), Metric: m.Name, Channel: c.point.Channel, Severity: r.severity, Began: at,
		Value: &value, State: m.Word(code), Text: withRaw(say(r.text, place(c.point)), c.raw)}
	describe(&ev, c.device.Device)
	if r.how == momentary {
		ev.Ended = at
		e.begin(ev, r.meaning)
		return nil
	}
	return e.begin(ev, r.meaning)
}

// limit judges a value that is beyond a bound, or was.
func (e *Engine) limit(c *cell, at time.Time) {
	l := c.limit
	l.note(l.level(c.value, l.is), c.value, at)
	now, was := l.counts(at), l.is
	if now == was || l.event == nil && now != 0 && c.partOf(now) {
		return
	}
	l.is = now
	if l.event != nil && now*was <= 0 {
		l.event.sum()
		e.end(l.event, l.since[0])
		l.event = nil
	}
	if now == 0 {
		return
	}
	m := c.point.Metric
	value, bound := c.value, l.bound(now)
	words := agent.Words{EN: "%s: %s %s, above %s", CS: "%s: %s %s, nad %s"}
	switch {
	case now < 0 && value >= bound: // an alarm before, and held by the hysteresis
		words = agent.Words{EN: "%s: %s %s, hardly above %s", CS: "%s: %s %s, sotva nad %s"}
	case now < 0:
		words = agent.Words{EN: "%s: %s %s, below %s", CS: "%s: %s %s, pod %s"}
	case value <= bound:
		words = agent.Words{EN: "%s: %s %s, hardly below %s", CS: "%s: %s %s, sotva pod %s"}
	}
	reads, of := against(value, bound, m.Unit)
	text := say(words, place(c.point), Named(m.Name), reads, of)
	if h := l.event; h != nil {
		h.become(now.severity(), &value, text)
		e.update(h)
		return
	}
	ev := agent.Event{Kind: "limit", Metric: m.Name, Channel: c.point.Channel, Severity: now.severity(), Began: l.since[0],
		Value: &value, Unit: m.Unit, Text: text}
	l.peak.put(&ev)
	describe(&ev, c.device.Device)
	l.event = e.begin(ev, meaning{domain: limitDomain(c.device.Class)})
}

// partOf reports whether what a channel is beyond of, the device as a whole is
// too: then that is told, and not each of its phases or sensors.
func (c *cell) partOf(now level) bool {
	p := c.point
	whole := c.device.byName[cellName{p.Metric.Class, p.Metric.Name, ""}]
	return whole != nil && whole != c && whole.limit != nil && whole.limit.seen*now > 0 && abs(whole.limit.seen) >= abs(now) &&
		whole.limit.bound(now) == c.limit.bound(now)
}

func abs(l level) level { return max(l, -l) }

// limitDomain is where a value beyond its bounds belongs.
func limitDomain(class string) string {
	if class == "agent" {
		return ""
	}
	return domainOf(class)
}

// rate judges how fast a value moves.
func (e *Engine) rate(c *cell, at time.Time) {
	l, m := c.rate, c.point.Metric
	rate, ok := l.add(at, c.value, c.device.Every)
	if !ok {
		return
	}
	now, was := l.level(rate), l.is
	if l.event != nil && now*was > 0 {
		l.event.peak.take(rate, at.Sub(l.event.since), rate < 0)
	}
	if now == was {
		return
	}
	l.is = now
	if l.event != nil && now*was <= 0 {
		l.event.sum()
		e.end(l.event, at)
		l.event = nil
	}
	if now == 0 {
		return
	}
	words, change := agent.Words{EN: "%s: %s rises by %s a minute", CS: "%s: %s roste o %s za minutu"}, rate
	if rate < 0 {
		words, change = agent.Words{EN: "%s: %s falls by %s a minute", CS: "%s: %s klesá o %s za minutu"}, -rate
	}
	text := say(words, place(c.point), Named(m.Name), quantity(change, m.Unit))
	if h := l.event; h != nil {
		h.become(now.severity(), &rate, text)
		e.update(h)
		return
	}
	ev := agent.Event{Kind: "rate", Metric: m.Name, Channel: c.point.Channel, Severity: now.severity(), Began: at,
		Value: &rate, Unit: m.Unit + perMinute, Text: text}
	peak{rate, 0, true}.put(&ev)
	describe(&ev, c.device.Device)
	l.event = e.begin(ev, meaning{domain: limitDomain(c.device.Class)})
}

// liveVolts is below what a conductor counts as dead, in V.
const liveVolts = 70

// livePower is what a generator gives at least when it carries something, in
// W; less is what its transformers measure of nothing.
const livePower = 1000

// derive judges what takes several readings of a poll.
func (e *Engine) derive(d *device, at time.Time) {
	for _, c := range d.sums {
		if c.seen == d.polls {
			e.sum(c, at)
		}
	}
	switch {
	case d.supply != nil && len(d.phases)+len(d.pairs) > 0:
		conductors := d.phases
		if len(conductors) == 0 {
			conductors = d.pairs
		}
		least, most, n := 0.0, 0.0, 0
		for _, c := range conductors {
			if c.seen != d.polls {
				continue
			}
			if n++; n == 1 {
				least, most = c.value, c.value
			}
			least, most = min(least, c.value), max(most, c.value)
		}
		if n < len(conductors) {
			return // what is missing may be what is live
		}
		word := "live"
		switch {
		case most < liveVolts:
			word = "dead"
		case least < liveVolts:
			word = "phase_lost"
		}
		d.supplied = at
		e.judge(d.supply, word, at)
	case d.carrying != nil:
		d.carries(e, at)
	case d.transfer != nil:
		if word := d.source(); word != "" {
			e.judge(d.transfer, word, at)
		}
	}
	if d.alarms != nil && d.alarms.seen == d.polls {
		e.countAlarms(d, at)
	}
}

// judge gives a state that the engine made itself what is read of others.
func (e *Engine) judge(c *cell, word string, at time.Time) {
	code, _ := c.point.Metric.Code(word)
	c.seen, c.value = c.device.polls, float64(code)
	e.state(c, code, at)
}

// sum judges an alarm that sums up others, or says again what a state does:
// where something else tells it, it is none.
func (e *Engine) sum(c *cell, at time.Time) {
	code := int(c.value)
	if code > 0 && code < len(c.rules) && c.rules[code] != nil && c.toldBySomethingElse(c.rules[code]) {
		for _, word := range []string{"clear", "normal"} {
			if well, ok := c.point.Metric.Code(word); ok {
				code = well
			}
		}
	}
	e.state(c, code, at)
}

func (c *cell) toldBySomethingElse(rule *stateRule) bool {
	of, sums := summaries[c.point.Metric.Name]
	said, isEcho := echoes[c.point.Metric.Name]
	for _, other := range c.device.byName {
		if other == c || other.event == nil {
			continue
		}
		m, tells := other.point.Metric, other.event
		named := strings.HasPrefix(m.Name, "x_alarm_") || m.Name == "x_other_alarm"
		switch {
		case isEcho && m.Name == said.metric && m.Class == c.point.Metric.Class && slices.Contains(said.words, tells.event.State),
			named && slices.Contains(of, tells.event.State),
			sums && len(of) == 0 && tells.severity >= rule.severity:
			return true
		}
	}
	return false
}

// own returns the cell of a metric of the device's class, nil where the last
// poll did not read it.
func (d *device) own(metric, channel string) *cell {
	if c := d.byName[cellName{d.Class, metric, channel}]; c != nil && c.seen == d.polls {
		return c
	}
	return nil
}

// word returns the state of a metric of the device's class, "" where the last
// poll did not read it.
func (d *device) word(metric string) string {
	if c := d.own(metric, ""); c != nil && c.value > 0 {
		return c.point.Metric.Word(int(c.value))
	}
	return ""
}

// carries judges whether a generator gives anything to anybody.
func (d *device) carries(e *Engine, at time.Time) {
	status, breaker := d.word("status"), d.word("generator_breaker")
	watts, metered := 0.0, false
	for _, channel := range []string{"", "L1", "L2", "L3"} {
		if c := d.own("output_power", channel); c != nil {
			watts, metered = watts+c.value, true
			if channel == "" {
				break
			}
		}
	}
	switch {
	case status == "stopped" || status == "starting" || status == "fault":
		e.judge(d.carrying, "no", at)
	case status == "on_load" || breaker == "closed" || watts > livePower:
		e.judge(d.carrying, "yes", at)
	case status != "" || breaker != "" || metered:
		e.judge(d.carrying, "no", at)
	}
}

// source returns on which of its sources a transfer switch is, "" for unknown.
func (d *device) source() string {
	switch selected := d.word("selected_source"); {
	case selected == "none":
		return "none"
	case selected != "":
		preferred := d.word("preferred_source")
		if preferred == "" {
			preferred = "a"
		}
		if selected == preferred || preferred == "none" {
			return "preferred"
		}
		return "other"
	}
	switch d.word("position") {
	case "off":
		return "none"
	case "mains":
		return "preferred"
	case "generator":
		return "other"
	}
	return ""
}

// alarmsAfter is for how long a device must count alarms before that is an
// event of its own: what it counts is mostly one soon.
const alarmsAfter = 5 * time.Second

// countAlarms judges the count of a device's own alarms. It is an event only
// where nothing else is known of the device that it could count.
func (e *Engine) countAlarms(d *device, at time.Time) {
	n := d.alarms.value
	if n == 0 {
		d.alarmsSince = time.Time{}
		if d.alarmed != nil {
			e.end(d.alarmed, at)
			d.alarmed = nil
		}
		return
	}
	if d.alarmsSince.IsZero() {
		d.alarmsSince = at
	}
	if d.alarmed != nil || at.Sub(d.alarmsSince) < alarmsAfter {
		return
	}
	for _, h := range e.active {
		if h.event.Device == d.ID && h.severity >= agent.Warning {
			return
		}
	}
	text := agent.Words{EN: "%s reports %.0f alarms", CS: "%s hlásí alarmy: %.0f"}
	if n == 1 {
		text.EN = "%s reports %.0f alarm"
	}
	ev := agent.Event{Kind: "alarm", Metric: "alarms_active", Severity: agent.Warning, Began: d.alarmsSince, Value: &n, Text: say(text, d.Name, n)}
	describe(&ev, d.Device)
	d.alarmed = e.begin(ev, meaning{domain: domainOf(d.Class)})
}

// manyValues is how many values are missing at once where that is one event: a
// card that has lost its UPS knows none of its alarms.
const manyValues = 4

// absent looks for what is not read, or not any more. That a value could not be read
// is told; that a device leaves one out, as a generator at rest does, is told
// of sensors only. Of many at once the event is that of the first.
func (e *Engine) absent(d *device, at time.Time) {
	var news []*cell
	var before *happening // of what an earlier run was not given either
	for _, c := range d.watch {
		if c.seen == d.polls || c.seen == 0 && c.failed != d.polls { // which it may do without
			c.misses = 0
			continue
		}
		if c.seen == 0 && c.stale != nil && c.stale.event.Active() {
			before = c.stale
		}
		if c.failed != d.polls && c.point.Metric.Class != "climate" {
			continue
		}
		if c.stale != nil && !c.stale.event.Active() { // the first of many is there again, and this is not
			c.stale, c.misses = nil, 0
		}
		if c.misses++; c.misses == stalePolls && c.stale == nil {
			news = append(news, c)
		}
	}
	if before != nil { // it may have been of many
		news = slices.DeleteFunc(news, func(c *cell) bool {
			if c.seen > 0 {
				return false
			}
			c.stale = before
			return true
		})
	}
	others := len(news) - 1
	for i, c := range news {
		if i > 0 && len(news) >= manyValues {
			c.stale = news[0].stale
			continue
		}
		m, words := c.point.Metric, agent.Words{EN: "%s does not give its %s any more", CS: "%s už neudává: %s"}
		if c.seen == 0 {
			words = notGiven
		}
		ev := agent.Event{Kind: "absence", Metric: m.Name, Channel: c.point.Channel, Severity: agent.Warning, Began: at,
			Text: say(words, place(c.point), Named(m.Name))}
		if len(news) >= manyValues {
			ev.Text = say(agent.Words{EN: "%s, nor %d other values", CS: "%s, ani další hodnoty (%d)"}, ev.Text, others)
		}
		describe(&ev, d.Device)
		c.stale = e.begin(ev, meaning{})
	}
}

// leavesOut reports whether a device that answers says nothing of what an event is
// about, and nobody is told that it does not: that it cannot give a value, or has a
// sensor no more, is an event of its own. Told is whether there is one.
func (d *device) leavesOut(key eventKey, told bool) bool {
	if key.kind == "absence" && slices.ContainsFunc(d.wants, func(w wanted) bool { return w.key(d) == key }) {
		return false
	}
	c := d.alarms
	if key.metric != "alarms_active" {
		c = nil
		for _, other := range d.watch {
			if m := other.point.Metric; m.Name == key.metric && other.point.Channel == key.channel {
				c = other
				break
			}
		}
	}
	switch {
	case d.answered.IsZero():
		return false
	case c == nil: // it has not been read since the agent started
		return !told || d.Class != "climate"
	case c.failed == d.polls || c.point.Metric.Class == "climate":
		return false
	case c.seen == d.polls:
		return c.point.Metric.Kind == agent.State && c.value <= 0 // unknown
	}
	return true
}

// lose forgets an event that has ended because nothing is said of it any more:
// what is read again is judged anew.
func (d *device) lose(h *happening) {
	if d.alarmed == h {
		d.alarmed, d.alarmsSince = nil, time.Time{}
	}
	for _, c := range d.watch {
		if c.event == h {
			c.event, c.rule, c.since, c.waiting = nil, nil, time.Time{}, false
		}
		if c.stale == h {
			c.stale, c.misses = nil, 0
		}
		if c.limit != nil && c.limit.event == h {
			c.limit.event, c.limit.is, c.limit.seen = nil, 0, 0
		}
		if c.rate != nil && c.rate.event == h {
			c.rate.event, c.rate.is = nil, 0
		}
	}
}
