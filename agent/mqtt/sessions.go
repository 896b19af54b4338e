package mqtt

import (
	"net"
	"sync"

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
// sees whose it is.
type sessions struct {
	*listeners.TCP

	mu   sync.Mutex
	open map[net.Conn]*session
	byID map[string]*session
}

type session struct {
	conn   net.Conn
	client *mochi.Client // nil before it is let in
	ended  chan struct{} // closed when nothing of it is left
}

func newSessions(address string) *sessions {
	return &sessions{
		TCP:  listeners.NewTCP(listeners.Config{ID: "tcp", Address: address}),
		open: map[net.Conn]*session{},
		byID: map[string]*session{},
	}
}

// Serve takes connections until Close.
func (s *sessions) Serve(establish listeners.EstablishFn) {
	s.TCP.Serve(func(id string, conn net.Conn) error {
		n := &session{conn: conn, ended: make(chan struct{})}
		s.mu.Lock()
		s.open[conn] = n
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.open, conn)
			if n.client != nil && s.byID[n.client.ID] == n {
				delete(s.byID, n.client.ID)
			}
			close(n.ended)
		}()
		return establish(id, conn)
	})
}

// Close stops listening and ends every connection.
func (s *sessions) Close(clients listeners.CloseFn) {
	s.TCP.Close(clients)
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
