package events

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"plantroom/agent"
)

// A Verdict is how a test run ended.
type Verdict string

// The verdicts. An incident has none.
const (
	NoVerdict Verdict = ""
	Passed    Verdict = "passed"    // every criterion was met
	Failed    Verdict = "failed"    // it ended early or missed a criterion
	Missed    Verdict = "missed"    // it was planned and did not happen
	Cancelled Verdict = "cancelled" // somebody said that it is none
)

// A Record is all that is kept of an incident or a test run: what happened, in
// which order, and whether the backup did its duty. All of it is data, and
// stands without the configuration that it was made under. Its times go by the
// clock as it was when it began, also where that is set meanwhile.
type Record struct {
	ID     string      `json:"id"`     // of its event
	Site   string      `json:"site"`   // the site's name
	Kind   string      `json:"kind"`   // incident or test
	Domain string      `json:"domain"` // power, cooling, safety or silence; "" for a manual test
	Title  agent.Words `json:"title"`  // a few words: mains failure
	Cause  agent.Words `json:"cause"`  // one sentence: what it began with
	// Device is what the cause was seen at, "" for none.
	Device   string         `json:"device,omitempty"`
	Severity agent.Severity `json:"severity"` // the worst of it
	Began    time.Time      `json:"began"`    // time of the first reading that showed it
	Ended    time.Time      `json:"ended,omitzero"`
	// Watched is until when readings were recorded: batteries charge for
	// longer than an outage lasts. Zero while they still are.
	Watched time.Time `json:"watched,omitzero"`

	Plan     string    `json:"plan,omitempty"`        // id of the planned test that it is
	Due      time.Time `json:"due,omitzero"`          // when the plan wanted it
	Declared string    `json:"declared_by,omitempty"` // how a test was known: schedule, controller, or the name of who declared it
	Verdict  Verdict   `json:"verdict,omitempty"`
	// Cancelled is when, by whom and why a test was called off, with the text ""
	// where nobody said why; Became is the ID of the incident that what happened
	// meanwhile is, "" where none did.
	Cancelled *agent.Note `json:"cancelled,omitempty"`
	Became    string      `json:"became,omitempty"`
	Criteria  []Criterion `json:"criteria,omitempty"`

	Figures     []Figure      `json:"figures,omitempty"`
	NotObserved []NotObserved `json:"not_observed,omitempty"`
	Transitions []Transition  `json:"transitions,omitempty"` // in order of time
	Events      []agent.Event `json:"events,omitempty"`      // its own first, then those that are part of it, as they were made
	Notes       []agent.Note  `json:"notes,omitempty"`       // what people said meanwhile
	// Devices are those that the record was made from, in the order of the
	// configuration: every one that its domain looks at, silent ones too.
	Devices []Device `json:"devices,omitempty"`

	Series []Series `json:"series,omitempty"` // only where it was asked for; see Load
}

// A Device is one of a record's devices, as it was configured then.
type Device struct {
	ID     string            `json:"id"`
	Name   string            `json:"name"` // for people
	Class  string            `json:"class"`
	Every  float64           `json:"every"` // s between polls
	Labels map[string]string `json:"labels,omitempty"`
}

// A Figure is one measured number of a record. Each is computed from readings
// alone, and the times are those of polls: a duration is right to within one
// poll interval of the devices at its two ends.
type Figure struct {
	// Name says which: one of the Figure constants.
	Name   string      `json:"name"`
	Device string      `json:"device,omitempty"` // what it is about; "" for the site
	Text   agent.Words `json:"text"`             // what the number is, for people
	Value  float64     `json:"value"`
	Unit   string      `json:"unit"` // UCUM code, as in the catalogue
	// At is the time of the reading that decided it: of the lowest voltage,
	// of the first reading on load. Zero where it is about the whole.
	At time.Time `json:"at,omitzero"`
}

// The names of figures. Those of a device carry it in Device.
const (
	TimeToTransfer     = "time_to_transfer"      // s, from the loss to a transfer switch's other source; of the switch
	TimeToStart        = "time_to_start"         // s, from the loss to a generator that runs at speed
	TimeToLoad         = "time_to_load"          // s, from the loss to a generator that carries
	TimeRun            = "time_run"              // s, for which a generator ran
	TimeCarried        = "time_carried"          // s, for which a generator carried
	TimeUnbroken       = "time_carried_unbroken" // s, the longest of several times that a generator carried
	VoltageDip         = "voltage_dip"           // %, how far a generator's voltage fell below its nominal one when it took the load
	VoltageSettling    = "voltage_settling"      // s, until it stayed within 2.5 % of nominal
	FrequencyDip       = "frequency_dip"         // %, as VoltageDip
	FrequencySettling  = "frequency_settling"    // s, until it stayed within 2 % of nominal
	FrequencyDeviation = "frequency_deviation"   // %, the farthest from nominal while it carried, once settled
	LoadMean           = "load_mean"             // W, that a generator carried
	LoadMax            = "load_max"              // W
	Energy             = "energy"                // Wh, that a generator gave
	FuelUsed           = "fuel_used"             // %, of a full tank
	TimeOnBattery      = "time_on_battery"       // s, of a UPS, all told
	BatteryDrained     = "battery_drained"       // %, of a full battery, that a UPS lost
	ChargeLowest       = "battery_charge_min"    // %, the least that a UPS's battery had left
	RuntimeLowest      = "battery_runtime_min"   // s, the least that a UPS said it had left
	TimeToRecover      = "time_to_recover"       // s, from the end of the discharge that took it lowest to the charge before, but for 1 %
	TimeLost           = "time_lost"             // s, for which a UPS gave its load nothing
	TimeUncooled       = "time_uncooled"         // s, for which no cooling unit ran; of the site
	CoolingOff         = "cooling_off"           // s, for which a cooling unit did not run
	TemperatureRise    = "temperature_rise"      // K, of a sensor in a room, from when cooling stopped to the warmest
	TimeDead           = "time_dead"             // s, for which a board had no voltage
)

// Faults is the name of a criterion that no figure decides: how many faults of a
// device came with a test. There is one where there are some.
const Faults = "faults"

// A NotObserved is a figure that could not be computed, and why.
type NotObserved struct {
	Name   string      `json:"name"`
	Device string      `json:"device,omitempty"`
	Why    agent.Words `json:"why"`
}

// A Criterion is what a test had to show, and what it showed.
type Criterion struct {
	Name     string      `json:"name"` // of the figure that decides it, or Faults
	Device   string      `json:"device,omitempty"`
	Text     agent.Words `json:"text"`
	Limit    float64     `json:"limit"`
	AtLeast  bool        `json:"at_least"` // else at most
	Unit     string      `json:"unit"`
	Measured *float64    `json:"measured,omitempty"` // nil: not observed, and so not met
	Met      bool        `json:"met"`
}

// A Transition is a state that changed, seen by a poll.
type Transition struct {
	Time    time.Time `json:"time"`
	Device  string    `json:"device"` // "" for the site: what the building stands on
	Metric  string    `json:"metric"` // supply for whether a board has voltage, power_path for the site
	Channel string    `json:"channel,omitempty"`
	From    string    `json:"from"`
	To      string    `json:"to"`
}

// A Series is what one point read, at the full rate of its polls. Times and
// Values have the same length; a poll that could not read it is not there.
type Series struct {
	Device  string    `json:"device"`
	Metric  string    `json:"metric"`
	Channel string    `json:"channel,omitempty"`
	Unit    string    `json:"unit,omitempty"`
	States  []string  `json:"states,omitempty"` // the words of a state metric, by its values
	Times   []int64   `json:"times"`            // Unix milliseconds
	Values  []float64 `json:"values"`
}

// Word returns the state's word of the i-th value; "" where the series is not
// one of states.
func (s *Series) Word(i int) string {
	if code := int(s.Values[i]); code >= 0 && code < len(s.States) {
		return s.States[code]
	}
	return ""
}

// Time returns the time of the i-th value.
func (s *Series) Time(i int) time.Time { return time.UnixMilli(s.Times[i]).UTC() }

// ErrNotFound is in the error for an event or record that there is none of. It
// is fs.ErrNotExist to those who do not know this package.
var ErrNotFound error = notFound{}

type notFound struct{}

// Error implements error.
func (notFound) Error() string { return "there is none" }

// Is makes it fs.ErrNotExist too.
func (notFound) Is(target error) bool { return target == fs.ErrNotExist }

// recordSuffix ends the name of a record's file: ID.record.json.
const recordSuffix = ".record.json"

// idForm is what an ID looks like; it is safe in the name of a file.
var idForm = regexp.MustCompile(`^[0-9]{8}-[0-9]{6}-[a-z2-7]{2}[0-9]{3}$`)

// List returns the records in a folder of events, oldest first, without their
// series. One that cannot be read is left out, and in the error.
func List(dir string) ([]*Record, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []*Record
	var errs []error
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), recordSuffix)
		if !ok || !idForm.MatchString(id) {
			continue
		}
		r, err := readRecord(dir, id)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *Record) int { return cmp.Or(a.Began.Compare(b.Began), cmp.Compare(a.ID, b.ID)) })
	return all, errors.Join(errs...)
}

// Load returns the record with an id from a folder of events, with its series.
// Of one that is still under way it is what was known a moment ago.
func Load(dir, id string) (*Record, error) {
	if !idForm.MatchString(id) {
		return nil, fmt.Errorf("record %s: %w", id, ErrNotFound)
	}
	r, err := readRecord(dir, id)
	if err != nil {
		return nil, err
	}
	r.Series, err = readSeries(dir, id)
	if r.Watched.IsZero() {
		r.measure()
	}
	return r, err
}

func readRecord(dir, id string) (*Record, error) {
	text, err := os.ReadFile(filepath.Join(dir, id+recordSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("record %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	r := &Record{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("record %s: %w", id, err)
	}
	return r, nil
}

// write puts the record in its file, whole or not at all, and on the disk.
func (r *Record) write(dir string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(filepath.Join(dir, r.ID+recordSuffix), append(text, '\n'), 0o600, renameio.WithTempDir(dir)); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
