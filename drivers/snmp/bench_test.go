package snmp

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"plantroom/agent"
	"plantroom/config"
)

// BenchmarkPoll36 polls 12 scalars and 24 table cells over loopback. The
// answering side costs as little as it can (it echoes one prepared answer with
// the request's id), but its time is in the figure; its allocations are none.
func BenchmarkPoll36(b *testing.B) {
	mib := map[string]any{}
	var points []config.SNMPPoint
	for i := range 12 {
		oid := fmt.Sprintf("1.3.6.1.2.1.33.1.2.%d.0", i+1)
		mib[oid] = 100 + i
		points = append(points, scalar(fmt.Sprintf("scalar_%d", i), oid))
	}
	for c := range 4 {
		oid := fmt.Sprintf("1.3.6.1.4.1.318.1.1.25.1.2.1.%d", c+3)
		for r := range 6 {
			mib[fmt.Sprintf("%s.1.%d", oid, r+1)] = 20 + r
		}
		points = append(points, rows(fmt.Sprintf("column_%d", c), oid, "probe {-1}"))
	}
	learnt := newStub("", mib)
	src := learnt.source(b, time.Second, points...)
	poll(b, src)
	learnt.take()
	src.client.session.SetRequestID(0x40000000) // an id of four bytes, here and below
	poll(b, src)
	asked := learnt.take()
	if len(asked) != 1 || len(asked[0].Variables) != 36 {
		b.Fatalf("%d requests, %d objects in the first; want 1 of 36", len(asked), len(asked[0].Variables))
	}
	prepared := encode(learnt.honest(asked[0]))

	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	go func() {
		buf := make([]byte, 2048)
		// Both messages begin 30 82 LL LL, version, community "public", PDU 82 LL LL,
		// and a request id of two header bytes and four of its own.
		const id = 4 + 3 + 8 + 4
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil || n < id+6 {
				return
			}
			copy(prepared[id:], buf[id:id+6])
			conn.WriteToUDPAddrPort(prepared, from)
		}
	}()
	src.client.close()
	src.client.connect, src.client.address.Address = connect, conn.LocalAddr().String()
	if err := src.client.open(b.Context()); err != nil {
		b.Fatal(err)
	}
	src.client.session.SetRequestID(0x40000000)
	var rs []agent.Reading
	b.ReportAllocs()
	for b.Loop() {
		if rs, err = src.Poll(b.Context(), rs[:0]); err != nil || len(rs) != 36 {
			b.Fatal(len(rs), err)
		}
	}
}

// A prompt source answers in a millisecond.
type prompt struct{ point *agent.Point }

func (s prompt) Poll(ctx context.Context, dst []agent.Reading) ([]agent.Reading, error) {
	time.Sleep(time.Millisecond)
	return append(dst, s.point.Measured(1)), nil
}

func (prompt) Probe(context.Context) error { return nil }
func (prompt) Close() error                { return nil }

// BenchmarkPollsInATrapFlood polls a hundred devices ten times a second, each
// on a bus of its own, while nobody sends traps and while somebody sends ten
// thousand a second, and says how late the polls are, and how many were left
// out. An operation is a second.
func BenchmarkPollsInATrapFlood(b *testing.B) {
	for _, rate := range []int{0, 10_000} {
		for _, addresses := range []int{1, 100} { // that the flood comes from
			if rate == 0 && addresses > 1 {
				continue
			}
			b.Run(fmt.Sprintf("%d traps a second from %d", rate, addresses), func(b *testing.B) { pollsInATrapFlood(b, rate, addresses) })
		}
	}
}

func pollsInATrapFlood(b *testing.B, rate, addresses int) {
	up, duration := config.Lookup("ups", "up"), config.Lookup("ups", "poll_duration")
	var buses []*agent.Bus
	var senders []Sender
	for i := range 100 {
		d := &agent.Device{ID: fmt.Sprintf("ups-%d", i), Class: "ups", Every: 100 * time.Millisecond}
		bus := agent.NewBus(d.ID)
		bus.Add(d, prompt{&agent.Point{Device: d, Metric: config.Lookup("ups", "battery_charge")}}, up, duration)
		buses = append(buses, bus)
		senders = append(senders, Sender{Device: d, Address: fmt.Sprintf("127.0.1.%d", i+1), Profile: upsTraps})
	}
	log := slog.New(slog.DiscardHandler)
	a := agent.New(buses, nil, log)
	var mu sync.Mutex
	var late []time.Duration
	a.Observe(func(p *agent.Poll) {
		mu.Lock()
		defer mu.Unlock()
		late = append(late, p.Time.Sub(p.Time.Truncate(100*time.Millisecond)))
	})
	l, err := ListenTraps(TrapOptions{
		Traps: config.Traps{Listen: "127.0.0.1:0"}, Name: "bench", Poll: func(id string) { a.PollNow(id) }, Take: func(*agent.Trap) {}, Log: log,
	})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	l.Match(senders)
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := a.Run(ctx); err != nil {
			b.Error(err)
		}
	}()
	var conns []net.Conn
	for i := range addresses {
		conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 1, byte(i+1))}, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(l.Addr())))
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	trap := encoded(b, gosnmp.SNMPv2Trap, nil, "", 0, 0)
	time.Sleep(200 * time.Millisecond) // past the polls at the start, which are on no grid
	mu.Lock()
	late = late[:0]
	mu.Unlock()
	sent := 0
	for b.Loop() {
		for end := time.Now().Add(time.Second); ; {
			left := time.Until(end)
			if left <= 0 {
				break
			}
			if due := rate * int(time.Second-left) / int(time.Second); sent%max(rate, 1) < due {
				conns[sent%len(conns)].Write(trap)
				sent++
				continue
			}
			time.Sleep(min(left, time.Millisecond))
		}
		sent = 0
	}
	cancel()
	<-done
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(late)
	b.ReportMetric(float64(len(late))/float64(b.N), "polls/op")
	b.ReportMetric(float64(a.Stats().Skipped)/float64(b.N), "skipped/op")
	b.ReportMetric(float64(late[len(late)/2].Microseconds())/1000, "ms-late-median")
	b.ReportMetric(float64(late[len(late)*99/100].Microseconds())/1000, "ms-late-99%")
	b.ReportMetric(float64(l.Received()+l.Dropped()["flood"])/float64(b.N), "traps/op")
}

// BenchmarkTrap decodes, matches and words a trap.
func BenchmarkTrap(b *testing.B) {
	e, err := newEngine("test", []config.SNMPUser{ann}, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	s := newSenders([]Sender{ups("ups-a", "127.0.0.1")}, nil)
	for _, c := range []struct {
		name string
		user *config.SNMPUser
	}{{"v2c", nil}, {"v3", &ann}} {
		b.Run(c.name, func(b *testing.B) {
			message := encoded(b, gosnmp.SNMPv2Trap, c.user, "\x80\x00\x1f\x88\x80sender", 1, 1)
			buf := make([]byte, len(message))
			b.ReportAllocs()
			for b.Loop() {
				copy(buf, message)
				m, err := e.decode(buf, time.Now())
				if err != nil {
					b.Fatal(err)
				}
				known, devices := s.match(m.notification, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
				if trap := m.notification.trap(known); len(devices) != 1 || trap.Name != "upsTrapOnBattery" {
					b.Fatal(trap)
				}
			}
		})
	}
}
