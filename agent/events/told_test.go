package events

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plantroom/agent"
	"plantroom/config"
)

var update = flag.Bool("update", false, "write testdata anew")

// TestTold: what is told of every word of every state that a profile can read,
// when nothing else is the matter. testdata/told.txt is to be read by people:
// a word without a severity is not told. Alarms (x_alarm_...) that are told alike
// are one paragraph, and what nothing is told of by any word is the last.
func TestTold(t *testing.T) {
	lines, alike, silent := map[string]bool{}, map[string]map[string]bool{}, map[string]bool{}
	for name, metrics := range profileStates(t) {
		for _, m := range metrics {
			var words, texts []string
			told := 0
			for code, w := range m.States {
				if code == 0 {
					continue
				}
				events := toldOf(t, m, code)
				if len(events) == 0 {
					words = append(words, w)
					continue
				}
				told++
				worst := agent.Info
				for _, ev := range events {
					worst = max(worst, ev.Severity)
					texts = append(texts, "\n    "+ev.Text.EN+" | "+ev.Text.CS)
					// English words are made of the metric's name, Czech ones are written.
					if ev.Text.CS == ev.Text.EN && w != "alarm" || strings.ContainsAny(ev.Text.EN+ev.Text.CS, "_%") || strings.HasSuffix(ev.Text.EN, " ") {
						t.Errorf("%s: %s %s: %q, %q", name, m.Name, w, ev.Text.EN, ev.Text.CS)
					}
				}
				words = append(words, w+" "+worst.String())
			}
			alarm, isAlarm := strings.CutPrefix(m.Name, "x_alarm_")
			states := strings.Join(words, ", ")
			switch {
			case told == 0:
				silent[fmt.Sprintf("%s %s: %s", m.Class, m.Name, states)] = true
			case isAlarm:
				key := fmt.Sprintf("%s x_alarm_: %s", m.Class, states)
				if alike[key] == nil {
					alike[key] = map[string]bool{}
				}
				alike[key][alarm] = true
			default:
				lines[fmt.Sprintf("%s %s: %s%s", m.Class, m.Name, states, strings.Join(slices.Compact(texts), ""))] = true
			}
		}
	}
	var b strings.Builder
	for _, line := range slices.Sorted(maps.Keys(lines)) {
		fmt.Fprintln(&b, line)
	}
	for _, key := range slices.Sorted(maps.Keys(alike)) {
		fmt.Fprintf(&b, "\n%s\n", key)
		for _, alarm := range slices.Sorted(maps.Keys(alike[key])) {
			fmt.Fprintln(&b, "    "+alarm)
		}
	}
	fmt.Fprintln(&b, "\nnever told")
	for _, line := range slices.Sorted(maps.Keys(silent)) {
		fmt.Fprintln(&b, "    "+line)
	}
	const path = "testdata/told.txt"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s\nwrite it anew with: go test ./agent/events -update", path, diff)
	}
}

// toldOf returns what is told of a state by its code, when it was another
// before. The device is of the state's class and has no more than it.
func toldOf(t *testing.T, m *agent.Metric, code int) (told []agent.Event) {
	t.Helper()
	d := &agent.Device{ID: "it", Name: "It", Class: m.Class, Every: time.Second}
	e, err := Open(Options{Agent: "edge-1", Announce: func(*agent.Event) {}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	e.Configure(Setup{Devices: []*agent.Device{d}, Nodes: []Node{{d.ID, d.Class, nil}}})
	before, rules := 1, rulesOf(m, m.Class)
	for i := range m.States {
		if i > 0 && i != code && (i >= len(rules) || rules[i] == nil) {
			before = i
			break
		}
	}
	point := &agent.Point{Device: d, Metric: m}
	begin := time.Date(2026, 11, 4, 8, 0, 0, 0, time.UTC)
	for i := range 13 { // it may follow from something for a while
		now, at := code, begin.Add(time.Duration(i)*time.Second)
		if i == 0 {
			now = before
		}
		e.Observe(&agent.Poll{Device: d, Time: at, Readings: []agent.Reading{{Point: point, Time: at, Value: float64(now)}}})
	}
	for _, ev := range slices.Backward(e.Events(agent.EventQuery{Device: d.ID})) {
		if ev.Began.After(begin) || code == before {
			told = append(told, ev)
		}
	}
	return told
}

// TestToldOnce: no value of one object or register is told of by two states,
// but by echoes, and where an alarm says more of what the status says too.
func TestToldOnce(t *testing.T) {
	profiles, err := config.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range profiles {
		by := map[string][]string{} // metrics that tell of a raw value
		note := func(at string, m *agent.Metric, words map[string]string) {
			rules := rulesOf(m, m.Class)
			for raw, word := range words {
				code, _ := m.Code(word)
				if _, isEcho := echoes[m.Name]; isEcho || code >= len(rules) || rules[code] == nil || m.Name == "x_alarm_battery_disconnected" {
					continue
				}
				key := fmt.Sprintf("%s = %s", at, raw)
				if told := m.Class + "." + m.Name + " " + word; !slices.Contains(by[key], told) {
					by[key] = append(by[key], told)
				}
			}
		}
		if p.SNMP != nil {
			for i := range p.SNMP.Points {
				pt := &p.SNMP.Points[i]
				if pt.Alarm != nil {
					continue // a row is one alarm
				}
				note(fmt.Sprint(pt.OID, pt.Table, pt.Rows, pt.Where, pt.Flag), pt.Metric, pt.States)
			}
		}
		if p.Modbus != nil {
			for i := range p.Modbus.Points {
				pt := &p.Modbus.Points[i]
				note(fmt.Sprint(pt.Value, pt.Families), pt.Metric, pt.States)
			}
		}
		for at, told := range by {
			if len(told) > 1 {
				t.Errorf("%s: %s is %s", name, at, strings.Join(told, " and "))
			}
		}
	}
}
