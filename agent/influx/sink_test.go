package influx

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plantroom/agent"
	"plantroom/testdata/peer"
)

var (
	up      = &agent.Metric{Class: "ups", Name: "up"}
	voltage = &agent.Metric{Class: "ups", Name: "input_voltage", Unit: "V", Min: 0, Max: 1000}
	current = &agent.Metric{Class: "ups", Name: "input_current", Unit: "A"}
	status  = &agent.Metric{Class: "ups", Name: "status", Kind: agent.State, States: []string{"unknown", "online", "on_battery"}}
	temp    = &agent.Metric{Class: "climate", Name: "temperature", Unit: "Cel"}
)

func at(ms int64, rs ...agent.Reading) []agent.Reading {
	for i := range rs {
		rs[i].Time = time.UnixMilli(ms)
	}
	return rs
}

func newSink(t *testing.T, url string, log *slog.Logger) *Sink {
	t.Helper()
	s, err := New(Options{URL: url, Bucket: "facility", Site: "praha-1", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestLines(t *testing.T) {
	d := &agent.Device{ID: "ups-a", Class: "ups", Labels: []agent.Label{{Name: "feed", Value: "A"}, {Name: "room", Value: "ups room"}}}
	point := func(m *agent.Metric, channel string) *agent.Point {
		return &agent.Point{Device: d, Metric: m, Channel: channel}
	}
	points := []*agent.Point{
		point(up, ""), point(voltage, "L1"), point(voltage, "L2"), point(current, "L1"), point(status, ""), point(temp, "probe 1"), point(current, "L3"),
	}
	s := newSink(t, "http://127.0.0.1:1", nil)
	got := string(s.Append([]byte("before\n"), at(1790000000123,
		points[0].Measured(1), points[1].Measured(231.2), points[2].Measured(6553.5), points[3].Measured(12.1),
		points[4].Stated(2, "5"), points[5].Measured(-3), points[6].Failed(errors.New("timeout")))))
	want := `before
ups,device=ups-a,feed=A,room=ups\ room,site=praha-1 up=1,status="on_battery",status_code=2i 1790000000123
ups,channel=L1,device=ups-a,feed=A,room=ups\ room,site=praha-1 input_voltage=231.2,input_current=12.1 1790000000123
ups,channel=L2,device=ups-a,feed=A,room=ups\ room,site=praha-1 input_voltage_suspect=6553.5 1790000000123
climate,channel=probe\ 1,device=ups-a,feed=A,room=ups\ room,site=praha-1 temperature=-3 1790000000123
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// Other points in the next poll of the same device.
	got = string(s.Append(nil, at(1790000001123, points[0].Measured(1), points[4].Stated(0, "17"))))
	want = `ups,device=ups-a,feed=A,room=ups\ room,site=praha-1 up=1,status="unknown",status_code=0i,status_raw="17" 1790000001123
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if b := s.Append(nil, at(1, points[6].Failed(errors.New("timeout")))); len(b) != 0 {
		t.Errorf("nothing but a Bad reading: %q", b)
	}
}

// TestOddNamesComeBack writes names that line protocol has to escape and reads
// them from a real InfluxDB.
func TestOddNamesComeBack(t *testing.T) {
	db := peer.StartInfluxDB(t)
	names := []string{"with space", "a,b=c", `quo"te`, `back\slash`, "řízení", "x\\", "new\nline", "{brace}"}
	read := []string{"with space", "a,b=c", `quo"te`, `back\slash`, "řízení", "x", "new line", "{brace}"}
	s := newSink(t, db.URL, slog.New(slog.DiscardHandler))
	var block []byte
	for i, name := range names {
		d := &agent.Device{ID: "d", Class: "ups", Labels: []agent.Label{{Name: "room", Value: name}}}
		p := &agent.Point{Device: d, Metric: voltage, Channel: name}
		block = s.Append(block, at(1790000000000, p.Measured(float64(i))))
	}
	if err := s.Send(t.Context(), block); err != nil {
		t.Fatal(err)
	}
	for i, name := range read {
		quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(name)
		got := db.Query(t, `SELECT room, input_voltage FROM ups WHERE channel = '`+quoted+`'`)
		if fields := strings.Count(got, "\n"); fields != 2 || !strings.Contains(got, ","+string(rune('0'+i))+"\n") {
			t.Errorf("channel %q: %s", name, got)
		}
	}
}

func TestPointsByInfluxQLAndFlux(t *testing.T) {
	db := peer.StartInfluxDB(t)
	s := newSink(t, db.URL, slog.New(slog.DiscardHandler))
	d := &agent.Device{ID: "ups-a", Class: "ups"}
	v, st := &agent.Point{Device: d, Metric: voltage, Channel: "L1"}, &agent.Point{Device: d, Metric: status}
	block := s.Append(nil, at(1790000000000, v.Measured(231.2), st.Stated(2, "")))
	for range 2 { // the same twice is one point
		if err := s.Send(t.Context(), block); err != nil {
			t.Fatal(err)
		}
	}
	want := "name,tags,time,input_voltage\nups,,1790000000000000000,231.2\n"
	if got := db.Query(t, `SELECT input_voltage FROM ups WHERE device = 'ups-a' AND channel = 'L1'`); got != want {
		t.Errorf("InfluxQL: %q", got)
	}
	got := db.Flux(t, `from(bucket: "facility") |> range(start: 2026-01-01T00:00:00Z, stop: 2027-01-01T00:00:00Z)
		|> filter(fn: (r) => r._measurement == "ups" and r._field == "status") |> keep(columns: ["_time", "_value", "device"])`)
	if !strings.Contains(got, "2026-09-21T14:13:20Z,on_battery,ups-a") {
		t.Errorf("Flux: %q", got)
	}
}

// TestPoisonLine mixes a line of another field type with good ones: the good
// ones arrive, the poison is reported with its text and the reason.
func TestPoisonLine(t *testing.T) {
	db := peer.StartInfluxDB(t)
	var log strings.Builder
	s := newSink(t, db.URL, slog.New(slog.NewTextHandler(&log, nil)))
	send := func(lines string) {
		t.Helper()
		if err := s.Send(t.Context(), []byte(lines)); err != nil {
			t.Fatal(err)
		}
	}
	send("ups,device=a v=1 1790000000000\n")
	if log.Len() > 0 {
		t.Fatalf("log: %s", log.String())
	}
	send("ups,device=a v=2 1790000001000\nups,device=a v=\"poison\" 1790000002000\nups,device=a v=3 1790000003000\nnot a line\nups,device=b v=4 1790000004000\n")
	if got := db.Query(t, `SELECT count(v) FROM ups`); !strings.HasSuffix(got, ",4\n") {
		t.Errorf("points: %s", got)
	}
	if n := strings.Count(log.String(), "\n"); n != 2 || !strings.Contains(log.String(), "poison") ||
		!strings.Contains(log.String(), "field type conflict") || !strings.Contains(log.String(), "not a line") {
		t.Errorf("log:\n%s", log.String())
	}
}

func TestServerThatTakesNothingIsNotTheLinesFault(t *testing.T) {
	db := peer.StartInfluxDB(t)
	var log strings.Builder
	s := newSink(t, db.URL, slog.New(slog.NewTextHandler(&log, nil)))
	err := s.Send(t.Context(), []byte(strings.Repeat("not a line\n", 1000)))
	if err == nil || !strings.Contains(err.Error(), "no line is taken: 400 ") {
		t.Errorf("error: %v", err)
	}
}

func TestMissingDatabase(t *testing.T) {
	db := peer.StartInfluxDB(t)
	s, err := New(Options{URL: db.URL, Bucket: "nowhere", Token: "user:secret", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Send(t.Context(), []byte("ups v=1 1790000000000\n"))
	if want := "write to " + db.URL + ` bucket nowhere: 404 database not found: "nowhere"`; err == nil || err.Error() != want {
		t.Errorf("error: %v\nwant:  %s", err, want)
	}
}

func TestServerDownAndUp(t *testing.T) {
	db := peer.StartInfluxDB(t)
	s := newSink(t, db.URL, slog.New(slog.DiscardHandler))
	block := []byte("ups v=1 1790000000000\n")
	if err := s.Send(t.Context(), block); err != nil {
		t.Fatal(err)
	}
	db.Process.Stop()
	if err := s.Send(t.Context(), block); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Fatalf("the server is down, and Send says: %v", err)
	}
	db.Restart(t)
	if err := s.Send(t.Context(), block); err != nil {
		t.Error(err)
	}
}

func TestHalf(t *testing.T) {
	for _, lines := range []string{"a\nb\n", "a\nb", "aaaaaaaaa\nb\n", "a\nbbbbbbbbbbb\n", "a\nb\nc\n", "aaaaaaaaaaaaaa\nb\nc"} {
		n := half(lines)
		if n <= 0 || n >= len(lines) || lines[n-1] != '\n' {
			t.Errorf("%q is cut at %d", lines, n)
		}
	}
}

func BenchmarkAppend60(b *testing.B) {
	d := &agent.Device{ID: "meter-1", Class: "ups", Labels: []agent.Label{{Name: "room", Value: "msb"}}}
	var rs []agent.Reading
	for i := range 60 {
		p := &agent.Point{Device: d, Metric: &agent.Metric{Class: "ups", Name: "x_register_" + string(rune('a'+i))}}
		rs = append(rs, p.Measured(230.1+float64(i)))
	}
	at(1790000000000, rs...)
	s, err := New(Options{URL: "http://127.0.0.1:1", Site: "praha-1"})
	if err != nil {
		b.Fatal(err)
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = s.Append(buf[:0], rs)
	}
	b.SetBytes(int64(len(buf)))
}
