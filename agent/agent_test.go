package agent

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A listQueue is the least that a queue can be.
type listQueue struct {
	mu     sync.Mutex
	blocks []string
	peeked int
	put    chan struct{}
}

func newListQueue() *listQueue { return &listQueue{put: make(chan struct{}, 1)} }

func (q *listQueue) Put(block []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.blocks = append(q.blocks, string(block))
	select {
	case q.put <- struct{}{}:
	default:
	}
	return nil
}

func (q *listQueue) Peek(ctx context.Context, limit int) ([]byte, error) {
	for {
		q.mu.Lock()
		if n := len(q.blocks); n > 0 {
			defer q.mu.Unlock()
			q.peeked = n
			return []byte(strings.Join(q.blocks, "")), nil
		}
		q.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-q.put:
		}
	}
}

func (q *listQueue) Drop() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.blocks = q.blocks[q.peeked:]
	return nil
}

func (q *listQueue) Stats() QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return QueueStats{Bytes: int64(len(strings.Join(q.blocks, "")))}
}

// A recordingSink keeps what it is sent, one letter for each device.
type recordingSink struct {
	sent []string
	fail func() error
	kept string
}

func (s *recordingSink) Keep(devices []*Device) {
	s.kept = ""
	for _, d := range devices {
		s.kept += d.ID
	}
}

func (s *recordingSink) Append(dst []byte, rs []Reading) []byte {
	return append(dst, rs[0].Point.Device.ID...)
}

func (s *recordingSink) Send(ctx context.Context, block []byte) error {
	if s.fail != nil {
		if err := s.fail(); err != nil {
			return err
		}
	}
	s.sent = append(s.sent, string(block))
	return nil
}

// runAgent runs an agent over two devices, one poll a second, in virtual time.
func runAgent(t *testing.T, d time.Duration, sink *recordingSink, linger time.Duration) (stats Stats, log string) {
	var text strings.Builder
	synctest.Test(t, func(t *testing.T) {
		var buses []*Bus
		for _, id := range []string{"a", "b"} {
			s := newScripted(id, time.Second, answersIn(10*time.Millisecond))
			b := NewBus(id)
			b.Add(s.device, s, metricUp, metricDuration)
			buses = append(buses, b)
		}
		a := New(buses, []*Outlet{NewOutlet("test", sink, newListQueue(), newListQueue(), linger)}, slog.New(slog.NewTextHandler(&text, nil)))
		var observed atomic.Uint64
		a.Observe(func(*Poll) { observed.Add(1) })
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		if err := a.Run(ctx); err != nil {
			t.Error(err)
		}
		stats = a.Stats()
		if observed.Load() != stats.Polls {
			t.Errorf("%d of %d polls were observed", observed.Load(), stats.Polls)
		}
		for _, s := range a.Latest.All() {
			if !s.Up || s.Err != nil || len(s.Readings) != 3 {
				t.Errorf("latest of %s: %+v", s.Device.ID, s)
			}
		}
	})
	return stats, text.String()
}

func TestEveryPollIsSent(t *testing.T) {
	sink := &recordingSink{}
	stats, log := runAgent(t, 9500*time.Millisecond, sink, 0)
	if stats != (Stats{Polls: 20}) {
		t.Errorf("stats: %+v", stats)
	}
	if n := len(strings.Join(sink.sent, "")); n != 20 {
		t.Errorf("%d polls were sent, want 20: %q", n, sink.sent)
	}
	if log != "" {
		t.Errorf("log: %s", log)
	}
}

func TestPollsThatComeTogetherLeaveTogether(t *testing.T) {
	sink := &recordingSink{}
	runAgent(t, 9500*time.Millisecond, sink, 100*time.Millisecond)
	if len(sink.sent) != 10 {
		t.Errorf("%d sends for 10 seconds, want one a second: %q", len(sink.sent), sink.sent)
	}
}

func TestNothingIsLostWhileTheSinkFails(t *testing.T) {
	tries := 0
	sink := &recordingSink{fail: func() error {
		if tries++; tries > 2 && tries < 6 {
			return errors.New("503 Service Unavailable")
		}
		return nil
	}}
	stats, log := runAgent(t, 59500*time.Millisecond, sink, 0)
	if n := len(strings.Join(sink.sent, "")); n != int(stats.Polls) {
		t.Errorf("%d of %d polls were sent", n, stats.Polls)
	}
	if n := strings.Count(log, "\n"); n != 2 ||
		!strings.Contains(log, "sink does not take readings, they are kept") || !strings.Contains(log, "sink takes readings again") {
		t.Errorf("one line each way, not:\n%s", log)
	}
}

func TestStoppingSendsWhatIsQueued(t *testing.T) {
	sink := &recordingSink{}
	stats, _ := runAgent(t, 5500*time.Millisecond, sink, time.Hour)
	if n := len(strings.Join(sink.sent, "")); n != int(stats.Polls) {
		t.Errorf("%d of %d polls were sent when the agent stopped", n, stats.Polls)
	}
}

func TestStoppingDoesNotWaitForADeadSink(t *testing.T) {
	sink := &recordingSink{fail: func() error { return errors.New("connection refused") }}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		runAgentInBubble(t, 5*time.Second, sink)
		if d := time.Since(began); d > 5*time.Second+flushFor {
			t.Errorf("stopping took %v", d-5*time.Second)
		}
	})
}

func runAgentInBubble(t *testing.T, d time.Duration, sink Sink) {
	s := newScripted("a", time.Second, answersIn(10*time.Millisecond))
	b := NewBus("a")
	b.Add(s.device, s, metricUp, metricDuration)
	a := New([]*Bus{b}, []*Outlet{NewOutlet("test", sink, newListQueue(), newListQueue(), 0)}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := a.Run(ctx); err != nil {
		t.Error(err)
	}
}

// TestApply exchanges one of two buses and the outlet of a running agent.
func TestApply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := func(id string) (*scripted, *Bus) {
			s := newScripted(id, time.Second, answersIn(10*time.Millisecond))
			b := NewBus(id)
			b.Add(s.device, s, metricUp, metricDuration)
			return s, b
		}
		a, busA := bus("a")
		b, busB := bus("b")
		c, busC := bus("c")
		first, second := &recordingSink{}, &recordingSink{}
		ag := New([]*Bus{busA, busB}, []*Outlet{NewOutlet("first", first, newListQueue(), newListQueue(), 300*time.Millisecond)}, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- ag.Run(ctx) }()
		time.Sleep(5500 * time.Millisecond)
		if err := ag.Apply([]*Bus{busC, busA}, []*Outlet{NewOutlet("second", second, newListQueue(), newListQueue(), 0)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		var ids []string
		for _, s := range ag.Latest.All() {
			ids = append(ids, s.Device.ID)
		}
		if strings.Join(ids, " ") != "c a" {
			t.Errorf("devices after Apply: %v", ids)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if second.kept != "ca" {
			t.Errorf("the outlet keeps %q", second.kept)
		}
		if len(a.polls) != 11 {
			t.Errorf("the device that stays had %d polls in 10.5 s", len(a.polls))
		}
		for i, at := range a.polls[1:] {
			if at.Sub(a.polls[i]) != time.Second {
				t.Errorf("the device that stays was polled at %v and then at %v", a.polls[i], at)
			}
		}
		if len(b.polls) != 6 || len(c.polls) != 6 {
			t.Errorf("polls of the device that goes: %d, of the one that comes: %d", len(b.polls), len(c.polls))
		}
		if sent := len(strings.Join(first.sent, "")); sent != 12 {
			t.Errorf("the outlet that goes sent %d of 12", sent)
		}
		if sent := len(strings.Join(second.sent, "")); sent != 11 {
			t.Errorf("the outlet that comes sent %d of 11", sent)
		}
		if err := ag.Apply(nil, nil); err == nil {
			t.Error("an agent that has stopped takes a new configuration")
		}
	})
}

// TestExchange gives an outlet whose sink fails another one: what the first did
// not deliver the second does.
func TestExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted("a", time.Second, answersIn(10*time.Millisecond))
		b := NewBus("a")
		b.Add(s.device, s, metricUp, metricDuration)
		broken, sound := &recordingSink{fail: func() error { return errors.New("401 unauthorized") }}, &recordingSink{}
		outlet := NewOutlet("test", broken, newListQueue(), newListQueue(), 0)
		a := New([]*Bus{b}, []*Outlet{outlet}, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithTimeout(t.Context(), 60500*time.Millisecond)
		defer cancel()
		time.AfterFunc(20*time.Second, func() {
			if before := outlet.Exchange(sound); before != broken {
				t.Error("Exchange returns another sink than the one before")
			}
		})
		if err := a.Run(ctx); err != nil {
			t.Error(err)
		}
		if n := len(strings.Join(sound.sent, "")); n != 61 {
			t.Errorf("%d of 61 polls were sent", n)
		}
	})
}

// TestReport reads the agent as a device: healthy, then with a sink that fails.
func TestReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted("a", time.Second, silent)
		b := NewBus("a")
		b.Add(s.device, s, metricUp, metricDuration)
		outlet := NewOutlet("influx", &recordingSink{}, newListQueue(), newListQueue(), 0)
		a := New([]*Bus{b}, []*Outlet{outlet}, slog.New(slog.DiscardHandler))
		metrics := map[string]*Metric{}
		a.Report(&Device{ID: "edge-1", Class: "agent", Every: 5 * time.Second}, func(name string) *Metric {
			if metrics[name] == nil {
				metrics[name] = &Metric{Class: "agent", Name: name}
			}
			return metrics[name]
		}, a.Self)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- a.Run(ctx) }()
		own := func() map[string]float64 {
			all := a.Latest.All()
			last := all[len(all)-1]
			if last.Device.ID != "edge-1" || !last.Up {
				t.Fatalf("the last device is %+v", last)
			}
			values := map[string]float64{}
			for _, r := range last.Readings {
				values[strings.TrimSuffix(r.Point.Metric.Name+"/"+r.Point.Channel, "/")] = r.Value
			}
			return values
		}
		time.Sleep(31 * time.Second)
		got := own()
		if got["up"] != 1 || got["sink_up/influx"] != 1 || got["polls"] < 8 || got["poll_failures"] < 5 || got["memory"] < 1e6 || got["clock_offset"] != 0 {
			t.Errorf("a healthy agent reads %v", got)
		}
		outlet.Exchange(&recordingSink{fail: func() error { return errors.New("503") }})
		time.Sleep(30 * time.Second)
		if got = own(); got["sink_up/influx"] != 0 || got["queue_bytes/influx"] == 0 {
			t.Errorf("an agent with a sink that fails reads %v", got)
		}
		if o := a.Outlets()[0]; o.Up || o.Err == nil || time.Since(o.Since) < 25*time.Second {
			t.Errorf("outlet: %+v", o)
		}
		cancel()
		<-ended
	})
}

// An eventSink takes events: their ids in brackets, with a + while they last.
type eventSink struct{ recordingSink }

func (s *eventSink) AppendEvent(dst []byte, e *Event) []byte {
	dst = append(append(dst, '['), e.ID...)
	if e.Active() {
		dst = append(dst, '+')
	}
	return append(dst, ']')
}

// TestAnnounce: an event is kept while its sink fails, goes out in order, and
// lasts from one announcement to the other. A sink that knows no events gets
// none.
func TestAnnounce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var whole atomic.Bool
		sink := &eventSink{recordingSink{fail: func() error {
			if !whole.Load() {
				return errors.New("down")
			}
			return nil
		}}}
		plain := &recordingSink{}
		plainQueue := newListQueue()
		a := New(nil, []*Outlet{NewOutlet("events", sink, newListQueue(), newListQueue(), 0), NewOutlet("plain", plain, plainQueue, newListQueue(), 0)}, slog.New(slog.DiscardHandler))
		began := time.Now()
		a.Resume([]*Event{{ID: "0", Began: began.Add(-time.Hour)}})
		done := make(chan error)
		go func() { done <- a.Run(ctx) }()
		nan := math.NaN()
		e := &Event{ID: "1", Began: began.Add(time.Microsecond), Value: &nan}
		a.Announce(e)
		e.ID = "changed by its owner"
		a.Announce(&Event{ID: "2", Began: began})
		synctest.Wait()
		var active []string
		for _, e := range a.Active() {
			active = append(active, e.ID)
			if e.Value != nil || e.Began.Nanosecond()%1e6 != 0 || e.Began.Location() != time.UTC {
				t.Errorf("event %s began at %v with value %v", e.ID, e.Began, e.Value)
			}
		}
		if got := strings.Join(active, " "); got != "0 1 2" {
			t.Errorf("active: %s, want 0 1 2", got)
		}
		a.Announce(&Event{ID: "1", Began: began, Ended: began.Add(time.Second)})
		whole.Store(true)
		time.Sleep(2 * backOffFirst)
		cancel()
		<-done
		if got := strings.Join(sink.sent, ""); got != "[1+][2+][1]" {
			t.Errorf("sent: %s", got)
		}
		if n := len(a.Active()); n != 2 {
			t.Errorf("%d events last, want 2", n)
		}
		if plainQueue.Stats().Bytes != 0 {
			t.Error("a sink that takes no events got one")
		}
	})
}
