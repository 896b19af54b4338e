package peer

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// An InfluxDB is a running InfluxDB 1.8, with InfluxQL and Flux.
type InfluxDB struct {
	URL     string
	Process *Process

	program, config string
}

// StartInfluxDB starts an InfluxDB with an empty database called facility.
func StartInfluxDB(t testing.TB) *InfluxDB {
	t.Helper()
	program := Need(t, "influxd", "make test builds it, or: go install github.com/influxdata/influxdb/cmd/influxd@v1.8.10")
	dir, port := t.TempDir(), TCPPort(t)
	db := &InfluxDB{URL: "http://127.0.0.1:" + port, program: program, config: filepath.Join(dir, "influxd.conf")}
	config := fmt.Sprintf(`
reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
  dir = "%[1]s/meta"
[data]
  dir = "%[1]s/data"
  wal-dir = "%[1]s/wal"
[http]
  bind-address = "127.0.0.1:%[2]s"
  flux-enabled = true
  log-enabled = false
[monitor]
  store-enabled = false
`, dir, port)
	if err := os.WriteFile(db.config, []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	db.Restart(t)
	resp, err := http.PostForm(db.URL+"/query", url.Values{"q": {"CREATE DATABASE facility"}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	// What it cannot do it says in the text, with 200.
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK || strings.Contains(string(text), `"error"`) {
		t.Fatalf("create the database: %s: %s %v", resp.Status, text, err)
	}
	return db
}

// Restart starts the server, after Process.Stop on its old data and port.
func (db *InfluxDB) Restart(t testing.TB) {
	t.Helper()
	db.Process = Start(t, exec.Command(db.program, "-config", db.config), func() bool {
		resp, err := http.Get(db.URL + "/ping")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusNoContent
	})
}

// Query runs InfluxQL and returns the answer as CSV, times in RFC 3339.
func (db *InfluxDB) Query(t testing.TB, q string) string {
	t.Helper()
	return db.ask(t, "GET", "/query?"+url.Values{"db": {"facility"}, "q": {q}}.Encode(), "", "")
}

// Count runs InfluxQL that selects one count, and returns it; 0 where there are
// no points.
func (db *InfluxDB) Count(t testing.TB, q string) int {
	t.Helper()
	text := strings.TrimSpace(db.Query(t, q))
	n, _ := strconv.Atoi(text[strings.LastIndexByte(text, ',')+1:])
	return n
}

// Flux runs a Flux query and returns the answer as CSV.
func (db *InfluxDB) Flux(t testing.TB, q string) string {
	t.Helper()
	return db.ask(t, "POST", "/api/v2/query", "application/vnd.flux", q)
}

func (db *InfluxDB) ask(t testing.TB, method, path, contentType, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, db.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/csv")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s %v", path, resp.Status, text, err)
	}
	return string(text)
}
