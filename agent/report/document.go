package report

import "strings"

// A document is a report in one language, before it is HTML or Markdown.
type document struct {
	Lang    string
	Title   string
	Running string // what stands at the head of every page
	Verdict *cell  // nil for none
	Facts   []fact
	// Sections are what the report says, in order.
	Sections []section
	Page     string // the word before a page's number
	Of       string // and between that and how many there are
}

// A fact is a line at the head of a report.
type fact struct{ Name, Value string }

// A section is a part of a document under a heading.
type section struct {
	Title  string
	Blocks []block
	Fresh  bool // begins on a page of its own
	Whole  bool // is not to be torn by the end of a page
}

// A block is one of its fields.
type block struct {
	Text   string
	Strong bool // of Text
	Small  bool // of Text
	List   []string
	Table  *table
	Charts []*chart // side by side
	Blank  int      // lines to write on
}

// Class returns the section's classes in HTML.
func (s section) Class() string { return classesOf("fresh", s.Fresh, "whole", s.Whole) }

// Class returns the paragraph's classes in HTML.
func (b block) Class() string { return classesOf("strong", b.Strong, "small", b.Small) }

// classesOf joins those of the names that are followed by true.
func classesOf(pairs ...any) string {
	var names []string
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1].(bool) {
			names = append(names, pairs[i].(string))
		}
	}
	return strings.Join(names, " ")
}

// A table has as many cells in every row as it has columns.
type table struct {
	Caption string
	Columns []column
	Rows    [][]cell
	Sign    bool // rows are to be filled in by hand
}

type column struct {
	Title string
	Right bool // its cells are numbers
	Wide  bool // takes the room that is left
	Width string
}

// A cell is text with a shape before it; the text says the same as the shape.
type cell struct {
	Text   string
	Mark   mark
	Strong bool
	Aside  string // small, behind the text
}

// A mark is a shape that is told from the others without colour.
type mark string

const (
	noMark  mark = ""
	good    mark = "good"    // a tick in a circle
	bad     mark = "bad"     // a cross in a filled square
	notice  mark = "notice"  // a triangle
	nothing mark = "nothing" // an empty circle, dashed
)

// short is how many rows a table can have and be kept on one page.
const short = 14

// Class returns the table's classes in HTML; one that is kept is not torn by
// the end of a page.
func (t *table) Class() string { return classesOf("keep", len(t.Rows) <= short, "sign", t.Sign) }

// CellClass returns the classes of a cell in a column.
func (t *table) CellClass(column int, c cell) string {
	return classesOf("right", t.Columns[column].Right, "wide", t.Columns[column].Wide, "strong", c.Strong)
}

// Class returns the classes of a column's head.
func (c column) Class() string { return classesOf("right", c.Right, "wide", c.Wide) }

// text returns cells without marks.
func text(s ...string) []cell {
	row := make([]cell, len(s))
	for i := range s {
		row[i].Text = s[i]
	}
	return row
}
