package report

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"time"

	"plantroom/agent/events"
	"plantroom/agent/ledger"
)

// A Report is made of a record or a month, and is then written in one of the
// Formats.
type Report struct {
	data any // what is its JSON
	doc  *document
}

// Formats are what a report can be written as.
var Formats = []string{"html", "md", "json"}

// OfRecord returns the report of an incident or a test run, which has its
// series. All are the records to compare it with; it may be among them. Now is
// when the report is made, its zone the one that times are given in. The JSON
// is without the series: these are in the file beside the record.
func OfRecord(r *events.Record, all []*events.Record, lang string, now time.Time) *Report {
	s := newStory(r, all, now)
	return &Report{s, s.document(newTongue(lang, now.Location()))}
}

// OfMonth returns the report of a month: of the days that a ledger kept of it
// and of those of all records that are of it. The error is ErrNoData where there
// is neither.
func OfMonth(year int, month time.Month, days []*ledger.Day, all []*events.Record, lang string, now time.Time) (*Report, error) {
	m, err := newMonth(year, month, days, all, now)
	if err != nil {
		return nil, err
	}
	return &Report{m, m.document(newTongue(lang, now.Location()))}, nil
}

// Write writes the report in one of Formats.
func (r *Report) Write(w io.Writer, format string) error {
	switch format {
	case "html":
		return pages.ExecuteTemplate(w, "page", r.doc)
	case "md":
		return r.doc.markdown(w)
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r.data)
	}
	return fmt.Errorf("a report is written as one of %v, not as %s", Formats, format)
}

//go:embed page.html chart.svg
var files embed.FS

// pages are the templates of a page and of a chart.
var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"px": func(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) },
}).ParseFS(files, "page.html", "chart.svg"))
