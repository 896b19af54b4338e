package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"

	"plantroom/config"
	"plantroom/drivers"
)

type checkCmd struct {
	configFile
}

func (cmd *checkCmd) Run(c *console) error {
	site, err := config.Load(cmd.path())
	if err != nil {
		return err
	}
	classes := map[string]int{}
	for _, d := range site.Devices {
		classes[d.Profile.Class]++
	}
	fmt.Fprintf(c.out, "%s is right: site %s, agent %s, %d devices\n", cmd.path(), site.Name, site.Agent, len(site.Devices))
	for _, class := range config.Classes() {
		if n := classes[class]; n > 0 {
			fmt.Fprintf(c.out, "  %-12s %d\n", class, n)
		}
	}
	to := outputs(site)
	for _, to := range to {
		fmt.Fprintf(c.out, "to %s\n", to)
	}
	if len(to) == 0 {
		fmt.Fprintln(c.out, "to nowhere: the site has no outputs")
	}
	if site.Wall != nil {
		fmt.Fprintf(c.out, "the wall on http://%s/\n", site.Wall.Listen)
		if site.Wall.Public {
			fmt.Fprintf(c.out, "for everybody http://%s/api/v1/public\n", site.Wall.Listen)
		}
	}
	if site.Traps != nil {
		heard(c.out, site)
	}
	return nil
}

// Up to where ports are the system's, and how many devices are named in a line.
const (
	systemPort = 1023
	namedMost  = 8
)

// heard says which SNMP traps are heard, and of whom.
func heard(out io.Writer, site *config.Site) {
	senders := drivers.Build(site, nil, slog.New(slog.DiscardHandler)).Senders()
	from := "nobody, as no device has an address"
	var ids []string
	for _, s := range senders {
		ids = append(ids, s.Device.ID)
	}
	if n := len(ids); n > namedMost {
		from = fmt.Sprintf("%d devices: %s, ...", n, strings.Join(ids[:namedMost], ", "))
	} else if n > 0 {
		from = strings.Join(ids, ", ")
	}
	fmt.Fprintf(out, "traps on %s from %s\n", site.Traps.Listen, from)
	community := "any community"
	if n := len(site.Traps.Communities); n == 1 {
		community = "the configured community"
	} else if n > 1 {
		community = fmt.Sprintf("%d communities", n)
	}
	as := "nobody"
	var names []string
	for _, u := range users(site) {
		names = append(names, u.User)
	}
	if len(names) > 0 {
		as = strings.Join(slices.Compact(slices.Sorted(slices.Values(names))), ", ")
	}
	fmt.Fprintf(out, "  %-12s %s\n  %-12s %s\n", "v1 and v2c", "of "+community, "v3", "as "+as)
	if _, port, err := net.SplitHostPort(site.Traps.Listen); err == nil {
		if n, err := strconv.Atoi(port); err == nil && n > 0 && n <= systemPort {
			fmt.Fprintf(out, "  port %d needs CAP_NET_BIND_SERVICE, which the service does not have by itself; 1162 needs nothing\n", n)
		}
	}
}

// outputs says where a site's readings go.
func outputs(site *config.Site) (to []string) {
	for _, o := range site.Influx {
		to = append(to, fmt.Sprintf("InfluxDB %s, bucket %s", o.URL, o.Bucket))
	}
	for _, o := range site.MQTT {
		if o.Embedded != "" {
			to = append(to, "the embedded MQTT broker on "+o.Embedded)
		} else {
			to = append(to, "MQTT "+o.URL)
		}
	}
	for _, o := range site.Webhooks {
		to = append(to, fmt.Sprintf("the webhook %s on %s", o.Name, o.Host()))
	}
	return to
}
