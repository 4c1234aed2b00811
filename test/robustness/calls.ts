// Calls in both directions: part of scenarios.ts.
import { check, module, instance, type Exports } from './support.ts';

/** Calls of every signature in both directions; the same lines whatever makes the call code. */
export async function calls(): Promise<void> {
  const text = `(module
    (type $all (func (param i32 i64 f32 f64 externref funcref) (result f64 i32 i64 funcref externref f32)))
    (import "e" "all" (func $all (type $all))) (import "e" "one" (func $one (param externref) (result i64)))
    (import "e" "none" (func $none)) (func (export "none") (call $none))
    (func (export "all") (type $all) (call $all (local.get 0) (local.get 1) (local.get 2) (local.get 3)
      (local.get 4) (local.get 5)))
    (func (export "one") (param externref) (result i64) (call $one (local.get 0)))
    (func (export "trap") (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0))))`;
  const show = (v: unknown): string =>
    Array.isArray(v)
      ? `[${v.map(show).join(' ')}]`
      : typeof v === 'bigint'
        ? `${v}n`
        : typeof v === 'function'
          ? `function ${v.name}/${v.length}`
          : Object.is(v, -0)
            ? '-0'
            : typeof v === 'symbol'
              ? String(v)
              : v === x
                ? 'exports'
                : `${typeof v} ${String(v)}`;
  const lines: string[] = [];
  const say = (what: string, run: () => unknown): void => {
    try {
      lines.push(`${what}: ${show(run())}`);
    } catch (e) {
      const { name, message } = e as Error;
      // The source text of a function, which differs, may be in a message.
      lines.push(`${what}: ${name} ${message.split('=>')[0]}`.replace('(...args)', '()'));
    }
  };
  let answer: unknown;
  const x: Exports = instance(await module(text), {
    e: {
      all: (...args: unknown[]) => (lines.push(`all got ${show(args)}`), answer),
      one: (v: unknown) => (lines.push(`one got ${show(v)}`), answer),
      none: (...args: unknown[]) => (lines.push(`none got ${show(args)}`), answer),
    },
  });
  const symbol = Symbol('s');
  const values: unknown[] = [
    0,
    -0,
    1.5,
    -1,
    2 ** 31,
    2 ** 53,
    NaN,
    Infinity,
    '7',
    '',
    null,
    undefined,
    true,
    5n,
    -(2n ** 63n),
    2n ** 64n + 1n,
    symbol,
    {},
    [],
    x['none'],
    () => 1,
    { valueOf: () => 3 },
  ];
  answer = new Set([1.5, 2, 3n, x['one'], symbol, 0.1]);
  for (const v of values) {
    say('one argument in each place', () => x['all']!(v, 1n, v, v, v, null));
    say('i64', () => x['all']!(1, v, 1, 1, v, x['none']));
    say('funcref', () => x['all']!(1, 1n, 1, 1, v, v));
    say('one', () => x['one']!(v));
  }
  say('too few', () => x['all']!());
  say('too many', () => x['none']!(1, 2, 3));
  for (const a of [
    ...values,
    [1],
    [1, 2, 3n, null, 5, 6],
    [1, 2, 3n, null, 5, 6, 7],
    [1, 2, 3, null, 5, 6],
  ]) {
    answer = a;
    say('results', () => x['all']!(1, 2n, 3, 4, 5, null));
    say('result', () => x['one']!(1));
    say('no result', () => x['none']!());
  }
  say('trap', () => x['trap']!(0));
  say('no trap', () => x['trap']!(1));
  for (const name of Object.keys(x)) {
    lines.push(`${name} ${x[name]!.name} ${x[name]!.length} ${'prototype' in x[name]!}`);
    say('new', () => new (x[name] as unknown as new () => unknown)());
  }
  let evaluates = true;
  try {
    new Function('return 1');
  } catch {
    evaluates = false;
  }
  check(evaluates === (process.argv[3] !== 'forbidden'), 'code from strings');
  console.log(lines.join('\n'));
}
