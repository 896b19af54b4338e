// Package snmp reads devices that speak SNMP, v1, v2c and v3, and hears what
// they say unasked.
//
// A Source is one agent and the profile that says where the agent keeps what.
// Its first poll surveys the device: it asks for the profile's scalars and
// walks the profile's columns (GETBULK, or GETNEXT where the agent has no
// other), and so learns which objects there are, which rows, their names and
// decimals. Every poll, the first too, then reads just the values that become
// readings, with as few GETs as their number and the size of a message allow.
//
// The survey is repeated every ten minutes, and a minute after the device
// changed: a row gone, a scalar gone, the device back from silence, a survey
// that found something else than the one before or not all it asked for. It is spread over polls and
// never keeps a poll from its readings. What it finds unchanged keeps its
// *agent.Point.
//
// Where several points of a profile are for one metric and channel, the first
// that the device has is read and the others are not asked for. Of a state all
// are read, for there is no one object that tells whether a UPS is on battery,
// on bypass or neither: the first that says something the profile has a word
// for decides, and where none does the state is unknown. One that the agent
// refuses makes the reading Bad, unless one before it decides. The reading's
// Point is always that of the first, whichever decides.
//
// A table of alarms, whose rows come and go, is walked in every poll, with one
// GETBULK while it has few rows. An alarm without a row that counts is clear; all
// of a table that the agent would not let be read are Bad, and those of an empty
// one are unknown where the device counts rows, or does not say how many there
// are. Of a profile's tables of alarms the first that the device has is read: the
// others say the same again. What a row says more than its alarm's name has, such
// as the branch that it is about, is the reading's Raw.
//
// What a device does not have (noSuchObject, noSuchInstance, Null, a version 1
// agent's noSuchName, a sentinel of the profile, a text without a number) is
// left out. A value that the agent refuses to give (genErr) is a Bad reading, and
// so is one of the flags in a text where the device gives another text instead:
// a card that has lost its UPS does not know that no alarm is there.
//
// A request that is not answered in half the timeout is sent a second time,
// and the device is silent when the whole timeout is over. What an agent
// cannot take (tooBig, genErr or silence for a big request, and answers for a
// small one) is halved, and the size that works is kept for a day. An agent that
// answers from another address than it was asked at is heard, like by net-snmp,
// from the second request on.
//
// A Listener receives traps and informs, finds out whose they are, and has
// that device polled: a trap is a hint, and no reading comes of it.
//
// Nothing here writes: the package sends GET, GETNEXT and GETBULK, and to whom
// sends it an inform the response, or the report that version 3 asks for.
package snmp

import (
	"context"
	"slices"
	"time"

	"plantroom/agent"
	"plantroom/config"
)

const (
	surveyEvery = 10 * time.Minute
	surveySoon  = time.Minute // the least time between two surveys
	surveyShare = 4           // requests of a survey that one poll makes on top of its own
	forgetAfter = 24 * time.Hour
)

// A Source is one device. It implements agent.Source; like every source it is
// owned by its bus's goroutine.
type Source struct {
	device *agent.Device
	points []config.SNMPPoint
	client client

	cells    []cell      // what the last survey found; nil before the first
	alarms   *alarmTable // likewise; nil where the device has none
	requests []request
	width    int      // the client's when requests was made
	answers  []answer // those of one poll, to all requests

	survey   *survey   // under way; nil for none
	surveyed time.Time // when the last one ended
	next     time.Time // when the next one is due
	silent   bool      // the last poll failed
}

// NewSource returns the source of a device. It sends nothing. The timeout is
// of one request, a repeated one included.
func NewSource(d *agent.Device, a config.SNMPAddress, p *config.SNMPProfile, timeout time.Duration) *Source {
	return &Source{device: d, points: p.Points, client: newClient(a, p.MaxOIDs, timeout)}
}

// Poll reads the device once, as agent.Source wants it.
func (s *Source) Poll(ctx context.Context, dst []agent.Reading) ([]agent.Reading, error) {
	if !s.silent {
		s.client.alive = false // only a probe after a failed poll vouches for a device that has not answered in this one
	}
	begin := len(dst)
	dst, err := s.read(ctx, dst)
	if err != nil {
		s.silent = true
		dst = dst[:begin]
		for i := range s.cells {
			dst = append(dst, s.cells[i].point.Failed(err))
		}
		if s.alarms != nil {
			dst = s.alarms.fail(dst, err)
		}
		return dst, err
	}
	if s.silent {
		s.silent = false
		s.soon()
	}
	s.look(ctx)
	return dst, nil
}

// read asks for all cells, after surveying a device not seen before.
func (s *Source) read(ctx context.Context, dst []agent.Reading) ([]agent.Reading, error) {
	if s.surveyed.IsZero() {
		if err := s.meet(ctx); err != nil {
			return dst, err
		}
	}
	if !s.client.limited.IsZero() && time.Since(s.client.limited) >= forgetAfter {
		s.client.forget()
	}
	if s.client.width != s.width {
		s.pack()
	}
	if len(s.requests) == 0 {
		if err := s.client.probe(ctx); err != nil {
			return dst, err
		}
	}
	changed := false
	for i := range s.requests {
		r := &s.requests[i]
		if err := s.client.get(ctx, &r.question, r.answers); err != nil {
			return dst, err
		}
		for j, o := range r.objects {
			switch a := &r.answers[j]; {
			case a.failed != nil:
				o.left.failed = a.failed
				changed = true
			case absent(a.pdu.Type):
				o.left.gone = a.fatal
				changed = changed || a.fatal
				s.soon()
			}
		}
	}
	for i := range s.cells {
		dst = s.cells[i].reading(dst)
	}
	dst, err := s.readAlarms(ctx, dst)
	clear(s.answers)
	if changed {
		s.pack()
		s.soon()
	}
	return dst, err
}

// Probe asks for the agent's uptime; any answer, also that it has none, is one.
// A version 3 agent's answer that it does not know the user, or does not share
// the password, is an error.
func (s *Source) Probe(ctx context.Context) error { return s.client.probe(ctx) }

// Close closes the socket. A Poll after it opens another.
func (s *Source) Close() error { return s.client.close() }

// meet surveys a device for the first time, as far as ctx allows; the next
// poll goes on from there.
func (s *Source) meet(ctx context.Context) error {
	if err := s.client.orOpen(func() error { return s.client.probe(ctx) }); err != nil {
		return err
	}
	if s.survey == nil {
		s.survey = newSurvey(s.points)
	}
	for !s.survey.done() {
		if err := s.survey.step(ctx, &s.client); err != nil {
			return err
		}
	}
	s.learn()
	return nil
}

// look goes on with a survey, where one is due. It gives up, for now, where the
// device does not answer: the next poll will tell.
func (s *Source) look(ctx context.Context) {
	if s.survey == nil {
		if time.Now().Before(s.next) {
			return
		}
		s.survey = newSurvey(s.points)
	}
	for limit := s.client.sent + surveyShare; !s.survey.done(); {
		if s.client.sent >= limit {
			return
		}
		if err := s.survey.step(ctx, &s.client); err != nil {
			if ctx.Err() == nil {
				s.survey, s.next = nil, time.Now().Add(surveySoon)
			}
			return
		}
	}
	s.learn()
}

// learn takes over what the survey found.
func (s *Source) learn() {
	cells := plan(s.device, s.points, s.survey, s.cells)
	failed := len(s.survey.failed) > 0
	first := s.surveyed.IsZero()
	alarms := alarmsOf(s.device, s.points, s.survey, cells, s.alarms)
	same := slices.EqualFunc(cells, s.cells, cell.equal) && alarms.equal(s.alarms)
	s.survey, s.cells, s.alarms = nil, cells, alarms
	s.surveyed = time.Now()
	s.next = s.surveyed.Add(surveyEvery)
	if first || !same || failed {
		s.soon()
	}
	s.pack()
}

// soon has the device surveyed as soon as it may be.
func (s *Source) soon() {
	if at := s.surveyed.Add(surveySoon); at.Before(s.next) {
		s.next = at
	}
}

func (s *Source) pack() {
	s.requests, s.answers = pack(s.cells, s.alarms, &s.client)
	s.width = s.client.width
}
