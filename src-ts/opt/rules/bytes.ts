/** The bytes of a value in the opposite order, put together from shifted and masked parts. */
import * as Op from '../../gen/ir.ts';
import type { Builder } from '../../ir/build.ts';
import { NONE, type Func } from '../../ir/func.ts';
import { ok } from '../gate.ts';
import { become, isConst, NEXT } from './common.ts';

/** Nesting of operations that is looked at. */
const DEPTH = 6;
/** Place of a byte that is zero. */
const ZERO = -1;

/** By depth: which byte of `source` each byte of the value is. */
const places = Array.from({ length: DEPTH + 1 }, () => new Int8Array(8));
let source = NONE;

/** x | y when that is the bytes of one value turned round. */
export function swapBytes(b: Builder, r: number): number {
  const f = b.f;
  if (!isPart(f.op[f.a[r]]) || !isPart(f.op[f.b[r]])) return NEXT;
  const n = f.ty[r] === Op.T_I32 ? 4 : 8;
  source = NONE;
  if (!trace(f, r, n, DEPTH)) return NEXT;
  const at = places[DEPTH];
  for (let i = 0; i < n; i++) if (at[i] !== n - 1 - i) return NEXT;
  return ok(f, 'or-bswap') ? become(f, r, Op.BSWAP, source) : NEXT;
}

function isPart(op: number): boolean {
  return op === Op.IOR || op === Op.ISHL || op === Op.USHR || op === Op.IAND || op === Op.ROTL;
}

/** Fills places[depth] for a value of n bytes. False when it is not made of whole bytes of one value. */
function trace(f: Func, v: number, n: number, depth: number): boolean {
  const at = places[depth];
  if (depth === 0 || !isPart(f.op[v])) {
    if (source !== NONE && source !== v) return false;
    source = v;
    for (let i = 0; i < n; i++) at[i] = i;
    return true;
  }
  if (!trace(f, f.a[v], n, depth - 1)) return false;
  at.set(places[depth - 1]);
  if (f.op[v] === Op.IOR) return trace(f, f.b[v], n, depth - 1) && join(at, places[depth - 1], n);
  if (!isConst(f, f.b[v])) return false;
  const lo = f.imm[f.b[v]];
  if (f.op[v] === Op.IAND) return mask(at, lo, f.imm2[f.b[v]], n);
  return (lo & 7) === 0 && move(at, f.op[v], (lo >> 3) & (n - 1), n);
}

/** The bytes of a disjunction: at each place one of the two is zero. */
function join(at: Int8Array, other: Int8Array, n: number): boolean {
  for (let i = 0; i < n; i++) {
    if (other[i] === ZERO) continue;
    if (at[i] !== ZERO) return false;
    at[i] = other[i];
  }
  return true;
}

function mask(at: Int8Array, lo: number, hi: number, n: number): boolean {
  for (let i = 0; i < n; i++) {
    const byte = ((i < 4 ? lo : hi) >> (8 * (i & 3))) & 0xff;
    if (byte === 0) at[i] = ZERO;
    else if (byte !== 0xff && at[i] !== ZERO) return false;
  }
  return true;
}

/** Shifts or rotates by k bytes. */
function move(at: Int8Array, op: number, k: number, n: number): boolean {
  const left = op === Op.USHR ? -k : k;
  const old = places[0];
  old.set(at);
  for (let i = 0; i < n; i++) {
    const from = i - left;
    const inside = from >= 0 && from < n;
    at[i] = inside ? old[from] : op === Op.ROTL ? old[from & (n - 1)] : ZERO;
  }
  return true;
}
