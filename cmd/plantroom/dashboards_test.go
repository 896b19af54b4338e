package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"plantroom/config"
	"plantroom/dashboards/grafana"
	"plantroom/testdata/peer"
)

// A grafanaQuery is a query of a dashboard, and what it is for.
type grafanaQuery struct{ dashboard, of, text string }

// grafanaQueries returns all that the dashboards ask: variables first, in the
// order in which Grafana asks them.
func grafanaQueries(t *testing.T) (all []grafanaQuery) {
	t.Helper()
	made, err := grafana.Dashboards(grafana.Options{})
	if err != nil {
		t.Fatal(err)
	}
	type target struct{ Query string }
	for _, d := range made {
		var board struct {
			Templating struct {
				List []struct {
					Type, Name string
					Query      string
				}
			}
			Annotations struct {
				List []struct {
					Name   string
					Target target
				}
			}
			Panels []struct {
				Type, Title string
				Targets     []target
			}
		}
		if err := json.Unmarshal(d.JSON, &board); err != nil {
			t.Fatal(err)
		}
		for _, v := range board.Templating.List {
			if v.Type == "query" {
				all = append(all, grafanaQuery{d.Name, "variable " + v.Name, v.Query})
			}
		}
		for _, a := range board.Annotations.List {
			all = append(all, grafanaQuery{d.Name, "annotation " + a.Name, a.Target.Query})
		}
		for _, p := range board.Panels {
			if p.Type != "row" && len(p.Targets) == 0 {
				t.Errorf("%s: panel %s asks nothing", d.Name, p.Title)
			}
			for i, q := range p.Targets {
				all = append(all, grafanaQuery{d.Name, fmt.Sprintf("panel %s, %c", p.Title, 'A'+i), q.Query})
			}
		}
	}
	return all
}

// firstValue is the first column of an answer that the query asked for; before
// it are the measurement, the tags and the time, or of tags their key.
const firstValue = 3

// asked puts into a query what Grafana does.
func asked(q string, from, to time.Time, variables map[string][]string) string {
	q = strings.ReplaceAll(q, "$timeFilter", fmt.Sprintf("time >= %dms and time <= %dms", from.UnixMilli(), to.UnixMilli()))
	q = strings.ReplaceAll(q, "$__interval", "1s")
	for name, values := range variables {
		text := strings.Join(values, "|")
		if len(values) > 1 {
			text = "(" + text + ")"
		}
		q = strings.ReplaceAll(q, "$"+name, text)
	}
	return q
}

// TestDashboardsHaveData: every query of every dashboard returns data from what
// the demo writes while the mains fail.
func TestDashboardsHaveData(t *testing.T) {
	t.Parallel()
	db := peer.StartInfluxDB(t)
	from := time.Now()
	out, end := startDemo(t, "--scenario", "mains-failure", "--speed", "20", "--every", "200ms", "--influx", db.URL)
	out.await(t, "Generator 1: status cooling_down -> stopped")
	// A test is none of what happens while the mains fail, and the incident is not over yet.
	write(t, db, `events,kind=test,site=demo id="1",text="Monthly test: passed",text_cs="",severity="info",severity_code=0i,active=false,duration=900`)
	write(t, db, `events,kind=incident,site=demo id="2",text="Mains failure",text_cs="",severity="alarm",severity_code=2i,active=false,duration=200`)
	// What takes several devices, as the PUE does, is there when all of them were
	// polled at nearly the same time, which a busy machine may need a while for; so
	// the demo goes on until nothing lacks data.
	queries := grafanaQueries(t)
	var without []string
	defer func() {
		for _, lacks := range without {
			t.Error(lacks)
		}
	}()
	peer.Until(t, "all queries have data", func() bool {
		without = lacking(t, db, queries, from)
		return len(without) == 0
	})
	end()
}

// lacking returns what the dashboards' queries find no data for, of the time
// from then till now.
func lacking(t *testing.T, db *peer.InfluxDB, queries []grafanaQuery, from time.Time) (lacks []string) {
	t.Helper()
	to := time.Now().Add(time.Second)
	variables := map[string][]string{}
	board := ""
	for _, q := range queries {
		if q.dashboard != board {
			board, variables = q.dashboard, map[string][]string{}
		}
		name, variable := strings.CutPrefix(q.of, "variable ")
		values := map[string][]string{} // by column
		if text := db.Query(t, asked(q.text, from, to, variables)); text != "" {
			head, _, _ := strings.Cut(text, "\n")
			for _, row := range rows(t, text) {
				for i, column := range strings.Split(head, ",") {
					if i >= firstValue && row[i] != "" {
						values[column] = append(values[column], row[i])
					}
				}
			}
			for _, column := range strings.Split(head, ",")[firstValue:] {
				if len(values[column]) == 0 {
					lacks = append(lacks, fmt.Sprintf("%s: %s: no data in the column %s: %s", q.dashboard, q.of, column, q.text))
				}
			}
		} else {
			lacks = append(lacks, fmt.Sprintf("%s: %s: no data: %s", q.dashboard, q.of, q.text))
		}
		if variable {
			found := values["value"]
			slices.Sort(found)
			variables[name] = slices.Compact(found)
			if name == "room" { // as all rooms are asked for
				variables[name] = []string{".*"}
			}
		}
	}
	return lacks
}

// write writes a line into the database, as of now.
func write(t *testing.T, db *peer.InfluxDB, line string) {
	t.Helper()
	resp, err := http.Post(db.URL+"/write?db=facility", "text/plain", strings.NewReader(line))
	if err != nil || resp.StatusCode != http.StatusNoContent {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
}

// eventFields are the fields and tags of the measurement events.
var eventFields = []string{"text", "severity_code", "duration", "device", "kind", "site"}

// TestDashboardsKnowTheCatalogue: the queries name no measurement, field or
// tag that the agent does not write.
func TestDashboardsKnowTheCatalogue(t *testing.T) {
	from := regexp.MustCompile(`FROM ("[^(]*?") W`)
	alias := regexp.MustCompile(`AS "[^"]*"`)
	quoted := regexp.MustCompile(`"([^"]*)"`)
	tags := []string{"site", "room", "device", "channel", "value"} // value: what a query within calls its field
	for _, q := range grafanaQueries(t) {
		text := alias.ReplaceAllString(q.text, "")
		found := from.FindStringSubmatch(text)
		if found == nil {
			t.Errorf("%s: %s: no measurement in %s", q.dashboard, q.of, q.text)
			continue
		}
		var classes []string
		for _, m := range quoted.FindAllStringSubmatch(found[1], -1) {
			classes = append(classes, m[1])
		}
		text = strings.Replace(text, found[1], "", 1)
		for _, m := range quoted.FindAllStringSubmatch(text, -1) {
			name := m[1]
			for _, class := range classes {
				known := slices.Contains(tags, name) || config.Lookup(class, name) != nil || config.Lookup(class, strings.TrimSuffix(name, "_code")) != nil
				if class == "events" {
					known = slices.Contains(eventFields, name)
				} else if !slices.Contains(config.Classes(), class) {
					t.Errorf("%s: %s: there is no class %s", q.dashboard, q.of, class)
				}
				if !known {
					t.Errorf("%s: %s: %s has no %s", q.dashboard, q.of, class, name)
				}
			}
		}
	}
}

// TestGrafanaMayRead: with the data source that is exported, and what it wants
// in its environment, Grafana is let in by an InfluxDB that asks who is there.
func TestGrafanaMayRead(t *testing.T) {
	db := peer.StartInfluxDB(t)
	db.Query(t, "CREATE USER root WITH PASSWORD 'toor' WITH ALL PRIVILEGES")
	db.Query(t, "CREATE USER grafana WITH PASSWORD 'sesame'")
	db.Query(t, "GRANT READ ON facility TO grafana")
	write(t, db, `events,site=demo text="UPS A is on battery"`)
	db.Process.Stop()
	t.Setenv("INFLUXDB_HTTP_AUTH_ENABLED", "true")
	db.Restart(t)

	dir := t.TempDir()
	path := filepath.Join(dir, "site.yaml")
	text := fmt.Sprintf("site: demo\noutputs: {influx: {url: %q, bucket: facility, token: \"root:toor\"}}\n"+
		"devices: [{id: ups-a, profile: rfc1628-ups, snmp: {address: 192.0.2.11}}]\n", db.URL)
	put(t, path, text)
	var out bytes.Buffer
	if code := run(t.Context(), []string{"dashboards", "export", "--config", path, dir}, &out, &out); code != 0 {
		t.Fatalf("exit %d: %s", code, &out)
	}
	written, err := os.ReadFile(filepath.Join(dir, "provisioning", "datasources", "plantroom-demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(written, []byte("toor")) {
		t.Error("the agent's password is in the data source")
	}
	for token, want := range map[string]int{"grafana:sesame": http.StatusOK, "grafana:guessed": http.StatusUnauthorized} {
		var file struct {
			Datasources []struct {
				URL      string
				JSONData map[string]string `yaml:"jsonData"`
				Secure   map[string]string `yaml:"secureJsonData"`
			}
		}
		text := os.Expand(string(written), func(name string) string { return map[string]string{"INFLUX_TOKEN": token}[name] })
		if err := yaml.Unmarshal([]byte(text), &file); err != nil {
			t.Fatal(err)
		}
		source := file.Datasources[0]
		form := url.Values{"db": {source.JSONData["dbName"]}, "q": {`SELECT "text" FROM "events"`}}
		req, err := http.NewRequestWithContext(t.Context(), source.JSONData["httpMode"], source.URL+"/query", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set(source.JSONData["httpHeaderName1"], source.Secure["httpHeaderValue1"])
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want || want == http.StatusOK && !strings.Contains(string(answer), "UPS A is on battery") {
			t.Errorf("as %s: %s: %s", token, resp.Status, answer)
		}
	}
}
