package sim

import (
	_ "embed"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Options say which facility to simulate.
type Options struct {
	Scenario string        // one of Scenarios
	Seed     uint64        // of the noise
	Start    time.Duration // time of day at which it starts, since midnight: the weather follows it
}

// A Facility is the building of a web host with about 80 kW of servers:
//
//	utility - feed - msb -+- lighting
//	                      |
//	                   a  v
//	                    ats-1 --+ a
//	           gen-1 - b        v
//	                          ats-2 -+- ups-a, ups-b - servers (half each)
//	                 gen-2 - b       +- ups-office - desks
//	                                 +- cooling-1, cooling-2
//
// On each transfer switch source a is the way of the mains and source b a
// generator: gen-1 stands in for the mains, gen-2 for gen-1. Two UPS units
// share the servers; either can carry all of them. The cooling units bring in
// outdoor air when it is cold enough.
//
// One goroutine owns a Facility; its devices' Boards may be read by any.
type Facility struct {
	Devices []*Device
	Nodes   []Node

	now   time.Duration // since the start
	rest  time.Duration // stepped and not simulated yet, less than a tick
	start time.Duration // time of day
	rng   *rand.Rand
	plan  []event // what the scenario still has in store, by time
	log   []Transition
	words map[cellOf]string // states, as last noted

	mains     mains
	gens      [2]*generator
	switches  [2]*transferSwitch
	halls     [2]*ups
	office    *ups
	units     [2]*coolingUnit
	room      room
	meters    [2]*meter // feed, msb
	servers   wander
	lights    wander
	boards    map[string]*Board
	itWatts   float64
	restWatts float64
}

// FreeCooling is the profile of the building's cooling units, whose controllers
// are of no make: it does not come with plantroom, but is a site's own, in a
// file called FreeCoolingFile.
//
//go:embed free-cooling.yaml
var FreeCooling string

// FreeCoolingFile is the name of the file that FreeCooling has.
const FreeCoolingFile = "free-cooling.yaml"

type cellOf struct{ device, metric string }

// A Device is one device of the facility: what it is and what it shows.
type Device struct {
	ID, Name string
	Profile  string // that it is served by
	Class    string
	Room     string
	Feed     string // A or B where the device belongs to one of the two paths to the servers
	Feeds    []string
	Gateway  bool // reached through the gateway that the generators share
	*Board
}

// A Node is a part of the facility that has power and shows nothing.
type Node struct {
	ID, Name string
	Kind     string // utility or load
	Room     string // "" for the building as a whole
	Load     string // of a load: it, office or lighting
	Feeds    []string
}

// A Transition is something that happened, as the facility itself knows it.
type Transition struct {
	At       time.Duration // since the start
	Device   string        // "" for what befell the building
	What     string        // the metric that changed; "mains" and "incomer" for the building
	From, To string
}

// String returns the transition as a line of a log.
func (t Transition) String() string {
	device := t.Device
	if device == "" {
		device = "building"
	}
	return fmt.Sprintf("%7.1fs %s %s %s -> %s", t.At.Seconds(), device, t.What, t.From, t.To)
}

// tick is the step of the simulation. Sums of ticks are the only times at
// which anything happens.
const tick = 100 * time.Millisecond

// dt is tick in seconds.
const dt = 0.1

// NewFacility returns a facility that has been running quietly for long.
func NewFacility(o Options) (*Facility, error) {
	plan, err := scenario(o.Scenario)
	if err != nil {
		return nil, err
	}
	f := &Facility{
		start: o.Start, plan: plan, words: make(map[cellOf]string), boards: make(map[string]*Board),
		rng:     rand.New(rand.NewPCG(o.Seed, o.Seed)),
		mains:   newMains(),
		servers: wander{sigma: 0.008, tau: 90},
		lights:  wander{sigma: 0.02, tau: 300},
	}
	f.gens[0] = newGenerator("gen-1", 71, 412*3600, 388)
	f.gens[1] = newGenerator("gen-2", 88, 97*3600, 141)
	f.switches[0] = &transferSwitch{id: "ats-1", position: "a"}
	f.switches[1] = &transferSwitch{id: "ats-2", position: "a"}
	f.halls[0] = newUPS("ups-a", 90e3, 3, 8.2e3, 40)
	f.halls[1] = newUPS("ups-b", 90e3, 3, 7.4e3, 40)
	f.office = newUPS("ups-office", 2700, 1, 700, 6)
	f.units[0] = newCoolingUnit("cooling-1")
	f.units[1] = newCoolingUnit("cooling-2")
	f.meters[0] = &meter{id: "feed", energy: 812.4e6}
	f.meters[1] = &meter{id: "msb", energy: 809.9e6}
	f.addDevices()
	f.room = newRoom(f.outdoor())
	for range int(20 * time.Minute / tick) { // until everything has settled
		f.tick()
	}
	f.now, f.log = 0, nil
	f.show()
	return f, nil
}

// Now returns the simulated time since the start.
func (f *Facility) Now() time.Duration { return f.now }

// Step moves the facility on. What comes of two steps is what comes of one
// that is as long as both.
func (f *Facility) Step(d time.Duration) {
	f.rest += d
	for ; f.rest >= tick; f.rest -= tick {
		f.now += tick
		for len(f.plan) > 0 && f.plan[0].at <= f.now {
			f.plan[0].do(f)
			f.plan = f.plan[1:]
		}
		f.tick()
	}
	f.show()
}

// Transitions returns all that has happened since the start, in order.
func (f *Facility) Transitions() []Transition { return slices.Clone(f.log) }

// Device returns the device with an id, nil where there is none.
func (f *Facility) Device(id string) *Device {
	for _, d := range f.Devices {
		if d.ID == id {
			return d
		}
	}
	return nil
}

// note records what a state is now; a change goes into the log.
func (f *Facility) note(device, what, word string) {
	at := cellOf{device, what}
	was := f.words[at]
	if was == word {
		return
	}
	f.words[at] = word
	f.log = append(f.log, Transition{f.now, device, what, was, word})
}

// tick moves everything on by one tick: sources first, loads last, then what
// the loads draw is put on the sources for the next tick.
func (f *Facility) tick() {
	mains := f.mains.step(f.rng)
	board := mains
	if !f.mains.incomer {
		board = supply{}
	}
	f.note("", "mains", onOff(f.mains.present, "lost", "present"))
	f.note("", "incomer", onOff(f.mains.incomer, "open", "closed"))

	a1, a2 := f.switches[0], f.switches[1]
	a1.step(board, f.gens[0].supply())
	f.note(a1.id, "selected_source", a1.position)
	f.gens[0].step(f, a1.wantsB(2), a1.position == "b", board)
	a2.step(a1.out, f.gens[1].supply())
	f.note(a2.id, "selected_source", a2.position)
	f.gens[1].step(f, a2.wantsB(30), a2.position == "b", a1.out)

	bus := a2.out
	f.itWatts = 80e3 * f.daily(0.05) * (1 + f.servers.step(f.rng))
	f.shareServers()
	f.office.load = 1400 * f.daily(0.3)
	drawn := 0.0
	for _, u := range []*ups{f.halls[0], f.halls[1], f.office} {
		u.step(f, bus)
		drawn += u.inputWatts
	}
	f.room.step(f)
	for _, u := range f.units {
		drawn += u.watts
	}

	a2.carry(drawn)
	through1 := 0.0
	switch a2.position {
	case "a":
		through1 = drawn
	case "b":
		f.gens[1].load = drawn
	}
	if a2.position != "b" {
		f.gens[1].load = 0
	}
	a1.carry(through1)
	f.gens[0].load = 0
	onBoard := 0.0
	switch a1.position {
	case "a":
		onBoard = through1
	case "b":
		f.gens[0].load = through1
	}
	f.restWatts = 0
	if board.live() {
		f.restWatts = 16e3 * f.daily(0.25) * (1 + f.lights.step(f.rng))
		onBoard += f.restWatts
	}
	f.meters[1].step(board, onBoard)
	f.meters[0].step(mains, onBoard*1.004)
	for _, u := range f.units {
		f.note(u.id, "status", u.status)
		f.note(u.id, "mode", u.mode)
	}
}

func onOff(on bool, off, word string) string {
	if on {
		return word
	}
	return off
}

// shareServers puts the servers' load on the hall UPS units: half each, all on
// one when the other gives nothing.
func (f *Facility) shareServers() {
	a, b := f.halls[0], f.halls[1]
	a.load, b.load = 0.507*f.itWatts, 0.493*f.itWatts
	switch {
	case !a.alive() && b.alive():
		a.load, b.load = 0, f.itWatts
	case a.alive() && !b.alive():
		a.load, b.load = f.itWatts, 0
	}
}

// serving returns the power that really reaches the servers.
func (f *Facility) serving() float64 {
	watts := 0.0
	for _, u := range f.halls {
		if u.alive() {
			watts += u.load
		}
	}
	return watts
}
