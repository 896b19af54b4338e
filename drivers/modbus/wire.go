package modbus

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	gomodbus "github.com/goburrow/modbus"

	"plantroom/agent"
	"plantroom/config"
)

// dialPause is how long after a failed attempt of one unit to connect the
// other units of a wire fail without trying.
const dialPause = 500 * time.Millisecond

// A stream is a connection or an open serial line.
type stream interface {
	io.ReadWriteCloser
	SetDeadline(time.Time) error
	SetReadDeadline(time.Time) error
}

// A Wire is one Modbus connection and the units that are asked over it. It
// connects when something is to be asked, and again whenever that is needed.
//
// A wire and its sources are owned by one goroutine: no two of their methods
// may run at the same time.
type Wire struct {
	log    *slog.Logger
	client gomodbus.Client
	tcp    *gomodbus.TCPClientHandler // packs and unpacks; one of tcp and rtu is set
	rtu    *gomodbus.RTUClientHandler
	dial   func(context.Context) (stream, error)
	char   time.Duration // one character on a serial line; 0 for TCP
	quiet  time.Duration // the silence before a request on a serial line
	users  int           // sources that are not closed

	// The request under way.
	unit     byte
	timeout  time.Duration
	deadline time.Time

	// The connection.
	mu    sync.Mutex // conn and ctx, against the goroutine that interrupts at the end of ctx
	conn  stream     // nil: none
	ctx   context.Context
	stop  func() bool // ends the watch on ctx
	early *early
	buf   [2 * tcpMaxFrame]byte
	r, n  int       // buf[r:n] has been received and not used
	lines int       // connections made so far
	mute  int       // requests since the last byte received
	last  time.Time // when the last byte came or went (serial)
	owed  []debt    // RTU: answers that may still come

	// The last attempt to connect, where it failed.
	failed     error
	failedUnit byte
	failedAt   time.Time
}

// A debt is an answer that did not come in time and may come until then.
type debt struct {
	unit, fn byte
	until    time.Time
}

// NewWire returns the wire to link. It dials nothing.
func NewWire(link config.ModbusLink, log *slog.Logger) *Wire {
	w := &Wire{log: log}
	switch {
	case link.Serial != "":
		w.rtu = gomodbus.NewRTUClientHandler(link.Serial)
		w.dial = func(context.Context) (stream, error) { return openSerial(link) }
		bits := 1 + link.DataBits + link.StopBits
		if link.Parity != "none" {
			bits++
		}
		w.char = time.Duration(bits) * time.Second / time.Duration(link.Baud)
		w.quiet = w.char * 7 / 2
		if link.Baud > 19200 {
			w.quiet = 1750 * time.Microsecond // the specification's, for all higher rates
		}
	case link.RTUOverTCP != "":
		w.rtu = gomodbus.NewRTUClientHandler(link.RTUOverTCP)
		w.dial = dialTCP(link.RTUOverTCP)
	case link.Secure != "":
		w.tcp = gomodbus.NewTCPClientHandler(link.Secure)
		w.dial = dialTLS(link.Secure, link.TLS)
	default:
		w.tcp = gomodbus.NewTCPClientHandler(link.TCP)
		w.dial = dialTCP(link.TCP)
	}
	if w.tcp != nil {
		w.client = gomodbus.NewClient2(w.tcp, transport{w})
	} else {
		w.client = gomodbus.NewClient2(w.rtu, transport{w})
	}
	return w
}

func dialTCP(address string) func(context.Context) (stream, error) {
	return func(ctx context.Context) (stream, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		return conn, nil
	}
}

// dialTLS dials Modbus/TCP Security. The handshake is part of the dialling, so
// that a far side that cannot be believed is an unreachable one.
func dialTLS(address string, t config.TLS) func(context.Context) (stream, error) {
	return func(ctx context.Context) (stream, error) {
		settings, err := t.Config()
		if err != nil {
			return nil, err
		}
		if settings == nil {
			settings = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		if settings.ServerName == "" {
			settings.ServerName, _, _ = net.SplitHostPort(address)
		}
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		secure := tls.Client(conn, settings)
		if err := secure.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, fmt.Errorf("TLS with %s: %w", address, err)
		}
		return secure, nil
	}
}

// Close closes the connection, if there is one. A later request makes a new
// one. Sources close a wire with the last of them.
func (w *Wire) Close() error {
	w.unwatch()
	return w.drop()
}

// read asks unit for quantity values of space from address on. The answer is
// valid until the next read.
func (w *Wire) read(ctx context.Context, unit byte, timeout time.Duration, space config.Space, address, quantity int) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w.watch(ctx)
	now := time.Now()
	w.unit, w.timeout, w.deadline = unit, timeout, now.Add(timeout)
	if end, ok := ctx.Deadline(); ok {
		defer w.unwatch() // a context with an end is made for one poll, and cancelled after it
		if end.Before(w.deadline) {
			w.timeout, w.deadline = end.Sub(now).Round(time.Millisecond), end
		}
	}
	if w.tcp != nil {
		w.tcp.SlaveId = unit
	} else {
		w.rtu.SlaveId = unit
	}
	var data []byte
	var err error
	switch at, n := uint16(address), uint16(quantity); space {
	case config.Coil:
		data, err = w.client.ReadCoils(at, n)
	case config.Discrete:
		data, err = w.client.ReadDiscreteInputs(at, n)
	case config.Input:
		data, err = w.client.ReadInputRegisters(at, n)
	default:
		data, err = w.client.ReadHoldingRegisters(at, n)
	}
	if err == nil {
		return data, nil
	}
	switch ended := ctx.Err(); {
	case ended == nil || timedOut(err) && errors.Is(ended, context.DeadlineExceeded):
	case errors.Is(ended, context.DeadlineExceeded): // a timeout, whichever clock is looked at first
		return nil, timeoutError{after: w.timeout}
	default:
		return nil, ended
	}
	var refusal *gomodbus.ModbusError
	if errors.As(err, &refusal) {
		return nil, exception{refusal.ExceptionCode, unit}
	}
	return nil, err
}

// watch makes the end of ctx interrupt what the connection is waiting for. It
// costs nothing when ctx is the same as before.
func (w *Wire) watch(ctx context.Context) {
	if ctx == w.ctx {
		return
	}
	w.unwatch()
	w.mu.Lock()
	w.ctx = ctx
	w.mu.Unlock()
	w.stop = context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.ctx == ctx && w.conn != nil {
			w.conn.SetDeadline(time.Unix(1, 0))
		}
	})
}

func (w *Wire) unwatch() {
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
	w.mu.Lock()
	w.ctx = nil
	w.mu.Unlock()
}

// transport is the wire as the PDU client sees it.
type transport struct{ w *Wire }

// Send sends one request and returns its answer. It is the one way that bytes
// take to a device, and lets through what reads and nothing else.
func (t transport) Send(request []byte) ([]byte, error) {
	w := t.w
	fn := request[1]
	if w.tcp != nil {
		fn = request[tcpHeader]
	}
	if space := config.Space(fn); space < config.Coil || space > config.Input {
		return nil, fmt.Errorf("%w: function 0x%02X", errWrites, fn)
	}
	fresh := w.conn == nil
	if fresh {
		if err := w.connect(); err != nil {
			return nil, err
		}
	}
	answer, err := w.exchange(request, fresh)
	if !fresh && errors.Is(err, errBroken) && time.Now().Before(w.deadline) {
		if err := w.connect(); err != nil {
			return nil, err
		}
		answer, err = w.exchange(request, true)
	}
	return answer, err
}

// connect makes the connection; there must be none.
func (w *Wire) connect() error {
	if w.failed != nil && w.failedUnit != w.unit && time.Since(w.failedAt) < dialPause {
		return w.failed
	}
	ctx, cancel := context.WithDeadline(w.ctx, w.deadline)
	defer cancel()
	conn, err := w.dial(ctx)
	if err != nil {
		err = fmt.Errorf("%w: %w", agent.ErrUnreachable, agent.Plainly(err))
		w.failed, w.failedUnit, w.failedAt = err, w.unit, time.Now()
		return err
	}
	w.failed = nil
	w.mu.Lock()
	w.conn = conn
	w.mu.Unlock()
	w.early = newEarly(conn)
	w.r, w.n, w.mute = 0, 0, 0
	w.lines++
	w.log.Debug("connected", "times", w.lines)
	return nil
}

// drop closes the connection; the next request makes another.
func (w *Wire) drop() error {
	w.mu.Lock()
	conn := w.conn
	w.conn = nil
	w.mu.Unlock()
	if conn == nil {
		return nil
	}
	w.early = nil
	return conn.Close()
}

// patience is how many requests in a row a connection may leave without a
// single byte before it counts as half-open. One silent unit is no reason to
// take the connection from its neighbours.
func (w *Wire) patience() int {
	if w.users > 1 {
		return 3
	}
	return 1
}

// exchange sends request over the connection and waits for its answer.
func (w *Wire) exchange(request []byte, fresh bool) ([]byte, error) {
	end := w.deadline
	if w.char > 0 { // the time on the line is not the device's fault
		chars := len(request) + 5 + answerBytes(request[1], int(binary.BigEndian.Uint16(request[4:])))
		end = end.Add(w.char * time.Duration(chars))
	}
	w.conn.SetDeadline(end)
	if err := w.ctx.Err(); err != nil {
		return nil, err // the interruption may have come before the deadline was set
	}
	if !fresh {
		if err := w.settle(end); err != nil {
			return nil, err
		}
	}
	if w.tcp != nil {
		return w.exchangeTCP(request)
	}
	return w.exchangeRTU(request, end)
}

// settle makes a connection that has been used before ready for a request: it
// takes what has come since, and finds out whether it is still one.
func (w *Wire) settle(end time.Time) error {
	if w.tcp != nil && w.mute < w.patience() {
		return nil // whatever comes, the transaction id tells
	}
	w.makeRoom()
	n, err := w.early.read(w.conn, w.buf[w.n:], end)
	if err != nil {
		return w.lost(err, false)
	}
	if n > 0 {
		w.n += n
		w.mute = 0
		w.last = time.Now()
	} else if w.char == 0 && w.mute >= w.patience() {
		return w.lost(timeoutError{after: w.timeout}, false)
	}
	return nil
}

func (w *Wire) exchangeTCP(request []byte) ([]byte, error) {
	id, unit := binary.BigEndian.Uint16(request), request[6]
	if err := w.write(request); err != nil {
		return nil, err
	}
	for heard := 0; ; {
		for {
			frame, err := cutTCP(w.buf[w.r:w.n])
			if err != nil {
				w.drop()
				return nil, err
			}
			if frame == nil {
				break
			}
			w.r += len(frame)
			if binary.BigEndian.Uint16(frame) != id || frame[6] != unit {
				continue // the late answer to an earlier request
			}
			return frame, checkTCP(request, frame)
		}
		n, err := w.receive(heard)
		if err != nil {
			return nil, err
		}
		heard += n
	}
}

func (w *Wire) exchangeRTU(request []byte, end time.Time) ([]byte, error) {
	unit, fn := request[0], request[1]
	count := answerBytes(fn, int(binary.BigEndian.Uint16(request[4:])))
	if err := w.collect(unit, fn, end); err != nil {
		return nil, err
	}
	w.r, w.n = 0, 0
	if pause := w.quiet - time.Since(w.last); w.char > 0 && pause > 0 {
		time.Sleep(pause)
	}
	if err := w.write(request); err != nil {
		return nil, err
	}
	for heard := 0; ; {
		n, err := w.receive(heard)
		if err != nil {
			if w.conn != nil {
				w.owed = append(w.owed, debt{unit, fn, time.Now().Add(w.timeout)})
			}
			return nil, err
		}
		heard += n
		if frame := findRTU(w.rtu, w.buf[w.r:w.n], unit, fn, count); frame != nil {
			w.r = w.n
			return frame, nil
		}
	}
}

// collect waits for the late answer to an earlier request that could be taken
// for the answer to one for unit and fn.
func (w *Wire) collect(unit, fn byte, end time.Time) error {
	now := time.Now()
	kept := w.owed[:0]
	var late debt
	for _, d := range w.owed {
		switch {
		case !now.Before(d.until):
		case d.unit == unit && d.fn == fn:
			late = d
		default:
			kept = append(kept, d)
		}
	}
	w.owed = kept
	if late.until.IsZero() {
		return nil
	}
	if late.until.Before(end) {
		w.conn.SetReadDeadline(late.until)
		defer w.conn.SetReadDeadline(end)
	}
	for findRTU(w.rtu, w.buf[w.r:w.n], unit, fn, -1) == nil {
		w.makeRoom()
		n, err := w.conn.Read(w.buf[w.n:])
		w.n += n
		switch {
		case n > 0:
			w.mute = 0
			w.last = time.Now()
		case errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(end):
			return w.ctx.Err() // it will not come any more
		case errors.Is(err, os.ErrDeadlineExceeded):
			w.owed = append(w.owed, late)
			return fmt.Errorf("%w, waiting for the answer to an earlier request", timeoutError{after: w.timeout})
		case err != nil:
			return w.lost(err, false)
		}
	}
	return nil
}

// write sends a request.
func (w *Wire) write(request []byte) error {
	_, err := w.conn.Write(request)
	w.last = time.Now()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		w.drop() // part of it may be under way
		return timeoutError{after: w.timeout}
	}
	if err != nil {
		return w.lost(err, false)
	}
	return nil
}

// receive waits for more bytes; heard is how many have come since the request.
func (w *Wire) receive(heard int) (int, error) {
	w.makeRoom()
	n, err := w.conn.Read(w.buf[w.n:])
	if n > 0 {
		w.n += n
		w.mute = 0
		if w.char > 0 {
			w.last = time.Now()
		}
		return n, nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if heard == 0 {
			w.mute++
		}
		return 0, timeoutError{w.timeout, heard}
	}
	return 0, w.lost(err, heard > 0)
}

// lost gives up the connection because of err.
func (w *Wire) lost(err error, answering bool) error {
	w.drop()
	w.log.Debug("connection lost", "err", err)
	if err == nil || errors.Is(err, io.EOF) {
		err = errClosed
	}
	if answering {
		return err
	}
	return fmt.Errorf("%w: %w", errBroken, err)
}

// makeRoom moves what is not used yet to the front of the buffer; of a full
// buffer, the last half.
func (w *Wire) makeRoom() {
	if w.r > 0 {
		w.n = copy(w.buf[:], w.buf[w.r:w.n])
		w.r = 0
	}
	if w.n == len(w.buf) {
		w.n = copy(w.buf[:], w.buf[len(w.buf)/2:])
	}
}
