package mqtt

import (
	"bytes"
	"encoding/json"
	"strings"

	"plantroom/agent"
)

// The topics of events, below PREFIX/SITE/. No device can be called so.
const (
	eventTopic  = "event"
	alarmsTopic = "alarms"
)

// alarms says which list of alarms the broker has.
type alarms struct {
	number int // of the list as it is; an event makes another
	sent   int // of the one that the broker has; 0 for none
}

// AppendEvent encodes an event after dst, framed as a state is. It also makes
// the list of alarms another one: that is not queued, only the newest is of
// use.
func (s *Sink) AppendEvent(dst []byte, e *agent.Event) []byte {
	payload, err := json.Marshal(e)
	if err != nil { // a value that is no number
		s.options.Log.Error("an event is left out, it cannot be JSON", "sink", "mqtt", "device", e.Device, "event", e.ID, "err", err)
		return dst
	}
	s.mu.Lock()
	s.alarms.number++
	s.mu.Unlock()
	return frame(dst, s.root+eventTopic, e.Began.UnixMilli(), payload)
}

// isEvent reports whether a block's topic is that of events, of whatever site
// the queue was filled for.
func isEvent(topic string) bool { return strings.HasSuffix(topic, "/"+eventTopic) }

// events publishes the events of a block, in their order. A damaged block ends
// where the damage is.
func (s *Sink) events(block []byte, publish func(topic string, retain bool, payload []byte)) {
	for rest := block; len(rest) > 0; {
		topic, _, payload, behind, err := unframe(rest)
		if err != nil {
			s.options.Log.Error("what is behind the damage is left out", "sink", "mqtt", "err", err)
			return
		}
		rest = behind
		if isEvent(topic) {
			// The client may hold it longer than the caller does.
			publish(topic, false, bytes.Clone(payload))
		}
	}
}

// newAlarms returns the list of alarms and its number, nil where the broker
// has it. The number is taken first: an event that comes in between is in the
// list already, and makes it sent once more.
func (s *Sink) newAlarms() (list []byte, number int) {
	if s.options.Active == nil {
		return nil, 0
	}
	s.mu.Lock()
	now := s.alarms
	s.mu.Unlock()
	if now.number == now.sent {
		return nil, 0
	}
	last := []*agent.Event{}
	for _, e := range s.options.Active() {
		if e.Severity >= agent.Warning {
			last = append(last, e)
		}
	}
	list, err := json.Marshal(last)
	if err != nil {
		s.options.Log.Error("the list of alarms is left out, it cannot be JSON", "sink", "mqtt", "err", err)
		return nil, 0
	}
	return list, now.number
}
