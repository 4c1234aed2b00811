/**
 * `memory.copy` and `memory.fill`. A few bytes, their number constant, are loaded and stored in place; the rest is the native
 * helpers' work.
 *
 * In place, nothing must be written unless all of it can be: every load comes before the first store, and the last store in
 * the memory before the others. Addresses are unsigned, so where the last bytes are inside the memory all are; in explicit
 * mode the bounds are checked as for one access of the whole size.
 */
import * as Abi from '../gen/abi.ts';
import * as Ir from '../gen/ir.ts';
import { I32 } from '../wasm/types.ts';
import {
  argList,
  checkBounds,
  checkedBuiltin,
  extend,
  memBase,
  memDef,
  memoryAux,
  memoryIndex,
} from './memory.ts';
import type { State } from './state.ts';

/** Most bytes that are copied or filled in place: four accesses. */
const MAX_BYTES = 32;
const WIDEST = 8;

/** How many bytes an operand says, if they are to be moved in place; else 0. */
function fewBytes(t: State, n: number): number {
  const { f } = t;
  return f.op[n] === Ir.ICONST && f.imm[n]! > 0 && f.imm[n]! <= MAX_BYTES ? f.imm[n]! : 0;
}

/** Width of the accesses that cover so many bytes: all have one width, the last two may overlap. */
function widthFor(bytes: number): number {
  return Math.min(WIDEST, 1 << (31 - Math.clz32(bytes)));
}

function loadChunk(t: State, width: number, from: number, at: number): number {
  const op = width === 1 ? Ir.LOAD8_U : width === 2 ? Ir.LOAD16_U : Ir.LOAD;
  const type = width === WIDEST ? Ir.T_I64 : Ir.T_I32;
  return t.b.load(op, type, memBase(t), from, at, 0, memoryAux(t, Ir.R_MEMORY));
}

function storeChunk(t: State, width: number, to: number, at: number, value: number): void {
  const op = width === 1 ? Ir.STORE8 : width === 2 ? Ir.STORE16 : Ir.STORE;
  t.b.store(op, memBase(t), to, value, at, 0, memoryAux(t, Ir.R_MEMORY));
}

function copyInPlace(t: State, to: number, from: number, bytes: number): void {
  const width = widthFor(bytes);
  const last = bytes - width;
  checkBounds(t, from, 0, bytes);
  checkBounds(t, to, 0, bytes);
  const values: number[] = [];
  for (let at = 0; at < last; at += width) values.push(loadChunk(t, width, from, at));
  storeChunk(t, width, to, last, loadChunk(t, width, from, last));
  for (let i = 0; i < values.length; i++) storeChunk(t, width, to, i * width, values[i]!);
}

/** The low byte of an i32 in every byte of a value of a width. */
function splat(t: State, value: number, width: number): number {
  const { b } = t;
  if (width === 1) return value;
  const byte = b.binary(Ir.IAND, Ir.T_I32, value, b.iconst32(0xff));
  if (width < WIDEST) return b.binary(Ir.IMUL, Ir.T_I32, byte, b.iconst32(0x01010101));
  return b.binary(Ir.IMUL, Ir.T_I64, extend(t, byte), b.iconst64(0x01010101, 0x01010101));
}

function fillInPlace(t: State, to: number, value: number, bytes: number): void {
  const width = widthFor(bytes);
  const last = bytes - width;
  checkBounds(t, to, 0, bytes);
  const wide = splat(t, value, width);
  storeChunk(t, width, to, last, wide);
  for (let at = 0; at < last; at += width) storeChunk(t, width, to, at, wide);
}

export function memoryFill(t: State): void {
  memoryIndex(t);
  const n = t.pop(I32);
  const value = t.pop(I32);
  const to = t.pop(I32);
  if (!t.live) return;
  const bytes = fewBytes(t, n);
  if (bytes > 0) return fillInPlace(t, to, value, bytes);
  const list = argList(t, memDef(t), extend(t, to), value, extend(t, n));
  checkedBuiltin(t, Abi.BUILTIN_MEMORY_FILL, Ir.TRAP_MEMORY_OOB, list);
}

export function memoryCopy(t: State): void {
  memoryIndex(t);
  memoryIndex(t);
  const n = t.pop(I32);
  const from = t.pop(I32);
  const to = t.pop(I32);
  if (!t.live) return;
  const bytes = fewBytes(t, n);
  if (bytes > 0) return copyInPlace(t, to, from, bytes);
  const def = memDef(t);
  const list = argList(t, def, def, extend(t, to), extend(t, from), extend(t, n));
  checkedBuiltin(t, Abi.BUILTIN_MEMORY_COPY, Ir.TRAP_MEMORY_OOB, list);
}
