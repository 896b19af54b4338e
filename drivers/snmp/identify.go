package snmp

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gosnmp/gosnmp"

	"plantroom/config"
)

const (
	sysDescr    = ".1.3.6.1.2.1.1.1.0"
	sysObjectID = ".1.3.6.1.2.1.1.2.0"
)

// Identify asks the agent at a what it is and returns the profile whose rule
// fits it best: a rule with a sysObjectID goes before one without, a longer
// sysObjectID before a shorter, one that asks more before one that asks less,
// and then the profile's name decides. It returns no profile where none fits.
// seen says, in either case, what the agent calls itself. The timeout is of
// one request.
func Identify(ctx context.Context, a config.SNMPAddress, timeout time.Duration, profiles []*config.Profile) (p *config.Profile, seen string, err error) {
	c := newClient(a, 0, timeout)
	defer c.close()
	has := evidence{}
	if err := c.orOpen(func() error { return has.ask(ctx, &c, []string{sysDescr, sysObjectID}) }); err != nil {
		return nil, "", err
	}
	object := ""
	seen = "no sysObjectID"
	if v := has[sysObjectID]; v != nil {
		object = text(v)
		seen = "sysObjectID " + object
	}
	if v := has[sysDescr]; v != nil {
		seen += fmt.Sprintf(", sysDescr %q", text(v))
	} else {
		seen += ", no sysDescr"
	}

	type candidate struct {
		profile *config.Profile
		rule    *config.SNMPRule
	}
	var candidates []candidate
	questions := map[string]bool{}
	for _, p := range profiles {
		for i := range p.Identify.SNMP {
			rule := &p.Identify.SNMP[i]
			if p.SNMP == nil || !under(object, rule.SysObjectID) {
				continue
			}
			candidates = append(candidates, candidate{p, rule})
			for _, oid := range rule.Present {
				questions[dotted(oid)] = true
			}
			for oid := range rule.Match {
				questions[dotted(oid)] = true
			}
		}
	}
	maps.DeleteFunc(questions, func(oid string, _ bool) bool { _, asked := has[oid]; return asked })
	if err := has.ask(ctx, &c, slices.Sorted(maps.Keys(questions))); err != nil {
		return nil, seen, err
	}
	var below []string
	for _, k := range candidates {
		for _, oid := range k.rule.Present {
			if has[dotted(oid)] == nil && !isScalar(oid) {
				below = append(below, dotted(oid))
			}
		}
	}
	slices.Sort(below)
	if err := has.askBelow(ctx, &c, slices.Compact(below)); err != nil {
		return nil, seen, err
	}

	candidates = slices.DeleteFunc(candidates, func(k candidate) bool { return !has.fits(k.rule) })
	if len(candidates) == 0 {
		return nil, seen, nil
	}
	best := slices.MinFunc(candidates, func(x, y candidate) int {
		if n := arcs(y.rule.SysObjectID) - arcs(x.rule.SysObjectID); n != 0 {
			return n
		}
		if n := len(y.rule.Present) + len(y.rule.Match) - len(x.rule.Present) - len(x.rule.Match); n != 0 {
			return n
		}
		return strings.Compare(x.profile.Name, y.profile.Name)
	})
	return best.profile, seen, nil
}

// Evidence is what an agent said about the OIDs it was asked for, or about the
// first object below them.
type evidence map[string]*gosnmp.SnmpPDU

// ask gets oids. An agent that has none of them has answered all the same.
func (e evidence) ask(ctx context.Context, c *client, oids []string) error {
	for len(oids) > 0 {
		n := c.fits(oids, func(int) int { return 60 })
		out := make([]answer, n)
		if err := c.get(ctx, getOf(oids[:n]), out); err != nil {
			return err
		}
		for i, oid := range oids[:n] {
			e[oid] = nil
			if out[i].failed == nil && !absent(out[i].pdu.Type) {
				e[oid] = &out[i].pdu
			}
		}
		oids = oids[n:]
	}
	return nil
}

// askBelow gets the first object below each of oids that has one.
func (e evidence) askBelow(ctx context.Context, c *client, oids []string) error {
	for len(oids) > 0 {
		n := c.fits(oids, func(int) int { return 60 })
		resp, err := c.send(ctx, &question{kind: gosnmp.GetNextRequest, oids: oids[:n]})
		switch {
		case err != nil:
			if !c.tooMuch(ctx, err) {
				return err
			}
			c.narrow(n / 2)
		case resp.Error == gosnmp.NoError:
			for i := range min(n, len(resp.Variables)) {
				if v := resp.Variables[i]; v.Name != oids[i] && under(v.Name, oids[i]) && !absent(v.Type) {
					e[oids[i]] = &v
				}
			}
			oids = oids[n:]
			continue
		case resp.Error == gosnmp.NoSuchName && resp.ErrorIndex > 0 && int(resp.ErrorIndex) <= n:
			oids = slices.Delete(oids, int(resp.ErrorIndex)-1, int(resp.ErrorIndex))
			continue
		default:
			c.narrow(n / 2)
		}
		if n == 1 {
			oids = oids[1:]
		}
	}
	return nil
}

// fits reports whether all parts of a rule hold; that of its sysObjectID has
// been looked at.
func (e evidence) fits(rule *config.SNMPRule) bool {
	for _, oid := range rule.Present {
		if e[dotted(oid)] == nil {
			return false
		}
	}
	for oid, pattern := range rule.Match {
		v := e[dotted(oid)]
		if v == nil {
			return false
		}
		if ok, err := regexp.MatchString(pattern, text(v)); err != nil || !ok {
			return false
		}
	}
	return rule.SysObjectID != "" || len(rule.Present) > 0 || len(rule.Match) > 0
}

// under reports whether oid is root or below it; every OID is under "".
func under(oid, root string) bool {
	oid, root = strings.TrimPrefix(oid, "."), strings.TrimPrefix(root, ".")
	rest, ok := strings.CutPrefix(oid, root)
	return root == "" || ok && (rest == "" || rest[0] == '.')
}

// arcs is the length of an OID in numbers.
func arcs(oid string) int {
	if oid == "" {
		return 0
	}
	return strings.Count(oid, ".") + 1
}
