// What the scenarios share.
import { readFileSync } from 'node:fs';
import elfin from '../../src-ts/index.ts';
import { parseWat } from '../../src-ts/tools/wast/wat.ts';

export type Func = (...args: unknown[]) => unknown;
export type Exports = Record<
  string,
  Func & { buffer: ArrayBuffer; value: unknown; length: number }
>;

export function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

/** Modules parsed by a parent: the parser is WebAssembly itself and needs more address space than a test may leave. */
const list = process.env['ELFIN_TEST_MODULES'];
const PARSED = JSON.parse(list ? readFileSync(list, 'utf8') : '{}') as Record<string, string>;

export async function parse(text: string): Promise<Uint8Array> {
  const known = PARSED[text];
  return known === undefined ? parseWat(text) : new Uint8Array(Buffer.from(known, 'base64'));
}

export async function module(text: string) {
  return new elfin.Module(await parse(text));
}

export function instance(m: object, imports?: object): Exports {
  return new elfin.Instance(m, imports).exports as Exports;
}

/** What a call throws. */
export function thrown(run: () => unknown): Error {
  try {
    run();
  } catch (e) {
    return e as Error;
  }
  throw new Error('nothing was thrown');
}

export function throwsKind(
  kind: abstract new (...args: never[]) => Error,
  run: () => unknown,
): Error {
  const e = thrown(run);
  check(e instanceof kind, `${kind.name} expected, got ${e.stack}`);
  return e;
}

export const maps = (): number => readFileSync('/proc/self/maps', 'utf8').split('\n').length;
/** Stacks of fibers: their guards are inaccessible mappings of this size. */
export const GUARD = 128 * 1024;
export const stacks = (): number =>
  readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => {
      const [low, high] = line.split(/[- ]/).map((x) => parseInt(x, 16));
      return line.includes('---p') && high! - low! === GUARD;
    }).length;
export const gc = (globalThis as { gc?: () => void }).gc;

export async function settle(): Promise<void> {
  for (let i = 0; i < 8; i++) {
    gc!();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
