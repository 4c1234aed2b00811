/**
 * .elfin.inlines: where in .text code stands that was inlined, so that traces show the frames that are not there.
 *
 *   u32 functions
 *   functions × { u32 index among the defined functions, u32 place }    ascending; place counts from the section's start
 *   per function, as LEB128s:
 *     nodes × { parent, call, callee }     their number first; an inlined call each: distance back to the node whose body
 *                                          the call is in (0: the function's own), Wasm byte offset of the call (signed
 *                                          difference to the node before), the callee's index among the defined functions
 *     places × { place, node }             their number first; from a place on: difference to the one before, and node + 1
 *                                          (0: the function's own code)
 *
 * A place is twice the offset in the function of an instruction that can trap, or that of a return address less one, so
 * that a trap right behind a call is told from the call.
 */
import { ByteReader, type ByteWriter, store32, u32View } from './bytes.ts';
import { ObjectError } from './error.ts';
import { PIECE_FUNCTION, type TextPiece } from './text.ts';

const NAME = '.elfin.inlines';
const ENTRY_BYTES = 8;

/** Appends the section's contents. `w` must be empty: places count from its start. */
export function writeInlines(w: ByteWriter, pieces: readonly TextPiece[]): void {
  const having = pieces.filter((p) => p.kind === PIECE_FUNCTION && p.record.inlines.length > 0);
  w.u32(having.length);
  const index = w.pos;
  w.reserve(ENTRY_BYTES * having.length);
  w.pos += ENTRY_BYTES * having.length;
  having.forEach(({ index: func, record }, i) => {
    store32(w.bytes, index + ENTRY_BYTES * i, func);
    store32(w.bytes, index + ENTRY_BYTES * i + 4, w.pos);
    writeFunction(w, record.inlines);
  });
}

function writeFunction(w: ByteWriter, list: Int32Array): void {
  const nodes = list[0]!;
  w.uleb(nodes);
  let call = 0;
  for (let node = 0, i = 1; node < nodes; node++, i += 3) {
    w.uleb(list[i]! < 0 ? 0 : node - list[i]!);
    w.sleb(list[i + 1]! - call);
    w.uleb(list[i + 2]!);
    call = list[i + 1]!;
  }
  const first = 1 + 3 * nodes;
  w.uleb((list.length - first) / 2);
  let place = 0;
  for (let i = first; i < list.length; i += 2) {
    w.uleb(list[i]! - place);
    w.uleb(list[i + 1]! + 1);
    place = list[i]!;
  }
}

/** An inlined call around some code. */
export interface InlinedCall {
  /** The callee, index among the defined functions. */
  callee: number;
  /** Wasm byte offset of the call. */
  call: number;
}

export class InlineTable {
  private readonly count: number;
  private readonly index: Uint32Array;

  /** Over the section at bytes[start, start + size), which is inside `bytes`. Throws ObjectError if it is too short. */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly start: number,
    private readonly size: number,
  ) {
    this.count = size < 4 ? 0 : u32View(bytes, start, 1)[0]!;
    if (4 + ENTRY_BYTES * this.count > size || size < 4) {
      throw new ObjectError(
        `${NAME}: found ${size} bytes, expected those of ${this.count} functions`,
      );
    }
    this.index = u32View(bytes, start + 4, 2 * this.count);
  }

  /** Place of a function's list, -1 if it has none. */
  private place(func: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if (this.index[2 * mid]! < func) low = mid + 1;
      else high = mid;
    }
    return low < this.count && this.index[2 * low] === func ? this.index[2 * low + 1]! : -1;
  }

  /**
   * The inlined calls around code of a function, innermost first.
   *
   * @param func index among the defined functions
   * @param offset in the function's code, of an instruction that traps or a return address
   * @throws ObjectError if the section is malformed
   */
  around(func: number, offset: number, isCall: boolean): InlinedCall[] {
    const place = this.place(func);
    if (place < 0) return [];
    if (place > this.size) throw new ObjectError(`${NAME}: function ${func} at ${place}`);
    const r = new ByteReader(this.bytes, NAME, this.start + place, this.start + this.size);
    return decode(r, 2 * offset - (isCall ? 1 : 0));
  }
}

/** Reads a function's nodes and follows those around a place. */
function decode(r: ByteReader, wanted: number): InlinedCall[] {
  const parents: number[] = [];
  const nodes: InlinedCall[] = [];
  let call = 0;
  for (let node = 0, n = r.count(3); node < n; node++) {
    const back = r.uleb();
    if (back > node) r.fail(`a node ${back} before number ${node}`, 'one that there is');
    parents.push(back === 0 ? -1 : node - back);
    call += r.sleb();
    nodes.push({ call, callee: r.uleb() });
  }
  let at = -1;
  let place = 0;
  for (let n = r.count(2); n > 0; n--) {
    place += r.uleb();
    const node = r.uleb() - 1;
    if (place > wanted) break;
    if (node >= nodes.length) r.fail(`node ${node}`, `one below ${nodes.length}`);
    at = node;
  }
  const around: InlinedCall[] = [];
  for (; at >= 0; at = parents[at]!) around.push(nodes[at]!);
  return around;
}
