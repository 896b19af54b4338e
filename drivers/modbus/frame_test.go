package modbus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	gomodbus "github.com/goburrow/modbus"
)

func TestCutTCP(t *testing.T) {
	for _, tt := range []struct {
		name, bytes string
		frame       int // its length; 0 for incomplete
		garbage     bool
	}{
		{name: "nothing"},
		{name: "part of the header", bytes: "0001 0000 0005"},
		{name: "part of the data", bytes: "0001 0000 0005 0103 0200"},
		{name: "one", bytes: "0001 0000 0005 0103 0200 01", frame: 11},
		{name: "one and a half", bytes: "0001 0000 0005 0103 0200 01 0002 0000", frame: 11},
		{name: "exception", bytes: "0001 0000 0003 0183 02", frame: 9},
		{name: "another protocol", bytes: "4854 5450 2F31 2E", garbage: true},
		{name: "no function code", bytes: "0001 0000 0002 0103", garbage: true},
		{name: "too long", bytes: "0001 0000 00FF 0103", garbage: true},
	} {
		frame, err := cutTCP(unhex(t, tt.bytes))
		if len(frame) != tt.frame || errors.Is(err, errNotModbus) != tt.garbage {
			t.Errorf("%s: % X, %v", tt.name, frame, err)
		}
	}
}

func TestCheckTCP(t *testing.T) {
	request := unhex(t, "0001 0000 0006 01 03 0000 0002")
	for _, tt := range []struct {
		name, bytes string
		ok          bool
	}{
		{"answer", "0001 0000 0007 01 03 04 0001 0002", true},
		{"exception", "0001 0000 0003 01 83 02", true},
		{"other function", "0001 0000 0007 01 04 04 0001 0002", false},
		{"other count", "0001 0000 0005 01 03 02 0001", false},
		{"a count that is not that of the data", "0001 0000 0005 01 03 04 0001", false},
		{"a long exception", "0001 0000 0004 01 83 0202", false},
	} {
		if err := checkTCP(request, unhex(t, tt.bytes)); errors.Is(err, errMisfit) == tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// rtuFrame packs an RTU frame.
func rtuFrame(t testing.TB, unit, fn byte, data ...byte) []byte {
	t.Helper()
	h := gomodbus.NewRTUClientHandler("")
	h.SlaveId = unit
	frame, err := h.Encode(&gomodbus.ProtocolDataUnit{FunctionCode: fn, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

func TestFindRTU(t *testing.T) {
	answer := rtuFrame(t, 5, 3, 4, 0, 1, 0, 2)
	exception := rtuFrame(t, 5, 0x83, 2)
	spoilt := bytes.Clone(answer)
	spoilt[4]++
	for _, tt := range []struct {
		name  string
		bytes []byte
		want  []byte
	}{
		{"nothing", nil, nil},
		{"answer", answer, answer},
		{"part of it", answer[:8], nil},
		{"exception", exception, exception},
		{"wrong checksum", spoilt, nil},
		{"after the echo of the request", append(rtuFrame(t, 5, 3, 0, 0, 0, 2), answer...), answer},
		{"after another unit's", append(rtuFrame(t, 6, 3, 4, 9, 9, 9, 9), answer...), answer},
		{"after noise", append([]byte{5, 3, 5, 5}, answer...), answer},
		{"before noise", append(bytes.Clone(answer), 0, 0), answer},
		{"of another length", rtuFrame(t, 5, 3, 2, 0, 1), nil},
		{"of another function", rtuFrame(t, 5, 4, 4, 0, 1, 0, 2), nil},
	} {
		if got := findRTU(gomodbus.NewRTUClientHandler(""), tt.bytes, 5, 3, 4); !bytes.Equal(got, tt.want) {
			t.Errorf("%s: % X, want % X", tt.name, got, tt.want)
		}
	}
}

func FuzzTCPFrame(f *testing.F) {
	f.Add([]byte("\x00\x01\x00\x00\x00\x05\x01\x03\x02\x00\x01"), uint16(1))
	f.Add([]byte("\x00\x01\x00\x00\x00\x03\x01\x83\x02"), uint16(1))
	f.Add([]byte("HTTP/1.1 400 Bad Request"), uint16(9))
	f.Fuzz(func(t *testing.T, b []byte, quantity uint16) {
		frame, err := cutTCP(b)
		if err != nil || frame == nil {
			return
		}
		if len(frame) < tcpHeader+2 || len(frame) > tcpMaxFrame || !bytes.HasPrefix(b, frame) {
			t.Fatalf("a frame of %d bytes", len(frame))
		}
		request := binary.BigEndian.AppendUint16([]byte{0, 1, 0, 0, 0, 6, 1, 3, 0, 0}, quantity)
		if checkTCP(request, frame) == nil && frame[tcpHeader] == 3 && len(frame) != tcpHeader+2+2*int(quantity) {
			t.Errorf("an answer of %d bytes to a read of %d registers", len(frame), quantity)
		}
	})
}

func FuzzRTUFrame(f *testing.F) {
	f.Add(rtuFrame(f, 5, 3, 4, 0, 1, 0, 2), uint8(5), uint8(3), 4)
	f.Add(rtuFrame(f, 5, 0x83, 2), uint8(5), uint8(3), 4)
	f.Add(append(rtuFrame(f, 5, 3, 0, 0, 0, 2), rtuFrame(f, 5, 3, 4, 0, 1, 0, 2)...), uint8(5), uint8(3), -1)
	f.Fuzz(func(t *testing.T, b []byte, unit, fn uint8, count int) {
		frame := findRTU(gomodbus.NewRTUClientHandler(""), b, unit, fn, count)
		if frame == nil {
			return
		}
		if frame[0] != unit || frame[1]&^refusal != fn&^refusal {
			t.Errorf("% X is no answer of unit %d to function %d", frame, unit, fn)
		}
		if !bytes.Equal(rtuFrame(t, frame[0], frame[1], frame[2:len(frame)-2]...), frame) {
			t.Errorf("% X has a wrong checksum", frame)
		}
	})
}
