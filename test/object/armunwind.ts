/** Windows' unwinding on ARM64, written from Microsoft's "ARM64 exception handling" and not from our writer. */
import type { LoadedObject } from '../../src-ts/object/index.ts';

export type Value = number | string;

/** What unwinding reads and makes: x0-x30, the low halves of v8-v15, sp. */
export interface Context {
  x: Value[];
  d: Value[];
  sp: number;
  memory: Map<number, Value>;
}

export interface Entry {
  begin: number;
  end: number;
  data: number;
}

type Op =
  | { op: 'alloc'; bytes: number }
  | { op: 'x' | 'd'; first: number; count: number; at: number; moves: number }
  | { op: 'set_fp' | 'nop' | 'end' | 'end_c' };

export function armEntries({ bytes, layout: l }: LoadedObject): Entry[] {
  const v = new DataView(bytes.buffer, bytes.byteOffset + l.pdataOffset, l.pdataSize);
  const list = Array.from({ length: l.pdataSize / 8 }, (_, i) => ({
    begin: v.getUint32(8 * i, true),
    end: 0,
    data: v.getUint32(8 * i + 4, true),
  }));
  return list.map((entry) => ({ ...entry, end: entry.begin + 4 * wordsOf(bytes, l, entry.data) }));
}

function xdataAt(l: LoadedObject['layout'], data: number): number {
  return l.textOffset + data;
}

function wordsOf(bytes: Uint8Array, l: LoadedObject['layout'], data: number): number {
  if ((data & 3) !== 0) return (data >>> 2) & 0x7ff;
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(xdataAt(l, data), true) & 0x3ffff;
}

const pair = (kind: 'x' | 'd', first: number, at: number, moves: number, count = 2): Op => ({
  op: kind,
  first,
  count,
  at,
  moves,
});

/** Decodes the code at `at`: it and its size in bytes. */
function decode(b: Uint8Array, at: number): [Op, number] {
  const c = b[at]!;
  const w = (c << 8) | b[at + 1]!;
  const z = w & 63;
  const r = (w >> 6) & 15;
  if (c < 0x20) return [{ op: 'alloc', bytes: 16 * c }, 1];
  if (c < 0x40) return [pair('x', 19, 0, 8 * (c & 31)), 1];
  if (c < 0x80) return [pair('x', 29, 8 * (c & 63), 0), 1];
  if (c < 0xc0) return [pair('x', 29, 0, 8 * (c & 63) + 8), 1];
  if (c < 0xc8) return [{ op: 'alloc', bytes: 16 * (w & 0x7ff) }, 2];
  if (c < 0xcc) return [pair('x', 19 + r, 8 * z, 0), 2];
  if (c < 0xd0) return [pair('x', 19 + r, 0, 8 * z + 8), 2];
  if (c < 0xd4) return [pair('x', 19 + r, 8 * z, 0, 1), 2];
  if (c < 0xd6) return [pair('x', 19 + ((w >> 5) & 15), 0, 8 * (w & 31) + 8, 1), 2];
  if (c >= 0xd8 && c < 0xda) return [pair('d', 8 + (r & 7), 8 * z, 0), 2];
  if (c >= 0xda && c < 0xdc) return [pair('d', 8 + (r & 7), 0, 8 * z + 8), 2];
  if (c >= 0xdc && c < 0xde) return [pair('d', 8 + (r & 7), 8 * z, 0, 1), 2];
  if (c === 0xde) return [pair('d', 8 + ((w >> 5) & 7), 0, 8 * (w & 31) + 8, 1), 2];
  if (c === 0xe0) {
    return [{ op: 'alloc', bytes: 16 * ((b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) }, 4];
  }
  if (c === 0xe1) return [{ op: 'set_fp' }, 1];
  if (c === 0xe3) return [{ op: 'nop' }, 1];
  if (c === 0xe4) return [{ op: 'end' }, 1];
  if (c === 0xe5) return [{ op: 'end_c' }, 1];
  throw new Error(`unwind code 0x${c.toString(16)}`);
}

/** Codes from a byte on to `end`, those behind `end_c` too. */
function codesFrom(b: Uint8Array, at: number, limit: number): Op[] {
  const list: Op[] = [];
  for (let p = at; p < limit;) {
    const [op, size] = decode(b, p);
    list.push(op);
    p += size;
    if (op.op === 'end') return list;
  }
  throw new Error('unwind codes without an end');
}

interface Info {
  prologue: Op[];
  epilogues: { start: number; codes: Op[] }[];
}

function unpack(data: number, words: number): Info {
  const bits = (from: number, count: number) => (data >>> from) & ((1 << count) - 1);
  const [regF, regI, homes, cr] = [bits(13, 3), bits(16, 4), bits(20, 1), bits(21, 2)];
  if (regF !== 0 || homes !== 0 || cr !== 3) throw new Error('packed form of another kind');
  const saved = Math.ceil(regI / 2) * 16;
  const local = 16 * bits(23, 9) - saved;
  const done: Op[] = [];
  for (let k = 0; k < regI; k += 2) {
    done.push(pair('x', 19 + k, 8 * k, k === 0 ? saved : 0, Math.min(2, regI - k)));
  }
  if (local <= 512) done.push(pair('x', 29, 0, local));
  else done.push({ op: 'alloc', bytes: local }, pair('x', 29, 0, 0));
  const epilogue: Op[] = [...done.slice().reverse(), { op: 'end' }];
  const body: Op[] = [{ op: 'set_fp' }, ...epilogue];
  if ((data & 3) === 2) return { prologue: [{ op: 'end_c' }, ...body], epilogues: [] };
  return { prologue: body, epilogues: [{ start: words - epilogue.length, codes: epilogue }] };
}

function infoOf({ bytes, layout }: LoadedObject, entry: Entry): Info {
  const words = (entry.end - entry.begin) / 4;
  if ((entry.data & 3) !== 0) return unpack(entry.data, words);
  const v = new DataView(bytes.buffer, bytes.byteOffset);
  let at = xdataAt(layout, entry.data);
  const head = v.getUint32(at, true);
  if ((head & 0x1c0000) !== 0) throw new Error('version or exception data');
  const inHeader = (head & 0x200000) !== 0;
  let count = (head >>> 22) & 31;
  let codeWords = head >>> 27;
  at += 4;
  if (count === 0 && codeWords === 0) {
    const second = v.getUint32(at, true);
    [count, codeWords] = [second & 0xffff, (second >>> 16) & 255];
    at += 4;
  }
  const scopes = at;
  if (!inHeader) at += 4 * count;
  const limit = at + 4 * codeWords;
  if (limit > layout.xdataOffset + layout.xdataSize) throw new Error('.xdata is too short');
  const epilogues: Info['epilogues'] = [];
  if (inHeader) {
    const codes = codesFrom(bytes, at + count, limit);
    epilogues.push({ start: words - codes.length, codes });
  } else {
    for (let k = 0; k < count; k++) {
      const scope = v.getUint32(scopes + 4 * k, true);
      epilogues.push({
        start: scope & 0x3ffff,
        codes: codesFrom(bytes, at + (scope >>> 22), limit),
      });
    }
  }
  return { prologue: codesFrom(bytes, at, limit), epilogues };
}

/** What is left to undo at a place. */
function pending(info: Info, word: number): Op[] {
  const length = info.prologue.findIndex(({ op }) => op === 'end' || op === 'end_c');
  if (word < length) return info.prologue.slice(length - word);
  for (const { start, codes } of info.epilogues) {
    if (word >= start && word < start + codes.length) return codes.slice(word - start);
  }
  return info.prologue;
}

/** Unwinds one frame; the caller's context, its pc in x30. Throws Error for malformed tables or a read of nothing. */
export function unwind(object: LoadedObject, entry: Entry, pc: number, from: Context): Context {
  const c: Context = { ...from, x: from.x.slice(), d: from.d.slice() };
  for (const code of pending(infoOf(object, entry), (pc - entry.begin) / 4)) {
    if (code.op === 'alloc') c.sp += code.bytes;
    else if (code.op === 'set_fp') c.sp = c.x[29] as number;
    else if (code.op === 'x' || code.op === 'd') {
      for (let k = 0; k < code.count; k++) {
        const value = c.memory.get(c.sp + code.at + 8 * k);
        if (value === undefined) throw new Error(`nothing was stored at sp + ${code.at + 8 * k}`);
        if (code.op === 'x') c.x[code.first + k] = value;
        else c.d[code.first - 8 + k] = value;
      }
      c.sp += code.moves;
    }
  }
  return c;
}
