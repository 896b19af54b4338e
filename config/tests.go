package config

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// What each kind of test is about, and the criteria that it can have.
var testKinds = map[string]struct {
	class    string // of the device that it can name
	criteria []string
}{
	"blackout":  {"generator", []string{"start_within", "load_within", "transfer_within", "carry", "load", "frequency_within", "battery_left"}},
	"start":     {"generator", []string{"start_within", "run", "frequency_within"}},
	"transfer":  {"ats", []string{"transfer_within"}},
	"self_test": {"ups", []string{"battery_left"}},
	"manual":    {"", nil},
}

// test reads one of tests:.
func (r *siteReader) test(s *source, n *yaml.Node) {
	m := s.mapping(n, "the test")
	id, kind, device := m.need("id", "monthly"), m.need("kind", "blackout"), m.get("device")
	t := &Test{ID: s.name(id, "id"), Name: s.text(m.get("name"), "name"), Device: s.text(device, "device")}
	t.Kind = s.choice(kind, "kind", "", "blackout", "start", "transfer", "self_test", "manual")
	if t.Name == "" {
		t.Name = t.ID
	}
	every, day, at, within := m.need("every", "month"), m.get("day"), m.get("at"), m.get("within")
	t.Schedule.Every = s.choice(every, "every", "month", "day", "week", "month", "quarter", "year")
	s.testDay(day, &t.Schedule)
	s.testTime(at, within, &t.Schedule)

	criteria := []string{"start_within", "load_within", "transfer_within", "carry", "load", "run", "frequency_within", "battery_left"}
	given := m.given(criteria...)
	for _, key := range given {
		if allowed := testKinds[t.Kind].criteria; t.Kind != "" && !slices.Contains(allowed, key) {
			s.fault(m.get(key), "a test of kind %s has no %s; %s", t.Kind, key, oneOf(key, allowed))
		}
	}
	span := func(key string) time.Duration { return s.duration(m.get(key), key, 0, Slot, 24*time.Hour) }
	t.StartWithin, t.LoadWithin, t.TransferWithin = span("start_within"), span("load_within"), span("transfer_within")
	t.Carry, t.Run = span("carry"), span("run")
	number := func(key, unit string, hi float64) float64 {
		n := m.get(key)
		if n == nil {
			return 0
		}
		v := s.quantity(n, key, unit, math.NaN())
		if v <= 0 || v > hi {
			s.fault(n, "%s is %s; it must be above 0 and at most %s", key, n.Value, amount(hi))
		}
		return v
	}
	t.Load = number("load", "W", gridWatts)
	t.Frequency, t.Charge = number("frequency_within", "%", 50), number("battery_left", "%", 100)
	s.percent(m.get("battery_left"), "battery_left", "%", t.Charge)
	m.done()
	if m.node == nil {
		return
	}
	if first, ok := r.tests[t.ID]; ok && t.ID != "" {
		s.fault(id, "the test %s is there already, at %s", t.ID, first)
		return
	}
	r.tests[t.ID] = s.at(m.node)
	r.site.Tests = append(r.site.Tests, t)
	if device == nil {
		return
	}
	d, want := r.deviceOf(t.Device), testKinds[t.Kind].class
	switch {
	case d == nil:
		s.fault(device, "there is no device %s; %s", t.Device, oneOf(t.Device, r.deviceIDs()))
	case want != "" && d.Profile != nil && d.Profile.Class != want:
		s.fault(device, "a test of kind %s is about a device of class %s; %s is of class %s", t.Kind, want, t.Device, d.Profile.Class)
	}
}

var weekdays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// testDay reads on which day of its week or month a test is due.
func (s *source) testDay(n *yaml.Node, to *Schedule) {
	if n == nil {
		return
	}
	words := strings.Fields(s.text(n, "day"))
	weekday := func(word string) int { return 1 + slices.Index(weekdays, word) }
	switch {
	case to.Every == "week" && len(words) == 1 && weekday(words[0]) > 0:
		to.Weekday = weekday(words[0])
	case to.Every == "month" && len(words) == 2 && weekday(words[1]) > 0:
		to.Weekday = weekday(words[1])
		to.Nth = 1 + slices.Index([]string{"first", "second", "third", "fourth"}, words[0])
		if words[0] == "last" {
			to.Nth = -1
		}
		if to.Nth == 0 {
			s.fault(n, "day is %s; write first, second, third, fourth or last before the weekday", n.Value)
		}
	case to.Every == "month" && len(words) == 1 && weekday(words[0]) == 0:
		to.Day = s.integer(n, "day", 1, 1, 31)
	case to.Every == "week":
		s.fault(n, "day is %q; of a week it is one of %s", n.Value, strings.Join(weekdays, ", "))
	case to.Every == "month":
		s.fault(n, "day is %q; of a month it is a number, or for example first wed or last fri", n.Value)
	default:
		s.fault(n, "day goes with every: week and every: month; what is due every %s has none", to.Every)
	}
}

var clockForm = regexp.MustCompile(`^([01]?\d|2[0-3]):([0-5]\d)$`)

// testTime reads at what time of its day a test is due.
func (s *source) testTime(at, within *yaml.Node, to *Schedule) {
	if at == nil {
		if within != nil {
			s.fault(within, "within goes with at:, the time that the test is due")
		}
		return
	}
	part := clockForm.FindStringSubmatch(s.text(at, "at"))
	if part == nil {
		s.fault(at, "at is %q; write hours and minutes, for example 08:00", at.Value)
		return
	}
	if to.Every != "day" && to.Weekday == 0 && to.Day == 0 {
		s.fault(at, "at: needs a day: too, of the %s", to.Every)
	}
	hours, _ := strconv.Atoi(part[1])
	minutes, _ := strconv.Atoi(part[2])
	to.At, to.Timed = time.Duration(hours)*time.Hour+time.Duration(minutes)*time.Minute, true
	to.Within = s.duration(within, "within", 2*time.Hour, time.Minute, 12*time.Hour)
}
