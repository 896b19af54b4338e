package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"plantroom/agent"
	"plantroom/agent/power"
	"plantroom/drivers/sim"
)

// A demoView shows the demo: on a terminal as a table that is drawn in place,
// elsewhere as lines, one for each change and a summary now and then. All it
// shows of devices is what the agent has polled.
type demoView struct {
	out      io.Writer
	facility *sim.Facility
	cmd      *demoCmd
	power    *power.Network // of the station that is shown
	started  time.Time
	height   func() (width, height int) // nil when there is no terminal
	color    bool

	told   []string // what to type, and where things are
	shown  map[string]string
	stands string // what the building was last seen to stand on
	allUp  bool
	events []string // the latest changes, oldest first

	mu     sync.Mutex
	logged []told                 // lines of log, and of what happened, that wait for the next frame
	known  map[string]agent.Event // what happened and lasts, as it was last shown
}

// A told is a line to be shown, of the event with an ID; "" for none.
type told struct{ id, text string }

func newDemoView(out io.Writer, f *sim.Facility, cmd *demoCmd) *demoView {
	v := &demoView{out: out, facility: f, cmd: cmd, started: time.Now(), shown: make(map[string]string), known: make(map[string]agent.Event)}
	if file := terminal(out); file != nil {
		v.height = func() (int, int) {
			w, h, err := term.GetSize(int(file.Fd()))
			if err != nil {
				return 100, 40
			}
			return w, h
		}
		v.color = os.Getenv("NO_COLOR") == ""
	}
	return v
}

// tell says something that stays true for the whole demo.
func (v *demoView) tell(what, text string) {
	line := fmt.Sprintf("  %-9s %s", what, text)
	v.told = append(v.told, line)
	fmt.Fprintln(v.out, line)
}

// logger returns a log whose lines go into the view.
func (v *demoView) logger() *slog.Logger { return slog.New(&viewLog{view: v}) }

// A viewLog is a log handler that turns records into events, for people: what
// it befell, what happened, why.
type viewLog struct {
	view  *demoView
	attrs []slog.Attr
}

// Enabled leaves out what is for debugging.
func (*viewLog) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

// Handle keeps the record for the view's next look; it is called by any
// goroutine.
func (h *viewLog) Handle(_ context.Context, r slog.Record) error {
	who, why, rest := "", "", ""
	attr := func(a slog.Attr) bool {
		switch a.Key {
		case "device", "bus", "sink":
			who = a.Value.String() + ": "
		case "err":
			why = ": " + a.Value.String()
		default:
			rest += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		}
		return true
	}
	for _, a := range h.attrs {
		attr(a)
	}
	r.Attrs(attr)
	h.view.mu.Lock()
	defer h.view.mu.Unlock()
	h.view.logged = append(h.view.logged, told{text: who + r.Message + rest + why})
	return nil
}

// WithAttrs implements slog.Handler.
func (h *viewLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &viewLog{h.view, slices.Concat(h.attrs, attrs)}
}

// WithGroup implements slog.Handler; there is no room for groups.
func (h *viewLog) WithGroup(string) slog.Handler { return h }

// happened shows an incident or a test as it begins, becomes another and ends;
// and of all else what calls somebody, but for what each outage brings with it.
// It is called by any goroutine.
func (v *demoView) happened(e *agent.Event) {
	own, part := e.Kind == "incident" || e.Kind == "test", e.Parent != ""
	if !own && (e.Severity == agent.Info || part && asUsual(e)) {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	was, known := v.known[e.ID]
	line := told{e.ID, fmt.Sprintf("%s: %s", strings.ToUpper(e.Severity.String()), e.Text.EN)}
	if !e.Active() && !part {
		line.text = fmt.Sprintf("ended after %s: %s", e.Ended.Sub(e.Began).Round(time.Second), e.Text.EN)
	}
	switch {
	case known && part && !e.Active():
		return // over as a part
	case known && was.Text == e.Text && (part || e.Kind == "test" || was.Active() == e.Active()):
		return // acknowledged, worse than it was, or a test whose verdict follows
	case part && strings.HasSuffix(v.known[e.Parent].Text.EN, e.Text.EN):
		return // the cause, by which that is called
	case e.Metric == "verdict" && v.said(e.Text.EN):
		return
	}
	v.known[e.ID] = *e
	// What has become another before it was shown is shown as that.
	if i := slices.IndexFunc(v.logged, func(t told) bool { return t.id == e.ID }); i >= 0 && e.Active() {
		v.logged[i] = line
		return
	}
	v.logged = append(v.logged, line)
}

// said reports whether an event was shown with a text. The caller holds v.mu.
func (v *demoView) said(text string) bool {
	for _, e := range v.known {
		if e.Text.EN == text {
			return true
		}
	}
	return false
}

// asUsual reports whether an event is one that each outage brings with it and
// that the lines of the states show, or none that calls for itself.
func asUsual(e *agent.Event) bool {
	switch e.Metric {
	case "supply", "transfer", "carries", "status":
		return e.State != "fault"
	}
	return e.Severity < agent.Alarm && e.Kind != "limit"
}

// Sequences that terminals know.
const (
	altScreen  = "\x1b[?1049h\x1b[?25l"
	mainScreen = "\x1b[?25h\x1b[?1049l"
	home       = "\x1b[H"
	clearLine  = "\x1b[K"
	clearRest  = "\x1b[J"
)

func (v *demoView) open() {
	if v.height != nil {
		io.WriteString(v.out, altScreen)
	}
}

// live moves the facility on and shows it until the agent has stopped.
func (v *demoView) live(ctx context.Context, a *agent.Agent, done <-chan error) error {
	step := time.NewTicker(demoStep)
	defer step.Stop()
	frame := time.NewTicker(demoFrame)
	defer frame.Stop()
	last, summary := time.Now(), time.Now()
	for {
		select {
		case err := <-done:
			v.look(devices(a))
			return err
		case now := <-step.C:
			// A machine that slept does not make the facility catch up.
			elapsed := min(now.Sub(last), time.Second)
			v.facility.Step(time.Duration(float64(elapsed) * v.cmd.Speed))
			last = now
		case now := <-frame.C:
			all := devices(a)
			v.look(all)
			switch {
			case v.height != nil:
				v.draw(all, a.Stats())
			case now.Sub(summary) >= demoSummary:
				summary = now
				fmt.Fprintf(v.out, "%s  %s; %s; %d polls, %d failed\n", now.Format(time.TimeOnly), upCount(all), headline(v.power.Path(), all), a.Stats().Polls, a.Stats().Failures)
			}
		}
	}
}

// close leaves the terminal as it was and sums the demo up.
func (v *demoView) close(a *agent.Agent) {
	if v.height != nil {
		io.WriteString(v.out, mainScreen)
	}
	stats := a.Stats()
	fmt.Fprintf(v.out, "plantroom demo stops after %s (%s of the facility's time): %d polls, %d failed, %d skipped; %s\n",
		time.Since(v.started).Round(100*time.Millisecond), v.facility.Now().Round(time.Second), stats.Polls, stats.Failures, stats.Skipped, upCount(devices(a)))
}

// look finds what has changed since the last look.
func (v *demoView) look(all []agent.Status) {
	v.mu.Lock()
	logged := v.logged
	v.logged = nil
	v.mu.Unlock()
	for _, line := range logged {
		v.event(line.text)
	}
	up := 0
	for i := range all {
		s := &all[i]
		if s.Polled.IsZero() {
			continue
		}
		if s.Up {
			up++
		}
		for _, r := range s.Readings {
			if word := r.Word(); word != "" && watched(r.Point) {
				v.change(s.Device, r.Point.Metric.Name, word)
			}
		}
		if s.Device.Class == "switchboard" && s.Up {
			v.change(s.Device, "voltage", boardState(s))
		}
	}
	if path := v.power.Path(); path.On != agent.NoData {
		if now := path.On.String() + " " + strings.Join(path.Sources, " "); now != v.stands {
			v.stands = now
			v.event(path.Headline.EN)
		}
	}
	if up == len(all) && !v.allUp {
		v.allUp = true
		v.event(fmt.Sprintf("all %d devices are up, %.1f s after the start", up, time.Since(v.started).Seconds()))
	}
}

// watched reports whether a change of the point is worth a line.
func watched(p *agent.Point) bool {
	switch p.Metric.Name {
	case "status", "selected_source", "mode":
		return p.Metric.Class == p.Device.Class
	}
	return false
}

func (v *demoView) change(d *agent.Device, metric, word string) {
	key := d.ID + "/" + metric
	was, known := v.shown[key]
	v.shown[key] = word
	if known && was != word && word != "fault" { // that is an alarm, which is told in words
		v.event(fmt.Sprintf("%s: %s %s -> %s", d.Name, strings.ReplaceAll(metric, "_", " "), was, word))
	}
}

// keptEvents is how many of the latest changes a terminal can show.
const keptEvents = 30

func (v *demoView) event(text string) {
	line := time.Now().Format(time.TimeOnly) + "  " + text
	v.events = append(v.events, line)
	v.events = v.events[max(0, len(v.events)-keptEvents):]
	if v.height == nil {
		fmt.Fprintln(v.out, line)
	}
}

// draw draws the table over the last one.
func (v *demoView) draw(all []agent.Status, stats agent.Stats) {
	width, height := v.height()
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	speed := ""
	if v.cmd.Speed != 1 {
		speed = fmt.Sprintf(", %g times real time", v.cmd.Speed)
	}
	add("%s  scenario %s, %s%s", v.paint("plantroom demo", bold), v.cmd.Scenario, clock(v.facility.Now()), speed)
	add("%s; %d polls, %d failed, %d skipped", upCount(all), stats.Polls, stats.Failures, stats.Skipped)
	path := v.power.Path()
	add("%s", v.paint(headline(path, all), bold))
	add("%s", path.Detail.EN)
	add("")
	add("%s", v.paint(fmt.Sprintf("%-17s %-13s %6s  %s", "DEVICE", "STATE", "AGE", "MEASURED"), dim))
	for i := range all {
		s := &all[i]
		state, paint := deviceState(s)
		add("%-17s %s %6s  %s", s.Device.Name, v.paint(fmt.Sprintf("%-13s", state), paint), age(s), keyFigures(s))
	}
	add("")
	lines = append(lines, v.told...)
	add("  Ctrl-C stops.")
	if room := height - len(lines) - 2; room > 0 && len(v.events) > 0 {
		add("")
		lines = append(lines, v.events[max(0, len(v.events)-room):]...)
	}
	lines = lines[:min(len(lines), height)]
	var b strings.Builder
	b.WriteString(home)
	for i, line := range lines {
		b.WriteString(cut(line, width) + clearLine)
		if i < len(lines)-1 {
			b.WriteString("\r\n")
		}
	}
	b.WriteString(clearRest)
	io.WriteString(v.out, b.String())
}

// How a word is painted, as a terminal's graphic rendition.
const (
	plain  = ""
	bold   = "1"
	dim    = "2"
	good   = "32"
	notice = "33"
	bad    = "1;31"
)

func (v *demoView) paint(text, how string) string {
	if how == plain || !v.color {
		return text
	}
	return "\x1b[" + how + "m" + text + "\x1b[0m"
}

// cut shortens a line to width characters; paint takes no room.
func cut(line string, width int) string {
	if utf8.RuneCountInString(line) <= width {
		return line
	}
	var b strings.Builder
	n, painting := 0, false
	for _, r := range line {
		switch {
		case r == '\x1b':
			painting = true
		case painting:
			painting = r != 'm'
		case n == width:
			continue
		default:
			n++
		}
		b.WriteRune(r)
	}
	return b.String()
}

func clock(d time.Duration) string {
	s := int(d.Seconds())
	return fmt.Sprintf("%d:%02d:%02d since it began", s/3600, s/60%60, s%60)
}

// devices returns how the facility's devices stand; the agent itself and the
// site, which are polled too, are not among them.
func devices(a *agent.Agent) []agent.Status {
	return slices.DeleteFunc(a.Latest.All(), func(s agent.Status) bool { return s.Device.Class == "agent" || s.Device.Class == "site" })
}

func upCount(all []agent.Status) string {
	up := 0
	for i := range all {
		if all[i].Up {
			up++
		}
	}
	return fmt.Sprintf("%d of %d devices up", up, len(all))
}

func age(s *agent.Status) string {
	if s.Polled.IsZero() {
		return "-"
	}
	return fmt.Sprintf("%.1f s", time.Since(s.Polled).Seconds())
}

// measured returns a number that a device says: of the first of the channels that
// it has it on, or of any channel when none is named.
func measured(s *agent.Status, metric string, channels ...string) (float64, bool) {
	var found *agent.Reading
	at := math.MaxInt
	for i := range s.Readings {
		r := &s.Readings[i]
		if r.Point.Metric.Name != metric || r.Point.Metric.Class != s.Device.Class || r.Quality == agent.Bad {
			continue
		}
		n := slices.Index(channels, r.Point.Channel)
		if len(channels) == 0 {
			n = i
		}
		if n >= 0 && n < at {
			found, at = r, n
		}
	}
	if found == nil {
		return 0, false
	}
	return found.Value, true
}

// total returns the sum over the phases, or what the device says itself.
func total(s *agent.Status, metric string) (float64, bool) {
	if v, ok := measured(s, metric, ""); ok {
		return v, true
	}
	sum, any := 0.0, false
	for _, phase := range []string{"L1", "L2", "L3"} {
		if v, ok := measured(s, metric, phase); ok {
			sum, any = sum+v, true
		}
	}
	return sum, any
}

// stated returns a state's word, "" where the device does not say it.
func stated(s *agent.Status, metric string) string {
	for _, r := range s.Readings {
		if r.Point.Metric.Name == metric && r.Point.Metric.Class == s.Device.Class {
			return r.Word()
		}
	}
	return ""
}

func boardState(s *agent.Status) string {
	volts, ok := measured(s, "voltage", "L1")
	switch {
	case !ok:
		return ""
	case volts < 50:
		return "dead"
	}
	return "live"
}

// deviceState returns the one word for how a device is, and how to paint it.
func deviceState(s *agent.Status) (word, paint string) {
	switch {
	case s.Polled.IsZero():
		return "-", dim
	case !s.Up:
		return "SILENT", bad
	}
	switch s.Device.Class {
	case "switchboard":
		word = boardState(s)
	case "ats":
		word = "source " + stated(s, "selected_source")
	case "climate":
		return "up", good
	default:
		word = stated(s, "status")
	}
	switch word {
	case "live", "online", "source a":
		return word, good
	case "running":
		if s.Device.Class == "generator" {
			return word, notice
		}
		return word, good
	case "stopped", "standby":
		return word, plain
	case "dead", "fault", "source none":
		return word, bad
	case "off":
		return word, bad
	case "":
		return "up", good
	}
	return word, notice
}

// figures puts numbers with their units into one line; what a device does not
// say is left out.
type figures []string

func (f *figures) add(format string, v float64, ok bool) {
	if ok {
		*f = append(*f, fmt.Sprintf(format, v))
	}
}

func (f *figures) watts(before string, v float64, ok bool) {
	if v >= 1000 {
		f.add(before+"%.1f kW", v/1000, ok)
		return
	}
	f.add(before+"%.0f W", v, ok)
}

// keyFigures returns what matters of a device, by its class.
func keyFigures(s *agent.Status) string {
	if !s.Polled.IsZero() && !s.Up {
		return s.Err.Error()
	}
	var f figures
	add := func(format, metric string, channels ...string) {
		v, ok := measured(s, metric, channels...)
		f.add(format, v, ok)
	}
	watts := func(before, metric string) {
		v, ok := total(s, metric)
		f.watts(before, v, ok)
	}
	switch s.Device.Class {
	case "switchboard":
		add("%3.0f V", "voltage", "L1")
		add("%5.2f Hz", "frequency")
		watts("", "active_power")
		if v, ok := measured(s, "energy_import", ""); ok {
			f.add("%.1f MWh", v/1e6, ok)
		}
	case "generator":
		add("%4.0f rpm", "engine_speed")
		add("%4.1f Hz", "output_frequency")
		watts("", "output_power")
		add("fuel %.0f %%", "fuel_level")
		add("coolant %.0f °C", "coolant_temperature")
	case "ats":
		add("a %3.0f V", "source_a_voltage", "L1")
		add("b %3.0f V", "source_b_voltage", "L1")
		watts("", "output_power")
	case "ups":
		add("in %3.0f V", "input_voltage", "L1", "")
		watts("out ", "output_power")
		add("battery %.0f %%", "battery_charge")
		if v, ok := measured(s, "battery_runtime"); ok {
			f.add("%.0f min", v/60, ok)
		}
		if word := stated(s, "battery_status"); word != "normal" && word != "" {
			f = append(f, word)
		}
	case "cooling":
		add("supply %.1f °C", "supply_air_temperature")
		add("return %.1f °C", "return_air_temperature")
		add("outdoor %.1f °C", "outdoor_temperature")
		add("fan %.0f %%", "fan_speed")
	case "climate":
		add("%.1f °C", "temperature")
		add("%.0f %%", "humidity")
	}
	return strings.Join(f, "  ")
}

// headline says how the building is: what it stands on, and whether its
// cooling runs.
func headline(path agent.Path, all []agent.Status) string {
	running, units := 0, 0
	warmest := math.Inf(-1)
	for i := range all {
		s := &all[i]
		switch s.Device.Class {
		case "cooling":
			units++
			if stated(s, "status") == "running" {
				running++
			}
		case "climate":
			if strings.HasPrefix(s.Device.ID, "climate-cold") {
				if v, ok := measured(s, "temperature"); ok {
					warmest = max(warmest, v)
				}
			}
		}
	}
	text := fmt.Sprintf("%s %d of %d cooling units run", path.Headline.EN, running, units)
	if !math.IsInf(warmest, -1) {
		text += fmt.Sprintf(", cold aisle %.1f °C", warmest)
	}
	return text
}
