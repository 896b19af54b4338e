package sim

import (
	"math"
	"math/rand/v2"
)

// A wander is a value that noise carries off and that drifts back to 0
// (an Ornstein-Uhlenbeck process).
type wander struct {
	value, sigma, tau float64 // sigma in the value's unit, tau in s
}

func (w *wander) step(rng *rand.Rand) float64 {
	w.value += -w.value*dt/w.tau + w.sigma*math.Sqrt(2*dt/w.tau)*rng.NormFloat64()
	return w.value
}

// toward moves a value towards a target with time constant tau in s.
func toward(value, target, tau float64) float64 {
	return value + (target-value)*(1-math.Exp(-dt/tau))
}

// ramp moves a value towards a target by at most rate a second.
func ramp(value, target, rate float64) float64 {
	return value + min(max(target-value, -rate*dt), rate*dt)
}

// A supply is what a source offers: volts of each phase to neutral.
type supply struct {
	volts [3]float64
	hz    float64
}

// live reports whether loads would take it.
func (s supply) live() bool {
	return min(s.volts[0], s.volts[1], s.volts[2]) > 195 && max(s.volts[0], s.volts[1], s.volts[2]) < 265 && s.hz > 47 && s.hz < 53
}

// mains is the utility and the building's incoming breaker.
type mains struct {
	present, incomer bool
	volts            [3]wander
	hz               wander
}

func newMains() mains {
	m := mains{present: true, incomer: true, hz: wander{sigma: 0.012, tau: 25}}
	for i := range m.volts {
		m.volts[i] = wander{sigma: 0.9, tau: 40}
	}
	return m
}

func (m *mains) step(rng *rand.Rand) supply {
	s := supply{hz: 50 + m.hz.step(rng)}
	for i, mean := range [3]float64{231.8, 230.9, 232.6} {
		s.volts[i] = mean + m.volts[i].step(rng)
	}
	if !m.present {
		return supply{}
	}
	return s
}

// A meter is a switchboard meter.
type meter struct {
	id     string
	seen   supply
	watts  float64
	energy float64 // Wh
}

func (m *meter) step(s supply, watts float64) {
	m.seen, m.watts = s, watts
	m.energy += watts * dt / 3600
}

// A transferSwitch takes source a when it is good and b when it must.
type transferSwitch struct {
	id        string
	a, b, out supply
	position  string // a, b or none, on the way from one to the other
	next      string // where it is going
	moving    float64
	aLive     float64 // s for which a has been good
	aDead     float64
	bLive     float64
	bDead     float64
	transfers int
	watts     float64
}

// What a transfer switch waits for, in s.
const (
	takeB    = 2   // b good before it is taken
	returnA  = 30  // a good before the load goes back to it
	movement = 0.4 // between the contacts
)

func (t *transferSwitch) step(a, b supply) {
	t.a, t.b = a, b
	count := func(live bool, good, bad *float64) {
		if live {
			*good, *bad = *good+dt, 0
		} else {
			*good, *bad = 0, *bad+dt
		}
	}
	count(a.live(), &t.aLive, &t.aDead)
	count(b.live(), &t.bLive, &t.bDead)
	switch t.position {
	case "a":
		if t.aDead > 0.5 && t.bLive > takeB {
			t.move("b")
		}
	case "b":
		if t.aLive > returnA || t.bDead > 0.5 && t.aLive > 1 {
			t.move("a")
		}
	default:
		if t.moving -= dt; t.moving <= 0 {
			t.position = t.next
			t.transfers++
		}
	}
	switch t.position {
	case "a":
		t.out = a
	case "b":
		t.out = b
	default:
		t.out = supply{}
	}
}

func (t *transferSwitch) move(to string) { t.position, t.next, t.moving = "none", to, movement }

// wantsB reports whether the switch calls for its generator: source a has been
// bad for more than a few seconds, or the load has not gone back to it yet.
func (t *transferSwitch) wantsB(patience float64) bool {
	return t.aDead > patience || t.position == "b" || t.position == "none" && t.next == "b"
}

func (t *transferSwitch) carry(watts float64) {
	t.watts = 0
	if t.out.live() {
		t.watts = watts
	}
}

// A generator is a diesel set of 160 kW with its controller.
type generator struct {
	id     string
	broken bool // cranks and does not start
	status string
	alarm  string  // why it is in fault
	since  float64 // s in this status
	load   float64 // W, put on it by its switch
	energy float64 // Wh
	runFor float64 // s
	starts int

	rpm, volts   float64
	dip          float64 // of the speed, from the load taken on, as a share
	lastLoad     float64
	coolant, oil float64 // Cel
	fuel         float64 // %
	starter      float64 // V
	noise        wander
	mains        supply // as the controller sees it
	closed       bool   // the switch has taken it
}

const (
	genWatts = 160e3
	crank    = 2.5 // s until it fires
	warmUp   = 4   // s from full speed to ready
	coolDown = 60  // s without load before it stops
	tank     = 500 // L
)

func newGenerator(id string, fuel, runFor float64, starts int) *generator {
	return &generator{id: id, status: "stopped", fuel: fuel, runFor: runFor, starts: starts, energy: runFor / 3600 * 71e3,
		coolant: 41, oil: 33, starter: 27.1, noise: wander{sigma: 0.0007, tau: 3}}
}

// supply returns what the set offers; nothing until it is ready.
func (g *generator) supply() supply {
	switch g.status {
	case "running", "on_load", "cooling_down":
		return g.output()
	}
	return supply{}
}

// output returns what the alternator gives, ready or not.
func (g *generator) output() supply {
	hz := g.rpm / 30
	if hz < 20 {
		return supply{}
	}
	v := g.volts
	return supply{volts: [3]float64{v * 1.002, v, v * 0.997}, hz: hz}
}

func (g *generator) enter(status string) { g.status, g.since = status, 0 }

// step runs the set: called is whether its switch wants it, closed whether the
// switch has taken it.
func (g *generator) step(f *Facility, called, closed bool, mains supply) {
	g.mains, g.closed = mains, closed
	g.since += dt
	target := 0.0 // rpm
	switch g.status {
	case "stopped":
		if called {
			g.enter("starting")
			g.starts++
		}
	case "starting":
		target = 180
		if g.since > crank && !g.broken {
			target = 1500
		}
		switch {
		case g.rpm > 1430:
			g.enter("warming_up")
		case g.since > 15:
			g.alarm = "x_alarm_fail_to_start"
			g.enter("fault")
		}
	case "warming_up":
		target = 1500
		if g.since > warmUp {
			g.enter("running")
		}
	case "running", "on_load":
		target = 1500
		switch {
		case g.broken:
			g.alarm = "x_alarm_underspeed"
			g.enter("fault")
		case closed:
			if g.status != "on_load" {
				g.enter("on_load")
			}
		case !called:
			g.enter("cooling_down")
		case g.status != "running":
			g.enter("running")
		}
	case "cooling_down":
		target = 1500
		switch {
		case called || closed:
			g.enter("running")
		case g.since > coolDown:
			g.enter("stopping")
		}
	case "stopping":
		if g.rpm < 15 {
			g.rpm = 0
			g.enter("stopped")
		}
	}
	f.note(g.id, "status", g.status)

	// A load that is taken on drags the speed down; the governor brings it
	// back within seconds.
	g.dip = toward(g.dip, 0, 1.3) + 0.075*(g.load-g.lastLoad)/genWatts
	g.lastLoad = g.load
	wobble := g.noise.step(f.rng)
	switch {
	case target == 1500 && g.rpm > 1440:
		g.rpm = 1500 * (1 - g.dip - 0.004*g.load/genWatts + wobble)
		g.rpm = max(g.rpm, 1441)
	case target == 1500:
		g.rpm = ramp(g.rpm, 1500, 650)
	case target == 180:
		g.rpm = ramp(g.rpm, 180*(1+20*wobble), 400)
	default:
		g.rpm = ramp(g.rpm, 0, 220)
	}
	g.volts = 0
	if g.rpm > 600 {
		g.volts = 230.8 * min(1, g.rpm/1450) * (1 - 0.8*g.dip + 0.5*wobble)
	}

	running := g.rpm > 600
	share := g.load / genWatts
	if running {
		g.runFor += dt
		g.energy += g.load * dt / 3600
		litres := 5 + 0.235*g.load/1000 // an hour
		g.fuel = max(0, g.fuel-litres*dt/3600/tank*100)
		g.coolant = toward(g.coolant, 78+9*share, 110)
		g.oil = toward(g.oil, 84+14*share, 160)
		g.starter = toward(g.starter, 28.1, 4)
	} else {
		g.coolant = toward(g.coolant, 41, 1500) // the block heater's
		g.oil = toward(g.oil, 33, 1800)
		rest := 27.1
		if g.status == "starting" {
			rest = 20.5
		}
		g.starter = toward(g.starter, rest, 0.7)
	}
}

// oilPressure returns the pressure of the oil in Pa.
func (g *generator) oilPressure() float64 {
	return 5.6e5 * min(1, g.rpm/1500) * (1 - 0.0035*(g.oil-33))
}

// A ups is an online UPS with its battery.
type ups struct {
	id         string
	watts      float64 // rating
	phases     int
	capacity   float64 // Wh that the full battery gives at its rated power
	blocks     float64 // of 12 V, in series
	load       float64 // W at the output
	status     string
	inputLive  float64 // s for which the input has been good
	walkIn     float64 // share of the load that the rectifier carries
	charge     float64 // 0..1
	onBattery  float64 // s
	failures   int
	cause      string
	inputWatts float64
	energy     float64 // Wh, output
	battery    float64 // W out of the battery; negative while charging
	heat       float64 // Cel of the battery
	in         supply
	noise      wander
}

const (
	efficiency = 0.955
	qualify    = 4  // s of good input before it is taken again
	walkInTime = 10 // s from battery to rectifier
)

func newUPS(id string, watts float64, phases int, capacity, blocks float64) *ups {
	return &ups{id: id, watts: watts, phases: phases, capacity: capacity, blocks: blocks, status: "online",
		inputLive: 1000, walkIn: 1, charge: 1, cause: "none", heat: 24, energy: 350e6 * watts / 90e3, noise: wander{sigma: 0.2, tau: 10}}
}

// alive reports whether the UPS feeds its load.
func (u *ups) alive() bool { return u.status != "off" }

func (u *ups) step(f *Facility, in supply) {
	u.in = in
	u.noise.step(f.rng)
	if in.live() {
		u.inputLive += dt
	} else {
		u.inputLive = 0
	}
	switch {
	case u.status == "online" && u.inputLive == 0:
		u.status, u.cause, u.onBattery = "on_battery", "blackout", 0
		u.failures++
	case u.status == "on_battery" && u.charge <= 0:
		u.status = "off"
	case u.status == "on_battery" && u.inputLive > qualify,
		u.status == "off" && u.inputLive > 30:
		u.status, u.walkIn, u.onBattery = "online", 0, 0
	}
	load := u.load
	if !u.alive() {
		load = 0
	}
	u.energy += load * dt / 3600
	need := load / efficiency
	u.inputWatts, u.battery = 0, 0
	switch u.status {
	case "on_battery":
		u.onBattery += dt
		u.battery = need
	case "online":
		u.walkIn = ramp(u.walkIn, 1, 1.0/walkInTime)
		u.battery = need * (1 - u.walkIn)
		u.inputWatts = need * u.walkIn
		if u.walkIn == 1 && u.charge < 1 {
			// Constant current, then ever less.
			charging := 0.06 * u.watts * min(1, (1.003-u.charge)/0.05)
			u.battery -= charging
			u.inputWatts += charging / 0.95
		}
	}
	u.charge = min(1, max(0, u.charge-u.drain(u.battery)*dt/3600/u.capacity))
	u.heat = toward(u.heat, 24+12*math.Abs(u.battery)/u.watts, 900)
	f.note(u.id, "status", u.status)
	f.note(u.id, "battery_status", u.batteryStatus())
}

// drain returns what a battery loses while it gives watts: a quick discharge
// costs more than it gives (Peukert).
func (u *ups) drain(watts float64) float64 {
	if watts <= 0 {
		return watts
	}
	return watts * math.Pow(max(watts/u.watts, 0.05), 0.12)
}

// runtime returns the seconds that the battery would carry the load.
func (u *ups) runtime() float64 {
	return min(4*3600, u.charge*u.capacity/u.drain(max(u.load, 0.02*u.watts)/efficiency)*3600)
}

func (u *ups) batteryStatus() string {
	switch {
	case u.charge < 0.03:
		return "depleted"
	case u.charge < 0.2:
		return "low"
	case u.battery > 0:
		return "discharging"
	case u.charge < 0.999:
		return "charging"
	}
	return "normal"
}

// batteryVolts returns the voltage at the battery's terminals.
func (u *ups) batteryVolts() float64 {
	switch {
	case u.battery > 0:
		return u.blocks * (12.4 - 1.6*(1-u.charge)*(1-u.charge) - 0.55*u.battery/u.watts)
	case u.charge < 0.999:
		return u.blocks * (13.0 + 1.1*max(0, u.charge-0.5))
	}
	return u.blocks * 13.62
}
