package grafana

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
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
	usual := &board{options: Options{Limits: config.UsualLimits()}}
	for metric, n := range norms {
		class, name, _ := strings.Cut(metric, ".")
		m := config.Lookup(class, name)
		if m == nil || m.Kind == agent.State {
			t.Errorf("%s has a norm and is no number of the catalogue", metric)
		}
		if !(n.alarmLow <= n.low && n.low < n.high && n.high <= n.alarmHigh) {
			t.Errorf("the norm of %s is out of order: %v", metric, n)
		}
		if len(usual.limitsOf(m)) > 0 {
			t.Errorf("%s has a limit; its norm is never drawn", metric)
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

// TestThresholds: the limits of a site are the steps of the colours.
func TestThresholds(t *testing.T) {
	v := func(v float64) *float64 { return &v }
	usual := config.UsualLimits()
	for _, test := range []struct {
		metric string
		limits []config.Limit
		want   string
	}{
		{"ups.battery_charge", usual, "red, 30 orange, 60 green"},
		{"ups.output_load", usual, "green, 85 orange, 100 red"},
		{"agent.clock_offset", usual, "orange, -2 green, 2 orange"},
		{"ups.output_load", []config.Limit{{Class: "ups", Metric: "output_load", AlarmHigh: v(90)}}, "green, 90 red"},
		{"ups.output_load", append(usual, config.Limit{Class: "ups", Metric: "output_load", WarnHigh: v(inf)}), "green, 100 red"},
		{"ups.output_load", append(usual, config.Limit{Class: "ups", Metric: "output_load", Off: true}), "text"},
		{"ups.output_load", append(usual, config.Limit{Class: "ups", Metric: "output_load", Device: "ups-a", WarnHigh: v(10)}), "green, 85 orange, 100 red"},
		{"climate.temperature", usual, "text"},
		{"switchboard.voltage", usual, "orange, 207 green, 253 orange"},
		{"ups.status", usual, noData},
	} {
		b := &board{options: Options{Limits: test.limits}}
		class, name, _ := strings.Cut(test.metric, ".")
		c, err := b.thresholds(config.Lookup(class, name)).Build()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range c.Steps {
			if s.Value == nil {
				got = append(got, s.Color)
			} else {
				got = append(got, fmt.Sprintf("%g %s", *s.Value, s.Color))
			}
		}
		if text := strings.Join(got, ", "); text != test.want {
			t.Errorf("%s: %s, want %s", test.metric, text, test.want)
		}
	}
	b := &board{options: Options{Limits: []config.Limit{{Class: "ups", Metric: "status", AlarmOn: []string{"eco"}, WarnOn: []string{"off"}}}}}
	words := b.mappings(config.Lookup("ups", "status"))[0].ValueMap.Options
	if *words["5"].Color != lost || *words["8"].Color != abnormal || *words["1"].Color != sound {
		t.Errorf("what the site calls an alarm and a warning is drawn as %+v", words)
	}
}
