package events

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plantroom/agent"
)

// warm is a plant with a limit of what its sensor measures, and a sensor that is
// warmer each second.
func warm(t *testing.T, dir string) *plant {
	return newPlant(t, Options{Dir: dir}, func(s *Setup) {
		delay := 2 * time.Second
		s.Limits = []Limit{{Class: "climate", Metric: "temperature", WarnHigh: number(27), AlarmHigh: number(32), WarnLow: number(15), Delay: &delay}}
	})
}

func (p *plant) temperatures(values string) {
	p.t.Helper()
	for _, v := range strings.Fields(values) {
		p.now("sensor", "temperature="+v)
	}
}

// texts returns what was told, each time, in a language.
func (p *plant) texts(lang string) (out []string) {
	for _, ev := range p.told {
		out = append(out, ev.Severity.String()+" "+ev.Text.In(lang))
	}
	return out
}

// TestPeak: the worst value of what is beyond a limit, and when it was, is told
// with all else that is told of it and never for itself; who asks has that of now.
func TestPeak(t *testing.T) {
	p := warm(t, "")
	p.temperatures("20 27.5 28 27.5 29 30")
	now := p.e.Active()
	if len(now) != 1 || *now[0].Value != 27.5 || *now[0].Peak != 30 || !now[0].PeakAt.Equal(p.start.Add(5*time.Second)) || !now[0].Began.Equal(p.start.Add(time.Second)) {
		t.Fatalf("active: %+v", now)
	}
	if diff := cmp.Diff(now, p.e.Events(agent.EventQuery{})); diff != "" {
		t.Errorf("events are otherwise than what lasts: (-lasts +events)\n%s", diff)
	}
	p.temperatures("29 28")
	p.at = 90 * time.Minute
	p.temperatures("33 34 33 31 30 29 28")
	if _, err := p.e.Ack(now[0].ID, "Jana"); err != nil {
		t.Fatal(err)
	}
	p.temperatures("20 20")
	if diff := cmp.Diff([]string{
		"warning Sensor: temperature 27.5 °C, above 27 °C; peak 28 °C at 08:00",
		"alarm Sensor: temperature 33 °C, above 32 °C; peak 34 °C at 09:30",
		"warning Sensor: temperature 31 °C, above 27 °C; peak 34 °C at 09:30",
		"warning Sensor: temperature 31 °C, above 27 °C; peak 34 °C at 09:30",
		"alarm Sensor: temperature 33 °C, above 32 °C; peak 34 °C at 09:30",
	}, p.texts("en")); diff != "" {
		t.Errorf("told: (-want +got)\n%s", diff)
	}
	for i, told := range []time.Duration{3 * time.Second, 90*time.Minute + 2*time.Second} {
		if at := p.told[i].Told.Sub(p.start); at != told {
			t.Errorf("told %v after the start to be so bad, want %v", at, told)
		}
	}
	if !p.told[4].Told.Equal(p.told[1].Told) {
		t.Errorf("at the end it is said to be told %v", p.told[4].Told)
	}
	text, err := json.Marshal(p.told[4])
	if err != nil || !strings.Contains(string(text), `"unit":"Cel","peak":34,"peak_at":"2026-11-04T`) {
		t.Errorf("%s, %v", text, err)
	}
	p.told = nil
	p.temperatures("14 12 8 20")
	p.at = 24 * time.Hour
	p.temperatures("14 14 14")
	p.at = 48 * time.Hour
	p.temperatures("13 20")
	if diff := cmp.Diff([]string{
		"warning Sensor: teplota 8 °C, pod 15 °C", "warning Sensor: teplota 8 °C, pod 15 °C",
		"warning Sensor: teplota 14 °C, pod 15 °C", "warning Sensor: teplota 14 °C, pod 15 °C; minimum 13 °C (6. 11. 08:00)",
	}, p.texts("cs")); diff != "" {
		t.Errorf("told: (-want +got)\n%s", diff)
	}
	if en := p.told[3].Text.EN; !strings.HasSuffix(en, "; lowest 13 °C on 6 Nov at 08:00") {
		t.Error(en)
	}
}

// TestPeakAfterAKill: what an event has come to is known after a kill, but for the
// last minute, and so is that it was an alarm.
func TestPeakAfterAKill(t *testing.T) {
	dir := t.TempDir()
	p := warm(t, dir)
	p.temperatures("33 33 33 31")
	p.temperatures("31 31 31")
	p.told = nil
	p.temperatures("31.5")
	p.at += time.Minute
	p.temperatures("31.2 31.7")
	p.open(Options{Dir: dir})
	if now := p.e.Active(); len(now) != 1 || now[0].Text.EN != "Sensor: temperature 31 °C, above 27 °C; peak 33 °C at 08:00" {
		t.Errorf("%+v", now)
	}
	p.temperatures("30 20")
	if got, want := p.texts("en"), []string{"alarm Sensor: temperature 33 °C, above 32 °C"}; !slices.Equal(got, want) || p.told[0].Told.Sub(p.start) != 2*time.Second {
		t.Errorf("told: %q, want %q; that it was an alarm at %v", got, want, p.told[0].Told.Sub(p.start))
	}

	p.told = nil
	p.temperatures("28 28 28 29")
	p.at += time.Minute
	p.temperatures("28 30")
	n := len(p.told)
	p.open(Options{Dir: dir})
	p.temperatures("28 20")
	if got, want := p.texts("en")[n:], []string{"warning Sensor: temperature 28 °C, above 27 °C; peak 29 °C at 08:01"}; !slices.Equal(got, want) || n != 1 {
		t.Errorf("told: %d times, then %q, want %q", n, got, want)
	}
}

// TestRateOverARestart: what rose when the agent was restarted, or its
// configuration changed, and rises no more is over.
func TestRateOverARestart(t *testing.T) {
	for _, how := range []string{"kill", "reload"} {
		dir := t.TempDir()
		over := 8 * time.Second
		p := newPlant(t, Options{Dir: dir}, func(s *Setup) {
			s.Limits = []Limit{{Class: "climate", Metric: "temperature", WarnRate: number(20), RateOver: &over}}
		})
		p.temperatures("20 20 20 20 20 20 20 20 25 30")
		if how == "kill" {
			p.open(Options{Dir: dir})
		} else {
			p.e.Configure(p.setup)
		}
		p.temperatures("30 30 30 30 30 30 30 30 30 30 30 30")
		if got := p.e.Active(); len(got) > 0 {
			t.Errorf("%s: lasts: %+v", how, got)
		}
	}
}
