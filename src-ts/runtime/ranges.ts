/** Who owns an address: address ranges, ascending, whose owners may be garbage collected. */
interface Range<T extends object> {
  start: number;
  end: number;
  owner: WeakRef<T>;
}

export class AddressRanges<T extends object> {
  private readonly ranges: Range<T>[] = [];
  private readonly dead = new FinalizationRegistry<Range<T>>((range) => {
    const i = this.before(range.start);
    if (this.ranges[i] === range) this.ranges.splice(i, 1);
  });

  /** Place of the last range that starts at or before an address, or -1. */
  private before(address: number): number {
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (this.ranges[mid]!.start <= address) low = mid + 1;
      else high = mid;
    }
    return low - 1;
  }

  /** Adds [start, start + size), which replaces ranges of former owners at the same addresses. */
  add(start: number, size: number, owner: T): void {
    const end = start + size;
    const range = { start, end, owner: new WeakRef(owner) };
    let first = this.before(start);
    if (first < 0 || this.ranges[first]!.end <= start) first++;
    let last = first;
    while (last < this.ranges.length && this.ranges[last]!.start < end) last++;
    this.ranges.splice(first, last - first, range);
    this.dead.register(owner, range);
  }

  /** The owner of an address and where its range starts; undefined if it has none that lives. */
  find(address: number): { start: number; owner: T } | undefined {
    const range = this.ranges[this.before(address)];
    const owner = range && address < range.end ? range.owner.deref() : undefined;
    return owner && { start: range!.start, owner };
  }
}
