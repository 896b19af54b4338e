package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"plantroom/agent"
	"plantroom/config"
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

// gcPercent is how much garbage the agent gathers, in percent of what it keeps,
// where GOGC does not say. It makes little: what collecting it twice as often
// costs cannot be measured, and saves the box a third of the memory.
const gcPercent = 50

func (cmd *runCmd) Run(ctx context.Context, c *console) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	// First of all: until then either signal would end the agent.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGHUP)
	defer signal.Stop(signals)
	site, err := config.Load(cmd.path())
	if err != nil {
		return err
	}
	s, err := newStation(site, c.log)
	if err != nil {
		return err
	}
	defer s.close()
	switch {
	case len(s.outputs) == 0:
		c.log.Warn("the site has no outputs; what is read goes nowhere but to the wall")
	case site.Queue.Dir == "":
		c.log.Warn("what waits for an output is kept in memory and lost when the agent is killed; give the configuration state: FOLDER")
	}
	c.log.Info("plantroom runs", "site", site.Name, "agent", site.Agent,
		"devices", len(site.Devices), "to", strings.Join(outputs(site), ", "))
	done := make(chan error, 1)
	go func() { done <- s.agent.Run(ctx) }()
	tell(daemon.SdNotifyReady)
	var watchdog <-chan time.Time // systemd's, where it wants to hear from us
	if every, err := daemon.SdWatchdogEnabled(false); err == nil && every > 0 {
		t := time.NewTicker(every / 3)
		defer t.Stop()
		watchdog = t.C
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	seen := stamp(site.Files)
	for {
		select {
		case sig := <-signals:
			if sig == syscall.SIGUSR1 {
				logStats(c.log, "status", s.agent)
				logSilent(c.log, s.agent)
				continue
			}
			tell(daemon.SdNotifyReloading)
			site, seen = cmd.reload(s, site)
			tell(daemon.SdNotifyReady)
		case <-watchdog:
			tell(daemon.SdNotifyWatchdog)
		case <-look.C:
			if site.Watch && stamp(site.Files) != seen {
				site, seen = cmd.reload(s, site)
			}
		case err := <-done:
			tell(daemon.SdNotifyStopping)
			logStats(c.log, "plantroom stops", s.agent)
			return err
		}
	}
}

// tell tells systemd, where it started us and wants to know.
func tell(state string) { _, _ = daemon.SdNotify(false, state) }

// lookEvery is how often a watched configuration is looked at.
const lookEvery = 2 * time.Second

// reload reads the configuration again and makes it the one that runs, where
// it has no faults; otherwise the old one runs on. It returns the one that
// runs, and what the files looked like when it was read.
func (cmd *runCmd) reload(s *station, old *config.Site) (site *config.Site, seen string) {
	seen = stamp(old.Files)
	site, err := config.Load(cmd.path())
	if err == nil {
		seen = stamp(site.Files)
		err = s.apply(site)
	}
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			s.log.Error("the configuration is not taken, the old one runs on", "err", strings.TrimSpace(line))
		}
		return old, seen
	}
	s.log.Info("the configuration is loaded again", "devices", len(site.Devices), "to", strings.Join(outputs(site), ", "))
	return site, seen
}

// stamp says in a few bytes what files look like from outside: when they were
// changed and how large they are.
func stamp(files []string) string {
	var b strings.Builder
	for _, name := range files {
		if info, err := os.Stat(name); err == nil {
			fmt.Fprintln(&b, name, info.ModTime().UnixNano(), info.Size())
		}
	}
	return b.String()
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

// logSilent says of every device that does not answer what is wrong with it.
func logSilent(log *slog.Logger, a *agent.Agent) {
	for _, d := range a.Latest.All() {
		if !d.Up && !d.Polled.IsZero() {
			log.Info("device is still silent", "device", d.Device.ID, "err", d.Err, "failures", d.Failures,
				"for", time.Since(d.Since).Round(time.Second), "next_try", time.Until(d.Next).Round(time.Second))
		}
	}
}
