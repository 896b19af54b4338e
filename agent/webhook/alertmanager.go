package webhook

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"plantroom/agent"
)

const (
	remindEvery = time.Minute
	// forgetAfter is when the Alertmanager is to take an alert for over that it
	// has not heard of again.
	forgetAfter = 4 * remindEvery
)

// An alert is one as the Alertmanager's API, version 2, has it. Two with the
// same labels are the same.
type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
}

// alerts returns what to tell of an event: that it is, and where its severity
// was another before, that this is over.
func (s *Sink) alerts(r *record) []alert {
	all := []alert{s.alert(r.Event, r.Severity)}
	if r.Was != nil {
		was := s.alert(r.Event, *r.Was)
		was.EndsAt = time.Now()
		all = append(all, was)
	}
	return all
}

func (s *Sink) alert(e *agent.Event, severity agent.Severity) alert {
	a := alert{Labels: map[string]string{}, Annotations: map[string]string{}, StartsAt: e.Began, EndsAt: e.Ended}
	if e.Active() {
		a.EndsAt = time.Now().Add(forgetAfter)
	}
	for name, value := range e.Labels {
		a.Labels[labelName(name)] = strings.ToValidUTF8(value, "?")
	}
	for name, value := range map[string]string{
		"alertname": cmp.Or(e.Metric, e.Kind), "severity": severity.String(), "site": s.options.Site, "kind": e.Kind,
		"device": e.Device, "class": e.Class, "metric": e.Metric, "channel": e.Channel,
	} {
		if value != "" {
			a.Labels[name] = strings.ToValidUTF8(value, "?")
		}
	}
	value := ""
	if e.Value != nil {
		value = strings.TrimSpace(strconv.FormatFloat(*e.Value, 'g', -1, 64) + " " + e.Unit)
	}
	escalated := ""
	if e.Escalated > 0 {
		escalated = (time.Duration(e.Escalated) * time.Second).String()
	}
	for name, value := range map[string]string{
		"summary": e.Text.EN, "summary_cs": e.Text.CS, "name": e.Name, "id": e.ID, "state": e.State, "value": value,
		"acked_by": e.AckedBy, "escalated": escalated,
	} {
		if value != "" {
			a.Annotations[name] = strings.ToValidUTF8(value, "?")
		}
	}
	return a
}

// labelName returns a name as the Alertmanager can have it: letters, digits and
// _, and no digit first.
func labelName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name)
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}
