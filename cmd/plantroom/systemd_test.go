package main

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestSystemdIsTold listens where systemd would.
func TestSystemdIsTold(t *testing.T) {
	dir := t.TempDir()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(2 * time.Minute))
	next := func() string {
		t.Helper()
		b := make([]byte, 100)
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(dir, "notify"))
	t.Setenv("WATCHDOG_USEC", "300000")
	site := filepath.Join(dir, "site.yaml")
	text := "site: a\ndevices: [{id: ups-a, profile: rfc1628-ups, snmp: {address: \"127.0.0.1:1\"}, timeout: 100ms}]\n"
	put(t, site, text)
	_, stop := running(t, site)
	if got := next(); got != "READY=1" {
		t.Errorf("at first: %s", got)
	}
	if got := next(); got != "WATCHDOG=1" {
		t.Errorf("then: %s", got)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	want := []string{"RELOADING=1", "READY=1", "STOPPING=1"}
	for len(want) > 0 {
		got := next()
		if got == want[0] {
			if want = want[1:]; slices.Equal(want, []string{"STOPPING=1"}) {
				stop()
			}
		} else if got != "WATCHDOG=1" {
			t.Fatalf("%s, want %s", got, want[0])
		}
	}
}
