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
// confirmed is sent again. What an answer means:
//
//	204                      taken
//	any other 2xx            the same, unless there is a text in it: then somebody else answers, such as a hotspot's login page
//	400, 422                 there are lines that the server will never take: they are found by halving, set aside and counted
//	400, older than is kept  taken; what the bucket does not keep is counted
//	413                      too much at once: half of it is tried, and what was taken is the limit from then on
//	401, 403, 404            kept, until somebody has put the token or the bucket right
//	429, 503                 kept, and nothing is sent for as long as Retry-After says
//	3xx                      kept: the token is for one server, and goes to no other that this one names
//	all else                 kept, as it is without a whole answer within 15 s
//
// Of set-aside lines the first of each series is logged, with the reason. A
// server that takes none of a block, and does not say that it is the lines'
// fault, keeps it waiting: then it is the server, or what stands in front of it,
// that has to change.
package influx

import (
	"compress/gzip"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"
	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"plantroom/agent"
	"plantroom/agent/post"
)

// Options say which InfluxDB, and for which site.
type Options struct {
	URL    string
	Org    string      // 1.8 ignores it
	Bucket string      // 1.8: DATABASE or DATABASE/RETENTION
	Token  string      // 1.8: USER:PASSWORD; "" for none
	TLS    *tls.Config // for https://; nil believes the system's authorities
	Gzip   bool        // compress what is written
	Site   string
	Log    *slog.Logger
	// SetAside keeps a line that the server will never take, for people to
	// see; nil keeps none.
	SetAside func(line string, why error)
}

// A Sink writes to one bucket. It implements agent.Sink, and is unordered:
// lines carry their time.
type Sink struct {
	options Options
	http    *http.Client
	api     api.WriteAPIBlocking

	enc     lineprotocol.Encoder
	layouts map[*agent.Device]*layout
	states  map[*agent.Metric]*state

	refused atomic.Uint64

	mu     sync.Mutex
	told   map[string]bool // series of which a refused line was logged
	tooOld bool            // the last write held points that the server does not keep
	limit  int             // bytes in one write
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
	client := post.Client(&transport{gzip: o.Gzip, writers: make(chan *gzip.Writer, 2), http: post.Transport(o.TLS)})
	s := &Sink{
		options: o, http: client, limit: writeLimit,
		api: influxdb2.NewClientWithOptions(o.URL, o.Token, influxdb2.DefaultOptions().SetPrecision(time.Millisecond).SetHTTPClient(client)).
			WriteAPIBlocking(o.Org, o.Bucket),
		layouts: map[*agent.Device]*layout{}, states: map[*agent.Metric]*state{}, told: map[string]bool{},
	}
	s.enc.SetPrecision(lineprotocol.Millisecond)
	s.enc.SetLax(true) // names were checked with the configuration, and tags makes values what they may be
	return s, nil
}

// Close closes idle connections.
func (s *Sink) Close() error {
	s.http.CloseIdleConnections()
	return nil
}

// A layout says which reading of a device's polls goes into which line. It
// holds as long as the polls bring the same points in the same order.
type layout struct {
	points []*agent.Point
	lines  []line
	broken bool // a line of it cannot be encoded, and that was reported
}

type line struct {
	measurement string
	tags        []agent.Label
	readings    []int // indexes into points
}

// A state is what the fields of a metric that is one are made of, besides its name.
type state struct {
	code, raw string // names
	words     []lineprotocol.Value
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
	s.enc.SetBuffer(dst)
	for i := range l.lines {
		s.line(&l.lines[i], rs)
	}
	if err := s.enc.Err(); err != nil {
		s.refused.Add(1)
		if !l.broken {
			l.broken = true
			s.options.Log.Error("a line is left out, it cannot be encoded", "sink", "influx", "device", device.ID, "err", err)
		}
	}
	return s.enc.Bytes()
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
	l := &layout{points: make([]*agent.Point, len(rs))}
	type key struct{ class, channel string }
	at := map[key]int{}
	for i := range rs {
		p := rs[i].Point
		l.points[i] = p
		if m := p.Metric; m.Kind == agent.State && s.states[m] == nil {
			st := &state{code: m.Name + "_code", raw: m.Name + "_raw"}
			for _, word := range m.States {
				st.words = append(st.words, text(word))
			}
			s.states[m] = st
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
func (s *Sink) line(ln *line, rs []agent.Reading) {
	started := false
	for _, i := range ln.readings {
		r := &rs[i]
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
		m := r.Point.Metric
		v, _ := lineprotocol.FloatValue(r.Value)
		switch {
		case m.Kind == agent.State:
			st, code := s.states[m], int(r.Value)
			if code < 0 || code >= len(st.words) {
				code = 0
			}
			s.enc.AddField(m.Name, st.words[code])
			s.enc.AddField(st.code, lineprotocol.IntValue(int64(code)))
			if r.Raw != "" {
				s.enc.AddField(st.raw, text(r.Raw))
			}
		case r.Quality == agent.Suspect:
			s.enc.AddField(m.Name+"_suspect", v)
		default:
			s.enc.AddField(m.Name, v)
		}
	}
	if started {
		s.enc.EndLine(rs[0].Time)
	}
}
