package events

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"plantroom/agent"
)

// The kinds of planned tests, by what shows that one is being made.
const (
	Blackout  = "blackout"  // the building is cut off from the mains: boards are dead, UPS units on battery
	Start     = "start"     // a generator runs, and the mains are there
	Transfer  = "transfer"  // a transfer switch goes to its other source
	SelfTest  = "self_test" // a UPS tests its battery
	Manual    = "manual"    // nothing that plantroom measures: somebody notes that it was made
	byPerson  = "somebody"
	daysAWeek = 7
)

// How a test was known that no person declared.
const (
	bySchedule   = "schedule"
	byController = "controller"
)

// A Plan is a test that is to be made every so often, and what it has to show.
// A criterion that is zero is none.
type Plan struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Kind     string   `json:"kind"`
	Device   string   `json:"device,omitempty"` // the generator, switch or UPS that it is about; "" for any
	Schedule Schedule `json:"schedule"`

	StartWithin    time.Duration `json:"start_within,omitempty"`    // from the loss until the generator runs at speed
	LoadWithin     time.Duration `json:"load_within,omitempty"`     // until it carries
	TransferWithin time.Duration `json:"transfer_within,omitempty"` // until each switch that went over is on its other source
	Carry          time.Duration `json:"carry,omitempty"`           // that generators carried, without a break
	Load           float64       `json:"load,omitempty"`            // W, on average while they did
	Run            time.Duration `json:"run,omitempty"`             // that the generator ran
	Frequency      float64       `json:"frequency,omitempty"`       // %, from nominal, once settled
	Charge         float64       `json:"charge,omitempty"`          // %, that each UPS's battery had left at least
}

// A Schedule is when a plan is due, in the time zone of the box.
type Schedule struct {
	Every   string        `json:"every"`             // day, week, month, quarter or year; "" is never
	Weekday int           `json:"weekday,omitempty"` // 1 Monday to 7 Sunday; 0 for any
	Nth     int           `json:"nth,omitempty"`     // with Weekday in a month: 1 to 4, or -1 the last
	Day     int           `json:"day,omitempty"`     // of a month, the last where it is shorter; 0 for any
	At      time.Duration `json:"at,omitempty"`      // since midnight, with Timed
	Timed   bool          `json:"timed,omitempty"`
	Within  time.Duration `json:"within,omitempty"` // how much earlier or later still counts, with Timed
}

// A window is when a test may be made to count for one that was due.
type window struct{ from, due, to time.Time }

// window returns the first window that ends after t.
func (s Schedule) window(t time.Time) (w window, ok bool) {
	if s.Every == "" {
		return w, false
	}
	// Dates are counted in UTC, where each day has a midnight.
	year, month, day := t.Local().Date()
	midnight := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	var start time.Time
	var next func(time.Time, int) time.Time
	months := func(n int) func(time.Time, int) time.Time {
		return func(t time.Time, i int) time.Time { return t.AddDate(0, n*i, 0) }
	}
	switch s.Every {
	case "day":
		start, next = midnight, func(t time.Time, i int) time.Time { return t.AddDate(0, 0, i) }
	case "week":
		start = midnight.AddDate(0, 0, -(int(midnight.Weekday())+6)%daysAWeek)
		next = func(t time.Time, i int) time.Time { return t.AddDate(0, 0, daysAWeek*i) }
	case "quarter":
		start, next = time.Date(year, (month-1)/3*3+1, 1, 0, 0, 0, 0, time.UTC), months(3)
	case "year":
		start, next = time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC), months(12)
	default:
		start, next = time.Date(year, month, 1, 0, 0, 0, 0, time.UTC), months(1)
	}
	for i := -1; ; i++ {
		from := next(start, i)
		if w = s.in(from, next(from, 1)); w.to.After(t) {
			return w, true
		}
	}
}

// daily reports whether the window that a time is in, or the next, is no more
// than a day.
func (s Schedule) daily(t time.Time) bool {
	w, ok := s.window(t)
	return ok && w.to.Sub(w.from) <= 25*time.Hour // that of a day on which clocks go back
}

// in returns the window in one period, whose dates are those of two midnights in UTC.
func (s Schedule) in(from, to time.Time) window {
	switch {
	case s.Every == "week" && s.Weekday > 0:
		from = from.AddDate(0, 0, s.Weekday-1)
		to = from.AddDate(0, 0, 1)
	case s.Day > 0:
		last := to.AddDate(0, 0, -1).Day()
		from = from.AddDate(0, 0, min(s.Day, last)-1)
		to = from.AddDate(0, 0, 1)
	case s.Nth != 0 && s.Weekday > 0:
		if s.Nth < 0 {
			from = to.AddDate(0, 0, -daysAWeek)
		}
		ahead := (s.Weekday - int(from.Weekday()) + daysAWeek) % daysAWeek
		from = from.AddDate(0, 0, ahead+daysAWeek*max(0, s.Nth-1))
		to = from.AddDate(0, 0, 1)
	}
	if !s.Timed {
		begin, end := local(from), local(to)
		return window{begin, begin, end}
	}
	due := time.Date(from.Year(), from.Month(), from.Day(), 0, 0, int(s.At.Seconds()), 0, time.Local)
	return window{again(due, -1).Add(-s.Within), due, again(due, 1).Add(s.Within)}
}

// again returns when clocks say the same as at a time once more, before it or
// after: where summer time ends they say so twice. Otherwise it is that time.
func again(t time.Time, side int) time.Time {
	_, offset := t.Zone()
	_, beside := t.Add(time.Duration(side) * 24 * time.Hour).Zone()
	other := t.Add(time.Duration(offset-beside) * time.Second)
	if _, there := other.Zone(); there == beside {
		return other
	}
	return t
}

// local returns when a day begins here.
func local(day time.Time) time.Time {
	return agent.Midnight(day.Year(), day.Month(), day.Day(), time.Local)
}

// A schedule is the plans, and how far they were kept.
type schedule struct {
	plans []Plan
	since map[string]time.Time        // when each plan was first known
	done  map[string]time.Time        // the due time for which each was made, or missed, last
	last  map[string]agent.TestResult // how each went last, and at "" what was not planned
	next  time.Time                   // when a window ends
}

// plan returns the plan with an id, nil for none.
func (s *schedule) plan(id string) *Plan {
	for i := range s.plans {
		if s.plans[i].ID == id {
			return &s.plans[i]
		}
	}
	return nil
}

// count takes it that a plan was kept by a record, or missed: but not by what is
// no test after all.
func (s *schedule) count(r *Record) {
	if r.Plan != "" && !r.Due.IsZero() && !r.Ended.IsZero() && r.Verdict != Cancelled {
		s.done[r.Plan] = maxTime(s.done[r.Plan], r.Due)
	}
}

// upcoming returns the first window that ends after t and for which the plan was
// not kept yet.
func (s *schedule) upcoming(p *Plan, t time.Time) (w window, ok bool) {
	for w, ok = p.Schedule.window(t); ok && !w.due.After(s.done[p.ID]); {
		w, ok = p.Schedule.window(w.to)
	}
	return w, ok
}

// due returns the time for which a test at t would count, zero for none.
func (s *schedule) due(p *Plan, t time.Time) time.Time {
	w, ok := s.upcoming(p, t)
	if !ok || t.Before(w.from) {
		return time.Time{}
	}
	return w.due
}

// of returns the plan that an event is the beginning of, and what it counts
// for; nil for none.
func (s *schedule) of(h *happening) (*Plan, time.Time) {
	for i := range s.plans {
		p := &s.plans[i]
		if due := s.due(p, h.event.Began); !due.IsZero() && p.shownBy(h) {
			return p, due
		}
	}
	return nil, time.Time{}
}

// shownBy reports whether an event shows that a test of the plan is made.
func (p *Plan) shownBy(h *happening) bool {
	rank, at := h.meaning.rank, p.Device == "" || p.Device == h.event.Device
	if h.meaning.domain != power {
		return false
	}
	switch p.Kind {
	case Blackout:
		return rank == mainsLost.rank || rank == boardDead.rank || rank == transfer.rank || rank == onBattery.rank || rank == carries.rank ||
			at && h.event.State == "test_on_load"
	case Start:
		return at && (rank == running.rank || h.event.State == "test_off_load")
	case Transfer:
		return at && rank == transfer.rank
	case SelfTest:
		return at && (rank == selfTest.rank || rank == onBattery.rank && p.Device != "")
	}
	return false
}

// plan makes a test one of a plan.
func (inc *incident) plan(p *Plan, due time.Time, declared string) {
	spec := *p
	inc.Spec, inc.Plan, inc.Due, inc.Declared, inc.Title = &spec, p.ID, due, declared, same(p.Name)
}

// starts reports whether a generator that runs may be a test that is due.
func (s *schedule) starts(h *happening) bool {
	probe := *h
	probe.meaning = running
	p, _ := s.of(&probe)
	return p != nil
}

// dueTests says of plans whose time has passed that they were not kept.
func (e *Engine) dueTests() {
	s := &e.tests
	if e.now.Before(s.next) {
		return
	}
	s.next = e.now.Add(time.Hour)
	for i := range s.plans {
		p := &s.plans[i]
		since, known := s.since[p.ID]
		if !known {
			since = e.now
			e.knowPlan(p.ID, since)
		}
		w, ok := p.Schedule.window(maxTime(since, s.done[p.ID]))
		if !ok {
			continue
		}
		var missed *window
		for !w.to.After(e.now) {
			if !w.from.Before(since) && w.due.After(s.done[p.ID]) {
				last := w
				missed = &last
			}
			w, _ = p.Schedule.window(w.to)
		}
		if missed != nil {
			e.miss(p, *missed)
		}
		if w.to.Before(s.next) {
			s.next = w.to
		}
	}
}

// knowPlan notes since when a plan is known: what was due before is not missed.
func (e *Engine) knowPlan(id string, since time.Time) {
	e.tests.since[id] = since
	e.journal.turn(e.now, e.lasting)
	e.journal.append(entry{Plan: &planned{id, since}})
}

// planned says since when a plan is known.
type planned struct {
	ID    string    `json:"id"`
	Since time.Time `json:"since"`
}

// miss says that a test was due and not made; or, where the agent began only
// when its time was over, that it saw none.
func (e *Engine) miss(p *Plan, w window) {
	for _, inc := range e.incidents {
		if inc.Plan == p.ID && inc.Ended.IsZero() {
			return // it is being made right now
		}
	}
	e.tests.done[p.ID] = w.due
	words := agent.Words{EN: "%s was due and was not made", CS: "%s: zkouška nebyla provedena v termínu"}
	var unseen []NotObserved
	if p.Kind != Manual && e.first.After(w.to) {
		words = agent.Words{EN: "%s was due and was not seen, the agent did not run all that time", CS: "%s: zkouška v termínu nebyla zaznamenána, agent po celou tu dobu neběžel"}
		unseen = []NotObserved{{Name: TimeRun, Device: p.Device, Why: agent.Words{EN: "the agent did not run all that time", CS: "agent po celou tu dobu neběžel"}}}
	}
	text := say(words, p.Name)
	h := e.verdict(p.ID, text, w.to.UTC())
	r := &Record{ID: h.event.ID, Site: e.options.Site, Kind: "test", Domain: power, Title: same(p.Name), Cause: text, Device: p.Device, Severity: agent.Warning,
		Began: w.to.UTC(), Ended: w.to.UTC(), Watched: w.to.UTC(), Plan: p.ID, Due: w.due.UTC(), Declared: bySchedule, Verdict: Missed, NotObserved: unseen,
		Events: []agent.Event{h.event}}
	e.tests.went(r)
	e.keeper.write(r)
}

// verdict begins the event that a plan was not kept, which lasts until it is.
func (e *Engine) verdict(plan string, text agent.Words, at time.Time) *happening {
	e.kept(plan, at)
	return e.begin(agent.Event{Kind: "test", Metric: "verdict", Channel: plan, Severity: agent.Warning, Began: at, Text: text}, meaning{})
}

// kept ends the event that a plan was not kept.
func (e *Engine) kept(plan string, at time.Time) {
	if h := e.active[eventKey{"test", "", "verdict", plan}]; h != nil {
		e.end(h, at)
	}
}

// StartTest declares that a test begins: of a plan by its id, or one of
// another name. It lasts until EndTest. An error says what is in the way.
func (e *Engine) StartTest(plan, name, by string) (id string, err error) {
	e.mu.Lock()
	defer e.deliver()
	defer e.mu.Unlock()
	if !e.begun {
		return "", errNoTime
	}
	for _, inc := range e.incidents {
		if inc.Domain == power && inc.Ended.IsZero() {
			return "", fmt.Errorf("%s is under way since %s (%s); a test is declared before it begins",
				inc.Title.EN, inc.Began.Local().Format(time.TimeOnly), inc.ID)
		}
	}
	inc := &incident{meta: meta{Record: Record{Kind: "test", Domain: power, Began: e.now}, Open: true}}
	p := &Plan{Name: strings.TrimSpace(name)}
	if plan != "" {
		if p = e.tests.plan(plan); p == nil {
			return "", e.noPlan(plan)
		}
		if name = strings.TrimSpace(name); name != "" && name != p.Name {
			return "", fmt.Errorf("%s is called %s already; a name is for a test that is not planned", plan, p.Name)
		}
	}
	if p.Name == "" {
		return "", errors.New("say which test begins: the id of a planned one, or a name")
	}
	inc.plan(p, e.tests.due(p, inc.Began), person(by))
	e.openRecord(inc, agent.Info)
	return inc.ID, nil
}

// errNoTime is why nobody can say anything of a test yet.
var errNoTime = errors.New("nothing has been observed yet: the box's clock is not set, or no device was polled")

func person(by string) string {
	if by = strings.TrimSpace(by); by == "" || by == bySchedule || by == byController {
		return byPerson
	}
	return by
}

func (e *Engine) noPlan(id string) error {
	var known []string
	for _, p := range e.tests.plans {
		known = append(known, p.ID)
	}
	if len(known) == 0 {
		return fmt.Errorf("planned test %s: %w; the configuration has no tests", id, ErrNotFound)
	}
	return fmt.Errorf("planned test %s: %w; there are %s", id, ErrNotFound, strings.Join(known, ", "))
}

// EndTest says that the test that somebody declared has ended. It ends when
// all is well.
func (e *Engine) EndTest(by string) (id string, err error) {
	e.mu.Lock()
	defer e.deliver()
	defer e.mu.Unlock()
	if !e.begun {
		return "", errNoTime
	}
	for _, inc := range e.incidents {
		if inc.Open && inc.Ended.IsZero() {
			inc.Open = false
			inc.calmed(e.now)
			e.keepMeta(inc)
			return inc.ID, nil
		}
	}
	return "", fmt.Errorf("a test that somebody declared: %w", ErrNotFound)
}

// CancelTest says that a test is none: it was declared by mistake, was called
// off, or was an outage that was taken for the one that was due. It is the one
// under way with that ID, or of the plan with that id; where id is "", the only
// one; or one that has ended, by its ID. It counts as neither made nor missed,
// its plan is due as if it had not been, and what happened meanwhile is what it
// would have been without it.
func (e *Engine) CancelTest(id, by, why string) (string, error) {
	e.keeper.working.Lock() // records are as the keeper leaves them
	defer e.keeper.working.Unlock()
	var records []*Record
	var unread error
	if idForm.MatchString(id) && e.options.Dir != "" {
		records, unread = List(e.options.Dir) // for which no poll waits
	}
	e.mu.Lock()
	defer e.deliver()
	defer e.mu.Unlock()
	if !e.begun {
		return "", errNoTime
	}
	var meant []*incident
	var names []string
	for _, inc := range e.incidents {
		if inc.Kind == "test" && inc.Ended.IsZero() && (id == "" || id == inc.ID || id == inc.Plan) {
			meant, names = append(meant, inc), append(names, fmt.Sprintf("%s (%s)", inc.Title.EN, inc.ID))
		}
	}
	at, known := e.find(id)
	switch {
	case len(meant) > 1:
		return "", fmt.Errorf("say which test is cancelled by its ID: %s", strings.Join(names, ", "))
	case len(meant) == 1 && meant[0].Declared == byController:
		return "", fmt.Errorf("%s is what the controller says that it does; the test ends when that ends it", names[0])
	case len(meant) == 1:
	case id == "":
		return "", fmt.Errorf("a test under way: %w", ErrNotFound)
	case known && e.events[at].Kind == "incident":
		return "", fmt.Errorf("%s is an incident; only a test can be cancelled", id)
	case known && e.events[at].Kind == "test":
		inc, err := e.ended(*e.events[at], records, unread)
		if err != nil {
			return "", err
		}
		meant = []*incident{inc}
	default:
		return "", fmt.Errorf("test %s under way, or of the last weeks: %w", id, ErrNotFound)
	}
	inc := meant[0]
	inc.Criteria = nil
	inc.Verdict, inc.Cancelled = Cancelled, &agent.Note{Time: e.now.Add(inc.recorder.ahead), By: person(by), Text: strings.TrimSpace(why)}
	e.keepMeta(inc)
	e.callOff(inc)
	return inc.ID, nil
}

// ended returns a test that has ended as if it were still watched, so that it
// can be cancelled, by all records that could be read. The error says why it
// cannot be.
func (e *Engine) ended(ev agent.Event, records []*Record, unread error) (*incident, error) {
	for _, inc := range e.incidents {
		if inc.Ended.IsZero() {
			return nil, fmt.Errorf("%s is under way (%s); a test that has ended can be cancelled when that has", inc.Title.EN, inc.ID)
		}
	}
	if e.options.Dir == "" {
		return nil, errors.New("a test that has ended cannot be cancelled: nothing is recorded without a state folder")
	}
	at := slices.IndexFunc(records, func(r *Record) bool { return r.ID == ev.ID })
	var inc *incident
	for _, known := range slices.Concat(e.incidents, e.keeper.judged, e.keeper.incidents) {
		if known.ID == ev.ID {
			inc = known // which is newer
		}
	}
	switch {
	case inc == nil && at < 0 && unread != nil:
		return nil, unread
	case inc == nil && (at < 0 || records[at].Domain == "" || records[at].Verdict == Missed):
		return nil, fmt.Errorf("%s was not made as far as anything was observed, and cannot be cancelled", ev.Text.EN)
	case inc == nil:
		inc = &incident{meta: meta{Record: *records[at]}, own: &happening{event: ev, since: ev.Began, severity: ev.Severity}}
		inc.recorder = newRecorder("", inc.ID, inc.Began)
		inc.recorder.memory, inc.recorder.err = nil, fs.ErrClosed
	}
	if inc.Verdict == Cancelled {
		return nil, fmt.Errorf("%s; it is cancelled already", ev.Text.EN)
	}
	if inc.Plan != "" {
		delete(e.tests.done, inc.Plan)
		delete(e.tests.last, inc.Plan)
		for _, r := range records {
			if r.Plan == inc.Plan && r.ID != inc.ID {
				e.tests.count(r)
				e.tests.went(r)
			}
		}
	}
	inc.Watched = time.Time{} // after a kill it is to be called off still
	return inc, nil
}

// callOff ends a test that is none. What happened meanwhile, as far as it is of
// one cause, is an incident, which takes over what was recorded.
func (e *Engine) callOff(inc *incident) {
	var parts []*happening
	var took *incident
	for _, ev := range e.events {
		if ev.Parent != inc.ID {
			continue
		}
		h := e.byID[ev.ID]
		if h == nil { // it is over
			h = recall(ev)
			h.since = inc.told(*ev).Began.Add(-inc.recorder.ahead)
		}
		h.incident, h.event.Parent = nil, ""
		switch {
		case h.meaning.rank == running.rank:
			h.meaning = asExpected
		case h.meaning.rank == boardDead.rank && h.meaning.expected && e.graph.metersMains(h.event.Device): // which is not known before polls
			h.meaning = mainsLost
		}
		parts = append(parts, h)
	}
	// Causes come first, the others follow from them.
	slices.SortStableFunc(parts, func(a, b *happening) int { return cmp.Compare(min(1, b.meaning.rank), min(1, a.meaning.rank)) })
	for i, h := range parts {
		if h.incident != nil {
			continue // that began with one before
		}
		if h.meaning.rank > 0 && e.incidentFor(h) == nil {
			cause := h
			for _, other := range parts[i:] {
				m := other.meaning
				if m.rank > 0 && m.rank < cause.meaning.rank && m.domain == h.meaning.domain && other.since.Sub(h.since) <= together {
					cause = other
				}
			}
			to := newIncident(cause)
			to.Began, to.Notes = h.since, inc.remembered()
			if took == nil && len(inc.settings) == 0 {
				took, to.from, to.recorder, to.Devices, to.Charges = to, inc.ID, inc.recorder, inc.Devices, inc.Charges
			}
			e.openRecord(to, cause.severity)
			if inc.Became == "" {
				inc.Became = to.ID
				e.keepMeta(inc)
			}
			e.join(to, cause)
			e.update(cause)
			if h.incident != nil {
				continue
			}
		}
		if to := e.incidentFor(h); to != nil {
			e.join(to, h)
			inc.Became = cmp.Or(inc.Became, to.ID)
		}
		e.update(h)
	}
	if took != nil {
		inc.recorder = &recorder{}
	}
	inc.Open = false
	inc.own.event.Text = inc.verdictText()
	if inc.own.event.Active() {
		e.end(inc.own, e.now)
	} else {
		e.update(inc.own)
	}
	if v := Verdict(e.tests.last[inc.Plan].Verdict); inc.Plan != "" && v != Failed && v != Missed {
		e.kept(inc.Plan, e.now)
	}
	inc.Ended = inc.own.event.Ended
	e.unwatch(inc)
	e.tests.next = time.Time{} // its plan may be missed already
}

// remembered returns what was noted of a test, for the incident that it is.
func (inc *incident) remembered() []agent.Note {
	note := *inc.Cancelled
	note.Text = strings.TrimSuffix(fmt.Sprintf("This was taken for the test \"%s\" (%s), which was cancelled. (Do zrušení bylo vedeno jako zkouška.) %s",
		inc.Title.EN, inc.ID, note.Text), " ")
	return append(slices.Clone(inc.Notes), note)
}

// NoteTest adds what somebody says: to the incident or test with that ID, or to
// the one that is under way where id is "". With the id of a plan of the kind
// manual it says that the test was made, and whether it was passed. A test that
// is seen from readings has failed where failed says so, also when it has ended.
func (e *Engine) NoteTest(id, by, text string, failed bool) (string, error) {
	if text = strings.TrimSpace(text); text == "" {
		return "", errors.New("say what is to be noted")
	}
	e.mu.Lock()
	defer e.deliver()
	defer e.mu.Unlock()
	if !e.begun {
		return "", errNoTime
	}
	note := agent.Note{Time: e.now, By: strings.TrimSpace(by), Text: text, Failed: failed}
	for _, inc := range slices.Backward(e.incidents) {
		if inc.ID == id || inc.Plan == id && id != "" || id == "" && inc.Ended.IsZero() {
			if err := inc.takes(note); err != nil {
				return "", err
			}
			note.Time = note.Time.Add(inc.recorder.ahead)
			inc.Notes = append(inc.Notes, note)
			e.keepMeta(inc)
			if failed && inc.Verdict == Passed {
				inc.Verdict = Failed
				e.pronounce(inc)
			}
			return inc.ID, nil
		}
	}
	if idForm.MatchString(id) && e.options.Dir != "" {
		r, err := readRecord(e.options.Dir, id)
		if err != nil {
			return "", err
		}
		if err := r.takes(note); err != nil {
			return "", err
		}
		r.Notes = append(r.Notes, note)
		if failed && r.Verdict == Passed {
			e.fail(r)
		}
		e.keeper.write(r)
		return id, nil
	}
	p := e.tests.plan(id)
	switch {
	case id == "":
		return "", fmt.Errorf("an incident or a test under way: %w; give the ID of an earlier one", ErrNotFound)
	case p == nil:
		return "", e.noPlan(id)
	case p.Kind != Manual:
		return "", fmt.Errorf("%s is seen from readings and cannot be noted as made; note something about one by its ID", p.Name)
	}
	r := &Record{Site: e.options.Site, Kind: "test", Domain: "", Title: same(p.Name), Began: note.Time, Ended: note.Time, Watched: note.Time,
		Plan: p.ID, Due: e.tests.due(p, note.Time), Declared: person(by), Verdict: Passed, Notes: []agent.Note{note}}
	if failed {
		r.Verdict, r.Severity = Failed, agent.Warning
	}
	r.Cause = r.verdictText()
	if !r.Due.IsZero() {
		e.tests.done[p.ID] = r.Due
	}
	e.kept(p.ID, note.Time)
	h := e.begin(agent.Event{Kind: "test", Metric: Manual, Channel: p.ID, Severity: agent.Info, Began: note.Time, Ended: note.Time, Text: r.Cause}, meaning{})
	r.ID, r.Events = h.event.ID, []agent.Event{h.event}
	e.tests.went(r)
	if failed {
		e.verdict(p.ID, say(agent.Words{EN: "%s failed", CS: "%s nevyhověla"}, p.Name), note.Time)
	}
	e.keeper.write(r)
	return r.ID, nil
}

// takes returns why a record cannot have a note, nil where it can.
func (r *Record) takes(n agent.Note) error {
	switch {
	case !n.Failed:
		return nil
	case r.Kind != "test":
		return fmt.Errorf("%s is an incident; only a test can be not passed", r.ID)
	case r.Verdict == Missed || r.Verdict == Cancelled:
		return fmt.Errorf("%s; only a test that was made can be not passed", r.verdictText().EN)
	}
	return nil
}

// saidFailed returns which note says first that a test was not passed, -1 for
// none.
func (r *Record) saidFailed() int {
	return slices.IndexFunc(r.Notes, func(n agent.Note) bool { return n.Failed })
}

// fail takes it that a test which was passed, and is over, was not.
func (e *Engine) fail(r *Record) {
	r.Verdict, r.Severity = Failed, max(r.Severity, agent.Warning)
	text := r.verdictText()
	if at, found := e.find(r.ID); found {
		ev := *e.events[at]
		ev.Text, ev.Severity = text, max(ev.Severity, agent.Warning)
		e.changed(&ev)
		r.Events = slices.Clone(r.Events)
		if i := slices.IndexFunc(r.Events, func(own agent.Event) bool { return own.ID == r.ID }); i >= 0 {
			r.Events[i].Text, r.Events[i].Severity = ev.Text, ev.Severity
		}
	}
	if last := e.tests.last[r.Plan]; last.ID > r.ID {
		return // another has been made since
	}
	e.tests.went(r)
	if r.Plan != "" {
		e.verdict(r.Plan, text, r.Ended)
	}
}
