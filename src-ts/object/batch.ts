/**
 * Code records of several functions in three flat arrays, so that a worker thread can hand them over in shared memory
 * and the compiler need not keep an object per function while it works.
 *
 *   heads   per record: HEAD numbers: index, align, code length, lengths of the lists
 *   code    code bytes of the records, one after the other
 *   side    their lists: relocs, traps, addrmap, unwind, inlines, locals
 */
import type { CodeRecord } from './records.ts';

const HEAD = 9;

export interface CodeBatch {
  heads: Int32Array;
  code: Uint8Array;
  side: Int32Array;
}

function grown<T extends Int32Array | Uint8Array>(old: T, used: number, need: number): T {
  const constructor = old.constructor as new (n: number) => T;
  const next = new constructor(Math.max(need, 2 * old.length));
  next.set(old.subarray(0, used));
  return next;
}

/** Collects records; their arrays may be reused by the caller afterwards. */
export class BatchWriter {
  private heads = new Int32Array(HEAD * 64);
  private code = new Uint8Array(1 << 14);
  private side = new Int32Array(1 << 12);
  private headCount = 0;
  private codeCount = 0;
  private sideCount = 0;

  /** Adds the code of the defined function `index`. */
  add(index: number, r: CodeRecord): void {
    const lists = [r.relocs, r.traps, r.addrmap, r.unwind, r.inlines, r.locals];
    if (this.headCount + HEAD > this.heads.length) {
      this.heads = grown(this.heads, this.headCount, 0);
    }
    this.heads.set([index, r.align, r.code.length], this.headCount);
    this.headCount += 3;
    const code = this.codeCount + r.code.length;
    if (code > this.code.length) this.code = grown(this.code, this.codeCount, code);
    this.code.set(r.code, this.codeCount);
    this.codeCount = code;
    for (const list of lists) {
      this.heads[this.headCount++] = list.length;
      const side = this.sideCount + list.length;
      if (side > this.side.length) this.side = grown(this.side, this.sideCount, side);
      this.side.set(list, this.sideCount);
      this.sideCount = side;
    }
  }

  /** What was added since the last call, in one new buffer of the given kind. */
  take(Buffer: new (bytes: number) => ArrayBufferLike = ArrayBuffer): CodeBatch {
    const { headCount, sideCount, codeCount } = this;
    const buffer = new Buffer(4 * (headCount + sideCount) + codeCount);
    const heads = new Int32Array(buffer, 0, headCount);
    const side = new Int32Array(buffer, 4 * headCount, sideCount);
    const code = new Uint8Array(buffer, 4 * (headCount + sideCount), codeCount);
    heads.set(this.heads.subarray(0, headCount));
    side.set(this.side.subarray(0, sideCount));
    code.set(this.code.subarray(0, codeCount));
    this.headCount = 0;
    this.codeCount = 0;
    this.sideCount = 0;
    return { heads, side, code };
  }
}

/** Number of records in a batch. */
export function batchLength(batch: CodeBatch): number {
  return batch.heads.length / HEAD;
}

/** Puts the records of a batch into their places of `into`, as views. */
export function unpackBatch(batch: CodeBatch, into: CodeRecord[]): void {
  const { heads, code, side } = batch;
  let codeAt = 0;
  let sideAt = 0;
  const list = (length: number) => side.subarray(sideAt, (sideAt += length));
  for (let h = 0; h < heads.length; h += HEAD) {
    into[heads[h]!] = {
      align: heads[h + 1]!,
      code: code.subarray(codeAt, (codeAt += heads[h + 2]!)),
      relocs: list(heads[h + 3]!),
      traps: list(heads[h + 4]!),
      addrmap: list(heads[h + 5]!),
      unwind: list(heads[h + 6]!),
      inlines: list(heads[h + 7]!),
      locals: list(heads[h + 8]!),
    };
  }
}
