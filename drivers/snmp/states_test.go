package snmp

import (
	"slices"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"plantroom/agent"
	"plantroom/config"
	"plantroom/testdata/peer"
)

var status = &agent.Metric{Name: "status", Kind: agent.State, States: []string{"unknown", "online", "on_battery", "bypass", "fault"}}

// says is a point of status at the scalar 1.3.6.1.4.1.9.N.0.
func says(n string, states map[string]string) config.SNMPPoint {
	return config.SNMPPoint{Metric: status, OID: "1.3.6.1.4.1.9." + n + ".0", Conversion: config.Conversion{Scale: 1, States: states}}
}

// A UPS that tells in one object that it is on battery and in another that it
// is on bypass, and in none that all is well.
func TestStateOfSeveralObjects(t *testing.T) {
	const fault, battery, bypass = "1.3.6.1.4.1.9.1.0", "1.3.6.1.4.1.9.2.0", "1.3.6.1.4.1.9.3.0"
	mib := newStub("", map[string]any{battery: 2, bypass: 2})
	sentinel := says("3", map[string]string{"1": "bypass", "7": "unknown"})
	sentinel.Absent = []float64{-1}
	other := says("2", map[string]string{"1": "on_battery"})
	other.Metric = &agent.Metric{Name: "x_on_battery", Kind: agent.State, States: status.States}
	src := mib.source(t, time.Second,
		says("1", map[string]string{"1": "fault"}),
		says("2", map[string]string{"1": "on_battery"}),
		sentinel,
		other,
		says("2", map[string]string{"2": "online"}),
		says("4", map[string]string{"1": "online"}),
	)
	first, err := src.Poll(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want(t, format(first), "status=online", "x_on_battery=unknown (2)")
	point := first[0].Point
	if point.Source != battery {
		t.Errorf("the point's source is %s; want the first object that is there", point.Source)
	}
	for _, step := range []struct {
		battery, bypass any
		want            string
	}{
		{1, 2, "on_battery"},
		{1, 1, "on_battery"},
		{2, 1, "bypass"},
		{3, 2, "unknown (3)"},
		{3, 7, "unknown (3)"}, // a word for it, but no better one
		{3, 1, "bypass"},
		{"", 4, "unknown (4)"}, // the first that says anything
		{3, -1, "unknown (3)"},
		{nil, 1, "bypass"},
		{2, 2, "online"},
	} {
		mib.set(battery, step.battery)
		mib.set(bypass, step.bypass)
		mib.take()
		rs, err := src.Poll(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		want(t, format(rs)[:1], "status="+step.want)
		if rs[0].Point != point {
			t.Errorf("%v: another point", step)
		}
		wantSizes(t, mib.take(), 2) // each object once
	}

	// None of them says anything.
	mib.set(battery, nil)
	mib.set(bypass, -1)
	want(t, poll(t, src))
	mib.set(battery, 2)

	// A refusal is not taken for "not on battery".
	mib.set(bypass, 1)
	mib.on(refusing(mib, "."+battery))
	get := func(oid string) string { return "get " + oid + " from " + src.client.address.Address + ": genErr" }
	want(t, poll(t, src), "status: "+get(battery), "x_on_battery: "+get(battery))
	want(t, poll(t, src), "status: "+get(battery), "x_on_battery: "+get(battery))
	src.next = time.Time{}
	poll(t, src) // the survey is refused, too, and leaves things as they are
	want(t, poll(t, src), "status: "+get(battery), "x_on_battery: "+get(battery))
	mib.on(nil)
	src.next = time.Time{}
	poll(t, src)
	mib.set(battery, 1)
	want(t, poll(t, src), "status=on_battery", "x_on_battery=on_battery")
	// One that comes after the object that decides does no harm.
	mib.on(refusing(mib, "."+bypass))
	want(t, poll(t, src), "status=on_battery", "x_on_battery=on_battery")
	mib.on(nil)

	// An object that comes goes first, by the profile, with the next survey.
	mib.set(fault, 1)
	src.next = time.Time{}
	poll(t, src)
	rs, err := src.Poll(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want(t, format(rs), "status=fault", "x_on_battery=on_battery")
	if rs[0].Point == point || rs[0].Point.Source != fault {
		t.Errorf("the source is %s; want the first object that is there", rs[0].Point.Source)
	}
}

// refusing is an agent that gives genErr for an object.
func refusing(s *stub, oid string) func(*gosnmp.SnmpPacket) ([][]byte, bool) {
	return func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
		i := slices.IndexFunc(req.Variables, func(v gosnmp.SnmpPDU) bool { return v.Name == oid })
		if i < 0 {
			return nil, false
		}
		return [][]byte{encode(refusal(req, gosnmp.GenErr, i+1))}, true
	}
}

// Rows of several columns, of which not every row is in each.
func TestStateOfSeveralColumns(t *testing.T) {
	mib := newStub("", map[string]any{
		"1.3.6.1.4.1.9.1.1": 0, "1.3.6.1.4.1.9.1.2": 1,
		"1.3.6.1.4.1.9.2.1": 1, "1.3.6.1.4.1.9.2.2": 1, "1.3.6.1.4.1.9.2.3": 0,
	})
	column := func(oid string, states map[string]string) config.SNMPPoint {
		return config.SNMPPoint{Metric: status, Table: oid, Channel: "unit {index}", Conversion: config.Conversion{Scale: 1, States: states}}
	}
	src := mib.source(t, time.Second,
		column("1.3.6.1.4.1.9.1", map[string]string{"1": "fault"}),
		column("1.3.6.1.4.1.9.2", map[string]string{"0": "bypass", "1": "online"}),
	)
	want(t, poll(t, src), "status[unit 1]=online", "status[unit 2]=fault", "status[unit 3]=bypass")
	src.next = time.Time{}
	poll(t, src)
	if time.Until(src.next) < surveyEvery-time.Minute {
		t.Error("an unchanged device is surveyed soon")
	}
}

// What the UPS units of the recordings are doing, by their makers' MIBs.
func TestRecordedStates(t *testing.T) {
	dir := peer.Recorded(t)
	address := startSnmpsim(t, dir, "hwg-ste2")
	profiles, err := config.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ recording, profile, status, battery string }{
		{"apc-mgeups_galaxy7000", "mge-ups", "online", "normal"}, // not on battery, not on bypass, inverter on
		{"eaton-mgeups_9px", "mge-ups", "online", "normal"},
		{"socomec-ups", "socomec-netvision", "online", "charging"}, // onInverter, no alarm on battery
		{"poweralert_ups", "rfc1628-ups", "eco", "normal"},         // other(1), and economy(9) in the maker's own tree
		{"deltaups", "rfc1628-ups", "online", "normal"},
		{"generex-ups_cs121", "rfc1628-ups", "online", "normal"},
		{"huaweiups_ups2000", "rfc1628-ups", "online", "normal"},
		{"netmanplus_204", "rfc1628-ups", "online", "normal"},
		{"liebert_apm", "liebert-ups", "online", "normal"},
		{"liebert_weblbds", "liebert-ups", "online", "normal"},
		{"vertiv-ita2", "vertiv-ita2", "online", "normal"},
		{"eatonups", "eaton-xups", "online", "normal"}, // resting
		{"eatonupsm2_9px", "eaton-xups", "online", "normal"},
		{"apc_smart1500", "apc-powernet-ups", "online", "normal"},
		{"apc_smtl1000-nmc3", "apc-powernet-ups", "online", "normal"},
		{"apc_symmetralx", "apc-powernet-ups", "online", "normal"},
	} {
		t.Run(test.recording, func(t *testing.T) {
			src := NewSource(&agent.Device{ID: "dev"}, recorded(address, test.recording, "2c"), profiles[test.profile].SNMP, 5*time.Second)
			defer src.Close()
			rs, err := src.Poll(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, r := range rs {
				got[r.Point.Metric.Name] = r.Word()
			}
			if got["status"] != test.status || got["battery_status"] != test.battery {
				t.Errorf("status %s, battery %s; want %s and %s", got["status"], got["battery_status"], test.status, test.battery)
			}
		})
	}
}
