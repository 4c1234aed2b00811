// A slow and obvious interpreter of IR functions, to run what the frontend (or a pass) made without any back end.
//
// Every value is the unsigned bit pattern as a BigInt. Addresses are (area << 40) + offset; an area is one ArrayBuffer:
// the instance context, memory, tables and so on, laid out as isa/abi/vmctx.ts says. An access outside linear memory is a
// trap, outside any other area an error of the translation. Only funcref tables, one memory, no reference-valued host calls.
import * as Abi from '../../src-ts/gen/abi.ts';
import * as Op from '../../src-ts/gen/ir.ts';
import * as Wasm from '../../src-ts/gen/wasm.ts';
import { Translator } from '../../src-ts/frontend/translate.ts';
import { Builder } from '../../src-ts/ir/build.ts';
import { NONE, Func } from '../../src-ts/ir/func.ts';
import { verify } from '../../src-ts/ir/verify.ts';
import { KIND_FUNC, NULL_FUNC, type ConstExpr, type ModuleInfo } from '../../src-ts/wasm/types.ts';

export class Trap extends Error {}
export type HostFunction = (args: bigint[]) => bigint[];

const AREA_BITS = 40n;
const CTX = 1n;
const MEMORY = 2n;
const DEFS = 3n;
const SEGMENTS = 4n;
const IMPORTS = 5n;
const TABLES = 16n;
const CODE = 0x800n << AREA_BITS;
const MAX_DEPTH = 60;
const MAX_STEPS = 3000000;
const PAGE = 65536;
const MAX_GROW = 300n;

const u32 = (x: bigint): bigint => BigInt.asUintN(32, x);
const u64 = (x: bigint): bigint => BigInt.asUintN(64, x);
const scratch = new DataView(new ArrayBuffer(8));

function toF32(bits: bigint): number {
  scratch.setUint32(0, Number(u32(bits)));
  return scratch.getFloat32(0);
}
function toF64(bits: bigint): number {
  scratch.setBigUint64(0, bits);
  return scratch.getFloat64(0);
}
function fromF32(x: number): bigint {
  scratch.setFloat32(0, x);
  return BigInt(scratch.getUint32(0));
}
function fromF64(x: number): bigint {
  scratch.setFloat64(0, x);
  return scratch.getBigUint64(0);
}
const trap = (code: number): never => {
  throw new Trap(Op.TRAP_TEXTS[code]);
};

/** Arithmetic on bit patterns: integers of `bits` bits, or floats. */
function integer(op: number, a: bigint, b: bigint, bits: number): bigint {
  const n = BigInt(bits);
  const s = (x: bigint): bigint => BigInt.asIntN(bits, x);
  const u = (x: bigint): bigint => BigInt.asUintN(bits, x);
  const k = b & (n - 1n);
  switch (op) {
    case Op.IADD:
      return u(a + b);
    case Op.ISUB:
      return u(a - b);
    case Op.IMUL:
      return u(a * b);
    case Op.IAND:
      return a & b;
    case Op.IOR:
      return a | b;
    case Op.IXOR:
      return a ^ b;
    case Op.ISHL:
      return u(a << k);
    case Op.USHR:
      return a >> k;
    case Op.SSHR:
      return u(s(a) >> k);
    case Op.ROTL:
      return u((a << k) | (a >> (n - k)));
    case Op.ROTR:
      return u((a >> k) | (a << (n - k)));
    case Op.SDIV:
      if (b === 0n) trap(Op.TRAP_INTEGER_DIVIDE_BY_ZERO);
      if (s(b) === -1n && s(a) === -(1n << (n - 1n))) trap(Op.TRAP_INTEGER_OVERFLOW);
      return u(s(a) / s(b));
    case Op.UDIV:
      return b === 0n ? trap(Op.TRAP_INTEGER_DIVIDE_BY_ZERO) : a / b;
    case Op.SREM:
      return b === 0n ? trap(Op.TRAP_INTEGER_DIVIDE_BY_ZERO) : u(s(a) % s(b));
    case Op.UREM:
      return b === 0n ? trap(Op.TRAP_INTEGER_DIVIDE_BY_ZERO) : a % b;
    case Op.CLZ:
      return BigInt(bits - (a === 0n ? 0 : a.toString(2).length));
    case Op.CTZ:
      return a === 0n ? n : BigInt((a & -a).toString(2).length - 1);
    case Op.POPCNT:
      return BigInt(a.toString(2).replace(/0/g, '').length);
    case Op.SEXT8:
      return u(BigInt.asIntN(8, a));
    case Op.SEXT16:
      return u(BigInt.asIntN(16, a));
    case Op.SEXT32:
      return u(BigInt.asIntN(32, a));
  }
  throw new Error(`interpreter: integer op ${Op.OP_NAMES[op]}`);
}

function nearest(x: number): number {
  if (!Number.isFinite(x) || x === 0) return x;
  const floor = Math.floor(x);
  const d = x - floor;
  const r = d < 0.5 || (d === 0.5 && floor % 2 === 0) ? floor : floor + 1;
  return r === 0 && x < 0 ? -0 : r;
}

function float(op: number, x: number, y: number): number {
  switch (op) {
    case Op.FADD:
      return x + y;
    case Op.FSUB:
      return x - y;
    case Op.FMUL:
      return x * y;
    case Op.FDIV:
      return x / y;
    case Op.FMIN:
      return Math.min(x, y);
    case Op.FMAX:
      return Math.max(x, y);
    case Op.FSQRT:
      return Math.sqrt(x);
    case Op.FCEIL:
      return Math.ceil(x);
    case Op.FFLOOR:
      return Math.floor(x);
    case Op.FTRUNC:
      return Math.trunc(x);
    case Op.FNEAREST:
      return nearest(x);
  }
  throw new Error(`interpreter: float op ${Op.OP_NAMES[op]}`);
}

function compareInt(cc: number, a: bigint, b: bigint, bits: number): boolean {
  const s = (x: bigint): bigint => BigInt.asIntN(bits, x);
  const base = [a === b, false, s(a) < s(b), false, s(a) > s(b), false, a < b, false, a > b][
    cc & ~1
  ]!;
  return (cc & 1) === 0 ? base : !base;
}

const compareFloat = (cc: number, x: number, y: number): boolean =>
  [x === y, x !== y, x < y, x > y, x <= y, x >= y][cc]!;

/** One instance of a module, run by interpretation. Tables and globals that are imported are not supported. */
export class Interpreter {
  readonly m: ModuleInfo;
  private readonly t: Translator;
  private readonly bytes: Uint8Array;
  private readonly explicit: boolean;
  private readonly host: HostFunction[];
  private readonly areas = new Map<bigint, DataView>();
  private readonly funcs = new Map<number, Func>();
  private depth = 0;
  private steps = 0;

  constructor(bytes: Uint8Array, m: ModuleInfo, explicit: boolean, host: HostFunction[]) {
    this.bytes = bytes;
    this.m = m;
    this.explicit = explicit;
    this.host = host;
    this.t = new Translator(bytes, m, { explicitChecks: explicit }, new Builder(new Func()));
    this.setUp();
  }

  // ---- the instance ----

  private area(id: bigint, size: number): DataView {
    const view = new DataView(new ArrayBuffer(size));
    this.areas.set(id, view);
    return view;
  }

  private setUp(): void {
    const { m } = this;
    const l = this.t.layout.ctx;
    const ctx = this.area(CTX, l.size);
    this.area(DEFS, 32 * (1 + m.tables.length));
    this.area(SEGMENTS, 16 * (m.data.length + m.elements.length));
    this.area(IMPORTS, 32 * m.importedFuncs);
    ctx.setBigUint64(Abi.CTX_DATA_SEGMENTS, SEGMENTS << AREA_BITS, true);
    const elements = (SEGMENTS << AREA_BITS) + BigInt(16 * m.data.length);
    ctx.setBigUint64(Abi.CTX_ELEM_SEGMENTS, elements, true);
    for (let i = 0; i < m.importedFuncs; i++) {
      ctx.setBigUint64(l.funcImports + 24 * i, CODE + BigInt(i), true);
      ctx.setBigUint64(l.funcImports + 24 * i + 16, this.funcRef(i), true);
      this.writeFuncRef(this.funcRef(i), i);
    }
    m.signatures.forEach((_, i) => ctx.setUint32(l.typeIds + 4 * i, i + 100, true));
    for (const f of this.t.layout.funcRefs) this.writeFuncRef(this.funcRef(f), f);
    m.globals.forEach((g, i) => ctx.setBigUint64(l.globals + 16 * i, this.evaluate(g.init!), true));
    this.setUpMemory(ctx, l.memories);
    this.setUpTables(ctx, l.tables);
  }

  private setUpMemory(ctx: DataView, at: number): void {
    const { m } = this;
    if (m.memories.length === 0) return;
    const bytes = this.area(MEMORY, m.memories[0]!.min * PAGE).byteLength;
    const def = DEFS << AREA_BITS;
    ctx.setBigUint64(at, def, true);
    ctx.setBigUint64(at + 8, this.explicit ? 0n : MEMORY << AREA_BITS, true);
    this.poke(def + BigInt(Abi.MEMORY_BASE), 8, MEMORY << AREA_BITS);
    this.poke(def + BigInt(Abi.MEMORY_BYTES), 8, BigInt(bytes));
    const memory = new Uint8Array(this.areas.get(MEMORY)!.buffer);
    for (const d of m.data) {
      if (d.offset === null) continue;
      const to = Number(this.evaluate(d.offset));
      if (to + d.end - d.start > bytes) trap(Op.TRAP_MEMORY_OOB);
      memory.set(this.bytes.subarray(d.start, d.end), to);
    }
    m.data.forEach((d, i) => {
      const length = d.offset === null ? d.end - d.start : 0;
      this.areas.get(SEGMENTS)!.setBigUint64(16 * i + 8, BigInt(length), true);
    });
  }

  private setUpTables(ctx: DataView, at: number): void {
    const { m } = this;
    m.tables.forEach((table, i) => {
      const def = (DEFS << AREA_BITS) + BigInt(32 * (i + 1));
      ctx.setBigUint64(at + 8 * i, def, true);
      const base = (TABLES + BigInt(i)) << AREA_BITS;
      this.area(TABLES + BigInt(i), table.min * 32);
      this.poke(def + BigInt(Abi.TABLE_BASE), 8, base);
      this.poke(def + BigInt(Abi.TABLE_LENGTH), 8, BigInt(table.min));
      for (let k = 0; k < table.min; k++) this.setEntry(base + BigInt(32 * k), NULL_FUNC);
    });
    for (const e of m.elements) {
      if (e.offset === null || e.funcs === null) continue;
      const base = ((TABLES + BigInt(e.table)) << AREA_BITS) + 32n * this.evaluate(e.offset);
      e.funcs.forEach((f, k) => this.setEntry(base + BigInt(32 * k), f));
    }
  }

  private setEntry(at: bigint, func: number): void {
    const none = func === NULL_FUNC;
    this.poke(at + BigInt(Abi.FUNC_ENTRY_CODE), 8, none ? 0n : CODE + BigInt(func));
    this.poke(at + BigInt(Abi.FUNC_ENTRY_CTX), 8, none ? 0n : CTX << AREA_BITS);
    const id = none ? BigInt(Abi.NULL_TYPE_ID) : BigInt(this.m.funcSignature(func) + 100);
    this.poke(at + BigInt(Abi.FUNC_ENTRY_TYPE_ID), 4, id);
    this.poke(at + BigInt(Abi.FUNC_ENTRY_REF), 8, none ? 0n : this.funcRef(func));
  }

  private funcRef(func: number): bigint {
    if (func < this.m.importedFuncs) return (IMPORTS << AREA_BITS) + BigInt(32 * func);
    const { ctx, funcRefSlot } = this.t.layout;
    return (CTX << AREA_BITS) + BigInt(ctx.funcRefs + 32 * funcRefSlot[func]!);
  }

  private writeFuncRef(at: bigint, func: number): void {
    this.poke(at, 8, CODE + BigInt(func));
  }

  private evaluate(e: ConstExpr): bigint {
    const [op, lo, hi] = e.code as unknown as [number, number, number];
    if (op === Wasm.REF_NULL) return 0n;
    if (op === Wasm.REF_FUNC) return this.funcRef(lo);
    if (op === Wasm.GLOBAL_GET || e.code.length > 3)
      throw new Error('interpreter: constant expression');
    return (u32(BigInt(hi)) << 32n) | u32(BigInt(lo));
  }

  // ---- memory ----

  private locate(at: bigint, size: number): [DataView, number] {
    const id = at >> AREA_BITS;
    const view = this.areas.get(id);
    const offset = Number(at & ((1n << AREA_BITS) - 1n));
    if (view !== undefined && offset + size <= view.byteLength) return [view, offset];
    if (id !== MEMORY || this.explicit)
      throw new Error(`interpreter: access to 0x${at.toString(16)}`);
    return trap(Op.TRAP_MEMORY_OOB);
  }

  private peek(at: bigint, size: number): bigint {
    const [view, o] = this.locate(at, size);
    if (size === 8) return view.getBigUint64(o, true);
    return BigInt(
      size === 4
        ? view.getUint32(o, true)
        : size === 2
          ? view.getUint16(o, true)
          : view.getUint8(o),
    );
  }

  private poke(at: bigint, size: number, value: bigint): void {
    const [view, o] = this.locate(at, size);
    if (size === 8) view.setBigUint64(o, value, true);
    else if (size === 4) view.setUint32(o, Number(u32(value)), true);
    else if (size === 2) view.setUint16(o, Number(value & 0xffffn), true);
    else view.setUint8(o, Number(value & 0xffn));
  }

  /** Contents of the memory. */
  memory(): Uint8Array {
    const view = this.areas.get(MEMORY);
    return view === undefined ? new Uint8Array(0) : new Uint8Array(view.buffer);
  }

  // ---- running ----

  /** Calls an exported function with bit patterns. */
  invoke(name: string, args: bigint[]): bigint[] {
    const e = this.m.exports.find((x) => x.name === name && x.kind === KIND_FUNC)!;
    this.depth = 0;
    this.steps = 0;
    return this.callFunction(e.index, args);
  }

  private callFunction(index: number, args: bigint[]): bigint[] {
    const { importedFuncs } = this.m;
    if (index < importedFuncs) return this.host[index]!(args);
    if (this.depth >= MAX_DEPTH) throw new Trap('depth');
    this.depth++;
    let next: { index: number; args: bigint[] } | bigint[] = { index, args };
    while (!Array.isArray(next)) {
      if (next.index < importedFuncs) next = this.host[next.index]!(next.args);
      else next = this.run(this.func(next.index - importedFuncs), next.args);
    }
    this.depth--;
    return next;
  }

  private func(index: number): Func {
    let f = this.funcs.get(index);
    if (f === undefined) {
      f = new Func(64, 16);
      const t = new Translator(
        this.bytes,
        this.m,
        { explicitChecks: this.explicit },
        new Builder(f),
      );
      t.translate(index);
      const errors = verify(f);
      if (errors.length > 0) throw new Error(`verifier: ${errors.join('\n')}`);
      this.funcs.set(index, f);
    }
    return f;
  }

  private run(f: Func, args: bigint[]): bigint[] | { index: number; args: bigint[] } {
    const v: bigint[] = [];
    const results = new Map<number, bigint[]>();
    let block = 0;
    let incoming = [CTX << AREA_BITS, ...args];
    for (;;) {
      let edge = NONE;
      for (let r = f.first[block]!; r !== NONE; r = f.next[r]!) {
        if (++this.steps > MAX_STEPS) throw new Trap('steps');
        const op = f.op[r]!;
        if ((Op.OP_FACTS[op]! & Op.F_TERMINATOR) !== 0) {
          if (op === Op.TRAP) trap(f.imm[r]!);
          if (op === Op.RET) return this.list(f, f.c[r]!, v);
          if (op === Op.RETCALL) {
            return {
              index: f.imm[r]! + this.m.importedFuncs,
              args: this.list(f, f.c[r]!, v).slice(1),
            };
          }
          if (op === Op.RETCALLIND) {
            return { index: Number(v[f.a[r]!]! - CODE), args: this.list(f, f.c[r]!, v).slice(1) };
          }
          edge = this.edge(f, r, v);
        } else if (op === Op.PARAM) v[r] = incoming[f.imm[r]!]!;
        else if (op === Op.PROJ) v[r] = results.get(f.a[r]!)![f.imm[r]!]!;
        else this.step(f, r, op, v, results);
      }
      incoming = this.list(f, f.edgeArgs[edge]!, v);
      block = f.edgeTo[edge]!;
    }
  }

  private list(f: Func, l: number, v: bigint[]): bigint[] {
    return Array.from({ length: f.listLength(l) }, (_, i) => v[f.listGet(l, i)]!);
  }

  private edge(f: Func, r: number, v: bigint[]): number {
    const first = f.imm[r]!;
    if (f.op[r] === Op.JUMP) return first;
    const a = v[f.a[r]!]!;
    if (f.op[r] === Op.BRIF) return a !== 0n ? first : first + 1;
    const n = BigInt(f.imm2[r]! - 1);
    return first + Number(a < n ? a : n);
  }

  private step(f: Func, r: number, op: number, v: bigint[], results: Map<number, bigint[]>): void {
    if (op === Op.CALL || op === Op.CALLIND) {
      const args = this.list(f, f.c[r]!, v).slice(1);
      const index = op === Op.CALL ? f.imm[r]! + this.m.importedFuncs : Number(v[f.a[r]!]! - CODE);
      const out = this.callFunction(index, args);
      results.set(r, out);
      v[r] = out[0]!;
    } else if (op === Op.CALLBUILTIN) v[r] = this.builtin(f.imm[r]!, this.list(f, f.c[r]!, v));
    else if (op >= Op.LOAD && op <= Op.STORE32) this.access(f, r, op, v);
    else if (op === Op.BOUND) {
      const end = (u32(BigInt(f.imm2[r]!)) << 32n) | u32(BigInt(f.imm[r]!));
      if (v[f.a[r]!]! + end > v[f.b[r]!]!) trap(Op.TRAP_MEMORY_OOB);
    } else if (op === Op.TRAPIF) {
      if (v[f.a[r]!]! !== 0n) trap(f.imm[r]!);
    } else if (op === Op.SIGCHECK) {
      const found = v[f.a[r]!]!;
      if (found === BigInt(Abi.NULL_TYPE_ID)) trap(Op.TRAP_UNINITIALIZED_ELEMENT);
      if (found !== v[f.b[r]!]!) trap(Op.TRAP_INDIRECT_CALL_MISMATCH);
    } else v[r] = this.compute(f, r, op, v);
  }

  private access(f: Func, r: number, op: number, v: bigint[]): void {
    const offset = (u32(BigInt(f.imm2[r]!)) << 32n) | u32(BigInt(f.imm[r]!));
    const at = v[f.a[r]!]! + (f.b[r] === NONE ? 0n : v[f.b[r]!]!) + offset;
    const name = Op.OP_NAMES[op]!;
    const narrow = /\d+/.exec(name);
    const value = op >= Op.STORE ? f.c[r]! : r;
    const wide = f.ty[value] === Op.T_I32 || f.ty[value] === Op.T_F32 ? 4 : 8;
    const size = narrow !== null ? Number(narrow[0]) / 8 : wide;
    if (op >= Op.STORE) return this.poke(at, size, v[value]!);
    const raw = this.peek(at, size);
    v[r] = name.endsWith('_s') ? BigInt.asUintN(wide * 8, BigInt.asIntN(size * 8, raw)) : raw;
  }

  private compute(f: Func, r: number, op: number, v: bigint[]): bigint {
    const ty = f.ty[r]!;
    const a = v[f.a[r]!] ?? 0n;
    const b = v[f.b[r]!] ?? 0n;
    const from = f.ty[f.a[r]!]!;
    const bits = (t: number): number => (t === Op.T_I32 || t === Op.T_F32 ? 32 : 64);
    const num = (x: bigint, t: number): number => (t === Op.T_F32 ? toF32(x) : toF64(x));
    switch (op) {
      case Op.ICONST:
      case Op.FCONST: {
        const lo = u32(BigInt(f.imm[r]!));
        return bits(ty) === 32 ? lo : lo | (u32(BigInt(f.imm2[r]!)) << 32n);
      }
      case Op.ICMP:
        return compareInt(f.imm[r]!, a, b, bits(from)) ? 1n : 0n;
      case Op.FCMP:
        return compareFloat(f.imm[r]!, num(a, from), num(b, from)) ? 1n : 0n;
      case Op.SELECT:
        return a !== 0n ? b : v[f.c[r]!]!;
      case Op.WRAP:
        return u32(a);
      case Op.SEXT:
        return u64(BigInt.asIntN(32, a));
      case Op.ZEXT:
      case Op.BITCAST:
        return a;
      case Op.FDEMOTE:
        return fromF32(toF64(a));
      case Op.FPROMOTE:
        return fromF64(toF32(a));
      case Op.FNEG:
        return a ^ (1n << BigInt(bits(ty) - 1));
      case Op.FABS:
        return a & ~(1n << BigInt(bits(ty) - 1));
      case Op.FCOPYSIGN: {
        const sign = 1n << BigInt(bits(ty) - 1);
        return (a & ~sign) | (b & sign);
      }
      case Op.FTOI_S:
      case Op.FTOI_U:
      case Op.FTOI_SAT_S:
      case Op.FTOI_SAT_U:
        return truncate(num(a, from), bits(ty), op);
      case Op.ITOF_S:
      case Op.ITOF_U:
        return convert(op === Op.ITOF_S ? BigInt.asIntN(bits(from), a) : a, ty);
    }
    if (ty === Op.T_F32) return fromF32(Math.fround(float(op, toF32(a), toF32(b))));
    if (ty === Op.T_F64) return fromF64(float(op, toF64(a), toF64(b)));
    return integer(op, a, b, bits(ty));
  }

  // ---- native helpers ----

  private builtin(number: number, args: bigint[]): bigint {
    switch (number) {
      case Abi.BUILTIN_MEMORY_GROW:
        return this.grow(args[2]!);
      case Abi.BUILTIN_MEMORY_FILL:
        return this.fill(args);
      case Abi.BUILTIN_MEMORY_COPY:
        return this.copy(args);
      case Abi.BUILTIN_MEMORY_INIT:
        return this.init(args);
      case Abi.BUILTIN_SEGMENT_DROP:
        this.poke(args[1]! + 8n, 8, 0n);
        return 0n;
    }
    throw new Error(`interpreter: builtin ${Abi.BUILTIN_NAMES[number]}`);
  }

  private grow(delta: bigint): bigint {
    const old = this.memory();
    const pages = BigInt(old.length / PAGE);
    const max = this.m.memories[0]!.max;
    if (pages + delta > BigInt(max < 0 ? PAGE : max)) return u64(-1n);
    if (delta > MAX_GROW) throw new Trap('steps');
    new Uint8Array(this.area(MEMORY, old.length + Number(delta) * PAGE).buffer).set(old);
    this.poke((DEFS << AREA_BITS) + BigInt(Abi.MEMORY_BYTES), 8, (pages + delta) * BigInt(PAGE));
    return pages;
  }

  private fill([, , to, value, n]: bigint[]): bigint {
    if (to! + n! > BigInt(this.memory().length)) return 1n;
    this.memory().fill(Number(value! & 0xffn), Number(to), Number(to! + n!));
    return 0n;
  }

  private copy([, , , to, from, n]: bigint[]): bigint {
    const size = BigInt(this.memory().length);
    if (to! + n! > size || from! + n! > size) return 1n;
    this.memory().copyWithin(Number(to), Number(from), Number(from! + n!));
    return 0n;
  }

  private init([, , segment, to, from, n]: bigint[]): bigint {
    const length = this.peek(segment! + 8n, 8);
    if (from! + n! > length || to! + n! > BigInt(this.memory().length)) return 1n;
    const d = this.m.data[Number(segment! & 0xffffffffn) / 16]!;
    this.memory().set(
      this.bytes.subarray(d.start + Number(from), d.start + Number(from! + n!)),
      Number(to),
    );
    return 0n;
  }
}

function truncate(x: number, bits: number, op: number): bigint {
  const signed = op === Op.FTOI_S || op === Op.FTOI_SAT_S;
  const min = signed ? -(1n << BigInt(bits - 1)) : 0n;
  const max = (signed ? 1n << BigInt(bits - 1) : 1n << BigInt(bits)) - 1n;
  const saturate = op === Op.FTOI_SAT_S || op === Op.FTOI_SAT_U;
  if (Number.isNaN(x)) return saturate ? 0n : trap(Op.TRAP_INVALID_CONVERSION);
  if (!Number.isFinite(x)) {
    if (!saturate) trap(Op.TRAP_INTEGER_OVERFLOW);
    return BigInt.asUintN(bits, x > 0 ? max : min);
  }
  const i = BigInt(Math.trunc(x));
  if (i >= min && i <= max) return BigInt.asUintN(bits, i);
  if (!saturate) trap(Op.TRAP_INTEGER_OVERFLOW);
  return BigInt.asUintN(bits, i > max ? max : min);
}

/** Correctly rounded integer to float; f32 from 64 bits must not round twice. */
function convert(x: bigint, ty: number): bigint {
  if (ty === Op.T_F64) return fromF64(Number(x));
  const negative = x < 0n;
  let n = negative ? -x : x;
  const extra = n.toString(2).length - 26;
  if (extra > 0) {
    const sticky = (n & ((1n << BigInt(extra)) - 1n)) !== 0n ? 1n : 0n;
    n = ((n >> BigInt(extra)) | sticky) << BigInt(extra);
  }
  return fromF32(Math.fround(Number(negative ? -n : n)));
}
