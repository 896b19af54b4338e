package events

import (
	"math"
	"strings"
	"time"

	"plantroom/agent"
)

// A peak is the worst value that an event, which is beyond a limit, has come to.
type peak struct {
	value float64
	after time.Duration // from its beginning
	known bool
}

// take takes a value that was read so long after the beginning; low is whether
// worse is less.
func (p *peak) take(v float64, after time.Duration, low bool) {
	if !p.known || low && v < p.value || !low && v > p.value {
		*p = peak{v, after, true}
	}
}

// put puts the peak into an event.
func (p peak) put(ev *agent.Event) {
	if p.known {
		ev.Peak, ev.PeakAt = &p.value, ev.Began.Add(p.after)
	}
}

// A worst is what an event said when it was beyond the gravest of its bounds: it
// says so again when it is over.
type worst struct {
	severity agent.Severity
	value    *float64
	text     agent.Words
}

// become takes what an event that is beyond a limit has come to.
func (h *happening) become(severity agent.Severity, value *float64, text agent.Words) {
	h.event.Value, h.event.Text, h.severity = value, text, severity
	h.grave(worst{severity, value, text})
}

func (h *happening) grave(w worst) {
	if h.worst.value == nil || w.severity > h.worst.severity {
		h.worst = w
	}
}

// sum makes an event that is over one of its worst.
func (h *happening) sum() {
	if w := h.worst; w.severity > h.severity {
		h.event.Value, h.event.Text, h.severity = w.value, w.text, w.severity
	}
}

// newHappening returns an event that lasts, or did, as it was made or told. What
// was told of its peak is no part of its own words.
func newHappening(ev agent.Event) *happening {
	h := &happening{event: ev, since: ev.Began, severity: ev.Severity, most: ev.Severity}
	if ev.Kind != "limit" && ev.Kind != "rate" || ev.Value == nil {
		return h
	}
	h.peak = peak{*ev.Value, 0, true}
	if ev.Peak != nil { // or it is of before there were any
		h.peak = peak{*ev.Peak, ev.PeakAt.Sub(ev.Began), true}
	}
	said := peakWords(&ev)
	h.event.Text = agent.Words{EN: strings.TrimSuffix(ev.Text.EN, said.EN), CS: strings.TrimSuffix(ev.Text.CS, said.CS)}
	h.worst = worst{ev.Severity, ev.Value, h.event.Text}
	return h
}

// latest returns the event as it is now, with its peak.
func (h *happening) latest() agent.Event {
	ev := h.event
	if h.peak.known {
		h.peak.put(&ev)
		ev.Text = say(same("%s%s"), ev.Text, peakWords(&ev))
	}
	return ev
}

// peakWords says what an event's value has come to, and when, by the box's
// clock; nothing where it says so already.
func peakWords(ev *agent.Event) agent.Words {
	if ev.Value == nil || ev.Peak == nil {
		return agent.Words{}
	}
	most, said, unit := *ev.Peak, *ev.Value, ev.Unit
	words := agent.Words{EN: "; peak %s%s", CS: "; maximum %s%s"}
	switch {
	case ev.Kind == "rate":
		most, said, unit = math.Abs(most), math.Abs(said), strings.TrimSuffix(unit, perMinute)
		words = agent.Words{EN: "; peak %s a minute%s", CS: "; maximum %s za minutu%s"}
	case most < said:
		words = agent.Words{EN: "; lowest %s%s", CS: "; minimum %s%s"}
	}
	value := quantity(most, unit)
	if value == quantity(said, unit) {
		return agent.Words{}
	}
	at, began := ev.PeakAt.Local(), ev.Began.Local()
	when := agent.Words{EN: at.Format(" at 15:04"), CS: at.Format(" (15:04)")}
	if at.YearDay() != began.YearDay() || at.Year() != began.Year() {
		when = agent.Words{EN: at.Format(" on 2 Jan at 15:04"), CS: at.Format(" (2. 1. 15:04)")}
	}
	return say(words, value, when)
}

// perMinute ends the unit of a rate.
const perMinute = "/min"

// keepPeakEvery is how often the peak of an event is kept at most, while nothing
// else of it is told.
const keepPeakEvery = time.Minute

// keepPeak has an event's peak in the journal, where it is another than there: a
// kill loses what it has come to within the last minute. Nobody is told.
func (e *Engine) keepPeak(h *happening) {
	if h.peak == h.kept || e.now.Sub(h.keptAt) < keepPeakEvery {
		return
	}
	ev := h.latest()
	e.journal.turn(e.now, e.lasting)
	e.journal.append(entry{Event: &ev, Again: true})
	h.kept, h.keptAt = h.peak, e.now
}

// shown returns an event as it was told last, but for its peak, which is that of
// now.
func (e *Engine) shown(ev *agent.Event) agent.Event {
	if ev.Peak != nil && ev.Active() {
		if h := e.byID[ev.ID]; h != nil {
			return h.latest()
		}
	}
	return *ev
}
