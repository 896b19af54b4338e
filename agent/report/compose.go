package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"plantroom/agent"
	"plantroom/agent/events"
)

// An author writes a document.
type author struct {
	tongue
	doc *document
}

func (a *author) section(title agent.Words, blocks ...block) *section {
	a.doc.Sections = append(a.doc.Sections, section{Title: a.say(title), Blocks: blocks})
	return &a.doc.Sections[len(a.doc.Sections)-1]
}

// fact puts a line at the head; one without a value is left out.
func (a *author) fact(name agent.Words, value string) {
	if value != "" {
		a.doc.Facts = append(a.doc.Facts, fact{a.say(name), value})
	}
}

// done returns the document, its charts numbered.
func (a *author) done() *document {
	a.doc.Page, a.doc.Of = a.say(pageWord), a.say(ofWord)
	id := 0
	for _, s := range a.doc.Sections {
		for _, b := range s.Blocks {
			for _, chart := range b.Charts {
				id++
				chart.id = id
			}
		}
	}
	return a.doc
}

// A composer makes the document of a story.
type composer struct {
	author
	s   *Story
	r   *events.Record
	end time.Time // of the record; where it still lasts, of what was read

	rows  []happening // those of the table of what happened
	marks []moment    // those of them that every chart marks
}

// A happening is a row of the table of what happened.
type happening struct {
	at      time.Time
	devices []string // "" is the building
}

func (s *Story) document(t tongue) *document {
	c := &composer{author: author{t, &document{Lang: t.lang}}, s: s, r: s.Record, end: s.Record.Ended}
	if c.end.IsZero() {
		c.end = c.r.Began
		for _, one := range c.s.series {
			if n := len(one.Times); n > 0 && one.Time(n-1).After(c.end) {
				c.end = one.Time(n - 1)
			}
		}
	}
	c.head()
	c.section(agent.Words{EN: "What happened", CS: "Co se stalo"}, block{Text: t.say(s.Summary)})
	switch c.r.Verdict {
	case events.Missed:
		c.earlier()
		c.conclusions()
		return c.done()
	case events.Cancelled: // there is nothing to be judged
		c.notes()
		return c.done()
	}
	timeline := c.timeline() // before the charts, which mark its rows
	if c.r.Kind == "test" {
		c.criteria()
	} else {
		c.impact()
		c.detection()
	}
	c.path(timeline)
	c.figures()
	c.charts()
	c.earlier()
	c.parts()
	c.notObserved()
	c.conclusions()
	return c.done()
}

func (c *composer) name(id string) string {
	if ofBuilding(id) {
		return c.say(agent.Words{EN: "the building", CS: "budova"})
	}
	return device(c.r, id).Name
}

// head makes the title and the facts below it.
func (c *composer) head() {
	r, d := c.r, c.doc
	kind := agent.Words{EN: "Incident report", CS: "Zpráva o mimořádné události"}
	if r.Kind == "test" {
		kind = agent.Words{EN: "Test report", CS: "Protokol o zkoušce"}
	}
	d.Title = c.say(kind) + ": " + c.say(r.Title)
	d.Running = strings.TrimPrefix(r.Site+" · ", " · ") + r.ID
	c.fact(siteWord, r.Site)
	c.fact(numberWord, r.ID)
	if r.Verdict != events.Missed {
		c.fact(beganWord, c.moment(r.Began))
		if r.Ended.IsZero() {
			c.fact(agent.Words{EN: "Ended", CS: "Konec"}, c.say(agent.Words{EN: "not yet", CS: "dosud trvá"}))
		} else {
			c.fact(agent.Words{EN: "Ended", CS: "Konec"}, c.moment(r.Ended))
			c.fact(durationWord, c.duration(r.Ended.Sub(r.Began).Seconds()))
		}
	}
	if !r.Due.IsZero() {
		c.fact(agent.Words{EN: "Planned for", CS: "Plánováno na"}, c.moment(r.Due))
	}
	if r.Kind == "test" {
		c.fact(agent.Words{EN: "Known by", CS: "Zkouška určena"}, c.declared())
		v := c.outcome(r)
		d.Verdict = &v
	} else {
		c.fact(severityWord, c.say(severities[min(r.Severity, agent.Alarm)]))
	}
	if !r.Watched.IsZero() {
		c.fact(agent.Words{EN: "Recorded until", CS: "Zaznamenáno do"}, c.moment(r.Watched))
	}
	c.fact(zoneWord, c.zones(r.Began, c.end))
	c.fact(madeWord, c.moment(c.s.Made))
}

// Words that several reports have.
var (
	siteWord     = agent.Words{EN: "Site", CS: "Lokalita"}
	zoneWord     = agent.Words{EN: "Time zone", CS: "Časové pásmo"}
	madeWord     = agent.Words{EN: "Report made", CS: "Zpráva sestavena"}
	numberWord   = agent.Words{EN: "Number", CS: "Číslo"}
	beganWord    = agent.Words{EN: "Began", CS: "Začátek"}
	durationWord = agent.Words{EN: "Duration", CS: "Trvání"}
	severityWord = agent.Words{EN: "Severity", CS: "Závažnost"}
	resultWord   = agent.Words{EN: "Result", CS: "Výsledek"}
	pageWord     = agent.Words{EN: "page", CS: "strana"}
	ofWord       = agent.Words{EN: "of", CS: "z"}
)

// declared says how a test was known to be one.
func (c *composer) declared() string {
	switch c.r.Declared {
	case "":
		return ""
	case "schedule":
		return c.say(agent.Words{EN: "by the schedule", CS: "podle plánu"})
	case "controller":
		return c.say(agent.Words{EN: "by the controller's mode", CS: "podle režimu řídicí jednotky"})
	}
	return c.say(agent.Words{EN: "declared by %s", CS: "ohlásil(a) %s"}, c.r.Declared)
}

// outcome is the verdict on a test; one that nobody watched for is none.
func (a *author) outcome(r *events.Record) cell {
	if r.Verdict == events.Missed && len(r.NotObserved) > 0 {
		return cell{Text: a.say(agent.Words{EN: "not seen", CS: "nezaznamenána"}), Mark: nothing, Strong: true}
	}
	return a.verdict(r.Verdict)
}

func (a *author) verdict(v events.Verdict) cell {
	out := cell{Text: a.say(verdicts[v]), Strong: v != events.Passed}
	switch v {
	case events.Passed:
		out.Mark = good
	case events.Failed, events.Missed:
		out.Mark = bad
	default:
		out.Mark = nothing
	}
	return out
}

// failed says of a note that with it somebody said that the test was not passed.
func (c *composer) failed(n agent.Note) string {
	if !n.Failed {
		return ""
	}
	return " (" + c.say(agent.Words{EN: "not passed", CS: "nevyhověla"}) + ")"
}

// notes lists what people said.
func (c *composer) notes() {
	var list []string
	for _, n := range c.r.Notes {
		list = append(list, c.clockOf(n.Time)+" "+strings.TrimPrefix(n.By+": ", ": ")+n.Text+c.failed(n))
	}
	if len(list) > 0 {
		c.section(agent.Words{EN: "Notes", CS: "Poznámky"}, block{List: list})
	}
}

// criteria holds what the test showed against what it had to show.
func (c *composer) criteria() {
	if len(c.r.Criteria) == 0 {
		text := agent.Words{EN: "No criteria were set for this test.", CS: "Pro tuto zkoušku nebyla stanovena žádná kritéria."}
		if c.r.Verdict == events.NoVerdict {
			text = agent.Words{EN: "What was set for this test is judged when it has ended.", CS: "Stanovená kritéria se vyhodnotí po skončení zkoušky."}
		}
		c.section(agent.Words{EN: "Criteria", CS: "Kritéria"}, block{Text: c.say(text)})
		return
	}
	tab := &table{Columns: []column{
		{Title: c.say(agent.Words{EN: "Criterion", CS: "Kritérium"}), Wide: true},
		{Title: c.say(deviceWord)},
		{Title: c.say(agent.Words{EN: "Required", CS: "Požadováno"}), Right: true},
		{Title: c.say(agent.Words{EN: "Measured", CS: "Naměřeno"}), Right: true},
		{Title: c.say(resultWord)},
	}}
	for _, k := range c.r.Criteria {
		sign := "≤" + nbsp
		if k.AtLeast {
			sign = "≥" + nbsp
		}
		row := text(c.figure(k.Name), c.ofDevice(k.Device), sign+c.quantity(k.Limit, k.Unit), "", "")
		switch {
		case k.Measured == nil && c.why(k) != "":
			row[3].Text = "–"
			row[4] = cell{Text: c.say(notMetWord), Mark: bad, Strong: true, Aside: c.why(k)}
		case k.Measured == nil:
			row[3].Text = "–"
			row[4] = cell{Text: c.say(agent.Words{EN: "not observed", CS: "nepozorováno"}), Mark: nothing, Strong: true}
		case k.Met:
			row[3].Text = c.quantity(*k.Measured, k.Unit)
			row[4] = cell{Text: c.say(agent.Words{EN: "met", CS: "splněno"}), Mark: good}
		default:
			row[3].Text = c.quantity(*k.Measured, k.Unit)
			row[4] = cell{Text: c.say(notMetWord), Mark: bad, Strong: true}
		}
		tab.Rows = append(tab.Rows, row)
	}
	c.section(agent.Words{EN: "Criteria", CS: "Kritéria"}, block{Table: tab})
}

var notMetWord = agent.Words{EN: "not met", CS: "nesplněno"}

// why says why there is no figure for a criterion, where that is known: for
// want of a reason of its own, what else was not seen of the device.
func (c *composer) why(k events.Criterion) (why string) {
	for _, n := range c.r.NotObserved {
		if n.Device != k.Device {
			continue
		}
		why = strings.TrimSuffix(c.say(n.Why), ".")
		if n.Name == k.Name {
			break
		}
	}
	return why
}

var deviceWord = agent.Words{EN: "Device", CS: "Zařízení"}

// ofDevice names a device in a table; the building is a dash.
func (c *composer) ofDevice(id string) string {
	if ofBuilding(id) {
		return "–"
	}
	return c.name(id)
}

// impact says what the incident did to what the building is for.
func (c *composer) impact() {
	tab := &table{Columns: []column{
		{Title: c.say(agent.Words{EN: "Impact", CS: "Dopad"}), Wide: true}, {Title: c.say(deviceWord)},
		{Title: c.say(agent.Words{EN: "Measured", CS: "Naměřeno"}), Right: true},
	}}
	for _, name := range []string{events.TimeLost, events.TimeDead, events.TimeOnBattery, events.TimeUncooled, events.CoolingOff, events.TemperatureRise} {
		for _, f := range named(c.r, name) {
			row := text(c.figure(name), c.ofDevice(f.Device), c.quantity(f.Value, f.Unit))
			switch {
			case name == events.TimeLost && f.Value > 0:
				row[0].Mark, row[0].Strong = bad, true
			case name == events.TimeLost:
				row[0].Mark = good
			}
			tab.Rows = append(tab.Rows, row)
		}
	}
	if len(named(c.r, events.TimeLost)) == 0 && len(named(c.r, events.TimeOnBattery)) > 0 {
		row := text(c.figure(events.TimeLost), "–", c.say(agent.Words{EN: "none seen", CS: "nezjištěna"}))
		row[0].Mark = good
		tab.Rows = append([][]cell{row}, tab.Rows...)
	}
	s := c.section(agent.Words{EN: "Impact", CS: "Dopad"})
	if len(tab.Rows) > 0 {
		s.Blocks = append(s.Blocks, block{Table: tab})
	}
	s.Blocks = append(s.Blocks, block{Small: true, Text: c.say(agent.Words{
		EN: "Services and customers affected (to be filled in):", CS: "Dotčené služby a zákazníci (doplňte):"})}, block{Blank: 2})
}

// detection says when it was seen, and when somebody looked.
func (c *composer) detection() {
	tab := &table{Columns: []column{{Title: c.say(agent.Words{EN: "Step", CS: "Krok"}), Wide: true},
		{Title: c.say(timeWord)}, {Title: c.say(afterWord), Right: true}}}
	step := func(what string, at time.Time) {
		tab.Rows = append(tab.Rows, text(what, c.clockOf(at), c.after(at)))
	}
	step(c.say(agent.Words{EN: "First reading that showed it", CS: "První údaj, který událost ukázal"}), c.r.Began)
	var first time.Time
	acked := false
	for _, e := range c.r.Events {
		told := e.Began
		if !e.Told.IsZero() {
			told = e.Told
		}
		if e.Severity == agent.Alarm && e.Kind != "incident" && (first.IsZero() || told.Before(first)) {
			first = told
		}
	}
	if !first.IsZero() {
		step(c.say(agent.Words{EN: "First alarm", CS: "První alarm"}), first)
	}
	for _, e := range c.r.Events {
		if !e.Acked.IsZero() {
			acked = true
			who := cmp.Or(e.AckedBy, "–")
			step(c.say(agent.Words{EN: "Acknowledged by %s: %s", CS: "Převzal(a) %s: %s"}, who, strings.TrimSuffix(c.say(e.Text), ".")), e.Acked)
		}
	}
	if !acked {
		tab.Rows = append(tab.Rows, text(c.say(agent.Words{EN: "Acknowledged", CS: "Převzetí"}),
			c.say(agent.Words{EN: "by nobody", CS: "nikým"}), ""))
	}
	if c.r.Ended.IsZero() {
		tab.Rows = append(tab.Rows, text(c.say(overWord), c.say(agent.Words{EN: "not yet", CS: "dosud trvá"}), ""))
	} else {
		step(c.say(overWord), c.r.Ended)
	}
	c.section(agent.Words{EN: "Detection and response", CS: "Zjištění a reakce"}, block{Table: tab})
}

var (
	overWord  = agent.Words{EN: "Normal again", CS: "Návrat do normálu"}
	timeWord  = agent.Words{EN: "Time", CS: "Čas"}
	afterWord = agent.Words{EN: "Elapsed", CS: "Uplynulo"}
	valueWord = agent.Words{EN: "Value", CS: "Hodnota"}
)

// clockOf returns a time, with its day where that is not the record's.
func (c *composer) clockOf(at time.Time) string {
	if c.date(at) != c.date(c.r.Began) {
		return c.moment(at)
	}
	return c.clock(at)
}

// after returns the time since the record began.
func (c *composer) after(at time.Time) string {
	d := c.duration(at.Sub(c.r.Began).Seconds())
	if strings.HasPrefix(d, minus) {
		return d
	}
	return "+" + d
}

// timeline is every transition and note, numbered.
func (c *composer) timeline() *table {
	type entry struct {
		happening
		row  []cell
		mark bool
	}
	var all []entry
	var row []int // of each transition
	for i, tr := range c.r.Transitions {
		row = append(row, -1)
		if c.repeats(tr) {
			continue
		}
		d := device(c.r, tr.Device)
		// What several devices show at once is one row.
		if same := slices.IndexFunc(c.r.Transitions[:i], func(o events.Transition) bool {
			return o.Time.Equal(tr.Time) && o.Metric == tr.Metric && o.Channel == tr.Channel && o.From == tr.From && o.To == tr.To &&
				device(c.r, o.Device).Class == d.Class
		}); same >= 0 {
			row[i] = row[same]
			all[row[i]].devices = append(all[row[i]].devices, tr.Device)
			continue
		}
		what := c.metric(d.Class, tr.Metric)
		if tr.Channel != "" {
			what += " " + tr.Channel
		}
		row[i] = len(all)
		all = append(all, entry{happening{tr.Time, []string{tr.Device}}, text("", c.clockOf(tr.Time), c.after(tr.Time), "", what,
			c.state(tr.Metric, tr.From)+" → "+c.state(tr.Metric, tr.To)), c.matters(tr, d.Class)})
	}
	for i := range all {
		names := make([]string, len(all[i].devices))
		slices.SortFunc(all[i].devices, func(a, b string) int { return cmp.Compare(c.order(a), c.order(b)) })
		for j, id := range all[i].devices {
			names[j] = c.name(id)
		}
		all[i].row[3].Text = strings.Join(names, ", ")
	}
	for _, n := range c.r.Notes {
		all = append(all, entry{happening{n.Time, nil}, text("", c.clockOf(n.Time), c.after(n.Time), n.By, c.say(agent.Words{EN: "note", CS: "poznámka"}), n.Text+c.failed(n)), false})
	}
	// What is seen at one moment is told from the sources to the loads.
	first := func(e entry) int {
		if len(e.devices) == 0 {
			return len(c.r.Devices)
		}
		return c.order(slices.MinFunc(e.devices, func(a, b string) int { return cmp.Compare(c.order(a), c.order(b)) }))
	}
	slices.SortStableFunc(all, func(a, b entry) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(first(a), first(b))) })
	tab := &table{Columns: []column{{Title: "#", Right: true}, {Title: c.say(timeWord)}, {Title: c.say(afterWord), Right: true},
		{Title: c.say(deviceWord)}, {Title: c.say(agent.Words{EN: "What", CS: "Co"})},
		{Title: c.say(agent.Words{EN: "Change", CS: "Změna"}), Wide: true}}}
	for i, e := range all {
		c.rows = append(c.rows, e.happening)
		e.row[0].Text = c.rowNumber(i)
		if e.mark {
			c.marks = append(c.marks, moment{e.at, c.rowNumber(i)})
			for j := range e.row {
				e.row[j].Strong = true
			}
		}
		tab.Rows = append(tab.Rows, e.row)
	}
	return tab
}

// order is where a device stands among the record's.
func (c *composer) order(id string) int {
	return slices.IndexFunc(c.r.Devices, func(d events.Device) bool { return d.ID == id })
}

// sourceMetrics are those that say which source a transfer switch is on, the
// most telling first.
var sourceMetrics = []string{"selected_source", "position", "transfer"}

// repeats reports whether a transition says what another one of the device
// says of the same moment.
func (c *composer) repeats(tr events.Transition) bool {
	rank := slices.Index(sourceMetrics, tr.Metric)
	return rank > 0 && slices.ContainsFunc(c.r.Transitions, func(o events.Transition) bool {
		r := slices.Index(sourceMetrics, o.Metric)
		return r >= 0 && r < rank && o.Device == tr.Device && o.Time.Equal(tr.Time)
	})
}

// matters reports whether charts mark a transition: the building stands on
// something else, a board or a generator has come or gone, or cooling has.
func (c *composer) matters(tr events.Transition, class string) bool {
	switch tr.Metric {
	case "power_path", "supply", "carries":
		return true
	case "status":
		return class == "cooling" && (tr.To == "off" || tr.To == "fault" || tr.From == "off" || tr.From == "fault")
	}
	return false
}

// rowNumber returns what a row of the table of what happened is called.
func (c *composer) rowNumber(row int) string { return strconv.Itoa(row + 1) }

// path draws the states of the power path over the table of what happened.
func (c *composer) path(timeline *table) {
	s := c.section(agent.Words{EN: "Timeline", CS: "Průběh"})
	if rows := c.strips(); len(rows) > 0 {
		s.Blocks = append(s.Blocks, block{Charts: []*chart{{t: c.tongue, from: c.before(), to: c.past(), rows: rows, marks: c.marks,
			Title: c.say(agent.Words{EN: "States", CS: "Stavy"})}}})
		if near := c.near(); near.Before(c.past()) && c.busy(near) {
			s.Blocks = append(s.Blocks, block{Charts: []*chart{{t: c.tongue, from: c.r.Began.Add(-5 * time.Second), to: near, rows: rows, marks: c.marks,
				Title: c.say(agent.Words{EN: "States, the beginning", CS: "Stavy na začátku"})}}})
		}
	}
	if len(timeline.Rows) == 0 {
		s.Blocks = append(s.Blocks, block{Text: c.say(agent.Words{EN: "No change of a state was seen.", CS: "Nebyla zaznamenána žádná změna stavu."})})
		return
	}
	s.Blocks = append(s.Blocks, block{Small: true, Text: c.say(agent.Words{
		EN: "Times are those of the polls that saw the change: each is right to within one interval between polls. The rows in bold are marked in the charts by their number.",
		CS: "Časy jsou časy dotazů, při nichž byla změna zjištěna: každý je přesný na jeden interval dotazování. Tučné řádky jsou v grafech vyznačeny svým číslem."})},
		block{Table: timeline})
}

// before and past are the bounds of charts of the whole: a little more than
// the record, as far as there are readings.
func (c *composer) before() time.Time { return c.r.Began.Add(-c.margin()) }
func (c *composer) past() time.Time   { return c.end.Add(c.margin()) }

func (c *composer) margin() time.Duration {
	return min(max(c.end.Sub(c.r.Began)/20, 5*time.Second), 5*time.Minute)
}

// near is the end of the beginning, which is drawn once more: until the
// generators carry, where the whole is so long that this would be a few px.
func (c *composer) near() time.Time {
	near := c.r.Began.Add(55 * time.Second)
	for _, f := range named(c.r, events.TimeToLoad) {
		if at := c.r.Began.Add(time.Duration(f.Value*float64(time.Second)) + 25*time.Second); at.After(near) {
			near = at
		}
	}
	if c.end.Sub(c.r.Began) < 3*near.Sub(c.r.Began) {
		return c.past()
	}
	return near
}

// busy reports whether enough happens up to a time to be drawn by itself.
func (c *composer) busy(until time.Time) bool {
	moments := map[time.Time]bool{}
	for _, tr := range c.r.Transitions {
		if !tr.Time.After(until) {
			moments[tr.Time] = true
		}
	}
	return len(moments) > 2
}

// stripMetrics are the states that are drawn, where they changed: of a device
// the first of them only.
var stripMetrics = []string{"power_path", "supply", "selected_source", "transfer", "position", "status", "battery_status"}

func (c *composer) strips() []strip {
	order := []string{"", siteID}
	for _, d := range c.r.Devices {
		order = append(order, d.ID)
	}
	for _, tr := range c.r.Transitions {
		if !slices.Contains(order, tr.Device) {
			order = append(order, tr.Device)
		}
	}
	var rows []strip
	for _, id := range order {
		for _, m := range stripMetrics {
			if s, ok := c.strip(id, m); ok {
				rows = append(rows, s)
				break
			}
		}
	}
	return rows
}

// strip returns how a state went, and whether it changed at all.
func (c *composer) strip(id, metric string) (strip, bool) {
	class := device(c.r, id).Class
	s := strip{name: c.name(id)}
	from := c.before()
	var last events.Transition
	for _, tr := range c.r.Transitions {
		if tr.Device != id || tr.Metric != metric || tr.Channel != "" {
			continue
		}
		s.parts = append(s.parts, part{from, tr.Time, c.state(metric, tr.From), lookOf(class, metric, tr.From)})
		from, last = tr.Time, tr
	}
	if len(s.parts) == 0 {
		return s, false
	}
	s.parts = append(s.parts, part{from, c.past(), c.state(metric, last.To), lookOf(class, metric, last.To)})
	return s, true
}

// lookOf returns how a state is drawn.
func lookOf(class, metric, word string) look {
	switch word {
	case "unknown", "no_data":
		return blind
	case "fault", "dead", "depleted", "fail", "failed", "lost", "phase_lost":
		return failed
	case "online", "normal", "live", "mains", "a", "preferred", "ok", "eco", "clear", "dry":
		return calm
	case "off":
		if class == "ups" || class == "cooling" {
			return failed
		}
		return ready
	case "stopped", "standby":
		return ready
	case "running":
		if class == "cooling" {
			return calm
		}
	}
	return busy
}

// besides is how many devices a table of figures has side by side.
const besides = 4

// figures are all that was measured: for each class of devices a table of them.
func (c *composer) figures() {
	var order []string // of classes; "" is the building
	of := map[string][]string{}
	for _, f := range c.r.Figures {
		class := device(c.r, f.Device).Class
		if !slices.Contains(order, class) {
			order = append(order, class)
		}
		if !slices.Contains(of[class], f.Device) {
			of[class] = append(of[class], f.Device)
		}
	}
	var blocks []block
	for _, class := range order {
		for ids := range slices.Chunk(of[class], besides) {
			blocks = append(blocks, block{Table: c.figuresOf(class, ids)})
		}
	}
	if len(blocks) > 0 {
		c.section(agent.Words{EN: "Figures", CS: "Naměřené hodnoty"}, blocks...)
	}
}

func (c *composer) figuresOf(class string, ids []string) *table {
	title := c.say(agent.Words{EN: "Building", CS: "Budova"})
	if class != "" {
		title = c.class(class)
	}
	tab := &table{Columns: []column{{Title: title, Wide: true}}}
	for _, id := range ids {
		name := c.say(valueWord)
		if id != "" {
			name = c.name(id)
		}
		tab.Columns = append(tab.Columns, column{Title: name, Right: true})
	}
	row := map[string]int{}
	for _, f := range c.r.Figures {
		at := slices.Index(ids, f.Device)
		if at < 0 {
			continue
		}
		if _, ok := row[f.Name]; !ok {
			row[f.Name] = len(tab.Rows)
			cells := make([]cell, len(tab.Columns))
			cells[0].Text = cmp.Or(c.say(f.Text), c.figure(f.Name))
			for i := range ids {
				cells[i+1].Text = "–"
			}
			tab.Rows = append(tab.Rows, cells)
		}
		one := &tab.Rows[row[f.Name]][at+1]
		one.Text = c.quantity(f.Value, f.Unit)
		if !f.At.IsZero() {
			one.Aside = c.say(agent.Words{EN: "at %s", CS: "v %s"}, c.clockOf(f.At))
		}
	}
	return tab
}

// earlier compares with those before.
func (c *composer) earlier() {
	if len(c.s.Earlier) == 0 {
		if c.r.Kind == "test" {
			c.section(agent.Words{EN: "Earlier tests", CS: "Předchozí zkoušky"}, block{Text: c.say(agent.Words{
				EN: "There is no earlier test of this kind to compare with.", CS: "Předchozí zkouška stejného druhu k porovnání není k dispozici."})})
		}
		return
	}
	all := append(slices.Clone(c.s.Earlier), earlier(c.r))
	var used []string
	for _, k := range keyFigures {
		if slices.ContainsFunc(all, func(e Earlier) bool { return e.figure(k.name) != nil }) && len(used) < 6 {
			used = append(used, k.name)
		}
	}
	tab := &table{Columns: []column{{Title: c.say(agent.Words{EN: "Date", CS: "Datum"})}}}
	if c.r.Kind == "test" {
		tab.Columns = append(tab.Columns, column{Title: c.say(resultWord)})
	} else {
		tab.Columns = append(tab.Columns, column{Title: c.say(durationWord), Right: true})
	}
	for _, name := range used {
		tab.Columns = append(tab.Columns, column{Title: c.figure(name), Right: true})
	}
	for _, e := range slices.Backward(all) {
		row := text(c.date(e.Began))
		if c.r.Kind == "test" {
			row = append(row, c.verdict(e.Verdict))
		} else {
			row = append(row, text(c.duration(e.Seconds))...)
		}
		for _, name := range used {
			if f := e.figure(name); f != nil {
				row = append(row, text(c.quantity(f.Value, f.Unit))...)
			} else {
				row = append(row, text("–")...)
			}
		}
		if e.ID == c.r.ID {
			for i := range row {
				row[i].Strong = true
			}
		}
		tab.Rows = append(tab.Rows, row)
	}
	title := agent.Words{EN: "Comparison with earlier tests", CS: "Porovnání s předchozími zkouškami"}
	note := agent.Words{EN: "This test is in bold; of several devices the worst counts, of generators the one that was tested.",
		CS: "Tato zkouška je uvedena tučně; u více zařízení se počítá nejhorší hodnota, u generátorů ten zkoušený."}
	if c.r.Kind != "test" {
		title = agent.Words{EN: "Comparison with earlier incidents of this kind", CS: "Porovnání s předchozími událostmi stejného druhu"}
		note = agent.Words{EN: "This incident is in bold; of several devices the worst counts.", CS: "Tato událost je uvedena tučně; u více zařízení se počítá nejhorší hodnota."}
	}
	s := c.section(title, block{Table: tab}, block{Small: true, Text: c.say(note)})
	if charts := c.trends(all, used); len(charts) > 0 {
		s.Blocks = append(s.Blocks, charts...)
	}
}

func (e Earlier) figure(name string) *events.Figure {
	for i := range e.Figures {
		if e.Figures[i].Name == name {
			return &e.Figures[i]
		}
	}
	return nil
}

// parts are the events that belong to it.
func (c *composer) parts() {
	tab := &table{Columns: []column{{Title: c.say(beganWord)},
		{Title: c.say(durationWord), Right: true},
		{Title: c.say(severityWord)},
		{Title: c.say(agent.Words{EN: "Event", CS: "Událost"}), Wide: true},
		{Title: c.say(valueWord), Right: true}}}
	values := false
	// Of what is seen in one second the cause comes first, whichever device was asked first.
	order := func(e agent.Event) time.Time {
		if e.Text == c.r.Cause {
			return e.Began.Truncate(time.Second)
		}
		return e.Began
	}
	for _, e := range slices.SortedStableFunc(slices.Values(c.r.Events), func(a, b agent.Event) int { return order(a).Compare(order(b)) }) {
		if e.ID == c.r.ID {
			continue
		}
		lasted := c.say(agent.Words{EN: "lasts", CS: "trvá"})
		switch {
		case e.Active() && !c.r.Watched.IsZero(): // nobody looked any more
			lasted = c.say(agent.Words{EN: "past the end", CS: "přes konec"})
		case e.Ended.Equal(e.Began):
			lasted = "–"
		case !e.Ended.IsZero():
			lasted = c.duration(e.Ended.Sub(e.Began).Seconds())
		}
		value := ""
		if v := cmp.Or(e.Peak, e.Value); v != nil && e.State == "" {
			value, values = c.quantity(*v, e.Unit), true
		}
		row := text(c.clockOf(e.Began), lasted, c.say(severities[min(e.Severity, agent.Alarm)]), strings.TrimSuffix(c.say(e.Text), "."), value)
		row[2].Mark = severityMarks[min(e.Severity, agent.Alarm)]
		tab.Rows = append(tab.Rows, row)
	}
	if !values {
		tab.Columns = tab.Columns[:4]
		for i := range tab.Rows {
			tab.Rows[i] = tab.Rows[i][:4]
		}
	}
	if len(tab.Rows) > 0 {
		c.section(agent.Words{EN: "Events that are part of it", CS: "Související události"}, block{Table: tab})
	}
}

// notObserved says what nobody saw.
func (c *composer) notObserved() {
	var list []string
	for _, n := range c.r.NotObserved {
		what := c.figure(n.Name)
		if n.Device != "" {
			what = c.name(n.Device) + ", " + what
		}
		list = append(list, what+": "+strings.TrimSuffix(c.say(n.Why), ".")+".")
	}
	for _, g := range c.s.Gaps[:min(len(c.s.Gaps), mostMissing)] {
		list = append(list, c.gap(g))
	}
	if n := len(c.s.Gaps) - mostMissing; n > 0 {
		list = append(list, c.say(furtherWord, c.number(float64(n), 0)))
	}
	for _, e := range c.r.Events {
		if e.Kind == "absence" && e.ID != c.r.ID {
			list = append(list, c.clockOf(e.Began)+": "+strings.TrimSuffix(c.say(e.Text), ".")+".")
		}
	}
	if c.r.Ended.IsZero() {
		list = append(list, c.say(agent.Words{EN: "The end: it was not over when this report was made.", CS: "Konec: při sestavení zprávy ještě trvala."}))
	} else if c.r.Watched.IsZero() {
		list = append(list, c.say(agent.Words{EN: "The recovery: batteries were still being watched when this report was made.",
			CS: "Zotavení: při sestavení zprávy se ještě sledovalo dobíjení baterií."}))
	}
	if len(c.s.series) == 0 {
		list = append(list, c.say(agent.Words{EN: "There are no recorded readings, so there are no charts.", CS: "Záznam měření není k dispozici, proto zpráva neobsahuje grafy."}))
	}
	if len(list) == 0 {
		c.section(notObservedWord, block{Text: c.say(agent.Words{
			EN: "Every device of the record answered without a gap, and every figure could be computed.",
			CS: "Všechna zařízení záznamu odpovídala bez mezery a všechny hodnoty bylo možné vypočítat."})}).Whole = true
		return
	}
	c.section(notObservedWord, block{List: list})
}

var notObservedWord = agent.Words{EN: "What was not observed", CS: "Co nebylo pozorováno"}

func (c *composer) gap(g Gap) string {
	span := c.duration(g.To.Sub(g.From).Seconds())
	switch {
	case g.Never:
		return c.say(agent.Words{EN: "%s was not read at all.", CS: "%s: žádný údaj nebyl přečten."}, c.name(g.Device))
	case g.To.Sub(g.From).Seconds() > g.Longest && g.Device == "":
		return c.say(agent.Words{EN: "The agent read only now and then from %s to %s (the longest pause was %s).",
			CS: "Agent četl jen občas od %s do %s (nejdelší přestávka %s)."}, c.clockOf(g.From), c.clockOf(g.To), c.duration(g.Longest))
	case g.To.Sub(g.From).Seconds() > g.Longest:
		return c.say(agent.Words{EN: "%s was read only now and then from %s to %s (the longest pause was %s).",
			CS: "%s: údaje jen občas od %s do %s (nejdelší přestávka %s)."}, c.name(g.Device), c.clockOf(g.From), c.clockOf(g.To), c.duration(g.Longest))
	case g.Device == "":
		return c.say(agent.Words{EN: "The agent read nothing from %s to %s (%s).", CS: "Agent nic nečetl od %s do %s (%s)."},
			c.clockOf(g.From), c.clockOf(g.To), span)
	}
	return c.say(agent.Words{EN: "%s was not read from %s to %s (%s).", CS: "%s: bez údajů od %s do %s (%s)."},
		c.name(g.Device), c.clockOf(g.From), c.clockOf(g.To), span)
}

// conclusions leaves room for what people have to say.
func (c *composer) conclusions() {
	if c.r.Kind == "test" {
		s := c.section(agent.Words{EN: "Conclusions", CS: "Závěr"}, block{Blank: 5}, block{Table: &table{Sign: true, Columns: []column{
			{Title: ""}, {Title: c.say(agent.Words{EN: "Name", CS: "Jméno"}), Wide: true}, {Title: c.say(agent.Words{EN: "Date", CS: "Datum"}), Width: "20%"},
			{Title: c.say(agent.Words{EN: "Signature", CS: "Podpis"}), Width: "30%"}},
			Rows: [][]cell{
				text(c.say(agent.Words{EN: "Carried out by", CS: "Provedl(a)"}), "", "", ""),
				text(c.say(agent.Words{EN: "Approved by", CS: "Schválil(a)"}), "", "", ""),
			}}})
		s.Whole = true
		return
	}
	s := c.section(agent.Words{EN: "Root cause", CS: "Příčina"},
		block{Text: c.say(agent.Words{EN: "It began with: %s.", CS: "Začalo to takto: %s."}, strings.TrimSuffix(c.say(c.r.Cause), "."))},
		block{Small: true, Text: c.say(agent.Words{EN: "Why that happened (to be filled in):", CS: "Proč k tomu došlo (doplňte):"})}, block{Blank: 3})
	s.Whole = true
	well, badly := c.judged()
	s = c.section(agent.Words{EN: "What went well, what did not", CS: "Co fungovalo a co ne"})
	if len(well) > 0 {
		s.Blocks = append(s.Blocks, block{Text: c.say(agent.Words{EN: "Well:", CS: "Fungovalo:"}), Strong: true}, block{List: well})
	}
	if len(badly) > 0 {
		s.Blocks = append(s.Blocks, block{Text: c.say(agent.Words{EN: "Not well:", CS: "Nefungovalo:"}), Strong: true}, block{List: badly})
	}
	s.Blocks = append(s.Blocks, block{Small: true, Text: c.say(agent.Words{EN: "Besides (to be filled in):", CS: "Dále (doplňte):"})}, block{Blank: 2})
	s.Whole = true
	c.section(agent.Words{EN: "Actions", CS: "Opatření"}, block{Table: &table{Sign: true, Columns: []column{
		{Title: c.say(agent.Words{EN: "Action", CS: "Opatření"}), Wide: true}, {Title: c.say(agent.Words{EN: "Who", CS: "Kdo"}), Width: "22%"},
		{Title: c.say(agent.Words{EN: "Until", CS: "Do kdy"}), Width: "16%"}},
		Rows: [][]cell{text("", "", ""), text("", "", ""), text("", "", ""), text("", "", "")}}}).Whole = true
}

// judged sorts what the figures say into what did its duty and what did not.
func (c *composer) judged() (well, badly []string) {
	for _, f := range named(c.r, events.TimeToLoad) {
		well = append(well, c.say(agent.Words{EN: "%s took the load after %s.", CS: "%s: převzetí zátěže za %s."}, c.name(f.Device), c.duration(f.Value)))
	}
	for _, f := range named(c.r, events.TimeLost) {
		if f.Value > 0 {
			badly = append(badly, c.say(agent.Words{EN: "%s left its load without power for %s.", CS: "%s: zátěž bez napájení po dobu %s."},
				c.name(f.Device), c.duration(f.Value)))
		}
	}
	for _, f := range named(c.r, events.TimeOnBattery) {
		if lost := figureOf(c.r, events.TimeLost, f.Device); f.Value > 0 && (lost == nil || lost.Value == 0) {
			well = append(well, c.say(agent.Words{EN: "%s carried its load on battery for %s.", CS: "%s: napájení zátěže z baterie po dobu %s."},
				c.name(f.Device), c.duration(f.Value)))
		}
	}
	for _, tr := range c.r.Transitions {
		if tr.To == "fault" && tr.Metric == "status" {
			badly = append(badly, c.say(agent.Words{EN: "%s had a fault at %s.", CS: "%s: porucha v %s."}, c.name(tr.Device), c.clockOf(tr.Time)))
		}
	}
	return well, badly
}
