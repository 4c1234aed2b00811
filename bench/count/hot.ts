/**
 * `npm run hot`: runs a WASI program under the counting plugin and prints its hottest functions and their blocks: exact
 * execution counts, machine code with Wasm offsets, and IR; for Elfin's code and, beside it, for wasmtime's.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { CompileOptions } from '../../src-ts/compiler/index.ts';
import {
  codeOfElfin,
  codeOfWasmtime,
  hotFunctions,
  type Block,
  type HotFunction,
} from './blocks.ts';
import { countOurs, countTheirs, type Surroundings } from './machine.ts';
import { executedAt, prepare } from './program.ts';

const USAGE = `usage: npm run hot -- [options] FILE.wasm [ARGS of the program…]

Counts the instructions between bench.start and bench.end, where the module calls them, else all.

  --target T       x86_64 or aarch64 (default: this machine's)
  --peer wasmtime  print wasmtime's code beside ours
  --functions N    how many functions are shown (default 5)
  --function I     show this one, by its index
  --share P        leave out blocks with less than P percent of their function's instructions (default 2)
  --no-ir          without IR
  -O LEVEL         0, 1, 2 or s (default 2)
  --explicit-checks  with bounds checks in the code
`;

const OPTIONS = {
  target: { type: 'string' },
  peer: { type: 'string' },
  functions: { type: 'string', default: '5' },
  function: { type: 'string' },
  share: { type: 'string', default: '2' },
  'no-ir': { type: 'boolean', default: false },
  O: { type: 'string', short: 'O', default: '2' },
  'explicit-checks': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

const COLUMN = 76;

const number = (n: number): string => n.toLocaleString('en');
const percent = (part: number, all: number): string => `${((100 * part) / all).toFixed(1)} %`;
const hex = (n: number): string => (n < 0 ? '' : `0x${n.toString(16)}`);

/** IR rows by the Wasm byte offset of their operator. */
function rowsByOffset(text: string): Map<number, string[]> {
  const rows = new Map<number, string[]>();
  for (const line of text.split('\n')) {
    const match = /^ *(.*?) *@(0x[0-9a-f]+)$/.exec(line);
    if (match === null) continue;
    const at = Number(match[2]);
    rows.set(at, [...(rows.get(at) ?? []), match[1]!]);
  }
  return rows;
}

/** Lines of the blocks that weigh at least `least` instructions. IR rows stand before the first instruction of their operator. */
function blockLines(
  f: HotFunction | undefined,
  least: number,
  ir: ReadonlyMap<number, readonly string[]>,
): string[] {
  const lines: string[] = [];
  for (const block of f?.blocks ?? []) {
    const { times, instructions } = block;
    if (times * instructions.length < least) continue;
    const share = percent(times * instructions.length, f!.executed);
    lines.push(`── ${number(times)} × ${instructions.length} instructions, ${share}`);
    lines.push(...instructionLines(block, ir), '');
  }
  return lines;
}

function instructionLines(block: Block, ir: ReadonlyMap<number, readonly string[]>): string[] {
  const lines: string[] = [];
  const shown = new Set<number>();
  let last = -1;
  for (const { offset, text, wasm } of block.instructions) {
    if (!shown.has(wasm))
      for (const row of ir.get(wasm) ?? []) lines.push(`${' '.repeat(17)}; ${row}`);
    shown.add(wasm);
    const place = wasm === last ? '' : hex(wasm);
    last = wasm;
    lines.push(`${offset.toString(16).padStart(7)} ${place.padStart(8)} ${text}`);
  }
  return lines;
}

function sideBySide(left: readonly string[], right: readonly string[]): string {
  const rows = Array.from({ length: Math.max(left.length, right.length) }, (_, i) => {
    const text = (left[i] ?? '').slice(0, COLUMN - 1).padEnd(COLUMN);
    return `${text}│ ${right[i] ?? ''}`.trimEnd();
  });
  return rows.join('\n');
}

interface Options {
  readonly functions: number;
  readonly only: number | undefined;
  readonly share: number;
  readonly ir: boolean;
  readonly peer: boolean;
}

async function report(
  path: string,
  args: readonly string[],
  target: string,
  settings: CompileOptions,
  s: Surroundings,
  o: Options,
): Promise<void> {
  const machine = await s.machine(target);
  const dir = mkdtempSync(join(tmpdir(), 'elfin-hot-'));
  try {
    const program = prepare(path, args, { ...machine.settings, ...settings }, dir);
    const [counts, peer] = await Promise.all([
      countOurs(machine, program, dir),
      o.peer ? countTheirs(machine, path, args, dir) : undefined,
    ]);
    const nameOf = (i: number) => program.object.names.get(i) ?? `function ${i}`;
    const spilled = new Set([...program.loads, ...program.stores]);
    const code = codeOfElfin(program.object, spilled);
    const ours = await hotFunctions(code, machine.target, counts, nameOf);
    const theirs =
      peer &&
      (await hotFunctions(codeOfWasmtime(peer.object), machine.target, peer.counts, nameOf));
    const [spills, reloads] = [program.stores, program.loads].map((p) => executedAt(p, counts));
    console.log(
      `${number(counts.total)} instructions executed` +
        (peer ? `, wasmtime ${number(peer.counts.total)}` : '') +
        `; ${number(spills!)} spills, ${number(reloads!)} reloads`,
    );
    const hottest = ours.filter((f) => o.only === undefined || f.index === o.only);
    for (const f of hottest.slice(0, o.functions)) {
      const other = theirs?.find((g) => g.index === f.index);
      console.log(
        `\n══ ${nameOf(f.index)} (wasm-function[${f.index}]): ` +
          `${number(f.executed)}, ${percent(f.executed, counts.total)}` +
          (peer ? `; wasmtime ${number(other?.executed ?? 0)}` : ''),
      );
      const ir = o.ir ? rowsByOffset(program.ir.get(f.index) ?? '') : new Map<number, string[]>();
      const left = blockLines(f, (f.executed * o.share) / 100, ir);
      if (!peer) console.log(left.join('\n'));
      else {
        const least = ((other?.executed ?? 0) * o.share) / 100;
        console.log(sideBySide(left, blockLines(other, least, new Map())));
      }
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Runs the command; returns the exit status. */
export async function main(args: string[], s: Surroundings): Promise<number> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  const [file, ...guestArgs] = positionals;
  const wrong = file === undefined || (values.peer !== undefined && values.peer !== 'wasmtime');
  if (values.help || wrong) {
    process.stdout.write(USAGE);
    return values.help ? 0 : 2;
  }
  const optLevel = values.O === 's' ? 's' : (Number(values.O) as 0 | 1 | 2);
  const settings = { optLevel, explicitChecks: values['explicit-checks'] } as const;
  await report(resolve(file!), guestArgs, values.target ?? s.defaultTarget, settings, s, {
    functions: Number(values.functions),
    only: values.function === undefined ? undefined : Number(values.function),
    share: Number(values.share),
    ir: !values['no-ir'],
    peer: values.peer === 'wasmtime',
  });
  return 0;
}
