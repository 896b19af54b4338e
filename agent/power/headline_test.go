package power

import (
	"strings"
	"testing"
	"testing/synctest"

	"plantroom/agent"
)

// A moment is what devices say, and what is then said of the building.
type moment struct {
	says      string
	on        agent.Supply
	sources   string
	severity  agent.Severity
	redundant bool
	en, more  string // headline and detail
	cs, dale  string
}

// well is what a UPS says that is in order.
const well = "status=online battery_status=normal battery_runtime=2520 input_voltage=230 output_voltage=230 output_power=20e3"

// TestHeadlines: what is said of buildings of many kinds in many situations,
// one second after the other.
func TestHeadlines(t *testing.T) {
	for _, site := range []struct {
		name, plant string
		moments     []moment
	}{
		{"one UPS and nothing else", `
			ups ups UPS`, []moment{
			{"ups ON",
				agent.Mains, "", agent.Info, true,
				"On mains. UPS healthy, 42 min of battery.", "Nothing needs attention.",
				"Na síti. UPS v pořádku, baterie na 42 minut.", "Nic nevyžaduje pozornost."},
			{"ups status=on_battery battery_runtime=119 battery_time_used=1 output_voltage=230 input_voltage=0",
				agent.Batteries, "ups", agent.Alarm, false,
				"ON BATTERY since 00:00, 1 min left.", "Mains lost.",
				"NA BATERII od 00:00, zbývá 1 minuta.", "Výpadek sítě."},
			{"ups status=on_battery battery_runtime=45 output_voltage=230 input_voltage=0",
				agent.Batteries, "ups", agent.Alarm, false,
				"ON BATTERY since 00:00, 45 s left.", "Mains lost.",
				"NA BATERII od 00:00, zbývá 45 sekund.", "Výpadek sítě."},
			{"ups status=off output_voltage=0 input_voltage=0",
				agent.Dead, "", agent.Alarm, false,
				"NO POWER since 00:00.", "UPS off.",
				"BEZ NAPÁJENÍ od 00:00.", "UPS mimo provoz."},
			{"ups silent",
				agent.NoData, "", agent.Warning, false,
				"NO DATA: what the building stands on is not known.", "No data from UPS.",
				"BEZ DAT: není známo, na čem budova běží.", "Bez dat: UPS."},
		}},
		{"no UPS", `
			msb switchboard Main board > floor
			floor load Floor`, []moment{
			{"msb voltage/L1=231 active_power=5e3",
				agent.Mains, "", agent.Info, true,
				"On mains.", "Nothing needs attention.",
				"Na síti.", "Nic nevyžaduje pozornost."},
			{"msb voltage/L1=0 active_power=0",
				agent.Dead, "", agent.Alarm, false,
				"NO POWER since 00:00.", "Mains lost.",
				"BEZ NAPÁJENÍ od 00:00.", "Výpadek sítě."},
			{"msb silent",
				agent.NoData, "", agent.Warning, false,
				"NO DATA: what the building stands on is not known.", "No data from Main board.",
				"BEZ DAT: není známo, na čem budova běží.", "Bez dat: Main board."},
		}},
		{"nothing that carries power", `
			`, []moment{
			{"",
				agent.NoData, "", agent.Info, false,
				"Nothing in the configuration carries power.", "",
				"V konfiguraci není nic, co napájí.", ""},
		}},
		{"nothing read yet", `
			ups ups UPS
			gen generator Generator`, []moment{
			{"",
				agent.NoData, "", agent.Info, false,
				"Waiting for the first readings.", "",
				"Čeká se na první údaje.", ""},
		}},
		{"three UPS", `
			a ups UPS 1
			b ups UPS 2
			c ups UPS 3
			g generator Generator`, []moment{
			{"a ON\nb ON\nc ON\ng status=stopped mode=auto",
				agent.Mains, "", agent.Info, true,
				"On mains. All 3 UPS healthy, 42 min of battery.", "Generator ready. Nothing needs attention.",
				"Na síti. Všechny 3 UPS v pořádku, baterie na 42 minut.", "Generator připraven. Nic nevyžaduje pozornost."},
			{"b status=bypass battery_runtime=1200 output_voltage=230",
				agent.Mains, "", agent.Warning, false,
				"On mains. UPS 2 on bypass.", "Not redundant. Generator ready.",
				"Na síti. UPS 2 na bypassu.", "Bez redundance. Generator připraven."},
			{"a status=on_battery output_voltage=230 battery_runtime=4000",
				agent.Batteries, "a", agent.Alarm, false,
				"UPS 1 ON BATTERY since 00:00, 66 min left. The rest on mains.", "UPS 2 on bypass.",
				"UPS 1 NA BATERII od 00:00, zbývá 66 minut. Ostatní na síti.", "UPS 2 na bypassu."},
			{"a ON\nb ON\ng status=fault",
				agent.Mains, "", agent.Warning, false,
				"On mains. Generator in fault.", "Not redundant.",
				"Na síti. Generator v poruše.", "Bez redundance."},
			{"g silent",
				agent.Mains, "", agent.Warning, false,
				"On mains. No data from Generator.", "Redundancy not known.",
				"Na síti. Bez dat: Generator.", "Redundance není známa."},
			{"a silent\nb silent\nc silent",
				agent.NoData, "", agent.Warning, false,
				"NO DATA: what the building stands on is not known.", "No data from UPS 1, UPS 2, UPS 3 and Generator.",
				"BEZ DAT: není známo, na čem budova běží.", "Bez dat: UPS 1, UPS 2, UPS 3 a Generator."},
		}},
		{"five UPS", `
			a ups UPS 1
			b ups UPS 2
			c ups UPS 3
			d ups UPS 4
			e ups UPS 5`, []moment{
			{"a ON\nb ON\nc ON\nd ON\ne status=online battery_status=normal battery_runtime=60 input_voltage=230 output_voltage=230 output_power=20e3",
				agent.Mains, "", agent.Info, true,
				"On mains. All 5 UPS healthy, 1 min of battery.", "Nothing needs attention.",
				"Na síti. Všech 5 UPS v pořádku, baterie na 1 minutu.", "Nic nevyžaduje pozornost."},
			{"a status=online battery_status=normal battery_runtime=36000 input_voltage=230 output_voltage=230 output_power=20e3\nb status=online battery_status=normal battery_runtime=36000 input_voltage=230 output_voltage=230 output_power=20e3\nc status=online battery_status=normal battery_runtime=36000 input_voltage=230 output_voltage=230 output_power=20e3\nd status=online battery_status=normal battery_runtime=36000 input_voltage=230 output_voltage=230 output_power=20e3\ne status=online battery_status=normal battery_runtime=36000 input_voltage=230 output_voltage=230 output_power=20e3",
				agent.Mains, "", agent.Info, true,
				"On mains. All 5 UPS healthy, 10 h of battery.", "Nothing needs attention.",
				"Na síti. Všech 5 UPS v pořádku, baterie na 10 hodin.", "Nic nevyžaduje pozornost."},
		}},
		{"two feeds and a rack ATS", `
			u1 utility Feed 1 > t1
			u2 utility Feed 2 > ats/b
			t1 transformer Transformer 1 > ats/a
			ats ats ATS > ups
			ups ups UPS`, []moment{
			{"ats selected_source=a preferred_source=a source_a_status=ok source_b_status=ok output_voltage=230\nups ON",
				agent.Mains, "", agent.Info, true,
				"On mains. UPS healthy, 42 min of battery.", "Nothing needs attention.",
				"Na síti. UPS v pořádku, baterie na 42 minut.", "Nic nevyžaduje pozornost."},
			{"ats selected_source=a preferred_source=a source_a_status=ok source_b_status=fail output_voltage=230",
				agent.Mains, "", agent.Warning, false,
				"On mains. Feed 2 lost.", "Not redundant.",
				"Na síti. Feed 2: výpadek.", "Bez redundance."},
			{"ats selected_source=b preferred_source=a source_a_status=fail source_b_status=ok output_voltage=230",
				agent.Mains, "", agent.Warning, false,
				"On mains. Feed 1 lost.", "Not redundant.",
				"Na síti. Feed 1: výpadek.", "Bez redundance."},
			{"ats selected_source=none source_a_status=fail source_b_status=fail output_voltage=0\nups status=on_battery battery_runtime=2400 output_voltage=230 input_voltage=0",
				agent.Batteries, "ups", agent.Alarm, false,
				"ON BATTERY since 00:00, 40 min left.", "Feed 1 lost. Feed 2 lost.",
				"NA BATERII od 00:00, zbývá 40 minut.", "Feed 1: výpadek. Feed 2: výpadek."},
			{"ats silent\nups ON",
				agent.Mains, "", agent.Warning, false,
				"On mains. No data from ATS.", "Redundancy not known.",
				"Na síti. Bez dat: ATS.", "Redundance není známa."},
		}},
		{"a generator on the main board", `
			gen-1 generator gen-1 > msb
			msb switchboard Main switchboard > ups-a ups-b
			ups-a ups UPS A
			ups-b ups UPS B`, []moment{
			{"gen-1 status=stopped mode=auto output_power=0 mains_voltage/L1=230\nmsb voltage/L1=230 active_power=50e3\nups-a ON\nups-b ON",
				agent.Mains, "", agent.Info, true,
				"On mains. Both UPS healthy, 42 min of battery.", "gen-1 ready. Nothing needs attention.",
				"Na síti. Obě UPS v pořádku, baterie na 42 minut.", "gen-1 připraven. Nic nevyžaduje pozornost."},
			{"gen-1 status=running mode=auto output_voltage/L1=230 output_power=51e3 fuel_level=71.6\nmsb voltage/L1=230 active_power=50e3",
				agent.Generator, "gen-1", agent.Warning, true,
				"ON GENERATOR 1 since 00:00. Both UPS healthy, 42 min of battery.", "Fuel 71 %.",
				"NA GENERÁTORU 1 od 00:00. Obě UPS v pořádku, baterie na 42 minut.", "Palivo 71 %."},
			{"gen-1 status=stopped mode=manual output_power=0\nmsb voltage/L1=230",
				agent.Mains, "", agent.Warning, false,
				"On mains. gen-1 not in automatic.", "Not redundant.",
				"Na síti. gen-1 není v automatickém režimu.", "Bez redundance."},
			{"gen-1 status=stopped mode=off output_power=0\nups-a status=online battery_status=replace output_voltage=230",
				agent.Mains, "", agent.Warning, false,
				"On mains. gen-1 switched off.", "Not redundant: UPS A: battery to be replaced.",
				"Na síti. gen-1: řízení vypnuto.", "Bez redundance: UPS A: baterie k výměně."},
		}},
		{"two generators on one bus", `
			u utility U > ats/a
			g1 generator Gen 1 > gb
			g2 generator Gen 2 > gb
			gb board Bus > ats/b
			ats ats ATS > ups
			ups ups UPS`, []moment{
			{"ats selected_source=a source_a_status=ok source_b_status=fail\nups ON\ng1 status=stopped output_voltage=0\ng2 status=stopped output_voltage=0",
				agent.Mains, "", agent.Info, true,
				"On mains. UPS healthy, 42 min of battery.", "Both generators ready. Nothing needs attention.",
				"Na síti. UPS v pořádku, baterie na 42 minut.", "Oba generátory připraveny. Nic nevyžaduje pozornost."},
			{"ats selected_source=b source_a_status=fail source_b_status=ok\nups ON\ng1 status=on_load output_voltage=230\ng2 status=on_load output_voltage=230",
				agent.Generator, "g1 g2", agent.Warning, false,
				"ON GENERATORS 1 AND 2 since 00:00. UPS healthy, 42 min of battery.", "Not redundant: mains lost.",
				"NA GENERÁTORECH 1 A 2 od 00:00. UPS v pořádku, baterie na 42 minut.", "Bez redundance: výpadek sítě."},
			{"ats selected_source=b source_a_status=fail source_b_status=ok\nups ON\ng1 status=on_load output_voltage=230\ng2 status=fault output_voltage=0",
				agent.Generator, "g1", agent.Warning, false,
				"ON GENERATOR 1 since 00:00. UPS healthy, 42 min of battery.", "Not redundant: mains lost; Gen 2 in fault.",
				"NA GENERÁTORU 1 od 00:00. UPS v pořádku, baterie na 42 minut.", "Bez redundance: výpadek sítě; Gen 2 v poruše."},
			{"ats selected_source=b source_a_status=ok source_b_status=ok\nups ON\ng1 status=on_load output_voltage=230\ng2 status=stopped output_voltage=0",
				agent.Generator, "g1", agent.Warning, true,
				"ON GENERATOR 1 since 00:00. UPS healthy, 42 min of battery.", "Mains available. Gen 2 ready.",
				"NA GENERÁTORU 1 od 00:00. UPS v pořádku, baterie na 42 minut.", "Síť je k dispozici. Gen 2 připraven."},
			{"ats selected_source=a source_a_status=ok source_b_status=ok\nups ON\ng1 status=cooling_down output_voltage=230\ng2 status=stopped output_voltage=0",
				agent.Mains, "", agent.Info, true,
				"On mains. UPS healthy, 42 min of battery.", "Gen 1 cooling down. Gen 2 ready.",
				"Na síti. UPS v pořádku, baterie na 42 minut.", "Gen 1 dobíhá. Gen 2 připraven."},
		}},
		{"an office beside", `
			u utility Utility > msb
			msb board Main board > ups-a ups-o pump
			ups-a ups UPS A > it
			ups-o ups Office UPS > desks
			it load Servers
			desks load Desks load:office
			pump load Pump`, []moment{
			{"ups-a ON\nups-o ON",
				agent.Mains, "", agent.Info, true,
				"On mains. UPS healthy, 42 min of battery.", "Nothing needs attention.",
				"Na síti. UPS v pořádku, baterie na 42 minut.", "Nic nevyžaduje pozornost."},
			{"ups-o status=bypass output_voltage=230 input_voltage=230",
				agent.Mains, "", agent.Warning, true,
				"On mains. UPS healthy, 42 min of battery.", "Office UPS on bypass.",
				"Na síti. UPS v pořádku, baterie na 42 minut.", "Office UPS na bypassu."},
			{"ups-o status=online battery_status=replace output_voltage=230 input_voltage=230",
				agent.Mains, "", agent.Warning, true,
				"On mains. UPS healthy, 42 min of battery.", "Office UPS: battery to be replaced.",
				"Na síti. UPS v pořádku, baterie na 42 minut.", "Office UPS: baterie k výměně."},
			{"ups-o status=off output_voltage=0 input_voltage=230",
				agent.Mains, "", agent.Warning, true,
				"On mains. UPS healthy, 42 min of battery.", "Office UPS off.",
				"Na síti. UPS v pořádku, baterie na 42 minut.", "Office UPS mimo provoz."},
			{"ups-o ON\nups-a status=maintenance_bypass input_voltage=230 output_voltage=230",
				agent.Mains, "", agent.Warning, false,
				"On mains. UPS A on maintenance bypass.", "Not redundant.",
				"Na síti. UPS A na servisním bypassu.", "Bez redundance."},
			{"ups-a status=fault input_voltage=230 output_voltage=230",
				agent.Mains, "", agent.Warning, false,
				"On mains. UPS A in fault.", "Not redundant.",
				"Na síti. UPS A v poruše.", "Bez redundance."},
			{"ups-a silent",
				agent.NoData, "", agent.Warning, false,
				"NO DATA: what the building stands on is not known.", "No data from UPS A.",
				"BEZ DAT: není známo, na čem budova běží.", "Bez dat: UPS A."},
		}},
		{"two paths to the servers", `
			u utility Utility > msb
			msb switchboard MSB > ups-a ups-b
			ups-a ups UPS A > it
			ups-b ups UPS B > it
			it load Servers
			g1 generator Generator North
			g2 generator Generator South
			g3 generator G3`, []moment{
			{"msb voltage/L1=230 active_power=50e3\nups-a ON\nups-b ON\ng1 status=stopped\ng2 status=stopped\ng3 status=stopped",
				agent.Mains, "", agent.Info, true,
				"On mains. Both UPS healthy, 42 min of battery.", "All 3 generators ready. Nothing needs attention.",
				"Na síti. Obě UPS v pořádku, baterie na 42 minut.", "Všechny 3 generátory připraveny. Nic nevyžaduje pozornost."},
			{"ups-a status=on_battery battery_status=discharging battery_runtime=3000 output_voltage=230 input_voltage=0",
				agent.Mains, "", agent.Warning, false,
				"On mains. UPS A on battery.", "Not redundant. All 3 generators ready.",
				"Na síti. UPS A na baterii.", "Bez redundance. Všechny 3 generátory připraveny."},
			{"ups-a status=off output_voltage=0 input_voltage=0",
				agent.Mains, "", agent.Warning, false,
				"On mains. UPS A off.", "Not redundant. All 3 generators ready.",
				"Na síti. UPS A mimo provoz.", "Bez redundance. Všechny 3 generátory připraveny."},
			{"ups-a status=online battery_status=low battery_runtime=200 output_voltage=230 input_voltage=230",
				agent.Mains, "", agent.Warning, false,
				"On mains. UPS A: battery low.", "Not redundant. All 3 generators ready.",
				"Na síti. UPS A: slabá baterie.", "Bez redundance. Všechny 3 generátory připraveny."},
			{"ups-a silent",
				agent.Mains, "", agent.Warning, false,
				"On mains. No data from UPS A.", "Redundancy not known. All 3 generators ready.",
				"Na síti. Bez dat: UPS A.", "Redundance není známa. Všechny 3 generátory připraveny."},
			{"ups-a ON\nmsb silent",
				agent.Mains, "", agent.Warning, true,
				"On mains. Both UPS healthy, 42 min of battery.", "All 3 generators ready. No data from MSB.",
				"Na síti. Obě UPS v pořádku, baterie na 42 minut.", "Všechny 3 generátory připraveny. Bez dat: MSB."},
			{"g1 status=fault\nmsb voltage/L1=230 voltage/L2=0 voltage/L3=231 active_power=50e3",
				agent.Mains, "", agent.Warning, false,
				"On mains. MSB: a phase is missing.", "Not redundant: Generator North in fault. Generator South and G3 ready.",
				"Na síti. MSB: chybí fáze.", "Bez redundance: Generator North v poruše. Generator South a G3 připraveny."},
			{"msb voltage/L1=0 active_power=0\nups-a status=on_battery battery_runtime=3600 output_voltage=230 input_voltage=0 battery_time_used=60\nups-b status=on_battery battery_runtime=11000 output_voltage=230 input_voltage=0",
				agent.Batteries, "ups-a ups-b", agent.Alarm, false,
				"ON BATTERIES since 00:00, 60 min left. No generator runs.", "Mains lost. Generator North in fault.",
				"NA BATERIÍCH od 00:00, zbývá 60 minut. Žádný generátor neběží.", "Výpadek sítě. Generator North v poruše."},
			{"ups-b silent",
				agent.Batteries, "ups-a", agent.Alarm, false,
				"ON BATTERY since 00:00, 60 min left. No generator runs.", "Mains lost. Generator North in fault. No data from UPS B.",
				"NA BATERII od 00:00, zbývá 60 minut. Žádný generátor neběží.", "Výpadek sítě. Generator North v poruše. Bez dat: UPS B."},
			{"ups-a status=off output_voltage=0 input_voltage=0\nups-b status=off output_voltage=0 input_voltage=0",
				agent.Dead, "", agent.Alarm, false,
				"NO POWER since 00:00.", "Mains lost. UPS A off. UPS B off. Generator North in fault.",
				"BEZ NAPÁJENÍ od 00:00.", "Výpadek sítě. UPS A mimo provoz. UPS B mimo provoz. Generator North v poruše."},
		}},
		{"two rooms with a UPS each", `
			u utility Utility > msb
			msb board Board > ups-a ups-b
			ups-a ups UPS A > it-a
			ups-b ups UPS B > it-b
			it-a load Room A
			it-b load Room B`, []moment{
			{"ups-a ON\nups-b ON",
				agent.Mains, "", agent.Info, true,
				"On mains. Both UPS healthy, 42 min of battery.", "Nothing needs attention.",
				"Na síti. Obě UPS v pořádku, baterie na 42 minut.", "Nic nevyžaduje pozornost."},
			{"ups-b status=off output_voltage=0 input_voltage=230",
				agent.Mains, "", agent.Alarm, false,
				"PART OF THE LOAD HAS NO POWER: Room B. On mains. UPS B off.", "Not redundant.",
				"ČÁST ZÁTĚŽE JE BEZ NAPÁJENÍ: Room B. Na síti. UPS B mimo provoz.", "Bez redundance."},
			{"ups-b status=on_battery battery_runtime=130 output_voltage=230 input_voltage=0",
				agent.Batteries, "ups-b", agent.Alarm, false,
				"UPS B ON BATTERY since 00:00, 2 min left. The rest on mains.", "",
				"UPS B NA BATERII od 00:00, zbývají 2 minuty. Ostatní na síti.", ""},
			{"ups-a status=off output_voltage=0 input_voltage=0\nups-b status=on_battery battery_runtime=70 output_voltage=230 input_voltage=0",
				agent.Batteries, "ups-b", agent.Alarm, false,
				"PART OF THE LOAD HAS NO POWER: Room A. ON BATTERY since 00:00, 1 min left.", "Mains lost. UPS A off.",
				"ČÁST ZÁTĚŽE JE BEZ NAPÁJENÍ: Room A. NA BATERII od 00:00, zbývá 1 minuta.", "Výpadek sítě. UPS A mimo provoz."},
		}},
		{"cooling", `
			cool-1 cooling CRAC 1
			cool-2 cooling CRAC 2
			ups ups UPS`, []moment{
			{"ups ON\ncool-1 status=running mode=free_cooling\ncool-2 status=running mode=free_cooling",
				agent.Mains, "", agent.Info, true,
				"On mains. UPS healthy, 42 min of battery. Cooling free.", "Nothing needs attention.",
				"Na síti. UPS v pořádku, baterie na 42 minut. Chladí se venkovním vzduchem.", "Nic nevyžaduje pozornost."},
			{"cool-2 status=running mode=mixed",
				agent.Mains, "", agent.Info, true,
				"On mains. UPS healthy, 42 min of battery. Cooling mixed.", "Nothing needs attention.",
				"Na síti. UPS v pořádku, baterie na 42 minut. Chlazení smíšené.", "Nic nevyžaduje pozornost."},
			{"cool-1 status=running mode=mechanical",
				agent.Mains, "", agent.Info, true,
				"On mains. UPS healthy, 42 min of battery. Cooling mechanical.", "Nothing needs attention.",
				"Na síti. UPS v pořádku, baterie na 42 minut. Chlazení strojní.", "Nic nevyžaduje pozornost."},
			{"cool-1 status=fault",
				agent.Mains, "", agent.Warning, true,
				"On mains. UPS healthy, 42 min of battery. Cooling mixed.", "CRAC 1 in fault.",
				"Na síti. UPS v pořádku, baterie na 42 minut. Chlazení smíšené.", "CRAC 1 v poruše."},
			{"cool-2 status=off",
				agent.Mains, "", agent.Alarm, true,
				"On mains. No cooling unit runs.", "CRAC 1 in fault.",
				"Na síti. Neběží žádná chladicí jednotka.", "CRAC 1 v poruše."},
		}},
		{"no feeds at all", `
			g1 generator Generator 1
			ups ups UPS A`, []moment{
			{"g1 status=stopped\nups ON",
				agent.Mains, "", agent.Info, true,
				"On mains. UPS healthy, 42 min of battery.", "Generator 1 ready. Nothing needs attention.",
				"Na síti. UPS v pořádku, baterie na 42 minut.", "Generator 1 připraven. Nic nevyžaduje pozornost."},
			{"g1 status=on_load output_voltage=230\nups status=online battery_status=charging battery_runtime=2520 input_voltage=230 output_voltage=230 output_power=20e3",
				agent.Generator, "g1", agent.Warning, true,
				"ON GENERATOR 1 since 00:00. Batteries charging.", "",
				"NA GENERÁTORU 1 od 00:00. Baterie se dobíjejí.", ""},
			{"g1 status=on_load output_voltage=230\nups status=online battery_status=charging battery_charge=100 battery_runtime=2520 input_voltage=230 output_voltage=230 output_power=20e3",
				agent.Generator, "g1", agent.Warning, true,
				"ON GENERATOR 1 since 00:00. UPS healthy, 42 min of battery.", "",
				"NA GENERÁTORU 1 od 00:00. UPS v pořádku, baterie na 42 minut.", ""},
			{"g1 status=starting\nups status=on_battery output_voltage=230 input_voltage=0 battery_runtime=240",
				agent.Batteries, "ups", agent.Alarm, false,
				"ON BATTERY since 00:00, 4 min left. Generator 1 starting.", "Mains lost.",
				"NA BATERII od 00:00, zbývají 4 minuty. Generator 1 startuje.", "Výpadek sítě."},
		}},
		{"rectifiers", `
			u utility Utility > dc
			dc dc 48 V > routers
			routers load Routers`, []moment{
			{"dc output_voltage=53.5 output_current=40 battery_runtime=18000 input_voltage/L1=230",
				agent.Mains, "", agent.Info, true,
				"On mains. UPS healthy, 5 h of battery.", "Nothing needs attention.",
				"Na síti. UPS v pořádku, baterie na 5 hodin.", "Nic nevyžaduje pozornost."},
			{"dc output_voltage=51 output_current=40 battery_status=discharging battery_runtime=7300 input_voltage/L1=0",
				agent.Batteries, "dc", agent.Alarm, false,
				"ON BATTERY since 00:00, 121 min left.", "Mains lost.",
				"NA BATERII od 00:00, zbývá 121 minut.", "Výpadek sítě."},
			{"dc output_voltage=0 input_voltage/L1=0",
				agent.Dead, "", agent.Alarm, false,
				"NO POWER since 00:00.", "Mains lost. 48 V without voltage.",
				"BEZ NAPÁJENÍ od 00:00.", "Výpadek sítě. 48 V bez napětí."},
		}},
	} {
		t.Run(site.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlant(t, site.plant)
				for _, m := range site.moments {
					p.step(strings.ReplaceAll(m.says, "ON", well))
					path := p.Path()
					if path.On != m.on || strings.Join(path.Sources, " ") != m.sources || path.Severity != m.severity || path.Redundant != m.redundant {
						t.Errorf("%s\nit stands on %v %v, %v, redundant %v", m.says, path.On, path.Sources, path.Severity, path.Redundant)
					}
					if want := (agent.Words{EN: m.en, CS: m.cs}); path.Headline != want {
						t.Errorf("%s\n%s\n%s, want\n%s\n%s", m.says, path.Headline.EN, path.Headline.CS, m.en, m.cs)
					}
					if want := (agent.Words{EN: m.more, CS: m.dale}); path.Detail != want {
						t.Errorf("%s\n%s\n%s, want\n%s\n%s", m.says, path.Detail.EN, path.Detail.CS, m.more, m.dale)
					}
				}
			})
		})
	}
}

// TestNumbersInWords: whole minutes, never more than there are, in the forms
// that both languages have.
func TestNumbersInWords(t *testing.T) {
	for _, test := range []struct {
		seconds            float64
		en, nominative, ac string
		remain             string
	}{
		{0, "0 s", "0 sekund", "0 sekund", "zbývá"},
		{1.9, "1 s", "1 sekunda", "1 sekundu", "zbývá"},
		{59.9, "59 s", "59 sekund", "59 sekund", "zbývá"},
		{60, "1 min", "1 minuta", "1 minutu", "zbývá"},
		{150, "2 min", "2 minuty", "2 minuty", "zbývají"},
		{299, "4 min", "4 minuty", "4 minuty", "zbývají"},
		{300, "5 min", "5 minut", "5 minut", "zbývá"},
		{22 * 60, "22 min", "22 minut", "22 minut", "zbývá"},
		{3 * 3600, "3 h", "3 hodiny", "3 hodiny", "zbývají"},
		{5.9 * 3600, "5 h", "5 hodin", "5 hodin", "zbývá"},
	} {
		s := lasting(test.seconds)
		if s.en != test.en || s.nominative() != test.nominative || s.accusative() != test.ac || s.remain() != test.remain {
			t.Errorf("%g s: %s, %s %s, na %s", test.seconds, s.en, s.remain(), s.nominative(), s.accusative())
		}
	}
}

// TestUnless: with alarms that are nothing to the power it is not said that
// nothing needs attention.
func TestUnless(t *testing.T) {
	p := agent.Path{Detail: agent.Words{EN: "Generator ready. Nothing needs attention.", CS: "Generátor připraven. Nic nevyžaduje pozornost."}}
	for alarms, want := range map[int]agent.Words{
		0: p.Detail,
		1: {EN: "Generator ready. 1 alarm needs attention.", CS: "Generátor připraven. Pozornost vyžaduje 1 alarm."},
		3: {EN: "Generator ready. 3 alarms need attention.", CS: "Generátor připraven. Pozornost vyžadují 3 alarmy."},
		5: {EN: "Generator ready. 5 alarms need attention.", CS: "Generátor připraven. Pozornost vyžaduje 5 alarmů."},
	} {
		if got := Unless(alarms, p).Detail; got != want {
			t.Errorf("%d: %v, want %v", alarms, got, want)
		}
	}
	p.Detail = agent.Words{EN: "UPS A in bypass.", CS: "UPS A na bypassu."}
	if got := Unless(2, p); got.Detail != p.Detail {
		t.Errorf("what is said of the power is left out: %v", got.Detail)
	}
}
