package mqtt

import (
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plantroom/agent"
	"plantroom/testdata/peer"
)

// TestEvents: events are published in order and not retained, the list of
// alarms is retained, and newest, and it is there again when the broker had
// forgotten it.
func TestEvents(t *testing.T) {
	broker := peer.StartMosquitto(t, "allow_anonymous true")
	var active atomic.Pointer[[]*agent.Event]
	last := func(es ...*agent.Event) { active.Store(&es) }
	last()
	s := newSink(t, Options{URL: "mqtt://127.0.0.1:" + broker.Port, History: true, Active: func() []*agent.Event { return *active.Load() }})
	const event, list = "plantroom/praha-1/event", "plantroom/praha-1/alarms"
	subscribe := func() func() []string { return peer.Subscribe(t, "-p", broker.Port, "-t", list, "-t", event+"/#") }
	sub := subscribe()
	began := time.Date(2026, 11, 24, 12, 0, 0, 5e6, time.UTC)
	battery := agent.Event{ID: "1", Kind: "state", Device: "ups-a", Severity: agent.Alarm, Began: began, Text: agent.Words{EN: "UPS A is on battery", CS: "UPS A běží z baterie"}}
	note := agent.Event{ID: "2", Kind: "note", Severity: agent.Info, Began: began}

	send(t, s, s.Append(nil, at(0, statusA.Stated(1, ""))))
	has(t, sub, list, "[]")
	last(&battery, &note)
	block := s.AppendEvent(s.Append(s.AppendEvent(nil, &battery), at(1, statusA.Stated(2, ""))), &note)
	send(t, s, block)
	has(t, sub, list, `[{"id":"1",`)
	has(t, sub, event, `{"id":"2",`)
	send(t, s, s.Append(nil, at(2, statusA.Stated(2, "")))) // which is no news of events
	late := peer.Subscribe(t, "-p", broker.Port, "-t", "plantroom/#")
	has(t, late, list, `[{"id":"1",`)
	has(t, late, "plantroom/praha-1/ups-a", "on_battery")
	if slices.ContainsFunc(late(), func(line string) bool { return strings.HasPrefix(line, event) }) {
		t.Error("an event is retained")
	}

	// The broker forgets, and the alarm ends meanwhile: nothing shows it once more.
	broker.Process.Stop()
	ended := battery
	ended.Ended = began.Add(time.Minute)
	last()
	block = s.AppendEvent(nil, &ended)
	broker.Restart(t)
	before := sub()
	again := subscribe()
	sub = func() []string { return append(before, again()...) }
	peer.Until(t, "the connection is back", func() bool { return s.Send(t.Context(), block) == nil })
	has(t, sub, event, `"ended":"2026-11-24T12:01:00.005Z"`)
	has(t, peer.Subscribe(t, "-p", broker.Port, "-t", list), list, "[]")
	// An agent that comes after: what was left in the queue goes out, whatever has been since.
	left := s.AppendEvent(nil, &note)
	after := newSink(t, Options{URL: "mqtt://127.0.0.1:" + broker.Port})
	send(t, after, left)

	var got []string
	peer.Until(t, "the last event", func() bool {
		got = got[:0]
		for _, line := range sub() {
			topic, payload, _ := strings.Cut(line, " ")
			if topic == list {
				continue
			}
			var e agent.Event
			if err := json.Unmarshal([]byte(payload), &e); err != nil || topic != event {
				t.Fatalf("%s: %v", line, err)
			}
			if e.ID == "1" && cmp.Diff(battery, e) != "" && cmp.Diff(ended, e) != "" {
				t.Errorf("event: %s", payload)
			}
			state := "+"
			if !e.Active() {
				state = ""
			}
			got = append(got, e.ID+state)
		}
		return len(got) >= 4
	})
	if want := "1+ 2+ 1 2+"; strings.Join(got, " ") != want {
		t.Errorf("events: %q, want %s", got, want)
	}
}
