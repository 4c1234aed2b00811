/**
 * Parallel moves made sequential: a set of moves that happen at once becomes a list with the same effect.
 *
 * A move's source may have several destinations; a destination has one source. What comes out never moves memory to
 * memory: such a move, and every cycle, goes through the scratch registers, which appear in the list like any other
 * register. Memory to memory goes through the scratch register of the integer class (floating for v128); while a cycle
 * occupies that one, through the other class's (a v128 as two halves), so the type of a move always fits the
 * class of its register. Rematerialisations read nothing and come last.
 *
 * Method: moves whose destination nobody still reads are done first (worklist); what is left are disjoint cycles,
 * each opened by saving one location (Boissinot et al., CGO 2009, algorithm 1). Linear in the number of moves.
 */
import { ALLOC_SLOT, REMAT_BASE, type RegisterFile } from './vcode.ts';
import { T_F32, T_F64, T_I64, T_V128 } from '../gen/ir.ts';
import { bug } from '../util/bug.ts';

/** Receives sequential moves. */
export interface MoveSink {
  move(place: number, from: number, to: number, type: number): void;
}

export class ParallelMove {
  count = 0;
  private from = new Int32Array(64);
  private to = new Int32Array(64);
  private type = new Uint8Array(64);
  private work = new Int32Array(64);
  private done = new Uint8Array(64);
  /** By location: how many pending moves read it; the pending move that writes it, or -1. All -1/0 between uses. */
  private readers = new Int32Array(256);
  private writer = new Int32Array(256).fill(-1);
  /** Which scratch registers hold the saved value of the cycle being done. */
  private gpBusy = false;
  private fpBusy = false;

  /** Adds a move; locations and rematerialisations as in `Allocation`. A move to its own place is ignored. */
  add(from: number, to: number, type: number): void {
    if (from === to) return;
    if (this.count === this.from.length) this.grow();
    this.from[this.count] = from;
    this.to[this.count] = to;
    this.type[this.count++] = type;
  }

  /** Sends the sequential form to `sink` and empties the set. */
  resolve(place: number, regs: RegisterFile, sink: MoveSink): void {
    const n = this.count;
    this.count = 0;
    if (n === 1) {
      this.emit(place, this.from[0]!, this.to[0]!, this.type[0]!, regs, sink);
      return;
    }
    if (n === 0) return;
    this.index(n);
    const top = this.drainReady(n, place, regs, sink);
    if (top < n) this.breakCycles(n, place, regs, sink);
    for (let m = 0; m < n; m++) {
      if (this.from[m]! >= REMAT_BASE)
        this.emit(place, this.from[m]!, this.to[m]!, this.type[m]!, regs, sink);
      this.done[m] = 0;
    }
  }

  private index(n: number): void {
    for (let m = 0; m < n; m++) {
      const from = this.from[m]!;
      const to = this.to[m]!;
      if (to >= this.writer.length) this.growLocations(to);
      if (this.writer[to]! >= 0) bug('parallel move', `two values for location ${to}`);
      this.writer[to] = m;
      if (from >= REMAT_BASE) continue;
      if (from >= this.writer.length) this.growLocations(from);
      this.readers[from]!++;
    }
  }

  /** Does all moves that wait for nothing (each may free the next); returns how many moves are settled. */
  private drainReady(n: number, place: number, regs: RegisterFile, sink: MoveSink): number {
    const { from, to, writer, readers, work, done } = this;
    let settled = 0;
    let top = 0;
    for (let m = 0; m < n; m++) {
      if (from[m]! >= REMAT_BASE) {
        // Done last; whoever reads its destination does not wait for it.
        settled++;
        done[m] = 1;
        writer[to[m]!] = -1;
      } else if (readers[to[m]!] === 0) work[top++] = m;
    }
    while (top > 0) {
      const m = work[--top]!;
      this.emit(place, from[m]!, to[m]!, this.type[m]!, regs, sink);
      done[m] = 1;
      settled++;
      writer[to[m]!] = -1;
      const f = from[m]!;
      if (--readers[f]! === 0 && writer[f]! >= 0) work[top++] = writer[f]!;
    }
    return settled;
  }

  /** What is left are cycles: opens each at one location, whose value waits in a scratch register. */
  private breakCycles(n: number, place: number, regs: RegisterFile, sink: MoveSink): void {
    const { from, to, type, writer, readers, done } = this;
    for (let m = 0; m < n; m++) {
      if (done[m] === 1) continue;
      const opened = to[m]!;
      let last = m;
      while (from[last]! !== opened) last = writer[from[last]!]!;
      const fp = isFpType(type[last]!);
      const scratch = fp ? regs.scratchFp : regs.scratchGp;
      sink.move(place, opened, scratch, type[last]!);
      this.fpBusy = fp;
      this.gpBusy = !fp;
      for (let k = m; ;) {
        const source = from[k]!;
        if (k === last) sink.move(place, scratch, to[k]!, type[k]!);
        else this.emit(place, source, to[k]!, type[k]!, regs, sink);
        done[k] = 1;
        writer[to[k]!] = -1;
        readers[source] = 0;
        if (k === last) break;
        k = writer[source]!;
      }
      this.fpBusy = this.gpBusy = false;
    }
  }

  /** One move; from memory (or a rematerialisation) to memory through a scratch register. */
  private emit(
    place: number,
    from: number,
    to: number,
    type: number,
    regs: RegisterFile,
    sink: MoveSink,
  ): void {
    if (to < ALLOC_SLOT || from < ALLOC_SLOT) {
      sink.move(place, from, to, type);
      return;
    }
    if (from >= REMAT_BASE) {
      const scratch = isFpType(type) ? regs.scratchFp : regs.scratchGp;
      sink.move(place, from, scratch, type);
      sink.move(place, scratch, to, type);
      return;
    }
    const wide = type === T_V128;
    if (wide ? !this.fpBusy : this.gpBusy) {
      const via = wide ? T_V128 : T_F64;
      sink.move(place, from, regs.scratchFp, via);
      sink.move(place, regs.scratchFp, to, via);
      return;
    }
    for (let half = 0; half < (wide ? 2 : 1); half++) {
      sink.move(place, from + half, regs.scratchGp, T_I64);
      sink.move(place, regs.scratchGp, to + half, T_I64);
    }
  }

  private grow(): void {
    this.from = enlargeInt32(this.from);
    this.to = enlargeInt32(this.to);
    this.work = enlargeInt32(this.work);
    const type = new Uint8Array(this.type.length * 2);
    type.set(this.type);
    this.type = type;
    this.done = new Uint8Array(type.length);
  }

  private growLocations(location: number): void {
    const size = Math.max(this.writer.length * 2, location + 1);
    const writer = new Int32Array(size).fill(-1);
    writer.set(this.writer);
    this.writer = writer;
    const readers = new Int32Array(size);
    readers.set(this.readers);
    this.readers = readers;
  }
}

function isFpType(type: number): boolean {
  return type === T_F32 || type === T_F64 || type === T_V128;
}

function enlargeInt32(a: Int32Array): Int32Array<ArrayBuffer> {
  const b = new Int32Array(a.length * 2);
  b.set(a);
  return b;
}
