/**
 * From positions to Wasm byte offsets and inlined calls: after a function is emitted, its side tables name positions, which
 * tell bodies inlined into it apart (ir/inlines.ts). Offsets take their place, and where a trap or a return address is in an
 * inlined body, a list says so.
 */
import { NO_NODE, type InlineTree } from '../ir/inlines.ts';
import type { CodeRecord } from '../object/records.ts';
import type { IntList } from './sink.ts';

const NO_INLINES = new Int32Array(0);

/** Renumbers nodes so that only those are left whose code can trap or call, and the ones around them. */
class Kept {
  private readonly number: Int32Array;
  private readonly nodes: number[] = [];

  constructor(private readonly tree: InlineTree) {
    this.number = new Int32Array(tree.count).fill(NO_NODE);
  }

  /** New number of a node; parents come before their children. */
  use(node: number): number {
    if (node === NO_NODE) return NO_NODE;
    if (this.number[node] !== NO_NODE) return this.number[node]!;
    const { tree, nodes } = this;
    const parent = this.use(tree.parent[node]!);
    nodes.push(parent, tree.offset(tree.call[node]!), tree.callee[node]!);
    return (this.number[node] = nodes.length / 3 - 1);
  }

  /** The list of a record: number of nodes, their triples, then the places. */
  list(places: number[]): Int32Array {
    if (this.nodes.length === 0) return NO_INLINES;
    return Int32Array.of(this.nodes.length / 3, ...this.nodes, ...places);
  }
}

/**
 * Turns the positions of a record's traps and address map into byte offsets and fills in its `inlines`.
 * @param returns offsets of return addresses, ascending
 */
export function resolvePositions(record: CodeRecord, returns: IntList, tree: InlineTree): void {
  if (tree.count === 0) return;
  const { traps, addrmap } = record;
  const kept = new Kept(tree);
  const places: number[] = [];
  let last = NO_NODE;
  let at = 0;
  let trap = 0;
  const note = (place: number, position: number) => {
    const node = kept.use(tree.nodeAt(position));
    if (node === last) return;
    places.push(place, node);
    last = node;
  };
  for (let i = 0; i <= returns.n; i++) {
    const end = i < returns.n ? returns.a[i]! : Infinity;
    for (; trap < traps.length && traps[trap]! < end; trap += 3) {
      note(2 * traps[trap]!, traps[trap + 2]!);
    }
    if (i === returns.n) break;
    // The entry that holds for the call's last byte.
    while (at + 2 < addrmap.length && addrmap[at + 2]! < end) at += 2;
    note(2 * end - 1, addrmap[at + 1]!);
  }
  record.inlines = kept.list(places);
  for (let i = 2; i < traps.length; i += 3) traps[i] = tree.offset(traps[i]!);
  for (let i = 1; i < addrmap.length; i += 2) addrmap[i] = tree.offset(addrmap[i]!);
}
