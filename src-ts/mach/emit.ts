/**
 * The emission driver: lays out blocks, threads jumps over blocks that only jump on, and emits instructions and the
 * allocator's moves in order. Knows no target.
 */
import { ensure32 } from '../analysis/scratch.ts';
import type { CodeRecord } from '../object/records.ts';
import { resolvePositions } from './inlines.ts';
import { lap, stopwatch } from '../util/stopwatch.ts';
import { Layout } from './layout.ts';
import type { Lowering } from './lower.ts';
import { LocalTracker } from './locals.ts';
import { CodeSink, SPILL_LOAD, SPILL_STORE } from './sink.ts';
import type { CodeSettings, Target } from './target.ts';
import {
  ALLOC_NONE,
  ALLOC_SLOT,
  I_REMAT,
  K_DEF,
  K_MASK,
  REMAT_BASE,
  type Allocation,
  type VCode,
} from './vcode.ts';

const NONE = -1;

/** What calls need of the frame, in bytes. */
export interface FrameNeeds {
  outgoingBytes: number;
  resultAreaBytes: number;
  tailExtraBytes: number;
}

export class Emitter {
  readonly sink: CodeSink;
  private readonly target: Target;
  /** Follows Wasm locals when debug information is wanted. */
  private readonly tracker: LocalTracker;
  /** Where a jump to a block ends up; another block when the block itself is left out. */
  private alias = new Int32Array(0);
  private path = new Int32Array(0);
  /** Number of the first move at a block or in it. */
  private firstMove = new Int32Array(0);
  private readonly layout = new Layout();

  constructor(target: Target) {
    this.target = target;
    this.sink = new CodeSink(target);
    this.tracker = new LocalTracker(target);
  }

  /** Emits an allocated function. `align` is the alignment of its start. */
  run(lower: Lowering, alloc: Allocation, align: number, settings: CodeSettings): CodeRecord {
    const { code } = lower;
    const tracker = settings.debugInfo === true ? this.tracker : null;
    const { sink, target, layout } = this;
    this.thread(code, alloc);
    sink.reset(code.blockCount, this.alias);
    // The prologue, where the stack may overflow, is at the beginning of the body, as the parameters are.
    const { f } = lower;
    sink.position(f.pos[f.first[0]]);
    target.prologue(sink, code, alloc, lower);
    tracker?.start(lower, alloc, sink);
    layout.compute(code, this.alias);
    const alignsLoops = settings.alignsLoops === true;
    if (alignsLoops) layout.findLoops(code, this.alias);
    for (let p = 0; p !== NONE; p = layout.next[p]) {
      if (alignsLoops && layout.loopEnd[p] !== NONE) sink.alignLoop(layout.next[layout.loopEnd[p]]);
      sink.bind(p);
      target.enterBlock(sink, p);
      tracker?.enterBlock(p);
      const next = layout.next[p];
      let move = this.firstMove[p];
      for (let i = code.blockStart[p], end = code.blockStart[p + 1]; i < end; i++) {
        while (move < alloc.moveCount && alloc.movePlace[move] <= i) {
          this.move(alloc, move);
          tracker?.afterMove(move);
          move++;
        }
        // A constant that is only ever made again where it is used has no register here.
        if (code.flags[i] & I_REMAT && alloc.alloc[code.opnd[i]] === ALLOC_NONE) continue;
        sink.position(code.pos[i]);
        tracker?.before(code.pos[i]);
        if (sink.notesSpills) this.noteSlotOperands(code, alloc, i);
        target.emit(sink, i, next);
        tracker?.after(i);
      }
    }
    tracker?.finish();
    lap('emission');
    const record = sink.finish(lower.tableEntries, align);
    resolvePositions(record, sink.returns, lower.f.inlines);
    stopwatch()?.lap('branches and pool', () => record.code.length);
    return record;
  }

  private move(alloc: Allocation, m: number): void {
    const { sink } = this;
    const at = sink.buf.pos;
    this.target.emitMove(sink, m);
    if (!sink.notesSpills) return;
    const kind = alloc.moveTo[m] >= ALLOC_SLOT ? SPILL_STORE : SPILL_LOAD;
    if (kind === SPILL_LOAD && (alloc.moveFrom[m] < ALLOC_SLOT || alloc.moveFrom[m] >= REMAT_BASE))
      return;
    // A target may join a move with the instruction before: then a place inside that one is noted.
    sink.spill(sink.buf.pos > at ? at : at - 1, kind);
  }

  private noteSlotOperands(code: VCode, alloc: Allocation, i: number): void {
    for (let o = code.opnd[i], end = code.opnd[i + 1]; o < end; o++) {
      if (alloc.alloc[o] < ALLOC_SLOT) continue;
      const store = (code.con[o] & K_MASK) === K_DEF;
      this.sink.spill(this.sink.buf.pos, store ? SPILL_STORE : SPILL_LOAD);
    }
  }

  /** Finds the blocks that only jump on, and where that ends. A ring of such blocks keeps one of them. */
  private thread(code: VCode, alloc: Allocation): void {
    const n = code.blockCount;
    this.alias = ensure32(this.alias, n);
    this.path = ensure32(this.path, n);
    const { alias, path } = this;
    this.onlyJumps(code, alloc);
    for (let p = 0; p < n; p++) {
      let q = p;
      let length = 0;
      // While a path is walked its blocks are marked as standing for themselves, which ends a ring.
      while (alias[q] < -1) {
        const to = -2 - alias[q];
        alias[q] = q;
        path[length++] = q;
        q = to;
      }
      q = alias[q];
      while (length > 0) alias[path[--length]] = q;
    }
  }

  /** alias[p] = -2 - target for blocks of one jump and no moves, else p. The entry block stays. Fills firstMove, too. */
  private onlyJumps(code: VCode, alloc: Allocation): void {
    let move = 0;
    this.firstMove = ensure32(this.firstMove, code.blockCount);
    for (let p = 0; p < code.blockCount; p++) {
      this.firstMove[p] = move;
      const start = code.blockStart[p];
      const end = code.blockStart[p + 1];
      const before = move;
      while (move < alloc.moveCount && alloc.movePlace[move] < end) move++;
      const to = p > 0 && end === start + 1 ? this.target.jumpTarget(code, start) : NONE;
      this.alias[p] = to === NONE || move !== before ? p : -2 - to;
    }
  }
}
