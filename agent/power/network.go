package power

import (
	"slices"
	"sync"
	"time"

	"plantroom/agent"
)

// A Node is a part of the building that power flows through and nothing polls.
type Node struct {
	ID, Name string
	Kind     string // utility, transformer, board or load
	Labels   []agent.Label
	Feeds    []agent.Feed
}

// A Network is the power network of a site. It is safe for concurrent use.
type Network struct {
	mu      sync.Mutex
	nodes   []node
	edges   []edge
	order   []int // of the nodes, sources first
	devices map[string]*device
	cooling []*device // all, those that no feeds: name too

	latest  time.Time // of the polls
	looked  time.Time // when path was made
	dirty   bool      // a poll has come since path was made
	path    *agent.Path
	last    evaluation // what path was made from
	stood   standing
	seeing  bool      // what the building stands on is known
	seenAt  time.Time // when it last was
	tornAt  time.Time // since when devices contradict each other; zero while they do not
	blind   bool      // all that is missing is data
	changed []func(agent.Path)
}

// A node is a part of the network.
type node struct {
	id, name, class, room string
	device                *device // nil for what is not polled
	in, out               []int   // edges
	gens                  []int   // nodes: the generators that it may stand on, itself included
	kinds                 kinds   // of sources that it may stand on
	root                  bool    // nothing feeds it, and it is no source: it stands on the mains
	it                    bool    // a part of the building's load
	critical              bool    // that load stands on it, or may
	others                bool    // so does something else
	other                 string  // what else the label load calls it

	state agent.NodeState // as last found
	since time.Time       // when it became so
	dead  time.Time       // when it lost its supply; zero while it has one

	guess   string // of a transfer switch: the source that it was last found to be on, not by itself
	guessed time.Time
}

// An edge is a way that power can take.
type edge struct {
	from, to int
	input    string // of a transfer switch
}

// kinds are kinds of sources.
type kinds uint8

const (
	mains kinds = 1 << iota
	generators
)

// New returns the network of devices and nodes, of which nothing has been
// polled yet. Feeds that lead nowhere or round in a circle are left out; a
// configuration has none.
func New(devices []*agent.Device, nodes []Node) *Network {
	n := &Network{devices: map[string]*device{}}
	n.build(devices, nodes)
	return n
}

// Apply makes the network that of another configuration. What is known of
// devices that stay, and since when, is kept.
func (n *Network) Apply(devices []*agent.Device, nodes []Node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := n.nodes
	n.build(devices, nodes)
	for i := range n.nodes {
		if j := slices.IndexFunc(before, func(b node) bool { return b.id == n.nodes[i].id }); j >= 0 {
			n.nodes[i].state, n.nodes[i].since, n.nodes[i].dead = before[j].state, before[j].since, before[j].dead
		}
	}
	n.look(time.Now())
}

// Changes has f called with every Path that differs from the one before in
// more than figures: what the building stands on, what a part stands on or how
// it is, what is missing. Calls come one at a time, from whoever noticed; f is
// to be quick and must not call the network. Changes is called before the
// first poll.
func (n *Network) Changes(f func(agent.Path)) { n.changed = append(n.changed, f) }

// Observe takes a poll. It keeps nothing of the poll's readings.
func (n *Network) Observe(p *agent.Poll) {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.devices[p.Device.ID]
	if d == nil || d.Device != p.Device {
		return
	}
	if p.Time.After(n.latest) {
		n.latest = p.Time
	}
	n.dirty = true
	if d.take(p) {
		n.look(p.Time)
	}
}

// Path returns what the building stands on now.
func (n *Network) Path() agent.Path {
	n.mu.Lock()
	defer n.mu.Unlock()
	if now := time.Now(); n.path == nil || n.dirty || now.Sub(n.looked) > lookAgain {
		n.look(now)
	}
	return *n.path
}

// lookAgain is how soon the network is looked at again when nothing was polled
// since.
const lookAgain = 100 * time.Millisecond

// look evaluates the network as of now, and tells of a change.
func (n *Network) look(now time.Time) {
	e := n.evaluate(now)
	path := n.describe(e)
	changed := n.path == nil || differ(n.path, path)
	n.path, n.last, n.looked, n.dirty = path, *e, now, false
	if changed {
		for _, f := range n.changed {
			f(*path)
		}
	}
}

// differ reports whether two paths differ in more than figures and words.
func differ(a, b *agent.Path) bool {
	return a.On != b.On || a.Redundant != b.Redundant || a.Severity != b.Severity || !slices.Equal(a.Sources, b.Sources) ||
		!slices.Equal(a.Missing, b.Missing) ||
		!slices.EqualFunc(a.Nodes, b.Nodes, func(a, b agent.PathNode) bool {
			return a.ID == b.ID && a.State == b.State && a.Word == b.Word && a.On == b.On
		}) ||
		!slices.EqualFunc(a.Edges, b.Edges, func(a, b agent.PathEdge) bool { return a.From == b.From && a.To == b.To && a.On == b.On })
}

// build makes nodes, edges and what follows from them alone.
func (n *Network) build(devices []*agent.Device, parts []Node) {
	known := n.devices
	n.nodes, n.edges, n.order, n.cooling, n.path = nil, nil, nil, nil, nil
	n.devices = map[string]*device{}
	fed := map[string]bool{}
	for _, p := range parts {
		for _, f := range p.Feeds {
			fed[f.To] = true
		}
	}
	for _, d := range devices {
		for _, f := range d.Feeds {
			fed[f.To] = true
		}
	}
	at := map[string]int{}
	add := func(id, name, class string, labels []agent.Label, d *device) {
		at[id] = len(n.nodes)
		v := node{id: id, name: name, class: class, device: d}
		for _, l := range labels {
			switch l.Name {
			case "room":
				v.room = l.Value
			case "load":
				v.other = l.Value
			}
		}
		n.nodes = append(n.nodes, v)
	}
	for _, p := range parts {
		add(p.ID, p.Name, p.Kind, p.Labels, nil)
	}
	for _, d := range devices {
		if roleOf[d.Class] == nil {
			continue
		}
		state := known[d.ID]
		if state == nil || state.Device != d {
			state = &device{Device: d}
		}
		onPath := len(d.Feeds) > 0 || fed[d.ID] || d.Class == "ups" || d.Class == "dc" || d.Class == "ats" || d.Class == "generator"
		if onPath {
			add(d.ID, d.Name, d.Class, d.Labels, state)
		}
		if d.Class == "cooling" {
			n.cooling = append(n.cooling, state)
		}
		if onPath || d.Class == "cooling" {
			n.devices[d.ID] = state
		}
	}
	connect := func(from string, feeds []agent.Feed) {
		u, ok := at[from]
		for _, f := range feeds {
			if v, known := at[f.To]; ok && known && !n.leads(v, u) {
				n.nodes[u].out = append(n.nodes[u].out, len(n.edges))
				n.nodes[v].in = append(n.nodes[v].in, len(n.edges))
				n.edges = append(n.edges, edge{u, v, f.Input})
			}
		}
	}
	for _, p := range parts {
		connect(p.ID, p.Feeds)
	}
	for _, d := range devices {
		connect(d.ID, d.Feeds)
	}
	n.sort()
	n.trace()
	n.findLoad()
}

// leads reports whether power gets from u to v.
func (n *Network) leads(u, v int) bool {
	seen := make([]bool, len(n.nodes))
	var visit func(u int) bool
	visit = func(u int) bool {
		if u == v || seen[u] {
			return u == v
		}
		seen[u] = true
		return slices.ContainsFunc(n.nodes[u].out, func(e int) bool { return visit(n.edges[e].to) })
	}
	return visit(u)
}

// sort orders the nodes from the sources to the loads.
func (n *Network) sort() {
	waits := make([]int, len(n.nodes))
	for i := range n.nodes {
		if waits[i] = len(n.nodes[i].in); waits[i] == 0 {
			n.order = append(n.order, i)
		}
	}
	for at := 0; at < len(n.order); at++ {
		for _, e := range n.nodes[n.order[at]].out {
			to := n.edges[e].to
			if waits[to]--; waits[to] == 0 {
				n.order = append(n.order, to)
			}
		}
	}
}

// trace finds for each node which sources it may stand on.
func (n *Network) trace() {
	// Whether all that a node feeds in the end are second sources of switches.
	standby := make([]bool, len(n.nodes))
	for _, i := range slices.Backward(n.order) {
		v := &n.nodes[i]
		standby[i] = len(v.out) > 0 && !slices.ContainsFunc(v.out, func(e int) bool {
			to := n.edges[e].to
			if n.nodes[to].class == "ats" {
				return n.edges[e].input != "b"
			}
			return !standby[to]
		})
	}
	utilities := slices.ContainsFunc(n.nodes, func(v node) bool { return v.class == "utility" })
	for _, i := range n.order {
		v := &n.nodes[i]
		switch v.class {
		case "utility":
			v.kinds = mains
			continue
		case "generator":
			v.kinds, v.gens = generators, []int{i}
			continue
		}
		for _, e := range v.in {
			from := &n.nodes[n.edges[e].from]
			v.kinds |= from.kinds
			for _, g := range from.gens {
				if !slices.Contains(v.gens, g) {
					v.gens = append(v.gens, g)
				}
			}
		}
		switch {
		case len(v.in) == 0:
			v.root = v.class != "load"
		case !utilities && v.kinds == generators:
			v.root = v.class != "ats" && !standby[i] || v.class == "ats" && n.feeder(i, "a") < 0
		}
		if v.root {
			v.kinds |= mains
		}
	}
}

// feeder returns the edge that leads to a source of a transfer switch, -1 for none.
func (n *Network) feeder(i int, input string) int {
	for _, e := range n.nodes[i].in {
		if n.edges[e].input == input {
			return e
		}
	}
	return -1
}

// holds reports whether a class of devices holds out on batteries.
func holds(class string) bool { return class == "ups" || class == "dc" }

// findLoad decides what the building's load is.
func (n *Network) findLoad() {
	// What is fed only by what is labelled as another load is a part of that.
	for _, i := range n.order {
		v := &n.nodes[i]
		if v.other != "" || len(v.in) == 0 {
			continue
		}
		label := n.nodes[n.edges[v.in[0]].from].other
		if label != "it" && !slices.ContainsFunc(v.in, func(e int) bool { return n.nodes[n.edges[e].from].other != label }) {
			v.other = label
		}
	}
	// What is behind a UPS, and which UPS has a load node behind it.
	behind := make([]bool, len(n.nodes))
	named := make([]bool, len(n.nodes))
	for _, i := range n.order {
		v := &n.nodes[i]
		for _, e := range v.in {
			from := n.edges[e].from
			behind[i] = behind[i] || behind[from] || holds(n.nodes[from].class)
		}
	}
	for _, i := range slices.Backward(n.order) {
		v := &n.nodes[i]
		named[i] = v.class == "load" || v.other == "it"
		for _, e := range v.out {
			named[i] = named[i] || named[n.edges[e].to]
		}
	}
	any := false
	mark := func(is func(i int, v *node) bool) {
		for i := range n.nodes {
			v := &n.nodes[i]
			if !any && (v.other == "" || v.other == "it") && v.class != "generator" && v.class != "utility" && is(i, v) {
				v.it = true
			}
		}
		any = slices.ContainsFunc(n.nodes, func(v node) bool { return v.it })
	}
	mark(func(i int, v *node) bool {
		switch {
		case v.other == "it":
			return true
		case v.class == "load":
			return behind[i]
		}
		return holds(v.class) && !named[i]
	})
	mark(func(i int, v *node) bool { return len(v.out) == 0 && v.class != "cooling" })
	mark(func(i int, v *node) bool { return len(v.out) == 0 })
	for _, i := range slices.Backward(n.order) {
		v := &n.nodes[i]
		v.critical, v.others = v.it, !v.it && len(v.out) == 0
		for _, e := range v.out {
			to := &n.nodes[n.edges[e].to]
			v.critical, v.others = v.critical || to.critical, v.others || to.others
		}
		if v.other != "" {
			v.others = v.other != "it"
		}
	}
	// A generator that feeds nothing, in the configuration, stands in for all.
	for i := range n.nodes {
		if v := &n.nodes[i]; v.class == "generator" && len(v.out) == 0 {
			v.critical = true
		}
	}
}
