/** Evaluation of constant expressions (core specification § 3.3.13) over their flat postfix form. */
import { ObjectError } from '../object/error.ts';
import type { ConstExpr } from '../object/records.ts';

/** What a constant expression may ask. */
export interface ConstEnv {
  /** Value of a global: number, bigint, or reference number; floats as bit patterns. */
  globalBits(index: number): number | bigint;
  funcRef(index: number): number;
}

/** A number for i32 (signed), f32 (bits) and references, a bigint for i64 and f64 (bits). Throws ObjectError for ill-formed code. */
export function evaluate(expr: ConstExpr, env: ConstEnv): number | bigint {
  const stack: (number | bigint)[] = [];
  for (const op of expr) {
    switch (op.op) {
      case 'i32.const':
      case 'i64.const':
        stack.push(op.value);
        break;
      case 'f32.const':
      case 'f64.const':
        stack.push(op.bits);
        break;
      case 'ref.null':
        stack.push(0);
        break;
      case 'global.get':
        stack.push(env.globalBits(op.index));
        break;
      case 'ref.func':
        stack.push(env.funcRef(op.index));
        break;
      default: {
        const b = stack.pop();
        const a = stack.pop();
        if (a === undefined || b === undefined)
          throw new ObjectError('constant expression: too few operands');
        stack.push(arithmetic(op.op, a, b));
      }
    }
  }
  if (stack.length !== 1)
    throw new ObjectError(`constant expression leaves ${stack.length} values`);
  return stack[0]!;
}

function arithmetic(op: string, a: number | bigint, b: number | bigint): number | bigint {
  if (typeof a === 'bigint' && typeof b === 'bigint') {
    return BigInt.asIntN(64, op === 'i64.add' ? a + b : op === 'i64.sub' ? a - b : a * b);
  }
  const x = Number(a);
  const y = Number(b);
  return op === 'i32.add' ? (x + y) | 0 : op === 'i32.sub' ? (x - y) | 0 : Math.imul(x, y);
}
