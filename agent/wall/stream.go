package wall

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"plantroom/agent"
)

// The stream is server-sent events. A client that comes, or comes back, is told
// everything (hello) and from then on what changes; there is nothing that it
// could have missed, so the id that it may send is not needed. Messages:
//
//	hello   helloJSON: the site, its devices and how they stand
//	poll    pollJSON: the devices that were polled in the last tenth of a second
//	path    agent.Path, made of those polls
//	events  eventsJSON, when one has begun, changed or ended
//	tests   agent.Tests, when one begins, ends or is due another time
//	beat    beatJSON, every second, whatever happens
//
// Each is encoded once for all clients. A client that does not read falls
// behind by at most clientQueue messages and is then left, to come back.
type stream struct {
	s *Server

	mu      sync.Mutex
	clients map[chan []byte]bool
	id      uint64 // of the last message
	hello   []byte // as of id; nil for not made

	devices []*agent.Device // as in the last hello
	known   map[string]*agent.Device
	change  uint64 // of Live, that was sent last
	path    []byte
	drawn   drawing
	pathAt  time.Time
	stale   bool // devices were polled since the path was sent
	events  []byte
	tests   []byte
	beaten  time.Time
	stopped bool
}

const (
	slot        = 100 * time.Millisecond
	beatEvery   = time.Second
	pathEvery   = 250 * time.Millisecond // at most so often
	clientQueue = 64
	clientsMost = 128
	writeWithin = 5 * time.Second
	eventsShown = 10

	// eventsLooked is how many events are looked through for those that are shown.
	eventsLooked = 500
)

type helloJSON struct {
	Time    time.Time         `json:"time"`
	Site    string            `json:"site"`
	Agent   string            `json:"agent"`
	Version string            `json:"version"` // of the program
	Assets  string            `json:"assets"`  // of the pages: another one means that they are to be loaded again
	Ack     bool              `json:"ack"`     // events can be acknowledged
	Devices []descriptionJSON `json:"devices"`
	Live    []json.RawMessage `json:"live"` // liveJSON, of those that have been polled
	Path    json.RawMessage   `json:"path,omitempty"`
	// Diagrams are ways to draw the path; whoever draws takes the one that fills
	// his place best.
	Diagrams []diagram       `json:"diagrams,omitempty"`
	Events   json.RawMessage `json:"events,omitempty"`
	Tests    json.RawMessage `json:"tests,omitempty"`
}

type pollJSON struct {
	Time    time.Time         `json:"time"`
	Devices []json.RawMessage `json:"devices"` // liveJSON
}

// An eventsJSON is what a wall has room for; the newest of each come first, and
// no event is in two of them.
type eventsJSON struct {
	Active []agent.Event `json:"active"` // warnings and alarms that last, and are not a part of one that does
	Parts  []agent.Event `json:"parts"`  // parts of those, first what is urgent
	Last   []agent.Event `json:"last"`   // others that are no part of anything
}

type beatJSON struct {
	Time time.Time `json:"time"`
}

// join makes a client. It is told everything in its first message.
func (st *stream) join() (client chan []byte, ok bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.stopped || len(st.clients) >= clientsMost {
		return nil, false
	}
	if len(st.clients) == 0 {
		st.devices, st.hello = nil, nil
		st.pathAt, st.beaten = time.Time{}, time.Time{}
		st.look(time.Now())
		go st.run()
	}
	if st.hello == nil {
		st.hello = st.frame("hello", st.snapshot(time.Now()))
	}
	client = make(chan []byte, clientQueue)
	client <- st.hello
	st.clients[client] = true
	return client, true
}

func (st *stream) leave(client chan []byte) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.clients[client] {
		delete(st.clients, client)
		close(client)
	}
}

// stop leaves all clients, for ever.
func (st *stream) stop() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.stopped = true
	for client := range st.clients {
		delete(st.clients, client)
		close(client)
	}
}

// run looks for news while there are clients.
func (st *stream) run() {
	t := time.NewTicker(slot)
	defer t.Stop()
	for now := range t.C {
		st.mu.Lock()
		if len(st.clients) == 0 {
			st.mu.Unlock()
			return
		}
		if news := st.look(now); len(news) > 0 {
			st.hello = nil
			for client := range st.clients {
				select {
				case client <- news:
				default: // it does not read
					delete(st.clients, client)
					close(client)
				}
			}
		}
		st.mu.Unlock()
	}
}

// look returns the messages of what has changed since the last look.
func (st *stream) look(now time.Time) (news []byte) {
	o := &st.s.options
	devices := o.Agent.Latest.Devices()
	another := !slices.Equal(devices, st.devices)
	if another {
		st.devices, st.known = devices, map[string]*agent.Device{}
		for _, d := range devices {
			st.known[d.ID] = d
		}
	}
	changed, change := o.Live.after(st.change, st.known)
	st.change = change
	if len(changed) > 0 && !another {
		news = append(news, st.frame("poll", encoded(pollJSON{stamp(now), changed}))...)
	}
	st.stale = st.stale || len(changed) > 0
	if o.Path != nil && (another || now.Sub(st.pathAt) >= pathEvery && (st.stale || now.Sub(st.beaten) >= beatEvery)) {
		p := grouped(o.Path())
		st.pathAt, st.stale = now, false
		if text := encoded(asPath(p)); !bytes.Equal(text, st.path) {
			st.path = text
			another = st.drawn.of(&p) || another
			news = append(news, st.frame("path", text)...)
		}
	}
	if now.Sub(st.beaten) >= beatEvery {
		st.beaten = now
		if o.Events != nil {
			news = append(news, st.changed("events", &st.events, st.happened())...)
		}
		if o.Tests != nil {
			news = append(news, st.changed("tests", &st.tests, asTests(o.Tests()))...)
		}
		news = append(news, st.frame("beat", encoded(beatJSON{stamp(now)}))...)
	}
	if another { // all that there is to say is in it
		news = st.frame("hello", st.snapshot(now))
	}
	return news
}

// changed returns the message that something is v, none where that was said last.
func (st *stream) changed(event string, last *[]byte, v any) []byte {
	text := encoded(v)
	if bytes.Equal(text, *last) {
		return nil
	}
	*last = text
	return st.frame(event, text)
}

func (st *stream) frame(event string, data []byte) []byte {
	st.id++
	return fmt.Appendf(nil, "id: %d\nevent: %s\ndata: %s\n\n", st.id, event, data)
}

// snapshot returns the data of a hello.
func (st *stream) snapshot(now time.Time) []byte {
	o := &st.s.options
	h := helloJSON{Time: stamp(now), Site: o.Site, Agent: o.Name, Version: o.Version, Assets: st.s.pages.version, Ack: o.Ack != nil,
		Devices: []descriptionJSON{}, Path: st.path, Diagrams: st.drawn.diagrams, Events: st.events, Tests: st.tests}
	for _, d := range st.devices {
		h.Devices = append(h.Devices, describe(d))
	}
	// Everything: what is after the last change comes to everybody as a poll.
	h.Live, _ = o.Live.after(0, st.known)
	return encoded(h)
}

func (st *stream) happened() eventsJSON {
	out := eventsJSON{[]agent.Event{}, []agent.Event{}, []agent.Event{}}
	events := st.s.options.Events
	lasting := events(agent.EventQuery{Active: true, Severity: agent.Warning, Limit: eventsLooked})
	ids := map[string]bool{}
	for i := range lasting {
		ids[lasting[i].ID] = true
	}
	listed := map[string]bool{}
	for _, e := range lasting {
		if !ids[e.Parent] && len(out.Active) < eventsShown {
			out.Active = append(out.Active, asEvent(e))
			listed[e.ID] = true
		}
	}
	for _, e := range events(agent.EventQuery{Limit: eventsLooked}) {
		switch {
		case listed[e.ID]:
		case listed[e.Parent]:
			out.Parts = append(out.Parts, asEvent(e))
		case e.Parent == "" && len(out.Last) < eventsShown:
			out.Last = append(out.Last, asEvent(e))
		}
	}
	// There is room for a few: a generator that does not start comes before
	// what else has happened since.
	urgency := func(e agent.Event) agent.Severity {
		if !e.Active() {
			return agent.Info
		}
		return e.Severity
	}
	slices.SortStableFunc(out.Parts, func(a, b agent.Event) int { return cmp.Compare(urgency(b), urgency(a)) })
	out.Parts = out.Parts[:min(len(out.Parts), eventsShown)]
	return out
}

// serveStream answers until the client goes, does not read or the server stops.
func (s *Server) serveStream(w http.ResponseWriter, r *http.Request) {
	client, ok := s.stream.join()
	if !ok {
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusServiceUnavailable, "there are %d streams already", clientsMost)
		return
	}
	defer s.stream.leave(client)
	control := http.NewResponseController(w)
	// The server's own limits are for requests that end.
	control.SetReadDeadline(time.Time{})
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // a proxy is to pass it on at once
	message := []byte("retry: 1000\n\n")
	for {
		control.SetWriteDeadline(time.Now().Add(writeWithin))
		if _, err := w.Write(message); err != nil {
			return
		}
		if err := control.Flush(); err != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case message, ok = <-client:
			if !ok {
				return
			}
		}
	}
}

// A drawing is the diagrams of a path, made again when its parts are others.
type drawing struct {
	nodes    []string
	edges    [][2]string
	diagrams []diagram
}

// of makes the diagrams of p and reports whether they are others.
func (d *drawing) of(p *agent.Path) bool {
	var nodes []string
	var edges [][2]string
	for i := range p.Nodes {
		nodes = append(nodes, p.Nodes[i].ID)
	}
	for _, e := range p.Edges {
		edges = append(edges, [2]string{e.From, e.To})
	}
	if slices.Equal(nodes, d.nodes) && slices.Equal(edges, d.edges) {
		return false
	}
	d.nodes, d.edges = nodes, edges
	d.diagrams = []diagram{draw(p, false), draw(p, true)}
	return true
}
