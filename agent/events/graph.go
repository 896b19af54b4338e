package events

import (
	"slices"

	"plantroom/agent"
)

// A Node is a part of the way that power takes, polled or not.
type Node struct {
	ID    string
	Class string // of the catalogue; or utility, transformer, board or load for what is not polled
	Feeds []agent.Feed
}

// A graph is what feeds what.
type graph struct {
	nodes map[string]*node
}

type node struct {
	Node
	feeders []*node
	part    int // parts of the graph that hang together have the same
}

func newGraph(nodes []Node) graph {
	g := graph{nodes: map[string]*node{}}
	for _, n := range nodes {
		g.nodes[n.ID] = &node{Node: n}
	}
	for _, n := range nodes {
		for _, f := range n.Feeds {
			if fed := g.nodes[f.To]; fed != nil {
				fed.feeders = append(fed.feeders, g.nodes[n.ID])
			}
		}
	}
	neighbours := map[*node][]*node{}
	for _, n := range g.nodes {
		for _, f := range n.feeders {
			neighbours[n], neighbours[f] = append(neighbours[n], f), append(neighbours[f], n)
		}
	}
	part := 0
	for _, n := range nodes {
		start := g.nodes[n.ID]
		if start.part != 0 || len(neighbours[start]) == 0 {
			continue // 0 is of what hangs on nothing
		}
		part++
		for todo := []*node{start}; len(todo) > 0; {
			last := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if last.part == 0 {
				last.part = part
				todo = append(todo, neighbours[last]...)
			}
		}
	}
	return g
}

// related reports whether what befalls one device can follow from what befell
// another: they hang together, or nothing is known of one of them.
func (g graph) related(a, b string) bool {
	m, n := g.nodes[a], g.nodes[b]
	return m == nil || n == nil || m.part == 0 || n.part == 0 || m.part == n.part
}

// fedBy reports whether something of a class feeds a node directly.
func (g graph) fedBy(id, class string) bool {
	n := g.nodes[id]
	return n != nil && slices.ContainsFunc(n.feeders, func(f *node) bool { return f.Class == class })
}

// above reports whether f holds for a node or one that feeds it, however many
// are between.
func (g graph) above(id string, f func(*node) bool) bool {
	seen := map[*node]bool{}
	var look func(n *node) bool
	look = func(n *node) bool {
		if seen[n] {
			return false
		}
		seen[n] = true
		return f(n) || slices.ContainsFunc(n.feeders, look)
	}
	n := g.nodes[id]
	return n != nil && look(n)
}

// metersMains reports whether a board is the first that measures the mains.
func (g graph) metersMains(id string) bool {
	return !g.above(id, func(n *node) bool { return n.ID != id && n.Class != "utility" && n.Class != "transformer" })
}

// feedsBoard reports whether a node feeds a board that is measured too.
func (g graph) feedsBoard(id string) bool {
	for _, n := range g.nodes {
		if n.Class == "switchboard" && n.ID != id && g.above(n.ID, func(f *node) bool { return f.ID == id }) {
			return true
		}
	}
	return false
}

// onlyStandby reports whether a board has voltage only while a generator runs.
func (g graph) onlyStandby(id string) bool {
	return g.above(id, func(n *node) bool { return n.Class == "generator" }) &&
		!g.above(id, func(n *node) bool { return len(n.feeders) == 0 && n.Class != "generator" })
}
