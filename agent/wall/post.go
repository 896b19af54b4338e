package wall

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
)

// What people say to the agent: that they look at an event, and that a test
// begins, ends, is called off, or went so and so. It changes what the agent keeps, and no
// device. Who may look may say it; but a page of another site that somebody
// has open in his browser may not:
//
//   - a browser sends JSON to another origin only after it has asked, and the
//     answer is no;
//   - what a browser itself calls cross-site is refused;
//   - without a token or users, the agent must be called by its address: a name
//     that a stranger points at 127.0.0.1 is refused.

// A TestNote is what somebody says of a test.
type TestNote struct {
	Action string `json:"action"`         // start, end, cancel or note
	Test   string `json:"test,omitempty"` // id of a planned one; or, for a note or a cancel, the ID of a record
	Name   string `json:"name,omitempty"` // of one that is not planned
	Text   string `json:"text,omitempty"` // the note, or why it is cancelled
	Failed bool   `json:"failed,omitempty"`
	By     string `json:"by,omitempty"`
}

// maxSaid is how long what people say may be, in bytes of JSON.
const maxSaid = 8 << 10

// said answers those who may say something, with what they say put into v.
func (s *Server) said(answer func(w http.ResponseWriter, r *http.Request, said []byte)) http.Handler {
	strangers := http.NewCrossOriginProtection()
	return s.private(strangers.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		switch {
		case err != nil || kind != "application/json":
			refuse(w, http.StatusUnsupportedMediaType, "write JSON, with Content-Type: application/json")
			return
		case !s.named(r):
			refuse(w, http.StatusForbidden, "this agent has no token and no users, so it is called by its address, not as %s", r.Host)
			return
		}
		text, err := io.ReadAll(r.Body)
		if err != nil {
			refuse(w, http.StatusRequestEntityTooLarge, "that is too long, or it was cut off")
			return
		}
		answer(w, r, text)
	})))
}

// named reports whether the request calls the agent by what nobody else can
// give it: its address, or localhost.
func (s *Server) named(r *http.Request) bool {
	if s.options.Token != "" || len(s.options.Users) > 0 {
		return true
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return host == "localhost" || net.ParseIP(strings.Trim(host, "[]")) != nil
}

// understand puts JSON into v. A member that v does not have is an error: who
// misspells failed must not have passed.
func understand(text []byte, v any) error {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more behind it")
	}
	return nil
}

// who returns who says it: the name that is given, or that of the user.
func who(r *http.Request, by string) string {
	user, _, _ := r.BasicAuth()
	return cmp.Or(strings.TrimSpace(by), user)
}

// ack answers POST /api/v1/events/{id}/ack, {"by": "NAME"}, with the event.
func (s *Server) ack(w http.ResponseWriter, r *http.Request, text []byte) {
	var in struct {
		By string `json:"by"`
	}
	if err := understand(text, &in); err != nil {
		refuse(w, http.StatusBadRequest, `write {"by": "NAME"}: %v`, err)
		return
	}
	by := who(r, in.By)
	switch {
	case s.options.Ack == nil:
		refuse(w, http.StatusNotFound, "this agent keeps no events")
	case by == "":
		refuse(w, http.StatusBadRequest, `say who looks at it: {"by": "NAME"}`)
	default:
		e, err := s.options.Ack(r.PathValue("id"), by)
		settle(w, asEvent(e), err)
	}
}

// test answers POST /api/v1/tests, a TestNote, with {"id": "..."}: that of the
// test's event.
func (s *Server) test(w http.ResponseWriter, r *http.Request, text []byte) {
	var in TestNote
	if err := understand(text, &in); err != nil {
		refuse(w, http.StatusBadRequest, `write {"action": "start", "test": "monthly", "by": "NAME"}: %v`, err)
		return
	}
	in.By = who(r, in.By)
	switch {
	case s.options.Test == nil:
		refuse(w, http.StatusNotFound, "this agent keeps no tests")
	case !slices.Contains([]string{"start", "end", "cancel", "note"}, in.Action):
		refuse(w, http.StatusBadRequest, "action is %q; it can be start, end, cancel or note", in.Action)
	default:
		id, err := s.options.Test(in)
		settle(w, map[string]string{"id": id}, err)
	}
}

// settle answers with what was done, or why it was not.
func settle(w http.ResponseWriter, done any, err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		refuse(w, http.StatusNotFound, "%v", err)
	case err != nil:
		refuse(w, http.StatusConflict, "%v", err)
	default:
		reply(w, http.StatusOK, done)
	}
}
