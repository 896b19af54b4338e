package config

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"plantroom/agent"
)

// modbusProfiles returns the embedded profiles that speak Modbus. It fails on
// any fault in them, and only on those: a fault in another profile is not its
// business.
func modbusProfiles(t *testing.T) []*Profile {
	t.Helper()
	entries, err := embedded.ReadDir("profiles")
	if err != nil {
		t.Fatal(err)
	}
	var profiles []*Profile
	for _, e := range entries {
		text, err := embedded.ReadFile("profiles/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, []byte("\nmodbus:")) {
			continue
		}
		p, err := ParseProfile(e.Name(), text)
		if err != nil {
			t.Errorf("%v", err)
		}
		if p == nil || p.Modbus == nil {
			t.Errorf("%s: no Modbus points were read", e.Name())
			continue
		}
		profiles = append(profiles, p)
	}
	return profiles
}

// The table holds, for every Modbus profile, values whose place, coding and
// scale are known from the makers' documents, independently of the YAML.
// "f32 x1000 W" reads: a float32, of which 1 is 1000 W.
func TestModbusProfilesMatchTheMakersMaps(t *testing.T) {
	golden := map[string]map[string]string{ // profile, metric[ channel]: where and what
		"abb-b23": {
			"voltage L3":       "holding 23300 u32 x0.1 V",
			"current L1":       "holding 23308 u32 x0.01 A",
			"active_power":     "holding 23316 s32 x0.01 W",
			"frequency":        "holding 23340 u16 x0.01 Hz",
			"power_factor L3":  "holding 23357 s16 x0.001",
			"energy_import":    "holding 20480 u64 x10 Wh",
			"energy_export L3": "holding 21620 u64 x10 Wh",
		},
		"apc-smart-ups": {
			"status":              "holding 0 u32 bits 1..5",
			"battery_runtime":     "holding 128 u32 x1 s",
			"battery_charge":      "holding 130 u16 x0.001953125 %",
			"battery_voltage":     "holding 131 s16 x0.03125 V",
			"battery_temperature": "holding 135 s16 x0.0078125 Cel",
			"output_load":         "holding 136 u16 x0.00390625 %",
			"output_voltage":      "holding 142 u16 x0.015625 V",
			"input_voltage":       "holding 151 u16 x0.015625 V",
		},
		"carlo-gavazzi-em340": {
			"voltage L1":       "input 0 s32 cdab x0.1 V",
			"voltage L3-L1":    "input 10 s32 cdab x0.1 V",
			"current L3":       "input 16 s32 cdab x0.001 A",
			"active_power":     "input 40 s32 cdab x0.1 W",
			"power_factor":     "input 49 s16 x0.001",
			"frequency":        "input 51 s16 x0.1 Hz",
			"energy_import":    "input 52 s32 cdab x100 Wh",
			"energy_import L3": "input 68 s32 cdab x100 Wh",
			"energy_export":    "input 78 s32 cdab x100 Wh",
		},
		"comap-intelilite": {
			"status":                  "holding 1298 u16",
			"mode":                    "holding 1382 u16",
			"engine_speed":            "holding 1004 u16 x1 {rpm}",
			"oil_pressure":            "holding 1008 s16 x10000 Pa",
			"run_time":                "holding 1013 u32 x360 s",
			"output_power":            "holding 1020 s16 x1000 W",
			"output_frequency":        "holding 1036 u16 x0.1 Hz",
			"output_voltage L3":       "holding 1039 u16 x1 V",
			"output_current L1":       "holding 1043 u16 x1 A",
			"starter_battery_voltage": "holding 1053 u16 x0.1 V",
			"output_energy":           "holding 1263 u32 x1000 Wh",
		},
		"cre-compact": {
			"status":            "holding 4001 u16",
			"output_voltage L1": "holding 50 u16 x1 V",
			"output_energy":     "holding 79 u32 cdab x1000 Wh",
			"run_time":          "holding 83 u32 cdab x3600 s",
			"oil_pressure":      "holding 200 u16 x10000 Pa",
		},
		"datakom-d500": {
			"status":            "holding 10604 u16",
			"output_voltage L1": "holding 10246 u32 cdab x0.1 V",
			"output_power":      "holding 10294 u32 cdab x100 W",
			"oil_pressure":      "holding 10361 u16 x10000 Pa",
			"run_time":          "holding 10622 u32 cdab x36 s",
		},
		"deepsea-gencomm": {
			"mode":                    "holding 772 u16",
			"x_warning_alarm":         "holding 774 u16 bits 10..10",
			"oil_pressure":            "holding 1024 u16 x1000 Pa",
			"coolant_temperature":     "holding 1025 s16 x1 Cel",
			"fuel_level":              "holding 1027 u16 x1 %",
			"starter_battery_voltage": "holding 1029 u16 x0.1 V",
			"engine_speed":            "holding 1030 u16 x1 {rpm}",
			"output_frequency":        "holding 1031 u16 x0.1 Hz",
			"output_voltage L1":       "holding 1032 u32 x0.1 V",
			"output_voltage L1-L2":    "holding 1038 u32 x0.1 V",
			"output_current L3":       "holding 1048 u32 x0.1 A",
			"output_power L1":         "holding 1052 s32 x1 W",
			"mains_frequency":         "holding 1059 u16 x0.1 Hz",
			"mains_voltage L1":        "holding 1060 u32 x0.1 V",
			"mains_voltage L3-L1":     "holding 1070 u32 x0.1 V",
			"mains_power L3":          "holding 1088 s32 x1 W",
			"status":                  "holding 774 u16 bits 12..12",
			"output_power":            "holding 1536 s32 x1 W",
			"output_load":             "holding 1558 s16 x0.1 %",
			"run_time":                "holding 1798 u32 x1 s",
			"output_energy":           "holding 1800 u32 x100 Wh",
			"starts":                  "holding 1808 u32 x1",
			"mains_breaker":           "holding 3328 u16 bits 10..11",
			"generator_breaker":       "holding 3328 u16 bits 8..9",
		},
		"deif-agc150": {
			"status":            "input 1018 u16 bits 6..6",
			"output_voltage L1": "input 504 s16 x1 V",
			"output_frequency":  "input 507 s16 x0.01 Hz",
			"output_power":      "input 519 s16 x1000 W",
			"output_energy":     "input 536 s32 x1000 Wh",
			"oil_pressure":      "input 595 s16 x1000 Pa",

			"x_alarm_generator_reverse_power":          "input 1000 u16 bits 0..0",
			"x_alarm_generator_high_current I>> 2":     "input 1000 u16 bits 10..10",
			"x_alarm_bus_high_frequency f> 2":          "input 1001 u16 bits 14..14",
			"x_alarm_mains_failed_to_close":            "input 1005 u16 bits 8..8",
			"x_alarm_emergency_stop":                   "input 1010 u16 bits 12..12",
			"x_alarm_voltage_or_frequency_not_reached": "input 1013 u16 bits 14..14",
			"x_alarm_fail_to_start":                    "input 1013 u16 bits 15..15",
			"x_alarm_maintenance_due timer 2":          "input 1015 u16 bits 1..1",
		},
		"eastron-sdm120": {
			"voltage L1":    "input 0 float32 x1 V",
			"frequency":     "input 70 float32 x1 Hz",
			"energy_import": "input 72 float32 x1000 Wh",
		},
		"eastron-sdm630": {
			"voltage L1":       "input 0 float32 x1 V",
			"current L3":       "input 10 float32 x1 A",
			"active_power":     "input 52 float32 x1 W",
			"frequency":        "input 70 float32 x1 Hz",
			"energy_import":    "input 72 float32 x1000 Wh",
			"voltage L3-L1":    "input 204 float32 x1 V",
			"current N":        "input 224 float32 x1 A",
			"voltage_thd L1":   "input 234 float32 x1 %",
			"current_thd L3":   "input 244 float32 x1 %",
			"energy_export L3": "input 356 float32 x1000 Wh",
		},
		"eastron-sdm72": {
			"power_factor":  "input 62 float32 x1",
			"energy_export": "input 74 float32 x1000 Wh",
		},
		"huawei-ups2000": {
			"status":           "holding 11024 u16",
			"input_voltage":    "holding 11000 u16 x0.1 V",
			"output_power":     "holding 11015 u16 x100 W",
			"battery_charge":   "holding 12003 u16 x1 %",
			"battery_runtime":  "holding 12004 u32 x1 s",
			"bypass_frequency": "holding 11007 u16 x0.1 Hz",
		},
		"janitza-umg": {
			"voltage L1":       "holding 19000 float32 x1 V",
			"voltage L3-L1":    "holding 19010 float32 x1 V",
			"current L1":       "holding 19012 float32 x1 A",
			"active_power":     "holding 19026 float32 x1 W",
			"reactive_power":   "holding 19042 float32 x1 var",
			"frequency":        "holding 19050 float32 x1 Hz",
			"energy_import":    "holding 19068 float32 x1 Wh",
			"energy_export":    "holding 19076 float32 x1 Wh",
			"voltage_thd L1":   "holding 19110 float32 x1 %",
			"current_thd L3":   "holding 19120 float32 x1 %",
			"energy_export L1": "holding 19070 float32 x1 Wh",
		},
		"lovato-dmg610": {
			"voltage L1":       "input 1 u32 x0.01 V",
			"current L1":       "input 7 u32 x0.0001 A",
			"active_power":     "input 57 s32 x0.01 W",
			"frequency":        "input 49 u32 x0.001 Hz",
			"energy_import L2": "input 7751 u64 x10 Wh",
		},
		"schneider-iem3000": {
			"voltage L1":       "holding 3027 float32 x1 V",
			"active_power":     "holding 3059 float32 x1000 W",
			"energy_import":    "holding 3203 s64 x1 Wh",
			"energy_import L3": "holding 3525 s64 x1 Wh",
		},
		"schneider-pm5000": {
			"current L1":        "holding 2999 float32 x1 A",
			"current N":         "holding 3005 float32 x1 A",
			"voltage L1-L2":     "holding 3019 float32 x1 V",
			"voltage L1":        "holding 3027 float32 x1 V",
			"active_power L1":   "holding 3053 float32 x1000 W",
			"active_power":      "holding 3059 float32 x1000 W",
			"reactive_power L1": "holding 3061 float32 x1000 var",
			"reactive_power":    "holding 3067 float32 x1000 var",
			"apparent_power":    "holding 3075 float32 x1000 VA",
			"frequency":         "holding 3109 float32 x1 Hz",
			"energy_import":     "holding 3203 s64 x1 Wh",
			"energy_export":     "holding 3207 s64 x1 Wh",
			"current_thd L1":    "holding 21299 float32 x1 %",
			"voltage_thd L3":    "holding 21333 float32 x1 %",
		},
		"siemens-pac1600": {
			"voltage L1":       "holding 1 u32 x0.01 V",
			"current L3":       "holding 11 u32 x0.0001 A",
			"active_power":     "holding 57 s32 x0.01 W",
			"frequency":        "holding 49 s32 x0.01 Hz",
			"energy_import":    "holding 6687 u32 x1 Wh",
			"energy_import L3": "holding 6747 u32 x1 Wh",
		},
		"siemens-pac3200": {
			"voltage L1":     "holding 1 float32 x1 V",
			"active_power":   "holding 65 float32 x1 W",
			"frequency":      "holding 55 float32 x1 Hz",
			"energy_import":  "holding 801 float64 x1 Wh",
			"energy_export":  "holding 809 float64 x1 Wh",
			"current_thd L3": "holding 53 float32 x1 %",
		},
		"smartgen-hgm4000": {
			"x_alarm_fail_to_start":  "coil 17 bool",
			"x_alarm_low_fuel_level": "coil 28 bool",
			"status":                 "holding 34 u16",
			"generator_breaker":      "coil 7 bool",
			"mains_voltage L1":       "holding 0 u16 x1 V",
			"output_frequency":       "holding 13 u16 x0.1 Hz",
			"oil_pressure":           "holding 19 s16 x1000 Pa",
			"output_power":           "holding 26 s16 x1000 W",
		},
		"socomec-diris-a": {
			"voltage L1":    "holding 50520 u32 x0.01 V",
			"frequency":     "holding 50526 u32 x0.01 Hz",
			"current L1":    "holding 50528 u32 x0.001 A",
			"active_power":  "holding 50536 s32 x10 W",
			"energy_import": "holding 50946 u32 x10 Wh",
		},
		"socomec-diris-b30": {
			"voltage L1":     "holding 18444 u32 x0.01 V",
			"active_power":   "holding 18476 s32 x1 W",
			"apparent_power": "holding 18484 u32 x1 VA",
			"energy_import":  "holding 19843 u32 x1000 Wh",
		},
		"sunspec-meter": { // the integer models; the float models come after them
			"voltage L1":       "holding 8 s16 x1 V sf 15",
			"current L3":       "holding 5 s16 x1 A sf 6",
			"frequency":        "holding 16 s16 x1 Hz sf 17",
			"active_power":     "holding 18 s16 x1 W sf 22",
			"power_factor":     "holding 33 s16 x0.01 sf 37",
			"energy_export":    "holding 38 u32 x1 Wh sf 54",
			"energy_import L3": "holding 52 u32 x1 Wh sf 54",
		},
	}
	for _, p := range modbusProfiles(t) {
		want := golden[p.Name]
		if want == nil {
			t.Errorf("%s: no golden points; add some from the maker's document", p.Name)
		}
		got := map[string]string{}
		for _, point := range slices.Backward(p.Modbus.Points) {
			got[strings.TrimSpace(point.Metric.Name+" "+point.Channel)] = placeOf(point)
		}
		for key, w := range want {
			if got[key] != w {
				t.Errorf("%s: %s is %q, the maker says %q", p.Name, key, got[key], w)
			}
		}
	}
}

// placeOf writes where a point is and how it is coded in one line.
func placeOf(p ModbusPoint) string {
	v := p.Value
	s := fmt.Sprintf("%s %d %s", map[Space]string{Coil: "coil", Discrete: "discrete", Holding: "holding", Input: "input"}[v.Space], v.Address, v.Type)
	if v.Order != "abcd" && v.Length > 1 {
		s += " " + v.Order
	}
	if v.BitHigh >= 0 {
		s += fmt.Sprintf(" bits %d..%d", v.BitLow, v.BitHigh)
	}
	if p.Metric.Kind == agent.State {
		return s
	}
	s += fmt.Sprintf(" x%g", p.Scale)
	if p.Metric.Unit != "" {
		s += " " + p.Metric.Unit
	}
	if p.ScaleRegister != nil {
		s += fmt.Sprintf(" sf %d", p.ScaleRegister.Address)
	}
	return s
}

// A float model of SunSpec has its values elsewhere than the integer models.
func TestSunSpecFloatModels(t *testing.T) {
	text, err := embedded.ReadFile("profiles/sunspec-meter.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParseProfile("sunspec-meter.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"current L1": 4, "voltage L1": 12, "voltage L3-L1": 24, "frequency": 26, "active_power": 28,
		"apparent_power": 36, "reactive_power": 44, "power_factor": 52, "energy_export": 60, "energy_import": 68, "energy_import L3": 74}
	for _, point := range slices.Backward(p.Modbus.Points) {
		if !slices.Contains(point.Models, 213) {
			continue
		}
		if point.Value.Type != "float32" || point.ScaleRegister != nil || point.Scale != 1 {
			t.Errorf("%s %s: %s", point.Metric.Name, point.Channel, placeOf(point))
		}
		key := strings.TrimSpace(point.Metric.Name + " " + point.Channel)
		if w, ok := want[key]; ok {
			if point.Value.Address != w {
				t.Errorf("%s is at %d, the model says %d", key, point.Value.Address, w)
			}
			delete(want, key)
		}
	}
	if len(want) > 0 {
		t.Errorf("not there: %v", want)
	}
	if !slices.Equal(p.Modbus.SunSpec, []int{40000, 0, 50000}) {
		t.Errorf("looked for at %v", p.Modbus.SunSpec)
	}
}

// What the makers say is no value must never come out as one.
func TestModbusSentinels(t *testing.T) {
	want := map[string][]float64{ // profile type: raw values that every number of it leaves out
		"deepsea-gencomm u16": {0xFFFF, 0xFFFE, 0xFFFD, 0xFFFC, 0xFFFB, 0xFFFA, 0xFFF9, 0xFFF8},
		"deepsea-gencomm s16": {0x7FFF, 0x7FFE, 0x7FFD, 0x7FFC, 0x7FFB, 0x7FFA, 0x7FF9, 0x7FF8},
		"deepsea-gencomm u32": {math.MaxUint32, math.MaxUint32 - 7},
		"deepsea-gencomm s32": {math.MaxInt32, math.MaxInt32 - 7},

		"comap-intelilite u16":    {0x8000},
		"comap-intelilite s16":    {math.MinInt16},
		"comap-intelilite u32":    {0x80000000},
		"abb-b23 u32":             {math.MaxUint32},
		"abb-b23 s32":             {math.MaxInt32},
		"abb-b23 s16":             {math.MaxInt16},
		"abb-b23 u64":             {math.MaxUint64},
		"carlo-gavazzi-em340 s32": {math.MaxInt32},
		"schneider-pm5000 s64":    {math.MinInt64},
		"schneider-iem3000 s64":   {math.MinInt64},
		"sunspec-meter s16":       {math.MinInt16},
		"sunspec-meter u32":       {0},
	}
	seen := map[string]bool{}
	for _, p := range modbusProfiles(t) {
		for _, point := range p.Modbus.Points {
			if point.Metric.Kind == agent.State {
				continue
			}
			key := p.Name + " " + point.Value.Type
			for _, raw := range want[key] {
				seen[key] = true
				if !slices.Contains(point.Absent, raw) {
					t.Errorf("%s: %s %s takes %g for a value", p.Name, point.Metric.Name, point.Channel, raw)
				}
			}
		}
	}
	for key := range want {
		if !seen[key] {
			t.Errorf("%s: no such point", key)
		}
	}
}

// Raw states that matter, by what a wall must show for them.
func TestModbusStates(t *testing.T) {
	want := map[string]map[string]string{ // profile metric: raw, word
		"deepsea-gencomm status":             {"0": "stopped", "1": "starting", "2": "warming_up", "3": "running", "4": "cooling_down", "5": "stopped", "15": ""},
		"deepsea-gencomm mode":               {"0": "off", "1": "auto", "2": "manual", "3": "test_on_load", "4": "auto", "5": "", "6": "test_off_load", "7": "off"},
		"deepsea-gencomm mains_breaker":      {"0": "open", "1": "closed", "3": ""},
		"deepsea-gencomm generator_breaker":  {"0": "open", "1": "closed", "3": ""},
		"comap-intelilite status":            {"1": "stopped", "2": "fault", "4": "starting", "7": "running", "8": "on_load", "10": "cooling_down", "11": "stopping", "15": "on_load"},
		"comap-intelilite mode":              {"0": "off", "1": "manual", "2": "auto", "3": "test_off_load"},
		"datakom-d500 status":                {"0": "stopped", "5": "starting", "8": "running", "13": "on_load", "22": "cooling_down"},
		"datakom-d500 mode":                  {"1": "off", "2": "manual", "4": "auto", "8": ""},
		"cre-compact status":                 {"11": "stopped", "3": "warming_up", "8": "cooling_down", "255": "fault"},
		"deif-agc150 status":                 {"0": "stopped", "1": "running"},
		"smartgen-hgm4000 generator_breaker": {"0": "open", "1": "closed"},
		"huawei-ups2000 status":              {"0": "off", "1": "bypass", "2": "online", "3": "on_battery", "5": "eco"},
		"huawei-ups2000 battery_status":      {"2": "normal", "3": "charging", "5": "discharging"},
		"apc-smart-ups status":               {"1": "online", "2": "on_battery", "4": "bypass", "8": "off", "16": "fault", "18": "on_battery"},
		"apc-smart-ups battery_status":       {"0": "normal", "4": "replace"},
		"apc-smart-ups self_test":            {"0": "not_run", "2": "running", "4": "passed", "8": "failed"},
	}
	for _, p := range modbusProfiles(t) {
		for _, point := range slices.Backward(p.Modbus.Points) { // of several points of a state the last is the general one
			key := p.Name + " " + point.Metric.Name
			for raw, word := range want[key] {
				if point.States[raw] != word {
					t.Errorf("%s: %s is %q, want %q", key, raw, point.States[raw], word)
				}
			}
			delete(want, key)
		}
	}
	if len(want) > 0 {
		t.Errorf("not there: %v", want)
	}
}

// Which device is which must be told apart by what its maker put there for
// it, and a rule must be readable within the profile's limits.
func TestModbusIdentification(t *testing.T) {
	want := map[string]string{
		"abb-b23":             "holding 35168 u32 = [1.110586144e+09 1.1105864e+09]",
		"apc-smart-ups":       "holding 532 string ~ Smart-UPS",
		"carlo-gavazzi-em340": "input 11 u16 = [331 332 335 336 341 345 346]",
		"comap-intelilite":    "holding 1307 string ~ ^InteliLite4",
		"datakom-d500":        "holding 10609 u16 = [54016 54528 54597 55040]",
		"deepsea-gencomm":     "holding 768 u16 = [1]",
		"deif-agc150":         "input 770 string ~ ^AGC150(GEN|DGH|LDG)",
		"eastron-sdm120":      "holding 64514 u16 = [32]",
		"schneider-iem3000":   "holding 69 string ~ ^Schneider",
		"schneider-pm5000":    "holding 69 string ~ ^Schneider",
		"socomec-diris-a":     "holding 50000 u16 = [83]",
		"socomec-diris-b30":   "holding 50000 u16 = [83]",
	}
	for _, p := range modbusProfiles(t) {
		got := ""
		for i, rule := range p.Identify.Modbus {
			v := rule.Value
			if v.Length > p.Modbus.MaxRegisters {
				t.Errorf("%s: rule %d reads %d registers, more than the device allows", p.Name, i, v.Length)
			}
			if i > 0 {
				continue
			}
			space := map[Space]string{Holding: "holding", Input: "input"}[v.Space]
			if got = fmt.Sprintf("%s %d %s ~ %s", space, v.Address, v.Type, rule.Match); rule.Match == "" {
				got = fmt.Sprintf("%s %d %s = %v", space, v.Address, v.Type, rule.Equals)
			}
		}
		if got != want[p.Name] {
			t.Errorf("%s is recognised by %q, want %q", p.Name, got, want[p.Name])
		}
	}
}

// A profile must be plannable: no value begins inside another (only bit
// fields share a register), none is longer than a read, and what is near
// is near enough to be read in a few requests.
func TestModbusProfilesCanBePlanned(t *testing.T) {
	for _, p := range modbusProfiles(t) {
		models := []int{0}
		if p.Modbus.SunSpec != nil {
			models = []int{201, 202, 203, 204, 211, 212, 213, 214}
		}
		for _, model := range models {
			type span struct{ space, from, to int } // to is the first register after
			var spans []span
			named := map[string]bool{}
			for _, point := range p.Modbus.Points {
				if model != 0 && !slices.Contains(point.Models, model) {
					continue
				}
				v := point.Value
				if key := point.Metric.Name + " " + point.Channel; named[key] && model == 0 && point.Metric.Kind != agent.State {
					t.Errorf("%s: %s is there twice", p.Name, key)
				} else {
					named[key] = true
				}
				if v.Space >= Holding && v.Length > p.Modbus.MaxRegisters {
					t.Errorf("%s: %s is longer than a read", p.Name, point.Metric.Name)
				}
				spans = append(spans, span{int(v.Space), v.Address, v.Address + v.Length})
				if sf := point.ScaleRegister; sf != nil {
					spans = append(spans, span{int(sf.Space), sf.Address, sf.Address + 1})
				}
			}
			slices.SortFunc(spans, func(a, b span) int {
				return (a.space-b.space)<<24 + (a.from-b.from)<<4 + a.to - b.to
			})
			spans = slices.Compact(spans)
			requests, start := 0, span{space: -1}
			for i, s := range spans {
				most, gap := p.Modbus.MaxRegisters, p.Modbus.Gap
				if s.space < int(Holding) {
					most = p.Modbus.MaxBits
				}
				if i > 0 && s.space == spans[i-1].space && s.from < spans[i-1].to {
					t.Errorf("%s: a value at %d begins inside the one at %d", p.Name, s.from, spans[i-1].from)
				}
				if s.space != start.space || s.from-start.to > gap || s.to-start.from > most {
					requests, start = requests+1, s
				}
				start.to = s.to
			}
			if most := 18; requests > most {
				t.Errorf("%s: %d requests a poll, more than %d", p.Name, requests, most)
			}
		}
	}
}

// Facts come from somewhere, and the file says where.
func TestModbusProfilesNameTheirSources(t *testing.T) {
	for _, p := range modbusProfiles(t) {
		text, err := embedded.ReadFile("profiles/" + p.Name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := bytes.Cut(text, []byte("\nprofile:"))
		if !bytes.HasPrefix(head, []byte("#")) || !bytes.Contains(head, []byte("Source")) {
			t.Errorf("%s: the head comment names no source", p.Name)
		}
	}
}

// TestGenCommAlarms: the standard's lists of named alarms have these at the
// given offset of the page and place in the register, 0 for its top four bits,
// and no family has two alarms in one place or one alarm twice.
func TestGenCommAlarms(t *testing.T) {
	text, err := embedded.ReadFile("profiles/deepsea-gencomm.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParseProfile("deepsea-gencomm.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		count int
		at    map[string][2]int
	}{
		"7xxx": {76, map[string][2]int{"emergency_stop": {1, 0}, "low_coolant_temperature": {1, 3}, "fail_to_start": {4, 1}, "low_fuel_level": {6, 2},
			"maintenance_due": {9, 3}, "generator_short_circuit": {11, 2}, "water_in_fuel": {14, 1}, "low_def_level": {15, 3}, "fail_to_synchronise": {19, 3}}},
		"61xx_mk2": {43, map[string][2]int{"emergency_stop": {1, 0}, "fail_to_start": {4, 1}, "maintenance_due": {9, 3}, "ecu_protect": {12, 2},
			"high_fuel_level": {15, 1}, "low_def_level": {15, 2}}},
		"6120_mk2": {40, map[string][2]int{"fail_to_start": {4, 1}, "ecu_protect": {12, 2}}},
		"86xx_mk2": {134, map[string][2]int{"fail_to_start": {4, 1}, "generator_failed_to_open": {11, 2}, "fail_to_synchronise": {13, 1}, "bus_not_live": {13, 3},
			"out_of_sync mains": {21, 3}, "low_def_level": {30, 2}, "fuel_tank_bund_level": {33, 2}, "bus_high_voltage bus 2": {34, 2}, "avr_red_lamp": {39, 2}}},
		"4510_mk2": {42, map[string][2]int{"fail_to_start": {4, 1}, "auto_voltage_sense_fail": {9, 2}, "low_fuel_level": {10, 1}, "dptc_filter": {11, 3}}},
		"page_8": {99, map[string][2]int{"emergency_stop": {1, 0}, "high_oil_temperature": {1, 3}, "fail_to_start": {2, 2}, "low_fuel_level": {7, 2},
			"fail_to_synchronise": {13, 0}, "auxiliary_sender_low sender 4": {19, 1}, "low_coolant_temperature": {20, 3}, "bus_phase_rotation bus 2": {25, 2}}},
	} {
		page := 154 * 256
		if name == "page_8" {
			page = 8 * 256
		}
		alarms, places := map[string][2]int{}, map[[2]int]bool{}
		for _, point := range p.Modbus.Points {
			if !slices.ContainsFunc(point.Families, func(f *ModbusFamily) bool { return f.Name == name }) {
				continue
			}
			key := strings.TrimSpace(strings.TrimPrefix(point.Metric.Name, "x_alarm_") + " " + point.Channel)
			at := [2]int{point.Value.Address - page, (15 - point.Value.BitHigh) / 4}
			if _, twice := alarms[key]; twice || places[at] || point.Value.BitHigh-point.Value.BitLow != 3 || point.Value.BitLow%4 != 0 {
				t.Errorf("%s: %s at %v collides, or is no four bits", name, key, at)
			}
			alarms[key], places[at] = at, true
		}
		if len(alarms) != want.count {
			t.Errorf("%s has %d alarms, want %d", name, len(alarms), want.count)
		}
		for key, at := range want.at {
			if got, ok := alarms[key]; !ok || got != at {
				t.Errorf("%s: %s is at %v, want %v", name, key, got, at)
			}
		}
	}
}
