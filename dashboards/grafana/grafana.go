// Package grafana draws the catalogue as Grafana dashboards on InfluxDB.
//
// The dashboards are made in Go, typed, and ask in InfluxQL, which InfluxDB
// 1.8, 2 and 3 understand. What a panel shows comes from the catalogue: a
// metric that it does not know is an error, the unit and the description are
// the metric's own, a state is shown by its word and coloured by what the word
// means. So a dashboard cannot ask for a field that the agent never writes.
//
// What is shown as the present is at most some minutes old: a panel with single
// values looks back no further, whatever the time range, and then says "no
// data". In a chart a gap of more than a minute stays a gap.
//
// The *.json files beside this one are the dashboards for no site in
// particular, to be imported by hand; a test holds them to what is made here.
// "plantroom dashboards export" writes them for a site.
package grafana

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"plantroom/config"
)

// Options are what a site's dashboards differ in.
type Options struct {
	Site   string         // that is shown first; "": the first by name
	Source string         // uid of the data source that is used first; "": Grafana's choice
	Every  time.Duration  // the longest interval between two polls of a device; 0: 5 s, as a configuration has it by default
	Limits []config.Limit // of the site; nil: those that are usual. Those for all devices are drawn as thresholds
}

// A Dashboard is one that is ready to be imported.
type Dashboard struct {
	Name  string // of its file, without .json; UID is "plantroom-" and this
	Title string
	JSON  []byte
}

// dashboards is the table of them.
var dashboards = []struct {
	name, title, about string
	wall               bool // it is in the playlist for the wall
	draw               func(*board)
}{
	{"site", "Site overview", "What the building stands on, how much it takes and whether it is cool, on one screen.", true, site},
	{"power", "Building power", "The way of the power from its sources to the load, and how much of it flows.", true, power},
	{"ups", "UPS", "UPS units and their batteries.", false, ups},
	{"generators", "Generators and transfer switches", "Generators, transfer switches and their tests.", false, generators},
	{"switchboard", "Switchboards", "Load of the phases and quality of the supply.", false, switchboard},
	{"cooling", "Cooling and free cooling", "Cooling units, and how much of the time the cold is free.", true, cooling},
	{"climate", "Climate", "Temperature, humidity and dew point of the rooms.", true, climate},
	{"agent", "Agent", "Whether what the other dashboards show can be believed: polls, outputs, queues.", false, health},
}

func uid(name string) string { return "plantroom-" + name }

// Dashboards makes all dashboards.
func Dashboards(o Options) ([]Dashboard, error) {
	if o.Every == 0 {
		o.Every = 5 * time.Second
	}
	if o.Limits == nil {
		o.Limits = config.UsualLimits()
	}
	var all []Dashboard
	for _, d := range dashboards {
		b := newBoard(d.title, d.about, o)
		b.Uid(uid(d.name)).Tags([]string{"plantroom"})
		d.draw(b)
		text, err := b.json()
		if err != nil {
			return nil, fmt.Errorf("dashboard %s: %w", d.name, err)
		}
		all = append(all, Dashboard{d.name, d.title, text})
	}
	return all, nil
}

// A board is a dashboard that is being drawn. The first mistake is kept and
// comes from json.
type board struct {
	*dashboard.DashboardBuilder
	options Options
	scope   string // what the variables leave of a measurement; a condition of InfluxQL
	err     error
}

func newBoard(title, about string, o Options) *board {
	//lint:ignore SA1019 The newer schema is for Grafana 13 and later; this one every Grafana reads.
	b := &board{DashboardBuilder: dashboard.NewDashboardBuilder("Plantroom / " + title), options: o, scope: ofSite}
	b.Description(about).
		Refresh("10s").
		Time("now-1h", "now").
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Link(dashboard.NewDashboardLinkBuilder("Plantroom").Type(dashboard.DashboardLinkTypeDashboards).
			Tags([]string{"plantroom"}).AsDropdown(true).IncludeVars(true).KeepTime(true))
	b.sourceVariable()
	b.queryVariable("site", "Site", `SHOW TAG VALUES FROM "agent" WITH KEY = "site"`, o.Site, one)
	b.annotate("Alarms", "red", `"severity_code" = 2`)
	b.annotate("Warnings", "orange", `"severity_code" = 1`)
	return b
}

// fail keeps the first mistake.
func (b *board) fail(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf(format, args...)
	}
}

// json returns the dashboard as its file has it.
func (b *board) json() ([]byte, error) {
	d, err := b.Build()
	if b.err != nil {
		return nil, b.err
	}
	if err != nil {
		return nil, err
	}
	for i := range d.Panels { // Grafana knows panels by their ids, which the builder leaves out
		id := uint32(i + 1)
		if row := d.Panels[i].RowPanel; row != nil {
			row.Id = id
		} else {
			d.Panels[i].Panel.Id = &id
		}
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(d); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// source is the data source of every panel: that of the variable.
var source = common.DataSourceRef{Type: cog.ToPtr(sourceType), Uid: cog.ToPtr("${datasource}")}

func (b *board) sourceVariable() {
	v := dashboard.NewDatasourceVariableBuilder("datasource").Label("InfluxDB").Type(sourceType)
	if b.options.Source != "" {
		v.Current(option(b.options.Source))
	}
	b.WithVariable(v)
}

// A choice says how many values of a variable can be chosen at once.
type choice int

const (
	one     choice = iota
	several        // or all, which then stand in the query
	orNone         // several or all; all also takes what has no such tag
)

// queryVariable adds a variable whose values InfluxDB knows.
func (b *board) queryVariable(name, label, query, current string, c choice) {
	v := dashboard.NewQueryVariableBuilder(name).Label(label).
		Datasource(source).
		Query(dashboard.StringOrMap{String: &query}).Definition(query).
		Refresh(dashboard.VariableRefreshOnDashboardLoad).
		Sort(dashboard.VariableSortNaturalAsc)
	switch {
	case c != one:
		v.Multi(true).IncludeAll(true).Current(dashboard.VariableOption{
			Text: dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}}, Value: dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}},
		})
		if c == orNone {
			v.AllValue(".*")
		}
	case current != "":
		v.Current(option(current))
	}
	b.WithVariable(v)
}

func option(s string) dashboard.VariableOption {
	return dashboard.VariableOption{
		Selected: cog.ToPtr(true), Text: dashboard.StringOrArrayOfString{String: &s}, Value: dashboard.StringOrArrayOfString{String: &s},
	}
}

// devices lets the viewer choose among the devices of some classes, by room
// and one by one; what is asked from then on is asked of these.
func (b *board) devices(classes ...string) {
	b.queryVariable("room", "Room", "SHOW TAG VALUES FROM "+measurements(classes)+` WITH KEY = "room" WHERE `+ofSite, "", orNone)
	b.queryVariable("device", "Device",
		"SHOW TAG VALUES FROM "+measurements(classes)+` WITH KEY = "device" WHERE `+ofSite+` AND "room" =~ /^$room$/`, "", several)
	b.scope = ofSite + ` AND "device" =~ /^$device$/`
}

// annotate marks the site's events for which the condition holds.
func (b *board) annotate(name, color, condition string) {
	b.Annotation(dashboard.NewAnnotationQueryBuilder().
		Name(name).Datasource(source).Enable(true).IconColor(color).
		Target(&Query{
			RefID: "Anno", Datasource: source, RawQuery: true, FromAnnotations: true, ResultFormat: asTable, TextColumn: "text", TagsColumn: "device,kind",
			Query: `SELECT "text", "device", "kind" FROM "events" WHERE ` + ofSite + " AND " + condition + " AND $timeFilter",
		}))
}

// row begins a part of the dashboard, with panels from left to right.
func (b *board) row(title string, panels ...cog.Builder[dashboard.Panel]) {
	b.WithRow(dashboard.NewRowBuilder(title))
	b.put(panels...)
}

// put adds panels from left to right.
func (b *board) put(panels ...cog.Builder[dashboard.Panel]) {
	for _, p := range panels {
		b.WithPanel(p)
	}
}
