package events

import (
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"plantroom/agent"
)

// Options of an engine.
type Options struct {
	Site  string // its name
	Agent string // the agent's name; two agents of a site never give the same ID
	// Dir is the folder that events and records are kept in; "" keeps them in
	// memory, for as long as the engine lives.
	Dir string
	Log *slog.Logger
	// Announce is called with each event and each time that one has changed,
	// in order and never twice at a time. What it is given does not change. It
	// must not call what changes events.
	Announce func(*agent.Event)
}

// A Setup is what an engine is to know of a site.
type Setup struct {
	Devices []*agent.Device // those that are polled
	// Metrics are the names of what each device may measure, by its ID; one that
	// is not in it may measure anything.
	Metrics map[string]map[string]bool
	Nodes   []Node // what feeds what, polled or not
	Limits  []Limit
	Tests   []Plan
	While   map[string]While // by the device's ID
	Hold    time.Duration    // all must be well for so long before an incident has ended; 0 is a minute
	// Escalate are the times after which an event of severity warning or alarm
	// that nobody has acknowledged is announced again, escalated.
	Escalate []time.Duration
}

// While is what polls say of a device while the condition of one of its traps
// lasts: words of states, by the trap's name and the metric of the device's class.
type While map[string]map[string][]string

// An Engine turns polls into events. It is safe for concurrent use; it has no
// clock but the times of polls.
type Engine struct {
	options Options
	tag     string // in every ID

	out     sync.Mutex // held while events are announced; before mu
	mu      sync.Mutex
	now     time.Time // of the newest poll; before the first, of what is newest in the journal
	begun   bool      // there was a poll
	first   time.Time // of the first of them
	lastID  string
	setup   Setup
	limits  limitIndex
	graph   graph
	devices map[string]*device
	gone    map[string]bool // IDs of devices that there were

	events  []*agent.Event // by ID; what is pointed to is never changed
	active  map[eventKey]*happening
	byID    map[string]*happening // the same by their IDs
	pending []*agent.Event        // to be announced

	told   map[eventKey]time.Time // traps, when they were told of last
	looked time.Time              // for those to be forgotten

	pressed time.Time // when it was looked last for what is to be escalated

	incidents []*incident // under way, or still watched
	flurries  map[eventKey]flurry
	lulls     int          // events that are over for the moment
	waiting   []*happening // causes that may follow from something that was not polled yet
	tests     schedule
	path      agent.Path
	redundant bool      // as path last had it
	lacked    time.Time // of the path whose words for what is missing were taken

	journal *journal
	keeper  keeper
}

// An eventKey is what is unique among events that last.
type eventKey struct{ kind, device, metric, channel string }

func keyOf(e *agent.Event) eventKey { return eventKey{e.Kind, e.Device, e.Metric, e.Channel} }

// A happening is an event that lasts.
type happening struct {
	event    agent.Event
	since    time.Time      // Began, by the clock as it is now
	severity agent.Severity // without regard to a test that expects it
	most     agent.Severity // that it was told to be
	meaning  meaning
	incident *incident // that it is a part of; nil for none

	unseen time.Time // since when its device answers and does not say whether it lasts; zero while it does

	comesAndGoes bool
	lull         time.Time // when it was over last, of one that comes and goes; zero while it is not
	until        time.Time // while it waits for what it follows from
	hushed       bool      // and calls nobody meanwhile
	provisional  bool      // it may be a test's that is due

	peak   peak // of what is beyond a limit
	worst  worst
	kept   peak      // as it is in the journal
	keptAt time.Time // when it was written
}

// keptEvents is how many events are held in memory to be asked for.
const keptEvents = 20000

// Open returns an engine that knows what lasted when an earlier one with the
// same folder ended, however it did.
func Open(o Options) (*Engine, error) {
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.Announce == nil {
		o.Announce = func(*agent.Event) {}
	}
	e := &Engine{
		options: o, tag: tagOf(o.Agent), devices: map[string]*device{}, gone: map[string]bool{},
		active: map[eventKey]*happening{}, byID: map[string]*happening{}, graph: newGraph(nil),
		told: map[eventKey]time.Time{}, flurries: map[eventKey]flurry{},
		tests: schedule{since: map[string]time.Time{}, done: map[string]time.Time{}, last: map[string]agent.TestResult{}},
	}
	if err := e.openJournal(); err != nil {
		return nil, fmt.Errorf("events in %s: %w", o.Dir, err)
	}
	e.keeper.start(e)
	return e, nil
}

// tagOf returns two letters that tell an agent from another.
func tagOf(name string) string {
	const letters = "abcdefghijklmnopqrstuvwxyz234567"
	sum := crc32.Checksum([]byte(name), castagnoli)
	return string([]byte{letters[sum&31], letters[sum>>5&31]})
}

// Configure says what there is to know of the site. It may be called again
// while polls come: what lasts goes on, but for events of devices that are gone
// and of what a device does not measure any more. Of devices that are gone
// nothing is taken from then on.
func (e *Engine) Configure(s Setup) {
	e.mu.Lock()
	for _, d := range e.setup.Devices {
		e.gone[d.ID] = true
	}
	e.setup, e.limits, e.graph = s, indexLimits(s.Limits), newGraph(s.Nodes)
	e.tests.plans, e.tests.next = s.Tests, time.Time{}
	maps.DeleteFunc(e.tests.since, func(id string, _ time.Time) bool { return e.tests.plan(id) == nil })
	there := map[string]*agent.Device{}
	for _, d := range s.Devices {
		there[d.ID] = d
		delete(e.gone, d.ID)
	}
	clear(e.devices) // their points are looked at anew: limits may have changed
	for _, h := range e.active {
		if !h.lull.IsZero() { // or what is met anew would take it for what is so
			e.endNow(h, h.lull)
			continue
		}
		if d := h.event.Device; d != "" && !s.shows(there[d], &h.event) {
			e.endNow(h, e.now)
		}
		if h.event.Metric == "verdict" && h.event.Kind == "test" && e.tests.plan(h.event.Channel) == nil {
			e.endNow(h, e.now)
		}
		if h.event.Kind == "incident" && !slices.ContainsFunc(e.incidents, func(inc *incident) bool { return inc.own == h }) {
			e.endNow(h, h.since) // a kill came before it was an incident of anything
		}
	}
	e.mu.Unlock()
	e.deliver()
}

// shows reports whether an event can be one of a device, nil for one that there
// is none of.
func (s *Setup) shows(d *agent.Device, ev *agent.Event) bool {
	switch {
	case ev.Class == "agent" || ev.Class == "site":
		return true
	case d == nil || d.Class != ev.Class:
		return false
	case ev.Kind == "trap" || ev.Metric == "up" || s.Metrics[d.ID] == nil:
		return true
	}
	return s.Metrics[d.ID][ev.Metric] || ownMetric(ev.Metric)
}

// Observe takes a poll; it is what agent.Observe is given.
func (e *Engine) Observe(p *agent.Poll) {
	at := p.Time.Round(0).UTC().Truncate(time.Millisecond)
	e.mu.Lock()
	if e.gone[p.Device.ID] { // it has waited for the clock to be set
		e.mu.Unlock()
		return
	}
	e.reach(at)
	d := e.devices[p.Device.ID]
	if d == nil || d.Device != p.Device {
		d = e.meet(p.Device)
	}
	d.polls++
	e.presence(d, p, at)
	find := func(p *agent.Point) *cell { return e.cell(d, p) }
	for i := range p.Readings {
		e.read(d.cells.At(i, p.Readings[i].Point, find), &p.Readings[i], at)
	}
	if p.Err == nil {
		e.derive(d, at)
		e.absent(d, at)
		e.want(d, at)
	}
	d.ring.keep(at, d.polls)
	for _, inc := range e.incidents {
		inc.recorder.row(d, at, !at.After(inc.full))
	}
	e.tick()
	news := len(e.pending) > 0
	e.mu.Unlock()
	if news {
		e.deliver()
	}
}

// reach takes the time of what is observed. mu is held.
func (e *Engine) reach(at time.Time) {
	if !e.begun && at.Before(e.now) { // an earlier run had another clock
		e.step(at.Sub(e.now))
	}
	if !e.begun {
		e.first = at
	}
	e.now, e.begun = maxTime(e.now, at), true
}

// Step takes it that the clock was set: what was observed was so much later. What
// was told keeps its time; what lasts has lasted for as long as it has.
func (e *Engine) Step(by time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.step(by)
}

// step is Step; mu is held.
func (e *Engine) step(by time.Duration) {
	move := func(times ...*time.Time) {
		for _, t := range times {
			if !t.IsZero() {
				*t = t.Add(by)
			}
		}
	}
	move(&e.now, &e.looked, &e.pressed, &e.path.Time, &e.lacked)
	e.tests.next = time.Time{} // what is due is seen on the calendar
	for key, at := range e.told {
		e.told[key] = at.Add(by)
	}
	for key, f := range e.flurries {
		f.since = f.since.Add(by)
		e.flurries[key] = f
	}
	for _, h := range e.active {
		move(&h.since, &h.unseen, &h.lull, &h.until, &h.keptAt)
	}
	for _, h := range e.waiting {
		if !h.event.Active() {
			move(&h.until)
		}
	}
	for _, inc := range e.incidents {
		move(&inc.well, &inc.full)
		inc.set(by, e.lastID)
		if inc.Ended.IsZero() {
			inc.remark(e.now)
			e.keepMeta(inc)
		}
	}
	for _, d := range e.devices {
		move(&d.known, &d.answered, &d.silentSince, &d.alarmsSince, &d.supplied)
		for i := range d.ring.times {
			d.ring.times[i] += by.Milliseconds()
		}
		for _, c := range d.byName {
			c.move(move)
		}
		for _, c := range []*cell{d.supply, d.carrying, d.transfer} {
			if c != nil {
				c.move(move)
			}
		}
	}
}

// move moves the times of a cell.
func (c *cell) move(move func(...*time.Time)) {
	move(&c.since)
	if c.limit != nil {
		move(&c.limit.since[0], &c.limit.since[1])
	}
	if c.rate != nil {
		for i := range c.rate.times {
			move(&c.rate.times[i])
		}
	}
}

// Path takes what the building stands on, each time that it has changed.
func (e *Engine) Path(p agent.Path) {
	e.mu.Lock()
	p.Time = p.Time.Round(0).UTC().Truncate(time.Millisecond)
	if !p.Time.IsZero() { // something was polled
		e.reach(p.Time)
	}
	e.stand(p)
	e.tick()
	e.mu.Unlock()
	e.deliver()
}

// quietFor is for how long a trap that nothing clears is not told of again:
// devices repeat them while what they tell of lasts.
const quietFor = 10 * time.Minute

// trapLasts is for how long an event of a trap lasts that is neither repeated
// nor cleared: the trap that clears it may have been lost.
const trapLasts = 24 * time.Hour

// Trap takes what a device said unasked. One that is to last is an event until
// another clears it; one that clears something is none.
func (e *Engine) Trap(t agent.Trap) {
	e.mu.Lock()
	defer e.deliver()
	defer e.mu.Unlock()
	if t.Device != nil && e.gone[t.Device.ID] {
		return
	}
	at := t.Time.Round(0).UTC().Truncate(time.Millisecond)
	e.reach(at)
	ev := agent.Event{Kind: "trap", Name: t.From, Metric: t.Name, Channel: t.About, Severity: t.Severity, Began: at}
	if t.Device != nil {
		describe(&ev, t.Device)
	}
	ev.Text = say(same("%s: %s"), ev.Name, t.Text)
	key := keyOf(&ev)
	for _, name := range t.Clears {
		over := key
		over.metric = name
		if !t.All {
			if h := e.active[over]; h != nil {
				e.end(h, at)
			}
			continue
		}
		for other, h := range e.active {
			if over.channel = other.channel; other == over {
				e.end(h, at)
			}
		}
	}
	if len(t.Clears) > 0 {
		return
	}
	again := at.Sub(e.told[key]) < quietFor
	if t.Lasts || !again {
		e.tell(key, at)
	}
	if h := e.active[key]; h != nil && h.lull.IsZero() || !t.Lasts && again {
		return
	}
	if !t.Lasts {
		ev.Ended = at
	}
	e.begin(ev, meaning{domain: domainOf(ev.Class), expected: t.Outage})
}

// maxTold bounds how many traps are remembered as told.
const maxTold = 10000

// tell remembers when a trap was told of.
func (e *Engine) tell(key eventKey, at time.Time) {
	if len(e.told) >= maxTold {
		clear(e.told)
	}
	e.told[key] = at
}

// trapHolds is how much later than a trap a poll that denies it has to be: cards
// send a trap before their objects say so.
const trapHolds = 10 * time.Second

// unseenFor is for how long a device that answers may not say of an event whether
// it lasts before the event ends: the device, or its card, is another one, which
// does not have that. It is longer than a driver waits to ask once more for what a
// device refused (an hour), and than a card takes to start.
const unseenFor = 2 * time.Hour

// forget ends what traps told of long ago, what polls deny, and what nobody says
// any more, where it is time to look.
func (e *Engine) forget() {
	if e.now.Sub(e.looked) < time.Second {
		return
	}
	e.looked = e.now
	for key, h := range e.active {
		e.keepPeak(h)
		switch key.kind {
		case "trap":
			if last := maxTime(h.since, e.told[key]); e.now.Sub(last) >= trapLasts || e.denied(key, last) {
				e.end(h, e.now)
			}
		case "state", "alarm", "limit", "rate", "absence":
			e.observe(key, h)
		}
	}
}

// observe looks whether a device still says of an event whether it lasts. Where it
// has not for long enough, the event ends with the first poll that did not, and its
// words say that this is all that is known.
func (e *Engine) observe(key eventKey, h *happening) {
	d := e.devices[key.device]
	switch {
	case d == nil || !h.lull.IsZero() || d.silent == nil && !d.silentSince.IsZero(): // a packet may have been lost
		return
	case d.silent != nil || !d.leavesOut(key, e.active[eventKey{"absence", key.device, key.metric, key.channel}] != nil):
		h.unseen = time.Time{}
		return
	}
	if h.unseen.IsZero() {
		h.unseen = d.answered
	}
	if d.answered.Sub(h.unseen) < unseenFor {
		return
	}
	h.event.Text = say(agent.Words{EN: "%s (no longer observed)", CS: "%s (další stav není znám)"}, h.event.Text)
	e.endNow(h, h.unseen)
	d.lose(h)
}

// denied reports whether a device says of itself, well after it sent a trap last,
// that the condition of that is over.
func (e *Engine) denied(key eventKey, last time.Time) bool {
	d := e.devices[key.device]
	if d == nil || d.answered.Sub(last) < trapHolds {
		return false
	}
	otherwise := false
	for metric, words := range e.setup.While[key.device][key.metric] {
		switch w := d.word(metric); {
		case slices.Contains(words, w):
			return false
		case w != "":
			otherwise = true
		}
	}
	return otherwise
}

// escalate announces again what nobody has acknowledged for long enough. What
// is a part of something goes with that.
func (e *Engine) escalate() {
	if len(e.setup.Escalate) == 0 || e.now.Sub(e.pressed) < time.Second {
		return
	}
	e.pressed = e.now
	for _, h := range e.active {
		ev := &h.event
		if ev.Severity < agent.Warning || ev.Part() || !ev.Acked.IsZero() {
			continue
		}
		since := h.since
		if !ev.Outlived.IsZero() {
			since = since.Add(ev.Outlived.Sub(ev.Began))
		}
		reached := 0
		for _, after := range e.setup.Escalate {
			if e.now.Sub(since) >= after {
				reached = max(reached, int(after/time.Second))
			}
		}
		if reached > ev.Escalated {
			ev.Escalated = reached
			e.update(h)
		}
	}
}

// describe puts what is known of its device into an event.
func describe(ev *agent.Event, d *agent.Device) {
	ev.Device, ev.Name, ev.Class, ev.Labels = d.ID, d.Name, d.Class, d.LabelMap()
}

// Events returns the events that are wanted, newest first.
func (e *Engine) Events(q agent.EventQuery) []agent.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	var found []agent.Event
	for _, ev := range slices.Backward(e.events) {
		if q.Limit > 0 && len(found) == q.Limit {
			break
		}
		if q.Match(ev) {
			found = append(found, e.shown(ev))
		}
	}
	return found
}

// Active returns the events that last, oldest first.
func (e *Engine) Active() []agent.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []agent.Event
	for _, h := range e.active {
		all = append(all, h.latest())
	}
	slices.SortFunc(all, func(a, b agent.Event) int { return cmp.Or(a.Began.Compare(b.Began), cmp.Compare(a.ID, b.ID)) })
	return all
}

// Ack notes that somebody looks at an event, and returns it. Of two the first
// counts. The error is ErrNotFound for an event that there is none of.
func (e *Engine) Ack(id, by string) (agent.Event, error) {
	if by = strings.TrimSpace(by); by == "" {
		return agent.Event{}, errors.New("say who looks at it")
	}
	e.mu.Lock()
	defer e.deliver()
	defer e.mu.Unlock()
	at, found := e.find(id)
	if !found {
		return agent.Event{}, fmt.Errorf("event %s: %w", id, ErrNotFound)
	}
	ev := *e.events[at]
	if !ev.Acked.IsZero() {
		return ev, nil
	}
	ev.Acked, ev.AckedBy = maxTime(e.now, ev.Began), by
	if h := e.byID[id]; h != nil {
		h.event.Acked, h.event.AckedBy = ev.Acked, ev.AckedBy
		e.update(h)
		return h.latest(), nil
	}
	e.changed(&ev)
	return ev, nil
}

// Close puts everything on the disk and ends what the engine runs.
func (e *Engine) Close() error {
	e.keeper.stop()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, inc := range e.incidents {
		inc.recorder.close()
	}
	return e.journal.close()
}

// deliver announces what is pending.
func (e *Engine) deliver() {
	e.out.Lock()
	defer e.out.Unlock()
	e.mu.Lock()
	pending := e.pending
	e.pending = nil
	e.mu.Unlock()
	if len(pending) == 0 {
		return
	}
	for _, ev := range pending {
		e.options.Announce(ev)
	}
	e.mu.Lock()
	e.mark(len(e.pending))
	e.mu.Unlock()
}

// newID returns an ID that is larger than all before: the second in which the
// event was made, the agent's tag, and a number.
func (e *Engine) newID() string {
	second := e.now.Format("20060102-150405-") + e.tag
	id := second + "001"
	if id <= e.lastID {
		n := 0
		fmt.Sscanf(e.lastID[len(e.lastID)-3:], "%d", &n)
		if second = e.lastID[:len(e.lastID)-3]; n == 999 { // go on in the next second
			t, err := time.Parse("20060102-150405", second[:15])
			if err != nil {
				t = e.now
			}
			second, n = t.Add(time.Second).Format("20060102-150405-")+e.tag, 0
		}
		id = fmt.Sprintf("%s%03d", second, n+1)
	}
	e.lastID = id
	return id
}

// begin makes an event, finds what it is a part of, and announces it. One that
// has ended already is not kept among those that last.
func (e *Engine) begin(ev agent.Event, m meaning) *happening {
	if ev.Active() {
		if h := e.again(&ev); h != nil {
			return h
		}
	}
	ev.ID = e.newID()
	h := newHappening(ev)
	h.meaning, h.most = m, agent.Info
	if ev.Active() {
		e.active[keyOf(&ev)], e.byID[ev.ID] = h, h
	}
	e.place(h)
	e.update(h)
	return h
}

// end ends an event that lasts, unless it comes and goes.
func (e *Engine) end(h *happening, at time.Time) {
	if !e.lull(h, at) {
		e.endNow(h, at)
	}
}

// endNow ends an event that lasts, by the clock that it began with: it has
// lasted for as long as it has.
func (e *Engine) endNow(h *happening, at time.Time) {
	h.event.Ended = h.event.Began.Add(max(0, at.Sub(h.since)))
	if !h.lull.IsZero() {
		e.lulls--
	}
	delete(e.active, keyOf(&h.event))
	delete(e.byID, h.event.ID)
	h.hushed = h.provisional
	e.update(h)
	if h.incident != nil && h.meaning.rank > 0 {
		h.incident.holding--
		h.incident.calmed(maxTime(at, h.since))
	}
}

func maxTime(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// update announces and keeps an event as it has become.
func (e *Engine) update(h *happening) {
	h.event.Severity = h.severity
	if h.hushed {
		h.event.Severity = agent.Info
	}
	if h.incident != nil {
		h.event.Parent = h.incident.ID
		if h.outlives() && h.event.Outlived.IsZero() {
			h.event.Outlived = h.event.Began.Add(e.now.Sub(h.since))
		}
		if h.incident.expects(h) {
			h.event.Severity = agent.Info
		}
	}
	if s := h.event.Severity; s > h.most {
		h.most, h.event.Told = s, time.Time{}
		if late := e.now.Sub(h.since); late >= time.Second { // or another device was just polled
			h.event.Told = h.event.Began.Add(late)
		}
	}
	ev := h.latest()
	e.changed(&ev)
	h.kept, h.keptAt = h.peak, e.now
}

// changed takes an event as it has become. What it points to never changes.
func (e *Engine) changed(ev *agent.Event) {
	at, found := e.find(ev.ID)
	if found {
		e.events[at] = ev
	} else {
		e.events = slices.Insert(e.events, at, ev)
		if len(e.events) > keptEvents+keptEvents/10 {
			e.events = slices.Clone(e.events[len(e.events)-keptEvents:])
		}
	}
	e.pending = append(e.pending, ev)
	e.journal.turn(e.now, e.lasting)
	e.journal.append(entry{Event: ev})
	for _, inc := range e.incidents {
		if inc.ID == ev.Parent {
			e.keeper.changed(inc)
		}
	}
	e.keeper.wake()
}

// find returns where the event with an id is in events, or would be.
func (e *Engine) find(id string) (int, bool) {
	return slices.BinarySearchFunc(e.events, id, func(ev *agent.Event, id string) int { return cmp.Compare(ev.ID, id) })
}
