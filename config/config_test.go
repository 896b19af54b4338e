package config

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"plantroom/agent"
)

var update = flag.Bool("update", false, "write what the faulty configurations are found to have wrong into their archives")

// TestFaults reads every archive of testdata/faults, a configuration with
// mistakes, and compares all that is said of it with the archive's file want.
func TestFaults(t *testing.T) {
	archives, err := filepath.Glob("../testdata/faults/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, path := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			want := ""
			for _, f := range a.Files {
				if f.Name == "want" {
					want = string(f.Data)
				}
				write(t, filepath.Join(dir, f.Name), string(f.Data))
			}
			_, err = Load(filepath.Join(dir, "site.yaml"))
			if _, ok := errors.AsType[Faults](err); !ok {
				t.Fatalf("Load returned %v, not Faults", err)
			}
			got := strings.ReplaceAll(err.Error(), dir+"/", "") + "\n"
			if *update {
				files := a.Files[:0]
				for _, f := range a.Files {
					if f.Name != "want" {
						files = append(files, f)
					}
				}
				a.Files = append(files, txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(path, txtar.Format(a), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil { // some are secrets
		t.Fatal(err)
	}
	if strings.HasSuffix(path, ".exposed") {
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// load writes the files of a txtar text into a folder and loads its site.yaml.
func load(t *testing.T, text string) *Site {
	t.Helper()
	dir := t.TempDir()
	for _, f := range txtar.Parse([]byte(text)).Files {
		write(t, filepath.Join(dir, f.Name), string(f.Data))
	}
	site, err := Load(filepath.Join(dir, "site.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// testCA is a certificate, of nobody.
const testCA = `-----BEGIN CERTIFICATE-----
MIIBnTCCAUOgAwIBAgIUdkNqdJlWkhkrJAgcMjmnJrClkRUwCgYIKoZIzj0EAwIw
IzEhMB8GA1UEAwwYcGxhbnRyb29tIHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyNDE0
MzQyN1oYDzIxMjYxMDMxMTQzNDI3WjAjMSEwHwYDVQQDDBhwbGFudHJvb20gdGVz
dCBhdXRob3JpdHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARIFQow/scVzYtx
OkZjRyyBsPPkOtSa6ug+pnGogMmY8TsfpKvMdtw50lFsC7LqKpaxUNeFm0cvpMy7
iIhd1HRuo1MwUTAdBgNVHQ4EFgQUP8Ny0c+9B5xCZEInk5myVesthUQwHwYDVR0j
BBgwFoAUP8Ny0c+9B5xCZEInk5myVesthUQwDwYDVR0TAQH/BAUwAwEB/zAKBggq
hkjOPQQDAgNIADBFAiEA3mc45vGVjh4OqU5cTdUNjAr6wQYJy8fMlEmCFIpLUL0C
ID8n2fiUQJCrzFDZVrMsGppNkRD3HtfNMl6BxO03YJZi
-----END CERTIFICATE-----
`

// TestSite loads the example of the design, whole.
func TestSite(t *testing.T) {
	t.Setenv("SNMP", "secret community")
	t.Setenv("MQTT_PASSWORD", "tajné heslo")
	site := load(t, `
-- influx.token --
token-1
-- ca.pem --
`+testCA+`-- site.yaml --
site: praha-1
agent: edge-1
outputs:
  influx: {url: http://10.1.0.5:8086, org: dc, bucket: facility, token: "${file:influx.token}"}
  mqtt: {url: mqtts://10.1.0.5:8883, username: edge-1, password: "${env:MQTT_PASSWORD}", ca: ca.pem}
wall: {listen: 127.0.0.1:8080}
include: [devices/*.yaml]
profiles: [profiles/]
buses:
  - {id: hall-rs485, modbus: {serial: /dev/ttyUSB0, baud: 9600, parity: even}}
  - {id: moxa-1, modbus: {rtu_over_tcp: 10.1.0.40:4001}}
devices:
  - {id: ups-a, name: UPS A, profile: rfc1628-ups, snmp: {address: 10.1.0.11, community: "${env:SNMP}"}, every: 5s,
     labels: {room: ups-room, feed: A}}
  - {id: msb, name: Main switchboard, profile: schneider-pm5000, modbus: {tcp: 10.1.0.30, unit: 1}, every: 1s}
  - {id: gen-1, profile: deepsea-gencomm, modbus: {bus: moxa-1, unit: 10}, feeds: [ats-1]}
-- devices/hall.yaml --
devices:
  - &ats
    id: ats-1
    profile: apc-rack-ats
    snmp: {address: "10.1.0.21:1161", user: monitor, auth: sha256, auth_password: "$${plain text}", priv: aes, priv_password: "12345678"}
    every: 1s
  - {<<: *ats, id: ats-2, snmp: {address: "::1"}}
  - {id: own, profile: acme, modbus: {bus: hall-rs485, unit: 3}, timeout: 300ms}
-- profiles/acme.yaml --
profile: acme
class: switchboard
modbus:
  base: 1
  order: cdab
  points:
    - {metric: voltage, input: 0x10, type: float32, channel: L1, absent: [0xFFFF, -1]}
    - {metric: x_mode, holding: 41, bits: [4, 7], states: {0: idle, 0x0F: busy}}
`)
	if site.Name != "praha-1" || site.Agent != "edge-1" || site.Wall.Listen != "127.0.0.1:8080" {
		t.Errorf("site: %+v", site)
	}
	if site.Influx[0].Token.Reveal() != "token-1" || site.MQTT[0].Password.Reveal() != "tajné heslo" {
		t.Error("the secrets are not those of the file and the environment")
	}
	if m := site.MQTT[0]; m.Prefix != "plantroom" || m.ClientID != "plantroom-praha-1-edge-1" || m.Name != "mqtt" {
		t.Errorf("mqtt: %+v", m)
	}
	byID := map[string]*Device{}
	var order []string
	for _, d := range site.Devices {
		byID[d.ID] = d
		order = append(order, d.ID)
	}
	if got := strings.Join(order, " "); got != "ups-a msb gen-1 ats-1 ats-2 own" {
		t.Errorf("devices: %s", got)
	}
	ups := byID["ups-a"]
	if ups.Name != "UPS A" || ups.Every != 5*time.Second || ups.Timeout != 2*time.Second || ups.Profile.Name != "rfc1628-ups" {
		t.Errorf("ups-a: %+v", ups)
	}
	if want := []agent.Label{{Name: "feed", Value: "A"}, {Name: "room", Value: "ups-room"}}; !cmp.Equal(ups.Labels, want) {
		t.Errorf("labels: %v", ups.Labels)
	}
	if a := ups.SNMP; a.Address != "10.1.0.11:161" || a.Version != "2c" || a.Community.Reveal() != "secret community" {
		t.Errorf("ups-a: %+v", a)
	}
	if a := byID["msb"].Modbus; a.Link != (ModbusLink{TCP: "10.1.0.30:502"}) || a.Unit != 1 {
		t.Errorf("msb: %+v", a)
	}
	if a := byID["gen-1"].Modbus; a.Bus != "moxa-1" || a.Link != (ModbusLink{RTUOverTCP: "10.1.0.40:4001"}) {
		t.Errorf("gen-1: %+v", a)
	}
	if a := byID["ats-1"].SNMP; a.Address != "10.1.0.21:1161" || a.Version != "3" || a.Auth != "sha256" || a.Priv != "aes" || a.AuthPass.Reveal() != "${plain text}" {
		t.Errorf("ats-1: %+v", a)
	}
	if d := byID["ats-2"]; d.SNMP.Address != "[::1]:161" || d.Every != time.Second {
		t.Errorf("ats-2, made of ats-1 by a merge: %+v %+v", d, d.SNMP)
	}
	if UsualStopBits("none") != 2 || UsualStopBits("even") != 1 || UsualStopBits("odd") != 1 {
		t.Error("a character on a serial line has not 11 bits")
	}
	own := byID["own"]
	if want := (ModbusLink{Serial: "/dev/ttyUSB0", Baud: 9600, Parity: "even", DataBits: 8, StopBits: 1}); own.Modbus.Link != want {
		t.Errorf("own: %+v", own.Modbus.Link)
	}
	if own.Timeout != 300*time.Millisecond {
		t.Errorf("own: timeout %s", own.Timeout)
	}
	points := own.Profile.Modbus.Points
	if v := points[0].Value; v != (ModbusValue{Space: Input, Address: 15, Type: "float32", Order: "cdab", Length: 2, BitHigh: -1}) {
		t.Errorf("voltage: %+v", v)
	}
	if a := points[0].Absent; !cmp.Equal(a, []float64{65535, -1}) {
		t.Errorf("absent: %v", a)
	}
	if v := points[1].Value; v.Address != 40 || v.BitLow != 4 || v.BitHigh != 7 {
		t.Errorf("x_mode: %+v", v)
	}
	if m := points[1].Metric; m.Kind != agent.State || !cmp.Equal(m.States, []string{"unknown", "idle", "busy"}) {
		t.Errorf("x_mode: %+v", m)
	}
	if s := points[1].States; !cmp.Equal(s, map[string]string{"0": "idle", "15": "busy"}) {
		t.Errorf("x_mode: %v", s)
	}
}

// TestModbusSecurity loads Modbus within TLS, of a bus and of a device.
func TestModbusSecurity(t *testing.T) {
	site := load(t, `
-- site.yaml --
site: praha-1
buses:
  - {id: msb, modbus: {tls: 10.1.0.40, ca: ca.pem, server_name: msb.example}}
devices:
  - {id: a, profile: deepsea-gencomm, modbus: {bus: msb, unit: 1}}
  - {id: b, profile: deepsea-gencomm, modbus: {tls: "10.1.0.41:8802", unit: 1}, timeout: 500ms}
-- ca.pem --
`+testCA)
	if a := site.Devices[0]; a.Modbus.Link != (ModbusLink{Secure: "10.1.0.40:802", TLS: TLS{CA: testCA, ServerName: "msb.example"}}) || a.Timeout != 3*time.Second {
		t.Errorf("a: %+v, %v", a.Modbus, a.Timeout)
	}
	if b := site.Devices[1]; b.Modbus.Link != (ModbusLink{Secure: "10.1.0.41:8802"}) || b.Timeout != 500*time.Millisecond {
		t.Errorf("b: %+v, %v", b.Modbus, b.Timeout)
	}
	if !slices.ContainsFunc(site.Files, func(f string) bool { return filepath.Base(f) == "ca.pem" }) {
		t.Errorf("files: %v", site.Files)
	}
}

// readme returns what the README shows from a line that begins like that.
func readme(t *testing.T, begins string) string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(text), "\n    "+begins)
	block, _, end := strings.Cut(block, "\n\n")
	if !ok || !end {
		t.Fatalf("the README shows no %s", begins)
	}
	return strings.ReplaceAll(begins+block, "\n    ", "\n") + "\n"
}

// TestReadme loads the configuration that the README shows.
func TestReadme(t *testing.T) {
	for _, name := range []string{"MQTT_PASSWORD", "SNMP", "SNMP_AUTH", "SNMP_PRIV"} {
		t.Setenv(name, "12345678")
	}
	site := load(t, "-- influx.token --\ntoken\n-- ca.pem --\n"+testCA+"-- devices/more.yaml --\nbuses: []\n-- profiles/none.txt --\n-- site.yaml --\n"+
		readme(t, "# /etc/plantroom/plantroom.yaml\n"))
	if len(site.Devices) != 5 || site.Queue.Dir == "" || site.Wall == nil || len(site.Influx) != 1 {
		t.Errorf("site: %+v", site)
	}
}

// TestReadmeProfile compiles the profile that the README shows.
func TestReadmeProfile(t *testing.T) {
	p, err := ParseProfile("acme-meter.yaml", []byte(readme(t, "profile: acme-meter")))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Modbus.Points) != 5 || len(p.SNMP.Points) < 2 || len(p.SNMP.Traps) != 3 {
		t.Errorf("profile: %+v", p)
	}
}

// TestReadmeFeeds: the building that the README shows is one, with the sources
// of its transfer switches told apart.
func TestReadmeFeeds(t *testing.T) {
	site := load(t, "-- site.yaml --\nsite: demo\n"+readme(t, "# What the demo's facility feeds; profiles and addresses as above.\n"))
	ways := map[string]bool{}
	for _, d := range site.Devices {
		for _, f := range d.Feeds {
			ways[d.ID+" "+f.To+" "+f.Input] = true
		}
	}
	for _, want := range []string{"msb ats-1 a", "gen-1 ats-1 b", "ats-1 ats-2 a", "gen-2 ats-2 b", "ups-a servers "} {
		if !ways[want] {
			t.Errorf("there is no way %q in %v", want, ways)
		}
	}
	if len(site.Nodes) != 4 || site.Nodes[0].Feeds[0].To != "feed" || site.Nodes[1].Kind != "load" {
		t.Errorf("nodes: %+v", site.Nodes)
	}
}

// TestSourcesOfSwitches: which source of a transfer switch a feeder is.
func TestSourcesOfSwitches(t *testing.T) {
	for _, test := range []struct{ nodes, want string }{
		{"[{id: u, kind: utility, feeds: ats}, {id: g, kind: board, feeds: ats/b}]", "u a, g b"},
		{"[{id: u, kind: utility, feeds: ats}, {id: v, kind: utility, feeds: ats/a}]", "u b, v a"},
		{"[{id: u, kind: utility, feeds: ats/b}, {id: bus, kind: board, feeds: ats}]", "u b, bus a"}, // bus is the generator's
		{"[{id: u, kind: utility, feeds: ats}, {id: bus, kind: board, feeds: ats}]", "u a, bus b"},
	} {
		site := load(t, `
-- site.yaml --
site: praha-1
nodes: `+test.nodes+`
devices:
  - {id: gen, profile: deepsea-gencomm, modbus: {tcp: 10.1.0.1, unit: 1}`+map[bool]string{true: ", feeds: bus"}[strings.Contains(test.nodes, "bus")]+`}
  - {id: ats, profile: apc-rack-ats, snmp: {address: 10.1.0.3}}
`)
		var got []string
		for _, n := range site.Nodes {
			got = append(got, n.ID+" "+n.Feeds[0].Input)
		}
		if s := strings.Join(got, ", "); s != test.want {
			t.Errorf("%s: %s, want %s", test.nodes, s, test.want)
		}
	}
}

// TestOwnProfileOverrides puts a profile in the place of an embedded one.
func TestOwnProfileOverrides(t *testing.T) {
	site := load(t, `
-- site.yaml --
site: praha-1
profiles: [mine]
devices:
  - {id: ups-a, profile: rfc1628-ups, snmp: {address: 10.1.0.11}}
-- mine/rfc1628-ups.yaml --
profile: rfc1628-ups
title: Ours
class: ups
snmp: {points: [{metric: battery_charge, oid: 1.3.6.1.2.1.33.1.2.4.0}]}
`)
	if p := site.Devices[0].Profile; p.Title != "Ours" || len(p.SNMP.Points) != 1 {
		t.Errorf("profile: %+v", p)
	}
}

func TestOutputsAndQueue(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "")
	text := func(queue string) string {
		return "-- site.yaml --\nsite: a\n" + queue + `
outputs:
  influx:
    - {url: http://10.1.0.5:8086, bucket: facility}
    - {name: archive, url: http://10.1.0.6:8086, bucket: facility, gzip: false}
    - {name: here, url: "http://localhost:8086", bucket: facility}
    - {name: near, url: "http://[::1]:8086", bucket: facility, gzip: true}
  mqtt: {embedded: true}
devices:
  - {id: ups-a, profile: rfc1628-ups, snmp: {address: 10.1.0.11}}
`
	}
	site := load(t, text("queue: {dir: /var/lib/q, limit: 2GiB, sync: always}"))
	for i, want := range []bool{true, false, false, true} {
		if site.Influx[i].Gzip != want {
			t.Errorf("%s is compressed: %v", site.Influx[i].Name, site.Influx[i].Gzip)
		}
	}
	if len(site.Influx) != 4 || site.Influx[0].Name != "influx" || site.Influx[1].Name != "archive" || site.MQTT[0].Name != "mqtt" {
		t.Errorf("outputs: %+v %+v", site.Influx, site.MQTT)
	}
	if want := (Queue{Dir: "/var/lib/q", Limit: 2 << 30, Sync: 0}); site.Queue != want {
		t.Errorf("queue: %+v", site.Queue)
	}
	if q := load(t, text("queue: {limit: 500MB, sync: 500ms}")).Queue; q != (Queue{Limit: 500e6, Sync: 500 * time.Millisecond}) {
		t.Errorf("queue: %+v", q)
	}
	t.Setenv("STATE_DIRECTORY", "/var/lib/plantroom")
	if site := load(t, text("state: /srv/plantroom")); site.State != "/srv/plantroom" || site.Queue.Dir != "/srv/plantroom/queue" {
		t.Errorf("state %s, queue %+v", site.State, site.Queue)
	}
	if q := load(t, text("queue: {sync: never}")).Queue; q != (Queue{Dir: "/var/lib/plantroom/queue", Limit: 1 << 30, Sync: -1}) {
		t.Errorf("queue under systemd: %+v", q)
	}
}

func TestEmbeddedProfiles(t *testing.T) {
	profiles, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"rfc1628-ups", "apc-powernet-ups", "eaton-xups", "apc-rack-ats", "deepsea-gencomm", "comap-intelilite",
		"schneider-pm5000", "janitza-umg", "eastron-sdm630", "sunspec-meter", "stulz-wib8000", "hwg-ste", "hwg-poseidon",
	} {
		if profiles[name] == nil {
			t.Errorf("there is no profile %s", name)
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	s := struct {
		Password Secret
		hidden   Secret // fmt calls no method of it
	}{NewSecret("tajné"), NewSecret("tajné")}
	if s.hidden != s.Password || s.hidden.Reveal() != "tajné" || NewSecret("") != (Secret{}) || NewSecret("").Reveal() != "" {
		t.Error("secrets with the same text differ, or have another")
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if text := fmt.Sprintf(format, s); strings.Contains(text, "tajné") || strings.Contains(text, "74616a") {
			t.Errorf("%s prints %s", format, text)
		}
	}
}

// FuzzSite reads arbitrary text as a site: whatever it says, the answer is a
// site or faults with places, and no panic.
func FuzzSite(f *testing.F) {
	f.Add("site: a\ndevices: [{id: a, profile: rfc1628-ups, snmp: {address: h}}]")
	f.Add("site: &a [*a]")
	f.Add("a: &x {<<: *x}\nsite: a")
	f.Add("devices: [{<<: [1, {id: 2}], modbus: {serial: x, unit: 0x7FFFFFFFFFFFFFFFFF}}]")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "${file:") || strings.Contains(text, "include") || strings.Contains(text, "profiles") {
			t.Skip("reads files")
		}
		path := filepath.Join(dir, "site.yaml")
		write(t, path, text)
		site, err := Load(path)
		if (site == nil) == (err == nil) {
			t.Fatalf("site %v, error %v", site, err)
		}
		if faults, ok := errors.AsType[Faults](err); err != nil && (!ok || len(faults) == 0) {
			t.Fatalf("not faults: %v", err)
		}
	})
}

// FuzzProfile is FuzzSite for profiles.
func FuzzProfile(f *testing.F) {
	entries, err := embedded.ReadDir("profiles")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		text, err := embedded.ReadFile("profiles/" + e.Name())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseProfile("fuzz.yaml", []byte(text))
		if err != nil || p == nil {
			return
		}
		if p.Modbus == nil && p.SNMP == nil {
			t.Error("a profile without points is no profile")
		}
		if p.Modbus != nil {
			for _, point := range p.Modbus.Points {
				v := point.Value
				if point.Metric == nil || v.Length < 1 || v.Address < 0 || p.Modbus.SunSpec == nil && v.Address+v.Length > 0x10000 {
					t.Errorf("point: %+v", point)
				}
			}
		}
		if p.SNMP != nil {
			for _, point := range p.SNMP.Points {
				if a := point.Alarm; a != nil && (a.Column == "" || a.Count == "" || point.Metric == nil) {
					t.Errorf("alarm %+v of %+v", a, point)
				}
			}
		}
	})
}

// TestTraps looks at the traps that come with the program: those of the RFCs,
// and that what clears another is of the same thing.
func TestTraps(t *testing.T) {
	standard := StandardTraps()
	battery := standard["1.3.6.1.2.1.33.2.1"]
	if battery == nil || battery.Name != "upsTrapOnBattery" || battery.Severity != agent.Warning || battery.Text.CS != "běží z baterie" || battery.Lasts || !battery.Outage {
		t.Errorf("upsTrapOnBattery: %+v", battery)
	}
	if added, removed := standard["1.3.6.1.2.1.33.2.3"], standard["1.3.6.1.2.1.33.2.4"]; !added.Lasts || added.About != removed.About || len(removed.Words) != 24 ||
		added.Outage || !added.Outages["1.3.6.1.2.1.33.1.6.3.2"] || added.Outages["1.3.6.1.2.1.33.1.6.3.3"] {
		t.Errorf("alarms: %+v, %+v", added, removed)
	}
	profiles, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range profiles {
		if p.SNMP == nil {
			continue
		}
		byName := map[string]*SNMPTrap{}
		for _, trap := range p.SNMP.Traps {
			byName[trap.Name] = trap
		}
		for _, trap := range p.SNMP.Traps {
			if slices.Contains(trap.While["status"], "on_battery") && !trap.Outage {
				t.Errorf("%s: an outage has the UPS on battery, and %s does not say so", p.Name, trap.Name)
			}
			for metric, words := range trap.While {
				says := func(point SNMPPoint) bool {
					return point.Metric.Class == p.Class && point.Metric.Name == metric &&
						slices.ContainsFunc(slices.Collect(maps.Values(point.States)), func(w string) bool { return slices.Contains(words, w) })
				}
				if !slices.ContainsFunc(p.SNMP.Points, says) {
					t.Errorf("%s: while %s lasts the %s is %v, which it never is", p.Name, trap.Name, metric, words)
				}
			}
			for _, name := range trap.Clears {
				// What has one trap for everything is info, and what clears all of it need not be about anything.
				all := byName[name].Begins != ""
				if cleared := byName[name]; !all && (cleared.About != trap.About || cleared.Severity == agent.Info) || trap.Severity != agent.Info {
					t.Errorf("%s: %s clears %s: %+v, %+v", p.Name, trap.Name, name, trap, cleared)
				}
			}
		}
	}
	for oid, want := range map[string]string{"1.3.6.1.4.1.318.0.5": "1.3.6.1.4.1.318.5", "1.3.6.1.6.3.1.1.5.1": "1.3.6.1.6.3.1.1.5.1", "0.0": "0.0", "1.0.5": "1.5", "1.3.10.5": "1.3.10.5"} {
		if got := TrapOID(oid); got != want {
			t.Errorf("TrapOID(%s) = %s, want %s", oid, got, want)
		}
	}
}
