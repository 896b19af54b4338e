package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"plantroom/testdata/peer"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"plantroom": main})
}

// TestCommands runs the scripts of testdata/commands: the program as a person
// types it.
func TestCommands(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: filepath.Join(peer.Root(), "testdata", "commands")})
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"version"}, 0},
		{[]string{"--help"}, 0},
		{[]string{"chekc"}, exitFaults},
		{[]string{"check", "no-such-file.yaml"}, exitFaults},
		{[]string{"read"}, exitFaults},
		{[]string{"read", "--profile", "rfc1628-ups"}, exitFaults},
		{[]string{"read", "--profile", "no-such-profile", "--snmp", "127.0.0.1"}, exitFaults},
		{[]string{"read", "--profile", "rfc1628-ups", "--modbus", "127.0.0.1"}, exitFaults},
		{[]string{"read", "--profile", "deepsea-gencomm", "--modbus", "127.0.0.1:1"}, exitFailure},
	} {
		null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer null.Close()
		if got := run(context.Background(), c.args, null, null); got != c.want {
			t.Errorf("plantroom %v: exit %d, want %d", c.args, got, c.want)
		}
	}
}

// TestNothingIsLostInSilence: what cannot be written is a failure, for commands
// too that do not look.
func TestNothingIsLostInSilence(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	file := filepath.Join(t.TempDir(), "site.yaml")
	if err := os.WriteFile(file, []byte("site: a\ndevices: [{id: ups-a, profile: rfc1628-ups, snmp: {address: 192.0.2.1}}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	if got := run(t.Context(), []string{"check", file}, full, &said); got != exitFailure || !strings.Contains(said.String(), "no space left on device") {
		t.Errorf("exit %d: %s", got, &said)
	}
}

// TestInterrupted: who presses Ctrl-C knows why it ended.
func TestInterrupted(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { // the question is there, and so somebody waits for the answer
		_, _, _ = silent.ReadFrom(make([]byte, 1500))
		cancel()
	}()
	var out, said bytes.Buffer
	got := run(ctx, []string{"read", "--profile", "auto", "--snmp", silent.LocalAddr().String(), "--timeout", "1m"}, &out, &said)
	if got != exitFailure || out.Len() > 0 || said.String() != "interrupted\n" {
		t.Errorf("exit %d: %s%s", got, &out, &said)
	}
	said.Reset()
	missing := filepath.Join(t.TempDir(), "site.yaml")
	if got := run(ctx, []string{"check", missing}, &out, &said); got == 0 || !strings.Contains(said.String(), missing) {
		t.Errorf("what else was wrong by then: exit %d: %s", got, &said)
	}
}
