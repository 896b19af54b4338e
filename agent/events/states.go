package events

import (
	"slices"
	"strings"
	"time"

	"plantroom/agent"
)

// The domains: what an incident is about. Of each there is at most one at a
// time.
const (
	power   = "power"
	cooling = "cooling"
	safety  = "safety"
)

// A meaning is what an event is to incidents.
type meaning struct {
	domain string // "" for one that is never part of an incident
	// rank orders causes: the lower, the nearer to where it began. 0 is no
	// cause. While an event with a rank lasts, its incident does.
	rank int
	// expected is what a loss of supply brings with it even where all do their
	// duty, and what a test is to show.
	expected bool
	title    agent.Words // of the incident that it is the cause of
	test     bool        // that is a test, which the device itself makes
}

// The causes of power incidents.
var (
	mainsLost = meaning{power, 1, true, agent.Words{EN: "Mains failure", CS: "Výpadek sítě"}, false}
	boardDead = meaning{power, 2, true, agent.Words{EN: "Loss of supply", CS: "Výpadek napájení"}, false}
	phaseLost = meaning{power, 2, false, agent.Words{EN: "Loss of a phase", CS: "Výpadek fáze"}, false}
	upsFailed = meaning{power, 3, false, agent.Words{EN: "UPS failure", CS: "Porucha UPS"}, false}
	transfer  = meaning{power, 4, true, agent.Words{EN: "Transfer to the other source", CS: "Přepnutí na druhý zdroj"}, false}
	onBattery = meaning{power, 5, true, agent.Words{EN: "Operation on battery", CS: "Provoz na baterie"}, false}
	carries   = meaning{power, 6, true, agent.Words{EN: "Operation on a generator", CS: "Provoz na generátor"}, false}
	tested    = meaning{power, 7, true, agent.Words{EN: "Generator test", CS: "Zkouška generátoru"}, true}
	selfTest  = meaning{power, 8, true, agent.Words{EN: "Battery self-test", CS: "Autotest baterie"}, true}
	running   = meaning{power, 9, true, agent.Words{EN: "Generator test", CS: "Zkouška generátoru"}, true}
)

// The other meanings.
var (
	cold        = meaning{cooling, 1, false, agent.Words{EN: "Cooling failure", CS: "Výpadek chlazení"}, false}
	coldStopped = meaning{cooling, 2, true, agent.Words{EN: "Cooling failure", CS: "Výpadek chlazení"}, false}
	leak        = meaning{safety, 2, false, agent.Words{EN: "Water leak", CS: "Únik vody"}, false}
	fire        = meaning{safety, 1, false, agent.Words{EN: "Fire", CS: "Požár"}, false}
	smoke       = meaning{safety, 1, false, agent.Words{EN: "Smoke", CS: "Kouř"}, false}
	apart       = meaning{}
	ofPower     = meaning{domain: power}
	asExpected  = meaning{domain: power, expected: true}
	ofCooling   = meaning{domain: cooling}
)

// A stateRule says that a state's words are an event.
type stateRule struct {
	class, metric string
	words         []string
	severity      agent.Severity
	meaning       meaning
	how           how
	text          agent.Words // %s is the device's name
}

// how a state becomes an event.
type how uint8

const (
	lasting   how = iota // as long as the state
	momentary            // when it comes, without duration
	changed              // as long as the state, if it was seen otherwise before: a breaker that is open may be meant to be
	settled              // as changed, once it has lasted for settledAfter: a switch is on neither source on its way
)

const settledAfter = 3 * time.Second

// The pseudo-metrics of states that the engine makes of several readings.
var (
	supplyMetric  = &agent.Metric{Name: "supply", Kind: agent.State, States: []string{"unknown", "live", "phase_lost", "dead"}}
	carriesMetric = &agent.Metric{Name: "carries", Kind: agent.State, States: []string{"unknown", "no", "yes"}}
	sourceMetric  = &agent.Metric{Name: "transfer", Kind: agent.State, States: []string{"unknown", "preferred", "other", "none"}}
)

// ownMetric reports whether a name is that of one of them.
func ownMetric(name string) bool {
	return name == supplyMetric.Name || name == carriesMetric.Name || name == sourceMetric.Name
}

// states is the table of states that matter, by what people are told of them.
var states = []stateRule{
	{"switchboard", "supply", []string{"dead"}, agent.Alarm, boardDead, changed,
		agent.Words{EN: "%s has no voltage", CS: "%s je bez napětí"}},
	{"switchboard", "supply", []string{"phase_lost"}, agent.Alarm, phaseLost, changed,
		agent.Words{EN: "%s has lost a phase", CS: "%s: chybí fáze"}},
	{"switchboard", "breaker", []string{"open"}, agent.Warning, asExpected, changed,
		agent.Words{EN: "%s: the breaker is open", CS: "%s: jistič je vypnutý"}},
	{"pdu", "breaker", []string{"open"}, agent.Warning, ofPower, changed,
		agent.Words{EN: "%s: the breaker is open", CS: "%s: jistič je vypnutý"}},
	{"pdu", "outlet_state", []string{"off"}, agent.Info, apart, changed,
		agent.Words{EN: "%s: the outlet is switched off", CS: "%s: zásuvka je vypnutá"}},

	{"ups", "status", []string{"on_battery"}, agent.Alarm, onBattery, lasting,
		agent.Words{EN: "%s is on battery", CS: "%s běží na baterie"}},
	{"ups", "status", []string{"bypass"}, agent.Warning, ofPower, lasting,
		agent.Words{EN: "%s is on bypass, its load is not protected", CS: "%s je v bypassu, zátěž není chráněna"}},
	{"ups", "status", []string{"maintenance_bypass"}, agent.Warning, ofPower, lasting,
		agent.Words{EN: "%s is on maintenance bypass, its load is not protected", CS: "%s je v servisním bypassu, zátěž není chráněna"}},
	{"ups", "status", []string{"off"}, agent.Alarm, upsFailed, changed,
		agent.Words{EN: "%s is off and gives its load nothing", CS: "%s má vypnutý výstup, zátěž není napájena"}},
	{"ups", "status", []string{"fault"}, agent.Alarm, upsFailed, lasting,
		agent.Words{EN: "%s has a fault", CS: "%s má poruchu"}},
	{"ups", "status", []string{"boost"}, agent.Info, ofPower, lasting,
		agent.Words{EN: "%s raises a low mains voltage", CS: "%s zvyšuje nízké napětí sítě"}},
	{"ups", "status", []string{"trim"}, agent.Info, ofPower, lasting,
		agent.Words{EN: "%s lowers a high mains voltage", CS: "%s snižuje vysoké napětí sítě"}},
	{"ups", "self_test", []string{"failed"}, agent.Warning, apart, lasting,
		agent.Words{EN: "%s: the battery failed its self-test", CS: "%s: baterie neprošla autotestem"}},
	{"ups", "self_test", []string{"warning"}, agent.Warning, apart, lasting,
		agent.Words{EN: "%s: the self-test ended with a warning", CS: "%s: autotest skončil varováním"}},
	{"ups", "self_test", []string{"running"}, agent.Info, selfTest, lasting,
		agent.Words{EN: "%s tests its battery", CS: "%s testuje baterii"}},
	{"*", "battery_status", []string{"low"}, agent.Alarm, ofPower, lasting,
		agent.Words{EN: "%s: the battery is running out", CS: "%s: baterie dochází"}},
	{"ups", "x_battery_low", []string{"active"}, agent.Alarm, ofPower, lasting,
		agent.Words{EN: "%s: the battery is running out", CS: "%s: baterie dochází"}},
	{"*", "battery_status", []string{"depleted"}, agent.Alarm, ofPower, lasting,
		agent.Words{EN: "%s: the battery is empty", CS: "%s: baterie je vybitá"}},
	{"*", "battery_status", []string{"replace"}, agent.Warning, apart, lasting,
		agent.Words{EN: "%s: the battery has to be replaced", CS: "%s: baterii je třeba vyměnit"}},
	{"*", "battery_status", []string{"fault"}, agent.Alarm, ofPower, lasting,
		agent.Words{EN: "%s: the battery has a fault", CS: "%s: baterie má poruchu"}},
	{"dc", "battery_status", []string{"discharging"}, agent.Alarm, onBattery, lasting,
		agent.Words{EN: "%s is on battery", CS: "%s běží na baterie"}},

	{"dc", "x_battery_contactor", []string{"disconnected"}, agent.Alarm, ofPower, lasting,
		agent.Words{EN: "%s: the battery is disconnected", CS: "%s: baterie je odpojená"}},
	{"dc", "x_controller_link", []string{"down"}, agent.Warning, apart, lasting,
		agent.Words{EN: "%s: the card has lost its controller", CS: "%s: karta nemá spojení s řídicí jednotkou"}},

	{"ats", "transfer", []string{"other"}, agent.Warning, transfer, lasting,
		agent.Words{EN: "%s has gone to its other source", CS: "%s přešel na druhý zdroj"}},
	{"ats", "transfer", []string{"none"}, agent.Alarm, transfer, settled,
		agent.Words{EN: "%s is on neither source", CS: "%s není na žádném zdroji"}},
	{"ats", "redundancy", []string{"lost"}, agent.Warning, asExpected, lasting,
		agent.Words{EN: "%s: the other source could not take over", CS: "%s: druhý zdroj by nepřevzal zátěž"}},
	{"ats", "source_a_status", []string{"fail"}, agent.Warning, asExpected, lasting,
		agent.Words{EN: "%s: source A has failed", CS: "%s: výpadek zdroje A"}},
	{"ats", "source_b_status", []string{"fail"}, agent.Warning, asExpected, lasting,
		agent.Words{EN: "%s: source B has failed", CS: "%s: výpadek zdroje B"}},

	{"ats", "x_source_a_switch", []string{"tripped"}, agent.Warning, ofPower, lasting,
		agent.Words{EN: "%s: the switch of source A has tripped", CS: "%s: vypadl spínač zdroje A"}},
	{"ats", "x_source_b_switch", []string{"tripped"}, agent.Warning, ofPower, lasting,
		agent.Words{EN: "%s: the switch of source B has tripped", CS: "%s: vypadl spínač zdroje B"}},

	{"generator", "status", []string{"starting", "warming_up", "running", "on_load", "cooling_down", "stopping"}, agent.Info, asExpected, lasting,
		agent.Words{EN: "%s was told to start", CS: "%s dostal povel ke startu"}},
	{"generator", "status", []string{"fault"}, agent.Alarm, ofPower, lasting,
		agent.Words{EN: "%s has a fault", CS: "%s má poruchu"}},
	{"generator", "carries", []string{"yes"}, agent.Warning, carries, lasting,
		agent.Words{EN: "%s carries the load", CS: "%s napájí zátěž"}},
	{"generator", "mode", []string{"off"}, agent.Warning, ofPower, lasting,
		agent.Words{EN: "%s is switched off, it will not start", CS: "%s: ovládání je vypnuté, nenastartuje"}},
	{"generator", "mode", []string{"manual"}, agent.Warning, ofPower, lasting,
		agent.Words{EN: "%s is in manual, it will not start by itself", CS: "%s: ruční režim, sám nenastartuje"}},
	{"generator", "mode", []string{"test_on_load"}, agent.Info, tested, lasting,
		agent.Words{EN: "%s is tested under load", CS: "%s: zkouška pod zátěží"}},
	{"generator", "mode", []string{"test_off_load"}, agent.Info, tested, lasting,
		agent.Words{EN: "%s is tested without load", CS: "%s: zkouška bez zátěže"}},

	{"cooling", "status", []string{"fault"}, agent.Alarm, cold, lasting,
		agent.Words{EN: "%s has a fault", CS: "%s má poruchu"}},
	{"cooling", "status", []string{"off"}, agent.Warning, coldStopped, changed,
		agent.Words{EN: "%s has stopped", CS: "%s nechladí"}},
	{"cooling", "x_power_source", []string{"secondary"}, agent.Warning, ofCooling, lasting,
		agent.Words{EN: "%s runs on its second feed", CS: "%s běží na druhý přívod"}},
	{"cooling", "mode", []string{"mechanical"}, agent.Info, ofCooling, momentary,
		agent.Words{EN: "%s now cools mechanically", CS: "%s přechází na strojní chlazení"}},
	{"cooling", "mode", []string{"mixed"}, agent.Info, ofCooling, momentary,
		agent.Words{EN: "%s now cools partly mechanically", CS: "%s přechází na smíšené chlazení"}},
	{"cooling", "mode", []string{"free_cooling"}, agent.Info, ofCooling, momentary,
		agent.Words{EN: "%s now cools with outdoor air", CS: "%s přechází na volné chlazení"}},

	{"climate", "water_leak", []string{"wet"}, agent.Alarm, leak, lasting,
		agent.Words{EN: "%s: water where none should be", CS: "%s: únik vody"}},
	{"climate", "smoke", []string{"alarm"}, agent.Alarm, smoke, lasting,
		agent.Words{EN: "%s: smoke", CS: "%s: kouř"}},
	{"climate", "door", []string{"open"}, agent.Info, apart, lasting,
		agent.Words{EN: "%s: the door is open", CS: "%s: dveře jsou otevřené"}},
	{"climate", "x_detector", []string{"alarm"}, agent.Alarm, apart, lasting,
		agent.Words{EN: "%s: the detector is in alarm", CS: "%s: čidlo hlásí alarm"}},
	{"climate", "x_cable", []string{"disconnected", "invalid"}, agent.Warning, apart, lasting,
		agent.Words{EN: "%s: the cable detects no leak, it is not connected", CS: "%s: kabel únik nezjistí, není připojený"}},
	{"climate", "x_power", []string{"battery"}, agent.Warning, apart, lasting,
		agent.Words{EN: "%s runs on its own battery", CS: "%s běží na vlastní baterii"}},
	{"climate", "x_hardware", []string{"one_wire_error"}, agent.Warning, apart, lasting,
		agent.Words{EN: "%s: the wire of its sensors has a fault", CS: "%s: porucha sběrnice čidel"}},
	{"climate", "x_hardware", []string{"hardware_error"}, agent.Warning, apart, lasting,
		agent.Words{EN: "%s has a hardware fault", CS: "%s má poruchu hardwaru"}},
}

// What a profile's own states (x_...) say when the device itself reports an
// alarm.
var alarmWords = []string{"alarm", "active", "fault", "fail", "failed", "failure", "error", "tripped", "lost", "sensor_error", "alarm_low", "alarm_high"}

// What they say where the device has two grades of it. Then an alarm is one.
var (
	warningWords  = []string{"warning", "high_warning", "low_warning", "upper_warning", "lower_warning"}
	criticalWords = []string{"critical", "high_critical", "low_critical", "upper_critical", "lower_critical"}
)

// A grade is how bad an alarm (x_alarm_...) is, where the device says so by the
// state's word.
type grade struct {
	severity agent.Severity
	remark   agent.Words // what the device did about it; "" for nothing
}

var grades = map[string]grade{
	"indication":          {severity: agent.Info},
	"warning":             {severity: agent.Warning},
	"shutdown":            {agent.Alarm, agent.Words{EN: "shutdown", CS: "odstavení"}},
	"electrical_trip":     {agent.Alarm, agent.Words{EN: "electrical trip", CS: "odpojení zátěže"}},
	"controlled_shutdown": {agent.Alarm, agent.Words{EN: "controlled shutdown", CS: "řízené odstavení"}},
}

// Alarms that only sum up others: each says that there is one of these grades,
// or anything wrong. It is told where the device names none that is.
var summaries = map[string][]string{
	"x_warning_alarm":   {"warning"},
	"x_shutdown_alarm":  {"shutdown", "controlled_shutdown"},
	"x_electrical_trip": {"electrical_trip", "controlled_shutdown"},

	"x_alarm_abnormal_condition": {"active"},
	"x_alarm_general_alarm":      {"active"},
	"x_alarm":                    {"active"},
	"x_general_alarm":            {"alarm"},
	"x_system_status":            {}, // of anything
}

// An echo says again what a state (of no channel) says by one of these words.
// It is told where the state does not.
type echo struct {
	metric string
	words  []string
}

var (
	batteryLow = echo{"battery_status", []string{"low", "depleted"}}
	batteryBad = echo{"battery_status", []string{"fault", "replace"}}
	testFailed = echo{"self_test", []string{"failed"}}
	switchOff  = echo{"status", []string{"off"}}
	inFault    = echo{"status", []string{"fault"}}
)

var echoes = map[string]echo{
	"x_alarm_low_battery": batteryLow, "x_alarm_depleted_battery": batteryLow,
	"x_alarm_battery_bad": batteryBad, "x_alarm_battery_fault": batteryBad,
	"x_alarm_battery_test_failed": testFailed, "x_alarm_diagnostic_test_failed": testFailed,
	"x_alarm_output_off": switchOff, "x_alarm_system_off": switchOff,
	"x_shutdown_alarm": inFault, "x_electrical_trip": inFault,
}

// Words in the names of such states that make it more than a warning.
var graveWords = []string{"shutdown", "trip", "general", "critical", "fault", "overload", "overcurrent", "overvoltage", "redundancy",
	"emergency", "fail_to_start", "overspeed", "underspeed", "high_temperature", "overtemperature", "thermal_runaway", "fire", "smoke",
	"water_leak", "loss_of",
	"output_off", "output_bad", "not_protected", "system_off", "short_circuit", "breaker_open", "battery_disconnected", "depleted_battery",
	"locked_on_bypass", "static_switch", "compressor_lockout", "chiller_failure", "load_disconnected",
	"generator_failed_to_close"}

// Alarms that only repeat what the status or the self-test says, which is told
// of already where it is anything to tell of.
var repeated = []string{"x_alarm_on_battery", "x_alarm_on_bypass", "x_alarm_test_in_progress", "x_alarm_on_inverter", "x_alarm_battery_charging",
	"x_alarm_eco_mode", "x_alarm_unit_on", "x_alarm_unit_off", "x_alarm_unit_on_standby", "x_general_error"}

// Words in the names of alarms that somebody wanted or that can wait, and in
// those of what a loss of supply brings with it.
var (
	mildWords     = []string{"as_requested", "maintenance_due", "run_hours", "door_open", "on_generator", "standby_unit_on", "notice"}
	expectedWords = []string{"as_requested", "input_bad", "bypass_bad", "awaiting_power", "alarm_mains_failed", "alarm_mains_low"}
)

// rulesOf returns the rules of a state metric by the state's code, nil for
// those that are no event; nil where none is.
func rulesOf(m *agent.Metric, class string) []*stateRule {
	var by []*stateRule
	put := func(code int, r *stateRule) {
		if by == nil {
			by = make([]*stateRule, len(m.States))
		}
		by[code] = r
	}
	for i := range states {
		r := &states[i]
		if r.metric != m.Name || r.class != "*" && r.class != class {
			continue
		}
		for _, w := range r.words {
			if code, ok := m.Code(w); ok {
				put(code, r)
			}
		}
	}
	if !strings.HasPrefix(m.Name, "x_") || slices.Contains(repeated, m.Name) {
		return by
	}
	rule := deviceAlarm(m, class)
	own := !strings.HasPrefix(m.Name, "x_alarm_") // a state that can be more than an alarm
	twoGrades := own && slices.ContainsFunc(m.States, func(w string) bool { return slices.Contains(warningWords, w) })
	for code, w := range m.States {
		switch g, graded := grades[w]; {
		case code == 0 || by != nil && by[code] != nil:
		case graded && !own:
			put(code, rule.graded(w, g))
		case own && slices.Contains(criticalWords, w) || twoGrades && w == "alarm":
			put(code, rule.of(w).graded(w, grade{severity: agent.Alarm}))
		case own && slices.Contains(warningWords, w):
			put(code, rule.of(w).graded(w, grade{severity: agent.Warning}))
		case slices.Contains(alarmWords, w):
			put(code, rule.of(w))
		}
	}
	return by
}

// of returns the rule with words that say which state it is, where the name of
// the metric alone does not.
func (r *stateRule) of(word string) *stateRule {
	what := r.metric
	for _, kind := range []string{"_state", "_status"} {
		if short, ok := strings.CutSuffix(what, kind); ok && short != "x" {
			what = short
		}
	}
	if word == "active" || word == "alarm" && what == r.metric && what != "x_status" {
		return r
	}
	out := *r
	out.text = say(agent.Words{EN: "%%s reports: %s %s", CS: "%%s hlásí: %s: %s"}, Named(what), stateWords(word))
	return &out
}

// graded returns the rule of an alarm that is as bad as a word says.
func (r *stateRule) graded(word string, g grade) *stateRule {
	out := *r
	out.words, out.severity = []string{word}, g.severity
	if g.remark != (agent.Words{}) {
		out.text = agent.Words{EN: r.text.EN + " (" + g.remark.EN + ")", CS: r.text.CS + " (" + g.remark.CS + ")"}
	}
	if r.class == "cooling" && (r.meaning == cold || r.meaning == ofCooling) {
		out.meaning = ofCooling
		if g.severity == agent.Alarm {
			out.meaning = cold
		}
	}
	return &out
}

// deviceAlarm returns the rule of an alarm that a device reports as a state of
// its own.
func deviceAlarm(m *agent.Metric, class string) *stateRule {
	r := &stateRule{class: class, metric: m.Name, severity: agent.Warning, meaning: meaning{domain: domainOf(class)},
		text: say(agent.Words{EN: "%%s reports: %s", CS: "%%s hlásí: %s"}, Named(m.Name))}
	for _, w := range graveWords {
		if strings.Contains(m.Name, w) {
			r.severity = agent.Alarm
		}
	}
	if strings.HasPrefix(m.Name, "x_alarm_") {
		within := func(w string) bool { return strings.Contains(m.Name, w) }
		if slices.ContainsFunc(mildWords, within) {
			r.severity = agent.Info
		}
		r.meaning.expected = r.meaning.domain == power && slices.ContainsFunc(expectedWords, within)
	}
	for _, w := range m.States {
		if slices.Contains(alarmWords, w) {
			r.words = append(r.words, w)
		}
	}
	if class == "cooling" && r.severity == agent.Alarm {
		r.meaning = cold
	}
	// What threatens people or the room is that, whoever noticed it.
	switch m.Name {
	case "x_alarm_fire":
		r.meaning = fire
	case "x_alarm_smoke":
		r.meaning = smoke
	case "x_alarm_water_leak":
		r.meaning = leak
	}
	return r
}

// domainOf returns what incidents an event of a device of a class belongs to.
func domainOf(class string) string {
	switch class {
	case "ups", "ats", "generator", "switchboard", "pdu", "dc", "site":
		return power
	case "cooling", "climate":
		return cooling
	}
	return ""
}

// plainWords makes words of a metric's name.
func plainWords(name string) string {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "x_"), "alarm_")
	return strings.ReplaceAll(name, "_", " ")
}
