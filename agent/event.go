package agent

import (
	"fmt"
	"slices"
	"time"
)

// A Severity says how soon somebody has to look at an event.
type Severity uint8

const (
	Info    Severity = iota // worth knowing afterwards
	Warning                 // abnormal, and the load is carried
	Alarm                   // look now
)

var severities = []string{"info", "warning", "alarm"}

// String returns "info", "warning" or "alarm".
func (s Severity) String() string { return severities[min(s, Alarm)] }

// MarshalText returns the severity's word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the severity's word.
func (s *Severity) UnmarshalText(text []byte) error {
	i := slices.Index(severities, string(text))
	if i < 0 {
		return fmt.Errorf("severity %q is none of info, warning and alarm", text)
	}
	*s = Severity(i)
	return nil
}

// Words are a sentence for people, in each of the languages that they read.
type Words struct {
	EN string `json:"en"`
	CS string `json:"cs"`
}

// In returns the words in a language: "cs", or English for every other.
func (w Words) In(lang string) string {
	if lang == "cs" {
		return w.CS
	}
	return w.EN
}

// An Event is something that happened in the facility, and lasted or still
// does. It carries all that is to be said of it as data, so that it outlives
// the configuration that it was made under. Two Events with the same ID are
// the same happening, the later one as it has become. No two of one Kind,
// Device, Metric and Channel begin in the same millisecond.
type Event struct {
	ID       string            `json:"id"`               // unique in the site; sorts by when it was made
	Kind     string            `json:"kind"`             // state, limit, rate, absence, alarm, trap, incident, test or note
	Parent   string            `json:"parent,omitempty"` // ID of the incident or test that this event is a part of
	Device   string            `json:"device,omitempty"` // its id; "" for the site as a whole
	Name     string            `json:"name,omitempty"`   // the device's, for people
	Class    string            `json:"class,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"` // the device's
	Metric   string            `json:"metric,omitempty"`
	Channel  string            `json:"channel,omitempty"`
	Severity Severity          `json:"severity"`
	Began    time.Time         `json:"began"`           // time of the reading that showed it
	Ended    time.Time         `json:"ended,omitzero"`  // zero while it lasts; Began of what has no duration
	Value    *float64          `json:"value,omitempty"` // in Unit, of the reading that showed it
	Unit     string            `json:"unit,omitempty"`
	Peak     *float64          `json:"peak,omitempty"`   // in Unit, of what is beyond a limit: the worst value so far
	PeakAt   time.Time         `json:"peak_at,omitzero"` // time of the reading that had it
	State    string            `json:"state,omitempty"`  // the state's word, where the metric is one
	Text     Words             `json:"text"`
	// Told is when the event was first told to be a warning or an alarm, whichever
	// is the worst that it was, where that was later than Began: it had to last,
	// got worse, or was taken for a part of a test.
	Told    time.Time `json:"told,omitzero"`
	Acked   time.Time `json:"acked,omitzero"` // when somebody said that they look at it
	AckedBy string    `json:"acked_by,omitempty"`
	// Escalated is for how long, in seconds, nobody had acknowledged the event
	// when it was announced again because of that; 0 for never.
	Escalated int `json:"escalated,omitempty"`
	// Outlived is when the event was seen to outlast the incident or test that it
	// is a part of, where it is at least a Warning: from then on it stands for
	// itself. Zero otherwise.
	Outlived time.Time `json:"outlived,omitzero"`
}

// A Notice is what somebody is told of an event.
type Notice struct {
	Event
	Site string `json:"site"`
}

// Active reports whether the event still lasts.
func (e *Event) Active() bool { return e.Ended.IsZero() }

// Times returns where the event's times are, each of which may be zero.
func (e *Event) Times() []*time.Time {
	return []*time.Time{&e.Began, &e.Ended, &e.PeakAt, &e.Told, &e.Acked, &e.Outlived}
}

// Part reports whether the event goes with an incident or a test: who is told of
// that, or looks at that, need not be told of the event.
func (e *Event) Part() bool { return e.Parent != "" && e.Outlived.IsZero() }

// An EventQuery says which events are wanted; the zero value wants them all.
type EventQuery struct {
	Active   bool      // only those that still last
	Since    time.Time // only those that began then or later; zero for no bound
	Until    time.Time // only those that began before; zero for no bound
	Device   string    // only those of the device; "" for every device, and the site
	Severity Severity  // only those at least as severe
	Limit    int       // only the newest so many; 0 for no limit
}

// Match reports whether the event is wanted, whatever the limit.
func (q *EventQuery) Match(e *Event) bool {
	return (!q.Active || e.Active()) && e.Severity >= q.Severity &&
		(q.Device == "" || q.Device == e.Device) &&
		(q.Since.IsZero() || !e.Began.Before(q.Since)) &&
		(q.Until.IsZero() || e.Began.Before(q.Until))
}
