package aside

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"plantroom/testdata/peer"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEntries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "refused.txt")
	f := New(path, 1<<20, slog.Default())
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("with nothing set aside there is a file: %v", err)
	}
	f.Add("a v=1 1", errors.New("400 unable to parse\n 'a v=1'"))
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode: %v %v", info.Mode(), err)
	}
	if got := read(t, path); !regexp.MustCompile(`^# \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ 400 unable to parse 'a v=1'\na v=1 1\n$`).MatchString(got) {
		t.Errorf("entry: %q", got)
	}
	if err := os.Remove(path); err != nil { // somebody has dealt with it
		t.Fatal(err)
	}
	f.Add("a v=2 2", errors.New("no"))
	if got := read(t, path); !strings.HasSuffix(got, " no\na v=2 2\n") || strings.Count(got, "\n") != 2 {
		t.Errorf("entry: %q", got)
	}
}

// TestBound adds far more than fits, from several at a time: the newest stays,
// in whole entries.
func TestBound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "refused.txt")
	f := New(path, 20_000, slog.Default())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 500 {
				f.Add(fmt.Sprintf("a v=%d 1", i), errors.New("no"))
			}
		})
	}
	all.Wait()
	f.Add("last", errors.New("no"))
	text := read(t, path+".1") + read(t, path)
	if len(text) > 20_000 || len(text) < 9_000 || !strings.HasSuffix(text, "\nlast\n") {
		t.Errorf("%d bytes, ending in %q", len(text), text[len(text)-20:])
	}
	entry := regexp.MustCompile(`# \S+ no\n(a v=\d+ 1|last)\n`)
	if rest := entry.ReplaceAllString(text, ""); rest != "" {
		t.Errorf("what is no entry: %q", rest)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 2 {
		t.Errorf("%d files", len(files))
	}
}

// TestFullDisk fills a real file system: nothing waits for it, nothing is half
// written, and it goes on when there is room.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("mounting a file system needs root: ", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, 0) })
	path := filepath.Join(dir, "refused.txt")
	var log peer.Output
	f := New(path, 1<<20, slog.New(slog.NewTextHandler(&log, nil)))
	for range 100 {
		f.Add(strings.Repeat("x", 1000), errors.New("no"))
	}
	if text := log.Take(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "no space left on device") {
		t.Errorf("log:\n%s", text)
	}
	if text := read(t, path); !strings.HasSuffix(text, "x\n") {
		t.Errorf("the file ends in %q", text[len(text)-20:])
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	f.Add("after", errors.New("no"))
	if text := log.Take(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "is kept again") {
		t.Errorf("log:\n%s", text)
	}
}
