/** Seeded random functions with every kind of constraint, loops, irreducible regions, calls and high pressure. */
import {
  CLASS_FP,
  C_ANY,
  C_STACK,
  DEF_REG,
  DEF_REG_EARLY,
  I_BRANCH,
  I_CALL,
  I_COMMUTES,
  I_MOVE,
  I_REMAT,
  I_RETURN,
  K_USE,
  NO_VREG,
  P_LATE,
  TEMP_REG,
  USE_ANY,
  USE_REG,
  USE_REG_LATE,
  defFixed,
  defReuse,
  tempFixed,
  useFixed,
  type RegisterFile,
} from '../../src-ts/mach/vcode.ts';
import { Chaos } from '../../src-ts/mach/regalloc/chaos.ts';
import { T_F64, T_I32, T_I64, T_V128 } from '../../src-ts/gen/ir.ts';
import {
  TestFunction,
  X64,
  X64_CALL_CLOBBERS,
  SMALL_CALL_CLOBBERS,
  type TestBlock,
} from './builder.ts';

export interface Shape {
  blocks: number;
  instsPerBlock: number;
  /** How many of the newest values operands are taken from: large = long live ranges, high pressure. */
  window: number;
  /** One instruction in so many is a call. */
  callEvery: number;
}

/** Makes a random function for the register file. */
export function generate(seed: number, regs: RegisterFile, shape: Shape): TestFunction {
  return new Generator(seed, regs, shape).run();
}

class Generator {
  private readonly f = new TestFunction();
  private readonly r: Chaos;
  private preds: number[][] = [];
  private idom: number[] = [];
  private order: number[] = [];
  private defined: number[][] = [];
  private ctx = -1;
  private cls = 0;

  constructor(
    seed: number,
    private readonly regs: RegisterFile,
    private readonly shape: Shape,
  ) {
    this.r = new Chaos(Math.imul(seed + 1, 0x9e3779b1));
    this.r.below(2);
    this.r.below(2);
    this.f.clobberSets.push(regs === X64 ? X64_CALL_CLOBBERS : SMALL_CALL_CLOBBERS);
  }

  run(): TestFunction {
    this.makeCfg();
    this.splitCriticalEdges();
    this.findOrder();
    this.findDominators();
    this.makeParams();
    for (const b of this.order) this.fill(b);
    this.makeArgs();
    return this.f;
  }

  private makeCfg(): void {
    const { f, r } = this;
    const n = 1 + r.below(this.shape.blocks);
    for (let b = 0; b < n; b++) f.block(0, b > 0 && r.oneIn(8));
    for (let b = 0; b < n; b++) {
      const succs = new Set<number>();
      // Something leads to b + 1, so that all is reachable.
      if (b + 1 < n) succs.add(b + 1);
      const more = r.below(4) === 0 ? r.below(4) : r.below(2);
      for (let k = 0; k < more && n > 1; k++) succs.add(1 + r.below(n - 1));
      f.blocks[b]!.succs = [...succs];
    }
  }

  private splitCriticalEdges(): void {
    const { f } = this;
    const count = f.blocks.map(() => 0);
    for (const b of f.blocks) for (const t of b.succs) count[t]!++;
    for (const b of [...f.blocks]) {
      if (b.succs.length < 2) continue;
      b.succs = b.succs.map((t) => {
        if (count[t]! < 2) return t;
        f.block().succs = [t];
        return f.blocks.length - 1;
      });
    }
    this.preds = f.blocks.map(() => []);
    f.blocks.forEach((b, k) => b.succs.forEach((t) => this.preds[t]!.push(k)));
  }

  private findOrder(): void {
    const seen = new Set<number>();
    const post: number[] = [];
    const visit = (b: number): void => {
      seen.add(b);
      for (const t of this.f.blocks[b]!.succs) if (!seen.has(t)) visit(t);
      post.push(b);
    };
    visit(0);
    this.order = post.reverse();
  }

  private findDominators(): void {
    const rank = new Map(this.order.map((b, k) => [b, k]));
    this.idom = this.f.blocks.map(() => -1);
    this.idom[0] = 0;
    for (let changed = true; changed;) {
      changed = false;
      for (const b of this.order.slice(1)) {
        let d = -1;
        for (const p of this.preds[b]!) {
          if (this.idom[p]! < 0) continue;
          if (d < 0) d = p;
          let q = p;
          while (d !== q) {
            if (rank.get(d)! > rank.get(q)!) d = this.idom[d]!;
            else q = this.idom[q]!;
          }
        }
        if (this.idom[b] !== d) {
          this.idom[b] = d;
          changed = true;
        }
      }
    }
  }

  private newValue(cls = this.r.below(3) === 0 ? CLASS_FP : 0): number {
    const { r } = this;
    const type = cls === 0 ? (r.oneIn(3) ? T_I32 : T_I64) : r.oneIn(3) ? T_V128 : T_F64;
    return this.f.value(cls, type);
  }

  private makeParams(): void {
    this.f.blocks.forEach((b, k) => {
      if (k === 0) return;
      const many = this.r.oneIn(12) ? 30 : 5;
      const n =
        this.preds[k]!.length > 1 ? this.r.below(many) : this.r.oneIn(5) ? this.r.below(4) : 0;
      for (let p = 0; p < n; p++) b.params.push(this.newValue());
    });
  }

  /** Values available at the end of block b, newest last. */
  private available(b: number): number[] {
    const chain: number[] = [];
    for (let k = b; ; k = this.idom[k]!) {
      chain.push(k);
      if (k === 0) break;
    }
    return chain.reverse().flatMap((k) => this.defined[k] ?? []);
  }

  private fill(b: number): void {
    const { f, r } = this;
    const block = f.blocks[b]!;
    this.defined[b] = [...block.params];
    if (b === 0) this.entry(block);
    const values = b === 0 ? this.defined[0]! : this.available(b);
    const local = values.slice();
    const insts = 1 + r.below(this.shape.instsPerBlock);
    for (let i = 0; i < insts; i++) {
      const before = f.classes.length;
      this.instruction(block, local);
      for (const [v, con] of block.insts.at(-1)!.operands) {
        if (v >= before && (con & 3) === 1) local.push(v);
      }
    }
    this.defined[b] = local.filter((v) => !values.includes(v) || this.defined[b]!.includes(v));
    this.terminator(block, local);
  }

  private entry(block: TestBlock): void {
    this.ctx = this.f.value(0, T_I64);
    const operands: [number, number][] = [[this.ctx, defFixed(15)]];
    // One of each type, so that every parameter finds an argument.
    const types = [T_I64, T_I32, T_I64, T_F64, T_V128];
    [0, 1, 2, 32, 33].forEach((reg, k) =>
      operands.push([this.f.value(reg < 32 ? 0 : CLASS_FP, types[k]), defFixed(reg)]),
    );
    block.insts.push({ name: 'args', operands });
    this.defined[0] = operands.map(([v]) => v);
  }

  private any(values: number[], cls: number): number {
    const { r } = this;
    for (let tries = 0; tries < 40; tries++) {
      const window = Math.min(values.length, r.oneIn(10) ? values.length : this.shape.window);
      const v = values[values.length - 1 - r.below(window)]!;
      if (this.f.classes[v] === cls) return v;
    }
    return values.find((v) => this.f.classes[v] === cls)!;
  }

  private instruction(block: TestBlock, values: number[]): void {
    const { r } = this;
    this.cls = r.below(3) === 0 ? CLASS_FP : 0;
    const use = (cls = this.cls): number => this.any(values, cls);
    if (r.oneIn(this.shape.callEvery)) return this.call(block, values);
    const { insts } = block;
    const def = this.newValue(this.cls);
    switch (r.below(15)) {
      case 0:
      case 1:
        insts.push({
          name: 'two',
          flags: r.oneIn(2) ? I_COMMUTES : 0,
          operands: [
            [def, defReuse(1)],
            [use(), r.oneIn(2) ? USE_REG : USE_ANY],
            [use(), USE_ANY],
          ],
        });
        break;
      case 2:
        insts.push({
          name: 'one',
          operands: [
            [use(), USE_REG],
            [def, defReuse(0)],
          ],
        });
        break;
      case 3:
      case 4:
        insts.push({
          name: 'three',
          operands: [
            [def, DEF_REG],
            [use(), USE_REG],
            [use(), USE_REG],
          ],
        });
        break;
      case 5:
        insts.push({
          name: 'load',
          operands: [
            [def, DEF_REG],
            [use(0), USE_REG],
            [r.oneIn(2) ? NO_VREG : use(0), USE_REG],
          ],
        });
        break;
      case 6:
        insts.push({
          name: 'store',
          operands: [
            [use(), USE_REG],
            [use(0), USE_REG],
            [NO_VREG, USE_REG],
          ],
        });
        break;
      case 7:
        insts.push({ name: 'const', operands: [[def, DEF_REG]], flags: I_REMAT });
        break;
      case 8:
        this.shift(block, values);
        break;
      case 9:
        this.divide(block, values);
        break;
      case 10: {
        const u = use();
        this.f.types[def] = this.f.types[u]!;
        insts.push({
          name: 'mov',
          operands: [
            [def, DEF_REG],
            [u, r.oneIn(2) ? USE_REG : USE_ANY],
          ],
          flags: I_MOVE,
        });
        break;
      }
      case 11:
        insts.push({
          name: 'late',
          operands: [
            [def, DEF_REG],
            [use(), r.oneIn(3) ? K_USE | P_LATE | C_ANY : USE_REG_LATE],
            [this.newValue(0), TEMP_REG],
            [use(), USE_ANY],
          ],
        });
        break;
      case 12:
        insts.push({
          name: 'early',
          operands: [
            [def, DEF_REG_EARLY],
            [use(), USE_REG],
            [this.newValue(0), DEF_REG],
          ],
        });
        break;
      case 13:
        // As mulx: either half of the product may be dead, and the fixed operand may live on.
        insts.push({
          name: 'product',
          operands: [
            [def, DEF_REG],
            [this.newValue(this.cls), DEF_REG],
            [use(), USE_ANY],
            [use(0), useFixed(2)],
          ],
        });
        break;
      default:
        insts.push({
          name: 'stack',
          operands: [
            [use(), r.oneIn(4) ? K_USE | C_STACK : USE_ANY],
            [def, r.oneIn(8) ? (DEF_REG & ~(7 << 3)) | C_STACK : DEF_REG],
          ],
        });
    }
  }

  private shift(block: TestBlock, values: number[]): void {
    const def = this.newValue(0);
    block.insts.push({
      name: 'shift',
      operands: [
        [def, defReuse(1)],
        [this.any(values, 0), USE_REG],
        [this.any(values, 0), useFixed(1)],
      ],
    });
  }

  private divide(block: TestBlock, values: number[]): void {
    const { r } = this;
    const operands: [number, number][] = r.oneIn(2)
      ? [
          [this.newValue(0), defFixed(0)],
          [this.any(values, 0), useFixed(0)],
          [this.any(values, 0), USE_REG],
          [this.newValue(0), tempFixed(2)],
        ]
      : [
          [this.newValue(0), defFixed(0)],
          [this.newValue(0), defFixed(2)],
          [this.any(values, 0), useFixed(0)],
          [this.any(values, 0), useFixed(2)],
          [this.any(values, 0), USE_ANY],
        ];
    block.insts.push({ name: 'div', operands });
  }

  private call(block: TestBlock, values: number[]): void {
    const { r } = this;
    const operands: [number, number][] = [];
    if (r.oneIn(2)) operands.push([this.ctx, useFixed(15)]);
    const gp = this.regs.allocatableGp.filter((g) => g !== 15 && g !== 3);
    for (const reg of gp.slice(0, r.below(5))) operands.push([this.any(values, 0), useFixed(reg)]);
    for (let k = r.below(4); k > 0; k--)
      operands.push([this.any(values, CLASS_FP), useFixed(31 + k)]);
    for (let k = r.oneIn(4) ? 20 : 0; k > 0; k--)
      operands.push([this.any(values, r.below(2)), USE_ANY]);
    if (r.oneIn(4)) operands.push([this.any(values, 0), USE_REG]);
    if (r.oneIn(2)) operands.push([this.newValue(0), defFixed(0)]);
    if (r.oneIn(4)) operands.push([this.newValue(CLASS_FP), defFixed(32)]);
    block.insts.push({ name: 'call', operands, flags: I_CALL, clobber: 1 });
  }

  private terminator(block: TestBlock, values: number[]): void {
    const { r } = this;
    const use = (): number => this.any(values, 0);
    if (block.succs.length === 0) {
      block.insts.push({
        name: 'ret',
        operands: [
          [use(), useFixed(0)],
          [use(), useFixed(1)],
          [this.any(values, CLASS_FP), useFixed(32)],
        ],
        flags: I_BRANCH | I_RETURN,
      });
    } else if (block.succs.length === 1)
      block.insts.push({ name: 'jump', operands: [], flags: I_BRANCH });
    else if (block.succs.length === 2) {
      block.insts.push({
        name: 'branch',
        operands: [
          [use(), USE_REG],
          [use(), USE_ANY],
        ],
        flags: I_BRANCH,
      });
      if (r.oneIn(3)) block.insts.push({ name: 'jump', operands: [], flags: I_BRANCH });
    } else
      block.insts.push({
        name: 'table',
        operands: [
          [use(), USE_REG],
          [this.newValue(0), TEMP_REG],
        ],
        flags: I_BRANCH,
      });
  }

  private makeArgs(): void {
    const { f } = this;
    f.blocks.forEach((b, k) => {
      if (!this.order.includes(k)) return;
      const values = this.available(k);
      b.args = b.succs.map((t) =>
        f.blocks[t]!.params.map((p) => {
          const a = this.any(values, f.classes[p]!);
          return this.sameType(a, p, values);
        }),
      );
    });
  }

  /** The argument itself if it has the parameter's type, else one that does. */
  private sameType(a: number, p: number, values: number[]): number {
    const { f } = this;
    if (f.types[a] === f.types[p]) return a;
    const fit = values.filter((v) => f.classes[v] === f.classes[p] && f.types[v] === f.types[p]);
    return fit[this.r.below(fit.length)]!;
  }
}
