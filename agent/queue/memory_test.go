package queue

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func peek(t *testing.T, q *Memory, limit int) string {
	t.Helper()
	data, err := q.Peek(t.Context(), limit)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestPeekJoinsAndDropRemovesWhatWasShown(t *testing.T) {
	q := NewMemory(1 << 20)
	for _, b := range []string{"one ", "two ", "three "} {
		q.Put([]byte(b))
	}
	if got := peek(t, q, 8); got != "one two " {
		t.Errorf("peek of 8 bytes: %q", got)
	}
	if got := peek(t, q, 1); got != "one " {
		t.Errorf("peek of 1 byte: %q, want one block all the same", got)
	}
	q.Put([]byte("four "))
	q.Drop()
	if got := peek(t, q, 100); got != "two three four " {
		t.Errorf("after a drop of one: %q", got)
	}
}

func TestPutCopies(t *testing.T) {
	q := NewMemory(1 << 20)
	b := []byte("mine")
	q.Put(b)
	copy(b, "gone")
	if got := peek(t, q, 100); got != "mine" {
		t.Errorf("peek: %q", got)
	}
}

func TestFullQueueLosesTheOldest(t *testing.T) {
	q := NewMemory(10)
	for i := range 8 {
		fmt.Fprintf(writer{q}, "%d%d ", i, i)
	}
	if got := peek(t, q, 100); got != "55 66 77 " {
		t.Errorf("queued: %q", got)
	}
	if s := q.Stats(); s.Dropped != 5 || s.Bytes != 9 {
		t.Errorf("stats: %+v", s)
	}
}

func TestOverflowBetweenPeekAndDropTakesNothingNewer(t *testing.T) {
	q := NewMemory(9)
	q.Put([]byte("11 "))
	q.Put([]byte("22 "))
	peek(t, q, 100)
	q.Put([]byte("33 "))
	q.Put([]byte("44 ")) // 11 goes
	q.Drop()             // 22 goes, which was shown
	if got := peek(t, q, 100); got != "33 44 " {
		t.Errorf("queued: %q", got)
	}
}

func TestABlockLargerThanTheQueueIsStillTaken(t *testing.T) {
	q := NewMemory(4)
	q.Put([]byte("a long block"))
	if got := peek(t, q, 1); got != "a long block" {
		t.Errorf("queued: %q", got)
	}
}

func TestPeekWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewMemory(100)
		got := make(chan string)
		go func() { got <- peek(t, q, 100) }()
		synctest.Wait()
		q.Put([]byte("late"))
		if s := <-got; s != "late" {
			t.Errorf("peek: %q", s)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if data, err := q.Peek(ended, 100); string(data) != "late" || err != nil {
			t.Errorf("a context that has ended hides what is queued: %q, %v", data, err)
		}
		q.Drop()
		if _, err := q.Peek(ended, 100); err != context.Canceled {
			t.Errorf("peek of nothing: %v", err)
		}
	})
}

func TestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewMemory(100)
		q.Put([]byte("a"))
		time.Sleep(3 * time.Second) // virtual
		q.Put([]byte("b"))
		if age := q.Stats().Age; age != 3*time.Second {
			t.Errorf("age %v", age)
		}
	})
}

// TestOrder writes and reads at random and expects everything, in order, once.
func TestOrder(t *testing.T) {
	q := NewMemory(1 << 20)
	r := rand.New(rand.NewPCG(1, 2))
	var want, got strings.Builder
	for i := range 2000 {
		b := fmt.Sprintf("%d,", i)
		want.WriteString(b)
		q.Put([]byte(b))
		if r.IntN(3) == 0 {
			got.WriteString(peek(t, q, r.IntN(30)))
			q.Drop()
		}
	}
	for q.Stats().Bytes > 0 {
		got.WriteString(peek(t, q, 64))
		q.Drop()
	}
	if got.String() != want.String() {
		t.Error("what came out is not what went in")
	}
}

func BenchmarkPutPeekDrop(b *testing.B) {
	q := NewMemory(64 << 20)
	block := make([]byte, 1000)
	for i := 0; b.Loop(); i++ {
		q.Put(block)
		if i%200 == 199 {
			q.Peek(b.Context(), 1<<20)
			q.Drop()
		}
	}
}

type writer struct{ q *Memory }

func (w writer) Write(p []byte) (int, error) { return len(p), w.q.Put(p) }
