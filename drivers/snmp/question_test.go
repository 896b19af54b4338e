package snmp

import (
	"strings"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"
)

// TestQuestionIsAskedAgain: what is asked a second time is the same but for the
// id, whatever the message is otherwise.
func TestQuestionIsAskedAgain(t *testing.T) {
	like := "\x02\x04\x40\x00\x00\x00" // as an id begins
	for _, version := range []gosnmp.SnmpVersion{gosnmp.Version1, gosnmp.Version2c} {
		for _, community := range []string{"", "public", like, strings.Repeat(like, 20)} {
			for _, objects := range []int{1, 36, 128} {
				q := getOf(nil)
				if objects == 36 && version == gosnmp.Version2c {
					q.kind, q.repetitions = gosnmp.GetBulkRequest, 20
				}
				for range objects {
					q.oids = append(q.oids, ".1.3.6.1.4.1.64.0.2.4.64.0.0.0")
				}
				session := &gosnmp.GoSNMP{Version: version, Community: community}
				ids := map[uint32]bool{}
				for range 5 {
					id, err := q.encode(session)
					if err != nil {
						t.Fatal(err)
					}
					ids[id] = true
					p, err := session.SnmpDecodePacket(q.message)
					if err != nil {
						t.Fatal(err)
					}
					if p.RequestID != id || p.PDUType != q.kind || p.Community != community || len(p.Variables) != objects ||
						p.Variables[objects-1].Name != q.oids[0] || int(p.MaxRepetitions) != q.repetitions {
						t.Errorf("version %v, community %q, %d objects, id %d: the message says %+v", version, community, objects, id, p)
					}
				}
				if len(ids) != 5 {
					t.Errorf("5 times asked with %d ids", len(ids))
				}
			}
		}
	}
}

// TestLongAnswer: an agent may say more than what is usual.
func TestLongAnswer(t *testing.T) {
	long := strings.Repeat("battery ", 1000)
	agent := newStub("2c", map[string]any{"1.3.6.1.2.1.1.1.0": long})
	c := newClient(agent.address("127.0.0.1:161"), 0, time.Second)
	c.connect = inMemory(agent.send)
	t.Cleanup(func() { c.close() })
	for range 2 {
		out := make([]answer, 1)
		if err := c.get(t.Context(), getOf([]string{".1.3.6.1.2.1.1.1.0"}), out); err != nil || string(out[0].pdu.Value.([]byte)) != long {
			t.Errorf("read %v, %v", out[0].pdu.Value, err)
		}
	}
	if asked := len(agent.take()); asked != 3 {
		t.Errorf("asked %d times, not once too often", asked)
	}
}
