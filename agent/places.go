package agent

// Places remembers something about each point of a device by its place among
// the readings of a poll. Mostly that is the place of the poll before, so that
// an observer finds what it knows of a reading without a search. The zero
// value has seen nothing.
type Places[T any] []place[T]

type place[T any] struct {
	point *Point
	what  T
}

// At returns what there is about the i-th point of a poll: what was found for
// it before, or else what find finds now.
func (s *Places[T]) At(i int, p *Point, find func(*Point) T) T {
	if more := i + 1 - len(*s); more > 0 {
		*s = append(*s, make([]place[T], more)...)
	}
	at := &(*s)[i]
	if at.point != p {
		*at = place[T]{p, find(p)}
	}
	return at.what
}
