package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"plantroom/agent"
	"plantroom/agent/aside"
	"plantroom/agent/events"
	"plantroom/agent/influx"
	"plantroom/agent/ledger"
	"plantroom/agent/mqtt"
	"plantroom/agent/power"
	"plantroom/agent/queue"
	"plantroom/agent/trend"
	"plantroom/agent/wall"
	"plantroom/agent/webhook"
	"plantroom/config"
	"plantroom/dashboards"
	"plantroom/drivers"
)

// A station is an agent with everything that a configuration gives it, and
// what each part was made from, so that another configuration changes only
// what differs.
type station struct {
	agent   *agent.Agent
	power   *power.Network
	events  *events.Engine
	told    func(*agent.Event) // of each event and what becomes of it, besides the outputs; nil for nobody
	log     *slog.Logger
	plan    *drivers.Plan
	outputs []*output
	queues  config.Queue // what the queues were opened with
	state   string       // the folder that the rest was
	trends  *trend.Store
	ledger  *ledger.Ledger // nil for none
	live    *wall.Live
	wall    *wall.Server // nil for none
	walled  wallFrom
	traps   traps
}

// wallFrom is what a wall is made from.
type wallFrom struct {
	site, agent string
	wall        *config.Wall // nil for none
}

// An output is a sink with its queue, and for an embedded broker that too.
type output struct {
	madeFrom any
	name     string
	sink     closingSink
	queue    *outputQueue
	outlet   *agent.Outlet
	broker   *mqtt.Broker
}

// A closingSink is a sink with a connection to give up.
type closingSink interface {
	agent.Sink
	Close() error
}

// What the sinks are made from.
type (
	influxFrom struct {
		site string
		out  config.Influx
	}
	mqttFrom struct {
		site, agent string
		out         config.MQTT
	}
	webhookFrom struct {
		site string
		out  config.Webhook
	}
)

// newStation makes the agent of a site, opens its queues and starts the
// embedded broker where there is one. Nothing is polled yet.
func newStation(site *config.Site, log *slog.Logger) (*station, error) {
	s := &station{log: log, queues: site.Queue, state: site.State}
	outputs, err := s.make(site)
	if err != nil {
		return nil, err
	}
	s.outputs = outputs
	s.plan = drivers.Build(site, nil, log)
	s.agent = agent.New(s.plan.Buses(), outlets(outputs), log)
	// Before plantroom was no clock can be that is right. It is no date of the
	// build: one that is wrong would hold everything for ever.
	s.agent.HoldBefore(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC))
	s.report(&agent.Device{ID: site.Agent, Name: "plantroom on " + site.Agent, Class: "agent", Every: selfEvery}, func(f *agent.Figures) {
		s.agent.Self(f)
		s.traps.read(f)
	})
	s.power = power.New(s.devices(site), nodes(site))
	if err := s.openEvents(site); err != nil {
		s.close()
		return nil, err
	}
	// What the building stands on is seen at once, and known before what follows from it.
	s.agent.Watch(s.power.Observe)
	s.power.Changes(s.stands)
	s.agent.Observe(s.events.Observe)
	s.agent.Stepped(s.events.Step)
	s.report(&agent.Device{ID: config.SiteID, Name: site.Name, Class: "site", Every: siteEvery}, s.power.Site)
	file := ""
	if site.State != "" {
		file = filepath.Join(site.State, "trend", "trends")
	}
	s.trends = trend.Open(file, wall.Shows, log)
	s.openLedger(site)
	s.live = wall.NewLive(s.events.Band)
	s.agent.Observe(s.trends.Observe)
	s.agent.Watch(s.live.Observe)
	if err := s.serveWall(site); err != nil {
		s.close()
		return nil, err
	}
	s.listenForTraps(site)
	return s, nil
}

// How often the agent reads itself, and the figures of the site.
const (
	selfEvery = 10 * time.Second
	siteEvery = time.Second
)

// report makes a device of the agent's own one of those that are polled.
func (s *station) report(d *agent.Device, read func(*agent.Figures)) {
	s.agent.Report(d, func(name string) *agent.Metric { return config.Lookup(d.Class, name) }, read)
}

// devices returns what the plan polls, in the order of the configuration.
func (s *station) devices(site *config.Site) []*agent.Device {
	at := map[string]int{}
	for i, d := range site.Devices {
		at[d.ID] = i
	}
	all := make([]*agent.Device, len(site.Devices))
	for _, b := range s.plan.Buses() {
		for _, d := range b.Devices() {
			all[at[d.ID]] = d
		}
	}
	return all
}

// nodes returns the parts of the power path that nobody polls.
func nodes(site *config.Site) (all []power.Node) {
	for _, n := range site.Nodes {
		all = append(all, power.Node{ID: n.ID, Name: n.Name, Kind: n.Kind, Labels: n.Labels, Feeds: n.Feeds})
	}
	return all
}

// openEvents opens the log of events, in a folder of the site's state where it
// has one.
func (s *station) openEvents(site *config.Site) (err error) {
	o := events.Options{Site: site.Name, Agent: site.Agent, Log: s.log, Announce: func(e *agent.Event) {
		s.agent.Announce(e)
		if s.told != nil {
			s.told(e)
		}
	}}
	if site.State != "" {
		o.Dir = filepath.Join(site.State, eventsFolder)
	} else {
		s.log.Warn("what happens is known for as long as the agent runs, and not recorded; give the configuration state: FOLDER")
	}
	if s.events, err = events.Open(o); err != nil && o.Dir != "" { // polling matters more
		s.log.Error("events are kept in memory, their folder cannot be used", "err", err)
		o.Dir = ""
		s.events, err = events.Open(o)
	}
	if err != nil {
		return err
	}
	var lasting []*agent.Event
	for _, e := range s.events.Active() {
		lasting = append(lasting, &e)
	}
	s.agent.Resume(lasting)
	s.events.Configure(s.setup(site))
	return nil
}

// openLedger begins to keep what days come to, where the site has a folder for
// it.
func (s *station) openLedger(site *config.Site) {
	if site.State == "" {
		return
	}
	l, err := ledger.Open(filepath.Join(site.State, ledgerFolder), site.Name, s.log)
	if err != nil { // polling matters more
		s.log.Error("what days come to is not kept, its folder cannot be used", "err", err)
		return
	}
	s.ledger = l
	s.agent.Observe(l.Observe)
	s.agent.Stepped(l.Step)
}

// stands takes what the building stands on, as it has become, to those who
// remember it.
func (s *station) stands(p agent.Path) {
	s.agent.Standing(p.Time, 2*(len(p.Nodes)+len(p.Edges)), func(at time.Time) {
		p.Time = at
		s.events.Path(p)
		if s.ledger != nil {
			s.ledger.Path(p)
		}
	})
}

// The folders of a site's state that reports are made from.
const (
	eventsFolder = "events"
	ledgerFolder = "ledger"
)

// setup returns what there is to know of a site to tell what happens in it.
func (s *station) setup(site *config.Site) events.Setup {
	setup := events.Setup{Devices: s.devices(site), Metrics: map[string]map[string]bool{}, While: map[string]events.While{}, Hold: site.Hold}
	for _, d := range site.Devices {
		names := map[string]bool{}
		for _, m := range d.Metrics() {
			names[m.Name] = true
		}
		setup.Metrics[d.ID] = names
		if d.SNMP != nil && d.Profile.SNMP != nil {
			setup.While[d.ID] = whileOf(d.Profile.SNMP.Traps)
		}
	}
	for _, d := range setup.Devices {
		setup.Nodes = append(setup.Nodes, events.Node{ID: d.ID, Class: d.Class, Feeds: d.Feeds})
	}
	for _, n := range site.Nodes {
		setup.Nodes = append(setup.Nodes, events.Node{ID: n.ID, Class: n.Kind, Feeds: n.Feeds})
	}
	for _, l := range site.Limits {
		setup.Limits = append(setup.Limits, events.Limit(l))
	}
	for _, t := range site.Tests {
		setup.Tests = append(setup.Tests, events.Plan{
			ID: t.ID, Name: t.Name, Kind: t.Kind, Device: t.Device, Schedule: events.Schedule(t.Schedule),
			StartWithin: t.StartWithin, LoadWithin: t.LoadWithin, TransferWithin: t.TransferWithin, Carry: t.Carry, Run: t.Run,
			Load: t.Load, Frequency: t.Frequency, Charge: t.Charge,
		})
	}
	for _, out := range site.Webhooks {
		if out.EscalateAfter > 0 {
			setup.Escalate = append(setup.Escalate, out.EscalateAfter)
		}
	}
	return setup
}

// whileOf returns of which traps polls tell as well.
func whileOf(traps map[string]*config.SNMPTrap) events.While {
	says := events.While{}
	for _, t := range traps {
		if t.While != nil {
			says[t.Name] = t.While
		}
	}
	return says
}

// serveWall makes the wall what it is to be, none where the site has none. After
// an error it is what it was.
func (s *station) serveWall(site *config.Site) error {
	before, from := s.walled, wallFrom{site.Name, site.Agent, site.Wall}
	if reflect.DeepEqual(from, before) {
		return nil
	}
	if s.wall != nil {
		s.wall.Close() // what is to be may have the same address
	}
	err := s.listen(from)
	if err != nil && before.wall != nil {
		err = errors.Join(err, s.listen(before))
	}
	return err
}

// listen makes a wall, none after an error.
func (s *station) listen(from wallFrom) (err error) {
	s.wall, s.walled = nil, wallFrom{}
	if from.wall == nil {
		return nil
	}
	users := map[string]string{}
	for name, hash := range from.wall.Users {
		users[name] = hash.Reveal()
	}
	s.wall, err = wall.Listen(wall.Options{
		Listen: from.wall.Listen, Token: from.wall.Token.Reveal(), Users: users, Public: from.wall.Public, Agent: s.agent, Log: s.log,
		Site: from.site, Name: from.agent, Version: version, Files: dashboards.Wall(), Live: s.live,
		Path: s.path, Trend: s.trend, Events: s.events.Events, Tests: s.events.Tests, Ack: s.events.Ack, Test: s.testNote, Traps: s.traps.counts,
	})
	if err != nil {
		return fmt.Errorf("wall: %w", err)
	}
	s.walled = from
	return nil
}

// path returns what the building stands on, as the wall says it.
func (s *station) path() agent.Path {
	alarms := 0
	for _, e := range s.agent.Active() {
		if e.Severity >= agent.Warning && !e.Part() && e.Acked.IsZero() {
			alarms++
		}
	}
	return power.Unless(alarms, s.power.Path())
}

// trend returns the last day or hour of a point.
func (s *station) trend(device, metric, channel string, day bool) wall.Trend {
	last := s.trends.Hour
	if day {
		last = s.trends.Day
	}
	t, _ := last(device, metric, channel, time.Now())
	return wall.Trend(t)
}

// testNote does what somebody says of a test.
func (s *station) testNote(n wall.TestNote) (id string, err error) {
	switch n.Action {
	case "start":
		return s.events.StartTest(n.Test, n.Name, n.By)
	case "end":
		return s.events.EndTest(n.By)
	case "cancel":
		return s.events.CancelTest(n.Test, n.By, n.Text)
	}
	return s.events.NoteTest(n.Test, n.By, n.Text, n.Failed)
}

// apply makes a running station that of another configuration. After an error
// nothing has changed. What cannot change under way, the queues' settings and
// an embedded broker's, is said and stays.
func (s *station) apply(site *config.Site) error {
	if site.Queue != s.queues {
		s.log.Warn("the queue's settings take effect at the next start")
	}
	if site.State != s.state {
		s.log.Warn("the state folder takes effect at the next start")
	}
	made, err := s.make(site)
	if err != nil {
		return err
	}
	if err := s.serveWall(site); err != nil {
		for _, o := range made {
			s.discard(o)
		}
		return err
	}
	for _, o := range made {
		for _, old := range s.outputs {
			if old.outlet == o.outlet && old != o {
				o.outlet.Exchange(o.sink)
				s.closeSink(old)
			}
		}
	}
	gone := slices.DeleteFunc(slices.Clone(s.outputs), func(old *output) bool {
		return slices.ContainsFunc(made, func(o *output) bool { return o.outlet == old.outlet })
	})
	s.plan = drivers.Build(site, s.plan, s.log)
	s.power.Apply(s.devices(site), nodes(site))
	if err := s.agent.Apply(s.plan.Buses(), outlets(made)); err != nil {
		s.log.Error("what was polled is not given up in order", "err", err)
	}
	s.events.Configure(s.setup(site)) // now that nobody polls what is gone
	s.outputs = made
	for _, o := range gone {
		s.closeOutput(o)
	}
	s.listenForTraps(site)
	return nil
}

// make returns the outputs of a site. Those that the station has are taken
// over; one that differs has another sink and the same outlet. After an error
// nothing new is left open.
func (s *station) make(site *config.Site) (made []*output, err error) {
	defer func() {
		if err != nil {
			for _, o := range made {
				s.discard(o)
			}
		}
	}()
	add := func(name string, from any, linger time.Duration, sink func(o *output) (closingSink, error)) error {
		old := s.output(name, from)
		if old != nil && reflect.DeepEqual(old.madeFrom, from) {
			made = append(made, old)
			return nil
		}
		o := &output{name: name, madeFrom: from}
		if old != nil {
			o.broker, o.queue, o.outlet = old.broker, old.queue, old.outlet
		}
		var err error
		made = append(made, o)
		if o.sink, err = sink(o); err != nil {
			return fmt.Errorf("output %s: %w", name, err)
		}
		if old == nil {
			if o.queue, err = s.openQueue(name); err != nil {
				return fmt.Errorf("output %s: %w", name, err)
			}
			o.outlet = agent.NewOutlet(name, o.sink, o.queue, &outputQueue{queue.NewMemory(fastLimit)}, linger)
		}
		return nil
	}
	for _, out := range site.Influx {
		// Polls of one slot are written together; half a second is nothing on a chart.
		err := add(out.Name, influxFrom{site.Name, *out}, 500*time.Millisecond, func(*output) (closingSink, error) {
			tls, err := out.TLS.Config()
			if err != nil {
				return nil, err
			}
			return influx.New(influx.Options{
				URL: out.URL, Org: out.Org, Bucket: out.Bucket, Token: out.Token.Reveal(), TLS: tls, Gzip: out.Gzip,
				Site: site.Name, Log: s.log, SetAside: s.setAside(out.Name),
			})
		})
		if err != nil {
			return made, err
		}
	}
	for _, out := range site.MQTT {
		err := add(out.Name, mqttFrom{site.Name, site.Agent, *out}, 20*time.Millisecond, func(o *output) (closingSink, error) {
			url, err := s.brokerURL(o, out)
			if err != nil {
				return nil, err
			}
			tls, err := out.TLS.Config()
			if err != nil {
				return nil, err
			}
			return mqtt.New(mqtt.Options{
				URL: url, Username: out.Username, Password: out.Password.Reveal(), TLS: tls, ClientID: out.ClientID, Prefix: out.Prefix,
				Site: site.Name, Agent: site.Agent, History: out.History, PerMetric: out.PerMetric, Discovery: out.Discovery,
				Active: s.lasting, Log: s.log, SetAside: s.setAside(out.Name),
			})
		})
		if err != nil {
			return made, err
		}
	}
	for _, out := range site.Webhooks {
		err := add(out.Name, webhookFrom{site.Name, *out}, 0, func(*output) (closingSink, error) {
			o := webhook.Options{
				Name: out.Name, URL: out.URL.Reveal(), Header: out.Header(), Site: site.Name, Alertmanager: out.Alertmanager, ContentType: out.ContentType,
				Filter: webhook.Filter{
					Severity: out.Severity, Classes: out.Classes, Labels: out.Labels, Consequences: out.Consequences, EscalateAfter: out.EscalateAfter,
				},
				Active: s.lasting, SetAside: s.setAside(out.Name), Log: s.log,
			}
			var err error
			if o.TLS, err = out.TLS.Config(); err != nil {
				return nil, err
			}
			if out.Template != "" {
				if o.Template, err = config.ParseTemplate(out.Template); err != nil {
					return nil, err
				}
			}
			return webhook.New(o)
		})
		if err != nil {
			return made, err
		}
	}
	return made, nil
}

// lasting returns the events that last; there is an agent before anybody asks.
func (s *station) lasting() []*agent.Event { return s.agent.Active() }

// brokerURL returns where the broker of an output is, having started it where
// it is to be the agent itself.
func (s *station) brokerURL(o *output, out *config.MQTT) (string, error) {
	switch {
	case o.broker != nil:
		s.log.Warn("what is embedded, where, and who is let in takes effect at the next start", "sink", out.Name)
		return o.broker.URL(), nil
	case out.Embedded == "":
		return out.URL, nil
	}
	broker, err := mqtt.Listen(out.Embedded, out.Username, out.Password.Reveal(), s.log)
	if err != nil {
		return "", err
	}
	o.broker = broker
	return broker.URL(), nil
}

// output returns the station's output of that name and kind, nil for none.
func (s *station) output(name string, from any) *output {
	for _, o := range s.outputs {
		if o.name == name && reflect.TypeOf(o.madeFrom) == reflect.TypeOf(from) {
			return o
		}
	}
	return nil
}

// discard gives up what an output that is not to be has of its own.
func (s *station) discard(o *output) {
	old := s.output(o.name, o.madeFrom)
	if old == o {
		return
	}
	mine := *o
	if old != nil {
		mine.queue = nil
		if old.broker == o.broker {
			mine.broker = nil
		}
	}
	s.closeOutput(&mine)
}

// The box has other uses for its memory. These bound, in bytes,
const (
	memoryLimit = 64 << 20 // a queue in memory
	fastLimit   = 4 << 20  // the fast lane beside a queue
)

// asideLimit bounds what is set aside of an output's, in bytes.
const asideLimit = 16 << 20

// setAside returns what keeps, in the folder of its queue, what the output of
// that name will never take; nil where there is no such folder.
func (s *station) setAside(name string) func(what string, why error) {
	if s.queues.Dir == "" {
		return nil
	}
	return aside.New(filepath.Join(s.queues.Dir, name, "refused.txt"), asideLimit, s.log.With("sink", name)).Add
}

// openQueue opens the queue of the output of that name: in a folder of its own
// where the configuration has a place for queues, otherwise in memory.
func (s *station) openQueue(name string) (*outputQueue, error) {
	memory := &outputQueue{queue.NewMemory(int(min(s.queues.Limit, memoryLimit)))}
	if s.queues.Dir == "" {
		return memory, nil
	}
	o := queue.Options{Limit: s.queues.Limit, Sync: s.queues.Sync, Log: s.log.With("sink", name)}
	switch {
	case s.queues.Sync == 0:
		o.Sync = queue.Always
	case s.queues.Sync < 0:
		o.Sync = queue.Never
	}
	q, err := queue.Open(filepath.Join(s.queues.Dir, name), o)
	switch {
	case errors.Is(err, queue.ErrInUse): // another agent delivers already
		return nil, err
	case err != nil: // polling matters more
		s.log.Error("what waits for the sink is kept in memory, its folder cannot be used", "sink", name, "err", err)
		return memory, nil
	}
	if waiting := q.Stats().Bytes; waiting > 0 {
		s.log.Info("readings of an earlier run wait for the sink", "sink", name, "bytes", waiting)
	}
	return &outputQueue{q}, nil
}

// An outputQueue is one of package queue, which knows nothing of the agent.
type outputQueue struct {
	closingQueue
}

type closingQueue interface {
	Put(block []byte) error
	Peek(ctx context.Context, limit int) ([]byte, error)
	Drop() error
	Stats() queue.Stats
	Close() error
}

// Stats says how full the queue is. What becomes of a block that it refuses
// is the outlet's to count.
func (q outputQueue) Stats() agent.QueueStats {
	s := q.closingQueue.Stats()
	return agent.QueueStats{Bytes: s.Bytes, Age: s.Age, Dropped: s.Dropped + s.Damaged}
}

func outlets(outputs []*output) (out []*agent.Outlet) {
	for _, o := range outputs {
		out = append(out, o.outlet)
	}
	return out
}

// broker returns the embedded broker, nil where the site has none.
func (s *station) broker() *mqtt.Broker {
	for _, o := range s.outputs {
		if o.broker != nil {
			return o.broker
		}
	}
	return nil
}

// close gives up the outputs, after the agent has stopped.
func (s *station) close() {
	s.traps.close()
	if s.wall != nil {
		s.wall.Close()
	}
	if s.events != nil {
		if err := s.events.Close(); err != nil {
			s.log.Error("the log of events is not closed in order", "err", err)
		}
	}
	if s.ledger != nil {
		if err := s.ledger.Close(); err != nil {
			s.log.Error("what the day comes to is not kept", "err", err)
		}
	}
	if s.trends != nil {
		if err := s.trends.Close(); err != nil {
			s.log.Error("trends are not kept", "err", err)
		}
	}
	for _, o := range s.outputs {
		s.closeOutput(o)
	}
}

func (s *station) closeOutput(o *output) {
	s.closeSink(o)
	if o.broker != nil {
		o.broker.Close()
	}
	if o.queue != nil {
		if err := o.queue.Close(); err != nil {
			s.log.Error("the queue is not closed in order", "sink", o.name, "err", err)
		}
	}
}

func (s *station) closeSink(o *output) {
	if o.sink == nil {
		return
	}
	if err := o.sink.Close(); err != nil {
		s.log.Debug("the sink is not closed in order", "sink", o.name, "err", err)
	}
}
