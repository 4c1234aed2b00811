/** What the plugin icount.c writes: how often each instruction of a range of addresses was executed. */
import { floorIndex } from '../../src-ts/object/search.ts';

export class Counts {
  /** Executed instructions. */
  readonly total: number;
  /** Number of runs of neighbouring instructions that were executed equally often. */
  readonly length: number;
  /** Offsets of the first byte of each run and of its end. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  readonly times: Float64Array;

  /** From the text of the plugin's file. */
  constructor(text: string) {
    const [total, ...runs] = text.trimEnd().split('\n');
    this.total = Number(total);
    this.length = runs.length;
    this.starts = new Uint32Array(runs.length);
    this.ends = new Uint32Array(runs.length);
    this.times = new Float64Array(runs.length);
    for (const [i, run] of runs.entries()) {
      const [start, end, times] = run.split(' ') as [string, string, string];
      this.starts[i] = parseInt(start, 16);
      this.ends[i] = parseInt(end, 16);
      this.times[i] = Number(times);
    }
  }

  /** How often the instruction that `offset` is in was executed. */
  at(offset: number): number {
    const i = floorIndex(this.starts, this.length, offset);
    return i >= 0 && offset < this.ends[i]! ? this.times[i]! : 0;
  }

  /** Whether anything in [start, end) was executed. */
  anyIn(start: number, end: number): boolean {
    const i = floorIndex(this.starts, this.length, end - 1);
    return i >= 0 && this.ends[i]! > start;
  }
}
