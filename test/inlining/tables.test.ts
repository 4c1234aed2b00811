/** Calls through tables that never change give what they give when nothing is known of the table: results, traps, traces. */
import { describe, expect, test } from 'vitest';
import type { CompileOptions } from '../../src-ts/compiler/index.ts';
import { Engine } from '../../src-ts/index.ts';
import { parseText } from '../../src-ts/tools/wat.ts';

type Exports = Record<string, (index: number) => number>;

/** Entries of tables by letter: functions of three signatures (`a` and `b` of one, `m` an imported one of it), null. */
const TABLES = [
  '',
  'a',
  '.a',
  '.ab',
  '.ab.',
  '.abx',
  'xab.',
  'xaby',
  '.xab',
  'a.b',
  'axb',
  '.amb',
  'aa.',
  '.y',
  'yxa',
  '..',
];

const SEGMENT: Record<string, string> = { a: '$a', b: '$b', m: '$m', x: '$x', y: '$y' };

function moduleText(): string {
  const tables = TABLES.map((entries, i) => {
    const segments = [...entries].map((letter, at) =>
      letter === '.' ? '' : `(elem (table ${i}) (i32.const ${at}) func ${SEGMENT[letter]})`,
    );
    return `(table ${entries.length} ${entries.length} funcref) ${segments.join(' ')}
      (func (export "call ${entries}") (param i32) (result i32)
        (i32.add (global.get $g) (call_indirect ${i} (type $t) (i32.const 5) (local.get 0))))
      (func (export "tail ${entries}") (param i32) (result i32)
        (return_call_indirect ${i} (type $t) (i32.const 5) (local.get 0)))
      (func (export "twice ${entries}") (param i32) (result i32)
        (i32.sub (call_indirect ${i} (type $t) (i32.const 1) (local.get 0))
                 (call_indirect ${i} (type $t) (i32.const 2) (local.get 0))))`;
  });
  return `(module
    (type $t (func (param i32) (result i32)))
    (import "env" "m" (func $m (type $t)))
    (global $g (mut i32) (i32.const 1000))
    (func $a (type $t) (i32.add (local.get 0) (global.get $g)))
    (func $b (type $t) (global.set $g (i32.add (global.get $g) (i32.const 1))) (i32.mul (local.get 0) (i32.const 3)))
    (func $x (result i32) (i32.const 1))
    (func $y (param i64))
    ${tables.join('\n')})`;
}

/** What a call gives: its result, or the trap and where it happened. */
function outcome(call: () => number): string {
  try {
    return String(call());
  } catch (e) {
    const { message, stack } = e as Error;
    return [message, ...(stack!.match(/wasm-function\[\d+\]:0x[0-9a-f]+/g) ?? [])].join(' ');
  }
}

async function outcomes(
  settings: CompileOptions,
  foreign: (x: number) => number,
): Promise<string[]> {
  const { WebAssembly } = new Engine({ ...settings, verify: true });
  const module = new WebAssembly.Module(await parseText(moduleText()));
  const exports = new WebAssembly.Instance(module, { env: { m: foreign } }).exports as Exports;
  const all: string[] = [];
  for (const [name, call] of Object.entries(exports))
    for (const index of [0, 1, 2, 3, 4, 5, -1, -(2 ** 31)])
      all.push(`${name}(${index}): ${outcome(() => call(index))}`);
  return all;
}

/** A function of another instance, whose context and globals are its own. */
async function foreignFunction(): Promise<(x: number) => number> {
  const { WebAssembly } = new Engine();
  const text = `(module (global $g (mut i32) (i32.const 7))
    (func (export "f") (param i32) (result i32)
      (global.set $g (i32.mul (global.get $g) (i32.const 3))) (i32.xor (local.get 0) (global.get $g))))`;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(await parseText(text)));
  return exports['f'] as (x: number) => number;
}

describe('calls through tables that never change', () => {
  test.each<CompileOptions>([{}, { optLevel: 1 }, { optLevel: 's' }, { explicitChecks: true }])(
    '%j',
    async (settings) => {
      const expected = await outcomes({ optLevel: 0 }, await foreignFunction());
      expect(expected.some((line) => line.includes('uninitialized element'))).toBe(true);
      expect(expected.some((line) => line.includes('undefined element'))).toBe(true);
      expect(expected.some((line) => line.includes('type mismatch'))).toBe(true);
      expect(await outcomes(settings, await foreignFunction())).toEqual(expected);
      const host = (x: number) => x - 1;
      expect(await outcomes(settings, host)).toEqual(await outcomes({ optLevel: 0 }, host));
    },
  );
});

describe('a function of another instance', () => {
  test('is called without JavaScript, also by tail call, and the caller keeps its own context', async () => {
    const { WebAssembly } = new Engine({ verify: true });
    const f = await foreignFunction();
    const text = `(module
      (import "env" "f" (func $f (param i32) (result i32)))
      (global $g (mut i32) (i32.const 100))
      (func $tail (param i32) (result i32) (return_call $f (local.get 0)))
      (func (export "twice") (param i32) (result i32)
        (drop (call $tail (local.get 0)))
        (global.set $g (i32.add (global.get $g) (i32.const 1)))
        (i32.add (call $f (local.get 0)) (global.get $g))))`;
    const module = new WebAssembly.Module(await parseText(text));
    const { exports } = new WebAssembly.Instance(module, { env: { f } });
    // The foreign global is 7 * 3 * 3 by then.
    expect((exports as Exports)['twice']!(0)).toBe(63 + 101);
  });
});
