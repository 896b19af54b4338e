package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"plantroom/config"
)

type profilesCmd struct{}

// Run lists the profiles that come with plantroom, by class.
func (profilesCmd) Run(c *console) error {
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
