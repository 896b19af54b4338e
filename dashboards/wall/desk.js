// The desk: every device with what it says, and one device with all it says.
//
// /desk?q=TEXT&room=ROOM&class=CLASS&attention=1 and /desk/DEVICE; ?theme= and
// ?lang= as on the wall.
import { state, on, now, time, clockText, dayText, sameDay } from './live.js';
import { h, mark, setMark, setText, setClass, ageText, parts, Value, reading, total, all, value, freshness } from './show.js';
import { t, words, keep, metricName, unitOf, className, stateWord } from './words.js';
import { frame } from './frame.js';
import { Spark, openChart } from './trend.js';
import { Next } from './next.js';

const { main } = frame();
const asked = new URLSearchParams(location.search);
const device = /^\/desk\/(.+)$/.exec(location.pathname)?.[1];

// What the list shows of a device, by its class: metrics, and with a / the
// channels of which the first that there is counts.
const shown = {
  ups: ['output_load//L1', 'battery_charge', 'battery_runtime', 'output_power', 'input_voltage/L1/'],
  dc: ['load', 'battery_charge', 'battery_runtime', 'output_power', 'output_voltage'],
  ats: ['selected_source', 'source_a_voltage/L1/', 'source_b_voltage/L1/', 'output_power'],
  generator: ['mode', 'output_power', 'fuel_level', 'coolant_temperature', 'starter_battery_voltage'],
  switchboard: ['voltage/L1/', 'active_power', 'frequency/', 'current/L1/'],
  pdu: ['active_power', 'current//L1', 'load//L1', 'voltage//L1'],
  cooling: ['mode', 'supply_air_temperature', 'return_air_temperature', 'fan_speed/*', 'power'],
  climate: ['temperature/*', 'humidity/*', 'dew_point/*', 'water_leak/*', 'door/*', 'smoke/*'],
  site: ['supply', 'mains_power', 'it_power', 'cooling_power', 'pue', 'battery_runtime_min'],
  agent: ['memory', 'sink_up/*', 'queue_age/*'],
};

// stateOf is how a device stands, as [state, word].
function stateOf(d) {
  const n = state.path?.nodes.find((x) => x.id === d.id);
  if (!d.live) return ['unknown', t('not polled yet')];
  if (!d.live.up) return ['lost', t('silent')];
  if (n) return [n.state, words(n.word)];
  for (const [metric, bad] of [['water_leak', 'wet'], ['smoke', 'alarm'], ['status', 'fault']]) {
    if (all(d, metric).some(([, r]) => value(r) === bad)) return ['lost', metricName(metric)];
  }
  return ['live', t('answers')];
}

const lasts = (ms) => ageText(now() - ms);
const when = (ms) => Number.isFinite(ms) ? `${sameDay(ms, now()) ? '' : dayText(ms) + ' '}${clockText(ms)}` : '–';

if (device) one(decodeURIComponent(device)); else list();

function list() {
  const q = h('input.button', { type: 'search', placeholder: t('search'), 'aria-label': t('search'), value: asked.get('q') ?? '' });
  const room = h('select.button', { 'aria-label': t('room') }), kind = h('select.button', { 'aria-label': t('class') });
  const attention = h('input', { type: 'checkbox', checked: asked.has('attention') });
  const count = h('span.count', { role: 'status' });
  const body = h('tbody');
  const alarms = h('section.alarms', { hidden: true });
  main.append(alarms, new Next().el, h('section', h('div.tools', q, room, kind, h('label', attention, ' ', t('only what needs attention')), count,
    h('button.button.print', { type: 'button', onclick: () => print() }, t('print')), h('a.button', { href: keep('/') }, t('wall'))),
  h('table.devices', h('thead', h('tr', ...['state', 'device', 'class', 'room', 'readings', 'age', 'last error'].map((x) => h('th', { scope: 'col' }, t(x))))), body)));

  let rows = [];
  class Row {
    constructor(d) {
      this.device = d;
      this.mark = mark('unknown'); this.word = h('span'); this.cells = new Map(); this.readings = h('div.readings');
      this.age = h('td.age', { 'data-label': t('age') }); this.err = h('td.err', { 'data-label': t('last error') });
      this.el = h('tr', { 'data-id': d.id }, h('td.state', this.mark, ' ', this.word), h('th', { scope: 'row' }, h('a', { href: keep('/desk/' + encodeURIComponent(d.id)) }, d.name), d.name === d.id ? null : h('small', d.id)),
        h('td', { 'data-label': t('class') }, className(d.class)), h('td', { 'data-label': t('room') }, d.room), h('td', { 'data-label': t('readings') }, this.readings), this.age, this.err);
      this.text = [d.id, d.name, d.class, className(d.class), d.room, d.profile, ...Object.values(d.labels ?? {})].join(' ').toLocaleLowerCase();
    }
    update() {
      const d = this.device = state.devices.get(this.device.id) ?? this.device;
      const [s, word] = stateOf(d);
      this.state = s;
      setMark(this.mark, s);
      setText(this.word, word);
      setClass(this.el, 'is-' + s);
      for (const spec of shown[d.class] ?? Object.keys(d.live?.readings ?? {}).slice(0, 5)) {
        const [metric, ...channels] = spec.split('/');
        const found = channels[0] === '*' ? all(d, metric).map(([c, r]) => [c, r]) : metric.endsWith('power') ? [['', total(d, metric)]] :
          [[channels.find((c) => reading(d, metric, c) !== undefined) ?? '', reading(d, metric, ...(channels.length ? channels : ['']))]];
        for (const [channel, r] of found) {
          if (r === undefined) continue;
          const key = metric + '/' + channel;
          let cell = this.cells.get(key);
          if (!cell) {
            cell = new Value(unitOf(metric), metric);
            this.cells.set(key, cell);
            this.readings.append(h('span.cell', h('small', metricName(metric) + (channels[0] === '*' && found.length > 1 ? ' ' + channel : '')), ' ', cell.el));
          }
          cell.set(r, d.live.readAt, d.every);
        }
      }
      this.tick();
    }
    tick() {
      const d = this.device;
      const at = d.live?.readAt ?? NaN;
      setText(this.age, Number.isFinite(at) ? ageText(now() - at) : '–');
      setClass(this.age, 'age ' + freshness(at, d.every));
      const err = d.live?.err ? `${d.live.err} (${lasts(time(d.live.since))}, ${d.live.failures}×)` : '';
      setText(this.err, err);
      for (const c of this.cells.values()) c.tick();
    }
  }
  const filter = () => {
    const text = q.value.trim().toLocaleLowerCase().split(/\s+/).filter(Boolean);
    let n = 0;
    for (const r of rows) {
      const fits = text.every((w) => r.text.includes(w)) && (!room.value || r.device.room === room.value) && (!kind.value || r.device.class === kind.value) &&
        (!attention.checked || !['live', 'ready'].includes(r.state) || !['fresh'].includes(freshness(r.device.live?.readAt ?? NaN, r.device.every)));
      r.el.hidden = !fits;
      n += fits;
    }
    setText(count, n ? `${t('shown')} ${n} ${t('of')} ${rows.length}` : t('nothing fits'));
  };
  const remember = () => {
    for (const [k, v] of [['q', q.value], ['room', room.value], ['class', kind.value], ['attention', attention.checked ? '1' : '']]) v ? asked.set(k, v) : asked.delete(k);
    history.replaceState(null, '', '/desk' + (asked.size ? '?' + asked : ''));
    filter();
  };
  q.oninput = room.onchange = kind.onchange = attention.onchange = remember;
  const options = (select, values, all, names = (x) => x) => {
    const chosen = select.value || asked.get(select === room ? 'room' : 'class') || '';
    select.replaceChildren(h('option', { value: '' }, all), ...values.map((v) => h('option', { value: v, selected: v === chosen }, names(v))));
  };
  on('hello', () => {
    const devices = [...state.devices.values()];
    options(room, [...new Set(devices.map((d) => d.room).filter(Boolean))].sort(), t('all rooms'));
    options(kind, [...new Set(devices.map((d) => d.class))].sort(), t('all classes'), className);
    rows = devices.map((d) => new Row(d));
    body.replaceChildren(...rows.map((r) => r.el));
  });
  let waiting = false;
  on('change', () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => { waiting = false; for (const r of rows) r.update(); filter(); showAlarms(alarms); }, 200);
  });
  on('second', () => { for (const r of rows) r.tick(); });
}

// The alarms that last, which somebody may say that they look at.
function showAlarms(el) {
  const active = state.events.active ?? [];
  const key = JSON.stringify(active) + state.hello.ack;
  el.hidden = !active.length;
  // What somebody is writing is not taken from him.
  if (key === showAlarms.key || el.contains(document.activeElement)) return;
  showAlarms.key = key;
  el.replaceChildren(h('h2', t('active alarms')), h('ol', ...active.map((e) => {
    const told = h('span.told', { role: 'status' }, Number.isFinite(time(e.acked)) ? `${t('acknowledged by')} ${e.acked_by}, ${when(time(e.acked))}` : '');
    return h('li', h('time', when(time(e.began))), mark(e.severity), h('span.what', words(e.text)), told, state.hello.ack && !Number.isFinite(time(e.acked)) && ackForm(e, told));
  })));
}

// ackForm asks for a name, which this browser remembers, and tells the agent who
// looks at an event.
function ackForm(e, told) {
  const by = h('input.button', { required: true, maxlength: 60, placeholder: t('your name'), 'aria-label': t('your name'), value: localStorage.getItem('name') ?? '' });
  return h('form', { onsubmit: async (ev) => {
    ev.preventDefault();
    localStorage.setItem('name', by.value);
    try {
      const r = await fetch(`${location.origin}/api/v1/events/${encodeURIComponent(e.id)}/ack`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ by: by.value }) });
      if (!r.ok) throw new Error((await r.json().catch(() => ({}))).error ?? r.statusText);
      told.textContent = `${t('acknowledged by')} ${by.value}`;
      document.activeElement?.blur();
    } catch (err) {
      told.textContent = `${t('it was not acknowledged')}: ${err.message}`;
    }
  } }, by, ' ', h('button.button', { type: 'submit' }, t('acknowledge')));
}

// alarmRows is for the alarms that a device tells one by one, of which some have
// a hundred: those that are clear are one line until somebody asks for them.
function alarmRows() {
  const number = h('td.value'), all = h('tbody.alarmrows');
  const more = h('button.link', { type: 'button', onclick: () => { all.classList.toggle('open'); count(); } });
  const sum = h('tbody', { hidden: true }, h('tr.alarmsum', h('th', { scope: 'row' }, t('alarms')), h('td'), number, h('td', more), h('td')));
  const has = (r) => /(^|\.)x_alarm_/.test(r.metric);
  const count = () => {
    const open = all.classList.contains('open'), calm = all.querySelectorAll('.calm').length;
    sum.hidden = calm === 0;
    setText(number, `${calm} ${stateWord('clear')}`);
    setText(more, t(open ? 'hide' : 'show'));
    more.setAttribute('aria-expanded', String(open));
  };
  return { all, parts: [sum, all], has, count };
}

function one(id) {
  const title = h('h2.device', id), facts = h('dl.facts'), body = h('tbody'), alarms = alarmRows(), sign = mark('unknown'), word = h('span.stateword');
  const gone = h('p.gone', { hidden: true }, t('there is no such device'));
  main.append(h('section', h('div.tools', h('a.button', { href: keep('/desk') }, '← ' + t('all devices')), h('span.grow'), h('button.button.print', { type: 'button', onclick: () => print() }, t('print'))),
    h('div.title', sign, title, word), facts, gone,
    h('table.all', h('thead', h('tr', ...['reading', 'channel', 'value', 'quality', 'last hour'].map((x) => h('th', { scope: 'col' }, t(x))))), ...alarms.parts, body)));
  const rows = new Map();
  let busy = false, again = false;

  const load = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const r = await fetch(location.origin + '/api/v1/device/' + encodeURIComponent(id));
      gone.hidden = r.status !== 404;
      if (r.ok) show(await r.json());
    } catch { /* the bar says that the agent is not there */ }
    setTimeout(() => { busy = false; if (again) { again = false; load(); } }, 900);
  };
  const fact = (name, text, cls = '') => text ? [h('div' + cls, h('dt', t(name)), h('dd', text))] : [];
  const show = (d) => {
    setText(title, d.name);
    const live = state.devices.get(id);
    const [s, w] = live ? stateOf(live) : ['unknown', ''];
    setMark(sign, s);
    setText(word, w);
    word.className = 'stateword s-' + s;
    const key = JSON.stringify([d.up, d.since, d.failures, d.err, d.next, Math.floor((d.age_seconds ?? 0) / 5)]);
    if (key !== show.key) {
      show.key = key;
      facts.replaceChildren(...fact('class', className(d.class)), ...fact('room', d.labels?.room), ...fact('profile', d.profile), ...fact('polled every', parts(d.every_seconds, 's').join(' ')),
        ...fact('labels', Object.entries(d.labels ?? {}).filter(([k]) => k !== 'room').map(([k, v]) => `${k}: ${v}`).join(', ')), ...fact('feeds', d.feeds?.join(', ')),
        ...fact(d.up ? 'answers' : 'silent', `${t('since')} ${when(time(d.since))}`), ...fact('last answer', live?.live?.readAt ? when(live.live.readAt) : ''), ...fact('failed polls', d.failures ? String(d.failures) : ''),
        ...fact('next try', d.failures ? when(time(d.next)) : ''), ...fact('last error', d.err, '.err'));
    }
    if (!d.up) return; // what it said stays, and becomes old
    const seen = new Set();
    for (const r of d.readings ?? []) {
      const key = r.metric + '/' + (r.channel ?? '');
      seen.add(key);
      let row = rows.get(key);
      if (!row) {
        row = { value: new Value(r.unit, r.metric), quality: h('td.quality') };
        const choices = () => d.readings.filter((x) => x.trend).map((x) => [x.metric, x.channel ?? '']);
        const name = metricName(r.metric.replace('x_alarm_', 'x_'));
        row.el = h('tr', { 'data-key': key, title: r.doc }, h('th', { scope: 'row' }, r.trend ? h('button.link', { type: 'button', onclick: () => openChart(d, r.metric, r.channel ?? '', choices()) }, name) : name),
          h('td', r.channel ? r.channel + (r.channel_name && r.channel_name !== r.channel ? ` · ${r.channel_name}` : '') : ''), h('td.value', row.value.el), row.quality, h('td.sparkcell', r.trend && r.unit !== '' ? new Spark(d.id, r.metric, r.channel ?? '').el : null));
        rows.set(key, row);
        (alarms.has(r) ? alarms.all : body).append(row.el);
      }
      row.value.set({ value: r.state ?? r.value, quality: r.quality, why: r.why }, time(d.polled), d.every_seconds * 1000);
      setText(row.quality, r.quality === 'good' ? (r.raw ? `${t('device says')} ${r.raw}` : '') : `${t(r.quality)}: ${r.why ?? ''}`);
      row.quality.className = 'quality q-' + r.quality;
      row.el.classList.toggle('calm', alarms.has(r) && r.quality === 'good' && r.state === 'clear');
    }
    for (const [key, row] of rows) if (!seen.has(key)) { row.el.remove(); rows.delete(key); }
    alarms.count();
  };
  let polled = NaN;
  on('change', () => {
    const at = state.devices.get(id)?.live?.polledAt;
    if (at === polled && at !== undefined) return;
    polled = at;
    load();
  });
  on('second', () => { for (const r of rows.values()) r.value.tick(); });
}
