package snmp

import (
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"plantroom/config"
)

func TestIdentify(t *testing.T) {
	t.Parallel()
	rule := func(name, object string, present ...string) *config.Profile {
		return &config.Profile{Name: name, SNMP: &config.SNMPProfile{}, Identify: config.Identify{
			SNMP: []config.SNMPRule{{SysObjectID: object, Present: present}}}}
	}
	matching := func(p *config.Profile, oid, pattern string) *config.Profile {
		p.Identify.SNMP[0].Match = map[string]string{oid: pattern}
		return p
	}
	const battery = "1.3.6.1.2.1.33.1.1.1.0"
	all := []*config.Profile{
		rule("b-rfc1628", "", battery),
		rule("a-rfc1628", "", battery),
		rule("apc", "1.3.6.1.4.1.318"),
		rule("apc-ups", "1.3.6.1.4.1.318.1.3.27"),
		rule("apc-ups-with-probe", "1.3.6.1.4.1.318.1.3.27", "1.3.6.1.4.1.318.1.1.25"),
		rule("apc-a-like", "1.3.6.1.4.1.318.1.3.2"), // 27 is not below 2
		matching(rule("ste2", "1.3.6.1.4.1.21796.4.9"), "1.3.6.1.2.1.1.1.0", "^STE2 r2"),
		rule("ste", "1.3.6.1.4.1.21796.4.9"),
		rule("table", "", "1.3.6.1.4.1.5000.1.2", "1.3.6.1.4.1.5000.1.3.7"),
		{Name: "modbus only", Identify: config.Identify{SNMP: []config.SNMPRule{{SysObjectID: "1.3.6.1.4.1.318.1.3.27.1"}}}},
		{Name: "either", SNMP: &config.SNMPProfile{}, Identify: config.Identify{SNMP: []config.SNMPRule{
			{SysObjectID: "1.3.6.1.4.1.6000"}, {SysObjectID: "1.3.6.1.4.1.7000"}}}},
		{Name: "nothing", SNMP: &config.SNMPProfile{}, Identify: config.Identify{SNMP: []config.SNMPRule{{}}}},
	}
	object := func(oid string) gosnmp.SnmpPDU {
		return gosnmp.SnmpPDU{Type: gosnmp.ObjectIdentifier, Value: "." + oid}
	}
	for _, test := range []struct {
		name string
		mib  map[string]any
		want string
		seen string
	}{
		{"by presence, and the first name", map[string]any{battery: "APC"}, "a-rfc1628", "no sysObjectID, no sysDescr"},
		{"sysObjectID before presence", map[string]any{battery: "APC", "1.3.6.1.2.1.1.2.0": object("1.3.6.1.4.1.318.9"), "1.3.6.1.2.1.1.1.0": "APC \"Web\" Card"},
			"apc", `sysObjectID 1.3.6.1.4.1.318.9, sysDescr "APC \"Web\" Card"`},
		{"the longer sysObjectID", map[string]any{"1.3.6.1.2.1.1.2.0": object("1.3.6.1.4.1.318.1.3.27.5")}, "apc-ups",
			"sysObjectID 1.3.6.1.4.1.318.1.3.27.5, no sysDescr"},
		{"what asks more", map[string]any{"1.3.6.1.2.1.1.2.0": object("1.3.6.1.4.1.318.1.3.27"), "1.3.6.1.4.1.318.1.1.25.1.2.1.6.1.1": 21},
			"apc-ups-with-probe", "sysObjectID 1.3.6.1.4.1.318.1.3.27, no sysDescr"},
		{"a match", map[string]any{"1.3.6.1.2.1.1.2.0": object("1.3.6.1.4.1.21796.4.9"), "1.3.6.1.2.1.1.1.0": "STE2 r2, fw:1.5"},
			"ste2", `sysObjectID 1.3.6.1.4.1.21796.4.9, sysDescr "STE2 r2, fw:1.5"`},
		{"no match", map[string]any{"1.3.6.1.2.1.1.2.0": object("1.3.6.1.4.1.21796.4.9"), "1.3.6.1.2.1.1.1.0": "HWg-STE"},
			"ste", `sysObjectID 1.3.6.1.4.1.21796.4.9, sysDescr "HWg-STE"`},
		{"all that must be present", map[string]any{"1.3.6.1.4.1.5000.1.2.1": 1, "1.3.6.1.4.1.5000.1.3.7": 1}, "table", "no sysObjectID, no sysDescr"},
		{"not all that must be present", map[string]any{"1.3.6.1.4.1.5000.1.2.1": 1, "1.3.6.1.4.1.5000.1.3.8": 1}, "", "no sysObjectID, no sysDescr"},
		{"the second rule", map[string]any{"1.3.6.1.2.1.1.2.0": object("1.3.6.1.4.1.7000.1")}, "either", "sysObjectID 1.3.6.1.4.1.7000.1, no sysDescr"},
		{"none", map[string]any{"1.3.6.1.2.1.1.2.0": object("1.3.6.1.4.1.8072.3.2.10"), "1.3.6.1.2.1.1.1.0": "Linux"}, "",
			`sysObjectID 1.3.6.1.4.1.8072.3.2.10, sysDescr "Linux"`},
	} {
		for _, version := range []string{"1", "2c"} {
			t.Run(test.name+"/"+version, func(t *testing.T) {
				agent := newStub(version, test.mib)
				p, seen, err := Identify(t.Context(), agent.listen(t), 30*time.Second, all)
				name := ""
				if p != nil {
					name = p.Name
				}
				if name != test.want || seen != test.seen || err != nil {
					t.Errorf("%q, %q, %v\nwant %q, %q", name, seen, err, test.want, test.seen)
				}
				if n := len(agent.take()); version == "2c" && n > 3 {
					t.Errorf("%d requests", n)
				}
			})
		}
	}
	t.Run("silence", func(t *testing.T) {
		agent := newStub("", nil)
		agent.on(func(*gosnmp.SnmpPacket) ([][]byte, bool) { return nil, true })
		address := agent.listen(t)
		_, _, err := Identify(t.Context(), address, 100*time.Millisecond, all)
		wantError(t, err, "get 1.3.6.1.2.1.1.1.0 and 1 more from "+address.Address+": timeout after 100ms")
	})
}
