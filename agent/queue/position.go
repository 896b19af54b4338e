package queue

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
)

// The position is a file of two slots, one in each of the first two sectors,
// written in turn so that a torn one leaves the other:
//
//	 0             4             8                           16                          24
//	+-------------+-------------+---------------------------+---------------------------+
//	| ff 'p' 'q' 2| CRC-32C     | how many times it was     | number of the block that  |
//	|             | of the rest | written, little endian    | comes next                |
//	+-------------+-------------+---------------------------+---------------------------+
//
// What was written last counts. A position is in the operating system when set
// returns. It is the reader's.
type position struct {
	f     file
	turns uint64
}

const (
	slotSize   = 24
	sectorSize = 512
)

var positionMagic = []byte{0xff, 'p', 'q', 2}

// openPosition opens the file and returns the number in it, 0 for none.
func openPosition(fs files, name string) (*position, uint64, error) {
	f, err := fs.open(name, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, 0, err
	}
	p, number := &position{f: f}, uint64(0)
	for slot := range int64(2) {
		var b [slotSize]byte
		f.ReadAt(b[:], slot*sectorSize) // a slot that cannot be read is one that is not there
		if turns, n, ok := parseSlot(b[:]); ok && turns > p.turns {
			p.turns, number = turns, n
		}
	}
	return p, number, nil
}

func appendSlot(dst []byte, turns, number uint64) []byte {
	start := len(dst)
	dst = append(dst, positionMagic...)
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint64(dst, turns)
	dst = binary.LittleEndian.AppendUint64(dst, number)
	binary.LittleEndian.PutUint32(dst[start+4:], crc32.Checksum(dst[start+8:], castagnoli))
	return dst
}

func parseSlot(b []byte) (turns, number uint64, ok bool) {
	turns, number = binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])
	return turns, number, bytes.Equal(b[:4], positionMagic) && turns < maxNumber && number < maxNumber &&
		binary.LittleEndian.Uint32(b[4:]) == crc32.Checksum(b[8:slotSize], castagnoli)
}

func (p *position) set(number uint64) error {
	var b [slotSize]byte
	next := p.turns + 1
	if _, err := p.f.WriteAt(appendSlot(b[:0], next, number), int64(next%2)*sectorSize); err != nil {
		return err
	}
	p.turns = next
	return nil
}
