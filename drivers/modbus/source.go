package modbus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"plantroom/agent"
	"plantroom/config"
)

// relearnAfter is how long what a device refused is left out before it is
// asked for again.
const relearnAfter = time.Hour

// A Source is one unit on a wire: it implements agent.Source. Like its wire it
// is owned by the bus's goroutine.
type Source struct {
	device  *agent.Device
	wire    *Wire
	unit    byte
	profile *config.ModbusProfile
	timeout time.Duration
	log     *slog.Logger
	limits  limits
	closed  bool

	// What the profile compiles to; for a SunSpec device, once its map is known.
	known   bool
	chains  [][]field // the fields of one metric and channel, in the order of the profile
	spans   []*span
	batches []*batch
	first   int // the batch that a poll begins with

	// What has been learnt about the device.
	refused  bool      // something is left out or read apart
	learnt   time.Time // when that was found
	line     int       // the wire's connection at that time
	heard    [5]bool   // by address space: it has answered something there
	failed   bool      // the last poll got no answer
	reported map[spanKey]bool
	culprits []*span // found in this poll
	why      error   // what the device said to the last of them

	// SunSpec.
	models    []model
	headers   []header
	mapped    int // the wire's connection when the map was found
	candidate int // where the search begins
	noMap     bool

	families []family
}

type spanKey struct {
	space      config.Space
	address, n int
}

// NewSource returns the source for the unit on w that d is. It asks nothing.
// Timeout is that of one request.
func NewSource(d *agent.Device, w *Wire, unit int, p *config.ModbusProfile, timeout time.Duration) *Source {
	s := &Source{device: d, wire: w, unit: byte(unit), profile: p, timeout: timeout, log: w.log,
		limits: limits{p.MaxRegisters, p.MaxBits, p.Gap}, reported: make(map[spanKey]bool)}
	w.users++
	if p.SunSpec == nil {
		s.compile()
	}
	return s
}

// compile makes fields, spans and batches of the profile's points, with what
// is known of the device's SunSpec models and its families. Points that were
// there before stay the same.
func (s *Source) compile() {
	before := make(map[agent.Point]*agent.Point)
	for _, c := range s.chains {
		for _, f := range c {
			before[*f.point] = f.point
		}
	}
	spans := make(map[spanKey]*span)
	s.spans, s.headers = nil, nil
	size := 0
	need := func(v config.ModbusValue, base int) (*span, codec) {
		c := newCodec(v)
		k := spanKey{v.Space, base + v.Address, c.registers}
		sp := spans[k]
		if sp == nil {
			sp = &span{space: k.space, address: k.address, n: k.n}
			spans[k] = sp
			s.spans = append(s.spans, sp)
			size += c.size
		}
		return sp, c
	}
	type key struct {
		metric  *agent.Metric
		channel string
	}
	var keys []key
	chains := make(map[key][]field)
	watched := make(map[int]bool)
	families := make([]family, len(s.profile.Families))
	for i, f := range s.profile.Families {
		families[i] = family{kind: f, is: s.isOf(f)}
		for _, r := range f.Rules {
			sp, _ := need(r.Value, 0)
			families[i].spans = append(families[i].spans, sp)
		}
	}
	s.families = families
	// What a poll walks through lies side by side.
	points := make([]agent.Point, 0, len(s.profile.Points))
	fields := make([]field, 0, len(s.profile.Points))
	for i := range s.profile.Points {
		p := &s.profile.Points[i]
		if p.Families != nil && !slices.ContainsFunc(p.Families, s.isOf) {
			continue
		}
		base := 0
		if s.profile.SunSpec != nil && p.Models != nil {
			m, ok := s.modelOf(p)
			if !ok {
				continue
			}
			base = m.address
			if !watched[base] {
				watched[base] = true
				h := config.ModbusValue{Space: p.Value.Space, Type: "u32", BitHigh: -1}
				sp, _ := need(h, base)
				s.headers = append(s.headers, header{sp, m})
			}
		}
		var f field
		f.span, f.codec = need(p.Value, base)
		f.conv = newConversion(p.Metric, f.codec, p.Conversion)
		if p.ScaleRegister != nil {
			var c codec
			f.scale, c = need(*p.ScaleRegister, base)
			f.order = c.order
		}
		point := agent.Point{Device: s.device, Metric: p.Metric, Channel: p.Channel, ChannelName: p.ChannelName,
			Source: fmt.Sprintf("%s:%d", spaceName(p.Value.Space), f.span.address)}
		if f.point = before[point]; f.point == nil {
			points = append(points, point)
			f.point = &points[len(points)-1]
		}
		k := key{p.Metric, p.Channel}
		if chains[k] == nil {
			keys = append(keys, k)
		}
		chains[k] = append(chains[k], f)
	}
	s.chains = make([][]field, len(keys))
	for i, k := range keys {
		n := len(fields)
		fields = append(fields, chains[k]...)
		s.chains[i] = fields[n:len(fields):len(fields)]
	}
	image := make([]byte, size)
	for _, sp := range s.spans {
		n := 2 * sp.n
		if bits(sp.space) {
			n = 1
		}
		sp.data, image = image[:n:n], image[n:]
	}
	s.known = true
	s.forget()
}

// forget drops what was learnt from refusals: the next poll asks for all.
func (s *Source) forget() {
	for _, sp := range s.spans {
		sp.gone, sp.unused = false, false
	}
	for _, c := range s.chains {
		for i := range c {
			c[i].out, c[i].absent = false, false
		}
	}
	s.batches, s.first, s.refused = plan(s.spans, s.limits), 0, false
}

// Poll asks for everything in as few reads as the device allows. What a device
// does not answer, and when that is an error, stands in the package comment.
func (s *Source) Poll(ctx context.Context, dst []agent.Reading) ([]agent.Reading, error) {
	if s.refused && time.Since(s.learnt) > relearnAfter {
		s.forget()
	}
	if !s.known {
		if err := s.discover(ctx); err != nil {
			return s.fail(dst, err), err
		}
		if !s.known {
			return dst, nil
		}
	}
	if err := s.ask(ctx); err != nil {
		return s.fail(dst, err), err
	}
	s.report()
	if s.sort() {
		s.compile()
		if err := s.ask(ctx); err != nil {
			return s.fail(dst, err), err
		}
		s.report()
	}
	s.checkHeaders()
	dst = s.emit(dst)
	if s.failed {
		s.failed = false
		if s.refused && s.wire.lines != s.line {
			s.forget()
		}
	}
	return dst, nil
}

// fail appends the Bad readings of a device that answered nothing.
func (s *Source) fail(dst []agent.Reading, err error) []agent.Reading {
	s.failed = true
	for _, b := range s.batches {
		b.fail(err)
		b.rest = 0
	}
	return s.emit(dst)
}

// ask sends the reads of one poll and leaves in each span what came of it. An
// error means that the device answered nothing.
func (s *Source) ask(ctx context.Context) error {
	if len(s.batches) == 0 {
		return s.Probe(ctx)
	}
	var (
		answered bool
		lost     error      // why the rest is not tried
		lastMiss *batch     // the last read without an answer
		parts    [][]*batch // instead of the batches that were refused; nil when none was
		doubted  []int      // the batches of which it may not know the function
		without  bool       // there is an address space that it does not have
	)
	halve := func(at int, why error) {
		if parts == nil {
			parts = make([][]*batch, len(s.batches))
		}
		h := s.halve(ctx, s.batches[at], why)
		parts[at], lost = h.join(s.batches[at]), h.err
	}
	for i := range s.batches {
		at := (s.first + i) % len(s.batches)
		b := s.batches[at]
		switch {
		case lost != nil:
			b.fail(lost)
			continue
		case b.rest > 0:
			b.rest--
			continue // its spans keep the error
		}
		err := s.read(ctx, b)
		switch {
		case err == nil:
			answered = true
			b.misses = 0
		case s.refuses(b.space, err):
			answered = true
			halve(at, err)
		case unknownFunction(err):
			answered = true
			doubted = append(doubted, at)
			b.fail(err)
		case !unanswered(err):
			answered = true
			b.fail(err)
		case !answered:
			if timedOut(err) {
				s.first = (s.first + 1) % len(s.batches)
			}
			return err
		case timedOut(err) && lastMiss == nil:
			lastMiss = b
			b.misses = min(b.misses+1, 6)
			b.rest = 1<<b.misses - 1
			b.fail(err)
		default:
			if lastMiss != nil { // it was not alone in this
				lastMiss.misses, lastMiss.rest = 0, 0
			}
			lost = err
			b.fail(err)
		}
	}
	for _, at := range doubted {
		b := s.batches[at]
		switch why := b.spans[0].err; {
		case lost != nil:
		case s.heard[b.space]:
			halve(at, why)
		default:
			without = true
			s.lose(b.space, why)
		}
	}
	if parts != nil {
		s.replace(parts)
	}
	if without {
		s.batches, s.first = prune(s.batches, s.limits), 0
	}
	return nil
}

// refuses reports whether err is the device's word that it does not have all
// that was asked for in an address space. Some say that they do not know the
// function, and mean the registers: GenComm has it so for those that it reserves.
func (s *Source) refuses(space config.Space, err error) bool {
	return refused(err) || s.heard[space] && unknownFunction(err)
}

// read sends one read and fills the batch's spans.
func (s *Source) read(ctx context.Context, b *batch) error {
	data, err := s.wire.read(ctx, s.unit, s.timeout, b.space, b.address, b.n)
	if err == nil || refused(err) {
		s.heard[b.space] = true
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", describe(b.space, b.address, b.n), err)
	}
	b.fill(data)
	return nil
}

// replace puts the parts of refused batches in their place.
func (s *Source) replace(parts [][]*batch) {
	var all []*batch
	for i, b := range s.batches {
		if parts[i] == nil {
			all = append(all, b)
			continue
		}
		all = append(all, parts[i]...)
	}
	for _, b := range all {
		b.rest = 0
	}
	s.batches, s.first = all, 0
	s.remember()
}

// remember notes that something is left out, or read in parts, from now on.
func (s *Source) remember() {
	if !s.refused {
		s.refused, s.learnt, s.line = true, time.Now(), s.wire.lines
	}
}

// lose leaves out an address space that the device does not know.
func (s *Source) lose(space config.Space, why error) {
	for _, sp := range s.spans {
		if sp.space == space && !sp.gone && !sp.unused {
			s.exclude(sp, why)
		}
	}
	s.remember()
}

// exclude leaves out a span that the device does not have.
func (s *Source) exclude(sp *span, why error) {
	sp.gone = true
	k := spanKey{sp.space, sp.address, sp.n}
	if !s.reported[k] {
		s.reported[k] = true
		s.culprits, s.why = append(s.culprits, sp), why
	}
}

// report logs the spans that were excluded in this poll for the first time.
func (s *Source) report() {
	if s.culprits == nil {
		return
	}
	var names []string
	for _, sp := range s.culprits {
		name := describe(sp.space, sp.address, sp.n)
		for _, c := range s.chains {
			for i := range c {
				if c[i].span == sp || c[i].scale == sp {
					name += " " + strings.TrimSpace(c[i].point.Metric.Name+" "+c[i].point.Channel)
				}
			}
		}
		names = append(names, name)
	}
	s.log.Warn("the device does not have all that its profile names; left out from now on",
		"device", s.device.ID, "left_out", strings.Join(names, ", "), "err", s.why)
	s.culprits, s.why = nil, nil
}

// halves is what became of a batch that was refused, or of a part of it.
type halves struct {
	parts []*batch // what is left to be read, in order
	apart []bool   // whether parts[i] must not be joined with parts[i-1]
	whole bool     // it could be read as it was
	head  bool     // its first span is gone
	tail  bool     // its last span is gone
	err   error    // the device fell silent; what was not read has failed
}

// halve reads the parts of b, which the device refused because of why, down to
// the single span.
func (s *Source) halve(ctx context.Context, b *batch, why error) halves {
	if len(b.spans) == 1 {
		s.exclude(b.spans[0], why)
		return halves{head: true, tail: true}
	}
	left, right := b.split()
	l := s.part(ctx, left)
	if l.err != nil {
		right.fail(l.err)
		l.parts, l.apart = append(l.parts, right), append(l.apart, false)
		return l
	}
	r := s.part(ctx, right)
	h := halves{parts: append(l.parts, r.parts...), apart: append(l.apart, r.apart...), head: l.head, tail: r.tail, err: r.err}
	if len(r.parts) > 0 {
		// Two halves that can be read, and not together: the cut between
		// them is what the device refuses.
		h.apart[len(l.parts)] = l.whole && r.whole || l.tail || r.head
	}
	return h
}

func (s *Source) part(ctx context.Context, b *batch) halves {
	err := s.read(ctx, b)
	switch {
	case s.refuses(b.space, err):
		return s.halve(ctx, b, err)
	case unanswered(err):
		b.fail(err)
		return halves{parts: []*batch{b}, apart: []bool{false}, err: err}
	case err != nil:
		b.fail(err)
	}
	return halves{parts: []*batch{b}, apart: []bool{false}, whole: true}
}

// join puts the parts of b together again where nothing speaks against it, so
// that the search for one culprit does not leave many small reads behind.
func (h halves) join(b *batch) []*batch {
	joined := []*batch{}
	for i, p := range h.parts {
		if i == 0 || h.apart[i] || b.rejoined {
			p.rejoined = b.rejoined
			joined = append(joined, p)
			continue
		}
		last := len(joined) - 1
		p = newBatch(append(joined[last].spans[:len(joined[last].spans):len(joined[last].spans)], p.spans...))
		p.rejoined = true
		joined[last] = p
	}
	return joined
}

// emit appends what the poll has found. Of each chain the first field with a
// value counts; of a state it is the first with a word.
func (s *Source) emit(dst []agent.Reading) []agent.Reading {
	trimmed := false
	for _, chain := range s.chains {
		if chain[0].conv.state {
			dst = state(dst, chain)
			continue
		}
		var bad agent.Reading
	fields:
		for i := range chain {
			f := &chain[i]
			if f.gone() {
				continue
			}
			if err := f.err(); err != nil {
				if bad.Point == nil && !f.absent {
					bad = f.point.Failed(err)
				}
				continue
			}
			dst = append(dst, agent.Reading{})
			n := len(dst) - 1
			f.absent = !f.decode(&dst[n])
			switch {
			case f.absent:
				dst = dst[:n]
			case dst[n].Quality == agent.Bad:
				if bad.Point == nil {
					bad = dst[n]
				}
				dst = dst[:n]
			default:
				bad = agent.Reading{}
				for j := i + 1; j < len(chain); j++ {
					trimmed = trimmed || !chain[j].out
					chain[j].out = true
				}
				break fields
			}
		}
		if bad.Point != nil {
			dst = append(dst, bad)
		}
	}
	if trimmed {
		s.trim()
	}
	return dst
}

// state appends what the fields of a state say together.
func state(dst []agent.Reading, chain []field) []agent.Reading {
	var point *agent.Point // of the first that the device has
	var unmapped agent.Reading
	for i := range chain {
		f := &chain[i]
		if f.gone() {
			continue
		}
		if point == nil {
			point = f.point
		}
		if err := f.err(); err != nil {
			if f.absent {
				continue
			}
			return append(dst, point.Failed(err))
		}
		var r agent.Reading
		if f.absent = !f.decode(&r); f.absent {
			continue
		}
		r.Point = point
		if r.Quality == agent.Bad || r.Value != 0 {
			return append(dst, r)
		}
		if unmapped.Point == nil {
			unmapped = r
		}
	}
	if unmapped.Point != nil {
		dst = append(dst, unmapped)
	}
	return dst
}

// trim stops reading what no field needs any more.
func (s *Source) trim() {
	for _, sp := range s.spans {
		sp.unused = true
	}
	for _, h := range s.headers {
		h.span.unused = false
	}
	for _, f := range s.families {
		for _, sp := range f.spans {
			sp.unused = false
		}
	}
	for _, c := range s.chains {
		for i := range c {
			if f := &c[i]; !f.gone() {
				f.span.unused = false
				if f.scale != nil {
					f.scale.unused = false
				}
			}
		}
	}
	s.batches, s.first = prune(s.batches, s.limits), 0
}

// Probe asks for the first value that a poll would ask for. Any answer will
// do, a refusal too; one in which a gateway says that the device is silent
// will not.
func (s *Source) Probe(ctx context.Context) error {
	space, address, n := config.Holding, 0, 1
	switch {
	case len(s.batches) > 0:
		sp := s.batches[s.first].spans[0]
		space, address, n = sp.space, sp.address, sp.n
	case len(s.spans) > 0:
		space, address, n = s.spans[0].space, s.spans[0].address, s.spans[0].n
	case len(s.profile.SunSpec) > 0:
		space, address = s.sunspecSpace(), s.profile.SunSpec[s.candidate]
	}
	_, err := s.wire.read(ctx, s.unit, s.timeout, space, address, n)
	if unanswered(err) {
		return fmt.Errorf("read %s: %w", describe(space, address, n), err)
	}
	return nil
}

// Close gives the wire up; the last source on it closes the connection.
func (s *Source) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	if s.wire.users--; s.wire.users > 0 {
		return nil
	}
	return s.wire.Close()
}

var errMoved = errors.New("the device's SunSpec map has changed; it is read anew")
