package mqtt

import (
	"fmt"
	"time"
)

// MQTT 3.1.1 has no word for a message that a broker does not take, because it
// is too large or its topic is not allowed: the broker cuts the connection, and
// everything else waits behind that message. So when connections do not last,
// messages are published one by one, and one for which the connection was cut
// time and again is left out.
const (
	carefulFrom = 2              // cuts from which on messages go one by one
	blamesLimit = 3              // cuts in a row, at the same topic, that show that it is the message
	refusedFor  = 24 * time.Hour // somebody may have told the broker to take more
)

// refusals say which messages the broker does not take.
type refusals struct {
	blamed  string // topic that was being published at the last cuts in a row
	blames  int    // how many they were
	topics  map[string]refusal
	counted uint64
}

// A refusal is of messages to a topic, as long as the one that was refused or
// not much shorter.
type refusal struct {
	length int
	at     time.Time
}

// careful reports whether messages are to be published one by one.
func (s *Sink) careful() bool { return s.cuts >= carefulFrom && time.Since(s.since) < lasting }

// blame notes that the connection was cut while a message was being published.
func (s *Sink) blame(topic string, payload []byte) {
	r := &s.refusals
	if r.blamed != topic {
		r.blamed, r.blames = topic, 0
	}
	if r.blames++; r.blames < blamesLimit {
		return
	}
	r.blamed = ""
	if r.topics == nil {
		r.topics = map[string]refusal{}
	}
	r.topics[topic] = refusal{len(payload) * 9 / 10, time.Now()}
	why := fmt.Errorf("the broker cuts the connection for this message of %d bytes", len(payload))
	if s.options.SetAside != nil {
		s.options.SetAside(topic+" "+string(payload), why)
	}
	s.options.Log.Error("a message is left out, and those to its topic that are as long", "sink", "mqtt", "topic", topic, "err", why)
}

// takes returns what to publish instead of a message, and whether to publish
// anything. What is retained of a topic that the broker takes no more of is
// emptied, before it grows old.
func (s *Sink) takes(topic string, retain bool, payload []byte) ([]byte, bool) {
	r, refused := s.refusals.topics[topic]
	if !refused || len(payload) < r.length {
		return payload, true
	}
	if time.Since(r.at) > refusedFor {
		delete(s.refusals.topics, topic)
		return payload, true
	}
	s.mu.Lock()
	s.refusals.counted++
	s.mu.Unlock()
	return nil, retain && r.length > 0
}

// Refused returns how many messages were left out, because the broker takes
// none of their kind. It may be called at any time.
func (s *Sink) Refused() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refusals.counted
}
