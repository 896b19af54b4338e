package wall

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"plantroom/agent"
)

func post(t *testing.T, s *Server, path, body string, with func(*http.Request)) (int, string) {
	t.Helper()
	return ask(t, s, "POST", path, body, func(r *http.Request) {
		r.Header.Set("Content-Type", "application/json")
		if with != nil {
			with(r)
		}
	})
}

// TestAckOverHTTP: who looks at an event says so, by a name or as a user.
func TestAckOverHTTP(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, Options{Token: "open", Users: map[string]string{"jana": string(hash)},
		Ack: func(id, by string) (agent.Event, error) {
			if id != "1" {
				return agent.Event{}, fmt.Errorf("event %s: %w", id, fs.ErrNotExist)
			}
			return agent.Event{ID: id, AckedBy: by, Acked: time.Now()}, nil
		}})
	token := func(r *http.Request) { r.Header.Set("Authorization", "Bearer open") }
	user := func(r *http.Request) { r.SetBasicAuth("jana", "secret") }
	for _, test := range []struct {
		path, body string
		with       func(*http.Request)
		code       int
		want       string
	}{
		{"/api/v1/events/1/ack", `{"by": "Petr"}`, token, 200, `"acked_by":"Petr"`},
		{"/api/v1/events/1/ack", `{}`, user, 200, `"acked_by":"jana"`},
		{"/api/v1/events/1/ack", `{"by": "Petr"}`, nil, 401, "a token"},
		{"/api/v1/events/1/ack", `{}`, token, 400, "say who looks at it"},
		{"/api/v1/events/1/ack", `{"bye": "Petr"}`, token, 400, `unknown field \"bye\"`},
		{"/api/v1/events/1/ack", `{"by": "Petr"} {}`, token, 400, "there is more behind it"},
		{"/api/v1/events/2/ack", `{"by": "Petr"}`, token, 404, "event 2: "},
		{"/api/v1/events/1/ack", `{"by": "` + strings.Repeat("x", maxSaid) + `"}`, token, 413, "too long"},
		{"/api/v1/events/1", `{"by": "Petr"}`, token, 404, ""},
		{"/api/v1/events", `{}`, token, 405, ""},
		{"/api/v1/tests", `{"action": "start"}`, token, 404, "keeps no tests"},
	} {
		if code, text := post(t, s, test.path, test.body, test.with); code != test.code || !strings.Contains(text, test.want) {
			t.Errorf("POST %s %.40s: %d %s, want %d and %q", test.path, test.body, code, text, test.code, test.want)
		}
	}
}

// TestTestsOverHTTP: what is said of a test arrives as it was said.
func TestTestsOverHTTP(t *testing.T) {
	var got TestNote
	s := serve(t, Options{Test: func(n TestNote) (string, error) {
		got = n
		if n.Name == "busy" {
			return "", errors.New("another is under way")
		}
		return "7", nil
	}})
	want := TestNote{Action: "note", Test: "firewall", Text: "it took 4 s", Failed: true, By: "Jana"}
	body, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if code, text := post(t, s, "/api/v1/tests", string(body), nil); code != 200 || text != `{"id":"7"}`+"\n" || got != want {
		t.Errorf("%d %s: %+v", code, text, got)
	}
	if code, text := post(t, s, "/api/v1/tests", `{"action": "start", "name": "busy"}`, nil); code != 409 || !strings.Contains(text, "another is under way") {
		t.Errorf("%d %s", code, text)
	}
	if code, text := post(t, s, "/api/v1/tests", `{"action": "begin"}`, nil); code != 400 || !strings.Contains(text, "it can be start, end, cancel or note") {
		t.Errorf("%d %s", code, text)
	}
}

// TestStrangers: a page of another site that somebody has open cannot say
// anything, however it tries.
func TestStrangers(t *testing.T) {
	said := 0
	s := serve(t, Options{Test: func(TestNote) (string, error) { said++; return "", nil }})
	for name, test := range map[string]struct {
		with func(*http.Request)
		code int
	}{
		"a form":                         {func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, 415},
		"a form that looks like JSON":    {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415},
		"a script of another site":       {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		"one in an old browser":          {func(r *http.Request) { r.Header.Set("Origin", "http://example.com") }, 403},
		"a name that leads here":         {func(r *http.Request) { r.Host = "example.com:8080" }, 403},
		"its question whether it may do": {func(r *http.Request) { r.Method = "OPTIONS"; r.Header.Set("Origin", "http://example.com") }, 405},
	} {
		code, text := post(t, s, "/api/v1/tests", `{"action": "end"}`, test.with)
		if code != test.code {
			t.Errorf("%s: %d %s, want %d", name, code, text, test.code)
		}
	}
	if said != 0 {
		t.Errorf("strangers said %d things", said)
	}
	if code, text := post(t, s, "/api/v1/tests", `{"action": "end"}`, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }); code != 200 {
		t.Errorf("its own page: %d %s", code, text)
	}
}
