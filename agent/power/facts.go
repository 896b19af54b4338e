package power

import (
	"strings"
	"time"

	"plantroom/agent"
)

// A tri is what is known of a yes-or-no question.
type tri uint8

const (
	unknown tri = iota
	no
	yes
)

func truth(b bool) tri {
	if b {
		return yes
	}
	return no
}

// An opt is a number that may be missing.
type opt struct {
	v  float64
	ok bool
}

func some(v float64) opt { return opt{v, true} }

// pointer returns the number for a Path, nil where it is missing.
func (o opt) pointer() *float64 {
	if !o.ok {
		return nil
	}
	return &o.v
}

// Facts are what a device says of how it stands. When they change, what the
// building stands on may have changed; two that are equal say the same.
type facts struct {
	status, battery, mode         string // words of the catalogue; "" where the device does not say
	selected, position, preferred string
	sourceA, sourceB              string
	generatorBreaker              string
	mainsBreaker                  string
	breaker                       string

	in, out, mains, a, b tri // whether there is voltage
	phaseLost            tri // one phase has none, another has
	flows                tri // whether power goes out
}

// Figures are the numbers that a device says.
type figures struct {
	in, out  opt // W
	runtime  opt // s the battery would last
	used     opt // s on battery
	fuel     opt // %
	freeMode opt // cooling: 1 with outdoor air alone, 0 otherwise
}

const (
	liveAC  = 70   // V: below, a conductor is dead
	liveDC  = 20   // V
	flowing = 1000 // W out of a generator: less is what its transformers measure of nothing
)

// A role is what a reading is to the network.
type role uint8

const (
	ignored role = iota
	status
	battery
	mode
	selected
	position
	preferred
	sourceA
	sourceB
	generatorBreaker
	mainsBreaker
	breaker
	inVolts
	outVolts
	mainsVolts
	aVolts
	bVolts
	inWatts
	outWatts
	outAmps
	runtime
	used
	charge
	fuel
	roles
)

// roleOf says what the metrics of each class are to the network.
var roleOf = map[string]map[string]role{
	"ups": {"status": status, "battery_status": battery, "battery_charge": charge, "battery_runtime": runtime,
		"battery_time_used": used, "input_voltage": inVolts, "output_voltage": outVolts, "input_power": inWatts, "output_power": outWatts},
	"dc": {"battery_status": battery, "battery_charge": charge, "battery_runtime": runtime, "battery_time_used": used,
		"input_voltage": inVolts, "output_voltage": outVolts, "output_power": outWatts, "output_current": outAmps},
	"ats": {"selected_source": selected, "position": position, "preferred_source": preferred, "source_a_status": sourceA, "source_b_status": sourceB,
		"source_a_voltage": aVolts, "source_b_voltage": bVolts, "output_voltage": outVolts, "output_power": outWatts},
	"generator": {"status": status, "mode": mode, "generator_breaker": generatorBreaker, "mains_breaker": mainsBreaker,
		"output_voltage": outVolts, "mains_voltage": mainsVolts, "output_power": outWatts, "fuel_level": fuel},
	"switchboard": {"voltage": outVolts, "active_power": outWatts, "breaker": breaker},
	"pdu":         {"voltage": outVolts, "active_power": outWatts, "breaker": breaker},
	"cooling":     {"status": status, "mode": mode, "power": inWatts},
}

// A slot is what one reading of a device's polls is to the network.
type slot struct {
	point *agent.Point
	role  role
	part  part
}

// A part is how much of a device a channel is.
type part uint8

const (
	whole part = iota // the device
	phase             // one of its phases, to neutral
	pair              // voltage between two phases
	share             // a further inlet, or one of several: they add up
	other             // an outlet, a branch: a part of what the device hands on
)

func partOf(channel string) part {
	switch channel {
	case "":
		return whole
	case "L1", "L2", "L3":
		return phase
	case "L1-L2", "L2-L3", "L3-L1":
		return pair
	}
	for _, inlet := range []string{"PDU ", "inlet ", "cord ", "input ", "unit "} {
		if rest, ok := strings.CutPrefix(channel, inlet); ok && !strings.Contains(rest, " ") {
			return share
		}
	}
	return other
}

// A sum is what the channels of a quantity come to in one poll.
type sum struct {
	whole, shares, phases float64
	wholes, shared, three int
	least, most           float64 // of voltages
	seen, bad             bool
}

// add takes one more channel.
func (s *sum) add(p part, v float64) {
	switch p {
	case whole:
		s.whole, s.wholes = v, s.wholes+1
	case phase:
		s.phases, s.three = s.phases+v, s.three+1
	case share:
		s.shares, s.shared = s.shares+v, s.shared+1
	case other:
		return
	}
	if !s.seen {
		s.least, s.most, s.seen = v, v, true
		return
	}
	s.least, s.most = min(s.least, v), max(s.most, v)
}

// total returns what adds up over the channels: missing when a part of it is.
func (s *sum) total() opt {
	switch {
	case s.wholes > 0:
		return some(s.whole + s.shares)
	case s.bad:
		return opt{}
	case s.three > 0:
		return some(s.phases)
	case s.shared > 0:
		return some(s.shares)
	}
	return opt{}
}

// live reports whether a conductor has voltage.
func (s *sum) live(limit float64) tri {
	if !s.seen {
		return unknown
	}
	return truth(s.most >= limit)
}

// A device is what is known of one that is polled. It is guarded by the
// network's lock.
type device struct {
	*agent.Device
	slots    []slot
	polled   time.Time // the last poll that was answered
	failures int       // polls in a row since
	since    time.Time // when facts became what they are; zero before the second poll
	facts    facts
	figures  figures
}

// fresh reports whether what the device said last still counts.
func (d *device) fresh(now time.Time) bool {
	return d != nil && !d.polled.IsZero() && d.failures < 2 && now.Sub(d.polled) <= d.term()
}

// unasked reports whether the device has not said anything yet, and may.
func (d *device) unasked() bool { return d.polled.IsZero() && d.failures < 2 }

// term is how long what a device said counts: three polls, and what a poll takes.
func (d *device) term() time.Duration { return 3*d.Every + time.Second }

// take keeps what a poll says and reports whether the facts have changed.
func (d *device) take(p *agent.Poll) bool {
	if p.Err != nil {
		d.failures = max(p.Failures, 1)
		return d.failures == 2
	}
	back := d.failures > 1 || d.polled.IsZero()
	d.failures, d.polled = 0, p.Time
	if !d.fits(p.Readings) {
		d.learn(p.Readings)
	}
	f, g := d.read(p.Readings)
	d.figures = g
	if f == d.facts && !back {
		return false
	}
	d.facts, d.since = f, p.Time
	return true
}

func (d *device) fits(rs []agent.Reading) bool {
	if len(rs) != len(d.slots) {
		return false
	}
	for i := range rs {
		if rs[i].Point != d.slots[i].point {
			return false
		}
	}
	return true
}

func (d *device) learn(rs []agent.Reading) {
	d.slots = d.slots[:0]
	for _, r := range rs {
		s := slot{point: r.Point, part: partOf(r.Point.Channel)}
		if r.Point.Metric.Class == d.Class {
			s.role = roleOf[d.Class][r.Point.Metric.Name]
		}
		d.slots = append(d.slots, s)
	}
}

// read returns what the readings of a poll say.
func (d *device) read(rs []agent.Reading) (f facts, g figures) {
	var sums [roles]sum
	words := [...]*string{status: &f.status, battery: &f.battery, mode: &f.mode, selected: &f.selected, position: &f.position,
		preferred: &f.preferred, sourceA: &f.sourceA, sourceB: &f.sourceB, generatorBreaker: &f.generatorBreaker,
		mainsBreaker: &f.mainsBreaker, breaker: &f.breaker}
	for i := range rs {
		r, s := &rs[i], &d.slots[i]
		switch {
		case s.role == ignored:
		case int(s.role) < len(words):
			// Of several of a kind, as the units of a cooling system or the
			// breakers of a board, the worst is not known: the first counts,
			// unless one says fault.
			if w := r.Word(); w != "" && w != "unknown" && (*words[s.role] == "" || w == "fault") && s.part != other {
				*words[s.role] = w
			}
		case r.Quality != agent.Good:
			if s.part != other {
				sums[s.role].bad = true
			}
		default:
			sums[s.role].add(s.part, r.Value)
		}
	}
	if c := sums[charge].total(); f.battery == "charging" && c.ok && c.v >= 100 {
		f.battery = "normal" // it is held so
	}
	limit := float64(liveAC)
	if d.Class == "dc" {
		limit = liveDC
	}
	f.in, f.mains = sums[inVolts].live(liveAC), sums[mainsVolts].live(liveAC)
	f.out, f.a, f.b = sums[outVolts].live(limit), sums[aVolts].live(liveAC), sums[bVolts].live(liveAC)
	if v := &sums[outVolts]; v.three > 1 {
		f.phaseLost = truth(v.most >= liveAC && v.least < liveAC)
	}
	g.in, g.out = sums[inWatts].total(), sums[outWatts].total()
	if !g.out.ok && d.Class == "dc" && sums[outAmps].wholes > 0 && sums[outVolts].wholes > 0 {
		g.out = some(sums[outAmps].whole * sums[outVolts].whole)
	}
	if g.out.ok {
		f.flows = truth(g.out.v > flowing)
	}
	g.runtime, g.used, g.fuel = sums[runtime].total(), sums[used].total(), sums[fuel].total()
	if d.Class == "cooling" && f.mode != "" && (f.status == "running" || f.status == "") {
		g.freeMode = some(0)
		if f.mode == "free_cooling" {
			g.freeMode = some(1)
		}
	}
	return f, g
}
