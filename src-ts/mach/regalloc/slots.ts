/**
 * Stack slots of spilled values, shared by values that are never alive together.
 *
 * A value's range is taken as one piece, from its definition to its last use with blocks in reverse postorder; ranges
 * are handed slots in order of their starts. A value prefers the slot of its web (block parameter and arguments), so that
 * memory to memory moves around loops vanish. v128 values have pairs of slots of their own.
 */
import { T_V128 } from '../../gen/ir.ts';
import { STORE_EDGE, enlarge, room, type State } from './state.ts';

let startHead = new Int32Array(0);
let startLink = new Int32Array(0);
let endHead = new Int32Array(0);
let endLink = new Int32Array(0);
/** Last position at which the slot is in use, by slot. */
let busyUntil = new Int32Array(256);
const free = [new Int32Array(256), new Int32Array(256)];
const freeCount = new Int32Array(2);

/** Gives every vreg with `needSlot` a slot; sets the allocation's slot count. */
export function assignSlots(s: State): void {
  const n = s.vcode.instCount + 1;
  s.out.slotCount = 0;
  if (!collect(s, n)) return;
  freeCount[0] = freeCount[1] = 0;
  for (let at = 0; at < n; at++) {
    for (let v = startHead[at]!; v >= 0; v = startLink[v]!) {
      const slot = takeSlot(s, v, at);
      s.slot[v] = slot;
      busyUntil[slot] = s.liveEnd[v]!;
      const end = Math.min(s.liveEnd[v]!, n - 1);
      endLink[v] = endHead[end]!;
      endHead[end] = v;
    }
    for (let v = endHead[at]!; v >= 0; v = endLink[v]!) release(s, v);
  }
}

/** Sorts the spilled vregs by the start of their range into lists; false if there are none. */
function collect(s: State, n: number): boolean {
  const vc = s.vcode;
  if (startHead.length < n) {
    startHead = new Int32Array(room(n));
    endHead = new Int32Array(room(n));
  }
  if (startLink.length < vc.vregCount) {
    startLink = new Int32Array(room(vc.vregCount));
    endLink = new Int32Array(room(vc.vregCount));
  }
  let any = false;
  for (let v = vc.vregCount - 1; v >= 0; v--) {
    if (s.needSlot[v] === 0 || s.defBlock[v]! < 0) continue;
    if (!any) {
      startHead.fill(-1, 0, n);
      endHead.fill(-1, 0, n);
      any = true;
    }
    const b = s.defBlock[v]!;
    const inBlock = s.defInst[v]! < 0 ? 0 : s.defInst[v]! - vc.blockStart[b]!;
    const at = s.linStart[b]! + inBlock;
    if (s.liveEnd[v]! < at) s.liveEnd[v] = at;
    startLink[v] = startHead[at]!;
    startHead[at] = v;
  }
  return any;
}

function takeSlot(s: State, v: number, at: number): number {
  const web = s.findWeb(v);
  const wide = s.vcode.vregType[v] === T_V128 ? 1 : 0;
  const preferred = s.webSlot[web]!;
  if (preferred >= 0) {
    // What an instruction defines is stored after it; what it uses last has been read by then.
    const from = s.defInst[v]! >= 0 && s.storeMode[v] !== STORE_EDGE ? at + 1 : at;
    if (busyUntil[preferred]! < from) return preferred;
  }
  let slot = -1;
  while (slot < 0 && freeCount[wide]! > 0) {
    // Entries go stale when a web takes a slot by preference.
    const candidate = free[wide]![--freeCount[wide]!]!;
    if (busyUntil[candidate]! < at) slot = candidate;
  }
  if (slot < 0) {
    slot = s.out.slotCount;
    s.out.slotCount += 1 + wide;
    if (s.out.slotCount >= busyUntil.length) busyUntil = enlarge(busyUntil, busyUntil.length);
  }
  s.webSlot[web] = slot;
  return slot;
}

function release(s: State, v: number): void {
  const wide = s.vcode.vregType[v] === T_V128 ? 1 : 0;
  if (freeCount[wide] === free[wide]!.length) free[wide] = enlarge(free[wide]!, freeCount[wide]!);
  free[wide]![freeCount[wide]!++] = s.slot[v]!;
}
