package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"plantroom/config"
	"plantroom/testdata/peer"
)

// put writes a file, and makes its folder.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// stationOf loads a configuration and makes its station, which does not poll yet.
func stationOf(t *testing.T, path string) (*station, *config.Site) {
	t.Helper()
	site, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newStation(site, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s, site
}

// running runs plantroom with a configuration until the test ends, or until
// stop, which returns when it has ended well.
func running(t *testing.T, site string) (log *peer.Output, stop func()) {
	t.Helper()
	log = &peer.Output{}
	ctx, cancel := context.WithCancel(t.Context())
	exit := make(chan int, 1)
	go func() { exit <- run(ctx, []string{"run", site}, new(bytes.Buffer), log) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if code := <-exit; code != 0 {
			t.Errorf("exit code %d; the log is\n%s", code, log)
		}
	})
	t.Cleanup(stop)
	return log, stop
}

// processes returns what starts plantroom as a process of its own, and what all
// of them say on standard error.
func processes(t *testing.T, args ...string) (start func() *exec.Cmd, log *peer.Output) {
	t.Helper()
	// The test binary is plantroom when it is called that (see TestMain).
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "plantroom")
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	log = &peer.Output{}
	return func() *exec.Cmd {
		cmd := exec.Command(program, args...)
		cmd.Stderr = log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cmd.Process.Kill()
			cmd.Wait()
		})
		return cmd
	}, log
}

// get returns what is answered over HTTP, or why nothing is.
func get(url string) string {
	resp, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
