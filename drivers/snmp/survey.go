package snmp

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gosnmp/gosnmp"

	"plantroom/config"
)

const (
	maxRows       = 1000  // of one column; a table that goes on is cut there
	maxCells      = 20000 // of one device
	bulkVariables = 40    // asked of a GETBULK in all
	bulkColumns   = 8     // walked side by side with GETBULK
	nextColumns   = 24    // and with GETNEXT
)

// A survey finds out which of a profile's objects a device has. It is made of
// steps, of a request or a few each, so that it can be spread over polls and
// goes on where it was interrupted.
type survey struct {
	scalars []string                  // still to ask
	columns []*column                 // still to walk
	abreast int                       // how many of them side by side
	bulk    int                       // how many variables a GETBULK asks for in all
	rows    map[string][]string       // the indexes of a column's rows, by its OID
	found   map[string]gosnmp.SnmpPDU // what the device has, by OID
	failed  map[string]bool           // scalars and columns of which the agent would not say, by OID
}

// A column is one being walked.
type column struct {
	oid  string
	last string              // the OID that the next request starts from; "" at the column's end
	seen map[string]struct{} // the OIDs of its cells
}

// newSurvey plans the survey of a device with a profile's points.
func newSurvey(points []config.SNMPPoint) *survey {
	scalars, columns := map[string]bool{}, map[string]bool{}
	for i := range points {
		objects(&points[i], func(oid string, column bool) {
			if column {
				columns[oid] = true
			} else {
				scalars[oid] = true
			}
		})
	}
	s := &survey{
		scalars: slices.Sorted(maps.Keys(scalars)),
		abreast: nextColumns,
		bulk:    bulkVariables,
		rows:    make(map[string][]string, len(columns)),
		found:   make(map[string]gosnmp.SnmpPDU, len(scalars)),
		failed:  map[string]bool{},
	}
	for _, oid := range slices.Sorted(maps.Keys(columns)) {
		s.columns = append(s.columns, &column{oid: oid, last: oid, seen: map[string]struct{}{}})
	}
	return s
}

// objects calls yield with every scalar and column that a point needs to know.
func objects(p *config.SNMPPoint, yield func(oid string, column bool)) {
	if p.Alarm != nil {
		yield(dotted(p.Alarm.Count), false) // whether there is a table; its rows come and go
		return
	}
	one := func(oid string) {
		switch {
		case oid == "":
		case p.Table == "" || isScalar(oid):
			yield(dotted(oid), false)
		case !listed(p):
			yield(dotted(oid), true)
		default:
			for row := range p.Rows {
				yield(dotted(oid)+"."+row, false)
			}
		}
	}
	one(p.OID)
	one(p.Table)
	one(p.NameOID)
	if p.NameOID != "" && !isScalar(p.NameOID) && listed(p) {
		for row := range p.Rows {
			for row, more := shorter(row); more; row, more = shorter(row) {
				yield(dotted(p.NameOID)+"."+row, false)
			}
		}
	}
	one(p.Decimals)
	for _, w := range p.Where {
		one(w.Column)
	}
}

// incomplete reports whether the agent would not say all that p needs.
func (s *survey) incomplete(p *config.SNMPPoint) (lacks bool) {
	if len(s.failed) > 0 {
		objects(p, func(oid string, _ bool) { lacks = lacks || s.failed[oid] })
	}
	return lacks
}

// dotted returns oid with the leading dot that gosnmp gives its own.
func dotted(oid string) string {
	if strings.HasPrefix(oid, ".") {
		return oid
	}
	return "." + oid
}

// isScalar reports whether oid is an instance of a scalar: a column never ends
// in 0.
func isScalar(oid string) bool { return strings.HasSuffix(oid, ".0") }

func (s *survey) done() bool { return len(s.scalars) == 0 && len(s.columns) == 0 }

// step asks for some more. An error means that the device does not answer; the
// next step then asks the same again.
func (s *survey) step(ctx context.Context, c *client) error {
	if len(s.scalars) > 0 {
		n := c.fits(s.scalars, func(int) int { return 12 })
		if c.address.Version == "1" {
			n = min(n, 8) // one request more for each that is missing
		}
		out := make([]answer, n)
		if err := c.get(ctx, getOf(s.scalars[:n]), out); err != nil {
			return err
		}
		for i, oid := range s.scalars[:n] {
			switch {
			case out[i].failed != nil:
				s.failed[oid] = true
			case !absent(out[i].pdu.Type):
				s.found[oid] = out[i].pdu
			}
		}
		s.scalars = s.scalars[n:]
		return nil
	}
	return s.walk(ctx, c)
}

// walk takes the first columns some rows further, side by side.
func (s *survey) walk(ctx context.Context, c *client) error {
	n := min(len(s.columns), s.abreast, c.width)
	if !c.noBulk {
		n = min(n, bulkColumns)
	}
	oids := make([]string, n)
	for i, col := range s.columns[:n] {
		oids[i] = col.last
	}
	kind, rows := gosnmp.GetNextRequest, 1
	if !c.noBulk {
		kind, rows = gosnmp.GetBulkRequest, max(min(s.bulk, c.width)/n, 1)
	}
	resp, err := c.send(ctx, &question{kind: kind, oids: oids, repetitions: rows})
	if err == nil {
		c.alive = true
	}
	switch {
	case err != nil && !c.tooMuch(ctx, err):
		return err
	case err == nil && resp.Error == gosnmp.NoError && len(resp.Variables) > 0:
		for i := range resp.Variables {
			s.visit(s.columns[i%n], &resp.Variables[i])
		}
	case kind == gosnmp.GetBulkRequest:
		c.noBulk, c.limited = true, time.Now()
		return nil
	case err == nil && resp.Error == gosnmp.NoSuchName && n == 1:
		s.columns[0].last = "" // the end of what a version 1 agent has
	case err == nil && resp.Error == gosnmp.NoSuchName && resp.ErrorIndex > 0 && int(resp.ErrorIndex) <= n:
		s.columns[resp.ErrorIndex-1].last = ""
	case n > 1:
		s.abreast = n / 2
	default:
		s.failed[s.columns[0].oid] = true
		s.columns[0].last = ""
	}
	s.columns = slices.DeleteFunc(s.columns, func(col *column) bool { return col.last == "" })
	return nil
}

// visit takes note of the variable that an agent says comes next in a column,
// and ends the column where it has: at an OID outside of it, at one that was
// there before (agents that sort badly are welcome, those that go round in
// circles are not), and at a column or a device out of all proportion.
func (s *survey) visit(col *column, v *gosnmp.SnmpPDU) {
	if col.last == "" {
		return
	}
	row, inside := strings.CutPrefix(v.Name, col.oid+".")
	_, before := col.seen[v.Name]
	end := v.Type == gosnmp.EndOfMibView || v.Type == gosnmp.NoSuchInstance || v.Type == gosnmp.NoSuchObject
	if !inside || before || end || len(col.seen) >= maxRows || len(s.found) >= maxCells {
		col.last = ""
		return
	}
	col.last = v.Name
	col.seen[v.Name] = struct{}{}
	s.found[v.Name] = *v
	s.rows[col.oid] = append(s.rows[col.oid], row)
}

// value returns what the device has at oid, nil where it has nothing there.
func (s *survey) value(oid string) *gosnmp.SnmpPDU {
	if v, ok := s.found[oid]; ok && !absent(v.Type) {
		return &v
	}
	return nil
}

// beside returns the value that goes with a row (or, with row "", with a
// scalar): the cell of a column, or a scalar.
func (s *survey) beside(oid, row string) *gosnmp.SnmpPDU {
	if row == "" || isScalar(oid) {
		return s.value(dotted(oid))
	}
	return s.value(dotted(oid) + "." + row)
}

// name returns the value of a name column that goes with a row: the row's own
// or, in a table of whole units, that of the unit that the row is a part of,
// whose index the row's begins with.
func (s *survey) name(oid, row string) *gosnmp.SnmpPDU {
	for {
		if v := s.beside(oid, row); v != nil {
			return v
		}
		rest, more := shorter(row)
		if !more {
			return nil
		}
		row = rest
	}
}

// shorter returns an index without its last number; more is false when it had
// no other.
func shorter(index string) (rest string, more bool) {
	cut := strings.LastIndexByte(index, '.')
	return index[:max(cut, 0)], cut > 0
}
