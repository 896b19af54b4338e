// Package post is what outputs that speak HTTP have in common: a client that
// holds nobody up for ever and follows nobody elsewhere, and what is made of
// the answers, which anybody may have written.
package post

import (
	"crypto/tls"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Timeout is of one request, from the connection to the end of the answer.
const Timeout = 15 * time.Second

// AnswerLimit is how many bytes of an answer, and of its header, are looked at.
const AnswerLimit = 64 << 10

// Transport returns how requests are made. A nil config believes the system's
// authorities.
func Transport(config *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    5 * time.Second,
		MaxIdleConns:           2,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: AnswerLimit,
	}
}

// Client returns a client that does not follow redirects: what follows one is
// mostly no POST any more, and has a token that was for somebody else.
func Client(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		Timeout:       Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// OneLine makes one line, and no long one, of what a server says.
func OneLine(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	const limit = 500
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "..."
	}
	return text
}

// RetryAfter returns for how long a server wants nothing, by its headers
// Retry-After and Date: in seconds, or until a time on its own clock. It is 0
// or less where they do not say.
func RetryAfter(header http.Header) time.Duration {
	after := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(after); err == nil {
		return time.Duration(min(seconds, 1<<30)) * time.Second
	}
	until, err := http.ParseTime(after)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return until.Sub(now)
}
