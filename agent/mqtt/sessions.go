package mqtt

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
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
// connects while it closes, and closes before all have ended. What the library
// has to say goodbye with takes a lock twice, and waits for itself where a
// client ends in between.
type sessions struct {
	server   *mochi.Server
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
	client atomic.Pointer[mochi.Client] // nil before it is let in
	ended  chan struct{}                // closed when nothing of it is left
}

const (
	patience    = 3 * time.Second        // how long a client may take nothing of what is written to it
	connections = 256                    // at most; the library takes a quarter of a megabyte for each
	greeting    = 5 * time.Second        // how long a client may take to say who it is
	farewell    = time.Second            // how long a client may take to receive that it is disconnected
	acceptPause = 100 * time.Millisecond // before a connection is taken again where that failed
)

func newSessions(server *mochi.Server, address string) *sessions {
	return &sessions{server: server, address: address, open: map[net.Conn]*session{}, byID: map[string]*session{}}
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
		if s.closed || len(s.open) == connections {
			s.mu.Unlock()
			conn.Close()
			continue
		}
		n := &session{conn: link{conn}, ended: make(chan struct{})}
		_ = n.conn.SetDeadline(time.Now().Add(greeting)) // the library sets others once it knows who it is
		s.open[n.conn] = n
		s.serving.Add(1)
		s.mu.Unlock()
		go func() {
			defer s.serving.Done()
			defer s.end(n)
			_ = establish(s.ID(), n.conn) // which has told the client what it does not like
		}()
	}
}

func (s *sessions) end(n *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, n.conn)
	if client := n.client.Load(); client != nil && s.byID[client.ID] == n {
		delete(s.byID, client.ID)
	}
	close(n.ended)
}

// Close stops listening, says so to every client, ends every connection and
// returns when nothing of them is left.
func (s *sessions) Close(listeners.CloseFn) {
	s.mu.Lock()
	s.closed = true
	s.listener.Close()
	for _, n := range s.open {
		s.serving.Go(func() { s.disconnect(n, packets.ErrServerShuttingDown) })
	}
	s.mu.Unlock()
	s.serving.Wait()
}

// disconnect tells a client why, if it listens, and ends its connection.
func (s *sessions) disconnect(n *session, why packets.Code) {
	defer time.AfterFunc(farewell, func() { n.conn.Close() }).Stop()
	if client := n.client.Load(); client != nil {
		_ = s.server.DisconnectClient(client, why)
	}
	n.conn.Close()
}

// A link is a client's connection. The library writes to a client with a lock
// that whoever has a message of QoS 1 for it waits for. So one that takes
// nothing any more is cut off, before the agent gives its own broker up.
type link struct{ net.Conn }

// Write writes for as long as the client takes something. The connection of one
// that does not is closed: it would miss what is left of a packet.
func (l link) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		_ = l.SetWriteDeadline(time.Now().Add(patience))
		var taken int
		taken, err = l.Conn.Write(p[n:])
		n += taken
		if taken > 0 && errors.Is(err, os.ErrDeadlineExceeded) {
			err = nil
		}
	}
	if err != nil {
		l.Close()
	}
	return n, err
}

// SetDeadline says until when the client has to be heard of. Whatever it sends,
// it has to read too.
func (l link) SetDeadline(t time.Time) error { return l.SetReadDeadline(t) }

// A takeover is the hook of sessions.
type takeover struct {
	mochi.HookBase
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
				n.client.Store(cl)
				s.byID[cl.ID] = n
			}
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		s.disconnect(before, packets.ErrSessionTakenOver)
		<-before.ended
	}
}
