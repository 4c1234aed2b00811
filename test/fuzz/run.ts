/**
 * `npm run fuzz -- [--count N] [--seed S] [--keep DIR] [--explicit-checks]`: random modules on Elfin, at every level and with explicit
 * checks in turn, or with explicit checks alone, against Node's own engine. Prints each difference with its seed; exit status 1 if there was one.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compare, V8, type WasmEngine } from './differential.ts';
import { Generator } from './generate.ts';

export interface Tally {
  compared: number;
  /** Modules the generator got wrong: Node's engine refuses them too. */
  invalid: number;
  differences: { seed: number; text: string }[];
}

/** Compares the modules of seeds first .. first + count - 1; engines take turns by seed. */
export function fuzz(
  engines: readonly WasmEngine[],
  first: number,
  count: number,
  keep?: string,
  onDone?: (n: number) => void,
): Tally {
  const generator = new Generator();
  const tally: Tally = { compared: 0, invalid: 0, differences: [] };
  try {
    for (let seed = first; seed < first + count; seed++) {
      const bytes = generator.module(seed);
      if (!V8.validate(bytes)) tally.invalid++;
      else {
        tally.compared++;
        const text = compareSafely(engines[seed % engines.length]!, bytes, seed);
        if (text !== undefined) {
          tally.differences.push({ seed, text });
          if (keep !== undefined) writeFileSync(join(keep, `${seed}.wasm`), bytes);
        }
      }
      onDone?.(seed - first + 1);
    }
  } finally {
    generator.close();
  }
  return tally;
}

/** An exception that is neither trap nor JavaScript API error is a defect of ours and a difference as well. */
function compareSafely(engine: WasmEngine, bytes: Uint8Array, seed: number): string | undefined {
  try {
    return compare(engine, V8, bytes, seed);
  } catch (e) {
    return e instanceof Error ? (e.stack ?? e.message) : String(e);
  }
}

/** The command; `makeEngines` gives Elfin's namespaces. */
export function main(args: string[], engines: readonly WasmEngine[]): number {
  const { values } = parseArgs({
    args,
    options: {
      count: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      keep: { type: 'string' },
      // Read by scripts/fuzz.mjs, which makes the engines.
      'explicit-checks': { type: 'boolean' },
    },
  });
  if (values.keep !== undefined) mkdirSync(values.keep, { recursive: true });
  const tty = process.stderr.isTTY;
  const tally = fuzz(engines, Number(values.seed), Number(values.count), values.keep, (n) => {
    if (tty && n % 20 === 0) process.stderr.write(`\r${n} modules`);
    else if (n % 500 === 0) process.stderr.write(`${n} modules\n`);
  });
  if (tty) process.stderr.write('\r');
  for (const { seed, text } of tally.differences) process.stdout.write(`seed ${seed}: ${text}\n`);
  process.stdout.write(
    `${tally.compared} modules compared, ${tally.differences.length} differ, ${tally.invalid} refused by both\n`,
  );
  return tally.differences.length === 0 ? 0 : 1;
}
