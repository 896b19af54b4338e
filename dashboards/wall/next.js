// What comes next: the tests that are planned, the one that is being made, and
// how each went last. The wall has room for two of them, the desk shows them all.
import { state, on, now, time, clockText, calendar, today } from './live.js';
import { h, mark, fixed } from './show.js';
import { t, words } from './words.js';

// dayOf is a day as people say it: today, tomorrow, or its date, with the year
// where that is another.
const dayOf = (c) => ({ 0: t('today'), 1: t('tomorrow') })[c.day - today().day] ?? (c.year === today().year ? c.date : `${c.date} ${c.year}`);

// whenOf is when a test is due: a time, a day, or within which days.
function whenOf(p) {
  const due = calendar(p.due);
  if (p.timed) return `${dayOf(due)} ${due.clock}`;
  const last = calendar(p.until, -1); // midnight is of the next day
  if (last.day === due.day) return dayOf(due);
  return time(p.from) <= now() ? `${t('by')} ${dayOf(last)}` : `${t('from day')} ${dayOf(due)}`;
}

// progress is how much of what a plan asks for has been done: 8 of 15 min.
function progress(r) {
  if (!r.run_seconds) return '';
  const done = Math.min(r.run_seconds, Math.max(0, (now() - time(r.run_since)) / 1000 || 0));
  const [by, unit] = r.run_seconds < 120 ? [1, 's'] : [60, 'min'];
  const all = Math.round(10 * r.run_seconds / by) / 10;
  return `${Math.floor(done / by)} ${t('of')} ${fixed(all, Number.isInteger(all) ? 0 : 1)} ${unit}`;
}

const kinds = { transfer: t('transfer'), self_test: t('battery test'), manual: t('manual') };
const kindOf = (x) => x.under_load === undefined ? kinds[x.kind] : x.under_load ? t('under load') : t('without load');

// lastOf is how a test went last.
const verdicts = { passed: t('last passed'), failed: t('last failed'), missed: t('last missed') };
const lastOf = (l) => `${verdicts[l.verdict]} ${dayOf(calendar(l.began ?? l.due))}`;

// rows are what there is to show: what is being made and what is due now, then
// what was not passed, what was made today, and the others by their dates.
function rows() {
  const { planned = [], running = [], last = [] } = state.tests ?? {};
  const out = running.map((r) => ({
    key: r.id, test: r.test, mark: 'live', active: true, name: words(r.name), when: progress(r),
    notes: [`${t('running since')} ${clockText(time(r.began), false)}`, r.ending ? t('ends when all is well') : '', kindOf(r)],
    said: r.notes?.at(-1),
  }));
  const order = [];
  for (const p of planned) {
    if (running.some((r) => r.test === p.id)) continue;
    const l = last.find((x) => x.test === p.id);
    const due = p.timed && time(p.from) <= now(), bad = l && l.verdict !== 'passed';
    const fresh = l && calendar(l.began ?? l.due).day === today().day;
    order.push([due ? 0 : bad ? 1 : fresh ? 2 : 3, {
      key: p.id, test: p.id, mark: bad ? 'abnormal' : 'ready', name: p.name, when: whenOf(p), bad: bad ? lastOf(l) : '', why: bad ? words(l.text) : '',
      notes: [due ? `${t('due now, until')} ${calendar(p.until).clock}` : '', kindOf(p), l && !bad ? lastOf(l) : ''],
    }]);
  }
  out.push(...order.sort(([a], [b]) => a - b).map(([, row]) => row));
  return out;
}

// Next is the panel; it is not there where no test is planned or made.
export class Next {
  constructor() {
    this.more = h('span.more'); this.list = h('ol');
    this.el = h('section.next', { hidden: true }, h('h2', t('next tests'), this.more), this.list);
    on('change', () => this.update());
    on('second', () => this.update());
  }
  update() {
    const all = rows();
    const key = JSON.stringify(all);
    if (key === this.key) return;
    this.key = key;
    this.el.hidden = !all.length;
    this.el.parentElement.classList.toggle('has-next', all.length > 0);
    this.more.textContent = all.length > 2 ? `+${all.length - 2}` : '';
    this.list.replaceChildren(...all.map((r) => h('li' + (r.active ? '.active' : ''), { 'data-id': r.key, 'data-test': r.test, title: r.why },
      mark(r.mark), h('span.what', r.name), h('span.when', r.when), h('span.notes', r.bad && h('b.s-abnormal', r.bad), (r.bad ? ' · ' : '') + r.notes.filter(Boolean).join(' · ')),
      r.why && h('span.why', r.why), r.said && h('span.why', `${r.said.by ? r.said.by + ': ' : ''}${r.said.text}`))));
  }
}
