package modbus

import (
	"cmp"
	"fmt"
	"slices"

	"plantroom/config"
)

// A span is the registers or bits of one value. Several points may decode the
// same span.
type span struct {
	space   config.Space
	address int
	n       int    // registers; 1 for a bit
	data    []byte // what the last read brought: two bytes a register, one (0 or 1) for a bit
	err     error  // why data is not of this poll; nil when it is
	gone    bool   // the device does not have it
	unused  bool   // nothing needs it any more
}

func (s *span) end() int { return s.address + s.n }

func bits(space config.Space) bool { return space == config.Coil || space == config.Discrete }

func spaceName(space config.Space) string {
	switch space {
	case config.Coil:
		return "coil"
	case config.Discrete:
		return "discrete"
	case config.Input:
		return "input"
	}
	return "holding"
}

// describe names what a read covers: "holding 0x0BD3..0x0BDB".
func describe(space config.Space, address, n int) string {
	if n == 1 {
		return fmt.Sprintf("%s 0x%04X", spaceName(space), address)
	}
	return fmt.Sprintf("%s 0x%04X..0x%04X", spaceName(space), address, address+n-1)
}

// A batch is the spans that one read brings, sorted by address.
type batch struct {
	spans   []*span
	space   config.Space
	address int
	n       int

	rejoined bool // put together again after a refusal; if it is refused as well, its parts stay apart
	misses   int  // polls in a row in which it alone got no answer
	rest     int  // polls to leave it out of
}

func newBatch(spans []*span) *batch {
	b := &batch{spans: spans, space: spans[0].space, address: spans[0].address}
	for _, s := range spans {
		b.n = max(b.n, s.end()-b.address)
	}
	return b
}

// fill gives the batch's spans the bytes that its read brought.
func (b *batch) fill(data []byte) {
	if bits(b.space) {
		for _, s := range b.spans {
			i := s.address - b.address
			s.data[0] = data[i/8] >> (i % 8) & 1
			s.err = nil
		}
		return
	}
	for _, s := range b.spans {
		copy(s.data, data[2*(s.address-b.address):])
		s.err = nil
	}
}

func (b *batch) fail(err error) {
	for _, s := range b.spans {
		s.err = err
	}
}

// split cuts a batch of several spans in two, neither empty: where it reads
// something unused, as near the middle as that is, else in the middle.
func (b *batch) split() (*batch, *batch) {
	middle, cut, gap := b.address+b.n/2, 0, false
	off := func(i int) int { return max(b.spans[i].address-middle, middle-b.spans[i].address) }
	end := b.spans[0].end()
	for i := 1; i < len(b.spans); i++ {
		unused := b.spans[i].address > end
		if cut == 0 || unused && !gap || unused == gap && off(i) < off(cut) {
			cut, gap = i, unused
		}
		end = max(end, b.spans[i].end())
	}
	return newBatch(b.spans[:cut:cut]), newBatch(b.spans[cut:])
}

// limits are what one read may cover.
type limits struct{ registers, bits, gap int }

// plan packs spans into as few batches as the limits allow. Spans are not
// split; one that is longer than the limit is read alone.
func plan(spans []*span, l limits) []*batch {
	spans = slices.Clone(spans)
	slices.SortStableFunc(spans, func(a, b *span) int {
		return cmp.Or(cmp.Compare(a.space, b.space), cmp.Compare(a.address, b.address), cmp.Compare(a.n, b.n))
	})
	var batches []*batch
	first, end := 0, 0
	for i, s := range spans {
		limit := l.registers
		if bits(s.space) {
			limit = l.bits
		}
		if i > first {
			f := spans[first]
			if s.space != f.space || s.address-end > l.gap || max(end, s.end())-f.address > limit {
				batches = append(batches, newBatch(spans[first:i:i]))
				first, end = i, 0
			}
		}
		end = max(end, s.end())
	}
	if first < len(spans) {
		batches = append(batches, newBatch(spans[first:]))
	}
	return batches
}

// prune takes the spans that are gone or unused out of the batches, without
// joining what has been learnt to be apart. No batch rests any more.
func prune(batches []*batch, l limits) []*batch {
	var kept []*batch
	for _, b := range batches {
		left := slices.DeleteFunc(slices.Clone(b.spans), func(s *span) bool { return s.gone || s.unused })
		if len(left) == len(b.spans) {
			b.rest = 0
			kept = append(kept, b)
			continue
		}
		for _, p := range plan(left, l) {
			p.rejoined = b.rejoined
			kept = append(kept, p)
		}
	}
	return kept
}
