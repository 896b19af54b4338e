package snmp

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"plantroom/agent"
	"plantroom/config"
	"plantroom/testdata/peer"
)

const (
	flagText = "1.3.6.1.4.1.9.5.0"
	moreText = "1.3.6.1.4.1.9.6.0"
)

// flagPoint is a flag of a text as a point of an alarm.
func flagPoint(m *agent.Metric, oid string, number int, states map[string]string) config.SNMPPoint {
	return config.SNMPPoint{Metric: m, OID: oid, Flag: number, Without: []string{"NOT SUPPORTED"},
		Conversion: config.Conversion{Scale: 1, States: states}}
}

// Many flags are one object of the request. A device that gives no flags does
// not know them, and nothing is clear then.
func TestFlags(t *testing.T) {
	alarm := func(name string) *agent.Metric {
		return &agent.Metric{Name: name, Kind: agent.State, States: config.AlarmStates()}
	}
	first, last, lost, both := alarm("first"), alarm("last"), alarm("lost"), alarm("both")
	set, clear, known := map[string]string{"1": "active"}, map[string]string{"0": "clear"}, map[string]string{"0": "clear", "1": "active"}
	mib := newStub("", map[string]any{flagText: "000100", moreText: "0000"})
	src := mib.source(t, time.Second,
		flagPoint(first, flagText, 1, known),
		flagPoint(last, flagText, 6, known),
		flagPoint(lost, flagText, 4, map[string]string{"0": "active", "1": "clear"}),
		flagPoint(both, flagText, 2, set),
		flagPoint(both, flagText, 3, set),
		flagPoint(both, moreText, 4, set),
		flagPoint(both, flagText, 2, clear),
		flagPoint(both, moreText, 4, clear),
		flagPoint(status, flagText, 5, map[string]string{"1": "bypass"}), // 0 says nothing
	)
	well := []string{"first=clear", "last=clear", "lost=clear", "both=clear"}
	want(t, poll(t, src), well...)
	why := func(number, says string) string { return ": flag " + number + ": the device gives " + says }
	for _, step := range []struct {
		text, more any
		want       []string
	}{
		{"000100", "0000", well},
		{"100100\n", "0000", []string{"first=active", "last=clear", "lost=clear", "both=clear"}},
		{"000101", "0000", []string{"first=clear", "last=active", "lost=clear", "both=clear"}},
		{"010000", "0000", []string{"first=clear", "last=clear", "lost=active", "both=active"}},
		{"001100", "0000", []string{"first=clear", "last=clear", "lost=clear", "both=active"}},
		{"000100", "0001", []string{"first=clear", "last=clear", "lost=clear", "both=active"}},
		{"000110", "0000", []string{"first=clear", "last=clear", "lost=clear", "both=clear", "status=bypass"}},
		{"000100", "NOT SUPPORTED", well},
		{"NOT SUPPORTED", "0000", []string{"both=clear"}},
		{"NOT SUPPORTED", "NOT SUPPORTED", nil},
		{"000100", "UNKNOWN", []string{"first=clear", "last=clear", "lost=clear", "both" + why("4", `"UNKNOWN" instead of flags`)}},
		{"UNKNOWN", "0000", []string{"first" + why("1", `"UNKNOWN" instead of flags`), "last" + why("6", `"UNKNOWN" instead of flags`),
			"lost" + why("4", `"UNKNOWN" instead of flags`), "both" + why("2", `"UNKNOWN" instead of flags`), "status" + why("5", `"UNKNOWN" instead of flags`)}},
		{"00010", "0000", []string{"first=clear", "last" + why("6", "only 5 flags"), "lost=clear", "both=clear"}},
		{"", "0000", []string{"first" + why("1", `"" instead of flags`), "last" + why("6", `"" instead of flags`),
			"lost" + why("4", `"" instead of flags`), "both" + why("2", `"" instead of flags`), "status" + why("5", `"" instead of flags`)}},
		{100, "0000", []string{"first" + why("1", `"100" instead of flags`), "last" + why("6", `"100" instead of flags`),
			"lost" + why("4", `"100" instead of flags`), "both" + why("2", `"100" instead of flags`), "status" + why("5", `"100" instead of flags`)}},
		{"000100", "0000", well},
	} {
		mib.set(flagText, step.text)
		mib.set(moreText, step.more)
		mib.take()
		want(t, poll(t, src), step.want...)
		wantSizes(t, mib.take(), 2) // both texts, once
	}
}

// A card as snmpsim plays it, with the flags of PowerNet-MIB in two states and
// a third in which it has lost its UPS.
func TestFlagsOfACard(t *testing.T) {
	const (
		output = "1.3.6.1.4.1.318.1.1.1.4.1.1.0"
		basic  = "1.3.6.1.4.1.318.1.1.1.11.1.1.0"
		faults = "1.3.6.1.4.1.318.1.1.1.11.2.1.0"
		galaxy = "1.3.6.1.4.1.318.1.1.1.11.2.15.0"
	)
	text := func(length int, set ...int) string {
		s := []byte(strings.Repeat("0", length))
		for _, n := range set {
			s[n-1] = '1'
		}
		return string(s)
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, lines := range map[string][]string{
		"well":    {output + "|2|2", basic + "|4|" + text(64, 4, 6, 19), faults + "|4|" + text(32), galaxy + "|4|NOT SUPPORTED"},
		"faulty":  {output + "|2|10", basic + "|4|" + text(64, 1, 5, 6, 9, 14, 28), faults + "|4|" + text(32, 6, 11), galaxy + "|4|" + text(32, 21)},
		"service": {output + "|2|9", basic + "|4|" + text(64, 6, 12), faults + "|4|" + text(32, 13)},
		"testing": {output + "|2|3", basic + "|4|" + text(64, 2, 6, 10)},
		"lost":    {output + "|2|1", basic + "|4|UNKNOWN", faults + "|4|UNKNOWN", galaxy + "|4|NOT SUPPORTED"},
	} {
		if err := os.WriteFile(filepath.Join(dir, name+".snmprec"), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	address := startSnmpsim(t, dir, "well")
	profiles, err := config.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		card   string
		active []string
		bad    bool
		states string // status and self_test
	}{
		{"well", nil, false, "online "},
		{"faulty", []string{"x_alarm_abnormal_condition", "x_alarm_battery_temperature_critical", "x_alarm_bypass_due_to_fault",
			"x_alarm_ground_fault", "x_alarm_output_overload", "x_alarm_redundancy_lost"}, false, "bypass "},
		{"service", nil, false, "maintenance_bypass "},
		{"testing", nil, false, "on_battery running"},
		{"lost", []string{"x_alarm_communications_lost"}, true, " "},
	} {
		t.Run(test.card, func(t *testing.T) {
			src := NewSource(&agent.Device{ID: "dev"}, recorded(address, test.card, "2c"), profiles["apc-powernet-ups"].SNMP, 5*time.Second)
			defer src.Close()
			rs, err := src.Poll(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			got, active, others := map[string]string{}, map[string]bool{}, map[string]int{}
			for _, r := range rs {
				name := r.Point.Metric.Name
				got[name] = r.Word()
				switch {
				case !strings.HasPrefix(name, "x_alarm_"):
				case r.Quality == agent.Bad:
					others["bad"]++
				case r.Word() == "active":
					active[name] = true
				default:
					others[r.Word()]++
				}
			}
			if found := slices.Sorted(maps.Keys(active)); !slices.Equal(found, test.active) {
				t.Errorf("active %q; want %q", found, test.active)
			}
			if states := got["status"] + " " + got["self_test"]; states != test.states {
				t.Errorf("status and self test are %q; want %q", states, test.states)
			}
			if test.bad && (others["bad"] < 40 || others["clear"] > 0) || !test.bad && (others["clear"] < 30 || others["bad"] > 0) {
				t.Errorf("the other alarms are %v", others)
			}
			src.Poll(t.Context(), nil)
			sent := src.client.sent
			if _, err := src.Poll(t.Context(), nil); err != nil || src.client.sent != sent+1 {
				t.Errorf("a poll took %d requests (%v)", src.client.sent-sent, err)
			}
		})
	}
}

// net-snmp with a text of flags that changes from poll to poll.
func TestFlagsOfNetSNMP(t *testing.T) {
	dir := t.TempDir()
	file, script := filepath.Join(dir, "flags"), filepath.Join(dir, "flags.sh")
	set := func(flags string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(flags+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set("0001")
	// A GET of the object is answered, and nothing comes after it.
	text := `while read ask; do
	if [ $ask = PING ]; then echo PONG; continue; fi
	read oid
	read -r flags <` + file + `
	if [ $ask = get ]; then printf '%s\nstring\n%s\n' $oid $flags; else echo NONE; fi
done
`
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d := startSNMPD(t, dir, peer.UDPPort(t), "pass_persist ."+flagText+" /bin/sh "+script+"\n")
	overload := &agent.Metric{Name: "overload", Kind: agent.State, States: config.AlarmStates()}
	for _, version := range []string{"1", "2c"} {
		t.Run(version, func(t *testing.T) {
			set("0001")
			a := config.SNMPAddress{Address: d.address, Version: version, Community: config.NewSecret("public")}
			src := sourceAt(t, a, 5*time.Second, flagPoint(overload, flagText, 3, map[string]string{"0": "clear", "1": "active"}))
			want(t, poll(t, src), "overload=clear")
			set("0011")
			want(t, poll(t, src), "overload=active")
			set("UNKNOWN")
			want(t, poll(t, src), `overload: flag 3: the device gives "UNKNOWN" instead of flags`)
			set("0011")
			want(t, poll(t, src), "overload=active")
			set("0001")
			want(t, poll(t, src), "overload=clear")
		})
	}
}
