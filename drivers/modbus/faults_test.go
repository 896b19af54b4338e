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
	rtu   bool
	began time.Time
	now   atomic.Pointer[trouble] // nil: all is well

	open, most, lines atomic.Int32 // connections: now, at the same time, ever
	served            atomic.Int32 // those that a connection-limited far end knows of
	ends              sync.WaitGroup
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
		f := far{p.t, other, p.rtu}
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

// A dripping connection takes 300 ms for a byte while there is trouble.
type dripping struct {
	io.ReadWriteCloser
	plant *plant
	turn  chan struct{} // one frame at a time; a mutex would stop the bubble's time
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

// TestTroubles lets each trouble last for a minute, and looks after what it
// costs: the units that have none keep 95 % of their polls, there is never more
// than one connection, no answer is taken for another's, what is wrong can be
// seen, and all is well again half a minute after the trouble.
func TestTroubles(t *testing.T) {
	silence := func(f far) { io.Copy(io.Discard, f) }
	for _, c := range []struct {
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
		}}, true, "i/o timeout"},
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
	} {
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
	p := &plant{t: t, rtu: rtu, began: time.Now()}
	link := config.ModbusLink{TCP: "far:502"}
	if rtu {
		link = config.ModbusLink{RTUOverTCP: "far:4001"}
	}
	log := slog.New(slog.DiscardHandler)
	w := NewWire(link, log)
	w.dial = p.dial
	bus := agent.NewBus("gateway")
	metric := &agent.Metric{Name: "up"}
	for unit := 1; unit <= 4; unit++ {
		d := &agent.Device{ID: fmt.Sprint(unit), Class: "test", Every: time.Second}
		bus.Add(d, NewSource(d, w, unit, profileOf(word(0, "unit"), word(1, "asked")), time.Second), metric, metric)
	}
	a := agent.New([]*agent.Bus{bus}, nil, log)
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
		unit, asked := poll.Readings[2], poll.Readings[3]
		if unit.Quality == agent.Bad {
			return
		}
		if at >= begins && at < ends {
			healthy[poll.Device.ID]++
		}
		tenths := func(d time.Duration) float64 { return float64(d / (100 * time.Millisecond)) }
		if fmt.Sprint(unit.Value) != poll.Device.ID || asked.Value < tenths(at) || asked.Value > tenths(at+poll.Duration) {
			t.Errorf("unit %s, polled at %v for %v, reads unit %v, asked at %v s", poll.Device.ID, at, poll.Duration, unit.Value, asked.Value/10)
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- a.Run(ctx) }()
	time.Sleep(begins - time.Millisecond)
	p.now.Store(trouble)
	if trouble.dial != nil || trouble.accept != nil || trouble.each != nil { // also for who is connected
		w.mu.Lock()
		w.conn.SetDeadline(time.Unix(1, 0))
		w.conn.(*counted).Conn.Close()
		w.mu.Unlock()
	}
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
	p.ends.Wait()
	if most, open := p.most.Load(), p.open.Load(); most != 1 || open != 0 {
		t.Errorf("%d connections at the same time, and %d left open", most, open)
	}
	t.Logf("polls %v, healed after %v, %d connections", healthy, max(0, healed-ends), p.lines.Load())
}
