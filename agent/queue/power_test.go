package queue

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestPowerCut pulls the plug at a random moment of a random life, several
// times in a row on the same disk. Every block that waited for longer than a
// second is there afterwards, and all that is there is intact and in order.
func TestPowerCut(t *testing.T) {
	for seed := range uint64(150) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { powerCuts(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

func powerCuts(t *testing.T, r *rand.Rand) {
	p := newPlug()
	mode := []time.Duration{0, 0, Always, 3 * time.Second}[r.IntN(4)]
	late := map[time.Duration]time.Duration{0: time.Second, Always: 0, 3 * time.Second: 3 * time.Second}[mode]
	var cameAt []time.Time // of each block, by its number from 0
	delivered := map[int]bool{}
	pad := strings.Repeat("x", 1+r.IntN(700))
	for range 3 {
		q := openPlug(t, p, Options{Limit: 16 * 8000, Sync: mode})
		defer q.Close() // again, in case of a failure
		// Half of the time the sink is well and the other half it is not.
		for end := time.Now().Add(time.Duration(r.IntN(20_000)) * time.Millisecond); time.Now().Before(end); {
			well := r.IntN(2) == 0
			for range r.IntN(40) {
				time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
				put(t, q, fmt.Sprintf("%d %s\n", len(cameAt), pad))
				cameAt = append(cameAt, time.Now())
				if well && r.IntN(2) == 0 {
					for _, n := range numbers(t, peek(t, q, r.IntN(20_000)), pad) {
						delivered[n] = true
					}
					drop(t, q)
				}
			}
		}
		synctest.Wait() // what is due now is synced
		if s := q.Stats(); s.Dropped > 0 {
			t.Fatal("the test is wrong, its queue is too small")
		}
		next := p.cut(r)
		q.Close()
		p = next
		cutAt := time.Now()

		// Look at a copy, so that the next round starts with the same.
		look := openPlug(t, plugOf(p.contents()), Options{Limit: 16 * 8000, Sync: Never})
		there := map[int]bool{}
		last := -1
		for _, n := range numbers(t, drain(t, look), pad) {
			if n <= last {
				t.Fatalf("block %d after %d", n, last)
			}
			last = n
			there[n] = true
		}
		look.Close()
		for n, at := range cameAt {
			if !there[n] && !delivered[n] && cutAt.Sub(at) >= late {
				t.Fatalf("block %d came %v before the power went and is lost", n, cutAt.Sub(at))
			}
			if !there[n] { // lost with leave, or delivered
				delivered[n] = true
			}
		}
	}
}

// numbers returns the numbers of blocks, which must be intact.
func numbers(t *testing.T, data, pad string) []int {
	t.Helper()
	var all []int
	for line := range strings.Lines(data) {
		var n int
		fmt.Sscan(line, &n)
		if line != fmt.Sprintf("%d %s\n", n, pad) {
			t.Fatalf("damaged: %q", line)
		}
		all = append(all, n)
	}
	return all
}

// TestSyncs counts them over a minute with 20 blocks a second.
func TestSyncs(t *testing.T) {
	for _, c := range []struct {
		name       string
		mode       time.Duration
		well       bool
		least, top int
	}{
		{"a sink that is well costs none", 0, true, 0, 0},
		{"a sink that is not costs one a second", 0, false, 58, 61},
		{"always", Always, true, 1200, 1300}, // and the position every second
		{"never", Never, false, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlug()
				q := openPlug(t, p, Options{Limit: 1 << 20, Sync: c.mode})
				p.with(func() { p.syncs = 0 })
				for i := range 1200 {
					put(t, q, "some block")
					time.Sleep(50 * time.Millisecond)
					if c.well && i%10 == 9 {
						peek(t, q, 1<<20)
						time.Sleep(100 * time.Millisecond) // takes its time
						drop(t, q)
					}
				}
				var syncs int
				p.with(func() { syncs = p.syncs })
				if c.mode == 0 && !c.well {
					syncs-- // the folder, once
				}
				if syncs < c.least || syncs > c.top {
					t.Errorf("%d syncs, want %d to %d", syncs, c.least, c.top)
				}
				q.Close()
			})
		})
	}
}

// TestPositionIsSynced drains a backlog that is on the disk: what is delivered
// and a second old is not sent again after a power cut.
func TestPositionIsSynced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlug()
		q := openPlug(t, p, Options{Limit: 1 << 20})
		for i := range 100 {
			put(t, q, fmt.Sprintf("%d\n", i))
		}
		time.Sleep(2 * time.Second)
		for range 30 {
			peek(t, q, 1)
			drop(t, q)
		}
		time.Sleep(2 * time.Second)
		peek(t, q, 1)
		drop(t, q)
		r := rand.New(rand.NewPCG(1, 1))
		for range 20 {
			look := openPlug(t, p.cut(r), Options{Limit: 1 << 20, Sync: Never})
			if got := peek(t, look, 1); got != "30\n" && got != "31\n" {
				t.Errorf("first is %q", got)
			}
			look.Close()
		}
		q.Close()
	})
}

// TestSyncFails expects one line when it breaks and one when it is well again,
// and that what could not be synced is synced then.
func TestSyncFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, log := newPlug(), &lines{}
		q := openPlug(t, p, Options{Limit: 1 << 20, Log: log.logger()})
		p.with(func() { p.syncErr = errors.New("unplugged") })
		put(t, q, "kept")
		time.Sleep(10 * time.Second)
		log.expect(t, `ERROR the queue cannot be put on the disk, a power cut would lose it err="unplugged`)
		p.with(func() { p.syncErr = nil })
		time.Sleep(2 * time.Second)
		log.expect(t, "INFO the queue is put on the disk again")
		look := openPlug(t, p.cut(rand.New(rand.NewPCG(1, 1))), Options{Limit: 1 << 20, Sync: Never})
		if got := drain(t, look); got != "kept" {
			t.Errorf("after the cut: %q", got)
		}
		look.Close()
		q.Close()
	})
}

// TestPutDoesNotWaitForSync puts, peeks and asks while a sync hangs.
func TestPutDoesNotWaitForSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowSync{plug: newPlug(), release: make(chan struct{})}
		q, err := open(t.TempDir(), Options{Limit: 1 << 20}, slow)
		if err != nil {
			t.Fatal(err)
		}
		put(t, q, "a")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !slow.hangs.Load() {
			t.Fatal("nothing hangs")
		}
		put(t, q, "b")
		if got := peek(t, q, 10); got != "ab" || q.Stats().Bytes == 0 {
			t.Errorf("peek: %q", got)
		}
		drop(t, q)
		close(slow.release)
		q.Close()
	})
}

type slowSync struct {
	*plug
	hangs   atomic.Bool
	release chan struct{}
}

func (s *slowSync) open(name string, flag int) (file, error) {
	f, err := s.plug.open(name, flag)
	if err != nil {
		return nil, err
	}
	return slowFile{f, s}, nil
}

type slowFile struct {
	file
	s *slowSync
}

func (f slowFile) Sync() error {
	f.s.hangs.Store(true)
	<-f.s.release
	return f.file.Sync()
}
