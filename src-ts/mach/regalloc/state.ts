/**
 * What the phases of the allocator share: columns over vregs, blocks, instructions and operands, and pools of lists.
 * One object serves all functions; `begin` grows and clears what the next one needs.
 *
 * Phases, each a file: cfg (order, loops, frequencies), liveness (live-in lists, next uses, hints), saved (which
 * callee-saved registers pay), spill (which values are in registers where), slots, assign (which registers), edges (moves
 * between blocks).
 *
 * Method: SSA-based. Spilling decides first and alone, by furthest next use per block with loop-aware sets at block
 * entries (Braun & Hack, Register Spilling and Live-Range Splitting for SSA-Form Programs, CC 2009), so that at every
 * instruction the registers suffice; assignment then walks blocks in dominance order and can not fail. A value has one
 * slot, written once (at its definition, or where it leaves its register if that is colder).
 *
 * Positions: instruction numbers. "Next use" of a value is an instruction number of the block at hand, or the block's
 * end plus a distance; leaving a loop and entering a cold block add `FAR_EDGE`; `NEVER` = dead.
 */
import { ALLOC_SLOT, CLASS_FP, type Allocation, type VCode, type RegisterFile } from '../vcode.ts';
import { ParallelMove, type MoveSink } from '../parallelmove.ts';
import type { Chaos } from './chaos.ts';

export const NEVER = 0x7fffffff;
export const FAR_EDGE = 1 << 20;
export const FURTHEST = 1 << 29;

/** How a spilled value reaches its slot. */
export const STORE_NONE = 0; // never spilled, or rematerialised
export const STORE_DEF = 1; // right after its definition
export const STORE_LAZY = 2; // wherever it leaves its register
export const STORE_EDGE = 3; // a block parameter that starts out in memory

/** Events at an instruction, in the low bits of `eventData`; the vreg above. */
export const EV_RELOAD = 0; // enters a register for this instruction
export const EV_EVICT = 1; // has no register at this instruction any more
export const EV_DROP = 2; // has its register for the early part only

export class State implements MoveSink {
  vcode!: VCode;
  regs!: RegisterFile;
  out!: Allocation;
  chaos: Chaos | null = null;
  pm = new ParallelMove();
  unfinished = false;

  // Machine, by class
  allocMask = new Int32Array(2);
  allocCount = new Int32Array(2);

  // Blocks
  rpo = new Int32Array(0);
  rpoIndex = new Int32Array(0);
  /** Innermost loop (its header) around the block (itself if it is one), -1; for headers, the next outer loop. */
  loopOf = new Int32Array(0);
  loopParent = new Int32Array(0);
  loopDepth = new Int32Array(0);
  freq = new Float64Array(0);
  /** Place of the block's first instruction when blocks stand in reverse postorder. */
  linStart = new Int32Array(0);
  pressure = [new Int32Array(0), new Int32Array(0)];
  /** First instruction that clobbers all FP registers, or NEVER. */
  firstFpClobber = new Int32Array(0);
  liveInStart = new Int32Array(0);
  /** Where in its live-in list what only lives through the block starts. */
  throughStart = new Int32Array(0);
  /** 1: some predecessor may end with a value in a register that lives in memory from here on. */
  leaves = new Uint8Array(0);
  entryStart = new Int32Array(0);
  entryEnd = new Int32Array(0);
  exitStart = new Int32Array(0);
  exitEnd = new Int32Array(0);
  /** Registers that hold something at the entry of the loop with this header. */
  reserved = [new Int32Array(0), new Int32Array(0)];

  // Live-in lists: vreg and next-use distance from the block's start
  liveInVreg = new Int32Array(1024);
  liveInNext = new Int32Array(1024);
  /** Some values are in no live-in list although they live on: they are in memory between blocks. */
  keptInMemory = false;

  // Vregs
  defBlock = new Int32Array(0);
  defInst = new Int32Array(0);
  /** 1: defined by an instruction that may be emitted again; 0 otherwise. */
  remat = new Uint8Array(0);
  next = new Int32Array(0);
  inW = new Uint8Array(0);
  vstamp = new Int32Array(0);
  vcount = new Int32Array(0);
  /** First use of a block parameter in its block's terms; once assigned, its register at entry or -1. */
  paramNext = new Int32Array(0);
  /** A frequency noted with a value by the phase at hand. */
  vfreq = new Float64Array(0);
  needSlot = new Uint8Array(0);
  storeMode = new Uint8Array(0);
  lazyCost = new Float64Array(0);
  slot = new Int32Array(0);
  liveEnd = new Int32Array(0);
  want = new Int32Array(0);
  phiHint = new Int32Array(0);
  /** Union-find over values joined by block parameters and copies; and the register/slot last given to one of a web. */
  web = new Int32Array(0);
  webReg = new Int32Array(0);
  webSlot = new Int32Array(0);
  avoid = new Int32Array(0);
  /** What values of the web should avoid, and how often the most frequent of them would lose its register; by root. */
  webAvoid = new Int32Array(0);
  webLoses = new Float64Array(0);
  home = new Int32Array(0);
  lastHome = new Int32Array(0);
  /** Register that holds the value before the instruction at hand, -1 = memory. */
  src = new Int32Array(0);

  // Instructions and operands
  special = new Uint8Array(0);
  nxt = new Int32Array(0);
  tied = new Uint8Array(0);

  // Pools
  entryVreg = new Int32Array(1024);
  entryReg = new Int32Array(1024);
  entryCount = 0;
  exitVreg = new Int32Array(1024);
  exitReg = new Int32Array(1024);
  exitCount = 0;
  eventInst = new Int32Array(1024);
  eventData = new Int32Array(1024);
  eventCount = 0;
  /** Some spilled value is stored where it leaves its register. */
  anyLazy = false;
  /** Registers written anywhere, by class. */
  written = new Int32Array(2);

  /** Sets up for one function. */
  begin(vcode: VCode, regs: RegisterFile, out: Allocation, chaos: Chaos | null): void {
    this.vcode = vcode;
    this.regs = regs;
    this.out = out;
    this.chaos = chaos;
    // A defect met in the last function may have left moves behind.
    if (this.unfinished) this.pm = new ParallelMove();
    this.unfinished = true;
    this.machine(0, regs.allocatableGp);
    this.machine(CLASS_FP, regs.allocatableFp);
    this.beginBlocks(vcode.blockCount);
    this.beginVregs(vcode.vregCount);
    if (this.special.length < vcode.instCount) this.special = new Uint8Array(room(vcode.instCount));
    else this.special.fill(0, 0, vcode.instCount);
    if (this.nxt.length < vcode.opndCount) {
      this.nxt = new Int32Array(room(vcode.opndCount));
      this.tied = new Uint8Array(room(vcode.opndCount));
    } else this.tied.fill(0, 0, vcode.opndCount);
    if (out.alloc.length < vcode.opndCount) out.alloc = new Int32Array(room(vcode.opndCount));
    this.entryCount = this.exitCount = this.eventCount = 0;
    this.anyLazy = false;
    this.written[0] = this.written[1] = 0;
    out.moveCount = 0;
  }

  private machine(cls: number, list: readonly number[]): void {
    let mask = 0;
    for (const r of list) mask |= 1 << (r & 31);
    this.allocMask[cls] = mask;
    this.allocCount[cls] = list.length;
  }

  private beginBlocks(n: number): void {
    if (this.rpo.length < n + 1) {
      const size = room(n + 1);
      this.rpo = new Int32Array(size);
      this.rpoIndex = new Int32Array(size);
      this.loopOf = new Int32Array(size);
      this.loopParent = new Int32Array(size);
      this.loopDepth = new Int32Array(size);
      this.freq = new Float64Array(size);
      this.linStart = new Int32Array(size);
      this.pressure = [new Int32Array(size), new Int32Array(size)];
      this.firstFpClobber = new Int32Array(size);
      this.liveInStart = new Int32Array(size);
      this.throughStart = new Int32Array(size);
      this.leaves = new Uint8Array(size);
      this.entryStart = new Int32Array(size);
      this.entryEnd = new Int32Array(size);
      this.exitStart = new Int32Array(size);
      this.exitEnd = new Int32Array(size);
      this.reserved = [new Int32Array(size), new Int32Array(size)];
    }
    this.reserved[0]!.fill(0, 0, n);
    this.reserved[1]!.fill(0, 0, n);
  }

  private beginVregs(n: number): void {
    if (this.next.length < n) {
      const size = room(n);
      this.defBlock = new Int32Array(size);
      this.defInst = new Int32Array(size);
      this.remat = new Uint8Array(size);
      this.next = new Int32Array(size);
      this.inW = new Uint8Array(size);
      this.vstamp = new Int32Array(size);
      this.vcount = new Int32Array(size);
      this.paramNext = new Int32Array(size);
      this.vfreq = new Float64Array(size);
      this.needSlot = new Uint8Array(size);
      this.storeMode = new Uint8Array(size);
      this.lazyCost = new Float64Array(size);
      this.slot = new Int32Array(size);
      this.liveEnd = new Int32Array(size);
      this.want = new Int32Array(size);
      this.phiHint = new Int32Array(size);
      this.web = new Int32Array(size);
      this.webReg = new Int32Array(size);
      this.webSlot = new Int32Array(size);
      this.avoid = new Int32Array(size);
      this.webAvoid = new Int32Array(size);
      this.webLoses = new Float64Array(size);
      this.home = new Int32Array(size);
      this.lastHome = new Int32Array(size);
      this.src = new Int32Array(size);
    }
    this.defBlock.fill(-1, 0, n);
    this.remat.fill(0, 0, n);
    this.next.fill(NEVER, 0, n);
    this.inW.fill(0, 0, n);
    this.vstamp.fill(-1, 0, n);
    this.needSlot.fill(0, 0, n);
    this.storeMode.fill(STORE_NONE, 0, n);
    this.lazyCost.fill(0, 0, n);
    this.slot.fill(-1, 0, n);
    this.liveEnd.fill(-1, 0, n);
    this.want.fill(-1, 0, n);
    this.phiHint.fill(-1, 0, n);
    this.webReg.fill(-1, 0, n);
    this.webSlot.fill(-1, 0, n);
    this.vfreq.fill(0, 0, n);
    this.avoid.fill(0, 0, n);
    this.webAvoid.fill(0, 0, n);
    this.webLoses.fill(0, 0, n);
    this.home.fill(-1, 0, n);
    this.lastHome.fill(-1, 0, n);
    this.src.fill(-1, 0, n);
    for (let v = 0; v < n; v++) this.web[v] = v;
  }

  /** Appends a move to the allocation. */
  move(place: number, from: number, to: number, type: number): void {
    const out = this.out;
    if (out.moveCount === out.movePlace.length) growMoves(out);
    const n = out.moveCount++;
    out.movePlace[n] = place;
    out.moveFrom[n] = from;
    out.moveTo[n] = to;
    out.moveType[n] = type;
    if (to < ALLOC_SLOT) this.written[to >> 5]! |= 1 << (to & 31);
  }

  /** Root of the vreg's web. */
  findWeb(v: number): number {
    const web = this.web;
    while (web[v]! !== v) {
      web[v] = web[web[v]!]!;
      v = web[v]!;
    }
    return v;
  }

  joinWebs(a: number, b: number): void {
    const ra = this.findWeb(a);
    const rb = this.findWeb(b);
    if (ra < rb) this.web[rb] = ra;
    else this.web[ra] = rb;
  }

  addEvent(inst: number, vreg: number, kind: number): void {
    if (this.eventCount === this.eventInst.length) {
      this.eventInst = enlarge(this.eventInst, this.eventCount);
      this.eventData = enlarge(this.eventData, this.eventCount);
    }
    this.eventInst[this.eventCount] = inst;
    this.eventData[this.eventCount++] = (vreg << 2) | kind;
  }

  addEntry(vreg: number): void {
    if (this.entryCount === this.entryVreg.length) {
      this.entryVreg = enlarge(this.entryVreg, this.entryCount);
      this.entryReg = enlarge(this.entryReg, this.entryCount);
    }
    this.entryVreg[this.entryCount++] = vreg;
  }

  addExit(vreg: number): void {
    if (this.exitCount === this.exitVreg.length) {
      this.exitVreg = enlarge(this.exitVreg, this.exitCount);
      this.exitReg = enlarge(this.exitReg, this.exitCount);
    }
    this.exitVreg[this.exitCount++] = vreg;
  }
}

export function growMoves(out: Allocation): void {
  out.movePlace = enlarge(out.movePlace, out.moveCount);
  out.moveFrom = enlarge(out.moveFrom, out.moveCount);
  out.moveTo = enlarge(out.moveTo, out.moveCount);
  const type = new Uint8Array(out.movePlace.length);
  type.set(out.moveType);
  out.moveType = type;
}

/** Capacity for n elements, with room to grow. */
export function room(n: number): number {
  return Math.max(1024, n + (n >> 2));
}

/** A copy with at least twice the capacity; the first `used` elements are kept. */
export function enlarge(a: Int32Array, used: number): Int32Array<ArrayBuffer> {
  const b = new Int32Array(Math.max(64, a.length * 2));
  b.set(used === a.length ? a : a.subarray(0, used));
  return b;
}

/** Number of set bits. */
export function popcount(x: number): number {
  x -= (x >>> 1) & 0x55555555;
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
