package agent

import "time"

// A Supply is what power comes from.
type Supply uint8

const (
	NoData    Supply = iota // what is known does not tell
	Dead                    // nothing
	Mains                   // the utility
	Generator               // a generator
	Batteries               // the batteries of UPS units
)

var supplies = []string{"no_data", "dead", "mains", "generator", "batteries"}

// String returns no_data, dead, mains, generator or batteries.
func (s Supply) String() string { return supplies[min(s, Batteries)] }

// MarshalText returns the supply's word.
func (s Supply) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// A NodeState is how a part of the power path stands, as a wall shows it.
type NodeState uint8

const (
	Unknown  NodeState = iota // no data
	Ready                     // sound, and not needed now
	Live                      // carries, as it should
	Abnormal                  // carries, and not as it should
	Lost                      // ought to carry or be ready, and is not
)

var nodeStates = []string{"unknown", "ready", "live", "abnormal", "lost"}

// String returns unknown, ready, live, abnormal or lost.
func (s NodeState) String() string { return nodeStates[min(s, Lost)] }

// MarshalText returns the state's word.
func (s NodeState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// A Path is what the building stands on at one moment: which source carries
// what, since when and for how long still. It is made from readings; where
// these are missing it says so, and never what was last seen.
type Path struct {
	Time  time.Time `json:"time"`           // of the newest reading that it is made from
	On    Supply    `json:"on"`             // what the load stands on
	Since time.Time `json:"since,omitzero"` // when On, or which of the sources it is, became so; zero for unknown
	// Sources are the ids of the generators, or of the UPS units on battery,
	// that carry the load now.
	Sources []string `json:"sources,omitempty"`
	// Runtime is the shortest battery runtime of the UPS units, on batteries of
	// those that carry the load; nil for unknown.
	Runtime *float64 `json:"runtime_seconds,omitempty"`
	// Redundant is false when something that ought to be in reserve for the load
	// is not, or is not known to be; Missing then says what, in words, but of
	// what was not asked yet.
	Redundant bool       `json:"redundant"`
	Missing   []Words    `json:"missing,omitempty"`
	Blind     bool       `json:"blind,omitempty"` // all that is missing is data
	Severity  Severity   `json:"severity"`        // of the worst that is the case
	Headline  Words      `json:"headline"`        // one sentence that a support person would say aloud
	Detail    Words      `json:"detail"`          // what else there is to know, in a second one
	Nodes     []PathNode `json:"nodes"`           // in the order of the configuration
	Edges     []PathEdge `json:"edges"`
}

// A PathNode is a device, or a part of the building that nothing measures,
// on the power path.
type PathNode struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	Class string    `json:"class"` // of the catalogue; or utility, transformer, board or load for what is not polled
	Room  string    `json:"room,omitempty"`
	State NodeState `json:"state"`
	Word  Words     `json:"word"`            // the state in a word or two: on battery, standby, lost
	On    Supply    `json:"on"`              // what it is fed from in the end
	Power *float64  `json:"power,omitempty"` // W through it; nil for unknown
	Since time.Time `json:"since,omitzero"`  // when State became so
}

// A PathEdge is a way that power can take, from a node to one that it feeds.
type PathEdge struct {
	From  string   `json:"from"`
	To    string   `json:"to"`
	On    Supply   `json:"on"`              // what flows through it; Dead when nothing does
	Power *float64 `json:"power,omitempty"` // W; nil for unknown
}
