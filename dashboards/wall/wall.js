// The wall: power, air and what happened, on one screen.
//
// ?view=all, power or climate; ?rotate=20 shows one after the other, for so many
// seconds each, and stays with all of it while there is an alarm; ?theme=dark or
// light; ?lang=en or cs.
import { state, on, now, clockText, dayText, sameDay, time } from './live.js';
import { h, mark, text, ageText, Value, DataTime, reading, value, all } from './show.js';
import { t, words } from './words.js';
import { frame } from './frame.js';
import { Diagram } from './diagram.js';
import { Climate, Cooling } from './climate.js';
import { Next } from './next.js';

const views = ['all', 'power', 'climate'];
const asked = new URLSearchParams(location.search);
const rotate = Math.min(3600, Number(asked.get('rotate')) || 0);
const first = views.includes(asked.get('view')) ? asked.get('view') : 'all';

const { main } = frame();

// The power panel.
const power = {
  time: new DataTime(),
  diagram: new Diagram(),
  figures: [['it_power', 'IT'], ['cooling_power', 'cooling'], ['pue', 'PUE']].map(([metric, label]) => {
    const v = new Value(metric === 'pue' ? '' : 'W', metric);
    return { metric, v, el: h('span.kpi', { hidden: true }, t(label), ' ', v.el) };
  }),
};
const legend = h('span.legend.lines-legend', ...['mains', 'generator', 'batteries', 'dead'].map((s) => h('span', h('i.l-' + s), t(s))));
power.el = h('section.power', h('h2', t('power'), h('span.kpis', power.figures.map((f) => f.el)), legend, power.time.el), power.diagram.el);

const climate = new Climate(), cooling = new Cooling(4);

// The events panel.
const events = { list: h('ol.events'), el: null };
events.el = h('section.happened', h('h2', t('last events')), events.list);

function showEvents() {
  const kept = state.hello?.events !== undefined;
  const { active = [], parts = [], last = [] } = state.events;
  const list = [...active, ...parts, ...last].slice(0, 8);
  const key = JSON.stringify(list.map((e) => [e.id, e.ended, e.acked, e.text, e.severity])) + kept + dayText(now());
  if (key === showEvents.key) return;
  showEvents.key = key;
  events.list.replaceChildren(...(list.length ? list.map((e) => {
    const began = time(e.began), ended = time(e.ended);
    const lasting = !Number.isFinite(ended);
    const s = e.severity === 'info' ? 'info' : lasting ? e.severity : 'ready';
    return h('li' + (lasting && e.severity !== 'info' ? '.active' : '') + (parts.includes(e) ? '.part' : ''), { 'data-id': e.id },
      h('time', { datetime: e.began }, sameDay(began, now()) ? clockText(began) : dayText(began)), mark(s),
      h('span.what', words(e.text)), h('span.long', lasting ? (e.severity === 'info' ? '' : t('lasts')) : ended - began >= 1000 ? ageText(ended - began) : ''));
  }) : [h('li.none', mark('ready'), h('span.what', t(kept ? 'no events' : 'no events are kept')))]));
}

// What is known: whether all devices answer, and whether the outputs take it.
const known = { list: h('ol.events'), el: null };
known.el = h('section.known', h('h2', t('what is known')), known.list);

function showKnown() {
  const devices = [...state.devices.values()].filter((d) => d.class !== 'agent' && d.class !== 'site');
  const silent = devices.filter((d) => d.live && !d.live.up);
  const rows = [[silent.length ? 'abnormal' : devices.every((d) => d.live) ? 'live' : 'unknown', `${devices.filter((d) => d.live?.up).length} ${t('of')} ${devices.length} ${t('devices answer')}`]];
  if (silent.length) rows.push(['lost', `${t('do not answer')}: ${silent.slice(0, 4).map((d) => `${d.name} (${ageText(now() - time(d.live.since))})`).join(', ')}${silent.length > 4 ? ` +${silent.length - 4}` : ''}`]);
  const agent = [...state.devices.values()].find((d) => d.class === 'agent');
  for (const [name, r] of all(agent, 'sink_up')) {
    const late = value(reading(agent, 'queue_age', name)) ?? 0;
    const fine = value(r) === 1;
    const behind = late > 10 ? `, ${t('is behind by')} ${text(late, 's')} (${text(value(reading(agent, 'queue_bytes', name)) ?? 0, 'By')})` : '';
    rows.push([fine && !behind ? 'live' : fine ? 'abnormal' : 'lost', `${name} ${t(fine ? 'takes everything' : 'does not take')}${behind}`]);
  }
  const key = JSON.stringify(rows);
  if (key !== showKnown.key) {
    showKnown.key = key;
    known.list.replaceChildren(...rows.slice(0, 5).map(([s, w]) => h('li', mark(s), h('span.what', w))));
  }
}

main.append(power.el, h('div.side', climate.el, cooling.el), h('div.foot', events.el, new Next().el, known.el));

let view = '';
function show(next) {
  view = next;
  // Where no path is known there is no power to be shown.
  const seen = state.hello && !state.path ? 'climate' : view;
  if (document.body.dataset.view === seen) return;
  document.body.dataset.view = seen;
  climate.most = seen === 'climate' ? 24 : 8;
  if (state.hello) climate.update();
}
show(rotate ? 'all' : first);
if (rotate) {
  let turn = Math.max(0, views.indexOf(first));
  setInterval(() => {
    if (state.lost || state.path?.severity === 'alarm') { show('all'); return; }
    turn = (turn + 1) % views.length;
    show(views[turn]);
  }, Math.max(3, rotate) * 1000);
}

function draw() {
  show(view);
  const site = [...state.devices.values()].find((d) => d.class === 'site');
  for (const f of power.figures) {
    const r = reading(site, f.metric);
    f.el.hidden = value(r) === undefined;
    f.v.set(r, site?.live?.readAt ?? NaN, site?.every ?? 1000);
  }
  const times = power.diagram.times();
  power.time.set(times.length ? times : [[time(state.path?.time), 1000]]);
  climate.update();
  cooling.update();
  showEvents();
  showKnown();
  power.diagram.update(); // last: by now it has the place that it will have
}
on('change', draw);
on('hello', () => power.diagram.nodes.clear());
on('second', () => {
  const at = now();
  power.diagram.tick(); power.time.tick(at); climate.tick(at); cooling.tick(at);
  for (const f of power.figures) f.v.tick(at);
  showKnown();
});

