/** The image of an object that perf maps: what tools make of it, and that it stays an error when the object is damaged. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { compile } from '../../src-ts/compiler/index.ts';
import { writeImage } from '../../src-ts/object/image.ts';
import { checksum, ObjectError, readObject, writeObject } from '../../src-ts/object/index.ts';
import { demoModule } from '../debug/demo.ts';
import { missing } from '../unwind/guest.ts';
import { sampleInput } from './sample.ts';

const dir = mkdtempSync(join(tmpdir(), 'elfin-image-'));
afterAll(() => rmSync(dir, { recursive: true }));

const object = readObject(writeObject(sampleInput()), checksum);
const file = join(dir, 'image.so');
writeFileSync(file, writeImage(object));

function run(tool: string, ...args: string[]): string {
  const r = spawnSync(tool, args, { encoding: 'utf8', maxBuffer: 1 << 26 });
  expect({ status: r.status, stderr: r.stderr }).toEqual({ status: 0, stderr: '' });
  return r.stdout;
}

test('every byte but the file header is where the object has it', () => {
  const image = writeImage(object);
  const symtab = object.ranges['.symtab'];
  const { bytes } = object;
  const kept = (from: number, to: number) =>
    expect(Buffer.compare(image.subarray(from, to), bytes.subarray(from, to))).toBe(0);
  kept(64, symtab.offset);
  kept(symtab.offset + symtab.size, bytes.length);
});

test('readelf: segments, sections and symbols', () => {
  const out = run('readelf', '-aW', file);
  expect(out).not.toMatch(/warning|error|corrupt/i);
  expect(out).toMatch(/Type:\s+DYN/);
  expect(out).toMatch(/LOAD +0x001000 0x0+1000 0x0+1000 0x\w+ 0x\w+ R E 0x1000/);
  expect(out).toMatch(/\.eh_frame_hdr +PROGBITS/);
  expect(out).toMatch(/0+1000 +\d+ FUNC +LOCAL +DEFAULT +1 /);
});

describe.skipIf(missing('llvm-readobj').length > 0)('llvm-readobj', () => {
  test('the search table names every FDE, ascending', () => {
    const out = run('llvm-readobj', '--unwind', file);
    const table = [...out.matchAll(/initial_location: 0x(\w+)\n\s+address: 0x(\w+)/g)];
    const frames = run('readelf', '--debug-dump=frames', file);
    const fdes = [...frames.matchAll(/^(\w+) \w+ \w+ FDE cie=\w+ pc=0*(\w+)\.\./gm)];
    const section = object.ranges['.eh_frame'].offset;
    expect(table.map(([, code, at]) => [parseInt(code!, 16), parseInt(at!, 16)])).toEqual(
      fdes.map(([, at, code]) => [parseInt(code!, 16), section + parseInt(at!, 16)]),
    );
    expect(table.length).toBeGreaterThan(2);
  });
});

const DEBUG_TOOLS = ['clang', 'wasm-ld', 'llvm-dwarfdump', 'addr2line'];
describe.skipIf(missing(...DEBUG_TOOLS).length > 0)('with debug information', () => {
  test('addresses lead to source lines', () => {
    const debug = readObject(compile(demoModule(dir), { debugInfo: true }), checksum);
    const path = join(dir, 'debug.so');
    writeFileSync(path, writeImage(debug));
    expect(run('llvm-dwarfdump', '--verify', path)).toMatch(/No errors/);
    const symbols = run('readelf', '-sW', path);
    const address = /([0-9a-f]{16}) +\d+ FUNC +LOCAL +DEFAULT +1 weigh$/m.exec(symbols)![1]!;
    expect(run('addr2line', '-f', '-e', path, address)).toMatch(/^weigh\n.*demo\.c:\d+\n$/);
  });
});

test('damaged tables are refused or make an image', () => {
  const { offset, size } = object.ranges['.eh_frame'];
  for (let at = offset; at < offset + size; at += 3) {
    const bytes = object.bytes.slice();
    bytes[at] = 0xff - bytes[at]!;
    const damaged = Object.create(object, { bytes: { value: bytes } }) as typeof object;
    try {
      writeImage(damaged);
    } catch (error) {
      expect(error).toBeInstanceOf(ObjectError);
    }
  }
});
