package snmp

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"plantroom/agent"
	"plantroom/config"
	"plantroom/testdata/peer"
)

// startSnmpsim serves every NAME.snmprec of dir under the community NAME. It
// is ready when the recording named ready answers.
func startSnmpsim(t testing.TB, dir, ready string) (address string) {
	t.Helper()
	path := peer.Need(t, "snmpsimd", "apt install snmpsim")
	cache := t.TempDir()
	if err := os.Chmod(cache, 0o777); err != nil {
		t.Fatal(err)
	}
	address = "127.0.0.1:" + peer.UDPPort(t)
	cmd := exec.Command(path, "--data-dir="+dir, "--cache-dir="+cache, "--agent-udpv4-endpoint="+address)
	if os.Getuid() == 0 { // it refuses to run as root
		os.Chmod(filepath.Dir(cache), 0o755)
		cmd.Args = append(cmd.Args, "--process-user=nobody", "--process-group=nogroup")
	}
	peer.Start(t, cmd, answering(address, ready))
	return address
}

func recorded(address, name, version string) config.SNMPAddress {
	return config.SNMPAddress{Address: address, Version: version, Community: config.NewSecret(name)}
}

func TestRecordedDevices(t *testing.T) {
	dir := peer.Recorded(t)
	address := startSnmpsim(t, dir, "hwg-ste2")
	sensor := func(name, unit string) config.SNMPPoint {
		const table = "1.3.6.1.4.1.21796.3.3.3.1"
		p := rows(name, table+".5", "sensor {index}")
		p.NameOID = table + ".2"
		p.Where = []config.SNMPCondition{{Column: table + ".9", Values: []string{unit}}, {Column: table + ".4", Values: []string{"1", "2"}}}
		return p
	}
	contact := rows("contact", "1.3.6.1.4.1.21796.3.3.1.1.2", "input {index}")
	contact.Metric = &agent.Metric{Name: "contact", Kind: agent.State, States: []string{"unknown", "open", "closed"}}
	contact.States = map[string]string{"0": "open", "1": "closed"}
	poseidon := []config.SNMPPoint{sensor("temperature", "0"), sensor("humidity", "3"), contact}

	scaled := func(name, oid string, scale float64, absent ...float64) config.SNMPPoint {
		p := scalar(name, oid)
		p.Scale, p.Absent = scale, absent
		return p
	}
	status := scalar("status", "1.3.6.1.4.1.318.1.1.1.4.1.1.0")
	status.States = map[string]string{"2": "online", "3": "on_battery", "6": "bypass"}
	smart := []config.SNMPPoint{
		scaled("battery_charge", "1.3.6.1.4.1.318.1.1.1.2.3.1.0", 0.1),
		scalar("battery_charge", "1.3.6.1.4.1.318.1.1.1.2.2.1.0"),
		scaled("battery_voltage", "1.3.6.1.4.1.318.1.1.1.2.3.4.0", 0.1, -1),
		scaled("battery_runtime", "1.3.6.1.4.1.318.1.1.1.2.2.3.0", 0.01),
		scaled("input_voltage", "1.3.6.1.4.1.318.1.1.1.3.3.1.0", 0.1),
		scaled("output_load", "1.3.6.1.4.1.318.1.1.1.4.3.3.0", 0.1),
		scalar("output_load", "1.3.6.1.4.1.318.1.1.1.4.2.3.0"),
		scaled("output_power", "1.3.6.1.4.1.318.1.1.1.4.2.8.0", 1, -1),
		status,
	}
	for _, test := range []struct {
		name     string
		points   []config.SNMPPoint
		want     []string
		requests int
	}{
		{"hwg-poseidon", poseidon, []string{
			"temperature[sensor 5]=28.5", "temperature[sensor 6]=29", "temperature[sensor 7]=26.9", "temperature[sensor 8]=29",
			"humidity[sensor 1]=29.6", "humidity[sensor 2]=31.8", "humidity[sensor 3]=34", "humidity[sensor 4]=29.3",
			"contact[input 1]=open", "contact[input 2]=open", "contact[input 3]=open", "contact[input 4]=open", "contact[input 5]=open", "contact[input 6]=open",
		}, 1},
		{"apc_smart1500", smart, []string{
			"battery_charge=100", "battery_voltage=27", "battery_runtime=4560", "input_voltage=247.6", "output_load=17.6", "output_power=169", "status=online",
		}, 1},
	} {
		for _, version := range []string{"1", "2c"} {
			t.Run(test.name+"/"+version, func(t *testing.T) {
				src := sourceAt(t, recorded(address, test.name, version), 5*time.Second, test.points...)
				want(t, poll(t, src), test.want...)
				sent := src.client.sent
				want(t, poll(t, src), test.want...)
				if n := src.client.sent - sent; n != test.requests {
					t.Errorf("the second poll took %d requests", n)
				}
			})
		}
	}

	t.Run("every recording", func(t *testing.T) {
		files, err := filepath.Glob(filepath.Join(dir, "*.snmprec"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			name := filepath.Base(file[:len(file)-len(".snmprec")])
			p, seen, err := Identify(t.Context(), recorded(address, name, "2c"), 5*time.Second, nil)
			if p != nil || err != nil || len(seen) < len("sysObjectID 1") {
				t.Errorf("%s: %v, %q, %v", name, p, seen, err)
			}
		}
	})
}

// snmpsim in version 1 fails a whole GET for one missing object, and so do its
// walks at the end of what it has.
func TestOddAgents(t *testing.T) {
	dir := t.TempDir()
	var text string
	for r := 1; r <= 24; r++ {
		text += fmt.Sprintf("1.3.6.1.4.1.99999.2.1.2.%d|4|Outlet %d\n", r, r)
	}
	for r := 1; r <= 24; r++ {
		text += fmt.Sprintf("1.3.6.1.4.1.99999.2.1.3.%d|66|%d\n", r, 100*r)
	}
	text = "1.3.6.1.4.1.99999.1.2.0|4|  +21,5 \xc2\xb0C\n1.3.6.1.4.1.99999.1.4.0|4x|800000ff\n1.3.6.1.4.1.99999.1.6.0|64|10.0.0.1\n1.3.6.1.4.1.99999.1.8.0|2|7\n" + text
	if err := os.WriteFile(filepath.Join(dir, "odd.snmprec"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	os.Chmod(dir, 0o755)
	address := startSnmpsim(t, dir, "odd")
	var points []config.SNMPPoint
	for i := 1; i <= 9; i++ {
		points = append(points, scalar(fmt.Sprintf("m%d", i), fmt.Sprintf("1.3.6.1.4.1.99999.1.%d.0", i)))
	}
	outlets := rows("current", "1.3.6.1.4.1.99999.2.1.3", "{name}")
	outlets.NameOID, outlets.Scale = "1.3.6.1.4.1.99999.2.1.2", 0.001
	points = append(points, outlets)
	lines := []string{"m2=21.5", "m8=7"}
	for r := 1; r <= 24; r++ {
		lines = append(lines, fmt.Sprintf("current[Outlet %d]=%v", r, float64(100*r)/1000))
	}
	for _, version := range []string{"1", "2c"} {
		t.Run(version, func(t *testing.T) {
			src := sourceAt(t, recorded(address, "odd", version), 5*time.Second, points...)
			want(t, poll(t, src), lines...)
			sent := src.client.sent
			want(t, poll(t, src), lines...)
			if n := src.client.sent - sent; n != 1 {
				t.Errorf("the second poll took %d requests", n)
			}
		})
	}
}
