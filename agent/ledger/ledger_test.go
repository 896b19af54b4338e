package ledger

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"plantroom/agent"
	"plantroom/config"
)

var prague = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		panic(err)
	}
	return zone
}()

// A unit is a device whose polls a test makes.
type unit struct {
	device *agent.Device
	points map[string]*agent.Point
	fails  int
}

func newUnit(id, class string, every time.Duration) *unit {
	return &unit{&agent.Device{ID: id, Name: strings.ToUpper(id), Class: class, Every: every,
		Labels: []agent.Label{{Name: "room", Value: "hall"}}}, map[string]*agent.Point{}, 0}
}

// poll returns a poll now; each reading is METRIC[/CHANNEL] and a number or a
// state's word, nil for one that could not be read. Without any the device is
// silent.
func (u *unit) poll(readings ...any) *agent.Poll {
	p := &agent.Poll{Device: u.device, Time: time.Now(), Next: time.Now().Add(u.device.Every)}
	if len(readings) == 0 {
		u.fails++
		p.Err, p.Failures = errors.New("timeout"), u.fails
		return p
	}
	u.fails = 0
	for i := 0; i < len(readings); i += 2 {
		name := readings[i].(string)
		pt := u.points[name]
		if pt == nil {
			metric, channel, _ := strings.Cut(name, "/")
			pt = &agent.Point{Device: u.device, Metric: config.Lookup(u.device.Class, metric), Channel: channel}
			u.points[name] = pt
		}
		var r agent.Reading
		switch v := readings[i+1].(type) {
		case string:
			code, _ := pt.Metric.Code(v)
			r = pt.Stated(code, "")
		case float64:
			r = pt.Measured(v)
		case int:
			r = pt.Measured(float64(v))
		default:
			r = pt.Failed(errors.New("absent"))
		}
		r.Time = p.Time
		p.Readings = append(p.Readings, r)
	}
	return p
}

// at lets time pass until a time of Prague.
func at(t *testing.T, text string) {
	t.Helper()
	when, err := time.ParseInLocation(time.DateTime, text, prague)
	if err != nil || when.Before(time.Now()) {
		t.Fatalf("at %s: %v", text, err)
	}
	time.Sleep(time.Until(when))
}

func opened(t *testing.T, dir string) *Ledger {
	t.Helper()
	l, err := open(dir, "praha-1", prague, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// kill ends a ledger without a word, as a killed process does.
func (l *Ledger) kill() {
	close(l.stop)
	<-l.done
}

func days(t *testing.T, dir string, year int, month time.Month) map[string]*Day {
	t.Helper()
	all, err := Read(dir, year, month)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*Day{}
	for _, d := range all {
		out[d.Date] = d
	}
	return out
}

func (d *Day) device(id string) *Device {
	for _, one := range d.Devices {
		if one.ID == id {
			return one
		}
	}
	return &Device{}
}

// near reports whether two numbers are the same to a millionth.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-6*math.Max(1, math.Abs(b)) }

// TestDay: time is counted as what the last poll said it was, until that is too
// old; over midnight each day has its own.
func TestDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		at(t, "2026-11-26 20:00:00")
		l := opened(t, dir)
		ups := newUnit("ups-a", "ups", 10*time.Second)
		for range 360 { // until 21:00
			l.Observe(ups.poll("status", "online", "output_power", 40e3, "output_power/L1", 13e3, "input_voltage/L1", nil))
			time.Sleep(10 * time.Second)
		}
		for range 60 { // 10 min on battery
			l.Observe(ups.poll("status", "on_battery", "output_power", 50e3))
			time.Sleep(10 * time.Second)
		}
		for range 30 { // 5 min silent
			l.Observe(ups.poll())
			time.Sleep(10 * time.Second)
		}
		l.Observe(ups.poll("status", "online", "output_power", nil))
		// From 21:15:00 on nobody polls: 30 s of that are known.
		at(t, "2026-11-26 23:59:00")
		for range 12 {
			l.Observe(ups.poll("status", "online", "output_power", 20e3))
			time.Sleep(10 * time.Second)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		all := days(t, dir, 2026, 11)
		d := all["2026-11-26"].device("ups-a")
		if d.Name != "UPS-A" || d.Room != "hall" || d.Polls != 360+60+30+1+6 || d.Failures != 30 || d.Outages != 1 {
			t.Errorf("%+v", d)
		}
		for _, c := range []struct {
			what      string
			got, want float64
		}{
			{"up", d.Up, 3600 + 600 + 30 + 60}, {"down", d.Down, 300},
			{"online", d.States["status"]["online"], 3600 + 30 + 60}, {"on battery", d.States["status"]["on_battery"], 600},
			{"known power", d.Values["output_power"].Seconds, 3600 + 600 + 60},
			{"mean power", d.Values["output_power"].Mean(), (3600*40e3 + 600*50e3 + 60*20e3) / 4260},
			{"lowest", d.Values["output_power"].Min, 20e3}, {"highest", d.Values["output_power"].Max, 50e3},
			{"phase", d.Values["output_power/L1"].Seconds, 3600},
			{"the next day", all["2026-11-27"].device("ups-a").Up, 60},
			{"its power", all["2026-11-27"].device("ups-a").Values["output_power"].Mean(), 20e3},
		} {
			if !near(c.got, c.want) {
				t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
			}
		}
		if got := d.Values["output_power"].MaxAt.In(prague).Format(time.DateTime); got != "2026-11-26 21:00:00" {
			t.Errorf("highest at %s", got)
		}
		var runs []string
		for _, date := range []string{"2026-11-26", "2026-11-27"} {
			for _, r := range all[date].Runs {
				runs = append(runs, r.From.In(prague).Format("2 15:04:05")+"-"+r.To.In(prague).Format("2 15:04:05"))
			}
		}
		if diff := cmp.Diff([]string{"26 20:00:00-27 00:00:00", "27 00:00:00-27 00:01:00"}, runs); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

// TestKill: a killed agent costs the day the last minute, and the next one
// goes on with it; what meters count meanwhile is counted.
func TestKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		at(t, "2026-11-26 10:00:00")
		l := opened(t, dir)
		msb := newUnit("msb", "switchboard", time.Second)
		for i := range 150 {
			l.Observe(msb.poll("energy_import", 1000+10*i, "breaker", "closed"))
			time.Sleep(time.Second)
		}
		l.kill()
		at(t, "2026-11-26 11:00:00")
		l = opened(t, dir)
		msb = newUnit("msb", "switchboard", time.Second)
		for i := range 60 {
			l.Observe(msb.poll("energy_import", 50000+10*i, "breaker", "closed"))
			time.Sleep(time.Second)
		}
		l.Observe(msb.poll("energy_import", 5, "breaker", "closed")) // it was reset
		time.Sleep(time.Second)
		l.Observe(msb.poll("energy_import", 8e12, "breaker", "closed")) // it was replaced
		time.Sleep(time.Second)
		l.Observe(msb.poll("energy_import", 8e12+7, "breaker", "closed"))
		l.Close()
		// Two days later it goes on from what it showed.
		at(t, "2026-11-28 09:00:00")
		l = opened(t, dir)
		msb = newUnit("msb", "switchboard", time.Second)
		l.Observe(msb.poll("energy_import", 8e12+107))
		l.Close()

		all := days(t, dir, 2026, 11)
		d := all["2026-11-26"].device("msb")
		if !near(d.Up, 120+62) || !near(d.States["breaker"]["closed"], 120+62) {
			t.Errorf("up for %v s, want 120 before the kill and 62 after", d.Up)
		}
		c := d.Counts["energy_import"]
		if want := 50000.0 + 590 - 1000 + 5 + 7; c == nil || !near(c.Used, want) || c.First != 1000 || c.Last != 8e12+7 || c.Resets != 2 {
			t.Errorf("%+v, want %v used", c, want)
		}
		if n := len(all["2026-11-26"].Runs); n != 2 {
			t.Errorf("%d runs", n)
		}
		if c := all["2026-11-28"].device("msb").Counts["energy_import"]; c == nil || !near(c.Used, 100) {
			t.Errorf("two days later: %+v", c)
		}
	})
}

// TestCooling: the mode counts while the unit runs.
func TestCooling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		at(t, "2026-11-26 10:00:00")
		l := opened(t, dir)
		u, site := newUnit("cooling-1", "cooling", time.Second), newUnit("site", "site", time.Second)
		for i := range 100 {
			status, mode := "running", "free_cooling"
			if i >= 60 {
				mode = "mechanical"
			}
			if i >= 70 {
				status = "fault"
			}
			l.Observe(u.poll("mode", mode, "status", status))
			if i < 50 {
				l.Observe(site.poll("mains_power", 120e3, "generator_power", 0, "it_power", 80e3, "pue", 1.5, "supply", "mains"))
			} else { // on battery it is not known
				l.Observe(site.poll("mains_power", 0, "generator_power", 0, "it_power", 80e3, "pue", nil, "supply", "batteries"))
			}
			time.Sleep(time.Second)
		}
		l.Close()
		day := days(t, dir, 2026, 11)["2026-11-26"]
		if diff := cmp.Diff(map[string]map[string]float64{
			"status": {"running": 70, "fault": 30}, "mode": {"free_cooling": 60, "mechanical": 10},
		}, day.device("cooling-1").States); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		s := day.device("site")
		if diff := cmp.Diff(map[string]float64{"mains": 50, "batteries": 50}, s.States["supply"]); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if p := s.PUE; p == nil || p.Seconds != 50 || !near(p.Site/p.IT, 1.5) {
			t.Errorf("%+v", p)
		}
	})
}

// TestPath: a part of the power path stands on one thing until it stands on
// another.
func TestPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		at(t, "2026-11-26 23:50:00")
		l := opened(t, dir)
		path := func(on agent.Supply) agent.Path {
			return agent.Path{Time: time.Now(), Nodes: []agent.PathNode{{ID: "msb", Name: "Main", Class: "switchboard", On: on}}}
		}
		l.Path(agent.Path{}) // before the first poll
		l.Path(path(agent.Mains))
		time.Sleep(5 * time.Minute)
		l.Path(path(agent.Dead))
		time.Sleep(10 * time.Minute)
		l.Path(path(agent.Mains))
		time.Sleep(time.Minute)
		l.Path(agent.Path{Time: time.Now()}) // another configuration
		time.Sleep(time.Minute)
		l.Path(path(agent.Mains))
		time.Sleep(time.Minute)
		l.Close()
		all := days(t, dir, 2026, 11)
		want := map[string]float64{"mains": 300, "dead": 300}
		if diff := cmp.Diff(want, all["2026-11-26"].Parts[0].On); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		want = map[string]float64{"mains": 120, "dead": 300}
		if p := all["2026-11-27"].Parts; len(p) != 1 || p[0].Name != "Main" || !cmp.Equal(want, p[0].On) {
			t.Errorf("%+v", p)
		}
	})
}

// TestCarried: a generator is under load while something stands on it.
func TestCarried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		at(t, "2026-11-26 08:00:00")
		l := opened(t, dir)
		path := func(flows agent.Supply, sources ...string) agent.Path {
			return agent.Path{Time: time.Now(), Sources: sources, Edges: []agent.PathEdge{{From: "gen-1", To: "ats", On: flows}, {From: "ats", To: "ups", On: agent.Generator}},
				Nodes: []agent.PathNode{{ID: "gen-1", Class: "generator", On: agent.Generator}, {ID: "gen-2", Class: "generator"}, {ID: "ats", Class: "ats", On: agent.Generator}}}
		}
		l.Path(path(agent.Dead)) // it runs, and carries nothing
		time.Sleep(time.Minute)
		l.Path(path(agent.Generator))
		time.Sleep(2 * time.Minute)
		l.Path(path(agent.Dead, "gen-2")) // nothing says what it feeds
		time.Sleep(4 * time.Minute)
		l.Close()
		for _, p := range days(t, dir, 2026, 11)["2026-11-26"].Parts {
			if want := map[string]float64{"gen-1": 120, "gen-2": 240}[p.ID]; !near(p.Carried, want) {
				t.Errorf("%s was under load for %v s, want %v", p.ID, p.Carried, want)
			}
		}
	})
}

// TestSteps: where the clock is set, what passes is counted, and once: within a
// day, over midnight, and into a month that it is not.
func TestSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		at(t, "2026-11-26 20:00:00")
		l := opened(t, dir)
		ups := newUnit("ups-a", "ups", 10*time.Second)
		off := time.Duration(0)
		told := false
		poll := func(minutes int) {
			for range 6 * minutes {
				p := ups.poll("status", "online", "output_energy", time.Since(time.Time{}).Hours())
				p.Time, p.Next = p.Time.Add(off), p.Next.Add(off)
				if !told { // it is told when it changes
					l.Path(agent.Path{Time: p.Time, Nodes: []agent.PathNode{{ID: "msb", On: agent.Mains}}})
				}
				told = true
				l.Observe(p)
				time.Sleep(10 * time.Second)
			}
		}
		step := func(by time.Duration) {
			off += by
			l.Step(by)
		}
		l.Step(time.Hour) // before anything is known
		poll(10)          // 20:00 to 20:10
		step(5 * time.Minute)
		poll(10) // 20:15 to 20:25
		step(-10 * time.Minute)
		poll(15) // 20:15 to 20:30, of which 20:25 is new
		step(3 * time.Hour)
		poll(45) // 23:30 to 0:15
		step(-30 * time.Minute)
		poll(45) // 23:45 to 0:30, of which 0:15 is new
		step(40 * 24 * time.Hour)
		poll(5) // 0:30 to 0:35 in January
		step(-40 * 24 * time.Hour)
		poll(5) // 0:35 to 0:40
		l.Close()
		all := days(t, dir, 2026, 11)
		january := days(t, dir, 2027, 1)
		for _, c := range []struct {
			day     *Day
			minutes float64
			runs    int
		}{{all["2026-11-26"], 10 + 10 + 5 + 30, 3}, {all["2026-11-27"], 15 + 15 + 5, 2}, {january["2027-01-06"], 5, 1}} {
			d := c.day.device("ups-a")
			if !near(d.Up, 60*c.minutes) || !near(d.States["status"]["online"], 60*c.minutes) || len(c.day.Devices) != 1 {
				t.Errorf("%s: up for %v min, want %v", c.day.Date, d.Up/60, c.minutes)
			}
			if on := c.day.Parts[0].On["mains"]; !near(on, 60*c.minutes) || len(c.day.Parts) != 1 {
				t.Errorf("%s: on mains for %v min, want %v", c.day.Date, on/60, c.minutes)
			}
			ran := 0.0
			for _, r := range c.day.Runs {
				ran += r.To.Sub(r.From).Minutes()
				if r.To.Before(r.From) {
					t.Errorf("%s: it ran from %v to %v", c.day.Date, r.From, r.To)
				}
			}
			if ran != c.minutes || len(c.day.Runs) != c.runs {
				t.Errorf("%s: it ran for %v min: %v", c.day.Date, ran, c.day.Runs)
			}
		}
	})
}

// TestSetBackAndRightAgain: a clock that is set wrong and then right takes nothing
// from what the agent ran.
func TestSetBackAndRightAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		at(t, "2026-11-26 08:00:00")
		l := opened(t, dir)
		ups := newUnit("ups-a", "ups", 10*time.Second)
		off := time.Duration(0)
		for _, by := range []time.Duration{0, time.Hour, -2 * time.Hour, 30 * time.Minute, 90 * time.Minute} {
			if off += by; by != 0 {
				l.Step(by)
			}
			for range 60 { // ten minutes
				p := ups.poll("status", "online")
				p.Time, p.Next = p.Time.Add(off), p.Next.Add(off)
				l.Observe(p)
				time.Sleep(10 * time.Second)
			}
		}
		l.Close()
		d := days(t, dir, 2026, 11)["2026-11-26"]
		runs := ""
		for _, r := range d.Runs {
			runs += r.From.In(prague).Format("15:04") + " to " + r.To.In(prague).Format("15:04") + ", "
		}
		// 7:20 to 7:30 and 8:00 to 8:10, while it was wrong, are before what was counted.
		if want := "08:00 to 08:10, 09:10 to 09:20, 09:40 to 09:50, "; runs != want || !near(d.device("ups-a").Up, 30*60) {
			t.Errorf("it ran %sand the UPS was up for %v min, want %s", runs, d.device("ups-a").Up/60, want)
		}
	})
}

// TestLongDays: the days on which the clock is changed have 23 and 25 hours.
func TestLongDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		for _, c := range []struct {
			day   string
			hours float64
		}{{"2026-03-29", 23}, {"2026-10-25", 25}} {
			at(t, c.day+" 00:00:00")
			l := opened(t, dir)
			u := newUnit("ups-a", "ups", time.Minute)
			for time.Now().In(prague).Format(dateForm) == c.day {
				l.Observe(u.poll("status", "online"))
				time.Sleep(time.Minute)
			}
			l.Close()
			month := time.March
			if c.hours == 25 {
				month = time.October
			}
			if d := days(t, dir, 2026, month)[c.day]; d == nil || d.To.Sub(d.From).Hours() != c.hours || !near(d.device("ups-a").Up, c.hours*3600) {
				t.Errorf("%s: %+v", c.day, d)
			}
		}
	})
}

// TestDayWithoutMidnight: where clocks go forward at midnight a day begins at
// one, and the day before is over then.
func TestDayWithoutMidnight(t *testing.T) {
	for name, date := range map[string]string{"America/Havana": "2026-03-08", "Asia/Beirut": "2026-03-29"} {
		synctest.Test(t, func(t *testing.T) {
			zone, err := time.LoadLocation(name)
			if err != nil {
				t.Fatal(err)
			}
			noon, err := time.ParseInLocation(dateForm+" 15", date+" 12", zone)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Until(noon.Add(-35 * time.Hour))) // midnight before
			dir := t.TempDir()
			l, err := open(dir, "havana-1", zone, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			u := newUnit("ups-a", "ups", time.Minute)
			for time.Now().Before(noon) {
				l.Observe(u.poll("status", "online"))
				time.Sleep(time.Minute)
			}
			l.Close()
			got := days(t, dir, 2026, time.March)
			before := noon.AddDate(0, 0, -1).Format(dateForm)
			for date, hours := range map[string]float64{before: 24, date: 11} {
				if d := got[date]; d == nil || !near(d.device("ups-a").Up, hours*3600) {
					t.Errorf("%s, %s: %+v", name, date, d)
				}
			}
			if d := got[date]; len(got) != 2 || d != nil && (d.To.Sub(d.From) != 23*time.Hour || d.From.In(zone).Format(time.DateTime) != date+" 01:00:00") {
				t.Errorf("%s: %d days, the last %+v", name, len(got), d)
			}
		})
	}
}

// TestFolder: the oldest days go, whatever the clock says, a damaged one costs
// itself, and what is no day is left alone.
func TestFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		at(t, "2026-11-26 10:00:00")
		names := []string{"2025-12-01.json", "2026-11-26.json", "notes.json"}
		for i := range keptDays - 1 {
			names = append(names, time.Date(2019, 1, i, 0, 0, 0, 0, time.UTC).Format(dateForm)+suffix)
		}
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		l := opened(t, dir)
		u := newUnit("ups-a", "ups", time.Second)
		l.Observe(u.poll("status", "online"))
		time.Sleep(time.Second)
		l.Close()
		months, err := Months(dir)
		if len(months) != 16 || months[0] != "2019-01" || months[15] != "2026-11" || err != nil {
			t.Errorf("%v %v", months, err)
		}
		if kept, _ := dates(dir); len(kept) != keptDays || kept[0] != "2019-01-01" {
			t.Errorf("%d days are kept, from %s", len(kept), kept[0])
		}
		if d := days(t, dir, 2026, 11)["2026-11-26"]; !near(d.device("ups-a").Up, 1) {
			t.Errorf("%+v", d)
		}
		if _, err := Read(dir, 2025, 12); err == nil || !strings.Contains(err.Error(), "2025-12-01.json") {
			t.Errorf("the damaged day: %v", err)
		}
		if _, err := os.Stat(filepath.Join(dir, "notes.json")); err != nil {
			t.Error(err)
		}
		if months, err := Months(filepath.Join(dir, "none")); len(months) != 0 || err != nil {
			t.Errorf("no folder: %v, %v", months, err)
		}
	})
}

// BenchmarkObserve is a poll of a UPS with 60 readings, of which the usual
// ones are kept.
func BenchmarkObserve(b *testing.B) {
	l, err := open(b.TempDir(), "praha-1", prague, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	u := newUnit("ups-a", "ups", time.Second)
	readings := []any{"status", "online", "battery_status", "normal", "output_power", 40e3, "output_load", 45.0, "battery_charge", 100, "output_energy", 1e6}
	for i := len(readings) / 2; i < 60; i++ {
		readings = append(readings, fmt.Sprintf("input_voltage/L%d", i), 231.0)
	}
	p := u.poll(readings...)
	b.ReportAllocs()
	for b.Loop() {
		p.Time = p.Time.Add(time.Second)
		p.Next = p.Time.Add(time.Second)
		if p.Time.After(l.day.To.Add(-time.Minute)) {
			p.Time = l.day.From
		}
		l.Observe(p)
	}
}

// BenchmarkWrite keeps a day of 300 devices, with the sync to the disk.
func BenchmarkWrite(b *testing.B) {
	dir := b.TempDir()
	l, err := open(dir, "praha-1", prague, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for i := range 300 {
		u := newUnit(fmt.Sprint("ups-", i), "ups", time.Second)
		l.Observe(u.poll("status", "online", "battery_status", "normal", "output_power", 40e3, "output_load", 45.0, "battery_charge", 100, "output_energy", 1e6))
	}
	for b.Loop() {
		l.save()
	}
	if info, err := os.Stat(filepath.Join(dir, l.day.Date+suffix)); err == nil {
		b.ReportMetric(float64(info.Size()), "bytes")
	}
}
