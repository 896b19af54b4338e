package wall

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"plantroom/agent"
)

// TestMain has the box in a zone that is not UTC, and changes its offset.
func TestMain(m *testing.M) {
	prague, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		panic(err)
	}
	time.Local = prague
	m.Run()
}

func TestDevicesOverHTTP(t *testing.T) {
	s := serve(t, Options{})
	code, text := get(t, s, "/api/v1/devices", nil)
	var all []deviceJSON
	if err := json.Unmarshal([]byte(text), &all); err != nil || code != http.StatusOK {
		t.Fatal(code, err, text)
	}
	if len(all) != 1 || all[0].ID != "ups-a" || !all[0].Up || all[0].Age == nil || *all[0].Age < 0 || all[0].Readings != nil {
		t.Errorf("devices: %s", text)
	}
	code, text = get(t, s, "/api/v1/device/ups-a", nil)
	var one deviceJSON
	if err := json.Unmarshal([]byte(text), &one); err != nil || code != http.StatusOK {
		t.Fatal(code, err, text)
	}
	last := one.Readings[len(one.Readings)-1]
	if last.Metric != "up" || last.Value == nil || *last.Value != 1 || last.Quality != "good" {
		t.Errorf("device: %s", text)
	}
	if code, text := get(t, s, "/api/v1/device/ups-z", nil); code != http.StatusNotFound || !strings.Contains(text, "there is no device ups-z") {
		t.Errorf("a device that is none: %d %s", code, text)
	}
}

// TestReadingsAsJSON: a value that was not read is no value, and says why.
func TestReadingsAsJSON(t *testing.T) {
	d := &agent.Device{ID: "ups-a", Class: "ups"}
	number := &agent.Point{Device: d, Channel: "L1", Metric: &agent.Metric{Name: "input_voltage", Unit: "V", Min: 0, Max: 1000}}
	state := &agent.Point{Device: d, Metric: &agent.Metric{Name: "status", Kind: agent.State, States: []string{"unknown", "online"}}}
	for _, c := range []struct {
		r    agent.Reading
		want string
	}{
		{number.Measured(0), `{"metric":"input_voltage","channel":"L1","value":0,"unit":"V","quality":"good"}`},
		{number.Measured(6553.5), `{"metric":"input_voltage","channel":"L1","value":6553.5,"unit":"V","quality":"suspect","why":"6553.5 V is outside 0..1000"}`},
		{number.Failed(http.ErrServerClosed), `{"metric":"input_voltage","channel":"L1","unit":"V","quality":"bad","why":"http: Server closed"}`},
		{state.Stated(1, "2"), `{"metric":"status","value":1,"state":"online","quality":"good"}`},
		{state.Stated(0, "77"), `{"metric":"status","value":0,"state":"unknown","raw":"77","quality":"good"}`},
	} {
		if got, err := json.Marshal(asReading(&c.r)); err != nil || string(got) != c.want {
			t.Errorf("%s, want %s (%v)", got, c.want, err)
		}
	}
}

func TestPathAndEventsOverHTTP(t *testing.T) {
	var asked agent.EventQuery
	s := serve(t, Options{
		Path: func() agent.Path {
			return agent.Path{On: agent.Generator, Headline: agent.Words{EN: "On generator 1."}}
		},
		Events: func(q agent.EventQuery) []agent.Event { asked = q; return nil },
	})
	if code, text := get(t, s, "/api/v1/path", nil); code != http.StatusOK || !strings.Contains(text, `"on":"generator"`) {
		t.Errorf("path: %d %s", code, text)
	}
	code, text := get(t, s, "/api/v1/events?active=true&since=2026-11-26T14:02:07%2B01:00&device=ups-a&severity=alarm&limit=7", nil)
	if code != http.StatusOK || text != "[]\n" {
		t.Errorf("events: %d %s", code, text)
	}
	since := time.Date(2026, 11, 26, 13, 2, 7, 0, time.UTC)
	if !asked.Active || !asked.Since.Equal(since) || !asked.Until.IsZero() || asked.Device != "ups-a" || asked.Severity != agent.Alarm || asked.Limit != 7 {
		t.Errorf("asked for %+v", asked)
	}
	for query, want := range map[string]string{
		"active=perhaps": "write true or false", "since=yesterday": "write a time like", "severity=bad": "none of info, warning and alarm", "limit=0": "a number from 1 to",
	} {
		if code, text := get(t, s, "/api/v1/events?"+query, nil); code != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", query, code, text)
		}
	}
}

// someTests are one of each: planned, under way, and made.
func someTests(due time.Time) agent.Tests {
	return agent.Tests{
		Planned: []agent.PlannedTest{{ID: "monthly", Name: "Monthly", Kind: "blackout", Load: new(true), Device: "gen-1", From: due.Add(-time.Hour), Due: due, Until: due.Add(time.Hour), Timed: true}},
		Running: []agent.RunningTest{{ID: "7", Test: "monthly", Name: agent.Words{EN: "Monthly", CS: "Monthly"}, Kind: "blackout", Load: new(true), Began: due, By: "schedule", Run: 900, RunSince: due.Add(9 * time.Second),
			Notes: []agent.Note{{Time: due, By: "Petr", Text: "stiff"}}}},
		Last: []agent.TestResult{{ID: "6", Test: "monthly", Name: agent.Words{EN: "Monthly", CS: "Monthly"}, Verdict: "missed", Due: due.AddDate(0, -1, 0), Text: agent.Words{EN: "missed", CS: "neprovedena"}}},
	}
}

// TestTestsAsJSON: what is planned, under way and made has its times in the
// building's zone, of the day that they are about, and what is not known is left out.
func TestTestsAsJSON(t *testing.T) {
	tests := someTests(time.Date(2026, 11, 4, 7, 0, 0, 0, time.UTC))
	want := `{"planned":[{"id":"monthly","name":"Monthly","kind":"blackout","under_load":true,"device":"gen-1","from":"2026-11-04T07:00:00+01:00","due":"2026-11-04T08:00:00+01:00","until":"2026-11-04T09:00:00+01:00","timed":true}],` +
		`"running":[{"id":"7","test":"monthly","name":{"en":"Monthly","cs":"Monthly"},"kind":"blackout","under_load":true,"began":"2026-11-04T08:00:00+01:00","declared_by":"schedule","run_seconds":900,"run_since":"2026-11-04T08:00:09+01:00",` +
		`"notes":[{"time":"2026-11-04T08:00:00+01:00","by":"Petr","text":"stiff"}]}],` +
		`"last":[{"id":"6","test":"monthly","name":{"en":"Monthly","cs":"Monthly"},"verdict":"missed","due":"2026-10-04T09:00:00+02:00","text":{"en":"missed","cs":"neprovedena"}}]}` + "\n"
	s := serve(t, Options{Tests: func() agent.Tests { return tests }})
	if code, text := get(t, s, "/api/v1/tests", nil); code != http.StatusOK || text != want {
		t.Errorf("%d %s\nwant %s", code, text, want)
	}
	if tests.Planned[0].From.Location() != time.UTC || tests.Running[0].Notes[0].Time.Location() != time.UTC {
		t.Error("what the agent keeps was changed")
	}
}

// TestNoTestsAsJSON: none of them is a list, too.
func TestNoTestsAsJSON(t *testing.T) {
	s := serve(t, Options{Tests: func() agent.Tests { return agent.Tests{} }})
	if code, text := get(t, s, "/api/v1/tests", nil); code != http.StatusOK || text != `{"planned":[],"running":[],"last":[]}`+"\n" {
		t.Errorf("%d %s", code, text)
	}
}

// TestAbsentParts: what this agent has not is not found, and nothing of the
// API is for strangers.
func TestAbsentParts(t *testing.T) {
	s := serve(t, Options{Token: "t0ken"})
	for _, path := range []string{"/api/v1/devices", "/api/v1/device/ups-a", "/api/v1/path", "/api/v1/events", "/api/v1/tests"} {
		if code, _ := get(t, s, path, nil); code != http.StatusUnauthorized {
			t.Errorf("%s for a stranger: %d", path, code)
		}
		if code, _ := get(t, s, path+"?token=t0ken", nil); code != http.StatusUnauthorized {
			t.Errorf("%s with a token in its URL: %d", path, code)
		}
		code, text := get(t, s, path, func(r *http.Request) { r.Header.Set("Authorization", "Bearer t0ken") })
		absent := slices.Contains([]string{"/api/v1/path", "/api/v1/events", "/api/v1/tests"}, path)
		if want := map[bool]int{true: http.StatusNotFound, false: http.StatusOK}[absent]; code != want {
			t.Errorf("%s: %d %s, want %d", path, code, text, want)
		}
	}
}
