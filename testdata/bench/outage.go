package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"plantroom/agent"
	"plantroom/agent/influx"
	"plantroom/agent/queue"
)

// The outage: meters of 60 registers polled every second make 10,000 readings a
// second, and nothing took any for an hour.
const (
	outageMeters = 167
	outageFor    = time.Hour
)

// outage fills the queue of an agent with what it would have read during an
// outage of InfluxDB, starts both, and measures how the backlog drains and how
// late what is read meanwhile arrives.
func outage(plantroom, influxd string) error {
	dir, err := os.MkdirTemp("", "plantroom-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var at addresses
	devices, err := start(&at, "-role=fleet", fmt.Sprintf("-modbus=%d", outageMeters))
	if err != nil {
		return err
	}
	defer devices.stop()
	db, err := startInfluxDB(influxd, filepath.Join(dir, "influxdb"))
	if err != nil {
		return err
	}
	defer db.stop()
	wall, err := freePort()
	if err != nil {
		return err
	}
	if err := writeSite(dir, db.url, at, fmt.Sprintf("queue: {dir: queue, limit: 8GiB}\nwall: {listen: %q}\n", wall)); err != nil {
		return err
	}
	end := time.Now().Truncate(time.Second)
	bytes, err := backlog(filepath.Join(dir, "queue", "influx"), end)
	if err != nil {
		return err
	}
	readings := outageMeters * 60 * int(outageFor/time.Second)
	fmt.Printf("outage  %d readings wait, %.0f MB\n", readings, float64(bytes)/1e6)

	cmd := exec.Command(plantroom, "run", filepath.Join(dir, "site.yaml"))
	var report status
	cmd.Stderr = &report
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	}()
	began := time.Now()
	cpu := func(pid int) time.Duration { d, _, _, _ := usage(pid); return d }
	dbBefore, fleetBefore := cpu(db.cmd.Process.Pid), cpu(devices.cmd.Process.Pid)
	late := lateness{seen: map[string]time.Time{}}
	for {
		time.Sleep(100 * time.Millisecond)
		if err := late.look(db, began); err != nil {
			return err
		}
		bytes, age, err := waiting(wall)
		if err == nil && bytes < 4<<20 && age < 2 {
			break
		}
		if time.Since(began) > 20*time.Minute {
			return fmt.Errorf("%d bytes still wait after 20 minutes; the agent says:\n%s", bytes, report.text())
		}
	}
	took := time.Since(began)
	share := func(d time.Duration) float64 { return d.Seconds() / took.Seconds() }
	agentCPU, _, written, err := usage(cmd.Process.Pid)
	if err != nil {
		return err
	}
	fmt.Printf("outage  drained in %.0f s: %.0f readings/s; what was read meanwhile was seen %.2f s late (median), %.2f s (most), of %d polls; "+
		"agent %.1f MB at most, %.2f of a core, %.3f MB/s to the disk; InfluxDB %.1f MB, %.2f of a core; the devices %.2f of a core\n",
		took.Seconds(), float64(readings)/took.Seconds(), late.median().Seconds(), slices.Max(late.all).Seconds(), len(late.all),
		float64(peak(cmd.Process.Pid))/1e6, share(agentCPU), float64(written)/1e6/took.Seconds(),
		float64(peak(db.cmd.Process.Pid))/1e6, share(cpu(db.cmd.Process.Pid)-dbBefore), share(cpu(devices.cmd.Process.Pid)-fleetBefore))
	rows, err := db.query(fmt.Sprintf("SELECT count(x_register_59) FROM switchboard WHERE time < %dms", end.UnixMilli()))
	if err != nil {
		return err
	}
	if got, want := rows[1][3], fmt.Sprint(readings/60); got != want {
		return fmt.Errorf("%s polls of the outage are in InfluxDB, want %s", got, want)
	}
	return nil
}

// backlog queues what the meters said during the outage, which ends at end, and
// returns how many bytes that are.
func backlog(dir string, end time.Time) (int64, error) {
	q, err := queue.Open(dir, queue.Options{Limit: 8 << 30, Sync: queue.Never})
	if err != nil {
		return 0, err
	}
	sink, err := influx.New(influx.Options{URL: "http://127.0.0.1:1", Site: "bench", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return 0, err
	}
	metric := func(name string) *agent.Metric { return &agent.Metric{Class: "switchboard", Name: name} }
	metrics := []*agent.Metric{metric("up"), metric("poll_duration")}
	for i := range 60 {
		metrics = append(metrics, metric(fmt.Sprintf("x_register_%d", i)))
	}
	points := make([][]*agent.Point, outageMeters)
	for i := range points {
		d := &agent.Device{ID: fmt.Sprintf("meter-%d", i), Class: "switchboard"}
		for _, m := range metrics {
			points[i] = append(points[i], &agent.Point{Device: d, Metric: m})
		}
	}
	var rs []agent.Reading
	var block []byte
	for at := end.Add(-outageFor); at.Before(end); at = at.Add(time.Second) {
		for i := range points {
			rs = rs[:0]
			for j, p := range points[i] {
				r := p.Measured(float64(2000+(7*i+13*j+int(at.Unix())*(j%5))%997) / 10)
				r.Time = at
				rs = append(rs, r)
			}
			block = sink.Append(block[:0], rs)
			if err := q.Put(block); err != nil {
				return 0, err
			}
		}
	}
	bytes := q.Stats().Bytes
	return bytes, errors.Join(q.Close(), sink.Close())
}

// lateness is how long after a poll its readings were first seen in the
// database.
type lateness struct {
	seen map[string]time.Time // of each device, the newest poll
	all  []time.Duration
}

func (l *lateness) look(db *database, since time.Time) error {
	for _, device := range []string{"meter-0", "meter-83", "meter-166"} {
		asked := time.Now()
		rows, err := db.query(fmt.Sprintf("SELECT x_register_0 FROM switchboard WHERE device = '%s' AND time > %dms ORDER BY time DESC LIMIT 5",
			device, max(asked.Add(-20*time.Second).UnixMilli(), since.UnixMilli())))
		if err != nil {
			return err
		}
		answered := time.Now()
		last := l.seen[device]
		for _, row := range slices.Backward(rows[min(1, len(rows)):]) {
			ns, err := strconv.ParseInt(row[2], 10, 64)
			if err != nil {
				return err
			}
			if at := time.Unix(0, ns); at.After(last) {
				l.all = append(l.all, answered.Sub(at))
				l.seen[device] = at
			}
		}
	}
	return nil
}

func (l *lateness) median() time.Duration {
	return slices.Sorted(slices.Values(l.all))[len(l.all)/2]
}

// waiting asks the agent what waits for its output.
func waiting(wall string) (bytes int64, age float64, err error) {
	answer, err := http.Get("http://" + wall + "/healthz")
	if err != nil {
		return 0, 0, err
	}
	defer answer.Body.Close()
	var health struct {
		Outputs []struct {
			Bytes int64   `json:"queue_bytes"`
			Age   float64 `json:"queue_age_seconds"`
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&health); err != nil {
		return 0, 0, err
	}
	if len(health.Outputs) != 1 {
		return 0, 0, errors.New("the agent says nothing of its output")
	}
	return health.Outputs[0].Bytes, health.Outputs[0].Age, nil
}

// A database is a running InfluxDB 1.8.
type database struct {
	url string
	cmd *exec.Cmd
}

func startInfluxDB(program, dir string) (*database, error) {
	address, err := freePort()
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	db := &database{url: "http://" + address, cmd: exec.Command(program)}
	db.cmd.Env = append(os.Environ(), "INFLUXDB_REPORTING_DISABLED=true", "INFLUXDB_BIND_ADDRESS=127.0.0.1:0", "INFLUXDB_HTTP_BIND_ADDRESS="+address,
		"INFLUXDB_HTTP_LOG_ENABLED=false", "INFLUXDB_MONITOR_STORE_ENABLED=false",
		"INFLUXDB_META_DIR="+dir+"/meta", "INFLUXDB_DATA_DIR="+dir+"/data", "INFLUXDB_DATA_WAL_DIR="+dir+"/wal")
	if err := db.cmd.Start(); err != nil {
		return nil, err
	}
	for range 300 {
		time.Sleep(100 * time.Millisecond)
		if answer, err := http.PostForm(db.url+"/query", url.Values{"q": {"CREATE DATABASE facility"}}); err == nil {
			answer.Body.Close()
			return db, nil
		}
	}
	db.stop()
	return nil, fmt.Errorf("%s is not ready after 30 s", program)
}

func (db *database) stop() {
	db.cmd.Process.Kill()
	db.cmd.Wait()
}

// query returns the rows of an answer, their names first: name, tags, time and
// what was selected.
func (db *database) query(q string) ([][]string, error) {
	req, err := http.NewRequest("GET", db.url+"/query?"+url.Values{"db": {"facility"}, "q": {q}, "epoch": {"ns"}}.Encode(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/csv")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s %v", q, answer.Status, text, err)
	}
	return csv.NewReader(strings.NewReader(string(text))).ReadAll()
}

// freePort returns a loopback address that was free a moment ago.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// peak returns the most resident memory that a process ever had, in bytes.
func peak(pid int) (kilobytes int64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			fmt.Sscan(value, &kilobytes)
		}
	}
	return kilobytes << 10
}
