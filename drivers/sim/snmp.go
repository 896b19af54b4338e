package sim

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosnmp/gosnmp"

	"plantroom/config"
)

// An Agent is one SNMP device.
type Agent struct {
	Profile   *config.Profile // with objects
	Values    Values
	Name      string // sysName
	Community string // "" for public; a request with another gets no answer
	MaxSize   int    // of an answer in bytes; 0 for 1472, what fits an Ethernet frame
}

// ServeSNMP serves one device by SNMP v1 and v2c at a UDP address; port 0 takes
// a free one. Besides the profile's objects it has sysDescr, sysObjectID,
// sysUpTime and sysName, such that the profile's own identify rule holds.
// The rows of tables are those of the channels that Values has now.
func ServeSNMP(address string, a Agent) (*Server, error) {
	if a.Profile.SNMP == nil {
		return nil, fmt.Errorf("serve snmp: profile %s has no objects", a.Profile.Name)
	}
	c, err := net.ListenPacket("udp", address)
	if err != nil {
		return nil, fmt.Errorf("serve snmp: %w", err)
	}
	s := &snmpServer{
		objects:   collect(a),
		community: cmp.Or(a.Community, "public"),
		maxSize:   cmp.Or(a.MaxSize, 1472),
		started:   time.Now(),
	}
	var running sync.WaitGroup
	running.Go(func() { s.serve(c) })
	return &Server{address: c.LocalAddr().String(), requests: &s.requests, close: func() error {
		err := c.Close()
		running.Wait()
		return err
	}}, nil
}

// setRequest is what a client that wants to write sends; it is only ever refused.
const setRequest gosnmp.PDUType = 0xA3

// An snmpServer answers requests; its one goroutine owns it.
type snmpServer struct {
	requests  atomic.Uint64
	objects   *objects
	community string
	maxSize   int
	started   time.Time
	decoder   gosnmp.GoSNMP
}

func (s *snmpServer) serve(c net.PacketConn) {
	var buf [65536]byte
	for {
		n, from, err := c.ReadFrom(buf[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		s.requests.Add(1)
		if answer := s.answer(buf[:n]); answer != nil {
			_, _ = c.WriteTo(answer, from) // lost, as any datagram can be: the client asks again
		}
	}
}

// answer returns the answer to one message, nil for none: what is no request,
// or has another community, is not answered.
func (s *snmpServer) answer(message []byte) []byte {
	request, err := s.decoder.SnmpDecodePacket(message)
	if err != nil || request.Version == gosnmp.Version3 || request.Community != s.community {
		return nil
	}
	answer := &gosnmp.SnmpPacket{
		Version: request.Version, Community: request.Community, PDUType: gosnmp.GetResponse, RequestID: request.RequestID,
	}
	v1 := request.Version == gosnmp.Version1
	fail := func(status gosnmp.SNMPError, index int) {
		answer.Error, answer.ErrorIndex, answer.Variables = status, uint8(index), request.Variables
	}
	switch request.PDUType {
	case gosnmp.GetRequest, gosnmp.GetNextRequest:
		for i, asked := range request.Variables {
			var v gosnmp.SnmpPDU
			if request.PDUType == gosnmp.GetRequest {
				v = s.get(asked.Name, v1)
			} else {
				v = s.next(asked.Name, v1)
			}
			if v1 && missing(v.Type) {
				fail(gosnmp.NoSuchName, i+1)
				break
			}
			answer.Variables = append(answer.Variables, v)
		}
	case gosnmp.GetBulkRequest:
		if v1 {
			return nil
		}
		answer.Variables = s.bulk(request)
	case setRequest:
		fail(gosnmp.NotWritable, 1)
		if v1 {
			answer.Error = gosnmp.ReadOnly
		}
	default:
		return nil
	}
	return s.marshal(request, answer)
}

// marshal encodes an answer. One that is larger than the device can send is
// cut (GETBULK) or refused (the rest).
func (s *snmpServer) marshal(request, answer *gosnmp.SnmpPacket) []byte {
	for {
		out, err := answer.MarshalMsg()
		if err != nil {
			return nil
		}
		if len(out) <= s.maxSize || len(answer.Variables) == 0 || answer.Error != gosnmp.NoError {
			return out
		}
		if request.PDUType == gosnmp.GetBulkRequest && len(answer.Variables) > 1 {
			fits := len(answer.Variables) * s.maxSize / len(out)
			answer.Variables = answer.Variables[:min(max(fits, 1), len(answer.Variables)-1)]
			continue
		}
		answer.Error, answer.Variables = gosnmp.TooBig, nil
		if request.Version == gosnmp.Version1 {
			answer.Variables = request.Variables
		}
	}
}

func missing(kind gosnmp.Asn1BER) bool {
	return kind == gosnmp.NoSuchObject || kind == gosnmp.NoSuchInstance || kind == gosnmp.EndOfMibView
}

// get returns the variable named name, or one of the two ways of not having it.
func (s *snmpServer) get(name string, v1 bool) gosnmp.SnmpPDU {
	if name == "."+sysUpTime {
		return s.upTime()
	}
	if x := s.objects.byName[name]; x != nil {
		if kind, value, ok := x.value(s.objects.values); ok && !(v1 && kind == gosnmp.Counter64) {
			return gosnmp.SnmpPDU{Name: name, Type: kind, Value: value}
		}
	}
	if s.objects.known(name) {
		return gosnmp.SnmpPDU{Name: name, Type: gosnmp.NoSuchInstance}
	}
	return gosnmp.SnmpPDU{Name: name, Type: gosnmp.NoSuchObject}
}

func (s *snmpServer) upTime() gosnmp.SnmpPDU {
	return gosnmp.SnmpPDU{Name: "." + sysUpTime, Type: gosnmp.TimeTicks, Value: uint32(time.Since(s.started) / (10 * time.Millisecond))}
}

// next returns the first variable behind name.
func (s *snmpServer) next(name string, v1 bool) gosnmp.SnmpPDU {
	if id, err := parseOID(name); err == nil {
		if slices.Compare(id, upTimeOID) < 0 {
			// The one variable that is no object of the profile takes its turn.
			if i := s.objects.after(id); i == len(s.objects.sorted) || slices.Compare(s.objects.sorted[i].oid, upTimeOID) > 0 {
				return s.upTime()
			}
		}
		for i := s.objects.after(id); i < len(s.objects.sorted); i++ {
			x := &s.objects.sorted[i]
			if kind, value, ok := x.value(s.objects.values); ok && !(v1 && kind == gosnmp.Counter64) {
				return gosnmp.SnmpPDU{Name: x.name, Type: kind, Value: value}
			}
		}
	}
	return gosnmp.SnmpPDU{Name: name, Type: gosnmp.EndOfMibView}
}

var upTimeOID, _ = parseOID(sysUpTime)

// bulk answers a GETBULK: one variable for each of the first, then rounds of
// one for each of the others until there are enough or all are at the end.
func (s *snmpServer) bulk(request *gosnmp.SnmpPacket) []gosnmp.SnmpPDU {
	asked := request.Variables
	single := min(int(request.NonRepeaters), len(asked))
	var out []gosnmp.SnmpPDU
	for _, v := range asked[:single] {
		out = append(out, s.next(v.Name, false))
	}
	at := make([]string, 0, len(asked))
	for _, v := range asked[single:] {
		at = append(at, v.Name)
	}
	for range request.MaxRepetitions {
		ended := true
		for i, name := range at {
			v := s.next(name, false)
			at[i] = v.Name
			ended = ended && v.Type == gosnmp.EndOfMibView
			out = append(out, v)
		}
		// A variable takes 8 bytes at the least, so no more of them fit.
		if ended || len(out) >= s.maxSize/8 {
			break
		}
	}
	return out
}
