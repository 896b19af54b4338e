package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"plantroom/agent"
	"plantroom/agent/events"
	"plantroom/config"
	"plantroom/drivers/sim"
	"plantroom/testdata/peer"
)

// TestKillInAnIncident kills the agent, -9, while the mains are off. The one
// that is started after it goes on with the same incident, which somebody has
// acknowledged, and ends it; its record tells of the whole. Then tests are
// declared, noted and cancelled, by the commands that people type.
func TestKillInAnIncident(t *testing.T) {
	profiles := map[string]string{
		"board": "profile: board\nclass: switchboard\nmodbus: {points: [{metric: voltage, holding: 1, scale: 0.1, channel: L1}]}\n",
		"ups": "profile: ups\nclass: ups\nmodbus: {points: [{metric: battery_charge, holding: 2}, " +
			"{metric: status, holding: 1, states: {1: online, 2: on_battery}}]}\n",
	}
	boards := map[string]*sim.Board{"board": sim.NewBoard("switchboard"), "ups": sim.NewBoard("ups")}
	mains := func(volts float64, status string) {
		boards["board"].Set("voltage", "L1", volts)
		boards["ups"].Set("battery_charge", "", 100)
		boards["ups"].SetState("status", "", status)
	}
	mains(230, "online")
	address, _, err := freeAddress("", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	site := fmt.Sprintf("site: a\nprofiles: [profiles]\nstate: state\nincidents: {hold: 500ms}\nwall: {listen: %q, token: sesame}\n", address) +
		"tests:\n  - {id: firewall, name: Firewall of the office, kind: manual, every: month}\ndevices:\n"
	for name, text := range profiles {
		p, err := config.ParseProfile(name+".yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		s, err := sim.ServeModbus("127.0.0.1:0", map[int]sim.Unit{1: {Profile: p, Values: boards[name]}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		site += fmt.Sprintf("  - {id: %s-1, profile: %s, modbus: {tcp: %q, unit: 1}, every: 100ms}\n", name, name, s.Addr())
		put(t, filepath.Join(dir, "profiles", name+".yaml"), text)
	}
	path := filepath.Join(dir, "site.yaml")
	put(t, path, site)

	start, log := processes(t, "run", path)
	// typed runs a command as people type it.
	typed := func(args ...string) (string, int) {
		var out bytes.Buffer
		code := run(t.Context(), append(args, "--config", path), &out, &out)
		return out.String(), code
	}
	listed := func(want string, args ...string) string {
		t.Helper()
		text := ""
		peer.Until(t, want, func() bool {
			text, _ = typed(append([]string{"events"}, args...)...)
			return regexp.MustCompile(want).MatchString(text)
		})
		return text
	}

	agent := start()
	peer.Until(t, "polls", func() bool {
		var all []struct {
			ID string
			Up bool
		}
		err := runningAgent{URL: "http://" + address, Token: "sesame"}.ask(t.Context(), http.MethodGet, "/api/v1/devices", nil, &all)
		up := 0
		for _, d := range all {
			if d.Up && boards[strings.TrimSuffix(d.ID, "-1")] != nil {
				up++
			}
		}
		return err == nil && up == len(boards)
	})
	listed(`^$`, "--active")
	listed(`^$`, "--device", "ups-1")
	if out, code := typed("events", "--device", "ups1"); code != 1 || out != "there is no device ups1; /api/v1/devices lists them\n" {
		t.Errorf("events of none: exit %d: %s", code, out)
	}
	mains(0, "on_battery")
	text := listed(`(?s)alarm +lasts +Mains failure: board-1 has no voltage  (\S+)\n.* alarm +lasts +ups-1 is on battery`, "--active")
	id := regexp.MustCompile(`Mains failure: .*  (\S+)\n`).FindStringSubmatch(text)[1]
	if out, code := typed("ack", id, "--by", "Jana"); code != 0 || !strings.HasPrefix(out, "Jana looks at it since ") {
		t.Errorf("ack: exit %d: %s", code, out)
	}
	if out, code := typed("ack", "20260101-000000-aa001", "--by", "Jana"); code != 1 || out != "event 20260101-000000-aa001: there is none\n" {
		t.Errorf("ack of none: exit %d: %s", code, out)
	}
	agent.Process.Kill()
	agent.Wait()

	if out, code := typed("events"); code != 1 || !strings.Contains(out, ": connection refused") {
		t.Errorf("without an agent: exit %d: %s", code, out)
	}
	agent = start()
	listed(`alarm +lasts +Mains failure: board-1 has no voltage \(Jana\)  `+id+`\n`, "--active")
	mains(230, "online")
	listed(`^$`, "--active")
	text = listed(id)
	if strings.Count(text, "Mains failure") != 1 || strings.Count(text, "ups-1 is on battery") != 1 {
		t.Errorf("more than one incident:\n%s", text)
	}
	var record *events.Record
	peer.Until(t, "the record", func() bool {
		record, err = events.Load(filepath.Join(dir, "state", "events"), id)
		return err == nil && !record.Ended.IsZero() && len(record.Figures) > 0
	})
	before, after := 0, 0
	for _, s := range record.Series {
		if s.Device == "ups-1" && s.Metric == "status" {
			for i := range s.Times {
				if s.Time(i).Before(record.Events[0].Acked) {
					before++
				} else {
					after++
				}
			}
		}
	}
	if record.Ended.IsZero() || before == 0 || after == 0 {
		t.Errorf("the record ends at %v, with %d readings before the acknowledgement and %d after", record.Ended, before, after)
	}

	// began declares a test and returns its ID.
	began := func(args ...string) (id string) {
		t.Helper()
		out, code := typed(append([]string{"test", "start", "--by", "Jana"}, args...)...)
		if fields := strings.Fields(out); code == 0 && len(fields) > 2 {
			return fields[2]
		}
		t.Fatalf("test start: exit %d: %s\n%s", code, out, log)
		return ""
	}
	byHand := began("--name", "Blackout by hand")
	if out, code := typed("test", "start", "--name", "Another"); code != 1 || !strings.Contains(out, "Blackout by hand is under way since") {
		t.Errorf("two at a time: exit %d: %s", code, out)
	}
	mains(0, "on_battery")
	listed(`info +lasts +ups-1 is on battery`)
	if out, code := typed("test", "note", "the breaker is stiff"); code != 0 {
		t.Errorf("test note: exit %d: %s", code, out)
	}
	mains(230, "online")
	if out, code := typed("test", "end"); code != 0 {
		t.Errorf("test end: exit %d: %s", code, out)
	}
	listed(`Blackout by hand: passed`)
	if out, code := typed("test", "note", "took over in 20 s", "--test", "firewall", "--failed", "--by", "Petr"); code != 0 {
		t.Errorf("test note: exit %d: %s", code, out)
	}
	listed(`warning +lasts +Firewall of the office failed`, "--active", "--severity", "warning", "--since", "1h")
	if out, code := typed("events", "--json", "--limit", "1"); code != 0 || strings.Count(out, "\n") != 1 || !strings.Contains(out, `"kind":"test"`) {
		t.Errorf("events --json: exit %d: %s", code, out)
	}
	peer.Until(t, "the records", func() bool {
		out := &bytes.Buffer{}
		code := run(t.Context(), []string{"report", "list", "--config", path}, out, out)
		return code == 0 && strings.Contains(out.String(), "Blackout by hand") && strings.Contains(out.String(), "failed")
	})

	// One is declared by mistake, and one just before the mains really fail; the agent is killed in that.
	id = began("--name", "By mistake")
	if out, code := typed("test", "cancel", "--by", "Jana", "--note", "the wrong building"); code != 0 || !strings.HasPrefix(out, "the test "+id+" is cancelled") {
		t.Errorf("test cancel: exit %d: %s", code, out)
	}
	listed(`info .* By mistake: cancelled by Jana  ` + id + `\n`)
	if out, code := typed("test", "cancel"); code != 1 || out != "a test under way: there is none\n" {
		t.Errorf("test cancel of none: exit %d: %s", code, out)
	}
	id = began("--name", "Blackout that never was")
	mains(0, "on_battery")
	for _, what := range []string{"ups-1 is on battery", "board-1 has no voltage"} {
		listed(`info +lasts +`+what, "--active")
	}
	agent.Process.Kill()
	agent.Wait()
	agent = start()
	listed(`info +lasts +Blackout that never was`, "--active")
	peer.Until(t, "the test is cancelled", func() bool { // when it has polled
		_, code := typed("test", "cancel", id, "--by", "Petr", "--note", "the transformer failed")
		return code == 0
	})
	text = listed(`(?s)alarm +lasts +Mains failure: board-1 has no voltage  (\S+)\n.* alarm +lasts +ups-1 is on battery`, "--active")
	became := regexp.MustCompile(`Mains failure: .*  (\S+)\n`).FindStringSubmatch(text)[1]
	mains(230, "online")
	listed(`^$`, "--active", "--severity", "alarm")
	peer.Until(t, "the record of what it was", func() bool {
		record, err = events.Load(filepath.Join(dir, "state", "events"), became)
		return err == nil && !record.Ended.IsZero() && len(record.Figures) > 0
	})
	if record.Kind != "incident" || len(record.Notes) != 1 || !strings.Contains(record.Notes[0].Text, id) || !strings.HasSuffix(record.Notes[0].Text, "the transformer failed") {
		t.Errorf("the incident: %+v", record)
	}
	// Even the one that was passed can be; it is an incident of then.
	if out, code := typed("test", "cancel", byHand, "--by", "Petr"); code != 0 {
		t.Errorf("test cancel: exit %d: %s", code, out)
	}
	listed(`(?s)info .* Blackout by hand: cancelled by Petr  ` + byHand + `\n.*alarm .* Mains failure: board-1 has no voltage`)
	peer.Until(t, "the report on it", func() bool {
		text, code := typed("report", "test", byHand, "--format", "md")
		return code == 0 && strings.Contains(text, "What happened meanwhile is the incident")
	})
	for _, ask := range []struct{ want, args string }{
		{"cancelled +By mistake\n", "list"}, {"cancelled +Blackout that never was\n", "list"},
		{"What happened meanwhile is the incident " + became, "test " + id + " --format md"},
		{"Cancelled: 3\\.", "month " + time.Now().Format("2006-01") + " --format md"},
	} {
		out := &bytes.Buffer{}
		if code := run(t.Context(), append(append([]string{"report"}, strings.Fields(ask.args)...), "--config", path), out, out); code != 0 || !regexp.MustCompile(ask.want).MatchString(out.String()) {
			t.Errorf("report %s: exit %d: %s", ask.args, code, out)
		}
	}
	if err := agent.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- agent.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("%v:\n%s", err, log)
		}
	case <-time.After(time.Minute):
		t.Error("it does not stop")
	}
}

// TestAskMistakes: which agent is meant, and where it cannot be asked.
func TestAskMistakes(t *testing.T) {
	dir := t.TempDir()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	closed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "who?", http.StatusUnauthorized) }))
	defer closed.Close()
	const devices = "devices: [{id: ups-a, profile: rfc1628-ups, snmp: {address: 192.0.2.1}}]\n"
	for name, text := range map[string]string{
		"no-wall.yaml": "site: a\n" + devices,
		"users.yaml":   "site: a\nwall: {listen: 127.0.0.1:1, users: {jana: \"$2a$10$AAAAAAAAAAAAAAAAAAAAAOAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}\n" + devices,
	} {
		put(t, filepath.Join(dir, name), text)
	}
	for _, test := range []struct {
		args string
		code int
		want string
	}{
		{"events --config " + dir + "/no-wall.yaml", 2, "has no wall"},
		{"events --config " + dir + "/users.yaml", 2, "has users and no token"},
		{"events --config " + dir + "/none.yaml", 2, "cannot read it"},
		{"events --url wall:8080", 2, "write http://HOST:PORT"},
		{"ack 1 --by Jana --url http://127.0.0.1:1", 1, "ask the agent at http://127.0.0.1:1: connection refused\n"},
		{"events --url " + other.URL, 1, "the answer of " + other.URL + " is none of plantroom: 404 Not Found\n"},
		{"events --url " + closed.URL, 1, "the agent at " + closed.URL + " wants a token; give it with --token, or in PLANTROOM_TOKEN\n"},
		{"events --token x --url " + closed.URL, 1, "wants another token"},
		{"events --since 1week --url http://127.0.0.1:1", 2, `"1week" is no duration`},
		{"events --since 1d --url http://127.0.0.1:1", 1, "connection refused"},
		{"ack 1", 2, "--by"},
		{"ack 1 --by", 2, "--by needs a value"},
		{"ack 1 --by=", 2, "--by is empty; say who looks at the event\n"},
		{"demo --speed fast", 2, `--speed: must be a number, not "fast"`},
		{"demo --speed -1", 2, "--speed is followed by -1, which looks like a flag; write --speed=-1"},
		{"demo --influx 127.0.0.1:1 --wall 127.0.0.1:0 --mqtt 127.0.0.1:0", 2, "--influx 127.0.0.1:1: write http://HOST:PORT\n"},
		{"schema profle", 2, `of must be one of "configuration","profile" but got "profle"`},
	} {
		var out bytes.Buffer
		if code := run(t.Context(), strings.Fields(test.args), &out, &out); code != test.code || !strings.Contains(out.String(), test.want) {
			t.Errorf("%s: exit %d: %s", test.args, code, &out)
		}
	}
}

// TestListedInOrder: what is a part of an incident stands below it in order of
// time, and of one second the cause first.
func TestListedInOrder(t *testing.T) {
	at := func(ms int) time.Time { return time.Date(2026, 11, 27, 1, 0, 0, ms*1e6, time.UTC) }
	event := func(id, parent string, ms int, text string) agent.Event {
		return agent.Event{ID: id, Parent: parent, Began: at(ms), Ended: at(ms), Text: agent.Words{EN: text, CS: text}}
	}
	var out bytes.Buffer
	listEvents(&out, []agent.Event{
		event("1", "4", 900, "UPS is on battery"), event("2", "4", 800, "Cooler has stopped"), event("3", "4", 950, "Feed has no voltage"),
		event("4", "", 800, "Mains failure: Feed has no voltage"), event("5", "4", 1500, "Generator was told to start"),
	}, "en")
	var ids string
	for line := range strings.Lines(out.String()) {
		ids += strings.TrimSpace(line[len(line)-2:])
	}
	if ids != "43215" {
		t.Errorf("in the order %s:\n%s", ids, &out)
	}
}
