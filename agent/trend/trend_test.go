package trend

import (
	"bytes"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"plantroom/agent"
)

var (
	ups         = &agent.Device{ID: "ups-a", Class: "ups", Every: time.Second}
	voltage     = &agent.Metric{Class: "ups", Name: "input_voltage", Unit: "V"}
	status      = &agent.Metric{Class: "ups", Name: "status", Kind: agent.State, States: []string{"unknown", "online", "on_battery"}}
	voltageL1   = &agent.Point{Device: ups, Metric: voltage, Channel: "L1"}
	statusPoint = &agent.Point{Device: ups, Metric: status}
)

func everything(*agent.Point) bool { return true }

func open(t testing.TB, file string) *Store {
	s := Open(file, everything, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func observe(s *Store, at time.Time, p *agent.Point, v float64) {
	r := p.Measured(v)
	r.Time = at
	s.Observe(&agent.Poll{Device: p.Device, Time: at, Readings: []agent.Reading{r}})
}

// noon is a multiple of every step.
var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// TestAgainstPlainSums: over two days of readings with holes, every bucket is
// what the readings in it come to, to the resolution of its block.
func TestAgainstPlainSums(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, seed))
		s := open(t, "")
		type sum struct{ min, max, sum, n float64 }
		days := map[int64]*sum{}
		hours := map[int64]*sum{}
		v, at := 230.0, noon
		for at.Before(noon.Add(49 * time.Hour)) {
			v += rng.NormFloat64()
			observe(s, at, voltageL1, v)
			for step, sums := range map[time.Duration]map[int64]*sum{dayStep: days, hourStep: hours} {
				b := bucketAt(at, step)
				if sums[b] == nil {
					sums[b] = &sum{math.Inf(1), math.Inf(-1), 0, 0}
				}
				sums[b].min, sums[b].max = min(sums[b].min, v), max(sums[b].max, v)
				sums[b].sum += v
				sums[b].n++
			}
			at = at.Add(time.Duration(1+rng.IntN(20)) * time.Second)
			if rng.IntN(2000) == 0 {
				at = at.Add(time.Duration(rng.IntN(5*3600)) * time.Second)
			}
		}
		now := at.Add(-time.Second)
		for name, c := range map[string]struct {
			get  func(device, metric, channel string, now time.Time) (Series, bool)
			sums map[int64]*sum
			step time.Duration
			n    int
		}{"hour": {s.Hour, hours, hourStep, 720}, "day": {s.Day, days, dayStep, 1440}} {
			got, ok := c.get("ups-a", "input_voltage", "L1", now)
			if !ok || len(got.Mean) != c.n || got.Step != c.step || now.Before(got.From.Add(time.Duration(c.n-1)*c.step)) || !now.Before(got.From.Add(time.Duration(c.n)*c.step)) {
				t.Fatalf("seed %d, %s: %v, %d buckets of %s from %s, now is %s", seed, name, ok, len(got.Mean), got.Step, got.From, now)
			}
			for i := range got.Mean {
				want := c.sums[bucketAt(got.From, c.step)+int64(i)]
				if want == nil {
					if !math.IsNaN(got.Min[i]) || !math.IsNaN(got.Mean[i]) || !math.IsNaN(got.Max[i]) {
						t.Fatalf("seed %d, %s: bucket %d is a gap and says %g", seed, name, i, got.Mean[i])
					}
					continue
				}
				// A block of the walk spans less than 400 V.
				const near = 400.0/65534 + 1e-3
				if math.Abs(got.Min[i]-want.min) > near || math.Abs(got.Max[i]-want.max) > near || math.Abs(got.Mean[i]-want.sum/want.n) > near ||
					got.Min[i] > got.Mean[i]+1e-4 || got.Mean[i] > got.Max[i]+1e-4 {
					t.Fatalf("seed %d, %s: bucket %d is %g %g %g, want %g %g %g", seed, name, i, got.Min[i], got.Mean[i], got.Max[i], want.min, want.sum/want.n, want.max)
				}
			}
		}
	}
}

// TestStatesKeepTheirCodes: a state's buckets hold the last code, exactly.
func TestStatesKeepTheirCodes(t *testing.T) {
	s := open(t, "")
	for i := range 7200 {
		observe(s, noon.Add(time.Duration(i)*time.Second), statusPoint, float64(1+i/61%2))
	}
	got, _ := s.Day("ups-a", "status", "", noon.Add(2*time.Hour-time.Second))
	for i, code := range got.Mean[1440-120:] {
		if want := float64(1 + (i*60+59)/61%2); math.Abs(code-want) > 1e-4 || got.Min[1320+i] != code || got.Max[1320+i] != code {
			t.Fatalf("minute %d: %g, want %g", i, code, want)
		}
	}
}

// TestOnlyGoodReadings: what was not read, or cannot be true, is a gap.
func TestOnlyGoodReadings(t *testing.T) {
	s := open(t, "")
	high := &agent.Point{Device: ups, Metric: &agent.Metric{Name: "output_load", Max: 300}}
	for _, r := range []agent.Reading{high.Measured(6553.5), high.Failed(os.ErrDeadlineExceeded)} {
		r.Time = noon
		s.Observe(&agent.Poll{Device: ups, Readings: []agent.Reading{r}})
	}
	if _, ok := s.Hour("ups-a", "output_load", "", noon); ok {
		t.Error("a point without a good reading is known")
	}
}

// TestClockSetBack: what was of a time that is to come again is forgotten,
// what was before is kept.
func TestClockSetBack(t *testing.T) {
	s := open(t, "")
	for i := range 3 * 60 {
		observe(s, noon.Add(time.Duration(i)*time.Minute), voltageL1, float64(i))
	}
	back := noon.Add(30 * time.Minute)
	observe(s, back, voltageL1, 1000)
	got, _ := s.Day("ups-a", "input_voltage", "L1", noon.Add(4*time.Hour))
	n := len(got.Mean)
	at := func(minute int) float64 { return got.Mean[n-1-240+minute] }
	if math.Abs(at(29)-29) > 0.1 || at(30) < 500 || !math.IsNaN(at(60)) || !math.IsNaN(at(179)) {
		t.Errorf("minutes 29, 30, 60 and 179 are %g, %g, %g and %g", at(29), at(30), at(60), at(179))
	}
	observe(s, noon.Add(-1000*time.Hour), voltageL1, 5)
	if got, _ := s.Day("ups-a", "input_voltage", "L1", noon); slices.ContainsFunc(got.Mean, func(v float64) bool { return !math.IsNaN(v) }) {
		t.Error("a clock that was set far back leaves the day as it was")
	}
}

// TestRestart: another run knows what this one did, and what became no longer
// of interest does not stay in the file for ever.
func TestRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trend", "trends")
	first := open(t, file)
	now := time.Now()
	for i := range 5000 {
		at := now.Add(time.Duration(i-5000) * 10 * time.Second)
		observe(first, at, voltageL1, 230+math.Sin(float64(i)))
		observe(first, at, statusPoint, 1)
	}
	gone := &agent.Point{Device: ups, Metric: voltage, Channel: "L2"}
	observe(first, now.Add(-30*time.Hour), gone, 230)
	if err := first.save(now); err != nil {
		t.Fatal(err)
	}
	second := open(t, file)
	for _, metric := range []struct{ name, channel string }{{"input_voltage", "L1"}, {"status", ""}} {
		for name, get := range map[string][2]func(device, metric, channel string, now time.Time) (Series, bool){
			"hour": {first.Hour, second.Hour}, "day": {first.Day, second.Day},
		} {
			want, _ := get[0]("ups-a", metric.name, metric.channel, now)
			got, ok := get[1]("ups-a", metric.name, metric.channel, now)
			for i := range want.Mean {
				if d := math.Abs(got.Mean[i] - want.Mean[i]); !ok || d > 1e-3 || math.IsNaN(got.Mean[i]) != math.IsNaN(want.Mean[i]) {
					t.Fatalf("%s, %s, bucket %d: %g, was %g", metric.name, name, i, got.Mean[i], want.Mean[i])
				}
			}
		}
	}
	if _, ok := second.Day("ups-a", "input_voltage", "L2", now); ok {
		t.Error("a point without a reading for a day is in the file")
	}
	// The next configuration's points are others, and the same to people.
	again := *voltageL1
	observe(second, now, &again, 231)
	if got, _ := second.Day("ups-a", "input_voltage", "L1", now); math.IsNaN(got.Mean[1439]) || math.IsNaN(got.Mean[1400]) {
		t.Error("a reading of another configuration began a trend of its own")
	}
}

// TestSavedByItself: a killed agent loses ten minutes of its trends.
func TestSavedByItself(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trends")
	synctest.Test(t, func(t *testing.T) {
		s := Open(file, everything, slog.New(slog.DiscardHandler))
		observe(s, time.Now(), voltageL1, 230)
		time.Sleep(saveEvery)
		synctest.Wait()
		all, err := load(file)
		if err != nil || len(all) != 1 {
			t.Errorf("after %s the file holds %d points, %v", saveEvery, len(all), err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestForgotten: a point without a reading for a day is forgotten, and remembered again when it is read again.
func TestForgotten(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "trends"))
	observe(s, noon, voltageL1, 230)
	later := noon.Add(50 * time.Hour)
	if err := s.save(later); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Hour("ups-a", "input_voltage", "L1", later); ok {
		t.Error("after two days without a reading the point is known")
	}
	observe(s, later, voltageL1, 231)
	if hour, ok := s.Hour("ups-a", "input_voltage", "L1", later); !ok || hour.Max[len(hour.Max)-1] != 231 {
		t.Errorf("what is read then is not remembered: %v, %v", ok, hour.Max)
	}
}

// TestDamage: whatever befalls a file costs what was in it and one line of log.
func TestDamage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trends")
	s := open(t, file)
	for i := range 100 {
		observe(s, noon.Add(time.Duration(i)*time.Minute), voltageL1, float64(i))
	}
	if err := s.save(noon); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, text []byte) {
		t.Helper()
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		s := Open(file, everything, slog.New(slog.NewTextHandler(&log, nil)))
		defer s.Close()
		if _, ok := s.Hour("ups-a", "input_voltage", "L1", noon); ok || strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), file) {
			t.Fatalf("%s: known %v, log %q", what, ok, &log)
		}
		observe(s, noon, voltageL1, 1)
		if _, ok := s.Hour("ups-a", "input_voltage", "L1", noon); !ok {
			t.Fatalf("%s: no new trend begins", what)
		}
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 40 {
		at := rng.IntN(len(whole))
		flipped := bytes.Clone(whole)
		flipped[at] ^= 1 << rng.IntN(8)
		try("a flipped bit", flipped)
		try("a torn file", whole[:at])
	}
	try("a foreign file", []byte("# Changes\n"))
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := load(file); err != nil || len(all) != 1 {
		t.Errorf("the file as it was: %d points, %v", len(all), err)
	}
}

func TestCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, "blocked")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := Open(filepath.Join(blocked, "trends"), everything, slog.New(slog.DiscardHandler))
	observe(s, noon, voltageL1, 230)
	if err := s.Close(); err == nil {
		t.Error("no error for a file below a file")
	}
	if _, ok := s.Hour("ups-a", "input_voltage", "L1", noon); !ok {
		t.Error("what is in memory is lost too")
	}
}

func TestLimit(t *testing.T) {
	var log bytes.Buffer
	s := Open("", everything, slog.New(slog.NewTextHandler(&log, nil)))
	defer s.Close()
	for i := range Limit + 10 {
		observe(s, noon, &agent.Point{Device: ups, Metric: voltage, Channel: string(rune('a' + i))}, 1)
	}
	if len(s.series) != Limit || strings.Count(log.String(), "too many points") != 1 {
		t.Errorf("%d points, log %q", len(s.series), &log)
	}
}

// FuzzFile: what a file holds, behind its checksum, is refused or is sound.
func FuzzFile(f *testing.F) {
	s := Open("", everything, slog.New(slog.DiscardHandler))
	defer s.Close()
	for i := range 100 {
		observe(s, noon.Add(time.Duration(i)*time.Minute), voltageL1, float64(i))
		observe(s, noon.Add(time.Duration(i)*time.Minute), statusPoint, 1)
	}
	f.Add(s.encode(noon))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := decodeAll(text)
		if err != nil {
			return
		}
		s := Open("", everything, slog.New(slog.DiscardHandler))
		defer s.Close()
		s.series = maps.Clone(all)
		for k := range all {
			for _, now := range []time.Time{noon, time.Unix(0, all[k].day.open*perBlock*int64(dayStep))} {
				got, _ := s.Day(k.Device, k.Metric, k.Channel, now)
				for i := range got.Mean {
					if math.IsInf(got.Mean[i], 0) || got.Min[i] > got.Max[i] {
						t.Fatalf("%v: bucket %d is %g..%g", k, i, got.Min[i], got.Max[i])
					}
				}
			}
			at := *voltageL1.Device
			at.ID = k.Device
			observe(s, noon, &agent.Point{Device: &at, Metric: &agent.Metric{Name: k.Metric}, Channel: k.Channel}, 1)
		}
	})
}

// BenchmarkObserve: a poll with 24 readings of which 8 are remembered.
func BenchmarkObserve(b *testing.B) {
	shown := map[string]bool{}
	s := Open("", func(p *agent.Point) bool { return shown[p.Metric.Name] }, slog.New(slog.DiscardHandler))
	defer s.Close()
	p := &agent.Poll{Device: ups}
	for i := range 24 {
		m := &agent.Metric{Name: string(rune('a' + i))}
		shown[m.Name] = i < 8
		p.Readings = append(p.Readings, (&agent.Point{Device: ups, Metric: m}).Measured(230))
	}
	at := noon
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(time.Second)
		for i := range p.Readings {
			p.Readings[i].Time = at
			p.Readings[i].Value += 0.01
		}
		s.Observe(p)
	}
}

// BenchmarkMemory: what a point costs after a day, one that moves and one that
// does not.
func BenchmarkMemory(b *testing.B) {
	for name, move := range map[string]float64{"moving": 1, "still": 0} {
		b.Run(name, func(b *testing.B) {
			const points = 100
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				s := Open("", everything, slog.New(slog.DiscardHandler))
				for n := range points {
					p := &agent.Point{Device: ups, Metric: voltage, Channel: string(rune('a' + n))}
					for i := range 24 * 3600 / 5 {
						observe(s, noon.Add(time.Duration(i)*5*time.Second), p, 230+move*float64(i%7))
					}
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/points, "B/point")
				s.Close()
			}
		})
	}
}
