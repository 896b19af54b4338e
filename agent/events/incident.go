package events

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"plantroom/agent"
)

// How long things take.
const (
	// usualHold is for how long all must be well before an incident has ended: what
	// comes again within it, as mains do that flap, is the same one.
	usualHold = time.Minute
	// together is how far apart two devices may see the same thing, polled
	// every so often: of causes within it the one nearest to the source is the cause.
	together = 15 * time.Second
	// mayFollow is for how long a unit that stops cooling, or a generator that
	// starts, may follow from a loss that was not polled yet.
	mayFollow = 10 * time.Second
	// belated is how long before an incident an event may have begun that
	// turns out to be a part of it.
	belated = 30 * time.Second
	// watchAtLeast and watchAtMost bound for how long readings are recorded
	// after the end, until the batteries have what they had.
	watchAtLeast = time.Minute
	watchAtMost  = 24 * time.Hour
	// forgotten is after how long of quiet a test that somebody began has
	// ended, though nobody said so.
	forgotten = 2 * time.Hour
)

// A meta is what is known of an incident or test run besides its readings and
// events.
type meta struct {
	Record
	Rank    int                `json:"rank"`              // of the cause
	CauseID string             `json:"cause_id"`          // of the event that is the cause
	Charges map[string]float64 `json:"charges,omitempty"` // of each UPS on battery before it, in %
	Spec    *Plan              `json:"spec,omitempty"`    // of a test, as it was when it began
	Open    bool               `json:"open,omitempty"`    // it lasts until somebody says that it has ended
}

// An incident is one, or a test run, that is under way or still watched.
type incident struct {
	meta
	own      *happening
	recorder *recorder
	holding  int       // events that keep it open
	well     time.Time // when the last of these ended, by the clock as it is now
	full     time.Time // until when every reading is recorded, likewise
	settings []setting // of the clock since it began
	from     string    // ID of the test whose recorder it takes over
}

// A setting of the clock while an incident is recorded.
type setting struct {
	after string        // the last ID before it
	ahead time.Duration // by how much the clock of the incident's beginning is ahead since
}

// calmed notes that what kept the incident open was over.
func (inc *incident) calmed(at time.Time) { inc.well = maxTime(inc.well, at) }

// began is when the incident began, by the clock as it is now.
func (inc *incident) began() time.Time { return inc.Began.Add(-inc.recorder.ahead) }

// set takes it that the clock was set, after an ID: the record goes on with the
// clock that it began with, so that what is between its times is right.
func (inc *incident) set(by time.Duration, after string) {
	inc.recorder.ahead -= by
	inc.settings = append(inc.settings, setting{after, inc.recorder.ahead})
}

// byClock is who says in an incident's notes that the clock was set.
const byClock = "plantroom"

// remark notes by how much the clock was set in all since the incident began.
func (inc *incident) remark(now time.Time) {
	note := agent.Note{Time: now.Add(inc.recorder.ahead), By: byClock, Text: fmt.Sprintf("The clock was set by %s; the times here go by the clock before that. "+
		"(Hodiny byly přestaveny o %[1]s; časy zde jsou podle hodin před tím.)", -inc.recorder.ahead.Round(time.Millisecond))}
	inc.Notes = append(slices.DeleteFunc(slices.Clone(inc.Notes), func(n agent.Note) bool { return n.By == byClock }), note)
}

// told returns an event as the incident's record has it.
func (inc *incident) told(ev agent.Event) agent.Event {
	for _, s := range slices.Backward(inc.settings) {
		if ev.ID <= s.after {
			continue
		}
		for _, at := range ev.Times() {
			if !at.IsZero() {
				*at = at.Add(s.ahead)
			}
		}
		break
	}
	return ev
}

// expects reports whether a part of a test is what the test is for, and so no
// reason to call anybody. That the mains themselves are lost is one only where
// a person said that it would be; a plan that was due is not enough. Nor is it
// for a blackout that may be made on any day of weeks: on each of these a
// breaker may trip. What was called off expects nothing, and what outlasts the
// test is not what it was for.
func (inc *incident) expects(h *happening) bool {
	if inc.Kind != "test" || inc.Verdict == Cancelled || !h.meaning.expected || !h.event.Outlived.IsZero() {
		return false
	}
	if inc.Declared == bySchedule && inc.Spec.Kind == Blackout && !inc.Spec.Schedule.daily(inc.Began) {
		return false
	}
	person := inc.Declared != bySchedule && inc.Declared != byController
	return person || h.meaning.rank != mainsLost.rank && inc.Rank != mainsLost.rank
}

// place finds the incident or test that an event is a part of, or begins it.
func (e *Engine) place(h *happening) {
	if h.event.Kind == "incident" || h.event.Kind == "test" || h.meaning.domain == "" {
		return
	}
	inc := e.incidentFor(h)
	if inc == nil {
		if h.event.Class == "generator" && h.event.Metric == "status" && h.meaning.rank == 0 && e.tests.starts(h) {
			h.meaning = running
		}
		if h.until, h.provisional = e.patience(h); e.now.Before(h.until) {
			h.hushed = true
			e.waiting = append(e.waiting, h)
			return
		}
		if h.meaning.rank == 0 {
			return
		}
		inc = e.openIncident(h)
	}
	if inc.Domain == silence {
		h.meaning = unheard
	}
	e.join(inc, h)
}

// patience returns until when an event is no incident of its own, and calls
// nobody: what it follows from may just not have been polled yet, and a trap
// comes before any poll. Provisional is
// one that a test may bring with it, which is due, until it is known that it is
// not a failure.
func (e *Engine) patience(h *happening) (until time.Time, provisional bool) {
	switch {
	case h.meaning == coldStopped, h.meaning == running, h.meaning == asExpected, h.event.Kind == "trap" && h.meaning.expected:
		return h.since.Add(mayFollow), false
	case h.meaning.domain == power && h.meaning.expected && h.meaning.rank != mainsLost.rank && (!e.toldApart(h) || e.mayBeMoment(h) || e.mayBeTransfer(h)):
		return h.since.Add(together), true
	}
	return time.Time{}, false
}

// toldApart reports whether all has been read since an event that would show
// that it is none of a test that is due: each meter of the mains with a board
// behind it or, where the mains are to stay, of any board, and where one UPS is
// to test its battery, the others.
func (e *Engine) toldApart(h *happening) bool {
	spec, _ := e.tests.of(h)
	if spec == nil || spec.Kind == Start {
		return true
	}
	for _, d := range e.devices {
		switch {
		case d.supply != nil && d.supplied.Before(h.since) && (spec.Kind != Blackout || e.graph.metersMains(d.ID) && e.graph.feedsBoard(d.ID)),
			d.Class == "ups" && d.answered.Before(h.since) && spec.Kind == SelfTest:
			return false
		}
	}
	return true
}

// mayBeMoment reports whether a UPS on battery may be that for a moment only,
// which is no blackout that is due: the boards before it have voltage, as far as
// they have been read since.
func (e *Engine) mayBeMoment(h *happening) bool {
	if h.meaning.rank != onBattery.rank {
		return false
	}
	if spec, _ := e.tests.of(h); spec == nil || spec.Kind != Blackout {
		return false
	}
	some := false
	for _, d := range e.devices {
		if d.supply == nil || !e.graph.above(h.event.Device, func(n *node) bool { return n.ID == d.ID }) {
			continue
		}
		if some = true; !d.supplied.Before(h.since) && d.supply.point.Metric.Word(int(d.supply.value)) != "live" {
			return false
		}
	}
	return some
}

// mayBeTransfer reports whether an event may be what a transfer that is due brings
// with it, as a UPS that is on battery while the switch is on its way: that has not
// been read since, when it has arrived, or waits itself.
func (e *Engine) mayBeTransfer(h *happening) bool {
	for i := range e.tests.plans {
		p := &e.tests.plans[i]
		if p.Kind != Transfer || e.tests.due(p, h.event.Began).IsZero() {
			continue
		}
		for _, d := range e.devices {
			if d.transfer == nil || p.Device != "" && p.Device != d.ID || h.event.Device == d.ID || !e.graph.related(d.ID, h.event.Device) {
				continue
			}
			if went := d.transfer.event; d.answered.Sub(h.since) < settledAfter || went != nil && went.provisional {
				return true
			}
		}
	}
	return false
}

// settle places events that have waited for what they follow from; a transfer
// before what it brings with it.
func (e *Engine) settle() {
	waiting := e.waiting
	e.waiting = nil
	if len(waiting) > 1 {
		brought := func(h *happening) int { return min(1, max(0, h.meaning.rank-transfer.rank)) }
		slices.SortStableFunc(waiting, func(a, b *happening) int { return cmp.Compare(brought(a), brought(b)) })
	}
	for _, h := range waiting {
		switch {
		case h.incident != nil: // it was adopted
			continue
		case !h.event.Active() && !h.provisional && h.event.Kind != "trap":
			continue // what was over so soon was nothing
		case e.now.Before(h.until) && !(h.provisional && (e.toldApart(h) || !h.event.Active()) && !e.mayBeMoment(h) && !e.mayBeTransfer(h)):
			e.waiting = append(e.waiting, h)
			continue
		}
		h.hushed, h.provisional = false, false
		inc := e.incidentFor(h)
		if inc == nil && h.meaning.rank == 0 { // it is alone
			if h.event.Severity != h.severity {
				e.update(h)
			}
			continue
		}
		if inc == nil {
			inc = e.openIncident(h)
		} else if h.meaning == running {
			h.meaning = asExpected
		}
		e.join(inc, h)
		e.update(h)
	}
}

// incidentFor returns the incident under way that an event follows from.
func (e *Engine) incidentFor(h *happening) *incident {
	var best *incident
	for _, inc := range e.incidents {
		if !inc.Ended.IsZero() || inc.Verdict == Cancelled || !e.follows(inc, h) {
			continue
		}
		if best == nil || inc.Domain == h.meaning.domain {
			best = inc
		}
	}
	return best
}

// follows reports whether an event is a consequence of an incident, by what
// both are about and where.
func (e *Engine) follows(inc *incident, h *happening) bool {
	if inc.Domain != silence && h.event.Device != "" && inc.Device != "" && !e.graph.related(inc.Device, h.event.Device) {
		return false
	}
	switch inc.Domain {
	case silence: // what they are reached over need not be what feeds them
		return h.meaning.domain == silence
	case power: // without power nothing cools, and what is not fed does not answer
		return h.meaning.domain == power || h.meaning.domain == cooling || h.meaning.domain == silence
	default:
		return h.meaning.domain == inc.Domain
	}
}

// mute makes devices that fall silent together one incident.
func (e *Engine) mute(h *happening) {
	if h.incident != nil {
		return
	}
	var together []*happening
	for _, other := range e.active {
		if other.meaning.domain == silence && other.incident == nil && h.since.Sub(other.since) <= belated {
			together = append(together, other)
		}
	}
	if len(together) < silentTogether {
		return
	}
	for _, other := range together {
		other.meaning = unheard
	}
	e.place(h)
	e.update(h)
}

// silentTogether is how many devices must fall silent within half a minute for
// that to be one incident: what they are reached over is broken.
const silentTogether = 3

var unheard = meaning{silence, 1, false, agent.Words{EN: "Devices do not answer", CS: "Zařízení neodpovídají"}, false}

// openIncident makes the incident, or the planned test, that an event is the
// first sign of.
func (e *Engine) openIncident(h *happening) *incident {
	inc := newIncident(h)
	// A test cuts the building off behind the meter of the mains, where there is another.
	real := h.meaning.rank == mainsLost.rank && e.graph.feedsBoard(h.event.Device)
	// And for longer than a moment.
	moment := !h.event.Active() && e.mayBeMoment(h)
	if spec, due := e.tests.of(h); spec != nil && !real && !moment {
		inc.Kind = "test"
		inc.plan(spec, due, cmp.Or(inc.Declared, bySchedule))
	}
	e.openRecord(inc, h.severity)
	return inc
}

// newIncident makes the incident, or the test of a device's own, that an event
// is the first sign of.
func newIncident(h *happening) *incident {
	inc := &incident{meta: meta{Record: Record{Kind: "incident", Domain: h.meaning.domain, Title: h.meaning.title, Began: h.since}}}
	if h.meaning.test {
		inc.Kind = "test"
		if h.meaning.rank != running.rank {
			inc.Declared = byController
		}
	}
	inc.cause(h)
	h.incident = inc // so that it is not adopted
	return inc
}

// openRecord gives an incident or a test its own event and, unless it takes over
// that of a test which was called off, its recorder.
func (e *Engine) openRecord(inc *incident, severity agent.Severity) {
	if inc.Kind == "test" {
		severity = agent.Info
	}
	inc.Site, inc.Severity = e.options.Site, severity
	ev := agent.Event{Kind: inc.Kind, Metric: inc.Domain, Severity: severity, Began: inc.Began, Text: inc.text()}
	inc.own = e.begin(ev, meaning{})
	inc.ID = inc.own.event.ID
	inc.well, inc.full = inc.Began, inc.Began.Add(fullFor)
	if inc.recorder == nil {
		inc.recorder = newRecorder(e.options.Dir, inc.ID, inc.Began)
		inc.Devices = e.describeAll()
		inc.Charges = map[string]float64{}
		for _, d := range e.devices {
			inc.recorder.past(d)
			if c := d.byName[cellName{d.Class, "battery_charge", ""}]; c != nil && c.seen > 0 {
				inc.Charges[d.ID] = c.value
			}
		}
	} else {
		inc.recorder.take(e.options.Dir, inc.from, inc.ID)
	}
	e.incidents = append(e.incidents, inc)
	for _, other := range slices.Clone(e.incidents) {
		if other != inc && other.Domain == inc.Domain && !other.Ended.IsZero() {
			e.unwatch(other) // what is read from now on is of the new one
		}
	}
	e.keepMeta(inc)
	e.adopt(inc)
}

// describeAll returns what the devices are, for a record that is to be read
// when they are gone.
func (e *Engine) describeAll() []Device {
	var all []Device
	for _, d := range e.setup.Devices {
		all = append(all, Device{d.ID, d.Name, d.Class, d.Every.Seconds(), d.LabelMap()})
	}
	return all
}

// cause makes an event the one that the incident began with.
func (inc *incident) cause(h *happening) {
	inc.Rank, inc.CauseID, inc.Device, inc.Cause = h.meaning.rank, h.event.ID, h.event.Device, h.event.Text
	if inc.Kind != "test" {
		inc.Title = h.meaning.title
	}
}

// text is what an incident's own event says.
func (inc *incident) text() agent.Words {
	if inc.Cause.EN == "" {
		return inc.Title
	}
	return say(same("%s: %s"), inc.Title, inc.Cause)
}

// adopt takes in what lasts and turns out to be a part of an incident.
func (e *Engine) adopt(inc *incident) {
	var late []*happening
	for _, h := range e.active {
		if h.incident == nil && h.event.Kind != "incident" && h.event.Kind != "test" && h.meaning.domain != "" &&
			inc.began().Sub(h.since) <= belated && e.follows(inc, h) && h.event.ID != "" {
			late = append(late, h)
		}
	}
	slices.SortFunc(late, func(a, b *happening) int { return strings.Compare(a.event.ID, b.event.ID) })
	for _, h := range late {
		if h.meaning == running { // of what began by itself
			h.meaning = asExpected
		}
		h.hushed, h.provisional = false, false
		e.join(inc, h)
		e.update(h)
	}
}

// join makes an event a part of an incident.
func (e *Engine) join(inc *incident, h *happening) {
	h.incident = inc
	inc.full = maxTime(inc.full, h.since.Add(fullAfter))
	changed := false
	if h.meaning.rank > 0 {
		if h.event.Active() {
			inc.holding++
		} else {
			inc.calmed(h.since.Add(h.event.Ended.Sub(h.event.Began)))
		}
		nearer := inc.Rank == 0 || h.meaning.domain == inc.Domain && h.meaning.rank < inc.Rank && (inc.Rank < tested.rank || h.meaning.rank == mainsLost.rank)
		if nearer && h.since.Sub(inc.began()) <= together && h.event.ID != inc.CauseID {
			inc.cause(h)
			changed = true
			if h.meaning.rank == mainsLost.rank && inc.Kind == "test" {
				defer e.reconsider(inc) // what was expected may not be any more
			}
		}
		if before := inc.began().Sub(h.since); before > 0 && before <= together {
			inc.Began = inc.Began.Add(-before)
			changed = true
		}
	}
	severity := h.severity
	if inc.expects(h) {
		severity = agent.Info
	}
	if severity > inc.Severity {
		inc.Severity, changed = severity, true
	}
	if changed {
		if text := inc.text(); inc.own.severity != inc.Severity || inc.own.event.Text != text {
			inc.own.severity, inc.own.event.Text = inc.Severity, text
			e.update(inc.own)
		}
		e.keepMeta(inc)
	}
}

// reconsider announces again those parts of an incident or test that call
// somebody now, or may.
func (e *Engine) reconsider(inc *incident) {
	var parts []*happening
	for _, h := range e.active {
		if h.incident == inc && h.severity >= agent.Warning {
			parts = append(parts, h)
		}
	}
	slices.SortFunc(parts, func(a, b *happening) int { return strings.Compare(a.event.ID, b.event.ID) })
	for _, h := range parts {
		e.update(h)
	}
}

// keepMeta keeps what is known of an incident, and has its record written.
func (e *Engine) keepMeta(inc *incident) {
	m := inc.meta
	e.journal.turn(e.now, e.lasting)
	e.journal.append(entry{Incident: &m})
	e.keeper.changed(inc)
}

// lasting puts all that lasts at the beginning of a new file.
func (e *Engine) lasting(put func(entry)) {
	for _, h := range e.active {
		ev := h.latest()
		put(entry{Event: &ev, Again: true})
	}
	for _, inc := range e.incidents {
		m := inc.meta
		put(entry{Incident: &m})
	}
	for id, since := range e.tests.since {
		put(entry{Plan: &planned{id, since}})
	}
}

// tick ends what has been well for long enough or is long forgotten, and looks
// at what nobody has acknowledged and what tests are due.
func (e *Engine) tick() {
	if e.now.IsZero() {
		return
	}
	for _, inc := range slices.Clone(e.incidents) {
		if inc.Verdict == Cancelled { // just before a kill
			e.callOff(inc)
		}
	}
	for _, inc := range slices.Clone(e.incidents) {
		switch {
		case inc.Ended.IsZero():
			if e.over(inc) {
				e.finish(inc)
			}
		case e.now.Sub(inc.well) >= watchAtMost || e.now.Sub(inc.well) >= watchAtLeast && e.recovered(inc):
			e.unwatch(inc)
		}
	}
	e.settle()
	e.lack()
	e.calmDown()
	e.forget()
	e.escalate()
	e.dueTests()
}

// over reports whether nothing has kept an incident open for long enough.
func (e *Engine) over(inc *incident) bool {
	unwell := e.path.On != agent.Mains && e.path.On != agent.NoData
	if inc.holding > 0 || inc.Domain == power && unwell {
		return false
	}
	if inc.Open {
		return e.now.Sub(inc.well) >= forgotten
	}
	return e.now.Sub(inc.well) >= e.hold()
}

// hold is for how long all must be well before an incident has ended.
func (e *Engine) hold() time.Duration { return cmp.Or(e.setup.Hold, usualHold) }

// finish ends an incident or test; readings are recorded for a while longer.
// What is worse than Info and goes on calls for itself from now on, also where
// the test was for it.
func (e *Engine) finish(inc *incident) {
	e.end(inc.own, inc.well)
	inc.Ended = inc.own.event.Ended
	e.tests.count(&inc.Record)
	inc.full = maxTime(inc.full, inc.well.Add(fullAfter))
	e.keepMeta(inc)
	e.keeper.judge(inc)
	e.reconsider(inc)
}

// outlives reports whether an event that calls somebody goes on though the
// incident or test that it is a part of has ended.
func (h *happening) outlives() bool {
	return h.incident != nil && !h.incident.Ended.IsZero() && h.severity >= agent.Warning && h.event.Active() && h.lull.IsZero()
}

// recovered reports whether each battery has what it had before, but for a
// hundredth.
func (e *Engine) recovered(inc *incident) bool {
	for id, charge := range inc.Charges {
		d := e.devices[id]
		if d == nil {
			continue
		}
		if c := d.byName[cellName{d.Class, "battery_charge", ""}]; c != nil && c.seen > 0 && c.value < charge-1 {
			return false
		}
	}
	return true
}

// unwatch ends the recording of an incident.
func (e *Engine) unwatch(inc *incident) {
	inc.Watched = maxTime(e.now.Add(inc.recorder.ahead), inc.Ended)
	inc.recorder.close()
	e.incidents = slices.DeleteFunc(e.incidents, func(other *incident) bool { return other == inc })
	e.keepMeta(inc)
	e.keeper.judge(inc)
}

// stand takes what the building stands on.
func (e *Engine) stand(p agent.Path) {
	was := e.path
	e.path = p
	if p.On != was.On {
		for _, inc := range e.incidents {
			if inc.Domain == power && inc.Ended.IsZero() && p.On == agent.Mains {
				inc.calmed(p.Time)
			}
			inc.full = maxTime(inc.full, p.Time.Add(fullAfter))
		}
	}
	if p.On == agent.NoData || !p.Redundant && (len(p.Missing) == 0 || p.Blind) {
		return // it is not known
	}
	h := e.active[eventKey{"state", "", "power_redundancy", ""}]
	redundant := e.redundant
	e.redundant = p.Redundant
	switch {
	case p.Redundant && h != nil:
		e.end(h, p.Time)
	case !p.Redundant && h == nil && redundant: // it may be built without
		e.begin(agent.Event{Kind: "state", Class: "site", Metric: "power_redundancy", State: "lost", Severity: agent.Warning,
			Began: p.Time, Text: lacking(p.Missing)}, asExpected)
	}
}

// lacking says what is missing from redundancy.
func lacking(missing []agent.Words) agent.Words {
	text := agent.Words{EN: "Redundancy is lost", CS: "Ztráta redundance"}
	for i, m := range missing {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		text = agent.Words{EN: text.EN + sep + m.EN, CS: text.CS + sep + m.CS}
	}
	return text
}

// lack has the event that redundancy is lost say what is missing now, once that
// has stayed so: from one poll to the next it is what was not polled yet.
func (e *Engine) lack() {
	h := e.active[eventKey{"state", "", "power_redundancy", ""}]
	if h == nil || len(e.path.Missing) == 0 || e.path.Blind || e.path.Time.Equal(e.lacked) || e.now.Sub(e.path.Time) < settledAfter {
		return
	}
	e.lacked = e.path.Time
	if text := lacking(e.path.Missing); h.event.Text != text {
		h.event.Text = text
		e.update(h)
	}
}

// resume takes up what lasted when an earlier run ended, and what that had no
// time to write in a record.
func (e *Engine) resume(metas map[string]*meta, written map[string]*Record, gravest map[string]*agent.Event) {
	for _, ev := range e.events {
		if !ev.Active() {
			continue
		}
		h := recall(ev)
		if g := gravest[ev.ID]; g != nil {
			h.grave(newHappening(*g).worst)
			h.most = max(h.most, g.Severity)
		}
		h.kept = h.peak
		e.active[keyOf(ev)], e.byID[ev.ID] = h, h
	}
	for _, m := range metas {
		r := written[m.ID]
		cancelled := m.Verdict == Cancelled && (r == nil || r.Verdict != Cancelled) // and that is not in the record yet
		if cancelled && r != nil {
			*r = m.Record
		}
		if !m.Watched.IsZero() && !cancelled && (r == nil || !r.Watched.IsZero()) { // without a record it was removed to make room
			continue
		}
		inc := &incident{meta: *m, own: e.byID[m.ID], well: m.Began}
		if at, found := e.find(m.ID); found && inc.own == nil {
			inc.own = &happening{event: *e.events[at], severity: e.events[at].Severity}
			inc.Ended = inc.own.event.Ended
		}
		inc.well = maxTime(inc.well, inc.Ended)
		inc.full = maxTime(m.Began.Add(fullFor), e.now.Add(fullAfter))
		if inc.recorder = (&recorder{}); inc.Watched.IsZero() {
			inc.recorder = newRecorder(e.options.Dir, m.ID, m.Began)
		}
		for _, ev := range e.events {
			switch h := e.byID[ev.ID]; {
			case ev.Parent != m.ID:
			case h != nil:
				h.incident = inc
				switch { // what it was taken for then
				case m.Domain == silence:
					h.meaning = unheard
				case ev.ID == m.CauseID && m.Rank == running.rank:
					h.meaning = running
				}
				if h.meaning.rank > 0 {
					inc.holding++
				}
			case recall(ev).meaning.rank > 0:
				inc.calmed(ev.Ended)
			}
		}
		if inc.own == nil {
			inc.recorder.close()
			continue // its event is lost to a damaged line, and so is it
		}
		if !inc.Ended.IsZero() { // whether it has its figures, and a test its verdict, is in no line
			e.tests.count(&inc.Record)
			e.keeper.judge(inc)
		}
		if inc.Watched.IsZero() {
			e.incidents = append(e.incidents, inc)
		}
	}
	for _, h := range e.byID {
		if h.incident == nil && (h.meaning.rank > 0 || h.severity > h.event.Severity) {
			e.waiting = append(e.waiting, h) // it did so when that run ended
		}
	}
}

// recall returns what an event is that is over, or that an earlier run made. One
// that is Info for the sake of a test, or while it may follow from something, is
// as severe as its rule has it.
func recall(ev *agent.Event) *happening {
	h := newHappening(*ev)
	var severity agent.Severity
	if h.meaning, severity = meaningOf(ev); h.meaning.expected && ev.Severity == agent.Info {
		h.severity = severity
	}
	return h
}

// meaningOf returns the meaning and the severity that the rules give an event;
// a limit's is its own.
func meaningOf(ev *agent.Event) (meaning, agent.Severity) {
	if ev.Kind == "state" || ev.Kind == "alarm" {
		for i := range states {
			if r := &states[i]; r.metric == ev.Metric && (r.class == "*" || r.class == ev.Class) && slices.Contains(r.words, ev.State) {
				return r.meaning, r.severity
			}
		}
	}
	switch ev.Kind {
	case "state":
		if ev.Metric == "power_redundancy" {
			return asExpected, agent.Warning
		}
	case "alarm":
		if strings.HasPrefix(ev.Metric, "x_") {
			rule := deviceAlarm(&agent.Metric{Name: ev.Metric}, ev.Class)
			if g, ok := grades[ev.State]; ok {
				rule = rule.graded(ev.State, g)
			}
			return rule.meaning, rule.severity
		}
	case "absence":
		if ev.Metric == "up" {
			return meaning{domain: silence}, ev.Severity
		}
		return meaning{}, ev.Severity
	case "incident", "test":
		return meaning{}, ev.Severity
	}
	return meaning{domain: domainOf(ev.Class)}, ev.Severity
}
