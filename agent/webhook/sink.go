// Package webhook tells other services of events: chats, on-call tools,
// customer portals, the Prometheus Alertmanager.
//
// A Sink is one place to tell. It takes those events that its Filter wants, and
// once it has told of one, whatever becomes of that: acknowledged, escalated,
// ended. Each is one POST, of what a template makes of a Notice, of the Notice
// as JSON, or of an alert as the Alertmanager's API has it.
//
// It is a sink of an outlet, so an event waits in a durable queue until it is
// taken. What comes again after a failure, or after a restart, has the same
// Idempotency-Key, which is of the event as it was announced; where the far side
// does not look at it, it may take an event twice. What it says is at fault with
// the event itself, it will never take: that is set aside, counted and logged,
// and the next one goes on. Every other refusal keeps events waiting, because
// it is the far side, its address or a token that has to change.
//
// The Alertmanager forgets an alert that it does not hear of. So what lasts is
// told again every minute, by a reminder that goes through the queue like an
// event; it is made while readings come, and has no clock but theirs.
//
// What is in a URL, a token or a header is in no error and no log.
package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"text/template"
	"time"

	"plantroom/agent"
	"plantroom/agent/post"
)

// Options say who is told of what, and how.
type Options struct {
	Name   string // in the log
	URL    string // of the Alertmanager without /api/v2/alerts
	Header http.Header
	TLS    *tls.Config // for https://; nil believes the system's authorities
	Site   string
	Filter Filter

	Alertmanager bool
	Template     *template.Template // of an agent.Notice; nil: the notice as JSON
	ContentType  string             // of what it makes; "" for application/json

	Active func() []*agent.Event // the events that last
	// SetAside keeps what will never be taken, for people to look at; nil
	// keeps nothing.
	SetAside func(what string, why error)
	Log      *slog.Logger
}

// A Filter says which events somebody is told of.
type Filter struct {
	Severity     agent.Severity    // the least
	Classes      []string          // of the device, "site" for what is of none; none for all
	Labels       map[string]string // that the device must have
	Consequences bool              // also what is a part of an incident or test, besides that itself
	// EscalateAfter is for how long nobody has acknowledged the event; 0 for
	// those that have just begun.
	EscalateAfter time.Duration
}

// wants reports whether an event is one to be told of.
func (f *Filter) wants(e *agent.Event) bool {
	if e.Severity < f.Severity || e.Part() && !f.Consequences || time.Duration(e.Escalated)*time.Second < f.EscalateAfter {
		return false
	}
	class := e.Class
	if class == "" {
		class = "site"
	}
	if len(f.Classes) > 0 && !slices.Contains(f.Classes, class) {
		return false
	}
	for name, value := range f.Labels {
		if e.Labels[name] != value {
			return false
		}
	}
	return true
}

// A Sink tells one place. It implements agent.EventSink.
type Sink struct {
	options Options
	url     string // that is posted to
	host    string // what errors may say of it
	client  *http.Client
	hide    *strings.Replacer // takes secrets out of what the far side answers

	mu       sync.Mutex                // AppendEvent and Send run at the same time
	told     map[string]agent.Severity // of events that last, as they were told last
	reminded time.Time

	refused  atomic.Uint64
	refusing atomic.Bool     // the last event was refused, and that was logged
	taken    map[string]bool // records of a block of which others were not taken
}

// New returns a sink. It dials nothing.
func New(o Options) (*Sink, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("the webhook's URL is none; write for example https://chat.example.com/hooks/1234")
	}
	if o.ContentType == "" {
		o.ContentType = "application/json"
	}
	transport := post.Transport(o.TLS)
	transport.ForceAttemptHTTP2 = true
	s := &Sink{
		options: o, url: o.URL, host: u.Scheme + "://" + u.Host, told: map[string]agent.Severity{}, taken: map[string]bool{},
		client: post.Client(transport),
	}
	if o.Alertmanager {
		s.url = strings.TrimSuffix(o.URL, "/") + "/api/v2/alerts"
	}
	var secrets []string
	for _, values := range o.Header {
		for _, v := range values {
			secrets = append(secrets, strings.Fields(v)...) // of Bearer TOKEN
		}
	}
	secrets = append(secrets, strings.Split(u.EscapedPath(), "/")...)
	for _, pair := range strings.Split(u.RawQuery, "&") {
		_, value, _ := strings.Cut(pair, "=")
		secrets = append(secrets, value)
	}
	var pairs []string
	for _, secret := range secrets {
		if len(secret) >= 8 { // shorter ones are words
			pairs = append(pairs, secret, "***")
		}
	}
	s.hide = strings.NewReplacer(pairs...)
	return s, nil
}

// Close closes idle connections.
func (s *Sink) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

// Refused returns how many events were set aside, ever, because the far side
// will never take them. It may be called at any time.
func (s *Sink) Refused() uint64 { return s.refused.Load() }

// A record is an event as it waits: its length in bytes, a uvarint, and JSON.
// One without JSON is a reminder of what lasts.
type record struct {
	*agent.Event
	Was *agent.Severity `json:"was,omitempty"` // what was told last, where it was another
}

// Append appends nothing of the readings, but a reminder when one is due.
func (s *Sink) Append(dst []byte, rs []agent.Reading) []byte {
	if !s.options.Alertmanager || len(rs) == 0 {
		return dst
	}
	now := rs[0].Time
	s.mu.Lock()
	defer s.mu.Unlock()
	if passed := now.Sub(s.reminded); passed >= 0 && passed < remindEvery {
		return dst
	}
	s.reminded = now
	if len(s.lasting()) == 0 {
		return dst
	}
	return binary.AppendUvarint(dst, 0)
}

// AppendEvent encodes an event after dst, where it is one to be told of.
func (s *Sink) AppendEvent(dst []byte, e *agent.Event) []byte {
	s.mu.Lock()
	was, told := s.told[e.ID]
	wanted := told || s.options.Filter.wants(e)
	switch {
	case !e.Active():
		delete(s.told, e.ID)
	case wanted:
		s.told[e.ID] = e.Severity
	}
	s.mu.Unlock()
	if !wanted {
		return dst
	}
	r := record{Event: e}
	if told && was != e.Severity {
		r.Was = &was
	}
	text, err := json.Marshal(r)
	if err != nil {
		s.setAside(e.ID, []byte(e.Text.EN), err)
		return dst
	}
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

// lasting returns the events that last and are to be told of. s.mu is held.
func (s *Sink) lasting() (all []*agent.Event) {
	if s.options.Active == nil {
		return nil
	}
	for _, e := range s.options.Active() {
		if _, told := s.told[e.ID]; told || s.options.Filter.wants(e) {
			all = append(all, e)
		}
	}
	return all
}

// Send tells of the events of a block, one after the other, and returns nil
// when each is taken or set aside.
func (s *Sink) Send(ctx context.Context, block []byte) error {
	reminded := false
	for rest := block; len(rest) > 0; {
		size, n := binary.Uvarint(rest)
		if n <= 0 || size > uint64(len(rest)-n) {
			s.setAside("", nil, errors.New("a block of events is damaged"))
			break
		}
		text := rest[n : n+int(size)]
		rest = rest[n+int(size):]
		if size == 0 {
			if reminded { // one is as good as many
				continue
			}
			reminded = true
			if err := s.remind(ctx); err != nil {
				return err
			}
			continue
		}
		if s.taken[string(text)] {
			continue
		}
		if err := s.tell(ctx, text); err != nil {
			return err
		}
		s.taken[string(text)] = true // but for what comes after it in the block, it would be gone
	}
	clear(s.taken)
	return nil
}

// tell tells of one event.
func (s *Sink) tell(ctx context.Context, text []byte) error {
	var r record
	if err := json.Unmarshal(text, &r); err != nil || r.Event == nil {
		s.setAside("", text, errors.New("a record of an event is damaged"))
		return nil
	}
	var body bytes.Buffer
	var err error
	notice := &agent.Notice{Event: *r.Event, Site: s.options.Site}
	switch o := &s.options; {
	case o.Alertmanager:
		err = json.NewEncoder(&body).Encode(s.alerts(&r))
	case o.Template != nil:
		err = o.Template.Execute(&body, notice)
	default:
		err = json.NewEncoder(&body).Encode(notice)
	}
	if err != nil {
		s.setAside(r.ID, text, err)
		return nil
	}
	key := fnv.New64a()
	key.Write(text)
	err = s.post(ctx, body.Bytes(), fmt.Sprintf("%s-%016x", r.ID, key.Sum64()))
	if refused, ok := errors.AsType[*refusal](err); ok {
		s.setAside(r.ID, text, refused)
		return nil
	}
	return err
}

// remind tells the Alertmanager what lasts.
func (s *Sink) remind(ctx context.Context) error {
	s.mu.Lock()
	lasting := s.lasting()
	s.mu.Unlock()
	alerts := []alert{}
	for _, e := range lasting {
		alerts = append(alerts, s.alert(e, e.Severity))
	}
	if len(alerts) == 0 {
		return nil
	}
	body, err := json.Marshal(alerts)
	if err == nil {
		err = s.post(ctx, body, "")
	}
	if refused, ok := errors.AsType[*refusal](err); ok {
		s.setAside("", body, refused)
		return nil
	}
	return err
}

// A refusal is an answer that finds fault with what was posted.
type refusal struct{ err error }

func (r *refusal) Error() string { return r.err.Error() }

// post posts a body. The error is a *refusal where the same again would be
// refused again.
func (s *Sink) post(ctx context.Context, body []byte, key string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("post to %s: the URL is none", s.host)
	}
	req.Header = s.options.Header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("Content-Type", s.options.ContentType)
	req.Header.Set("User-Agent", "plantroom")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the URL
		}
		return agent.Plainly(fmt.Errorf("post to %s: %w", s.host, err))
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, post.AnswerLimit)) // so that the connection can be used again
	if resp.StatusCode/100 == 2 {
		s.refusing.Store(false)
		return nil
	}
	err = fmt.Errorf("post to %s: %s", s.host, s.reason(resp, text))
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return &refusal{err}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if wait := post.RetryAfter(resp.Header); wait > 0 {
			return &agent.WaitError{For: wait, Err: err}
		}
	}
	return err
}

// reason makes one line of an answer.
func (s *Sink) reason(resp *http.Response, text []byte) string {
	reason := strconv.Itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode)
	if resp.StatusCode/100 == 3 {
		return reason + ": it is somewhere else now; write the new URL"
	}
	if said := post.OneLine(s.hide.Replace(string(text))); said != "" {
		reason += ": " + said
	}
	return reason
}

// setAside counts an event that will never be taken, keeps it for people and
// logs the first.
func (s *Sink) setAside(id string, what []byte, err error) {
	s.refused.Add(1)
	if s.options.SetAside != nil {
		s.options.SetAside(string(what), err)
	}
	if !s.refusing.Swap(true) {
		s.options.Log.Error("an event is set aside, the webhook will never take it; more are only counted until it takes one",
			"sink", s.options.Name, "event", id, "err", err)
	}
}
