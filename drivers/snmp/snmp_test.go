package snmp

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func want(t testing.TB, got []string, lines ...string) {
	t.Helper()
	if diff := cmp.Diff(lines, got); diff != "" {
		t.Errorf("wanted -, got +:\n%s", diff)
	}
}

// Nothing in the package writes to a device. What it makes itself, and does not
// leave to the library's Get, GetNext and GetBulk, is one of these three, a
// report or a response.
func TestReadOnly(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains([]string{"Set", "SetRequest", "SendTrap", "MkSnmpPacket", "SnmpEncodePacket"}, s.Sel.Name) {
				t.Errorf("%s uses %s", file, s.Sel.Name)
			}
			if kind := madeKind(n); kind != nil && !slices.Contains([]string{"GetRequest", "GetNextRequest", "GetBulkRequest", "Report", "GetResponse"}, kind.Sel.Name) {
				t.Errorf("%s makes a %s", file, kind.Sel.Name)
			}
			return true
		})
	}
}

// madeKind returns the kind that n makes a PDU of, nil where it makes none.
func madeKind(n ast.Node) *ast.SelectorExpr {
	kind := func(name, value ast.Expr) *ast.SelectorExpr {
		if s, ok := name.(*ast.SelectorExpr); ok {
			name = s.Sel
		}
		if id, ok := name.(*ast.Ident); !ok || id.Name != "PDUType" {
			return nil
		}
		if s, ok := value.(*ast.SelectorExpr); ok {
			return s
		}
		return &ast.SelectorExpr{Sel: ast.NewIdent("PDU of whatever kind")}
	}
	switch n := n.(type) {
	case *ast.KeyValueExpr:
		return kind(n.Key, n.Value)
	case *ast.AssignStmt:
		for i := range n.Lhs {
			if k := kind(n.Lhs[i], n.Rhs[min(i, len(n.Rhs)-1)]); k != nil {
				return k
			}
		}
	}
	return nil
}

func TestPollScalarsAndRows(t *testing.T) {
	agent := newStub("", map[string]any{
		"1.3.6.1.2.1.1.3.0":          uint32(1),
		"1.3.6.1.2.1.33.1.2.4.0":     97,
		"1.3.6.1.2.1.33.1.2.5.0":     271,
		"1.3.6.1.2.1.33.1.3.3.1.3.1": 230,
		"1.3.6.1.2.1.33.1.3.3.1.3.2": 231,
		"1.3.6.1.2.1.33.1.3.3.1.3.3": 232,
		"1.3.6.1.2.1.33.1.3.3.1.4.1": 5,
	})
	volts := scalar("battery_voltage", "1.3.6.1.2.1.33.1.2.5.0")
	volts.Scale = 0.1
	src := agent.source(t, time.Second,
		scalar("battery_charge", "1.3.6.1.2.1.33.1.2.4.0"),
		volts,
		scalar("missing", "1.3.6.1.2.1.33.1.2.9.0"),
		rows("input_voltage", "1.3.6.1.2.1.33.1.3.3.1.3", "L{index}"),
	)
	lines := []string{"battery_charge=97", "battery_voltage=27.1", "input_voltage[L1]=230", "input_voltage[L2]=231", "input_voltage[L3]=232"}
	want(t, poll(t, src), lines...)
	agent.take()
	want(t, poll(t, src), lines...)
	if asked := agent.take(); len(asked) != 1 || len(asked[0].Variables) != 5 {
		t.Errorf("second poll: %d requests, the first with %d objects; want 1 with 5", len(asked), len(asked[0].Variables))
	}
	if got := src.cells[2].point.Source; got != "1.3.6.1.2.1.33.1.3.3.1.3.1" {
		t.Errorf("source %q", got)
	}
}
