package sim_test

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"plantroom/agent"
	"plantroom/config"
	"plantroom/drivers/modbus"
	"plantroom/drivers/sim"
	"plantroom/drivers/snmp"
)

// A quantity is one thing that a device has.
type quantity struct {
	metric  *agent.Metric
	channel string
}

// asked says what may be chosen for a quantity by all the points that it has,
// and how exactly they can say it.
type asked struct {
	scale  float64 // the coarsest
	states []string
	float  bool
}

// everything is a Values with a random value for all that a profile has.
type everything map[quantity]float64

func (e everything) Value(m *agent.Metric, channel string) (float64, bool) {
	v, ok := e[quantity{m, channel}]
	return v, ok
}

func (e everything) Channels(m *agent.Metric) []string {
	var channels []string
	for q := range e {
		if q.metric == m {
			channels = append(channels, q.channel)
		}
	}
	slices.Sort(channels)
	return channels
}

func (e everything) ChannelName(channel string) string { return "name of " + channel }

// choose draws new values.
func (e everything) choose(rng *rand.Rand, of map[quantity]*asked) {
	for q, a := range of {
		if q.metric.Kind == agent.State {
			word := a.states[rng.IntN(len(a.states))]
			code, _ := q.metric.Code(word)
			e[q] = float64(code)
			continue
		}
		scale := max(1, a.scale)
		v := scale * (3 + 50*rng.Float64())
		if !a.float {
			v = scale * math.Round(v/scale)
		}
		if m := q.metric; m.Max > m.Min {
			v = min(max(v, m.Min), m.Max)
		}
		e[q] = v
	}
}

func note(of map[quantity]*asked, m *agent.Metric, channel string, c config.Conversion) *asked {
	q := quantity{m, channel}
	if of[q] == nil {
		of[q] = &asked{}
		for _, word := range m.States {
			of[q].states = append(of[q].states, word)
		}
	}
	of[q].scale = max(of[q].scale, math.Abs(c.Scale))
	words := slices.Collect(maps.Values(c.States))
	of[q].states = slices.DeleteFunc(of[q].states, func(w string) bool { return !slices.Contains(words, w) })
	return of[q]
}

// TestRoundTrip: whatever a profile that comes with plantroom can say, a
// Server says and the drivers understand.
func TestRoundTrip(t *testing.T) {
	profiles, err := config.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(profiles)) {
		p := profiles[name]
		if p.Modbus != nil {
			t.Run(name+" modbus", func(t *testing.T) { t.Parallel(); roundTripModbus(t, p) })
		}
		if p.SNMP != nil {
			t.Run(name+" snmp", func(t *testing.T) { t.Parallel(); roundTripSNMP(t, p) })
		}
	}
}

func roundTripModbus(t *testing.T, p *config.Profile) {
	of := make(map[quantity]*asked)
	model := 0 // that most points have: the one that is served
	count := make(map[int]int)
	for _, point := range p.Modbus.Points {
		for _, id := range point.Models {
			if count[id]++; id != 1 && (count[id] > count[model] || count[id] == count[model] && id < model) {
				model = id
			}
		}
	}
	for i, point := range p.Modbus.Points {
		if point.Models != nil && !slices.Contains(point.Models, model) && !slices.Contains(point.Models, 1) || point.Value.Type == "string" {
			continue
		}
		// Of bit fields that lie on each other the first is served.
		if v := point.Value; v.BitHigh >= 0 && slices.ContainsFunc(p.Modbus.Points[:i], func(o config.ModbusPoint) bool {
			return o.Value.Space == v.Space && o.Value.Address == v.Address && o.Value.BitLow <= v.BitHigh && v.BitLow <= o.Value.BitHigh
		}) {
			continue
		}
		a := note(of, point.Metric, point.Channel, point.Conversion)
		if strings.HasPrefix(point.Value.Type, "float") {
			a.float = true
		}
		if point.ScaleRegister != nil {
			a.scale = math.Inf(1) // looked at below
		}
	}
	for q, a := range of {
		if math.IsInf(a.scale, 1) {
			a.scale = math.Pow(10, math.Ceil(math.Log10(max(1, min(q.metric.Max, 1e10)/math.MaxInt16))))
		}
	}
	values := make(everything)
	values.choose(rand.New(rand.NewPCG(1, 1)), of)
	s, err := sim.ServeModbus("127.0.0.1:0", map[int]sim.Unit{3: {Profile: p, Values: values}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	wire := modbus.NewWire(config.ModbusLink{TCP: s.Addr()}, log)
	d := &agent.Device{ID: "it", Class: p.Class, Profile: p.Name, Every: time.Second}
	poll(t, modbus.NewSource(d, wire, 3, p.Modbus, 5*time.Second), values, of)

	if len(p.Identify.Modbus) > 0 {
		got, seen, err := modbus.Identify(t.Context(), modbus.NewWire(config.ModbusLink{TCP: s.Addr()}, log), 3, 5*time.Second, []*config.Profile{p})
		if err != nil || got != p {
			t.Errorf("not recognised: %v; seen: %s", err, seen)
		}
	}
}

func roundTripSNMP(t *testing.T, p *config.Profile) {
	of := make(map[quantity]*asked)
	// A row of a column is one metric's. Another that tells its rows by a
	// condition has rows of its own; one that does not means the same cells.
	// What a condition on the whole device leaves out is another model's.
	owners := make(map[string][]*agent.Metric)
	for _, point := range p.SNMP.Points {
		if rules := p.Identify.SNMP; slices.ContainsFunc(point.Where, func(w config.SNMPCondition) bool {
			return w.Column == "1.3.6.1.2.1.1.2.0" && !slices.Contains(w.Values, rules[0].SysObjectID)
		}) {
			continue
		}
		column := point.OID + point.Table
		block := slices.Index(owners[column], point.Metric)
		if block < 0 {
			block = len(owners[column])
			owners[column] = append(owners[column], point.Metric)
		}
		if block > 0 && point.Where == nil && point.Rows == nil {
			continue
		}
		channels := []string{point.Channel}
		if point.Rows != nil {
			channels = slices.Sorted(maps.Values(point.Rows))
		} else if strings.Contains(point.Channel, "{") {
			channels = nil
			for n := range 3 {
				i := strconv.Itoa(3*block + n + 1)
				channels = append(channels, strings.NewReplacer("{index}", i, "{1}", i, "{2}", i, "{3}", i, "{4}", i, "{-1}", i, "{-2}", i, "{name}", "name "+i).Replace(point.Channel))
			}
		}
		for _, c := range channels {
			note(of, point.Metric, c, point.Conversion)
		}
	}
	values := make(everything)
	rng := rand.New(rand.NewPCG(2, 2))
	values.choose(rng, of)
	s, err := sim.ServeSNMP("127.0.0.1:0", sim.Agent{Profile: p, Values: values, Name: p.Name})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	address := config.SNMPAddress{Address: s.Addr(), Version: "2c", Community: config.NewSecret("public")}
	d := &agent.Device{ID: "it", Class: p.Class, Profile: p.Name, Every: time.Second}
	poll(t, snmp.NewSource(d, address, p.SNMP, 5*time.Second), values, of)

	if len(p.Identify.SNMP) > 0 {
		got, seen, err := snmp.Identify(t.Context(), address, 5*time.Second, []*config.Profile{p})
		if err != nil || got != p {
			t.Errorf("not recognised: %v; seen: %s", err, seen)
		}
	}
}

// poll reads the device once and again and holds what comes against values.
func poll(t *testing.T, source agent.Source, values everything, of map[quantity]*asked) {
	t.Helper()
	defer source.Close()
	var rs []agent.Reading
	for range 3 {
		var err error
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		rs, err = source.Poll(ctx, rs[:0])
		cancel()
		if err != nil {
			t.Fatal(err)
		}
	}
	got := make(map[quantity]agent.Reading)
	for _, r := range rs {
		got[quantity{r.Point.Metric, r.Point.Channel}] = r
	}
	for q, want := range values {
		r, ok := got[q]
		if !ok {
			t.Errorf("%s.%s %q is not read; it is %g", q.metric.Class, q.metric.Name, q.channel, want)
			continue
		}
		if q.metric.Kind == agent.State {
			if r.Value != want || r.Quality != agent.Good {
				t.Errorf("%s.%s %q is read as %s (%s, %s), it is %s", q.metric.Class, q.metric.Name, q.channel, r.Word(), r.Raw, r.Why, q.metric.Word(int(want)))
			}
			continue
		}
		if limit := of[q].scale*0.5001 + math.Abs(want)*1e-6; math.Abs(r.Value-want) > limit || r.Quality != agent.Good {
			t.Errorf("%s.%s %q from %s is read as %g (%v, %s), it is %g", q.metric.Class, q.metric.Name, q.channel, r.Point.Source, r.Value, r.Quality, r.Why, want)
		}
	}
}
