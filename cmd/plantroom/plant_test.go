package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"plantroom/config"
	"plantroom/drivers/sim"
	"plantroom/testdata/peer"
)

// TestUnplugAndPlugBack runs plantroom against a real broker, a real database,
// a real SNMP agent and a gateway with two Modbus units, unplugs one after the
// other and plugs it back: nothing needs a restart, each way is one line of
// log, and every poll that was made is in the database.
func TestUnplugAndPlugBack(t *testing.T) {
	db := peer.StartInfluxDB(t)
	broker := peer.StartMosquitto(t, "allow_anonymous true")
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		put(t, path, text)
		return path
	}
	udp := peer.UDPPort(t)
	startAgent := func() *peer.Process { return peer.StartSNMPD(t, dir, udp, "sysServices 72") }
	agent := startAgent()

	meter, err := config.ParseProfile("meter.yaml", []byte("profile: meter\nclass: switchboard\nmodbus: {points: [{metric: voltage, holding: 1, scale: 0.1, channel: L1}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	board := sim.NewBoard("switchboard")
	board.Set("voltage", "L1", 230.4)
	tcp := "127.0.0.1:" + peer.TCPPort(t)
	startGateway := func() *sim.Server {
		s, err := sim.ServeModbus(tcp, map[int]sim.Unit{1: {Profile: meter, Values: board}, 2: {Profile: meter, Values: board}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	gateway := startGateway()

	file("profiles/meter.yaml", "profile: meter\nclass: switchboard\nmodbus: {points: [{metric: voltage, holding: 1, scale: 0.1, channel: L1}]}\n")
	file("profiles/host.yaml", "profile: host\nclass: ups\nsnmp: {points: [{metric: x_services, unit: \"\", oid: 1.3.6.1.2.1.1.7.0}]}\n")
	wall := peer.TCPPort(t)
	health := func() string { return get("http://127.0.0.1:" + wall + "/healthz") }
	site := file("site.yaml", fmt.Sprintf(`
site: praha-1
agent: edge-1
profiles: [profiles]
wall: {listen: "127.0.0.1:%s"}
state: state
queue: {dir: queue}
outputs:
  influx: {url: %q, bucket: facility}
  mqtt: {url: "mqtt://127.0.0.1:%s"}
buses:
  - {id: gateway, modbus: {tcp: %q}}
devices:
  - {id: meter-1, profile: meter, modbus: {bus: gateway, unit: 1}, every: 200ms, timeout: 5s, labels: {room: msb}}
  - {id: meter-2, profile: meter, modbus: {bus: gateway, unit: 2}, every: 200ms, timeout: 5s}
  - {id: host, profile: host, snmp: {address: "127.0.0.1:%s"}, every: 200ms, timeout: 5s}
`, wall, db.URL, broker.Port, tcp, udp))

	log, stop := running(t, site)

	state := peer.Subscribe(t, "-p", broker.Port, "-t", "plantroom/praha-1/+")
	seen := func(topic, part string, lines func() []string) func() bool {
		return func() bool {
			for _, line := range lines() {
				if strings.HasPrefix(line, topic+" ") && strings.Contains(line, part) {
					return true
				}
			}
			return false
		}
	}
	for _, id := range []string{"meter-1", "meter-2"} {
		peer.Until(t, id+" over MQTT", seen("plantroom/praha-1/"+id, `"voltage/L1":{"value":230.4,"quality":"good"}`, state))
	}
	peer.Until(t, "host over MQTT", seen("plantroom/praha-1/host", `"x_services":{"value":72,"quality":"good"}`, state))
	points := func(q string) int { return db.Count(t, q) }
	peer.Until(t, "points in InfluxDB", func() bool {
		return points(`SELECT count(voltage) FROM switchboard WHERE room = 'msb' AND channel = 'L1'`) > 3
	})
	says := func(text string) func() bool {
		return func() bool { return strings.Contains(log.String(), text) }
	}
	quiet := func(what string) {
		t.Helper()
		if text := log.String(); strings.Contains(text, "level=WARN") {
			t.Errorf("%s, and the log says:\n%s", what, text)
		}
	}
	quiet("everything is plugged in")
	peer.Until(t, "health", func() bool {
		text := health()
		return strings.Contains(text, `{"status":"ok","devices":{"all":5,"up":5,"not_up":[]}`) && strings.Contains(text, `{"name":"mqtt","up":true,`)
	})
	peer.Until(t, "the agent as a device of its own", seen("plantroom/praha-1/edge-1", `"sink_up/influx":{"value":1,`, state))

	// The gateway, which takes both its units with it.
	gateway.Close()
	peer.Until(t, "the bus is reported", says(`msg="bus is unreachable, its devices are not polled" bus=gateway devices=2`))
	peer.Until(t, "up is 0 in InfluxDB", func() bool {
		return points(`SELECT count(up) FROM switchboard WHERE up = 0 AND device = 'meter-1'`) > 0
	})
	gateway = startGateway()
	peer.Until(t, "the bus is back", says(`msg="bus answers again" bus=gateway`))

	// A device.
	agent.Stop()
	peer.Until(t, "the device is reported", says(`msg="device is silent" device=host`))
	startAgent()
	peer.Until(t, "the device is back", says(`msg="device answers again" device=host`))

	// The broker, which forgets what it retained.
	broker.Process.Stop()
	peer.Until(t, "the broker is reported", says(`msg="sink does not take readings, they are kept" sink=mqtt`))
	broker.Restart(t)
	peer.Until(t, "the broker is back", says(`msg="sink takes readings again" sink=mqtt`))
	again := peer.Subscribe(t, "-p", broker.Port, "-t", "plantroom/praha-1/#")
	peer.Until(t, "state after the broker's restart", seen("plantroom/praha-1/meter-2", `"value":230.4`, again))
	peer.Until(t, "meta after the broker's restart", seen("plantroom/praha-1/meter-2/meta", `"unit":"V"`, again))

	// The database.
	db.Process.Stop()
	peer.Until(t, "the database is reported", says(`msg="sink does not take readings, they are kept" sink=influx`))
	if text := health(); !strings.Contains(text, `{"name":"influx","up":false,"err":"write to `) {
		t.Errorf("health without the database: %s", text)
	}
	db.Restart(t)
	peer.Until(t, "the database is back", says(`msg="sink takes readings again" sink=influx`))

	stop()
	gateway.Close()
	text := log.String()
	for _, once := range []string{
		"bus is unreachable", "bus answers again", "device is silent", "device answers again",
		`they are kept" sink=mqtt`, `again" sink=mqtt`, `they are kept" sink=influx`, `again" sink=influx`,
	} {
		if n := strings.Count(text, once); n != 1 {
			t.Errorf("%q stands %d times in the log", once, n)
		}
	}
	if n := strings.Count(text, "\n"); n != 10 { // the eight, and that it runs and stops
		t.Errorf("%d lines of log:\n%s", n, text)
	}
	polls, _ := strconv.Atoi(regexp.MustCompile(`msg="plantroom stops".* polls=(\d+)`).FindStringSubmatch(text)[1])
	stored := points(`SELECT count(up) FROM switchboard`) + points(`SELECT count(up) FROM ups`) + points(`SELECT count(up) FROM agent`) + points(`SELECT count(up) FROM site`)
	if stored != polls {
		t.Errorf("%d polls were made and %d are in the database", polls, stored)
	}
}
