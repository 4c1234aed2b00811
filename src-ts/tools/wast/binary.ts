/**
 * The little of a module's binary that the runner needs: types of exports, and whether it uses something of a
 * later version. The engine under test is the judge of validity; this reader gives up (null) on anything odd.
 */
import { Reader } from '../../util/leb128.ts';

export const I32 = 0x7f;
export const I64 = 0x7e;
export const F32 = 0x7d;
export const F64 = 0x7c;

export interface Signature {
  readonly params: readonly number[];
  readonly results: readonly number[];
}

export interface ExportTypes {
  readonly functions: ReadonlyMap<string, Signature>;
  /** Type byte, and 1 if mutable. */
  readonly globals: ReadonlyMap<string, readonly [number, number]>;
}

interface Tables {
  readonly types: Signature[];
  readonly functions: number[];
  readonly globals: [number, number][];
}

function valueTypes(r: Reader): number[] {
  const list: number[] = [];
  for (let n = r.u32(); n > 0; n--) list.push(r.u8());
  return list;
}

function skipLimits(r: Reader): void {
  const flags = r.u8();
  r.u32();
  if ((flags & 1) !== 0) r.u32();
}

function name(r: Reader): string {
  const length = r.u32();
  r.pos += length;
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
    r.bytes.subarray(r.pos - length, r.pos),
  );
}

function readTypes(r: Reader, t: Tables): void {
  for (let n = r.u32(); n > 0; n--) {
    if (r.u8() !== 0x60) throw new RangeError('not a function type');
    t.types.push({ params: valueTypes(r), results: valueTypes(r) });
  }
}

function readImports(r: Reader, t: Tables): void {
  for (let n = r.u32(); n > 0; n--) {
    name(r);
    name(r);
    const kind = r.u8();
    if (kind === 0) t.functions.push(r.u32());
    else if (kind === 1) {
      r.u8();
      skipLimits(r);
    } else if (kind === 2) skipLimits(r);
    else if (kind === 3) t.globals.push([r.u8(), r.u8()]);
    else throw new RangeError('unknown import kind');
  }
}

/** Constant expressions of 2.0 and extended-const. */
function skipConstant(r: Reader): void {
  for (;;) {
    const op = r.u8();
    if (op === 0x0b) return;
    if (op === 0x41) r.s32();
    else if (op === 0x42) r.s64();
    else if (op === 0x43) r.pos += 4;
    else if (op === 0x44) r.pos += 8;
    else if (op === 0x23 || op === 0xd0 || op === 0xd2) r.u32();
    else if (!(op >= 0x6a && op <= 0x6c) && !(op >= 0x7c && op <= 0x7e)) {
      throw new RangeError('unknown constant instruction');
    }
  }
}

function readGlobals(r: Reader, t: Tables): void {
  for (let n = r.u32(); n > 0; n--) {
    t.globals.push([r.u8(), r.u8()]);
    skipConstant(r);
  }
}

function readExports(
  r: Reader,
  t: Tables,
  into: { f: Map<string, Signature>; g: Map<string, [number, number]> },
): void {
  for (let n = r.u32(); n > 0; n--) {
    const label = name(r);
    const kind = r.u8();
    const index = r.u32();
    if (kind === 0) into.f.set(label, t.types[t.functions[index] as number] as Signature);
    if (kind === 3) into.g.set(label, t.globals[index] as [number, number]);
  }
}

/** Types of the functions and globals that a valid module exports. Empty if it uses types this reader does not know. */
export function exportTypes(bytes: Uint8Array): ExportTypes {
  const t: Tables = { types: [], functions: [], globals: [] };
  const into = { f: new Map<string, Signature>(), g: new Map<string, [number, number]>() };
  try {
    const r = new Reader(bytes, 8);
    while (r.pos < bytes.length) {
      const id = r.u8();
      const end = r.u32() + r.pos;
      if (id === 1) readTypes(r, t);
      else if (id === 2) readImports(r, t);
      else if (id === 3) t.functions.push(...indices(r));
      else if (id === 6) readGlobals(r, t);
      else if (id === 7) readExports(r, t, into);
      r.pos = end;
    }
  } catch {
    // Beyond 2.0: the caller then has no exact types and says so.
  }
  return { functions: into.f, globals: into.g };
}

function indices(r: Reader): number[] {
  const list: number[] = [];
  for (let n = r.u32(); n > 0; n--) list.push(r.u32());
  return list;
}
