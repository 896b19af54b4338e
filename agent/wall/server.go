// Package wall serves over HTTP how the facility and the agent stand:
//
//	/healthz   200 and {"status":"ok"} while polls are being made, 503 when they are not;
//	           who may see it all also sees devices and outputs
//	/metrics   the same for Prometheus
//	/          the wall, for a screen that everybody sees; /desk and /desk/ID for the support desk
//	/assets/   what these pages are made of, below the version of all of it
//	/api/v1/   JSON: site, devices, device/ID with its readings, path (agent.Path), events
//	           (agent.Event, newest first; active, since, until, device, severity, limit), tests
//	           (agent.Tests), trend (device, metric, channel, range) and stream (server-sent events, see stream.go);
//	           and public, where that is wanted, for everybody: the state of it all in a word
//
// The API is versioned: below /api/v1 members are added and never change their
// meaning. A page holds one stream, which costs the agent one encoding for all
// pages together; one that does not read is left, and comes back.
//
// It listens on loopback unless it is told otherwise, and then wants a token
// (Authorization: Bearer TOKEN) or a user's password (Basic). Nothing of the
// facility can be changed through it: what can be said (POST, see post.go) is
// that somebody looks at an event, and how a test went.
package wall

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/net/netutil"

	"plantroom/agent"
)

// Options say where to listen and who may look. With neither Token nor Users
// everybody who reaches the address may.
type Options struct {
	Listen string            // host:port; port 0 takes a free one
	Token  string            // "" for none
	Users  map[string]string // name -> bcrypt hash of the password
	Public bool              // everybody may know how the site stands
	Agent  *agent.Agent
	Log    *slog.Logger

	Site    string // what the pages call it
	Name    string // of the agent
	Version string // of the program
	Files   fs.FS  // the pages and what they need; nil for none
	Live    *Live  // observes the agent; nil for one that has seen nothing

	// What others know; nil where there is nobody who does.
	Trend  func(device, metric, channel string, day bool) Trend // the last day or hour; gaps of what is not known
	Path   func() agent.Path                                    // what the building stands on now
	Events func(agent.EventQuery) []agent.Event                 // newest first
	Tests  func() agent.Tests                                   // what is planned, being made, and how it went last
	Ack    func(id, by string) (agent.Event, error)             // somebody looks at it
	Test   func(TestNote) (id string, err error)                // somebody says something of a test
	Traps  func() (received uint64, dropped map[string]uint64)  // SNMP traps, since they are listened for; by the reason
}

// A Server answers until it is closed.
type Server struct {
	options Options
	pages   *pages
	stream  *stream
	http    *http.Server
	address string
	done    chan struct{}
	guess   chan struct{} // held by who tries a password

	mu    sync.Mutex
	known map[[sha256.Size]byte]bool // passwords that were right: bcrypt is slow on purpose
}

// maxConns is how many connections are open at the same time; others wait.
// Whoever opens more must not take the agent's sockets from its devices.
const maxConns = 256

// Listen starts a server.
func Listen(o Options) (*Server, error) {
	l, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, agent.Plainly(fmt.Errorf("listen on %s: %w", o.Listen, err))
	}
	return serveOn(l, o), nil
}

// serveOn starts a server on l, which it closes in the end.
func serveOn(l net.Listener, o Options) *Server {
	if o.Live == nil {
		o.Live = NewLive(nil)
	}
	s := &Server{options: o, pages: newPages(o.Files), address: l.Addr().String(), done: make(chan struct{}), guess: make(chan struct{}, 1), known: map[[sha256.Size]byte]bool{}}
	s.stream = &stream{s: s, clients: map[chan []byte]bool{}}
	s.http = &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(netutil.LimitListener(l, maxConns)); !errors.Is(err, http.ErrServerClosed) {
			o.Log.Error("the wall is not served any more", "listen", s.address, "err", err)
		}
	}()
	return s
}

// Addr returns the address that the server listens on, host:port.
func (s *Server) Addr() string { return s.address }

// Close stops the server; what is being answered has a second to end.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s.stream.stop()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	<-s.done
	return err
}

func (s *Server) handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), metrics{s.options.Agent, s.options.Traps})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.health)
	for pattern, answer := range map[string]http.HandlerFunc{
		"GET /api/v1/site":        s.site,
		"GET /api/v1/devices":     s.devices,
		"GET /api/v1/device/{id}": s.device,
		"GET /api/v1/path":        s.path,
		"GET /api/v1/events":      s.events,
		"GET /api/v1/tests":       s.tests,
		"GET /api/v1/trend":       s.trend,
		"GET /api/v1/stream":      s.serveStream,
	} {
		mux.Handle(pattern, s.private(answer))
	}
	if s.options.Public {
		mux.HandleFunc("GET /api/v1/public", s.public)
	}
	mux.Handle("POST /api/v1/events/{id}/ack", s.said(s.ack))
	mux.Handle("POST /api/v1/tests", s.said(s.test))
	if s.pages.files != nil {
		for _, pattern := range []string{"GET /{$}", "GET /desk", "GET /desk/{device}", "GET /assets/"} {
			mux.Handle(pattern, s.private(http.HandlerFunc(s.pages.serve)))
		}
	}
	mux.Handle("GET /metrics", s.private(promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit := int64(0)
		if r.Method == http.MethodPost {
			limit = maxSaid
		}
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

// private answers only those who may look.
func (s *Server) private(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.allowed(r) {
			w.Header().Set("WWW-Authenticate", `Basic realm="plantroom"`)
			http.Error(w, "a token or a user's password is needed", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func (s *Server) allowed(r *http.Request) bool {
	if s.options.Token == "" && len(s.options.Users) == 0 {
		return true
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && s.options.Token != "" {
		return subtle.ConstantTimeCompare([]byte(token), []byte(s.options.Token)) == 1
	}
	name, password, ok := r.BasicAuth()
	if !ok {
		return false
	}
	proof := sha256.Sum256([]byte(name + "\x00" + password))
	s.mu.Lock()
	right := s.known[proof]
	s.mu.Unlock()
	if right {
		return true
	}
	return s.guessed(r.Context(), name, password, proof)
}

// guessPause is how long it takes at least from one wrong password to the next.
const guessPause = time.Second

// nobody is a hash that stands for those of users that there are not, so that
// the time an answer takes does not tell who there is.
const nobody = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"

// guessed looks whether a password is right that has not been before. One is
// looked at at a time: a hash is slow on purpose, and whoever tries many must
// take neither the processor from the polls nor find one soon.
func (s *Server) guessed(ctx context.Context, name, password string, proof [sha256.Size]byte) bool {
	select {
	case s.guess <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	defer func() { <-s.guess }()
	hash, known := s.options.Users[name]
	if !known {
		hash = nobody
	}
	if bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) != nil || !known {
		t := time.NewTimer(guessPause)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[proof] = true
	return true
}

// What /healthz says.
type health struct {
	Status  string         `json:"status"` // ok or stalled
	Devices *healthDevices `json:"devices,omitempty"`
	Outputs []healthOutput `json:"outputs,omitempty"`
	Held    int            `json:"held_readings,omitempty"` // until the box's clock is set
}

type healthDevices struct {
	All int            `json:"all"`
	Up  int            `json:"up"`
	Not []healthDevice `json:"not_up"`
}

// A healthDevice is one that did not answer its last poll, or has not been
// asked yet.
type healthDevice struct {
	ID       string    `json:"device"`
	Err      string    `json:"err,omitempty"`
	Failures int       `json:"failures"`       // polls in a row
	Since    time.Time `json:"since,omitzero"` // when it fell silent
	Next     time.Time `json:"next_try,omitzero"`
}

type healthOutput struct {
	Name       string  `json:"name"`
	Up         bool    `json:"up"`
	Err        string  `json:"err,omitempty"`
	QueueBytes int64   `json:"queue_bytes"`
	QueueAge   float64 `json:"queue_age_seconds"`
}

// stalledAfter is for how long no poll may end, beyond the devices' own
// intervals, before the agent counts as stalled.
const stalledAfter = time.Minute

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	h := health{Status: "stalled"}
	devices := healthDevices{Not: []healthDevice{}}
	now := time.Now()
	for _, d := range s.options.Agent.Latest.All() {
		devices.All++
		if d.Up {
			devices.Up++
		} else {
			not := healthDevice{ID: d.Device.ID, Failures: d.Failures, Since: d.Since.UTC(), Next: d.Next.UTC()}
			if d.Err != nil {
				not.Err = d.Err.Error()
			}
			devices.Not = append(devices.Not, not)
		}
		if now.Sub(d.Polled) < stalledAfter+2*d.Device.Every {
			h.Status = "ok"
		}
	}
	if s.allowed(r) {
		h.Devices = &devices
		h.Held = s.options.Agent.Held()
		for _, o := range s.options.Agent.Outlets() {
			out := healthOutput{Name: o.Name, Up: o.Up, QueueBytes: o.Queue.Bytes, QueueAge: o.Queue.Age.Seconds()}
			if o.Err != nil {
				out.Err = o.Err.Error()
			}
			h.Outputs = append(h.Outputs, out)
		}
	}
	code := http.StatusOK
	if h.Status != "ok" {
		code = http.StatusServiceUnavailable
	}
	reply(w, code, h)
}

// metrics gives Prometheus what the agent counts.
type metrics struct {
	agent *agent.Agent
	traps func() (uint64, map[string]uint64) // nil for none
}

var (
	polls       = prometheus.NewDesc("plantroom_polls_total", "Polls made, with or without an answer.", nil, nil)
	failures    = prometheus.NewDesc("plantroom_poll_failures_total", "Polls without an answer.", nil, nil)
	skipped     = prometheus.NewDesc("plantroom_polls_skipped_total", "Polls not made, because the bus was busy.", nil, nil)
	deviceUp    = prometheus.NewDesc("plantroom_device_up", "1 when the device answered its last poll.", []string{"device", "class"}, nil)
	deviceTries = prometheus.NewDesc("plantroom_device_failures", "Polls in a row that the device did not answer.", []string{"device", "class"}, nil)
	sinkUp      = prometheus.NewDesc("plantroom_sink_up", "1 when the output confirmed the last delivery.", []string{"sink"}, nil)
	queueBytes  = prometheus.NewDesc("plantroom_queue_bytes", "Bytes waiting for the output.", []string{"sink"}, nil)
	queueAge    = prometheus.NewDesc("plantroom_queue_age_seconds", "How long the oldest reading has waited for the output.", []string{"sink"}, nil)
	dropped     = prometheus.NewDesc("plantroom_queue_dropped_total", "Polls whose readings were lost on their way to the output.", []string{"sink"}, nil)
	received    = prometheus.NewDesc("plantroom_traps_received_total", "SNMP traps and informs of known devices.", nil, nil)
	trapsLost   = prometheus.NewDesc("plantroom_traps_dropped_total", "SNMP messages that were no traps, not believed, of nobody known, or too many.", []string{"reason"}, nil)
	setAside    = prometheus.NewDesc("plantroom_set_aside_total", "Lines or messages that the output will never take.", []string{"sink"}, nil)
)

// Describe sends what Collect can send.
func (m metrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect sends the counts of the moment.
func (m metrics) Collect(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	truth := map[bool]float64{true: 1}
	stats := m.agent.Stats()
	counter(polls, stats.Polls)
	counter(failures, stats.Failures)
	counter(skipped, stats.Skipped)
	for _, d := range m.agent.Latest.All() {
		gauge(deviceUp, truth[d.Up], d.Device.ID, d.Device.Class)
		gauge(deviceTries, float64(d.Failures), d.Device.ID, d.Device.Class)
	}
	if m.traps != nil {
		n, lost := m.traps()
		counter(received, n)
		for reason, n := range lost {
			counter(trapsLost, n, reason)
		}
	}
	for _, o := range m.agent.Outlets() {
		gauge(sinkUp, truth[o.Up], o.Name)
		gauge(queueBytes, float64(o.Queue.Bytes), o.Name)
		gauge(queueAge, o.Queue.Age.Seconds(), o.Name)
		counter(dropped, o.Queue.Dropped, o.Name)
		counter(setAside, o.SetAside, o.Name)
	}
}
