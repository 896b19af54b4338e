package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"plantroom/agent/queue"
)

// A realQueue is one of package queue as an outlet wants it, and may refuse
// what it is given.
type realQueue struct {
	anyQueue
	refuse func() error
}

type anyQueue interface {
	Put(block []byte) error
	Peek(ctx context.Context, limit int) ([]byte, error)
	Drop() error
	Stats() queue.Stats
	Close() error
}

func (q realQueue) Stats() QueueStats {
	s := q.anyQueue.Stats()
	return QueueStats{Bytes: s.Bytes, Age: s.Age, Dropped: s.Dropped + s.Damaged}
}

func (q realQueue) Put(block []byte) error {
	if q.refuse != nil {
		if err := q.refuse(); err != nil {
			return err
		}
	}
	return q.anyQueue.Put(block)
}

func memoryQueue(limit int) realQueue { return realQueue{anyQueue: queue.NewMemory(limit)} }

func durableQueue(t *testing.T, dir string) realQueue {
	t.Helper()
	q, err := queue.Open(dir, queue.Options{Limit: 1 << 30, Sync: queue.Never})
	if err != nil {
		t.Fatal(err)
	}
	return realQueue{anyQueue: q}
}

// A farSide is a sink that notes what arrives when. A block of a poll is the
// line "DEVICE second-of-the-poll".
type farSide struct {
	send func(ctx context.Context, block []byte) error // before it arrives

	mu      sync.Mutex
	began   time.Time
	sending int
	overlap bool
	arrived []arrival
}

type arrival struct {
	line string
	at   time.Duration // since began
}

func (f *farSide) Append(dst []byte, rs []Reading) []byte {
	return fmt.Appendf(dst, "%s %d\n", rs[0].Point.Device.ID, int(rs[0].Time.Sub(f.began).Seconds()))
}

func (f *farSide) Send(ctx context.Context, block []byte) error {
	f.mu.Lock()
	f.sending++
	f.overlap = f.overlap || f.sending > 1
	f.mu.Unlock()
	var err error
	if f.send != nil {
		err = f.send(ctx, block)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sending--
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(block)) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "#")
		f.arrived = append(f.arrived, arrival{line, time.Since(f.began)})
	}
	return nil
}

// lines are what has arrived of a device, in order.
func (f *farSide) lines(device string) (all []arrival) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.arrived), func(a arrival) bool { return !strings.HasPrefix(a.line, device+" ") })
}

// An unorderedSide is one whose blocks may overtake each other.
type unorderedSide struct{ *farSide }

func (unorderedSide) Unordered() {}

// pollInto polls a device called now, once a second for d, into an outlet.
func pollInto(t *testing.T, d time.Duration, outlet *Outlet, log *slog.Logger) *Agent {
	t.Helper()
	s := newScripted("now", time.Second, answersIn(time.Millisecond))
	b := NewBus("now")
	b.Add(s.device, s, metricUp, metricDuration)
	a := New([]*Bus{b}, []*Outlet{outlet}, log)
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := a.Run(ctx); err != nil {
		t.Error(err)
	}
	return a
}

const backlogBlock = 16 << 10

// backlog queues blocks of backlogBlock bytes of a device called past.
func backlog(t *testing.T, q Queue, blocks int) {
	t.Helper()
	for i := range blocks {
		block := fmt.Appendf(nil, "past %d#", i)
		block = append(append(block, bytes.Repeat([]byte("."), backlogBlock-len(block)-1)...), '\n')
		if err := q.Put(block); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNowBesideTheBacklog leaves a backlog for the next agent, which delivers it
// to a far side that takes a megabyte a second while a device is polled: every
// poll arrives within two seconds of it, the backlog in order, and after the
// fast lane everything once more in its turn.
func TestNowBesideTheBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const megabytes = 40
		dir := t.TempDir()
		before := durableQueue(t, dir)
		backlog(t, before, megabytes<<20/backlogBlock)
		before.Close()
		time.Sleep(time.Hour)

		f := &farSide{began: time.Now()}
		f.send = func(ctx context.Context, block []byte) error {
			return sleep(ctx, time.Duration(len(block))*time.Second>>20)
		}
		q := durableQueue(t, dir)
		defer q.Close()
		pollInto(t, (megabytes+10)*time.Second, NewOutlet("test", unorderedSide{f}, q, memoryQueue(4<<20), 500*time.Millisecond), slog.New(slog.DiscardHandler))

		past := f.lines("past")
		for i, a := range past {
			if a.line != fmt.Sprintf("past %d", i) {
				t.Fatalf("block %d of the backlog is %q", i, a.line)
			}
		}
		if len(past) != megabytes<<20/backlogBlock {
			t.Errorf("%d blocks of the backlog arrived", len(past))
		}
		if end := past[len(past)-1].at; end < (megabytes-2)*time.Second {
			t.Errorf("the backlog had arrived after %v: it did not hold anything up", end)
		}
		first, times := map[string]time.Duration{}, map[string]int{}
		for _, a := range f.lines("now") {
			if times[a.line]++; times[a.line] == 1 {
				first[a.line] = a.at
			}
		}
		for second := range megabytes + 10 {
			line := fmt.Sprintf("now %d", second)
			at, ok := first[line]
			if late := at - time.Duration(second)*time.Second; !ok || late >= 2*time.Second {
				t.Errorf("the poll of second %d arrived: %v, late by %v", second, ok, late)
			}
			if want := 2; second > 0 && second < megabytes-2 && times[line] != want {
				t.Errorf("the poll of second %d arrived %d times, want %d", second, times[line], want)
			}
		}
		if s := q.Stats(); s.Bytes != 0 {
			t.Errorf("left: %+v", s)
		}
	})
}

// TestNowBesideABlockThatHangs: what the far side cannot make up its mind about
// holds up only what is behind it.
func TestNowBesideABlockThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &farSide{began: time.Now()}
		f.send = func(ctx context.Context, block []byte) error {
			if bytes.HasPrefix(block, []byte("past")) {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		q := memoryQueue(64 << 20)
		backlog(t, q, 1)
		pollInto(t, 60500*time.Millisecond, NewOutlet("test", unorderedSide{f}, q, memoryQueue(4<<20), 500*time.Millisecond), slog.New(slog.DiscardHandler))
		// The first two seconds it was not behind, and put nothing in the fast lane.
		got := f.lines("now")
		if len(got) < 58 {
			t.Errorf("%d of 61 polls arrived", len(got))
		}
		for _, a := range got {
			var second int
			fmt.Sscanf(a.line, "now %d", &second)
			if late := a.at - time.Duration(second)*time.Second; late >= 2*time.Second {
				t.Errorf("%q is %v late", a.line, late)
			}
		}
		if len(f.lines("past")) != 0 {
			t.Error("what hangs has arrived")
		}
	})
}

// TestOrderedSinkKeepsOrder: a sink that does not say that its blocks may
// overtake each other gets them in order and one Send at a time, also where
// the queue refuses some.
func TestOrderedSinkKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &farSide{began: time.Now()}
		f.send = func(ctx context.Context, block []byte) error {
			return sleep(ctx, time.Second+time.Duration(len(block))*time.Second>>20)
		}
		q := memoryQueue(64 << 20)
		backlog(t, q, 10<<20/backlogBlock)
		q.refuse = func() error {
			if s := time.Since(f.began); s >= 5*time.Second && s < 8*time.Second {
				return syscall.ENOSPC
			}
			return nil
		}
		pollInto(t, 30*time.Second, NewOutlet("test", f, q, memoryQueue(4<<20), 0), slog.New(slog.DiscardHandler))
		past, late := f.lines("past"), map[string]bool{}
		for _, a := range f.lines("now") {
			late[a.line] = a.at > past[len(past)-1].at
		}
		if f.overlap {
			t.Error("it was called while it was sending")
		}
		for second := range 25 {
			line := fmt.Sprintf("now %d", second)
			got, arrived := late[line]
			if want := second < 5 || second >= 8; !arrived || got != want {
				t.Errorf("the poll of second %d arrived: %v, after the backlog: %v, want %v", second, arrived, got, want)
			}
		}
	})
}

// TestQueueThatRefuses fills the disk for a minute: what is polled meanwhile
// goes on to the far side, and what the far side does not take either is
// counted.
func TestQueueThatRefuses(t *testing.T) {
	for _, ordered := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			f := &farSide{began: time.Now()}
			since := func() int { return int(time.Since(f.began).Seconds()) }
			f.send = func(context.Context, []byte) error {
				if s := since(); s >= 30 && s < 55 {
					return errors.New("connection refused")
				}
				return nil
			}
			q := memoryQueue(64 << 20)
			q.refuse = func() error {
				if s := since(); s >= 10 && s < 70 {
					return syscall.ENOSPC
				}
				return nil
			}
			var log strings.Builder
			var sink Sink = f
			if !ordered {
				sink = unorderedSide{f}
			}
			outlet := NewOutlet("test", sink, q, memoryQueue(80), 0) // of ten polls or so
			a := pollInto(t, 90*time.Second, outlet, slog.New(slog.NewTextHandler(&log, nil)))
			there := map[string]bool{}
			for _, arrived := range f.lines("now") {
				there[arrived.line] = true
			}
			lost := 90 - len(there)
			// One that had to go while it was being sent counts, and may arrive.
			dropped := int(a.Outlets()[0].Queue.Dropped)
			if lost < 10 || lost > 25 || dropped < lost || dropped > lost+1 {
				t.Errorf("%d polls are lost, %d are counted as dropped", lost, dropped)
			}
			if f.overlap && ordered {
				t.Error("an ordered sink was called while it was sending")
			}
			want := []string{"the queue takes no readings", "sink does not take readings", "sink takes readings again", "the queue takes readings again"}
			got := slices.Collect(strings.Lines(log.String()))
			if len(got) != len(want) {
				t.Fatalf("log:\n%s", log.String())
			}
			for i := range want {
				if !strings.Contains(got[i], want[i]) {
					t.Errorf("line %d of the log is %q, want %q", i, got[i], want[i])
				}
			}
			if !strings.Contains(log.String(), fmt.Sprintf("lost=%d", dropped)) {
				t.Errorf("log:\n%s", log.String())
			}
		})
	}
}

// TestFarSideThatAsksForTime is left alone for as long as it says, by both
// lanes, but not for ever.
func TestFarSideThatAsksForTime(t *testing.T) {
	for _, test := range []struct{ asked, want time.Duration }{
		{7 * time.Second, 7 * time.Second},
		{40 * time.Second, 40 * time.Second},
		{24 * time.Hour, waitLimit},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &farSide{began: time.Now()}
			var mu sync.Mutex
			var tries []time.Duration
			f.send = func(context.Context, []byte) error {
				mu.Lock()
				defer mu.Unlock()
				at := time.Since(f.began)
				tries = append(tries, at)
				if at < 30*time.Second {
					return errors.New("connection refused")
				}
				if at < 80*time.Second {
					return fmt.Errorf("write: %w", &WaitError{test.asked, errors.New("429 Too Many Requests")})
				}
				return nil
			}
			pollInto(t, 10*time.Minute, NewOutlet("test", unorderedSide{f}, memoryQueue(1<<20), memoryQueue(1<<20), 100*time.Millisecond), slog.New(slog.DiscardHandler))
			i := slices.IndexFunc(tries, func(at time.Duration) bool { return at >= 30*time.Second })
			// Two may be on their way at the same time.
			next := slices.IndexFunc(tries[i:], func(at time.Duration) bool { return at > tries[i]+100*time.Millisecond })
			if got := tries[i+next] - tries[i]; got < test.want || got > test.want+time.Second {
				t.Errorf("asked for %v: left alone for %v: %v", test.asked, got, tries[:min(len(tries), i+next+3)])
			}
			got := map[string]bool{}
			for _, a := range f.lines("now") {
				got[a.line] = true
			}
			if len(got) != 600 {
				t.Errorf("asked for %v: %d of 600 polls arrived", test.asked, len(got))
			}
		})
	}
}

// TestSlowLine delivers over a line on which a megabyte takes longer than a
// server waits: in the end all is there.
func TestSlowLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &farSide{began: time.Now()}
		f.send = func(ctx context.Context, block []byte) error {
			if len(block) > 100<<10 {
				if err := sleep(ctx, 15*time.Second); err != nil {
					return err
				}
				return errors.New("timeout")
			}
			return sleep(ctx, time.Duration(len(block))*time.Second/(10<<10))
		}
		q := memoryQueue(64 << 20)
		backlog(t, q, 2<<20/backlogBlock)
		pollInto(t, 20*time.Minute, NewOutlet("test", f, q, memoryQueue(4<<20), 0), slog.New(slog.DiscardHandler))
		if n := len(f.lines("past")); n != 2<<20/backlogBlock {
			t.Errorf("%d blocks arrived in 20 minutes", n)
		}
	})
}

// TestExchangeOfASlowSink: a sink that takes ten minutes over what it is sending
// does not keep a reload waiting. The other one sends that, and the log has
// nothing to tell.
func TestExchangeOfASlowSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &farSide{began: time.Now(), send: func(ctx context.Context, block []byte) error { return sleep(ctx, 10*time.Minute) }}
		other := &farSide{began: time.Now()}
		q := memoryQueue(1 << 20)
		backlog(t, q, 4)
		outlet := NewOutlet("test", unorderedSide{slow}, q, memoryQueue(4<<20), 0)
		var exchanging sync.WaitGroup
		exchanging.Go(func() {
			time.Sleep(5 * time.Second)
			began := time.Now()
			outlet.Exchange(unorderedSide{other})
			if took := time.Since(began); took != exchangeWithin || slow.sending > 0 {
				t.Errorf("Exchange took %v, with %d sends under way", took, slow.sending)
			}
		})
		var log strings.Builder
		pollInto(t, 20*time.Second, outlet, slog.New(slog.NewTextHandler(&log, nil)))
		exchanging.Wait()
		if n := len(slow.lines("past")); n > 0 || len(other.lines("past")) != 4 || log.Len() > 0 {
			t.Errorf("%d blocks arrived at the slow sink, %d at the other; the log says %q", n, len(other.lines("past")), log.String())
		}
	})
}

// TestExchangeUnderWay exchanges the sink while both lanes are in it: when
// Exchange returns nobody is.
func TestExchangeUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(ctx context.Context, block []byte) error { return sleep(ctx, 3*time.Second) }
		first, second := &farSide{began: time.Now(), send: slow}, &farSide{began: time.Now(), send: slow}
		q := memoryQueue(64 << 20)
		backlog(t, q, 40<<20/backlogBlock)
		outlet := NewOutlet("test", unorderedSide{first}, q, memoryQueue(4<<20), 0)
		var exchanging sync.WaitGroup
		exchanging.Go(func() {
			for i := range 10 {
				time.Sleep(10*time.Second + 300*time.Millisecond)
				to := []*farSide{second, first}[i%2]
				before := outlet.Exchange(unorderedSide{to}).(unorderedSide)
				before.mu.Lock()
				if before.farSide == to || before.sending > 0 {
					t.Errorf("%d sends are under way in a sink that is not used any more", before.sending)
				}
				before.mu.Unlock()
			}
		})
		pollInto(t, 3*time.Minute, outlet, slog.New(slog.DiscardHandler))
		exchanging.Wait()
		if n := len(first.lines("past")) + len(second.lines("past")); n != 40<<20/backlogBlock {
			t.Errorf("%d blocks arrived", n)
		}
		if !first.overlap {
			t.Error("the lanes never sent at the same time")
		}
	})
}
