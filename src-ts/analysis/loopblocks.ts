/** Which loops are innermost, and the blocks of each, chained from the header on in reverse postorder: dominators come first. */
import { NONE, type Func } from '../ir/func.ts';
import type { Cfg } from './cfg.ts';
import type { Loops } from './loops.ts';
import { ensure32, ensure8 } from './scratch.ts';

export class LoopBlocks {
  /** Per block the next one of its loop, NONE after the last. Of a loop that is not innermost the chain lacks inner loops' blocks. */
  next = new Int32Array(0);
  private last = new Int32Array(0);
  private outer = new Uint8Array(0);

  compute(f: Func, cfg: Cfg, loops: Loops): void {
    this.next = ensure32(this.next, f.blockCount);
    this.last = ensure32(this.last, loops.count);
    this.outer = ensure8(this.outer, loops.count);
    const { next, last, outer } = this;
    outer.fill(0, 0, loops.count);
    for (let l = 0; l < loops.count; l++) if (loops.parent[l] !== NONE) outer[loops.parent[l]] = 1;
    for (let i = 0; i < cfg.count; i++) {
      const b = cfg.order[i];
      const l = loops.of[b];
      if (l === NONE) continue;
      next[b] = NONE;
      if (loops.header[l] !== b) next[last[l]] = b;
      last[l] = b;
    }
  }

  isInnermost(l: number): boolean {
    return this.outer[l] === 0;
  }
}
