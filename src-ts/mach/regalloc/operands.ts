/**
 * Which registers an instruction takes away: shared by spilling (which counts) and assignment (which picks), so that both
 * see the same. E = the early part of the instruction, L = the late part, after it has acted.
 */
import { ARG_SHIFT, C_FIXED, C_MASK, K_DEF, K_MASK, K_TEMP, P_LATE, type VCode } from '../vcode.ts';

/** Taken by fixed operands at E and by fixed operands and clobbers at L, as masks by class. */
export const takenE = new Int32Array(2);
export const takenL = new Int32Array(2);

/** Fills takenE and takenL for instruction i. */
export function findTaken(vc: VCode, i: number): void {
  const set = vc.clobberSets[vc.clobber[i]!]!;
  takenE[0] = takenE[1] = 0;
  takenL[0] = set.gp;
  takenL[1] = set.fp;
  const last = vc.opnd[i + 1]!;
  for (let o = vc.opnd[i]!; o < last; o++) {
    const con = vc.con[o]!;
    if ((con & C_MASK) !== C_FIXED) continue;
    const reg = con >> ARG_SHIFT;
    const cls = reg >> 5;
    const bit = 1 << (reg & 31);
    const kind = con & K_MASK;
    const late = (con & P_LATE) !== 0;
    if (kind !== K_DEF || !late) takenE[cls]! |= bit;
    if (kind === K_TEMP || kind === K_DEF || late) takenL[cls]! |= bit;
  }
}
