package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// A Sink encodes readings for one far side and delivers them to it.
//
// A sink whose blocks may overtake each other, because each says itself when
// it was, has a method Unordered() besides, which is never called. Its Send is
// safe for concurrent use.
type Sink interface {
	// Append encodes the readings of one poll of one device after dst and
	// returns the result. What it appends is a block: blocks can be joined,
	// and a joined block can be sent. Calls do not overlap each other, but
	// may overlap Send. A Bad reading has no value to encode.
	Append(dst []byte, rs []Reading) []byte

	// Send delivers a block and returns nil only when the far side has
	// confirmed all of it. After an error the same blocks come again, perhaps
	// fewer of them joined, and a block may come again after it was confirmed:
	// the far side must take the same thing twice for once. An error may be a
	// WaitError. It keeps nothing of the block. Calls do not overlap each other,
	// unless the sink is unordered.
	Send(ctx context.Context, block []byte) error
}

// A WaitError is in the error of a Send when the far side says for how long it
// wants nothing.
type WaitError struct {
	For time.Duration
	Err error
}

// Error is why the far side wants nothing, and for how long.
func (e *WaitError) Error() string { return fmt.Sprintf("%v (for %v)", e.Err, e.For) }

// Unwrap returns why the far side wants nothing.
func (e *WaitError) Unwrap() error { return e.Err }

// A Queue keeps blocks between the polls and a sink, in order. One goroutine
// reads; any number write.
type Queue interface {
	// Put takes a copy of block. It never waits for the reader.
	Put(block []byte) error

	// Peek returns the oldest blocks joined, as many as fit in limit bytes
	// and at least one. They stay queued. While there is none it waits, and
	// returns ctx's error when ctx ends, or has ended, with none queued. What
	// it returns stands until the next Peek.
	Peek(ctx context.Context, limit int) ([]byte, error)

	// Drop removes what the last Peek returned.
	Drop() error

	// Stats says how full the queue is. It may be called at any time.
	Stats() QueueStats
}

// How an outlet treats a far side that does not take what it is sent.
const (
	backOffFirst = time.Second
	backOffLimit = 30 * time.Second
	waitLimit    = 5 * time.Minute // that a far side can ask for
)

// Bytes in one Send. After a failure there are fewer, after each success more,
// so that a slow line gets at least something through and a server that has
// just come back is not given everything at once.
const (
	sendLimit = 1 << 20
	sendFloor = 16 << 10
)

// From when on an outlet is behind: how long the oldest block has waited, and
// how many bytes wait; the latter because a clock that was set spoils ages.
const (
	behindAge   = time.Second
	behindBytes = 2 * sendLimit
)

// exchangeWithin is how long a Send may take to end when the sink is exchanged:
// a slow far side is waited for as long as it goes on, a reload is not.
const exchangeWithin = 10 * time.Second

var errExchanged = errors.New("the sink was exchanged")

// fastLinger is the longest that a block in the fast lane waits for others.
const fastLinger = 100 * time.Millisecond

// soundAfter is how long a queue must have refused nothing to count as sound:
// on a full disk there is room for a small block now and then.
const soundAfter = 10 * time.Second

// An Outlet is a sink with the queue in front of it, and beside the queue a
// small one in memory, the fast lane. Each has a goroutine of the outlet that
// reads it and sends.
//
// Every block goes into the queue, and leaves it in order. While the outlet is
// behind and its sink is unordered, a copy goes into the fast lane as well, so
// that what happens now arrives now while an hour of backlog drains. The queue
// knows nothing of it and delivers the block once more in its turn: whatever
// becomes of the lane, nothing is lost, and what is there in the end is what
// the queue delivered last. The lane is also where a block goes that the queue
// does not take, as when the disk is full.
type Outlet struct {
	name      string
	queue     lane
	fast      lane
	unordered bool // the sink is

	mu      sync.Mutex // over what follows, and sink's Append
	sink    Sink
	buf     []byte
	broken  bool      // the queue refused a block, and that was reported
	refused time.Time // when it last did
	lost    uint64    // blocks that neither lane had room for, also where one was just being sent
	since   time.Time // when the outlet became up or down
	holdOff time.Time // until when the far side wants nothing
}

// A lane is one of the two ways through an outlet.
type lane struct {
	Queue
	linger time.Duration
	err    error         // of its last delivery; under the outlet's mu
	well   chan struct{} // holds a token when the other lane delivers again
	turn   chan struct{} // holds a token during Send; an ordered sink's lanes take turns

	breakOff context.CancelCauseFunc // ends its last Send; under the outlet's mu
}

// NewOutlet returns an outlet called name in the log. The fast lane is for a
// few seconds of blocks. Linger is how long a block may wait for others to be
// sent with it: polls come in bursts, and what comes together should leave
// together.
func NewOutlet(name string, sink Sink, queue, fast Queue, linger time.Duration) *Outlet {
	o := &Outlet{name: name, sink: sink}
	for l, q := range map[*lane]Queue{&o.queue: queue, &o.fast: fast} {
		*l = lane{Queue: q, linger: linger, well: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
	}
	o.fast.linger = min(linger, fastLinger)
	if _, o.unordered = sink.(interface{ Unordered() }); !o.unordered {
		o.fast.turn = o.queue.turn
	}
	return o
}

// stats says how the outlet stands.
func (o *Outlet) stats() OutletStats {
	o.mu.Lock()
	defer o.mu.Unlock()
	err := o.failing()
	s := OutletStats{Name: o.name, Up: err == nil, Err: err, Since: o.since, Queue: o.queue.Stats()}
	s.Queue.Dropped += o.lost
	if r, ok := o.sink.(interface{ Refused() uint64 }); ok {
		s.SetAside = r.Refused()
	}
	return s
}

// failing returns why the outlet is down, nil when it is up. o.mu is held.
func (o *Outlet) failing() error { return cmp.Or(o.queue.err, o.fast.err) }

// delivered notes how a delivery through a lane went, and tells the log when
// that is news.
func (o *Outlet) delivered(l *lane, err error, log *slog.Logger) {
	o.mu.Lock()
	before, again := o.failing(), l.err != nil && err == nil
	l.err = err
	after := o.failing()
	news := (before == nil) != (after == nil)
	if news || o.since.IsZero() {
		o.since = time.Now()
	}
	if w, ok := errors.AsType[*WaitError](err); ok {
		o.holdOff = time.Now().Add(min(w.For, waitLimit))
	}
	o.mu.Unlock()
	if again {
		other := &o.fast
		if l == other {
			other = &o.queue
		}
		select {
		case other.well <- struct{}{}:
		default:
		}
	}
	if news && after != nil {
		log.Warn("sink does not take readings, they are kept", "sink", o.name, "err", err)
	} else if news {
		log.Info("sink takes readings again", "sink", o.name, "waiting_bytes", o.queue.Stats().Bytes)
	}
}

// Exchange gives the outlet another sink of the same kind, which must
// understand the blocks of the one before, and returns that when it is no
// longer used. What is just being sent has ten seconds to arrive; then the
// other sink sends it again.
func (o *Outlet) Exchange(sink Sink) (before Sink) {
	o.mu.Lock()
	before, o.sink = o.sink, sink
	o.mu.Unlock()
	defer time.AfterFunc(exchangeWithin, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, l := range []*lane{&o.queue, &o.fast} {
			if l.breakOff != nil {
				l.breakOff(errExchanged)
			}
		}
	}).Stop()
	for _, l := range []*lane{&o.queue, &o.fast} {
		l.turn <- struct{}{} // what it is sending now is its last
		<-l.turn
	}
	return before
}

// keep tells a sink that has something of each device at the far side which
// devices there are.
func (o *Outlet) keep(devices []*Device) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if k, ok := o.sink.(interface{ Keep([]*Device) }); ok {
		k.Keep(devices)
	}
}

// put encodes and queues the readings of one poll.
func (o *Outlet) put(rs []Reading, log *slog.Logger) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf = o.sink.Append(o.buf[:0], rs)
	o.enqueue(log)
}

// enqueue queues what is in buf. o.mu is held.
func (o *Outlet) enqueue(log *slog.Logger) {
	if len(o.buf) == 0 {
		return
	}
	err := o.queue.Put(o.buf)
	switch {
	case err != nil:
		before := o.fast.Stats().Dropped
		o.fast.Put(o.buf)
		o.lost += o.fast.Stats().Dropped - before
	case o.unordered && o.behind():
		o.fast.Put(o.buf)
	}
	switch {
	case err != nil && !o.broken:
		log.Error("the queue takes no readings, only the last few are kept, in memory", "sink", o.name, "err", err)
		fallthrough
	case err != nil:
		o.broken, o.refused = true, time.Now()
	case o.broken && time.Since(o.refused) > soundAfter:
		o.broken = false
		log.Info("the queue takes readings again", "sink", o.name, "lost", o.lost)
	}
}

// behind reports whether what is queued now would be delivered late.
func (o *Outlet) behind() bool {
	s := o.queue.Stats()
	return s.Age > behindAge || s.Bytes > behindBytes
}

// run sends what is queued until ctx ends. When waiting ends, it no longer
// waits, for blocks or for better times: it sends what is queued and returns,
// at the first failure with blocks left behind.
func (o *Outlet) run(ctx, waiting context.Context, log *slog.Logger) {
	var fast sync.WaitGroup
	fast.Go(func() { o.drain(ctx, waiting, &o.fast, log) })
	o.drain(ctx, waiting, &o.queue, log)
	fast.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	if left := o.fast.Stats().Bytes; o.broken && left > 0 {
		log.Error("readings are lost, they were only in memory", "sink", o.name, "bytes", left)
	}
}

// drain sends what comes through one lane; it is half of run.
func (o *Outlet) drain(ctx, waiting context.Context, l *lane, log *slog.Logger) {
	pause, limit := backOffFirst, sendLimit
	for {
		block, err := l.Peek(waiting, limit)
		if err == nil {
			// What has waited already, and what fills a Send, need not linger.
			s := l.Stats()
			if rest := l.linger - s.Age; rest > 0 && s.Bytes < int64(limit) && sleep(waiting, rest) == nil {
				block, err = l.Peek(waiting, limit)
			}
		}
		if errors.Is(err, context.Canceled) {
			return
		}
		if err != nil {
			log.Error("the queue cannot be read", "sink", o.name, "err", err)
			if sleep(waiting, backOffLimit) != nil {
				return
			}
			continue
		}
		if d := o.held(); d > 0 {
			if sleep(waiting, d) != nil {
				return
			}
			continue
		}
		err = o.send(ctx, l, block)
		if err != nil && ctx.Err() != nil {
			return
		}
		if err == errExchanged {
			continue
		}
		o.delivered(l, err, log)
		if err != nil {
			limit = max(limit/2, sendFloor)
			if _, said := errors.AsType[*WaitError](err); said {
				continue
			}
			t := time.NewTimer(pause)
			select {
			case <-waiting.Done():
				return
			case <-l.well:
			case <-t.C:
			}
			pause = min(2*pause, backOffLimit)
			continue
		}
		pause, limit = backOffFirst, min(2*limit, sendLimit)
		if err := l.Drop(); err != nil {
			log.Error("what is sent cannot be dropped from the queue", "sink", o.name, "err", err)
		}
	}
}

// held returns for how long the far side wants nothing.
func (o *Outlet) held() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return time.Until(o.holdOff)
}

// send sends a block through the sink of the moment.
func (o *Outlet) send(ctx context.Context, l *lane, block []byte) error {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	o.mu.Lock()
	sink := o.sink
	l.breakOff = cancel
	o.mu.Unlock()
	err := sink.Send(ctx, block)
	if err != nil && context.Cause(ctx) == errExchanged {
		return errExchanged
	}
	return err
}

// sleep waits for d and returns nil, or ctx's error when ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
