package wall

import (
	"encoding/json"
	"net/http"
	"testing"

	"plantroom/agent"
)

// TestPublic: who has no token learns how the site stands where that is wanted,
// and nothing else anywhere.
func TestPublic(t *testing.T) {
	var on agent.Supply
	var active []agent.Event
	o := Options{Token: "secret", Site: "praha-1", Path: func() agent.Path {
		return agent.Path{On: on, Headline: agent.Words{EN: "UPS A is on battery"}}
	}, Events: func(q agent.EventQuery) (found []agent.Event) {
		for _, e := range active {
			if q.Match(&e) {
				found = append(found, e)
			}
		}
		return found
	}}
	if code, _ := get(t, serve(t, o), "/api/v1/public", nil); code != http.StatusNotFound {
		t.Errorf("where nobody wants it: %d", code)
	}
	o.Public = true
	s := serve(t, o)
	// The page that shows it is another site's, and what stands in front of the agent may answer for it.
	answer, err := http.Get("http://" + s.Addr() + "/api/v1/public")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if h := answer.Header; h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Cache-Control") != "public, max-age=5" {
		t.Errorf("its header: %v", h)
	}
	if code, _ := get(t, s, "/api/v1/path", nil); code != http.StatusUnauthorized {
		t.Errorf("the rest: %d", code)
	}
	for _, c := range []struct {
		on     agent.Supply
		active []agent.Event
		want   string
	}{
		{agent.NoData, nil, "unknown"},
		{agent.Mains, nil, "operational"},
		{agent.Mains, []agent.Event{{Kind: "alarm", Severity: agent.Warning}}, "operational"},
		{agent.Generator, []agent.Event{{Kind: "test", Severity: agent.Info}, {Kind: "state", Metric: "power_redundancy", Severity: agent.Info}}, "operational"},
		{agent.Mains, []agent.Event{{Kind: "state", Metric: "power_redundancy", Severity: agent.Warning}}, "degraded"},
		{agent.Mains, []agent.Event{{Kind: "limit", Severity: agent.Alarm}}, "degraded"},
		{agent.Batteries, []agent.Event{{Kind: "incident", Severity: agent.Warning}}, "degraded"},
		{agent.Dead, nil, "outage"},
	} {
		on, active = c.on, c.active
		code, text := get(t, s, "/api/v1/public", nil)
		var got map[string]any
		if err := json.Unmarshal([]byte(text), &got); err != nil || code != http.StatusOK {
			t.Fatal(code, text, err)
		}
		if got["state"] != c.want || got["site"] != "praha-1" || len(got) != 4 {
			t.Errorf("on %v with %v: %s, want %s", c.on, c.active, text, c.want)
		}
	}
}
