/** Objects for AArch64: what GNU tools and gdb's rules make of them, and which machine takes which object. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { compile } from '../../src-ts/compiler/index.ts';
import { checkHost, checksum, readObject, writeObject } from '../../src-ts/object/index.ts';
import * as R from '../../src-ts/object/records.ts';
import { hostTarget } from '../../src-ts/runtime/code.ts';
import Runtime from '../../src-ts/runtime/index.ts';
import { loadNative } from '../../src-ts/runtime/native.ts';
import { objdump } from '../../src-ts/tools/objdump.ts';
import { parseWat } from '../../src-ts/tools/wast/wat.ts';
import { sampleInput } from './sample.ts';

const dir = mkdtempSync(join(tmpdir(), 'elfin-aarch64-'));
afterAll(() => rmSync(dir, { recursive: true }));

const X19 = 19;
const FP = 29;
const LR = 30;

/** A frame with x19, a call, an epilogue that pops 16 bytes of arguments, a trap. */
function framed(callee: number): R.CodeRecord {
  const words = [
    0xa9bf7bfd, // 0: stp x29, x30, [sp, #-16]!
    0x910003fd, // 4: mov x29, sp
    0xd10043ff, // 8: sub sp, sp, #16
    0xf90007f3, // 12: str x19, [sp, #8]
    0x94000000, // 16: bl
    0xf94007f3, // 20: ldr x19, [sp, #8]
    0x910003bf, // 24: mov sp, x29
    0xa8c17bfd, // 28: ldp x29, x30, [sp], #16
    0x910043ff, // 32: add sp, sp, #16
    0xd65f03c0, // 36: ret
    0x00000000, // 40: udf #0
  ];
  return {
    code: new Uint8Array(Uint32Array.from(words).buffer),
    align: 16,
    relocs: Int32Array.of(16, R.RELOC_CALL, callee),
    traps: Int32Array.of(40, 3, 109),
    addrmap: Int32Array.of(0, 100, 20, 104, 40, 109),
    locals: new Int32Array(0),
    unwind: Int32Array.from(
      [
        [4, R.UNWIND_PUSH_FP, FP, 16],
        [4, R.UNWIND_SAVE, LR, 8],
        [8, R.UNWIND_SET_FP, FP, 16],
        [12, R.UNWIND_ALLOC, 0, 16],
        [16, R.UNWIND_SAVE, X19, 24],
        [24, R.UNWIND_REMEMBER, 0, 0],
        [24, R.UNWIND_RESTORE_REG, X19, 0],
        [32, R.UNWIND_POP_FRAME, 0, 0],
        [36, R.UNWIND_POP_FRAME, 0, -16],
        [40, R.UNWIND_RESTORE_STATE, 0, 0],
      ].flat(),
    ),
    inlines: new Int32Array(0),
  };
}

function input(): R.ObjectInput {
  const plain: R.CodeRecord = { ...framed(0), relocs: new Int32Array(0) };
  return {
    ...sampleInput(),
    target: 'aarch64-linux',
    cpuFeatures: ['lse'],
    functions: [framed(2), plain, framed(0)],
    entryTrampolines: [plain, undefined],
    exitTrampolines: [undefined, plain],
  };
}

const bytes = writeObject(input());
const file = join(dir, 'sample.o');
writeFileSync(file, bytes);

const has = (tool: string) => spawnSync(tool, ['--version'], { stdio: 'ignore' }).status === 0;
const crossTools = has('aarch64-linux-gnu-ld');

/** Output of a tool, which must succeed and say nothing on standard error. */
function run(tool: string, ...args: string[]): string {
  const env = { ...process.env, LC_ALL: 'C.UTF-8' };
  const r = spawnSync(tool, args, { encoding: 'utf8', env, maxBuffer: 1 << 26 });
  if (r.error !== undefined) throw r.error;
  expect({ status: r.status, stderr: r.stderr }).toEqual({ status: 0, stderr: '' });
  return r.stdout;
}

describe('tools take objects without complaint', () => {
  test('readelf -a', () => {
    const out = run('readelf', '-aW', file);
    expect(out).not.toMatch(/warning|error|corrupt/i);
    expect(out).toMatch(/Machine:\s+AArch64/);
    expect(out).toMatch(/R_AARCH64_PREL32 .* \.text \+ 0/);
  });

  test.skipIf(!crossTools)('aarch64-linux-gnu-objdump -d', () => {
    const out = run('aarch64-linux-gnu-objdump', '-d', file);
    expect(out).toMatch(/10:\s+94000014 \tbl\t60 </);
    expect(out).toMatch(/70:\s+97ffffe4 \tbl\t0 </);
  });

  test.skipIf(!crossTools)(
    'aarch64-linux-gnu-ld -r, and ld with its own check of .eh_frame',
    () => {
      const other = input();
      other.module = { ...other.module, moduleName: 'other' };
      const otherFile = join(dir, 'other.o');
      writeFileSync(otherFile, writeObject(other));
      const [both, linked] = [join(dir, 'both.o'), join(dir, 'linked')];
      run('aarch64-linux-gnu-ld', '-r', file, otherFile, '-o', both);
      run('aarch64-linux-gnu-ld', '--eh-frame-hdr', '-e', 'elfin.sample.run', both, '-o', linked);
      const symbol = /([0-9a-f]{16}) .*elfin\.other\.run/.exec(run('readelf', '-sW', linked))!;
      const frames = run('readelf', '--debug-dump=frames', linked);
      expect(frames).toContain(`pc=${symbol[1]}..`);
    },
  );

  test('elfin objdump', async () => {
    const out = await objdump(bytes);
    expect(out).toMatch(/bl #0x60 .*<std::vec/);
    expect(out).toMatch(/udf #0 .*traps: undefined_element/);
    expect(out).not.toMatch(/\.byte/);
  });
});

test('call frame information', () => {
  const out = run('readelf', '--debug-dump=frames-interp', file);
  const fde = out.split('\n\n').find((part) => part.includes('pc=0000000000000000..'))!;
  const rows = fde.trim().split('\n').slice(2);
  expect(
    rows.map((row) =>
      row
        .trim()
        .replace(/^0+(?=[0-9a-f])/, '')
        .replace(/\s+/g, ' '),
    ),
  ).toEqual([
    '0 sp+0 u u u',
    '4 sp+16 u c-16 c-8',
    '8 x29+16 u c-16 c-8',
    '10 x29+16 c-24 c-16 c-8',
    '20 sp+0 u u u',
    '24 sp-16 u u u',
    '28 x29+16 c-24 c-16 c-8',
  ]);
});

test('code begins on pages of 64 KiB, and its bytes are back after reading', () => {
  const object = readObject(bytes, checksum);
  expect(object.layout.textOffset % 65536).toBe(0);
  expect(object.layout.ehFrameOffset % 65536).toBe(0);
  expect(object.data.offset % 65536).toBe(0);
  expect(object.engine).toMatchObject({ target: 'aarch64-linux', cpuFeatures: ['lse'] });
});

test('a call over more than 128 MiB is refused', () => {
  const far = input();
  const middle = { ...framed(0), code: new Uint8Array(1 << 27), relocs: new Int32Array(0) };
  far.functions[1] = middle;
  expect(() => writeObject(far)).toThrow(/\.text: found a call over 13\d+ bytes, expected at most/);
});

test('what this machine can not run is refused with both names', () => {
  const { engine } = readObject(bytes, checksum);
  expect(() => checkHost(engine, 'aarch64-linux', ['lse'])).not.toThrow();
  expect(() => checkHost(engine, 'x86_64-linux', ['lse'])).toThrow(
    "object is for target 'aarch64-linux', this machine is 'x86_64-linux'",
  );
  expect(() => checkHost(engine, 'aarch64-linux', ['pauth'])).toThrow(
    'object needs CPU features this machine lacks: lse (it has pauth)',
  );
  // A machine number that does not fit the rest.
  const other = bytes.slice();
  new DataView(other.buffer).setUint16(18, 62, true);
  expect(() => readObject(other, checksum)).toThrow();
});

test('nothing of a refused object becomes executable', async () => {
  const activate = vi.spyOn(loadNative(), 'activate');
  const host = hostTarget();
  const strange = host === 'aarch64-linux' ? 'x86_64-linux' : 'aarch64-linux';
  const sample = (target: string, cpuFeatures: string[]) =>
    writeObject({ ...input(), target, cpuFeatures });
  const messages = [
    [sample(strange, []), `object is for target '${strange}', this machine is '${host}'`],
    [sample(host, ['flux']), /^object needs CPU features this machine lacks: flux \(it has .+\)$/],
  ] as const;
  const path = join(dir, 'refused.o');
  for (const [object, message] of messages) {
    writeFileSync(path, object);
    expect(() => Runtime.Module.deserialize(object)).toThrow(message);
    expect(() => Runtime.Module.deserializeFile(path)).toThrow(message);
  }
  expect(activate).not.toHaveBeenCalled();
  Runtime.Module.deserialize(compile(await parseWat('(module (func))')));
  expect(activate).toHaveBeenCalledOnce();
  activate.mockRestore();
});
