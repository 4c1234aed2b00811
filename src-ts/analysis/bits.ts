/**
 * Cheap facts about the bits of an integer value, from a few levels of its definition. Both functions answer a number of bits
 * n, at most the width: `unsignedBits`: all bits from n up are 0; `signedBits`: the value is the sign extension of its low n.
 */
import * as Op from '../gen/ir.ts';
import type { Func } from '../ir/func.ts';
import { ensure8 } from './scratch.ts';

const DEPTH = 4;

/** Unsigned bits of block parameters below `learned`, while a pass has them found (parambits.ts). */
let params = new Uint8Array(0);
let learned = 0;

/** Room for the bits of the parameters among `rows` rows, all 0: the caller fills it in. */
export function learnParams(rows: number): Uint8Array {
  params = ensure8(params, rows);
  params.fill(0, 0, rows);
  learned = rows;
  return params;
}

/** Parameters are unknown again. */
export function forgetParams(): void {
  learned = 0;
}

/** Bits of an integer value's type. */
export function bitWidth(f: Func, v: number): number {
  return f.ty[v] === Op.T_I32 ? 32 : 64;
}

function constBits(f: Func, v: number): number {
  if (f.ty[v] !== Op.T_I32 && f.imm2[v] !== 0) return 64 - Math.clz32(f.imm2[v]);
  return 32 - Math.clz32(f.imm[v]);
}

/** Count of a constant shift, or -1. */
function shiftCount(f: Func, r: number, width: number): number {
  return f.op[f.b[r]] === Op.ICONST ? f.imm[f.b[r]] & (width - 1) : -1;
}

export function unsignedBits(f: Func, v: number, depth = DEPTH): number {
  const width = bitWidth(f, v);
  if (f.op[v] === Op.ICONST) return constBits(f, v);
  if (depth === 0) return width;
  switch (f.op[v]) {
    case Op.PARAM:
      return v < learned ? params[v] : width;
    case Op.ICMP:
    case Op.FCMP:
      return 1;
    case Op.LOAD8_U:
      return 8;
    case Op.LOAD16_U:
      return 16;
    case Op.LOAD32_U:
      return 32;
    case Op.CLZ:
    case Op.CTZ:
    case Op.POPCNT:
      return 7;
    case Op.ZEXT:
      return unsignedBits(f, f.a[v], depth - 1);
    case Op.WRAP:
      return Math.min(32, unsignedBits(f, f.a[v], depth - 1));
    default:
      return binaryBits(f, v, depth, width);
  }
}

function binaryBits(f: Func, v: number, depth: number, width: number): number {
  const d = depth - 1;
  switch (f.op[v]) {
    case Op.IAND:
      return Math.min(unsignedBits(f, f.b[v], d), unsignedBits(f, f.a[v], d));
    case Op.IOR:
    case Op.IXOR:
      return Math.max(unsignedBits(f, f.b[v], d), unsignedBits(f, f.a[v], d));
    case Op.SELECT:
      return Math.max(unsignedBits(f, f.b[v], d), unsignedBits(f, f.c[v], d));
    case Op.IADD:
      return Math.min(width, Math.max(unsignedBits(f, f.b[v], d), unsignedBits(f, f.a[v], d)) + 1);
    case Op.IMUL:
      return Math.min(width, unsignedBits(f, f.b[v], d) + unsignedBits(f, f.a[v], d));
    case Op.UDIV:
      return unsignedBits(f, f.a[v], d);
    case Op.UREM:
      return Math.min(unsignedBits(f, f.b[v], d), unsignedBits(f, f.a[v], d));
    case Op.USHR: {
      const n = shiftCount(f, v, width);
      return n < 0 ? width : Math.max(0, unsignedBits(f, f.a[v], d) - n);
    }
    case Op.ISHL: {
      const n = shiftCount(f, v, width);
      return n < 0 ? width : Math.min(width, unsignedBits(f, f.a[v], d) + n);
    }
    default:
      return width;
  }
}

export function signedBits(f: Func, v: number): number {
  const width = bitWidth(f, v);
  switch (f.op[v]) {
    case Op.LOAD8_S:
    case Op.SEXT8:
      return 8;
    case Op.LOAD16_S:
    case Op.SEXT16:
      return 16;
    case Op.LOAD32_S:
    case Op.SEXT32:
    case Op.SEXT:
      return 32;
    case Op.ICONST:
      return constSignedBits(f, v);
    default:
      return Math.min(width, unsignedBits(f, v) + 1);
  }
}

function constSignedBits(f: Func, v: number): number {
  const lo = f.imm[v];
  if (f.ty[v] === Op.T_I32 || f.imm2[v] === lo >> 31) return 33 - Math.clz32(lo ^ (lo >> 31));
  return 65 - Math.clz32(f.imm2[v] ^ (f.imm2[v] >> 31));
}
