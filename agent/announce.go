package agent

import (
	"cmp"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// An EventSink is a Sink that takes events too. AppendEvent encodes one as
// Append does a poll: its block waits in the same queue, in order with the
// others, and the far side must take the same event twice for once. Calls of
// the two do not overlap.
type EventSink interface {
	Sink
	AppendEvent(dst []byte, e *Event) []byte
}

// An activeList is the events that last, as they were announced last.
type activeList struct {
	mu     sync.Mutex
	events map[string]*Event // by ID; what is in it is never changed
}

func (l *activeList) note(e *Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !e.Active() {
		delete(l.events, e.ID)
		return
	}
	if l.events == nil {
		l.events = map[string]*Event{}
	}
	l.events[e.ID] = e
}

// Announce puts an event, or what has become of it, in front of every outlet
// whose sink takes events. It then has its queue's guarantees: each output
// gets it at least once, and knows it again by its ID. Announce keeps a copy,
// with its times in UTC and whole milliseconds; what e points to must not
// change afterwards. Its times are right: they are of what was observed. It may
// be called at any time, but not by two goroutines for one event.
func (a *Agent) Announce(e *Event) {
	e = e.fixed()
	a.active.note(e)
	for _, o := range *a.outlets.Load() {
		o.announce(e, a.log)
	}
}

// Resume says which events last already when the agent starts: an earlier run
// has announced them. Resume is called before Run.
func (a *Agent) Resume(events []*Event) {
	for _, e := range events {
		a.active.note(e.fixed())
	}
}

// Active returns the events that last, the oldest first, as they were
// announced; none of them is to be changed. It may be called at any time.
func (a *Agent) Active() []*Event {
	a.active.mu.Lock()
	defer a.active.mu.Unlock()
	all := make([]*Event, 0, len(a.active.events))
	for _, e := range a.active.events {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *Event) int { return cmp.Or(a.Began.Compare(b.Began), cmp.Compare(a.ID, b.ID)) })
	return all
}

// fixed returns a copy of e with times that mean the same wherever they are
// read, and without a value that is no number.
func (e *Event) fixed() *Event {
	f := *e
	for _, t := range f.Times() {
		*t = t.UTC().Truncate(time.Millisecond)
	}
	if f.Value != nil && !Finite(*f.Value) {
		f.Value = nil
	}
	return &f
}

// announce encodes and queues an event, where the sink takes events.
func (o *Outlet) announce(e *Event, log *slog.Logger) {
	o.mu.Lock()
	defer o.mu.Unlock()
	sink, ok := o.sink.(EventSink)
	if !ok {
		return
	}
	o.buf = sink.AppendEvent(o.buf[:0], e)
	o.enqueue(log)
}
