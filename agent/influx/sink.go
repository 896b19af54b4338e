// Package influx delivers readings to InfluxDB, by the v2 write API, which
// InfluxDB 1.8 serves too.
//
// A poll becomes one line for each channel of the device, with the poll's time
// in milliseconds:
//
//	ups,channel=L1,device=ups-a,room=ups-room,site=praha-1 input_voltage=231.2,input_current=12.1 1790000000000
//	ups,device=ups-a,room=ups-room,site=praha-1 up=1,status="on_battery",status_code=2i,battery_charge=98 1790000000000
//
// The measurement is the metric's class, the tags are the site, the device,
// its labels and the channel. A number is a field of the metric's name. A
// state is two, its word and, as NAME_code, its code; what a device said that
// is no known state is NAME_raw. A Suspect number is NAME_suspect, so that it
// is kept and spoils no chart. A Bad reading is not written: what is missing
// is missing.
//
// Lines are idempotent: the same one twice is one point. So whatever is not
// confirmed is sent again. A line that the server will never take is found by
// halving and left out, with a line of log that holds it and the reason.
package influx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"
	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"
	influxlog "github.com/influxdata/influxdb-client-go/v2/log"
	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"plantroom/agent"
)

// writeTimeout bounds one write, from the connection to the answer.
const writeTimeout = 15 * time.Second

// Options say which InfluxDB, and for which site.
type Options struct {
	URL    string
	Org    string // 1.8 ignores it
	Bucket string // 1.8: DATABASE or DATABASE/RETENTION
	Token  string // 1.8: USER:PASSWORD; "" for none
	Site   string
	Log    *slog.Logger
}

// A Sink writes to one bucket. It implements agent.Sink.
type Sink struct {
	options Options
	client  influxdb2.Client
	api     api.WriteAPIBlocking

	enc     lineprotocol.Encoder
	layouts map[*agent.Device]*layout
}

// New returns a sink. It dials nothing.
func New(o Options) (*Sink, error) {
	influxlog.Log = nil // what fails is in the errors
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: writeTimeout,
		MaxIdleConns:          2,
		IdleConnTimeout:       90 * time.Second,
	}
	client := influxdb2.NewClientWithOptions(o.URL, o.Token, influxdb2.DefaultOptions().
		SetPrecision(time.Millisecond).
		SetHTTPClient(&http.Client{Transport: transport, Timeout: writeTimeout}))
	s := &Sink{options: o, client: client, api: client.WriteAPIBlocking(o.Org, o.Bucket), layouts: map[*agent.Device]*layout{}}
	s.enc.SetPrecision(lineprotocol.Millisecond)
	return s, nil
}

// Close closes idle connections.
func (s *Sink) Close() error {
	s.client.Close()
	return nil
}

// A layout says which reading of a device's polls goes into which line. It
// holds as long as the polls bring the same points in the same order.
type layout struct {
	points []*agent.Point
	fields []fields // of each point
	lines  []line
}

type line struct {
	measurement string
	tags        []agent.Label
	readings    []int // indexes into points
}

// fields are the names that a metric's fields have.
type fields struct{ value, code, raw, suspect string }

// Append encodes one poll of one device after dst.
func (s *Sink) Append(dst []byte, rs []agent.Reading) []byte {
	if len(rs) == 0 {
		return dst
	}
	device := rs[0].Point.Device
	l := s.layouts[device]
	if l == nil || !l.fits(rs) {
		l = s.layOut(rs)
		s.layouts[device] = l
	}
	s.enc.Reset()
	for i := range l.lines {
		s.line(l, &l.lines[i], rs)
	}
	return append(dst, s.enc.Bytes()...)
}

func (l *layout) fits(rs []agent.Reading) bool {
	if len(l.points) != len(rs) {
		return false
	}
	for i := range rs {
		if rs[i].Point != l.points[i] {
			return false
		}
	}
	return true
}

func (s *Sink) layOut(rs []agent.Reading) *layout {
	l := &layout{points: make([]*agent.Point, len(rs)), fields: make([]fields, len(rs))}
	type key struct{ class, channel string }
	at := map[key]int{}
	for i := range rs {
		p := rs[i].Point
		name := p.Metric.Name
		l.points[i] = p
		l.fields[i] = fields{name, name + "_code", name + "_raw", name + "_suspect"}
		k := key{p.Metric.Class, p.Channel}
		n, ok := at[k]
		if !ok {
			n = len(l.lines)
			at[k] = n
			l.lines = append(l.lines, line{measurement: k.class, tags: s.tags(p)})
		}
		l.lines[n].readings = append(l.lines[n].readings, i)
	}
	return l
}

// tags returns a point's tags, in the order that InfluxDB likes best.
func (s *Sink) tags(p *agent.Point) []agent.Label {
	tags := []agent.Label{{Name: "site", Value: s.options.Site}, {Name: "device", Value: p.Device.ID}}
	tags = append(tags, p.Device.Labels...)
	tags = append(tags, agent.Label{Name: "channel", Value: p.Channel})
	for i := range tags {
		tags[i].Value = printable(tags[i].Value)
	}
	tags = slices.DeleteFunc(tags, func(t agent.Label) bool { return t.Value == "" })
	slices.SortFunc(tags, func(a, b agent.Label) int { return strings.Compare(a.Name, b.Name) })
	return tags
}

// printable returns text as a tag can hold it: without control characters and
// without a backslash at the end.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	return strings.TrimRight(text, `\`)
}

// line encodes the readings of one line, if there are any.
func (s *Sink) line(l *layout, ln *line, rs []agent.Reading) {
	started := false
	field := func(name string, v lineprotocol.Value) {
		if !started {
			started = true
			s.enc.StartLine(ln.measurement)
			for _, t := range ln.tags {
				s.enc.AddTag(t.Name, t.Value)
			}
		}
		s.enc.AddField(name, v)
	}
	for _, i := range ln.readings {
		r, names := &rs[i], &l.fields[i]
		if r.Quality == agent.Bad {
			continue
		}
		if r.Point.Metric.Kind == agent.State {
			word, _ := lineprotocol.StringValue(r.Word())
			field(names.value, word)
			field(names.code, lineprotocol.IntValue(int64(r.Value)))
			if r.Raw != "" {
				raw, _ := lineprotocol.StringValue(strings.ToValidUTF8(r.Raw, "?"))
				field(names.raw, raw)
			}
			continue
		}
		v, ok := lineprotocol.FloatValue(r.Value)
		switch {
		case !ok:
		case r.Quality == agent.Suspect:
			field(names.suspect, v)
		default:
			field(names.value, v)
		}
	}
	if started {
		s.enc.EndLine(rs[0].Time)
	}
}

// Send writes lines and returns nil when the server has taken them, or those
// that it will never take are reported.
func (s *Sink) Send(ctx context.Context, block []byte) error {
	return s.send(ctx, string(block), &verdicts{})
}

// Verdicts count what the server made of the parts of a block.
type verdicts struct{ taken, refused int }

// refusedAlone is how many single lines a server may refuse, and take none,
// before it is the server and not the lines.
const refusedAlone = 8

func (s *Sink) send(ctx context.Context, lines string, v *verdicts) error {
	err := s.api.WriteRecord(ctx, lines)
	if err == nil {
		v.taken++
		return nil
	}
	answer, _ := errors.AsType[*influxhttp.Error](err)
	if answer == nil || !final(answer.StatusCode) {
		return fmt.Errorf("write to %s bucket %s: %w", s.options.URL, s.options.Bucket, explain(err, answer))
	}
	if end := strings.IndexByte(lines, '\n'); end < 0 || end == len(lines)-1 {
		v.refused++
		if v.refused >= refusedAlone && v.taken == 0 {
			return fmt.Errorf("write to %s bucket %s: no line is taken: %w", s.options.URL, s.options.Bucket, explain(err, answer))
		}
		s.options.Log.Error("a line is left out, InfluxDB will never take it", "sink", "influx",
			"line", strings.TrimSuffix(lines, "\n"), "err", explain(err, answer))
		return nil
	}
	middle := half(lines)
	if err := s.send(ctx, lines[:middle], v); err != nil {
		return err
	}
	return s.send(ctx, lines[middle:], v)
}

// half returns where to cut lines, of which there are at least two: after the
// line that has the middle in it, or before it when it is the last one.
func half(lines string) int {
	middle := len(lines) / 2
	if end := strings.IndexByte(lines[middle:], '\n'); end >= 0 && middle+end+1 < len(lines) {
		return middle + end + 1
	}
	return strings.LastIndexByte(lines[:middle], '\n') + 1
}

// final reports whether a status is about what was written, so that the same
// again would be refused again: malformed, too large, not processable.
func final(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge || status == http.StatusUnprocessableEntity
}

// explain makes one line of an answer.
func explain(err error, answer *influxhttp.Error) error {
	if answer == nil || answer.StatusCode == 0 {
		return err
	}
	text := answer.Message
	if text == "" {
		text = http.StatusText(answer.StatusCode)
	}
	return fmt.Errorf("%d %s", answer.StatusCode, text)
}
