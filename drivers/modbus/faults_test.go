package modbus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"plantroom/agent"
	"plantroom/config"
)

// A plant is four units on a wire, each of which says its number and, in tenths
// of a second since the beginning, when it was asked. A trouble comes and goes.
type plant struct {
	t     testing.TB
	name  string // before the numbers of its units
	rtu   bool
	wire  *Wire
	bus   *agent.Bus
	began time.Time
	now   atomic.Pointer[trouble] // nil: all is well

	open, most, lines atomic.Int32 // connections: now, at the same time, ever
	served            atomic.Int32 // those that a connection-limited far end knows of
	ends              sync.WaitGroup
}

func newPlant(t testing.TB, name string, rtu bool) *plant {
	p := &plant{t: t, name: name, rtu: rtu, began: time.Now()}
	link := config.ModbusLink{TCP: "far:502"}
	if rtu {
		link = config.ModbusLink{RTUOverTCP: "far:4001"}
	}
	p.wire = NewWire(link, slog.New(slog.DiscardHandler))
	p.wire.dial = p.dial
	p.bus = agent.NewBus("gateway")
	metric := &agent.Metric{Name: "up"}
	for unit := 1; unit <= 4; unit++ {
		d := &agent.Device{ID: fmt.Sprint(name, unit), Class: "test", Every: time.Second}
		p.bus.Add(d, NewSource(d, p.wire, unit, profileOf(word(0, "unit"), word(1, "asked")), time.Second), metric, metric)
	}
	return p
}

// begin begins a trouble; nil is the end of one. What happens to connections
// happens to the one that there is, too.
func (p *plant) begin(t *trouble) {
	p.now.Store(t)
	if t != nil && (t.dial != nil || t.accept != nil || t.each != nil) {
		p.wire.mu.Lock()
		defer p.wire.mu.Unlock()
		if c, ok := p.wire.conn.(*counted); ok {
			c.Conn.Close()
		}
	}
}

// check looks whether what a poll read is of the unit, and of the time of the
// poll.
func (p *plant) check(poll *agent.Poll) {
	if len(poll.Readings) != 4 || poll.Readings[2].Quality == agent.Bad {
		return
	}
	at, unit, asked := poll.Time.Sub(p.began), poll.Readings[2].Value, poll.Readings[3].Value
	tenths := func(d time.Duration) float64 { return float64(d / (100 * time.Millisecond)) }
	if fmt.Sprint(p.name, unit) != poll.Device.ID || asked < tenths(at) || asked > tenths(at+poll.Duration) {
		p.t.Errorf("%s, polled at %v for %v, reads unit %v, asked at %v s", poll.Device.ID, at, poll.Duration, unit, asked/10)
	}
}

// end waits until the far ends have gone, and looks after what was open.
func (p *plant) end() {
	p.ends.Wait()
	if most, open := p.most.Load(), p.open.Load(); most != 1 || open != 0 {
		p.t.Errorf("%d connections at the same time, and %d left open", most, open)
	}
}

// A trouble is what a far end does wrong.
type trouble struct {
	dial   func(ctx context.Context) error           // instead of a connection
	accept func(f far)                               // instead of serving one
	answer func(q question, right func()) bool       // instead of right; false: as always
	each   func(p *plant, serve func(far)) func(far) // around the serving of a connection
	only   string                                    // tcp or rtu; "" for both
}

func (p *plant) dial(ctx context.Context) (stream, error) {
	t := p.now.Load()
	if t != nil && t.dial != nil {
		return nil, t.dial(ctx)
	}
	near, other := net.Pipe()
	p.lines.Add(1)
	p.most.Store(max(p.most.Load(), p.open.Add(1)))
	p.ends.Go(func() {
		defer other.Close()
		f := far{p.t, &orderly{other, make(chan struct{}, 1)}, p.rtu}
		serve := p.serve
		if t != nil && t.accept != nil {
			serve = t.accept
		}
		if t != nil && t.each != nil {
			serve = t.each(p, serve)
		}
		serve(f)
	})
	return &counted{Conn: near, open: &p.open}, nil
}

// An orderly connection is written to by one at a time. A pipe of net's does
// that with a mutex, which would stop the bubble's time.
type orderly struct {
	io.ReadWriteCloser
	turn chan struct{}
}

func (o *orderly) Write(b []byte) (int, error) {
	o.turn <- struct{}{}
	defer func() { <-o.turn }()
	return o.ReadWriteCloser.Write(b)
}

// A dripping connection takes 300 ms for a byte while there is trouble.
type dripping struct {
	io.ReadWriteCloser
	plant *plant
	turn  chan struct{} // one frame at a time
}

func (d *dripping) Write(b []byte) (int, error) {
	d.turn <- struct{}{}
	defer func() { <-d.turn }()
	for i := range b {
		if d.plant.now.Load() == nil {
			n, err := d.ReadWriteCloser.Write(b[i:])
			return i + n, err
		}
		if _, err := d.ReadWriteCloser.Write(b[i : i+1]); err != nil {
			return i, err
		}
		time.Sleep(300 * time.Millisecond)
	}
	return len(b), nil
}

// A counted connection says when it is closed.
type counted struct {
	net.Conn
	open *atomic.Int32
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

func (p *plant) serve(f far) {
	var late sync.WaitGroup
	defer late.Wait()
	for q, ok := f.next(); ok; q, ok = f.next() {
		right := p.right(q)
		t := p.now.Load()
		// Each answer has its own time: one that is late holds up no other.
		late.Go(func() {
			if t == nil || t.answer == nil || !t.answer(q, right) {
				right()
			}
		})
	}
}

// right returns what answers q rightly.
func (p *plant) right(q question) func() {
	registers := []uint16{uint16(q.unit), uint16(time.Since(p.began) / (100 * time.Millisecond))}
	return func() { q.registers(registers[q.address:][:q.quantity]...) }
}

// unit2 limits a trouble's answers to unit 2.
func unit2(answer func(q question, right func())) func(question, func()) bool {
	return func(q question, right func()) bool {
		if q.unit != 2 {
			return false
		}
		answer(q, right)
		return true
	}
}

func after(d time.Duration, do func(q question, right func())) func(question, func()) {
	return func(q question, right func()) { time.Sleep(d); do(q, right) }
}

func rightly(_ question, right func()) { right() }

// silence hears all and says nothing.
func silence(f far) { io.Copy(io.Discard, f) }

var troubles = []struct {
	name string
	trouble
	all bool   // it is the wire's
	err string // what is said of unit 2; "": it stays up
}{
	{"dead", trouble{answer: unit2(func(question, func()) {})}, false, "timeout after "},
	{"slow", trouble{answer: unit2(after(900*time.Millisecond, rightly))}, false, ""},
	{"late", trouble{answer: unit2(after(1500*time.Millisecond, rightly))}, false, "timeout after "},
	{"very late", trouble{answer: unit2(after(4500*time.Millisecond, rightly))}, false, "timeout after "},
	{"duplicating", trouble{answer: unit2(func(_ question, right func()) { right(); right() })}, false, ""},
	{"duplicating late", trouble{answer: unit2(func(_ question, right func()) {
		right()
		time.Sleep(700 * time.Millisecond)
		right()
	})}, false, ""},
	{"busy", trouble{answer: unit2(func(q question, _ func()) { q.refuse(deviceBusy) })}, false, ""},
	{"gateway without a path", trouble{answer: unit2(func(q question, _ func()) { q.refuse(gatewayNoPath) })}, false, "exception 0x0A: the gateway has no path to unit 2"},
	{"gateway without an answer", trouble{answer: unit2(after(900*time.Millisecond, func(q question, _ func()) { q.refuse(gatewayNoAnswer) }))}, false,
		"exception 0x0B: the gateway got no answer from unit 2"},
	{"another's answer", trouble{answer: unit2(func(q question, _ func()) { q.unit = 3; q.registers(3, 0) })}, false, "timeout after "},
	{"an answer to something else", trouble{answer: unit2(func(q question, _ func()) { q.write(q.fn+1, []byte{4, 0, 2, 0, 0}) }), only: "rtu"}, false, "timeout after "},
	{"noise", trouble{answer: unit2(func(q question, _ func()) { q.far.Write([]byte{2, 3, 4, 0xFF, 0, 0x55}) }), only: "rtu"}, false, "timeout after "},

	{"refusing", trouble{dial: func(context.Context) error { return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED} }}, true, "connection refused"},
	{"off the network", trouble{dial: func(ctx context.Context) error {
		<-ctx.Done()
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
	}}, true, "no answer in time"},
	{"half-open", trouble{accept: silence}, true, "timeout after "},
	{"hangs up at once", trouble{accept: func(far) {}}, true, "connection lost"},
	{"hangs up on a request", trouble{accept: func(f far) { f.next() }}, true, "the far side closed the connection"},
	{"drips", trouble{each: func(p *plant, serve func(far)) func(far) {
		return func(f far) { f.ReadWriteCloser = &dripping{f.ReadWriteCloser, p, make(chan struct{}, 1)}; serve(f) }
	}}, true, "timeout after "},
	{"speaks garbage", trouble{accept: func(f far) { f.next(); io.WriteString(f, "HTTP/1.1 400 Bad Request\r\n\r\n"); silence(f) }, only: "tcp"}, true, "the far side does not speak Modbus TCP"},
	{"speaks without end", trouble{accept: func(f far) {
		random := rand.New(rand.NewPCG(1, 2))
		for {
			b := make([]byte, 100)
			for i := range b {
				b[i] = byte(random.Uint32())
			}
			if _, err := f.Write(b); err != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}, only: "rtu"}, true, "timeout after "},
	{"hangs up after each answer", trouble{each: func(p *plant, _ func(far)) func(far) {
		return func(f far) {
			if q, ok := f.next(); ok {
				p.right(q)()
			}
		}
	}}, false, ""},
	// As many do: whoever comes second is let in and never answered.
	{"knows one connection", trouble{each: func(p *plant, serve func(far)) func(far) {
		return func(f far) {
			defer p.served.Add(-1)
			if p.served.Add(1) > 1 {
				silence(f)
				return
			}
			time.AfterFunc(7300*time.Millisecond, func() { f.Close() })
			serve(f)
		}
	}}, false, ""},
}

// TestTroubles lets each trouble last for a minute, and looks after what it
// costs: the units that have none keep 95 % of their polls, there is never more
// than one connection, no answer is taken for another's, what is wrong can be
// seen, and all is well again half a minute after the trouble.
func TestTroubles(t *testing.T) {
	for _, c := range troubles {
		for _, kind := range []string{"tcp", "rtu"} {
			if c.only != "" && c.only != kind {
				continue
			}
			t.Run(c.name+"/"+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { testTrouble(t, kind == "rtu", &c.trouble, c.all, c.err) })
			})
		}
	}
}

func testTrouble(t *testing.T, rtu bool, trouble *trouble, all bool, wrong string) {
	const begins, ends, last = 60 * time.Second, 120 * time.Second, 200 * time.Second
	p := newPlant(t, "", rtu)
	a := agent.New([]*agent.Bus{p.bus}, nil, slog.New(slog.DiscardHandler))
	var mu sync.Mutex
	healthy := map[string]int{} // polls with values during the trouble
	var healed time.Duration    // when the last one that was not up came back
	a.Observe(func(poll *agent.Poll) {
		mu.Lock()
		defer mu.Unlock()
		at := poll.Time.Sub(p.began)
		if poll.Err != nil || len(poll.Readings) != 4 {
			if at >= ends {
				healed = at
			}
			return
		}
		if poll.Readings[2].Quality == agent.Bad {
			return
		}
		if at >= begins && at < ends {
			healthy[poll.Device.ID]++
		}
		p.check(poll)
	})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- a.Run(ctx) }()
	time.Sleep(begins - time.Millisecond)
	p.begin(trouble)
	time.Sleep(ends - begins)
	status := a.Latest.All()[1]
	switch {
	case wrong == "" && (!status.Up || status.Err != nil || status.Failures != 0):
		t.Errorf("in the end of the trouble unit 2 stands so: %+v", status)
	case wrong != "" && (status.Up || status.Err == nil || !strings.Contains(status.Err.Error(), wrong) || status.Failures < 3 || time.Until(status.Next) < -time.Second || time.Until(status.Next) > 31*time.Second):
		t.Errorf("in the end of the trouble unit 2 stands so: up %v, %v, %d failures, next in %v", status.Up, status.Err, status.Failures, time.Until(status.Next))
	}
	mu.Lock()
	for _, unit := range []string{"1", "3", "4"} {
		if n := healthy[unit]; !all && n < 57 {
			t.Errorf("unit %s had %d of its 60 polls", unit, n)
		}
	}
	mu.Unlock()
	p.now.Store(nil)
	time.Sleep(last - ends)
	for _, s := range a.Latest.All() {
		if !s.Up || s.Failures != 0 || s.Err != nil {
			t.Errorf("long after the trouble unit %s stands so: %+v", s.Device.ID, s)
		}
	}
	if healed > ends+31*time.Second {
		t.Errorf("a unit was not up %v after the trouble", healed-ends)
	}
	stop()
	if err := <-done; err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	p.end()
	t.Logf("polls %v, healed after %v, %d connections", healthy, max(0, healed-ends), p.lines.Load())
}

// TestAllTroubles has four wires, of one kind and of the other, meet one trouble
// after the other for ten minutes, at random. A minute after the last one all is
// well.
func TestAllTroubles(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testAllTroubles(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

func testAllTroubles(t *testing.T, random *rand.Rand) {
	const lasts = 10 * time.Minute
	var plants []*plant
	var buses []*agent.Bus
	of := map[*agent.Device]*plant{}
	for i := range 4 {
		p := newPlant(t, fmt.Sprintf("wire %d unit ", i), i%2 == 1)
		plants, buses = append(plants, p), append(buses, p.bus)
		for _, d := range p.bus.Devices() {
			of[d] = p
		}
	}
	a := agent.New(buses, nil, slog.New(slog.DiscardHandler))
	a.Observe(func(poll *agent.Poll) { of[poll.Device].check(poll) })
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- a.Run(ctx) }()
	next := make([]time.Time, len(plants))
	for began := time.Now(); time.Since(began) < lasts; time.Sleep(100 * time.Millisecond) {
		for i, p := range plants {
			if time.Now().Before(next[i]) {
				continue
			}
			next[i] = time.Now().Add(time.Duration(random.Int64N(int64(20 * time.Second))))
			if p.now.Load() != nil && random.IntN(2) == 0 {
				p.begin(nil)
				continue
			}
			c := &troubles[random.IntN(len(troubles))]
			// An RTU answer that is later than a wire waits for it cannot be told
			// from that to another request.
			if c.only == map[bool]string{true: "tcp", false: "rtu"}[p.rtu] || p.rtu && (c.name == "very late" || c.name == "drips") {
				continue
			}
			p.begin(&c.trouble)
		}
	}
	for _, p := range plants {
		p.begin(nil)
	}
	time.Sleep(time.Minute)
	for _, s := range a.Latest.All() {
		if !s.Up {
			t.Errorf("a minute after the last trouble %s is not up: %v, %d failures, next try in %v", s.Device.ID, s.Err, s.Failures, time.Until(s.Next))
		}
	}
	stop()
	if err := <-done; err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	for _, p := range plants {
		p.end()
	}
	stats := a.Stats()
	t.Logf("%d polls, %d failed, %d skipped", stats.Polls, stats.Failures, stats.Skipped)
}
