package modbus

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"plantroom/config"
)

// A SunSpec device's registers:
//
//	base   base+2       ...                       ...
//	| SunS | id | len | len registers | id | len | ... | 0xFFFF | 0 |
//	        ^ a model's address
const (
	marker    = 0x53756E53 // "SunS"
	lastModel = 0xFFFF
	maxModels = 128 // longer chains are taken for garbage
)

// A model is one block of a SunSpec map.
type model struct {
	id, length int
	address    int // of its id
}

// A header is the id and length of a model that points are read from. It is
// read with them in every poll: a device that was exchanged for another, or
// whose firmware moved its models, must not be read at the old places.
type header struct {
	span  *span
	model model
}

// modelOf returns the first model of the device that a point belongs to and
// that is long enough for it.
func (s *Source) modelOf(p *config.ModbusPoint) (model, bool) {
	for _, m := range s.models {
		if !slices.Contains(p.Models, m.id) {
			continue
		}
		end := p.Value.Address + newCodec(p.Value).registers
		if p.ScaleRegister != nil {
			end = max(end, p.ScaleRegister.Address+1)
		}
		return m, end <= m.length+2
	}
	return model{}, false
}

func (s *Source) sunspecSpace() config.Space {
	if len(s.profile.Points) > 0 {
		return s.profile.Points[0].Value.Space
	}
	return config.Holding
}

// discover finds the device's SunSpec map and compiles the profile to it. An
// error means that the device did not answer; one that has no map is
// reported once and stays unknown.
func (s *Source) discover(ctx context.Context) error {
	space := s.sunspecSpace()
	for i := range s.profile.SunSpec {
		at := (s.candidate + i) % len(s.profile.SunSpec)
		models, found, err := walkSunSpec(ctx, s, space, s.profile.SunSpec[at])
		if err != nil {
			if timedOut(err) { // it may be silent where it has nothing
				s.candidate = (at + 1) % len(s.profile.SunSpec)
			}
			return err
		}
		if !found {
			continue
		}
		s.candidate, s.noMap = at, false
		s.models, s.mapped = models, s.wire.lines
		s.compile()
		return nil
	}
	if !s.noMap {
		s.noMap = true
		s.log.Warn("the device has no SunSpec map", "device", s.device.ID,
			"err", fmt.Errorf("no SunS marker in %s %v", spaceName(space), s.profile.SunSpec))
	}
	return nil
}

// walkSunSpec reads the chain of models that starts at base.
func walkSunSpec(ctx context.Context, s *Source, space config.Space, base int) ([]model, bool, error) {
	pair := func(address int) (v uint32, ok bool, err error) {
		if address+2 > 0x10000 {
			return 0, false, nil
		}
		data, err := s.wire.read(ctx, s.unit, s.timeout, space, address, 2)
		if unanswered(err) {
			return 0, false, fmt.Errorf("read %s: %w", describe(space, address, 2), err)
		}
		if err != nil {
			return 0, false, nil
		}
		return binary.BigEndian.Uint32(data), true, nil
	}
	v, ok, err := pair(base)
	if err != nil || !ok || v != marker {
		return nil, false, err
	}
	var models []model
	for address := base + 2; len(models) < maxModels; {
		v, ok, err := pair(address)
		if err != nil {
			return nil, false, err
		}
		m := model{int(v >> 16), int(v & 0xFFFF), address}
		if !ok || m.id == lastModel {
			break
		}
		models = append(models, m)
		address += 2 + m.length
	}
	return models, true, nil
}

// checkHeaders fails what was read from a model that is not there any more and
// makes the next poll look for the map again.
func (s *Source) checkHeaders() {
	for _, h := range s.headers {
		if h.span.gone {
			// Over another connection it may be another device.
			s.known = s.mapped == s.wire.lines
			continue
		}
		if h.span.err != nil || int(binary.BigEndian.Uint32(h.span.data)) == h.model.id<<16|h.model.length {
			continue
		}
		s.known = false
		for _, b := range s.batches {
			b.fail(errMoved)
		}
		return
	}
}
