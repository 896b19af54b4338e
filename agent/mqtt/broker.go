package mqtt

import (
	"fmt"
	"log/slog"
	"net"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"

	"plantroom/agent"
)

// retainedLimit is how many retained messages a client gets when it subscribes;
// the broker would drop what is beyond. A client costs it 8 bytes for each.
const retainedLimit = 1 << 15

// tenYears is for how long the broker keeps what is retained, in seconds: meta
// is published once and must outlive any quiet time.
const tenYears = 10 * 365 * 24 * 60 * 60

// A Broker is an MQTT broker within the agent, for a site that has none.
type Broker struct {
	server *mochi.Server
	tcp    *sessions
}

// Listen starts a broker at a TCP address, host:port; port 0 takes a free one.
// With a username, clients need it and its password; without, anyone who
// reaches the address is let in.
func Listen(address, username, password string, log *slog.Logger) (*Broker, error) {
	capabilities := mochi.NewDefaultServerCapabilities()
	capabilities.MaximumMessageExpiryInterval = tenYears
	capabilities.MaximumClientWritesPending = retainedLimit
	capabilities.MaximumInflight = retainedLimit
	server := mochi.New(&mochi.Options{Capabilities: capabilities, Logger: slog.New(slog.DiscardHandler)})
	var err error
	if username == "" {
		if host, _, _ := net.SplitHostPort(address); !loopback(host) {
			log.Warn("the embedded broker lets in anyone who reaches it; give outputs.mqtt a username and a password", "listen", address)
		}
		err = server.AddHook(new(auth.AllowHook), nil)
	} else {
		err = server.AddHook(new(auth.Hook), &auth.Options{Ledger: &auth.Ledger{
			Auth: auth.AuthRules{{Username: auth.RString(username), Password: auth.RString(password), Allow: true}},
		}})
	}
	if err != nil {
		return nil, err
	}
	b := &Broker{server: server, tcp: newSessions(server, address)}
	for _, hook := range []mochi.Hook{&takeover{sessions: b.tcp}, new(retained), new(quotas)} {
		if err := server.AddHook(hook, nil); err != nil {
			return nil, err
		}
	}
	if err := server.AddListener(b.tcp); err != nil {
		return nil, agent.Plainly(fmt.Errorf("listen on %s: %w", address, err))
	}
	if err := server.Serve(); err != nil {
		return nil, err
	}
	return b, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Addr returns the address that the broker listens on, host:port.
func (b *Broker) Addr() string { return b.tcp.Address() }

// URL returns the address as a client on this machine gives it.
func (b *Broker) URL() string {
	host, port, _ := net.SplitHostPort(b.Addr())
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "mqtt://" + net.JoinHostPort(host, port)
}

// Close disconnects everybody and stops.
func (b *Broker) Close() error { return b.server.Close() }
