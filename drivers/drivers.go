// Package drivers is the table of the protocols that devices speak: it makes
// the buses of a site, each device with the driver that its address asks for.
// Registers and OIDs stay below it.
package drivers

import (
	"cmp"
	"log/slog"

	"plantroom/agent"
	"plantroom/config"
	"plantroom/drivers/modbus"
	"plantroom/drivers/snmp"
)

// Build returns the buses of a site, with their devices. It dials nothing.
//
// Devices share a bus where the configuration puts them on one, and where they
// have the same address: a gateway that carries several unit ids is one wire,
// whether or not anybody calls it a bus, and gets one connection. Every SNMP
// device has a bus of its own.
func Build(site *config.Site, log *slog.Logger) []*agent.Bus {
	type wire struct {
		*agent.Bus
		modbus *modbus.Wire
	}
	var buses []*agent.Bus
	wires := map[config.ModbusLink]wire{}
	names := map[config.ModbusLink]string{}
	for _, b := range site.Buses {
		if b.Modbus != nil {
			names[*b.Modbus] = b.ID
		}
	}
	for _, d := range site.Devices {
		device := Device(d)
		if d.SNMP != nil {
			bus := agent.NewBus(d.ID)
			add(bus, device, snmp.NewSource(device, *d.SNMP, d.Profile.SNMP, d.Timeout))
			buses = append(buses, bus)
			continue
		}
		w, ok := wires[d.Modbus.Link]
		if !ok {
			name := names[d.Modbus.Link]
			if name == "" {
				name = cmp.Or(d.Modbus.Link.TCP, d.Modbus.Link.RTUOverTCP, d.Modbus.Link.Serial)
			}
			w = wire{agent.NewBus(name), modbus.NewWire(d.Modbus.Link, log)}
			wires[d.Modbus.Link] = w
			buses = append(buses, w.Bus)
		}
		add(w.Bus, device, modbus.NewSource(device, w.modbus, d.Modbus.Unit, d.Profile.Modbus, d.Timeout))
	}
	return buses
}

func add(bus *agent.Bus, d *agent.Device, s agent.Source) {
	bus.Add(d, s, config.Lookup(d.Class, "up"), config.Lookup(d.Class, "poll_duration"))
}

// Device returns what the agent knows of a configured device.
func Device(d *config.Device) *agent.Device {
	return &agent.Device{
		ID: d.ID, Name: d.Name, Class: d.Profile.Class, Profile: d.Profile.Name,
		Labels: d.Labels, Feeds: d.Feeds, Every: d.Every,
	}
}
