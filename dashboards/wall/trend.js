// The last hour and day of a point: small, over its allowed band, and on a click
// as a chart with exact values.
import { now, state, clockText, dayText, sameDay, time } from './live.js';
import { h, svg, fixed, parts, text, Value, reading, value } from './show.js';
import { t, metricName, stateWord, unitOf, keep } from './words.js';

export async function fetchTrend(device, metric, channel, range) {
  const q = new URLSearchParams({ device, metric, channel, range });
  // Not relative: the address of the page may carry a user and a password, which no fetch takes.
  const r = await fetch(location.origin + '/api/v1/trend?' + q);
  if (!r.ok) throw new Error((await r.json().catch(() => ({}))).error ?? r.statusText);
  const d = await r.json();
  d.fromAt = time(d.from);
  d.stepMs = d.step_seconds * 1000;
  return d;
}

// every keeps something up to date once a minute, at a second of its own, for as
// long as its element is on the page. Nothing is fetched from an agent that is
// not there.
export function everyMinute(el, f) {
  let timer;
  const turn = async () => {
    if (!state.lost) await f().catch(() => {});
    timer = setTimeout(() => { if (el.isConnected) turn(); }, 60000 + 2000 * Math.random());
  };
  timer = setTimeout(turn, 50 + 1500 * Math.random());
  return () => clearTimeout(timer);
}

// A Spark is the last hour of a point, over its allowed band. Gaps stay gaps.
export class Spark {
  constructor(device, metric, channel) {
    this.device = device; this.metric = metric; this.channel = channel;
    this.bandEl = svg('rect', { class: 'band', x: 0, width: 300, height: 0 });
    this.line = svg('path', { class: 'line', 'vector-effect': 'non-scaling-stroke' });
    this.el = svg('svg', { class: 'spark', viewBox: '0 0 300 40', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, this.bandEl, this.line);
    everyMinute(this.el, () => this.load());
  }
  async load() { this.trend = await fetchTrend(this.device, this.metric, this.channel, 'hour'); this.draw(); }
  setBand(band) {
    if (String(band) === String(this.band)) return;
    this.band = band;
    this.draw();
  }
  draw() {
    const d = this.trend;
    const [lo, hi] = this.band ?? [null, null];
    const values = d ? d.mean.filter((v) => v !== null) : [];
    let min = Math.min(...values, lo ?? Infinity), max = Math.max(...values, hi ?? -Infinity);
    if (!Number.isFinite(min)) return;
    const span = Math.max(max - min, lo === null || hi === null ? 2 : 0.5);
    const middle = (min + max) / 2;
    min = middle - span * 0.62; max = middle + span * 0.62;
    const y = (v) => 40 * (1 - (v - min) / (max - min));
    const top = hi === null ? 0 : y(hi), bottom = lo === null ? 40 : y(lo);
    this.bandEl.setAttribute('y', top.toFixed(1));
    this.bandEl.setAttribute('height', this.band ? Math.max(0, bottom - top).toFixed(1) : 0);
    let path = '', pen = 'M';
    if (d) {
      const n = d.mean.length;
      d.mean.forEach((v, i) => {
        if (v === null) { if (i > 0 && d.mean[i - 1] === null) pen = 'M'; return; } // one bucket may lack a slow device's poll
        path += `${pen}${(300 * i / (n - 1)).toFixed(1)} ${y(v).toFixed(1)}`;
        pen = 'L';
      });
    }
    this.line.setAttribute('d', path);
  }
}

// A DayStrip is what a cooling unit ran on since midnight.
export class DayStrip {
  constructor(device, onShare) {
    this.device = device; this.onShare = onShare;
    this.el = svg('svg', { class: 'strip', viewBox: '0 0 1440 40', preserveAspectRatio: 'none', role: 'img', 'aria-label': `${t('mode over the day')}: ${t('no data')}` });
    everyMinute(this.el, () => this.load());
  }
  async load() {
    const mode = await fetchTrend(this.device, 'mode', '', 'day');
    const status = await fetchTrend(this.device, 'status', '', 'day').catch(() => null);
    const cells = [svg('rect', { class: 'empty', x: 0, y: 0, width: 1440, height: 40 })];
    let free = 0, ran = 0, from = 0, was = null;
    const minuteOfDay = (i) => {
      const at = mode.fromAt + i * mode.stepMs;
      if (!sameDay(at, now())) return -1;
      const [hh, mm] = clockText(at, false).split(':');
      return hh * 60 + +mm;
    };
    const put = (to) => { if (was) cells.push(svg('rect', { class: 'm-' + was, x: from, y: 0, width: Math.max(1, to - from), height: 40 })); };
    let minute = 0;
    mode.mean.forEach((code, i) => {
      const m = minuteOfDay(i);
      if (m < 0) return;
      minute = m;
      let word = code === null ? null : mode.states?.[Math.round(code)] ?? 'unknown';
      const s = status?.mean[i];
      if (word && s != null && status.states && status.states[Math.round(s)] !== 'running') word = 'off';
      if (word && word !== 'off') { ran++; if (word === 'free_cooling') free++; }
      if (word !== was) { put(m); from = m; was = word; }
    });
    put(minute + 1);
    this.el.replaceChildren(...cells);
    this.share = { free, ran };
    this.el.setAttribute('aria-label', ran ? `${t('free today')} ${fixed(100 * free / ran, 0)} %` : t('no data'));
    this.onShare();
  }
}

// The chart.

let dialog;

// openChart shows the last hour and day of a device's metric; choices are its
// other metrics: [[metric, channel], ...].
export function openChart(device, metric, channel, choices = [[metric, channel]]) {
  dialog?.close();
  const title = h('h2');
  const current = new Value(unitOf(metric), metric, 'span.now');
  const plot = h('div.plot');
  const range = {};
  const show = { metric, channel, range: 'hour' };
  let chart = null, stopped = false;
  const pick = h('select', { 'aria-label': t('reading'), onchange: () => { [show.metric, show.channel] = choices[pick.selectedIndex]; load(); } },
    choices.map(([m, c]) => h('option', { selected: m === metric && c === channel }, metricName(m) + (c ? ` · ${c}` : ''))));
  for (const r of ['hour', 'day']) range[r] = h('button.button', { type: 'button', onclick: () => { show.range = r; load(); } }, t(r));
  const el = dialog = h('dialog.chart', { 'aria-label': device.name },
    h('header', title, current.el, h('a.button', { href: keep('/desk/' + encodeURIComponent(device.id)) }, t('all readings')),
      h('button.button', { type: 'button', autofocus: true, onclick: () => el.close() }, t('close'))),
    h('nav', pick, range.hour, range.day), plot);
  pick.className = 'button';
  const load = async () => {
    for (const r of ['hour', 'day']) range[r].setAttribute('aria-pressed', String(r === show.range));
    title.textContent = `${device.name} · ${metricName(show.metric)}${show.channel ? ' · ' + show.channel : ''}`;
    current.unit = unitOf(show.metric); current.metric = show.metric; current.raw = undefined;
    const wanted = show.metric + show.channel + show.range;
    try {
      const [d, { default: UPlot }] = await Promise.all([fetchTrend(device.id, show.metric, show.channel, show.range), import('./uplot.js')]);
      if (stopped || wanted !== show.metric + show.channel + show.range) return;
      chart?.destroy();
      plot.replaceChildren();
      chart = draw(UPlot, plot, d);
    } catch (err) {
      if (stopped) return;
      chart?.destroy(); chart = null;
      plot.replaceChildren(h('p.gone', `${t('no trend')}: ${err.message}`));
    }
  };
  const tick = () => {
    const d = state.devices.get(device.id);
    current.set(reading(d, show.metric, show.channel), d?.live?.readAt, d?.every ?? 1000);
  };
  const ticker = setInterval(tick, 500), loader = setInterval(() => { if (!state.lost) load(); }, 15000);
  const size = () => chart?.setSize({ width: plot.clientWidth, height: chart.height });
  addEventListener('resize', size);
  el.addEventListener('close', () => {
    stopped = true;
    clearInterval(ticker); clearInterval(loader);
    removeEventListener('resize', size);
    chart?.destroy();
    el.remove();
    if (dialog === el) dialog = null;
  });
  el.addEventListener('click', (e) => { if (e.target === el) el.close(); });
  document.body.append(el);
  el.showModal();
  tick();
  load();
}

function draw(UPlot, plot, d) {
  const css = getComputedStyle(document.documentElement);
  const color = (name) => css.getPropertyValue(name).trim();
  const unit = d.unit ?? unitOf(d.metric);
  const say = (v) => v == null ? '–' : d.states ? stateWord(d.states[Math.round(v)] ?? 'unknown') : text(v, unit, d.metric);
  const x = d.mean.map((_, i) => (d.fromAt + i * d.stepMs) / 1000);
  const at = (s) => (d.range === 'day' && !sameDay(s * 1000, now()) ? dayText(s * 1000) + ' ' : '') + clockText(s * 1000, d.range === 'hour');
  const alone = (u, i) => { const v = u.data[i]; return v.flatMap((y, k) => (y != null && v[k - 1] == null && v[k + 1] == null ? [k] : [])); };
  const line = { width: 2.5, points: { show: true, size: 5, filter: alone }, stroke: color('--live-line'), value: (_, v) => say(v), paths: d.states ? UPlot.paths.stepped({ align: 1 }) : undefined };
  const edge = { width: 0, stroke: color('--info'), points: { show: false }, value: (_, v) => say(v) };
  const series = [{ label: t('time'), value: (_, v) => v == null ? '–' : at(v) }];
  const data = [x];
  let bands;
  if (d.states) {
    series.push({ ...line, label: metricName(d.metric) });
    data.push(d.mean);
  } else {
    series.push({ ...edge, label: t('highest') }, { ...edge, label: t('lowest') }, { ...line, label: t('mean') });
    data.push(d.max, d.min, d.mean);
    bands = [{ series: [1, 2], fill: color('--band') }];
  }
  const axis = { stroke: color('--dim'), grid: { stroke: color('--line'), width: 1 }, ticks: { stroke: color('--line') }, font: '14px Inter, system-ui, sans-serif' };
  return new UPlot({
    width: plot.clientWidth, height: Math.max(220, Math.min(440, innerHeight * 0.5)), series, bands,
    cursor: { points: { size: 8 } },
    scales: { x: { time: false, range: [x[0], x[x.length - 1]] }, y: d.states ? { range: [-0.2, d.states.length - 0.8] } : { range: (_, lo, hi) => pad(lo, hi, unit) } },
    axes: [
      { ...axis, values: (_, ticks) => ticks.map((s) => clockText(s * 1000, false)), incrs: [300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600], space: 90 },
      { ...axis, size: d.states ? 140 : 84, splits: d.states ? () => d.states.map((_, i) => i) : undefined, values: (_, ticks) => d.states ? ticks.map(say) : ticksOf(ticks, unit, d.metric) },
    ],
  }, data, plot);
}

// ticksOf are the figures beside an axis: all in the same unit, with as many
// decimals as tell them apart.
function ticksOf(ticks, unit, metric) {
  if (unit === 's') return ticks.map((v) => text(v, unit, metric));
  const most = Math.max(...ticks.map(Math.abs));
  const [, symbol] = parts(most, unit, metric);
  const base = parts(1, unit, metric)[1];
  const factor = symbol === base ? 1 : { k: 1e3, M: 1e6, G: 1e9 }[symbol[0]] ?? 1;
  const step = Math.abs((ticks[1] ?? 1) - (ticks[0] ?? 0)) / factor;
  const decimals = Math.max(0, Math.min(4, Math.ceil(-Math.log10(step) - 1e-9)));
  return ticks.map((v) => `${fixed(v / factor, decimals)}\u202f${symbol}`.trim());
}

function pad(lo, hi, unit) {
  if (lo == null) return [0, 1];
  const least = { Cel: 2, '%': 4, V: 4, Hz: 0.1 }[unit] ?? Math.max(Math.abs(hi) * 0.02, 1e-3);
  const span = Math.max(hi - lo, least), middle = (lo + hi) / 2;
  return [middle - span * 0.6, middle + span * 0.6];
}

