package main

import (
	"maps"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"plantroom/agent"
	"plantroom/config"
	"plantroom/drivers/snmp"
)

// traps are where a station listens for SNMP traps.
type traps struct {
	listener atomic.Pointer[snmp.Listener] // nil for none; its counts are read while it is replaced
	madeFrom config.Traps
}

// trapSize is as how many readings a trap counts that waits for the clock.
const trapSize = 20

// listenForTraps makes the listener what the site says. Where it cannot listen
// it says so and polls on: the polls tell the truth, only later.
func (s *station) listenForTraps(site *config.Site) {
	var from config.Traps
	if site.Traps != nil {
		from = *site.Traps
		from.Users = users(site)
	}
	if l := s.traps.listener.Load(); l != nil {
		if reflect.DeepEqual(from, s.traps.madeFrom) {
			l.Match(s.plan.Senders())
			return
		}
		s.traps.close()
	}
	if site.Traps == nil {
		return
	}
	l, err := snmp.ListenTraps(snmp.TrapOptions{
		Traps: from, Name: site.Name + "/" + site.Agent, Log: s.log,
		Poll: func(device string) { s.agent.PollNow(device) },
		Take: func(t *agent.Trap) {
			s.agent.Dated(t.Time, trapSize, func(at time.Time) {
				t.Time = at
				s.events.Trap(*t)
			})
		},
	})
	if err != nil {
		s.log.Error("SNMP traps are not heard", "err", err)
		return
	}
	l.Match(s.plan.Senders())
	s.traps.listener.Store(l)
	s.traps.madeFrom = from
}

// users are those whose traps are believed: the configured ones, and those that
// devices are polled as.
func users(site *config.Site) []config.SNMPUser {
	all := slices.Clone(site.Traps.Users)
	for _, d := range site.Devices {
		if d.SNMP != nil && d.SNMP.Version == "3" {
			all = append(all, d.SNMP.SNMPUser)
		}
	}
	seen := map[config.SNMPUser]bool{}
	return slices.DeleteFunc(all, func(u config.SNMPUser) bool {
		again := seen[u]
		seen[u] = true
		return again
	})
}

// counts returns how many traps were heard and dropped since the station
// listens, none where it does not.
func (t *traps) counts() (received uint64, dropped map[string]uint64) {
	if l := t.listener.Load(); l != nil {
		return l.Received(), l.Dropped()
	}
	return 0, nil
}

// read reads the counts as the agent's own, where it listens.
func (t *traps) read(f *agent.Figures) {
	if t.listener.Load() == nil {
		return
	}
	received, dropped := t.counts()
	f.Number("traps_received", "", float64(received))
	for _, reason := range slices.Sorted(maps.Keys(dropped)) {
		f.Number("traps_dropped", reason, float64(dropped[reason]))
	}
}

func (t *traps) close() {
	if l := t.listener.Swap(nil); l != nil {
		_ = l.Close() // nothing is lost with it
	}
}
