package modbus

import (
	"math/rand/v2"
	"slices"
	"testing"

	"plantroom/config"
)

// checkPlan fails the test where batches are no plan for spans: each span in
// exactly one batch, whole, sorted; no batch over a limit or across a gap that
// is too wide.
func checkPlan(t *testing.T, spans []*span, batches []*batch, l limits) {
	t.Helper()
	seen := make(map[*span]int)
	for _, b := range batches {
		limit := l.registers
		if bits(b.space) {
			limit = l.bits
		}
		if b.n > limit && len(b.spans) > 1 {
			t.Errorf("a read of %d; the limit is %d", b.n, limit)
		}
		end := b.address
		for i, s := range b.spans {
			seen[s]++
			if s.space != b.space || s.address < b.address || s.end() > b.address+b.n {
				t.Errorf("%s is outside its read %s", describe(s.space, s.address, s.n), describe(b.space, b.address, b.n))
			}
			if i > 0 && s.address < b.spans[i-1].address {
				t.Errorf("not sorted at %d", s.address)
			}
			if s.address-end > l.gap {
				t.Errorf("%d unused before %d; at most %d are allowed", s.address-end, s.address, l.gap)
			}
			end = max(end, s.end())
		}
		if end != b.address+b.n || b.spans[0].address != b.address {
			t.Errorf("%s reads more than it needs", describe(b.space, b.address, b.n))
		}
	}
	for _, s := range spans {
		if seen[s] != 1 {
			t.Errorf("%s is read %d times", describe(s.space, s.address, s.n), seen[s])
		}
	}
	for i, b := range batches[:max(0, len(batches)-1)] {
		next := batches[i+1]
		if b.space != next.space {
			continue
		}
		limit := l.registers
		if bits(b.space) {
			limit = l.bits
		}
		if s := next.spans[0]; s.address-(b.address+b.n) <= l.gap && max(s.end(), b.address+b.n)-b.address <= limit {
			t.Errorf("%s and %s could have been one read", describe(b.space, b.address, b.n), describe(next.space, next.address, next.n))
		}
	}
}

func randomSpans(r *rand.Rand, l limits) []*span {
	var spans []*span
	for range r.IntN(80) {
		s := &span{space: config.Space(1 + r.IntN(4)), address: r.IntN(400), n: 1}
		if r.IntN(10) == 0 {
			s.address = 65535 - r.IntN(20)
		}
		if !bits(s.space) {
			s.n = 1 + r.IntN(min(8, l.registers))
			s.address = min(s.address, 65536-s.n)
		}
		spans = append(spans, s)
	}
	return spans
}

func TestPlanProperties(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		l := limits{registers: 1 + r.IntN(125), bits: 1 + r.IntN(2000), gap: r.IntN(20)}
		spans := randomSpans(r, l)
		batches := plan(spans, l)
		checkPlan(t, spans, batches, l)
		for _, b := range batches {
			if len(b.spans) < 2 {
				continue
			}
			x, y := b.split()
			if got := slices.Concat(x.spans, y.spans); !slices.Equal(got, b.spans) || len(x.spans) == 0 || len(y.spans) == 0 {
				t.Errorf("split loses spans")
			}
		}
		for _, s := range spans {
			s.gone = r.IntN(4) == 0
		}
		left := slices.DeleteFunc(slices.Clone(spans), func(s *span) bool { return s.gone })
		seen := 0
		for _, b := range prune(batches, l) {
			seen += len(b.spans)
		}
		if seen != len(left) {
			t.Errorf("pruning leaves %d spans; want %d", seen, len(left))
		}
		if t.Failed() {
			t.Fatalf("with seed %d: %+v", seed, l)
		}
	}
}

func TestPlan(t *testing.T) {
	at := func(space config.Space, address, n int) *span { return &span{space: space, address: address, n: n} }
	l := limits{registers: 10, bits: 16, gap: 2}
	var got []string
	for _, b := range plan([]*span{
		at(config.Holding, 20, 2), at(config.Holding, 0, 2), at(config.Holding, 4, 2), at(config.Holding, 9, 1),
		at(config.Input, 0, 1), at(config.Coil, 0, 1), at(config.Coil, 15, 1), at(config.Coil, 2, 1), at(config.Holding, 22, 8), at(config.Holding, 30, 1),
	}, l) {
		got = append(got, describe(b.space, b.address, b.n))
	}
	want := []string{"coil 0x0000..0x0002", "coil 0x000F", "holding 0x0000..0x0005", "holding 0x0009",
		"holding 0x0014..0x001D", "holding 0x001E", "input 0x0000"}
	if !slices.Equal(got, want) {
		t.Errorf("reads\n%q\nwant\n%q", got, want)
	}
}

func TestSplitGoesForTheGapNearestTheMiddle(t *testing.T) {
	var spans []*span
	for _, a := range []int{0, 2, 3, 4, 5, 7, 8} { // gaps before 2 and before 7
		spans = append(spans, &span{space: config.Holding, address: a, n: 1})
	}
	a, b := newBatch(spans).split()
	if a.n != 1 || b.address != 2 {
		t.Errorf("split into %s and %s", describe(a.space, a.address, a.n), describe(b.space, b.address, b.n))
	}
	a, b = newBatch(spans[1:5]).split()
	if a.n != 2 || b.n != 2 {
		t.Errorf("without gaps, split into %d and %d", a.n, b.n)
	}
}
