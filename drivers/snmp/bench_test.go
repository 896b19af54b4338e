package snmp

import (
	"fmt"
	"net"
	"testing"
	"time"

	"plantroom/agent"
	"plantroom/config"
)

// BenchmarkPoll36 polls 12 scalars and 24 table cells over loopback. The
// answering side costs as little as it can (it echoes one prepared answer with
// the request's id), but its time is in the figure; its allocations are none.
func BenchmarkPoll36(b *testing.B) {
	mib := map[string]any{}
	var points []config.SNMPPoint
	for i := range 12 {
		oid := fmt.Sprintf("1.3.6.1.2.1.33.1.2.%d.0", i+1)
		mib[oid] = 100 + i
		points = append(points, scalar(fmt.Sprintf("scalar_%d", i), oid))
	}
	for c := range 4 {
		oid := fmt.Sprintf("1.3.6.1.4.1.318.1.1.25.1.2.1.%d", c+3)
		for r := range 6 {
			mib[fmt.Sprintf("%s.1.%d", oid, r+1)] = 20 + r
		}
		points = append(points, rows(fmt.Sprintf("column_%d", c), oid, "probe {-1}"))
	}
	learnt := newStub(b, "", mib)
	src := learnt.source(b, time.Second, points...)
	poll(b, src)
	learnt.take()
	src.client.session.SetRequestID(0x40000000) // an id of four bytes, here and below
	poll(b, src)
	asked := learnt.take()
	if len(asked) != 1 || len(asked[0].Variables) != 36 {
		b.Fatalf("%d requests, %d objects in the first; want 1 of 36", len(asked), len(asked[0].Variables))
	}
	prepared := encode(learnt.honest(asked[0]))

	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	go func() {
		buf := make([]byte, 2048)
		// Both messages begin 30 82 LL LL, version, community "public", PDU 82 LL LL,
		// and a request id of two header bytes and four of its own.
		const id = 4 + 3 + 8 + 4
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil || n < id+6 {
				return
			}
			copy(prepared[id:], buf[id:id+6])
			conn.WriteToUDPAddrPort(prepared, from)
		}
	}()
	src.client.close()
	src.client.address.Address = conn.LocalAddr().String()
	if err := src.client.open(b.Context()); err != nil {
		b.Fatal(err)
	}
	src.client.session.SetRequestID(0x40000000)
	var rs []agent.Reading
	b.ReportAllocs()
	for b.Loop() {
		if rs, err = src.Poll(b.Context(), rs[:0]); err != nil || len(rs) != 36 {
			b.Fatal(len(rs), err)
		}
	}
}
