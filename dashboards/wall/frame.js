// The top of every page: the sentence of what the building stands on, the
// clock, whether what is shown is live, and the bar that says when it is not.
import { state, on, now, silence, clockText, time, start } from './live.js';
import { h, mark, setMark, setText, setClass, ageText } from './show.js';
import { t, words, lang, keep } from './words.js';

// severity of the path as a state of a mark.
export const tone = (severity) => ({ alarm: 'lost', warning: 'abnormal' })[severity] ?? 'live';

const sentence = (text) => text[0].toUpperCase() + text.slice(1);

export function frame() {
  const bar = h('div.lostbar', { role: 'alert' });
  const sign = mark('connecting');
  const head = h('h1', sentence(t('connecting…')));
  const detail = h('p.detail');
  const clock = h('b.clock', '–');
  const liveMark = mark('connecting');
  const liveText = h('span');
  const live = h('span.livetext', liveMark, ' ', liveText);
  const desk = location.pathname.startsWith('/desk');
  const where = h('a.where', { href: keep(desk ? '/' : '/desk'), title: t(desk ? 'wall' : 'desk') });
  const header = h('header.top', h('div.sign', sign), h('div.sentence', head, detail), h('div.when', clock, live, where));
  const main = h('main.fades');
  document.body.append(bar, h('div.fades', header), main);

  let lostSince = null;
  // An agent that never answered has left nothing that was so once.
  const tellLost = () => {
    document.documentElement.classList.toggle('is-lost', state.lost);
    if (!state.lost) { lostSince = null; return; }
    if (!state.hello) {
      const none = t('the agent does not answer');
      setText(head, sentence(none));
      setMark(sign, 'lost');
      document.title = `✕ ${none}`;
      setText(bar, `✕ ${t('NO ANSWER FROM THE AGENT')} · ${ageText(silence())}`);
      return;
    }
    lostSince ??= now() - silence();
    setText(bar, `✕ ${t('CONNECTION TO THE AGENT LOST')} · ${t('what is shown was so at')} ${clockText(lostSince)} · ${ageText(now() - lostSince)}`);
  };
  const sayLive = (s, text) => { setMark(liveMark, s); setText(liveText, text); setClass(live, 'livetext s-' + s); };

  const look = () => {
    tellLost();
    setText(clock, clockText(now()));
    // What the agent says of itself and of the site is no answer of a device's.
    const read = [...state.devices.values()].filter((d) => Number.isFinite(d.live?.readAt) && d.class !== 'agent' && d.class !== 'site');
    const newest = read.reduce((a, d) => d.live.readAt > (a?.live.readAt ?? 0) ? d : a, null);
    if (state.lost) sayLive('lost', t('no answer'));
    else if (!state.hello) sayLive('connecting', t('connecting…'));
    else if (!newest) sayLive('unknown', t('connected, no readings yet'));
    else {
      const age = now() - newest.live.readAt;
      const fine = age < Math.max(15000, 3 * newest.every);
      sayLive(fine ? 'live' : 'abnormal', lang === 'cs' ? `${fine ? 'živě · ' : ''}data stará ${ageText(age)}` : `${fine ? 'live · ' : ''}data ${ageText(age)} old`);
    }
  };
  setInterval(look, 500);
  on('lost', look);

  on('change', () => {
    const p = state.path;
    setText(where, state.hello.site);
    const says = p ? words(p.headline) : state.hello.site;
    if (says !== head.textContent) { setText(head, says); fit(); }
    if (words(p?.detail) !== detail.textContent) { setText(detail, words(p?.detail)); fit(); }
    const s = p ? (p.on === 'no_data' && p.severity === 'info' ? 'unknown' : tone(p.severity)) : 'unknown';
    setMark(sign, s);
    header.dataset.tone = s;
    const title = `${{ live: '●', abnormal: '▲', lost: '✕', unknown: '◌' }[s]} ${says}`;
    if (document.title !== title) document.title = title;
    header.dataset.at = time(p?.time);
    look();
  });
  // fit makes the sentence as large as its place allows, which gets narrower when
  // the age of the data is said beside it.
  const fit = () => {
    head.style.fontSize = detail.style.fontSize = '';
    if (getComputedStyle(header).position === 'static' && matchMedia('(max-width: 800px)').matches) return;
    const box = header.querySelector('.sentence');
    for (let size = 2.8; size > 1.5 && (box.scrollHeight > header.clientHeight || head.scrollWidth > box.clientWidth); size -= 0.15) {
      head.style.fontSize = size + 'rem';
      detail.style.fontSize = Math.max(1.1, size * 0.5) + 'rem';
    }
  };
  new ResizeObserver(fit).observe(header.querySelector('.sentence'));
  look();
  start();
  return { header, main, bar };
}
