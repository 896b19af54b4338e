package snmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gosnmp/gosnmp"

	"plantroom/agent"
	"plantroom/config"
)

// A link is the socket to one agent and, for version 3, what was agreed with
// it. It is made when first needed and given up at the first error, so that
// whatever went wrong (a stale source address, a name that moved, an engine
// that was replaced) is not carried on.
type link struct {
	address config.SNMPAddress
	timeout time.Duration
	connect func(*gosnmp.GoSNMP) error // makes its socket
	session *gosnmp.GoSNMP             // nil: to be made
	tap     tap
	heard   []byte // room for an answer of version 1 or 2c
	sent    int    // requests, retries left out

	remote    net.Addr // the agent's address, as it was last looked up
	anySource bool     // the next socket hears whoever answers
}

// errTimeout is the cause of a fault that is only silence.
var errTimeout = errors.New("timeout")

// A fault says what was asked of which agent and what became of it.
type fault struct {
	text  string
	cause error
}

func (f *fault) Error() string { return f.text }
func (f *fault) Unwrap() error { return f.cause }

// send asks once and returns the agent's answer, which may be a refusal. A
// request that is not answered in half the timeout is sent once more, and the
// answers to both are waited for until the timeout is over; answers to anything
// older are dropped.
func (l *link) send(ctx context.Context, q *question) (*gosnmp.SnmpPacket, error) {
	for again := false; ; again = true {
		if err := l.open(ctx); err != nil {
			return nil, l.fault(q, err)
		}
		answer, err := l.exchange(ctx, q)
		if err == nil && answer.PDUType == gosnmp.GetResponse {
			return answer, nil
		}
		err = plain(ctx, err)
		if err == errTimeout {
			l.anySource = l.mayRoam() && (!l.anySource || l.tap.elsewhere)
		}
		report := l.tap.report()
		l.close()
		switch {
		case err == errTimeout && report == usmUnknownEngine && l.address.Priv != "none" && l.address.Priv != "":
			// Agents drop what they cannot decrypt.
			err = fmt.Errorf("timeout after %v, though it answers the discovery of its engine: is it the privacy password?", l.timeout)
		case err == errTimeout || ctx.Err() != nil || report == "":
		case report == usmUnknownEngine && !again:
			continue // the agent is another one now: get to know it
		default:
			err = l.reported(report)
		}
		return nil, l.fault(q, err)
	}
}

func (l *link) exchange(ctx context.Context, q *question) (*gosnmp.SnmpPacket, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.sent++
	l.tap.begin(ctx)
	defer l.tap.end()
	if l.session.Version != gosnmp.Version3 {
		return l.ask(ctx, q)
	}
	l.session.Context = ctx
	switch q.kind {
	case gosnmp.GetBulkRequest:
		return l.session.GetBulk(q.oids, 0, uint32(q.repetitions))
	case gosnmp.GetNextRequest:
		return l.session.GetNext(q.oids)
	default:
		return l.session.Get(q.oids)
	}
}

func (l *link) open(ctx context.Context) error {
	if l.session != nil {
		return nil
	}
	host, service, err := net.SplitHostPort(l.address.Address)
	if err != nil {
		return err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return err
	}
	session := &gosnmp.GoSNMP{
		Target:    host,
		Port:      uint16(port),
		Transport: "udp",
		Context:   ctx,
		Timeout:   l.timeout / tries,
		Retries:   tries - 1,
		MaxOids:   hardMaxOIDs,
	}
	switch l.address.Version {
	case "1":
		session.Version, session.Community = gosnmp.Version1, l.address.Community.Reveal()
	case "3":
		session.Version = gosnmp.Version3
		session.SecurityModel = gosnmp.UserSecurityModel
		session.ContextName = l.address.Context
		session.MsgFlags, session.SecurityParameters = usm(l.address.SNMPUser)
	default:
		session.Version, session.Community = gosnmp.Version2c, l.address.Community.Reveal()
	}
	if l.anySource {
		// The address is known, and is not looked up again without a context.
		session.Target, _, _ = net.SplitHostPort(l.remote.String())
		session.UseUnconnectedUDPSocket = true
	}
	if err := l.connect(session); err != nil {
		return err
	}
	l.tap = tap{Conn: session.Conn, keep: session.Version == gosnmp.Version3}
	if socket, ok := session.Conn.(*net.UDPConn); ok && l.anySource {
		l.tap.Conn = &openSocket{UDPConn: socket, to: l.remote, ours: l.ours, elsewhere: &l.tap.elsewhere}
	} else {
		l.remote = session.Conn.RemoteAddr()
	}
	session.Conn = &l.tap
	l.session = session
	return nil
}

func (l *link) close() error {
	if l.session == nil {
		return nil
	}
	err := l.session.Close()
	l.session = nil
	return err
}

// reported is what an agent of version 3 means by the counter that it reports.
func (l *link) reported(counter string) error {
	switch counter {
	case usmUnknownUser:
		return fmt.Errorf("the agent does not know the user %q", l.address.User)
	case usmWrongDigest:
		return fmt.Errorf("wrong digest: the authentication password or protocol of the user %q is not the agent's", l.address.User)
	case usmDecryption:
		return fmt.Errorf("decryption error: the privacy password or protocol of the user %q is not the agent's", l.address.User)
	case usmUnsupportedLevel:
		return fmt.Errorf("the agent does not offer the user %q this security level (auth %s, priv %s)", l.address.User, l.address.Auth, l.address.Priv)
	case usmNotInTime:
		return errors.New("not in the agent's time window")
	case usmUnknownEngine:
		return errors.New("the agent does not know its own engine id")
	}
	return fmt.Errorf("the agent reports %s", counter[1:])
}

// plain reduces what gosnmp says to what a person needs.
func plain(ctx context.Context, err error) error {
	var network net.Error
	switch {
	case err == nil:
		return errors.New("the agent sent something else than a response")
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded): // gosnmp looked at the clock before ctx did
		return context.DeadlineExceeded
	case errors.Is(err, gosnmp.ErrMaxRetriesExceeded), errors.As(err, &network) && network.Timeout():
		return errTimeout
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("connection refused")
	case strings.HasPrefix(err.Error(), "recover:"):
		return errors.New("the agent sent what cannot be decoded")
	}
	return agent.Plainly(err)
}

// fault names the question in front of what became of it.
func (l *link) fault(q *question, err error) error {
	verb := "get"
	switch q.kind {
	case gosnmp.GetNextRequest:
		verb = "get next of"
	case gosnmp.GetBulkRequest:
		verb = "get bulk of"
	}
	more := ""
	if n := len(q.oids) - 1; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	what := err.Error()
	if err == errTimeout {
		what = fmt.Sprintf("timeout after %v", l.timeout)
	}
	return &fault{fmt.Sprintf("%s %s%s from %s: %s", verb, q.oids[0][1:], more, l.address.Address, what), err}
}

// The counters that an agent names in a report, RFC 3414 section 5.
const (
	usmUnsupportedLevel = ".1.3.6.1.6.3.15.1.1.1.0"
	usmNotInTime        = ".1.3.6.1.6.3.15.1.1.2.0"
	usmUnknownUser      = ".1.3.6.1.6.3.15.1.1.3.0"
	usmUnknownEngine    = ".1.3.6.1.6.3.15.1.1.4.0"
	usmWrongDigest      = ".1.3.6.1.6.3.15.1.1.5.0"
	usmDecryption       = ".1.3.6.1.6.3.15.1.1.6.0"
)

// usm translates the configuration of a version 3 user.
func usm(a config.SNMPUser) (gosnmp.SnmpV3MsgFlags, *gosnmp.UsmSecurityParameters) {
	flags := gosnmp.NoAuthNoPriv
	user := &gosnmp.UsmSecurityParameters{
		UserName:               a.User,
		AuthenticationProtocol: gosnmp.NoAuth,
		PrivacyProtocol:        gosnmp.NoPriv,
	}
	switch a.Auth {
	case "md5":
		user.AuthenticationProtocol = gosnmp.MD5
	case "sha":
		user.AuthenticationProtocol = gosnmp.SHA
	case "sha224":
		user.AuthenticationProtocol = gosnmp.SHA224
	case "sha256":
		user.AuthenticationProtocol = gosnmp.SHA256
	case "sha384":
		user.AuthenticationProtocol = gosnmp.SHA384
	case "sha512":
		user.AuthenticationProtocol = gosnmp.SHA512
	default:
		return flags, user
	}
	flags = gosnmp.AuthNoPriv
	user.AuthenticationPassphrase = a.AuthPass.Reveal()
	switch a.Priv {
	case "des":
		user.PrivacyProtocol = gosnmp.DES
	case "aes":
		user.PrivacyProtocol = gosnmp.AES
	case "aes192":
		user.PrivacyProtocol = gosnmp.AES192
	case "aes256":
		user.PrivacyProtocol = gosnmp.AES256
	case "aes192c":
		user.PrivacyProtocol = gosnmp.AES192C
	case "aes256c":
		user.PrivacyProtocol = gosnmp.AES256C
	default:
		return flags, user
	}
	user.PrivacyPassphrase = a.PrivPass.Reveal()
	return gosnmp.AuthPriv, user
}

// A tap sits between gosnmp and the socket. It ends a wait when the context
// ends, and keeps the last message of a version 3 agent: gosnmp rightly
// refuses a report that nobody signed, but such a report is how an agent says
// that it does not know the user or the password.
type tap struct {
	net.Conn
	keep bool
	last []byte
	ctx  context.Context
	stop func() bool

	elsewhere bool // the last message came from another address than it was asked for at
}

func (t *tap) begin(ctx context.Context) {
	t.ctx = ctx
	t.last = t.last[:0]
	conn := t.Conn
	t.stop = context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
}

func (t *tap) end() {
	t.stop()
	t.ctx, t.stop = nil, nil
}

// SetDeadline sets the deadline, unless the context has ended: that deadline
// stays.
func (t *tap) SetDeadline(at time.Time) error {
	if err := t.Conn.SetDeadline(at); err != nil || t.ctx.Err() == nil {
		return err
	}
	return t.Conn.SetDeadline(time.Unix(1, 0))
}

func (t *tap) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	if t.keep && n > 0 {
		t.last = append(t.last[:0], b[:n]...)
	}
	return n, err
}

// report returns the counter that the last message reports, "" where it is no
// readable report. Nothing has vouched for it: it is good for an error's text
// and for asking again, not more.
func (t *tap) report() string {
	if len(t.last) == 0 {
		return ""
	}
	reader := gosnmp.GoSNMP{
		Version:            gosnmp.Version3,
		SecurityModel:      gosnmp.UserSecurityModel,
		SecurityParameters: &gosnmp.UsmSecurityParameters{UserName: "-", AuthenticationProtocol: gosnmp.NoAuth, PrivacyProtocol: gosnmp.NoPriv},
	}
	p, err := reader.SnmpDecodePacket(t.last)
	if err != nil || p.PDUType != gosnmp.Report || len(p.Variables) != 1 {
		return ""
	}
	return p.Variables[0].Name
}
