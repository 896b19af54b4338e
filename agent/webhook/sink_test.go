package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	"github.com/google/go-cmp/cmp"

	"plantroom/agent"
	"plantroom/testdata/peer"
)

// A far side answers as its test says and keeps what it took.
type farSide struct {
	*httptest.Server
	answer func(body string) (status int, text string)

	mu     sync.Mutex
	posts  []string // bodies, of those that were refused too
	keys   []string
	header http.Header // of the last
}

func newFarSide(t *testing.T, answer func(body string) (int, string)) *farSide {
	f := &farSide{answer: answer}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *farSide) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	f.posts, f.keys, f.header = append(f.posts, string(body)), append(f.keys, r.Header.Get("Idempotency-Key")), r.Header
	f.mu.Unlock()
	status, text := http.StatusOK, "ok"
	if f.answer != nil {
		status, text = f.answer(string(body))
	}
	if after, ok := strings.CutPrefix(text, "after "); ok {
		w.Header().Set("Retry-After", after)
	}
	if r.Method != http.MethodPost {
		status = http.StatusMethodNotAllowed
	}
	w.WriteHeader(status)
	io.WriteString(w, text)
}

// take returns what was posted since the last time.
func (f *farSide) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	posts := f.posts
	f.posts = nil
	return posts
}

func newSink(t *testing.T, o Options) *Sink {
	t.Helper()
	o.Site = "praha-1"
	if o.Name == "" {
		o.Name = "oncall"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

var began = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// event returns one that lasts.
func event(id string, severity agent.Severity) *agent.Event {
	return &agent.Event{ID: id, Kind: "state", Device: "ups-a", Name: "UPS A", Class: "ups", Labels: map[string]string{"room": "hall"}, Metric: "status",
		Severity: severity, Began: began, State: "on_battery", Text: agent.Words{EN: `UPS A is "on battery"`, CS: "UPS A běží z baterie"}}
}

// with returns a changed copy.
func with(e *agent.Event, change func(*agent.Event)) *agent.Event {
	c := *e
	change(&c)
	return &c
}

func TestJSONAndTemplate(t *testing.T) {
	far := newFarSide(t, nil)
	s := newSink(t, Options{URL: far.URL, Header: http.Header{"Authorization": {"Bearer sesame"}}})
	e := event("1", agent.Alarm)
	if err := s.Send(t.Context(), s.AppendEvent(s.Append(nil, nil), e)); err != nil {
		t.Fatal(err)
	}
	var got agent.Notice
	if err := json.Unmarshal([]byte(far.take()[0]), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(agent.Notice{Event: *e, Site: "praha-1"}, got); diff != "" {
		t.Error(diff)
	}
	if h := far.header; h.Get("Content-Type") != "application/json" || h.Get("Authorization") != "Bearer sesame" || h.Get("User-Agent") != "plantroom" {
		t.Errorf("header: %v", h)
	}
	words := template.Must(template.New("").Parse(`{{.Site}} {{.Severity}}: {{.Text.CS}}{{if not .Active}}, konec {{.Ended.Format "15:04"}}{{end}}`))
	s = newSink(t, Options{URL: far.URL, Template: words, ContentType: "text/plain"})
	over := with(e, func(e *agent.Event) { e.Ended = began.Add(time.Hour) })
	if err := s.Send(t.Context(), s.AppendEvent(s.AppendEvent(nil, e), over)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"praha-1 alarm: UPS A běží z baterie", "praha-1 alarm: UPS A běží z baterie, konec 13:00"}, far.take()); diff != "" {
		t.Error(diff)
	}
	if far.header.Get("Content-Type") != "text/plain" {
		t.Errorf("header: %v", far.header)
	}
}

// TestFilter: who wants an event gets it, and whatever becomes of it, also when
// it would not be wanted any more.
func TestFilter(t *testing.T) {
	root, e := event("1", agent.Warning), event("1", agent.Warning)
	for _, test := range []struct {
		name   string
		filter Filter
		event  *agent.Event
		want   bool
	}{
		{"everything", Filter{}, with(e, func(e *agent.Event) { e.Severity = agent.Info }), true},
		{"severe enough", Filter{Severity: agent.Warning}, e, true},
		{"not severe enough", Filter{Severity: agent.Alarm}, e, false},
		{"a part of an incident", Filter{}, with(e, func(e *agent.Event) { e.Parent = "0" }), false},
		{"a part that outlasted its incident", Filter{}, with(e, func(e *agent.Event) { e.Parent, e.Outlived = "0", began }), true},
		{"a part of an incident that is wanted", Filter{Consequences: true}, with(e, func(e *agent.Event) { e.Parent = "0" }), true},
		{"the class", Filter{Classes: []string{"ats", "ups"}}, e, true},
		{"another class", Filter{Classes: []string{"ats"}}, e, false},
		{"of the site", Filter{Classes: []string{"site"}}, with(e, func(e *agent.Event) { e.Class = "" }), true},
		{"the label", Filter{Labels: map[string]string{"room": "hall"}}, e, true},
		{"another label", Filter{Labels: map[string]string{"room": "hall", "feed": "A"}}, e, false},
		{"not for long enough", Filter{EscalateAfter: 15 * time.Minute}, with(e, func(e *agent.Event) { e.Escalated = 600 }), false},
		{"for long enough", Filter{EscalateAfter: 15 * time.Minute}, with(e, func(e *agent.Event) { e.Escalated = 900 }), true},
	} {
		s := newSink(t, Options{URL: "http://127.0.0.1:1", Filter: test.filter})
		if got := len(s.AppendEvent(nil, test.event)) > 0; got != test.want {
			t.Errorf("%s: told %v, want %v", test.name, got, test.want)
		}
		if !test.want {
			continue
		}
		if len(s.AppendEvent(nil, with(root, func(e *agent.Event) { e.Severity = agent.Info }))) == 0 {
			t.Errorf("%s: not told what has become of it", test.name)
		}
		over := with(root, func(e *agent.Event) { e.Severity, e.Parent, e.Class, e.Ended = agent.Info, "0", "dc", began })
		if len(s.AppendEvent(nil, over)) == 0 {
			t.Errorf("%s: not told that it has ended", test.name)
		}
		if len(s.told) != 0 {
			t.Errorf("%s: what has ended is remembered", test.name)
		}
	}
}

// TestFarSideFails: an event waits for as long as the far side does not take
// it, those before it are not told of twice, and its key stays the same.
func TestFarSideFails(t *testing.T) {
	var status int
	var text string
	far := newFarSide(t, func(body string) (int, string) {
		if strings.Contains(body, `"id":"2"`) && status != 0 {
			return status, text
		}
		return http.StatusNoContent, ""
	})
	s := newSink(t, Options{URL: far.URL})
	block := s.AppendEvent(s.AppendEvent(s.AppendEvent(nil, event("1", agent.Alarm)), event("2", agent.Alarm)), event("3", agent.Alarm))
	for _, test := range []struct {
		status int
		text   string
		err    string
		wait   time.Duration
	}{
		{500, "broken", "500 Internal Server Error: broken", 0},
		{401, "who are you?", "401 Unauthorized: who are you?", 0},
		{403, "", "403 Forbidden", 0},
		{404, "no such hook", "404 Not Found: no such hook", 0},
		{408, "", "408 Request Timeout", 0},
		{302, "", "302 Found: it is somewhere else now; write the new URL", 0},
		{429, "after 17", "429 Too Many Requests: after 17 (for 17s)", 17 * time.Second},
		{503, "after 60", "503 Service Unavailable: after 60 (for 1m0s)", time.Minute},
		{503, "", "503 Service Unavailable", 0},
	} {
		status, text = test.status, test.text
		err := s.Send(t.Context(), block)
		want := "post to " + far.URL + ": " + test.err
		if err == nil || err.Error() != want {
			t.Errorf("%d: %v, want %s", test.status, err, want)
		}
		if w, ok := errors.AsType[*agent.WaitError](err); ok != (test.wait > 0) || ok && w.For != test.wait {
			t.Errorf("%d: %v, want to wait %v", test.status, err, test.wait)
		}
	}
	status = 0
	if err := s.Send(t.Context(), block); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, body := range far.take() {
		var n agent.Notice
		if err := json.Unmarshal([]byte(body), &n); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, n.ID)
	}
	if got, want := strings.Join(ids, ""), "1"+strings.Repeat("2", 10)+"3"; got != want {
		t.Errorf("posted: %s, want %s", got, want)
	}
	keys := slices.Compact(slices.Clone(far.keys))
	if len(keys) != 3 || !strings.HasPrefix(keys[1], "2-") {
		t.Errorf("keys: %q", keys)
	}
	if len(s.taken) != 0 {
		t.Errorf("%d events are remembered", len(s.taken))
	}
	// The same event, as it has become, has another.
	if err := s.Send(t.Context(), s.AppendEvent(nil, with(event("2", agent.Alarm), func(e *agent.Event) { e.AckedBy = "Jana" }))); err != nil || far.keys[len(far.keys)-1] == keys[1] {
		t.Errorf("%v, key %s", err, far.keys[len(far.keys)-1])
	}
}

// TestSetAside: what is at fault itself is set aside with the reason, and does
// not keep the next one from being told.
func TestSetAside(t *testing.T) {
	refuse := true
	far := newFarSide(t, func(body string) (int, string) {
		if refuse && strings.Contains(body, "bad") {
			return http.StatusUnprocessableEntity, "no such field"
		}
		return http.StatusOK, ""
	})
	var log strings.Builder
	var aside []string
	s := newSink(t, Options{URL: far.URL, Log: slog.New(slog.NewTextHandler(&log, nil)),
		Template: template.Must(template.New("").Parse(`{{.ID}}{{if eq .ID "odd"}}{{index .Text.EN 1000}}{{end}}`)),
		SetAside: func(what string, why error) { aside = append(aside, why.Error()+": "+what) }})
	block := s.AppendEvent(nil, event("bad-1", agent.Alarm))
	for _, id := range []string{"bad-2", "good", "odd", "bad-3"} {
		block = s.AppendEvent(block, event(id, agent.Alarm))
	}
	block = append(block, 0xFF, 0xFF, 0xFF, 0x01, 'x')
	if err := s.Send(t.Context(), block); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(far.take(), " "), "bad-1 bad-2 good bad-3"; got != want {
		t.Errorf("posted %s, want %s", got, want)
	}
	if s.Refused() != 5 || len(aside) != 5 || !strings.HasPrefix(aside[0], "post to "+far.URL+": 422 Unprocessable Entity: no such field: {\"id\":\"bad-1\"") {
		t.Errorf("%d set aside: %q", s.Refused(), aside)
	}
	// bad-2 is only counted; after the good one it is news again, once.
	if lines := strings.Split(strings.TrimSpace(log.String()), "\n"); len(lines) != 2 || !strings.Contains(lines[0], "event=bad-1") || !strings.Contains(lines[0], "422") || !strings.Contains(lines[1], "event=odd") {
		t.Errorf("log:\n%s", log.String())
	}
}

// TestSecrets: nothing of the URL but its host, no token and no header is in an
// error, whatever fails and whatever the far side answers.
func TestSecrets(t *testing.T) {
	const hook, token, key, query = "T024BE7LD-hook-sesame", "token-sesame", "header-sesame", "query-sesame"
	var redirect string
	far := newFarSide(t, func(string) (int, string) {
		return http.StatusInternalServerError, "you posted to /hooks/" + hook + "?key=" + query + " with Bearer " + token + " and " + key
	})
	gone := httptest.NewServer(nil)
	gone.Close()
	loop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, redirect, http.StatusTemporaryRedirect)
	}))
	defer loop.Close()
	redirect = loop.URL + "/" + hook
	secure := httptest.NewTLSServer(nil)
	defer secure.Close()
	for _, url := range []string{far.URL, gone.URL, loop.URL, secure.URL, "http://localhost.invalid", "http://127.0.0.1:1"} {
		s := newSink(t, Options{URL: url + "/hooks/" + hook + "?key=" + query, Header: http.Header{"Authorization": {"Bearer " + token}, "X-Key": {key}}})
		err := s.Send(t.Context(), s.AppendEvent(nil, event("1", agent.Alarm)))
		if err == nil || !strings.HasPrefix(err.Error(), "post to "+url+": ") {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if strings.Contains(err.Error(), "sesame") {
			t.Errorf("a secret is in the error: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Send(ctx, s.AppendEvent(nil, event("1", agent.Alarm))); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("cancelled: %v", err)
		}
	}
	for _, url := range []string{"", "chat.example.com/sesame", "ftp://chat.example.com/sesame", "https:///sesame", "https://chat\x7f.example.com/sesame"} {
		if _, err := New(Options{URL: url}); err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// TestAlertmanager tells a real one of alerts, of their end and of another
// severity, while it runs, restarts and is away.
func TestAlertmanager(t *testing.T) {
	var mu sync.Mutex
	var heard []string // what it told others, status, severity and summary
	far := newFarSide(t, func(body string) (int, string) {
		var group struct {
			Alerts []struct {
				Status              string
				Labels, Annotations map[string]string
			}
		}
		if err := json.Unmarshal([]byte(body), &group); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, a := range group.Alerts {
			heard = append(heard, a.Status+" "+a.Labels["severity"]+" "+a.Annotations["summary_cs"])
		}
		return http.StatusOK, ""
	})
	hears := func(what string) {
		t.Helper()
		peer.Until(t, "the Alertmanager tells "+what, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.Contains(heard, what)
		})
	}
	am := peer.StartAlertmanager(t, far.URL)
	var active []*agent.Event
	s := newSink(t, Options{URL: am.URL + "/", Alertmanager: true, Filter: Filter{Severity: agent.Warning}, Active: func() []*agent.Event { return active }})
	send := func(block []byte) {
		t.Helper()
		if err := s.Send(t.Context(), block); err != nil {
			t.Fatal(err)
		}
	}
	value := 12.5
	e := with(event("1", agent.Warning), func(e *agent.Event) {
		e.Began = time.Now().UTC().Add(-time.Minute).Truncate(time.Millisecond)
		e.Labels = map[string]string{"room": "ups hall", "rack.row": "5", "2nd": "x", "severity": "mine"}
		e.Value, e.Unit, e.Channel = &value, "%", "L1"
	})
	active = []*agent.Event{e}
	send(s.AppendEvent(nil, e))
	alerts := am.Alerts(t)
	if len(alerts) != 1 {
		t.Fatalf("alerts: %+v", alerts)
	}
	wantLabels := map[string]string{"alertname": "status", "severity": "warning", "site": "praha-1", "kind": "state", "device": "ups-a", "class": "ups",
		"metric": "status", "channel": "L1", "room": "ups hall", "rack_row": "5", "_2nd": "x"}
	wantAnnotations := map[string]string{"summary": `UPS A is "on battery"`, "summary_cs": "UPS A běží z baterie", "name": "UPS A", "id": "1", "state": "on_battery", "value": "12.5 %"}
	if diff := cmp.Diff(wantLabels, alerts[0].Labels) + cmp.Diff(wantAnnotations, alerts[0].Annotations); diff != "" {
		t.Error(diff)
	}
	if at, err := time.Parse(time.RFC3339, alerts[0].StartsAt); err != nil || !at.Equal(e.Began) || alerts[0].Status.State != "active" {
		t.Errorf("alert: %+v", alerts[0])
	}
	if ends, err := time.Parse(time.RFC3339, alerts[0].EndsAt); err != nil || time.Until(ends) < 3*time.Minute || time.Until(ends) > forgetAfter {
		t.Errorf("the Alertmanager forgets it at %v (%v)", ends, err)
	}
	hears("firing warning UPS A běží z baterie")

	// It becomes worse: an alert of another severity, and the one before is over.
	worse := with(e, func(e *agent.Event) { e.Severity = agent.Alarm })
	active = []*agent.Event{worse}
	send(s.AppendEvent(nil, worse))
	hears("firing alarm UPS A běží z baterie")
	hears("resolved warning UPS A běží z baterie")
	if alerts = am.Alerts(t); len(alerts) != 1 || alerts[0].Labels["severity"] != "alarm" {
		t.Errorf("alerts: %+v", alerts)
	}

	// It forgets, and is reminded within a minute of readings, not sooner.
	am.Process.Stop()
	am.Restart(t)
	if alerts = am.Alerts(t); len(alerts) != 0 {
		t.Fatalf("the Alertmanager still knows %+v", alerts)
	}
	reading := func(at time.Time) []agent.Reading {
		return []agent.Reading{{Point: &agent.Point{Device: &agent.Device{ID: "ups-a"}, Metric: &agent.Metric{}}, Time: at}}
	}
	now := time.Now()
	block := s.Append(nil, reading(now))
	for i := range 59 {
		if b := s.Append(nil, reading(now.Add(time.Duration(i)*time.Second))); len(b) > 0 {
			t.Errorf("a reminder after %d s", i)
		}
	}
	block = s.Append(block, reading(now.Add(time.Minute)))
	block = s.Append(block, reading(now.Add(-time.Hour))) // the clock was set
	if len(block) != 3 {
		t.Errorf("%d reminders, want 3", len(block))
	}
	send(block)
	if alerts = am.Alerts(t); len(alerts) != 1 || alerts[0].Labels["severity"] != "alarm" {
		t.Errorf("alerts after the reminder: %+v", alerts)
	}

	// It is away while the event ends and another comes and goes.
	am.Process.Stop()
	over := with(worse, func(e *agent.Event) { e.Ended = time.Now().UTC().Truncate(time.Millisecond) })
	active = nil
	block = s.AppendEvent(nil, over)
	if err := s.Send(t.Context(), block); err == nil || err.Error() != "post to "+am.URL+": connection refused" {
		t.Errorf("the Alertmanager is away: %v", err)
	}
	am.Restart(t)
	send(block)
	if alerts = am.Alerts(t); len(alerts) != 0 {
		t.Errorf("alerts after the end: %+v", alerts)
	}
	if b := s.Append(nil, reading(now.Add(2*time.Hour))); len(b) > 0 {
		t.Error("a reminder of nothing")
	}
}

// TestAlertmanagerRefuses: what it refuses, a real one says why.
func TestAlertmanagerRefuses(t *testing.T) {
	am := peer.StartAlertmanager(t, "")
	var aside string
	s := newSink(t, Options{URL: am.URL, Alertmanager: true, SetAside: func(what string, why error) { aside = why.Error() }})
	back := with(event("1", agent.Alarm), func(e *agent.Event) { e.Ended = e.Began.Add(-time.Hour) }) // no engine makes one
	good := with(event("2", agent.Alarm), func(e *agent.Event) { e.Device, e.Began = "ups-b", time.Now() })
	if err := s.Send(t.Context(), s.AppendEvent(s.AppendEvent(nil, back), good)); err != nil {
		t.Fatal(err)
	}
	if s.Refused() != 1 || !strings.Contains(aside, "400 Bad Request: ") || !strings.Contains(aside, "end time") {
		t.Errorf("%d refused: %s", s.Refused(), aside)
	}
	if alerts := am.Alerts(t); len(alerts) != 1 || alerts[0].Labels["device"] != "ups-b" {
		t.Errorf("alerts: %+v", alerts)
	}
}

// FuzzSend: whatever a queue gives back, every event in it is told of or set
// aside.
func FuzzSend(f *testing.F) {
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	defer far.Close()
	s, err := New(Options{URL: far.URL, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s.AppendEvent(s.AppendEvent(nil, event("1", agent.Alarm)), event("2", agent.Info)))
	f.Add([]byte{0, 0, 2, '{', '}', 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 1})
	f.Fuzz(func(t *testing.T, block []byte) {
		if err := s.Send(t.Context(), block); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	s, err := New(Options{URL: "http://127.0.0.1:1", Alertmanager: true, Active: func() []*agent.Event { return nil }})
	if err != nil {
		b.Fatal(err)
	}
	rs := []agent.Reading{{Time: began}}
	b.ReportAllocs()
	for b.Loop() {
		s.Append(nil, rs)
	}
}

// TestTLS believes the authority that it is told to, and proves who it is.
func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) == 0 {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	for _, test := range []struct {
		tls *tls.Config
		err string
	}{
		{nil, "certificate signed by unknown authority"},
		{&tls.Config{RootCAs: roots}, "403 Forbidden"},
		{&tls.Config{RootCAs: roots, Certificates: server.TLS.Certificates}, ""},
		{&tls.Config{RootCAs: roots, ServerName: "chat.example.org"}, "not chat.example.org"},
	} {
		s := newSink(t, Options{URL: server.URL, TLS: test.tls})
		err := s.Send(t.Context(), s.AppendEvent(nil, event("1", agent.Alarm)))
		if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%v, want %q", err, test.err)
		}
	}
}
