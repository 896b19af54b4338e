package events

import (
	"fmt"
	"math"
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
func quantity(v float64, unit string) agent.Words {
	switch unit {
	case "W", "VA", "var", "Wh":
		if math.Abs(v) >= 1000 {
			v, unit = v/1000, "k"+unit
		}
	case "s":
		if math.Abs(v) >= 120 {
			v, unit = v/60, "min"
		}
	case "By":
		v, unit = v/1e6, "MB"
	case "Cel":
		unit = "°C"
	case "{rpm}":
		unit = "rpm"
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Max(math.Abs(v), 0.1)))))
	text := strconv.FormatFloat(v, 'f', min(digits, 2), 64)
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
	"overcurrent": "nadproud", "overtemperature": "přehřátí", "rectifier": "usměrňovač", "rectifier fault": "porucha usměrňovače",
	"inverter": "střídač", "inverter fault": "porucha střídače", "fan failure": "porucha ventilátoru", "redundancy lost": "ztráta redundance",
	"high pressure": "vysoký tlak", "compressor overload": "přetížení kompresoru", "compressor envelope": "kompresor mimo pracovní oblast",
	"compressor startup": "kompresor nestartuje", "discharge temperature": "teplota na výtlaku", "drive offline": "pohon neodpovídá",
	"oil return": "návrat oleje", "external 1": "externí alarm 1", "external 2": "externí alarm 2", "bus alarm": "porucha sběrnice",
	"detector": "čidlo", "input alarm": "alarm na vstupu", "sensor state": "stav čidla", "power supply": "napájecí zdroj",
	"surge protection": "přepěťová ochrana", "hardware status": "porucha hardwaru", "switch status": "porucha přepínače",
	"switch state": "stav spínače", "system status": "stav systému", "temperature state": "stav teploty", "humidity state": "stav vlhkosti",
	"source a switch": "spínač zdroje A", "source b switch": "spínač zdroje B", "status": "stav",

	"battery bad": "vadná baterie", "on battery": "provoz na baterie", "low battery": "baterie dochází",
	"depleted battery": "baterie by zátěž neudržela", "temperature bad": "teplota mimo meze", "input bad": "vstup mimo meze",
	"output bad": "výstup mimo meze", "output overload": "přetížení výstupu", "on bypass": "provoz na bypass", "bypass bad": "bypass mimo meze",
	"output off as requested": "výstup vypnutý na pokyn", "ups off as requested": "UPS vypnutá na pokyn", "charger failed": "porucha nabíječe",
	"output off": "vypnutý výstup", "system off": "vypnutá UPS", "fuse failure": "porucha pojistky",
	"diagnostic test failed": "diagnostický test neuspěl", "communications lost": "karta nemá spojení s UPS",
	"awaiting power": "čeká na návrat sítě", "shutdown pending": "čeká na vypnutí", "shutdown imminent": "vypne se každou chvíli",
	"test in progress": "probíhá test", "other alarm": "jiný alarm",
}

// named returns what a metric is called.
func named(metric string) agent.Words {
	en := plainWords(metric)
	if cs := czech[en]; cs != "" {
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
