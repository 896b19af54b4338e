package agent

import (
	"log/slog"
	"sync"
	"time"
)

// stepLeast is what a clock must be set by, from one look at it to the next,
// for the log to say so. A clock that is steered gently stays far below it.
const stepLeast = time.Second

// heldLimit bounds the readings that wait for the clock to be set: a quarter of
// an hour of a small site, half a minute of a large one, at most 30 MB.
const heldLimit = 300_000

// A clock is the wall clock of the box, which may be wrong.
//
// What is scheduled goes by the monotonic clock, so that setting the other
// moves no poll; the log has one line each time it is set. A box without a
// battery begins in 1970, and what is read before its clock is set must not be
// delivered as of then. It is held, in memory, and delivered with the time that
// it was read at as soon as that is known.
//
// A clock is safe for concurrent use.
type clock struct {
	wall  func(time.Time) time.Time // what the wall clock said at a moment
	since time.Time                 // a wall clock before it has not been set
	log   *slog.Logger

	mu    sync.Mutex
	last  time.Time     // the last moment that was looked at
	said  time.Time     // what the wall clock said then
	right bool          // it was not before since
	steps time.Duration // by which it was set, in all, while it was not right
	held  []held
	count int // readings in held
	lost  int // readings that held had no room for
}

// A held thing waits for the clock to be set.
type held struct {
	readings int
	steps    time.Duration // the clock's when it came
	pass     func(late time.Duration)
}

func newClock(log *slog.Logger) *clock {
	now := time.Now()
	return &clock{wall: func(t time.Time) time.Time { return t.Round(0) }, log: log, last: now, said: now.Round(0), right: true}
}

// look notices whether the clock was set since the last look. It returns
// whether the clock is right, in which case what was held has been passed on,
// and by how much it was late when it was not.
func (c *clock) look() (right bool, late time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	said := c.wall(now)
	step := said.Sub(c.said) - now.Sub(c.last)
	c.last, c.said = now, said
	was := c.right
	c.right = !said.Before(c.since)
	stepped := step.Abs() >= stepLeast
	if stepped && !was {
		c.steps += step
	}
	switch {
	case c.right && !was:
		c.log.Info("the clock is set, what was read before gets its time", "clock", said.UTC(), "by", step.Round(time.Millisecond),
			"readings", c.count, "lost", c.lost)
		for _, h := range c.held {
			h.pass(c.steps - h.steps)
		}
		c.held, c.count, c.lost = nil, 0, 0
	case !c.right && was:
		c.log.Warn("the clock is not set, what is read is kept in memory until it is", "clock", said.UTC())
		c.steps = 0
	case stepped:
		c.log.Warn("the clock was set", "clock", said.UTC(), "by", step.Round(time.Millisecond))
	}
	return c.right, c.steps
}

// hold calls pass when the clock is right, with how much it is late now.
func (c *clock) hold(readings int, pass func(late time.Duration)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.right {
		pass(c.steps) // it has become so since somebody looked
		return
	}
	c.held = append(c.held, held{readings, c.steps, pass})
	c.count += readings
	for c.count > heldLimit {
		if c.lost == 0 {
			c.log.Error("readings are lost, too many wait for the clock to be set", "readings", c.count)
		}
		c.count -= c.held[0].readings
		c.lost += c.held[0].readings
		c.held[0] = held{}
		c.held = c.held[1:]
	}
}

// stamp returns the time of a moment, given how late the clock was before it
// was right.
func (c *clock) stamp(at time.Time, late time.Duration) time.Time {
	t := c.wall(at)
	if t.Before(c.since) {
		t = t.Add(late)
	}
	return t
}

// waiting returns how many readings wait for the clock to be set.
func (c *clock) waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}
