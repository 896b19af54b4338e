package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"plantroom/config"
	"plantroom/drivers/sim"
	"plantroom/testdata/peer"
)

// snmptrap sends a trap, or with snmpinform an inform, with net-snmp.
func snmptrap(t *testing.T, program, args string) {
	t.Helper()
	cmd := exec.Command(peer.Need(t, program, "apt-get install snmp"), strings.Fields(args)...)
	cmd.Env = append(os.Environ(), "SNMP_PERSISTENT_DIR="+t.TempDir(), "SNMPCONFPATH=/nonexistent", "MIBS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", program, args, err, out)
	}
}

// simulatedUPS serves a UPS that is online, over SNMP, until the test ends.
func simulatedUPS(t *testing.T) (board *sim.Board, address string) {
	t.Helper()
	profiles, err := config.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	board = sim.NewBoard("ups")
	board.SetState("status", "", "online")
	s, err := sim.ServeSNMP("127.0.0.1:0", sim.Agent{Profile: profiles["rfc1628-ups"], Values: board, Community: "public"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return board, s.Addr()
}

// TestTraps runs plantroom with a UPS that is polled once an hour: what it is
// known to be after a trap is of a poll at once.
func TestTraps(t *testing.T) {
	broker := peer.StartMosquitto(t, "allow_anonymous true")
	board, address := simulatedUPS(t)
	dir, traps, wall := t.TempDir(), "127.0.0.1:"+peer.UDPPort(t), "127.0.0.1:"+peer.TCPPort(t)
	site := filepath.Join(dir, "site.yaml")
	text := fmt.Sprintf(`site: praha-1
traps: {listen: %q, communities: [trapper]}
wall: {listen: %q}
outputs: {mqtt: {url: "mqtt://127.0.0.1:%s"}}
devices:
  - {id: ups-a, name: UPS A, profile: rfc1628-ups, snmp: {address: %q}, every: 1h}
`, traps, wall, broker.Port, address)
	put(t, site, text)
	log, stop := running(t, site)
	sub := peer.Subscribe(t, "-p", broker.Port, "-t", "plantroom/praha-1/ups-a")
	heard := peer.Subscribe(t, "-p", broker.Port, "-t", "plantroom/praha-1/event")
	state := func(word string) {
		t.Helper()
		peer.Until(t, "the UPS is "+word+"; the log is\n"+log.String(), func() bool {
			lines := sub()
			return len(lines) > 0 && strings.Contains(lines[len(lines)-1], `"state":"`+word+`"`)
		})
	}
	state("online")
	board.SetState("status", "", "on_battery")
	snmptrap(t, "snmptrap", "-v2c -c trapper "+traps+" 100 1.3.6.1.2.1.33.2.1 1.3.6.1.2.1.33.1.2.3.0 i 12")
	state("on_battery")
	peer.Until(t, "the trap is a part of what the poll tells", func() bool {
		all := strings.Join(heard(), "\n")
		return regexp.MustCompile(`"kind":"trap","parent":"[^"]+","device":"ups-a","name":"UPS A","class":"ups","metric":"upsTrapOnBattery"`).MatchString(all) &&
			strings.Contains(all, `"text":{"en":"UPS A: on battery","cs":"UPS A: běží z baterie"}`)
	})
	board.SetState("status", "", "online")
	snmptrap(t, "snmpinform", "-v2c -c trapper "+traps+" 100 1.3.6.1.2.1.33.2.4 1.3.6.1.2.1.33.1.6.2.1.2.1 o 1.3.6.1.2.1.33.1.6.3.2")
	state("online")
	snmptrap(t, "snmptrap", "-v2c -c guess "+traps+" 100 1.3.6.1.2.1.33.2.1")
	peer.Until(t, "the counts", func() bool {
		text := get("http://" + wall + "/metrics")
		return strings.Contains(text, "plantroom_traps_received_total 2\n") &&
			strings.Contains(text, `plantroom_traps_dropped_total{reason="denied"} 1`+"\n")
	})
	stop()
}

// TestTrapsAndPolls: the engine knows of which traps the polls of a device tell
// as well.
func TestTrapsAndPolls(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site.yaml")
	put(t, path, "site: praha-1\ndevices:\n  - {id: ups-a, profile: apc-powernet-ups, snmp: {address: 127.0.0.1}}\n")
	s, site := stationOf(t, path)
	defer s.close()
	while := s.setup(site).While["ups-a"]
	if got := while["upsOnBattery"]["status"]; !slices.Equal(got, []string{"on_battery"}) || while["communicationLost"] != nil {
		t.Errorf("while upsOnBattery lasts the status is %q, and of communicationLost %v", got, while["communicationLost"])
	}
}
