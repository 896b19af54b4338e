package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plantroom/agent"
	"plantroom/agent/power"
	"plantroom/config"
	"plantroom/drivers"
	"plantroom/drivers/sim"
)

// A watch is the demo's facility, polled through its sockets in the facility's
// own time: each device once a second, each at another moment of it.
type watch struct {
	t        *testing.T
	facility *sim.Facility
	network  *power.Network
	order    []int // of the devices, in which they are polled
	devices  []*agent.Device
	sources  map[string]agent.Source
	began    time.Time
	readings []agent.Reading
	seen     []stand // what the path said, each change of it
	silent   map[string]bool
}

// A stand is what the building stood on, and since when.
type stand struct {
	On string // mains, batteries, gen-1
	At time.Duration
}

// simulated serves the devices of a facility until the test ends, and returns
// their addresses.
func simulated(t *testing.T, o sim.Options) (f *sim.Facility, addresses map[string]string) {
	t.Helper()
	f, err := sim.NewFacility(o)
	if err != nil {
		t.Fatal(err)
	}
	addresses, servers, err := serveFacility(f)
	t.Cleanup(func() {
		for _, s := range servers {
			s.Close()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return f, addresses
}

func newWatch(t *testing.T, scenario string, seed uint64) *watch {
	f, addresses := simulated(t, sim.Options{Scenario: scenario, Seed: seed, Start: 7 * time.Hour})
	site := loadDemo(t, f, addresses)
	plan := drivers.Build(site, nil, slog.New(slog.DiscardHandler))
	w := &watch{t: t, facility: f, sources: map[string]agent.Source{}, began: time.Now(), silent: map[string]bool{}}
	for _, b := range plan.Buses() {
		t.Cleanup(func() { b.Close() })
		for _, d := range b.Devices() {
			if d.Class != "climate" { // which has no part in it
				w.sources[d.ID] = b.Source(d.ID)
				w.devices = append(w.devices, d)
			}
		}
	}
	w.order = rand.New(rand.NewPCG(seed, 7)).Perm(len(w.devices))
	w.network = power.New(w.devices, nodes(site))
	w.network.Changes(func(p agent.Path) {
		on := p.On.String()
		if p.On == agent.Generator {
			on = strings.Join(p.Sources, "+")
		}
		if len(w.seen) == 0 || w.seen[len(w.seen)-1].On != on {
			w.seen = append(w.seen, stand{on, f.Now()})
		}
	})
	return w
}

// run steps the facility on and polls it.
func (w *watch) run(d time.Duration) {
	w.t.Helper()
	const moments = 5
	for end := w.facility.Now() + d; w.facility.Now() < end; {
		for m := range moments {
			w.facility.Step(time.Second / moments)
			for i, at := range w.order {
				if i%moments == m {
					w.poll(w.devices[at])
				}
			}
		}
	}
}

func (w *watch) poll(d *agent.Device) {
	w.t.Helper()
	p := &agent.Poll{Device: d, Time: w.began.Add(w.facility.Now())}
	if w.silent[d.ID] {
		p.Err, p.Failures = errors.New("timeout"), 2
		w.network.Observe(p)
		return
	}
	rs, err := w.sources[d.ID].Poll(w.t.Context(), w.readings[:0])
	if err != nil {
		w.t.Fatal(d.ID, err)
	}
	w.readings, p.Readings = rs, rs
	w.network.Observe(p)
}

// stood is what the facility itself knows the servers to have stood on.
func (w *watch) stood() []stand {
	state := map[string]string{"ups-a": "online", "ups-b": "online", "ats-1": "a", "ats-2": "a"}
	out := []stand{{"mains", 0}}
	for _, tr := range w.facility.Transitions() {
		if tr.What != "status" && tr.What != "selected_source" || state[tr.Device] == "" {
			continue
		}
		state[tr.Device] = tr.To
		on := ""
		switch {
		case state["ups-a"] == "on_battery" && state["ups-b"] == "on_battery":
			on = "batteries"
		case state["ups-a"] != "online" && state["ups-b"] != "online":
			on = "dead"
		case state["ats-2"] == "b":
			on = "gen-2"
		case state["ats-1"] == "b" && state["ats-2"] == "a":
			on = "gen-1"
		case state["ats-1"] == "a" && state["ats-2"] == "a":
			on = "mains"
		}
		// The switch is between its contacts, and the UPS units have not
		// noticed within the same moment.
		if last := &out[len(out)-1]; on == "" || on == last.On {
			continue
		} else if last.At == tr.At && len(out) > 1 {
			last.On = on
		} else {
			out = append(out, stand{on, tr.At})
		}
	}
	return out
}

// figure returns what a device really has, as the facility knows it.
func (w *watch) figure(id, metric string) float64 {
	v, ok := w.facility.Device(id).Number(metric, "")
	if !ok {
		w.t.Fatalf("%s has no %s", id, metric)
	}
	return v
}

// site returns the site's figures; those that cannot be said now are not there.
func (w *watch) site() map[string]float64 {
	out := map[string]float64{}
	f := agent.NewFigures(&agent.Device{ID: "site", Class: "site"}, func(name string) *agent.Metric { return config.Lookup("site", name) })
	for _, r := range f.Take(nil, w.network.Site) {
		if r.Quality == agent.Good {
			out[r.Point.Metric.Name] = r.Value
		}
	}
	return out
}

// patient has devices answer in time whatever else the machine does.
func patient(site *config.Site) *config.Site {
	for _, d := range site.Devices {
		d.Timeout = time.Minute
	}
	return site
}

// loadDemo writes and loads the configuration of the demo.
func loadDemo(t *testing.T, f *sim.Facility, addresses map[string]string) *config.Site {
	path, err := writeDemo(t.TempDir(), demoConfig(f, addresses, "127.0.0.1:0", "127.0.0.1:0", &demoCmd{Every: time.Second}, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	site, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return patient(site)
}

// TestPathFollowsTheFacility: in every scenario the path says what the servers
// stand on as the facility knows it: the same things in the same order, each
// within one poll, whatever order the devices are polled in.
func TestPathFollowsTheFacility(t *testing.T) {
	for _, test := range []struct {
		scenario string
		lasts    time.Duration
		orders   uint64
		want     []string
	}{
		{"calm", 20 * time.Second, 1, []string{"mains"}},
		{"mains-failure", 270 * time.Second, 3, []string{"mains", "batteries", "gen-1", "batteries", "mains"}},
		{"monthly-test", 970 * time.Second, 1, []string{"mains", "batteries", "gen-1", "batteries", "mains"}},
		{"generator-fails", 970 * time.Second, 1, []string{"mains", "batteries", "gen-2", "batteries", "mains"}},
		{"flapping-mains", 130 * time.Second, 1, []string{"mains", "batteries", "mains", "batteries", "mains", "batteries", "gen-1", "batteries", "mains"}},
		{"cooling-failure", 120 * time.Second, 1, []string{"mains"}},
	} {
		for seed := range test.orders {
			t.Run(fmt.Sprintf("%s/%d", test.scenario, seed), func(t *testing.T) {
				if test.lasts > 300*time.Second && testing.Short() {
					t.Skip("a quarter of an hour in the facility")
				}
				t.Parallel()
				w := newWatch(t, test.scenario, seed)
				w.run(test.lasts)
				seen := lasting(w.seen)
				truth := w.stood()
				if diff := cmp.Diff(test.want, onOf(truth)); diff != "" {
					t.Errorf("the facility stood on: (-want +got)\n%s", diff)
				}
				if diff := cmp.Diff(test.want, onOf(seen)); diff != "" {
					t.Fatalf("the path said: (-want +got)\n%s", diff)
				}
				missing := ""
				if path := w.network.Path(); len(path.Missing) > 0 {
					missing = path.Missing[0].EN
				}
				if want := map[string]string{"generator-fails": "Generator 1 in fault"}[test.scenario]; missing != want {
					t.Errorf("in the end %q is missing, want %q", missing, want)
				}
				for i := range seen {
					if late := seen[i].At - truth[i].At; late < 0 || late > time.Second {
						t.Errorf("%s began at %v, and the path said so at %v", truth[i].On, truth[i].At, seen[i].At)
					}
				}
			})
		}
	}
}

// lasting leaves out what was said for less than the second in which devices
// are polled one after the other, and the time before the first poll.
func lasting(seen []stand) (out []stand) {
	for i, s := range seen {
		if s.On != "no_data" && (i == len(seen)-1 || seen[i+1].At-s.At >= time.Second) && (len(out) == 0 || out[len(out)-1].On != s.On) {
			out = append(out, s)
		}
	}
	return out
}

func onOf(stands []stand) (on []string) {
	for _, s := range stands {
		on = append(on, s.On)
	}
	return on
}

// TestPathWithoutSome: what some devices do not say is found from their
// neighbours, and the path says the same without them; of themselves it says
// that there is no data.
func TestPathWithoutSome(t *testing.T) {
	for _, silent := range []string{"feed msb", "gen-1", "gen-2", "ats-1", "ats-2", "ups-a", "msb ats-1", "gen-1 ats-2", "feed ups-b cooling-1"} {
		t.Run(silent, func(t *testing.T) {
			t.Parallel()
			w := newWatch(t, "mains-failure", 1)
			for _, id := range strings.Fields(silent) {
				w.silent[id] = true
			}
			w.run(270 * time.Second)
			if diff := cmp.Diff([]string{"mains", "batteries", "gen-1", "batteries", "mains"}, onOf(lasting(w.seen))); diff != "" {
				t.Errorf("the path said: (-want +got)\n%s%v", diff, w.seen)
			}
			path := w.network.Path()
			for _, n := range path.Nodes {
				if w.silent[n.ID] != (n.State == agent.Unknown) {
					t.Errorf("%s is %v, and silent: %v", n.ID, n.State, w.silent[n.ID])
				}
			}
		})
	}
}

// TestPowersBalance: what the site's figures and the ways of the path say is
// what the facility has, to within the resolution of its meters and the second
// in which it is polled.
func TestPowersBalance(t *testing.T) {
	for _, scenario := range []string{"mains-failure", "monthly-test", "cooling-failure"} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			w := newWatch(t, scenario, 1)
			checked := 0
			for w.facility.Now() < 270*time.Second {
				w.run(time.Second)
				if w.quiet(15 * time.Second) {
					w.balance()
					checked++
				}
			}
			if checked < 60 {
				t.Errorf("only %d moments were quiet enough to be compared", checked)
			}
		})
	}
}

// quiet reports whether nothing has happened for d.
func (w *watch) quiet(d time.Duration) bool {
	log := w.facility.Transitions()
	last := time.Duration(0)
	if len(log) > 0 {
		last = log[len(log)-1].At
	}
	return w.facility.Now()-last > d
}

// balance compares the figures with the facility's own.
func (w *watch) balance() {
	w.t.Helper()
	feed, gen1, gen2 := w.figure("feed", "active_power"), w.figure("gen-1", "output_power"), w.figure("gen-2", "output_power")
	gen := gen1 + gen2
	it := w.figure("ups-a", "output_power") + w.figure("ups-b", "output_power")
	cool := w.figure("cooling-1", "power") + w.figure("cooling-2", "power")
	got := w.site()
	for _, f := range []struct {
		name string
		want float64
		slip float64
	}{
		{"mains_power", feed, 0.03*feed + 200},
		{"generator_power", gen, 0.03*gen + 200},
		{"it_power", it, 0.01*it + 200},
		{"cooling_power", cool, 0.05*cool + 200},
		{"pue", (feed + gen) / it, 0.04},
	} {
		v, ok := got[f.name]
		if !ok || math.Abs(v-f.want) > f.slip {
			w.t.Errorf("after %v %s is %.4g (%v), want %.4g", w.facility.Now(), f.name, v, ok, f.want)
		}
	}
	path := w.network.Path()
	along := func(from, to string) float64 {
		for _, e := range path.Edges {
			if e.From == from && e.To == to && e.Power != nil {
				return *e.Power
			}
		}
		w.t.Errorf("after %v it is not known what flows from %s to %s", w.facility.Now(), from, to)
		return math.NaN()
	}
	lights := w.figure("msb", "active_power")
	if w.facility.Device("ats-1").Word("selected_source", "") == "a" {
		lights -= w.figure("ats-1", "output_power")
	}
	for _, f := range []struct {
		from, to string
		want     float64
	}{
		{"utility", "feed", feed},
		{"msb", "lighting", lights},
		{"gen-1", "ats-1", gen1},
		{"gen-2", "ats-2", gen2},
		{"ats-1", "ats-2", w.figure("ats-1", "output_power")},
		{"ups-a", "servers", w.figure("ups-a", "output_power")},
		{"ups-office", "desks", w.figure("ups-office", "output_power")},
	} {
		if v := along(f.from, f.to); math.Abs(v-f.want) > 0.03*math.Abs(f.want)+1500 {
			w.t.Errorf("after %v %.0f W flow from %s to %s, want %.0f", w.facility.Now(), v, f.from, f.to, f.want)
		}
	}
}
