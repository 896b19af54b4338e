package agent

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// QueueStats say how full a queue is, and what it could not keep.
type QueueStats struct {
	Bytes   int64
	Age     time.Duration // how long the oldest block has waited
	Dropped uint64        // blocks lost since the queue was opened: overrun, damaged or refused by the disk
}

// OutletStats say how an outlet stands.
type OutletStats struct {
	Name     string
	Up       bool      // the last delivery was confirmed, or there was none yet
	Err      error     // why it was not
	Since    time.Time // when Up became what it is; zero before the first delivery
	SetAside uint64    // lines or messages that the far side will never take
	Queue    QueueStats
}

// Outlets returns how the outlets stand; it may be called at any time.
func (a *Agent) Outlets() []OutletStats {
	var all []OutletStats
	for _, o := range *a.outlets.Load() {
		all = append(all, o.stats())
	}
	return all
}

// Report makes the agent a device of its own site: its counts and how its
// outlets stand are read and delivered as every device's readings are. The
// catalogue gives a metric of class agent by its name. Report is called before
// Run.
func (a *Agent) Report(d *Device, catalogue func(name string) *Metric) {
	s := &self{agent: a, device: d, catalogue: catalogue, points: map[selfPoint]*Point{}, started: time.Now()}
	b := NewBus(d.ID)
	b.Add(d, s, catalogue("up"), catalogue("poll_duration"))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.own = b
	a.Latest.have(a.all())
}

// A self is the Source of the agent's own readings.
type self struct {
	agent     *Agent
	device    *Device
	catalogue func(name string) *Metric
	points    map[selfPoint]*Point
	started   time.Time
}

type selfPoint struct{ metric, channel string }

// Poll appends what the agent counts.
func (s *self) Poll(_ context.Context, dst []Reading) ([]Reading, error) {
	read := func(metric, channel string, v float64) {
		at := selfPoint{metric, channel}
		p := s.points[at]
		if p == nil {
			p = &Point{Device: s.device, Metric: s.catalogue(metric), Channel: channel}
			s.points[at] = p
		}
		dst = append(dst, p.Measured(v))
	}
	stats := s.agent.Stats()
	read("polls", "", float64(stats.Polls))
	read("poll_failures", "", float64(stats.Failures))
	read("polls_skipped", "", float64(stats.Skipped))
	read("memory", "", float64(memory()))
	// What the clock says has passed, less what has: the monotonic clock is
	// not set, the wall clock is.
	now := time.Now()
	read("clock_offset", "", (now.Round(0).Sub(s.started.Round(0)) - now.Sub(s.started)).Seconds())
	for _, o := range s.agent.Outlets() {
		up := 0.0
		if o.Up {
			up = 1
		}
		read("sink_up", o.Name, up)
		read("queue_bytes", o.Name, float64(o.Queue.Bytes))
		read("queue_age", o.Name, o.Queue.Age.Seconds())
		read("readings_dropped", o.Name, float64(o.Queue.Dropped))
		read("readings_set_aside", o.Name, float64(o.SetAside))
	}
	return dst, nil
}

// Probe does nothing: the agent always answers itself.
func (s *self) Probe(context.Context) error { return nil }

// Close does nothing.
func (s *self) Close() error { return nil }

// memory returns the resident memory of the process in bytes; where the system
// does not say, what Go has from it.
func memory() uint64 {
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := strings.Fields(string(text)); len(fields) > 1 {
			if pages, err := strconv.ParseUint(fields[1], 10, 64); err == nil {
				return pages * uint64(os.Getpagesize())
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys
}
