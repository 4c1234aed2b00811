/**
 * Constant expressions (core specification 3.4.14, with extended constant expressions): decoded and typed in one go into
 * the flat form of {@link ConstExpr}.
 */
import * as Op from '../gen/wasm.ts';
import { CompileError } from '../util/errors.ts';
import { needsFeature, refuseOpcode } from './features.ts';
import { heapType, type Decoder } from './typebytes.ts';
import { F32, F64, FUNCREF, I32, I64, typeName, typeNames, type ConstExpr } from './types.ts';

/** The operator being read, the types on the stack and the operators so far; one expression at a time. */
const stack: number[] = [];
const code: number[] = [];

/**
 * Decodes a constant expression that must have one result of the given type.
 *
 * Every `global.get` names an immutable global declared before.
 */
export function constExpr(d: Decoder, type: number): ConstExpr {
  const r = d.r;
  const start = r.pos;
  stack.length = 0;
  code.length = 0;
  for (;;) {
    const at = r.pos;
    const byte = r.u8();
    if (byte === Op.END) break;
    operator(d, byte, at);
  }
  if (stack.length !== 1 || stack[0] !== type) {
    const found = `constant expression has ${typeNames(stack)}, expected [${typeName(type)}]`;
    throw new CompileError(`type mismatch: ${found}`, start);
  }
  return { type, start, end: r.pos, code: Int32Array.from(code) };
}

function push(type: number, op: number, lo: number, hi: number): void {
  stack.push(type);
  code.push(op, lo, hi);
}

function operator(d: Decoder, op: number, at: number): void {
  const r = d.r;
  switch (op) {
    case Op.I32_CONST:
      return push(I32, op, r.s32(), 0);
    case Op.I64_CONST: {
      const lo = r.s64();
      return push(I64, op, lo, r.hi);
    }
    case Op.F32_CONST:
      return push(F32, op, r.word(), 0);
    case Op.F64_CONST: {
      const lo = r.word();
      return push(F64, op, lo, r.word());
    }
    case Op.REF_NULL: {
      const type = heapType(r);
      return push(type, op, type, 0);
    }
    case Op.REF_FUNC:
      return refFunc(d);
    case Op.GLOBAL_GET:
      return globalGet(d);
    case Op.I32_ADD:
    case Op.I32_SUB:
    case Op.I32_MUL:
      return arithmetic(d, I32, op, at);
    case Op.I64_ADD:
    case Op.I64_SUB:
    case Op.I64_MUL:
      return arithmetic(d, I64, op, at);
  }
  notConstant(op, at);
}

function refFunc(d: Decoder): void {
  const at = d.r.pos;
  const index = d.r.u32();
  if (index >= d.m.funcCount) throw new CompileError(`unknown function ${index}`, at);
  d.m.declared[index] = 1;
  push(FUNCREF, Op.REF_FUNC, index, 0);
}

function globalGet(d: Decoder): void {
  const at = d.r.pos;
  const index = d.r.u32();
  const global = d.m.globals[index];
  if (global === undefined) throw new CompileError(`unknown global ${index}`, at);
  if (global.mutable) {
    throw new CompileError(`constant expression required: global ${index} is mutable`, at);
  }
  push(global.type, Op.GLOBAL_GET, index, 0);
}

function arithmetic(d: Decoder, type: number, op: number, at: number): void {
  const name = Op.OP_NAMES[op]!;
  if ((d.features & Op.FEATURE_EXTENDED_CONST) === 0) {
    needsFeature(`${name} in a constant expression`, Op.FEATURE_EXTENDED_CONST, at);
  }
  const n = stack.length;
  if (n < 2 || stack[n - 1] !== type || stack[n - 2] !== type) {
    const want = typeNames([type, type]);
    throw new CompileError(
      `type mismatch: ${name} needs ${want}, the stack has ${typeNames(stack)}`,
      at,
    );
  }
  stack.length = n - 1;
  code.push(op, 0, 0);
}

function notConstant(op: number, at: number): never {
  const prefixed = op >= 0xfb && op <= 0xfe;
  if (!prefixed && Op.OP_FEATURE[op] !== 0) refuseOpcode(op, at);
  const name = prefixed ? 'a prefixed operator' : Op.OP_NAMES[op]!;
  throw new CompileError(`constant expression required: ${name} is not constant`, at);
}
