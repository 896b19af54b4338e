package report

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"plantroom/agent"
	"plantroom/agent/events"
)

// A Story is what a report of an incident or a test run says, as data.
type Story struct {
	Made    time.Time      `json:"made"`    // when the report was made
	Record  *events.Record `json:"record"`  // without its series
	Summary agent.Words    `json:"summary"` // what happened, in a paragraph
	// Earlier are the last of the same kind before it, oldest first.
	Earlier []Earlier `json:"earlier,omitempty"`
	Gaps    []Gap     `json:"gaps,omitempty"` // what was not seen while it was recorded

	series []events.Series
}

// An Earlier is a record to compare with.
type Earlier struct {
	ID       string          `json:"id"`
	Began    time.Time       `json:"began"`
	Seconds  float64         `json:"duration,omitempty"` // 0 where it never began or still lasts
	Severity agent.Severity  `json:"severity"`
	Verdict  events.Verdict  `json:"verdict,omitempty"`
	Figures  []events.Figure `json:"figures,omitempty"` // those of keyFigures that it has, the worst of each
}

// A Gap is a time in which a device, or all of them, were not read, or only now
// and then.
type Gap struct {
	Device string    `json:"device,omitempty"` // "" for all: the agent did not read
	From   time.Time `json:"from"`             // of the last reading before; the record's beginning where there was none
	To     time.Time `json:"to"`               // of the first reading after; the record's end where there was none
	Never  bool      `json:"never,omitempty"`  // the device was not read at all
	// Longest is the longest pause in it, in s: all of it, unless there were
	// readings now and then.
	Longest float64 `json:"longest"`
}

// keyFigures are those that one test is compared with another by. The worst
// of several devices counts; of generators that which the test was about, as
// another that had to take over says nothing of it.
var keyFigures = []struct {
	name  string
	least bool // the least is the worst
}{
	{events.TimeToStart, false},
	{events.TimeToLoad, false},
	{events.TimeCarried, true},
	{events.LoadMax, false},
	{events.VoltageDip, false},
	{events.FrequencyDip, false},
	{events.FrequencyDeviation, false},
	{events.TimeOnBattery, false},
	{events.BatteryDrained, false},
	{events.TemperatureRise, false},
}

// compared is how many earlier records one is compared with.
const compared = 12

// newStory makes the story of a record. All are the records to compare it with;
// it may be among them.
func newStory(r *events.Record, all []*events.Record, now time.Time) *Story {
	bare := *r
	bare.Series = nil
	s := &Story{Made: now, Record: &bare, series: r.Series}
	for _, e := range all {
		if e.ID == r.ID || !alike(e, r) || !e.Began.Before(r.Began) || e.Verdict == events.Cancelled {
			continue
		}
		s.Earlier = append(s.Earlier, earlier(e))
	}
	slices.SortFunc(s.Earlier, func(a, b Earlier) int { return a.Began.Compare(b.Began) })
	s.Earlier = s.Earlier[max(0, len(s.Earlier)-compared):]
	s.Gaps = gaps(r)
	s.Summary = agent.Words{EN: s.summary(newTongue("en", now.Location())), CS: s.summary(newTongue("cs", now.Location()))}
	return s
}

// alike reports whether two records are of the same kind: of one planned test,
// or with one title.
func alike(a, b *events.Record) bool {
	if a.Kind != b.Kind || a.Plan != b.Plan {
		return false
	}
	return a.Plan != "" || a.Domain == b.Domain && a.Title.EN == b.Title.EN
}

func earlier(r *events.Record) Earlier {
	e := Earlier{ID: r.ID, Began: r.Began, Severity: r.Severity, Verdict: r.Verdict}
	if !r.Ended.IsZero() {
		e.Seconds = r.Ended.Sub(r.Began).Seconds()
	}
	about := generatorOf(r)
	for _, k := range keyFigures {
		f := worst(r, k.name, k.least)
		if f != nil && about != "" && device(r, f.Device).Class == "generator" {
			f = figureOf(r, k.name, about)
		}
		if f != nil {
			e.Figures = append(e.Figures, *f)
		}
	}
	return e
}

// generatorOf returns the generator that a test had to show something of, "" for
// none.
func generatorOf(r *events.Record) string {
	for _, c := range r.Criteria {
		if c.Name != events.Faults && device(r, c.Device).Class == "generator" {
			return c.Device
		}
	}
	return ""
}

// worst returns the worst of the record's figures of a name, nil for none.
func worst(r *events.Record, name string, least bool) *events.Figure {
	var found *events.Figure
	for i := range r.Figures {
		f := &r.Figures[i]
		if f.Name == name && (found == nil || (f.Value < found.Value) == least && f.Value != found.Value) {
			found = f
		}
	}
	return found
}

// named returns the record's figures of a name.
func named(r *events.Record, name string) []events.Figure {
	return slices.DeleteFunc(slices.Clone(r.Figures), func(f events.Figure) bool { return f.Name != name })
}

// figureOf returns a device's figure, nil for none.
func figureOf(r *events.Record, name, device string) *events.Figure {
	for i := range r.Figures {
		if f := &r.Figures[i]; f.Name == name && f.Device == device {
			return f
		}
	}
	return nil
}

// siteID is the id of the device that the site as a whole is: no other may
// have it.
const siteID = "site"

// ofBuilding reports whether something of a device is of the building.
func ofBuilding(id string) bool { return id == "" || id == siteID }

// device returns what the record says of a device.
func device(r *events.Record, id string) events.Device {
	if id == siteID {
		return events.Device{ID: id, Name: cmp.Or(r.Site, id), Class: "site"}
	}
	for _, d := range r.Devices {
		if d.ID == id {
			return d
		}
	}
	for _, e := range r.Events {
		if e.Device == id {
			return events.Device{ID: id, Name: cmp.Or(e.Name, id), Class: e.Class, Labels: e.Labels}
		}
	}
	return events.Device{ID: id, Name: id}
}

// tolerance is how many intervals a device may say nothing before it is a gap.
const tolerance = 3

// patience returns for how long, in ms, a device with an interval may say
// nothing at a time before it is a gap. The readings of what lasts long are
// recorded ever less often.
func patience(r *events.Record, interval int64, at time.Time) int64 {
	switch d := at.Sub(r.Began); {
	case d >= 24*time.Hour:
		interval = max(interval, time.Minute.Milliseconds())
	case d >= 2*time.Hour:
		interval = max(interval, 10*time.Second.Milliseconds())
	}
	return tolerance * interval
}

// gaps finds what was not read between the record's beginning and its end.
func gaps(r *events.Record) []Gap {
	if len(r.Series) == 0 {
		return nil
	}
	read := map[string][]int64{}
	for _, s := range r.Series {
		read[s.Device] = append(read[s.Device], s.Times...)
	}
	var all []int64
	slowest := int64(0) // all devices at once may be silent for as long as it may
	for id, times := range read {
		slices.Sort(times)
		read[id] = slices.Compact(times)
		all = append(all, read[id]...)
		slowest = max(slowest, interval(device(r, id), read[id]))
	}
	slices.Sort(all)
	from, to := r.Began.UnixMilli(), r.Ended.UnixMilli()
	if r.Ended.IsZero() && len(all) > 0 {
		to = all[len(all)-1]
	}
	found := holes(r, "", all, from, to, slowest)
	common, answering := found, 0
	for _, d := range r.Devices {
		times := read[d.ID]
		if len(times) == 0 {
			found = append(found, Gap{Device: d.ID, From: r.Began, To: milli(to), Never: true, Longest: float64(to-from) / 1000})
			continue
		}
		answering++
		every := interval(d, times)
		slack := time.Duration(tolerance*every) * time.Millisecond
		for _, g := range holes(r, d.ID, times, from, to, every) {
			if !slices.ContainsFunc(common, func(c Gap) bool { return !g.From.Before(c.From.Add(-slack)) && !g.To.After(c.To.Add(slack)) }) {
				found = append(found, g)
			}
		}
	}
	return together(found, answering)
}

// together makes one of gaps that all of so many devices have at once: each was
// read at its own moment, so that nothing shows between the readings of all.
func together(found []Gap, devices int) []Gap {
	of := map[string][]Gap{}
	for _, g := range found {
		if g.Device != "" && !g.Never {
			of[g.Device] = append(of[g.Device], g)
		}
	}
	if devices < 2 || len(of) < devices {
		return found
	}
	fewest := slices.MinFunc(slices.Collect(maps.Values(of)), func(a, b []Gap) int { return len(a) - len(b) })
	for _, one := range fewest {
		at := map[string]bool{}
		overlaps := func(g Gap) bool { return g.Device != "" && !g.Never && g.From.Before(one.To) && g.To.After(one.From) }
		for _, g := range found {
			if !overlaps(g) {
				continue
			}
			at[g.Device] = true
			if g.From.After(one.From) {
				one.From = g.From
			}
			if g.To.Before(one.To) {
				one.To = g.To
			}
		}
		if len(at) == devices {
			one.Device, one.Longest = "", one.To.Sub(one.From).Seconds()
			found = slices.Insert(slices.DeleteFunc(found, overlaps), 0, one)
		}
	}
	return found
}

// interval returns the time between a device's polls in ms: as configured, or
// else the usual one.
func interval(d events.Device, times []int64) int64 {
	if d.Every > 0 {
		return int64(d.Every * 1000)
	}
	if len(times) < 2 {
		return 0
	}
	steps := make([]int64, len(times)-1)
	for i := range steps {
		steps[i] = times[i+1] - times[i]
	}
	slices.Sort(steps)
	return steps[len(steps)/2]
}

// holes returns where sorted times leave more between two bounds than a device
// with an interval may; those with one reading between them are one.
func holes(r *events.Record, id string, times []int64, from, to, interval int64) []Gap {
	var found []Gap
	last := from
	for _, t := range append(slices.Clip(times), to) {
		if t <= last {
			continue
		}
		end := min(t, to)
		if end-last > patience(r, interval, milli(last)) {
			g := Gap{Device: id, From: milli(last), To: milli(end), Longest: float64(end-last) / 1000}
			if n := len(found); n > 0 && found[n-1].To.Equal(g.From) {
				found[n-1].To, found[n-1].Longest = g.To, max(found[n-1].Longest, g.Longest)
			} else {
				found = append(found, g)
			}
		}
		if last = t; t >= to {
			break
		}
	}
	return found
}

func milli(t int64) time.Time { return time.UnixMilli(t).UTC() }
