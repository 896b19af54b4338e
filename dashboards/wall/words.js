// The words of the pages, in English and Czech: ?lang=cs, or what the browser
// speaks.

const asked = new URLSearchParams(location.search);
export const lang = ['cs', 'en'].includes(asked.get('lang')) ? asked.get('lang') : /^cs\b/i.test(navigator.language) ? 'cs' : 'en';
export const theme = asked.get('theme') === 'light' ? 'light' : 'dark';
document.documentElement.lang = lang;
document.documentElement.dataset.theme = theme;

// keep adds to a link what this page was asked with, so that the next one has
// the same language and theme.
export const keep = (href) => {
  const kept = new URLSearchParams();
  for (const k of ['lang', 'theme']) if (asked.has(k)) kept.set(k, asked.get(k));
  const text = kept.toString();
  return text ? `${href}?${text}` : href;
};

const cs = {
  'days': 'd', 'no data': 'bez dat', 'live': 'živě', 'data': 'data', 'old': 'staré', 'desk': 'dohled', 'wall': 'stěna',
  'power': 'napájení', 'climate': 'klima', 'free cooling': 'volné chlazení', 'cooling': 'chlazení', 'last events': 'poslední události', 'what is known': 'co víme',
  'connecting…': 'připojuji se…', 'connected, no readings yet': 'spojeno, zatím bez údajů', 'the agent does not answer': 'agent neodpovídá', 'NO ANSWER FROM THE AGENT': 'AGENT NEODPOVÍDÁ',
  'CONNECTION TO THE AGENT LOST': 'SPOJENÍ S AGENTEM ZTRACENO', 'since': 'od', 'what is shown was so at': 'zobrazený stav platil v',
  'mains': 'síť', 'generator': 'generátor', 'batteries': 'baterie', 'dead': 'bez napětí', 'from': 'z',
  'IT': 'IT', 'supply': 'přívod', 'return': 'zpátečka', 'outdoor': 'venku', 'fans': 'ventilátory', 'compressor': 'kompresor', 'takes': 'příkon',
  'free today': 'dnes volné', 'free': 'volné', 'mixed': 'smíšené', 'mechanical': 'strojní', 'off': 'vypnuto', 'mode over the day': 'režim během dne',
  'dew': 'rosný', 'humidity': 'vlhkost', 'too warm': 'příliš teplo', 'too cold': 'příliš chladno', 'too humid': 'příliš vlhko', 'too dry': 'příliš sucho',
  'leak': 'únik vody', 'smoke': 'kouř', 'door open': 'otevřené dveře', 'sensors': 'čidel', 'no answer': 'neodpovídá', 'not allowed': 'mimo meze',
  'devices answer': 'zařízení odpovídá', 'of': 'z', 'do not answer': 'neodpovídají', 'takes everything': 'přijímá vše', 'does not take': 'nepřijímá', 'waiting': 'čeká', 'is behind by': 'je pozadu o',
  'no events': 'žádné události', 'no events are kept': 'události se nesledují', 'fuel': 'palivo', 'coolant': 'chladivo', 'battery': 'baterie', 'load': 'zátěž',
  'hour': 'hodina', 'day': 'den', 'close': 'zavřít', 'all readings': 'všechny údaje', 'no trend': 'průběh není k dispozici', 'time': 'čas', 'mean': 'průměr', 'lowest': 'nejméně', 'highest': 'nejvíce',
  'device': 'zařízení', 'state': 'stav', 'room': 'místnost', 'class': 'druh', 'readings': 'údaje', 'age': 'stáří', 'last error': 'poslední chyba', 'search': 'hledat', 'all rooms': 'všechny místnosti', 'all classes': 'všechny druhy',
  'only what needs attention': 'jen co vyžaduje pozornost', 'shown': 'zobrazeno', 'answers': 'odpovídá', 'silent': 'neodpovídá', 'not polled yet': 'zatím nečteno', 'active alarms': 'trvající poplachy', 'acknowledge': 'potvrdit', 'acknowledged by': 'potvrdil(a)',
  'your name': 'vaše jméno', 'print': 'tisk', 'all devices': 'všechna zařízení', 'there is no such device': 'takové zařízení není', 'profile': 'profil', 'polled every': 'čteno každých', 'last answer': 'poslední odpověď', 'failed polls': 'neúspěšných čtení', 'next try': 'další pokus',
  'reading': 'údaj', 'channel': 'kanál', 'value': 'hodnota', 'quality': 'kvalita', 'last hour': 'poslední hodina', 'good': 'dobrá', 'suspect': 'podezřelé', 'bad': 'nepřečteno', 'feeds': 'napájí', 'labels': 'štítky', 'nothing fits': 'nic neodpovídá',
  'next tests': 'příští zkoušky', 'today': 'dnes', 'tomorrow': 'zítra', 'by': 'do', 'from day': 'od', 'due now, until': 'má proběhnout do', 'running since': 'probíhá od', 'ends when all is well': 'skončí, až bude vše v pořádku',
  'under load': 'pod zátěží', 'without load': 'bez zátěže', 'transfer': 'přepnutí', 'battery test': 'test baterie', 'manual': 'ručně',
  'last passed': 'naposledy vyhověla', 'last failed': 'naposledy nevyhověla', 'last missed': 'neprovedena',
  'alarms': 'poplachy', 'show': 'zobrazit', 'hide': 'skrýt', 'it was not acknowledged': 'nepotvrdilo se', 'lasts': 'trvá', 'device says': 'zařízení hlásí',
};
const en = { bad: 'not read', 'from day': 'from', 'manual': 'by hand', 'last missed': 'missed' };
export const t = (key) => (lang === 'cs' ? cs : en)[key] ?? key;

// The metrics of the catalogue: [unit, Czech, English where it is not the name].
export const metrics = {
  active_power: ['W', 'činný výkon'], air_speed: ['m/s', 'rychlost vzduchu'], airflow: ['m3/h', 'průtok vzduchu'], alarms_active: ['', 'trvající poplachy', 'active alarms'],
  apparent_power: ['VA', 'zdánlivý výkon'], battery_charge: ['%', 'nabití baterie'], battery_current: ['A', 'proud baterie'], battery_runtime: ['s', 'výdrž baterie'],
  battery_runtime_min: ['s', 'nejkratší výdrž baterií', 'shortest battery runtime'], battery_status: ['', 'stav baterie'], battery_temperature: ['Cel', 'teplota baterie'],
  battery_time_used: ['s', 'čas na baterii', 'time on battery'], battery_voltage: ['V', 'napětí baterie'], breaker: ['', 'jistič'], bypass_current: ['A', 'proud bypassu'],
  bypass_frequency: ['Hz', 'kmitočet bypassu'], bypass_power: ['W', 'výkon bypassu'], bypass_voltage: ['V', 'napětí bypassu'], charge_alternator_voltage: ['V', 'napětí dobíjecího alternátoru'],
  clock_offset: ['s', 'posun hodin'], compressor_run_time: ['s', 'provozní doba kompresoru'], compressor_speed: ['%', 'otáčky kompresoru'], contact: ['', 'kontakt'],
  coolant_temperature: ['Cel', 'teplota chladicí kapaliny'], cooling_demand: ['%', 'požadavek na chlazení'], cooling_power: ['W', 'chladicí výkon'], current: ['A', 'proud'],
  current_thd: ['%', 'zkreslení proudu (THD)', 'current THD'], damper_position: ['%', 'poloha klapky'], dew_point: ['Cel', 'rosný bod'], differential_pressure: ['Pa', 'rozdíl tlaků'],
  discharge_pressure: ['Pa', 'výtlačný tlak'], discharge_temperature: ['Cel', 'výtlačná teplota'], door: ['', 'dveře'], energy: ['Wh', 'energie'], energy_export: ['Wh', 'dodaná energie', 'exported energy'],
  energy_import: ['Wh', 'odebraná energie', 'imported energy'], engine_speed: ['{rpm}', 'otáčky motoru'], fan_rotation: ['{rpm}', 'otáčky ventilátoru'], fan_run_time: ['s', 'provozní doba ventilátoru'],
  fan_speed: ['%', 'výkon ventilátoru'], filter_pressure: ['Pa', 'tlaková ztráta filtru'], free_cooling: ['%', 'volné chlazení'], frequency: ['Hz', 'kmitočet'], fuel_level: ['%', 'palivo'],
  generator_breaker: ['', 'jistič generátoru'], generator_power: ['W', 'výkon generátorů'], humidity: ['%', 'vlhkost'], input_apparent_power: ['VA', 'zdánlivý příkon'], input_current: ['A', 'vstupní proud'],
  input_energy: ['Wh', 'vstupní energie'], input_failures: ['', 'výpadky vstupu'], input_frequency: ['Hz', 'vstupní kmitočet'], input_power: ['W', 'příkon'], input_power_factor: ['', 'účiník vstupu'],
  input_voltage: ['V', 'vstupní napětí'], it_power: ['W', 'příkon IT', 'IT power'], last_transfer_cause: ['', 'příčina posledního přechodu'], load: ['%', 'zatížení'], mains_breaker: ['', 'síťový jistič'],
  mains_current: ['A', 'proud sítě'], mains_frequency: ['Hz', 'kmitočet sítě'], mains_power: ['W', 'odběr ze sítě'], mains_voltage: ['V', 'napětí sítě'], memory: ['By', 'paměť'], mode: ['', 'režim'],
  oil_pressure: ['Pa', 'tlak oleje'], oil_temperature: ['Cel', 'teplota oleje'], outdoor_temperature: ['Cel', 'venkovní teplota'], outlet_state: ['', 'zásuvka', 'outlet'], output_apparent_power: ['VA', 'zdánlivý výkon na výstupu'],
  output_current: ['A', 'výstupní proud'], output_energy: ['Wh', 'výstupní energie'], output_frequency: ['Hz', 'výstupní kmitočet'], output_load: ['%', 'zatížení'], output_power: ['W', 'výkon na výstupu'],
  output_power_factor: ['', 'účiník výstupu'], output_reactive_power: ['var', 'jalový výkon na výstupu'], output_voltage: ['V', 'výstupní napětí'], poll_duration: ['s', 'doba čtení'],
  poll_failures: ['', 'neúspěšná čtení'], polls: ['', 'čtení'], polls_skipped: ['', 'vynechaná čtení', 'skipped polls'], position: ['', 'poloha'], power: ['W', 'příkon'], power_factor: ['', 'účiník'],
  power_redundancy: ['', 'záloha napájení'], preferred_source: ['', 'přednostní zdroj'], pressure: ['Pa', 'tlak'], pue: ['', 'PUE', 'PUE'], queue_age: ['s', 'stáří fronty', 'age of the queue'], queue_bytes: ['By', 'fronta', 'queue'],
  reactive_power: ['var', 'jalový výkon'], readings_dropped: ['', 'ztracené údaje', 'dropped readings'], readings_set_aside: ['', 'odložené údaje'], rectifier_current: ['A', 'proud usměrňovačů'],
  rectifiers_active: ['', 'činné usměrňovače', 'active rectifiers'], redundancy: ['', 'záloha'], residual_current: ['A', 'reziduální proud'], return_air_humidity: ['%', 'vlhkost zpátečky'],
  return_air_temperature: ['Cel', 'teplota zpátečky'], return_water_temperature: ['Cel', 'teplota vratné vody'], run_time: ['s', 'motohodiny'], selected_source: ['', 'zvolený zdroj'], self_test: ['', 'vlastní test'],
  setpoint_temperature: ['Cel', 'žádaná teplota'], sink_up: ['', 'výstup přijímá', 'output takes readings'], smoke: ['', 'kouř'], source_a_frequency: ['Hz', 'kmitočet zdroje A', 'source A frequency'],
  source_a_status: ['', 'stav zdroje A', 'source A'], source_a_voltage: ['V', 'napětí zdroje A', 'source A voltage'], source_b_frequency: ['Hz', 'kmitočet zdroje B', 'source B frequency'], source_b_status: ['', 'stav zdroje B', 'source B'],
  source_b_voltage: ['V', 'napětí zdroje B', 'source B voltage'], starter_battery_voltage: ['V', 'napětí startovací baterie'], starts: ['', 'starty'], status: ['', 'stav'], suction_pressure: ['Pa', 'sací tlak'],
  suction_temperature: ['Cel', 'sací teplota'], supply: ['', 'napájení'], supply_air_humidity: ['%', 'vlhkost přívodu'], supply_air_temperature: ['Cel', 'teplota přívodu'], supply_water_temperature: ['Cel', 'teplota přívodní vody'],
  temperature: ['Cel', 'teplota'], transfers: ['', 'přepnutí'], traps_dropped: ['', 'zahozené trapy', 'dropped traps'], traps_received: ['', 'přijaté trapy', 'received traps'], up: ['', 'odpovídá', 'answers'], valve_position: ['%', 'poloha ventilu'], voltage: ['V', 'napětí'], voltage_thd: ['%', 'zkreslení napětí (THD)', 'voltage THD'],
  water_flow: ['L/min', 'průtok vody'], water_leak: ['', 'únik vody'],
};

const plain = (name) => name.replace(/^x_/, '').replaceAll('_', ' ');
export const metricName = (name) => { const m = metrics[name]; return (lang === 'cs' ? m?.[1] : m?.[2]) ?? plain(name); };
export const unitOf = (name) => metrics[name]?.[0] ?? '';

// The words of the catalogue's states.
export const states = {
  a: 'A', aborted: 'přerušen', alarm: 'poplach', auto: 'automaticky', b: 'B', batteries: 'baterie', blackout: 'výpadek', boost: 'zvyšuje napětí', bypass: 'bypass', charging: 'dobíjí', clear: 'v pořádku', closed: 'zavřeno',
  command: 'povel', cooling_down: 'dochlazuje', dead: 'bez napětí', depleted: 'vybitá', discharging: 'vybíjí', dry: 'sucho', eco: 'eco', fail: 'selhal', failed: 'selhal', fault: 'porucha', free_cooling: 'volné chlazení', frequency: 'kmitočet',
  generator: 'generátor', heating: 'topí', lost: 'ztracena', low: 'slabá', mains: 'síť', maintenance_bypass: 'servisní bypass', manual: 'ručně', mechanical: 'strojní chlazení', mixed: 'smíšené chlazení', none: 'žádný', normal: 'normální',
  not_run: 'neproběhl', off: 'vypnuto', ok: 'v pořádku', on: 'zapnuto', on_battery: 'na baterii', on_load: 'napájí', online: 'v provozu', open: 'otevřeno', overload: 'přetížení', overvoltage: 'přepětí', passed: 'v pořádku', replace: 'vyměnit',
  running: 'běží', sag: 'pokles', self_test: 'vlastní test', spike: 'špička', standby: 'připraveno', starting: 'startuje', stopped: 'stojí', stopping: 'zastavuje', test_off_load: 'test bez zátěže', test_on_load: 'test se zátěží', trim: 'snižuje napětí',
  undervoltage: 'podpětí', unknown: 'neznámo', warming_up: 'zahřívá se', warning: 'varování', wet: 'mokro',
};
export const stateWord = (word) => lang === 'cs' ? states[word] ?? plain(word) : word === 'a' || word === 'b' ? word.toUpperCase() : plain(word);

const classes = {
  agent: ['agent', 'agent'], ups: ['UPS', 'UPS'], ats: ['transfer switch', 'přepínač'], generator: ['generator', 'generátor'], switchboard: ['switchboard', 'rozvaděč'], pdu: ['PDU', 'PDU'], dc: ['DC power', 'stejnosměrné napájení'],
  cooling: ['cooling', 'chlazení'], climate: ['climate', 'klima'], site: ['site', 'lokalita'], utility: ['utility', 'síť'], transformer: ['transformer', 'transformátor'], board: ['board', 'rozvodna'], load: ['load', 'zátěž'],
};
export const className = (name) => classes[name]?.[lang === 'cs' ? 1 : 0] ?? name;

// words picks the language of an agent.Words.
export const words = (w) => w?.[lang] || w?.en || '';
