package modbus

import (
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"testing"
	"time"

	"plantroom/agent"
	"plantroom/config"
)

// sixty is a meter of 60 registers in one read: 20 float32 and 20 scaled u16.
func sixty() *config.ModbusProfile {
	p := profileOf()
	for i := range 20 {
		f := word(2*i, fmt.Sprint("float ", i))
		f.Value = holding(2*i, "float32")
		u := word(40+i, fmt.Sprint("word ", i))
		u.Scale, u.Absent = 0.1, []float64{0xFFFF}
		p.Points = append(p.Points, f, u)
	}
	return p
}

// BenchmarkPoll60 is a whole poll of 60 registers over a loopback socket. The
// far end, in the same process, answers with two system calls and nothing else.
func BenchmarkPoll60(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		request, answer := make([]byte, 12), make([]byte, 9+120)
		copy(answer[4:], []byte{0, 123, 1, 3, 120})
		for i := range 20 {
			binary.BigEndian.PutUint32(answer[9+4*i:], math.Float32bits(231.25))
		}
		for {
			if _, err := io.ReadFull(conn, request); err != nil {
				return
			}
			copy(answer, request[:2])
			conn.Write(answer)
		}
	}()
	s := NewSource(testDevice, NewWire(config.ModbusLink{TCP: l.Addr().String()}, slog.New(slog.DiscardHandler)), 1, sixty(), time.Second)
	defer s.Close()
	var rs []agent.Reading
	b.ReportAllocs()
	for b.Loop() {
		if rs, err = s.Poll(b.Context(), rs[:0]); err != nil || len(rs) != 40 {
			b.Fatalf("%d readings, %v", len(rs), err)
		}
	}
}

// BenchmarkDecode is what a poll does with an answer of 60 registers: one of 200
// devices, so that little of what it touches is in the processor's cache.
func BenchmarkDecode(b *testing.B) {
	sources, readings := make([]*Source, 200), make([][]agent.Reading, 200)
	for i := range sources {
		sources[i] = NewSource(testDevice, NewWire(config.ModbusLink{TCP: "127.0.0.1:1"}, slog.New(slog.DiscardHandler)), 1, sixty(), time.Second)
	}
	answer := make([]byte, 120)
	for i := range 20 {
		binary.BigEndian.PutUint32(answer[4*i:], math.Float32bits(231.25))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i = (i + 1) % len(sources) {
		s := sources[i]
		s.batches[0].fill(answer)
		if readings[i] = s.emit(readings[i][:0]); len(readings[i]) != 40 {
			b.Fatalf("%d readings", len(readings[i]))
		}
	}
}
