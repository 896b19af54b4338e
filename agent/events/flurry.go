package events

import (
	"time"

	"plantroom/agent"
)

// A contact that chatters would fill the disk and wake everybody. So what
// begins for the thirtieth time in an hour is, from then on, one event that
// comes and goes: it ends when it has been over for ten minutes.
const (
	flurrySize = 30
	flurryTime = time.Hour
	lullTime   = 10 * time.Minute
)

// A flurry counts how often an event has begun.
type flurry struct {
	since time.Time
	n     int
}

// maxFlurries bounds how many are counted.
const maxFlurries = 10000

// again counts that an event begins, and returns the one that it is where it
// comes and goes and was over for the moment; nil for a new one.
func (e *Engine) again(ev *agent.Event) *happening {
	key := keyOf(ev)
	if h := e.active[key]; h != nil && !h.lull.IsZero() {
		if h.event.State == ev.State {
			h.lull = time.Time{}
			e.lulls--
			return h
		}
		e.endNow(h, h.lull)
	}
	f := e.flurries[key]
	if e.now.Sub(f.since) > flurryTime {
		f = flurry{since: e.now}
	}
	f.n++
	if len(e.flurries) >= maxFlurries {
		clear(e.flurries)
	}
	e.flurries[key] = f
	return nil
}

// lull reports whether an event that is over comes and goes, and so lasts on.
func (e *Engine) lull(h *happening, at time.Time) bool {
	if e.flurries[keyOf(&h.event)].n < flurrySize || h.event.Kind == "incident" || h.event.Kind == "test" {
		return false
	}
	if !h.lull.IsZero() {
		return true
	}
	if h.lull = at; !h.comesAndGoes {
		h.comesAndGoes = true
		h.event.Text = say(agent.Words{EN: "%s (comes and goes)", CS: "%s (opakovaně)"}, h.event.Text)
		e.update(h)
	}
	e.lulls++
	return true
}

// calmDown ends what came and went and has been over for long enough.
func (e *Engine) calmDown() {
	if e.lulls == 0 {
		return
	}
	for key, h := range e.active {
		if !h.lull.IsZero() && e.now.Sub(h.lull) >= lullTime {
			delete(e.flurries, key)
			e.endNow(h, h.lull)
		}
	}
}
