package queue

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// A segment is a file of records, one after the other, nothing before, between
// or behind them. Its name is the number of its first block in 16 hexadecimal
// digits and ".blocks"; blocks are numbered from 1 in the order of Put.
//
//	 0             4             8                           16
//	+-------------+-------------+---------------------------+
//	| ff 'p' 'q' 1| data length | number of the block       |
//	+-------------+-------------+-------------+-------------+
//	| Unix time of Put, ns      | data CRC    | header CRC  |
//	+---------------------------+-------------+-------------+
//	| data                                                  :
//
// Numbers are little endian, CRCs are CRC-32C. The header CRC covers the 28
// bytes before it. Where a header is intact its length holds, and damaged data
// is stepped over. Where a header is damaged its length means nothing, and the
// next record is found by its magic number; that nothing but a record is found
// is as sure as its header CRC, and that its number is one that may come.
type segment struct {
	first  uint64    // number of the first block
	end    uint64    // number after the last block
	size   int64     // bytes of whole records
	synced int64     // of these, known to be on the disk
	begun  time.Time // when the first block came, about
	f      file      // to write to and to sync, nil when nothing is left to do
	sealed bool      // nothing more will be written
}

// bound returns the number that no block of the segment can have, nor any
// higher one, be it damaged or misnamed.
func (s *segment) bound() uint64 { return max(s.end, s.first+uint64(s.size/headerSize)) }

const (
	headerSize = 32
	suffix     = ".blocks"
	maxData    = math.MaxInt32 - headerSize
	// maxNumber keeps numbers from overflowing, whatever a file says. At a
	// million blocks a second it is reached after 146,000 years.
	maxNumber = 1 << 62
)

var (
	magic      = []byte{0xff, 'p', 'q', 1}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

func segmentName(first uint64) string { return fmt.Sprintf("%016x%s", first, suffix) }

// parseName returns the number in the name of a segment.
func parseName(name string) (first uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != 16 || strings.ToLower(digits) != digits {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 16, 64)
	return first, err == nil && first > 0 && first < maxNumber
}

// appendRecord appends the record of a block to dst.
func appendRecord(dst []byte, number uint64, at time.Time, data []byte) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(data)))
	dst = binary.LittleEndian.AppendUint64(dst, number)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(at.UnixNano()))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(data, castagnoli))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	return append(dst, data...)
}

type header struct {
	length int64
	number uint64
	at     time.Time
	crc    uint32
}

func parseHeader(b []byte) (h header, ok bool) {
	if !bytes.Equal(b[:4], magic) || binary.LittleEndian.Uint32(b[28:]) != crc32.Checksum(b[:28], castagnoli) {
		return h, false
	}
	return header{
		length: int64(binary.LittleEndian.Uint32(b[4:])),
		number: binary.LittleEndian.Uint64(b[8:]),
		at:     time.Unix(0, int64(binary.LittleEndian.Uint64(b[16:]))),
		crc:    binary.LittleEndian.Uint32(b[24:]),
	}, true
}

// A record is one that was found intact in a segment.
type record struct {
	start, end int64 // in the file
	number     uint64
	at         time.Time
	data       []byte // until the next call of next
}

// windowSize is how much of a segment a scanner reads at a time, unless a
// block is larger.
const windowSize = 256 << 10

// pageSize is how much is given up where a file cannot be read.
const pageSize = 4096

// A scanner reads the records of a segment. It is not for concurrent use.
type scanner struct {
	f    file
	buf  []byte // what the file holds from base on
	base int64
	// giveUp makes it step over what cannot be read, gaveUp says that it did.
	giveUp, gaveUp bool
}

// next returns the first intact record that starts at or after off, ends by
// size and has a number from low up to but without high; found is false where
// there is none. An error is one of reading.
func (s *scanner) next(off, size int64, low, high uint64) (r record, found bool, err error) {
	for off+headerSize <= size {
		b, err := s.window(off, headerSize, size)
		if err == nil {
			h, ok := parseHeader(b)
			end := off + headerSize + h.length
			if !ok || h.number >= high || end > size {
				off, err = s.find(off+1, size)
			} else if h.number < low {
				off = end
				continue
			} else if b, err = s.window(off, headerSize+int(h.length), size); err == nil {
				if data := b[headerSize:]; crc32.Checksum(data, castagnoli) == h.crc {
					return record{off, end, h.number, h.at, data}, true, nil
				}
				off = end
				continue
			}
		}
		if errors.Is(err, io.EOF) {
			return r, false, nil
		}
		if err != nil {
			if !s.giveUp {
				return r, false, err
			}
			s.gaveUp = true
			off = (off/pageSize + 1) * pageSize
		}
	}
	return r, false, nil
}

// find returns where the next magic number is at or after off, size where
// there is none. On an error it returns how far it came.
func (s *scanner) find(off, size int64) (int64, error) {
	for off+headerSize <= size {
		n := min(windowSize, size-off)
		b, err := s.window(off, int(n), size)
		if err != nil && n > headerSize {
			n = headerSize
			b, err = s.window(off, int(n), size)
		}
		if err != nil {
			return off, err
		}
		if i := bytes.Index(b, magic); i >= 0 {
			return off + int64(i), nil
		}
		off += n - int64(len(magic)) + 1
	}
	return size, nil
}

// window returns n bytes of the file from off on; no byte from size on is
// looked at. Where the file is shorter than that the error is io.EOF.
func (s *scanner) window(off int64, n int, size int64) ([]byte, error) {
	if skip := off - s.base; skip >= 0 && skip+int64(n) <= int64(len(s.buf)) {
		return s.buf[skip:][:n], nil
	}
	want := int(min(max(int64(n), windowSize), size-off))
	if want > cap(s.buf) || cap(s.buf) > windowSize && want <= windowSize {
		s.buf = make([]byte, max(want, min(windowSize, int(size))))
	}
	got, err := s.f.ReadAt(s.buf[:want], off)
	s.buf, s.base = s.buf[:got], off
	if got >= n {
		return s.buf[:n], nil
	}
	if err == nil {
		err = io.EOF
	}
	return nil, err
}

// read makes the scanner read another file; nil is none.
func (s *scanner) read(f file) {
	if s.f != nil {
		s.f.Close()
	}
	s.f, s.buf = f, s.buf[:0]
}
