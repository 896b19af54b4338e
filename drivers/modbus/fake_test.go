package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gomodbus "github.com/goburrow/modbus"

	"plantroom/agent"
	"plantroom/config"
)

// A far is the far end of a connection: it reads requests and writes answers,
// right ones and wrong ones, at the times that a test wants.
type far struct {
	t testing.TB
	io.ReadWriteCloser
	rtu bool
}

// A question is one request as the far end sees it.
type question struct {
	far               far
	id                uint16 // transaction
	unit, fn          byte
	address, quantity int
}

// next returns the next request; ok is false when the connection has ended.
func (f far) next() (q question, ok bool) {
	var b [12]byte
	head := b[4:] // an RTU request looks like the end of a TCP one, and two bytes of checksum
	if !f.rtu {
		head = b[:]
	}
	if _, err := io.ReadFull(f, head); err != nil {
		return q, false
	}
	q = question{far: f, id: binary.BigEndian.Uint16(b[:])}
	if f.rtu {
		copy(b[6:], b[4:10])
	}
	q.unit, q.fn = b[6], b[7]
	q.address, q.quantity = int(binary.BigEndian.Uint16(b[8:])), int(binary.BigEndian.Uint16(b[10:]))
	return q, true
}

// frame packs an answer to q with the given function code and data.
func (q question) frame(fn byte, data []byte) []byte {
	if q.far.rtu {
		return rtuFrame(q.far.t, q.unit, fn, data...)
	}
	b := binary.BigEndian.AppendUint16(nil, q.id)
	b = binary.BigEndian.AppendUint16(append(b, 0, 0), uint16(2+len(data)))
	return append(append(b, q.unit, fn), data...)
}

// registers writes an answer of these registers.
func (q question) registers(values ...uint16) {
	data := []byte{byte(2 * len(values))}
	for _, v := range values {
		data = binary.BigEndian.AppendUint16(data, v)
	}
	q.write(q.fn, data)
}

func (q question) refuse(code byte) { q.write(q.fn|refusal, []byte{code}) }

func (q question) write(fn byte, data []byte) {
	if q.far.ReadWriteCloser != nil { // there was a request
		q.far.Write(q.frame(fn, data))
	}
}

// echo answers each register with its own address plus a hundred times the unit.
func (q question) echo() {
	var values []uint16
	for i := range q.quantity {
		values = append(values, uint16(q.address+i+100*int(q.unit)))
	}
	q.registers(values...)
}

// pipeWire returns a wire whose nth connection is served by serve, on its own
// goroutine, until serve returns.
func pipeWire(t *testing.T, rtu bool, serve func(n int, f far)) *Wire {
	link := config.ModbusLink{TCP: "far:502"}
	if rtu {
		link = config.ModbusLink{RTUOverTCP: "far:4001"}
	}
	w := NewWire(link, slog.New(slog.DiscardHandler))
	n := 0
	var ended sync.WaitGroup
	w.dial = func(context.Context) (stream, error) {
		synctest.Wait() // for the far end of the connection before
		near, other := net.Pipe()
		n++
		served := n
		ended.Go(func() {
			defer other.Close()
			serve(served, far{t, other, rtu})
		})
		return near, nil
	}
	t.Cleanup(func() {
		w.Close()
		ended.Wait()
	})
	return w
}

// values are the registers of an answer.
func values(b []byte) []uint16 {
	var vs []uint16
	for i := 0; i+1 < len(b); i += 2 {
		vs = append(vs, binary.BigEndian.Uint16(b[i:]))
	}
	return vs
}

// A bank is a device of registers and bits that a test fills. What it does not
// have it refuses with exception 2.
type bank struct {
	words   map[config.Space]map[int]uint16
	most    int                   // registers in one read; more are refused with exception 3
	special func(q question) bool // answers q itself; nil: never
	asked   []question
}

func newBank() *bank {
	b := &bank{words: make(map[config.Space]map[int]uint16), most: 125}
	for s := config.Coil; s <= config.Input; s++ {
		b.words[s] = make(map[int]uint16)
	}
	return b
}

// when makes answer answer the requests for which it returns true.
func (b *bank) when(answer func(q question) bool) {
	synctest.Wait() // the far end is not in the middle of something
	b.special = answer
}

// set puts values into holding registers from address on.
func (b *bank) set(address int, values ...uint16) {
	synctest.Wait()
	for i, v := range values {
		b.words[config.Holding][address+i] = v
	}
}

func (b *bank) serve(_ int, f far) {
	for {
		q, ok := f.next()
		if !ok {
			return
		}
		b.asked = append(b.asked, q)
		if b.special == nil || !b.special(q) {
			b.answer(q)
		}
	}
}

func (b *bank) answer(q question) {
	space := b.words[config.Space(q.fn)]
	var values []uint16
	for i := range q.quantity {
		v, ok := space[q.address+i]
		if !ok {
			q.refuse(illegalAddress)
			return
		}
		values = append(values, v)
	}
	if q.fn > gomodbus.FuncCodeReadDiscreteInputs {
		if q.quantity > b.most {
			q.refuse(illegalValue)
			return
		}
		q.registers(values...)
		return
	}
	data := make([]byte, 1+(q.quantity+7)/8)
	data[0] = byte(len(data) - 1)
	for i, v := range values {
		data[1+i/8] |= byte(v) << (i % 8)
	}
	q.write(q.fn, data)
}

// reads are the reads the bank was asked since the last call.
func (b *bank) reads() []string {
	synctest.Wait()
	var rs []string
	for _, q := range b.asked {
		rs = append(rs, describe(config.Space(q.fn), q.address, q.quantity))
	}
	b.asked = nil
	return rs
}

var testDevice = &agent.Device{ID: "meter", Class: "test"}

// profileOf is a profile with the points, and limits of 125 registers and a
// gap of 10.
func profileOf(points ...config.ModbusPoint) *config.ModbusProfile {
	return &config.ModbusProfile{MaxRegisters: 125, MaxBits: 2000, Gap: 10, Points: points}
}

// word is a point of one holding register.
func word(address int, channel string) config.ModbusPoint {
	return config.ModbusPoint{Metric: volts, Channel: channel, Value: holding(address, "u16"), Conversion: config.Conversion{Scale: 1}}
}

// show writes readings as "voltage/L1=230", a Bad one with its reason.
func show(rs []agent.Reading) []string {
	var out []string
	for _, r := range rs {
		s := r.Point.Metric.Name
		if r.Point.Channel != "" {
			s += "/" + r.Point.Channel
		}
		if r.Quality == agent.Bad {
			out = append(out, s+": "+r.Why)
			continue
		}
		out = append(out, s+"="+strconv.FormatFloat(r.Value, 'f', -1, 64))
	}
	return out
}

func isTimeout(err error, after time.Duration) bool {
	var e timeoutError
	return errors.As(err, &e) && e.after == after
}
