package grafana

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"plantroom/agent"
	"plantroom/config"
)

var update = flag.Bool("update", false, "write the *.json files beside this one anew")

// TestFiles: the files are what is made here, and no others are among them;
// so are those of Grafana in compose.
func TestFiles(t *testing.T) {
	made, err := Dashboards(Options{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range made {
		names = append(names, d.Name+".json")
		sameFile(t, d.Name+".json", d.JSON, nil)
	}
	files, err := filepath.Glob("*.json")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	if !slices.Equal(files, names) {
		t.Errorf("the files are %v, the dashboards %v", files, names)
	}

	compose := filepath.Join("..", "compose", "grafana")
	text, err := Sources([]Source{{
		UID: "plantroom-demo", Name: "plantroom demo", URL: "http://influxdb:8086", Database: "facility", Every: time.Second, TokenEnv: "INFLUX_TOKEN",
	}})
	sameFile(t, filepath.Join(compose, "provisioning", "datasources", "plantroom.yaml"), text, err)
	text, err = Provider("/var/lib/plantroom")
	sameFile(t, filepath.Join(compose, "provisioning", "dashboards", "plantroom.yaml"), text, err)
	text, err = Playlist()
	sameFile(t, filepath.Join(compose, "playlist.json"), text, err)
}

// sameFile compares a file with what is made, or writes it.
func sameFile(t *testing.T, path string, made []byte, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, made, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return
	}
	if diff := cmp.Diff(string(have), string(made)); diff != "" {
		t.Errorf("%s is not what is made; go test ./dashboards/grafana -update writes it anew (-have +made)\n%s", path, diff)
	}
}

// TestSDKTakesThem: the SDK reads the dashboards strictly, which is to say
// that each field is known, where it belongs and of its type, and finds them
// valid.
func TestSDKTakesThem(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	strict := func(raw []byte) (variants.Dataquery, error) {
		q := &Query{}
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		return q, dec.Decode(q)
	}
	cog.NewRuntime().RegisterDataqueryVariant(variants.DataqueryConfig{
		Identifier: sourceType, DataqueryUnmarshaler: strict, StrictDataqueryUnmarshaler: strict,
	})
	for _, o := range []Options{{}, {Site: "praha-1", Source: "plantroom-influx", Every: 30 * time.Second}} {
		made, err := Dashboards(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range made {
			//lint:ignore SA1019 see newBoard
			if err := real(new(dashboard.Dashboard).UnmarshalJSONStrict(d.JSON)); err != nil {
				t.Errorf("%s: %v", d.Name, err)
			}
			//lint:ignore SA1019 see newBoard
			var read dashboard.Dashboard
			if err := json.Unmarshal(d.JSON, &read); err != nil {
				t.Errorf("%s: %v", d.Name, err)
			}
			if err := real(read.Validate()); err != nil {
				t.Errorf("%s: %v", d.Name, err)
			}
			again, err := json.MarshalIndent(read, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(unescaped(d.JSON), unescaped(again)); diff != "" {
				t.Errorf("%s is another when it is read and written again: %s", d.Name, diff)
			}
		}
	}
}

// real returns err, unless it is a list of no errors: the SDK returns one, in
// an interface that is not nil, when it has found nothing. For the same reason
// what it has read strictly is not complete.
func real(err error) error {
	if list, ok := errors.AsType[cog.BuildErrors](err); ok && len(list) == 0 {
		return nil
	}
	return err
}

// unescaped decodes JSON for a comparison.
func unescaped(text []byte) (v any) {
	if err := json.Unmarshal(text, &v); err != nil {
		return err.Error()
	}
	return v
}

// TestStatesHaveColours: every word of the catalogue that has a meaning on the
// dashboards has a colour, and no colour is for a word that does not exist.
func TestStatesHaveColours(t *testing.T) {
	for metric, colors := range meanings {
		class, name, _ := strings.Cut(metric, ".")
		m := config.Lookup(class, name)
		if m == nil || m.Kind != agent.State {
			t.Errorf("%s has colours and is no state of the catalogue", metric)
			continue
		}
		for _, word := range m.States[1:] {
			if colors[word] == "" {
				t.Errorf("%s %s has no colour", metric, word)
			}
		}
		if len(colors) != len(m.States)-1 {
			t.Errorf("%s has colours for words that it has not: %v", metric, colors)
		}
	}
	for metric, b := range bands {
		class, name, _ := strings.Cut(metric, ".")
		m := config.Lookup(class, name)
		if m == nil || m.Kind == agent.State {
			t.Errorf("%s has a band and is no number of the catalogue", metric)
		}
		if !(b.alarmLow <= b.low && b.low < b.high && b.high <= b.alarmHigh) {
			t.Errorf("the band of %s is out of order: %v", metric, b)
		}
	}
	for _, class := range config.Classes() {
		for _, name := range config.Names(class) {
			if m := config.Lookup(class, name); unitIDs[m.Unit] == "" {
				t.Errorf("%s.%s is in %s, for which Grafana's name is not known", class, name, m.Unit)
			}
		}
	}
}
