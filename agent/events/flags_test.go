package events

import (
	"fmt"
	"testing"
	"time"

	"plantroom/agent"
	"plantroom/config"
)

// TestFlags: how grave the alarms are that an APC UPS has a flag for, and what
// is said of them.
func TestFlags(t *testing.T) {
	profiles, err := config.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	p := newPlant(t, Options{}, nil)
	d := p.device("ups")
	say := func(metric, word string) {
		for i := range profiles["apc-powernet-ups"].SNMP.Points {
			if m := profiles["apc-powernet-ups"].SNMP.Points[i].Metric; m.Name == metric {
				p.points["ups "+metric] = &agent.Point{Device: d, Metric: m}
			}
		}
		p.now("ups", metric+"="+word)
	}
	for _, a := range []struct{ metric, severity, en, cs string }{
		{"x_alarm_output_overload", "alarm", "UPS reports: output overload", "UPS hlásí: přetížení výstupu"},
		{"x_alarm_bypass_due_to_fault", "alarm", "UPS reports: bypass due to fault", "UPS hlásí: na bypassu kvůli poruše"},
		{"x_alarm_emergency_power_off", "alarm", "UPS reports: emergency power off", "UPS hlásí: nouzové vypnutí (EPO)"},
		{"x_alarm_battery_temperature_critical", "alarm", "UPS reports: battery temperature critical", "UPS hlásí: kritická teplota baterie"},
		{"x_alarm_dc_bus_overvoltage", "alarm", "UPS reports: dc bus overvoltage", "UPS hlásí: přepětí stejnosměrného meziobvodu"},
		{"x_alarm_redundancy_lost", "alarm", "UPS reports: redundancy lost", "UPS hlásí: ztráta redundance"},
		{"x_alarm_battery_temperature_high", "warning", "UPS reports: battery temperature high", "UPS hlásí: vysoká teplota baterie"},
		{"x_alarm_battery_bad", "warning", "UPS reports: battery bad", "UPS hlásí: vadná baterie"},
		{"x_alarm_charger_failed", "warning", "UPS reports: charger failed", "UPS hlásí: porucha nabíječe"},
		{"x_alarm_communications_lost", "warning", "UPS reports: communications lost", "UPS hlásí: karta nemá spojení s UPS"},
		{"x_alarm_service_required", "warning", "UPS reports: service required", "UPS hlásí: je třeba servis"},
	} {
		begin := int(p.at / time.Second)
		say(a.metric, "clear")
		say(a.metric, "active")
		say(a.metric, "bad") // the card has lost the UPS
		say(a.metric, "active")
		say(a.metric, "clear")
		lines := p.lines()
		want := fmt.Sprintf("%d..%d %s %s", begin+1, begin+4, a.severity, a.en)
		if last := lines[len(lines)-1]; last != want {
			t.Errorf("%s: %q; want %q", a.metric, last, want)
		}
		if cs := p.e.Events(agent.EventQuery{})[0].Text.CS; cs != a.cs {
			t.Errorf("in Czech: %s; want %s", cs, a.cs)
		}
	}
}

// TestAbnormalCondition: that something is wrong is told while no flag says what.
func TestAbnormalCondition(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	p.now("ups", "x_alarm_abnormal_condition=clear x_alarm_fan_failure=clear")
	p.now("ups", "x_alarm_abnormal_condition=active x_alarm_fan_failure=clear")
	p.now("ups", "x_alarm_abnormal_condition=active x_alarm_fan_failure=clear")
	p.now("ups", "x_alarm_abnormal_condition=active x_alarm_fan_failure=active")
	p.now("ups", "x_alarm_abnormal_condition=active x_alarm_fan_failure=active")
	p.now("ups", "x_alarm_abnormal_condition=clear x_alarm_fan_failure=clear")
	p.want(
		"1..3 warning UPS reports: abnormal condition",
		"3..5 warning UPS reports: fan failure",
	)
	// And where the device names it only by a number.
	p = newPlant(t, Options{}, nil)
	p.now("cooler", "x_alarm=active x_alarm_general_alarm=clear x_other_alarm=clear")
	p.now("cooler", "x_alarm=active x_alarm_general_alarm=clear x_other_alarm=active:1.3.6.7")
	p.now("cooler", "x_alarm=active x_alarm_general_alarm=active x_other_alarm=active:1.3.6.7")
	p.now("cooler", "x_alarm=clear x_alarm_general_alarm=clear x_other_alarm=clear")
	p.want(
		"0..1 warning Cooler reports: alarm",
		"1..3 warning Cooler reports: other alarm (1.3.6.7)",
	)
	// One whose words are others, and one that sums up whatever is wrong.
	p = newPlant(t, Options{}, nil)
	p.own("pdu", "x_general_alarm", "clear", "alarm")
	p.own("pdu", "x_alarm_inverter_fault", "clear", "alarm")
	p.own("ups", "x_system_status", "normal", "warning", "critical")
	p.now("pdu", "x_general_alarm=alarm x_alarm_inverter_fault=clear")
	p.now("pdu", "x_general_alarm=alarm x_alarm_inverter_fault=alarm")
	p.now("pdu", "x_general_alarm=clear x_alarm_inverter_fault=clear")
	p.now("ups", "x_system_status=normal self_test=passed")
	p.now("ups", "x_system_status=warning self_test=failed")
	p.now("ups", "x_system_status=critical self_test=failed")
	p.now("ups", "x_system_status=normal self_test=passed")
	p.want(
		"0..1 alarm PDU reports: general alarm",
		"1..2 alarm PDU reports: inverter fault",
		"4..6 warning UPS: the battery failed its self-test",
		"5..6 alarm UPS reports: system critical",
	)
}

// TestEchoes: what a state says, an alarm of the same does not say again.
func TestEchoes(t *testing.T) {
	p := newPlant(t, Options{}, nil)
	p.now("ups", "battery_status=normal self_test=passed x_alarm_low_battery=clear x_alarm_diagnostic_test_failed=clear")
	p.now("ups", "battery_status=normal self_test=passed x_alarm_low_battery=active x_alarm_diagnostic_test_failed=active")
	p.now("ups", "battery_status=low self_test=failed x_alarm_low_battery=active x_alarm_diagnostic_test_failed=active")
	p.now("ups", "battery_status=normal self_test=passed x_alarm_low_battery=clear x_alarm_diagnostic_test_failed=clear")
	p.want(
		"1..2 warning UPS reports: low battery",
		"1..2 warning UPS reports: diagnostic test failed",
		"2..3 alarm UPS: the battery is running out",
		"2..3 warning UPS: the battery failed its self-test",
	)
}

// TestSummaryAfterARestart: an alarm that lasts, and is not read again yet, still
// tells what another sums up.
func TestSummaryAfterARestart(t *testing.T) {
	dir := t.TempDir()
	p := newPlant(t, Options{Dir: dir}, nil)
	p.well(1)
	p.now("ups", "x_alarm_battery_bad=active x_alarm=active")
	want := []string{"1.. warning UPS reports: battery bad"}
	p.want(want...)
	p.open(Options{Dir: dir})
	for range stalePolls - 1 {
		p.now("ups", "x_alarm_battery_bad=bad x_alarm=active")
		p.want(want...)
	}
}
