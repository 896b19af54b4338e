package agent

import "testing"

// TestPlaces: what was found for a point comes back at its place, and is found
// anew where the poll has another point than before.
func TestPlaces(t *testing.T) {
	voltage, current, charge := &Point{Channel: "U"}, &Point{Channel: "I"}, &Point{Channel: "C"}
	finds := 0
	find := func(p *Point) string {
		finds++
		return p.Channel
	}
	var s Places[string]
	for _, step := range []struct {
		poll  []*Point // nil for a reading that is not looked at
		finds int
	}{
		{[]*Point{nil, nil, charge}, 1},
		{[]*Point{voltage, current, charge}, 2},
		{[]*Point{voltage, current, charge}, 0},
		{[]*Point{charge, voltage}, 2}, // the device lost one
		{[]*Point{charge, voltage, charge}, 0},
	} {
		finds = 0
		for i, p := range step.poll {
			if p == nil {
				continue
			}
			if got := s.At(i, p, find); got != p.Channel {
				t.Errorf("for %q there is %q", p.Channel, got)
			}
		}
		if finds != step.finds {
			t.Errorf("%d were found, not %d", finds, step.finds)
		}
	}
}
