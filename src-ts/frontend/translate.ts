/**
 * One pass over the bytes of a function body: every operator is validated as it is met (core specification, appendix
 * "Validation Algorithm") and, where it can be reached, translated into SSA at once.
 *
 * Plain operators are checked by their table row (plain.ts); what has an immediate or a type of its own is a method here or
 * a function in control.ts, memory.ts, tables.ts, calls.ts. The state they share is state.ts, the SSA construction ssa.ts.
 */
import * as Ir from '../gen/ir.ts';
import * as Op from '../gen/wasm.ts';
import { NONE } from '../ir/func.ts';
import { NO_NODE } from '../ir/inlines.ts';
import { CompileError } from '../util/errors.ts';
import { refuseOpcode } from '../wasm/features.ts';
import { MAX_LOCALS } from '../wasm/limits.ts';
import { heapType, valueType } from '../wasm/typebytes.ts';
import { BOT, F32, F64, FUNCREF, I32, I64, isRef, type FuncType } from '../wasm/types.ts';
import * as Bulk from './bulk.ts';
import { call, refFunc } from './calls.ts';
import { callIndirect } from './indirect.ts';
import { growI32 } from './columns.ts';
import * as Control from './control.ts';
import { irType } from './layout.ts';
import type { Inliner } from './inline.ts';
import * as Memory from './memory.ts';
import * as Plain from './plain.ts';
import { FRAME_BLOCK, NO_TYPES, State } from './state.ts';
import * as Table from './tables.ts';

export type { TranslateSettings } from './state.ts';

/** Validates and translates the bodies of one module, one after the other, into the function of a builder. */
export class Translator extends State {
  // Locals, parameters first: those of the function, then those of the callees being inlined, innermost last.
  private localTypes = new Int32Array(256);
  private localIr = new Uint8Array(256);
  /** The locals of the body being read. */
  private localBase = 0;
  private localCount = 0;

  // The body being read: its function among the defined ones, the inlined call it stands for, and what its positions are
  // ahead of its byte offsets.
  private reading = 0;
  private node = NO_NODE;
  private shift = 0;
  private inliner: Inliner | null = null;
  private inlining = false;

  /** Inlines from now on what an inliner says. */
  inlineBy(inliner: Inliner | null): void {
    this.inliner = inliner;
  }

  /**
   * Validates a function body and translates it into the builder's function. Callees that were inlined are validated when
   * it is their turn: what is wrong with one is not this function's error.
   *
   * @param index index among the defined functions
   * @throws CompileError with the offset of the operator that is invalid
   */
  translate(index: number): void {
    try {
      this.build(index, this.inliner !== null);
    } catch (e) {
      if (!(e instanceof CompileError) || this.f.inlines.count === 0) throw e;
      this.build(index, false);
    }
  }

  /** Validates a function body; what is built is not to be used. */
  validate(index: number): void {
    this.build(index, false);
  }

  private build(index: number, inlining: boolean): void {
    const { m, r } = this;
    const funcIndex = m.importedFuncs + index;
    this.f.clear(index, m.funcSignature(funcIndex), this.signatures);
    this.f.inlines.clear(r.bytes.length);
    this.inlining = inlining;
    if (inlining) this.inliner!.start(index);
    this.reading = index;
    this.node = NO_NODE;
    this.shift = 0;
    this.floor = 0;
    this.localBase = 0;
    r.pos = m.bodies[2 * index]!;
    r.end = m.bodies[2 * index + 1]!;
    try {
      this.begin(m.funcType(funcIndex));
      this.body();
      this.ssa.finish(this.labels);
    } catch (e) {
      this.ssa.reset();
      throw e;
    }
  }

  private body(): void {
    const { r } = this;
    while (this.depth > this.floor) {
      const pos = r.pos;
      this.pos = pos;
      this.b.pos = pos + this.shift;
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
      if (this.labels !== null && this.live) this.labels.operands(this.values, this.sp, pos);
    }
    if (r.pos !== r.end)
      this.fail('END opcode expected: operators after the end of the function', r.pos);
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
    this.labels?.start(this.localCount, type.params.length, this.ctx + 1, b.pos);
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
    const start = this.localBase + this.localCount;
    const end = start + n;
    if (end > this.localTypes.length) {
      this.localTypes = growI32(this.localTypes, end);
      const ir = new Uint8Array(this.localTypes.length);
      ir.set(this.localIr);
      this.localIr = ir;
    }
    this.localTypes.fill(type, start, end);
    this.localIr.fill(irType(type), start, end);
    this.localCount += n;
  }

  // ---- inlining ----

  get calls(): Inliner | null {
    return this.inlining ? this.inliner : null;
  }

  inline(index: number, type: FuncType): boolean {
    if (!this.inlining) return false;
    const callee = index - this.m.importedFuncs;
    if (callee < 0 || !this.inliner!.wants(this, this.reading, callee, type.params.length)) {
      return false;
    }
    this.inlineBody(callee, type);
    return true;
  }

  /**
   * Reads the body of a callee as a block with locals of its own: parameters are bound to the arguments, other locals to
   * zero, and `return` branches to its end. The depth is bounded by the plan.
   */
  private inlineBody(callee: number, type: FuncType): void {
    const { m, r, f } = this;
    const { reading, node, shift, floor, localBase, localCount, pos } = this;
    const { pos: after, end } = r;
    const start = m.bodies[2 * callee]!;
    r.pos = start;
    r.end = m.bodies[2 * callee + 1]!;
    this.reading = callee;
    this.node = f.inlines.add(node, this.b.pos, callee, start, r.end - start);
    this.shift = f.inlines.shift(this.node);
    this.floor = this.depth;
    this.localBase = localBase + localCount;
    this.enterInlined(start, type);
    this.inliner!.depth++;
    this.body();
    this.inliner!.depth--;
    this.reading = reading;
    this.node = node;
    this.shift = shift;
    this.floor = floor;
    this.localBase = localBase;
    this.localCount = localCount;
    this.pos = pos;
    this.b.pos = pos + shift;
    r.pos = after;
    r.end = end;
  }

  private enterInlined(start: number, type: FuncType): void {
    const { b, ssa } = this;
    const n = type.params.length;
    this.readLocals(type.params);
    this.pos = start;
    b.pos = start + this.shift;
    ssa.extend(this.localIr, this.localBase + this.localCount);
    for (let i = 0; i < this.localCount; i++) {
      const v = this.localBase + i;
      const value = i < n ? this.values[this.sp + i]! : ssa.zero(this.localIr[v]!);
      ssa.write(v, b.block, value, b.pos);
    }
    this.blockParams = NO_TYPES;
    this.blockResults = type.results;
    this.pushFrame(FRAME_BLOCK);
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
        return Control.end(this);
      case Op.BR_IF:
        return Control.brIf(this);
      case Op.BR:
        return Control.br(this);
      case Op.BLOCK:
        return Control.block(this);
      case Op.IF:
        return Control.ifThen(this);
      case Op.ELSE:
        return Control.otherwise(this);
      case Op.LOOP:
        return Control.loop(this);
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
        return Control.returnResults(this);
      case Op.BR_TABLE:
        return Control.brTable(this);
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
        return Bulk.memoryCopy(this);
      case Op.MEMORY_FILL:
        return Bulk.memoryFill(this);
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
    const feature = Op.OP_FEATURE[op] ?? 0;
    if (feature === 0 || feature === 255) this.fail(`illegal opcode fc ${sub.toString(16)}`);
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

  /** Reads the index of a local and returns its variable. */
  private local(): number {
    const index = this.r.u32();
    if (index >= this.localCount) this.fail(`unknown local ${index}`);
    return this.localBase + index;
  }

  private localGet(): void {
    const v = this.local();
    this.push(this.localTypes[v]!, this.live ? this.ssa.read(v, this.b.block) : 0);
  }

  private localSet(): void {
    const v = this.local();
    const value = this.pop(this.localTypes[v]!);
    if (this.live) this.writeLocal(v, value);
  }

  private writeLocal(v: number, value: number): void {
    this.ssa.write(v, this.b.block, value, this.b.pos);
    if (this.labels !== null) this.labels.write(v, value, this.b.pos);
  }

  private localTee(): void {
    const v = this.local();
    const type = this.localTypes[v]!;
    const value = this.pop(type);
    if (this.live) this.writeLocal(v, value);
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
}
