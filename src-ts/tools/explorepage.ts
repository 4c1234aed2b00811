/** Style and script of the page that explore.ts makes; nothing is fetched from elsewhere. */

export const PAGE_STYLE = `
:root { color-scheme: light dark; --bg: #fbfbf9; --fg: #23241f; --dim: #8a8b83; --line: #e3e3dc; --hit: #ffe9a8; --pick: #dcebff; --head: #f1f1ec; }
@media (prefers-color-scheme: dark) { :root { --bg: #1c1d1a; --fg: #e6e6df; --dim: #85867d; --line: #33342f; --hit: #5a4a12; --pick: #243c5c; --head: #252622; } }
* { box-sizing: border-box; }
body { margin: 0; height: 100vh; display: grid; grid: "header header" auto "nav main" minmax(0, 1fr) / 17rem minmax(0, 1fr); background: var(--bg); color: var(--fg); font: 13px/1.45 system-ui, sans-serif; }
header { grid-area: header; display: flex; gap: 1.5rem; align-items: baseline; padding: .6rem 1rem; background: var(--head); border-bottom: 1px solid var(--line); }
h1 { font-size: 1.05rem; margin: 0; } header p { margin: 0; color: var(--dim); flex: 1; }
input { font: inherit; padding: .2rem .5rem; color: inherit; background: var(--bg); border: 1px solid var(--line); border-radius: 4px; }
nav { grid-area: nav; overflow: auto; border-right: 1px solid var(--line); }
nav button { all: unset; display: flex; gap: .5rem; width: 100%; padding: .15rem 1rem; cursor: pointer; box-sizing: border-box; }
nav button span:first-child { flex: 1; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; } nav button span:last-child { color: var(--dim); }
nav button:hover, nav button:focus-visible { background: var(--head); } nav button[aria-current=true] { background: var(--pick); }
main { grid-area: main; display: grid; grid-template-columns: 3fr 4fr 6fr; min-height: 0; }
section { display: flex; flex-direction: column; min-width: 0; min-height: 0; border-right: 1px solid var(--line); }
h2 { margin: 0; padding: .3rem .8rem; font-size: .8rem; font-weight: 600; color: var(--dim); border-bottom: 1px solid var(--line); }
h2 button { all: unset; cursor: pointer; margin-right: 1rem; } h2 button[aria-pressed=true] { color: var(--fg); border-bottom: 2px solid #5b8def; }
ol { list-style: none; margin: 0; padding: .3rem 0; overflow: auto; flex: 1; font: 12px/1.5 ui-monospace, monospace; }
li { display: flex; gap: 1rem; padding: 0 .8rem; white-space: pre; } li i { font-style: normal; color: var(--dim); }
#machine li i:first-child { min-width: 20rem; } #wasm li i { min-width: 4rem; }
ol li { width: max-content; min-width: 100%; }
li.hit { background: var(--hit); }
`;

export const PAGE_SCRIPT = `
const views = JSON.parse(document.getElementById('data').textContent);
const $ = (id) => document.getElementById(id);
let current, stage = -1;
function fill(list, lines) {
  list.replaceChildren(...lines.map(([at, text, before, after]) => {
    const li = document.createElement('li');
    for (const [tag, part] of [['i', before], ['span', text], ['i', after]]) {
      if (!part) continue;
      const element = document.createElement(tag);
      element.textContent = part;
      li.append(element);
    }
    if (at >= 0) li.dataset.at = at;
    return li;
  }));
}
function showStage() {
  const n = current.ir.length;
  const s = stage < 0 || stage >= n ? n - 1 : stage;
  $('stages').replaceChildren(...current.ir.map(([name], i) => {
    const b = document.createElement('button');
    b.textContent = 'IR: ' + name;
    b.setAttribute('aria-pressed', i === s);
    b.onclick = () => { stage = i; showStage(); };
    return b;
  }));
  fill($('ir'), n ? current.ir[s][1] : []);
}
function show(view, button) {
  current = view;
  for (const b of $('functions').children) b.setAttribute('aria-current', b === button);
  fill($('wasm'), view.wasm);
  fill($('machine'), view.machine);
  showStage();
  history.replaceState(null, '', '#' + view.index);
}
function mark(at, from) {
  for (const li of document.querySelectorAll('li.hit')) li.classList.remove('hit');
  if (at === undefined) return;
  for (const list of document.querySelectorAll('ol')) {
    const hits = list.querySelectorAll('li[data-at="' + at + '"]');
    hits.forEach((li) => li.classList.add('hit'));
    if (list !== from && hits[0]) hits[0].scrollIntoView({ block: 'nearest' });
  }
}
document.querySelector('main').addEventListener('mouseover', (e) => {
  const li = e.target.closest('li');
  if (li) mark(li.dataset.at, li.parentElement);
});
for (const view of views) {
  const b = document.createElement('button');
  for (const t of [view.name, view.wasmBytes + ' → ' + view.codeBytes]) { const s = document.createElement('span'); s.textContent = t; b.append(s); }
  b.title = view.name;
  b.onclick = () => show(view, b);
  $('functions').append(b);
}
$('filter').oninput = (e) => {
  const wanted = e.target.value.toLowerCase();
  views.forEach((v, i) => { $('functions').children[i].style.display = v.name.toLowerCase().includes(wanted) ? '' : 'none'; });
};
const first = Math.max(0, views.findIndex((v) => '#' + v.index === location.hash));
if (views.length) show(views[first], $('functions').children[first]);
`;
