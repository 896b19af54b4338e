package queue

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestFullDisk lets the disk run full at every byte of a block: Put fails,
// what was taken before is there, and Put works again when there is room.
func TestFullDisk(t *testing.T) {
	for room := range headerSize + len("third ") {
		p := newPlug()
		q := openPlug(t, p, Options{Limit: 1 << 20})
		put(t, q, "first ", "second ")
		p.with(func() { p.room = room })
		for range 3 {
			if err := q.Put([]byte("third ")); !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("room for %d bytes: %v", room, err)
			}
		}
		p.with(func() { p.room = -1 })
		put(t, q, "4 ") // shorter, so that what was not cut off would stick out
		if s := q.Stats(); s.Refused != 3 || s.Damaged != 0 {
			t.Errorf("room for %d bytes: %+v", room, s)
		}
		again := openPlug(t, plugOf(p.contents()), Options{Limit: 1 << 20, Sync: Never}) // as after a kill
		for _, q := range []*Durable{q, again} {
			if got := drain(t, q); got != "first second 4 " {
				t.Errorf("room for %d bytes: %q", room, got)
			}
			if s := q.Stats(); s.Damaged != 0 {
				t.Errorf("room for %d bytes: %+v", room, s)
			}
			q.Close()
		}
	}
}

// TestReadOnlyWhileRunning is what happens to an SD card that is worn out.
func TestReadOnlyWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, log := newPlug(), &lines{}
		q := openPlug(t, p, Options{Limit: segmentShare * 3 * 40, Log: log.logger()})
		defer q.Close()
		put(t, q, "1 ", "2 ", "3 ", "4 ", "5 ", "6 ")
		p.with(func() { p.writeErr = syscall.EROFS })
		for range 3 {
			if err := q.Put([]byte("lost ")); !errors.Is(err, syscall.EROFS) {
				t.Errorf("put: %v", err)
			}
		}
		if got := drain(t, q); got != "1 2 3 4 5 6 " {
			t.Errorf("queued: %q", got)
		}
		log.expect(t, `ERROR the queue cannot note what is delivered err="read-only file system"`)
		p.with(func() { p.writeErr = nil })
		put(t, q, "7 ")
		if got := drain(t, q); got != "7 " {
			t.Errorf("queued: %q", got)
		}
		log.expect(t, "INFO the queue notes what is delivered again")
		put(t, q, "8 ", "9 ", "10 ")
		if files := len(p.contents()); files > 3 {
			t.Errorf("%d files: what could not be removed is still there", files)
		}
	})
}

// TestOverflowIsReported once when it begins and once when it is over.
func TestOverflowIsReported(t *testing.T) {
	log := &lines{}
	q := mustOpen(t, t.TempDir(), Options{Limit: 3 * (headerSize + 2), Sync: Never, Log: log.logger()})
	defer q.Close()
	put(t, q, "1 ", "2 ", "3 ")
	log.expect(t)
	put(t, q, "4 ", "5 ")
	log.expect(t, "WARN the queue is full, the oldest blocks are dropped limit=102 blocks=1")
	if got := drain(t, q); got != "3 4 5 " {
		t.Errorf("queued: %q", got)
	}
	log.expect(t, "INFO the queue is empty again dropped=2")
}

// TestRealTmpfs fills a real file system, small and real.
func TestRealTmpfs(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skip("mounting a file system needs root: ", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, 0) })
	q := mustOpen(t, filepath.Join(dir, "q"), Options{Limit: 1 << 20, Sync: Always})
	block := bytes.Repeat([]byte("x"), 5000)
	taken := 0
	var err error
	for ; err == nil; taken++ {
		err = q.Put(block)
	}
	taken--
	if !errors.Is(err, syscall.ENOSPC) || taken < 30 {
		t.Fatal(taken, err)
	}
	other := filepath.Join(dir, "other")
	seen := 0
	for q.Stats().Bytes > 0 {
		seen += len(peek(t, q, 20_000)) / len(block)
		drop(t, q)
	}
	if seen != taken {
		t.Errorf("%d of %d", seen, taken)
	}
	put(t, q, "again")
	if got := drain(t, q); got != "again" {
		t.Errorf("queued: %q", got)
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}

	// A full disk is no reason not to start.
	os.WriteFile(other, make([]byte, 1<<20), 0o600)
	q, err = Open(filepath.Join(dir, "q"), Options{Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Put(block); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	os.Remove(other)
	put(t, q, "at last")
	if got := drain(t, q); got != "at last" {
		t.Errorf("queued: %q", got)
	}
	q.Close()

	if err := syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(dir, "q"), Options{Limit: 1 << 20}); !errors.Is(err, syscall.EROFS) {
		t.Errorf("open of a read-only folder: %v", err)
	}
}

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "here")
	q := mustOpen(t, dir, Options{Limit: 1 << 20})
	put(t, q, "secret")
	foreign := filepath.Join(dir, "notes.txt")
	os.WriteFile(foreign, []byte("mine"), 0o644)
	os.Mkdir(filepath.Join(dir, segmentName(2)), 0o755)

	_, err := Open(dir, Options{Limit: 1 << 20})
	if want := fmt.Sprintf("open queue %s: in use by process %d", dir, os.Getpid()); err == nil || err.Error() != want {
		t.Errorf("second open: %v, want %s", err, want)
	}
	modes := map[string]fs.FileMode{}
	for _, name := range []string{".", "lock", "position", segmentName(1)} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		modes[name] = info.Mode().Perm()
	}
	if modes["."] != 0o700 || modes["lock"] != 0o600 || modes["position"] != 0o600 || modes[segmentName(1)] != 0o600 {
		t.Error(modes)
	}

	if err := q.Close(); err != nil {
		t.Error(err)
	}
	for _, err := range []error{q.Put(nil), q.Drop(), q.Close(), peekErr(q)} {
		if err != ErrClosed {
			t.Errorf("after Close: %v", err)
		}
	}
	q = mustOpen(t, dir, Options{Limit: 1 << 20})
	put(t, q, " and more") // segment 2, but for the folder of that name
	if got := drain(t, q); got != "secret and more" {
		t.Errorf("after opening again: %q", got)
	}
	q.Close()
	if got, err := os.ReadFile(foreign); string(got) != "mine" {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 4 {
		t.Errorf("%q", left)
	}
}

func peekErr(q *Durable) error {
	_, err := q.Peek(context.Background(), 1)
	return err
}

func TestCloseEndsPeek(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := mustOpen(t, t.TempDir(), Options{Limit: 1 << 20})
		got := make(chan error)
		go func() { got <- peekErr(q) }()
		synctest.Wait()
		q.Close()
		if err := <-got; err != ErrClosed {
			t.Error(err)
		}
	})
}

// TestAgeAfterRestart is that of the block, not of the process.
func TestAgeAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		q := mustOpen(t, dir, Options{Limit: 1 << 20})
		put(t, q, "a")
		q.Close()
		time.Sleep(time.Hour)
		q = mustOpen(t, dir, Options{Limit: 1 << 20})
		defer q.Close()
		if s := q.Stats(); s.Age != time.Hour || s.Bytes != headerSize+1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestKill kills a process that writes and reads at random moments, many
// times. Every block for which Put had returned is delivered, in order, and
// twice only what was being delivered at the time.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	acked, delivered, repeated, kills := 0, 0, 0, 25
	if testing.Short() {
		kills = 5
	}
	deliver := func(from, to int) { // numbers from 1
		if from > delivered+1 || to < from {
			t.Fatalf("after block %d come %d to %d", delivered, from, to)
		}
		repeated += max(0, min(delivered, to)-from+1)
		delivered = max(delivered, to)
	}
	for range kills {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), "QUEUE_DIR="+dir, fmt.Sprint("QUEUE_FROM=", acked+1))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for left := r.IntN(3000); lines.Scan(); left-- {
			if left == 0 {
				cmd.Process.Kill()
			}
			var from, to int
			if n, _ := fmt.Sscanf(lines.Text(), "delivered %d %d", &from, &to); n == 2 {
				deliver(from, to)
			} else if n, _ := fmt.Sscanf(lines.Text(), "put %d", &to); n == 1 {
				acked = to
			} else {
				t.Fatalf("the child says %q", lines.Text())
			}
		}
		cmd.Wait()
		// The last block may be there without its acknowledgement. Look at a
		// copy, so that what is left piles up.
		files := map[string][]byte{}
		left, _ := filepath.Glob(filepath.Join(dir, "*s*"))
		for _, name := range left {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.Base(name)] = data
		}
		look := openPlug(t, plugOf(files), Options{Limit: 1 << 30, Sync: Never})
		last := delivered
		for data, some := rest(t, look, 1<<20); some; data, some = rest(t, look, 1<<20) {
			from, to := span(data)
			if from > last+1 || from == 0 {
				t.Fatalf("after block %d come %d to %d", last, from, to)
			}
			last = max(last, to)
			drop(t, look)
		}
		look.Close()
		if last < acked || last > acked+1 {
			t.Fatalf("%d blocks are left, %d were acknowledged", last, acked)
		}
		acked = last
	}
	q := mustOpen(t, dir, Options{Limit: 1 << 30, Sync: Never})
	defer q.Close()
	for data, some := rest(t, q, 1<<20); some; data, some = rest(t, q, 1<<20) {
		from, to := span(data)
		deliver(from, to)
		drop(t, q)
	}
	// A kill in the middle of write(2) leaves a torn block, which was not acknowledged.
	if s := q.Stats(); delivered != acked || s.Damaged > uint64(kills) || acked < kills {
		t.Errorf("%d delivered of %d acknowledged, %+v", delivered, acked, s)
	}
	t.Logf("%d kills, %d blocks, %d delivered twice", kills, acked, repeated)
}

// span returns the first and last of the numbers in blocks, 0 for damage.
func span(data string) (from, to int) {
	for line := range strings.Lines(data) {
		var n int
		fmt.Sscan(line, &n)
		if line != killBlock(n) || to > 0 && n != to+1 {
			return 0, 0
		}
		if to = n; from == 0 {
			from = n
		}
	}
	return from, to
}

func killBlock(n int) string { return fmt.Sprintf("%d %s\n", n, strings.Repeat("x", n*37%3000)) }

// TestKilled is the process that TestKill kills.
func TestKilled(t *testing.T) {
	dir := os.Getenv("QUEUE_DIR")
	if dir == "" {
		t.Skip("only for TestKill")
	}
	var from int
	fmt.Sscan(os.Getenv("QUEUE_FROM"), &from)
	q := mustOpen(t, dir, Options{Limit: 1 << 30, Sync: 5 * time.Millisecond})
	go func() {
		for {
			from, to := span(peek(t, q, 50_000))
			fmt.Fprintf(os.Stdout, "delivered %d %d\n", from, to)
			drop(t, q)
		}
	}()
	for n := from; ; n++ {
		put(t, q, killBlock(n))
		fmt.Fprintf(os.Stdout, "put %d\n", n)
	}
}
