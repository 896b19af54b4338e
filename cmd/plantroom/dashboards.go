package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"plantroom/config"
	"plantroom/dashboards/grafana"
)

type dashboardsCmd struct {
	Export exportCmd `cmd:"" help:"Write Grafana dashboards for a site, with the data source and folder that they need."`
}

type exportCmd struct {
	Config string `help:"The configuration of the site." default:"plantroom.yaml" placeholder:"FILE"`
	Dir    string `arg:"" help:"The folder to write to; it is made where there is none."`
	SeenAs string `help:"What Grafana calls that folder, where it is elsewhere for it (a container)." placeholder:"FOLDER"`
}

// Run writes dashboards for the first InfluxDB of the site, and data sources
// for all of them. Nothing is dialled, and no secret is written.
func (cmd *exportCmd) Run(c *console) error {
	site, err := config.Load(cmd.Config)
	if err != nil {
		return err
	}
	if len(site.Influx) == 0 {
		return exitError{fmt.Errorf("%s: the site has no InfluxDB, which the dashboards ask; add outputs: {influx: {url: ..., bucket: ...}}", cmd.Config), exitFaults}
	}
	seenAs := cmd.SeenAs
	if seenAs == "" {
		if seenAs, err = filepath.Abs(cmd.Dir); err != nil {
			return err
		}
	}
	w := exportWriter{dir: cmd.Dir, list: tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)}
	fmt.Fprintf(c.out, "Dashboards of the site %s, in %s:\n", site.Name, cmd.Dir)

	sources, notes := grafanaSources(site)
	boards, err := grafana.Dashboards(grafana.Options{Site: site.Name, Source: sources[0].UID, Every: sources[0].Every, Limits: site.Limits})
	if err != nil {
		return err
	}
	for _, d := range boards {
		w.write(filepath.Join("dashboards", d.Name+".json"), d.JSON, nil, d.Title)
	}
	text, err := grafana.Sources(sources)
	w.write(filepath.Join("provisioning", "datasources", "plantroom-"+site.Name+".yaml"), text, err, sourcesLine(sources))
	folder := filepath.Join(seenAs, "dashboards")
	text, err = grafana.Provider(folder)
	w.write(filepath.Join("provisioning", "dashboards", "plantroom.yaml"), text, err, "the folder Plantroom, read from "+folder)
	text, err = grafana.Playlist()
	w.write("playlist.json", text, err, "the playlist for a wall, to be posted to Grafana")
	if err := errors.Join(w.err, w.list.Flush()); err != nil {
		return err
	}
	for _, n := range notes {
		fmt.Fprintln(c.out, n)
	}
	return nil
}

// grafanaSources returns the InfluxDBs of a site as Grafana is to know them,
// and what whoever installs them has to know.
func grafanaSources(site *config.Site) (sources []grafana.Source, notes []string) {
	var every time.Duration
	for _, d := range site.Devices {
		every = max(every, d.Every)
	}
	for i, o := range site.Influx {
		database, policy, _ := strings.Cut(o.Bucket, "/")
		s := grafana.Source{
			UID: "plantroom-" + site.Name, Name: "plantroom " + site.Name, URL: o.URL, Database: database, Every: every,
			CA: o.TLS.CA, ServerName: o.TLS.ServerName,
		}
		if i > 0 {
			s.UID, s.Name = s.UID+"-"+o.Name, s.Name+" "+o.Name
		}
		env := strings.ToUpper(strings.ReplaceAll(o.Name, "-", "_"))
		if !o.Token.IsZero() {
			s.TokenEnv = env + "_TOKEN"
			notes = append(notes, fmt.Sprintf("Grafana's environment needs %s: a token that may read %s (in InfluxDB 1.8 USER:PASSWORD).", s.TokenEnv, database))
		}
		if o.TLS.Cert != "" {
			s.CertEnv, s.KeyEnv = env+"_CERT", env+"_KEY"
			notes = append(notes, fmt.Sprintf("Grafana's environment needs %s and %s: a client certificate and its key, PEM.", s.CertEnv, s.KeyEnv))
		}
		if policy != "" {
			notes = append(notes, fmt.Sprintf("Grafana reads the default retention policy of %s: make that %s.", database, policy))
		}
		sources = append(sources, s)
	}
	return sources, notes
}

func sourcesLine(sources []grafana.Source) string {
	var all []string
	for _, s := range sources {
		all = append(all, fmt.Sprintf("InfluxDB %s, %s", s.URL, s.Database))
	}
	return strings.Join(all, "; ")
}

// An exportWriter writes files and lists them; the first error stops it.
type exportWriter struct {
	dir  string
	list *tabwriter.Writer
	err  error
}

func (w *exportWriter) write(name string, text []byte, err error, what string) {
	if w.err != nil {
		return
	}
	path := filepath.Join(w.dir, name)
	if w.err = errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o755)); w.err != nil {
		return
	}
	if w.err = os.WriteFile(path, text, 0o644); w.err == nil {
		fmt.Fprintf(w.list, "  %s\t%s\n", name, what)
	}
}
