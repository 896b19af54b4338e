package events

import (
	"cmp"
	"slices"
	"time"

	"plantroom/agent"
)

// Tests returns what is planned, what is being made, and how it went last. What
// is planned has no date before there was a poll, and is left out.
func (e *Engine) Tests() agent.Tests {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := agent.Tests{}
	s := &e.tests
	for i := range s.plans {
		p := &s.plans[i]
		if w, ok := s.upcoming(p, e.now); ok && e.begun {
			out.Planned = append(out.Planned, agent.PlannedTest{ID: p.ID, Name: p.Name, Kind: p.Kind, Load: p.underLoad(), Device: p.Device,
				From: w.from, Due: w.due, Until: w.to, Timed: p.Schedule.Timed})
		}
		if r, ok := s.last[p.ID]; ok {
			out.Last = append(out.Last, r)
		}
	}
	slices.SortStableFunc(out.Planned, func(a, b agent.PlannedTest) int { return deadline(&a).Compare(deadline(&b)) })
	if r, ok := s.last[""]; ok {
		out.Last = append(out.Last, r)
	}
	slices.SortStableFunc(out.Last, func(a, b agent.TestResult) int { return cmp.Compare(b.ID, a.ID) })
	for _, inc := range e.incidents {
		if inc.Kind == "test" && inc.Ended.IsZero() {
			out.Running = append(out.Running, e.running(inc))
		}
	}
	return out
}

// deadline returns when a test is to be made, at the latest where any time of a
// day or period will do.
func deadline(p *agent.PlannedTest) time.Time {
	if p.Timed {
		return p.Due
	}
	return p.Until
}

// running returns what there is to say of a test under way.
func (e *Engine) running(inc *incident) agent.RunningTest {
	person := inc.Declared != bySchedule && inc.Declared != byController && inc.Declared != ""
	r := agent.RunningTest{ID: inc.ID, Test: inc.Plan, Name: inc.Title, Began: inc.Began, By: inc.Declared, Ending: person && !inc.Open,
		Notes: slices.Clone(inc.Notes)}
	p := inc.Spec
	if p == nil {
		return r
	}
	r.Kind, r.Load, r.Run = p.Kind, p.underLoad(), cmp.Or(p.Carry, p.Run).Seconds()
	metric := "status"
	if p.Carry > 0 {
		metric = "carries"
	}
	for _, h := range e.active {
		ev := &h.event
		does := h.incident == inc && h.lull.IsZero() && ev.Kind == "state" && ev.Class == "generator" && ev.Metric == metric && ev.State != "fault"
		if r.Run > 0 && does && (p.Device == "" || p.Device == ev.Device) && (r.RunSince.IsZero() || h.since.Before(r.RunSince)) {
			r.RunSince = h.since
		}
	}
	return r
}

// underLoad reports whether a generator is to carry; nil where none is to run.
func (p *Plan) underLoad() *bool {
	switch p.Kind {
	case Blackout:
		return new(true)
	case Start:
		return new(false)
	}
	return nil
}

// went notes how a test went.
func (s *schedule) went(r *Record) {
	if r.Kind != "test" || r.Verdict == NoVerdict || r.Verdict == Cancelled {
		return
	}
	out := agent.TestResult{ID: r.ID, Test: r.Plan, Name: r.Title, Verdict: string(r.Verdict), Due: r.Due, Began: r.Began, Text: r.verdictText()}
	if r.Verdict == Missed {
		out.Began = time.Time{}
	}
	s.last[r.Plan] = out
}

// verdictText says how a test went, and why.
func (r *Record) verdictText() agent.Words {
	switch r.Verdict {
	case Missed:
		return r.Cause
	case Passed:
		return say(agent.Words{EN: "%s: passed", CS: "%s: vyhověla"}, r.Title)
	case Cancelled:
		return say(agent.Words{EN: "%s: cancelled by %s", CS: "%s: zrušil(a) %s"}, r.Title, r.Cancelled.By)
	}
	text := say(agent.Words{EN: "%s: failed", CS: "%s: nevyhověla"}, r.Title)
	if i := slices.IndexFunc(r.Criteria, func(c Criterion) bool { return !c.Met }); i >= 0 {
		text = say(same("%s: %s"), text, r.Criteria[i].Text)
	} else if i := r.saidFailed(); i >= 0 && r.Domain != "" {
		text = say(same("%s: %s"), text, r.Notes[i].Text)
	}
	return text
}
