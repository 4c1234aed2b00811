/** The operators of a function body as text, one line each with its byte offset, for people to read beside IR and machine code. */
import * as W from '../gen/wasm.ts';
import { Reader } from '../util/leb128.ts';

export interface WasmLine {
  /** Byte offset in the module. */
  offset: number;
  /** Nesting depth. */
  depth: number;
  text: string;
}

const NO_ALIGN = 0xff;

const TYPES = new Map([
  [0x7f, 'i32'],
  [0x7e, 'i64'],
  [0x7d, 'f32'],
  [0x7c, 'f64'],
  [0x7b, 'v128'],
  [0x70, 'funcref'],
  [0x6f, 'externref'],
]);

/** The lines of a valid body at bytes[start, end): declarations of locals, then operators. */
export function wasmLines(bytes: Uint8Array, start: number, end: number): WasmLine[] {
  const r = new Reader(bytes, start, end);
  const lines: WasmLine[] = [];
  for (let groups = r.u32(); groups > 0; groups--) {
    const offset = r.pos;
    const count = r.u32();
    lines.push({ offset, depth: 0, text: `local ${count} × ${TYPES.get(r.u8()) ?? '?'}` });
  }
  let depth = 0;
  while (r.pos < end) {
    const offset = r.pos;
    const op = readOpcode(r);
    if (op === W.END || op === W.ELSE) depth = Math.max(0, depth - 1);
    const text = `${W.OP_NAMES[op] ?? '?'} ${immediates(r, op)}`.trimEnd();
    lines.push({ offset, depth, text });
    if (op === W.BLOCK || op === W.LOOP || op === W.IF || op === W.ELSE) depth++;
  }
  return lines;
}

function readOpcode(r: Reader): number {
  const b = r.u8();
  return b === 0xfc ? W.BASE_FC + r.u32() : b;
}

function immediates(r: Reader, op: number): string {
  if (W.OP_ALIGN[op] !== NO_ALIGN) {
    r.u32();
    const offset = r.u32();
    return offset === 0 ? '' : `offset=${offset}`;
  }
  switch (op) {
    case W.BLOCK:
    case W.LOOP:
    case W.IF:
      return blockType(r);
    case W.I32_CONST:
      return String(r.s32());
    case W.I64_CONST:
      return i64(r);
    case W.F32_CONST:
      return float(r, 4);
    case W.F64_CONST:
      return float(r, 8);
    case W.BR_TABLE:
      return labels(r);
    case W.SELECT_T: {
      const types = Array.from({ length: r.u32() }, () => TYPES.get(r.u8()) ?? '?');
      return `(result ${types.join(' ')})`;
    }
    case W.REF_NULL:
      return TYPES.get(r.u8()) === 'externref' ? 'extern' : 'func';
    case W.MEMORY_SIZE:
    case W.MEMORY_GROW:
    case W.MEMORY_FILL:
      r.u8();
      return '';
    case W.MEMORY_COPY:
      r.u8();
      r.u8();
      return '';
    case W.MEMORY_INIT: {
      const segment = r.u32();
      r.u8();
      return String(segment);
    }
    default:
      return Array.from({ length: INDICES.get(op) ?? 0 }, () => r.u32()).join(' ');
  }
}

/** Operators whose immediates are so many plain indices. */
const INDICES = new Map<number, number>([
  ...[
    W.BR,
    W.BR_IF,
    W.CALL,
    W.RETURN_CALL,
    W.LOCAL_GET,
    W.LOCAL_SET,
    W.LOCAL_TEE,
    W.GLOBAL_GET,
    W.GLOBAL_SET,
  ].map((op) => [op, 1] as const),
  ...[
    W.TABLE_GET,
    W.TABLE_SET,
    W.TABLE_SIZE,
    W.TABLE_GROW,
    W.TABLE_FILL,
    W.REF_FUNC,
    W.DATA_DROP,
    W.ELEM_DROP,
  ].map((op) => [op, 1] as const),
  ...[W.CALL_INDIRECT, W.RETURN_CALL_INDIRECT, W.TABLE_COPY, W.TABLE_INIT].map(
    (op) => [op, 2] as const,
  ),
]);

function blockType(r: Reader): string {
  const type = r.s33();
  if (type >= 0) return `(type ${type})`;
  return type === -64 ? '' : `(result ${TYPES.get(type & 0x7f) ?? '?'})`;
}

function i64(r: Reader): string {
  const low = r.s64();
  return String((BigInt(r.hi) << 32n) | BigInt(low >>> 0));
}

function float(r: Reader, size: 4 | 8): string {
  const view = new DataView(r.bytes.buffer, r.bytes.byteOffset + r.pos, size);
  r.pos += size;
  return String(size === 4 ? view.getFloat32(0, true) : view.getFloat64(0, true));
}

function labels(r: Reader): string {
  const n = r.u32() + 1;
  const all = Array.from({ length: n }, () => r.u32());
  return all.join(' ');
}
