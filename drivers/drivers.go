// Package drivers is the table of the protocols that devices speak: it makes
// the buses of a site, each device with the driver that its address asks for.
// Registers and OIDs stay below it.
package drivers

import (
	"cmp"
	"log/slog"
	"reflect"

	"plantroom/agent"
	"plantroom/config"
	"plantroom/drivers/modbus"
	"plantroom/drivers/snmp"
)

// A Plan is the buses of a site and what each was made from.
type Plan struct {
	wires []wire
}

// A wire is a bus and the devices on it.
type wire struct {
	name    string
	devices []*config.Device
	bus     *agent.Bus
}

// Build returns the plan of a site. It dials nothing.
//
// Devices share a bus where the configuration puts them on one, and where they
// have the same address: a gateway that carries several unit ids is one wire,
// whether or not anybody calls it a bus, and gets one connection. Every SNMP
// device has a bus of its own.
//
// A bus of the plan before, nil for none, that would be made just the same is
// taken over from it, with its connections and what it has learnt.
func Build(site *config.Site, before *Plan, log *slog.Logger) *Plan {
	plan := &Plan{wires: wires(site)}
	for i := range plan.wires {
		w := &plan.wires[i]
		if w.bus = before.same(w); w.bus == nil {
			w.bus = build(w, log)
		}
	}
	return plan
}

// Buses returns the plan's buses, in the order of their first devices.
func (p *Plan) Buses() []*agent.Bus {
	buses := make([]*agent.Bus, len(p.wires))
	for i, w := range p.wires {
		buses[i] = w.bus
	}
	return buses
}

// Senders returns the devices of a site that may send SNMP traps: those that
// are reached over the network.
func (p *Plan) Senders() (all []snmp.Sender) {
	for _, w := range p.wires {
		for i, d := range w.devices {
			s := snmp.Sender{Device: w.bus.Devices()[i], SNMP: d.SNMP, Profile: d.Profile.SNMP}
			if d.SNMP != nil {
				s.Address = d.SNMP.Address
			} else {
				s.Address = cmp.Or(d.Modbus.Link.TCP, d.Modbus.Link.RTUOverTCP)
			}
			if s.Address != "" {
				all = append(all, s)
			}
		}
	}
	return all
}

// same returns the plan's bus that was made from what w says.
func (p *Plan) same(w *wire) *agent.Bus {
	if p == nil {
		return nil
	}
	for i := range p.wires {
		if old := &p.wires[i]; old.name == w.name && reflect.DeepEqual(old.devices, w.devices) {
			return old.bus
		}
	}
	return nil
}

// wires groups the devices of a site by the wires that they are on.
func wires(site *config.Site) (ws []wire) {
	names := map[config.ModbusLink]string{}
	for _, b := range site.Buses {
		if b.Modbus != nil {
			names[*b.Modbus] = b.ID
		}
	}
	at := map[config.ModbusLink]int{}
	for _, d := range site.Devices {
		if d.SNMP != nil {
			ws = append(ws, wire{name: d.ID, devices: []*config.Device{d}})
			continue
		}
		link := d.Modbus.Link
		i, ok := at[link]
		if !ok {
			i = len(ws)
			at[link] = i
			ws = append(ws, wire{name: cmp.Or(names[link], link.TCP, link.Secure, link.RTUOverTCP, link.Serial)})
		}
		ws[i].devices = append(ws[i].devices, d)
	}
	return ws
}

func build(w *wire, log *slog.Logger) *agent.Bus {
	bus := agent.NewBus(w.name)
	var line *modbus.Wire
	for _, d := range w.devices {
		device := Device(d)
		var source agent.Source
		if d.SNMP != nil {
			source = snmp.NewSource(device, *d.SNMP, d.Profile.SNMP, d.Timeout)
		} else {
			if line == nil {
				line = modbus.NewWire(d.Modbus.Link, log)
			}
			source = modbus.NewSource(device, line, d.Modbus.Unit, d.Profile.Modbus, d.Timeout)
		}
		bus.Add(device, source, config.Lookup(device.Class, "up"), config.Lookup(device.Class, "poll_duration"))
	}
	return bus
}

// Device returns what the agent knows of a configured device.
func Device(d *config.Device) *agent.Device {
	return &agent.Device{
		ID: d.ID, Name: d.Name, Class: d.Profile.Class, Profile: d.Profile.Name,
		Labels: d.Labels, Feeds: d.Feeds, Every: d.Every,
	}
}
