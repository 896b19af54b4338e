// Package ledger keeps what each day of a site came to: for how long a device
// answered and for how long it did not, how long it was in which state, what it
// measured at least, on average and at most, what its meters counted, and what
// the parts of the power path stood on.
//
// # How it is computed
//
// What a poll says is taken to last until the next one, and for two intervals
// longer than that is due at most: after that nothing is known, and the time
// counts as neither. So what a day lacks, when the times of a device are added
// up, is what was not observed.
//
//	poll        ok        ok        -         -                   ok
//	time   ─────┼─────────┼─────────┼─────────┼──── ... ──────────┼────
//	counts as   up        up        down      down, until due + 2  up
//
// There is no clock but the times of polls. Where it is set, what has passed is
// counted once: the time that it leaves out as not observed, and the time that
// comes again not again.
//
// A mean is weighted by time. What a meter counts is the sum of its steps, over
// restarts of the agent too; where it goes back it was reset, and what it then
// shows is what it has counted since.
//
// # What is kept
//
// A day is a file, 2026-11-26.json, in the box's zone, a Day as JSON. It is
// replaced as a whole every minute, when the day ends and when the agent does,
// and is on the disk before its name is: a kill or a power cut costs that day
// the last minute, which counts as not observed. Four hundred days are kept.
package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/renameio/v2"

	"plantroom/agent"
)

// A Day is what one day came to, as far as it was observed. Times without a
// date are in s.
type Day struct {
	Site    string    `json:"site"`
	Date    string    `json:"date"` // 2026-11-26
	From    time.Time `json:"from"` // when it begins
	To      time.Time `json:"to"`   // when the next one does
	Runs    []Run     `json:"runs"` // when the agent ran, one after the other
	Devices []*Device `json:"devices"`
	// Parts are those of the power path, polled or not.
	Parts []*Part `json:"parts,omitempty"`
}

// A Run is a time that the agent ran, as far as it was kept.
type Run struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// A Device is what a day of a device came to.
type Device struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	Class    string  `json:"class"`
	Room     string  `json:"room,omitempty"` // its label
	Up       float64 `json:"up"`             // s for which it answered
	Down     float64 `json:"down"`           // s for which it did not
	Outages  int     `json:"outages"`        // times that two polls in a row failed
	Polls    int     `json:"polls"`
	Failures int     `json:"failures"` // polls without an answer
	Skipped  int     `json:"skipped"`  // polls that there was no time for
	// States are the s in each state, by metric and word. The mode of a cooling
	// unit counts while the unit runs.
	States map[string]map[string]float64 `json:"states,omitempty"`
	// Values are what it measured, by metric or METRIC/CHANNEL.
	Values map[string]*Value `json:"values,omitempty"`
	// Counts are what its counters counted, named likewise.
	Counts map[string]*Count `json:"counts,omitempty"`
	// PUE is of the site alone.
	PUE *PUE `json:"pue,omitempty"`
}

// A Value is a number over a day.
type Value struct {
	Unit    string    `json:"unit"`
	Seconds float64   `json:"seconds"` // for which it was known
	Sum     float64   `json:"sum"`     // of value times s
	Min     float64   `json:"min"`
	Max     float64   `json:"max"`
	MaxAt   time.Time `json:"max_at"`
}

// Mean returns the mean over the time for which the value was known.
func (v *Value) Mean() float64 {
	if v.Seconds == 0 {
		return (v.Min + v.Max) / 2
	}
	return v.Sum / v.Seconds
}

// A Count is a counter over a day.
type Count struct {
	Unit   string    `json:"unit"`
	First  float64   `json:"first"` // what it showed first
	Last   float64   `json:"last"`
	At     time.Time `json:"at"` // of Last
	Used   float64   `json:"used"`
	Resets int       `json:"resets,omitempty"`
}

// A PUE is what the power usage effectiveness is computed from: what the site
// took and what of it the IT load took, while both were known.
type PUE struct {
	Seconds float64 `json:"seconds"`
	Site    float64 `json:"site"` // Wh
	IT      float64 `json:"it"`   // Wh
}

// A Part is what a day of a part of the power path came to.
type Part struct {
	ID    string             `json:"id"`
	Name  string             `json:"name"`
	Class string             `json:"class"`
	On    map[string]float64 `json:"on"` // s that it stood on mains, generator, batteries, dead, no_data
	// Carried is the s for which a generator fed something.
	Carried float64 `json:"carried,omitempty"`
}

const (
	saveEvery = time.Minute
	keptDays  = 400
	suffix    = ".json"
	dateForm  = "2006-01-02"
)

// A Ledger is the days of a site that runs. It is safe for concurrent use.
type Ledger struct {
	dir  string
	site string
	zone *time.Location
	log  *slog.Logger

	mu       sync.Mutex
	day      *Day      // nil before the first poll
	at       time.Time // of the newest poll or path
	seen     time.Time // and when it came
	counted  time.Time // up to when the day was counted before; by an earlier run, or before the clock was set back
	accounts map[string]*account
	parts    map[string]*standing
	last     map[countKey]*Count // of the days before, where today has none
	broken   bool                // said already

	stop, done chan struct{}
}

type countKey struct{ device, name string }

// Open returns the ledger of a site in a folder, which is made where there is
// none. What an earlier run kept of today goes on.
func Open(dir, site string, log *slog.Logger) (*Ledger, error) {
	return open(dir, site, time.Local, log)
}

func open(dir, site string, zone *time.Location, log *slog.Logger) (*Ledger, error) {
	l := &Ledger{dir: dir, site: site, zone: zone, log: log, accounts: map[string]*account{}, parts: map[string]*standing{},
		last: map[countKey]*Count{}, stop: make(chan struct{}), done: make(chan struct{})}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if _, err := dates(dir); err != nil {
		return nil, err
	}
	go l.run()
	return l, nil
}

// enter begins the day of a time, or goes on with what was kept of it. What
// lasts goes on in it. mu is held.
func (l *Ledger) enter(now time.Time) {
	first := l.day == nil
	y, m, d := now.In(l.zone).Date()
	from := agent.Midnight(y, m, d, l.zone)
	l.day = &Day{Site: l.site, Date: from.Format(dateForm), From: from, To: agent.Midnight(y, m, d+1, l.zone)}
	l.counted = time.Time{}
	l.resume(first)
	start := now
	if !first && l.counted.IsZero() && l.at.Before(from) {
		start = from // the day before ended with its time
	}
	start = later(start, l.counted)
	if n := len(l.day.Runs); n == 0 || start.After(l.day.Runs[n-1].To) {
		l.day.Runs = append(l.day.Runs, Run{start, start})
	}
	for id, a := range l.accounts {
		if a.until.Before(from) { // it was not polled any more
			delete(l.accounts, id)
			continue
		}
		a.Device = l.device(a.device)
		a.forget()
	}
	for id, p := range l.parts {
		kept := l.part(id)
		kept.Name, kept.Class = p.Name, p.Class
		if p.Part = kept; !p.from.IsZero() {
			p.from = later(p.from, l.counted)
		}
	}
	l.prune()
}

// resume takes over what was kept of the day and, when the agent has just begun,
// what counters showed before. mu is held.
func (l *Ledger) resume(first bool) {
	dates, err := dates(l.dir)
	if err != nil {
		l.log.Warn("what was kept of the day is lost", "err", err)
	}
	for _, date := range slices.Backward(dates) {
		if date > l.day.Date {
			continue
		}
		if date < l.day.Date && !first {
			break
		}
		day, err := read(l.dir, date)
		if err != nil {
			l.log.Warn("what was kept of a day is lost", "err", err)
			continue
		}
		if first {
			l.remember(day)
		}
		if date == l.day.Date {
			l.day.Devices, l.day.Parts, l.day.Runs = day.Devices, day.Parts, day.Runs
			if n := len(day.Runs); n > 0 {
				l.counted = day.Runs[n-1].To
			}
		}
		break // a counter that the newest day does not have is gone
	}
}

// remember keeps what the counters of a day showed, to go on from.
func (l *Ledger) remember(day *Day) {
	for _, d := range day.Devices {
		for name, c := range d.Counts {
			l.last[countKey{d.ID, name}] = c
		}
	}
}

// leave ends the day, or what there is of it, at a time. mu is held.
func (l *Ledger) leave(at time.Time) {
	l.report(l.write(at))
	l.remember(l.day)
}

func (l *Ledger) run() {
	defer close(l.done)
	t := time.NewTicker(saveEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			l.save()
		case <-l.stop:
			return
		}
	}
}

// Close keeps what there is.
func (l *Ledger) Close() error {
	close(l.stop)
	<-l.done
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.day == nil {
		return nil
	}
	return l.write(l.now())
}

// save keeps the day as it is now.
func (l *Ledger) save() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.day == nil {
		return
	}
	l.turn(l.now())
	l.report(l.write(l.now()))
}

// now returns the time, by what polls said. mu is held.
func (l *Ledger) now() time.Time { return l.at.Add(time.Since(l.seen)) }

// reach takes the time of a poll or a path, and turns to its day. mu is held.
func (l *Ledger) reach(t time.Time) {
	l.turn(t)
	if t.After(l.at) {
		l.at, l.seen = t, time.Now()
	}
}

// Step takes it that the clock was set: what was observed was so much later.
func (l *Ledger) Step(by time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.day == nil {
		return
	}
	was := l.settle(l.now())
	now := was.Add(by)
	if now.Before(l.day.From) || !now.Before(l.day.To) {
		l.leave(was)
		clear(l.accounts) // the next poll makes them anew
		l.at, l.seen = now, time.Now()
		l.enter(now)
	} else {
		l.at, l.seen = now, time.Now()
		l.ran(was)
		if start := later(now, l.counted); by <= 0 {
			l.counted = later(l.counted, was)
		} else if start.After(l.day.Runs[len(l.day.Runs)-1].To) { // or it was set back before
			l.day.Runs = append(l.day.Runs, Run{start, start})
		}
	}
	for _, a := range l.accounts {
		a.until = a.from // what is so from now on, the next poll says
	}
	for _, p := range l.parts {
		if !p.from.IsZero() {
			p.from = later(now, l.counted)
		}
	}
}

// report says what is wrong, once until it is right again. mu is held.
func (l *Ledger) report(err error) {
	switch {
	case err != nil && !l.broken:
		l.log.Error("what the day comes to is not kept", "err", err)
	case err == nil && l.broken:
		l.log.Info("what the day comes to is kept again")
	}
	l.broken = err != nil
}

// write settles everything up to a time and keeps it. mu is held.
func (l *Ledger) write(now time.Time) error {
	l.ran(l.settle(now))
	text, err := json.Marshal(l.day)
	if err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(l.dir, l.day.Date+suffix), append(text, '\n'), 0o600, renameio.WithTempDir(l.dir))
}

// ran notes that the agent ran up to a time. mu is held.
func (l *Ledger) ran(to time.Time) {
	run := &l.day.Runs[len(l.day.Runs)-1]
	run.To = later(run.To, to)
}

// settle counts all that is known up to a time within the day, and returns the
// time. mu is held.
func (l *Ledger) settle(now time.Time) time.Time {
	now = now.Round(0)
	if now.After(l.day.To) {
		now = l.day.To
	}
	for _, a := range l.accounts {
		a.settle(now)
	}
	for _, p := range l.parts {
		p.settle(now)
	}
	return now
}

// turn goes on to the day of a time, where that is none of the day's or before
// it. mu is held.
func (l *Ledger) turn(now time.Time) {
	switch {
	case l.day == nil:
	case now.Before(l.day.To):
		return
	default:
		l.leave(l.day.To)
	}
	l.enter(now)
}

// prune deletes the oldest days. It counts them, and does not ask the clock
// how old they are: one that is set wrong would delete everything.
func (l *Ledger) prune() {
	dates, _ := dates(l.dir)
	for _, date := range dates[:max(0, len(dates)-keptDays)] {
		if err := os.Remove(filepath.Join(l.dir, date+suffix)); err != nil {
			l.log.Warn("an old day is not deleted", "err", err)
		}
	}
}

// dates returns the days in a folder, sorted; none where there is no folder.
func dates(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []string
	for _, e := range entries {
		date, ok := strings.CutSuffix(e.Name(), suffix)
		if _, err := time.Parse(dateForm, date); ok && err == nil {
			all = append(all, date)
		}
	}
	slices.Sort(all)
	return all, nil
}

func read(dir, date string) (*Day, error) {
	name := filepath.Join(dir, date+suffix)
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	d := &Day{}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return d, nil
}

// Read returns the days of a month that are in a folder, in order. One that
// cannot be read is left out, and in the error.
func Read(dir string, year int, month time.Month) ([]*Day, error) {
	all, err := dates(dir)
	if err != nil {
		return nil, err
	}
	var days []*Day
	var errs []error
	for _, date := range all {
		if !strings.HasPrefix(date, fmt.Sprintf("%04d-%02d-", year, month)) {
			continue
		}
		d, err := read(dir, date)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		days = append(days, d)
	}
	return days, errors.Join(errs...)
}

// Months returns the months of which there are days in a folder, as 2026-11,
// in order.
func Months(dir string) ([]string, error) {
	all, err := dates(dir)
	for i, date := range all {
		all[i] = date[:len("2006-01")]
	}
	return slices.Compact(all), err
}

// Path takes what the building stands on, whenever that changes.
func (l *Ledger) Path(p agent.Path) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := p.Time.Round(0)
	if now.IsZero() {
		return // nothing was polled yet
	}
	l.reach(now)
	feeds := map[string]bool{} // what generators' power comes from
	for _, id := range p.Sources {
		feeds[id] = true
	}
	for _, e := range p.Edges {
		feeds[e.From] = feeds[e.From] || e.On == agent.Generator
	}
	there := map[string]bool{}
	for _, n := range p.Nodes {
		there[n.ID] = true
		s := l.parts[n.ID]
		if s == nil {
			s = &standing{Part: l.part(n.ID)}
			l.parts[n.ID] = s
		}
		s.settle(now)
		s.Name, s.Class, s.on, s.from = n.Name, n.Class, n.On, later(now, l.counted)
		s.carries = n.Class == "generator" && feeds[n.ID]
	}
	for id, s := range l.parts {
		if !there[id] {
			s.settle(now)
			delete(l.parts, id)
		}
	}
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// device returns the day's device, made where there is none.
func (l *Ledger) device(of *agent.Device) *Device {
	for _, d := range l.day.Devices {
		if d.ID == of.ID {
			return d
		}
	}
	d := newDevice(of)
	l.day.Devices = append(l.day.Devices, d)
	return d
}

// part returns the day's part with an id, made where there is none.
func (l *Ledger) part(id string) *Part {
	for _, p := range l.day.Parts {
		if p.ID == id {
			return p
		}
	}
	p := &Part{ID: id, On: map[string]float64{}}
	l.day.Parts = append(l.day.Parts, p)
	return p
}

// A standing is a part and what it stands on now.
type standing struct {
	*Part
	on      agent.Supply
	carries bool
	from    time.Time // since when it is not counted yet; zero before the run knows
}

func (s *standing) settle(now time.Time) {
	if s.from.IsZero() {
		return
	}
	if d := now.Sub(s.from).Seconds(); d > 0 {
		s.On[s.on.String()] += d
		if s.carries {
			s.Carried += d
		}
		s.from = now
	}
}
