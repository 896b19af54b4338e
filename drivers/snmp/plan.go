package snmp

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gosnmp/gosnmp"

	"plantroom/agent"
	"plantroom/config"
)

// A cell is what one reading of each poll is made of.
type cell struct {
	point *agent.Point // of the first of ways
	ways  []way        // in the profile's order; several only of a state
}

// A way is one point of the profile at one object of the device.
type way struct {
	decoder
	object *object
	point  *agent.Point
	from   int // the index of the profile's point
}

// An object is one that each poll asks the device for, once, however many
// cells it is for.
type object struct {
	oid    string // with a leading dot
	size   int    // what its value takes in an answer
	left   left
	answer *answer // to the last request; nil when it was not asked for
}

// left says why an object is not asked for until the next survey.
type left struct {
	gone   bool  // asking for it fails the whole request
	failed error // the agent would not say
}

// A request is the objects that one GET asks for.
type request struct {
	question
	objects []*object
	answers []answer // to be filled in, one for each
}

// plan makes cells of what a survey found, in the profile's order. Where
// several points of the profile have the same metric and channel, it is the
// first whose object the device has; one that has a value goes before one that
// gives a sentinel. Of a state it is all of them. What is as it was before
// stays the same Point, and of what the survey could not find out the cells
// from before stay.
func plan(device *agent.Device, points []config.SNMPPoint, s *survey, before []cell) []cell {
	known := make(map[agent.Point]*agent.Point, len(before))
	for _, c := range before {
		for _, w := range c.ways {
			known[*w.point] = w.point
		}
	}
	objects := make(map[string]*object, len(before))
	type key struct {
		metric  *agent.Metric
		channel string
	}
	type place struct {
		at    int // in cells
		value bool
	}
	taken := map[key]place{}
	var cells []cell
	put := func(w way, value bool) {
		k := key{w.point.Metric, w.point.Channel}
		p, again := taken[k]
		switch {
		case !again:
			taken[k] = place{len(cells), value}
			cells = append(cells, cell{w.point, []way{w}})
		case w.codes != nil:
			cells[p.at].ways = append(cells[p.at].ways, w)
		case value && !p.value:
			taken[k] = place{p.at, value}
			cells[p.at] = cell{w.point, []way{w}}
		}
	}
	for from := range points {
		p := &points[from]
		if p.Alarm != nil {
			continue // see alarmsOf
		}
		if s.incomplete(p) {
			for _, c := range before {
				for _, w := range c.ways {
					if w.from != from {
						continue
					}
					if oid := w.object.oid; objects[oid] == nil {
						objects[oid] = &object{oid: oid, size: w.object.size, left: w.object.left}
					}
					w.object = objects[w.object.oid]
					put(w, true)
				}
			}
			continue
		}
		channels := map[string]bool{} // of this point's rows
		for _, row := range rowsOf(p, s) {
			oid := dotted(p.OID)
			if row != "" {
				oid = dotted(p.Table) + "." + row
			}
			v := s.value(oid)
			if v == nil || row != "" && !holds(p.Where, s, row, false) {
				continue
			}
			decimals, ok := decimalsOf(p, s, row)
			if !ok {
				continue
			}
			channel, name := channelOf(p, s, row)
			if channels[channel] { // the pattern does not tell the rows apart
				channel += " " + row
			}
			channels[channel] = true
			point := &agent.Point{Device: device, Metric: p.Metric, Channel: channel, ChannelName: name, Source: oid[1:]}
			if same := known[*point]; same != nil {
				point = same
			}
			if objects[oid] == nil {
				objects[oid] = &object{oid: oid}
			}
			o := objects[oid]
			o.size, o.left = valueBytes(v), left{}
			w := way{newDecoder(p, decimals), o, point, from}
			_, value := w.decode(v)
			put(w, value)
		}
	}
	return cells
}

// equal reports whether two cells are of the same Point and read the same objects.
func (c cell) equal(other cell) bool {
	return c.point == other.point && slices.EqualFunc(c.ways, other.ways, func(a, b way) bool { return a.object.oid == b.object.oid })
}

// listed reports whether a column's point names each of the rows that it is about.
func listed(p *config.SNMPPoint) bool {
	if p.Rows == nil {
		return false
	}
	for index := range p.Rows {
		if strings.Contains(index, "*") {
			return false
		}
	}
	return true
}

// rowsOf returns the indexes of the rows that a column has and the profile
// wants, or all that the profile names; for a scalar one row "".
func rowsOf(p *config.SNMPPoint, s *survey) (rows []string) {
	switch {
	case p.Table == "":
		return []string{""}
	case p.Rows == nil:
		return s.rows[dotted(p.Table)]
	case listed(p):
		return slices.SortedFunc(maps.Keys(p.Rows), compareOIDs)
	}
	for _, row := range s.rows[dotted(p.Table)] {
		if _, ok := rowChannel(p.Rows, row); ok {
			rows = append(rows, row)
		}
	}
	return rows
}

// rowChannel returns the channel pattern that a point's rows have for a row:
// that of its index, or else of the one index with a * that it matches.
func rowChannel(rows map[string]string, row string) (pattern string, ok bool) {
	if pattern, ok = rows[row]; ok {
		return pattern, true
	}
	for index, pattern := range rows {
		if strings.Contains(index, "*") && matches(index, row) {
			return pattern, true
		}
	}
	return "", false
}

// matches reports whether row is index, where a * of index is any one number.
func matches(index, row string) bool {
	for {
		want, indexRest, more := strings.Cut(index, ".")
		got, rowRest, moreRow := strings.Cut(row, ".")
		if want != got && want != "*" || more != moreRow {
			return false
		}
		if !more {
			return true
		}
		index, row = indexRest, rowRest
	}
}

// compareOIDs orders OIDs and indexes as an agent's walk does.
func compareOIDs(a, b string) int {
	for a != "" && b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		if len(x) != len(y) {
			return len(x) - len(y)
		}
		if order := strings.Compare(x, y); order != 0 {
			return order
		}
	}
	return len(a) - len(b)
}

// holds reports whether a row meets all conditions. Lacking is whether it meets
// one on a cell that it does not have.
func holds(where []config.SNMPCondition, s *survey, row string, lacking bool) bool {
	for _, w := range where {
		if v := s.beside(w.Column, row); v == nil && !lacking || v != nil && !slices.Contains(w.Values, text(v)) {
			return false
		}
	}
	return true
}

// decimalsOf returns n of a point's factor 10^-n, and false where the profile
// says that the device tells n and it does not: a guess would be a wrong value.
func decimalsOf(p *config.SNMPPoint, s *survey, row string) (int, bool) {
	if p.Decimals == "" {
		return 0, true
	}
	v := s.beside(p.Decimals, row)
	if v == nil {
		return 0, false
	}
	n, ok := number(v)
	return int(n), ok && n >= -9 && n <= 9 && n == float64(int(n))
}

// channelOf returns the channel of a row or scalar, and its name.
func channelOf(p *config.SNMPPoint, s *survey, row string) (channel, name string) {
	name = p.ChannelName
	if p.NameOID != "" {
		name = ""
		if v := s.name(p.NameOID, row); v != nil {
			name = text(v)
		}
	}
	pattern, ok := rowChannel(p.Rows, row)
	if !ok {
		pattern = p.Channel
	}
	return expand(pattern, row, name), name
}

// expand fills in a channel pattern: {index} is the row's whole index, {1} and
// {-1} its first and last number (nothing where there is none), {name} the
// row's name, or its index where it has none. Anything else stays as it is.
func expand(pattern, index, name string) string {
	if !strings.Contains(pattern, "{") {
		return pattern
	}
	var b strings.Builder
	for {
		before, rest, open := strings.Cut(pattern, "{")
		b.WriteString(before)
		if !open {
			return b.String()
		}
		key, after, closed := strings.Cut(rest, "}")
		if !closed {
			b.WriteString("{" + rest)
			return b.String()
		}
		pattern = after
		n, err := strconv.Atoi(key)
		switch {
		case key == "index" || key == "name" && name == "":
			b.WriteString(index)
		case key == "name":
			b.WriteString(name)
		case err == nil && n != 0:
			b.WriteString(component(index, n))
		default:
			b.WriteString("{" + key + "}")
		}
	}
}

// component returns the nth number of an index, from its end where n is
// negative.
func component(index string, n int) string {
	parts := strings.Split(index, ".")
	if n < 0 {
		n += len(parts) + 1
	}
	if n < 1 || n > len(parts) {
		return ""
	}
	return parts[n-1]
}

// pack divides the objects of cells, and the count of alarms, among requests.
// The answers are those of all requests, one after the other.
func pack(cells []cell, alarms *alarmTable, c *client) (requests []request, answers []answer) {
	var oids []string
	var ask []*object
	seen := make(map[*object]bool, len(cells))
	add := func(o *object) {
		if seen[o] {
			return
		}
		seen[o], o.answer = true, nil
		if o.left == (left{}) {
			ask, oids = append(ask, o), append(oids, o.oid)
		}
	}
	for i := range cells {
		for j := range cells[i].ways {
			add(cells[i].ways[j].object)
		}
	}
	if alarms != nil {
		add(alarms.count)
	}
	answers = make([]answer, len(ask))
	for i, o := range ask {
		o.answer = &answers[i]
	}
	for at := 0; at < len(ask); {
		n := c.fits(oids[at:], func(i int) int { return ask[at+i].size })
		to := at + n
		requests = append(requests, request{*getOf(oids[at:to:to]), ask[at:to:to], answers[at:to:to]})
		at = to
	}
	return requests, answers
}

// reading appends what the answers of this poll say of the cell, or nothing
// where they say nothing.
func (c *cell) reading(dst []agent.Reading) []agent.Reading {
	var unmapped *gosnmp.SnmpPDU // the first that says what no word is for
	for i := range c.ways {
		w := &c.ways[i]
		o := w.object
		if o.left.failed != nil {
			return append(dst, c.point.Failed(o.left.failed))
		}
		if o.answer == nil || absent(o.answer.pdu.Type) {
			continue
		}
		v := &o.answer.pdu
		switch value, ok := w.decode(v); {
		case !ok:
			if err := w.unknown(v); err != nil {
				return append(dst, c.point.Failed(err))
			}
		case w.codes == nil:
			return append(dst, c.point.Measured(value))
		case value != 0:
			return append(dst, c.point.Stated(int(value), ""))
		case unmapped == nil:
			unmapped = v
		}
	}
	if unmapped != nil {
		dst = append(dst, c.point.Stated(0, text(unmapped)))
	}
	return dst
}
