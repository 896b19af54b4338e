package agent

import (
	"fmt"
	"math"
	"time"
)

// A Kind says how a metric's value moves.
type Kind uint8

const (
	Gauge   Kind = iota // goes up and down
	Counter             // only grows, until the device is reset
	State               // one of the metric's States; the value is the state's code
)

// A Metric is one entry of the catalogue: the same quantity under the same
// name and in the same unit, whichever make of device measures it.
type Metric struct {
	Class string // the class of devices that have it; "" for every class
	Name  string
	Unit  string // UCUM code: V, A, W, Cel, %, s; "" for a state or a plain number
	Kind  Kind

	// Min and Max bound the plausible values, both inclusive. A value outside
	// is Suspect. Equal bounds (the zero values) mean that there are none.
	Min, Max float64

	// States are a state metric's words; a word's code is its position.
	// States[0] is always "unknown": what a device says and no profile maps.
	States []string

	Doc string // one line, for people
}

// Word returns the state with the given code, "unknown" for any other code.
func (m *Metric) Word(code int) string {
	if code < 0 || code >= len(m.States) {
		return "unknown"
	}
	return m.States[code]
}

// Code returns the code of a state's word and whether there is such a state.
func (m *Metric) Code(word string) (int, bool) {
	for i, w := range m.States {
		if w == word {
			return i, true
		}
	}
	return 0, false
}

// A Label is a name and a value that the configuration gives a device.
type Label struct{ Name, Value string }

// A Device is one thing that is polled. It is immutable.
type Device struct {
	ID      string // unique in the site; letters, digits, - and _
	Name    string // for people; the ID where the configuration gives none
	Class   string // of the catalogue: ups, generator, ...
	Profile string
	Labels  []Label // sorted by name
	Feeds   []Feed
	Every   time.Duration
}

// Label returns the value of the label with a name, "" where there is none.
func (d *Device) Label(name string) string {
	for _, l := range d.Labels {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}

// LabelMap returns the labels by their names, nil where there are none.
func (d *Device) LabelMap() map[string]string {
	if len(d.Labels) == 0 {
		return nil
	}
	all := make(map[string]string, len(d.Labels))
	for _, l := range d.Labels {
		all[l.Name] = l.Value
	}
	return all
}

// Carries returns the IDs of what the device feeds.
func (d *Device) Carries() []string {
	var ids []string
	for _, f := range d.Feeds {
		ids = append(ids, f.To)
	}
	return ids
}

// A Feed is a way that power takes out of a device or a part of the building.
type Feed struct {
	To    string // ID of what it carries
	Input string // where that is a transfer switch: its source, a or b; otherwise ""
}

// A Point is one thing a device measures: made when the configuration
// compiles (or, for the rows of a table, when the rows are learnt), shared
// unchanged by its Readings. Two Readings are of the same thing when they have
// the same *Point.
type Point struct {
	Device      *Device
	Metric      *Metric
	Channel     string // "L1", "outlet 3"; "" where the device has just one
	ChannelName string // what the device or its profile calls the channel; may be ""
	Source      string // "holding:3027", "1.3.6.1.2.1.33.1.2.4.0"; "" for what the agent measures itself
}

// Quality says how far a reading can be believed.
type Quality uint8

const (
	Good    Quality = iota
	Suspect         // read, but out of the metric's plausible range
	Bad             // not read: the reading has no value, only a reason
)

// String returns "good", "suspect" or "bad".
func (q Quality) String() string {
	switch q {
	case Good:
		return "good"
	case Suspect:
		return "suspect"
	}
	return "bad"
}

// A Reading is what one poll found for one Point.
type Reading struct {
	Point   *Point
	Time    time.Time // when the poll began, the same for all its readings; set by the agent
	Value   float64   // finite, in the metric's unit; a state's code; 0 and without meaning when Bad
	Raw     string    // what the device said, kept where the state does not tell it: a code or an alarm that the profile does not know, the branch in alarm
	Quality Quality
	Why     string // why the quality is not Good
}

// Measured returns a finite value as a reading of p, judged by the metric's
// plausible range.
func (p *Point) Measured(v float64) Reading {
	m := p.Metric
	if m.Min < m.Max && (v < m.Min || v > m.Max) {
		return Reading{Point: p, Value: v, Quality: Suspect,
			Why: fmt.Sprintf("%g %s is outside %g..%g", v, m.Unit, m.Min, m.Max)}
	}
	return Reading{Point: p, Value: v}
}

// Stated returns a state as a reading of p. Raw is what the device said; it is
// kept only with code 0, unknown.
func (p *Point) Stated(code int, raw string) Reading {
	if code != 0 {
		raw = ""
	}
	return Reading{Point: p, Value: float64(code), Raw: raw}
}

// Failed returns a reading that says why there is no value for p.
func (p *Point) Failed(err error) Reading {
	return Reading{Point: p, Quality: Bad, Why: err.Error()}
}

// Word returns the word of a state reading, "" for every other kind.
func (r Reading) Word() string {
	if r.Point.Metric.Kind != State || r.Quality == Bad {
		return ""
	}
	return r.Point.Metric.Word(int(r.Value))
}

// Finite reports whether v can be a reading's value.
func Finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
