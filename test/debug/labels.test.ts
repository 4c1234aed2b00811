/** What labels say of locals against what reading them gives, and where they are said to be against the allocation checker. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Translator } from '../../src-ts/frontend/translate.ts';
import { ModuleSignatures } from '../../src-ts/frontend/layout.ts';
import { Builder } from '../../src-ts/ir/build.ts';
import { Func } from '../../src-ts/ir/func.ts';
import { checkAllocation } from '../../src-ts/mach/checker.ts';
import { LocalTracker } from '../../src-ts/mach/locals.ts';
import { Lowering } from '../../src-ts/mach/lower.ts';
import { allocate } from '../../src-ts/mach/regalloc/index.ts';
import { CodeSink } from '../../src-ts/mach/sink.ts';
import type { Target } from '../../src-ts/mach/target.ts';
import { Allocation } from '../../src-ts/mach/vcode.ts';
import { fold, optimize, type Level } from '../../src-ts/opt/pipeline.ts';
import { AArch64Target } from '../../src-ts/target/aarch64/target.ts';
import { SYSTEM_V } from '../../src-ts/target/x64/nativeabi.ts';
import { X64Target } from '../../src-ts/target/x64/target.ts';
import { parseWat } from '../../src-ts/tools/wast/wat.ts';
import { decodeModule } from '../../src-ts/wasm/decode.ts';
import { SUPPORTED_FEATURES } from '../../src-ts/wasm/features.ts';
import { Random } from '../fuzz/random.ts';

const LOCALS = 4;

/** A random body: structured control around reads and writes of four locals. */
function body(random: Random, depth: number, labels: number): string {
  const part = (): string => {
    const kind = random.below(depth > 3 ? 5 : 9);
    const k = random.below(LOCALS);
    const get = `(local.get ${random.below(LOCALS)})`;
    if (kind < 3) return `(local.set ${k} (i32.add ${get} (local.get ${random.below(LOCALS)})))`;
    if (kind === 3) return `(drop (local.tee ${k} (call $f ${get})))`;
    if (kind === 4) return labels === 0 ? '(nop)' : `(br_if ${random.below(labels)} ${get})`;
    const inner = body(random, depth + 1, labels + 1);
    if (kind === 5) return `(block ${inner})`;
    if (kind === 6) return `(loop ${inner})`;
    if (kind === 7) return `(if ${get} (then ${inner}))`;
    return `(if ${get} (then ${inner}) (else ${body(random, depth + 1, labels + 1)}))`;
  };
  return Array.from({ length: 1 + random.below(5) }, part).join(' ');
}

async function randomModule(random: Random): Promise<Uint8Array> {
  const funcs = Array.from(
    { length: 12 },
    () => `(func (param i32 i32) (result i32) (local i32 i32) ${body(random, 0, 0)}
      (i32.xor (local.get 2) (local.get 3)))`,
  );
  return parseWat(`(module (func $f (param i32) (result i32) (local.get 0)) ${funcs.join('\n')})`);
}

const modules: (readonly [string, () => Promise<Uint8Array>])[] = [
  ['primes', async () => readFileSync(join(import.meta.dirname, '../../examples/primes.wasm'))],
  ...[1, 2, 3, 4, 5, 6].map(
    (seed) => [`random ${seed}`, () => randomModule(new Random(seed))] as const,
  ),
];

interface Read {
  pos: number;
  local: number;
  value: number;
}

/** A translator with labels that also notes what every read of a local or an operand gave, resolved when labels are. */
function observed(bytes: Uint8Array, f: Func, level: Level) {
  const m = decodeModule(bytes, SUPPORTED_FEATURES);
  const builder = new Builder(f);
  if (level !== '0') builder.fold = fold;
  const t = new Translator(bytes, m, { explicitChecks: false, debugInfo: true }, builder);
  const reads: Read[] = [];
  const operands: Read[] = [];
  const read = t.ssa.read.bind(t.ssa);
  t.ssa.read = (local, block) => {
    const value = read(local, block);
    reads.push({ pos: t.pos, local, value });
    return value;
  };
  const pop = t.pop.bind(t);
  t.pop = (type) => {
    // Its label holds before the operator that takes it.
    const slot = t.sp - 1;
    if (t.live && slot < 32)
      operands.push({ pos: t.pos - 1, local: t['localCount'] + slot, value: t.values[slot]! });
    return pop(type);
  };
  const labels = t.labels!;
  const finish = labels.finish.bind(labels);
  labels.finish = (ssa, func) => {
    for (const r of [...reads, ...operands]) r.value = ssa.resolve(r.value);
    finish(ssa, func);
  };
  return { m, t, reads, operands };
}

/** The value of the last label of a local at or before a position, -1 if unknown. */
function labelAt(f: Func, pos: number, local: number): number {
  let value = -1;
  for (let i = 0; i < f.labelCount && f.labels[3 * i]! <= pos; i++) {
    if (f.labels[3 * i + 1] === local) value = f.labels[3 * i + 2]!;
  }
  return value;
}

describe.each(modules)('%s', (_, load) => {
  test('labels say what is read', async () => {
    const f = new Func();
    const { m, t, reads, operands } = observed(await load(), f, '0');
    const wrong: string[] = [];
    let unknown = 0;
    let known = 0;
    for (let i = 0; i < m.definedFuncs; i++) {
      reads.length = operands.length = 0;
      t.translate(i);
      for (const r of operands) {
        const label = labelAt(f, r.pos, r.local);
        if (label !== r.value)
          wrong.push(`${r.pos}: operand ${r.local} is ${r.value}, not ${label}`);
      }
      for (const r of reads) {
        const label = labelAt(f, r.pos, r.local);
        // A local that was never written is not known; it is zero then.
        if (label === -1) unknown++;
        else {
          if (label !== r.value)
            wrong.push(`${r.pos}: local ${r.local} is ${r.value}, not ${label}`);
          known++;
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(unknown).toBeLessThan(known / 2);
  });

  test.each([
    ['x64', () => new X64Target(SYSTEM_V)],
    ['aarch64', () => new AArch64Target()],
  ] as [string, () => Target][])('locations on %s hold what is said', async (_name, make) => {
    const bytes = await load();
    for (const level of ['0', '2'] as const) {
      const f = new Func();
      const { m, t } = observed(bytes, f, level);
      const sigs = new ModuleSignatures(m);
      let claims = 0;
      for (let i = 0; i < m.definedFuncs; i++) {
        t.translate(i);
        f.sigs = sigs;
        optimize(f, level);
        claims += checkClaims(f, make());
      }
      expect(claims).toBeGreaterThan(100);
    }
  });
});

/** Emits a function as the emitter does; every location that is said to hold a local's value must hold it. */
function checkClaims(f: Func, target: Target): number {
  const lowering = new Lowering(target);
  const code = lowering.run(f, { features: 0, preservesContext: true, quick: false });
  const alloc = new Allocation();
  allocate(code, target.registers, alloc);
  const sink = new CodeSink(target);
  sink.reset(
    code.blockCount,
    Int32Array.from({ length: code.blockCount }, (_, b) => b),
  );
  target.prologue(sink, code, alloc, lowering);
  const tracker = new LocalTracker(target);
  tracker.start(lowering, alloc, sink);
  let locals = 0;
  for (let i = 0; i < f.labelCount; i++) locals = Math.max(locals, f.labels[3 * i + 1]! + 1);
  const wrong: string[] = [];
  let claims = 0;
  let move = 0;
  let block = 0;
  const errors = checkAllocation(code, alloc, target.registers, (i, holds) => {
    if (i > 0) tracker.after(i - 1);
    for (; block < code.blockCount && code.blockStart[block] === i; block++)
      tracker.enterBlock(block);
    while (move < alloc.moveCount && alloc.movePlace[move]! <= i) tracker.afterMove(move++);
    tracker.before(code.pos[i]!);
    for (let k = 0; k < locals; k++) {
      const claim = tracker.claim(k);
      if (claim === undefined) continue;
      claims++;
      if (!holds(claim.location, claim.vreg)) wrong.push(`local ${k} at instruction ${i}`);
    }
  });
  expect([...errors, ...wrong]).toEqual([]);
  return claims;
}
