package queue

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// What follows holds for every queue.

type anyQueue interface {
	Put(block []byte) error
	Peek(ctx context.Context, limit int) ([]byte, error)
	Drop() error
	Stats() Stats
	Close() error
}

// A kind makes queues in which so many blocks of three bytes fit.
type kind struct {
	name string
	size int // that a block of three bytes takes
	open func(t testing.TB, blocks int) anyQueue
}

var kinds = []kind{
	{"memory", 3, func(t testing.TB, blocks int) anyQueue { return NewMemory(3 * blocks) }},
	{"durable", headerSize + 3, func(t testing.TB, blocks int) anyQueue {
		return mustOpen(t, t.TempDir(), Options{Limit: int64(blocks) * (headerSize + 3)})
	}},
}

func mustOpen(t testing.TB, dir string, o Options) *Durable {
	t.Helper()
	q, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// each runs a test on an empty queue of each kind, in virtual time.
func each(t *testing.T, blocks int, test func(t *testing.T, k kind, q anyQueue)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := k.open(t, blocks)
				defer q.Close()
				test(t, k, q)
			})
		})
	}
}

func put(t testing.TB, q anyQueue, blocks ...string) {
	t.Helper()
	for _, b := range blocks {
		if err := q.Put([]byte(b)); err != nil {
			t.Fatal(err)
		}
	}
}

func peek(t testing.TB, q anyQueue, limit int) string {
	t.Helper()
	data, err := q.Peek(t.Context(), limit)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func drop(t testing.TB, q anyQueue) {
	t.Helper()
	if err := q.Drop(); err != nil {
		t.Fatal(err)
	}
}

// rest returns what is queued, without waiting: half of a block at the end counts
// as bytes that wait until somebody looks, and is nothing to wait for.
func rest(t testing.TB, q anyQueue, limit int) (data string, some bool) {
	t.Helper()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	b, err := q.Peek(ended, limit)
	if err != nil && err != context.Canceled {
		t.Fatal(err)
	}
	return string(b), err == nil
}

// drain takes all that is queued.
func drain(t testing.TB, q anyQueue) string {
	t.Helper()
	var all strings.Builder
	for data, some := rest(t, q, 64); some; data, some = rest(t, q, 64) {
		all.WriteString(data)
		drop(t, q)
	}
	return all.String()
}

func TestPeekJoinsAndDropRemovesWhatWasShown(t *testing.T) {
	each(t, 1000, func(t *testing.T, k kind, q anyQueue) {
		put(t, q, "one ", "two ", "three ")
		if got := peek(t, q, 8); got != "one two " {
			t.Errorf("peek of 8 bytes: %q", got)
		}
		if got := peek(t, q, 1); got != "one " {
			t.Errorf("peek of 1 byte: %q, want one block all the same", got)
		}
		put(t, q, "four ")
		drop(t, q)
		drop(t, q) // of nothing
		if got := peek(t, q, 100); got != "two three four " {
			t.Errorf("after a drop of one: %q", got)
		}
	})
}

func TestPutCopies(t *testing.T) {
	each(t, 1000, func(t *testing.T, k kind, q anyQueue) {
		b := []byte("mine")
		q.Put(b)
		copy(b, "gone")
		if got := peek(t, q, 100); got != "mine" {
			t.Errorf("peek: %q", got)
		}
	})
}

func TestWhatIsPeekedStays(t *testing.T) {
	each(t, 1000, func(t *testing.T, k kind, q anyQueue) {
		put(t, q, "one ", "two ")
		first := peek(t, q, 1)
		data, _ := q.Peek(t.Context(), 1)
		drop(t, q)
		put(t, q, "xxx ", "yyy ")
		peek(t, q, 100)
		if string(data) != first {
			t.Errorf("what was peeked became %q", data)
		}
	})
}

func TestFullQueueLosesTheOldest(t *testing.T) {
	each(t, 3, func(t *testing.T, k kind, q anyQueue) {
		for i := range 8 {
			put(t, q, fmt.Sprintf("%d%d ", i, i))
		}
		if got := peek(t, q, 100); got != "55 66 77 " {
			t.Errorf("queued: %q", got)
		}
		if s := q.Stats(); s.Dropped != 5 || s.Bytes != int64(3*k.size) {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestOverflowBetweenPeekAndDropTakesNothingNewer(t *testing.T) {
	each(t, 3, func(t *testing.T, k kind, q anyQueue) {
		put(t, q, "11 ", "22 ")
		peek(t, q, 100)
		put(t, q, "33 ", "44 ") // 11 goes
		drop(t, q)              // 22 goes, which was shown
		if got := peek(t, q, 100); got != "33 44 " {
			t.Errorf("queued: %q", got)
		}
		put(t, q, "55 ", "66 ", "77 ", "88 ") // all that was shown goes
		drop(t, q)
		if got := peek(t, q, 100); got != "66 77 88 " {
			t.Errorf("queued: %q", got)
		}
	})
}

func TestABlockLargerThanTheQueueIsStillTaken(t *testing.T) {
	each(t, 2, func(t *testing.T, k kind, q anyQueue) {
		long := strings.Repeat("a long block ", 10)
		put(t, q, "one", long)
		if got := peek(t, q, 1); got != long {
			t.Errorf("queued: %q", got)
		}
		put(t, q, "two")
		if got := drain(t, q); got != "two" {
			t.Errorf("queued: %q", got)
		}
	})
}

func TestAnEmptyBlockIsABlock(t *testing.T) {
	each(t, 100, func(t *testing.T, k kind, q anyQueue) {
		put(t, q, "")
		if data, err := q.Peek(t.Context(), 1); data == nil || len(data) != 0 || err != nil {
			t.Errorf("peek: %v %v", data, err)
		}
		put(t, q, "b")
		if got := drain(t, q); got != "b" {
			t.Errorf("queued: %q", got)
		}
	})
}

func TestPeekWaits(t *testing.T) {
	each(t, 100, func(t *testing.T, k kind, q anyQueue) {
		got := make(chan string)
		go func() { got <- peek(t, q, 100) }()
		synctest.Wait()
		put(t, q, "late")
		if s := <-got; s != "late" {
			t.Errorf("peek: %q", s)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if data, err := q.Peek(ended, 100); string(data) != "late" || err != nil {
			t.Errorf("a context that has ended hides what is queued: %q, %v", data, err)
		}
		drop(t, q)
		if _, err := q.Peek(ended, 100); err != context.Canceled {
			t.Errorf("peek of nothing: %v", err)
		}
	})
}

func TestAge(t *testing.T) {
	each(t, 100, func(t *testing.T, k kind, q anyQueue) {
		if s := q.Stats(); s != (Stats{}) {
			t.Errorf("empty: %+v", s)
		}
		age := func(want time.Duration) {
			t.Helper()
			if got := q.Stats().Age; got != want {
				t.Errorf("age %v, want %v", got, want)
			}
		}
		put(t, q, "a")
		time.Sleep(3 * time.Second) // virtual
		put(t, q, "b")
		age(3 * time.Second)
		peek(t, q, 1)
		time.Sleep(time.Second)
		age(4 * time.Second)
		drop(t, q)
		age(time.Second)
		peek(t, q, 1)
		time.Sleep(time.Second)
		put(t, q, "c")
		drop(t, q)
		age(0)
		peek(t, q, 1)
		drop(t, q)
		if s := q.Stats(); s != (Stats{}) {
			t.Errorf("empty: %+v", s)
		}
	})
}

// TestOrder writes and reads at random and expects everything, in order, once.
func TestOrder(t *testing.T) {
	each(t, 1e6, func(t *testing.T, k kind, q anyQueue) {
		r := rand.New(rand.NewPCG(1, 2))
		var want, got strings.Builder
		for i := range 2000 {
			b := fmt.Sprintf("%d,", i)
			want.WriteString(b)
			put(t, q, b)
			if r.IntN(3) == 0 {
				got.WriteString(peek(t, q, r.IntN(30)))
				drop(t, q)
			}
		}
		got.WriteString(drain(t, q))
		if got.String() != want.String() {
			t.Error("what came out is not what went in")
		}
	})
}

// TestManyWriters expects each writer's blocks in its order, with the queue so
// small that it makes, leaves and removes segments all the time.
func TestManyWriters(t *testing.T) {
	const writers, blocks = 4, 500
	for _, k := range kinds {
		for _, limit := range []int{1e5, 40} {
			t.Run(fmt.Sprint(k.name, limit), func(t *testing.T) {
				q := k.open(t, limit)
				defer q.Close()
				var all sync.WaitGroup
				for w := range writers {
					all.Go(func() {
						for i := range blocks {
							q.Put(fmt.Appendf(nil, "%d %d\n", w, i))
							q.Stats()
						}
					})
				}
				ctx, cancel := context.WithCancel(t.Context())
				go func() { all.Wait(); cancel() }()
				var last [writers]int
				seen := 0
				for {
					data, err := q.Peek(ctx, 100)
					if err == context.Canceled {
						break
					} else if err != nil {
						t.Fatal(err)
					}
					for line := range strings.Lines(string(data)) {
						var w, i int
						if _, err := fmt.Sscanf(line, "%d %d\n", &w, &i); err != nil || i < last[w] {
							t.Fatalf("%q after %v: %v", line, last, err)
						}
						last[w] = i + 1
						seen++
					}
					drop(t, q)
				}
				s := q.Stats()
				if limit > writers*blocks && seen != writers*blocks || uint64(seen)+s.Dropped < writers*blocks || s.Damaged+s.Refused > 0 || s.Bytes != 0 {
					t.Errorf("%d seen, %+v", seen, s)
				}
			})
		}
	}
}
