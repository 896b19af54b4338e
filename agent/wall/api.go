package wall

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"plantroom/agent"
)

// The JSON of /api/v1. Times are RFC 3339 in the box's own zone, so that who
// shows them shows the building's clock whatever zone he is in; a missing
// value is a missing member.

// A deviceJSON is a device and how it stands.
type deviceJSON struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Class    string            `json:"class"`
	Profile  string            `json:"profile,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	Feeds    []string          `json:"feeds,omitempty"`
	Every    float64           `json:"every_seconds"`
	Up       bool              `json:"up"`
	Since    time.Time         `json:"since,omitzero"`  // when up became what it is
	Polled   time.Time         `json:"polled,omitzero"` // zero before the first poll
	Age      *float64          `json:"age_seconds,omitempty"`
	Failures int               `json:"failures,omitempty"` // polls in a row without an answer
	Err      string            `json:"err,omitempty"`
	Next     time.Time         `json:"next,omitzero"`
	Readings []readingJSON     `json:"readings,omitempty"` // of the last poll; only when one device is asked for
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

func asDevice(s *agent.Status, now time.Time) deviceJSON {
	d := s.Device
	out := deviceJSON{
		ID: d.ID, Name: d.Name, Class: d.Class, Profile: d.Profile, Labels: labels(d), Feeds: d.Carries(), Every: d.Every.Seconds(),
		Up: s.Up, Since: local(s.Since), Polled: local(s.Polled), Failures: s.Failures, Next: local(s.Next),
	}
	if !s.Polled.IsZero() {
		out.Age = new(now.Sub(s.Polled).Seconds())
	}
	if s.Err != nil {
		out.Err = s.Err.Error()
	}
	return out
}

func labels(d *agent.Device) map[string]string {
	if len(d.Labels) == 0 {
		return nil
	}
	m := make(map[string]string, len(d.Labels))
	for _, l := range d.Labels {
		m[l.Name] = l.Value
	}
	return m
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

// local keeps the zero time zero.
func local(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Local()
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
		out.Readings = append(out.Readings, asReading(&status.Readings[i]))
	}
	reply(w, http.StatusOK, out)
}

func (s *Server) path(w http.ResponseWriter, _ *http.Request) {
	if s.options.Path == nil {
		refuse(w, http.StatusNotFound, "this agent knows no power path")
		return
	}
	reply(w, http.StatusOK, s.options.Path())
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
	events := s.options.Events(q)
	if events == nil {
		events = []agent.Event{}
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
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // what is ours always can be JSON
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	w.Write(append(text, '\n'))
}

// refuse answers {"error": "..."}.
func refuse(w http.ResponseWriter, code int, format string, args ...any) {
	reply(w, code, map[string]string{"error": fmt.Sprintf(format, args...)})
}
