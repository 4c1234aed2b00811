/**
 * `npm run bench -- --count`: instructions executed between bench.start and bench.end, counted exactly, beside wasmtime's;
 * spills and reloads that ours executed; sizes of the code.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { CompileOptions } from '../../src-ts/compiler/index.ts';
import { CompileError } from '../../src-ts/util/errors.ts';
import { findModules, type BenchModule } from '../modules.ts';
import { geomean } from '../stats.ts';
import { countOurs, countTheirs, type Machine, type Surroundings } from './machine.ts';
import { executedAt, prepare } from './program.ts';

interface Side {
  readonly instructions: number;
  readonly codeSize: number;
}

interface Row {
  readonly name: string;
  readonly elfin: (Side & { spills: number; reloads: number }) | { error: string };
  readonly wasmtime: Side | { error: string };
}

const OPTIONS = {
  count: { type: 'boolean' },
  target: { type: 'string' },
  modules: { type: 'string' },
  only: { type: 'string', default: '' },
  json: { type: 'string' },
  O: { type: 'string', short: 'O', default: '2' },
  'explicit-checks': { type: 'boolean', default: false },
} as const;

const failure = (error: Error): { error: string } => ({ error: error.message });

async function countModule(
  machine: Machine,
  m: BenchModule,
  settings: CompileOptions,
  dir: string,
): Promise<Row> {
  const program = prepare(m.path, [], { ...machine.settings, ...settings }, dir, m);
  const [elfin, wasmtime] = await Promise.all([
    countOurs(machine, program, dir).then(
      (counts) => ({
        instructions: counts.total,
        codeSize: program.object.layout.textSize,
        spills: executedAt(program.stores, counts),
        reloads: executedAt(program.loads, counts),
      }),
      failure,
    ),
    countTheirs(machine, m.path, [], dir).then(
      ({ counts, object }) => ({ instructions: counts.total, codeSize: object.codeSize }),
      failure,
    ),
  ]);
  return { name: m.name, elfin, wasmtime };
}

const FIELDS = ['instructions', 'codeSize'] as const;

function ratioOf({ elfin, wasmtime }: Row, field: (typeof FIELDS)[number]): number {
  return 'error' in elfin || 'error' in wasmtime ? NaN : elfin[field] / wasmtime[field];
}

const million = (n: number): string => (n / 1e6).toFixed(n < 1e7 ? 3 : 1);

function line(row: Row): string {
  const { elfin, wasmtime } = row;
  const name = row.name.padEnd(24);
  if ('error' in elfin) return `${name} Elfin: ${elfin.error}`;
  const ours = [elfin.instructions, elfin.spills, elfin.reloads].map((n) => million(n).padStart(9));
  const [count, spills, reloads] = ours;
  const theirs = 'error' in wasmtime ? wasmtime.error : million(wasmtime.instructions).padStart(9);
  const [instructions, code] = FIELDS.map((f) => ratioOf(row, f).toFixed(3).padStart(6));
  return `${name}${count} ${theirs} ${instructions}  ${spills} ${reloads}  ${code}`;
}

const HEAD =
  'executed, in millions'.padEnd(24) +
  ['Elfin', 'wasmtime'].map((s) => s.padStart(9)).join(' ') +
  '  ratio ' +
  [' spills', 'reloads'].map((s) => s.padStart(9)).join(' ') +
  '  code size, ratio';

function summary(target: string, rows: Row[]) {
  const mean = (field: (typeof FIELDS)[number]) => ({
    wasmtime: geomean(rows.map((row) => ratioOf(row, field))),
  });
  return {
    target,
    modules: rows,
    geomean: { instructions: mean('instructions'), codeSize: mean('codeSize') },
  };
}

/** Runs the command; returns the exit status. */
export async function main(args: string[], s: Surroundings): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  const machine = await s.machine(values.target ?? s.defaultTarget);
  const optLevel = values.O === 's' ? 's' : (Number(values.O) as 0 | 1 | 2);
  const settings = { optLevel, explicitChecks: values['explicit-checks'] } as const;
  const modules = findModules(resolve(values.modules ?? s.defaultModules), new RegExp(values.only));
  const dir = mkdtempSync(join(tmpdir(), 'elfin-count-'));
  const rows: Row[] = [];
  console.log(HEAD);
  try {
    for (const m of modules) {
      try {
        rows.push(await countModule(machine, m, settings, dir));
        console.log(line(rows.at(-1)!));
      } catch (error) {
        if (!(error instanceof CompileError)) throw error;
        console.log(`${m.name}: not supported (${error.message})`);
      }
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  const result = summary(machine.target, rows);
  const [count, code] = FIELDS.map((f) => result.geomean[f].wasmtime?.toFixed(3));
  console.log(`geometric means, Elfin / wasmtime: instructions ${count}, code ${code}`);
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(result, null, 2));
  return rows.every((row) => !('error' in row.elfin)) ? 0 : 1;
}
