package agent

import "time"

// Tests are the tests of a site at one moment: what is planned, what is being
// made, and how it went last.
type Tests struct {
	Planned []PlannedTest `json:"planned"` // what is due first comes first; none before it is known what time it is
	Running []RunningTest `json:"running"` // what began first comes first
	Last    []TestResult  `json:"last"`    // of each planned test, and the last that was not planned; the newest first
}

// A PlannedTest is one that is to be made every so often, and when it is due
// next. Made from From until Until it counts as kept; when Until has come and it
// was not made, it was missed.
type PlannedTest struct {
	ID     string    `json:"id"`
	Name   string    `json:"name"`
	Kind   string    `json:"kind"`                 // blackout, start, transfer, self_test or manual
	Load   *bool     `json:"under_load,omitempty"` // whether a generator is to carry; nil where none is to run
	Device string    `json:"device,omitempty"`     // id of the one that it is about
	From   time.Time `json:"from"`
	Due    time.Time `json:"due"`
	Until  time.Time `json:"until"`
	Timed  bool      `json:"timed"` // Due is a time of day; otherwise any from From to Until will do
}

// A RunningTest is one that is being made.
type RunningTest struct {
	ID    string    `json:"id"`             // of its event and its record
	Test  string    `json:"test,omitempty"` // id of the planned test that it is
	Name  Words     `json:"name"`
	Kind  string    `json:"kind,omitempty"` // as of a PlannedTest
	Load  *bool     `json:"under_load,omitempty"`
	Began time.Time `json:"began"`
	By    string    `json:"declared_by,omitempty"` // how it was known: schedule, controller, or the name of who declared it
	// Ending is set when who declared it has said that it has ended: it has when
	// all is well.
	Ending bool `json:"ending,omitempty"`
	// Run is for how many seconds its generator is to carry, or only to run, in
	// one piece, and RunSince since when it does: zero while it does not. Run is 0
	// where the plan asks for none.
	Run      float64   `json:"run_seconds,omitempty"`
	RunSince time.Time `json:"run_since,omitzero"`
	Notes    []Note    `json:"notes,omitempty"` // what people have said meanwhile, oldest first
}

// A Note is what somebody said of a test or an incident.
type Note struct {
	Time time.Time `json:"time"`
	By   string    `json:"by,omitempty"`
	Text string    `json:"text"`
	// Failed is whether it says that a test was not passed, whatever readings show.
	Failed bool `json:"failed,omitempty"`
}

// A TestResult is how a test went.
type TestResult struct {
	ID      string    `json:"id"`             // of its event and its record
	Test    string    `json:"test,omitempty"` // id of the planned test that it was
	Name    Words     `json:"name"`
	Verdict string    `json:"verdict"`        // passed, failed or missed
	Due     time.Time `json:"due,omitzero"`   // when the plan wanted it
	Began   time.Time `json:"began,omitzero"` // zero of one that was missed
	Text    Words     `json:"text"`           // the verdict, and why
}
