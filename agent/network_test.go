package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
)

func TestPlainly(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_, taken := net.Listen("tcp", address)
	l.Close()
	_, refused := net.Dial("tcp", address)
	_, asked := http.Get("http://" + address + "/api")
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	_, insecure := http.Get(strings.Replace(web.URL, "http:", "https:", 1))
	ended, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	_, late := (&net.Dialer{}).DialContext(ended, "tcp", address)
	dns := func(e net.DNSError) error {
		e.Name, e.Err = "nohost.example", "server misbehaving"
		return &net.OpError{Op: "dial", Net: "tcp", Err: &e}
	}
	other := errors.New("the broker refuses the user")
	for _, test := range []struct {
		err, is error
		want    string
	}{
		{refused, syscall.ECONNREFUSED, address + ": connection refused"},
		{fmt.Errorf("unreachable: %w", refused), syscall.ECONNREFUSED, "unreachable: " + address + ": connection refused"},
		{fmt.Errorf("connect to mqtt://%s: %w", address, refused), syscall.ECONNREFUSED, "connect to mqtt://" + address + ": connection refused"},
		{asked, syscall.ECONNREFUSED, address + ": connection refused"},
		{insecure, insecure, "http is spoken there, not https"},
		{taken, syscall.EADDRINUSE, "address already in use"},
		{late, late, address + ": no answer in time"},
		{dns(net.DNSError{IsNotFound: true}), nil, "there is no host nohost.example"},
		{dns(net.DNSError{IsTemporary: true}), nil, "the name server does not answer for nohost.example"},
		{dns(net.DNSError{}), nil, "the name nohost.example cannot be resolved: server misbehaving"},
		{fmt.Errorf("read: %w", context.DeadlineExceeded), context.DeadlineExceeded, "read: no answer in time"},
		{fmt.Errorf("read: %w", io.EOF), io.EOF, "read: the far side closed the connection"},
		{fmt.Errorf("read: %w", io.ErrUnexpectedEOF), io.ErrUnexpectedEOF, "read: the far side closed the connection"},
		{other, other, other.Error()},
	} {
		got := Plainly(test.err)
		if got.Error() != test.want {
			t.Errorf("Plainly(%v) = %q, want %q", test.err, got, test.want)
		}
		if test.is != nil && !errors.Is(got, test.is) {
			t.Errorf("%v is not in %q any more", test.is, got)
		}
	}
	if Plainly(nil) != nil {
		t.Error("nothing became an error")
	}
}
