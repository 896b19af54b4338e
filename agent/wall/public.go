package wall

import (
	"net/http"
	"time"

	"plantroom/agent"
)

// A publicJSON is what everybody may know, such as a status page: how the site
// stands, in a word, and nothing of what it is made of.
type publicJSON struct {
	Time  time.Time   `json:"time"`
	Site  string      `json:"site"`
	State string      `json:"state"` // operational, degraded, outage or unknown
	Text  agent.Words `json:"text"`
}

var publicWords = map[string]agent.Words{
	"operational": {EN: "Everything works.", CS: "Vše je v provozu."},
	"degraded":    {EN: "It works, and something needs attention.", CS: "Je v provozu, něco vyžaduje pozornost."},
	"outage":      {EN: "It is without power.", CS: "Je bez napájení."},
	"unknown":     {EN: "The state is not known.", CS: "Stav není znám."},
}

func (s *Server) public(w http.ResponseWriter, _ *http.Request) {
	state := "unknown"
	if s.options.Path != nil && s.options.Events != nil {
		state = overall(s.options.Path().On, s.options.Events(agent.EventQuery{Active: true, Severity: agent.Warning}))
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")   // the page is another site's
	w.Header().Set("Cache-Control", "public, max-age=5") // what stands in front may answer the many that look at it
	reply(w, http.StatusOK, publicJSON{stamp(time.Now()), s.options.Site, state, publicWords[state]})
}

// overall returns how a site stands, by what its load stands on and what lasts.
// What a test is for is told as info, and takes nothing away.
func overall(on agent.Supply, active []agent.Event) string {
	switch on {
	case agent.NoData:
		return "unknown"
	case agent.Dead:
		return "outage"
	}
	for _, e := range active {
		if e.Severity >= agent.Alarm || e.Kind == "incident" || e.Metric == "power_redundancy" {
			return "degraded"
		}
	}
	return "operational"
}
