package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"plantroom/testdata/peer"
)

// TestSecretsStaySecret runs an agent whose every secret is one that a search
// finds, lets everything fail that needs one, asks it all that can be asked,
// loads configurations with the secrets in wrong places and has it dump its
// goroutines: no secret is in anything that it says.
func TestSecretsStaySecret(t *testing.T) {
	dir := peer.Certificates(t)
	secrets := map[string]string{}
	env := os.Environ()
	for _, name := range []string{"MQTT", "MQTTS", "TRAPS", "TRAPAUTH", "TRAPPRIV", "TOKEN", "COMMUNITY", "AUTH", "PRIV"} {
		secrets[name] = "S3CR3T-" + name + "-0f9a"
		env = append(env, name+"="+secrets[name])
	}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	secrets["influx"] = "S3CR3T-influx-0f9a"
	write("influx.token", secrets["influx"]+"\n")
	key, err := os.ReadFile(filepath.Join(dir, "client.key"))
	if err != nil {
		t.Fatal(err)
	}
	secrets["key"] = strings.Split(string(key), "\n")[1]
	hash, err := bcrypt.GenerateFromPassword([]byte("sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	secrets["HASH"] = string(hash)
	env = append(env, "HASH="+string(hash))

	// Far sides that refuse: a database, a broker, an agent of version 3 and one
	// of version 2c, and a server that wants no TLS.
	refuses := func(status int) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, `{"code":"unauthorized","message":"unauthorized access"}`)
		})}
		go server.Serve(l)
		t.Cleanup(func() { server.Close() })
		return l.Addr().String()
	}
	db := refuses(401)
	broker := peer.StartMosquitto(t, "allow_anonymous false\npassword_file "+write("passwords", "somebody:$7$101$AAAAAAAAAAAAAAAA$AAAA\n"))
	udp := peer.UDPPort(t)
	peer.StartSNMPD(t, dir, udp, "createUser monitor SHA-256 \"another pass\" AES \"another pass\"\nrouser monitor priv")
	wall := "127.0.0.1:" + peer.TCPPort(t)
	site := strings.NewReplacer("<db>", db, "<broker>", "127.0.0.1:"+broker.Port, "<agent>", "127.0.0.1:"+udp, "<wall>", wall).Replace(`
site: praha-1
outputs:
  influx: {url: "http://<db>", bucket: facility, token: "${file:influx.token}"}
  mqtt:
    - {url: "mqtt://<broker>", username: somebody, password: "${env:MQTT}"}
    - {name: tls, url: "mqtts://<db>", ca: ca.pem, cert: client.pem, key: client.key, username: somebody, password: "${env:MQTTS}"}
queue: {dir: queue}
traps:
  listen: 127.0.0.1:0
  communities: ["${env:TRAPS}"]
  users: [{user: trapper, auth: sha256, auth_password: "${env:TRAPAUTH}", priv: aes, priv_password: "${env:TRAPPRIV}"}]
wall: {listen: "<wall>", token: "${env:TOKEN}", users: {desk: "${env:HASH}"}}
devices:
  - {id: v2, profile: rfc1628-ups, snmp: {address: "<agent>", community: "${env:COMMUNITY}"}, every: 200ms, timeout: 200ms}
  - {id: v3, profile: rfc1628-ups, snmp: {address: "<agent>", user: monitor, auth: sha256, auth_password: "${env:AUTH}",
     priv: aes, priv_password: "${env:PRIV}"}, every: 200ms, timeout: 200ms}
  - {id: stranger, profile: rfc1628-ups, snmp: {address: "<agent>", user: stranger, auth: sha256, auth_password: "${env:AUTH}",
     priv: aes, priv_password: "${env:PRIV}"}, every: 200ms, timeout: 200ms}
  - {id: secure, profile: deepsea-gencomm, modbus: {tls: "<db>", ca: ca.pem, cert: client.pem, key: client.key, unit: 1}, every: 200ms, timeout: 200ms}
`)
	config := write("site.yaml", site)

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "plantroom") // what the test binary is when it is called that, see TestMain
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	said := &peer.Output{}
	cmd := exec.Command(program, "run", config)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(env, "GOTRACEBACK=system"), said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	defer func() {
		if t.Failed() {
			t.Log(said)
		}
		if !ended {
			cmd.Process.Kill()
			cmd.Wait()
		}
	}()
	hears := func(text string) {
		t.Helper()
		peer.Until(t, text, func() bool { return strings.Contains(said.String(), text) })
	}
	for _, id := range []string{"v2", "v3", "stranger", "secure"} {
		hears(`msg="device is silent" device=` + id)
	}
	for _, sink := range []string{"influx", "mqtt", "tls"} {
		hears(`they are kept" sink=` + sink)
	}

	// All that can be asked, as somebody, as nobody, and with a secret that is
	// not the right one there.
	var answers bytes.Buffer
	ask := func(path, authorization string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+wall+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		fmt.Fprintf(&answers, "%s %s: %s %v\n", path, authorization[:min(6, len(authorization))], resp.Status, resp.Header)
		body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		if err != nil {
			t.Fatal(err)
		}
		answers.Write(body)
	}
	for _, path := range []string{"/healthz", "/metrics", "/api/v1/devices", "/api/v1/device/v2", "/api/v1/events", "/api/v1/path", "/debug/pprof/cmdline", "/debug/vars", "/no-such"} {
		for _, who := range []string{"", "Bearer " + secrets["TOKEN"], "Bearer " + secrets["MQTT"], "Basic ZGVzazpzZXNhbWU="} {
			ask(path, who)
		}
	}
	if text := answers.String(); !strings.Contains(text, `"device":"v3"`) || !strings.Contains(text, `plantroom_sink_up{sink="tls"} 0`) {
		t.Errorf("not much was answered:\n%s", text)
	}

	cmd.Process.Signal(syscall.SIGUSR1)
	hears(`msg="device is still silent" device=secure`)
	for i, wrong := range []string{
		strings.Replace(site, "every: 200ms", `every: "${env:MQTT}"`, 1),
		strings.Replace(site, "id: v2", `id: "/${env:AUTH}"`, 1),
		strings.Replace(site, "http://", "${env:PRIV}://", 1),
		strings.Replace(site, "client.key", "influx.token", 1),
		strings.Replace(site, "${env:HASH}", "${env:TOKEN}", 1),
	} {
		write("site.yaml", wrong)
		var out bytes.Buffer
		check := exec.Command(program, "check", config)
		check.Env, check.Stdout, check.Stderr = env, &out, &out
		if err := check.Run(); err == nil {
			t.Errorf("configuration %d is right", i)
		}
		answers.Write(out.Bytes())
		before := strings.Count(said.String(), "is not taken")
		cmd.Process.Signal(syscall.SIGHUP)
		peer.Until(t, "that the configuration is not taken", func() bool { return strings.Count(said.String(), "is not taken") > before })
	}
	write("site.yaml", site)
	for _, args := range [][]string{{"check"}, {"read", "v2", "--config"}, {"read", "v3", "--config"}, {"read", "secure", "--config"}} {
		one := exec.Command(program, append(args, config)...)
		one.Env = env
		out, _ := one.CombinedOutput()
		answers.Write(out)
	}

	cmd.Process.Signal(syscall.SIGQUIT)
	cmd.Wait()
	ended = true
	hears("goroutine ")
	for name, text := range secrets {
		for what, all := range map[string]string{"log": said.String(), "answers": answers.String()} {
			if i := strings.Index(all, text); i >= 0 {
				t.Errorf("the %s say the secret %s: %s", what, name, all[max(0, i-200):min(len(all), i+100)])
			}
		}
	}
}
