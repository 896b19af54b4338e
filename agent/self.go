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

// Report adds a device of the agent's own to those that are polled: read says
// what there is to read of it, and that is delivered as every device's readings
// are. The catalogue gives a metric of the device's class by its name. Report
// is called before Run.
func (a *Agent) Report(d *Device, catalogue func(name string) *Metric, read func(*Figures)) {
	b := NewBus(d.ID)
	b.Add(d, &own{NewFigures(d, catalogue), read}, catalogue("up"), catalogue("poll_duration"))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.own = append(a.own, b)
	a.Latest.have(a.all())
}

// Figures collect what one poll reads of a device of the agent's own. A metric
// that the device's class does not have is a mistake of the program and panics.
type Figures struct {
	device    *Device
	catalogue func(name string) *Metric
	points    map[figure]*Point
	readings  []Reading
}

type figure struct{ metric, channel string }

// NewFigures returns figures of d of which none has been read.
func NewFigures(d *Device, catalogue func(name string) *Metric) *Figures {
	return &Figures{device: d, catalogue: catalogue, points: map[figure]*Point{}}
}

// Take appends what read reads to dst.
func (f *Figures) Take(dst []Reading, read func(*Figures)) []Reading {
	f.readings = dst
	read(f)
	return f.readings
}

func (f *Figures) point(metric, channel string) *Point {
	at := figure{metric, channel}
	p := f.points[at]
	if p == nil {
		p = &Point{Device: f.device, Metric: f.catalogue(metric), Channel: channel}
		f.points[at] = p
	}
	return p
}

// Number reads a number, finite and in the metric's unit.
func (f *Figures) Number(metric, channel string, v float64) {
	f.readings = append(f.readings, f.point(metric, channel).Measured(v))
}

// State reads a state by its word.
func (f *Figures) State(metric, channel, word string) {
	p := f.point(metric, channel)
	code, _ := p.Metric.Code(word)
	f.readings = append(f.readings, p.Stated(code, word))
}

// Failed says why there is nothing to read.
func (f *Figures) Failed(metric, channel string, err error) {
	f.readings = append(f.readings, f.point(metric, channel).Failed(err))
}

// An own is the Source of a device of the agent's own, which always answers.
type own struct {
	figures *Figures
	read    func(*Figures)
}

// Poll appends what there is to read.
func (o *own) Poll(_ context.Context, dst []Reading) ([]Reading, error) {
	return o.figures.Take(dst, o.read), nil
}

// Probe does nothing.
func (*own) Probe(context.Context) error { return nil }

// Close does nothing.
func (*own) Close() error { return nil }

// Self reads the agent itself, as a device of class agent: its counts and how
// its outlets stand.
func (a *Agent) Self(f *Figures) {
	stats := a.Stats()
	f.Number("polls", "", float64(stats.Polls))
	f.Number("poll_failures", "", float64(stats.Failures))
	f.Number("polls_skipped", "", float64(stats.Skipped))
	f.Number("memory", "", float64(memory()))
	// What the clock says has passed, less what has: the monotonic clock is
	// not set, the wall clock is.
	now := time.Now()
	f.Number("clock_offset", "", (now.Round(0).Sub(a.made.Round(0)) - now.Sub(a.made)).Seconds())
	for _, o := range a.Outlets() {
		up := 0.0
		if o.Up {
			up = 1
		}
		f.Number("sink_up", o.Name, up)
		f.Number("queue_bytes", o.Name, float64(o.Queue.Bytes))
		f.Number("queue_age", o.Name, o.Queue.Age.Seconds())
		f.Number("readings_dropped", o.Name, float64(o.Queue.Dropped))
		f.Number("readings_set_aside", o.Name, float64(o.SetAside))
	}
}

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
