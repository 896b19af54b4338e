package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"plantroom/agent"
	"plantroom/config"
	"plantroom/drivers/sim"
	"plantroom/testdata/peer"
)

// A pager is somebody that a webhook tells of events.
type pager struct {
	*httptest.Server
	mu   sync.Mutex
	said map[string]bool // Idempotency-Keys: what comes again is known by them
	told []agent.Notice
}

func newPager(t *testing.T) *pager {
	p := &pager{said: map[string]bool{}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var n agent.Notice
		if err == nil {
			err = json.Unmarshal(body, &n)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if key := r.Header.Get("Idempotency-Key"); err != nil || key == "" {
			t.Errorf("%q: %s: %v", key, body, err)
		} else if !p.said[key] {
			p.said[key] = true
			p.told = append(p.told, n)
		}
	}))
	t.Cleanup(p.Close)
	return p
}

// of returns what was told of the event of an input, in order.
func (p *pager) of(input string) (all []agent.Notice) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.told {
		if n.Channel == input {
			all = append(all, n)
		}
	}
	return all
}

// lines says what was told of the event of an input.
func (p *pager) lines(input string) (all []string) {
	for _, n := range p.of(input) {
		line := fmt.Sprint("escalated ", n.Escalated)
		if n.AckedBy != "" {
			line += " acked"
		}
		if !n.Active() {
			line += " over"
		}
		all = append(all, line)
	}
	return all
}

// TestEscalation runs plantroom with a desk that is told of alarms at once, and
// a boss who is told of those that nobody has acknowledged in time: also when
// the agent is killed in between, and when the device that raised one has gone.
// Nobody is told anything twice.
func TestEscalation(t *testing.T) {
	const after = 2 * time.Second
	text := "profile: io\nclass: climate\nmodbus:\n  points:\n"
	for i := range 9 {
		text += fmt.Sprintf("    - {metric: contact, holding: %d, channel: input %d, states: {1: open, 2: closed}}\n", i, i)
	}
	contacts, err := config.ParseProfile("io.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	board := sim.NewBoard("climate")
	for i := range 9 {
		board.SetState("contact", fmt.Sprint("input ", i), "open")
	}
	device, err := sim.ServeModbus("127.0.0.1:0", map[int]sim.Unit{1: {Profile: contacts, Values: board}})
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	desk, boss := newPager(t), newPager(t)
	wall, dir := "127.0.0.1:"+peer.TCPPort(t), t.TempDir()
	path := filepath.Join(dir, "site.yaml")
	for name, text := range map[string]string{filepath.Join(dir, "profiles", "io.yaml"): text, path: fmt.Sprintf(`site: praha-1
profiles: [profiles]
state: state
wall: {listen: %q, token: sesame}
outputs:
  webhook:
    - {name: desk, url: %q}
    - {name: boss, url: %q, escalate_after: %v}
limits:
  - {metric: climate.contact, alarm_on: [closed]}
devices:
  - {id: io-1, profile: io, modbus: {tcp: %q, unit: 1}, every: 100ms}
`, wall, desk.URL, boss.URL, after, device.Addr())} {
		put(t, name, text)
	}
	start, log := processes(t, "run", path)
	inputs := 0
	alarm := func() (input string) {
		t.Helper()
		input = fmt.Sprint("input ", inputs)
		inputs++
		board.SetState("contact", input, "closed")
		peer.Until(t, "the desk is told of "+input, func() bool { return len(desk.of(input)) > 0 })
		return input
	}
	escalated := func(input string) {
		t.Helper()
		peer.Until(t, "the boss is told of "+input, func() bool { return len(boss.of(input)) > 0 })
	}

	running := start()
	forgotten := alarm()
	escalated(forgotten)
	if ev := boss.of(forgotten)[0]; ev.Site != "praha-1" || ev.Device != "io-1" || ev.Severity != agent.Alarm {
		t.Errorf("the boss is told of %+v", ev)
	}

	// Acknowledged in time; a busy machine may need more than one attempt for that.
	acked := ""
	for acked == "" && inputs < 6 {
		input := alarm()
		id := desk.of(input)[0].ID
		var out bytes.Buffer
		if code := run(t.Context(), []string{"ack", id, "--by", "Jana", "--config", path}, &out, &out); code != 0 {
			t.Fatalf("ack: exit %d: %s", code, &out)
		}
		told := func(n agent.Notice) bool { return n.AckedBy == "Jana" }
		peer.Until(t, "the desk is told that Jana looks at it", func() bool { return slices.ContainsFunc(desk.of(input), told) })
		all := desk.of(input)
		if ev := all[slices.IndexFunc(all, told)]; ev.Escalated == 0 {
			acked = input
		}
	}
	if acked == "" {
		t.Fatalf("nobody is fast enough; the log is\n%s", log)
	}
	later := alarm() // when it is escalated, the one before would have been
	escalated(later)

	// Killed before it is time.
	killed := alarm()
	running.Process.Kill()
	running.Wait()
	start()
	escalated(killed)

	board.SetState("contact", forgotten, "open")
	board.SetState("contact", acked, "open")
	over := func(p *pager, input string) {
		t.Helper()
		peer.Until(t, input+" is over", func() bool {
			return slices.ContainsFunc(p.of(input), func(n agent.Notice) bool { return !n.Active() })
		})
	}
	over(desk, acked)
	over(desk, forgotten)
	over(boss, forgotten)

	// The device falls silent before it is time.
	gone := alarm()
	device.Close()
	escalated(gone)

	for _, c := range []struct {
		who   string
		of    *pager
		input string
		want  string
	}{
		{"desk", desk, forgotten, "escalated 0, escalated 2, escalated 2 over"},
		{"boss", boss, forgotten, "escalated 2, escalated 2 over"},
		{"desk", desk, acked, "escalated 0, escalated 0 acked, escalated 0 acked over"},
		{"boss", boss, acked, ""},
		{"boss", boss, later, "escalated 2"},
		{"boss", boss, killed, "escalated 2"},
		{"boss", boss, gone, "escalated 2"},
	} {
		if got := strings.Join(c.of.lines(c.input), ", "); got != c.want {
			t.Errorf("the %s is told of %s: %s; want %s", c.who, c.input, got, c.want)
		}
	}
	if n := strings.Join(desk.lines(killed), ", "); strings.Count(n, "escalated 0") != 1 {
		t.Errorf("the desk is told of what lasted when the agent was killed: %s", n)
	}
}
