/**
 * The child process that is given bad input: `cases.mjs KIND FIRST COUNT [SUITE BENCH]`. On standard output it says what it
 * is about to do (`@ seed phase`), so that whoever watches knows where it crashed or hangs; findings are `! seed text`,
 * and what came of a case is `= json`.
 */
import { mkdtempSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import elfin, { Engine, ObjectError } from '../../src-ts/index.ts';
import { compile } from '../../src-ts/compiler/index.ts';
import { checksum, readObject } from '../../src-ts/object/index.ts';
import { decodeModule } from '../../src-ts/wasm/decode.ts';
import { SUPPORTED_FEATURES } from '../../src-ts/wasm/features.ts';
import type { ModuleInfo } from '../../src-ts/wasm/types.ts';
import { difference, importsFor, observe, V8, type WasmEngine } from '../fuzz/differential.ts';
import { Random } from '../fuzz/random.ts';
import { corpus, type Source } from './corpus.ts';
import { corrupt, damage, missay, withDescription } from './mutate.ts';

/** Growth of the process over one case that counts as a finding. */
const MUCH_MEMORY = 300 << 20;
/** Memories and tables beyond these make running slow in any engine: such modules are only compiled. */
const MANY_PAGES = 1000;
const MANY_ENTRIES = 1_000_000;

const SETTINGS = [
  { optLevel: 2 },
  { optLevel: 0 },
  { optLevel: 2, explicitChecks: true },
  { optLevel: 1 },
] as const;

const [kind = '', first = '0', count = '0', suite, bench] = process.argv.slice(2);
let tally: Record<string, number> = {};
const add = (what: string): void => void (tally[what] = (tally[what] ?? 0) + 1);
const say = (line: string): void => void writeSync(1, `${line}\n`);

let seed = 0;
const phase = (name: string): void => say(`@ ${seed} ${name}`);
const finding = (text: string): void => say(`! ${seed} ${text.replaceAll('\n', ' | ')}`);

const describe = (e: unknown): string =>
  e instanceof Error ? (e.stack ?? e.message) : `threw ${String(e)}`;

function refusal(run: () => unknown): unknown {
  try {
    run();
    return null;
  } catch (e) {
    return e ?? new Error('threw nothing');
  }
}

/** Where Node's engine has features that Elfin does not, or the other way round. */
function expectedDisagreement(ours: unknown, theirs: unknown): boolean {
  const text = (e: unknown): string => (e instanceof Error ? e.message : '');
  return (
    text(ours).includes('needs the feature') ||
    /non-imported globals|in constant expressions|enable with|limit|exceeds|larger than|too large/.test(
      text(theirs),
    ) ||
    /limit|too many|too large|at most/.test(text(ours))
  );
}

const engines = SETTINGS.map((s) => new Engine(s).WebAssembly);

function modestly(m: ModuleInfo): boolean {
  return (
    m.memories.every((x) => x.min <= MANY_PAGES) && m.tables.every((x) => x.min <= MANY_ENTRIES)
  );
}

function moduleCase(source: Source, random: Random): void {
  const bytes = damage(source.bytes, random);
  const engine = engines[seed % engines.length]!;
  phase('compile');
  const before = process.memoryUsage.rss();
  const ours = refusal(() => new engine.Module(bytes));
  if (ours !== null && !(ours instanceof engine.CompileError)) finding(describe(ours));
  if (process.memoryUsage.rss() - before > MUCH_MEMORY) finding('much memory');
  add(ours === null ? 'compiled' : 'refused');
  const theirs = refusal(() => new V8.Module(bytes));
  if ((ours === null) !== (theirs === null)) {
    if (!expectedDisagreement(ours, theirs))
      finding(`verdict: ${String(ours)}, Node: ${String(theirs)}`);
    add('judged differently');
    return;
  }
  if (ours !== null) return;
  const m = decodeModule(bytes, SUPPORTED_FEATURES);
  if (!modestly(m)) return;
  phase('v8');
  const x = observe(V8, bytes, m, seed);
  phase('run');
  const y = observe(engine as unknown as WasmEngine, bytes, m, seed);
  phase('done');
  const text = difference(x, y);
  if (text !== undefined) finding(`differs: ${text}`);
  add('compared');
}

const dir = mkdtempSync(join(tmpdir(), 'elfin-bad-'));
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));

/** Loads and instantiates an object; anything but success and the API's errors is a finding. */
function load(bytes: Uint8Array, source: Source): void {
  phase('load');
  const file = join(dir, 'object.o');
  const loaded = refusal(() => {
    let module;
    if (seed % 2 === 0) module = elfin.Module.deserialize(bytes);
    else {
      writeFileSync(file, bytes);
      module = elfin.Module.deserializeFile(file);
    }
    elfin.Module.exports(module);
    elfin.Module.imports(module);
    elfin.Module.customSections(module, 'x');
    elfin.Module.serialize(module);
    // Code that runs on other metadata than its own is beyond what can be promised.
    const { module: description } = readObject(bytes, checksum);
    void description.funcNames;
    if (description.start !== undefined) return;
    phase('instantiate');
    const imports = importsFor(
      elfin as unknown as WasmEngine,
      decodeModule(source.bytes, SUPPORTED_FEATURES),
      [],
    );
    const refused = refusal(() => {
      const { exports } = new elfin.Instance(module, imports);
      for (const e of Object.values(exports)) look(e);
    });
    if (refused === null) add('instantiated');
    else if (
      !(refused instanceof ObjectError) &&
      !(refused instanceof elfin.LinkError) &&
      !(refused instanceof elfin.RuntimeError) &&
      !(refused instanceof RangeError) &&
      !(refused instanceof TypeError && /import/.test(refused.message))
    )
      finding(describe(refused));
    else add(`not instantiated: ${refused.name}`);
  });
  if (loaded === null) add('loaded');
  else if (loaded instanceof ObjectError || loaded instanceof RangeError) add('refused');
  else finding(describe(loaded));
}

/** Reads what can be read of an export without running Wasm. */
function look(e: unknown): void {
  if (e instanceof elfin.Global) void e.value;
  if (e instanceof elfin.Memory) void e.buffer.byteLength;
  if (e instanceof elfin.Table) for (let i = 0; i < Math.min(8, e.length); i++) void e.get(i);
}

const objects = new Map<string, Uint8Array>();

function objectOf(source: Source, optLevel: 0 | 2): Uint8Array {
  const key = `${source.name} ${optLevel}`;
  let object = objects.get(key);
  if (!object) objects.set(key, (object = compile(source.bytes, { optLevel })));
  return object;
}

function objectCase(source: Source, random: Random): void {
  const good = objectOf(source, random.below(2) === 0 ? 0 : 2);
  const how = kind === 'flips' ? 0 : 1 + random.below(2);
  if (how === 0) {
    const bytes = damage(good, random);
    const same = Buffer.compare(bytes, good) === 0;
    phase('flips');
    if (refusal(() => elfin.Module.deserialize(bytes)) instanceof ObjectError === same)
      finding('a damaged object was not refused');
    add(same ? 'unchanged' : 'refused');
    return;
  }
  const bytes =
    how === 1
      ? corrupt(good, random)
      : withDescription(good, missay(readObject(good, checksum).module, random));
  load(bytes, source);
}

const sources = await corpus(suite, bench);
// The large ones take long: one case in fifty.
const small = sources.filter((s) => s.bytes.length < 4000);
for (seed = Number(first); seed < Number(first) + Number(count); seed++) {
  const random = new Random(seed);
  const source = random.pick(random.below(50) === 0 ? sources : small);
  phase('start');
  const start = performance.now();
  try {
    if (kind === 'modules') moduleCase(source, random);
    else objectCase(source, random);
  } catch (e) {
    finding(`${source.name}: ${describe(e)}`);
  }
  tally['slowestMs'] = Math.round(performance.now() - start);
  add('cases');
  say(`= ${JSON.stringify(tally)}`);
  tally = {};
}
