// What the agent says, live: one stream of server-sent events, kept alive for
// months. The page knows at any time how old what it shows is, by the agent's
// clock, and whether the agent is still there.

export const state = {
  hello: null, // the site; null until the first message
  devices: new Map(), // id -> {id, name, class, room, every, live}
  path: null,
  diagrams: [],
  events: {},
  tests: null, // planned, running and last; null where the agent keeps none
  lost: false, // the agent was heard, or should have been by now, and is not
};

const listeners = { hello: [], change: [], second: [], lost: [] };
export const on = (what, f) => listeners[what].push(f);
const tell = (what) => { for (const f of listeners[what]) f(); };

const silentAfter = 2500; // ms without a message, of which one comes every second
const brokenAfter = 1500; // ms after the connection broke, in which it may come back
let heard = performance.now(); // when the last message came; before the first, when it was first waited for
let clock = null; // {agent: ms since 1970, at: performance.now(), offset: minutes}
let source = null;
let retry = null;
let broken = Infinity; // performance.now() when the connection broke; Infinity since it has been heard again
let opened = performance.now();

// now is the agent's time, in ms; NaN before it has been heard.
export const now = () => clock ? clock.agent + performance.now() - clock.at : NaN;
// silence is for how long nothing has been heard, in ms; before the first message, since the page began to listen.
export const silence = () => performance.now() - heard;

// time parses a time of the agent's; a missing one is NaN.
export const time = (text) => text && !text.startsWith('0001') ? Date.parse(text) : NaN;

// A time as it is on the clocks of the building, whatever zone this screen is in.
const two = (n) => String(n).padStart(2, '0');
const there = (ms) => new Date(ms + (clock?.offset ?? 0) * 60000);
export const clockText = (ms, seconds = true) => {
  if (!Number.isFinite(ms)) return '–';
  const d = there(ms);
  return `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}${seconds ? ':' + two(d.getUTCSeconds()) : ''}`;
};
export const dayText = (ms) => { const d = there(ms); return `${d.getUTCDate()}. ${d.getUTCMonth() + 1}.`; };
export const sameDay = (a, b) => Math.floor((a + (clock?.offset ?? 0) * 60000) / 864e5) === Math.floor((b + (clock?.offset ?? 0) * 60000) / 864e5);
export const midnight = () => { const o = (clock?.offset ?? 0) * 60000; return Math.floor((now() + o) / 864e5) * 864e5 - o; };

// A day to come may be on the other side of a change of clocks: its times have
// the offset that they say. Later is in ms.
const date = (d) => ({ day: Math.floor(d / 864e5), date: `${d.getUTCDate()}. ${d.getUTCMonth() + 1}.`, year: d.getUTCFullYear(), clock: `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}` });
export const calendar = (text, later = 0) => date(new Date(Date.parse(text) + offset(text) * 60000 + later));
export const today = () => date(there(now()));

// offset is that of a time's zone, in minutes.
function offset(text) {
  const zone = /([+-])(\d\d):(\d\d)$/.exec(text);
  return zone ? (zone[1] === '-' ? -1 : 1) * (zone[2] * 60 + +zone[3]) : 0;
}

function setClock(text) {
  clock = { agent: Date.parse(text), at: performance.now(), offset: offset(text) };
}

function takeLive(one) {
  const d = state.devices.get(one.id);
  if (!d) return;
  one.polledAt = time(one.polled);
  one.readAt = time(one.read);
  one.readings ??= {};
  d.live = one;
}

const takes = {
  hello(m) {
    setClock(m.time);
    renew(m.assets);
    state.hello = m;
    state.devices = new Map(m.devices.map((d) => [d.id, { ...d, room: d.labels?.room ?? '', every: d.every_seconds * 1000, live: null }]));
    m.live.forEach(takeLive);
    state.path = m.path ?? null;
    state.diagrams = m.diagrams ?? [];
    state.events = m.events ?? {};
    state.tests = m.tests ?? null;
    tell('hello');
    tell('change');
  },
  poll(m) { m.devices.forEach(takeLive); tell('change'); },
  path(m) { state.path = m; tell('change'); },
  events(m) { state.events = m; tell('change'); },
  tests(m) { state.tests = m; tell('change'); },
  beat(m) { setClock(m.time); },
};

// renew loads the page again when the agent serves another one.
function renew(assets) {
  const mine = document.querySelector('meta[name=assets]').content;
  const last = Number(sessionStorage.getItem('renewed') ?? 0);
  if (assets && assets !== mine && Date.now() - last > 60000) {
    sessionStorage.setItem('renewed', Date.now());
    location.reload();
  }
}

function connect() {
  retry = null;
  source?.close();
  const mine = source = new EventSource('/api/v1/stream');
  for (const [name, take] of Object.entries(takes)) {
    mine.addEventListener(name, (e) => {
      if (mine !== source) return;
      heard = performance.now();
      broken = Infinity;
      take(JSON.parse(e.data));
      if (state.lost) { state.lost = false; tell('lost'); }
    });
  }
  mine.onerror = () => {
    if (mine !== source) return;
    broken = Math.min(broken, performance.now());
    again(1000);
  };
}

// again connects anew after a while; many walls that lost the same agent do
// not come back at the same moment.
function again(ms) {
  source?.close();
  source = null;
  retry ??= setTimeout(connect, ms * (0.7 + 0.6 * Math.random()));
}

// start connects for as long as the page lives. Every second passes for the page
// too when the agent is silent: what it shows becomes old.
export function start() {
  connect();
  setInterval(() => { if (clock) tell('second'); }, 1000);
  setInterval(() => {
    const lost = silence() > silentAfter || performance.now() - broken > brokenAfter;
    if (lost !== state.lost) { state.lost = lost; tell('lost'); }
    if (lost && source && silence() > 2 * silentAfter && performance.now() - opened > 2 * silentAfter) {
      opened = performance.now();
      again(500);
    }
  }, 250);
}
