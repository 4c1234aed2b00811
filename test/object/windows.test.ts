/** Objects for x86-64 Windows: their unwind tables by themselves and as LLVM reads them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkHost, checksum, readObject, type LoadedObject } from '../../src-ts/object/index.ts';
import Runtime from '../../src-ts/runtime/index.ts';
import { shapes } from '../windows/plan.ts';
import { coff } from './coff.ts';

const dir = mkdtempSync(join(tmpdir(), 'elfin-windows-'));
afterAll(() => rmSync(dir, { recursive: true }));

interface Entry {
  begin: number;
  end: number;
  info: number;
}

function entries({ bytes, layout: l }: LoadedObject): Entry[] {
  const v = new DataView(bytes.buffer, bytes.byteOffset + l.pdataOffset, l.pdataSize);
  return Array.from({ length: l.pdataSize / 12 }, (_, i) => ({
    begin: v.getUint32(12 * i, true),
    end: v.getUint32(12 * i + 4, true),
    info: v.getUint32(12 * i + 8, true) - (l.xdataOffset - l.textOffset),
  }));
}

/** What every prologue begins with. */
const PUSH_RBP = 0x55;

const tools = spawnSync('llvm-readobj', ['--version'], { stdio: 'ignore' }).status === 0;

describe.each([0, 2] as const)('at level %s', (optLevel) => {
  let object: LoadedObject;
  beforeAll(async () => {
    object = readObject(
      await shapes({ target: 'x86_64-windows', cpu: 'baseline', optLevel, verify: true }),
      checksum,
    );
  });

  test('entries are sorted and cover every trampoline and every function with a frame', () => {
    const list = entries(object);
    let last = 0;
    for (const { begin, end, info } of list) {
      expect(begin).toBeGreaterThanOrEqual(last);
      expect(end).toBeGreaterThan(begin);
      expect(info % 4).toBe(0);
      expect(info).toBeLessThan(object.layout.xdataSize);
      last = end;
    }
    expect(last).toBeLessThanOrEqual(object.layout.textSize);
    const { offsets, sizes, entries: entry, exits } = object.functions;
    const begins = new Set(list.map(({ begin }) => begin));
    for (const at of [...entry, ...exits]) {
      if (at < object.layout.textSize) expect(begins).toContain(at);
    }
    const covered = (at: number) => list.some(({ begin, end }) => at >= begin && at < end);
    let leaves = 0;
    offsets.forEach((at, i) => {
      if (sizes[i] === 0) return;
      const push = object.bytes[object.layout.textOffset + at] === PUSH_RBP;
      if (!push) leaves++;
      expect(begins.has(at)).toBe(push);
      expect(covered(at + sizes[i]! - 1)).toBe(push);
    });
    expect(leaves).toBeGreaterThan(0);
    // Equal descriptions are shared.
    expect(object.layout.xdataSize / 12).toBeLessThan(list.length / 2);
  });

  test('there is no .eh_frame, and other machines refuse it', () => {
    expect(object.layout).toMatchObject({ ehFrameOffset: 0, ehFrameSize: 0 });
    expect(() => checkHost(object.engine, 'x86_64-linux', [])).toThrow(
      "object is for target 'x86_64-windows', this machine is 'x86_64-linux'",
    );
    if (process.platform !== 'win32') {
      expect(() => Runtime.Module.deserialize(object.bytes)).toThrow(/'x86_64-windows'/);
    }
  });

  test.skipIf(!tools)('llvm-readobj --unwind', () => {
    const file = join(dir, `level${optLevel}.obj`);
    writeFileSync(file, coff(object));
    const r = spawnSync('llvm-readobj', ['--unwind', file], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    expect({ status: r.status, stderr: r.stderr }).toEqual({ status: 0, stderr: '' });
    expect(r.stdout.match(/RuntimeFunction \{/g)).toHaveLength(entries(object).length);
    expect(r.stdout).not.toMatch(/unknown|invalid|error/i);
    expect(r.stdout).toMatch(/FrameRegister: RBP/);
    expect(r.stdout).toMatch(/SAVE_XMM128 reg=XMM15, offset=0x0/);
    expect(r.stdout).toMatch(/SET_FPREG reg=RBP, offset=0xC0/);
  });
});
