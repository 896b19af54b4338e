package agent

import "time"

// A Trap is what a device said unasked. It is a hint and no reading: it may be
// lost on the way, and come twice. The truth is the poll, which it brings
// forward.
//
// The condition that a trap tells of is known by the trap's device, Name and
// About. It lasts until a trap of that device comes that clears it, with the
// same About or for all at once. What no trap ever clears has no duration; a device may say it
// again and again while it lasts.
type Trap struct {
	Time     time.Time // when it came
	Device   *Device   // nil where several devices have the address it came from and nothing tells which it was
	From     string    // that address
	OID      string    // as SNMP version 2 has it
	Name     string    // that the profile gives it, upsTrapOnBattery; the OID of one that it does not know
	About    string    // which alarm, which probe; "" where the trap has no such thing
	Severity Severity
	Text     Words    // what it says, without the device's name
	Outage   bool     // a loss of supply brings it with it
	Lasts    bool     // there is a trap that clears it
	Clears   []string // Names of the traps whose condition is over
	All      bool     // and it is over whatever it was about
}
