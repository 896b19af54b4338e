package main

import (
	"bytes"
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
		put(t, path, text)
		return path
	}
	site := func(name, queue string) string {
		return write(name, "site: a\nqueue: {dir: "+queue+"}\noutputs: {influx: {url: \"http://127.0.0.1:1\", bucket: facility}}\n"+
			"devices: [{id: ups-a, profile: rfc1628-ups, snmp: {address: \"127.0.0.1:1\"}}]\n")
	}
	runs := func(log *peer.Output) func() bool {
		return func() bool { return strings.Contains(log.String(), "plantroom runs") }
	}

	first, stopFirst := running(t, site("one.yaml", "queue"))
	peer.Until(t, "the first agent runs", runs(first))
	var second bytes.Buffer
	if code := run(t.Context(), []string{"run", site("two.yaml", "queue")}, new(bytes.Buffer), &second); code != exitFailure ||
		!strings.Contains(second.String(), "output influx: open queue "+filepath.Join(dir, "queue", "influx")+": in use by process ") {
		t.Errorf("a second agent on the same queue: exit %d, %s", code, &second)
	}
	stopFirst()

	write("file", "in the way")
	log, _ := running(t, site("three.yaml", "file"))
	peer.Until(t, "an agent without its folder runs", runs(log))
	if !strings.Contains(log.String(), "is kept in memory, its folder cannot be used") {
		t.Errorf("log: %s", log)
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
	log, stop := running(t, site)
	file := filepath.Join(filepath.Dir(site), "queue", "influx", "refused.txt")
	peer.Until(t, "lines are set aside", func() bool {
		text, _ := os.ReadFile(file)
		return strings.Count(string(text), "400 partial write: field type conflict") > 2 && strings.Contains(string(text), "\nswitchboard,device=d0,site=a ")
	})
	peer.Until(t, "the agent's own readings arrive", func() bool {
		return db.Count(t, "SELECT count(readings_set_aside) FROM agent WHERE readings_set_aside > 0") > 0
	})
	stop()
	if n := strings.Count(log.String(), "will never take it"); n != 1 {
		t.Errorf("%d lines of the log are about it:\n%s", n, log)
	}
}
