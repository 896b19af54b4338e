package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"plantroom/agent"
	"plantroom/testdata/peer"
)

// TestAlarmTables runs plantroom with a real SNMP agent that is a UPS with RFC
// 1628's table of alarms, and by another profile one with Liebert's: a row is
// an event with words and severity as long as the row says that its alarm stands.
func TestAlarmTables(t *testing.T) {
	broker := peer.StartMosquitto(t, "allow_anonymous true")
	dir, udp, wall, traps := t.TempDir(), peer.UDPPort(t), "127.0.0.1:"+peer.TCPPort(t), "127.0.0.1:"+peer.UDPPort(t)
	standard, liebert := peer.NewSNMPTree(t, t.TempDir(), "1.3.6.1.2.1.33"), peer.NewSNMPTree(t, t.TempDir(), "1.3.6.1.4.1.476.1.42")
	const conditions, wellKnown = "1.3.6.1.4.1.476.1.42.3.2.", "1.3.6.1.2.1.33.1.6.3."
	alarms := func(rows ...string) { // by their numbers
		t.Helper()
		objects := []string{"1.3.6.1.2.1.33.1.4.1.0 integer 3", fmt.Sprintf("1.3.6.1.2.1.33.1.6.1.0 gauge %d", len(rows))}
		for _, row := range rows { // which keeps its index, as the agent may be in the middle of them
			objects = append(objects, fmt.Sprintf("1.3.6.1.2.1.33.1.6.2.1.2.%s objectid .%s%s", row, wellKnown, row))
		}
		standard.Set(t, objects...)
	}
	type condition struct {
		descr        string
		types, state int // message(2), warning(4), alarm(6); active(1), inactive(2)
	}
	present := func(rows ...condition) {
		t.Helper()
		objects := []string{fmt.Sprintf("%s2.0 gauge %d", conditions, len(rows))}
		for _, row := range rows {
			index := row.descr[strings.LastIndexByte(row.descr, '.')+1:]
			objects = append(objects, fmt.Sprintf("%s3.1.2.%s objectid .%s%s", conditions, index, conditions, row.descr),
				fmt.Sprintf("%s3.1.10.%s integer %d", conditions, index, row.types),
				fmt.Sprintf("%s3.1.12.%s integer %d", conditions, index, row.state))
		}
		liebert.Set(t, objects...)
	}
	alarms()
	present()
	peer.StartSNMPD(t, dir, udp, standard.Settings+liebert.Settings)

	site := filepath.Join(dir, "site.yaml")
	text := fmt.Sprintf(`site: praha-1
wall: {listen: %q}
traps: {listen: %q}
outputs: {mqtt: {url: "mqtt://127.0.0.1:%s"}}
devices:
  - {id: ups-a, name: UPS A, profile: rfc1628-ups, snmp: {address: "127.0.0.1:%[4]s", community: public}, every: 200ms}
  - {id: ups-b, name: UPS B, profile: liebert-ups, snmp: {address: "127.0.0.1:%[4]s", community: public}, every: 200ms}
`, wall, traps, broker.Port, udp)
	put(t, site, text)
	log, stop := running(t, site)
	said := peer.Subscribe(t, "-p", broker.Port, "-t", "plantroom/praha-1/+")
	events := func() (lines []string) { // of alarms and traps
		var all []agent.Event
		if json.Unmarshal([]byte(get("http://"+wall+"/api/v1/events")), &all) != nil {
			return nil // it does not listen yet
		}
		for _, e := range all {
			if e.Kind != "alarm" && e.Kind != "trap" {
				continue
			}
			state := "ended"
			if e.Active() {
				state = "lasts"
			}
			lines = append(lines, fmt.Sprintf("%s %s %s: %s / %s", state, e.Device, e.Severity, e.Text.EN, e.Text.CS))
		}
		return lines
	}
	want := func(what string, lines ...string) {
		t.Helper()
		var got []string
		defer func() {
			if t.Failed() {
				t.Logf("events:\n%s\nlog:\n%s", strings.Join(got, "\n"), log.String())
			}
		}()
		slices.Sort(lines)
		peer.Until(t, what, func() bool {
			got = slices.Sorted(slices.Values(events()))
			return slices.Equal(got, lines)
		})
	}
	peer.Until(t, "both are read; the log is\n"+log.String(), func() bool {
		all := strings.Join(said(), "\n")
		return strings.Contains(all, "praha-1/ups-a {") && strings.Contains(all, "praha-1/ups-b {")
	})
	want("nothing happened")

	const fuse = "ups-a warning: UPS A reports: fuse failure / UPS A hlásí: porucha pojistky"
	const fault = "ups-a alarm: UPS A reports: general fault / UPS A hlásí: souhrnná porucha"
	alarms("17")
	want("a row is an event", "lasts "+fuse)
	alarms("17", "18")
	want("another is another", "lasts "+fuse, "lasts "+fault)
	alarms("18")
	want("a row has gone", "ended "+fuse, "lasts "+fault)
	alarms()
	want("all have gone", "ended "+fuse, "ended "+fault)

	past := []string{"ended " + fuse, "ended " + fault}
	now := func(lines ...string) []string { return append(slices.Clone(past), lines...) }
	const redundancy = "ups-b alarm: UPS B reports: redundancy lost / UPS B hlásí: ztráta redundance"
	const fan = "ups-b warning: UPS B reports: fan failure / UPS B hlásí: porucha ventilátoru"
	const other = "ups-b warning: UPS B reports: other alarm (1.3.6.1.4.1.476.1.42.3.2.7.1.9999) / UPS B hlásí: jiný alarm (1.3.6.1.4.1.476.1.42.3.2.7.1.9999)"
	present(condition{"7.1.5817", 6, 1})
	want("a condition of Liebert's is an event", now("lasts "+redundancy)...)
	present(condition{"7.1.5817", 6, 2})
	want("it is over before it is acknowledged", now("ended "+redundancy)...)
	past = now("ended " + redundancy)
	// One that an old card says of a group, a message, and one that the profile does not know.
	present(condition{"7.1.5817", 6, 2}, condition{"1.43.2", 4, 1}, condition{"1.64", 2, 1}, condition{"7.1.9999", 4, 1})
	want("the others are their own", now("lasts "+fan, "lasts "+other)...)
	present(condition{"7.1.5817", 6, 2}, condition{"1.43.2", 4, 2}, condition{"1.64", 2, 1}, condition{"7.1.9999", 4, 2})
	want("a message is no alarm", now("ended "+fan, "ended "+other)...)
	peer.Until(t, "MQTT has them too", func() bool {
		all := strings.Join(said(), "\n")
		return strings.Contains(all, `praha-1/event {`) && strings.Contains(all, `"metric":"x_alarm_redundancy_lost","severity":"alarm"`) &&
			strings.Contains(all, `"cs":"UPS A hlásí: porucha pojistky"`)
	})

	// Liebert's cards have one trap for everything, whose text tells what it is.
	past = now("ended "+fan, "ended "+other)
	const overload = "ups-b info: UPS B: Alarm:Overload / UPS B: Alarm:Overload"
	tell := func(event string) {
		t.Helper()
		snmptrap(t, "snmpinform", "-v2c -c public "+traps+" 100 1.3.6.1.4.1.476.1.42.3.7.8.0.1 1.3.6.1.4.1.476.1.42.3.7.7.0 s "+event)
	}
	tell("Active:Alarm:Overload")
	want("what a trap begins lasts", now("lasts "+overload)...)
	tell("Cleared:Alarm:Overload")
	want("until another clears it", now("ended "+overload)...)
	stop()
}
