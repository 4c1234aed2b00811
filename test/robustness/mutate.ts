/** Seeded damage: truncation, flipped bits, replaced and moved bytes; for objects also with the checksum put right. */
import { checksum } from '../../src-ts/object/index.ts';
import { planFile, writeFile } from '../../src-ts/object/elf.ts';
import { writeInfo } from '../../src-ts/object/info.ts';
import { ByteWriter } from '../../src-ts/object/bytes.ts';
import type { ModuleDescription } from '../../src-ts/object/records.ts';
import { EHDR_SIZE, sectionRows, SHDR_SIZE, sectionIndex } from '../../src-ts/object/sections.ts';
import { objectTarget } from '../../src-ts/object/target.ts';
import type { Random } from '../fuzz/random.ts';

const BYTES = [0, 1, 0x7f, 0x80, 0xff, 0x0b, 0x70, 0x6f, 0x40];
const WORDS = [0, 1, 2, 3, 4, 0x7f, 0xff, 0x1000, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff];

/** Truncated (one in ten) or with one to three changes. */
export function damage(source: Uint8Array, random: Random): Uint8Array {
  const bytes = Uint8Array.from(source);
  if (random.below(10) === 0) return bytes.slice(0, random.below(bytes.length));
  for (let n = 1 + random.below(3); n > 0; n--) {
    const at = random.below(bytes.length);
    const kind = random.below(10);
    if (kind < 6) bytes[at]! ^= 1 << random.below(8);
    else if (kind < 7) bytes[at] = random.pick(BYTES);
    else if (kind < 8) bytes[at] = random.below(256);
    else if (kind < 9) bytes[at] = bytes[random.below(bytes.length)]!;
    else bytes.copyWithin(at, random.below(bytes.length), random.below(bytes.length));
  }
  return bytes;
}

/** The sections of an object without debug information. */
const ROWS = sectionRows(false);

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Puts the right checksum on. */
export function seal(bytes: Uint8Array): Uint8Array {
  view(bytes).setUint32(bytes.length - 4, checksum(bytes, 0, bytes.length - 4), true);
  return bytes;
}

interface Section {
  offset: number;
  size: number;
}

function sections(bytes: Uint8Array): Section[] {
  const v = view(bytes);
  const headers = Number(v.getBigUint64(40, true));
  return ROWS.map((_, i) => {
    const at = headers + SHDR_SIZE * (i + 1);
    return {
      offset: Number(v.getBigUint64(at + 24, true)),
      size: Number(v.getBigUint64(at + 32, true)),
    };
  });
}

/** Changes words or bytes of one section other than .text, or of the ELF headers, under a checksum that fits. */
export function corrupt(source: Uint8Array, random: Random): Uint8Array {
  const bytes = Uint8Array.from(source);
  const v = view(bytes);
  const places = sections(bytes).filter((s, i) => i > 0 && s.size > 0);
  places.push({ offset: 0, size: EHDR_SIZE });
  places.push({
    offset: Number(v.getBigUint64(40, true)),
    size: SHDR_SIZE * (ROWS.length + 1),
  });
  const { offset, size } = random.pick(places);
  for (let n = 1 + random.below(2); n > 0; n--) {
    const at = offset + random.below(size);
    const word = at & ~3;
    if (random.below(2) === 0) bytes[at] = random.pick(BYTES);
    else if (random.below(3) === 0) bytes[at]! ^= 1 << random.below(8);
    else if (word + 4 <= bytes.length) {
      const old = v.getUint32(word, true);
      const near = old + random.pick([-4096, -4, -1, 1, 4, 16, 4096]);
      v.setUint32(word, random.below(2) === 0 ? random.pick(WORDS) : near >>> 0, true);
    }
  }
  return seal(bytes);
}

/** The object with another module description in place of its own. */
export function withDescription(source: Uint8Array, module: ModuleDescription): Uint8Array {
  const info = new ByteWriter(256);
  writeInfo(info, module);
  const engineAt = ROWS.length - 1;
  const infoAt = sectionIndex('.elfin.info') - 1;
  const contents = sections(source).map(({ offset, size }, i) =>
    i === infoAt ? info.view() : source.subarray(offset, offset + size - (i === engineAt ? 4 : 0)),
  );
  const t = objectTarget('x86_64-linux');
  const plan = planFile(
    t,
    ROWS,
    contents.map((c, i) => c.length + (i === engineAt ? 4 : 0)),
  );
  const symtab = sectionIndex('.symtab');
  const links = {
    '.rela.eh_frame': { link: symtab, info: sectionIndex('.eh_frame') },
    '.symtab': { link: sectionIndex('.strtab'), info: 1 },
  };
  return writeFile(t, ROWS, plan, contents, links, checksum);
}

const NUMBERS = [
  0,
  1,
  2,
  3,
  5,
  16,
  0x6f,
  0x70,
  0x7b,
  0x7f,
  65536,
  65537,
  10_000_001,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 40,
];
const OPS = [
  { op: 'i32.const', value: 1234567 },
  { op: 'i64.const', value: 0x7fff_0000_1234n },
  { op: 'f32.const', bits: 1 },
  { op: 'f64.const', bits: 1n << 40n },
  { op: 'global.get', index: 0 },
  { op: 'global.get', index: 3 },
  { op: 'ref.null' },
  { op: 'ref.func', index: 0 },
  { op: 'ref.func', index: 2 },
  { op: 'i32.add' },
  { op: 'i64.mul' },
];

type Node = Record<string | number, unknown>;

/** Every number, list and operator of a description, as the object that holds it and the key. */
function places(node: Node, found: [Node, string | number][] = []): [Node, string | number][] {
  for (const [key, value] of Object.entries(node)) {
    if (key === 'funcNames' || key === 'op') continue;
    found.push([node, key]);
    if (typeof value === 'object' && value !== null) places(value as Node, found);
  }
  return found;
}

/** Changes what the description says: numbers, types, operators, lengths of lists. */
export function missay(module: ModuleDescription, random: Random): ModuleDescription {
  const plain = (list: Iterable<number>) => Array.from(list);
  const copy = structuredClone({
    ...module,
    funcTypes: plain(module.funcTypes),
    funcRefs: plain(module.funcRefs),
    elements: module.elements.map((e) => (e.funcs ? { ...e, funcs: plain(e.funcs) } : e)),
    funcNames: [],
  }) as ModuleDescription;
  for (let n = 1 + random.below(2); n > 0; n--) {
    const [holder, key] = random.pick(places(copy as unknown as Node));
    const value = holder[key];
    if (typeof value === 'number') holder[key] = random.pick(NUMBERS);
    else if (typeof value === 'boolean') holder[key] = !value;
    else if (Array.isArray(value)) {
      const list = value as unknown[];
      const isExpr = key === 'offset' || key === 'init' || typeof key === 'number';
      if (isExpr && random.below(2) === 0) list.splice(0, list.length, random.pick(OPS));
      else if (list.length > 0 && random.below(2) === 0) list.pop();
      else if (list.length > 0) list.push(structuredClone(random.pick(list)));
    } else if (typeof value === 'object' && value !== null && 'op' in value) {
      holder[key] = random.pick(OPS);
    }
  }
  return copy;
}
