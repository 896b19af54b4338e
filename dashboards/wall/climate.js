// The air of the rooms, each with its allowed band and its last hour, and what
// cools it.
import { state } from './live.js';
import { h, mark, setMark, setText, setClass, fit, fixed, text, Value, DataTime, reading, all, value } from './show.js';
import { t, words, stateWord } from './words.js';
import { Spark, DayStrip, openChart } from './trend.js';
import { trendable } from './diagram.js';

const climateDevices = () => {
  const every = [...state.devices.values()];
  const own = every.filter((d) => d.class === 'climate');
  return own.length ? own : every.filter((d) => all(d, 'climate.temperature').length);
};

// spots are the places where a temperature is measured: [{device, channel}].
const spots = () => climateDevices().flatMap((d) => {
  const channels = all(d, 'temperature').map(([c]) => c);
  if (!channels.length) return d.live && !d.live.up || !d.live ? [{ device: d, channel: '', alone: true }] : all(d, 'humidity').length ? [{ device: d, channel: '', alone: true }] : [];
  return channels.map((channel) => ({ device: d, channel, alone: channels.length === 1 }));
});

// The dew point of air (Magnus; coefficients of Sonntag, 1990), where no sensor
// says it.
const dewPoint = (celsius, humidity) => {
  const l = Math.log(humidity / 100) + 17.62 * celsius / (243.12 + celsius);
  return 243.12 * l / (17.62 - l);
};

// What else a climate sensor sees, when it is not as it should be.
const troubles = [['water_leak', 'wet', 'leak'], ['smoke', 'alarm', 'smoke'], ['door', 'open', 'door open']];

// judge compares a reading with its band: '' within, 'abnormal' outside of it,
// or 'lost' outside of where it is an alarm.
function judge(r) {
  const v = value(r);
  const band = r?.band;
  if (!band || typeof v !== 'number') return '';
  if (band[0] !== null && v < band[0]) return 'low';
  if (band[1] !== null && v > band[1]) return 'high';
  return '';
}

class Tile {
  constructor(spot) {
    Object.assign(this, spot);
    const d = this.device;
    this.mark = mark('unknown');
    this.word = h('em');
    this.temp = new Value('Cel', 'temperature', 'span.temp');
    this.hum = new Value('%', 'humidity');
    this.dew = new Value('Cel', 'dew_point');
    this.name = h('span.nametext');
    this.dewEl = h('span.dew', t('dew') + ' ', this.dew.el);
    this.air = h('span.air', this.word, h('span', { title: t('humidity') }, this.hum.el), this.dewEl);
    this.spark = new Spark(d.id, 'temperature', this.channel);
    this.el = h('button.tile', { type: 'button', onclick: () => openChart(d, 'temperature', this.channel, trendable(state.devices.get(d.id) ?? d)) },
      h('span.head', this.name, this.mark), this.temp.el, this.air, this.spark.el);
    this.el.dataset.id = d.id;
  }
  update() {
    const d = this.device = state.devices.get(this.device.id) ?? this.device;
    const r = reading(d, 'temperature', this.channel);
    setText(this.name, this.alone ? d.name : `${d.name} · ${r?.channel_name || this.channel}`);
    const at = d.live?.readAt ?? NaN;
    const rh = this.alone ? all(d, 'humidity')[0]?.[1] : reading(d, 'humidity', this.channel);
    const dp = this.alone ? all(d, 'dew_point')[0]?.[1] : reading(d, 'dew_point', this.channel);
    this.temp.set(r, at, d.every);
    this.hum.set(rh, at, d.every);
    const known = value(dp) ?? (typeof value(r) === 'number' && value(rh) > 0 ? dewPoint(value(r), value(rh)) : undefined);
    this.dew.set(value(dp) === undefined ? known : dp, at, d.every, degrees);
    this.spark.setBand(r?.band ?? null);
    let s = d.live?.up ? 'live' : 'unknown', word = d.live && !d.live.up ? t('no answer') : '';
    if (d.live?.up && r?.quality === 'suspect') { s = 'abnormal'; word = t('suspect'); }
    if (d.live?.up && r?.quality === 'bad') { s = 'lost'; word = t('bad'); }
    const temp = judge(r), humid = judge(rh);
    if (humid) { s = 'abnormal'; word = t(humid === 'high' ? 'too humid' : 'too dry'); }
    if (temp) { s = 'abnormal'; word = t(temp === 'high' ? 'too warm' : 'too cold'); }
    for (const [metric, bad, what] of troubles) {
      if (all(d, metric).some(([, x]) => value(x) === bad)) { s = metric === 'door' ? 'abnormal' : 'lost'; word = t(what); }
    }
    setMark(this.mark, s);
    // What is wrong is more than the dew point.
    setText(this.word, word);
    this.word.hidden = !word;
    this.dewEl.hidden = Boolean(word);
    setClass(this.el, `tile is-${s}`);
    this.el.dataset.state = s;
    fit(this.air, this.el.clientWidth);
  }
  tick(at) { this.temp.tick(at); this.hum.tick(at); this.dew.tick(at); }
  times() { return [[this.device.live?.readAt ?? NaN, this.device.every]]; }
}

// A Group is a room of more sensors than there is place for.
class Group {
  constructor(room, list) {
    this.room = room; this.list = list;
    this.mark = mark('unknown');
    this.word = h('em');
    this.temp = new Value('Cel', 'temperature', 'span.temp');
    this.range = h('span');
    this.air = h('span.air', this.word, this.range);
    this.sparkBox = h('span.sparkbox');
    this.el = h('button.tile', { type: 'button', onclick: () => openChart(this.worst.device, 'temperature', this.worst.channel, trendable(this.worst.device)) },
      h('span.head', h('span.nametext', room), this.mark), this.temp.el, this.air, this.sparkBox);
  }
  update() {
    const seen = this.list.map((s) => ({ ...s, device: state.devices.get(s.device.id) ?? s.device }))
      .map((s) => ({ ...s, r: reading(s.device, 'temperature', s.channel) }));
    const known = seen.filter((s) => typeof value(s.r) === 'number').sort((a, b) => value(b.r) - value(a.r));
    const bad = known.filter((s) => judge(s.r));
    const silent = seen.filter((s) => !s.device.live?.up).length;
    this.worst = bad[0] ?? known[0] ?? seen[0];
    this.temp.set(this.worst.r, this.worst.device.live?.readAt ?? NaN, this.worst.device.every);
    setText(this.range, known.length ? `${seen.length} ${t('sensors')} · ${fixed(value(known[known.length - 1].r), 1)} – ${text(value(known[0].r), 'Cel')}` : `${seen.length} ${t('sensors')}`);
    const s = bad.length ? 'abnormal' : !known.length ? 'unknown' : silent ? 'unknown' : 'live';
    setMark(this.mark, s);
    const word = bad.length ? `${bad.length}× ${t('not allowed')}` : silent ? `${silent}× ${t('no answer')}` : '';
    setText(this.word, word);
    this.word.hidden = !word;
    setClass(this.el, `tile is-${s}`);
    fit(this.air, this.el.clientWidth);
    const key = this.worst.device.id + '/' + this.worst.channel;
    if (key !== this.key) {
      this.key = key;
      this.spark = new Spark(this.worst.device.id, 'temperature', this.worst.channel);
      this.sparkBox.replaceChildren(this.spark.el);
    }
    this.spark.setBand(this.worst.r?.band ?? null);
  }
  tick(at) { this.temp.tick(at); }
  times() { return this.list.map((s) => { const d = state.devices.get(s.device.id); return [d?.live?.readAt ?? NaN, d?.every ?? 1000]; }); }
}

// The Climate panel. most is how many tiles there is place for: where there are
// more sensors, the rooms with the most of them become one tile each.
export class Climate {
  constructor() {
    this.most = 8;
    this.time = new DataTime();
    this.tilesEl = h('div.tiles');
    this.tiles = [];
    this.el = h('section.climate', h('h2', t('climate'), this.time.el), this.tilesEl);
  }
  update() {
    const list = spots();
    const key = list.map((s) => s.device.id + '/' + s.channel).join() + this.most;
    if (key !== this.key) {
      this.key = key;
      const rooms = [...groupBy(list)];
      const alone = new Set(rooms.map(([room]) => room));
      const size = () => rooms.reduce((n, [room, l]) => n + (alone.has(room) ? l.length : 1), 0);
      for (const [room] of [...rooms].sort((a, b) => b[1].length - a[1].length)) if (size() > this.most) alone.delete(room);
      this.tiles = rooms.flatMap(([room, l]) => (alone.has(room) || l.length === 1 ? l.map((s) => new Tile(s)) : [new Group(room, l)])).slice(0, this.most);
      this.tilesEl.replaceChildren(...this.tiles.map((x) => x.el));
      const n = this.tiles.length;
      this.tilesEl.dataset.cols = n <= 4 ? 2 : n <= 6 ? 3 : n <= 12 ? 4 : n <= 15 ? 5 : 6;
      this.el.hidden = !n;
    }
    for (const x of this.tiles) x.update();
    this.time.set(this.tiles.flatMap((x) => x.times()));
  }
  tick(at) { for (const x of this.tiles) x.tick(at); this.time.tick(at); }
}

function groupBy(list) {
  const m = new Map();
  for (const s of list) { const k = s.device.room || s.device.name; m.set(k, [...(m.get(k) ?? []), s]); }
  return m;
}

// A Unit is a cooling unit.
class Unit {
  constructor(d, strip, changed) {
    this.device = d;
    this.mark = mark('unknown');
    this.word = h('span.word');
    this.cells = ['supply_air_temperature', 'return_air_temperature', 'outdoor_temperature', 'fan_speed', 'compressor_speed', 'power'].map((metric) => {
      const v = new Value(metric === 'power' ? 'W' : metric.endsWith('speed') ? '%' : 'Cel', metric, 'dd');
      const label = { supply_air_temperature: 'supply', return_air_temperature: 'return', outdoor_temperature: 'outdoor', fan_speed: 'fans', compressor_speed: 'compressor', power: 'takes' }[metric];
      return { metric, v, el: h('div.cell.c-' + metric, h('dt', t(label)), v.el) };
    });
    this.strip = strip ? new DayStrip(d.id, changed) : null;
    this.el = h('button.unit', { type: 'button', onclick: () => openChart(this.device, 'supply_air_temperature', '', trendable(this.device)) },
      h('span.head', h('span.nametext', d.name), h('span.flag', this.word, this.mark)), h('dl', this.cells.map((c) => c.el)), this.strip ? h('span.stripbox', this.strip.el) : null);
    this.el.dataset.id = d.id;
  }
  update() {
    const d = this.device = state.devices.get(this.device.id) ?? this.device;
    const at = d.live?.readAt ?? NaN;
    for (const c of this.cells) {
      const rs = all(d, c.metric);
      const best = rs.length > 1 ? rs.reduce((a, b) => (value(b[1]) > value(a[1]) ? b : a)) : rs[0];
      const r = best?.[1] ?? (c.metric.endsWith('_air_temperature') ? reading(d, c.metric.replace('air', 'water')) : undefined);
      c.el.classList.toggle('none', r === undefined);
      c.v.set(r, at, d.every, c.metric === 'compressor_speed' && value(r) === 0 ? off : c.v.unit === 'Cel' ? degrees : undefined);
    }
    const n = state.path?.nodes.find((x) => x.id === d.id);
    const mode = value(reading(d, 'mode')), status = value(reading(d, 'status'));
    const runs = status === undefined || status === 'running';
    let s = n ? n.state : !d.live?.up ? 'unknown' : status === 'fault' ? 'lost' : runs ? 'live' : 'ready';
        setMark(this.mark, s);
    setText(this.word, n ? words(n.word) : !d.live?.up ? t('no answer') : runs && mode ? stateWord(mode) : status ? stateWord(status) : '');
    setClass(this.el, `unit is-${s} mode-${mode ?? 'none'}`);
  }
  tick(at) { for (const c of this.cells) c.v.tick(at); }
}
const degrees = (v) => [`${fixed(v, 1)}°`, ''];
const off = () => [t('off'), ''];

// The Cooling panel.
export class Cooling {
  constructor(most) {
    this.most = most;
    this.time = new DataTime();
    this.share = h('span.share');
    this.list = h('div.units');
    this.units = [];
    this.axis = h('div.axis', { 'aria-hidden': 'true' }, ...[0, 6, 12, 18, 24].map((x) => h('span', String(x))));
    this.legend = h('div.legend', ...[['free_cooling', 'free'], ['mixed', 'mixed'], ['mechanical', 'mechanical'], ['off', 'off']].map(([m, w]) => h('span', h('i.m-' + m), t(w))));
    this.foot = h('div.stripfoot', this.axis, this.legend);
    this.el = h('section.cooling', h('h2', t('free cooling'), this.share, this.time.el), this.list, this.foot);
  }
  update() {
    const list = [...state.devices.values()].filter((d) => d.class === 'cooling');
    const key = list.map((d) => d.id).join();
    if (key !== this.key) {
      this.key = key;
      this.units = list.slice(0, this.most * 2).map((d) => new Unit(d, list.length <= this.most, () => this.sum()));
      this.list.replaceChildren(...this.units.map((u) => u.el));
      this.el.classList.toggle('many', this.units.length > 2);
      this.foot.hidden = !list.length || list.length > this.most;
      this.el.hidden = !list.length;
      this.sum();
    }
    for (const u of this.units) u.update();
    this.time.set(this.units.map((u) => [u.device.live?.readAt ?? NaN, u.device.every]));
  }
  // sum says how much of today all units together cooled with outdoor air alone.
  sum() {
    const shares = this.units.map((u) => u.strip?.share).filter(Boolean);
    const ran = shares.reduce((n, s) => n + s.ran, 0), free = shares.reduce((n, s) => n + s.free, 0);
    // Of a day of which little is known, nothing is to be concluded.
    const known = Math.round(ran / Math.max(1, shares.length));
    setText(this.share, !ran ? '' : known >= 60 ? `${t('free today')} ${fixed(100 * free / ran, 0)}\u202f%` : `${t('free')} ${fixed(100 * free / ran, 0)}\u202f% (${known} min)`);
  }
  tick(at) { for (const u of this.units) u.tick(at); this.time.tick(at); }
}

