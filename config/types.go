package config

import (
	"strings"
	"time"

	"plantroom/agent"
)

// A Site is a whole configuration, with every profile it names. It is
// immutable and complete: nothing in it needs to be looked up, defaulted or
// checked again.
type Site struct {
	Name     string // praha-1
	Agent    string // edge-1
	Influx   []*Influx
	MQTT     []*MQTT
	Webhooks []*Webhook
	State    string // folder of what outlasts the agent; "": nothing does but what Queue says
	Queue    Queue
	Watch    bool     // load again when one of Files changes
	Files    []string // the files that were read, and the folders that were looked into
	Wall     *Wall    // nil for none
	Traps    *Traps   // nil for none
	Buses    []*Bus   // in the order of the file; those that devices have of their own are not among them
	Devices  []*Device
	Nodes    []*Node
	Limits   []Limit // those that always hold first, then those of the file
	Tests    []*Test
	Hold     time.Duration // all must be well for so long before an incident has ended
}

// Wall says where the agent is looked at over HTTP, and by whom.
type Wall struct {
	Listen string // host:port
	Token  Secret
	Users  map[string]Secret // name -> bcrypt hash
	Public bool              // everybody may know the site's overall state
}

// Queue says where readings wait for their outputs.
type Queue struct {
	Dir   string        // holds a folder for each output; "": in memory
	Limit int64         // bytes, for each output
	Sync  time.Duration // to the disk at least so often; 0: every reading before the next, < 0: never
}

// Influx is an InfluxDB output: the v2 write API, which 1.8 also serves.
type Influx struct {
	Name   string // unique among the outputs, and that of its queue's folder
	URL    string
	Org    string
	Bucket string
	Token  Secret
	TLS    TLS
	Gzip   bool // compress what is written
}

// MQTT is an MQTT 3.1.1 output. With Embedded set the agent serves a broker
// there itself and URL is "".
type MQTT struct {
	Name      string // as of Influx
	URL       string // mqtt://, mqtts://, ws:// or wss://
	Embedded  string // host:port to listen on
	Username  string
	Password  Secret
	TLS       TLS
	ClientID  string // default: plantroom-SITE-AGENT
	Prefix    string // of every topic; default: plantroom
	History   bool   // also publish what was read during an outage, to .../history
	Discovery bool   // also describe the devices to Home Assistant
	PerMetric bool   // also publish each reading's bare value to .../METRIC[/CHANNEL]
}

// A Bus is one wire or gateway that several devices share.
type Bus struct {
	ID     string
	Modbus *ModbusLink
}

// A ModbusLink says how to reach a Modbus wire: exactly one of TCP, Secure,
// RTUOverTCP and Serial is set.
type ModbusLink struct {
	TCP        string // host:port
	Secure     string // host:port, of Modbus/TCP Security: Modbus TCP within TLS
	TLS        TLS    // Secure only
	RTUOverTCP string // host:port
	Serial     string // /dev/ttyUSB0
	Baud       int    // serial only: 9600
	Parity     string // serial only: none, even or odd
	DataBits   int    // serial only: 8
	StopBits   int    // serial only: 1, or 2 where parity is none
}

// UsualStopBits returns how many stop bits a serial line has by the Modbus serial
// specification, which keeps a character at 11 bits.
func UsualStopBits(parity string) int {
	if parity == "none" {
		return 2
	}
	return 1
}

// Units returns the least and the greatest unit id that a device on a wire can
// have. On a line 0 is for all devices, of which none answers, and what is above
// 247 for none; over TCP both are in use for the device itself.
func (l ModbusLink) Units() (lo, hi int) {
	if l.Serial != "" || l.RTUOverTCP != "" {
		return 1, 247
	}
	return 0, 255
}

// A Device is one device of the site.
type Device struct {
	ID, Name string
	Profile  *Profile
	Every    time.Duration // between polls
	Timeout  time.Duration // of one request
	Labels   []agent.Label // sorted by name
	Feeds    []agent.Feed
	Modbus   *ModbusAddress // exactly one of Modbus and SNMP is set
	SNMP     *SNMPAddress
}

// Metrics returns what the device may measure, by its profile and the way that
// it is asked. A metric of several points is there several times.
func (d *Device) Metrics() (all []*agent.Metric) {
	if d.SNMP != nil {
		for i := range d.Profile.SNMP.Points {
			all = append(all, d.Profile.SNMP.Points[i].Metric)
		}
		return all
	}
	for i := range d.Profile.Modbus.Points {
		all = append(all, d.Profile.Modbus.Points[i].Metric)
	}
	return all
}

// A Node is a part of the building that power flows through and nothing
// measures.
type Node struct {
	ID, Name string        // the id is unlike that of any device, too
	Kind     string        // utility, transformer, board or load
	Labels   []agent.Label // sorted by name
	Feeds    []agent.Feed
}

// A Limit says from which values on a metric is worth an event. What is nil is
// not said; an infinite bound is none.
type Limit struct {
	Class, Metric string
	Device        string // "" for every one
	Labels        map[string]string
	Channel       *string // nil for every one
	Off           bool

	WarnHigh, AlarmHigh, WarnLow, AlarmLow *float64 // in the metric's unit
	WarnRate, AlarmRate                    *float64 // in the unit a minute
	RateOver                               *time.Duration

	Hysteresis *float64
	Delay      *time.Duration
	ClearDelay *time.Duration

	WarnOn, AlarmOn []string // words of a state
}

// A Test is one that is to be made every so often, and what it has to show. A
// criterion that is 0 is none.
type Test struct {
	ID, Name string
	Kind     string // blackout, start, transfer, self_test or manual
	Device   string // "" for any
	Schedule Schedule

	StartWithin, LoadWithin, TransferWithin, Carry, Run time.Duration
	Load                                                float64 // W
	Frequency                                           float64 // %, off nominal
	Charge                                              float64 // %, left in batteries
}

// A Schedule says when a test is due, in the time zone of the box.
type Schedule struct {
	Every   string        // day, week, month, quarter or year
	Weekday int           // 1 Monday to 7 Sunday; 0 for any
	Nth     int           // with Weekday of a month: 1 to 4, or -1 the last
	Day     int           // of a month; 0 for any
	At      time.Duration // since midnight, with Timed
	Timed   bool
	Within  time.Duration // how much earlier or later still counts, with Timed
}

// A ModbusAddress is a unit id on a wire: on the bus named Bus, or, with
// Bus "", on a link of the device's own.
type ModbusAddress struct {
	Bus  string
	Link ModbusLink // the bus's, or the device's own
	Unit int        // 0..255
}

// An SNMPAddress is an agent and how to speak to it.
type SNMPAddress struct {
	Address   string // host:port
	Version   string // 1, 2c or 3
	Community Secret // 1 and 2c
	SNMPUser         // 3, like the rest
	Context   string
}

// An SNMPUser is somebody whom a version 3 agent knows.
type SNMPUser struct {
	User     string
	Auth     string // none, md5, sha, sha224, sha256, sha384, sha512
	AuthPass Secret
	Priv     string // none, des, aes, aes192, aes256, aes192c, aes256c
	PrivPass Secret
}

// Traps says where SNMP traps and informs are listened for, and whose are
// believed.
type Traps struct {
	Listen      string     // host:port
	Communities []Secret   // of versions 1 and 2c; none: any
	Users       []SNMPUser // of version 3, besides those that devices are polled as
}

// A Profile says what one make of device measures and where it keeps it.
type Profile struct {
	Name     string // rfc1628-ups
	Title    string // for people
	Class    string // of the catalogue
	Verified string // recording, sources or single-source
	Identify Identify
	Modbus   *ModbusProfile // at least one of Modbus and SNMP is set
	SNMP     *SNMPProfile
}

// Identify is how to recognise a device; the zero value recognises none.
type Identify struct {
	SNMP   []SNMPRule   // any one suffices
	Modbus []ModbusRule // all must hold
}

// An SNMPRule holds when all its parts do.
type SNMPRule struct {
	SysObjectID string            // the agent's sysObjectID is this or below it; "" for any
	Present     []string          // OIDs that must all have a value; one without a trailing instance matches any instance below it
	Match       map[string]string // OID: regular expression that its value as text must match
}

// A ModbusRule compares one value with what it must be.
type ModbusRule struct {
	Value  ModbusValue
	Equals []float64 // any of these; for numbers
	Match  string    // regular expression; for type string
}

// A Space is one of the four address spaces of a Modbus device. Its number is
// the function code that reads it.
type Space uint8

const (
	Coil     Space = 1
	Discrete Space = 2
	Holding  Space = 3
	Input    Space = 4
)

// A ModbusValue is where a value is and how to decode it.
type ModbusValue struct {
	Space   Space
	Address int    // 0-based protocol address, or with SunSpec the offset from the model's first register (its id)
	Type    string // bool, u16, s16, u32, s32, u64, s64, float32, float64, string, bcd16, bcd32, m10k
	Order   string // abcd, cdab, badc or dcba; of the words and bytes of the value
	Length  int    // registers that the value takes; 1 for coils and discrete inputs
	BitLow  int    // bit field, 0 is the least significant; BitHigh < 0: the whole value
	BitHigh int
}

// Conversion brings a raw value to the catalogue's unit and words.
type Conversion struct {
	Scale  float64 // value = raw * Scale + Offset
	Offset float64
	Absent []float64         // raw values that mean "not available"
	States map[string]string // state metrics: raw value as text -> word of the catalogue; nil for others
}

// A ModbusProfile is a device's register map.
type ModbusProfile struct {
	MaxRegisters int   // registers in one read, 1..125
	MaxBits      int   // coils or discrete inputs in one read, 1..2000
	Gap          int   // unused registers that may be read to join two reads
	SunSpec      []int // candidate addresses of the "SunS" marker; nil for a fixed map
	Families     []*ModbusFamily
	Points       []ModbusPoint
}

// A ModbusFamily is those devices of a profile of which all rules hold. A
// device may be of several, and of none. Addresses are absolute.
type ModbusFamily struct {
	Name  string
	Rules []ModbusRule
}

// A ModbusPoint is one value of a register map. Where several points of a
// profile have the same metric and channel, the first that the device has
// is the one that counts. Several points of a state count together, as those
// of an SNMPPoint do.
type ModbusPoint struct {
	Metric      *agent.Metric
	Channel     string
	ChannelName string
	Value       ModbusValue
	Conversion
	ScaleRegister *ModbusValue    // s16 power of ten, on top of Scale; nil for none
	Models        []int           // SunSpec model ids that the point belongs to
	Families      []*ModbusFamily // those that have the point; nil: every device has
}

// An SNMPProfile is a device's objects.
type SNMPProfile struct {
	MaxOIDs int // in one GET
	Points  []SNMPPoint
	Traps   map[string]*SNMPTrap // by OID, see TrapOID
}

// An SNMPTrap is what a device can say unasked, and what that means.
type SNMPTrap struct {
	Name     string // the MIB's: upsTrapOnBattery
	Severity agent.Severity
	Text     agent.Words // without the device's name; {} stands for what the trap is about
	// About is the object whose value, a variable of the trap, says what it is
	// about: without an instance, or with it. "" for none.
	About string
	// Begins and Ends are what that value begins with where the trap tells that
	// its condition began or that it is over: one trap for both. What follows is
	// what it is about; a value with neither tells of something without duration. "" for none.
	Begins, Ends string
	Words        map[string]agent.Words // that People understand, for values of About; what is not in it stands as it is
	// Outage is whether a loss of supply brings the trap with it, and Outages of
	// which values of About it does.
	Outage  bool
	Outages map[string]bool
	Clears  []string // names of the traps of the profile whose condition is over with this one
	Lasts   bool     // another trap of the profile clears it
	// While is what polls say of the device while the condition lasts: words of
	// states, by the metric of its class. Where they say something else the condition
	// is over, though the trap that clears it was lost. Nil where no poll tells.
	While map[string][]string
}

// TrapOID returns an OID of a trap without the 0 before its last number: a
// version 1 trap has it when it is translated, and makers forget it.
func TrapOID(oid string) string {
	if i := strings.LastIndexByte(oid, '.'); i > 2 && strings.HasSuffix(oid[:i], ".0") {
		return oid[:i-2] + oid[i:]
	}
	return oid
}

// An SNMPPoint is one scalar or one column of a table. Where several points of
// a profile have the same metric and channel, the first that the device has is
// the one that counts. Several points of a state count together, those that the
// device has: the first with a word other than unknown for what its object says
// decides. They may be about the same object, each with some of its values.
type SNMPPoint struct {
	Metric *agent.Metric
	OID    string // a scalar's, with its instance; or
	Table  string // a column's, without one; or
	Alarm  *SNMPAlarm

	// Channel is the channel of a scalar, and for a column a pattern in which
	// {index} stands for the row's whole index and {1}, {2}, {-1} for its
	// first, second, last component. {name} stands for the row's name.
	Channel string
	// ChannelName is text or, starting with a digit 1. as OIDs do, NameOID is set instead.
	ChannelName string
	// NameOID is the scalar or column that holds the channel's name. Where the
	// column's index is shorter than the row's, it is the one that the row's
	// begins with.
	NameOID string

	// Rows maps a row's index to the channel pattern it has instead of Channel;
	// rows not in it are left out. nil takes all rows. A * in the index is any
	// one number; a row belongs to the index without * that is its own, or else
	// to the only one that it matches.
	Rows map[string]string
	// Where leaves out rows whose cell in another column is not one of the
	// values, or is not there. Of a table of alarms those count that have no
	// such cell: not every device says more of an alarm than that it is there.
	Where []SNMPCondition

	Conversion
	Decimals string // scalar or column that holds n of a factor 10^-n, on top of Scale; "" for none

	// Flag, if not 0, says that the object is a text of flags, each a 0 or 1, and
	// that this one of them is meant, the first being 1. A device that gives
	// another text does not know them, unless it is one of Without: then it has
	// none. States without a word for 0 or 1 say nothing where the flag is that.
	Flag    int
	Without []string
}

// An SNMPAlarm is one of the alarms of a table whose rows are those that the
// device has now. Its metric's states are AlarmStates. Of several tables the
// first that a device has is read.
type SNMPAlarm struct {
	Column string // its cells are the OIDs of alarms, or texts, where no alarm has OIDs
	Count  string // the scalar with the number of rows; a device without it does not have the table
	// OIDs are those of the alarm; what lies below one of them is it too, unless
	// it is nearer to another alarm of the table. None is for all that no other
	// point of the column is about.
	OIDs []string
	// About is a column whose cells are the OIDs of others, in a row of what an
	// alarm is about; "" for none. Tables are those that such rows are in, without
	// the 1 of their entries, and the pattern of what a row of each is called.
	About  string
	Tables map[string]string
}

// AlarmStates returns the words of an alarm that is there or not.
func AlarmStates() []string { return []string{"unknown", "clear", "active"} }

// An SNMPCondition holds for a row whose cell in Column, as text, is one of Values.
type SNMPCondition struct {
	Column string
	Values []string
}
