// Package events tells from readings what happened: it names what matters as
// it begins and ends, puts what follows from one cause together as one
// incident, knows a test when it sees one, and records both with the figures
// that people ask for afterwards.
//
// # The model
//
// Observe is given every poll. A state that matters (the table is states), a
// value beyond its limits, a device or a value that is missing, and an alarm
// that the device itself reports is an event, from the first reading that
// showed it to the first that did not. There is no clock but the times of
// polls: the same polls make the same events, whatever the time is. When the
// clock is set (Step), what was told keeps its time, and what lasts is as old as
// it was: it ends by the clock that it began with, and so does a record.
//
// An event that is a cause begins an incident, unless it follows from one that
// is under way: of power, cooling and safety there is one at a time. What
// follows from it, by what it is about and by what feeds what, is a part of it
// (Parent). Where several devices see the same thing, the one nearest to the
// source names the cause. An incident has ended when all that kept it open has,
// for a minute; what comes again sooner, as mains do that flap, is the same.
//
// A test is an incident that was wanted: a plan is due, a controller says that
// it tests, or somebody declared it. What a test is for calls nobody: such
// events are Info. What has to be shown is held against the figures. A plan
// that was not kept is an event, which lasts until the plan is kept.
//
// # Guarantees
//
//   - A reading that is Bad, Suspect, unknown or missing neither begins nor ends
//     an event of its point. Where one that is Bad, or a sensor that is missing, goes
//     on for three polls, that is an event, one for all values that a device lacks
//     since the same poll where they are many. Of what was never read, and is not
//     Bad, that is so only where the configuration counts on it (wanted). An event of anything else that an
//     answering device has left out for two hours ends, and says that it is no longer
//     observed: the device was exchanged for another. Silence ends none.
//   - The worst value of what is beyond a limit goes with all else that is told of
//     it, and is told to nobody for itself; of it a kill loses the last minute.
//   - What begins ever again is one event after a while (flurry), and the folder
//     has at most a gigabyte: the oldest goes.
//   - An event, and what it has become, is in the operating system before it is
//     announced, and on the disk within a second or so (see journal). After a
//     kill the incident that was under way goes on under its ID, and what was not
//     announced yet is.
//   - Figures are computed from recorded readings alone; what these do not show
//     is said, not guessed. A duration is right to within one poll interval of
//     the devices at its ends.
//   - A reading that makes no event costs no memory, and some twenty nanoseconds
//     (BenchmarkObserve). No poll waits for a disk sync or for figures: the
//     keeper's goroutine does these.
//
// # The folder
//
//	2026-11.events        what happened, a line each time (see appendLine)
//	ID.record.json        an incident or test run, rewritten as it becomes known
//	ID.readings           its readings while they are recorded
//	ID.readings.gz        and afterwards
package events
