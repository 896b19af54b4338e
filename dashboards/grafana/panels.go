package grafana

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/piechart"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/statushistory"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"plantroom/agent"
)

// A size is that of a panel, of the 24 columns of a dashboard and of its rows,
// which are some 38 pixels high.
type size struct{ w, h uint32 }

// A panel is what the builders of the SDK have in common.
type panel[P any] interface {
	cog.Builder[dashboard.Panel]
	Title(string) P
	Description(string) P
	Datasource(common.DataSourceRef) P
	Span(uint32) P
	Height(uint32) P
	Interval(string) P
	TimeFrom(string) P
	HideTimeOverride(bool) P
	Unit(string) P
	Decimals(float64) P
	Mappings([]dashboard.ValueMapping) P
	Thresholds(cog.Builder[dashboard.ThresholdsConfig]) P
	NoValue(string) P
	WithTarget(cog.Builder[variants.Dataquery]) P
	OverrideByQuery(string, []dashboard.DynamicConfigValue) P
}

// place gives a panel its queries and what the metrics say of themselves: the
// first as the default, others where they differ.
func place[P panel[P]](b *board, p P, s size, title string, overTime bool, asks []ask) P {
	p.Title(title).Datasource(source).Span(s.w).Height(s.h).NoValue("no data")
	first := asks[0].metric
	p.Unit(unit(b, first)).Mappings(b.mappings(first)).Thresholds(b.thresholds(first)).Description(sentence(first))
	if overTime {
		p.Interval(b.options.Every.String())
	}
	for i, a := range asks {
		ref := string(rune('A' + i))
		p.WithTarget(b.query(ref, a, overTime))
		if a.metric != first {
			p.OverrideByQuery(ref, looks(b, a.metric))
		}
	}
	return p
}

// now makes a panel look back no further than the present.
func now[P panel[P]](b *board, p P) P {
	return p.TimeFrom(duration(max(2*time.Minute, 3*b.options.Every))).HideTimeOverride(true)
}

// duration writes d as Grafana does.
func duration(d time.Duration) string {
	if d%time.Minute == 0 {
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", int(math.Ceil(d.Seconds())))
}

// looks are the properties that a metric gives the fields of its query.
func looks(b *board, m *agent.Metric) []dashboard.DynamicConfigValue {
	t, err := b.thresholds(m).Build()
	if err != nil {
		b.fail("thresholds of %s.%s: %v", m.Class, m.Name, err)
	}
	out := []dashboard.DynamicConfigValue{{Id: "unit", Value: unit(b, m)}, {Id: "thresholds", Value: t}}
	if maps := b.mappings(m); maps != nil {
		out = append(out, dashboard.DynamicConfigValue{Id: "mappings", Value: maps})
	}
	return out
}

func unit(b *board, m *agent.Metric) string {
	id, ok := unitIDs[m.Unit]
	if !ok {
		b.fail("%s.%s is in %s, which Grafana is not told how to write", m.Class, m.Name, m.Unit)
	}
	return id
}

func sentence(m *agent.Metric) string {
	if m.Doc == "" {
		return ""
	}
	return strings.ToUpper(m.Doc[:1]) + m.Doc[1:] + "."
}

// values shows the present numbers and states in large type.
func (b *board) values(s size, title string, asks ...ask) *stat.PanelBuilder {
	return now(b, b.totals(s, title, asks...))
}

// totals shows numbers in large type that are about the whole time range.
func (b *board) totals(s size, title string, asks ...ask) *stat.PanelBuilder {
	p := place(b, stat.NewPanelBuilder(), s, title, false, asks)
	p.ColorScheme(byThresholds()).
		ColorMode(common.BigValueColorModeValue).
		GraphMode(common.BigValueGraphModeNone).
		Orientation(common.VizOrientationAuto).
		ReduceOptions(lastValue())
	if b.states(asks) {
		p.ColorMode(common.BigValueColorModeBackground)
	}
	return p
}

// states reports whether all asks are for what is shown by a word.
func (b *board) states(asks []ask) bool {
	for _, a := range asks {
		if b.mappings(a.metric) == nil {
			return false
		}
	}
	return true
}

func lastValue() *common.ReduceDataOptionsBuilder {
	return common.NewReduceDataOptionsBuilder().Values(false).Calcs([]string{"lastNotNull"})
}

// bars shows the present numbers as bars, of the whole that max is.
func (b *board) bars(s size, title string, max float64, asks ...ask) *bargauge.PanelBuilder {
	p := now(b, place(b, bargauge.NewPanelBuilder(), s, title, false, asks))
	p.ColorScheme(byThresholds()).Min(0).Max(max).
		DisplayMode(common.BarGaugeDisplayModeBasic).
		Orientation(common.VizOrientationHorizontal).
		ReduceOptions(lastValue())
	return p
}

// gap is how long a chart is drawn through without data, in milliseconds.
const gap = 60_000

// chart shows numbers over time.
func (b *board) chart(s size, title string, asks ...ask) *timeseries.PanelBuilder {
	p := place(b, timeseries.NewPanelBuilder(), s, title, true, asks)
	p.ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdPaletteClassicByName)).
		LineWidth(1).FillOpacity(5).ShowPoints(common.VisibilityModeNever).
		SpanNulls(common.BoolOrFloat64{Float64: cog.ToPtr[float64](gap)}).
		Legend(legend().Calcs([]string{"min", "max", "lastNotNull"}).DisplayMode(common.LegendDisplayModeTable)).
		Tooltip(tooltip())
	if _, ok := b.band(asks[0].metric); ok {
		p.ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeDashed))
	}
	return p
}

func byThresholds() *dashboard.FieldColorBuilder {
	return dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdThresholds)
}

func legend() *common.VizLegendOptionsBuilder {
	return common.NewVizLegendOptionsBuilder().ShowLegend(true).DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom)
}

func tooltip() *common.VizTooltipOptionsBuilder {
	return common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderNone)
}

// timeline shows states over time, a row for each series.
func (b *board) timeline(s size, title string, asks ...ask) *statetimeline.PanelBuilder {
	p := place(b, statetimeline.NewPanelBuilder(), s, title, true, asks)
	p.ColorScheme(byThresholds()).
		MergeValues(true).ShowValue(common.VisibilityModeAuto).
		SpanNullsThreshold(gap).
		Legend(legend().ShowLegend(false)).
		Tooltip(tooltip())
	return p
}

// heat shows numbers over time as colours, a row for each series.
func (b *board) heat(s size, title string, low, high float64, asks ...ask) *statushistory.PanelBuilder {
	p := place(b, statushistory.NewPanelBuilder(), s, title, true, asks)
	p.ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdContinuousBlYlRd)).
		Min(low).Max(high).MaxDataPoints(120).
		ShowValue(common.VisibilityModeAuto).
		Legend(legend().ShowLegend(false)).
		Tooltip(tooltip())
	return p
}

// share shows how the time divides among the words of a state, as the polls
// found it.
func (b *board) share(s size, title, metric string, shown ...string) *piechart.PanelBuilder {
	var asks []ask
	for _, word := range shown {
		a := b.ask("sum", metric).during(word).named(words(word))
		a.by = nil
		asks = append(asks, a)
	}
	m := asks[0].metric
	p := place(b, piechart.NewPanelBuilder(), s, title, false, asks)
	p.Unit("none").Mappings(nil).
		PieType(piechart.PieChartTypeDonut).
		Orientation(common.VizOrientationAuto).
		DisplayLabels([]piechart.PieChartLabels{piechart.PieChartLabelsName, piechart.PieChartLabelsPercent}).
		ReduceOptions(lastValue()).
		Tooltip(tooltip()).
		Legend(piechart.NewPieChartLegendOptionsBuilder().ShowLegend(true).DisplayMode(common.LegendDisplayModeTable).
			Placement(common.LegendPlacementRight).Values([]piechart.PieChartLegendValues{piechart.PieChartLegendValuesPercent}))
	for _, word := range shown {
		p.OverrideByName(words(word), []dashboard.DynamicConfigValue{
			{Id: "color", Value: map[string]string{"mode": "fixed", "fixedColor": meanings[m.Class+"."+m.Name][word]}},
		})
	}
	return p
}

// A column of a table: what is asked for, and its head.
type column struct {
	fn, metric, head string
}

// list shows a device a line, with the present values of several metrics of a
// class.
func (b *board) list(s size, title, class string, columns ...column) *table.PanelBuilder {
	p := table.NewPanelBuilder().Title(title).Datasource(source).Span(s.w).Height(s.h).NoValue("no data").
		ShowHeader(true).Footer(noFooter()).Thresholds(plain())
	now(b, p)
	var fields []string
	for _, c := range columns {
		a := b.ask(c.fn, class+"."+c.metric)
		fields = append(fields, fmt.Sprintf("%s AS %q", a.call(a.field()), c.head))
		properties := looks(b, a.metric)
		kind := common.TableCellDisplayModeColorText
		if b.mappings(a.metric) != nil {
			kind = common.TableCellDisplayModeColorBackground
		}
		properties = append(properties, dashboard.DynamicConfigValue{Id: "custom.cellOptions", Value: map[string]any{"type": kind}})
		p.OverrideByName(c.head, properties)
	}
	p.WithTarget(&Query{
		RefID: "A", Datasource: source, RawQuery: true, ResultFormat: asTable,
		Query: "SELECT " + strings.Join(fields, ", ") + " FROM " + measurements([]string{class}) + " WHERE " + b.scope + ` AND $timeFilter GROUP BY "device"`,
	}).WithTransformation(byDevice())
	return p
}

// events shows what happened, the latest first, with some of the fields that
// events have. Condition chooses among them; "" for all.
func (b *board) events(s size, title, condition string, fields ...string) *table.PanelBuilder {
	where := ofSite
	if condition != "" {
		where += " AND " + condition
	}
	p := table.NewPanelBuilder().Title(title).Datasource(source).Span(s.w).Height(s.h).NoValue("nothing").
		ShowHeader(true).Footer(noFooter()).Thresholds(plain()).
		OverrideByName("Time", []dashboard.DynamicConfigValue{{Id: "custom.width", Value: 170}})
	var columns []string
	for _, f := range fields {
		c := eventColumns[f]
		columns = append(columns, fmt.Sprintf("%q AS %q", f, c.head))
		if c.looks != nil {
			p.OverrideByName(c.head, c.looks)
		}
	}
	return p.WithTarget(&Query{
		RefID: "A", Datasource: source, RawQuery: true, ResultFormat: asTable,
		Query: "SELECT " + strings.Join(columns, ", ") + ` FROM "events" WHERE ` + where + " AND $timeFilter ORDER BY time DESC LIMIT 200",
	})
}

// eventColumns are the heads of the fields and tags of events, and how wide
// they are and look.
var eventColumns = map[string]struct {
	head  string
	looks []dashboard.DynamicConfigValue
}{
	"severity_code": {"Severity", []dashboard.DynamicConfigValue{
		{Id: "custom.width", Value: 90},
		{Id: "custom.cellOptions", Value: map[string]any{"type": common.TableCellDisplayModeColorBackground}},
		{Id: "mappings", Value: severities()},
	}},
	"device":   {"Device", []dashboard.DynamicConfigValue{{Id: "custom.width", Value: 130}}},
	"text":     {"Event", nil},
	"duration": {"Duration", []dashboard.DynamicConfigValue{{Id: "unit", Value: units.Seconds}, {Id: "custom.width", Value: 110}}},
}

// severities are the colours of events.
func severities() []dashboard.ValueMapping {
	colors := []string{working, abnormal, lost}
	shown := map[string]dashboard.ValueMappingResult{}
	for s := agent.Info; s <= agent.Alarm; s++ {
		shown[fmt.Sprint(int(s))] = dashboard.ValueMappingResult{Text: cog.ToPtr(s.String()), Color: &colors[s], Index: cog.ToPtr(int32(s))}
	}
	return []dashboard.ValueMapping{{ValueMap: &dashboard.ValueMap{Type: dashboard.MappingTypeValueToText, Options: shown}}}
}

func noFooter() *common.TableFooterOptionsBuilder {
	return common.NewTableFooterOptionsBuilder().Show(false).Reducer([]string{})
}

// byDevice leaves out the time of a table with a device a line.
func byDevice() dashboard.DataTransformerConfig {
	return dashboard.DataTransformerConfig{Id: "organize", Options: map[string]any{
		"excludeByName": map[string]bool{"Time": true}, "indexByName": map[string]int{}, "renameByName": map[string]string{"device": "Device"},
	}}
}
