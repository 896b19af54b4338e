package snmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosnmp/gosnmp"

	"plantroom/config"
)

// twelve returns an agent's objects 1.3.6.1.4.1.9.1.0 to .12.0, points for
// them, and what they read.
func twelve() (map[string]any, []config.SNMPPoint, []string) {
	mib, points, lines := map[string]any{"1.3.6.1.2.1.1.3.0": uint32(1)}, []config.SNMPPoint{}, []string{}
	for i := 1; i <= 12; i++ {
		oid, name := fmt.Sprintf("1.3.6.1.4.1.9.%d.0", i), fmt.Sprintf("m%d", i)
		mib[oid] = 100 + i
		points = append(points, scalar(name, oid))
		lines = append(lines, fmt.Sprintf("m%d=%d", i, 100+i))
	}
	return mib, points, lines
}

// sizes are the numbers of objects in each of the requests.
func sizes(asked []*gosnmp.SnmpPacket) []int {
	var out []int
	for _, req := range asked {
		out = append(out, len(req.Variables))
	}
	return out
}

func wantSizes(t *testing.T, asked []*gosnmp.SnmpPacket, want ...int) {
	t.Helper()
	if got := sizes(asked); !slices.Equal(got, want) {
		t.Errorf("requests of %v objects, want %v", got, want)
	}
}

// What an agent does not take at once is asked for in halves, and not tried
// again by the next poll.
func TestRequestTooBigForTheAgent(t *testing.T) {
	refuse := func(status gosnmp.SNMPError) func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
		return func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
			if len(req.Variables) <= 4 {
				return nil, false
			}
			return [][]byte{encode(refusal(req, status, 0))}, true
		}
	}
	for name, respond := range map[string]func(req *gosnmp.SnmpPacket) ([][]byte, bool){
		"tooBig":    refuse(gosnmp.TooBig),
		"genErr":    refuse(gosnmp.GenErr),
		"silence":   func(req *gosnmp.SnmpPacket) ([][]byte, bool) { return nil, len(req.Variables) > 4 },
		"cut short": nil, // below
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mib, points, lines := twelve()
				agent := newStub("", mib)
				if name == "cut short" {
					respond = func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
						p := agent.honest(req)
						p.Variables = p.Variables[:min(4, len(p.Variables))]
						return [][]byte{encode(p)}, true
					}
				}
				agent.on(respond)
				src := agent.source(t, time.Second, points...)
				want(t, poll(t, src), lines...)
				agent.take()
				want(t, poll(t, src), lines...)
				asked := agent.take()
				if len(asked) < 3 || len(asked) > 4 || slices.Max(sizes(asked)) > 4 {
					t.Errorf("the second poll: requests of %v objects", sizes(asked))
				}
				agent.on(nil)
				want(t, poll(t, src), lines...)
				agent.take()
				src.client.limited = src.client.limited.Add(-forgetAfter) // a day later
				want(t, poll(t, src), lines...)
				wantSizes(t, agent.take(), 12)
			})
		})
	}
}

// An agent that takes less than it did has gone silent, for all that a poll
// can tell; that it answers a probe says otherwise.
func TestRequestTooBigLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mib, points, lines := twelve()
		agent := newStub("", mib)
		src := agent.source(t, time.Second, points...)
		want(t, poll(t, src), lines...)
		agent.on(func(req *gosnmp.SnmpPacket) ([][]byte, bool) { return nil, len(req.Variables) > 6 })
		agent.take()
		rs, err := src.Poll(t.Context(), nil)
		readings := format(rs)
		text := "get 1.3.6.1.4.1.9.1.0 and 11 more from " + src.client.address.Address + ": timeout after 1s"
		wantError(t, err, text)
		wantSizes(t, agent.take(), 12, 12) // the second is the repetition
		if len(rs) != 12 || readings[11] != "m12: "+text {
			t.Errorf("readings of the failed poll: %q", readings)
		}
		if err := src.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		want(t, poll(t, src), lines...)
		agent.take()
		want(t, poll(t, src), lines...)
		wantSizes(t, agent.take(), 6, 6)

		// The first request is answered, so it is not the device that is silent.
		agent.on(func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
			return nil, len(req.Variables) > 3 && req.Variables[0].Name == ".1.3.6.1.4.1.9.7.0"
		})
		want(t, poll(t, src), lines...)
		wantSizes(t, agent.take(), 6, 6, 6, 1, 3, 3)
		want(t, poll(t, src), lines...)
		wantSizes(t, agent.take(), 3, 3, 3, 3)
	})
}

// One object that the agent fails over does not cost the others.
func TestObjectThatTheAgentRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mib, points, lines := twelve()
		agent := newStub("", mib)
		src := agent.source(t, time.Second, points...)
		want(t, poll(t, src), lines...)
		broken := func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
			for i, v := range req.Variables {
				if v.Name == ".1.3.6.1.4.1.9.5.0" {
					return [][]byte{encode(refusal(req, gosnmp.GenErr, i+1))}, true
				}
			}
			return nil, false
		}
		agent.on(broken)
		bad := slices.Clone(lines)
		bad[4] = "m5: get 1.3.6.1.4.1.9.5.0 from " + src.client.address.Address + ": genErr"
		want(t, poll(t, src), bad...)
		agent.take()
		want(t, poll(t, src), bad...)
		wantSizes(t, agent.take(), 11)
		src.next = time.Time{} // a minute later
		want(t, poll(t, src), bad...)
		want(t, poll(t, src), bad...)

		agent.on(nil)
		src.next = time.Time{}
		poll(t, src)
		want(t, poll(t, src), lines...)
	})
}

// An object over which the agent hangs is left alone.
func TestObjectThatSilencesTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mib, points, lines := twelve()
		agent := newStub("", mib)
		agent.on(func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
			return nil, slices.ContainsFunc(req.Variables, func(v gosnmp.SnmpPDU) bool { return v.Name == ".1.3.6.1.4.1.9.5.0" })
		})
		src := agent.source(t, time.Second, points...)
		want(t, poll(t, src), slices.Delete(lines, 4, 5)...)
		agent.take()
		poll(t, src)
		wantSizes(t, agent.take(), 11)
	})
}

// A version 1 agent fails a whole GET over an object that it does not have,
// and says which; some do not.
func TestVersion1MissingObjects(t *testing.T) {
	for _, index := range []string{"right", "zero", "beyond"} {
		t.Run(index, func(t *testing.T) {
			mib, points, lines := twelve()
			for _, gone := range []int{11, 4, 3, 1} {
				delete(mib, fmt.Sprintf("1.3.6.1.4.1.9.%d.0", gone))
				lines = slices.Delete(lines, gone-1, gone)
			}
			agent := newStub("1", mib)
			agent.on(func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
				p := agent.honest(req)
				switch {
				case p.Error != gosnmp.NoSuchName:
				case index == "zero":
					p.ErrorIndex = 0
				case index == "beyond":
					p.ErrorIndex = 200
				}
				return [][]byte{encode(p)}, true
			})
			src := agent.source(t, time.Second, points...)
			want(t, poll(t, src), lines...)
			agent.take()
			want(t, poll(t, src), lines...)
			wantSizes(t, agent.take(), 8)

			agent.set("1.3.6.1.4.1.9.6.0", nil) // one more is gone: left out at once
			lines = slices.DeleteFunc(lines, func(l string) bool { return l == "m6=106" })
			want(t, poll(t, src), lines...)
			agent.take()
			want(t, poll(t, src), lines...)
			wantSizes(t, agent.take(), 7)
		})
	}
}

// Walks end, whatever the agent says.
func TestWalks(t *testing.T) {
	const col = "1.3.6.1.4.1.9.1.2"
	cells := func(rows ...int) map[string]any {
		mib := map[string]any{"1.3.6.1.4.1.9.1.3.1": 999}
		for _, r := range rows {
			mib[fmt.Sprintf("%s.%d", col, r)] = r
		}
		return mib
	}
	row := func(name string) int {
		n := 0
		fmt.Sscanf(name, "."+col+".%d", &n)
		return n
	}
	say := func(n int) gosnmp.SnmpPDU {
		return gosnmp.SnmpPDU{Name: fmt.Sprintf(".%s.%d", col, n), Type: gosnmp.Integer, Value: n}
	}
	// step answers GETBULK and GETNEXT row by row, as next says.
	step := func(next func(int) gosnmp.SnmpPDU) func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
		return func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
			if req.PDUType == gosnmp.GetRequest {
				return nil, false
			}
			var said []gosnmp.SnmpPDU
			v := next(row(req.Variables[0].Name))
			for range max(req.MaxRepetitions, 1) {
				said = append(said, v)
				v = next(row(v.Name))
			}
			return [][]byte{encode(response(req, said))}, true
		}
	}
	for _, test := range []struct {
		name    string
		version string
		mib     map[string]any
		respond func(req *gosnmp.SnmpPacket) ([][]byte, bool)
		want    []int
	}{
		{name: "to the end of the agent", mib: map[string]any{col + ".1": 1, col + ".2": 2}, want: []int{1, 2}},
		{name: "to the end of a version 1 agent", version: "1", mib: map[string]any{col + ".1": 1, col + ".2": 2}, want: []int{1, 2}},
		{name: "many rows", mib: cells(seq(1, 130)...), want: seq(1, 130)},
		{name: "version 1", version: "1", mib: cells(2, 4, 9), want: []int{2, 4, 9}},
		{name: "nothing", mib: map[string]any{"1.3.6.1.4.1.9.1.3.1": 5}},
		{name: "a loop", mib: cells(1, 2, 3), respond: step(func(n int) gosnmp.SnmpPDU { return say(n%3 + 1) }), want: []int{1, 2, 3}},
		{name: "the same for ever", mib: cells(1), respond: step(func(int) gosnmp.SnmpPDU { return say(1) }), want: []int{1}},
		{name: "rows out of order", mib: cells(3, 1, 2), respond: step(func(n int) gosnmp.SnmpPDU {
			switch n {
			case 0:
				return say(3)
			case 3:
				return say(1)
			case 1:
				return say(2)
			}
			return gosnmp.SnmpPDU{Name: ".1.3.6.1.4.1.9.1.3.1", Type: gosnmp.Integer, Value: 1}
		}), want: []int{3, 1, 2}},
		{name: "an endless table", mib: cells(seq(1, maxRows+50)...), want: seq(1, maxRows)},
		{name: "GETBULK refused", mib: cells(1, 2, 3), respond: func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
			return [][]byte{encode(refusal(req, gosnmp.GenErr, 0))}, req.PDUType == gosnmp.GetBulkRequest
		}, want: []int{1, 2, 3}},
		{name: "GETBULK ignored", mib: cells(1, 2, 3), respond: func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
			return nil, req.PDUType == gosnmp.GetBulkRequest
		}, want: []int{1, 2, 3}},
		{name: "GETBULK answered with nothing", mib: cells(1, 2, 3), respond: func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
			return [][]byte{encode(response(req, nil))}, req.PDUType == gosnmp.GetBulkRequest
		}, want: []int{1, 2, 3}},
		{name: "GETNEXT refused, too", mib: cells(1, 2, 3), respond: func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
			return [][]byte{encode(refusal(req, gosnmp.GenErr, 1))}, req.PDUType != gosnmp.GetRequest
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				agent := newStub(test.version, test.mib)
				agent.on(test.respond)
				src := agent.source(t, time.Second, rows("v", col, "{index}"))
				var lines []string
				for _, n := range test.want {
					lines = append(lines, fmt.Sprintf("v[%d]=%d", n, n))
				}
				want(t, poll(t, src), lines...)
			})
		})
	}
}

func seq(from, to int) (out []int) {
	for n := from; n <= to; n++ {
		out = append(out, n)
	}
	return out
}

// Columns that are walked side by side have different ends; a GETNEXT of them
// all that a version 1 agent fails over is no reason to give up the others.
func TestWalkColumnsOfDifferentLengths(t *testing.T) {
	for _, version := range []string{"1", "2c"} {
		t.Run(version, func(t *testing.T) {
			mib := map[string]any{}
			var points []config.SNMPPoint
			var lines []string
			for c := 1; c <= 12; c++ {
				oid := fmt.Sprintf("1.3.6.1.4.1.9.1.%d", c)
				points = append(points, rows(fmt.Sprintf("c%d", c), oid, "{index}"))
				for r := 1; r <= c*7%11; r++ {
					mib[fmt.Sprintf("%s.%d", oid, r)] = r
					lines = append(lines, fmt.Sprintf("c%d[%d]=%d", c, r, r))
				}
			}
			want(t, poll(t, newStub(version, mib).source(t, time.Second, points...)), lines...)
		})
	}
}

// An answer is the one to the request that was sent, and about what was asked.
func TestAnswersThatAreNotToTheQuestion(t *testing.T) {
	mib, points, lines := twelve()
	agent := newStub("", mib)
	run := func(name string, test func(t *testing.T, src *Source)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				agent.on(nil)
				src := agent.source(t, time.Second, points...)
				want(t, poll(t, src), lines...)
				test(t, src)
			})
		})
	}
	lie := func(req *gosnmp.SnmpPacket) *gosnmp.SnmpPacket {
		p := agent.honest(req)
		for i := range p.Variables {
			p.Variables[i].Value = -1
		}
		return p
	}

	run("late", func(t *testing.T, src *Source) {
		agent.on(func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
			late := lie(req)
			late.RequestID = (req.RequestID - 7) & 0x7fffffff
			return [][]byte{encode(late), encode(agent.honest(req))}, true
		})
		want(t, poll(t, src), lines...)
	})
	run("late, and without an id", func(t *testing.T, src *Source) { // so that the next poll finds it
		agent.on(func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
			late := lie(req)
			late.RequestID = 0
			return [][]byte{encode(agent.honest(req)), encode(late)}, true
		})
		for range 3 {
			want(t, poll(t, src), lines...)
		}
	})
	run("twice", func(t *testing.T, src *Source) {
		agent.on(func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
			once := encode(agent.honest(req))
			return [][]byte{once, once, once}, true
		})
		for range 3 {
			want(t, poll(t, src), lines...)
		}
		agent.on(nil)
		want(t, poll(t, src), lines...)
	})
	run("late, and nothing else", func(t *testing.T, src *Source) {
		agent.on(func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
			late := lie(req)
			late.RequestID = (req.RequestID - 7) & 0x7fffffff
			return [][]byte{encode(late)}, true
		})
		_, err := src.Poll(t.Context(), nil)
		wantError(t, err, "get 1.3.6.1.4.1.9.1.0 and 11 more from "+src.client.address.Address+": timeout after 1s")
	})
	run("slow", func(t *testing.T, src *Source) {
		var first *gosnmp.SnmpPacket
		agent.on(func(req *gosnmp.SnmpPacket) ([][]byte, bool) { // the first request is answered when the second is there
			if first == nil {
				first = req
				return nil, true
			}
			return [][]byte{encode(agent.honest(first))}, true
		})
		want(t, poll(t, src), lines...)
	})
	run("garbage, then an answer", func(t *testing.T, src *Source) {
		agent.on(func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
			return [][]byte{{0x30, 0x03, 0x02, 0x01}, encode(agent.honest(req))}, true
		})
		want(t, poll(t, src), lines...)
	})
	run("garbage", func(t *testing.T, src *Source) {
		agent.on(func(req *gosnmp.SnmpPacket) ([][]byte, bool) { return [][]byte{[]byte("what?")}, true })
		if _, err := src.Poll(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "get 1.3.6.1.4.1.9.1.0 and 11 more from ") {
			t.Errorf("error %v", err)
		}
	})
	run("in another order", func(t *testing.T, src *Source) {
		agent.on(func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
			p := agent.honest(req)
			slices.Reverse(p.Variables)
			return [][]byte{encode(p)}, true
		})
		want(t, poll(t, src), lines...)
	})
	run("about something else", func(t *testing.T, src *Source) {
		agent.on(func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
			p := agent.honest(req)
			for i := range p.Variables {
				p.Variables[i].Name = fmt.Sprintf(".1.3.6.1.4.1.10.%d.0", i)
			}
			return [][]byte{encode(p)}, true
		})
		got := poll(t, src)
		if len(got) != 12 || !strings.HasSuffix(got[0], ": the answer is about other objects") {
			t.Errorf("%q", got)
		}

		agent.on(nil)
		src.next = time.Time{}
		poll(t, src)
		want(t, poll(t, src), lines...)
	})
}

// A poll ends with its context, not with the timeout.
func TestPollEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mib, points, lines := twelve()
		agent := newStub("", mib)
		src := agent.source(t, time.Hour, points...)
		want(t, poll(t, src), lines...)
		ctx, cancel := context.WithCancel(t.Context())
		agent.on(func(*gosnmp.SnmpPacket) ([][]byte, bool) {
			cancel()
			return nil, true
		})
		_, err := src.Poll(ctx, nil)
		wantError(t, err, "get 1.3.6.1.4.1.9.1.0 and 11 more from "+src.client.address.Address+": context canceled")
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v is not context.Canceled", err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		agent.on(func(*gosnmp.SnmpPacket) ([][]byte, bool) { return nil, true })
		_, err = src.Poll(ctx, nil)
		wantError(t, err, "get 1.3.6.1.4.1.9.1.0 and 11 more from "+src.client.address.Address+": context deadline exceeded")
		agent.on(nil)
		want(t, poll(t, src), lines...)
	})
}

// A deadline that gosnmp sets does not outlive the context.
func TestDeadlineOfAnEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var last time.Time
	tap := tap{Conn: deadlines{&last}}
	tap.begin(ctx)
	if !tap.stop() {
		t.Fatal("the context has ended already")
	}
	cancel()
	tap.SetDeadline(time.Now().Add(time.Hour))
	if time.Until(last) > 0 {
		t.Errorf("deadline %v", last)
	}
}

// deadlines is a connection that keeps its last deadline.
type deadlines struct{ last *time.Time }

func (d deadlines) SetDeadline(at time.Time) error { *d.last = at; return nil }
func (deadlines) Read([]byte) (int, error)         { panic("no reading") }
func (deadlines) Write([]byte) (int, error)        { panic("no writing") }
func (deadlines) Close() error                     { panic("no closing") }
func (deadlines) LocalAddr() net.Addr              { panic("no address") }
func (deadlines) RemoteAddr() net.Addr             { panic("no address") }
func (deadlines) SetReadDeadline(time.Time) error  { panic("no such deadline") }
func (deadlines) SetWriteDeadline(time.Time) error { panic("no such deadline") }

// A survey that is interrupted goes on where it was.
func TestFirstSurveyOverSeveralPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mib := map[string]any{}
		for r := range 100 {
			mib[fmt.Sprintf("1.3.6.1.4.1.9.1.%d", r+1)] = r
		}
		agent := newStub("1", mib)
		src := agent.source(t, time.Second, rows("v", "1.3.6.1.4.1.9.1", "{index}"))
		var walked atomic.Int32
		for polls := 1; ; polls++ {
			ctx, cancel := context.WithCancel(t.Context())
			n := 0
			agent.on(func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
				if req.PDUType == gosnmp.GetNextRequest {
					if n++; n > 30 {
						cancel()
						return nil, true
					}
					walked.Add(1)
				}
				return nil, false
			})
			rs, err := src.Poll(ctx, nil)
			cancel()
			if err == nil {
				if len(rs) != 100 || polls != 4 || walked.Load() != 101 {
					t.Errorf("%d readings after %d polls and %d steps, want 100, 4, 101", len(rs), polls, walked.Load())
				}
				return
			}
			if !errors.Is(err, context.Canceled) || polls > 4 {
				t.Fatal(polls, err)
			}
		}
	})
}

func TestProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, version := range []string{"1", "2c"} {
			agent := newStub(version, map[string]any{"1.3.6.1.4.1.9.1.0": 1}) // no sysUpTime
			src := agent.source(t, time.Second, scalar("v", "1.3.6.1.4.1.9.1.0"))
			if err := src.Probe(t.Context()); err != nil {
				t.Errorf("version %s: %v", version, err)
			}
			wantSizes(t, agent.take(), 1)
			want(t, poll(t, src), "v=1")
			agent.on(func(*gosnmp.SnmpPacket) ([][]byte, bool) { return nil, true })
			wantError(t, src.Probe(t.Context()), "get 1.3.6.1.2.1.1.3.0 from "+src.client.address.Address+": timeout after 1s")
		}
	})
}

// A device that has nothing of its profile is polled all the same: it is up.
func TestDeviceWithNothingOfItsProfile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agent := newStub("", map[string]any{"1.3.6.1.2.1.1.3.0": uint32(1)})
		src := agent.source(t, time.Second, scalar("v", "1.3.6.1.4.1.9.1.0"), rows("c", "1.3.6.1.4.1.9.2", "{index}"))
		want(t, poll(t, src))
		agent.take()
		want(t, poll(t, src))
		wantSizes(t, agent.take(), 1)
		agent.on(func(*gosnmp.SnmpPacket) ([][]byte, bool) { return nil, true })
		if rs, err := src.Poll(t.Context(), nil); err == nil || len(rs) != 0 {
			t.Error(rs, err)
		}
	})
}

// An agent that answers from another address than it was asked at is read, as
// net-snmp reads it; what comes from elsewhere must know the community and the
// request.
func TestAnswersFromAnotherAddress(t *testing.T) {
	t.Parallel()
	for name, ip := range map[string]net.IP{"address": net.IPv4(127, 0, 0, 2), "port": net.IPv4(127, 0, 0, 1)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other, err := net.ListenUDP("udp4", &net.UDPAddr{IP: ip})
			if err != nil {
				t.Skip("no second loopback address here: ", err)
			}
			defer other.Close()
			mib, points, lines := twelve()
			agent := newStub("", mib)
			src := sourceAt(t, agent.listen(t), 2*time.Second, points...)
			answerFrom := func(conn *net.UDPConn) {
				agent.mu.Lock()
				agent.from = conn
				agent.mu.Unlock()
			}
			answerFrom(other)
			want(t, poll(t, src), lines...) // at the first poll
			for range 3 {
				want(t, poll(t, src), lines...)
			}
			agent.take()
			want(t, poll(t, src), lines...)
			wantSizes(t, agent.take(), 12) // in one request, without a retry

			t.Run("forged", func(t *testing.T) {
				agent.on(func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
					var lies [][]byte
					for _, change := range []func(p *gosnmp.SnmpPacket){
						func(p *gosnmp.SnmpPacket) { p.Community = "private" },
						func(p *gosnmp.SnmpPacket) { p.RequestID = 0 },
						func(p *gosnmp.SnmpPacket) { p.RequestID++ },
						func(p *gosnmp.SnmpPacket) { p.PDUType = gosnmp.GetRequest },
					} {
						p := agent.honest(req)
						for i := range p.Variables {
							p.Variables[i].Value = -1
						}
						change(p)
						lies = append(lies, encode(p))
					}
					return append(lies, []byte("garbage"), encode(agent.honest(req))), true
				})
				want(t, poll(t, src), lines...)
				agent.on(nil)
			})

			// It is set right: heard all the same, and after a pause as any other.
			answerFrom(nil)
			want(t, poll(t, src), lines...)
			agent.on(func(*gosnmp.SnmpPacket) ([][]byte, bool) { return nil, true })
			if _, err := src.Poll(t.Context(), nil); !errors.Is(err, errTimeout) {
				t.Fatal(err)
			}
			agent.on(nil)
			want(t, poll(t, src), lines...)
			if src.client.anySource {
				t.Error("the socket is still open to every source")
			}
		})
	}
}

// Without authentication anybody could answer for a version 3 agent.
func TestNobodyElseAnswersWithoutAuthentication(t *testing.T) {
	for _, c := range []struct {
		a    config.SNMPAddress
		want bool
	}{
		{config.SNMPAddress{Version: "1"}, true},
		{config.SNMPAddress{Version: "2c"}, true},
		{config.SNMPAddress{Version: "3", SNMPUser: config.SNMPUser{Auth: "none"}}, false},
		{config.SNMPAddress{Version: "3", SNMPUser: config.SNMPUser{Auth: "sha256"}}, true},
	} {
		l := link{address: c.a}
		if got := l.mayRoam(); got != c.want {
			t.Errorf("version %s, auth %q: %v", c.a.Version, c.a.Auth, got)
		}
	}
}
