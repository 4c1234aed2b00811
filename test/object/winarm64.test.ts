/** Limits of ARM64's .xdata: functions of more than 1 MiB, more codes of epilogues than a region has place for. */
import { expect, test } from 'vitest';
import * as Rec from '../../src-ts/object/records.ts';
import { arm64Entries } from '../../src-ts/object/winarm64.ts';

/** A prologue and n epilogues, `apart` bytes from each other, each of which pops another number of arguments. */
function record(n: number, apart: number): Rec.CodeRecord {
  const unwind = [4, Rec.UNWIND_PUSH_FP, 29, 32, 4, Rec.UNWIND_SAVE, 30, 24];
  unwind.push(8, Rec.UNWIND_SET_FP, 29, 32);
  for (let k = 1; k <= n; k++) {
    const at = k * apart;
    unwind.push(at, Rec.UNWIND_REMEMBER, 0, 0);
    unwind.push(at + 4, Rec.UNWIND_RESTORE_REG, 29, 0, at + 4, Rec.UNWIND_RESTORE_REG, 30, 0);
    unwind.push(at + 4, Rec.UNWIND_DEF_CFA, 31, 0, at + 8, Rec.UNWIND_POP_FRAME, 31, -640 * k);
    unwind.push(at + 12, Rec.UNWIND_RESTORE_STATE, 0, 0);
  }
  const none = new Int32Array(0);
  return {
    ...{ code: new Uint8Array((n + 1) * apart), align: 16, unwind: Int32Array.from(unwind) },
    ...{ relocs: none, traps: none, addrmap: none, inlines: none, locals: none },
  };
}

test.each([
  [400, 64],
  [400, 6000],
  [2, 3 << 20],
])('%i epilogues, %i bytes apart', (n, apart) => {
  const made = record(n, apart);
  let [end, scopes] = [0, 0];
  for (const { start, packed, info } of arm64Entries(made)) {
    expect(start).toBe(end);
    const v = new DataView(info.buffer, info.byteOffset);
    if (packed !== 0) {
      end = start + 4 * ((packed >>> 2) & 0x7ff);
      continue;
    }
    const head = v.getUint32(0, true);
    end = start + 4 * (head & 0x3ffff);
    if ((head & 0x200000) !== 0) scopes++;
    else scopes += head >>> 22 === 0 ? v.getUint32(4, true) & 0xffff : (head >>> 22) & 31;
  }
  expect({ end, scopes }).toEqual({ end: made.code.length, scopes: n });
});
