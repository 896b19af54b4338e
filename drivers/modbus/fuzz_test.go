package modbus

import (
	"context"
	"encoding/binary"
	"log/slog"
	"os"
	"testing"
	"time"

	"plantroom/agent"
	"plantroom/config"
)

// A script is a device that answers as bytes say: each request takes one that
// tells how, and then what it needs of those that follow.
type script struct {
	t       testing.TB
	left    []byte
	rtu     bool
	waiting []byte // what can be read
	asked   int
}

func (s *script) take(n int) []byte {
	out := make([]byte, n)
	s.left = s.left[copy(out, s.left):]
	return out
}

func (s *script) Write(request []byte) (int, error) {
	s.asked++
	q := question{far: far{t: s.t, rtu: s.rtu}}
	if pdu := request[1:]; s.rtu {
		q.unit, q.fn, q.quantity = request[0], pdu[0], int(binary.BigEndian.Uint16(pdu[3:]))
	} else {
		q.id, q.unit, q.fn, q.quantity = binary.BigEndian.Uint16(request), request[6], request[7], int(binary.BigEndian.Uint16(request[10:]))
	}
	n := answerBytes(q.fn, q.quantity)
	switch s.take(1)[0] % 6 {
	case 0:
		s.waiting = append(s.waiting, q.frame(q.fn, append([]byte{byte(n)}, s.take(n)...))...)
	case 1:
		s.waiting = append(s.waiting, q.frame(q.fn|refusal, s.take(1))...)
	case 2:
		s.waiting = append(s.waiting, s.take(int(s.take(1)[0]))...)
	case 3:
		s.waiting = append(s.waiting, q.frame(s.take(1)[0], s.take(min(int(s.take(1)[0]), 250)))...)
	case 4:
		s.waiting = append(s.waiting, q.frame(q.fn, append([]byte{s.take(1)[0]}, s.take(n)...))...)
	}
	return len(request), nil
}

func (s *script) Read(b []byte) (int, error) {
	if len(s.waiting) == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	n := copy(b, s.waiting)
	s.waiting = s.waiting[n:]
	return n, nil
}

func (s *script) Close() error                    { return nil }
func (s *script) SetDeadline(time.Time) error     { return nil }
func (s *script) SetReadDeadline(time.Time) error { return nil }

// FuzzPoll polls a device that answers anything at all: the poll ends, soon, and
// what it returns is numbers or says why not.
func FuzzPoll(f *testing.F) {
	f.Add([]byte{0, 1, 2, 0, 3, 4, 0, 5, 6}, false, false)
	f.Add([]byte{1, 2, 1, 3, 1, 1, 1, 0x0B}, true, false)
	f.Add([]byte{0, 'S', 'u', 'n', 'S', 0, 0, 1, 0, 66, 0, 0, 202, 0, 4, 0, 0xFF, 0xFF, 0, 0}, false, true)
	f.Add([]byte("\x02\x20HTTP/1.1 400 Bad Request\r\n\r\n"), false, false)
	f.Fuzz(func(t *testing.T, answers []byte, rtu, sunspec bool) {
		link := config.ModbusLink{TCP: "far:502"}
		if rtu {
			link = config.ModbusLink{RTUOverTCP: "far:4001"}
		}
		device := &script{t: t, left: answers, rtu: rtu}
		w := NewWire(link, slog.New(slog.DiscardHandler))
		w.dial = func(context.Context) (stream, error) { return device, nil }
		p := profileOf(word(0, "a"), word(100, "b"), word(200, "c"))
		for i, kind := range []string{"s32", "float32", "bcd32", "m10k", "u64", "float64"} {
			v := word(10*i, kind)
			v.Value = holding(10*i, kind)
			p.Points = append(p.Points, v)
		}
		for space := config.Coil; space <= config.Discrete; space++ {
			v := word(int(space), "bit")
			v.Value = config.ModbusValue{Space: space, Address: 3, Type: "bool", Length: 1, BitHigh: -1}
			p.Points = append(p.Points, v)
		}
		if sunspec {
			p.SunSpec = []int{40000, 0, 50000}
			for i := range p.Points {
				p.Points[i].Models = []int{1, 202}
			}
		}
		s := NewSource(testDevice, w, 3, p, time.Second)
		for range 3 {
			device.asked = 0
			rs, err := s.Poll(t.Context(), nil)
			for _, r := range rs {
				if bad := r.Quality == agent.Bad; bad && r.Why == "" || bad && r.Value != 0 || !agent.Finite(r.Value) || err != nil && !bad {
					t.Errorf("%+v, %v", r, err)
				}
			}
			if device.asked > 2000 {
				t.Errorf("%d requests in one poll", device.asked)
			}
		}
	})
}
