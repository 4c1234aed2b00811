/** Element and data segments. */
import * as Op from '../gen/wasm.ts';
import { CompileError } from '../util/errors.ts';
import { constExpr } from './constexpr.ts';
import { MAX_DATA_SEGMENTS, MAX_ELEMENT_SEGMENTS, MAX_SEGMENT_ENTRIES } from './limits.ts';
import { atMost } from './sections.ts';
import { refType, type Decoder } from './typebytes.ts';
import {
  FUNCREF,
  I32,
  NULL_FUNC,
  SEGMENT_ACTIVE,
  SEGMENT_DECLARATIVE,
  SEGMENT_PASSIVE,
  typeName,
  type ConstExpr,
  type ElementSegment,
} from './types.ts';

/** Flags of an element segment: bit 0 not active, bit 1 explicit table (active) or declarative, bit 2 expressions. */
export function elementSection(d: Decoder): void {
  const at = d.r.pos;
  const n = d.r.length();
  atMost(n, MAX_ELEMENT_SEGMENTS, 'element segments', at);
  for (let i = 0; i < n; i++) d.m.elements.push(elementSegment(d));
}

function elementSegment(d: Decoder): ElementSegment {
  const { r, m } = d;
  const at = r.pos;
  const flags = r.u32();
  if (flags > 7) throw new CompileError('malformed elements segment kind', at);
  const active = (flags & 1) === 0;
  const tableAt = r.pos;
  const table = active && (flags & 2) !== 0 ? r.u32() : 0;
  if (active && table >= m.tables.length) throw new CompileError(`unknown table ${table}`, tableAt);
  const offset = active ? constExpr(d, I32) : null;
  const type = elementType(d, flags);
  if (active && m.tables[table]!.element !== type) {
    const has = `table ${table} holds ${typeName(m.tables[table]!.element)}`;
    throw new CompileError(`type mismatch: ${has}, the element segment ${typeName(type)}`, at);
  }
  const mode = active ? SEGMENT_ACTIVE : (flags & 2) !== 0 ? SEGMENT_DECLARATIVE : SEGMENT_PASSIVE;
  const items = (flags & 4) !== 0 ? expressionItems(d, type) : indexItems(d);
  return { mode, table, offset, type, ...items };
}

/** The type, written only when the flags do not imply funcref: as an element kind or as a reference type. */
function elementType(d: Decoder, flags: number): number {
  if ((flags & 3) === 0) return FUNCREF;
  if ((flags & 4) !== 0) return refType(d.r, d.features);
  const at = d.r.pos;
  if (d.r.u8() !== 0) throw new CompileError('malformed element kind', at);
  return FUNCREF;
}

type Items = Pick<ElementSegment, 'length' | 'funcs' | 'exprs'>;

function itemCount(d: Decoder): number {
  const at = d.r.pos;
  const n = d.r.length();
  atMost(n, MAX_SEGMENT_ENTRIES, 'element segment entries', at);
  return n;
}

function indexItems(d: Decoder): Items {
  const { r, m } = d;
  const n = itemCount(d);
  const funcs = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    const at = r.pos;
    const index = r.u32();
    if (index >= m.funcCount) throw new CompileError(`unknown function ${index}`, at);
    m.declared[index] = 1;
    funcs[i] = index;
  }
  return { length: n, funcs, exprs: null };
}

/** Expressions; kept as plain indices when they all are ref.func and ref.null. */
function expressionItems(d: Decoder, type: number): Items {
  const n = itemCount(d);
  const exprs: ConstExpr[] = [];
  const funcs = new Uint32Array(n);
  let plain = true;
  for (let i = 0; i < n; i++) {
    const e = constExpr(d, type);
    exprs.push(e);
    if (e.code[0] === Op.REF_FUNC) funcs[i] = e.code[1]!;
    else if (e.code[0] === Op.REF_NULL) funcs[i] = NULL_FUNC;
    else plain = false;
  }
  return plain ? { length: n, funcs, exprs: null } : { length: n, funcs: null, exprs };
}

/** Flags of a data segment: 0 active in memory 0, 1 passive, 2 active with a memory index. */
export function dataSection(d: Decoder): void {
  const { r, m } = d;
  const at = r.pos;
  const n = r.length();
  atMost(n, MAX_DATA_SEGMENTS, 'data segments', at);
  for (let i = 0; i < n; i++) dataSegment(d);
  if (m.dataCount >= 0 && m.dataCount !== n) {
    throw new CompileError('data count and data section have inconsistent lengths', at);
  }
}

function dataSegment(d: Decoder): void {
  const { r, m } = d;
  const at = r.pos;
  const flags = r.u32();
  if (flags > 2) throw new CompileError('malformed data segment kind', at);
  const memoryAt = r.pos;
  const memory = flags === 2 ? r.u32() : 0;
  const active = flags !== 1;
  if (active && memory >= m.memories.length)
    throw new CompileError(`unknown memory ${memory}`, memoryAt);
  const offset = active ? constExpr(d, I32) : null;
  const length = r.length();
  const start = r.pos;
  if (length > r.end - start)
    throw new CompileError('unexpected end of section or function', r.end);
  r.pos = start + length;
  m.data.push({
    mode: active ? SEGMENT_ACTIVE : SEGMENT_PASSIVE,
    memory,
    offset,
    start,
    end: r.pos,
  });
}
