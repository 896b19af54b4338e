package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"plantroom/agent"
	"plantroom/config"
	"plantroom/drivers/sim"
)

type demoCmd struct {
	Scenario string        `help:"What happens: ${enum}." enum:"calm,mains-failure,monthly-test,generator-fails,flapping-mains,cooling-failure" default:"calm"`
	Speed    float64       `help:"How many times faster than real time the facility lives." default:"1" placeholder:"N"`
	Influx   string        `help:"An InfluxDB to write to as well, into its database facility. Where INFLUX_TOKEN is set, with that token, and the database has to be there." placeholder:"URL"`
	For      time.Duration `help:"Stop after this long; without it, on Ctrl-C." placeholder:"DURATION"`
	MQTT     string        `name:"mqtt" help:"Where the demo's own broker listens; a free port where that one is taken. Or another broker, as mqtt://[USER@]HOST:PORT; the password is taken from MQTT_PASSWORD." default:"127.0.0.1:1883" placeholder:"HOST:PORT|URL"`
	Wall     string        `help:"Where the demo's wall is looked at; a free port where that one is taken." default:"127.0.0.1:8080" placeholder:"HOST:PORT"`
	Every    time.Duration `help:"How often each device is polled." default:"1s"`
}

// How often the facility moves on, the table is drawn, and, where there is no
// terminal, a summary is printed.
const (
	demoStep    = 100 * time.Millisecond
	demoFrame   = 500 * time.Millisecond
	demoSummary = 10 * time.Second
)

// Run simulates a facility, serves every device of it on a socket of its own
// and polls them with the agent that plantroom run uses, by a configuration
// that it writes.
func (cmd *demoCmd) Run(ctx context.Context, c *console) (err error) {
	if cmd.Speed <= 0 || cmd.Speed > 1000 {
		return exitError{fmt.Errorf("--speed is %g; it must be above 0 and at most 1000", cmd.Speed), exitFaults}
	}
	now := time.Now()
	facility, err := sim.NewFacility(sim.Options{Scenario: cmd.Scenario, Seed: uint64(now.UnixNano()),
		Start: now.Sub(time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location()))})
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "plantroom demo: %d simulated devices, scenario %s", len(facility.Devices), cmd.Scenario)
	if cmd.Speed != 1 {
		fmt.Fprintf(c.out, " at %g times real time", cmd.Speed)
	}
	fmt.Fprintln(c.out)

	addresses, servers, err := serveFacility(facility)
	defer func() {
		for _, s := range servers {
			err = errors.Join(err, s.Close())
		}
	}()
	if err != nil {
		return err
	}
	if cmd.Influx != "" && os.Getenv(influxToken) == "" {
		if err := createDatabase(ctx, cmd.Influx); err != nil {
			return err
		}
	}
	broker, taken := cmd.MQTT, false
	if !strings.Contains(broker, "://") {
		if broker, taken, err = freeAddress("--mqtt", broker); err != nil {
			return err
		}
	}
	if u, err := url.Parse(broker); err == nil && u.User != nil {
		if _, given := u.User.Password(); given {
			return exitError{fmt.Errorf("--mqtt: a password does not belong where everybody on the machine can read it; put it into %s", mqttPassword), exitFaults}
		}
	}
	screen, walled, err := freeAddress("--wall", cmd.Wall)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "plantroom-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path, err := writeDemo(dir, demoConfig(facility, addresses, broker, screen, cmd, now))
	if err != nil {
		return err
	}
	site, err := config.Load(path)
	if err != nil {
		return err
	}
	v := newDemoView(c.out, facility, cmd)
	s, err := newStation(site, v.logger())
	if err != nil {
		return err
	}
	defer s.close()
	v.power = s.power
	s.told = v.happened

	if taken {
		v.tell("MQTT", fmt.Sprintf("%s is taken, so the broker listens on %s", cmd.MQTT, s.broker().Addr()))
	}
	if walled {
		v.tell("Wall", fmt.Sprintf("%s is taken, so the wall is elsewhere", cmd.Wall))
	}
	v.tell("Wall", fmt.Sprintf("http://%s/ and http://%[1]s/desk", s.wall.Addr()))
	if own := s.broker(); own != nil {
		host, port, _ := net.SplitHostPort(own.Addr())
		v.tell("Watch", fmt.Sprintf("mosquitto_sub -h %s -p %s -t 'plantroom/#' -v", host, port))
	} else {
		v.tell("MQTT", cmd.MQTT)
	}
	if cmd.Influx != "" {
		v.tell("InfluxDB", cmd.Influx+", database facility")
	}
	v.tell("Read one", fmt.Sprintf("plantroom read --config %s ups-a", path))
	v.tell("Report", fmt.Sprintf("plantroom report list --config %s", path))

	if cmd.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, cmd.For)
		defer cancel()
	}
	done := make(chan error, 1)
	go func() { done <- s.agent.Run(ctx) }()
	v.open()
	err = v.live(ctx, s.agent, done)
	v.close(s.agent)
	return err
}

// serveFacility puts every device on a free loopback port. It returns their
// addresses by their ids, and the servers even with an error.
func serveFacility(f *sim.Facility) (addresses map[string]string, servers []*sim.Server, err error) {
	profiles, err := config.Embedded()
	if err != nil {
		return nil, nil, err
	}
	own, err := config.ParseProfile(sim.FreeCoolingFile, []byte(sim.FreeCooling))
	if err != nil {
		return nil, nil, err
	}
	profiles[own.Name] = own
	const anyPort = "127.0.0.1:0"
	addresses = make(map[string]string)
	gateway := make(map[int]sim.Unit)
	var behind []string
	serve := func(ids []string, s *sim.Server, err error) error {
		if err != nil {
			return fmt.Errorf("%s: %w", strings.Join(ids, ", "), err)
		}
		servers = append(servers, s)
		for _, id := range ids {
			addresses[id] = s.Addr()
		}
		return nil
	}
	for _, d := range f.Devices {
		p := profiles[d.Profile]
		switch {
		case p == nil:
			return addresses, servers, fmt.Errorf("%s: there is no profile %s", d.ID, d.Profile)
		case d.Gateway:
			behind = append(behind, d.ID)
			gateway[len(behind)] = sim.Unit{Profile: p, Values: d}
			continue
		case p.Modbus != nil:
			s, e := sim.ServeModbus(anyPort, map[int]sim.Unit{1: {Profile: p, Values: d}})
			err = serve([]string{d.ID}, s, e)
		default:
			s, e := sim.ServeSNMP(anyPort, sim.Agent{Profile: p, Values: d, Name: d.ID})
			err = serve([]string{d.ID}, s, e)
		}
		if err != nil {
			return addresses, servers, err
		}
	}
	s, e := sim.ServeModbus(anyPort, gateway)
	return addresses, servers, serve(behind, s, e)
}

// writeDemo writes the configuration, and the profile that it has of its own,
// into a folder. It returns the configuration's path.
func writeDemo(dir string, text []byte) (path string, err error) {
	path = filepath.Join(dir, "site.yaml")
	own := filepath.Join(dir, "profiles", sim.FreeCoolingFile)
	return path, errors.Join(os.Mkdir(filepath.Dir(own), 0o700), os.WriteFile(own, []byte(sim.FreeCooling), 0o600),
		os.WriteFile(path, text, 0o600))
}

// demoConfig writes the configuration as a person would.
func demoConfig(f *sim.Facility, addresses map[string]string, broker, screen string, cmd *demoCmd, now time.Time) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# The facility that plantroom demo simulates, for as long as it runs.\nsite: demo\nagent: edge-1\n")
	fmt.Fprintf(&b, "profiles: [profiles]\noutputs:\n")
	fmt.Fprintf(&b, "  mqtt: {%s}\n", demoMQTT(broker))
	if cmd.Influx != "" {
		fmt.Fprintf(&b, "  influx: {url: %q, bucket: facility%s}\n", cmd.Influx, secretOf("token", influxToken))
	}
	fmt.Fprintf(&b, "wall: {listen: %q}\nstate: state\n", screen)
	// What takes minutes in the facility's time takes less in that of the agent.
	short := func(d time.Duration) time.Duration {
		return max(config.Slot, time.Duration(float64(d)/max(cmd.Speed, 1)).Round(config.Slot))
	}
	// And what is shorter cannot be told closer than from one poll to the next.
	slack := time.Duration(0)
	if cmd.Speed > 1 {
		slack = cmd.Every
	}
	fmt.Fprintf(&b, "incidents: {hold: %s}\ntests:\n", short(time.Minute))
	// Where the test is not what happens, mains that come and go between two polls
	// would be taken for it, were it due.
	test := now
	if cmd.Scenario != "monthly-test" && cmd.Scenario != "generator-fails" {
		test = now.AddDate(0, 0, 2)
	}
	fmt.Fprintf(&b, "  - {id: monthly, name: Monthly blackout test, kind: blackout, device: gen-1, every: month, day: %d, at: %q,\n", test.Day(), test.Format("15:04"))
	fmt.Fprintf(&b, "     start_within: %s, load_within: %s, carry: %s, load: 60000, frequency_within: 1, battery_left: 50}\n",
		short(15*time.Second)+slack, short(30*time.Second)+slack, max(config.Slot, short(15*time.Minute)-slack))
	// These are not due while somebody looks.
	weekday := strings.ToLower(now.AddDate(0, 0, 2).Weekday().String()[:3])
	fmt.Fprintf(&b, "  - {id: weekly, name: Weekly start of generator 2, kind: start, device: gen-2, every: week, day: %s, at: \"06:30\", run: 5m}\n", weekday)
	b.WriteString("  - {id: firewall, name: Firewall of the office, kind: manual, every: quarter}\nlimits:\n")
	for _, id := range []string{"climate-cold-1", "climate-cold-2"} {
		fmt.Fprintf(&b, "  - {metric: climate.temperature, device: %s, warn_low: 18, warn_high: 27, alarm_high: 32}\n", id)
		fmt.Fprintf(&b, "  - {metric: climate.humidity, device: %s, warn_low: 20, warn_high: 80}\n", id)
	}
	const bus = "generators"
	var devices bytes.Buffer
	unit := 0
	for _, d := range f.Devices {
		fmt.Fprintf(&devices, "  - {id: %s, name: %s, profile: %s, ", d.ID, d.Name, d.Profile)
		switch p := addresses[d.ID]; {
		case d.Gateway:
			if unit++; unit == 1 {
				fmt.Fprintf(&b, "buses:\n  - {id: %s, modbus: {tcp: %q}}\n", bus, p)
			}
			fmt.Fprintf(&devices, "modbus: {bus: %s, unit: %d}", bus, unit)
		case d.Class == "switchboard" || d.Class == "cooling":
			fmt.Fprintf(&devices, "modbus: {tcp: %q, unit: 1}", p)
		default:
			fmt.Fprintf(&devices, "snmp: {address: %q, community: public}", p)
		}
		fmt.Fprintf(&devices, ", every: %s,\n     labels: {room: %s", cmd.Every, d.Room)
		if d.Feed != "" {
			fmt.Fprintf(&devices, ", feed: %s", d.Feed)
		}
		devices.WriteString("}")
		if len(d.Feeds) > 0 {
			fmt.Fprintf(&devices, ", feeds: [%s]", strings.Join(d.Feeds, ", "))
		}
		devices.WriteString("}\n")
	}
	b.WriteString("nodes:\n")
	for _, n := range f.Nodes {
		fmt.Fprintf(&b, "  - {id: %s, name: %s, kind: %s", n.ID, n.Name, n.Kind)
		var labels []string
		if n.Room != "" {
			labels = append(labels, "room: "+n.Room)
		}
		if n.Load != "" {
			labels = append(labels, "load: "+n.Load)
		}
		if labels != nil {
			fmt.Fprintf(&b, ", labels: {%s}", strings.Join(labels, ", "))
		}
		if n.Feeds != nil {
			fmt.Fprintf(&b, ", feeds: [%s]", strings.Join(n.Feeds, ", "))
		}
		b.WriteString("}\n")
	}
	b.WriteString("devices:\n")
	devices.WriteTo(&b)
	return b.Bytes()
}

// Where the demo finds its secrets, if it needs any.
const (
	influxToken  = "INFLUX_TOKEN"
	mqttPassword = "MQTT_PASSWORD"
)

// secretOf returns a key for what is in the environment under name, as a part
// of a mapping; "" where there is nothing.
func secretOf(key, name string) string {
	if os.Getenv(name) == "" {
		return ""
	}
	return fmt.Sprintf(", %s: \"${env:%s}\"", key, name)
}

// demoMQTT returns the MQTT output of the demo's configuration: a broker of its
// own that listens at an address, or another one at a URL.
func demoMQTT(broker string) string {
	u, err := url.Parse(broker)
	if err != nil || !strings.Contains(broker, "://") {
		return fmt.Sprintf("embedded: %q", broker)
	}
	user := u.User
	u.User = nil
	out := fmt.Sprintf("url: %q", u)
	if user != nil {
		out += fmt.Sprintf(", username: %q%s", user.Username(), secretOf("password", mqttPassword))
	}
	return out
}

// freeAddress returns the address where a server of the demo is to listen: a
// free port beside it where the one that is wanted is taken.
func freeAddress(flag, want string) (address string, taken bool, err error) {
	host, _, err := net.SplitHostPort(want)
	if err != nil {
		return "", false, exitError{fmt.Errorf("%s %s: %w; write HOST:PORT", flag, want, err), exitFaults}
	}
	l, err := net.Listen("tcp", want)
	if err != nil {
		taken = true
		if l, err = net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
			return "", false, fmt.Errorf("%s: listen on %s: %w", flag, host, err)
		}
	}
	defer l.Close()
	return l.Addr().String(), taken, nil
}

// createDatabase makes the database facility, which InfluxDB 1.8 does not do on
// the first write.
func createDatabase(ctx context.Context, base string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	form := url.Values{"q": {"CREATE DATABASE facility"}}.Encode()
	if u, err := url.Parse(base); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return exitError{fmt.Errorf("--influx %s: write http://HOST:PORT", base), exitFaults}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(base, "/")+"/query", strings.NewReader(form))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return agent.Plainly(fmt.Errorf("create the database facility on %s: %w", base, err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
		return fmt.Errorf("create the database facility: %s answers %s: %s", base, resp.Status, bytes.TrimSpace(text))
	}
	return nil
}
