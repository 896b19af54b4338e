package power

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"plantroom/agent"
)

// Site reads what the site as a whole takes and stands on, as a device of class
// site: one reading for each figure that the configuration can have. A figure
// of which a part is not known is Bad and says which part.
//
//	mains_power          W that comes from the utilities
//	generator_power      W that comes from the generators
//	it_power             W that the UPS units and DC systems give to the building's load, or what
//	                     is metered nearest to that load
//	cooling_power        W that cooling units take, and what is labelled load: cooling
//	pue                  the first two by the third; not on batteries, when what the load takes is
//	                     not what comes in
//	battery_runtime_min  s, the shortest of the UPS units of the building's load
//	free_cooling         % of the running cooling units that cool with outdoor air alone; its mean
//	                     over a day is how much of the day was free
//	supply               what the building's load stands on
//	power_redundancy     whether what is to be in reserve is
func (n *Network) Site(f *agent.Figures) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.look(time.Now())
	e := &n.last
	add := func(metric string, v opt, err error) {
		switch {
		case err != nil:
			f.Failed(metric, "", err)
		case v.ok:
			f.Number(metric, "", v.v)
		}
	}
	mains, errMains := e.sum(func(v *node) bool { return v.class == "utility" || v.root })
	add("mains_power", mains, errMains)
	generated, errGenerated := e.sum(func(v *node) bool { return v.class == "generator" })
	add("generator_power", generated, errGenerated)
	it, errIT := e.itPower()
	add("it_power", it, errIT)
	cooling, err := e.coolingPower()
	add("cooling_power", cooling, err)
	switch err := cmp.Or(errMains, errGenerated, errIT); {
	case err != nil:
		add("pue", opt{}, err)
	case !mains.ok && !generated.ok || !it.ok:
	case n.onBattery(e):
		add("pue", opt{}, errors.New("a UPS is on battery"))
	case mains.v+generated.v < it.v: // as while a rectifier takes over from the battery
		add("pue", opt{}, errors.New("less comes in than the load takes: a battery gives the rest"))
	case it.v > 0:
		add("pue", some((mains.v+generated.v)/it.v), nil)
	}
	left, err := e.runtime()
	add("battery_runtime_min", left, err)
	add("free_cooling", e.freeCooling(), nil)
	if n.path.On != agent.NoData {
		f.State("supply", "", n.path.On.String())
	}
	if word := n.redundancy(); word != "" {
		f.State("power_redundancy", "", word)
	}
}

func missing(what string, v *node) error { return fmt.Errorf("%s of %s is not known", what, v.id) }

// sum adds up what some nodes give.
func (e *evaluation) sum(is func(v *node) bool) (total opt, err error) {
	for i := range e.n.nodes {
		v := &e.n.nodes[i]
		if !is(v) {
			continue
		}
		watts := e.power(i)
		switch {
		case v.root && holds(v.class):
			watts = e.taken[i]
			if e.on[i] != agent.Mains && e.on[i] != agent.NoData {
				watts = some(0)
			}
		case v.root && e.on[i] != agent.Mains && e.on[i] != agent.NoData:
			watts = some(0)
		}
		if !watts.ok {
			return opt{}, missing("the power", v)
		}
		total = some(total.v + watts.v)
	}
	return total, nil
}

// itPower returns what the building's load takes: of each way to it what the
// last part gives that carries nothing else and is a UPS or labelled so, or
// what the load itself takes.
func (e *evaluation) itPower() (total opt, err error) {
	seen := map[int]bool{}
	var walk func(i int)
	walk = func(i int) {
		v := &e.n.nodes[i]
		if !v.critical || seen[i] {
			return
		}
		seen[i] = true
		switch {
		case v.it || holds(v.class) && !v.others:
			watts := e.given[i]
			if e.on[i] == agent.Dead {
				watts = some(0)
			}
			if !watts.ok && err == nil {
				err = missing("the power", v)
			}
			total = some(total.v + watts.v)
		default:
			for _, k := range v.out {
				walk(e.n.edges[k].to)
			}
		}
	}
	for i := range e.n.nodes {
		if len(e.n.nodes[i].in) == 0 {
			walk(i)
		}
	}
	return total, err
}

// coolingPower returns what cooling takes.
func (e *evaluation) coolingPower() (total opt, err error) {
	at := map[*device]int{}
	behind := func(i int) bool { // what is labelled, where it is metered
		return slices.ContainsFunc(e.n.nodes[i].in, func(k int) bool { return e.n.nodes[e.n.edges[k].from].other == "cooling" })
	}
	for i := range e.n.nodes {
		v := &e.n.nodes[i]
		if v.device != nil {
			at[v.device] = i
		}
		if v.other == "cooling" && v.class != "cooling" && !behind(i) {
			watts := e.power(i)
			if !watts.ok && err == nil {
				err = missing("the power", v)
			}
			total = some(total.v + watts.v)
		}
	}
	shared := map[int]bool{}
	for _, d := range e.n.cooling {
		watts := opt{}
		if i, onPath := at[d]; onPath {
			if behind(i) {
				continue
			}
			if watts = e.taken[i]; !watts.ok {
				parent, left := e.coolingShare(i)
				if parent >= 0 && left.ok {
					if watts = some(0); !shared[parent] {
						shared[parent], watts = true, left
					}
				}
			}
		} else if d.fresh(e.now) {
			watts = d.figures.in
		}
		if !watts.ok && err == nil {
			err = fmt.Errorf("the power of %s is not known", d.ID)
		}
		total = some(total.v + watts.v)
	}
	return total, err
}

// coolingShare returns what is left of the power of the one node that feeds a
// cooling unit, when all that is not known of it goes into cooling units.
func (e *evaluation) coolingShare(i int) (parent int, left opt) {
	in := e.n.nodes[i].in
	if len(in) != 1 {
		return -1, opt{}
	}
	parent = e.n.edges[in[0]].from
	if left = e.given[parent]; !left.ok {
		return parent, left
	}
	for _, k := range e.n.nodes[parent].out {
		switch to := &e.n.nodes[e.n.edges[k].to]; {
		case e.watts[k].ok:
			left.v = max(0, left.v-e.watts[k].v)
		case to.class != "cooling":
			return parent, opt{}
		}
	}
	return parent, left
}

// runtime returns the shortest battery runtime of the load's UPS units: an
// error when one that has a battery does not say.
func (e *evaluation) runtime() (left opt, err error) {
	for i := range e.n.nodes {
		v := &e.n.nodes[i]
		switch {
		case !v.critical || !holds(v.class):
		case !e.fresh[i]:
			err = missing("the battery runtime", v)
		case v.device.figures.runtime.ok && (!left.ok || v.device.figures.runtime.v < left.v):
			left = v.device.figures.runtime
		}
	}
	return left, err
}

// onBattery reports whether a UPS of the load stands on its battery.
func (n *Network) onBattery(e *evaluation) bool {
	for i := range n.nodes {
		if v := &n.nodes[i]; v.critical && holds(v.class) && e.on[i] == agent.Batteries && e.live[i] == yes {
			return true
		}
	}
	return false
}

// freeCooling returns the share of the running cooling units that cool with
// outdoor air alone, of those that say how.
func (e *evaluation) freeCooling() opt {
	free, units := 0.0, 0.0
	for _, d := range e.n.cooling {
		if mode := d.figures.freeMode; d.fresh(e.now) && mode.ok {
			free, units = free+mode.v, units+1
		}
	}
	if units == 0 {
		return opt{}
	}
	return some(100 * free / units)
}
