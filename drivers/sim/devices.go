package sim

import "math"

// addDevices makes the devices, in the order in which power flows, and what is
// before and behind them.
func (f *Facility) addDevices() {
	f.Nodes = []Node{
		{ID: "utility", Name: "Utility", Kind: "utility", Feeds: []string{"feed"}},
		{ID: "servers", Name: "Servers", Kind: "load", Room: "hall", Load: "it"},
		{ID: "desks", Name: "Office desks", Kind: "load", Room: "office", Load: "office"},
		{ID: "lighting", Name: "Lighting", Kind: "load", Load: "lighting"},
	}
	for _, d := range []Device{
		{ID: "feed", Name: "Utility feed", Profile: "janitza-umg", Class: "switchboard", Room: "substation", Feeds: []string{"msb"}},
		{ID: "msb", Name: "Main switchboard", Profile: "schneider-pm5000", Class: "switchboard", Room: "switch-room", Feeds: []string{"ats-1", "lighting"}},
		{ID: "gen-1", Name: "Generator 1", Profile: "deepsea-gencomm", Class: "generator", Room: "generator-room", Feeds: []string{"ats-1"}, Gateway: true},
		{ID: "gen-2", Name: "Generator 2", Profile: "comap-intelilite", Class: "generator", Room: "generator-room", Feeds: []string{"ats-2"}, Gateway: true},
		{ID: "ats-1", Name: "ATS 1", Profile: "apc-rack-ats", Class: "ats", Room: "switch-room", Feeds: []string{"ats-2"}},
		{ID: "ats-2", Name: "ATS 2", Profile: "apc-rack-ats", Class: "ats", Room: "switch-room",
			Feeds: []string{"ups-a", "ups-b", "ups-office", "cooling-1", "cooling-2"}},
		{ID: "ups-a", Name: "UPS A", Profile: "eaton-xups", Class: "ups", Room: "ups-room", Feed: "A", Feeds: []string{"servers"}},
		{ID: "ups-b", Name: "UPS B", Profile: "rfc1628-ups", Class: "ups", Room: "ups-room", Feed: "B", Feeds: []string{"servers"}},
		{ID: "ups-office", Name: "Office UPS", Profile: "apc-powernet-ups", Class: "ups", Room: "office", Feeds: []string{"desks"}},
		{ID: "cooling-1", Name: "Cooling unit 1", Profile: "free-cooling", Class: "cooling", Room: "hall"},
		{ID: "cooling-2", Name: "Cooling unit 2", Profile: "free-cooling", Class: "cooling", Room: "hall"},
		{ID: "climate-outdoor", Name: "Outdoors", Profile: "hwg-ste", Class: "climate", Room: "outdoors"},
		{ID: "climate-cold-1", Name: "Cold aisle 1", Profile: "hwg-ste", Class: "climate", Room: "hall"},
		{ID: "climate-cold-2", Name: "Cold aisle 2", Profile: "hwg-ste", Class: "climate", Room: "hall"},
		{ID: "climate-hot-1", Name: "Hot aisle 1", Profile: "hwg-ste", Class: "climate", Room: "hall"},
		{ID: "climate-hot-2", Name: "Hot aisle 2", Profile: "hwg-ste", Class: "climate", Room: "hall"},
		{ID: "climate-ups", Name: "UPS room", Profile: "hwg-poseidon", Class: "climate", Room: "ups-room"},
		{ID: "climate-gen", Name: "Generator room", Profile: "hwg-poseidon", Class: "climate", Room: "generator-room"},
		{ID: "climate-office", Name: "Office", Profile: "hwg-ste", Class: "climate", Room: "office"},
	} {
		d.Board = NewBoard(d.Class)
		f.boards[d.ID] = d.Board
		f.Devices = append(f.Devices, &d)
	}
}

// show writes what the devices measure on their boards.
func (f *Facility) show() {
	for _, m := range f.meters {
		f.showMeter(f.boards[m.id], m)
	}
	f.boards["feed"].SetState("breaker", "", "closed")
	f.boards["msb"].SetState("breaker", "", onOff(f.mains.incomer, "open", "closed"))
	for _, g := range f.gens {
		f.showGenerator(f.boards[g.id], g)
	}
	for _, t := range f.switches {
		f.showSwitch(f.boards[t.id], t)
	}
	for _, u := range []*ups{f.halls[0], f.halls[1], f.office} {
		f.showUPS(f.boards[u.id], u)
	}
	for _, u := range f.units {
		f.showCooling(f.boards[u.id], u)
	}
	f.showClimate()
}

var (
	phases  = [3]string{"L1", "L2", "L3"}
	between = [3]string{"L1-L2", "L2-L3", "L3-L1"}
	shares  = [3]float64{0.341, 0.327, 0.332} // of the load on each phase
)

// showVolts sets a voltage to neutral and between phases.
func showVolts(b *Board, metric string, s supply) {
	for i, v := range s.volts {
		w := s.volts[(i+1)%3]
		b.Set(metric, phases[i], v)
		b.Set(metric, between[i], math.Sqrt(v*v+w*w+v*w))
	}
}

// showLoad sets the power and current of each phase, and the power of all.
// An empty name leaves a quantity out.
func showLoad(b *Board, s supply, watts, powerFactor float64, power, apparent, current string) {
	if !s.live() {
		watts = 0
	}
	set := func(metric, channel string, v float64) {
		if metric != "" {
			b.Set(metric, channel, v)
		}
	}
	for i, share := range shares {
		amps := 0.0
		if s.volts[i] > 0 {
			amps = watts * share / powerFactor / s.volts[i]
		}
		set(power, phases[i], watts*share)
		set(apparent, phases[i], watts*share/powerFactor)
		set(current, phases[i], amps)
	}
	set(power, "", watts)
	set(apparent, "", watts/powerFactor)
}

func (f *Facility) showMeter(b *Board, m *meter) {
	const powerFactor = 0.962
	showVolts(b, "voltage", m.seen)
	showLoad(b, m.seen, m.watts, powerFactor, "active_power", "apparent_power", "current")
	b.Set("frequency", "", m.seen.hz)
	reactive := 0.0
	for i, share := range shares {
		w, _ := b.Number("active_power", phases[i])
		q := w * math.Tan(math.Acos(powerFactor))
		reactive += q
		b.Set("reactive_power", phases[i], q)
		b.Set("energy_import", phases[i], m.energy*share)
		b.Set("energy_export", phases[i], 0)
		if m.seen.live() {
			b.Set("power_factor", phases[i], powerFactor)
			b.Set("voltage_thd", phases[i], 1.9+0.1*float64(i))
			b.Set("current_thd", phases[i], 6.4+0.4*float64(i))
		} else {
			b.Set("power_factor", phases[i], 1)
			b.Set("voltage_thd", phases[i], 0)
			b.Set("current_thd", phases[i], 0)
		}
	}
	b.Set("reactive_power", "", reactive)
	if m.seen.live() {
		b.Set("power_factor", "", powerFactor)
	} else {
		b.Set("power_factor", "", 1)
	}
	b.Set("energy_import", "", m.energy)
	b.Set("energy_export", "", 0)
	amps := 0.0
	for _, p := range phases {
		a, _ := b.Number("current", p)
		amps += a / 3
	}
	b.Set("current", "", amps)
	b.Set("current", "N", 0.045*amps)
}

// generatorAlarms are those that the facility's generators are set up to give.
var generatorAlarms = []string{"x_alarm_emergency_stop", "x_alarm_fail_to_start", "x_alarm_fail_to_stop", "x_alarm_underspeed", "x_alarm_overspeed",
	"x_alarm_low_oil_pressure", "x_alarm_high_coolant_temperature", "x_alarm_low_fuel_level", "x_alarm_charge_alternator_failure",
	"x_alarm_starter_battery_low_voltage", "x_alarm_generator_low_voltage", "x_alarm_generator_high_voltage", "x_alarm_generator_overload"}

func (f *Facility) showGenerator(b *Board, g *generator) {
	const powerFactor = 0.95
	out := g.output()
	b.SetState("status", "", g.status)
	b.SetState("mode", "", "auto")
	b.SetState("mains_breaker", "", onOff(g.closed, "closed", "open"))
	b.SetState("generator_breaker", "", onOff(g.closed, "open", "closed"))
	b.Set("alarms_active", "", number(g.status == "fault"))
	b.SetState("x_shutdown_alarm", "", onOff(g.status == "fault", "clear", "active"))
	b.SetState("x_electrical_trip", "", "clear")
	b.SetState("x_warning_alarm", "", "clear")
	for _, alarm := range generatorAlarms {
		b.SetState(alarm, "", onOff(g.status == "fault" && g.alarm == alarm, "clear", "shutdown"))
	}
	b.Set("x_load", "", 100*g.load/genWatts)
	b.Set("x_charge_alternator_voltage", "", number(g.rpm > 600)*28.2)
	b.Set("engine_speed", "", g.rpm)
	b.Set("oil_pressure", "", max(0, g.oilPressure()))
	b.Set("oil_temperature", "", g.oil)
	b.Set("coolant_temperature", "", g.coolant)
	b.Set("fuel_level", "", g.fuel)
	b.Set("starter_battery_voltage", "", g.starter)
	charger := 0.0
	if g.rpm > 600 {
		charger = g.starter + 0.2
	}
	b.Set("charge_alternator_voltage", "", charger)
	showVolts(b, "output_voltage", out)
	showLoad(b, out, g.load, powerFactor, "output_power", "output_apparent_power", "output_current")
	b.Set("output_frequency", "", out.hz)
	b.Set("output_load", "", 100*g.load/genWatts)
	b.Set("output_reactive_power", "", g.load*math.Tan(math.Acos(powerFactor)))
	b.Set("output_energy", "", g.energy)
	b.Set("run_time", "", math.Floor(g.runFor))
	b.Set("starts", "", float64(g.starts))
	showVolts(b, "mains_voltage", g.mains)
	b.Set("mains_frequency", "", g.mains.hz)
}

func number(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

func (f *Facility) showSwitch(b *Board, t *transferSwitch) {
	const powerFactor = 0.955
	b.SetState("selected_source", "", t.position)
	b.SetState("preferred_source", "", "a")
	b.SetState("position", "", map[string]string{"a": "mains", "b": "generator", "none": "off"}[t.position])
	both := t.a.live() && t.b.live()
	b.SetState("redundancy", "", onOff(both, "lost", "ok"))
	b.Set("alarms_active", "", number(!t.a.live()))
	b.SetState("source_a_status", "", onOff(t.a.live(), "fail", "ok"))
	b.SetState("source_b_status", "", onOff(t.b.live(), "fail", "ok"))
	showVolts(b, "source_a_voltage", t.a)
	showVolts(b, "source_b_voltage", t.b)
	showVolts(b, "output_voltage", t.out)
	b.Set("source_a_frequency", "", t.a.hz)
	b.Set("source_b_frequency", "", t.b.hz)
	b.Set("output_frequency", "", t.out.hz)
	showLoad(b, t.out, t.watts, powerFactor, "output_power", "output_apparent_power", "output_current")
	for i := range phases {
		b.Set("output_load", phases[i], 100*t.watts*3*shares[i]/250e3)
	}
	b.Set("output_load", "", 100*t.watts/250e3)
	b.Set("transfers", "", float64(t.transfers))
}

func (f *Facility) showUPS(b *Board, u *ups) {
	b.SetState("status", "", u.status)
	b.SetState("battery_status", "", u.batteryStatus())
	b.SetState("last_transfer_cause", "", u.cause)
	b.SetState("self_test", "", "passed")
	b.Set("alarms_active", "", number(u.status != "online")+number(u.charge < 0.2))
	// The rows of the alarm table, of a UPS that has one.
	for alarm, present := range map[string]bool{
		"x_alarm_on_battery": u.status == "on_battery", "x_alarm_on_bypass": u.status == "bypass",
		"x_alarm_output_off": u.status == "off", "x_alarm_low_battery": u.charge < 0.2,
	} {
		word := "clear"
		if present {
			word = "active"
		}
		b.SetState(alarm, "", word)
	}
	b.Set("battery_charge", "", 100*u.charge)
	b.Set("battery_runtime", "", u.runtime())
	b.Set("battery_time_used", "", u.onBattery)
	volts := u.batteryVolts()
	b.Set("battery_voltage", "", volts)
	b.Set("battery_current", "", u.battery/volts)
	b.Set("battery_temperature", "", u.heat)
	b.Set("input_failures", "", float64(u.failures))
	b.Set("output_energy", "", u.energy)
	b.Set("input_energy", "", u.energy/efficiency)

	out := supply{}
	if u.alive() {
		v := 230 + u.noise.value
		out = supply{volts: [3]float64{v, v - 0.2, v + 0.1}, hz: 50}
	}
	load := 0.0
	if u.alive() {
		load = u.load
	}
	b.Set("output_load", "", 100*load/u.watts)
	if u.phases == 3 {
		for _, side := range []struct {
			name  string
			s     supply
			watts float64
		}{{"input", u.in, u.inputWatts}, {"output", out, load}, {"bypass", u.in, 0}} {
			showVolts(b, side.name+"_voltage", side.s)
			showLoad(b, side.s, side.watts, 0.98, side.name+"_power", side.name+"_apparent_power", side.name+"_current")
			b.Set(side.name+"_frequency", "", side.s.hz)
			for _, p := range phases {
				b.Set(side.name+"_frequency", p, side.s.hz)
			}
		}
		for i, p := range phases {
			b.Set("output_load", p, 100*load*3*shares[i]/u.watts)
		}
		b.SetOf("climate", "temperature", "ambient", f.room.ups+0.8)
		return
	}
	for _, channel := range []string{"", "L1"} {
		b.Set("input_voltage", channel, u.in.volts[0])
		b.Set("input_power", channel, u.inputWatts)
		b.Set("input_frequency", channel, u.in.hz)
		b.Set("bypass_voltage", channel, u.in.volts[0])
		b.Set("bypass_frequency", channel, u.in.hz)
		b.Set("output_voltage", channel, out.volts[0])
		b.Set("output_power", channel, load)
		b.Set("output_apparent_power", channel, load/0.97)
		b.Set("output_current", channel, load/0.97/230)
		b.Set("output_frequency", channel, out.hz)
		b.Set("output_load", channel, 100*load/u.watts)
	}
}

func (f *Facility) showCooling(b *Board, u *coolingUnit) {
	r := &f.room
	b.SetState("status", "", u.status)
	b.SetState("mode", "", u.mode)
	b.Set("alarms_active", "", number(u.status == "fault"))
	b.Set("supply_air_temperature", "", u.supply)
	b.Set("return_air_temperature", "", r.hot+u.wobble.value)
	b.Set("supply_air_humidity", "", humidity(hallVapor, u.supply))
	b.Set("return_air_humidity", "", humidity(hallVapor, r.hot))
	b.Set("setpoint_temperature", "", setpoint)
	b.Set("outdoor_temperature", "", r.outdoor)
	for _, fan := range []string{"fan 1", "fan 2"} {
		b.Set("fan_speed", fan, 100*u.fan)
	}
	b.Set("fan_run_time", "", math.Floor(u.fanRan))
	b.Set("airflow", "", u.fan*fullFlow)
	b.Set("filter_pressure", "", u.filter*u.fan*u.fan)
	b.Set("compressor_speed", "", 100*u.compressor())
	b.Set("compressor_run_time", "", math.Floor(u.ran))
	b.Set("suction_pressure", "", 9.1e5-2.2e5*u.compressor())
	b.Set("discharge_pressure", "", 9.6e5+(5e5+3e4*r.outdoor)*u.compressor())
	b.Set("suction_temperature", "", 12-5*u.compressor())
	b.Set("discharge_temperature", "", 24+38*u.compressor())
	b.Set("damper_position", "fresh air", 100*u.damper)
	b.Set("damper_position", "circulation", 100*(1-u.damper))
	b.Set("cooling_power", "", u.heat)
	b.Set("cooling_demand", "", min(100, 100*u.fan))
	b.Set("power", "", u.watts)
	b.Set("energy", "", u.energy)
}

// hallVapor is the pressure of water vapour in the hall, in Pa.
const hallVapor = 1080

func (f *Facility) showClimate() {
	r := &f.room
	for _, s := range []struct {
		id             string
		celsius, vapor float64
	}{
		{"climate-outdoor", r.outdoor, r.outdoorVapor},
		{"climate-cold-1", r.cold - 0.3, hallVapor},
		{"climate-cold-2", r.cold + 0.4, hallVapor},
		{"climate-hot-1", r.hot + 0.6, hallVapor},
		{"climate-hot-2", r.hot - 0.5, hallVapor},
		{"climate-ups", r.ups, 1150},
		{"climate-gen", r.gen, r.outdoorVapor + 40},
		{"climate-office", r.office, 1240},
	} {
		b := f.boards[s.id]
		b.Set("temperature", "", s.celsius)
		b.Set("humidity", "", humidity(s.vapor, s.celsius))
		b.Set("dew_point", "", dewPoint(s.vapor))
	}
	for _, id := range []string{"climate-ups", "climate-gen"} {
		b := f.boards[id]
		b.SetState("water_leak", "", "dry")
		b.SetState("door", "", "closed")
		b.SetState("smoke", "", "clear")
	}
}
