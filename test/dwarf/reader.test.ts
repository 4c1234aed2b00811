/** Reading DWARF as clang and rustc write it: every address answered as llvm-symbolizer answers it. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  Dwarf,
  LINE_END_SEQUENCE,
  rangesOf,
  readLines,
  SourceLookup,
  type DwarfSections,
  type SourceFrame,
} from '../../src-ts/dwarf/index.ts';
import { DW_TAG_subprogram, DW_AT_name } from '../../src-ts/dwarf/constants.ts';
import {
  compileProgram,
  fixture,
  haveClang,
  haveSymbolizer,
  inFolder,
  sectionsOf,
} from './programs.ts';

/** Every address that a row of a line table begins at, and the byte behind it. */
function addressesOf(sections: DwarfSections): number[] {
  const addresses = new Set<number>();
  for (const unit of new Dwarf(sections).units()) {
    const table = readLines(unit);
    for (let i = 0; i < (table?.count ?? 0); i++) {
      const address = table!.addresses[i]!;
      if (!unit.isDead(address)) addresses.add(address).add(address + 1);
    }
  }
  return [...addresses].sort((a, b) => a - b);
}

function text(frames: SourceFrame[]): string {
  const unknown = { name: undefined, file: undefined, line: 0, column: 0 };
  return (frames.length > 0 ? frames : [unknown])
    .map((f) => `${f.name ?? '??'}\n${f.file ?? '??'}:${f.line}:${f.column}`)
    .join('\n');
}

/** llvm-symbolizer's answers. */
function symbolize(module: Uint8Array, addresses: number[]): string[] {
  return inFolder((folder) => {
    const file = join(folder, 'm.wasm');
    writeFileSync(file, module);
    const run = spawnSync(
      'llvm-symbolizer',
      [`--obj=${file}`, '--inlining', '--no-demangle', '--output-style=LLVM'],
      { input: addresses.map((a) => `0x${a.toString(16)}\n`).join(''), maxBuffer: 1 << 28 },
    );
    return run.stdout.toString().trim().split(/\n\n+/);
  });
}

function compare(module: Uint8Array): void {
  const sections = sectionsOf(module);
  const addresses = addressesOf(sections);
  expect(addresses.length).toBeGreaterThan(30);
  const lookup = new SourceLookup(sections);
  const found = addresses.map((a) => `${a}: ${text(lookup.framesAt(a))}`);
  expect(found).toEqual(symbolize(module, addresses).map((t, i) => `${addresses[i]}: ${t}`));
}

const VARIANTS = ['-gdwarf-4', '-gdwarf-5'].flatMap((g) => ['-O0', '-O2'].map((o) => [g, o]));

describe.skipIf(!haveSymbolizer)('as llvm-symbolizer', () => {
  describe.skipIf(!haveClang).each(['crash.c', 'shapes.cc'])('%s', (name) => {
    test.each(VARIANTS)('%s %s', (...flags) => compare(compileProgram(name, flags)));
  });

  test.each(['ring-legacy.wasm', 'ring-v0.wasm'])('%s', (name) => compare(fixture(name)));
});

describe('a Rust module', () => {
  const sections = sectionsOf(fixture('ring-v0.wasm'));

  test('units and functions', () => {
    const units = new Dwarf(sections).units();
    expect(units.map((u) => [u.version, u.addressSize, u.offsetSize])).toContainEqual([4, 4, 4]);
    const names: string[] = [];
    for (const unit of units) {
      const die = unit.entries();
      while (die.next()) {
        if (die.tag !== DW_TAG_subprogram || rangesOf(die).length === 0) continue;
        names.push(die.string(DW_AT_name) ?? '(an instance)');
      }
    }
    expect(names).toEqual(['total', '(an instance)']);
  });

  test('inlined functions, innermost first', () => {
    const lookup = new SourceLookup(sections);
    const deepest = addressesOf(sections)
      .map((a) => lookup.framesAt(a))
      .reduce((a, b) => (b.length > a.length ? b : a));
    const names = deepest.map((f) => `${f.name} ${f.file}:${f.line}`);
    expect(names.length).toBeGreaterThan(5);
    expect(names.at(-1)).toBe('_RNvMCskTBf0LudyZh_4ringINtB2_4RinglKj8_E5totalB2_ /src/ring.rs:25');
  });

  test('a reader can be sent to an entry, and visits what it holds', () => {
    const unit = new Dwarf(sections).units().find((u) => u.root().name?.startsWith('ring.rs'))!;
    const all = unit.entries();
    const entries: { offset: number; depth: number; tag: number }[] = [];
    while (all.next()) entries.push({ offset: all.offset, depth: all.depth, tag: all.tag });
    const some = unit.entries();
    entries.forEach((entry, i) => {
      some.seek(entry.offset);
      expect([some.tag, some.depth]).toEqual([entry.tag, 0]);
      let n = 1;
      while (some.next()) expect(some.offset).toBe(entries[i + n++]!.offset);
      expect(entries[i + n]?.depth ?? -1).toBeLessThanOrEqual(entry.depth);
    });
  });

  test('line rows ascend within a sequence', () => {
    for (const unit of new Dwarf(sections).units()) {
      const t = readLines(unit)!;
      for (let i = 1; i < t.count; i++) {
        if (t.flags[i - 1]! & LINE_END_SEQUENCE) continue;
        expect(t.addresses[i]).toBeGreaterThanOrEqual(t.addresses[i - 1]!);
      }
    }
  });
});
