package snmp

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/gosnmp/gosnmp"

	"plantroom/agent"
	"plantroom/config"
)

// A Sender is a device that may send traps.
type Sender struct {
	Device  *agent.Device
	Address string              // host or host:port; the port is of no matter
	SNMP    *config.SNMPAddress // how it is polled, nil where it is otherwise
	Profile *config.SNMPProfile // nil where its profile knows no SNMP
}

// senders are the devices that there are.
type senders struct {
	all   []Sender
	hosts map[string][]netip.Addr // what the names among the addresses stand for
	at    map[netip.Addr][]int    // indexes into all, by address
}

// Match says which devices there are, in place of those that there were.
func (l *Listener) Match(devices []Sender) {
	old := l.senders.Load()
	l.senders.Store(newSenders(devices, old.hosts))
	select {
	case l.rename <- struct{}{}:
	default:
	}
}

func newSenders(all []Sender, hosts map[string][]netip.Addr) *senders {
	s := &senders{all: all, hosts: hosts, at: map[netip.Addr][]int{}}
	for i := range all {
		host := hostOf(all[i].Address)
		addresses := hosts[host]
		if a, err := netip.ParseAddr(host); err == nil {
			addresses = []netip.Addr{a.WithZone("").Unmap()}
		}
		for _, a := range addresses {
			s.at[a] = append(s.at[a], i)
		}
	}
	return s
}

func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// How often the names of devices are looked up again; soon while one is not
// found.
const (
	resolveEvery = 5 * time.Minute
	resolveSoon  = 15 * time.Second
)

// resolve looks up the names of devices until ctx ends.
func (l *Listener) resolve(ctx context.Context) {
	again := time.NewTimer(resolveEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.rename:
		case <-again.C:
		}
		again.Reset(resolveEvery)
		s := l.senders.Load()
		hosts := map[string][]netip.Addr{}
		for i := range s.all {
			host := hostOf(s.all[i].Address)
			if _, err := netip.ParseAddr(host); err == nil || hosts[host] != nil {
				continue
			}
			found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
			if err != nil {
				hosts[host] = s.hosts[host] // what it was; the poll says that it is not found
				again.Reset(resolveSoon)
				continue
			}
			for _, a := range found {
				hosts[host] = append(hosts[host], a.Unmap())
			}
		}
		// Match may have come in between; then rename is full and this is done again.
		l.senders.CompareAndSwap(s, newSenders(s.all, hosts))
	}
}

// match returns the devices that a notification may be of, and what their
// profile knows of it, nil for nothing.
func (s *senders) match(n *notification, from netip.Addr) (*config.SNMPTrap, []*agent.Device) {
	at := s.at[from]
	// Somebody may have passed it on, and say for whom.
	if claimed := s.at[n.claims()]; len(claimed) > 0 {
		at = claimed
	}
	// Of several with the address, those that it can be of: by the context, by
	// the community, by what their profile knows; as far as these tell.
	for _, fits := range []func(*Sender) bool{
		func(d *Sender) bool { return d.SNMP != nil && n.community == nil && d.SNMP.Context == n.context },
		func(d *Sender) bool {
			return d.SNMP != nil && n.community != nil && d.SNMP.Community.Reveal() == string(n.community)
		},
		func(d *Sender) bool { return d.trap(n.oid) != nil },
	} {
		if len(at) < 2 {
			break
		}
		if some := slices.DeleteFunc(slices.Clone(at), func(i int) bool { return !fits(&s.all[i]) }); len(some) > 0 {
			at = some
		}
	}
	var known *config.SNMPTrap
	devices := make([]*agent.Device, len(at))
	for i, which := range at {
		d := &s.all[which]
		devices[i] = d.Device
		if known == nil {
			known = d.trap(n.oid)
		}
	}
	return known, devices
}

func (d *Sender) trap(oid string) *config.SNMPTrap {
	if d.Profile == nil {
		return nil
	}
	if t := d.Profile.Traps[oid]; t != nil {
		return t
	}
	return config.StandardTraps()[oid]
}

// claims returns the address that a notification says it is of, the zero Addr
// where it says none.
func (n *notification) claims() netip.Addr {
	text := n.packet.AgentAddress
	for _, v := range n.packet.Variables {
		if v.Name == snmpTrapAddress {
			text, _ = v.Value.(string)
		}
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.IsUnspecified() {
		return netip.Addr{}
	}
	return a.Unmap()
}

// trap returns what a notification says, as its device's profile knows it.
func (n *notification) trap(known *config.SNMPTrap) *agent.Trap {
	if known == nil {
		known = config.StandardTraps()[n.oid]
	}
	if known == nil {
		known = &config.SNMPTrap{Name: n.oid, Text: agent.Words{EN: "trap " + n.oid, CS: "trap " + n.oid}}
	}
	t := &agent.Trap{OID: n.oid}
	t.Name, t.Severity, t.Text, t.Lasts, t.Clears = known.Name, known.Severity, known.Text, known.Lasts, known.Clears
	t.All = known.About == "" && len(known.Clears) > 0
	says := ""
	for i := range n.packet.Variables {
		v := &n.packet.Variables[i]
		name := trimDot(v.Name)
		if known.About != "" && t.About == "" && (name == known.About || strings.HasPrefix(name, known.About+".")) {
			t.About = text(v)
		} else if s := sentence(v); s != "" {
			says = s
		}
	}
	if known.Begins != "" { // then that is what tells whether it lasts
		t.Lasts = false
		rest, over := strings.CutPrefix(t.About, known.Ends)
		if over {
			t.Clears = []string{known.Name}
		} else {
			rest, t.Lasts = strings.CutPrefix(rest, known.Begins)
		}
		t.About = strings.TrimSpace(rest)
	}
	t.Outage = known.Outage || known.Outages[t.About]
	words, ok := known.Words[t.About]
	switch {
	case t.About == "":
		words = agent.Words{EN: "?", CS: "?"}
	case !ok:
		words = agent.Words{EN: t.About, CS: t.About}
	}
	t.Text.EN = strings.ReplaceAll(t.Text.EN, "{}", words.EN)
	t.Text.CS = strings.ReplaceAll(t.Text.CS, "{}", words.CS)
	if says != "" { // the last text, which makers mean for people
		t.Text.EN += " (" + says + ")"
		t.Text.CS += " (" + says + ")"
	}
	return t
}

// sentence returns what a variable says to people, "" where that is nothing.
func sentence(v *gosnmp.SnmpPDU) string {
	b, ok := v.Value.([]byte)
	// What somebody who passes a trap on adds to it, a community among it, is not for people.
	if !ok || strings.HasPrefix(v.Name, ".1.3.6.1.6.3.18.") {
		return ""
	}
	if s := text(v); len(b) > 3 && !strings.HasPrefix(s, "0x") && strings.ContainsFunc(s, unicode.IsLetter) {
		return s
	}
	return ""
}
