package sim_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goburrow/modbus"
	"github.com/google/go-cmp/cmp"
	simonvetter "github.com/simonvetter/modbus"

	"plantroom/agent"
	"plantroom/config"
	"plantroom/drivers/sim"
	"plantroom/testdata/peer"
)

var (
	voltage = &agent.Metric{Class: "switchboard", Name: "voltage", Unit: "V", Max: 1000}
	power   = &agent.Metric{Class: "switchboard", Name: "active_power", Unit: "W", Min: -2e8, Max: 2e8}
	energy  = &agent.Metric{Class: "switchboard", Name: "energy_import", Unit: "Wh", Kind: agent.Counter}
	breaker = &agent.Metric{Class: "switchboard", Name: "breaker", Kind: agent.State, States: []string{"unknown", "open", "closed"}}
	model   = &agent.Metric{Class: "switchboard", Name: "x_model"}
	engine  = &agent.Metric{Class: "generator", Name: "status", Kind: agent.State,
		States: []string{"unknown", "stopped", "starting", "warming_up", "running", "on_load"}}
)

// at returns a holding register point with a scale of 1.
func at(address int, typ string, m *agent.Metric, channel string) config.ModbusPoint {
	length := map[string]int{"u32": 2, "s32": 2, "float32": 2, "bcd32": 2, "u64": 4, "s64": 4, "float64": 4, "string": 3, "m10k": 2}[typ]
	return config.ModbusPoint{
		Metric: m, Channel: channel,
		Value:      config.ModbusValue{Space: config.Holding, Address: address, Type: typ, Order: "abcd", Length: max(1, length), BitHigh: -1},
		Conversion: config.Conversion{Scale: 1},
	}
}

func profile(gap int, points ...config.ModbusPoint) *config.Profile {
	return &config.Profile{Name: "test", Class: "switchboard",
		Modbus: &config.ModbusProfile{MaxRegisters: 125, MaxBits: 2000, Gap: gap, Points: points}}
}

// station serves a profile and values as unit 7 and returns its address.
func station(t *testing.T, p *config.Profile, v sim.Values) string {
	t.Helper()
	s, err := sim.ServeModbus("127.0.0.1:0", map[int]sim.Unit{7: {Profile: p, Values: v}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.Addr()
}

// client returns a client of unit at address.
func client(t *testing.T, address string, unit byte) modbus.Client {
	t.Helper()
	h := modbus.NewTCPClientHandler(address)
	h.SlaveId = unit
	t.Cleanup(func() { h.Close() })
	return modbus.NewClient(h)
}

func hex(b []byte) string { return strings.TrimSpace(fmt.Sprintf("% X", b)) }

// TestRegisters holds every type against bytes worked out by hand.
func TestRegisters(t *testing.T) {
	scaled := func(p config.ModbusPoint, scale, offset float64) config.ModbusPoint {
		p.Scale, p.Offset = scale, offset
		return p
	}
	ordered := func(p config.ModbusPoint, order string) config.ModbusPoint {
		p.Value.Order = order
		return p
	}
	for _, test := range []struct {
		name  string
		point config.ModbusPoint
		value float64
		want  string
	}{
		{"u16", at(0, "u16", voltage, ""), 230, "00 E6"},
		{"u16 tenths", scaled(at(0, "u16", voltage, ""), 0.1, 0), 230.44, "09 00"},
		{"u16 too large", at(0, "u16", power, ""), 70000, "FF FF"},
		{"u16 below 0", at(0, "u16", power, ""), -5, "00 00"},
		{"s16 with an offset", scaled(at(0, "s16", power, ""), 2, 10), -20, "FF F1"},
		{"u32", at(0, "u32", energy, ""), 0x01020304, "01 02 03 04"},
		{"u32 cdab", ordered(at(0, "u32", energy, ""), "cdab"), 0x01020304, "03 04 01 02"},
		{"u32 badc", ordered(at(0, "u32", energy, ""), "badc"), 0x01020304, "02 01 04 03"},
		{"u32 dcba", ordered(at(0, "u32", energy, ""), "dcba"), 0x01020304, "04 03 02 01"},
		{"s32", at(0, "s32", power, ""), -2, "FF FF FF FE"},
		{"u64", at(0, "u64", energy, ""), 0x0102030405, "00 00 00 01 02 03 04 05"},
		{"u64 cdab", ordered(at(0, "u64", energy, ""), "cdab"), 0x0102030405, "04 05 02 03 00 01 00 00"},
		{"s64", at(0, "s64", power, ""), -2, "FF FF FF FF FF FF FF FE"},
		{"float32", at(0, "float32", voltage, ""), 230.5, "43 66 80 00"},
		{"float64", at(0, "float64", voltage, ""), 230.5, "40 6C D0 00 00 00 00 00"},
		{"bcd16", at(0, "bcd16", voltage, ""), 1234, "12 34"},
		{"bcd32", at(0, "bcd32", energy, ""), 12345678, "12 34 56 78"},
		{"m10k", at(0, "m10k", energy, ""), 12345678, "04 D2 16 2E"},
		{"string", at(0, "string", model, ""), 5310, "35 33 31 30 00 00"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := sim.NewBoard("switchboard")
			b.Set(test.point.Metric.Name, "", test.value)
			c := client(t, station(t, profile(0, test.point), b), 7)
			got, err := c.ReadHoldingRegisters(0, uint16(test.point.Value.Length))
			if err != nil {
				t.Fatal(err)
			}
			if hex(got) != test.want {
				t.Errorf("%g is served as %s, want %s", test.value, hex(got), test.want)
			}
		})
	}
}

func exception(err error) byte {
	var e *modbus.ModbusError
	if errors.As(err, &e) {
		return e.ExceptionCode
	}
	return 0
}

// TestMissing: a value that the device does not have is a sentinel or refused,
// never 0; so is an address that no point covers, unless it is a filler.
func TestMissing(t *testing.T) {
	sentinel := at(1, "s16", voltage, "L2")
	sentinel.Absent = []float64{-0x8000}
	p := profile(2, at(0, "u16", voltage, "L1"), sentinel, at(2, "float32", voltage, "L3"), // 4, 5: fillers
		at(6, "u16", voltage, "N"), at(20, "u16", power, ""))
	b := sim.NewBoard("switchboard")
	b.Set("voltage", "L1", 231)
	c := client(t, station(t, p, b), 7)

	got, err := c.ReadHoldingRegisters(0, 6)
	if want := "00 E7 80 00 7F C0 00 00 00 00 00 00"; err != nil || hex(got) != want {
		t.Errorf("registers 0 to 5: %s, %v; want %s", hex(got), err, want)
	}
	for _, r := range []struct{ first, count uint16 }{{6, 1}, {5, 2}, {7, 1}, {20, 1}, {0, 21}, {100, 1}} {
		if _, err := c.ReadHoldingRegisters(r.first, r.count); exception(err) != 2 {
			t.Errorf("registers %d, %d of them: %v, want exception 2", r.first, r.count, err)
		}
	}
	if _, err := c.ReadInputRegisters(0, 1); exception(err) != 2 {
		t.Errorf("input register 0: %v, want exception 2", err)
	}

	b.Set("voltage", "N", 3)
	if got, err := c.ReadHoldingRegisters(6, 1); err != nil || hex(got) != "00 03" {
		t.Errorf("register 6 once it has a value: %s, %v", hex(got), err)
	}

	// A value that happens to be the sentinel is served as the one beside it.
	b.Set("voltage", "L2", -0x8000)
	if got, err := c.ReadHoldingRegisters(1, 1); err != nil || hex(got) != "80 01" {
		t.Errorf("-32768 V is served as %s, %v; want 80 01", hex(got), err)
	}
}

// TestBits: bit fields share a register, states go out as their raw code, and
// a word without one as the nearest that has.
func TestBits(t *testing.T) {
	bits := func(low, high int, channel string) config.ModbusPoint {
		p := at(5, "u16", breaker, channel)
		p.Value.BitLow, p.Value.BitHigh = low, high
		p.States = map[string]string{"1": "open", "2": "closed"}
		p.Absent = []float64{3}
		return p
	}
	coil := func(address int, channel string) config.ModbusPoint {
		p := at(address, "bool", breaker, channel)
		p.Value.Space = config.Coil
		p.States = map[string]string{"0": "open", "1": "closed"}
		return p
	}
	status := at(6, "u16", engine, "")
	status.States = map[string]string{"0": "stopped", "5": "stopped", "1": "warming_up", "3": "running"}
	p := profile(0, bits(0, 1, "a"), bits(2, 3, "b"), bits(4, 5, "c"), coil(0, "a"), coil(1, "b"), coil(8, "a"), status)
	p.Modbus.Gap = 6
	b := sim.NewBoard("switchboard")
	b.SetState("breaker", "a", "closed")
	b.SetState("breaker", "b", "open")
	c := client(t, station(t, p, b), 7)
	if got, err := c.ReadHoldingRegisters(5, 1); err != nil || hex(got) != "00 36" { // 11 01 10
		t.Errorf("breakers: %s, %v; want 00 36", hex(got), err)
	}
	if got, err := c.ReadCoils(0, 9); err != nil || hex(got) != "01 01" {
		t.Errorf("coils: %s, %v; want 01 01", hex(got), err)
	}

	g := sim.NewBoard("generator")
	cg := client(t, station(t, p, g), 7)
	for _, test := range []struct{ word, want string }{
		{"stopped", "00 00"}, {"starting", "00 01"}, {"on_load", "00 03"}, {"unknown", "00 02"},
	} {
		g.SetState("status", "", test.word)
		if got, err := cg.ReadHoldingRegisters(6, 1); err != nil || hex(got) != test.want {
			t.Errorf("%s is served as %s, %v; want %s", test.word, hex(got), err, test.want)
		}
	}
}

// TestScaleRegister: the exponent is the finest with which the metric's
// largest value fits.
func TestScaleRegister(t *testing.T) {
	p := at(0, "s16", voltage, "")
	p.ScaleRegister = &config.ModbusValue{Space: config.Holding, Address: 1, Type: "s16", Order: "abcd", Length: 1, BitHigh: -1}
	b := sim.NewBoard("switchboard")
	b.Set("voltage", "", 230.12)
	c := client(t, station(t, profile(0, p), b), 7)
	if got, err := c.ReadHoldingRegisters(0, 2); err != nil || hex(got) != "08 FD FF FF" { // 2301 * 10^-1
		t.Errorf("230.12 V is served as %s, %v; want 08 FD FF FF", hex(got), err)
	}
}

// TestReadOnly: no write is taken, a strange unit answers as a gateway does,
// and a request for too much is refused.
func TestReadOnly(t *testing.T) {
	b := sim.NewBoard("switchboard")
	b.Set("voltage", "", 230)
	address := station(t, profile(0, at(0, "u16", voltage, "")), b)
	s, err := simonvetter.NewClient(&simonvetter.ClientConfiguration{
		URL: "tcp://" + address, Timeout: 5 * time.Second, Logger: log.New(io.Discard, "", 0)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.SetUnitId(7)
	if v, err := s.ReadRegister(0, simonvetter.HOLDING_REGISTER); err != nil || v != 230 {
		t.Errorf("register 0: %d, %v", v, err)
	}
	for function, err := range map[string]error{
		"write register":  s.WriteRegister(0, 1),
		"write registers": s.WriteRegisters(0, []uint16{1, 2}),
		"write coil":      s.WriteCoil(0, true),
		"write coils":     s.WriteCoils(0, []bool{true}),
	} {
		if !errors.Is(err, simonvetter.ErrIllegalFunction) {
			t.Errorf("%s: %v, want an illegal function", function, err)
		}
	}
	s.SetUnitId(8)
	if _, err := s.ReadRegister(0, simonvetter.HOLDING_REGISTER); !errors.Is(err, simonvetter.ErrGWTargetFailedToRespond) {
		t.Errorf("unit 8: %v, want exception 0x0B", err)
	}
}

// TestPymodbus reads a station with a client that is not written in Go.
func TestPymodbus(t *testing.T) {
	python := peer.Need(t, "/usr/bin/python3", "apt install python3-pymodbus")
	b := sim.NewBoard("switchboard")
	var points []config.ModbusPoint
	for i := range 60 {
		points = append(points, at(100+2*i, "float32", voltage, strconv.Itoa(i)))
		b.Set("voltage", strconv.Itoa(i), 200.5+float64(i))
	}
	host, port, _ := strings.Cut(station(t, profile(0, points...), b), ":")
	out, err := exec.Command(python, "-c", `
import sys, types
# The package imports its serial client's optional libraries unasked.
sys.modules["serial"] = types.ModuleType("serial")
sys.modules["serial_asyncio"] = types.SimpleNamespace(create_serial_connection=None)
from pymodbus.client import ModbusTcpClient
from pymodbus.payload import BinaryPayloadDecoder
from pymodbus.constants import Endian
c = ModbusTcpClient(sys.argv[1], port=int(sys.argv[2]))
c.connect()
r = c.read_holding_registers(100, 120, slave=7)
d = BinaryPayloadDecoder.fromRegisters(r.registers, byteorder=Endian.Big)
print(sum(d.decode_32bit_float() for _ in range(60)))
print(c.read_holding_registers(100, 125, slave=7))
`, host, port).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := []string{"13800.0", "Exception Response(131, 3, IllegalAddress)"}
	if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(string(out)), "\n")); diff != "" {
		t.Error(diff)
	}
}

// TestClose: a closed server has left its port and hung up on its clients.
func TestClose(t *testing.T) {
	b := sim.NewBoard("switchboard")
	b.Set("voltage", "", 230)
	p := profile(0, at(0, "u16", voltage, ""))
	s, err := sim.ServeModbus("127.0.0.1:0", map[int]sim.Unit{1: {Profile: p, Values: b}})
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, s.Addr(), 1)
	if _, err := c.ReadHoldingRegisters(0, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ReadHoldingRegisters(0, 1); err == nil {
		t.Error("a closed server answers")
	}
	again, err := sim.ServeModbus(s.Addr(), map[int]sim.Unit{1: {Profile: p, Values: b}})
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}
