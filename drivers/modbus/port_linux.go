package modbus

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/goburrow/serial"
	"golang.org/x/sys/unix"

	"plantroom/config"
)

// A line is an open serial line. The settings are made by goburrow/serial,
// whose reads neither know deadlines nor can be interrupted; so the bytes go
// through a file of their own, which the runtime's poller waits for.
type line struct {
	*os.File
	port serial.Port
}

func openSerial(link config.ModbusLink) (stream, error) {
	parity := map[string]string{"none": "N", "even": "E", "odd": "O"}[link.Parity]
	port, err := serial.Open(&serial.Config{Address: link.Serial, BaudRate: link.Baud,
		DataBits: link.DataBits, StopBits: link.StopBits, Parity: parity})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", link.Serial, err)
	}
	file, err := os.OpenFile(link.Serial, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err == nil {
		err = waitForBytes(file)
	}
	if err != nil {
		port.Close()
		return nil, err
	}
	return line{file, port}, nil
}

// waitForBytes makes a read of a line without bytes wait instead of ending
// with none, and forgets what came before the line was opened.
func waitForBytes(file *os.File) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var fault error
	err = raw.Control(func(fd uintptr) {
		t, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
		if err != nil {
			fault = fmt.Errorf("%s is not a serial line: %w", file.Name(), err)
			return
		}
		t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
		if fault = unix.IoctlSetTermios(int(fd), unix.TCSETS, t); fault == nil {
			fault = unix.IoctlSetInt(int(fd), unix.TCFLSH, unix.TCIFLUSH)
		}
	})
	if err == nil {
		err = fault
	}
	if err != nil {
		file.Close()
	}
	return err
}

func (l line) Close() error {
	err := l.File.Close()
	if e := l.port.Close(); err == nil {
		err = e
	}
	return err
}

// An early reads what a connection has already received, without waiting.
type early struct {
	raw  syscall.RawConn // nil where the connection has no descriptor
	into []byte
	n    int
	err  error
	try  func(fd uintptr) bool
}

func newEarly(conn stream) *early {
	e := &early{}
	if c, ok := conn.(syscall.Conn); ok {
		e.raw, _ = c.SyscallConn()
	}
	e.try = func(fd uintptr) bool {
		for {
			e.n, e.err = unix.Read(int(fd), e.into)
			if e.err != unix.EINTR {
				return true
			}
		}
	}
	return e
}

// read reads at most len(b) bytes, 0 when none have come. The connection's
// read deadline, which must not have passed, is end.
func (e *early) read(conn stream, b []byte, end time.Time) (int, error) {
	if e.raw == nil {
		return readSoon(conn, b, end)
	}
	e.into = b
	if err := e.raw.Read(e.try); err != nil {
		return 0, err
	}
	switch {
	case e.err == unix.EAGAIN:
		return 0, nil
	case e.err != nil:
		return 0, e.err
	case e.n == 0:
		return 0, io.EOF
	}
	return e.n, nil
}
