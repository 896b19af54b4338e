package agent

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
)

// Plainly returns an error of a connection in the words of who runs the agent:
// "10.1.0.5:8086: connection refused" instead of where in which system call it
// was found. What is in err stays in it.
func Plainly(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if u, ok := errors.AsType[*url.Error](err); ok {
		text = strings.Replace(text, u.Error(), u.Err.Error(), 1)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		text = strings.Replace(text, op.Error(), plainOp(op, text), 1)
	} else if dns, ok := errors.AsType[*net.DNSError](err); ok {
		text = strings.Replace(text, dns.Error(), plainName(dns), 1)
	}
	// net/http has no other sign of some things.
	text, _, _ = strings.Cut(text, " (Client.Timeout ")
	for _, w := range []struct {
		is          error
		text, plain string
	}{
		{context.DeadlineExceeded, context.DeadlineExceeded.Error(), "no answer in time"},
		{io.ErrUnexpectedEOF, io.ErrUnexpectedEOF.Error(), "the far side closed the connection"},
		{io.EOF, io.EOF.Error(), "the far side closed the connection"},
	} {
		if before, ok := strings.CutSuffix(text, w.text); ok && errors.Is(err, w.is) {
			text = before + w.plain
		}
	}
	text = strings.Replace(text, "net/http: HTTP/1.x transport connection broken: ", "", 1)
	text = strings.Replace(text, "http: server gave HTTP response to HTTPS client", "http is spoken there, not https", 1)
	if before, _, ok := strings.Cut(text, "net/http: request canceled"); ok {
		text = before + "no answer in time"
	}
	if text == err.Error() {
		return err
	}
	return &plainError{text, err}
}

// A plainError is an error in other words.
type plainError struct {
	text string
	err  error
}

func (e *plainError) Error() string { return e.text }
func (e *plainError) Unwrap() error { return e.err }

// plainOp says what came of a dial, a listen or a transfer, and with whom where
// text does not say it already.
func plainOp(op *net.OpError, text string) string {
	var what string
	dns, named := errors.AsType[*net.DNSError](op.Err)
	errno, system := errors.AsType[syscall.Errno](op.Err)
	switch {
	case named:
		return plainName(dns)
	case system:
		what = errno.Error()
	case op.Timeout():
		what = "no answer in time"
	default:
		what = op.Err.Error()
	}
	if op.Op == "dial" && op.Addr != nil && !strings.Contains(strings.Replace(text, op.Error(), "", 1), op.Addr.String()) {
		return op.Addr.String() + ": " + what
	}
	return what
}

// plainName says why a name leads nowhere.
func plainName(dns *net.DNSError) string {
	switch {
	case dns.IsNotFound:
		return "there is no host " + dns.Name
	case dns.IsTimeout, dns.IsTemporary:
		return "the name server does not answer for " + dns.Name
	}
	return "the name " + dns.Name + " cannot be resolved: " + dns.Err
}
