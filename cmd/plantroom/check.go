package main

import (
	"fmt"

	"plantroom/config"
)

type checkCmd struct {
	Config string `arg:"" name:"file" help:"The configuration." default:"plantroom.yaml"`
}

func (cmd *checkCmd) Run(c *console) error {
	site, err := config.Load(cmd.Config)
	if err != nil {
		return err
	}
	classes := map[string]int{}
	for _, d := range site.Devices {
		classes[d.Profile.Class]++
	}
	fmt.Fprintf(c.out, "%s is right: site %s, agent %s, %d devices\n", cmd.Config, site.Name, site.Agent, len(site.Devices))
	for _, class := range config.Classes() {
		if n := classes[class]; n > 0 {
			fmt.Fprintf(c.out, "  %-12s %d\n", class, n)
		}
	}
	for _, to := range outputs(site) {
		fmt.Fprintf(c.out, "to %s\n", to)
	}
	return nil
}

// outputs says where a site's readings go.
func outputs(site *config.Site) (to []string) {
	if o := site.Influx; o != nil {
		to = append(to, fmt.Sprintf("InfluxDB %s, bucket %s", o.URL, o.Bucket))
	}
	switch o := site.MQTT; {
	case o == nil:
	case o.Embedded != "":
		to = append(to, "the embedded MQTT broker on "+o.Embedded)
	default:
		to = append(to, "MQTT "+o.URL)
	}
	return to
}
