package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"plantroom/testdata/peer"
)

// TestWebhooks runs plantroom with a UPS that goes on battery and back, and
// sees it in a real Alertmanager and in a chat, whose token stays secret.
func TestWebhooks(t *testing.T) {
	am := peer.StartAlertmanager(t, "")
	var mu sync.Mutex
	var chat []string
	room := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if len(chat) == 0 { // it has forgotten who we are
			chat = append(chat, "refused")
			http.Error(w, "who is "+r.Header.Get("Authorization")+"?", http.StatusUnauthorized)
			return
		}
		chat = append(chat, r.Header.Get("Authorization")+" "+string(body))
	}))
	defer room.Close()
	board, address := simulatedUPS(t)
	t.Setenv("CHAT_TOKEN", "sesame-sesame")
	dir := t.TempDir()
	site := filepath.Join(dir, "site.yaml")
	text := fmt.Sprintf(`site: praha-1
state: state
incidents: {hold: 1s}
outputs:
  webhook:
    - {name: alertmanager, kind: alertmanager, url: %q}
    - name: chat
      url: %q
      token: ${env:CHAT_TOKEN}
      severity: alarm
      labels: {room: ups-room}
      template: |
        {"text": {{json .Text.CS}}, "over": {{not .Active}}}
devices:
  - {id: ups-a, name: UPS A, profile: rfc1628-ups, snmp: {address: %q}, every: 200ms, labels: {room: ups-room}}
`, am.URL, room.URL+"/hooks/sesame-hook", address)
	put(t, site, text)
	log, stop := running(t, site)
	defer func() {
		stop()
		if text := log.String(); strings.Contains(text, "sesame") || !strings.Contains(text, "401 Unauthorized: who is Bearer ***?") {
			t.Errorf("log:\n%s", text)
		}
	}()
	onBattery := func() bool { // the incident, and not what is a part of it
		is := func(label, value string) bool {
			return slices.ContainsFunc(am.Alerts(t), func(a peer.Alert) bool { return a.Labels[label] == value })
		}
		return is("kind", "incident") && !is("device", "ups-a")
	}
	said := func(parts ...string) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.ContainsFunc(chat, func(line string) bool {
				return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(line, p) })
			})
		}
	}
	peer.Until(t, "the UPS is read", func() bool { return strings.Contains(log.String(), "plantroom runs") })
	board.SetState("status", "", "on_battery")
	peer.Until(t, "the Alertmanager knows; the log is\n"+log.String(), onBattery)
	peer.Until(t, "the chat knows, at the second time", said("Bearer sesame-sesame", "bater", `"over": false`))
	board.SetState("status", "", "online")
	peer.Until(t, "the Alertmanager knows that it is over", func() bool { return !onBattery() })
	peer.Until(t, "the chat knows that it is over", said("bater", `"over": true`))
}
