package wall

import (
	"fmt"
	"slices"
	"strings"

	"plantroom/agent"
)

// nodesMost is how many parts of a power path one screen has room for.
const nodesMost = 40

// grouped returns a path of which one screen has room: where it has too many
// parts, those of the same class and room that hang between the same others
// become one, and where that is not enough, all of the same class and room. What
// a group says is what is worst in it.
func grouped(p agent.Path) agent.Path {
	for _, alike := range []func(p *agent.Path, n *agent.PathNode) string{
		func(p *agent.Path, n *agent.PathNode) string {
			var ways []string
			for _, e := range p.Edges {
				switch n.ID {
				case e.From:
					ways = append(ways, ">"+e.To)
				case e.To:
					ways = append(ways, "<"+e.From)
				}
			}
			slices.Sort(ways)
			return n.Class + "\x00" + n.Room + "\x00" + strings.Join(ways, "\x00")
		},
		func(_ *agent.Path, n *agent.PathNode) string { return n.Class + "\x00" + n.Room },
	} {
		if len(p.Nodes) > nodesMost {
			p = merge(p, alike)
		}
	}
	return p
}

// merge makes one of the nodes that are alike, and of the ways between them.
func merge(p agent.Path, alike func(*agent.Path, *agent.PathNode) string) agent.Path {
	members := map[string][]*agent.PathNode{}
	for i := range p.Nodes {
		key := alike(&p, &p.Nodes[i])
		members[key] = append(members[key], &p.Nodes[i])
	}
	out := p
	out.Nodes, out.Edges = nil, nil
	now := map[string]string{} // what a node is now
	for i := range p.Nodes {
		group := members[alike(&p, &p.Nodes[i])]
		now[p.Nodes[i].ID] = group[0].ID
		if group[0] != &p.Nodes[i] {
			continue
		}
		node := *group[0]
		if len(group) > 1 {
			node.Name = strings.TrimSpace(fmt.Sprintf("%d × %s %s", len(group), node.Class, node.Room))
		}
		for _, n := range group[1:] {
			if n.State > node.State {
				node.State, node.Word, node.Since = n.State, n.Word, n.Since
			}
			node.On = max(node.On, n.On)
			node.Power = sum(node.Power, n.Power)
		}
		out.Nodes = append(out.Nodes, node)
	}
	at := map[[2]string]int{}
	for _, e := range p.Edges {
		e.From, e.To = now[e.From], now[e.To]
		if e.From == e.To {
			continue
		}
		way := [2]string{e.From, e.To}
		if i, ok := at[way]; ok {
			out.Edges[i].On = max(out.Edges[i].On, e.On)
			out.Edges[i].Power = sum(out.Edges[i].Power, e.Power)
			continue
		}
		at[way] = len(out.Edges)
		out.Edges = append(out.Edges, e)
	}
	return out
}

// sum returns the sum of two powers, nil where one of them is not known.
func sum(a, b *float64) *float64 {
	if a == nil || b == nil {
		return nil
	}
	return new(*a + *b)
}
