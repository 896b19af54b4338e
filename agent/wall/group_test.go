package wall

import (
	"fmt"
	"testing"

	"plantroom/agent"
)

func TestGrouped(t *testing.T) {
	small := *pathOf(twoSides)
	if got := grouped(small); len(got.Nodes) != len(small.Nodes) {
		t.Errorf("a path that fits has %d nodes instead of %d", len(got.Nodes), len(small.Nodes))
	}
	// 60 PDUs behind two UPS units, one of them without power, one unknown.
	p := *pathOf("utility: ups-a ups-b")
	for i := range 60 {
		id, ups := fmt.Sprint("pdu-", i), []string{"ups-a", "ups-b"}[i%2]
		n := agent.PathNode{ID: id, Class: "pdu", Room: "hall", State: agent.Live, On: agent.Mains, Power: new(100.0)}
		e := agent.PathEdge{From: ups, To: id, On: agent.Mains, Power: new(100.0)}
		if i == 7 {
			n.State, n.Word, n.On, n.Power = agent.Lost, agent.Words{EN: "no power"}, agent.Dead, new(0.0)
			e.On, e.Power = agent.Dead, new(0.0)
		}
		if i == 10 {
			e.Power = nil
		}
		p.Nodes, p.Edges = append(p.Nodes, n), append(p.Edges, e)
	}
	got := grouped(p)
	if len(got.Nodes) != 5 || len(got.Edges) != 4 {
		t.Fatalf("%d nodes and %d edges", len(got.Nodes), len(got.Edges))
	}
	a, b := got.Nodes[3], got.Nodes[4]
	if a.Name != "30 × pdu hall" || a.State != agent.Live || *a.Power != 3000 || b.State != agent.Lost || b.Word.EN != "no power" || b.On != agent.Mains || *b.Power != 2900 {
		t.Errorf("groups: %+v and %+v", a, b)
	}
	if e := got.Edges[2]; e.Power != nil || e.On != agent.Mains {
		t.Errorf("the way of which a part is not known: %+v", e)
	}
	if e := got.Edges[3]; *e.Power != 2900 || e.From != "ups-b" || e.To != b.ID {
		t.Errorf("the other way: %+v", e)
	}
	for _, wrong := range faults(&got, draw(&got, true), true) {
		t.Error(wrong)
	}
	// Each behind a UPS unit of its own: by class and room.
	p = agent.Path{Nodes: []agent.PathNode{{ID: "utility", Class: "utility"}}}
	for i := range 30 {
		ups, pdu := fmt.Sprint("ups-", i), fmt.Sprint("pdu-", i)
		p.Nodes = append(p.Nodes, agent.PathNode{ID: ups, Class: "ups", Room: "a"}, agent.PathNode{ID: pdu, Class: "pdu", Room: "b"})
		p.Edges = append(p.Edges, agent.PathEdge{From: "utility", To: ups}, agent.PathEdge{From: ups, To: pdu})
	}
	if got := grouped(p); len(got.Nodes) != 3 || len(got.Edges) != 2 {
		t.Errorf("%d nodes, %d edges", len(got.Nodes), len(got.Edges))
	}
}
