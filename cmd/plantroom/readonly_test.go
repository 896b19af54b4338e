package main

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"plantroom/testdata/peer"
)

// speaks are the libraries that speak to devices, and what of each the program
// may call: whatever changes a device is not among it. Types, fields and
// constants are of no effect by themselves.
var speaks = map[string][]string{
	"github.com/goburrow/modbus": {
		"(Client).ReadCoils", "(Client).ReadDiscreteInputs", "(Client).ReadHoldingRegisters", "(Client).ReadInputRegisters",
		"NewClient2", "NewTCPClientHandler", "NewRTUClientHandler", "(Packager).Decode", // which pack and unpack
	},
	"github.com/goburrow/serial": {"Open"}, // the settings of the line; the bytes go through drivers/modbus
	"github.com/gosnmp/gosnmp": {
		"(*GoSNMP).Connect", "(*GoSNMP).Close", "(*GoSNMP).Get", "(*GoSNMP).GetNext", "(*GoSNMP).GetBulk",
		// What is heard, what answers it, and what is asked: see pdus.
		"(*GoSNMP).SnmpDecodePacket", "(*GoSNMP).UnmarshalTrap", "(*SnmpPacket).MarshalMsg", "(*UsmSecurityParameters).InitSecurityKeys",
		"(SnmpV3SecurityParameters).Copy",
	},
}

// pdus are the kinds of SNMP message that the program knows by name or number.
// The kind that changes a device, 0xA3, is not among them.
var pdus = map[string]string{
	"160": "GetRequest", "161": "GetNextRequest", "165": "GetBulkRequest", // what is asked
	"162": "GetResponse", "168": "Report", // what is answered to that, and to what is heard
	"164": "Trap", "166": "InformRequest", "167": "SNMPv2Trap", // what is heard
}

// sockets are the packages that may open one, and how.
var sockets = map[string][]string{
	"drivers/modbus": {"(*net.Dialer).DialContext", "crypto/tls.Client"},
	"drivers/snmp":   {"net.ListenUDP", "(*net.Dialer).DialContext"}, // for traps, and to ask; gosnmp opens those of version 3
	"drivers/sim":    {"net.Listen", "net.ListenPacket"},
	"agent/mqtt":     {"net.Listen"}, // for the embedded broker
	"agent/post":     {"(*net.Dialer).DialContext"},
	"agent/wall":     {"net.Listen"},
	"cmd/plantroom":  {"net.Listen"},
}

var (
	opensSocket = regexp.MustCompile(`^(\(\*?net\.(Dialer|ListenConfig|Resolver)\)|net)\.(Dial|Listen|FileConn|FilePacketConn)|^crypto/tls\.(Dial|Client)|^syscall\.(Socket|Connect)$|/unix\.(Socket|Connect)$`)
	speaking    = regexp.MustCompile(`(?i)(^|[/-])(go-?)?(modbus|snmp|gosnmp|serial|bacnet|ipmi|redfish|knx|opc-?ua|dnp3|canbus|iec104|iec61850)`)
)

// TestNothingWritesToADevice goes over every call in the program, with its
// types: of the libraries that speak to devices only what reads is used, no
// other library of that kind is linked, and nobody else opens a socket.
func TestNothingWritesToADevice(t *testing.T) {
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Export,Dir,GoFiles", "./cmd/plantroom")
	cmd.Dir = peer.Root()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	type pkg struct {
		ImportPath, Export, Dir string
		GoFiles                 []string
	}
	exports := map[string]string{}
	var ours []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		if strings.HasPrefix(p.ImportPath, "plantroom/") {
			ours = append(ours, p)
		} else if _, known := speaks[p.ImportPath]; speaking.MatchString(p.ImportPath) && !known {
			t.Errorf("%s is linked, which may speak to devices", p.ImportPath)
		}
	}
	for library := range speaks {
		if exports[library] == "" {
			t.Errorf("%s is in the table of what speaks, and not in the program", library)
		}
	}
	set := token.NewFileSet()
	from := importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	for _, p := range ours {
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}}
		config := types.Config{Importer: from}
		if _, err := config.Check(p.ImportPath, set, files, info); err != nil {
			t.Fatal(err)
		}
		for ident, o := range info.Uses {
			f, ok := o.(*types.Func)
			if !ok || f.Pkg() == nil {
				continue
			}
			library, name := f.Pkg().Path(), f.FullName()
			if allowed, speaks := speaks[library]; speaks && !slices.Contains(allowed, strings.ReplaceAll(name, library+".", "")) {
				t.Errorf("%s: %s is not one of the calls that only read", set.Position(ident.Pos()), name)
			}
			if opensSocket.MatchString(name) && !slices.Contains(sockets[strings.TrimPrefix(p.ImportPath, "plantroom/")], name) {
				t.Errorf("%s: %s opens a socket, and %s is in no table of those that may", set.Position(ident.Pos()), name, p.ImportPath)
			}
		}
		for e, v := range info.Types {
			named, ok := v.Type.(*types.Named)
			if !ok || v.Value == nil || named.Obj().Name() != "PDUType" {
				continue
			}
			if p.ImportPath == "plantroom/drivers/sim" { // it is the device, and refuses what changes one
				continue
			}
			if v.Value.Kind() != constant.Int || pdus[v.Value.ExactString()] == "" {
				t.Errorf("%s: a PDU of the kind %s is none of those that read", set.Position(e.Pos()), v.Value)
			}
		}
	}
}
