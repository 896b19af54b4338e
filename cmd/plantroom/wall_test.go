package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"plantroom/agent"
	"plantroom/agent/wall"
	"plantroom/config"
	"plantroom/dashboards"
	"plantroom/testdata/browser"
	"plantroom/testdata/peer"
)

// What a page of the wall shows at one moment.
type shownWall struct {
	Headline, Tone string
	PathAt         int64 // ms since 1970
	Nodes          []struct {
		ID, State, On, Word string
		Value               *shownValue
	}
	Edges []struct{ Edge, On, Watts, Text string }
	Tiles []struct {
		ID     string
		Values []shownValue
	}
	Units []struct {
		ID, Class string
		Values    []shownValue
	}
}

// A shownValue is what people read, and what it was made from.
type shownValue struct {
	Metric, Value, Text string
	At                  int64
}

const lookAtWall = `(() => {
	const values = (el) => [...el.querySelectorAll('.v')].filter((v) => !v.hidden && v.dataset.value !== undefined)
		.map((v) => ({Metric: v.dataset.metric, Value: v.dataset.value, Text: v.querySelector('b').textContent, At: Number(v.dataset.at)}));
	const all = (q, f) => [...document.querySelectorAll(q)].map(f);
	return {
		Headline: document.querySelector('h1').textContent, Tone: document.querySelector('header').dataset.tone, PathAt: Number(document.querySelector('header').dataset.at),
		Nodes: all('.node', (n) => ({ID: n.dataset.id, State: n.dataset.state, On: n.dataset.on, Word: n.querySelector('.word').textContent || n.querySelector('.bigword').textContent, Value: values(n)[0] ?? null})),
		Edges: all('.edge', (e) => ({Edge: e.dataset.edge, On: e.dataset.on, Watts: document.querySelector('.watts[data-edge="' + e.dataset.edge + '"]').dataset.value ?? '', Text: document.querySelector('.watts[data-edge="' + e.dataset.edge + '"]').textContent})),
		Tiles: all('.tile', (n) => ({ID: n.dataset.id, Values: values(n)})),
		Units: all('.unit', (n) => ({ID: n.dataset.id, Class: n.className, Values: values(n)})),
	};
})()`

// A published is a device's state as MQTT has it.
type published struct {
	at       int64 // ms since 1970
	readings map[string]struct {
		Value float64
		State string
	}
}

// number returns a reading, or the sum of its phases.
func (p *published) number(metric string) (float64, bool) {
	if r, ok := p.readings[metric]; ok {
		return r.Value, true
	}
	sum, any := 0.0, false
	for _, phase := range []string{"L1", "L2", "L3"} {
		if r, ok := p.readings[metric+"/"+phase]; ok {
			sum, any = sum+r.Value, true
		}
	}
	return sum, any
}

// publishedStates reads what came over MQTT into all, and returns how many lines
// it has read in all: those before are not read again.
func publishedStates(t *testing.T, lines []string, read int, all map[string][]published) int {
	t.Helper()
	for _, line := range lines[read:] {
		topic, payload, _ := strings.Cut(line, " ")
		id := strings.TrimPrefix(topic, "plantroom/demo/")
		if strings.Contains(id, "/") || id == "event" || id == "alarms" {
			continue
		}
		var m struct {
			Time     time.Time
			Readings map[string]struct {
				Value float64
				State string
			}
		}
		if err := json.Unmarshal([]byte(payload), &m); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all[id] = append(all[id], published{m.Time.UnixMilli(), m.Readings})
	}
	return len(lines)
}

// times calls f with the time of each figure of a device on the wall.
func (w *shownWall) times(f func(id string, at int64)) {
	for _, n := range w.Nodes {
		if n.Value != nil {
			f(n.ID, n.Value.At)
		}
	}
	for _, tile := range w.Tiles {
		for _, v := range tile.Values {
			f(tile.ID, v.At)
		}
	}
	for _, u := range w.Units {
		for _, v := range u.Values {
			f(u.ID, v.At)
		}
	}
}

// lastAt returns what a device said last at a time.
func lastAt(all []published, at int64) *published {
	var last *published
	for i := range all {
		if all[i].at <= at {
			last = &all[i]
		}
	}
	return last
}

var shownForm = regexp.MustCompile(`^(-?\d+)(?:\.(\d+))?\s*(\D*)$`)

// shows reports whether a text is what a value in SI units is shown as: it may
// differ by half of its last digit.
func shows(text string, v float64) bool {
	part := shownForm.FindStringSubmatch(strings.TrimSpace(text))
	if part == nil {
		return false
	}
	n, err := strconv.ParseFloat(part[1]+"."+part[2]+"0", 64)
	scale := map[byte]float64{'k': 1e3, 'M': 1e6, 'h': 3600}
	factor := 1.0
	switch unit := strings.TrimSpace(part[3]); {
	case unit == "min":
		factor = 60
	case unit == "h":
		factor = 3600
	case len(unit) > 1 && scale[unit[0]] > 0:
		factor = scale[unit[0]]
	}
	return err == nil && math.Abs(n*factor-v) <= factor*0.5*math.Pow(10, -float64(len(part[2])))+1e-6
}

// TestShows tries the test's own ruler.
func TestShows(t *testing.T) {
	for _, c := range []struct {
		text string
		v    float64
		want bool
	}{
		{"231V", 231.4, true}, {"231V", 231.6, false}, {"42.9\u202fkW", 42871, true}, {"42.9 kW", 42800, false}, {"1.88kW", 1884.9, true},
		{"11min", 660, true}, {"21.3°", 21.26, true}, {"0W", 0, true}, {"off", 0, false}, {"-6.00A", -6, true}, {"–", 0, false},
	} {
		if shows(c.text, c.v) != c.want {
			t.Errorf("%q for %g", c.text, c.v)
		}
	}
}

// TestWallShowsWhatMQTTSays: in each of the demo's scenarios the sentence, the
// lit path and every figure are those of the devices' states over MQTT at that
// very moment; no page complains or asks another host.
func TestWallShowsWhatMQTTSays(t *testing.T) {
	t.Parallel()
	chromium := browser.Start(t)
	const onGenerator = `document.querySelector('h1').textContent.startsWith('ON GENERATOR 1') && !document.querySelector('.unit.is-lost') &&
		document.querySelector('[data-edge="ups-a>servers"]').dataset.on === 'generator' && document.querySelector('[data-edge="ups-b>servers"]').dataset.on === 'generator'`
	for _, c := range []struct {
		scenario, speed string
		until           string // JavaScript
		headline, tone  string
		supply          string // of the servers
		faulty          string // a cooling unit
	}{
		{"calm", "1", `document.querySelector('header').dataset.tone === 'live'`, "On mains. Both UPS healthy", "live", "mains", ""},
		{"mains-failure", "3", onGenerator, "ON GENERATOR 1 since ", "", "generator", ""},
		{"monthly-test", "10", onGenerator, "ON GENERATOR 1 since ", "", "generator", ""},
		{"cooling-failure", "1.5", `document.querySelector('.unit[data-id=cooling-1].is-lost')`, "On mains. ", "", "mains", "cooling-1"},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			out, _ := startDemo(t, "--scenario", c.scenario, "--speed", c.speed, "--every", "200ms")
			out.await(t, "all 19 devices are up")
			at := regexp.MustCompile(`http://(\S+)/ and`).FindStringSubmatch(out.String())[1]
			broker := regexp.MustCompile(`mosquitto_sub -h (\S+) -p (\S+) `).FindStringSubmatch(out.String())
			lines := peer.Subscribe(t, "-h", broker[1], "-p", broker[2], "-t", "plantroom/demo/+")
			p := chromium.Open(t, "http://"+at+"/?lang=en", 1920, 1080)
			p.Until("the wall shows "+c.scenario, `document.querySelector('.node') && `+c.until)
			p.Until("all figures are there", `[...document.querySelectorAll('.node')].length >= 11 && document.querySelectorAll('.tile').length === 8`)
			// MQTT has the newest state of each device: of a poll that was
			// overtaken before it was sent it knows nothing, and then another
			// look is taken. Neither is this about devices that tell nothing for
			// a while, as where the machine that tests has too much to do.
			usual := func(look *shownWall) bool {
				for _, e := range look.Edges {
					if e.On == "no_data" {
						return false
					}
				}
				for _, u := range look.Units {
					if strings.Contains(u.Class, "is-lost") != (u.ID == c.faulty) {
						return false
					}
				}
				return strings.HasPrefix(look.Headline, c.headline) && (c.tone == "" || look.Tone == c.tone)
			}
			var w *shownWall
			read, all := 0, map[string][]published{}
			peer.Until(t, "the wall shows "+c.headline+", and MQTT has said all that it shows", func() bool {
				if w == nil {
					look := browser.Eval[shownWall](p, lookAtWall)
					if usual(&look) {
						w = &look
						p.Shoot(c.scenario, false)
					}
					return false
				}
				read = publishedStates(t, lines(), read, all)
				waiting, overtaken := len(all) < 19, false
				w.times(func(id string, at int64) {
					states := all[id]
					switch known := slices.ContainsFunc(states, func(p published) bool { return p.at == at }); {
					case known || len(states) == 0: // what no device measures is the site's own
					case states[len(states)-1].at < at:
						waiting = true
					default:
						overtaken = true
					}
				})
				for _, id := range []string{"ats-1", "ups-a", "ups-b", c.faulty} {
					states := all[id]
					waiting = waiting || id != "" && (len(states) == 0 || states[len(states)-1].at <= w.PathAt)
				}
				if overtaken {
					w = nil
				}
				return !waiting && !overtaken
			})
			figures := 0
			check := func(id string, v shownValue) {
				t.Helper()
				// The dew point of a sensor that says none is worked out.
				i := slices.IndexFunc(all[id], func(p published) bool { return p.at == v.At })
				if i < 0 {
					t.Errorf("%s %s is %s of a time that MQTT does not know: %d", id, v.Metric, v.Text, v.At)
					return
				}
				want, ok := all[id][i].number(v.Metric)
				for key, r := range all[id][i].readings {
					if name, _, _ := strings.Cut(key, "/"); !ok && name == v.Metric {
						want, ok = r.Value, true
					}
					if name, _, _ := strings.Cut(key, "/"); name == v.Metric && strings.HasPrefix(v.Metric, "fan") {
						want = max(want, r.Value)
					}
				}
				if !ok && v.Metric == "dew_point" {
					return
				}
				shown, err := strconv.ParseFloat(v.Value, 64)
				phase := all[id][i].readings[v.Metric+"/L1"].Value
				if err != nil || shown != want && shown != phase {
					t.Errorf("%s %s: the wall has %s, MQTT %g", id, v.Metric, v.Value, want)
				}
				if !shows(v.Text, shown) && !(v.Text == "off" && shown == 0) {
					t.Errorf("%s %s: %q for %g", id, v.Metric, v.Text, shown)
				}
				figures++
			}
			for _, n := range w.Nodes {
				if n.Value != nil && len(all[n.ID]) > 0 {
					check(n.ID, *n.Value)
				}
			}
			for _, tile := range w.Tiles {
				for _, v := range tile.Values {
					check(tile.ID, v)
				}
			}
			for _, u := range w.Units {
				for _, v := range u.Values {
					check(u.ID, v)
				}
			}
			if figures < 30 {
				t.Errorf("only %d figures were compared", figures)
			}
			said := func(id, metric string) string {
				p := lastAt(all[id], w.PathAt)
				if p == nil {
					return ""
				}
				return p.readings[metric].State
			}
			lit := map[string]string{}
			for _, e := range w.Edges {
				lit[e.Edge] = e.On
				if e.Watts != "" && e.Text != "" {
					if v, _ := strconv.ParseFloat(e.Watts, 64); !shows(e.Text, v) {
						t.Errorf("%s carries %q for %s W", e.Edge, e.Text, e.Watts)
					}
				}
			}
			want := map[string]string{"msb>ats-1": "dead", "gen-1>ats-1": "dead", "gen-2>ats-2": "dead", "ats-1>ats-2": c.supply, "ats-2>ups-a": c.supply, "ups-a>servers": c.supply, "ups-b>servers": c.supply}
			switch said("ats-1", "selected_source") {
			case "a":
				want["msb>ats-1"] = "mains"
			case "b":
				want["gen-1>ats-1"] = "generator"
			}
			if said("ups-a", "status") != "online" || said("ups-b", "status") != "online" {
				t.Errorf("MQTT: ups-a %s, ups-b %s", said("ups-a", "status"), said("ups-b", "status"))
			}
			for edge, on := range want {
				if lit[edge] != on {
					t.Errorf("%s is lit by %q, want %s", edge, lit[edge], on)
				}
			}
			if c.faulty != "" && said(c.faulty, "status") != "fault" {
				t.Errorf("MQTT: %s is %s", c.faulty, said(c.faulty, "status"))
			}
			if got := p.Hosts(); !slices.Equal(got, []string{at}) {
				t.Errorf("the wall asked %v", got)
			}
			p.NoComplaints()
		})
	}
}

// TestWallSaysThatTheAgentIsGone: within 3 s of its death, and comes back to
// life with it, without being loaded again.
func TestWallSaysThatTheAgentIsGone(t *testing.T) {
	t.Parallel()
	at := "127.0.0.1:" + peer.TCPPort(t)
	start, _ := processes(t, "demo", "--mqtt", "127.0.0.1:0", "--wall", at)
	demo := start()
	peer.Until(t, "the demo serves its wall", peer.Listening(at))
	p := browser.Start(t).Open(t, "http://"+at+"/?lang=en", 1920, 1080)
	p.Forgive("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")
	p.Until("the wall is alive", `document.querySelector('.node') && !document.documentElement.classList.contains('is-lost')`)
	// The page counts its time itself, so that this is none in which it could not run.
	browser.Eval[bool](p, `(() => {
		let tenths = 0;
		window.lostAt = 0;
		setInterval(() => tenths++, 100);
		new MutationObserver(() => { if (document.documentElement.classList.contains('is-lost')) window.lostAt ||= tenths; }).observe(document.documentElement, {attributes: true});
		return true;
	})()`)
	demo.Process.Kill()
	p.Until("the wall is grey", `window.lostAt`)
	if took := browser.Eval[int](p, `window.lostAt`); took > 30 {
		t.Errorf("the wall said after %d tenths of a second that the agent is gone", took)
	}
	if bar := browser.Eval[string](p, `document.querySelector('.lostbar').textContent`); !strings.Contains(bar, "CONNECTION TO THE AGENT LOST") {
		t.Errorf("the bar says %q", bar)
	}
	if filter := browser.Eval[string](p, `getComputedStyle(document.querySelector('main')).filter`); !strings.Contains(filter, "grayscale(1)") {
		t.Errorf("what is old has the filter %q", filter)
	}
	p.Until("a value is marked as old", `document.querySelector('.v.old .age:not([hidden])')`)
	p.Shoot("lost", false)
	demo.Wait()
	start()
	p.Until("the wall is alive again, and was not loaded again", `window.lostAt && !document.documentElement.classList.contains('is-lost')`)
	p.Until("the figures are fresh", `!document.querySelector('.v.old, .v.stale') && document.querySelector('.livetext').textContent.includes('live')`)
	p.NoComplaints()
}

// TestWallConnects: a page that has just opened says that it connects, and only
// after a silence that there is no answer; what is connected and has no reading
// yet is another thing. The desk does the same.
func TestWallConnects(t *testing.T) {
	t.Parallel()
	a, live, _, _ := newSensors("good")
	s, err := wall.Listen(wall.Options{Listen: "127.0.0.1:0", Agent: a, Live: live, Files: dashboards.Wall(), Site: "praha-1", Trend: noTrend, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	// An agent whose stream says nothing until it is let.
	answer := make(chan struct{})
	onward := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: s.Addr()})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/stream" {
			select {
			case <-answer:
			case <-r.Context().Done():
				return
			}
		}
		onward.ServeHTTP(w, r)
	}))
	defer slow.CloseClientConnections()
	chromium := browser.Start(t)
	// What the page says of its connection, each thing for the first time, and when:
	// on a busy machine there may be no answer for a moment once more.
	const listen = `window.said = []; new MutationObserver(() => {
		const text = document.querySelector('.livetext')?.textContent.trim().replace(/\d+ s/, 'N s');
		if (text && !said.some((s) => s.Text === text)) said.push({Text: text, At: performance.now()});
	}).observe(document, {childList: true, subtree: true, characterData: true})`
	var pages []*browser.Page
	for _, path := range []string{"/?lang=en", "/desk?lang=en", "/?lang=cs"} {
		p := chromium.Open(t, "about:blank", 1920, 1080)
		p.Before(listen)
		p.Go(slow.URL + path)
		p.Shoot("connecting-"+strings.Trim(strings.ReplaceAll(path, "?lang=", ""), "/"), false)
		pages = append(pages, p)
	}
	says := func(p *browser.Page, none string) (heard []string) {
		t.Helper()
		said := browser.Eval[[]struct {
			Text string
			At   float64
		}](p, "window.said")
		for i, s := range said {
			heard = append(heard, s.Text)
			if s.Text == none && i > 0 && s.At-said[0].At < 1500 {
				t.Errorf("%q after %.0f ms", none, s.At-said[0].At)
			}
		}
		return heard
	}
	for i, want := range [][]string{{"connecting…", "no answer"}, {"connecting…", "no answer"}, {"připojuji se…", "neodpovídá"}} {
		p := pages[i]
		p.Until("there is no answer", fmt.Sprintf("document.querySelector('.livetext').textContent.includes(%q)", want[1]))
		if heard := says(p, want[1]); !slices.Equal(heard, want) {
			t.Errorf("the page says %q, want %q", heard, want)
		}
		if got := browser.Eval[string](p, `document.querySelector('.lostbar').offsetHeight > 0 && document.querySelector('.lostbar').textContent`); !regexp.MustCompile(`^✕ (NO ANSWER FROM THE AGENT|AGENT NEODPOVÍDÁ) · \d+ s$`).MatchString(got) {
			t.Errorf("the bar says %q", got)
		}
	}
	pages[0].Shoot("no-answer", false)
	close(answer)
	for i, p := range pages {
		p.Until("it is connected and has no readings", fmt.Sprintf("document.querySelector('.livetext').textContent.includes(%q)", []string{"connected, no readings yet", "connected, no readings yet", "spojeno, zatím bez údajů"}[i]))
		if lost := browser.Eval[bool](p, `document.documentElement.classList.contains('is-lost')`); lost {
			t.Error("it is connected and grey")
		}
	}
	pages[0].Shoot("no-readings", false)
	runAgent(t, a)
	for _, p := range pages {
		p.Until("it is live", `/(data|stará) \d+ s/.test(document.querySelector('.livetext').textContent)`)
		p.NoComplaints()
	}
	if heard := says(pages[0], "no answer"); !slices.Equal(heard, []string{"connecting…", "no answer", "connected, no readings yet", "live · data N s old"}) {
		t.Errorf("the wall says %q", heard)
	}
}

// A saying device says what it is told to.
type saying struct {
	mu       sync.Mutex
	readings []agent.Reading
	err      error
}

func (s *saying) Poll(_ context.Context, dst []agent.Reading) ([]agent.Reading, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(dst, s.readings...), s.err
}
func (s *saying) Probe(context.Context) error { s.mu.Lock(); defer s.mu.Unlock(); return s.err }
func (s *saying) Close() error                { return nil }
func (s *saying) say(err error, rs ...agent.Reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.readings = err, rs
}

// saySensors runs an agent of climate sensors.
func saySensors(t *testing.T, ids ...string) (a *agent.Agent, live *wall.Live, said map[string]*saying, points map[string]*agent.Point) {
	t.Helper()
	a, live, said, points = newSensors(ids...)
	runAgent(t, a)
	return a, live, said, points
}

// runAgent runs an agent until the test ends.
func runAgent(t *testing.T, a *agent.Agent) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

// newSensors makes an agent of climate sensors.
func newSensors(ids ...string) (a *agent.Agent, live *wall.Live, said map[string]*saying, points map[string]*agent.Point) {
	said, points = map[string]*saying{}, map[string]*agent.Point{}
	var buses []*agent.Bus
	for _, id := range ids {
		d := &agent.Device{ID: id, Name: id, Class: "climate", Every: 100 * time.Millisecond, Labels: []agent.Label{{Name: "room", Value: "hall"}}}
		points[id] = &agent.Point{Device: d, Metric: config.Lookup("climate", "temperature")}
		said[id] = &saying{readings: []agent.Reading{points[id].Measured(21.5)}}
		b := agent.NewBus(id)
		b.Add(d, said[id], config.Lookup("climate", "up"), config.Lookup("climate", "poll_duration"))
		buses = append(buses, b)
	}
	a = agent.New(buses, nil, slog.New(slog.DiscardHandler))
	live = wall.NewLive(func(p *agent.Point) (low, high float64) {
		if p.Device.ID == "warm" {
			return 18, 21
		}
		return math.Inf(-1), math.Inf(1)
	})
	a.Observe(live.Observe)
	return a, live, said, points
}

// noTrend is an hour of gaps.
func noTrend(string, string, string, bool) wall.Trend {
	gaps := slices.Repeat([]float64{math.NaN()}, 60)
	return wall.Trend{From: time.Now().Add(-time.Hour), Step: time.Minute, Min: gaps, Mean: gaps, Max: gaps}
}

// TestWallShowsHowGoodAValueIs: good, suspect, bad, out of its band and old are
// unlike each other, and none of them by its colour alone.
func TestWallShowsHowGoodAValueIs(t *testing.T) {
	t.Parallel()
	a, live, said, points := saySensors(t, "good", "suspect", "bad", "warm", "silent")
	s, err := wall.Listen(wall.Options{Listen: "127.0.0.1:0", Agent: a, Live: live, Files: dashboards.Wall(), Site: "praha-1", Trend: noTrend, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	said["suspect"].say(nil, points["suspect"].Measured(850))
	said["bad"].say(nil, points["bad"].Failed(errors.New("illegal data address")))
	p := browser.Start(t).Open(t, "http://"+s.Addr()+"/?lang=en", 1920, 1080)
	p.Until("all sensors are shown", `document.querySelectorAll('.tile').length >= 4`)
	p.Until("the last value of the one that will be silent", `document.querySelector('.tile[data-id=silent] .temp')?.textContent.startsWith('21.5')`)
	said["silent"].say(agent.ErrUnreachable)
	p.Until("what is silent is marked", `document.querySelector('.tile[data-id=silent] .temp.old')`)
	type look struct{ Class, Text, Word, Decoration, Title string }
	looks := map[string]look{}
	const lookAtTiles = `Object.fromEntries([...document.querySelectorAll('.tile')].map((tile) => {
		const v = tile.querySelector('.temp'), b = v.querySelector('b');
		return [tile.dataset.id, {Class: v.className, Text: b.textContent, Word: tile.querySelector('em').textContent, Decoration: getComputedStyle(b).textDecorationLine, Title: v.title}];
	}))`
	want := map[string]look{
		"good":    {"temp v", "21.5°C", "", "none", ""},
		"suspect": {"temp v suspect", "850.0°C", "suspect", "underline", "850 Cel is outside -50..150"},
		"bad":     {"temp v bad", "✕", "not read", "none", "illegal data address"},
		"warm":    {"temp v", "21.5°C", "too warm", "none", ""},
		"silent":  {"temp v old", "21.5°C", "no answer", "none", ""},
	}
	defer func() {
		if t.Failed() {
			t.Logf("they look like %+v", looks)
		}
	}()
	peer.Until(t, "each looks as good as it is", func() bool { // a busy machine's are old for a moment
		looks = browser.Eval[map[string]look](p, lookAtTiles)
		return maps.Equal(looks, want)
	})
	p.Shoot("quality", false)
	// A minute is too long to wait for: what decides is asked instead.
	got := browser.Eval[string](p, `import(document.querySelector('link[rel=icon]').href.replace('icon.svg', 'show.js')).then(({freshness}) =>
		[[1000, 1000], [3400, 1000], [3600, 1000], [59000, 1000], [61000, 1000], [61000, 60000], [400000, 60000], [NaN, 1000]].map(([age, every]) => freshness(5e6 - age, every, 5e6)).join(' '))`)
	if got != "fresh fresh old old stale fresh stale fresh" {
		t.Errorf("freshness: %s", got)
	}
	p.NoComplaints()
}

// TestWallOfAUser: a browser that was told a user's password shows the wall, its
// stream and its trends; one that was not shows nothing.
func TestWallOfAUser(t *testing.T) {
	t.Parallel()
	a, live, _, _ := saySensors(t, "good")
	hash, err := bcrypt.GenerateFromPassword([]byte("sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	s, err := wall.Listen(wall.Options{Listen: "127.0.0.1:0", Agent: a, Live: live, Files: dashboards.Wall(), Trend: noTrend,
		Users: map[string]string{"desk": string(hash)}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := browser.Start(t).Open(t, "http://desk:sesame@"+s.Addr()+"/", 1920, 1080)
	p.Until("the wall is alive", `document.querySelector('.tile .v')?.textContent.startsWith('21')`)
	browser.Eval[bool](p, `(document.querySelector('.tile').click(), true)`)
	p.Until("the chart", `document.querySelector('dialog .uplot canvas')`)
	p.NoComplaints()
}

// TestWallIsRenewedWithTheAgent: an agent with other pages makes those that are
// open load themselves again, once.
func TestWallIsRenewedWithTheAgent(t *testing.T) {
	t.Parallel()
	a, live, _, _ := saySensors(t, "good")
	o := wall.Options{Listen: "127.0.0.1:0", Agent: a, Live: live, Files: dashboards.Wall(), Trend: noTrend, Log: slog.New(slog.DiscardHandler)}
	s, err := wall.Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	p := browser.Start(t).Open(t, "http://"+s.Addr()+"/", 1920, 1080)
	p.Forgive("ERR_")
	p.Until("the wall is alive", `document.querySelector('.tile')`)
	first := browser.Eval[string](p, `document.querySelector('meta[name=assets]').content`)
	o.Listen = s.Addr()
	s.Close()
	other := fstest.MapFS{"news.js": {Data: []byte("// news\n")}}
	err = fs.WalkDir(o.Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(o.Files, name)
		other[name] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	o.Files = other
	if s, err = wall.Listen(o); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p.Until("the wall is another", fmt.Sprintf(`document.querySelector('meta[name=assets]')?.content !== %q && document.querySelector('.tile')`, first))
}

// cutOff is JavaScript that lists what is cut off on a wall, and lines that do
// not begin or end at a box.
const cutOff = `(() => {
	const bad = [];
	const root = document.documentElement;
	if (root.scrollHeight > innerHeight + 1 || root.scrollWidth > innerWidth + 1) bad.push('the page is ' + root.scrollWidth + 'x' + root.scrollHeight);
	for (const el of document.querySelectorAll('h1, .detail, .clock, .livetext, .node .v, .node .bigword, .node .word, .node .more, .tile .v, .tile .air, .unit .v, .kpi, .datatime, ol.events time, .next .what, .next .when, .next .notes')) {
		const r = el.getBoundingClientRect();
		if (!r.width || el.offsetParent === null) continue;
		let box = el.parentElement;
		while (box && !box.matches('.node, .tile, .unit, section, header')) box = box.parentElement;
		const b = box.getBoundingClientRect();
		if (el.scrollWidth > el.clientWidth + 1 && getComputedStyle(el).display !== 'inline' || r.right > b.right + 1 || r.bottom > b.bottom + 1 || r.left < b.left - 1 || r.top < b.top - 1)
			bad.push((box.dataset.id ?? box.className) + ' ' + el.className + ': ' + el.textContent);
	}
	// Lines begin and end at the boxes that they are between.
	const lines = document.querySelector('.lines');
	for (const edge of document.querySelectorAll('.edge')) {
		if (edge.getBoundingClientRect().width + edge.getBoundingClientRect().height === 0) continue;
		const [from, to] = edge.dataset.edge.split('>').map((id) => document.querySelector('.node[data-id="' + id + '"]').getBoundingClientRect());
		const at = (l) => { const p = edge.getPointAtLength(l); return new DOMPoint(p.x, p.y).matrixTransform(edge.getScreenCTM()); };
		const touches = (p, r) => Math.abs(Math.max(r.left - p.x, p.x - r.right, r.top - p.y, p.y - r.bottom)) < 3;
		if (!touches(at(0), from) || !touches(at(edge.getTotalLength()), to)) bad.push('the line ' + edge.dataset.edge);
	}
	return bad;
})()`

// fits fails a wall on which something stays cut off for more than the moment in
// which it settles.
func fits(t *testing.T, p *browser.Page, name string) {
	t.Helper()
	var bad []string
	for range 20 {
		if bad = browser.Eval[[]string](p, cutOff); len(bad) == 0 {
			return
		}
		browser.Eval[bool](p, `new Promise((f) => setTimeout(() => f(true), 100))`)
	}
	t.Errorf("%s: cut off: %s", name, strings.Join(bad, "; "))
}

// A view is the wall as somebody looks at it, on a screen of so many pixels.
type view struct {
	name, query   string
	width, height int64
}

// fitsAs fails the demo's wall at base in those of the views in which something is
// cut off, once drawn, which is JavaScript, is true.
func fitsAs(t *testing.T, p *browser.Page, base, drawn string, views ...view) {
	t.Helper()
	for _, v := range views {
		p.Size(v.width, v.height)
		p.Go(base + "/?" + v.query)
		p.Until("the wall is drawn", `document.querySelectorAll('.node').length >= 11 && document.querySelectorAll('.tile').length === 8 && `+drawn)
		fits(t, p, v.name)
		p.Shoot(v.name, false)
	}
}

// TestWallFits: one screen without scrolling and without a figure cut off, from
// a small screen to a large one, in both languages; a phone scrolls down only.
// The pictures are for people to look at.
func TestWallFits(t *testing.T) {
	t.Parallel()
	chromium := browser.Start(t) // before the scenario begins
	out, _ := startDemo(t, "--scenario", "mains-failure", "--speed", "2", "--every", "200ms")
	out.await(t, "all 19 devices are up")
	base := "http://" + regexp.MustCompile(`http://(\S+)/ and`).FindStringSubmatch(out.String())[1]
	p := chromium.Open(t, base+"/?lang=en", 1920, 1080)
	p.Until("the generator carries", `document.querySelector('h1').textContent.startsWith('ON GENERATOR 1')`)
	fitsAs(t, p, base, `document.querySelector('.strip rect')`,
		view{"wall-1080p-dark-en", "lang=en", 1920, 1080}, view{"wall-1080p-light-cs", "lang=cs&theme=light", 1920, 1080}, view{"wall-2160p-dark-cs", "lang=cs", 3840, 2160},
		view{"wall-2160p-light-en", "lang=en&theme=light", 3840, 2160}, view{"wall-768p-dark-cs", "lang=cs", 1366, 768},
		view{"wall-power-dark-en", "lang=en&view=power", 1920, 1080}, view{"wall-climate-dark-cs", "lang=cs&view=climate", 1920, 1080})
	p.Size(390, 844)
	for _, c := range []struct{ name, path string }{
		{"wall-phone-dark-en", "/?lang=en"}, {"wall-phone-light-cs", "/?lang=cs&theme=light"}, {"desk-phone-dark-en", "/desk?lang=en"}, {"device-phone-light-cs", "/desk/ups-a?lang=cs&theme=light"},
	} {
		p.Go(base + c.path)
		p.Until("the page is drawn", `document.querySelector('.node .v b, .devices .v b, .all .v b')?.textContent`)
		if w := browser.Eval[int](p, `document.documentElement.scrollWidth`); w > 390 {
			t.Errorf("%s is %d wide", c.name, w)
		}
		p.Shoot(c.name, true)
	}
	p.Size(1600, 1000)
	for _, c := range []struct{ name, path string }{{"desk-dark-en", "/desk?lang=en"}, {"desk-light-cs", "/desk?lang=cs&theme=light"}, {"device-dark-en", "/desk/gen-1?lang=en"}} {
		p.Go(base + c.path)
		p.Until("the page is drawn", `document.querySelector('.devices .v b, .all .v b')?.textContent`)
		p.Shoot(c.name, false)
	}
	p.NoComplaints()
}

// TestCalmWallFits is TestWallFits of the days on which nothing happens.
func TestCalmWallFits(t *testing.T) {
	t.Parallel()
	out, _ := startDemo(t, "--every", "200ms")
	out.await(t, "all 19 devices are up")
	base := "http://" + regexp.MustCompile(`http://(\S+)/ and`).FindStringSubmatch(out.String())[1]
	p := browser.Start(t).Open(t, base+"/?lang=en", 1920, 1080)
	fitsAs(t, p, base, `document.querySelector('.livetext').textContent.includes(' s')`,
		view{"calm-1080p-en", "lang=en", 1920, 1080}, view{"calm-power-cs", "lang=cs&view=power", 1920, 1080}, view{"calm-768p-cs", "lang=cs&theme=light", 1366, 768})
	p.NoComplaints()
}

// TestWallOfALargeSite: a hall with many sensors, four cooling units and two sides
// of power with thirty parts still fit on one screen, and so do the trends of a
// whole day.
func TestWallOfALargeSite(t *testing.T) {
	t.Parallel()
	var buses []*agent.Bus
	var path agent.Path
	add := func(id, name, class, room string, values map[string]any) {
		d := &agent.Device{ID: id, Name: name, Class: class, Every: 100 * time.Millisecond, Labels: []agent.Label{{Name: "room", Value: room}}}
		s := &saying{}
		for metric, v := range values {
			p := &agent.Point{Device: d, Metric: config.Lookup(class, metric)}
			switch v := v.(type) {
			case float64:
				s.readings = append(s.readings, p.Measured(v))
			case string:
				code, _ := p.Metric.Code(v)
				s.readings = append(s.readings, p.Stated(code, ""))
			}
		}
		b := agent.NewBus(id)
		b.Add(d, s, config.Lookup(class, "up"), config.Lookup(class, "poll_duration"))
		buses = append(buses, b)
	}
	for i := range 22 {
		room := "server hall 1"
		if i >= 18 {
			room = fmt.Sprint("room ", i)
		}
		add(fmt.Sprint("climate-", i), fmt.Sprint("Rack row ", i+1, ", cold aisle"), "climate", room, map[string]any{"temperature": 21 + float64(i)/4, "humidity": 45.0, "dew_point": 9.5})
	}
	for i := range 4 {
		add(fmt.Sprint("cooling-", i), fmt.Sprint("Cooling unit ", i+1), "cooling", "server hall 1", map[string]any{"status": "running", "mode": "free_cooling", "supply_air_temperature": 20.1,
			"return_air_temperature": 31.4, "outdoor_temperature": 6.2, "fan_speed": 61.0, "compressor_speed": 0.0, "power": 4200.0})
	}
	path = agent.Path{On: agent.Mains, Headline: agent.Words{EN: "On mains. All 4 UPS healthy, 42 min of battery. Cooling free.", CS: "Na síti."}, Redundant: true}
	node := func(class string, ids ...string) {
		for _, id := range ids {
			name := strings.ToUpper(id[:1]) + strings.ReplaceAll(id[1:], "-", " ")
			path.Nodes = append(path.Nodes, agent.PathNode{ID: id, Name: name, Class: class, State: agent.Live, Word: agent.Words{EN: "live", CS: "pod napětím"}, On: agent.Mains, Power: new(118000.0)})
		}
	}
	node("utility", "utility-1", "utility-2")
	node("transformer", "transformer-1", "transformer-2")
	node("generator", "generator-1", "generator-2")
	node("board", "generator-board", "board-a", "board-b")
	node("ats", "switch-a", "switch-b")
	node("ups", "UPS-a1", "UPS-a2", "UPS-b1", "UPS-b2")
	node("cooling", "chiller-1", "chiller-2", "chiller-3", "chiller-4")
	node("pdu", "PDU-a1", "PDU-a2", "PDU-b1", "PDU-b2")
	node("load", "hall-1", "hall-2", "hall-3")
	for from, to := range map[string][]string{
		"utility-1": {"transformer-1"}, "utility-2": {"transformer-2"}, "transformer-1": {"switch-a"}, "transformer-2": {"switch-b"}, "generator-1": {"generator-board"}, "generator-2": {"generator-board"},
		"generator-board": {"switch-a", "switch-b"}, "switch-a": {"board-a"}, "switch-b": {"board-b"}, "board-a": {"UPS-a1", "UPS-a2", "chiller-1", "chiller-2"}, "board-b": {"UPS-b1", "UPS-b2", "chiller-3", "chiller-4"},
		"UPS-a1": {"PDU-a1"}, "UPS-a2": {"PDU-a2"}, "UPS-b1": {"PDU-b1"}, "UPS-b2": {"PDU-b2"}, "PDU-a1": {"hall-1", "hall-2"}, "PDU-a2": {"hall-3"}, "PDU-b1": {"hall-1", "hall-2"}, "PDU-b2": {"hall-3"},
	} {
		for _, id := range to {
			e := agent.PathEdge{From: from, To: id, On: agent.Mains, Power: new(59000.0)}
			if strings.HasPrefix(from, "generator") {
				e.On, e.Power = agent.Dead, new(0.0)
			}
			path.Edges = append(path.Edges, e)
		}
	}
	a := agent.New(buses, nil, slog.New(slog.DiscardHandler))
	live := wall.NewLive(func(p *agent.Point) (low, high float64) { return 18, 26 })
	a.Observe(live.Observe)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- a.Run(ctx) }()
	defer func() { cancel(); <-done }()
	// Outdoor air cooled but for the afternoon, in which it was for a while too warm.
	trend := func(_, metric, _ string, day bool) wall.Trend {
		tr := wall.Trend{From: time.Now().Add(-time.Hour), Step: 5 * time.Second}
		n := 720
		if day {
			n, tr.Step, tr.From = 1440, time.Minute, time.Now().Truncate(time.Minute).Add(-1439*time.Minute)
		}
		for i := range n {
			v := 23.5 + 1.8*math.Sin(float64(i)/90)
			switch metric {
			case "mode":
				v = []float64{3, 3, 3, 2, 1, 2, 3, 3}[i/180]
			case "status":
				v = 3
			}
			tr.Min, tr.Mean, tr.Max = append(tr.Min, v-0.2), append(tr.Mean, v), append(tr.Max, v+0.3)
		}
		return tr
	}
	now := func() agent.Path { // a browser takes its time to start
		p := path
		p.Time = time.Now()
		return p
	}
	s, err := wall.Listen(wall.Options{Listen: "127.0.0.1:0", Agent: a, Live: live, Files: dashboards.Wall(), Trend: trend, Site: "praha-1",
		Path: now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := browser.Start(t).Open(t, "http://"+s.Addr()+"/?lang=en", 1920, 1080)
	for view, tiles := range map[string]int{"all": 5, "power": 5, "climate": 22} {
		p.Go("http://" + s.Addr() + "/?lang=en&view=" + view)
		p.Until("the wall is drawn", fmt.Sprintf(`document.querySelectorAll('.tile').length === %d && document.querySelectorAll('.node').length === %d && document.querySelectorAll('.unit').length === 4 &&
			document.querySelector('.climate .datatime').textContent.includes(':') && document.querySelector('.share').textContent`, tiles, len(path.Nodes)))
		fits(t, p, view)
		p.Shoot("large-"+view, false)
	}
	browser.Eval[bool](p, `(document.querySelector('.tile').click(), true)`)
	p.Until("the chart", `document.querySelector('dialog .uplot canvas')`)
	p.Shoot("large-chart", false)
	p.NoComplaints()
}

// TestDesk: what is searched for is found, an alarm is acknowledged, one device
// is shown in full, and a reading's last hour as a chart.
func TestDesk(t *testing.T) {
	t.Parallel()
	chromium := browser.Start(t) // before the scenario begins
	out, _ := startDemo(t, "--scenario", "mains-failure", "--speed", "4", "--every", "200ms")
	out.await(t, "all 19 devices are up")
	base := "http://" + regexp.MustCompile(`http://(\S+)/ and`).FindStringSubmatch(out.String())[1]
	p := chromium.Open(t, base+"/desk?lang=en", 1600, 1000)
	shown := `[...document.querySelectorAll('.devices tbody tr:not([hidden])')].map((r) => r.dataset.id)`
	p.Until("the desk is filled", shown+`.length >= 20`)
	browser.Eval[bool](p, `(() => { const q = document.querySelector('input[type=search]'); q.value = 'UPS hall-not-there'; q.dispatchEvent(new Event('input')); return true })()`)
	if got := browser.Eval[string](p, `document.querySelector('.count').textContent`); got != "nothing fits" {
		t.Errorf("of what is not there: %s", got)
	}
	browser.Eval[bool](p, `(() => { const q = document.querySelector('input[type=search]'); q.value = 'ups-room ups'; q.dispatchEvent(new Event('input')); return true })()`)
	if got := browser.Eval[[]string](p, shown); !slices.Equal(got, []string{"ups-a", "ups-b", "climate-ups"}) {
		t.Errorf("ups-room ups finds %v", got)
	}
	if got := browser.Eval[string](p, `location.search`); got != "?lang=en&q=ups-room+ups" {
		t.Errorf("the search is not in the address: %s", got)
	}
	// What begins alone may be found to be a part of something a moment later.
	const incident = `[...document.querySelectorAll('.alarms li')].find((li) => li.textContent.includes('Mains failure'))`
	p.Until("an incident that can be acknowledged", incident+`?.querySelector('form')`)
	browser.Eval[bool](p, `(() => { const f = `+incident+`.querySelector('form'); f.querySelector('input').value = 'Jana'; f.requestSubmit(); return true })()`)
	p.Until("who looks at it", `/acknowledged by Jana, \d/.test(document.querySelector('.alarms').textContent)`)
	acked := browser.Eval[[]agent.Event](p, `fetch('/api/v1/events').then((r) => r.json())`)
	if !slices.ContainsFunc(acked, func(e agent.Event) bool { return e.AckedBy == "Jana" && !e.Acked.IsZero() }) {
		t.Errorf("no event is acknowledged by Jana: %+v", acked)
	}
	p.Go(base + "/desk/ups-a?lang=en")
	p.Until("all readings of UPS A", `document.querySelectorAll('.all tr[data-key]').length > 30`)
	api := browser.Eval[map[string]any](p, `fetch('/api/v1/device/ups-a').then((r) => r.json())`)
	if rows, readings := browser.Eval[int](p, `document.querySelectorAll('.all tr[data-key]').length`), api["readings"].([]any); rows != len(readings) {
		t.Errorf("%d rows for %d readings", rows, len(readings))
	}
	browser.Eval[bool](p, `(document.querySelector('[data-key="battery_charge/"] button').click(), true)`)
	p.Until("the chart", `document.querySelector('dialog .uplot canvas')`)
	browser.Eval[bool](p, `([...document.querySelectorAll('dialog button')].find((b) => b.textContent === 'day').click(), true)`)
	p.Until("the chart of the day", `document.querySelector('dialog button[aria-pressed=true]').textContent === 'day' && document.querySelector('dialog .uplot canvas')`)
	p.Shoot("chart", false)
	browser.Eval[bool](p, `(document.querySelector('dialog').close(), true)`)
	// It has many alarms: those that are clear are one line until somebody asks for them.
	p.Until("the alarms of UPS A", `document.querySelectorAll('.alarmrows tr.calm').length > 20`)
	const calm = `(() => {
		const all = document.querySelectorAll('.alarmrows tr.calm').length, seen = [...document.querySelectorAll('.alarmrows tr.calm')].filter((r) => r.checkVisibility()).length;
		return [document.querySelector('.alarmsum').textContent.replace(all, 'N'), seen === 0 ? 'none' : seen === all ? 'all' : 'some'].join(' ');
	})()`
	for _, want := range []string{"alarmsN clearshow none", "alarmsN clearhide all", "alarmsN clearshow none"} {
		if got := browser.Eval[string](p, calm); got != want {
			t.Errorf("the desk says %q of the alarms of UPS A, not %q", got, want)
		}
		browser.Eval[bool](p, `(document.querySelector('.alarmsum button').click(), true)`)
	}
	p.Go(base + "/desk/no-such?lang=en")
	p.Until("that there is no such device", `document.querySelector('.gone') && !document.querySelector('.gone').hidden`)
	p.Forgive("404 (Not Found)")
	p.NoComplaints()
	if got := p.Hosts(); len(got) != 1 {
		t.Errorf("the desk asked %v", got)
	}
}

// pageDay is a day as pages say it.
func pageDay(day, now time.Time) string {
	switch day.Format(time.DateOnly) {
	case now.Format(time.DateOnly):
		return "today"
	case now.AddDate(0, 0, 1).Format(time.DateOnly):
		return "tomorrow"
	}
	if day.Year() == now.Year() {
		return day.Format("2. 1.")
	}
	return day.Format("2. 1. 2006")
}

// A nextRow is what a page says of one test.
type nextRow struct{ Mark, What, When, Notes, Why string }

// lookAtNext is JavaScript that lists them.
const lookAtNext = `[...document.querySelectorAll('.next:not([hidden]) li')].map((li) => {
	const text = (q) => li.querySelector(q)?.textContent ?? '';
	return {Mark: li.querySelector('.mark').dataset.state, What: text('.what'), When: text('.when'), Notes: text('.notes'), Why: text('.why')};
})`

// untilNext waits until a page says of the tests what it should.
func untilNext(t *testing.T, p *browser.Page, what string, right func(rows []nextRow) bool) {
	t.Helper()
	var rows []nextRow
	defer func() {
		if t.Failed() {
			t.Logf("%s: the page says %+v", what, rows)
		}
	}()
	peer.Until(t, what, func() bool {
		rows = browser.Eval[[]nextRow](p, lookAtNext)
		return right(rows)
	})
}

// TestPagesSayWhatComesNext: of tests of every kind, due at any time, being made
// and made, in both languages; where there are none, there is no panel.
func TestPagesSayWhatComesNext(t *testing.T) {
	t.Parallel()
	a, live, _, _ := saySensors(t, "good")
	var mu sync.Mutex
	var tests agent.Tests
	s, err := wall.Listen(wall.Options{Listen: "127.0.0.1:0", Agent: a, Live: live, Files: dashboards.Wall(), Site: "praha-1", Trend: noTrend, Log: slog.New(slog.DiscardHandler),
		Tests: func() agent.Tests { mu.Lock(); defer mu.Unlock(); return tests }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	chromium := browser.Start(t)
	en, cs, desk := chromium.Open(t, "http://"+s.Addr()+"/?lang=en", 1920, 1080), chromium.Open(t, "http://"+s.Addr()+"/?lang=cs", 1920, 1080), chromium.Open(t, "http://"+s.Addr()+"/desk?lang=en", 1600, 1000)
	en.Until("the wall is drawn", `document.querySelector('.tile')`)
	if shown := browser.Eval[bool](en, `document.querySelector('.next').offsetHeight > 0 || document.querySelector('.foot').classList.contains('has-next')`); shown {
		t.Error("there are no tests, and there is a panel")
	}
	now := time.Now()
	noon := time.Date(now.Year(), now.Month(), now.Day(), 12, 0, 0, 0, time.Local)
	days := func(n int) time.Time { return noon.AddDate(0, 0, n) }
	midnight := func(n int) time.Time { return time.Date(now.Year(), now.Month(), now.Day()+n, 0, 0, 0, 0, time.Local) }
	date := func(when time.Time) string { return pageDay(when, now) }
	yes, no := new(true), new(false)
	name := func(text string) agent.Words { return agent.Words{EN: text, CS: text} }
	timed := func(id, kind string, load *bool, due time.Time, within time.Duration) agent.PlannedTest {
		return agent.PlannedTest{ID: id, Name: "Test " + id, Kind: kind, Load: load, From: due.Add(-within), Due: due, Until: due.Add(within), Timed: true}
	}
	mu.Lock()
	tests = agent.Tests{
		Planned: []agent.PlannedTest{
			timed("running", "blackout", yes, now, time.Hour),
			timed("now", "start", no, now.Add(-30*time.Minute), time.Hour),
			{ID: "day", Name: "Test day", Kind: "self_test", From: midnight(0), Due: midnight(0), Until: midnight(1)},
			timed("tomorrow", "transfer", nil, days(1), time.Minute),
			timed("missed", "blackout", yes, days(7), time.Hour),
			{ID: "open", Name: "Test open", Kind: "manual", From: midnight(-3), Due: midnight(-3), Until: midnight(12)},
			{ID: "period", Name: "Test period", Kind: "manual", From: midnight(30), Due: midnight(30), Until: midnight(60)},
			timed("year", "start", no, days(400), time.Hour),
		},
		Running: []agent.RunningTest{
			{ID: "20", Test: "running", Name: name("Test running"), Kind: "blackout", Load: yes, Began: now, By: "schedule", Run: 900, RunSince: now.Add(-8 * time.Minute), Notes: []agent.Note{{Time: now, By: "Petr", Text: "stiff"}}},
			{ID: "21", Name: name("By hand"), Began: now, By: "Jana", Ending: true},
		},
		Last: []agent.TestResult{
			{ID: "9", Test: "open", Name: name("Test open"), Verdict: "passed", Began: now, Text: name("Test open: passed")},
			{ID: "8", Test: "missed", Name: name("Test missed"), Verdict: "missed", Due: days(-23), Text: name("Test missed was not made")},
			{ID: "7", Test: "year", Name: name("Test year"), Verdict: "passed", Began: days(-40), Text: name("Test year: passed")},
			{ID: "6", Test: "now", Name: name("Test now"), Verdict: "failed", Began: days(-7), Text: name("Test now: failed: too slow")},
		},
	}
	mu.Unlock()
	clock := func(when time.Time) string { return when.Format("15:04") }
	due := now.Add(-30 * time.Minute)
	want := []nextRow{
		{"live", "Test running", "8 of 15 min", "running since " + clock(now) + " · under load", "Petr: stiff"},
		{"live", "By hand", "", "running since " + clock(now) + " · ends when all is well", ""},
		{"abnormal", "Test now", date(due) + " " + clock(due), "last failed " + date(days(-7)) + " · due now, until " + clock(now.Add(30*time.Minute)) + " · without load", "Test now: failed: too slow"},
		{"abnormal", "Test missed", date(days(7)) + " 12:00", "missed " + date(days(-23)) + " · under load", "Test missed was not made"},
		{"ready", "Test open", "by " + date(days(11)), "by hand · last passed today", ""},
		{"ready", "Test day", "today", "battery test", ""},
		{"ready", "Test tomorrow", "tomorrow 12:00", "transfer", ""},
		{"ready", "Test period", "from " + date(days(30)), "by hand", ""},
		{"ready", "Test year", date(days(400)) + " 12:00", "without load · last passed " + date(days(-40)), ""},
	}
	for _, p := range []*browser.Page{en, desk} {
		var got []nextRow
		p.Until("the tests are shown", `document.querySelectorAll('.next li').length > 0`)
		if got = browser.Eval[[]nextRow](p, lookAtNext); !slices.Equal(got, want) {
			t.Errorf("the page says\n%q, want\n%q", got, want)
		}
	}
	if more := browser.Eval[string](en, `document.querySelector('.next .more').textContent`); more != "+7" {
		t.Errorf("the wall has no room for %s", more)
	}
	fits(t, en, "next tests")
	en.Shoot("next-wall", false)
	desk.Shoot("next-desk", false)
	cs.Until("the tests are shown", `document.querySelectorAll('.next li').length > 0`)
	for i, want := range []string{
		"8 z 15 min · probíhá od " + clock(now) + " · pod zátěží", " · probíhá od " + clock(now) + " · skončí, až bude vše v pořádku", "", date(days(7)) + " 12:00 · neprovedena " + date(days(-23)) + " · pod zátěží",
		"do " + date(days(11)) + " · ručně · naposledy vyhověla dnes", "dnes · test baterie", "zítra 12:00 · přepnutí", "od " + date(days(30)) + " · ručně", date(days(400)) + " 12:00 · bez zátěže · naposledy vyhověla " + date(days(-40)),
	} {
		if row := browser.Eval[[]nextRow](cs, lookAtNext)[i]; want != "" && row.When+" · "+row.Notes != want {
			t.Errorf("in Czech %q, want %q", row, want)
		}
	}
	// A day on the other side of a change of clocks has the time that its clocks show.
	if got := browser.Eval[string](en, `import(document.querySelector('link[rel=icon]').href.replace('icon.svg', 'live.js')).then(({calendar}) =>
		['2026-10-24T08:00:00+02:00', '2026-10-26T00:30:00+01:00'].map((t) => calendar(t)).map((c) => c.date + ' ' + c.clock).join(', '))`); got != "24. 10. 08:00, 26. 10. 00:30" {
		t.Errorf("across a change of clocks: %s", got)
	}
	for _, p := range []*browser.Page{en, cs, desk} {
		p.NoComplaints()
	}
}

// TestWallDuringATest: the wall says what the configuration plans, then that the
// test is being made and how much of it was, and in the end how it went.
func TestWallDuringATest(t *testing.T) {
	t.Parallel()
	chromium := browser.Start(t) // before the scenario begins
	out, _ := startDemo(t, "--scenario", "monthly-test", "--speed", "20", "--every", "200ms")
	out.await(t, "all 19 devices are up")
	site, err := config.Load(regexp.MustCompile(`read --config (\S+) `).FindStringSubmatch(out.String())[1])
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + regexp.MustCompile(`http://(\S+)/ and`).FindStringSubmatch(out.String())[1]
	p := chromium.Open(t, base+"/?lang=en", 1920, 1080)
	said := func(rows []nextRow, name string) *nextRow {
		i := slices.IndexFunc(rows, func(r nextRow) bool { return r.What == name })
		if i < 0 {
			return nil
		}
		return &rows[i]
	}
	monthly, weekly, firewall := site.Tests[0], site.Tests[1], site.Tests[2]
	untilNext(t, p, "the test is being made", func(rows []nextRow) bool {
		r := said(rows, monthly.Name)
		return len(rows) == len(site.Tests) && r != nil && r == &rows[0] && r.Mark == "live" && strings.HasPrefix(r.Notes, "running since ") && strings.HasSuffix(r.Notes, " · under load") &&
			regexp.MustCompile(fmt.Sprintf(`^[1-9]\d* of %g s$`, monthly.Carry.Seconds())).MatchString(r.When)
	})
	p.Shoot("test-running", false)
	running := browser.Eval[agent.Tests](p, `fetch('/api/v1/tests').then((r) => r.json())`).Running
	if len(running) != 1 || running[0].Test != monthly.ID || running[0].By != "schedule" || running[0].RunSince.Before(running[0].Began) {
		t.Fatalf("under way: %+v", running)
	}
	at := time.Now()
	clock := func(s config.Schedule) string {
		return fmt.Sprintf("%02d:%02d", int(s.At.Hours()), int(s.At.Minutes())%60)
	}
	if r := said(browser.Eval[[]nextRow](p, lookAtNext), weekly.Name); r == nil || r.Notes != "without load" || r.When != pageDay(at.AddDate(0, 0, 2), at)+" "+clock(weekly.Schedule) {
		t.Errorf("the weekly test: %+v", r)
	}
	// The firewall's, by the last day of the quarter.
	if r := said(browser.Eval[[]nextRow](p, lookAtNext), firewall.Name); r == nil || r.Notes != "by hand" || r.When != "by "+pageDay(time.Date(at.Year(), (at.Month()-1)/3*3+4, 0, 0, 0, 0, 0, time.Local), at) {
		t.Errorf("the firewall's test: %+v", r)
	}
	verdict := "" // a busy machine may not poll often enough to pass it
	untilNext(t, p, "how the test went", func(rows []nextRow) bool {
		r := said(rows, monthly.Name)
		if r == nil || !strings.HasSuffix(r.When, " "+clock(monthly.Schedule)) || strings.HasPrefix(r.When, "today") {
			return false
		}
		verdict = map[string]string{"ready under load · last passed today": "passed", "abnormal last failed today · under load": "failed"}[r.Mark+" "+r.Notes]
		return verdict != ""
	})
	p.Shoot("test-passed", false)
	if last := browser.Eval[agent.Tests](p, `fetch('/api/v1/tests').then((r) => r.json())`); len(last.Running) != 0 || len(last.Last) != 1 || last.Last[0].ID != running[0].ID || last.Last[0].Verdict != verdict {
		t.Errorf("afterwards: %+v", last)
	}
	p.NoComplaints()
}

// TestWallHearsWhatPeopleSay: what somebody says of a test at a terminal is on
// the pages, without anybody touching them.
func TestWallHearsWhatPeopleSay(t *testing.T) {
	t.Parallel()
	out, _ := startDemo(t, "--every", "200ms")
	out.await(t, "all 19 devices are up")
	base := "http://" + regexp.MustCompile(`http://(\S+)/ and`).FindStringSubmatch(out.String())[1]
	p := browser.Start(t).Open(t, base+"/desk?lang=en", 1600, 1000)
	say := func(args ...string) {
		t.Helper()
		said := &transcript{}
		if code := run(t.Context(), append([]string{"test"}, append(args, "--by", "Jana", "--url", base)...), said, said); code != 0 {
			t.Fatalf("test %s: %d %s", strings.Join(args, " "), code, said)
		}
	}
	first := func(right func(r nextRow) bool) func([]nextRow) bool {
		return func(rows []nextRow) bool { return len(rows) > 0 && right(rows[0]) }
	}
	untilNext(t, p, "what is planned", first(func(r nextRow) bool { return r.Mark == "ready" && r.What == "Monthly blackout test" }))
	say("start", "weekly")
	untilNext(t, p, "the test that begins", first(func(r nextRow) bool {
		return r.Mark == "live" && r.What == "Weekly start of generator 2" && r.When == "0 of 5 min"
	}))
	say("note", "the door of the set was open")
	untilNext(t, p, "what is noted", first(func(r nextRow) bool { return r.Why == "Jana: the door of the set was open" }))
	say("end")
	untilNext(t, p, "the test that is to end", first(func(r nextRow) bool { return strings.Contains(r.Notes, "ends when all is well") }))
	say("note", "--test", "firewall", "--failed", "it did not take over")
	untilNext(t, p, "the test that failed", func(rows []nextRow) bool {
		return slices.ContainsFunc(rows, func(r nextRow) bool {
			return r.Mark == "abnormal" && r.What == "Firewall of the office" && strings.HasPrefix(r.Notes, "last failed today")
		})
	})
	p.NoComplaints()
}

// TestEverybodyCanUseThePages: axe-core finds no serious fault, and the colours
// of text and states are far enough from what is behind them.
func TestEverybodyCanUseThePages(t *testing.T) {
	t.Parallel()
	axe := peer.NeedFile(t, "axe.min.js", "run .ci/peers, which needs npm")
	chromium := browser.Start(t) // before the scenario begins
	out, _ := startDemo(t, "--scenario", "mains-failure", "--speed", "2", "--every", "200ms")
	out.await(t, "all 19 devices are up")
	base := "http://" + regexp.MustCompile(`http://(\S+)/ and`).FindStringSubmatch(out.String())[1]
	p := chromium.Open(t, base+"/?lang=en", 1920, 1080)
	p.Until("the generator carries", `document.querySelector('h1').textContent.startsWith('ON GENERATOR 1')`)
	for _, path := range []string{"/?lang=en", "/?lang=cs&theme=light", "/desk?lang=en", "/desk?lang=en&theme=light", "/desk/ups-a?lang=en"} {
		p.Go(base + path)
		p.Until("the page is drawn", `document.querySelector('.node .v b, .devices .v b, .all .v b')?.textContent`)
		browser.Eval[bool](p, string(axe)+"; true")
		var found []string
		for range 5 { // on a busy machine the page may have heard nothing for a moment, and be pale
			p.Until("it hears the agent", `!document.documentElement.classList.contains('is-lost')`)
			if found = browser.Eval[[]string](p, `axe.run().then((r) => r.violations.filter((v) => ['serious', 'critical'].includes(v.impact)).map((v) => v.id + ': ' + v.help + ' ' + v.nodes.slice(0, 3).map((n) => n.html + ' ' + n.failureSummary).join(' | ')))`); len(found) == 0 {
				break
			}
		}
		for _, fault := range found {
			t.Errorf("%s: %s", path, fault)
		}
		colors := browser.Eval[map[string]string](p, `Object.fromEntries(['live', 'warn', 'alarm', 'info', 'ink', 'dim', 'panel', 'box', 'bg', 'lost-bg', 'lost-ink'].map((n) => [n, getComputedStyle(document.documentElement).getPropertyValue('--' + n).trim()]))`)
		for _, front := range []string{"live", "warn", "alarm", "info", "ink", "dim"} {
			for _, back := range []string{"panel", "box", "bg"} {
				if c := contrast(t, colors[front], colors[back]); c < 4.5 {
					t.Errorf("%s: %s on %s is %.2f : 1", path, front, back, c)
				}
			}
		}
		if c := contrast(t, colors["lost-ink"], colors["lost-bg"]); c < 4.5 {
			t.Errorf("%s: the bar is %.2f : 1", path, c)
		}
	}
}

// contrast returns the contrast of two colours #rrggbb, by WCAG 2.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	luminance := func(color string) (l float64) {
		n, err := strconv.ParseUint(strings.TrimPrefix(color, "#"), 16, 32)
		if err != nil || len(color) != 7 {
			t.Fatalf("color %q", color)
		}
		for i, share := range []float64{0.2126, 0.7152, 0.0722} {
			c := float64(n>>(16-8*i)&255) / 255
			if c <= 0.04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			l += share * c
		}
		return l
	}
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// TestPagesAreSmall: all that a wall loads is less than 300 kB.
func TestPagesAreSmall(t *testing.T) {
	total := int64(0)
	err := fs.WalkDir(dashboards.Wall(), ".", func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		total += info.Size()
		return err
	})
	if err != nil || total == 0 || total >= 300_000 {
		t.Errorf("%d bytes, %v", total, err)
	}
}

// TestPagesKnowTheCatalogue: every metric has its unit and a Czech name on the
// pages, and every state a Czech word.
func TestPagesKnowTheCatalogue(t *testing.T) {
	text, err := fs.ReadFile(dashboards.Wall(), "words.js")
	if err != nil {
		t.Fatal(err)
	}
	_, metrics, _ := strings.Cut(string(text), "export const metrics = {")
	metrics, rest, _ := strings.Cut(metrics, "\n};")
	_, states, _ := strings.Cut(rest, "export const states = {")
	states, _, _ = strings.Cut(states, "\n};")
	for _, class := range config.Classes() {
		for _, name := range config.Names(class) {
			m := config.Lookup(class, name)
			if !strings.Contains(metrics, fmt.Sprintf(" %s: ['%s', '", name, m.Unit)) {
				t.Errorf("%s.%s in %q is not in words.js", class, name, m.Unit)
			}
			for _, word := range m.States {
				if !strings.Contains(states, fmt.Sprintf(" %s: '", word)) {
					t.Errorf("the state %s of %s.%s is not in words.js", word, class, name)
				}
			}
		}
	}
}

// TestPagesSpeakCzech: whatever the pages say has a Czech translation.
func TestPagesSpeakCzech(t *testing.T) {
	files := dashboards.Wall()
	text, err := fs.ReadFile(files, "words.js")
	if err != nil {
		t.Fatal(err)
	}
	_, cs, _ := strings.Cut(string(text), "const cs = {")
	cs, _, _ = strings.Cut(cs, "\n};")
	said := regexp.MustCompile(`\bt\('([^']+)'`)
	names, err := fs.Glob(files, "*.js")
	if err != nil || len(names) < 8 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range said.FindAllSubmatch(text, -1) {
			if !strings.Contains(cs, fmt.Sprintf(" '%s': '", m[1])) {
				t.Errorf("%s says %q, which has no Czech", name, m[1])
			}
		}
	}
}
