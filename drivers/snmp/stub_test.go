package snmp

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"plantroom/agent"
	"plantroom/config"
)

// A stub is an agent in memory, for what no real one can be made to do. It
// serves mib, unless respond is set and has something else to say.
type stub struct {
	version string

	mu      sync.Mutex
	from    *net.UDPConn              // what it answers with, where it listens; nil for that which it is asked at
	mib     map[string]gosnmp.SnmpPDU // by OID without a leading dot
	asked   []*gosnmp.SnmpPacket      // every request so far
	respond func(req *gosnmp.SnmpPacket) ([][]byte, bool)
}

func newStub(version string, mib map[string]any) *stub {
	s := &stub{version: version, mib: map[string]gosnmp.SnmpPDU{}}
	for oid, v := range mib {
		s.set(oid, v)
	}
	return s
}

// listen has it asked over a real socket too, until the test ends.
func (s *stub) listen(t testing.TB) config.SNMPAddress {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.serve(conn)
	}()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return s.address(conn.LocalAddr().String())
}

// set gives the object at oid a value; nil takes the object away.
func (s *stub) set(oid string, v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pdu := gosnmp.SnmpPDU{Name: "." + oid, Value: v}
	switch v := v.(type) {
	case nil:
		delete(s.mib, oid)
		return
	case int:
		pdu.Type = gosnmp.Integer
	case uint32:
		pdu.Type = gosnmp.Gauge32
	case uint64:
		pdu.Type = gosnmp.Counter64
	case string:
		pdu.Type = gosnmp.OctetString
	case float32:
		pdu.Type = gosnmp.OpaqueFloat
	case float64:
		pdu.Type = gosnmp.OpaqueDouble
	case gosnmp.SnmpPDU:
		pdu = v
		pdu.Name = "." + oid
	default:
		panic(fmt.Sprintf("%T", v))
	}
	s.mib[oid] = pdu
}

// on sets the hook that may answer in the stub's place.
func (s *stub) on(respond func(req *gosnmp.SnmpPacket) ([][]byte, bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.respond = respond
}

// take returns the requests since the last take.
func (s *stub) take() []*gosnmp.SnmpPacket {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

func (s *stub) serve(conn *net.UDPConn) {
	buf := make([]byte, 65536)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		s.mu.Lock()
		with := cmp.Or(s.from, conn)
		s.mu.Unlock()
		s.send(slices.Clone(buf[:n]), func(m []byte) { with.WriteToUDPAddrPort(m, from) })
	}
}

// send asks it.
func (s *stub) send(message []byte, answer func([]byte)) error {
	decoder := gosnmp.GoSNMP{Version: gosnmp.Version2c}
	req, err := decoder.SnmpDecodePacket(message)
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	s.asked = append(s.asked, req)
	respond := s.respond
	s.mu.Unlock()
	if respond != nil {
		if messages, mine := respond(req); mine {
			for _, m := range messages {
				answer(m)
			}
			return nil
		}
	}
	answer(encode(s.honest(req)))
	return nil
}

// honest is what a good agent answers.
func (s *stub) honest(req *gosnmp.SnmpPacket) *gosnmp.SnmpPacket {
	s.mu.Lock()
	defer s.mu.Unlock()
	oids := make([]string, 0, len(s.mib))
	for oid := range s.mib {
		oids = append(oids, oid)
	}
	slices.SortFunc(oids, compareOIDs)
	next := func(name string) gosnmp.SnmpPDU {
		for _, oid := range oids {
			if compareOIDs(oid, name[1:]) > 0 {
				return s.mib[oid]
			}
		}
		return gosnmp.SnmpPDU{Name: name, Type: gosnmp.EndOfMibView}
	}
	var said []gosnmp.SnmpPDU
	switch req.PDUType {
	case gosnmp.GetRequest:
		for _, v := range req.Variables {
			pdu, ok := s.mib[v.Name[1:]]
			if !ok {
				pdu = gosnmp.SnmpPDU{Name: v.Name, Type: gosnmp.NoSuchInstance}
			}
			said = append(said, pdu)
		}
	case gosnmp.GetNextRequest:
		for _, v := range req.Variables {
			said = append(said, next(v.Name))
		}
	case gosnmp.GetBulkRequest:
		row := req.Variables
		for range req.MaxRepetitions {
			var following []gosnmp.SnmpPDU
			for _, v := range row {
				following = append(following, next(v.Name))
			}
			said = append(said, following...)
			row = following
		}
	}
	if s.version == "1" {
		for i, v := range said {
			if absent(v.Type) {
				return refusal(req, gosnmp.NoSuchName, i+1)
			}
		}
	}
	return response(req, said)
}

// response answers req with variables.
func response(req *gosnmp.SnmpPacket, said []gosnmp.SnmpPDU) *gosnmp.SnmpPacket {
	return &gosnmp.SnmpPacket{Version: req.Version, Community: req.Community, PDUType: gosnmp.GetResponse,
		RequestID: req.RequestID, Variables: said}
}

// refusal answers req with an error status.
func refusal(req *gosnmp.SnmpPacket, status gosnmp.SNMPError, index int) *gosnmp.SnmpPacket {
	p := response(req, req.Variables)
	p.Error, p.ErrorIndex = status, uint8(index)
	return p
}

func encode(p *gosnmp.SnmpPacket) []byte {
	b, err := p.MarshalMsg()
	if err != nil {
		panic(err)
	}
	return b
}

func (s *stub) address(hostPort string) config.SNMPAddress {
	return config.SNMPAddress{Address: hostPort, Version: cmp.Or(s.version, "2c"), Community: config.NewSecret("public")}
}

// source returns a source that asks the stub in memory.
func (s *stub) source(t testing.TB, timeout time.Duration, points ...config.SNMPPoint) *Source {
	t.Helper()
	src := sourceAt(t, s.address("127.0.0.1:161"), timeout, points...)
	src.client.connect = inMemory(s.send)
	return src
}

func sourceAt(t testing.TB, a config.SNMPAddress, timeout time.Duration, points ...config.SNMPPoint) *Source {
	t.Helper()
	src := NewSource(&agent.Device{ID: "dev"}, a, &config.SNMPProfile{Points: points}, timeout)
	t.Cleanup(func() { src.Close() })
	return src
}

// metric returns a metric for tests; those with the same name are the same.
func metric(name string) *agent.Metric {
	metricsMu.Lock()
	defer metricsMu.Unlock()
	if metrics[name] == nil {
		metrics[name] = &agent.Metric{Class: "test", Name: name}
	}
	return metrics[name]
}

var (
	metricsMu sync.Mutex
	metrics   = map[string]*agent.Metric{
		"status": {Class: "test", Name: "status", Kind: agent.State, States: []string{"unknown", "online", "bypass", "on_battery"}},
	}
)

func scalar(name, oid string) config.SNMPPoint {
	return config.SNMPPoint{Metric: metric(name), OID: oid, Conversion: config.Conversion{Scale: 1}}
}

func rows(name, oid, channel string) config.SNMPPoint {
	return config.SNMPPoint{Metric: metric(name), Table: oid, Channel: channel, Conversion: config.Conversion{Scale: 1}}
}

// poll reads src once and returns each reading as "metric[channel]=value".
func poll(t testing.TB, src *Source) []string {
	t.Helper()
	rs, err := src.Poll(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return format(rs)
}

func format(rs []agent.Reading) []string {
	var out []string
	for _, r := range rs {
		name := r.Point.Metric.Name
		if r.Point.Channel != "" {
			name += "[" + r.Point.Channel + "]"
		}
		switch {
		case r.Quality == agent.Bad:
			out = append(out, name+": "+r.Why)
		case r.Point.Metric.Kind == agent.State:
			line := name + "=" + r.Word()
			if r.Raw != "" {
				line += " (" + r.Raw + ")"
			}
			out = append(out, line)
		default:
			out = append(out, fmt.Sprintf("%s=%v", name, r.Value))
		}
	}
	return out
}
