/** A minimal COFF object around our .text, .xdata and .pdata, for tools that read no other (Microsoft PE/COFF, 3 to 5). */
import type { LoadedObject } from '../../src-ts/object/index.ts';

const ELF_AARCH64 = 183;
/** Machine, relocation of an address without the image's base, bytes of an entry of .pdata. */
const X64 = { machine: 0x8664, addr32nb: 3, entry: 12 };
const ARM64 = { machine: 0xaa64, addr32nb: 2, entry: 8 };
const HEADER = 20;
const SECTION = 40;
const RELOCATION = 10;
const SYMBOL = 18;
const CODE = 0x6050_0020; // code, aligned to 16, executable, readable
const DATA = 0x4030_0040; // initialised data, aligned to 4, readable

/** Addresses in .pdata are relocated against section symbols, as compilers do it: the fields hold the offsets. */
export function coff(object: LoadedObject): Uint8Array {
  const { layout: l, bytes } = object;
  const part = (offset: number, size: number) => bytes.slice(offset, offset + size);
  const pdata = part(l.pdataOffset, l.pdataSize);
  const fields = new DataView(pdata.buffer);
  const elf = new DataView(bytes.buffer, bytes.byteOffset);
  const machine = elf.getUint16(18, true) === ELF_AARCH64 ? ARM64 : X64;
  /** Places of addresses in .pdata; a packed entry of ARM64 has no second one. */
  const places: number[] = [];
  for (let at = 0; at < pdata.length; at += 4) {
    const last = at % machine.entry === machine.entry - 4;
    const value = fields.getUint32(at, true);
    if (last && machine === ARM64 && (value & 3) !== 0) continue;
    places.push(at);
    // What an entry says relative to .text is in .xdata.
    if (last) fields.setUint32(at, value - (l.xdataOffset - l.textOffset), true);
  }
  const sections = [
    { name: '.text', data: part(l.textOffset, l.textSize), flags: CODE },
    { name: '.xdata', data: part(l.xdataOffset, l.xdataSize), flags: DATA },
    { name: '.pdata', data: pdata, flags: DATA },
  ];
  const count = places.length;
  const start = HEADER + SECTION * sections.length;
  const sizes = sections.reduce((sum, s) => sum + s.data.length, 0);
  const relocations = start + sizes;
  const symbols = relocations + RELOCATION * (count + 1);
  const file = new Uint8Array(symbols + SYMBOL * sections.length + 4);
  const v = new DataView(file.buffer);
  v.setUint16(0, machine.machine, true);
  v.setUint16(2, sections.length, true);
  v.setUint32(8, symbols, true);
  v.setUint32(12, sections.length, true);
  let data = start;
  sections.forEach(({ name, data: contents, flags }, i) => {
    const at = HEADER + SECTION * i;
    file.set(Buffer.from(name), at);
    v.setUint32(at + 16, contents.length, true);
    v.setUint32(at + 20, data, true);
    file.set(contents, data);
    data += contents.length;
    v.setUint32(at + 36, flags, true);
    const symbol = symbols + SYMBOL * i;
    file.set(Buffer.from(name), symbol);
    v.setUint16(symbol + 12, i + 1, true);
    v.setUint8(symbol + 16, 3); // static
    if (name !== '.pdata') return;
    // More than 65,535 relocations are counted in the first.
    v.setUint32(at + 24, relocations, true);
    v.setUint16(at + 32, 0xffff, true);
    v.setUint32(at + 36, flags | 0x0100_0000, true);
  });
  v.setUint32(relocations, count + 1, true);
  for (let k = 0; k < count; k++) {
    const at = relocations + RELOCATION * (k + 1);
    v.setUint32(at, places[k]!, true);
    v.setUint32(at + 4, places[k]! % machine.entry === machine.entry - 4 ? 1 : 0, true);
    v.setUint16(at + 8, machine.addr32nb, true);
  }
  v.setUint32(file.length - 4, 4, true);
  return file;
}
