package snmp

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gosnmp/gosnmp"

	"plantroom/agent"
	"plantroom/config"
)

func TestNumbersInText(t *testing.T) {
	for _, test := range []struct {
		text string
		want float64
	}{
		{"29.6", 29.6}, {" 29.6 %RH", 29.6}, {"29,6 °C", 29.6}, {"+4.5", 4.5}, {"-12", -12}, {"-0.5", -0.5}, {".5", 0.5}, {"5.", 5},
		{"230V", 230}, {"0", 0}, {"007", 7}, {"1.2e3", 1200}, {"1.5E-2 bar", 0.015}, {"12E", 12}, {"3 eggs", 3},
		{"29.6\x00garbage", 29.6}, {"\t 7\r\n", 7}, {"21.5 \xb0C", 21.5}, {"4294967296", 4294967296}, {"0.1", 0.1}, {"4.35", 4.35},
		{"123456789012345678901234567890", 123456789012345678901234567890}, {"5 m3/h", 5}, {"99 % (3 h)", 99}, {"1.005", 1.005},
	} {
		if got, ok := parseNumber([]byte(test.text)); !ok || got != test.want {
			t.Errorf("%q: %v, %v; want %v", test.text, got, ok, test.want)
		}
	}
	for _, text := range []string{"", " ", "-", "+", ".", "N/A", "--", "off", "10.1.0.11", "1.5.5", "2024-11-24", "12:30", "00:1A:2B:3C:4D:5E",
		"0x1F", "1,234.5", "1.234,5", "1/2", "Temp 21", "\x07\xe8\x0b\x18", "1\x02\x03", "\x001", "1e999", "- 5", "+-5", "NaN", "inf", "1_000", "4-20 mA"} {
		if got, ok := parseNumber([]byte(text)); ok {
			t.Errorf("%q: %v; want no number", text, got)
		}
	}
}

func TestDecode(t *testing.T) {
	gauge := &agent.Metric{Name: "temperature"}
	state := &agent.Metric{Name: "status", Kind: agent.State, States: []string{"unknown", "online", "bypass", "on_battery"}}
	words := map[string]string{"3": "online", "4": "bypass", "5": "on_battery", "On": "online", "6": "unknown", "1.3.6.1": "bypass"}
	octets := func(s string) gosnmp.SnmpPDU { return gosnmp.SnmpPDU{Type: gosnmp.OctetString, Value: []byte(s)} }
	pdu := func(t gosnmp.Asn1BER, v any) gosnmp.SnmpPDU { return gosnmp.SnmpPDU{Type: t, Value: v} }
	const none = math.MinInt32
	for _, test := range []struct {
		name     string
		metric   *agent.Metric
		c        config.Conversion
		decimals int
		pdu      gosnmp.SnmpPDU
		want     float64
		said     string
	}{
		{"integer", gauge, config.Conversion{Scale: 1}, 0, pdu(gosnmp.Integer, -271), -271, ""},
		{"gauge", gauge, config.Conversion{Scale: 0.1}, 0, pdu(gosnmp.Gauge32, uint(4294967295)), 429496729.5, ""},
		{"counter64", gauge, config.Conversion{Scale: 1000}, 0, pdu(gosnmp.Counter64, uint64(1<<40)), 1099511627776000, ""},
		{"ticks", gauge, config.Conversion{Scale: 0.01}, 0, pdu(gosnmp.TimeTicks, uint32(360012)), 3600.12, ""},
		{"float", gauge, config.Conversion{Scale: 1}, 0, pdu(gosnmp.OpaqueFloat, float32(21.5)), 21.5, ""},
		{"double", gauge, config.Conversion{Scale: 1}, 0, pdu(gosnmp.OpaqueDouble, 21.53), 21.53, ""},
		{"not a number", gauge, config.Conversion{Scale: 1}, 0, pdu(gosnmp.OpaqueDouble, math.NaN()), none, ""},
		{"infinite", gauge, config.Conversion{Scale: 1}, 0, pdu(gosnmp.OpaqueFloat, float32(math.Inf(1))), none, ""},
		{"infinite when scaled", gauge, config.Conversion{Scale: 10}, 0, pdu(gosnmp.OpaqueDouble, math.MaxFloat64), none, ""},
		{"tenth exactly", gauge, config.Conversion{Scale: 0.1}, 0, pdu(gosnmp.Integer, 3), 0.3, ""},
		{"thousandth exactly", gauge, config.Conversion{Scale: 0.001}, 0, pdu(gosnmp.Integer, 1005), 1.005, ""},
		{"fahrenheit", gauge, config.Conversion{Scale: 5. / 9, Offset: -160. / 9}, 0, pdu(gosnmp.Integer, 212), 100, ""},
		{"decimals", gauge, config.Conversion{Scale: 1}, 3, pdu(gosnmp.Integer, 2297), 2.297, ""},
		{"decimals and scale", gauge, config.Conversion{Scale: 1000}, 1, pdu(gosnmp.Integer, 35), 3500, ""},
		{"decimals below zero", gauge, config.Conversion{Scale: 1}, -2, pdu(gosnmp.Integer, 35), 3500, ""},
		{"sentinel", gauge, config.Conversion{Scale: 0.1, Absent: []float64{-1, 65535}}, 0, pdu(gosnmp.Gauge32, uint(65535)), none, ""},
		{"sentinel in text", gauge, config.Conversion{Scale: 0.1, Absent: []float64{-999.9}}, 0, octets("-999.9"), none, ""},
		{"text", gauge, config.Conversion{Scale: 1}, 0, octets("29.6 %RH"), 29.6, ""},
		{"text without a number", gauge, config.Conversion{Scale: 1}, 0, octets("N/A"), none, ""},
		{"address", gauge, config.Conversion{Scale: 1}, 0, pdu(gosnmp.IPAddress, "10.1.0.11"), none, ""},
		{"oid", gauge, config.Conversion{Scale: 1}, 0, pdu(gosnmp.ObjectIdentifier, ".1.3.6"), none, ""},
		{"opaque", gauge, config.Conversion{Scale: 1}, 0, pdu(gosnmp.Opaque, []byte("12")), none, ""},
		{"null", gauge, config.Conversion{Scale: 1}, 0, pdu(gosnmp.Null, nil), none, ""},
		{"state", state, config.Conversion{Scale: 1, States: words}, 0, pdu(gosnmp.Integer, 5), 3, ""},
		{"state in text", state, config.Conversion{Scale: 1, States: words}, 0, octets(" On\x00"), 1, ""},
		{"state as oid", state, config.Conversion{Scale: 1, States: words}, 0, pdu(gosnmp.ObjectIdentifier, ".1.3.6.1"), 2, ""},
		{"state as float", state, config.Conversion{Scale: 1, States: words}, 0, pdu(gosnmp.OpaqueFloat, float32(4)), 2, ""},
		{"unmapped state", state, config.Conversion{Scale: 1, States: words}, 0, pdu(gosnmp.Integer, 9), 0, "9"},
		{"unmapped text", state, config.Conversion{Scale: 1, States: words}, 0, octets("Calibrating\n"), 0, "Calibrating"},
		{"unmapped bytes", state, config.Conversion{Scale: 1, States: words}, 0, octets("\x80\x01"), 0, "0x8001"},
		{"state mapped to unknown", state, config.Conversion{Scale: 1, States: words}, 0, pdu(gosnmp.Integer, 6), 0, "6"},
		{"state's sentinel", state, config.Conversion{Scale: 1, States: words, Absent: []float64{-1}}, 0, pdu(gosnmp.Integer, -1), none, ""},
		{"empty state", state, config.Conversion{Scale: 1, States: words}, 0, octets(" "), none, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			point := &agent.Point{Metric: test.metric}
			o := &object{answer: &answer{pdu: test.pdu}}
			c := cell{point, []way{{newDecoder(&config.SNMPPoint{Metric: test.metric, Conversion: test.c}, test.decimals), o, point, 0}}}
			got, said := float64(none), ""
			if rs := c.reading(nil); len(rs) > 0 {
				got, said = rs[0].Value, rs[0].Raw
			}
			if got != test.want || said != test.said {
				t.Errorf("%v %q, want %v %q", got, said, test.want, test.said)
			}
		})
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"Rack 1":                       "Rack 1",
		"  two\r\nlines ":              "two lines",
		"Měření":                       "Měření",
		"M\xfcnchen":                   "München",
		"\x80\x00\x1f":                 "0x80001f",
		strings.Repeat("ab", 200):      strings.Repeat("ab", 127) + "a",
		strings.Repeat("a", 254) + "é": strings.Repeat("a", 254),
		strings.Repeat("a", 253) + "é": strings.Repeat("a", 253) + "é",
	} {
		if got := printable([]byte(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestOIDBytes(t *testing.T) {
	for oid, want := range map[string]int{".1.3": 1, ".1.3.6.1.2.1.1.3.0": 8, ".1.3.6.1.4.1.99999.1": 9, ".1.3.127.128.16384.4294967295": 12} {
		if got := oidBytes(oid); got != want {
			t.Errorf("%s: %d, want %d", oid, got, want)
		}
	}
}

// Whatever a device says, a reading is finite, a state is one of the metric's,
// and what is shown can be.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"29.6 %RH", "+4,5", "1.2e3V", "10.1.0.11", "On", "\x00\xff", "-999.9", "1e309", "0010", "UNKNOWN"} {
		f.Add([]byte(seed))
	}
	gauge := &agent.Metric{Name: "temperature"}
	state := &agent.Metric{Name: "status", Kind: agent.State, States: []string{"unknown", "online"}}
	number := newDecoder(&config.SNMPPoint{Metric: gauge, Conversion: config.Conversion{Scale: 0.1, Absent: []float64{-1}}}, 1)
	word := newDecoder(&config.SNMPPoint{Metric: state, Conversion: config.Conversion{Scale: 1, States: map[string]string{"On": "online"}}}, 0)
	last := newDecoder(&config.SNMPPoint{Metric: state, Conversion: config.Conversion{Scale: 1, States: map[string]string{"1": "online"}}, Flag: 3}, 0)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, kind := range []gosnmp.Asn1BER{gosnmp.OctetString, gosnmp.Opaque} {
			v := gosnmp.SnmpPDU{Type: kind, Value: bytes.Clone(b)}
			if got, ok := number.decode(&v); ok && !agent.Finite(got) || !ok && got != 0 && agent.Finite(got) {
				t.Errorf("%v, %v", got, ok)
			}
			if code, ok := word.decode(&v); code != 0 && code != 1 || code == 1 && !ok {
				t.Errorf("%v, %v", code, ok)
			}
			if code, ok := last.decode(&v); ok && (code != 1 || last.unknown(&v) != nil || len(b) < 3) {
				t.Errorf("flag %v", code)
			}
			if s := text(&v); !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }) {
				t.Errorf("text %q", s)
			}
		}
	})
}

// An answer of any bytes does not stop a source, and does not become a value
// that is not a number.
func FuzzAnswer(f *testing.F) {
	good := encode(&gosnmp.SnmpPacket{Version: gosnmp.Version2c, Community: "public", PDUType: gosnmp.GetResponse,
		Variables: []gosnmp.SnmpPDU{{Name: ".1.3.6.1.4.1.9.1.0", Type: gosnmp.OctetString, Value: "12.5"}}})
	f.Add(good)
	f.Add([]byte("30"))
	f.Add(encode(&gosnmp.SnmpPacket{Version: gosnmp.Version2c, Community: "public", PDUType: gosnmp.GetResponse, Variables: []gosnmp.SnmpPDU{
		{Name: ".1.3.6.1.4.1.9.1.7", Type: gosnmp.ObjectIdentifier, Value: ".1.3.6.1.4.1.9.3.4"}, {Name: ".1.3.6.1.4.1.9.1.8", Type: gosnmp.Integer, Value: 1}, {Name: ".1.3.6.1.4.1.9.1.9", Type: gosnmp.Null}}}))
	decoder := &gosnmp.GoSNMP{Version: gosnmp.Version2c}
	f.Fuzz(func(t *testing.T, b []byte) {
		tap := tap{last: b}
		tap.report()
		stranger := link{address: config.SNMPAddress{Version: "2c"}, session: &gosnmp.GoSNMP{Version: gosnmp.Version2c, Community: "public"}}
		if stranger.ours(b) && !bytes.Contains(b, []byte("public")) {
			t.Error("an answer from elsewhere, without the community, is taken")
		}
		p, err := decoder.SnmpDecodePacket(bytes.Clone(b))
		if err != nil {
			return
		}
		s := newSurvey([]config.SNMPPoint{rows("v", "1.3.6.1.4.1.9.1", "{index}")})
		for i := range p.Variables {
			if len(s.columns) > 0 {
				s.visit(s.columns[0], &p.Variables[i])
			}
		}
		table := alarmTable{rows: rows("v", "1.3.6.1.4.1.9.1", ""), alarms: make([]alarm, 2), listed: map[string]int{"1.3.6.1.4.1.9.3": 0, "": 1}}
		seen := table.note(s)
		if said := table.alarms[0].says; said != nil {
			t.Errorf("an alarm with a name says %q", said)
		}
		if a := table.alarms[1]; !a.active && len(a.says) > 0 || slices.Contains(a.says, "") {
			t.Errorf("%+v", a)
		}
		if any := table.alarms[0].active || table.alarms[1].active; any != (seen > 0) {
			t.Errorf("active is %v with %d of the rows %v", any, seen, s.rows)
		}
		for _, c := range plan(nil, []config.SNMPPoint{rows("v", "1.3.6.1.4.1.9.1", "{index}")}, s, nil) {
			w := c.ways[0]
			if got, ok := w.decode(s.value(w.object.oid)); ok && !agent.Finite(got) {
				t.Errorf("%s: %v", w.object.oid, got)
			}
		}
	})
}

func FuzzExpand(f *testing.F) {
	f.Add("L{index}", "1.2.3", "Rack")
	f.Add("{1}{-1}{0}{name}{", "1", "")
	f.Add("}{{1}}{-9223372036854775808}", "", "{index}")
	f.Fuzz(func(t *testing.T, pattern, index, name string) {
		got := expand(pattern, index, name)
		if !strings.Contains(pattern, "{") && got != pattern {
			t.Errorf("%q", got)
		}
		if whole := expand("{index}", index, name); whole != index {
			t.Errorf("{index} is %q", whole)
		}
	})
}
