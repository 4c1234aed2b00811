/** 64-bit pointers and references in native records. JavaScript holds them as numbers: all are below 2^53. */

export function writeRefCell(view: DataView, at: number, ref: number): void {
  view.setUint32(at, ref % 0x1_0000_0000, true);
  view.setUint32(at + 4, Math.floor(ref / 0x1_0000_0000), true);
}

export function readRefCell(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;
}
