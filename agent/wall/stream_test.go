package wall

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"plantroom/agent"
)

// A message is one of the stream.
type message struct{ event, data string }

// messages splits what a client was sent.
func messages(t *testing.T, text string) (out []message) {
	t.Helper()
	for block := range strings.SplitSeq(strings.TrimSuffix(text, "\n\n"), "\n\n") {
		lines := strings.Split(block, "\n")
		if len(lines) != 3 || !strings.HasPrefix(lines[0], "id: ") || !strings.HasPrefix(lines[1], "event: ") || !strings.HasPrefix(lines[2], "data: ") {
			t.Fatalf("not a message: %q", block)
		}
		out = append(out, message{lines[1][7:], lines[2][6:]})
	}
	return out
}

func decodeAs[T any](t *testing.T, text string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

// A sensor answers with a value that grows, until it is silent.
type sensor struct {
	point *agent.Point
	mu    sync.Mutex
	value float64
	err   error
}

func (s *sensor) Poll(_ context.Context, dst []agent.Reading) ([]agent.Reading, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return dst, s.err
	}
	s.value++
	return append(dst, s.point.Measured(s.value)), nil
}
func (s *sensor) Probe(context.Context) error { s.mu.Lock(); defer s.mu.Unlock(); return s.err }
func (s *sensor) Close() error                { return nil }
func (s *sensor) fail(err error)              { s.mu.Lock(); defer s.mu.Unlock(); s.err = err }

var upMetric = &agent.Metric{Class: "climate", Name: "up"}

func sensorBus(id string) (*agent.Bus, *sensor) {
	d := &agent.Device{ID: id, Name: id, Class: "climate", Every: time.Second, Labels: []agent.Label{{Name: "room", Value: "hall"}}}
	s := &sensor{point: &agent.Point{Device: d, Metric: &agent.Metric{Class: "climate", Name: "temperature", Unit: "Cel"}}}
	b := agent.NewBus(id)
	b.Add(d, s, upMetric, upMetric)
	return b, s
}

// bubble runs an agent of two sensors, a stream in front of it and f, in fake
// time that begins half a slot after the polls' grid.
func bubble(t *testing.T, o Options, f func(t *testing.T, a *agent.Agent, st *stream, first *sensor)) {
	synctest.Test(t, func(t *testing.T) {
		b1, s1 := sensorBus("cold-1")
		b2, _ := sensorBus("cold-2")
		log := slog.New(slog.DiscardHandler)
		o.Agent, o.Live, o.Log = agent.New([]*agent.Bus{b1, b2}, nil, log), NewLive(nil), log
		o.Agent.Observe(o.Live.Observe)
		st := &stream{s: &Server{options: o, pages: &pages{version: "abc"}}, clients: map[chan []byte]bool{}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- o.Agent.Run(ctx) }()
		time.Sleep(slot / 2)
		f(t, o.Agent, st, s1)
		st.stop()
		cancel()
		<-done
		time.Sleep(slot) // until the stream has seen that nobody is there
	})
}

// drain returns what a client was sent until now.
func drain(client chan []byte) string {
	synctest.Wait()
	var b strings.Builder
	for {
		select {
		case m, ok := <-client:
			if !ok {
				return b.String()
			}
			b.Write(m)
		default:
			return b.String()
		}
	}
}

// TestStream: first everything, then what changes, once for each slot, and a
// beat every second.
func TestStream(t *testing.T) {
	bubble(t, Options{Site: "praha-1", Name: "edge-1", Version: "v1"}, func(t *testing.T, _ *agent.Agent, st *stream, first *sensor) {
		client, _ := st.join()
		all := messages(t, drain(client))
		hello := decodeAs[helloJSON](t, all[0].data)
		if len(all) != 1 || all[0].event != "hello" || hello.Site != "praha-1" || hello.Agent != "edge-1" || hello.Assets != "abc" ||
			len(hello.Devices) != 2 || hello.Devices[0].ID != "cold-1" || hello.Devices[0].Labels["room"] != "hall" || len(hello.Live) != 2 {
			t.Fatalf("hello: %v", all)
		}
		if one := decodeAs[liveJSON](t, string(hello.Live[0])); one.ID != "cold-1" || !one.Up || one.Readings["temperature"] != 1.0 || one.Read.IsZero() {
			t.Errorf("a device at first: %+v", one)
		}
		time.Sleep(time.Second)
		all = messages(t, drain(client))
		if len(all) != 2 || all[0].event != "poll" || all[1].event != "beat" {
			t.Fatalf("within the next second: %v", all)
		}
		poll := decodeAs[pollJSON](t, all[0].data)
		if len(poll.Devices) != 2 || decodeAs[liveJSON](t, string(poll.Devices[1])).Readings["temperature"] != 2.0 {
			t.Errorf("poll: %s", all[0].data)
		}
		first.fail(agent.ErrUnreachable)
		before := decodeAs[liveJSON](t, string(poll.Devices[0])).Read
		time.Sleep(time.Second)
		all = messages(t, drain(client))
		silent := decodeAs[liveJSON](t, string(decodeAs[pollJSON](t, all[0].data).Devices[0]))
		if silent.Up || silent.Err == "" || silent.Failures != 1 || silent.Readings["temperature"] != 2.0 || !silent.Read.Equal(before) || !silent.Polled.After(before) {
			t.Errorf("a silent device keeps what it said, and when: %+v, it was read at %s", silent, before)
		}
	})
}

// TestStreamBeforeTheFirstPoll: who comes before anything was read is told that
// there is nothing, in lists.
func TestStreamBeforeTheFirstPoll(t *testing.T) {
	b, _ := sensorBus("cold-1")
	a := agent.New([]*agent.Bus{b}, nil, slog.New(slog.DiscardHandler))
	st := &stream{s: &Server{options: Options{Agent: a, Live: NewLive(nil)}, pages: &pages{}}, clients: map[chan []byte]bool{}}
	defer st.stop()
	client, _ := st.join()
	if hello := string(<-client); !strings.Contains(hello, `"live":[]`) {
		t.Errorf("hello: %s", hello)
	}
}

// TestStreamOfThePath: the path comes when polls have changed it, and with
// another network everybody is told everything.
func TestStreamOfThePath(t *testing.T) {
	var mu sync.Mutex
	p := agent.Path{On: agent.Mains, Nodes: []agent.PathNode{{ID: "utility"}}}
	o := Options{
		Path: func() agent.Path { mu.Lock(); defer mu.Unlock(); return p },
		Events: func(q agent.EventQuery) (found []agent.Event) {
			lasting := time.Time{}
			for _, e := range []agent.Event{
				{ID: "5", Ended: time.Unix(9, 0), Parent: "2"}, {ID: "4", Ended: lasting, Severity: agent.Alarm, Parent: "2"}, {ID: "3", Ended: time.Unix(9, 0)},
				{ID: "2", Ended: lasting, Severity: agent.Alarm}, {ID: "1", Ended: time.Unix(9, 0), Parent: "0"}, {ID: "0", Ended: time.Unix(9, 0)},
			} {
				if q.Match(&e) {
					found = append(found, e)
				}
			}
			return found
		},
	}
	bubble(t, o, func(t *testing.T, _ *agent.Agent, st *stream, _ *sensor) {
		client, _ := st.join()
		hello := decodeAs[helloJSON](t, messages(t, drain(client))[0].data)
		if len(hello.Diagrams) != 2 || len(hello.Diagrams[0].Nodes) != 1 || !strings.Contains(string(hello.Path), `"on":"mains"`) {
			t.Errorf("hello: %+v", hello)
		}
		ids := func(events []agent.Event) (all string) {
			for _, e := range events {
				all += e.ID
			}
			return all
		}
		// Parts of what lasts are below it, the urgent ones first, and parts of what
		// has ended are left out.
		if e := decodeAs[eventsJSON](t, string(hello.Events)); ids(e.Active) != "2" || ids(e.Parts) != "45" || ids(e.Last) != "30" {
			t.Errorf("events: active %s, parts %s, last %s", ids(e.Active), ids(e.Parts), ids(e.Last))
		}
		time.Sleep(2 * time.Second)
		if text := drain(client); strings.Contains(text, "event: path") || strings.Contains(text, "event: events") {
			t.Errorf("nothing has changed: %s", text)
		}
		mu.Lock()
		p.On = agent.Generator
		mu.Unlock()
		time.Sleep(time.Second)
		if text := drain(client); strings.Count(text, "event: path") != 1 || !strings.Contains(text, `"on":"generator"`) {
			t.Errorf("it stands on a generator: %s", text)
		}
		mu.Lock()
		p.Nodes = append(p.Nodes, agent.PathNode{ID: "msb"})
		mu.Unlock()
		time.Sleep(time.Second)
		if text := drain(client); strings.Count(text, "event: hello") != 1 || !strings.Contains(text, `"msb"`) {
			t.Errorf("another network: %s", text)
		}
	})
}

// TestStreamOfTests: everybody is told of the tests first, and within a second
// when something about them is another.
func TestStreamOfTests(t *testing.T) {
	var mu sync.Mutex
	tests := someTests(time.Date(2026, 11, 4, 7, 0, 0, 0, time.UTC))
	bubble(t, Options{Tests: func() agent.Tests { mu.Lock(); defer mu.Unlock(); return tests }}, func(t *testing.T, _ *agent.Agent, st *stream, _ *sensor) {
		client, _ := st.join()
		hello := decodeAs[helloJSON](t, messages(t, drain(client))[0].data)
		if got := decodeAs[agent.Tests](t, string(hello.Tests)); len(got.Planned) != 1 || len(got.Running) != 1 || len(got.Last) != 1 {
			t.Errorf("hello: %s", hello.Tests)
		}
		time.Sleep(2 * time.Second)
		if text := drain(client); strings.Contains(text, "event: tests") {
			t.Errorf("nothing has changed: %s", text)
		}
		mu.Lock()
		tests.Running = []agent.RunningTest{}
		mu.Unlock()
		time.Sleep(time.Second)
		if text := drain(client); strings.Count(text, "event: tests") != 1 || !strings.Contains(text, `"running":[]`) {
			t.Errorf("the test has ended: %s", text)
		}
		other, _ := st.join()
		if text := drain(other); !strings.Contains(text, `"running":[]`) {
			t.Errorf("who comes later is told: %s", text)
		}
	})
}

// TestReloadIsToldToAll: who looks sees the devices of another configuration.
func TestReloadIsToldToAll(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, a *agent.Agent, st *stream, _ *sensor) {
		client, _ := st.join()
		drain(client)
		other, _ := sensorBus("hot-1")
		if err := a.Apply([]*agent.Bus{other}, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		all := messages(t, drain(client))
		hello := decodeAs[helloJSON](t, all[0].data)
		if all[0].event != "hello" || len(hello.Devices) != 1 || hello.Devices[0].ID != "hot-1" {
			t.Errorf("after the reload: %v", all[0])
		}
		for _, m := range all {
			if strings.Contains(m.data, "cold-") {
				t.Errorf("of a device that is no more: %v", m)
			}
		}
	})
}

// TestWhoDoesNotReadIsLeft: and the others miss nothing.
func TestWhoDoesNotReadIsLeft(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, _ *agent.Agent, st *stream, _ *sensor) {
		asleep, _ := st.join()
		awake, _ := st.join()
		beats := 0
		for range clientQueue {
			time.Sleep(time.Second)
			beats += strings.Count(drain(awake), "event: beat")
		}
		if beats != clientQueue {
			t.Errorf("%d beats in %d s", beats, clientQueue)
		}
		drain(asleep)
		if _, open := <-asleep; open {
			t.Error("who does not read is sent more")
		}
		st.mu.Lock()
		defer st.mu.Unlock()
		if len(st.clients) != 1 {
			t.Errorf("%d clients", len(st.clients))
		}
	})
}

func TestTooManyStreams(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, _ *agent.Agent, st *stream, _ *sensor) {
		for range clientsMost {
			if _, ok := st.join(); !ok {
				t.Fatal("refused")
			}
		}
		if _, ok := st.join(); ok {
			t.Errorf("more than %d are let in", clientsMost)
		}
	})
}

// TestStreamOverHTTP: it lasts longer than any other answer may, and ends with
// the server.
func TestStreamOverHTTP(t *testing.T) {
	s := serve(t, Options{})
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.Addr()+"/api/v1/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("content type %s", got)
	}
	in := bufio.NewScanner(resp.Body)
	in.Buffer(nil, 1<<20)
	for _, want := range []string{"retry: 1000", "", "id: ", "event: hello", "data: {", ""} {
		if !in.Scan() || !strings.HasPrefix(in.Text(), want) {
			t.Fatalf("%q, want %q", in.Text(), want)
		}
	}
	go s.stream.stop()
	for in.Scan() {
	}
	if in.Err() != nil {
		t.Error(in.Err())
	}
}

// BenchmarkStream: a second of 50 walls at 300 devices of which each says ten
// values that a wall shows, over loopback: what it costs to look, to encode and
// to write. CPU counts the clients' reading too.
func BenchmarkStream(b *testing.B) {
	const devices, walls = 300, 50
	log := slog.New(slog.DiscardHandler)
	live := NewLive(nil)
	var buses []*agent.Bus
	var polls []*agent.Poll
	names := []string{"battery_charge", "battery_runtime", "battery_temperature", "input_voltage", "input_frequency", "input_power", "output_voltage", "output_power", "output_load", "battery_time_used"}
	for i := range devices {
		d := &agent.Device{ID: fmt.Sprintf("ups-%03d", i), Class: "ups", Every: time.Hour}
		bus := agent.NewBus(d.ID)
		bus.Add(d, &sensor{}, upMetric, upMetric)
		buses = append(buses, bus)
		p := &agent.Poll{Device: d}
		for _, name := range names {
			p.Readings = append(p.Readings, agent.Reading{Point: &agent.Point{Device: d, Metric: &agent.Metric{Class: "ups", Name: name}}, Value: 231.25})
		}
		polls = append(polls, p)
	}
	a := agent.New(buses, nil, log)
	path := agent.Path{}
	for i := range 40 {
		path.Nodes = append(path.Nodes, agent.PathNode{ID: fmt.Sprint("n", i), Name: "Main switchboard", Class: "switchboard", Room: "hall"})
		path.Edges = append(path.Edges, agent.PathEdge{From: "n0", To: fmt.Sprint("n", i)})
	}
	s, err := Listen(Options{Listen: "127.0.0.1:0", Agent: a, Log: log, Live: live,
		Path: func() agent.Path { path.Time = path.Time.Add(time.Second); return path }})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var wg sync.WaitGroup
	var bytes, hellos sync.Map
	for i := range walls {
		wg.Go(func() {
			resp, err := http.Get("http://" + s.Addr() + "/api/v1/stream")
			if err != nil {
				b.Error(err)
				return
			}
			defer resp.Body.Close()
			buf := make([]byte, 64<<10)
			n := 0
			for {
				m, err := resp.Body.Read(buf)
				n += m
				bytes.Store(i, n)
				hellos.Store(i, true)
				if err != nil {
					return
				}
			}
		})
	}
	for ready := 0; ready < walls; {
		ready = 0
		hellos.Range(func(any, any) bool { ready++; return true })
		runtime.Gosched()
	}
	var start, end syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &start)
	at := time.Now()
	for b.Loop() {
		now := time.Now()
		for _, p := range polls {
			p.Time = now
			for i := range p.Readings {
				p.Readings[i].Value += 0.125
			}
			live.Observe(p)
		}
		time.Sleep(time.Until(now.Add(time.Second)))
	}
	took := time.Since(at)
	syscall.Getrusage(syscall.RUSAGE_SELF, &end)
	runtime.GC()
	runtime.ReadMemStats(&after)
	cpu := time.Duration(end.Utime.Nano() + end.Stime.Nano() - start.Utime.Nano() - start.Stime.Nano())
	total := 0
	bytes.Range(func(_, n any) bool { total += n.(int); return true })
	b.ReportMetric(100*cpu.Seconds()/took.Seconds(), "%cpu")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc+after.StackInuse-before.StackInuse)/1e6, "MB")
	b.ReportMetric(float64(total)/walls/took.Seconds()/1e3, "kB/s/wall")
	s.Close()
	wg.Wait()
}
