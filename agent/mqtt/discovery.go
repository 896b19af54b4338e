package mqtt

import (
	"encoding/json"
	"fmt"
	"strings"

	"plantroom/agent"
)

// What Home Assistant's MQTT discovery wants to know of a device (its
// documentation, "MQTT discovery: device discovery payload").
type discovery struct {
	Device       discoveryDevice               `json:"device"`
	Origin       discoveryOrigin               `json:"origin"`
	Components   map[string]discoveryComponent `json:"components"`
	StateTopic   string                        `json:"state_topic"`
	Availability []discoveryAvailability       `json:"availability"`
	QoS          int                           `json:"qos"`
}

type discoveryDevice struct {
	Identifiers   []string `json:"identifiers"`
	Name          string   `json:"name"`
	Model         string   `json:"model"`
	SuggestedArea string   `json:"suggested_area,omitempty"`
}

type discoveryOrigin struct {
	Name string `json:"name"`
}

type discoveryAvailability struct {
	Topic string `json:"topic"`
}

type discoveryComponent struct {
	Platform      string   `json:"platform"`
	UniqueID      string   `json:"unique_id"`
	Name          string   `json:"name"`
	ValueTemplate string   `json:"value_template"`
	DeviceClass   string   `json:"device_class,omitempty"`
	StateClass    string   `json:"state_class,omitempty"`
	Unit          string   `json:"unit_of_measurement,omitempty"`
	Options       []string `json:"options,omitempty"`
	PayloadOn     string   `json:"payload_on,omitempty"`
	PayloadOff    string   `json:"payload_off,omitempty"`
}

// discover describes a device for Home Assistant. One sensor stands for each
// reading; a reading without a value is unknown there too.
func (s *Sink) discover(d *device) (topic string, payload []byte) {
	id := s.options.Site + "_" + d.ID
	out := discovery{
		Device:       discoveryDevice{Identifiers: []string{id}, Name: d.Name, Model: d.Profile, SuggestedArea: d.Label("room")},
		Origin:       discoveryOrigin{"plantroom"},
		Components:   map[string]discoveryComponent{},
		StateTopic:   d.topic,
		Availability: []discoveryAvailability{{s.agentTopic()}},
		QoS:          qos,
	}
	for p := range d.known {
		name := readingName(p)
		unique := id + "_" + slug(name)
		c := discoveryComponent{Platform: "sensor", UniqueID: unique, Name: label(p)}
		field := "value"
		switch {
		case p.Metric.Name == "up":
			c.Platform, c.DeviceClass, c.PayloadOn, c.PayloadOff = "binary_sensor", "connectivity", "1", "0"
		case p.Metric.Kind == agent.State:
			c.DeviceClass, c.Options, field = "enum", p.Metric.States, "state"
		default:
			u := haUnits[p.Metric.Unit]
			c.Unit, c.DeviceClass, c.StateClass = u.unit, u.class, "measurement"
			switch {
			case p.Metric.Kind == agent.Counter:
				c.StateClass = "total_increasing"
			case p.Metric.Name == "battery_charge":
				c.DeviceClass = "battery"
			case strings.HasSuffix(p.Metric.Name, "humidity"):
				c.DeviceClass = "humidity"
			}
		}
		key, _ := json.Marshal(name) // is also how a template quotes it
		c.ValueTemplate = fmt.Sprintf("{{ (value_json.readings[%s] | default({})).%s | default(None) }}", key, field)
		out.Components[slug(name)] = c
	}
	payload, err := json.Marshal(out)
	if err != nil {
		panic(err) // strings always can be JSON
	}
	return "homeassistant/device/" + slug(id) + "/config", payload
}

// haUnits are the catalogue's units as Home Assistant writes them, with the
// device class that goes with each.
var haUnits = map[string]struct{ unit, class string }{
	"V": {"V", "voltage"}, "A": {"A", "current"}, "W": {"W", "power"}, "VA": {"VA", "apparent_power"}, "var": {"var", "reactive_power"},
	"Wh": {"Wh", "energy"}, "Hz": {"Hz", "frequency"}, "Cel": {"°C", "temperature"}, "Pa": {"Pa", "pressure"}, "s": {"s", "duration"},
	"L/min": {"L/min", "volume_flow_rate"}, "m3/h": {"m³/h", "volume_flow_rate"}, "%": {"%", ""}, "{rpm}": {"rpm", ""},
}

// label is a reading's name for people: "Input voltage L1".
func label(p *agent.Point) string {
	text := strings.ReplaceAll(p.Metric.Name, "_", " ")
	text = strings.ToUpper(text[:1]) + text[1:]
	switch {
	case p.ChannelName != "":
		text += " " + p.ChannelName
	case p.Channel != "":
		text += " " + p.Channel
	}
	return text
}

// slug is text with nothing but letters, digits and _ in it.
func slug(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, text)
}
