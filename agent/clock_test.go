package agent

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A timingSink writes down what it is given, and of when: in seconds since the
// beginning of a synctest bubble's time.
type timingSink struct{ recordingSink }

var bubbleBegan = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (s *timingSink) Append(dst []byte, rs []Reading) []byte {
	for _, r := range rs {
		if !r.Time.Equal(rs[0].Time) {
			return fmt.Appendf(dst, "readings of %v and %v in one poll ", rs[0].Time, r.Time)
		}
	}
	return fmt.Appendf(dst, "%s@%g ", rs[0].Point.Device.ID, rs[0].Time.Sub(bubbleBegan).Seconds())
}

func (s *timingSink) AppendEvent(dst []byte, e *Event) []byte {
	dst = fmt.Appendf(dst, "%s@%g", e.ID, e.Began.Sub(bubbleBegan).Seconds())
	if !e.Ended.IsZero() {
		dst = fmt.Appendf(dst, "-%g", e.Ended.Sub(bubbleBegan).Seconds())
	}
	return append(dst, ' ')
}

// withClock runs an agent with one device, polled once a second, for d in
// virtual time. The wall clock is off by what off says of a time since the
// beginning.
func withClock(t *testing.T, d time.Duration, off func(since time.Duration) time.Duration, meanwhile func(a *Agent)) (sent string, polls []time.Time, log string) {
	t.Helper()
	var text strings.Builder
	synctest.Test(t, func(t *testing.T) {
		s := newScripted("a", time.Second, answersIn(10*time.Millisecond))
		b := NewBus("a")
		b.Add(s.device, s, metricUp, metricDuration)
		sink := &timingSink{}
		a := New([]*Bus{b}, []*Outlet{NewOutlet("test", sink, newListQueue(), newListQueue(), 0)}, slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})))
		a.clock.wall = func(at time.Time) time.Time { return at.Round(0).Add(off(at.Sub(bubbleBegan))) }
		a.clock.said = a.clock.wall(time.Now())
		a.HoldBefore(bubbleBegan)
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		if meanwhile != nil {
			go meanwhile(a)
		}
		if err := a.Run(ctx); err != nil {
			t.Error(err)
		}
		if n := a.Stats(); n.Skipped != 0 {
			t.Errorf("%+v", n)
		}
		sent, polls = strings.Join(sink.sent, ""), s.polls
	})
	return sent, polls, text.String()
}

// A clock that is set, either way, moves no poll; what is read from then on has
// the new time, and the log a line each time.
func TestClockThatIsSet(t *testing.T) {
	sent, polls, log := withClock(t, 6500*time.Millisecond, func(since time.Duration) time.Duration {
		switch {
		case since < 1500*time.Millisecond:
			return 0
		case since < 3500*time.Millisecond:
			return time.Hour
		case since < 5500*time.Millisecond:
			return 10 * time.Second
		}
		return 10*time.Second + 900*time.Millisecond // steered
	}, nil)
	if len(polls) != 7 {
		t.Errorf("%d polls in 6.5 s", len(polls))
	}
	for i := range polls[1:] {
		if gap := polls[i+1].Sub(polls[i]); gap != time.Second {
			t.Errorf("%v between two polls", gap)
		}
	}
	if want := "a@0 a@1 a@3602 a@3603 a@14 a@15 a@16.9 "; sent != want {
		t.Errorf("sent %s, want %s", sent, want)
	}
	want := `level=WARN msg="the clock was set" clock=2000-01-01T01:00:02.010Z by=1h0m0s
level=WARN msg="the clock was set" clock=2000-01-01T00:00:14.010Z by=-59m50s
`
	if log != want {
		t.Errorf("log:\n%s", log)
	}
}

// What is read in 1970 is delivered when the clock has been set, with its time.
func TestReadingsWaitForTheClock(t *testing.T) {
	const years = 30 * 365 * 24 * time.Hour
	sent, polls, log := withClock(t, 6500*time.Millisecond, func(since time.Duration) time.Duration {
		if since < 3500*time.Millisecond {
			return -years
		}
		return 0
	}, func(a *Agent) {
		time.Sleep(1700 * time.Millisecond)
		short := &Event{ID: "short", Began: time.Now()}
		a.Announce(short)
		long := &Event{ID: "long", Began: time.Now()}
		a.Announce(long)
		time.Sleep(time.Second)
		short.Ended = time.Now()
		a.Announce(short)
		if n := a.Held(); n != 3*3+3 {
			t.Errorf("%d readings and events wait", n)
		}
		time.Sleep(3 * time.Second)
		if n := a.Held(); n != 0 {
			t.Errorf("%d readings still wait", n)
		}
		if active := a.Active(); len(active) != 1 || !active[0].Began.Equal(bubbleBegan.Add(1700*time.Millisecond)) {
			t.Errorf("active events: %+v", active)
		}
		long.Ended = time.Now()
		a.Announce(long)
	})
	if len(polls) != 7 {
		t.Errorf("%d polls in 6.5 s", len(polls))
	}
	want := "a@0 a@1 short@1.7 long@1.7 a@2 short@1.7-2.7 a@3 a@4 a@5 long@1.7-5.7 a@6 "
	if sent != want {
		t.Errorf("sent %s,\nwant %s", sent, want)
	}
	want = `level=WARN msg="the clock is not set, what is read is kept in memory until it is" clock=1970-01-08T00:00:00.010Z
level=INFO msg="the clock is set, what was read before gets its time" clock=2000-01-01T00:00:04.010Z by=262800h0m0s readings=15 lost=0
`
	if log != want {
		t.Errorf("log:\n%s\nwant:\n%s", log, want)
	}
}

// An agent that stops before the clock is set says what is lost.
func TestClockThatIsNeverSet(t *testing.T) {
	sent, _, log := withClock(t, 2500*time.Millisecond, func(time.Duration) time.Duration { return -time.Second - 2500*time.Millisecond }, nil)
	if want := `level=ERROR msg="readings are lost, the clock has not been set" readings=9` + "\n"; sent != "" || !strings.HasSuffix(log, want) || strings.Count(log, "\n") != 2 {
		t.Errorf("sent %q, log:\n%s", sent, log)
	}
}

func TestTooMuchWaitsForTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text strings.Builder
		c := newClock(slog.New(slog.NewTextHandler(&text, nil)))
		c.since = bubbleBegan.Add(time.Hour)
		c.look()
		var passed []int
		for i := range 5 {
			c.hold(heldLimit/3, func(time.Duration) { passed = append(passed, i) })
		}
		if n := c.waiting(); n != heldLimit/3*3 {
			t.Errorf("%d wait", n)
		}
		time.Sleep(time.Hour)
		c.look()
		if fmt.Sprint(passed) != "[2 3 4]" {
			t.Errorf("passed on: %v", passed)
		}
		if n := strings.Count(text.String(), "too many wait"); n != 1 || !strings.Contains(text.String(), "lost=200000") {
			t.Errorf("log:\n%s", &text)
		}
	})
}
