package power

import (
	"slices"
	"strings"

	"plantroom/agent"
)

// A condition is how a node is: a word for the diagram and, of what is not as
// it should be, a sentence with the node's name in it.
type condition struct {
	word, says agent.Words // says has NAME for the name; "" for what is in order
	severity   agent.Severity
	reserve    bool // while it lasts something that ought to be in reserve is not
	blind      bool // it is that there is no data
}

// of returns what the condition says of a node.
func (c condition) of(name string) agent.Words {
	return agent.Words{EN: strings.ReplaceAll(c.says.EN, "NAME", name), CS: strings.ReplaceAll(c.says.CS, "NAME", name)}
}

func sound(en, cs string) condition { return condition{word: agent.Words{EN: en, CS: cs}} }

// ill returns the condition of something that is missing in the reserve.
func ill(en, cs, saysEN, saysCS string) condition {
	return condition{word: agent.Words{EN: en, CS: cs}, says: agent.Words{EN: saysEN, CS: saysCS}, severity: agent.Warning, reserve: true}
}

var (
	noData      = condition{word: agent.Words{EN: "no data", CS: "bez dat"}, severity: agent.Warning, reserve: true, blind: true, says: agent.Words{EN: "no data from NAME", CS: "bez dat: NAME"}}
	notSeen     = sound("no data", "bez dat")
	isLive      = sound("live", "pod napětím")
	noLoad      = sound("live, no load", "bez odběru")
	isDead      = sound("no voltage", "bez napětí")
	broken      = ill("no voltage", "bez napětí", "NAME without voltage", "NAME bez napětí")
	opened      = ill("breaker open", "vypnutý jistič", "NAME: breaker open", "NAME: vypnutý jistič")
	phaseGone   = ill("phase missing", "chybí fáze", "NAME: a phase is missing", "NAME: chybí fáze")
	mainsLost   = ill("lost", "výpadek", "mains lost", "výpadek sítě")
	feedLost    = ill("lost", "výpadek", "NAME lost", "NAME: výpadek")
	standby     = sound("standby", "připraven")
	starting    = sound("starting", "startuje")
	running     = sound("running", "běží")
	carrying    = sound("on load", "napájí")
	cooling     = sound("cooling down", "dobíhá")
	inFault     = ill("fault", "porucha", "NAME in fault", "NAME v poruše")
	notAuto     = ill("not in automatic", "není v automatice", "NAME not in automatic", "NAME není v automatickém režimu")
	switchedOff = ill("switched off", "vypnuto", "NAME switched off", "NAME: řízení vypnuto")
	onMains     = sound("on mains", "na síti")
	onGenerator = sound("on generator", "na generátoru")
	onA         = sound("on source A", "na zdroji A")
	onB         = sound("on source B", "na zdroji B")
	moving      = sound("between sources", "mezi zdroji")
	aFailed     = ill("source A failed", "výpadek zdroje A", "NAME: source A failed", "NAME: výpadek zdroje A")
	bFailed     = ill("source B failed", "výpadek zdroje B", "NAME: source B failed", "NAME: výpadek zdroje B")
	online      = sound("online", "v provozu")
	eco         = sound("eco mode", "úsporný režim")
	regulating  = sound("regulating voltage", "upravuje napětí")
	charging    = sound("charging", "dobíjí")
	onBattery   = ill("on battery", "na baterii", "NAME on battery", "NAME na baterii")
	onlyBattery = sound("on battery", "na baterii") // because what feeds it is dead, which is said of that
	noMains     = ill("on battery", "na baterii", "mains lost", "výpadek sítě")
	onBypass    = ill("on bypass", "na bypassu", "NAME on bypass", "NAME na bypassu")
	maintenance = ill("maintenance bypass", "servisní bypass", "NAME on maintenance bypass", "NAME na servisním bypassu")
	upsOff      = ill("off", "vypnuta", "NAME off", "NAME mimo provoz")
	batteryLow  = ill("battery low", "slabá baterie", "NAME: battery low", "NAME: slabá baterie")
	depleted    = ill("battery depleted", "vybitá baterie", "NAME: battery depleted", "NAME: vybitá baterie")
	replace     = ill("replace battery", "vyměnit baterii", "NAME: battery to be replaced", "NAME: baterie k výměně")
	badBattery  = ill("battery fault", "porucha baterie", "NAME: battery in fault", "NAME: porucha baterie")
	free        = sound("free cooling", "volné chlazení")
	mixed       = sound("mixed cooling", "smíšené chlazení")
	mechanical  = sound("mechanical cooling", "strojní chlazení")
	heating     = sound("heating", "topí")
	coolingOff  = sound("off", "vypnuto")
	unpowered   = sound("no power", "bez napájení") // which is said of what feeds it
	supplied    = sound("supplied", "napájeno")
	heldOut     = sound("on batteries", "na bateriích")
	oneFeed     = sound("one feed lost", "jeden přívod chybí") // which is said of what is lost
	noCooling   = ill("", "", "no cooling unit runs", "neběží žádná chladicí jednotka")
)

// beside returns the condition as one that takes nothing out of the reserve.
func (c condition) beside() condition {
	c.reserve = false
	return c
}

// condition says how a node is.
func (e *evaluation) condition(i int) (agent.NodeState, condition) {
	v := &e.n.nodes[i]
	polled := v.device != nil
	switch {
	case !polled:
	case v.device.unasked():
		return agent.Unknown, notSeen
	case !e.fresh[i] && (v.class == "ups" || v.class == "dc" || v.class == "generator" || v.class == "ats"):
		return agent.Unknown, noData
	case !e.fresh[i]:
		return agent.Unknown, noData.beside()
	}
	switch v.class {
	case "utility":
		return e.utility(i)
	case "generator":
		return e.generator(i)
	case "ats":
		return e.transferSwitch(i)
	case "ups", "dc":
		return e.ups(i)
	case "cooling":
		return e.coolingUnit(i)
	case "load":
		return e.load(i)
	}
	return e.board(i)
}

// carriesOn reports whether anything flows out of a node.
func (e *evaluation) carriesOn(i int) bool {
	out := e.n.nodes[i].out
	for _, k := range out {
		if e.flow[k] != agent.Dead && !(e.watts[k].ok && e.watts[k].v == 0) {
			return true
		}
	}
	return len(out) == 0
}

// flowsFrom reports whether a node is known to be what another stands on.
func (e *evaluation) flowsFrom(i int, on agent.Supply) bool {
	return slices.ContainsFunc(e.n.nodes[i].out, func(k int) bool { return e.flow[k] == on })
}

func (e *evaluation) utility(i int) (agent.NodeState, condition) {
	switch e.on[i] {
	case agent.Dead:
		for j := range e.n.nodes {
			if e.n.nodes[j].class == "utility" && j != i {
				return agent.Lost, feedLost
			}
		}
		return agent.Lost, mainsLost
	case agent.NoData:
		return agent.Unknown, notSeen
	}
	if !e.carriesOn(i) {
		return agent.Ready, noLoad
	}
	return agent.Live, isLive
}

func (e *evaluation) generator(i int) (agent.NodeState, condition) {
	f := e.facts(i)
	switch {
	case f.status == "fault":
		return agent.Lost, inFault
	case e.carries(i) == yes, e.carries(i) == unknown && e.flowsFrom(i, agent.Generator):
		return agent.Abnormal, carrying
	case f.mode == "off":
		return agent.Lost, switchedOff
	case f.status == "starting", f.status == "warming_up":
		return agent.Abnormal, starting
	case f.status == "cooling_down", f.status == "stopping":
		return agent.Abnormal, cooling
	case f.status == "running", f.status == "on_load", f.status == "" && e.live[i] == yes:
		return agent.Abnormal, running
	case f.mode == "manual":
		return agent.Lost, notAuto
	case f.status == "" && e.live[i] == unknown:
		return agent.Unknown, notSeen
	}
	return agent.Ready, standby
}

func (e *evaluation) transferSwitch(i int) (agent.NodeState, condition) {
	v := &e.n.nodes[i]
	f := e.facts(i)
	// A generator that stands still is no failed source.
	failed := func(input, status string) bool {
		k := e.n.feeder(i, input)
		return status == "fail" && (k < 0 && f.position == "" || k >= 0 && e.n.nodes[e.n.edges[k].from].kinds != generators &&
			e.on[e.n.edges[k].from] != agent.Dead)
	}
	switch {
	case e.on[i] == agent.Dead && f.selected == "none":
		return agent.Abnormal, moving
	case e.on[i] == agent.Dead && e.feedersDead(i):
		return agent.Lost, isDead
	case e.on[i] == agent.Dead:
		return agent.Lost, broken
	case failed("a", f.sourceA):
		return agent.Abnormal, aFailed
	case failed("b", f.sourceB):
		return agent.Abnormal, bFailed
	case e.on[i] == agent.Generator:
		return agent.Abnormal, onGenerator
	case v.kinds&generators == 0 && f.position == "" && f.selected != "":
		c := onA
		if f.selected == "b" {
			c = onB
		}
		if f.preferred == "" || f.preferred == f.selected {
			return agent.Live, c
		}
		return agent.Abnormal, c
	case e.on[i] == agent.Mains:
		return agent.Live, onMains
	case e.live[i] == yes:
		return agent.Live, isLive
	}
	return agent.Unknown, notSeen
}

// mainsDead reports whether all that stands on mains that no node stands for
// is without them.
func (e *evaluation) mainsDead() bool {
	for i := range e.n.nodes {
		if v := &e.n.nodes[i]; v.root && e.on[i] != agent.Dead && e.on[i] != agent.Batteries && e.on[i] != agent.Generator {
			return false
		}
	}
	return true
}

// feedersDead reports whether nothing that feeds a node has a supply.
func (e *evaluation) feedersDead(i int) bool {
	for _, k := range e.n.nodes[i].in {
		if e.on[e.n.edges[k].from] != agent.Dead {
			return false
		}
	}
	return len(e.n.nodes[i].in) > 0
}

func (e *evaluation) ups(i int) (agent.NodeState, condition) {
	v := &e.n.nodes[i]
	f := e.facts(i)
	fed := !e.feedersDead(i) && !v.root
	switch f.battery {
	case "fault":
		return agent.Abnormal, badBattery
	case "replace":
		return agent.Abnormal, replace
	}
	switch {
	case f.status == "off":
		return agent.Lost, upsOff
	case f.status == "fault":
		return agent.Lost, inFault
	case e.on[i] == agent.Dead:
		return agent.Lost, broken
	case f.battery == "depleted":
		return agent.Abnormal, depleted
	case f.battery == "low":
		return agent.Abnormal, batteryLow
	case e.on[i] == agent.Batteries && (fed || v.root && !e.mainsDead()):
		return agent.Abnormal, onBattery
	case e.on[i] == agent.Batteries && v.root:
		return agent.Abnormal, noMains
	case e.on[i] == agent.Batteries:
		return agent.Abnormal, onlyBattery
	case f.status == "bypass":
		return agent.Abnormal, onBypass
	case f.status == "maintenance_bypass":
		return agent.Abnormal, maintenance
	case f.battery == "charging":
		return agent.Live, charging
	case f.status == "eco":
		return agent.Live, eco
	case f.status == "boost", f.status == "trim":
		return agent.Live, regulating
	case f.status == "" && e.live[i] != yes:
		return agent.Unknown, notSeen
	}
	return agent.Live, online
}

func (e *evaluation) coolingUnit(i int) (agent.NodeState, condition) {
	f := e.facts(i)
	switch {
	case f.status == "fault":
		return agent.Lost, inFault.beside()
	case e.on[i] == agent.Dead:
		return agent.Lost, unpowered
	case f.status == "off":
		return agent.Ready, coolingOff // it may well be its turn to rest
	case f.status == "standby":
		return agent.Ready, standby
	case f.mode == "free_cooling":
		return agent.Live, free
	case f.mode == "mixed":
		return agent.Live, mixed
	case f.mode == "mechanical":
		return agent.Live, mechanical
	case f.mode == "heating":
		return agent.Live, heating
	case f.status == "":
		return agent.Unknown, notSeen
	}
	return agent.Live, running
}

func (e *evaluation) load(i int) (agent.NodeState, condition) {
	v := &e.n.nodes[i]
	dead := 0
	for _, k := range v.in {
		if e.on[e.n.edges[k].from] == agent.Dead {
			dead++
		}
	}
	switch e.on[i] {
	case agent.Dead:
		return agent.Lost, unpowered // the headline says it, or what feeds it
	case agent.NoData:
		return agent.Unknown, notSeen
	case agent.Batteries:
		return agent.Abnormal, heldOut
	}
	if dead > 0 {
		return agent.Abnormal, oneFeed
	}
	return agent.Live, supplied
}

// board is what only hands on what it gets: boards, transformers, meters, PDUs.
func (e *evaluation) board(i int) (agent.NodeState, condition) {
	v := &e.n.nodes[i]
	f := e.facts(i)
	switch {
	case e.on[i] == agent.Dead && v.root:
		return agent.Lost, mainsLost
	case e.on[i] == agent.Dead && v.kinds == generators:
		return agent.Ready, standby // until its generators run
	case e.on[i] == agent.Dead && e.feedersDead(i):
		return agent.Lost, isDead
	case e.on[i] == agent.Dead && f.breaker == "open":
		return agent.Lost, opened
	case e.on[i] == agent.Dead:
		return agent.Lost, broken
	case e.live[i] == unknown && e.on[i] == agent.NoData:
		return agent.Unknown, notSeen
	case f.phaseLost == yes:
		return agent.Abnormal, phaseGone
	case !e.carriesOn(i):
		return agent.Ready, noLoad
	}
	return agent.Live, isLive
}
