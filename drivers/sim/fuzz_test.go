package sim

import (
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"plantroom/agent"
	"plantroom/config"
)

// FuzzSNMP: no message makes the server fail, and every answer can be decoded
// and fits.
func FuzzSNMP(f *testing.F) {
	m := &agent.Metric{Class: "ups", Name: "input_voltage", Unit: "V", Max: 1000}
	p := &config.Profile{Name: "test", Class: "ups", SNMP: &config.SNMPProfile{Points: []config.SNMPPoint{
		{Metric: m, OID: "1.3.6.1.4.1.99.1.0", Conversion: config.Conversion{Scale: 0.1}},
		{Metric: m, Table: "1.3.6.1.4.1.99.2.1", Channel: "L{index}", Conversion: config.Conversion{Scale: 0.1}},
	}}}
	b := NewBoard("ups")
	for _, channel := range []string{"", "L1", "L2", "L3"} {
		b.Set("input_voltage", channel, 231.2)
	}
	s := &snmpServer{objects: collect(Agent{Profile: p, Values: b}), community: "public", maxSize: 484, started: time.Now()}
	for _, packet := range []*gosnmp.SnmpPacket{
		{Version: gosnmp.Version2c, PDUType: gosnmp.GetRequest, Variables: []gosnmp.SnmpPDU{{Name: ".1.3.6.1.4.1.99.1.0", Type: gosnmp.Null}, {Name: ".1.3.9", Type: gosnmp.Null}}},
		{Version: gosnmp.Version1, PDUType: gosnmp.GetNextRequest, Variables: []gosnmp.SnmpPDU{{Name: ".1.3.6.1.4.1.99.2.1.3", Type: gosnmp.Null}}},
		{Version: gosnmp.Version2c, PDUType: gosnmp.GetBulkRequest, NonRepeaters: 1, MaxRepetitions: 100,
			Variables: []gosnmp.SnmpPDU{{Name: ".1.3", Type: gosnmp.Null}, {Name: ".1.3.6.1.4.1.99", Type: gosnmp.Null}}},
		{Version: gosnmp.Version2c, PDUType: gosnmp.SetRequest, Variables: []gosnmp.SnmpPDU{{Name: ".1.3.6.1.4.1.99.1.0", Type: gosnmp.Integer, Value: 1}}},
	} {
		packet.Community, packet.RequestID = "public", 7
		message, err := packet.MarshalMsg()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		answer := s.answer(message)
		if answer == nil {
			return
		}
		var decoder gosnmp.GoSNMP
		got, err := decoder.SnmpDecodePacket(answer)
		if err != nil {
			t.Fatalf("% X is answered with % X: %v", message, answer, err)
		}
		if got.PDUType != gosnmp.GetResponse || len(answer) > s.maxSize && got.Error == gosnmp.NoError {
			t.Errorf("% X is answered with % X", message, answer)
		}
	})
}

// FuzzModbus: whatever follows a frame's head, the answer is an exception or
// as long as it says.
func FuzzModbus(f *testing.F) {
	m := &agent.Metric{Class: "ups", Name: "input_voltage", Unit: "V", Max: 1000}
	value := config.ModbusValue{Space: config.Holding, Address: 10, Type: "u32", Order: "abcd", Length: 2, BitHigh: -1}
	p := &config.Profile{Name: "test", Class: "ups", Modbus: &config.ModbusProfile{Gap: 10, Points: []config.ModbusPoint{
		{Metric: m, Value: value, Conversion: config.Conversion{Scale: 1}},
	}}}
	b := NewBoard("ups")
	b.Set("input_voltage", "", 231)
	s := &modbusServer{units: map[byte]*registers{1: layOut(Unit{Profile: p, Values: b})}}
	f.Add(byte(1), byte(3), []byte{0, 10, 0, 2})
	f.Add(byte(1), byte(3), []byte{0xFF, 0xFF, 0, 125})
	f.Add(byte(1), byte(1), []byte{0, 0, 0x07, 0xD0})
	f.Add(byte(2), byte(0x10), []byte{0, 10, 0, 1, 2, 0, 0})
	f.Fuzz(func(t *testing.T, unit, function byte, data []byte) {
		head := []byte{0, 1, 0, 0, 0, 0, unit, function}
		answer := s.answer(head[:8:8], function, data)
		body := answer[8:]
		if answer[7]&0x80 != 0 {
			if len(body) != 1 {
				t.Errorf("exception % X", answer)
			}
		} else if len(body) != 1+int(body[0]) {
			t.Errorf("answer % X", answer)
		}
	})
}
