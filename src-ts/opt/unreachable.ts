/** Removes blocks that control can not reach, with their rows and edges. Required: later stages only meet reachable blocks. */
import * as Op from '../gen/ir.ts';
import { NONE, type Func } from '../ir/func.ts';
import type { Analyses } from './analyses.ts';
import { relinkPreds } from './rewrite.ts';

export function removeUnreachable(f: Func, an: Analyses): void {
  an.needCfg(f);
  let removed = false;
  for (let b = 0; b !== NONE;) {
    const after = f.blockNext[b];
    if (an.cfg.index[b] === NONE) {
      for (let r = f.first[b]; r !== NONE; r = f.next[r]) {
        f.op[r] = Op.NOP;
        f.block[r] = NONE;
      }
      f.unplaceBlock(b);
      removed = true;
    }
    b = after;
  }
  if (!removed) return;
  relinkPreds(f);
  an.invalidate();
}
