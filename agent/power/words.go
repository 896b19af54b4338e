package power

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"plantroom/agent"
)

// both returns words in both languages.
func both(en, cs string) agent.Words { return agent.Words{EN: en, CS: cs} }

// say writes the headline and the detail.
func (n *Network) say(p *agent.Path, e *evaluation, issues []issue) {
	var head, more []agent.Words
	units, well := n.units(e)
	since := timeWords(p.Since, e.now)
	var dark []string // parts of the load without power, while others have some
	for i := range n.nodes {
		if n.nodes[i].it && e.on[i] == agent.Dead {
			dark = append(dark, n.nodes[i].name)
		}
	}
	if len(dark) > 0 && p.On != agent.Dead {
		head = append(head, both("PART OF THE LOAD HAS NO POWER: "+list(dark).EN, "ČÁST ZÁTĚŽE JE BEZ NAPÁJENÍ: "+list(dark).CS))
		p.Severity = agent.Alarm
	}
	first, troubled := worst(issues)
	switch p.On {
	case agent.NoData:
		switch {
		case len(n.nodes) == 0:
			head = append(head, both("Nothing in the configuration carries power", "V konfiguraci není nic, co napájí"))
		case n.waiting():
			head = append(head, both("Waiting for the first readings", "Čeká se na první údaje"))
		default:
			head = append(head, both("NO DATA: what the building stands on is not known", "BEZ DAT: není známo, na čem budova běží"))
			p.Severity = max(p.Severity, agent.Warning)
		}
	case agent.Dead:
		head = append(head, both("NO POWER"+since.EN, "BEZ NAPÁJENÍ"+since.CS))
		p.Severity = agent.Alarm
	case agent.Batteries:
		head = append(head, n.onBatteries(p, e, units, since)...)
		p.Severity = agent.Alarm
	case agent.Generator:
		name := n.generatorName(p.Sources)
		head = append(head, both("ON "+name.EN+since.EN, "NA "+name.CS+since.CS))
		head = append(head, n.batteries(e, p, units, well)...)
		p.Severity = max(p.Severity, agent.Warning)
	case agent.Mains:
		head = append(head, both("On mains", "Na síti"))
		if troubled {
			head = append(head, capital(first))
		} else {
			head = append(head, n.batteries(e, p, units, well)...)
			head = append(head, n.cools(e))
		}
	}
	var lost, also []agent.Words
	var unseen []string
	for _, x := range issues {
		switch {
		case p.On == agent.Mains && troubled && x.text == first.text: // said already
		case x.blind:
			unseen = append(unseen, x.name)
		case x.missing:
			lost = append(lost, x.text)
		default:
			also = append(also, capital(x))
		}
	}
	switch {
	case p.On == agent.Dead || p.On == agent.Batteries:
		for _, x := range issues {
			if x.missing && !x.blind && !(slices.Contains(p.Sources, x.id) && strings.HasPrefix(x.text.EN, x.name)) {
				more = append(more, capital(x))
			}
		}
	case len(lost) > 0:
		more = append(more, both("Not redundant: "+join(lost, "; ").EN, "Bez redundance: "+join(lost, "; ").CS))
	case len(p.Missing) > 0 && !n.blind:
		more = append(more, both("Not redundant", "Bez redundance"))
	case len(p.Missing) > 0 && p.On != agent.NoData:
		more = append(more, both("Redundancy not known", "Redundance není známa"))
	}
	busy := false
	if p.On == agent.Mains || p.On == agent.Generator {
		var words []agent.Words
		words, busy = n.reserve(p, e)
		more = append(more, words...)
	}
	if p.On == agent.Generator {
		more = append(more, n.cools(e))
	}
	if len(also) > 0 {
		more = append(more, also...)
	}
	if len(unseen) > 0 {
		names := list(unseen)
		more = append(more, both("No data from "+names.EN, "Bez dat: "+names.CS))
	}
	if len(issues) == 0 && p.On == agent.Mains && !busy {
		more = append(more, quiet)
	}
	p.Headline, p.Detail = sentences(head), sentences(more)
}

// onBatteries says for how long batteries carry the load still, and what comes
// to help.
func (n *Network) onBatteries(p *agent.Path, e *evaluation, units []int, since agent.Words) []agent.Words {
	rest := agent.NoData // what the other units stand on
	var names []string
	for _, i := range units {
		if slices.Contains(p.Sources, n.nodes[i].id) {
			names = append(names, n.nodes[i].name)
		} else if e.on[i] == agent.Mains || e.on[i] == agent.Generator {
			rest = better(rest, e.on[i])
		}
	}
	w, help := both("ON BATTERIES", "NA BATERIÍCH"), n.help(e)
	if len(p.Sources) == 1 {
		w = both("ON BATTERY", "NA BATERII")
	}
	switch {
	case rest != agent.NoData:
		w, help = both(list(names).EN+" "+w.EN, list(names).CS+" "+w.CS), both("The rest on mains", "Ostatní na síti")
		if rest == agent.Generator {
			help = both("The rest on generator", "Ostatní na generátoru")
		}
	}
	w = both(w.EN+since.EN, w.CS+since.CS)
	if p.Runtime != nil {
		left := lasting(*p.Runtime)
		w = both(w.EN+", "+left.en+" left", w.CS+", "+left.remain()+" "+left.nominative())
	}
	return []agent.Words{w, help}
}

// cools says where the cold comes from.
func (n *Network) cools(e *evaluation) agent.Words {
	modes := map[string]bool{}
	for _, d := range n.cooling {
		if d.fresh(e.now) && (d.facts.status == "running" || d.facts.status == "") && d.facts.mode != "" {
			modes[d.facts.mode] = true
		}
	}
	switch {
	case modes["mechanical"]:
		return both("Cooling mechanical", "Chlazení strojní")
	case modes["mixed"]:
		return both("Cooling mixed", "Chlazení smíšené")
	case modes["free_cooling"]:
		return both("Cooling free", "Chladí se venkovním vzduchem")
	}
	return agent.Words{}
}

// waiting reports whether there is a device that has not been asked yet.
func (n *Network) waiting() bool {
	for _, d := range n.devices {
		if d.polled.IsZero() && d.failures < 2 {
			return true
		}
	}
	return false
}

// worst returns the issue to be said first: the worst of the reserve, or what
// is alarming besides.
func worst(issues []issue) (first issue, ok bool) {
	rank := func(x issue) int {
		r := 4 * int(x.severity)
		if x.missing {
			r += 2
		}
		if !x.blind {
			r++
		}
		return r
	}
	for _, x := range issues {
		if (x.missing || x.severity == agent.Alarm) && (!ok || rank(x) > rank(first)) {
			first, ok = x, true
		}
	}
	return first, ok
}

// units returns the UPS units of the building's load, and how many of them are
// well.
func (n *Network) units(e *evaluation) (units []int, well int) {
	for i := range n.nodes {
		if v := &n.nodes[i]; v.critical && holds(v.class) {
			units = append(units, i)
			if v.state == agent.Live {
				well++
			}
		}
	}
	return units, well
}

// batteries says how the UPS units are while they are not what carries.
func (n *Network) batteries(e *evaluation, p *agent.Path, units []int, well int) (said []agent.Words) {
	var on []string
	busy := false
	for _, i := range units {
		if e.on[i] == agent.Batteries {
			on = append(on, n.nodes[i].name)
		}
		busy = busy || e.facts(i).battery == "charging"
	}
	var left agent.Words
	if p.Runtime != nil {
		l := lasting(*p.Runtime)
		left = both(l.en+" of battery", "baterie na "+l.accusative())
	}
	switch {
	case len(on) > 0:
		said = append(said, both(list(on).EN+" still on battery", list(on).CS+" ještě na baterii"))
	case busy && p.On == agent.Generator:
		said = append(said, both("Batteries charging", "Baterie se dobíjejí"))
	case len(units) > 0 && well == len(units):
		w := both("UPS healthy", "UPS v pořádku")
		switch {
		case len(units) == 2:
			w = both("Both UPS healthy", "Obě UPS v pořádku")
		case len(units) > 2:
			w = both(fmt.Sprintf("All %d UPS healthy", len(units)), fmt.Sprintf("Všech %d UPS v pořádku", len(units)))
			if len(units) < 5 {
				w.CS = fmt.Sprintf("Všechny %d UPS v pořádku", len(units))
			}
		}
		if left.EN != "" {
			w = both(w.EN+", "+left.EN, w.CS+", "+left.CS)
		}
		said = append(said, w)
	case len(units) > 0 && left.EN != "":
		said = append(said, both(left.EN, "Baterie na "+strings.TrimPrefix(left.CS, "baterie na ")))
	}
	return said
}

// help says which generator is on its way while batteries carry the load.
func (n *Network) help(e *evaluation) agent.Words {
	known, any := 0, 0
	for i := range n.nodes {
		v := &n.nodes[i]
		if v.class != "generator" || !v.critical {
			continue
		}
		any++
		switch f := e.facts(i); {
		case f.status == "starting", f.status == "warming_up":
			return both(v.name+" starting", v.name+" startuje")
		case e.live[i] == yes:
			return both(v.name+" running, not on load yet", v.name+" běží, zátěž ještě nenese")
		case e.fresh[i]:
			known++
		}
	}
	switch {
	case any == 0 || known < any:
		return agent.Words{}
	case any == 1:
		return both("The generator does not run", "Generátor neběží")
	}
	return both("No generator runs", "Žádný generátor neběží")
}

// reserve says what stands by, and what is on its way there or back.
func (n *Network) reserve(p *agent.Path, e *evaluation) (said []agent.Words, busy bool) {
	var names []string
	all := 0
	for i := range n.nodes {
		v := &n.nodes[i]
		switch {
		case v.class == "utility" && p.On == agent.Generator && e.on[i] == agent.Mains:
			said = append(said, both("Mains available", "Síť je k dispozici"))
		case v.class != "generator":
			continue
		case slices.Contains(p.Sources, v.id):
			if fuel := v.fuel(e, i); fuel.EN != "" {
				said = append(said, fuel)
			}
		case v.state == agent.Abnormal:
			_, c := e.condition(i)
			said, busy = append(said, both(v.name+" "+c.word.EN, v.name+" "+c.word.CS)), true
		case v.state == agent.Ready:
			names = append(names, v.name)
		}
		if v.class == "generator" {
			all++
		}
	}
	switch {
	case len(names) == 0:
	case len(names) == 1:
		said = append(said, both(names[0]+" ready", names[0]+" připraven"))
	case len(names) == 2 && all == 2:
		said = append(said, both("Both generators ready", "Oba generátory připraveny"))
	case len(names) == all && all < 5:
		said = append(said, both(fmt.Sprintf("All %d generators ready", all), fmt.Sprintf("Všechny %d generátory připraveny", all)))
	case len(names) == all:
		said = append(said, both(fmt.Sprintf("All %d generators ready", all), fmt.Sprintf("Všech %d generátorů připraveno", all)))
	default:
		said = append(said, both(list(names).EN+" ready", list(names).CS+" připraveny"))
	}
	return said, busy
}

// fuel says how full the tank of a generator is.
func (v *node) fuel(e *evaluation, i int) agent.Words {
	if !e.fresh[i] || !v.device.figures.fuel.ok {
		return agent.Words{}
	}
	level := math.Floor(v.device.figures.fuel.v)
	return both(fmt.Sprintf("Fuel %.0f %%", level), fmt.Sprintf("Palivo %.0f %%", level))
}

var numbered = regexp.MustCompile(`(?i)^(?:generator|generátor|genset|gen)[ ._-]*([0-9]+|[a-z])?$`)

// generatorName says which generators carry, in capitals: GENERATOR 1, in
// Czech in the locative.
func (n *Network) generatorName(ids []string) agent.Words {
	var marks, names []string
	for _, id := range ids {
		for i := range n.nodes {
			if v := &n.nodes[i]; v.id == id {
				names = append(names, v.name)
				if m := numbered.FindStringSubmatch(v.name); m != nil {
					marks = append(marks, strings.ToUpper(m[1]))
				}
			}
		}
	}
	switch {
	case len(names) == 1 && len(marks) == 1:
		return both(strings.TrimSpace("GENERATOR "+marks[0]), strings.TrimSpace("GENERÁTORU "+marks[0]))
	case len(names) == 1:
		return both("GENERATOR "+names[0], "GENERÁTORU "+names[0])
	case len(names) > 1:
		if len(marks) == len(names) {
			names = marks
		}
		return both("GENERATORS "+strings.ToUpper(list(names).EN), "GENERÁTORECH "+strings.ToUpper(list(names).CS))
	}
	return both("GENERATOR", "GENERÁTORU")
}

// A span is a time in words.
type span struct {
	en         string
	n          int
	one, few   string // Czech: 1 minuta, 2 minuty
	many, acc1 string // 5 minut; accusative of one
}

// lasting returns seconds as whole minutes, or hours where they are many, and
// never more than there is.
func lasting(seconds float64) span {
	switch s := math.Max(0, seconds); {
	case s < 60:
		return span{fmt.Sprintf("%d s", int(s)), int(s), "sekunda", "sekundy", "sekund", "sekundu"}
	case s < 3*3600:
		return span{fmt.Sprintf("%d min", int(s/60)), int(s / 60), "minuta", "minuty", "minut", "minutu"}
	default:
		return span{fmt.Sprintf("%d h", int(s/3600)), int(s / 3600), "hodina", "hodiny", "hodin", "hodinu"}
	}
}

// nominative returns 1 minuta, 2 minuty, 5 minut.
func (s span) nominative() string { return fmt.Sprintf("%d %s", s.n, s.form(s.one)) }

// accusative returns 1 minutu, 2 minuty, 5 minut.
func (s span) accusative() string { return fmt.Sprintf("%d %s", s.n, s.form(s.acc1)) }

func (s span) form(one string) string {
	switch {
	case s.n == 1:
		return one
	case s.n >= 2 && s.n <= 4:
		return s.few
	}
	return s.many
}

// remain returns the Czech verb that goes with the number.
func (s span) remain() string {
	if s.n >= 2 && s.n <= 4 {
		return "zbývají"
	}
	return "zbývá"
}

// timeWords returns since when, by the box's clock; "" for unknown.
func timeWords(t, now time.Time) agent.Words {
	if t.IsZero() {
		return agent.Words{}
	}
	t, now = agent.Restated(t, now).Local(), now.Local()
	y, m, d := t.Date()
	if yn, mn, dn := now.Date(); y == yn && m == mn && d == dn {
		return both(" since "+t.Format("15:04"), " od "+t.Format("15:04"))
	}
	return both(" since "+t.Format("2 Jan 15:04"), fmt.Sprintf(" od %d. %d. %s", d, m, t.Format("15:04")))
}

// list returns names as a list: A, B and C.
func list(names []string) agent.Words {
	if len(names) < 2 {
		return both(strings.Join(names, ""), strings.Join(names, ""))
	}
	most, last := strings.Join(names[:len(names)-1], ", "), names[len(names)-1]
	return both(most+" and "+last, most+" a "+last)
}

func join(words []agent.Words, by string) agent.Words {
	var en, cs []string
	for _, w := range words {
		en, cs = append(en, w.EN), append(cs, w.CS)
	}
	return both(strings.Join(en, by), strings.Join(cs, by))
}

// capital says an issue at the beginning of a sentence; names stay as they are.
func capital(x issue) agent.Words {
	upper := func(s string) string {
		r, size := utf8.DecodeRuneInString(s)
		if x.name != "" && strings.HasPrefix(s, x.name) {
			return s
		}
		return string(unicode.ToUpper(r)) + s[size:]
	}
	return both(upper(x.text.EN), upper(x.text.CS))
}

// sentences ends each with a full stop and puts them together.
func sentences(all []agent.Words) (out agent.Words) {
	var en, cs []string
	for _, w := range all {
		if w.EN != "" {
			en, cs = append(en, w.EN+"."), append(cs, w.CS+".")
		}
	}
	return both(strings.Join(en, " "), strings.Join(cs, " "))
}

// redundancy returns the word for the site's metric, "" where it cannot be said.
func (n *Network) redundancy() string {
	switch {
	case n.path.Redundant:
		return "ok"
	case n.blind || n.path.On == agent.NoData:
		return ""
	}
	return "lost"
}

// quiet is what is said last where all is well.
var quiet = both("Nothing needs attention", "Nic nevyžaduje pozornost")

// Unless returns a path that does not say that nothing needs attention where
// so many alarms do: a device may report what is nothing to the power.
func Unless(alarms int, p agent.Path) agent.Path {
	said := sentences([]agent.Words{quiet})
	if alarms == 0 || !strings.HasSuffix(p.Detail.EN, said.EN) {
		return p
	}
	some := both(fmt.Sprintf("%d alarms need attention.", alarms), fmt.Sprintf("Pozornost vyžaduje %d alarmů.", alarms))
	switch {
	case alarms == 1:
		some = both("1 alarm needs attention.", "Pozornost vyžaduje 1 alarm.")
	case alarms < 5:
		some.CS = fmt.Sprintf("Pozornost vyžadují %d alarmy.", alarms)
	}
	p.Detail = both(strings.TrimSuffix(p.Detail.EN, said.EN)+some.EN, strings.TrimSuffix(p.Detail.CS, said.CS)+some.CS)
	return p
}
