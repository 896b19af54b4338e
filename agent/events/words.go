package events

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"plantroom/agent"
)

// say puts values into words; a value that is Words itself goes in by language.
func say(w agent.Words, values ...any) agent.Words {
	en, cs := make([]any, len(values)), make([]any, len(values))
	for i, v := range values {
		en[i], cs[i] = v, v
		if words, ok := v.(agent.Words); ok {
			en[i], cs[i] = words.EN, words.CS
		}
	}
	return agent.Words{EN: fmt.Sprintf(w.EN, en...), CS: fmt.Sprintf(w.CS, cs...)}
}

// same are words that are alike in every language.
func same(text string) agent.Words { return agent.Words{EN: text, CS: text} }

// quantity returns a number with its unit as people write it, to three digits
// or so.
func quantity(v float64, unit string) agent.Words { return precisely(v, unit, 0) }

// against returns a value and the bound that it is beyond of, the value as closely
// as it takes to tell the two apart.
func against(v, bound float64, unit string) (value, of agent.Words) {
	of = quantity(bound, unit)
	for more := range 4 {
		if value = precisely(v, unit, more); v == bound || value != of {
			break
		}
	}
	return value, of
}

// precisely is quantity with so many digits more.
func precisely(v float64, unit string, more int) agent.Words {
	switch unit {
	case "W", "VA", "var", "Wh":
		if math.Abs(v) >= 1000 {
			v, unit = v/1000, "k"+unit
		}
	case "Pa":
		if math.Abs(v) >= 1e4 {
			v, unit = v/1000, "kPa"
		}
	case "s":
		if math.Abs(v) >= 120 {
			v, unit = v/60, "min"
		}
	case "Hz": // all that matters of it is behind the point
		more++
	case "m3/h":
		unit = "m³/h"
	case "By":
		v, unit = v/1e6, "MB"
	case "Cel":
		unit = "°C"
	case "{rpm}":
		unit = "rpm"
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Max(math.Abs(v), 0.1)))))
	text := strconv.FormatFloat(v, 'f', min(digits, 2)+more, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if unit != "" {
		unit = " " + unit
	}
	return agent.Words{EN: text + unit, CS: strings.Replace(text, ".", ",", 1) + unit}
}

// The names of metrics that limits are usually for, and of alarms that devices
// report, in Czech. What is not here keeps its name.
var czech = map[string]string{
	"temperature": "teplota", "humidity": "vlhkost", "dew point": "rosný bod", "pressure": "tlak",
	"differential pressure": "tlakový rozdíl", "air speed": "rychlost vzduchu", "input voltage": "napětí na vstupu",
	"output voltage": "napětí na výstupu", "output current": "proud na výstupu", "output frequency": "frekvence na výstupu",
	"output power": "výkon na výstupu", "output load": "zatížení", "input frequency": "frekvence na vstupu",
	"battery charge": "nabití baterie", "battery runtime": "doba zálohy", "battery voltage": "napětí baterie",
	"battery current": "proud baterie", "battery temperature": "teplota baterie", "fuel level": "hladina paliva",
	"coolant temperature": "teplota chladicí kapaliny", "oil pressure": "tlak oleje", "oil temperature": "teplota oleje",
	"engine speed": "otáčky motoru", "starter battery voltage": "napětí startovací baterie", "voltage": "napětí", "current": "proud",
	"residual current": "reziduální proud", "active power": "činný výkon", "apparent power": "zdánlivý výkon", "power factor": "účiník",
	"frequency": "frekvence", "load": "zatížení", "voltage thd": "zkreslení napětí", "current thd": "zkreslení proudu",
	"supply air temperature": "teplota přiváděného vzduchu", "return air temperature": "teplota odváděného vzduchu",
	"supply air humidity": "vlhkost přiváděného vzduchu", "return air humidity": "vlhkost odváděného vzduchu",
	"outdoor temperature": "venkovní teplota", "supply water temperature": "teplota přívodní vody",
	"return water temperature": "teplota vratné vody", "filter pressure": "tlaková ztráta filtru", "cooling power": "chladicí výkon",
	"power": "příkon", "memory": "paměť", "clock offset": "posun hodin", "queue age": "stáří fronty", "sink up": "spojení výstupu",
	"contact": "kontakt", "contact alarm": "alarm kontaktu", "door": "dveře", "outlet state": "zásuvka", "breaker": "jistič", "smoke": "kouř", "water leak": "únik vody",
	"open": "otevřeno", "closed": "sepnuto", "on": "zapnuto", "off": "vypnuto", "wet": "mokro", "mode": "režim",
	"mains voltage": "napětí sítě", "mains frequency": "frekvence sítě",

	"general error": "souhrnná porucha", "general alarm": "souhrnný alarm", "general fault": "souhrnná porucha", "fault": "porucha",
	"alarm": "alarm", "warning": "varování", "warning alarm": "varování", "shutdown alarm": "odstavení poruchou",
	"electrical trip": "elektrické vypnutí", "battery fault": "porucha baterie", "battery failure": "porucha baterie",
	"battery aged": "zestárlá baterie", "battery low": "slabá baterie", "battery low capacity": "malá kapacita baterie",
	"battery breaker": "jistič baterie", "load breaker": "jistič zátěže", "charger fault": "porucha nabíječe", "overload": "přetížení",
	"overcurrent": "nadproud", "overtemperature": "přehřátí", "rectifier fault": "porucha usměrňovače",
	"inverter fault": "porucha střídače", "fan failure": "porucha ventilátoru", "redundancy lost": "ztráta redundance",
	"high pressure": "vysoký tlak", "compressor overload": "přetížení kompresoru", "compressor out of envelope": "kompresor mimo pracovní oblast",
	"compressor failed to start": "kompresor nestartuje", "drive offline": "pohon neodpovídá",
	"oil return failure": "porucha návratu oleje", "external 1": "externí alarm 1", "external 2": "externí alarm 2", "bus alarm": "porucha sběrnice",
	"detector": "čidlo", "input alarm": "alarm na vstupu", "sensor": "čidlo", "power supply": "napájecí zdroj",
	"surge protection": "přepěťová ochrana", "hardware": "hardware", "switch": "spínač",
	"system": "systém",
	"status": "stav",

	"rectifier alarm": "alarm usměrňovače", "charger alarm": "alarm nabíječe", "inverter alarm": "alarm střídače", "bypass alarm": "alarm bypassu",
	"battery life ended": "konec životnosti baterie",
	"battery symmetry":   "nesymetrie baterie", "battery symmetry critical": "kritická nesymetrie baterie",
	"battery high voltage critical": "kriticky vysoké napětí baterie", "battery low voltage critical": "kriticky nízké napětí baterie",
	"rectifier failure": "porucha usměrňovače", "rectifier failure critical": "vážná porucha usměrňovačů",
	"rectifier capacity low": "malá rezerva výkonu usměrňovačů", "rectifier capacity low critical": "kriticky malá rezerva výkonu usměrňovačů", "load breaker open": "jistič zátěže je vypnutý",
	"battery breaker open": "jistič baterie je vypnutý", "load disconnected": "odpojená zátěž",

	"battery bad": "vadná baterie", "on battery": "provoz na baterie", "low battery": "baterie dochází",
	"depleted battery": "baterie by zátěž neudržela", "temperature bad": "teplota mimo meze", "input bad": "vstup mimo meze",
	"output bad": "výstup mimo meze", "output overload": "přetížení výstupu", "on bypass": "provoz na bypass", "bypass bad": "bypass mimo meze",
	"output off as requested": "výstup vypnutý na pokyn", "ups off as requested": "UPS vypnutá na pokyn", "charger failed": "porucha nabíječe",
	"output off": "vypnutý výstup", "system off": "vypnutá UPS", "fuse failure": "porucha pojistky",
	"diagnostic test failed": "diagnostický test neuspěl", "communications lost": "karta nemá spojení s UPS",
	"awaiting power": "čeká na návrat sítě", "shutdown pending": "čeká na vypnutí", "shutdown imminent": "vypne se každou chvíli",
	"test in progress": "probíhá test", "other alarm": "jiný alarm",

	"alternate source bad": "náhradní zdroj není k dispozici", "ambient temperature bad": "teplota okolí mimo meze",
	"auto restart failed": "automatický restart se nezdařil", "backfeed": "zpětné napájení",
	"backfeed breaker open": "jistič proti zpětnému napájení je vypnutý", "battery charging inhibited": "nabíjení baterie je blokováno",
	"battery communication lost": "ztráta spojení s baterií", "battery converter failure": "porucha měniče baterie",
	"battery disconnected": "baterie je odpojená", "battery ground fault": "zemní spojení baterie",
	"battery high voltage": "vysoké napětí baterie", "battery low voltage": "nízké napětí baterie",
	"battery maintenance due": "baterie potřebuje údržbu", "battery module failure": "porucha bateriového modulu",
	"battery overtemperature": "přehřátí baterie", "battery redundancy lost": "ztráta redundance baterií",
	"battery temperature imbalance": "rozdílné teploty baterií", "battery test failed": "test baterie neuspěl",
	"battery thermal runaway": "hrozí tepelné zničení baterie (thermal runaway)", "battery warning": "varování baterie",
	"branch breaker open": "jistič větve je vypnutý", "branch failure": "porucha modulu větve", "branch load lost": "větev je bez zátěže",
	"branch low voltage": "nízké napětí větve", "branch overcurrent": "nadproud větve", "branch undercurrent": "malý proud větve",
	"breaker open": "jistič je vypnutý", "building alarm": "alarm z budovy", "check air filter": "zkontrolovat vzduchový filtr",
	"chilled water high temperature": "vysoká teplota chladicí vody", "chilled water low temperature": "nízká teplota chladicí vody",
	"chiller failure": "porucha zdroje chladu", "cold aisle temperature bad": "teplota studené uličky mimo meze",
	"compressor contactor failure": "porucha stykače kompresoru", "compressor drive failure": "porucha pohonu kompresoru",
	"compressor high discharge temperature": "vysoká teplota na výtlaku kompresoru", "compressor high pressure": "vysoký tlak kompresoru",
	"compressor lockout": "kompresor je zablokován", "compressor low discharge temperature": "nízká teplota na výtlaku kompresoru",
	"compressor low oil pressure": "nízký tlak oleje kompresoru", "compressor low pressure": "nízký tlak kompresoru",
	"compressor pressure difference": "rozdíl tlaků kompresoru mimo meze", "compressor pump down failure": "kompresor neodčerpal chladivo",
	"compressor short cycle": "příliš časté starty kompresoru", "compressor superheat bad": "přehřátí par chladiva mimo meze",
	"condensate high water": "vysoká hladina kondenzátu", "condensation": "kondenzace vody",
	"condenser communication lost": "ztráta spojení s kondenzátorem", "condenser failure": "porucha kondenzátoru",
	"condenser fan failure": "porucha ventilátoru kondenzátoru", "condenser pressure bad": "tlak v kondenzátoru mimo meze",
	"contact closed": "sepnutý kontakt", "contact open": "rozpojený kontakt", "control failure": "porucha řízení",
	"control warning": "varování řízení", "damper failure": "porucha klapky", "dc bus bad": "napětí stejnosměrného meziobvodu mimo meze",
	"dc ground fault": "zemní spojení stejnosměrného obvodu", "door open": "otevřené dveře", "eco mode suspended": "režim ECO je přerušen",
	"economizer emergency override": "nouzový režim ekonomizéru", "emergency power off": "nouzové vypnutí (EPO)",
	"emergency shutdown": "nouzové odstavení", "evaporator freeze": "zamrzá výparník",
	"expansion valve failure": "porucha expanzního ventilu", "external communication failure": "porucha vnější komunikace",
	"fan overload": "přetížení ventilátoru", "fire": "požár", "firmware update required": "je třeba aktualizovat firmware",
	"free cooling lockout": "volné chlazení je zablokováno", "heat rejector failure": "porucha odvodu tepla",
	"heater overheated": "přehřátý ohřívač", "heating lockout": "dohřev je zablokován", "high ambient temperature": "vysoká teplota okolí",
	"high dew point": "vysoký rosný bod", "high differential pressure": "vysoký tlakový rozdíl", "high humidity": "vysoká vlhkost",
	"high temperature": "vysoká teplota", "high voltage": "vysoké napětí", "high water pressure": "vysoký tlak vody",
	"hot aisle temperature bad": "teplota teplé uličky mimo meze", "humidifier current bad": "proud zvlhčovače mimo meze",
	"humidifier cylinder worn": "opotřebený válec zvlhčovače", "humidifier failure": "porucha zvlhčovače",
	"humidifier lockout": "zvlhčovač je zablokován", "humidifier low water": "málo vody ve zvlhčovači",
	"humidity bad": "vlhkost mimo meze", "humidity out of band": "vlhkost mimo pásmo regulace", "input breaker open": "vstupní jistič je vypnutý",
	"input contact": "aktivní vstupní kontakt", "input current limit": "vstupní proud na mezi",
	"input current unbalanced": "nesymetrie vstupních proudů", "input neutral lost": "na vstupu chybí nulový vodič",
	"input phase rotation": "špatný sled fází na vstupu", "internal communication failure": "porucha vnitřní komunikace",
	"inverter shutdown": "střídač je odstavený", "leak sensor failure": "porucha čidla úniku vody",
	"load limit exceeded": "zátěž je nad nastavenou mezí", "load sharing fault": "porucha dělení zátěže",
	"local alarm": "zákaznický alarm", "locked on bypass": "UPS zůstává v bypassu", "loss of airflow": "ztráta průtoku vzduchu",
	"loss of cooling": "ztráta chlazení", "loss of water flow": "ztráta průtoku vody", "low ambient temperature": "nízká teplota okolí",
	"low battery shutdown": "odstavení pro vybitou baterii", "low dew point": "nízký rosný bod",
	"low differential pressure": "nízký tlakový rozdíl", "low humidity": "nízká vlhkost", "low temperature": "nízká teplota",
	"low voltage": "nízké napětí", "low water flow": "malý průtok vody", "low water pressure": "nízký tlak vody",
	"maintenance due": "je čas na údržbu", "module alarm": "alarm některého modulu", "module failure": "porucha modulu",
	"neutral overcurrent": "nadproud v nulovém vodiči", "no load": "na výstupu není zátěž", "notice": "upozornění",
	"on alternate source": "provoz na náhradní zdroj", "on generator": "napájení z generátoru",
	"out of sync": "zdroje nejsou v synchronismu", "outlet load lost": "zásuvka je bez zátěže", "outlet overcurrent": "nadproud zásuvky",
	"outlet undercurrent": "malý proud zásuvky", "output breaker open": "výstupní jistič je vypnutý",
	"output not protected": "výstup není chráněn", "output overcurrent": "nadproud na výstupu", "output short circuit": "zkrat na výstupu",
	"overcurrent protection trip":    "vybavila nadproudová ochrana",
	"parallel communication failure": "porucha komunikace paralelního systému", "partial shutdown": "částečné odstavení",
	"pdu communication lost": "ztráta spojení s PDU", "pdu failure": "porucha PDU", "phase lost": "výpadek fáze",
	"phase rotation": "špatný sled fází", "power lost": "jednotka přišla o napájení", "power module failure": "porucha výkonového modulu",
	"power module warning": "varování výkonového modulu", "power source lost": "výpadek jednoho z přívodů",
	"power supply failure": "porucha napájecího zdroje", "power switch fault": "porucha relé, stykače nebo jističe",
	"pump failure": "porucha čerpadla", "refrigerant high temperature": "vysoká teplota chladiva",
	"refrigerant low temperature": "nízká teplota chladiva", "remote humidity bad": "vlhkost vzdáleného čidla mimo meze",
	"remote sensor high temperature": "vysoká teplota vzdáleného čidla", "remote sensor low temperature": "nízká teplota vzdáleného čidla",
	"remote shutdown": "dálkové odstavení", "remote temperature bad": "teplota vzdáleného čidla mimo meze",
	"residual overcurrent": "vysoký reziduální proud", "return air high temperature": "vysoká teplota odváděného vzduchu",
	"return air low temperature": "nízká teplota odváděného vzduchu", "return water high temperature": "vysoká teplota vratné vody",
	"return water low temperature": "nízká teplota vratné vody", "run hours exceeded": "překročené provozní hodiny",
	"sensor failure": "porucha čidla", "service required": "je třeba servis", "standby pump on": "běží záložní čerpadlo",
	"standby unit on": "běží záložní jednotka", "static pressure bad": "statický tlak mimo meze",
	"static switch failure": "porucha statického spínače", "supply air high temperature": "vysoká teplota přiváděného vzduchu",
	"supply air low temperature": "nízká teplota přiváděného vzduchu", "surge protection failure": "porucha přepěťové ochrany",
	"too many sensors": "příliš mnoho čidel", "transfer failed": "přepnutí se nezdařilo", "transfer inhibited": "přepnutí je blokováno",
	"transfers locked out": "přepínání je blokováno, bylo příliš časté", "unbalanced load": "nesymetrická zátěž",
	"undercurrent": "malý proud", "unit communication lost": "ztráta spojení s jednotkou", "unit on": "jednotka běží", "unit off": "jednotka je vypnutá", "unit on standby": "jednotka v pohotovosti",
	"on inverter": "provoz přes střídač", "battery charging": "baterie se nabíjí", "eco mode": "režim ECO",
	"unit disabled":           "jednotka je zakázaná",
	"battery temperature bad": "teplota baterie mimo meze", "battery room": "alarm z bateriovny", "generator alarm": "alarm generátoru",
	"charger": "nabíječ", "bypass fault": "porucha bypassu", "bypass": "bypass", "wrong configuration": "chybná konfigurace",
	"internal fault": "vnitřní porucha", "optional board failure": "porucha přídavné desky", "external 3": "externí alarm 3",
	"external 4":    "externí alarm 4",
	"unit shutdown": "jednotka je odstavená", "valve failure": "porucha ventilu",

	"air flap": "uzavřená vzduchová klapka", "auto voltage sense fail": "nerozpoznaná napěťová soustava",
	"auxiliary mains failed": "výpadek pomocné sítě", "auxiliary sender fault": "porucha pomocného snímače",
	"auxiliary sender high": "vysoká hodnota pomocného snímače", "auxiliary sender low": "nízká hodnota pomocného snímače",
	"avr data fail": "výpadek dat z regulátoru napětí (AVR)", "avr red lamp": "regulátor napětí (AVR) hlásí poruchu",
	"avr trim limit": "regulátor napětí (AVR) na mezi", "bus failed to close": "vypínač přípojnice nezapnul",
	"bus failed to open": "vypínač přípojnice nevypnul", "bus high frequency": "vysoká frekvence přípojnice",
	"bus high voltage": "vysoké napětí přípojnice", "bus live": "přípojnice je pod napětím", "bus low frequency": "nízká frekvence přípojnice",
	"bus low voltage": "nízké napětí přípojnice", "bus not live": "přípojnice je bez napětí", "bus phase rotation": "chybný sled fází přípojnice",
	"calibration lost": "ztráta kalibrace", "can ecu data fail": "výpadek dat z řídicí jednotky motoru (CAN)",
	"can ecu shutdown": "řídicí jednotka motoru žádá odstavení (CAN)", "can ecu warning": "varování řídicí jednotky motoru (CAN)",
	"charge air temperature": "teplota plnicího vzduchu", "charge alternator failure": "porucha dobíjecího alternátoru",
	"clock not set": "nenastavené hodiny", "control unit not calibrated": "nezkalibrovaná řídicí jednotka",
	"coolant sensor open circuit":      "přerušený obvod snímače chladicí kapaliny",
	"coolant temperature sender fault": "porucha snímače teploty chladicí kapaliny", "dptc filter": "filtr pevných částic",
	"ecu aftertreatment": "úprava výfukových plynů (ECU)", "ecu cooler": "chlazení motoru (ECU)",
	"ecu electrical trip": "řídicí jednotka motoru žádá odpojení zátěže (ECU)", "ecu error": "chyba řídicí jednotky motoru (ECU)",
	"ecu failure": "porucha řídicí jednotky motoru (ECU)", "ecu heater": "ohřev motoru (ECU)",
	"ecu information": "hlášení řídicí jednotky motoru (ECU)", "ecu link lost": "ztráta spojení s řídicí jednotkou motoru (ECU)",
	"ecu malfunction": "závada motoru (ECU)", "ecu protect": "ochrana motoru (ECU)", "ecu shutdown": "řídicí jednotka motoru žádá odstavení (ECU)",
	"ecu warning": "varování řídicí jednotky motoru (ECU)", "electrical trip stop inhibited": "zastavení po odpojení zátěže je zablokováno",
	"emergency stop": "nouzové zastavení", "expansion input unit failure": "porucha vstupního modulu",
	"expansion input unit not calibrated": "nezkalibrovaný vstupní modul", "expansion unit watchdog": "rozšiřující modul neodpovídá",
	"fail to start": "nezdařený start", "fail to stop": "motor se nezastavil", "fail to synchronise": "nezdařené přifázování",
	"fault ride through": "překlenutí poruchy sítě", "fuel level sender fault": "porucha snímače hladiny paliva",
	"fuel sender open circuit": "přerušený obvod snímače paliva", "fuel tank bund level": "kapalina v záchytné vaně palivové nádrže",
	"fuel usage running": "vysoká spotřeba paliva za chodu", "fuel usage stopped": "úbytek paliva za klidu",
	"generator breaker position": "poloha vypínače generátoru nesouhlasí", "mains breaker position": "poloha vypínače sítě nesouhlasí",
	"voltage or frequency not reached": "napětí nebo frekvence generátoru nenaběhly",
	"generator earth fault":            "zemní spojení generátoru", "generator failed to close": "vypínač generátoru nezapnul",
	"generator failed to open": "vypínač generátoru nevypnul", "generator high current": "vysoký proud generátoru",
	"generator high frequency": "vysoká frekvence generátoru", "generator high voltage": "vysoké napětí generátoru",
	"generator low frequency": "nízká frekvence generátoru", "generator low voltage": "nízké napětí generátoru",
	"generator negative var": "vysoký odebíraný jalový výkon generátoru", "generator overload": "přetížení generátoru",
	"generator phase rotation": "chybný sled fází generátoru", "generator positive var": "vysoký dodávaný jalový výkon generátoru",
	"generator reverse power": "zpětný výkon generátoru", "generator short circuit": "zkrat generátoru",
	"heater sensor failure": "porucha snímače ohřevu", "high asymmetry": "vysoká nesymetrie napětí",
	"high coolant temperature":      "vysoká teplota chladicí kapaliny",
	"high coolant temperature trip": "odpojení zátěže pro vysokou teplotu chladicí kapaliny", "high exhaust temperature": "vysoká teplota výfuku",
	"high fuel level": "vysoká hladina paliva", "high inlet temperature": "vysoká teplota nasávaného vzduchu",
	"high negative sequence voltage": "vysoká zpětná složka napětí", "high oil temperature": "vysoká teplota oleje",
	"high temperature switch": "vysoká teplota motoru (spínač)", "high zero sequence voltage": "vysoká nulová složka napětí",
	"insufficient capacity": "nedostatečný výkon soustrojí", "lcd heater high voltage": "vysoké napětí ohřevu displeje",
	"lcd heater low voltage": "nízké napětí ohřevu displeje", "loading frequency not reached": "frekvence nestačí k převzetí zátěže",
	"loading voltage not reached": "napětí nestačí k převzetí zátěže", "local lcd configuration lost": "ztráta konfigurace displeje",
	"local telemetry configuration lost": "ztráta konfigurace telemetrie", "loss of ac speed signal": "ztráta signálu otáček z napětí generátoru",
	"loss of excitation": "ztráta buzení", "loss of magnetic pickup": "ztráta signálu snímače otáček", "loss of speed sensing": "ztráta snímání otáček",
	"low coolant temperature": "nízká teplota chladicí kapaliny", "low def level": "nízká hladina AdBlue", "low fuel level": "nízká hladina paliva",
	"low fuel level switch": "nízká hladina paliva (spínač)", "low oil level switch": "nízká hladina oleje (spínač)",
	"low oil pressure": "nízký tlak oleje", "low oil pressure switch": "nízký tlak oleje (spínač)",
	"low positive sequence voltage": "nízká sousledná složka napětí", "magnetic pickup fault": "porucha snímače otáček",
	"magnetic pickup open circuit": "přerušený obvod snímače otáček", "mains decoupling": "zapůsobila ochrana odpojení od sítě",
	"mains decoupling high frequency": "ochrana odpojení od sítě: vysoká frekvence",
	"mains decoupling high voltage":   "ochrana odpojení od sítě: vysoké napětí",
	"mains decoupling low frequency":  "ochrana odpojení od sítě: nízká frekvence",
	"mains decoupling low voltage":    "ochrana odpojení od sítě: nízké napětí", "mains earth fault": "zemní spojení v síti",
	"mains failed": "výpadek sítě", "mains failed to close": "vypínač sítě nezapnul", "mains failed to open": "vypínač sítě nevypnul",
	"mains high current": "vysoký proud ze sítě", "mains high frequency": "vysoká frekvence sítě", "mains high voltage": "vysoké napětí sítě",
	"mains low frequency": "nízká frekvence sítě", "mains low voltage": "nízké napětí sítě", "mains phase rotation": "chybný sled fází sítě",
	"mains power limit": "překročený výkon ze sítě", "mains reverse power": "zpětný výkon do sítě",
	"mains rocof": "rychlá změna frekvence sítě (ROCOF)", "mains short circuit": "zkrat v síti", "mains vector shift": "vektorový skok napětí sítě",
	"minimum sets not reached": "nedosažen nejmenší počet soustrojí", "modem power fault": "porucha napájení modemu",
	"msc alarms inhibited": "potlačené alarmy komunikace mezi soustrojími (MSC)", "msc data error": "chyba dat mezi soustrojími (MSC)",
	"msc failure": "porucha komunikace mezi soustrojími (MSC)", "msc id error": "chyba čísla soustrojí (MSC)",
	"msc old version": "stará verze jednotky mezi soustrojími (MSC)", "msc too few sets": "málo soustrojí na komunikaci (MSC)",
	"negative phase sequence": "zpětná složka proudu generátoru", "oil pressure sender fault": "porucha snímače tlaku oleje",
	"oil temperature sender fault": "porucha snímače teploty oleje", "overfrequency runaway": "prudký nárůst frekvence generátoru",
	"overspeed": "překročené otáčky motoru", "overspeed runaway": "prudký nárůst otáček motoru",
	"priority selection error": "chybně zvolená priorita soustrojí", "protections blocked": "zablokované ochrany",
	"protections disabled": "vypnuté ochrany", "remote display link lost": "ztráta spojení se vzdáleným displejem", "scheduled run": "plánovaný chod",
	"scr inducement": "omezení motoru kvůli SCR", "starter battery high voltage": "vysoké napětí startovací baterie",
	"starter battery low voltage": "nízké napětí startovací baterie", "temperature sender open circuit": "přerušený obvod snímače teploty",
	"trip from mains controller": "odpojení zátěže na pokyn síťového regulátoru", "underspeed": "nízké otáčky motoru", "water in fuel": "voda v palivu",

	"abnormal condition": "nenormální stav", "bypass due to fault": "na bypassu kvůli poruše",
	"voltage regulator fault": "porucha regulace napětí", "battery temperature high": "vysoká teplota baterie",
	"battery temperature critical": "kritická teplota baterie", "battery temperature sensor failed": "porucha čidla teploty baterie",
	"transfer relay fault": "porucha přepínacího relé", "shutdown or unable to transfer": "vypnutí nebo nemůže přepnout",
	"main relay fault": "porucha hlavního relé", "bypass relay fault": "porucha relé bypassu",
	"internal temperature high": "vysoká vnitřní teplota", "dc bus overvoltage": "přepětí stejnosměrného meziobvodu",
	"pfc fault": "porucha vstupního měniče", "critical hardware fault": "kritická porucha hardwaru",
	"bypass phase bad": "chybná fáze bypassu", "minor or environment": "menší alarm nebo alarm prostředí",
	"main intelligence module fault":       "porucha hlavního řídicího modulu",
	"redundant intelligence module failed": "porucha záložního řídicího modulu", "redundancy low": "redundance pod mezí",
	"input breaker tripped": "vypadlý vstupní jistič", "shutdown from bypass": "vypnutí zátěže na bypassu",
	"runtime low": "krátká doba zálohy", "battery frame fault": "porucha bateriové skříně", "site wiring bad": "chybné zapojení přívodu",
	"backfeed relay open": "rozpojené relé ochrany proti zpětnému napětí", "switchgear fault": "porucha vnějšího rozváděče",
	"transformer temperature high": "vysoká teplota transformátoru", "battery breaker tripped": "vypadlý jistič baterie",
	"battery monitor failed": "porucha sledování baterií", "static bypass needs check": "statický bypass potřebuje kontrolu",
	"parallel fault": "porucha paralelního provozu", "controller fault": "porucha řídicí jednotky",
	"battery fuse failure": "porucha pojistky baterie", "battery overcurrent": "nadproud baterie", "ground fault": "zemní spojení",
	"battery monitoring minor": "sledování baterií: menší alarm", "battery monitoring critical": "sledování baterií: vážný alarm",
	"low coolant level": "nízká hladina chladicí kapaliny", "low oil level": "nízká hladina oleje", "not in automatic": "není v automatickém režimu",
	"output overvoltage": "přepětí na výstupu", "backfeed relay fault": "porucha relé ochrany proti zpětnému napětí",
}

// bad are the words of states that are told of as they are.
var bad = map[string]agent.Words{
	"alarm": same("alarm"), "active": same("alarm"), "warning": {EN: "warning", CS: "varování"}, "critical": {EN: "critical", CS: "kritický stav"},
	"error": {EN: "error", CS: "chyba"}, "sensor_error": {EN: "sensor error", CS: "porucha čidla"}, "lost": {EN: "lost", CS: "ztráta spojení"},
	"fault": {EN: "fault", CS: "porucha"}, "fail": {EN: "failure", CS: "porucha"}, "failed": {EN: "failure", CS: "porucha"},
	"failure": {EN: "failure", CS: "porucha"}, "tripped": {EN: "tripped", CS: "vypadnutí"},
}

// How far beyond which of a device's own limits a value is.
var (
	high           = agent.Words{EN: "high", CS: "nad mezí"}
	low            = agent.Words{EN: "low", CS: "pod mezí"}
	criticallyHigh = agent.Words{EN: "critically high", CS: "nad kritickou mezí"}
	criticallyLow  = agent.Words{EN: "critically low", CS: "pod kritickou mezí"}
)

// stateWords returns what is said of a state by its word.
func stateWords(word string) agent.Words {
	switch word {
	case "high_warning", "upper_warning", "alarm_high":
		return high
	case "low_warning", "lower_warning", "alarm_low":
		return low
	case "high_critical", "upper_critical":
		return criticallyHigh
	case "low_critical", "lower_critical":
		return criticallyLow
	}
	return bad[word]
}

// capitals are the abbreviations in the names of engines' alarms.
var capitals = []string{"avr", "can", "def", "dptc", "ecu", "lcd", "msc", "rocof", "scr"}

// Named returns what people call a metric, also one of a profile's own: an
// alarm by what it is of.
func Named(metric string) agent.Words {
	key := plainWords(metric)
	words := strings.Fields(key)
	for i, w := range words {
		if slices.Contains(capitals, w) {
			words[i] = strings.ToUpper(w)
		}
	}
	en := strings.Join(words, " ")
	if cs := czech[key]; cs != "" {
		return agent.Words{EN: en, CS: cs}
	}
	return same(en)
}

// place returns what an event of a point is said to be of: the device's name,
// and the channel's where there are several.
func place(p *agent.Point) string {
	name := p.Channel
	if p.ChannelName != "" {
		name = p.ChannelName
	}
	if name == "" || name == p.Device.Name {
		return p.Device.Name
	}
	return p.Device.Name + " (" + name + ")"
}
