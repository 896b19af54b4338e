package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"plantroom/config"
)

type profilesCmd struct {
	Name string `arg:"" optional:"" help:"Print this one, to read it or to begin one of your own with."`
}

// Run lists the profiles that come with plantroom, by class, or prints one.
func (cmd profilesCmd) Run(c *console) error {
	if cmd.Name != "" {
		text, err := config.ProfileText(cmd.Name)
		if err != nil {
			return exitError{err, exitFaults}
		}
		_, err = c.out.Write(text)
		return err
	}
	profiles, err := config.Embedded()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CLASS\tPROFILE\tSPEAKS\tVERIFIED BY\tDEVICES")
	for _, class := range config.Classes() {
		for _, name := range slices.Sorted(maps.Keys(profiles)) {
			p := profiles[name]
			if p.Class != class {
				continue
			}
			var speaks []string
			if p.Modbus != nil {
				speaks = append(speaks, "modbus")
			}
			if p.SNMP != nil {
				speaks = append(speaks, "snmp")
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", class, name, strings.Join(speaks, "+"), p.Verified, p.Title)
		}
	}
	return w.Flush()
}

type metricsCmd struct {
	Class string `arg:"" optional:"" help:"Only those of devices of this class."`
}

// Run lists what devices can say: the vocabulary of limits, profiles and all
// that goes out.
func (cmd metricsCmd) Run(c *console) error {
	classes := config.Classes()
	if cmd.Class != "" {
		if !slices.Contains(classes, cmd.Class) {
			return exitError{config.UnknownClass(cmd.Class), exitFaults}
		}
		classes = []string{cmd.Class}
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "METRIC\tUNIT\tWHAT IT IS {AND ITS USUAL LIMITS}")
	for _, class := range classes {
		for _, name := range config.Names(class) {
			m := config.Lookup(class, name)
			what := m.Doc
			if len(m.States) > 0 {
				what += ": " + strings.Join(m.States[1:], ", ")
			}
			for _, l := range config.UsualLimits() {
				if l.Class == class && l.Metric == name {
					what += " {" + usual(l) + "}"
				}
			}
			fmt.Fprintf(w, "%s.%s\t%s\t%s\n", class, name, m.Unit, what)
		}
	}
	return w.Flush()
}

// usual writes a limit that holds where nothing else is said, as a configuration would.
func usual(l config.Limit) string {
	var keys []string
	for _, b := range []struct {
		key   string
		value *float64
	}{{"warn_low", l.WarnLow}, {"alarm_low", l.AlarmLow}, {"warn_high", l.WarnHigh}, {"alarm_high", l.AlarmHigh}} {
		if b.value != nil {
			keys = append(keys, fmt.Sprintf("%s: %g", b.key, *b.value))
		}
	}
	if l.Delay != nil {
		keys = append(keys, "delay: "+l.Delay.String())
	}
	return strings.Join(keys, ", ")
}
