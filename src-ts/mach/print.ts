/** VCode as text, with locations once allocated: for dumps and tests. One line per instruction, moves on lines of their own. */
import {
  ALLOC_NONE,
  ALLOC_SLOT,
  ARG_SHIFT,
  C_FIXED,
  C_MASK,
  C_REG,
  C_REUSE,
  C_STACK,
  I_CALL,
  I_MOVE,
  I_REMAT,
  K_DEF,
  K_MASK,
  K_TEMP,
  P_LATE,
  PREG_FP,
  REMAT_BASE,
  type Allocation,
  type VCode,
} from './vcode.ts';

/** Names of things only the target knows. */
export interface VCodeNames {
  /** Name of an operation. */
  op(op: number): string;
  /** Name of a physical register. */
  reg?(preg: number): string;
}

/** Prints a function; with `allocation`, each operand shows its location and the moves appear between instructions. */
export function printVCode(
  vcode: VCode,
  names: VCodeNames,
  allocation: Allocation | null = null,
): string {
  return new Printer(vcode, names, allocation).print();
}

class Printer {
  private readonly lines: string[] = [];
  private move = 0;

  constructor(
    private readonly vc: VCode,
    private readonly names: VCodeNames,
    private readonly out: Allocation | null,
  ) {}

  print(): string {
    const { vc } = this;
    for (let b = 0; b < vc.blockCount; b++) {
      this.header(b);
      for (let i = vc.blockStart[b]!; i < vc.blockStart[b + 1]!; i++) {
        this.movesBefore(i);
        this.inst(i);
      }
      this.edges(b);
    }
    return this.lines.join('\n') + '\n';
  }

  private header(b: number): void {
    const { vc } = this;
    const params: string[] = [];
    for (let p = vc.paramStart[b]!; p < vc.paramStart[b + 1]!; p++) params.push(`v${vc.param[p]}`);
    const cold = vc.blockCold[b] === 1 ? ' cold' : '';
    this.lines.push(`block${b}(${params.join(', ')}): ; depth ${vc.blockDepth[b]}${cold}`);
  }

  private edges(b: number): void {
    const { vc } = this;
    for (let e = vc.succStart[b]!; e < vc.succStart[b + 1]!; e++) {
      const args: string[] = [];
      for (let a = vc.argStart[e]!; a < vc.argStart[e + 1]!; a++) args.push(`v${vc.arg[a]}`);
      this.lines.push(`        -> block${vc.succ[e]}(${args.join(', ')})`);
    }
  }

  private movesBefore(i: number): void {
    const { out } = this;
    if (out === null) return;
    for (; this.move < out.moveCount && out.movePlace[this.move]! <= i; this.move++) {
      const from = out.moveFrom[this.move]!;
      const source = from >= REMAT_BASE ? `remat ${from - REMAT_BASE}` : this.location(from);
      this.lines.push(`        ${this.location(out.moveTo[this.move]!)} <- ${source}`);
    }
  }

  private inst(i: number): void {
    const { vc } = this;
    const operands: string[] = [];
    for (let o = vc.opnd[i]!; o < vc.opnd[i + 1]!; o++) operands.push(this.operand(o));
    const flags = vc.flags[i]!;
    const notes =
      (flags & I_MOVE ? ' move' : '') +
      (flags & I_CALL ? ' call' : '') +
      (flags & I_REMAT ? ' remat' : '');
    const imm =
      vc.imm[i] !== 0 || vc.imm2[i] !== 0
        ? ` #${vc.imm[i]}${vc.imm2[i] !== 0 ? `:${vc.imm2[i]}` : ''}`
        : '';
    this.lines.push(
      `${String(i).padStart(6)}  ${this.names.op(vc.op[i]!)} ${operands.join(', ')}${imm}${notes && ` ;${notes}`}`,
    );
  }

  private operand(o: number): string {
    const { vc, out } = this;
    const v = vc.vreg[o]!;
    if (v < 0) return '_';
    const con = vc.con[o]!;
    const kind = con & K_MASK;
    const early = kind === K_DEF && (con & P_LATE) === 0;
    const late = kind !== K_DEF && (con & P_LATE) !== 0;
    const prefix =
      kind === K_DEF
        ? (early ? 'early ' : '') + 'def '
        : kind === K_TEMP
          ? 'temp '
          : late
            ? 'late '
            : '';
    const at = out === null ? '' : `=${this.location(out.alloc[o]!)}`;
    return `${prefix}v${v}${this.constraint(con)}${at}`;
  }

  private constraint(con: number): string {
    switch (con & C_MASK) {
      case C_REG:
        return '';
      case C_FIXED:
        return `{${this.location(con >> ARG_SHIFT)}}`;
      case C_REUSE:
        return `{as ${con >> ARG_SHIFT}}`;
      case C_STACK:
        return '{stack}';
      default:
        return '{any}';
    }
  }

  private location(at: number): string {
    if (at === ALLOC_NONE) return 'none';
    if (at >= ALLOC_SLOT) return `[${at - ALLOC_SLOT}]`;
    return this.names.reg?.(at) ?? (at >= PREG_FP ? `f${at - PREG_FP}` : `r${at}`);
  }
}
