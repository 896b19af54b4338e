package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"plantroom/agent"
	"plantroom/agent/wall"
	"plantroom/testdata/peer"
)

// TestOutageBeforeTheClockIsSet: a UPS goes on battery before the box knows the
// time. The wall shows it at once; what happened is told when the clock is set,
// as of the time at which it did, with what the building stands on from the first.
func TestOutageBeforeTheClockIsSet(t *testing.T) {
	board, address := simulatedUPS(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "site.yaml")
	text := fmt.Sprintf("site: praha-1\nstate: state\ndevices:\n"+
		"  - {id: ups-a, name: UPS A, profile: rfc1628-ups, snmp: {address: %q}, every: 100ms}\n", address)
	put(t, path, text)
	s, _ := stationOf(t, path)
	s.agent.HoldBefore(time.Now().Add(24 * time.Hour))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.agent.Run(ctx) }()
	on := func(want agent.Supply) {
		t.Helper()
		peer.Until(t, "the wall shows "+want.String(), func() bool { return s.power.Path().On == want })
	}
	on(agent.Mains)
	began := time.Now().Truncate(time.Millisecond)
	peer.Until(t, "it is polled by one that began later", func() bool {
		ups, _ := s.agent.Latest.Of("ups-a")
		return ups.Polled.After(began)
	})
	board.SetState("status", "", "on_battery")
	on(agent.Batteries)
	seen := time.Now()
	polled := s.agent.Stats().Polls
	peer.Until(t, "more is polled", func() bool { return s.agent.Stats().Polls > polled+5 })
	if all := s.events.Events(agent.EventQuery{}); len(all) > 0 || s.agent.Held() == 0 {
		t.Errorf("told before the time is known: %+v; %d readings wait", all, s.agent.Held())
	}
	if _, err := s.testNote(wall.TestNote{Action: "start", Name: "By hand"}); err == nil {
		t.Error("a test began at a time that nobody knows")
	}
	if kept, _ := os.ReadDir(filepath.Join(dir, "state", ledgerFolder)); len(kept) > 0 {
		t.Errorf("the ledger has %v", kept)
	}

	s.agent.HoldBefore(time.Time{})
	peer.Until(t, "it is told", func() bool { return len(s.events.Active()) > 1 })
	for _, ev := range s.events.Active() {
		if ev.Began.Before(began) || ev.Began.After(seen) {
			t.Errorf("%s began at %v, not from %v to %v", ev.Text.EN, ev.Began, began, seen)
		}
	}
	if n := s.agent.Held(); n != 0 {
		t.Errorf("%d readings still wait", n)
	}
	board.SetState("status", "", "online")
	peer.Until(t, "it is over", func() bool {
		for _, ev := range s.events.Active() {
			if ev.Metric == "status" {
				return false
			}
		}
		return true
	})
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	s.close()
	day := began.Local()
	if kept, err := os.ReadDir(filepath.Join(dir, "state", ledgerFolder)); err != nil || len(kept) == 0 || kept[0].Name() != day.Format(time.DateOnly)+".json" {
		t.Errorf("the ledger has %v: %v", kept, err)
	}
}
