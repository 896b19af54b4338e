package events

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"plantroom/agent"
)

// A keeper does what polls are not to wait for: it puts the journal on the
// disk, writes records and computes their figures. It has a goroutine.
type keeper struct {
	engine *Engine
	kick   chan struct{} // holds a token while there is something to do
	quit   chan struct{}
	done   chan struct{}

	working sync.Mutex // held while it works; before Engine.mu

	// What there is to do; under Engine.mu.
	incidents []*incident // whose record has to be written
	judged    []*incident // and whose figures have to be computed
	records   []*Record   // made otherwise, to be written as they are
}

// keepEvery is how often the keeper works at most.
const keepEvery = time.Second

func (k *keeper) start(e *Engine) {
	k.engine, k.kick, k.quit, k.done = e, make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	if len(k.judged) > 0 { // the run before had no time to
		k.wake()
	}
	go func() {
		defer close(k.done)
		for {
			select {
			case <-k.quit:
				return
			case <-k.kick:
			}
			k.work()
			t := time.NewTimer(keepEvery)
			select {
			case <-k.quit:
				t.Stop()
				return
			case <-t.C:
			}
		}
	}()
}

// stop ends the goroutine and does what is left to do.
func (k *keeper) stop() {
	close(k.quit)
	<-k.done
	k.work()
}

func (k *keeper) wake() {
	select {
	case k.kick <- struct{}{}:
	default:
	}
}

// changed has the record of an incident written. Engine.mu is held.
func (k *keeper) changed(inc *incident) {
	for _, known := range k.incidents {
		if known == inc {
			return
		}
	}
	k.incidents = append(k.incidents, inc)
	k.wake()
}

// judge has the figures of an incident computed. Engine.mu is held.
func (k *keeper) judge(inc *incident) {
	k.judged = append(k.judged, inc)
	k.wake()
}

// write has a record written. Engine.mu is held.
func (k *keeper) write(r *Record) {
	k.records = append(k.records, r)
	k.wake()
}

// work does what there is to do.
func (k *keeper) work() {
	k.working.Lock()
	defer k.working.Unlock()
	e := k.engine
	e.mu.Lock()
	file := e.journal.f
	judged, records := k.judged, k.records
	var write []*Record
	for _, inc := range k.incidents {
		write = append(write, e.snapshot(inc))
	}
	k.incidents, k.judged, k.records = nil, nil, nil
	e.mu.Unlock()

	if file != nil {
		if err := file.Sync(); err != nil && !errors.Is(err, fs.ErrClosed) {
			e.options.Log.Error("what happened may not be on the disk", "err", err)
		}
	}
	for _, r := range append(write, records...) {
		k.put(r)
	}
	for _, inc := range judged {
		k.conclude(inc)
	}
	if len(judged) > 0 {
		e.deliver()
	}
}

func (k *keeper) put(r *Record) {
	dir := k.engine.options.Dir
	if dir == "" {
		return
	}
	if err := r.write(dir); err != nil {
		k.engine.options.Log.Error("the record of an incident is not written", "incident", r.ID, "err", err)
	}
}

// snapshot returns the record of an incident as it is now.
func (e *Engine) snapshot(inc *incident) *Record {
	r := inc.Record
	r.Events = nil
	for _, ev := range e.events {
		if ev.ID == inc.ID {
			r.Events = append([]agent.Event{inc.told(*ev)}, r.Events...)
		} else if ev.Parent == inc.ID {
			r.Events = append(r.Events, inc.told(e.shown(ev)))
		}
	}
	return &r
}

// conclude computes the figures of an incident that has ended, and with them
// the verdict on a test.
func (k *keeper) conclude(inc *incident) {
	e := k.engine
	e.mu.Lock()
	r, dir := e.snapshot(inc), e.options.Dir
	var memory []byte
	if inc.recorder.memory != nil {
		memory = inc.recorder.memory.Bytes()
	}
	lost := inc.recorder.err
	e.mu.Unlock()

	var err error
	if dir == "" {
		r.Series, err = parseSeries(bytes.NewReader(memory))
	} else {
		r.Series, err = readSeries(dir, r.ID)
	}
	if lost != nil && !errors.Is(lost, fs.ErrClosed) {
		err = lost
	}
	if err != nil {
		e.options.Log.Error("readings of an incident are not recorded", "incident", r.ID, "err", err)
	}
	r.measure()
	if r.Kind == "test" && r.Verdict != Cancelled {
		r.judge(inc.Spec)
	}
	r.Series = nil

	e.mu.Lock()
	first := inc.Verdict == NoVerdict
	inc.Figures, inc.NotObserved, inc.Transitions, inc.Criteria = r.Figures, r.NotObserved, r.Transitions, r.Criteria
	if r.Kind == "test" && first {
		if inc.Verdict = r.Verdict; inc.saidFailed() >= 0 { // while the figures were computed
			inc.Verdict = Failed
		}
		e.pronounce(inc)
	}
	r = e.snapshot(inc)
	e.mu.Unlock()
	k.put(r)
	if dir == "" || r.Watched.IsZero() {
		return
	}
	if err := compress(dir, r.ID); err != nil {
		e.options.Log.Error("the readings of an incident stay as large as they are", "incident", r.ID, "err", err)
	}
	gone, err := prune(dir, folderLimit)
	if err != nil {
		e.options.Log.Error("old events cannot be removed", "err", err)
	}
	if len(gone) > 0 {
		e.options.Log.Info("the oldest of what happened is removed, the folder is full", "files", len(gone), "to", gone[len(gone)-1])
	}
}

// folderLimit bounds the folder, in bytes: the box has other uses for its disk.
const folderLimit = 1 << 30

// prune removes the oldest files of a folder of events until it has no more
// than limit bytes: readings first, then records, then what happened, but for
// the last two months. It returns what it removed.
func prune(dir string, limit int64) (gone []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	size := map[string]int64{}
	total := int64(0)
	var readings, records, months []string // their names sort by age
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // just removed
		}
		name := e.Name()
		size[name] = info.Size()
		total += info.Size()
		switch {
		case strings.HasSuffix(name, compressedSuffix):
			readings = append(readings, name)
		case strings.HasSuffix(name, recordSuffix):
			records = append(records, name)
		case strings.HasSuffix(name, journalSuffix):
			months = append(months, name)
		}
	}
	for _, name := range slices.Concat(readings, records, months[:max(0, len(months)-2)]) {
		if total <= limit {
			break
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			return gone, err
		}
		total -= size[name]
		gone = append(gone, name)
	}
	return gone, nil
}

// pronounce says how a test ended. Engine.mu is held.
func (e *Engine) pronounce(inc *incident) {
	text := inc.verdictText()
	e.tests.went(&inc.Record)
	inc.own.event.Text = text
	if inc.Verdict == Failed {
		inc.own.severity = max(inc.own.severity, agent.Warning)
	}
	e.update(inc.own)
	switch {
	case inc.Plan == "":
	case inc.Verdict == Failed:
		e.verdict(inc.Plan, text, inc.Ended)
	default:
		e.kept(inc.Plan, inc.Ended)
	}
	e.keepMeta(inc)
}

// Flush does at once what is done within a second otherwise: everything is
// kept, and what has ended has its figures and its verdict.
func (e *Engine) Flush() {
	e.keeper.work()
	e.deliver()
}
