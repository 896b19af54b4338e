package events

import (
	"slices"
	"time"

	"plantroom/agent"
)

// A wanted value is one that the configuration counts on: somebody gave this very
// device a limit of it, or what the building stands on is told by it. Anything else
// that a profile knows a device may do without, and nobody is told.
type wanted struct {
	class   string
	metrics []string // one of these
	channel *string  // nil for any
	event   *happening
}

// wantedAfter is for how long a device must have answered without such a value:
// tables are read one after the other, and cards start slowly.
const wantedAfter = time.Minute

// pathNeeds are what the way that power takes is told by, of a class of devices.
var pathNeeds = map[string][]string{
	"ups": {"status"}, "ats": {"selected_source", "position"}, "generator": {"status", "generator_breaker", "output_power"}, "switchboard": {"voltage"},
}

// wants returns what is wanted of a device and its profile has. A generator at
// rest leaves out what it has nothing to say of.
func (e *Engine) wants(d *device) (all []wanted) {
	may := e.setup.Metrics[d.ID]
	want := func(w wanted) {
		if !slices.ContainsFunc(w.metrics, func(m string) bool { return may[m] }) {
			return
		}
		w.event = e.active[w.key(d)]
		all = append(all, w)
	}
	if n := e.graph.nodes[d.ID]; n != nil && n.part != 0 {
		want(wanted{class: d.Class, metrics: pathNeeds[d.Class]})
	}
	for i := range e.setup.Limits {
		if l := &e.setup.Limits[i]; l.Device == d.ID && !l.Off && l.Class != "generator" {
			want(wanted{class: l.Class, metrics: []string{l.Metric}, channel: l.Channel})
		}
	}
	return all
}

func (w *wanted) key(d *device) eventKey {
	key := eventKey{"absence", d.ID, w.metrics[0], ""}
	if w.channel != nil {
		key.channel = *w.channel
	}
	return key
}

// given reports whether a device has given a wanted value since it is known, or
// has said that it cannot, which is told already.
func (w *wanted) given(d *device) bool {
	for name, c := range d.byName {
		if name.class == w.class && slices.Contains(w.metrics, name.metric) && (w.channel == nil || *w.channel == name.channel) &&
			(c.seen > 0 || c.misses > 0) {
			return true
		}
	}
	return false
}

// want looks for what is wanted of a device that answers and was never given.
func (e *Engine) want(d *device, at time.Time) {
	if len(d.wants) == 0 {
		return
	}
	if d.known.IsZero() {
		d.known = at
	}
	d.wants = slices.DeleteFunc(d.wants, func(w wanted) bool {
		if !w.given(d) {
			return false
		}
		if w.event != nil && w.event.event.Active() {
			e.end(w.event, at)
		}
		return true
	})
	for i := range d.wants {
		w := &d.wants[i]
		if w.event != nil || at.Sub(d.known) < wantedAfter {
			continue
		}
		key := w.key(d)
		ev := agent.Event{Kind: key.kind, Metric: key.metric, Channel: key.channel, Severity: agent.Warning, Began: d.known,
			Text: say(notGiven, place(&agent.Point{Device: d.Device, Channel: key.channel}), Named(key.metric))}
		describe(&ev, d.Device)
		if w.event = e.active[key]; w.event == nil { // two limits may want the same
			w.event = e.begin(ev, meaning{})
		}
	}
}

// notGiven says that a value was never read.
var notGiven = agent.Words{EN: "%s does not give its %s", CS: "%s neudává: %s"}
