package snmp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"

	"github.com/gosnmp/gosnmp"
	"golang.org/x/time/rate"

	"plantroom/config"
)

// errUnsigned says that a user who has a password did not use it.
var errUnsigned = errors.New("the message is not authenticated")

// timeWindow is how old a message may be on its authority's clock, RFC 3414
// section 2.2.3.
const timeWindow = 150 * time.Second

// An engine decodes what a listener receives. It is what version 3 calls one:
// it has an id and a clock, and knows users. It is owned by the listener's
// goroutine.
type engine struct {
	id      string
	boots   uint32
	started time.Time
	any     *gosnmp.GoSNMP              // reads messages of version 1 and 2c, and headers of version 3
	users   map[string][]*gosnmp.GoSNMP // each reads what its user sends; devices may know the same name by other passwords
	clocks  map[string]clock            // of engines that sent a message that was believed
	fresh   *rate.Limiter               // of messages from other ones
	salt    uint64                      // counts, so that no two encrypted answers begin alike
	reports map[string]uint             // how often each counter was reported
}

// A clock is an authority's time: the latest that it said, and when.
type clock struct {
	boots uint32
	time  uint32 // seconds since it booted
	at    time.Time
}

// A message is what an engine made of one: a notification, or nothing but the
// answer to somebody who asks who we are, or what time it is.
type message struct {
	notification *notification
	answer       []byte
}

// A notification is a trap or an inform that is believed.
type notification struct {
	packet    *gosnmp.SnmpPacket
	oid       string // of the trap, see config.TrapOID
	community []byte // nil in version 3
	context   string // of version 3
	request   uint32
	ack       []byte // of an inform
}

// A drop is why a message is not a notification.
type drop struct {
	what outcome
	err  error
}

func (d *drop) Error() string { return d.err.Error() }

// newEngine returns the engine of that name, which has the same id after a
// restart.
func newEngine(name string, users []config.SNMPUser, now time.Time) (*engine, error) {
	h := fnv.New128a()
	h.Write([]byte("plantroom/" + name))
	e := &engine{
		// RFC 3411: the first bit, an enterprise's number (0, for we have none), and 5 for octets of our own.
		id: string(h.Sum([]byte{0x80, 0, 0, 0, 5})),
		// It grows with each start, and needs nothing to be kept. Two starts in a minute have the same
		// boots and times that differ by less than the time window.
		boots:   uint32(now.Unix()/60) & math.MaxInt32,
		started: now,
		any:     &gosnmp.GoSNMP{Version: gosnmp.Version3, SecurityModel: gosnmp.UserSecurityModel, SecurityParameters: nobody()},
		users:   map[string][]*gosnmp.GoSNMP{}, clocks: map[string]clock{}, reports: map[string]uint{},
		fresh: rate.NewLimiter(newEngines, newBurst), salt: rand.Uint64(),
	}
	for _, u := range users {
		flags, usm := usm(u)
		if err := usm.InitSecurityKeys(); err != nil { // now, not with the first trap: it takes a while
			return nil, fmt.Errorf("the user %s: %w", u.User, err)
		}
		e.users[u.User] = append(e.users[u.User],
			&gosnmp.GoSNMP{Version: gosnmp.Version3, SecurityModel: gosnmp.UserSecurityModel, MsgFlags: flags, SecurityParameters: usm})
	}
	return e, nil
}

// nobody is a user without a password, for reading headers.
func nobody() *gosnmp.UsmSecurityParameters {
	return &gosnmp.UsmSecurityParameters{UserName: "-", AuthenticationProtocol: gosnmp.NoAuth, PrivacyProtocol: gosnmp.NoPriv}
}

// decode reads a message. An error is a *drop; there may be an answer even so.
// It may change b.
func (e *engine) decode(b []byte, now time.Time) (m *message, err error) {
	// The library has been known to panic at what no agent sends.
	defer func() {
		if r := recover(); r != nil {
			m, err = nil, &drop{malformed, fmt.Errorf("it cannot be decoded: %v", r)}
		}
	}()
	version, pdu, ok := outline(b)
	if !ok {
		return nil, &drop{malformed, errors.New("it is no SNMP message")}
	}
	if version == gosnmp.Version3 {
		return e.decode3(b, now)
	}
	if version > gosnmp.Version2c || pdu < 0 {
		return nil, &drop{malformed, errors.New("it is no SNMP message")}
	}
	p, err := e.any.UnmarshalTrap(b, false)
	if err != nil {
		return nil, &drop{malformed, err}
	}
	n := &notification{packet: p, community: []byte(p.Community), request: p.RequestID}
	switch {
	case p.PDUType == gosnmp.Trap && version == gosnmp.Version1:
		n.oid = oid1(p)
	case p.PDUType == gosnmp.SNMPv2Trap && version == gosnmp.Version2c:
	case p.PDUType == gosnmp.InformRequest && version == gosnmp.Version2c:
		// The response is the request, as it came, but for its tag.
		n.ack = append([]byte(nil), b...)
		n.ack[pdu] = byte(gosnmp.GetResponse)
	default:
		return nil, &drop{malformed, errors.New("it is neither a trap nor an inform")}
	}
	return n.checked()
}

// outline returns the version of a message, and of one before version 3 where
// its PDU begins, -1 where that is past the end.
func outline(b []byte) (version gosnmp.SnmpVersion, pdu int, ok bool) {
	at, ok := enter(b, 0, 0x30)
	if !ok || at+3 > len(b) || b[at] != 2 || b[at+1] != 1 {
		return 0, 0, false
	}
	version = gosnmp.SnmpVersion(b[at+2])
	at += 3
	community, ok := enter(b, at, 4)
	if !ok {
		return version, -1, version == gosnmp.Version3
	}
	length := int(b[at+1])
	if length >= 0x80 { // enter has seen that they are there
		length = 0
		for _, c := range b[at+2 : community] {
			length = length<<8 | int(c)
		}
	}
	if pdu = community + length; pdu >= len(b) {
		return version, -1, true
	}
	return version, pdu, true
}

// enter returns where the content begins of what is at b[at:], which has to
// have the tag.
func enter(b []byte, at int, tag byte) (content int, ok bool) {
	if at+2 > len(b) || b[at] != tag {
		return 0, false
	}
	content = at + 2
	if long := b[at+1]; long >= 0x80 {
		if long > 0x83 { // longer than a datagram
			return 0, false
		}
		content += int(long & 0x7F)
	}
	return content, content <= len(b)
}

// oid1 is the OID that a version 1 trap has in version 2, RFC 3584 section 3.1.
func oid1(p *gosnmp.SnmpPacket) string {
	if p.GenericTrap >= 0 && p.GenericTrap < 6 {
		return fmt.Sprintf("1.3.6.1.6.3.1.1.5.%d", p.GenericTrap+1)
	}
	return fmt.Sprintf("%s.0.%d", trimDot(p.Enterprise), p.SpecificTrap)
}

func trimDot(oid string) string {
	if oid != "" && oid[0] == '.' {
		return oid[1:]
	}
	return oid
}

const (
	snmpTrapOID     = ".1.3.6.1.6.3.1.1.4.1.0"
	snmpTrapAddress = ".1.3.6.1.6.3.18.1.3.0"
)

// checked returns the notification with its OID, which it must have.
func (n *notification) checked() (*message, error) {
	if n.oid == "" {
		for _, v := range n.packet.Variables {
			if oid, ok := v.Value.(string); ok && v.Name == snmpTrapOID {
				n.oid = trimDot(oid)
			}
		}
	}
	if n.oid == "" {
		return nil, &drop{malformed, errors.New("it does not say which trap it is")}
	}
	n.oid = config.TrapOID(n.oid)
	return &message{notification: n}, nil
}

// decode3 reads a message of version 3.
func (e *engine) decode3(b []byte, now time.Time) (*message, error) {
	// The header is there also where the rest is encrypted, or signed by somebody else.
	h, _ := e.any.SnmpDecodePacket(b)
	if h == nil || h.Version != gosnmp.Version3 || h.SecurityModel != gosnmp.UserSecurityModel {
		return nil, &drop{malformed, errors.New("it is no message of the user-based security model")}
	}
	from := h.SecurityParameters.(*gosnmp.UsmSecurityParameters)
	asks := h.MsgFlags&gosnmp.Reportable != 0
	if len(from.AuthoritativeEngineID) < 5 || len(from.AuthoritativeEngineID) > 32 {
		if !asks {
			return nil, &drop{malformed, errors.New("it does not say whose time it has")}
		}
		return e.report(h, usmUnknownEngine, now) // which tells who we are
	}
	ours := from.AuthoritativeEngineID == e.id
	report := func(counter string, err error) (*message, error) {
		d := &drop{denied, err}
		if !asks || !ours {
			return nil, d
		}
		m, err := e.report(h, counter, now)
		if err != nil {
			return nil, err
		}
		return m, d
	}
	users := e.users[from.UserName]
	if users == nil {
		return report(usmUnknownUser, fmt.Errorf("the user %q is none of those that are believed", from.UserName))
	}
	if _, known := e.clocks[from.AuthoritativeEngineID]; !known && !ours && !e.fresh.AllowN(now, 1) {
		return nil, &drop{flooded, errors.New("too many messages from version 3 engines that are not known yet")}
	}
	var p *gosnmp.SnmpPacket
	err := errUnsigned
	for _, user := range users {
		if h.MsgFlags&gosnmp.AuthNoPriv < user.MsgFlags&gosnmp.AuthNoPriv {
			continue
		}
		if p, err = user.UnmarshalTrap(bytes.Clone(b), true); err == nil { // which changes what it reads
			break
		}
	}
	switch {
	case err == errUnsigned:
		return report(usmUnsupportedLevel, fmt.Errorf("the user %q: %w", from.UserName, err))
	case err != nil:
		return report(usmWrongDigest, fmt.Errorf("the user %q: the password or the protocol is another one, or the message is damaged: %w", from.UserName, err))
	}
	usm := p.SecurityParameters.(*gosnmp.UsmSecurityParameters)
	n := &notification{packet: p, context: p.ContextName, request: p.RequestID}
	switch {
	case p.PDUType == gosnmp.SNMPv2Trap:
		if p.MsgFlags&gosnmp.AuthNoPriv != 0 && !e.recent(usm, now) {
			return nil, &drop{replayed, fmt.Errorf("it is older than what the engine %x sent before: sent again by somebody, or its count of boots did not grow", usm.AuthoritativeEngineID)}
		}
	case p.PDUType == gosnmp.InformRequest && ours:
		if p.MsgFlags&gosnmp.AuthNoPriv != 0 && !e.inTime(usm, now) {
			return e.late(p, now)
		}
		if n.ack, err = e.ack(p, now); err != nil {
			return nil, &drop{malformed, fmt.Errorf("it cannot be acknowledged: %w", err)}
		}
	case p.PDUType == gosnmp.InformRequest:
		return e.report(h, usmUnknownEngine, now)
	default:
		return nil, &drop{malformed, errors.New("it is neither a trap nor an inform")}
	}
	return n.checked()
}

// recent reports whether an authenticated trap is not old by its sender's
// clock, and learns from it what that clock says.
func (e *engine) recent(usm *gosnmp.UsmSecurityParameters, now time.Time) bool {
	c, known := e.clocks[usm.AuthoritativeEngineID]
	boots, seconds := usm.AuthoritativeEngineBoots, usm.AuthoritativeEngineTime
	if known && boots <= c.boots && (boots < c.boots || seconds <= c.time) {
		// Nothing later has come than before: it may be out of order, but not by much.
		passed := time.Duration(c.time-seconds)*time.Second + now.Sub(c.at)
		return boots == c.boots && passed <= timeWindow
	}
	e.clocks[usm.AuthoritativeEngineID] = clock{boots, seconds, now}
	return true
}

// inTime reports whether an authenticated inform has our time.
func (e *engine) inTime(usm *gosnmp.UsmSecurityParameters, now time.Time) bool {
	off := time.Duration(int64(usm.AuthoritativeEngineTime)-int64(e.time(now))) * time.Second
	return usm.AuthoritativeEngineBoots == e.boots && off.Abs() <= timeWindow
}

// time is our clock.
func (e *engine) time(now time.Time) uint32 { return uint32(now.Sub(e.started) / time.Second) }

// report answers a message with a counter, which tells its sender who we are,
// what time it is, and what was wrong.
func (e *engine) report(h *gosnmp.SnmpPacket, counter string, now time.Time) (*message, error) {
	usm := nobody()
	usm.UserName = h.SecurityParameters.(*gosnmp.UsmSecurityParameters).UserName
	usm.AuthoritativeEngineID = e.id
	return e.reply(h, usm, counter, gosnmp.NoAuthNoPriv, now)
}

// late answers an inform that has not our time. Signed, so that its sender may
// believe what it says.
func (e *engine) late(p *gosnmp.SnmpPacket, now time.Time) (*message, error) {
	return e.reply(p, p.SecurityParameters.(*gosnmp.UsmSecurityParameters), usmNotInTime, gosnmp.AuthNoPriv, now)
}

func (e *engine) reply(to *gosnmp.SnmpPacket, usm *gosnmp.UsmSecurityParameters, counter string, flags gosnmp.SnmpV3MsgFlags, now time.Time) (*message, error) {
	e.reports[counter]++
	usm.AuthoritativeEngineBoots, usm.AuthoritativeEngineTime = e.boots, e.time(now)
	p := &gosnmp.SnmpPacket{
		Version: gosnmp.Version3, SecurityModel: gosnmp.UserSecurityModel, MsgFlags: flags, SecurityParameters: usm,
		ContextEngineID: e.id, ContextName: to.ContextName, PDUType: gosnmp.Report, MsgID: to.MsgID, RequestID: to.RequestID,
		Variables: []gosnmp.SnmpPDU{{Name: counter, Type: gosnmp.Counter32, Value: e.reports[counter]}},
	}
	b, err := p.MarshalMsg()
	if err != nil {
		return nil, &drop{malformed, fmt.Errorf("it cannot be answered: %w", err)}
	}
	return &message{answer: b}, nil
}

// ack is the response to an inform: the same, as a response.
func (e *engine) ack(p *gosnmp.SnmpPacket, now time.Time) ([]byte, error) {
	usm := p.SecurityParameters.Copy().(*gosnmp.UsmSecurityParameters)
	usm.AuthoritativeEngineBoots, usm.AuthoritativeEngineTime = e.boots, e.time(now)
	if p.MsgFlags&gosnmp.AuthPriv == gosnmp.AuthPriv {
		e.salt++
		usm.PrivacyParameters = binary.BigEndian.AppendUint64(nil, e.salt)
	}
	r := *p
	r.PDUType, r.Error, r.ErrorIndex, r.SecurityParameters = gosnmp.GetResponse, gosnmp.NoError, 0, usm
	r.MsgFlags &^= gosnmp.Reportable
	b, err := r.MarshalMsg()
	if err != nil { // a variable that only its sender knows how to write
		r.Variables = nil
		return r.MarshalMsg()
	}
	return b, nil
}
