// Command bench measures what plantroom costs: the processor time, memory and
// requests of the agent's process alone, with the simulated fleet and the sink
// in processes of their own.
//
//	bench -plantroom ./plantroom [-window 30m] [NAME ...]
//
// Its cases are
//
//	modbus   200 Modbus TCP devices x 60 registers every second into InfluxDB
//	snmp     100 SNMP agents x 36 values (12 scalars, 24 table cells) every second
//	fleet    300 devices, 200 of the former and 100 of the latter, for 60 s
//	outage   an hour of 10,000 readings/s drains into a real InfluxDB, with -influxd
//
// But for the last the sink is an HTTP server that takes InfluxDB's writes and counts the lines;
// each poll of these devices is one line, or seven for an SNMP agent with six
// rows. The bench says so when fewer lines arrived than polls were made.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"plantroom/config"
	"plantroom/drivers/sim"
)

// A benchCase is a fleet and how long it is watched.
type benchCase struct {
	name         string
	modbus, snmp int
	window       time.Duration
}

var cases = []benchCase{
	{name: "modbus", modbus: 200, window: 30 * time.Second},
	{name: "snmp", snmp: 100, window: 30 * time.Second},
	{name: "fleet", modbus: 200, snmp: 100, window: time.Minute},
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	plantroom := flag.String("plantroom", "./plantroom", "the program to measure")
	window := flag.Duration("window", 0, "how long to measure, for a soak (0: as long as the case says)")
	influxd := flag.String("influxd", "", "InfluxDB 1.8, for the outage")
	role := flag.String("role", "", "fleet or sink: what a child process of the bench is")
	modbus := flag.Int("modbus", 0, "Modbus devices of the fleet")
	snmp := flag.Int("snmp", 0, "SNMP agents of the fleet")
	flag.Parse()
	switch *role {
	case "fleet":
		fleet(*modbus, *snmp)
		return
	case "sink":
		sink()
		return
	}
	for _, c := range cases {
		if names := flag.Args(); len(names) > 0 && !slices.Contains(names, c.name) {
			continue
		}
		if *window != 0 {
			c.window = *window
		}
		if err := measure(c, *plantroom); err != nil {
			log.Fatalf("%s: %v", c.name, err)
		}
	}
	if *influxd != "" && (flag.NArg() == 0 || slices.Contains(flag.Args(), "outage")) {
		if err := outage(*plantroom, *influxd); err != nil {
			log.Fatalf("outage: %v", err)
		}
	}
}

// meter is a device of 60 registers, one read.
func meter() string {
	var b strings.Builder
	b.WriteString("profile: bench-meter\nclass: switchboard\nmodbus:\n  points:\n")
	for i := range 60 {
		fmt.Fprintf(&b, "    - {metric: x_register_%d, unit: \"\", holding: %d, type: u16, scale: 0.1}\n", i, i)
	}
	return b.String()
}

// card is an SNMP agent of 12 scalars and a table of 6 rows by 4 columns.
func card() string {
	var b strings.Builder
	b.WriteString("profile: bench-card\nclass: ups\nsnmp:\n  points:\n")
	for i := range 12 {
		fmt.Fprintf(&b, "    - {metric: x_scalar_%d, unit: \"\", oid: 1.3.6.1.4.1.99999.1.%d.0, scale: 0.1}\n", i, i+1)
	}
	for i, metric := range []string{"output_voltage", "output_current", "output_power", "output_load"} {
		fmt.Fprintf(&b, "    - {metric: %s, table: 1.3.6.1.4.1.99999.2.1.%d, channel: \"L{index}\"}\n", metric, i+2)
	}
	return b.String()
}

// addresses are where a fleet's devices are.
type addresses struct{ Modbus, SNMP []string }

// fleet serves the devices; it prints their addresses, and for every line on
// its standard input the number of requests that they have had.
func fleet(modbus, snmp int) {
	var servers []*sim.Server
	var at addresses
	parse := func(text string) *config.Profile {
		p, err := config.ParseProfile("bench", []byte(text))
		if err != nil {
			log.Fatal(err)
		}
		return p
	}
	m, c := parse(meter()), parse(card())
	for range modbus {
		board := sim.NewBoard("switchboard")
		for i := range 60 {
			board.Set(fmt.Sprintf("x_register_%d", i), "", 200+float64(i))
		}
		s, err := sim.ServeModbus("127.0.0.1:0", map[int]sim.Unit{1: {Profile: m, Values: board}})
		if err != nil {
			log.Fatal(err)
		}
		servers, at.Modbus = append(servers, s), append(at.Modbus, s.Addr())
	}
	for range snmp {
		board := sim.NewBoard("ups")
		for i := range 12 {
			board.Set(fmt.Sprintf("x_scalar_%d", i), "", 100+float64(i))
		}
		for row := range 6 {
			for i, metric := range []string{"output_voltage", "output_current", "output_power", "output_load"} {
				board.Set(metric, fmt.Sprintf("L%d", row+1), float64(10*(row+1)+i))
			}
		}
		s, err := sim.ServeSNMP("127.0.0.1:0", sim.Agent{Profile: c, Values: board})
		if err != nil {
			log.Fatal(err)
		}
		servers, at.SNMP = append(servers, s), append(at.SNMP, s.Addr())
	}
	answer(at, func() (n uint64) {
		for _, s := range servers {
			n += s.Requests()
		}
		return n
	})
}

// sink takes writes and counts their lines.
func sink() {
	var lines atomic.Uint64
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		lines.Add(uint64(bytes.Count(body, []byte("\n"))))
		if len(body) > 0 && body[len(body)-1] != '\n' {
			lines.Add(1)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	answer("http://"+l.Addr().String(), lines.Load)
}

// answer prints what the process is reached by, then its count for each line
// of standard input, and ends with it.
func answer(first any, count func() uint64) {
	out := json.NewEncoder(os.Stdout)
	out.Encode(first)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		out.Encode(count())
	}
}

// A child is a process of the bench that answers.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

func start(first any, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(self, args...)}
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	c.out = json.NewDecoder(out)
	return c, c.out.Decode(first)
}

func (c *child) count() (n uint64, err error) {
	if _, err := io.WriteString(c.in, "\n"); err != nil {
		return 0, err
	}
	return n, c.out.Decode(&n)
}

func (c *child) stop() {
	c.in.Close()
	c.cmd.Wait()
}

// measure runs one case and prints its figures.
func measure(c benchCase, plantroom string) error {
	var at addresses
	devices, err := start(&at, "-role=fleet", fmt.Sprintf("-modbus=%d", c.modbus), fmt.Sprintf("-snmp=%d", c.snmp))
	if err != nil {
		return err
	}
	defer devices.stop()
	var url string
	db, err := start(&url, "-role=sink")
	if err != nil {
		return err
	}
	defer db.stop()
	dir, err := os.MkdirTemp("", "plantroom-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := writeSite(dir, url, at, "queue: {dir: queue}\n"); err != nil {
		return err
	}
	agent := exec.Command(plantroom, "run", filepath.Join(dir, "site.yaml"))
	var report status
	agent.Stderr = &report
	if err := agent.Start(); err != nil {
		return err
	}
	defer func() {
		agent.Process.Signal(syscall.SIGTERM)
		agent.Wait()
	}()
	look := func() (s sample, err error) {
		if s.requests, err = devices.count(); err != nil {
			return s, err
		}
		if s.lines, err = db.count(); err != nil {
			return s, err
		}
		if s.cpu, s.rss, s.written, err = usage(agent.Process.Pid); err != nil {
			return s, err
		}
		s.status, err = report.ask(agent.Process)
		return s, err
	}
	time.Sleep(5 * time.Second) // connections, tables and caches are made in the first
	before, err := look()
	if err != nil {
		return err
	}
	time.Sleep(c.window)
	after, err := look()
	if err != nil {
		return err
	}
	polls := after.status["polls"] - before.status["polls"]
	if polls == 0 {
		return fmt.Errorf("no poll was made; the agent says:\n%s", report.text())
	}
	fmt.Printf("%-7s %d devices for %v: %d polls, %.1f us of CPU a poll, %.1f MB, %.2f requests a poll, %d lines written, %d failures, %d skipped, goroutines %d then %d, memory %.1f then %.1f MB, heap %.1f then %.1f MB, %.3f MB/s to the disk\n",
		c.name, c.modbus+c.snmp, c.window, polls,
		float64((after.cpu-before.cpu).Microseconds())/float64(polls), float64(after.rss)/1e6,
		float64(after.requests-before.requests)/float64(polls), after.lines-before.lines,
		after.status["failures"]-before.status["failures"], after.status["skipped"]-before.status["skipped"],
		before.status["goroutines"], after.status["goroutines"], float64(before.rss)/1e6, float64(after.rss)/1e6,
		float64(before.status["heap_bytes"])/1e6, float64(after.status["heap_bytes"])/1e6,
		float64(after.written-before.written)/1e6/c.window.Seconds())
	if got := int(after.lines - before.lines); got < polls*95/100 {
		return fmt.Errorf("only %d lines arrived for %d polls", got, polls)
	}
	return nil
}

// A sample is everything there is to count, at one moment.
type sample struct {
	requests, lines uint64
	cpu             time.Duration
	rss             int64
	written         int64 // bytes that went, or are to go, to the disk
	status          map[string]int
}

func writeSite(dir, url string, at addresses, settings string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "site: bench\nprofiles: [profiles]\n%soutputs: {influx: {url: %q, bucket: facility}}\ndevices:\n", settings, url)
	for i, a := range at.Modbus {
		fmt.Fprintf(&b, "  - {id: meter-%d, profile: bench-meter, modbus: {tcp: %q, unit: 1}, every: 1s}\n", i, a)
	}
	for i, a := range at.SNMP {
		fmt.Fprintf(&b, "  - {id: card-%d, profile: bench-card, snmp: {address: %q}, every: 1s}\n", i, a)
	}
	if err := os.Mkdir(filepath.Join(dir, "profiles"), 0o777); err != nil {
		return err
	}
	for name, text := range map[string]string{"site.yaml": b.String(), "profiles/bench-meter.yaml": meter(), "profiles/bench-card.yaml": card()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// usage returns the processor time, the resident memory and the disk writes of
// a process.
func usage(pid int) (cpu time.Duration, rss, written int64, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, 0, err
	}
	if io, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid)); err == nil {
		for line := range strings.Lines(string(io)) {
			if n, ok := strings.CutPrefix(line, "write_bytes: "); ok {
				written, _ = strconv.ParseInt(strings.TrimSpace(n), 10, 64)
			}
		}
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+2:]))
	var ticks int64
	for _, f := range fields[11:13] { // utime and stime, in hundredths of a second
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, 0, 0, err
		}
		ticks += n
	}
	pages, err := strconv.ParseInt(fields[21], 10, 64)
	return time.Duration(ticks) * 10 * time.Millisecond, pages * int64(os.Getpagesize()), written, err
}

// status reads the agent's log for the lines in which it says how it stands.
type status struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *status) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *status) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

var figure = regexp.MustCompile(`(\w+)=(\d+)\b`)

// ask makes the agent say how it stands, and returns the figures.
func (s *status) ask(p *os.Process) (map[string]int, error) {
	seen := strings.Count(s.text(), "msg=status")
	if err := p.Signal(syscall.SIGUSR1); err != nil {
		return nil, fmt.Errorf("%w; the agent said:\n%s", err, s.text())
	}
	for range 100 {
		text := s.text()
		if strings.Count(text, "msg=status") > seen && strings.HasSuffix(text, "\n") {
			line := text[strings.LastIndex(text, "msg=status"):]
			figures := map[string]int{}
			for _, m := range figure.FindAllStringSubmatch(line, -1) {
				figures[m[1]], _ = strconv.Atoi(m[2])
			}
			return figures, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil, fmt.Errorf("the agent does not say how it stands; its log:\n%s", s.text())
}
