package snmp

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosnmp/gosnmp"

	"plantroom/agent"
	"plantroom/config"
)

const probes = "1.3.6.1.4.1.318.1.1.25.1.2.1" // 3: name, 5: status, 6: temperature; index module.sensor

func probe(mib *stub, index, name string, status, value int) {
	mib.set(probes+".3."+index, name)
	mib.set(probes+".5."+index, status)
	mib.set(probes+".6."+index, value)
}

func temperature() config.SNMPPoint {
	p := rows("temperature", probes+".6", "probe {index}")
	p.NameOID = probes + ".3"
	p.Where = []config.SNMPCondition{{Column: probes + ".5", Values: []string{"2", "3"}}}
	return p
}

func points(rs []agent.Reading) (out []*agent.Point) {
	for _, r := range rs {
		out = append(out, r.Point)
	}
	return out
}

func TestRowsThatChange(t *testing.T) {
	agent := newStub("", map[string]any{"1.3.6.1.4.1.9.1.0": 7})
	probe(agent, "1.1", "Cold aisle", 2, 21)
	probe(agent, "1.2", "Hot aisle", 3, 35)
	probe(agent, "1.3", "Not plugged in", 1, -1)
	probe(agent, "2.1", "Outside", 2, -7)
	src := agent.source(t, time.Second, temperature(), scalar("load", "1.3.6.1.4.1.9.1.0"))
	walks := func() int {
		n := 0
		for _, req := range agent.take() {
			if req.PDUType == gosnmp.GetBulkRequest {
				n++
			}
		}
		return n
	}
	settle := func() { // the survey after a change, and the one after that
		for range 2 {
			src.next = time.Time{}
			poll(t, src)
		}
		walks()
	}
	first, err := src.Poll(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want(t, format(first), "temperature[probe 1.1]=21", "temperature[probe 1.2]=35", "temperature[probe 2.1]=-7", "load=7")
	if p := *first[1].Point; p.ChannelName != "Hot aisle" || p.Source != probes+".6.1.2" || p.Device != src.device {
		t.Errorf("point %+v", p)
	}
	settle()
	again, _ := src.Poll(t.Context(), nil)
	if !slices.Equal(points(first), points(again)) {
		t.Error("the same rows have other points after a survey")
	}
	if time.Until(src.next) < surveyEvery-time.Minute {
		t.Errorf("the next survey of an unchanged device is in %v", time.Until(src.next))
	}

	// A row goes: it is left out, and the table walked a minute after the last time.
	for _, c := range []string{".3", ".5", ".6"} {
		agent.set(probes+c+".1.1", nil)
	}
	want(t, poll(t, src), "temperature[probe 1.2]=35", "temperature[probe 2.1]=-7", "load=7")
	if left := time.Until(src.next); left <= 0 || left > surveySoon {
		t.Errorf("the next survey after a row has gone is in %v", left)
	}
	if n := walks(); n != 0 {
		t.Errorf("%d walks within the minute", n)
	}
	src.next = time.Time{}
	poll(t, src)
	if walks() == 0 {
		t.Error("no walk after the minute")
	}
	poll(t, src)
	wantSizes(t, agent.take(), 3)

	// A row comes, and one is plugged in.
	probe(agent, "2.2", "Roof", 2, -9)
	agent.set(probes+".5.1.3", 2)
	agent.set(probes+".6.1.3", 22)
	want(t, poll(t, src), "temperature[probe 1.2]=35", "temperature[probe 2.1]=-7", "load=7")
	settle()
	last, _ := src.Poll(t.Context(), nil)
	want(t, format(last), "temperature[probe 1.2]=35", "temperature[probe 1.3]=22", "temperature[probe 2.1]=-7", "temperature[probe 2.2]=-9", "load=7")
	if last[0].Point != first[1].Point || last[2].Point != first[2].Point || last[4].Point != first[3].Point {
		t.Error("unchanged rows have other points after a survey that changed others")
	}

	// A new name makes a new point: sinks tell of it.
	agent.set(probes+".3.1.2", "Hot aisle, top")
	settle()
	named, _ := src.Poll(t.Context(), nil)
	if named[0].Point == last[0].Point || named[0].Point.ChannelName != "Hot aisle, top" {
		t.Errorf("point of a renamed row: %+v", *named[0].Point)
	}
}

// A scalar that the device lacks is asked for by surveys only, one that it
// loses is left out, and both are read when they are there.
func TestScalarsThatComeAndGo(t *testing.T) {
	agent := newStub("", map[string]any{"1.3.6.1.4.1.9.1.0": 1, "1.3.6.1.4.1.9.2.0": 2})
	src := agent.source(t, time.Second, scalar("a", "1.3.6.1.4.1.9.1.0"), scalar("b", "1.3.6.1.4.1.9.2.0"), scalar("c", "1.3.6.1.4.1.9.3.0"))
	want(t, poll(t, src), "a=1", "b=2")
	agent.set("1.3.6.1.4.1.9.3.0", 3)
	agent.set("1.3.6.1.4.1.9.1.0", gosnmp.SnmpPDU{Type: gosnmp.Null})
	agent.take()
	want(t, poll(t, src), "b=2")
	wantSizes(t, agent.take(), 2)
	src.next = time.Time{}
	poll(t, src)
	want(t, poll(t, src), "b=2", "c=3")
	agent.set("1.3.6.1.4.1.9.1.0", 1)
	src.next = time.Time{}
	poll(t, src)
	want(t, poll(t, src), "a=1", "b=2", "c=3")
}

// A device that comes back may be another one.
func TestSurveyAfterSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agent := newStub("", nil)
		probe(agent, "1.1", "Cold aisle", 2, 21)
		src := agent.source(t, time.Second, temperature())
		want(t, poll(t, src), "temperature[probe 1.1]=21")
		src.surveyed = src.surveyed.Add(-time.Hour)
		src.next = src.surveyed.Add(2 * time.Hour)
		agent.on(func(*gosnmp.SnmpPacket) ([][]byte, bool) { return nil, true })
		rs, err := src.Poll(t.Context(), nil)
		if err == nil || len(rs) != 1 || rs[0].Why != err.Error() {
			t.Fatal(rs, err)
		}
		agent.on(nil)
		probe(agent, "1.2", "Hot aisle", 2, 35)
		if err := src.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		want(t, poll(t, src), "temperature[probe 1.1]=21")
		want(t, poll(t, src), "temperature[probe 1.1]=21", "temperature[probe 1.2]=35")
	})
}

// A survey on the side takes a few requests of each poll, and its troubles are
// not the poll's.
func TestSurveyOnTheSide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agent := newStub("1", nil)
		var lines []string
		for i := 1; i <= 30; i++ {
			probe(agent, fmt.Sprintf("1.%d", i), "", 2, i)
			lines = append(lines, fmt.Sprintf("temperature[probe 1.%d]=%d", i, i))
		}
		src := agent.source(t, time.Second, temperature())
		want(t, poll(t, src), lines...)
		src.next = time.Time{}
		polls := 0
		for agent.take(); src.survey != nil || polls == 0; polls++ {
			want(t, poll(t, src), lines...)
			if n := len(agent.take()); n > 1+surveyShare {
				t.Errorf("poll %d took %d requests", polls, n)
			}
		}
		if polls < 5 {
			t.Errorf("the survey was done after %d polls", polls)
		}

		ctx, cancel := context.WithCancel(t.Context())
		agent.on(func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
			if req.PDUType == gosnmp.GetNextRequest {
				cancel()
			}
			return nil, req.PDUType == gosnmp.GetNextRequest
		})
		src.next = time.Time{}
		rs, err := src.Poll(ctx, nil)
		if err != nil {
			t.Error(err)
		}
		want(t, format(rs), lines...)
		if src.survey == nil {
			t.Error("the survey is given up with the poll's context")
		}

		agent.on(func(req *gosnmp.SnmpPacket) ([][]byte, bool) { return nil, req.PDUType != gosnmp.GetRequest })
		for range 10 {
			want(t, poll(t, src), lines...)
		}
	})
}

// Where a profile knows several objects for one thing, the first that the
// device has is read, and only that is asked for.
func TestFirstObjectThatTheDeviceHas(t *testing.T) {
	agent := newStub("", map[string]any{
		"1.3.6.1.4.1.9.2.0": -1, "1.3.6.1.4.1.9.3.0": 30, "1.3.6.1.4.1.9.4.0": 40,
		"1.3.6.1.4.1.9.5.1": 1, "1.3.6.1.4.1.9.5.2": 2, "1.3.6.1.4.1.9.6.2": 20, "1.3.6.1.4.1.9.6.3": 30,
		"1.3.6.1.4.1.9.7.0": -1,
	})
	var all []config.SNMPPoint
	for i := 1; i <= 4; i++ {
		p := scalar("temperature", fmt.Sprintf("1.3.6.1.4.1.9.%d.0", i))
		p.Absent = []float64{-1}
		all = append(all, p)
	}
	only := scalar("humidity", "1.3.6.1.4.1.9.7.0")
	only.Absent = []float64{-1}
	all = append(all, only, rows("voltage", "1.3.6.1.4.1.9.5", "L{index}"), rows("voltage", "1.3.6.1.4.1.9.6", "L{index}"))
	src := agent.source(t, time.Second, all...)
	want(t, poll(t, src), "temperature=30", "voltage[L1]=1", "voltage[L2]=2", "voltage[L3]=30")
	agent.take()
	agent.set("1.3.6.1.4.1.9.7.0", 55) // all that the device has, so it is asked for although it said nothing
	want(t, poll(t, src), "temperature=30", "humidity=55", "voltage[L1]=1", "voltage[L2]=2", "voltage[L3]=30")
	wantSizes(t, agent.take(), 5)
}

// What belongs to a row: its channel, its name, its decimals, its conditions.
func TestRowPatterns(t *testing.T) {
	agent := newStub("", map[string]any{
		"1.3.6.1.4.1.9.1.3.1.10": 2215, "1.3.6.1.4.1.9.1.3.1.11": 2216, "1.3.6.1.4.1.9.1.3.2.10": 2225, "1.3.6.1.4.1.9.1.3.2.11": 1,
		"1.3.6.1.4.1.9.1.4.1.10": 1, "1.3.6.1.4.1.9.1.4.1.11": 2, "1.3.6.1.4.1.9.1.4.2.10": 0,
		"1.3.6.1.4.1.9.1.5.1.10": "Rack A", "1.3.6.1.4.1.9.1.5.1.11": "Rack A", "1.3.6.1.4.1.9.1.5.2.10": "M\xfcnchen\x00\x00",
		"1.3.6.1.4.1.9.9.0": 1, "1.3.6.1.4.1.9.8.0": "The cabinet",
	})
	col := "1.3.6.1.4.1.9.1.3"
	for _, test := range []struct {
		name   string
		change func(p *config.SNMPPoint)
		want   []string
	}{
		{"index", func(p *config.SNMPPoint) {}, []string{"v[1.10]=2215", "v[1.11]=2216", "v[2.10]=2225", "v[2.11]=1"}},
		{"components", func(p *config.SNMPPoint) { p.Channel = "{-1} of {1}{3}" },
			[]string{"v[10 of 1]=2215", "v[11 of 1]=2216", "v[10 of 2]=2225", "v[11 of 2]=1"}},
		{"a pattern that tells nothing", func(p *config.SNMPPoint) { p.Channel = "L" },
			[]string{"v[L]=2215", "v[L 1.11]=2216", "v[L 2.10]=2225", "v[L 2.11]=1"}},
		{"name", func(p *config.SNMPPoint) { p.Channel, p.NameOID = "{name}", "1.3.6.1.4.1.9.1.5" },
			[]string{"v[Rack A]=2215", "v[Rack A 1.11]=2216", "v[München]=2225", "v[2.11]=1"}},
		{"a name for all", func(p *config.SNMPPoint) { p.Channel, p.NameOID = "{name} {2}", "1.3.6.1.4.1.9.8.0" },
			[]string{"v[The cabinet 10]=2215", "v[The cabinet 11]=2216", "v[The cabinet 10 2.10]=2225", "v[The cabinet 11 2.11]=1"}},
		{"decimals, none of the last row", func(p *config.SNMPPoint) { p.Decimals = "1.3.6.1.4.1.9.1.4" },
			[]string{"v[1.10]=221.5", "v[1.11]=22.16", "v[2.10]=2225"}},
		{"decimals on top of scale", func(p *config.SNMPPoint) { p.Decimals, p.Scale = "1.3.6.1.4.1.9.9.0", 0.1 },
			[]string{"v[1.10]=22.15", "v[1.11]=22.16", "v[2.10]=22.25", "v[2.11]=0.01"}},
		{"conditions", func(p *config.SNMPPoint) {
			p.Where = []config.SNMPCondition{{Column: "1.3.6.1.4.1.9.1.4", Values: []string{"0", "2"}}, {Column: "1.3.6.1.4.1.9.1.5", Values: []string{"Rack A"}}}
		}, []string{"v[1.11]=2216"}},
		{"a condition on a scalar", func(p *config.SNMPPoint) {
			p.Where = []config.SNMPCondition{{Column: "1.3.6.1.4.1.9.9.0", Values: []string{"2"}}}
		}, nil},
		{"rows", func(p *config.SNMPPoint) {
			p.Rows = map[string]string{"2.10": "B", "1.10": "A", "7.7": "none"}
			p.Decimals = "1.3.6.1.4.1.9.1.4"
		}, []string{"v[A]=221.5", "v[B]=2225"}},
		{"rows of a kind", func(p *config.SNMPPoint) {
			p.Rows = map[string]string{"*.10": "outlet {1}", "1.11": "the {2}th", "*": "{1}", "*.*.*": "{index}"}
		}, []string{"v[outlet 1]=2215", "v[the 11th]=2216", "v[outlet 2]=2225"}},
		{"rows of a kind by name", func(p *config.SNMPPoint) {
			p.Rows, p.NameOID = map[string]string{"1.*": "{name} {-1}"}, "1.3.6.1.4.1.9.1.5"
		}, []string{"v[Rack A 10]=2215", "v[Rack A 11]=2216"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := rows("v", col, "{index}")
			test.change(&p)
			want(t, poll(t, agent.source(t, time.Second, p)), test.want...)
		})
	}
	t.Run("a scalar with a name", func(t *testing.T) {
		p := scalar("v", "1.3.6.1.4.1.9.9.0")
		p.NameOID, p.Channel = "1.3.6.1.4.1.9.8.0", "main"
		src := agent.source(t, time.Second, p)
		want(t, poll(t, src), "v[main]=1")
		if name := src.cells[0].point.ChannelName; name != "The cabinet" {
			t.Errorf("channel name %q", name)
		}
	})
	t.Run("names of whole units", func(t *testing.T) {
		names := map[string]string{"1.1.1": "CA1, second stage", "1.1": "CA1", "1.2": "CA2", "3": "CA3"}
		for index, name := range names {
			agent.set("1.3.6.1.4.1.9.2.2."+index, name)
		}
		all := []string{"1.1.1", "1.1.2", "1.2.1", "2.1.1", "3.1.1"}
		for _, index := range all {
			agent.set("1.3.6.1.4.1.9.2.1."+index, 20)
		}
		p := rows("v", "1.3.6.1.4.1.9.2.1", "unit {index}")
		p.NameOID = "1.3.6.1.4.1.9.2.2"
		some := p
		some.Rows = map[string]string{}
		for _, index := range all {
			some.Rows[index] = "unit " + index
		}
		for how, p := range map[string]config.SNMPPoint{"walked": p, "listed": some} {
			rs, err := agent.source(t, time.Second, p).Poll(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range rs {
				got = append(got, r.Point.Channel+": "+r.Point.ChannelName)
			}
			t.Log(how)
			want(t, got, "unit 1.1.1: CA1, second stage", "unit 1.1.2: CA1", "unit 1.2.1: CA2", "unit 2.1.1: ", "unit 3.1.1: CA3")
		}
	})
	t.Run("rows are not walked", func(t *testing.T) {
		agent.take()
		p := rows("v", col, "")
		p.Rows = map[string]string{"1.10": "A"}
		poll(t, agent.source(t, time.Second, p))
		for _, req := range agent.take() {
			if req.PDUType != gosnmp.GetRequest {
				t.Errorf("a %v", req.PDUType)
			}
		}
	})
}

// As much goes into a request as its answer's message has room for.
func TestRequestsFillMessages(t *testing.T) {
	mib := map[string]any{}
	var all []config.SNMPPoint
	for i := range 100 {
		oid := fmt.Sprintf("1.3.6.1.4.1.99999.1.%d.0", i+1)
		mib[oid] = fmt.Sprintf("%d, and a description that makes the answer longer", i)
		all = append(all, scalar(fmt.Sprintf("m%d", i), oid))
	}
	agent := newStub("", mib)
	src := agent.source(t, time.Second, all...)
	poll(t, src)
	agent.on(func(req *gosnmp.SnmpPacket) ([][]byte, bool) {
		message := encode(agent.honest(req))
		if len(message) > maxMessage || len(message) < maxMessage*8/10 && req.Variables[len(req.Variables)-1].Name != ".1.3.6.1.4.1.99999.1.100.0" {
			t.Errorf("a message of %d bytes with %d objects", len(message), len(req.Variables))
		}
		return [][]byte{message}, true
	})
	if n := len(poll(t, src)); n != 100 {
		t.Errorf("%d readings", n)
	}

	few := NewSource(src.device, src.client.address, &config.SNMPProfile{Points: all[:30], MaxOIDs: 12}, time.Second)
	defer few.Close()
	few.client.connect = inMemory(agent.send)
	agent.on(nil)
	poll(t, few)
	agent.take()
	poll(t, few)
	wantSizes(t, agent.take(), 12, 12, 6)
}
