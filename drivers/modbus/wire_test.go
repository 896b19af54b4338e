package modbus

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"plantroom/agent"
	"plantroom/config"
)

// want reads two holding registers and fails the test where they are not as
// expected.
func want(t *testing.T, w *Wire, unit byte, address int, expected ...uint16) {
	t.Helper()
	data, err := w.read(t.Context(), unit, time.Second, config.Holding, address, len(expected))
	if err != nil || !slices.Equal(values(data), expected) {
		t.Fatalf("unit %d, registers %d: %v, %v; want %v", unit, address, values(data), err, expected)
	}
}

func wantTimeout(t *testing.T, w *Wire, unit byte, address, n int) {
	t.Helper()
	begin := time.Now()
	_, err := w.read(t.Context(), unit, time.Second, config.Holding, address, n)
	if took := time.Since(begin); !isTimeout(err, time.Second) || took < time.Second || took > time.Second+5*time.Millisecond {
		t.Fatalf("unit %d: %v after %v; want a timeout after 1s", unit, err, took)
	}
}

func TestTransactionIDsAreUniqueAcrossUnits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ids := make(map[uint16]bool)
		w := pipeWire(t, false, func(_ int, f far) {
			for q, ok := f.next(); ok; q, ok = f.next() {
				if ids[q.id] {
					t.Errorf("transaction id %d comes twice", q.id)
				}
				ids[q.id] = true
				q.echo()
			}
		})
		for i := range 50 {
			unit := byte(1 + i%5)
			want(t, w, unit, i, uint16(i+100*int(unit)), uint16(i+1+100*int(unit)))
		}
		if len(ids) != 50 || w.lines != 1 {
			t.Errorf("%d ids over %d connections; want 50 over 1", len(ids), w.lines)
		}
	})
}

func TestTCPLateAnswerIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pipeWire(t, false, func(_ int, f far) {
			late, _ := f.next()
			time.Sleep(1500 * time.Millisecond)
			next, _ := f.next()
			late.registers(1, 1) // the same size and unit: only the id tells
			other := next
			other.unit++
			other.registers(2, 2)
			time.Sleep(300 * time.Millisecond)
			next.registers(3, 3)
			next, _ = f.next()
			next.registers(4, 4)
		})
		w.users = 5 // on a shared wire the first silence is no reason to replace the connection
		wantTimeout(t, w, 1, 0, 2)
		want(t, w, 1, 0, 3, 3)
		want(t, w, 1, 0, 4, 4)
		if w.lines != 1 {
			t.Errorf("%d connections, want 1", w.lines)
		}
	})
}

func TestLateAnswerProvesTheConnectionAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pipeWire(t, false, func(_ int, f far) {
			late, _ := f.next()
			time.Sleep(1500 * time.Millisecond)
			go late.registers(1, 1)
			next, _ := f.next()
			next.registers(2, 2)
		})
		w.users = 1
		wantTimeout(t, w, 1, 0, 2)
		time.Sleep(time.Second)
		want(t, w, 1, 0, 2, 2)
		if w.lines != 1 {
			t.Errorf("%d connections, want 1", w.lines)
		}
	})
}

func TestHalfOpenConnectionIsReplaced(t *testing.T) {
	for _, rtu := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := pipeWire(t, rtu, func(n int, f far) {
				for q, ok := f.next(); ok; q, ok = f.next() {
					if n > 1 {
						q.echo()
					}
				}
			})
			w.users = 1
			wantTimeout(t, w, 1, 0, 2)
			time.Sleep(time.Second)
			want(t, w, 1, 0, 100, 101)
			if w.lines != 2 {
				t.Errorf("rtu %v: %d connections, want 2", rtu, w.lines)
			}
		})
	}
}

func TestSilentUnitDoesNotCostItsNeighboursTheConnection(t *testing.T) {
	for _, rtu := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := pipeWire(t, rtu, func(_ int, f far) {
				for q, ok := f.next(); ok; q, ok = f.next() {
					if q.unit != 3 {
						q.echo()
					}
				}
			})
			w.users = 5
			for range 10 {
				for _, unit := range []byte{1, 2, 4, 5} {
					want(t, w, unit, 0, 100*uint16(unit), 100*uint16(unit)+1)
				}
				wantTimeout(t, w, 3, 0, 2)
			}
			if w.lines != 1 {
				t.Errorf("rtu %v: %d connections, want 1", rtu, w.lines)
			}
		})
	}
}

func TestConnectionClosedWhileIdleIsReplacedInTheSameRequest(t *testing.T) {
	for _, rtu := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := pipeWire(t, rtu, func(_ int, f far) {
				q, _ := f.next()
				q.echo()
			})
			for range 3 {
				want(t, w, 1, 0, 100, 101)
				time.Sleep(time.Minute)
			}
			if w.lines != 3 {
				t.Errorf("rtu %v: %d connections, want 3", rtu, w.lines)
			}
		})
	}
}

func TestConnectionThatEndsAtOnceIsNotDialledInALoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pipeWire(t, false, func(_ int, f far) { f.next() })
		_, err := w.read(t.Context(), 1, time.Second, config.Holding, 0, 2)
		if !errors.Is(err, errBroken) || err.Error() != "connection lost: the far side closed the connection" {
			t.Errorf("error %v", err)
		}
		if w.lines != 1 {
			t.Errorf("%d connections in one request, want 1", w.lines)
		}
	})
}

func TestRefusedConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused, dialled := true, 0
		w := pipeWire(t, false, func(_ int, f far) {
			for q, ok := f.next(); ok; q, ok = f.next() {
				q.echo()
			}
		})
		pipe := w.dial
		w.dial = func(ctx context.Context) (stream, error) {
			if dialled++; refused {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
			}
			return pipe(ctx)
		}
		for unit := range byte(5) {
			_, err := w.read(t.Context(), unit, time.Second, config.Holding, 0, 1)
			if !errors.Is(err, agent.ErrUnreachable) || !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("unit %d: %v", unit, err)
			}
		}
		if dialled != 1 {
			t.Errorf("%d attempts to connect for five units at once, want 1", dialled)
		}
		time.Sleep(time.Second)
		refused = false
		want(t, w, 4, 0, 400, 401)
	})
}

func TestGarbageReplacesTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pipeWire(t, false, func(n int, f far) {
			q, _ := f.next()
			if n == 1 {
				io.WriteString(f, "HTTP/1.1 400 Bad Request\r\n")
				f.next()
				return
			}
			q.echo()
		})
		_, err := w.read(t.Context(), 1, time.Second, config.Holding, 0, 2)
		if !errors.Is(err, errNotModbus) {
			t.Errorf("error %v", err)
		}
		want(t, w, 1, 0, 100, 101)
	})
}

func TestAnswerInPieces(t *testing.T) {
	for _, rtu := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := pipeWire(t, rtu, func(_ int, f far) {
				for q, ok := f.next(); ok; q, ok = f.next() {
					for _, b := range q.frame(3, []byte{4, 0, 1, 0, 2}) {
						f.Write([]byte{b})
						time.Sleep(10 * time.Millisecond)
					}
				}
			})
			for range 3 {
				want(t, w, 1, 0, 1, 2)
			}
		})
	}
}

func TestRTULateAnswerIsAwaitedBeforeTheSameQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pipeWire(t, true, func(_ int, f far) {
			late, _ := f.next()
			time.Sleep(1500 * time.Millisecond)
			late.registers(1, 1) // of the size of what is asked next
			q, _ := f.next()
			q.registers(2, 2)
		})
		w.users = 5
		wantTimeout(t, w, 1, 0, 2)
		begin := time.Now()
		want(t, w, 1, 10, 2, 2)
		if waited := time.Since(begin); waited < 500*time.Millisecond || waited > 510*time.Millisecond {
			t.Errorf("the second answer took %v, want 500ms", waited)
		}
	})
}

func TestRTULateAnswerOfAnotherUnitIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pipeWire(t, true, func(_ int, f far) {
			late, _ := f.next()
			q, _ := f.next()
			late.registers(1, 1)
			q.registers(2, 2)
		})
		w.users = 5
		wantTimeout(t, w, 1, 0, 2)
		begin := time.Now()
		want(t, w, 2, 0, 2, 2)
		if time.Since(begin) > 10*time.Millisecond {
			t.Errorf("another unit waited %v", time.Since(begin))
		}
	})
}

func TestRTULateAnswerThatNeverComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pipeWire(t, true, func(_ int, f far) {
			f.next()
			for q, ok := f.next(); ok; q, ok = f.next() {
				q.echo()
			}
		})
		w.users = 5
		wantTimeout(t, w, 1, 0, 2)
		wantTimeout(t, w, 1, 0, 2) // waits for the answer to the first
		want(t, w, 1, 0, 100, 101)
	})
}

func TestRTUStaleBytesAreFlushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pipeWire(t, true, func(_ int, f far) {
			q, _ := f.next()
			q.registers(1, 1)
			q.registers(9, 9) // twice
			q, _ = f.next()
			q.registers(2, 2)
		})
		want(t, w, 1, 0, 1, 1)
		time.Sleep(time.Minute)
		want(t, w, 1, 0, 2, 2)
	})
}

// A serial line has rules of its own: silence before each request, and time on
// the line that no device can save.
func TestSerialTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answered time.Time
		w := pipeWire(t, true, func(_ int, f far) {
			for q, ok := f.next(); ok; q, ok = f.next() {
				if q.unit != 1 {
					continue
				}
				if pause := time.Since(answered); pause < 35*time.Millisecond {
					t.Errorf("a request %v after the last answer; want 35ms", pause)
				}
				time.Sleep(20 * time.Millisecond)
				q.echo()
				answered = time.Now()
			}
		})
		w.char, w.quiet = 10*time.Millisecond, 35*time.Millisecond // 1000 baud
		for range 3 {
			want(t, w, 1, 0, 100, 101)
		}
		time.Sleep(time.Second)
		begin := time.Now()
		_, err := w.read(t.Context(), 2, time.Second, config.Holding, 0, 2)
		if took := time.Since(begin); !isTimeout(err, time.Second) || took != 1170*time.Millisecond {
			t.Errorf("%v after %v; want a timeout after 1s and 8 + 9 characters", err, took)
		}
		answered = time.Time{}
		want(t, w, 1, 0, 100, 101)
		if w.lines != 1 {
			t.Errorf("%d connections, want 1: a serial line is not half-open", w.lines)
		}
	})
}

func TestCharacterTimes(t *testing.T) {
	for _, tt := range []struct {
		link  config.ModbusLink
		quiet time.Duration
	}{
		{config.ModbusLink{Serial: "x", Baud: 9600, Parity: "even", DataBits: 8, StopBits: 1}, 4010415 * time.Nanosecond},
		{config.ModbusLink{Serial: "x", Baud: 9600, Parity: "none", DataBits: 8, StopBits: 1}, 3645831 * time.Nanosecond},
		{config.ModbusLink{Serial: "x", Baud: 115200, Parity: "even", DataBits: 8, StopBits: 1}, 1750 * time.Microsecond},
		{config.ModbusLink{RTUOverTCP: "x:1"}, 0},
	} {
		if w := NewWire(tt.link, nil); w.quiet != tt.quiet {
			t.Errorf("%+v: %v of silence, want %v", tt.link, w.quiet, tt.quiet)
		}
	}
}

func TestRTUNoise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pipeWire(t, true, func(_ int, f far) {
			q, _ := f.next()
			frame := q.frame(3, []byte{4, 0, 1, 0, 2})
			frame[4] ^= 0x10
			f.Write(frame)
			f.next()
		})
		_, err := w.read(t.Context(), 1, time.Second, config.Holding, 0, 2)
		if err == nil || err.Error() != "timeout after 1s (9 bytes came, but no answer)" {
			t.Errorf("error %v", err)
		}
	})
}

func TestExceptionsNameTheUnit(t *testing.T) {
	for _, rtu := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := pipeWire(t, rtu, func(_ int, f far) {
				for q, ok := f.next(); ok; q, ok = f.next() {
					q.refuse(byte(q.address))
				}
			})
			for code, text := range map[int]string{
				0x02: "exception 0x02: the device does not have this address",
				0x06: "exception 0x06: the device is busy",
				0x0A: "exception 0x0A: the gateway has no path to unit 3",
				0x0B: "exception 0x0B: the gateway got no answer from unit 3",
				0x77: "exception 0x77: not a code of the Modbus specification",
			} {
				_, err := w.read(t.Context(), 3, time.Second, config.Input, code, 1)
				if err == nil || err.Error() != text {
					t.Errorf("error %v, want %s", err, text)
				}
			}
			if w.lines != 1 {
				t.Errorf("%d connections, want 1", w.lines)
			}
		})
	}
}

func TestContextEndsARequest(t *testing.T) {
	for _, rtu := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := pipeWire(t, rtu, func(_ int, f far) {
				f.next()
				for q, ok := f.next(); ok; q, ok = f.next() {
					q.echo()
				}
			})
			w.users = 5
			ctx, cancel := context.WithCancel(t.Context())
			begin := time.Now()
			time.AfterFunc(100*time.Millisecond, cancel)
			_, err := w.read(ctx, 1, time.Minute, config.Holding, 0, 1)
			if !errors.Is(err, context.Canceled) || time.Since(begin) != 100*time.Millisecond {
				t.Errorf("%v after %v; want a cancelled request after 100ms", err, time.Since(begin))
			}
			if _, err = w.read(ctx, 1, time.Minute, config.Holding, 0, 1); !errors.Is(err, context.Canceled) {
				t.Errorf("with an ended context: %v", err)
			}
			want(t, w, 2, 0, 200, 201)

			short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if _, err := w.read(short, 3, 100*time.Millisecond, config.Holding, 0, 1); err != nil {
				t.Errorf("within a context of 200ms: %v", err)
			}
			want(t, w, 2, 0, 200, 201)
		})
	}
}

// A real socket knows what it has received already, and that its peer is gone.
func TestRealSocketStaleBytesAndEnd(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	stale, end := make(chan bool), make(chan bool)
	go func() {
		conn, _ := l.Accept()
		f := far{t, conn, true}
		q, _ := f.next()
		q.registers(1)
		q.registers(9) // stale
		stale <- true
		q, _ = f.next()
		q.registers(2)
		conn.Close()
		end <- true
		conn, _ = l.Accept()
		defer conn.Close()
		f.ReadWriteCloser = conn
		q, _ = f.next()
		q.registers(3)
	}()
	w := NewWire(config.ModbusLink{RTUOverTCP: l.Addr().String()}, slog.New(slog.DiscardHandler))
	defer w.Close()
	want(t, w, 1, 0, 1)
	<-stale
	want(t, w, 1, 0, 2)
	<-end
	want(t, w, 1, 0, 3)
	if w.lines != 2 {
		t.Errorf("%d connections, want 2", w.lines)
	}
}

// The promise to only read: what the PDU client could be made to write gets no
// further than the wire, which does not even connect for it.
func TestNothingWrites(t *testing.T) {
	for _, rtu := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := pipeWire(t, rtu, func(_ int, f far) {
				for q, ok := f.next(); ok; q, ok = f.next() {
					t.Errorf("function 0x%02X is sent", q.fn)
				}
			})
			w.watch(t.Context())
			w.deadline = time.Now().Add(time.Second)
			for name, write := range map[string]func() ([]byte, error){
				"WriteSingleCoil":        func() ([]byte, error) { return w.client.WriteSingleCoil(1, 0xFF00) },
				"WriteSingleRegister":    func() ([]byte, error) { return w.client.WriteSingleRegister(1, 1) },
				"WriteMultipleCoils":     func() ([]byte, error) { return w.client.WriteMultipleCoils(1, 1, []byte{1}) },
				"WriteMultipleRegisters": func() ([]byte, error) { return w.client.WriteMultipleRegisters(1, 1, []byte{0, 1}) },
				"MaskWriteRegister":      func() ([]byte, error) { return w.client.MaskWriteRegister(1, 1, 1) },
				"ReadWriteMultipleRegisters": func() ([]byte, error) {
					return w.client.ReadWriteMultipleRegisters(1, 1, 1, 1, []byte{0, 1})
				},
				"ReadFIFOQueue": func() ([]byte, error) { return w.client.ReadFIFOQueue(1) },
			} {
				if _, err := write(); !errors.Is(err, errWrites) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if w.lines != 0 {
				t.Errorf("%d connections", w.lines)
			}
		})
	}
}
