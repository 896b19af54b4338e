package modbus

import (
	"encoding/hex"
	"strings"
	"testing"

	"plantroom/agent"
	"plantroom/config"
)

var (
	volts = &agent.Metric{Class: "test", Name: "voltage", Unit: "V"}
	mode  = &agent.Metric{Class: "test", Name: "mode", Kind: agent.State, States: []string{"unknown", "off", "auto", "manual"}}
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// holding is a value of the holding registers, whole.
func holding(address int, kind string) config.ModbusValue {
	v := config.ModbusValue{Space: config.Holding, Address: address, Type: kind, Order: "abcd", BitHigh: -1}
	v.Length = newCodec(v).registers
	return v
}

func TestNumbersInEveryOrder(t *testing.T) {
	tests := []struct {
		kind   string
		length int
		want   float64
		// The bytes in the orders abcd, cdab, badc and dcba.
		bytes [4]string
	}{
		{"bool", 1, 1, [4]string{"0001", "0001", "0100", "0100"}},
		{"bool", 1, 0, [4]string{"0000", "0000", "0000", "0000"}},
		{"bool", 1, 1, [4]string{"FF00", "FF00", "00FF", "00FF"}},
		{"u16", 1, 0x1234, [4]string{"1234", "1234", "3412", "3412"}},
		{"u16", 1, 65535, [4]string{"FFFF", "FFFF", "FFFF", "FFFF"}},
		{"s16", 1, -2, [4]string{"FFFE", "FFFE", "FEFF", "FEFF"}},
		{"s16", 1, 32767, [4]string{"7FFF", "7FFF", "FF7F", "FF7F"}},
		{"u32", 2, 0x12345678, [4]string{"1234 5678", "5678 1234", "3412 7856", "7856 3412"}},
		{"u32", 2, 4294967294, [4]string{"FFFF FFFE", "FFFE FFFF", "FFFF FEFF", "FEFF FFFF"}},
		{"s32", 2, -2, [4]string{"FFFF FFFE", "FFFE FFFF", "FFFF FEFF", "FEFF FFFF"}},
		{"s32", 2, 0x12345678, [4]string{"1234 5678", "5678 1234", "3412 7856", "7856 3412"}},
		{"u64", 4, 0x123456789ABC, [4]string{"0000 1234 5678 9ABC", "9ABC 5678 1234 0000", "0000 3412 7856 BC9A", "BC9A 7856 3412 0000"}},
		{"u64", 4, 1 << 63, [4]string{"8000 0000 0000 0000", "0000 0000 0000 8000", "0080 0000 0000 0000", "0000 0000 0000 0080"}},
		{"s64", 4, -1 << 63, [4]string{"8000 0000 0000 0000", "0000 0000 0000 8000", "0080 0000 0000 0000", "0000 0000 0000 0080"}},
		{"s64", 4, -3, [4]string{"FFFF FFFF FFFF FFFD", "FFFD FFFF FFFF FFFF", "FFFF FFFF FFFF FDFF", "FDFF FFFF FFFF FFFF"}},
		{"float32", 2, 231.25, [4]string{"4367 4000", "4000 4367", "6743 0040", "0040 6743"}},
		{"float32", 2, -0.5, [4]string{"BF00 0000", "0000 BF00", "00BF 0000", "0000 00BF"}},
		{"float64", 4, 231.2, [4]string{"406C E666 6666 6666", "6666 6666 E666 406C", "6C40 66E6 6666 6666", "6666 6666 66E6 6C40"}},
		{"bcd16", 1, 1234, [4]string{"1234", "1234", "3412", "3412"}},
		{"bcd32", 2, 12345678, [4]string{"1234 5678", "5678 1234", "3412 7856", "7856 3412"}},
		{"m10k", 2, 12345678, [4]string{"04D2 162E", "162E 04D2", "D204 2E16", "2E16 D204"}},
		{"m10k", 3, 100020003, [4]string{"0001 0002 0003", "0003 0002 0001", "0100 0200 0300", "0300 0200 0100"}},
		{"m10k", 4, 9999999999999999, [4]string{"270F 270F 270F 270F", "270F 270F 270F 270F", "0F27 0F27 0F27 0F27", "0F27 0F27 0F27 0F27"}},
	}
	for _, tt := range tests {
		for i, order := range []string{"abcd", "cdab", "badc", "dcba"} {
			c := newCodec(config.ModbusValue{Space: config.Holding, Type: tt.kind, Order: order, Length: tt.length, BitHigh: -1})
			if c.registers != tt.length {
				t.Fatalf("%s: %d registers, want %d", tt.kind, c.registers, tt.length)
			}
			got, err := c.number(unhex(t, tt.bytes[i]))
			if err != nil || got != tt.want {
				t.Errorf("%s %s of %s: %v, %v; want %v", tt.kind, order, tt.bytes[i], got, err, tt.want)
			}
		}
	}
}

func TestBitFields(t *testing.T) {
	for _, tt := range []struct {
		kind, order, bytes string
		low, high          int
		want               float64
	}{
		{"u16", "abcd", "8000", 15, 15, 1},
		{"u16", "abcd", "7FFF", 15, 15, 0},
		{"u16", "abcd", "00A5", 4, 7, 10},
		{"u16", "dcba", "A500", 4, 7, 10},
		{"bool", "abcd", "0008", 3, 3, 1},
		{"s16", "abcd", "FFFF", 0, 3, 15}, // a field has no sign
		{"u32", "cdab", "0000 8001", 31, 31, 1},
		{"u64", "abcd", "FFFF FFFF FFFF FFFF", 0, 63, 1 << 64},
	} {
		c := newCodec(config.ModbusValue{Space: config.Holding, Type: tt.kind, Order: tt.order, BitLow: tt.low, BitHigh: tt.high})
		if got, err := c.number(unhex(t, tt.bytes)); err != nil || got != tt.want {
			t.Errorf("bits %d..%d of %s %s %s: %v, %v; want %v", tt.low, tt.high, tt.kind, tt.order, tt.bytes, got, err, tt.want)
		}
	}
}

// A decoding is a point, the bytes of its value and scale register, and what
// must come of them.
type decoding struct {
	name  string
	point config.ModbusPoint
	bytes string
	scale string
	want  agent.Reading // without Point
	gone  bool          // no reading at all
}

func (d decoding) field(t testing.TB) *field {
	f := &field{point: &agent.Point{Metric: d.point.Metric}, codec: newCodec(d.point.Value), span: &span{data: unhex(t, d.bytes)}}
	f.conv = newConversion(d.point.Metric, f.codec, d.point.Conversion)
	if d.scale != "" {
		f.scale = &span{space: config.Holding, address: 7, data: unhex(t, d.scale)}
	}
	return f
}

func decodings() []decoding {
	number := func(kind string, scale, offset float64, absent ...float64) config.ModbusPoint {
		return config.ModbusPoint{Metric: volts, Value: holding(0, kind), Conversion: config.Conversion{Scale: scale, Offset: offset, Absent: absent}}
	}
	text := func(m *agent.Metric, order string, states map[string]string) config.ModbusPoint {
		return config.ModbusPoint{Metric: m, Value: config.ModbusValue{Space: config.Holding, Type: "string", Order: order, Length: 4, BitHigh: -1},
			Conversion: config.Conversion{Scale: 1, States: states}}
	}
	states := config.ModbusPoint{Metric: mode, Value: holding(0, "s16"),
		Conversion: config.Conversion{Scale: 1, Absent: []float64{0xFFFF}, States: map[string]string{"0": "off", "0x10": "auto", "-5": "manual", "9": "unknown"}}}
	plain := states
	plain.States = nil
	coil := config.ModbusPoint{Metric: mode, Value: config.ModbusValue{Space: config.Coil, Type: "bool", Order: "badc", Length: 1, BitHigh: -1},
		Conversion: config.Conversion{Scale: 1, States: map[string]string{"false": "off", "true": "auto"}}}
	good := func(v float64) agent.Reading { return agent.Reading{Value: v} }
	bad := func(why string) agent.Reading { return agent.Reading{Quality: agent.Bad, Why: why} }
	return []decoding{
		{name: "tenths are exact", point: number("u16", 0.1, 0), bytes: "0908", want: good(231.2)},
		{name: "thousandths are exact", point: number("u32", 0.001, 0), bytes: "0001 E0F3", want: good(123.123)},
		{name: "a factor that is no decimal", point: number("u16", 1.0/3, 0), bytes: "0009", want: good(3)},
		{name: "offset", point: number("u16", 0.5, -40), bytes: "0065", want: good(10.5)},
		{name: "s16 sentinel as a number", point: number("s16", 1, 0, -32768), bytes: "8000", gone: true},
		{name: "s16 sentinel as a pattern", point: number("s16", 1, 0, 0x8000), bytes: "8000", gone: true},
		{name: "s32 sentinel as a pattern", point: number("s32", 1, 0, 0xFFFFFFFF), bytes: "FFFF FFFF", gone: true},
		{name: "u64 sentinel", point: number("u64", 1, 0, 0xFFFFFFFFFFFFFFFF), bytes: "FFFF FFFF FFFF FFFF", gone: true},
		{name: "the sentinel is compared before scaling", point: number("u16", 0.1, 0, 231), bytes: "0906", want: good(231)},
		{name: "float sentinel", point: number("float32", 1, 0, 0.1), bytes: "3DCC CCCD", gone: true},
		{name: "NaN", point: number("float32", 1, 0), bytes: "7FC0 0000", gone: true},
		{name: "NaN of 64 bits", point: number("float64", 1, 0), bytes: "FFFF FFFF FFFF FFFF", gone: true},
		{name: "infinite", point: number("float32", 1, 0), bytes: "7F80 0000", want: bad("the value is infinite")},
		{name: "infinite when scaled", point: number("float64", 1000, 0), bytes: "7FEF FFFF FFFF FFFF", want: bad("the value is infinite")},
		{name: "negative zero", point: number("float32", 1, 0), bytes: "8000 0000", want: good(0)},
		{name: "scale register", point: number("s16", 1, 0), bytes: "0908", scale: "FFFF", want: good(231.2)},
		{name: "scale register and scale", point: number("s16", 0.01, 0), bytes: "03E7", scale: "FFFF", want: good(0.999)},
		{name: "scale register of a multiple", point: number("s16", 1, 0), bytes: "0017", scale: "0002", want: good(2300)},
		{name: "scale register not available", point: number("s16", 1, 0), bytes: "0908", scale: "8000", gone: true},
		{name: "scale register of nonsense", point: number("s16", 1, 0), bytes: "0908", scale: "0908", want: bad("the scale register holding:7 says 10^2312")},
		{name: "not BCD", point: number("bcd16", 1, 0), bytes: "12AB", want: bad("0x12AB is not BCD")},
		{name: "not BCD, but a sentinel", point: number("bcd16", 1, 0, 0xFFFF), bytes: "FFFF", gone: true},
		{name: "BCD that only looks like the sentinel", point: number("bcd16", 1, 0, 0x1234), bytes: "1234", want: good(1234)},
		{name: "not modulo 10000", point: config.ModbusPoint{Metric: volts, Value: config.ModbusValue{Space: config.Holding, Type: "m10k", Length: 2, BitHigh: -1}, Conversion: config.Conversion{Scale: 1}},
			bytes: "0001 2710", want: bad("00 01 27 10 is not modulo 10000")},
		{name: "text that holds a number", point: text(volts, "cdab", nil), bytes: "2032 332E 3520 5600", want: good(23.5)},
		{name: "text of swapped bytes", point: text(volts, "badc", nil), bytes: "322D 352E 0030 0000", want: good(-2.5)},
		{name: "empty text", point: text(volts, "abcd", nil), bytes: "0000 0000 0000 0000", gone: true},
		{name: "dashes", point: text(volts, "abcd", nil), bytes: "2D2D 2E2D 2020 2020", gone: true},
		{name: "text without a number", point: text(volts, "abcd", nil), bytes: "4F50 454E 0000 0000", want: bad(`"OPEN" is not a number`)},
		{name: "text with two numbers", point: text(volts, "abcd", nil), bytes: "3132 3A33 3000 0000", want: bad(`"12:30" is not a number`)},
		{name: "text as a state", point: text(mode, "abcd", map[string]string{"AUTO": "auto"}), bytes: "4155 544F 2020 2020", want: good(2)},
		{name: "unknown text as a state", point: text(mode, "abcd", map[string]string{"AUTO": "auto"}), bytes: "5445 5354 0000 0000", want: agent.Reading{Raw: "TEST"}},
		{name: "state", point: states, bytes: "0010", want: good(2)},
		{name: "state of a negative code", point: states, bytes: "FFFB", want: good(3)},
		{name: "state that the profile calls unknown", point: states, bytes: "0009", want: agent.Reading{Raw: "9"}},
		{name: "state that the profile does not map", point: states, bytes: "0003", want: agent.Reading{Raw: "3"}},
		{name: "state not available", point: states, bytes: "FFFF", gone: true},
		{name: "state without a table", point: plain, bytes: "0003", want: good(3)},
		{name: "state without a table, out of range", point: plain, bytes: "0004", want: agent.Reading{Raw: "4"}},
		{name: "coil", point: coil, bytes: "01", want: good(2)},
		{name: "coil off", point: coil, bytes: "00", want: good(1)},
		{name: "out of the plausible range", point: config.ModbusPoint{Metric: &agent.Metric{Unit: "Hz", Min: 0, Max: 100}, Value: holding(0, "u16"), Conversion: config.Conversion{Scale: 1}},
			bytes: "0065", want: agent.Reading{Value: 101, Quality: agent.Suspect, Why: "101 Hz is outside 0..100"}},
	}
}

func TestDecode(t *testing.T) {
	for _, tt := range decodings() {
		var got agent.Reading
		ok := tt.field(t).decode(&got)
		if ok == tt.gone {
			t.Errorf("%s: there is a reading: %v, want %v", tt.name, ok, !tt.gone)
			continue
		}
		got.Point = nil
		if got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestFraction(t *testing.T) {
	for _, tt := range []struct{ v, num, den float64 }{
		{1, 1, 1}, {1000, 1000, 1}, {0.1, 1, 10}, {0.25, 25, 100}, {-0.001, -1, 1000}, {1.5, 15, 10}, {1.0 / 3, 1.0 / 3, 1}, {0, 0, 1},
	} {
		if num, den := fraction(tt.v); num != tt.num || den != tt.den {
			t.Errorf("fraction(%v) = %v, %v; want %v, %v", tt.v, num, den, tt.num, tt.den)
		}
	}
}

func FuzzDecode(f *testing.F) {
	kinds := []string{"bool", "u16", "s16", "u32", "s32", "u64", "s64", "float32", "float64", "string", "bcd16", "bcd32", "m10k"}
	orders := []string{"abcd", "cdab", "badc", "dcba"}
	for i := range kinds {
		f.Add(uint8(i), uint8(i), uint8(4), int8(-1), int8(0), 0.1, []byte("\x7F\xF8\x00\x01 12.5 \xFF\xFF"), []byte{0xFF, 0xFE}, false)
	}
	f.Fuzz(func(t *testing.T, kind, order, length uint8, high, low int8, scale float64, data, power []byte, state bool) {
		if !agent.Finite(scale) {
			t.Skip("the configuration has no such number")
		}
		v := config.ModbusValue{Space: config.Holding, Type: kinds[int(kind)%len(kinds)], Order: orders[order%4], Length: 1 + int(length)%4, BitHigh: -1}
		c := newCodec(v)
		if int(low) >= 0 && int(high) >= int(low) && int(high) < 16*c.registers && c.kind <= kindInt {
			v.BitLow, v.BitHigh = int(low), int(high)
			c = newCodec(v)
		}
		metric := volts
		if state {
			metric = mode
		}
		fd := field{point: &agent.Point{Metric: metric}, codec: c, span: &span{data: make([]byte, c.size)}}
		copy(fd.span.data, data)
		fd.conv = newConversion(metric, c, config.Conversion{Scale: scale, States: map[string]string{"1": "auto"}})
		if len(power) > 1 {
			fd.scale = &span{data: power[:2]}
		}
		var r agent.Reading
		ok := fd.decode(&r)
		if !agent.Finite(r.Value) {
			t.Errorf("%+v of % X is %v", v, fd.span.data, r.Value)
		}
		if ok && r.Quality == agent.Bad && r.Why == "" {
			t.Errorf("%+v of % X is bad without a reason", v, fd.span.data)
		}
	})
}
