package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"plantroom/testdata/peer"
)

// factors bring the sensors of the recordings to the catalogue's units, by
// their class. 0: in a unit that differs from recording to recording, so only
// that the sensor is read can be said.
var factors = map[string]float64{
	"temperature": 1, "humidity": 1, "voltage": 1, "current": 1, "power": 1, "power_consumed": 1000, "frequency": 1,
	"load": 1, "charge": 1, "runtime": 60, "power_factor": 1, "percent": 1, "cooling": 1, "dewpoint": 1,
	"airflow": 0, "waterflow": 0, "pressure": 0, "fanspeed": 0,
}

// TestRecordedDevices recognises and reads recordings of real devices, played
// by snmpsim, and compares with what another monitoring system found in them.
// It is another reader, not the truth; where the maker's MIB contradicts it the
// profile says so.
func TestRecordedDevices(t *testing.T) {
	dir := peer.Recorded(t)
	cache := t.TempDir()
	for d := cache; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o777); err != nil { // snmpsimd is nobody
			t.Fatal(err)
		}
	}
	address := "127.0.0.1:" + peer.UDPPort(t)
	read := func(name string) (code int, stdout, stderr *bytes.Buffer) {
		stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
		code = run(t.Context(), []string{"read", "--profile", "auto", "--snmp", address, "--community", name, "--json"}, stdout, stderr)
		return code, stdout, stderr
	}
	simulator := exec.Command(peer.Need(t, "snmpsimd", "apt-get install snmpsim"), "--data-dir="+dir, "--cache-dir="+cache,
		"--agent-udpv4-endpoint="+address, "--process-user=nobody", "--process-group=nogroup")
	peer.Start(t, simulator, func() bool { code, _, _ := read("hwg-ste2"); return code == 0 })

	// The makes that the first profiles are for.
	first := map[string]bool{}
	for _, name := range []string{
		"netmanplus_204", "generex-ups_cs121", "deltaups", "eatonups", "eatonupsm2_9px", "apc_smart1500", "apc_symmetralx",
		"apc_smtl1000-nmc3", "apc_ats", "janitza-umg96_umg96", "stulz_wib8000", "hwg-ste2", "hwg-poseidon",
	} {
		first[name] = true
	}
	type score struct{ sensors, read, right int }
	var all, ours score
	files, err := filepath.Glob(filepath.Join(dir, "*.snmprec"))
	if err != nil || len(files) == 0 {
		t.Fatal("no recordings", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".snmprec")
		code, stdout, stderr := read(name)
		if code != 0 && code != exitUnknown {
			t.Errorf("%s: exit %d: %s", name, code, stderr)
		}
		values := map[string]*float64{}
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			var r struct {
				Source string
				Value  *float64
			}
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			values[r.Source] = r.Value
		}
		var s score
		for _, sensor := range sensors(t, strings.TrimSuffix(file, ".snmprec")+".csv") {
			factor, scored := factors[sensor["class"]]
			if !scored {
				continue
			}
			s.sensors++
			got := values[sensor["oid"]]
			if got == nil {
				continue
			}
			s.read++
			want, err := strconv.ParseFloat(sensor["value"], 64)
			want *= factor
			if factor == 0 || err == nil && math.Abs(want-*got) <= max(0.01*math.Abs(want), 0.5*max(factor, 0.1)) {
				s.right++
			} else {
				t.Logf("%s: %s %s is %v, there %v", name, sensor["class"], sensor["oid"], *got, want)
			}
		}
		t.Logf("%-40s sensors %4d  read %4d  right %4d", name, s.sensors, s.read, s.right)
		all = score{all.sensors + s.sensors, all.read + s.read, all.right + s.right}
		if first[name] {
			ours = score{ours.sensors + s.sensors, ours.read + s.read, ours.right + s.right}
		}
	}
	t.Logf("first profiles: sensors %d, read %d, right %d; all: sensors %d, read %d, right %d",
		ours.sensors, ours.read, ours.right, all.sensors, all.read, all.right)
	if ours.read*100 < ours.sensors*95 || ours.right*100 < ours.read*99 {
		t.Errorf("of the first profiles' sensors fewer than 95 %% are read or fewer than 99 %% of those are right: %+v", ours)
	}
	if all.read*100 < all.sensors*75 || all.right*100 < all.read*97 {
		t.Errorf("of all sensors fewer than 75 %% are read or fewer than 97 %% of those are right: %+v", all)
	}
}

// sensors reads a recording's list of sensors.
func sensors(t *testing.T, path string) (rows []map[string]string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for _, fields := range table[1:] {
		row := map[string]string{}
		for i, name := range table[0] {
			row[name] = fields[i]
		}
		rows = append(rows, row)
	}
	return rows
}
