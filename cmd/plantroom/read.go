package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"plantroom/agent"
	"plantroom/config"
	"plantroom/drivers"
	"plantroom/drivers/modbus"
	"plantroom/drivers/snmp"
)

type readCmd struct {
	Device string `arg:"" optional:"" help:"The id of a device of the configuration."`
	Config string `help:"The configuration that the device is in (plantroom.yaml)." placeholder:"FILE" xor:"where"`

	Profile string `help:"The profile of a device that is in no configuration, the file of a profile of your own, or auto to recognise the device." placeholder:"NAME|FILE.yaml|auto"`
	SNMP    string `name:"snmp" help:"Ask this SNMP agent." placeholder:"HOST[:PORT]" xor:"where"`
	Modbus  string `help:"Ask this Modbus TCP device or gateway." placeholder:"HOST[:PORT]" xor:"where"`
	Secure  string `name:"modbus-tls" help:"Ask this device or gateway over Modbus/TCP Security." placeholder:"HOST[:PORT]" xor:"where"`
	RTU     string `name:"rtu-over-tcp" help:"Ask a device behind this serial server, which passes Modbus RTU on." placeholder:"HOST:PORT" xor:"where"`
	Serial  string `help:"Ask a device on this serial line." placeholder:"/dev/ttyUSB0" xor:"where"`
	Unit    int    `help:"The Modbus unit id." default:"1"`

	Baud     int    `help:"With --serial." default:"9600"`
	Parity   string `help:"With --serial: ${enum}." enum:"none,even,odd" default:"none"`
	StopBits int    `help:"With --serial; 2 without parity, otherwise 1." placeholder:"N"`

	CA         string `name:"ca" help:"With --modbus-tls: a file with the authorities to believe." placeholder:"FILE.pem"`
	Cert       string `help:"With --modbus-tls: a file with the certificate that we show." placeholder:"FILE.pem"`
	Key        string `help:"The certificate's key." placeholder:"FILE.pem"`
	ServerName string `help:"The name that the device must prove; its host where not given."`

	Community string `help:"SNMP community." default:"public" env:"PLANTROOM_COMMUNITY"`
	V1        bool   `name:"v1" help:"Speak SNMP version 1 instead of 2c."`
	V3        struct {
		User         string `help:"SNMP version 3: user."`
		Auth         string `help:"${enum}." enum:"none,md5,sha,sha224,sha256,sha384,sha512" default:"none"`
		AuthPassword string `help:"Its passphrase." env:"PLANTROOM_V3_AUTH_PASSWORD"`
		Priv         string `help:"${enum}." enum:"none,des,aes,aes192,aes256,aes192c,aes256c" default:"none"`
		PrivPassword string `help:"Its passphrase." env:"PLANTROOM_V3_PRIV_PASSWORD"`
		Context      string `help:"Context name."`
	} `embed:"" prefix:"v3-"`

	Timeout time.Duration `help:"How long one request may take." default:"2s"`
	JSON    bool          `name:"json" help:"Print one JSON object a line for each reading."`
}

func (cmd *readCmd) Run(ctx context.Context, c *console) error {
	source, close, err := cmd.open(ctx, c)
	if err != nil {
		return err
	}
	defer close()
	start := time.Now()
	readings, err := source.Poll(ctx, nil)
	if err != nil {
		return fmt.Errorf("%s: %w%s", cmd.Device, err, cmd.hint(err))
	}
	if len(readings) == 0 {
		return exitError{fmt.Errorf("%s answers, and has nothing that its profile reads; read it with --profile auto to see what it is", cmd.Device), exitUnknown}
	}
	for i := range readings {
		readings[i].Time = start
	}
	if cmd.JSON {
		return printJSON(c.out, readings)
	}
	return printTable(c.out, readings)
}

// open returns the driver of the device that the command line names, without
// having polled it.
func (cmd *readCmd) open(ctx context.Context, c *console) (agent.Source, func(), error) {
	if cmd.Device != "" && cmp.Or(cmd.Profile, cmd.SNMP, cmd.Modbus, cmd.Secure, cmd.RTU, cmd.Serial) == "" {
		cmd.Config = configPath(cmd.Config)
	}
	if cmd.Config != "" {
		return cmd.configured(c)
	}
	site, err := cmd.adHoc(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	return find(site, cmd.Device, c)
}

// configured finds the device in its configuration.
func (cmd *readCmd) configured(c *console) (agent.Source, func(), error) {
	site, err := config.Load(cmd.Config)
	if err != nil {
		return nil, nil, err
	}
	if !slices.ContainsFunc(site.Devices, func(d *config.Device) bool { return d.ID == cmd.Device }) {
		var ids []string
		for _, d := range site.Devices {
			ids = append(ids, d.ID)
		}
		if cmd.Device == "" {
			return nil, nil, exitError{fmt.Errorf("which device? %s has %s", cmd.Config, strings.Join(ids, ", ")), exitFaults}
		}
		return nil, nil, exitError{fmt.Errorf("%s has no device %s; it has %s", cmd.Config, cmd.Device, strings.Join(ids, ", ")), exitFaults}
	}
	return find(site, cmd.Device, c)
}

// find returns the driver of a device; the function closes its whole bus.
func find(site *config.Site, id string, c *console) (agent.Source, func(), error) {
	var found agent.Source
	var bus *agent.Bus
	for _, b := range drivers.Build(site, nil, c.log).Buses() {
		if s := b.Source(id); s != nil {
			found, bus = s, b
		}
	}
	return found, func() { bus.Close() }, nil
}

// adHoc makes a site of the one device that the flags describe.
func (cmd *readCmd) adHoc(ctx context.Context, c *console) (*config.Site, error) {
	if cmd.Profile == "" || cmp.Or(cmd.SNMP, cmd.Modbus, cmd.Secure, cmd.RTU, cmd.Serial) == "" {
		return nil, exitError{errors.New("read needs either --config FILE and a device, or --profile NAME|auto and one of --snmp, --modbus, --modbus-tls, --rtu-over-tcp and --serial"), exitFaults}
	}
	if err := cmd.possible(); err != nil {
		return nil, exitError{err, exitFaults}
	}
	profiles, err := config.Embedded()
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(cmd.Profile, ".yaml") {
		text, err := os.ReadFile(cmd.Profile)
		if err != nil {
			return nil, err
		}
		if profiles[cmd.Profile], err = config.ParseProfile(cmd.Profile, text); err != nil {
			return nil, err
		}
	}
	d := &config.Device{Every: time.Second, Timeout: cmd.Timeout}
	switch {
	case cmd.SNMP != "":
		d.ID = cmd.SNMP
		d.SNMP = &config.SNMPAddress{Version: "2c", Community: config.NewSecret(cmd.Community)}
		switch {
		case cmd.V3.User != "":
			d.SNMP.Version, d.SNMP.User, d.SNMP.Context = "3", cmd.V3.User, cmd.V3.Context
			d.SNMP.Auth, d.SNMP.AuthPass = cmd.V3.Auth, config.NewSecret(cmd.V3.AuthPassword)
			d.SNMP.Priv, d.SNMP.PrivPass = cmd.V3.Priv, config.NewSecret(cmd.V3.PrivPassword)
		case cmd.V1:
			d.SNMP.Version = "1"
		}
		d.SNMP.Address, err = config.ParseAddress(cmd.SNMP, "161")
	case cmd.Secure != "":
		d.ID = cmd.Secure
		d.Modbus = &config.ModbusAddress{Unit: cmd.Unit}
		if d.Modbus.Link.TLS, err = config.ReadTLS(cmd.CA, cmd.Cert, cmd.Key, cmd.ServerName); err != nil {
			return nil, exitError{err, exitFaults}
		}
		d.Modbus.Link.Secure, err = config.ParseAddress(cmd.Secure, "802")
	case cmd.Serial != "":
		d.ID = cmd.Serial
		link := config.ModbusLink{Serial: cmd.Serial, Baud: cmd.Baud, Parity: cmd.Parity, DataBits: 8,
			StopBits: cmp.Or(cmd.StopBits, config.UsualStopBits(cmd.Parity))}
		d.Modbus = &config.ModbusAddress{Link: link, Unit: cmd.Unit}
	case cmd.RTU != "":
		d.ID = cmd.RTU
		d.Modbus = &config.ModbusAddress{Unit: cmd.Unit}
		d.Modbus.Link.RTUOverTCP, err = config.ParseAddress(cmd.RTU, "502")
	default:
		d.ID = cmd.Modbus
		d.Modbus = &config.ModbusAddress{Unit: cmd.Unit}
		d.Modbus.Link.TCP, err = config.ParseAddress(cmd.Modbus, "502")
	}
	if err != nil {
		return nil, exitError{fmt.Errorf("the address is %w", err), exitFaults}
	}
	cmd.Device = d.ID
	if cmd.Profile == "auto" {
		d.Profile, err = cmd.identify(ctx, c, d, slices.Collect(maps.Values(profiles)))
		if err != nil {
			return nil, err
		}
	} else if d.Profile = profiles[cmd.Profile]; d.Profile == nil {
		_, err := config.ProfileText(cmd.Profile)
		return nil, exitError{err, exitFaults}
	}
	switch {
	case d.SNMP != nil && d.Profile.SNMP == nil:
		return nil, exitError{fmt.Errorf("the profile %s speaks modbus only; ask with --modbus HOST", d.Profile.Name), exitFaults}
	case d.Modbus != nil && d.Profile.Modbus == nil:
		return nil, exitError{fmt.Errorf("the profile %s speaks snmp only; ask with --snmp HOST", d.Profile.Name), exitFaults}
	}
	return &config.Site{Devices: []*config.Device{d}}, nil
}

// identify asks the device what it is.
func (cmd *readCmd) identify(ctx context.Context, c *console, d *config.Device, profiles []*config.Profile) (p *config.Profile, err error) {
	var seen string
	if d.SNMP != nil {
		p, seen, err = snmp.Identify(ctx, *d.SNMP, d.Timeout, profiles)
	} else {
		w := modbus.NewWire(d.Modbus.Link, c.log)
		defer w.Close()
		p, seen, err = modbus.Identify(ctx, w, d.Modbus.Unit, d.Timeout, profiles)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w%s", d.ID, err, cmd.hint(err))
	case p == nil:
		return nil, exitError{fmt.Errorf("%s: no profile fits; the device says: %s", d.ID, seen), exitUnknown}
	}
	fmt.Fprintf(c.err, "%s is recognised, as profile: %s  # %s\n", d.ID, p.Name, p.Title)
	return p, nil
}

// possible reports flags that no device can be asked with.
func (cmd *readCmd) possible() error {
	lo, hi := config.ModbusLink{Serial: cmd.Serial, RTUOverTCP: cmd.RTU}.Units()
	if cmd.SNMP == "" && (cmd.Unit < lo || cmd.Unit > hi) {
		return fmt.Errorf("--unit is %d; it must be from %d to %d", cmd.Unit, lo, hi)
	}
	for _, p := range []struct{ name, protocol, pass string }{{"auth", cmd.V3.Auth, cmd.V3.AuthPassword}, {"priv", cmd.V3.Priv, cmd.V3.PrivPassword}} {
		switch {
		case p.protocol == "none" && p.pass != "":
			return fmt.Errorf("--v3-%s-password goes with --v3-%[1]s", p.name)
		case p.protocol != "none" && len(p.pass) < 8:
			return fmt.Errorf("--v3-%s %s needs --v3-%[1]s-password, of at least 8 characters", p.name, p.protocol)
		}
	}
	switch {
	case cmd.V3.Priv != "none" && cmd.V3.Auth == "none":
		return errors.New("--v3-priv needs --v3-auth: SNMP encrypts only what it also authenticates")
	case cmd.V3.User == "" && cmd.V3.Auth != "none":
		return errors.New("--v3-auth needs --v3-user")
	}
	return nil
}

// hint says what else a silence can mean, of which the device says nothing.
func (cmd *readCmd) hint(err error) string {
	if cmd.SNMP != "" && cmd.V3.User == "" && strings.Contains(err.Error(), "timeout") {
		return "; a wrong community or version is met with silence, too"
	}
	return ""
}

// A jsonReading is what read --json prints. Value is null where there is none.
type jsonReading struct {
	Device      string   `json:"device"`
	Class       string   `json:"class"`
	Metric      string   `json:"metric"`
	Channel     string   `json:"channel"`
	ChannelName string   `json:"channel_name"`
	Value       *float64 `json:"value"`
	Unit        string   `json:"unit"`
	State       string   `json:"state"`
	Raw         string   `json:"raw,omitempty"`
	Quality     string   `json:"quality"`
	Why         string   `json:"why,omitempty"`
	Source      string   `json:"source"`
	Time        string   `json:"time"`
}

func printJSON(out io.Writer, readings []agent.Reading) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for _, r := range readings {
		p := r.Point
		j := jsonReading{
			Device: p.Device.ID, Class: p.Metric.Class, Metric: p.Metric.Name,
			Channel: p.Channel, ChannelName: p.ChannelName,
			Unit: p.Metric.Unit, State: r.Word(), Raw: r.Raw,
			Quality: r.Quality.String(), Why: r.Why, Source: p.Source,
			Time: r.Time.UTC().Format("2006-01-02T15:04:05.000Z"),
		}
		if r.Quality != agent.Bad {
			j.Value = &r.Value
		}
		if err := enc.Encode(j); err != nil {
			return err
		}
	}
	return nil
}

func printTable(out io.Writer, readings []agent.Reading) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "METRIC\tCHANNEL\tVALUE\tUNIT\tNAME\tSOURCE\t")
	for _, r := range readings {
		p := r.Point
		metric := p.Metric.Name
		if p.Metric.Class != p.Device.Class {
			metric = p.Metric.Class + "." + metric
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", metric, p.Channel, value(r), p.Metric.Unit, p.ChannelName, p.Source, note(r))
	}
	return w.Flush()
}

// value is a reading's value as a person reads it.
func value(r agent.Reading) string {
	switch {
	case r.Quality == agent.Bad:
		return "-"
	case r.Point.Metric.Kind == agent.State:
		return r.Word()
	}
	return strconv.FormatFloat(r.Value, 'f', -1, 64)
}

// note is what is not right about a reading.
func note(r agent.Reading) string {
	switch {
	case r.Quality != agent.Good:
		return r.Quality.String() + ": " + r.Why
	case r.Raw != "":
		return "the device says " + r.Raw
	}
	return ""
}
