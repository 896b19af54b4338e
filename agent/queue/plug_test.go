package queue

import (
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A plug is a file system that can be pulled: it knows what has been synced
// and forgets the rest, or a part of it. It is harsher than any real one, for
// it has neither a journal nor a time after which it writes by itself. It can
// also be full, read-only or fail to sync.
//
// It is one folder; the folder's name does not matter.
type plug struct {
	mu      sync.Mutex
	names   map[string]*plugFile
	lasting map[string]*plugFile // names as of the last syncDir
	changes []change             // since

	room                       int   // bytes that may still be written; negative is no limit
	writeErr, syncErr, openErr error // what everything of that sort fails with
	syncs, written             int
}

type change struct {
	name string
	file *plugFile // nil: removed
}

type plugFile struct {
	p             *plug
	data, lasting []byte
}

func newPlug() *plug {
	return &plug{names: map[string]*plugFile{}, lasting: map[string]*plugFile{}, room: -1}
}

// plugOf returns a plug that holds files, safe from power cuts.
func plugOf(files map[string][]byte) *plug {
	p := newPlug()
	for name, data := range files {
		p.names[name] = &plugFile{p, slices.Clone(data), slices.Clone(data)}
	}
	p.lasting = maps.Clone(p.names)
	return p
}

// with does something to p or looks at it while the queue does not.
func (p *plug) with(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
}

// contents returns what is in the files.
func (p *plug) contents() map[string][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string][]byte{}
	for name, f := range p.names {
		all[name] = slices.Clone(f.data)
	}
	return all
}

// cut returns what is left when the power goes: what was synced, and of the
// rest the first so many changes to the folder, and any of the sectors.
func (p *plug) cut(r *rand.Rand) *plug {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := maps.Clone(p.lasting)
	for _, c := range p.changes[:r.IntN(len(p.changes)+1)] {
		if c.file == nil {
			delete(left, c.name)
		} else {
			left[c.name] = c.file
		}
	}
	files := map[string][]byte{}
	for name, f := range left {
		data := slices.Clone(f.lasting)
		if len(f.data) != len(data) && r.IntN(2) == 0 {
			data = append(data, make([]byte, max(0, len(f.data)-len(data)))...)[:len(f.data)]
		}
		for at := 0; at < len(data); at += sectorSize {
			if end := min(at+sectorSize, len(data)); end <= len(f.data) && r.IntN(2) == 0 {
				copy(data[at:end], f.data[at:end])
			}
		}
		files[name] = data
	}
	return plugOf(files)
}

func (p *plug) open(name string, flag int) (file, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	name = filepath.Base(name)
	f := p.names[name]
	fail := func(err error) (file, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: err} }
	switch {
	case p.openErr != nil:
		return fail(p.openErr)
	case f == nil && flag&os.O_CREATE == 0:
		return fail(fs.ErrNotExist)
	case f != nil && flag&os.O_EXCL != 0:
		return fail(fs.ErrExist)
	case f == nil && p.writeErr != nil:
		return fail(p.writeErr)
	case f == nil:
		f = &plugFile{p: p}
		p.names[name] = f
		p.changes = append(p.changes, change{name, f})
	}
	return &handle{plugFile: f}, nil
}

func (p *plug) remove(name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	name = filepath.Base(name)
	if p.writeErr != nil && p.room < 0 {
		return p.writeErr
	}
	if p.names[name] == nil {
		return fs.ErrNotExist
	}
	delete(p.names, name)
	p.changes = append(p.changes, change{name, nil})
	return nil
}

func (p *plug) list(string) ([]entry, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []entry
	for name, f := range p.names {
		all = append(all, entry{name, int64(len(f.data)), time.Now()})
	}
	return all, nil
}

func (p *plug) syncDir(string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.syncs++
	if p.syncErr != nil {
		return p.syncErr
	}
	p.lasting, p.changes = maps.Clone(p.names), nil
	return nil
}

type handle struct {
	*plugFile
	closed bool // under p.mu
}

func (h *handle) ReadAt(b []byte, off int64) (int, error) {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	if off >= int64(len(h.data)) {
		return 0, io.EOF
	}
	n := copy(b, h.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) WriteAt(b []byte, off int64) (int, error) {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	if h.closed {
		return 0, os.ErrClosed
	}
	if h.p.writeErr != nil && h.p.room < 0 {
		return 0, h.p.writeErr
	}
	grown := max(0, int(off)+len(b)-len(h.data))
	var err error
	if h.p.room >= 0 && grown > h.p.room {
		b, err = b[:len(b)-(grown-h.p.room)], syscall.ENOSPC
		grown = h.p.room
	}
	if h.p.room >= 0 {
		h.p.room -= grown
	}
	h.data = append(h.data, make([]byte, grown)...)
	h.p.written += copy(h.data[off:], b)
	return len(b), err
}

func (h *handle) Truncate(size int64) error {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	if h.p.room >= 0 {
		h.p.room += len(h.data) - int(size)
	}
	h.data = h.data[:size]
	return nil
}

func (h *handle) Sync() error {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	if h.closed {
		return os.ErrClosed
	}
	h.p.syncs++
	if h.p.syncErr != nil {
		return h.p.syncErr
	}
	h.lasting = slices.Clone(h.data)
	return nil
}

func (h *handle) Close() error {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	h.closed = true
	return nil
}

func openPlug(t testing.TB, p *plug, o Options) *Durable {
	t.Helper()
	q, err := open(t.TempDir(), o, p)
	if err != nil {
		t.Fatal(err)
	}
	return q
}
