package modbus

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	// errWrites: a request that does not read. There is none; if a mistake made
	// one, it would go no further.
	errWrites = errors.New("nothing but reads is sent to a device")
	// errNotModbus: what came is not a frame; the connection is replaced.
	errNotModbus = errors.New("the far side does not speak Modbus TCP")
	// errMisfit: an answer to this very request that does not fit it.
	errMisfit = errors.New("the answer does not fit the request")
	// errBroken: the connection ended before the answer's first byte.
	errBroken = errors.New("connection lost")
	// errClosed is what a far side's orderly end is called.
	errClosed = errors.New("the far side closed the connection")
)

// A timeoutError is a request that got no answer in time.
type timeoutError struct {
	after time.Duration
	heard int // bytes that came and were no answer
}

func (e timeoutError) Error() string {
	if e.heard > 0 {
		return fmt.Sprintf("timeout after %v (%d bytes came, but no answer)", e.after, e.heard)
	}
	return fmt.Sprintf("timeout after %v", e.after)
}

// An exception is a refusal: a device's, or that of the gateway before it.
type exception struct {
	code byte
	unit byte
}

// Modbus exception codes.
const (
	illegalFunction = 0x01
	illegalAddress  = 0x02
	illegalValue    = 0x03
	deviceFailure   = 0x04
	acknowledge     = 0x05
	deviceBusy      = 0x06
	memoryParity    = 0x08
	gatewayNoPath   = 0x0A
	gatewayNoAnswer = 0x0B
)

func (e exception) Error() string {
	var text string
	switch e.code {
	case illegalFunction:
		text = "the device does not know this function"
	case illegalAddress:
		text = "the device does not have this address"
	case illegalValue:
		text = "the device does not accept this read"
	case deviceFailure:
		text = "the device failed to carry it out"
	case acknowledge:
		text = "the device needs more time"
	case deviceBusy:
		text = "the device is busy"
	case memoryParity:
		text = "the device has a memory fault"
	case gatewayNoPath:
		text = fmt.Sprintf("the gateway has no path to unit %d", e.unit)
	case gatewayNoAnswer:
		text = fmt.Sprintf("the gateway got no answer from unit %d", e.unit)
	default:
		text = "not a code of the Modbus specification"
	}
	return fmt.Sprintf("exception 0x%02X: %s", e.code, text)
}

// refused reports whether err is the device's word that a read covers
// something it does not have.
func refused(err error) bool {
	var e exception
	return errors.As(err, &e) && (e.code == illegalAddress || e.code == illegalValue)
}

// unknownFunction reports whether err is the device's word that it has none of
// an address space.
func unknownFunction(err error) bool {
	var e exception
	return errors.As(err, &e) && e.code == illegalFunction
}

// unanswered reports whether err means that the device itself said nothing.
func unanswered(err error) bool {
	if err == nil || errors.Is(err, errMisfit) {
		return false
	}
	var e exception
	return !errors.As(err, &e) || e.code == gatewayNoPath || e.code == gatewayNoAnswer
}

// timedOut reports whether err is a request's timeout, and not the end of its
// context.
func timedOut(err error) bool {
	var e timeoutError
	return errors.As(err, &e) && !errors.Is(err, context.Canceled)
}
