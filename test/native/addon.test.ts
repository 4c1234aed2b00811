// The addon driven by hand-assembled code: calls, host calls, traps, memories, tables, code mapping.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { buildSync } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as Abi from '../../src-ts/gen/abi.ts';
import * as Ir from '../../src-ts/gen/ir.ts';
import { checksum } from '../../src-ts/object/checksum.ts';
import { buildObject, makeRig, setAddress, trapSection, type Rig } from './asm.ts';

const { STATUS_DONE, STATUS_HOST, STATUS_TRAP } = Abi;

/** What the test uses of the engine's own WebAssembly, which the ES library does not declare. */
interface V8WebAssembly {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: { l(at: number): number } };
  RuntimeError: new () => Error;
}

let rig: Rig;
beforeAll(() => {
  rig = makeRig();
});

const trapCode = () => rig.i32[Abi.TRANSFER_TRAP / 4];
const hostId = () => rig.i32[Abi.TRANSFER_HOST_ID / 4];
const result = () => rig.slots[Abi.TRANSFER_SIZE / 8];

function expectTrap(label: string, code: number, a = 0n, b = 0n): void {
  expect(rig.enter(rig.ref(label), a, b)).toBe(STATUS_TRAP);
  expect(trapCode()).toBe(code);
  rig.native.abandon();
}

describe('calls', () => {
  it('enters and returns', () => {
    expect(rig.enter(rig.ref('add'), 40n, 2n)).toBe(STATUS_DONE);
    expect(result()).toBe(42n);
  });

  it.each(['callHost', 'jumpHost'])('suspends for a host call and resumes: %s', (caller) => {
    expect(rig.enter(rig.ref(caller), 5n, 6n)).toBe(STATUS_HOST);
    expect([hostId(), rig.slots[8], rig.slots[9]]).toEqual([7, 5n, 6n]);
    rig.slots[8] = 41n;
    rig.native.resume();
    expect(rig.i32[0]).toBe(STATUS_DONE);
    expect(result()).toBe(42n);
  });

  it('suspends often in one call', () => {
    expect(rig.enter(rig.ref('loop'), 1000n)).toBe(STATUS_HOST);
    let calls = 0;
    while (rig.i32[0] === STATUS_HOST) {
      rig.slots[8] = rig.slots[8]! + rig.slots[9]!;
      calls++;
      rig.native.resume();
    }
    expect([calls, result()]).toEqual([1000, 500500n]);
  });

  it('nests: a host function enters again, and fibers resume in any order', () => {
    const fibers: bigint[] = [];
    for (let depth = 0; depth < 200; depth++) {
      expect(rig.enter(rig.ref('callHost'), BigInt(depth))).toBe(STATUS_HOST);
      fibers.push(rig.fiber());
    }
    expect(new Set(fibers).size).toBe(200);
    fibers.forEach((fiber, i) => {
      rig.setFiber(fiber);
      rig.slots[8] = BigInt(i);
      rig.native.resume();
      expect([rig.i32[0], result()]).toEqual([STATUS_DONE, BigInt(i) + 1n]);
    });
  });

  it('abandons a suspended call and reuses its stack', () => {
    rig.enter(rig.ref('callHost'));
    const fiber = rig.fiber();
    rig.native.abandon();
    expect(() => rig.native.abandon()).toThrow(TypeError);
    expect(() => rig.native.resume()).toThrow(TypeError);
    expect(rig.enter(rig.ref('callHost'))).toBe(STATUS_HOST);
    expect(rig.fiber()).toBe(fiber);
    rig.native.abandon();
  });

  it('refuses to resume a finished fiber', () => {
    rig.enter(rig.ref('callHost'));
    const fiber = rig.fiber();
    rig.native.resume();
    rig.setFiber(fiber);
    expect(() => rig.native.resume()).toThrow(/suspended fiber/);
  });

  it('reports too many suspended calls as an exhausted stack', () => {
    const fibers: bigint[] = [];
    const callHost = rig.ref('callHost');
    while (fibers.length < 10_001 && rig.enter(callHost) === STATUS_HOST) fibers.push(rig.fiber());
    expect(fibers.length).toBeLessThanOrEqual(10_000);
    expect([rig.i32[0], trapCode(), rig.fiber()]).toEqual([
      STATUS_TRAP,
      Ir.TRAP_STACK_OVERFLOW,
      0n,
    ]);
    for (const fiber of fibers) {
      rig.setFiber(fiber);
      rig.native.abandon();
    }
    expect(rig.enter(rig.ref('add'), 1n, 2n)).toBe(STATUS_DONE);
  });

  it('finds externref handles on suspended stacks', () => {
    const handle = (BigInt(Abi.EXTERNREF_TAG) << 32n) | 0x1234n;
    rig.enter(rig.ref('hold'), handle);
    expect([...rig.native.scanExternrefs()]).toContain(0x1234);
    rig.slots[8] = 0n;
    rig.native.resume();
    expect(result()).toBe(handle);
    expect([...rig.native.scanExternrefs()]).not.toContain(0x1234);
  });
});

describe('traps', () => {
  it('takes ud2, division and stack overflow', () => {
    expectTrap('unreachable', Ir.TRAP_UNREACHABLE);
    expectTrap('divide', Ir.TRAP_INTEGER_DIVIDE_BY_ZERO, 1n, 0n);
    expectTrap('recurse', Ir.TRAP_STACK_OVERFLOW);
  });

  it('takes memory faults inside a reservation', () => {
    const memory = rig.native.createMemory(1, 2, true)!;
    const at = (offset: number) => BigInt(memory.base() + offset);
    expect(rig.enter(rig.ref('load'), at(0))).toBe(STATUS_DONE);
    expectTrap('load', Ir.TRAP_MEMORY_OOB, at(65536));
    expectTrap('load', Ir.TRAP_MEMORY_OOB, at(2 ** 33));
    expect(memory.grow(1)).toBe(1);
    expect(rig.enter(rig.ref('load'), at(65536))).toBe(STATUS_DONE);
  });

  it('gives the program counters of a trapped call', () => {
    rig.enter(rig.ref('unreachable'));
    const frames = rig.native.fiberFrames(16);
    expect(frames[0]).toBe(rig.address('unreachable') + 4);
    expect(frames[1]).toBeGreaterThan(rig.address('entry'));
    expect(frames[1]).toBeLessThan(rig.address('exit'));
    expect(rig.native.fiberFrames(1).length).toBe(1);
    rig.native.abandon();
    expect(rig.native.fiberFrames(16).length).toBe(0);
  });

  it('survives thousands, between V8 traps of its own', () => {
    // (memory 1) (func (export "l") (param i32) (result i32) local.get 0 i32.load)
    const text =
      '0061736d0100000001060160017f017f03020100050301000107050101' + '6c00000a0901070020002802000b';
    const wasm = Uint8Array.from(text.match(/../g)!.map((h) => parseInt(h, 16)));
    const { WebAssembly: V8 } = globalThis as unknown as { WebAssembly: V8WebAssembly };
    const v8 = new V8.Instance(new V8.Module(wasm)).exports;
    const unreachable = rig.ref('unreachable');
    const recurse = rig.ref('recurse');
    for (let i = 0; i < 10_000; i++) {
      if (rig.enter(i % 50 === 0 ? recurse : unreachable) !== STATUS_TRAP)
        throw new Error('no trap');
      rig.native.abandon();
      if (i % 10 === 0) expect(() => v8.l(65536 + i)).toThrow(V8.RuntimeError);
    }
    expect(rig.enter(rig.ref('add'), 1n, 1n)).toBe(STATUS_DONE);
  });
});

describe('memories', () => {
  for (const guarded of [true, false])
    it(`grows and gives buffers (guarded: ${guarded})`, () => {
      const memory = rig.native.createMemory(1, 4, guarded)!;
      expect([memory.guarded, memory.bytes()]).toEqual([guarded, 65536]);
      const first = memory.buffer();
      new Uint8Array(first)[65535] = 77;
      expect(memory.grow(4)).toBe(-1);
      expect(memory.grow(2)).toBe(1);
      rig.native.detach(first);
      expect(first.byteLength).toBe(0);
      const second = new Uint8Array(memory.buffer());
      expect([second.length, second[65535], second[65536]]).toEqual([3 * 65536, 77, 0]);
      rig.native.detach(second.buffer as ArrayBuffer);
      expect(memory.grow(1)).toBe(3);
      expect(memory.grow(0)).toBe(4);
      expect(memory.grow(1)).toBe(-1);
      expect(new Uint8Array(memory.buffer())[65535]).toBe(77);
    });

  it('starts empty', () => {
    for (const guarded of [true, false]) {
      const memory = rig.native.createMemory(0, 1, guarded)!;
      const buffer = memory.buffer();
      expect(buffer.byteLength).toBe(0);
      rig.native.detach(buffer);
      expect(memory.grow(1)).toBe(0);
      expect(new Uint8Array(memory.buffer())[65535]).toBe(0);
    }
  });

  it('grows from Wasm with a flag', () => {
    const memory = rig.native.createMemory(1, 3, true)!;
    rig.i32[Abi.TRANSFER_FLAGS / 4] = 0;
    expect(rig.enter(rig.ref('grow'), BigInt(memory.address), 2n)).toBe(STATUS_DONE);
    expect([result(), memory.bytes()]).toEqual([1n, 3 * 65536]);
    expect(rig.i32[Abi.TRANSFER_FLAGS / 4]).toBe(Abi.FLAG_MEMORY_GREW);
    rig.i32[Abi.TRANSFER_FLAGS / 4] = 0;
    expect(rig.enter(rig.ref('grow'), BigInt(memory.address), 1n)).toBe(STATUS_DONE);
    expect([result(), rig.i32[Abi.TRANSFER_FLAGS / 4]]).toEqual([-1n, 0]);
  });

  it('copies in, within bounds', () => {
    const memory = rig.native.createMemory(1, 1, true)!;
    const bytes = Uint8Array.of(1, 2, 3, 4);
    rig.native.copyIn(memory, memory.base() + 65534, bytes, 1, 2);
    expect([...new Uint8Array(memory.buffer(), 65534)]).toEqual([2, 3]);
    expect(() => rig.native.copyIn(memory, memory.base() + 65535, bytes, 1, 2)).toThrow(RangeError);
    expect(() => rig.native.copyIn(memory, memory.base(), bytes, 3, 2)).toThrow(RangeError);
    expect(() => rig.native.copyIn(memory, memory.base() - 1, bytes, 0, 1)).toThrow(RangeError);
    expect(() => rig.native.copyIn({} as never, memory.base(), bytes, 0, 1)).toThrow(TypeError);
  });
});

describe('tables', () => {
  it('keeps functions inline and null with a type that matches nothing', () => {
    const ref = rig.ref('add');
    const table = rig.native.createTable('func', 2, 10, 0);
    table.set(1, ref);
    expect([table.get(0), table.get(1), table.length()]).toEqual([0, ref, 2]);
    expect(table.grow(3, ref)).toBe(2);
    expect(table.get(4)).toBe(ref);
    expect(table.grow(6, 0)).toBe(-1);
    expect(() => table.get(5)).toThrow(RangeError);
    expect(() => table.set(5, 0)).toThrow(RangeError);
  });

  it('keeps handles of references exactly', () => {
    const handle = Abi.EXTERNREF_TAG * 2 ** 32 + 0xfffffffe;
    const table = rig.native.createTable('ref', 1, 2 ** 32 - 1, handle);
    expect(table.get(0)).toBe(handle);
    expect(table.grow(100_000, 0)).toBe(1);
    expect([table.get(0), table.get(100_000)]).toEqual([handle, 0]);
    expect(table.grow(10_000_000, 0)).toBe(-1);
    expect(() => rig.native.createTable('ref', 10_000_001, 2 ** 32 - 1, 0)).toThrow(RangeError);
  });
});

describe('blocks', () => {
  it('are zeroed, aligned and seen from both sides', () => {
    for (const bytes of [0, 1, 64, 10_000]) {
      const block = rig.native.createBlock(bytes);
      expect([block.address % 16, block.view.byteLength]).toEqual([0, bytes]);
      for (let i = 0; i < bytes; i++) expect(block.view.getUint8(i)).toBe(0);
    }
    const ref = rig.native.createBlock(32);
    setAddress(ref.view, Abi.FUNC_REF_CODE, rig.address('add'));
    setAddress(ref.view, Abi.FUNC_REF_ENTRY, rig.address('entry'));
    expect(rig.enter(ref.address, 20n, 3n)).toBe(STATUS_DONE);
    expect(result()).toBe(23n);
  });
});

describe('code', () => {
  const dir = mkdtempSync(join(tmpdir(), 'elfin-native-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('maps files', () => {
    const { bytes, layout, labels } = buildObject();
    const path = join(dir, 'object');
    writeFileSync(path, bytes);
    const code = rig.native.mapFile(path);
    expect(code.textAddress).toBe(0);
    expect(Buffer.compare(code.bytes, bytes)).toBe(0);
    rig.native.activate(code, layout);
    expect(code.textAddress % 4096).toBe(0);
    expect(code.bytes[layout.textOffset]).toBe(bytes[layout.textOffset]);
    const ref = rig.native.createBlock(32);
    setAddress(ref.view, Abi.FUNC_REF_CODE, code.textAddress + labels.get('add')!);
    setAddress(ref.view, Abi.FUNC_REF_ENTRY, code.textAddress + labels.get('entry')!);
    expect(rig.enter(ref.address, 4n, 3n)).toBe(STATUS_DONE);
    expect(() => rig.native.activate(code, layout)).toThrow(/active/);
    expect(() => rig.native.mapFile(join(dir, 'none'))).toThrow(/none.*No such file/);
    expect(() => rig.native.mapFile(dir)).toThrow(/regular file/);
  });

  it('refuses layouts and unwind tables that do not fit', () => {
    const { bytes, layout } = buildObject();
    const attempt = (change: Partial<typeof layout>, edit?: (b: Uint8Array) => void) => () => {
      const copy = bytes.slice();
      edit?.(copy);
      rig.native.activate(rig.native.mapBytes(copy), { ...layout, ...change });
    };
    expect(attempt({ textOffset: 1 })).toThrow(/page aligned/);
    expect(attempt({ textSize: bytes.length })).toThrow(/not inside/);
    expect(attempt({ textOffset: 2 ** 52 })).toThrow(/not inside/);
    expect(attempt({ trapsSize: 2 ** 40 })).toThrow(/traps/);
    expect(attempt({ trapsSize: 3 })).toThrow(/too short/);
    expect(attempt({ ehFrameSize: layout.ehFrameSize - 4 })).toThrow(/malformed/);
    const eh = layout.ehFrameOffset;
    for (const [at, value] of [
      [0, 0x70], // length of the CIE
      [3, 0xff], // … far beyond the section
      [8, 9], // version
      [9, 0x50], // augmentation
      [24 + 4, 1], // CIE pointer
      [24 + 12, 0xff], // start and length of the code
      [24 + 15, 0xff],
    ] as const)
      expect(
        attempt({}, (b) => (b[eh + at] = value)),
        `byte ${at}`,
      ).toThrow(/malformed/);
    expect(
      attempt({}, (b) =>
        b.set(
          trapSection([
            [9, 0],
            [9, 0],
          ]),
          layout.trapsOffset,
        ),
      ),
    ).toThrow(/sorted/);
    expect(attempt({}, (b) => (b[layout.trapsOffset] = 200))).toThrow(/too short/);
    expect(attempt({ ehFrameSize: 0, trapsSize: 0 })).not.toThrow();
  });

  it('sums the same as the object writer', () => {
    const bytes = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7 + (i >> 3)) & 255);
    for (const [start, end] of [
      [0, 0],
      [0, 1],
      [3, 35],
      [5, 998],
      [0, 1000],
    ] as const)
      expect(rig.native.checksum(bytes, start, end)).toBe(checksum(bytes, start, end));
    expect(rig.native.checksum(bytes, 0, 1000)).toBe(CHECKSUM_VECTOR);
    expect(() => rig.native.checksum(bytes, 0, 1001)).toThrow(RangeError);
  });

  it('names CPU features', () => {
    for (const name of rig.native.cpuFeatures())
      expect('sse3 ssse3 sse4.1 sse4.2 popcnt avx avx2 bmi1 bmi2 lzcnt fma'.split(' ')).toContain(
        name,
      );
  });
});

/** Of bytes (7i + (i >> 3)) & 255 for i in 0..999; the same in native/test/data_test.cc. */
const CHECKSUM_VECTOR = 3767707218;

describe('processes and threads', () => {
  const dir = fileURLToPath(new URL('../../build/', import.meta.url));
  const script = join(dir, `native-test-child-${process.pid}.mjs`);
  beforeAll(() => {
    buildSync({
      entryPoints: [fileURLToPath(new URL('./child.ts', import.meta.url))],
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: script,
      logLevel: 'error',
    });
  });
  afterAll(() => rmSync(script, { force: true }));

  const run = (mode: string) => spawnSync(process.execPath, [script, mode], { encoding: 'utf8' });

  it('still crashes on a real crash', () => {
    // An illegal instruction that is no trap site, and a load outside every memory at a trap site.
    expect(run('crash-code').signal).toBe('SIGILL');
    expect(run('crash-address').signal).toBe('SIGSEGV');
    expect(run('kill').signal).toBe('SIGSEGV');
  });

  it('frees threads, stacks and code in workers', async () => {
    for (let round = 0; round < 3; round++) {
      const workers = [0, 1].map(() => new Worker(script, { argv: ['work'] }));
      const messages = await Promise.all(
        workers.map(
          (worker) =>
            new Promise((resolve, reject) => {
              let message: unknown;
              worker.on('message', (m) => (message = m));
              worker.on('error', reject);
              worker.on('exit', () => resolve(message));
            }),
        ),
      );
      expect(messages).toEqual(['worked', 'worked']);
    }
    expectTrap('unreachable', Ir.TRAP_UNREACHABLE);
  });

  it('works where only a worker loaded the addon', () => {
    const child = run('only-worker');
    expect([child.stdout.trim(), child.status]).toEqual(['worked worked', 0]);
  });

  it('gets null for a memory, not an abort, when address space is exhausted', () => {
    const child = run('exhaust');
    expect([child.stdout.trim(), child.status, child.signal]).toEqual(['exhausted', 0, null]);
  });

  it('gets through signals of others at the end of its stack', () => {
    const child = run('signals');
    expect([child.stdout.trim(), child.status, child.signal]).toEqual(['survived', 0, null]);
  });

  it('collects memories, tables and code', () => {
    const child = spawnSync(process.execPath, ['--expose-gc', script, 'collect'], {
      encoding: 'utf8',
    });
    expect([child.stdout.trim(), child.status, child.signal]).toEqual(['collected', 0, null]);
  });
});
