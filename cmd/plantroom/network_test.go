package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"plantroom/config"
	"plantroom/drivers/sim"
	"plantroom/testdata/peer"
)

// TestBadNetwork puts a proxy that makes trouble at random between an agent and
// everything that it speaks to. Soon after the last trouble all is up
// again, every poll is in the database, each silence was one line of the log and
// its end another, no goroutine is left, and nothing that the devices were asked
// changes one.
func TestBadNetwork(t *testing.T) {
	db := peer.StartInfluxDB(t)
	broker := peer.StartMosquitto(t, "allow_anonymous true")
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR2) // the runtime's goroutine for signals stays
	signal.Stop(signals)
	before := runtime.NumGoroutine()
	t.Run("seeds", func(t *testing.T) {
		for seed := range uint64(2) {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				testBadNetwork(t, db, broker, seed)
			})
		}
	})
	http.DefaultClient.CloseIdleConnections()
	defer func() {
		if t.Failed() {
			var stacks bytes.Buffer
			pprof.Lookup("goroutine").WriteTo(&stacks, 1)
			t.Log(&stacks)
		}
	}()
	peer.Until(t, "that no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
}

func testBadNetwork(t *testing.T, db *peer.InfluxDB, broker *peer.Mosquitto, seed uint64) {
	const meters = "profile: meter\nclass: switchboard\nmodbus: {points: [{metric: voltage, holding: 1, scale: 0.1, channel: L1}, {metric: current, holding: 40, channel: L1}]}\n"
	meter, err := config.ParseProfile("meter.yaml", []byte(meters))
	if err != nil {
		t.Fatal(err)
	}
	embedded, err := config.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	ups := embedded["rfc1628-ups"]
	var proxies []*peer.Proxy
	next := func() uint64 { return 100*seed + uint64(len(proxies)) }
	tcp := func(target string) string {
		p := peer.StartTCPProxy(t, target, next())
		proxies = append(proxies, p)
		return p.Addr
	}
	board := sim.NewBoard("switchboard")
	board.Set("voltage", "L1", 230.4)
	board.Set("current", "L1", 16)
	modbus := func(units ...int) string {
		served := map[int]sim.Unit{}
		for _, u := range units {
			served[u] = sim.Unit{Profile: meter, Values: board}
		}
		s, err := sim.ServeModbus("127.0.0.1:0", served)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return tcp(s.Addr())
	}
	snmp := func() string {
		s, err := sim.ServeSNMP("127.0.0.1:0", sim.Agent{Profile: ups, Values: sim.NewBoard("ups"), Community: "public"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		p := peer.StartUDPProxy(t, s.Addr(), next())
		proxies = append(proxies, p)
		return p.Addr
	}
	wall := "127.0.0.1:" + peer.TCPPort(t)
	gateway := modbus(1, 2, 3)
	name := fmt.Sprintf("seed-%d", seed)
	var site strings.Builder
	fmt.Fprintf(&site, "site: %s\nprofiles: [profiles]\nqueue: {dir: queue}\nwall: {listen: %q}\n", name, wall)
	fmt.Fprintf(&site, "buses: [{id: gateway, modbus: {tcp: %q}}]\ndevices:\n", gateway)
	const often = "every: 1s, timeout: 600ms"
	for unit := 1; unit <= 3; unit++ {
		fmt.Fprintf(&site, "  - {id: meter-%d, profile: meter, modbus: {bus: gateway, unit: %[1]d}, %s}\n", unit, often)
	}
	fmt.Fprintf(&site, "  - {id: msb, profile: meter, modbus: {tcp: %q, unit: 1}, %s}\n", modbus(1), often)
	for i := range 2 {
		fmt.Fprintf(&site, "  - {id: ups-%d, profile: rfc1628-ups, snmp: {address: %q}, %s}\n", i, snmp(), often)
	}
	devices := len(proxies) // those before asked devices
	fmt.Fprintf(&site, "outputs:\n  influx: {url: \"http://%s\", bucket: facility}\n  mqtt: {url: \"mqtt://%s\"}\n",
		tcp(strings.TrimPrefix(db.URL, "http://")), tcp("127.0.0.1:"+broker.Port))
	dir := t.TempDir()
	put(t, filepath.Join(dir, "site.yaml"), site.String())
	put(t, filepath.Join(dir, "profiles", "meter.yaml"), meters)

	log, stop := running(t, filepath.Join(dir, "site.yaml"))
	defer func() {
		if t.Failed() {
			t.Log(log)
		}
	}()
	var health struct {
		Devices struct {
			All, Up int
			Not     []map[string]any `json:"not_up"`
		}
		Outputs []struct {
			Up  bool
			Age float64 `json:"queue_age_seconds"`
		}
	}
	healthy := func() bool {
		health.Outputs = nil
		if err := json.Unmarshal([]byte(get("http://"+wall+"/healthz")), &health); err != nil {
			return false
		}
		up := len(health.Outputs) == 2 && health.Devices.All >= 6 && health.Devices.Up == health.Devices.All
		for _, o := range health.Outputs {
			up = up && o.Up && o.Age < 2 // nothing is left of the time before
		}
		return up
	}
	peer.Until(t, "all is up", healthy)

	lasts := 20 * time.Second
	if testing.Short() {
		lasts = 5 * time.Second
	}
	trouble, end := context.WithTimeout(t.Context(), lasts)
	defer end()
	var makers sync.WaitGroup
	for _, p := range proxies {
		makers.Go(func() { p.Make(trouble) })
	}
	makers.Wait()
	ended := time.Now()
	peer.Within(t, 3*time.Minute, "all is up after the last trouble", healthy)
	healed := time.Since(ended)

	stop()
	text := log.String()
	for _, pair := range [][2]string{
		{`msg="device is silent"`, `msg="device answers again"`},
		{`msg="bus is unreachable, its devices are not polled"`, `msg="bus answers again"`},
		{`msg="sink does not take readings, they are kept"`, `msg="sink takes readings again"`},
	} {
		if broke, healed := strings.Count(text, pair[0]), strings.Count(text, pair[1]); broke != healed {
			t.Errorf("%s %d times, and %s %d times", pair[0], broke, pair[1], healed)
		}
	}
	stops := regexp.MustCompile(`msg="plantroom stops".* polls=(\d+) failures=(\d+)`).FindStringSubmatch(text)
	if stops == nil {
		t.Fatal("it does not say that it stops")
	}
	polls, _ := strconv.Atoi(stops[1])
	stored := 0
	for _, measurement := range []string{"switchboard", "ups", "agent", "site"} {
		stored += db.Count(t, fmt.Sprintf("SELECT count(up) FROM %s WHERE site = '%s'", measurement, name))
	}
	if stored != polls {
		t.Errorf("%d polls were made and %d are in the database", polls, stored)
	}
	reads := 0
	for _, p := range proxies[:devices] {
		reads += onlyReads(t, p.Asked())
	}
	t.Logf("%d polls, %s failed, %d requests, all up %v after the last trouble", polls, stops[2], reads, healed.Round(time.Millisecond))
}

// onlyReads looks at everything that devices were asked and returns how many
// requests that is.
func onlyReads(t *testing.T, asked [][]byte) (n int) {
	t.Helper()
	kinds := []gosnmp.PDUType{gosnmp.GetRequest, gosnmp.GetNextRequest, gosnmp.GetBulkRequest}
	var decoder gosnmp.GoSNMP
	for _, b := range asked {
		if len(b) > 0 && b[0] == 0x30 { // BER's sequence; a transaction id is not so large here
			p, err := decoder.SnmpDecodePacket(b)
			if err != nil || !slices.Contains(kinds, p.PDUType) {
				t.Errorf("a device was asked % X: %v", b, err)
			}
			n++
			continue
		}
		for len(b) >= 8 { // a connection may end in the middle of a request
			length := 6 + int(binary.BigEndian.Uint16(b[4:]))
			if length != 12 || b[7] < 1 || b[7] > 4 {
				t.Errorf("a device was asked % X", b[:min(len(b), length)])
				break
			}
			n++
			b = b[min(len(b), length):]
		}
	}
	return n
}
