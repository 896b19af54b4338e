package grafana

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/playlistv1"
	"gopkg.in/yaml.v3"
)

// A Source is an InfluxDB that Grafana is to ask. What is secret of it is not
// here: Grafana takes it from its environment, from the variables named.
type Source struct {
	UID, Name string
	URL       string
	Database  string        // in InfluxDB 2 and 3 the bucket
	Every     time.Duration // of its data: no chart asks for shorter intervals
	TokenEnv  string        // holds the token, in InfluxDB 1.8 USER:PASSWORD; "" for none

	CA              string // the authorities to believe, PEM; "" for the system's
	ServerName      string // that the server must prove; "" for the host of the URL
	CertEnv, KeyEnv string // hold who Grafana is, PEM; "" for nobody
}

// Sources returns the file that tells Grafana of data sources, to be put into
// provisioning/datasources.
//
// The token goes into a header of its own: as "Token ..." it is what InfluxDB
// 2 and 3 ask for, and what 1.8 takes a user and password in.
func Sources(sources []Source) ([]byte, error) {
	type source struct {
		Name     string            `yaml:"name"`
		UID      string            `yaml:"uid"`
		Type     string            `yaml:"type"`
		Access   string            `yaml:"access"`
		URL      string            `yaml:"url"`
		Editable bool              `yaml:"editable"`
		JSONData map[string]any    `yaml:"jsonData"`
		Secure   map[string]string `yaml:"secureJsonData,omitempty"`
	}
	var file struct {
		APIVersion  int      `yaml:"apiVersion"`
		Datasources []source `yaml:"datasources"`
	}
	file.APIVersion = 1
	for _, s := range sources {
		out := source{
			Name: literal(s.Name), UID: s.UID, Type: sourceType, Access: "proxy", URL: literal(s.URL),
			// A list of hundreds of devices is too long for a URL.
			JSONData: map[string]any{"version": "InfluxQL", "dbName": literal(s.Database), "httpMode": "POST", "timeInterval": duration(s.Every)},
			Secure:   map[string]string{},
		}
		if s.TokenEnv != "" {
			out.JSONData["httpHeaderName1"] = "Authorization"
			out.Secure["httpHeaderValue1"] = "Token $" + s.TokenEnv
		}
		if s.CA != "" {
			out.JSONData["tlsAuthWithCACert"] = true
			out.Secure["tlsCACert"] = literal(s.CA)
		}
		if s.CertEnv != "" {
			out.JSONData["tlsAuth"] = true
			out.Secure["tlsClientCert"] = "$" + s.CertEnv
			out.Secure["tlsClientKey"] = "$" + s.KeyEnv
		}
		if s.ServerName != "" {
			out.JSONData["serverName"] = literal(s.ServerName)
		}
		file.Datasources = append(file.Datasources, out)
	}
	return inYAML("Data sources of Grafana, made by plantroom dashboards export.", file)
}

// literal keeps Grafana from taking a $ for a variable of its environment.
func literal(s string) string { return strings.ReplaceAll(s, "$", "$$") }

// Provider returns the file that tells Grafana where the dashboards are, to be
// put into provisioning/dashboards.
func Provider(folder string) ([]byte, error) {
	return inYAML("Where Grafana finds the dashboards, made by plantroom dashboards export.", map[string]any{
		"apiVersion": 1,
		"providers": []map[string]any{{
			"name": "plantroom", "type": "file", "folder": "Plantroom", "folderUid": "plantroom", "allowUiUpdates": true,
			"options": map[string]any{"path": literal(folder)},
		}},
	})
}

func inYAML(head string, v any) ([]byte, error) {
	var text bytes.Buffer
	text.WriteString("# " + head + "\n")
	enc := yaml.NewEncoder(&text)
	enc.SetIndent(2)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return text.Bytes(), enc.Close()
}

// Playlist returns what makes the playlist for a wall when it is posted to
// Grafana, which reads playlists from no file: the dashboards for the wall,
// half a minute each. Its address ends in plantroom-wall.
func Playlist() ([]byte, error) {
	p := playlistv1.NewPlaylistBuilder("Plantroom wall").Interval("30s")
	for _, d := range dashboards {
		if d.wall {
			p.Item(playlistv1.NewItemBuilder().Type(playlistv1.PlaylistItemTypeDashboardByUid).Value(uid(d.name)))
		}
	}
	m, err := playlistv1.Manifest("plantroom-wall", p).ApiVersion("playlist.grafana.app/v1").Build() // the SDK's own is none that Grafana has
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(m, "", "  ")
	return append(text, '\n'), err
}
