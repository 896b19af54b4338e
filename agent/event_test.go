package agent

import (
	"testing"
	"time"
)

func TestEventQuery(t *testing.T) {
	began := time.Date(2026, 11, 26, 14, 2, 7, 0, time.UTC)
	e := Event{Device: "ups-a", Severity: Warning, Began: began, Ended: began.Add(time.Minute)}
	for _, c := range []struct {
		q    EventQuery
		want bool
	}{
		{EventQuery{}, true}, {EventQuery{Active: true}, false},
		{EventQuery{Since: began}, true}, {EventQuery{Since: began.Add(1)}, false},
		{EventQuery{Until: began}, false}, {EventQuery{Until: began.Add(1)}, true},
		{EventQuery{Device: "ups-a"}, true}, {EventQuery{Device: "ups-b"}, false},
		{EventQuery{Severity: Warning}, true}, {EventQuery{Severity: Alarm}, false},
	} {
		if got := c.q.Match(&e); got != c.want {
			t.Errorf("%+v: %v", c.q, got)
		}
	}
	e.Ended = time.Time{}
	if q := (EventQuery{Active: true}); !q.Match(&e) {
		t.Error("an event that lasts is not active")
	}
}
