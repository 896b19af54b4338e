package power

import (
	"slices"
	"time"

	"plantroom/agent"
)

// grace is how long a UPS that lost its supply may go on saying that it is
// online: network cards look at the UPS every few seconds only.
const grace = 10 * time.Second

// An evaluation is what is found of the network at one moment. Its slices go
// by nodes and edges.
type evaluation struct {
	n     *Network
	now   time.Time
	fresh []bool
	live  []tri          // whether there is voltage at what a node gives
	on    []agent.Supply // what a node gives
	at    []time.Time    // of the latest reading that says so
	flow  []agent.Supply // through an edge
	watts []opt          // through an edge
	torn  bool           // devices contradict each other for not being polled at the same time
	given []opt          // W that a node gives
	taken []opt          // W that a node takes
}

// evaluate finds everything as of now.
func (n *Network) evaluate(now time.Time) *evaluation {
	e := &evaluation{
		n: n, now: now, fresh: make([]bool, len(n.nodes)), live: make([]tri, len(n.nodes)), on: make([]agent.Supply, len(n.nodes)),
		at: make([]time.Time, len(n.nodes)), flow: make([]agent.Supply, len(n.edges)), watts: make([]opt, len(n.edges)),
		given: make([]opt, len(n.nodes)), taken: make([]opt, len(n.nodes)),
	}
	for i := range n.nodes {
		e.fresh[i] = n.nodes[i].device.fresh(now)
	}
	for i := range n.nodes {
		if n.nodes[i].class == "generator" { // which others are judged by
			e.live[i], e.at[i] = e.measure(i)
		}
	}
	for _, i := range slices.Backward(n.order) {
		e.live[i], e.at[i] = e.measure(i)
	}
	for _, i := range n.order {
		e.supply(i)
		v := &n.nodes[i]
		switch {
		case e.on[i] != agent.Dead:
			v.dead = time.Time{}
		case v.dead.IsZero():
			v.dead = now
		}
	}
	e.solve()
	return e
}

// facts returns what a node's device says; nothing of one that is not fresh.
func (e *evaluation) facts(i int) (f facts) {
	if e.fresh[i] {
		f = e.n.nodes[i].device.facts
	}
	return f
}

// measure says whether there is voltage at what a node gives: by its own
// device, or else by what it feeds.
func (e *evaluation) measure(i int) (tri, time.Time) {
	v := &e.n.nodes[i]
	f := e.facts(i)
	own := f.out
	switch v.class {
	case "switchboard", "pdu":
		if own == unknown && (f.flows == yes || f.breaker == "open") {
			own = truth(f.flows == yes)
		}
	case "ats":
		if own == unknown && f.flows == yes {
			own = yes
		}
	case "generator":
		switch f.status {
		case "stopped", "starting", "warming_up", "stopping", "fault":
			own = no // or not yet
		case "running", "on_load", "cooling_down":
			if own == unknown {
				own = yes
			}
		}
	case "ups":
		switch {
		case own != unknown:
		case f.status == "off":
			own = no
		case f.status != "" && f.status != "fault":
			own = yes
		}
	}
	if own != unknown {
		return own, v.device.polled
	}
	var at time.Time
	for _, k := range v.out {
		seen, when := e.sees(k)
		switch {
		case seen == yes && own != yes, seen == no && own == unknown:
			own, at = seen, when
		case seen == own && when.After(at):
			at = when
		}
	}
	return own, at
}

// sees says whether what an edge leads to sees voltage there.
func (e *evaluation) sees(k int) (tri, time.Time) {
	edge := &e.n.edges[k]
	i := edge.to
	v := &e.n.nodes[i]
	f := e.facts(i)
	seen := unknown
	switch v.class {
	case "ups", "dc":
		if len(v.in) > 1 {
			return unknown, time.Time{}
		}
		seen = f.in
		if seen == unknown {
			switch f.status {
			case "online", "eco", "boost", "trim", "bypass", "maintenance_bypass":
				seen = yes
			case "on_battery":
				seen = no
			}
		}
	case "ats":
		status, volts := f.sourceA, f.a
		if edge.input == "b" {
			status, volts = f.sourceB, f.b
		}
		switch {
		case status == "ok", status == "fail":
			seen = truth(status == "ok")
		case volts != unknown:
			seen = volts
		case e.live[i] == yes && f.selected == edge.input:
			seen = yes
		}
	case "cooling":
		if f.status == "running" {
			seen = yes
		}
	case "load":
	default:
		if len(v.in) == 1 && !v.root {
			if e.live[i] == no && f.breaker == "open" {
				return unknown, time.Time{}
			}
			return e.live[i], e.at[i]
		}
	}
	if seen != unknown {
		return seen, v.device.polled
	}
	// The controller of a generator sees the mains that it stands in for.
	if e.n.nodes[edge.from].kinds != generators {
		for _, g := range v.gens {
			if f := e.facts(g); f.mains != unknown && e.rivals(k, g) {
				return f.mains, e.n.nodes[g].device.polled
			}
		}
	}
	// Of several feeders of a board that is live, the only one that can be.
	if v.class != "ats" && !holds(v.class) && v.class != "load" && len(v.in) > 1 {
		if e.live[i] == no {
			return no, e.at[i]
		}
		mains := 0
		for _, in := range v.in {
			if e.n.nodes[e.n.edges[in].from].kinds != generators {
				mains++
			}
		}
		if e.live[i] == yes && mains == 1 && e.n.nodes[edge.from].kinds != generators && e.idle(v.gens) {
			return yes, e.at[i]
		}
	}
	return unknown, time.Time{}
}

// rivals reports whether a generator stands in for what comes along an edge:
// it feeds the same thing another way, with nothing but boards between.
func (e *evaluation) rivals(k, g int) bool {
	to := e.n.edges[k].to
	for _, in := range e.n.nodes[to].in {
		from := e.n.edges[in].from
		if in != k && e.n.nodes[from].kinds == generators && slices.Contains(e.n.nodes[from].gens, g) {
			return true
		}
	}
	return false
}

// idle reports whether all of some generators are known to give nothing.
func (e *evaluation) idle(gens []int) bool {
	return !slices.ContainsFunc(gens, func(g int) bool { return e.live[g] != no && e.carries(g) != no })
}

// carries says whether a generator carries load.
func (e *evaluation) carries(g int) tri {
	f := e.facts(g)
	switch {
	case e.live[g] == no || f.generatorBreaker == "open":
		return no
	case f.generatorBreaker == "closed" && e.live[g] == yes, f.status == "on_load":
		return yes
	case f.flows != unknown:
		return f.flows
	case f.status == "cooling_down":
		return no
	}
	return unknown
}

// anyCarries says whether one of some generators carries load.
func (e *evaluation) anyCarries(gens []int) tri {
	all := no
	for _, g := range gens {
		switch e.carries(g) {
		case yes:
			return yes
		case unknown:
			all = unknown
		}
	}
	return all
}

// supply finds what a node gives, and what flows to it.
func (e *evaluation) supply(i int) {
	v := &e.n.nodes[i]
	switch {
	case v.class == "utility":
		e.on[i] = given(e.live[i], agent.Mains)
	case v.class == "generator":
		e.on[i] = given(e.live[i], agent.Generator)
	case v.class == "ats":
		e.supplySwitch(i)
	case holds(v.class):
		e.supplyUPS(i)
	case len(v.in) == 1 && !v.root && v.class != "load":
		k := v.in[0]
		e.on[i] = e.through(i, e.n.edges[k].from)
		e.flow[k] = e.on[i]
	default:
		e.supplyBoard(i)
	}
}

func given(live tri, on agent.Supply) agent.Supply {
	switch live {
	case yes:
		return on
	case no:
		return agent.Dead
	}
	return agent.NoData
}

// kind returns the only kind of source that a node can stand on, NoData where
// there are two.
func (n *Network) kind(i int) agent.Supply {
	switch n.nodes[i].kinds {
	case mains:
		return agent.Mains
	case generators:
		return agent.Generator
	}
	return agent.NoData
}

// through finds what a node that hands on what its one feeder gives stands on.
func (e *evaluation) through(i, from int) agent.Supply {
	switch {
	case e.live[i] == no:
		return agent.Dead
	case e.on[from] == agent.NoData:
		if e.live[i] == yes {
			return e.n.kind(from)
		}
	case e.on[from] == agent.Dead:
		// Two polls are not of the same moment: the later one is right.
		if e.live[i] == yes && e.at[i].After(e.at[from]) {
			kind := e.n.kind(from)
			e.torn = e.torn || kind == agent.NoData
			return kind
		}
		e.at[i] = e.at[from]
	}
	return e.on[from]
}

// rooted finds what a node stands on that nothing feeds in the configuration.
func (e *evaluation) rooted(live tri) agent.Supply {
	switch live {
	case no:
		return agent.Dead
	case unknown:
		return agent.NoData
	}
	for g := range e.n.nodes {
		if v := &e.n.nodes[g]; v.class == "generator" && len(v.out) == 0 && e.carries(g) == yes {
			return agent.Generator
		}
	}
	return agent.Mains
}

// supplySwitch finds what a transfer switch gives.
func (e *evaluation) supplySwitch(i int) {
	v := &e.n.nodes[i]
	sel := e.selects(i)
	for _, k := range v.in {
		e.flow[k] = agent.NoData
		if sel != "" && e.n.edges[k].input != sel || e.live[i] == no {
			e.flow[k] = agent.Dead
		}
	}
	switch {
	case e.live[i] == no || sel == "none" && e.live[i] != yes:
		e.on[i] = agent.Dead
	case sel == "a" || sel == "b":
		k := e.n.feeder(i, sel)
		if k < 0 {
			e.on[i] = e.rooted(e.live[i])
			if e.facts(i).position == "generator" && e.on[i] == agent.Mains && v.kinds&generators == 0 {
				e.on[i] = agent.Generator
			}
			return
		}
		e.on[i] = e.through(i, e.n.edges[k].from)
		e.flow[k] = e.on[i]
	case len(v.in) == 0:
		e.on[i] = e.rooted(e.live[i])
	case e.live[i] == yes:
		e.on[i] = e.n.kind(i)
	case e.live[i] == unknown:
		// Nobody says which source it is; that matters where they differ.
		e.on[i] = e.on[e.n.edges[v.in[0]].from]
		for _, k := range v.in {
			if e.on[e.n.edges[k].from] != e.on[i] {
				e.on[i] = agent.NoData
			}
		}
	}
}

// selects says which source feeds a transfer switch: a, b, none or, unknown, "".
func (e *evaluation) selects(i int) string {
	v := &e.n.nodes[i]
	f := e.facts(i)
	if f.selected != "" {
		return f.selected
	}
	// The source that is the generator's, where one of the two is.
	standby := ""
	for _, k := range v.in {
		if e.n.nodes[e.n.edges[k].from].kinds == generators {
			standby = e.n.edges[k].input
		}
	}
	rest := map[string]string{"a": "b", "b": "a"}[standby]
	switch {
	case f.position == "off":
		return "none"
	case f.position == "mains" && len(v.in) == 0:
		return "a"
	case f.position == "generator" && len(v.in) == 0:
		return "b"
	case standby == "":
		return ""
	case f.position == "mains":
		return rest
	case f.position == "generator":
		return standby
	}
	gens := e.n.nodes[e.n.edges[e.n.feeder(i, standby)].from].gens
	switch carried := e.anyCarries(gens); {
	case carried == yes:
		v.guess, v.guessed = standby, e.now
	case e.live[i] == yes && carried == no && !slices.ContainsFunc(gens, func(g int) bool { return e.changed(g).After(e.at[i]) }):
		v.guess, v.guessed = rest, e.now
	case e.now.Sub(v.guessed) > v.device.term():
		return ""
	}
	return v.guess // for a moment the neighbours were not polled at the same time
}

// changed returns when a node's device last said something else.
func (e *evaluation) changed(i int) time.Time {
	if !e.fresh[i] {
		return time.Time{}
	}
	return e.n.nodes[i].device.since
}

// supplyUPS finds what a UPS gives.
func (e *evaluation) supplyUPS(i int) {
	v := &e.n.nodes[i]
	f := e.facts(i)
	kind := e.n.kind(i)
	feed, at, dead := agent.Dead, time.Time{}, time.Time{}
	for _, k := range v.in {
		from := e.n.edges[k].from
		feed, at, dead = better(feed, e.on[from]), e.at[from], e.n.nodes[from].dead
	}
	takes := unknown // whether it takes power in
	switch {
	case f.status == "off":
		e.on[i], takes = agent.Dead, no
	case f.status == "on_battery":
		e.on[i], takes = agent.Batteries, no
	case f.status != "" && f.status != "fault":
		takes = yes
	case f.in != unknown:
		takes = f.in
	case v.class == "dc" && f.battery == "discharging":
		takes = no
	}
	if v.root || len(v.in) == 0 {
		feed = e.rooted(takes)
	}
	switch {
	case e.on[i] != agent.NoData:
	case e.live[i] == no:
		e.on[i], takes = agent.Dead, no
	case takes == no:
		e.on[i] = given(e.live[i], agent.Batteries)
	case feed == agent.Dead && takes == yes && !at.After(v.device.polled) && v.device.polled.Sub(dead) > grace:
		// It says so for long, so it is fed by a way that nobody sees.
		e.on[i] = kind
	case feed == agent.Dead && e.live[i] == yes:
		e.on[i], takes = agent.Batteries, no
	case feed == agent.NoData && takes == yes:
		e.on[i] = kind
	case takes == yes || e.live[i] == yes:
		e.on[i] = feed
	}
	for _, k := range v.in {
		switch from := e.on[e.n.edges[k].from]; {
		case takes == no:
			e.flow[k] = agent.Dead
		case len(v.in) == 1:
			e.flow[k] = e.on[i]
		default:
			e.flow[k] = from
		}
	}
}

// better returns the supply that a load with both would rather stand on.
func better(a, b agent.Supply) agent.Supply {
	rank := [...]int{agent.Dead: 0, agent.NoData: 1, agent.Batteries: 2, agent.Generator: 3, agent.Mains: 4}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// supplyBoard finds what a part with several feeders, or none, stands on.
func (e *evaluation) supplyBoard(i int) {
	v := &e.n.nodes[i]
	if len(v.in) == 0 {
		if v.root {
			e.on[i] = e.rooted(e.live[i])
		}
		return
	}
	best, stand := agent.Dead, no
	if v.root {
		best = agent.NoData // mains that no node stands for
	}
	parallel := false
	for _, k := range v.in {
		from := e.n.edges[k].from
		e.flow[k] = e.on[from]
		if e.n.nodes[from].kinds != generators {
			best = better(best, e.on[from])
			continue
		}
		carried := no
		if e.on[from] != agent.Dead {
			carried = e.anyCarries(e.n.nodes[from].gens)
		}
		if carried != yes {
			e.flow[k] = agent.Dead
		}
		stand = max(stand, carried)
		if carried == unknown && stand != yes {
			stand = unknown
		}
		for _, g := range e.n.nodes[from].gens {
			parallel = parallel || e.facts(g).mainsBreaker == "closed"
		}
	}
	switch {
	case v.kinds == generators && e.live[i] != no:
		// It is there for who takes it.
		e.on[i] = agent.Dead
		for _, k := range v.in {
			e.on[i] = better(e.on[i], e.on[e.n.edges[k].from])
		}
	case e.live[i] == no && v.class != "load":
		e.on[i] = agent.Dead
		for _, k := range v.in {
			e.flow[k] = agent.Dead
		}
	case stand == yes && !(parallel && best == agent.Mains):
		e.on[i] = agent.Generator
		for _, k := range v.in {
			if e.n.nodes[e.n.edges[k].from].kinds != generators {
				e.flow[k] = agent.Dead
			}
		}
	case best == agent.Dead && stand == unknown && e.live[i] == yes:
		e.on[i] = agent.Generator // what else
		for _, k := range v.in {
			e.flow[k] = e.on[e.n.edges[k].from]
		}
	case best == agent.Dead && (stand == unknown || e.live[i] == yes):
		e.on[i] = agent.NoData
	case best == agent.NoData && e.live[i] == yes && stand == no:
		e.on[i] = agent.Mains
		if !v.root {
			e.on[i] = e.n.kind(i)
		}
	case best == agent.NoData && v.root && e.live[i] == no:
		e.on[i] = agent.Dead
	default:
		e.on[i] = best
	}
}
