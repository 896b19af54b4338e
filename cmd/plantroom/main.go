// Command plantroom polls the power and cooling of a facility over Modbus and
// SNMP and delivers what they say to MQTT and InfluxDB. It only ever reads.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"plantroom/config"
)

// The exit codes, besides 0.
const (
	exitFailure = 1 // what was asked for did not work
	exitFaults  = 2 // the command line or the configuration is wrong
	exitUnknown = 3 // no profile fits the device
)

// An exitError is an error with an exit code of its own.
type exitError struct {
	error
	code int
}

func (e exitError) Unwrap() error { return e.error }

type commands struct {
	Run        runCmd        `cmd:"" help:"Poll the devices of a configuration and deliver what they say."`
	Check      checkCmd      `cmd:"" help:"Look a configuration through and report every fault, with its place. Nothing is dialled."`
	Read       readCmd       `cmd:"" help:"Poll one device once and print what it says."`
	Demo       demoCmd       `cmd:"" help:"Run a simulated facility and poll it, on real sockets."`
	Dashboards dashboardsCmd `cmd:"" help:"Dashboards for Grafana."`
	Profiles   profilesCmd   `cmd:"" help:"List the profiles that come with plantroom, or print one."`
	Metrics    metricsCmd    `cmd:"" help:"List what devices can say, with units and words: what limits and profiles name."`
	Events     eventsCmd     `cmd:"" help:"List what happened, as an agent that runs knows it."`
	Ack        ackCmd        `cmd:"" help:"Say that somebody looks at an event."`
	Test       testCmd       `cmd:"" help:"Say that a test begins or ends, and how it went."`
	Report     reportCmd     `cmd:"" help:"Write what is recorded of an incident, a test or a month."`
	Schema     schemaCmd     `cmd:"" help:"Print the JSON schema of a configuration or a profile, for editors."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// A console is where a command writes and reports.
type console struct {
	out io.Writer
	err io.Writer // what is said beside what was asked for
	log *slog.Logger
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole program; it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var cmds commands
	exited := -1
	parser := kong.Must(&cmds,
		kong.Name("plantroom"),
		kong.Description("The agent in the plant room: polls UPS units, generators, switchboards and cooling over Modbus and SNMP,\n"+
			"and delivers what they say to MQTT and InfluxDB. It only ever reads."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars{"user": userName()},
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(duration)),
	)
	switch {
	case len(args) > 0 && args[0] == "help":
		args = append(args[1:len(args):len(args)], "--help")
	case len(args) == 1 && args[0] == "--version":
		args = []string{"version"}
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 {
		return exited // --help
	}
	if err != nil {
		fmt.Fprintf(stderr, "plantroom: %s\nplantroom --help lists the commands, plantroom COMMAND --help its flags\n", misused(err))
		return exitFaults
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	out := &printer{Writer: stdout}
	parsed.Bind(&console{out: out, err: stderr, log: slog.New(slog.NewTextHandler(stderr, nil))})
	err = parsed.Run()
	switch {
	case err == nil && out.failed == nil:
		return 0
	case err == nil:
		err = out.failed
	case errors.Is(err, context.Canceled):
		err = exitError{errors.New("interrupted"), exitFailure}
	}
	fmt.Fprintln(stderr, err)
	if _, ok := errors.AsType[config.Faults](err); ok {
		return exitFaults
	}
	if e, ok := errors.AsType[exitError](err); ok {
		return e.code
	}
	return exitFailure
}

// A printer is where a command writes. It remembers that something was not
// written, of which most commands take no notice.
type printer struct {
	io.Writer
	failed error
}

func (p *printer) Write(b []byte) (int, error) {
	n, err := p.Writer.Write(b)
	if err != nil && p.failed == nil {
		p.failed = err
	}
	return n, err
}

// terminal returns the terminal that is written to, nil where that is none.
func terminal(out io.Writer) *os.File {
	if p, ok := out.(*printer); ok {
		out = p.Writer
	}
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return file
	}
	return nil
}

// misused says what is wrong with the command line in words for who typed it.
func misused(err error) string {
	text := noValue.ReplaceAllString(err.Error(), "$1 needs a value")
	text = noInteger.ReplaceAllString(text, "must be a whole number, not $1")
	text = noFloat.ReplaceAllString(text, "must be a number, not $1")
	text = likeFlag.ReplaceAllString(text, "$1 is followed by $2, which looks like a flag; write $1=$2")
	text = argument.ReplaceAllString(text, "$1 must")
	return strings.Replace(text, `,"" but got`, " but got", 1) // what is not given
}

var (
	noValue   = regexp.MustCompile(`(--[a-z0-9-]+): expected .* but got "EOL" \(<EOL>\)`)
	noFloat   = regexp.MustCompile(`expected a float but got (".*") \(.*\)`)
	likeFlag  = regexp.MustCompile(`(--[a-z0-9-]+): expected .* but got "(.*)" \(short flag\);.*`)
	argument  = regexp.MustCompile(`\[?<([a-z]+)>\]? must`)
	noInteger = regexp.MustCompile(`expected a valid 64 bit int but got (".*")`)
)

// duration reads a duration of the command line, which may be in days.
func duration(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	if number, ok := strings.CutSuffix(text, "d"); ok {
		var days float64
		days, err = strconv.ParseFloat(number, 64)
		d = time.Duration(days * float64(24*time.Hour))
	}
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no duration; write a number and its unit, for example 500ms, 5s, 1h30m or 7d", text)
	}
	target.SetInt(int64(d))
	return nil
}
