package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"

	"plantroom/agent"
)

// A tongue writes for people of one language, in one zone.
type tongue struct {
	lang    string
	zone    *time.Location
	printer *message.Printer
}

func newTongue(lang string, zone *time.Location) tongue {
	tag := language.BritishEnglish
	if lang == "cs" {
		tag = language.Czech
	}
	return tongue{lang, zone, message.NewPrinter(tag)}
}

// say returns words in the language, with arguments in their verbs.
func (t tongue) say(w agent.Words, args ...any) string {
	if len(args) == 0 {
		return w.In(t.lang)
	}
	return fmt.Sprintf(w.In(t.lang), args...)
}

// nbsp keeps a number with its unit on one line.
const nbsp = "\u00a0"

// minus is what stands before a negative number in print.
const minus = "\u2212"

// number returns v with that many decimals.
func (t tongue) number(v float64, decimals int) string {
	scale := math.Pow(10, float64(decimals))
	if math.Round(math.Abs(v)*scale) == 0 {
		v = 0 // no minus before a zero
	}
	s := t.printer.Sprint(number.Decimal(math.Abs(v), number.Scale(decimals)))
	if v < 0 {
		return minus + s
	}
	return s
}

// significant returns v with about three significant digits, and no more than
// two decimals.
func (t tongue) significant(v float64) string {
	switch a := math.Abs(v); {
	case a >= 99.95 || a == 0:
		return t.number(v, 0)
	case a >= 9.995:
		return t.number(v, 1)
	}
	return t.number(v, 2)
}

// quantity returns a value with its unit, as people say it: kilowatts for many
// watts, minutes for many seconds. The unit is a UCUM code of the catalogue.
func (t tongue) quantity(v float64, unit string) string {
	if unit == "s" {
		return t.duration(v)
	}
	v, unit = prefixed(v, unit)
	switch unit {
	case "":
		return t.significant(v)
	case "V", "%", "Cel", "K":
		return t.number(v, 1) + nbsp + symbol(unit)
	case "Hz":
		return t.number(v, 2) + nbsp + unit
	}
	return t.significant(v) + nbsp + symbol(unit)
}

// prefixed returns watts, watt-hours and the like in thousands or millions
// where there are many.
func prefixed(v float64, unit string) (float64, string) {
	switch unit {
	case "W", "VA", "var", "Wh":
		switch a := math.Abs(v); {
		case a >= 1e6:
			return v / 1e6, "M" + unit
		case a >= 1e3:
			return v / 1e3, "k" + unit
		}
	case "Pa":
		if math.Abs(v) >= 1e4 {
			return v / 1e3, "kPa"
		}
	}
	return v, unit
}

// symbol returns how a UCUM code is printed.
func symbol(unit string) string {
	switch unit {
	case "Cel":
		return "°C"
	case "{rpm}":
		return "min⁻¹"
	case "m3/h":
		return "m³/h"
	}
	if of, ok := strings.CutSuffix(unit, "/min"); ok {
		return symbol(of) + "/min"
	}
	return unit
}

// duration returns seconds in words: 12.3 s, 3 min 20 s, 1 h 12 min, 2 d 3 h.
func (t tongue) duration(seconds float64) string {
	if math.Round(seconds*10) < 0 { // no minus before a zero
		return minus + t.duration(-seconds)
	}
	if math.Round(seconds*10) < 600 {
		return t.number(seconds, 1) + nbsp + "s"
	}
	s := int64(math.Round(seconds))
	switch {
	case s < 3600:
		return t.pair(s/60, "min", s%60, "s")
	case s < 86400:
		m := (s + 30) / 60
		return t.pair(m/60, "h", m%60, "min")
	}
	h := (s + 1800) / 3600
	return t.pair(h/24, "d", h%24, "h")
}

func (t tongue) pair(a int64, unitA string, b int64, unitB string) string {
	s := t.number(float64(a), 0) + nbsp + unitA
	if b > 0 {
		s += nbsp + t.number(float64(b), 0) + nbsp + unitB
	}
	return s
}

// hours returns seconds as hours with one decimal.
func (t tongue) hours(seconds float64) string { return t.number(seconds/3600, 1) + nbsp + "h" }

// share returns part of whole in percent; close to all of it with as many
// decimals as tell it from all.
func (t tongue) share(part, whole float64) string {
	if whole <= 0 {
		return ""
	}
	if part >= whole {
		return t.number(100, 1) + nbsp + "%"
	}
	p := 100 * part / whole
	for decimals := 1; decimals < 4; decimals++ {
		if left := 100 - p; p >= 100 || left*math.Pow(10, float64(decimals)) >= 0.5 {
			return t.number(p, decimals) + nbsp + "%"
		}
	}
	// Never rounded up to all of it.
	return t.number(math.Floor(p*1e4)/1e4, 4) + nbsp + "%"
}

var monthsEN = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}

// The months in Czech: by themselves, and after a day.
var monthsCS = [...][2]string{{"leden", "ledna"}, {"únor", "února"}, {"březen", "března"}, {"duben", "dubna"}, {"květen", "května"},
	{"červen", "června"}, {"červenec", "července"}, {"srpen", "srpna"}, {"září", "září"}, {"říjen", "října"}, {"listopad", "listopadu"},
	{"prosinec", "prosince"}}

// month returns a month and its year.
func (t tongue) month(year int, m time.Month) string {
	name := monthsEN[m-1]
	if t.lang == "cs" {
		name = monthsCS[m-1][0]
	}
	return fmt.Sprintf("%s%s%d", name, nbsp, year)
}

// longDate returns a day with its month as a word.
func (t tongue) longDate(at time.Time) string {
	at = at.In(t.zone)
	if t.lang == "cs" {
		return fmt.Sprintf("%d.%s%s%s%d", at.Day(), nbsp, monthsCS[at.Month()-1][1], nbsp, at.Year())
	}
	return fmt.Sprintf("%d%s%s%s%d", at.Day(), nbsp, monthsEN[at.Month()-1], nbsp, at.Year())
}

// date returns a day for a table.
func (t tongue) date(at time.Time) string {
	at = at.In(t.zone)
	if t.lang == "cs" {
		return strings.ReplaceAll(at.Format("2. 1. 2006"), " ", nbsp)
	}
	return strings.ReplaceAll(at.Format("2 Jan 2006"), " ", nbsp)
}

// shortDate returns a day without its year.
func (t tongue) shortDate(at time.Time) string {
	at = at.In(t.zone)
	if t.lang == "cs" {
		return strings.ReplaceAll(at.Format("2. 1."), " ", nbsp)
	}
	return strings.ReplaceAll(at.Format("2 Jan"), " ", nbsp)
}

// clock returns a time of day.
func (t tongue) clock(at time.Time) string { return at.In(t.zone).Format("15:04:05") }

// moment returns a day and a time for a table.
func (t tongue) moment(at time.Time) string { return t.date(at) + nbsp + t.clock(at) }

// zones names the zone over a time: both where summer time begins or ends in it.
func (t tongue) zones(from, to time.Time) string {
	first, last := t.zoneName(from), t.zoneName(to)
	if first == last {
		return first
	}
	return first + ", " + last
}

// zoneName names the zone at a time: CET (UTC+1).
func (t tongue) zoneName(at time.Time) string {
	name, offset := at.In(t.zone).Zone()
	utc := "UTC"
	if offset != 0 {
		sign := "+"
		if offset < 0 {
			sign, offset = minus, -offset
		}
		utc += fmt.Sprintf("%s%d", sign, offset/3600)
		if m := offset % 3600 / 60; m != 0 {
			utc += fmt.Sprintf(":%02d", m)
		}
	}
	// Where a zone has no letters, its name is its offset.
	if name == utc || strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") {
		return utc
	}
	return fmt.Sprintf("%s (%s)", name, utc)
}
