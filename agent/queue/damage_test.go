package queue

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	sampleRecord = headerSize + len("block 00\n")
	samplePart   = 4 // blocks in a segment
	sampleLimit  = segmentShare * samplePart * sampleRecord
)

// sample returns the files of a queue of blocks 1 to 12, of which 1 and 2 are
// delivered: three segments of four blocks, and the position.
func sample(t testing.TB) map[string][]byte {
	p := newPlug()
	q := openPlug(t, p, Options{Limit: int64(sampleLimit)})
	for i := range 12 {
		put(t, q, fmt.Sprintf("block %02d\n", i+1))
	}
	for range 2 {
		peek(t, q, 1)
		drop(t, q)
	}
	q.Close()
	files := p.contents()
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, []string{segmentName(1), segmentName(5), segmentName(9), "position"}) {
		t.Fatal(got)
	}
	return files
}

// opened opens a queue on files, uses it for a moment and returns what it had.
// It must be usable whatever the files say.
func opened(t testing.TB, dir string, files map[string][]byte) (blocks []string, s Stats) {
	t.Helper()
	q, err := open(dir, Options{Limit: 1 << 20, Sync: Never}, plugOf(files))
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	put(t, q, "another\n")
	got, ok := strings.CutSuffix(drain(t, q), "another\n")
	if !ok {
		t.Fatalf("what was put then is not there, but %q", got)
	}
	s = q.Stats()
	if s.Bytes != 0 {
		t.Fatalf("drained: %+v", s)
	}
	return slices.Collect(strings.Lines(got)), s
}

// blocks returns blocks from first to last.
func blocks(first, last int) (all []string) {
	for i := first; i <= last; i++ {
		all = append(all, fmt.Sprintf("block %02d\n", i))
	}
	return all
}

// without returns all but the blocks from first to last.
func without(first, last int) []string { return append(blocks(3, first-1), blocks(last+1, 12)...) }

func TestDamage(t *testing.T) {
	head, tail := func(b []byte, n int) []byte { return b[:n] }, func(b []byte, n int) []byte { return b[n:] }
	slots := func(number uint64) []byte { return appendSlot(nil, 1000, number) }
	one, five, nine := segmentName(1), segmentName(5), segmentName(9)
	rec := sampleRecord
	for _, c := range []struct {
		name    string
		damage  func(f map[string][]byte)
		want    []string
		damaged uint64
	}{
		{"none", func(f map[string][]byte) {}, blocks(3, 12), 0},
		{"position missing", func(f map[string][]byte) { delete(f, "position") }, blocks(1, 12), 0},
		{"position empty", func(f map[string][]byte) { f["position"] = nil }, blocks(1, 12), 0},
		{"position of nonsense", func(f map[string][]byte) { f["position"] = bytes.Repeat([]byte("7"), 5000) }, blocks(1, 12), 0},
		{"last slot torn", func(f map[string][]byte) { clear(f["position"][8:slotSize]) }, blocks(2, 12), 0},
		{"position at the end", func(f map[string][]byte) { f["position"] = slots(13) }, nil, 0},
		{"position behind the end", func(f map[string][]byte) { f["position"] = slots(14) }, blocks(1, 12), 0},
		{"position far behind the end", func(f map[string][]byte) { f["position"] = slots(maxNumber - 1) }, blocks(1, 12), 0},
		{"position impossible", func(f map[string][]byte) { f["position"] = slots(1<<64 - 1) }, blocks(1, 12), 0},
		{"position in another segment", func(f map[string][]byte) { f["position"] = slots(6) }, blocks(6, 12), 0},
		{"position before the first", func(f map[string][]byte) { delete(f, one) }, blocks(5, 12), 0},
		{"a segment missing", func(f map[string][]byte) { delete(f, five) }, without(5, 8), 4},
		{"the last segment missing", func(f map[string][]byte) { delete(f, nine) }, blocks(3, 8), 0},
		{"a segment empty", func(f map[string][]byte) { f[five] = nil }, without(5, 8), 4},
		{"the last segment empty", func(f map[string][]byte) { f[nine] = nil }, blocks(3, 8), 0},
		{"a segment of zeros", func(f map[string][]byte) { clear(f[five]) }, without(5, 8), 4},
		{"the last segment of zeros", func(f map[string][]byte) { clear(f[nine]) }, blocks(3, 8), 1},
		{"all segments of zeros", func(f map[string][]byte) { clear(f[one]); clear(f[five]); clear(f[nine]) }, nil, 7},
		{"the last of one page", func(f map[string][]byte) { f[nine] = head(f[nine], 2*rec) }, blocks(3, 10), 0},
		{"nonsense behind", func(f map[string][]byte) { f[five] = append(f[five], "nonsense"...) }, blocks(3, 12), 0},
		{"nonsense behind all", func(f map[string][]byte) { f[nine] = append(f[nine], "nonsense"...) }, blocks(3, 12), 1},
		{"nonsense before", func(f map[string][]byte) { f[five] = append([]byte("nonsense"), f[five]...) }, blocks(3, 12), 0},
		{"nonsense between", func(f map[string][]byte) { f[five] = slices.Insert(f[five], 2*rec, magic...) }, blocks(3, 12), 0},
		{"the first torn off", func(f map[string][]byte) { f[five] = tail(f[five], 7) }, without(5, 5), 1},
		{"a record cut out", func(f map[string][]byte) { f[five] = slices.Delete(f[five], rec, 2*rec) }, without(6, 6), 1},
		{"half a record cut out", func(f map[string][]byte) { f[five] = slices.Delete(f[five], rec+rec/2, 2*rec) }, without(6, 6), 1},
		{"two damaged in two places", func(f map[string][]byte) { f[five][rec-1]++; f[five][3*rec]++ }, append(append(blocks(3, 4), blocks(6, 7)...), blocks(9, 12)...), 2},
		{"damaged when delivered", func(f map[string][]byte) { f[one][0]++; f[one][rec+30]++ }, blocks(3, 12), 0},
		{"a copy of a segment", func(f map[string][]byte) { f[segmentName(7)] = f[five] }, blocks(3, 12), 0},
		{"an older segment", func(f map[string][]byte) { f[segmentName(12)] = f[one] }, blocks(3, 12), 0},
		{"a later segment", func(f map[string][]byte) { f[segmentName(2)] = f[nine] }, blocks(3, 12), 0},
		{"foreign files", func(f map[string][]byte) {
			f["README"], f["5.blocks"], f[nine+"~"], f["000000000000000A.blocks"], f["ffffffffffffffff.blocks"] = f[five], f[five], f[five], f[five], f[five]
		}, blocks(3, 12), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := sample(t)
			c.damage(f)
			got, s := opened(t, t.TempDir(), f)
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			if s.Damaged != c.damaged {
				t.Errorf("damaged %d, want %d", s.Damaged, c.damaged)
			}
		})
	}
}

// TestTruncated cuts each file at every byte: what is before the cut is there,
// and what is in other files.
func TestTruncated(t *testing.T) {
	files, dir := sample(t), t.TempDir()
	for name, data := range files {
		for n := range data {
			f := maps.Clone(files)
			f[name] = data[:n]
			got, s := opened(t, dir, f)
			if name == "position" { // less of it sends more again
				if first := 13 - len(got); first > 3 || !slices.Equal(got, blocks(first, 12)) {
					t.Errorf("%s cut at %d: %q", name, n, got)
				}
				continue
			}
			first, _ := parseName(name)
			whole := n / sampleRecord
			want := without(max(3, int(first)+whole), int(first)+samplePart-1)
			damaged := 13 - 3 - len(want)
			if first == 9 {
				damaged = min(1, n%sampleRecord) // nothing says how many there were
			}
			if first == 1 && n == 0 {
				damaged = 0 // as if delivered
			}
			if !slices.Equal(got, want) || s.Damaged != uint64(damaged) {
				t.Errorf("%s cut at %d: %d damaged, %q; want %d, %q", name, n, s.Damaged, got, damaged, want)
			}
		}
	}
}

// TestFlipped flips every bit of each file: that costs the block it is in.
func TestFlipped(t *testing.T) {
	files, dir := sample(t), t.TempDir()
	for name, data := range files {
		for bit := range 8 * len(data) {
			f := maps.Clone(files)
			f[name] = slices.Clone(data)
			f[name][bit/8] ^= 1 << (bit % 8)
			got, s := opened(t, dir, f)
			if name == "position" {
				if first := 13 - len(got); first > 3 || first < 2 || !slices.Equal(got, blocks(first, 12)) || s.Damaged != 0 {
					t.Errorf("%s, bit %d: %q", name, bit, got)
				}
				continue
			}
			first, _ := parseName(name)
			hit := int(first) + bit/8/sampleRecord
			want, damaged := without(hit, hit), uint64(1)
			if hit < 3 {
				want, damaged = blocks(3, 12), 0
			}
			if !slices.Equal(got, want) || s.Damaged != damaged {
				t.Errorf("%s, bit %d: %d damaged, %q", name, bit, s.Damaged, got)
			}
		}
	}
}

// TestABlockThatLooksLikeRecords is not taken for them, even when its own
// header is damaged.
func TestABlockThatLooksLikeRecords(t *testing.T) {
	p := newPlug()
	q := openPlug(t, p, Options{Limit: 1 << 20})
	inside := appendRecord(appendRecord(nil, 1, time.Now(), []byte("old\n")), 1<<40, time.Now(), []byte("far\n"))
	put(t, q, "first\n", string(inside), "last\n")
	q.Close()
	files := p.contents()
	files[segmentName(1)][headerSize+len("first\n")+4] ^= 1
	got, s := opened(t, t.TempDir(), files)
	if !slices.Equal(got, []string{"first\n", "last\n"}) || s.Damaged != 1 {
		t.Errorf("%q, %+v", got, s)
	}
}

// TestDamageIsReported, once, and Stats counts it once however often it is
// peeked at.
func TestDamageIsReported(t *testing.T) {
	files, log := sample(t), &lines{}
	files[segmentName(5)][sampleRecord+40] ^= 1 // block 6
	q := openPlug(t, plugOf(files), Options{Limit: 1 << 20, Log: log.logger()})
	defer q.Close()
	for range 3 {
		if got := peek(t, q, 1000); got != strings.Join(blocks(3, 5), "") {
			t.Errorf("peek stops before the damage: %q", got)
		}
	}
	log.expect(t)
	drop(t, q)
	for range 3 {
		if got := peek(t, q, 1000); got != strings.Join(blocks(7, 12), "") {
			t.Errorf("peek behind the damage: %q", got)
		}
	}
	log.expect(t, "ERROR blocks in the queue are damaged and lost blocks=1 file=0000000000000005.blocks")
	if s := q.Stats(); s.Damaged != 1 {
		t.Errorf("%+v", s)
	}
}

// TestBadSector lets a part of a segment fail to be read: at first Peek says
// so, then it costs the blocks there.
func TestBadSector(t *testing.T) {
	bad := &badSector{plug: newPlug(), from: 3 * pageSize, to: 4 * pageSize}
	q, err := open(t.TempDir(), Options{Limit: 1 << 20}, bad)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	want := ""
	for i := range 60 {
		b := strings.Repeat(string(rune('A'+i)), 500)
		put(t, q, b)
		if start, end := i*532, (i+1)*532; end <= bad.from || start >= bad.to {
			want += b
		}
	}
	got, fails := "", 0
	for len(got) < len(want) && fails < 5 {
		data, err := q.Peek(t.Context(), 1000)
		if err != nil {
			fails++
			continue
		}
		got += string(data)
		drop(t, q)
	}
	if s := q.Stats(); got != want || fails != triesToRead-1 || s.Damaged != 8 || s.Bytes != 0 {
		t.Errorf("%d failures, %d bytes of %d, %+v", fails, len(got), len(want), s)
	}
}

// TestBadInode lets a segment fail to be opened, the last one included.
func TestBadInode(t *testing.T) {
	for bad, want := range map[string][]string{
		segmentName(1): blocks(5, 12), segmentName(5): without(5, 8), segmentName(9): blocks(3, 8),
	} {
		q, err := open(t.TempDir(), Options{Limit: 1 << 20}, &badInode{plugOf(sample(t)), bad})
		if err != nil {
			t.Fatal(err)
		}
		put(t, q, "another\n")
		got, fails := "", 0
		for q.Stats().Bytes > 0 && fails < 5 {
			data, err := q.Peek(t.Context(), 1000)
			if err != nil {
				fails++
				continue
			}
			got += string(data)
			drop(t, q)
		}
		if s := q.Stats(); got != strings.Join(append(want, "another\n"), "") || fails != triesToRead-1 || s.Damaged == 0 {
			t.Errorf("without %s: %d failures, %q, %+v", bad, fails, got, s)
		}
		q.Close()
	}
}

type badInode struct {
	*plug
	name string
}

func (i *badInode) open(name string, flag int) (file, error) {
	if strings.HasSuffix(name, i.name) {
		return nil, syscall.EIO
	}
	return i.plug.open(name, flag)
}

type badSector struct {
	*plug
	from, to int
}

func (s *badSector) open(name string, flag int) (file, error) {
	f, err := s.plug.open(name, flag)
	if err != nil || strings.HasSuffix(name, "position") {
		return f, err
	}
	return badFile{f, s}, nil
}

type badFile struct {
	file
	s *badSector
}

func (f badFile) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.file.ReadAt(b, off)
	if from := f.s.from - int(off); int(off) < f.s.to && int(off)+n > f.s.from {
		return max(0, from), syscall.EIO
	}
	return n, err
}

// FuzzOpen opens a folder with two segments and a position of any content.
// Whatever it is, the queue opens, gives blocks that are intact and works.
func FuzzOpen(f *testing.F) {
	files := sample(f)
	one, five, position := files[segmentName(1)], files[segmentName(5)], files["position"]
	f.Add(one, five, position)
	f.Add(one[:50], five[3:], position[:slotSize])
	f.Add([]byte{}, []byte{}, []byte{})
	f.Add(one, one, appendSlot(nil, 7, 6))
	f.Add(appendRecord(nil, maxNumber, time.Now(), nil), appendRecord(nil, 1<<64-1, time.Now(), []byte("x")), appendSlot(nil, 1, maxNumber-1))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, a, b, position []byte) {
		opened(t, dir, map[string][]byte{segmentName(1): a, segmentName(5): b, "position": position})
	})
}

// FuzzScanner looks for records in any bytes with any cut between two reads,
// and expects what a plain search finds.
func FuzzScanner(f *testing.F) {
	files := sample(f)
	f.Add(files[segmentName(1)], uint64(1))
	f.Add(append([]byte("xx"), files[segmentName(5)]...), uint64(2))
	big := rand.New(rand.NewPCG(1, 1))
	noise := make([]byte, 3*windowSize/2)
	for i := range noise {
		noise[i] = byte(big.Uint32())
	}
	f.Add(append(appendRecord(noise, 3, time.Now(), noise[:windowSize+1]), noise...), uint64(1))
	f.Fuzz(func(t *testing.T, data []byte, low uint64) {
		const high = 1 << 40
		s := scanner{f: nopCloser{bytes.NewReader(data)}}
		off := int64(0)
		for {
			r, found, err := s.next(off, int64(len(data)), low, high)
			if err != nil {
				t.Fatal(err)
			}
			if !found {
				break
			}
			if r.start < off || r.end > int64(len(data)) || r.number < low || r.number >= high ||
				!bytes.Equal(data[r.start:r.end], appendRecord(nil, r.number, r.at, r.data)) {
				t.Fatalf("found %+v at %d", r, off)
			}
			off, low = r.end, r.number+1
		}
	})
}

type nopCloser struct{ *bytes.Reader }

func (nopCloser) WriteAt([]byte, int64) (int, error) { return 0, io.ErrShortWrite }
func (nopCloser) Truncate(int64) error               { return io.ErrShortWrite }
func (nopCloser) Sync() error                        { return io.ErrShortWrite }
func (nopCloser) Close() error                       { return nil }
