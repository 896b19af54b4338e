package drivers

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plantroom/config"
)

const site = `
site: praha-1
profiles: [profiles]
buses:
  - {id: moxa-1, modbus: {rtu_over_tcp: "10.1.0.40:4001"}}
devices:
  - {id: ups-a, profile: rfc1628-ups, snmp: {address: 10.1.0.11}}
  - {id: gen-1, profile: deepsea-gencomm, modbus: {bus: moxa-1, unit: 1}}
  - {id: own, profile: own, modbus: {tcp: 10.1.0.30, unit: 1}}
  - {id: gen-2, profile: deepsea-gencomm, modbus: {bus: moxa-1, unit: 2}}
  - {id: own-2, profile: own, modbus: {tcp: "10.1.0.30:502", unit: 2}}
`

const profile = "profile: own\nclass: switchboard\nmodbus: {points: [{metric: voltage, holding: 1}, {metric: x_a, unit: V, holding: 2}]}\n"

func load(t *testing.T, site, profile string) *config.Site {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"site.yaml": site, "profiles/own.yaml": profile} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	s, err := config.Load(filepath.Join(dir, "site.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// buses writes a plan down: each bus with its devices.
func buses(p *Plan) string {
	var b strings.Builder
	for _, bus := range p.Buses() {
		b.WriteString(bus.ID + ":")
		for _, d := range bus.Devices() {
			b.WriteString(" " + d.ID)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestDevicesOfOneAddressShareABus(t *testing.T) {
	p := Build(load(t, site, profile), nil, slog.New(slog.DiscardHandler))
	want := "ups-a: ups-a\nmoxa-1: gen-1 gen-2\n10.1.0.30:502: own own-2\n"
	if got := buses(p); got != want {
		t.Errorf("buses:\n%swant:\n%s", got, want)
	}
}

func TestRebuildTakesOverWhatIsTheSame(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	old := Build(load(t, site, profile), nil, log)
	for _, c := range []struct {
		name          string
		site, profile string
		kept          [3]bool // ups-a, moxa-1, 10.1.0.30
	}{
		{"nothing", site, profile, [3]bool{true, true, true}},
		{"an interval", strings.Replace(site, "unit: 2}}", "unit: 2}, every: 1s}", 1), profile, [3]bool{true, false, true}},
		{"a community", strings.Replace(site, "10.1.0.11}", "10.1.0.11, community: other}", 1), profile, [3]bool{false, true, true}},
		{"a profile", site, strings.Replace(profile, "holding: 1", "holding: 3", 1), [3]bool{true, true, false}},
		{"a bus's address", strings.Replace(site, "4001", "4002", 1), profile, [3]bool{true, false, true}},
	} {
		now := Build(load(t, c.site, c.profile), old, log)
		for i, bus := range now.Buses() {
			if kept := bus == old.Buses()[i]; kept != c.kept[i] {
				t.Errorf("%s changed: %s is taken over: %v", c.name, bus.ID, kept)
			}
		}
	}
}
