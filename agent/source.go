package agent

import (
	"context"
	"errors"
)

// A Source is a device's driver: it asks one device over a wire that it
// shares with the other sources of its Bus. The bus's goroutine owns it; no
// two of its methods run at the same time, nor do those of its neighbours.
type Source interface {
	// Poll asks the device once for everything and appends what it said to
	// dst. A value that the device does not have is left out; one that it
	// should have given and did not is appended as a Bad reading. Readings'
	// Time is left for the agent to set.
	//
	// An error means that the device did not answer; the readings appended
	// are then the Bad ones of the points known so far, and the same error
	// text is in each. Poll returns when it is done or soon after ctx ends,
	// and whatever it returns, the next Poll may succeed without a restart:
	// connections are made, and made again, as needed.
	Poll(ctx context.Context, dst []Reading) ([]Reading, error)

	// Probe asks the device the one cheapest question and returns nil when
	// it answers, whatever the answer. It is what a silent device is asked.
	Probe(ctx context.Context) error

	// Close gives up what the source holds. A wire that several sources
	// share closes with the last of them.
	Close() error
}

// ErrUnreachable is in the error of a Poll or Probe that found the wire itself
// dead: nobody answers at the gateway's address, the serial line is not there.
// The bus then reports itself, once, instead of each of its devices.
var ErrUnreachable = errors.New("unreachable")
