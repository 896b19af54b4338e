// Package power knows what carries what: the network of sources, switches and
// loads that feeds: draws, what each device on it measures, and from both what
// the building stands on.
//
// # The model
//
// Power goes from sources (utilities, generators) through parts that hand it on
// (transformers, boards, meters, PDUs), parts that choose (transfer switches)
// and parts that hold out (UPS units, DC systems) to loads. Every poll changes
// what its device is known to say; from what all of them say
//
//   - whether there is voltage at each part is found from the loads up: a part
//     that nothing measures is live when one that it feeds sees voltage;
//   - what each part stands on is found from the sources down: Mains, Generator,
//     Batteries from a UPS on battery on, Dead, or NoData;
//   - how much flows is solved from what is metered: a part's power is that of
//     the parts behind it, and the one without a meter has what is left.
//
// # Guarantees
//
// A device that failed two polls in a row, or whose readings are older than
// three polls, counts for nothing: it is Unknown, and what flows through it is
// known only as far as its neighbours measure it. A power that cannot be known
// is missing. Where two devices contradict each other the later reading counts.
//
// Where the configuration has no utility, what has no feeder stands on the mains,
// and so does what only generators feed unless it leads to source b of transfer
// switches alone. A generator that feeds nothing is taken to stand in for the
// mains as a whole. So a site without any feeds: still says what it stands on.
//
// # The load
//
// The building's load is what its UPS units and DC systems carry; without any,
// what power ends at. A load node, or a device, whose label load is something
// else than it (load: office) is not a part of it, nor is a UPS that carries
// nothing else. The building stands on what the worst supplied part of its load
// stands on; a part with several feeders stands on the best of them.
package power
