package snmp

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"plantroom/agent"
	"plantroom/config"
)

// bulkAlarms is how many rows a GETBULK asks of a table of alarms: mostly it
// is empty, and what follows it comes for nothing.
const bulkAlarms = 4

// The codes of config.AlarmStates.
const (
	alarmClear  = 1
	alarmActive = 2
)

// An alarmTable is a table whose rows are the alarms that a device has now.
type alarmTable struct {
	rows   config.SNMPPoint  // its column, which rows of it count, and the column of what they are about
	tables map[string]string // that the latter refers to, and what their rows are called
	count  *object           // the scalar with the number of its rows
	alarms []alarm
	listed map[string]int // where in alarms one with an OID is, without a leading dot; "" is that which stands for all others
	failed error          // the agent would not say; it is not asked again until the next survey
}

// An alarm is one that a table can have.
type alarm struct {
	point  *agent.Point
	active bool     // in the last walk
	says   []string // what the table said more: of one that stands for those that are not in its list which it is, and what it is about
}

// alarmsOf makes the table of a device's alarms: the first of the profile's
// tables that a survey found to be there, nil where none is. What is as it was
// before stays the same Point, and a table of which the survey could not find
// out stays. Its count may be an object of one of the cells.
func alarmsOf(device *agent.Device, points []config.SNMPPoint, s *survey, cells []cell, before *alarmTable) (t *alarmTable) {
	known := map[agent.Point]*agent.Point{}
	had := ""
	if before != nil {
		had = before.rows.Table
		for _, a := range before.alarms {
			known[*a.point] = a.point
		}
	}
	for i := range points {
		p := &points[i]
		if p.Alarm == nil || t != nil && t.rows.Table != p.Alarm.Column {
			continue
		}
		if there := s.value(dotted(p.Alarm.Count)) != nil || s.incomplete(p) && had == p.Alarm.Column; !there {
			continue
		}
		if t == nil {
			t = &alarmTable{
				rows:   config.SNMPPoint{Table: p.Alarm.Column, Where: p.Where, NameOID: p.Alarm.About},
				tables: p.Alarm.Tables,
				count:  objectAt(cells, dotted(p.Alarm.Count)),
				listed: map[string]int{},
			}
		}
		point := &agent.Point{Device: device, Metric: p.Metric, Channel: p.Channel, Source: p.Alarm.Column}
		if same := known[*point]; same != nil {
			point = same
		}
		for _, oid := range p.Alarm.OIDs {
			t.listed[oid] = len(t.alarms)
		}
		if len(p.Alarm.OIDs) == 0 {
			t.listed[""] = len(t.alarms)
		}
		t.alarms = append(t.alarms, alarm{point: point})
	}
	return t
}

// objectAt returns the object at oid that cells read, or another.
func objectAt(cells []cell, oid string) *object {
	for i := range cells {
		for _, w := range cells[i].ways {
			if w.object.oid == oid {
				return w.object
			}
		}
	}
	return &object{oid: oid, size: 5}
}

// equal reports whether two tables are of the same Points, or there is none.
func (t *alarmTable) equal(other *alarmTable) bool {
	if t == nil || other == nil {
		return t == other
	}
	return slices.EqualFunc(t.alarms, other.alarms, func(a, b alarm) bool { return a.point == b.point })
}

// readAlarms walks the table of alarms and appends what it says. An error
// means that the device does not answer.
func (s *Source) readAlarms(ctx context.Context, dst []agent.Reading) ([]agent.Reading, error) {
	t := s.alarms
	if t == nil {
		return dst, nil
	}
	if t.failed != nil {
		return t.fail(dst, t.failed), nil
	}
	walk := newSurvey([]config.SNMPPoint{t.rows})
	walk.bulk = bulkAlarms * len(walk.columns)
	for !walk.done() {
		if err := walk.step(ctx, &s.client); err != nil {
			return dst, err
		}
	}
	if walk.incomplete(&t.rows) {
		t.failed = fmt.Errorf("walk %s of %s: the agent refuses", t.rows.Table, s.client.address.Address)
		s.soon()
		return t.fail(dst, t.failed), nil
	}
	clear, why := alarmClear, ""
	if t.note(walk) == 0 {
		switch n, counts := t.counted(); {
		case !counts || n < 0: // of what it does not support APC says -1
			clear, why = 0, "rows are not counted" // nothing is said, by a table that may not be there any more
		case n > 0:
			clear, why = 0, fmt.Sprintf("%g rows counted", n) // it keeps no table, or the alarm is coming or going
		}
	}
	for i := range t.alarms {
		a := &t.alarms[i]
		if !a.active {
			dst = append(dst, a.point.Stated(clear, why))
			continue
		}
		r := a.point.Stated(alarmActive, "")
		r.Raw = strings.Join(a.says, ", ")
		dst = append(dst, r)
	}
	return dst, nil
}

// counted returns how many rows the device said in this poll that the table
// has, and whether it did.
func (t *alarmTable) counted() (n float64, ok bool) {
	a := t.count.answer
	if a == nil || a.failed != nil || absent(a.pdu.Type) {
		return 0, false
	}
	return number(&a.pdu)
}

// note takes over which alarms a walk has seen, and in how many rows, those that
// do not count among them. A row with an alarm that is not in the list is not
// lost: then the one that stands for all others is active.
func (t *alarmTable) note(walk *survey) (seen int) {
	for i := range t.alarms {
		t.alarms[i].active, t.alarms[i].says = false, nil
	}
	for _, row := range walk.rows[dotted(t.rows.Table)] {
		v := walk.beside(t.rows.Table, row)
		if v == nil {
			continue
		}
		seen++
		if !holds(t.rows.Where, walk, row, true) {
			continue
		}
		said := text(v)
		i, listed := t.find(said)
		if i < 0 {
			continue
		}
		a := &t.alarms[i]
		a.active = true
		if listed {
			said = ""
		}
		for _, more := range []string{said, t.about(walk, row)} {
			if more != "" && !slices.Contains(a.says, more) {
				a.says = append(a.says, more)
			}
		}
	}
	return seen
}

// about returns what the alarm of a row is about, as the profile calls it, "" where
// the device does not say, or of something else.
func (t *alarmTable) about(walk *survey, row string) string {
	v := walk.beside(t.rows.NameOID, row)
	if v == nil {
		return ""
	}
	cell := text(v)
	for table, pattern := range t.tables {
		if in, ok := strings.CutPrefix(cell, table+".1."); ok {
			_, index, _ := strings.Cut(in, ".") // behind the column
			return expand(pattern, index, "")
		}
	}
	return ""
}

// find returns where the alarm with an OID is: the one in the list that has
// it, or else has the longest that it lies below, or else the one for all
// others; -1 for none.
func (t *alarmTable) find(oid string) (at int, listed bool) {
	for above, more := oid, true; more; above, more = shorter(above) {
		if i, ok := t.listed[above]; ok && above != "" {
			return i, true
		}
	}
	if i, ok := t.listed[""]; ok {
		return i, false
	}
	return -1, false
}

// fail appends that nothing is known of the table's alarms.
func (t *alarmTable) fail(dst []agent.Reading, err error) []agent.Reading {
	for i := range t.alarms {
		dst = append(dst, t.alarms[i].point.Failed(err))
	}
	return dst
}
