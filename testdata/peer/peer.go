// Package peer starts the programs that plantroom's tests talk to: real
// servers that other people wrote, each on a free loopback port, each stopped
// when its test ends.
//
// With CI=true a missing program fails the test; on a laptop it skips it and
// says what to install. The package lives under testdata because only tests
// import it.
package peer

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Need returns the path of program, looked for in PATH, in /usr/sbin and in
// the checkout's .cache/bin. Where there is none it skips the test, or, with
// CI=true, fails it; install says how to get it.
func Need(t testing.TB, program, install string) string {
	t.Helper()
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin", filepath.Join(Root(), ".cache", "bin")} {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: %s", program, install)
	}
	t.Skipf("%s is missing: %s", program, install)
	return ""
}

// Root returns the folder of the checkout.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// Recorded returns the folder of the recordings of real devices, which is
// beside the checkout and no part of it; where it is absent the test is
// skipped, in CI too.
func Recorded(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(filepath.Dir(Root()), "shared", "recorded")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no recordings of real devices beside the checkout (../shared/recorded)")
	}
	return dir
}

// A Process is a started program.
type Process struct {
	cmd *exec.Cmd
	out *Output
}

// Output keeps what is written to it; it is safe for concurrent use.
type Output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write keeps p.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// String returns what was written.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// Take returns what was written, and forgets it.
func (o *Output) Take() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := o.buf.String()
	o.buf.Reset()
	return text
}

// patience is how long a busy machine is given for what takes an idle one
// seconds. Only a test that fails waits for its end.
const patience = 2 * time.Minute

// Start runs cmd, in a process group of its own, until the test ends. It
// returns when ready reports true; a program that never is fails the test with
// what it printed.
func Start(t testing.TB, cmd *exec.Cmd, ready func() bool) *Process {
	t.Helper()
	p := &Process{cmd: cmd, out: &Output{}}
	if cmd.Stdout == nil {
		cmd.Stdout = p.out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = p.out
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	if !wait(patience, ready) {
		t.Fatalf("%s is not ready after %v; it printed:\n%s", filepath.Base(cmd.Path), patience, p.out)
	}
	return p
}

// Stop kills the program and what it started. A second Stop does nothing.
func (p *Process) Stop() {
	if p.cmd.ProcessState != nil {
		return
	}
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	p.cmd.Wait()
}

// Until waits for cond to hold and fails the test if it does not in two minutes.
// It looks 50 times a second: for conditions outside this process, which
// nothing here can signal.
func Until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	Within(t, patience, what, cond)
}

// Within is Until with another limit.
func Within(t testing.TB, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	if !wait(limit, cond) {
		t.Fatalf("not within %v: %s", limit, what)
	}
}

func wait(limit time.Duration, cond func() bool) bool {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// TCPPort returns a loopback TCP port that was free a moment ago, for programs
// that cannot be told to choose one. It is none of those that the system gives
// to whoever takes any, so that it stays free while a program is stopped and
// started again.
func TCPPort(t testing.TB) string {
	t.Helper()
	return port(t, func(address string) (io.Closer, error) { return net.Listen("tcp", address) })
}

// UDPPort is TCPPort for UDP.
func UDPPort(t testing.TB) string {
	t.Helper()
	return port(t, func(address string) (io.Closer, error) { return net.ListenPacket("udp", address) })
}

func port(t testing.TB, listen func(address string) (io.Closer, error)) string {
	t.Helper()
	var err error
	for range 100 {
		port := strconv.Itoa(15_000 + rand.IntN(15_000)) // Linux gives 32768 to 60999
		var l io.Closer
		if l, err = listen("127.0.0.1:" + port); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal(err)
	return ""
}

// Listening reports whether something accepts TCP connections at address.
func Listening(address string) func() bool {
	return func() bool {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return false
		}
		c.Close()
		return true
	}
}

// NeedFile returns a file that .ci/peers fetches into the checkout's .cache.
// Where there is none it does as Need does.
func NeedFile(t testing.TB, name, install string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(Root(), ".cache", name))
	if err == nil {
		return text
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: %s", name, install)
	}
	t.Skipf("%s is missing: %s", name, install)
	return nil
}
