package peer

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// An Alertmanager is a running Prometheus Alertmanager.
type Alertmanager struct {
	URL     string
	Process *Process

	program, dir, port string
}

// An Alert is one that the Alertmanager knows.
type Alert struct {
	Labels      map[string]string
	Annotations map[string]string
	StartsAt    string
	EndsAt      string
	Status      struct{ State string }
}

// StartAlertmanager starts an Alertmanager on a free loopback port. It posts
// what begins and ends to the webhook at the URL notify, at once; "" for
// nowhere.
func StartAlertmanager(t testing.TB, notify string) *Alertmanager {
	t.Helper()
	a := &Alertmanager{port: TCPPort(t), dir: t.TempDir(), program: Need(t, "prometheus-alertmanager", "apt-get install prometheus-alertmanager")}
	a.URL = "http://127.0.0.1:" + a.port
	config := "route: {receiver: test, group_by: ['...'], group_wait: 0s, group_interval: 1s}\nreceivers:\n  - name: test\n"
	if notify != "" {
		config += "    webhook_configs: [{url: '" + notify + "', send_resolved: true}]\n"
	}
	if err := os.WriteFile(filepath.Join(a.dir, "alertmanager.yml"), []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	a.Restart(t)
	return a
}

// Restart starts the Alertmanager, after Process.Stop on its old port, without
// the alerts that it had.
func (a *Alertmanager) Restart(t testing.TB) {
	t.Helper()
	cmd := exec.Command(a.program, "--config.file="+filepath.Join(a.dir, "alertmanager.yml"), "--storage.path="+a.dir,
		"--web.listen-address=127.0.0.1:"+a.port, "--cluster.listen-address=")
	a.Process = Start(t, cmd, func() bool {
		resp, err := http.Get(a.URL + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// Alerts returns the alerts that it knows and that have not ended.
func (a *Alertmanager) Alerts(t testing.TB) (alerts []Alert) {
	t.Helper()
	resp, err := http.Get(a.URL + "/api/v2/alerts")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(text, &alerts)
	}
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", resp.Status, text, err)
	}
	return alerts
}
