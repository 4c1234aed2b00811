/**
 * Making rows at the end of a block: what the frontend and passes call. Every row goes through {@link Builder.emit}, so
 * that the optimiser's peephole rules (`fold`) see it as it is built.
 */
import * as Op from '../gen/ir.ts';
import { EMPTY, NONE, type Func } from './func.ts';

/**
 * Peephole hook: is given a row just filled in and not yet in a block; returns the value to use instead (an existing
 * row or a new one it has emitted), or the row itself to keep it.
 */
export type Fold = (builder: Builder, row: number) => number;

export class Builder {
  readonly f: Func;
  /** Block that rows are appended to. */
  block = 0;
  /** Row that new rows are put before; NONE: they are appended to `block`. */
  before = NONE;
  /** Wasm byte offset given to new rows. */
  pos = 0;
  fold: Fold | null = null;

  constructor(f: Func) {
    this.f = f;
  }

  /** Lets the peephole rules see a filled-in row, and appends it when it is kept. */
  emit(r: number): number {
    if (this.fold !== null) {
      const v = this.fold(this, r);
      if (v !== r) return v;
    }
    if (this.before === NONE) this.f.append(r, this.block);
    else this.f.insertBefore(r, this.before);
    return r;
  }

  /** Rows of constants made last, by a few bits of their value; an entry counts only after its columns were compared. */
  private readonly constants = new Int32Array(64);

  /** Rows are appended from here on, and constants made before are not looked at: what comes out depends on nothing earlier. */
  restart(): void {
    this.before = NONE;
    this.constants.fill(0);
  }

  /** An equal constant that this block already has, or NONE; `place` is where a new one is to be noted. */
  private known(op: number, ty: number, lo: number, hi: number, place: number): number {
    const f = this.f;
    const r = this.constants[place]!;
    if (r >= f.rowCount || this.before !== NONE || f.block[r] !== this.block) return NONE;
    const same = f.op[r] === op && f.ty[r] === ty && f.imm[r] === lo && f.imm2[r] === hi;
    return same ? r : NONE;
  }

  iconst32(v: number): number {
    const f = this.f;
    const place = (v ^ (v >> 6)) & 63;
    const k = this.known(Op.ICONST, Op.T_I32, v, 0, place);
    if (k !== NONE) return k;
    const r = f.newRow(Op.ICONST, Op.T_I32, NONE, NONE, NONE, this.pos);
    f.imm[r] = v;
    this.constants[place] = r;
    return this.emit(r);
  }

  /** An i64 (or ref) constant of two halves. */
  iconst64(lo: number, hi: number, ty = Op.T_I64): number {
    const f = this.f;
    const place = (lo ^ (lo >> 6) ^ hi ^ 32) & 63;
    const k = this.known(Op.ICONST, ty, lo, hi, place);
    if (k !== NONE) return k;
    const r = f.newRow(Op.ICONST, ty, NONE, NONE, NONE, this.pos);
    f.imm[r] = lo;
    f.imm2[r] = hi;
    this.constants[place] = r;
    return this.emit(r);
  }

  /** A float constant by its bits. */
  fconst(ty: number, lo: number, hi: number): number {
    const f = this.f;
    const r = f.newRow(Op.FCONST, ty, NONE, NONE, NONE, this.pos);
    f.imm[r] = lo;
    f.imm2[r] = hi;
    return this.emit(r);
  }

  unary(op: number, ty: number, a: number): number {
    return this.emit(this.f.newRow(op, ty, a, NONE, NONE, this.pos));
  }

  binary(op: number, ty: number, a: number, b: number): number {
    return this.emit(this.f.newRow(op, ty, a, b, NONE, this.pos));
  }

  icmp(cc: number, a: number, b: number): number {
    const r = this.f.newRow(Op.ICMP, Op.T_I32, a, b, NONE, this.pos);
    this.f.imm[r] = cc;
    return this.emit(r);
  }

  fcmp(cc: number, a: number, b: number): number {
    const r = this.f.newRow(Op.FCMP, Op.T_I32, a, b, NONE, this.pos);
    this.f.imm[r] = cc;
    return this.emit(r);
  }

  select(ty: number, cond: number, ifTrue: number, ifFalse: number): number {
    return this.emit(this.f.newRow(Op.SELECT, ty, cond, ifTrue, ifFalse, this.pos));
  }

  /** Any load of isa/ir/ops.ts; `index` may be NONE; the offset is an unsigned 64-bit number in two halves. */
  load(
    op: number,
    ty: number,
    base: number,
    index: number,
    offset: number,
    offsetHi: number,
    aux: number,
  ): number {
    const f = this.f;
    const r = f.newRow(op, ty, base, index, NONE, this.pos);
    f.imm[r] = offset;
    f.imm2[r] = offsetHi;
    f.aux[r] = aux;
    return this.emit(r);
  }

  store(
    op: number,
    base: number,
    index: number,
    value: number,
    offset: number,
    offsetHi: number,
    aux: number,
  ): number {
    const f = this.f;
    const r = f.newRow(op, Op.T_VOID, base, index, value, this.pos);
    f.imm[r] = offset;
    f.imm2[r] = offsetHi;
    f.aux[r] = aux;
    return this.emit(r);
  }

  bound(index: number, limit: number, end: number, endHi: number): number {
    const r = this.f.newRow(Op.BOUND, Op.T_VOID, index, limit, NONE, this.pos);
    this.f.imm[r] = end;
    this.f.imm2[r] = endHi;
    return this.emit(r);
  }

  trapif(cond: number, trap: number): number {
    const r = this.f.newRow(Op.TRAPIF, Op.T_VOID, cond, NONE, NONE, this.pos);
    this.f.imm[r] = trap;
    return this.emit(r);
  }

  /**
   * A call row of any kind; `list` holds the context and the arguments. ty is the single result's type, else VOID; the
   * caller appends PROJ rows for several results with {@link proj}.
   */
  call(op: number, ty: number, target: number, list: number, imm: number, sig: number): number {
    const f = this.f;
    const r = f.newRow(op, ty, target, NONE, list, this.pos);
    f.imm[r] = imm;
    f.aux[r] = sig;
    return this.emit(r);
  }

  proj(call: number, index: number, ty: number): number {
    const r = this.f.newRow(Op.PROJ, ty, call, NONE, NONE, this.pos);
    this.f.imm[r] = index;
    return this.emit(r);
  }

  // ---- terminators (never folded here: `opt/branch` does that) ----

  private terminate(
    op: number,
    a: number,
    list: number,
    imm: number,
    imm2: number,
    aux = 0,
  ): number {
    const f = this.f;
    const r = f.newRow(op, Op.T_VOID, a, NONE, list, this.pos);
    f.imm[r] = imm;
    f.imm2[r] = imm2;
    f.aux[r] = aux;
    f.append(r, this.block);
    return r;
  }

  /** Jumps; `args` is a list with one value per parameter of the target. */
  jump(to: number, args = EMPTY): number {
    return this.terminate(Op.JUMP, NONE, EMPTY, this.f.newEdge(this.block, to, args), 1);
  }

  brif(cond: number, ifTrue: number, argsTrue: number, ifFalse: number, argsFalse: number): number {
    const e = this.f.newEdge(this.block, ifTrue, argsTrue);
    this.f.newEdge(this.block, ifFalse, argsFalse);
    return this.terminate(Op.BRIF, cond, EMPTY, e, 2);
  }

  /** Edges must have been created by the caller, contiguous: first edge and count; the last is the default. */
  brtable(index: number, firstEdge: number, count: number): number {
    return this.terminate(Op.BRTABLE, index, EMPTY, firstEdge, count);
  }

  ret(list: number): number {
    return this.terminate(Op.RET, NONE, list, 0, 0);
  }

  trap(code: number): number {
    return this.terminate(Op.TRAP, NONE, EMPTY, code, 0);
  }

  /** RETCALL (imm = function) or RETCALLIND (target = code address). */
  retcall(op: number, target: number, list: number, imm: number, sig: number): number {
    return this.terminate(op, target, list, imm, 0, sig);
  }
}
