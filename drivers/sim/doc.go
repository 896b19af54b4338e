// Package sim serves profiles backwards: where a driver turns a device's
// registers and objects into values, a Server here turns values into registers
// and objects and answers for them on a real socket. The same profile is read
// in both directions, so whatever a profile can say can be simulated, and what
// a driver reads from a Server is what the Server was given, to within the
// resolution that the profile's scale leaves.
//
// # Stations
//
// ServeModbus answers Modbus TCP for one or several unit ids on one socket, as
// a gateway does. ServeSNMP answers SNMP v1 and v2c for one device. Both take
// what they say from a Values at the moment they are asked, so no state is
// held between two requests. A value that a Values does not have is served the
// way that the profile says a device shows it, as a sentinel; where the profile
// has no sentinel, the register is refused (exception 2) and the object is not
// there. It is never served as 0. Nothing can be written: the write functions
// of Modbus are illegal functions here and an SNMP SET is not writable.
//
// # The facility
//
// A Facility is the building of a web host, as physics: mains, generators,
// transfer switches, UPS units, cooling and rooms. It has no clock and no
// goroutine; Step moves it on, and the same seed and steps give the same
// values. Each of its devices has a Board, which is the Values that a Server
// serves.
package sim
