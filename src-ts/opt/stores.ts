/**
 * Dead stores: a store whose bytes a later store of the same block overwrites, with nothing between that may trap, call, or read them.
 * What memory holds when the guest traps is observable, so even an unrelated access that may trap keeps a store alive. A store to
 * the place of an earlier one can not trap, since the earlier one did not.
 */
import { accessSize, disjoint, mayTrap, samePlace } from '../analysis/aliases.ts';
import { isStore } from '../analysis/memstate.ts';
import * as Op from '../gen/ir.ts';
import { NONE, type Func } from '../ir/func.ts';
import { ok } from './gate.ts';

const PENDING = 8;
const pending = new Int32Array(PENDING);
let count = 0;

/** Takes the pending store at i out. */
function forget(i: number): void {
  pending[i] = pending[--count];
}

/**
 * Lets stores be that must stay before r, a store to a place of its own: all if r may trap; those that may trap themselves if not,
 * since r must not happen when they do.
 */
function keepBefore(f: Func, r: number): void {
  if (mayTrap(f, r)) count = 0;
  for (let i = count - 1; i >= 0; i--) if (mayTrap(f, pending[i])) forget(i);
}

function store(f: Func, r: number): void {
  let covered = false;
  for (let i = count - 1; i >= 0; i--) {
    const p = pending[i];
    if (!samePlace(f, p, r) || accessSize(f, p) !== accessSize(f, r)) continue;
    covered = true;
    forget(i);
    if (!ok(f, 'dead-store')) continue;
    f.pos[r] = f.pos[p];
    f.remove(p);
  }
  if (!covered) keepBefore(f, r);
  if (count === PENDING) forget(0);
  pending[count++] = r;
}

function other(f: Func, r: number): void {
  if (count === 0) return;
  const facts = Op.OP_FACTS[f.op[r]];
  if ((facts & Op.F_ALL) !== 0 || mayTrap(f, r)) {
    count = 0;
    return;
  }
  if ((facts & Op.F_READS) === 0) return;
  for (let i = count - 1; i >= 0; i--) if (!disjoint(f, r, pending[i])) forget(i);
}

/** Removes dead stores of every block. */
export function deadStores(f: Func): void {
  for (let b = 0; b !== NONE; b = f.blockNext[b]) {
    count = 0;
    for (let r = f.first[b]; r !== NONE;) {
      const after = f.next[r];
      if (isStore(f, r)) store(f, r);
      else other(f, r);
      r = after;
    }
  }
}
