package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"plantroom/agent"
	"plantroom/agent/influx"
	"plantroom/agent/queue"
	"plantroom/testdata/peer"
)

// TestLongOutage starts an agent on the backlog of an outage and lets none of
// that into InfluxDB for a while: what is read now arrives all the same, also
// for the next agent after a kill -9. Then the backlog may go: all of it is
// there, and so is every number that was said meanwhile.
func TestLongOutage(t *testing.T) {
	db := peer.StartInfluxDB(t)
	target, err := url.Parse(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	open := make(chan struct{})
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // of what breaks off at a kill
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if bytes.Contains(body, []byte("device=past")) {
			select {
			case <-open:
			case <-r.Context().Done():
				return
			}
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	defer door.Close()

	counter := &counting{}
	site := writeCounterSite(t, door.URL, []*counting{counter})
	const polls = 20_000 // of 60 readings: 30 MB
	q, err := queue.Open(filepath.Join(filepath.Dir(site), "queue", "influx"), queue.Options{Limit: 1 << 30, Sync: queue.Never})
	if err != nil {
		t.Fatal(err)
	}
	sink, err := influx.New(influx.Options{URL: db.URL, Site: "a", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	past := &agent.Device{ID: "past", Class: "switchboard"}
	var rs []agent.Reading
	for i := range 60 {
		rs = append(rs, (&agent.Point{Device: past, Metric: &agent.Metric{Class: "switchboard", Name: fmt.Sprint("x_past_", i)}}).Measured(230.1+float64(i)))
	}
	began := time.Now().Add(-polls * time.Second)
	for i := range polls {
		for j := range rs {
			rs[j].Time = began.Add(time.Duration(i) * time.Second)
		}
		if err := q.Put(sink.Append(nil, rs)); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}

	start, log := processes(t, "run", site)
	inFlight := map[int]bool{}
	for range 2 {
		agent := start()
		since := counter.handedOut()
		inFlight[since] = true // of a request that was read late
		// With the first poll of an agent the fast lane may still be closed.
		peer.Until(t, "what is read now arrives beside the backlog", func() bool {
			there := numbers(t, db, "d0")
			return there[since+5] && there[since+15]
		})
		if n := db.Count(t, "SELECT count(x_past_59) FROM switchboard"); n != 0 {
			t.Fatalf("%d polls of the backlog came through a door that is shut", n)
		}
		agent.Process.Kill()
		agent.Wait()
		inFlight[counter.handedOut()] = true
	}
	close(open)
	start()
	peer.Within(t, 5*time.Minute, "all of the backlog", func() bool { return db.Count(t, "SELECT count(x_past_59) FROM switchboard") == polls })
	last := counter.handedOut()
	peer.Until(t, "every number", func() bool {
		there := numbers(t, db, "d0")
		for v := 1; v < last; v++ {
			if !there[v] && !inFlight[v] {
				return false
			}
		}
		return true
	})
	if t.Failed() {
		t.Logf("the agents' log:\n%s", log)
	}
}

// TestFullDisk lets the disk with the queues run full under a running agent:
// readings go on to InfluxDB and MQTT, an outage of InfluxDB in the meantime
// costs none either, and when there is room the queues are used again.
func TestFullDisk(t *testing.T) {
	db := peer.StartInfluxDB(t)
	broker := peer.StartMosquitto(t, "allow_anonymous true")
	counter := &counting{}
	site := writeCounterSite(t, db.URL, []*counting{counter})
	dir := filepath.Join(filepath.Dir(site), "queue")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("mounting a file system needs root: ", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	text, err := os.ReadFile(site)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("outputs: {"), fmt.Appendf(nil, "outputs: {mqtt: {url: \"mqtt://127.0.0.1:%s\"}, ", broker.Port), 1)
	if err := os.WriteFile(site, text, 0o666); err != nil {
		t.Fatal(err)
	}
	states := peer.Subscribe(t, "-p", broker.Port, "-t", "plantroom/a/d0")
	start, log := processes(t, "run", site)
	process := start()
	goesOn := func(what string) {
		t.Helper()
		since := counter.handedOut()
		peer.Until(t, "InfluxDB gets readings "+what, func() bool { return numbers(t, db, "d0")[since+5] })
		peer.Until(t, "MQTT gets states "+what, func() bool {
			all := states()
			return len(all) > 0 && strings.Contains(all[len(all)-1], fmt.Sprintf(`"x_count":{"value":%d`, since+5)) || counter.handedOut() > since+5 && len(all) > since+5
		})
	}
	logged := func(text string, times int) {
		t.Helper()
		peer.Until(t, text, func() bool { return strings.Count(log.String(), text) == times })
	}
	goesOn("before")
	filler, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	if err := filler.Close(); err != nil {
		t.Fatal(err)
	}
	logged("the queue takes no readings", 2)
	goesOn("while the disk is full")
	db.Process.Stop()
	since := counter.handedOut()
	peer.Until(t, "polls", func() bool { return counter.handedOut() > since+20 })
	db.Restart(t)
	goesOn("after the database was away, too")
	if err := os.Remove(filler.Name()); err != nil {
		t.Fatal(err)
	}
	logged("the queue takes readings again", 2)
	goesOn("when there is room again")
	process.Process.Signal(os.Interrupt)
	process.Wait()
	there := numbers(t, db, "d0")
	for v := 1; v < counter.handedOut(); v++ {
		if !there[v] {
			t.Errorf("%d is lost", v)
		}
	}
	if text := log.String(); t.Failed() || strings.Count(text, "lost=0") != 2 {
		t.Errorf("log:\n%s", text)
	}
}
