package main

import (
	"context"
	"os"
	"path/filepath"
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
