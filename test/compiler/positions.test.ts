/** Where code says it comes from: every trap site and every call, in many modules, at every level, on both targets. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { inlinePlan, Session } from '../../src-ts/compiler/session.ts';
import { resolveSettings } from '../../src-ts/compiler/settings.ts';
import * as T from '../../src-ts/gen/ir.ts';
import * as Op from '../../src-ts/gen/wasm.ts';
import { Engine } from '../../src-ts/index.ts';
import { RELOC_CALL, type CodeRecord } from '../../src-ts/object/records.ts';
import { Reader } from '../../src-ts/util/leb128.ts';
import { decodeModule } from '../../src-ts/wasm/decode.ts';
import { SUPPORTED_FEATURES } from '../../src-ts/wasm/features.ts';
import { fixture } from '../dwarf/programs.ts';
import { wat } from '../jsapi/helpers.ts';

function usesTable(op: number): boolean {
  return op === 0x11 || op === 0x13 || op === Op.TABLE_GET || op === Op.TABLE_SET;
}

/** Whether an operator, by its first byte and the number after a prefix, can end in a trap of a code. */
function canTrap(code: number, op: number, sub: number): boolean {
  const bulk = op === 0xfc && sub >= 8;
  switch (code) {
    case T.TRAP_UNREACHABLE:
      return op === Op.UNREACHABLE;
    case T.TRAP_MEMORY_OOB:
      // Accesses to a table's entries are marked as well: that keeps them behind their check, and they never fault.
      if (usesTable(op)) return true;
      return (op >= Op.I32_LOAD && op <= Op.I64_STORE32) || bulk;
    case T.TRAP_INTEGER_DIVIDE_BY_ZERO:
      return (op >= 0x6d && op <= 0x70) || (op >= 0x7f && op <= 0x82);
    case T.TRAP_INTEGER_OVERFLOW:
    case T.TRAP_INVALID_CONVERSION:
      return op === 0x6d || op === 0x7f || (op >= 0xa8 && op <= 0xb1);
    case T.TRAP_TABLE_OOB:
      return usesTable(op) || bulk;
    default:
      return op === 0x11 || op === 0x13; // call_indirect, return_call_indirect
  }
}

/** The Wasm offset of the last entry at or before a place. */
function lookup({ addrmap }: CodeRecord, at: number): number {
  let found = -1;
  for (let i = 0; i < addrmap.length && addrmap[i]! <= at; i += 2) found = addrmap[i + 1]!;
  return found;
}

/** Checks all functions of a module; returns how many sites there were. */
function check(bytes: Uint8Array, options: object): { traps: number; calls: number } {
  const m = decodeModule(bytes, SUPPORTED_FEATURES);
  const settings = { ...resolveSettings({ cpu: 'baseline', ...options }), cpu: [] };
  const session = new Session(bytes, m, settings, inlinePlan(bytes, m, settings));
  const sites = { traps: 0, calls: 0 };
  for (let i = 0; i < m.definedFuncs; i++) {
    const record = session.compile(i);
    const [first, last] = record.inlines.length === 0 ? [i, i] : [0, m.definedFuncs - 1];
    const inBody = (at: number) => {
      expect(at).toBeGreaterThanOrEqual(m.bodies[2 * first]!);
      expect(at).toBeLessThan(m.bodies[2 * last + 1]!);
    };
    for (let k = 0; k < record.traps.length; k += 3) {
      const [at, code, wasm] = record.traps.subarray(k, k + 3) as unknown as [
        number,
        number,
        number,
      ];
      inBody(wasm);
      const op = bytes[wasm]!;
      const sub = op === 0xfc ? bytes[wasm + 1]! : 0;
      if (!canTrap(code, op, sub)) expect.fail(`trap ${code} at ${wasm}: operator ${op} ${sub}`);
      expect(lookup(record, at)).toBe(wasm);
      sites.traps++;
    }
    for (let k = 0; k < record.relocs.length; k += 3) {
      if (record.relocs[k + 1] !== RELOC_CALL) continue;
      // Inside the instruction on either target, as a return address less one is.
      const wasm = lookup(record, record.relocs[k]!);
      inBody(wasm);
      const r = new Reader(bytes, wasm);
      const op = r.u8();
      expect([Op.CALL, Op.RETURN_CALL, Op.CALL_INDIRECT, Op.RETURN_CALL_INDIRECT]).toContain(op);
      const callee = m.importedFuncs + record.relocs[k + 2]!;
      // A call through a table that never changes may be known to reach one function only.
      const direct = op === Op.CALL || op === Op.RETURN_CALL;
      if (direct) expect(r.u32()).toBe(callee);
      else expect(m.canonical[r.u32()]).toBe(m.funcSignature(callee));
      sites.calls++;
    }
  }
  return sites;
}

const MEMORY = wat(`(module (memory 1) (table 4 funcref) (type $t (func (param i32) (result i32)))
  (func $rmw (export "rmw") (param i32)
    (i32.store offset=4 (local.get 0) (i32.add (i32.load offset=4 (local.get 0)) (i32.const 3))))
  (func (export "rmw_value") (param i32 i64)
    (i64.store (local.get 0) (i64.xor (i64.load (local.get 0)) (local.get 1))))
  (func (export "rmw_byte") (param i32)
    (i32.store8 (local.get 0) (i32.or (i32.load8_u (local.get 0)) (i32.const 16))))
  (func (export "rmw_sub") (param i32)
    (i32.store (local.get 0) (i32.sub (i32.load (local.get 0)) (i32.const 5))))
  (func (export "folded") (param i32 i32) (result i32)
    (i32.add (local.get 1) (i32.load (local.get 0))))
  (func (export "folded_compare") (param i32 i32) (result i32)
    (if (result i32) (i32.lt_u (i32.load offset=8 (local.get 0)) (local.get 1))
      (then (i32.const 1)) (else (i32.const 2))))
  (func (export "folded_float") (param i32 f64) (result f64)
    (f64.mul (local.get 1) (f64.load (local.get 0))))
  (func (export "twice") (param i32) (result i32)
    (i32.add (i32.load (local.get 0)) (i32.load offset=65000 (local.get 0))))
  (func (export "two_stores") (param i32)
    (i32.store (local.get 0) (i32.const 1)) (i32.store offset=4 (local.get 0) (i32.const 1)))
  (func (export "indirect") (param i32) (result i32)
    (call_indirect (type $t) (local.get 0) (local.get 0)))
  (func (export "divide") (param i32 i32) (result i32)
    (i32.add (i32.div_s (local.get 0) (local.get 1)) (i32.rem_u (local.get 1) (local.get 0))))
  (func (export "convert") (param f64) (result i64) (i64.trunc_f64_s (local.get 0)))
  (func $stop unreachable)
  (func (export "last_call") (call $stop))
  (func (export "calls") (param i32) (call $rmw (i32.const 0)) (call $rmw (i32.const 0)) (call $rmw (local.get 0)) (call $rmw (i32.const 0)))
  (func $countdown (param i32) (local.get 0) (if (then (call $rmw (i32.const 0)) (return_call $countdown (i32.sub (local.get 0) (i32.const 1))))) (unreachable))
  (func (export "tail") (param i32) (call $countdown (local.get 0)))
  (func (export "tail_end") (param i32) (call $rmw (i32.const 8)) (return_call $countdown (local.get 0))))`);

const bench = join(import.meta.dirname, '../../../shared/bench');
const modules: [string, () => Uint8Array][] = [
  ['memory forms', () => MEMORY],
  ['crash5.wasm', () => fixture('crash5.wasm')],
  ['ring-v0.wasm', () => fixture('ring-v0.wasm')],
  ['primes.wasm', () => readFileSync(join(import.meta.dirname, '../../examples/primes.wasm'))],
];
if (existsSync(bench)) {
  const small = readdirSync(bench).filter((f) =>
    /^(ackermann|ctype|heapsort|keccak|minicsv|sieve)\b.*\.wasm$/.test(f),
  );
  for (const name of small) modules.push([name, () => readFileSync(join(bench, name))]);
}

describe.each(['x86_64-linux', 'aarch64-linux'])('%s', (target) => {
  test.each(modules)('%s', (_, bytes) => {
    const levels = [{ optLevel: 0 }, { optLevel: 2 }, { optLevel: 2, explicitChecks: true }];
    const sites = levels.map((options) => check(bytes(), { target, ...options }));
    for (const { traps } of sites) expect(traps).toBeGreaterThan(0);
    // At other levels they may all be inlined.
    expect(sites[0]!.calls).toBeGreaterThan(0);
  });
});

/** The Wasm frames of what `f` throws: function and operator at its offset. */
function trace(bytes: Uint8Array, f: () => unknown): string[] {
  try {
    f();
  } catch (e) {
    const frames = (e as Error).stack!.matchAll(/wasm-function\[(\d+)\]:0x([0-9a-f]+)/g);
    return [...frames].map(
      ([, index, at]) => `${index}: ${bytes[parseInt(at!, 16)]!.toString(16)}`,
    );
  }
  return [];
}

describe.each([0, 1, 2, 's'] as const)('faults when run, level %s', (optLevel) => {
  const { WebAssembly } = new Engine({ optLevel });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(MEMORY));
  const e = instance.exports as unknown as Record<string, (...args: unknown[]) => unknown>;
  const OUT = 65534;

  test.each([
    ['rmw', [OUT], ['0: 28']],
    ['rmw_value', [OUT, 1n], ['1: 29']],
    ['rmw_byte', [65536], ['2: 2d']],
    ['rmw_sub', [OUT], ['3: 28']],
    ['folded', [OUT, 1], ['4: 28']],
    ['folded_compare', [OUT, 1], ['5: 28']],
    ['folded_float', [OUT, 1], ['6: 2b']],
    ['twice', [OUT], ['7: 28']],
    ['two_stores', [65530], ['8: 36']],
    ['indirect', [1], ['9: 11']],
    ['indirect', [9], ['9: 11']],
    ['divide', [1, 0], ['10: 6d']],
    ['divide', [0, 1], ['10: 70']],
    ['divide', [-(2 ** 31), -1], ['10: 6d']],
    ['convert', [1e300], ['11: b0']],
    ['convert', [NaN], ['11: b0']],
    ['last_call', [], ['12: 0', '13: 10']],
    ['calls', [OUT], ['0: 28', '14: 10']],
    ['tail', [3], ['15: 0', '16: 10']],
    ['tail_end', [3], ['15: 0']],
  ])('%s (%#)', (name, args, frames) => {
    expect(trace(MEMORY, () => e[name]!(...args))).toEqual(frames);
  });

  test('the third of four calls in a row', () => {
    const { bodies } = decodeModule(MEMORY, SUPPORTED_FEATURES);
    const calls: number[] = [];
    for (let i = bodies[2 * 14]!; i < bodies[2 * 14 + 1]!; i++) {
      if (MEMORY[i] === Op.CALL && MEMORY[i + 1] === 0) calls.push(i);
    }
    expect(calls.length).toBe(4);
    try {
      e['calls']!(OUT);
    } catch (error) {
      const at = /wasm-function\[14\]:0x([0-9a-f]+)/.exec((error as Error).stack!)![1]!;
      expect(parseInt(at, 16)).toBe(calls[2]);
    }
  });
});

/** Of two loads: what computes with both, one of which the machine may do as an operand. */
const PAIRS = [
  '(i64.xor (i64.load (local.get 0)) (i64.load (local.get 1)))',
  '(i64.xor (i64.load (local.get 0)) (i64.load32_u (local.get 1)))',
  '(i64.shl (i64.load (local.get 0)) (i64.load (local.get 1)))',
  '(i64.extend_i32_u (i32.lt_u (i32.load (local.get 0)) (i32.load8_u (local.get 1))))',
  '(i64.mul (i64.load (local.get 0)) (i64.extend_i32_s (i32.load16_s (local.get 1))))',
];
const PAIR_SETTINGS = [
  { optLevel: 0 },
  { optLevel: 2 },
  { optLevel: 2, explicitChecks: true },
] as const;

test.each(PAIR_SETTINGS)('of two loads that both trap the first is named: %j', (options) => {
  const { Module, Instance } = new Engine(options).WebAssembly;
  for (const pair of PAIRS) {
    const bytes = wat(
      `(module (memory 1) (func (export "f") (param i32 i32) (result i64) ${pair}))`,
    );
    const exports = new Instance(new Module(bytes)).exports as Record<string, unknown>;
    const f = exports['f'] as (a: number, b: number) => bigint;
    const first = bytes.findIndex((byte) => byte >= Op.I32_LOAD && byte <= Op.I64_LOAD32_U);
    let stack = '';
    try {
      f(-1, -1);
    } catch (e) {
      stack = (e as Error).stack!;
    }
    expect(stack, pair).toContain(`:0x${first.toString(16)}`);
  }
});
