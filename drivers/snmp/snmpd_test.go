package snmp

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"plantroom/config"
	"plantroom/testdata/peer"
)

// A snmpd is net-snmp's agent.
type snmpd struct {
	*peer.Process
	address string
}

// netSNMPObjects are what snmpd is made to serve beside its own.
const netSNMPObjects = `
override 1.3.6.1.4.1.99999.1.1.0 integer 42
override 1.3.6.1.4.1.99999.1.2.0 octet_str "29.6 %RH"
override 1.3.6.1.4.1.99999.1.3.0 uinteger 4000000000
override 1.3.6.1.4.1.99999.2.1.2.1 octet_str "Rack 1"
override 1.3.6.1.4.1.99999.2.1.2.2 octet_str "Rack 2"
override 1.3.6.1.4.1.99999.2.1.2.5 octet_str "Rack 5"
override 1.3.6.1.4.1.99999.2.1.3.1 integer 215
override 1.3.6.1.4.1.99999.2.1.3.2 integer -7
override 1.3.6.1.4.1.99999.2.1.3.5 integer 330
override 1.3.6.1.4.1.99999.2.1.4.1 integer 1
override 1.3.6.1.4.1.99999.2.1.4.2 integer 2
override 1.3.6.1.4.1.99999.2.1.4.5 integer 1
`

func startSNMPD(t testing.TB, dir, port, conf string) *snmpd {
	t.Helper()
	return &snmpd{peer.StartSNMPD(t, dir, port, netSNMPObjects+conf), "127.0.0.1:" + port}
}

// answering reports whether an agent answers.
func answering(address, community string) func() bool {
	return func() bool {
		c := newClient(config.SNMPAddress{Address: address, Version: "2c", Community: config.NewSecret(community)}, 0, 200*time.Millisecond)
		defer c.close()
		return c.probe(context.Background()) == nil
	}
}

// netSNMPPoints are points for netSNMPObjects, and netSNMPLines what they read.
func netSNMPPoints() []config.SNMPPoint {
	rack := rows("temperature", "1.3.6.1.4.1.99999.2.1.3", "rack {index}")
	rack.Scale = 0.1
	rack.NameOID = "1.3.6.1.4.1.99999.2.1.2"
	rack.Where = []config.SNMPCondition{{Column: "1.3.6.1.4.1.99999.2.1.4", Values: []string{"1"}}}
	return []config.SNMPPoint{
		scalar("load", "1.3.6.1.4.1.99999.1.1.0"),
		scalar("humidity", "1.3.6.1.4.1.99999.1.2.0"),
		scalar("big", "1.3.6.1.4.1.99999.1.3.0"),
		scalar("nothing", "1.3.6.1.4.1.99999.1.9.0"),
		rack,
	}
}

var netSNMPLines = []string{"load=42", "humidity=29.6", "big=4e+09", "temperature[rack 1]=21.5", "temperature[rack 5]=33"}

func TestCommunityVersionsOfNetSNMP(t *testing.T) {
	d := startSNMPD(t, t.TempDir(), peer.UDPPort(t), "")
	for _, version := range []string{"1", "2c"} {
		t.Run(version, func(t *testing.T) {
			a := config.SNMPAddress{Address: d.address, Version: version, Community: config.NewSecret("public")}
			src := sourceAt(t, a, 10*time.Second, netSNMPPoints()...)
			want(t, poll(t, src), netSNMPLines...)
			sent := src.client.sent
			want(t, poll(t, src), netSNMPLines...)
			if n := src.client.sent - sent; n != 1 {
				t.Errorf("the second poll took %d requests", n)
			}
			if name := src.cells[4].point.ChannelName; name != "Rack 5" {
				t.Errorf("channel name %q", name)
			}
		})
	}
	t.Run("wrong community", func(t *testing.T) {
		a := config.SNMPAddress{Address: d.address, Version: "2c", Community: config.NewSecret("wrong")}
		_, err := sourceAt(t, a, 100*time.Millisecond, netSNMPPoints()...).Poll(t.Context(), nil)
		wantError(t, err, "get 1.3.6.1.2.1.1.3.0 from "+d.address+": timeout after 100ms")
	})
}

func wantError(t testing.TB, err error, text string) {
	t.Helper()
	if err == nil || err.Error() != text {
		t.Errorf("error %v\nwant  %s", err, text)
	}
}

// The protocols of version 3, with the names that net-snmp gives them.
var (
	authProtocols = [][2]string{{"md5", "MD5"}, {"sha", "SHA"}, {"sha224", "SHA-224"}, {"sha256", "SHA-256"}, {"sha384", "SHA-384"}, {"sha512", "SHA-512"}}
	privProtocols = [][2]string{{"none", ""}, {"des", "DES"}, {"aes", "AES"}, {"aes192", "AES192"}, {"aes256", "AES256"}, {"aes192c", "AES192C"}, {"aes256c", "AES256C"}}
)

func TestVersion3Protocols(t *testing.T) {
	var conf strings.Builder
	conf.WriteString("createUser open\nrouser open noauth\n")
	for _, auth := range authProtocols {
		for _, priv := range privProtocols {
			user := auth[0] + priv[0]
			fmt.Fprintf(&conf, "createUser %s %s \"authentication\"", user, auth[1])
			level := "auth"
			if priv[0] != "none" {
				fmt.Fprintf(&conf, " %s \"privacy of it\"", priv[1])
				level = "priv"
			}
			fmt.Fprintf(&conf, "\nrouser %s %s\n", user, level)
		}
	}
	d := startSNMPD(t, t.TempDir(), peer.UDPPort(t), conf.String())
	for _, auth := range slices.Concat([][2]string{{"none", ""}}, authProtocols) {
		for _, priv := range privProtocols {
			a := config.SNMPAddress{Address: d.address, Version: "3", SNMPUser: config.SNMPUser{User: auth[0] + priv[0], Auth: auth[0], Priv: priv[0],
				AuthPass: config.NewSecret("authentication"), PrivPass: config.NewSecret("privacy of it")}}
			if auth[0] == "none" {
				if priv[0] != "none" {
					continue
				}
				a.User = "open"
			}
			t.Run(auth[0]+"/"+priv[0], func(t *testing.T) {
				src := sourceAt(t, a, 10*time.Second, netSNMPPoints()...)
				want(t, poll(t, src), netSNMPLines...)
				sent := src.client.sent
				want(t, poll(t, src), netSNMPLines...)
				if n := src.client.sent - sent; n != 1 {
					t.Errorf("the second poll took %d requests", n)
				}
			})
		}
	}
}

func TestVersion3Errors(t *testing.T) {
	d := startSNMPD(t, t.TempDir(), peer.UDPPort(t), `
createUser ann SHA-256 "authentication" AES "privacy of it"
createUser bob SHA-256 "authentication"
createUser eve
rouser ann priv
rouser bob auth
rouser eve noauth
`)
	good := config.SNMPAddress{Address: d.address, Version: "3", SNMPUser: config.SNMPUser{User: "ann", Auth: "sha256", Priv: "aes",
		AuthPass: config.NewSecret("authentication"), PrivPass: config.NewSecret("privacy of it")}}
	question := "get 1.3.6.1.2.1.1.3.0 from " + d.address + ": "
	for _, test := range []struct {
		name   string
		change func(a *config.SNMPAddress)
		want   string
	}{
		{"user", func(a *config.SNMPAddress) { a.User = "nobody" }, `the agent does not know the user "nobody"`},
		{"user without authentication", func(a *config.SNMPAddress) { a.User, a.Auth, a.Priv = "nobody", "none", "none" },
			`the agent does not know the user "nobody"`},
		{"authentication password", func(a *config.SNMPAddress) { a.AuthPass = config.NewSecret("something else") },
			`wrong digest: the authentication password or protocol of the user "ann" is not the agent's`},
		{"authentication protocol", func(a *config.SNMPAddress) { a.Auth, a.Priv = "sha512", "none" },
			`wrong digest: the authentication password or protocol of the user "ann" is not the agent's`},
		{"privacy password", func(a *config.SNMPAddress) { a.PrivPass = config.NewSecret("something else") },
			`timeout after 3s, though it answers the discovery of its engine: is it the privacy password?`},
		{"level", func(a *config.SNMPAddress) { a.User = "bob" },
			`the agent does not offer the user "bob" this security level (auth sha256, priv aes)`},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := good
			test.change(&a)
			src := sourceAt(t, a, 3*time.Second, netSNMPPoints()...)
			_, err := src.Poll(t.Context(), nil)
			wantError(t, err, question+test.want)
		})
	}
}

// An agent that restarts counts its boots and starts its clock anew; one whose
// state was wiped is another engine altogether.
func TestVersion3AgentRestarts(t *testing.T) {
	for _, wiped := range []bool{false, true} {
		for _, level := range []string{"none", "sha256"} {
			t.Run(fmt.Sprintf("wiped=%v/%s", wiped, level), func(t *testing.T) {
				conf := `
createUser ann SHA-256 "authentication" AES "privacy of it"
createUser none
rouser ann priv
rouser none noauth
`
				dir, port := t.TempDir(), peer.UDPPort(t)
				d := startSNMPD(t, dir, port, conf)
				a := config.SNMPAddress{Address: d.address, Version: "3", SNMPUser: config.SNMPUser{User: "none"}}
				if level != "none" {
					a = config.SNMPAddress{Address: d.address, Version: "3", SNMPUser: config.SNMPUser{User: "ann", Auth: level, Priv: "aes",
						AuthPass: config.NewSecret("authentication"), PrivPass: config.NewSecret("privacy of it")}}
				}
				src := sourceAt(t, a, 10*time.Second, netSNMPPoints()...)
				want(t, poll(t, src), netSNMPLines...)
				d.Stop()
				_, err := src.Poll(t.Context(), nil)
				wantError(t, err, "get 1.3.6.1.4.1.99999.1.1.0 and 4 more from "+d.address+": connection refused")
				if wiped {
					os.RemoveAll(filepath.Join(dir, "state"))
					conf = "engineID another\n" + conf
				}
				startSNMPD(t, dir, port, conf)
				want(t, poll(t, src), netSNMPLines...)
			})
		}
	}
	t.Run("between two polls", func(t *testing.T) {
		conf := "createUser ann SHA-256 \"authentication\" AES \"privacy of it\"\nrouser ann priv\n"
		dir, port := t.TempDir(), peer.UDPPort(t)
		d := startSNMPD(t, dir, port, conf)
		a := config.SNMPAddress{Address: d.address, Version: "3", SNMPUser: config.SNMPUser{User: "ann", Auth: "sha256", Priv: "aes",
			AuthPass: config.NewSecret("authentication"), PrivPass: config.NewSecret("privacy of it")}}
		src := sourceAt(t, a, 10*time.Second, netSNMPPoints()...)
		want(t, poll(t, src), netSNMPLines...)
		d.Stop()
		d = startSNMPD(t, dir, port, conf)
		want(t, poll(t, src), netSNMPLines...)
		d.Stop()
		os.RemoveAll(filepath.Join(dir, "state"))
		startSNMPD(t, dir, port, "engineID another\n"+conf)
		want(t, poll(t, src), netSNMPLines...)
	})
	// A card that is set back to its factory state counts its boots from 1 again,
	// under the same engine id.
	t.Run("boots begin anew", func(t *testing.T) {
		conf := "engineID the same\ncreateUser ann SHA-256 \"authentication\" AES \"privacy of it\"\nrouser ann priv\n"
		dir, port := t.TempDir(), peer.UDPPort(t)
		startSNMPD(t, dir, port, conf).Stop()
		startSNMPD(t, dir, port, conf).Stop()
		d := startSNMPD(t, dir, port, conf)
		a := config.SNMPAddress{Address: d.address, Version: "3", SNMPUser: config.SNMPUser{User: "ann", Auth: "sha256", Priv: "aes",
			AuthPass: config.NewSecret("authentication"), PrivPass: config.NewSecret("privacy of it")}}
		src := sourceAt(t, a, 10*time.Second, netSNMPPoints()...)
		want(t, poll(t, src), netSNMPLines...)
		d.Stop()
		os.RemoveAll(filepath.Join(dir, "state"))
		startSNMPD(t, dir, port, conf)
		want(t, poll(t, src), netSNMPLines...)
	})
}
