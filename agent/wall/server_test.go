package wall

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"plantroom/agent"
	"plantroom/testdata/peer"
)

// An answering device does, but for an error.
type answering struct {
	point *agent.Point
	err   error
}

func (s answering) Poll(_ context.Context, dst []agent.Reading) ([]agent.Reading, error) {
	if s.err != nil {
		return append(dst, s.point.Failed(s.err)), s.err
	}
	return append(dst, s.point.Measured(1)), nil
}
func (s answering) Probe(context.Context) error { return s.err }
func (s answering) Close() error                { return nil }

type nowhere struct{}

func (nowhere) Append(dst []byte, rs []agent.Reading) []byte { return nil }
func (nowhere) Send(context.Context, []byte) error           { return nil }

type empty struct{}

func (empty) Put([]byte) error { return nil }
func (empty) Peek(ctx context.Context, _ int) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
func (empty) Drop() error { return nil }
func (empty) Stats() agent.QueueStats {
	return agent.QueueStats{Bytes: 4711, Age: 3 * time.Second, Dropped: 2}
}

// bus returns a bus with a device, ups-a, that is polled every 100 ms and fails
// with err.
func bus(err error) *agent.Bus {
	d := &agent.Device{ID: "ups-a", Class: "ups", Every: 100 * time.Millisecond}
	m := &agent.Metric{Class: "ups", Name: "up"}
	b := agent.NewBus("ups-a")
	b.Add(d, answering{&agent.Point{Device: d, Metric: m}, err}, m, m)
	return b
}

// serve runs an agent with one device, and a server in front of it.
func serve(t *testing.T, o Options) *Server {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	o.Agent = agent.New([]*agent.Bus{bus(nil)}, []*agent.Outlet{agent.NewOutlet("influx", nowhere{}, empty{}, empty{}, 0)}, log)
	o.Log, o.Listen = log, "127.0.0.1:0"
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- o.Agent.Run(ctx) }()
	s, err := Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		<-done
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	peer.Until(t, "the first poll", func() bool {
		ups, _ := o.Agent.Latest.Of("ups-a")
		return ups.Up
	})
	return s
}

func get(t *testing.T, s *Server, path string, with func(*http.Request)) (int, string) {
	t.Helper()
	return ask(t, s, "GET", path, "", with)
}

// ask makes a request and returns the answer.
func ask(t *testing.T, s *Server, method, path, body string, with func(*http.Request)) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if with != nil {
		with(r)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func TestHealthAndMetrics(t *testing.T) {
	s := serve(t, Options{})
	code, text := get(t, s, "/healthz", nil)
	want := `{"status":"ok","devices":{"all":1,"up":1,"not_up":[]},"outputs":[{"name":"influx","up":true,"queue_bytes":4711,"queue_age_seconds":3}]}` + "\n"
	if code != 200 || text != want {
		t.Errorf("healthz: %d %s", code, text)
	}
	code, text = get(t, s, "/metrics", nil)
	for _, line := range []string{
		`plantroom_device_up{class="ups",device="ups-a"} 1`, `plantroom_sink_up{sink="influx"} 1`,
		`plantroom_queue_bytes{sink="influx"} 4711`, `plantroom_queue_dropped_total{sink="influx"} 2`, "plantroom_polls_total ", "go_goroutines ",
	} {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("metrics: no line %s", line)
		}
	}
	if code != 200 {
		t.Errorf("metrics: %d", code)
	}
	if code, _ := get(t, s, "/", nil); code != 404 {
		t.Errorf("/: %d", code)
	}
}

func TestNothingButGet(t *testing.T) {
	s := serve(t, Options{})
	resp, err := http.Post("http://"+s.Addr()+"/healthz", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %s", resp.Status)
	}
}

func TestWhoMayLook(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	basic := func(name, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
	}
	synctest.Test(t, func(t *testing.T) { // a wrong password takes a second
		log := slog.New(slog.DiscardHandler)
		l := newPipes()
		s := serveOn(l, Options{Agent: agent.New(nil, nil, log), Log: log, Token: "t0ken", Users: map[string]string{"desk": string(hash)}})
		defer s.Close()
		for _, c := range []struct{ who, authorization, want string }{
			{"nobody", "", "401"}, {"a token", "Bearer t0ken", "200"}, {"a wrong token", "Bearer t0ke", "401"}, {"an empty token", "Bearer ", "401"},
			{"a user", basic("desk", "sesame"), "200"}, {"a user again", basic("desk", "sesame"), "200"},
			{"a wrong password", basic("desk", "sesam"), "401"}, {"a stranger", basic("", ""), "401"}, {"the hash", basic("desk", string(hash)), "401"},
		} {
			answer := l.ask(t, "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: "+c.authorization+"\r\n\r\n")
			if !strings.HasPrefix(answer, "HTTP/1.1 "+c.want+" ") {
				t.Errorf("%s: %.12s, want %s", c.who, answer, c.want)
			}
		}
	})
}

func TestHealthForNobody(t *testing.T) {
	s := serve(t, Options{Token: "t0ken"})
	if code, text := get(t, s, "/healthz", nil); code != 200 || text != "{\"status\":\"ok\"}\n" {
		t.Errorf("healthz for nobody: %d %s", code, text)
	}
	bearer := func(r *http.Request) { r.Header.Set("Authorization", "Bearer t0ken") }
	if _, text := get(t, s, "/healthz", bearer); !strings.Contains(text, `"outputs"`) {
		t.Errorf("healthz for who may look: %s", text)
	}
}

func TestStalled(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	s, err := Listen(Options{Listen: "127.0.0.1:0", Agent: agent.New(nil, nil, log), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if code, text := get(t, s, "/healthz", nil); code != 503 || !strings.Contains(text, `"status":"stalled"`) {
		t.Errorf("an agent that polls nothing: %d %s", code, text)
	}
}

// A device that is not up is shown with what is wrong, for how long, and when
// it is tried again.
func TestDeviceThatIsNotUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := slog.New(slog.DiscardHandler)
		a := agent.New([]*agent.Bus{bus(errors.New("read holding 0x0BD3: timeout after 1s"))}, nil, log)
		a.HoldBefore(time.Now().Add(time.Hour)) // what is read waits for the clock
		l := newPipes()
		s := serveOn(l, Options{Agent: a, Log: log})
		defer s.Close()
		_, before, _ := strings.Cut(l.ask(t, "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), "\r\n\r\n")
		if want := `{"status":"stalled","devices":{"all":1,"up":0,"not_up":[{"device":"ups-a","failures":0}]}}` + "\n"; before != want {
			t.Errorf("before the first poll: %s", before)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- a.Run(ctx) }()
		time.Sleep(time.Second)
		_, body, _ := strings.Cut(l.ask(t, "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), "\r\n\r\n")
		// Polled at 0, 0.1, 0.3, 0.7 s and next at 1.5 s.
		want := `{"status":"ok","devices":{"all":1,"up":0,"not_up":[{"device":"ups-a","err":"read holding 0x0BD3: timeout after 1s",` +
			`"failures":4,"since":"2000-01-01T00:00:00Z","next_try":"2000-01-01T00:00:01.5Z"}]},"held_readings":10}` + "\n"
		if body != want {
			t.Errorf("healthz: %s\nwant     %s", body, want)
		}
		cancel()
		<-done
	})
}
