package modbus

import (
	"log/slog"
	"testing"
	"time"

	"plantroom/config"
)

// Every profile that comes with plantroom compiles into a plan that keeps the
// profile's limits, without a device.
func TestEmbeddedProfilesCompile(t *testing.T) {
	profiles, err := config.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range profiles {
		if p.Modbus == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			s := NewSource(testDevice, NewWire(config.ModbusLink{TCP: "127.0.0.1:1"}, slog.New(slog.DiscardHandler)), 1, p.Modbus, time.Second)
			for id := range 300 { // as if the device had every model, one after the other
				s.models = append(s.models, model{id, 200, 210 * id})
			}
			for _, f := range p.Modbus.Families { // and were of all families
				s.families = append(s.families, family{kind: f, is: true})
			}
			s.compile()
			checkPlan(t, s.spans, s.batches, s.limits)
			fields := 0
			for _, c := range s.chains {
				fields += len(c)
				for _, f := range c {
					if n := len(f.span.data); n != f.codec.size {
						t.Errorf("%s: %d bytes for a value of %d", f.point.Source, n, f.codec.size)
					}
				}
			}
			if p.Modbus.SunSpec == nil && fields != len(p.Modbus.Points) {
				t.Errorf("%d fields of %d points", fields, len(p.Modbus.Points))
			}
		})
	}
}
