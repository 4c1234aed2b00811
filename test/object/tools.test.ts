/** What binutils, gdb and an independent ELF library make of our objects. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { sectionsOf } from '../../src-ts/object/sections.ts';
import { objectTarget } from '../../src-ts/object/target.ts';
import { checksum, readObject, writeObject } from '../../src-ts/object/index.ts';
import { sampleInput } from './sample.ts';

const dir = mkdtempSync(join(tmpdir(), 'elfin-object-'));
afterAll(() => rmSync(dir, { recursive: true }));

const bytes = writeObject(sampleInput());
const file = join(dir, 'sample.o');
writeFileSync(file, bytes);

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
    expect(out).toMatch(/FUNC\s+LOCAL\s+DEFAULT\s+1 wasm-function\[2\]/);
    expect(out).toMatch(/FUNC\s+GLOBAL\s+DEFAULT\s+1 elfin\.sample\.run/);
  });

  test('objdump -d', () => {
    const out = run('objdump', '-d', file);
    expect(out).toMatch(/call .*<std::vec<größe>\?>/);
    expect(out).not.toMatch(/\(bad\)/);
  });

  test('gdb', () => {
    expect(run('gdb', '-batch', '-nx', '-ex', 'disassemble run', file)).toMatch(/<\+33>:\s+leave/);
  });

  test('ld -r, and ld with its own check of .eh_frame', () => {
    const other = sampleInput();
    other.module = { ...other.module, moduleName: 'other' };
    const otherFile = join(dir, 'other.o');
    writeFileSync(otherFile, writeObject(other));
    const both = join(dir, 'both.o');
    run('ld', '-r', file, otherFile, '-o', both);
    const linked = join(dir, 'linked');
    run('ld', '--eh-frame-hdr', '-e', 'elfin.sample.run', both, '-o', linked);
    const hdr = run('readelf', '-lW', linked);
    expect(hdr).toMatch(/GNU_EH_FRAME/);
    // The FDE of elfin.other.run must be where the linker put it.
    const symbol = /([0-9a-f]{16}) .*elfin\.other\.run/.exec(run('readelf', '-sW', linked))!;
    const frames = run('readelf', '--debug-dump=frames', linked);
    expect(frames).toContain(`pc=${symbol[1]}..`);
  });

  test('elf-tools', () => {
    const require = createRequire(import.meta.url);
    const { parse } = require('elf-tools') as {
      parse(b: Buffer): { sections: { header: { name: string }; data: Buffer }[] };
    };
    const elf = parse(Buffer.from(bytes));
    const { textOffset, textSize } = readObject(bytes, checksum).layout;
    const text = Buffer.from(bytes.subarray(textOffset, textOffset + textSize));
    expect(elf.sections.length).toBe(sectionsOf(objectTarget('x86_64-linux'), false).length + 1);
    expect(elf.sections[1]!.data.equals(text)).toBe(true);
    expect(elf.sections.map((s) => s.header.name)).toContain('.elfin.engine');
  });
});

/** Rows of `readelf --debug-dump=frames-interp` for the FDE of the function that starts at `pc`. */
function frameRows(pc: string): string[] {
  const out = execFileSync('readelf', ['--debug-dump=frames-interp', file], { encoding: 'utf8' });
  const fde = out.split('\n\n').find((part) => part.includes(`pc=${pc.padStart(16, '0')}..`))!;
  return fde
    .split('\n')
    .slice(1)
    .filter((line) => line !== '')
    .map((line) =>
      line
        .trim()
        .replace(/^0+(?=[0-9a-f])/, '')
        .replace(/\s+/g, ' '),
    );
}

describe('call frame information', () => {
  test('every row of a function with an epilogue in the middle', () => {
    expect(frameRows('0')).toEqual([
      'LOC CFA rbx rbp r12 ra',
      '0 rsp+8 u u u c-8',
      '1 rsp+16 u c-16 u c-8',
      '4 rbp+16 u c-16 u c-8',
      '10 rbp+16 c-24 c-16 c-32 c-8',
      // The saved registers are in the red zone now.
      '22 rsp+8 c-24 u c-32 c-8',
      '23 rbp+16 c-24 c-16 c-32 c-8',
    ]);
  });

  test('a function of 70,000 bytes', () => {
    expect(frameRows('40')).toEqual([
      'LOC CFA rbp ra',
      '40 rsp+8 u c-8',
      '41 rsp+16 c-16 c-8',
      '44 rbp+16 c-16 c-8',
      '111af rsp+8 u c-8',
    ]);
  });

  test('addresses in place agree with the relocations', () => {
    const frames = execFileSync('readelf', ['--debug-dump=frames', file], { encoding: 'utf8' });
    const object = readObject(bytes, checksum);
    const { textOffset, ehFrameOffset } = object.layout;
    const relocs = execFileSync('readelf', ['-rW', file], { encoding: 'utf8' });
    const view = new DataView(bytes.buffer);
    let n = 0;
    for (const m of relocs.matchAll(/^([0-9a-f]{16}) .* \.text \+ ([0-9a-f]+)$/gm)) {
      const field = ehFrameOffset + parseInt(m[1]!, 16);
      expect(field + view.getInt32(field, true)).toBe(textOffset + parseInt(m[2]!, 16));
      n++;
    }
    expect(n).toBe(5);
    expect(frames).toContain('ZERO terminator');
  });
});
