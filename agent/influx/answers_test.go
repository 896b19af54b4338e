package influx

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"plantroom/agent"
	"plantroom/agent/post"
	"plantroom/testdata/peer"
)

// What InfluxDB 2 says of a line that it does not take.
const (
	conflict = `{"code":"invalid","message":"partial write: field type conflict: input field \"v\" on measurement \"a\" is type string, already exists as type float dropped=1"}`
	unparsed = `{"code":"invalid","message":"unable to parse 'bad': missing fields"}`
)

// A server answers writes, and notes them.
type server struct {
	answer func(w http.ResponseWriter, r *http.Request, body string)
	writes []string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	s.writes = append(s.writes, string(body))
	s.answer(w, r, string(body))
}

// always answers everything alike. Headers are "NAME: VALUE".
func always(status int, body string, headers ...string) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, _ *http.Request, _ string) {
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// breaks writes a beginning of an answer and closes the connection.
func breaks(beginning string) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, _ *http.Request, _ string) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		io.WriteString(c, beginning)
		c.Close()
	}
}

// refuses takes writes without bad in them.
func refuses(status int, text string) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, r *http.Request, body string) {
		if !strings.Contains(body, "bad") {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		always(status, text, "Content-Type: application/json")(w, r, body)
	}
}

// TestAnswers gives every answer to a block of eight lines, one of them bad:
// what becomes of the block, of the bad line and of the next try.
func TestAnswers(t *testing.T) {
	const block = "a v=1 1\na v=2 2\na v=3 3\na v=\"bad\" 4\na v=5 5\na v=6 6\na v=7 7\na v=8 8\n"
	for _, test := range []struct {
		name    string
		answer  func(http.ResponseWriter, *http.Request, string)
		want    string        // in the error; "" where the block is delivered
		wait    time.Duration // that the error asks for
		refused int
		writes  int
	}{
		{"204", always(204, ""), "", 0, 0, 1},
		{"200 without a text", always(200, " \n"), "", 0, 0, 1},
		{"200 from a login page", always(200, "<html>Welcome to\nFree WiFi</html>"), "200 OK, which is no answer of InfluxDB's: <html>Welcome to Free WiFi</html>", 0, 0, 1},
		{"201 that breaks off", breaks("HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n   "), "the answer, 201 Created, breaks off: the far side closed the connection", 0, 0, 1},

		{"400 partial write", refuses(400, conflict), "", 0, 1, 5},
		{"400 unable to parse", refuses(400, unparsed), "", 0, 1, 5},
		{"422", refuses(422, `{"code":"unprocessable entity","message":"failure writing points"}`), "", 0, 1, 5},
		{"400 older than is kept", always(400, `{"code":"invalid","message":"partial write: points beyond retention policy dropped=3"}`, "Content-Type: application/json"), "", 0, 3, 1},
		{"400 to everything", always(400, "The plain HTTP request was sent to HTTPS port"), "no line is taken: 400 The plain HTTP request", 0, 0, 15},
		{"400 in no JSON", always(400, "{{{", "Content-Type: application/json"), "no line is taken: 400 Bad Request (invalid character", 0, 0, 15},
		{"400 that breaks off", breaks("HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n" + conflict[:60]), "the answer, 400 Bad Request, breaks off: the far side closed the connection", 0, 0, 1},

		{"401", always(401, `{"code":"unauthorized","message":"unauthorized access"}`, "Content-Type: application/json"), "401 unauthorized access (the token is not the right one)", 0, 0, 1},
		{"403", always(403, `{"code":"forbidden","message":"insufficient permissions for write"}`, "Content-Type: application/json"), "403 insufficient permissions for write (the token may not write to the bucket)", 0, 0, 1},
		{"404", always(404, "404 page not found\n"), "404 404 page not found (no such bucket, or no InfluxDB there)", 0, 0, 1},
		{"405", always(405, ""), "405 Method Not Allowed", 0, 0, 1},
		{"408", always(408, ""), "408 Request Timeout", 0, 0, 1},
		{"411", always(411, ""), "411 Length Required", 0, 0, 1},

		{"429", always(429, ""), "429 Too Many Requests", 0, 0, 1},
		{"429 for seconds", always(429, "", "Retry-After: 7"), "429 Too Many Requests", 7 * time.Second, 0, 1},
		{"429 until a date", always(429, "", "Date: Thu, 26 Nov 2026 12:00:00 GMT", "Retry-After: Thu, 26 Nov 2026 12:01:30 GMT"), "429 Too Many Requests", 90 * time.Second, 0, 1},
		{"429 until a date that is past", always(429, "", "Date: Thu, 26 Nov 2026 12:00:00 GMT", "Retry-After: Thu, 26 Nov 2026 11:00:00 GMT"), "429", 0, 0, 1},
		{"429 until nonsense", always(429, "", "Retry-After: soon"), "429", 0, 0, 1},
		{"429 for less than nothing", always(429, "", "Retry-After: -5"), "429", 0, 0, 1},
		{"429 for ever", always(429, "", "Retry-After: 99999999999999"), "429", (1 << 30) * time.Second, 0, 1},
		{"503 for seconds", always(503, "", "Retry-After: 3"), "503 Service Unavailable", 3 * time.Second, 0, 1},
		{"500 has no time to ask for", always(500, "engine: cache-max-memory-size exceeded", "Retry-After: 3"), "500 engine: cache-max-memory-size exceeded", 0, 0, 1},
		{"500", always(500, ""), "500 Internal Server Error", 0, 0, 1},
		{"502 from a proxy", always(502, "<html>Bad Gateway</html>"), "502 <html>Bad Gateway</html>", 0, 0, 1},
		{"504", always(504, ""), "504 Gateway Timeout", 0, 0, 1},
		{"500 without end", always(500, strings.Repeat("trouble ", 1<<20)), "500 trouble trouble", 0, 0, 1},

		{"a long way to nowhere", always(302, "", "Location: http://"+strings.Repeat("a", 5000)), "302 Found to http://aaaa", 0, 0, 1},
		{"a long status", breaks("HTTP/1.1 299 " + strings.Repeat("far ", 2000) + "\r\nContent-Length: 3\r\n\r\nbad"), "299 far far", 0, 0, 1},
		{"a long head", always(204, "", "X-Long: "+strings.Repeat("a", 100_000)), "server response headers exceeded", 0, 0, 1},
		{"long nonsense", breaks(strings.Repeat("x", 5000) + "\r\n"), "malformed HTTP response", 0, 0, 1},
		{"no answer", breaks(""), "the far side closed the connection", 0, 0, 1},
		{"half a status", breaks("HTTP/1.1 20"), "malformed HTTP", 0, 0, 1},
		{"half a head", breaks("HTTP/1.1 204 No Content\r\nDate: Thu, 26 N"), "the far side closed the connection", 0, 0, 1},
		{"no HTTP", breaks("SSH-2.0-OpenSSH_9.6\r\n"), "malformed HTTP", 0, 0, 1},
	} {
		for _, zipped := range []bool{false, true} {
			t.Run(fmt.Sprint(test.name, zipped), func(t *testing.T) {
				s := &server{answer: test.answer}
				if zipped {
					s.answer = unzipped(t, s, test.answer)
				}
				srv := httptest.NewServer(s)
				defer srv.Close()
				var aside []string
				sink, err := New(Options{URL: srv.URL, Bucket: "facility", Gzip: zipped, Log: slog.New(slog.DiscardHandler),
					SetAside: func(line string, why error) { aside = append(aside, fmt.Sprint(line, ": ", why)) }})
				if err != nil {
					t.Fatal(err)
				}
				defer sink.Close()
				err = sink.Send(t.Context(), []byte(block))
				switch {
				case test.want == "" && err != nil, test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
					t.Errorf("error: %v, want %q", err, test.want)
				case err != nil && (len(err.Error()) > 1200 || strings.Contains(err.Error(), "\n")):
					t.Errorf("an error of %d bytes", len(err.Error()))
				}
				wait := time.Duration(0)
				if w, ok := errors.AsType[*agent.WaitError](err); ok {
					wait = w.For
				}
				if wait != test.wait {
					t.Errorf("asked to wait %v, want %v", wait, test.wait)
				}
				if got := int(sink.Refused()); got != test.refused {
					t.Errorf("%d lines are refused, want %d", got, test.refused)
				}
				if len(s.writes) != test.writes {
					t.Errorf("%d writes, want %d: %q", len(s.writes), test.writes, s.writes)
				}
				if test.refused == 1 && (len(aside) != 1 || !strings.HasPrefix(aside[0], `a v="bad" 4: 4`)) || test.refused == 0 && len(aside) > 0 {
					t.Errorf("set aside: %q", aside)
				}
				for line := range strings.Lines(block) {
					if test.want == "" && !strings.Contains(strings.Join(s.writes, ""), line) {
						t.Errorf("%q was never written", line)
					}
				}
			})
		}
	}
}

// unzipped notes writes as they were before they were compressed.
func unzipped(t *testing.T, s *server, answer func(http.ResponseWriter, *http.Request, string)) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, r *http.Request, body string) {
		z, err := gzip.NewReader(strings.NewReader(body))
		if err != nil || r.Header.Get("Content-Encoding") != "gzip" || r.ContentLength != int64(len(body)) {
			t.Errorf("a write of %d bytes, encoded as %q, content length %d: %v", len(body), r.Header.Get("Content-Encoding"), r.ContentLength, err)
			w.WriteHeader(http.StatusTeapot)
			return
		}
		text, err := io.ReadAll(z)
		if err != nil {
			t.Error(err)
		}
		s.writes[len(s.writes)-1] = string(text)
		answer(w, r, string(text))
	}
}

// TestRedirect: the token goes to no server but the one that was named.
func TestRedirect(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s, authorization %q", r.Method, r.URL, r.Header.Get("Authorization"))
	}))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		srv := httptest.NewServer(&server{answer: always(status, "", "Location: "+other.URL+"/elsewhere")})
		sink, err := New(Options{URL: srv.URL, Bucket: "facility", Token: "sesame", Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		err = sink.Send(t.Context(), []byte("a v=1 1\n"))
		if want := fmt.Sprintf("%d %s to %s/elsewhere (if it is there, give that as the url)", status, http.StatusText(status), other.URL); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("error: %v\nwant:  %s", err, want)
		}
		sink.Close()
		srv.Close()
	}
}

// TestTooLarge writes to a server that takes no more than so many bytes at
// once: the sink finds out how much, remembers it, and sets only a line aside
// that is larger alone.
func TestTooLarge(t *testing.T) {
	const limit = 10_000
	refusals := 0
	s := &server{}
	s.answer = func(w http.ResponseWriter, _ *http.Request, body string) {
		if len(body) > limit {
			refusals++
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
	srv := httptest.NewServer(s)
	defer srv.Close()
	sink := newSink(t, srv.URL, slog.New(slog.DiscardHandler))
	var block strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&block, "a,n=%d v=1 1\n", i)
	}
	send := func(block string) (taken int) {
		t.Helper()
		s.writes, refusals = nil, 0
		if err := sink.Send(t.Context(), []byte(block)); err != nil {
			t.Fatal(err)
		}
		for _, w := range s.writes {
			if len(w) <= limit {
				taken += strings.Count(w, "\n")
			}
		}
		return taken
	}
	if n := send(block.String()); n != 5000 || refusals == 0 {
		t.Errorf("%d lines of 5000 are taken, %d writes are too large", n, refusals)
	}
	if n := send(block.String()); n != 5000 || refusals != 0 || len(s.writes) > 2*block.Len()/limit+1 {
		t.Errorf("what was learnt is forgotten: %d lines of 5000, %d too large, %d writes", n, refusals, len(s.writes))
	}
	giant := "giant text=\"" + strings.Repeat("x", 2*limit) + "\" 1\n"
	if n := send("a v=1 1\n" + giant + "a v=2 2\n"); n != 2 || sink.Refused() != 1 {
		t.Errorf("%d of 2 lines are taken beside a giant, %d refused", n, sink.Refused())
	}
	if n := send(block.String()); n != 5000 || len(s.writes) > 2*block.Len()/limit+1 {
		t.Errorf("a giant has made writes small: %d for %d lines", len(s.writes), n)
	}
}

// TestDrip gives up on an answer that comes a byte a second.
func TestDrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, err := New(Options{URL: "http://influx:8086", Bucket: "facility", Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer sink.Close()
		for _, answer := range []string{"HTTP/1.1 204 No Content\r\nDate: Thu, 26 Nov 2026 12:00:00 GMT\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n" + strings.Repeat("x", 100), ""} {
			ours, theirs := net.Pipe()
			sink.http.Transport.(*transport).http.DialContext = func(context.Context, string, string) (net.Conn, error) { return ours, nil }
			done := make(chan struct{})
			go func() {
				defer close(done)
				go io.Copy(io.Discard, theirs)
				for _, b := range []byte(answer) {
					time.Sleep(time.Second)
					if _, err := theirs.Write([]byte{b}); err != nil {
						return
					}
				}
			}()
			began := time.Now()
			err = sink.Send(t.Context(), []byte("a v=1 1\n"))
			if took := time.Since(began); err == nil || took > post.Timeout+time.Second || !strings.HasSuffix(err.Error(), ": no answer in time") {
				t.Errorf("after %v: %v", took, err)
			}
			ours.Close()
			<-done
			theirs.Close()
		}
	})
}

// TestRealAnswers has the real InfluxDB say that a write is too large, and that
// it has no room.
func TestRealAnswers(t *testing.T) {
	for _, test := range []struct{ setting, value, want string }{
		{"INFLUXDB_HTTP_MAX_BODY_SIZE", "20000", ""},
		{"INFLUXDB_DATA_CACHE_MAX_MEMORY_SIZE", "100", "500 engine: cache-max-memory-size exceeded"},
	} {
		t.Setenv(test.setting, test.value)
		db := peer.StartInfluxDB(t)
		var block strings.Builder
		for i := range 3000 {
			fmt.Fprintf(&block, "large,setting=%s v=%d %d\n", test.setting, i, 1790000000000+i)
		}
		for _, zipped := range []bool{false, true} {
			sink, err := New(Options{URL: db.URL, Bucket: "facility", Gzip: zipped, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			err = sink.Send(t.Context(), []byte(block.String()))
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) || sink.Refused() != 0 {
				t.Errorf("%s, zipped %v: error %v, %d refused", test.setting, zipped, err, sink.Refused())
			}
			if test.want == "" && !zipped && sink.limit > 20000 {
				t.Errorf("the limit is %d", sink.limit)
			}
			sink.Close()
		}
		if n := db.Count(t, "SELECT count(v) FROM large WHERE setting = '"+test.setting+"'"); test.want == "" && n != 3000 {
			t.Errorf("%s: %d points of 3000", test.setting, n)
		}
	}
}

// TestSendsOverlap sends from both lanes of an outlet at once, as an unordered
// sink allows.
func TestSendsOverlap(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		body, _ := io.ReadAll(z)
		refuses(400, unparsed)(w, r, string(body))
	}))
	defer srv.Close()
	sink, err := New(Options{URL: srv.URL, Bucket: "facility", Gzip: true, Log: slog.New(slog.DiscardHandler), SetAside: func(string, error) {}})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	var lanes sync.WaitGroup
	for lane := range 3 {
		lanes.Go(func() {
			for range 10 {
				if err := sink.Send(t.Context(), fmt.Appendf(nil, "a,lane=%d v=1 1\na bad\na,lane=%d v=2 2\n", lane, lane)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	lanes.Wait()
	if n := sink.Refused(); n != 30 {
		t.Errorf("%d lines are refused, want 30", n)
	}
}

// FuzzAnswer has a server answer anything: what Send says is one line, and not
// a long one; a block is delivered, or refused for a reason, or kept.
func FuzzAnswer(f *testing.F) {
	f.Add("HTTP/1.1 204 No Content\r\n\r\n")
	f.Add("HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 25\r\n\r\n{\"message\":\"partial write dropped=99999999999999999999\"}")
	f.Add("HTTP/1.1 503 Later\r\nRetry-After: Thu, 26 Nov 2026 12:01:30 GMT\r\n\r\n<html>")
	f.Add("HTTP/1.1 302 Found\r\nLocation: \x00\r\n\r\n")
	f.Fuzz(func(t *testing.T, answer string) {
		sink, err := New(Options{URL: "http://influx:8086", Bucket: "facility", Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer sink.Close()
		sink.http.Transport.(*transport).http.DialContext = func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				defer theirs.Close()
				if _, err := http.ReadRequest(bufio.NewReader(theirs)); err == nil {
					io.WriteString(theirs, answer)
				}
			}()
			return ours, nil
		}
		err = sink.Send(t.Context(), []byte("a v=1 1\nb v=2 2\n"))
		if err != nil && (len(err.Error()) > 1500 || strings.ContainsAny(err.Error(), "\n\r")) {
			t.Errorf("error: %q", err)
		}
		if err != nil && sink.Refused() > 0 {
			t.Errorf("%d lines are refused, and kept: %v", sink.Refused(), err)
		}
	})
}
