package config

import (
	_ "embed"
	"maps"
	"slices"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"

	"plantroom/agent"
)

//go:embed traps.yaml
var standardTraps []byte

// StandardTraps returns what any SNMP agent may say unasked, by config.TrapOID:
// the traps of the RFCs. The result is not to be changed.
func StandardTraps() map[string]*SNMPTrap { return parseStandard() }

var parseStandard = sync.OnceValue(func() map[string]*SNMPTrap {
	var faults Faults
	r := &profileReader{source: &source{file: "embedded:traps.yaml", faults: &faults}}
	traps := r.traps(r.parse(standardTraps))
	if err := faults.err(); err != nil {
		panic(err) // a mistake of ours, which the tests find
	}
	return traps
})

// traps reads what the devices of a profile can say unasked.
func (r *profileReader) traps(n *yaml.Node) map[string]*SNMPTrap {
	traps := map[string]*SNMPTrap{}
	named := map[string]*SNMPTrap{}
	pairs, _ := r.pairs(n, "traps")
	var later, lasting []func()
	for _, p := range pairs {
		oid := TrapOID(r.oid(p.key, "traps"))
		m := r.mapping(p.value, "the trap")
		t := &SNMPTrap{Name: r.name(m.need("name", "upsTrapOnBattery"), "name")}
		if n := m.get("severity"); n != nil {
			text := r.choice(n, "severity", "info", "info", "warning", "alarm")
			_ = t.Severity.UnmarshalText([]byte(text)) // it is one of them
		}
		t.Text = r.words(m)
		about := m.get("about")
		t.About = r.oid(about, "about")
		begins, ends := m.get("begins"), m.get("ends")
		t.Begins, t.Ends = r.text(begins, "begins"), r.text(ends, "ends")
		words := m.get("words")
		if words != nil {
			t.Words, t.Outages = map[string]agent.Words{}, map[string]bool{}
			pairs, _ := r.pairs(words, "words")
			for _, p := range pairs {
				in := r.mapping(p.value, "the wording")
				value := strings.TrimPrefix(stateKey(p.key.Value), ".")
				t.Words[value] = r.words(in)
				if r.boolean(in.get("outage"), "outage") {
					t.Outages[value] = true
				}
				in.done()
			}
		}
		t.Outage = r.boolean(m.get("outage"), "outage")
		clears := m.get("clears")
		t.Clears = r.texts(clears, "clears")
		while := m.get("while")
		t.While = r.while(while)
		m.done()
		switch says := strings.Contains(t.Text.EN+t.Text.CS, "{}"); {
		case says && about == nil:
			r.fault(m.get("en"), "{} stands for what the trap is about, and it is about nothing; add about: OID")
		case t.Begins != "" && about == nil:
			r.fault(begins, "begins and ends are of what the trap is about; add about: OID")
		case (t.Begins == "") != (t.Ends == ""):
			r.fault(m.node, "begins and ends go together: what it begins with where its condition began, and where it is over")
		case words != nil && about == nil:
			r.fault(words, "words are for values of what the trap is about; add about: OID")
		}
		if while != nil {
			lasting = append(lasting, func() {
				if !t.Lasts && t.Begins == "" {
					r.fault(while, "while is for a trap that another one clears, and none clears %s", t.Name)
				}
			})
		}
		for i, n := range r.list(clears) {
			later = append(later, func() {
				cleared := named[t.Clears[i]]
				switch {
				case cleared == nil:
					r.fault(n, "clears: the profile has no trap %s; %s", t.Clears[i], oneOf(t.Clears[i], slices.Collect(maps.Keys(named))))
				case cleared == t:
					r.fault(n, "%s clears itself", t.Name)
				default:
					cleared.Lasts = true
				}
			})
		}
		if oid == "" {
			continue
		}
		if traps[oid] != nil {
			r.fault(p.key, "the trap %s is there already: with and without the 0 before its last number it is the same", p.key.Value)
		}
		if t.Name != "" && named[t.Name] != nil {
			r.fault(m.get("name"), "the name %s is another trap's already", t.Name)
		}
		traps[oid], named[t.Name] = t, t
	}
	for _, check := range slices.Concat(later, lasting) {
		check()
	}
	return traps
}

// while reads what polls say while the condition of a trap lasts.
func (r *profileReader) while(n *yaml.Node) map[string][]string {
	if n == nil {
		return nil
	}
	says := map[string][]string{}
	pairs, _ := r.pairs(n, "while")
	for _, p := range pairs {
		metric := Lookup(r.class, p.key.Value)
		if metric == nil || metric.Kind != agent.State {
			states := slices.DeleteFunc(Names(r.class), func(name string) bool { return Lookup(r.class, name).Kind != agent.State })
			r.fault(p.key, "while: class %s has no state %s; %s", r.class, p.key.Value, oneOf(p.key.Value, states))
			continue
		}
		for _, w := range r.list(p.value) {
			if _, ok := metric.Code(w.Value); !ok {
				r.fault(w, "while: %s is never %s; %s", metric.Name, w.Value, oneOf(w.Value, metric.States))
			}
		}
		says[metric.Name] = r.texts(p.value, "while")
	}
	return says
}

// words reads a sentence in both languages.
func (r *profileReader) words(m *mapping) agent.Words {
	return agent.Words{EN: r.text(m.need("en", "on battery"), "en"), CS: r.text(m.need("cs", "běží z baterie"), "cs")}
}
