package report

import (
	"slices"
	"strings"
	"time"

	"plantroom/agent"
	"plantroom/agent/events"
)

// A monthWriter makes the document of a month.
type monthWriter struct {
	author
	m *Month
}

func (m *Month) document(t tongue) *document {
	c := &monthWriter{author{t, &document{Lang: t.lang}}, m}
	year, month := m.From.Year(), m.From.Month()
	d := c.doc
	d.Title = c.say(agent.Words{EN: "Monthly report: %s", CS: "Měsíční zpráva: %s"}, t.month(year, month))
	d.Running = strings.TrimPrefix(m.Site+" · ", " · ") + t.month(year, month)
	c.fact(siteWord, m.Site)
	c.fact(agent.Words{EN: "From", CS: "Od"}, c.moment(m.From))
	c.fact(agent.Words{EN: "Until", CS: "Do"}, c.moment(m.To))
	c.fact(agent.Words{EN: "Watched", CS: "Sledováno"}, c.share(m.Observed, m.length()))
	c.fact(zoneWord, c.zones(m.From, m.To.Add(-time.Second)))
	c.fact(madeWord, c.moment(m.Made))
	c.section(agent.Words{EN: "The month in short", CS: "Stručně"}, block{Text: c.say(m.Summary)})
	c.power()
	c.ups()
	c.generators()
	c.cooling()
	c.incidents()
	c.tests()
	c.energy()
	c.rooms()
	c.failing()
	c.missing()
	c.section(agent.Words{EN: "Conclusions", CS: "Závěr"}, block{Blank: 5}).Whole = true
	return c.done()
}

// numbers returns columns of numbers behind a first one of names.
func (c *monthWriter) numbers(first agent.Words, rest ...agent.Words) []column {
	cols := []column{{Title: c.say(first), Wide: true}}
	for _, w := range rest {
		cols = append(cols, column{Title: c.say(w), Right: true})
	}
	return cols
}

func (c *monthWriter) small(w agent.Words) block { return block{Small: true, Text: c.say(w)} }

// unobserved returns the time of the month for which something is not known.
func (c *monthWriter) unobserved(known float64) string {
	if left := c.m.length() - known; left > 1 {
		return c.duration(left)
	}
	return "–"
}

// span returns a time, a dash for none.
func (c *monthWriter) span(seconds float64) string {
	if seconds <= 0 {
		return "–"
	}
	return c.duration(seconds)
}

var (
	availabilityWord = agent.Words{EN: "Availability", CS: "Dostupnost"}
	unobservedWord   = agent.Words{EN: "Not observed", CS: "Nesledováno"}
)

// power is what the load and the parts before it stood on.
func (c *monthWriter) power() {
	s := c.section(agent.Words{EN: "Power", CS: "Napájení"})
	onWords := []agent.Words{{EN: "On mains", CS: "Ze sítě"}, {EN: "On generators", CS: "Z generátorů"}, {EN: "On batteries", CS: "Z baterií"},
		{EN: "Without power", CS: "Bez napájení"}, unobservedWord, availabilityWord}
	tab := &table{Columns: c.numbers(agent.Words{EN: "Part of the power path", CS: "Část napájecí cesty"}, onWords...)}
	row := func(name string, on map[string]float64, strong bool) {
		known := on["mains"] + on["generator"] + on["batteries"] + on["dead"]
		cells := text(name, c.span(on["mains"]), c.span(on["generator"]), c.span(on["batteries"]), c.span(on["dead"]), c.unobserved(known),
			c.share(known-on["dead"], known))
		for i := range cells {
			cells[i].Strong = strong
		}
		tab.Rows = append(tab.Rows, cells)
	}
	if len(c.m.Supply) > 0 {
		row(c.say(agent.Words{EN: "The load", CS: "Zátěž"}), c.m.Supply, true)
	}
	for _, f := range c.m.Feeds {
		row(f.Name, f.On, false)
	}
	if len(tab.Rows) == 0 {
		s.Blocks = []block{{Text: c.say(agent.Words{EN: "Nothing is known of the power path.", CS: "O napájecí cestě nejsou údaje."})}}
		return
	}
	s.Blocks = []block{{Table: tab}, c.small(agent.Words{
		EN: "Availability is the time with power, by the time for which it is known whether there was. The load is what the UPS units feed.",
		CS: "Dostupnost je doba s napájením dělená dobou, pro kterou je známo, zda napájení bylo. Zátěž je to, co napájejí UPS."})}
}

// ups is how long the UPS units protected their load.
func (c *monthWriter) ups() {
	if len(c.m.UPS) == 0 {
		return
	}
	tab := &table{Columns: c.numbers(agent.Words{EN: "UPS", CS: "UPS"}, agent.Words{EN: "On battery", CS: "Na baterie"}, agent.Words{EN: "On bypass", CS: "V bypassu"},
		agent.Words{EN: "Off or fault", CS: "Vypnuto, porucha"}, unobservedWord, agent.Words{EN: "Energy given", CS: "Dodaná energie"}, availabilityWord)}
	for _, u := range c.m.UPS {
		known := u.known()
		bypass, off := u.in("bypass", "maintenance_bypass"), u.in("off", "fault")
		tab.Rows = append(tab.Rows, text(u.Name, c.span(u.in("on_battery")), c.span(bypass), c.span(off), c.unobserved(known), c.watthours(u.Energy),
			c.share(known-bypass-off, known)))
	}
	c.section(agent.Words{EN: "UPS units", CS: "Záložní zdroje UPS"}, block{Table: tab}, c.small(agent.Words{
		EN: "Availability is the time for which the unit protected its load, on mains or battery, by the time for which its state is known; on bypass it does not.",
		CS: "Dostupnost je doba, po kterou UPS chránila zátěž (ze sítě nebo z baterie), dělená dobou, pro kterou je znám její stav; v bypassu ji nechrání."}))
}

func (c *monthWriter) watthours(v *float64) string {
	if v == nil {
		return "–"
	}
	return c.quantity(*v, "Wh")
}

// generators is how long they ran.
func (c *monthWriter) generators() {
	if len(c.m.Generators) == 0 {
		return
	}
	tab := &table{Columns: c.numbers(agent.Words{EN: "Generator", CS: "Generátor"}, agent.Words{EN: "Starts", CS: "Starty"}, agent.Words{EN: "Ran", CS: "V chodu"},
		agent.Words{EN: "Under load", CS: "Pod zátěží"}, agent.Words{EN: "Fault", CS: "Porucha"}, unobservedWord, agent.Words{EN: "Energy given", CS: "Dodaná energie"},
		agent.Words{EN: "Ready or running", CS: "Připraven nebo v chodu"})}
	for _, u := range c.m.Generators {
		starts := "–"
		if u.Starts != nil {
			starts = c.number(*u.Starts, 0)
		}
		known := u.known()
		tab.Rows = append(tab.Rows, text(u.Name, starts, c.span(u.in("running", "on_load", "warming_up", "cooling_down")), c.span(u.Carried),
			c.span(u.in("fault")), c.unobserved(known), c.watthours(u.Energy), c.share(known-u.in("fault"), known)))
	}
	c.section(agent.Words{EN: "Generators", CS: "Generátory"}, block{Table: tab})
}

// cooling is how long the units cooled, and with what.
func (c *monthWriter) cooling() {
	if len(c.m.Cooling) == 0 {
		return
	}
	tab := &table{Columns: c.numbers(agent.Words{EN: "Cooling unit", CS: "Chladicí jednotka"}, agent.Words{EN: "Ran", CS: "V chodu"},
		agent.Words{EN: "Free cooling", CS: "Volné chlazení"}, agent.Words{EN: "Mixed", CS: "Smíšené"}, agent.Words{EN: "Mechanical", CS: "Strojní"},
		agent.Words{EN: "Off or fault", CS: "Vypnuto, porucha"}, unobservedWord, availabilityWord)}
	for _, u := range c.m.Cooling {
		known, off := u.known(), u.in("off", "fault")
		tab.Rows = append(tab.Rows, text(u.Name, c.hours(u.in("running")), c.hours(u.Modes["free_cooling"]), c.hours(u.Modes["mixed"]),
			c.hours(u.Modes["mechanical"]), c.span(off), c.unobserved(known), c.share(known-off, known)))
	}
	c.section(agent.Words{EN: "Cooling", CS: "Chlazení"}, block{Table: tab}, c.small(agent.Words{
		EN: "Availability is the time for which the unit ran or stood by, by the time for which its state is known.",
		CS: "Dostupnost je doba, po kterou jednotka běžela nebo byla v pohotovosti, dělená dobou, pro kterou je znám její stav."}))
}

// incidents lists them.
func (c *monthWriter) incidents() {
	title := agent.Words{EN: "Incidents", CS: "Mimořádné události"}
	if len(c.m.Incidents) == 0 {
		c.section(title, block{Text: c.say(agent.Words{EN: "There was none.", CS: "Žádné."})})
		return
	}
	tab := &table{Columns: []column{{Title: c.say(beganWord)}, {Title: c.say(durationWord), Right: true}, {Title: c.say(severityWord)},
		{Title: c.say(agent.Words{EN: "What", CS: "Co"}), Wide: true}, {Title: c.say(agent.Words{EN: "On battery", CS: "Na baterie"}), Right: true},
		{Title: c.say(numberWord)}}}
	for _, r := range c.m.Incidents {
		lasted, battery := c.say(agent.Words{EN: "lasts", CS: "trvá"}), "–"
		if !r.Ended.IsZero() {
			lasted = c.duration(r.Ended.Sub(r.Began).Seconds())
		}
		if f := worst(r, events.TimeOnBattery, false); f != nil {
			battery = c.span(f.Value)
		}
		row := text(c.moment(r.Began), lasted, c.say(severities[min(r.Severity, agent.Alarm)]),
			c.say(r.Title)+": "+strings.TrimSuffix(c.say(r.Cause), "."), battery, r.ID)
		row[2].Mark = severityMarks[min(r.Severity, agent.Alarm)]
		tab.Rows = append(tab.Rows, row)
	}
	c.section(title, block{Table: tab})
}

// tests lists those that were planned or made.
func (c *monthWriter) tests() {
	title := agent.Words{EN: "Tests", CS: "Zkoušky"}
	if len(c.m.Tests) == 0 {
		c.section(title, block{Text: c.say(agent.Words{EN: "None was planned or made.", CS: "Žádná nebyla plánována ani provedena."})})
		return
	}
	planned, n := 0, c.m.verdicts()
	tab := &table{Columns: []column{{Title: c.say(agent.Words{EN: "Planned for", CS: "Plánováno na"})}, {Title: c.say(beganWord)},
		{Title: c.say(durationWord), Right: true}, {Title: c.say(agent.Words{EN: "Test", CS: "Zkouška"}), Wide: true},
		{Title: c.say(resultWord)}, {Title: c.say(numberWord)}}}
	for _, r := range c.m.Tests {
		due, began, lasted := "–", "–", "–"
		if !r.Due.IsZero() {
			if r.Verdict != events.Cancelled {
				planned++
			}
			due = c.moment(r.Due)
		}
		if r.Verdict != events.Missed {
			began = c.moment(r.Began)
			if d := r.Ended.Sub(r.Began).Seconds(); !r.Ended.IsZero() && d > 0 {
				lasted = c.duration(d)
			}
		}
		tab.Rows = append(tab.Rows, append(text(due, began, lasted, c.say(r.Title)), c.outcome(r), cell{Text: r.ID}))
	}
	count := c.say(agent.Words{EN: "Planned: %s. Done: %s, of which passed: %s. Planned and not done: %s.",
		CS: "Plánováno: %s. Provedeno: %s, z toho vyhovělo: %s. Plánováno a neprovedeno: %s."},
		c.number(float64(planned), 0), c.number(float64(len(c.m.Tests)-n[events.Missed]-n[events.Cancelled]), 0), c.number(float64(n[events.Passed]), 0),
		c.number(float64(n[events.Missed]), 0))
	if off := n[events.Cancelled]; off > 0 {
		count += " " + c.say(agent.Words{EN: "Cancelled: %s.", CS: "Zrušeno: %s."}, c.number(float64(off), 0))
	}
	c.section(title, block{Text: count}, block{Table: tab})
}

// energy is what was taken, and where it went.
func (c *monthWriter) energy() {
	e := c.m.Energy
	s := c.section(agent.Words{EN: "Energy", CS: "Energie"})
	tab := &table{Columns: c.numbers(agent.Words{EN: "Power of the site, added up", CS: "Výkon lokality sečtený v čase"}, agent.Words{EN: "Energy", CS: "Energie"},
		agent.Words{EN: "Mean", CS: "Průměr"}, highestWord, agent.Words{EN: "Known for", CS: "Známo po dobu"})}
	for _, one := range []struct {
		name agent.Words
		sum  Sum
	}{
		{agent.Words{EN: "Taken from the mains", CS: "Odebráno ze sítě"}, e.Mains}, {agent.Words{EN: "Given by generators", CS: "Dodáno generátory"}, e.Generators},
		{agent.Words{EN: "To the IT load", CS: "Do IT zátěže"}, e.IT}, {agent.Words{EN: "To cooling", CS: "Do chlazení"}, e.Cooling},
	} {
		if one.sum.Seconds == 0 {
			continue
		}
		row := text(c.say(one.name), c.quantity(one.sum.Wh, "Wh"), c.quantity(one.sum.Wh/one.sum.Seconds*3600, "W"), c.quantity(one.sum.Max, "W"),
			c.duration(one.sum.Seconds))
		if one.sum.MaxAt != nil && one.sum.Max > 0 {
			row[3].Aside = c.moment(*one.sum.MaxAt)
		}
		tab.Rows = append(tab.Rows, row)
	}
	if len(tab.Rows) > 0 {
		s.Blocks = append(s.Blocks, block{Table: tab})
	}
	if e.PUE > 0 {
		s.Blocks = append(s.Blocks, block{Text: c.say(agent.Words{
			EN: "PUE: %s (what the site took by what the IT load took, over the %s for which both are known; not while a UPS was on battery).",
			CS: "PUE: %s (spotřeba lokality dělená spotřebou IT zátěže, za %s, po které jsou obě známy; ne po dobu provozu UPS na baterie)."},
			c.number(e.PUE, 2), c.duration(e.PUESeconds))})
	}
	if e.FreeCooling != nil {
		s.Blocks = append(s.Blocks, block{Text: c.say(agent.Words{
			EN: "Free cooling: %s (with outdoor air alone; while only some of the running units do, their share of the time).",
			CS: "Volné chlazení: %s (pouze venkovním vzduchem; běží-li tak jen některé jednotky, jejich podíl na čase)."}, c.hours(*e.FreeCooling))})
	}
	if charts := c.daily(); len(charts) > 0 {
		s.Blocks = append(s.Blocks, block{Charts: charts})
	}
	meters := &table{Columns: c.numbers(agent.Words{EN: "Meter", CS: "Elektroměr"}, agent.Words{EN: "Counted", CS: "Naměřeno"},
		agent.Words{EN: "At the beginning", CS: "Na začátku"}, agent.Words{EN: "At the end", CS: "Na konci"})}
	for _, one := range c.m.Meters {
		if one.Used == 0 && one.Metric == "energy_export" {
			continue
		}
		row := text(one.Name+", "+c.metric("", one.Metric), c.counted(one.Used), c.counted(one.First), c.counted(one.Last))
		if one.Resets > 0 {
			row[1].Aside = c.say(agent.Words{EN: "reset or replaced: %s", CS: "nulován nebo vyměněn: %s"}, c.number(float64(one.Resets), 0))
		}
		meters.Rows = append(meters.Rows, row)
	}
	if len(meters.Rows) > 0 {
		s.Blocks = append(s.Blocks, block{Table: meters})
	}
	if len(s.Blocks) == 0 {
		s.Blocks = []block{{Text: c.say(agent.Words{EN: "Nothing was measured.", CS: "Nic nebylo změřeno."})}}
	}
}

// counted returns what a meter counted as its display has it.
func (c *monthWriter) counted(wh float64) string { return c.number(wh/1000, 0) + nbsp + "kWh" }

// daily draws what each day took, and its PUE.
func (c *monthWriter) daily() []*chart {
	taken, it, pue := line{name: c.say(agent.Words{EN: "site", CS: "lokalita"}), gap: 1}, line{name: "IT", gap: 1}, line{gap: 1}
	var ticks []moment
	last := 0
	for _, d := range c.m.Days {
		day := int64(d.Date.In(c.zone).Day())
		last = int(day)
		if d.Site > 0 {
			taken.times, taken.values = append(taken.times, day), append(taken.values, d.Site)
		}
		if d.IT > 0 {
			it.times, it.values = append(it.times, day), append(it.values, d.IT)
		}
		if d.PUE > 0 {
			pue.times, pue.values = append(pue.times, day), append(pue.values, d.PUE)
		}
	}
	if last < 2 {
		return nil
	}
	for day := 1; day <= last; day++ {
		ticks = append(ticks, moment{time.UnixMilli(int64(day)), c.number(float64(day), 0)})
	}
	made := func(title agent.Words, unit string, zero bool, lines ...line) *chart {
		lines = slices.DeleteFunc(lines, func(l line) bool { return len(l.times) == 0 })
		if len(lines) == 0 {
			return nil
		}
		return &chart{t: c.tongue, Title: c.say(title), Half: true, unit: unit, zero: zero, lines: lines, ticks: ticks,
			from: time.UnixMilli(0), to: time.UnixMilli(int64(last) + 1)}
	}
	charts := []*chart{
		made(agent.Words{EN: "Energy a day: site (solid), IT (dashed)", CS: "Energie za den: lokalita (plně), IT (čárkovaně)"}, "Wh", true, taken, it),
		made(agent.Words{EN: "PUE a day", CS: "PUE za den"}, "", false, pue),
	}
	return slices.DeleteFunc(charts, func(c *chart) bool { return c == nil })
}

// rooms is how warm it was.
func (c *monthWriter) rooms() {
	tab := &table{Columns: c.numbers(agent.Words{EN: "Sensor", CS: "Čidlo"}, lowestWord, agent.Words{EN: "Mean", CS: "Průměr"}, highestWord)}
	for _, r := range c.m.Rooms {
		name := r.Name
		if r.Channel != "" {
			name += " " + r.Channel
		}
		row := text(name+", "+c.metric("climate", r.Metric), c.quantity(r.Min, r.Unit), c.quantity(r.Mean, r.Unit), c.quantity(r.Max, r.Unit))
		row[3].Aside = c.moment(r.MaxAt)
		tab.Rows = append(tab.Rows, row)
	}
	if len(tab.Rows) > 0 {
		c.section(agent.Words{EN: "Rooms", CS: "Místnosti"}, block{Table: tab})
	}
}

// failing lists the devices that answered least.
func (c *monthWriter) failing() {
	title := agent.Words{EN: "Devices with the most failures", CS: "Zařízení s nejvíce výpadky komunikace"}
	if c.m.Polls == 0 {
		return
	}
	if len(c.m.Failing) == 0 {
		c.section(title, block{Text: c.say(agent.Words{EN: "Every poll was answered.", CS: "Na všechny dotazy přišla odpověď."})})
		return
	}
	tab := &table{Columns: c.numbers(deviceWord, agent.Words{EN: "Silent", CS: "Neodpovídalo"}, agent.Words{EN: "Times", CS: "Kolikrát"},
		agent.Words{EN: "Polls that failed", CS: "Neúspěšné dotazy"}, agent.Words{EN: "Of all", CS: "Ze všech"}, agent.Words{EN: "Answered", CS: "Odpovídalo"})}
	for _, f := range c.m.Failing {
		tab.Rows = append(tab.Rows, text(f.Name, c.span(f.Down), c.number(float64(f.Outages), 0), c.number(float64(f.Failures), 0),
			c.number(float64(f.Polls), 0), c.share(f.Up, f.Up+f.Down)))
	}
	c.section(title, block{Table: tab}, c.small(agent.Words{
		EN: "A device is silent from the first poll that fails to the next that is answered; two in a row are counted as one time.",
		CS: "Zařízení neodpovídá od prvního neúspěšného dotazu do příští odpovědi; jako výpadek se počítají dva neúspěšné dotazy po sobě."}))
}

// mostMissing is how many gaps a report lists.
const mostMissing = 15

var furtherWord = agent.Words{EN: "Further such times: %s.", CS: "Další takové úseky: %s."}

// missing says when nobody watched.
func (c *monthWriter) missing() {
	var list []string
	for _, r := range c.m.Missing[:min(len(c.m.Missing), mostMissing)] {
		list = append(list, c.say(agent.Words{EN: "The agent did not run, or nothing is kept of it, from %s to %s (%s).",
			CS: "Agent neběžel nebo z něj není záznam od %s do %s (%s)."}, c.moment(r.From), c.moment(r.To), c.duration(r.To.Sub(r.From).Seconds())))
	}
	if n := len(c.m.Missing) - mostMissing; n > 0 {
		list = append(list, c.say(furtherWord, c.number(float64(n), 0)))
	}
	if c.m.Restarts > 0 {
		list = append(list, c.say(agent.Words{EN: "Restarts of the agent: %s.", CS: "Restarty agenta: %s."}, c.number(float64(c.m.Restarts), 0)))
	}
	if end := c.m.From.AddDate(0, 1, 0); c.m.To.Before(end) {
		list = append(list, c.say(agent.Words{EN: "The month was not over when this report was made.", CS: "Měsíc při sestavení zprávy ještě neskončil."}))
	}
	if len(list) == 0 {
		c.section(notObservedWord, block{Text: c.say(agent.Words{EN: "The agent watched all the time.", CS: "Agent sledoval po celou dobu."})})
		return
	}
	c.section(notObservedWord, block{List: list})
}
