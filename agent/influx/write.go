package influx

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"

	"plantroom/agent"
	"plantroom/agent/post"
)

const writeLimit = 1 << 20 // bytes in one write: five thousand lines or so

// Refused returns how many lines were left out, ever, because InfluxDB will
// never take them. It may be called at any time.
func (s *Sink) Refused() uint64 { return s.refused.Load() }

// Unordered says that blocks may overtake each other and Sends overlap.
func (s *Sink) Unordered() {}

// Send writes lines and returns nil when the server has taken them, or those
// that it will never take are set aside.
func (s *Sink) Send(ctx context.Context, block []byte) error {
	s.mu.Lock()
	limit := s.limit
	s.mu.Unlock()
	var v verdicts
	for lines := string(block); len(lines) > 0; {
		n := len(lines)
		if n > limit {
			n = whole(lines, limit)
		}
		if err := s.send(ctx, lines[:n], &v); err != nil {
			return agent.Plainly(fmt.Errorf("write to %s bucket %s: %w", s.options.URL, s.options.Bucket, err))
		}
		lines = lines[n:]
	}
	if v.taken == 0 && v.unclear != nil {
		return fmt.Errorf("write to %s bucket %s: no line is taken: %w", s.options.URL, s.options.Bucket, v.unclear)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.tooLarge && v.taken > 0 {
		s.limit = min(s.limit, v.taken)
	}
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

// whole returns the length of the whole lines that fit in limit bytes, at
// least one.
func whole(lines string, limit int) int {
	if n := strings.LastIndexByte(lines[:limit], '\n') + 1; n > 0 {
		return n
	}
	if n := strings.IndexByte(lines, '\n') + 1; n > 0 {
		return n
	}
	return len(lines)
}

// Verdicts are what the server made of the parts of a block.
type verdicts struct {
	taken    int  // bytes in the largest write that was taken
	tooLarge bool // a write of several lines was too large
	tooOld   int  // points, in writes that were taken
	refused  []refusal
	unclear  error // the first refusal of a line that does not say that the line is at fault
	alone    int   // such refusals
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
		v.taken = max(v.taken, len(lines))
		return nil
	}
	answer, _ := errors.AsType[*influxhttp.Error](err)
	reason := explain(err, answer)
	if answer == nil || !final(answer) {
		if d := retryAfter(answer); d > 0 {
			return &agent.WaitError{For: d, Err: reason}
		}
		return reason
	}
	if n, ok := tooOld(answer); ok {
		v.taken = max(v.taken, len(lines))
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
	v.tooLarge = v.tooLarge || answer.StatusCode == http.StatusRequestEntityTooLarge
	middle := half(lines)
	if err := s.send(ctx, lines[:middle], v); err != nil {
		return err
	}
	return s.send(ctx, lines[middle:], v)
}

// leaveOut counts a refused line, sets it aside and logs the first of its
// series. s.mu is held.
func (s *Sink) leaveOut(r refusal) {
	s.refused.Add(1)
	if s.options.SetAside != nil {
		s.options.SetAside(r.line, r.err)
	}
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

// final reports whether an answer is about what was written, so that the same
// again would be refused again: malformed, too large, not processable.
func final(answer *influxhttp.Error) bool {
	switch answer.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// retryAfter returns for how long a server wants nothing, as far as it says so.
func retryAfter(answer *influxhttp.Error) time.Duration {
	if answer == nil || answer.StatusCode != http.StatusTooManyRequests && answer.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	return post.RetryAfter(answer.Header)
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
			err = e.Err // the URL is in the error that this one will be in
		}
		if text := err.Error(); text != post.OneLine(text) { // it quotes what came
			return errors.New(post.OneLine(text))
		}
		return err
	}
	text := post.OneLine(answer.Message)
	if text == "" {
		text = http.StatusText(answer.StatusCode)
	}
	switch code := answer.StatusCode; {
	case code == http.StatusUnauthorized:
		text += " (the token is not the right one)"
	case code == http.StatusForbidden:
		text += " (the token may not write to the bucket)"
	case code == http.StatusNotFound:
		text += " (no such bucket, or no InfluxDB there)"
	case code >= 300 && code < 400:
		text += " to " + post.OneLine(answer.Header.Get("Location")) + " (if it is there, give that as the url)"
	case answer.Err != nil && answer.Message == "":
		text += " (" + answer.Err.Error() + ")"
	}
	return fmt.Errorf("%d %s", answer.StatusCode, text)
}

// A transport compresses what is written and holds answers to what InfluxDB
// answers.
type transport struct {
	http    *http.Transport
	gzip    bool
	writers chan *gzip.Writer // not in use; they are large
}

// RoundTrip makes a request and returns the whole answer to it, or its
// beginning when it is longer than any of InfluxDB's that matters.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.gzip && req.Body != nil {
		var err error
		if req, err = t.compress(req); err != nil {
			return nil, err
		}
	}
	answer, err := t.http.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, post.AnswerLimit))
	if err != nil {
		return nil, fmt.Errorf("the answer, %s, breaks off: %w", answer.Status, err)
	}
	if said := post.OneLine(string(text)); said != "" && answer.StatusCode >= 200 && answer.StatusCode < 300 {
		return nil, fmt.Errorf("%s, which is no answer of InfluxDB's: %s", answer.Status, said)
	}
	answer.Body = io.NopCloser(bytes.NewReader(text))
	return answer, nil
}

// CloseIdleConnections closes the connections that are not in use.
func (t *transport) CloseIdleConnections() { t.http.CloseIdleConnections() }

// compress returns the request with its body compressed. Lines are so alike
// that the fastest way makes them seven times smaller, in some 3 ms of processor
// a megabyte, and the best way eight and a half times, in twenty.
func (t *transport) compress(req *http.Request) (*http.Request, error) {
	defer req.Body.Close()
	var z *gzip.Writer
	select {
	case z = <-t.writers:
	default:
		z, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // which is a level
	}
	defer func() {
		select {
		case t.writers <- z:
		default:
		}
	}()
	var b bytes.Buffer
	b.Grow(int(req.ContentLength/8) + 512)
	z.Reset(&b)
	if _, err := io.Copy(z, req.Body); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	body := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }
	req = req.Clone(req.Context())
	req.Header.Set("Content-Encoding", "gzip")
	req.Body, _ = body()
	req.GetBody, req.ContentLength = body, int64(b.Len())
	return req, nil
}
