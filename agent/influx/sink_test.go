package influx

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
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

// TestInfluxDB writes to one real InfluxDB, which goes down and comes back, and
// last asks for a password.
func TestInfluxDB(t *testing.T) {
	db := peer.StartInfluxDB(t)
	for _, test := range []struct {
		name string
		f    func(*testing.T, *peer.InfluxDB)
	}{
		{"odd names come back", oddNames},
		{"InfluxQL and Flux", pointsByInfluxQLAndFlux},
		{"poison lines", poisonLines},
		{"points older than the bucket keeps", tooOldPoints},
		{"missing database", missingDatabase},
		{"events are points that change", eventsChange},
	} {
		t.Run(test.name, func(t *testing.T) { test.f(t, db) })
	}
	serverDownAndUp(t, db) // restarts it for as long as t lasts
	token(t, db)
}

// oddNames writes names that line protocol has to escape and reads them back.
func oddNames(t *testing.T, db *peer.InfluxDB) {
	names := []string{"with space", " around ", "a,b=c", `quo"te`, `back\slash`, `a\,b`, `a\\,b`, `a\ b`, `a\=b`, "řízení 😀", "x\\", "new\nline", "{brace}", "#1"}
	read := []string{"with space", " around ", "a,b=c", `quo"te`, `back\slash`, `a\,b`, `a\\,b`, `a\ b`, `a\=b`, "řízení 😀", "x", "new line", "{brace}", "#1"}
	s := newSink(t, db.URL, slog.New(slog.DiscardHandler))
	var block []byte
	for i, name := range names {
		d := &agent.Device{ID: "odd", Class: "ups", Labels: []agent.Label{{Name: "room", Value: name}}}
		p, st := &agent.Point{Device: d, Metric: current, Channel: name}, &agent.Point{Device: d, Metric: status, Channel: name}
		block = s.Append(block, at(1790000000000, p.Measured(float64(i)), st.Stated(0, name)))
	}
	if n := strings.Count(string(block), "\n"); n != len(names) {
		t.Errorf("%d lines for %d polls", n, len(names))
	}
	if err := s.Send(t.Context(), block); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(db.Query(t, `SELECT channel, room, input_current, status_raw FROM ups WHERE device = 'odd'`))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, row := range rows[1:] {
		got[row[5]] = row[3:]
	}
	for i, name := range read {
		raw := strings.ReplaceAll(names[i], "\n", `\n`) // 1.8 keeps it so
		want := []string{name, name, strconv.Itoa(i), raw}
		if diff := cmp.Diff(want, got[strconv.Itoa(i)]); diff != "" {
			t.Errorf("%q:\n%s", names[i], diff)
		}
	}
}

func pointsByInfluxQLAndFlux(t *testing.T, db *peer.InfluxDB) {
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
		|> filter(fn: (r) => r._measurement == "ups" and r._field == "status" and r.device == "ups-a") |> keep(columns: ["_time", "_value", "device"])`)
	if !strings.Contains(got, "2026-09-21T14:13:20Z,on_battery,ups-a") {
		t.Errorf("Flux: %q", got)
	}
}

// poisonLines mixes lines of another field type and lines that are none with
// good ones: the good ones arrive, of the others the first of each series is
// reported with its text and the reason, and all are counted.
func poisonLines(t *testing.T, db *peer.InfluxDB) {
	var log strings.Builder
	s := newSink(t, db.URL, slog.New(slog.NewTextHandler(&log, nil)))
	send := func(lines string) {
		t.Helper()
		if err := s.Send(t.Context(), []byte(lines)); err != nil {
			t.Fatal(err)
		}
	}
	send("poisoned,device=a v=1 1790000000000\n")
	if log.Len() > 0 || s.Refused() != 0 {
		t.Fatalf("%d refused, log: %s", s.Refused(), log.String())
	}
	send("poisoned,device=a v=2 1790000001000\npoisoned,device=a v=\"poison\" 1790000002000\npoisoned,device=a v=3 1790000003000\n" +
		"not a line\npoisoned,device=b v=4 1790000004000\n")
	if got := db.Query(t, `SELECT count(v) FROM poisoned`); !strings.HasSuffix(got, ",4\n") {
		t.Errorf("points: %s", got)
	}
	if n := strings.Count(log.String(), "\n"); n != 2 || !strings.Contains(log.String(), `line="poisoned,device=a v=\"poison\" 1790000002000"`) ||
		!strings.Contains(log.String(), "400 partial write: field type conflict") || !strings.Contains(log.String(), "not a line") {
		t.Errorf("log:\n%s", log.String())
	}
	log.Reset()
	send("poisoned,device=a v=\"more\" 1790000005000\n") // nothing else in the block, and still it is the line
	send(strings.Repeat("not a line\n", 100))
	if log.Len() > 0 {
		t.Errorf("series that were reported are reported again:\n%s", log.String())
	}
	if n := s.Refused(); n != 103 {
		t.Errorf("%d refused, want 103", n)
	}
}

// tooOldPoints writes points beyond the retention of their database: they are
// not searched for line by line, they are counted and reported once.
func tooOldPoints(t *testing.T, db *peer.InfluxDB) {
	db.Query(t, "CREATE DATABASE short WITH DURATION 1h")
	var log strings.Builder
	s, err := New(Options{URL: db.URL, Bucket: "short", Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UnixMilli()
	for _, lines := range []string{
		"old v=1 1000\nold v=2 2000\nold v=\"poison\" 3000\n", "old v=3 4000\n",
		fmt.Sprintf("fresh v=1 %d\n", now), fmt.Sprintf("fresh v=1 %d\n", now+1),
	} {
		if err := s.Send(t.Context(), []byte(lines)); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Refused(); n != 4 {
		t.Errorf("%d refused, want 4", n)
	}
	if text := log.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, "older than its bucket keeps\" sink=influx points=3\n") ||
		!strings.Contains(text, "no point is too old for InfluxDB any more") {
		t.Errorf("log:\n%s", text)
	}
}

func missingDatabase(t *testing.T, db *peer.InfluxDB) {
	s, err := New(Options{URL: db.URL, Bucket: "nowhere", Token: "user:secret", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Send(t.Context(), []byte("ups v=1 1790000000000\n"))
	if want := "write to " + db.URL + ` bucket nowhere: 404 database not found: "nowhere" (no such bucket, or no InfluxDB there)`; err == nil || err.Error() != want {
		t.Errorf("error: %v\nwant:  %s", err, want)
	}
}

func serverDownAndUp(t *testing.T, db *peer.InfluxDB) {
	s := newSink(t, db.URL, slog.New(slog.DiscardHandler))
	block := []byte("back v=1 1790000000000\n")
	if err := s.Send(t.Context(), block); err != nil {
		t.Fatal(err)
	}
	db.Process.Stop()
	// The first may find out by the connection that was kept.
	err := s.Send(t.Context(), block)
	if err == nil {
		t.Fatal("the server is down, and Send says nothing")
	}
	err = s.Send(t.Context(), block)
	if want := "write to " + db.URL + " bucket facility: connection refused"; err == nil || err.Error() != want {
		t.Fatalf("error: %v\nwant:  %s", err, want)
	}
	db.Restart(t)
	if err := s.Send(t.Context(), block); err != nil {
		t.Error(err)
	}
}

// token gives the server a user and has it ask for one.
func token(t *testing.T, db *peer.InfluxDB) {
	db.Query(t, "CREATE USER edge WITH PASSWORD 'sesame' WITH ALL PRIVILEGES")
	db.Process.Stop()
	t.Setenv("INFLUXDB_HTTP_AUTH_ENABLED", "true")
	db.Restart(t)
	for _, test := range []struct{ token, want string }{
		{"edge:sesame", ""},
		{"edge:guessed", "401 Unauthorized (the token is not the right one)"},
		{"", "401 Unauthorized (the token is not the right one)"},
	} {
		var log strings.Builder
		s, err := New(Options{URL: db.URL, Bucket: "facility", Token: test.token, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Send(t.Context(), []byte("guarded v=1 1790000000000\n"))
		if test.want == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if want := "write to " + db.URL + " bucket facility: " + test.want; err == nil || err.Error() != want {
			t.Errorf("error: %v\nwant:  %s", err, want)
		}
		if log.Len() > 0 || s.Refused() != 0 {
			t.Errorf("%d refused, log: %s", s.Refused(), log.String())
		}
	}
}

// TestServerThatTakesNothing has something that is no InfluxDB answer: the
// lines are kept.
func TestServerThatTakesNothing(t *testing.T) {
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		http.Error(w, "<html>The plain HTTP request\nwas sent to HTTPS port</html>", http.StatusBadRequest)
	}))
	defer server.Close()
	var log strings.Builder
	s := newSink(t, server.URL, slog.New(slog.NewTextHandler(&log, nil)))
	for _, lines := range []int{1, 3, 1000} {
		requests = 0
		err := s.Send(t.Context(), []byte(strings.Repeat("ups v=1 1790000000000\n", lines)))
		if want := "no line is taken: 400 <html>The plain HTTP request was sent to HTTPS port</html>"; err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%d lines: error: %v", lines, err)
		}
		if requests > 40 {
			t.Errorf("%d lines: %d requests", lines, requests)
		}
	}
	if log.Len() > 0 || s.Refused() != 0 {
		t.Errorf("%d refused, log: %s", s.Refused(), log.String())
	}
}

// TestBacklogIsSplit sends five megabytes, whole lines in each write.
func TestBacklogIsSplit(t *testing.T) {
	var got bytes.Buffer
	writes := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || len(body) > 1<<20 || !bytes.HasSuffix(body, []byte("\n")) {
			t.Errorf("a write of %d bytes: %v", len(body), err)
		}
		got.Write(body)
		writes++
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	var block []byte
	for i := 0; len(block) < 5<<20; i++ {
		block = fmt.Appendf(block, "ups,device=d%d v=%d 1790000000000\n", i%300, i)
	}
	s := newSink(t, server.URL, slog.New(slog.DiscardHandler))
	if err := s.Send(t.Context(), block); err != nil {
		t.Fatal(err)
	}
	if writes != 6 || !bytes.Equal(got.Bytes(), block) {
		t.Errorf("%d writes of %d bytes, sent %d", writes, got.Len(), len(block))
	}
}

// TestSilentServer gives up on a server that does not answer as soon as it is
// told to.
func TestSilentServer(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-answer
	}))
	defer server.Close()
	defer close(answer)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	s := newSink(t, server.URL, slog.New(slog.DiscardHandler))
	if err := s.Send(ctx, []byte("ups v=1\n")); !errors.Is(err, context.Canceled) {
		t.Errorf("error: %v", err)
	}
}

func TestURL(t *testing.T) {
	for _, url := range []string{"", "10.1.0.5:8086", "ftp://10.1.0.5", "http://", "http://%zz", "http://user:sesame@10.1.0.5:8086", "http://user:se same@[::1"} {
		if _, err := New(Options{URL: url}); err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestSeries(t *testing.T) {
	for line, want := range map[string]string{
		`ups,device=a v=1 1`: `ups,device=a`, `ups,room=a\ b v=1`: `ups,room=a\ b`, `bla`: `bla`, ``: ``, ` x`: ``,
	} {
		if got := seriesOf(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
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

// BenchmarkAppend60 encodes what a switchboard meter says: fifty-six numbers on
// three phases and the whole, two states and what the agent adds. It is one of
// 200 meters, so that little of what it touches is in the processor's cache.
func BenchmarkAppend60(b *testing.B) {
	metric := func(name string) *agent.Metric { return &agent.Metric{Class: "switchboard", Name: name} }
	up, duration := metric("up"), metric("poll_duration")
	var powers, states []*agent.Metric
	for i := range 14 {
		powers = append(powers, metric(fmt.Sprintf("active_power_%d", i)))
	}
	for _, name := range []string{"breaker", "x_alarm"} {
		states = append(states, &agent.Metric{Class: "switchboard", Name: name, Kind: agent.State, States: []string{"unknown", "open", "closed"}})
	}
	polls := make([][]agent.Reading, 200)
	for n := range polls {
		d := &agent.Device{ID: fmt.Sprintf("meter-%d", n), Class: "switchboard", Labels: []agent.Label{{Name: "room", Value: "msb"}}}
		point := func(m *agent.Metric, channel string) *agent.Point {
			return &agent.Point{Device: d, Metric: m, Channel: channel}
		}
		rs := []agent.Reading{point(up, "").Measured(1), point(duration, "").Measured(0.0123)}
		for i, m := range powers {
			for j, channel := range []string{"", "L1", "L2", "L3"} {
				rs = append(rs, point(m, channel).Measured(230.1+float64(100*i+j)))
			}
		}
		for _, m := range states {
			rs = append(rs, point(m, "").Stated(2, ""))
		}
		polls[n] = at(1790000000000, rs...)
	}
	s, err := New(Options{URL: "http://127.0.0.1:1", Site: "praha-1", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	buf := s.Append(nil, polls[0])
	if n := bytes.Count(buf, []byte("=")); len(polls[0]) != 60 || n != 62+4*3+3 {
		b.Fatalf("%d readings, %d names: %s", len(polls[0]), n, buf)
	}
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i = (i + 1) % len(polls) {
		buf = s.Append(buf[:0], polls[i])
	}
}

// TestTLS writes through TLS, with an authority of our own.
func TestTLS(t *testing.T) {
	got := make(chan string, 1)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- string(body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	s, err := New(Options{URL: server.URL, Bucket: "facility", TLS: &tls.Config{RootCAs: roots}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Send(t.Context(), []byte("ups v=1 1790000000000\n")); err != nil {
		t.Fatal(err)
	}
	if body := <-got; body != "ups v=1 1790000000000\n" {
		t.Errorf("written: %q", body)
	}
	err = newSink(t, server.URL, slog.New(slog.DiscardHandler)).Send(t.Context(), []byte("ups v=1 1790000000000\n"))
	if err == nil || !strings.Contains(err.Error(), "certificate signed by unknown authority") {
		t.Errorf("without the authority: %v", err)
	}
}

// BenchmarkCompress compresses a megabyte of what 200 meters say.
func BenchmarkCompress(b *testing.B) {
	s, err := New(Options{URL: "http://127.0.0.1:1", Site: "praha-1", Gzip: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	var block []byte
	for n := 0; len(block) < writeLimit; n++ {
		d := &agent.Device{ID: fmt.Sprintf("meter-%d", n%200), Class: "switchboard", Labels: []agent.Label{{Name: "room", Value: "msb"}}}
		var rs []agent.Reading
		for i := range 14 {
			for j, channel := range []string{"", "L1", "L2", "L3"} {
				m := &agent.Metric{Class: "switchboard", Name: fmt.Sprintf("active_power_%d", i)}
				rs = append(rs, (&agent.Point{Device: d, Metric: m, Channel: channel}).Measured(float64(2000+(7*n+13*i+29*j)%997)/10))
			}
		}
		block = s.Append(block, at(1790000000000+int64(n/200)*1000, rs...))
	}
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	length := int64(0)
	for b.Loop() {
		req, err := http.NewRequest("POST", "http://127.0.0.1:1", bytes.NewReader(block))
		if err != nil {
			b.Fatal(err)
		}
		if req, err = s.http.Transport.(*transport).compress(req); err != nil {
			b.Fatal(err)
		}
		length = req.ContentLength
	}
	b.ReportMetric(float64(len(block))/float64(length), "times-smaller")
}
