package mqtt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/google/go-cmp/cmp"

	"plantroom/agent"
	"plantroom/testdata/peer"
)

var (
	upsA    = &agent.Device{ID: "ups-a", Name: "UPS A", Class: "ups", Profile: "rfc1628-ups", Every: 5 * time.Second, Labels: []agent.Label{{Name: "room", Value: "hall"}}, Feeds: []agent.Feed{{To: "rack-1"}}}
	upsB    = &agent.Device{ID: "ups-b", Name: "UPS B", Class: "ups", Every: time.Second}
	voltage = &agent.Metric{Class: "ups", Name: "input_voltage", Unit: "V", Min: 0, Max: 1000, Doc: "of the input"}
	charge  = &agent.Metric{Class: "ups", Name: "battery_charge", Unit: "%"}
	status  = &agent.Metric{Class: "ups", Name: "status", Kind: agent.State, States: []string{"unknown", "online", "on_battery"}}
	temp    = &agent.Metric{Class: "climate", Name: "temperature", Unit: "Cel"}

	inputL1  = &agent.Point{Device: upsA, Metric: voltage, Channel: "L1", ChannelName: "Phase 1", Source: "1.3.6.1.2.1.33.1.3.3.1.3.1"}
	inputL2  = &agent.Point{Device: upsA, Metric: voltage, Channel: "L2"}
	charging = &agent.Point{Device: upsA, Metric: charge}
	statusA  = &agent.Point{Device: upsA, Metric: status}
	probe    = &agent.Point{Device: upsA, Metric: temp, Channel: `pro"be 1`}
	statusB  = &agent.Point{Device: upsB, Metric: status}
)

// at gives readings the time of second n.
func at(n int64, rs ...agent.Reading) []agent.Reading {
	for i := range rs {
		rs[i].Time = time.Unix(1790000000+n, 0)
	}
	return rs
}

func newSink(t *testing.T, o Options) *Sink {
	t.Helper()
	o.ClientID, o.Prefix, o.Site, o.Agent = "plantroom-test", "plantroom", "praha-1", "edge-1"
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func send(t *testing.T, s *Sink, block []byte) {
	t.Helper()
	if err := s.Send(t.Context(), block); err != nil {
		t.Fatal(err)
	}
}

// has waits until a line came that begins with topic and has all of parts in it.
func has(t *testing.T, lines func() []string, topic string, parts ...string) {
	t.Helper()
	peer.Until(t, topic+" "+strings.Join(parts, " "), func() bool {
		return slices.ContainsFunc(lines(), func(line string) bool {
			got, payload, _ := strings.Cut(line, " ")
			return got == topic && !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(payload, p) })
		})
	})
}

func TestState(t *testing.T) {
	s := newSink(t, Options{URL: "mqtt://127.0.0.1:1"})
	block := s.Append(nil, at(0, inputL1.Measured(231.2), inputL2.Measured(6553.5), charging.Failed(errors.New("timeout after 1s")),
		statusA.Stated(2, ""), probe.Measured(24.5)))
	topic, ms, payload, rest, err := unframe(block)
	if err != nil || topic != "plantroom/praha-1/ups-a" || ms != 1790000000000 || len(rest) != 0 {
		t.Fatalf("frame: %q %d %q %v", topic, ms, rest, err)
	}
	want := `{"time":"2026-09-21T14:13:20.000Z","readings":{` +
		`"input_voltage/L1":{"value":231.2,"quality":"good"},` +
		`"input_voltage/L2":{"value":6553.5,"quality":"suspect","why":"6553.5 V is outside 0..1000"},` +
		`"battery_charge":{"quality":"bad","why":"timeout after 1s"},` +
		`"status":{"value":2,"state":"on_battery","quality":"good"},` +
		`"climate.temperature/pro\"be 1":{"value":24.5,"quality":"good"}}}`
	if string(payload) != want {
		t.Errorf("state:\n%s\nwant:\n%s", payload, want)
	}
	if !json.Valid(payload) {
		t.Error("the state is not JSON")
	}
	block = s.Append(nil, at(0, statusA.Stated(0, "17\n")))
	if _, _, payload, _, _ = unframe(block); !strings.Contains(string(payload), `"status":{"value":0,"state":"unknown","raw":"17\n","quality":"good"}`) {
		t.Errorf("unknown state: %s", payload)
	}
}

// TestMosquitto is a life with a real broker: a password, retained state for
// who comes late, meta, the broker gone and back, and the last will.
func TestMosquitto(t *testing.T) {
	passwords := filepath.Join(t.TempDir(), "passwords")
	if out, err := exec.Command(peer.Need(t, "mosquitto_passwd", "apt-get install mosquitto"), "-c", "-b", passwords, "edge-1", "sesame").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	broker := peer.StartMosquitto(t, "password_file "+passwords)
	subscribe := func() func() []string {
		return peer.Subscribe(t, "-p", broker.Port, "-u", "edge-1", "-P", "sesame", "-t", "plantroom/#")
	}

	wrong := newSink(t, Options{URL: "mqtt://127.0.0.1:" + broker.Port, Username: "edge-1", Password: "guess"})
	err := wrong.Send(t.Context(), wrong.Append(nil, at(0, statusA.Stated(1, ""))))
	if err == nil || !strings.Contains(strings.ToLower(err.Error()), "not authorized") || strings.Contains(err.Error(), "guess") {
		t.Errorf("a wrong password: %v", err)
	}

	s := newSink(t, Options{URL: "mqtt://127.0.0.1:" + broker.Port, Username: "edge-1", Password: "sesame", PerMetric: true})
	send(t, s, s.Append(nil, at(0, inputL1.Measured(231.2), statusA.Stated(1, ""))))
	late := subscribe()
	has(t, late, "plantroom/praha-1/ups-a", `"input_voltage/L1":{"value":231.2,"quality":"good"}`, `"state":"online"`)
	has(t, late, "plantroom/praha-1/ups-a/meta", `"name":"UPS A"`, `"room":"hall"`, `"feeds":["rack-1"]`, `"every":5`,
		`"input_voltage/L1":{"unit":"V","kind":"gauge","name":"Phase 1"`, `"states":["unknown","online","on_battery"]`)
	has(t, late, "plantroom/praha-1/_agent/edge-1", "online")
	has(t, late, "plantroom/praha-1/ups-a/input_voltage/L1", "231.2")
	has(t, late, "plantroom/praha-1/ups-a/status", "online")

	// A row that is learnt later makes new meta.
	send(t, s, s.Append(nil, at(1, inputL1.Measured(231), inputL2.Measured(230), statusA.Stated(1, ""))))
	has(t, late, "plantroom/praha-1/ups-a/meta", `"input_voltage/L2"`)

	broker.Process.Stop()
	err = s.Send(t.Context(), s.Append(nil, at(2, statusA.Stated(2, ""))))
	if err == nil {
		t.Fatal("the broker is gone, and Send says nothing")
	}
	err = s.Send(t.Context(), s.Append(nil, at(2, statusA.Stated(2, ""))))
	if want := fmt.Sprintf("connect to mqtt://127.0.0.1:%[1]s: connection refused", broker.Port); err == nil || err.Error() != want {
		t.Errorf("the broker is gone: %v", err)
	}
	broker.Restart(t) // it has forgotten everything
	send(t, s, s.Append(nil, at(3, statusA.Stated(2, ""))))
	back := subscribe()
	has(t, back, "plantroom/praha-1/ups-a", `"state":"on_battery"`)
	has(t, back, "plantroom/praha-1/ups-a/meta", `"input_voltage/L2"`)

}

// TestLastWill: an agent that says goodbye is offline, and so is one whose
// connection breaks.
func TestLastWill(t *testing.T) {
	broker := peer.StartMosquitto(t, "allow_anonymous true")
	sub := peer.Subscribe(t, "-p", broker.Port, "-t", "plantroom/praha-1/_agent/#")
	proxy := newProxy(t, "127.0.0.1:"+broker.Port)
	s := newSink(t, Options{URL: "mqtt://" + proxy.address})
	send(t, s, s.Append(nil, at(0, statusA.Stated(1, ""))))
	has(t, sub, "plantroom/praha-1/_agent/edge-1", "online")
	proxy.cut()
	has(t, sub, "plantroom/praha-1/_agent/edge-1", "offline")
	has(t, peer.Subscribe(t, "-p", broker.Port, "-t", "plantroom/praha-1/_agent/#"), "plantroom/praha-1/_agent/edge-1", "offline")
	peer.Until(t, "online again", func() bool {
		return s.Send(t.Context(), s.Append(nil, at(1, statusA.Stated(1, "")))) == nil
	})
	peer.Until(t, "on, off, on", func() bool { return len(sub()) == 3 })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	peer.Until(t, "on, off, on, off", func() bool { return len(sub()) == 4 })
	want := []string{"online", "offline", "online", "offline"}
	for i, line := range sub() {
		if !strings.HasSuffix(line, " "+want[i]) {
			t.Errorf("message %d: %s, want %s", i, line, want[i])
		}
	}
}

// A proxy stands between the sink and the broker and can cut the connection.
type proxy struct {
	address string
	conns   chan net.Conn
}

func newProxy(t *testing.T, to string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{l.Addr().String(), make(chan net.Conn, 16)}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			a, err := l.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", to)
			if err != nil {
				a.Close()
				continue
			}
			p.conns <- a
			p.conns <- b
			go func() { b.(*net.TCPConn).ReadFrom(a); b.Close() }()
			go func() { a.(*net.TCPConn).ReadFrom(b); a.Close() }()
		}
	}()
	return p
}

func (p *proxy) cut() { (<-p.conns).Close(); (<-p.conns).Close() }

// TestRetainedStateNeverGoesBack sends a backlog of two devices while newer
// polls are already queued behind it.
func TestRetainedStateNeverGoesBack(t *testing.T) {
	broker := peer.StartMosquitto(t, "allow_anonymous true")
	for _, history := range []bool{false, true} {
		sub := peer.Subscribe(t, "-p", broker.Port, "-t", "plantroom/praha-1/ups-a", "-t", "plantroom/praha-1/ups-a/history", "-R")
		s := newSink(t, Options{URL: "mqtt://127.0.0.1:" + broker.Port, History: history})
		var blocks [][]byte
		for i := range int64(5) {
			blocks = append(blocks, s.Append(nil, at(10*i, inputL1.Measured(float64(i)))))
		}
		send(t, s, slices.Concat(blocks[0], blocks[1], blocks[2]))
		send(t, s, slices.Concat(blocks[3], blocks[4]))
		send(t, s, s.Append(nil, at(-3600, inputL1.Measured(99)))) // the clock was set back: still the newest
		var want []string
		if history {
			want = []string{"ups-a 4", "history 0", "history 1", "history 2", "history 3", "ups-a 99"}
		} else {
			want = []string{"ups-a 4", "ups-a 99"}
		}
		var got []string
		peer.Until(t, "the last state", func() bool {
			got = got[:0]
			for _, line := range sub() {
				topic, payload, _ := strings.Cut(line, " ")
				var state struct {
					Readings map[string]struct{ Value json.Number }
				}
				if err := json.Unmarshal([]byte(payload), &state); err != nil {
					t.Fatal(err)
				}
				got = append(got, topic[strings.LastIndexByte(topic, '/')+1:]+" "+state.Readings["input_voltage/L1"].Value.String())
			}
			return len(got) == len(want)
		})
		if !slices.Equal(got, want) {
			t.Errorf("history %v: %q, want %q", history, got, want)
		}
		if n := len(s.devices["plantroom/praha-1/ups-a"].ahead); n != 0 {
			t.Errorf("history %v: %d states are remembered that cannot come up again", history, n)
		}
		s.Close()
	}
}

// TestEarlierRun delivers what an agent left in its queue when it ended: the
// broker has newer things retained already.
func TestEarlierRun(t *testing.T) {
	broker := peer.StartMosquitto(t, "allow_anonymous true")
	sub := peer.Subscribe(t, "-p", broker.Port, "-t", "plantroom/praha-1/ups-a", "-t", "plantroom/praha-1/ups-a/history", "-F", "%t %r %p", "-N")
	options := Options{URL: "mqtt://127.0.0.1:" + broker.Port, History: true}
	before := newSink(t, options)
	left := before.Append(nil, at(0, inputL1.Measured(0)))
	send(t, before, before.Append(nil, at(1, inputL1.Measured(1))))
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	s := newSink(t, options)
	send(t, s, left)
	send(t, s, append(left, s.Append(nil, at(2, inputL1.Measured(2)))...))
	has(t, sub, "plantroom/praha-1/ups-a", `{"value":2,`)
	for _, line := range sub() {
		if strings.HasPrefix(line, "plantroom/praha-1/ups-a ") && strings.Contains(line, `{"value":0,`) {
			t.Errorf("a state of the earlier run went out as the present one: %s", line)
		}
	}
	has(t, sub, "plantroom/praha-1/ups-a/history", `{"value":0,`)
}

// TestBrokerForgets restarts a broker that keeps nothing, while one device is
// polled and another rests.
func TestBrokerForgets(t *testing.T) {
	broker := peer.StartMosquitto(t, "allow_anonymous true")
	s := newSink(t, Options{URL: "mqtt://127.0.0.1:" + broker.Port})
	send(t, s, append(s.Append(nil, at(0, inputL1.Measured(231.2))), s.Append(nil, at(0, statusB.Stated(2, "")))...))
	broker.Process.Stop()
	broker.Restart(t)
	peer.Until(t, "the connection is back", func() bool {
		return s.Send(t.Context(), s.Append(nil, at(1, inputL1.Measured(230)))) == nil
	})
	sub := peer.Subscribe(t, "-p", broker.Port, "-t", "#")
	has(t, sub, "plantroom/praha-1/ups-a", `"value":230`)
	has(t, sub, "plantroom/praha-1/ups-b", `"state":"on_battery"`)
	has(t, sub, "plantroom/praha-1/ups-b/meta", `"UPS B"`)
	has(t, sub, "plantroom/praha-1/_agent/edge-1", "online")
}

// TestValues: a topic of its own never shows a value that is not there any
// more, nor one that cannot be believed.
func TestValues(t *testing.T) {
	broker := peer.StartMosquitto(t, "allow_anonymous true")
	options := Options{URL: "mqtt://127.0.0.1:" + broker.Port, PerMetric: true}
	s := newSink(t, options)
	energy := &agent.Point{Device: upsA, Metric: &agent.Metric{Class: "ups", Name: "output_energy", Unit: "Wh", Kind: agent.Counter}}
	retained := func(want ...string) {
		t.Helper()
		for i := range want {
			want[i] = "plantroom/praha-1/ups-a/" + want[i]
		}
		sub := peer.Subscribe(t, "-p", broker.Port, "-t", "plantroom/praha-1/ups-a/+", "-t", "plantroom/praha-1/ups-a/+/+", "-t", "end", "-T", "+/+/+/meta")
		if out, err := exec.Command(peer.Need(t, "mosquitto_pub", "apt-get install mosquitto-clients"), "-p", broker.Port, "-t", "end", "-m", "here").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		has(t, sub, "end", "here")
		got := slices.DeleteFunc(sub(), func(line string) bool { return line == "end here" })
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("retained: %q\nwant: %q", got, want)
		}
	}
	send(t, s, s.Append(nil, at(0, inputL1.Measured(231.2), inputL2.Measured(230), charging.Measured(98), statusA.Stated(1, ""), energy.Measured(123456789))))
	retained("input_voltage/L1 231.2", "input_voltage/L2 230", "battery_charge 98", "status online", "output_energy 123456789")
	timeout := errors.New("timeout after 1s")
	send(t, s, s.Append(nil, at(1, inputL1.Failed(timeout), inputL2.Measured(6553.5), statusA.Stated(2, "")))) // and no charge
	retained("status on_battery")
	send(t, s, s.Append(nil, at(2, inputL1.Measured(229), statusA.Stated(1, ""))))
	retained("status online", "input_voltage/L1 229")
	s.Close()
	s = newSink(t, options) // which does not know what the one before left
	send(t, s, s.Append(nil, at(3, inputL1.Failed(timeout), statusA.Failed(timeout))))
	retained()
}

// TestSilentBroker publishes to a broker that takes everything and confirms
// nothing. Send gives up as soon as it is told to, and keeps the connection for
// a last word; when it has waited too long it makes a new one.
func TestSilentBroker(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	topics, connects := make(chan string, 16), make(chan bool, 16)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for {
					p, err := packets.ReadPacket(c)
					if err != nil {
						return
					}
					switch p := p.(type) {
					case *packets.ConnectPacket:
						packets.NewControlPacket(packets.Connack).Write(c)
						connects <- true
					case *packets.PublishPacket:
						if strings.Contains(p.TopicName, "/_agent/") {
							ack := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
							ack.MessageID = p.MessageID
							ack.Write(c)
						} else if strings.HasSuffix(p.TopicName, "/ups-a") {
							topics <- p.TopicName
						}
					}
				}
			}()
		}
	}()
	s := newSink(t, Options{URL: "mqtt://" + l.Addr().String()})
	for i, cause := range []error{context.Canceled, errNoAck, errNoAck} {
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Send(ctx, s.Append(nil, at(int64(i), statusA.Stated(1, "")))) }()
		select {
		case <-topics:
		case err := <-done:
			t.Fatal(err)
		}
		cancel(cause)
		if err := <-done; !errors.Is(err, cause) {
			t.Errorf("error: %v, want %v", err, cause)
		}
	}
	if n := len(connects); n != 2 {
		t.Errorf("%d connections, want 2: one that lasts until it has waited too long, and another", n)
	}
}

// answer has a sink speak, over links in memory, to a broker that lets everybody
// in. Told is called with each message, of which connection it is, and what
// acknowledges it.
func answer(s *Sink, told func(connection int, topic string, ack func())) (connections *int) {
	connections = new(int)
	s.paho.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) {
		near, far := net.Pipe()
		*connections++
		connection := *connections
		go func() {
			for {
				p, err := packets.ReadPacket(far)
				if err != nil {
					return
				}
				switch p := p.(type) {
				case *packets.ConnectPacket:
					packets.NewControlPacket(packets.Connack).Write(far)
				case *packets.PingreqPacket:
					go packets.NewControlPacket(packets.Pingresp).Write(far)
				case *packets.PublishPacket:
					told(connection, p.TopicName, func() {
						ack := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
						ack.MessageID = p.MessageID
						ack.Write(far)
					})
				}
			}
		}()
		return near, nil
	})
	return connections
}

// TestSlowBroker: a broker that takes its time for each of many messages is
// waited for as long as it goes on; one that stops is not.
func TestSlowBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const messages, stopsAt = 100, 150
		acked, acks := 0, make(chan func(), 4*messages)
		defer close(acks)
		go func() {
			for ack := range acks {
				if time.Sleep(time.Second); acked == stopsAt {
					continue
				}
				acked++
				ack()
			}
		}()
		s := newSink(t, Options{URL: "mqtt://10.0.0.1:1883", History: true})
		answer(s, func(_ int, _ string, ack func()) { acks <- ack })
		block := func() (b []byte) {
			for n := range int64(messages) {
				b = s.Append(b, at(n, inputL1.Measured(float64(n))))
			}
			return b
		}
		began := time.Now()
		send(t, s, block())
		if took := time.Since(began); acked < messages || took < messages*time.Second {
			t.Errorf("%d acknowledgements in %v", acked, took)
		}
		if err := s.Send(t.Context(), block()); !errors.Is(err, errNoAck) {
			t.Errorf("Send says %v", err)
		}
		if took := time.Since(began); acked != stopsAt || took > (stopsAt+1)*time.Second+ackTimeout {
			t.Errorf("%d acknowledgements, and Send returns after %v", acked, took)
		}
		s.Close()
		time.Sleep(time.Hour)
	})
}

// TestOnlineIsNotTaken: a connection on which the broker does not take that the
// agent is online is none. The next one begins with that, and all that is
// retained follows.
func TestOnlineIsNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said := make(chan string, 16) // over the second connection
		s := newSink(t, Options{URL: "mqtt://10.0.0.1:1883"})
		connections := answer(s, func(connection int, topic string, ack func()) {
			if connection > 1 {
				said <- topic
				go ack()
			}
		})
		block := s.Append(nil, at(0, statusA.Stated(1, "")))
		if err := s.Send(t.Context(), block); !errors.Is(err, errNoAck) {
			t.Fatalf("Send says %v", err)
		}
		send(t, s, block)
		for _, want := range []string{"_agent/edge-1", "ups-a/meta", "ups-a"} {
			if got := <-said; got != "plantroom/praha-1/"+want {
				t.Errorf("the broker was told %s, want %s", got, want)
			}
		}
		if *connections != 2 {
			t.Errorf("%d connections", *connections)
		}
		s.Close()
		time.Sleep(time.Hour)
	})
}

// TestSlowIsNotRefused: a message that a broker does not confirm in time, though
// the connection stays, is none that it never takes.
func TestSlowIsNotRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSink(t, Options{URL: "mqtt://10.0.0.1:1883", SetAside: func(message string, why error) { t.Errorf("set aside: %s, %v", message, why) }})
		answer(s, func(_ int, topic string, ack func()) {
			if strings.Contains(topic, "/_agent/") {
				go ack()
			}
		})
		s.cuts = carefulFrom
		for n := range int64(blamesLimit + 1) {
			if err := s.Send(t.Context(), s.Append(nil, at(n, statusA.Stated(1, "")))); !errors.Is(err, errNoAck) {
				t.Errorf("Send says %v", err)
			}
		}
		s.Close()
		time.Sleep(time.Hour)
	})
}

func TestURL(t *testing.T) {
	for text, want := range map[string]string{
		"mqtt://10.1.0.5": "mqtt://10.1.0.5:1883", "mqtts://broker": "mqtts://broker:8883", "mqtt://[::1]": "mqtt://[::1]:1883",
		"mqtt://10.1.0.5:1884": "mqtt://10.1.0.5:1884", "ws://broker/mqtt": "ws://broker:80/mqtt", "wss://broker": "wss://broker:443",
		"": "", "10.1.0.5": "", "10.1.0.5:1883": "", "http://10.1.0.5": "", "mqtt://": "", "mqtt://edge:sesame@10.1.0.5": "", "mqtt://edge:se same@[": "",
	} {
		got, err := brokerURL(text)
		if got != want || (err == nil) != (want != "") || err != nil && strings.Contains(err.Error(), "sesame") {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 231.2: "231.2", -3: "-3", 123456789.5: "123456789.5", 1e20: "100000000000000000000", 1e21: "1e+21", 0.0000001: "1e-07", 0.01: "0.01"} {
		got := string(appendNumber(nil, v))
		if got != want || !json.Valid([]byte(got)) {
			t.Errorf("%g: %s, want %s", v, got, want)
		}
	}
}

func TestTLS(t *testing.T) {
	dir := peer.Certificates(t)
	ca := filepath.Join(dir, "ca.pem")
	broker := peer.StartMosquitto(t, "allow_anonymous true\ncertfile "+dir+"/server.pem\nkeyfile "+dir+"/server.key")
	pem, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	s := newSink(t, Options{URL: "mqtts://127.0.0.1:" + broker.Port, TLS: &tls.Config{RootCAs: roots}})
	send(t, s, s.Append(nil, at(0, statusB.Stated(1, ""))))
	has(t, peer.Subscribe(t, "-p", broker.Port, "--cafile", ca, "-t", "#"), "plantroom/praha-1/ups-b", `"state":"online"`)

	stranger := newSink(t, Options{URL: "mqtts://127.0.0.1:" + broker.Port})
	err = stranger.Send(t.Context(), stranger.Append(nil, at(0, statusB.Stated(1, ""))))
	if want := "connect to mqtts://127.0.0.1:" + broker.Port + ": tls: failed to verify certificate: x509: certificate signed by unknown authority"; err == nil || err.Error() != want {
		t.Errorf("without the authority: %v", err)
	}

	// A broker that wants to know who is there.
	strict := peer.StartMosquitto(t, "allow_anonymous true\nrequire_certificate true\ncafile "+ca+"\ncertfile "+dir+"/server.pem\nkeyfile "+dir+"/server.key")
	own, err := tls.LoadX509KeyPair(dir+"/client.pem", dir+"/client.key")
	if err != nil {
		t.Fatal(err)
	}
	known := newSink(t, Options{URL: "mqtts://127.0.0.1:" + strict.Port, TLS: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}}})
	send(t, known, known.Append(nil, at(0, statusB.Stated(1, ""))))
	nobody := newSink(t, Options{URL: "mqtts://127.0.0.1:" + strict.Port, TLS: &tls.Config{RootCAs: roots}})
	if err := nobody.Send(t.Context(), nobody.Append(nil, at(0, statusB.Stated(1, "")))); err == nil {
		t.Error("the broker wants a certificate and takes a client without one")
	}
}

// TestWebSocket publishes where a firewall lets only HTTP through; Send returns
// nil when the broker has confirmed.
func TestWebSocket(t *testing.T) {
	port := peer.TCPPort(t)
	peer.StartMosquitto(t, "allow_anonymous true\nlistener "+port+" lo\nprotocol websockets") // for which it takes an interface, no address
	peer.Until(t, "WebSocket listens", peer.Listening("127.0.0.1:"+port))
	s := newSink(t, Options{URL: "ws://127.0.0.1:" + port})
	send(t, s, s.Append(nil, at(0, statusB.Stated(1, ""))))
}

// TestDeviceThatIsNoMore empties everything that was retained of a device, and
// nothing else.
func TestDeviceThatIsNoMore(t *testing.T) {
	broker := peer.StartMosquitto(t, "allow_anonymous true")
	s := newSink(t, Options{URL: "mqtt://127.0.0.1:" + broker.Port, PerMetric: true, Discovery: true})
	send(t, s, slices.Concat(s.Append(nil, at(0, statusA.Stated(1, ""))), s.Append(nil, at(0, statusB.Stated(1, "")))))
	s.Keep([]*agent.Device{upsA})
	send(t, s, s.Append(nil, at(1, statusA.Stated(2, ""))))
	lines := peer.Subscribe(t, "-p", broker.Port, "-t", "#", "-t", "plantroom/praha-1/_agent/#")
	has(t, lines, "plantroom/praha-1/ups-a", `"state":"on_battery"`)
	has(t, lines, "plantroom/praha-1/ups-a/meta", `"name":"UPS A"`)
	has(t, lines, "plantroom/praha-1/ups-a/status", "on_battery")
	has(t, lines, "homeassistant/device/praha_1_ups_a/config", "UPS A")
	has(t, lines, "plantroom/praha-1/_agent/edge-1", "online") // by the second subscription too, which is answered last
	for _, line := range lines() {
		if strings.Contains(line, "ups-b") || strings.Contains(line, "ups_b") {
			t.Errorf("of the device that is no more: %s", line)
		}
	}
	// It comes back.
	send(t, s, s.Append(nil, at(2, statusB.Stated(1, ""))))
	has(t, lines, "plantroom/praha-1/ups-b", `"state":"online"`)
	has(t, lines, "plantroom/praha-1/ups-b/meta", `"name":"UPS B"`)
}

// TestHomeAssistant publishes what Home Assistant makes sensors of.
func TestHomeAssistant(t *testing.T) {
	broker := peer.StartMosquitto(t, "allow_anonymous true")
	s := newSink(t, Options{URL: "mqtt://127.0.0.1:" + broker.Port, Discovery: true})
	send(t, s, s.Append(nil, at(0, inputL1.Measured(231.2), charging.Measured(98), statusA.Stated(1, ""), probe.Measured(20))))
	lines := peer.Subscribe(t, "-p", broker.Port, "-t", "homeassistant/#")
	topic := "homeassistant/device/praha_1_ups_a/config"
	has(t, lines, topic)
	_, payload, _ := strings.Cut(lines()[0], " ")
	var got discovery
	if err := json.Unmarshal([]byte(payload), &got); err != nil {
		t.Fatal(err)
	}
	if got.StateTopic != "plantroom/praha-1/ups-a" || got.Device.Name != "UPS A" || got.Device.SuggestedArea != "hall" ||
		len(got.Availability) != 1 || got.Availability[0].Topic != "plantroom/praha-1/_agent/edge-1" {
		t.Errorf("device: %s", payload)
	}
	want := map[string]discoveryComponent{
		"input_voltage_L1": {Platform: "sensor", UniqueID: "praha-1_ups-a_input_voltage_L1", Name: "Input voltage Phase 1", DeviceClass: "voltage", StateClass: "measurement", Unit: "V",
			ValueTemplate: `{{ (value_json.readings["input_voltage/L1"] | default({})).value | default(None) }}`},
		"battery_charge": {Platform: "sensor", UniqueID: "praha-1_ups-a_battery_charge", Name: "Battery charge", DeviceClass: "battery", StateClass: "measurement", Unit: "%",
			ValueTemplate: `{{ (value_json.readings["battery_charge"] | default({})).value | default(None) }}`},
		"status": {Platform: "sensor", UniqueID: "praha-1_ups-a_status", Name: "Status", DeviceClass: "enum", Options: []string{"unknown", "online", "on_battery"},
			ValueTemplate: `{{ (value_json.readings["status"] | default({})).state | default(None) }}`},
		"climate_temperature_pro_be_1": {Platform: "sensor", UniqueID: "praha-1_ups-a_climate_temperature_pro_be_1", Name: `Temperature pro"be 1`, DeviceClass: "temperature", StateClass: "measurement", Unit: "°C",
			ValueTemplate: `{{ (value_json.readings["climate.temperature/pro\"be 1"] | default({})).value | default(None) }}`},
	}
	if diff := cmp.Diff(want, got.Components); diff != "" {
		t.Error(diff)
	}
}

func TestEmbeddedBroker(t *testing.T) {
	for _, user := range []string{"", "edge-1"} {
		b, err := Listen("127.0.0.1:0", user, "sesame", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(b.Addr())
		s := newSink(t, Options{URL: b.URL(), Username: user, Password: "sesame"})
		send(t, s, s.Append(nil, at(0, statusB.Stated(2, ""))))
		args := []string{"-p", port, "-t", "#"}
		if user != "" {
			args = append(args, "-u", user, "-P", "sesame")
			stranger := newSink(t, Options{URL: b.URL()})
			if err := stranger.Send(t.Context(), nil); err == nil {
				t.Error("the broker has a password and lets in anyone")
			}
		}
		has(t, peer.Subscribe(t, args...), "plantroom/praha-1/ups-b", `"state":"on_battery"`)
		s.Close()
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := Listen("127.0.0.1:notaport", "", "", slog.New(slog.DiscardHandler)); err == nil {
		t.Error("an address that is none is listened on")
	}
}

// TestEmbeddedBrokerKeepsEverything subscribes late to more than a broker keeps
// for a client as it comes.
func TestEmbeddedBrokerKeepsEverything(t *testing.T) {
	b := listen(t)
	defer b.Close()
	s := newSink(t, Options{URL: b.URL(), PerMetric: true})
	const devices, metrics = 200, 45 // more than the library gives a client unless it is told
	var block []byte
	for i := range devices {
		d := &agent.Device{ID: fmt.Sprintf("meter-%d", i), Class: "ups"}
		var rs []agent.Reading
		for j := range metrics {
			rs = append(rs, (&agent.Point{Device: d, Metric: charge, Channel: strconv.Itoa(j)}).Measured(1))
		}
		block = s.Append(block, at(0, rs...))
	}
	send(t, s, block)
	_, port, _ := net.SplitHostPort(b.Addr())
	for _, level := range []string{"0", "1"} {
		sub := peer.Subscribe(t, "-p", port, "-q", level, "-t", "plantroom/praha-1/#")
		peer.Within(t, 2*time.Minute, "all that is retained, at QoS "+level, func() bool { return len(sub()) == devices*(metrics+2)+1 })
	}
}

func FuzzUnframe(f *testing.F) {
	f.Add(frame(nil, "plantroom/praha-1/ups-a", 1790000000000, []byte("{}")))
	f.Add([]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		topic, at, payload, rest, err := unframe(b)
		if err == nil && len(topic)+len(payload)+len(rest) > len(b) {
			t.Error("more came out than was there")
		}
		if err == nil {
			if topic2, at2, payload2, _, err := unframe(frame(nil, topic, at, payload)); err != nil || topic2 != topic || at2 != at || string(payload2) != string(payload) {
				t.Error("what is framed is not what is unframed")
			}
		}
	})
}

func BenchmarkAppend60(b *testing.B) {
	s, err := New(Options{URL: "mqtt://127.0.0.1:1", Prefix: "plantroom", Site: "praha-1"})
	if err != nil {
		b.Fatal(err)
	}
	var rs []agent.Reading
	for i := range 60 {
		rs = append(rs, (&agent.Point{Device: upsA, Metric: voltage, Channel: string(rune('a' + i))}).Measured(230.1+float64(i)))
	}
	at(0, rs...)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = s.Append(buf[:0], rs)
	}
}

// TestSameIDAtOnce: of many clients that take each other's id at the same moment
// one stays, and none outlives the broker.
func TestSameIDAtOnce(t *testing.T) {
	b := listen(t)
	// CONNECT, MQTT 3.1.1, a clean session, no keep-alive, client id "same".
	hello := "\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04same"
	const clients = 100
	ended := make(chan error, clients)
	for range clients {
		go func() {
			conn, err := net.Dial("tcp", b.Addr())
			if err == nil {
				_, err = io.WriteString(conn, hello)
				io.Copy(io.Discard, conn)
				conn.Close()
			}
			ended <- err
		}()
	}
	for range clients - 1 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	select {
	case <-ended:
		t.Error("no client stayed")
	default:
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	<-ended
}

// TestTakeover: another client of the same id and the sink throw each other out.
// The sink says what is wrong, tries ever less often, and when the other is
// gone the broker has the newest state, and an agent that is online.
func TestTakeover(t *testing.T) {
	mosquitto := peer.StartMosquitto(t, "allow_anonymous true")
	embedded := listen(t)
	defer embedded.Close()
	_, embeddedPort, _ := net.SplitHostPort(embedded.Addr())
	for _, port := range []string{mosquitto.Port, embeddedPort} {
		s := newSink(t, Options{URL: "mqtt://127.0.0.1:" + port})
		n := int64(0)
		try := func() error {
			n++
			return s.Send(t.Context(), s.Append(nil, at(n, inputL1.Measured(float64(n)))))
		}
		if err := try(); err != nil {
			t.Fatal(err)
		}
		program := peer.Need(t, "mosquitto_sub", "apt-get install mosquitto-clients")
		// Where the broker says why, it does not try again itself.
		other := peer.Start(t, exec.Command("sh", "-c", "while sleep 0.5; do "+program+" -p "+port+" -i plantroom-test -t none; done"), func() bool { return true })
		var waits []time.Duration
		peer.Until(t, "three cuts", func() bool {
			err := try()
			if w, ok := errors.AsType[*agent.WaitError](err); ok {
				waits = append(waits, w.For)
				if !strings.Contains(err.Error(), "does another client have the id plantroom-test?") {
					t.Errorf("error: %v", err)
				}
			}
			return len(waits) == 3
		})
		if !slices.IsSorted(waits) || waits[0] < time.Second || waits[2] <= waits[0] || waits[2] > cutLimit {
			t.Errorf("waits %v", waits)
		}
		other.Stop()
		peer.Until(t, "the sink is alone", func() bool { return try() == nil })
		sub := peer.Subscribe(t, "-p", port, "-t", "plantroom/praha-1/ups-a", "-t", "plantroom/praha-1/_agent/edge-1")
		has(t, sub, "plantroom/praha-1/_agent/edge-1", "online")
		has(t, sub, "plantroom/praha-1/ups-a", fmt.Sprintf(`"value":%d,`, n))
		for _, line := range sub() {
			if strings.HasSuffix(line, "offline") {
				t.Errorf("the last will came after it was back: %s", line)
			}
		}
	}
}

// TestConfirmedBeforeItIsDropped keeps the confirmations of a real broker back:
// everybody has the message, and it is not delivered. When the connection
// breaks it is sent again.
func TestConfirmedBeforeItIsDropped(t *testing.T) {
	broker := peer.StartMosquitto(t, "allow_anonymous true")
	sub := peer.Subscribe(t, "-p", broker.Port, "-q", "1", "-t", "plantroom/praha-1/ups-a", "-t", "plantroom/praha-1/ups-a/history")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conns, pass := make(chan net.Conn, 4), make(chan bool, 4)
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", "127.0.0.1:"+broker.Port)
			if err != nil {
				client.Close()
				return
			}
			conns <- client
			all := <-pass
			go func() { io.Copy(server, client); server.Close() }()
			go func() {
				defer client.Close()
				for acks := 0; ; {
					p, err := packets.ReadPacket(server)
					if err != nil {
						return
					}
					if _, ok := p.(*packets.PubackPacket); ok {
						if acks++; acks > 1 && !all { // the first is of "online"
							continue
						}
					}
					p.Write(client)
				}
			}()
		}
	}()
	s := newSink(t, Options{URL: "mqtt://" + l.Addr().String()})
	block := s.Append(nil, at(0, inputL1.Measured(1)))
	pass <- false
	sent := make(chan error, 1)
	go func() { sent <- s.Send(t.Context(), block) }()
	has(t, sub, "plantroom/praha-1/ups-a", `"value":1,`)
	select {
	case err := <-sent:
		t.Errorf("without the broker's confirmation Send returns %v", err)
	default:
	}
	(<-conns).Close()
	if err := <-sent; err == nil {
		t.Error("the connection is lost, and Send says nothing")
	}
	pass <- true
	send(t, s, block)
	peer.Until(t, "the state for a second time", func() bool { return len(sub()) == 2 })
}

// TestMessageThatIsNeverTaken publishes a state that is larger than the broker
// takes, which cuts the connection each time: that one is found and left out,
// the others go on, and nothing old stays where it would be.
func TestMessageThatIsNeverTaken(t *testing.T) {
	broker := peer.StartMosquitto(t, "allow_anonymous true\nmax_packet_size 2000")
	var aside []string
	var log strings.Builder
	s := newSink(t, Options{URL: "mqtt://127.0.0.1:" + broker.Port, History: true, Log: slog.New(slog.NewTextHandler(&log, nil)),
		SetAside: func(message string, why error) { aside = append(aside, message) }})
	send(t, s, s.Append(nil, at(0, statusA.Stated(1, ""))))
	large := func(n int64) []byte {
		return s.Append(nil, at(n, inputL1.Measured(1), charging.Failed(errors.New(strings.Repeat("a long story ", 200)))))
	}
	n := int64(0)
	peer.Until(t, "the others go on", func() bool {
		n++
		return s.Send(t.Context(), append(large(n), s.Append(nil, at(n, statusB.Stated(2, "")))...)) == nil
	})
	if len(aside) != 1 || !strings.HasPrefix(aside[0], "plantroom/praha-1/ups-a {") {
		t.Errorf("set aside: %.100q", aside)
	}
	if lines := strings.Count(log.String(), "a message is left out"); lines != len(aside) {
		t.Errorf("%d lines of the log are about %d messages", lines, len(aside))
	}
	for range 3 {
		n++
		send(t, s, append(large(n), s.Append(nil, at(n, statusB.Stated(1, "")))...))
	}
	if s.Refused() != 4 {
		t.Errorf("%d messages are counted as refused, want 4", s.Refused())
	}
	sub := peer.Subscribe(t, "-p", broker.Port, "-t", "plantroom/praha-1/+")
	has(t, sub, "plantroom/praha-1/ups-b", `"state":"online"`)
	for _, line := range sub() {
		if strings.HasPrefix(line, "plantroom/praha-1/ups-a ") {
			t.Errorf("what is retained has grown old: %s", line)
		}
	}
	send(t, s, s.Append(nil, at(n+1, statusA.Stated(2, "")))) // not so long
	has(t, sub, "plantroom/praha-1/ups-a", `"state":"on_battery"`)
}

// TestConnectionLostInABurst cuts the connection to a real broker while much is
// published: that is noticed at once, and nobody waits for an answer that
// cannot come.
func TestConnectionLostInABurst(t *testing.T) {
	broker := peer.StartMosquitto(t, "allow_anonymous true")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				server, err := net.Dial("tcp", "127.0.0.1:"+broker.Port)
				if err != nil {
					return
				}
				defer server.Close()
				go io.Copy(client, server)
				io.CopyN(server, client, 50_000)
			}()
		}
	}()
	for range 20 {
		s := newSink(t, Options{URL: "mqtt://" + l.Addr().String(), History: true})
		var block []byte
		for n := range int64(2000) {
			block = s.Append(block, at(n, inputL1.Measured(float64(n))))
		}
		if err := s.Send(t.Context(), block); err == nil || errors.Is(err, errNoAck) || strings.Contains(err.Error(), "timeout") {
			t.Fatalf("Send says %v", err)
		}
	}
}

// TestRefusal: of a topic of which the broker does not take a message it is told
// none as long, or nearly.
func TestRefusal(t *testing.T) {
	s := newSink(t, Options{URL: "mqtt://127.0.0.1:1"})
	for range blamesLimit {
		if _, some := s.takes("a", true, make([]byte, 1000)); !some {
			t.Fatal("it is left out before it was refused often enough")
		}
		s.blame("a", make([]byte, 1000))
	}
	for _, m := range []struct {
		topic         string
		size          int
		whole, retain bool
	}{{"a", 950, false, true}, {"a", 950, false, false}, {"a", 850, true, true}, {"b", 1000, true, true}} {
		payload, some := s.takes(m.topic, m.retain, make([]byte, m.size))
		if some != (m.whole || m.retain) || len(payload) > 0 != m.whole {
			t.Errorf("%+v: %v, %d bytes", m, some, len(payload))
		}
	}
	if n := s.Refused(); n != 2 {
		t.Errorf("%d are left out", n)
	}
}
