/**
 * The report as one page without outside references: dot plots on logarithmic axes (inline SVG; every mark has its figures as
 * a tooltip), then the same figures as a table. Colours follow the reader's light or dark setting.
 */
import {
  MIN_COMPILE_CODE,
  MIN_LOAD_MODULE,
  MIN_RUN_MS,
  type Row,
  type Summary,
} from '../summary.ts';
import { digits, kilobytes, ms, times } from './format.ts';

const escape = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => `&${{ '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot' }[c]!};`);

interface Mark {
  readonly series: string;
  readonly value: number;
  readonly title: string;
}

interface Line {
  readonly label: string;
  readonly marks: readonly Mark[];
  readonly strong?: boolean;
}

const WIDTH = 900;
const LEFT = 190;
const RIGHT = 30;
const TOP = 34;
const STEP = 24;

/** Gridlines at 1, 2, 5 of each decade inside [low, high]. */
function ticks(low: number, high: number): number[] {
  const out: number[] = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++) {
    out.push(...[1, 2, 5].map((m) => m * 10 ** e));
  }
  const inside = out.filter((t) => t >= low * 0.999 && t <= high * 1.001);
  return inside.length > 9 ? inside.filter((t) => /^0*\.?0*1/.test(String(t))) : inside;
}

/** A row per line, a dot per mark, joined by a hairline; `unit` is written at the axis, `one` marks 1 as the peer's own. */
function dotPlot(lines: readonly Line[], unit: string, one: string | null): string {
  const values = lines.flatMap((l) => l.marks.map((m) => m.value)).filter((v) => v > 0);
  if (values.length === 0) return '<p class="none">Not measured.</p>';
  if (one !== null) values.push(1);
  const low = Math.min(...values) / 1.15;
  const high = Math.max(...values) * 1.15;
  const x = (v: number): number =>
    LEFT + ((WIDTH - LEFT - RIGHT) * Math.log(v / low)) / Math.log(high / low);
  const height = TOP + lines.length * STEP + 10;
  const out = [`<svg viewBox="0 0 ${WIDTH} ${height}" role="img">`];
  for (const t of ticks(low, high)) {
    const at = x(t).toFixed(1);
    const edge = t === 1 && one !== null ? 'one' : 'grid';
    out.push(`<line class="${edge}" x1="${at}" x2="${at}" y1="${TOP - 8}" y2="${height - 6}"/>`);
    out.push(
      `<text class="tick" x="${at}" y="${TOP - 14}">${digits(t).replace(/\.0*$|(\.\d*?)0+$/, '$1')}${unit}</text>`,
    );
  }
  lines.forEach((l, i) => {
    const y = TOP + i * STEP + STEP / 2;
    const xs = l.marks.map((m) => x(m.value));
    out.push(
      `<text class="label${l.strong ? ' strong' : ''}" x="${LEFT - 14}" y="${y + 4}">${escape(l.label)}</text>`,
    );
    if (xs.length > 1) {
      const [a, b] = [Math.min(...xs).toFixed(1), Math.max(...xs).toFixed(1)];
      out.push(`<line class="range" x1="${a}" x2="${b}" y1="${y}" y2="${y}"/>`);
    }
    l.marks.forEach((m, k) => {
      const shape = `cx="${xs[k]!.toFixed(1)}" cy="${y}" r="${l.strong ? 7 : 5.5}"`;
      out.push(`<circle class="s-${m.series}" ${shape}><title>${escape(m.title)}</title></circle>`);
    });
  });
  out.push('</svg>');
  return out.join('\n');
}

const mark = (series: string, value: number | null | undefined, title: string): Mark[] =>
  value === null || value === undefined ? [] : [{ series, value, title }];

function runLines(s: Summary): Line[] {
  const lines = s.rows
    .filter((r) => r.ratios.run.wasmtime !== null || r.ratios.run.v8 !== null)
    .sort((a, b) => (a.ratios.run.wasmtime ?? 0) - (b.ratios.run.wasmtime ?? 0))
    .map((r) => {
      const { elfin, wasmtime, v8 } = r.engines;
      const figures =
        `${r.name}: Elfin ${ms(elfin?.runMs)} ms, wasmtime ${ms(wasmtime?.runMs)} ms, ` +
        `V8 ${ms(v8?.runMs)} ms`;
      const { run } = r.ratios;
      return {
        label: r.name,
        marks: [
          ...mark('wasmtime', run.wasmtime, `${times(run.wasmtime)} wasmtime's time\n${figures}`),
          ...mark('v8', run.v8, `${times(run.v8)} V8's time\n${figures}`),
        ],
      };
    });
  const g = s.geomean.run;
  const marks = [
    ...mark('wasmtime', g.wasmtime, `geometric mean: ${times(g.wasmtime)} wasmtime's time`),
    ...mark('v8', g.v8, `geometric mean: ${times(g.v8)} V8's time`),
  ];
  return [...lines, { label: 'geometric mean', marks, strong: true }];
}

/** Absolute times of all engines for rows with large code. */
function absolute(
  rows: readonly Row[],
  picks: readonly (readonly [
    series: string,
    name: string,
    pick: (r: Row) => number | null | undefined,
  ])[],
): Line[] {
  return [...rows]
    .sort((a, b) => a.codeBytes - b.codeBytes)
    .map((r) => ({
      label: r.name,
      marks: picks.flatMap(([series, name, pick]) =>
        mark(series, pick(r), `${r.name}, ${name}: ${ms(pick(r))} ms`),
      ),
    }));
}

function legend(...entries: readonly (readonly [series: string, text: string])[]): string {
  const items = entries.map(([s, text]) => `<span><i class="b-${s}"></i>${escape(text)}</span>`);
  return `<p class="legend">${items.join('')}</p>`;
}

function tiles(s: Summary): string {
  const g = s.geomean;
  const tile = (value: string, text: string): string =>
    `<div class="tile"><b>${value}</b><span>${text}</span></div>`;
  return `<div class="tiles">${[
    tile(times(g.run.wasmtime), 'run time, of wasmtime’s'),
    tile(times(g.run.v8), 'run time, of V8’s optimising tier’s'),
    tile(times(g.compile.wasmtime), 'compile CPU time, of wasmtime’s'),
    tile(times(g.load.v8compile), 'faster to load than V8 is to compile'),
    tile(
      `${ms(s.calls.jsToWasmNs)} ns`,
      `call into Wasm (V8 ${ms(s.calls.peers.v8.jsToWasmNs)}, wasmtime’s C API ${ms(s.calls.peers.wasmtime.hostToWasmNs)})`,
    ),
    tile(
      `${ms(s.calls.wasmToJsNs)} ns`,
      `call out of Wasm (V8 ${ms(s.calls.peers.v8.wasmToJsNs)}, wasmtime’s C API ${ms(s.calls.peers.wasmtime.wasmToHostNs)})`,
    ),
  ].join('')}</div>`;
}

function figures(s: Summary): string {
  const heads = [
    'module',
    'code kB',
    'Elfin run',
    'wasmtime',
    'V8 opt',
    'V8 first',
    'Elfin compile',
    'wasmtime',
    'V8 opt',
    'Elfin load',
    'wasmtime',
    'object kB',
    'wasmtime',
    'peak MB',
    'wasmtime',
  ];
  const body = s.rows.map((r) => {
    const { elfin: e, wasmtime: w, v8 } = r.engines;
    const cells = [
      escape(r.name),
      kilobytes(r.codeBytes),
      ms(e?.runMs),
      ms(w?.runMs),
      ms(v8?.runMs),
      ms(r.engines['v8-default']?.runFirstMs),
      ms(e?.compileCpuMs),
      ms(w?.compileCpuMs),
      ms(v8?.compileCpuMs),
      ms(e?.loadMs),
      ms(w?.loadMs),
      kilobytes(e?.objectBytes),
      kilobytes(w?.objectBytes),
      kilobytes(e?.compilePeakRssKb),
      kilobytes(w?.compilePeakRssKb),
    ];
    return `<tr>${cells.map((c) => `<td>${c}</td>`).join('')}</tr>`;
  });
  const head = `<tr>${heads.map((h) => `<th>${h}</th>`).join('')}</tr>`;
  return `<div class="scroll"><table><thead>${head}</thead><tbody>${body.join('\n')}</tbody></table></div>`;
}

function notes(s: Summary): string {
  const items = [
    ...s.skipped.map((k) => `${k.name}: skipped, ${k.reason}`),
    ...s.errors.map((e) => `${e.name || 'calls'}, ${e.engine} ${e.kind}: failed, ${e.error}`),
  ];
  return items.length === 0
    ? ''
    : `<h2>Not measured</h2><ul>${items.map((i) => `<li>${escape(i)}</li>`).join('')}</ul>`;
}

const STYLE = `
:root { color-scheme: light dark; --bg: #fcfcfb; --fg: #1d2025; --dim: #6b7077; --grid: #e4e5e3; --card: #f2f3f0;
  --elfin: #0a7f5a; --wasmtime: #5b4bd6; --v8: #d97a06; }
@media (prefers-color-scheme: dark) { :root { --bg: #16181b; --fg: #e7e8e6; --dim: #979ca3; --grid: #2b2e33; --card: #202327;
  --elfin: #3ecf9b; --wasmtime: #a194ff; --v8: #f5a742; } }
body { margin: 0 auto; max-width: 960px; padding: 40px 24px 80px; background: var(--bg); color: var(--fg);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 44px 0 4px; } p { margin: 4px 0 12px; color: var(--dim); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(270px, 1fr)); gap: 12px; margin: 24px 0; }
.tile { background: var(--card); border-radius: 10px; padding: 14px 16px; } .tile b { display: block; font-size: 26px; }
.tile span { color: var(--dim); font-size: 13px; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--fg); font: 13px system-ui, sans-serif; }
svg .tick { fill: var(--dim); text-anchor: middle; font-size: 12px; } svg .label { text-anchor: end; } svg .strong { font-weight: 700; }
.grid { stroke: var(--grid); } .one { stroke: var(--fg); stroke-width: 1.5; } .range { stroke: var(--dim); stroke-width: 1.5; opacity: .5; }
circle { stroke: var(--bg); stroke-width: 1.5; } circle:hover { stroke: var(--fg); }
.s-elfin { fill: var(--elfin); } .s-wasmtime { fill: var(--wasmtime); } .s-v8 { fill: var(--v8); }
.b-elfin { background: var(--elfin); } .b-wasmtime { background: var(--wasmtime); } .b-v8 { background: var(--v8); }
.legend span { margin-right: 22px; } .legend i { display: inline-block; width: 11px; height: 11px; border-radius: 50%; margin-right: 7px; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 9px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--grid); }
th { color: var(--dim); font-weight: 500; } th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: var(--bg); }
`;

/** The whole page. */
export function htmlReport(s: Summary): string {
  const large = s.rows.filter((r) => r.codeBytes >= MIN_COMPILE_CODE);
  const about = Object.entries(s.versions).map(([name, version]) => `${name} ${version}`);
  const loads = s.rows.filter((r) => r.wasmBytes >= MIN_LOAD_MODULE);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Elfin benchmark</title><style>${STYLE}</style></head><body>
<h1>Elfin beside wasmtime and V8</h1>
<p>${escape(about.join(' · '))}<br>${escape(s.machine.cpu)}, ${s.machine.threads} threads; fresh processes, interleaved in shuffled order, fastest of all runs.</p>
${tiles(s)}
<h2>Run time</h2>
<p>Elfin’s time divided by the peer’s, modules that run ${MIN_RUN_MS} ms or longer. Left of 1× Elfin is faster. Logarithmic axis.</p>
${legend(['wasmtime', 'against wasmtime'], ['v8', 'against V8’s optimising tier'])}
${dotPlot(runLines(s), '×', 'peer')}
<h2>Compile</h2>
<p>CPU time on one thread, code sections over ${MIN_COMPILE_CODE / 1000} kB, smallest first. V8’s is all its threads together.</p>
${legend(['elfin', 'Elfin'], ['wasmtime', 'wasmtime'], ['v8', 'V8’s optimising tier'])}
${dotPlot(
  absolute(large, [
    ['elfin', 'Elfin', (r) => r.engines.elfin?.compileCpuMs],
    ['wasmtime', 'wasmtime', (r) => r.engines.wasmtime?.compileCpuMs],
    ['v8', 'V8', (r) => r.engines.v8?.compileCpuMs],
  ]),
  ' ms',
  null,
)}
<h2>Start</h2>
<p>From a file to an instance, modules over ${MIN_LOAD_MODULE / 1000} kB: loading a compiled object, or V8’s optimising compile (wall time).</p>
${legend(['elfin', 'Elfin loads'], ['wasmtime', 'wasmtime loads'], ['v8', 'V8 compiles'])}
${dotPlot(
  absolute(loads, [
    ['elfin', 'Elfin', (r) => r.engines.elfin?.loadMs],
    ['wasmtime', 'wasmtime', (r) => r.engines.wasmtime?.loadMs],
    ['v8', 'V8', (r) => r.engines.v8?.compileMs],
  ]),
  ' ms',
  null,
)}
<h2>All figures</h2>
<p>Run, compile (CPU, one thread) and load in milliseconds; peak memory while compiling once in a fresh process.</p>
${figures(s)}
${notes(s)}
</body></html>
`;
}
