package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"plantroom/config"
	"plantroom/drivers/sim"
	"plantroom/testdata/peer"
)

// TestReload changes the configuration of a running plantroom: a fault leaves
// the old one running, a new device joins, and the device that stayed is asked
// over the same connection all the time.
func TestReload(t *testing.T) {
	db := peer.StartInfluxDB(t)
	const profile = "profile: meter\nclass: switchboard\nmodbus: {points: [{metric: voltage, holding: 1, scale: 0.1, channel: L1}]}\n"
	meter, err := config.ParseProfile("meter.yaml", []byte(profile))
	if err != nil {
		t.Fatal(err)
	}
	board := sim.NewBoard("switchboard")
	board.Set("voltage", "L1", 230.4)
	var addresses []any
	for range 2 {
		s, err := sim.ServeModbus("127.0.0.1:0", map[int]sim.Unit{1: {Profile: meter, Values: board}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		addresses = append(addresses, s.Addr())
	}
	stays := peer.StartTCPProxy(t, addresses[0].(string), 1)
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		// As editors do: another file in its place.
		path := filepath.Join(dir, name)
		put(t, path+".new", text)
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	write("profiles/meter.yaml", profile)
	site := "site: praha-1\nwatch: true\nprofiles: [profiles]\noutputs: {influx: {url: \"" + db.URL + "\", bucket: facility}}\ndevices:\n" +
		fmt.Sprintf("  - {id: stays, profile: meter, modbus: {tcp: %q, unit: 1}, every: 200ms, timeout: 10s}\n", stays.Addr)
	write("site.yaml", site)

	log, stop := running(t, filepath.Join(dir, "site.yaml"))
	count := func(device string) int {
		return db.Count(t, "SELECT count(up) FROM switchboard WHERE up = 1 AND device = '"+device+"'")
	}
	peer.Until(t, "points", func() bool { return count("stays") > 3 })

	// Seen because it is watched.
	write("site.yaml", strings.Replace(site, "profile: meter", "profile: metre", 1))
	peer.Until(t, "the fault is said", func() bool {
		return strings.Contains(log.String(), "site.yaml:6:26: there is no profile metre; did you mean meter?")
	})
	before := count("stays")
	peer.Until(t, "the old configuration runs on", func() bool { return count("stays") > before+3 })

	// Seen because of the signal, or because it is watched, whichever is first.
	write("site.yaml", site+fmt.Sprintf("  - {id: comes, profile: meter, modbus: {tcp: %q, unit: 1}, every: 200ms, labels: {room: msb}}\n", addresses[1]))
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	peer.Until(t, "the new device is polled", func() bool { return count("comes") > 3 })

	// Another output, of another site's name: the outlet goes on with another sink.
	write("site.yaml", strings.Replace(site, "praha-1", "praha-2", 1))
	peer.Until(t, "points of the new name", func() bool {
		return strings.Contains(db.Query(t, "SELECT count(up) FROM switchboard WHERE site = 'praha-2'"), "switchboard")
	})
	stop()
	gone := count("comes")
	if n := len(stays.Asked()); n != 1 {
		t.Errorf("the device that stayed was asked over %d connections", n)
	}
	if gone == 0 {
		t.Error("no points of the device that came and went")
	}
	// One more where it was seen because of both.
	if n := strings.Count(log.String(), "the configuration is loaded again"); n != 2 && n != 3 {
		t.Errorf("loaded again %d times:\n%s", n, log.String())
	}
}

// TestReloadOfATakenWall: where the new wall cannot be, the old configuration runs
// on, all of it, the wall too.
func TestReloadOfATakenWall(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	path := filepath.Join(t.TempDir(), "site.yaml")
	write := func(wall, devices string) {
		put(t, path, "site: praha-1\nwall: {listen: \""+wall+"\"}\ndevices:\n"+devices)
	}
	const one, two = "  - {id: ups-a, profile: rfc1628-ups, snmp: {address: \"127.0.0.1:1\", community: public}}\n",
		"  - {id: ups-b, profile: rfc1628-ups, snmp: {address: \"127.0.0.1:1\", community: public}}\n"
	write(address, one)
	log, stop := running(t, path)
	defer stop()
	polled := func() string {
		resp, err := http.Get("http://" + address + "/api/v1/devices")
		if err != nil {
			return ""
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return string(text)
	}
	peer.Until(t, "the wall is there", func() bool { return strings.Contains(polled(), "ups-a") })
	write(taken.Addr().String(), one+two)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	peer.Until(t, "that is said", func() bool {
		return strings.Contains(log.String(), "the configuration is not taken, the old one runs on")
	})
	peer.Until(t, "the old wall is there", func() bool { return polled() != "" })
	if strings.Contains(polled(), "ups-b") || !strings.Contains(log.String(), taken.Addr().String()) {
		t.Errorf("%s\n%s", polled(), log)
	}
	write(address, one+two)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	peer.Until(t, "the new device is there", func() bool { return strings.Contains(polled(), "ups-b") })
}

// TestReloadWhileStarting: who asks for a reload before the agent has read its
// configuration gets one, and not the agent's end.
func TestReloadWhileStarting(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "site.yaml")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	start, log := processes(t, "run", path)
	agent := start()
	give := func() (send func()) {
		f, err := os.OpenFile(path, os.O_WRONLY, 0) // waits for who reads it
		if err != nil {
			t.Fatal(err)
		}
		return func() {
			if _, err := f.WriteString("site: praha-1\nwall: {listen: \"127.0.0.1:0\"}\ndevices:\n  - {id: ups-a, profile: rfc1628-ups, snmp: {address: \"127.0.0.1:1\", community: public}}\n"); err != nil {
				t.Error(err)
			}
			f.Close()
		}
	}
	send := give()
	if err := agent.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	send()
	peer.Until(t, "it runs", func() bool { return strings.Contains(log.String(), "plantroom runs") })
	give()()
	peer.Until(t, "it is loaded again", func() bool { return strings.Contains(log.String(), "the configuration is loaded again") })
	if err := agent.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := agent.Wait(); err != nil {
		t.Errorf("%v; the log is\n%s", err, log)
	}
}
