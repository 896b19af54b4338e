package snmp

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"plantroom/agent"
	"plantroom/config"
)

// How much a listener listens to. What is beyond is counted, and not looked at:
// what floods must cost little, and the poll tells the truth anyway.
const (
	sourceRate  = 50 // messages a second from one address, in the long run
	sourceBurst = 500
	totalRate   = 500 // messages a second from all addresses together
	totalBurst  = 5000
	newEngines  = 20 // messages a second from version 3 engines of which none was believed yet; each costs its keys
	newBurst    = 200
	sourcesKept = 1024
	receiveRoom = 4 << 20 // bytes that the system keeps for us; it may give less
)

// TrapOptions say where traps are listened for, whose are believed and what is
// done with them.
type TrapOptions struct {
	config.Traps
	Name string // of the agent, unique where its devices can hear others; of it is made what version 3 calls an engine id
	// Poll is called for every device that may have sent a trap. Take is
	// called after it, with the trap. Both are called by one goroutine, which
	// hears nothing meanwhile.
	Poll func(device string)
	Take func(*agent.Trap)
	Log  *slog.Logger
}

// A Listener receives the traps and informs of versions 1, 2c and 3. One
// goroutine reads the socket and does all that is to be done with a message.
//
// An inform is acknowledged when it has been handed on. Version 3 is RFC 3414's:
// a trap's sender is the authority on its time, for an inform we are, and a
// message that is old on its authority's clock is not believed.
//
// What is not believed, not understood or too much is dropped and counted, and
// logged the first time that an address sends such.
type Listener struct {
	options TrapOptions
	conn    *net.UDPConn
	engine  *engine
	senders atomic.Pointer[senders]

	counts [outcomes]atomic.Uint64

	// Owned by the goroutine:
	limits map[netip.Addr]*rate.Limiter
	total  *rate.Limiter
	told   map[complaint]bool
	acked  [64]inform // the last ones, of which the sender may not have heard
	acks   int

	rename chan struct{} // the senders are others; holds one
	stop   context.CancelFunc
	done   sync.WaitGroup
}

// An outcome is what becomes of a message.
type outcome uint8

const (
	taken outcome = iota
	flooded
	malformed
	denied
	replayed
	unknownSender
	outcomes
)

// dropReasons are why messages are dropped, in a word.
var dropReasons = [outcomes]string{
	flooded: "flood", malformed: "malformed", denied: "denied", replayed: "replayed", unknownSender: "unknown_sender",
}

// A complaint is what is said once.
type complaint struct {
	from netip.Addr
	what outcome
}

// An inform is one that was acknowledged.
type inform struct {
	from    netip.AddrPort
	request uint32
	at      time.Time
}

// informAgain is how long a sender may go on repeating an inform.
const informAgain = time.Minute

// ListenTraps opens the socket and starts to listen. Until Match says which
// devices there are, every sender is unknown.
func ListenTraps(o TrapOptions) (*Listener, error) {
	engine, err := newEngine(o.Name, o.Users, time.Now())
	if err != nil {
		return nil, err
	}
	address, err := net.ResolveUDPAddr("udp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for traps: %w", err)
	}
	network := "udp"
	if address.IP.To4() != nil {
		network = "udp4" // otherwise 0.0.0.0 would mean IPv6 too
	}
	conn, err := net.ListenUDP(network, address)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w; a port below 1024 needs the capability CAP_NET_BIND_SERVICE", err)
		}
		return nil, agent.Plainly(fmt.Errorf("listen for traps on %s: %w", o.Listen, err))
	}
	_ = conn.SetReadBuffer(receiveRoom) // the system's limit is none of our business
	ctx, stop := context.WithCancel(context.Background())
	l := &Listener{
		options: o, conn: conn, engine: engine, stop: stop,
		limits: map[netip.Addr]*rate.Limiter{}, total: rate.NewLimiter(totalRate, totalBurst), told: map[complaint]bool{}, rename: make(chan struct{}, 1),
	}
	l.senders.Store(&senders{})
	l.done.Go(l.listen)
	l.done.Go(func() { l.resolve(ctx) })
	return l, nil
}

// Addr returns the address that is listened on, host:port.
func (l *Listener) Addr() string { return l.conn.LocalAddr().String() }

// Close stops listening and waits for what is being done with a message.
func (l *Listener) Close() error {
	l.stop()
	err := l.conn.Close()
	l.done.Wait()
	return err
}

// Received returns how many traps and informs of known devices came, ever.
func (l *Listener) Received() uint64 { return l.counts[taken].Load() }

// Dropped returns how many messages were dropped, ever, by the reason: flood,
// malformed, denied (a community, user or password that is not believed),
// replayed, unknown_sender.
func (l *Listener) Dropped() map[string]uint64 {
	dropped := map[string]uint64{}
	for o, reason := range dropReasons {
		if reason != "" {
			dropped[reason] = l.counts[o].Load()
		}
	}
	return dropped
}

func (l *Listener) listen() {
	buf := make([]byte, 1<<16)
	broken := false
	for {
		n, from, err := l.conn.ReadFromUDPAddrPort(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			if !broken {
				l.options.Log.Error("traps cannot be received", "listen", l.Addr(), "err", err)
			}
			broken = true
			time.Sleep(100 * time.Millisecond) // what is wrong with a socket is not over at once
			continue
		case broken:
			broken = false
			l.options.Log.Info("traps are received again", "listen", l.Addr())
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if !l.limit(from.Addr()).Allow() {
			l.drop(from.Addr(), flooded, fmt.Errorf("more than %d messages a second", sourceRate))
			continue
		}
		if !l.total.Allow() {
			l.drop(from.Addr(), flooded, fmt.Errorf("more than %d messages a second from all addresses", totalRate))
			continue
		}
		l.receive(buf[:n], from)
	}
}

// limit returns the limit of an address.
func (l *Listener) limit(from netip.Addr) *rate.Limiter {
	limit := l.limits[from]
	if limit == nil {
		if len(l.limits) == sourcesKept { // so many are no devices
			clear(l.limits)
		}
		limit = rate.NewLimiter(sourceRate, sourceBurst)
		l.limits[from] = limit
	}
	return limit
}

// receive does what is to be done with one message.
func (l *Listener) receive(b []byte, from netip.AddrPort) {
	m, err := l.engine.decode(b, time.Now())
	if m != nil && m.answer != nil { // of version 3, about ourselves
		l.answer(m.answer, from)
	}
	if err != nil {
		var d *drop
		if errors.As(err, &d) {
			l.drop(from.Addr(), d.what, d.err)
		}
		return
	}
	if m.notification == nil {
		return
	}
	n := m.notification
	if !l.believed(n.community) {
		l.drop(from.Addr(), denied, errors.New("the community is none of those that are believed"))
		return
	}
	if n.ack != nil && l.ackedBefore(from, n.request) {
		l.answer(n.ack, from)
		return
	}
	traps, candidates := l.senders.Load().match(n, from.Addr())
	if len(candidates) == 0 {
		l.drop(from.Addr(), unknownSender, fmt.Errorf("no device has the address %s", from.Addr()))
		return
	}
	l.counts[taken].Add(1)
	for _, device := range candidates {
		l.options.Poll(device.ID)
	}
	trap := n.trap(traps)
	trap.Time, trap.From = time.Now(), from.Addr().String()
	if len(candidates) == 1 {
		trap.Device = candidates[0]
	}
	l.options.Take(trap)
	if n.ack != nil {
		l.acked[l.acks%len(l.acked)] = inform{from, n.request, time.Now()}
		l.acks++
		l.answer(n.ack, from)
	}
}

// ackedBefore reports whether an inform was acknowledged already, which its
// sender did not hear.
func (l *Listener) ackedBefore(from netip.AddrPort, request uint32) bool {
	for _, a := range l.acked {
		if a.from == from && a.request == request && time.Since(a.at) < informAgain {
			return true
		}
	}
	return false
}

// believed reports whether a community, nil in version 3, is one of those that
// are.
func (l *Listener) believed(community []byte) bool {
	if community == nil || len(l.options.Communities) == 0 {
		return true
	}
	ok := 0
	for _, c := range l.options.Communities {
		ok |= subtle.ConstantTimeCompare(community, []byte(c.Reveal()))
	}
	return ok == 1
}

// answer sends what a sender waits for. One that does not get it asks again.
func (l *Listener) answer(b []byte, to netip.AddrPort) {
	if _, err := l.conn.WriteToUDPAddrPort(b, to); err != nil {
		l.options.Log.Debug("an answer to a trap's sender is not sent", "to", to, "err", err)
	}
}

// drop counts a message and says so the first time.
func (l *Listener) drop(from netip.Addr, what outcome, err error) {
	l.counts[what].Add(1)
	c := complaint{from, what}
	if l.told[c] {
		return
	}
	if len(l.told) == sourcesKept {
		clear(l.told)
	}
	l.told[c] = true
	l.options.Log.Warn("a trap is dropped; more of this kind from there are only counted", "from", from, "reason", dropReasons[what], "err", err)
}
