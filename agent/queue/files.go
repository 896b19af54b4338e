package queue

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// files is what a queue asks of a file system. The tests have one that loses
// power.
type files interface {
	// open opens or, with os.O_CREATE in flag, creates a file, mode 0600.
	open(name string, flag int) (file, error)
	remove(name string) error
	// list returns the regular files of a folder.
	list(dir string) ([]entry, error)
	// syncDir makes lasting which files are in a folder.
	syncDir(dir string) error
}

type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}

type entry struct {
	name     string
	size     int64
	modified time.Time
}

// disk is the file system of the operating system.
type disk struct{}

func (disk) open(name string, flag int) (file, error) {
	f, err := os.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (disk) remove(name string) error { return os.Remove(name) }

func (disk) list(dir string) ([]entry, error) {
	listed, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []entry
	for _, e := range listed {
		if !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, entry{e.Name(), info.Size(), info.ModTime()})
	}
	return all, nil
}

func (disk) syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// makeDir makes a folder that outlasts a power cut, where there is none.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return disk{}.syncDir(filepath.Dir(dir))
}

// lockDir makes this process the only one that has a folder. The lock ends
// when the file is closed or the process dies.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(f, 20))
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w by process %s", ErrInUse, strings.TrimSpace(string(holder)))
		}
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	// Who holds it is for people; the lock holds without.
	if f.Truncate(0) == nil {
		fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	return f, nil
}
