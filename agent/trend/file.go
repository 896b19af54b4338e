package trend

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
)

// The file is a line of text, in which its format and the checksum of the rest
// are, and a []saved as gob.
const head = "plantroom trends 1, crc32c %08x\n"

// A saved is a series in the file.
type saved struct {
	Key       key
	Hour, Day savedRing
}

type savedRing struct {
	Open   int64
	Blocks [][]byte // the oldest first, the open one last
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// save writes the file, and forgets the points that had no reading for a day.
func (s *Store) save(now time.Time) error {
	text := s.encode(now)
	text = append(fmt.Appendf(nil, head, crc32.Checksum(text, castagnoli)), text...)
	dir := filepath.Dir(s.file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return renameio.WriteFile(s.file, text, 0o600, renameio.WithTempDir(dir))
}

func (s *Store) encode(now time.Time) []byte {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s.all(now)); err != nil {
		panic(err) // bytes and strings always can be gob
	}
	return b.Bytes()
}

// all returns every series. Polls wait for it, so it copies no closed block:
// these never change.
func (s *Store) all(now time.Time) []saved {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]saved, 0, len(s.series))
	oldest := floorDiv(bucketAt(now, dayStep), perBlock) - 24
	for k, one := range s.series {
		if one.day.open < oldest {
			delete(s.series, k)
			continue
		}
		all = append(all, saved{k, one.hour.saved(), one.day.saved()})
	}
	clear(s.devices) // some lead to what is forgotten, some nowhere because there was no room
	return all
}

func (r *ring) saved() savedRing {
	out := savedRing{Open: r.open}
	for b := r.open - int64(len(r.closed)); b < r.open; b++ {
		out.Blocks = append(out.Blocks, *r.at(b))
	}
	out.Blocks = append(out.Blocks, encode(&r.now))
	return out
}

// load reads a file; one that is absent holds nothing.
func load(file string) (map[key]*series, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return map[key]*series{}, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return all, nil
}

func parse(text []byte) (map[key]*series, error) {
	var sum uint32
	line, rest, _ := bytes.Cut(text, []byte("\n"))
	if _, err := fmt.Sscanf(string(line)+"\n", head, &sum); err != nil {
		return nil, errors.New("it is no file of trends, or of another version")
	}
	if got := crc32.Checksum(rest, castagnoli); got != sum {
		return nil, fmt.Errorf("it is damaged: its checksum is %08x and ought to be %08x", got, sum)
	}
	return decodeAll(rest)
}

func decodeAll(text []byte) (map[key]*series, error) {
	var all []saved
	if err := gob.NewDecoder(bytes.NewReader(text)).Decode(&all); err != nil {
		return nil, err
	}
	out := make(map[key]*series, len(all))
	for _, one := range all[:min(len(all), Limit)] {
		s := &series{hour: newRing(12), day: newRing(24)}
		if err := errors.Join(s.hour.restore(one.Hour), s.day.restore(one.Day)); err != nil {
			return nil, fmt.Errorf("%s %s %s: %w", one.Key.Device, one.Key.Metric, one.Key.Channel, err)
		}
		out[one.Key] = s
	}
	return out, nil
}

func (r *ring) restore(from savedRing) error {
	if len(from.Blocks) != len(r.closed)+1 {
		return fmt.Errorf("%d blocks instead of %d", len(from.Blocks), len(r.closed)+1)
	}
	// No clock goes there, and sums with it cannot overflow.
	if from.Open < -1<<40 || from.Open > 1<<40 {
		return fmt.Errorf("block %d is of no time", from.Open)
	}
	r.open, r.used = from.Open, true
	for i, block := range from.Blocks {
		if err := sound(block); err != nil {
			return err
		}
		if i < len(r.closed) {
			*r.at(r.open - int64(len(r.closed)-i)) = bytes.Clone(block)
		} else {
			decode(block, &r.now)
		}
	}
	return nil
}
