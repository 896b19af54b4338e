//go:build !linux

package modbus

import (
	"errors"
	"time"

	"plantroom/config"
)

func openSerial(link config.ModbusLink) (stream, error) {
	return nil, errors.New("open " + link.Serial + ": serial lines are read on Linux only")
}

type early struct{}

func newEarly(stream) *early { return &early{} }

func (*early) read(conn stream, b []byte, end time.Time) (int, error) {
	return readSoon(conn, b, end)
}
