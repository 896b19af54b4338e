package sim

import "math"

// A coolingUnit brings outdoor air into the hall when it is cold enough and
// cools the air with its compressor when not.
type coolingUnit struct {
	id      string
	tripped bool
	status  string  // running, off (no power) or fault
	mode    string  // free_cooling, mixed or mechanical
	ready   float64 // s until the fan may start after a loss of power
	fan     float64 // share of full speed
	supply  float64 // Cel
	heat    float64 // W taken out of the hall
	cold    float64 // W of that by the compressor
	damper  float64 // share of outdoor air
	watts   float64
	energy  float64 // Wh
	ran     float64 // s of the compressor
	fanRan  float64 // s
	filter  float64 // Pa at full speed
	wobble  wander
}

const (
	setpoint  = 20.0    // Cel of the supplied air
	fullFlow  = 24000.0 // m3/h
	airHeat   = 0.335   // W for 1 m3/h and 1 K
	maxHeat   = 90e3    // W that a unit can take out
	restartIn = 10      // s from power to fan
	hallMass  = 4.8e6   // J/K of the hall: air, racks, walls
)

func newCoolingUnit(id string) *coolingUnit {
	u := &coolingUnit{id: id, status: "running", mode: "free_cooling", fan: 0.55, supply: setpoint, filter: 190,
		energy: 61e6, ran: 5100 * 3600, fanRan: 21000 * 3600, wobble: wander{sigma: 0.06, tau: 20}}
	if id == "cooling-2" {
		u.filter, u.ran, u.energy = 215, 4870*3600, 59e6
	}
	return u
}

// step runs the unit in air that returns at a temperature.
func (u *coolingUnit) step(f *Facility, powered bool, returned, outdoor float64) {
	u.wobble.step(f.rng)
	switch {
	case u.tripped:
		u.status = "fault"
	case !powered:
		u.status, u.ready = "off", restartIn
	case u.ready > 0:
		u.ready -= dt
	default:
		u.status = "running"
	}
	// A change of mode needs half a degree more than the limit, lest it flap.
	up := func(limit float64, above bool) bool { return outdoor > limit+onOffset(above) }
	switch {
	case up(22, u.mode == "mechanical"):
		u.mode = "mechanical"
	case up(15, u.mode != "free_cooling"):
		u.mode = "mixed"
	default:
		u.mode = "free_cooling"
	}
	running := u.status == "running"
	target := 0.0
	if running {
		target = min(1, max(0.3, 0.55+0.11*(returned-29)))
	}
	u.fan = ramp(u.fan, target, 0.04)
	flow := u.fan * fullFlow * airHeat
	u.heat, u.cold = 0, 0
	if running && u.fan > 0.05 {
		u.heat = min(maxHeat, flow*max(0, returned-setpoint))
		free := 0.0
		u.damper = ramp(u.damper, u.wantedDamper(returned, outdoor), 0.02)
		if u.mode != "mechanical" {
			free = min(u.heat, flow*max(0, returned-outdoor)*u.damper)
		}
		if u.mode == "free_cooling" {
			free = u.heat // the air is mixed to the setpoint
		}
		u.cold = u.heat - free
		u.supply = toward(u.supply, returned-u.heat/flow+u.wobble.value, 8)
	} else {
		u.damper = ramp(u.damper, 0, 0.05)
		u.supply = toward(u.supply, returned, 60)
	}
	u.watts = 0
	if powered || u.status == "fault" {
		u.watts = 160 // the controller
	}
	if running {
		u.watts += 5200*u.fan*u.fan*u.fan + u.cold/3.4
		u.fanRan += dt
		if u.cold > 1000 {
			u.ran += dt
		}
	}
	u.energy += u.watts * dt / 3600
}

func onOffset(above bool) float64 {
	if above {
		return -0.5
	}
	return 0.5
}

// wantedDamper returns the share of outdoor air that the unit would mix in.
func (u *coolingUnit) wantedDamper(returned, outdoor float64) float64 {
	switch u.mode {
	case "free_cooling":
		return min(1, max(0.05, (returned-setpoint)/max(0.1, returned-outdoor)))
	case "mixed":
		return 1
	}
	return 0.05
}

// compressor returns the share of full speed at which the compressor runs.
func (u *coolingUnit) compressor() float64 {
	if u.cold < 1000 {
		return 0
	}
	return min(1, 0.2+0.8*u.cold/maxHeat)
}

// A room is the air of the building: the hall with its aisles, and the rooms
// around it.
type room struct {
	hot, cold    float64 // Cel: the hall's return air, and the air in front of the servers
	ups, gen     float64
	office       float64
	weather      wander
	outdoor      float64
	outdoorVapor float64 // Pa
}

func newRoom(outdoor float64) room {
	return room{hot: 29, cold: 21, ups: 23, gen: 17, office: 22.4, outdoor: outdoor, outdoorVapor: 950, weather: wander{sigma: 0.5, tau: 1800}}
}

// clock returns the hour of the day.
func (f *Facility) clock() float64 { return math.Mod((f.start + f.now).Hours(), 24) }

// daily returns 1 on the day's average, by swing more in the early afternoon
// and as much less at night.
func (f *Facility) daily(swing float64) float64 {
	return 1 + swing*math.Cos(2*math.Pi*(f.clock()-15)/24)
}

// outdoor returns the temperature outdoors by the time of day: 9 to 25 Cel.
func (f *Facility) outdoor() float64 { return 17 * f.daily(8.0/17) }

func (r *room) step(f *Facility) {
	r.outdoor = f.outdoor() + r.weather.step(f.rng)
	powered := f.switches[1].out.live()
	flow, taken := 0.0, 0.0
	supply := 0.0
	for _, u := range f.units {
		u.step(f, powered, r.hot, r.outdoor)
		flow += u.fan
		supply += u.fan * u.supply
		taken += u.heat
	}
	walls := 900 * (r.hot - 5 - r.outdoor) // W
	r.hot += (f.serving() + 3000 - taken - walls*0.2) * dt / hallMass
	if flow > 0.05 {
		supply /= flow
		// Less air than the servers want is made up from behind them.
		bypass := 0.06 + max(0, 1-flow)*0.5
		r.cold = toward(r.cold, supply+bypass*(r.hot-supply), 25)
	} else {
		r.cold = toward(r.cold, r.hot, 90)
	}
	losses := 0.0
	for _, u := range f.halls {
		losses += u.load * (1/efficiency - 1)
	}
	r.ups = toward(r.ups, 19.5+losses/1100, 1800)
	engine := 0.0
	for _, g := range f.gens {
		if g.rpm > 600 {
			engine += 9 + 14*g.load/genWatts
		}
	}
	r.gen = toward(r.gen, 0.4*r.outdoor+10+engine, 420)
	r.office = toward(r.office, 21.8+0.06*r.outdoor, 3600)
}

// humidity returns the relative humidity of air with a vapour pressure in Pa.
func humidity(vapor, celsius float64) float64 {
	return min(99, 100*vapor/(611.2*math.Exp(17.62*celsius/(243.12+celsius))))
}

// dewPoint returns the dew point of air with a vapour pressure in Pa.
func dewPoint(vapor float64) float64 {
	l := math.Log(vapor / 611.2)
	return 243.12 * l / (17.62 - l)
}
