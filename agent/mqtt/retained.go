package mqtt

import (
	"strings"
	"sync"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// retained is a hook that lets nobody retain a message while the library looks
// for what a new subscriber gets.
//
// The library notes in its tree of topics that one has something retained,
// holding a lock, and reads that without: a string half of which is written,
// which takes the whole agent down where it is the first of its topic.
//
// So whoever subscribes holds a lock from when it was told that it has, right
// before the library looks, to OnPacketProcessed, and whoever retains from
// OnPublish or OnWill to OnRetainMessage. Between these nothing waits for a
// client longer than its link does. TestSubscribersWhilePublishing fails with
// -race where one of them is not called any more.
type retained struct {
	mochi.HookBase
	tree sync.RWMutex
}

// ID names the hook.
func (*retained) ID() string { return "retained" }

// Provides says which of a hook's methods it has.
func (*retained) Provides(method byte) bool {
	switch method {
	case mochi.OnConnect, mochi.OnSubscribe, mochi.OnPacketSent, mochi.OnPacketProcessed, mochi.OnPublish, mochi.OnWill, mochi.OnRetainMessage:
		return true
	}
	return false
}

// OnConnect has a client's will published at once: with a delay it is retained
// without a call before.
func (*retained) OnConnect(cl *mochi.Client, _ packets.Packet) error {
	cl.Properties.Will.WillDelayInterval = 0
	return nil
}

// OnSubscribe has the broker's own figures not looked for, which are retained
// without a call before. They are published every second anyway.
func (*retained) OnSubscribe(_ *mochi.Client, pk packets.Packet) packets.Packet {
	for i, f := range pk.Filters {
		if strings.HasPrefix(f.Filter, mochi.SysPrefix) {
			pk.Filters[i].RetainHandling = 2 // never send what is retained
		}
	}
	return pk
}

// OnPacketSent is called right before what is retained is looked for.
func (r *retained) OnPacketSent(_ *mochi.Client, pk packets.Packet, _ []byte) {
	if pk.FixedHeader.Type == packets.Suback {
		r.tree.RLock()
	}
}

// OnPacketProcessed is called after what is retained was looked for, and also
// where the client could not be told.
func (r *retained) OnPacketProcessed(_ *mochi.Client, pk packets.Packet, err error) {
	if pk.FixedHeader.Type == packets.Subscribe && err == nil {
		r.tree.RUnlock()
	}
}

// OnPublish is called right before a message is retained.
func (r *retained) OnPublish(_ *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	if pk.FixedHeader.Retain {
		r.tree.Lock()
	}
	return pk, nil
}

// OnWill is called right before a will is retained.
func (r *retained) OnWill(_ *mochi.Client, will mochi.Will) (mochi.Will, error) {
	if will.Retain {
		r.tree.Lock()
	}
	return will, nil
}

// OnRetainMessage is called right after a message was retained.
func (r *retained) OnRetainMessage(*mochi.Client, packets.Packet, int64) {
	r.tree.Unlock()
}
