package influx

import (
	"slices"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"plantroom/agent"
)

// AppendEvent encodes an event after dst as a line of the measurement events,
// at the time it began:
//
//	events,class=ups,device=ups-a,kind=state,metric=status,site=praha-1 id="...",text="UPS A is on battery",active=true,... 1790000000000
//
// What becomes of the event later is the same point, written again: then it
// has a duration, in seconds.
func (s *Sink) AppendEvent(dst []byte, e *agent.Event) []byte {
	var enc lineprotocol.Encoder
	enc.SetPrecision(lineprotocol.Millisecond)
	enc.StartLine("events")
	own := []agent.Label{
		{Name: "device", Value: e.Device}, {Name: "class", Value: e.Class}, {Name: "kind", Value: e.Kind},
		{Name: "metric", Value: e.Metric}, {Name: "channel", Value: e.Channel},
	}
	var labels []agent.Label
	for name, value := range e.Labels {
		// A label may be called class, kind or metric; the event's own is meant by then.
		if !slices.ContainsFunc(own, func(l agent.Label) bool { return l.Name == name }) {
			labels = append(labels, agent.Label{Name: name, Value: value})
		}
	}
	for _, t := range s.tags(labels, own...) {
		enc.AddTag(t.Name, t.Value)
	}
	enc.AddField("id", text(e.ID))
	enc.AddField("text", text(e.Text.EN))
	enc.AddField("text_cs", text(e.Text.CS))
	enc.AddField("severity", text(e.Severity.String()))
	enc.AddField("severity_code", lineprotocol.IntValue(int64(e.Severity)))
	enc.AddField("active", lineprotocol.BoolValue(e.Active()))
	if !e.Active() {
		duration, _ := lineprotocol.FloatValue(e.Ended.Sub(e.Began).Seconds())
		enc.AddField("duration", duration)
	}
	for _, f := range []struct {
		name  string
		value *float64
	}{{"value", e.Value}, {"peak", e.Peak}} {
		if f.value != nil {
			value, _ := lineprotocol.FloatValue(*f.value)
			enc.AddField(f.name, value)
		}
	}
	for _, f := range []agent.Label{{Name: "state", Value: e.State}, {Name: "parent", Value: e.Parent}, {Name: "acked_by", Value: e.AckedBy}} {
		if f.Value != "" {
			enc.AddField(f.Name, text(f.Value))
		}
	}
	enc.EndLine(e.Began)
	if err := enc.Err(); err != nil {
		s.refused.Add(1)
		s.options.Log.Error("an event is left out, it cannot be encoded", "sink", "influx", "device", e.Device, "event", e.ID, "err", err)
		return dst
	}
	return append(dst, enc.Bytes()...)
}
