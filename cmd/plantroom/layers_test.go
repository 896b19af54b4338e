package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"plantroom/testdata/peer"
)

// layers says which of our packages each package may import, and why.
var layers = map[string][]string{
	// The domain knows nothing of wires, files or formats.
	"agent": nil,
	// What is between the domain and one far side knows the domain only.
	"agent/aside":   nil,
	"agent/events":  {"agent"},
	"agent/influx":  {"agent", "agent/post"},
	"agent/mqtt":    {"agent"},
	"agent/wall":    {"agent"},
	"agent/webhook": {"agent", "agent/post"},
	"agent/post":    nil,
	"agent/power":   {"agent"},
	"agent/queue":   nil,
	"agent/trend":   {"agent"},
	"agent/ledger":  {"agent"},
	// A report is of what events recorded and of what the ledger kept.
	"agent/report": {"agent", "agent/events", "agent/ledger"},
	// Configuration compiles to the domain's metrics and labels, and dials nothing.
	"config": {"agent"},
	// Registers and OIDs stay in the drivers.
	"drivers/modbus": {"agent", "config"},
	"drivers/snmp":   {"agent", "config"},
	"drivers/sim":    {"agent", "config"},
	"drivers":        {"agent", "config", "drivers/modbus", "drivers/snmp"},
	// What screens show is files.
	"dashboards": nil,
	// A dashboard draws the catalogue: its units, words and descriptions.
	"dashboards/grafana": {"agent", "config"},
	// Commands wire everything together.
	"cmd/plantroom": {"agent", "agent/aside", "agent/events", "agent/influx", "agent/ledger", "agent/mqtt", "agent/power", "agent/queue", "agent/report", "agent/trend", "agent/wall", "agent/webhook", "config", "dashboards", "dashboards/grafana", "drivers", "drivers/modbus", "drivers/snmp", "drivers/sim"},
}

func TestImportsGoOneWay(t *testing.T) {
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}}:{{range .Imports}} {{.}}{{end}}`, "./...")
	cmd.Dir = peer.Root()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		path, imports, _ := strings.Cut(strings.TrimSpace(line), ":")
		pkg := strings.TrimPrefix(path, "plantroom/")
		allowed, listed := layers[pkg]
		if !listed {
			t.Errorf("package %s is not in the table of layers", pkg)
			continue
		}
		for _, imp := range strings.Fields(imports) {
			if ours, ok := strings.CutPrefix(imp, "plantroom/"); ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s; it may import %v", pkg, ours, allowed)
			}
		}
	}
}
