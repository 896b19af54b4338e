package config

import (
	"slices"
	"strings"

	"plantroom/agent"
)

// The catalogue is the one vocabulary of plantroom: every quantity that a
// device of a class can have, with its unit and what can be believed of it.
// Profiles map registers and objects to it; everything after them knows
// nothing else.
//
// Ranges are wide: a value outside is not a rare one but a wrong one, such as
// a sentinel that no profile declares or a scale that is off by ten. What an
// outage makes of a value (0 V, 0 Hz, 0 %) is always inside.

// class is a class of devices with the metrics that it has.
type class struct {
	name    string
	metrics []agent.Metric // without their Class
}

// Bounds that several classes share.
const (
	lowVoltage  = 1000  // V: 690 V systems and the batteries of large UPS units
	grid        = 45000 // V: medium voltage, as meters behind transformers show it
	upsAmperes  = 6000  // A
	gridAmperes = 20000 // A
	upsWatts    = 5e6   // W, VA
	gridWatts   = 200e6 // W, VA, var
	manyWh      = 1e14  // Wh
	manySeconds = 30 * 86400
	years       = 100 * 366 * 86400 // s: run times
)

// every is what every device has, whatever its class.
var every = []agent.Metric{
	{Name: "up", Min: 0, Max: 1, Doc: "1 when the device answered the last poll, 0 when it did not"},
	{Name: "poll_duration", Unit: "s", Min: 0, Max: 600, Doc: "how long the last poll took"},
	{Name: "alarms_active", Min: 0, Max: 10000, Doc: "alarms that the device itself reports as active"},
}

// batteries is what UPS units and DC systems say about theirs.
var batteries = []agent.Metric{
	state("battery_status", "the battery's condition", "normal", "low", "depleted", "charging", "discharging", "replace", "fault"),
	{Name: "battery_charge", Unit: "%", Min: 0, Max: 100, Doc: "charge left in the battery, of a full one"},
	{Name: "battery_runtime", Unit: "s", Min: 0, Max: manySeconds, Doc: "time the battery would carry the present load"},
	{Name: "battery_time_used", Unit: "s", Min: 0, Max: manySeconds, Doc: "time on battery since it took over; 0 while it does not"},
	{Name: "battery_voltage", Unit: "V", Min: 0, Max: lowVoltage, Doc: "voltage of the battery"},
	{Name: "battery_current", Unit: "A", Min: -upsAmperes, Max: upsAmperes, Doc: "current of the battery, with the device's own sign for charging"},
	{Name: "battery_temperature", Unit: "Cel", Min: -50, Max: 120, Doc: "temperature of the battery or of the UPS around it"},
}

// electrical is what is metered in a distribution: switchboard, panel or PDU.
var electrical = []agent.Metric{
	{Name: "voltage", Unit: "V", Min: 0, Max: grid, Doc: "RMS voltage of a phase to neutral (L1) or between phases (L1-L2)"},
	{Name: "current", Unit: "A", Min: -gridAmperes, Max: gridAmperes, Doc: "RMS current; negative where the meter signs it by direction"},
	{Name: "residual_current", Unit: "A", Min: 0, Max: 1000, Doc: "current that returns neither by the phases nor by neutral"},
	{Name: "active_power", Unit: "W", Min: -gridWatts, Max: gridWatts, Doc: "active power; negative when it flows back to the supply"},
	{Name: "reactive_power", Unit: "var", Min: -gridWatts, Max: gridWatts, Doc: "reactive power; negative is capacitive"},
	{Name: "apparent_power", Unit: "VA", Min: -gridWatts, Max: gridWatts, Doc: "apparent power"},
	{Name: "power_factor", Min: -1, Max: 1, Doc: "active power by apparent power"},
	{Name: "frequency", Unit: "Hz", Min: 0, Max: 100, Doc: "frequency of the supply"},
	{Name: "load", Unit: "%", Min: 0, Max: 300, Doc: "current or power, of what the circuit is rated for"},
	{Name: "energy_import", Unit: "Wh", Kind: agent.Counter, Min: 0, Max: manyWh, Doc: "active energy taken from the supply"},
	{Name: "energy_export", Unit: "Wh", Kind: agent.Counter, Min: 0, Max: manyWh, Doc: "active energy given back to the supply"},
	{Name: "voltage_thd", Unit: "%", Min: 0, Max: 1000, Doc: "harmonics in the voltage, of the fundamental"},
	{Name: "current_thd", Unit: "%", Min: 0, Max: 1000, Doc: "harmonics in the current, of the fundamental"},
	state("breaker", "position of a circuit breaker or switch", "open", "closed"),
	state("outlet_state", "whether an outlet is switched on", "off", "on"),
}

// catalogue is the table. It is never written to after classes are made of it.
var catalogue = []class{
	{"agent", []agent.Metric{
		{Name: "polls", Kind: agent.Counter, Doc: "polls done since the agent started"},
		{Name: "poll_failures", Kind: agent.Counter, Doc: "polls that the device did not answer"},
		{Name: "polls_skipped", Kind: agent.Counter, Doc: "polls left out because the one before was still running"},
		{Name: "queue_bytes", Unit: "By", Doc: "bytes waiting in front of an output"},
		{Name: "queue_age", Unit: "s", Doc: "age of the oldest reading waiting in front of an output"},
		{Name: "readings_dropped", Kind: agent.Counter, Doc: "polls whose readings were lost: the queue was full, or the disk did not take or keep them"},
		{Name: "readings_set_aside", Kind: agent.Counter, Doc: "lines or messages that an output will never accept"},
		{Name: "sink_up", Min: 0, Max: 1, Doc: "1 when the output confirmed the last delivery, 0 when it did not"},
		{Name: "traps_received", Kind: agent.Counter, Doc: "SNMP traps and informs of known devices"},
		{Name: "traps_dropped", Kind: agent.Counter, Doc: "SNMP messages that were no traps, not believed, of nobody that is known, or too many"},
		{Name: "memory", Unit: "By", Doc: "memory of the agent's process"},
		{Name: "clock_offset", Unit: "s", Doc: "how far the box's clock has been set forward since the agent started"},
	}},
	{"ups", slices.Concat([]agent.Metric{
		state("status", "what feeds the load", "online", "on_battery", "bypass", "maintenance_bypass", "eco", "boost", "trim", "off", "fault"),
	}, batteries, []agent.Metric{
		{Name: "input_voltage", Unit: "V", Min: 0, Max: lowVoltage, Doc: "voltage at the input, a phase to neutral (L1) or between phases (L1-L2)"},
		{Name: "input_current", Unit: "A", Min: 0, Max: upsAmperes, Doc: "current at the input"},
		{Name: "input_frequency", Unit: "Hz", Min: 0, Max: 100, Doc: "frequency at the input"},
		{Name: "input_power", Unit: "W", Min: 0, Max: upsWatts, Doc: "active power at the input"},
		{Name: "input_apparent_power", Unit: "VA", Min: 0, Max: upsWatts, Doc: "apparent power at the input"},
		{Name: "input_power_factor", Min: -1, Max: 1, Doc: "power factor at the input"},
		{Name: "input_energy", Unit: "Wh", Kind: agent.Counter, Min: 0, Max: manyWh, Doc: "energy taken in"},
		{Name: "input_failures", Kind: agent.Counter, Doc: "times the input went out of tolerance"},
		{Name: "output_voltage", Unit: "V", Min: 0, Max: lowVoltage, Doc: "voltage at the output, a phase to neutral (L1) or between phases (L1-L2)"},
		{Name: "output_current", Unit: "A", Min: 0, Max: upsAmperes, Doc: "current at the output"},
		{Name: "output_frequency", Unit: "Hz", Min: 0, Max: 100, Doc: "frequency at the output"},
		{Name: "output_power", Unit: "W", Min: 0, Max: upsWatts, Doc: "active power at the output"},
		{Name: "output_apparent_power", Unit: "VA", Min: 0, Max: upsWatts, Doc: "apparent power at the output"},
		{Name: "output_power_factor", Min: -1, Max: 1, Doc: "power factor at the output"},
		{Name: "output_load", Unit: "%", Min: 0, Max: 300, Doc: "load, of what the UPS is rated for"},
		{Name: "output_energy", Unit: "Wh", Kind: agent.Counter, Min: 0, Max: manyWh, Doc: "energy given to the load"},
		{Name: "bypass_voltage", Unit: "V", Min: 0, Max: lowVoltage, Doc: "voltage of the bypass supply"},
		{Name: "bypass_current", Unit: "A", Min: 0, Max: upsAmperes, Doc: "current through the bypass"},
		{Name: "bypass_frequency", Unit: "Hz", Min: 0, Max: 100, Doc: "frequency of the bypass supply"},
		{Name: "bypass_power", Unit: "W", Min: 0, Max: upsWatts, Doc: "active power through the bypass"},
		state("last_transfer_cause", "why the UPS last went to battery",
			"none", "overvoltage", "undervoltage", "blackout", "sag", "spike", "frequency", "overload", "self_test", "command", "fault"),
		state("self_test", "how the last test of the battery ended", "passed", "failed", "warning", "running", "aborted", "not_run"),
	})},
	{"ats", []agent.Metric{
		state("selected_source", "the source that feeds the load", "none", "a", "b"),
		state("preferred_source", "the source that feeds the load when both are good", "none", "a", "b"),
		state("position", "what the switch connects the load to", "off", "mains", "generator"),
		state("redundancy", "whether the other source could take over", "ok", "lost"),
		{Name: "source_a_voltage", Unit: "V", Min: 0, Max: lowVoltage, Doc: "voltage of source A"},
		{Name: "source_a_frequency", Unit: "Hz", Min: 0, Max: 100, Doc: "frequency of source A"},
		state("source_a_status", "whether source A could carry the load", "ok", "fail"),
		{Name: "source_b_voltage", Unit: "V", Min: 0, Max: lowVoltage, Doc: "voltage of source B"},
		{Name: "source_b_frequency", Unit: "Hz", Min: 0, Max: 100, Doc: "frequency of source B"},
		state("source_b_status", "whether source B could carry the load", "ok", "fail"),
		{Name: "output_voltage", Unit: "V", Min: 0, Max: lowVoltage, Doc: "voltage at the output"},
		{Name: "output_current", Unit: "A", Min: 0, Max: upsAmperes, Doc: "current at the output"},
		{Name: "output_frequency", Unit: "Hz", Min: 0, Max: 100, Doc: "frequency at the output"},
		{Name: "output_power", Unit: "W", Min: 0, Max: upsWatts, Doc: "active power at the output"},
		{Name: "output_apparent_power", Unit: "VA", Min: 0, Max: upsWatts, Doc: "apparent power at the output"},
		{Name: "output_load", Unit: "%", Min: 0, Max: 300, Doc: "load, of what the switch is rated for"},
		{Name: "transfers", Kind: agent.Counter, Doc: "transfers from one source to the other"},
	}},
	{"generator", []agent.Metric{
		state("status", "what the set is doing", "stopped", "starting", "warming_up", "running", "on_load", "cooling_down", "stopping", "fault"),
		state("mode", "who decides what it does", "off", "manual", "auto", "test_on_load", "test_off_load"),
		{Name: "engine_speed", Unit: "{rpm}", Min: 0, Max: 6000, Doc: "speed of the engine"},
		{Name: "oil_pressure", Unit: "Pa", Min: -101325, Max: 2e6, Doc: "pressure of the oil over that of the air"},
		{Name: "oil_temperature", Unit: "Cel", Min: -50, Max: 250, Doc: "temperature of the oil"},
		{Name: "coolant_temperature", Unit: "Cel", Min: -50, Max: 250, Doc: "temperature of the coolant"},
		{Name: "fuel_level", Unit: "%", Min: 0, Max: 130, Doc: "fuel in the tank, of a full one"},
		{Name: "starter_battery_voltage", Unit: "V", Min: 0, Max: 60, Doc: "voltage of the starter battery"},
		{Name: "charge_alternator_voltage", Unit: "V", Min: 0, Max: 60, Doc: "voltage of the alternator that charges the starter battery"},
		{Name: "output_voltage", Unit: "V", Min: 0, Max: grid, Doc: "voltage of the alternator, a phase to neutral (L1) or between phases (L1-L2)"},
		{Name: "output_current", Unit: "A", Min: 0, Max: gridAmperes, Doc: "current of the alternator"},
		{Name: "output_frequency", Unit: "Hz", Min: 0, Max: 100, Doc: "frequency of the alternator"},
		{Name: "output_power", Unit: "W", Min: -gridWatts, Max: gridWatts, Doc: "active power; negative when the set is driven"},
		{Name: "output_apparent_power", Unit: "VA", Min: -gridWatts, Max: gridWatts, Doc: "apparent power"},
		{Name: "output_reactive_power", Unit: "var", Min: -gridWatts, Max: gridWatts, Doc: "reactive power; negative is capacitive"},
		{Name: "output_power_factor", Min: -1, Max: 1, Doc: "active power by apparent power"},
		{Name: "output_load", Unit: "%", Min: -100, Max: 300, Doc: "load, of what the set is rated for"},
		{Name: "output_energy", Unit: "Wh", Kind: agent.Counter, Min: 0, Max: manyWh, Doc: "energy given to the load"},
		{Name: "run_time", Unit: "s", Kind: agent.Counter, Min: 0, Max: years, Doc: "time that the engine has run in its life"},
		{Name: "starts", Kind: agent.Counter, Doc: "starts of the engine in its life"},
		{Name: "mains_voltage", Unit: "V", Min: 0, Max: grid, Doc: "voltage of the mains that the set stands in for"},
		{Name: "mains_current", Unit: "A", Min: 0, Max: gridAmperes, Doc: "current taken from the mains"},
		{Name: "mains_frequency", Unit: "Hz", Min: 0, Max: 100, Doc: "frequency of the mains"},
		{Name: "mains_power", Unit: "W", Min: -gridWatts, Max: gridWatts, Doc: "active power taken from the mains"},
		state("mains_breaker", "position of the breaker between mains and load", "open", "closed"),
		state("generator_breaker", "position of the breaker between generator and load", "open", "closed"),
	}},
	{"switchboard", electrical},
	{"pdu", electrical},
	{"dc", slices.Concat([]agent.Metric{
		{Name: "input_voltage", Unit: "V", Min: 0, Max: lowVoltage, Doc: "voltage of the mains that feed the rectifiers"},
		{Name: "output_voltage", Unit: "V", Min: 0, Max: lowVoltage, Doc: "voltage at the load"},
		{Name: "output_current", Unit: "A", Min: -gridAmperes, Max: gridAmperes, Doc: "current to the load"},
		{Name: "output_power", Unit: "W", Min: 0, Max: upsWatts, Doc: "power to the load"},
		{Name: "load", Unit: "%", Min: 0, Max: 300, Doc: "load, of what the rectifiers are rated for"},
		{Name: "rectifier_current", Unit: "A", Min: 0, Max: gridAmperes, Doc: "current that the rectifiers give"},
		{Name: "rectifiers_active", Min: 0, Max: 1000, Doc: "rectifiers that give current"},
	}, batteries)},
	{"cooling", []agent.Metric{
		state("status", "what the unit is doing", "off", "standby", "running", "fault"),
		state("mode", "where its cold comes from", "mechanical", "mixed", "free_cooling", "heating"),
		{Name: "supply_air_temperature", Unit: "Cel", Min: -50, Max: 150, Doc: "temperature of the air that the unit gives to the room"},
		{Name: "return_air_temperature", Unit: "Cel", Min: -50, Max: 150, Doc: "temperature of the air that comes back from the room"},
		{Name: "supply_air_humidity", Unit: "%", Min: 0, Max: 100, Doc: "relative humidity of the air that the unit gives to the room"},
		{Name: "return_air_humidity", Unit: "%", Min: 0, Max: 100, Doc: "relative humidity of the air that comes back from the room"},
		{Name: "setpoint_temperature", Unit: "Cel", Min: -50, Max: 150, Doc: "temperature that the unit is to hold"},
		{Name: "outdoor_temperature", Unit: "Cel", Min: -70, Max: 100, Doc: "temperature outdoors"},
		{Name: "supply_water_temperature", Unit: "Cel", Min: -50, Max: 150, Doc: "temperature of the water that enters the unit"},
		{Name: "return_water_temperature", Unit: "Cel", Min: -50, Max: 150, Doc: "temperature of the water that leaves the unit"},
		{Name: "suction_temperature", Unit: "Cel", Min: -70, Max: 200, Doc: "temperature of the refrigerant that the compressor takes in"},
		{Name: "discharge_temperature", Unit: "Cel", Min: -70, Max: 250, Doc: "temperature of the refrigerant that the compressor gives out"},
		{Name: "water_flow", Unit: "L/min", Min: 0, Max: 60000, Doc: "flow of water through the unit"},
		{Name: "airflow", Unit: "m3/h", Min: 0, Max: 1e6, Doc: "flow of air through the unit"},
		{Name: "fan_speed", Unit: "%", Min: 0, Max: 150, Doc: "speed of the fan, of full speed"},
		{Name: "fan_rotation", Unit: "{rpm}", Min: 0, Max: 30000, Doc: "speed of the fan, where the device counts turns"},
		{Name: "compressor_speed", Unit: "%", Min: 0, Max: 150, Doc: "speed of the compressor, of full speed"},
		{Name: "compressor_run_time", Unit: "s", Kind: agent.Counter, Min: 0, Max: years, Doc: "time that the compressor has run in its life"},
		{Name: "fan_run_time", Unit: "s", Kind: agent.Counter, Min: 0, Max: years, Doc: "time that the fan has run in its life"},
		{Name: "damper_position", Unit: "%", Min: 0, Max: 100, Doc: "how far the damper is open"},
		{Name: "valve_position", Unit: "%", Min: 0, Max: 100, Doc: "how far the valve is open"},
		{Name: "cooling_power", Unit: "W", Min: -upsWatts, Max: upsWatts, Doc: "heat that the unit takes away"},
		{Name: "cooling_demand", Unit: "%", Min: 0, Max: 150, Doc: "cooling that is asked of the unit, of all it has"},
		{Name: "filter_pressure", Unit: "Pa", Min: -5000, Max: 5000, Doc: "pressure lost in the air filter"},
		{Name: "suction_pressure", Unit: "Pa", Min: -101325, Max: 2e7, Doc: "pressure of the refrigerant before the compressor"},
		{Name: "discharge_pressure", Unit: "Pa", Min: -101325, Max: 2e7, Doc: "pressure of the refrigerant after the compressor"},
		{Name: "power", Unit: "W", Min: 0, Max: upsWatts, Doc: "electrical power that the unit takes"},
		{Name: "energy", Unit: "Wh", Kind: agent.Counter, Min: 0, Max: manyWh, Doc: "electrical energy that the unit took"},
	}},
	{"climate", []agent.Metric{
		{Name: "temperature", Unit: "Cel", Min: -50, Max: 150, Doc: "temperature at the sensor"},
		{Name: "humidity", Unit: "%", Min: 0, Max: 100, Doc: "relative humidity at the sensor"},
		{Name: "dew_point", Unit: "Cel", Min: -80, Max: 100, Doc: "temperature at which the air would begin to condense"},
		{Name: "pressure", Unit: "Pa", Min: 0, Max: 2e7, Doc: "pressure at the sensor"},
		{Name: "differential_pressure", Unit: "Pa", Min: -20000, Max: 20000, Doc: "pressure between the sensor's two sides"},
		{Name: "air_speed", Unit: "m/s", Min: 0, Max: 100, Doc: "speed of the air at the sensor"},
		state("water_leak", "whether there is water where none should be", "dry", "wet"),
		state("door", "position of a door", "closed", "open"),
		state("smoke", "whether a detector sees smoke", "clear", "alarm"),
		state("contact", "position of a dry contact", "open", "closed"),
		{Name: "input_voltage", Unit: "V", Min: -1000, Max: 1000, Doc: "voltage at an analogue input or of the sensor's supply"},
	}},
	{"site", []agent.Metric{
		{Name: "mains_power", Unit: "W", Min: -gridWatts, Max: gridWatts, Doc: "active power that the site takes from the mains"},
		{Name: "generator_power", Unit: "W", Min: -gridWatts, Max: gridWatts, Doc: "active power that the generators give to the site"},
		{Name: "it_power", Unit: "W", Min: 0, Max: gridWatts, Doc: "active power that the IT load takes"},
		{Name: "cooling_power", Unit: "W", Min: 0, Max: gridWatts, Doc: "active power that cooling takes"},
		{Name: "pue", Min: 1, Max: 1000, Doc: "power of the whole site by that of the IT load"},
		{Name: "battery_runtime_min", Unit: "s", Min: 0, Max: manySeconds, Doc: "the shortest battery runtime of the site's UPS units"},
		{Name: "free_cooling", Unit: "%", Min: 0, Max: 100, Doc: "running cooling units that cool with outdoor air alone, of all that run"},
		state("supply", "what the load stands on", "dead", "mains", "generator", "batteries"),
		state("power_redundancy", "whether all that is to be in reserve is", "ok", "lost"),
	}},
}

// state returns a state metric with the given words after "unknown".
func state(name, doc string, words ...string) agent.Metric {
	return agent.Metric{Name: name, Kind: agent.State, States: append([]string{"unknown"}, words...), Doc: doc}
}

// index is the catalogue by class and name.
var index = func() map[string]map[string]*agent.Metric {
	index := map[string]map[string]*agent.Metric{}
	for _, c := range catalogue {
		index[c.name] = map[string]*agent.Metric{}
		for _, m := range slices.Concat(every, c.metrics) {
			m.Class = c.name
			index[c.name][m.Name] = &m
		}
	}
	return index
}()

// Classes returns the classes of devices, in the catalogue's order.
func Classes() []string {
	names := make([]string, len(catalogue))
	for i, c := range catalogue {
		names[i] = c.name
	}
	return names
}

// Lookup returns the metric that a device of class has under name, nil when
// the catalogue knows none. A name of the form climate.temperature is looked
// for in the class that it names instead. What every device has is found under
// each class and carries it. The same arguments always return the same
// pointer; what it points to is not to be changed.
func Lookup(class, name string) *agent.Metric {
	if c, rest, ok := strings.Cut(name, "."); ok {
		class, name = c, rest
	}
	return index[class][name]
}

// Names returns the names of the metrics that a device of class has, sorted.
func Names(class string) []string {
	var names []string
	for name := range index[class] {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
