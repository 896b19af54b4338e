package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// A chart is lines over time, or, with rows, states over time.
type chart struct {
	t        tongue
	id       int // unique in its document
	Title    string
	Half     bool   // as wide as half the page
	unit     string // UCUM code
	from, to time.Time
	lines    []line
	rows     []strip
	marks    []moment
	ticks    []moment // of the horizontal axis, where it is not one of time
	limits   []limit
	final    bool      // the last reading is what the others are compared with
	zero     bool      // the scale begins at zero
	span     float64   // the least that the scale spans
	max      float64   // the most that the scale goes to; 0 for no bound
	since    time.Time // what was read before does not widen the scale; zero for all
}

// A line is a series as it is drawn.
type line struct {
	name   string
	times  []int64 // ms
	values []float64
	gap    int64 // ms without a reading from which the line is broken
}

// A strip is how a state went.
type strip struct {
	name  string
	parts []part
}

type part struct {
	from, to time.Time
	word     string
	look     look
}

// A look is how a part of a strip is filled. Each is told from the others
// without colour, and the word is in it where there is room.
type look string

const (
	calm   look = "calm"   // as it is every day
	ready  look = "ready"  // stands by
	busy   look = "busy"   // carries, and is not every day's
	failed look = "failed" // ought to carry and does not
	blind  look = "blind"  // not known
)

// A moment is a time that is marked on a chart, by the number that it has in
// the table of what happened.
type moment struct {
	at    time.Time
	label string
}

// A limit is a level that matters.
type limit struct {
	value float64
	label string
}

// The sizes of a chart in px at 96 to the inch; 700 is the width of a page's
// text.
const (
	wide, narrow  = 700.0, 344.0
	left          = 48.0
	top, bottom   = 29.0, 18.0
	height        = 146.0 // of what is between top and bottom
	trendHeight   = 78.0
	limitWidth    = 46.0 // right of a trend, for the level that matters
	rowHeight     = 16.5
	labelWidth    = 116.0 // right of the lines, for their names
	stripLeft     = 124.0
	characterWide = 5.6 // of the labels
)

// A plot is the geometry of a chart: what the template draws.
type plot struct {
	Title         string
	Width, Height float64
	Left, Right   float64 // of the field
	Top, Bottom   float64
	Clip          string // id of the field's clipping path
	Unit          string
	TimesOf       string // what the horizontal axis is
	Y, X          []tick
	Lines         []drawn
	Bars          []bar
	Names         []tick // of strips
	Marks         []tick
	Limits        []tick
}

// The places of labels.
func (p *plot) FieldWidth() float64  { return p.Right - p.Left }
func (p *plot) FieldHeight() float64 { return p.Bottom - p.Top }
func (p *plot) YLabel() float64      { return p.Left - 4 }
func (p *plot) XLabel() float64      { return p.Bottom + 12 }
func (p *plot) MarkLabel() float64   { return p.Top - 2 }
func (p *plot) NameX() float64       { return p.Right + 8 }

type tick struct {
	At   float64
	Text string
}

type drawn struct {
	Style  int
	Path   string
	Dots   []dot
	Name   string
	NameAt float64 // y
	EndX   float64
	EndY   float64
	Last   bool // the last dot is filled: it is what the others are compared with
}

// At reports whether a dot is the one that is filled.
func (d drawn) At(i int) bool { return d.Last && i == len(d.Dots)-1 }

type dot struct{ X, Y float64 }

type bar struct {
	X, Y, W, H float64
	Look       look
	Word       string
	Full       string // what it is, for a pointer that rests on it
}

func (b bar) MidX() float64 { return b.X + b.W/2 }
func (b bar) MidY() float64 { return b.Y + b.H/2 }

// Plot returns the chart's geometry.
func (c *chart) Plot() *plot {
	p := &plot{Title: c.Title, Width: wide, Top: top, Left: left}
	if c.Half {
		p.Width = narrow
	}
	if len(c.lines) == 1 && !c.Half {
		p.Title += ": " + c.lines[0].name
	}
	p.Right = p.Width - 8
	if len(c.lines) > 1 && !c.Half {
		p.Right = p.Width - labelWidth
	}
	p.Bottom = top + height
	if c.ticks != nil {
		p.Bottom = top + trendHeight
		if len(c.limits) > 0 {
			p.Right = p.Width - limitWidth
		}
	}
	if len(c.rows) > 0 {
		p.Left, p.Right = stripLeft, p.Width-8
		p.Bottom = top + rowHeight*float64(len(c.rows))
	}
	p.Height = p.Bottom + bottom
	p.Clip = fmt.Sprintf("field-%d", c.id)
	c.timeAxis(p)
	if len(c.rows) > 0 {
		c.drawStrips(p)
		return p
	}
	c.drawLines(p)
	return p
}

// x returns where a time is.
func (c *chart) x(p *plot, ms int64) float64 {
	from, to := c.from.UnixMilli(), c.to.UnixMilli()
	return p.Left + (p.Right-p.Left)*float64(ms-from)/float64(max(to-from, 1))
}

// The distances between ticks of time, in s.
var timeSteps = []int64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 2 * 86400, 7 * 86400}

func (c *chart) timeAxis(p *plot) {
	if c.ticks != nil {
		for _, m := range c.ticks {
			k := tick{At: c.x(p, m.at.UnixMilli()), Text: m.label}
			if n := lastLabel(p.X); k.At-n < characterWide*float64(len([]rune(m.label)))+6 {
				k.Text = ""
			}
			p.X = append(p.X, k)
		}
		return
	}
	seconds := c.to.Sub(c.from).Seconds()
	most := (p.Right - p.Left) / 64 // ticks that have room
	step := timeSteps[len(timeSteps)-1]
	for _, s := range timeSteps {
		if seconds/float64(s) <= most {
			step = s
			break
		}
	}
	layout := "15:04"
	switch {
	case step < 60:
		layout = "15:04:05"
	case step >= 86400:
		layout = "2. 1."
		if c.t.lang != "cs" {
			layout = "2 Jan"
		}
	}
	_, offset := c.from.In(c.t.zone).Zone()
	first := c.from.Unix() + int64(offset)
	first += (step - first%step) % step
	for s := first - int64(offset); s <= c.to.Unix(); s += step {
		k := tick{At: c.x(p, s*1000), Text: time.Unix(s, 0).In(c.t.zone).Format(layout)}
		if k.At+characterWide/2*float64(len(k.Text)) > p.Width {
			k.Text = "" // it would be cut off
		}
		p.X = append(p.X, k)
	}
	p.TimesOf = c.t.zoneName(c.from)
	for i, m := range c.marks {
		if m.at.Before(c.from) || m.at.After(c.to) {
			continue
		}
		k := tick{At: c.x(p, m.at.UnixMilli()), Text: m.label}
		// One that the label before is in the way of says nothing but where it is.
		if n := len(p.Marks); n > 0 && k.At-lastLabel(p.Marks) < 7+characterWide*float64(len(c.marks[i].label)) {
			k.Text = ""
		}
		p.Marks = append(p.Marks, k)
	}
}

func lastLabel(marks []tick) float64 {
	for _, m := range slices.Backward(marks) {
		if m.Text != "" {
			return m.At
		}
	}
	return math.Inf(-1)
}

func (c *chart) drawLines(p *plot) {
	lo, hi := c.scale()
	divide, unit := 1.0, c.unit
	if v, u := prefixed(math.Max(math.Abs(lo), math.Abs(hi)), c.unit); u != c.unit {
		divide, unit = math.Max(math.Abs(lo), math.Abs(hi))/v, u
	} else if unit == "s" && hi > 300 {
		divide, unit = 60, "min"
	}
	steps := 4.0
	if c.ticks != nil {
		steps = 2
	}
	step := niceStep((hi-lo)/divide/steps) * divide
	if top := math.Ceil(hi/step-1e-9) * step; c.max == 0 && hi > 0 && top-hi < step/20 {
		hi += step / 20 // nothing that matters is on the edge
	}
	lo, hi = math.Floor(lo/step+1e-9)*step, math.Ceil(hi/step-1e-9)*step
	if c.max > 0 {
		hi = math.Min(hi, c.max)
	}
	y := func(v float64) float64 { return p.Bottom - (p.Bottom-p.Top)*(v-lo)/(hi-lo) }
	decimals := max(0, int(math.Ceil(-math.Log10(step/divide)-1e-9)))
	for v := lo; v <= hi+step/1e6; v += step {
		p.Y = append(p.Y, tick{At: y(v), Text: c.t.number(v/divide, decimals)})
	}
	p.Unit = symbol(unit)
	for _, l := range c.limits {
		if l.value >= lo && l.value <= hi {
			p.Limits = append(p.Limits, tick{At: y(l.value), Text: l.label})
		}
	}
	for i, l := range c.lines {
		d := drawn{Style: i % 6, Name: l.name, Last: c.final}
		if len(c.lines) == 1 {
			d.Name = ""
		}
		d.Path, d.Dots = c.path(p, l, y)
		if n := len(l.values); n > 0 {
			at := n - 1
			for at > 0 && l.times[at] > c.to.UnixMilli() {
				at--
			}
			d.EndX, d.EndY = c.x(p, l.times[at]), clamp(y(l.values[at]), p.Top, p.Bottom)
			d.NameAt = d.EndY
		}
		p.Lines = append(p.Lines, d)
	}
	if c.Half {
		for i := range p.Lines {
			p.Lines[i].Name = ""
		}
		return
	}
	spread(p.Lines, p.Top, p.Bottom)
}

func clamp(v, lo, hi float64) float64 { return math.Max(lo, math.Min(hi, v)) }

// spread moves the names of lines apart, so that none covers another.
func spread(lines []drawn, top, bottom float64) {
	const apart = 12
	order := make([]*drawn, len(lines))
	for i := range lines {
		order[i] = &lines[i]
	}
	slices.SortStableFunc(order, func(a, b *drawn) int {
		switch {
		case a.NameAt < b.NameAt:
			return -1
		case a.NameAt > b.NameAt:
			return 1
		}
		return 0
	})
	next := top
	for _, l := range order {
		l.NameAt = math.Max(l.NameAt, next)
		next = l.NameAt + apart
	}
	next = bottom
	for _, l := range slices.Backward(order) {
		l.NameAt = math.Min(l.NameAt, next)
		next = l.NameAt - apart
	}
}

// scale returns the bounds of the values that are drawn.
func (c *chart) scale() (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	since := int64(math.MinInt64)
	if !c.since.IsZero() {
		since = c.since.UnixMilli()
	}
	for _, l := range c.lines {
		for i, v := range l.values {
			if l.times[i] < max(c.from.UnixMilli(), since) || l.times[i] > c.to.UnixMilli() {
				continue
			}
			lo, hi = math.Min(lo, v), math.Max(hi, v)
		}
	}
	if lo > hi {
		lo, hi = 0, 1
	}
	if c.zero {
		lo, hi = math.Min(lo, 0), math.Max(hi, 0)
	}
	if wider := c.span - (hi - lo); wider > 0 {
		lo, hi = lo-wider/2, hi+wider/2
	}
	if hi-lo <= 1e-6*max(math.Abs(lo), math.Abs(hi)) { // a constant
		pad := max(0.5, math.Abs(hi)*1e-3)
		hi += pad
		if !c.zero {
			lo -= pad
		}
	}
	if c.max > 0 && hi > c.max {
		lo, hi = lo-(hi-c.max), c.max
	}
	return lo, hi
}

// niceStep returns the least of 1, 2 and 5 times a power of ten that is at
// least v.
func niceStep(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// few is how many readings a line has at most for each to be drawn as a dot.
const few = 70

// path returns a line as SVG. Where many readings fall on one px, the first,
// the least, the greatest and the last of them are drawn, so none of its
// peaks is lost.
func (c *chart) path(p *plot, l line, y func(float64) float64) (string, []dot) {
	from, to := c.from.UnixMilli(), c.to.UnixMilli()
	first, _ := slices.BinarySearch(l.times, from)
	end, _ := slices.BinarySearch(l.times, to+1)
	// The line goes on to the edge of the field, where it is known beyond.
	first, end = max(0, first-1), min(len(l.times), end+1)
	var b strings.Builder
	var dots []dot
	command := 'M'
	put := func(i int) {
		fmt.Fprintf(&b, "%c%.1f %.1f", command, c.x(p, l.times[i]), y(l.values[i]))
		command = 'L'
	}
	for i := first; i < end; {
		if i > first && l.gap > 0 && l.times[i]-l.times[i-1] > l.gap {
			command = 'M'
		}
		column := math.Floor(c.x(p, l.times[i]))
		least, most, last := i, i, i
		for j := i; j < end && math.Floor(c.x(p, l.times[j])) == column && (j == i || l.gap == 0 || l.times[j]-l.times[j-1] <= l.gap); j++ {
			if l.values[j] < l.values[least] {
				least = j
			}
			if l.values[j] > l.values[most] {
				most = j
			}
			last = j
		}
		at := []int{i, least, most, last}
		slices.Sort(at)
		for _, k := range slices.Compact(at) {
			put(k)
		}
		i = last + 1
	}
	if end-first <= few {
		for i := first; i < end; i++ {
			if l.times[i] >= from && l.times[i] <= to {
				dots = append(dots, dot{c.x(p, l.times[i]), y(l.values[i])})
			}
		}
	}
	return b.String(), dots
}

func (c *chart) drawStrips(p *plot) {
	for i, row := range c.rows {
		at := p.Top + rowHeight*float64(i)
		p.Names = append(p.Names, tick{At: at + rowHeight/2, Text: shorten(row.name, stripLeft-8)})
		for _, s := range row.parts {
			from, to := s.from, s.to
			if from.Before(c.from) {
				from = c.from
			}
			if to.After(c.to) {
				to = c.to
			}
			if !from.Before(to) {
				continue
			}
			x := c.x(p, from.UnixMilli())
			w := c.x(p, to.UnixMilli()) - x
			word := s.word
			if float64(len([]rune(word)))*characterWide+8 > w {
				word = ""
			}
			p.Bars = append(p.Bars, bar{x, at + 2, w, rowHeight - 4, s.look, word,
				fmt.Sprintf("%s: %s, %s–%s", row.name, s.word, c.t.clock(s.from), c.t.clock(s.to))})
		}
	}
}

// shorten cuts a name to what a width has room for.
func shorten(name string, width float64) string {
	runes := []rune(name)
	if most := int(width / characterWide); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return name
}
