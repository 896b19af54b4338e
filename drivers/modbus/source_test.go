package modbus

import (
	"bytes"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"plantroom/agent"
	"plantroom/config"
)

// newTestSource returns a source of unit 3 alone on a wire that ends at b, and
// what it logs.
func newTestSource(t *testing.T, b *bank, p *config.ModbusProfile) (*Source, *bytes.Buffer) {
	w := pipeWire(t, false, b.serve)
	var log bytes.Buffer
	w.log = slog.New(slog.NewTextHandler(&log, nil))
	return NewSource(testDevice, w, 3, p, time.Second), &log
}

// poll polls s and fails the test where the readings, as show writes them, or
// the reads that b was asked are not as expected. nil reads: any.
func poll(t *testing.T, s *Source, b *bank, readings, reads []string) {
	t.Helper()
	rs, err := s.Poll(t.Context(), nil)
	if err != nil {
		t.Fatalf("poll: %v", err)
	}
	if got := show(rs); !slices.Equal(got, readings) {
		t.Errorf("readings\n\t%q\nwant\n\t%q", got, readings)
	}
	if got := b.reads(); reads != nil && !slices.Equal(got, reads) {
		t.Errorf("reads\n\t%q\nwant\n\t%q", got, reads)
	}
}

func TestPollReadsNeighboursTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBank()
		b.set(0, 2300, 2310, 2320, 0xFFFF) // -1: the scale register
		b.set(4, 0, 0, 0, 0, 0, 0)         // unused
		b.set(10, 0x0005)
		b.words[config.Coil][7] = 1
		b.words[config.Discrete][0] = 0
		b.words[config.Input][100], b.words[config.Input][101] = 0x4367, 0x4000
		scale := holding(3, "s16")
		var points []config.ModbusPoint
		for i, c := range []string{"L1", "L2", "L3"} {
			p := word(i, c)
			p.ScaleRegister = &scale
			points = append(points, p)
		}
		bit := func(space config.Space, address, n int, channel string) config.ModbusPoint {
			return config.ModbusPoint{Metric: mode, Channel: channel, Conversion: config.Conversion{Scale: 1, States: map[string]string{"0": "off", "1": "auto"}},
				Value: config.ModbusValue{Space: space, Address: address, Type: map[bool]string{true: "bool", false: "u16"}[bits(space)], Order: "abcd", Length: 1, BitLow: n, BitHigh: n}}
		}
		points = append(points, bit(config.Holding, 10, 0, "a"), bit(config.Holding, 10, 1, "b"), bit(config.Coil, 7, 0, "c"), bit(config.Discrete, 0, 0, "d"))
		float := word(100, "input")
		float.Value = holding(100, "float32")
		float.Value.Space = config.Input
		s, _ := newTestSource(t, b, profileOf(append(points, float)...))
		for range 2 {
			poll(t, s, b,
				[]string{"voltage/L1=230", "voltage/L2=231", "voltage/L3=232", "mode/a=2", "mode/b=1", "mode/c=2", "mode/d=1", "voltage/input=231.25"},
				[]string{"coil 0x0007", "discrete 0x0000", "holding 0x0000..0x000A", "input 0x0064..0x0065"})
		}
		rs, _ := s.Poll(t.Context(), nil)
		var sources []string
		for _, r := range rs {
			sources = append(sources, r.Point.Source)
		}
		if want := []string{"holding:0", "holding:1", "holding:2", "holding:10", "holding:10", "coil:7", "discrete:0", "input:100"}; !slices.Equal(sources, want) {
			t.Errorf("sources %q, want %q", sources, want)
		}
	})
}

func TestRefusedRegistersAreFoundAndLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBank()
		var points []config.ModbusPoint
		var want []string
		for i := range 60 {
			points = append(points, word(i, fmt.Sprint(i)))
			if i != 37 {
				b.set(i, uint16(i))
				want = append(want, fmt.Sprintf("voltage/%d=%d", i, i))
			}
		}
		s, log := newTestSource(t, b, profileOf(points...))
		poll(t, s, b, want, nil) // halving costs requests, once
		poll(t, s, b, want, []string{"holding 0x0000..0x0024", "holding 0x0026..0x003B"})
		if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `left_out="holding 0x0025 voltage 37"`) || !strings.Contains(got, "exception 0x02") {
			t.Errorf("log\n%s", got)
		}

		b.set(37, 7)
		time.Sleep(30 * time.Minute)
		poll(t, s, b, want, nil)
		time.Sleep(31 * time.Minute)
		want = slices.Insert(want, 37, "voltage/37=7")
		poll(t, s, b, want, []string{"holding 0x0000..0x003B"})
		if strings.Count(log.String(), "\n") != 1 {
			t.Errorf("log\n%s", log)
		}
	})
}

func TestRefusedGapIsLeftOutAndNoPointLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBank()
		b.set(0, 0, 1)
		b.set(2, 2) // unused, and there
		b.set(3, 3, 4)
		b.set(8, 8, 9) // 5..7 are not there
		var points []config.ModbusPoint
		var want []string
		for _, i := range []int{0, 1, 3, 4, 8, 9} {
			points = append(points, word(i, fmt.Sprint(i)))
			want = append(want, fmt.Sprintf("voltage/%d=%d", i, i))
		}
		s, log := newTestSource(t, b, profileOf(points...))
		poll(t, s, b, want, []string{"holding 0x0000..0x0009",
			"holding 0x0000..0x0001", "holding 0x0003..0x0009", "holding 0x0003..0x0004", "holding 0x0008..0x0009"})
		poll(t, s, b, want, []string{"holding 0x0000..0x0004", "holding 0x0008..0x0009"})
		if log.Len() > 0 {
			t.Errorf("log\n%s", log)
		}
	})
}

func TestDeviceThatTakesOnlyShortReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBank()
		b.most = 32
		var points []config.ModbusPoint
		var want []string
		for i := range 100 {
			b.set(i, uint16(i))
			points = append(points, word(i, fmt.Sprint(i)))
			want = append(want, fmt.Sprintf("voltage/%d=%d", i, i))
		}
		s, log := newTestSource(t, b, profileOf(points...))
		for range 4 {
			poll(t, s, b, want, nil)
		}
		synctest.Wait()
		b.most = 125
		poll(t, s, b, want, []string{"holding 0x0000..0x0018", "holding 0x0019..0x0031", "holding 0x0032..0x004A", "holding 0x004B..0x0063"})
		if log.Len() > 0 {
			t.Errorf("log\n%s", log)
		}
	})
}

// Whatever a device has and allows: after a few polls all that it has is read,
// nothing else, and the reads do not change any more.
func TestHalvingProperties(t *testing.T) {
	for seed := range uint64(100) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			b := newBank()
			b.most = 4 + r.IntN(120)
			p := profileOf()
			p.Gap = r.IntN(12)
			p.MaxRegisters = 4 + r.IntN(121)
			var want []string
			for address := 0; address < 300; {
				v := holding(address, []string{"u16", "u32", "u64"}[r.IntN(3)])
				p.Points = append(p.Points, config.ModbusPoint{Metric: volts, Channel: fmt.Sprint(address), Value: v, Conversion: config.Conversion{Scale: 1}})
				if r.IntN(12) > 0 {
					b.set(address, make([]uint16, v.Length)...)
					b.set(address+v.Length-1, uint16(address))
					want = append(want, fmt.Sprintf("voltage/%d=%d", address, address))
				}
				address += v.Length
				for range r.IntN(4) { // unused; mostly there
					if r.IntN(8) > 0 {
						b.set(address, 0)
					}
					address++
				}
			}
			s, _ := newTestSource(t, b, p)
			for range 8 {
				poll(t, s, b, want, nil)
			}
			s.Poll(t.Context(), nil)
			settled := b.reads()
			poll(t, s, b, want, settled)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		})
	}
}

func TestUnknownFunctionLeavesTheSpaceOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBank()
		b.set(0, 230)
		b.when(func(q question) bool {
			if q.fn == 4 {
				q.refuse(illegalFunction)
			}
			return q.fn == 4
		})
		var points []config.ModbusPoint
		for _, i := range []int{0, 500} {
			p := word(i, fmt.Sprint("input ", i))
			p.Value.Space = config.Input
			points = append(points, p)
		}
		s, log := newTestSource(t, b, profileOf(append(points, word(0, "L1"))...))
		poll(t, s, b, []string{"voltage/L1=230"}, []string{"holding 0x0000", "input 0x0000", "input 0x01F4"})
		poll(t, s, b, []string{"voltage/L1=230"}, []string{"holding 0x0000"})
		if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "input 0x0000 voltage input 0, input 0x01F4 voltage input 500") {
			t.Errorf("log\n%s", log)
		}
	})
}

// TestReservedRegistersAreAnUnknownFunction: exception 1 of a device that knows
// the function, whether it showed that before or later, is about registers.
func TestReservedRegistersAreAnUnknownFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, reserved := range []int{0, 101, 200} {
			b := newBank()
			var points []config.ModbusPoint
			var want []string
			for _, a := range []int{0, 1, 100, 101, 102, 200} {
				b.set(a, uint16(a))
				points = append(points, word(a, fmt.Sprint(a)))
				if a != reserved {
					want = append(want, fmt.Sprintf("voltage/%d=%d", a, a))
				}
			}
			b.special = func(q question) bool {
				covers := q.address <= reserved && reserved < q.address+q.quantity
				if covers {
					q.refuse(illegalFunction)
				}
				return covers
			}
			s, log := newTestSource(t, b, profileOf(points...))
			for range 3 {
				poll(t, s, b, want, nil)
			}
			if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), fmt.Sprintf(`left_out="holding 0x%04X voltage %d"`, reserved, reserved)) {
				t.Errorf("log\n%s", log)
			}
		}
	})
}

func TestDeviceThatHasNothingIsStillAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBank()
		s, _ := newTestSource(t, b, profileOf(word(5, "L1")))
		poll(t, s, b, nil, []string{"holding 0x0005"})
		poll(t, s, b, nil, []string{"holding 0x0005"})
		b.when(func(question) bool { return true })
		if _, err := s.Poll(t.Context(), nil); !timedOut(err) {
			t.Errorf("a silent device: %v", err)
		}
	})
}

// three is a profile of three reads: of registers 0, 100 and 200.
func three() *config.ModbusProfile { return profileOf(word(0, "a"), word(100, "b"), word(200, "c")) }

func TestBusyAndFailureAreBad(t *testing.T) {
	for code, why := range map[byte]string{
		acknowledge:   "exception 0x05: the device needs more time",
		deviceBusy:    "exception 0x06: the device is busy",
		deviceFailure: "exception 0x04: the device failed to carry it out",
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBank()
			b.set(0, 1)
			b.set(100, 2)
			b.set(200, 3)
			s, _ := newTestSource(t, b, three())
			b.when(func(q question) bool {
				if q.address == 0 {
					q.refuse(code)
				}
				return q.address == 0
			})
			poll(t, s, b, []string{"voltage/a: read holding 0x0000: " + why, "voltage/b=2", "voltage/c=3"}, []string{"holding 0x0000", "holding 0x0064", "holding 0x00C8"})
			b.when(nil)
			poll(t, s, b, []string{"voltage/a=1", "voltage/b=2", "voltage/c=3"}, nil)
		})
	}
}

func TestSilentDeviceCostsOneTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBank()
		silent := func(question) bool { return true }
		s, log := newTestSource(t, b, three())
		b.when(silent)
		begin := time.Now()
		rs, err := s.Poll(t.Context(), nil)
		if took := time.Since(begin); !isTimeout(err, time.Second) || err.Error() != "read holding 0x0000: timeout after 1s" || took != time.Second {
			t.Errorf("%v after %v", err, took)
		}
		text := ": read holding 0x0000: timeout after 1s"
		if got := show(rs); !slices.Equal(got, []string{"voltage/a" + text, "voltage/b" + text, "voltage/c" + text}) {
			t.Errorf("readings %q", got)
		}
		if err := s.Probe(t.Context()); !timedOut(err) {
			t.Errorf("probe: %v", err)
		}
		b.when(nil) // refuses what it is asked
		if err := s.Probe(t.Context()); err != nil {
			t.Errorf("probe of a device that refuses: %v", err)
		}
		b.when(silent)
		b.reads()
		s.Poll(t.Context(), nil)
		if got := b.reads(); !slices.Equal(got, []string{"holding 0x0064"}) {
			t.Errorf("the poll after a silent one begins with %q; want another read", got)
		}
		if log.Len() > 0 {
			t.Errorf("log\n%s", log)
		}
	})
}

func TestGatewayExceptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBank()
		b.set(0, 1)
		b.set(100, 2)
		b.set(200, 3)
		s, _ := newTestSource(t, b, three())
		for code, text := range map[byte]string{gatewayNoPath: "exception 0x0A: the gateway has no path to unit 3", gatewayNoAnswer: "exception 0x0B: the gateway got no answer from unit 3"} {
			b.when(func(q question) bool { q.refuse(code); return true })
			rs, err := s.Poll(t.Context(), nil)
			if err == nil || err.Error() != "read holding 0x0000: "+text || len(rs) != 3 || rs[2].Why != err.Error() {
				t.Errorf("error %v, readings %q", err, show(rs))
			}
			if err := s.Probe(t.Context()); err == nil {
				t.Error("probe: the gateway's answer is taken for the device's")
			}
		}
		b.when(nil)
		b.reads()
		poll(t, s, b, []string{"voltage/a=1", "voltage/b=2", "voltage/c=3"}, nil)
		if s.wire.lines != 1 {
			t.Errorf("%d connections, want 1", s.wire.lines)
		}
	})
}

func TestReadThatTheDeviceIgnoresIsRested(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBank()
		b.set(0, 1)
		b.set(100, 2)
		b.set(200, 3)
		s, _ := newTestSource(t, b, three())
		b.when(func(q question) bool { return q.address == 0 })
		if _, err := s.Poll(t.Context(), nil); err == nil {
			t.Fatal("the device did not answer its first read")
		}
		asked := 0
		want := []string{"voltage/a: read holding 0x0000: timeout after 1s", "voltage/b=2", "voltage/c=3"}
		b.reads()
		for range 64 {
			rs, err := s.Poll(t.Context(), nil)
			if err != nil || !slices.Equal(show(rs), want) {
				t.Fatalf("%q, %v", show(rs), err)
			}
			for _, r := range b.reads() {
				if r == "holding 0x0000" {
					asked++
				}
			}
		}
		if asked != 6 { // at polls 1, 3, 7, 15, 31, 63
			t.Errorf("in 64 polls asked %d times, want 6", asked)
		}
		b.when(nil)
		for range 64 {
			s.Poll(t.Context(), nil)
		}
		poll(t, s, b, []string{"voltage/a=1", "voltage/b=2", "voltage/c=3"}, nil)
	})
}

func TestDeviceThatFallsSilentInAPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBank()
		b.set(0, 1)
		p := three()
		p.Points = append(p.Points, word(300, "d"))
		s, _ := newTestSource(t, b, p)
		b.when(func(q question) bool { return q.address > 0 })
		begin := time.Now()
		poll(t, s, b, []string{"voltage/a=1", "voltage/b: read holding 0x0064: timeout after 1s",
			"voltage/c: read holding 0x00C8: timeout after 1s", "voltage/d: read holding 0x00C8: timeout after 1s"}, nil)
		if took := time.Since(begin); took > 2010*time.Millisecond {
			t.Errorf("that took %v, want two timeouts", took)
		}
		if _, err := s.Poll(t.Context(), nil); err != nil {
			t.Errorf("it answers its first read: %v", err)
		}
	})
}

func TestAnswerThatDoesNotFitIsBad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBank()
		b.set(100, 2)
		b.set(200, 3)
		s, _ := newTestSource(t, b, three())
		b.when(func(q question) bool {
			if q.address == 0 {
				q.registers(1, 2)
			}
			return q.address == 0
		})
		poll(t, s, b, []string{"voltage/a: read holding 0x0000: the answer does not fit the request: 4 data bytes instead of 2", "voltage/b=2", "voltage/c=3"}, nil)
	})
}

func TestFirstPointTheDeviceHasCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBank()
		b.set(100, 0xFFFF) // the device has it, and no value
		b.set(200, 3)
		b.set(300, 4)
		p := profileOf(word(0, "L1"), word(100, "L1"), word(5, ""), word(200, "L1"), word(300, "L1"))
		p.Points[1].Absent = []float64{0xFFFF}
		s, _ := newTestSource(t, b, p)
		poll(t, s, b, []string{"voltage/L1=3"}, nil)
		poll(t, s, b, []string{"voltage/L1=3"}, []string{"holding 0x0064", "holding 0x00C8"}) // 300 is not read any more
		b.set(100, 2)
		poll(t, s, b, []string{"voltage/L1=2"}, nil)
		poll(t, s, b, []string{"voltage/L1=2"}, []string{"holding 0x0064"})
		b.set(100, 0xFFFF)
		poll(t, s, b, nil, nil)
		b.when(func(question) bool { return true })
		if rs, err := s.Poll(t.Context(), nil); err == nil || len(rs) != 0 {
			t.Errorf("a silent device whose value was missing: %q, %v", show(rs), err)
		}
	})
}

// A UPS that tells in one register that it is on battery, in another that it
// is on bypass, and in none that all is well.
func TestStateOfSeveralRegisters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBank()
		b.set(100, 0)
		b.set(101, 0)
		status := &agent.Metric{Class: "ups", Name: "status", Kind: agent.State, States: []string{"unknown", "online", "on_battery", "bypass", "fault"}}
		says := func(address int, states map[string]string) config.ModbusPoint {
			p := word(address, "")
			p.Metric, p.States, p.Absent = status, states, []float64{0xFFFF}
			return p
		}
		s, _ := newTestSource(t, b, profileOf(
			says(0, map[string]string{"1": "fault"}), // it does not have that
			says(100, map[string]string{"1": "on_battery"}),
			says(101, map[string]string{"1": "bypass"}),
			says(100, map[string]string{"0": "online"}),
		))
		poll(t, s, b, []string{"status=1"}, nil)
		rs, err := s.Poll(t.Context(), nil)
		if err != nil || len(rs) != 1 || rs[0].Point.Source != "holding:100" {
			t.Fatalf("%v, %+v", err, rs)
		}
		b.reads()
		point := rs[0].Point
		for _, step := range []struct {
			battery, bypass uint16
			word, raw       string
		}{
			{1, 0, "on_battery", ""}, {1, 1, "on_battery", ""}, {0, 1, "bypass", ""}, {7, 5, "unknown", "7"},
			{0xFFFF, 5, "unknown", "5"}, {7, 1, "bypass", ""}, {0, 0, "online", ""},
		} {
			b.set(100, step.battery)
			b.set(101, step.bypass)
			rs, err := s.Poll(t.Context(), nil)
			if err != nil || len(rs) != 1 || rs[0].Word() != step.word || rs[0].Raw != step.raw || rs[0].Point != point {
				t.Errorf("%+v: %v, %+v", step, err, rs)
			}
			if reads := b.reads(); !slices.Equal(reads, []string{"holding 0x0064..0x0065"}) {
				t.Errorf("reads %q", reads)
			}
		}
	})
}

func TestComingBackAsksForAllAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBank()
		b.set(0, 1)
		b.set(200, 3)
		s, _ := newTestSource(t, b, three())
		poll(t, s, b, []string{"voltage/a=1", "voltage/c=3"}, nil)
		b.when(func(question) bool { return true })
		if _, err := s.Poll(t.Context(), nil); err == nil {
			t.Fatal("no error")
		}
		b.when(nil)
		b.set(100, 2) // say, its firmware was replaced
		s.Poll(t.Context(), nil)
		poll(t, s, b, []string{"voltage/a=1", "voltage/b=2", "voltage/c=3"}, nil)
	})
}

// families returns a profile whose devices hold at 0 what they are: 1 and 2 have
// points of their own, and both one more.
func families() *config.ModbusProfile {
	var all []*config.ModbusFamily
	for i, name := range []string{"one", "two"} {
		all = append(all, &config.ModbusFamily{Name: name, Rules: []config.ModbusRule{
			{Value: holding(0, "u16"), Equals: []float64{float64(i + 1)}},
			{Value: holding(50, "string"), Match: "^AC"},
		}})
		all[i].Rules[1].Value.Length = 1
	}
	points := []config.ModbusPoint{word(1, "all"), word(2, "one"), word(2, "two"), word(3, "both")}
	points[1].Families, points[2].Families, points[3].Families = all[:1], all[1:], all
	p := profileOf(points...)
	p.Families = all
	return p
}

func TestFamilies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBank()
		b.set(0, 1, 10, 20, 30)
		b.set(50, 'A'<<8|'C')
		s, log := newTestSource(t, b, families())
		one := []string{"voltage/all=10", "voltage/one=20", "voltage/both=30"}
		poll(t, s, b, one, []string{"holding 0x0000..0x0001", "holding 0x0032", "holding 0x0000..0x0003", "holding 0x0032"})
		poll(t, s, b, one, []string{"holding 0x0000..0x0003", "holding 0x0032"})

		// Another one, in the same poll.
		b.set(0, 2)
		poll(t, s, b, []string{"voltage/all=10", "voltage/two=20", "voltage/both=30"}, nil)
		b.set(0, 7)
		poll(t, s, b, []string{"voltage/all=10"}, nil)
		b.reads()
		poll(t, s, b, []string{"voltage/all=10"}, []string{"holding 0x0000..0x0001", "holding 0x0032"})

		// What was not read tells nothing: it stays what it is.
		b.set(0, 1)
		poll(t, s, b, one, nil)
		b.when(func(q question) bool {
			if q.address == 50 {
				q.refuse(6)
			}
			return q.address == 50
		})
		poll(t, s, b, one, nil)
		b.when(nil)
		b.set(50, 'X'<<8)
		poll(t, s, b, []string{"voltage/all=10"}, nil)
		if log.Len() > 0 {
			t.Errorf("log\n%s", log)
		}
	})
}

// TestFamilyThatCannotBeTold: a device that refuses to say what it is has what
// all devices have, and so has one that keeps silent about it.
func TestFamilyThatCannotBeTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBank()
		b.set(0, 1, 10, 20, 30)
		s, log := newTestSource(t, b, families())
		poll(t, s, b, []string{"voltage/all=10"}, nil)
		poll(t, s, b, []string{"voltage/all=10"}, []string{"holding 0x0000..0x0001"})
		if strings.Count(log.String(), "left_out=\"holding 0x0032\"") != 1 {
			t.Errorf("log\n%s", log)
		}

		b = newBank()
		b.set(0, 1, 10, 20, 30)
		b.special = func(q question) bool { return q.address == 50 }
		s, _ = newTestSource(t, b, families())
		for range 3 {
			poll(t, s, b, []string{"voltage/all=10"}, nil)
		}

		// Nor is what was not read 0.
		for _, code := range []byte{illegalAddress, 6} {
			b = newBank()
			b.set(0, 1, 10, 20, 30)
			b.special = func(q question) bool {
				if q.address == 50 {
					q.refuse(code)
				}
				return q.address == 50
			}
			p := families()
			for _, f := range p.Families {
				f.Rules[1] = config.ModbusRule{Value: holding(50, "u16"), Equals: []float64{0}}
			}
			s, _ = newTestSource(t, b, p)
			for range 3 {
				poll(t, s, b, []string{"voltage/all=10"}, nil)
			}
		}
	})
}

// TestFamilyIsAlwaysAsked: what tells a family is read also when nothing else
// needs to be any more.
func TestFamilyIsAlwaysAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBank()
		b.set(0, 1, 10, 20, 30, 40)
		b.set(50, 'A'<<8|'C')
		p := families()
		p.Points = append(p.Points, word(4, "all")) // the first has it
		s, _ := newTestSource(t, b, p)
		one := []string{"voltage/all=10", "voltage/one=20", "voltage/both=30"}
		poll(t, s, b, one, nil)
		poll(t, s, b, one, []string{"holding 0x0000..0x0003", "holding 0x0032"})
		b.set(0, 2)
		poll(t, s, b, []string{"voltage/all=10", "voltage/two=20", "voltage/both=30"}, nil)
	})
}

func TestCloseWithTheLastSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan bool, 1)
		w := pipeWire(t, false, func(_ int, f far) {
			for q, ok := f.next(); ok; q, ok = f.next() {
				q.echo()
			}
			closed <- true
		})
		p := profileOf(word(0, ""))
		a, b := NewSource(testDevice, w, 1, p, time.Second), NewSource(testDevice, w, 2, p, time.Second)
		for _, s := range []*Source{a, b, a} {
			if _, err := s.Poll(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
		}
		if w.lines != 1 {
			t.Errorf("%d connections, want 1", w.lines)
		}
		a.Close()
		a.Close()
		if _, err := b.Poll(t.Context(), nil); err != nil || w.lines != 1 {
			t.Errorf("after the first is closed: %v, %d connections", err, w.lines)
		}
		b.Close()
		<-closed
	})
}

func sunspec(b *bank, base int, models ...[]uint16) {
	b.set(base, 0x5375, 0x6E53)
	base += 2
	for _, m := range models {
		b.set(base, m[0], uint16(len(m)-1))
		b.set(base+2, m[1:]...)
		base += 1 + len(m)
	}
	b.set(base, 0xFFFF, 0)
}

func TestSunSpec(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBank()
		common := make([]uint16, 67)
		common[0] = 1
		sunspec(b, 50000, common, []uint16{203, 2301, 0x8000, 0xFFFF, 0, 0}, []uint16{202, 1, 1, 1, 1, 1})
		point := func(address int, channel string, models ...int) config.ModbusPoint {
			p := word(address, channel)
			p.Value = holding(address, "s16")
			p.Absent = []float64{-0x8000}
			p.Models = models
			scale := holding(4, "s16")
			p.ScaleRegister = &scale
			return p
		}
		p := profileOf(point(2, "L1", 202, 203), point(3, "L2", 202, 203), point(5, "L3", 999), point(9, "L9", 203))
		p.SunSpec = []int{40000, 0, 50000}
		s, log := newTestSource(t, b, p)
		poll(t, s, b, []string{"voltage/L1=230.1"}, []string{"holding 0x9C40..0x9C41", "holding 0x0000..0x0001", "holding 0xC350..0xC351",
			"holding 0xC352..0xC353", "holding 0xC396..0xC397", "holding 0xC39D..0xC39E", "holding 0xC3A4..0xC3A5", "holding 0xC396..0xC39A"})
		rs, _ := s.Poll(t.Context(), nil)
		if rs[0].Point.Source != "holding:50072" {
			t.Errorf("source %q", rs[0].Point.Source)
		}
		b.reads()
		poll(t, s, b, []string{"voltage/L1=230.1"}, []string{"holding 0xC396..0xC39A"})

		// Another device in its place: nothing may be read at the old places.
		sunspec(b, 50000, common, []uint16{1, 7}, []uint16{203, 2305, 0x8000, 0xFFFF, 0, 0})
		poll(t, s, b, []string{"voltage/L1: the device's SunSpec map has changed; it is read anew"}, nil)
		poll(t, s, b, []string{"voltage/L1=230.5"}, nil)
		if log.Len() > 0 {
			t.Errorf("log\n%s", log)
		}
	})
}

func TestSunSpecWithoutMap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBank()
		b.set(0, 1, 2, 3)
		p := profileOf(word(2, "L1"))
		p.Points[0].Models = []int{1}
		p.SunSpec = []int{40000, 0, 65535}
		s, log := newTestSource(t, b, p)
		for range 3 {
			poll(t, s, b, nil, []string{"holding 0x9C40..0x9C41", "holding 0x0000..0x0001"})
		}
		if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "no SunS marker in holding [40000 0 65535]") {
			t.Errorf("log\n%s", log)
		}
		if err := s.Probe(t.Context()); err != nil {
			t.Errorf("probe: %v", err)
		}
		b.when(func(question) bool { return true })
		if _, err := s.Poll(t.Context(), nil); !timedOut(err) {
			t.Errorf("a silent device: %v", err)
		}
		if err := s.Probe(t.Context()); !timedOut(err) {
			t.Errorf("probe of a silent device: %v", err)
		}
	})
}

// A chain of models without an end is cut off.
func TestSunSpecEndless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBank()
		b.set(0, 0x5375, 0x6E53)
		b.set(2, make([]uint16, 2000)...)
		p := profileOf(word(2, "L1"))
		p.Points[0].Models = []int{1}
		p.SunSpec = []int{0}
		s, _ := newTestSource(t, b, p)
		if _, err := s.Poll(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if n := len(b.reads()); n != 1+maxModels+1 { // the marker, the models, and one as no model is known
			t.Errorf("%d reads, want %d", n, 1+maxModels+1)
		}
	})
}

func TestIdentify(t *testing.T) {
	number := func(address int, equals ...float64) config.ModbusRule {
		return config.ModbusRule{Value: holding(address, "u16"), Equals: equals}
	}
	text := config.ModbusRule{Value: config.ModbusValue{Space: config.Holding, Address: 10, Type: "string", Order: "abcd", Length: 2, BitHigh: -1}, Match: "^IL4"}
	profile := func(name string, rules ...config.ModbusRule) *config.Profile {
		return &config.Profile{Name: name, Identify: config.Identify{Modbus: rules}, Modbus: &config.ModbusProfile{}}
	}
	profiles := []*config.Profile{profile("none"), profile("missing", number(900, 1)), profile("number", number(0, 5, 7)),
		profile("both", number(0, 7), text), profile("other", number(0, 8), text), profile("less", number(0, 7))}
	for _, tt := range []struct {
		name     string
		fill     func(b *bank)
		profile  string
		seen     string
		err      string
		question int
	}{
		{name: "one rule", fill: func(b *bank) { b.set(0, 5) }, profile: "number", question: 2,
			seen: "holding:900 (exception 0x02: the device does not have this address), holding:0 = 5"},
		{name: "most rules", fill: func(b *bank) { b.set(0, 7); b.set(10, 0x494C, 0x3400) }, profile: "both", question: 3,
			seen: `holding:900 (exception 0x02: the device does not have this address), holding:0 = 7, holding:10 = "IL4"`},
		{name: "none", fill: func(b *bank) { b.set(0, 9) }, question: 2,
			seen: "holding:900 (exception 0x02: the device does not have this address), holding:0 = 9"},
		{name: "silent where it has nothing", profile: "number", question: 2,
			fill: func(b *bank) { b.set(0, 5); b.when(func(q question) bool { return q.address == 900 }) },
			seen: "holding:900 (timeout after 1s), holding:0 = 5"},
		{name: "silent", fill: func(b *bank) { b.when(func(question) bool { return true }) }, question: 3,
			seen: "holding:900 (timeout after 1s), holding:0 (timeout after 1s)", err: "read holding 0x000A..0x000B: timeout after 1s"},
		{name: "behind a gateway, silent", fill: func(b *bank) { b.when(func(q question) bool { q.refuse(gatewayNoAnswer); return true }) }, question: 1,
			err: "read holding 0x0384: exception 0x0B: the gateway got no answer from unit 3"},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBank()
			tt.fill(b)
			w := pipeWire(t, false, b.serve)
			ps := profiles
			if tt.name == "silent" {
				ps = []*config.Profile{profiles[1], profiles[2], profile("text", text)}
			}
			p, seen, err := Identify(t.Context(), w, 3, time.Second, ps)
			name, fault := "", ""
			if p != nil {
				name = p.Name
			}
			if err != nil {
				fault = err.Error()
			}
			if name != tt.profile || seen != tt.seen || fault != tt.err {
				t.Errorf("%s: profile %q, seen %q, error %q", tt.name, name, seen, fault)
			}
			if n := len(b.reads()); n != tt.question {
				t.Errorf("%s: %d reads, want %d", tt.name, n, tt.question)
			}
		})
	}
}

// A profile's own numbers must not become NaN or infinite on the way.
func TestNeverNaN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBank()
		b.set(0, 0x7FC0, 0, 0xFF80, 0)
		nan, inf := word(0, "nan"), word(2, "inf")
		nan.Value, inf.Value = holding(0, "float32"), holding(2, "float32")
		s, _ := newTestSource(t, b, profileOf(nan, inf))
		rs, err := s.Poll(t.Context(), nil)
		if err != nil || len(rs) != 1 || rs[0].Quality != agent.Bad || math.IsInf(rs[0].Value, 0) {
			t.Errorf("%+v, %v", rs, err)
		}
	})
}
