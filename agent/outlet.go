package agent

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// A Sink encodes readings for one far side and delivers them to it.
type Sink interface {
	// Append encodes the readings of one poll of one device after dst and
	// returns the result. What it appends is a block: blocks can be joined,
	// and a joined block can be sent. Calls do not overlap each other, but
	// may overlap Send. A Bad reading has no value to encode.
	Append(dst []byte, rs []Reading) []byte

	// Send delivers a block and returns nil only when the far side has
	// confirmed all of it. After an error the same block is sent again, so
	// the far side must take the same thing twice for once. Calls do not
	// overlap each other.
	Send(ctx context.Context, block []byte) error
}

// A Queue keeps blocks between the polls and a sink, in order. One goroutine
// reads; any number write.
type Queue interface {
	// Put takes a copy of block. It never waits for the reader.
	Put(block []byte) error

	// Peek returns the oldest blocks joined, as many as fit in limit bytes
	// and at least one. They stay queued. While there is none it waits, and
	// returns ctx's error when ctx ends, or has ended, with none queued.
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
	sendLimit    = 1 << 20 // bytes in one Send
)

// An Outlet is a sink with the queue in front of it. One goroutine, the
// outlet's own, reads the queue and sends.
type Outlet struct {
	name   string
	queue  Queue
	linger time.Duration

	mu     sync.Mutex // over what follows, and sink's Append
	sink   Sink
	buf    []byte
	broken bool      // the queue refused a block, and that was reported
	err    error     // of the last delivery
	since  time.Time // when err became nil, or ceased to be

	sending sync.Mutex // held during Send
}

// NewOutlet returns an outlet called name in the log. Linger is how long a
// block may wait for others to be sent with it: polls come in bursts, and what
// comes together should leave together.
func NewOutlet(name string, sink Sink, queue Queue, linger time.Duration) *Outlet {
	return &Outlet{name: name, sink: sink, queue: queue, linger: linger}
}

// stats says how the outlet stands.
func (o *Outlet) stats() OutletStats {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := OutletStats{Name: o.name, Up: o.err == nil, Err: o.err, Since: o.since, Queue: o.queue.Stats()}
	if r, ok := o.sink.(interface{ Refused() uint64 }); ok {
		s.SetAside = r.Refused()
	}
	return s
}

// delivered notes how a delivery went and reports whether that is news.
func (o *Outlet) delivered(err error) (news bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	news = (err == nil) != (o.err == nil)
	if news || o.since.IsZero() {
		o.since = time.Now()
	}
	o.err = err
	return news
}

// Exchange gives the outlet another sink, which must understand the blocks of
// the one before, and returns that when it is no longer used.
func (o *Outlet) Exchange(sink Sink) (before Sink) {
	o.mu.Lock()
	before, o.sink = o.sink, sink
	o.mu.Unlock()
	o.sending.Lock() // what it is sending now is its last
	defer o.sending.Unlock()
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

// send sends a block through the sink of the moment.
func (o *Outlet) send(ctx context.Context, block []byte) error {
	o.sending.Lock()
	defer o.sending.Unlock()
	o.mu.Lock()
	sink := o.sink
	o.mu.Unlock()
	return sink.Send(ctx, block)
}

// put encodes and queues the readings of one poll.
func (o *Outlet) put(rs []Reading, log *slog.Logger) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf = o.sink.Append(o.buf[:0], rs)
	o.enqueue(log)
}

// enqueue puts what is in buf into the queue.
func (o *Outlet) enqueue(log *slog.Logger) {
	if len(o.buf) == 0 {
		return
	}
	err := o.queue.Put(o.buf)
	if (err != nil) != o.broken {
		o.broken = err != nil
		if o.broken {
			log.Error("readings are lost, the queue does not take them", "sink", o.name, "err", err)
		} else {
			log.Info("the queue takes readings again", "sink", o.name)
		}
	}
}

// run sends what is queued until ctx ends. When waiting ends, it no longer
// waits, for blocks or for better times: it sends what is queued and returns,
// at the first failure with blocks left behind.
func (o *Outlet) run(ctx, waiting context.Context, log *slog.Logger) {
	pause := backOffFirst
	for {
		block, err := o.queue.Peek(waiting, sendLimit)
		if err == nil && len(block) < sendLimit && sleep(waiting, o.linger) == nil {
			block, err = o.queue.Peek(waiting, sendLimit)
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
		if err := o.send(ctx, block); err != nil {
			if ctx.Err() != nil {
				return
			}
			if o.delivered(err) {
				log.Warn("sink does not take readings, they are kept", "sink", o.name, "err", err)
			}
			if sleep(waiting, pause) != nil {
				return
			}
			pause = min(2*pause, backOffLimit)
			continue
		}
		if o.delivered(nil) {
			log.Info("sink takes readings again", "sink", o.name)
		}
		pause = backOffFirst
		if err := o.queue.Drop(); err != nil {
			log.Error("what is sent cannot be dropped from the queue", "sink", o.name, "err", err)
		}
	}
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
