/**
 * .elfin.names: names of functions, sparse, decoded one at a time.
 *
 *   u32 count
 *   u32 function[count]       function indices, ascending
 *   u32 end[count]            where each name ends in the text
 *   text                      UTF-8
 */
import { type ByteWriter, u32View } from './bytes.ts';
import { ObjectError } from './error.ts';
import { floorIndex } from './search.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Appends the section's contents; of two names for one function the first counts. */
export function writeNames(w: ByteWriter, names: readonly [number, string][]): void {
  const sorted = [...names].sort((a, b) => a[0] - b[0]);
  const unique = sorted.filter(([index], i) => i === 0 || sorted[i - 1]![0] !== index);
  const texts = unique.map(([, name]) => encoder.encode(name));
  w.u32(unique.length);
  for (const [index] of unique) w.u32(index);
  let end = 0;
  for (const text of texts) {
    end += text.length;
    w.u32(end);
  }
  for (const text of texts) w.append(text);
}

export class NameTable {
  readonly count: number;
  private readonly indices: Uint32Array;
  private readonly ends: Uint32Array;
  private readonly text: Uint8Array;

  /** Over the section at bytes[start, start + size), which is inside `bytes`. Throws ObjectError if sizes disagree. */
  constructor(bytes: Uint8Array, start: number, size: number) {
    const count = size < 4 ? 0 : u32View(bytes, start, 1)[0]!;
    if (size < 4 + 8 * count) {
      throw new ObjectError(`.elfin.names: found ${size} bytes, expected those of ${count} names`);
    }
    this.count = count;
    this.indices = u32View(bytes, start + 4, count);
    this.ends = u32View(bytes, start + 4 + 4 * count, count);
    this.text = bytes.subarray(start + 4 + 8 * count, start + size);
  }

  /** The name of a function, or undefined. */
  get(index: number): string | undefined {
    const i = floorIndex(this.indices, this.count, index);
    return i >= 0 && this.indices[i] === index ? this.decode(i) : undefined;
  }

  /** All names by function index. */
  all(): [number, string][] {
    return Array.from(this.indices, (index, i) => [index, this.decode(i)]);
  }

  private decode(i: number): string {
    const start = i === 0 ? 0 : this.ends[i - 1]!;
    const end = this.ends[i]!;
    if (start > end || end > this.text.length) {
      throw new ObjectError(`.elfin.names: found a name at [${start}, ${end}), expected it inside`);
    }
    // Buffers over shared memory are not taken by TextDecoder; objects may lie in one.
    return decoder.decode(this.text.slice(start, end));
  }
}
