package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var (
	metricUp       = &Metric{Class: "ups", Name: "up"}
	metricDuration = &Metric{Class: "ups", Name: "poll_duration", Unit: "s"}
	metricVoltage  = &Metric{Class: "ups", Name: "input_voltage", Unit: "V", Min: 0, Max: 1000}
)

// A scripted source answers as its test says.
type scripted struct {
	device  *Device
	point   *Point
	answers func() (time.Duration, error) // how long a request takes and whether it is answered
	polls   []time.Time
	probes  []time.Time
	bare    int // so many polls that are answered give nothing
}

func newScripted(id string, every time.Duration, answers func() (time.Duration, error)) *scripted {
	d := &Device{ID: id, Class: "ups", Every: every}
	return &scripted{device: d, point: &Point{Device: d, Metric: metricVoltage, Channel: "L1"}, answers: answers}
}

func (s *scripted) ask(ctx context.Context) error {
	took, err := s.answers()
	if sleep(ctx, took) != nil && err == nil {
		err = ctx.Err()
	}
	return err
}

func (s *scripted) Poll(ctx context.Context, dst []Reading) ([]Reading, error) {
	s.polls = append(s.polls, time.Now())
	if err := s.ask(ctx); err != nil {
		return append(dst, s.point.Failed(err)), err
	}
	if len(s.polls) <= s.bare {
		return dst, nil
	}
	return append(dst, s.point.Measured(230)), nil
}

func (s *scripted) Probe(ctx context.Context) error {
	s.probes = append(s.probes, time.Now())
	return s.ask(ctx)
}

func (s *scripted) Close() error { return nil }

func answersIn(d time.Duration) func() (time.Duration, error) {
	return func() (time.Duration, error) { return d, nil }
}

var errTimeout = errors.New("timeout after 1s")

func silent() (time.Duration, error) { return time.Second, errTimeout }

// runFor runs a bus with the sources in a bubble of virtual time and returns
// its polls and its log.
func runFor(t *testing.T, d time.Duration, sources ...*scripted) (polls []Poll, log string) {
	t.Helper()
	var text bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		b := NewBus("moxa-1")
		for _, s := range sources {
			b.Add(s.device, s, metricUp, metricDuration)
		}
		ctx, cancel := context.WithTimeout(context.Background(), d)
		defer cancel()
		logger := slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
		b.run(ctx, logger, func(p *Poll) {
			p.Readings = append([]Reading(nil), p.Readings...)
			polls = append(polls, *p)
		})
	})
	return polls, text.String()
}

func TestPollsFallOnTheGrid(t *testing.T) {
	s := newScripted("ups-a", time.Second, answersIn(30*time.Millisecond))
	polls, log := runFor(t, 10*time.Second+time.Millisecond, s)
	if len(polls) != 10 {
		t.Fatalf("%d polls in 10 s at one a second, want the one at the start and 9 more that end in time", len(polls))
	}
	for i, p := range polls {
		if ns := p.Time.UnixNano() % int64(time.Second); ns != 0 {
			t.Errorf("poll %d began %v after the full second", i, time.Duration(ns))
		}
		if p.Skipped != 0 || p.Err != nil {
			t.Errorf("poll %d: skipped %d, err %v", i, p.Skipped, p.Err)
		}
	}
	if log != "" {
		t.Errorf("a healthy device is no news, but the log says:\n%s", log)
	}
}

func TestReadingsOfAPoll(t *testing.T) {
	s := newScripted("ups-a", time.Second, answersIn(30*time.Millisecond))
	polls, _ := runFor(t, 1500*time.Millisecond, s)
	rs := polls[0].Readings
	if len(rs) != 3 {
		t.Fatalf("readings: %v", rs)
	}
	if rs[0].Point.Metric != metricUp || rs[0].Value != 1 {
		t.Errorf("up: %+v", rs[0])
	}
	if rs[1].Point.Metric != metricDuration || rs[1].Value != 0.03 {
		t.Errorf("poll_duration: %+v", rs[1])
	}
	if rs[2].Point != s.point || rs[2].Value != 230 || rs[2].Quality != Good {
		t.Errorf("what the device said: %+v", rs[2])
	}
	for _, r := range rs {
		if !r.Time.Equal(polls[0].Time) {
			t.Errorf("%s is of %v, the poll of %v", r.Point.Metric.Name, r.Time, polls[0].Time)
		}
	}
}

func TestLatePollsAreSkippedNotCaughtUp(t *testing.T) {
	took := []time.Duration{0, 3500 * time.Millisecond} // the second poll outlasts three times
	s := newScripted("ups-a", time.Second, func() (time.Duration, error) {
		if len(took) == 0 {
			return 0, nil
		}
		d := took[0]
		took = took[1:]
		return d, nil
	})
	polls, _ := runFor(t, 8500*time.Millisecond, s)
	var at []string
	for _, p := range polls {
		at = append(at, fmt.Sprintf("%ds/%d", p.Time.Unix()-polls[0].Time.Unix(), p.Skipped))
	}
	// Polls at 0 and 1 s; 2, 3 and 4 s pass while the second is at it.
	want := "0s/0 1s/3 5s/0 6s/0 7s/0 8s/0"
	if got := strings.Join(at, " "); got != want {
		t.Errorf("polls (time/skipped): %s, want %s", got, want)
	}
}

func TestFailingPollIsData(t *testing.T) {
	s := newScripted("ups-a", time.Second, silent)
	polls, log := runFor(t, 60*time.Second, s)
	for _, p := range polls {
		up := p.Readings[0]
		if up.Point.Metric != metricUp || up.Value != 0 || up.Quality != Good {
			t.Errorf("up: %+v", up)
		}
		for _, r := range p.Readings[2:] {
			if r.Quality != Bad || r.Why != errTimeout.Error() {
				t.Errorf("reading of a silent device: %+v", r)
			}
		}
	}
	if n := strings.Count(log, "\n"); n != 1 || !strings.Contains(log, "device is silent") {
		t.Errorf("a silent device is one line of log, not:\n%s", log)
	}
}

func TestSilentDeviceRests(t *testing.T) {
	s := newScripted("ups-a", time.Second, silent)
	runFor(t, 120*time.Second, s)
	asked := append(append([]time.Time(nil), s.polls...), s.probes...)
	if len(s.polls) != 2 {
		t.Errorf("polled in full %d times, want 2 and then only probes", len(s.polls))
	}
	// Alone on its wire it is probed every 5 to 6 s.
	if n := len(asked); n < 20 || n > 26 {
		t.Errorf("asked %d times in 120 s", n)
	}
}

func TestDeadNeighbourCostsLittle(t *testing.T) {
	sources := []*scripted{newScripted("dead", time.Second, silent)}
	for i := range 4 {
		sources = append(sources, newScripted(fmt.Sprintf("unit-%d", i), time.Second, answersIn(40*time.Millisecond)))
	}
	const seconds = 600
	polls, _ := runFor(t, seconds*time.Second+time.Millisecond, sources...)
	healthy := map[string]int{}
	for _, p := range polls {
		healthy[p.Device.ID]++
	}
	for _, s := range sources[1:] {
		if n := healthy[s.device.ID]; n < seconds*95/100 {
			t.Errorf("%s: %d of %d polls, fewer than 95 %%", s.device.ID, n, seconds)
		}
	}
	if n := len(sources[0].probes); n < seconds/35 {
		t.Errorf("the dead device was probed %d times only: nobody would see it come back", n)
	}
}

func TestSlowSilentDeviceGetsItsFullTimeoutNowAndThen(t *testing.T) {
	// It answers after 900 ms, which its busy neighbour does not leave it.
	began := time.Time{}
	slow := newScripted("slow", time.Second, func() (time.Duration, error) {
		if began.IsZero() {
			began = time.Now()
		}
		if time.Since(began) < 10*time.Second {
			return time.Second, errTimeout
		}
		return 900 * time.Millisecond, nil
	})
	busy := newScripted("busy", 100*time.Millisecond, answersIn(50*time.Millisecond))
	polls, _ := runFor(t, 180*time.Second, slow, busy)
	for _, p := range polls {
		if p.Device == slow.device && p.Err == nil {
			return
		}
	}
	t.Error("the slow device never came back")
}

func TestRecoveredWireWakesItsDevices(t *testing.T) {
	var down bool
	start := time.Time{}
	answers := func() (time.Duration, error) {
		if start.IsZero() {
			start = time.Now()
		}
		since := time.Since(start)
		if down = since > 10*time.Second && since < 100*time.Second; down {
			return 0, fmt.Errorf("dial 10.1.0.40:4001: %w", ErrUnreachable)
		}
		return 10 * time.Millisecond, nil
	}
	var sources []*scripted
	for i := range 5 {
		sources = append(sources, newScripted(fmt.Sprintf("unit-%d", i), time.Second, answers))
	}
	polls, log := runFor(t, 120*time.Second, sources...)
	want := `level=WARN msg="bus is unreachable, its devices are not polled" bus=moxa-1 devices=5 err="dial 10.1.0.40:4001: unreachable"
level=INFO msg="bus answers again" bus=moxa-1
`
	if log != want {
		t.Errorf("log:\n%swant:\n%s", log, want)
	}
	back := map[string]time.Duration{}
	for _, p := range polls {
		if since := p.Time.Sub(start); since > 100*time.Second && p.Err == nil && back[p.Device.ID] == 0 {
			back[p.Device.ID] = since - 100*time.Second
		}
	}
	for _, s := range sources {
		if d := back[s.device.ID]; d == 0 || d > 7*time.Second {
			t.Errorf("%s is back %v after the wire", s.device.ID, d)
		}
	}
}

func TestOneLineEachWay(t *testing.T) {
	var asked int
	s := newScripted("ups-a", time.Second, func() (time.Duration, error) {
		asked++
		if asked > 3 && asked < 8 {
			return time.Second, errTimeout
		}
		return 0, nil
	})
	_, log := runFor(t, 60*time.Second, s)
	want := `level=WARN msg="device is silent" device=ups-a err="timeout after 1s"
level=INFO msg="device answers again" device=ups-a
`
	if log != want {
		t.Errorf("log:\n%swant:\n%s", log, want)
	}
}

// TestNothingToRead: the profile may be that of another device, which the
// device itself never says.
func TestNothingToRead(t *testing.T) {
	s := newScripted("ups-a", time.Second, answersIn(0))
	s.device.Profile, s.bare = "rfc1628-ups", 5
	_, log := runFor(t, 60*time.Second, s)
	want := `level=WARN msg="device answers, and has nothing that its profile reads" device=ups-a profile=rfc1628-ups
level=INFO msg="device has what its profile reads" device=ups-a
`
	if log != want {
		t.Errorf("log:\n%swant:\n%s", log, want)
	}
}

// hurryDuring runs a bus and asks, at the given times after its start, for
// polls of its first source out of turn.
func hurryDuring(t *testing.T, d time.Duration, at []time.Duration, sources ...*scripted) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := NewBus("moxa-1")
		for _, s := range sources {
			b.Add(s.device, s, metricUp, metricDuration)
		}
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		log := slog.New(slog.DiscardHandler)
		a := New([]*Bus{b}, nil, log)
		done := make(chan struct{})
		start := time.Now()
		go func() {
			defer close(done)
			for _, when := range at {
				time.Sleep(time.Until(start.Add(when)))
				if !a.PollNow(sources[0].device.ID) {
					t.Error("the device is not known")
				}
			}
		}()
		if a.PollNow("ups-z") {
			t.Error("a device that there is not can be polled")
		}
		if err := a.Run(ctx); err != nil {
			t.Error(err)
		}
		<-done
	})
}

// since are times after the first, in words.
func since(first time.Time, times []time.Time) string {
	var words []string
	for _, at := range times {
		words = append(words, at.Sub(first).String())
	}
	return strings.Join(words, " ")
}

func TestPollOutOfTurn(t *testing.T) {
	s := newScripted("ups-a", 20*time.Second, answersIn(30*time.Millisecond))
	hurryDuring(t, 65*time.Second, []time.Duration{
		5 * time.Second, 5100 * time.Millisecond, // the second soon after the first
		21 * time.Second,         // after the next poll in turn
		40500 * time.Millisecond, // sooner than a second after the next
	}, s)
	if got, want := since(s.polls[0], s.polls), "0s 5s 7s 20s 21s 40s 41s 1m0s"; got != want {
		t.Errorf("polls at %s\nwant     %s", got, want)
	}
	dead := newScripted("ups-a", 20*time.Second, silent)
	hurryDuring(t, 35*time.Second, []time.Duration{2 * time.Second, 12 * time.Second}, dead)
	if got, want := since(dead.polls[0], dead.polls), "0s 5s"; got != want {
		t.Errorf("polls of a silent device at %s, want %s", got, want)
	}
	if got, want := since(dead.polls[0], dead.probes), "15s 20s"; got != want {
		t.Errorf("probes of a silent device at %s, want %s", got, want)
	}
}

// TestFloodDelaysNoPoll asks ten thousand times a second for a poll of one
// device: its neighbour is polled as ever, and itself hardly more often.
func TestFloodDelaysNoPoll(t *testing.T) {
	var flood []time.Duration
	for at := time.Duration(0); at < 20*time.Second; at += 100 * time.Microsecond {
		flood = append(flood, at)
	}
	a := newScripted("ups-a", 5*time.Second, answersIn(200*time.Millisecond))
	b := newScripted("ups-b", time.Second, answersIn(30*time.Millisecond))
	hurryDuring(t, 20500*time.Millisecond, flood, a, b)
	if len(b.polls) != 21 {
		t.Errorf("the neighbour is polled %d times in 20 s, want 21", len(b.polls))
	}
	for i, at := range b.polls {
		if late := at.Sub(b.polls[0].Truncate(time.Second)) - time.Duration(i)*time.Second; late > 200*time.Millisecond {
			t.Errorf("the neighbour's poll %d is %v late", i, late)
		}
	}
	if n := len(a.polls); n < 5+5 || n > 5+2*5 {
		t.Errorf("the device is polled %d times, want 5 in turn and one or two out of turn after each", n)
	}
}

// A lookingSource counts its polls, and looks around in each.
type lookingSource struct {
	point *Point
	polls int
	look  func(polls int)
}

func (s *lookingSource) Poll(_ context.Context, dst []Reading) ([]Reading, error) {
	s.polls++
	dst = append(dst, s.point.Measured(float64(s.polls)))
	s.look(s.polls)
	return dst, nil
}

func (s *lookingSource) Probe(context.Context) error { return nil }
func (s *lookingSource) Close() error                { return nil }

// TestLatestStandsDuringAPoll: while a device is asked, what it said before is
// what it says.
func TestLatestStandsDuringAPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Device{ID: "ups-a", Class: "ups", Every: time.Second}
		s := &lookingSource{point: &Point{Device: d, Metric: metricVoltage}}
		b := NewBus("a")
		b.Add(d, s, metricUp, metricDuration)
		a := New([]*Bus{b}, nil, slog.New(slog.DiscardHandler))
		s.look = func(polls int) {
			if polls == 1 {
				return
			}
			status, _ := a.Latest.Of("ups-a")
			if rs := status.Readings; len(rs) != 3 || rs[0].Value != 1 || rs[2].Value != float64(polls-1) || !rs[2].Time.Equal(status.Polled) {
				t.Errorf("during poll %d: %+v", polls, rs)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5500*time.Millisecond)
		defer cancel()
		if err := a.Run(ctx); err != nil || s.polls != 6 {
			t.Errorf("%d polls, %v", s.polls, err)
		}
	})
}
