package queue

import (
	"errors"
	"os"
	"slices"
	"time"
)

// keepSynced puts blocks on the disk when they have waited for q.every, until
// the queue is closed. Where the sink is well none waits that long and nothing
// is synced.
func (q *Durable) keepSynced() {
	for {
		select {
		case <-q.closed:
			return
		case <-q.dirty:
		}
		for {
			wait, blocks, position := q.due(time.Now())
			if !blocks && !position {
				break
			}
			if wait <= 0 {
				if err := q.sync(blocks); err != nil {
					wait = q.every // and again
				}
			}
			if wait > 0 {
				t := time.NewTimer(wait)
				select {
				case <-q.closed:
					t.Stop()
					return
				case <-t.C:
				}
			}
		}
	}
}

// due returns how long it is until something must be synced, and what: blocks,
// the position, or neither.
func (q *Durable) due(now time.Time) (wait time.Duration, blocks, position bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.marks) > 0 {
		end := q.next
		if len(q.marks) > 1 {
			end = q.marks[1].number
		}
		if end > q.head.number {
			break
		}
		q.marks = q.marks[1:] // all of it is delivered
	}
	if len(q.marks) > 0 {
		wait, blocks = q.marks[0].at.Add(q.every).Sub(now), true
	}
	// Where blocks that are on the disk are delivered, the disk must learn it.
	// Where none were, a position that is lost repeats nothing.
	if !q.notedSince.IsZero() && q.notedSynced < q.synced {
		if w := q.notedSince.Add(q.every).Sub(now); !blocks || w < wait {
			return w, false, true
		}
	}
	return wait, blocks, false
}

// sync puts on the disk the position and, if asked to, the blocks that are
// queued and the folder with their files. It holds up neither writers nor the
// reader.
func (q *Durable) sync(blocks bool) error {
	type part struct {
		s    *segment
		f    file
		size int64
	}
	var parts []part
	var marks []mark
	newFiles := false
	q.mu.Lock()
	next, noted, since := q.synced, q.noted, q.notedSince
	q.notedSince = time.Time{}
	if blocks {
		for _, s := range slices.Backward(q.segments) {
			if s.f == nil {
				break // and so are those before
			}
			parts = append(parts, part{s, s.f, s.size})
		}
		next, newFiles, marks = q.next, q.newFiles, q.marks
		q.newFiles, q.marks = false, nil
	}
	q.mu.Unlock()

	var err error
	for _, p := range slices.Backward(parts) { // oldest first
		// What is closed meanwhile is out of the queue.
		if e := p.f.Sync(); e != nil && !errors.Is(e, os.ErrClosed) {
			err = errors.Join(err, e)
		}
	}
	if newFiles {
		err = errors.Join(err, q.fs.syncDir(q.dir))
	}
	if !since.IsZero() {
		err = errors.Join(err, q.position.f.Sync())
	}

	q.mu.Lock()
	if err == nil {
		q.synced = next
		if !since.IsZero() {
			q.notedSynced = noted
		}
		for _, p := range parts {
			p.s.synced = p.size
			if p.s.sealed && p.s.synced == p.s.size && p.s.f != nil {
				p.s.f.Close()
				p.s.f = nil
			}
		}
	} else {
		q.newFiles = q.newFiles || newFiles
		q.marks = append(marks, q.marks...)
		if !since.IsZero() {
			q.notedSince = since
		}
	}
	failed := q.syncFails
	q.syncFails = err != nil
	q.mu.Unlock()
	q.report(failed, err, "the queue cannot be put on the disk, a power cut would lose it", "the queue is put on the disk again")
	return err
}
