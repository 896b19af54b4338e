package snmp

import (
	"context"
	"fmt"
	"slices"

	"plantroom/agent"
	"plantroom/config"
)

// bulkAlarms is what a GETBULK asks of tables of alarms in all: mostly they
// are empty, and what follows them comes for nothing.
const bulkAlarms = 4

// The codes of config.AlarmStates.
const (
	alarmClear  = 1
	alarmActive = 2
)

// An alarmTable is a column whose rows are the alarms that a device has now.
type alarmTable struct {
	column string // with a leading dot
	count  string // the scalar with the number of its rows, likewise
	alarms []alarm
	failed error // the agent would not say; it is not asked again until the next survey
}

// An alarm is one that a table can have.
type alarm struct {
	oid    string // without a leading dot; "" for all that are not in the table's list
	point  *agent.Point
	active bool // in the last walk
}

// alarmTables makes tables of those that a survey found to be there. What is as
// it was before stays the same Point, and a table of which the survey could
// not find out stays.
func alarmTables(device *agent.Device, points []config.SNMPPoint, s *survey, before []alarmTable) (tables []alarmTable) {
	known := map[agent.Point]*agent.Point{}
	had := map[string]bool{}
	for _, t := range before {
		had[t.column] = true
		for _, a := range t.alarms {
			known[*a.point] = a.point
		}
	}
	at := map[string]int{}
	for i := range points {
		p := &points[i]
		if p.Alarm == nil {
			continue
		}
		column := dotted(p.Alarm.Column)
		if there := s.value(dotted(p.Alarm.Count)) != nil || s.incomplete(p) && had[column]; !there {
			continue
		}
		if _, begun := at[column]; !begun {
			at[column] = len(tables)
			tables = append(tables, alarmTable{column: column, count: dotted(p.Alarm.Count)})
		}
		point := &agent.Point{Device: device, Metric: p.Metric, Channel: p.Channel, Source: p.Alarm.Column}
		if same := known[*point]; same != nil {
			point = same
		}
		t := &tables[at[column]]
		t.alarms = append(t.alarms, alarm{oid: p.Alarm.OID, point: point})
	}
	return tables
}

// readAlarms walks the tables of alarms, side by side, and appends what they
// say. An error means that the device does not answer.
func (s *Source) readAlarms(ctx context.Context, dst []agent.Reading) ([]agent.Reading, error) {
	if len(s.alarms) == 0 {
		return dst, nil
	}
	var columns []config.SNMPPoint
	for i := range s.alarms {
		if t := &s.alarms[i]; t.failed == nil {
			columns = append(columns, config.SNMPPoint{Table: t.column})
		}
	}
	walk := newSurvey(columns)
	walk.bulk = bulkAlarms
	for !walk.done() {
		if err := walk.step(ctx, &s.client); err != nil {
			return dst, err
		}
	}
	for i := range s.alarms {
		t := &s.alarms[i]
		if walk.failed[t.column] {
			t.failed = fmt.Errorf("walk %s of %s: the agent refuses", t.column[1:], s.client.address.Address)
			s.soon()
		}
		if t.failed != nil {
			dst = t.fail(dst, t.failed)
			continue
		}
		t.note(walk)
		clear, why := alarmClear, ""
		if n := s.counted(t); n > 0 && len(walk.rows[t.column]) == 0 {
			clear, why = 0, fmt.Sprintf("%g rows counted", n) // it keeps no table, or the alarm is coming or going
		}
		for j := range t.alarms {
			if a := &t.alarms[j]; a.active {
				dst = append(dst, a.point.Stated(alarmActive, ""))
			} else {
				dst = append(dst, a.point.Stated(clear, why))
			}
		}
	}
	return dst, nil
}

// counted returns how many rows the device said in this poll that a table has,
// 0 where the profile has no point that asks.
func (s *Source) counted(t *alarmTable) float64 {
	for i := range s.requests {
		if j := slices.Index(s.requests[i].oids, t.count); j >= 0 && s.requests[i].answers[j].failed == nil {
			n, _ := number(&s.requests[i].answers[j].pdu)
			return n
		}
	}
	return 0
}

// note takes over which alarms a walk has seen. A row with an alarm that is
// not in the list is not lost: then the one that stands for all others is active.
func (t *alarmTable) note(walk *survey) {
	for i := range t.alarms {
		t.alarms[i].active = false
	}
	for _, row := range walk.rows[t.column] {
		said := text(walk.value(t.column + "." + row))
		other := -1
		for i := range t.alarms {
			a := &t.alarms[i]
			if a.oid == said && said != "" {
				a.active, other = true, -1
				break
			}
			if a.oid == "" {
				other = i
			}
		}
		if other >= 0 {
			t.alarms[other].active = true
		}
	}
}

// fail appends that nothing is known of the table's alarms.
func (t *alarmTable) fail(dst []agent.Reading, err error) []agent.Reading {
	for i := range t.alarms {
		dst = append(dst, t.alarms[i].point.Failed(err))
	}
	return dst
}
