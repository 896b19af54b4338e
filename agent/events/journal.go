package events

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"plantroom/agent"
)

// A journal is what happened, as lines (see appendLine) in a file for each
// month: 2026-11.events. A line is an event as it has become, or what is known
// of an incident as it has become; of several with the same id the last
// counts. A new file begins with all that lasts, so that the newest one alone
// says what does. A line is in the operating system when append returns, and
// on the disk a second later.
type journal struct {
	dir   string // "" keeps nothing
	log   *slog.Logger
	f     *os.File
	month string
	buf   []byte
	torn  bool // the last line may be a part of one
	fails bool // and that was reported
	dirty bool // something is not on the disk yet
}

// An entry is what a line of the journal holds: one of the four.
type entry struct {
	Event    *agent.Event `json:"event,omitempty"`
	Again    bool         `json:"again,omitempty"` // the event lasts on from the file before
	Incident *meta        `json:"incident,omitempty"`
	Plan     *planned     `json:"plan,omitempty"`
	// Waiting says that all events of the lines before were announced, but for
	// so many at their end.
	Waiting *int `json:"waiting,omitempty"`
}

const journalSuffix = ".events"

// append keeps an entry. Where it cannot, that is said once.
func (j *journal) append(e entry) {
	if j.f == nil {
		return
	}
	j.buf = j.buf[:0]
	if j.torn {
		j.buf = append(j.buf, '\n')
	}
	j.buf = appendLine(j.buf, e)
	n, err := j.f.Write(j.buf)
	j.torn = err != nil && (n > 0 || j.torn)
	j.dirty = true
	j.report(err)
}

func (j *journal) report(err error) {
	if (err != nil) == j.fails {
		return
	}
	j.fails = err != nil
	if j.fails {
		j.log.Error("what happens is not kept, its file does not take it", "err", err)
	} else {
		j.log.Info("what happens is kept again")
	}
}

// turn begins a new file when a month has ended; lasting is what it begins
// with.
func (j *journal) turn(now time.Time, lasting func(put func(entry))) {
	month := now.UTC().Format("2006-01")
	if j.dir == "" || month <= j.month || now.IsZero() {
		return
	}
	f, err := openAppend(filepath.Join(j.dir, month+journalSuffix))
	if err != nil {
		j.report(err)
		return
	}
	if j.f != nil {
		j.f.Close()
	}
	first := j.f == nil
	j.f, j.month, j.torn = f, month, false
	if first {
		j.append(entry{Waiting: new(int)})
	}
	lasting(func(e entry) { j.append(e) })
}

func (j *journal) close() error {
	if j.f == nil {
		return nil
	}
	err := errors.Join(j.f.Sync(), j.f.Close())
	j.f = nil
	return err
}

// journals returns the files of a folder, oldest first.
func journals(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if month, ok := strings.CutSuffix(e.Name(), journalSuffix); ok && len(month) == len("2006-01") {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// readJournal hands over the entries of a file.
func readJournal(path string, f func(entry)) (damaged int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	return eachLine(file, func(text []byte) {
		var e entry
		if json.Unmarshal(text, &e) == nil {
			f(e)
		}
	})
}

// openJournal makes the folder where there is none, and reads what it holds.
func (e *Engine) openJournal() error {
	e.journal = &journal{dir: e.options.Dir, log: e.options.Log}
	dir := e.options.Dir
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	names, err := journals(dir)
	if err != nil {
		return err
	}
	// The newest says what lasts, the one before what was asked for yesterday.
	metas := map[string]*meta{}
	var waiting []string                 // ids of events that were not announced
	marked := false                      // it says so
	gravest := map[string]*agent.Event{} // of those beyond a limit, as they were at their worst
	for _, name := range names[max(0, len(names)-2):] {
		damaged, err := readJournal(filepath.Join(dir, name), func(in entry) {
			switch {
			case in.Event != nil:
				if !in.Again {
					waiting = append(waiting, in.Event.ID)
				}
				at, found := e.find(in.Event.ID)
				if found {
					e.events[at] = in.Event
				} else {
					e.events = slices.Insert(e.events, at, in.Event)
				}
				if g := gravest[in.Event.ID]; in.Event.Peak != nil && (g == nil || in.Event.Severity > g.Severity) {
					gravest[in.Event.ID] = in.Event
				}
				e.lastID = max(e.lastID, in.Event.ID)
				e.now = maxTime(e.now, maxTime(in.Event.Began, in.Event.Ended))
			case in.Incident != nil:
				metas[in.Incident.ID] = in.Incident
			case in.Plan != nil:
				e.tests.since[in.Plan.ID] = in.Plan.Since
			case in.Waiting != nil:
				n := min(max(0, *in.Waiting), len(waiting))
				waiting, marked = waiting[len(waiting)-n:], true
			}
		})
		if err != nil {
			return err
		}
		if damaged > 0 {
			e.options.Log.Warn("lines of the log of events are damaged and left out", "file", name, "lines", damaged)
		}
	}
	records, err := List(dir)
	if err != nil {
		e.options.Log.Warn("a record of an incident is left out", "err", err)
	}
	written := map[string]*Record{}
	for _, r := range records {
		written[r.ID] = r
	}
	e.resume(metas, written, gravest)
	for _, r := range records {
		e.tests.went(r)
		e.tests.count(r)
	}
	if len(names) > 0 {
		newest := names[len(names)-1]
		f, err := openAppend(filepath.Join(dir, newest))
		if err != nil {
			return err
		}
		e.journal.f, e.journal.month = f, strings.TrimSuffix(newest, journalSuffix)
	}
	if !marked {
		waiting = nil // it is older than that
	}
	for _, id := range waiting {
		if at, found := e.find(id); found && !slices.Contains(e.pending, e.events[at]) {
			e.pending = append(e.pending, e.events[at])
		}
	}
	e.mark(len(waiting))
	return nil
}

// mark notes in the journal how many of the events in it are still to be
// announced.
func (e *Engine) mark(waiting int) { e.journal.append(entry{Waiting: &waiting}) }
