package grafana

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"

	"plantroom/agent"
	"plantroom/config"
)

// sourceType is what Grafana calls the plugin that asks InfluxDB.
const sourceType = "influxdb"

// The forms in which Grafana takes an answer.
const (
	asSeries = "time_series"
	asTable  = "table"
)

// A Query is an InfluxQL query as Grafana keeps it. The SDK has types for the
// queries of many data sources, and none for those of InfluxDB.
type Query struct {
	RefID        string               `json:"refId"`
	Datasource   common.DataSourceRef `json:"datasource"`
	Query        string               `json:"query"`
	RawQuery     bool                 `json:"rawQuery"`
	ResultFormat string               `json:"resultFormat"`
	Alias        string               `json:"alias,omitempty"`

	// Of annotations: the columns with the text, and with the tags beside it.
	FromAnnotations bool   `json:"fromAnnotations,omitempty"`
	TextColumn      string `json:"textColumn,omitempty"`
	TagsColumn      string `json:"tagsColumn,omitempty"`
}

// ImplementsDataqueryVariant marks the type for the SDK.
func (*Query) ImplementsDataqueryVariant() {}

// DataqueryType is the plugin that the query is for.
func (*Query) DataqueryType() string { return sourceType }

// Equals reports whether other is the same query.
func (q *Query) Equals(other variants.Dataquery) bool {
	o, ok := other.(*Query)
	if !ok {
		return false
	}
	mine, _ := json.Marshal(q)
	theirs, _ := json.Marshal(o)
	return string(mine) == string(theirs)
}

// Validate reports what a query cannot be without.
func (q *Query) Validate() error {
	if q.RefID == "" || q.Query == "" || !q.RawQuery {
		return fmt.Errorf("query %q: it needs a refId and InfluxQL of its own", q.RefID)
	}
	return nil
}

// Build returns the query: it is its own builder.
func (q *Query) Build() (variants.Dataquery, error) { return q, q.Validate() }

// Conditions of InfluxQL.
const (
	ofSite  = `"site" =~ /^$site$/`
	whole   = `"channel" = ''`                 // of the device as a whole
	phases  = `"channel" =~ /^L[123]$/`        // of each phase; of a voltage: to neutral
	between = `"channel" =~ /^L[123]-L[123]$/` // of a voltage, between phases
	singles = `"channel" !~ /^L[123]-L[123]$/` // all but those
)

// An ask is what one query of a panel asks for: a metric of the catalogue.
// Its methods return a changed copy.
type ask struct {
	metric *agent.Metric
	fn     string   // of InfluxQL, that makes one value of many; or an expression in which %s stands for the field
	expr   string   // that is put in the place of each value first, %s stands for it; "" for the value itself
	from   []string // classes of devices
	where  string   // a further condition; "" for none
	by     []string // tags, each value of which is a series of its own
	alias  string   // of a series; $tag_NAME stands for a tag, "" for the tags
}

// ask asks for a metric, CLASS.NAME, of every device.
func (b *board) ask(fn, metric string) ask {
	class, name, _ := strings.Cut(metric, ".")
	m := config.Lookup(class, name)
	if m == nil {
		b.fail("the catalogue has no %s", metric)
		m = &agent.Metric{Class: class, Name: name}
	}
	by := []string{"device"}
	if class == "site" { // which is one
		by = nil
	}
	return ask{metric: m, fn: fn, from: []string{class}, by: by}
}

// everywhere asks devices of every class, for what each has.
func (a ask) everywhere() ask {
	a.from = config.Classes()
	return a
}

// at asks only for those channels for which the condition holds, each a series.
func (a ask) at(channels string) ask {
	a.where = channels
	if channels != whole {
		a.by = append(slices.Clone(a.by), "channel")
	}
	return a
}

// each asks for every channel, each a series.
func (a ask) each() ask {
	a.by = append(slices.Clone(a.by), "channel")
	return a
}

// during makes 1 of each reading of a state that is the given word and 0 of
// every other, so that their mean is a share of the time.
func (a ask) during(word string) ask {
	code, ok := a.metric.Code(word)
	if !ok {
		code = -1 // which no reading is, and the tests see
	}
	a.expr = fmt.Sprintf("1 - ceil(abs(%%s - %d) / 100)", code) // codes are less than 100 apart
	return a
}

// named calls the series so.
func (a ask) named(alias string) ask {
	a.alias = alias
	return a
}

// field returns the field that holds the metric's number.
func (a ask) field() string {
	if a.metric.Kind == agent.State {
		return `"` + a.metric.Name + `_code"`
	}
	return `"` + a.metric.Name + `"`
}

// query returns the ask as InfluxQL: over time, or as the one value of the
// time range.
func (b *board) query(refID string, a ask, overTime bool) *Query {
	alias := a.alias
	for _, tag := range a.by {
		if a.alias == "" {
			alias = strings.TrimSpace(alias + " $tag_" + tag)
		}
	}
	if alias == "" {
		alias = words(a.metric.Name)
	}
	group := a.group(overTime)
	if overTime {
		group += " fill(null)"
	}
	q := series(alias, "SELECT "+a.call(a.field())+" FROM "+measurements(a.from)+" WHERE "+b.where(a)+group)
	if a.expr != "" {
		// A function that makes one value of many takes a field, not an expression.
		q = b.of(a.call(`"value"`), b.inner(a, false), group, alias)
	}
	q.RefID = refID
	return q
}

// inner returns the ask as the query within another, which knows its values
// as "value".
func (b *board) inner(a ask, overTime bool) string {
	if a.expr != "" {
		return "SELECT " + strings.ReplaceAll(a.expr, "%s", a.field()) + ` AS "value" FROM ` + measurements(a.from) + " WHERE " + b.where(a)
	}
	return "SELECT " + a.call(a.field()) + ` AS "value" FROM ` + measurements(a.from) + " WHERE " + b.where(a) + a.group(overTime)
}

// of returns the query of the values of another.
func (b *board) of(outer, inner, group, alias string) *Query {
	return series(alias, "SELECT "+outer+" FROM ("+inner+") WHERE $timeFilter"+group)
}

func series(alias, text string) *Query {
	return &Query{RefID: "A", Datasource: source, RawQuery: true, ResultFormat: asSeries, Alias: alias, Query: text}
}

func targets(qs ...*Query) (out []cog.Builder[variants.Dataquery]) {
	for _, q := range qs {
		out = append(out, q)
	}
	return out
}

// group returns the GROUP BY of an ask.
func (a ask) group(overTime bool) string {
	var by []string
	if overTime {
		by = append(by, "time($__interval)")
	}
	for _, tag := range a.by {
		by = append(by, `"`+tag+`"`)
	}
	if by == nil {
		return ""
	}
	return " GROUP BY " + strings.Join(by, ", ")
}

// call returns the function with what it is called with.
func (a ask) call(what string) string {
	if strings.Contains(a.fn, "%s") {
		return strings.ReplaceAll(a.fn, "%s", what)
	}
	return a.fn + "(" + what + ")"
}

// where returns the condition of an ask.
func (b *board) where(a ask) string {
	scope := b.scope
	if a.metric.Class == "site" {
		scope = ofSite
	}
	if a.where != "" {
		scope += " AND " + a.where
	}
	return scope + " AND $timeFilter"
}

// measurements returns classes as FROM has them.
func measurements(classes []string) string { return `"` + strings.Join(classes, `", "`) + `"` }

// words makes a name of the catalogue readable.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }
