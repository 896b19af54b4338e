package sim_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"regexp"
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
			if len(a.states) == 0 {
				continue // its points have no word in common
			}
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

// note adds what a point with this conversion can say of a quantity.
func note(of map[quantity]*asked, q quantity, c config.Conversion) *asked {
	if of[q] == nil {
		of[q] = &asked{states: slices.Clone(q.metric.States)}
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
			families := []string{""}
			for _, f := range p.Modbus.Families {
				families = append(families, f.Name)
			}
			for _, family := range families {
				t.Run(strings.TrimSpace(name+" modbus "+family), func(t *testing.T) { t.Parallel(); roundTripModbus(t, p, family) })
			}
		}
		if p.SNMP != nil {
			t.Run(name+" snmp", func(t *testing.T) { t.Parallel(); roundTripSNMP(t, p) })
		}
	}
}

// roundTripModbus serves a device of a family, "" for one of any, and expects
// back what all devices have and what that family has.
func roundTripModbus(t *testing.T, p *config.Profile, family string) {
	of, must := make(map[quantity]*asked), make(map[quantity]bool)
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
		if point.Families != nil && !slices.ContainsFunc(point.Families, func(f *config.ModbusFamily) bool { return f.Name == family }) {
			continue
		}
		// Of bit fields that lie on each other the first is served.
		if v := point.Value; v.BitHigh >= 0 && slices.ContainsFunc(p.Modbus.Points[:i], func(o config.ModbusPoint) bool {
			return o.Value.Space == v.Space && o.Value.Address == v.Address && o.Value.BitLow <= v.BitHigh && v.BitLow <= o.Value.BitHigh
		}) {
			continue
		}
		q := quantity{point.Metric, point.Channel}
		must[q] = true
		// What one of several points of a state has no word for another says.
		said := of[q]
		if said != nil && point.Metric.Kind == agent.State {
			of[q] = nil
		}
		a := note(of, q, point.Conversion)
		if said != nil && point.Metric.Kind == agent.State {
			a.states = append(a.states, said.states...)
		}
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
	s, err := sim.ServeModbus("127.0.0.1:0", map[int]sim.Unit{3: {Profile: p, Values: values, Family: family}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	wire := modbus.NewWire(config.ModbusLink{TCP: s.Addr()}, log)
	d := &agent.Device{ID: "it", Class: p.Class, Profile: p.Name, Every: time.Second}
	poll(t, modbus.NewSource(d, wire, 3, p.Modbus, 5*time.Second), values, of, must)

	if len(p.Identify.Modbus) > 0 {
		got, seen, err := modbus.Identify(t.Context(), modbus.NewWire(config.ModbusLink{TCP: s.Addr()}, log), 3, 5*time.Second, []*config.Profile{p})
		if err != nil || got != p {
			t.Errorf("not recognised: %v; seen: %s", err, seen)
		}
	}
}

// roundTripSNMP serves each point alone and expects it back, then the whole
// profile, of which points can stand in each other's way: one row is one
// sensor. Whatever is read of that must be right.
func roundTripSNMP(t *testing.T, p *config.Profile) {
	whole := make(map[quantity]*asked)
	must := make(map[quantity]bool)
	byMetric := make(map[*agent.Metric]*asked)
	together := make(map[*agent.Metric][]config.SNMPPoint) // the points of a state
	tied := make(map[quantity]bool)                        // states that say something of another metric's object
	words := make(map[quantity][]string)
	owner := make(map[string]*agent.Metric)
	rng := rand.New(rand.NewPCG(2, 2))
	for i, point := range p.SNMP.Points {
		// What a condition on the whole device leaves out is another model's.
		if rules := p.Identify.SNMP; slices.ContainsFunc(point.Where, func(w config.SNMPCondition) bool {
			return w.Column == "1.3.6.1.2.1.1.2.0" && !slices.Contains(w.Values, rules[0].SysObjectID)
		}) {
			continue
		}
		alone := *p
		alone.SNMP = &config.SNMPProfile{MaxOIDs: p.SNMP.MaxOIDs, Points: p.SNMP.Points[i : i+1]}
		of, all := make(map[quantity]*asked), make(map[quantity]bool)
		for _, channel := range channels(point) {
			q := quantity{point.Metric, channel}
			note(of, q, point.Conversion)
			all[q] = true
		}
		values := make(everything)
		values.choose(rng, of)
		source, _ := serveSNMP(t, &alone, values)
		poll(t, source, values, of, all)
		if t.Failed() {
			t.Fatalf("point %d of %d, alone: %+v", i+1, len(p.SNMP.Points), point)
		}

		// Of two metrics in one object the whole device has the first.
		object := point.OID + point.Table
		if point.Alarm != nil {
			object = fmt.Sprint(point.Alarm.Column, point.Alarm.OIDs)
		}
		if point.Flag > 0 {
			object += "=" + strconv.Itoa(point.Flag)
		}
		if point.Rows != nil {
			object += fmt.Sprint(point.Rows) // other rows are other objects
		}
		if owner[object] == nil {
			owner[object] = point.Metric
		}
		foreign := owner[object] != point.Metric && point.Where == nil
		// An alarm that is the only one of its table is unknown while something is counted and it is clear.
		counted := point.Alarm != nil && len(point.Alarm.OIDs) == 0 && owner[point.Alarm.Count] != nil
		if point.States != nil {
			together[point.Metric] = append(together[point.Metric], point)
			for q := range of {
				words[q] = slices.AppendSeq(words[q], maps.Values(point.States))
				tied[q] = tied[q] || foreign || counted
			}
		}
		if foreign {
			continue
		}
		for q := range of {
			// The coarsest of a metric's points may be the one that is read.
			if byMetric[q.metric] != nil {
				whole[q] = byMetric[q.metric]
			}
			byMetric[q.metric] = note(whole, q, point.Conversion)
			must[q] = must[q] || point.OID != "" && !strings.Contains(point.Channel, "{")
		}
	}
	// A state's points say together what none of them can alone.
	for q := range words {
		slices.Sort(words[q])
		words[q] = slices.Compact(words[q])
		if whole[q] != nil {
			whole[q] = &asked{scale: whole[q].scale, states: words[q]}
		}
	}
	for m, points := range together {
		alone := *p
		alone.SNMP = &config.SNMPProfile{MaxOIDs: p.SNMP.MaxOIDs, Points: points}
		all := make(map[quantity]bool)
		most := 0
		for q := range words {
			if q.metric == m {
				all[q] = true
				most = max(most, len(words[q]))
			}
		}
		for i := range most {
			values, of := make(everything), make(map[quantity]*asked)
			for q := range all {
				of[q] = &asked{states: words[q]}
				code, _ := m.Code(words[q][i%len(words[q])])
				values[q] = float64(code)
			}
			source, _ := serveSNMP(t, &alone, values)
			poll(t, source, values, of, all)
		}
	}
	values := make(everything)
	values.choose(rng, whole)
	source, address := serveSNMP(t, p, values)
	free := maps.Clone(values)
	maps.DeleteFunc(free, func(q quantity, _ float64) bool { return tied[q] })
	poll(t, source, free, whole, must)
	if len(p.Identify.SNMP) > 0 {
		got, seen, err := snmp.Identify(t.Context(), address, 5*time.Second, []*config.Profile{p})
		if err != nil || got != p {
			t.Errorf("not recognised: %v; seen: %s", err, seen)
		}
	}
}

// channels returns the channels of a scalar, or of three rows of a column.
func channels(p config.SNMPPoint) []string {
	switch {
	case p.Rows != nil:
		var out []string
		for index, pattern := range p.Rows {
			for n := range 3 {
				like := strings.ReplaceAll(index, "*", strconv.Itoa(n+1))
				if _, own := p.Rows[like]; own && like != index {
					continue
				}
				row := strings.Split(like, ".")
				fill := []string{"{index}", strings.Join(row, "."), "{name}", "name " + strconv.Itoa(n+1)}
				for i, number := range row {
					fill = append(fill, fmt.Sprintf("{%d}", i+1), number, fmt.Sprintf("{%d}", i-len(row)), number)
				}
				out = append(out, strings.NewReplacer(fill...).Replace(pattern))
			}
		}
		slices.Sort(out)
		return slices.Compact(out)
	case !strings.Contains(p.Channel, "{"):
		return []string{p.Channel}
	}
	var out []string
	for n := range 3 {
		i := strconv.Itoa(n + 1)
		name := "name " + i
		for _, w := range p.Where {
			if w.Column == p.NameOID {
				name = w.Values[0]
			}
		}
		channel := strings.ReplaceAll(p.Channel, "{name}", name)
		out = append(out, regexp.MustCompile(`\{(index|-?\d)\}`).ReplaceAllString(channel, i))
	}
	return slices.Compact(out)
}

func serveSNMP(t *testing.T, p *config.Profile, values sim.Values) (agent.Source, config.SNMPAddress) {
	t.Helper()
	s, err := sim.ServeSNMP("127.0.0.1:0", sim.Agent{Profile: p, Values: values, Name: p.Name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	address := config.SNMPAddress{Address: s.Addr(), Version: "2c", Community: config.NewSecret("public")}
	d := &agent.Device{ID: "it", Class: p.Class, Profile: p.Name, Every: time.Second}
	return snmp.NewSource(d, address, p.SNMP, 5*time.Second), address
}

// poll reads the device once and again and holds what comes against values;
// what must be read has to come.
func poll(t *testing.T, source agent.Source, values everything, of map[quantity]*asked, must map[quantity]bool) {
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
			if !must[q] {
				continue
			}
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
