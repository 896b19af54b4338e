package modbus

import (
	"errors"
	"os"
	"time"
)

// readSoon reads what comes to conn within a millisecond: for connections that
// cannot tell what they have received already. conn's read deadline is end.
func readSoon(conn stream, b []byte, end time.Time) (int, error) {
	conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	defer conn.SetReadDeadline(end)
	n, err := conn.Read(b)
	if n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		return n, nil
	}
	return 0, err
}
