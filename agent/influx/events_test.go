package influx

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plantroom/agent"
	"plantroom/testdata/peer"
)

// onBattery is an event of every field.
func onBattery() *agent.Event {
	charge := 98.5
	return &agent.Event{
		ID: "20260921T141320.123-1", Kind: "state", Parent: "20260921T141319.000-1", Device: "ups-a", Name: "UPS A", Class: "ups",
		Labels: map[string]string{"room": "ups room", "feed": "A", "kind": "double conversion"}, Metric: "status", Channel: "",
		Severity: agent.Alarm, Began: time.UnixMilli(1790000000123), Value: &charge, Unit: "%", State: "on_battery",
		Text: agent.Words{EN: `UPS A is "on battery"`, CS: "UPS A běží z baterie"},
	}
}

func TestEventLine(t *testing.T) {
	s := newSink(t, "http://127.0.0.1:1", slog.New(slog.DiscardHandler))
	e := onBattery()
	const point = `events,class=ups,device=ups-a,feed=A,kind=state,metric=status,room=ups\ room,site=praha-1 ` +
		`id="20260921T141320.123-1",text="UPS A is \"on battery\"",text_cs="UPS A běží z baterie",severity="alarm",severity_code=2i,`
	want := "before\n" + point + `active=true,value=98.5,state="on_battery",parent="20260921T141319.000-1" 1790000000123` + "\n"
	if diff := cmp.Diff(want, string(s.AppendEvent([]byte("before\n"), e))); diff != "" {
		t.Error(diff)
	}
	e.Ended, e.AckedBy, e.Value, e.Peak = e.Began.Add(1500*time.Millisecond), "Jana", nil, e.Value
	want = point + `active=false,duration=1.5,peak=98.5,state="on_battery",parent="20260921T141319.000-1",acked_by="Jana" 1790000000123` + "\n"
	if diff := cmp.Diff(want, string(s.AppendEvent(nil, e))); diff != "" {
		t.Error(diff)
	}
	// Of the site as a whole, and as little of it as can be.
	want = `events,site=praha-1 id="",text="",text_cs="",severity="info",severity_code=0i,active=true 1790000000123` + "\n"
	if diff := cmp.Diff(want, string(s.AppendEvent(nil, &agent.Event{Began: e.Began}))); diff != "" {
		t.Error(diff)
	}
}

// eventsChange writes an event that begins, ends and is written late again: it
// is one point, as it was written last.
func eventsChange(t *testing.T, db *peer.InfluxDB) {
	s := newSink(t, db.URL, slog.New(slog.DiscardHandler))
	e := onBattery()
	if err := s.Send(t.Context(), s.AppendEvent(nil, e)); err != nil {
		t.Fatal(err)
	}
	const q = `SELECT text_cs, severity, severity_code, active, "duration", value FROM events WHERE device = 'ups-a' AND kind = 'state' AND room = 'ups room'`
	want := "name,tags,time,text_cs,severity,severity_code,active,duration,value\nevents,,1790000000123000000,UPS A běží z baterie,alarm,2,true,,98.5\n"
	if got := db.Query(t, q); got != want {
		t.Errorf("while it lasts:\n%s", got)
	}
	e.Ended = e.Began.Add(90 * time.Second)
	for range 2 {
		if err := s.Send(t.Context(), s.AppendEvent(nil, e)); err != nil {
			t.Fatal(err)
		}
	}
	if got := db.Query(t, q); got != strings.ReplaceAll(want, "true,,", "false,90,") {
		t.Errorf("when it has ended:\n%s", got)
	}
}
