package snmp

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosnmp/gosnmp"

	"plantroom/agent"
	"plantroom/agent/events"
	"plantroom/config"
	"plantroom/testdata/peer"
)

const (
	alarmColumn = "1.3.6.1.2.1.33.1.6.2.1.2"
	alarmCount  = "1.3.6.1.2.1.33.1.6.1.0"
	wellKnown   = "1.3.6.1.2.1.33.1.6.3."
)

// alarmPoints are two alarms of RFC 1628 and what stands for all others.
func alarmPoints() (points []config.SNMPPoint) {
	for _, a := range [][]string{{"bad", wellKnown + "1"}, {"battery", wellKnown + "2", wellKnown + "1.4"}, {"other"}} {
		points = append(points, config.SNMPPoint{
			Metric: &agent.Metric{Class: "test", Name: a[0], Kind: agent.State, States: config.AlarmStates()},
			Alarm:  &config.SNMPAlarm{Column: alarmColumn, Count: alarmCount, OIDs: a[1:]},
		})
	}
	return points
}

func oidValue(oid string) gosnmp.SnmpPDU {
	return gosnmp.SnmpPDU{Type: gosnmp.ObjectIdentifier, Value: "." + oid}
}

// Rows come and go; what is behind the table is not taken for one of them.
func TestAlarmTable(t *testing.T) {
	for _, version := range []string{"1", "2c"} {
		t.Run(version, func(t *testing.T) {
			mib := newStub(version, map[string]any{alarmCount: uint32(0), "1.3.6.1.2.1.33.1.6.3.99": oidValue(wellKnown + "1"), "1.3.6.1.4.1.9.1.0": 3})
			src := mib.source(t, time.Second, append(alarmPoints(), scalar("load", "1.3.6.1.4.1.9.1.0"))...)
			first, err := src.Poll(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			want(t, format(first), "load=3", "bad=clear", "battery=clear", "other=clear")
			if p := first[1].Point; p.Source != alarmColumn || p.Metric.Name != "bad" {
				t.Errorf("point %+v", p)
			}
			mib.take()
			want(t, poll(t, src), "load=3", "bad=clear", "battery=clear", "other=clear")
			if n := len(mib.take()); n != 2 {
				t.Errorf("an empty table and the rest took %d requests; want 2", n)
			}
			for _, step := range []struct {
				rows map[int]string
				want []string
			}{
				{map[int]string{7: wellKnown + "2"}, []string{"bad=clear", "battery=active", "other=clear"}},
				{map[int]string{7: wellKnown + "2", 8: wellKnown + "1"}, []string{"bad=active", "battery=active", "other=clear"}},
				{map[int]string{8: wellKnown + "1"}, []string{"bad=active", "battery=clear", "other=clear"}},
				{map[int]string{8: wellKnown + "10"}, []string{"bad=clear", "battery=clear", "other=active (" + wellKnown + "10)"}},       // not 1
				{map[int]string{8: wellKnown + "1.3.1", 9: wellKnown + "1.4.2"}, []string{"bad=active", "battery=active", "other=clear"}}, // what is below, nearest first
				{map[int]string{9: "1.3.6.1.4.1.9.9", 10: wellKnown + "1"}, []string{"bad=active", "battery=clear", "other=active (1.3.6.1.4.1.9.9)"}},
				{map[int]string{1: wellKnown + "3", 2: wellKnown + "4", 3: wellKnown + "5", 4: wellKnown + "6", 5: wellKnown + "7",
					6: wellKnown + "8", 7: wellKnown + "9", 8: wellKnown + "10", 10: wellKnown + "2", 11: wellKnown + "9"}, []string{"bad=clear", "battery=active",
					"other=active (" + wellKnown + "3, " + wellKnown + "4, " + wellKnown + "5, " + wellKnown + "6, " +
						wellKnown + "7, " + wellKnown + "8, " + wellKnown + "9, " + wellKnown + "10)"}},
				{nil, []string{"bad=clear", "battery=clear", "other=clear"}},
			} {
				for row := range 12 {
					mib.set(fmt.Sprintf("%s.%d", alarmColumn, row), nil)
				}
				for row, oid := range step.rows {
					mib.set(fmt.Sprintf("%s.%d", alarmColumn, row), oidValue(oid))
				}
				rs, err := src.Poll(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				want(t, format(rs)[1:], step.want...)
				if rs[1].Point != first[1].Point {
					t.Error("another point")
				}
			}
			// A survey finds the same; a count that has gone takes the table with it.
			src.next = time.Time{}
			poll(t, src)
			rs, err := src.Poll(t.Context(), nil)
			if err != nil || rs[1].Point != first[1].Point {
				t.Errorf("another point after a survey, %v", err)
			}
			mib.set(alarmCount, nil)
			src.next = time.Time{}
			poll(t, src)
			want(t, poll(t, src), "load=3")
		})
	}
}

// A card that counts alarms and has none in its table says nothing of any.
func TestAlarmsOnlyCounted(t *testing.T) {
	mib := newStub("", map[string]any{alarmCount: uint32(2)})
	src := mib.source(t, time.Second, append(alarmPoints(), scalar("count", alarmCount))...)
	want(t, poll(t, src), "count=2", "bad=unknown (2 rows counted)", "battery=unknown (2 rows counted)", "other=unknown (2 rows counted)")
	mib.set(alarmCount, -1)
	want(t, poll(t, src), "count=-1", "bad=unknown (rows are not counted)", "battery=unknown (rows are not counted)", "other=unknown (rows are not counted)")
	mib.set(alarmCount, uint32(2))
	mib.set(alarmColumn+".1", oidValue(wellKnown+"2"))
	want(t, poll(t, src), "count=2", "bad=clear", "battery=active", "other=clear")
	mib.set(alarmColumn+".1", gosnmp.SnmpPDU{Type: gosnmp.Null}) // which is no alarm
	want(t, poll(t, src), "count=2", "bad=unknown (2 rows counted)", "battery=unknown (2 rows counted)", "other=unknown (2 rows counted)")
	mib.set(alarmColumn+".1", nil)
	mib.set(alarmCount, uint32(0))
	want(t, poll(t, src), "count=0", "bad=clear", "battery=clear", "other=clear")
}

// A row counts when its other cells say so, or say nothing: one that is there
// until somebody acknowledges it is over, and so is a table of such rows. What
// counts rows counts them too.
func TestAlarmRowsThatCount(t *testing.T) {
	for _, version := range []string{"1", "2c"} {
		t.Run(version, func(t *testing.T) {
			const state, kind = "1.3.6.1.2.1.33.1.6.2.1.12", "1.3.6.1.2.1.33.1.6.2.1.10"
			points := alarmPoints()
			for i := range points {
				points[i].Where = []config.SNMPCondition{{Column: state, Values: []string{"1"}}, {Column: kind, Values: []string{"0", "4", "6"}}}
			}
			mib := newStub(version, map[string]any{alarmCount: uint32(0), "1.3.6.1.4.1.9.1.0": 3})
			src := mib.source(t, time.Second, points...)
			want(t, poll(t, src), "bad=clear", "battery=clear", "other=clear")
			mib.take()
			want(t, poll(t, src), "bad=clear", "battery=clear", "other=clear")
			if n := len(mib.take()); n > 3 {
				t.Errorf("an empty table and its count took %d requests", n)
			}
			row := func(index int, alarm string, states ...int) {
				for i, column := range []string{state, kind} {
					var v any
					if i < len(states) && states[i] >= 0 {
						v = states[i]
					}
					mib.set(fmt.Sprintf("%s.%d", column, index), v)
				}
				mib.set(fmt.Sprintf("%s.%d", alarmColumn, index), oidValue(wellKnown+alarm))
			}
			mib.set(alarmCount, uint32(1))
			want(t, poll(t, src), "bad=unknown (1 rows counted)", "battery=unknown (1 rows counted)", "other=unknown (1 rows counted)")
			row(3, "2", 1, 6)
			want(t, poll(t, src), "bad=clear", "battery=active", "other=clear")
			row(3, "2", 2, 6) // not acknowledged
			want(t, poll(t, src), "bad=clear", "battery=clear", "other=clear")
			row(4, "1")
			row(5, "7", 2)
			want(t, poll(t, src), "bad=active", "battery=clear", "other=clear")
			row(4, "1", -1, 2) // a message
			row(5, "7", 1)
			row(6, "2", 1, 4)
			want(t, poll(t, src), "bad=clear", "battery=active", "other=active ("+wellKnown+"7)")
			// What tells which rows count is a part of the table.
			mib.on(func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
				for i, v := range req.Variables {
					if strings.HasPrefix(v.Name, "."+state) {
						return [][]byte{encode(refusal(req, gosnmp.GenErr, i+1))}, true
					}
				}
				return nil, false
			})
			why := ": walk " + alarmColumn + " of " + src.client.address.Address + ": the agent refuses"
			want(t, poll(t, src), "bad"+why, "battery"+why, "other"+why)
		})
	}
}

// Of several tables the first that the device has is read.
func TestFirstAlarmTable(t *testing.T) {
	const column, count = "1.3.6.1.4.1.9.3.1.2", "1.3.6.1.4.1.9.2.0"
	other := alarmPoints()
	for i := range other {
		other[i].Alarm = &config.SNMPAlarm{Column: column, Count: count, OIDs: other[i].Alarm.OIDs}
	}
	mib := newStub("", map[string]any{alarmCount: uint32(1), alarmColumn + ".1": oidValue(wellKnown + "2"), count: uint32(1), column + ".1": oidValue(wellKnown + "1")})
	src := mib.source(t, time.Second, append(other, alarmPoints()...)...)
	want(t, poll(t, src), "bad=active", "battery=clear", "other=clear")
	mib.set(count, nil)
	src.next = time.Time{}
	poll(t, src)
	want(t, poll(t, src), "bad=clear", "battery=active", "other=clear")
}

// A device that does not count alarms has no table of them, and none is clear.
func TestNoAlarmTable(t *testing.T) {
	mib := newStub("", map[string]any{"1.3.6.1.4.1.9.1.0": 3})
	want(t, poll(t, mib.source(t, time.Second, append(alarmPoints(), scalar("load", "1.3.6.1.4.1.9.1.0"))...)), "load=3")
}

// What an agent would not say is never taken for clear.
func TestAlarmTableRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mib := newStub("", map[string]any{alarmCount: uint32(1), alarmColumn + ".1": oidValue(wellKnown + "2"), "1.3.6.1.4.1.9.1.0": 3})
		src := mib.source(t, time.Second, append(alarmPoints(), scalar("load", "1.3.6.1.4.1.9.1.0"))...)
		want(t, poll(t, src), "load=3", "bad=clear", "battery=active", "other=clear")
		mib.on(func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
			if !strings.HasPrefix(req.Variables[0].Name, "."+alarmColumn) {
				return nil, false
			}
			return [][]byte{encode(refusal(req, gosnmp.GenErr, 1))}, true
		})
		why := ": walk " + alarmColumn + " of " + src.client.address.Address + ": the agent refuses"
		want(t, poll(t, src), "load=3", "bad"+why, "battery"+why, "other"+why)
		mib.take()
		want(t, poll(t, src), "load=3", "bad"+why, "battery"+why, "other"+why)
		if n := len(mib.take()); n != 1 {
			t.Errorf("%d requests; a table that is refused waits for the next survey", n)
		}
		if until := time.Until(src.next); until > surveySoon {
			t.Errorf("the next survey is in %v", until)
		}
		// It gets another chance with the next survey.
		mib.on(nil)
		src.next = time.Time{}
		poll(t, src)
		want(t, poll(t, src), "load=3", "bad=clear", "battery=active", "other=clear")
		// Silence makes all of it Bad.
		mib.on(func(*gosnmp.SnmpPacket) ([][]byte, bool) { return nil, true })
		src.client.close()
		rs, err := src.Poll(t.Context(), nil)
		if err == nil || len(rs) != 4 {
			t.Fatalf("%v, %v", format(rs), err)
		}
		for _, r := range rs {
			if r.Quality != agent.Bad {
				t.Errorf("%s is %v", r.Point.Metric.Name, r.Quality)
			}
		}
	})
}

// A table that vanishes, and of which nobody says any more how many rows it has,
// does not say that its alarms are over.
func TestAlarmTableThatVanishes(t *testing.T) {
	for _, version := range []string{"1", "2c"} {
		for _, refused := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, count refused: %v", version, refused), func(t *testing.T) {
				mib := newStub(version, map[string]any{alarmCount: uint32(1), alarmColumn + ".1": oidValue(wellKnown + "2"), "1.3.6.1.4.1.9.1.0": 3})
				src := mib.source(t, time.Second, append(alarmPoints(), scalar("load", "1.3.6.1.4.1.9.1.0"))...)
				want(t, poll(t, src), "load=3", "bad=clear", "battery=active", "other=clear")
				mib.set(alarmColumn+".1", nil)
				if refused {
					mib.on(func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
						at := slices.IndexFunc(req.Variables, func(v gosnmp.SnmpPDU) bool { return v.Name == "."+alarmCount })
						return [][]byte{encode(refusal(req, gosnmp.GenErr, at+1))}, at >= 0
					})
				} else {
					mib.set(alarmCount, nil)
				}
				for range 2 {
					why := " (rows are not counted)"
					want(t, poll(t, src), "load=3", "bad=unknown"+why, "battery=unknown"+why, "other=unknown"+why)
				}
				src.next = time.Time{} // a survey
				for range 3 {
					if got := poll(t, src); slices.Contains(got, "battery=clear") {
						t.Errorf("after a survey: %q", got)
					}
				}
				mib.on(nil)
				mib.set(alarmCount, uint32(0))
				src.next = time.Time{}
				poll(t, src)
				want(t, poll(t, src), "load=3", "bad=clear", "battery=clear", "other=clear")
			})
		}
	}
}

// net-snmp with the alarms of a UPS, which come and go.
func TestAlarmsOfNetSNMP(t *testing.T) {
	dir := t.TempDir()
	tree := peer.NewSNMPTree(t, dir, "1.3.6.1.2.1.33.1.6")
	d := startSNMPD(t, dir, peer.UDPPort(t), tree.Settings)
	for _, version := range []string{"1", "2c"} {
		t.Run(version, func(t *testing.T) {
			set := func(rows ...string) {
				t.Helper()
				objects := []string{fmt.Sprintf("%s gauge %d", alarmCount, len(rows))}
				for _, row := range rows {
					objects = append(objects, alarmColumn+"."+row)
				}
				tree.Set(t, objects...)
			}
			set()
			a := config.SNMPAddress{Address: d.address, Version: version, Community: config.NewSecret("public")}
			src := sourceAt(t, a, 5*time.Second, alarmPoints()...)
			want(t, poll(t, src), "bad=clear", "battery=clear", "other=clear")
			set("3 objectid ." + wellKnown + "2")
			want(t, poll(t, src), "bad=clear", "battery=active", "other=clear")
			set("3 objectid ."+wellKnown+"2", "12 objectid .1.3.6.1.4.1.99999.7")
			want(t, poll(t, src), "bad=clear", "battery=active", "other=active (1.3.6.1.4.1.99999.7)")
			set("12 objectid .1.3.6.1.4.1.99999.7", "13 objectid ."+wellKnown+"1")
			want(t, poll(t, src), "bad=active", "battery=clear", "other=active (1.3.6.1.4.1.99999.7)")
			set()
			want(t, poll(t, src), "bad=clear", "battery=clear", "other=clear")
		})
	}
}

// net-snmp as an InRow unit, whose alarms are texts: what it says is what is told.
func TestAlarmsThatAreTexts(t *testing.T) {
	profiles, err := config.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	const alarms = "1.3.6.1.4.1.318.1.1.13.3.1."
	dir := t.TempDir()
	tree := peer.NewSNMPTree(t, dir, "1.3.6.1.4.1.318.1.1.13.3")
	d := startSNMPD(t, dir, peer.UDPPort(t), tree.Settings)
	set := func(texts ...string) {
		t.Helper()
		objects := []string{"1.3.6.1.4.1.318.1.1.13.3.2.2.2.1.0 integer 2", fmt.Sprintf("%s1.0 integer %d", alarms, len(texts))}
		for i, text := range texts {
			objects = append(objects, fmt.Sprintf("%s2.1.1.%d integer %[2]d", alarms, i+1), fmt.Sprintf("%s2.1.2.%d integer 70", alarms, i+1),
				fmt.Sprintf("%s2.1.3.%d string %s", alarms, i+1, text))
		}
		tree.Set(t, objects...)
	}
	set()
	a := config.SNMPAddress{Address: d.address, Version: "1", Community: config.NewSecret("public")}
	src := sourceAt(t, a, 5*time.Second, profiles["apc-cooling"].SNMP.Points...)
	want(t, poll(t, src), "alarms_active=0", "status=running", "x_other_alarm=clear")
	set("Power Source B Failure", "Fan Power Supply Right Fault")
	want(t, poll(t, src), "alarms_active=2", "status=running", "x_other_alarm=active (Power Source B Failure, Fan Power Supply Right Fault)")
	set("Fan Power Supply Right Fault")
	want(t, poll(t, src), "alarms_active=1", "status=running", "x_other_alarm=active (Fan Power Supply Right Fault)")
	set()
	want(t, poll(t, src), "alarms_active=0", "status=running", "x_other_alarm=clear")
}

// net-snmp as a Liebert PDU, whose conditions say which branch or outlet they are about.
func TestWhatAlarmsAreAbout(t *testing.T) {
	profiles, err := config.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	const conditions, parts = "1.3.6.1.4.1.476.1.42.3.2.", "1.3.6.1.4.1.476.1.42.3.8."
	dir := t.TempDir()
	tree := peer.NewSNMPTree(t, dir, "1.3.6.1.4.1.476.1.42.3.2")
	d := startSNMPD(t, dir, peer.UDPPort(t), tree.Settings)
	set := func(rows ...string) { // "DESCR REFERENCE", active alarms
		t.Helper()
		objects := []string{fmt.Sprintf("%s2.0 gauge %d", conditions, len(rows))}
		for i, row := range rows {
			descr, about, _ := strings.Cut(row, " ")
			objects = append(objects, fmt.Sprintf("%s3.1.2.%d objectid .%[1]s%[3]s", conditions, i+1, descr),
				fmt.Sprintf("%s3.1.10.%d integer 6", conditions, i+1), fmt.Sprintf("%s3.1.12.%d integer 1", conditions, i+1))
			if about != "" {
				objects = append(objects, fmt.Sprintf("%s3.1.6.%d objectid .%s", conditions, i+1, about))
			}
		}
		tree.Set(t, objects...)
	}
	a := config.SNMPAddress{Address: d.address, Version: "2c", Community: config.NewSecret("public")}
	src := sourceAt(t, a, 5*time.Second, profiles["liebert-pdu"].SNMP.Points...)
	active := func(want ...string) {
		t.Helper()
		got := slices.DeleteFunc(poll(t, src), func(line string) bool { return strings.HasSuffix(line, "=clear") })
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	set()
	active()
	set("1.190.10 "+parts+"40.20.1.1.1.4", "7.1.4360 "+parts+"50.20.1.5.2.4.12", "7.1.9999 "+parts+"30.40.1.1.1.1.3", "1.55", "1.40 1.3.6.1.4.1.476.1.42.3.9")
	active("x_alarm_overload=active", "x_alarm_pdu_communication_lost=active", "x_alarm_branch_breaker_open=active (branch 1.4)",
		"x_alarm_outlet_overcurrent=active (outlet 2.4.12)", "x_other_alarm=active (1.3.6.1.4.1.476.1.42.3.2.7.1.9999, line 1.1.3)")
	set("1.190.10 "+parts+"40.20.1.1.1.4", "1.190.10 "+parts+"40.20.1.1.1.6")
	active("x_alarm_branch_breaker_open=active (branch 1.4, branch 1.6)")
	set()
	active()
}

// A UPS whose card was exchanged for one without a table of alarms: net-snmp says
// no longer how many there are, and after the next survey nothing of any. What the
// old one told does not last for ever, and does not end as if it were over.
func TestAlarmsThatNetSNMPNoLongerTells(t *testing.T) {
	profiles, err := config.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	tree := peer.NewSNMPTree(t, dir, "1.3.6.1.2.1.33")
	d := startSNMPD(t, dir, peer.UDPPort(t), tree.Settings)
	ups := &agent.Device{ID: "ups-a", Name: "UPS A", Class: "ups"}
	src := NewSource(ups, config.SNMPAddress{Address: d.address, Version: "2c", Community: config.NewSecret("public")}, profiles["rfc1628-ups"].SNMP, 5*time.Second)
	defer src.Close()
	engine, err := events.Open(events.Options{Agent: "edge-1"})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	engine.Configure(events.Setup{Devices: []*agent.Device{ups}})
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	poll := func(d time.Duration) (told string) { // each quarter of an hour
		t.Helper()
		for end := at.Add(d); at.Before(end); at = at.Add(15 * time.Minute) {
			rs, err := src.Poll(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			engine.Observe(&agent.Poll{Device: ups, Time: at, Readings: rs})
		}
		for _, ev := range engine.Events(agent.EventQuery{}) {
			told += fmt.Sprintf("active: %v, %s;", ev.Active(), ev.Text.EN)
		}
		return told
	}
	want := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	const online, fuse = "1.3.6.1.2.1.33.1.4.1.0 integer 3", "active: true, UPS A reports: fuse failure;"
	tree.Set(t, online, alarmCount+" gauge 1", alarmColumn+".1 objectid ."+wellKnown+"17")
	want(poll(time.Hour), fuse)
	tree.Set(t, online)
	want(poll(time.Hour), fuse)
	src.next = time.Time{} // a survey
	want(poll(time.Hour), fuse)
	want(poll(time.Hour), "active: false, UPS A reports: fuse failure (no longer observed);")
}
