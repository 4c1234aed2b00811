/** The report for a terminal: aligned tables, ratios and geometric means below them. */
import {
  MIN_COMPILE_CODE,
  MIN_LOAD_MODULE,
  MIN_RUN_MS,
  type Row,
  type Summary,
} from '../summary.ts';
import { kilobytes, ms, times } from './format.ts';

type Column = readonly [title: string, cell: (row: Row) => string];

const RUN: readonly Column[] = [
  ['run time, ms', (r) => r.name],
  ['Elfin', (r) => ms(r.engines.elfin?.runMs)],
  ['wasmtime', (r) => ms(r.engines.wasmtime?.runMs)],
  ['V8 opt', (r) => ms(r.engines.v8?.runMs)],
  ['V8 first', (r) => ms(r.engines['v8-default']?.runFirstMs)],
  ['/wasmtime', (r) => times(r.ratios.run.wasmtime)],
  ['/V8 opt', (r) => times(r.ratios.run.v8)],
  ['/V8 first', (r) => times(r.ratios.run.v8Default)],
];

const COMPILE: readonly Column[] = [
  ['compile, CPU ms', (r) => r.name],
  ['code kB', (r) => kilobytes(r.codeBytes)],
  ['Elfin', (r) => ms(r.engines.elfin?.compileCpuMs)],
  ['wasmtime', (r) => ms(r.engines.wasmtime?.compileCpuMs)],
  ['V8 opt', (r) => ms(r.engines.v8?.compileCpuMs)],
  ['/wasmtime', (r) => times(r.ratios.compile.wasmtime)],
  ['all threads', (r) => ms(r.engines.elfin?.compileAllThreadsMs)],
  ['cold', (r) => ms(r.engines.elfin?.compileColdMs)],
  ['peak MB', (r) => kilobytes(r.engines.elfin?.compilePeakRssKb)],
  ['wasmtime MB', (r) => kilobytes(r.engines.wasmtime?.compilePeakRssKb)],
];

const LOAD: readonly Column[] = [
  ['load + instantiate, ms', (r) => r.name],
  ['Elfin', (r) => ms(r.engines.elfin?.loadMs)],
  ['first', (r) => ms(r.engines.elfin?.loadFirstMs)],
  ['wasmtime', (r) => ms(r.engines.wasmtime?.loadMs)],
  ['V8 opt compile', (r) => ms(r.engines.v8?.compileMs)],
  ['V8 / Elfin', (r) => times(r.ratios.load.v8compile)],
  ['object kB', (r) => kilobytes(r.engines.elfin?.objectBytes)],
  ['wasmtime kB', (r) => kilobytes(r.engines.wasmtime?.objectBytes)],
];

/** Only when `elfin-checks` was asked for. */
const CHECKS: readonly Column[] = [
  ['bounds checks in the code, ms', (r) => r.name],
  ['guard pages', (r) => ms(r.engines.elfin?.runMs)],
  ['checks', (r) => ms(r.engines['elfin-checks']?.runMs)],
  ['/guard pages', (r) => times(r.ratios.checks)],
];

function table(columns: readonly Column[], rows: readonly Row[]): string {
  const cells = [columns.map(([title]) => title), ...rows.map((r) => columns.map(([, f]) => f(r)))];
  const widths = columns.map((_, c) => Math.max(...cells.map((line) => line[c]!.length)));
  const line = (texts: readonly string[]): string =>
    texts.map((t, c) => (c === 0 ? t.padEnd(widths[0]!) : t.padStart(widths[c]!))).join('  ');
  const [head, ...body] = cells.map(line);
  return [head, '─'.repeat(head!.length), ...body].join('\n');
}

function means(s: Summary): string[] {
  const g = s.geomean;
  const scope = `modules that run ${MIN_RUN_MS} ms or longer`;
  const code = `code sections over ${MIN_COMPILE_CODE / 1000} kB`;
  return [
    `Geometric means`,
    `  run time      ${times(g.run.wasmtime)} wasmtime's, ${times(g.run.v8)} V8's optimising tier's, ` +
      `${times(g.run.v8Default)} V8's default on a first run   (${scope})`,
    `  compile       ${times(g.compile.wasmtime)} wasmtime's CPU time on one thread, ` +
      `${times(g.compile.wasmtimeAllThreads)} its wall time on all   (${code})`,
    `  load          ${times(g.load.v8compile)} faster than V8's optimising compile   ` +
      `(modules over ${MIN_LOAD_MODULE / 1000} kB)`,
    `  object size   ${times(g.objectBytes.wasmtime)} wasmtime's`,
  ];
}

function checkCosts(s: Summary): string {
  const worst = s.rows.reduce((a, b) => ((b.ratios.checks ?? 0) > (a.ratios.checks ?? 0) ? b : a));
  return (
    `Run time with bounds checks: ${times(s.geomean.checks)} that with guard pages (geometric mean), ` +
    `at worst ${times(worst.ratios.checks)} (${worst.name})`
  );
}

function callCosts(s: Summary): string[] {
  const { wasmtime, v8 } = s.calls.peers;
  return [
    `Calls, ns      Elfin   wasmtime (C API)   V8`,
    `  into Wasm    ${ms(s.calls.jsToWasmNs).padEnd(8)}${ms(wasmtime.hostToWasmNs).padEnd(19)}${ms(v8.jsToWasmNs)}`,
    `  out of Wasm  ${ms(s.calls.wasmToJsNs).padEnd(8)}${ms(wasmtime.wasmToHostNs).padEnd(19)}${ms(v8.wasmToJsNs)}`,
  ];
}

/** All of the report as text. */
export function textReport(s: Summary): string {
  const parts = [table(RUN, s.rows), table(COMPILE, s.rows), table(LOAD, s.rows)];
  if (s.geomean.checks !== null) parts.push(table(CHECKS, s.rows), checkCosts(s));
  parts.push(callCosts(s).join('\n'), means(s).join('\n'));
  if (s.skipped.length > 0) {
    const list = s.skipped.map((k) => `  ${k.name}: ${k.reason}`);
    parts.push(['Skipped, for what Elfin does not implement yet', ...list].join('\n'));
  }
  const unchecked = s.rows.filter((r) => !r.checked).map((r) => r.name);
  if (unchecked.length > 0) parts.push(`No expected output is given for: ${unchecked.join(', ')}`);
  if (s.errors.length > 0) {
    const list = s.errors.map((e) => `  ${e.name || 'calls'}, ${e.engine} ${e.kind}: ${e.error}`);
    parts.push([`FAILED`, ...new Set(list)].join('\n'));
  }
  return parts.join('\n\n');
}
