// Package queue keeps encoded readings between the polls and a sink.
//
// A queue takes blocks, from any number of writers, and gives them to one
// reader in the order in which they came: Peek shows the oldest, Drop removes
// what was shown once it has been delivered. It is bounded in bytes. When it
// is full the oldest blocks go, counted, because what is happening now matters
// more than what has been waiting longest.
//
// There are two: Memory, which lives and dies with the process, and Durable,
// which keeps its blocks in the files of a folder of its own. What Durable
// promises:
//
//   - A block is in the operating system when Put returns: a killed process
//     loses none. A block that waits is on the disk a second after it came: a
//     power cut loses at most that. A block that is delivered sooner need
//     never reach the disk, and mostly does not: its file is gone before the
//     kernel gets round to writing it. At 10,000 readings a second, 1.2 MB/s,
//     ext4 wrote 2 kB/s in all while the sink was well, and 1.2 MB/s while it
//     was down (BenchmarkDiskWrites).
//   - A block comes out as it went in or not at all. Whatever happens to a
//     file, each damaged block costs that block; it is counted and reported,
//     and the rest is read.
//   - A block is given again, after a restart, when Drop had not been called;
//     after a power cut perhaps some for which it had. None that is intact is
//     passed over.
//   - A full or read-only disk makes Put fail, and nothing else. What was half
//     written is cut off; when there is room again Put takes blocks again.
//
// # Why not a library
//
// Three were put through a kill, flipped bits and a torn tail.
// tidwall/wal v1.2.1 has no checksums, so it delivers damaged blocks as good,
// and it does not open at all behind a torn tail. nsqio/go-diskqueue v1.1.0
// has no checksums either, takes a message for delivered when it is received,
// not when that is confirmed, and trusts a write position that it saves every
// so often: a kill loses what came after. The persistentqueue of
// VictoriaMetrics v1.102.1 gathers blocks in the process before it writes
// them, likewise saves a position now and then, deletes the files that do not
// agree with it, and panics when the disk is full. None bounds what a sink in
// good health costs in flash. The queue here is small because it needs no
// index, no random access and no second reader.
package queue
