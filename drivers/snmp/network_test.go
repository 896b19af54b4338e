package snmp

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosnmp/gosnmp"

	"plantroom/agent"
	"plantroom/config"
)

// A socket is one that is connected to an agent in memory, so that its time is
// that of a synctest bubble.
type socket struct {
	send    func(b []byte, answer func([]byte)) error
	heard   chan []byte
	closed  chan struct{}
	changed chan struct{} // the deadline has

	mu       sync.Mutex
	deadline time.Time
}

func (s *socket) Write(b []byte) (int, error) {
	return len(b), s.send(bytes.Clone(b), func(answer []byte) {
		select {
		case s.heard <- answer:
		default: // a full buffer, as a real one
		}
	})
}

func (s *socket) Read(b []byte) (int, error) {
	for {
		s.mu.Lock()
		wait := time.Until(s.deadline)
		s.mu.Unlock()
		if wait <= 0 {
			return 0, os.ErrDeadlineExceeded
		}
		t := time.NewTimer(wait)
		select {
		case answer := <-s.heard:
			t.Stop()
			return copy(b, answer), nil
		case <-s.closed:
			t.Stop()
			return 0, net.ErrClosed
		case <-s.changed:
			t.Stop()
		case <-t.C:
		}
	}
}

func (s *socket) SetDeadline(at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = at
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return nil
}

func (s *socket) Close() error                     { close(s.closed); return nil }
func (s *socket) SetReadDeadline(time.Time) error  { panic("no such deadline") }
func (s *socket) SetWriteDeadline(time.Time) error { panic("no such deadline") }
func (s *socket) LocalAddr() net.Addr              { return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
func (s *socket) RemoteAddr() net.Addr             { return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 161} }

// inMemory makes sockets to an agent in memory that is asked by send.
func inMemory(send func(b []byte, answer func([]byte)) error) func(*gosnmp.GoSNMP) error {
	return func(session *gosnmp.GoSNMP) error {
		if err := session.Connect(); err != nil { // it sets up more than the socket
			return err
		}
		session.Conn.Close()
		session.Conn = &socket{send: send, heard: make(chan []byte, 20), closed: make(chan struct{}), changed: make(chan struct{}, 1)}
		return nil
	}
}

// A card is an agent in memory whose objects and rows say when they were asked
// for, in tenths of a second since the beginning. A trouble comes and goes.
type card struct {
	began time.Time
	now   atomic.Pointer[trouble] // nil: all is well

	mu   sync.Mutex
	stub *stub
	busy sync.WaitGroup
}

// A trouble is what an agent, or the network before it, makes of a request.
// Right is the right answer to it.
type trouble func(c *card, req *gosnmp.SnmpPacket, right *gosnmp.SnmpPacket, answer func([]byte)) error

const cardObjects, cardRows = 5, 7

func (c *card) send(b []byte, answer func([]byte)) error {
	decoder := gosnmp.GoSNMP{Version: gosnmp.Version2c}
	req, err := decoder.SnmpDecodePacket(b)
	if err != nil {
		panic(err)
	}
	c.mu.Lock()
	asked := int(time.Since(c.began) / (100 * time.Millisecond))
	for i := range cardObjects {
		c.stub.set(fmt.Sprintf("1.3.6.1.4.1.9.%d.0", i+1), asked)
	}
	for i := range cardRows {
		c.stub.set(fmt.Sprintf("1.3.6.1.4.1.9.100.1.%d", i+1), asked)
	}
	right := c.stub.honest(req)
	c.mu.Unlock()
	if t := c.now.Load(); t != nil {
		return (*t)(c, req, right, answer)
	}
	answer(encode(right))
	return nil
}

// later does something in a while.
func (c *card) later(after time.Duration, do func()) {
	c.busy.Go(func() {
		time.Sleep(after)
		do()
	})
}

// delayed answers in a while.
func delayed(after time.Duration) trouble {
	return func(c *card, _, right *gosnmp.SnmpPacket, answer func([]byte)) error {
		c.later(after, func() { answer(encode(right)) })
		return nil
	}
}

// lying answers with values that are not right in something that is not, either.
func lying(change func(p *gosnmp.SnmpPacket)) trouble {
	return func(_ *card, _, right *gosnmp.SnmpPacket, answer func([]byte)) error {
		for i := range right.Variables {
			right.Variables[i].Type, right.Variables[i].Value = gosnmp.Integer, 1_000_000
		}
		change(right)
		answer(encode(right))
		return nil
	}
}

func refusingWith(status gosnmp.SNMPError, index int) trouble {
	return func(_ *card, req, _ *gosnmp.SnmpPacket, answer func([]byte)) error {
		answer(encode(refusal(req, status, index)))
		return nil
	}
}

var networkTroubles = []trouble{
	func(*card, *gosnmp.SnmpPacket, *gosnmp.SnmpPacket, func([]byte)) error { return nil }, // silence
	func(*card, *gosnmp.SnmpPacket, *gosnmp.SnmpPacket, func([]byte)) error {
		return &net.OpError{Op: "write", Net: "udp", Err: syscall.ECONNREFUSED}
	},
	delayed(200 * time.Millisecond), // before the repetition
	delayed(700 * time.Millisecond), // after it
	delayed(1500 * time.Millisecond),
	delayed(30 * time.Second),
	func(_ *card, _, right *gosnmp.SnmpPacket, answer func([]byte)) error {
		answer(encode(right))
		answer(encode(right))
		return nil
	},
	lying(func(p *gosnmp.SnmpPacket) { p.RequestID = (p.RequestID - 3) & 0x7fffffff }), // an answer to something earlier
	func(_ *card, _, right *gosnmp.SnmpPacket, answer func([]byte)) error {
		answer([]byte{0x30, 0x82, 0xFF, 0xFF, 2, 1})
		answer(encode(right))
		return nil
	},
	func(_ *card, _, right *gosnmp.SnmpPacket, answer func([]byte)) error {
		b := encode(right)
		answer(b[:len(b)/2])
		return nil
	},
	refusingWith(gosnmp.GenErr, 1), refusingWith(gosnmp.TooBig, 0), refusingWith(gosnmp.NoSuchName, 2),
	// Every second one is lost.
	func(c *card, req, right *gosnmp.SnmpPacket, answer func([]byte)) error {
		if req.RequestID%2 == 0 {
			answer(encode(right))
		}
		return nil
	},
}

// TestAllTroubles has agents of version 1 and 2c meet one trouble after the
// other for ten minutes, at random: no answer is taken for another's, and a
// minute after the last trouble all is well.
func TestAllTroubles(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testAllTroubles(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

func testAllTroubles(t *testing.T, random *rand.Rand) {
	const lasts, every = 10 * time.Minute, time.Second
	began := time.Now()
	points := []config.SNMPPoint{rows("row", "1.3.6.1.4.1.9.100.1", "{index}")}
	for i := range cardObjects {
		points = append(points, scalar(fmt.Sprint("object", i), fmt.Sprintf("1.3.6.1.4.1.9.%d.0", i+1)))
	}
	var cards []*card
	var buses []*agent.Bus
	up := &agent.Metric{Name: "up"}
	for i, version := range []string{"2c", "1", "2c"} {
		c := &card{began: began, stub: &stub{version: version, mib: map[string]gosnmp.SnmpPDU{}}}
		d := &agent.Device{ID: fmt.Sprint("card-", i), Class: "test", Every: every}
		src := NewSource(d, config.SNMPAddress{Address: "127.0.0.1:161", Version: version, Community: config.NewSecret("public")},
			&config.SNMPProfile{Points: points}, time.Second)
		src.client.connect = inMemory(c.send)
		b := agent.NewBus(d.ID)
		b.Add(d, src, up, up)
		cards, buses = append(cards, c), append(buses, b)
	}
	a := agent.New(buses, nil, slog.New(slog.DiscardHandler))
	a.Observe(func(p *agent.Poll) {
		tenths := func(d time.Duration) float64 { return float64(d / (100 * time.Millisecond)) }
		at := p.Time.Sub(began)
		for _, r := range p.Readings[2:] {
			if r.Quality == agent.Good && (r.Value < tenths(at) || r.Value > tenths(at+p.Duration)) {
				t.Errorf("%s, polled at %v for %v, reads that %s[%s] was asked at %v s", p.Device.ID, at, p.Duration, r.Point.Metric.Name, r.Point.Channel, r.Value/10)
			}
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- a.Run(ctx) }()
	next := make([]time.Time, len(cards))
	for time.Since(began) < lasts {
		for i, c := range cards {
			if time.Now().Before(next[i]) {
				continue
			}
			next[i] = time.Now().Add(time.Duration(random.Int64N(int64(15 * time.Second))))
			if c.now.Load() != nil && random.IntN(2) == 0 {
				c.now.Store(nil)
				continue
			}
			c.now.Store(&networkTroubles[random.IntN(len(networkTroubles))])
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, c := range cards {
		c.now.Store(nil)
	}
	time.Sleep(time.Minute)
	for _, s := range a.Latest.All() {
		if !s.Up {
			t.Errorf("a minute after the last trouble %s is not up: %v", s.Device.ID, s.Err)
		}
	}
	time.Sleep(time.Minute) // the next survey looks for what was refused
	for _, s := range a.Latest.All() {
		if !s.Up || len(s.Readings) != 2+cardObjects+cardRows {
			t.Errorf("long after the last trouble %s stands so: up %v, %v, %d readings", s.Device.ID, s.Up, s.Err, len(s.Readings))
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, c := range cards {
		c.busy.Wait()
	}
	stats := a.Stats()
	t.Logf("%d polls, %d failed, %d skipped", stats.Polls, stats.Failures, stats.Skipped)
}
