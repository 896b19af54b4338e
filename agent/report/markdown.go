package report

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"
)

// markdown writes the document as Markdown, with tables as GitHub and most
// others read them. A chart is a table of what its lines went from and to.
func (d *document) markdown(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "# %s\n\n", escape(d.Title))
	if d.Verdict != nil {
		fmt.Fprintf(b, "**%s**\n\n", mdCell(*d.Verdict, false))
	}
	for _, f := range d.Facts {
		fmt.Fprintf(b, "- %s: **%s**\n", escape(f.Name), escape(f.Value))
	}
	for _, s := range d.Sections {
		fmt.Fprintf(b, "\n## %s\n", escape(s.Title))
		for _, one := range s.Blocks {
			one.markdown(b)
		}
	}
	return b.Flush()
}

func (b *block) markdown(w *bufio.Writer) {
	if b.Text != "" {
		text := escapeLine(b.Text)
		switch {
		case b.Strong:
			text = "**" + text + "**"
		case b.Small:
			text = "_" + text + "_"
		}
		fmt.Fprintf(w, "\n%s\n", text)
	}
	for i, item := range b.List {
		if i == 0 {
			w.WriteString("\n")
		}
		fmt.Fprintf(w, "- %s\n", escapeLine(item))
	}
	if b.Table != nil {
		b.Table.markdown(w)
	}
	for _, c := range b.Charts {
		if t := c.table(); t != nil {
			t.markdown(w)
		}
	}
	if b.Blank > 0 {
		w.WriteString("\n…\n")
	}
}

func (t *table) markdown(w *bufio.Writer) {
	w.WriteString("\n")
	if t.Caption != "" {
		fmt.Fprintf(w, "%s\n\n", escapeLine(t.Caption))
	}
	w.WriteString("|")
	for _, c := range t.Columns {
		fmt.Fprintf(w, " %s |", escape(c.Title))
	}
	w.WriteString("\n|")
	for _, c := range t.Columns {
		if c.Right {
			w.WriteString("---:|")
		} else {
			w.WriteString("---|")
		}
	}
	w.WriteString("\n")
	for _, row := range t.Rows {
		w.WriteString("|")
		for _, c := range row {
			fmt.Fprintf(w, " %s |", mdCell(c, c.Strong))
		}
		w.WriteString("\n")
	}
}

var mdMarks = map[mark]string{good: "✓ ", bad: "✗ ", notice: "▲ ", nothing: "◌ "}

func mdCell(c cell, strong bool) string {
	text := mdMarks[c.Mark] + escape(c.Text)
	if c.Aside != "" {
		text += " (" + escape(c.Aside) + ")"
	}
	if strong && c.Text != "" {
		return "**" + text + "**"
	}
	return text
}

// special are the characters that mean something to Markdown, or to the HTML
// in it.
var special = regexp.MustCompile("[\\\\`*_\\[\\]<>|#&~]")

// escape returns text as Markdown that shows it, within a line.
func escape(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
	return special.ReplaceAllString(text, `\$0`)
}

// starts are what a line begins with that is a list or a rule.
var starts = regexp.MustCompile(`^(\d+)([.)])|^([-+=])`)

// escapeLine is escape for text that begins a line.
func escapeLine(text string) string {
	return starts.ReplaceAllString(escape(text), `$1\$2$3`)
}

// table returns what the lines of a chart went from and to, nil where it has
// none: states are in the table of what happened.
func (c *chart) table() *table {
	if len(c.lines) == 0 || c.ticks != nil {
		return nil
	}
	t := &table{Caption: c.Title, Columns: []column{
		{Title: c.t.say(deviceWord)}, {Title: c.t.say(firstWord), Right: true}, {Title: c.t.say(lowestWord), Right: true},
		{Title: c.t.say(highestWord), Right: true}, {Title: c.t.say(lastWord), Right: true}}}
	for _, l := range c.lines {
		first, last, lo, hi := math.NaN(), math.NaN(), math.Inf(1), math.Inf(-1)
		for i, v := range l.values {
			if l.times[i] < c.from.UnixMilli() || l.times[i] > c.to.UnixMilli() {
				continue
			}
			if math.IsNaN(first) {
				first = v
			}
			lo, hi, last = math.Min(lo, v), math.Max(hi, v), v
		}
		if math.IsNaN(first) {
			continue
		}
		t.Rows = append(t.Rows, text(l.name, c.t.quantity(first, c.unit), c.t.quantity(lo, c.unit), c.t.quantity(hi, c.unit), c.t.quantity(last, c.unit)))
	}
	return t
}
