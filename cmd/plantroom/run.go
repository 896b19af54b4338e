package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"plantroom/agent"
	"plantroom/agent/influx"
	"plantroom/agent/mqtt"
	"plantroom/agent/queue"
	"plantroom/config"
	"plantroom/drivers"
)

type runCmd struct {
	configFile
}

// A configFile is how a command is told its configuration: FILE or --config FILE.
type configFile struct {
	File   string `arg:"" optional:"" help:"The configuration (plantroom.yaml)."`
	Config string `help:"The same." placeholder:"FILE"`
}

func (f configFile) path() string { return cmp.Or(f.Config, f.File, "plantroom.yaml") }

func (cmd *runCmd) Run(ctx context.Context, c *console) error {
	site, err := config.Load(cmd.path())
	if err != nil {
		return err
	}
	s, err := newStation(site, c.log)
	if err != nil {
		return err
	}
	defer s.close()
	c.log.Info("plantroom runs", "site", site.Name, "agent", site.Agent,
		"devices", len(site.Devices), "to", strings.Join(outputs(site), ", "))
	if site.Wall != "" {
		c.log.Warn("this version serves no wall yet", "listen", site.Wall)
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	defer signal.Stop(asked)
	done := make(chan error, 1)
	go func() { done <- s.agent.Run(ctx) }()
	for {
		select {
		case <-asked:
			logStats(c.log, "status", s.agent)
		case err := <-done:
			logStats(c.log, "plantroom stops", s.agent)
			return err
		}
	}
}

// logStats says how the agent stands. An operator asks for it with SIGUSR1.
func logStats(log *slog.Logger, msg string, a *agent.Agent) {
	up, stats := 0, a.Stats()
	devices := a.Latest.All()
	for _, d := range devices {
		if d.Up {
			up++
		}
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	log.Info(msg, "devices", len(devices), "up", up, "polls", stats.Polls, "failures", stats.Failures, "skipped", stats.Skipped,
		"goroutines", runtime.NumGoroutine(), "heap_bytes", mem.HeapAlloc)
}

// A station is an agent with everything that the configuration gives it.
type station struct {
	agent  *agent.Agent
	broker *mqtt.Broker // nil where the site has none of its own
	sinks  []closingSink
}

// A closingSink is a sink with a connection to give up.
type closingSink interface {
	agent.Sink
	Close() error
}

// newStation makes the agent of a site, with its outputs, and starts the
// embedded broker where there is one. Nothing is polled yet.
func newStation(site *config.Site, log *slog.Logger) (s *station, err error) {
	s = &station{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	buses := drivers.Build(site, log)
	var outlets []*agent.Outlet
	outlet := func(name string, sink closingSink, linger time.Duration) {
		s.sinks = append(s.sinks, sink)
		outlets = append(outlets, agent.NewOutlet(name, sink, queue.NewMemory(int(site.Queue.Limit)), linger))
	}
	for _, o := range site.Influx {
		sink, err := influx.New(influx.Options{
			URL: o.URL, Org: o.Org, Bucket: o.Bucket, Token: o.Token.Reveal(), Site: site.Name, Log: log,
		})
		if err != nil {
			return nil, err
		}
		// Polls of one slot are written together; half a second is nothing on a chart.
		outlet(o.Name, sink, 500*time.Millisecond)
	}
	for _, o := range site.MQTT {
		url := o.URL
		if o.Embedded != "" {
			broker, err := mqtt.Listen(o.Embedded, o.Username, o.Password.Reveal(), log)
			if err != nil {
				return nil, fmt.Errorf("embedded broker: %w", err)
			}
			s.broker = broker
			url = broker.URL()
		}
		sink, err := mqtt.New(mqtt.Options{
			URL: url, Username: o.Username, Password: o.Password.Reveal(), CA: o.CA, ClientID: o.ClientID, Prefix: o.Prefix,
			Site: site.Name, Agent: site.Agent, History: o.History, PerMetric: o.PerMetric, Discovery: o.Discovery, Log: log,
		})
		if err != nil {
			return nil, err
		}
		outlet(o.Name, sink, 20*time.Millisecond)
	}
	s.agent = agent.New(buses, outlets, log)
	return s, nil
}

// close gives up the outputs, after the agent has stopped.
func (s *station) close() {
	for _, sink := range s.sinks {
		sink.Close()
	}
	if s.broker != nil {
		s.broker.Close()
	}
}
