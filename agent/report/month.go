package report

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"plantroom/agent"
	"plantroom/agent/events"
	"plantroom/agent/ledger"
)

// A Month is what a monthly report says, as data. Times without a date are in
// s, energies in Wh.
type Month struct {
	Made  time.Time `json:"made"`
	Site  string    `json:"site"`
	Month string    `json:"month"` // 2026-11
	From  time.Time `json:"from"`
	To    time.Time `json:"to"` // its end, or when the report was made
	// Observed is for how long the agent ran.
	Observed float64     `json:"observed"`
	Restarts int         `json:"restarts"` // of the agent
	Summary  agent.Words `json:"summary"`

	// Supply is for how long the load stood on what, Redundancy for how long
	// what is to be in reserve was.
	Supply     map[string]float64 `json:"supply,omitempty"`
	Redundancy map[string]float64 `json:"redundancy,omitempty"`
	Feeds      []Feed             `json:"feeds,omitempty"`
	UPS        []Usage            `json:"ups,omitempty"`
	Cooling    []Usage            `json:"cooling,omitempty"`
	Generators []Usage            `json:"generators,omitempty"`

	Incidents []*events.Record `json:"incidents,omitempty"` // without events, transitions and notes
	Tests     []*events.Record `json:"tests,omitempty"`

	Energy Energy    `json:"energy"`
	Meters []Meter   `json:"meters,omitempty"`
	Rooms  []Room    `json:"rooms,omitempty"`
	Days   []DayLine `json:"days,omitempty"`

	Polls   int       `json:"polls"`             // made, of all devices
	Failing []Failing `json:"failing,omitempty"` // the devices that failed most, the worst first
	Missing []Run     `json:"missing,omitempty"` // when the agent did not run
}

// A Run is a time without anything observed.
type Run = ledger.Run

// A Feed is what a part of the power path stood on.
type Feed struct {
	ID    string             `json:"id"`
	Name  string             `json:"name"`
	Class string             `json:"class"`
	On    map[string]float64 `json:"on"` // s on mains, generator, batteries, dead
}

// A Usage is how long a device was in which state.
type Usage struct {
	ID     string             `json:"id"`
	Name   string             `json:"name"`
	Class  string             `json:"class"`
	States map[string]float64 `json:"states"`
	Modes  map[string]float64 `json:"modes,omitempty"` // of a cooling unit, while it ran
	// Energy is what its counter counted, nil where it has none.
	Energy *float64 `json:"energy,omitempty"`
	Starts *float64 `json:"starts,omitempty"` // of a generator
	// Carried is for how long a generator was under load, in s.
	Carried float64 `json:"carried,omitempty"`
}

// known adds up for how long the state was known.
func (u *Usage) known() float64 { return sum(u.States) - u.States["unknown"] }

// in adds up for how long it was in any of some states.
func (u *Usage) in(words ...string) (s float64) {
	for _, w := range words {
		s += u.States[w]
	}
	return s
}

func sum(m map[string]float64) (s float64) {
	for _, k := range slices.Sorted(maps.Keys(m)) { // in one order: a sum of floats depends on it
		s += m[k]
	}
	return s
}

// Energy is what the site took and where it went, as far as it was known: each
// is the power, added up over the time for which that was known.
type Energy struct {
	Mains      Sum `json:"mains"`
	Generators Sum `json:"generators"`
	IT         Sum `json:"it"`
	Cooling    Sum `json:"cooling"`
	// PUE is what the site took by what the IT load took, while both were
	// known; 0 for never.
	PUE        float64 `json:"pue,omitempty"`
	PUESeconds float64 `json:"pue_known,omitempty"`
	// FreeCooling is the time that units cooled with outdoor air alone, as a
	// share of those that ran: with one of two it passes half as fast.
	FreeCooling *float64 `json:"free_cooling,omitempty"`
}

// A Sum is a power over time.
type Sum struct {
	Wh      float64 `json:"wh"`
	Seconds float64 `json:"seconds"`       // for which it was known
	Max     float64 `json:"max,omitempty"` // W
	MaxAt   *Moment `json:"max_at,omitempty"`
}

// A Moment is a time in JSON.
type Moment = time.Time

// A Meter is what a meter counted.
type Meter struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Metric string  `json:"metric"`
	Used   float64 `json:"used"`  // Wh
	First  float64 `json:"first"` // what it showed
	Last   float64 `json:"last"`
	Resets int     `json:"resets,omitempty"`
}

// A Room is what a sensor measured.
type Room struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Channel string    `json:"channel,omitempty"`
	Room    string    `json:"room,omitempty"`
	Metric  string    `json:"metric"`
	Unit    string    `json:"unit"`
	Min     float64   `json:"min"`
	Mean    float64   `json:"mean"`
	Max     float64   `json:"max"`
	MaxAt   time.Time `json:"max_at"`
	Seconds float64   `json:"seconds"`
}

// A DayLine is what is drawn of a day.
type DayLine struct {
	Date     time.Time `json:"date"` // its beginning
	Observed float64   `json:"observed"`
	Site     float64   `json:"site"` // Wh that came in
	IT       float64   `json:"it"`
	PUE      float64   `json:"pue,omitempty"`
}

// A Failing is how often a device did not answer.
type Failing struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	Class    string  `json:"class"`
	Up       float64 `json:"up"`
	Down     float64 `json:"down"`
	Outages  int     `json:"outages"`
	Polls    int     `json:"polls"`
	Failures int     `json:"failures"`
}

// worstDevices is how many failing devices a report lists.
const worstDevices = 10

// ErrNoData is in the error for a month of which nothing is kept.
var ErrNoData = errors.New("nothing is kept of it")

// newMonth makes the month's data of its days and of all records.
func newMonth(year int, month time.Month, days []*ledger.Day, all []*events.Record, now time.Time) (*Month, error) {
	zone := now.Location()
	m := &Month{Made: now, Month: fmt.Sprintf("%04d-%02d", year, month), From: time.Date(year, month, 1, 0, 0, 0, 0, zone),
		To: time.Date(year, month+1, 1, 0, 0, 0, 0, zone)}
	if m.To.After(now) {
		m.To = now
	}
	for _, r := range all {
		if !m.has(r) {
			continue
		}
		bare := *r
		bare.Events, bare.Transitions, bare.Notes, bare.Devices, bare.Series = nil, nil, nil, nil, nil
		m.Site = cmp.Or(r.Site, m.Site)
		if r.Kind == "test" {
			m.Tests = append(m.Tests, &bare)
		} else {
			m.Incidents = append(m.Incidents, &bare)
		}
	}
	if len(days) == 0 && len(m.Tests)+len(m.Incidents) == 0 {
		return nil, fmt.Errorf("%s: %w", m.Month, ErrNoData)
	}
	m.addRuns(days)
	m.addDevices(days)
	m.addParts(days)
	m.Summary = agent.Words{EN: m.summary(newTongue("en", zone)), CS: m.summary(newTongue("cs", zone))}
	return m, nil
}

// has reports whether a record is one of the month: an incident of which
// anything was in it, a test that was made in it, or one that was not and had
// to be.
func (m *Month) has(r *events.Record) bool {
	began, ended := r.Began, r.Ended
	switch {
	case r.Verdict == events.Missed: // said when its time was over, as that of a month is with the month
		began = began.Add(-min(began.Sub(r.Due), 24*time.Hour))
		fallthrough
	case r.Kind == "test":
		ended = began
	case ended.IsZero():
		ended = m.To
	}
	return began.Before(m.To) && !ended.Before(m.From)
}

// addRuns finds out when the agent ran, and when it did not.
func (m *Month) addRuns(days []*ledger.Day) {
	last := m.From
	gap := func(to time.Time) {
		if to.Sub(last) > time.Second {
			m.Missing = append(m.Missing, Run{From: last, To: to})
		}
	}
	for i, d := range days {
		m.Site = d.Site
		for j, r := range d.Runs {
			if i+j > 0 && (r.From.After(d.From) || r.From.Sub(last) > time.Second) {
				m.Restarts++
			}
			gap(r.From)
			m.Observed += r.To.Sub(r.From).Seconds()
			last = r.To
		}
	}
	// What runs now has been kept a moment ago.
	if m.To.Sub(last) > 5*time.Minute {
		gap(m.To)
	}
}

// addParts adds up what the parts of the power path stood on.
func (m *Month) addParts(days []*ledger.Day) {
	at := map[string]int{}
	carried := map[string]float64{} // by generators
	for _, d := range days {
		for _, p := range d.Parts {
			carried[p.ID] += p.Carried
			if !slices.Contains(feedClasses, p.Class) {
				continue
			}
			i, ok := at[p.ID]
			if !ok {
				i = len(m.Feeds)
				at[p.ID] = i
				m.Feeds = append(m.Feeds, Feed{ID: p.ID, On: map[string]float64{}})
			}
			f := &m.Feeds[i]
			f.Name, f.Class = p.Name, p.Class
			add(f.On, p.On)
		}
	}
	for i := range m.Generators { // not every one has a word for it
		g := &m.Generators[i]
		g.Carried = max(carried[g.ID], g.in("on_load"))
	}
}

// feedClasses are the parts of the power path that feed the others.
var feedClasses = []string{"utility", "transformer", "board", "switchboard", "ats", "pdu"}

func add(to, from map[string]float64) {
	for k, v := range from {
		to[k] += v
	}
}

// A tally is what the days of a device come to.
type tally struct {
	ledger.Device
	states map[string]map[string]float64
	values map[string]*ledger.Value
	counts map[string]*ledger.Count
}

// addDevices adds up what the devices did.
func (m *Month) addDevices(days []*ledger.Day) {
	var order []*tally
	by := map[string]*tally{}
	for _, day := range days {
		line := DayLine{Date: day.From}
		for _, r := range day.Runs {
			line.Observed += r.To.Sub(r.From).Seconds()
		}
		for _, d := range day.Devices {
			t := by[d.ID]
			if t == nil {
				t = &tally{states: map[string]map[string]float64{}, values: map[string]*ledger.Value{}, counts: map[string]*ledger.Count{}}
				by[d.ID] = t
				order = append(order, t)
			}
			t.add(d)
			if d.Class == "site" {
				line.Site, line.IT = wh(d.Values["mains_power"])+wh(d.Values["generator_power"]), wh(d.Values["it_power"])
				if d.PUE != nil && d.PUE.IT > 0 {
					line.PUE = d.PUE.Site / d.PUE.IT
				}
			}
		}
		m.Days = append(m.Days, line)
	}
	slices.SortStableFunc(order, func(a, b *tally) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	for _, t := range order {
		m.addDevice(t)
	}
	slices.SortStableFunc(m.Rooms, func(a, b Room) int { return cmp.Compare(b.Metric, a.Metric) }) // temperatures first
	slices.SortStableFunc(m.Failing, func(a, b Failing) int {
		return cmp.Or(cmp.Compare(b.Down, a.Down), cmp.Compare(b.Failures, a.Failures))
	})
	m.Failing = m.Failing[:min(len(m.Failing), worstDevices)]
}

func wh(v *ledger.Value) float64 {
	if v == nil {
		return 0
	}
	return v.Sum / 3600
}

// add adds a day.
func (t *tally) add(d *ledger.Device) {
	t.ID, t.Name, t.Class, t.Room = d.ID, d.Name, d.Class, d.Room
	t.Up, t.Down, t.Outages = t.Up+d.Up, t.Down+d.Down, t.Outages+d.Outages
	t.Polls, t.Failures, t.Skipped = t.Polls+d.Polls, t.Failures+d.Failures, t.Skipped+d.Skipped
	for metric, words := range d.States {
		if t.states[metric] == nil {
			t.states[metric] = map[string]float64{}
		}
		add(t.states[metric], words)
	}
	for name, v := range d.Values {
		sum := t.values[name]
		if sum == nil {
			one := *v
			t.values[name] = &one
			continue
		}
		sum.Seconds, sum.Sum, sum.Min = sum.Seconds+v.Seconds, sum.Sum+v.Sum, min(sum.Min, v.Min)
		if v.Max > sum.Max {
			sum.Max, sum.MaxAt = v.Max, v.MaxAt
		}
	}
	for name, c := range d.Counts {
		sum := t.counts[name]
		if sum == nil {
			one := *c
			t.counts[name] = &one
			continue
		}
		sum.Used, sum.Last, sum.Resets = sum.Used+c.Used, c.Last, sum.Resets+c.Resets
	}
	if d.PUE != nil {
		if t.PUE == nil {
			t.PUE = &ledger.PUE{}
		}
		t.PUE.Seconds, t.PUE.Site, t.PUE.IT = t.PUE.Seconds+d.PUE.Seconds, t.PUE.Site+d.PUE.Site, t.PUE.IT+d.PUE.IT
	}
}

// addDevice puts what a device came to where the report says it.
func (m *Month) addDevice(t *tally) {
	m.Polls += t.Polls
	switch t.Class {
	case "site":
		m.addSite(t)
		return
	case "ups", "dc":
		m.UPS = append(m.UPS, t.usage("output_energy"))
	case "cooling":
		m.Cooling = append(m.Cooling, t.usage("energy"))
	case "generator":
		u := t.usage("output_energy")
		if c := t.counts["starts"]; c != nil {
			u.Starts = &c.Used
		}
		m.Generators = append(m.Generators, u)
	case "climate":
		m.addRooms(t)
	}
	for _, metric := range []string{"energy_import", "energy_export"} {
		if c := t.total(metric); c != nil {
			m.Meters = append(m.Meters, Meter{ID: t.ID, Name: t.Name, Metric: metric, Used: c.Used, First: c.First, Last: c.Last, Resets: c.Resets})
		}
	}
	if t.Failures > 0 {
		m.Failing = append(m.Failing, Failing{ID: t.ID, Name: t.Name, Class: t.Class, Up: t.Up, Down: t.Down, Outages: t.Outages,
			Polls: t.Polls, Failures: t.Failures})
	}
}

// total returns a counter of the device as a whole: its own, or the sum of its
// phases'.
func (t *tally) total(metric string) *ledger.Count {
	if c := t.counts[metric]; c != nil {
		return c
	}
	var sum *ledger.Count
	for _, p := range phases {
		if c := t.counts[metric+"/"+p]; c != nil {
			if sum == nil {
				sum = &ledger.Count{Unit: c.Unit}
			}
			sum.First, sum.Last, sum.Used, sum.Resets = sum.First+c.First, sum.Last+c.Last, sum.Used+c.Used, sum.Resets+c.Resets
		}
	}
	return sum
}

func (t *tally) usage(energy string) Usage {
	u := Usage{ID: t.ID, Name: t.Name, Class: t.Class, States: t.states["status"], Modes: t.states["mode"]}
	if u.States == nil {
		u.States = map[string]float64{}
	}
	if t.Class != "cooling" {
		u.Modes = nil
	}
	if c := t.total(energy); c != nil {
		u.Energy = &c.Used
	}
	return u
}

func (m *Month) addSite(t *tally) {
	m.Supply, m.Redundancy = t.states["supply"], t.states["power_redundancy"]
	power := func(name string) Sum {
		v := t.values[name]
		if v == nil {
			return Sum{}
		}
		at := v.MaxAt
		return Sum{Wh: wh(v), Seconds: v.Seconds, Max: v.Max, MaxAt: &at}
	}
	m.Energy.Mains, m.Energy.Generators = power("mains_power"), power("generator_power")
	m.Energy.IT, m.Energy.Cooling = power("it_power"), power("cooling_power")
	if t.PUE != nil && t.PUE.IT > 0 {
		m.Energy.PUE, m.Energy.PUESeconds = t.PUE.Site/t.PUE.IT, t.PUE.Seconds
	}
	if v := t.values["free_cooling"]; v != nil {
		hours := v.Sum / 100
		m.Energy.FreeCooling = &hours
	}
}

func (m *Month) addRooms(t *tally) {
	names := slices.Sorted(maps.Keys(t.values))
	for _, name := range names {
		v := t.values[name]
		metric, channel, _ := strings.Cut(name, "/")
		if !slices.ContainsFunc(names, func(o string) bool { return o != name && strings.HasPrefix(o, metric+"/") }) {
			channel = "" // the only one says nothing
		}
		m.Rooms = append(m.Rooms, Room{ID: t.ID, Name: t.Name, Channel: channel, Room: t.Room, Metric: metric, Unit: v.Unit,
			Min: v.Min, Mean: v.Mean(), Max: v.Max, MaxAt: v.MaxAt, Seconds: v.Seconds})
	}
}

// length returns how long the month has been, in s.
func (m *Month) length() float64 { return m.To.Sub(m.From).Seconds() }

// summary says the month in a paragraph.
func (m *Month) summary(t tongue) string {
	var out []string
	say := func(w agent.Words, args ...any) { out = append(out, t.say(w, args...)) }
	known := m.Supply["mains"] + m.Supply["generator"] + m.Supply["batteries"] + m.Supply["dead"]
	if known > 0 {
		say(agent.Words{EN: "The load stood on the mains for %s of the time observed, on generators for %s and on batteries for %s.",
			CS: "Zátěž byla napájena ze sítě %s sledovaného času, z generátorů %s a z baterií %s."},
			t.share(m.Supply["mains"], known), t.duration(m.Supply["generator"]), t.duration(m.Supply["batteries"]))
		if dead := m.Supply["dead"]; dead > 0 {
			say(agent.Words{EN: "It was without power for %s.", CS: "Bez napájení byla %s."}, t.duration(dead))
		} else {
			say(agent.Words{EN: "It was never seen without power.", CS: "Výpadek napájení zátěže nebyl zjištěn."})
		}
	}
	if lost := m.Redundancy["lost"]; lost > 0 {
		say(agent.Words{EN: "The reserve was missing for %s.", CS: "Záloha chyběla %s."}, t.duration(lost))
	}
	say(agent.Words{EN: "Incidents: %s.", CS: "Počet mimořádných událostí: %s."}, t.number(float64(len(m.Incidents)), 0))
	if n := m.verdicts(); len(m.Tests) > n[events.Cancelled] {
		say(agent.Words{EN: "Tests: %s, of which passed %s, failed %s, did not happen %s.", CS: "Počet zkoušek: %s, z toho vyhovělo %s, nevyhovělo %s, nekonalo se %s."},
			t.number(float64(len(m.Tests)-n[events.Cancelled]), 0), t.number(float64(n[events.Passed]), 0), t.number(float64(n[events.Failed]), 0), t.number(float64(n[events.Missed]), 0))
	}
	if e := m.Energy; e.Mains.Seconds > 0 {
		say(agent.Words{EN: "Energy taken from the mains: %s.", CS: "Energie odebraná ze sítě: %s."}, t.quantity(e.Mains.Wh, "Wh"))
	}
	if m.Energy.PUE > 0 {
		say(agent.Words{EN: "PUE: %s.", CS: "Hodnota PUE: %s."}, t.number(m.Energy.PUE, 2))
	}
	if f := m.Energy.FreeCooling; f != nil {
		say(agent.Words{EN: "Free cooling: %s.", CS: "Volné chlazení: %s."}, t.hours(*f))
	}
	say(agent.Words{EN: "The agent watched for %s of the time.", CS: "Agent sledoval %s doby."}, t.share(m.Observed, m.length()))
	return strings.Join(out, " ")
}

// verdicts counts the tests by how they ended.
func (m *Month) verdicts() map[events.Verdict]int {
	n := map[events.Verdict]int{}
	for _, r := range m.Tests {
		n[r.Verdict]++
	}
	return n
}
