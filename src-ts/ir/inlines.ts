/**
 * Which rows of a function stem from callees inlined into it, kept so that nothing is paid where nothing was inlined.
 *
 * An inlined call is a node. Rows made from a callee's body have positions beyond the end of the module: each node has a
 * range of its own as long as the body, so that a position is one number, passes carry it on as they do any other, and
 * the node it belongs to is found by search. Ranges are given in the order in which calls are met, which keeps positions
 * ascending along the text.
 */
export const NO_NODE = -1;

export class InlineTree {
  count = 0;
  /** First position of each node's range. */
  private first = new Int32Array(16);
  /** Byte offset in the module of the callee's body. */
  private body = new Int32Array(16);
  /** Callee, index among the defined functions. */
  callee = new Int32Array(16);
  /** Node whose body the call is in; NO_NODE: the function's own. */
  parent = new Int32Array(16);
  /** Position of the call. */
  call = new Int32Array(16);
  private end = 0;

  /** Forgets all nodes; `end` is the size of the module in bytes. */
  clear(end: number): void {
    this.count = 0;
    this.end = end;
  }

  /** Whether positions are left for a body of so many bytes. */
  fits(size: number): boolean {
    return this.end + size < 0x7fffffff;
  }

  /** A node for an inlined call at position `call`, of a callee whose body is at [body, body + size). */
  add(parent: number, call: number, callee: number, body: number, size: number): number {
    const n = this.count++;
    if (n === this.first.length) this.grow();
    this.first[n] = this.end;
    this.body[n] = body;
    this.callee[n] = callee;
    this.parent[n] = parent;
    this.call[n] = call;
    this.end += size;
    return n;
  }

  private grow(): void {
    const bigger = (old: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> => {
      const column = new Int32Array(old.length * 2);
      column.set(old);
      return column;
    };
    this.first = bigger(this.first);
    this.body = bigger(this.body);
    this.callee = bigger(this.callee);
    this.parent = bigger(this.parent);
    this.call = bigger(this.call);
  }

  /** What a node's positions are ahead of the byte offsets they stand for. */
  shift(node: number): number {
    return this.first[node]! - this.body[node]!;
  }

  /** Node that a position belongs to. */
  nodeAt(pos: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if (this.first[mid]! <= pos) low = mid + 1;
      else high = mid;
    }
    return low - 1;
  }

  /** Byte offset in the module that a position stands for. */
  offset(pos: number): number {
    const node = this.nodeAt(pos);
    return node === NO_NODE ? pos : pos - this.shift(node);
  }
}
