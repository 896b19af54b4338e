package trend

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// A bucket is what n readings come to; without any it is a gap.
type bucket struct {
	min, mean, max float32
	n              uint32
}

func (b *bucket) add(v float32, last bool) {
	if b.n++; b.n == 1 || last {
		b.min, b.mean, b.max = v, v, v
		return
	}
	b.min, b.max = min(b.min, v), max(b.max, v)
	b.mean += (v - b.mean) / float32(b.n)
}

// A ring is the newest blocks of a point. Blocks are counted since 1970; the
// ring holds the open one and, encoded, those before it.
type ring struct {
	open   int64
	used   bool
	now    [perBlock]bucket
	closed [][]byte // block i at i modulo their number; nil is all gaps
}

func newRing(blocks int) ring { return ring{closed: make([][]byte, blocks)} }

// holds reports whether block b is one of the closed ones.
func (r *ring) holds(b int64) bool { return r.used && b < r.open && b >= r.open-int64(len(r.closed)) }

func (r *ring) at(b int64) *[]byte {
	n := int64(len(r.closed))
	return &r.closed[b-floorDiv(b, n)*n]
}

func (r *ring) add(t time.Time, step time.Duration, v float32, last bool) {
	i := bucketAt(t, step)
	b := floorDiv(i, perBlock)
	if !r.used || b != r.open {
		r.turn(b)
	}
	r.now[i-b*perBlock].add(v, last)
}

// turn makes b the open block. What the ring holds of a time after it, since
// the clock has been set back, is forgotten.
func (r *ring) turn(b int64) {
	n := int64(len(r.closed))
	switch {
	case !r.used || b-r.open > n || r.open-b > n:
		clear(r.closed)
		clear(r.now[:])
	case b > r.open:
		*r.at(r.open) = encode(&r.now)
		for gap := r.open + 1; gap < b; gap++ {
			*r.at(gap) = nil
		}
		clear(r.now[:])
	default:
		decode(*r.at(b), &r.now)
		for later := b; later < r.open; later++ {
			*r.at(later) = nil
		}
	}
	r.open, r.used = b, true
}

// block puts block b into to.
func (r *ring) block(b int64, to *[perBlock]bucket) {
	switch {
	case r.used && b == r.open:
		*to = r.now
	case r.holds(b):
		decode(*r.at(b), to)
	default:
		clear(to[:])
	}
}

// The lengths that an encoded block can have.
const (
	constantLen = 4
	variedLen   = 8 + perBlock*6
)

// encode returns a block's bytes, little endian:
//
//	nothing                                            all gaps
//	value float32                                      all buckets hold just this value
//	least, greatest float32; min, mean, max uint16...  0 for a gap, else 1 + its share of 65534 between the two
func encode(block *[perBlock]bucket) []byte {
	lo, hi := float32(math.Inf(1)), float32(math.Inf(-1))
	n := 0
	for i := range block {
		if b := &block[i]; b.n > 0 {
			n++
			lo, hi = min(lo, b.min), max(hi, b.max)
		}
	}
	switch {
	case n == 0:
		return nil
	case n == perBlock && lo == hi:
		return binary.LittleEndian.AppendUint32(nil, math.Float32bits(lo))
	}
	dst := make([]byte, 0, variedLen)
	dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(lo))
	dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(hi))
	scale := 0.0
	if hi > lo {
		scale = steps / (float64(hi) - float64(lo))
	}
	for i := range block {
		for _, v := range [3]float32{block[i].min, block[i].mean, block[i].max} {
			q := uint16(0)
			if block[i].n > 0 {
				// The mean of equal values may be rounded out of their range.
				q = 1 + uint16(min(steps, max(0, math.Round((float64(v)-float64(lo))*scale))))
			}
			dst = binary.LittleEndian.AppendUint16(dst, q)
		}
	}
	return dst
}

const steps = 65534.0

// decode puts an encoded block into to.
func decode(src []byte, to *[perBlock]bucket) {
	clear(to[:])
	switch len(src) {
	case 0:
	case constantLen:
		v := math.Float32frombits(binary.LittleEndian.Uint32(src))
		for i := range to {
			to[i] = bucket{v, v, v, 1}
		}
	default:
		lo, hi := float64(math.Float32frombits(binary.LittleEndian.Uint32(src))), float64(math.Float32frombits(binary.LittleEndian.Uint32(src[4:])))
		value := func(i int) float32 {
			return float32(lo + (hi-lo)*float64(binary.LittleEndian.Uint16(src[i:])-1)/steps)
		}
		for i := range to {
			at := 8 + 6*i
			if binary.LittleEndian.Uint16(src[at:]) > 0 {
				to[i] = bucket{value(at), value(at + 2), value(at + 4), 1}
			}
		}
	}
}

// sound says what is wrong with bytes that ought to be an encoded block.
func sound(src []byte) error {
	var bounds [2]float32
	switch len(src) {
	case 0:
		return nil
	case constantLen:
		bounds[0] = math.Float32frombits(binary.LittleEndian.Uint32(src))
		bounds[1] = bounds[0]
	case variedLen:
		bounds[0] = math.Float32frombits(binary.LittleEndian.Uint32(src))
		bounds[1] = math.Float32frombits(binary.LittleEndian.Uint32(src[4:]))
		for at := 8; at < len(src); at += 6 {
			low, mean, high := binary.LittleEndian.Uint16(src[at:]), binary.LittleEndian.Uint16(src[at+2:]), binary.LittleEndian.Uint16(src[at+4:])
			if low > mean || mean > high || low == 0 && high != 0 {
				return fmt.Errorf("a bucket's values are %d, %d, %d, which are not in order", low, mean, high)
			}
		}
	default:
		return fmt.Errorf("a block has %d bytes; 0, %d and %d are possible", len(src), constantLen, variedLen)
	}
	if bounds[0] > bounds[1] || math.IsInf(float64(bounds[0]), 0) || math.IsInf(float64(bounds[1]), 0) || bounds[0] != bounds[0] || bounds[1] != bounds[1] {
		return fmt.Errorf("a block spans %g to %g", bounds[0], bounds[1])
	}
	return nil
}
