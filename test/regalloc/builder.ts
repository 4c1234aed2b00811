/** Builds VCode for tests from blocks of instructions; grows the columns as needed. */
import {
  Allocation,
  CLASS_FP,
  NO_VREG,
  VCode,
  type RegisterFile,
} from '../../src-ts/mach/vcode.ts';
import { checkAllocation } from '../../src-ts/mach/checker.ts';
import { printVCode } from '../../src-ts/mach/print.ts';
import { allocate } from '../../src-ts/mach/regalloc/index.ts';
import { allocateQuickly } from '../../src-ts/mach/regalloc/quick.ts';
import { T_F64, T_I64 } from '../../src-ts/gen/ir.ts';

export interface TestInst {
  name: string;
  operands: [vreg: number, constraint: number][];
  flags?: number;
  clobber?: number;
}

export interface TestBlock {
  params: number[];
  insts: TestInst[];
  succs: number[];
  args: number[][];
  depth: number;
  cold: boolean;
}

export class TestFunction {
  blocks: TestBlock[] = [];
  classes: number[] = [];
  types: number[] = [];
  clobberSets = [{ gp: 0, fp: 0 }];

  value(cls = 0, type = cls === CLASS_FP ? T_F64 : T_I64): number {
    this.classes.push(cls);
    this.types.push(type);
    return this.classes.length - 1;
  }

  block(depth = 0, cold = false): TestBlock {
    const b = { params: [], insts: [], succs: [], args: [], depth, cold };
    this.blocks.push(b);
    return b;
  }

  names: string[] = [];

  /** Flattens into VCode; `names` then has the operations by number. */
  build(): VCode {
    const vc = new VCode();
    const n = this.blocks.reduce((sum, b) => sum + b.insts.length, 0);
    const operands = this.blocks.reduce(
      (sum, b) => sum + b.insts.reduce((s, i) => s + i.operands.length, 0),
      0,
    );
    vc.op = new Uint16Array(n);
    vc.opnd = new Int32Array(n + 1);
    vc.imm = new Int32Array(n);
    vc.imm2 = new Int32Array(n);
    vc.aux = new Int32Array(n);
    vc.pos = new Int32Array(n);
    vc.flags = new Uint8Array(n);
    vc.clobber = new Uint8Array(n);
    vc.vreg = new Int32Array(operands);
    vc.con = new Int32Array(operands);
    vc.vregCount = this.classes.length;
    vc.vregClass = Uint8Array.from(this.classes);
    vc.vregType = Uint8Array.from(this.types);
    vc.clobberSets = this.clobberSets;
    vc.instCount = n;
    vc.opndCount = operands;
    const ops = new Map<string, number>();
    let i = 0;
    let o = 0;
    for (const block of this.blocks) {
      for (const inst of block.insts) {
        if (!ops.has(inst.name)) {
          ops.set(inst.name, ops.size);
          this.names.push(inst.name);
        }
        vc.op[i] = ops.get(inst.name)!;
        vc.flags[i] = inst.flags ?? 0;
        vc.clobber[i] = inst.clobber ?? 0;
        for (const [v, con] of inst.operands) {
          vc.vreg[o] = v;
          vc.con[o++] = con;
        }
        vc.opnd[++i] = o;
      }
    }
    this.buildBlocks(vc);
    return vc;
  }

  private buildBlocks(vc: VCode): void {
    const { blocks } = this;
    vc.blockCount = blocks.length;
    const preds: number[][] = blocks.map(() => []);
    const start = [0];
    const succ: number[] = [];
    const succStart = [0];
    const arg: number[] = [];
    const argStart = [0];
    const param: number[] = [];
    const paramStart = [0];
    blocks.forEach((b, k) => {
      start.push(start[k]! + b.insts.length);
      b.succs.forEach((t, e) => {
        succ.push(t);
        preds[t]!.push(k);
        arg.push(...(b.args[e] ?? []));
        argStart.push(arg.length);
      });
      succStart.push(succ.length);
      param.push(...b.params);
      paramStart.push(param.length);
    });
    const predStart = [0];
    for (const p of preds) predStart.push(predStart.at(-1)! + p.length);
    vc.blockStart = Int32Array.from(start);
    vc.blockDepth = Uint8Array.from(blocks.map((b) => b.depth));
    vc.blockCold = Uint8Array.from(blocks.map((b) => (b.cold ? 1 : 0)));
    vc.succ = Int32Array.from(succ);
    vc.succStart = Int32Array.from(succStart);
    vc.pred = Int32Array.from(preds.flat());
    vc.predStart = Int32Array.from(predStart);
    vc.param = Int32Array.from(param);
    vc.paramStart = Int32Array.from(paramStart);
    vc.arg = Int32Array.from(arg);
    vc.argStart = Int32Array.from(argStart);
  }
}

const MASK_SAVED = (1 << 3) | (1 << 12) | (1 << 13) | (1 << 14) | (1 << 15);

/** The x86-64 registers as CALLCONV has them. */
export const X64: RegisterFile = {
  allocatableGp: [0, 1, 2, 6, 7, 8, 9, 10, 3, 12, 13, 14, 15],
  allocatableFp: Array.from({ length: 15 }, (_, k) => 32 + k),
  calleeSaved: { gp: MASK_SAVED | (1 << 5), fp: 0 },
  savedTogether: 1,
  scratchGp: 11,
  scratchFp: 47,
};
export const X64_CALL_CLOBBERS = { gp: 0b111_1100_0111, fp: 0x7fff };

/** Few registers, so that everything is spilled. */
export const SMALL: RegisterFile = {
  allocatableGp: [0, 1, 2, 6, 3, 15],
  allocatableFp: [32, 33, 34, 35],
  calleeSaved: { gp: (1 << 3) | (1 << 15), fp: 0 },
  savedTogether: 1,
  scratchGp: 11,
  scratchFp: 47,
};
export const SMALL_CALL_CLOBBERS = { gp: 0b100_0111, fp: 0xf };

/** Allocates and checks; throws with a dump if the checker objects. */
export function allocateChecked(
  f: TestFunction,
  regs: RegisterFile,
  chaosSeed = 0,
): { vcode: VCode; out: Allocation } {
  const vcode = f.build();
  const out = new Allocation();
  allocate(vcode, regs, out, chaosSeed);
  const errors = checkAllocation(vcode, out, regs);
  if (errors.length > 0) throw new Error(`${errors.join('\n')}\n${dump(f, vcode, out)}`);
  return { vcode, out };
}

/** As {@link allocateChecked} by the quick method; false if that declines the function. */
export function allocateQuicklyChecked(f: TestFunction, regs: RegisterFile): boolean {
  const vcode = f.build();
  const out = new Allocation();
  if (!allocateQuickly(vcode, regs, out)) return false;
  const errors = checkAllocation(vcode, out, regs);
  if (errors.length > 0) throw new Error(`${errors.join('\n')}\n${dump(f, vcode, out)}`);
  return true;
}

export function dump(f: TestFunction, vcode: VCode, out: Allocation): string {
  return printVCode(vcode, { op: (op) => f.names[op]! }, out);
}

export { NO_VREG };
