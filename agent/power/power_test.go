package power

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"plantroom/agent"
)

// A plant is a network with the polls that are made of it by hand. What a
// device says is written as "status=online output_power=40e3 input_voltage/L1=230".
type plant struct {
	t testing.TB
	*Network
	devices map[string]*agent.Device
	order   []*agent.Device
	said    map[string]string // what each device said last
	points  map[string]*agent.Point
}

// words are the states that the tests say; their codes do not matter here.
var words = strings.Fields("unknown online on_battery bypass maintenance_bypass eco boost trim off fault normal low depleted charging discharging " +
	"replace a b none mains generator ok fail stopped starting warming_up running on_load cooling_down stopping manual auto " +
	"test_on_load open closed standby mechanical mixed free_cooling")

// newPlant makes a plant of lines "ID CLASS NAME > FEEDS", each device polled
// every second; classes of nodes make nodes. load:X in the name is a label.
func newPlant(t testing.TB, text string) *plant {
	p := &plant{t: t, devices: map[string]*agent.Device{}, points: map[string]*agent.Point{}, said: map[string]string{}}
	var nodes []Node
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		what, feeds, _ := strings.Cut(line, ">")
		f := strings.Fields(what)
		var labels []agent.Label
		if last := f[len(f)-1]; strings.HasPrefix(last, "load:") {
			labels, f = []agent.Label{{Name: "load", Value: last[5:]}}, f[:len(f)-1]
		}
		id, class, name := f[0], f[1], strings.Join(f[2:], " ")
		var to []agent.Feed
		for _, feed := range strings.Fields(feeds) {
			id, input, _ := strings.Cut(feed, "/")
			to = append(to, agent.Feed{To: id, Input: input})
		}
		switch class {
		case "utility", "transformer", "board", "load":
			nodes = append(nodes, Node{ID: id, Name: name, Kind: class, Labels: labels, Feeds: to})
		default:
			d := &agent.Device{ID: id, Name: name, Class: class, Labels: labels, Feeds: to, Every: time.Second}
			p.devices[id] = d
			p.order = append(p.order, d)
		}
	}
	p.Network = New(p.order, nodes)
	return p
}

// poll is a poll of a device now.
func (p *plant) poll(id, says string) *agent.Poll {
	p.t.Helper()
	d := p.devices[id]
	if d == nil {
		p.t.Fatalf("there is no %s", id)
	}
	poll := &agent.Poll{Device: d, Time: time.Now()}
	for _, f := range strings.Fields(says) {
		name, value, _ := strings.Cut(f, "=")
		metric, channel, _ := strings.Cut(name, "/")
		key := id + " " + name
		if p.points[key] == nil {
			m := &agent.Metric{Class: d.Class, Name: metric}
			if strings.Contains(" status battery_status mode selected_source position preferred_source source_a_status source_b_status "+
				"generator_breaker mains_breaker breaker ", " "+metric+" ") {
				m.Kind, m.States = agent.State, words
			}
			p.points[key] = &agent.Point{Device: d, Metric: m, Channel: channel}
		}
		point := p.points[key]
		if point.Metric.Kind == agent.State {
			code, ok := point.Metric.Code(value)
			if !ok {
				p.t.Fatalf("there is no word %q", value)
			}
			poll.Readings = append(poll.Readings, point.Stated(code, ""))
			continue
		}
		if value == "bad" {
			poll.Readings = append(poll.Readings, point.Failed(fmt.Errorf("not read")))
			continue
		}
		var v float64
		if _, err := fmt.Sscan(value, &v); err != nil {
			p.t.Fatal(f, err)
		}
		poll.Readings = append(poll.Readings, point.Measured(v))
	}
	return poll
}

// says polls devices: one a line, "ID READINGS", or "ID silent".
func (p *plant) says(text string) {
	p.t.Helper()
	for line := range strings.Lines(text) {
		id, says, _ := strings.Cut(strings.TrimSpace(line), " ")
		if id == "" {
			continue
		}
		if strings.TrimSpace(says) == "silent" {
			for n := range 2 {
				p.Observe(&agent.Poll{Device: p.devices[id], Time: time.Now(), Err: fmt.Errorf("timeout"), Failures: n + 1})
			}
			continue
		}
		p.Observe(p.poll(id, says))
	}
}

// house is a building like that of the demo.
const house = `
	utility  utility Utility > feed
	servers  load Servers
	offices  load Offices load:office
	feed  switchboard Feed > msb
	msb   switchboard Main switchboard > ats-1/a
	gen-1 generator Generator 1 > ats-1/b
	gen-2 generator Generator 2 > ats-2/b
	ats-1 ats ATS 1 > ats-2/a
	ats-2 ats ATS 2 > ups-a ups-b ups-o cool-1
	ups-a ups UPS A > servers
	ups-b ups UPS B > servers
	ups-o ups Office UPS > offices
	cool-1 cooling Cooling 1`

// calm is what it says on a quiet day.
const calm = `
	feed voltage/L1=231 voltage/L2=230 voltage/L3=232 active_power=100e3
	msb voltage/L1=231 active_power=100e3
	gen-1 status=stopped mode=auto output_power/L1=0 output_power/L2=0 output_power/L3=0 output_voltage/L1=0
	gen-2 status=stopped mode=auto output_voltage/L1=0
	ats-1 selected_source=a source_a_status=ok source_b_status=fail output_voltage/L1=231 output_power=90e3
	ats-2 selected_source=a source_a_status=ok source_b_status=fail output_voltage/L1=231 output_power=90e3
	ups-a status=online battery_status=normal battery_runtime=2580 input_voltage/L1=231 output_voltage/L1=230 output_power=39e3 input_power=40e3
	ups-b status=online battery_status=normal battery_runtime=2540 input_voltage/L1=231 output_voltage/L1=230 output_power=39e3 input_power=41e3
	ups-o status=online battery_status=normal battery_runtime=600 input_voltage=231 output_power=900 input_power=1e3
	cool-1 status=running mode=free_cooling`

// TestHouse: the way from the mains to batteries, a generator and back.
func TestHouse(t *testing.T) {
	p := newPlant(t, house)
	expect := func(on agent.Supply, sources, headline string) {
		t.Helper()
		path := p.Path()
		if path.On != on || strings.Join(path.Sources, " ") != sources {
			t.Errorf("it stands on %v of %v, want %v of %s", path.On, path.Sources, on, sources)
		}
		if got := regexp.MustCompile(`\d\d:\d\d`).ReplaceAllString(path.Headline.EN, "NOW"); got != headline {
			t.Errorf("headline: %q, want %q", got, headline)
		}
	}
	expect(agent.NoData, "", "Waiting for the first readings.")
	p.says(calm)
	expect(agent.Mains, "", "On mains. Both UPS healthy, 42 min of battery. Cooling free.")
	p.says(`
		feed  voltage/L1=0 active_power=0
		msb   voltage/L1=0 active_power=0
		gen-1 status=starting mode=auto output_voltage/L1=0
		ats-1 selected_source=a source_a_status=fail source_b_status=fail output_voltage/L1=0 output_power=0
		ats-2 selected_source=a source_a_status=fail source_b_status=fail output_voltage/L1=0 output_power=0
		ups-a status=on_battery battery_status=discharging battery_runtime=2480 input_voltage/L1=0 output_voltage/L1=230 output_power=39e3
		ups-b status=on_battery battery_status=discharging battery_runtime=2440 input_voltage/L1=0 output_voltage/L1=230 output_power=39e3`)
	expect(agent.Batteries, "ups-a ups-b", "ON BATTERIES since NOW, 40 min left. Generator 1 starting.")
	p.says(`
		gen-1 status=running mode=auto output_voltage/L1=230 output_power=92e3
		ats-1 selected_source=b source_a_status=fail source_b_status=ok output_voltage/L1=230 output_power=90e3
		ats-2 selected_source=a source_a_status=ok source_b_status=fail output_voltage/L1=230 output_power=90e3
		ups-a status=online battery_status=charging battery_runtime=2480 input_voltage/L1=230 output_voltage/L1=230 output_power=39e3
		ups-b status=online battery_status=charging battery_runtime=2440 input_voltage/L1=230 output_voltage/L1=230 output_power=39e3`)
	expect(agent.Generator, "gen-1", "ON GENERATOR 1 since NOW. Batteries charging.")
	p.says(calm)
	expect(agent.Mains, "", "On mains. Both UPS healthy, 42 min of battery. Cooling free.")
}

// step has every device polled, with what it says in text or said before, and
// lets a second pass.
func (p *plant) step(text string) {
	p.t.Helper()
	for line := range strings.Lines(text) {
		if id, says, _ := strings.Cut(strings.TrimSpace(line), " "); id != "" {
			p.said[id] = says
		}
	}
	for _, d := range p.order {
		if says, ok := p.said[d.ID]; ok {
			p.says(d.ID + " " + says)
		}
	}
	time.Sleep(time.Second)
}

// The tests read times of day, so they have a clock of their own.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}
