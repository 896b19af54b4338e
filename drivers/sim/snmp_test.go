package sim_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gosnmp/gosnmp"

	"plantroom/agent"
	"plantroom/config"
	"plantroom/drivers/sim"
	"plantroom/testdata/peer"
)

var (
	charge   = &agent.Metric{Class: "ups", Name: "battery_charge", Unit: "%", Max: 100}
	input    = &agent.Metric{Class: "ups", Name: "input_voltage", Unit: "V", Max: 1000}
	wattHour = &agent.Metric{Class: "ups", Name: "output_energy", Unit: "Wh", Kind: agent.Counter}
	status   = &agent.Metric{Class: "ups", Name: "status", Kind: agent.State, States: []string{"unknown", "online", "on_battery"}}
	probe    = &agent.Metric{Class: "climate", Name: "temperature", Unit: "Cel", Min: -50, Max: 150}
	wetness  = &agent.Metric{Class: "climate", Name: "humidity", Unit: "%", Max: 100}
)

var one = config.Conversion{Scale: 1}

// upsProfile has one of each kind of point.
func upsProfile() *config.Profile {
	return &config.Profile{
		Name: "test-ups", Title: "Test UPS", Class: "ups",
		Identify: config.Identify{SNMP: []config.SNMPRule{{
			SysObjectID: "1.3.6.1.4.1.99.1",
			Present:     []string{"1.3.6.1.4.1.99.1.1.0", "1.3.6.1.4.1.99.9", "1.3.6.1.4.1.99.2.1"},
			Match:       map[string]string{"1.3.6.1.2.1.1.1.0": "^STE2 (plus|lite)[0-9]+.$"},
		}}},
		SNMP: &config.SNMPProfile{MaxOIDs: 40, Points: []config.SNMPPoint{
			{Metric: charge, OID: "1.3.6.1.4.1.99.2.1.0", Conversion: one},
			{Metric: charge, OID: "1.3.6.1.4.1.99.2.2.0", Conversion: config.Conversion{Scale: 0.1, Absent: []float64{-1}}, Channel: "none"},
			{Metric: charge, OID: "1.3.6.1.4.1.99.2.3.0", Conversion: one, Channel: "none"},
			{Metric: status, OID: "1.3.6.1.4.1.99.2.4.0", Conversion: config.Conversion{States: map[string]string{"On": "online", "Battery": "on_battery"}}},
			{Metric: input, Table: "1.3.6.1.4.1.99.3.1.2", Channel: "L{index}", Conversion: config.Conversion{Scale: 0.1}},
			{Metric: wattHour, OID: "1.3.6.1.4.1.99.2.5.0", Conversion: one},
			{Metric: probe, Table: "1.3.6.1.4.1.99.4.1.6", Channel: "probe {2}", NameOID: "1.3.6.1.4.1.99.4.1.3",
				Where: []config.SNMPCondition{{Column: "1.3.6.1.4.1.99.4.1.5", Values: []string{"2", "3"}}}, Decimals: "1.3.6.1.4.1.99.4.1.7", Conversion: one},
			{Metric: wetness, Table: "1.3.6.1.4.1.99.4.1.6", Channel: "probe {2}", NameOID: "1.3.6.1.4.1.99.4.1.3",
				Where: []config.SNMPCondition{{Column: "1.3.6.1.4.1.99.4.1.5", Values: []string{"humidity"}}}, Conversion: one},
		}},
	}
}

func upsBoard() *sim.Board {
	b := sim.NewBoard("ups")
	b.Set("battery_charge", "", 98)
	b.SetState("status", "", "on_battery")
	b.Set("input_voltage", "", 400)
	b.Set("input_voltage", "L1", 231.24)
	b.Set("input_voltage", "L2", 0)
	b.Set("input_voltage", "L3", 229.96)
	b.Set("output_energy", "", 5e9)
	b.SetOf("climate", "temperature", "probe 1", 21.57)
	b.SetOf("climate", "temperature", "probe 2", -3.2)
	b.SetOf("climate", "humidity", "probe 2", 44)
	b.SetName("probe 1", "Battery room")
	return b
}

func snmpStation(t *testing.T, a sim.Agent) string {
	t.Helper()
	s, err := sim.ServeSNMP("127.0.0.1:0", a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.Addr()
}

// netSNMP runs one of net-snmp's tools and returns the lines that it prints.
func netSNMP(t *testing.T, tool string, args ...string) []string {
	t.Helper()
	path := peer.Need(t, tool, "apt install snmp")
	args = append([]string{"-r0", "-t5", "-On", "-Oe", "-OQ", "-OU", "-Ot"}, args...)
	out, _ := exec.Command(path, args...).CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "Created directory") })
}

// values drops what the tools print at the end of the tree.
func values(lines []string) []string {
	return slices.DeleteFunc(lines, func(l string) bool {
		return strings.Contains(l, "No more variables") || l == "End of MIB"
	})
}

// TestWalk: every variable in order, by GETBULK and by GETNEXT alike.
func TestWalk(t *testing.T) {
	address := snmpStation(t, sim.Agent{Profile: upsProfile(), Values: upsBoard(), Name: "ups-a"})
	want := []string{
		`.1.3.6.1.4.1.99.1.1.0 = "Test UPS"`,
		`.1.3.6.1.4.1.99.2.1.0 = 98`,
		`.1.3.6.1.4.1.99.2.2.0 = -1`,
		`.1.3.6.1.4.1.99.2.4.0 = "Battery"`,
		`.1.3.6.1.4.1.99.2.5.0 = 5000000000`,
		`.1.3.6.1.4.1.99.3.1.2.1 = 2312`,
		`.1.3.6.1.4.1.99.3.1.2.2 = 0`,
		`.1.3.6.1.4.1.99.3.1.2.3 = 2300`,
		`.1.3.6.1.4.1.99.4.1.3.1.1 = "Battery room"`,
		`.1.3.6.1.4.1.99.4.1.3.1.2 = "probe 2"`,
		`.1.3.6.1.4.1.99.4.1.3.1.3 = "probe 2"`,
		`.1.3.6.1.4.1.99.4.1.5.1.1 = 2`,
		`.1.3.6.1.4.1.99.4.1.5.1.2 = 2`,
		`.1.3.6.1.4.1.99.4.1.5.1.3 = "humidity"`,
		`.1.3.6.1.4.1.99.4.1.6.1.1 = 2157`,
		`.1.3.6.1.4.1.99.4.1.6.1.2 = -320`,
		`.1.3.6.1.4.1.99.4.1.6.1.3 = 44`,
		`.1.3.6.1.4.1.99.4.1.7.1.1 = 2`,
		`.1.3.6.1.4.1.99.4.1.7.1.2 = 2`,
		`.1.3.6.1.4.1.99.9.0 = "Test UPS"`,
	}
	for _, walk := range [][]string{
		{"snmpbulkwalk", "-v2c", "-Cr3"},
		{"snmpbulkwalk", "-v2c", "-Cr50"},
		{"snmpwalk", "-v2c"},
	} {
		got := values(netSNMP(t, walk[0], append(walk[1:], "-c", "public", address, "1.3.6.1.4.1.99")...))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: (-want +got)\n%s", walk, diff)
		}
	}

	// SNMPv1 has no 64 bit counter, so there is nothing at 2.5.
	v1 := append(append([]string{}, want[:4]...), want[5:]...)
	if diff := cmp.Diff(v1, values(netSNMP(t, "snmpwalk", "-v1", "-c", "public", address, "1.3.6.1.4.1.99"))); diff != "" {
		t.Errorf("v1: (-want +got)\n%s", diff)
	}

	system := netSNMP(t, "snmpwalk", "-v2c", "-c", "public", address, "1.3.6.1.2.1.1")
	for i, want := range []string{`.1.3.6.1.2.1.1.1.0 = "STE2 plus0x"`, ".1.3.6.1.2.1.1.2.0 = .1.3.6.1.4.1.99.1",
		".1.3.6.1.2.1.1.3.0 = ", `.1.3.6.1.2.1.1.5.0 = "ups-a"`} {
		if i >= len(system) || !strings.HasPrefix(system[i], want) {
			t.Errorf("system group: %q, want %q as number %d", system, want, i)
		}
	}
}

// TestAbsence: the ways of not having something, in v2c and v1.
func TestAbsence(t *testing.T) {
	address := snmpStation(t, sim.Agent{Profile: upsProfile(), Values: upsBoard()})
	get := func(version gosnmp.SnmpVersion, oids ...string) *gosnmp.SnmpPacket {
		t.Helper()
		host, port, _ := strings.Cut(address, ":")
		c := &gosnmp.GoSNMP{Target: host, Community: "public", Version: version, Timeout: 5 * time.Second, MaxOids: 60}
		for _, d := range port {
			c.Port = 10*c.Port + uint16(d-'0')
		}
		if err := c.Connect(); err != nil {
			t.Fatal(err)
		}
		defer c.Conn.Close()
		p, err := c.Get(oids)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := get(gosnmp.Version2c, "1.3.6.1.4.1.99.2.1.0", "1.3.6.1.4.1.99.2.1.1", "1.3.6.1.4.1.99.3.1.2.9", "1.3.6.1.4.1.99.3.1.3.1", "1.3.6.1.4.1.99.2.3.0", "1.3.6.1.4.1.98.0")
	var kinds []gosnmp.Asn1BER
	for _, v := range p.Variables {
		kinds = append(kinds, v.Type)
	}
	want := []gosnmp.Asn1BER{gosnmp.Integer, gosnmp.NoSuchInstance, gosnmp.NoSuchInstance, gosnmp.NoSuchObject, gosnmp.NoSuchInstance, gosnmp.NoSuchObject}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("v2c: (-want +got)\n%s", diff)
	}
	if p := get(gosnmp.Version1, "1.3.6.1.4.1.99.2.1.0", "1.3.6.1.4.1.99.2.1.1"); p.Error != gosnmp.NoSuchName || p.ErrorIndex != 2 {
		t.Errorf("v1: error %v at %d, want noSuchName at 2", p.Error, p.ErrorIndex)
	}

	if got := netSNMP(t, "snmpgetnext", "-v2c", "-c", "public", address, "1.3.6.1.4.1.99.9.0"); !strings.Contains(got[0], "No more variables") {
		t.Errorf("behind the last variable: %q", got)
	}
	if got := netSNMP(t, "snmpset", "-v2c", "-c", "public", address, "1.3.6.1.4.1.99.2.1.0", "i", "1"); !strings.Contains(strings.Join(got, " "), "notWritable") {
		t.Errorf("a write: %q", got)
	}
	if got := netSNMP(t, "snmpget", "-v2c", "-t0.2", "-c", "other", address, "1.3.6.1.4.1.99.2.1.0"); !strings.HasPrefix(got[0], "Timeout") {
		t.Errorf("another community: %q", got)
	}
}

// TestTooBig: an answer larger than the device can send is refused, and a
// GETBULK's is cut.
func TestTooBig(t *testing.T) {
	address := snmpStation(t, sim.Agent{Profile: upsProfile(), Values: upsBoard(), MaxSize: 100})
	oids := []string{"-v2c", "-c", "public", address}
	for _, last := range []string{"2.1.0", "2.2.0", "2.4.0", "3.1.2.1", "3.1.2.2"} {
		oids = append(oids, "1.3.6.1.4.1.99."+last)
	}
	if got := netSNMP(t, "snmpget", oids...); !strings.Contains(strings.Join(got, "\n"), "tooBig") {
		t.Errorf("five variables in 100 bytes: %q", got)
	}
	if got := values(netSNMP(t, "snmpbulkwalk", "-v2c", "-c", "public", "-Cr40", address, "1.3.6.1.4.1.99")); len(got) != 20 {
		t.Errorf("a walk in answers of 100 bytes finds %d variables, want 20: %q", len(got), got)
	}
}
