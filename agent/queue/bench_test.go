package queue

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func BenchmarkPutPeekDrop(b *testing.B) {
	for _, k := range []kind{
		{name: "memory", open: func(testing.TB, int) anyQueue { return NewMemory(64 << 20) }},
		{name: "durable", open: func(t testing.TB, _ int) anyQueue { return mustOpen(t, t.TempDir(), Options{Limit: 64 << 20}) }},
	} {
		b.Run(k.name, func(b *testing.B) {
			q := k.open(b, 0)
			defer q.Close()
			block := make([]byte, 1000)
			b.SetBytes(1000)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				q.Put(block)
				if i%200 == 199 {
					q.Peek(b.Context(), 1<<20)
					q.Drop()
				}
			}
		})
	}
}

// BenchmarkDrain reads a backlog of 256 MiB.
func BenchmarkDrain(b *testing.B) {
	const backlog = 256 << 20
	block := make([]byte, 3600) // a poll of 30 readings
	for b.Loop() {
		b.StopTimer()
		q := mustOpen(b, b.TempDir(), Options{Limit: 2 * backlog, Sync: Never})
		for range backlog / len(block) {
			put(b, q, string(block))
		}
		b.StartTimer()
		drained := 0
		for q.Stats().Bytes > 0 {
			data, err := q.Peek(b.Context(), 1<<20)
			if err != nil {
				b.Fatal(err)
			}
			drained += len(data)
			q.Drop()
		}
		b.SetBytes(int64(drained))
		b.StopTimer()
		q.Close()
		b.StartTimer()
	}
}

// BenchmarkOpen opens a queue with a backlog of 1 GiB.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	q := mustOpen(b, dir, Options{Limit: 2 << 30, Sync: Never})
	for range 1 << 10 {
		put(b, q, string(make([]byte, 1<<20)))
	}
	q.Close()
	for b.Loop() {
		q, err := Open(dir, Options{Limit: 2 << 30, Sync: Never})
		if err != nil {
			b.Fatal(err)
		}
		q.Close()
	}
}

// BenchmarkDiskWrites lives for b.N seconds, in real time: 10,000 readings a
// second in 333 polls of 3.6 kB, 1.2 MB, which a sink takes every half a
// second or does not take at all. Use it as -bench DiskWrites -benchtime 60x,
// with TMPDIR on a file system of its own. It reports
//
//	device-B/s  written to the block device of the folder, by anybody
//	dirty-B/s   write_bytes less cancelled_write_bytes of this process
func BenchmarkDiskWrites(b *testing.B) {
	for _, well := range []bool{true, false} {
		name := "well"
		if !well {
			name = "down"
		}
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			q := mustOpen(b, dir, Options{Limit: 1 << 30})
			block := bytes.Repeat([]byte("voltage,device=a value=230.1 1700000000000000000\n"), 74)[:3600]
			ctx, stop := context.WithCancel(b.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				for well {
					if _, err := q.Peek(ctx, 1<<20); err != nil {
						return
					}
					time.Sleep(500 * time.Millisecond) // for more to come, as an outlet does
					q.Peek(ctx, 1<<20)
					time.Sleep(50 * time.Millisecond) // the sink
					q.Drop()
				}
			}()
			syscall.Sync()
			device, dirty := deviceWrites(dir), dirtied()
			tick := time.NewTicker(3 * time.Millisecond)
			start := time.Now()
			for b.Loop() {
				for range 333 {
					<-tick.C
					q.Put(block)
				}
			}
			seconds := time.Since(start).Seconds()
			b.ReportMetric(float64(deviceWrites(dir)-device)/seconds, "device-B/s")
			b.ReportMetric(float64(dirtied()-dirty)/seconds, "dirty-B/s")
			stop()
			<-done
			q.Close()
		})
	}
}

// deviceWrites returns how many bytes were written to the device of a folder,
// 0 where it has none.
func deviceWrites(dir string) int64 {
	var st syscall.Stat_t
	if syscall.Stat(dir, &st) != nil {
		return 0
	}
	stat, _ := os.ReadFile(fmt.Sprintf("/sys/dev/block/%d:%d/stat", st.Dev>>8&0xfff, st.Dev&0xff))
	var n [7]int64
	fmt.Sscan(string(stat), &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6])
	return n[6] * 512
}

// dirtied returns how many bytes this process left for the kernel to write.
func dirtied() int64 {
	text, _ := os.ReadFile("/proc/self/io")
	n := map[string]int64{}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ": ")
		var v int64
		fmt.Sscan(value, &v)
		n[key] = v
	}
	return n["write_bytes"] - n["cancelled_write_bytes"]
}
