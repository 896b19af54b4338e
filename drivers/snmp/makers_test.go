package snmp

import (
	"fmt"
	"strings"
	"testing"

	"plantroom/agent"
	"plantroom/config"
)

// TestTrapsOfMakers sends what devices of several makers send, as their MIBs
// say, with net-snmp's snmptrap, and looks at what is heard.
func TestTrapsOfMakers(t *testing.T) {
	profiles, err := config.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		profile string
		version string // of the trap
		trap    string // version 1: enterprise and number; 2c: OID
		with    string // variables: OID type value, parted by |
		want    string // severity, name, what it is about, words in both languages
		lasts   bool
		clears  string
	}{
		{"vertiv-geist-pdu", "2c", "1.3.6.1.4.1.21239.5.2.32767.0.10328",
			"1.3.6.1.4.1.21239.5.2.3.2.1.8.1 u 2410|1.3.6.1.4.1.21239.5.2.32767.1.1.0 i 2|1.3.6.1.4.1.21239.5.2.3.1.1.4.1 s Rack 4|1.3.6.1.4.1.21239.5.2.3.2.1.3.1 s Phase A",
			"warning pduPhaseCurrentNOTIFY Phase A: Phase A: current beyond its limit (Rack 4) / Phase A: proud mimo meze (Rack 4)", true, ""},
		{"vertiv-geist-pdu", "2c", "1.3.6.1.4.1.21239.5.2.32767.0.20328", "1.3.6.1.4.1.21239.5.2.3.2.1.3.1 s Phase A",
			"info pduPhaseCurrentCLEAR Phase A: Phase A: current within its limits / Phase A: proud v mezích", false, "pduPhaseCurrentNOTIFY"},
		{"servertech-sentry4", "2c", "1.3.6.1.4.1.1718.4.100.0.8",
			"1.3.6.1.4.1.1718.4.1.4.2.1.2.1.1.1 s AA1|1.3.6.1.4.1.1718.4.1.4.2.1.4.1.1.1 s AA:L1|1.3.6.1.4.1.1718.4.1.4.3.1.4.1.1.1 i 17|1.3.6.1.4.1.1718.4.1.99.1.0 s high alarm|1.3.6.1.4.1.1718.4.1.99.2.0 i 1",
			"info st4LineCurrentEvent AA:L1: AA:L1: current (high alarm) / AA:L1: proud (high alarm)", false, ""},
		{"raritan-px", "2c", "1.3.6.1.4.1.13742.6.0.61", "1.3.6.1.4.1.13742.6.5.2.3.1.3.1.1.1 i 6",
			"info inletSensorStateChange 6: inlet: critically high / přívod: kriticky vysoká hodnota", false, ""},
		{"netbotz", "2c", "1.3.6.1.4.1.52674.500.10.1.13.0.10", "1.3.6.1.4.1.52674.500.11.5.0 s Under the floor",
			"alarm netBotzRopeLeakSensorValueError Under the floor: Under the floor: water / Under the floor: voda", true, ""},
		{"netbotz", "1", "1.3.6.1.4.1.5528.100.10.2.1 102", "1.3.6.1.4.1.5528.100.11.5.0 s Row 1",
			"info netBotzV2TempTooHighRTN Row 1: Row 1: temperature not too high any more / Row 1: teplota v mezích (už ne vysoko)", false, "netBotzV2TempTooHigh"},
		{"rittal-cmc-iii", "2c", "1.3.6.1.4.1.2606.7.0.1",
			"1.3.6.1.4.1.2606.7.4.1.2.1.2.1 s CMCIII-PU|1.3.6.1.4.1.2606.7.4.3.2.1.3.1 s Temperature|1.3.6.1.4.1.2606.7.4.3.2.1.4.1 i 7|1.3.6.1.4.1.2606.7.4.3.2.1.16.1 s too high",
			"info alarmSensorDevice Temperature: Temperature: another state (too high) / Temperature: jiný stav (too high)", false, ""},
		{"stulz-wib8000", "2c", "1.3.6.1.4.1.29462.10.1.12.0.86", "1.3.6.1.4.1.29462.10.1.12.10.0 s Unit 3 fan",
			"alarm trpfan1Alarm : fan 1 failed (Unit 3 fan) / porucha ventilátoru 1 (Unit 3 fan)", false, ""},
		{"socomec-netvision", "1", "1.3.6.1.4.1.4555.1.1.7.2 9", "", "alarm upsTrapBatteryDischarged : battery is discharged / baterie je vybitá", true, ""},
		{"socomec-netvision", "1", "1.3.6.1.4.1.4555.1.1.7.2 23", "", "info upsTrapPowerRestored : mains power is back / síť je zpět", false, "upsTrapOnBattery upsTrapOnBatteryPower"},
		{"mge-ups", "1", "1.3.6.1.4.1.705.1.11 21", "", "alarm upsmgOverLoad : overload / přetížení", true, ""},
		{"mge-ups", "1", "1.3.6.1.4.1.705.1.11 49", "1.3.6.1.4.1.705.1.4.25.1.2.1 s Door", "warning upsmgExternalAlarmActive Door: external alarm Door / vnější alarm Door", true, ""},
		{"hwg-poseidon", "1", "1.3.6.1.4.1.21796.3.3 3", "1.3.6.1.4.1.21796.3.3.50.2.1.3.1 s Sensor 1 too hot",
			"warning tsTrapAlarmStart Sensor 1 too hot: alarm: Sensor 1 too hot / alarm: Sensor 1 too hot", true, ""},
		{"hwg-wld", "1", "1.3.6.1.4.1.21796.4.5 2", "1.3.6.1.4.1.21796.4.5.4.1.2.1 s Hall",
			"info wldStateToNormal Hall: Hall: dry / Hall: sucho", false, "wldStateToAlarm wldPeriodicAlarm"},
		{"teracom-tcw241", "2c", "1.3.6.1.4.1.38783.3.0.1", "1.3.6.1.4.1.38783.3.3.3.1.0 i 0|1.3.6.1.4.1.38783.3.3.3.5.1.0 i 1|1.3.6.1.4.1.38783.3.2.1.3.0 a 10.1.0.9",
			"info snmp-trap-notification : an alarm has come or gone, or the module was restarted / alarm vznikl nebo pominul, nebo restart modulu", false, ""},
		{"janitza-umg", "1", "1.3.6.1.4.1.34278 6", "", "info userTrap1 : trap 1 of its own program / trap 1 vlastního programu", false, ""},
		{"janitza-umg604", "1", "1.3.6.1.4.1.34278 21", "", "info userTrap16 : trap 16 of its own program / trap 16 vlastního programu", false, ""},
	} {
		t.Run(test.profile, func(t *testing.T) {
			sender := Sender{Device: &agent.Device{ID: "it", Name: "It"}, Address: "127.0.0.1:161", Profile: profiles[test.profile].SNMP}
			h := listen(t, config.Traps{}, sender)
			// Of version 1 an agent sends its enterprise, itself, that it is its own kind (6), the number and its uptime.
			args := []string{"", test.trap}
			if enterprise, number, v1 := strings.Cut(test.trap, " "); v1 {
				args = []string{enterprise, "127.0.0.1", "6", number, "42"}
			}
			for v := range strings.SplitSeq(test.with, "|") {
				if name, rest, ok := strings.Cut(v, " "); ok {
					kind, value, _ := strings.Cut(rest, " ")
					args = append(args, name, kind, value)
				}
			}
			mustNetSNMP(t, "snmptrap", fmt.Sprintf("-v%s -c public %s", test.version, h.Addr()), args...)
			trap, polled := h.take(t)
			got := fmt.Sprintf("%v %s %s: %s / %s", trap.Severity, trap.Name, trap.About, trap.Text.EN, trap.Text.CS)
			if got != test.want || trap.Lasts != test.lasts || strings.Join(trap.Clears, " ") != test.clears || polled != "it" {
				t.Errorf("%s\n(lasts %v, clears %v, polled %q)\nwant\n%s", got, trap.Lasts, trap.Clears, polled, test.want)
			}
		})
	}
}
