// Package trend remembers the last hour and the last day of the points that a
// wall shows, in memory.
//
// A point's good readings are gathered in buckets that begin at whole
// multiples of their step: 5 s for the hour, a minute for the day. A bucket
// holds the least, the mean and the greatest value; of a state it holds the
// last code. A bucket without a reading is a gap, and stays one.
//
//	hour  12 closed blocks + 1 open, of 60 buckets of 5 s
//	day   24 closed blocks + 1 open, of 60 buckets of 1 min
//
// Sixty buckets are a block. The open one is kept as it is; a closed one is
// 4 bytes where nothing moved in it, and otherwise 368: its least and greatest
// value and, for each bucket, three steps of 16 bits between the two. A value
// is therefore exact to 1/65534 of what its block spans. A point costs from
// 4 to 17 kB (BenchmarkMemory), and there are never more points than Limit.
//
// With a file, what is remembered outlasts a restart: it is written every ten
// minutes and at the end, beside the file and then in its place. A file that
// cannot be read costs what was remembered, one line of log, and nothing else.
package trend

import (
	"log/slog"
	"math"
	"sync"
	"time"

	"plantroom/agent"
)

// Limit is how many points are remembered; further ones are not, which is
// logged once. It bounds the memory at about 50 MB.
const Limit = 3000

const (
	perBlock  = 60
	hourStep  = 5 * time.Second
	dayStep   = time.Minute
	saveEvery = 10 * time.Minute
)

// A Store is what is remembered. It is safe for concurrent use.
type Store struct {
	keep func(*agent.Point) bool
	file string // "" for none
	log  *slog.Logger

	mu      sync.Mutex
	series  map[key]*series
	devices map[string]*agent.Places[*series] // by device id, a way to those of series that are in use
	full    bool                              // said already

	stop, done chan struct{}
}

// A key is what a point is over all configurations and runs.
type key struct{ Device, Metric, Channel string }

// A series is what is remembered of a point.
type series struct {
	hour, day ring
}

// Open returns a store of the points for which keep is true, with what the
// file of an earlier run holds. The file may be absent, and "" is none.
func Open(file string, keep func(*agent.Point) bool, log *slog.Logger) *Store {
	s := &Store{keep: keep, file: file, log: log, series: map[key]*series{}, devices: map[string]*agent.Places[*series]{},
		stop: make(chan struct{}), done: make(chan struct{})}
	if file == "" {
		close(s.done)
		return s
	}
	if all, err := load(file); err != nil {
		log.Warn("the trends of an earlier run are lost, new ones begin", "err", err)
	} else {
		s.series = all
	}
	go func() {
		defer close(s.done)
		t := time.NewTicker(saveEvery)
		defer t.Stop()
		broken := false
		for {
			select {
			case <-t.C:
				err := s.save(time.Now())
				if err != nil && !broken {
					log.Error("trends are not kept", "err", err)
				}
				broken = err != nil
			case <-s.stop:
				return
			}
		}
	}()
	return s
}

// Close writes the file.
func (s *Store) Close() error {
	close(s.stop)
	<-s.done
	if s.file == "" {
		return nil
	}
	return s.save(time.Now())
}

// Observe remembers a poll; it is an agent's observer.
func (s *Store) Observe(p *agent.Poll) {
	s.mu.Lock()
	defer s.mu.Unlock()
	places := s.devices[p.Device.ID]
	if places == nil {
		places = &agent.Places[*series]{}
		s.devices[p.Device.ID] = places
	}
	for i := range p.Readings {
		r := &p.Readings[i]
		if r.Quality != agent.Good {
			continue
		}
		if to := places.At(i, r.Point, s.of); to != nil {
			last := r.Point.Metric.Kind == agent.State
			to.hour.add(r.Time, hourStep, float32(r.Value), last)
			to.day.add(r.Time, dayStep, float32(r.Value), last)
		}
	}
}

// of returns the series of a point, nil where it is not kept.
func (s *Store) of(p *agent.Point) *series {
	if !s.keep(p) {
		return nil
	}
	k := key{p.Device.ID, p.Metric.Name, p.Channel}
	found := s.series[k]
	if found == nil {
		if len(s.series) >= Limit {
			if !s.full {
				s.full = true
				s.log.Warn("there are too many points for all of them to have trends", "limit", Limit)
			}
			return nil
		}
		found = &series{hour: newRing(12), day: newRing(24)}
		s.series[k] = found
	}
	return found
}

// A Series is a stretch of equal buckets, the oldest first. Where there was no
// reading all three values are NaN.
type Series struct {
	From           time.Time // when the first bucket begins
	Step           time.Duration
	Min, Mean, Max []float64
}

// Hour returns the hour of a point before now, and whether the point is known;
// of one that is not, all gaps. The last bucket is the one that now is in.
func (s *Store) Hour(device, metric, channel string, now time.Time) (Series, bool) {
	return s.last(device, metric, channel, now, time.Hour, hourStep, func(s *series) *ring { return &s.hour })
}

// Day returns the same of the day before now.
func (s *Store) Day(device, metric, channel string, now time.Time) (Series, bool) {
	return s.last(device, metric, channel, now, 24*time.Hour, dayStep, func(s *series) *ring { return &s.day })
}

func (s *Store) last(device, metric, channel string, now time.Time, length, step time.Duration, ring func(*series) *ring) (Series, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, known := s.series[key{device, metric, channel}]
	if !known {
		found = &series{}
	}
	n := int(length / step)
	first := bucketAt(now, step) - int64(n) + 1
	out := Series{From: time.Unix(0, first*int64(step)), Step: step,
		Min: make([]float64, n), Mean: make([]float64, n), Max: make([]float64, n)}
	var at [perBlock]bucket
	read := int64(math.MinInt64) // the block that at holds
	for i := range n {
		b := first + int64(i)
		if block := floorDiv(b, perBlock); block != read {
			ring(found).block(block, &at)
			read = block
		}
		v := &at[b-read*perBlock]
		if v.n == 0 {
			out.Min[i], out.Mean[i], out.Max[i] = math.NaN(), math.NaN(), math.NaN()
			continue
		}
		out.Min[i], out.Mean[i], out.Max[i] = float64(v.min), float64(v.mean), float64(v.max)
	}
	return out, known
}

// bucketAt returns the number of the bucket that t is in, counted since 1970.
func bucketAt(t time.Time, step time.Duration) int64 { return floorDiv(t.UnixNano(), int64(step)) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
