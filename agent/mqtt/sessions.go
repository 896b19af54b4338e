package mqtt

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// sessions see to it that a client id has one connection at a time, and that
// none is left when the broker closes.
//
// The library takes a session over while the connection before it is still
// ending, and what that does last is forget whom its client id belongs to: the
// new connection, which is then open and known to nobody. It can be taken over
// no more, and Close waits for it for ever. So a new connection waits here
// until the one before has ended altogether.
//
// It is a listener, which sees a connection's very end, and has a hook, which
// sees whose it is. The library's own listener leaves open for ever what
// connects while it closes, and closes before all have ended.
type sessions struct {
	address  string
	listener net.Listener
	serving  sync.WaitGroup // of connections

	mu     sync.Mutex
	closed bool
	open   map[net.Conn]*session
	byID   map[string]*session
}

type session struct {
	conn   net.Conn
	client *mochi.Client // nil before it is let in
	ended  chan struct{} // closed when nothing of it is left
}

const (
	farewell    = time.Second            // how long clients may take to receive that the broker closes
	acceptPause = 100 * time.Millisecond // before a connection is taken again where that failed
)

func newSessions(address string) *sessions {
	return &sessions{address: address, open: map[net.Conn]*session{}, byID: map[string]*session{}}
}

// ID names the listener.
func (s *sessions) ID() string { return "tcp" }

// Protocol names what it speaks.
func (s *sessions) Protocol() string { return "tcp" }

// Address returns host:port, with the port that was free.
func (s *sessions) Address() string { return s.listener.Addr().String() }

// Init begins to listen.
func (s *sessions) Init(*slog.Logger) (err error) {
	s.listener, err = net.Listen("tcp", s.address)
	return err
}

// Serve takes connections until Close.
func (s *sessions) Serve(establish listeners.EstablishFn) {
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(acceptPause) // no file is left to open, most likely
			continue
		}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			conn.Close()
			return
		}
		n := &session{conn: conn, ended: make(chan struct{})}
		s.open[conn] = n
		s.serving.Add(1)
		s.mu.Unlock()
		go func() {
			defer s.serving.Done()
			defer s.end(n)
			_ = establish(s.ID(), conn) // which has told the client what it does not like
		}()
	}
}

func (s *sessions) end(n *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, n.conn)
	if n.client != nil && s.byID[n.client.ID] == n {
		delete(s.byID, n.client.ID)
	}
	close(n.ended)
}

// Close stops listening, says so to every client, ends every connection and
// returns when nothing of them is left.
func (s *sessions) Close(goodbye listeners.CloseFn) {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.listener.Close()
	late := time.AfterFunc(farewell, s.cut)
	goodbye(s.ID())
	late.Stop()
	s.cut()
	s.serving.Wait()
}

func (s *sessions) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.open {
		conn.Close()
	}
}

// A takeover is the hook of sessions.
type takeover struct {
	mochi.HookBase
	server   *mochi.Server
	sessions *sessions
}

// ID names the hook.
func (*takeover) ID() string { return "takeover" }

// Provides says which of a hook's methods it has.
func (*takeover) Provides(method byte) bool { return method == mochi.OnSessionEstablish }

// OnSessionEstablish is called for a client that is let in. It disconnects the
// one before with the same id and returns when that is gone.
func (t *takeover) OnSessionEstablish(cl *mochi.Client, _ packets.Packet) {
	s := t.sessions
	for {
		s.mu.Lock()
		n, before := s.open[cl.Net.Conn], s.byID[cl.ID]
		if n == nil || before == nil {
			if n != nil {
				n.client = cl
				s.byID[cl.ID] = n
			}
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		_ = t.server.DisconnectClient(before.client, packets.ErrSessionTakenOver)
		<-before.ended
	}
}
