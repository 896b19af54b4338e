package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"plantroom/drivers/sim"
)

// pseudoTerminal returns what a program writes to a terminal, and that terminal.
func pseudoTerminal(t *testing.T) (screen, tty *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { screen.Close() })
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	if tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	return screen, tty
}

// TestTerminal: on a terminal, through all that commands write through, the demo
// draws its table, and a report is one that can be read there.
func TestTerminal(t *testing.T) {
	_, tty := pseudoTerminal(t)
	facility, err := sim.NewFacility(sim.Options{Scenario: "calm"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		out    io.Writer
		is     bool
		format string
	}{{&printer{Writer: tty}, true, "md"}, {&printer{Writer: &strings.Builder{}}, false, "html"}} {
		if drawn := newDemoView(test.out, facility, &demoCmd{}).height != nil; drawn != test.is {
			t.Errorf("a table is drawn: %v, want %v", drawn, test.is)
		}
		if format, err := (reportOutput{}).format(test.out); err != nil || format != test.format {
			t.Errorf("a report is written as %s, %v; want %s", format, err, test.format)
		}
	}
}
