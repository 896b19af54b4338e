package peer

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A Mosquitto is a running Mosquitto broker.
type Mosquitto struct {
	Port    string
	Process *Process

	program, config string
}

// StartMosquitto starts a broker on a free loopback port. Settings are lines
// of its configuration that follow the listener's; "allow_anonymous true" lets
// everybody in.
func StartMosquitto(t testing.TB, settings string) *Mosquitto {
	t.Helper()
	dir := t.TempDir()
	m := &Mosquitto{Port: TCPPort(t), program: Need(t, "mosquitto", "apt-get install mosquitto"), config: filepath.Join(dir, "mosquitto.conf")}
	config := "user root\nlistener " + m.Port + " 127.0.0.1\n" + settings + "\n"
	if err := os.WriteFile(m.config, []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	m.Restart(t)
	return m
}

// Restart starts the broker, after Process.Stop on its old port and without
// what it had retained.
func (m *Mosquitto) Restart(t testing.TB) {
	t.Helper()
	m.Process = Start(t, exec.Command(m.program, "-c", m.config), Listening("127.0.0.1:"+m.Port))
}

// Subscribe runs mosquitto_sub with args, with each message's topic in front
// of it (-v), until the test ends. It returns when the broker has confirmed
// the subscription (which -d prints, and stdbuf keeps from waiting in a
// buffer); lines gives the messages that have come so far.
func Subscribe(t testing.TB, args ...string) (lines func() []string) {
	t.Helper()
	cmd := exec.Command("stdbuf", append([]string{"-oL", Need(t, "mosquitto_sub", "apt-get install mosquitto-clients"), "-v", "-d"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var got []string
	done, subscribed := make(chan struct{}), make(chan struct{})
	var first sync.Once
	go func() {
		defer close(done)
		for in := bufio.NewScanner(out); in.Scan(); {
			switch line := in.Text(); {
			case strings.HasPrefix(line, "Subscribed "):
				first.Do(func() { close(subscribed) }) // it subscribes again after the broker was away
			case strings.HasPrefix(line, "Client "): // what -d says of the protocol
			default:
				mu.Lock()
				got = append(got, line)
				mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-done
		cmd.Wait()
	})
	select {
	case <-subscribed:
	case <-done:
		t.Fatalf("mosquitto_sub %v ended before it had subscribed", args)
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), got...)
	}
}
