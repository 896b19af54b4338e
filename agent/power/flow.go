package power

import "plantroom/agent"

// solve finds how much power flows where.
//
// What a part takes or gives and what flows along each edge are unknowns; the
// meters know some of them. Of the edges into a part, and of those out of it,
// the sum is known when the part's power is, and the other way round; a part
// that is no UPS and no source gives what it takes. Each rule is applied until
// none finds anything more. Meters disagree a little, so a difference below 0
// is 0.
func (e *evaluation) solve() {
	for k := range e.n.edges {
		if e.flow[k] == agent.Dead {
			e.watts[k] = some(0)
		}
	}
	for i := range e.n.nodes {
		if !e.fresh[i] {
			continue
		}
		v := &e.n.nodes[i]
		e.taken[i], e.given[i] = v.device.figures.in, v.device.figures.out
		if v.class == "generator" && !e.given[i].ok && e.live[i] == no {
			e.given[i] = some(0)
		}
	}
	// What is measured where power goes in is nearer to the truth than what is
	// left of a meter before it, which has what nobody listed too.
	for e.settle(false) || e.settle(true) {
	}
}

// settle applies the rules once and reports whether one found something. Rest
// is whether to give what is left of a node's power to the one edge out of it
// of which nothing is known.
func (e *evaluation) settle(rest bool) (found bool) {
	set := func(to *opt, v opt) {
		if !to.ok && v.ok {
			*to, found = v, true
		}
	}
	for i := range e.n.nodes {
		v := &e.n.nodes[i]
		if !holds(v.class) && v.class != "generator" {
			set(&e.given[i], e.taken[i])
			set(&e.taken[i], e.given[i])
		}
		if len(v.in) > 0 {
			e.balance(v.in, &e.taken[i], true, set)
		}
		if len(v.out) > 0 {
			e.balance(v.out, &e.given[i], rest, set)
		}
	}
	return found
}

// balance makes the sum of edges and a node's power agree.
func (e *evaluation) balance(edges []int, total *opt, rest bool, set func(*opt, opt)) {
	sum, open := 0.0, -1
	for _, k := range edges {
		switch {
		case e.watts[k].ok:
			sum += e.watts[k].v
		case open >= 0:
			return
		default:
			open = k
		}
	}
	switch {
	case open < 0:
		set(total, some(sum))
	case total.ok && rest:
		set(&e.watts[open], some(max(0, total.v-sum)))
	}
}

// power returns the power through a node.
func (e *evaluation) power(i int) opt {
	if e.given[i].ok {
		return e.given[i]
	}
	return e.taken[i]
}
