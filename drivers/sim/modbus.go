package sim

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"plantroom/agent"
	"plantroom/config"
)

// A Server answers for simulated devices on one socket, until it is closed.
type Server struct {
	address  string
	requests *atomic.Uint64
	close    func() error
}

// Addr returns the address that the server listens on, host:port.
func (s *Server) Addr() string { return s.address }

// Requests returns how many requests the server has had so far.
func (s *Server) Requests() uint64 { return s.requests.Load() }

// Close stops the server and returns when its goroutines have ended.
func (s *Server) Close() error { return s.close() }

// A Unit is one Modbus device.
type Unit struct {
	Profile *config.Profile // with a register map
	Values  Values
	Family  string // of the profile's, that the device is of; "" for the first, if there is one
}

// families returns the family that the device was chosen to be of, nil for
// none, and all of which it then is.
func (u Unit) families() (chosen *config.ModbusFamily, all []*config.ModbusFamily) {
	for _, f := range u.Profile.Modbus.Families {
		if chosen == nil && (u.Family == "" || u.Family == f.Name) {
			chosen = f
		}
	}
	if chosen == nil {
		return nil, nil
	}
	holds := func(rule config.ModbusRule) bool {
		return slices.ContainsFunc(chosen.Rules, func(own config.ModbusRule) bool {
			if own.Value != rule.Value || own.Equals == nil {
				return own.Value == rule.Value && own.Match == rule.Match
			}
			return slices.Contains(rule.Equals, own.Equals[0])
		})
	}
	for _, f := range u.Profile.Modbus.Families {
		if !slices.ContainsFunc(f.Rules, func(rule config.ModbusRule) bool { return !holds(rule) }) {
			all = append(all, f)
		}
	}
	return chosen, all
}

// ServeModbus serves units by their unit ids at a TCP address; port 0 takes a
// free one. A unit id that is not there is answered as a gateway does, with
// exception 0x0B.
//
// A register exists when a point of the profile covers it or it lies in a hole
// that the profile allows reading across (gap); such a filler reads 0. Any
// other is refused with exception 2, and so is a read that touches a value
// which is missing and which the profile has no sentinel for.
//
// The library that clients are tested with has a server too, but one that
// cannot say which port it was given and that ends without waiting for its
// goroutines.
func ServeModbus(address string, units map[int]Unit) (*Server, error) {
	byID := make(map[byte]*registers)
	for id, u := range units {
		if id < 0 || id > 255 {
			return nil, fmt.Errorf("serve unit %d: ids are 0 to 255", id)
		}
		if u.Profile.Modbus == nil {
			return nil, fmt.Errorf("serve unit %d: profile %s has no register map", id, u.Profile.Name)
		}
		if chosen, _ := u.families(); chosen == nil && u.Family != "" {
			return nil, fmt.Errorf("serve unit %d: profile %s has no family %s", id, u.Profile.Name, u.Family)
		}
		byID[byte(id)] = layOut(u)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve modbus: %w", err)
	}
	s := &modbusServer{units: byID, open: make(map[net.Conn]bool)}
	s.running.Go(func() { s.accept(l) })
	return &Server{address: l.Addr().String(), requests: &s.requests, close: func() error {
		err := l.Close()
		s.hangUp()
		s.running.Wait()
		return err
	}}, nil
}

type modbusServer struct {
	requests atomic.Uint64
	units    map[byte]*registers
	running  sync.WaitGroup

	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
}

func (s *modbusServer) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		s.mu.Lock()
		if s.closed {
			c.Close()
		} else {
			s.open[c] = true
			s.running.Go(func() { s.serve(c) })
		}
		s.mu.Unlock()
	}
}

func (s *modbusServer) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.open {
		c.Close()
	}
}

// serve answers one connection's frames, in order:
//
//	transaction(2) protocol=0(2) length(2) | unit(1) function(1) data...
//
// where length counts what follows it.
func (s *modbusServer) serve(c net.Conn) {
	defer func() {
		c.Close()
		s.mu.Lock()
		delete(s.open, c)
		s.mu.Unlock()
	}()
	var frame [260]byte
	in := bufio.NewReader(c)
	for {
		if _, err := io.ReadFull(in, frame[:8]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint16(frame[4:]))
		if binary.BigEndian.Uint16(frame[2:]) != 0 || n < 2 || n > 254 {
			return
		}
		if _, err := io.ReadFull(in, frame[8:6+n]); err != nil {
			return
		}
		s.requests.Add(1)
		answer := s.answer(frame[:8:8], frame[7], frame[8:6+n])
		binary.BigEndian.PutUint16(answer[4:], uint16(len(answer)-6))
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// The exceptions of the Modbus application protocol that a Server gives.
const (
	illegalFunction  = 1
	illegalAddress   = 2
	illegalValue     = 3
	targetNoResponse = 0x0B
)

// answer appends the answer's data to the head of its frame.
func (s *modbusServer) answer(head []byte, function byte, data []byte) []byte {
	exception := func(code byte) []byte {
		head[7] = function | 0x80
		return append(head, code)
	}
	unit := s.units[head[6]]
	if unit == nil {
		return exception(targetNoResponse)
	}
	if function < 1 || function > 4 {
		return exception(illegalFunction)
	}
	if len(data) != 4 {
		return exception(illegalValue)
	}
	space := config.Space(function)
	first := int(binary.BigEndian.Uint16(data))
	count := int(binary.BigEndian.Uint16(data[2:]))
	most := 125
	if space == config.Coil || space == config.Discrete {
		most = 2000
	}
	if count < 1 || count > most {
		return exception(illegalValue)
	}
	var room [2000]uint16
	words := room[:count]
	if !unit.read(space, first, words) {
		return exception(illegalAddress)
	}
	if most == 125 {
		out := append(head, byte(2*count))
		for _, w := range words {
			out = binary.BigEndian.AppendUint16(out, w)
		}
		return out
	}
	out := append(head, byte((count+7)/8))
	for i := 0; i < count; i += 8 {
		var b byte
		for bit := 0; bit < 8 && i+bit < count; bit++ {
			b |= byte(words[i+bit]&1) << bit
		}
		out = append(out, b)
	}
	return out
}

// registers is a device's register map as a Server keeps it: fields by
// address, and the runs of addresses that can be read. It is immutable.
type registers struct {
	values   Values
	spaces   [5]space // by config.Space
	identity []field  // what the device is recognised by
}

type space struct {
	fields []field // sorted by address
	runs   []run   // sorted, with room between them
}

// A run is addresses that can be read in one request.
type run struct{ first, last int }

// A field is one value in registers.
type field struct {
	value    config.ModbusValue // Address is absolute
	metric   *agent.Metric      // nil for a constant
	channel  string
	conv     converter
	factor   float64 // of the scale register; 1 without one
	constant raw
}

func (f *field) last() int { return f.value.Address + f.value.Length - 1 }

// read fills words with the registers or bits from first on, and reports
// whether all of them can be read.
func (r *registers) read(where config.Space, first int, words []uint16) bool {
	for i := range r.identity {
		// Some devices have a code of their kind where a value is, for whoever
		// reads it alone.
		if v := &r.identity[i].value; v.Space == where && v.Address == first && v.Length == len(words) {
			return r.identity[i].encode(words, r.values)
		}
	}
	s := &r.spaces[where]
	last := first + len(words) - 1
	if !slices.ContainsFunc(s.runs, func(run run) bool { return run.first <= first && last <= run.last }) {
		return false
	}
	from, _ := slices.BinarySearchFunc(s.fields, first-widest, func(f field, address int) int { return f.value.Address - address })
	for i := from; i < len(s.fields) && s.fields[i].value.Address <= last; i++ {
		f := &s.fields[i]
		if f.last() < first {
			continue
		}
		var room [widest]uint16
		whole := room[:f.value.Length]
		if !f.encode(whole, r.values) {
			return false
		}
		for j, w := range whole {
			if at := f.value.Address + j - first; at >= 0 && at < len(words) {
				words[at] |= w
			}
		}
	}
	return true
}

// widest is the most registers that one value can take.
const widest = 125

// encode puts the field's value into words and reports whether it has one or
// can show that it has none.
func (f *field) encode(words []uint16, values Values) bool {
	if f.metric == nil {
		put(words, &f.value, f.constant)
		return true
	}
	value, ok := values.Value(f.metric, f.channel)
	if !ok {
		switch {
		case len(f.conv.absent) > 0:
			put(words, &f.value, raw{number: f.conv.absent[0]})
		case isFloat(&f.value):
			put(words, &f.value, raw{number: math.NaN()})
		default:
			return false
		}
		return true
	}
	r := f.conv.raw(value, f.factor, !isFloat(&f.value))
	if !r.isText {
		if f.conv.words == nil {
			r.number = fit(&f.value, r.number, f.conv.absent)
		}
		if f.value.Type == "string" {
			r = raw{text: fmt.Sprint(r.number), isText: true}
		}
	}
	put(words, &f.value, r)
	return true
}

// layOut turns a register map into fields. Where values of the profile lie on
// each other (two makers' revisions in one profile), the first has the place.
func layOut(u Unit) *registers {
	p := u.Profile.Modbus
	var l layout
	base := func(p *config.ModbusPoint) (int, bool) { return 0, true }
	if p.SunSpec != nil {
		base = l.sunSpec(p)
	}
	chosen, families := u.families()
	points := slices.DeleteFunc(slices.Clone(p.Points), func(point config.ModbusPoint) bool {
		return point.Families != nil && !slices.ContainsFunc(point.Families, func(f *config.ModbusFamily) bool { return slices.Contains(families, f) })
	})
	exponents := scaleExponents(points)
	for i := range points {
		point := &points[i]
		at, ok := base(point)
		if !ok {
			continue
		}
		conv := point.Conversion
		// Of several bits of a register that say the same the first is set.
		for _, before := range points[:i] {
			if before.Metric == point.Metric && before.Channel == point.Channel && conv.States != nil &&
				before.Value.Space == point.Value.Space && before.Value.Address == point.Value.Address {
				conv.States = maps.Clone(conv.States)
				maps.DeleteFunc(conv.States, func(_, word string) bool {
					return slices.Contains(slices.Collect(maps.Values(before.States)), word)
				})
			}
		}
		f := field{value: point.Value, metric: point.Metric, channel: point.Channel, conv: newConverter(point.Metric, conv), factor: 1}
		f.value.Address += at
		if s := point.ScaleRegister; s != nil {
			n := exponents[placeOf(s)]
			f.factor = math.Pow(10, float64(n))
			scale := field{value: *s, constant: raw{number: float64(n)}}
			scale.value.Address += at
			if !l.add(scale) {
				continue
			}
		}
		l.add(f)
	}

	r := &registers{values: u.Values}
	rules := u.Profile.Identify.Modbus
	if chosen != nil {
		rules = slices.Concat(rules, chosen.Rules)
	}
	for _, rule := range rules {
		f := field{value: rule.Value, constant: raw{text: example(rule.Match), isText: true}}
		if len(rule.Equals) > 0 {
			f.constant = raw{number: rule.Equals[0]}
		}
		r.identity = append(r.identity, f)
		l.add(f)
	}

	gap := p.Gap
	if p.SunSpec != nil {
		gap = math.MaxUint16 // models follow each other without holes
	}
	for s := range r.spaces {
		r.spaces[s] = l.space(config.Space(s), gap)
	}
	return r
}

// A layout collects fields that do not lie on each other.
type layout struct {
	fields []field
	taken  map[place][]*config.ModbusValue
}

type place struct {
	space   config.Space
	address int
}

func placeOf(v *config.ModbusValue) place { return place{v.Space, v.Address} }

// add takes a field unless another value is in its registers. Bit fields share
// registers, and the same constant may be named twice.
func (l *layout) add(f field) bool {
	for i := range f.value.Length {
		for _, other := range l.taken[place{f.value.Space, f.value.Address + i}] {
			if f.metric == nil && *other == f.value {
				return true
			}
			if f.value.BitHigh < 0 || other.BitHigh < 0 || other.Address != f.value.Address || other.Length != f.value.Length ||
				f.value.BitLow <= other.BitHigh && other.BitLow <= f.value.BitHigh {
				return false
			}
		}
	}
	if l.taken == nil {
		l.taken = make(map[place][]*config.ModbusValue)
	}
	l.fields = append(l.fields, f)
	for i := range f.value.Length {
		at := place{f.value.Space, f.value.Address + i}
		l.taken[at] = append(l.taken[at], &f.value)
	}
	return true
}

// space returns the fields of one address space and the runs they form with
// holes of up to gap addresses filled.
func (l *layout) space(which config.Space, gap int) space {
	var s space
	for _, f := range l.fields {
		if f.value.Space == which {
			s.fields = append(s.fields, f)
		}
	}
	slices.SortStableFunc(s.fields, func(a, b field) int { return a.value.Address - b.value.Address })
	for i := range s.fields {
		f := &s.fields[i]
		if n := len(s.runs); n > 0 && f.value.Address <= s.runs[n-1].last+1+gap {
			s.runs[n-1].last = max(s.runs[n-1].last, f.last())
		} else {
			s.runs = append(s.runs, run{f.value.Address, f.last()})
		}
	}
	return s
}

// sunSpec lays out a chain of SunSpec models (the marker, model 1, the model
// that most points belong to, the end) and returns the address of the model
// that a point is in.
//
//	base    "SunS"
//	base+2  1  66 ...    the common model
//	base+70 ID length ...
//	        0xFFFF 0
func (l *layout) sunSpec(p *config.ModbusProfile) func(*config.ModbusPoint) (int, bool) {
	const common, commonLength = 1, 66
	count := make(map[int]int)
	for i := range p.Points {
		for _, id := range p.Points[i].Models {
			count[id]++
		}
	}
	delete(count, common)
	model, space := 0, config.Holding
	for _, id := range slices.Sorted(maps.Keys(count)) {
		if count[id] > count[model] {
			model = id
		}
	}
	length := 0
	for i := range p.Points {
		v := &p.Points[i].Value
		space = v.Space
		if slices.Contains(p.Points[i].Models, model) {
			length = max(length, v.Address+v.Length-2)
			if s := p.Points[i].ScaleRegister; s != nil {
				length = max(length, s.Address-1)
			}
		}
	}
	base := p.SunSpec[0]
	constant := func(address int, n float64) {
		l.add(field{value: config.ModbusValue{Space: space, Address: address, Type: "u16", Order: "abcd", Length: 1, BitHigh: -1},
			constant: raw{number: n}})
	}
	constant(base, 0x5375)
	constant(base+1, 0x6E53)
	constant(base+2, common)
	constant(base+3, commonLength)
	first := base + 4 + commonLength
	constant(first, float64(model))
	constant(first+1, float64(length))
	constant(first+2+length, 0xFFFF)
	constant(first+3+length, 0)
	return func(point *config.ModbusPoint) (int, bool) {
		switch {
		case slices.Contains(point.Models, model):
			return first, true
		case slices.Contains(point.Models, common):
			return base + 2, true
		}
		return 0, false
	}
}

// muchEnough is the most that a value with a scale register can be: the range of
// some metrics goes to what no building has. 10 GWh, 10 GW.
const muchEnough = 1e10

// scaleExponents chooses for each scale register the finest power of ten, not
// below -3, with which all of its points can hold their metric's largest
// plausible value, or muchEnough.
func scaleExponents(points []config.ModbusPoint) map[place]int {
	exponents := make(map[place]int)
	for i := range points {
		p := &points[i]
		if p.ScaleRegister == nil {
			continue
		}
		n := 0
		if m := p.Metric; m.Max > m.Min {
			_, high := limits(&p.Value)
			n = max(-3, int(math.Ceil(math.Log10(min(m.Max, muchEnough)/math.Abs(p.Scale)/high))))
		}
		at := placeOf(p.ScaleRegister)
		if old, ok := exponents[at]; !ok || n > old {
			exponents[at] = n
		}
	}
	return exponents
}
