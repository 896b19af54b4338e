// Package mqtt delivers readings to an MQTT 3.1.1 broker, and can be that
// broker.
//
// Below PREFIX/SITE (plantroom/praha-1) stand, all retained and with QoS 1,
//
//	DEVICE         every reading of the device's last poll
//	DEVICE/meta    what the device is, and the unit of each of its readings
//	_agent/AGENT   online or, left as the agent's last will, offline
//	alarms         the events of severity warning and alarm that last, a JSON list
//
// and, not retained,
//
//	event          an event, whenever one begins, changes or ends
//
// and, where they are asked for,
//
//	DEVICE/METRIC and DEVICE/METRIC/CHANNEL   a reading's bare value, retained
//	DEVICE/history                            polls that came out late, not retained
//
// and, outside of it, homeassistant/device/.../config, from which Home
// Assistant makes its sensors.
//
// A device's state is one JSON object:
//
//	{"time":"2026-11-24T12:00:00.000Z","readings":{
//	 "up":{"value":1,"quality":"good"},
//	 "input_voltage/L1":{"value":231.2,"quality":"good"},
//	 "input_voltage/L2":{"value":6553.5,"quality":"suspect","why":"6553.5 V is outside 0..1000"},
//	 "battery_charge":{"quality":"bad","why":"timeout after 1s"},
//	 "status":{"value":2,"state":"on_battery","quality":"good"},
//	 "climate.temperature/probe 1":{"value":24.5,"quality":"good"}}}
//
// A reading is called METRIC or METRIC/CHANNEL, with the class in front where
// it is not the device's; meta calls it the same. A Bad reading has no value.
// A bare value cannot say how good it is, so the topic of one that is not Good
// is emptied, which removes it from the broker.
//
// What is retained never goes back in time, by the order of the polls and not
// by a clock that can be set: only what this run of the agent has polled is
// retained, the newest of each device, as soon as there is a connection. All
// of it is published again after each connect, because the broker may have
// forgotten it. What has been overtaken by then, and what an earlier run left
// behind, is history, which is published or dropped as the options say. A
// block is delivered when the broker has acknowledged every message. Where a
// broker cuts one connection after the other, as it does when two clients have
// the same id, the pauses between them grow and the error says so. A message
// for which it does that is found, set aside and left out.
package mqtt

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"plantroom/agent"
)

const (
	connectTimeout = 5 * time.Second
	ackTimeout     = 10 * time.Second // between one acknowledgement and the next
	qos            = 1

	lasting  = 10 * time.Second // how long a connection has to last to be a sound one
	cutLimit = time.Minute      // the longest pause between some that do not
)

// Options say which broker, and what of which site goes to it.
type Options struct {
	URL       string // mqtt://, mqtts://, ws:// or wss://
	Username  string
	Password  string
	TLS       *tls.Config // for mqtts:// and wss://; nil believes the system's authorities
	ClientID  string
	Prefix    string
	Site      string
	Agent     string
	History   bool
	PerMetric bool
	Discovery bool                  // for Home Assistant
	Active    func() []*agent.Event // the events that last, for alarms; nil: there is no such topic
	Log       *slog.Logger
	// SetAside keeps a message that the broker will never take, for people to
	// see; nil keeps none.
	SetAside func(message string, why error)
}

// A Sink publishes to one broker. It implements agent.EventSink. It connects, and
// connects again, when there is something to send.
type Sink struct {
	options Options
	root    string // PREFIX/SITE/
	paho    *paho.ClientOptions
	client  paho.Client   // a new one for each connection; nil where there is none
	lost    chan struct{} // closed when the client's connection is
	since   time.Time     // when it connected
	cuts    int           // connections in a row that did not last

	refusals refusals

	mu      sync.Mutex         // Append and Send run at the same time
	devices map[string]*device // by topic
	gone    map[string]bool    // topics to be emptied: nobody speaks there any more
	alarms  alarms
}

// A device is what the sink knows of one.
type device struct {
	*agent.Device
	topic  string
	layout []reading // of the last poll, to which the next is likely alike
	known  map[*agent.Point]bool
	newest state           // appended last
	sent   int             // the number of the state that the broker has
	ahead  []int64         // with History: times of states that were published before their blocks came up
	valued map[string]bool // with PerMetric: topics with a value; nil while that is not known
	meta   []byte          // to be published; nil when the broker has it
}

// A state is a device's state at one time.
type state struct {
	number  int   // counts the device's states
	time    int64 // Unix, ms
	payload []byte
	values  []message // with PerMetric; an empty payload for what has no value
}

// A reading is how one point stands in the JSON.
type reading struct {
	point *agent.Point
	key   []byte // its name, METRIC/CHANNEL, as a JSON string, and a colon
	topic string // with PerMetric
}

type message struct {
	topic   string
	payload []byte
}

// New returns a sink. It dials nothing.
func New(o Options) (*Sink, error) {
	broker, err := brokerURL(o.URL)
	if err != nil {
		return nil, err
	}
	o.URL = broker
	s := &Sink{options: o, root: o.Prefix + "/" + o.Site + "/", devices: map[string]*device{}, gone: map[string]bool{}, alarms: alarms{number: 1}}
	opts := paho.NewClientOptions().
		AddBroker(o.URL).
		SetClientID(o.ClientID).
		SetUsername(o.Username).
		SetPassword(o.Password).
		SetCleanSession(true).
		SetAutoReconnect(false). // Send connects, and says what went wrong
		SetConnectTimeout(connectTimeout).
		SetWriteTimeout(ackTimeout).
		SetKeepAlive(15*time.Second).
		SetPingTimeout(5*time.Second).
		SetOrderMatters(false).
		SetProtocolVersion(4).
		SetWill(s.agentTopic(), "offline", qos, true)
	if o.TLS != nil {
		opts.SetTLSConfig(o.TLS)
	}
	s.paho = opts
	return s, nil
}

// brokerURL returns a broker's URL with the port that is usual where it has
// none.
func brokerURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return "", errors.New("the broker's URL is none; write for example mqtt://10.1.0.5:1883")
	}
	port, ok := map[string]string{"mqtt": "1883", "mqtts": "8883", "ws": "80", "wss": "443"}[u.Scheme]
	switch {
	case !ok:
		return "", fmt.Errorf("the broker's URL begins with %s; write mqtt://, mqtts://, ws:// or wss://", u.Scheme)
	case u.User != nil: // it would be in every error
		return "", errors.New("the broker's URL carries a user; name it, and the password, apart from the URL")
	case u.Port() == "":
		u.Host = net.JoinHostPort(u.Hostname(), port)
	}
	return u.String(), nil
}

func (s *Sink) agentTopic() string { return s.root + "_agent/" + s.options.Agent }

// Close says that the agent is offline and disconnects.
func (s *Sink) Close() error {
	if !s.connected() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	err := s.say(ctx, "offline")
	s.client.Disconnect(250)
	return err
}

// Keep says which devices there still are. What the broker retains of others is
// emptied with the next Send: a wall that shows a device which is no more would
// show its last state for ever.
func (s *Sink) Keep(devices []*agent.Device) {
	stays := map[string]bool{}
	for _, d := range devices {
		stays[s.root+d.ID] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for topic, d := range s.devices {
		if stays[topic] {
			continue
		}
		delete(s.devices, topic)
		s.gone[topic], s.gone[topic+"/meta"] = true, true
		for value := range d.valued {
			s.gone[value] = true
		}
		if s.options.Discovery {
			discovery, _ := s.discover(d)
			s.gone[discovery] = true
		}
	}
}

// Append encodes one poll of one device after dst: its state, framed with its
// topic and time.
func (s *Sink) Append(dst []byte, rs []agent.Reading) []byte {
	if len(rs) == 0 {
		return dst
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.device(rs)
	at := rs[0].Time.UnixMilli()
	payload := encode(make([]byte, 0, len(d.newest.payload)+64), d.layout, rs)
	d.newest = state{number: d.newest.number + 1, time: at, payload: payload}
	if s.options.PerMetric {
		d.newest.values = values(d, rs)
	}
	return frame(dst, d.topic, at, payload)
}

// device returns what is known of the readings' device, with a layout that
// fits them. New points make new meta.
func (s *Sink) device(rs []agent.Reading) *device {
	of := rs[0].Point.Device
	topic := s.root + of.ID
	d := s.devices[topic]
	if d == nil || d.Device != of {
		d = &device{Device: of, topic: topic, known: map[*agent.Point]bool{}}
		s.devices[topic] = d
	}
	fits := len(d.layout) == len(rs)
	for i := 0; fits && i < len(rs); i++ {
		fits = d.layout[i].point == rs[i].Point
	}
	if fits {
		return d
	}
	d.layout = make([]reading, len(rs))
	grown := false
	for i := range rs {
		p := rs[i].Point
		name := readingName(p)
		key, _ := json.Marshal(name) // a string always can be
		d.layout[i] = reading{point: p, key: append(key, ':')}
		if s.options.PerMetric {
			d.layout[i].topic = topic + "/" + topicLevels(name)
		}
		grown = grown || !d.known[p]
		d.known[p] = true
	}
	if grown {
		d.meta = s.describe(d)
	}
	return d
}

// readingName is what state and meta call a point.
func readingName(p *agent.Point) string {
	name := p.Metric.Name
	if p.Metric.Class != p.Device.Class {
		name = p.Metric.Class + "." + name
	}
	if p.Channel != "" {
		name += "/" + p.Channel
	}
	return name
}

// encode appends the JSON of a poll.
func encode(b []byte, layout []reading, rs []agent.Reading) []byte {
	b = append(b, `{"time":"`...)
	b = rs[0].Time.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = append(b, `","readings":{`...)
	for i := range rs {
		r := &rs[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, layout[i].key...)
		b = append(b, '{')
		if r.Quality != agent.Bad {
			b = append(b, `"value":`...)
			b = appendNumber(b, r.Value)
			b = append(b, ',')
			if word := r.Word(); word != "" {
				b = append(b, `"state":`...)
				b = appendString(b, word)
				b = append(b, ',')
			}
			if r.Raw != "" {
				b = append(b, `"raw":`...)
				b = appendString(b, r.Raw)
				b = append(b, ',')
			}
		}
		b = append(b, `"quality":"`...)
		b = append(b, r.Quality.String()...)
		b = append(b, '"')
		if r.Why != "" {
			b = append(b, `,"why":`...)
			b = appendString(b, r.Why)
		}
		b = append(b, '}')
	}
	return append(b, `}}`...)
}

// appendNumber writes a number as people do, and JSON: without an exponent
// where it can.
func appendNumber(b []byte, v float64) []byte {
	format := byte('f')
	if a := math.Abs(v); a >= 1e21 || a < 1e-6 && a != 0 {
		format = 'e'
	}
	return strconv.AppendFloat(b, v, format, -1, 64)
}

func appendString(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(text) // a string always can be
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}

// values are the messages of PerMetric.
func values(d *device, rs []agent.Reading) []message {
	ms := make([]message, len(rs))
	for i := range rs {
		r := &rs[i]
		ms[i].topic = d.layout[i].topic
		if r.Quality != agent.Good {
			continue
		}
		if word := r.Word(); word != "" {
			ms[i].payload = []byte(word)
		} else {
			ms[i].payload = appendNumber(nil, r.Value)
		}
	}
	return ms
}

// topicLevels takes out of a reading's name what a topic cannot have.
func topicLevels(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '#' || r == '+':
			return '_'
		case r < ' ':
			return -1
		}
		return r
	}, name)
}

// What meta says.
type meta struct {
	Device   string                 `json:"device"`
	Name     string                 `json:"name"`
	Class    string                 `json:"class"`
	Profile  string                 `json:"profile"`
	Site     string                 `json:"site"`
	Agent    string                 `json:"agent"`
	Labels   map[string]string      `json:"labels,omitempty"`
	Feeds    []string               `json:"feeds,omitempty"`
	Every    float64                `json:"every"` // seconds
	Readings map[string]metaReading `json:"readings"`
}

type metaReading struct {
	Unit   string   `json:"unit,omitempty"`
	Kind   string   `json:"kind"`
	Name   string   `json:"name,omitempty"` // of the channel
	States []string `json:"states,omitempty"`
	Doc    string   `json:"doc,omitempty"`
	Source string   `json:"source,omitempty"`
}

func (s *Sink) describe(d *device) []byte {
	m := meta{
		Device: d.ID, Name: d.Name, Class: d.Class, Profile: d.Profile, Site: s.options.Site, Agent: s.options.Agent,
		Labels: d.LabelMap(), Feeds: d.Carries(), Every: d.Every.Seconds(), Readings: map[string]metaReading{},
	}
	kinds := [...]string{agent.Gauge: "gauge", agent.Counter: "counter", agent.State: "state"}
	for p := range d.known {
		m.Readings[readingName(p)] = metaReading{
			Unit: p.Metric.Unit, Kind: kinds[p.Metric.Kind], Name: p.ChannelName, States: p.Metric.States, Doc: p.Metric.Doc, Source: p.Source,
		}
	}
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings and numbers always can be JSON
	}
	return text
}

// frame appends a state as a block holds it: the lengths of topic and payload,
// the time, then both.
//
//	uvarint len(topic) | uvarint len(payload) | varint time | topic | payload
func frame(b []byte, topic string, at int64, payload []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(topic)))
	b = binary.AppendUvarint(b, uint64(len(payload)))
	b = binary.AppendVarint(b, at)
	b = append(b, topic...)
	return append(b, payload...)
}

var errFrame = errors.New("a block of MQTT messages is damaged")

// unframe reads the first state of a block and returns what is behind it.
func unframe(b []byte) (topic string, at int64, payload, rest []byte, err error) {
	topicLen, n := binary.Uvarint(b)
	if n <= 0 {
		return "", 0, nil, nil, errFrame
	}
	b = b[n:]
	payloadLen, n := binary.Uvarint(b)
	if n <= 0 {
		return "", 0, nil, nil, errFrame
	}
	b = b[n:]
	at, n = binary.Varint(b)
	if n <= 0 {
		return "", 0, nil, nil, errFrame
	}
	b = b[n:]
	if topicLen > uint64(len(b)) || payloadLen > uint64(len(b))-topicLen {
		return "", 0, nil, nil, errFrame
	}
	return string(b[:topicLen]), at, b[topicLen : topicLen+payloadLen], b[topicLen+payloadLen:], nil
}

// Send publishes the newest state of every device of which the broker does not
// have it, which may be newer than the block, and then as history what the
// block has and nobody has seen.
func (s *Sink) Send(ctx context.Context, block []byte) error {
	if err := s.connect(ctx); err != nil {
		return agent.Plainly(fmt.Errorf("connect to %s: %w", s.options.URL, err))
	}
	var acks []paho.Token
	var failed error
	careful := s.careful()
	publish := func(topic string, retain bool, payload []byte) {
		payload, some := s.takes(topic, retain, payload)
		if !some || failed != nil {
			return
		}
		token, err := s.publish(ctx, topic, retain, payload)
		switch {
		case err != nil:
			failed = err
		case careful:
			failed = s.wait(ctx, token)
		default:
			acks = append(acks, token)
		}
		if careful && failed != nil && !errors.Is(failed, errNoAck) && ctx.Err() == nil {
			s.blame(topic, payload)
		}
	}
	news := s.news()
	for topic, payload := range news.described {
		publish(topic, true, payload)
	}
	for _, n := range news.states {
		publish(n.device.topic, true, n.state.payload)
		for _, m := range n.changes {
			publish(m.topic, true, m.payload)
		}
	}
	if news.alarms != nil {
		publish(s.root+alarmsTopic, true, news.alarms)
	}
	s.events(block, publish)
	var overtaken []passed
	if s.options.History {
		overtaken = s.history(block, news, func(topic string, payload []byte) {
			// The client may hold it longer than the caller does.
			publish(topic+"/history", false, bytes.Clone(payload))
		})
	}
	for _, ack := range acks {
		if failed == nil {
			failed = s.wait(ctx, ack)
		}
	}
	if failed != nil {
		if errors.Is(failed, errNoAck) { // the connection may be dead, and what it still holds is sent again
			s.hangUp()
		}
		return agent.Plainly(fmt.Errorf("publish to %s: %w", s.options.URL, failed))
	}
	s.told(news, overtaken)
	return nil
}

// News is what the broker is to be told about devices as they are now.
type news struct {
	states    []newState
	described map[string][]byte // by topic
	metas     map[*device][]byte
	alarms    []byte // nil: the broker has them
	alarmsAre int    // the number that they have
}

type newState struct {
	device  *device
	state   state
	changes []message // of the values' topics
	valued  map[string]bool
}

// news returns what the broker does not have yet.
func (s *Sink) news() news {
	n := news{described: map[string][]byte{}, metas: map[*device][]byte{}}
	n.alarms, n.alarmsAre = s.newAlarms()
	s.mu.Lock()
	defer s.mu.Unlock()
	for topic := range s.gone {
		n.described[topic] = nil
	}
	for _, d := range s.devices {
		if d.newest.number > d.sent {
			st := newState{device: d, state: d.newest}
			if s.options.PerMetric {
				st.changes, st.valued = d.changes()
			}
			n.states = append(n.states, st)
		}
		if d.meta == nil {
			continue
		}
		n.described[d.topic+"/meta"] = d.meta
		n.metas[d] = d.meta
		if s.options.Discovery {
			topic, payload := s.discover(d)
			n.described[topic] = payload
		}
	}
	return n
}

// changes returns what to publish so that the topics of a device's values have
// the newest ones, and those without a value are gone; and which have one.
func (d *device) changes() (ms []message, valued map[string]bool) {
	valued = make(map[string]bool, len(d.newest.values))
	for _, m := range d.newest.values {
		if len(m.payload) > 0 {
			valued[m.topic] = true
			ms = append(ms, m)
		} else if d.valued == nil { // an earlier connection may have left one
			ms = append(ms, m)
		}
	}
	for topic := range d.valued {
		if !valued[topic] {
			ms = append(ms, message{topic: topic})
		}
	}
	return ms, valued
}

// Passed is a state of a block that was published before the block came up,
// and that needs no history.
type passed struct {
	device *device
	time   int64
}

// history publishes the states of a block that are not retained, now or
// before, and returns those that were.
func (s *Sink) history(block []byte, n news, publish func(topic string, payload []byte)) (before []passed) {
	now := make(map[string]int64, len(n.states))
	for _, st := range n.states {
		now[st.device.topic] = st.state.time
	}
	for rest := block; len(rest) > 0; {
		topic, at, payload, behind, err := unframe(rest)
		if err != nil {
			s.options.Log.Error("history is left out", "sink", "mqtt", "err", err)
			break
		}
		rest = behind
		if isEvent(topic) {
			continue
		}
		s.mu.Lock()
		d := s.devices[topic]
		seen := d != nil && slices.Contains(d.ahead, at)
		s.mu.Unlock()
		if t, ok := now[topic]; seen || ok && t == at {
			before = append(before, passed{d, at})
			continue
		}
		publish(topic, payload)
	}
	return before
}

// told notes what the broker has taken. Blocks come in order, so the states up
// to one that has passed will not come up again.
func (s *Sink) told(n news, before []passed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.alarms != nil {
		s.alarms.sent = n.alarmsAre
	}
	for _, st := range n.states {
		st.device.sent = st.state.number
		st.device.valued = st.valued
		if s.options.History {
			st.device.ahead = append(st.device.ahead, st.state.time)
		}
	}
	for _, p := range before {
		if i := slices.Index(p.device.ahead, p.time); i >= 0 {
			p.device.ahead = slices.Delete(p.device.ahead, 0, i+1)
		}
	}
	for topic, payload := range n.described {
		if payload == nil {
			delete(s.gone, topic)
		}
	}
	for d, text := range n.metas {
		if bytes.Equal(text, d.meta) {
			d.meta = nil
		}
	}
}

// connect makes a connection where there is none, says that the agent is
// online and has everything that is retained published again: the broker may
// be another one, or have forgotten it.
func (s *Sink) connect(ctx context.Context) error {
	if s.connected() {
		return nil
	}
	if s.client != nil {
		s.hangUp()
		if err := s.cut(time.Since(s.since)); err != nil {
			return err
		}
	}
	options, lost := *s.paho, make(chan struct{})
	over := sync.OnceFunc(func() { close(lost) })
	options.SetConnectionLostHandler(func(paho.Client, error) { over() })
	s.client, s.lost = paho.NewClient(&options), lost
	if err := s.wait(ctx, s.client.Connect()); err != nil {
		s.hangUp() // or it would connect when nobody waits for it any more
		return explain(err)
	}
	s.since = time.Now()
	if err := s.say(ctx, "online"); err != nil {
		if s.connected() { // and would be taken for one on which all that follows was said
			s.hangUp()
		}
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.devices {
		d.meta = s.describe(d)
		d.sent, d.valued = 0, nil
	}
	s.alarms.sent = 0
	return nil
}

// hangUp gives the connection up.
func (s *Sink) hangUp() {
	s.client.Disconnect(0)
	s.client = nil // it counts as connected a little longer
}

// cut notes that a connection was lost after a time. One that lasted may be
// made again at once. Where one after the other does not last, each has the
// next wait longer: two clients of the same id would throw each other out for
// ever, and have everything published again each time.
func (s *Sink) cut(after time.Duration) error {
	if after >= lasting {
		s.cuts = 0
		return nil
	}
	if s.cuts++; s.cuts < 2 {
		return nil
	}
	return &agent.WaitError{
		For: min(time.Second<<min(s.cuts, 10), cutLimit),
		Err: fmt.Errorf("the broker cuts the connection, last after %v; does another client have the id %s?", after.Round(100*time.Millisecond), s.options.ClientID),
	}
}

// explain takes the client's words off an error of the network.
func explain(err error) error {
	if both, ok := err.(interface{ Unwrap() []error }); ok && errors.Is(err, packets.ErrorNetworkError) {
		if errs := both.Unwrap(); len(errs) == 2 && errs[1] != nil {
			return errs[1]
		}
	}
	return err
}

func (s *Sink) connected() bool { return s.client != nil && s.client.IsConnectionOpen() }

var (
	errNoAck = errors.New("no acknowledgement in time")
	errLost  = errors.New("the connection is lost")
)

// say publishes what the agent is.
func (s *Sink) say(ctx context.Context, state string) error {
	token, err := s.publish(ctx, s.agentTopic(), true, []byte(state))
	if err != nil {
		return err
	}
	return s.wait(ctx, token)
}

// publish hands a message to the client. Where the connection is lost just then
// the client would keep its caller until a timeout, so that is left to a
// goroutine.
func (s *Sink) publish(ctx context.Context, topic string, retain bool, payload []byte) (paho.Token, error) {
	client, taken := s.client, make(chan paho.Token, 1)
	go func() { taken <- client.Publish(topic, qos, retain, payload) }()
	select {
	case token := <-taken:
		return token, nil
	case <-s.lost:
		return nil, errLost
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// wait waits for the broker's word on a token, not for ever. Words come in the
// order of the messages, so a slow broker that goes on is waited for.
func (s *Sink) wait(ctx context.Context, token paho.Token) error {
	select {
	case <-token.Done():
		return token.Error()
	default:
	}
	late := time.NewTimer(ackTimeout)
	defer late.Stop()
	select {
	case <-token.Done():
		return token.Error()
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-late.C:
		return errNoAck
	case <-s.lost:
	}
	select {
	case <-token.Done(): // the client may know more
		return token.Error()
	default:
		return errLost
	}
}
