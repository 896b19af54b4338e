// Package events tells from readings what happened: it names what matters as
// it begins and ends, puts what follows from one cause together as one
// incident, knows a test when it sees one, and records both with the figures
// that people ask for afterwards.
package events
