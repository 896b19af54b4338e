package wall

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"plantroom/agent"
)

// The JSON of /api/v1. Times are RFC 3339 in the box's own zone, so that who
// shows them shows the building's clock whatever zone he is in; a missing
// value is a missing member.

// A descriptionJSON is what a device is.
type descriptionJSON struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	Class   string            `json:"class"`
	Profile string            `json:"profile,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
	Feeds   []string          `json:"feeds,omitempty"`
	Every   float64           `json:"every_seconds"`
}

// A deviceJSON is a device and how it stands.
type deviceJSON struct {
	descriptionJSON
	Up       bool          `json:"up"`
	Since    time.Time     `json:"since,omitzero"`  // when up became what it is
	Polled   time.Time     `json:"polled,omitzero"` // zero before the first poll
	Age      *float64      `json:"age_seconds,omitempty"`
	Failures int           `json:"failures,omitempty"` // polls in a row without an answer
	Err      string        `json:"err,omitempty"`
	Next     time.Time     `json:"next,omitzero"`
	Readings []readingJSON `json:"readings,omitempty"` // of the last poll; only when one device is asked for
}

// A readingJSON is one reading of the last poll.
type readingJSON struct {
	Metric      string   `json:"metric"`
	Channel     string   `json:"channel,omitempty"`
	ChannelName string   `json:"channel_name,omitempty"`
	Value       *float64 `json:"value,omitempty"` // a state's code; none when bad
	Unit        string   `json:"unit,omitempty"`
	State       string   `json:"state,omitempty"`
	Raw         string   `json:"raw,omitempty"` // what the device said, when that is no state we know
	Quality     string   `json:"quality"`
	Why         string   `json:"why,omitempty"`
	Doc         string   `json:"doc,omitempty"`
	Trend       bool     `json:"trend,omitempty"` // /api/v1/trend knows the last hour and day of it
}

func describe(d *agent.Device) descriptionJSON {
	return descriptionJSON{d.ID, d.Name, d.Class, d.Profile, d.LabelMap(), d.Carries(), d.Every.Seconds()}
}

func asDevice(s *agent.Status, now time.Time) deviceJSON {
	out := deviceJSON{descriptionJSON: describe(s.Device), Up: s.Up, Since: stamp(s.Since), Polled: stamp(s.Polled),
		Failures: s.Failures, Next: stamp(s.Next)}
	if !s.Polled.IsZero() {
		out.Age = new(now.Sub(s.Polled).Seconds())
	}
	if s.Err != nil {
		out.Err = s.Err.Error()
	}
	return out
}

func asReading(r *agent.Reading) readingJSON {
	p := r.Point
	out := readingJSON{Metric: p.Metric.Name, Channel: p.Channel, ChannelName: p.ChannelName, Unit: p.Metric.Unit,
		State: r.Word(), Raw: r.Raw, Quality: r.Quality.String(), Why: r.Why, Doc: p.Metric.Doc}
	if r.Quality != agent.Bad {
		out.Value = &r.Value
	}
	return out
}

// A siteJSON is what there is to look at.
type siteJSON struct {
	Time    time.Time `json:"time"`
	Site    string    `json:"site"`
	Agent   string    `json:"agent"`
	Version string    `json:"version"`
	Devices int       `json:"devices"`
	Up      int       `json:"up"`
	Rooms   []string  `json:"rooms"`
	Classes []string  `json:"classes"`
}

func (s *Server) site(w http.ResponseWriter, _ *http.Request) {
	o := &s.options
	out := siteJSON{Time: stamp(time.Now()), Site: o.Site, Agent: o.Name, Version: o.Version}
	rooms, classes := map[string]bool{}, map[string]bool{}
	for _, d := range o.Agent.Latest.All() {
		out.Devices++
		if d.Up {
			out.Up++
		}
		classes[d.Device.Class] = true
		if room := d.Device.Label("room"); room != "" {
			rooms[room] = true
		}
	}
	out.Rooms, out.Classes = slices.Sorted(maps.Keys(rooms)), slices.Sorted(maps.Keys(classes))
	reply(w, http.StatusOK, out)
}

// A trendJSON is the last hour or day of a point in equal buckets, the oldest
// first; a bucket without a reading is null.
type trendJSON struct {
	Device  string     `json:"device"`
	Metric  string     `json:"metric"`
	Channel string     `json:"channel,omitempty"`
	Unit    string     `json:"unit,omitempty"`
	States  []string   `json:"states,omitempty"` // the words of a state's codes
	Range   string     `json:"range"`
	From    time.Time  `json:"from"` // when the first bucket begins
	Step    float64    `json:"step_seconds"`
	Min     []*float64 `json:"min"`
	Mean    []*float64 `json:"mean"`
	Max     []*float64 `json:"max"`
}

// A Trend is a stretch of equal buckets, the oldest first; where there was no
// reading all three values are NaN.
type Trend struct {
	From           time.Time // when the first bucket begins
	Step           time.Duration
	Min, Mean, Max []float64
}

func (s *Server) trend(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	out := trendJSON{Device: q.Get("device"), Metric: q.Get("metric"), Channel: q.Get("channel"), Range: cmp.Or(q.Get("range"), "hour")}
	switch {
	case s.options.Trend == nil:
		refuse(w, http.StatusNotFound, "this agent keeps no trends")
		return
	case out.Device == "" || out.Metric == "":
		refuse(w, http.StatusBadRequest, "a trend needs a device and a metric; write ?device=ups-a&metric=input_voltage&channel=L1")
		return
	case out.Range != "hour" && out.Range != "day":
		refuse(w, http.StatusBadRequest, "range is %q; write hour or day", out.Range)
		return
	}
	status, known := s.options.Agent.Latest.Of(out.Device)
	if !known {
		refuse(w, http.StatusNotFound, "there is no device %s; /api/v1/devices lists them", out.Device)
		return
	}
	t := s.options.Trend(out.Device, out.Metric, out.Channel, out.Range == "day")
	for i := range status.Readings {
		if p := status.Readings[i].Point; p.Metric.Name == out.Metric && p.Channel == out.Channel {
			out.Unit, out.States = p.Metric.Unit, p.Metric.States
		}
	}
	out.From, out.Step = stamp(t.From), t.Step.Seconds()
	out.Min, out.Mean, out.Max = gaps(t.Min), gaps(t.Mean), gaps(t.Max)
	reply(w, http.StatusOK, out)
}

// gaps makes null of NaN, which JSON does not know, and leaves of a value the
// digits that a trend has.
func gaps(values []float64) []*float64 {
	out := make([]*float64, len(values))
	for i, v := range values {
		if agent.Finite(v) {
			v = float64(float32(v))
			if v != 0 {
				scale := math.Pow(10, 5-math.Floor(math.Log10(math.Abs(v))))
				v = math.Round(v*scale) / scale
			}
			out[i] = &v
		}
	}
	return out
}

func (s *Server) devices(w http.ResponseWriter, _ *http.Request) {
	now := time.Now()
	all := s.options.Agent.Latest.All()
	out := make([]deviceJSON, len(all))
	for i := range all {
		out[i] = asDevice(&all[i], now)
	}
	reply(w, http.StatusOK, out)
}

func (s *Server) device(w http.ResponseWriter, r *http.Request) {
	status, ok := s.options.Agent.Latest.Of(r.PathValue("id"))
	if !ok {
		refuse(w, http.StatusNotFound, "there is no device %s; /api/v1/devices lists them", r.PathValue("id"))
		return
	}
	out := asDevice(&status, time.Now())
	for i := range status.Readings {
		reading := asReading(&status.Readings[i])
		reading.Trend = s.options.Trend != nil && Shows(status.Readings[i].Point)
		out.Readings = append(out.Readings, reading)
	}
	reply(w, http.StatusOK, out)
}

// asPath, asEvent and asTests give times the building's zone.
func asPath(p agent.Path) agent.Path {
	p.Time, p.Since = stamp(p.Time), stamp(p.Since)
	p.Nodes = slices.Clone(p.Nodes)
	for i := range p.Nodes {
		p.Nodes[i].Since = stamp(p.Nodes[i].Since)
	}
	return p
}

func asEvent(e agent.Event) agent.Event {
	for _, t := range e.Times() {
		*t = stamp(*t)
	}
	return e
}

func asTests(t agent.Tests) agent.Tests {
	t.Planned, t.Running, t.Last = append([]agent.PlannedTest{}, t.Planned...), append([]agent.RunningTest{}, t.Running...), append([]agent.TestResult{}, t.Last...)
	for i := range t.Planned {
		p := &t.Planned[i]
		p.From, p.Due, p.Until = stamp(p.From), stamp(p.Due), stamp(p.Until)
	}
	for i := range t.Running {
		r := &t.Running[i]
		r.Began, r.RunSince, r.Notes = stamp(r.Began), stamp(r.RunSince), slices.Clone(r.Notes)
		for j := range r.Notes {
			r.Notes[j].Time = stamp(r.Notes[j].Time)
		}
	}
	for i := range t.Last {
		t.Last[i].Due, t.Last[i].Began = stamp(t.Last[i].Due), stamp(t.Last[i].Began)
	}
	return t
}

func (s *Server) path(w http.ResponseWriter, _ *http.Request) {
	if s.options.Path == nil {
		refuse(w, http.StatusNotFound, "this agent knows no power path")
		return
	}
	reply(w, http.StatusOK, asPath(s.options.Path()))
}

func (s *Server) tests(w http.ResponseWriter, _ *http.Request) {
	if s.options.Tests == nil {
		refuse(w, http.StatusNotFound, "this agent keeps no tests")
		return
	}
	reply(w, http.StatusOK, asTests(s.options.Tests()))
}

func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	if s.options.Events == nil {
		refuse(w, http.StatusNotFound, "this agent keeps no events")
		return
	}
	q, err := eventQuery(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "%v", err)
		return
	}
	events := []agent.Event{}
	for _, e := range s.options.Events(q) {
		events = append(events, asEvent(e))
	}
	reply(w, http.StatusOK, events)
}

// eventsAtMost bounds one answer.
const eventsAtMost = 1000

func eventQuery(r *http.Request) (q agent.EventQuery, err error) {
	form := r.URL.Query()
	q.Limit, q.Device = 100, form.Get("device")
	if text := form.Get("active"); text != "" {
		if q.Active, err = strconv.ParseBool(text); err != nil {
			return q, fmt.Errorf("active is %q; write true or false", text)
		}
	}
	for name, t := range map[string]*time.Time{"since": &q.Since, "until": &q.Until} {
		if text := form.Get(name); text != "" {
			if *t, err = time.Parse(time.RFC3339, text); err != nil {
				return q, fmt.Errorf("%s is %q; write a time like 2026-11-26T14:02:07Z", name, text)
			}
		}
	}
	if text := form.Get("severity"); text != "" {
		if err := q.Severity.UnmarshalText([]byte(text)); err != nil {
			return q, err
		}
	}
	if text := form.Get("limit"); text != "" {
		if q.Limit, err = strconv.Atoi(text); err != nil || q.Limit < 1 || q.Limit > eventsAtMost {
			return q, fmt.Errorf("limit is %q; write a number from 1 to %d", text, eventsAtMost)
		}
	}
	return q, nil
}

// reply answers with v as JSON.
func reply(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	w.Write(append(encoded(v), '\n'))
}

func encoded(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // what is ours always can be JSON
	}
	return text
}

// refuse answers {"error": "..."}.
func refuse(w http.ResponseWriter, code int, format string, args ...any) {
	reply(w, code, map[string]string{"error": fmt.Sprintf(format, args...)})
}
