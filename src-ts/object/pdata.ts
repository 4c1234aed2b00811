/**
 * .pdata and .xdata: what RtlAddFunctionTable takes, with .text as its base (Microsoft, "x64 exception handling", "ARM64
 * exception handling"). An entry of .pdata says where a region of code begins, on x64 where it ends, and where in .xdata its
 * description lies; on ARM64 a short description may stand in its place. Equal descriptions are written once.
 *
 * Functions without a frame have no entry: unwinders take code without one for a leaf's, which has moved no stack pointer and
 * whose return address is where the call left it.
 */
import { ByteWriter } from './bytes.ts';
import { isFrameless } from './records.ts';
import type { TextPiece } from './text.ts';
import type { ObjectTarget } from './target.ts';
import { bug } from '../util/bug.ts';
import { arm64Entries } from './winarm64.ts';
import { x64Regions } from './winx64.ts';

export interface WindowsTables {
  pdata: Uint8Array;
  xdata: Uint8Array;
}

/** Descriptions by contents. */
class SharedInfos {
  readonly w = new ByteWriter();
  private readonly places = new Map<string, number>();

  /** Place of a description in .xdata. */
  place(info: Uint8Array): number {
    const key = String.fromCharCode(...info);
    let place = this.places.get(key);
    if (place === undefined) {
      place = this.w.pos;
      this.places.set(key, place);
      this.w.append(info);
    }
    return place;
  }
}

/** Appends a piece's entries; `distance`: .xdata less .text. */
type WriteEntries = (pdata: ByteWriter, infos: SharedInfos, p: TextPiece, distance: number) => void;

const x64Entries: WriteEntries = (pdata, infos, { record, offset }, distance) => {
  for (const { start, end, info } of x64Regions(record)) {
    pdata.u32(offset + start);
    pdata.u32(offset + end);
    pdata.u32(distance + infos.place(info));
  }
};

const armEntries: WriteEntries = (pdata, infos, { record, offset }, distance) => {
  for (const { start, packed, info } of arm64Entries(record)) {
    pdata.u32(offset + start);
    pdata.u32(packed !== 0 ? packed : distance + infos.place(info));
  }
};

/** By e_machine. */
const WRITERS = new Map<number, WriteEntries>([
  [62, x64Entries],
  [183, armEntries],
]);

/**
 * Makes both sections.
 * @param distance file offset of .xdata less that of .text
 */
export function windowsTables(
  t: ObjectTarget,
  pieces: readonly TextPiece[],
  distance: number,
): WindowsTables {
  const write = WRITERS.get(t.machine) ?? bug('pdata', `no tables for ${t.name}`);
  const pdata = new ByteWriter(12 * pieces.length);
  const infos = new SharedInfos();
  for (const piece of pieces) {
    if (!isFrameless(piece.record)) write(pdata, infos, piece, distance);
  }
  return { pdata: pdata.view(), xdata: infos.w.view() };
}
