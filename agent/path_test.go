package agent

import (
	"strings"
	"testing"
)

// TestConsequences: what is behind a node, nearest first, and the generators
// that stand in for it.
func TestConsequences(t *testing.T) {
	var p Path
	for _, e := range []string{"utility msb", "msb ats", "msb lights", "gen ats", "ats ups-a", "ats ups-b", "ups-a servers", "ups-b servers", "gen-x pump"} {
		from, to, _ := strings.Cut(e, " ")
		p.Edges = append(p.Edges, PathEdge{From: from, To: to})
	}
	for _, g := range []string{"gen", "gen-x"} {
		p.Nodes = append(p.Nodes, PathNode{ID: g, Class: "generator"})
	}
	for _, test := range []struct{ id, downstream, affected string }{
		{"utility", "msb ats lights ups-a ups-b servers", "msb ats lights ups-a ups-b servers gen"},
		{"ups-a", "servers", "servers gen"},
		{"gen", "ats ups-a ups-b servers", "ats ups-a ups-b servers"},
		{"lights", "", ""},
		{"nobody", "", ""},
	} {
		if got := strings.Join(p.Downstream(test.id), " "); got != test.downstream {
			t.Errorf("downstream of %s is %q, want %q", test.id, got, test.downstream)
		}
		if got := strings.Join(p.Affected(test.id), " "); got != test.affected {
			t.Errorf("affected by %s is %q, want %q", test.id, got, test.affected)
		}
	}
}
