// Package agent is the domain: what is measured (Metric, Point, Reading), what
// is polled (Device, Source, Bus) and where it goes (Sink, Outlet).
//
// The flow and who owns what:
//
//	wire -> [goroutine of the bus] Source.Poll -> Agent.publish
//	     -> Latest; each Outlet: Sink.Append, Queue.Put
//	     -> [goroutine of the outlet] Queue.Peek -> Sink.Send -> Queue.Drop
//
// An event takes the same way, from Agent.Announce to the sinks that take
// events. What a device says unasked (Trap) is no reading: it has the device
// polled, by Agent.PollNow.
//
// No poll waits for a sink: between the two is the queue, and what is polled
// now waits for no backlog where the sink allows that (see Outlet). What is read
// before the box's clock is set waits for that (see HoldBefore): only who watches
// has it at once. A device that fails is data, up = 0 and Bad readings, and no
// reason to stop. A value that could not be read is missing; it is never 0,
// never NaN and never an old value.
package agent

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// flushFor is how long an outlet that is to stop goes on delivering what it
// has queued.
const flushFor = 3 * time.Second

// An Agent polls the buses of a site and delivers what they say.
type Agent struct {
	Latest *Latest
	log    *slog.Logger
	clock  *clock
	made   time.Time

	mu      sync.Mutex // over buses, running and what Run and Apply do with them
	ctx     context.Context
	buses   []*Bus
	own     []*Bus                    // each of one device that the agent itself reads
	polled  atomic.Pointer[[]*Bus]    // buses, for PollNow
	outlets atomic.Pointer[[]*Outlet] // read by the buses' goroutines
	running map[any]*task             // of each bus and outlet, while Run runs

	watchers  []func(*Poll)
	observers []func(*Poll)
	active    activeList

	polls, failures, skipped atomic.Uint64
}

// A task is a goroutine that can be told to stop.
type task struct {
	finish context.CancelFunc // end in order
	stop   context.CancelFunc // end at once
	done   chan struct{}
}

// New returns an agent that is not running yet. It owns the buses from then on.
func New(buses []*Bus, outlets []*Outlet, log *slog.Logger) *Agent {
	a := &Agent{Latest: newLatest(), log: log, clock: newClock(log), made: time.Now(), running: map[any]*task{}}
	a.buses = buses
	a.polled.Store(&buses)
	a.outlets.Store(&outlets)
	a.Latest.have(buses)
	return a
}

// Watch has f called with every poll as it is made, by the goroutine of its bus
// and before the poll is delivered: f is to be quick, must be safe for
// concurrent use and keeps nothing of the poll's readings. What is shown now is
// true, whatever the clock says: the poll's time is what that said. Watch is
// called before Run.
func (a *Agent) Watch(f func(*Poll)) { a.watchers = append(a.watchers, f) }

// Observe has f called with every poll, one at a time, those of a device in
// order and before the poll is delivered, with the right time: at once, or when
// the clock has been set (see HoldBefore). f is to be quick, keeps nothing of
// the poll's readings and must call neither Dated nor Standing. Observe is called
// before Run.
func (a *Agent) Observe(f func(*Poll)) { a.observers = append(a.observers, f) }

// Stepped has f called when a clock that was right is set, between polls, with
// how much later it is by the new time than it was by the old. What f's caller
// has observed is that much later, too, than he knows. Stepped is called before Run.
func (a *Agent) Stepped(f func(by time.Duration)) { a.clock.stepped = append(a.clock.stepped, f) }

// Dated calls pass with the right time of a moment, in order with what is
// observed: at once, or when the clock has been set. What waits counts as so
// many readings, and may be lost as they may.
func (a *Agent) Dated(at time.Time, size int, pass func(at time.Time)) {
	a.clock.pass(held{at: at, size: size, pass: pass}, func() {})
}

// Standing is Dated for what is so until the next call: the last is never lost.
func (a *Agent) Standing(at time.Time, size int, pass func(at time.Time)) {
	a.clock.pass(held{at: at, size: size, lasts: true, pass: pass}, func() {})
}

// HoldBefore says since when the wall clock can be right. While it is before
// that, as on a box that has no battery and has not heard the time yet, what is
// read is polled and watched as ever, but observed and delivered when the clock
// has been set, with the time that it was read at. Until then it is in memory
// only, and where it is too much the oldest goes. It may be called at any time.
func (a *Agent) HoldBefore(t time.Time) { a.clock.holdBefore(t) }

// Held returns how many readings wait for the clock to be set.
func (a *Agent) Held() int { return a.clock.waiting() }

// Run polls and delivers until ctx ends, then delivers for a moment longer
// what is still queued, closes the buses and returns what went wrong in
// closing them. An agent runs once.
func (a *Agent) Run(ctx context.Context) error {
	a.mu.Lock()
	a.ctx = ctx
	a.start()
	a.mu.Unlock()
	<-ctx.Done()
	a.mu.Lock()
	defer a.mu.Unlock()
	err := a.end(a.all())
	if n := a.clock.waiting(); n > 0 {
		a.log.Error("readings are lost, the clock has not been set", "readings", n)
	}
	a.flush(*a.outlets.Load())
	return err
}

// Apply replaces what a running agent polls and where it delivers. Buses and
// outlets that it has already go on untouched; the others stop before the new
// ones start: buses at once, and outlets when their queues are empty or a
// moment has passed. It returns what went wrong in closing buses.
func (a *Agent) Apply(buses []*Bus, outlets []*Outlet) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ctx == nil || a.ctx.Err() != nil {
		return errors.New("the agent does not run")
	}
	err := a.end(slices.DeleteFunc(slices.Clone(a.buses), func(b *Bus) bool { return slices.Contains(buses, b) }))
	old := *a.outlets.Load()
	// Nobody may put into an outlet that is about to be flushed.
	a.outlets.Store(&outlets)
	a.flush(slices.DeleteFunc(slices.Clone(old), func(o *Outlet) bool { return slices.Contains(outlets, o) }))
	a.buses = buses
	a.polled.Store(&buses)
	a.Latest.have(a.all())
	var devices []*Device
	for _, b := range a.all() {
		devices = append(devices, b.Devices()...)
	}
	for _, o := range outlets {
		o.keep(devices)
	}
	a.start()
	return err
}

// all returns the buses, the agent's own last.
func (a *Agent) all() []*Bus { return append(slices.Clip(a.buses), a.own...) }

// start runs the buses and outlets that are not running.
func (a *Agent) start() {
	for _, o := range *a.outlets.Load() {
		if a.running[o] == nil {
			ctx, stop := context.WithCancel(context.WithoutCancel(a.ctx))
			waiting, finish := context.WithCancel(ctx)
			a.running[o] = launch(finish, stop, func() { o.run(ctx, waiting, a.log) })
		}
	}
	for _, b := range a.all() {
		if a.running[b] == nil {
			ctx, stop := context.WithCancel(a.ctx)
			a.running[b] = launch(stop, stop, func() { b.run(ctx, a.log, a.publish) })
		}
	}
}

func launch(finish, stop context.CancelFunc, run func()) *task {
	t := &task{finish: finish, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		run()
	}()
	return t
}

// end stops buses and closes them.
func (a *Agent) end(buses []*Bus) error {
	for _, b := range buses {
		a.running[b].stop()
	}
	var errs []error
	for _, b := range buses {
		<-a.running[b].done
		delete(a.running, b)
		errs = append(errs, b.Close())
	}
	return errors.Join(errs...)
}

// flush stops outlets when they have delivered what they have, or after a
// moment.
func (a *Agent) flush(outlets []*Outlet) {
	for _, o := range outlets {
		t := a.running[o]
		t.finish()
		limit := time.AfterFunc(flushFor, t.stop)
		defer limit.Stop()
	}
	for _, o := range outlets {
		<-a.running[o].done
		a.running[o].stop()
		delete(a.running, o)
	}
}

// PollNow has a device polled as soon as its wire is free, and at its usual
// times too, because something else than its interval says that it has changed.
// It reports whether there is such a device. It may be called at any time, and
// as often as anybody likes: a device is polled a second after its last poll at
// the earliest (a silent one five), and the next time out of turn twice as long
// after that.
func (a *Agent) PollNow(id string) bool {
	for _, b := range *a.polled.Load() {
		if b.pollNow(id) {
			return true
		}
	}
	return false
}

// publish hands a poll on; it is called by every bus's goroutine.
func (a *Agent) publish(p *Poll) {
	a.polls.Add(1)
	a.skipped.Add(uint64(p.Skipped))
	if p.Err != nil {
		a.failures.Add(1)
	}
	a.Latest.update(p)
	for _, watch := range a.watchers {
		watch(p)
	}
	late := false
	a.clock.pass(held{at: p.Time, size: len(p.Readings), pass: func(at time.Time) {
		a.observe(p, at)
		if late {
			a.put(p.Readings)
		}
	}}, func() {
		kept := *p
		kept.Readings = slices.Clone(p.Readings)
		p, late = &kept, true
	})
	if !late { // nobody waits for it to be in the queues
		a.put(p.Readings)
	}
}

// observe has a poll observed, with its right time.
func (a *Agent) observe(p *Poll, at time.Time) {
	p.Next = at.Add(p.Next.Sub(p.Time)) // it was planned by the clock that the bus began with
	if !at.Equal(p.Time) {
		p.Time = at
		p.Readings = slices.Clone(p.Readings) // what Latest has is read meanwhile
		for i := range p.Readings {
			p.Readings[i].Time = at
		}
	}
	for _, observe := range a.observers {
		observe(p)
	}
}

// put puts the readings of a poll in front of every outlet.
func (a *Agent) put(rs []Reading) {
	for _, o := range *a.outlets.Load() {
		o.put(rs, a.log)
	}
}

// Stats are counts since the agent started.
type Stats struct {
	Polls    uint64 // made, with or without an answer
	Failures uint64 // made without an answer
	Skipped  uint64 // not made, because the bus was busy at the time
}

// Stats returns the agent's counts; it may be called at any time.
func (a *Agent) Stats() Stats {
	return Stats{a.polls.Load(), a.failures.Load(), a.skipped.Load()}
}
