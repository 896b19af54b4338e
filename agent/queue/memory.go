package queue

import (
	"context"
	"sync"
	"time"
)

// Memory is a queue that lives and dies with the process.
type Memory struct {
	limit int

	mu      sync.Mutex
	blocks  []block // blocks[first:] are queued
	first   int
	bytes   int
	shown   int // of the queued blocks, those that the last Peek returned
	dropped uint64
	put     chan struct{} // holds a token while there may be something to see
}

type block struct {
	data []byte
	at   time.Time
}

// NewMemory returns an empty queue that holds up to limit bytes.
func NewMemory(limit int) *Memory {
	return &Memory{limit: limit, put: make(chan struct{}, 1)}
}

// Put queues a copy of data. It never waits and returns nil.
func (q *Memory) Put(data []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.blocks = append(q.blocks, block{append([]byte(nil), data...), time.Now()})
	q.bytes += len(data)
	for q.bytes > q.limit && len(q.blocks)-q.first > 1 {
		q.shift()
		q.dropped++
		q.shown = max(0, q.shown-1)
	}
	select {
	case q.put <- struct{}{}:
	default:
	}
	return nil
}

// shift forgets the oldest block.
func (q *Memory) shift() {
	q.bytes -= len(q.blocks[q.first].data)
	q.blocks[q.first] = block{}
	q.first++
	if q.first > len(q.blocks)/2 {
		n := copy(q.blocks, q.blocks[q.first:])
		clear(q.blocks[n:])
		q.blocks, q.first = q.blocks[:n], 0
	}
}

// Peek returns the oldest blocks joined, as many as fit in limit bytes and at
// least one; they stay queued. While there is none it waits, and returns ctx's
// error when ctx ends, or has ended, with none queued.
func (q *Memory) Peek(ctx context.Context, limit int) ([]byte, error) {
	for {
		if data := q.show(limit); data != nil {
			return data, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-q.put:
		}
	}
}

// show returns the oldest blocks joined, nil when there is none.
func (q *Memory) show(limit int) []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	queued := q.blocks[q.first:]
	size, n := 0, 0
	for n < len(queued) && (n == 0 || size+len(queued[n].data) <= limit) {
		size += len(queued[n].data)
		n++
	}
	if q.shown = n; n == 0 {
		return nil
	}
	data := make([]byte, 0, size)
	for _, b := range queued[:n] {
		data = append(data, b.data...)
	}
	return data
}

// Drop removes what the last Peek returned, and nothing that came later even
// where some of it has had to go in between.
func (q *Memory) Drop() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for ; q.shown > 0; q.shown-- {
		q.shift()
	}
	return nil
}

// Stats say how full a queue is, and what it has lost since it was made or
// opened.
type Stats struct {
	Bytes   int64         // taken by the blocks that wait, in files with their headers
	Age     time.Duration // how long the oldest block has waited, about
	Dropped uint64        // blocks that went because the queue was full
	Damaged uint64        // blocks that could not be read back
	Refused uint64        // blocks that Put returned an error for
}

// Stats returns how full the queue is.
func (q *Memory) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := Stats{Bytes: int64(q.bytes), Dropped: q.dropped}
	if q.first < len(q.blocks) {
		s.Age = time.Since(q.blocks[q.first].at)
	}
	return s
}

// Close gives up what is queued.
func (q *Memory) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.blocks, q.first, q.bytes, q.shown = nil, 0, 0, 0
	return nil
}
