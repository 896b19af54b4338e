package snmp

import (
	"net"

	"github.com/gosnmp/gosnmp"
)

// An agent with several addresses may answer from another one than it was
// asked at: cards behind two interfaces, clusters, address translation. net-snmp
// takes such answers, so people see snmpwalk work and expect the same of us. A
// connected socket does not even hear them; but it does hear at once that
// nobody listens, which is worth keeping. So the sockets of a link take turns:
// after a timeout the next one is open to any source, and the one after the
// next timeout connected again, until one of the two works.
//
// An open socket lowers the bar for a forged answer a little: whoever guesses
// the port and the request id no longer has to forge the source address, which
// costs nothing on most networks. Of a datagram from elsewhere the community
// and a request id other than 0, which gosnmp takes for any, are looked at
// before it counts; version 3 must authenticate.

// mayRoam reports whether an answer tells by itself that it is the agent's.
func (l *link) mayRoam() bool {
	return l.address.Version != "3" || l.address.Auth != "" && l.address.Auth != "none"
}

// ours reports whether a message from elsewhere can be the agent's.
func (l *link) ours(message []byte) bool {
	if l.address.Version == "3" {
		return true // gosnmp looks at its digest
	}
	var reader gosnmp.GoSNMP
	p, err := reader.SnmpDecodePacket(message)
	return err == nil && p.Version == l.session.Version && p.PDUType == gosnmp.GetResponse && p.RequestID != 0 &&
		p.Community == l.session.Community
}

// An openSocket sends to one address and hears every one.
type openSocket struct {
	*net.UDPConn
	to        net.Addr
	ours      func(message []byte) bool
	elsewhere *bool // whether the last message read was not from there
}

func (o *openSocket) Write(b []byte) (int, error) { return o.WriteTo(b, o.to) }

func (o *openSocket) Read(b []byte) (int, error) {
	to := o.to.(*net.UDPAddr).AddrPort()
	for {
		n, from, err := o.ReadFromUDPAddrPort(b)
		if err != nil {
			return n, err
		}
		*o.elsewhere = from.Port() != to.Port() || from.Addr().Unmap().WithZone("") != to.Addr().Unmap().WithZone("")
		if !*o.elsewhere || o.ours(b[:n]) {
			return n, nil
		}
	}
}
