// Package agent is the domain: what is measured (Metric, Point, Reading), what
// is polled (Device, Source, Bus) and where it goes (Sink, Outlet).
//
// The flow and who owns what:
//
//	wire -> [goroutine of the bus] Source.Poll -> Agent.publish
//	     -> Latest; each Outlet: Sink.Append, Queue.Put
//	     -> [goroutine of the outlet] Queue.Peek -> Sink.Send -> Queue.Drop
//
// No poll waits for a sink: between the two is the queue. A device that fails
// is data, up = 0 and Bad readings, and no reason to stop. A value that could
// not be read is missing; it is never 0, never NaN and never an old value.
package agent

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// flushFor is how long a stopping agent goes on delivering what it has queued.
const flushFor = 3 * time.Second

// An Agent polls the buses of a site and delivers what they say.
type Agent struct {
	Latest  *Latest
	buses   []*Bus
	outlets []*Outlet
	log     *slog.Logger

	polls, failures, skipped atomic.Uint64
}

// New returns an agent that is not running yet. It owns the buses from then on.
func New(buses []*Bus, outlets []*Outlet, log *slog.Logger) *Agent {
	var devices []*Device
	for _, b := range buses {
		devices = append(devices, b.Devices()...)
	}
	return &Agent{Latest: newLatest(devices), buses: buses, outlets: outlets, log: log}
}

// Run polls and delivers until ctx ends, then delivers for a moment longer
// what is still queued, closes the buses and returns what went wrong in
// closing them.
func (a *Agent) Run(ctx context.Context) error {
	var buses, outlets sync.WaitGroup
	deliver, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	waiting, finish := context.WithCancel(deliver)
	defer finish()
	for _, o := range a.outlets {
		outlets.Go(func() { o.run(deliver, waiting, a.log) })
	}
	for _, b := range a.buses {
		buses.Go(func() { b.run(ctx, a.log, a.publish) })
	}
	<-ctx.Done()
	buses.Wait()
	var errs []error
	for _, b := range a.buses {
		errs = append(errs, b.Close())
	}
	finish()
	limit := time.AfterFunc(flushFor, stop)
	defer limit.Stop()
	outlets.Wait()
	return errors.Join(errs...)
}

// publish hands a poll on; it is called by every bus's goroutine.
func (a *Agent) publish(p *Poll) {
	a.polls.Add(1)
	a.skipped.Add(uint64(p.Skipped))
	if p.Err != nil {
		a.failures.Add(1)
	}
	a.Latest.update(p)
	for _, o := range a.outlets {
		o.put(p.Readings, a.log)
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
