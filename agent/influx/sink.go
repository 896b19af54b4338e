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
// is missing. Events are lines of their own, see AppendEvent.
//
// Lines are idempotent: the same one twice is one point. So whatever is not
// confirmed is sent again. A line that the server will never take is found by
// halving, left out and counted; the first of its series is logged with the
// reason. A server that takes none of a block, and does not say that it is the
// lines' fault, keeps it waiting: then it is the server, or what stands in
// front of it, that has to change.
package influx

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"
	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"
	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"plantroom/agent"
)

const (
	writeTimeout = 15 * time.Second // of one write, from the connection to the answer
	writeLimit   = 1 << 20          // bytes in one write: five thousand lines or so
)

// Options say which InfluxDB, and for which site.
type Options struct {
	URL    string
	Org    string      // 1.8 ignores it
	Bucket string      // 1.8: DATABASE or DATABASE/RETENTION
	Token  string      // 1.8: USER:PASSWORD; "" for none
	TLS    *tls.Config // for https://; nil believes the system's authorities
	Site   string
	Log    *slog.Logger
}

// A Sink writes to one bucket. It implements agent.Sink, and is unordered:
// lines carry their time.
type Sink struct {
	options Options
	client  influxdb2.Client
	api     api.WriteAPIBlocking

	enc     lineprotocol.Encoder
	layouts map[*agent.Device]*layout

	refused atomic.Uint64

	mu     sync.Mutex
	told   map[string]bool // series of which a refused line was logged
	tooOld bool            // the last write held points that the server does not keep
}

// New returns a sink. It dials nothing.
func New(o Options) (*Sink, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("the URL of InfluxDB is none; write for example http://10.1.0.5:8086")
	case u.User != nil: // it would be in every error
		return nil, errors.New("the URL of InfluxDB carries a user; write it as the token, USER:PASSWORD")
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSClientConfig:       o.TLS,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: writeTimeout,
		MaxIdleConns:          2,
		IdleConnTimeout:       90 * time.Second,
	}
	client := influxdb2.NewClientWithOptions(o.URL, o.Token, influxdb2.DefaultOptions().
		SetPrecision(time.Millisecond).
		SetHTTPClient(&http.Client{Transport: transport, Timeout: writeTimeout}))
	s := &Sink{
		options: o, client: client, api: client.WriteAPIBlocking(o.Org, o.Bucket),
		layouts: map[*agent.Device]*layout{}, told: map[string]bool{},
	}
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
	broken bool // a line of it cannot be encoded, and that was reported
}

type line struct {
	measurement string
	tags        []agent.Label
	readings    []int // indexes into points
}

// fields are the names that a metric's fields have, and the words of its states.
type fields struct {
	value, code, raw, suspect string
	words                     []lineprotocol.Value
}

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
	if err := s.enc.Err(); err != nil {
		s.refused.Add(1)
		if !l.broken {
			l.broken = true
			s.options.Log.Error("a line is left out, it cannot be encoded", "sink", "influx", "device", device.ID, "err", err)
		}
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
		l.fields[i] = fields{value: name, code: name + "_code", raw: name + "_raw", suspect: name + "_suspect"}
		for _, word := range p.Metric.States {
			l.fields[i].words = append(l.fields[i].words, text(word))
		}
		k := key{p.Metric.Class, p.Channel}
		n, ok := at[k]
		if !ok {
			n = len(l.lines)
			at[k] = n
			l.lines = append(l.lines, line{measurement: k.class, tags: s.tags(p.Device.Labels, agent.Label{Name: "device", Value: p.Device.ID}, agent.Label{Name: "channel", Value: p.Channel})})
		}
		l.lines[n].readings = append(l.lines[n].readings, i)
	}
	return l
}

// tags returns tags, the site's among them, in the order that InfluxDB likes
// best, without those that are empty.
func (s *Sink) tags(labels []agent.Label, own ...agent.Label) []agent.Label {
	tags := append([]agent.Label{{Name: "site", Value: s.options.Site}}, own...)
	tags = append(tags, labels...)
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

// text returns a string as a field can hold it.
func text(s string) lineprotocol.Value {
	v, _ := lineprotocol.StringValue(strings.ToValidUTF8(s, "?"))
	return v
}

// line encodes the readings of one line, if there are any.
func (s *Sink) line(l *layout, ln *line, rs []agent.Reading) {
	started := false
	for _, i := range ln.readings {
		r, f := &rs[i], &l.fields[i]
		if r.Quality == agent.Bad || !agent.Finite(r.Value) {
			continue
		}
		if !started {
			started = true
			s.enc.StartLine(ln.measurement)
			for _, t := range ln.tags {
				s.enc.AddTag(t.Name, t.Value)
			}
		}
		v, _ := lineprotocol.FloatValue(r.Value)
		switch {
		case r.Point.Metric.Kind == agent.State:
			code := int(r.Value)
			if code < 0 || code >= len(f.words) {
				code = 0
			}
			s.enc.AddField(f.value, f.words[code])
			s.enc.AddField(f.code, lineprotocol.IntValue(int64(code)))
			if r.Raw != "" {
				s.enc.AddField(f.raw, text(r.Raw))
			}
		case r.Quality == agent.Suspect:
			s.enc.AddField(f.suspect, v)
		default:
			s.enc.AddField(f.value, v)
		}
	}
	if started {
		s.enc.EndLine(rs[0].Time)
	}
}

// Refused returns how many lines were left out, ever, because InfluxDB will
// never take them. It may be called at any time.
func (s *Sink) Refused() uint64 { return s.refused.Load() }

// Unordered says that blocks may overtake each other and Sends overlap.
func (s *Sink) Unordered() {}

// Send writes lines and returns nil when the server has taken them, or those
// that it will never take are left out.
func (s *Sink) Send(ctx context.Context, block []byte) error {
	var v verdicts
	for lines := string(block); len(lines) > 0; {
		n := len(lines)
		if n > writeLimit {
			n = 1 + strings.LastIndexByte(lines[:writeLimit], '\n')
		}
		if err := s.send(ctx, lines[:n], &v); err != nil {
			return fmt.Errorf("write to %s bucket %s: %w", s.options.URL, s.options.Bucket, err)
		}
		lines = lines[n:]
	}
	if v.taken == 0 && v.unclear != nil {
		return fmt.Errorf("write to %s bucket %s: no line is taken: %w", s.options.URL, s.options.Bucket, v.unclear)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range v.refused {
		s.leaveOut(r)
	}
	if (v.tooOld > 0) != s.tooOld {
		s.tooOld = v.tooOld > 0
		if s.tooOld {
			s.options.Log.Warn("InfluxDB leaves out points, they are older than its bucket keeps", "sink", "influx", "points", v.tooOld)
		} else {
			s.options.Log.Info("no point is too old for InfluxDB any more", "sink", "influx")
		}
	}
	s.refused.Add(uint64(v.tooOld))
	return nil
}

// Verdicts are what the server made of the parts of a block.
type verdicts struct {
	taken   int // writes
	tooOld  int // points, in writes that were taken
	refused []refusal
	unclear error // the first refusal of a line that does not say that the line is at fault
	alone   int   // such refusals
}

// A refusal is a line that the server does not take, and why.
type refusal struct {
	line string
	err  error
}

// refusedAlone is how many single lines a server may refuse without finding
// fault with them, and take none, before the rest of the block is not tried.
const refusedAlone = 8

// send writes lines, in halves of halves where the server refuses them, and
// adds to v what became of them. An error is not the lines' fault.
func (s *Sink) send(ctx context.Context, lines string, v *verdicts) error {
	err := s.api.WriteRecord(ctx, lines)
	if err == nil {
		v.taken++
		return nil
	}
	answer, _ := errors.AsType[*influxhttp.Error](err)
	reason := explain(err, answer)
	if answer == nil || !final(answer.StatusCode) {
		return reason
	}
	if n, ok := tooOld(answer); ok {
		v.taken++
		v.tooOld += n
		return nil
	}
	if end := strings.IndexByte(lines, '\n'); end < 0 || end == len(lines)-1 {
		v.refused = append(v.refused, refusal{strings.TrimSuffix(lines, "\n"), reason})
		if faultless(answer) {
			if v.alone++; v.unclear == nil {
				v.unclear = reason
			}
			if v.alone >= refusedAlone && v.taken == 0 {
				return fmt.Errorf("no line is taken: %w", reason)
			}
		}
		return nil
	}
	middle := half(lines)
	if err := s.send(ctx, lines[:middle], v); err != nil {
		return err
	}
	return s.send(ctx, lines[middle:], v)
}

// leaveOut counts a refused line and logs the first of its series. s.mu is
// held.
func (s *Sink) leaveOut(r refusal) {
	s.refused.Add(1)
	series := seriesOf(r.line)
	if s.told[series] {
		return
	}
	const manySeries = 10_000
	if len(s.told) == manySeries {
		clear(s.told)
	}
	s.told[series] = true
	s.options.Log.Error("a line is left out, InfluxDB will never take it; more of its series are only counted", "sink", "influx",
		"line", r.line, "err", r.err)
}

// seriesOf returns a line's measurement and tags.
func seriesOf(line string) string {
	for i := range len(line) {
		if line[i] == ' ' && (i == 0 || line[i-1] != '\\') {
			return strings.Clone(line[:i])
		}
	}
	return strings.Clone(line)
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

// tooOld reports whether the server has taken what it was sent, but for points
// older than its bucket keeps, and how many they were.
func tooOld(answer *influxhttp.Error) (points int, ok bool) {
	if !strings.Contains(answer.Message, "partial write") || !strings.Contains(answer.Message, "retention policy") {
		return 0, false
	}
	_, dropped, _ := strings.Cut(answer.Message, "dropped=")
	points, err := strconv.Atoi(strings.TrimSpace(dropped))
	if err != nil {
		points = 1
	}
	return points, true
}

// faultless reports whether an answer finds no fault with the line that it
// refuses: it may come from something in front of the database, or be about
// where the line was to go.
func faultless(answer *influxhttp.Error) bool {
	return !strings.Contains(answer.Message, "unable to parse") && !strings.Contains(answer.Message, "partial write")
}

// explain makes one line of an answer, or of why there is none.
func explain(err error, answer *influxhttp.Error) error {
	if answer == nil || answer.StatusCode == 0 {
		if e, ok := errors.AsType[*url.Error](err); ok {
			return e.Err // the URL is in the error that this one will be in
		}
		return err
	}
	text := strings.TrimSpace(answer.Message)
	if text == "" {
		text = http.StatusText(answer.StatusCode)
	}
	const limit = 500
	if len(text) > limit {
		text = text[:limit] + "..."
	}
	return fmt.Errorf("%d %s", answer.StatusCode, strings.Join(strings.Fields(text), " "))
}
