package agent

import (
	"slices"
	"sync"
	"time"
)

// Latest holds the last poll of every device. It is safe for concurrent use.
type Latest struct {
	mu      sync.RWMutex
	devices []*Status
	byID    map[string]*Status
}

// A Status is how a device stands.
type Status struct {
	Device   *Device
	Polled   time.Time // when the last poll began; zero before the first
	Since    time.Time // when Up became what it is
	Up       bool      // the last poll was answered
	Err      error     // why it was not
	Failures int       // polls in a row that failed
	Next     time.Time // when the device is asked again
	Readings []Reading // of the last poll, up and poll_duration first
}

func newLatest() *Latest { return &Latest{byID: map[string]*Status{}} }

// have makes the devices on buses the ones that there are. Those that were
// there before keep their status.
func (l *Latest) have(buses []*Bus) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.byID
	l.devices, l.byID = nil, map[string]*Status{}
	for _, b := range buses {
		for _, d := range b.Devices() {
			s := before[d.ID]
			if s == nil || s.Device != d {
				s = &Status{Device: d}
			}
			l.devices = append(l.devices, s)
			l.byID[d.ID] = s
		}
	}
}

// update takes a poll, the next one of its device before p's readings change.
func (l *Latest) update(p *Poll) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.byID[p.Device.ID]
	if s == nil || s.Device != p.Device {
		return // it has just been replaced
	}
	if up := p.Err == nil; s.Polled.IsZero() || s.Up != up {
		s.Up, s.Since = up, p.Time
	}
	s.Polled, s.Err, s.Failures, s.Next = p.Time, p.Err, p.Failures, p.Next
	s.Readings = p.Readings // they stand until the next of these
}

// Devices returns the devices that there are, in the order of the configuration.
func (l *Latest) Devices() []*Device {
	l.mu.RLock()
	defer l.mu.RUnlock()
	all := make([]*Device, len(l.devices))
	for i, s := range l.devices {
		all[i] = s.Device
	}
	return all
}

// All returns how every device stands, in the order of the configuration. The
// result is the caller's.
func (l *Latest) All() []Status {
	l.mu.RLock()
	defer l.mu.RUnlock()
	all := make([]Status, len(l.devices))
	for i, s := range l.devices {
		all[i] = *s
		all[i].Readings = slices.Clone(s.Readings)
	}
	return all
}

// Of returns how the device with an id stands, and whether there is one. The
// result is the caller's.
func (l *Latest) Of(id string) (Status, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	s, ok := l.byID[id]
	if !ok {
		return Status{}, false
	}
	one := *s
	one.Readings = slices.Clone(s.Readings)
	return one, true
}
