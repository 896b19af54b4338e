package power

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"plantroom/agent"
	"plantroom/config"
)

func partOfPath(t testing.TB, p agent.Path, id string) agent.PathNode {
	t.Helper()
	for _, n := range p.Nodes {
		if n.ID == id {
			return n
		}
	}
	t.Fatalf("%s is not on the path", id)
	return agent.PathNode{}
}

// TestOldReadingsCountForNothing: one lost poll changes nothing; after two, or
// when three polls have not come, a device says nothing any more, and what
// flows through it is what its neighbours see.
func TestOldReadingsCountForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, house)
		p.step(calm)
		fail := func(failures int) {
			p.Observe(&agent.Poll{Device: p.devices["ats-1"], Time: time.Now(), Err: fmt.Errorf("timeout"), Failures: failures})
		}
		is := func(when, id string, state agent.NodeState, on agent.Supply) {
			t.Helper()
			if n := partOfPath(t, p.Path(), id); n.State != state || n.On != on {
				t.Errorf("%s, %s is %v on %v, want %v on %v", when, id, n.State, n.On, state, on)
			}
		}
		fail(1)
		is("after a lost poll", "ats-1", agent.Live, agent.Mains)
		fail(2)
		is("after two", "ats-1", agent.Unknown, agent.Mains)
		is("behind it", "ups-a", agent.Live, agent.Mains)
		if path := p.Path(); path.Redundant || !path.Blind || path.Severity != agent.Warning {
			t.Errorf("without ats-1 it is redundant: %v, %v", path.Redundant, path.Severity)
		}
		p.step(calm)
		is("when it answers again", "ats-1", agent.Live, agent.Mains)
		if path := p.Path(); !path.Redundant || path.Blind {
			t.Errorf("when it answers again it is redundant: %v, blind: %v", path.Redundant, path.Blind)
		}

		time.Sleep(2 * time.Second) // 3 s after the last poll
		is("three polls later", "ups-a", agent.Live, agent.Mains)
		time.Sleep(1500 * time.Millisecond)
		is("when it is old", "ups-a", agent.Unknown, agent.NoData)
		path := p.Path()
		if path.On != agent.NoData || path.Runtime != nil || !path.Since.IsZero() || path.Redundant {
			t.Errorf("of readings that are old it says: %+v", path)
		}
		for _, n := range path.Nodes {
			if n.State != agent.Unknown || n.Power != nil && *n.Power != 0 {
				t.Errorf("of readings that are old it says that %s is %v with %v W", n.ID, n.State, n.Power)
			}
		}
	})
}

// TestSince: a state has begun when the reading that showed it was taken; not
// seeing for a moment changes nothing, not seeing for long makes it unknown.
func TestSince(t *testing.T) {
	onGenerator := `
		feed  voltage/L1=0 active_power=0
		msb   voltage/L1=0 active_power=0
		gen-1 status=running output_voltage/L1=230 output_power=92e3
		ats-1 selected_source=b source_a_status=fail source_b_status=ok output_voltage/L1=230 output_power=90e3`
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, house)
		p.step(calm)
		if path := p.Path(); !path.Since.IsZero() || !partOfPath(t, path, "gen-1").Since.IsZero() {
			t.Error("what is found first has begun before, and it is not known when")
		}
		p.step("")
		began := time.Now()
		p.step(onGenerator)
		for range 30 {
			p.step("")
		}
		since := func(want time.Time) {
			t.Helper()
			if path := p.Path(); path.On != agent.Generator || !path.Since.Equal(want) {
				t.Errorf("it stands on %v since %v, want %v", path.On, path.Since, want)
			}
		}
		since(began)
		if n := partOfPath(t, p.Path(), "utility"); !n.Since.Equal(began) || n.State != agent.Lost {
			t.Errorf("the utility is %v since %v", n.State, n.Since)
		}
		time.Sleep(30 * time.Second)
		if path := p.Path(); path.On != agent.NoData {
			t.Fatal("old readings count")
		}
		p.step("")
		since(began)
		time.Sleep(2 * time.Minute)
		p.Path()
		p.step("")
		since(time.Time{})
	})

	// A UPS that is on battery when the agent starts says since when.
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, "ups ups UPS")
		time.Sleep(time.Hour)
		began := time.Now().Add(-90 * time.Second)
		p.step("ups status=on_battery output_voltage=230 input_voltage=0 battery_time_used=90")
		if since := p.Path().Since; !since.Equal(began) {
			t.Errorf("on battery since %v, want %v", since, began)
		}
	})
}

// TestNotAskedYet: after a start nobody says that there is a reserve before all that
// is a part of it has been asked, nor that there is none.
func TestNotAskedYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, house)
		redundancy := func() string {
			return fmt.Sprint(p.Path().Redundant, " ", len(p.Path().Missing), " ", p.redundancy())
		}
		for line := range strings.Lines(strings.TrimSpace(calm)) {
			if id, _, _ := strings.Cut(strings.TrimSpace(line), " "); id == "ups-b" || id == "gen-2" {
				continue
			}
			p.says(line)
		}
		if got := redundancy(); got != "false 0 " {
			t.Errorf("before all are asked: %s", got)
		}
		p.says(calm)
		if got := redundancy(); got != "true 0 ok" {
			t.Errorf("when all have answered: %s", got)
		}
	})
}

// TestChanges: a change of state is told once, and figures are not.
func TestChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, house)
		var told []agent.Path
		p.Changes(func(path agent.Path) { told = append(told, path) })
		p.step(calm)
		told = nil
		for i := range 20 {
			p.step(fmt.Sprintf("ups-a status=online battery_status=normal battery_runtime=%d input_voltage/L1=%d output_voltage/L1=230 output_power=%d", 2000+i, 230+i%3, 39000+i))
		}
		if len(told) > 0 {
			t.Errorf("told of changes of figures: %v", told[0].Headline)
		}
		p.step("gen-2 status=fault")
		if len(told) != 1 || told[0].Redundant || partOfPath(t, told[0], "gen-2").State != agent.Lost {
			t.Fatalf("told of %d changes", len(told))
		}
		// That readings become old is found by looking.
		told = nil
		time.Sleep(time.Minute)
		p.Path()
		p.Path()
		if len(told) != 1 || told[0].On != agent.NoData {
			t.Errorf("told %d times that there is no data", len(told))
		}
	})
}

// TestApply: another configuration keeps what is known of devices that stay.
func TestApply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, house)
		p.step(calm)
		p.step("gen-2 status=fault")
		since := partOfPath(t, p.Path(), "gen-2").Since
		p.Apply(p.order[:len(p.order)-1], []Node{{ID: "servers", Name: "Servers", Kind: "load"}, {ID: "desks", Name: "Desks", Kind: "load"}})
		path := p.Path()
		if n := partOfPath(t, path, "gen-2"); n.State != agent.Lost || !n.Since.Equal(since) || since.IsZero() {
			t.Errorf("gen-2 is %v since %v, it was so since %v", n.State, n.Since, since)
		}
		if path.On != agent.Mains || len(path.Nodes) != 11 {
			t.Errorf("it stands on %v, with %d nodes", path.On, len(path.Nodes))
		}
		// A device that is another now has said nothing yet.
		other := *p.devices["ups-a"]
		all := append([]*agent.Device{&other}, p.order[:6]...)
		p.Apply(all, nil)
		if n := partOfPath(t, p.Path(), "ups-a"); n.State != agent.Unknown {
			t.Errorf("a new ups-a is %v before its first poll", n.State)
		}
		p.says(calm[strings.Index(calm, "ups-a"):strings.Index(calm, "ups-b")]) // of the old one
		if n := partOfPath(t, p.Path(), "ups-a"); n.State != agent.Unknown {
			t.Errorf("a poll of the old ups-a makes the new one %v", n.State)
		}
	})
}

// TestUPSLagsBehind: a card that still says online when its supply is dead is
// not believed for a while, and then it is: there must be a way that nobody
// sees.
func TestUPSLagsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, "u utility Utility > msb\nmsb switchboard MSB > ups\nups ups UPS")
		p.step("msb voltage/L1=230\nups " + well)
		p.step("msb voltage/L1=0")
		for range 9 {
			if on := p.Path().On; on != agent.Batteries {
				t.Fatalf("with a dead switchboard the UPS stands on %v", on)
			}
			p.step("")
		}
		for range 5 {
			p.step("")
		}
		if on := p.Path().On; on != agent.Mains {
			t.Errorf("the UPS is online for long, and stands on %v", on)
		}
	})
}

// figures returns the site's, and why those are missing that are.
func (p *plant) figures() (values map[string]float64, why map[string]string) {
	values, why = map[string]float64{}, map[string]string{}
	f := agent.NewFigures(&agent.Device{ID: "site", Class: "site"}, func(name string) *agent.Metric { return config.Lookup("site", name) })
	for _, r := range f.Take(nil, p.Site) {
		if name := r.Point.Metric.Name; r.Quality == agent.Bad {
			why[name] = r.Why
		} else {
			values[name] = r.Value
		}
	}
	return values, why
}

// TestSiteFigures: each meter counts once, and what is not known is missing.
func TestSiteFigures(t *testing.T) {
	const ok = 1
	for _, test := range []struct {
		name, plant, says string
		want              map[string]float64
		why               map[string]string
	}{
		{"the house", house, calm, map[string]float64{
			"mains_power": 100e3, "generator_power": 0, "it_power": 78e3, "cooling_power": 8e3, "pue": 100.0 / 78, "battery_runtime_min": 2540,
			"free_cooling": 100, "supply": float64(agent.Mains), "power_redundancy": ok}, nil},
		{"a meter is silent and its neighbour has it", house, calm + "\nfeed silent", map[string]float64{
			"mains_power": 100e3, "generator_power": 0, "it_power": 78e3, "cooling_power": 8e3, "pue": 100.0 / 78, "battery_runtime_min": 2540,
			"free_cooling": 100, "supply": float64(agent.Mains), "power_redundancy": ok}, nil},
		{"a UPS is silent", house, calm + "\nups-b silent", map[string]float64{
			"mains_power": 100e3, "generator_power": 0, "free_cooling": 100, "supply": float64(agent.Mains)},
			map[string]string{"it_power": "the power of ups-b is not known", "pue": "the power of ups-b is not known",
				"cooling_power": "the power of cool-1 is not known", "battery_runtime_min": "the battery runtime of ups-b is not known"}},
		{"on batteries", "u utility U > ups\nups ups UPS > it\nit load IT", "ups status=on_battery battery_runtime=600 output_power=5e3 output_voltage=230 input_voltage=0",
			map[string]float64{"mains_power": 0, "it_power": 5e3, "battery_runtime_min": 600, "supply": float64(agent.Batteries), "power_redundancy": ok + 1},
			map[string]string{"pue": "a UPS is on battery"}},
		{"a rectifier takes over from the battery", "u utility U > ups\nups ups UPS > it\nit load IT", "ups status=online battery_runtime=600 output_power=5e3 output_voltage=230 input_voltage=230 input_power=1e3",
			map[string]float64{"mains_power": 1e3, "it_power": 5e3, "battery_runtime_min": 600, "supply": float64(agent.Mains), "power_redundancy": ok},
			map[string]string{"pue": "less comes in than the load takes: a battery gives the rest"}},
		{"no UPS, a labelled meter", "m switchboard Main > pdu lights\npdu pdu PDU load:it\nlights load Lights", "m voltage/L1=230 active_power=10e3\npdu voltage/L1=230 active_power=7e3",
			map[string]float64{"mains_power": 10e3, "it_power": 7e3, "pue": 10.0 / 7, "supply": float64(agent.Mains), "power_redundancy": ok}, nil},
		{"a UPS for servers and offices, told apart by a PDU", "u utility U > ups\nups ups UPS > pdu desks\npdu pdu PDU > it\nit load IT\ndesks load Desks load:office",
			"ups status=online input_voltage=230 output_voltage=230 output_power=5e3 input_power=6e3\npdu voltage/L1=230 active_power/L1=1500 active_power/L2=1500",
			map[string]float64{"mains_power": 6e3, "it_power": 3e3, "pue": 2, "supply": float64(agent.Mains), "power_redundancy": ok}, nil},
		{"the same without the PDU's figure", "u utility U > ups\nups ups UPS > it desks\nit load IT\ndesks load Desks load:office",
			"ups status=online input_voltage=230 output_voltage=230 output_power=5e3 input_power=6e3",
			map[string]float64{"mains_power": 6e3, "supply": float64(agent.Mains), "power_redundancy": ok},
			map[string]string{"it_power": "the power of it is not known", "pue": "the power of it is not known"}},
		{"a UPS for offices by its label", "u utility U > a b\na ups A > it\nb ups B load:office > desks\nit load IT\ndesks load Desks",
			"a status=online input_voltage=230 output_voltage=230 output_power=5e3 input_power=6e3\nb status=online input_voltage=230 output_voltage=230 output_power=1e3 input_power=2e3",
			map[string]float64{"mains_power": 8e3, "it_power": 5e3, "pue": 1.6, "supply": float64(agent.Mains), "power_redundancy": ok}, nil},
		{"a UPS behind a UPS counts once", "u utility U > a\na ups A > b\nb ups B", "a status=online output_voltage=230 output_power=5e3 input_power=5500\nb status=online output_voltage=230 output_power=4e3",
			map[string]float64{"mains_power": 5500, "it_power": 5e3, "pue": 1.1, "supply": float64(agent.Mains), "power_redundancy": ok}, nil},
		{"cooling behind a meter of its own", "m switchboard Main > ups chill c3\nups ups UPS\nchill switchboard Chillers load:cooling > sub c2\nsub board Sub > c1\nc1 cooling C1\nc2 cooling C2\nc3 cooling C3 load:cooling",
			"m voltage/L1=230 active_power=10e3\nups status=online output_voltage=230 output_power=5e3 input_power=6e3\nchill voltage/L1=230 active_power=4e3\nc1 status=running mode=mixed\nc2 status=running mode=free_cooling\nc3 status=standby power=100",
			map[string]float64{"mains_power": 10e3, "it_power": 5e3, "cooling_power": 4e3 + 100, "pue": 2, "free_cooling": 50, "supply": float64(agent.Mains), "power_redundancy": ok}, nil},
		{"a phase that is not read", "m switchboard Main > ups\nups ups UPS", "m voltage/L1=230 active_power/L1=1e3 active_power/L2=bad active_power/L3=1e3\nups status=online output_voltage=230 output_power=5e3",
			map[string]float64{"it_power": 5e3, "supply": float64(agent.Mains), "power_redundancy": ok},
			map[string]string{"mains_power": "the power of m is not known", "pue": "the power of m is not known"}},
		{"nothing read yet", "u utility U > ups\nups ups UPS", "", map[string]float64{},
			map[string]string{"mains_power": "the power of u is not known", "it_power": "the power of ups is not known", "pue": "the power of u is not known",
				"battery_runtime_min": "the battery runtime of ups is not known"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPlant(t, test.plant)
			p.says(test.says)
			values, why := p.figures()
			for name, want := range test.want {
				if got, ok := values[name]; !ok || math.Abs(got-want) > 1e-9*math.Abs(want) {
					t.Errorf("%s is %g (%v), want %g", name, got, ok, want)
				}
				delete(values, name)
			}
			for name, want := range test.why {
				if why[name] != want {
					t.Errorf("%s is missing because %q, want %q", name, why[name], want)
				}
				delete(why, name)
			}
			if len(values) > 0 || len(why) > 0 {
				t.Errorf("it also says %v and misses %v", values, why)
			}
		})
	}
}

// TestManyWays: a building in which every board is fed by two is not looked at
// once for each of its million ways.
func TestManyWays(t *testing.T) {
	var text strings.Builder
	text.WriteString("u utility U > a0 b0\n")
	for i := range 30 {
		fmt.Fprintf(&text, "a%d board A > a%d b%d\nb%d board B > a%d b%d\n", i, i+1, i+1, i, i+1, i+1)
	}
	text.WriteString("a30 switchboard A > ups\nb30 board B\nups ups UPS")
	p := newPlant(t, text.String())
	p.says("a30 voltage/L1=230 active_power=6e3\nups " + well)
	if path := p.Path(); path.On != agent.Mains || len(path.Nodes) != 64 {
		t.Errorf("it stands on %v, with %d nodes", path.On, len(path.Nodes))
	}
	p.figures()
}

// TestObserveDoesNotAllocate: a poll that says the same, in other figures,
// costs no memory.
func TestObserveDoesNotAllocate(t *testing.T) {
	p := newPlant(t, house)
	p.says(calm)
	poll := p.poll("ups-a", "status=online battery_status=normal battery_runtime=2580 input_voltage/L1=231 output_voltage/L1=230 output_power=39e3 input_power=40e3")
	p.Observe(poll)
	if n := testing.AllocsPerRun(100, func() { p.Observe(poll) }); n != 0 {
		t.Errorf("a poll costs %g allocations", n)
	}
}

// large is a site of n devices in which everything is fed: a UPS for each ten
// PDUs, on one switchboard.
func large(t testing.TB, n int) (*plant, []*agent.Poll) {
	var text strings.Builder
	text.WriteString("u utility Utility > msb\nmsb switchboard MSB >")
	for i := range n / 11 {
		fmt.Fprintf(&text, " ups-%d", i)
	}
	for i := range n / 11 {
		fmt.Fprintf(&text, "\nups-%d ups UPS %d >", i, i)
		for j := range 10 {
			fmt.Fprintf(&text, " pdu-%d-%d", i, j)
		}
		for j := range 10 {
			fmt.Fprintf(&text, "\npdu-%d-%d pdu PDU %d.%d", i, j, i, j)
		}
	}
	p := newPlant(t, text.String())
	var polls []*agent.Poll
	for _, d := range p.order {
		says := "status=online battery_status=normal battery_runtime=2580 input_voltage/L1=231 output_voltage/L1=230 output_power=39e3 input_power=40e3"
		if d.Class != "ups" {
			says = "voltage/L1=230 voltage/L2=230 voltage/L3=230 active_power=4e3 frequency=50 energy_import=1"
		}
		for i := range 50 {
			says += fmt.Sprintf(" x_%d=1", i)
		}
		polls = append(polls, p.poll(d.ID, says))
	}
	return p, polls
}

// BenchmarkObserve is one poll of one of 300 devices, of about 57 readings.
func BenchmarkObserve(b *testing.B) {
	p, polls := large(b, 300)
	for _, poll := range polls {
		p.Observe(poll)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.Observe(polls[i%len(polls)])
	}
}

// BenchmarkPath is one evaluation: of the demo's 17 nodes, and of 300 devices.
func BenchmarkPath(b *testing.B) {
	run := func(name string, p *plant) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.look(time.Now())
			}
		})
	}
	p := newPlant(b, house)
	p.says(calm)
	run("house", p)
	p, polls := large(b, 300)
	for _, poll := range polls {
		p.Observe(poll)
	}
	run("300", p)
}

// TestUtilityBehindATransformer: of two that feed a live board, the one that
// is no idle generator is live.
func TestUtilityBehindATransformer(t *testing.T) {
	p := newPlant(t, "u utility Utility > t\nt transformer Transformer > msb\ng generator Generator 1 > msb\nmsb switchboard MSB > ups\nups ups UPS")
	for _, test := range []struct {
		says        string
		on, utility agent.Supply
	}{
		{"g status=stopped\nmsb voltage/L1=230\nups " + well, agent.Mains, agent.Mains},
		{"g status=on_load output_voltage/L1=230", agent.Generator, agent.NoData},
		{"g status=cooling_down output_voltage/L1=230", agent.Mains, agent.Mains},
		{"g status=starting\nmsb voltage/L1=0\nups status=on_battery output_voltage=230 input_voltage=0", agent.Batteries, agent.Dead},
	} {
		p.says(test.says)
		path := p.Path()
		if u := partOfPath(t, path, "u"); path.On != test.on || u.On != test.utility || partOfPath(t, path, "t").On != test.utility {
			t.Errorf("%s\nit stands on %v, the utility gives %v", test.says, path.On, u.On)
		}
	}
}

// TestBreakerNotSeen: a set whose breaker and power nobody reads carries the
// board that is live without the mains.
func TestBreakerNotSeen(t *testing.T) {
	p := newPlant(t, "u utility Utility > msb\ng generator Generator 1 > msb\nmsb switchboard MSB > ups\nups ups UPS")
	p.says("g status=running mains_voltage/L1=0 output_voltage/L1=230\nmsb voltage/L1=230\nups " + well)
	path := p.Path()
	if path.On != agent.Generator || partOfPath(t, path, "g").Word.EN != "on load" || partOfPath(t, path, "u").State != agent.Lost {
		t.Errorf("it stands on %v: %+v", path.On, path.Nodes)
	}
	p.says("g status=running mains_voltage/L1=230 output_voltage/L1=230")
	if path := p.Path(); path.On != agent.Mains || partOfPath(t, path, "g").Word.EN != "running" {
		t.Errorf("with the mains there it stands on %v: %+v", path.On, path.Nodes)
	}
}

// TestWhatAPollSays: what the readings of one poll come to.
func TestWhatAPollSays(t *testing.T) {
	p := newPlant(t, house)
	for _, says := range []struct{ id, readings, battery, phaseLost string }{
		{"ups-a", "status=online battery_status=charging battery_charge=99", "charging", "unknown"},
		{"ups-a", "status=online battery_status=charging battery_charge=100", "normal", "unknown"},
		{"ups-a", "status=online battery_status=charging battery_charge=bad", "charging", "unknown"},
		{"msb", "voltage/L1=230 voltage/L2=230 voltage/L3=230", "", "no"},
		{"msb", "voltage/L1=230 voltage/L2=0 voltage/L3=230", "", "yes"},
		{"msb", "voltage/L1=0 voltage/L2=0 voltage/L3=0", "", "no"}, // that is no lost phase
	} {
		p.says(says.id + " " + says.readings)
		f := p.Network.devices[says.id].facts
		lost := map[tri]string{yes: "yes", no: "no", unknown: "unknown"}[f.phaseLost]
		if f.battery != says.battery || lost != says.phaseLost {
			t.Errorf("%s: battery %q, phase lost: %s", says.readings, f.battery, lost)
		}
	}
	var s sum
	for _, one := range []struct {
		part part
		v    float64
	}{{whole, 100}, {phase, 30}, {share, 50}, {other, 7}} {
		s.add(one.part, one.v)
	}
	if got := s.total(); !got.ok || got.v != 150 {
		t.Errorf("100 W and a further inlet of 50 W are %v", got)
	}
}

// TestTheLaterPollIsRight: where a board has voltage and what feeds it has none,
// the one that was polled later is right.
func TestTheLaterPollIsRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, house)
		p.step(calm)
		p.says("feed voltage/L1=0 active_power=0")
		if n := partOfPath(t, p.Path(), "msb"); n.On != agent.Dead {
			t.Errorf("a board that had voltage before stands on %v", n.On)
		}
		time.Sleep(time.Second)
		p.says("msb voltage/L1=231 active_power=100e3")
		if n := partOfPath(t, p.Path(), "msb"); n.On != agent.Mains {
			t.Errorf("a board that has voltage since stands on %v", n.On)
		}
	})
}

// TestGuessedSource: a transfer switch that does not say on which source it is
// stands on the mains while the generator is known to give nothing, for a moment
// after that, and then nobody knows.
func TestGuessedSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, `
			utility utility Utility > ats/a
			gen generator Generator > ats/b
			ats ats ATS > ups
			ups ups UPS`)
		is := func(when string, want agent.Supply) {
			t.Helper()
			if n := partOfPath(t, p.Path(), "ats"); n.On != want {
				t.Errorf("%s it stands on %v, want %v", when, n.On, want)
			}
		}
		p.step("gen status=stopped mode=auto\nats output_voltage=230\nups status=online output_power=1000")
		is("while the generator stands still", agent.Mains)
		p.step("gen silent")
		is("when it does not answer", agent.Mains)
		for range 5 {
			p.step("")
		}
		is("when it has not answered for long", agent.NoData)
	})
}
