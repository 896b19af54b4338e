// The single-line diagram: boxes and lines where the agent has put them, with
// what each of them says now.
import { state, now, time } from './live.js';
import { h, svg, mark, setMark, setText, setClass, fit, text, Value, reading, total, all, value, freshness } from './show.js';
import { t, words, unitOf } from './words.js';
import { openChart } from './trend.js';

const phases = ['', 'L1', 'L2', 'L3'];
const num = (d, metric, ...channels) => { const v = value(reading(d, metric, ...channels)); return typeof v === 'number' ? v : undefined; };
// figure is a number with its unit as text, '' where there is none.
const figure = (d, metric, ...channels) => { const v = metric.endsWith('power') ? value(total(d, metric)) : num(d, metric, ...(channels.length ? channels : phases)); return v === undefined ? '' : text(v, unitOf(metric), metric); };
const join = (...list) => list.filter(Boolean).join(' · ');

// What a box says, by its class: the large figure, as the metric and where it
// may be, or the word of the state; and the details below. Of a board that is live
// the voltage says so.
const says = {
  switchboard: (d, n, source) => ({ quiet: n.state === 'live', ...(source
    ? { big: ['voltage', 'L1', ''], more: figure(d, 'frequency') }
    : { big: ['active_power', '', 'L1'], more: join(figure(d, 'voltage', 'L1', ''), amps(d)) }) }),
  pdu: (d) => ({ big: ['active_power', '', 'L1'], more: join(amps(d), figure(d, 'load')) }),
  generator: (d, n) => value(total(d, 'output_power')) > 0 && n.state !== 'ready'
    ? { big: ['output_power', '', 'L1'], more: join(figure(d, 'output_frequency'), fuel(d)) }
    : { word: true, more: join(fuel(d), figure(d, 'starter_battery_voltage')) },
  ats: (d) => ({ word: true, more: join(source(d, 'a'), source(d, 'b')) }),
  ups: (d, n) => battery(d, n, ['output_load', '', 'L1']),
  dc: (d, n) => battery(d, n, ['load', '']),
  cooling: (d) => ({ big: ['supply_air_temperature', ''], more: num(d, 'return_air_temperature') !== undefined ? `${t('return')} ${figure(d, 'return_air_temperature')}` : fans(d) }),
};

const fuel = (d) => num(d, 'fuel_level') !== undefined && `${t('fuel')} ${figure(d, 'fuel_level')}`;
const amps = (d) => {
  const three = phases.slice(1).map((p) => num(d, 'current', p));
  return three.every((v) => v !== undefined) ? three.map((v) => Math.round(v)).join(' ') + '\u202fA' : figure(d, 'current');
};
const source = (d, which) => {
  const v = num(d, `source_${which}_voltage`, 'L1', '');
  return v === undefined ? '' : `${which.toUpperCase()} ${text(v, 'V')}`;
};
const fans = (d) => { const v = all(d, 'fan_speed').map(([, r]) => value(r)).filter((x) => typeof x === 'number'); return v.length ? `${t('fans')} ${text(Math.max(...v), '%')}` : ''; };

function battery(d, n, load) {
  const charge = num(d, 'battery_charge'), left = num(d, 'battery_runtime');
  const draining = n.on === 'batteries' && left !== undefined;
  return {
    big: draining ? ['battery_runtime', ''] : load,
    more: join(charge !== undefined && (charge < 99.5 || left === undefined) && text(charge, '%'), draining ? figure(d, 'output_power') : left !== undefined && `${t('battery')} ${text(left, 's')}`),
    charge,
  };
}

export class Diagram {
  constructor() {
    this.lines = svg('svg', { class: 'lines', 'aria-hidden': 'true' });
    this.el = h('div.diagram', this.lines);
    this.nodes = new Map();
    this.edges = [];
    new ResizeObserver(() => this.place()).observe(this.el);
  }

  // build makes the boxes and lines of a path, when these are others.
  build() {
    const p = state.path;
    this.nodes.clear();
    const fed = new Set(p.edges.map((e) => e.to));
    for (const n of p.nodes) {
      const b = { id: n.id, source: !fed.has(n.id), mark: mark('unknown'), name: h('span.nametext', { title: n.name }, n.name), word: h('span.word'), more: h('span.more'), from: h('span.from'), gauge: h('i.gauge', { hidden: true }) };
      b.value = new Value('', '', 'span.big');
      b.text = h('span.bigword');
      b.el = h('button.node', { type: 'button', onclick: () => this.open(n.id) },
        h('span.name', b.name, b.mark), h('span.line', b.value.el, b.text, b.word), b.more, b.gauge, b.from);
      b.el.dataset.id = n.id;
      this.nodes.set(n.id, b);
    }
    this.edges = p.edges.map((e) => ({ from: e.from, to: e.to, line: svg('path', { class: 'edge' }), label: svg('text', { class: 'watts' }) }));
    for (const e of this.edges) { e.line.dataset.edge = e.label.dataset.edge = `${e.from}>${e.to}`; }
    this.lines.replaceChildren(svg('g', { class: 'wires' }, ...this.edges.map((e) => e.line)), svg('g', {}, ...this.edges.map((e) => e.label)));
    this.el.replaceChildren(this.lines, ...[...this.nodes.values()].map((b) => b.el));
    this.place();
  }

  // place takes the drawing that fills the element best and puts everything
  // where it belongs.
  place() {
    const W = this.el.clientWidth, H = this.el.clientHeight;
    if (!W || !state.diagrams.length || !this.nodes.size) return;
    this.size = [W, H];
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    // The size of a box and of the room below it, in rem, at which all can be read well.
    const boxW = 12.4, boxH = 5.9, gap = 2.8;
    const fits = state.diagrams.map((d) => ({ d, s: Math.min(W / (d.width * boxW * rem), H / ((d.rows * (boxH + gap) - gap) * rem)) }));
    const { d, s } = fits.reduce((a, b) => (b.s > a.s * 1.02 ? b : a));
    const scale = Math.min(1.3, s);
    const em = scale * rem;
    const unit = Math.min(W / d.width, boxW * em * 1.5);
    const bw = Math.min(unit, boxW * em * 1.25), bh = boxH * em;
    const between = d.rows > 1 ? Math.min((H - d.rows * bh) / (d.rows - 1), 6 * em) : 0;
    const left = (W - d.width * unit) / 2, top = (H - d.rows * bh - (d.rows - 1) * between) / 2;
    const X = (x) => left + x * unit;
    const Y = (y) => { const r = Math.floor(y + 1e-9), f = y - r; return top + r * (bh + between) + (f <= 0.5 ? f * 2 * bh : bh + (f - 0.5) * 2 * between); };
    this.el.style.setProperty('--em', `${em}px`);
    this.scale = `${bw.toFixed(1)} ${em.toFixed(2)}`;
    this.lines.setAttribute('viewBox', `0 0 ${W} ${H}`);
    for (const n of d.nodes) {
      const b = this.nodes.get(n.id);
      if (!b) continue;
      b.row = n.row;
      b.el.style.setProperty('--x', `${X(n.x) - bw / 2}px`);
      b.el.style.setProperty('--y', `${Y(n.row)}px`);
      b.el.style.setProperty('--w', `${bw}px`);
      b.el.style.setProperty('--h', `${bh}px`);
      b.el.style.order = Math.round(n.row * 100 + n.x);
    }
    const size = 1.2 * em;
    for (const e of d.edges) {
      const mine = this.edges.find((k) => k.from === e.from && k.to === e.to);
      if (!mine || !e.points) continue;
      // A box is narrower than its place in a wide drawing: level lines reach to it.
      const level = e.points.length === 2 && e.points[0][1] === e.points[1][1];
      const slack = level ? (unit - bw) / 2 : 0;
      mine.line.setAttribute('d', e.points.map(([x, y], i) => `${i ? 'L' : 'M'}${(X(x) + (level ? (i ? slack : -slack) : 0)).toFixed(1)} ${Y(y).toFixed(1)}`).join(''));
      const [lx, ly] = e.label;
      const atTop = ly % 1 === 0; // over the box that it leads to
      mine.label.setAttribute('x', X(lx) + (e.side || 0) * 0.55 * em);
      mine.label.setAttribute('y', level ? Y(ly) - 0.6 * em : atTop ? Y(ly) - 0.55 * em : Y(ly) + size + 0.25 * em);
      mine.label.setAttribute('text-anchor', e.side > 0 ? 'start' : e.side < 0 ? 'end' : 'middle');
      mine.label.setAttribute('font-size', size);
    }
    this.update();
  }

  // update shows what the path says now.
  update() {
    const p = state.path;
    if (!p) return;
    if (p.nodes.length !== this.nodes.size || p.nodes.some((n) => !this.nodes.has(n.id)) || p.edges.length !== this.edges.length) this.build();
    // What else a drawing changes on the page may change the place for this one.
    else if (this.size && (this.size[0] !== this.el.clientWidth || this.size[1] !== this.el.clientHeight)) this.place();
    for (const n of p.nodes) {
      const b = this.nodes.get(n.id);
      const d = state.devices.get(n.id);
      b.device = d;
      const s = d ? says[n.class]?.(d, n, b.source) ?? {} : { watts: true };
      const cls = `node s-box-${n.state} on-${n.on}`;
      if (b.state && b.state !== n.state) { b.el.classList.remove('changed'); void b.el.offsetWidth; setClass(b.el, cls + ' changed s-' + n.state); } else if (!b.el.classList.contains('changed')) setClass(b.el, cls);
      b.state = n.state;
      b.el.dataset.state = n.state;
      b.el.dataset.on = n.on;
      setMark(b.mark, n.state);
      const word = words(n.word);
      const wordBig = s.word || n.state === 'unknown' || (!d && n.power == null);
      // A long word takes the place of the details, and any where there are none.
      const below = !wordBig && (!s.more || word.length > 11);
      setText(b.word, wordBig || below || s.quiet ? '' : word);
      b.word.className = 'word s-' + n.state;
      b.value.el.hidden = Boolean(wordBig);
      b.text.hidden = !wordBig;
      setText(b.text, wordBig ? word : '');
      b.text.className = 'bigword s-' + n.state;
      if (!wordBig) {
        if (s.big) {
          const [metric, ...channels] = s.big;
          b.value.unit = unitOf(metric); b.value.metric = metric;
          b.metric = [metric, channels.find((c) => reading(d, metric, c) !== undefined) ?? ''];
          b.value.set(metric.endsWith('power') ? total(d, metric) : reading(d, metric, ...channels), d.live?.readAt, d.every);
        } else {
          b.value.unit = 'W'; b.value.metric = 'power'; // of the path
          b.value.set(n.power ?? undefined, time(p.time), 1000);
        }
      }
      setText(b.more, below ? word : s.more ?? '');
      b.more.className = 'more' + (below ? ' s-' + n.state : '');
      b.gauge.hidden = s.charge === undefined;
      if (s.charge !== undefined) {
        b.gauge.style.setProperty('--full', `${s.charge}%`);
        b.gauge.className = 'gauge' + (n.on === 'batteries' ? ' draining' : '');
      }
      if (this.scale) for (const el of [b.name, b.value.el, b.text, b.word, b.more]) if (!el.hidden) fit(el, `${this.scale} ${n.state} ${b.value.b.textContent.length}`);
      const f = d ? freshness(d.live?.readAt ?? NaN, d.every) : 'fresh';
      b.el.classList.toggle('old', f === 'old');
      b.el.classList.toggle('stale', f === 'stale');
      const ways = p.edges.filter((e) => e.to === n.id && e.on !== 'dead');
      setText(b.from, ways.map((e) => `${t('from')} ${p.nodes.find((x) => x.id === e.from)?.name ?? e.from}${e.power == null ? '' : ' · ' + text(e.power, 'W')}`).join(', '));
      b.from.className = 'from flow-' + (ways[0]?.on ?? 'dead');
    }
    p.edges.forEach((e) => {
      const mine = this.edges.find((k) => k.from === e.from && k.to === e.to);
      if (!mine) return;
      setClass(mine.line, 'edge e-' + e.on);
      const label = e.on === 'dead' || e.power == null ? '' : text(e.power, 'W');
      setText(mine.label, label);
      mine.line.dataset.on = e.on;
      if (e.power == null) delete mine.label.dataset.value; else mine.label.dataset.value = e.power;
    });
    this.untangle();
    // What carries is drawn over what does not.
    const wires = this.lines.firstChild;
    const rank = { dead: 0, no_data: 1, mains: 2, generator: 3, batteries: 4 };
    const sorted = [...this.edges].sort((a, b) => (rank[a.line.dataset.on] ?? 0) - (rank[b.line.dataset.on] ?? 0)).map((e) => e.line);
    if (sorted.some((line, i) => wires.childNodes[i] !== line)) wires.replaceChildren(...sorted);
  }

  // untangle leaves out figures that would be drawn over others.
  untangle() {
    const taken = [];
    for (const e of this.edges) {
      const size = Number(e.label.getAttribute('font-size')), long = e.label.textContent.length * size * 0.58;
      if (!long) continue;
      const x = Number(e.label.getAttribute('x')), y = Number(e.label.getAttribute('y'));
      const left = x - { start: 0, end: long, middle: long / 2 }[e.label.getAttribute('text-anchor')];
      const free = taken.every((o) => left > o.left + o.long || left + long < o.left || Math.abs(y - o.y) > size);
      e.label.setAttribute('visibility', free ? 'visible' : 'hidden');
      if (free) taken.push({ left, long, y });
    }
  }

  tick() { const at = now(); for (const b of this.nodes.values()) b.value.tick(at); }

  open(id) {
    const b = this.nodes.get(id);
    if (!b.device) return;
    const choices = trendable(b.device);
    if (choices.length) openChart(b.device, ...(choices.find(([m, c]) => b.metric && m === b.metric[0] && c === b.metric[1]) ?? choices[0]), choices);
  }

  // times are those of the devices on the path.
  times() { return [...this.nodes.values()].filter((b) => b.device).map((b) => [b.device.live?.readAt ?? NaN, b.device.every]); }
}

// trendable are the readings of a device that have a trend.
export const trendable = (d) => Object.keys(d.live?.readings ?? {}).filter((k) => k !== 'up').map((k) => k.replace(/^climate\./, ''))
  .map((k) => { const i = k.indexOf('/'); return i < 0 ? [k, ''] : [k.slice(0, i), k.slice(i + 1)]; });

