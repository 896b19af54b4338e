package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/textproto"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"gopkg.in/yaml.v3"

	"plantroom/agent"
)

// Webhook is an output that tells another service of events.
type Webhook struct {
	Name          string // as of Influx
	URL           Secret // whoever has it can write there
	Alertmanager  bool   // it is one, and has its API below URL
	Token         Secret // sent as Authorization: Bearer; none for none
	Headers       map[string]Secret
	TLS           TLS
	Template      string // see ParseTemplate; "": the event as JSON
	ContentType   string // of what the template makes
	Severity      agent.Severity
	Classes       []string          // of devices, or site; none for all
	Labels        map[string]string // that a device must have
	Consequences  bool              // also what is a part of an incident or test
	EscalateAfter time.Duration     // only what nobody has acknowledged for that long; 0: at once
}

// Host returns the part of a webhook's URL that is no secret.
func (w *Webhook) Host() string {
	u, err := url.Parse(w.URL.Reveal())
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func (r *siteReader) webhook(s *source, n *yaml.Node, i int, names map[string]string) *Webhook {
	in := s.mapping(n, "outputs.webhook")
	defer in.done()
	out := &Webhook{
		Name: r.outputName(in, "webhook", i, names), Token: NewSecret(s.text(in.get("token"), "token")), TLS: r.tls(in), Headers: map[string]Secret{},
	}
	if n := in.get("token"); n != nil && !headerText(out.Token.Reveal()) {
		s.fault(n, "the token has what no header can: a line break, or a control character")
	}
	at := in.need("url", "https://chat.example.com/hooks/1234")
	if at != nil {
		out.URL = s.secretURL(at)
	}
	out.Alertmanager = s.choice(in.get("kind"), "kind", "generic", "generic", "alertmanager") == "alertmanager"
	if at != nil && out.Alertmanager && strings.Contains(out.URL.Reveal(), "/api/v") {
		s.fault(at, "the url of an alertmanager is given without /api/v2/alerts")
	}
	if n := in.get("headers"); n != nil {
		s.headers(n, out)
	}
	text, contentType := in.get("template"), in.get("content_type")
	out.Template = s.text(text, "template")
	out.ContentType = s.text(contentType, "content_type")
	for key, n := range map[string]*yaml.Node{"template": text, "content_type": contentType} {
		if n != nil && out.Alertmanager {
			s.fault(n, "an alertmanager has its own form; %s is for kind: generic", key)
		}
	}
	switch {
	case contentType != nil && text == nil && !out.Alertmanager:
		s.fault(contentType, "content_type is of what a template makes; add template: ...")
	case contentType != nil && !headerText(out.ContentType):
		s.fault(contentType, "content_type cannot be sent as a header")
	case out.ContentType == "":
		out.ContentType = "application/json"
	}
	if text != nil && out.Template != "" {
		s.template(text, out)
	}
	word := s.choice(in.get("severity"), "severity", "warning", "info", "warning", "alarm")
	_ = out.Severity.UnmarshalText([]byte(word)) // it is one of them
	for _, n := range s.list(in.get("classes")) {
		if class := s.choice(n, "classes", "", Classes()...); class != "" {
			out.Classes = append(out.Classes, class)
		}
	}
	if n := in.get("labels"); n != nil {
		out.Labels = map[string]string{}
		pairs, _ := s.pairs(n, "labels")
		for _, p := range pairs {
			out.Labels[p.key.Value] = s.text(p.value, "the label "+p.key.Value)
		}
		r.later = append(r.later, func() {
			if name, value := r.unlabelled(out.Labels); name != "" {
				s.fault(n, "no device has the label %s: %s; %s", name, value, oneOf(value, r.labelled(name)))
			}
		})
	}
	// An incident is of the site: who asks for some devices means what happens to them.
	out.Consequences = out.Classes != nil || out.Labels != nil
	if n := in.get("consequences"); n != nil {
		out.Consequences = s.boolean(n, "consequences")
	}
	if n := in.get("escalate_after"); n != nil {
		out.EscalateAfter = s.duration(n, "escalate_after", 0, time.Second, 24*time.Hour)
	}
	return out
}

// secretURL returns a URL that is in no fault.
func (s *source) secretURL(n *yaml.Node) Secret {
	text := s.text(n, "url")
	u, err := url.Parse(text)
	switch {
	case text == "": // and that was said
	case err != nil || u.Scheme == "" || u.Host == "":
		s.fault(n, "the url has no scheme or no host; write for example https://chat.example.com/hooks/1234")
	case u.Scheme != "https" && u.Scheme != "http":
		s.fault(n, "the url must begin with https:// or http://")
	case u.User != nil:
		s.fault(n, "the url carries a user name; give a token, or a header: headers: {Authorization: \"Basic ...\"}")
	}
	return NewSecret(text)
}

// headers reads the headers that are sent along.
func (s *source) headers(n *yaml.Node, out *Webhook) {
	pairs, _ := s.pairs(n, "headers")
	for _, p := range pairs {
		name := textproto.CanonicalMIMEHeaderKey(p.key.Value)
		value := s.text(p.value, "the header "+name)
		switch {
		case !headerName.MatchString(name):
			s.fault(p.key, "%s can be no header's name; write letters, digits and -", p.key.Value)
		case !headerText(value):
			s.fault(p.value, "the header %s has what no header can: a line break, or a control character", name)
		case slices.Contains([]string{"Host", "Content-Length", "Transfer-Encoding", "Connection", "Content-Type", "Idempotency-Key"}, name):
			s.fault(p.key, "the header %s is set by plantroom%s", name, map[bool]string{true: "; see content_type"}[name == "Content-Type"])
		case name == "Authorization" && !out.Token.IsZero():
			s.fault(p.key, "token makes the header Authorization already; leave one of them out")
		default:
			out.Headers[name] = NewSecret(value)
		}
	}
}

var headerName = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

// headerText reports whether text can be sent in a header.
func headerText(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7F })
}

// Header returns what is sent along with every event.
func (w *Webhook) Header() http.Header {
	h := http.Header{}
	for name, value := range w.Headers {
		h.Set(name, value.Reveal())
	}
	if !w.Token.IsZero() {
		h.Set("Authorization", "Bearer "+w.Token.Reveal())
	}
	return h
}

// ParseTemplate compiles a webhook's template, a text/template of an
// agent.Notice: {{.Text.EN}}, {{.Severity}}, {{if .Active}}. Besides what every
// template knows there is json, which writes a value as JSON does, quotes
// included, and local, a time in the box's own zone.
func ParseTemplate(text string) (*template.Template, error) {
	return template.New("template").Option("missingkey=zero").Funcs(template.FuncMap{
		"json": func(v any) (string, error) {
			text, err := json.Marshal(v)
			return string(text), err
		},
		"local": time.Time.Local,
	}).Parse(text)
}

// samples are events that a template must be able to write: one that lasts,
// with a text that has to be quoted, and one with everything.
func samples() []agent.Notice {
	began, value := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), 12.5
	lasts := agent.Event{ID: "20261124-120000-ab001", Kind: "incident", Severity: agent.Alarm, Began: began,
		Text: agent.Words{EN: `The building is on "batteries"`, CS: "Budova běží z \"baterií\""}}
	over := agent.Event{ID: "20261124-120000-ab002", Kind: "limit", Parent: lasts.ID, Device: "ups-a", Name: `UPS "A"`, Class: "ups",
		Labels: map[string]string{"room": "ups-room"}, Metric: "battery_charge", Channel: "L1", Severity: agent.Warning, Began: began,
		Ended: began.Add(time.Hour), Value: &value, Unit: "%", State: "on_battery", Text: lasts.Text, Acked: began.Add(time.Minute), AckedBy: "Jana", Escalated: 900}
	return []agent.Notice{{Event: lasts, Site: "praha-1"}, {Event: over, Site: "praha-1"}}
}

// template checks that a template can write what there may be.
func (s *source) template(n *yaml.Node, out *Webhook) {
	t, err := ParseTemplate(out.Template)
	if err != nil {
		s.templateFault(n, err)
		return
	}
	for _, sample := range samples() {
		var made bytes.Buffer
		if err := t.Execute(&made, &sample); err != nil {
			s.templateFault(n, err)
			return
		}
		var v any
		if strings.HasPrefix(out.ContentType, "application/json") {
			if err := json.Unmarshal(made.Bytes(), &v); err != nil {
				where := "it ends too early"
				if e, ok := errors.AsType[*json.SyntaxError](err); ok && e.Offset > 0 && int(e.Offset) < made.Len() {
					where = "from " + shorten(made.String()[e.Offset-1:]) + " on"
				}
				s.fault(n, "what the template makes is no JSON, %s: %s; {{json .Text.EN}} writes a text with its quotes, and content_type says what else it is", where, shorten(made.String()))
				return
			}
		}
	}
}

func shorten(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 120 {
		text = strings.ToValidUTF8(text[:120], "") + "..."
	}
	return text
}

// templateForm takes an error of text/template apart: line, column and what it
// was doing may be missing.
var templateForm = regexp.MustCompile(`^template: template:(\d+):(?:(\d+):)? (?:executing "template" at (<.*?>): )?(.*)$`)

// templateFault reports a mistake in a template where it is, as far as YAML
// tells.
func (s *source) templateFault(n *yaml.Node, err error) {
	part := templateForm.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
	if part == nil {
		s.fault(n, "template: %v", err)
		return
	}
	what := templateMistake(part[4])
	if part[3] != "" {
		what = part[3] + ": " + what
	}
	line, _ := strconv.Atoi(part[1])
	col, _ := strconv.Atoi(part[2])
	// The lines of a literal block are those of the file, but for their indent.
	if first := n.Line; n.Style&yaml.LiteralStyle != 0 && !strings.Contains(n.Value, "${") && first+line <= len(s.lines) {
		indent := len(s.lines[first]) - len(bytes.TrimLeft(s.lines[first], " "))
		s.fault(&yaml.Node{Line: first + line, Column: indent + 1 + col}, "template: %s", what)
		return
	}
	s.fault(n, "template, line %d: %s", line, what)
}

// templateMistake says what text/template found in words for who wrote the
// template.
func templateMistake(what string) string {
	if _, field, ok := strings.Cut(what, "can't evaluate field "); ok {
		field, _, _ = strings.Cut(field, " ")
		if near := nearest(field, noticeFields()); near != "" {
			return "there is no ." + field + "; did you mean ." + near + "?"
		}
		return "there is no ." + field + "; the README lists what an event has"
	}
	if name, ok := strings.CutPrefix(what, "function "); ok {
		name, _, _ = strings.Cut(strings.Trim(name, `"`), `"`)
		return "there is no function " + name + "; " + oneOf(name, []string{"json", "local", "and", "or", "not", "eq", "ne", "index", "len", "printf"})
	}
	switch {
	case strings.Contains(what, "unexpected EOF"):
		return "an if, range or with lacks its {{end}}"
	case strings.HasPrefix(what, "unclosed action"), strings.HasPrefix(what, "bad character"), strings.HasPrefix(what, `unexpected "}"`):
		return "what begins with {{ must end with }}"
	}
	return what
}

// noticeFields are the fields that a template can use.
func noticeFields() (names []string) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[agent.Notice]()) {
		if !f.Anonymous {
			names = append(names, f.Name)
		}
	}
	return names
}
