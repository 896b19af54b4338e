package peer

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"
)

// StartSNMPD starts net-snmp's agent on a loopback port, with the community
// public for all versions that have one. Settings are more lines of its
// configuration. What it keeps is in dir, for another that is started there.
func StartSNMPD(t testing.TB, dir, port, settings string) *Process {
	t.Helper()
	file := filepath.Join(dir, "snmpd.conf")
	conf := "agentAddress udp:127.0.0.1:" + port + "\nrocommunity public 127.0.0.1\n" + settings + "\n"
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(Need(t, "snmpd", "apt-get install snmpd"), "-f", "-Lo", "-C", "-c", file, "-I", "-smux")
	cmd.Env = append(os.Environ(), "SNMP_PERSISTENT_DIR="+filepath.Join(dir, "state"), "MIBS=")
	return Start(t, cmd, func() bool {
		udp, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			t.Fatal(err)
		}
		c := gosnmp.GoSNMP{Target: "127.0.0.1", Port: uint16(udp), Version: gosnmp.Version2c, Community: "public", Timeout: 200 * time.Millisecond}
		if err := c.Connect(); err != nil {
			return false
		}
		defer c.Conn.Close()
		_, err = c.Get([]string{"1.3.6.1.2.1.1.3.0"})
		return err == nil
	})
}

// An SNMPTree is a part of an SNMP agent's tree that is served by a script, so
// that it can change while the agent runs.
type SNMPTree struct {
	Settings string // lines for StartSNMPD
	file     string
}

// A getnext finds the first object of the file, which is in order, behind the
// OID that is asked for.
const treeScript = `after() {
	a=${1#.}. b=${2#.}.
	while [ -n "$a" ]; do
		x=${a%%.*} y=${b%%.*}
		if [ -z "$b" ] || [ "$x" -gt "$y" ]; then return 0; fi
		if [ "$x" -lt "$y" ]; then return 1; fi
		a=${a#*.} b=${b#*.}
	done
	return 1
}
while read -r ask; do
	if [ "$ask" = PING ]; then echo PONG; continue; fi
	read -r asked
	answer=NONE
	while read -r oid type value; do
		if [ "$ask" = getnext ]; then after "$oid" "$asked"; else [ "$oid" = "$asked" ]; fi
		if [ $? = 0 ]; then
			answer=$(printf '%s\n%s\n%s' "$oid" "$type" "$value")
			break
		fi
	done <"$1"
	echo "$answer"
done
`

// NewSNMPTree makes the tree below an OID, with nothing in it. Its files are in
// dir.
func NewSNMPTree(t testing.TB, dir, root string) *SNMPTree {
	t.Helper()
	script := filepath.Join(dir, "tree.sh")
	if err := os.WriteFile(script, []byte(treeScript), 0o600); err != nil {
		t.Fatal(err)
	}
	tree := &SNMPTree{file: filepath.Join(dir, "tree")}
	tree.Settings = fmt.Sprintf("pass_persist .%s /bin/sh %s %s\n", root, script, tree.file)
	tree.Set(t)
	return tree
}

// Set makes the objects those of the tree, in place of all that were. Each is
// "OID TYPE VALUE" with a type as snmpd.conf(5) has it for pass_persist:
// integer, gauge, objectid, string.
func (s *SNMPTree) Set(t testing.TB, objects ...string) {
	t.Helper()
	number := func(object string) (id []int) {
		oid, _, _ := strings.Cut(object, " ")
		for part := range strings.SplitSeq(oid, ".") {
			n, err := strconv.Atoi(part)
			if err != nil {
				t.Fatalf("%s: %v", object, err)
			}
			id = append(id, n)
		}
		return id
	}
	objects = slices.SortedFunc(slices.Values(objects), func(a, b string) int { return slices.Compare(number(a), number(b)) })
	var text strings.Builder
	for _, o := range objects {
		text.WriteString("." + o + "\n")
	}
	if err := os.WriteFile(s.file+".new", []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.file+".new", s.file); err != nil {
		t.Fatal(err)
	}
}
