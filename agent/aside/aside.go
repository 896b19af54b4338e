// Package aside keeps what a far side will never take in a file for people.
//
// An entry is a line that begins with #, with the time and the reason, and
// then what was not taken, as it is:
//
//	# 2026-11-26T12:00:00Z 400 partial write: field type conflict: ...
//	ups,device=ups-a,site=praha-1 x_mode="auto" 1790000000000
//
// So a file of line protocol is line protocol, and can be written to a
// database once that is put right.
//
// A file is bounded: when it is full it becomes the one before, which ends in
// .1, and that goes. Nothing depends on it. What cannot be written, because
// the disk is full, is not written; the log says so once.
package aside

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// A File is a file with what was set aside and the one before it. It is made
// with its first entry, readable to its owner only. Its methods are safe for
// concurrent use.
type File struct {
	path  string
	limit int64
	log   *slog.Logger

	mu     sync.Mutex
	broken bool // the last entry could not be written, and that was reported
}

// New returns the file at path. It and the one before it hold up to limit
// bytes together.
func New(path string, limit int64, log *slog.Logger) *File {
	return &File{path: path, limit: limit / 2, log: log}
}

// Add writes an entry.
func (f *File) Add(what string, why error) {
	reason := strings.Join(strings.Fields(why.Error()), " ")
	entry := fmt.Sprintf("# %s %s\n%s\n", time.Now().UTC().Format(time.RFC3339), reason, what)
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.write(entry)
	if broken := err != nil; broken != f.broken {
		f.broken = broken
		if broken {
			f.log.Error("what is set aside is not kept", "file", f.path, "err", err)
		} else {
			f.log.Info("what is set aside is kept again", "file", f.path)
		}
	}
}

// write appends to the file, which is opened for each entry, so that people
// may take it away. Half an entry is taken back.
func (f *File) write(entry string) (err error) {
	info, err := os.Stat(f.path)
	if err == nil && info.Size()+int64(len(entry)) > f.limit {
		err = os.Rename(f.path, f.path+".1")
		info = nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.WriteString(entry); err != nil {
		size := int64(0)
		if info != nil {
			size = info.Size()
		}
		return errors.Join(err, file.Truncate(size))
	}
	return nil
}
