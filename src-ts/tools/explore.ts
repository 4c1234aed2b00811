/**
 * `elfin explore`: one self-contained page that shows each function as Wasm text, IR (as translated and as optimised) and
 * machine code side by side. Lines that stem from the same Wasm operator light up together.
 */
import { compile, type CompileOptions } from '../compiler/index.ts';
import { checksum } from '../object/checksum.ts';
import { readObject, type LoadedObject } from '../object/read.ts';
import { TRAP_NAMES } from '../gen/ir.ts';
import { decodeModule } from '../wasm/decode.ts';
import { SUPPORTED_FEATURES } from '../wasm/features.ts';
import type { ModuleInfo } from '../wasm/types.ts';
import { Disassembler, hexBytes } from './disassemble.ts';
import { PAGE_SCRIPT, PAGE_STYLE } from './explorepage.ts';
import { wasmLines } from './wasmtext.ts';

/** A line of any column: Wasm byte offset it belongs to (-1: none), text, and what stands before and after it in dim type. */
type Line = [at: number, text: string, before?: string, after?: string];

interface FunctionView {
  name: string;
  index: number;
  /** Bytes of Wasm and of machine code. */
  wasmBytes: number;
  codeBytes: number;
  wasm: Line[];
  /** IR by stage, in order. */
  ir: [stage: string, lines: Line[]][];
  machine: Line[];
}

/** Functions beyond this many are left out, largest first, so that the page stays small enough to open. */
const MAX_FUNCTIONS = 400;
const IR_STAGES = ['ir', 'opt'];
const BYTES_SHOWN = 10;

/**
 * The page for a module.
 * Throws CompileError for a module that does not compile, TypeError for wrong settings.
 */
export async function explore(bytes: Uint8Array, options: CompileOptions = {}): Promise<string> {
  const m = decodeModule(bytes, SUPPORTED_FEATURES);
  const chosen = largest(m);
  const ir = new Map<number, [string, Line[]][]>();
  const dumped = compile(
    bytes,
    { ...options, dump: IR_STAGES },
    undefined,
    (stage, index, text) => {
      const defined = index - m.importedFuncs;
      if (!chosen.has(defined)) return;
      const stages = ir.get(defined) ?? [];
      ir.set(defined, stages);
      stages.push([stage, irLines(text)]);
    },
  );
  const object = readObject(dumped, checksum);
  const disassembler = await Disassembler.load(object.engine.target);
  try {
    const views = [...chosen]
      .sort((a, b) => a - b)
      .map((i) => view(bytes, m, object, disassembler, i, ir.get(i) ?? []));
    return page(object, views, m.definedFuncs);
  } finally {
    disassembler.close();
  }
}

/** Defined functions to show, by index among the defined ones. */
function largest(m: ModuleInfo): Set<number> {
  const all = Array.from({ length: m.definedFuncs }, (_, i) => i);
  const size = (i: number) => m.bodies[2 * i + 1]! - m.bodies[2 * i]!;
  return new Set(all.sort((a, b) => size(b) - size(a) || a - b).slice(0, MAX_FUNCTIONS));
}

/** IR text to lines; each row ends in the `@0x…` of its operator. */
function irLines(text: string): Line[] {
  return text.split('\n').map((line) => {
    const m = / *@(0x[0-9a-f]+)(?:@0x[0-9a-f]+)*$/.exec(line);
    return m ? [Number(m[1]), line.slice(0, m.index)] : [-1, line];
  });
}

function machineLines(object: LoadedObject, disassembler: Disassembler, index: number): Line[] {
  if (object.functions.sizes[index - object.importedFunctions] === 0) {
    return [[-1, '(no code: inlined wherever it is called)']];
  }
  const offset = object.textOffsetOf(index);
  const start = object.layout.textOffset + offset;
  const code = object.bytes.subarray(start, start + object.sizeOf(index));
  return disassembler.lines(code, offset).map(({ offset: at, bytes, mnemonic, operands }) => {
    const trap = object.traps.at(at);
    const wasm = trap ? trap.wasmOffset : mnemonic === '.byte' ? -1 : object.wasmOffset(at, false);
    const before = `${at.toString(16).padStart(6)}  ${hexBytes(bytes.subarray(0, BYTES_SHOWN))}`;
    const after = trap ? `traps: ${TRAP_NAMES[trap.code]}` : '';
    return [wasm, `${mnemonic} ${operands}`, before, after];
  });
}

function view(
  bytes: Uint8Array,
  m: ModuleInfo,
  object: LoadedObject,
  disassembler: Disassembler,
  defined: number,
  ir: [string, Line[]][],
): FunctionView {
  const index = m.importedFuncs + defined;
  const start = m.bodies[2 * defined]!;
  const end = m.bodies[2 * defined + 1]!;
  return {
    name: object.names.get(index) ?? `function ${index}`,
    index,
    wasmBytes: end - start,
    codeBytes: object.functions.sizes[defined]!,
    wasm: wasmLines(bytes, start, end).map(({ offset, depth, text }) => [
      offset,
      '  '.repeat(depth) + text,
      `0x${offset.toString(16)}`,
    ]),
    ir,
    machine: machineLines(object, disassembler, index),
  };
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}

function page(object: LoadedObject, views: FunctionView[], total: number): string {
  const title = object.module.moduleName || 'WebAssembly module';
  // "<" cannot end the script element early when it is escaped.
  const data = JSON.stringify(views).replace(/</g, '\\u003c');
  const left =
    total > views.length
      ? `, the largest ${views.length} of ${total} functions`
      : `, ${total} functions`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)} · elfin explore</title>
<style>${PAGE_STYLE}</style></head>
<body>
<header><h1>${escapeHtml(title)}</h1><p>${escapeHtml(`${object.engine.target}${left}, ${object.layout.textSize} bytes of code`)}</p>
<input id="filter" type="search" placeholder="filter functions" aria-label="filter functions"></header>
<nav id="functions"></nav>
<main><section><h2>Wasm</h2><ol id="wasm"></ol></section><section><h2 id="stages"></h2><ol id="ir"></ol></section><section><h2>Machine code</h2><ol id="machine"></ol></section></main>
<script id="data" type="application/json">${data}</script>
<script>${PAGE_SCRIPT}</script>
</body></html>
`;
}
