package mqtt

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"plantroom/testdata/peer"
)

func listen(t *testing.T) *Broker {
	t.Helper()
	b, err := Listen("127.0.0.1:0", "", "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// dial returns a client of the broker.
func dial(t *testing.T, b *Broker, o *paho.ClientOptions) paho.Client {
	t.Helper()
	c := paho.NewClient(o.AddBroker("tcp://" + b.Addr()).SetAutoReconnect(false))
	done(t, c.Connect())
	return c
}

func done(t *testing.T, token paho.Token) {
	t.Helper()
	if !token.WaitTimeout(2 * time.Minute) {
		t.Fatal("the broker does not answer")
	}
	if err := token.Error(); err != nil {
		t.Fatal(err)
	}
}

// TestSubscribersWhilePublishing: subscribers come and ask for all that is
// retained while it is published and cleared, and clients that vanish leave
// their wills. Each gets every topic that was there before it came.
func TestSubscribersWhilePublishing(t *testing.T) {
	b := listen(t)
	defer b.Close()
	agent := dial(t, b, paho.NewClientOptions().SetClientID("agent"))
	const topics = 300
	publish := func(kind string, i int, text string) {
		done(t, agent.Publish(fmt.Sprintf("plantroom/%s/%d", kind, i), 1, true, text))
	}
	for i := range topics {
		publish("old", i, "1")
	}
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			c := dial(t, b, paho.NewClientOptions().SetClientID(fmt.Sprint("desk-", n)))
			for range 20 {
				var mu sync.Mutex
				seen, every := map[string]bool{}, make(chan struct{})
				done(t, c.Subscribe("plantroom/#", 1, func(_ paho.Client, m paho.Message) {
					mu.Lock()
					defer mu.Unlock()
					if len(m.Topic()) > 14 && m.Topic()[:14] == "plantroom/old/" && !seen[m.Topic()] {
						if seen[m.Topic()] = true; len(seen) == topics {
							close(every)
						}
					}
				}))
				select {
				case <-every:
				case <-time.After(2 * time.Minute):
					mu.Lock()
					t.Errorf("desk %d has %d topics, want %d", n, len(seen), topics)
					mu.Unlock()
					return
				}
				done(t, c.Unsubscribe("plantroom/#"))
			}
			c.Disconnect(0)
		})
		all.Go(func() {
			for i := range 20 {
				conn, err := net.Dial("tcp", b.Addr())
				if err != nil {
					t.Error(err)
					return
				}
				hello := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
				hello.ProtocolName, hello.ProtocolVersion, hello.CleanSession = "MQTT", 4, true
				hello.ClientIdentifier = fmt.Sprint("leaf-", n)
				hello.WillFlag, hello.WillRetain, hello.WillTopic, hello.WillMessage = true, true, fmt.Sprintf("plantroom/will/%d/%d", n, i), []byte("offline")
				if err := hello.Write(conn); err != nil {
					t.Error(err)
				}
				if _, err := packets.ReadPacket(conn); err != nil {
					t.Error(err)
				}
				conn.Close()
			}
		})
	}
	ended := make(chan struct{})
	go func() { all.Wait(); close(ended) }()
	for i := 0; ; i++ {
		select {
		case <-ended:
			return
		default:
		}
		publish("old", i%topics, fmt.Sprint(i))
		publish("new", i, "1")
		if i%2 == 0 {
			publish("new", i/2, "")
		}
	}
}

// TestCloseWhileTheyCome closes brokers that clients are just connecting to.
func TestCloseWhileTheyCome(t *testing.T) {
	for range 30 {
		b := listen(t)
		var clients sync.WaitGroup
		for range 8 {
			clients.Go(func() {
				for {
					conn, err := net.Dial("tcp", b.Addr())
					if err != nil {
						return // it is closed
					}
					io.WriteString(conn, "\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00")
					conn.(*net.TCPConn).SetLinger(0)
					io.ReadFull(conn, make([]byte, 4)) // CONNACK, or the end
					conn.Close()
				}
			})
		}
		conn, err := net.Dial("tcp", b.Addr())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00")
		io.ReadFull(conn, make([]byte, 4))
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		io.Copy(io.Discard, conn) // ends, as all connections do
		conn.Close()
		clients.Wait()
	}
}

// TestClientThatDoesNotRead: a client subscribes, never reads what it gets, and
// subscribes again. Others go on, and the broker closes.
func TestClientThatDoesNotRead(t *testing.T) {
	for qos := range byte(2) {
		t.Run(fmt.Sprint("qos", qos), func(t *testing.T) { doesNotRead(t, qos) })
	}
}

func doesNotRead(t *testing.T, qos byte) {
	b := listen(t)
	conn, err := net.Dial("tcp", b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.(*net.TCPConn).SetReadBuffer(4096)
	io.WriteString(conn, "\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04deaf")
	subscribe := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	subscribe.MessageID, subscribe.Topics, subscribe.Qoss = 1, []string{"plantroom/#"}, []byte{qos}
	subscribe.Write(conn)
	for range 2 {
		if _, err := packets.ReadPacket(conn); err != nil { // CONNACK, SUBACK
			t.Fatal(err)
		}
	}
	agent := dial(t, b, paho.NewClientOptions().SetClientID("agent"))
	large := make([]byte, 1<<20)
	for i := range 16 {
		done(t, agent.Publish(fmt.Sprint("plantroom/", i), 1, true, large))
	}
	subscribe.Write(conn)
	for i := range 16 {
		done(t, agent.Publish(fmt.Sprint("plantroom/", i), 1, true, large))
	}
	// It comes again, and is let in though it cannot be told that it was put out.
	dial(t, b, paho.NewClientOptions().SetClientID("deaf")).Disconnect(0)
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// TestSlowLink: a client that takes little at a time is waited for, one that takes
// nothing is not.
func TestSlowLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		const takes = 5
		go func() {
			for range takes {
				time.Sleep(patience - time.Second)
				far.Read(make([]byte, 1))
			}
		}()
		if n, err := (link{near}).Write(make([]byte, takes)); n != takes || err != nil {
			t.Errorf("%d bytes were taken, and then %v", n, err)
		}
		began := time.Now()
		if n, err := (link{near}).Write([]byte{0}); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != patience {
			t.Errorf("%d bytes were taken after %v, and then %v", n, time.Since(began), err)
		}
		if _, err := far.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the connection is open: %v", err)
		}
	})
}

// TestConnectionsThatSayNothing: there are so many and no more, and they do not
// last; then clients are let in again.
func TestConnectionsThatSayNothing(t *testing.T) {
	t.Parallel()
	b := listen(t)
	defer b.Close()
	var conns []net.Conn
	for range connections + 1 {
		conn, err := net.Dial("tcp", b.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	for _, i := range []int{connections, 0, connections - 1} {
		conns[i].SetReadDeadline(time.Now().Add(2 * time.Minute))
		if n, err := conns[i].Read(make([]byte, 1)); n > 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("connection %d is told %d bytes, and then %v", i, n, err)
		}
	}
	peer.Until(t, "a client is let in", func() bool {
		c := paho.NewClient(paho.NewClientOptions().SetClientID("desk").AddBroker("tcp://" + b.Addr()).SetAutoReconnect(false))
		token := c.Connect()
		defer c.Disconnect(0)
		return token.WaitTimeout(2*time.Minute) && token.Error() == nil
	})
}

// TestReceiveMaximum: clients of MQTT 5 that say how many messages they can take
// at once get all, and keep nobody from publishing.
func TestReceiveMaximum(t *testing.T) {
	b := listen(t)
	defer b.Close()
	_, port, _ := net.SplitHostPort(b.Addr())
	var subs []func() []string
	for _, most := range []string{"65535", "1000", "1"} {
		subs = append(subs, peer.Subscribe(t, "-p", port, "-V", "5", "-q", "1", "-D", "connect", "receive-maximum", most, "-t", "plantroom/#"))
	}
	agent := dial(t, b, paho.NewClientOptions().SetClientID("agent"))
	const messages = 5000
	for i := range messages {
		done(t, agent.Publish(fmt.Sprint("plantroom/", i), 1, false, "1"))
	}
	for i, lines := range subs {
		peer.Within(t, 2*time.Minute, fmt.Sprint("all messages for client ", i), func() bool { return len(lines()) == messages })
	}
}
