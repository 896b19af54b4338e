package wall

import (
	"cmp"
	"math"
	"slices"

	"plantroom/agent"
)

// A diagram is where the parts of a power path stand when they are drawn as a
// single line: in rows, sources on top and loads below, by the method of
// Sugiyama, Tagawa and Toda (1981). A row is as far down as the longest way to
// it from a source is long; ways that pass a row have a place of their own in
// it; the order within rows is by barycentres, the places by least squares.
//
// X is in widths of a box, from the left edge of the drawing. Y is in rows: a
// box is from row to row + 0.5, and what is between it and the next row is for
// lines. Who draws decides how wide and high that is.
type diagram struct {
	Width float64       `json:"width"`
	Rows  int           `json:"rows"`
	Nodes []diagramNode `json:"nodes"`
	Edges []diagramEdge `json:"edges"`
}

type diagramNode struct {
	ID  string  `json:"id"`
	X   float64 `json:"x"` // of its middle
	Row int     `json:"row"`
}

// A diagramEdge is a line of horizontal and vertical parts, from a box to one
// that it feeds. Ways out of a box share their beginning.
type diagramEdge struct {
	From   string       `json:"from"`
	To     string       `json:"to"`
	Points [][2]float64 `json:"points"`
	// Label is where there is room for a figure: right of the point, left of
	// it (Side < 0), or over it in the middle of a level way (Side = 0).
	Label [2]float64 `json:"label"`
	Side  int        `json:"side"`
}

// Distances in a row, in widths of a box.
const (
	boxGap   = 0.11 // between boxes
	levelGap = 0.42 // between boxes side by side of which one feeds the other
	lineGap  = 0.12 // between a box and a line that passes it
	lineLine = 0.10 // between lines that pass
	portGap  = 0.24 // between lines that end at the same box
	// portReach is how far from its middle lines reach and leave a box.
	portReach = 0.38
)

// An item is what has a place in a row: boxes side by side, or a line that
// passes.
type item struct {
	nodes []int // of the path; none for a passing line
	row   int
	x     float64
	up    []*link
	down  []*link
}

// A link is a part of an edge, from an item to one in the next row.
type link struct {
	edge     int
	from, to *item
	out, in  float64 // x where it leaves the one and reaches the other
	track    int
	tracks   int
}

func (it *item) width() float64 {
	if len(it.nodes) == 0 {
		return 0
	}
	n := float64(len(it.nodes))
	return n + (n-1)*levelGap
}

// offset returns how far the middle of a node is from the middle of its item.
func (it *item) offset(node int) float64 {
	i := float64(slices.Index(it.nodes, node))
	return i*(1+levelGap) - (it.width()-1)/2
}

func apart(a, b *item) float64 {
	gap := boxGap
	switch passing := boolInt(len(a.nodes) == 0) + boolInt(len(b.nodes) == 0); passing {
	case 1:
		gap = lineGap
	case 2:
		gap = lineLine
	}
	return (a.width()+b.width())/2 + gap
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A layout is a diagram in the making.
type layout struct {
	path  *agent.Path
	ends  [][2]int // of the edges, as indices of nodes
	item  []*item  // of each node
	level []bool   // edges between boxes side by side
	rows  [][]*item
	chain [][]*link // of each edge, from above to below
}

// draw lays a path out. Folded, a chain that begins at a source is put into one
// row: a utility, its transformer and its meter.
func draw(p *agent.Path, folded bool) diagram {
	l := &layout{path: p, item: make([]*item, len(p.Nodes))}
	index := map[string]int{}
	for i := range p.Nodes {
		index[p.Nodes[i].ID] = i
	}
	for _, e := range p.Edges {
		from, known := index[e.From]
		to, also := index[e.To]
		if known && also && from != to {
			l.ends = append(l.ends, [2]int{from, to})
		}
	}
	l.group(folded)
	l.layer()
	l.order()
	l.place()
	return l.route()
}

// group makes an item of every node, and with folded one of every chain that
// begins at a source.
func (l *layout) group(folded bool) {
	l.level = make([]bool, len(l.ends))
	in, out := make([][]int, len(l.path.Nodes)), make([][]int, len(l.path.Nodes))
	for e, ends := range l.ends {
		out[ends[0]] = append(out[ends[0]], e)
		in[ends[1]] = append(in[ends[1]], e)
	}
	for head := range l.path.Nodes {
		if l.item[head] != nil || len(in[head]) > 0 {
			continue
		}
		it := &item{}
		for n := head; ; {
			it.nodes = append(it.nodes, n)
			l.item[n] = it
			if !folded || len(out[n]) != 1 || len(in[l.ends[out[n][0]][1]]) != 1 {
				break
			}
			// What ends the chain is a box of its own below it.
			if next := l.ends[out[n][0]][1]; len(out[next]) > 0 {
				l.level[out[n][0]] = true
				n = next
				continue
			}
			break
		}
	}
	for n := range l.path.Nodes {
		if l.item[n] == nil {
			l.item[n] = &item{nodes: []int{n}}
		}
	}
}

// layer gives every item its row, and every edge that passes rows an item in
// each of them.
func (l *layout) layer() {
	var items []*item
	for _, it := range l.item {
		if !slices.Contains(items, it) {
			items = append(items, it)
		}
	}
	// As often as there are items, or fewer, something can move down; a circle,
	// which no configuration has, ends there too.
	for range items {
		for e, ends := range l.ends {
			from, to := l.item[ends[0]], l.item[ends[1]]
			if !l.level[e] && from != to && to.row <= from.row && from.row+1 < len(items) {
				to.row = from.row + 1
			}
		}
	}
	add := func(it *item) {
		for len(l.rows) <= it.row {
			l.rows = append(l.rows, nil)
		}
		l.rows[it.row] = append(l.rows[it.row], it)
	}
	for _, it := range items {
		add(it)
	}
	l.chain = make([][]*link, len(l.ends))
	for e, ends := range l.ends {
		from, to := l.item[ends[0]], l.item[ends[1]]
		for at := from; !l.level[e] && at.row < to.row; {
			next := to
			if at.row+1 < to.row {
				next = &item{row: at.row + 1}
				add(next)
			}
			k := &link{edge: e, from: at, to: next}
			at.down, next.up = append(at.down, k), append(next.up, k)
			l.chain[e] = append(l.chain[e], k)
			at = next
		}
	}
}

// leaves and reaches return the x of a link's ends, as far as it is decided by
// the places of the items.
func (l *layout) leaves(k *link) float64 {
	if len(k.from.nodes) == 0 {
		return k.from.x
	}
	return k.from.x + k.from.offset(l.ends[k.edge][0])
}

func (l *layout) reaches(k *link) float64 {
	if len(k.to.nodes) == 0 {
		return k.to.x
	}
	return k.to.x + k.to.offset(l.ends[k.edge][1])
}

// order sorts the rows by the barycentres of what is above and below, down and
// up again, and keeps the order with the fewest crossings.
func (l *layout) order() {
	l.number()
	best, fewest := l.copyRows(), l.crossings()
	for round := range 12 {
		down := round%2 == 0
		for i := range l.rows {
			row := l.rows[i]
			if !down {
				row = l.rows[len(l.rows)-1-i]
			}
			centre := make(map[*item]float64, len(row))
			for _, it := range row {
				links, at := it.up, l.leaves
				if !down {
					links, at = it.down, l.reaches
				}
				centre[it] = it.x
				if len(links) > 0 {
					sum := 0.0
					for _, k := range links {
						sum += at(k)
					}
					centre[it] = sum / float64(len(links))
				}
			}
			slices.SortStableFunc(row, func(a, b *item) int { return cmp.Compare(centre[a], centre[b]) })
			l.number()
		}
		if n := l.crossings(); n < fewest {
			best, fewest = l.copyRows(), n
		}
	}
	l.rows = best
	l.number()
}

// number puts the items of each row beside each other.
func (l *layout) number() {
	for _, row := range l.rows {
		for i, it := range row {
			if i == 0 {
				it.x = it.width() / 2
				continue
			}
			it.x = row[i-1].x + apart(row[i-1], it)
		}
		// Rows stand around the same middle, lest a short one lean to the left.
		middle := 0.0
		if len(row) > 0 {
			last := row[len(row)-1]
			middle = (last.x + last.width()/2) / 2
		}
		for _, it := range row {
			it.x -= middle
		}
	}
}

func (l *layout) copyRows() [][]*item {
	rows := make([][]*item, len(l.rows))
	for i, row := range l.rows {
		rows[i] = slices.Clone(row)
	}
	return rows
}

func (l *layout) crossings() (n int) {
	for _, row := range l.rows {
		var links []*link
		for _, it := range row {
			links = append(links, it.down...)
		}
		for i, a := range links {
			for _, b := range links[:i] {
				if (l.leaves(a)-l.leaves(b))*(l.reaches(a)-l.reaches(b)) < 0 {
					n++
				}
			}
		}
	}
	return n
}

// place moves the items of each row, which stay in order and within the width
// of the widest row, to where the lines are as straight as can be.
func (l *layout) place() {
	width := 0.0
	for _, row := range l.rows {
		width = max(width, extent(row))
	}
	for round := range 24 {
		for i := range l.rows {
			row := l.rows[i]
			if round%2 == 1 {
				row = l.rows[len(l.rows)-1-i]
			}
			want, weight := make([]float64, len(row)), make([]float64, len(row))
			for j, it := range row {
				sum, n := 0.01*it.x, 0.01
				pull := func(k *link, by float64) {
					w := 1.0
					if len(k.from.nodes) == 0 && len(k.to.nodes) == 0 {
						w = 4 // a line that passes several rows is to be straight
					}
					sum += w * by
					n += w
				}
				for _, k := range it.up {
					pull(k, l.leaves(k)-(l.reaches(k)-it.x))
				}
				for _, k := range it.down {
					pull(k, l.reaches(k)-(l.leaves(k)-it.x))
				}
				want[j], weight[j] = sum/n, n
			}
			left := 0.0
			if len(row) > 0 {
				left = row[0].width() / 2
			}
			at := spread(want, weight, func(i int) float64 { return apart(row[i-1], row[i]) }, left, left+width-extent(row))
			for j, it := range row {
				it.x = at[j]
			}
		}
	}
	// A line that passes bends once, before its end.
	for _, row := range l.rows {
		for i, it := range row {
			if len(it.nodes) > 0 {
				continue
			}
			it.x = l.leaves(it.up[0])
			if i > 0 {
				it.x = max(it.x, row[i-1].x+apart(row[i-1], it))
			}
			if i+1 < len(row) {
				it.x = min(it.x, row[i+1].x-apart(it, row[i+1]))
			}
		}
	}
}

// extent returns how wide a row is at least.
func extent(row []*item) (w float64) {
	for i, it := range row {
		w += it.width()
		if i > 0 {
			w += apart(row[i-1], it) - (row[i-1].width()+it.width())/2
		}
	}
	return w
}

// spread returns places that are as near to the wanted ones as their order, the
// gaps before them and the bounds of the first allow: the least weighted sum
// of squares, by pooling adjacent violators.
func spread(want, weight []float64, gap func(i int) float64, lo, hi float64) []float64 {
	type pool struct {
		at, weight float64
		n          int
	}
	var pools []pool
	offset := 0.0
	out := make([]float64, len(want))
	for i := range want {
		if i > 0 {
			offset += gap(i)
		}
		out[i] = offset
		p := pool{min(hi, max(lo, want[i]-offset)), weight[i], 1}
		for len(pools) > 0 && pools[len(pools)-1].at > p.at {
			q := pools[len(pools)-1]
			pools = pools[:len(pools)-1]
			p = pool{(p.at*p.weight + q.at*q.weight) / (p.weight + q.weight), p.weight + q.weight, p.n + q.n}
		}
		pools = append(pools, p)
	}
	i := 0
	for _, p := range pools {
		for range p.n {
			out[i] += p.at
			i++
		}
	}
	return out
}

// route draws the lines and returns the diagram.
func (l *layout) route() diagram {
	for _, row := range l.rows {
		for _, it := range row {
			for _, k := range it.down {
				k.out = l.leaves(k)
			}
		}
	}
	l.ports()
	for r := range l.rows {
		l.tracks(r)
	}
	d := diagram{Rows: len(l.rows)}
	for n := range l.path.Nodes {
		it := l.item[n]
		at := diagramNode{l.path.Nodes[n].ID, round(it.x + it.offset(n)), it.row}
		d.Nodes = append(d.Nodes, at)
		d.Width = max(d.Width, at.X+0.5)
	}
	outs := make([]int, len(l.path.Nodes))
	for _, ends := range l.ends {
		outs[ends[0]]++
	}
	for e, ends := range l.ends {
		edge := diagramEdge{From: l.path.Nodes[ends[0]].ID, To: l.path.Nodes[ends[1]].ID}
		switch chain := l.chain[e]; {
		case l.level[e]:
			from, to := d.Nodes[ends[0]], d.Nodes[ends[1]]
			y := float64(from.Row) + 0.25
			edge.Points = [][2]float64{{round(from.X + 0.5), y}, {round(to.X - 0.5), y}}
			edge.Label = [2]float64{round((from.X + to.X) / 2), y}
		case len(chain) > 0:
			edge.Points = line(chain)
			last := chain[len(chain)-1]
			first := chain[0]
			edge.Side = side(last, first)
			if outs[ends[0]] == 1 && len(last.to.up) > 1 {
				edge.Label, edge.Side = [2]float64{round(first.out), float64(first.from.row) + 0.5}, 1
			} else {
				edge.Label = [2]float64{round(last.in), float64(last.to.row)}
			}
		}
		for _, p := range edge.Points {
			d.Width = max(d.Width, p[0])
		}
		d.Edges = append(d.Edges, edge)
	}
	d.Width = round(d.Width)
	return d
}

// side returns the side of a line's end on which there is room for a figure:
// away from other lines that end at the box, or else from where it comes.
func side(last, first *link) int {
	for _, other := range last.to.up {
		if other != last {
			if other.in > last.in {
				return -1
			}
			return 1
		}
	}
	if last.in < first.out-0.05 {
		return -1
	}
	return 1
}

// ports decides where lines reach the boxes, and where those leave that share
// their beginning with no other: straight from above where that is over the
// box, and not too near to each other.
func (l *layout) ports() {
	for _, row := range l.rows {
		for _, it := range row {
			at := map[int][]*link{}
			for _, k := range it.up {
				if len(it.nodes) == 0 {
					k.in = it.x
					continue
				}
				n := l.ends[k.edge][1]
				at[n] = append(at[n], k)
			}
			for _, links := range at {
				slices.SortStableFunc(links, func(a, b *link) int { return cmp.Compare(a.out, b.out) })
				gap := portGap
				if len(links) > 1 {
					gap = min(gap, 2*portReach/float64(len(links)-1))
				}
				want, weight := make([]float64, len(links)), make([]float64, len(links))
				for i, k := range links {
					want[i], weight[i] = k.out, 1
				}
				middle := l.reaches(links[0])
				if len(links) == 1 && math.Abs(want[0]-middle) > portReach {
					want[0] = middle
				}
				places := spread(want, weight, func(int) float64 { return gap }, middle-portReach, middle+portReach-gap*float64(len(links)-1))
				for i, k := range links {
					k.in = places[i]
				}
			}
		}
	}
	for _, row := range l.rows {
		for _, it := range row {
			if len(it.nodes) > 0 && len(it.down) == 1 && math.Abs(it.down[0].in-it.down[0].out) < portReach {
				it.down[0].out = it.down[0].in
			}
		}
	}
}

// A bar is the level part of the lines that leave a box below a row.
type bar struct {
	stem, lo, hi float64
	links        []*link
	track        int
}

// tracks gives the level parts of the lines below row r heights at which none
// runs over another.
func (l *layout) tracks(r int) {
	var bars []*bar
	for _, it := range l.rows[r] {
		byStem := map[float64]*bar{}
		for _, k := range it.down {
			if math.Abs(k.out-k.in) < 1e-6 {
				k.in = k.out
			}
			b := byStem[k.out]
			if b == nil {
				b = &bar{stem: k.out, lo: k.out, hi: k.out}
				byStem[k.out] = b
				bars = append(bars, b)
			}
			b.lo, b.hi = min(b.lo, k.in), max(b.hi, k.in)
			b.links = append(b.links, k)
		}
	}
	level := slices.DeleteFunc(slices.Clone(bars), func(b *bar) bool { return b.lo == b.hi })
	tracks := 0
	order := arrange(level)
	for i, b := range order {
		for _, higher := range order[:i] {
			if higher.hi > b.lo-lineLine/2 && higher.lo < b.hi+lineLine/2 {
				b.track = max(b.track, higher.track+1)
			}
		}
		tracks = max(tracks, b.track+1)
	}
	for _, b := range bars {
		for _, k := range b.links {
			k.track, k.tracks = b.track, max(1, tracks)
		}
	}
}

// arrange returns bars in the order, from above, in which their lines meet
// least. All orders are tried of a few bars, and neighbours exchanged of many.
func arrange(bars []*bar) []*bar {
	cost := func(order []*bar) (n int) {
		for i, a := range order {
			for _, b := range order[i+1:] { // b is lower than a
				for _, k := range a.links { // a's way down passes b
					switch {
					case math.Abs(k.in-b.stem) < 0.04:
						n += 100 // and would run over b's stem
					case k.in > b.lo && k.in < b.hi:
						n++
					}
				}
				if b.stem > a.lo && b.stem < a.hi {
					n++
				}
			}
		}
		return n
	}
	best := slices.Clone(bars)
	if len(bars) > 6 {
		for range len(bars) {
			for i := range len(best) - 1 {
				other := slices.Clone(best)
				other[i], other[i+1] = other[i+1], other[i]
				if cost(other) < cost(best) {
					best = other
				}
			}
		}
		return best
	}
	fewest := cost(best)
	var permute func(order []*bar, k int)
	permute = func(order []*bar, k int) {
		if k == len(order) {
			if n := cost(order); n < fewest {
				best, fewest = slices.Clone(order), n
			}
			return
		}
		for i := k; i < len(order); i++ {
			order[k], order[i] = order[i], order[k]
			permute(order, k+1)
			order[k], order[i] = order[i], order[k]
		}
	}
	permute(slices.Clone(bars), 0)
	return best
}

// line returns the points of a chain of links.
func line(chain []*link) [][2]float64 {
	var points [][2]float64
	add := func(x, y float64) {
		p := [2]float64{round(x), round(y)}
		n := len(points)
		if n > 1 && (points[n-1][0] == p[0] && points[n-2][0] == p[0] || points[n-1][1] == p[1] && points[n-2][1] == p[1]) {
			points[n-1] = p // straight on
			return
		}
		points = append(points, p)
	}
	for _, k := range chain {
		top := float64(k.from.row) + 0.5
		add(k.out, top)
		if k.out != k.in {
			y := top + 0.3*(float64(k.track)+0.6)/(float64(k.tracks)+0.4)
			add(k.out, y)
			add(k.in, y)
		}
		add(k.in, float64(k.to.row))
	}
	return points
}

func round(v float64) float64 { return math.Round(v*1000) / 1000 }
