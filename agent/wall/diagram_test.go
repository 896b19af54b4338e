package wall

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"plantroom/agent"
)

// pathOf makes a path of lines like "ats-1: ups-a ups-b".
func pathOf(text string) *agent.Path {
	p := &agent.Path{}
	add := func(id string) {
		if !slices.ContainsFunc(p.Nodes, func(n agent.PathNode) bool { return n.ID == id }) {
			p.Nodes = append(p.Nodes, agent.PathNode{ID: id})
		}
	}
	for line := range strings.Lines(text) {
		if from, to, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			add(from)
			for _, id := range strings.Fields(to) {
				p.Edges = append(p.Edges, agent.PathEdge{From: from, To: id})
			}
		}
	}
	for _, e := range p.Edges {
		add(e.To)
	}
	return p
}

const demoPath = `
	utility: feed
	feed: msb
	msb: ats-1 lighting
	gen-1: ats-1
	gen-2: ats-2
	ats-1: ats-2
	ats-2: ups-a ups-b ups-office cooling-1 cooling-2
	ups-a: servers
	ups-b: servers
	ups-office: office`

// Two utilities with a transformer each, two generators on one board, two
// boards, each load from both sides.
const twoSides = `
	utility-1: transformer-1
	utility-2: transformer-2
	transformer-1: meter-1
	transformer-2: meter-2
	meter-1: ats-a
	meter-2: ats-b
	gen-1: gen-board
	gen-2: gen-board
	gen-board: ats-a ats-b
	ats-a: msb-a
	ats-b: msb-b
	msb-a: ups-a1 ups-a2 cooling-1 cooling-3
	msb-b: ups-b1 ups-b2 cooling-2 cooling-4
	ups-a1: pdu-a1 pdu-a2
	ups-a2: pdu-a3
	ups-b1: pdu-b1 pdu-b2
	ups-b2: pdu-b3
	pdu-a1: hall-1
	pdu-a2: hall-2
	pdu-a3: hall-3
	pdu-b1: hall-1
	pdu-b2: hall-2
	pdu-b3: hall-3`

// faults says what is wrong with a drawing: boxes that overlap, lines that do
// not go down from box to box, lines through boxes and, with strict, lines of
// different beginnings that run over each other.
func faults(p *agent.Path, d diagram, strict bool) (wrong []string) {
	fault := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	at := map[string]diagramNode{}
	for i, n := range d.Nodes {
		at[n.ID] = n
		if n.X < 0.5-1e-3 || n.X > d.Width-0.5+1e-3 || n.Row < 0 || n.Row >= d.Rows {
			fault("%s is outside", n.ID)
		}
		for _, o := range d.Nodes[:i] {
			if o.Row == n.Row && math.Abs(o.X-n.X) < 1+boxGap-0.01 {
				fault("%s and %s overlap", o.ID, n.ID)
			}
		}
	}
	if len(d.Nodes) != len(p.Nodes) || len(d.Edges) != len(p.Edges) {
		fault("%d nodes and %d edges", len(d.Nodes), len(d.Edges))
	}
	type part struct {
		from, to string
		a, b     [2]float64
	}
	var parts []part
	for _, e := range d.Edges {
		from, to := at[e.From], at[e.To]
		n := len(e.Points)
		if n < 2 {
			fault("%s to %s: no line", e.From, e.To)
			continue
		}
		if from.Row == to.Row {
			if n != 2 || e.Points[0][0] != round(from.X+0.5) || e.Points[1][0] != round(to.X-0.5) {
				fault("%s to %s: %v", e.From, e.To, e.Points)
			}
			continue
		}
		first, last := e.Points[0], e.Points[n-1]
		if first[1] != float64(from.Row)+0.5 || math.Abs(first[0]-from.X) > 0.5 || last[1] != float64(to.Row) || math.Abs(last[0]-to.X) > 0.5 {
			fault("%s to %s: from %v to %v", e.From, e.To, first, last)
		}
		for i := range n - 1 {
			a, b := e.Points[i], e.Points[i+1]
			if a[0] != b[0] && a[1] != b[1] || b[1] < a[1] {
				fault("%s to %s: %v to %v", e.From, e.To, a, b)
			}
			for _, box := range d.Nodes {
				lo, hi := min(a[0], b[0]), max(a[0], b[0])
				if hi > box.X-0.5 && lo < box.X+0.5 && b[1] > float64(box.Row)+1e-6 && a[1] < float64(box.Row)+0.5-1e-6 {
					fault("%s to %s runs through %s", e.From, e.To, box.ID)
				}
			}
			parts = append(parts, part{e.From, e.To, a, b})
		}
	}
	if !strict {
		return wrong
	}
	for i, k := range parts {
		for _, o := range parts[:i] {
			if k.from == o.from {
				continue
			}
			for axis := range 2 { // along which both run
				other := 1 - axis
				if k.a[other] == k.b[other] && o.a[other] == o.b[other] && math.Abs(k.a[other]-o.a[other]) < 0.02 &&
					min(max(k.a[axis], k.b[axis]), max(o.a[axis], o.b[axis]))-max(min(k.a[axis], k.b[axis]), min(o.a[axis], o.b[axis])) > 1e-6 {
					fault("%s to %s runs over %s to %s", k.from, k.to, o.from, o.to)
				}
			}
		}
	}
	return wrong
}

func TestDrawings(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		folded bool
		rows   int
		wide   float64
	}{
		"demo":             {demoPath, false, 7, 5.8},
		"demo, folded":     {demoPath, true, 5, 7.5},
		"two sides":        {twoSides, false, 8, 9.2},
		"two sides folded": {twoSides, true, 7, 11.5},
		"one device":       {"ups-a:", true, 1, 1},
		"apart":            {"utility-1: ups-a\nutility-2: ups-b", true, 2, 2.2},
	} {
		p := pathOf(c.text)
		d := draw(p, c.folded)
		if d.Rows != c.rows || d.Width > c.wide {
			t.Errorf("%s: %d rows, %g wide", name, d.Rows, d.Width)
		}
		for _, wrong := range faults(p, d, true) {
			t.Errorf("%s: %s", name, wrong)
		}
		if again := draw(p, c.folded); !reflect.DeepEqual(d, again) {
			t.Errorf("%s: drawn again it is another drawing", name)
		}
	}
	if d := draw(&agent.Path{}, true); d.Rows != 0 || d.Width != 0 {
		t.Errorf("no path: %+v", d)
	}
}

// TestAnyPathCanBeDrawn: whatever feeds what, boxes do not overlap and no line
// runs through one.
func TestAnyPathCanBeDrawn(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, seed))
		p := &agent.Path{}
		for i := range 1 + rng.IntN(40) {
			p.Nodes = append(p.Nodes, agent.PathNode{ID: fmt.Sprint("n", i)})
			for range rng.IntN(3) {
				if i > 0 {
					e := agent.PathEdge{From: fmt.Sprint("n", rng.IntN(i)), To: fmt.Sprint("n", i)}
					if !slices.Contains(p.Edges, e) {
						p.Edges = append(p.Edges, e)
					}
				}
			}
		}
		for _, folded := range []bool{false, true} {
			for _, wrong := range faults(p, draw(p, folded), false) {
				t.Fatalf("seed %d, folded %v: %s", seed, folded, wrong)
			}
		}
	}
}

func BenchmarkDraw(b *testing.B) {
	p := pathOf(twoSides)
	for b.Loop() {
		draw(p, true)
	}
}
