/**
 * One pass over the bytes of a function body: every operator is validated as it is met (core specification, appendix
 * "Validation Algorithm") and, where it can be reached, translated into SSA at once.
 *
 * - The operand stack is two columns, type and value. In code that can not be reached (`live` is false) only types count.
 * - A control frame is a row in columns too. The target block of a `block` or `if` is made by the first branch to it,
 *   so that constructs nobody leaves early cost nothing.
 * - Plain operators are checked by their table row (plain.ts); what has an immediate or a type of its own is a method here
 *   or a function in memory.ts, tables.ts, calls.ts.
 */
import * as Ir from '../gen/ir.ts';
import * as Op from '../gen/wasm.ts';
import { EMPTY, NONE, type Func } from '../ir/func.ts';
import { Builder } from '../ir/build.ts';
import { CompileError } from '../util/errors.ts';
import { Reader } from '../util/leb128.ts';
import { refuseOpcode } from '../wasm/features.ts';
import { MAX_BR_TABLE, MAX_LOCALS } from '../wasm/limits.ts';
import { heapType, valueType } from '../wasm/sections.ts';
import { BOT, F32, F64, FUNCREF, I32, I64, isRef, typeName, typeNames } from '../wasm/types.ts';
import type { FuncType, ModuleInfo } from '../wasm/types.ts';
import { call, callIndirect, refFunc } from './calls.ts';
import { growI32 } from './columns.ts';
import { ModuleSignatures, irType, moduleLayout, type ModuleLayout } from './layout.ts';
import * as Memory from './memory.ts';
import * as Plain from './plain.ts';
import { Ssa } from './ssa.ts';
import * as Table from './tables.ts';

export interface TranslateSettings {
  /** Memory accesses check bounds themselves and reload the base; otherwise guard pages do it and the base never moves. */
  readonly explicitChecks: boolean;
}

const FRAME_BLOCK = 0;
const FRAME_LOOP = 1;
const FRAME_IF = 2;
const FRAME_ELSE = 3;

const NO_TYPES = new Int32Array(0);

export class Translator {
  readonly m: ModuleInfo;
  readonly r: Reader;
  readonly layout: ModuleLayout;
  readonly signatures: ModuleSignatures;
  readonly explicit: boolean;
  f: Func;
  b: Builder;
  ssa: Ssa;

  /** Position of the operator being translated, for errors. */
  pos = 0;
  /** The code being translated can be reached. */
  live = true;
  /** The instance context. */
  ctx = 0;
  /** Grows when values computed before need not dominate any more: caches of base addresses hang on it. */
  region = 0;
  readonly cache = new Memory.AddressCache();

  // Operand stack; `height` is where the innermost frame's part starts.
  types = new Int32Array(1024);
  values = new Int32Array(1024);
  sp = 0;
  height = 0;

  // Control frames.
  private depth = 0;
  private kind = new Uint8Array(64);
  private base = new Int32Array(64);
  private unreachable = new Uint8Array(64);
  private enteredLive = new Uint8Array(64);
  private target = new Int32Array(64);
  private elseBlock = new Int32Array(64);
  private start = new Int32Array(64);
  private from = new Int32Array(64);
  private params: Int32Array[] = [];
  private results: Int32Array[] = [];

  // Locals, parameters first.
  private localTypes = new Int32Array(256);
  private localIr = new Uint8Array(256);
  private localCount = 0;

  /** Types of the block being entered. */
  private blockParams: Int32Array = NO_TYPES;
  private blockResults: Int32Array = NO_TYPES;
  private readonly single = new Map<number, Int32Array>();

  /**
   * @param bytes the module
   * @param m its description by decodeModule, of the same bytes
   */
  constructor(bytes: Uint8Array, m: ModuleInfo, settings: TranslateSettings, builder: Builder) {
    this.m = m;
    this.r = new Reader(bytes);
    this.layout = moduleLayout(m);
    this.signatures = new ModuleSignatures(m);
    this.explicit = settings.explicitChecks;
    this.b = builder;
    this.f = builder.f;
    this.ssa = new Ssa(builder.f);
  }

  /**
   * Validates a function body and translates it into the builder's function.
   *
   * @param index index among the defined functions
   * @throws CompileError with the offset of the operator that is invalid
   */
  translate(index: number): void {
    const { m, r } = this;
    r.pos = m.bodies[2 * index]!;
    r.end = m.bodies[2 * index + 1]!;
    const funcIndex = m.importedFuncs + index;
    const type = m.funcType(funcIndex);
    this.f.clear(index, m.funcSignature(funcIndex), this.signatures);
    try {
      this.begin(type);
      this.body();
      this.ssa.finish();
    } catch (e) {
      this.ssa.reset();
      throw e;
    }
  }

  private body(): void {
    const { r } = this;
    while (this.depth > 0) {
      const pos = r.pos;
      this.pos = pos;
      this.b.pos = pos;
      const op = r.u8();
      switch (Plain.ACTION[op]) {
        case Plain.ACT_BINARY:
          this.binary(op);
          break;
        case Plain.ACT_UNARY:
          this.unary(op);
          break;
        case Plain.ACT_ICMP:
          this.compare(op, false);
          break;
        case Plain.ACT_FCMP:
          this.compare(op, true);
          break;
        case Plain.ACT_EQZ:
          this.eqz(op);
          break;
        case Plain.ACT_LOAD:
          Memory.load(this, op);
          break;
        case Plain.ACT_STORE:
          Memory.store(this, op);
          break;
        default:
          this.other(op);
      }
    }
    if (r.pos !== r.end)
      this.fail('END opcode expected: operators after the end of the function', r.pos);
  }

  // ---- errors ----

  /** Refuses the operator being translated. */
  fail(what: string, at = this.pos): never {
    throw new CompileError(`${what} (function ${this.m.importedFuncs + this.f.index})`, at);
  }

  private opName(): string {
    const { bytes } = this.r;
    const byte = bytes[this.pos]!;
    if (byte !== 0xfc) return Op.OP_NAMES[byte]!;
    const r = new Reader(bytes, this.pos + 1, this.r.end);
    return Op.OP_NAMES[Op.BASE_FC + r.u32()]!;
  }

  mismatch(expected: number, found: number): never {
    this.fail(
      `type mismatch: ${this.opName()} expects ${typeName(expected)}, found ${typeName(found)}`,
    );
  }

  // ---- the operand stack ----

  push(type: number, value: number): void {
    const sp = this.sp++;
    if (sp >= this.types.length) this.growStack(sp);
    this.types[sp] = type;
    this.values[sp] = value;
  }

  private growStack(n: number): void {
    this.types = growI32(this.types, n);
    this.values = growI32(this.values, n);
  }

  /** Pops an operand of a type; its value means nothing unless the code is live. */
  pop(expected: number): number {
    if (this.sp === this.height) return this.popEmpty(expected);
    const found = this.types[--this.sp]!;
    if (found !== expected && found !== BOT) this.mismatch(expected, found);
    return this.values[this.sp]!;
  }

  /** The polymorphic stack gives anything; any other stack is empty. */
  private popEmpty(expected: number): number {
    if (this.unreachable[this.depth - 1] === 1) return 0;
    const what = expected === BOT ? 'an operand' : typeName(expected);
    return this.fail(`type mismatch: ${this.opName()} expects ${what}, but the stack is empty`);
  }

  /** Pops an operand of any type and returns the type; the value stays above the stack pointer. */
  popAny(): number {
    if (this.sp === this.height) {
      this.popEmpty(BOT);
      return BOT;
    }
    return this.types[--this.sp]!;
  }

  /** Checks that the top of the stack has the given types, and only takes note of it. */
  private checkTop(want: Int32Array, retype: boolean): void {
    const n = want.length;
    const missing = n - (this.sp - this.height);
    if (missing > 0) this.fillBottom(want, missing);
    const at = this.sp - n;
    for (let i = 0; i < n; i++) {
      const found = this.types[at + i]!;
      if (found === want[i]) continue;
      if (found !== BOT) this.mismatchTop(want);
      if (retype) this.types[at + i] = want[i]!;
    }
  }

  /** Materialises operands that the polymorphic stack has to give below those that are there. */
  private fillBottom(want: Int32Array, missing: number): void {
    if (this.unreachable[this.depth - 1] === 0) this.mismatchTop(want);
    while (this.sp + missing > this.types.length) this.growStack(this.sp + missing);
    const { types, values, height, sp } = this;
    types.copyWithin(height + missing, height, sp);
    values.copyWithin(height + missing, height, sp);
    types.fill(BOT, height, height + missing);
    values.fill(0, height, height + missing);
    this.sp = sp + missing;
  }

  private mismatchTop(want: Int32Array): never {
    const from = Math.max(this.height, this.sp - want.length);
    const found = typeNames(this.types.subarray(from, this.sp));
    this.fail(`type mismatch: ${this.opName()} expects ${typeNames(want)}, the stack has ${found}`);
  }

  /** Pops operands of the given types; the value of number i is then `values[sp + i]`. */
  popAll(want: Int32Array): void {
    this.checkTop(want, true);
    this.sp -= want.length;
  }

  /** The stack below the innermost frame is out of reach: the rest of the frame is dead. */
  setUnreachable(): void {
    this.sp = this.height;
    this.unreachable[this.depth - 1] = 1;
    this.live = false;
  }

  // ---- function frame ----

  private begin(type: FuncType): void {
    const { f, b, ssa } = this;
    this.readLocals(type.params);
    this.depth = 0;
    this.sp = 0;
    this.live = true;
    this.region++;
    b.pos = this.m.bodies[2 * f.index]!;
    const entry = f.newBlock();
    f.placeBlock(entry);
    b.block = entry;
    ssa.start(this.localIr, this.localCount);
    ssa.addBlock(entry);
    this.ctx = f.addParam(entry, Ir.T_I64, b.pos);
    ssa.setHead(this.ctx);
    for (let i = 0; i < type.params.length; i++) {
      const row = f.newRow(Ir.PARAM, this.localIr[i]!, NONE, NONE, NONE, b.pos);
      f.imm[row] = i + 1;
      f.append(row, entry);
      ssa.defineParam(i, row);
    }
    f.paramCount[entry] = type.params.length + 1;
    this.blockParams = NO_TYPES;
    this.blockResults = type.results;
    this.pushFrame(FRAME_BLOCK);
  }

  private readLocals(params: Int32Array): void {
    this.localCount = 0;
    for (let i = 0; i < params.length; i++) this.addLocals(1, params[i]!);
    const { r } = this;
    const groups = r.u32();
    for (let i = 0; i < groups; i++) {
      const at = r.pos;
      const n = r.u32();
      if (n + this.localCount > MAX_LOCALS) {
        this.fail(`too many locals: ${n + this.localCount}, the limit is ${MAX_LOCALS}`, at);
      }
      this.addLocals(n, valueType(r, this.m.features));
    }
  }

  private addLocals(n: number, type: number): void {
    const end = this.localCount + n;
    if (end > this.localTypes.length) {
      this.localTypes = growI32(this.localTypes, end);
      const ir = new Uint8Array(this.localTypes.length);
      ir.set(this.localIr);
      this.localIr = ir;
    }
    this.localTypes.fill(type, this.localCount, end);
    this.localIr.fill(irType(type), this.localCount, end);
    this.localCount = end;
  }

  // ---- plain operators ----

  private binary(op: number): void {
    const type = Plain.OPERAND[op]!;
    const y = this.pop(type);
    const x = this.pop(type);
    const out = Plain.RESULT[op]!;
    this.push(out, this.live ? this.b.binary(Plain.IR_OP[op]!, out, x, y) : 0);
  }

  private unary(op: number): void {
    const x = this.pop(Plain.OPERAND[op]!);
    const out = Plain.RESULT[op]!;
    this.push(out, this.live ? this.b.unary(Plain.IR_OP[op]!, out, x) : 0);
  }

  private compare(op: number, float: boolean): void {
    const type = Plain.OPERAND[op]!;
    const y = this.pop(type);
    const x = this.pop(type);
    let value = 0;
    if (this.live)
      value = float ? this.b.fcmp(Plain.IR_OP[op]!, x, y) : this.b.icmp(Plain.IR_OP[op]!, x, y);
    this.push(I32, value);
  }

  private eqz(op: number): void {
    const type = Plain.OPERAND[op]!;
    const x = this.pop(type);
    let value = 0;
    if (this.live) {
      const zero = type === I32 ? this.b.iconst32(0) : this.b.iconst64(0, 0);
      value = this.b.icmp(Ir.ICC_EQ, x, zero);
    }
    this.push(I32, value);
  }

  /** Everything with an immediate or a type of its own, and what is no operator. */
  private other(op: number): void {
    switch (op) {
      case Op.LOCAL_GET:
        return this.localGet();
      case Op.LOCAL_SET:
        return this.localSet();
      case Op.LOCAL_TEE:
        return this.localTee();
      case Op.I32_CONST:
        return this.i32Const();
      case Op.I64_CONST:
        return this.i64Const();
      case Op.F32_CONST:
        return this.f32Const();
      case Op.F64_CONST:
        return this.f64Const();
      case Op.END:
        return this.end();
      case Op.BR_IF:
        return this.brIf();
      case Op.BR:
        return this.br();
      case Op.BLOCK:
        return this.block();
      case Op.IF:
        return this.if();
      case Op.ELSE:
        return this.else();
      case Op.LOOP:
        return this.loop();
      case Op.CALL:
        return call(this, false);
      case Op.GLOBAL_GET:
        return Memory.globalGet(this);
      case Op.GLOBAL_SET:
        return Memory.globalSet(this);
      case Op.CALL_INDIRECT:
        return callIndirect(this, false);
    }
    this.rare(op);
  }

  private rare(op: number): void {
    switch (op) {
      case Op.NOP:
        return;
      case Op.UNREACHABLE:
        if (this.live) this.b.trap(Ir.TRAP_UNREACHABLE);
        return this.setUnreachable();
      case Op.RETURN:
        return this.return();
      case Op.BR_TABLE:
        return this.brTable();
      case Op.DROP:
        this.popAny();
        return;
      case Op.SELECT:
        return this.select();
      case Op.SELECT_T:
        return this.selectTyped();
      case Op.MEMORY_SIZE:
        return Memory.memorySize(this);
      case Op.MEMORY_GROW:
        return Memory.memoryGrow(this);
      case Op.REF_NULL:
        return this.refNull();
      case Op.REF_IS_NULL:
        return this.refIsNull();
      case Op.REF_FUNC:
        return refFunc(this);
      case Op.TABLE_GET:
        return Table.tableGet(this);
      case Op.TABLE_SET:
        return Table.tableSet(this);
      case 0xfc:
        return this.prefixed();
    }
    this.tail(op);
  }

  private tail(op: number): void {
    const feature = op < 0xfb || op > 0xfe ? Op.OP_FEATURE[op]! : 0;
    if (feature !== 0 && (feature === 255 || (this.m.features & (1 << (feature - 1))) === 0)) {
      refuseOpcode(op, this.pos);
    }
    if (op === Op.RETURN_CALL) return call(this, true);
    if (op === Op.RETURN_CALL_INDIRECT) return callIndirect(this, true);
    this.refusePrefixed(op);
  }

  /** Names the feature of an operator under a prefix of which nothing is implemented. */
  private refusePrefixed(prefix: number): never {
    const sub = this.r.u32();
    if (prefix === 0xfd && sub < Op.SIZE_FD) refuseOpcode(Op.BASE_FD + sub, this.pos);
    if (prefix === 0xfe && sub < Op.SIZE_FE) refuseOpcode(Op.BASE_FE + sub, this.pos);
    if (prefix === 0xfb && sub < Op.SIZE_FB) refuseOpcode(Op.BASE_FB + sub, this.pos);
    this.fail('illegal opcode');
  }

  private prefixed(): void {
    const sub = this.r.u32();
    const op = sub < Op.SIZE_FC ? Op.BASE_FC + sub : Op.OP_FEATURE.length;
    if (Plain.ACTION[op] === Plain.ACT_UNARY) return this.unary(op);
    switch (op) {
      case Op.MEMORY_INIT:
        return Memory.memoryInit(this);
      case Op.DATA_DROP:
        return Memory.dataDrop(this);
      case Op.MEMORY_COPY:
        return Memory.memoryCopy(this);
      case Op.MEMORY_FILL:
        return Memory.memoryFill(this);
      case Op.TABLE_INIT:
        return Table.tableInit(this);
      case Op.ELEM_DROP:
        return Table.elemDrop(this);
      case Op.TABLE_COPY:
        return Table.tableCopy(this);
      case Op.TABLE_GROW:
        return Table.tableGrow(this);
      case Op.TABLE_SIZE:
        return Table.tableSize(this);
      case Op.TABLE_FILL:
        return Table.tableFill(this);
    }
    refuseOpcode(op, this.pos);
  }

  // ---- constants, locals, parametric ----

  private i32Const(): void {
    const v = this.r.s32();
    this.push(I32, this.live ? this.b.iconst32(v) : 0);
  }

  private i64Const(): void {
    const lo = this.r.s64();
    this.push(I64, this.live ? this.b.iconst64(lo, this.r.hi) : 0);
  }

  private f32Const(): void {
    const bits = this.r.word();
    this.push(F32, this.live ? this.b.fconst(Ir.T_F32, bits, 0) : 0);
  }

  private f64Const(): void {
    const lo = this.r.word();
    const hi = this.r.word();
    this.push(F64, this.live ? this.b.fconst(Ir.T_F64, lo, hi) : 0);
  }

  private localIndex(): number {
    const index = this.r.u32();
    if (index >= this.localCount) this.fail(`unknown local ${index}`);
    return index;
  }

  private localGet(): void {
    const index = this.localIndex();
    this.push(this.localTypes[index]!, this.live ? this.ssa.read(index, this.b.block) : 0);
  }

  private localSet(): void {
    const index = this.localIndex();
    const value = this.pop(this.localTypes[index]!);
    if (this.live) this.ssa.write(index, this.b.block, value, this.pos);
  }

  private localTee(): void {
    const index = this.localIndex();
    const type = this.localTypes[index]!;
    const value = this.pop(type);
    if (this.live) this.ssa.write(index, this.b.block, value, this.pos);
    this.push(type, value);
  }

  private select(): void {
    const cond = this.pop(I32);
    const t2 = this.popAny();
    const y = this.values[this.sp]!;
    const t1 = this.popAny();
    const x = this.values[this.sp]!;
    if (isRef(t1) || isRef(t2))
      this.fail('type mismatch: select without a type needs numeric operands');
    if (t1 !== t2 && t1 !== BOT && t2 !== BOT) this.mismatch(t1, t2);
    const type = t1 === BOT ? t2 : t1;
    this.push(type, this.live ? this.b.select(type, cond, x, y) : 0);
  }

  private selectTyped(): void {
    const n = this.r.length();
    if (n !== 1) this.fail(`invalid result arity: select has ${n} types`);
    const type = valueType(this.r, this.m.features);
    const cond = this.pop(I32);
    const y = this.pop(type);
    const x = this.pop(type);
    this.push(type, this.live ? this.b.select(irType(type), cond, x, y) : 0);
  }

  private refNull(): void {
    const type = heapType(this.r);
    this.push(type, this.live ? this.b.iconst64(0, 0, Ir.T_REF) : 0);
  }

  private refIsNull(): void {
    const type = this.popAny();
    const value = this.values[this.sp]!;
    if (!isRef(type) && type !== BOT) this.mismatch(FUNCREF, type);
    let result = 0;
    if (this.live) result = this.b.icmp(Ir.ICC_EQ, value, this.b.iconst64(0, 0, Ir.T_REF));
    this.push(I32, result);
  }

  // ---- blocks ----

  /** A new block, known to the SSA construction, not placed. */
  newBlock(): number {
    const block = this.f.newBlock();
    this.ssa.addBlock(block);
    return block;
  }

  /** Goes on in a block, which must have its edges. `fallsThrough`: its only way in is the end of the block just filled. */
  private fill(block: number, fallsThrough: boolean): void {
    this.f.placeBlock(block);
    this.b.block = block;
    if (fallsThrough) return;
    this.ssa.switchBlock();
    this.region++;
  }

  /** Reads a block type into `blockParams` and `blockResults`. */
  private blockType(): void {
    const { r } = this;
    const at = r.pos;
    const byte = r.u8();
    this.blockParams = NO_TYPES;
    this.blockResults = NO_TYPES;
    if (byte === 0x40) return;
    r.pos = at;
    if ((byte & 0xc0) === 0x40) {
      this.blockResults = this.singleType(valueType(r, this.m.features));
      return;
    }
    const index = r.s33();
    const type = this.m.types[index];
    if (type === undefined) this.fail(`unknown type ${index}`, at);
    this.blockParams = type.params;
    this.blockResults = type.results;
  }

  private singleType(type: number): Int32Array {
    let list = this.single.get(type);
    if (list === undefined) {
      list = Int32Array.of(type);
      this.single.set(type, list);
    }
    return list;
  }

  /** Opens a frame of the block type read last; its parameters are on the stack. */
  private pushFrame(kind: number): void {
    const d = this.depth++;
    if (d >= this.kind.length) this.growFrames(d);
    this.kind[d] = kind;
    this.base[d] = this.sp - this.blockParams.length;
    this.unreachable[d] = 0;
    this.enteredLive[d] = this.live ? 1 : 0;
    this.target[d] = NONE;
    this.elseBlock[d] = NONE;
    this.start[d] = this.pos;
    this.from[d] = this.b.block;
    this.params[d] = this.blockParams;
    this.results[d] = this.blockResults;
    this.height = this.base[d]!;
  }

  private growFrames(n: number): void {
    const bytes = (old: Uint8Array): Uint8Array<ArrayBuffer> => {
      const bigger = new Uint8Array(n * 2);
      bigger.set(old);
      return bigger;
    };
    this.kind = bytes(this.kind);
    this.unreachable = bytes(this.unreachable);
    this.enteredLive = bytes(this.enteredLive);
    this.base = growI32(this.base, n);
    this.target = growI32(this.target, n);
    this.elseBlock = growI32(this.elseBlock, n);
    this.start = growI32(this.start, n);
    this.from = growI32(this.from, n);
  }

  private block(): void {
    this.blockType();
    this.checkTop(this.blockParams, true);
    this.pushFrame(FRAME_BLOCK);
  }

  private loop(): void {
    this.blockType();
    this.checkTop(this.blockParams, true);
    this.pushFrame(FRAME_LOOP);
    if (!this.live) return;
    const { ssa, b } = this;
    const n = this.blockParams.length;
    const header = this.newBlock();
    b.jump(header);
    ssa.setEdgeArgs(this.f.edgeCount - 1, this.values, this.sp - n, n);
    this.target[this.depth - 1] = header;
    ssa.unseal(header);
    this.fill(header, false);
    for (let i = 0; i < n; i++) {
      this.values[this.sp - n + i] = ssa.loopValue(header, i, irType(this.blockParams[i]!));
    }
  }

  private if(): void {
    this.blockType();
    const cond = this.pop(I32);
    this.checkTop(this.blockParams, true);
    this.pushFrame(FRAME_IF);
    if (!this.live) return;
    const n = this.blockParams.length;
    const then = this.newBlock();
    const otherwise = this.newBlock();
    this.b.brif(cond, then, EMPTY, otherwise, EMPTY);
    this.ssa.setEdgeArgs(this.f.edgeCount - 1, this.values, this.sp - n, n);
    this.elseBlock[this.depth - 1] = otherwise;
    this.fill(then, true);
  }

  private else(): void {
    const d = this.depth - 1;
    if (this.kind[d] !== FRAME_IF) this.fail('else without an if: END opcode expected');
    this.frameEnd(d);
    if (this.live) this.jumpTo(d);
    this.kind[d] = FRAME_ELSE;
    this.unreachable[d] = 0;
    this.sp = this.base[d]!;
    this.live = this.enteredLive[d] === 1;
    if (this.live) this.fill(this.elseBlock[d]!, false);
    const params = this.params[d]!;
    const edge = this.live ? this.f.predFirst[this.b.block]! : NONE;
    for (let i = 0; i < params.length; i++) {
      this.push(params[i]!, this.live ? this.ssa.edgeArg(edge, i) : 0);
    }
  }

  /** Checks that the stack of a frame holds exactly its results. */
  private frameEnd(d: number): void {
    const results = this.results[d]!;
    this.checkTop(results, true);
    if (this.sp - results.length !== this.height) {
      const found = typeNames(this.types.subarray(this.height, this.sp));
      this.fail(
        `type mismatch: ${this.opName()} expects ${typeNames(results)}, the stack has ${found}`,
      );
    }
  }

  private end(): void {
    const d = this.depth - 1;
    this.frameEnd(d);
    const kind = this.kind[d]!;
    if (kind === FRAME_LOOP) this.endLoop(d);
    else if (kind === FRAME_IF) this.endIf(d);
    else if (this.target[d] !== NONE) this.endAtJoin(d);
    this.depth = d;
    if (d === 0) {
      this.endFunction();
      return;
    }
    this.height = this.base[d - 1]!;
  }

  private endLoop(d: number): void {
    const header = this.target[d]!;
    if (header !== NONE) this.ssa.seal(header, this.from[d]!, this.start[d]!);
  }

  /** An `if` without `else`: the false edge carries the parameters to the join as its results. */
  private endIf(d: number): void {
    if (!sameTypes(this.params[d]!, this.results[d]!)) {
      const types = `${typeNames(this.params[d]!)} -> ${typeNames(this.results[d]!)}`;
      this.fail(`type mismatch: an if without else can not have type ${types}`);
    }
    if (this.enteredLive[d] === 0) return;
    const otherwise = this.elseBlock[d]!;
    if (this.target[d] === NONE) this.target[d] = otherwise;
    else this.emptyElse(d, otherwise);
    this.endAtJoin(d);
  }

  /** Fills an else block with nothing but the jump to the join that a branch has already made. */
  private emptyElse(d: number, otherwise: number): void {
    const { b, f, ssa } = this;
    if (this.live) this.jumpTo(d);
    this.fill(otherwise, false);
    const n = this.params[d]!.length;
    const edge = f.predFirst[otherwise]!;
    for (let i = 0; i < n; i++) this.values[this.sp - n + i] = ssa.edgeArg(edge, i);
    b.jump(this.target[d]!);
    ssa.setEdgeArgs(f.edgeCount - 1, this.values, this.sp - n, n);
    this.live = false;
  }

  /** Ends a frame some branch goes to the end of: the join becomes current, its label values the results. */
  private endAtJoin(d: number): void {
    if (this.live) this.jumpTo(d);
    const join = this.target[d]!;
    this.ssa.join(join, this.from[d]!, this.start[d]!);
    this.fill(join, false);
    const results = this.results[d]!;
    const at = this.sp - results.length;
    for (let i = 0; i < results.length; i++) {
      this.values[at + i] = this.ssa.labelValue(join, i, irType(results[i]!));
    }
    this.live = true;
  }

  /** Jumps to the target of a frame with its results, which are on top of the stack. */
  private jumpTo(d: number): void {
    const n = this.results[d]!.length;
    if (this.target[d] === NONE) this.target[d] = this.newBlock();
    this.b.jump(this.target[d]!);
    if (n > 0) this.ssa.setEdgeArgs(this.f.edgeCount - 1, this.values, this.sp - n, n);
  }

  private endFunction(): void {
    if (this.live) this.ret(this.results[0]!.length);
  }

  // ---- branches ----

  /** Frame of a label index. */
  private label(): number {
    const index = this.r.u32();
    if (index >= this.depth) this.fail(`unknown label ${index}`);
    return this.depth - 1 - index;
  }

  /** Types that a branch to a frame carries. */
  private labelTypes(d: number): Int32Array {
    return this.kind[d] === FRAME_LOOP ? this.params[d]! : this.results[d]!;
  }

  /** Block of a frame's label, made when it is first needed. */
  private labelBlock(d: number): number {
    if (this.target[d] === NONE) this.target[d] = this.newBlock();
    return this.target[d]!;
  }

  private br(): void {
    const d = this.label();
    const types = this.labelTypes(d);
    this.checkTop(types, false);
    if (this.live) {
      const n = types.length;
      this.b.jump(this.labelBlock(d));
      if (n > 0) this.ssa.setEdgeArgs(this.f.edgeCount - 1, this.values, this.sp - n, n);
    }
    this.setUnreachable();
  }

  private brIf(): void {
    const d = this.label();
    const cond = this.pop(I32);
    const types = this.labelTypes(d);
    this.checkTop(types, true);
    if (!this.live) return;
    const n = types.length;
    const next = this.newBlock();
    this.b.brif(cond, this.labelBlock(d), EMPTY, next, EMPTY);
    if (n > 0) this.ssa.setEdgeArgs(this.f.edgeCount - 2, this.values, this.sp - n, n);
    this.fill(next, true);
  }

  private brTable(): void {
    const { r, f } = this;
    const count = r.length();
    if (count > MAX_BR_TABLE)
      this.fail(`br_table has ${count} targets, the limit is ${MAX_BR_TABLE}`);
    const index = this.pop(I32);
    const first = f.edgeCount;
    let arity = NONE;
    for (let i = 0; i <= count; i++) {
      const d = this.label();
      const types = this.labelTypes(d);
      if (arity === NONE) arity = types.length;
      else if (arity !== types.length)
        this.fail('type mismatch: br_table labels of different arity');
      this.checkTop(types, false);
      if (this.live) this.tableEdge(this.labelBlock(d), arity);
    }
    if (this.live) this.b.brtable(index, first, count + 1);
    this.setUnreachable();
  }

  private tableEdge(to: number, arity: number): void {
    const e = this.f.newEdge(this.b.block, to, EMPTY);
    if (arity > 0) this.ssa.setEdgeArgs(e, this.values, this.sp - arity, arity);
  }

  private return(): void {
    const types = this.results[0]!;
    this.checkTop(types, false);
    if (this.live) this.ret(types.length);
    this.setUnreachable();
  }

  /** Returns the top `n` values. */
  private ret(n: number): void {
    this.b.ret(this.valueList(EMPTY, this.sp - n, n));
  }

  /** The types this function returns. */
  get resultTypes(): Int32Array {
    return this.results[0]!;
  }

  /** A list of `n` operand values from `at` on, after a first value (EMPTY: none). */
  valueList(first: number, at: number, n: number): number {
    const { f } = this;
    const lead = first === EMPTY ? 0 : 1;
    if (n + lead === 0) return EMPTY;
    const list = f.newList(n + lead);
    const { pool } = f;
    pool[list + 1] = n + lead;
    if (lead === 1) pool[list + 2] = first;
    for (let i = 0; i < n; i++) pool[list + 2 + lead + i] = this.values[at + i]!;
    return list;
  }
}

function sameTypes(a: Int32Array, b: Int32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
