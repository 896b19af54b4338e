package events

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/google/renameio/v2"

	"plantroom/agent"
)

// measures is what is recorded of devices of each class, besides their states.
var measures = map[string][]string{
	"ups": {"battery_charge", "battery_runtime", "battery_voltage", "battery_current", "input_voltage", "input_power", "input_frequency",
		"output_voltage", "output_power", "output_load", "output_frequency", "output_energy"},
	"ats": {"source_a_voltage", "source_b_voltage", "source_a_frequency", "source_b_frequency", "output_voltage", "output_power", "output_current"},
	"generator": {"engine_speed", "oil_pressure", "coolant_temperature", "fuel_level", "starter_battery_voltage", "output_voltage",
		"output_frequency", "output_power", "output_energy", "mains_voltage"},
	"switchboard": {"voltage", "frequency", "active_power", "energy_import"},
	"dc":          {"battery_charge", "battery_runtime", "battery_voltage", "battery_current", "input_voltage", "output_voltage", "output_power"},
	"cooling": {"supply_air_temperature", "return_air_temperature", "supply_water_temperature", "return_water_temperature", "fan_speed",
		"compressor_speed", "cooling_power", "power"},
	"climate": {"temperature", "humidity"},
	"site":    {"mains_power", "it_power", "cooling_power", "pue", "battery_runtime_min"},
}

// recorded reports whether what a point measures is recorded.
func recorded(m *agent.Metric, class, channel string) bool {
	switch {
	case m.Name == "up":
		return true
	case m.Kind == agent.State:
		return m.Name != "outlet_state"
	}
	return slices.Contains(measures[class], m.Name) && (class == "climate" || toNeutral(channel) || class == "cooling")
}

// before is for how long readings are held, to be recorded of the time before
// an incident.
const before = time.Minute

// A ring holds what a device read during the last minute.
type ring struct {
	columns []*cell
	size    int
	times   []int64   // Unix milliseconds
	values  []float64 // a row for each time; NaN is what was not read
	count   int       // rows put in, ever
}

// add makes a cell a column. What was held is given up: it happens when a
// device is met.
func (r *ring) add(c *cell) {
	r.columns = append(r.columns, c)
	r.size = min(max(int(before/max(c.device.Every, 100*time.Millisecond)), 4), 600) + 1
	r.times, r.values, r.count = nil, nil, 0
}

// keep holds what the device's poll number n read.
func (r *ring) keep(at time.Time, n int) {
	width := len(r.columns)
	if width == 0 {
		return
	}
	if r.times == nil {
		r.times, r.values = make([]int64, r.size), make([]float64, r.size*width)
	}
	i := r.count % r.size
	r.times[i] = at.UnixMilli()
	row := r.values[i*width:][:width]
	for j, c := range r.columns {
		row[j] = math.NaN()
		if c.seen == n {
			row[j] = c.value
		}
	}
	r.count++
}

// row returns the i-th row put in.
func (r *ring) row(i int) (at int64, values []float64) {
	width := len(r.columns)
	return r.times[i%r.size], r.values[i%r.size*width:][:width]
}

// held returns the numbers of the rows that are held: from first up to end.
func (r *ring) held() (first, end int) { return max(0, r.count-r.size), r.count }

// How the readings of what lasts are thinned out: all of them for two hours,
// and for two minutes after each event; then one in ten seconds, and after a
// day one in a minute.
const (
	fullFor    = 2 * time.Hour
	fullAfter  = 2 * time.Minute
	thin       = 10 * time.Second
	thinnerFor = 24 * time.Hour
	thinner    = time.Minute
)

// A recorder writes the readings of an incident.
type recorder struct {
	f       *os.File
	memory  *bytes.Buffer // instead of f, where there is no folder
	began   time.Time
	ahead   time.Duration // by how much its clock, that of its beginning, is ahead of the one that is now
	buf     []byte
	columns map[*device]int   // how many its last heading has
	last    map[*device]int64 // when its last row was
	err     error             // why nothing more is written
}

// memoryLimit bounds the readings of an incident that are held in memory.
const memoryLimit = 16 << 20

func newRecorder(dir, id string, began time.Time) *recorder {
	r := &recorder{began: began, columns: map[*device]int{}, last: map[*device]int64{}}
	if dir == "" {
		r.memory = &bytes.Buffer{}
		return r
	}
	r.f, r.err = openAppend(filepath.Join(dir, id+readingsSuffix))
	return r
}

// take has the readings of a record be those of another.
func (r *recorder) take(dir, from, id string) {
	if dir == "" {
		return
	}
	for _, suffix := range []string{readingsSuffix, compressedSuffix} {
		err := os.Rename(filepath.Join(dir, from+suffix), filepath.Join(dir, id+suffix))
		if err != nil && !errors.Is(err, fs.ErrNotExist) && r.err == nil {
			r.err = err
		}
	}
}

// past records what is held of a device.
func (r *recorder) past(d *device) {
	first, end := d.ring.held()
	for i := first; i < end; i++ {
		r.put(d, i)
	}
	r.flush()
}

// row records the last poll of a device: always, or as often as is due.
func (r *recorder) row(d *device, at time.Time, full bool) {
	if d.ring.count == 0 {
		return
	}
	if !full {
		every := thin
		if at = at.Add(r.ahead); at.Sub(r.began) > thinnerFor {
			every = thinner
		}
		if at.UnixMilli()-r.last[d] < every.Milliseconds() {
			return
		}
	}
	r.put(d, d.ring.count-1)
	r.flush()
}

// put encodes the i-th row of a device.
func (r *recorder) put(d *device, i int) {
	at, values := d.ring.row(i)
	at += r.ahead.Milliseconds()
	if n, known := r.columns[d]; !known || n != len(values) {
		h := heading{Device: d.ID}
		for _, c := range d.ring.columns {
			m := c.point.Metric
			h.Columns = append(h.Columns, column{m.Name, c.point.Channel, m.Unit, m.States})
		}
		r.buf = appendLine(r.buf, h)
		r.columns[d] = len(values)
	}
	r.last[d] = at
	start := len(r.buf)
	r.buf = append(r.buf, `........ {"d":"`...)
	r.buf = append(r.buf, d.ID...)
	r.buf = append(r.buf, `","t":`...)
	r.buf = strconv.AppendInt(r.buf, at, 10)
	r.buf = append(r.buf, `,"v":[`...)
	for j, v := range values {
		if j > 0 {
			r.buf = append(r.buf, ',')
		}
		if math.IsNaN(v) {
			r.buf = append(r.buf, "null"...)
		} else {
			r.buf = strconv.AppendFloat(r.buf, v, 'g', -1, 64)
		}
	}
	r.buf = sealLine(append(r.buf, "]}"...), start)
}

// flush writes what is encoded. After an error nothing more is: a recording
// with a hole that nobody sees would be worse than one that ends.
func (r *recorder) flush() {
	switch {
	case r.err != nil:
	case r.memory != nil:
		if r.memory.Len()+len(r.buf) > memoryLimit {
			r.err = errors.New("the readings fill the memory that they may have")
			break
		}
		r.memory.Write(r.buf)
	default:
		_, r.err = r.f.Write(r.buf)
	}
	r.buf = r.buf[:0]
}

func (r *recorder) close() {
	if r.f != nil {
		r.f.Close()
		r.f = nil
		if r.err == nil {
			r.err = fs.ErrClosed
		}
	}
}

// compress replaces the readings of a record by themselves, compressed.
func compress(dir, id string) (err error) {
	plain := filepath.Join(dir, id+readingsSuffix)
	in, err := os.Open(plain)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := renameio.NewPendingFile(filepath.Join(dir, id+compressedSuffix), renameio.WithTempDir(dir), renameio.WithPermissions(0o600))
	if err != nil {
		return err
	}
	defer out.Cleanup() // after the rename there is nothing to remove
	z := gzip.NewWriter(out)
	_, err = io.Copy(z, in)
	if err = errors.Join(err, z.Close()); err != nil {
		return err
	}
	if err := out.CloseAtomicallyReplace(); err != nil {
		return err
	}
	if err := syncDir(dir); err != nil {
		return err
	}
	return os.Remove(plain)
}
