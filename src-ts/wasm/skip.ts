/**
 * Walking over the operators of a body without validating them: immediates by opcode. For scans that must know something
 * of all bodies before the first is compiled. A body that makes no sense ends its walk somewhere, and is refused later.
 */
import * as Op from '../gen/wasm.ts';

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

export class BodyWalk {
  pos = 0;
  end = 0;

  constructor(readonly bytes: Uint8Array) {}

  /** Starts at the locals of a body at [start, end); returns how many locals it declares. */
  enter(start: number, end: number): number {
    this.pos = start;
    this.end = end;
    let locals = 0;
    for (let groups = Math.min(this.leb(), end - start); groups > 0; groups--) {
      locals += this.leb();
      this.leb();
    }
    return locals;
  }

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

  /** Skips the immediates of the operator whose opcode byte was read last. */
  skipImmediates(op: number): void {
    const lebs = LEBS[op]!;
    if (lebs === OTHER) this.skipOther(op);
    else this.skip(lebs);
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
}
