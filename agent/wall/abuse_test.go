package wall

import (
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"plantroom/agent"
)

// A pipes is a listener whose connections are in memory, so that their time is
// that of a synctest bubble.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error {
	close(l.closed)
	return nil
}

func (l *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080} }

// dial returns the client's end of a new connection.
func (l *pipes) dial() net.Conn {
	near, far := net.Pipe()
	l.conns <- far
	return near
}

// ask sends text over a new connection and returns all that is answered until
// the server closes it.
func (l *pipes) ask(t *testing.T, text string) string {
	t.Helper()
	c := l.dial()
	defer c.Close()
	go io.WriteString(c, text)
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Error(err)
	}
	return string(answer)
}

// TestAbuse serves clients that are slow, greedy or silent: each is cut off in
// its time, and whoever comes meanwhile is served.
func TestAbuse(t *testing.T) {
	const request = "GET /healthz HTTP/1.1\r\nHost: a\r\n"
	for _, c := range []struct {
		name   string
		client func(c net.Conn) // until the server hangs up
		least  time.Duration    // for that
		most   time.Duration
		answer string // how what is answered begins
	}{
		{"says nothing", func(net.Conn) {}, 5 * time.Second, 5 * time.Second, ""},
		{"sends its header a byte a second", func(c net.Conn) {
			for _, b := range []byte(request) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}, 5 * time.Second, 6 * time.Second, "HTTP/1.1 400 "},
		{"sends a body a byte a second", func(c net.Conn) {
			io.WriteString(c, "POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
			for {
				if _, err := c.Write([]byte{'x'}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}, 0, 11 * time.Second, "HTTP/1.1 405 "},
		{"sends a header without end", func(c net.Conn) {
			io.WriteString(c, request+"X: ")
			for {
				if _, err := c.Write([]byte(strings.Repeat("x", 1000))); err != nil {
					return
				}
			}
		}, 0, 5 * time.Second, "HTTP/1.1 431 "},
		{"sends a body without end", func(c net.Conn) {
			io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
			for {
				if _, err := io.WriteString(c, "400\r\n"+strings.Repeat("x", 0x400)+"\r\n"); err != nil {
					return
				}
			}
		}, 0, 11 * time.Second, "HTTP/1.1 503 "},
		{"asks and keeps the connection", func(c net.Conn) { io.WriteString(c, request+"\r\n") }, time.Minute, time.Minute, "HTTP/1.1 503 "},
		{"speaks something else", func(c net.Conn) { c.Write([]byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3, '\n', '\n'}) }, 0, 5 * time.Second, "HTTP/1.1 400 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := slog.New(slog.DiscardHandler)
				l := newPipes()
				s := serveOn(l, Options{Agent: agent.New(nil, nil, log), Log: log})
				defer s.Close()
				conn := l.dial()
				defer conn.Close()
				began := time.Now()
				done := make(chan struct{})
				go func() {
					defer close(done)
					c.client(conn)
				}()
				if other := l.ask(t, request+"Connection: close\r\n\r\n"); !strings.HasPrefix(other, "HTTP/1.1 503 ") || time.Since(began) > 0 {
					t.Errorf("somebody else is answered %q after %v", other, time.Since(began))
				}
				answer, _ := io.ReadAll(conn)
				if took := time.Since(began); took < c.least || took > c.most {
					t.Errorf("cut off after %v, want %v to %v", took, c.least, c.most)
				}
				if !strings.HasPrefix(string(answer), c.answer) || c.answer == "" && len(answer) > 0 {
					t.Errorf("answered %q, want %q...", answer, c.answer)
				}
				conn.Close()
				<-done
			})
		})
	}
}

// TestClientThatDoesNotRead leaves its answer lying.
func TestClientThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := slog.New(slog.DiscardHandler)
		l := newPipes()
		s := serveOn(l, Options{Agent: agent.New(nil, nil, log), Log: log})
		defer s.Close()
		conn := l.dial()
		defer conn.Close()
		io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
		time.Sleep(31 * time.Second)
		if answer, _ := io.ReadAll(conn); len(answer) > 0 {
			t.Errorf("after 31 s it still gets %d bytes", len(answer))
		}
	})
}

// TestManyConnections opens more than may be: those beyond are served when one
// of the others ends.
func TestManyConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := slog.New(slog.DiscardHandler)
		l := newPipes()
		s := serveOn(l, Options{Agent: agent.New(nil, nil, log), Log: log})
		defer s.Close()
		for range maxConns {
			defer l.dial().Close()
		}
		began := time.Now()
		answer := l.ask(t, "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		if took := time.Since(began); took != 5*time.Second || !strings.HasPrefix(answer, "HTTP/1.1 503 ") {
			t.Errorf("beside %d silent connections: %q after %v, want an answer when they are cut off after 5s", maxConns, answer, took)
		}
	})
}

// TestGuessing has many try passwords at the same time: they get a second each,
// and keep nobody out whose password was right before, or who has the token.
func TestGuessing(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		log := slog.New(slog.DiscardHandler)
		l := newPipes()
		s := serveOn(l, Options{Agent: agent.New(nil, nil, log), Log: log, Token: "t0ken", Users: map[string]string{"desk": string(hash)}})
		defer s.Close()
		ask := func(authorization string) (status string, took time.Duration) {
			began := time.Now()
			answer := l.ask(t, "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: "+authorization+"\r\n\r\n")
			return answer[:min(len(answer), 12)], time.Since(began)
		}
		basic := func(name, password string) string {
			return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
		}
		if status, took := ask(basic("desk", "sesame")); status != "HTTP/1.1 200" || took > 0 {
			t.Errorf("the right password: %s after %v", status, took)
		}
		began := time.Now()
		var guesses sync.WaitGroup
		for i := range 20 {
			name := "desk"
			if i%2 == 1 {
				name = "nobody"
			}
			guesses.Go(func() {
				if status, _ := ask(basic(name, fmt.Sprint("sesame", i))); status != "HTTP/1.1 401" {
					t.Errorf("%s guesses: %s", name, status)
				}
			})
		}
		time.Sleep(time.Millisecond)
		for _, who := range []string{basic("desk", "sesame"), "Bearer t0ken"} {
			if status, took := ask(who); status != "HTTP/1.1 200" || took > 0 {
				t.Errorf("%.6s meanwhile: %s after %v", who, status, took)
			}
		}
		guesses.Wait()
		if took := time.Since(began); took != 20*guessPause {
			t.Errorf("20 wrong passwords took %v", took)
		}
	})
}
