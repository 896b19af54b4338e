package config

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// compiled returns a schema ready to be held against documents.
func compiled(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// document returns YAML as an editor has it.
func document(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return keyed(v)
}

// keyed makes the keys of mappings texts, which in YAML may be numbers.
func keyed(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, item := range v {
			v[k] = keyed(item)
		}
	case map[any]any:
		out := map[string]any{}
		for k, item := range v {
			key, _ := yaml.Marshal(k)
			out[strings.TrimSpace(string(key))] = keyed(item)
		}
		return out
	case []any:
		for i := range v {
			v[i] = keyed(v[i])
		}
	}
	return v
}

// unseen returns the places of which the example does not show what can stand
// there, and those that it does not explain.
func (f *form) unseen(path string) (places []string) {
	if f.keys == nil && f.any == nil && f.item == nil && f.kinds == nil {
		places = append(places, fmt.Sprintf("%s is not in it", path))
	}
	for key, value := range f.keys {
		at := strings.TrimPrefix(path+"."+key, ".")
		places = append(places, value.unseen(at)...)
		if value.doc == "" {
			places = append(places, fmt.Sprintf("%s has no comment", at))
		}
	}
	if f.any != nil {
		places = append(places, f.any.unseen(path+".*")...)
	}
	if f.item != nil {
		places = append(places, f.item.unseen(path+"[]")...)
	}
	slices.Sort(places)
	return places
}

// TestExamplesHaveEverything: the examples show and explain every key that the
// reader asks for, and are right.
func TestExamplesHaveEverything(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		read func(s *source, root *yaml.Node)
	}{
		"example.yaml":         {Example, func(s *source, root *yaml.Node) { newSiteReader(s.faults).readSite(s, root) }},
		"example-profile.yaml": {ExampleProfile, func(s *source, root *yaml.Node) { readProfileOf(s, root) }},
	} {
		o := &outline{at: map[*yaml.Node]*form{}}
		var faults Faults
		s := &source{file: name, faults: &faults, outline: o}
		root := s.parse([]byte(test.text))
		test.read(s, o.begin(root))
		for _, place := range o.at[root].unseen("") {
			t.Errorf("config/%s: %s", name, place)
		}
	}
	if _, err := ParseProfile("example-meter.yaml", []byte(ExampleProfile)); err != nil {
		t.Error(err)
	}

	dir := t.TempDir()
	put := func(name string, text []byte) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, key := selfSigned(t)
	put("ca.pem", cert)
	put("edge-1.pem", cert)
	put("edge-1.key", key)
	put("influx.token", []byte("sesame"))
	put("profiles/example-meter.yaml", []byte(ExampleProfile))
	put("devices/hall.yaml", []byte("devices: [{id: ste-1, profile: hwg-ste, snmp: {address: 10.1.0.50}}]\n"))
	put("site.yaml", []byte(Example))
	for _, name := range []string{"CLOUD_TOKEN", "MQTT_PASSWORD", "CHAT_TOKEN", "WALL_TOKEN", "SNMP", "SNMP_AUTH", "SNMP_PRIV"} {
		t.Setenv(name, "sesame-sesame")
	}
	if _, err := Load(filepath.Join(dir, "site.yaml")); err != nil {
		t.Error(err)
	}
}

func selfSigned(t *testing.T) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, made, made, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})
}

// readmeYAML returns the configuration that the README shows.
func readmeYAML(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?s)## A real configuration\n\n(.*?)\n\n[^ ]`).FindSubmatch(text)
	if m == nil {
		t.Fatal("the README shows no configuration")
	}
	return bytes.ReplaceAll(m[1], []byte("\n    "), []byte("\n"))
}

// TestSchema: what is right is right by the schema, and what is wrong in its
// shape, or a key that there is not, is found by an editor too.
func TestSchema(t *testing.T) {
	site, profile := compiled(t, Schema()), compiled(t, ProfileSchema())
	right := map[string][]byte{"config/example.yaml": []byte(Example), "README.md": readmeYAML(t)}
	packaged, err := os.ReadFile(filepath.Join("..", ".packaging", "plantroom.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	right[".packaging/plantroom.yaml"] = packaged
	for name, text := range right {
		if err := site.Validate(document(t, text)); err != nil {
			t.Errorf("%s is not right by the schema: %v", name, err)
		}
	}
	profiles := map[string][]byte{"config/example-profile.yaml": []byte(ExampleProfile)}
	for _, name := range embeddedNames() {
		text, err := embedded.ReadFile("profiles/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		profiles[name] = text
	}
	for name, text := range profiles {
		if err := profile.Validate(document(t, text)); err != nil {
			t.Errorf("%s is not right by the schema: %v", name, err)
		}
	}

	for _, name := range []string{"unknown-key", "shapes", "missing", "duplicate-device"} {
		a, err := txtar.ParseFile(filepath.Join("..", "testdata", "faults", name+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		err = site.Validate(document(t, a.Files[0].Data))
		if found := name != "duplicate-device"; (err != nil) != found { // which no schema finds
			t.Errorf("%s: %v", name, err)
		}
	}
}
