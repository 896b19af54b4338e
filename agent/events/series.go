package events

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// The readings of a record are lines (see appendLine) in ID.readings, and once
// nothing more comes, compressed in ID.readings.gz. A line is a heading, which
// says what a device's columns are from then on, or a row, one poll of it:
//
//	{"device":"ups-a","columns":[{"metric":"battery_charge","unit":"%"}, ...]}
//	{"d":"ups-a","t":1790000000000,"v":[98,null,231.2]}
//
// null is a value that was not read.
const (
	readingsSuffix   = ".readings"
	compressedSuffix = ".readings.gz"
)

// A heading says what a device's rows hold.
type heading struct {
	Device  string   `json:"device"`
	Columns []column `json:"columns"`
}

type column struct {
	Metric  string   `json:"metric"`
	Channel string   `json:"channel,omitempty"`
	Unit    string   `json:"unit,omitempty"`
	States  []string `json:"states,omitempty"`
}

// A row is what one poll of a device read.
type row struct {
	Device string     `json:"d"`
	Time   int64      `json:"t"`
	Values []*float64 `json:"v"`
}

// readSeries returns the readings of a record; none where there is no file.
func readSeries(dir, id string) ([]Series, error) {
	f, err := os.Open(filepath.Join(dir, id+readingsSuffix))
	var r io.Reader = f
	if errors.Is(err, fs.ErrNotExist) {
		if f, err = os.Open(filepath.Join(dir, id+compressedSuffix)); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err == nil {
			defer f.Close()
			r, err = gzip.NewReader(f)
		}
	} else if err == nil {
		defer f.Close()
	}
	if err != nil {
		return nil, err
	}
	return parseSeries(r)
}

func parseSeries(r io.Reader) ([]Series, error) {
	var all seriesSet
	_, err := eachLine(r, all.line)
	return all.all(), err
}

// A seriesSet puts rows together to series, in the order of the headings.
type seriesSet struct {
	order   []*Series
	columns map[string][]*Series // of a device, by its heading
	known   map[seriesKey]*Series
}

type seriesKey struct{ device, metric, channel string }

// line takes a line of a readings file.
func (s *seriesSet) line(text []byte) {
	var in struct {
		heading
		row
	}
	if json.Unmarshal(text, &in) != nil {
		return
	}
	if in.heading.Device != "" {
		s.heading(in.heading)
		return
	}
	for i, c := range s.columns[in.row.Device] {
		if i >= len(in.Values) || in.Values[i] == nil {
			continue
		}
		if n := len(c.Times); n > 0 && c.Times[n-1] >= in.Time {
			continue // the run before a kill wrote it already
		}
		c.Times = append(c.Times, in.Time)
		c.Values = append(c.Values, *in.Values[i])
	}
}

func (s *seriesSet) heading(h heading) {
	if s.columns == nil {
		s.columns, s.known = map[string][]*Series{}, map[seriesKey]*Series{}
	}
	columns := make([]*Series, len(h.Columns))
	for i, c := range h.Columns {
		key := seriesKey{h.Device, c.Metric, c.Channel}
		if s.known[key] == nil {
			s.known[key] = &Series{Device: h.Device, Metric: c.Metric, Channel: c.Channel, Unit: c.Unit, States: c.States}
			s.order = append(s.order, s.known[key])
		}
		columns[i] = s.known[key]
	}
	s.columns[h.Device] = columns
}

func (s *seriesSet) all() []Series {
	out := make([]Series, len(s.order))
	for i, one := range s.order {
		out[i] = *one
	}
	return out
}
