package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"plantroom/agent"
	"plantroom/config"
	"plantroom/drivers/sim"
	"plantroom/testdata/peer"
)

// A counting device says another number each time it is asked.
type counting struct {
	mu   sync.Mutex
	last int
}

func (c *counting) Value(*agent.Metric, string) (float64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	return float64(c.last), true
}

func (c *counting) Channels(*agent.Metric) []string { return []string{""} }
func (c *counting) ChannelName(string) string       { return "" }

func (c *counting) handedOut() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// writeCounterSite serves counters as Modbus devices d0, d1, ... and returns the
// configuration of a site that polls them every 100 ms into an InfluxDB, with
// its queue in a folder beside.
func writeCounterSite(t *testing.T, influx string, counters []*counting) (path string) {
	t.Helper()
	const profile = "profile: counter\nclass: switchboard\nmodbus: {points: [{metric: x_count, unit: \"\", holding: 0, type: u32}]}\n"
	p, err := config.ParseProfile("counter.yaml", []byte(profile))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var site strings.Builder
	fmt.Fprintf(&site, "site: a\nprofiles: [profiles]\nqueue: {dir: queue}\noutputs: {influx: {url: %q, bucket: facility}}\ndevices:\n", influx)
	for i, c := range counters {
		s, err := sim.ServeModbus("127.0.0.1:0", map[int]sim.Unit{1: {Profile: p, Values: c}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		fmt.Fprintf(&site, "  - {id: d%d, profile: counter, modbus: {tcp: %q, unit: 1}, every: 100ms}\n", i, s.Addr())
	}
	path = filepath.Join(dir, "site.yaml")
	put(t, path, site.String())
	put(t, filepath.Join(dir, "profiles", "counter.yaml"), profile)
	return path
}

// numbers are those of a counter that are in InfluxDB.
func numbers(t *testing.T, db *peer.InfluxDB, device string) map[int]bool {
	t.Helper()
	there := map[int]bool{}
	for line := range strings.Lines(db.Query(t, fmt.Sprintf("SELECT x_count FROM switchboard WHERE device = '%s'", device))) {
		v, err := strconv.Atoi(strings.TrimSpace(line[strings.LastIndexByte(line, ',')+1:]))
		if err == nil {
			there[v] = true
		}
	}
	return there
}

// TestKill kills the agent twenty times, -9, while it polls fifty devices every
// 100 ms and the database comes and goes. Every number that a device said is in
// the database afterwards, but for those of polls that were under way when the
// agent was killed.
func TestKill(t *testing.T) {
	const devices, kills = 50, 20
	db := peer.StartInfluxDB(t)
	counters := make([]*counting, devices)
	for i := range counters {
		counters[i] = &counting{}
	}
	site := writeCounterSite(t, db.URL, counters)
	start, log := processes(t, "run", site)
	inFlight := make([]map[int]bool, devices)
	for i := range inFlight {
		inFlight[i] = map[int]bool{}
	}
	note := func() {
		for i, c := range counters {
			inFlight[i][c.handedOut()] = true
		}
	}
	random := rand.New(rand.NewPCG(20, 24))
	down := false
	for kill := range kills {
		agent := start()
		note() // of a request that was read late
		since := counters[0].handedOut()
		polls := 5 + random.IntN(15) // half a second to two
		peer.Until(t, "polls", func() bool { return counters[0].handedOut() >= since+polls })
		switch {
		case kill%5 == 2:
			db.Process.Stop()
			down = true
		case kill%5 == 4 && down:
			db.Restart(t)
			down = false
		}
		agent.Process.Kill()
		agent.Wait()
		note()
	}
	agent := start()
	since := counters[0].handedOut()
	peer.Until(t, "polls", func() bool { return counters[0].handedOut() >= since+5 })
	agent.Process.Signal(os.Interrupt)
	agent.Wait()
	note()
	start() // delivers what the last one may not have had the time for

	handed := 0
	began := time.Now()
	for i, c := range counters {
		last := c.handedOut()
		missing := func() (lost []int) {
			there := numbers(t, db, fmt.Sprintf("d%d", i))
			for v := 1; v <= last; v++ {
				if !there[v] && !inFlight[i][v] {
					lost = append(lost, v)
				}
			}
			return lost
		}
		var lost []int
		for {
			if lost = missing(); len(lost) == 0 || time.Since(began) > 3*time.Minute {
				break
			}
		}
		if len(lost) > 0 {
			t.Errorf("d%d said 1 to %d; lost are %v", i, last, lost)
		}
		handed += last
	}
	if t.Failed() {
		t.Fatalf("the agents' log:\n%s", log)
	}
	t.Logf("%d numbers were said, none is lost", handed)
}
