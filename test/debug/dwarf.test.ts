/** Debug information as llvm-dwarfdump and ld see it, and what is done with a module's when it is damaged. */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { compile } from '../../src-ts/compiler/index.ts';
import { checksum, readObject } from '../../src-ts/object/index.ts';
import { decodeModule } from '../../src-ts/wasm/decode.ts';
import { SUPPORTED_FEATURES } from '../../src-ts/wasm/features.ts';
import { Random } from '../fuzz/random.ts';
import { demoModule, demoObject, folder, have, haveClang } from './demo.ts';

const dir = folder();
afterAll(() => rmSync(dir, { recursive: true }));

const VARIANTS = [
  ['-O0', '-gdwarf-4'],
  ['-O2', '-gdwarf-4'],
  ['-O0', '-gdwarf-5'],
  ['-O1', '-gdwarf-5'],
] as const;

function verify(file: string): string {
  const out = execFileSync('llvm-dwarfdump', ['--verify', file], { encoding: 'utf8' });
  return out.trimEnd().split('\n').at(-1)!;
}

describe.skipIf(!haveClang || !have('llvm-dwarfdump'))('llvm-dwarfdump --verify', () => {
  test.each(VARIANTS)('%s %s', (...options) => {
    const module = demoModule(dir, ...options);
    for (const target of ['x86_64-linux', 'aarch64-linux'] as const) {
      for (const optLevel of [0, 2] as const) {
        expect(verify(demoObject(dir, module, { target, optLevel }))).toBe('No errors.');
      }
    }
  });

  test('of what ld makes of two objects', () => {
    const module = demoModule(dir, '-O1');
    const inputs = [0, 2].map((optLevel) =>
      demoObject(dir, module, { target: 'x86_64-linux', optLevel: optLevel as 0 | 2 }),
    );
    const out = join(dir, 'both.o');
    execFileSync('ld', ['-r', '-z', 'muldefs', ...inputs, '-o', out]);
    expect(verify(out)).toBe('No errors.');
  });
});

describe.skipIf(!haveClang)('damaged debug sections', () => {
  test('of a module: the object has debug information that holds together, or none', () => {
    const module = demoModule(dir, '-O1');
    const m = decodeModule(module, SUPPORTED_FEATURES);
    const sections = m.customs.filter((c) => c.name.startsWith('.debug_'));
    const random = new Random(5);
    for (let round = 0; round < 300; round++) {
      const damaged = Uint8Array.from(module);
      const { start, end } = random.pick(sections);
      for (let n = 1 + random.below(4); n > 0; n--) {
        damaged[start + random.below(end - start)] = random.below(256);
      }
      const object = compile(damaged, { debugInfo: true, optLevel: 0 });
      expect(readObject(object, checksum).functions.offsets.length).toBe(m.definedFuncs);
    }
  });

  test('of no module: none in the object', () => {
    const bare = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    expect(Buffer.from(compile(bare, { debugInfo: true })).includes('.debug_info')).toBe(false);
  });
});

test.skipIf(!haveClang)(
  'code is the same with debug information and without, where nothing is copied',
  () => {
    const module = demoModule(dir, '-O1');
    const plain = { inline: false, optOff: ['thread'], leafFrames: true };
    for (const target of ['x86_64-linux', 'aarch64-linux'] as const) {
      const text = (debugInfo: boolean) => {
        const bytes = compile(module, { ...plain, target, debugInfo });
        const { textOffset, textSize } = readObject(bytes, checksum).layout;
        return Buffer.from(bytes.subarray(textOffset, textOffset + textSize));
      };
      expect(text(true).equals(text(false))).toBe(true);
    }
  },
);
