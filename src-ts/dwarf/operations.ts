/** DWARF expressions (DWARF 5 § 2.5, § 7.7.1): the operations and their operands. */
import { Cursor } from './cursor.ts';

export const DW_OP_addr = 0x03;
export const DW_OP_deref = 0x06;
export const DW_OP_const4u = 0x0c;
export const DW_OP_const8u = 0x0e;
export const DW_OP_constu = 0x10;
export const DW_OP_consts = 0x11;
export const DW_OP_and = 0x1a;
export const DW_OP_plus = 0x22;
export const DW_OP_plus_uconst = 0x23;
export const DW_OP_reg0 = 0x50;
export const DW_OP_breg0 = 0x70;
export const DW_OP_regx = 0x90;
export const DW_OP_fbreg = 0x91;
export const DW_OP_bregx = 0x92;
export const DW_OP_piece = 0x93;
export const DW_OP_deref_size = 0x94;
export const DW_OP_push_object_address = 0x97;
export const DW_OP_implicit_value = 0x9e;
export const DW_OP_stack_value = 0x9f;
/** WebAssembly tool conventions, "DWARF for WebAssembly": kind (WASM_LOCAL…) and index. */
export const DW_OP_WASM_location = 0xed;

export const WASM_LOCAL = 0;
export const WASM_GLOBAL = 1;
export const WASM_OPERAND = 2;
/** A global whose index is 4 bytes wide, for relocation. */
export const WASM_GLOBAL_U32 = 3;

/** Operands: a letter each. 1, 2, 4, 8: bytes; u, s: LEB128; b: a block; w: kind and index of DW_OP_WASM_location. */
const OPERANDS: ReadonlyMap<number, string> = (() => {
  const map = new Map<number, string>();
  const range = (from: number, to: number, operands: string) => {
    for (let op = from; op <= to; op++) map.set(op, operands);
  };
  map.set(DW_OP_addr, '4');
  map.set(DW_OP_deref, '');
  for (const [i, size] of ['1', '1', '2', '2', '4', '4', '8', '8', 'u', 's'].entries()) {
    map.set(0x08 + i, size);
  }
  range(0x12, 0x14, ''); // dup drop over
  map.set(0x15, '1'); // pick
  range(0x16, 0x17, ''); // swap rot
  range(0x19, 0x22, ''); // abs and div minus mod mul neg not or plus
  map.set(DW_OP_plus_uconst, 'u');
  range(0x24, 0x27, ''); // shl shr shra xor
  range(0x29, 0x2e, ''); // eq ge gt le lt ne
  range(0x30, 0x4f, ''); // lit0 to lit31
  map.set(DW_OP_fbreg, 's');
  map.set(DW_OP_piece, 'u');
  map.set(DW_OP_deref_size, '1');
  map.set(0x96, ''); // nop
  map.set(DW_OP_implicit_value, 'b');
  map.set(DW_OP_stack_value, '');
  map.set(DW_OP_WASM_location, 'w');
  return map;
})();

export interface Operation {
  op: number;
  /** First operand, for a block its length; kind of a DW_OP_WASM_location. */
  a: number;
  /** Index of a DW_OP_WASM_location. */
  b: number;
  /** The operation as it stands. */
  bytes: Uint8Array;
}

/**
 * The operations of an expression; undefined if it has one that is not known here: branches, and what refers to other
 * entries or to registers of the machine, which Wasm has none of. Throws DwarfError if it is cut off.
 */
export function readExpression(bytes: Uint8Array): Operation[] | undefined {
  const r = new Cursor(bytes, 'expression');
  const list: Operation[] = [];
  while (r.left > 0) {
    const start = r.pos;
    const op = r.u8();
    const operands = OPERANDS.get(op);
    if (operands === undefined) return undefined;
    const [a, b] = readOperands(r, operands);
    list.push({ op, a, b, bytes: bytes.subarray(start, r.pos) });
  }
  return list;
}

function readOperands(r: Cursor, operands: string): [number, number] {
  switch (operands) {
    case '':
      return [0, 0];
    case 'u':
      return [r.uleb(), 0];
    case 's':
      return [r.sleb(), 0];
    case 'b': {
      const length = r.uleb();
      r.skip(length);
      return [length, 0];
    }
    case 'w': {
      const kind = r.u8();
      return [kind, kind === WASM_GLOBAL_U32 ? r.u32() : r.uleb()];
    }
    default:
      return [r.sized(Number(operands)), 0];
  }
}
