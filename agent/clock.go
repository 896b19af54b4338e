package agent

import (
	"log/slog"
	"sync"
	"time"
)

// stepLeast is what a clock must be set by, from one look at it to the next,
// to count as set. A clock that is steered gently stays far below it.
const stepLeast = time.Second

// heldLimit bounds the readings that wait for the clock to be set: a quarter of
// an hour of a small site, half a minute of a large one, at most 30 MB.
const heldLimit = 300_000

// A clock is the wall clock of the box, which may be wrong.
//
// What is scheduled goes by the monotonic clock, so that setting the other
// moves no poll; the log has one line each time it is set. A box without a
// battery begins in 1970, and nothing that is read before its clock is set may
// be known as of then. It is held, in memory, and passed on with the time that
// it was read at as soon as that is known: the monotonic clock says for how
// long it has waited. A clock that was right and is set passes on at once, and
// says by how much it was wrong.
//
// A clock is safe for concurrent use. It passes on one thing at a time.
type clock struct {
	wall    func(time.Time) time.Time // what the wall clock said at a moment
	log     *slog.Logger
	stepped []func(by time.Duration)

	mu    sync.Mutex
	since time.Time // a wall clock before it has not been set
	last  time.Time // the last moment that was looked at
	said  time.Time // what the wall clock said then
	right bool      // it was not before since
	// The same of the last moment that it was right at; zero before there was one.
	passed, passedSaid time.Time

	held   []held
	stands *held // the last of those lost that lasts
	count  int   // readings in held
	lost   int   // readings that held had no room for
}

// A held thing waits for the clock to be set.
type held struct {
	at    time.Time // when it was
	size  int       // as so many readings
	lasts bool      // what it says is so until the next that lasts
	pass  func(at time.Time)
}

func newClock(log *slog.Logger) *clock {
	now := time.Now()
	return &clock{wall: func(t time.Time) time.Time { return t.Round(0) }, log: log, last: now, said: now.Round(0), right: true}
}

// pass calls h.pass with the time of h.at, now or, having called keep, when that
// is known.
func (c *clock) pass(h held, keep func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.look(); c.right {
		h.pass(c.moment(h.at))
		return
	}
	keep()
	c.held = append(c.held, h)
	c.count += h.size
	for c.count > heldLimit && len(c.held) > 1 {
		if c.lost == 0 {
			c.log.Error("readings are lost, too many wait for the clock to be set", "readings", c.count)
		}
		first := c.held[0]
		c.count -= first.size
		c.lost += first.size
		c.held[0] = held{}
		c.held = c.held[1:]
		if first.lasts {
			c.stands = &first
		}
	}
}

// look notices whether the clock was set since the last look, and passes on
// what was held when it is right. c.mu is held.
func (c *clock) look() {
	now := time.Now()
	said := c.wall(now)
	step := said.Sub(c.said) - now.Sub(c.last)
	c.last, c.said = now, said
	was := c.right
	c.right = !said.Before(c.since)
	switch {
	case c.right && !was:
		c.log.Info("the clock is set, what was read before gets its time", "clock", said.UTC(), "by", step.Round(time.Millisecond),
			"readings", c.count, "lost", c.lost)
	case !c.right && was:
		c.log.Warn("the clock is not set, what is read is kept in memory until it is", "clock", said.UTC())
	case step.Abs() >= stepLeast:
		c.log.Warn("the clock was set", "clock", said.UTC(), "by", step.Round(time.Millisecond))
	}
	if !c.right {
		return
	}
	if by := said.Sub(c.passedSaid) - now.Sub(c.passed); !c.passed.IsZero() && by.Abs() >= stepLeast {
		for _, f := range c.stepped {
			f(by)
		}
	}
	c.passed, c.passedSaid = now, said
	if was {
		return
	}
	if c.stands != nil { // it is still so when what is left begins
		c.stands.pass(c.moment(c.held[0].at))
	}
	for _, h := range c.held {
		h.pass(c.moment(h.at))
	}
	c.held, c.stands, c.count, c.lost = nil, nil, 0, 0
}

// moment returns what the clock, as it was when it was looked at last, says of
// a moment. c.mu is held.
func (c *clock) moment(at time.Time) time.Time {
	t := c.wall(at)
	if set := c.said.Add(at.Sub(c.last)); !at.IsZero() && set.Sub(t).Abs() >= stepLeast {
		return set
	}
	return t
}

// holdBefore says since when the clock can be right.
func (c *clock) holdBefore(since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since = since
}

// waiting returns how many readings wait for the clock to be set.
func (c *clock) waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

// Midnight returns when a day of a place begins, as time.Date takes its date:
// where clocks go forward at midnight, an hour after that would have been.
func Midnight(year int, month time.Month, day int, place *time.Location) time.Time {
	year, month, day = time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Date()
	t := time.Date(year, month, day, 0, 0, 0, 0, place)
	for t.Day() != day { // there is no midnight, and it is in the day before
		t = t.Add(30 * time.Minute)
	}
	return t
}

// Restated returns what the clock that says now has to say of an earlier moment
// t of this run, which is something else than t where it was set since. Of a
// time that was read, from a file or in JSON, nothing else is known.
func Restated(t, now time.Time) time.Time {
	if by := now.Round(0).Sub(t.Round(0)) - now.Sub(t); !t.IsZero() && by.Abs() >= stepLeast {
		return t.Round(0).Add(by)
	}
	return t
}
