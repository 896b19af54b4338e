package snmp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gosnmp/gosnmp"

	"plantroom/config"
)

const (
	sysUpTime = ".1.3.6.1.2.1.1.3.0"

	hardMaxOIDs = 128  // in one request, whatever a profile says
	maxMessage  = 1400 // bytes of an answer that any network carries in one piece
)

// A client is a link and what was learnt of the agent at its other end: how
// much it takes in one request, and whether it knows GETBULK.
type client struct {
	link
	most     int       // objects in one request, by the profile
	width    int       // objects in one request, by what the agent took; at most most
	noBulk   bool      // it is to be walked with GETNEXT
	limited  time.Time // when the agent last failed to take something; zero for never
	culprits int       // objects that the agent refused, ever
	// alive: the last request was answered, and that was in this poll or by a
	// probe after a failed one. Only then does a timeout mean that the request,
	// and not the device, is the trouble.
	alive bool
}

func newClient(a config.SNMPAddress, most int, timeout time.Duration) client {
	if most <= 0 || most > hardMaxOIDs {
		most = hardMaxOIDs
	}
	return client{
		link:   link{address: a, timeout: timeout, connect: connect},
		most:   most,
		width:  most,
		noBulk: a.Version == "1",
	}
}

// orOpen calls ask, and once more over an open socket where nobody answers over
// a connected one: for a device that has never answered.
func (c *client) orOpen(ask func() error) error {
	err := ask()
	if errors.Is(err, errTimeout) && c.anySource {
		err = ask()
	}
	return err
}

// An answer is what an agent said about one object.
type answer struct {
	pdu    gosnmp.SnmpPDU // as read; of a type that absent knows where the agent has no such object
	failed error          // the agent would not say; pdu is meaningless
	fatal  bool           // an agent's way of saying absent that fails the whole request
}

// absent reports whether the agent has no such object.
func absent(t gosnmp.Asn1BER) bool {
	switch t {
	case gosnmp.NoSuchObject, gosnmp.NoSuchInstance, gosnmp.EndOfMibView, gosnmp.Null, gosnmp.UnknownType:
		return true
	}
	return false
}

// probe asks for the uptime; any answer will do.
func (c *client) probe(ctx context.Context) error {
	_, err := c.send(ctx, getOf([]string{sysUpTime}))
	c.alive = err == nil
	return err
}

// get asks for the objects of a GET in one request, or in as many as it takes to
// get round the agent's limits, and sets the answer of each. An error means that the device
// does not answer.
func (c *client) get(ctx context.Context, q *question, out []answer) error {
	oids := q.oids
	resp, err := c.send(ctx, q)
	if err != nil {
		if !c.tooMuch(ctx, err) {
			return err
		}
		if len(oids) > 1 {
			return c.halve(ctx, oids, out)
		}
		c.culprits++
		out[0] = answer{failed: err}
		return nil
	}
	c.alive = true
	if resp.Error == gosnmp.NoError {
		return c.match(ctx, q, out, resp.Variables)
	}
	if resp.Error == gosnmp.NoSuchName {
		if guilty := int(resp.ErrorIndex) - 1; len(oids) == 1 {
			c.culprits++
			out[0] = answer{pdu: gosnmp.SnmpPDU{Type: gosnmp.NoSuchInstance}, fatal: true}
			return nil
		} else if guilty >= 0 && guilty < len(oids) {
			c.culprits++
			out[guilty] = answer{pdu: gosnmp.SnmpPDU{Type: gosnmp.NoSuchInstance}, fatal: true}
			return c.rest(ctx, oids, out, func(i int) bool { return i != guilty })
		}
	}
	if len(oids) > 1 {
		return c.halve(ctx, oids, out)
	}
	c.culprits++
	out[0] = answer{failed: c.fault(q, errors.New(statusText(resp.Error)))}
	return nil
}

// tooMuch reports whether the request that failed with err was too much for a
// device that does answer smaller ones.
func (c *client) tooMuch(ctx context.Context, err error) bool {
	was := c.alive
	c.alive = false
	return was && errors.Is(err, errTimeout) && c.probe(ctx) == nil
}

// halve asks for the two halves of oids, and where both go well remembers that
// the agent takes no more at once.
func (c *client) halve(ctx context.Context, oids []string, out []answer) error {
	before, half := c.culprits, (len(oids)+1)/2
	if err := c.get(ctx, getOf(oids[:half]), out[:half]); err != nil {
		return err
	}
	if err := c.get(ctx, getOf(oids[half:]), out[half:]); err != nil {
		return err
	}
	if c.culprits == before {
		c.narrow(half)
	}
	return nil
}

// forget gives the agent another chance at what it could not take.
func (c *client) forget() {
	c.width, c.noBulk, c.limited = c.most, c.address.Version == "1", time.Time{}
}

func (c *client) narrow(width int) {
	if width < c.width {
		c.width, c.limited = max(width, 1), time.Now()
	}
}

// match finds the answer about each object, which is where it was asked unless
// the agent is an odd one.
func (c *client) match(ctx context.Context, q *question, out []answer, said []gosnmp.SnmpPDU) error {
	oids := q.oids
	ordered := len(said) == len(oids)
	for i := 0; ordered && i < len(said); i++ {
		out[i] = answer{pdu: said[i]}
		ordered = said[i].Name == oids[i]
	}
	if ordered {
		return nil
	}
	missing := make([]bool, len(oids))
	found := 0
	for i, oid := range oids {
		at := slices.IndexFunc(said, func(v gosnmp.SnmpPDU) bool { return v.Name == oid })
		if missing[i] = at < 0; !missing[i] {
			out[i] = answer{pdu: said[at]}
			found++
		}
	}
	switch {
	case found == len(oids):
		return nil
	case found == 0:
		c.culprits++
		err := c.fault(q, errors.New("the answer is about other objects"))
		for i := range out {
			out[i] = answer{failed: err}
		}
		return nil
	}
	c.narrow(found) // it leaves out what does not fit
	return c.rest(ctx, oids, out, func(i int) bool { return missing[i] })
}

// rest asks for those of oids that are still wanted.
func (c *client) rest(ctx context.Context, oids []string, out []answer, wanted func(int) bool) error {
	var ask []string
	var at []int
	for i, oid := range oids {
		if wanted(i) {
			ask, at = append(ask, oid), append(at, i)
		}
	}
	part := make([]answer, len(ask))
	if err := c.get(ctx, getOf(ask), part); err != nil {
		return err
	}
	for i, a := range part {
		out[at[i]] = a
	}
	return nil
}

// statusText is the name that RFC 3416 gives an error status.
func statusText(e gosnmp.SNMPError) string {
	names := [...]string{"noError", "tooBig", "noSuchName", "badValue", "readOnly", "genErr", "noAccess", "wrongType",
		"wrongLength", "wrongEncoding", "wrongValue", "noCreation", "inconsistentValue", "resourceUnavailable",
		"commitFailed", "undoFailed", "authorizationError", "notWritable", "inconsistentName"}
	if int(e) < len(names) {
		return names[e]
	}
	return fmt.Sprintf("error status %d", e)
}

// fits returns how many of oids, from the first on, go into one request: as
// many as the agent takes and as the answer's message has room for. It is at
// least one. The values are expected to take as many bytes as size says.
func (c *client) fits(oids []string, size func(int) int) int {
	room := maxMessage - 50 - len(c.address.Community.Reveal())
	if c.address.Version == "3" {
		room -= 100 + len(c.address.User) + len(c.address.Context)
	}
	n := 0
	for n < len(oids) && n < c.width {
		if room -= oidBytes(oids[n]) + size(n) + 8; room < 0 && n > 0 {
			break
		}
		n++
	}
	return n
}

// oidBytes is the length of an OID's BER encoding, without its header.
func oidBytes(oid string) int {
	n, arc := -1, 0 // the first two arcs share a byte
	for i := 1; i <= len(oid); i++ {
		if i < len(oid) && oid[i] != '.' {
			arc = arc*10 + int(oid[i]-'0')
			continue
		}
		for n++; arc >= 128; n++ {
			arc >>= 7
		}
		arc = 0
	}
	return n
}
