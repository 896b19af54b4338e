package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// site is what one screen says of a whole site. It is for a wall: large, and
// without what is only of interest when one looks for something.
func site(b *board) {
	b.Refresh("5s")
	b.put(
		b.values(size{6, 4}, "The load stands on", b.ask("last", "site.supply")),
		b.values(size{6, 4}, "Redundancy of the power", b.ask("last", "site.power_redundancy")),
		b.values(size{6, 4}, "Batteries last for", b.ask("last", "site.battery_runtime_min")),
		b.values(size{6, 4}, "Free cooling", b.ask("last", "site.free_cooling")).Decimals(0),

		b.values(size{4, 4}, "From the mains", b.ask("last", "site.mains_power")),
		b.values(size{4, 4}, "From generators", b.ask("last", "site.generator_power")),
		b.values(size{4, 4}, "IT load", b.ask("last", "site.it_power")),
		b.values(size{4, 4}, "Cooling", b.ask("last", "site.cooling_power")),
		b.values(size{4, 4}, "PUE", b.ask("last", "site.pue")).Decimals(2),
		b.values(size{4, 4}, "Cooling units", b.ask("last", "cooling.status")),

		b.values(size{6, 5}, "Transfer switches", b.ask("last", "ats.position")),
		b.values(size{6, 5}, "Generators", b.ask("last", "generator.status")),
		b.values(size{12, 5}, "UPS", b.ask("last", "ups.status")),

		b.values(size{24, 4}, "Temperature, of the warmest sensor", b.ask("max", "climate.temperature")).Decimals(1),

		b.sources(size{10, 9}),
		b.events(size{9, 9}, "What happened", "", "severity_code", "device", "text"),
		b.silent(size{5, 9}),
	)
}

// sources shows where the power comes from and what takes it.
func (b *board) sources(s size) *timeseries.PanelBuilder {
	return b.chart(s, "Power",
		b.ask("mean", "site.mains_power").named("from the mains"),
		b.ask("mean", "site.generator_power").named("from generators"),
		b.ask("mean", "site.it_power").named("IT load"),
		b.ask("mean", "site.cooling_power").named("cooling"))
}

// power follows the power from its sources to the load.
func power(b *board) {
	b.row("Sources",
		b.values(size{4, 4}, "The load stands on", b.ask("last", "site.supply")),
		b.values(size{4, 4}, "Redundancy", b.ask("last", "site.power_redundancy")),
		b.values(size{8, 4}, "Mains", b.ask("last", "switchboard.voltage").at(phases)).Decimals(0),
		b.values(size{4, 4}, "Generators", b.ask("last", "generator.status")),
		b.values(size{4, 4}, "Power of the generators", b.ask("last", "generator.output_power").at(whole)),
	)
	b.row("Distribution",
		b.values(size{8, 4}, "Power of the boards", b.ask("last", "switchboard.active_power").at(whole)),
		b.values(size{8, 4}, "Transfer switches", b.ask("last", "ats.position")),
		b.values(size{8, 4}, "Power through the switches", b.ask("last", "ats.output_power").at(whole)),
	)
	b.row("UPS",
		b.values(size{8, 4}, "UPS", b.ask("last", "ups.status")),
		b.bars(size{8, 4}, "Load, of the most loaded phase", 100, b.ask("max", "ups.output_load")),
		b.bars(size{8, 4}, "Battery", 100, b.ask("last", "ups.battery_charge")),
	)
	b.row("Loads",
		b.values(size{6, 4}, "IT load", b.ask("last", "site.it_power")),
		b.values(size{6, 4}, "Cooling", b.ask("last", "site.cooling_power")),
		b.values(size{6, 4}, "PUE", b.ask("last", "site.pue")).Decimals(2),
		b.values(size{6, 4}, "Batteries last for", b.ask("last", "site.battery_runtime_min")),
	)
	b.row("Over time",
		b.timeline(size{24, 10}, "What carried", b.ask("last", "site.supply").named("the load"), b.ask("last", "ats.position"),
			b.ask("last", "generator.status"), b.ask("last", "ups.status")),
		b.sources(size{12, 9}),
		b.chart(size{12, 9}, "Power of boards, generators and switches", b.ask("mean", "switchboard.active_power").at(whole),
			b.ask("mean", "generator.output_power").at(whole), b.ask("mean", "ats.output_power").at(whole)),
		b.daily(size{12, 9}, "Energy a day", "switchboard.energy_import"),
		b.chart(size{12, 9}, "PUE", b.ask("mean", "site.pue")).Decimals(2),
		b.events(size{24, 8}, "Incidents", `"kind" = 'incident'`, "severity_code", "text", "duration"),
	)
}

// ups shows UPS units and their batteries.
func ups(b *board) {
	b.devices("ups")
	b.put(
		b.list(size{24, 7}, "Now", "ups",
			column{"last", "status", "Status"}, column{"last", "battery_status", "Battery"}, column{"last", "battery_charge", "Charge"},
			column{"last", "battery_runtime", "Lasts for"}, column{"max", "output_load", "Load"},
			column{"last", "battery_temperature", "Temperature"}, column{"last", "self_test", "Self test"},
			column{"last", "last_transfer_cause", "Last on battery because of"}, column{"last", "alarms_active", "Alarms"}),
		b.timeline(size{12, 8}, "Status", b.ask("last", "ups.status")),
		b.timeline(size{12, 8}, "Battery status", b.ask("last", "ups.battery_status")),
	)
	b.row("Batteries",
		b.chart(size{8, 9}, "Charge", b.ask("min", "ups.battery_charge")).Min(0).Max(100),
		b.chart(size{8, 9}, "Lasts for", b.ask("min", "ups.battery_runtime")).Min(0),
		b.chart(size{8, 9}, "Temperature", b.ask("max", "ups.battery_temperature")),
		b.chart(size{12, 9}, "Voltage", b.ask("mean", "ups.battery_voltage")),
		b.chart(size{12, 9}, "Current", b.ask("mean", "ups.battery_current")),
	)
	b.row("Output",
		b.chart(size{12, 9}, "Load", b.ask("max", "ups.output_load").each()).Min(0),
		b.chart(size{12, 9}, "Power", b.ask("mean", "ups.output_power").each()).Min(0),
		b.chart(size{12, 9}, "Voltage of the phases", b.ask("mean", "ups.output_voltage").at(phases)),
		b.chart(size{12, 9}, "Current of the phases", b.ask("mean", "ups.output_current").at(phases)).Min(0),
	)
	b.row("Input",
		b.chart(size{12, 9}, "Voltage of the phases", b.ask("mean", "ups.input_voltage").at(phases)),
		b.chart(size{12, 9}, "Frequency", b.ask("mean", "ups.input_frequency")),
		b.chart(size{12, 9}, "Bypass voltage of the phases", b.ask("mean", "ups.bypass_voltage").at(phases)),
		b.totals(size{12, 9}, "Times the input failed, in this time", b.ask("spread", "ups.input_failures")),
	)
}

// generators shows generators, transfer switches and their tests.
func generators(b *board) {
	b.devices("generator", "ats")
	b.put(
		b.list(size{24, 6}, "Generators", "generator",
			column{"last", "status", "Status"}, column{"last", "mode", "Mode"}, column{"last", "generator_breaker", "Generator breaker"},
			column{"last", "mains_breaker", "Mains breaker"}, column{"last", "fuel_level", "Fuel"},
			column{"last", "starter_battery_voltage", "Starter battery"}, column{"last", "coolant_temperature", "Coolant"},
			column{"last", "oil_pressure", "Oil"}, column{"last", "starts", "Starts"}, column{"last", "run_time", "Run time"}),
		b.list(size{24, 6}, "Transfer switches", "ats",
			column{"last", "position", "Position"}, column{"last", "selected_source", "Source"}, column{"last", "preferred_source", "Preferred"},
			column{"last", "source_a_status", "Source A"}, column{"last", "source_b_status", "Source B"},
			column{"last", "redundancy", "Redundancy"}, column{"max", "output_load", "Load"}),
	)
	b.row("Tests and runs",
		b.events(size{24, 8}, "Test runs", `"kind" = 'test'`, "severity_code", "text", "duration"),
		b.timeline(size{12, 8}, "Generators", b.ask("last", "generator.status")),
		b.timeline(size{12, 8}, "Transfer switches", b.ask("last", "ats.selected_source")),
		b.totals(size{8, 5}, "Starts, in this time", b.ask("spread", "generator.starts")),
		b.totals(size{8, 5}, "Run time, in this time", b.ask("spread", "generator.run_time")),
		b.totals(size{8, 5}, "Energy given, in this time", b.ask("spread", "generator.output_energy")),
	)
	b.row("Engine",
		b.chart(size{8, 9}, "Speed", b.ask("mean", "generator.engine_speed")).Min(0),
		b.chart(size{8, 9}, "Oil pressure", b.ask("min", "generator.oil_pressure")),
		b.chart(size{8, 9}, "Coolant", b.ask("max", "generator.coolant_temperature")),
		b.chart(size{12, 9}, "Fuel", b.ask("last", "generator.fuel_level")).Min(0).Max(100),
		b.chart(size{12, 9}, "Starter battery", b.ask("min", "generator.starter_battery_voltage")),
	)
	b.row("Alternator",
		b.chart(size{12, 9}, "Power", b.ask("mean", "generator.output_power").each()),
		b.chart(size{12, 9}, "Load", b.ask("max", "generator.output_load")),
		b.chart(size{12, 9}, "Voltage of the phases", b.ask("mean", "generator.output_voltage").at(phases)).Min(0),
		b.chart(size{12, 9}, "Frequency", b.ask("mean", "generator.output_frequency")),
	)
	b.row("Transfer switches",
		b.chart(size{12, 9}, "Source A, voltage of the phases", b.ask("mean", "ats.source_a_voltage").at(phases)).Min(0),
		b.chart(size{12, 9}, "Source B, voltage of the phases", b.ask("mean", "ats.source_b_voltage").at(phases)).Min(0),
		b.chart(size{12, 9}, "Load", b.ask("max", "ats.output_load").each()).Min(0),
		b.chart(size{12, 9}, "Power", b.ask("mean", "ats.output_power").each()).Min(0),
	)
}

// switchboard shows the load of the phases and the quality of the supply.
func switchboard(b *board) {
	b.devices("switchboard")
	b.put(
		b.values(size{6, 5}, "Power", b.ask("last", "switchboard.active_power").at(whole)),
		b.values(size{6, 5}, "Power factor", b.ask("mean", "switchboard.power_factor")).Decimals(2),
		b.values(size{6, 5}, "Frequency", b.ask("last", "switchboard.frequency")).Decimals(2),
		b.values(size{6, 5}, "Current in the neutral", b.ask("last", "switchboard.current").at(`"channel" = 'N'`)),
	)
	b.row("Phases",
		b.chart(size{12, 9}, "Voltage to neutral", b.ask("mean", "switchboard.voltage").at(phases)),
		b.chart(size{12, 9}, "Voltage between phases", b.ask("mean", "switchboard.voltage").at(between)).Thresholds(plain()),
		b.chart(size{12, 9}, "Current", b.ask("mean", "switchboard.current").at(phases)),
		b.chart(size{12, 9}, "Active power", b.ask("mean", "switchboard.active_power").at(phases)),
	)
	b.row("Power quality",
		b.chart(size{12, 9}, "Lowest voltage to neutral", b.ask("min", "switchboard.voltage").at(phases)),
		b.chart(size{12, 9}, "Frequency", b.ask("mean", "switchboard.frequency")),
		b.chart(size{12, 9}, "Harmonics of the voltage", b.ask("max", "switchboard.voltage_thd").at(phases)).Min(0),
		b.chart(size{12, 9}, "Harmonics of the current", b.ask("max", "switchboard.current_thd").at(phases)).Min(0),
		b.chart(size{12, 9}, "Power factor", b.ask("mean", "switchboard.power_factor").at(phases)),
		b.chart(size{12, 9}, "Reactive power", b.ask("mean", "switchboard.reactive_power").at(phases)),
	)
	b.row("Energy",
		b.daily(size{12, 9}, "Energy a day", "switchboard.energy_import"),
		b.chart(size{12, 9}, "Apparent power", b.ask("max", "switchboard.apparent_power").at(whole)).Min(0),
	)
}

// cooling shows cooling units, and how much of the time the cold is free.
func cooling(b *board) {
	b.devices("cooling")
	b.put(
		b.values(size{8, 5}, "Status", b.ask("last", "cooling.status")),
		b.values(size{8, 5}, "Mode", b.ask("last", "cooling.mode")),
		b.values(size{8, 5}, "Outdoors", b.ask("last", "cooling.outdoor_temperature")).Decimals(1),
	)
	free := b.ask("mean", "cooling.mode").during("free_cooling")
	b.row("Free cooling",
		b.totals(size{6, 9}, "Free, of this time", free).Unit(units.PercentUnit).Mappings(nil).Decimals(0).
			ColorMode(common.BigValueColorModeValue).Thresholds(plain()),
		b.freeHours(size{10, 9}, free),
		b.share(size{8, 9}, "Where the cold came from, in this time", "cooling.mode", "free_cooling", "mixed", "mechanical"),
		b.timeline(size{12, 8}, "Mode", b.ask("last", "cooling.mode")),
		b.timeline(size{12, 8}, "Status", b.ask("last", "cooling.status").each()),
	)
	b.row("Air",
		b.chart(size{12, 9}, "Supply", b.ask("mean", "cooling.supply_air_temperature")),
		b.chart(size{12, 9}, "Return", b.ask("mean", "cooling.return_air_temperature")),
		b.chart(size{12, 9}, "Outdoors", b.ask("mean", "cooling.outdoor_temperature")),
		b.chart(size{12, 9}, "Relative humidity of the return air", b.ask("mean", "cooling.return_air_humidity")).Min(0).Max(100),
		b.chart(size{12, 9}, "Fans", b.ask("mean", "cooling.fan_speed").each()).Min(0),
		b.chart(size{12, 9}, "Dampers", b.ask("mean", "cooling.damper_position").each()).Min(0).Max(100),
	)
	b.row("Power and machine",
		b.chart(size{12, 9}, "Heat taken away", b.ask("mean", "cooling.cooling_power")).Min(0),
		b.chart(size{12, 9}, "Electrical power", b.ask("mean", "cooling.power").each()).Min(0),
		b.chart(size{8, 9}, "Compressor", b.ask("mean", "cooling.compressor_speed")).Min(0),
		b.chart(size{8, 9}, "Flow of air", b.ask("mean", "cooling.airflow")).Min(0),
		b.chart(size{8, 9}, "Pressure lost in the filter", b.ask("mean", "cooling.filter_pressure")),
	)
}

// climate shows the climate of the rooms.
func climate(b *board) {
	b.devices("climate")
	b.put(
		b.values(size{24, 5}, "Temperature", b.ask("last", "climate.temperature").each()).Decimals(1),
		b.heat(size{24, 12}, "Temperature of each sensor", 15, 40, b.ask("mean", "climate.temperature").each()).Decimals(0),
		b.chart(size{12, 9}, "Temperature", b.ask("mean", "climate.temperature").each()).Decimals(1),
		b.chart(size{12, 9}, "Relative humidity", b.ask("mean", "climate.humidity").each()).Decimals(0),
		b.chart(size{12, 9}, "Dew point", b.ask("mean", "climate.dew_point").each()).Decimals(1),
		b.heat(size{12, 9}, "Relative humidity of each sensor", 10, 80, b.ask("mean", "climate.humidity").each()).Decimals(0),
	)
}

// health shows how the agent itself does.
func health(b *board) {
	b.put(
		b.values(size{6, 5}, "Outputs", b.ask("last", "agent.sink_up").each().named("$tag_channel")),
		b.silent(size{6, 5}),
		b.values(size{6, 5}, "Memory", b.ask("last", "agent.memory")),
		b.values(size{6, 5}, "Clock set forward by", b.ask("last", "agent.clock_offset")),
	)
	b.row("Polls",
		b.chart(size{8, 9}, "Polls a second", b.ask(perSecond, "agent.polls")).Min(0),
		b.chart(size{8, 9}, "Failures a second", b.ask(perSecond, "agent.poll_failures")).Min(0),
		b.chart(size{8, 9}, "Skipped a second", b.ask(perSecond, "agent.polls_skipped")).Min(0),
		b.timeline(size{24, 14}, "Devices", b.ask("min", "agent.up").everywhere()),
		b.chart(size{24, 10}, "How long a poll takes", b.ask("max", "agent.poll_duration").everywhere()).Min(0),
	)
	b.row("Outputs",
		b.timeline(size{24, 6}, "Outputs", b.ask("min", "agent.sink_up").each().named("$tag_device $tag_channel")),
		b.chart(size{12, 9}, "Waiting for the output", b.ask("max", "agent.queue_bytes").each()).Min(0),
		b.chart(size{12, 9}, "Oldest reading that waits", b.ask("max", "agent.queue_age").each()).Min(0),
		b.chart(size{12, 9}, "Polls lost", b.ask("max", "agent.readings_dropped").each()).Min(0),
		b.chart(size{12, 9}, "Set aside", b.ask("max", "agent.readings_set_aside").each()).Min(0),
		b.chart(size{24, 9}, "Memory", b.ask("max", "agent.memory")).Min(0),
	)
}

// perSecond makes a counter a rate; a restart of the agent makes no peak.
const perSecond = "non_negative_derivative(max(%s), 1s)"

// silent counts the devices that do not answer, by class.
func (b *board) silent(s size) *stat.PanelBuilder {
	up := b.ask("last", "agent.up").everywhere()
	p := b.values(s, "Silent devices", up)
	return p.Mappings(nil).ColorMode(common.BigValueColorModeValue).
		Thresholds(steps(dashboard.Threshold{Color: sound}, dashboard.Threshold{Value: cog.ToPtr(1.0), Color: lost})).
		Targets(targets(b.of(`count("value") - sum("value")`, b.inner(up, false), "", "$m")))
}

// daily shows the energy that a counter counted, by day (UTC). It adds up what
// the counter gained, so that one that starts again from 0 costs nothing.
func (b *board) daily(s size, title, metric string) *timeseries.PanelBuilder {
	gained := b.ask("non_negative_difference(last(%s))", metric).at(whole)
	return b.byDay(s, title, gained, `sum("value")`, true)
}

// freeHours shows for how many hours a day (UTC) a unit cooled freely.
func (b *board) freeHours(s size, free ask) *timeseries.PanelBuilder {
	return b.byDay(s, "Hours of free cooling a day", free, `24 * mean("value")`, false).
		Mappings(nil).Unit("suffix:h").Max(24)
}

// byDay shows a bar for each of the last days and each device: what outer
// makes of the values that the ask gives in a day.
func (b *board) byDay(s size, title string, a ask, outer string, overTime bool) *timeseries.PanelBuilder {
	return b.chart(s, title, a).
		Targets(targets(b.of(outer, b.inner(a, overTime), ` GROUP BY time(1d), "device" fill(none)`, "$tag_device"))).
		DrawStyle(common.GraphDrawStyleBars).FillOpacity(60).Min(0).
		TimeFrom("30d")
}
