package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"plantroom/testdata/peer"
)

func composeFolder() string { return filepath.Join(peer.Root(), "dashboards", "compose") }

// startCompose runs dashboards/compose/start in a copy of its folder, with a
// docker and a make that only write down what they were called with. It
// returns the folder, what was said and what was called.
func startCompose(t *testing.T, root string) (dir, said, called string) {
	t.Helper()
	dir = filepath.Join(root, "dashboards", "compose")
	tools := t.TempDir()
	calls := filepath.Join(tools, "calls")
	for _, tool := range []string{"docker", "make"} {
		script := fmt.Sprintf("#!/bin/sh\necho %s \"$@\" >> %s\n", tool, calls)
		if err := os.WriteFile(filepath.Join(tools, tool), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(filepath.Join(dir, "start"))
	cmd.Env = append(os.Environ(), "PATH="+tools+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("start: %v: %s", err, out)
	}
	text, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	return dir, string(out), string(text)
}

// TestComposeStart: the passwords are made once, are not the same, and only
// their owner can read them.
func TestComposeStart(t *testing.T) { // alone, since a program that was just written must be open to no process that just began
	root := t.TempDir()
	if err := os.CopyFS(filepath.Join(root, "dashboards", "compose"), os.DirFS(composeFolder())); err != nil {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(root, "dashboards", "compose", ".env")) // somebody may have started it here
	dir, said, called := startCompose(t, root)
	if !strings.Contains(called, "make -C ../.. build\n") || !strings.HasSuffix(called, "docker compose up --build --detach\n") {
		t.Errorf("called: %s", called)
	}
	env := filepath.Join(dir, ".env")
	first, err := os.ReadFile(env)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(env); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	secrets := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\w+_PASSWORD=([\w-]{24})$`).FindAllStringSubmatch(string(first), -1) {
		secrets[m[1]] = true
	}
	if len(secrets) != 5 {
		t.Errorf("%d different passwords, want 5: %s", len(secrets), first)
	}
	grafana := regexp.MustCompile(`GRAFANA_PASSWORD=(.*)`).FindStringSubmatch(string(first))[1]
	if !strings.Contains(said, "as admin, "+grafana+"\n") {
		t.Errorf("said: %s", said)
	}
	if _, _, called := startCompose(t, root); strings.Count(called, "docker") != 1 {
		t.Errorf("called: %s", called)
	}
	if again, err := os.ReadFile(env); err != nil || !bytes.Equal(first, again) {
		t.Errorf("the passwords are others at the second start: %v", err)
	}

	// What they are put into is a compose file.
	compose := peer.Need(t, "docker-compose", "apt-get install docker-compose")
	out, err := exec.Command(compose, "--project-directory", dir, "-f", filepath.Join(dir, "compose.yaml"), "config").CombinedOutput()
	if err != nil {
		t.Fatalf("docker-compose config: %v: %s", err, out)
	}
	for _, want := range []string{"GF_SECURITY_ADMIN_PASSWORD: " + grafana, "image: influxdb:1.8.10"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not in the file as it is understood:\n%s", want, out)
		}
	}
	os.Remove(env)
	out, err = exec.Command(compose, "--project-directory", dir, "-f", filepath.Join(dir, "compose.yaml"), "config").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "run ./start, which makes the passwords") {
		t.Errorf("without passwords: %v: %s", err, out)
	}
}

// TestComposeFitsTogether: there is no container engine where tests run, so
// the commands of the compose file are run as they are, on real servers of the
// same kinds: what the demo delivers there with its passwords arrives, and
// nobody gets in without.
func TestComposeFitsTogether(t *testing.T) {
	var file struct {
		Services map[string]struct {
			Command     []string
			Environment map[string]string
		}
	}
	text, err := os.ReadFile(filepath.Join(composeFolder(), "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	peer.Need(t, "mosquitto_passwd", "apt-get install mosquitto")
	mosquitto := peer.Need(t, "mosquitto", "apt-get install mosquitto")
	port := peer.TCPPort(t)
	dir := t.TempDir()
	conf, err := os.ReadFile(filepath.Join(composeFolder(), "mosquitto.conf"))
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(dir, "mosquitto.conf")
	passwords := filepath.Join(dir, "passwords")
	settings := strings.NewReplacer("listener 1883", "user root\nlistener "+port+" 127.0.0.1", "/tmp/passwords", passwords).Replace(string(conf))
	if err := os.WriteFile(own, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	command := file.Services["mosquitto"].Command
	script := strings.NewReplacer("$$", "$", "/tmp/passwords", passwords, "exec mosquitto ", "exec "+mosquitto+" ", "/mosquitto/config/mosquitto.conf", own).
		Replace(command[2])
	broker := exec.Command(command[0], command[1], script)
	broker.Env = append(os.Environ(), "MQTT_PASSWORD=sesame")
	peer.Start(t, broker, peer.Listening("127.0.0.1:"+port))

	db := peer.StartInfluxDB(t)
	for _, q := range []string{ // as the image does by its environment
		"CREATE USER admin WITH PASSWORD 'a' WITH ALL PRIVILEGES", "CREATE USER plantroom WITH PASSWORD 'sesame'", "GRANT ALL ON facility TO plantroom",
	} {
		db.Query(t, q)
	}
	db.Process.Stop()
	t.Setenv("INFLUXDB_HTTP_AUTH_ENABLED", "true")
	db.Restart(t)

	demo := file.Services["plantroom"]
	t.Setenv("MQTT_PASSWORD", "sesame")
	name, _, _ := strings.Cut(demo.Environment["INFLUX_TOKEN"], ":")
	t.Setenv("INFLUX_TOKEN", name+":sesame")
	args := []string{"--wall", "127.0.0.1:0"}
	for _, a := range demo.Command[1:] {
		if strings.Contains(a, "${") {
			continue // what happens, and how fast
		}
		args = append(args, strings.NewReplacer("http://influxdb:8086", db.URL, "mosquitto:1883", net.JoinHostPort("127.0.0.1", port)).Replace(a))
	}
	lines := peer.Subscribe(t, "-p", port, "-u", "plantroom", "-P", "sesame", "-t", "plantroom/demo/ups-a")
	ctx := t.Context()
	out := &transcript{}
	done := make(chan int, 1)
	go func() { done <- run(ctx, append([]string{"demo", "--for", "15s"}, args...), out, out) }()
	peer.Until(t, "a UPS over MQTT", func() bool { return len(lines()) > 0 })
	if code := <-done; code != 0 {
		t.Fatalf("exit %d: %s", code, out)
	}
	for token, want := range map[string]string{"plantroom:sesame": "ups-a", "plantroom:guessed": "authorization failed"} {
		req, err := http.NewRequest(http.MethodGet, db.URL+"/query?"+url.Values{"db": {"facility"}, "q": {`SELECT last(up) FROM ups GROUP BY device`}}.Encode(), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Token "+token)
		client := http.Client{Timeout: 10 * time.Second}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var answer bytes.Buffer
		answer.ReadFrom(resp.Body)
		resp.Body.Close()
		if !strings.Contains(answer.String(), want) {
			t.Errorf("as %s: %s", token, &answer)
		}
	}
	sub := peer.Need(t, "mosquitto_sub", "apt-get install mosquitto-clients")
	if text, err := exec.Command(sub, "-p", port, "-t", "#", "-W", "5", "-C", "1").CombinedOutput(); err == nil {
		t.Errorf("the broker lets anybody in: %s", text)
	}
}
