package snmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"time"

	"github.com/gosnmp/gosnmp"
)

// A question is a request that can be asked again and again. What a plan asks
// in each poll differs in the request id alone, so for versions 1 and 2c its
// message is made once.
type question struct {
	kind        gosnmp.PDUType
	oids        []string
	repetitions int // of a GETBULK

	message []byte // of version 1 or 2c; nil before it was asked
	id      []byte // the four bytes of the request id in it
}

func getOf(oids []string) *question { return &question{kind: gosnmp.GetRequest, oids: oids} }

// firstID is the least request id: up to the greatest that there is, all of
// them take four bytes.
const firstID = 1 << 30

// encode makes the message with an id that nobody can guess, and returns that.
func (q *question) encode(session *gosnmp.GoSNMP) (uint32, error) {
	if q.message == nil {
		packet := gosnmp.SnmpPacket{Version: session.Version, Community: session.Community, RequestID: firstID, MaxRepetitions: uint32(q.repetitions)}
		for _, oid := range q.oids {
			packet.Variables = append(packet.Variables, gosnmp.SnmpPDU{Name: oid, Type: gosnmp.Null})
		}
		switch q.kind { // there is no other
		case gosnmp.GetBulkRequest:
			packet.PDUType = gosnmp.GetBulkRequest
		case gosnmp.GetNextRequest:
			packet.PDUType = gosnmp.GetNextRequest
		default:
			packet.PDUType = gosnmp.GetRequest
		}
		message, err := packet.MarshalMsg()
		if err != nil {
			return 0, err
		}
		id := binary.BigEndian.AppendUint32([]byte{byte(gosnmp.Integer), 4}, firstID)
		after := 7 + len(session.Community) // which may be anything
		at := after + bytes.Index(message[after:], id)
		q.message, q.id = message, message[at+2:at+6]
	}
	id := firstID + rand.Uint32N(1<<31-firstID)
	binary.BigEndian.PutUint32(q.id, id)
	return id, nil
}

// tries is how often a request is sent, within the timeout.
const tries = 2

// ask asks a question of version 1 or 2c. Both messages have the same id, so
// that it is no matter which of them is answered.
func (l *link) ask(ctx context.Context, q *question) (*gosnmp.SnmpPacket, error) {
	id, err := q.encode(l.session)
	if err != nil {
		return nil, err
	}
	var answer *gosnmp.SnmpPacket
	for range tries {
		until := time.Now().Add(l.timeout / tries)
		ends, limited := ctx.Deadline()
		if limited = limited && ends.Before(until); limited {
			until = ends
		}
		if err = l.tap.SetDeadline(until); err != nil {
			return nil, err
		}
		if _, err = l.tap.Write(q.message); err == nil {
			answer, err = l.hear(id)
		}
		switch {
		case err == nil:
			return answer, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case limited && errors.Is(err, os.ErrDeadlineExceeded):
			return nil, context.DeadlineExceeded
		}
	}
	return nil, err
}

// usualAnswer is longer than the answer to anything that fits asks for; a
// link that hears a longer one makes room for any.
const (
	usualAnswer   = 4 << 10
	longestAnswer = 64 << 10
)

// hear waits for the answer with an id, or for an error with 0, which is how
// some agents say that they could not read the request: what has values and
// does not say which request it answers may be late. What answers anything older
// is dropped.
func (l *link) hear(id uint32) (*gosnmp.SnmpPacket, error) {
	if l.heard == nil {
		l.heard = make([]byte, usualAnswer)
	}
	for {
		n, err := l.tap.Read(l.heard)
		if err != nil {
			return nil, err
		}
		if n == len(l.heard) && n < longestAnswer {
			l.heard = make([]byte, longestAnswer)
			return nil, fmt.Errorf("an answer of more than %d bytes", n) // cut off; the next one is not
		}
		p, err := l.decode(bytes.Clone(l.heard[:n])) // strings among the values share its bytes
		if err != nil {
			return nil, err
		}
		if p.RequestID == id || p.RequestID == 0 && p.Error != gosnmp.NoError {
			return p, nil
		}
	}
}

// decode decodes a message. Where gosnmp asks by itself it guards against a
// panic of its decoder, so this does as well.
func (l *link) decode(message []byte) (p *gosnmp.SnmpPacket, err error) {
	defer func() {
		if recover() != nil {
			p, err = nil, errGibberish
		}
	}()
	if p, err = l.session.SnmpDecodePacket(message); err != nil {
		return nil, errGibberish
	}
	return p, nil
}

var errGibberish = errors.New("the agent sent what cannot be decoded")

// connect makes the socket of a session. Of version 1 and 2c only the socket is
// needed, and not what gosnmp reserves for any answer.
func connect(session *gosnmp.GoSNMP) (err error) {
	if session.Version == gosnmp.Version3 || session.UseUnconnectedUDPSocket {
		return session.Connect()
	}
	dialer := net.Dialer{Timeout: session.Timeout}
	session.Conn, err = dialer.DialContext(session.Context, session.Transport, net.JoinHostPort(session.Target, fmt.Sprint(session.Port)))
	return err
}
