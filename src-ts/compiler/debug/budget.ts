/** How much work a translation may be: debug information made to be slow is given up, not waited for. */
import { DwarfError } from '../../dwarf/index.ts';

/** Steps per byte of the module, and at least: list entries, ranges, places. Compilers' output needs about one. */
const PER_BYTE = 64;
const LEAST = 1 << 20;

export class Budget {
  private left: number;

  constructor(moduleBytes: number) {
    this.left = LEAST + PER_BYTE * moduleBytes;
  }

  /** Throws DwarfError when there is none left. */
  spend(work: number): void {
    if ((this.left -= work) < 0) throw new DwarfError('debug information is too much work');
  }
}
