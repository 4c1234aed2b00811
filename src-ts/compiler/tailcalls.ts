/**
 * Whether a module makes indirect tail calls. Their callees may belong to another instance, so code must then not count on
 * a direct callee's giving the context register back. It has to be known before the first function is compiled, whatever
 * the order, hence this scan: plain bytes first, and only bodies where they look like the operator are read operator
 * by operator. Nothing is validated; a body that makes no sense ends its scan and is refused later.
 */
import * as Op from '../gen/wasm.ts';
import type { ModuleInfo } from '../wasm/types.ts';

/** Immediates by opcode byte: number of LEB128s, or a case of `skipOther`. */
const LEBS = new Uint8Array(256);
const OTHER = 255;

LEBS.fill(1, Op.BLOCK, Op.IF + 1);
LEBS.fill(1, Op.BR, Op.BR_IF + 1);
LEBS[Op.BR_TABLE] = OTHER;
LEBS[Op.CALL] = 1;
LEBS[Op.RETURN_CALL] = 1;
LEBS[Op.CALL_INDIRECT] = 2;
LEBS[Op.RETURN_CALL_INDIRECT] = 2;
LEBS[Op.SELECT_T] = OTHER;
LEBS.fill(1, Op.LOCAL_GET, Op.TABLE_SET + 1);
LEBS.fill(2, Op.I32_LOAD, Op.I64_STORE32 + 1);
LEBS.fill(1, Op.MEMORY_SIZE, Op.MEMORY_GROW + 1);
LEBS.fill(1, Op.I32_CONST, Op.I64_CONST + 1);
LEBS[Op.F32_CONST] = OTHER;
LEBS[Op.F64_CONST] = OTHER;
LEBS[Op.REF_NULL] = 1;
LEBS[Op.REF_FUNC] = 1;
LEBS[0xfc] = OTHER;

/** LEB128s after the operators with prefix 0xfc. */
const LEBS_FC = [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1];

class Scan {
  pos = 0;
  end = 0;

  constructor(private readonly bytes: Uint8Array) {}

  /** The low 32 bits of a LEB128; at the end, zero. */
  leb(): number {
    let value = 0;
    for (let shift = 0; this.pos < this.end; shift += 7) {
      const byte = this.bytes[this.pos++]!;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value >>> 0;
  }

  private skip(lebs: number): void {
    for (let n = Math.min(lebs, this.end - this.pos); n > 0; n--) this.leb();
  }

  private skipOther(op: number): void {
    if (op === Op.BR_TABLE) this.skip(this.leb() + 1);
    else if (op === Op.SELECT_T) this.skip(this.leb());
    else if (op === Op.F32_CONST) this.pos += 4;
    else if (op === Op.F64_CONST) this.pos += 8;
    else this.skip(LEBS_FC[this.leb()] ?? 0);
  }

  /** Whether the bytes of [start, end) hold the operator's byte with indices after it that exist. */
  looks(start: number, end: number, types: number, tables: number): boolean {
    this.end = end;
    for (let i = start; i < end; i++) {
      if (this.bytes[i] !== Op.RETURN_CALL_INDIRECT) continue;
      this.pos = i + 1;
      if (this.leb() < types && this.leb() < tables) return true;
    }
    return false;
  }

  /** Whether the body at [start, end) has the operator. */
  has(start: number, end: number): boolean {
    this.pos = start;
    this.end = end;
    this.skip(2 * this.leb()); // groups of locals
    while (this.pos < end) {
      const op = this.bytes[this.pos++]!;
      if (op === Op.RETURN_CALL_INDIRECT) return true;
      const lebs = LEBS[op]!;
      if (lebs === OTHER) this.skipOther(op);
      else this.skip(lebs);
    }
    return false;
  }
}

/** True if some body has a `return_call_indirect`. */
export function makesIndirectTailCalls(bytes: Uint8Array, m: ModuleInfo): boolean {
  if (m.tables.length === 0 || (m.features & Op.FEATURE_TAIL_CALL) === 0) return false;
  const scan = new Scan(bytes);
  for (let i = 0; i < m.bodies.length; i += 2) {
    const start = m.bodies[i]!;
    const end = m.bodies[i + 1]!;
    if (scan.looks(start, end, m.types.length, m.tables.length) && scan.has(start, end))
      return true;
  }
  return false;
}
