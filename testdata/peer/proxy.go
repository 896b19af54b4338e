package peer

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// A Trouble is what a Proxy does to what passes through it.
type Trouble int

const (
	None     Trouble = iota
	Latency          // up to half a second each way, of datagrams each on its own
	Loss             // nothing gets through; connections stay
	Cut              // connections end, some in the middle of a message, and new ones too
	Garbage          // answers come with bytes that nobody sent, or in their place
	Drip             // a byte at a time; datagrams come twice
	troubles         // their number
)

// A Proxy stands between a program and a server and is the bad network between
// the two. Everything it does at random comes from its seed, though not when.
type Proxy struct {
	Addr string // host:port, of the server's protocol

	target string
	ctx    context.Context
	ends   sync.WaitGroup

	mu      sync.Mutex
	random  *rand.Rand
	trouble Trouble
	conns   map[net.Conn]context.CancelFunc // the client's end of each connection
	asked   [][]byte
}

// StartTCPProxy starts a proxy of the server at a TCP address. It ends with the
// test.
func StartTCPProxy(t testing.TB, target string, seed uint64) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := startProxy(t, target, seed, l.Addr().String(), l.Close)
	p.ends.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			p.ends.Go(func() { p.connection(client.(*net.TCPConn)) })
		}
	})
	return p
}

// StartUDPProxy does the same for UDP.
func StartUDPProxy(t testing.TB, target string, seed uint64) *Proxy {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	p := startProxy(t, target, seed, c.LocalAddr().String(), c.Close)
	p.ends.Go(func() { p.datagrams(c) })
	return p
}

func startProxy(t testing.TB, target string, seed uint64, address string, close func() error) *Proxy {
	ctx, cancel := context.WithCancel(context.Background())
	p := &Proxy{Addr: address, target: target, ctx: ctx, random: rand.New(rand.NewPCG(seed, seed)), conns: map[net.Conn]context.CancelFunc{}}
	t.Cleanup(func() {
		cancel()
		close()
		p.ends.Wait()
	})
	return p
}

// Set makes trouble, or with None no more.
func (p *Proxy) Set(trouble Trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trouble = trouble
	if trouble == Cut {
		for _, end := range p.conns {
			end()
		}
	}
}

// Make makes one trouble after the other, each for up to a second or two, until
// ctx ends; then it makes none. Connections end with the last: what some of them
// have lost is sent again by no TCP here.
func (p *Proxy) Make(ctx context.Context) {
	defer func() {
		p.Set(Cut)
		p.Set(None)
	}()
	for {
		p.Set(Trouble(p.upTo(int(troubles))))
		if !pause(ctx, time.Duration(p.upTo(2000))*time.Millisecond) {
			return
		}
	}
}

// Asked returns what clients have sent through the proxy: of TCP all bytes of
// each connection, of UDP each datagram.
func (p *Proxy) Asked() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func (p *Proxy) now() Trouble {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trouble
}

// upTo returns a random number below n.
func (p *Proxy) upTo(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.random.IntN(n)
}

// pause waits for d and reports whether it could.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// connection carries one connection until one of its ends has gone.
func (p *Proxy) connection(client *net.TCPConn) {
	ctx, end := context.WithCancel(p.ctx)
	defer end()
	defer client.Close()
	if p.now() == Cut {
		client.SetLinger(0) // a reset, as of a port that nobody listens on
		return
	}
	var d net.Dialer
	server, err := d.DialContext(ctx, "tcp", p.target)
	if err != nil {
		client.SetLinger(0)
		return
	}
	p.mu.Lock()
	p.conns[client] = end
	at := len(p.asked)
	p.asked = append(p.asked, nil)
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, client)
	}()
	context.AfterFunc(ctx, func() {
		client.Close()
		server.Close()
	})
	var pumps sync.WaitGroup
	pumps.Go(func() {
		defer end()
		p.pump(ctx, server, client, func(b []byte) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.asked[at] = append(p.asked[at], b...)
		}, false)
	})
	pumps.Go(func() {
		defer end()
		p.pump(ctx, client, server, func([]byte) {}, true)
	})
	pumps.Wait()
}

// pump carries bytes one way.
func (p *Proxy) pump(ctx context.Context, to, from net.Conn, heard func([]byte), answers bool) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		b := buf[:n]
		heard(b)
		switch p.now() {
		case Loss:
			continue
		case Latency:
			if !pause(ctx, time.Duration(p.upTo(500))*time.Millisecond) {
				return
			}
		case Cut:
			to.Write(b[:p.upTo(n+1)])
			return
		case Garbage:
			if answers {
				b = p.spoil(b)
			}
		case Drip:
			for len(b) > 1 && p.now() == Drip {
				if _, err := to.Write(b[:1]); err != nil || !pause(ctx, 20*time.Millisecond) {
					return
				}
				b = b[1:]
			}
		}
		if _, err := to.Write(b); err != nil {
			return
		}
	}
}

// spoil returns b with random bytes before it, in its place, or it alone.
func (p *Proxy) spoil(b []byte) []byte {
	noise := make([]byte, 1+p.upTo(20))
	for i := range noise {
		noise[i] = byte(p.upTo(256))
	}
	switch p.upTo(3) {
	case 0:
		return noise
	case 1:
		return append(noise, b...)
	}
	return b
}

// datagrams carries datagrams until its socket is closed.
func (p *Proxy) datagrams(near *net.UDPConn) {
	far := map[string]*net.UDPConn{} // the proxy's socket to the server for each client
	defer func() {
		for _, c := range far {
			c.Close()
		}
	}()
	buf := make([]byte, 65536)
	for {
		n, client, err := near.ReadFromUDP(buf)
		if err != nil {
			return
		}
		b := append([]byte(nil), buf[:n]...)
		p.mu.Lock()
		p.asked = append(p.asked, b)
		p.mu.Unlock()
		server := far[client.String()]
		if server == nil {
			c, err := net.Dial("udp4", p.target)
			if err != nil {
				continue
			}
			server = c.(*net.UDPConn)
			far[client.String()] = server
			p.ends.Go(func() {
				buf := make([]byte, 65536)
				for {
					n, err := server.Read(buf)
					if n > 0 {
						b := append([]byte(nil), buf[:n]...)
						p.carry(b, true, func(b []byte) { near.WriteToUDP(b, client) })
					} else if errors.Is(err, net.ErrClosed) {
						return
					}
				}
			})
		}
		p.carry(b, false, func(b []byte) { server.Write(b) })
	}
}

// carry carries one datagram, or does not.
func (p *Proxy) carry(b []byte, answer bool, send func([]byte)) {
	switch p.now() {
	case Loss, Cut:
		return
	case Latency:
		p.ends.Go(func() {
			if pause(p.ctx, time.Duration(p.upTo(500))*time.Millisecond) {
				send(b)
			}
		})
		return
	case Garbage:
		if answer {
			b = p.spoil(b)
		}
	case Drip:
		send(b)
	}
	send(b)
}
