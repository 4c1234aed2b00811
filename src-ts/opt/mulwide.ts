/**
 * 64×64→128-bit multiplication, recognised from the products of 32-bit halves that compilers write for it, since Wasm has
 * no such instruction: the halves become umulh (or smulh) and imul.
 *
 * Let x = x1·2^32 + x0 and y alike, A = x1·y0, B = x0·y1, P = x0·y0, Q = P >> 32, and M = A + B + Q; then x·y =
 * x1·y1·2^64 + M·2^32 + P mod 2^32 exactly. So the high half is x1·y1 + (M >> 32) and the low half P mod 2^32 + (M << 32).
 * M has up to 65 bits, which code avoids in two ways:
 *
 * Split sums. Several partial sums v stand in the high half, each shifted right by 32. Their leaves are A, B, Q, each
 * once in all, and low halves of other partial sums, of each but one, the last. As v = 2^32·(v >> 32) + v mod 2^32, adding up
 * gives 2^32·Σ(v >> 32) + last mod 2^32 = M: the shifted sums together are M >> 32, however they were split. No v may
 * overflow: a product is at most (2^32 - 1)^2, so one product and two numbers below 2^32 still fit.
 *
 * Carries. m = A + B modulo 2^64, low = P + (m << 32) modulo 2^64, and the high half is x1·y1 + (m >> 32), with m's carry
 * (m < A or m < B) counting 2^32 and low's carry (low < P or low < m << 32) counting 1.
 *
 * In the low half only the lower 32 bits of M count, so there its sum may be anything that is A + B + Q modulo 2^32.
 *
 * Sums are matched by their terms, in whatever order they are added up, further terms included.
 */
import * as Op from '../gen/ir.ts';
import { NONE, type Func } from '../ir/func.ts';
import { ok } from './gate.ts';
import { rewriteUses } from './rewrite.ts';

/** Most terms of a sum that are looked at. */
const TERMS = 16;

// Kinds of leaves of a partial sum.
const OTHER = 0;
const LEAF_A = 1;
const LEAF_B = 2;
const LEAF_Q = 3;
const LEAF_LOW = 4;

const terms = new Int32Array(TERMS);
let termCount = 0;
const leaves = new Int32Array(TERMS);
let leafCount = 0;
const stack = new Int32Array(TERMS);

/** Values replaced so far; the products made, as x, y, low half, high half or NONE. */
let leader = new Int32Array(0);
let products: number[] = [];
let x = NONE;
let y = NONE;

function isCount(f: Func, v: number, n: number): boolean {
  return f.op[v] === Op.ICONST && f.imm[v] === n;
}

/** The value whose upper 32 bits v is, else NONE. */
function highOf(f: Func, v: number): number {
  return f.op[v] === Op.USHR && f.ty[v] === Op.T_I64 && isCount(f, f.b[v], 32) ? f.a[v] : NONE;
}

/** The value whose lower 32 bits v is, else NONE. */
function lowOf(f: Func, v: number): number {
  return f.op[v] === Op.ZEXT && f.op[f.a[v]] === Op.WRAP ? f.a[f.a[v]] : NONE;
}

/** The value that v is shifted left by 32, else NONE. */
function raisedOf(f: Func, v: number): number {
  return f.op[v] === Op.ISHL && f.ty[v] === Op.T_I64 && isCount(f, f.b[v], 32) ? f.a[v] : NONE;
}

function isProduct(f: Func, v: number): boolean {
  return f.op[v] === Op.IMUL && f.ty[v] === Op.T_I64;
}

/** Finds x and y of x1·y1. */
function highFactors(f: Func, v: number): boolean {
  if (!isProduct(f, v)) return false;
  x = highOf(f, f.a[v]);
  y = highOf(f, f.b[v]);
  return x !== NONE && y !== NONE;
}

/** Finds x and y of P = x0·y0. */
function lowFactors(f: Func, v: number): boolean {
  if (!isProduct(f, v)) return false;
  x = lowOf(f, f.a[v]);
  y = lowOf(f, f.b[v]);
  return x !== NONE && y !== NONE;
}

/** Whether v is the product of a half of x and a half of y. */
function isHalves(f: Func, v: number, p: typeof highOf, q: typeof highOf): boolean {
  if (!isProduct(f, v)) return false;
  const { a, b } = f;
  return (p(f, a[v]) === x && q(f, b[v]) === y) || (p(f, b[v]) === x && q(f, a[v]) === y);
}

function leafKind(f: Func, v: number): number {
  if (isHalves(f, v, highOf, lowOf)) return LEAF_A;
  if (isHalves(f, v, lowOf, highOf)) return LEAF_B;
  const p = highOf(f, v);
  if (p !== NONE && isHalves(f, p, lowOf, lowOf)) return LEAF_Q;
  return lowOf(f, v) === NONE ? OTHER : LEAF_LOW;
}

/**
 * Lists the summands of the i64 sum v in `out`; `through` tells what a row stands for there, NONE: itself. Returns how many,
 * or 0 when there are too many.
 */
function flatten(
  f: Func,
  v: number,
  out: Int32Array,
  through: (f: Func, v: number) => number,
): number {
  let n = 0;
  let top = 0;
  stack[top++] = v;
  while (top > 0) {
    const t = stack[--top];
    const inner = through(f, t);
    if (top + 2 > TERMS || n === TERMS) return 0;
    if (inner !== NONE) stack[top++] = inner;
    else if (isSum(f, t)) {
      stack[top++] = f.a[t];
      stack[top++] = f.b[t];
    } else out[n++] = t;
  }
  return n;
}

/** A sum that was not replaced, or the disjunction of a raised and a high half, which share no bit. */
function isSum(f: Func, v: number): boolean {
  if (leader[v] !== 0 || f.ty[v] !== Op.T_I64) return false;
  if (f.op[v] === Op.IADD) return true;
  if (f.op[v] !== Op.IOR) return false;
  const { a, b } = f;
  const disjoint = (p: number, q: number): boolean =>
    raisedOf(f, p) !== NONE && (highOf(f, q) !== NONE || lowOf(f, q) !== NONE);
  return disjoint(a[v], b[v]) || disjoint(b[v], a[v]);
}

const exactly = (): number => NONE;

// What the terms of a high half hold: the number of each leaf, and per partial sum its term and whether its low half is used.
const found = new Int32Array(LEAF_LOW);
const partial = new Int32Array(TERMS);
const partialLow = new Uint8Array(TERMS);
let partials = 0;

/** Notes the leaves of a partial sum. False when it has a leaf of another kind, or might overflow. */
function notePartial(f: Func, v: number): boolean {
  leafCount = flatten(f, v, leaves, exactly);
  let wide = 0;
  for (let i = 0; i < leafCount; i++) {
    const kind = leafKind(f, leaves[i]);
    if (kind === OTHER) return false;
    if (kind === LEAF_A || kind === LEAF_B) wide++;
    else if (kind === LEAF_LOW && !isPartial(f, lowOf(f, leaves[i]))) return false;
  }
  if (leafCount === 0 || wide > 1 || (wide === 1 && leafCount > 3)) return false;
  for (let i = 0; i < leafCount; i++) {
    const kind = leafKind(f, leaves[i]);
    if (kind !== LEAF_LOW) found[kind]++;
    else if (!useLow(f, lowOf(f, leaves[i]))) return false;
  }
  return true;
}

/** Whether some term is v >> 32. */
function isPartial(f: Func, v: number): boolean {
  for (let i = 0; i < termCount; i++) if (highOf(f, terms[i]) === v) return true;
  return false;
}

/** Notes that the low half of a partial sum is a leaf; false when it is one more often than it is a term. */
function useLow(f: Func, v: number): boolean {
  for (let i = 0; i < termCount; i++) {
    if (highOf(f, terms[i]) !== v || partialLow[i] !== 0) continue;
    partialLow[i] = 1;
    return true;
  }
  return false;
}

/** Whether the leaves are A, B and Q; of a square A and B are one. */
function isMiddle(withQ: number): boolean {
  const both = found[LEAF_A] + found[LEAF_B] === 2;
  const each = x === y || found[LEAF_A] === 1;
  return both && each && found[LEAF_Q] === withQ;
}

/** M >> 32 as split sums: marks the terms that make it up. */
function splitSums(f: Func): boolean {
  found.fill(0);
  partials = 0;
  partialLow.fill(0);
  for (let i = 0; i < termCount; i++) {
    const v = highOf(f, terms[i]);
    if (v === NONE) continue;
    if (!notePartial(f, v)) return false;
    partial[partials++] = i;
  }
  if (!isMiddle(1)) return false;
  let last = 0;
  for (let k = 0; k < partials; k++) if (partialLow[partial[k]] === 0) last++;
  return last === 1;
}

/** The sum s of which v is the carry, s < an operand of s, as 0 or 1; else NONE. */
function carryOf(f: Func, v: number): number {
  if (f.op[v] === Op.ZEXT) v = f.a[v];
  if (f.op[v] !== Op.ICMP) return NONE;
  const less = f.imm[v] === Op.ICC_ULT;
  if (!less && f.imm[v] !== Op.ICC_UGT) return NONE;
  const s = less ? f.a[v] : f.b[v];
  const operand = less ? f.b[v] : f.a[v];
  return f.op[s] === Op.IADD && (f.a[s] === operand || f.b[s] === operand) ? s : NONE;
}

/** Whether m is A + B. */
function isCross(f: Func, m: number): boolean {
  if (f.op[m] !== Op.IADD) return false;
  found.fill(0);
  found[leafKind(f, f.a[m]) & 3]++;
  found[leafKind(f, f.b[m]) & 3]++;
  return isMiddle(0);
}

/** m when v is P + (m << 32), else NONE. */
function crossOfLow(f: Func, v: number): number {
  const raised = raisedOf(f, f.a[v]);
  const p = raised === NONE ? f.a[v] : f.b[v];
  const m = raised === NONE ? raisedOf(f, f.b[v]) : raised;
  return m !== NONE && isHalves(f, p, lowOf, lowOf) ? m : NONE;
}

/** M >> 32 by carries: marks the terms that make it up. */
function carries(f: Func): boolean {
  let m = NONE;
  partials = 0;
  for (let i = 0; i < termCount; i++) {
    const low = carryOf(f, terms[i]);
    if (low === NONE) continue;
    const cross = crossOfLow(f, low);
    if (cross === NONE) continue;
    if (m !== NONE) return false;
    m = cross;
    partial[partials++] = i;
  }
  if (m === NONE || !isCross(f, m)) return false;
  for (let i = 0; i < termCount; i++) {
    const raised = raisedOf(f, terms[i]);
    const carry = raised !== NONE && carryOf(f, raised) === m;
    if (carry || highOf(f, terms[i]) === m) partial[partials++] = i;
  }
  return partials === 3 && highOf(f, terms[partial[1]]) !== highOf(f, terms[partial[2]]);
}

/** The index of the product of a value and the sign of another among the terms, else NONE. */
function signTerm(f: Func, value: number, sign: number): number {
  for (let i = 0; i < termCount; i++) {
    const t = terms[i];
    if (t === NONE || !isProduct(f, t)) continue;
    const other = f.a[t] === value ? f.b[t] : f.b[t] === value ? f.a[t] : NONE;
    if (
      other !== NONE &&
      f.op[other] === Op.SSHR &&
      f.a[other] === sign &&
      isCount(f, f.b[other], 63)
    )
      return i;
  }
  return NONE;
}

/** The row in products of x·y in this block, made before `at` when there is none. */
function productOf(f: Func, at: number): number {
  for (let k = 0; k < products.length; k += 4) {
    const same = products[k] === x && products[k + 1] === y;
    if (same && f.block[products[k + 2]] === f.block[at]) return k;
  }
  const low = f.newRow(Op.IMUL, Op.T_I64, x, y, NONE, f.pos[at]);
  f.insertBefore(low, at);
  return products.push(x, y, low, NONE) - 4;
}

/** The high half of x·y, beside the low one. */
function highHalf(f: Func, op: number, at: number): number {
  const k = productOf(f, at);
  const unsigned = op === Op.UMULH;
  if (unsigned && products[k + 3] !== NONE) return products[k + 3];
  const high = f.newRow(op, Op.T_I64, x, y, NONE, f.pos[at]);
  f.insertAfter(high, products[k + 2]);
  if (unsigned) products[k + 3] = high;
  return high;
}

/** Makes the umulh that is term k a smulh where the terms have the corrections for that: -(x < 0 ? y : 0) - (y < 0 ? x : 0). */
function makeSigned(f: Func, k: number, at: number): boolean {
  x = f.a[terms[k]];
  y = f.b[terms[k]];
  const i = signTerm(f, x, y);
  const j = signTerm(f, y, x);
  if (i === NONE || j === NONE || i === j || !ok(f, 'multiply-signed')) return false;
  terms[i] = terms[j] = NONE;
  terms[k] = highHalf(f, Op.SMULH, at);
  return true;
}

/** The sum of the terms that are left, before row `at`. */
function sumUp(f: Func, at: number): number {
  let sum = NONE;
  for (let t = 0; t < termCount; t++) {
    if (terms[t] === NONE) continue;
    if (sum !== NONE) {
      const more = f.newRow(Op.IADD, Op.T_I64, sum, terms[t], NONE, f.pos[at]);
      f.insertBefore(more, at);
      sum = more;
    } else sum = terms[t];
  }
  return sum;
}

/** The sum r as a high half and what else is added; NONE when it is no such sum. */
function matchHigh(f: Func, r: number): number {
  termCount = flatten(f, r, terms, exactly);
  for (let i = 0; i < termCount; i++) {
    if (!highFactors(f, terms[i]) || !(splitSums(f) || carries(f))) continue;
    if (!ok(f, 'multiply-high')) return NONE;
    for (let k = 0; k < partials; k++) terms[partial[k]] = NONE;
    terms[i] = highHalf(f, Op.UMULH, r);
    makeSigned(f, i, r);
    return sumUp(f, r);
  }
  return products.length === 0 ? NONE : matchSigned(f, r);
}

/** The sum r, one of whose terms became a umulh before, with smulh for that; else NONE. */
function matchSigned(f: Func, r: number): number {
  for (let i = 0; i < termCount; i++) {
    const high = leader[terms[i]];
    if (high === 0 || f.op[high] !== Op.UMULH) continue;
    terms[i] = high;
    if (makeSigned(f, i, r)) return sumUp(f, r);
  }
  return NONE;
}

/** P mod 2^32 + (M << 32), or P + (A + B << 32): x·y. */
function matchLow(f: Func, r: number): number {
  const raised = raisedOf(f, f.a[r]) === NONE ? f.b[r] : f.a[r];
  const rest = raised === f.a[r] ? f.b[r] : f.a[r];
  const m = raisedOf(f, raised);
  if (m === NONE) return NONE;
  const p = lowOf(f, rest);
  const whole = p === NONE && f.op[r] === Op.IADD;
  if (!lowFactors(f, whole ? rest : p)) return NONE;
  // Modulo 2^32 low halves are what they are halves of.
  leafCount = flatten(f, m, leaves, (g, v) => (leafKind(g, v) === LEAF_LOW ? lowOf(g, v) : NONE));
  found.fill(0);
  for (let i = 0; i < leafCount; i++) {
    const kind = leafKind(f, leaves[i]);
    if (kind === OTHER) return NONE;
    found[kind]++;
  }
  if (!isMiddle(whole ? 0 : 1) || !ok(f, 'multiply-low')) return NONE;
  return products[productOf(f, r) + 2];
}

function hasHighProduct(f: Func): boolean {
  for (let b = 0; b !== NONE; b = f.blockNext[b])
    for (let r = f.first[b]; r !== NONE; r = f.next[r])
      if (f.op[r] === Op.IMUL && highFactors(f, r)) return true;
  return false;
}

/** Replaces the halves of 128-bit products. */
export function wideMultiply(f: Func): void {
  if (!hasHighProduct(f)) return;
  leader = new Int32Array(f.rowCount);
  products = [];
  for (let b = 0; b !== NONE; b = f.blockNext[b]) {
    for (let r = f.first[b]; r !== NONE;) {
      const after = f.next[r];
      const sum = f.ty[r] === Op.T_I64 && (f.op[r] === Op.IADD || f.op[r] === Op.IOR);
      if (sum) {
        let v = matchLow(f, r);
        if (v === NONE && f.op[r] === Op.IADD) v = matchHigh(f, r);
        if (v !== NONE) leader[r] = v;
      }
      r = after;
    }
  }
  if (products.length === 0) return;
  const all = new Int32Array(f.rowCount);
  all.set(leader);
  rewriteUses(f, all);
}
