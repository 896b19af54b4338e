package events

import (
	"fmt"
	"testing"
	"time"

	"plantroom/agent"
)

// fleet returns polls of 200 devices with 100 readings each, half of which
// have a limit of their own: 10,000 limits.
func fleet() (polls []*agent.Poll, s Setup) {
	for i := range 200 {
		d := &agent.Device{ID: fmt.Sprint("meter-", i), Name: "Meter", Class: "switchboard", Every: time.Second}
		s.Devices = append(s.Devices, d)
		p := &agent.Poll{Device: d}
		for j := range 100 {
			m := &agent.Metric{Class: "switchboard", Name: fmt.Sprint("x_", j/10), Unit: "A"}
			point := &agent.Point{Device: d, Metric: m, Channel: fmt.Sprint("branch ", j%10)}
			p.Readings = append(p.Readings, agent.Reading{Point: point, Value: 10})
			if j%2 == 0 {
				s.Limits = append(s.Limits, Limit{Class: m.Class, Metric: m.Name, Device: d.ID, Channel: &point.Channel,
					WarnHigh: number(16), AlarmHigh: number(20), WarnLow: number(1)})
			}
		}
		polls = append(polls, p)
	}
	return polls, s
}

// BenchmarkObserve measures a second of 20,000 readings with 10,000 limits, of
// which none is passed.
func BenchmarkObserve(b *testing.B) {
	polls, setup := fleet()
	e, err := Open(Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	e.Configure(setup)
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	second := func(n int) {
		for i, p := range polls {
			p.Time = at
			for j := range p.Readings {
				p.Readings[j].Time, p.Readings[j].Value = at, 10+float64((i+j+n)%5)
			}
			e.Observe(p)
		}
		at = at.Add(time.Second)
	}
	second(0)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		second(n)
	}
	perSecond := b.Elapsed() / time.Duration(n)
	b.ReportMetric(float64(perSecond.Nanoseconds())/20000, "ns/reading")
	b.ReportMetric(100*perSecond.Seconds(), "%core")
}

// TestObserveAllocatesNothing: a reading that makes no event costs no memory.
func TestObserveAllocatesNothing(t *testing.T) {
	polls, setup := fleet()
	e := open(t, Options{}, setup)
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	n := testing.AllocsPerRun(20, func() {
		at = at.Add(time.Second)
		for _, p := range polls {
			p.Time = at
			e.Observe(p)
		}
	})
	if n != 0 {
		t.Errorf("20,000 readings cost %g allocations", n)
	}
}
