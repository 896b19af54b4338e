// Package modbus reads devices over Modbus: TCP, TCP within TLS (Modbus/TCP
// Security), RTU over TCP, and RTU on a serial line. It only reads: function codes 1 to 4 are all it can send.
//
// # The model
//
// A [Wire] is one connection: to a device, to a gateway with several units
// behind it, or to a serial line. A [Source] is one unit on a wire. The values
// that its profile wants compile into few reads, which every Poll sends one
// after the other; a decoder per point, compiled as well, turns the bytes into
// readings.
//
// # What a wire guarantees
//
//   - An answer is never taken for that of another request. On TCP the
//     transaction id, counted per connection whatever the unit, decides. RTU has
//     none: unit, function, byte count and checksum must fit, bytes that came
//     before the request are thrown away, and after a request that got no answer
//     the next one with the same unit and function waits for the late answer for
//     as long again. One that is later still cannot be told apart where it has
//     the size that fits; nothing on such a line can tell it.
//   - Over TLS nothing is asked of a far side that has not proved who it is.
//   - A request ends by its deadline or soon after its context does.
//   - A connection that is refused, broken, half-open or out of step is replaced
//     by the next request. One that broke while it was idle, as gateways' do, is
//     replaced within the request that finds it broken, once.
//   - While a far side cannot be reached, the units of a wire do not each wait
//     for it in turn: for half a second after a failed attempt of one unit the
//     others fail at once. That the wire itself is dead is an
//     [agent.ErrUnreachable].
//
// # What a source guarantees
//
//   - Poll returns an error only when the device has answered nothing in that
//     poll, and then it has cost one timeout: nothing more is asked. Where the
//     device answers some reads and not others, the values of the others are Bad
//     and the error is nil. After two reads without an answer, or when the
//     connection or the gateway's path is lost, the rest is not tried.
//   - A read that alone stays unanswered is tried ever more rarely (at most every
//     64th poll), and the next poll after a failed one begins with another read:
//     a device that keeps silent instead of refusing shows all that it has.
//   - A read that the device refuses (exceptions 2 and 3) is halved, first where
//     it reads unused registers, until it is known what the device does not have.
//     That is left out and reported once. It is asked for again when the device
//     comes back over a new connection, or after an hour.
//   - Exception 1 leaves out the whole address space in the same way, or, where
//     the device has answered anything in it, is a refusal as 2 and 3. Exceptions
//     0x0A and 0x0B come from a gateway and mean that the device is silent. All
//     others (busy, failure) make the values of that read Bad.
//   - Of several points with the same metric and channel the first that gives a
//     value counts, and those after it are not read any more. Those before it
//     are, and count as soon as they give one.
//   - Several points of a state are all read, for there is no one register that
//     tells it: the first that says something the profile has a word for
//     decides, and where none does the state is unknown. One without an answer
//     makes the reading Bad, unless one before it decides. The reading is always
//     of the first that the device has, whichever decides.
//   - A SunSpec device's map is looked for once. The headers of the models that
//     are read come with every poll: when one has moved, nothing is taken from
//     the old places and the map is looked for again.
//   - Of which families of its profile a device is, is read in every poll. When
//     that is not as before, as in the first poll or after an exchange, all is
//     read once more as the points of those families want it, and only that is
//     taken.
//   - A reading is a finite number or Bad with a reason. What the device marks
//     as not available (a sentinel of the profile, NaN, an empty text) is left out.
package modbus
