package main

import (
	"fmt"

	"plantroom/config"
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
	return nil
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
