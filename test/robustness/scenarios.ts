// Run in child processes by scenarios.test.ts; argv[2] says what to do. Prints 'ok' at the end.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import elfin, { Engine } from '../../src-ts/index.ts';
import { parseWat } from '../../src-ts/tools/wast/wat.ts';
import { calls } from './calls.ts';
import {
  check,
  module,
  instance,
  thrown,
  throwsKind,
  maps,
  stacks,
  gc,
  settle,
  type Exports,
  type Func,
} from './support.ts';
import { work, workers } from './workers.ts';

const DEEP = `(module (import "e" "h" (func $h (param i32) (result i32)))
  (func (export "f") (param i32) (result i32) (i32.add (i32.const 1) (call $h (local.get 0))))
  (func $r (export "r") (param i32) (result i32) (i32.add (i32.const 1) (call $r (local.get 0))))
  (func (export "trap") (unreachable)) (func (export "add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1))))`;

/** JavaScript and Wasm call each other until a stack ends, again and again: the same error, nothing kept. */
async function recursion(): Promise<void> {
  const x: Exports = instance(await module(DEEP), { e: { h: (n: number) => x['f']!(n) } });
  throwsKind(RangeError, () => x['f']!(1));
  for (let i = 0; i < 100; i++) throwsKind(RangeError, () => x['f']!(1));
  check(stacks() <= 64, `${stacks()} stacks`); // what the pool keeps
  for (let i = 0; i < 20; i++) throwsKind(RangeError, () => x['r']!(1));
  check(x['add']!(2, 3) === 5, 'add');
}

/** Calls from every depth of a JavaScript stack that overflows: each end is a clean one. */
async function brink(): Promise<void> {
  const x = instance(await module(DEEP), { e: { h: (n: number) => n } });
  let calls = 0;
  let failed = 0;
  const deeper = (..._: unknown[]): void => {
    try {
      deeper();
    } catch {
      // The stack is full here, and a little less so in each caller.
    }
    try {
      calls++;
      check(x['f']!(calls) === calls + 1, 'f');
    } catch (e) {
      failed++;
      if (!(e instanceof RangeError)) throw e;
    }
  };
  deeper();
  // From another height each time.
  for (let i = 0; i < 100; i++) deeper(...new Array<number>(i));
  check(calls > 1000 && failed < calls, `${failed} of ${calls} failed`);
  check(stacks() < 5, `${stacks()} stacks, ${failed} of ${calls} calls failed`);
  check(x['f']!(1) === 2, 'afterwards');
}

/** More fibers than there may be: stack exhaustion, and all come back. Needs a large --stack-size. */
async function fibers(): Promise<void> {
  let depth = 0;
  const x: Exports = instance(await module(DEEP), {
    e: { h: (n: number) => (depth++, x['f']!(n)) },
  });
  throwsKind(RangeError, () => x['f']!(1));
  check(depth === 10_000, `${depth} fibers`);
  const last = instance(await module(DEEP), { e: { h: (n: number) => n } });
  check(last['f']!(5) === 6 && stacks() <= 64, `${stacks()} stacks`);
  depth = 0;
  throwsKind(RangeError, () => x['f']!(1));
  check(depth === 10_000, `${depth} fibers the second time`);
}

/** The stack ends inside a helper (growing, filling, rounding): a RangeError, and the helpers still work. */
async function helpers(): Promise<void> {
  const text = `(module (import "e" "t" (table $i 1 externref)) (memory (export "m") 1 3000) (table $t 1 funcref)
    (func $grow (export "grow") (param i32) (result i32) (drop (memory.grow (i32.const 1)))
      (i32.add (i32.const 1) (call $grow (local.get 0))))
    (func $table (export "table") (param i32) (result i32) (drop (table.grow $t (ref.null func) (i32.const 1)))
      (drop (table.grow $i (ref.null extern) (i32.const 1))) (i32.add (i32.const 1) (call $table (local.get 0))))
    (func $fill (export "fill") (param i32) (result i32) (memory.fill (i32.const 0) (i32.const 7) (i32.const 60000))
      (table.fill $t (i32.const 0) (ref.null func) (i32.const 1))
      (memory.copy (i32.const 100) (i32.const 0) (i32.const 3)) (i32.add (i32.const 1) (call $fill (local.get 0))))
    (func $round (export "round") (param f64) (result f64)
      (f64.add (f64.ceil (local.get 0)) (call $round (f64.floor (local.get 0)))))
    (func (export "one") (result i32) (memory.grow (i32.const 1))))`;
  const bytes = await parseWat(text);
  for (const settings of [
    {},
    { explicitChecks: true },
    { cpu: 'baseline', optLevel: 0 },
  ] as const) {
    const { WebAssembly: W } = new Engine(settings);
    for (let i = 0; i < 3; i++) {
      const t = new W.Table({ initial: 1, element: 'externref' });
      const x = new W.Instance(new W.Module(bytes), { e: { t } }).exports as Exports;
      void x['m']!.buffer;
      for (const name of ['grow', 'table', 'fill', 'round']) {
        throwsKind(RangeError, () => x[name]!(1));
        throwsKind(RangeError, () => x[name]!(1));
      }
      check(Number(x['one']!()) !== 0 && x['m']!.buffer.byteLength > 0, 'afterwards');
    }
  }
}

/** Traps and exceptions during instantiation, and calls after them. */
async function starting(): Promise<void> {
  const text = `(module (import "e" "f" (func $f)) (import "e" "m" (memory 1)) (import "e" "t" (table 2 funcref))
    (func $s (i32.store (i32.const 0) (i32.const 42)) (call $f) (unreachable))
    (func $g (export "g") (result i32) (i32.load (i32.const 0))) (elem (i32.const 0) $g) (start $s))`;
  const m = await module(text);
  const memory = new elfin.Memory({ initial: 1 });
  const table = new elfin.Table({ initial: 2, element: 'anyfunc' });
  const e = { f: () => {}, m: memory, t: table };
  throwsKind(elfin.RuntimeError, () => instance(m, { e }));
  check(
    new Int32Array(memory.buffer)[0] === 42,
    'the effects of a start function that trapped stay',
  );
  // An instance that was never handed out lives on through its table entry.
  for (let i = 0; i < 3; i++) gc!();
  check((table.get(0) as Func)() === 42, 'function of an instance that failed to start');
  const own = new Error('mine');
  const fails = {
    ...e,
    f: () => {
      throw own;
    },
  };
  check(thrown(() => instance(m, { e: fails })) === own, 'exception out of a start function');
  const order: string[] = [];
  const getters = {
    get f() {
      order.push('f');
      return () => {};
    },
    get m(): never {
      order.push('m');
      throw own;
    },
    get t(): never {
      throw new Error('not reached');
    },
  };
  check(thrown(() => instance(m, { e: getters })) === own, 'exception of a getter');
  check(order.join() === 'f,m', `order ${order.join()}`);
  const wicked = {
    get f() {
      instance(m, { e: fails });
      return () => {};
    },
    m: memory,
    t: table,
  };
  check(thrown(() => instance(m, { e: wicked })) === own, 'a getter that instantiates');
  throwsKind(TypeError, () => instance(m));
  throwsKind(TypeError, () => instance(m, {}));
  throwsKind(TypeError, () => instance(m, { e: 5 }));
  throwsKind(elfin.LinkError, () => instance(m, { e: {} }));
  throwsKind(elfin.LinkError, () => instance(m, { e: { ...e, m: table } }));
  throwsKind(elfin.LinkError, () =>
    instance(m, { e: { ...e, t: new elfin.Table({ initial: 2, element: 'externref' }) } }),
  );
  throwsKind(elfin.LinkError, () =>
    instance(m, { e: { ...e, m: new elfin.Memory({ initial: 0 }) } }),
  );
  await elfin.instantiate(m, { e: fails }).then(
    () => check(false, 'should have failed'),
    (error) => check(error === own, 'rejection'),
  );
}

/** Buffers that JavaScript detaches, and growing in every way past every limit. */
async function limits(): Promise<void> {
  const text = `(module (memory (export "m") 1 4) (table (export "t") 1 5 funcref)
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "growt") (param i32) (result i32) (table.grow (ref.null func) (local.get 0)))
    (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
    (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1))))`;
  const bytes = await parseWat(text);
  for (const explicitChecks of [false, true]) {
    const { WebAssembly: W } = new Engine({ explicitChecks });
    const x = new W.Instance(new W.Module(bytes)).exports as Exports;
    const memory = x['m']! as unknown as InstanceType<typeof W.Memory>;
    x['store']!(8, 77);
    const first = memory.buffer;
    const transfer = (first as unknown as { transfer?: () => ArrayBuffer }).transfer;
    try {
      if (transfer) transfer.call(first);
      else structuredClone(first, { transfer: [first] });
    } catch (e) {
      check((e as Error).name === 'DataCloneError' || e instanceof TypeError, String(e));
    }
    check(memory.buffer.byteLength === 65536, 'a new buffer');
    check(new Int32Array(memory.buffer)[2] === 77 && x['load']!(8) === 77, 'same contents');
    const held: ArrayBuffer[] = [];
    for (let i = 0; i < 3; i++) {
      held.push(memory.buffer);
      check(x['grow']!(1) === i + 1, 'grow');
      check(held[i]!.byteLength === 0 && memory.buffer.byteLength === 65536 * (i + 2), 'detached');
      check(new Int32Array(memory.buffer)[2] === 77, 'contents after growing');
    }
    check(
      x['grow']!(1) === -1 && x['grow']!(-1) === -1 && x['grow']!(65536) === -1,
      'past maximum',
    );
    throwsKind(RangeError, () => memory.grow(1));
    throwsKind(RangeError, () => memory.grow(2 ** 32 - 1));
    throwsKind(TypeError, () => memory.grow(2 ** 32));
    throwsKind(elfin.RuntimeError, () => x['load']!(65536 * 4));
    throwsKind(elfin.RuntimeError, () => x['store']!(-1, 0));
    check(x['load']!(8) === 77, 'after a trap');
    check(x['growt']!(4) === 1 && x['growt']!(1) === -1 && x['growt']!(-1) === -1, 'table');
    const table = x['t']! as unknown as InstanceType<typeof W.Table>;
    throwsKind(RangeError, () => table.grow(1));
    throwsKind(RangeError, () => table.get(5));
  }
  const W = elfin;
  throwsKind(RangeError, () => new W.Memory({ initial: 65537 }));
  throwsKind(RangeError, () => new W.Table({ initial: 10_000_001, element: 'anyfunc' }));
  for (let i = 0; i < 15; i++) {
    const table = new W.Table({ initial: 10_000_000, element: 'anyfunc' });
    check(table.length === 10_000_000 && table.get(9_999_999) === null, 'largest table');
    throwsKind(RangeError, () => table.grow(1));
    // What the collector has found dead is freed between turns of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
  }
  check(process.resourceUsage().maxRSS < 3 << 20, `${process.resourceUsage().maxRSS} KiB at most`);
  const big = new W.Memory({ initial: 65536 });
  throwsKind(RangeError, () => big.grow(1));
  const huge = await module(
    '(module (memory (export "m") 65536) (func (export "f") (param i32) (result i32) (i32.load (local.get 0))))',
  );
  const y = instance(huge);
  check(y['f']!(-4) === 0, 'last word of 4 GiB');
  throwsKind(elfin.RuntimeError, () => y['f']!(-3));
}

const SUM = `(module (import "e" "h" (func $h (param i32) (result i32))) (memory (export "m") 2 40)
    (data (i32.const 65530) "abcdefghijkl")
    (func (export "sum") (param i32 i32) (result i32) (local i32)
      (loop $l (local.set 2 (i32.add (local.get 2) (i32.load8_u (local.get 0))))
        (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br_if $l (i32.ne (local.get 0) (local.get 1))))
      (local.get 2))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "f") (param i32) (result i32) (call $h (local.get 0))))`;
const BIG = '(module (memory 65536) (func (export "f")))';
const MANY = `(module (table 9000000 funcref) (func $f) (elem func ${'$f '.repeat(300_000)}))`;

/** Runs `without` under a limit of address space of so many KiB. */
async function space(): Promise<void> {
  const modules: Record<string, string> = {};
  for (const text of [SUM, BIG, MANY, DEEP])
    modules[text] = Buffer.from(await parseWat(text)).toString('base64');
  const command = `ulimit -v ${process.argv[3]!}; exec "$0" --expose-gc "$1" without`;
  const args = ['-c', command, process.execPath, process.argv[1]!];
  const dir = mkdtempSync(join(tmpdir(), 'elfin-space-'));
  const file = join(dir, 'modules.json');
  writeFileSync(file, JSON.stringify(modules));
  const env = { ...process.env, ELFIN_TEST_MODULES: file };
  const child = spawnSync('bash', args, { env, stdio: ['ignore', 'inherit', 'inherit'] });
  rmSync(dir, { recursive: true });
  check(child.status === 0, `ended with ${child.signal ?? child.status}`);
}

/** Address space runs out: explicit checks come by themselves, and what cannot be had is a RangeError. */
async function without(): Promise<void> {
  const m = await module(SUM);
  const imports = { e: { h: (n: number): number => n + 1 } };
  const expected = [...'abcdefghijkl'].reduce((s, c) => s + c.charCodeAt(0), 0);
  const run = (x: Exports): void => {
    check(x['sum']!(65530, 65542) === expected, 'sum');
    throwsKind(elfin.RuntimeError, () => x['sum']!(131000, 0));
    throwsKind(elfin.RuntimeError, () => x['sum']!(-1, 0));
    check(x['f']!(1) === 2, 'host call');
  };
  const x = instance(m, imports);
  run(x);
  check(x['grow']!(1) === 2 && x['m']!.buffer.byteLength === 3 * 65536, 'grow');
  run(x);
  const refused = throwsKind(RangeError, () => new elfin.Memory({ initial: 65536 }));
  check(/memory/i.test(refused.message), refused.message);
  const grown = new elfin.Memory({ initial: 1 });
  throwsKind(RangeError, () => grown.grow(65535));
  check(grown.buffer.byteLength === 65536, 'unchanged by growing in vain');
  const big = await module(BIG);
  throwsKind(RangeError, () => instance(big));
  const many = await module(MANY);
  throwsKind(RangeError, () => {
    for (const all: unknown[] = []; ;) all.push(instance(many));
  });
  await settle();
  const kept: unknown[] = [];
  const fail = thrown(() => {
    for (;;) kept.push(new elfin.Table({ initial: 2_000_000, element: 'anyfunc' }));
  });
  check(fail instanceof RangeError, `tables: ${fail.stack}`);
  const full = kept.length;
  check(full > 2, `${full} tables`);
  run(x);
  kept.length = 0;
  await settle();
  kept.push(new elfin.Table({ initial: 2_000_000, element: 'anyfunc' }));
  run(instance(m, imports));
}

const LEAKY = `(module (import "e" "h" (func $h (param externref) (result externref))) (import "e" "g" (func (param i32)))
  (memory (export "m") 1 10) (table (export "t") 4 funcref) (table (export "x") 4 externref)
  (global (export "g") (mut externref) (ref.null extern)) (elem (i32.const 0) $f $h)
  (data (i32.const 5) "abc") (data "passive") (elem funcref (ref.func $f))
  (func $f (export "f") (param externref) (result externref)
    (table.set 1 (i32.const 1) (local.get 0)) (global.set 0 (local.get 0)) (drop (memory.grow (i32.const 1)))
    (call $h (local.get 0)))
  (func (export "trap") (param externref) (drop (call $f (local.get 0))) (unreachable)))`;

/** Instances by the thousand, made, used and dropped: the process does not grow. */
async function instances(): Promise<void> {
  const bytes = await parseWat(LEAKY);
  let m = new elfin.Module(bytes);
  const one = (i: number): void => {
    if (i % 50 === 0) m = new elfin.Module(bytes);
    const own = { e: { h: (v: unknown) => v, g: () => x } };
    const x: Exports = instance(m, own);
    const value = { i };
    check(x['f']!(value) === value, 'value');
    throwsKind(elfin.RuntimeError, () => x['trap']!({}));
    void x['m']!.buffer;
    (x['t'] as unknown as { set: Func }).set(2, x['f']);
    if (i % 3 === 0) (own.e as { y?: unknown }).y = x; // a cycle through the import
    if (i % 7 === 0) {
      const bad = {
        e: {
          h() {
            throw value;
          },
          g() {},
        },
      };
      check((thrown(() => instance(m, bad)['f']!(1)) as unknown) === value, 'exception');
    }
  };
  const round = async (n: number): Promise<void> => {
    for (let i = 0; i < n; i++) {
      one(i);
      if (i % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise((resolve) => setTimeout(resolve, 1100)); // host functions are held a second
    await settle();
  };
  const count = Number(process.argv[3]);
  await round(count / 5);
  const before = {
    maps: maps(),
    rss: process.memoryUsage.rss(),
    heap: process.memoryUsage().heapUsed,
  };
  for (let i = 0; i < 4; i++) await round(count / 5);
  const after = {
    maps: maps(),
    rss: process.memoryUsage.rss(),
    heap: process.memoryUsage().heapUsed,
  };
  const text = `${JSON.stringify(before)} became ${JSON.stringify(after)}`;
  check(after.maps < before.maps + 100, text);
  check(after.rss < before.rss + (40 << 20), text);
  check(after.heap < before.heap + (4 << 20), text);
  if (process.argv[4]) console.log(text);
}

/** Values passed again and again through tables, globals and calls: handles are used again. */
async function handles(): Promise<void> {
  const x = instance(await module(LEAKY), { e: { h: (v: unknown) => v, g: () => {} } });
  const table = x['x'] as unknown as { set: Func; get: Func; grow: Func };
  const some = async (n: number): Promise<void> => {
    for (let i = 0; i < n; i++) {
      const value = { i };
      table.set(0, value);
      x['g']!.value = { i };
      check(table.get(0) === value, 'table');
    }
    await settle();
  };
  await some(20_000);
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 5; i++) await some(20_000);
  const after = process.memoryUsage().heapUsed;
  check(after < before + (4 << 20), `heap ${before} became ${after}`);
  const kept = new elfin.Table({ initial: 5000, element: 'externref' });
  for (let i = 0; i < 5000; i++) kept.set(i, { i });
  await some(20_000);
  for (let i = 0; i < 5000; i++) check((kept.get(i) as { i: number }).i === i, 'a handle was lost');
}

/** Growing over and over while JavaScript holds every buffer. */
async function growing(): Promise<void> {
  const text = `(module (memory (export "m") 0 400) (func (export "grow") (result i32) (memory.grow (i32.const 1))))`;
  const bytes = await parseWat(text);
  for (const explicitChecks of [false, true]) {
    const { WebAssembly: W } = new Engine({ explicitChecks });
    const round = (): void => {
      const x = new W.Instance(new W.Module(bytes)).exports as Exports;
      const held: ArrayBuffer[] = [];
      for (let i = 0; i < 400; i++) {
        held.push(x['m']!.buffer);
        check(x['grow']!() === i, 'grow');
        new Uint8Array(x['m']!.buffer)[i * 65536] = i;
      }
      check(x['grow']!() === -1 && held.every((b) => b.byteLength === 0), 'detached');
      const all = new Uint8Array(x['m']!.buffer);
      for (let i = 0; i < 400; i++) check(all[i * 65536] === (i & 255), 'contents');
    };
    round();
    await settle();
    const before = { maps: maps(), rss: process.memoryUsage.rss() };
    for (let i = 0; i < 10; i++) round();
    await settle();
    const after = { maps: maps(), rss: process.memoryUsage.rss() };
    const text2 = `${JSON.stringify(before)} became ${JSON.stringify(after)}`;
    check(after.maps < before.maps + 60 && after.rss < before.rss + (60 << 20), text2);
  }
}

/** Node's own WebAssembly and ours trap side by side; other signals arrive meanwhile. */
async function signals(): Promise<void> {
  const text = `(module (memory 1) (func (export "oob") (result i32) (i32.load (i32.const -4)))
    (func (export "div") (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
    (func (export "work") (param i32) (result i32) (local i32)
      (loop $l (local.set 1 (i32.add (local.get 1) (i32.load (i32.and (local.get 0) (i32.const 0xfff0)))))
        (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 1)))`;
  const bytes = await parseWat(text);
  const theirs = globalThis as unknown as { WebAssembly: typeof elfin };
  const v8 = new theirs.WebAssembly.Instance(new theirs.WebAssembly.Module(bytes))
    .exports as Exports;
  const ours = instance(new elfin.Module(bytes));
  let seen = 0;
  process.on('SIGUSR1', () => seen++);
  process.on('SIGUSR2', () => seen++);
  for (let i = 0; i < 300; i++) {
    process.kill(process.pid, i % 2 ? 'SIGUSR1' : 'SIGUSR2');
    throwsKind(theirs.WebAssembly.RuntimeError, () => v8['oob']!());
    throwsKind(elfin.RuntimeError, () => ours['oob']!());
    throwsKind(theirs.WebAssembly.RuntimeError, () => v8['div']!(0));
    throwsKind(elfin.RuntimeError, () => ours['div']!(0));
    check(ours['work']!(20_000) === 0, 'work');
    if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  check(seen > 0, 'no signal was handled');
  if (process.argv[3] === 'kill') {
    process.kill(process.pid, 'SIGSEGV');
    await new Promise((resolve) => setTimeout(resolve, 5000));
  }
}

const all = {
  recursion,
  brink,
  fibers,
  helpers,
  starting,
  limits,
  space,
  without,
  instances,
  handles,
  growing,
  signals,
  workers,
  work,
  calls,
};
await all[process.argv[2] as keyof typeof all]();
if (isMainThread) console.log('ok');
