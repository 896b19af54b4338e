package config

import (
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"plantroom/agent"
)

// The parts of the power path are devices and nodes; feeds: of the one names
// those that it carries.

// A part is a device or a node as a part of the power path.
type part struct {
	id, class string // the class of a node is its kind
	at        string
	feeds     *[]agent.Feed // what the ways compile to
	ways      []*way
	fed       []*way // those that lead to it
	stands    *bool  // what standsIn found
}

// A way is one entry of feeds:.
type way struct {
	s           *source
	n           *yaml.Node
	from        *part
	to          *part // nil when there is none
	name, input string
	implied     bool // the input is the one that is usual, nobody wrote it
}

// SiteID is the id of the device that the site as a whole is.
const SiteID = "site"

// addPart adds a device or a node to the power path, and reports whether its
// id is free. Feeds is where the result goes to once all parts are known.
func (r *siteReader) addPart(s *source, n, id, feeds *yaml.Node, p *part) bool {
	p.at = s.at(n)
	if first, ok := r.parts[p.id]; ok && p.id != "" {
		s.fault(id, "%s %s is there already, at %s", first.what(), p.id, first.at)
		return false
	}
	switch p.id {
	case SiteID:
		s.fault(id, "the id %s is that of the site's own figures; call it otherwise", SiteID)
	case r.site.Agent:
		s.fault(id, "the id %s is that of the agent, which is a device of its own; call it otherwise, or give agent: another name", p.id)
	}
	for _, n := range s.list(feeds) {
		name, input, _ := strings.Cut(s.text(n, "feeds"), "/")
		p.ways = append(p.ways, &way{s: s, n: n, from: p, name: name, input: input})
	}
	if p.class == "load" && feeds != nil {
		s.fault(feeds, "%s is a load, and a load feeds nothing; kind: board is what power is handed on at", p.id)
		p.ways = nil
	}
	r.parts[p.id] = p
	r.order = append(r.order, p)
	return true
}

func (p *part) what() string {
	if slices.Contains(nodeKinds, p.class) {
		return "the node"
	}
	return "the device"
}

var nodeKinds = []string{"utility", "transformer", "board", "load"}

func (r *siteReader) node(s *source, n *yaml.Node) {
	m := s.mapping(n, "the node")
	id := m.need("id", "utility")
	node := &Node{
		ID:   s.name(id, "id"),
		Name: s.text(m.get("name"), "name"),
		Kind: s.choice(m.need("kind", "utility"), "kind", "", nodeKinds...),
	}
	if node.Name == "" {
		node.Name = node.ID
	}
	node.Labels = s.labels(m.get("labels"))
	feeds := m.get("feeds")
	m.done()
	if m.node != nil && r.addPart(s, n, id, feeds, &part{id: node.ID, class: node.Kind, feeds: &node.Feeds}) {
		r.site.Nodes = append(r.site.Nodes, node)
	}
}

// connect checks the ways between the parts and gives each part its feeds.
func (r *siteReader) connect() {
	for _, p := range r.order {
		seen := map[string]bool{}
		for _, w := range p.ways {
			r.find(w)
			if seen[w.name] {
				w.s.fault(w.n, "%s feeds %s twice", p.id, w.name)
				w.to = nil
			}
			seen[w.name] = true
			if w.to != nil {
				w.to.fed = append(w.to.fed, w)
			}
		}
	}
	r.findCycle()
	for _, p := range r.order {
		if p.class == "ats" {
			p.inputs()
		}
	}
	for _, p := range r.order {
		for _, w := range p.ways {
			*p.feeds = append(*p.feeds, agent.Feed{To: w.name, Input: w.input})
		}
	}
}

// find looks for the part that a way leads to.
func (r *siteReader) find(w *way) {
	to, known := r.parts[w.name]
	switch {
	case w.name == w.from.id:
		w.s.fault(w.n, "%s feeds itself", w.from.id)
	case !known:
		w.s.fault(w.n, "feeds: there is no device or node %s; %s", w.name, oneOf(w.name, slices.Collect(maps.Keys(r.parts))))
	case to.class == "utility" || to.class == "generator":
		w.s.fault(w.n, "%s is a %s, which nothing feeds", to.id, to.class)
	case w.input != "" && to.class != "ats" && to.class != "":
		w.s.fault(w.n, "%s is no transfer switch and has no source %s; write %s", to.id, w.input, to.id)
	case w.input != "" && w.input != "a" && w.input != "b":
		w.s.fault(w.n, "a transfer switch has the sources a and b, not %s; write %s/a or %s/b", w.input, to.id, to.id)
	default:
		w.to = to
	}
}

// findCycle reports the first way that closes a circle and takes it out.
func (r *siteReader) findCycle() {
	const under, done = 1, 2
	state := map[*part]int{}
	var line []string
	var visit func(p *part)
	visit = func(p *part) {
		state[p] = under
		line = append(line, p.id)
		for _, w := range p.ways {
			switch {
			case w.to == nil:
			case state[w.to] == under:
				circle := append(slices.Clone(line[slices.Index(line, w.to.id):]), w.to.id)
				w.s.fault(w.n, "power goes round in a circle: %s; take one of these out of feeds", strings.Join(circle, " -> "))
				w.to.fed = slices.DeleteFunc(w.to.fed, func(v *way) bool { return v == w })
				w.to = nil
			case state[w.to] == 0:
				visit(w.to)
			}
		}
		line = line[:len(line)-1]
		state[p] = done
	}
	for _, p := range r.order {
		if state[p] == 0 {
			visit(p)
		}
	}
}

// inputs decides which way is which source of a transfer switch. Unless it is
// written, generators are source b and everything else is source a; one whose
// place is taken by what is written takes the other.
func (p *part) inputs() {
	at := map[string]*way{}
	for _, implied := range []bool{false, true} {
		for _, w := range p.fed {
			if (w.input == "") != implied {
				continue
			}
			if implied {
				w.implied = true
				w.input = "a"
				if w.from.standsIn() {
					w.input = "b"
				}
				if first := at[w.input]; first != nil && !first.implied {
					w.input = map[string]string{"a": "b", "b": "a"}[w.input]
				}
			}
			if first := at[w.input]; first != nil {
				w.s.fault(w.n, "source %s of %s is %s already, at %s; write %s/a and %s/b where they belong, "+
					"and where more than one feeds a source, put a node of kind board between",
					w.input, p.id, first.from.id, first.s.at(first.n), p.id, p.id)
				continue
			}
			at[w.input] = w
		}
	}
}

// standsIn reports whether what comes out of a part comes from generators only.
func (p *part) standsIn() bool {
	if p.stands == nil {
		stands := p.class == "generator" || len(p.fed) > 0 && !slices.ContainsFunc(p.fed, func(w *way) bool { return !w.from.standsIn() })
		p.stands = &stands
	}
	return *p.stands
}
