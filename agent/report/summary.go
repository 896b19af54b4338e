package report

import (
	"slices"
	"strings"

	"plantroom/agent"
	"plantroom/agent/events"
)

// summary says in a paragraph what happened.
func (s *Story) summary(t tongue) string {
	r := s.Record
	var out []string
	add := func(w agent.Words, args ...any) { out = append(out, t.say(w, args...)) }
	if r.Verdict == events.Missed {
		when := r.Due
		if when.IsZero() {
			when = r.Began
		}
		words := agent.Words{EN: "%s was planned for %s, %s, and did not happen.", CS: "%s: zkouška plánovaná na %s v %s se nekonala."}
		if len(r.NotObserved) > 0 {
			words = agent.Words{EN: "%s was planned for %s, %s, and was not seen: the agent did not run all that time.",
				CS: "%s: zkouška plánovaná na %s v %s nebyla zaznamenána: agent po celou tu dobu neběžel."}
		}
		add(words, t.say(r.Title), t.longDate(when), t.clock(when))
		return strings.Join(out, " ")
	}
	if off := r.Cancelled; off != nil {
		add(agent.Words{EN: "%s, under way since %s on %s, was cancelled by %s at %s: it is no test.", CS: "%s (od %s dne %s): zrušil(a) %s v %s, zkouškou není."},
			t.say(r.Title), t.clock(r.Began), t.longDate(r.Began), off.By, t.clock(off.Time))
		if why := strings.TrimSuffix(off.Text, "."); why != "" {
			add(agent.Words{EN: "The reason: %s.", CS: "Důvod: %s."}, why)
		}
		if r.Became != "" {
			add(agent.Words{EN: "What happened meanwhile is the incident %s.", CS: "Co se mezitím stalo, je mimořádná událost %s."}, r.Became)
		} else {
			add(agent.Words{EN: "There was no incident meanwhile.", CS: "Mezitím nedošlo k žádné mimořádné události."})
		}
		return strings.Join(out, " ")
	}
	if cause := strings.TrimSuffix(t.say(r.Cause), "."); cause != "" {
		add(agent.Words{EN: "%s on %s at %s: %s.", CS: "%s dne %s v %s: %s."}, t.say(r.Title), t.longDate(r.Began), t.clock(r.Began), cause)
	} else {
		add(agent.Words{EN: "%s on %s at %s.", CS: "%s dne %s v %s."}, t.say(r.Title), t.longDate(r.Began), t.clock(r.Began))
	}
	if r.Ended.IsZero() {
		add(agent.Words{EN: "It was not over when this report was made.", CS: "Při sestavení zprávy ještě trvá."})
	} else {
		until := t.clock(r.Ended)
		if t.date(r.Ended) != t.date(r.Began) {
			until = t.moment(r.Ended)
		}
		add(agent.Words{EN: "It lasted %s, until %s.", CS: "Doba trvání %s, do %s."}, t.duration(r.Ended.Sub(r.Began).Seconds()), until)
	}
	blind := 0.0
	for _, g := range s.Gaps {
		if g.Device == "" {
			blind += g.Longest
		}
	}
	if blind > 0 {
		add(agent.Words{EN: "For %s of it the agent read nothing; all durations go on as if what it had read last had stayed so.",
			CS: "Z toho %s agent nic nečetl; všechny doby se počítají, jako by trvalo to, co četl naposledy."}, t.duration(blind))
	}
	if r.Kind == "test" {
		out = append(out, s.outcome(t))
	}
	if takenFor(r) {
		add(agent.Words{EN: "Nobody declared it: an outage in the time of the planned test was taken for that. If nobody cut the supply on purpose, it was none; plantroom test cancel %s says so.",
			CS: "Nikdo ji neohlásil: za zkoušku byl považován výpadek v jejím plánovaném čase. Pokud napájení nikdo záměrně nevypnul, zkouškou nebyl, což řekne plantroom test cancel %s."}, r.ID)
	}
	for _, f := range named(r, events.TimeToLoad) {
		out = append(out, generatorSentence(t, r, f))
	}
	if w := failedGenerators(t, r); w != "" {
		out = append(out, w)
	}
	out = append(out, batterySentences(t, r)...)
	if f := worst(r, events.TimeUncooled, false); f != nil && f.Value > 0 {
		add(agent.Words{EN: "No cooling unit ran for %s.", CS: "Po dobu %s neběžela žádná chladicí jednotka."}, t.duration(f.Value))
	}
	if f := worst(r, events.TemperatureRise, false); f != nil && f.Value > 0 {
		add(agent.Words{EN: "The largest rise of temperature was %s, measured by %s.", CS: "Největší oteplení bylo %s, naměřené čidlem %s."},
			t.quantity(f.Value, f.Unit), unbroken(r, f.Device))
	}
	if len(s.Gaps)+len(r.NotObserved) > 0 {
		add(agent.Words{EN: "Not everything was observed; what is missing is listed below.", CS: "Ne vše bylo pozorováno; co chybí, je uvedeno níže."})
	}
	return strings.Join(out, " ")
}

// takenFor reports whether a test may have been an outage: only the plan says
// that it is one, and what was lost called.
func takenFor(r *events.Record) bool {
	return r.Kind == "test" && r.Declared == "schedule" && slices.ContainsFunc(r.Events, func(e agent.Event) bool {
		return e.Severity == agent.Alarm && (e.Metric == "supply" && e.State == "dead" || e.Metric == "status" && e.State == "on_battery")
	})
}

// outcome says how a test ended.
func (s *Story) outcome(t tongue) string {
	r := s.Record
	missed := 0
	for _, c := range r.Criteria {
		if !c.Met {
			missed++
		}
	}
	all := t.number(float64(len(r.Criteria)), 0)
	switch {
	case r.Verdict == events.Passed && len(r.Criteria) > 0:
		return t.say(agent.Words{EN: "The test was passed: every criterion was met (%s of %s).", CS: "Zkouška vyhověla: všechna kritéria byla splněna (%s z %s)."},
			all, all)
	case r.Verdict == events.Passed:
		return t.say(agent.Words{EN: "The test was passed.", CS: "Zkouška vyhověla."})
	case r.Verdict == events.Failed && missed > 0:
		return t.say(agent.Words{EN: "The test failed; criteria that were not met: %s of %s.", CS: "Zkouška nevyhověla; nesplněná kritéria: %s z %s."},
			t.number(float64(missed), 0), all)
	case r.Verdict == events.Failed:
		return t.say(agent.Words{EN: "The test failed.", CS: "Zkouška nevyhověla."})
	}
	return t.say(agent.Words{EN: "Whether the test was passed is not decided yet.", CS: "O výsledku zkoušky ještě není rozhodnuto."})
}

// wellSettled is the dip, in %, up to which a voltage that was never seen out
// of its limits is said to have kept them. A deeper one was between two polls.
const wellSettled = 10

// generatorSentence says how a generator that took the load did.
func generatorSentence(t tongue, r *events.Record, f events.Figure) string {
	name := device(r, f.Device).Name
	out := t.say(agent.Words{EN: "%s took the load after %s", CS: "Zátěž převzal %s za %s"}, name, t.duration(f.Value))
	if c := figureOf(r, events.TimeCarried, f.Device); c != nil {
		out += t.say(agent.Words{EN: " and carried it for %s", CS: " a napájel ji %s"}, t.duration(c.Value))
	}
	if m := figureOf(r, events.LoadMax, f.Device); m != nil {
		out += t.say(agent.Words{EN: ", %s at most", CS: ", nejvýše %s"}, t.quantity(m.Value, m.Unit))
	}
	out += "."
	if dip := figureOf(r, events.VoltageDip, f.Device); dip != nil {
		out += " " + t.say(agent.Words{EN: "Its voltage fell by %s", CS: "Jeho napětí pokleslo o %s"}, t.quantity(dip.Value, dip.Unit))
		settled := figureOf(r, events.VoltageSettling, f.Device)
		switch {
		case settled == nil:
		case settled.Value == 0 && dip.Value > wellSettled:
		case settled.Value == 0:
			out += t.say(agent.Words{EN: " and stayed within its limits", CS: " a zůstalo v mezích"})
		default:
			out += t.say(agent.Words{EN: " and was steady within %s", CS: " a ustálilo se do %s"}, t.duration(settled.Value))
		}
		out += "."
	}
	return out
}

// failedGenerators names the generators that had a fault meanwhile.
func failedGenerators(t tongue, r *events.Record) string {
	var names []string
	for _, tr := range r.Transitions {
		if d := device(r, tr.Device); d.Class == "generator" && tr.Metric == "status" && tr.To == "fault" {
			names = append(names, d.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return t.say(agent.Words{EN: "With a fault: %s.", CS: "Porucha: %s."}, strings.Join(names, ", "))
}

// batterySentences say what the UPS units did.
func batterySentences(t tongue, r *events.Record) []string {
	var on, lost []string
	for _, f := range named(r, events.TimeOnBattery) {
		if f.Value <= 0 {
			continue
		}
		one := unbroken(r, f.Device) + nbsp + t.duration(f.Value)
		if d := figureOf(r, events.BatteryDrained, f.Device); d != nil {
			one += t.say(agent.Words{EN: " (battery down by %s)", CS: " (vybití o %s)"}, t.quantity(d.Value, d.Unit))
		}
		on = append(on, one)
	}
	for _, f := range named(r, events.TimeLost) {
		if f.Value > 0 {
			lost = append(lost, unbroken(r, f.Device)+nbsp+t.duration(f.Value))
		}
	}
	var out []string
	if len(on) > 0 {
		out = append(out, t.say(agent.Words{EN: "On battery: %s.", CS: "Provoz na baterie: %s."}, strings.Join(on, ", ")))
	}
	switch {
	case len(lost) > 0:
		out = append(out, t.say(agent.Words{EN: "The load was without power: %s.", CS: "Zátěž byla bez napájení: %s."}, strings.Join(lost, ", ")))
	case len(on) > 0:
		out = append(out, t.say(agent.Words{EN: "No UPS was seen to leave its load without power.", CS: "Přerušení napájení zátěže nebylo u žádné UPS zjištěno."}))
	}
	return out
}

// unbroken returns a device's name so that it stays on one line.
func unbroken(r *events.Record, id string) string {
	return strings.ReplaceAll(device(r, id).Name, " ", nbsp)
}
