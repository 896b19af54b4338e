package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"plantroom/agent"
	"plantroom/config"
	"plantroom/drivers/sim"
	"plantroom/testdata/peer"
)

// A transcript is what a command prints; text can be waited for.
type transcript struct {
	mu    sync.Mutex
	text  string
	wants map[string]chan struct{}
}

func (tr *transcript) Write(p []byte) (int, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.text += string(p)
	for want, found := range tr.wants {
		if strings.Contains(tr.text, want) {
			close(found)
			delete(tr.wants, want)
		}
	}
	return len(p), nil
}

func (tr *transcript) String() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text
}

// await waits until the command has printed text, on a busy machine for long.
func (tr *transcript) await(t *testing.T, text string) {
	t.Helper()
	tr.mu.Lock()
	found := make(chan struct{})
	if strings.Contains(tr.text, text) {
		close(found)
	} else {
		if tr.wants == nil {
			tr.wants = make(map[string]chan struct{})
		}
		tr.wants[text] = found
	}
	tr.mu.Unlock()
	select {
	case <-found:
	case <-time.After(2 * time.Minute):
		t.Fatalf("not printed: %q; what was printed:\n%s", text, tr)
	}
}

// startDemo runs the demo until the test ends, or until the function that it
// returns is called, which returns the exit code.
func startDemo(t *testing.T, args ...string) (*transcript, func() int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	out := &transcript{}
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, append([]string{"demo", "--mqtt", "127.0.0.1:0", "--wall", "127.0.0.1:0"}, args...), out, out)
	}()
	end := sync.OnceValue(func() int { stop(); return <-code })
	t.Cleanup(func() { end() })
	return out, end
}

// rows returns the cells of an InfluxQL answer in CSV, without its head.
func rows(t *testing.T, text string) [][]string {
	t.Helper()
	all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(all) == 0 {
		t.Fatalf("no rows, %v: %q", err, text)
	}
	return all[1:]
}

// A turn is a state that a device came to, and when: after the poll before the
// one that saw it began, and before the one after that. In nanoseconds.
type turn struct {
	state         string
	after, before int64
}

// turns returns the states that a device went through. Those of a switch that is
// between its contacts are left out.
func turns(t *testing.T, db *peer.InfluxDB, measurement, field, where string, word func(string) string) []turn {
	t.Helper()
	var out []turn
	var at []int64
	for _, row := range rows(t, db.Query(t, "SELECT "+field+" FROM "+measurement+" WHERE "+where)) {
		began, err := strconv.ParseInt(row[2], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, began)
		if n := len(out); n > 0 && out[n-1].before == 0 {
			out[n-1].before = began
		}
		state := word(row[3])
		if state != "unknown" && state != "none" && (len(out) == 0 || out[len(out)-1].state != state) {
			out = append(out, turn{state: state, after: at[max(len(at)-2, 0)]})
		}
	}
	return out
}

// inOrder reports whether one turn can have come after the other.
func inOrder(turns []turn) bool {
	latest := int64(0) // of what the turns so far came after
	for _, t := range turns {
		if latest = max(latest, t.after); t.before != 0 && t.before < latest {
			return false
		}
	}
	return true
}

// wentThrough reports whether a device was in states one after the other. Those
// with a ? are short, and a busy machine may not have polled in time to see them.
func wentThrough(turns []turn, states ...string) bool {
	for _, s := range states {
		word, short := strings.CutSuffix(s, "?")
		if len(turns) > 0 && turns[0].state == word {
			turns = turns[1:]
		} else if !short {
			return false
		}
	}
	return len(turns) == 0
}

// TestDemoTellsTheMainsFailure: the demo is up at once, speaks MQTT, can be
// read beside itself, and the whole failure can be read from InfluxDB in order.
func TestDemoTellsTheMainsFailure(t *testing.T) {
	t.Parallel()
	db := peer.StartInfluxDB(t)
	resp, err := http.PostForm(db.URL+"/query", url.Values{"q": {"DROP DATABASE facility"}}) // the demo makes it
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	out, end := startDemo(t, "--scenario", "mains-failure", "--speed", "10", "--every", "100ms", "--influx", db.URL)
	out.await(t, "plantroom demo: 19 simulated devices, scenario mains-failure")
	out.await(t, "all 19 devices are up")

	// A broker's retained state, by the very line that the demo says to type.
	line := regexp.MustCompile(`mosquitto_sub -h (\S+) -p (\S+) -t '(\S+)' -v`).FindStringSubmatch(out.String())
	sub := peer.Need(t, "mosquitto_sub", "apt install mosquitto-clients")
	text, err := exec.Command(sub, "-h", line[1], "-p", line[2], "-t", "plantroom/demo/ups-a/meta", "-v", "-C", "1", "-W", "20").CombinedOutput()
	if err != nil || !strings.Contains(string(text), "UPS A") || !strings.Contains(string(text), `"Hz"`) {
		t.Errorf("meta of ups-a: %v, %s", err, text)
	}

	// Beside the demo, by its configuration, one poll of one device.
	path := regexp.MustCompile(`--config (\S+) ups-a`).FindStringSubmatch(out.String())[1]
	var read bytes.Buffer
	if code := run(t.Context(), []string{"read", "--config", path, "climate-outdoor", "--json"}, &read, &read); code != 0 {
		t.Errorf("read: exit %d: %s", code, &read)
	}
	var reading struct {
		Device, Metric, Source string
		Value                  float64
	}
	dec := json.NewDecoder(&read)
	for dec.Decode(&reading) == nil && reading.Metric != "temperature" {
	}
	if reading.Device != "climate-outdoor" || reading.Value < 5 || reading.Value > 30 || reading.Source != "1.3.6.1.4.1.21796.4.9.3.1.5.1" {
		t.Errorf("the temperature outdoors is read as %+v", reading)
	}

	out.await(t, "Generator 1: status cooling_down -> stopped")
	if code := end(); code != 0 {
		t.Errorf("exit %d", code)
	}
	if !strings.Contains(out.String(), "19 of 19 devices up\n") {
		t.Errorf("the demo says:\n%s", out)
	}

	as := func(state string) string { return state }
	gen := turns(t, db, "generator", "status", "device='gen-1'", as)
	ats := turns(t, db, "ats", "selected_source", "device='ats-1'", as)
	ups := turns(t, db, "ups", "status", "device='ups-a'", as)
	battery := turns(t, db, "ups", "battery_status", "device='ups-a'", as)
	mains := turns(t, db, "switchboard", "voltage", "device='msb' AND channel='L1'", func(volts string) string {
		if volts == "0" {
			return "dead"
		}
		return "live"
	})
	if !wentThrough(mains, "live", "dead", "live") || !wentThrough(ats, "a", "b", "a") ||
		!wentThrough(gen, "stopped", "starting?", "warming_up?", "running", "cooling_down", "stopped") ||
		!wentThrough(ups, "online", "on_battery", "online", "on_battery?", "online?") ||
		!wentThrough(battery, "normal", "discharging", "charging", "discharging?", "charging?") {
		t.Fatalf("mains %v\ngenerator %v\nswitch %v\nUPS %v\nbattery %v", mains, gen, ats, ups, battery)
	}
	ended := len(gen) - 1
	order := slices.Concat(mains[1:2], gen[1:ended-1], []turn{ats[1], ups[2], battery[2], mains[2], ats[2]}, ups[min(4, len(ups)):], gen[ended:])
	if !inOrder(order) {
		t.Errorf("out of order: %v", order)
	}
	slices.Reverse(order)
	if inOrder(order) {
		t.Errorf("any order would do: %v", order)
	}
}

// TestDemoTellsTheFailedTest: what nobody expects of a test is told beside the
// states, and nothing is an alarm that belongs to it.
func TestDemoTellsTheFailedTest(t *testing.T) {
	t.Parallel()
	out, end := startDemo(t, "--scenario", "generator-fails", "--speed", "20", "--every", "200ms")
	out.await(t, "INFO: Monthly blackout test: Main switchboard has no voltage")
	out.await(t, "ALARM: Generator 1 has a fault")
	out.await(t, "ALARM: Generator 1 reports: fail to start (shutdown)")
	out.await(t, "ATS 2: selected source a -> b")
	end()
	for line := range strings.Lines(out.String()) {
		if regexp.MustCompile(`(WARNING|ALARM): (Cooling|Redundancy|Main|UPS|Office|ATS|Generator 2)|-> fault|INFO: (Generator|UPS)`).MatchString(line) {
			t.Errorf("it tells: %s", line)
		}
	}
}

// TestDemoPlans: the monthly test is due where it is what happens, and nowhere else:
// an outage is not to be taken for it.
func TestDemoPlans(t *testing.T) {
	now := time.Date(2026, 11, 29, 14, 30, 0, 0, time.Local)
	for _, scenario := range sim.Scenarios() {
		f, addresses := simulated(t, sim.Options{Scenario: scenario, Seed: 1, Start: 14 * time.Hour})
		path, err := writeDemo(t.TempDir(), demoConfig(f, addresses, "127.0.0.1:0", "127.0.0.1:0", &demoCmd{Scenario: scenario, Every: time.Second}, now))
		if err != nil {
			t.Fatal(err)
		}
		site, err := config.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		due := site.Tests[0].Schedule.Day == now.Day()
		if test := scenario == "monthly-test" || scenario == "generator-fails"; site.Tests[0].Kind != "blackout" || due != test {
			t.Errorf("%s: the test is due: %v", scenario, due)
		}
	}
}

// TestDemoLines: which events are lines of the demo, and which are shown by
// others.
func TestDemoLines(t *testing.T) {
	began := time.Date(2026, 11, 4, 8, 0, 0, 0, time.UTC)
	v := newDemoView(io.Discard, nil, &demoCmd{})
	told := func(id, parent, kind, metric, state string, severity agent.Severity, text string, lasted time.Duration) {
		e := &agent.Event{ID: id, Parent: parent, Kind: kind, Metric: metric, State: state, Severity: severity, Began: began, Text: agent.Words{EN: text}}
		if lasted > 0 {
			e.Ended = began.Add(lasted)
		}
		v.happened(e)
	}
	want := func(lines ...string) {
		t.Helper()
		var got []string
		for _, l := range v.logged {
			got = append(got, l.text)
		}
		if v.logged = nil; !slices.Equal(got, lines) {
			t.Errorf("told:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(lines, "\n"))
		}
	}
	told("1", "", "test", "power", "", agent.Info, "Monthly: UPS is on battery", 0)
	told("2", "1", "state", "status", "on_battery", agent.Info, "UPS is on battery", 0)
	told("1", "", "test", "power", "", agent.Info, "Monthly: the board is dead", 0)
	told("3", "1", "state", "status", "fault", agent.Alarm, "Generator has a fault", 0)
	told("4", "1", "limit", "temperature", "", agent.Warning, "Aisle: 28 °C, above 27 °C", 0)
	want("INFO: Monthly: the board is dead", "ALARM: Generator has a fault", "WARNING: Aisle: 28 °C, above 27 °C")
	told("4", "1", "limit", "temperature", "", agent.Warning, "Aisle: 28 °C, above 27 °C", time.Minute)
	told("1", "", "test", "power", "", agent.Alarm, "Monthly: the board is dead", time.Minute)
	want()
	told("1", "", "test", "power", "", agent.Alarm, "Monthly: failed", time.Minute)
	told("5", "", "test", "verdict", "", agent.Warning, "Monthly: failed", 0)
	want("ended after 1m0s: Monthly: failed")

	told("6", "", "incident", "power", "", agent.Alarm, "Mains failure: the feed is dead", 0)
	told("7", "6", "state", "supply", "dead", agent.Alarm, "the feed is dead", 0)
	told("8", "6", "state", "status", "on_battery", agent.Alarm, "UPS is on battery", 0)
	told("9", "6", "state", "battery_status", "low", agent.Alarm, "UPS: the battery is running out", 0)
	told("6", "", "incident", "power", "", agent.Alarm, "Mains failure: the feed is dead", time.Hour)
	want("ALARM: Mains failure: the feed is dead", "ALARM: UPS: the battery is running out", "ended after 1h0m0s: Mains failure: the feed is dead")
	told("a", "", "test", "verdict", "", agent.Warning, "Weekly was due and was not made", 0)
	told("b", "", "alarm", "x_fuse", "active", agent.Warning, "UPS reports: fuse", 0)
	told("b", "", "alarm", "x_fuse", "active", agent.Warning, "UPS reports: fuse", time.Second)
	want("WARNING: Weekly was due and was not made", "WARNING: UPS reports: fuse", "ended after 1s: UPS reports: fuse")
}

// TestDemoFindsAPort: a taken port is no reason to stop; the demo says where
// it went instead, and after its time it ends by itself.
func TestDemoFindsAPort(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var out bytes.Buffer
	if code := run(t.Context(), []string{"demo", "--for", "10s", "--mqtt", l.Addr().String(), "--wall", l.Addr().String()}, &out, &out); code != 0 {
		t.Fatalf("exit %d:\n%s", code, &out)
	}
	for _, want := range []string{l.Addr().String() + " is taken, so the broker listens on 127.0.0.1:", l.Addr().String() + " is taken, so the wall is elsewhere", "plantroom demo stops after ", "19 of 19 devices up"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("not said: %q in\n%s", want, &out)
		}
	}
}

// TestDemoMistakes: what is wrong on its command line is said plainly.
func TestDemoMistakes(t *testing.T) {
	for _, test := range []struct {
		args string
		code int
		want string
	}{
		{"--scenario fire", exitFaults, `must be one of "` + strings.Join(sim.Scenarios(), `","`) + `"`},
		{"--speed 0", exitFaults, "--speed is 0; it must be above 0 and at most 1000"},
		{"--mqtt 1883", exitFaults, "--mqtt 1883: address 1883: missing port in address; write HOST:PORT"},
		{"--wall 8080", exitFaults, "--wall 8080: address 8080: missing port in address; write HOST:PORT"},
		{"--every 50ms", exitFaults, "every"},
		{"--influx http://127.0.0.1:1", exitFailure, "create the database facility"},
	} {
		var out bytes.Buffer
		if code := run(t.Context(), append([]string{"demo"}, strings.Fields(test.args)...), &out, io.Discard); code != test.code {
			t.Errorf("demo %s: exit %d, want %d", test.args, code, test.code)
		}
		var said bytes.Buffer
		run(t.Context(), append([]string{"demo"}, strings.Fields(test.args)...), io.Discard, &said)
		if !strings.Contains(said.String(), test.want) {
			t.Errorf("demo %s says %q, want %q in it", test.args, &said, test.want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, test := range []struct {
		line  string
		width int
		want  string
	}{
		{"21.0 °C", 7, "21.0 °C"},
		{"21.0 °C outdoors", 7, "21.0 °C"},
		{"a \x1b[32mgood\x1b[0m day", 4, "a \x1b[32mgo\x1b[0m"},
		{"\x1b[1;31mbad\x1b[0m", 3, "\x1b[1;31mbad\x1b[0m"},
	} {
		if got := cut(test.line, test.width); got != test.want {
			t.Errorf("cut(%q, %d) is %q, want %q", test.line, test.width, got, test.want)
		}
	}
}
