/** The control-flow analyses of the current function, computed when needed and dropped when a pass changes the graph. */
import { Cfg } from '../analysis/cfg.ts';
import { Dominators } from '../analysis/dominators.ts';
import { Loops } from '../analysis/loops.ts';
import type { Func } from '../ir/func.ts';

export class Analyses {
  readonly cfg = new Cfg();
  readonly dom = new Dominators();
  readonly loops = new Loops();
  private have = 0;

  /** Forgets everything: another function, or a changed graph. */
  invalidate(): void {
    this.have = 0;
  }

  needCfg(f: Func): void {
    if (this.have >= 1) return;
    this.cfg.compute(f);
    this.have = 1;
  }

  needDominators(f: Func): void {
    this.needCfg(f);
    if (this.have >= 2) return;
    this.dom.compute(f, this.cfg);
    this.have = 2;
  }

  needLoops(f: Func): void {
    this.needDominators(f);
    if (this.have >= 3) return;
    this.loops.compute(f, this.cfg, this.dom);
    this.have = 3;
  }
}
