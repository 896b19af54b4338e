package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// When blocks that wait are put on the disk.
const (
	// Always is before Put returns.
	Always time.Duration = -1
	// Never leaves it to the operating system: a power cut may lose everything.
	Never time.Duration = math.MaxInt64

	syncDefault = time.Second
)

// Options of a durable queue.
type Options struct {
	// Limit bounds the files with blocks, together, in bytes. The queue goes
	// over it for one block that is larger than that.
	Limit int64
	// Sync is how old a block that waits may become before it is put on the
	// disk: a duration, Always or Never; 0 is a second.
	Sync time.Duration
	// Log is told once when something breaks, and when it is well again, and of
	// every loss; nil is nobody.
	Log *slog.Logger
}

// ErrClosed is the error of a queue that has been closed.
var ErrClosed = errors.New("the queue is closed")

// ErrInUse is in the error of Open for a folder that another queue has, also
// one of another process.
var ErrInUse = errors.New("in use")

// A block is dropped together with those of its segment. Small segments lose
// less that way, and are more often gone before they have to be written.
const (
	segmentLimit = 4 << 20
	segmentShare = 16 // segments in a full queue, or more

	// retireSize is from where on a segment with nothing left to read is given
	// up for a new one. Below, its few pages cost less than a new file.
	retireSize = 128 << 10

	// markShare is how many marks there are in the time between two syncs.
	markShare = 8

	// triesToRead is how often a place must fail to be read before it is
	// given up: what is unplugged comes back, a bad sector does not.
	triesToRead = 3
)

// Durable is a queue in the files of a folder; the package comment says what
// it promises. Besides segments (see segment) the folder has the file
// "position" (see position) and the file "lock", which is locked while the
// queue is open. Files of other names are left alone.
//
// Peek and Drop are for one goroutine at a time, everything else for any.
type Durable struct {
	dir         string
	fs          files
	limit       int64
	segmentSize int64
	mode        time.Duration // Always, Never or else every
	every       time.Duration // from one sync to the next
	log         *slog.Logger
	lock        *os.File

	closed  chan struct{}
	put     chan struct{} // holds a token while there may be something to see
	dirty   chan struct{} // holds a token while there may be something to sync
	syncing sync.WaitGroup

	// writing is held while the newest segment is written to, made or given
	// up. It comes before mu, which is never held over input or output, so
	// that a stalled disk holds up no more than it must.
	writing sync.Mutex
	buf     []byte // the record being written
	closing bool

	mu       sync.Mutex
	segments []*segment // oldest first; the head is in the first
	active   *segment   // the last of segments while it is written to, or nil
	size     int64      // of all segments
	next     uint64     // number of the block that comes next
	head     place      // of the oldest block that is queued; its segment is nil, for segments[0]
	headAt   time.Time  // when it came, about; zero for unknown
	marks    []mark     // what is not synced yet, oldest first
	newFiles bool       // since the folder was last synced
	pending  []*segment // out of the queue but not removed yet

	synced      uint64    // blocks before this number were on the disk, or done with
	noted       uint64    // the position that was written last
	notedSynced uint64    // the position that is on the disk
	notedSince  time.Time // when the position was first written after that; zero if it was not
	after       uint64    // number of the block after those shown
	afterAt     time.Time // when it came, about

	dropped, damaged, refused uint64
	overflowing               uint64 // blocks dropped since the queue was last empty
	noteFails, syncFails      bool

	// The reader's own, not under mu.
	position  *position
	scanner   scanner
	reading   *segment // what the scanner reads
	block     []byte   // what the last Peek returned
	shown     place    // after that; segment nil when nothing
	readFails int
}

// A place is where a block is or will be.
type place struct {
	segment *segment
	off     int64
	number  uint64
}

// A mark says that the blocks from number on, up to the next mark, came at a
// time or up to an eighth of the time between syncs later.
type mark struct {
	number uint64
	at     time.Time
}

// Open opens the queue in a folder, which it makes where there is none. A
// folder that is in use is an error, ErrInUse.
func Open(dir string, o Options) (*Durable, error) {
	return open(dir, o, disk{})
}

func open(dir string, o Options, fs files) (_ *Durable, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("open queue %s: %w", dir, err)
		}
	}()
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	q := &Durable{
		dir: dir, fs: fs, lock: lock,
		limit: o.Limit, segmentSize: min(o.Limit/segmentShare, segmentLimit),
		mode: cmp.Or(o.Sync, syncDefault), every: syncDefault,
		log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)).With("queue", dir),

		closed: make(chan struct{}),
		put:    make(chan struct{}, 1),
		dirty:  make(chan struct{}, 1),
	}
	if q.mode != Always && q.mode != Never {
		q.every = q.mode
	}
	if err := q.load(); err != nil {
		if q.position != nil {
			q.position.f.Close()
		}
		lock.Close()
		return nil, err
	}
	if q.mode != Never {
		q.syncing.Go(q.keepSynced)
	}
	return q, nil
}

func (q *Durable) path(s *segment) string { return filepath.Join(q.dir, segmentName(s.first)) }

// load finds what the folder holds. Nothing will be appended to it: the first
// Put makes a new segment, so what is torn at the end stays the end.
func (q *Durable) load() error {
	listed, err := q.fs.list(q.dir)
	if err != nil {
		return err
	}
	var done uint64 // blocks before this number were delivered
	q.position, done, err = openPosition(q.fs, filepath.Join(q.dir, "position"))
	if err != nil {
		return err
	}
	for _, e := range listed {
		first, ok := parseName(e.name)
		if !ok {
			continue
		}
		s := &segment{first: first, size: e.size, synced: e.size, begun: e.modified, sealed: true}
		if s.size == 0 { // made, and not written to any more
			q.pending = append(q.pending, s)
			continue
		}
		q.segments = append(q.segments, s)
		q.size += s.size
	}
	slices.SortFunc(q.segments, func(a, b *segment) int { return cmp.Compare(a.first, b.first) })
	q.next = max(done, 1)
	if n := len(q.segments); n > 0 {
		for i, s := range q.segments[:n-1] {
			s.end = q.segments[i+1].first
		}
		last := q.segments[n-1]
		end, torn, unread, err := q.lastNumber(last)
		if err != nil {
			return err
		}
		if last.end = end; torn {
			last.end++ // one block, for all we know
		}
		if q.next = last.end; unread {
			q.next = last.bound() // there may be more, and some day it may be read
		}
		if done > last.end {
			// The power went before blocks that were delivered had reached the
			// disk, or somebody put files back. What is there is given again
			// rather than lost.
			done = 0
			q.note(q.segments[0].first)
		}
	}
	for len(q.segments) > 0 && q.segments[0].end <= done {
		// Names may lie. Nothing is removed because of a name alone.
		if end, _, _, err := q.lastNumber(q.segments[0]); err != nil {
			return err
		} else if end > done {
			break
		}
		q.shift()
	}
	q.removePending()
	q.head.number, q.synced, q.notedSynced = q.next, q.next, q.next
	if len(q.segments) > 0 {
		s := q.segments[0]
		q.head = place{number: max(done, s.first)}
		q.notedSynced = done
		q.headAt = s.begun
		// Where this fails Peek will deal with it.
		if r, found, err := q.read(q.place(), s.size, s.bound()); err == nil && found && r.number == q.head.number {
			q.head.off, q.headAt = r.start, r.at
		}
		q.put <- struct{}{}
	}
	return nil
}

// lastNumber returns the number after the last block of a segment, whether
// there is something behind that, and whether some of it could not be read.
func (q *Durable) lastNumber(s *segment) (end uint64, torn, unread bool, err error) {
	end = s.first
	f, err := q.fs.open(q.path(s), os.O_RDONLY)
	if mayPass(err) {
		return 0, false, false, err
	}
	if err != nil {
		return end, true, true, nil
	}
	defer f.Close()
	off := int64(0)
	sc := scanner{f: f, giveUp: true}
	for {
		r, found, err := sc.next(off, s.size, end, s.bound())
		if err != nil || !found {
			return end, off < s.size, sc.gaveUp, err
		}
		end, off = r.number+1, r.end
	}
}

// mayPass reports whether an error of opening a file may go away when somebody
// does something about it.
func mayPass(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// Put queues a copy of data. It never waits for the reader.
func (q *Durable) Put(data []byte) error {
	q.writing.Lock()
	defer q.writing.Unlock()
	if q.closing {
		return ErrClosed
	}
	err := q.write(data)
	if err != nil {
		q.mu.Lock()
		q.refused++
		q.mu.Unlock()
		return fmt.Errorf("queue a block of %d bytes: %w", len(data), err)
	}
	select {
	case q.put <- struct{}{}:
	default:
	}
	return nil
}

// write appends a record to the newest segment. q.writing is held.
func (q *Durable) write(data []byte) error {
	if len(data) > maxData {
		return fmt.Errorf("more than %d bytes", maxData)
	}
	size := int64(headerSize + len(data))
	if a := q.active; a != nil && a.size > 0 && a.size+size > q.segmentSize {
		q.seal()
	}
	q.makeRoom(size)
	q.removePending()
	if q.active == nil {
		if err := q.begin(); err != nil {
			return err
		}
	}
	s, now := q.active, time.Now()
	q.buf = appendRecord(q.buf[:0], q.next, now, data)
	_, err := s.f.WriteAt(q.buf, s.size)
	if err == nil && q.mode == Always {
		if err = s.f.Sync(); err == nil && s.size == 0 {
			err = q.fs.syncDir(q.dir)
		}
	}
	if cap(q.buf) > windowSize {
		q.buf = nil
	}
	if err != nil {
		if s.f.Truncate(s.size) != nil {
			q.seal() // so that nothing comes after what may be there
		}
		return err
	}

	q.mu.Lock()
	defer q.mu.Unlock()
	if s.size == 0 {
		s.begun = now
	}
	if q.head.number == q.next {
		q.headAt = now
	}
	if q.after == q.next {
		q.afterAt = now
	}
	q.size += size
	s.size += size
	q.next++
	s.end = q.next
	switch q.mode {
	case Always:
		s.synced, q.synced = s.size, q.next
	case Never:
	default:
		if n := len(q.marks); n == 0 || now.Sub(q.marks[n-1].at) >= q.every/markShare {
			q.marks = append(q.marks, mark{s.end - 1, now})
		}
		if len(q.marks) == 1 {
			q.wakeSync()
		}
	}
	return nil
}

func (q *Durable) wakeSync() {
	select {
	case q.dirty <- struct{}{}:
	default:
	}
}

// begin makes the segment for the next block. q.writing is held.
func (q *Durable) begin() error {
	for {
		s := &segment{first: q.next, end: q.next, begun: time.Now()}
		f, err := q.fs.open(q.path(s), os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		if errors.Is(err, fs.ErrExist) { // not ours
			q.mu.Lock()
			if q.head.number == q.next {
				q.head.number++
			}
			q.next++
			q.mu.Unlock()
			continue
		}
		if err != nil {
			return err
		}
		s.f = f
		q.mu.Lock()
		q.active, q.newFiles = s, q.mode != Always
		q.segments = append(q.segments, s)
		q.mu.Unlock()
		return nil
	}
}

// seal ends the newest segment. q.writing is held.
func (q *Durable) seal() {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.active
	s.sealed, q.active = true, nil
	if s.synced == s.size || q.mode == Never {
		s.f.Close()
		s.f = nil
	}
}

// makeRoom drops the oldest segments until a record of so many bytes fits.
// q.writing is held.
func (q *Durable) makeRoom(size int64) {
	q.mu.Lock()
	var gone uint64
	for q.size+size > q.limit && len(q.segments) > 0 && q.segments[0].sealed {
		if s := q.segments[0]; s.end > q.head.number {
			gone += s.end - q.head.number
		}
		q.shift()
	}
	alone := q.size+size > q.limit && q.active != nil && q.active.size > 0
	first := gone > 0 && q.overflowing == 0
	q.dropped += gone
	q.overflowing += gone
	q.mu.Unlock()
	if first {
		q.log.Warn("the queue is full, the oldest blocks are dropped", "limit", q.limit, "blocks", gone)
	}
	if alone {
		q.seal()
		q.makeRoom(size)
	}
}

// shift takes the oldest segment out of the queue, with what was to be read
// in it. q.mu is held, or nobody else has the queue.
func (q *Durable) shift() {
	s := q.segments[0]
	q.segments[0] = nil
	q.segments = q.segments[1:]
	q.size -= s.size
	q.pending = append(q.pending, s)
	q.head = place{number: max(q.head.number, s.end)}
	q.headAt = time.Time{}
	if len(q.segments) > 0 {
		q.head.number = max(q.head.number, q.segments[0].first)
		q.headAt = q.segments[0].begun
	}
	if q.active == s {
		q.active = nil
	}
}

// removePending removes the files of segments that are out of the queue. What
// cannot be removed is tried again next time.
func (q *Durable) removePending() {
	q.mu.Lock()
	gone := q.pending
	q.pending = nil
	for _, s := range gone {
		if s.f != nil {
			s.f.Close() // which frees it, or waits for Sync to do so
			s.f = nil
		}
	}
	q.mu.Unlock()
	var left []*segment
	for _, s := range gone {
		if err := q.fs.remove(q.path(s)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			left = append(left, s)
		}
	}
	if left != nil {
		q.mu.Lock()
		q.pending = append(left, q.pending...)
		q.mu.Unlock()
	}
}

// Peek returns the oldest blocks joined, as many as fit in limit bytes and at
// least one; they stay queued. While there is none it waits, and returns ctx's
// error when ctx ends, or has ended, with none queued. What it returns stands
// until the next Peek. It stops before blocks that are damaged, and the next Peek
// after Drop passes over them.
func (q *Durable) Peek(ctx context.Context, limit int) ([]byte, error) {
	for {
		select {
		case <-q.closed:
			return nil, ErrClosed
		default:
		}
		data, err := q.show(limit)
		if err != nil {
			return nil, fmt.Errorf("read queue %s: %w", q.dir, err)
		}
		if data != nil {
			return data, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-q.closed:
			return nil, ErrClosed
		case <-q.put:
		}
	}
}

// show returns the oldest blocks joined, nil when there is none.
func (q *Durable) show(limit int) ([]byte, error) {
	q.shown = place{}
	q.mu.Lock()
	if len(q.segments) == 0 {
		q.mu.Unlock()
		return nil, nil
	}
	at := q.place()
	size, end, high := at.segment.size, at.segment.end, at.segment.bound()
	room := max(0, min(int64(limit), q.size-at.off))
	q.mu.Unlock()
	data := slices.Grow(q.block[:0], int(room))
	n, from := 0, at.number
	var first, last time.Time
	for {
		r, found, err := q.read(at, size, high)
		if err != nil {
			if n > 0 {
				break // the next Peek will meet it again
			}
			if q.readFails++; q.readFails < triesToRead {
				return nil, err
			}
			q.scanner.giveUp = true
			r, found, err = q.read(at, size, high)
			q.scanner.giveUp = false
			if mayPass(err) {
				return nil, err
			}
		}
		q.readFails = 0
		if found && r.number == at.number {
			if n > 0 && len(data)+len(r.data) > limit {
				last = r.at
				break
			}
			if n++; n == 1 {
				first = r.at
			}
			data = append(data, r.data...)
			at.off, at.number = r.end, r.number+1
			last = r.at
			continue
		}
		// The segment ends here, or blocks are missing up to the next record.
		to := place{at.segment, size, end}
		if found {
			to.off, to.number = r.start, r.number
		}
		if to.number > at.number {
			if n > 0 {
				break
			}
			q.skip(at.number, to)
			at, from = to, to.number
		}
		if found {
			continue
		}
		q.mu.Lock()
		if s := at.segment; s.size > size { // grown meanwhile
			size, end, high = s.size, s.end, s.bound()
		} else if i, _ := slices.BinarySearchFunc(q.segments, s.first+1, func(s *segment, first uint64) int {
			return cmp.Compare(s.first, first)
		}); i < len(q.segments) {
			s = q.segments[i]
			at = place{s, 0, max(s.first, at.number)}
			size, end, high = s.size, s.end, s.bound()
			if n == 0 {
				from = at.number
			}
		} else {
			q.mu.Unlock()
			break
		}
		q.mu.Unlock()
	}
	if n == 0 {
		return nil, nil
	}
	q.block, q.shown = data, at
	q.mu.Lock()
	q.after, q.afterAt = at.number, last
	if q.head.number == from {
		q.headAt = first
	}
	q.mu.Unlock()
	return data, nil
}

// place returns where the head is. There must be a segment.
func (q *Durable) place() place { return place{q.segments[0], q.head.off, q.head.number} }

// read finds the next record in a segment. A file that is not there any more
// is one without records.
func (q *Durable) read(at place, size int64, high uint64) (r record, found bool, err error) {
	if q.reading != at.segment {
		f, err := q.fs.open(q.path(at.segment), os.O_RDONLY)
		if errors.Is(err, fs.ErrNotExist) {
			return r, false, nil
		}
		if err != nil {
			return r, false, err
		}
		q.scanner.read(f)
		q.reading = at.segment
	}
	return q.scanner.next(at.off, size, at.number, high)
}

// skip moves the head over blocks that cannot be read any more.
func (q *Durable) skip(from uint64, to place) {
	q.mu.Lock()
	from = max(from, q.head.number) // those before were dropped meanwhile
	if to.number <= from {
		q.mu.Unlock()
		return
	}
	lost := to.number - from
	q.damaged += lost
	q.advance(to)
	q.mu.Unlock()
	q.log.Error("blocks in the queue are damaged and lost", "blocks", lost, "file", segmentName(to.segment.first))
	q.removePending()
}

// advance moves the head, unless it has come further. q.mu is held.
func (q *Durable) advance(to place) {
	for len(q.segments) > 0 && q.segments[0].first < to.segment.first {
		q.shift()
	}
	if len(q.segments) == 0 || q.segments[0] != to.segment || to.number < q.head.number {
		return
	}
	q.head = place{off: to.off, number: to.number}
	q.headAt = time.Time{}
	if s := to.segment; s.sealed && to.off >= s.size && to.number >= s.end {
		q.shift()
	}
}

// Drop removes what the last Peek returned, and nothing that came later even
// where some of it has had to go in between.
func (q *Durable) Drop() error {
	select {
	case <-q.closed:
		return ErrClosed
	default:
	}
	to := q.shown
	if to.segment == nil {
		return nil
	}
	q.shown = place{}
	q.mu.Lock()
	q.advance(to)
	if q.head.number == to.number && q.head.number < q.next {
		q.headAt = q.afterAt
	}
	number := q.head.number
	empty := number == q.next
	overflowed := q.overflowing
	if empty {
		q.overflowing = 0
	}
	q.mu.Unlock()
	if empty && overflowed > 0 {
		q.log.Info("the queue is empty again", "dropped", overflowed)
	}
	q.note(number)
	if empty {
		q.retire()
	}
	if q.reading != nil && q.gone(q.reading) {
		q.scanner.read(nil)
		q.reading = nil
	}
	q.removePending()
	return nil
}

// gone reports whether a segment is out of the queue.
func (q *Durable) gone(s *segment) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.segments) == 0 || s.first < q.segments[0].first
}

// retire gives up the newest segment if all of it is delivered and it is worth
// it. It never waits for a writer; there will be another chance.
func (q *Durable) retire() {
	if !q.writing.TryLock() {
		return
	}
	defer q.writing.Unlock()
	q.mu.Lock()
	defer q.mu.Unlock()
	if s := q.active; s != nil && s.size >= retireSize && q.head.number == q.next {
		s.sealed = true
		q.shift()
	}
}

// note writes down that the blocks before number are delivered. Where that
// fails a restart sends them again, which is no reason to stop.
func (q *Durable) note(number uint64) {
	err := q.position.set(number)
	q.mu.Lock()
	if err == nil {
		q.noted = number
		if q.notedSince.IsZero() {
			q.notedSince = time.Now()
			q.wakeSync()
		}
	}
	failed := q.noteFails
	q.noteFails = err != nil
	q.mu.Unlock()
	q.report(failed, err, "the queue cannot note what is delivered", "the queue notes what is delivered again")
}

// report tells the log when something breaks and when it is well again.
func (q *Durable) report(failed bool, err error, broken, well string) {
	if err != nil && !failed {
		q.log.Error(broken, "err", err)
	} else if err == nil && failed {
		q.log.Info(well)
	}
}

// Stats returns how full the queue is.
func (q *Durable) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := Stats{Dropped: q.dropped, Damaged: q.damaged, Refused: q.refused}
	if q.head.number < q.next && len(q.segments) > 0 {
		s.Bytes = q.size - q.head.off
		if !q.headAt.IsZero() {
			s.Age = max(0, time.Since(q.headAt))
		}
	}
	return s
}

// Close puts what is queued on the disk and gives the folder up. Nothing may
// be reading.
func (q *Durable) Close() error {
	q.writing.Lock()
	if q.closing {
		q.writing.Unlock()
		return ErrClosed
	}
	q.closing = true
	close(q.closed)
	q.writing.Unlock()
	q.syncing.Wait()

	q.mu.Lock()
	if q.active != nil && q.head.number == q.next {
		q.shift()
	}
	left := slices.Clone(q.segments)
	q.mu.Unlock()
	q.removePending()
	var err error
	if q.mode != Never {
		err = q.sync(true)
	}
	for _, s := range left {
		if s.f != nil {
			err = errors.Join(err, s.f.Close())
		}
	}
	q.scanner.read(nil)
	err = errors.Join(err, q.position.f.Close(), q.lock.Close())
	if err != nil {
		return fmt.Errorf("close queue %s: %w", q.dir, err)
	}
	return nil
}
