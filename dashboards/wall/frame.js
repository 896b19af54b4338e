// The top of every page: the sentence of what the building stands on, the
// clock, whether what is shown is live, and the bar that says when it is not.
import { state, on, now, silence, clockText, time, start } from './live.js';
import { h, mark, setMark, setText, ageText } from './show.js';
import { t, words, lang, keep } from './words.js';

// severity of the path as a state of a mark.
export const tone = (severity) => ({ alarm: 'lost', warning: 'abnormal' })[severity] ?? 'live';

export function frame() {
  const bar = h('div.lostbar', { role: 'alert' });
  const sign = mark('unknown');
  const head = h('h1', t('waiting for the agent'));
  const detail = h('p.detail');
  const clock = h('b.clock', '–');
  const liveMark = mark('unknown');
  const liveText = h('span');
  const live = h('span.livetext', liveMark, ' ', liveText);
  const desk = location.pathname.startsWith('/desk');
  const where = h('a.where', { href: keep(desk ? '/' : '/desk'), title: t(desk ? 'wall' : 'desk') });
  const header = h('header.top', h('div.sign', sign), h('div.sentence', head, detail), h('div.when', clock, live, where));
  const main = h('main.fades');
  document.body.append(bar, h('div.fades', header), main);

  let lostSince = null;
  // What is true of the connection is said before anything was heard, too.
  const tellLost = () => {
    document.documentElement.classList.toggle('is-lost', state.lost && state.hello !== null);
    if (!state.lost) { lostSince = null; return; }
    lostSince ??= now() - silence();
    setText(bar, `✕ ${t('CONNECTION TO THE AGENT LOST')} · ${t('what is shown was so at')} ${clockText(lostSince)} · ${ageText(now() - lostSince)}`);
  };
  on('lost', tellLost);

  // ages is what is the oldest of all that the page shows, in ms; pages add to it.
  const look = () => {
    setText(clock, clockText(now()));
    const newest = Math.max(...[...state.devices.values()].map((d) => d.live?.readAt).filter(Number.isFinite));
    const age = now() - newest;
    if (state.lost) { setMark(liveMark, 'lost'); setText(liveText, t('no answer')); live.className = 'livetext s-lost'; } else if (!Number.isFinite(age)) { setMark(liveMark, 'unknown'); setText(liveText, t('no data')); live.className = 'livetext s-unknown'; } else {
      const fine = age < 15000;
      setMark(liveMark, fine ? 'live' : 'abnormal');
      live.className = 'livetext ' + (fine ? 's-live' : 's-abnormal');
      setText(liveText, lang === 'cs' ? `${fine ? 'živě · ' : ''}data stará ${ageText(age)}` : `${fine ? 'live · ' : ''}data ${ageText(age)} old`);
    }
    if (state.lost) tellLost();
  };
  setInterval(look, 500);

  on('change', () => {
    const p = state.path;
    setText(where, state.hello.site);
    const sentence = p ? words(p.headline) : state.hello.site;
    if (sentence !== head.textContent) { setText(head, sentence); fit(); }
    if (words(p?.detail) !== detail.textContent) { setText(detail, words(p?.detail)); fit(); }
    const s = p ? (p.on === 'no_data' && p.severity === 'info' ? 'unknown' : tone(p.severity)) : 'unknown';
    setMark(sign, s);
    header.dataset.tone = s;
    const title = `${{ live: '●', abnormal: '▲', lost: '✕', unknown: '◌' }[s]} ${sentence}`;
    if (document.title !== title) document.title = title;
    header.dataset.at = time(p?.time);
    look();
  });
  // fit makes the sentence as large as its place allows.
  const fit = () => {
    head.style.fontSize = detail.style.fontSize = '';
    if (getComputedStyle(header).position === 'static' && matchMedia('(max-width: 800px)').matches) return;
    const box = header.querySelector('.sentence');
    for (let size = 2.8; size > 1.5 && (box.scrollHeight > header.clientHeight || head.scrollWidth > box.clientWidth); size -= 0.15) {
      head.style.fontSize = size + 'rem';
      detail.style.fontSize = Math.max(1.1, size * 0.5) + 'rem';
    }
  };
  addEventListener('resize', fit);
  start();
  return { header, main, bar };
}
