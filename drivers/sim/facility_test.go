package sim

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plantroom/agent"
	"plantroom/config"
)

func facility(t testing.TB, scenario string) *Facility {
	t.Helper()
	f, err := NewFacility(Options{Scenario: scenario, Seed: 1, Start: 7 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// shown returns what a device shows; a metric that it does not show fails
// the test.
func shown(t *testing.T, f *Facility, device, metric, channel string) float64 {
	t.Helper()
	v, ok := f.Device(device).Number(metric, channel)
	if !ok {
		t.Fatalf("%s shows no %s %q", device, metric, channel)
	}
	return v
}

func within(t *testing.T, f *Facility, device, metric, channel string, low, high float64) {
	t.Helper()
	if v := shown(t, f, device, metric, channel); v < low || v > high {
		t.Errorf("after %v %s shows %s %s %g, want %g to %g", f.Now(), device, metric, channel, v, low, high)
	}
}

func word(t *testing.T, f *Facility, device, metric, want string) {
	t.Helper()
	if got := f.Device(device).Word(metric, ""); got != want {
		t.Errorf("after %v %s shows %s %q, want %q", f.Now(), device, metric, got, want)
	}
}

// changes returns what happened to the given devices, without times.
func changes(f *Facility, devices ...string) []string {
	var out []string
	for _, t := range f.Transitions() {
		if slices.Contains(devices, t.Device) && t.What != "battery_status" {
			out = append(out, t.Device+" "+t.To)
		}
	}
	return out
}

func TestCalm(t *testing.T) {
	f := facility(t, "calm")
	f.Step(10 * time.Minute)
	if log := f.Transitions(); len(log) != 0 {
		t.Errorf("in a quiet building something happens: %v", log)
	}
	within(t, f, "feed", "active_power", "", 90e3, 130e3)
	within(t, f, "feed", "voltage", "L1", 225, 238)
	within(t, f, "feed", "voltage", "L1-L2", 390, 412)
	within(t, f, "ups-a", "output_power", "", 37e3, 43e3)
	within(t, f, "ups-a", "battery_runtime", "", 500, 1200)
	within(t, f, "climate-cold-1", "temperature", "", 18, 23)
	within(t, f, "climate-outdoor", "temperature", "", 8, 15)
	word(t, f, "cooling-1", "mode", "free_cooling")
	word(t, f, "ats-1", "selected_source", "a")
	word(t, f, "gen-1", "status", "stopped")

	// What is metered adds up: the board carries what the switch does and the
	// rest of the building.
	board, ats := shown(t, f, "msb", "active_power", ""), shown(t, f, "ats-1", "output_power", "")
	if d := board - ats - f.restWatts; d < -1 || d > 1 {
		t.Errorf("the switchboard carries %.0f W, ats-1 %.0f W and the rest %.0f W", board, ats, f.restWatts)
	}
}

// TestMainsFailure: the whole way there and back, in this order.
func TestMainsFailure(t *testing.T) {
	f := facility(t, "mains-failure")
	f.Step(19 * time.Second)
	full := shown(t, f, "ups-a", "battery_runtime", "")

	f.Step(2 * time.Second) // 21 s
	within(t, f, "feed", "voltage", "L1", 0, 0)
	within(t, f, "msb", "voltage", "L1-L2", 0, 0)
	within(t, f, "msb", "frequency", "", 0, 0)
	within(t, f, "msb", "active_power", "", 0, 0)
	within(t, f, "ups-a", "input_voltage", "L1", 0, 0)
	within(t, f, "ups-a", "output_voltage", "L1", 229, 231)
	within(t, f, "ups-a", "battery_current", "", 50, 200)
	within(t, f, "ups-a", "battery_time_used", "", 0.9, 1.2)
	word(t, f, "ups-a", "status", "on_battery")
	word(t, f, "ups-a", "battery_status", "discharging")
	word(t, f, "ups-office", "last_transfer_cause", "blackout")
	word(t, f, "cooling-1", "status", "off")

	f.Step(3 * time.Second) // 24 s
	word(t, f, "gen-1", "status", "starting")
	within(t, f, "gen-1", "engine_speed", "", 100, 260)
	within(t, f, "gen-1", "starter_battery_voltage", "", 20, 24)

	f.Step(11 * time.Second) // 35 s
	word(t, f, "gen-1", "status", "on_load")
	word(t, f, "ats-1", "selected_source", "b")
	word(t, f, "ats-1", "position", "generator")
	within(t, f, "ups-a", "battery_charge", "", 95, 99)
	if left := shown(t, f, "ups-a", "battery_runtime", ""); left >= full {
		t.Errorf("on battery the runtime is %.0f s, before it was %.0f s", left, full)
	}

	f.Step(60 * time.Second) // 95 s
	word(t, f, "ups-a", "status", "online")
	word(t, f, "ups-a", "battery_status", "charging")
	word(t, f, "cooling-1", "status", "running")
	within(t, f, "gen-1", "output_power", "", 80e3, 120e3)
	within(t, f, "gen-1", "output_frequency", "", 49.5, 50.2)
	within(t, f, "ups-a", "battery_current", "", -20, -1)
	charge := shown(t, f, "ups-a", "battery_charge", "")
	fuel := shown(t, f, "gen-1", "fuel_level", "")

	f.Step(120 * time.Second) // 215 s
	if now := shown(t, f, "ups-a", "battery_charge", ""); now <= charge {
		t.Errorf("charging from %.2f %% came to %.2f %%", charge, now)
	}
	if now := shown(t, f, "gen-1", "fuel_level", ""); now >= fuel {
		t.Errorf("the fuel went from %.3f %% to %.3f %% in two minutes", fuel, now)
	}
	within(t, f, "gen-1", "coolant_temperature", "", 65, 90)
	within(t, f, "gen-1", "starts", "", 389, 389)

	f.Step(185 * time.Second) // 400 s
	word(t, f, "gen-1", "status", "stopped")
	word(t, f, "ats-1", "selected_source", "a")
	within(t, f, "feed", "voltage", "L1", 225, 238)
	within(t, f, "ats-1", "transfers", "", 2, 2)

	want := []string{
		" lost", "ups-a on_battery", "gen-1 starting", "gen-1 warming_up", "gen-1 running", "ats-1 none", "ats-1 b", "gen-1 on_load", "ups-a online",
		" present", "ats-1 none", "gen-1 cooling_down", "ups-a on_battery", "ats-1 a", "ups-a online", "gen-1 stopping", "gen-1 stopped",
	}
	if diff := cmp.Diff(want, changes(f, "", "ups-a", "gen-1", "gen-2", "ats-1", "ats-2")); diff != "" {
		t.Errorf("what happened: (-want +got)\n%s", diff)
	}
}

// TestLoadStep: taking the load drags the set's frequency and voltage down for
// a few seconds.
func TestLoadStep(t *testing.T) {
	f := facility(t, "mains-failure")
	f.Step(32 * time.Second)
	low, lowVolts := 50.0, 230.0
	for range 200 {
		f.Step(tick)
		low = min(low, shown(t, f, "gen-1", "output_frequency", ""))
		lowVolts = min(lowVolts, shown(t, f, "gen-1", "output_voltage", "L2"))
	}
	if low < 48.2 || low > 49.72 {
		t.Errorf("taking the load the frequency fell to %.2f Hz, want 48.2 to 49.7", low)
	}
	if lowVolts > 229.8 {
		t.Errorf("taking the load the voltage fell only to %.1f V", lowVolts)
	}
	f.Step(10 * time.Second)
	within(t, f, "gen-1", "output_frequency", "", 49.6, 50.1)
}

// TestMonthlyTest: the utility is there all the time, the building without it
// for a quarter of an hour, on gen-1.
func TestMonthlyTest(t *testing.T) {
	f := facility(t, "monthly-test")
	f.Step(10 * time.Minute)
	within(t, f, "feed", "voltage", "L1", 225, 238)
	within(t, f, "feed", "active_power", "", 0, 0)
	within(t, f, "msb", "voltage", "L1", 0, 0)
	word(t, f, "msb", "breaker", "open")
	word(t, f, "gen-1", "status", "on_load")
	f.Step(10 * time.Minute)
	word(t, f, "gen-1", "status", "stopped")
	word(t, f, "msb", "breaker", "closed")
	if ran := shown(t, f, "gen-1", "run_time", "") - 412*3600; ran < 950 || ran > 1050 {
		t.Errorf("gen-1 ran for %.0f s, want about 1000", ran)
	}
	if got := changes(f, "gen-2", "ats-2"); len(got) != 0 {
		t.Errorf("the second set was called: %v", got)
	}
}

// TestGen2BacksUpGen1: when gen-1 does not start, gen-2 does.
func TestGen2BacksUpGen1(t *testing.T) {
	f := facility(t, "mains-failure")
	f.gens[0].broken = true
	f.Step(90 * time.Second)
	word(t, f, "gen-1", "status", "fault")
	word(t, f, "gen-1", "x_shutdown_alarm", "active")
	word(t, f, "gen-1", "x_alarm_fail_to_start", "shutdown")
	word(t, f, "gen-1", "x_alarm_low_oil_pressure", "clear")
	word(t, f, "gen-2", "status", "on_load")
	word(t, f, "ats-1", "selected_source", "a")
	word(t, f, "ats-2", "selected_source", "b")
	word(t, f, "ups-a", "status", "online")
	within(t, f, "gen-2", "output_power", "", 70e3, 130e3)
	f.Step(400 * time.Second)
	word(t, f, "gen-2", "status", "stopped")
	word(t, f, "ats-2", "selected_source", "a")
}

// TestBatteriesRunOut: without any generator the servers go down, one UPS
// after the other, and come back with the mains.
func TestBatteriesRunOut(t *testing.T) {
	f := facility(t, "calm")
	f.gens[0].broken, f.gens[1].broken = true, true
	f.mains.present = false
	runtime := shown(t, f, "ups-b", "battery_runtime", "")
	for f.Device("ups-b").Word("status", "") != "off" {
		f.Step(time.Second)
		if f.Now() > time.Hour {
			t.Fatal("after an hour ups-b still gives power")
		}
	}
	if d := f.Now().Seconds() / runtime; d < 0.93 || d > 1.07 {
		t.Errorf("ups-b lasted %v, its estimate was %.0f s", f.Now(), runtime)
	}
	f.Step(time.Second)
	within(t, f, "ups-a", "output_load", "", 80, 95) // it has all the servers now
	f.Step(10 * time.Minute)
	word(t, f, "ups-a", "status", "off")
	word(t, f, "ups-a", "battery_status", "depleted")
	f.mains.present = true
	f.Step(5 * time.Minute)
	word(t, f, "ups-a", "status", "online")
	word(t, f, "ups-b", "status", "online")
}

func TestCoolingFailure(t *testing.T) {
	f := facility(t, "cooling-failure")
	f.Step(75 * time.Second)
	word(t, f, "cooling-1", "status", "fault")
	word(t, f, "cooling-2", "status", "running")
	within(t, f, "cooling-1", "fan_speed", "fan 1", 0, 0)
	within(t, f, "climate-cold-1", "temperature", "", 19, 24)
	f.Step(180 * time.Second)
	word(t, f, "cooling-2", "status", "fault")
	within(t, f, "climate-cold-1", "temperature", "", 27, 34)
	within(t, f, "climate-hot-1", "temperature", "", 31, 36)
	f.Step(15 * time.Minute)
	word(t, f, "cooling-1", "status", "running")
	word(t, f, "cooling-2", "status", "running")
	within(t, f, "climate-cold-1", "temperature", "", 18, 23)
}

// TestDay: over a day outdoors decides where the cold comes from, and energy
// adds up.
func TestDay(t *testing.T) {
	t.Parallel()
	f := facility(t, "calm")
	before := shown(t, f, "feed", "energy_import", "")
	watts := 0.0
	for range 24 * 60 {
		f.Step(time.Minute)
		watts += shown(t, f, "feed", "active_power", "") / (24 * 60)
	}
	want := []string{"cooling-1 mixed", "cooling-1 mechanical", "cooling-1 mixed", "cooling-1 free_cooling"}
	if diff := cmp.Diff(want, changes(f, "cooling-1")); diff != "" {
		t.Errorf("over the day: (-want +got)\n%s", diff)
	}
	taken := shown(t, f, "feed", "energy_import", "") - before
	if d := taken / (24 * watts); d < 0.99 || d > 1.01 {
		t.Errorf("%.0f Wh were metered in a day at %.0f W on average", taken, watts)
	}
}

// TestStepsAddUp: the same seed gives the same values, however the time is cut.
func TestStepsAddUp(t *testing.T) {
	t.Parallel()
	one, many := facility(t, "mains-failure"), facility(t, "mains-failure")
	one.Step(time.Minute)
	for range 60 * 40 {
		many.Step(25 * time.Millisecond)
	}
	for i, d := range one.Devices {
		if diff := cmp.Diff(d.cells, many.Devices[i].cells, cmp.AllowUnexported(cell{}, content{})); diff != "" {
			t.Errorf("%s: %s", d.ID, diff)
		}
	}
	if diff := cmp.Diff(one.Transitions(), many.Transitions()); diff != "" {
		t.Error(diff)
	}
	if one.Now() != time.Minute {
		t.Errorf("it is %v", one.Now())
	}
}

func TestUnknownScenario(t *testing.T) {
	_, err := NewFacility(Options{Scenario: "fire"})
	if want := `there is no scenario "fire"; there are calm, mains-failure, monthly-test, generator-fails, flapping-mains, cooling-failure`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func BenchmarkStep(b *testing.B) {
	f := facility(b, "calm")
	for b.Loop() {
		f.Step(tick)
	}
}

// TestFreeCoolingIsRead: the cooling units have a value for everything that
// their profile reads.
func TestFreeCoolingIsRead(t *testing.T) {
	p, err := config.ParseProfile(FreeCoolingFile, []byte(FreeCooling))
	if err != nil {
		t.Fatal(err)
	}
	f := facility(t, "calm")
	for _, point := range p.Modbus.Points {
		for _, id := range []string{"cooling-1", "cooling-2"} {
			if v, ok := f.Device(id).Value(point.Metric, point.Channel); !ok || point.Metric.Kind == agent.State && v == 0 {
				t.Errorf("%s has no %s %s", id, point.Metric.Name, point.Channel)
			}
		}
	}
}
