package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"plantroom/agent"
)

var oidForm = regexp.MustCompile(`^(0|1|2)(\.\d+)+$`)

// A profileReader reads one profile's file.
type profileReader struct {
	*source
	class string
	own   map[string]*agent.Metric // the profile's x_ metrics
}

// readProfile reads a profile; nil when the text is not YAML at all or there
// is no telling what it is called.
func readProfile(s *source, text []byte) *Profile {
	root := s.parse(text)
	if root == nil {
		return nil
	}
	return readProfileOf(s, root)
}

// readProfileOf returns the profile that a document is.
func readProfileOf(s *source, root *yaml.Node) *Profile {
	r := &profileReader{source: s, own: map[string]*agent.Metric{}}
	m := s.mapping(root, "the profile")
	p := &Profile{}
	p.Name = r.name(m.need("profile", "acme-ups"), "profile")
	p.Title = s.text(m.get("title"), "title")
	if p.Title == "" {
		p.Title = p.Name
	}
	if n := m.need("class", "ups"); n != nil {
		p.Class = s.choice(n, "class", "", Classes()...)
	}
	r.class = p.Class
	p.Verified = s.choice(m.get("verified"), "verified", "single-source", "recording", "sources", "single-source")
	if n := m.get("identify"); n != nil {
		p.Identify = r.identify(n)
	}
	modbus, snmp := m.get("modbus"), m.get("snmp")
	m.done()
	if modbus != nil {
		p.Modbus = r.modbus(modbus)
	}
	if snmp != nil {
		p.SNMP = r.snmp(snmp)
	}
	if modbus == nil && snmp == nil && m.node != nil {
		s.fault(m.node, "the profile has neither modbus nor snmp; it needs the one that its devices speak")
	}
	if p.Name == "" {
		return nil
	}
	return p
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

// name returns an identifier: what ids, topics and tags are made of.
func (s *source) name(n *yaml.Node, what string) string {
	text := s.text(n, what)
	if n != nil && n.Kind == yaml.ScalarNode && !nameForm.MatchString(text) {
		s.fault(n, "%s is %q; it must be letters, digits, -, _ and . and begin with a letter or digit", what, text)
		return ""
	}
	return text
}

func (r *profileReader) identify(n *yaml.Node) (id Identify) {
	m := r.mapping(n, "identify")
	for _, item := range r.list(m.get("snmp")) {
		rule := r.mapping(item, "identify.snmp")
		var out SNMPRule
		out.SysObjectID = r.oid(rule.get("sysobjectid"), "sysobjectid")
		for _, p := range r.list(rule.get("present")) {
			out.Present = append(out.Present, r.oid(p, "present"))
		}
		if n := rule.get("match"); n != nil {
			out.Match = map[string]string{}
			pairs, _ := r.pairs(n, "match")
			for _, p := range pairs {
				out.Match[r.oid(p.key, "match")] = r.pattern(p.value)
			}
		}
		rule.done()
		if rule.node != nil && out.SysObjectID == "" && len(out.Present) == 0 && len(out.Match) == 0 {
			r.fault(item, "the rule recognises every device; give it sysobjectid, present or match")
			continue
		}
		id.SNMP = append(id.SNMP, out)
	}
	id.Modbus = r.rules(m.get("modbus"), "identify.modbus", "abcd", 0)
	m.done()
	return id
}

// rules reads what values of a Modbus device must be. Order and base are those
// of values that do not say their own.
func (r *profileReader) rules(n *yaml.Node, what, order string, base int) (rules []ModbusRule) {
	for _, item := range r.list(n) {
		rule := r.mapping(item, what)
		out := ModbusRule{Value: r.value(rule, order, base, false)}
		for _, v := range r.list(rule.get("equals")) {
			out.Equals = append(out.Equals, r.number(v, "equals", 0))
		}
		if n := rule.get("match"); n != nil {
			out.Match = r.pattern(n)
		}
		rule.done()
		if rule.node != nil && out.Equals == nil && out.Match == "" {
			r.fault(item, "the rule compares with nothing; give it equals (numbers) or match (for type string)")
		}
		rules = append(rules, out)
	}
	return rules
}

func (r *profileReader) pattern(n *yaml.Node) string {
	text := r.text(n, "match")
	if _, err := regexp.Compile(text); err != nil {
		r.fault(n, "match is no regular expression: %v", err)
	}
	return text
}

// oid returns an object identifier without a leading dot.
func (r *profileReader) oid(n *yaml.Node, what string) string {
	if n == nil {
		return ""
	}
	text := strings.TrimPrefix(r.text(n, what), ".")
	if !oidForm.MatchString(text) {
		r.fault(n, "%s is %q, which is no OID; write numbers and dots, for example 1.3.6.1.2.1.33.1.2.4.0", what, text)
		return ""
	}
	return text
}

var ownForm = regexp.MustCompile(`^x_[a-z0-9_]+$`)

// metric returns the catalogue's entry, or makes that of an x_ metric, from a
// point's metric, unit, kind and states.
func (r *profileReader) metric(m *mapping) *agent.Metric {
	n, unit, kind := m.need("metric", "input_voltage"), m.get("unit"), m.get("kind")
	name := r.text(n, "metric")
	if n == nil || r.class == "" || name == "" {
		return nil
	}
	class, plain := r.class, name
	if c, rest, ok := strings.Cut(name, "."); ok {
		class, plain = c, rest
		if !slices.Contains(Classes(), class) {
			r.fault(n, "metric %s: there is no class %s; %s", name, class, oneOf(class, Classes()))
			return nil
		}
	}
	if !strings.HasPrefix(plain, "x_") {
		metric := Lookup(class, plain)
		if metric == nil {
			r.fault(n, "class %s has no metric %s; %s (what the catalogue does not know is called x_... and has a unit)", class, plain, oneOf(plain, Names(class)))
		}
		for _, extra := range []*yaml.Node{unit, kind} {
			if extra != nil {
				r.fault(extra, "the catalogue gives %s its unit and kind; only x_ metrics have their own", plain)
			}
		}
		return metric
	}
	if !ownForm.MatchString(plain) {
		r.fault(n, "metric %s: names are made of a-z, 0-9 and _", plain)
		return nil
	}
	metric := &agent.Metric{Class: class, Name: plain, Doc: "what the maker adds, see the profile"}
	states := m.get("states")
	switch {
	case states != nil:
		metric.Kind, metric.States = agent.State, []string{"unknown"}
		pairs, _ := r.pairs(states, "states")
		for _, p := range pairs {
			if !slices.Contains(metric.States, p.value.Value) {
				metric.States = append(metric.States, p.value.Value)
			}
		}
		if alarm := AlarmStates(); !slices.ContainsFunc(metric.States, func(w string) bool { return !slices.Contains(alarm, w) }) {
			metric.States = alarm // also of one that is made of several points, each with one of the words
		}
	case unit == nil:
		r.fault(n, "metric %s needs a unit (UCUM: V, A, W, Cel, %%, s; \"\" for a plain number) or states", plain)
	default:
		metric.Unit = r.text(unit, "unit")
		if r.choice(kind, "kind", "gauge", "gauge", "counter") == "counter" {
			metric.Kind = agent.Counter
		}
	}
	if first := r.own[class+"."+plain]; first != nil {
		if first.Unit != metric.Unit || first.Kind != metric.Kind || !slices.Equal(first.States, metric.States) {
			r.fault(n, "metric %s has another unit or other states elsewhere in this profile", plain)
		}
		return first
	}
	r.own[class+"."+plain] = metric
	return metric
}

// conversion reads scale, offset, absent and states.
func (r *profileReader) conversion(m *mapping, metric *agent.Metric) (c Conversion) {
	c.Scale = r.number(m.get("scale"), "scale", 1)
	c.Offset = r.number(m.get("offset"), "offset", 0)
	if n := m.get("scale"); n != nil && c.Scale == 0 {
		r.fault(n, "scale is 0; every value would be")
	}
	for _, n := range r.list(m.get("absent")) {
		c.Absent = append(c.Absent, r.number(n, "absent", 0))
	}
	c.States = r.states(m, metric)
	return c
}

// states reads which raw values of a state are which of its words, nil for a
// metric that is none. Without can there may be any raw values.
func (r *profileReader) states(m *mapping, metric *agent.Metric, can ...string) map[string]string {
	states := m.get("states")
	switch {
	case metric == nil:
	case metric.Kind == agent.State && states == nil:
		r.fault(m.node, "%s is a state; say which raw value is which: states: {0: %s, ...}", metric.Name, metric.States[min(1, len(metric.States)-1)])
	case metric.Kind != agent.State && states != nil:
		r.fault(states, "%s is no state, it is measured in %q", metric.Name, metric.Unit)
	case states != nil:
		words := map[string]string{}
		pairs, _ := r.pairs(states, "states")
		for _, p := range pairs {
			word := r.text(p.value, "states")
			if _, ok := metric.Code(word); !ok {
				r.fault(p.value, "%s has no state %s; %s", metric.Name, word, oneOf(word, metric.States))
			}
			key := stateKey(p.key.Value)
			if can != nil && !slices.Contains(can, key) {
				r.fault(p.key, "states has %s, and the value can only be %s", key, strings.Join(can, " or "))
			}
			words[key] = word
		}
		return words
	}
	return nil
}

// flag reads a point that is one of the flags in a text.
func (r *profileReader) flag(m *mapping, n *yaml.Node, point *SNMPPoint) {
	point.Flag = r.integer(n, "flag", 1, 1, maxFlag)
	for _, key := range []string{"scale", "offset", "decimals"} {
		if extra := m.get(key); extra != nil {
			r.fault(extra, "a flag is 0 or 1 and has no %s", key)
		}
	}
	for _, n := range r.list(m.get("absent")) {
		point.Without = append(point.Without, r.wording(n, "absent"))
	}
	if point.Metric != nil && point.Metric.Kind != agent.State {
		r.fault(n, "a flag is 0 or 1, and %s is no state; add for example states: {0: clear, 1: active}", point.Metric.Name)
		return
	}
	point.Conversion = Conversion{Scale: 1, States: r.states(m, point.Metric, "0", "1")}
}

// stateKey returns a raw state as the drivers write it: numbers in decimal.
func stateKey(text string) string {
	var v int64
	if n, err := fmt.Sscanf(text, "0x%x", &v); n == 1 && err == nil {
		return fmt.Sprint(v)
	}
	return text
}

var registersOf = map[string]int{
	"bool": 1, "u16": 1, "s16": 1, "bcd16": 1,
	"u32": 2, "s32": 2, "float32": 2, "bcd32": 2,
	"u64": 4, "s64": 4, "float64": 4,
	"m10k": 0, "string": 0, // by their length
}

// A spaceKey is one of the four keys that name an address space.
type spaceKey struct {
	key   string
	space Space
}

var spaces = []spaceKey{{"holding", Holding}, {"input", Input}, {"coil", Coil}, {"discrete", Discrete}}

// value reads where a Modbus value is and how it is coded. Base is taken off
// its address; with sunspec the address is an offset in a model.
func (r *profileReader) value(m *mapping, order string, base int, sunspec bool) (v ModbusValue) {
	v.BitHigh = -1
	given := m.given("holding", "input", "coil", "discrete")
	if len(given) != 1 {
		if m.node != nil {
			r.fault(m.node, "%s must have one of holding, input, coil and discrete; it has %d", m.what, len(given))
		}
		m.given("type", "order", "length", "bits")
		return v
	}
	var address *yaml.Node
	for _, s := range spaces {
		if s.key == given[0] {
			v.Space, address = s.space, m.get(s.key)
		}
	}
	v.Address = r.integer(address, given[0], base, base, 0xFFFF+base) - base
	v.Order = r.choice(m.get("order"), "order", order, "abcd", "cdab", "badc", "dcba")
	kind, length, bits := m.get("type"), m.get("length"), m.get("bits")
	if v.Space == Coil || v.Space == Discrete {
		v.Type, v.Length = "bool", 1
		for _, n := range []*yaml.Node{kind, length, bits} {
			if n != nil && n.Value != "bool" {
				r.fault(n, "a %s is one bit; it has no type, length or bits", given[0])
			}
		}
		return v
	}
	types := make([]string, 0, len(registersOf))
	for t := range registersOf {
		types = append(types, t)
	}
	v.Type = r.choice(kind, "type", "u16", types...)
	v.Length = registersOf[v.Type]
	switch {
	case v.Length == 0:
		v.Length = r.integer(length, "length", 2, 1, 125)
		if length == nil && v.Type == "string" {
			r.fault(m.node, "a string needs its length in registers, for example length: 8")
		}
		if v.Type == "m10k" && v.Length > 4 {
			r.fault(length, "length is %d; a m10k value takes 1 to 4 registers", v.Length)
		}
	case length != nil && r.integer(length, "length", v.Length, 1, 125) != v.Length:
		r.fault(length, "a %s takes %d registers; leave length out", v.Type, v.Length)
	}
	if bits != nil {
		v.BitLow, v.BitHigh = r.bits(bits, v)
	}
	if !sunspec && v.Address+v.Length > 0x10000 {
		r.fault(address, "a %s at %s needs %d registers and goes past the last address, 65535", v.Type, address.Value, v.Length)
	}
	return v
}

// bits reads a bit field: one bit, or the first and the last.
func (r *profileReader) bits(n *yaml.Node, v ModbusValue) (low, high int) {
	switch v.Type {
	case "bool", "u16", "s16", "u32", "s32", "u64", "s64":
	default:
		r.fault(n, "bits cannot be picked from a %s", v.Type)
	}
	items := r.list(n)
	if len(items) < 1 || len(items) > 2 {
		r.fault(n, "bits is one bit or the lowest and the highest: 3 or [4, 7]")
		return 0, -1
	}
	last := v.Length*16 - 1
	low = r.integer(items[0], "bits", 0, 0, last)
	high = r.integer(items[len(items)-1], "bits", low, 0, last)
	if high < low {
		r.fault(n, "bits are written lowest first: [%d, %d]", high, low)
	}
	return low, high
}

func (r *profileReader) modbus(n *yaml.Node) *ModbusProfile {
	m := r.mapping(n, "modbus")
	p := &ModbusProfile{}
	limits := &mapping{source: r.source, what: "limits", taken: map[string]bool{}}
	if n := m.get("limits"); n != nil {
		limits = r.mapping(n, "limits")
	}
	p.MaxRegisters = r.integer(limits.get("max"), "max", 125, 1, 125)
	p.MaxBits = r.integer(limits.get("max_bits"), "max_bits", 2000, 1, 2000)
	p.Gap = r.integer(limits.get("gap"), "gap", 10, 0, 125)
	limits.done()
	base := r.integer(m.get("base"), "base", 0, 0, 1)
	order := r.choice(m.get("order"), "order", "abcd", "abcd", "cdab", "badc", "dcba")
	for _, n := range r.list(m.get("sunspec")) {
		p.SunSpec = append(p.SunSpec, r.integer(n, "sunspec", 0, 0, 0xFFFF))
	}
	if n := m.get("families"); n != nil {
		p.Families = r.families(n, order, base)
	}
	points := r.points(m)
	m.done()
	for _, item := range points {
		m := r.mapping(item, "the point")
		point := ModbusPoint{Metric: r.metric(m)}
		point.Channel = r.text(m.get("channel"), "channel")
		point.ChannelName = r.text(m.get("name"), "name")
		point.Value = r.value(m, order, base, p.SunSpec != nil)
		point.Conversion = r.conversion(m, point.Metric)
		if n := m.get("scale_register"); n != nil {
			point.ScaleRegister = &ModbusValue{
				Space: point.Value.Space, Address: r.integer(n, "scale_register", base, base, 0xFFFF+base) - base,
				Type: "s16", Order: order, Length: 1, BitHigh: -1,
			}
		}
		model := m.get("model")
		for _, n := range r.list(model) {
			point.Models = append(point.Models, r.integer(n, "model", 0, 1, 0xFFFE))
		}
		switch {
		case p.SunSpec != nil && model == nil && m.node != nil:
			r.fault(m.node, "the point has no model; with sunspec its address is an offset in one: model: [203]")
		case p.SunSpec == nil && model != nil:
			r.fault(model, "model goes with sunspec: [40000] in the profile")
		}
		for _, n := range r.list(m.get("family")) {
			if f := r.family(n, p.Families); f != nil {
				point.Families = append(point.Families, f)
			}
		}
		if v := point.Value; v.Length > p.MaxRegisters && v.Space >= Holding {
			r.fault(item, "the point takes %d registers; limits.max is %d", v.Length, p.MaxRegisters)
		}
		m.done()
		if point.Metric != nil {
			p.Points = append(p.Points, point)
		}
	}
	return p
}

// families reads what kinds of device there are whose points differ.
func (r *profileReader) families(n *yaml.Node, order string, base int) (families []*ModbusFamily) {
	pairs, _ := r.pairs(n, "families")
	for _, p := range pairs {
		f := &ModbusFamily{Name: p.key.Value, Rules: r.rules(p.value, "the family's rule", order, base)}
		if len(f.Rules) == 0 {
			r.fault(p.value, "family %s has no rule; say what its registers hold: [{holding: 769, equals: [7310, 7320]}]", f.Name)
		}
		families = append(families, f)
	}
	return families
}

// family returns the one of the families that n names.
func (r *profileReader) family(n *yaml.Node, families []*ModbusFamily) *ModbusFamily {
	name := r.text(n, "family")
	var names []string
	for _, f := range families {
		if f.Name == name {
			return f
		}
		names = append(names, f.Name)
	}
	if names == nil {
		r.fault(n, "there is no family %s; say beside points what it is: families: {%s: [{holding: 769, equals: [7310, 7320]}]}", name, name)
	} else {
		r.fault(n, "there is no family %s; %s", name, oneOf(name, names))
	}
	return nil
}

// points returns the items of points; there must be one.
func (r *profileReader) points(m *mapping) []*yaml.Node {
	n := m.need("points", "[{metric: ..., ...}]")
	items := r.list(n)
	if n != nil && len(items) == 0 {
		r.fault(n, "points is empty")
	}
	return items
}

func (r *profileReader) snmp(n *yaml.Node) *SNMPProfile {
	m := r.mapping(n, "snmp")
	p := &SNMPProfile{MaxOIDs: r.integer(m.get("max_oids"), "max_oids", 40, 1, 100)}
	points := r.points(m)
	alarms, flags := r.list(m.get("alarms")), r.list(m.get("flags"))
	if n := m.get("traps"); n != nil {
		p.Traps = r.traps(n)
	}
	m.done()
	for _, item := range points {
		m := r.mapping(item, "the point")
		point := SNMPPoint{Metric: r.metric(m)}
		if given := m.given("oid", "table"); len(given) != 1 && m.node != nil {
			r.fault(m.node, "the point must have either oid (a scalar, with its .0) or table (a column); it has %d of them", len(given))
		}
		point.OID = r.oid(m.get("oid"), "oid")
		point.Table = r.oid(m.get("table"), "table")
		channel := m.get("channel")
		point.Channel = r.text(channel, "channel")
		if bad := placeholders(point.Channel, point.Table != ""); bad != "" {
			r.fault(channel, "channel has %s; a table's can have {index}, {1}, {2}, {-1} and {name}, a scalar's {name}", bad)
		}
		if name := m.get("name"); name != nil {
			if text := strings.TrimPrefix(r.text(name, "name"), "."); oidForm.MatchString(text) {
				point.NameOID = text
			} else {
				point.ChannelName = text
			}
		}
		if point.NameOID == "" && strings.Contains(point.Channel, "{name}") {
			r.fault(channel, "channel has {name}, and the point has no name column: name: OID")
		}
		rows, where := m.get("rows"), m.get("where")
		for _, n := range []*yaml.Node{rows, where} {
			if n != nil && point.Table == "" {
				r.fault(n, "only a table has rows to choose from")
			}
		}
		if rows != nil {
			point.Rows = r.rows(rows, point.NameOID != "")
		}
		point.Where = r.where(where)
		if point.Table != "" && channel == nil && rows == nil && m.node != nil {
			r.fault(m.node, "a table's rows need a channel each, for example channel: \"L{index}\"")
		}
		if flag := m.get("flag"); flag != nil {
			r.flag(m, flag, &point)
		} else {
			point.Decimals = r.oid(m.get("decimals"), "decimals")
			point.Conversion = r.conversion(m, point.Metric)
		}
		m.done()
		if point.Metric != nil && (point.OID != "" || point.Table != "") {
			p.Points = append(p.Points, point)
		}
	}
	for _, item := range alarms {
		p.Points = append(p.Points, r.alarms(item)...)
	}
	p.Points = append(p.Points, r.flags(flags)...)
	return p
}

// where reads which rows of a table count, by what other cells of theirs say.
func (r *profileReader) where(n *yaml.Node) (conditions []SNMPCondition) {
	if n == nil {
		return nil
	}
	pairs, _ := r.pairs(n, "where")
	for _, p := range pairs {
		conditions = append(conditions, SNMPCondition{Column: r.oid(p.key, "where"), Values: r.texts(p.value, "where")})
	}
	return conditions
}

// flags reads texts whose flags are alarms. An alarm may have several flags in
// several texts: it is active when one of them is 1, and clear when all are 0
// that the device has.
func (r *profileReader) flags(texts []*yaml.Node) (points []SNMPPoint) {
	var clear []SNMPPoint
	for _, n := range texts {
		m := r.mapping(n, "the text of flags")
		point := SNMPPoint{OID: r.oid(m.need("oid", "1.3.6.1.4.1.318.1.1.1.11.1.1.0"), "oid")}
		for _, n := range r.list(m.get("absent")) {
			point.Without = append(point.Without, r.wording(n, "absent"))
		}
		active := m.need("active", "{x_alarm_output_overload: 9}")
		m.done()
		if active == nil {
			continue
		}
		pairs, _ := r.pairs(active, "active")
		of := map[int]string{}
		for _, p := range pairs {
			metric := r.alarm(p.key)
			for i, item := range r.list(p.value) {
				point.Flag = r.integer(item, "the flag", 0, 1, maxFlag)
				if point.Flag == 0 {
					continue
				}
				if first := of[point.Flag]; first != "" {
					r.fault(item, "flag %d is %s already", point.Flag, first)
				}
				if of[point.Flag] = p.key.Value; metric == nil || point.OID == "" {
					continue
				}
				point.Metric, point.Conversion = metric, Conversion{Scale: 1, States: map[string]string{"1": "active"}}
				points = append(points, point)
				if i == 0 {
					point.Conversion = Conversion{Scale: 1, States: map[string]string{"0": "clear"}}
					clear = append(clear, point)
				}
			}
		}
	}
	return append(points, clear...)
}

// maxFlag is the last flag of the longest text that a DisplayString can be.
const maxFlag = 255

// alarms reads a table whose rows are the alarms that a device has.
func (r *profileReader) alarms(n *yaml.Node) (points []SNMPPoint) {
	m := r.mapping(n, "the alarm table")
	table, count := m.need("table", "1.3.6.1.2.1.33.1.6.2.1.2"), m.need("count", "1.3.6.1.2.1.33.1.6.1.0")
	column, rows := r.oid(table, "table"), r.oid(count, "count")
	if strings.HasSuffix(column, ".0") {
		r.fault(table, "table is %s, a scalar; write the column whose cells are the OIDs or texts of alarms, without a row", column)
	}
	if rows != "" && !strings.HasSuffix(rows, ".0") {
		r.fault(count, "count is %s; write the scalar that says how many rows the table has, with its .0", rows)
	}
	where, below := r.where(m.get("where")), r.oid(m.get("below"), "below")
	about, tables := r.about(m.get("about"))
	present, other := m.get("present"), m.need("other", "x_other_alarm")
	if m.done(); present == nil && below != "" {
		r.fault(m.get("below"), "below is what the OIDs of present have in common, and there is no present")
	}
	add := func(n *yaml.Node, oids ...string) {
		if metric := r.alarm(n); metric != nil && column != "" && rows != "" {
			points = append(points, SNMPPoint{Metric: metric, Where: where,
				Alarm:      &SNMPAlarm{Column: column, Count: rows, OIDs: oids, About: about, Tables: tables},
				Conversion: Conversion{Scale: 1, States: map[string]string{"0": "clear", "1": "active"}}})
		}
	}
	names, of := map[string]bool{}, map[string]string{}
	if present != nil {
		pairs, _ := r.pairs(present, "present")
		for _, p := range pairs {
			var oids []string
			for _, item := range r.list(p.value) {
				oid := r.alarmOID(item, below)
				if oid == "" {
					continue
				}
				if first := of[oid]; first != "" {
					r.fault(item, "%s is %s already", oid, first)
				}
				of[oid] = p.key.Value
				oids = append(oids, oid)
			}
			names[p.key.Value] = true
			if len(oids) > 0 {
				add(p.key, oids...)
			}
		}
	}
	switch {
	case other == nil:
	case names[other.Value]:
		r.fault(other, "%s is an alarm in present; other is for all that are not in it", other.Value)
	default:
		add(other)
	}
	return points
}

// about reads by which column a table of alarms tells what each of them is about.
func (r *profileReader) about(n *yaml.Node) (column string, tables map[string]string) {
	if n == nil {
		return "", nil
	}
	m := r.mapping(n, "about")
	column = r.oid(m.need("column", "1.3.6.1.4.1.476.1.42.3.2.3.1.6"), "column")
	of := m.need("tables", `{1.3.6.1.4.1.476.1.42.3.8.40.20: "branch {index}"}`)
	m.done()
	if of == nil {
		return column, nil
	}
	pairs, _ := r.pairs(of, "tables")
	tables = make(map[string]string, len(pairs))
	for _, p := range pairs {
		pattern := r.text(p.value, "tables")
		if bad := placeholders(pattern, true); bad != "" || strings.Contains(pattern, "{name}") {
			r.fault(p.value, "tables has %s; what a row is called can have {index}, {1}, {2} and {-1}", cmp.Or(bad, "{name}"))
		}
		tables[r.oid(p.key, "tables")] = pattern
	}
	return column, tables
}

var indexOnly = regexp.MustCompile(`^\d+(\.\d+)*$`)

// alarmOID returns the OID of an alarm, of which only what comes after below is
// written, where that is not "".
func (r *profileReader) alarmOID(n *yaml.Node, below string) string {
	if below == "" {
		return r.oid(n, "present")
	}
	text := r.text(n, "present")
	if !indexOnly.MatchString(text) || strings.HasPrefix(text, below+".") {
		r.fault(n, "present is %q; write the numbers that come after %s, which below says", text, below)
		return ""
	}
	return below + "." + text
}

// alarm returns the metric of an alarm of a table.
func (r *profileReader) alarm(n *yaml.Node) *agent.Metric {
	name := r.text(n, "the alarm")
	if r.class == "" || name == "" {
		return nil
	}
	if !ownForm.MatchString(name) {
		r.fault(n, "the alarm is called %q; it must be x_ and then a-z, 0-9 and _, for example x_alarm_battery_bad", name)
		return nil
	}
	first := r.own[r.class+"."+name]
	if first == nil {
		first = &agent.Metric{Class: r.class, Name: name, Doc: "what the maker adds, see the profile", Kind: agent.State, States: AlarmStates()}
		r.own[r.class+"."+name] = first
	}
	if !slices.Equal(first.States, AlarmStates()) {
		r.fault(n, "metric %s has other states elsewhere in this profile; those of an alarm are clear and active", name)
	}
	return first
}

var indexForm = regexp.MustCompile(`^(\d+|\*)(\.(\d+|\*))*$`)

// rows reads which rows of a table a point takes, and the channel of each.
func (r *profileReader) rows(n *yaml.Node, named bool) map[string]string {
	rows := map[string]string{}
	pairs, _ := r.pairs(n, "rows")
	for i, p := range pairs {
		index, channel := p.key.Value, r.text(p.value, "rows")
		if !indexForm.MatchString(index) {
			r.fault(p.key, "rows has %s, which is no index; write numbers and dots, or * for any one number: 1.*.4", index)
			continue
		}
		rows[index] = channel
		if bad := placeholders(channel, true); bad != "" {
			r.fault(p.value, "channel has %s; a row's can have {index}, {1}, {2}, {-1} and {name}", bad)
			continue
		}
		if !named && strings.Contains(channel, "{name}") {
			r.fault(p.value, "channel has {name}, and the point has no name column: name: OID")
		}
		if star := untold(index, channel); star > 0 {
			r.fault(p.value, "channel %q is the same for all the rows that %s stands for; put {%d} in it", channel, index, star)
		}
		for _, other := range pairs[:i] {
			if overlap(index, other.key.Value) {
				r.fault(p.key, "rows has %s and, at line %d, %s; a row can be both", index, other.key.Line, other.key.Value)
			}
		}
	}
	return rows
}

// untold returns the place of an index's first * that a channel does not tell,
// 0 where it tells them all.
func untold(index, channel string) int {
	if strings.Contains(channel, "{index}") || strings.Contains(channel, "{name}") {
		return 0
	}
	parts := strings.Split(index, ".")
	for i, part := range parts {
		if part == "*" && !strings.Contains(channel, fmt.Sprintf("{%d}", i+1)) && !strings.Contains(channel, fmt.Sprintf("{%d}", i-len(parts))) {
			return i + 1
		}
	}
	return 0
}

// overlap reports whether a row can match two indexes that both have a *.
func overlap(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	if len(as) != len(bs) || !slices.Contains(as, "*") || !slices.Contains(bs, "*") {
		return false
	}
	for i := range as {
		if as[i] != bs[i] && as[i] != "*" && bs[i] != "*" {
			return false
		}
	}
	return true
}

var (
	placeholder   = regexp.MustCompile(`\{[^}]*\}?`)
	componentForm = regexp.MustCompile(`^\{-?[1-9]\}$`)
)

// placeholders returns the first of a channel's {...} that means nothing.
func placeholders(channel string, table bool) string {
	for _, p := range placeholder.FindAllString(channel, -1) {
		if p == "{name}" || table && (p == "{index}" || componentForm.MatchString(p)) {
			continue
		}
		return p
	}
	return ""
}
