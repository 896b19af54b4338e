package report

import (
	"strings"

	"plantroom/agent"
	"plantroom/agent/events"
)

// metrics are the names that people have for metrics, by CLASS.METRIC or, for
// every class, METRIC.
var metrics = map[string]agent.Words{
	"power_path":  {EN: "the building stands on", CS: "budovu napájí"},
	"site.supply": {EN: "the building stands on", CS: "budovu napájí"},
	"supply":      {EN: "supply", CS: "napájení"},
	"transfer":    {EN: "source of the load", CS: "zdroj zátěže"},
	"carries":     {EN: "carries the load", CS: "napájí zátěž"},
	"up":          {EN: "answers", CS: "odpovídá"},
	"ups.status":  {EN: "state of the UPS", CS: "stav UPS"},
	"status":      {EN: "state", CS: "stav"},
	"mode":        {EN: "mode", CS: "režim"},
	"position":    {EN: "position", CS: "poloha"},
	"redundancy":  {EN: "redundancy", CS: "záloha"},
	"breaker":     {EN: "breaker", CS: "jistič"},
	"water_leak":  {EN: "water leak", CS: "únik vody"},
	"door":        {EN: "door", CS: "dveře"},
	"smoke":       {EN: "smoke", CS: "kouř"},
	"contact":     {EN: "contact", CS: "kontakt"},
	"self_test":   {EN: "self-test", CS: "autotest"},
	"temperature": {EN: "temperature", CS: "teplota"},
	"humidity":    {EN: "humidity", CS: "vlhkost"},

	"battery_status":      {EN: "battery", CS: "baterie"},
	"battery_charge":      {EN: "battery charge", CS: "nabití baterie"},
	"battery_runtime":     {EN: "battery runtime", CS: "zbývající doba z baterie"},
	"last_transfer_cause": {EN: "cause of the last transfer", CS: "příčina posledního přechodu"},
	"selected_source":     {EN: "source", CS: "zdroj"},
	"preferred_source":    {EN: "preferred source", CS: "preferovaný zdroj"},
	"source_a_status":     {EN: "source A", CS: "zdroj A"},
	"source_b_status":     {EN: "source B", CS: "zdroj B"},
	"generator_breaker":   {EN: "generator breaker", CS: "jistič generátoru"},
	"mains_breaker":       {EN: "mains breaker", CS: "jistič sítě"},
	"outlet_state":        {EN: "outlet", CS: "zásuvka"},
	"power_redundancy":    {EN: "redundancy of power", CS: "záloha napájení"},
	"x_source_b_quality":  {EN: "quality of source B", CS: "kvalita zdroje B"},

	"energy_import": {EN: "energy taken", CS: "odebraná energie"},
	"energy_export": {EN: "energy given back", CS: "vrácená energie"},
	"output_energy": {EN: "energy given", CS: "dodaná energie"},
	"input_energy":  {EN: "energy taken", CS: "odebraná energie"},
	"energy":        {EN: "energy taken", CS: "odebraná energie"},
}

// metric returns the name of a device's metric; one that the table does not
// have is a maker's own, and is called as its events are.
func (t tongue) metric(class, name string) string {
	if w, ok := wordsOf(metrics, class, name); ok {
		return t.say(w)
	}
	text := t.say(events.Named(name))
	if strings.HasPrefix(name, "x_alarm_") {
		text = "alarm: " + text // in either language
	}
	return text
}

// wordsOf returns what a table calls a name of something, or the name anywhere.
func wordsOf(table map[string]agent.Words, of, name string) (w agent.Words, ok bool) {
	if w, ok = table[of+"."+name]; !ok {
		w, ok = table[name]
	}
	return w, ok
}

// states are the words of states, by METRIC.WORD or, for every metric, WORD.
var states = map[string]agent.Words{
	"unknown": {EN: "unknown", CS: "neznámo"},
	"normal":  {EN: "normal", CS: "v normě"},
	"ok":      {EN: "good", CS: "v pořádku"},
	"fail":    {EN: "failed", CS: "výpadek"},
	"lost":    {EN: "lost", CS: "ztracena"},
	"off":     {EN: "off", CS: "vypnuto"},
	"on":      {EN: "on", CS: "zapnuto"},
	"fault":   {EN: "fault", CS: "porucha"},
	"none":    {EN: "none", CS: "žádný"},
	"open":    {EN: "open", CS: "vypnutý"},
	"closed":  {EN: "closed", CS: "zapnutý"},
	"yes":     {EN: "yes", CS: "ano"},
	"no":      {EN: "no", CS: "ne"},
	"running": {EN: "running", CS: "běží"},
	"alarm":   {EN: "alarm", CS: "poplach"},
	"clear":   {EN: "clear", CS: "v klidu"},
	"active":  {EN: "active", CS: "aktivní"},

	"online":             {EN: "online", CS: "ze sítě"},
	"on_battery":         {EN: "on battery", CS: "na baterie"},
	"bypass":             {EN: "bypass", CS: "bypass"},
	"maintenance_bypass": {EN: "maintenance bypass", CS: "servisní bypass"},
	"eco":                {EN: "eco mode", CS: "úsporný režim"},
	"boost":              {EN: "raises voltage", CS: "zvyšuje napětí"},
	"trim":               {EN: "lowers voltage", CS: "snižuje napětí"},

	"low":         {EN: "low", CS: "dochází"},
	"depleted":    {EN: "depleted", CS: "vybitá"},
	"charging":    {EN: "charging", CS: "nabíjí se"},
	"discharging": {EN: "discharging", CS: "vybíjí se"},
	"replace":     {EN: "to be replaced", CS: "k výměně"},

	"indication":          {EN: "indication", CS: "hlášení"},
	"shutdown":            {EN: "shutdown", CS: "odstavení"},
	"electrical_trip":     {EN: "electrical trip", CS: "odpojení zátěže"},
	"controlled_shutdown": {EN: "controlled shutdown", CS: "řízené odstavení"},
	"critical":            {EN: "critical", CS: "kritický stav"},
	"error":               {EN: "error", CS: "chyba"},

	"x_source_b_quality.good":            {EN: "good", CS: "v pořádku"},
	"x_source_b_quality.low_voltage":     {EN: "low voltage", CS: "nízké napětí"},
	"x_source_b_quality.high_voltage":    {EN: "high voltage", CS: "vysoké napětí"},
	"x_source_b_quality.phase_imbalance": {EN: "phases not balanced", CS: "nesymetrie fází"},
	"x_source_b_quality.frequency_bad":   {EN: "frequency out of limits", CS: "frekvence mimo meze"},
	"x_source_b_quality.rotation_bad":    {EN: "wrong phase rotation", CS: "špatný sled fází"},

	"passed":  {EN: "passed", CS: "v pořádku"},
	"failed":  {EN: "failed", CS: "neprošel"},
	"warning": {EN: "warning", CS: "varování"},
	"aborted": {EN: "aborted", CS: "přerušen"},
	"not_run": {EN: "not run", CS: "neproběhl"},

	"overvoltage":  {EN: "overvoltage", CS: "přepětí"},
	"undervoltage": {EN: "undervoltage", CS: "podpětí"},
	"blackout":     {EN: "blackout", CS: "výpadek sítě"},
	"sag":          {EN: "voltage sag", CS: "pokles napětí"},
	"spike":        {EN: "voltage spike", CS: "napěťová špička"},
	"frequency":    {EN: "frequency out of limits", CS: "frekvence mimo meze"},
	"overload":     {EN: "overload", CS: "přetížení"},
	"self_test":    {EN: "self-test", CS: "autotest"},
	"command":      {EN: "command", CS: "povel"},

	"a":         {EN: "A", CS: "A"},
	"b":         {EN: "B", CS: "B"},
	"preferred": {EN: "preferred", CS: "preferovaný"},
	"other":     {EN: "the other", CS: "druhý"},
	"mains":     {EN: "mains", CS: "síť"},
	"generator": {EN: "generator", CS: "generátor"},
	"batteries": {EN: "batteries", CS: "baterie"},
	"no_data":   {EN: "no data", CS: "bez údajů"},

	"stopped":       {EN: "stopped", CS: "stojí"},
	"starting":      {EN: "starting", CS: "startuje"},
	"warming_up":    {EN: "warming up", CS: "zahřívá se"},
	"on_load":       {EN: "on load", CS: "pod zátěží"},
	"cooling_down":  {EN: "cooling down", CS: "dochlazuje"},
	"stopping":      {EN: "stopping", CS: "zastavuje"},
	"manual":        {EN: "manual", CS: "ručně"},
	"auto":          {EN: "automatic", CS: "automaticky"},
	"test_on_load":  {EN: "test on load", CS: "zkouška pod zátěží"},
	"test_off_load": {EN: "test without load", CS: "zkouška bez zátěže"},

	"standby":      {EN: "standby", CS: "v pohotovosti"},
	"mechanical":   {EN: "mechanical", CS: "strojní"},
	"mixed":        {EN: "mixed", CS: "smíšené"},
	"free_cooling": {EN: "free cooling", CS: "volné chlazení"},
	"heating":      {EN: "heating", CS: "topení"},

	"up":     {EN: "answers", CS: "odpovídá"},
	"silent": {EN: "silent", CS: "neodpovídá"},

	"dry":                {EN: "dry", CS: "sucho"},
	"wet":                {EN: "wet", CS: "voda"},
	"live":               {EN: "live", CS: "pod napětím"},
	"dead":               {EN: "dead", CS: "bez napětí"},
	"phase_lost":         {EN: "a phase is lost", CS: "chybí fáze"},
	"door.open":          {EN: "open", CS: "otevřené"},
	"door.closed":        {EN: "closed", CS: "zavřené"},
	"contact.open":       {EN: "open", CS: "rozepnutý"},
	"contact.closed":     {EN: "closed", CS: "sepnutý"},
	"outlet_state.off":   {EN: "off", CS: "vypnutá"},
	"outlet_state.on":    {EN: "on", CS: "zapnutá"},
	"power_path.dead":    {EN: "nothing", CS: "nic"},
	"selected_source.a":  {EN: "source A", CS: "zdroj A"},
	"selected_source.b":  {EN: "source B", CS: "zdroj B"},
	"preferred_source.a": {EN: "source A", CS: "zdroj A"},
	"preferred_source.b": {EN: "source B", CS: "zdroj B"},
	"redundancy.lost":    {EN: "lost", CS: "není"},
	"redundancy.ok":      {EN: "good", CS: "je"},

	"power_redundancy.lost": {EN: "lost", CS: "není"},
	"power_redundancy.ok":   {EN: "good", CS: "je"},
}

// state returns the word of a metric's state; one that the table does not have
// is a maker's own, or a number.
func (t tongue) state(metric, word string) string {
	if w, ok := wordsOf(states, metric, word); ok {
		return t.say(w)
	}
	return plain(word)
}

// plain makes words of an identifier.
func plain(name string) string {
	return strings.ReplaceAll(strings.TrimPrefix(name, "x_"), "_", " ")
}

// figures are the names of figures, as a column or a row is headed.
var figures = map[string]agent.Words{
	events.TimeToTransfer:     {EN: "Time to transfer", CS: "Doba do přepnutí"},
	events.TimeToStart:        {EN: "Time to start", CS: "Doba do startu"},
	events.TimeToLoad:         {EN: "Time to take the load", CS: "Doba do převzetí zátěže"},
	events.TimeRun:            {EN: "Running time", CS: "Doba běhu"},
	events.TimeUnbroken:       {EN: "Longest time under load", CS: "Nejdelší doba pod zátěží"},
	events.ChargeLowest:       {EN: "Lowest charge", CS: "Nejnižší nabití"},
	events.TimeCarried:        {EN: "Time under load", CS: "Doba pod zátěží"},
	events.VoltageDip:         {EN: "Voltage dip", CS: "Pokles napětí"},
	events.VoltageSettling:    {EN: "Voltage settling", CS: "Ustálení napětí"},
	events.FrequencyDip:       {EN: "Frequency dip", CS: "Pokles frekvence"},
	events.FrequencySettling:  {EN: "Frequency settling", CS: "Ustálení frekvence"},
	events.FrequencyDeviation: {EN: "Frequency deviation", CS: "Odchylka frekvence"},
	events.LoadMean:           {EN: "Mean load", CS: "Střední zatížení"},
	events.LoadMax:            {EN: "Highest load", CS: "Nejvyšší zatížení"},
	events.Energy:             {EN: "Energy given", CS: "Dodaná energie"},
	events.FuelUsed:           {EN: "Fuel used", CS: "Spotřeba paliva"},
	events.TimeOnBattery:      {EN: "Time on battery", CS: "Doba provozu na baterie"},
	events.BatteryDrained:     {EN: "Battery drained", CS: "Vybití baterie"},
	events.RuntimeLowest:      {EN: "Lowest runtime left", CS: "Nejkratší zbývající doba"},
	events.TimeToRecover:      {EN: "Time to recharge", CS: "Doba dobití"},
	events.TimeLost:           {EN: "Load without power", CS: "Zátěž bez napájení"},
	events.TimeUncooled:       {EN: "Time without any cooling", CS: "Doba bez chlazení"},
	events.CoolingOff:         {EN: "Cooling unit off", CS: "Chladicí jednotka mimo provoz"},
	events.TemperatureRise:    {EN: "Temperature rise", CS: "Oteplení"},
	events.TimeDead:           {EN: "Time without voltage", CS: "Doba bez napětí"},
	events.Faults:             {EN: "Faults", CS: "Poruchy"},
}

func (t tongue) figure(name string) string {
	if w, ok := figures[name]; ok {
		return t.say(w)
	}
	return plain(name)
}

// classes are the names of classes of devices, one of them and several.
var classes = map[string][2]agent.Words{
	"ups":         {{EN: "UPS", CS: "UPS"}, {EN: "UPS units", CS: "UPS"}},
	"ats":         {{EN: "Transfer switch", CS: "Přepínač zdrojů"}, {EN: "Transfer switches", CS: "Přepínače zdrojů"}},
	"generator":   {{EN: "Generator", CS: "Generátor"}, {EN: "Generators", CS: "Generátory"}},
	"switchboard": {{EN: "Switchboard", CS: "Rozvaděč"}, {EN: "Switchboards", CS: "Rozvaděče"}},
	"pdu":         {{EN: "PDU", CS: "PDU"}, {EN: "PDUs", CS: "PDU"}},
	"dc":          {{EN: "DC system", CS: "Stejnosměrný zdroj"}, {EN: "DC systems", CS: "Stejnosměrné zdroje"}},
	"cooling":     {{EN: "Cooling unit", CS: "Chladicí jednotka"}, {EN: "Cooling units", CS: "Chladicí jednotky"}},
	"climate":     {{EN: "Climate sensor", CS: "Čidlo prostředí"}, {EN: "Climate sensors", CS: "Čidla prostředí"}},
	"agent":       {{EN: "Agent", CS: "Agent"}, {EN: "Agents", CS: "Agenti"}},
	"site":        {{EN: "Site", CS: "Areál"}, {EN: "Sites", CS: "Areály"}},
	"utility":     {{EN: "Utility", CS: "Síť"}, {EN: "Utilities", CS: "Sítě"}},
	"transformer": {{EN: "Transformer", CS: "Transformátor"}, {EN: "Transformers", CS: "Transformátory"}},
	"board":       {{EN: "Board", CS: "Rozvaděč"}, {EN: "Boards", CS: "Rozvaděče"}},
	"load":        {{EN: "Load", CS: "Zátěž"}, {EN: "Loads", CS: "Zátěže"}},
}

// class returns the name of a class of devices.
func (t tongue) class(name string) string {
	if w, ok := classes[name]; ok {
		return t.say(w[0])
	}
	return plain(name)
}

var severities = [...]agent.Words{
	agent.Info:    {EN: "info", CS: "informace"},
	agent.Warning: {EN: "warning", CS: "varování"},
	agent.Alarm:   {EN: "alarm", CS: "alarm"},
}

var severityMarks = [...]mark{agent.Info: noMark, agent.Warning: notice, agent.Alarm: bad}

var verdicts = map[events.Verdict]agent.Words{
	events.NoVerdict: {EN: "not decided", CS: "nerozhodnuto"},
	events.Passed:    {EN: "passed", CS: "vyhověla"},
	events.Failed:    {EN: "failed", CS: "nevyhověla"},
	events.Missed:    {EN: "did not happen", CS: "nekonala se"},
	events.Cancelled: {EN: "cancelled", CS: "zrušena"},
}

// Words that several tables have.
var (
	firstWord   = agent.Words{EN: "First", CS: "Na začátku"}
	lowestWord  = agent.Words{EN: "Lowest", CS: "Nejnižší"}
	highestWord = agent.Words{EN: "Highest", CS: "Nejvyšší"}
	lastWord    = agent.Words{EN: "Last", CS: "Na konci"}
)
