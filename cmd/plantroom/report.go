package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/agext/levenshtein"

	"plantroom/agent/events"
	"plantroom/agent/ledger"
	"plantroom/agent/report"
	"plantroom/config"
)

type reportCmd struct {
	Incident reportIncidentCmd `cmd:"" help:"What happened in an incident, as the beginning of a post-mortem."`
	Test     reportTestCmd     `cmd:"" help:"What a test run showed, against its criteria and the tests before."`
	Month    reportMonthCmd    `cmd:"" help:"What a month came to: availability, incidents, tests, energy."`
	List     reportListCmd     `cmd:"" help:"List the incidents and tests that are recorded."`
}

// A stateFolder is how a command is told where a site keeps what it has seen.
type stateFolder struct {
	Config string `help:"The configuration of the site (plantroom.yaml)." placeholder:"FILE" xor:"where"`
	State  string `help:"The state folder of the site, instead of the one that the configuration names." placeholder:"FOLDER" xor:"where"`
}

// serviceState is the state folder of the service that packages install.
const serviceState = "/var/lib/plantroom"

// folder returns the state folder.
func (s stateFolder) folder() (string, error) {
	if s.State != "" {
		if _, err := os.ReadDir(s.State); err != nil {
			if e, ok := errors.AsType[*fs.PathError](err); ok {
				err = e.Err
			}
			return "", exitError{fmt.Errorf("--state %s: %w", s.State, err), exitFaults}
		}
		return s.State, nil
	}
	path := cmp.Or(s.Config, "plantroom.yaml")
	if _, err := os.Stat(path); s.Config == "" && errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(serviceState); err == nil {
			return serviceState, nil
		}
		return "", exitError{errors.New("say where the records are: --config FILE or --state FOLDER"), exitFaults}
	}
	site, err := config.Load(path)
	if err != nil {
		return "", err
	}
	if site.State == "" {
		return "", exitError{fmt.Errorf("%s has no state: FOLDER, so nothing is recorded; --state FOLDER says where else to look", path), exitFaults}
	}
	return site.State, nil
}

// records returns the folder of a site's events and the records in it, oldest
// first. Those that cannot be read are reported, and left out.
func (s stateFolder) records(c *console) (string, []*events.Record, error) {
	state, err := s.folder()
	if err != nil {
		return "", nil, err
	}
	dir := filepath.Join(state, eventsFolder)
	all, err := events.List(dir)
	if err != nil && len(all) == 0 {
		return "", nil, err
	}
	if err != nil {
		c.log.Warn("some records cannot be read", "err", err)
	}
	return dir, all, nil
}

// A reportOutput is how and where a report is written.
type reportOutput struct {
	Lang   string `help:"Language: ${enum}." enum:"en,cs" default:"en"`
	Format string `help:"html, md or json; of a file by its name, on a terminal md, otherwise html." enum:"html,md,json," default:"" placeholder:"FORMAT"`
	Output string `short:"o" help:"Write to this file instead of the standard output." placeholder:"FILE"`
}

// format returns what the report is written as to that output.
func (o reportOutput) format(out io.Writer) (string, error) {
	ext := strings.TrimPrefix(filepath.Ext(o.Output), ".")
	switch {
	case o.Format != "":
		return o.Format, nil
	case slices.Contains(report.Formats, ext):
		return ext, nil
	case o.Output != "":
		return "", exitError{fmt.Errorf("%s ends in none of .%s; --format says what else it is to be", o.Output, strings.Join(report.Formats, ", .")), exitFaults}
	case terminal(out) != nil:
		return "md", nil
	}
	return "html", nil
}

// write writes the report, all of it or nothing.
func (o reportOutput) write(c *console, r *report.Report) error {
	format, err := o.format(c.out)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := r.Write(&b, format); err != nil {
		return err
	}
	if o.Output == "" {
		_, err := b.WriteTo(c.out)
		return err
	}
	return os.WriteFile(o.Output, b.Bytes(), 0o666)
}

// A reportRecord is a report of one record.
type reportRecord struct {
	ID string `arg:"" help:"Its id, as plantroom report list shows it; or last."`
	stateFolder
	reportOutput
}

type (
	reportIncidentCmd struct{ reportRecord }
	reportTestCmd     struct{ reportRecord }
)

func (cmd *reportIncidentCmd) Run(c *console) error { return cmd.report(c, "incident") }
func (cmd *reportTestCmd) Run(c *console) error     { return cmd.report(c, "test") }

func (r reportRecord) report(c *console, kind string) error {
	dir, all, err := r.records(c)
	if err != nil {
		return err
	}
	found, err := pick(all, kind, r.ID, dir)
	if err != nil {
		return err
	}
	record, err := events.Load(dir, found.ID)
	if err != nil {
		return err
	}
	return r.write(c, report.OfRecord(record, all, r.Lang, time.Now()))
}

// pick returns the record of a kind that an id is the id of.
func pick(all []*events.Record, kind, id, dir string) (*events.Record, error) {
	var of []*events.Record
	for _, r := range all {
		switch {
		case r.Kind == kind:
			of = append(of, r)
		case r.ID == id:
			return nil, exitError{fmt.Errorf("%s is no %s: plantroom report %s %s", id, kind, r.Kind, id), exitFaults}
		}
	}
	if len(of) == 0 {
		return nil, fmt.Errorf("there is no %s in %s: none was recorded yet", kind, dir)
	}
	if id == "last" {
		return of[len(of)-1], nil
	}
	if i := slices.IndexFunc(of, func(r *events.Record) bool { return r.ID == id }); i >= 0 {
		return of[i], nil
	}
	slices.SortStableFunc(of, func(a, b *events.Record) int {
		return cmp.Compare(levenshtein.Distance(a.ID, id, nil), levenshtein.Distance(b.ID, id, nil))
	})
	var b strings.Builder
	fmt.Fprintf(&b, "there is no %s %s; the nearest are:", kind, id)
	for _, r := range of[:min(len(of), 5)] {
		fmt.Fprintf(&b, "\n  %s  %s  %s", r.ID, r.Began.Local().Format(time.DateTime), r.Title.EN)
	}
	return nil, exitError{errors.New(b.String()), exitFaults}
}

type reportMonthCmd struct {
	Month string `arg:"" help:"2026-11; or last, for the one before this."`
	stateFolder
	reportOutput
}

func (cmd *reportMonthCmd) Run(c *console) error {
	now := time.Now()
	year, month, _ := now.AddDate(0, 0, -now.Day()).Date()
	if cmd.Month != "last" {
		t, err := time.Parse("2006-01", cmd.Month)
		if err != nil {
			return exitError{fmt.Errorf("%q is no month; write it as 2026-11, or last", cmd.Month), exitFaults}
		}
		year, month = t.Year(), t.Month()
	}
	dir, all, err := cmd.records(c)
	if err != nil {
		return err
	}
	kept := filepath.Join(filepath.Dir(dir), ledgerFolder)
	days, err := ledger.Read(kept, year, month)
	if err != nil && len(days) == 0 {
		return err
	}
	if err != nil {
		c.log.Warn("some days cannot be read, and count as not observed", "err", err)
	}
	r, err := report.OfMonth(year, month, days, all, cmd.Lang, now)
	if errors.Is(err, report.ErrNoData) {
		months, listErr := ledger.Months(kept)
		switch {
		case listErr != nil:
			return listErr
		case len(months) == 0:
			return fmt.Errorf("%w: %s has no days yet", err, kept)
		}
		return exitError{fmt.Errorf("%w; there is %s", err, strings.Join(months, ", ")), exitFaults}
	}
	if err != nil {
		return err
	}
	return cmd.write(c, r)
}

type reportListCmd struct {
	stateFolder
}

// Run lists the records, newest first.
func (cmd *reportListCmd) Run(c *console) error {
	dir, all, err := cmd.records(c)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		fmt.Fprintf(c.out, "nothing is recorded in %s yet\n", dir)
		return nil
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tKIND\tBEGAN\tLASTED\tRESULT\tWHAT")
	for _, r := range slices.Backward(all) {
		lasted := "lasts"
		if !r.Ended.IsZero() {
			lasted = r.Ended.Sub(r.Began).Round(time.Second).String()
		}
		result := cmp.Or(string(r.Verdict), r.Severity.String())
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Kind, r.Began.Local().Format(time.DateTime), lasted, result, oneLine(r.Title.EN))
	}
	return w.Flush()
}

// oneLine keeps what people wrote on one line of a table.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
