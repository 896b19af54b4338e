package sim

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gosnmp/gosnmp"

	"plantroom/agent"
	"plantroom/config"
)

// An oid is an object identifier by its numbers.
type oid []uint32

// parseOID reads an OID with or without a leading dot.
func parseOID(s string) (oid, error) {
	var o oid
	for part := range strings.SplitSeq(strings.TrimPrefix(s, "."), ".") {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%q is no OID", s)
		}
		o = append(o, uint32(n))
	}
	return o, nil
}

// An object is one instance that a device's agent has.
type object struct {
	oid  oid
	name string // with a leading dot, as gosnmp writes it

	constant any // int, string, or an oid as dotted string with isOID; nil for a point
	isOID    bool

	metric  *agent.Metric
	channel string
	conv    converter
	factor  float64           // 10^-decimals
	states  map[string]string // of a state: those of all points that are about it

	row    bool     // of a row of alarms: it is there while the state is active
	counts []object // of a scalar that counts such rows
	flag   int      // of a point that is one character of a text of flags: which, from 1
	flags  []flag   // all those of the text
}

// A flag is what one character of a text of flags says.
type flag struct {
	number  int // from 1
	metric  *agent.Metric
	channel string
	states  map[string]string
}

// decimals is what a Server says where a profile takes the number of decimals
// from the device.
const decimals = 2

// objects is what a device's agent has: immutable, sorted by OID.
type objects struct {
	values Values
	sorted []object
	byName map[string]*object
	types  map[string]bool // columns and scalars without their instance, leading dot
}

// after returns the index of the first object behind an OID.
func (o *objects) after(id oid) int {
	i, found := slices.BinarySearchFunc(o.sorted, id, func(a object, id oid) int { return slices.Compare(a.oid, id) })
	if found {
		i++
	}
	return i
}

// known reports whether name lies below a scalar or column that the device has.
func (o *objects) known(name string) bool {
	for i := strings.LastIndexByte(name, '.'); i > 0; i = strings.LastIndexByte(name[:i], '.') {
		if o.types[name[:i]] {
			return true
		}
	}
	return false
}

// value returns what the object holds now; ok is false when it does not exist.
func (x *object) value(values Values) (kind gosnmp.Asn1BER, value any, ok bool) {
	if x.row {
		if v, ok := values.Value(x.metric, x.channel); !ok || x.metric.Word(int(v)) != "active" {
			return 0, nil, false
		}
	}
	switch c := x.constant.(type) {
	case int:
		return gosnmp.Integer, c, true
	case string:
		if x.isOID {
			return gosnmp.ObjectIdentifier, c, true
		}
		return gosnmp.OctetString, c, true
	}
	if x.counts != nil {
		rows := 0
		for i := range x.counts {
			if _, _, there := x.counts[i].value(values); there {
				rows++
			}
		}
		return gosnmp.Gauge32, uint32(rows), true
	}
	if x.flags != nil {
		return gosnmp.OctetString, flagText(x.flags, values), true
	}
	v, ok := values.Value(x.metric, x.channel)
	var r raw
	switch {
	case ok:
		r = x.conv.raw(v, x.factor, true)
		if x.conv.words == nil {
			r.number = stepAside(r.number, x.conv.absent)
		}
	case len(x.conv.absent) > 0:
		r = raw{number: x.conv.absent[0]}
	default:
		return 0, nil, false
	}
	switch n := r.number; {
	case r.isText:
		return gosnmp.OctetString, r.text, true
	case x.metric.Kind == agent.Counter && n >= 0 && n <= math.MaxUint32:
		return gosnmp.Counter32, uint32(n), true
	case n >= math.MinInt32 && n <= math.MaxInt32:
		return gosnmp.Integer, int(n), true
	case n > 0 && n <= math.MaxUint32:
		return gosnmp.Gauge32, uint32(n), true
	case n > 0:
		return gosnmp.Counter64, uint64(n), true
	}
	return gosnmp.Integer, math.MinInt32, true
}

// flagText returns the text of a device's flags. Of a state that the device
// does not know it says that it is clear.
func flagText(flags []flag, values Values) string {
	var text []byte
	for _, f := range flags {
		for len(text) < f.number {
			text = append(text, '0')
		}
		word := "clear"
		if v, ok := values.Value(f.metric, f.channel); ok {
			word = f.metric.Word(int(v))
		}
		if f.states["1"] == word {
			text[f.number-1] = '1'
		}
	}
	return string(text)
}

// stepAside returns the number nearest to n, going towards 0, that does not
// mean "absent".
func stepAside(n float64, absent []float64) float64 {
	for slices.Contains(absent, n) {
		if n > 0 {
			n--
		} else {
			n++
		}
	}
	return n
}

// A collector gathers a device's objects.
type collector struct {
	values  Values
	objects map[string]object            // by name
	rows    map[string]map[string]string // the channels that rows belong to, by table entry and index
	served  map[served]string            // the rows that they have
}

// A served is a channel of a metric in a column.
type served struct {
	column  string
	metric  *agent.Metric
	channel string
}

// put adds an object and reports whether it is there. An object that is taken
// already is another's, unless it is of the same state: then it has the words
// of both. Flags share an object, and have it to themselves.
func (c *collector) put(name string, x object) bool {
	if x.flag > 0 {
		x.flags, x.states = []flag{{x.flag, x.metric, x.channel, x.states}}, nil
	}
	if old, taken := c.objects[name]; taken {
		if x.flags != nil {
			old.flags, old.states = append(old.flags, x.flags...), nil
			c.objects[name] = old
			return true
		}
		if x.states == nil || old.metric != x.metric || old.channel != x.channel {
			return false
		}
		old.states = maps.Clone(x.states)
		maps.Copy(old.states, c.objects[name].states)
		c.objects[name] = old
		return true
	}
	id, err := parseOID(name)
	if err != nil {
		return false
	}
	x.oid, x.name = id, "."+name
	c.objects[name] = x
	return true
}

// collect turns a profile's points into objects. Of two points for the same
// object the first has it.
func collect(a Agent) *objects {
	c := &collector{values: a.Values, objects: make(map[string]object), rows: make(map[string]map[string]string), served: make(map[served]string)}
	o := &objects{values: a.Values, byName: make(map[string]*object), types: make(map[string]bool)}
	c.system(a)
	// A column that conditions look at comes first: what it holds decides.
	decides := make(map[string]bool)
	for _, p := range a.Profile.SNMP.Points {
		for _, w := range p.Where {
			decides[w.Column] = true
		}
	}
	points := make([]*config.SNMPPoint, len(a.Profile.SNMP.Points))
	for i := range points {
		points[i] = &a.Profile.SNMP.Points[i]
	}
	slices.SortStableFunc(points, func(a, b *config.SNMPPoint) int {
		return int(number(decides[b.Table]) - number(decides[a.Table]))
	})
	for _, p := range points {
		if p.Alarm != nil {
			continue
		}
		x := object{metric: p.Metric, channel: p.Channel, conv: newConverter(p.Metric, p.Conversion), factor: 1, states: p.States, flag: p.Flag}
		if p.Decimals != "" {
			x.factor = math.Pow(10, -decimals)
		}
		if p.Table == "" {
			c.scalar(p, x)
			continue
		}
		c.column(p, x)
	}
	c.alarms(points)
	c.present(a)
	c.states()
	for _, x := range c.objects {
		o.sorted = append(o.sorted, x)
	}
	slices.SortFunc(o.sorted, func(a, b object) int { return slices.Compare(a.oid, b.oid) })
	for i := range o.sorted {
		x := &o.sorted[i]
		o.byName[x.name] = x
		o.types[x.name[:strings.LastIndexByte(x.name, '.')]] = true
	}
	for _, p := range points {
		if p.Table != "" {
			o.types["."+p.Table] = true
		}
	}
	return o
}

// alarms adds tables whose rows are there while an alarm is, and the scalars
// that count their rows, unless a point has put them there.
func (c *collector) alarms(points []*config.SNMPPoint) {
	rows := make(map[string][]object) // by the scalar that counts them
	for _, p := range points {
		if p.Alarm == nil {
			continue
		}
		count, oid := p.Alarm.Count, unlisted
		if len(p.Alarm.OIDs) > 0 {
			oid = p.Alarm.OIDs[0]
		}
		x := object{metric: p.Metric, channel: p.Channel, row: true, constant: "." + oid, isOID: true}
		rows[count] = append(rows[count], x)
		index := strconv.Itoa(len(rows[count]))
		c.put(p.Alarm.Column+"."+index, x)
		for _, w := range p.Where {
			x.constant, x.isOID = constantOf(w.Values[0]), false
			c.put(conditionCell(w, index), x)
		}
	}
	for count, of := range rows {
		c.put(count, object{counts: of})
	}
}

// unlisted is an alarm that no profile has in its list: zeroDotZero.
const unlisted = "0.0"

// states has the objects that make up a state say together what each of them
// cannot.
func (c *collector) states() {
	type state struct {
		metric  *agent.Metric
		channel string
	}
	all := make(map[state]map[string]string) // by object and raw value
	for name, x := range c.objects {
		s := state{x.metric, x.channel}
		if all[s] == nil {
			all[s] = make(map[string]string)
		}
		for raw, word := range x.states {
			all[s][name+" "+raw] = word
		}
		for _, f := range x.flags {
			s := state{f.metric, f.channel}
			if all[s] == nil {
				all[s] = make(map[string]string)
			}
			for raw, word := range f.states {
				all[s][fmt.Sprintf("%s %d %s", name, f.number, raw)] = word
			}
		}
	}
	for name, x := range c.objects {
		if x.states != nil {
			x.conv.words = rawStates(x.metric, x.states, all[state{x.metric, x.channel}])
			c.objects[name] = x
		}
	}
}

func (c *collector) scalar(p *config.SNMPPoint, x object) {
	if p.Channel != "" && strings.Contains(p.Channel, "{name}") {
		channels := c.values.Channels(p.Metric)
		if len(channels) == 0 {
			return
		}
		x.channel = channels[0]
	}
	if !c.put(p.OID, x) {
		return
	}
	if p.NameOID != "" {
		c.put(p.NameOID, object{constant: c.values.ChannelName(x.channel)})
	}
	if p.Decimals != "" {
		c.put(p.Decimals, object{constant: decimals})
	}
}

// column makes a row for each channel of the metric that the device has, where
// the profile's channel pattern says or, when it does not tell, in a free one.
func (c *collector) column(p *config.SNMPPoint, x object) {
	channels := c.values.Channels(p.Metric)
	if p.Rows != nil {
		// Where rows of several shapes stand for one channel, the device has the first.
		had := make(map[string]bool)
		for _, index := range slices.Sorted(maps.Keys(p.Rows)) {
			pattern := parsePattern(p.Rows[index])
			for _, ch := range channels {
				if !had[ch] {
					x.channel = ch
					had[ch] = c.rowLike(p, x, index, pattern)
				}
			}
		}
		return
	}
	pattern := parsePattern(p.Channel)
	matched := slices.ContainsFunc(channels, func(ch string) bool { return pattern.re.MatchString(ch) })
	for _, ch := range channels {
		// A device that does not tell channels apart has its one value in
		// whatever row is free.
		index, name, ok := pattern.invert(ch)
		if !ok && (matched || ch != "") {
			continue
		}
		x.channel = ch
		if name == "" {
			name = c.values.ChannelName(ch)
		}
		is := served{p.Table, p.Metric, ch}
		if row, already := c.served[is]; already {
			if p.States != nil {
				c.row(p, x, row, name)
			}
			continue
		}
		if _, taken := c.objects[p.Table+"."+index]; taken && index != "" && x.states != nil && x.flag == 0 {
			continue // the cell is part of another state, and says what it must for that
		}
		done := index != "" && c.row(p, x, index, name)
		for n := 1; !done && n <= mostRows; n++ {
			index = pattern.row(n)
			if owner, used := c.rows[entryOf(p.Table)][index]; !used || owner == ch {
				done = c.row(p, x, index, name)
			}
		}
		if done {
			c.served[is] = index
		}
	}
}

// rowLike adds a row whose index a point's rows have, or one that an index
// with * stands for, if it is the one of the object's channel.
func (c *collector) rowLike(p *config.SNMPPoint, x object, index string, pattern channelPattern) bool {
	parts, name, ok := pattern.fill(strings.Split(index, "."), x.channel)
	if !ok {
		return false
	}
	if name == "" {
		name = c.values.ChannelName(x.channel)
	}
	open := slices.Index(parts, "*") // only {name} leaves one
	for n := 1; n <= mostRows; n++ {
		if open >= 0 {
			parts[open] = strconv.Itoa(n)
		}
		row := strings.ReplaceAll(strings.Join(parts, "."), "*", "1")
		if _, own := p.Rows[row]; (!own || row == index) && c.row(p, x, row, name) {
			return true
		}
		if open < 0 {
			break
		}
	}
	return false
}

// mostRows is how many rows are tried for a value before it is left out.
const mostRows = 1000

// row adds the cells of one row and reports whether they were free.
func (c *collector) row(p *config.SNMPPoint, x object, index, name string) bool {
	for _, w := range p.Where {
		if cell, ok := c.objects[conditionCell(w, index)]; ok {
			_, held, _ := cell.value(c.values)
			if !slices.Contains(w.Values, strings.TrimPrefix(fmt.Sprint(held), ".")) {
				return false
			}
		}
	}
	if !c.put(p.Table+"."+index, x) {
		return false
	}
	entry := entryOf(p.Table)
	if c.rows[entry] == nil {
		c.rows[entry] = make(map[string]string)
	}
	c.rows[entry][index] = x.channel
	for _, w := range p.Where {
		c.put(conditionCell(w, index), object{constant: constantOf(w.Values[0])})
	}
	if p.NameOID != "" {
		c.put(p.NameOID+"."+index, object{constant: name})
	}
	if p.Decimals != "" {
		c.put(p.Decimals+"."+index, object{constant: decimals})
	}
	return true
}

// conditionCell returns the object that a condition on a row looks at: a cell
// of the row, or a scalar that says something of the whole device.
func conditionCell(w config.SNMPCondition, index string) string {
	if strings.HasSuffix(w.Column, ".0") {
		return w.Column
	}
	return w.Column + "." + index
}

func constantOf(text string) any {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return text
}

// entryOf returns the table entry that a column belongs to.
func entryOf(column string) string { return column[:strings.LastIndexByte(column, '.')] }

// system adds the system group, and what the profile recognises its device by
// the text of.
func (c *collector) system(a Agent) {
	descr, kind := a.Profile.Title, "1.3.6.1.4.1.8072.3.2.10"
	if rules := a.Profile.Identify.SNMP; len(rules) > 0 {
		if rules[0].SysObjectID != "" {
			kind = rules[0].SysObjectID
		}
		for id, expr := range rules[0].Match {
			switch text := example(expr); id {
			case sysDescr:
				descr = text
			case sysObjectID:
				kind = text
			default:
				c.put(id, object{constant: text})
			}
		}
	}
	c.put(sysDescr, object{constant: descr})
	c.put(sysObjectID, object{constant: "." + strings.TrimPrefix(kind, "."), isOID: true})
	c.put(sysName, object{constant: a.Name})
}

// present adds the objects whose presence the profile recognises its device by,
// unless a point has put them there.
func (c *collector) present(a Agent) {
	rules := a.Profile.Identify.SNMP
	if len(rules) == 0 {
		return
	}
	for _, id := range rules[0].Present {
		there := false
		for name := range c.objects {
			there = there || name == id || strings.HasPrefix(name, id+".")
		}
		if there {
			continue
		}
		if !strings.HasSuffix(id, ".0") {
			id += ".0"
		}
		c.put(id, object{constant: a.Profile.Title})
	}
}

const (
	sysDescr    = "1.3.6.1.2.1.1.1.0"
	sysObjectID = "1.3.6.1.2.1.1.2.0"
	sysUpTime   = "1.3.6.1.2.1.1.3.0"
	sysName     = "1.3.6.1.2.1.1.5.0"
)

// A channelPattern is a column's channel pattern, to be inverted: from
// "L{index}", the channel "L2" is row 2.
type channelPattern struct {
	re     *regexp.Regexp
	groups []string // the placeholder of each group: index, name, 2, -1
	depth  int      // components of an index
}

var placeholder = regexp.MustCompile(`\{(index|name|-?\d+)\}`)

func parsePattern(pattern string) channelPattern {
	p := channelPattern{depth: 1}
	var expr strings.Builder
	expr.WriteByte('^')
	last := 0
	for _, m := range placeholder.FindAllStringSubmatchIndex(pattern, -1) {
		expr.WriteString(regexp.QuoteMeta(pattern[last:m[0]]))
		last = m[1]
		group := pattern[m[2]:m[3]]
		p.groups = append(p.groups, group)
		switch group {
		case "index":
			expr.WriteString(`(\d+(?:\.\d+)*)`)
		case "name":
			expr.WriteString(`(.+)`)
		default:
			expr.WriteString(`(\d+)`)
			n, _ := strconv.Atoi(group)
			p.depth = max(p.depth, n, 1-n)
		}
	}
	expr.WriteString(regexp.QuoteMeta(pattern[last:]) + "$")
	p.re = regexp.MustCompile(expr.String())
	return p
}

// invert returns the row and the name that a channel comes from. The index is
// "" where the pattern does not tell it.
func (p channelPattern) invert(channel string) (index, name string, ok bool) {
	m := p.re.FindStringSubmatch(channel)
	if m == nil {
		return "", "", false
	}
	parts := slices.Repeat([]string{"1"}, p.depth)
	told := len(p.groups) == 0
	for i, group := range p.groups {
		text := m[i+1]
		switch group {
		case "index":
			return text, name, true
		case "name":
			name = text
		default:
			n, _ := strconv.Atoi(group)
			if n < 0 {
				n += p.depth + 1
			}
			parts[cmp.Or(n, 1)-1] = text
			told = true
		}
	}
	if told {
		index = strings.Join(parts, ".")
	}
	return index, name, true
}

// fill returns an index with * as the row that a channel comes from, still
// with * where the pattern does not tell.
func (p channelPattern) fill(index []string, channel string) (row []string, name string, ok bool) {
	m := p.re.FindStringSubmatch(channel)
	if m == nil {
		return nil, "", false
	}
	row = slices.Clone(index)
	for i, group := range p.groups {
		text := m[i+1]
		at, told := 0, []string{text}
		switch group {
		case "name":
			name = text
			continue
		case "index":
			told = strings.Split(text, ".")
			if len(told) != len(row) {
				return nil, "", false
			}
		default:
			if at, _ = strconv.Atoi(group); at < 0 {
				at += len(row) + 1
			}
			if at--; at < 0 || at >= len(row) {
				return nil, "", false
			}
		}
		for i, number := range told {
			if row[at+i] != "*" && row[at+i] != number {
				return nil, "", false
			}
			row[at+i] = number
		}
	}
	return row, name, true
}

// row returns the index of the nth row.
func (p channelPattern) row(n int) string {
	return strings.Repeat("1.", p.depth-1) + strconv.Itoa(n)
}
