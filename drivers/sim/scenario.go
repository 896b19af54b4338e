package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// An event is something that a scenario does to the facility.
type event struct {
	at time.Duration // since the start
	do func(*Facility)
}

// Scenarios returns the names of the scenarios, the quiet one first.
func Scenarios() []string {
	names := make([]string, len(scenarios))
	for i, s := range scenarios {
		names[i] = s.name
	}
	return names
}

var scenarios = []struct {
	name   string
	events []event
}{
	{"calm", nil},
	// The utility fails for 3 min 20 s.
	{"mains-failure", []event{
		{20 * time.Second, func(f *Facility) { f.mains.present = false }},
		{220 * time.Second, func(f *Facility) { f.mains.present = true }},
	}},
	// The building is cut off from the utility for 15 min, under load.
	{"monthly-test", []event{
		{20 * time.Second, func(f *Facility) { f.mains.incomer = false }},
		{920 * time.Second, func(f *Facility) { f.mains.incomer = true }},
	}},
	// The same, and generator 1 does not start.
	{"generator-fails", []event{
		{10 * time.Second, func(f *Facility) { f.gens[0].broken = true }},
		{20 * time.Second, func(f *Facility) { f.mains.incomer = false }},
		{920 * time.Second, func(f *Facility) { f.mains.incomer = true }},
	}},
	// The utility fails again and again, once for long enough to start a generator.
	{"flapping-mains", []event{
		{20 * time.Second, func(f *Facility) { f.mains.present = false }},
		{21500 * time.Millisecond, func(f *Facility) { f.mains.present = true }},
		{27 * time.Second, func(f *Facility) { f.mains.present = false }},
		{29 * time.Second, func(f *Facility) { f.mains.present = true }},
		{40 * time.Second, func(f *Facility) { f.mains.present = false }},
		{48 * time.Second, func(f *Facility) { f.mains.present = true }},
		{75 * time.Second, func(f *Facility) { f.mains.present = false }},
		{77 * time.Second, func(f *Facility) { f.mains.present = true }},
	}},
	// One cooling unit trips, then the other; both are reset after a while.
	{"cooling-failure", []event{
		{20 * time.Second, func(f *Facility) { f.units[0].tripped = true }},
		{80 * time.Second, func(f *Facility) { f.units[1].tripped = true }},
		{260 * time.Second, func(f *Facility) { f.units[1].tripped = false }},
		{320 * time.Second, func(f *Facility) { f.units[0].tripped = false }},
	}},
}

func scenario(name string) ([]event, error) {
	for _, s := range scenarios {
		if s.name == name {
			return slices.Clone(s.events), nil
		}
	}
	return nil, fmt.Errorf("there is no scenario %q; there are %s", name, strings.Join(Scenarios(), ", "))
}
