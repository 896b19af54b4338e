// Package config reads what people write: the YAML of a site and the profiles
// of its devices.
//
// A site and its profiles compile, without any input or output but reading the
// files named, into a Site: immutable, complete and free of YAML. Reading goes
// through YAML nodes, so every mistake has its place; all mistakes come at
// once, as Faults. What a site measures in is the catalogue, one table of
// metrics with their units; a profile maps a make of device to it and nothing
// else.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"plantroom/agent"
)

// Slot is the grid on which polls fall: every interval is a multiple of it.
const Slot = 100 * time.Millisecond

// Load reads the site in the file at path, with the files it includes, the
// profiles it names and the secrets it points to. The error is Faults when
// the configuration has any.
func Load(path string) (*Site, error) {
	var faults Faults
	r := newSiteReader(&faults)
	if s, root := r.open(path, nil, nil); root != nil {
		r.readSite(s, root)
	}
	faults.mask(r.revealed)
	if err := faults.err(); err != nil {
		return nil, err
	}
	r.site.Files = slices.Sorted(maps.Keys(r.files))
	return r.site, nil
}

// A written is a thing and where it was written, for faults that point at two.
type written[T any] struct {
	thing T
	at    string
}

// A unit is a Modbus unit id on a wire.
type unit struct {
	link ModbusLink
	id   int
}

type siteReader struct {
	faults   *Faults
	profiles map[string]*Profile // the site's own, and those embedded ones that were asked for
	site     *Site
	buses    map[string]written[*Bus]
	parts    map[string]*part // by id
	order    []*part
	units    map[unit]written[*Device]
	lines    map[string]written[ModbusLink] // serial lines, by their device
	tests    map[string]string              // where each is, by its id
	later    []func()                       // what is looked at when all devices are known
	files    map[string]bool
	revealed map[string]string // what references to secrets stand for -> the reference
}

func newSiteReader(faults *Faults) *siteReader {
	return &siteReader{
		faults: faults, profiles: map[string]*Profile{}, site: &Site{Limits: UsualLimits()}, tests: map[string]string{},
		buses: map[string]written[*Bus]{}, parts: map[string]*part{}, units: map[unit]written[*Device]{}, lines: map[string]written[ModbusLink]{}, files: map[string]bool{}, revealed: map[string]string{},
	}
}

// open returns the file at path as a source, and its document: nil when there
// is none, which is then a fault at the place that named the file.
func (r *siteReader) open(path string, from *source, named *yaml.Node) (*source, *yaml.Node) {
	s := &source{file: path, faults: r.faults, expand: r.secrets(filepath.Dir(path))}
	r.files[path] = true
	text, err := os.ReadFile(path)
	if err != nil {
		if from == nil {
			from = s
		}
		from.fault(named, "cannot read it: %v", reason(err))
		return s, nil
	}
	return s, s.parse(text)
}

// reason is what is wrong with a file, without its path where that is said
// already.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

func (r *siteReader) readSite(s *source, root *yaml.Node) {
	m := s.mapping(root, "the site")
	m.lists = true
	r.site.Name = s.name(m.need("site", "praha-1"), "site")
	r.site.Agent = s.deviceID(m.get("agent"), "agent")
	if r.site.Agent == "" {
		r.site.Agent = "edge"
	}
	if n := m.get("outputs"); n != nil {
		r.outputs(s, n)
	}
	r.site.State = os.Getenv("STATE_DIRECTORY") // systemd's, of the service
	if n := m.get("state"); n != nil {
		r.site.State = beside(s.file, s.text(n, "state"))
		if info, err := os.Stat(r.site.State); err == nil && !info.IsDir() {
			s.fault(n, "state is %s, which is a file; name a folder", r.site.State)
		}
	}
	r.site.Queue = r.queue(s, m.get("queue"))
	r.site.Hold = s.incidents(m.get("incidents"))
	r.site.Watch = s.boolean(m.get("watch"), "watch")
	if n := m.get("wall"); n != nil {
		r.site.Wall = s.wall(n)
	}
	if n := m.get("traps"); n != nil {
		r.site.Traps = s.traps(n)
	}
	for _, n := range s.list(m.get("profiles")) {
		r.ownProfiles(s, n)
	}
	type lists struct {
		s                             *source
		devices, nodes, limits, tests *yaml.Node
	}
	listsOf := func(m *mapping) lists {
		return lists{m.source, m.get("devices"), m.get("nodes"), m.get("limits"), m.get("tests")}
	}
	include, buses, read := m.get("include"), m.get("buses"), []lists{listsOf(m)}
	m.done()
	r.readBuses(s, buses)
	for _, n := range s.list(include) {
		pattern := s.text(n, "include")
		files, err := filepath.Glob(beside(s.file, pattern))
		r.files[filepath.Dir(beside(s.file, pattern))] = true
		switch {
		case err != nil:
			s.fault(n, "include %s is no file pattern", pattern)
		case len(files) == 0:
			s.fault(n, "include %s matches no file", pattern)
		}
		for _, file := range files {
			in, root := r.open(file, s, n)
			if root == nil {
				continue
			}
			m := in.mapping(root, "an included file")
			m.lists = true
			r.readBuses(in, m.get("buses"))
			read = append(read, listsOf(m))
			m.done()
		}
	}
	for _, l := range read {
		for _, n := range l.s.items(l.devices, "devices") {
			r.device(l.s, n)
		}
		for _, n := range l.s.items(l.nodes, "nodes") {
			r.node(l.s, n)
		}
	}
	r.connect()
	later := r.later
	r.later = nil
	wrong := len(*r.faults)
	for _, look := range later {
		look()
	}
	for _, l := range read { // when all that they can be about is known
		for _, n := range l.s.list(l.limits) {
			r.limit(l.s, n)
		}
	}
	if len(*r.faults) == wrong { // or they may not agree because of another mistake
		for _, look := range r.later {
			look()
		}
	}
	for _, l := range read {
		for _, n := range l.s.items(l.tests, "tests") {
			r.test(l.s, n)
		}
	}
	if len(r.site.Devices) == 0 && len(*r.faults) == 0 {
		s.fault(root, "the site has no devices; add devices: [{id: ..., profile: ..., snmp: ...}]")
	}
}

// incidents reads for how long all must be well before an incident has ended.
func (s *source) incidents(n *yaml.Node) time.Duration {
	const usual = time.Minute
	if n == nil {
		return usual
	}
	m := s.mapping(n, "incidents")
	defer m.done()
	return s.duration(m.get("hold"), "hold", usual, Slot, time.Hour)
}

// beside makes path relative to the folder of file.
func beside(file, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}

// ownProfiles adds the profiles of a folder to the embedded ones, and puts
// them in the place of those of the same name.
func (r *siteReader) ownProfiles(s *source, n *yaml.Node) {
	dir := beside(s.file, s.text(n, "profiles"))
	r.files[dir] = true
	entries, err := os.ReadDir(dir)
	if err != nil {
		s.fault(n, "profiles: cannot read the folder %s: %v", dir, reason(err))
		return
	}
	seen := map[string]string{}
	for _, e := range entries {
		file := filepath.Join(dir, e.Name())
		if e.IsDir() || filepath.Ext(file) != ".yaml" && filepath.Ext(file) != ".yml" {
			continue
		}
		r.files[file] = true
		text, err := os.ReadFile(file)
		if err != nil {
			s.fault(n, "profiles: cannot read %s: %v", file, reason(err))
			continue
		}
		p := readProfile(&source{file: file, faults: r.faults}, text)
		if p == nil {
			continue
		}
		if first, ok := seen[p.Name]; ok {
			*r.faults = append(*r.faults, Fault{File: file, Line: 1, Text: fmt.Sprintf("the profile %s is also in %s", p.Name, first)})
		}
		seen[p.Name] = file
		r.profiles[p.Name] = p
	}
}

// profile returns the profile that n names: the site's own, or an embedded one.
func (r *siteReader) profile(s *source, n *yaml.Node) *Profile {
	name := s.text(n, "profile")
	if p := r.profiles[name]; p != nil {
		return p
	}
	p, err := embeddedProfile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid):
		known := slices.AppendSeq(embeddedNames(), maps.Keys(r.profiles))
		if name == "auto" {
			s.fault(n, "auto is no profile; plantroom read --profile auto asks the device, and says what to write here")
			break
		}
		if file := lying(filepath.Dir(s.file), name); file != "" {
			s.fault(n, "there is no profile %s, but a file %s; add profiles: [%s]", name, file, filepath.Dir(file))
			break
		}
		s.fault(n, "there is no profile %s; %s", name, listed(name, known, "plantroom profiles"))
	case err != nil:
		s.fault(n, "the profile %s that comes with plantroom is broken: %v", name, err)
	}
	r.profiles[name] = p
	return p
}

// lying returns the file of a profile that lies beside the configuration, or in
// a folder beside it, where nobody looks for it, as seen from there; "" for none.
func lying(dir, name string) string {
	if name == "" || strings.ContainsAny(name, `/\*?[`) {
		return ""
	}
	for _, pattern := range []string{name + ".y*ml", "*/" + name + ".y*ml"} {
		if files, _ := filepath.Glob(filepath.Join(dir, pattern)); len(files) > 0 {
			file, _ := filepath.Rel(dir, files[0]) // it is below dir
			return file
		}
	}
	return ""
}

func (r *siteReader) outputs(s *source, n *yaml.Node) {
	m := s.mapping(n, "outputs")
	names := map[string]string{}
	for i, n := range s.list(m.get("influx")) {
		r.site.Influx = append(r.site.Influx, r.influx(s, n, i, names))
	}
	for i, n := range s.list(m.get("mqtt")) {
		r.site.MQTT = append(r.site.MQTT, r.mqtt(s, n, i, names))
	}
	for i, n := range s.list(m.get("webhook")) {
		r.site.Webhooks = append(r.site.Webhooks, r.webhook(s, n, i, names))
	}
	m.done()
}

// outputName returns an output's name. The first of a kind is called after its
// kind; a further one needs a name, because its queue is kept under it.
func (r *siteReader) outputName(m *mapping, kind string, i int, names map[string]string) string {
	n := m.get("name")
	name := m.name(n, "name")
	switch {
	case n == nil && i > 0 && m.node != nil:
		m.fault(m.node, "a second %s output needs a name, which its queue is kept under; add for example name: %s-2", kind, kind)
	case n == nil:
		name, n = kind, m.node
	}
	if name == "" || n == nil {
		return name
	}
	if first, ok := names[name]; ok {
		m.fault(n, "the output %s is there already, at %s", name, first)
	}
	names[name] = m.at(n)
	return name
}

func (r *siteReader) influx(s *source, n *yaml.Node, i int, names map[string]string) *Influx {
	in := s.mapping(n, "outputs.influx")
	defer in.done()
	out := &Influx{
		Name:   r.outputName(in, "influx", i, names),
		URL:    s.url(in.need("url", "http://127.0.0.1:8086"), "http", "https"),
		Org:    s.text(in.get("org"), "org"),
		Bucket: s.text(in.need("bucket", "facility"), "bucket"),
		Token:  NewSecret(s.text(in.get("token"), "token")),
		TLS:    r.tls(in),
	}
	if n := in.get("gzip"); n != nil {
		out.Gzip = s.boolean(n, "gzip")
	} else if u, err := url.Parse(out.URL); err == nil {
		out.Gzip = !loopback(u.Hostname()) // there, only the processor would notice
	}
	return out
}

func (r *siteReader) mqtt(s *source, n *yaml.Node, i int, names map[string]string) *MQTT {
	in := s.mapping(n, "outputs.mqtt")
	defer in.done()
	out := &MQTT{
		Name:      r.outputName(in, "mqtt", i, names),
		URL:       s.url(in.get("url"), "mqtt", "mqtts", "ws", "wss"),
		Username:  s.text(in.get("username"), "username"),
		Password:  NewSecret(s.text(in.get("password"), "password")),
		TLS:       r.tls(in),
		ClientID:  s.text(in.get("client_id"), "client_id"),
		Prefix:    s.text(in.get("prefix"), "prefix"),
		History:   s.boolean(in.get("history"), "history"),
		PerMetric: s.boolean(in.get("per_metric"), "per_metric"),
		Discovery: s.boolean(in.get("home_assistant"), "home_assistant"),
	}
	if n := in.get("prefix"); strings.ContainsAny(out.Prefix, "#+ ") || strings.HasPrefix(out.Prefix, "/") || strings.HasSuffix(out.Prefix, "/") {
		s.fault(n, "prefix %q cannot begin a topic; leave out #, +, spaces and a / at either end", out.Prefix)
	}
	if out.ClientID == "" {
		out.ClientID = "plantroom-" + r.site.Name + "-" + r.site.Agent
	}
	if out.Prefix == "" {
		out.Prefix = "plantroom"
	}
	embedded := in.get("embedded")
	switch {
	case embedded == nil:
	case embedded.Tag != "!!bool":
		out.Embedded = s.address(embedded, "embedded", "1883")
	case s.boolean(embedded, "embedded"):
		out.Embedded = "127.0.0.1:1883"
	}
	switch {
	case out.Embedded != "" && in.get("url") != nil:
		s.fault(in.get("url"), "url and embedded are both given; the agent either goes to a broker or is one")
	case out.Embedded == "" && in.get("url") == nil && in.node != nil:
		s.fault(in.node, "outputs.mqtt has no broker; add url: mqtt://HOST:1883, or embedded: 127.0.0.1:1883 to be one")
	}
	return out
}

func (s *source) wall(n *yaml.Node) *Wall {
	m := s.mapping(n, "wall")
	listen := m.need("listen", "127.0.0.1:8080")
	w := &Wall{
		Listen: s.address(listen, "listen", "8080"),
		Token:  NewSecret(s.text(m.get("token"), "token")),
		Users:  map[string]Secret{},
		Public: s.boolean(m.get("public"), "public"),
	}
	if users := m.get("users"); users != nil {
		pairs, _ := s.pairs(users, "users")
		for _, p := range pairs {
			hash := s.text(p.value, "the password of "+p.key.Value)
			if !bcryptForm.MatchString(hash) {
				s.fault(p.value, "users holds bcrypt hashes, not passwords; make one with: htpasswd -nB %s", p.key.Value)
			}
			w.Users[p.key.Value] = NewSecret(hash)
		}
	}
	m.done()
	host, _, _ := net.SplitHostPort(w.Listen)
	if w.Listen != "" && !loopback(host) && w.Token.IsZero() && len(w.Users) == 0 {
		s.fault(listen, "listen is %s, where others reach it; give wall a token: or users:, or listen on 127.0.0.1", w.Listen)
	}
	return w
}

// loopback reports whether only this machine reaches a host.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

var bcryptForm = regexp.MustCompile(`^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$`)

// queue reads where readings wait: in the site's state folder, unless
// something else is said.
func (r *siteReader) queue(s *source, n *yaml.Node) (q Queue) {
	q = Queue{Limit: 1 << 30, Sync: time.Second}
	if r.site.State != "" {
		q.Dir = filepath.Join(r.site.State, "queue")
	}
	if n == nil {
		return q
	}
	m := s.mapping(n, "queue")
	if n := m.get("dir"); n != nil {
		q.Dir = beside(s.file, s.text(n, "dir"))
	}
	q.Limit = s.size(m.get("limit"), "limit", q.Limit, 1<<20)
	switch n := m.get("sync"); {
	case n == nil:
	case s.is(n, "always"):
		q.Sync = 0
	case s.is(n, "never"):
		q.Sync = -1
	default:
		q.Sync = s.duration(n, "sync", q.Sync, 10*time.Millisecond, time.Minute)
	}
	m.done()
	return q
}

var sizeForm = regexp.MustCompile(`^(\d+)\s*([KMGT]i?B|B)$`)

// size returns a number of bytes of at least lo, otherwise where it is not
// given (or is wrong).
func (s *source) size(n *yaml.Node, what string, otherwise, lo int64) int64 {
	if n == nil {
		return otherwise
	}
	text := s.text(n, what)
	part := sizeForm.FindStringSubmatch(text)
	if part == nil {
		s.fault(n, "%s is %q; write a number and its unit, for example 500MB or 2GiB", what, text)
		return otherwise
	}
	size, err := strconv.ParseInt(part[1], 10, 64)
	unit := int64(1)
	if power := strings.IndexByte("BKMGT", part[2][0]); strings.Contains(part[2], "i") {
		unit = 1 << (10 * power)
	} else {
		for range power {
			unit *= 1000
		}
	}
	if err != nil || size > (1<<62)/unit || size*unit < lo {
		s.fault(n, "%s is %s; it must be at least %d bytes", what, text, lo)
		return otherwise
	}
	return size * unit
}

// url returns a URL with one of the schemes and a host.
func (s *source) url(n *yaml.Node, schemes ...string) string {
	if n == nil {
		return ""
	}
	text := s.text(n, "url")
	u, err := url.Parse(text)
	example := schemes[0] + "://10.1.0.5"
	if host, port, err := net.SplitHostPort(text); err == nil && host != "" && port != "" && !strings.ContainsAny(text, "/ ") {
		example = schemes[0] + "://" + text // only that was left out
	}
	switch {
	case text == "": // and that was said
	case err != nil || u.Scheme == "" || u.Host == "":
		s.fault(n, "url is %q; write SCHEME://HOST:PORT, for example %s", text, example)
	case !slices.Contains(schemes, u.Scheme):
		s.fault(n, "url begins with %s; %s", u.Scheme, oneOf(u.Scheme, schemes))
	case u.User != nil:
		s.fault(n, "url carries a user name; give it, and the password, under keys of their own")
	}
	return text
}

// address returns host:port, with the port that is usual where none is given.
func (s *source) address(n *yaml.Node, what, port string) string {
	if n == nil {
		return ""
	}
	address, err := ParseAddress(s.text(n, what), port)
	if err != nil {
		s.fault(n, "%s is %v", what, err)
	}
	return address
}

// ParseAddress returns text as host:port, with the port that is usual where
// none is given. Its error begins with the text.
func ParseAddress(text, port string) (string, error) {
	host, p, err := net.SplitHostPort(text)
	if err != nil {
		host, p = strings.Trim(text, "[]"), port
	}
	if v, err := strconv.Atoi(p); err != nil || v < 0 || v > 65535 || strings.Trim(host, "0123456789") == "" || strings.ContainsAny(host, "/ ") {
		return "", fmt.Errorf("%q; write HOST or HOST:PORT, for example 10.1.0.30:%s", text, port)
	}
	if strings.Trim(host, "0123456789.") == "" && net.ParseIP(host) == nil {
		return "", fmt.Errorf("%q, which is no IP address; it has four numbers from 0 to 255 without leading zeros, for example 10.1.0.30", text)
	}
	return net.JoinHostPort(host, p), nil
}

func (r *siteReader) readBuses(s *source, n *yaml.Node) {
	for _, item := range s.items(n, "buses") {
		m := s.mapping(item, "the bus")
		bus := &Bus{ID: s.name(m.need("id", "hall-rs485"), "id")}
		if n := m.need("modbus", "{tcp: 10.1.0.40}"); n != nil {
			in := s.mapping(n, "modbus")
			link := r.link(in)
			bus.Modbus = &link
			in.done()
		}
		m.done()
		if first, ok := r.buses[bus.ID]; ok && bus.ID != "" {
			s.fault(m.get("id"), "the bus %s is there already, at %s", bus.ID, first.at)
			continue
		}
		r.buses[bus.ID] = written[*Bus]{bus, s.at(item)}
		r.site.Buses = append(r.site.Buses, bus)
	}
}

// bauds are the rates that a serial line can have.
var bauds = []int{300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 500000, 576000, 921600}

// link reads how to reach a Modbus wire.
func (r *siteReader) link(m *mapping) (l ModbusLink) {
	s := m.source
	given := m.given("tcp", "tls", "rtu_over_tcp", "serial")
	if len(given) != 1 && m.node != nil {
		s.fault(m.node, "modbus needs one of tcp, tls, rtu_over_tcp and serial; it has %d of them", len(given))
	}
	l.TCP = s.address(m.get("tcp"), "tcp", "502")
	l.Secure = s.address(m.get("tls"), "tls", "802")
	l.RTUOverTCP = s.address(m.get("rtu_over_tcp"), "rtu_over_tcp", "502")
	l.Serial = s.text(m.get("serial"), "serial")
	if m.get("tls") != nil {
		l.TLS = r.tls(m)
	} else {
		for _, key := range m.given("ca", "cert", "key", "server_name") {
			s.fault(m.get(key), "ca, cert, key and server_name go with tls")
		}
	}
	baud, parity, data, stop := m.get("baud"), m.get("parity"), m.get("data_bits"), m.get("stop_bits")
	if l.Serial == "" {
		for _, n := range []*yaml.Node{baud, parity, data, stop} {
			if n != nil {
				s.fault(n, "baud, parity, data_bits and stop_bits go with serial")
			}
		}
		return l
	}
	l.Baud = s.integer(baud, "baud", 9600, 300, 921600)
	if !slices.Contains(bauds, l.Baud) {
		s.fault(baud, "baud is %d, which no line has; usual are 9600, 19200, 38400, 57600 and 115200", l.Baud)
	}
	l.Parity = s.choice(parity, "parity", "none", "none", "even", "odd")
	l.DataBits = s.integer(data, "data_bits", 8, 7, 8)
	l.StopBits = s.integer(stop, "stop_bits", UsualStopBits(l.Parity), 1, 2)
	if first, ok := r.lines[l.Serial]; !ok {
		r.lines[l.Serial] = written[ModbusLink]{l, s.at(m.node)}
	} else if first.thing != l {
		s.fault(m.node, "%s has other settings at %s; what hangs on one line has the same", l.Serial, first.at)
	}
	return l
}

// deviceID returns the name of a device, which is a topic too, and none of
// those that are the site's own.
func (s *source) deviceID(n *yaml.Node, what string) string {
	id := s.name(n, what)
	if id == "event" || id == "alarms" {
		s.fault(n, "%s is %s, which over MQTT is the topic of the site's %s; call it otherwise", what, id, map[string]string{"event": "events", "alarms": "alarms"}[id])
	}
	return id
}

func (r *siteReader) device(s *source, n *yaml.Node) {
	m := s.mapping(n, "the device")
	d := &Device{
		ID:   s.deviceID(m.need("id", "ups-a"), "id"),
		Name: s.text(m.get("name"), "name"),
	}
	if d.Name == "" {
		d.Name = d.ID
	}
	if n := m.need("profile", "rfc1628-ups"); n != nil {
		d.Profile = r.profile(s, n)
	}
	d.Every = s.duration(m.get("every"), "every", 5*time.Second, Slot, 24*time.Hour)
	d.Labels = s.labels(m.get("labels"))
	timeout := m.get("timeout")
	feeds := m.get("feeds")
	modbus, snmp := m.get("modbus"), m.get("snmp")
	m.done()
	usual := time.Second
	switch {
	case modbus != nil && snmp != nil:
		s.fault(snmp, "the device has both modbus and snmp; it is asked over one of them")
	case modbus == nil && snmp == nil && m.node != nil:
		s.fault(m.node, "the device has no address; add modbus: {tcp: HOST, unit: 1} or snmp: {address: HOST}")
	case modbus != nil:
		d.Modbus = r.modbusAddress(s, modbus)
		if d.Modbus.Link.Secure != "" {
			usual = 3 * time.Second // small devices take long over a handshake
		}
		if d.Profile != nil && d.Profile.Modbus == nil && d.Profile.SNMP != nil {
			s.fault(modbus, "the profile %s speaks snmp only", d.Profile.Name)
		}
	case snmp != nil:
		d.SNMP = s.snmpAddress(snmp)
		usual = 2 * time.Second
		if d.Profile != nil && d.Profile.SNMP == nil && d.Profile.Modbus != nil {
			s.fault(snmp, "the profile %s speaks modbus only", d.Profile.Name)
		}
	}
	d.Timeout = s.duration(timeout, "timeout", usual, 10*time.Millisecond, time.Minute)
	p := &part{id: d.ID, feeds: &d.Feeds}
	if d.Profile != nil {
		p.class = d.Profile.Class
	}
	if !r.addPart(s, n, m.get("id"), feeds, p) {
		return
	}
	r.site.Devices = append(r.site.Devices, d)
	if d.Modbus != nil && d.Modbus.Link != (ModbusLink{}) {
		u := unit{d.Modbus.Link, d.Modbus.Unit}
		if first, ok := r.units[u]; ok {
			s.fault(modbus, "unit %d on this wire is %s already, at %s", u.id, first.thing.ID, first.at)
		} else {
			r.units[u] = written[*Device]{d, s.at(n)}
		}
	}
}

var labelForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (s *source) labels(n *yaml.Node) (labels []agent.Label) {
	if n == nil {
		return nil
	}
	pairs, _ := s.pairs(n, "labels")
	for _, p := range pairs {
		switch name := p.key.Value; {
		case !labelForm.MatchString(name):
			s.fault(p.key, "the label %q must be made of letters, digits and _", name)
		case name == "site" || name == "device" || name == "channel":
			s.fault(p.key, "the label %s would hide the one that plantroom sets itself; call it otherwise", name)
		default:
			if value := s.text(p.value, "the label "+name); value != "" {
				labels = append(labels, agent.Label{Name: name, Value: value})
			}
		}
	}
	slices.SortFunc(labels, func(a, b agent.Label) int { return strings.Compare(a.Name, b.Name) })
	return labels
}

func (r *siteReader) modbusAddress(s *source, n *yaml.Node) *ModbusAddress {
	m := s.mapping(n, "modbus")
	a := &ModbusAddress{}
	if bus := m.get("bus"); bus != nil {
		a.Bus = s.text(bus, "bus")
		if b, ok := r.buses[a.Bus]; ok && b.thing.Modbus != nil {
			a.Link = *b.thing.Modbus
		} else if !ok {
			s.fault(bus, "there is no bus %s; %s", a.Bus, oneOf(a.Bus, slices.Collect(maps.Keys(r.buses))))
		}
		for _, key := range m.given("tcp", "tls", "ca", "cert", "key", "server_name", "rtu_over_tcp", "serial", "baud", "parity", "data_bits", "stop_bits") {
			s.fault(m.get(key), "%s is the bus's business; leave it out here", key)
		}
	} else {
		a.Link = r.link(m)
	}
	lo, hi := a.Link.Units()
	a.Unit = s.integer(m.need("unit", "1"), "unit", 1, lo, hi)
	m.done()
	return a
}

func (s *source) snmpAddress(n *yaml.Node) *SNMPAddress {
	m := s.mapping(n, "snmp")
	a := &SNMPAddress{Address: s.address(m.need("address", "10.1.0.11"), "address", "161")}
	user, community, version := m.get("user"), m.get("community"), m.get("version")
	usual := "2c"
	if user != nil {
		usual = "3"
	}
	a.Version = s.choice(version, "version", usual, "1", "2c", "3")
	a.Community = NewSecret(s.text(community, "community"))
	a.Context = s.text(m.get("context"), "context")
	if a.Version != "3" {
		for _, key := range m.given("user", "auth", "priv", "auth_password", "priv_password") {
			s.fault(m.get(key), "user, auth and priv belong to version 3; this device speaks %s", a.Version)
		}
		a.Auth, a.Priv = "none", "none"
		if community == nil {
			a.Community = NewSecret("public")
		}
		m.done()
		return a
	}
	a.SNMPUser = s.snmpUser(m)
	m.done()
	if community != nil {
		s.fault(community, "version 3 has no community; it has user, auth and priv")
	}
	if user == nil && m.node != nil {
		s.fault(m.node, "version 3 needs a user")
	}
	return a
}

// snmpUser reads who somebody is to version 3.
func (s *source) snmpUser(m *mapping) (u SNMPUser) {
	u.User = s.text(m.get("user"), "user")
	auth, priv := m.get("auth"), m.get("priv")
	u.Auth = s.choice(auth, "auth", "none", "none", "md5", "sha", "sha224", "sha256", "sha384", "sha512")
	u.Priv = s.choice(priv, "priv", "none", "none", "des", "aes", "aes192", "aes256", "aes192c", "aes256c")
	authPass, privPass := m.get("auth_password"), m.get("priv_password")
	u.AuthPass = NewSecret(s.text(authPass, "auth_password"))
	u.PrivPass = NewSecret(s.text(privPass, "priv_password"))
	s.passphrase(auth, authPass, "auth", u.Auth, u.AuthPass)
	s.passphrase(priv, privPass, "priv", u.Priv, u.PrivPass)
	if u.Priv != "none" && u.Auth == "none" {
		s.fault(priv, "priv needs auth: SNMP encrypts only what it also authenticates")
	}
	return u
}

// traps reads where SNMP traps are listened for.
func (s *source) traps(n *yaml.Node) *Traps {
	m := s.mapping(n, "traps")
	t := &Traps{Listen: s.address(m.need("listen", "0.0.0.0:162"), "listen", "162")}
	for _, text := range s.texts(m.get("communities"), "communities") {
		t.Communities = append(t.Communities, NewSecret(text))
	}
	for _, n := range s.list(m.get("users")) {
		in := s.mapping(n, "the user")
		in.need("user", "monitor")
		user := s.snmpUser(in)
		in.done()
		t.Users = append(t.Users, user)
	}
	m.done()
	return t
}

// passphrase checks that a protocol and its passphrase come together.
func (s *source) passphrase(protocol, pass *yaml.Node, key, chosen string, secret Secret) {
	switch {
	case chosen == "none" && pass != nil && protocol == nil:
		s.fault(pass, "%s_password is given and %s is not; add for example %s: %s", key, key, key, map[string]string{"auth": "sha256", "priv": "aes"}[key])
	case chosen != "none" && pass == nil:
		s.fault(protocol, "%s: %s needs %s_password", key, chosen, key)
	case chosen != "none" && len(secret.Reveal()) < 8 && !secret.IsZero():
		s.fault(pass, "%s_password is shorter than the 8 characters that SNMP demands", key)
	}
}

var secretForm = regexp.MustCompile(`\$\$\{|\$\{[^}]*\}?`)

// secrets returns what puts ${env:NAME} and ${file:PATH} into a text; paths
// are relative to dir. $${ stands for a plain ${.
func (r *siteReader) secrets(dir string) func(string) (string, error) {
	return func(text string) (string, error) {
		if !strings.Contains(text, "${") {
			return text, nil
		}
		var missing error
		out := secretForm.ReplaceAllStringFunc(text, func(ref string) string {
			if ref == "$${" {
				return "${"
			}
			kind, name, _ := strings.Cut(strings.Trim(ref, "${}"), ":")
			switch kind {
			case "env":
				value, ok := os.LookupEnv(name)
				if !ok {
					missing = fmt.Errorf("the environment variable %s is not set", name)
				} else if value == "" {
					missing = fmt.Errorf("the environment variable %s is empty", name)
				}
				r.revealed[value] = ref
				return value
			case "file":
				path := name
				if !filepath.IsAbs(path) {
					path = filepath.Join(dir, path)
				}
				r.files[path] = true
				value, err := readSecret(path)
				if _, open := errors.AsType[exposed](err); open {
					missing = err
				} else if err != nil {
					missing = fmt.Errorf("the secret in %s cannot be read: %v", path, reason(err))
				}
				text := strings.TrimRight(string(value), "\r\n")
				if text == "" && missing == nil {
					missing = fmt.Errorf("the file %s is empty; it should hold the secret, on one line", path)
				}
				r.revealed[text] = ref
				return text
			default:
				missing = fmt.Errorf("%s is neither ${env:NAME} nor ${file:PATH}; a plain ${ is written $${", ref)
				return ""
			}
		})
		return out, missing
	}
}
