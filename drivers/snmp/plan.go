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

// A cell is one object of the device that each poll reads.
type cell struct {
	decoder
	point *agent.Point
	oid   string // with a leading dot
	size  int    // what its value takes in an answer
	from  int    // the profile's point that it is of
	left  left
}

// left says why a cell is not asked for until the next survey.
type left struct {
	gone   bool  // asking for it fails the whole request
	failed error // the agent would not say
}

// A request is the cells that one GET asks for.
type request struct {
	oids  []string // of cells
	cells []*cell
}

// plan makes cells of what a survey found, in the profile's order. Where
// several points of the profile have the same metric and channel, it is the
// first whose object the device has; one that has a value goes before one that
// gives a sentinel. What is as it was before stays the same Point, and of what
// the survey could not find out the cells from before stay.
func plan(device *agent.Device, points []config.SNMPPoint, s *survey, before []cell) []cell {
	known := make(map[agent.Point]*agent.Point, len(before))
	for i := range before {
		known[*before[i].point] = before[i].point
	}
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
	put := func(c cell, value bool) {
		k := key{c.point.Metric, c.point.Channel}
		p, again := taken[k]
		switch {
		case !again:
			taken[k] = place{len(cells), value}
			cells = append(cells, c)
		case value && !p.value:
			taken[k] = place{p.at, value}
			cells[p.at] = c
		}
	}
	for from := range points {
		p := &points[from]
		if s.incomplete(p) {
			for _, c := range before {
				if c.from == from {
					put(c, true)
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
			if v == nil || row != "" && !holds(p.Where, s, row) {
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
			c := cell{decoder: newDecoder(&p.Conversion, p.Metric, decimals), point: point, oid: oid, size: valueBytes(v), from: from}
			_, _, value := c.decode(v)
			put(c, value)
		}
	}
	return cells
}

// rowsOf returns the indexes of the rows that a column has, or that the
// profile names; for a scalar one row "".
func rowsOf(p *config.SNMPPoint, s *survey) []string {
	switch {
	case p.Table == "":
		return []string{""}
	case p.Rows == nil:
		return s.rows[dotted(p.Table)]
	}
	return slices.SortedFunc(maps.Keys(p.Rows), compareOIDs)
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

// holds reports whether a row meets all conditions.
func holds(where []config.SNMPCondition, s *survey, row string) bool {
	for _, w := range where {
		v := s.beside(w.Column, row)
		if v == nil || !slices.Contains(w.Values, text(v)) {
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
		if v := s.beside(p.NameOID, row); v != nil {
			name = text(v)
		}
	}
	if channel, named := p.Rows[row]; named && row != "" {
		return channel, name
	}
	return expand(p.Channel, row, name), name
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

// pack divides the cells among requests.
func pack(cells []cell, c *client) []request {
	var oids []string
	var ask []*cell
	for i := range cells {
		if cells[i].left == (left{}) {
			ask, oids = append(ask, &cells[i]), append(oids, cells[i].oid)
		}
	}
	var requests []request
	for len(ask) > 0 {
		n := c.fits(oids, func(i int) int { return ask[i].size })
		requests = append(requests, request{oids[:n:n], ask[:n:n]})
		oids, ask = oids[n:], ask[n:]
	}
	return requests
}

// reading appends what v says of the cell, or nothing where it says nothing.
func (c *cell) reading(dst []agent.Reading, v *gosnmp.SnmpPDU) []agent.Reading {
	value, said, ok := c.decode(v)
	switch {
	case !ok:
		return dst
	case c.codes != nil:
		return append(dst, c.point.Stated(int(value), said))
	}
	return append(dst, c.point.Measured(value))
}
