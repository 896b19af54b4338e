// How things are shown: elements, numbers with their units, states, and how
// fresh a value is.
import { now, clockText } from './live.js';
import { lang, t, metricName, stateWord } from './words.js';

// h makes an element: h('p.dim', {title: ''}, child, 'text').
export function h(spec, ...rest) {
  const [tag, ...classes] = spec.split('.');
  const el = document.createElement(tag || 'div');
  if (classes.length) el.className = classes.join(' ');
  for (const x of rest) {
    if (x == null || x === false) continue;
    if (x instanceof Node || typeof x !== 'object') el.append(x);
    else if (Array.isArray(x)) el.append(...x);
    else for (const [k, v] of Object.entries(x)) {
      if (k.startsWith('on')) el[k] = v;
      else if (v != null && v !== false) el.setAttribute(k, v === true ? '' : v);
    }
  }
  return el;
}

const svgns = 'http://www.w3.org/2000/svg';
export function svg(tag, attrs = {}, ...children) {
  const el = document.createElementNS(svgns, tag);
  for (const [k, v] of Object.entries(attrs)) el.setAttribute(k, v);
  el.append(...children);
  return el;
}

export const setText = (el, text) => { if (el.textContent !== text) el.textContent = text; };
export const setClass = (el, name) => { if (el.getAttribute('class') !== name) el.setAttribute('class', name); };

// fit makes text as much smaller as it needs to be seen whole, down to three
// fifths; what is longer ends in dots. It measures only when something changed.
export function fit(el, key) {
  const is = `${key} ${el.textContent}`;
  if (el.fitted === is || !el.clientWidth) return;
  el.fitted = is;
  el.style.setProperty('--fit', 1);
  if (el.scrollWidth > el.clientWidth) el.style.setProperty('--fit', Math.max(0.6, Math.floor(97 * el.clientWidth / el.scrollWidth) / 100));
}

// The shape of each state, in a square of 16.
const shapes = {
  live: () => svg('circle', { cx: 8, cy: 8, r: 7, stroke: 'none' }),
  abnormal: () => svg('path', { d: 'M8 0.5 16 15H0z', stroke: 'none' }),
  lost: () => svg('path', { d: 'M2 2 14 14M14 2 2 14', 'stroke-width': 3.4, fill: 'none' }),
  ready: () => svg('circle', { cx: 8, cy: 8, r: 6, 'stroke-width': 2.4, fill: 'none' }),
  unknown: () => svg('circle', { cx: 8, cy: 8, r: 6, 'stroke-width': 2.2, 'stroke-dasharray': '2.4 2.31', fill: 'none' }),
  connecting: () => svg('path', { d: 'M2 8h.01M8 8h.01M14 8h.01', 'stroke-width': 3.4, 'stroke-linecap': 'round', fill: 'none' }),
};
shapes.info = shapes.live;
shapes.warning = shapes.abnormal;
shapes.alarm = shapes.lost;

// mark is the shape of a state; setMark changes it.
export function mark(state) {
  const el = svg('svg', { viewBox: '0 0 16 16', 'aria-hidden': 'true' });
  setMark(el, state);
  return el;
}
export function setMark(el, state) {
  if (el.dataset.state === state) return;
  el.dataset.state = state;
  el.setAttribute('class', 'mark s-' + state);
  el.replaceChildren((shapes[state] ?? shapes.unknown)());
}

// Numbers with a fixed number of decimals, so that their width does not jump.
const formats = new Map();
export function fixed(v, decimals) {
  let f = formats.get(decimals);
  if (!f) formats.set(decimals, f = new Intl.NumberFormat(lang, { minimumFractionDigits: decimals, maximumFractionDigits: decimals, useGrouping: false }));
  const text = f.format(v);
  return /^-0([.,]0*)?$/.test(text) ? text.slice(1) : text;
}

const symbols = { Cel: '°C', '{rpm}': 'rpm', 'm3/h': 'm³/h', By: 'B', 'L/min': 'l/min' };
const scaled = new Set(['W', 'VA', 'var', 'Wh', 'Pa', 'By']);

// parts returns a value of a unit as people read it: [number, unit], three
// digits that count.
export function parts(v, unit, metric = '') {
  if (unit === 's') return duration(v);
  let symbol = symbols[unit] ?? unit ?? '';
  let prefix = '';
  if (scaled.has(unit)) {
    const a = Math.abs(v);
    if (a >= 999.5e6) { v /= 1e9; prefix = 'G'; } else if (a >= 999.5e3) { v /= 1e6; prefix = 'M'; } else if (a >= 999.5) { v /= 1e3; prefix = 'k'; }
  }
  return [fixed(v, decimals(v, unit, metric, prefix)), prefix + symbol];
}

function decimals(v, unit, metric, prefix) {
  const a = Math.abs(v);
  switch (unit) {
    case 'V': return a < 60 && a !== 0 ? 1 : 0;
    case 'Hz': return 2;
    case 'Cel': return 1;
    case '%': return metric.endsWith('_thd') ? 1 : 0;
    case '{rpm}': case 'm3/h': return 0;
  }
  if (/power_factor|pue/.test(metric)) return 2;
  if (!unit && Number.isInteger(v)) return 0;
  if (scaled.has(unit) && !prefix) return 0;
  return a < 9.995 ? 2 : a < 99.95 ? 1 : 0;
}

function duration(s) {
  if (s < 1 && s > 0) return [fixed(s * 1000, 0), 'ms'];
  if (s < 90) return [fixed(s, s < 10 && !Number.isInteger(s) ? 1 : 0), 's'];
  if (s < 7170) return [fixed(s / 60, 0), 'min'];
  if (s < 360000) return [fixed(s / 3600, s < 36000 ? 1 : 0), 'h'];
  return [fixed(s / 86400, 0), t('days')];
}
export const text = (v, unit, metric) => parts(v, unit, metric).join('\u202f').trim();

// ageText is how old something is, in words as short as can be.
export function ageText(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 100) return `${s} s`;
  if (s < 5970) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} ${t('days')}`;
}

// freshness says how a value of a device that is polled every so many ms is to
// be shown when it was read at a time: fresh, old (three polls and more) or
// stale (more than a minute, and three polls).
export function freshness(at, every, when = now()) {
  const age = when - at;
  if (!(age > 3 * every + 500)) return 'fresh';
  return age > 60000 ? 'stale' : 'old';
}

// A Value is a reading on the page.
export class Value {
  constructor(unit, metric, spec = 'span') {
    this.unit = unit; this.metric = metric;
    this.b = h('b'); this.age = h('span.age', { hidden: true });
    this.el = h(spec + '.v', this.b, this.age);
    this.base = this.el.className;
    this.every = 1000; this.at = NaN;
  }
  // set shows a reading as the stream has it: undefined, a number, a word, or
  // {value, quality, why}.
  set(reading, at, every, format) {
    const r = typeof reading === 'object' && reading !== null ? reading : { value: reading, quality: 'good' };
    this.at = at; this.every = every;
    this.quality = reading === undefined ? 'none' : r.quality;
    const shown = reading === undefined ? '–' : r.quality === 'bad' ? '✕' : null;
    const title = r.why ?? '';
    if (this.el.title !== title) this.el.title = title;
    if (shown !== null) { setText(this.b, shown); this.raw = undefined; delete this.el.dataset.value; } else if (this.raw !== r.value || this.format !== format) {
      this.raw = r.value;
      this.el.dataset.value = r.value;
      if (typeof r.value === 'number') {
        const [number, unit] = (format ?? parts)(r.value, this.unit, this.metric);
        this.b.replaceChildren(number, unit ? h('u', unit) : '');
      } else setText(this.b, stateWord(r.value));
    }
    if (Number.isFinite(at)) this.el.dataset.at = at;
    this.el.dataset.metric = this.metric;
    this.format = format;
    this.tick();
  }
  tick(when = now()) {
    const f = this.quality === 'none' ? 'fresh' : freshness(this.at, this.every, when);
    setClass(this.el, this.base + (f === 'fresh' ? '' : ' ' + f) + (this.quality === 'good' || this.quality === 'none' ? '' : ' ' + this.quality));
    this.age.hidden = f === 'fresh';
    if (f !== 'fresh') setText(this.age, `◌ ${ageText(when - this.at)}`);
    return f;
  }
}

// A DataTime is the time of the oldest value of a group.
export class DataTime {
  constructor() { this.mark = mark('unknown'); this.b = h('span'); this.el = h('span.datatime', this.mark, ' ', this.b); }
  // set takes [time, interval] of each device of the group.
  set(times) { this.times = times; this.tick(); }
  tick(when = now()) {
    const times = this.times ?? [];
    const known = times.filter(([at]) => Number.isFinite(at));
    if (!known.length) { setMark(this.mark, 'unknown'); setText(this.b, t('no data')); return; }
    const oldest = Math.min(...known.map(([at]) => at));
    const worst = known.map(([at, every]) => freshness(at, every, when)).reduce((a, b) => (a === 'stale' || b === 'stale') ? 'stale' : (a === 'old' || b === 'old') ? 'old' : 'fresh');
    setMark(this.mark, worst === 'fresh' ? 'live' : 'unknown');
    this.el.classList.toggle('late', worst !== 'fresh');
    setText(this.b, worst === 'fresh' ? clockText(oldest) : `${clockText(oldest)} · ${ageText(when - oldest)}`);
  }
}

// reading finds a device's reading of a metric, on the first of the channels
// that it has it on.
export function reading(d, metric, ...channels) {
  const rs = d?.live?.readings;
  if (!rs) return undefined;
  for (const c of channels.length ? channels : ['']) {
    const key = c ? `${metric}/${c}` : metric;
    const r = rs[key] ?? rs['climate.' + key]; // the sensor of a room, plugged into something else
    if (r !== undefined) return r;
  }
  return undefined;
}
// total is a device's reading of a power: what it says itself, or the sum of
// what it says of its phases.
export function total(d, metric) {
  const own = reading(d, metric);
  if (own !== undefined) return own;
  const phases = ['L1', 'L2', 'L3'].map((p) => reading(d, metric, p));
  const values = phases.map(value).filter((v) => typeof v === 'number');
  return values.length && values.length === phases.filter((r) => r !== undefined).length ? values.reduce((a, b) => a + b) : phases[0];
}
// all returns every channel's reading of a metric: [[channel, reading], ...].
export function all(d, metric) {
  const out = [];
  for (const [key, r] of Object.entries(d?.live?.readings ?? {})) {
    if (key === metric || key.startsWith(metric + '/')) out.push([key.slice(metric.length + 1), r]);
  }
  return out;
}
// value is what a reading says, undefined when that is not to be had.
export const value = (r) => typeof r === 'object' && r !== null ? (r.quality === 'bad' ? undefined : r.value) : r;

export { metricName };
