package mqtt

import (
	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// quotas is a hook that has the library never count how many messages a client
// of MQTT 5 has not acknowledged yet, though that may say how many it can take.
//
// Where it counts, it takes a lock twice, and waits for itself as soon as a
// message for the client comes in between; then whoever published that waits
// too, and with it the agent. A client that takes as many as the broker ever
// keeps for one needs no count. Any other gets what it subscribes to with QoS 0,
// which nobody acknowledges, and is told so.
type quotas struct {
	mochi.HookBase
}

// ID names the hook.
func (*quotas) ID() string { return "quotas" }

// Provides says which of a hook's methods it has.
func (*quotas) Provides(method byte) bool {
	return method == mochi.OnConnect || method == mochi.OnSessionEstablished || method == mochi.OnSubscribe
}

// OnConnect is called before a client is let in.
func (*quotas) OnConnect(cl *mochi.Client, _ packets.Packet) error {
	if most := &cl.Properties.Props.ReceiveMaximum; *most >= retainedLimit {
		*most = 0 // as where it says nothing
	}
	cl.State.Inflight.ResetSendQuota(0)
	return nil
}

// OnSessionEstablished is called when the client may have inherited a session.
func (*quotas) OnSessionEstablished(cl *mochi.Client, _ packets.Packet) {
	cl.State.Inflight.ResetSendQuota(0)
}

// OnSubscribe is called before the client has subscribed.
func (*quotas) OnSubscribe(cl *mochi.Client, pk packets.Packet) packets.Packet {
	if cl.Properties.Props.ReceiveMaximum > 0 {
		for i := range pk.Filters {
			pk.Filters[i].Qos = 0
		}
	}
	return pk
}
