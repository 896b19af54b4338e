package wall

import (
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestPages(t *testing.T) {
	files := fstest.MapFS{
		"page.html": {Data: []byte("<!doctype html>/assets/VERSION/PAGE.js")}, "wall.js": {Data: []byte("1")},
	}
	s := serve(t, Options{Files: files})
	version := s.pages.version
	for path, want := range map[string]string{
		"/": ">/assets/" + version + "/wall.js", "/desk": ">/assets/" + version + "/desk.js", "/desk/ups-a": "/desk.js", "/assets/" + version + "/wall.js": "1", "/assets/other/wall.js": "1",
	} {
		resp, err := http.Get("http://" + s.Addr() + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if _, text := get(t, s, path, nil); resp.StatusCode != http.StatusOK || !strings.HasSuffix(text, want) {
			t.Errorf("%s: %s, %s", path, resp.Status, text)
		}
		csp, cache := resp.Header.Get("Content-Security-Policy"), resp.Header.Get("Cache-Control")
		if !strings.HasPrefix(csp, "default-src 'none'; script-src 'self'; style-src 'self';") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "http") {
			t.Errorf("%s may do %s", path, csp)
		}
		// What is kept is only what has its version in its name.
		if kept := strings.Contains(cache, "immutable"); kept != strings.Contains(path, version) || resp.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: Cache-Control %s", path, cache)
		}
	}
	for _, path := range []string{"/nothing", "/desk/ups-a/more", "/assets/" + version + "/", "/assets/" + version + "/page.html", "/assets/" + version + "/../../server.go", "/page.html"} {
		if code, text := get(t, s, path, nil); code == http.StatusOK {
			t.Errorf("%s: %s", path, text)
		}
	}
	files["wall.js"] = &fstest.MapFile{Data: []byte("2")}
	if newPages(files).version == version {
		t.Error("other files have the same version")
	}
	for _, path := range []string{"/", "/desk", "/assets/" + version + "/wall.js"} {
		if code, _ := get(t, serve(t, Options{Files: files, Token: "t0ken"}), path, nil); code != http.StatusUnauthorized {
			t.Errorf("%s for a stranger: %d", path, code)
		}
	}
}

func TestTrendsOverHTTP(t *testing.T) {
	from := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	var asked string
	s := serve(t, Options{Trend: func(device, metric, channel string, day bool) Trend {
		asked = device + " " + metric + " " + channel + map[bool]string{true: " day", false: " hour"}[day]
		return Trend{From: from, Step: time.Minute, Min: []float64{229.5, math.NaN()}, Mean: []float64{230.123456789, math.NaN()}, Max: []float64{0, math.NaN()}}
	}})
	code, text := get(t, s, "/api/v1/trend?device=ups-a&metric=up&range=day", nil)
	var got trendJSON
	if err := json.Unmarshal([]byte(text), &got); err != nil || code != http.StatusOK {
		t.Fatal(code, err, text)
	}
	if asked != "ups-a up  day" || !got.From.Equal(from) || got.Step != 60 || !strings.Contains(text, `"min":[229.5,null],"mean":[230.123,null],"max":[0,null]`) {
		t.Errorf("asked for %s; %s", asked, text)
	}
	for query, want := range map[string]string{
		"metric=up": "a trend needs a device and a metric", "device=ups-a": "a trend needs a device and a metric", "device=ups-z&metric=up": "there is no device ups-z",
		"device=ups-a&metric=up&range=week": "write hour or day",
	} {
		if code, text := get(t, s, "/api/v1/trend?"+query, nil); code != http.StatusBadRequest && code != http.StatusNotFound || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", query, code, text)
		}
	}
}

func TestSite(t *testing.T) {
	s := serve(t, Options{Site: "praha-1", Name: "edge-1", Version: "v1.2.3"})
	_, text := get(t, s, "/api/v1/site", nil)
	var got siteJSON
	if err := json.Unmarshal([]byte(text), &got); err != nil || got.Site != "praha-1" || got.Agent != "edge-1" || got.Version != "v1.2.3" || got.Devices != 1 || got.Up != 1 || len(got.Classes) != 1 {
		t.Errorf("%v %s", err, text)
	}
}
