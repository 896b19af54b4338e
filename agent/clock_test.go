package agent

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
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

// withClock runs an agent with one device, polled once a second, for d in
// virtual time. The wall clock is off by what off says of a time since the
// beginning.
func withClock(t *testing.T, d time.Duration, off func(since time.Duration) time.Duration, before, meanwhile func(a *Agent)) (sent string, polls []time.Time, log string) {
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
		if before != nil {
			before(a)
		}
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
	}, nil, nil)
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

// What is read in 1970 is watched at once, and observed and delivered in order
// when the clock has been set, with its time; so is what else has one.
func TestReadingsWaitForTheClock(t *testing.T) {
	const years = 30 * 365 * 24 * time.Hour
	var mu sync.Mutex // over these two
	var seen, watched []string
	note := func(to *[]string, what ...any) {
		mu.Lock()
		defer mu.Unlock()
		*to = append(*to, fmt.Sprint(what...))
	}
	sent, polls, log := withClock(t, 6500*time.Millisecond, func(since time.Duration) time.Duration {
		if since < 3500*time.Millisecond {
			return -years
		}
		return 0
	}, func(a *Agent) {
		a.Watch(func(*Poll) { note(&watched, "a@", time.Since(bubbleBegan).Truncate(time.Second)) })
		a.Observe(func(p *Poll) {
			note(&seen, "a@", p.Time.Sub(bubbleBegan), "+", p.Next.Sub(p.Time))
			if p.Readings[0].Time != p.Time {
				t.Errorf("a poll of %v has a reading of %v", p.Time, p.Readings[0].Time)
			}
		})
		a.Stepped(func(by time.Duration) { t.Errorf("a clock that was never right is set by %v", by) })
	}, func(a *Agent) {
		time.Sleep(1700 * time.Millisecond)
		at := time.Now()
		a.Dated(at, 5, func(at time.Time) { note(&seen, "trap@", at.Sub(bubbleBegan)) })
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		if n := a.Held(); n != 3*3+5 || len(seen) != 0 || len(watched) != 3 {
			t.Errorf("%d readings wait, observed: %v, watched: %v", n, seen, watched)
		}
	})
	if len(polls) != 7 {
		t.Errorf("%d polls in 6.5 s", len(polls))
	}
	if want := "a@0 a@1 a@2 a@3 a@4 a@5 a@6 "; sent != want {
		t.Errorf("sent %s,\nwant %s", sent, want)
	}
	if got, want := strings.Join(seen, " "), "a@0s+1s a@1s+1s trap@1.7s a@2s+1s a@3s+1s a@4s+1s a@5s+1s a@6s+1s"; got != want {
		t.Errorf("observed %s,\nwant %s", got, want)
	}
	if got, want := strings.Join(watched, " "), "a@0s a@1s a@2s a@3s a@4s a@5s a@6s"; got != want {
		t.Errorf("watched %s,\nwant %s", got, want)
	}
	want := `level=WARN msg="the clock is not set, what is read is kept in memory until it is" clock=1970-01-08T00:00:00.010Z
level=INFO msg="the clock is set, what was read before gets its time" clock=2000-01-01T00:00:04.010Z by=262800h0m0s readings=17 lost=0
`
	if log != want {
		t.Errorf("log:\n%s\nwant:\n%s", log, want)
	}
}

// Who observes is told, between two polls, by how much a right clock was set;
// also when it was wrong in between.
func TestSteps(t *testing.T) {
	var seen []string
	withClock(t, 7500*time.Millisecond, func(since time.Duration) time.Duration {
		switch {
		case since < 1500*time.Millisecond:
			return 100 * time.Second
		case since < 3500*time.Millisecond:
			return 90 * time.Second // as it was at 0, so that nothing goes round
		case since < 5500*time.Millisecond:
			return -time.Hour
		}
		return 200 * time.Second
	}, func(a *Agent) {
		a.Observe(func(p *Poll) { seen = append(seen, fmt.Sprint(p.Time.Sub(bubbleBegan).Seconds())) })
		a.Stepped(func(by time.Duration) { seen = append(seen, fmt.Sprint("by ", by.Seconds())) })
	}, nil)
	if got, want := strings.Join(seen, " "), "100 101 by -10 92 93 by 110 204 205 206 207"; got != want {
		t.Errorf("observed %s,\nwant %s", got, want)
	}
}

// An agent that stops before the clock is set says what is lost.
func TestClockThatIsNeverSet(t *testing.T) {
	sent, _, log := withClock(t, 2500*time.Millisecond, func(time.Duration) time.Duration { return -time.Second - 2500*time.Millisecond }, nil, nil)
	if want := `level=ERROR msg="readings are lost, the clock has not been set" readings=9` + "\n"; sent != "" || !strings.HasSuffix(log, want) || strings.Count(log, "\n") != 2 {
		t.Errorf("sent %q, log:\n%s", sent, log)
	}
}

// Of too much the oldest is lost, but for what is so until something else is.
func TestTooMuchWaitsForTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text strings.Builder
		c := newClock(slog.New(slog.NewTextHandler(&text, nil)))
		c.holdBefore(bubbleBegan.Add(time.Hour))
		var passed []string
		for i := range 7 {
			h := held{at: time.Now(), size: heldLimit / 5, lasts: i < 2, pass: func(at time.Time) { passed = append(passed, fmt.Sprint(i, "@", at.Sub(bubbleBegan))) }}
			c.pass(h, func() {})
			time.Sleep(time.Minute)
		}
		if n := c.waiting(); n != heldLimit {
			t.Errorf("%d wait", n)
		}
		time.Sleep(time.Hour)
		c.pass(held{at: time.Now(), pass: func(time.Time) {}}, nil)
		if got, want := strings.Join(passed, " "), "1@2m0s 2@2m0s 3@3m0s 4@4m0s 5@5m0s 6@6m0s"; got != want {
			t.Errorf("passed on: %s\nwant: %s", got, want)
		}
		if n := strings.Count(text.String(), "too many wait"); n != 1 || !strings.Contains(text.String(), "lost=120000") {
			t.Errorf("log:\n%s", &text)
		}
	})
}

// What alone is too much waits all the same.
func TestOneThatIsTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock(slog.New(slog.DiscardHandler))
		c.holdBefore(bubbleBegan.Add(time.Hour))
		passed := 0
		c.pass(held{at: time.Now(), size: heldLimit + 1, lasts: true, pass: func(time.Time) { passed++ }}, func() {})
		time.Sleep(2 * time.Hour)
		c.pass(held{at: time.Now(), pass: func(time.Time) { passed++ }}, nil)
		if passed != 2 {
			t.Errorf("%d of 2 are passed on", passed)
		}
	})
}
