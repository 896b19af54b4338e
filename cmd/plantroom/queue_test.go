package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plantroom/testdata/peer"
)

// TestQueueFolder starts agents on a folder that another agent has, and on one
// that cannot be used.
func TestQueueFolder(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	site := func(name, queue string) string {
		return write(name, "site: a\nqueue: {dir: "+queue+"}\noutputs: {influx: {url: \"http://127.0.0.1:1\", bucket: facility}}\n"+
			"devices: [{id: ups-a, profile: rfc1628-ups, snmp: {address: \"127.0.0.1:1\"}}]\n")
	}
	start := func(site string) (log *peer.Output, stop func() int) {
		ctx, cancel := context.WithCancel(t.Context())
		log, exit := &peer.Output{}, make(chan int, 1)
		go func() { exit <- run(ctx, []string{"run", site}, new(bytes.Buffer), log) }()
		return log, func() int { cancel(); return <-exit }
	}
	runs := func(log *peer.Output) func() bool {
		return func() bool { return strings.Contains(log.String(), "plantroom runs") }
	}

	first, stopFirst := start(site("one.yaml", "queue"))
	peer.Until(t, "the first agent runs", runs(first))
	var second bytes.Buffer
	if code := run(t.Context(), []string{"run", site("two.yaml", "queue")}, new(bytes.Buffer), &second); code != exitFailure ||
		!strings.Contains(second.String(), "output influx: open queue "+filepath.Join(dir, "queue", "influx")+": in use by process ") {
		t.Errorf("a second agent on the same queue: exit %d, %s", code, &second)
	}
	if code := stopFirst(); code != 0 {
		t.Errorf("exit %d: %s", code, first)
	}

	write("file", "in the way")
	log, stop := start(site("three.yaml", "file"))
	peer.Until(t, "an agent without its folder runs", runs(log))
	if !strings.Contains(log.String(), "is kept in memory, its folder cannot be used") {
		t.Errorf("log: %s", log)
	}
	if code := stop(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

// TestSetAside polls a device of which InfluxDB takes nothing, because it has a
// text where the device has a number: the readings are in a file, and those of
// others in the database.
func TestSetAside(t *testing.T) {
	db := peer.StartInfluxDB(t)
	answer, err := http.Post(db.URL+"/write?db=facility", "", strings.NewReader(`switchboard,device=other x_count="seven"`))
	if err != nil || answer.StatusCode != http.StatusNoContent {
		t.Fatal(answer, err)
	}
	answer.Body.Close()
	site := writeCounterSite(t, db.URL, []*counting{{}})
	ctx, cancel := context.WithCancel(t.Context())
	exit, log := make(chan int, 1), &peer.Output{}
	go func() { exit <- run(ctx, []string{"run", site}, new(bytes.Buffer), log) }()
	file := filepath.Join(filepath.Dir(site), "queue", "influx", "refused.txt")
	peer.Until(t, "lines are set aside", func() bool {
		text, _ := os.ReadFile(file)
		return strings.Count(string(text), "400 partial write: field type conflict") > 2 && strings.Contains(string(text), "\nswitchboard,device=d0,site=a ")
	})
	peer.Until(t, "the agent's own readings arrive", func() bool {
		return db.Count(t, "SELECT count(readings_set_aside) FROM agent WHERE readings_set_aside > 0") > 0
	})
	cancel()
	if code := <-exit; code != 0 {
		t.Errorf("exit %d", code)
	}
	if n := strings.Count(log.String(), "will never take it"); n != 1 {
		t.Errorf("%d lines of the log are about it:\n%s", n, log)
	}
}
