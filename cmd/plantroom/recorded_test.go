package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plantroom/agent"
	"plantroom/config"
	"plantroom/drivers/snmp"
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

// TestRecordedDevices has snmpsim play recordings of real devices.
func TestRecordedDevices(t *testing.T) {
	dir := peer.Recorded(t)
	cache := t.TempDir()
	for d := cache; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o777); err != nil { // snmpsimd is nobody
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.snmprec"))
	if err != nil || len(files) == 0 {
		t.Fatal("no recordings", err)
	}
	address := "127.0.0.1:" + peer.UDPPort(t)
	simulator := exec.Command(peer.Need(t, "snmpsimd", "apt-get install snmpsim"), "--data-dir="+dir, "--cache-dir="+cache,
		"--agent-udpv4-endpoint="+address, "--process-user=nobody", "--process-group=nogroup")
	peer.Start(t, simulator, func() bool { code, _, _ := readRecorded(t, address, "hwg-ste2"); return code == 0 })
	t.Run("read", func(t *testing.T) { readRecordings(t, address, files) })
	t.Run("told", func(t *testing.T) { tellRecordings(t, address, files) })
}

// readRecorded recognises and reads the recording of that name.
func readRecorded(t *testing.T, address, name string) (code int, stdout, stderr *bytes.Buffer) {
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	code = run(t.Context(), []string{"read", "--profile", "auto", "--snmp", address, "--community", name, "--json"}, stdout, stderr)
	return code, stdout, stderr
}

// readRecordings compares what is read with what another monitoring system
// found. It is another reader, not the truth; where the maker's MIB contradicts
// it the profile says so.
func readRecordings(t *testing.T, address string, files []string) {
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
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".snmprec")
		code, stdout, stderr := readRecorded(t, address, name)
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

// toldOf is what is told of the recorded devices once they have been so for two
// minutes. Only these were not in normal service.
var toldOf = map[string][]string{
	// It gives 28 °C where it is to give 21: its compressor runs as hard as it may.
	"pcoweb-rittal-lcp-3311_lcp-dx-3311": {
		"warning It: supply air temperature 28.3 °C, above 27 °C | It: teplota přiváděného vzduchu 28,3 °C, nad 27 °C",
	},
}

// tellRecordings has a station judge what is read of each device alone.
func tellRecordings(t *testing.T, address string, files []string) {
	profiles, err := config.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".snmprec")
		a := config.SNMPAddress{Address: address, Version: "2c", Community: config.NewSecret(name)}
		profile, seen, err := snmp.Identify(t.Context(), a, 2*time.Second, slices.Collect(maps.Values(profiles)))
		if err != nil || profile == nil {
			t.Errorf("%s is not recognised: %s %v", name, seen, err)
			continue
		}
		s, err := newStation(&config.Site{Name: "praha-1", Agent: "edge-1", Limits: config.UsualLimits(), Devices: []*config.Device{
			{ID: "it", Name: "It", Profile: profile, SNMP: &a, Every: time.Second, Timeout: 2 * time.Second},
		}}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		poll := agent.Poll{Device: s.plan.Buses()[0].Devices()[0], Time: time.Now()}
		source := s.plan.Buses()[0].Source("it")
		for range 2 { // once with the survey of what the device has, and once without
			poll.Readings, err = source.Poll(t.Context(), poll.Readings[:0])
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		for i := range poll.Readings {
			if r := &poll.Readings[i]; r.Quality != agent.Good {
				t.Errorf("%s: %s %s is %s: %s", name, r.Point.Metric.Name, r.Point.Channel, r.Quality, r.Why)
			}
		}
		for range 120 {
			for i := range poll.Readings {
				poll.Readings[i].Time = poll.Time
			}
			s.power.Observe(&poll)
			s.events.Observe(&poll)
			poll.Time = poll.Time.Add(time.Second)
		}
		var got []string
		for _, e := range slices.Backward(s.events.Events(agent.EventQuery{})) {
			got = append(got, fmt.Sprintf("%s %s | %s", e.Severity, e.Text.EN, e.Text.CS))
		}
		if diff := cmp.Diff(toldOf[name], got); diff != "" {
			t.Errorf("of %s is told (-want +got):\n%s", name, diff)
		}
		if path := s.power.Path(); path.Severity != agent.Info {
			t.Errorf("of %s the wall says %s: %s %s", name, path.Severity, path.Headline.EN, path.Detail.EN)
		}
		s.close()
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
