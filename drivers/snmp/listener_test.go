package snmp

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gosnmp/gosnmp"

	"plantroom/agent"
	"plantroom/config"
	"plantroom/testdata/peer"
)

const (
	onBattery    = "1.3.6.1.2.1.33.2.1"
	alarmAdded   = "1.3.6.1.2.1.33.2.3"
	alarmRemoved = "1.3.6.1.2.1.33.2.4"
	alarmDescr   = "1.3.6.1.2.1.33.1.6.2.1.2"
	minutesLeft  = "1.3.6.1.2.1.33.1.2.3.0"
)

var upsTraps = &config.SNMPProfile{Traps: map[string]*config.SNMPTrap{
	onBattery: {Name: "upsTrapOnBattery", Severity: agent.Alarm, Text: agent.Words{EN: "on battery", CS: "na baterii"}},
	alarmAdded: {Name: "upsTrapAlarmEntryAdded", Severity: agent.Warning, Text: agent.Words{EN: "alarm: {}", CS: "alarm: {}"}, About: alarmDescr, Lasts: true,
		Words: map[string]agent.Words{"1.3.6.1.2.1.33.1.6.3.1": {EN: "battery bad", CS: "vadná baterie"}}, Outages: map[string]bool{"1.3.6.1.2.1.33.1.6.3.2": true}},
	alarmRemoved: {Name: "upsTrapAlarmEntryRemoved", Text: agent.Words{EN: "alarm over: {}", CS: "konec alarmu: {}"}, About: alarmDescr,
		Clears: []string{"upsTrapAlarmEntryAdded"}},
}}

// A heard is a listener and what it has heard.
type heard struct {
	*Listener
	log peer.Output

	mu    sync.Mutex
	traps []*agent.Trap
	polls []string
}

func listen(t testing.TB, o config.Traps, senders ...Sender) *heard {
	t.Helper()
	h := &heard{}
	o.Listen = "127.0.0.1:0"
	var err error
	h.Listener, err = ListenTraps(TrapOptions{
		Traps: o, Name: "praha-1/edge-1",
		Poll: func(device string) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.polls = append(h.polls, device)
		},
		Take: func(trap *agent.Trap) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.traps = append(h.traps, trap)
		},
		Log: slog.New(slog.NewTextHandler(&h.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	h.Match(senders)
	return h
}

// take waits for a trap and returns it, and which devices were polled for it.
func (h *heard) take(t testing.TB) (trap *agent.Trap, polled string) {
	t.Helper()
	peer.Until(t, "a trap comes", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.traps) > 0
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	trap, h.traps = h.traps[0], h.traps[1:]
	polled, h.polls = strings.Join(h.polls, " "), nil
	if len(h.traps) > 0 {
		t.Errorf("%d traps more than one", len(h.traps))
	}
	return trap, polled
}

// dropped waits until n messages have been dropped for a reason.
func (h *heard) dropped(t testing.TB, reason string, n uint64) {
	t.Helper()
	peer.Until(t, fmt.Sprintf("%d messages dropped: %s", n, reason), func() bool { return h.Dropped()[reason] == n })
}

func ups(id, address string) Sender {
	return Sender{Device: &agent.Device{ID: id, Name: strings.ToUpper(id), Class: "ups"}, Address: address, Profile: upsTraps}
}

// netSNMP runs a program of net-snmp, with arguments parted by spaces, and
// returns what it says and whether it was content.
func netSNMP(t testing.TB, program, args string, more ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(peer.Need(t, program, "apt-get install snmp"), append(strings.Fields(args), more...)...)
	cmd.Env = append(os.Environ(), "SNMP_PERSISTENT_DIR="+t.TempDir(), "SNMPCONFPATH=/nonexistent", "MIBS=")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func mustNetSNMP(t testing.TB, program, args string, more ...string) {
	t.Helper()
	if out, err := netSNMP(t, program, args, more...); err != nil {
		t.Fatalf("%s %s: %v\n%s", program, args, err, out)
	}
}

var ann = config.SNMPUser{User: "ann", Auth: "sha256", AuthPass: config.NewSecret("authentication of ann"), Priv: "aes", PrivPass: config.NewSecret("privacy of ann")}

const annArgs = " -v3 -u ann -l authPriv -a SHA-256 -x AES "

var annSecrets = []string{"-A", "authentication of ann", "-X", "privacy of ann"}

// TestTrapsOfNetSNMP sends every kind of trap and inform with net-snmp's own
// programs.
func TestTrapsOfNetSNMP(t *testing.T) {
	users := []config.SNMPUser{
		ann,
		{User: "bob", Auth: "md5", AuthPass: config.NewSecret("authentication of bob"), Priv: "des", PrivPass: config.NewSecret("privacy of bob")},
		{User: "cyd", Auth: "sha", AuthPass: config.NewSecret("authentication of cyd"), Priv: "none"},
		{User: "dan", Auth: "sha512", AuthPass: config.NewSecret("authentication of dan"), Priv: "aes256c", PrivPass: config.NewSecret("privacy of dan")},
		{User: "eve", Auth: "none", Priv: "none"},
	}
	h := listen(t, config.Traps{Users: users, Communities: []config.Secret{config.NewSecret("other"), config.NewSecret("trapper")}}, ups("ups-a", "127.0.0.1:161"))
	battery := agent.Trap{OID: onBattery, Name: "upsTrapOnBattery", Severity: agent.Alarm, Text: agent.Words{EN: "on battery", CS: "na baterii"}}
	bad := agent.Trap{OID: alarmAdded, Name: "upsTrapAlarmEntryAdded", Severity: agent.Warning, About: "1.3.6.1.2.1.33.1.6.3.1", Lasts: true,
		Text: agent.Words{EN: "alarm: battery bad", CS: "alarm: vadná baterie"}}
	input := agent.Trap{OID: alarmAdded, Name: "upsTrapAlarmEntryAdded", Severity: agent.Warning, About: "1.3.6.1.2.1.33.1.6.3.2", Lasts: true, Outage: true,
		Text: agent.Words{EN: "alarm: 1.3.6.1.2.1.33.1.6.3.2", CS: "alarm: 1.3.6.1.2.1.33.1.6.3.2"}}
	nothing := agent.Trap{OID: alarmAdded, Name: "upsTrapAlarmEntryAdded", Severity: agent.Warning, Lasts: true, Text: agent.Words{EN: "alarm: ?", CS: "alarm: ?"}}
	over := agent.Trap{OID: alarmRemoved, Name: "upsTrapAlarmEntryRemoved", About: "1.3.6.1.4.1.99999.7", Clears: []string{"upsTrapAlarmEntryAdded"},
		Text: agent.Words{EN: "alarm over: 1.3.6.1.4.1.99999.7", CS: "konec alarmu: 1.3.6.1.4.1.99999.7"}}
	cold := agent.Trap{OID: "1.3.6.1.6.3.1.1.5.1", Name: "coldStart", Text: agent.Words{EN: "network card has restarted", CS: "síťová karta se restartovala"}}
	strange := agent.Trap{OID: "1.3.6.1.4.1.318.5", Name: "1.3.6.1.4.1.318.5", Text: agent.Words{
		EN: "trap 1.3.6.1.4.1.318.5 (UPS: Switched to battery backup)", CS: "trap 1.3.6.1.4.1.318.5 (UPS: Switched to battery backup)"}}
	at := h.Addr()
	engine := " -e 0x80001f8880aabbccdd "
	for _, test := range []struct {
		program, args string
		more          []string
		want          agent.Trap
	}{
		{"snmptrap", "-v1 -c trapper " + at + " 1.3.6.1.2.1.33.2 127.0.0.1 6 1 100 " + minutesLeft + " i 12", nil, battery},
		{"snmptrap", "-v1 -c trapper " + at + " 1.3.6.1.4.1.318 127.0.0.1 0 0 100", nil, cold},
		{"snmptrap", "-v1 -c trapper " + at + " 1.3.6.1.4.1.318 127.0.0.1 6 5 100 1.3.6.1.4.1.318.2.3.3.0 s", []string{"UPS: Switched to battery backup"}, strange},
		{"snmptrap", "-v2c -c trapper " + at + " 100 " + onBattery + " " + minutesLeft + " i 12", nil, battery},
		{"snmptrap", "-v2c -c other " + at + " 100 1.3.6.1.2.1.33.2.0.3 " + alarmDescr + ".7 o 1.3.6.1.2.1.33.1.6.3.1", nil, bad},
		{"snmptrap", "-v2c -c other " + at + " 100 1.3.6.1.2.1.33.2.0.3 " + alarmDescr + ".8 o 1.3.6.1.2.1.33.1.6.3.2", nil, input},
		{"snmptrap", "-v2c -c other " + at + " 100 1.3.6.1.2.1.33.2.0.3", nil, nothing},
		{"snmpinform", "-v2c -c trapper " + at + " 100 " + alarmRemoved + " " + alarmDescr + ".7 o 1.3.6.1.4.1.99999.7", nil, over},
		{"snmptrap", engine + annArgs, append(annSecrets, at, "100", onBattery, minutesLeft, "i", "12"), battery},
		{"snmptrap", " -e 0x80001f8880aabbccde -v3 -u bob -l authPriv -a MD5 -x DES", []string{"-A", "authentication of bob", "-X", "privacy of bob", at, "100", onBattery}, battery},
		{"snmptrap", " -e 0x80001f8880aabbccdf -v3 -u cyd -l authNoPriv -a SHA", []string{"-A", "authentication of cyd", at, "100", onBattery}, battery},
		{"snmptrap", " -e 0x80001f8880aabbcce0 -v3 -u dan -l authPriv -a SHA-512 -x AES-256-C", []string{"-A", "authentication of dan", "-X", "privacy of dan", at, "100", onBattery}, battery},
		{"snmptrap", " -e 0x80001f8880aabbcce1 -v3 -u eve -l noAuthNoPriv", []string{at, "100", onBattery}, battery},
		{"snmpinform", annArgs, append(annSecrets, at, "100", onBattery), battery},
		{"snmpinform", "-v3 -u bob -l authPriv -a MD5 -x DES", []string{"-A", "authentication of bob", "-X", "privacy of bob", at, "100", onBattery}, battery},
		{"snmpinform", "-v3 -u cyd -l authNoPriv -a SHA", []string{"-A", "authentication of cyd", at, "100", onBattery}, battery},
		{"snmpinform", "-v3 -u dan -l authPriv -a SHA-512 -x AES-256-C", []string{"-A", "authentication of dan", "-X", "privacy of dan", at, "100", onBattery}, battery},
		{"snmpinform", "-v3 -u eve -l noAuthNoPriv", []string{at, "100", onBattery}, battery},
	} {
		mustNetSNMP(t, test.program, test.args, test.more...)
		got, polled := h.take(t)
		if got.Device == nil || got.Device.ID != "ups-a" || got.From != "127.0.0.1" || got.Time.IsZero() || polled != "ups-a" {
			t.Errorf("%s %s: of %v from %s at %v, polled %q", test.program, test.args, got.Device, got.From, got.Time, polled)
		}
		got.Device, got.From, got.Time = nil, "", time.Time{}
		if diff := cmp.Diff(&test.want, got); diff != "" {
			t.Errorf("%s %s:\n%s", test.program, test.args, diff)
		}
	}
	if n := h.Received(); n != 18 {
		t.Errorf("%d received, want 18", n)
	}
	for reason, n := range h.Dropped() {
		if n > 0 {
			t.Errorf("%d dropped: %s", n, reason)
		}
	}
	if text := h.log.String(); text != "" {
		t.Errorf("log:\n%s", text)
	}

	// Those that are not to be believed.
	for _, test := range []struct {
		program, args string
		more          []string
		err           string
	}{
		{"snmptrap", "-v2c -c guess " + at + " 100 " + onBattery, nil, ""},
		{"snmptrap", "-v1 -c guess " + at + " 1.3.6.1.2.1.33.2 127.0.0.1 6 1 100", nil, ""},
		{"snmptrap", engine + annArgs, []string{"-A", "authentication of eve", "-X", "privacy of ann", at, "100", onBattery}, ""},
		{"snmptrap", engine + "-v3 -l noAuthNoPriv -u ann", []string{at, "100", onBattery}, ""},
		{"snmptrap", engine + "-v3 -l noAuthNoPriv -u mallory", []string{at, "100", onBattery}, ""},
		{"snmpinform", "-r1 -t1 -v2c -c guess " + at + " 100 " + onBattery, nil, "Timeout"},
		{"snmpinform", "-r1 -t10 -v3 -l noAuthNoPriv -u mallory", []string{at, "100", onBattery}, "Unknown user name"},
		{"snmpinform", "-r1 -t10" + annArgs, []string{"-A", "authentication of eve", "-X", "privacy of ann", at, "100", onBattery}, "Authentication failure"},
		{"snmpinform", "-r1 -t10 -v3 -l noAuthNoPriv -u ann", []string{at, "100", onBattery}, "Unsupported security level"},
	} {
		before := h.Dropped()["denied"]
		out, err := netSNMP(t, test.program, test.args, test.more...)
		if (err != nil) != (test.err != "") || !strings.Contains(out, test.err) {
			t.Errorf("%s %s: %v, %s", test.program, test.args, err, out)
		}
		peer.Until(t, test.args+" is denied", func() bool { return h.Dropped()["denied"] > before })
	}
	if len(h.traps) > 0 || len(h.polls) > 0 {
		t.Errorf("what is not believed is taken: %v, %v", h.traps, h.polls)
	}
	text := h.log.String()
	if n := strings.Count(text, "\n"); n != 1 || !strings.Contains(text, "from=127.0.0.1 reason=denied") {
		t.Errorf("log:\n%s", text)
	}
	for _, secret := range []string{"guess", "trapper", "authentication of", "privacy of"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log gives %q away:\n%s", secret, text)
		}
	}
}

// TestWhoseTrap matches what comes to devices: by the address it comes from, by
// the one that it says it is of, by what else tells devices with one address
// apart.
func TestWhoseTrap(t *testing.T) {
	at := func(id, address, community, context string) Sender {
		s := ups(id, address)
		s.SNMP = &config.SNMPAddress{Community: config.NewSecret(community), Context: context}
		return s
	}
	mute := Sender{Device: &agent.Device{ID: "gen-1"}, Address: "127.0.0.1:502"}
	for _, test := range []struct {
		name    string
		senders []Sender
		args    string
		more    []string
		device  string
		polled  string
	}{
		{"by its address", []Sender{ups("ups-a", "127.0.0.1:161"), ups("ups-b", "127.0.0.2")}, "-v2c -c public $at 1 " + onBattery, nil, "ups-a", "ups-a"},
		{"an IPv4 address written as IPv6", []Sender{ups("ups-a", "[::ffff:127.0.0.1]:161")}, "-v2c -c public $at 1 " + onBattery, nil, "ups-a", "ups-a"},
		{"by its name", []Sender{ups("ups-a", "localhost:161")}, "-v2c -c public $at 1 " + onBattery, nil, "ups-a", "ups-a"},
		{"by the agent's address of version 1", []Sender{ups("ups-a", "127.0.0.1:161"), ups("ups-b", "10.1.0.12:161")}, "-v1 -c public $at 1.3.6.1.2.1.33.2 10.1.0.12 6 1 1", nil, "ups-b", "ups-b"},
		{"by an agent's address that nobody has", []Sender{ups("ups-a", "127.0.0.1:161")}, "-v1 -c public $at 1.3.6.1.2.1.33.2 10.1.0.13 6 1 1", nil, "ups-a", "ups-a"},
		{"passed on", []Sender{ups("ups-a", "10.1.0.11:161"), ups("ups-b", "10.1.0.12:161")}, "-v2c -c public $at 1 " + onBattery + " 1.3.6.1.6.3.18.1.3.0 a 10.1.0.12", nil, "ups-b", "ups-b"},
		{"by the community", []Sender{at("ups-a", "127.0.0.1", "a", ""), at("ups-b", "127.0.0.1", "b", "")}, "-v2c -c b $at 1 " + onBattery, nil, "ups-b", "ups-b"},
		{"by the context", []Sender{at("ups-a", "127.0.0.1", "", "a"), at("ups-b", "127.0.0.1", "", "b")}, "-e 0x80001f8880aabbccdd -n b" + annArgs, append(annSecrets, "$at", "1", onBattery), "ups-b", "ups-b"},
		{"by the profile", []Sender{mute, ups("ups-a", "127.0.0.1")}, "-v2c -c public $at 1 " + onBattery, nil, "ups-a", "ups-a"},
		{"nothing tells", []Sender{ups("ups-a", "127.0.0.1"), ups("ups-b", "127.0.0.1")}, "-v2c -c public $at 1 " + onBattery, nil, "", "ups-a ups-b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := listen(t, config.Traps{Users: []config.SNMPUser{ann}}, test.senders...)
			peer.Until(t, "names are found", func() bool { return len(h.senders.Load().at) > 0 })
			more := slices.Clone(test.more)
			for i := range more {
				more[i] = strings.ReplaceAll(more[i], "$at", h.Addr())
			}
			mustNetSNMP(t, "snmptrap", strings.ReplaceAll(test.args, "$at", h.Addr()), more...)
			trap, polled := h.take(t)
			device := ""
			if trap.Device != nil {
				device = trap.Device.ID
			}
			if device != test.device || polled != test.polled || trap.Name != "upsTrapOnBattery" {
				t.Errorf("trap %s of %q, polled %q; want %q and %q", trap.Name, device, polled, test.device, test.polled)
			}
		})
	}
}

// TestUnknownSender counts what nobody sent, says so once, and knows who it is
// when the configuration does.
func TestUnknownSender(t *testing.T) {
	h := listen(t, config.Traps{}, ups("ups-a", "10.1.0.11:161"))
	for range 3 {
		mustNetSNMP(t, "snmptrap", "-v2c -c public "+h.Addr()+" 1 "+onBattery)
	}
	h.dropped(t, "unknown_sender", 3)
	if text := h.log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "no device has the address 127.0.0.1") {
		t.Errorf("log:\n%s", text)
	}
	if out, err := netSNMP(t, "snmpinform", "-r0 -t1 -v2c -c public "+h.Addr()+" 1 "+onBattery); err == nil {
		t.Errorf("what is dropped is acknowledged: %s", out)
	}
	h.Match([]Sender{ups("ups-a", "127.0.0.1:161")})
	mustNetSNMP(t, "snmpinform", "-v2c -c public "+h.Addr()+" 1 "+onBattery)
	h.take(t)
}

// send sends a message from a socket of its own, or from conn.
func (h *heard) send(t testing.TB, conn net.Conn, b []byte) {
	t.Helper()
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
}

func (h *heard) dial(t testing.TB) net.Conn {
	t.Helper()
	conn, err := net.Dial("udp", h.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// encoded returns a notification of version 2c, or of version 3 for a user who
// has the engine's id, boots and time.
func encoded(t testing.TB, kind gosnmp.PDUType, user *config.SNMPUser, engine string, boots, seconds uint32) []byte {
	t.Helper()
	p := &gosnmp.SnmpPacket{
		Version: gosnmp.Version2c, Community: "public", PDUType: kind, RequestID: 77, MsgID: 78,
		Variables: []gosnmp.SnmpPDU{
			{Name: "1.3.6.1.2.1.1.3.0", Type: gosnmp.TimeTicks, Value: uint32(100)},
			{Name: snmpTrapOID[1:], Type: gosnmp.ObjectIdentifier, Value: onBattery},
		},
	}
	if user != nil {
		flags, usm := usm(*user)
		usm.AuthoritativeEngineID, usm.AuthoritativeEngineBoots, usm.AuthoritativeEngineTime = engine, boots, seconds
		usm.PrivacyParameters = []byte("salt....")
		if err := usm.InitSecurityKeys(); err != nil {
			t.Fatal(err)
		}
		p.Version, p.SecurityModel, p.MsgFlags, p.SecurityParameters = gosnmp.Version3, gosnmp.UserSecurityModel, flags, usm
		if kind == gosnmp.InformRequest {
			p.MsgFlags |= gosnmp.Reportable
		}
	}
	b, err := p.MarshalMsg()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestReplayedTraps sends version 3 traps again that were believed once.
func TestReplayedTraps(t *testing.T) {
	now := time.Now()
	e, err := newEngine("test", []config.SNMPUser{ann}, now)
	if err != nil {
		t.Fatal(err)
	}
	const sender = "\x80\x00\x1f\x88\x80sender"
	for _, test := range []struct {
		after          time.Duration
		boots, seconds uint32
		want           string
	}{
		{0, 5, 1000, "taken"},
		{time.Second, 5, 1001, "taken"},
		{time.Second, 5, 1000, "taken"}, // out of order
		{2 * time.Minute, 5, 1001, "taken"},
		{3 * time.Minute, 5, 1001, "replayed"},
		{3 * time.Minute, 5, 1002, "taken"}, // its clock is slow
		{3 * time.Minute, 5, 800, "replayed"},
		{3 * time.Minute, 4, 5000, "replayed"},
		{3 * time.Minute, 6, 1, "taken"}, // it has restarted
		{3 * time.Minute, 5, 1100, "replayed"},
	} {
		m, err := e.decode(encoded(t, gosnmp.SNMPv2Trap, &ann, sender, test.boots, test.seconds), now.Add(test.after))
		got := "taken"
		if d, ok := err.(*drop); ok {
			got = dropReasons[d.what]
		} else if m.notification == nil {
			got = "nothing"
		}
		if got != test.want {
			t.Errorf("after %v, boots %d, time %d: %s (%v), want %s", test.after, test.boots, test.seconds, got, err, test.want)
		}
	}
}

// TestInformTime: an inform that has not our time is answered with it, signed,
// and not taken.
func TestInformTime(t *testing.T) {
	start := time.Now()
	e, err := newEngine("test", []config.SNMPUser{ann}, start)
	if err != nil {
		t.Fatal(err)
	}
	now := start.Add(time.Hour)
	for _, test := range []struct {
		boots, seconds uint32
		want           string
	}{
		{0, 0, usmNotInTime}, {e.boots, 3600 - 151, usmNotInTime}, {e.boots, 3600 + 151, usmNotInTime}, {e.boots - 1, 3600, usmNotInTime},
		{e.boots, 3600, ""}, {e.boots, 3600 - 150, ""}, {e.boots, 3600 + 150, ""},
	} {
		m, err := e.decode(encoded(t, gosnmp.InformRequest, &ann, e.id, test.boots, test.seconds), now)
		if err != nil {
			t.Fatal(err)
		}
		b := m.answer
		if test.want == "" {
			if m.notification == nil {
				t.Errorf("boots %d, time %d: not taken", test.boots, test.seconds)
				continue
			}
			b = m.notification.ack
		} else if m.notification != nil {
			t.Errorf("boots %d, time %d: taken", test.boots, test.seconds)
		}
		_, own := usm(ann)
		reader := &gosnmp.GoSNMP{Version: gosnmp.Version3, SecurityModel: gosnmp.UserSecurityModel, SecurityParameters: own}
		p, err := reader.UnmarshalTrap(b, true) // which checks the signature
		if err != nil {
			t.Fatal(err)
		}
		usm := p.SecurityParameters.(*gosnmp.UsmSecurityParameters)
		if usm.AuthoritativeEngineBoots != e.boots || usm.AuthoritativeEngineTime != 3600 || p.MsgID != 78 || p.RequestID != 77 {
			t.Errorf("the answer has boots %d, time %d, ids %d %d", usm.AuthoritativeEngineBoots, usm.AuthoritativeEngineTime, p.MsgID, p.RequestID)
		}
		if test.want != "" && (p.PDUType != gosnmp.Report || len(p.Variables) != 1 || p.Variables[0].Name != test.want) ||
			test.want == "" && (p.PDUType != gosnmp.GetResponse || len(p.Variables) != 2 || p.MsgFlags != gosnmp.AuthPriv) {
			t.Errorf("boots %d, time %d: answered %v %v %v", test.boots, test.seconds, p.PDUType, p.MsgFlags, p.Variables)
		}
	}
	if other, _ := newEngine("test", nil, now); other.id != e.id || other.boots <= e.boots {
		t.Errorf("after a restart the engine is %x with boots %d, before it was %x with %d", other.id, other.boots, e.id, e.boots)
	}
}

// TestInformTwice repeats an inform, as one does who has not heard the
// acknowledgement: it is acknowledged again and taken once. The response is the
// request to the last byte, but for what it is.
func TestInformTwice(t *testing.T) {
	h := listen(t, config.Traps{}, ups("ups-a", "127.0.0.1"))
	conn := h.dial(t)
	request := encoded(t, gosnmp.InformRequest, nil, "", 0, 0)
	want := bytes.Replace(request, []byte{byte(gosnmp.InformRequest)}, []byte{byte(gosnmp.GetResponse)}, 1)
	for range 2 {
		h.send(t, conn, request)
		buf := make([]byte, 1500)
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(buf[:n], want) {
			t.Errorf("answer %x, want %x", buf[:n], want)
		}
	}
	h.take(t) // and no other
	// From elsewhere it is another one.
	h.send(t, h.dial(t), request)
	h.take(t)
}

// TestGarbage sends what is no notification: each is counted and costs nothing.
func TestGarbage(t *testing.T) {
	h := listen(t, config.Traps{Users: []config.SNMPUser{ann}}, ups("ups-a", "127.0.0.1"))
	conn := h.dial(t)
	trap := encoded(t, gosnmp.SNMPv2Trap, nil, "", 0, 0)
	signed := encoded(t, gosnmp.SNMPv2Trap, &ann, "\x80\x00\x1f\x88\x80sender", 1, 1)
	var garbage [][]byte
	for i := range trap {
		garbage = append(garbage, trap[:i])
	}
	for i := range signed {
		garbage = append(garbage, signed[:i])
	}
	garbage = append(garbage, []byte("GET / HTTP/1.1\r\n\r\n"), bytes.Repeat([]byte{0x30}, 1400), make([]byte, 60000),
		encoded(t, gosnmp.GetRequest, nil, "", 0, 0), encoded(t, gosnmp.SetRequest, nil, "", 0, 0), encoded(t, gosnmp.Report, &ann, h.engine.id, 1, 1))
	for i, b := range garbage {
		h.send(t, conn, b)
		if i%50 == 49 { // as many as surely fit into the socket
			peer.Until(t, "they are counted", func() bool { d := h.Dropped(); return d["malformed"]+d["denied"] == uint64(i+1) })
		}
	}
	peer.Until(t, "all garbage is counted", func() bool { d := h.Dropped(); return d["malformed"]+d["denied"] == uint64(len(garbage)) })
	h.send(t, conn, trap)
	h.take(t)
}

// TestTrapFlood sends more than anybody may: the rest is counted and not looked
// at, and what comes from elsewhere is heard.
func TestTrapFlood(t *testing.T) {
	h := listen(t, config.Traps{}, ups("ups-a", "127.0.0.1"), ups("ups-b", "127.0.0.2"))
	conn := h.dial(t)
	trap := encoded(t, gosnmp.SNMPv2Trap, nil, "", 0, 0)
	const flood = 5000
	began := time.Now()
	for i := range flood {
		h.send(t, conn, trap)
		if i%50 == 49 {
			peer.Until(t, "they are counted", func() bool { return h.Received()+h.Dropped()["flood"] == uint64(i+1) })
		}
	}
	if n, most := h.Received(), sourceBurst+sourceRate*time.Since(began).Seconds()+1; n < sourceBurst || float64(n) > most {
		t.Errorf("%d of %d are taken, want from %d to %.0f", n, flood, sourceBurst, most)
	}
	from, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(h.Addr())))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	h.mu.Lock()
	h.traps = nil
	h.mu.Unlock()
	h.send(t, from, trap)
	if trap, _ := h.take(t); trap.Device.ID != "ups-b" {
		t.Errorf("of %s", trap.Device.ID)
	}
	if n := strings.Count(h.log.String(), "\n"); n != 1 {
		t.Errorf("log:\n%s", h.log.String())
	}
}

func TestListenTrapsErrors(t *testing.T) {
	h := listen(t, config.Traps{})
	if _, err := ListenTraps(TrapOptions{Traps: config.Traps{Listen: h.Addr()}}); err == nil || !strings.Contains(err.Error(), "listen for traps on "+h.Addr()+": address already in use") {
		t.Errorf("a port that is taken: %v", err)
	}
}

// FuzzTraps: whatever comes, it is taken or dropped, and what is acknowledged
// can be read.
func FuzzTraps(f *testing.F) {
	e, err := newEngine("test", []config.SNMPUser{ann, {User: "eve", Auth: "none", Priv: "none"}}, time.Now())
	if err != nil {
		f.Fatal(err)
	}
	eve := config.SNMPUser{User: "eve", Auth: "none", Priv: "none"}
	for _, kind := range []gosnmp.PDUType{gosnmp.SNMPv2Trap, gosnmp.InformRequest} {
		f.Add(encoded(f, kind, nil, "", 0, 0))
		f.Add(encoded(f, kind, &ann, e.id, e.boots, 1))
		f.Add(encoded(f, kind, &eve, e.id, e.boots, 1))
		f.Add(encoded(f, kind, &eve, "", 0, 0))
	}
	v1, _ := hex.DecodeString("302d02010004067075626c6963a42006072b060102012102400401020304020106020101430164300a3008060400000000050000")
	f.Add(v1)
	s := newSenders([]Sender{ups("ups-a", "127.0.0.1"), ups("ups-b", "1.2.3.4")}, nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := e.decode(bytes.Clone(b), time.Now())
		if err != nil {
			if _, ok := err.(*drop); !ok {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		if m.notification == nil {
			if m.answer == nil {
				t.Fatal("neither taken nor dropped nor answered")
			}
			return
		}
		n := m.notification
		known, devices := s.match(n, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
		trap := n.trap(known)
		if len(devices) == 0 || trap.Name == "" || trap.OID == "" || trap.Text.EN == "" {
			t.Fatalf("trap %+v of %v", trap, devices)
		}
		if n.ack != nil && n.community != nil && len(n.ack) != len(b) {
			t.Fatal("the acknowledgement is not the inform")
		}
	})
}

// TestTrapsOfProfiles gives traps as cards send them to the profiles that come
// with the program.
func TestTrapsOfProfiles(t *testing.T) {
	profiles, err := config.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	type variable struct {
		oid   string
		value any
	}
	for _, test := range []struct {
		profile, oid string
		variables    []variable
		want         string // severity, name, what it is about, words in both languages
		lasts        bool
		clears       string
	}{
		{"apc-powernet-ups", "1.3.6.1.4.1.318.0.5", []variable{{"1.3.6.1.4.1.318.2.3.3.0", "UPS: On battery power in response to an input power problem."}},
			"warning upsOnBattery : on battery (UPS: On battery power in response to an input power problem.) / běží z baterie (UPS: On battery power in response to an input power problem.)", true, ""},
		{"apc-powernet-ups", "1.3.6.1.4.1.318.0.9", nil, "info powerRestored : mains power is back / síť je zpět", false, "upsOnBattery"},
		{"apc-powernet-ups", "1.3.6.1.2.1.33.2.1", nil, "warning upsTrapOnBattery : on battery / běží z baterie", false, ""},
		{"apc-environment", "1.3.6.1.4.1.318.0.253", []variable{{"1.3.6.1.4.1.318.1.1.10.3.13.1.1.2.1", "Row 1"}, {"1.3.6.1.4.1.318.2.3.3.0", "High temperature"}},
			"alarm envHighTempThresholdViolation Row 1: Row 1: too hot (High temperature) / Row 1: příliš teplo (High temperature)", true, ""},
		{"eaton-xups", "1.3.6.1.4.1.534.1.11.4.1.0.3", []variable{{"1.3.6.1.4.1.534.1.7.2.1.1.4", 4}, {"1.3.6.1.4.1.534.1.7.2.1.2.4", oid("1.3.6.1.4.1.534.1.7.3")}, {"1.3.6.1.4.1.534.1.11.3.0", "UPS On Battery"}},
			"warning xupstdOnBattery : on battery (UPS On Battery) / běží z baterie (UPS On Battery)", true, ""},
		{"liebert-ups", "1.3.6.1.4.1.476.1.42.3.7.8.1", []variable{{"1.3.6.1.4.1.476.1.42.3.7.7.0", "Active:Alarm:Battery Discharging"}},
			"info lgpSysNotification Alarm:Battery Discharging: Alarm:Battery Discharging / Alarm:Battery Discharging", true, ""},
		{"liebert-cooling", "1.3.6.1.4.1.476.1.42.3.7.8.0.1", []variable{{"1.3.6.1.4.1.476.1.42.3.7.7.0", "Cleared: High Temperature"}},
			"info lgpSysNotification High Temperature: High Temperature / High Temperature", false, "lgpSysNotification"},
		{"liebert-pdu", "1.3.6.1.4.1.476.1.42.3.7.8.1", []variable{{"1.3.6.1.4.1.476.1.42.3.7.7.0", "Message: Receptacle On"}},
			"info lgpSysNotification Message: Receptacle On: Message: Receptacle On / Message: Receptacle On", false, ""},
		{"liebert-ups", "1.3.6.1.4.1.476.1.42.3.7.8.2", []variable{{"1.3.6.1.4.1.476.1.42.2.4.2.0", 1}},
			"info lgpSysNormal : no alarm any more / už žádný alarm", false, "lgpSysNotification"},
		{"rfc1628-ups", "1.3.6.1.2.1.33.2.3", []variable{{"1.3.6.1.2.1.33.1.6.2.1.1.7", 7}, {"1.3.6.1.2.1.33.1.6.2.1.2.7", oid("1.3.6.1.2.1.33.1.6.3.16")}},
			"warning upsTrapAlarmEntryAdded 1.3.6.1.2.1.33.1.6.3.16: alarm: fan failed / alarm: porucha ventilátoru", true, ""},
		{"rfc1628-ups", "1.3.6.1.2.1.33.2.0.2", []variable{{"1.3.6.1.2.1.33.1.7.3.0", 3}}, "info upsTrapTestCompleted 3: self test: failed / vlastní test: neuspěl", false, ""},
		// Passed on by somebody who says where from, and by which community: that is nobody's business.
		{"rfc1628-ups", "1.3.6.1.2.1.33.2.1", []variable{{"1.3.6.1.6.3.18.1.3.0", ip("10.1.0.11")}, {"1.3.6.1.6.3.18.1.4.0", "sesame"}},
			"warning upsTrapOnBattery : on battery / běží z baterie", false, ""},
	} {
		n := &notification{oid: config.TrapOID(test.oid), packet: &gosnmp.SnmpPacket{}}
		for _, v := range test.variables {
			pdu := gosnmp.SnmpPDU{Name: "." + v.oid}
			switch value := v.value.(type) {
			case string:
				pdu.Type, pdu.Value = gosnmp.OctetString, []byte(value)
			case oid:
				pdu.Type, pdu.Value = gosnmp.ObjectIdentifier, "."+string(value)
			case ip:
				pdu.Type, pdu.Value = gosnmp.IPAddress, string(value)
			default:
				pdu.Type, pdu.Value = gosnmp.Integer, value
			}
			n.packet.Variables = append(n.packet.Variables, pdu)
		}
		s := newSenders([]Sender{{Device: &agent.Device{ID: "a"}, Address: "10.1.0.11:161", Profile: profiles[test.profile].SNMP}}, nil)
		known, devices := s.match(n, netip.MustParseAddr("10.1.0.11"))
		trap := n.trap(known)
		got := fmt.Sprintf("%v %s %s: %s / %s", trap.Severity, trap.Name, trap.About, trap.Text.EN, trap.Text.CS)
		if got != test.want || trap.Lasts != test.lasts || strings.Join(trap.Clears, " ") != test.clears || len(devices) != 1 {
			t.Errorf("%s %s:\n%s (lasts %v, clears %v)\nwant\n%s", test.profile, test.oid, got, trap.Lasts, trap.Clears, test.want)
		}
	}
}

// What variables can be, besides texts and numbers.
type (
	oid string
	ip  string
)
