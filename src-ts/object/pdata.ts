/**
 * .pdata and .xdata: what RtlAddFunctionTable takes, with .text as its base (Microsoft, "x64 exception handling"). An entry
 * of .pdata says where a region of code begins and ends, and where in .xdata its description lies. Equal descriptions are
 * written once.
 */
import { ByteWriter } from './bytes.ts';
import type { TextPiece } from './text.ts';
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

/**
 * Makes both sections.
 * @param distance file offset of .xdata less that of .text
 */
export function windowsTables(pieces: readonly TextPiece[], distance: number): WindowsTables {
  const pdata = new ByteWriter(12 * pieces.length);
  const infos = new SharedInfos();
  for (const { record, offset } of pieces) {
    for (const { start, end, info } of x64Regions(record)) {
      pdata.u32(offset + start);
      pdata.u32(offset + end);
      pdata.u32(distance + infos.place(info));
    }
  }
  return { pdata: pdata.view(), xdata: infos.w.view() };
}
