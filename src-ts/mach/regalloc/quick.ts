/**
 * Register allocation for fast compilation: two walks over the code, no liveness, no loops, no coalescing.
 *
 * A value that is used outside its block (or is a block parameter) has a stack slot of its own, written once right after
 * its definition, parameters on the edges; within a block, values are brought into registers where they are used, and stay
 * until a register is needed for something else. As SSA values never change, what has been stored can be dropped at any
 * time. Constants are made again where they are used. A value of one block gets a slot only if it must make way, one that
 * the next block uses again. So a function's slots are many; `allocateQuickly` declines functions that would have too big
 * a frame, and those where an instruction's operands do not all find registers of their own.
 */
import { T_V128 } from '../../gen/ir.ts';
import { ParallelMove, type MoveSink } from '../parallelmove.ts';
import {
  ALLOC_NONE,
  ALLOC_SLOT,
  ARG_SHIFT,
  C_ANY,
  C_FIXED,
  C_MASK,
  C_REG,
  C_REUSE,
  C_STACK,
  I_BRANCH,
  I_CALL,
  I_MOVE,
  I_REMAT,
  K_DEF,
  K_MASK,
  K_USE,
  P_LATE,
  REMAT_BASE,
  type Allocation,
  type RegisterFile,
  type VCode,
} from '../vcode.ts';
import { findTaken, takenE, takenL } from './operands.ts';
import { growMoves, room } from './state.ts';

/** A frame of 8 KiB, which recursion can still afford: only functions of thousands of instructions come near. */
const MAX_SLOTS = 1024;

const LATE_DEF = K_DEF | P_LATE;

/** Has a definition in an operand's register. */
const TIED = 1;
/** Has anything but early uses and late definitions in any register or in memory. */
const SPECIAL = 2;

/** In `remat`: must be able to be in memory. 1: is made again where it is used. */
const NOT_AGAIN = 2;

class QuickAllocator implements MoveSink {
  private vc!: VCode;
  private regs!: RegisterFile;
  private out!: Allocation;
  private pm = new ParallelMove();
  private readonly mask = new Int32Array(2);
  private readonly callerSaved = new Int32Array(2);
  private readonly written = new Int32Array(2);
  /** Registers that may not be given away at this instruction: in its early part, in its late part. */
  private readonly lockedE = new Int32Array(2);
  private readonly lockedL = new Int32Array(2);
  private failed = false;

  // Vregs
  private defBlock = new Int32Array(0);
  private defInst = new Int32Array(0);
  private lastUse = new Int32Array(0);
  private shared = new Uint8Array(0);
  private remat = new Uint8Array(0);
  private slot = new Int32Array(0);
  private stored = new Uint8Array(0);
  private home = new Int32Array(0);
  /** Value in each register, -1 if none; and which registers have one, by class. */
  private readonly holds = new Int32Array(64).fill(-1);
  private readonly occupied = new Int32Array(2);
  private slots = 0;

  // Instructions: TIED, SPECIAL
  private traits = new Uint8Array(0);

  run(vc: VCode, regs: RegisterFile, out: Allocation): boolean {
    this.begin(vc, regs, out);
    for (let b = 0; b < vc.blockCount; b++) this.findUses(b);
    if (!this.giveSlots()) return false;
    const sharedSlots = this.slots;
    let most = sharedSlots;
    for (let b = 0; b < vc.blockCount && !this.failed; b++) {
      this.slots = sharedSlots;
      this.block(b);
      if (this.slots > most) most = this.slots;
    }
    out.slotCount = most;
    out.usedCalleeSaved = {
      gp: this.written[0]! & regs.calleeSaved.gp,
      fp: this.written[1]! & regs.calleeSaved.fp,
    };
    return !this.failed && most <= MAX_SLOTS;
  }

  private begin(vc: VCode, regs: RegisterFile, out: Allocation): void {
    // What an instruction that did not work out left behind.
    if (this.failed) this.pm = new ParallelMove();
    this.vc = vc;
    this.regs = regs;
    this.out = out;
    this.failed = false;
    const n = vc.vregCount;
    if (this.home.length < n) this.reserve(room(n));
    this.defBlock.fill(-1, 0, n);
    this.lastUse.fill(-1, 0, n);
    this.shared.fill(0, 0, n);
    this.remat.fill(0, 0, n);
    this.slot.fill(-1, 0, n);
    this.stored.fill(0, 0, n);
    this.home.fill(-1, 0, n);
    this.holds.fill(-1);
    this.occupied.fill(0);
    this.written.fill(0);
    if (this.traits.length < vc.instCount) this.traits = new Uint8Array(room(vc.instCount));
    for (let c = 0; c < 2; c++) {
      let mask = 0;
      for (const r of c === 0 ? regs.allocatableGp : regs.allocatableFp) mask |= 1 << (r & 31);
      this.mask[c] = mask;
      this.callerSaved[c] = mask & ~(c === 0 ? regs.calleeSaved.gp : regs.calleeSaved.fp);
    }
    if (out.alloc.length < vc.opndCount) out.alloc = new Int32Array(room(vc.opndCount));
    out.moveCount = 0;
    this.slots = 0;
  }

  private reserve(size: number): void {
    this.defBlock = new Int32Array(size);
    this.defInst = new Int32Array(size);
    this.lastUse = new Int32Array(size);
    this.shared = new Uint8Array(size);
    this.remat = new Uint8Array(size);
    this.slot = new Int32Array(size);
    this.stored = new Uint8Array(size);
    this.home = new Int32Array(size);
  }

  // ---- first walk: where values are used ----

  /** Definitions and uses of a block. Uses in other blocks may come before. */
  private findUses(b: number): void {
    const { vc } = this;
    for (let p = vc.paramStart[b]!; p < vc.paramStart[b + 1]!; p++)
      this.define(vc.param[p]!, b, -1);
    const end = vc.blockStart[b + 1]!;
    for (let i = vc.blockStart[b]!; i < end; i++) this.findUsesOf(i, b);
    const edge = vc.succStart[b]!;
    const edges = vc.succStart[b + 1]! - edge;
    const last = vc.argStart[edge + edges]!;
    for (let a = vc.argStart[edge]!; a < last; a++) {
      this.use(vc.arg[a]!, b, end);
      // Moved at the head of the block it goes to.
      if (edges > 1) this.shared[vc.arg[a]!] = 1;
    }
  }

  private findUsesOf(i: number, b: number): void {
    const { vc } = this;
    const call = (vc.flags[i]! & I_CALL) !== 0;
    let traits = 0;
    if (vc.clobber[i] !== 0) {
      const clobbers = vc.clobberSets[vc.clobber[i]!]!;
      this.written[0]! |= clobbers.gp;
      this.written[1]! |= clobbers.fp;
      traits = SPECIAL;
    }
    for (let o = vc.opnd[i]!, last = vc.opnd[i + 1]!; o < last; o++) {
      const v = vc.vreg[o]!;
      if (v < 0) continue;
      const con = vc.con[o]!;
      const where = con & C_MASK;
      const kind = con & K_MASK;
      if (where === C_REUSE) traits |= TIED;
      else if (where > C_REG || (con & (K_MASK | P_LATE)) !== (kind === K_DEF ? LATE_DEF : K_USE))
        traits |= SPECIAL;
      if (kind === K_DEF) {
        this.define(v, b, i);
        const again = (vc.flags[i]! & I_REMAT) !== 0 && where === C_REG;
        if (again && this.remat[v] === 0) this.remat[v] = 1;
      } else if (kind === K_USE) {
        this.use(v, b, i);
        // A call may have any number of stack arguments; they must all be able to stay in memory.
        if (where === C_STACK || (where === C_ANY && call)) this.remat[v] = NOT_AGAIN;
      }
    }
    this.traits[i] = traits;
  }

  private define(v: number, b: number, i: number): void {
    this.defBlock[v] = b;
    this.defInst[v] = i;
    if (i < 0) this.shared[v] = 1;
  }

  private use(v: number, b: number, i: number): void {
    this.lastUse[v] = i;
    if (this.defBlock[v] !== b) this.shared[v] = 1;
  }

  /** Slots for what several blocks use; false if they are too many. */
  private giveSlots(): boolean {
    for (let v = 0; v < this.vc.vregCount; v++) {
      if (this.shared[v] === 0 || this.remat[v] === 1 || this.lastUse[v]! < 0) continue;
      this.giveSlot(v);
      this.stored[v] = 1;
    }
    return this.slots <= MAX_SLOTS;
  }

  private giveSlot(v: number): void {
    this.slot[v] = ALLOC_SLOT + this.slots;
    this.slots += this.vc.vregType[v] === T_V128 ? 2 : 1;
  }

  // ---- second walk: registers ----

  private block(b: number): void {
    const { vc } = this;
    this.enter(b);
    const end = vc.blockStart[b + 1]!;
    let branched = vc.succStart[b + 1]! - vc.succStart[b]! !== 1;
    for (let i = vc.blockStart[b]!; i < end && !this.failed; i++) {
      if (!branched && (vc.flags[i]! & I_BRANCH) !== 0) {
        this.edge(vc.succStart[b]!, i);
        branched = true;
      }
      this.inst(i);
    }
    for (let c = 0; c < 2; c++)
      for (let left = this.occupied[c]!; left !== 0; left &= left - 1)
        this.vacate(this.holds[lowest(c, left)]!);
  }

  /** Parameters of a block with one predecessor that has other successors come in here. */
  private enter(b: number): void {
    const { vc } = this;
    if (vc.predStart[b + 1]! - vc.predStart[b]! !== 1) return;
    const from = vc.pred[vc.predStart[b]!]!;
    const first = vc.succStart[from]!;
    const last = vc.succStart[from + 1]!;
    if (last - first === 1) return;
    for (let e = first; e < last; e++) if (vc.succ[e] === b) this.edge(e, vc.blockStart[b]!);
  }

  /** Moves an edge's arguments to the slots of the parameters. */
  private edge(e: number, place: number): void {
    const { vc } = this;
    const p = vc.paramStart[vc.succ[e]!]! - vc.argStart[e]!;
    for (let a = vc.argStart[e]!; a < vc.argStart[e + 1]!; a++) {
      const param = vc.param[p + a]!;
      if (this.slot[param]! < 0) continue;
      this.pm.add(this.source(vc.arg[a]!), this.slot[param]!, vc.vregType[param]!);
    }
    this.pm.resolve(place, this.regs, this);
  }

  /** Where a value can be copied from. */
  private source(v: number): number {
    const r = this.home[v]!;
    if (r >= 0) return r;
    return this.remat[v] === 1 ? REMAT_BASE + this.defInst[v]! : this.slot[v]!;
  }

  private inst(i: number): void {
    const { lockedE, lockedL } = this;
    const traits = this.traits[i]!;
    const special = (traits & SPECIAL) !== 0;
    if (special) {
      findTaken(this.vc, i);
      for (let c = 0; c < 2; c++) {
        lockedE[c] = takenE[c]!;
        lockedL[c] = takenL[c]!;
      }
      this.fixedUses(i);
      this.leaveTaken(i);
    } else lockedE[0] = lockedE[1] = lockedL[0] = lockedL[1] = 0;
    this.lockUses(i, special);
    if ((traits & TIED) !== 0) this.tiedUses(i, special);
    this.uses(i);
    if (special) this.throughs(i);
    if (this.failed) return;
    this.pm.resolve(i, this.regs, this);
    this.freeDead(i);
    this.lateDefs(i);
    this.defs(i);
  }

  /** Copies to the registers that operands name. */
  private fixedUses(i: number): void {
    const { vc, out } = this;
    const first = vc.opnd[i]!;
    for (let o = first, last = vc.opnd[i + 1]!; o < last; o++) {
      const v = vc.vreg[o]!;
      out.alloc[o] = ALLOC_NONE;
      if (v < 0 || (vc.con[o]! & (K_MASK | C_MASK)) !== (K_USE | C_FIXED)) continue;
      const r = vc.con[o]! >> ARG_SHIFT;
      let again = this.home[v] === r;
      for (let k = first; k < o && !again; k++) again = vc.vreg[k] === v && out.alloc[k] === r;
      if (!again) this.pm.add(this.source(v), r, vc.vregType[v]!);
      out.alloc[o] = r;
    }
  }

  /** Values in registers that the instruction takes are stored, if they are needed again, and leave. */
  private leaveTaken(i: number): void {
    for (let c = 0; c < 2; c++) {
      for (let left = (takenE[c]! | takenL[c]!) & this.occupied[c]!; left !== 0; left &= left - 1) {
        const r = lowest(c, left);
        const v = this.holds[r]!;
        if (this.lastUse[v]! > i || this.usedFreely(v, i)) this.store(v, i);
        if (this.staysIn(v, r, i)) continue;
        this.vacate(v);
      }
    }
  }

  /** Whether an operand that names no register uses v. */
  private usedFreely(v: number, i: number): boolean {
    const { vc } = this;
    if (this.lastUse[v]! < i) return false;
    for (let o = vc.opnd[i]!, last = vc.opnd[i + 1]!; o < last; o++) {
      if (vc.vreg[o] === v && (vc.con[o]! & (K_MASK | C_MASK)) !== (K_USE | C_FIXED)) return true;
    }
    return false;
  }

  /** Whether v, which is in r, is wanted there by the instruction and may stay. */
  private staysIn(v: number, r: number, i: number): boolean {
    const { vc, out } = this;
    if (((takenL[r >> 5]! >>> (r & 31)) & 1) !== 0) return false;
    for (let o = vc.opnd[i]!, last = vc.opnd[i + 1]!; o < last; o++)
      if (vc.vreg[o] === v && out.alloc[o] === r) return true;
    return false;
  }

  /** Registers of operands that are in one already are not to be given away. */
  private lockUses(i: number, special: boolean): void {
    const { vc, out } = this;
    for (let o = vc.opnd[i]!, last = vc.opnd[i + 1]!; o < last; o++) {
      if (!special) out.alloc[o] = ALLOC_NONE;
      const v = vc.vreg[o]!;
      if (v < 0 || (vc.con[o]! & K_MASK) !== K_USE || this.home[v]! < 0) continue;
      this.lock(this.home[v]!, this.lastUse[v]! > i || (vc.con[o]! & P_LATE) !== 0);
    }
  }

  private lock(r: number, through: boolean): void {
    this.lockedE[r >> 5]! |= 1 << (r & 31);
    if (through) this.lockedL[r >> 5]! |= 1 << (r & 31);
  }

  /** Operands whose register becomes that of a definition get a copy there, or give their own if they die. */
  private tiedUses(i: number, special: boolean): void {
    const { vc, out } = this;
    const first = vc.opnd[i]!;
    for (let o = first, last = vc.opnd[i + 1]!; o < last; o++) {
      if (vc.vreg[o]! < 0 || (vc.con[o]! & (K_MASK | C_MASK)) !== (K_DEF | C_REUSE)) continue;
      const k = first + (vc.con[o]! >> ARG_SHIFT);
      const v = vc.vreg[k]!;
      const r = this.home[v]!;
      const own =
        r >= 0 && this.lastUse[v] === i && this.usedOnce(v, i) && !(special && this.isTakenLate(r));
      out.alloc[k] = out.alloc[o] = own ? r : this.pick(v, i, true);
      if (!own) this.pm.add(this.source(v), out.alloc[k]!, vc.vregType[v]!);
      this.lock(out.alloc[k]!, true);
    }
  }

  private isTakenLate(r: number): boolean {
    return ((takenL[r >> 5]! >>> (r & 31)) & 1) !== 0;
  }

  private usedOnce(v: number, i: number): boolean {
    const { vc } = this;
    let n = 0;
    for (let o = vc.opnd[i]!, last = vc.opnd[i + 1]!; o < last; o++) if (vc.vreg[o] === v) n++;
    return n === 1;
  }

  private uses(i: number): void {
    const { vc, out } = this;
    for (let o = vc.opnd[i]!, last = vc.opnd[i + 1]!; o < last; o++) {
      const v = vc.vreg[o]!;
      const con = vc.con[o]!;
      if (v < 0 || (con & K_MASK) !== K_USE || out.alloc[o] !== ALLOC_NONE) continue;
      const where = con & C_MASK;
      const late = (con & P_LATE) !== 0;
      if (where === C_STACK) {
        this.store(v, i);
        out.alloc[o] = this.slot[v]!;
      } else if (this.home[v]! >= 0) {
        out.alloc[o] = this.home[v]!;
      } else if (where === C_ANY && this.stored[v] === 1) {
        out.alloc[o] = this.slot[v]!;
      } else out.alloc[o] = this.load(v, i, late);
    }
  }

  /** Brings a value into a register for the instruction. */
  private load(v: number, i: number, late: boolean): number {
    const through = late || this.lastUse[v]! > i;
    const from = this.source(v);
    const r = this.pick(v, i, through);
    if (r < 0) return r;
    this.pm.add(from, r, this.vc.vregType[v]!);
    this.settle(v, r);
    this.lock(r, through);
    return r;
  }

  /** Scratch registers and definitions that are written before the operands are read. */
  private throughs(i: number): void {
    const { vc, out } = this;
    for (let o = vc.opnd[i]!, last = vc.opnd[i + 1]!; o < last; o++) {
      const v = vc.vreg[o]!;
      const con = vc.con[o]!;
      const kind = con & K_MASK;
      if (v < 0 || kind === K_USE || (kind === K_DEF && (con & P_LATE) !== 0)) continue;
      const where = con & C_MASK;
      if (where === C_FIXED) out.alloc[o] = con >> ARG_SHIFT;
      else if (where === C_STACK) out.alloc[o] = this.needSlot(v);
      else out.alloc[o] = this.pick(v, i, true);
      if (out.alloc[o]! < 0 || out.alloc[o]! >= ALLOC_SLOT) continue;
      this.lock(out.alloc[o]!, true);
      this.note(out.alloc[o]!);
    }
  }

  /** Values used for the last time leave their registers. */
  private freeDead(i: number): void {
    const { vc } = this;
    for (let o = vc.opnd[i]!, last = vc.opnd[i + 1]!; o < last; o++) {
      const v = vc.vreg[o]!;
      if (v < 0 || (vc.con[o]! & K_MASK) !== K_USE) continue;
      if (this.lastUse[v]! <= i && this.home[v]! >= 0) this.vacate(v);
    }
  }

  /** Chooses registers for what is defined at the end of the instruction. */
  private lateDefs(i: number): void {
    const { vc, out } = this;
    const first = vc.opnd[i]!;
    for (let o = first, last = vc.opnd[i + 1]!; o < last; o++) {
      const v = vc.vreg[o]!;
      const con = vc.con[o]!;
      if (v < 0 || (con & (K_MASK | P_LATE)) !== (K_DEF | P_LATE) || this.remat[v] === 1) continue;
      const where = con & C_MASK;
      if (where === C_STACK) {
        out.alloc[o] = this.needSlot(v);
        continue;
      }
      if (where === C_FIXED) out.alloc[o] = con >> ARG_SHIFT;
      else if (where !== C_REUSE) out.alloc[o] = this.pickLate(v, i, first);
      const r = out.alloc[o]!;
      if (r < 0) return;
      this.lockedL[r >> 5]! |= 1 << (r & 31);
      // The first instruction only names what the caller put there.
      if (i > 0 || where !== C_FIXED) this.note(r);
    }
  }

  /** Values defined by the instruction are in their registers from here on, and in their slots if other blocks use them. */
  private defs(i: number): void {
    const { vc, out } = this;
    for (let o = vc.opnd[i]!, last = vc.opnd[i + 1]!; o < last; o++) {
      const v = vc.vreg[o]!;
      if (v < 0 || (vc.con[o]! & K_MASK) !== K_DEF || this.lastUse[v]! < 0) continue;
      const r = out.alloc[o]!;
      if (r < 0 || r >= ALLOC_SLOT) continue;
      const keeps = ((this.mask[r >> 5]! >>> (r & 31)) & 1) !== 0;
      if (keeps) this.settle(v, r);
      if (!keeps || this.shared[v] === 1) this.move(i + 1, r, this.needSlot(v), vc.vregType[v]!);
    }
  }

  private needSlot(v: number): number {
    if (this.slot[v]! < 0) this.giveSlot(v);
    this.stored[v] = 1;
    return this.slot[v]!;
  }

  // ---- registers ----

  /** A register for the early part, and if `through` for the late part as well; its value makes way. -1: there is none. */
  private pick(v: number, i: number, through: boolean): number {
    const c = this.vc.vregClass[v]!;
    const locked = this.lockedE[c]! | (through ? this.lockedL[c]! : 0);
    return this.take(c, this.mask[c]! & ~locked, i);
  }

  /** A register for a definition at the end of instruction i; that of the operand it copies where possible. */
  private pickLate(v: number, i: number, first: number): number {
    const c = this.vc.vregClass[v]!;
    const free = this.mask[c]! & ~this.lockedL[c]!;
    if ((this.vc.flags[i]! & I_MOVE) !== 0) {
      const r = this.out.alloc[first + 1]!;
      const usable = r >= 0 && r < ALLOC_SLOT && r >> 5 === c && ((free >>> (r & 31)) & 1) !== 0;
      if (usable && this.holds[r]! < 0) return r;
    }
    return this.take(c, free, i);
  }

  /** One of these registers: an empty one if there is one, caller-saved ones before others. */
  private take(c: number, among: number, i: number): number {
    const callerSaved = this.callerSaved[c]!;
    const free = among & ~this.occupied[c]!;
    let victims = among & callerSaved;
    if ((free & callerSaved) !== 0) return lowest(c, free & callerSaved);
    if (victims === 0) {
      if (free !== 0) return lowest(c, free);
      victims = among;
    }
    if (victims === 0) {
      this.failed = true;
      return -1;
    }
    // Least is lost with a value that is in memory.
    let victim = -1;
    for (let left = victims; left !== 0; left &= left - 1) {
      const r = lowest(c, left);
      if (victim < 0 || this.cost(this.holds[r]!) < this.cost(this.holds[victim]!)) victim = r;
    }
    const w = this.holds[victim]!;
    if (this.lastUse[w]! >= i) this.store(w, i);
    this.vacate(w);
    return victim;
  }

  private cost(v: number): number {
    return this.remat[v] === 1 ? 0 : this.stored[v] === 1 ? 1 : 2;
  }

  /** Makes sure that a value, which is in a register, is in memory as well. */
  private store(v: number, i: number): void {
    if (this.stored[v] === 1 || this.remat[v] === 1) return;
    const r = this.home[v]!;
    this.move(i, r, this.needSlot(v), this.vc.vregType[v]!);
  }

  private settle(v: number, r: number): void {
    this.home[v] = r;
    this.holds[r] = v;
    this.occupied[r >> 5]! |= 1 << (r & 31);
  }

  private vacate(v: number): void {
    const r = this.home[v]!;
    this.occupied[r >> 5]! &= ~(1 << (r & 31));
    this.holds[r] = -1;
    this.home[v] = -1;
  }

  private note(r: number): void {
    this.written[r >> 5]! |= 1 << (r & 31);
  }

  /** Appends a move to the allocation. */
  move(place: number, from: number, to: number, type: number): void {
    const { out } = this;
    if (out.moveCount === out.movePlace.length) growMoves(out);
    const n = out.moveCount++;
    out.movePlace[n] = place;
    out.moveFrom[n] = from;
    out.moveTo[n] = to;
    out.moveType[n] = type;
    if (to < ALLOC_SLOT) this.note(to);
  }
}

/** The lowest register of a set. */
function lowest(c: number, set: number): number {
  return (c << 5) + 31 - Math.clz32(set & -set);
}

const allocator = new QuickAllocator();

/**
 * Allocates registers and stack slots fast. `out` is overwritten, its arrays reused.
 * @returns false if the function is none for this method; `out` is then of no use
 */
export function allocateQuickly(vcode: VCode, regs: RegisterFile, out: Allocation): boolean {
  return allocator.run(vcode, regs, out);
}
