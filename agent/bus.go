package agent

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"
)

// How long a device that does not answer is left alone: ever longer, up to
// these. A device with neighbours costs them a timeout each time it is tried;
// one that is alone on its wire, or whose neighbours are all silent too, costs
// nobody anything.
const (
	restShared = 30 * time.Second
	restAlone  = 5 * time.Second
)

// How long after its last poll began a device is polled out of turn, for the
// first time since its last turn; twice as long for the second time, and so on:
// whatever asks for it may do so without end.
const (
	hurryAfter  = time.Second
	hurrySilent = restAlone // of a device that did not answer the last poll
)

// probeAtLeast is how long a silent device is given to answer when its
// neighbours' next polls are due sooner than that.
const probeAtLeast = 250 * time.Millisecond

// A Bus is one wire and the devices on it, asked one at a time by the one
// goroutine that runs it and owns it.
//
// A device is polled when the bus starts; then polls fall on a grid: a
// device's due times are the multiples of its interval
// since midnight UTC (as the clock stood when the bus started; a clock that is
// set later moves nothing), so that devices with the same interval, on
// whatever bus, are asked together and the processor wakes once for all of
// them. A bus that cannot keep up makes the polls late; one that is late by a
// whole interval is skipped and counted, never caught up.
//
// A silent device is polled once more at its next time, then rests: 2, 4, 8
// intervals, and so on. What it is asked when it has rested is one cheap
// question, after its healthy neighbours have had their turn and, mostly, only
// for as long as they do not need the wire.
//
// A device can be polled out of turn, when it is known otherwise that it has
// something to say. Those polls are few, however often they are asked for, and
// move no other.
type Bus struct {
	ID      string
	members []*member
	hurry   chan struct{} // a member is to be polled out of turn; holds one
	down    bool          // the wire itself is dead, and has been reported
}

// A member is a device on a bus.
type member struct {
	device   *Device
	source   Source
	up       *Point
	duration *Point
	phase    time.Time // a time on the device's grid
	due      time.Time
	asked    time.Time   // when the last poll began
	hurried  atomic.Bool // it is to be polled out of turn; set by anyone
	early    bool        // due is out of turn
	hurries  int         // polls out of turn since the last one in turn
	failures int         // polls and probes without an answer since the last one with
	silent   bool
	reported bool      // the log has said that it is silent
	mum      bool      // the log has said that it answers, and says nothing
	readings []Reading // room for those of the next poll
	before   []Reading // those of the last, which Latest has
}

// A Poll is the outcome of one poll of a device.
type Poll struct {
	Device   *Device
	Time     time.Time     // when it began
	Duration time.Duration // how long it took
	Err      error         // nil when the device answered
	Failures int           // polls in a row that failed, this one included
	Skipped  int           // polls before this one that there was no time for
	Next     time.Time     // when the device is asked again
	// Readings are what was read, up and poll_duration first. They belong to
	// the bus and stand until the device's poll after the next.
	Readings []Reading
}

// NewBus returns a bus without devices. ID is what log lines call it: the id
// that the configuration gives it, or its address.
func NewBus(id string) *Bus { return &Bus{ID: id, hurry: make(chan struct{}, 1)} }

// Add puts a device on the bus, which must not be running. The two metrics are
// the catalogue's up and poll_duration of the device's class.
func (b *Bus) Add(d *Device, s Source, up, duration *Metric) {
	b.members = append(b.members, &member{
		device: d, source: s,
		up:       &Point{Device: d, Metric: up},
		duration: &Point{Device: d, Metric: duration},
	})
}

// Devices returns the devices on the bus, in the order of their adding.
func (b *Bus) Devices() []*Device {
	ds := make([]*Device, len(b.members))
	for i, m := range b.members {
		ds[i] = m.device
	}
	return ds
}

// Source returns the driver of the device with the given id, nil where it is
// not on this bus. It is for a single poll by hand, of a bus that nobody runs.
func (b *Bus) Source(id string) Source {
	for _, m := range b.members {
		if m.device.ID == id {
			return m.source
		}
	}
	return nil
}

// Close gives up the wire. The bus must not be running.
func (b *Bus) Close() error {
	var errs []error
	for _, m := range b.members {
		errs = append(errs, m.source.Close())
	}
	return errors.Join(errs...)
}

// run polls the devices until ctx ends and hands every poll to publish.
func (b *Bus) run(ctx context.Context, log *slog.Logger, publish func(*Poll)) {
	start := time.Now()
	for _, m := range b.members {
		// Subtracting keeps the monotonic reading: the grid stands whatever
		// becomes of the wall clock.
		m.phase = start.Add(-time.Duration(start.UnixNano() % int64(m.device.Every)))
		m.due = start
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		b.hasten()
		m := b.next()
		if wait := time.Until(m.due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return
			case <-b.hurry:
				continue
			case <-timer.C:
			}
			m = b.next() // of those that are due together, the healthy one
		}
		if ctx.Err() != nil {
			return
		}
		poll := b.poll(ctx, m, log)
		if ctx.Err() != nil {
			return // cut short, which says nothing about the device
		}
		publish(poll)
		m.readings, m.before = m.before, m.readings
	}
}

// pollNow has the device with the given id polled out of turn and reports
// whether it is on the bus. It may be called at any time.
func (b *Bus) pollNow(id string) bool {
	for _, m := range b.members {
		if m.device.ID != id {
			continue
		}
		m.hurried.Store(true)
		select {
		case b.hurry <- struct{}{}:
		default:
		}
		return true
	}
	return false
}

// hasten makes the members that are to be polled out of turn due, those that
// were polled a moment ago a little later: what there is to say now, that poll
// may have missed.
func (b *Bus) hasten() {
	now := time.Now()
	for _, m := range b.members {
		if !m.hurried.Swap(false) {
			continue
		}
		after := hurryAfter
		if m.silent {
			after = hurrySilent
		}
		due := m.asked.Add(after << m.hurries)
		if due.Before(now) {
			due = now
		}
		if due.Before(m.due) {
			m.due, m.early = due, true
		}
	}
}

// next returns the member whose turn is next: of those that are due, healthy
// ones before silent ones and the longest due first; if none is due, the one
// that will be soonest.
func (b *Bus) next() *member {
	now := time.Now()
	var best *member
	for _, m := range b.members {
		if best == nil {
			best = m
			continue
		}
		due, bestDue := !m.due.After(now), !best.due.After(now)
		switch {
		case due && bestDue && m.silent != best.silent:
			if best.silent {
				best = m
			}
		case m.due.Before(best.due):
			best = m
		}
	}
	return best
}

// poll asks m, schedules its next turn and returns what came of it.
func (b *Bus) poll(ctx context.Context, m *member, log *slog.Logger) *Poll {
	start := time.Now()
	wasDue := m.due
	m.asked = start
	if m.early {
		m.early = false
		m.hurries++
	} else {
		m.hurries = 0
	}
	rs := append(m.readings[:0], Reading{Point: m.up}, Reading{Point: m.duration})
	rested := m.silent && m.failures > 1
	var err error
	if rested {
		err = b.probe(ctx, m, start)
	}
	if err == nil {
		pollCtx, cancel := ctx, func() {}
		if len(b.members) > 1 {
			pollCtx, cancel = context.WithTimeout(ctx, max(5*time.Second, m.device.Every))
		}
		rs, err = m.source.Poll(pollCtx, rs)
		cancel()
	}
	p := &Poll{Device: m.device, Time: start, Duration: time.Since(start), Err: err}
	if err == nil {
		rs[0].Value = 1
		m.failures = 0
	} else {
		m.failures++
	}
	p.Failures = m.failures
	rs[1].Value = p.Duration.Seconds()
	for i := range rs {
		rs[i].Time = start
	}
	m.readings, p.Readings = rs, rs
	if ctx.Err() != nil {
		return p
	}
	b.report(m, err, log)
	if nothing := len(rs) == 2; err == nil && nothing != m.mum && m.device.Profile != "" {
		m.mum = nothing
		if nothing {
			log.Warn("device answers, and has nothing that its profile reads", "device", m.device.ID, "profile", m.device.Profile)
		} else {
			log.Info("device has what its profile reads", "device", m.device.ID)
		}
	}
	m.silent = err != nil

	end := time.Now()
	earliest := end
	if m.failures > 1 {
		earliest = end.Add(b.rest(m))
	}
	m.due = m.after(earliest)
	if !rested {
		missed := int(m.after(end).Sub(wasDue)/m.device.Every) - 1
		p.Skipped = max(0, missed)
	}
	p.Next = m.due
	return p
}

// after returns the first of m's times on the grid that is later than t.
func (m *member) after(t time.Time) time.Time {
	n := t.Sub(m.phase)/m.device.Every + 1
	return m.phase.Add(n * m.device.Every)
}

// probe asks a silent device the cheap question. Three times of four it stops
// waiting when a healthy neighbour is due; the fourth time the device has its
// full timeout, in case it is just slow.
func (b *Bus) probe(ctx context.Context, m *member, now time.Time) error {
	if m.failures%4 != 0 {
		var soonest time.Time
		for _, n := range b.members {
			if n != m && !n.silent && (soonest.IsZero() || n.due.Before(soonest)) {
				soonest = n.due
			}
		}
		if !soonest.IsZero() {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, max(probeAtLeast, soonest.Sub(now)))
			defer cancel()
		}
	}
	return m.source.Probe(ctx)
}

// rest returns how long a silent device is left alone.
func (b *Bus) rest(m *member) time.Duration {
	limit := restAlone
	for _, n := range b.members {
		if n != m && !n.silent {
			limit = restShared
		}
	}
	rest := m.device.Every
	for i := 1; i < m.failures && rest < limit; i++ {
		rest *= 2
	}
	return max(m.device.Every, min(rest, limit)) - m.device.Every
}

// report writes one log line when a device, or the whole wire, falls silent
// and one when it answers again. A wire that answers again wakes the devices
// that were resting on it.
func (b *Bus) report(m *member, err error, log *slog.Logger) {
	if err != nil {
		switch {
		case errors.Is(err, ErrUnreachable) && len(b.members) > 1:
			if !b.down {
				b.down = true
				log.Warn("bus is unreachable, its devices are not polled", "bus", b.ID, "devices", len(b.members), "err", err)
			}
		case !m.silent:
			m.reported = true
			log.Warn("device is silent", "device", m.device.ID, "err", err)
		}
		return
	}
	if b.down {
		b.down = false
		log.Info("bus answers again", "bus", b.ID)
	}
	if m.reported {
		m.reported = false
		log.Info("device answers again", "device", m.device.ID)
	}
	if m.silent {
		for _, n := range b.members {
			if n != m && n.silent && n.failures > 1 {
				n.due = time.Now()
			}
		}
	}
}
