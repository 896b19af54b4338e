package power

import (
	"slices"
	"time"

	"plantroom/agent"
)

// An issue is something that is not as it should be.
type issue struct {
	id, name string
	text     agent.Words // UPS A on bypass
	severity agent.Severity
	missing  bool // it is a part of what ought to be in reserve for the building's load
	blind    bool // it is only that there is no data
}

// describe puts what was found into a Path.
func (n *Network) describe(e *evaluation) *agent.Path {
	p := &agent.Path{Time: n.latest, Nodes: make([]agent.PathNode, len(n.nodes)), Edges: make([]agent.PathEdge, len(n.edges))}
	at := n.latest
	if n.path != nil && !n.latest.After(n.path.Time) && !n.dirty {
		at = e.now // nothing was read: it is that readings have become old
	}
	var issues []issue
	add := func(id, name string, c condition, critical bool) {
		x := issue{id: id, name: name, text: c.of(name), severity: c.severity, missing: c.reserve && critical, blind: c.blind}
		if x.text.EN != "" && !slices.ContainsFunc(issues, func(y issue) bool { return x.text == y.text }) {
			issues = append(issues, x)
		}
	}
	unasked := false // something that is to be in reserve
	for i := range n.nodes {
		v := &n.nodes[i]
		state, c := e.condition(i)
		if state != v.state {
			if v.since = at; n.path == nil || v.state == agent.Unknown {
				v.since = time.Time{}
			}
			v.state = state
		}
		p.Nodes[i] = agent.PathNode{ID: v.id, Name: v.name, Class: v.class, Room: v.room, State: state, Word: c.word,
			On: e.on[i], Power: e.power(i).pointer(), Since: v.since}
		add(v.id, v.name, c, v.critical)
		unasked = unasked || v.critical && v.device != nil && v.device.unasked()
	}
	runs, known := false, len(n.cooling) > 0
	for _, d := range n.cooling {
		fresh := d.fresh(e.now)
		runs = runs || fresh && d.facts.status == "running"
		known = known && fresh && d.facts.status != ""
		if fresh && d.facts.status == "fault" {
			add(d.ID, d.Name, inFault, false)
		}
	}
	if known && !runs {
		c := noCooling.beside()
		c.severity = agent.Alarm
		add("", "", c, false)
	}
	for k, edge := range n.edges {
		p.Edges[k] = agent.PathEdge{From: n.nodes[edge.from].id, To: n.nodes[edge.to].id, On: e.flow[k], Power: e.watts[k].pointer()}
	}
	n.stand(p, e, at)
	n.blind = true
	for _, x := range issues {
		if x.missing {
			p.Missing = append(p.Missing, x.text)
			n.blind = n.blind && x.blind
		}
		p.Severity = max(p.Severity, x.severity)
	}
	p.Blind = n.blind && len(p.Missing) > 0
	p.Redundant = len(p.Missing) == 0 && p.On != agent.NoData && !unasked
	p.Runtime = n.left(p, e).pointer()
	n.say(p, e, issues)
	return p
}

// left returns the shortest battery runtime: of those that carry the load,
// where there are such.
func (n *Network) left(p *agent.Path, e *evaluation) (left opt) {
	if p.On != agent.Batteries {
		left, _ = e.runtime()
		return left
	}
	for i := range n.nodes {
		v := &n.nodes[i]
		if slices.Contains(p.Sources, v.id) && e.fresh[i] {
			if r := v.device.figures.runtime; r.ok && (!left.ok || r.v < left.v) {
				left = r
			}
		}
	}
	return left
}

// stand finds what the building's load stands on and which sources carry it.
func (n *Network) stand(p *agent.Path, e *evaluation, at time.Time) {
	worst := [...]int{agent.NoData: 0, agent.Dead: 1, agent.Mains: 2, agent.Generator: 3, agent.Batteries: 4}
	from := map[int]bool{}
	for i := range n.nodes {
		if !n.nodes[i].it {
			continue
		}
		// A part without power does not tell what the rest stands on.
		if worst[e.on[i]] > worst[p.On] {
			p.On = e.on[i]
		}
	}
	for i := range n.nodes {
		if n.nodes[i].it && e.on[i] == p.On {
			e.sources(i, p.On, from, make([]bool, len(n.nodes)))
		}
	}
	for i := range n.nodes {
		if from[i] {
			p.Sources = append(p.Sources, n.nodes[i].id)
		}
	}
	if p.On == agent.NoData && e.torn && n.seeing {
		if n.tornAt.IsZero() {
			n.tornAt = at
		}
		if at.Sub(n.tornAt) < settling {
			p.On, p.Sources, p.Since, n.seenAt = n.stood.on, n.stood.sources, n.stood.since, at
			return
		}
	}
	n.tornAt = time.Time{}
	if p.On == agent.NoData {
		n.seeing = false
		return
	}
	// One more UPS on battery is the same failure.
	same := n.stood.on == p.On && (p.On == agent.Batteries || slices.Equal(n.stood.sources, p.Sources))
	switch {
	case same && (n.seeing || at.Sub(n.seenAt) < blink):
	case n.seeing || n.stood.on != agent.NoData && at.Sub(n.seenAt) < blink:
		n.stood.since = at
	default:
		n.stood.since = e.began(from, p.On)
	}
	n.seeing, n.seenAt, n.stood.on, n.stood.sources = true, at, p.On, p.Sources
	p.Since = n.stood.since
}

// settling is how long what the building stood on goes on to be said while
// devices contradict each other: that of a transfer, and a poll.
const settling = 5 * time.Second

// blink is how long nothing may be seen without it counting as a gap, in which
// anything may have happened.
const blink = time.Minute

// A standing is what the building stood on when that was last known.
type standing struct {
	on      agent.Supply
	sources []string
	since   time.Time
}

// sources collects the nodes from which a node has a supply.
func (e *evaluation) sources(i int, on agent.Supply, from map[int]bool, seen []bool) {
	if seen[i] {
		return
	}
	seen[i] = true
	v := &e.n.nodes[i]
	switch {
	case on == agent.Batteries && holds(v.class) && e.on[i] == on, on == agent.Generator && v.class == "generator":
		from[i] = true
		return
	}
	if on == agent.Generator && v.root && e.on[i] == on {
		for g := range e.n.nodes {
			if len(e.n.nodes[g].out) == 0 && e.n.nodes[g].class == "generator" && e.carries(g) == yes {
				from[g] = true
			}
		}
	}
	for _, k := range v.in {
		if e.flow[k] == on {
			e.sources(e.n.edges[k].from, on, from, seen)
		}
	}
}

// began returns since when the building stands on what it is found on first:
// UPS units on battery say it, otherwise it is not known.
func (e *evaluation) began(sources map[int]bool, on agent.Supply) (at time.Time) {
	if on != agent.Batteries {
		return at
	}
	for i := range sources {
		d := e.n.nodes[i].device
		if !d.figures.used.ok || d.figures.used.v <= 0 {
			continue
		}
		if t := d.polled.Add(-time.Duration(d.figures.used.v * float64(time.Second))); at.IsZero() || t.Before(at) {
			at = t
		}
	}
	return at
}
