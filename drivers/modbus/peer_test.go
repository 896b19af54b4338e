package modbus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"plantroom/agent"
	"plantroom/agent/events"
	"plantroom/config"
	"plantroom/testdata/peer"
)

const installPymodbus = "apt install python3-pymodbus"

// pymodbus starts testdata/modbus/server.py; ready says when it answers.
func pymodbus(t *testing.T, ready func() bool, args ...string) *peer.Process {
	t.Helper()
	python := peer.Need(t, "/usr/bin/python3", installPymodbus)
	if err := exec.Command(python, "-c", "import pymodbus").Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("pymodbus is missing: " + installPymodbus)
		}
		t.Skip("pymodbus is missing: " + installPymodbus)
	}
	return peer.Start(t, exec.Command(python, append([]string{filepath.Join(peer.Root(), "testdata", "modbus", "server.py")}, args...)...), ready)
}

// pty starts socat between two pseudo terminals and returns their names.
func pty(t *testing.T) (near, far string) {
	t.Helper()
	socat := peer.Need(t, "socat", "apt install socat")
	near, far = filepath.Join(t.TempDir(), "near"), filepath.Join(t.TempDir(), "far")
	peer.Start(t, exec.Command(socat, "PTY,rawer,link="+near, "PTY,rawer,link="+far), func() bool {
		_, err := os.Stat(near)
		_, e := os.Stat(far)
		return err == nil && e == nil
	})
	return near, far
}

func serialLink(tty string) config.ModbusLink {
	return config.ModbusLink{Serial: tty, Baud: 115200, Parity: "even", DataBits: 8, StopBits: 1}
}

// peerProfile has points in all that a unit of server.py has, and some in what
// it has not.
func peerProfile() *config.ModbusProfile {
	p := profileOf()
	for _, a := range []int{0, 1, 58, 59, 60, 69, 70, 79, 80} {
		p.Points = append(p.Points, word(a, fmt.Sprint(a)))
	}
	input := word(3, "input")
	input.Value.Space = config.Input
	p.Points = append(p.Points, input)
	for i, space := range []config.Space{config.Coil, config.Coil, config.Discrete} {
		p.Points = append(p.Points, config.ModbusPoint{Metric: mode, Channel: fmt.Sprint(i), Conversion: config.Conversion{Scale: 1, States: map[string]string{"0": "off", "1": "auto"}},
			Value: config.ModbusValue{Space: space, Address: 2 + i, Type: "bool", Length: 1, BitHigh: -1}})
	}
	return p
}

func peerReadings(unit int) []string {
	var out []string
	for _, a := range []int{0, 1, 58, 59, 70, 79} {
		out = append(out, fmt.Sprintf("voltage/%d=%d", a, 100*unit+a))
	}
	return append(out, fmt.Sprintf("voltage/input=%d", unit), "mode/0=1", "mode/1=2", "mode/2=2")
}

// testPeer polls unit 3 of a server.py twice: once to find what is missing.
func testPeer(t *testing.T, link config.ModbusLink) {
	t.Helper()
	s := NewSource(testDevice, NewWire(link, slog.New(slog.DiscardHandler)), 3, peerProfile(), 10*time.Second)
	defer s.Close()
	for range 2 {
		rs, err := s.Poll(t.Context(), nil)
		if err != nil || !slices.Equal(show(rs), peerReadings(3)) {
			t.Fatalf("%q, %v\nwant %q", show(rs), err, peerReadings(3))
		}
	}
	if s.wire.lines != 1 {
		t.Errorf("%d connections, want 1", s.wire.lines)
	}
}

func TestPymodbusTCP(t *testing.T) {
	t.Parallel()
	port := peer.TCPPort(t)
	pymodbus(t, peer.Listening("127.0.0.1:"+port), "tcp", port, "3")
	testPeer(t, config.ModbusLink{TCP: "127.0.0.1:" + port})
}

func TestPymodbusRTUOverTCP(t *testing.T) {
	t.Parallel()
	port := peer.TCPPort(t)
	pymodbus(t, peer.Listening("127.0.0.1:"+port), "rtu", port, "3")
	testPeer(t, config.ModbusLink{RTUOverTCP: "127.0.0.1:" + port})
}

// TestGenCommFamilies: the same profile reads of two models the alarms that
// each of them has, of one that refuses their page everything else, and of a
// model that it does not know no alarm by name. One that was exchanged is read
// as what it now is.
func TestGenCommFamilies(t *testing.T) {
	t.Parallel()
	profiles, err := config.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	port := peer.TCPPort(t)
	status := func(model string) string {
		return "768=1,769=" + model + ",770=0,771=7,772=1,773=0xFFFF,774=0x1400,1030=1500"
	}
	page := func(first, n int) (registers string) { // of alarms that are not active
		for a := range n {
			registers += fmt.Sprintf(",%d=0x1111", first+1+a)
		}
		return registers
	}
	serve := func(model10 string) *peer.Process {
		return pymodbus(t, peer.Listening("127.0.0.1:"+port), "tcp", port,
			"10:"+status(model10)+page(39424, 20)+",39428=0x1311,39434=0xF021", // fail to start 3; loading voltage 0, fuel usage running 2
			"11:"+status("4510")+page(2048, 25)+",2050=0x1131,2055=0x8A41",     // fail to start 3; low battery 8, high battery 10, low fuel 4
			"12:"+status("7320"),
			"13:"+status("9999")+page(39424, 20))
	}
	running := serve("32841")
	w := NewWire(config.ModbusLink{TCP: "127.0.0.1:" + port}, slog.New(slog.DiscardHandler))
	sources := make(map[int]*Source)
	read := func(unit int) (alarms map[string]string, rest, reads int) {
		t.Helper()
		if sources[unit] == nil {
			sources[unit] = NewSource(testDevice, w, unit, profiles["deepsea-gencomm"].Modbus, 10*time.Second)
			t.Cleanup(func() { sources[unit].Close() })
		}
		rs, err := sources[unit].Poll(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		alarms = make(map[string]string)
		for _, r := range rs {
			if name, ok := strings.CutPrefix(r.Point.Metric.Name, "x_alarm_"); ok {
				alarms[strings.TrimSpace(name+" "+r.Point.Channel)] = r.Word()
			} else if r.Quality == agent.Good {
				rest++
			}
		}
		return alarms, rest, len(sources[unit].batches)
	}
	raised := func(alarms map[string]string) string {
		var words []string
		for name, word := range alarms {
			if word != "clear" {
				words = append(words, name+" "+word)
			}
		}
		slices.Sort(words)
		return strings.Join(words, ", ")
	}
	for _, c := range []struct {
		unit, alarms int
		raised       string
	}{
		{10, 74, "fail_to_start shutdown, fuel_usage_running warning"}, // two of its 76 are disabled, or not there
		{11, 99, "fail_to_start shutdown, low_fuel_level electrical_trip, starter_battery_high_voltage indication"},
		{12, 0, ""},
		{13, 0, ""},
	} {
		for range 3 {
			alarms, rest, _ := read(c.unit)
			if len(alarms) != c.alarms || raised(alarms) != c.raised || rest != 6 {
				t.Errorf("unit %d: %d alarms and %d others; %q, want %d, 6, %q", c.unit, len(alarms), rest, raised(alarms), c.alarms, c.raised)
			}
		}
		if _, _, reads := read(c.unit); reads != map[bool]int{true: 2, false: 3}[c.alarms == 0] {
			t.Errorf("unit %d is read by %d requests", c.unit, reads)
		}
	}

	running.Stop()
	if _, err := sources[10].Poll(t.Context(), nil); err == nil {
		t.Error("the server is gone")
	}
	serve("32808")
	alarms, _, _ := read(10)
	if got := raised(alarms); got != "fail_to_start shutdown, high_fuel_level warning" {
		t.Errorf("after an exchange: %s", got)
	}
}

// TestAlarmsOfAnotherFamily: what a controller reported that was exchanged for one
// of another family does not last for ever, and does not end as if it were over.
func TestAlarmsOfAnotherFamily(t *testing.T) {
	t.Parallel()
	profiles, err := config.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	port := peer.TCPPort(t)
	serve := func(model string) *peer.Process {
		page := ""
		for a := 39425; a < 39444; a++ {
			page += fmt.Sprintf(",%d=0x1111", a)
		}
		return pymodbus(t, peer.Listening("127.0.0.1:"+port), "tcp", port, "10:768=1,769="+model+",770=0,772=1,774=0,1408=0"+page+",39434=0x1211")
	}
	w := NewWire(config.ModbusLink{TCP: "127.0.0.1:" + port}, slog.New(slog.DiscardHandler))
	gen := &agent.Device{ID: "gen-1", Name: "Generator 1", Class: "generator"}
	s := NewSource(gen, w, 10, profiles["deepsea-gencomm"].Modbus, 10*time.Second)
	defer s.Close()
	engine, err := events.Open(events.Options{Agent: "edge-1"})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	engine.Configure(events.Setup{Devices: []*agent.Device{gen}})
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	want := func(d time.Duration, want string) { // after polls each quarter of an hour
		t.Helper()
		for end := at.Add(d); at.Before(end); at = at.Add(15 * time.Minute) {
			poll := &agent.Poll{Device: gen, Time: at}
			if poll.Readings, poll.Err = s.Poll(t.Context(), nil); poll.Err != nil {
				poll.Failures = 3
			}
			engine.Observe(poll)
		}
		var got []string
		for _, ev := range engine.Events(agent.EventQuery{}) {
			if ev.Kind == "alarm" {
				got = append(got, fmt.Sprintf("active: %v, %s", ev.Active(), ev.Text.EN))
			}
		}
		if !slices.Equal(got, []string{want}) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	const lasts = "active: true, Generator 1 reports: loading voltage not reached"
	running := serve("32841")
	want(time.Hour, lasts)
	running.Stop()
	want(4*time.Hour, lasts)
	serve("9999")
	want(2*time.Hour, lasts)
	want(time.Hour, "active: false, Generator 1 reports: loading voltage not reached (no longer observed)")
}

// TestModbusSecurity speaks to a server over TLS, each end of which proves who
// it is, or does not.
func TestModbusSecurity(t *testing.T) {
	t.Parallel()
	port, dir := peer.TCPPort(t), peer.Certificates(t)
	address := "127.0.0.1:" + port
	running := pymodbus(t, peer.Listening(address), "tls:"+dir, port, "3")
	link := func(ca, own, name string) config.ModbusLink {
		t.Helper()
		file := func(name string) string {
			if name == "" {
				return ""
			}
			return filepath.Join(dir, name)
		}
		key := ""
		if own != "" {
			key = own + ".key"
			own += ".pem"
		}
		secure, err := config.ReadTLS(file(ca), file(own), file(key), name)
		if err != nil {
			t.Fatal(err)
		}
		return config.ModbusLink{Secure: address, TLS: secure}
	}
	testPeer(t, link("ca.pem", "client", ""))
	testPeer(t, link("ca.pem", "client", "localhost"))

	for _, c := range []struct {
		name string
		link config.ModbusLink
		dead bool   // the wire is
		want string // in the error
	}{
		{"an authority that is not the server's", link("other-ca.pem", "client", ""), true,
			"unreachable: TLS with " + address + ": tls: failed to verify certificate: x509: certificate signed by unknown authority"},
		{"the system's authorities", link("", "client", ""), true, "x509: certificate signed by unknown authority"},
		{"another name", link("ca.pem", "client", "msb.example"), true, "x509: certificate is valid for localhost, not msb.example"},
		// TLS 1.3 has the server decide after our handshake, and this one just hangs up.
		{"nobody", link("ca.pem", "", ""), false, "connection lost"},
		{"somebody whom the server does not know", link("ca.pem", "other", ""), false, "connection lost"},
		{"no TLS", config.ModbusLink{TCP: address}, false, "connection lost"},
	} {
		s := NewSource(testDevice, NewWire(c.link, slog.New(slog.DiscardHandler)), 3, peerProfile(), 10*time.Second)
		_, err := s.Poll(t.Context(), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, agent.ErrUnreachable) != c.dead {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
		s.Close()
	}

	// A silent unit, the end of the server, and its return.
	w := NewWire(link("ca.pem", "client", ""), slog.New(slog.DiscardHandler))
	s, silent := NewSource(testDevice, w, 3, peerProfile(), 10*time.Second), NewSource(testDevice, w, 9, peerProfile(), 100*time.Millisecond)
	defer s.Close()
	defer silent.Close()
	good := func() {
		t.Helper()
		if rs, err := s.Poll(t.Context(), nil); err != nil || !slices.Equal(show(rs), peerReadings(3)) {
			t.Errorf("%q, %v", show(rs), err)
		}
	}
	good()
	for range 2 {
		if _, err := silent.Poll(t.Context(), nil); !timedOut(err) {
			t.Errorf("the silent unit: %v", err)
		}
		good()
	}
	if w.lines != 1 {
		t.Errorf("%d connections, want 1", w.lines)
	}
	running.Stop()
	if _, err := s.Poll(t.Context(), nil); !errors.Is(err, agent.ErrUnreachable) {
		t.Errorf("poll of a killed server: %v", err)
	}
	pymodbus(t, peer.Listening(address), "tls:"+dir, port, "3")
	good()
}

// TestModbusSecurityOverABadNetwork has a TLS connection go silent, be cut and
// carry what nobody sent: each time another one is made, as soon as one can be.
func TestModbusSecurityOverABadNetwork(t *testing.T) {
	t.Parallel()
	port, dir := peer.TCPPort(t), peer.Certificates(t)
	pymodbus(t, peer.Listening("127.0.0.1:"+port), "tls:"+dir, port, "3")
	proxy := peer.StartTCPProxy(t, "127.0.0.1:"+port, 1)
	secure, err := config.ReadTLS(filepath.Join(dir, "ca.pem"), filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key"), "")
	if err != nil {
		t.Fatal(err)
	}
	s := NewSource(testDevice, NewWire(config.ModbusLink{Secure: proxy.Addr, TLS: secure}, slog.New(slog.DiscardHandler)), 3, peerProfile(), 2*time.Second)
	defer s.Close()
	good := func() bool {
		rs, err := s.Poll(t.Context(), nil)
		return err == nil && slices.Equal(show(rs), peerReadings(3))
	}
	peer.Until(t, "a poll", good)
	for _, trouble := range []peer.Trouble{peer.Loss, peer.Cut, peer.Garbage} {
		proxy.Set(trouble)
		peer.Until(t, fmt.Sprintf("trouble %d", trouble), func() bool {
			rs, err := s.Poll(t.Context(), nil)
			for i, r := range rs { // of a poll that the trouble began in, the rest is not read
				if err == nil && r.Quality != agent.Bad && show(rs)[i] != peerReadings(3)[i] {
					t.Errorf("trouble %d: %q", trouble, show(rs))
				}
			}
			return err != nil
		})
		for range 3 {
			s.Poll(t.Context(), nil)
		}
		proxy.Set(peer.None)
		peer.Until(t, "a poll after the trouble", good)
		lines := s.wire.lines
		if !good() || s.wire.lines != lines {
			t.Errorf("trouble %d: another connection is made though there is one", trouble)
		}
	}
	if s.wire.lines < 3 {
		t.Errorf("%d connections", s.wire.lines)
	}
}

// A far side that takes the connection and says nothing to the handshake costs
// one timeout, and is let go.
func TestHandshakeThatNeverEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ended := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			_, err = io.Copy(io.Discard, conn)
			conn.Close()
		}
		ended <- err
	}()
	s := NewSource(testDevice, NewWire(config.ModbusLink{Secure: l.Addr().String()}, slog.New(slog.DiscardHandler)), 1, three(), time.Second)
	defer s.Close()
	if _, err := s.Poll(t.Context(), nil); !errors.Is(err, agent.ErrUnreachable) || !strings.Contains(err.Error(), "TLS with "+l.Addr().String()) {
		t.Errorf("error %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the far side's end: %v", err)
	}
}

func TestLibmodbusSerial(t *testing.T) {
	t.Parallel()
	gcc := peer.Need(t, "gcc", "apt install gcc")
	if _, err := os.Stat("/usr/include/modbus/modbus.h"); err != nil && os.Getenv("CI") != "true" {
		t.Skip("libmodbus is missing: apt install libmodbus-dev")
	}
	server := filepath.Join(t.TempDir(), "server")
	build := exec.Command(gcc, "-I/usr/include/modbus", "-o", server, filepath.Join(peer.Root(), "testdata", "modbus", "server.c"), "-lmodbus")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	near, far := pty(t)
	ready := filepath.Join(t.TempDir(), "ready")
	start := func() *peer.Process {
		os.Remove(ready)
		// The shell's redirection tells when the server is ready.
		return peer.Start(t, exec.Command("/bin/sh", "-c", `exec "$0" "$1" 3 >"$2"`, server, far, ready), func() bool {
			text, _ := os.ReadFile(ready)
			return string(text) == "ready\n"
		})
	}
	running := start()

	p := profileOf()
	var expected []string
	for a := range 110 { // ten more than there are
		p.Points = append(p.Points, word(a, fmt.Sprint(a)))
		if a < 100 {
			expected = append(expected, fmt.Sprintf("voltage/%d=%d", a, 300+a))
		}
	}
	w := NewWire(serialLink(near), slog.New(slog.DiscardHandler))
	s := NewSource(testDevice, w, 3, p, 10*time.Second)
	defer s.Close()
	for range 2 {
		rs, err := s.Poll(t.Context(), nil)
		if err != nil || !slices.Equal(show(rs), expected) {
			t.Fatalf("%q, %v", show(rs), err)
		}
	}
	running.Stop()
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := s.Poll(short, nil); err == nil {
		t.Error("poll of a stopped server: no error")
	}
	start()
	peer.Until(t, "the server, started again, is polled", func() bool {
		rs, err := s.Poll(t.Context(), nil)
		return err == nil && slices.Equal(show(rs), expected)
	})
}

// A USB adapter that is pulled out and plugged in again: socat's terminals
// vanish and come back.
func TestSerialAdapterIsUnpluggedAndPluggedBack(t *testing.T) {
	t.Parallel()
	socat := peer.Need(t, "socat", "apt install socat")
	near, other := filepath.Join(t.TempDir(), "near"), filepath.Join(t.TempDir(), "far")
	plug := func() *peer.Process {
		adapter := peer.Start(t, exec.Command(socat, "PTY,rawer,link="+near, "PTY,rawer,link="+other), func() bool {
			_, err := os.Stat(near)
			_, e := os.Stat(other)
			return err == nil && e == nil
		})
		tty, err := os.OpenFile(other, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer tty.Close()
			f := far{t, tty, true}
			for q, ok := f.next(); ok; q, ok = f.next() {
				q.echo()
			}
		}()
		return adapter
	}
	adapter := plug()
	s := NewSource(testDevice, NewWire(serialLink(near), slog.New(slog.DiscardHandler)), 3, profileOf(word(0, "")), 10*time.Second)
	defer s.Close()
	for range 3 {
		rs, err := s.Poll(t.Context(), nil)
		if err != nil || !slices.Equal(show(rs), []string{"voltage=300"}) {
			t.Fatalf("%q, %v", show(rs), err)
		}
	}
	adapter.Stop()
	os.Remove(near)
	os.Remove(other)
	for range 2 {
		if _, err := s.Poll(t.Context(), nil); !errors.Is(err, agent.ErrUnreachable) {
			t.Errorf("unplugged: %v", err)
		}
	}
	plug()
	rs, err := s.Poll(t.Context(), nil)
	if err != nil || !slices.Equal(show(rs), []string{"voltage=300"}) {
		t.Errorf("plugged in again: %q, %v", show(rs), err)
	}
}

func TestSerialLineThatIsNotThere(t *testing.T) {
	w := NewWire(serialLink("/dev/does-not-exist"), slog.New(slog.DiscardHandler))
	_, err := w.read(t.Context(), 1, time.Second, config.Holding, 0, 1)
	if !errors.Is(err, agent.ErrUnreachable) || err.Error() != "unreachable: open /dev/does-not-exist: no such file or directory" {
		t.Errorf("error %v", err)
	}
}

func TestServerIsKilledAndStartedAgain(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"tcp", "rtu"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			port := peer.TCPPort(t)
			address := "127.0.0.1:" + port
			link := config.ModbusLink{TCP: address}
			if kind == "rtu" {
				link = config.ModbusLink{RTUOverTCP: address}
			}
			running := pymodbus(t, peer.Listening(address), kind, port, "3")
			s := NewSource(testDevice, NewWire(link, slog.New(slog.DiscardHandler)), 3, peerProfile(), 10*time.Second)
			defer s.Close()
			if _, err := s.Poll(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			running.Stop()
			rs, err := s.Poll(t.Context(), nil)
			if !errors.Is(err, agent.ErrUnreachable) || !strings.Contains(err.Error(), "read coil 0x0002..0x0003: unreachable: "+address+": connection refused") {
				t.Errorf("poll of a killed server: %v", err)
			}
			if len(rs) != 10 || rs[0].Quality != agent.Bad || rs[0].Why != err.Error() {
				t.Errorf("readings of a killed server: %q", show(rs))
			}
			if err := s.Probe(t.Context()); err == nil {
				t.Error("probe of a killed server: no error")
			}
			pymodbus(t, peer.Listening(address), kind, port, "3")
			rs, err = s.Poll(t.Context(), nil)
			if err != nil || !slices.Equal(show(rs), peerReadings(3)) {
				t.Errorf("after it has been started again: %q, %v", show(rs), err)
			}
		})
	}
}

func TestGatewayWithFourHealthyUnitsAndOneSilent(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"tcp", "rtu"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			port := peer.TCPPort(t)
			address := "127.0.0.1:" + port
			pymodbus(t, peer.Listening(address), kind, port, "1", "2", "4", "5")
			link := config.ModbusLink{TCP: address}
			if kind == "rtu" {
				link = config.ModbusLink{RTUOverTCP: address}
			}
			w := NewWire(link, slog.New(slog.DiscardHandler))
			var sources []*Source
			for unit := 1; unit <= 5; unit++ {
				// pymodbus forgets a request that arrives together with one
				// for a unit it does not have, so the timeout is not short.
				sources = append(sources, NewSource(testDevice, w, unit, peerProfile(), 3*time.Second))
			}
			for range 2 {
				for i, s := range sources {
					rs, err := s.Poll(t.Context(), nil)
					if i+1 == 3 {
						if !timedOut(err) {
							t.Errorf("the silent unit: %v", err)
						}
						continue
					}
					if err != nil || !slices.Equal(show(rs), peerReadings(i+1)) {
						t.Errorf("unit %d: %q, %v", i+1, show(rs), err)
					}
				}
			}
			if w.lines != 1 {
				t.Errorf("%d connections for 5 units, want 1", w.lines)
			}
			for _, s := range sources {
				s.Close()
			}
		})
	}
}

// A far side that accepts connections and never answers costs one timeout.
func TestAcceptsAndNeverAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := NewSource(testDevice, NewWire(config.ModbusLink{TCP: l.Addr().String()}, slog.New(slog.DiscardHandler)), 1, three(), 500*time.Millisecond)
	defer s.Close()
	for range 3 {
		if _, err := s.Poll(t.Context(), nil); !isTimeout(err, 500*time.Millisecond) {
			t.Errorf("error %v", err)
		}
	}
}
