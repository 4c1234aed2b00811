/**
 * Locations of a Wasm module (DWARF 5 § 2.6, "DWARF for WebAssembly") as locations in native code.
 *
 * Addresses in the module's expressions are offsets in linear memory. The frame base of every function is where that
 * memory begins, so that DW_OP_fbreg 0 stands for it wherever a frame of the module is selected, also in the location
 * of a global variable and in a type. A local is a register, a stack slot or a constant by range of native code; an expression
 * holds where all its locals are known.
 */
import { DwarfError } from '../../dwarf/index.ts';
import * as O from '../../dwarf/operations.ts';
import { DebugWriter } from '../../object/debuginfo.ts';
import * as Rec from '../../object/records.ts';
import type { NativeFunction, Place } from './function.ts';
import type { Located } from './lists.ts';

/** What expressions need to know of the module and the target. */
export interface Machine {
  framePointer: number;
  /** Registers with these numbers and above hold floats and vectors: not to be computed with. */
  firstVector: number;
  /** Offset in the instance context of the pointer to the memory, and whether that is a VMMemory; undefined: no memory. */
  memory: { offset: number; indirect: boolean } | undefined;
  /** Offset in the context of a global's cell, or of the pointer to it; its size in bytes. */
  global(index: number): { offset: number; indirect: boolean; size: number } | undefined;
  /** Number of locals of a defined function: that of its first operand among the places (NativeFunction.placesOf). */
  localCount(functionIndex: number): number;
  /** Size in bytes of a local of a defined function. */
  localSize(functionIndex: number, local: number): number;
}

/** Frame base of a function of the module: the operations that push an address in linear memory; empty: unknown. */
export type GuestFrame = readonly O.Operation[];

/** Thrown where a location can not be expressed; not an error. */
const NOWHERE = Symbol('nowhere');

/** The expression of where linear memory begins, in any frame of a function; undefined if that is not known. */
export function memoryBase(machine: Machine, f: NativeFunction): Uint8Array | undefined {
  const { memory } = machine;
  const { context } = f;
  if (memory === undefined || context === undefined) return undefined;
  const w = new DebugWriter(16);
  pushContext(w, machine, context, memory.offset);
  w.u8(O.DW_OP_deref);
  // VMMemory.base is its first field.
  if (memory.indirect) w.u8(O.DW_OP_deref);
  return w.view();
}

/** Pushes the address `offset` bytes into the instance context. */
function pushContext(w: DebugWriter, machine: Machine, context: Place, offset: number): void {
  if (context.kind === Rec.AT_REGISTER) {
    pushRegister(w, context.low, offset);
    return;
  }
  pushRegister(w, machine.framePointer, context.low);
  w.u8(O.DW_OP_deref);
  w.u8(O.DW_OP_plus_uconst);
  w.uleb(offset);
}

function pushRegister(w: DebugWriter, register: number, offset: number): void {
  if (register < 32) w.u8(O.DW_OP_breg0 + register);
  else {
    w.u8(O.DW_OP_bregx);
    w.uleb(register);
  }
  w.sleb(offset);
}

/** Number among a function's places of the local or operand that an operation is; undefined for any other. */
function placeNumber(machine: Machine, f: NativeFunction, op: O.Operation): number | undefined {
  if (op.op !== O.DW_OP_WASM_location) return undefined;
  if (op.a === O.WASM_LOCAL) return op.b;
  return op.a === O.WASM_OPERAND ? machine.localCount(f.index) + op.b : undefined;
}

/** Places that an expression reads, the frame base's if it uses that. */
function placesOf(
  machine: Machine,
  f: NativeFunction,
  ops: readonly O.Operation[],
  frame: GuestFrame,
): number[] {
  const found = new Set<number>();
  const note = (op: O.Operation) => {
    const place = placeNumber(machine, f, op);
    if (place !== undefined) found.add(place);
  };
  for (const op of ops) {
    note(op);
    if (op.op === O.DW_OP_fbreg) frame.forEach(note);
  }
  return [...found];
}

/**
 * Translates an expression for the native code [start, end) of a function, offsets from its own start.
 * @param f undefined for a location outside functions
 * @returns parts that together hold where the expression can be evaluated; offsets in .text
 * @throws DwarfError
 */
export function translateLocation(
  machine: Machine,
  f: NativeFunction | undefined,
  frame: GuestFrame,
  bytes: Uint8Array,
  start: number,
  end: number,
): Located[] {
  const ops = O.readExpression(bytes);
  if (ops === undefined || ops.length === 0) return [];
  const locals = f === undefined ? [] : placesOf(machine, f, ops, frame);
  const base = f === undefined ? 0 : f.textOffset;
  const parts: Located[] = [];
  for (const [from, to, places] of commonRanges(f, locals, start, end)) {
    const expression = new Writer(machine, f, frame, places).location(ops);
    if (expression === undefined) continue;
    const last = parts[parts.length - 1];
    if (last !== undefined && last.end === base + from && equal(last.expression, expression)) {
      last.end = base + to;
    } else parts.push({ start: base + from, end: base + to, expression });
  }
  return parts;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** The parts of [start, end) in which every one of the locals is in one place. */
function* commonRanges(
  f: NativeFunction | undefined,
  locals: readonly number[],
  start: number,
  end: number,
): Generator<[number, number, Map<number, Place>]> {
  const lists = locals.map((local) => f!.placesOf(local));
  const next = lists.map(() => 0);
  let from = start;
  while (from < end) {
    let to = end;
    let all = true;
    const places = new Map<number, Place>();
    for (let k = 0; k < lists.length; k++) {
      const list = lists[k]!;
      while (next[k]! < list.length && list[next[k]!]!.end <= from) next[k]!++;
      const place = list[next[k]!];
      if (place === undefined) return;
      if (place.start > from) {
        all = false;
        to = Math.min(to, place.start);
      } else {
        to = Math.min(to, place.end);
        places.set(locals[k]!, place);
      }
    }
    if (all) yield [from, to, places];
    from = to;
  }
}

class Writer {
  private readonly w = new DebugWriter(32);

  constructor(
    private readonly machine: Machine,
    private readonly f: NativeFunction | undefined,
    private readonly frame: GuestFrame,
    private readonly places: ReadonlyMap<number, Place>,
  ) {}

  /** The native expression; undefined if there is none. */
  location(ops: readonly O.Operation[]): Uint8Array | undefined {
    try {
      let first = 0;
      for (let i = 0; i <= ops.length; i++) {
        const op = ops[i];
        if (op !== undefined && op.op !== O.DW_OP_piece) continue;
        this.part(ops.slice(first, i));
        if (op !== undefined) this.w.append(op.bytes);
        first = i + 1;
      }
      return this.w.view();
    } catch (e) {
      if (e === NOWHERE) return undefined;
      throw e;
    }
  }

  /** A location without pieces: a local or operand itself, a value, or an address. */
  private part(ops: readonly O.Operation[]): void {
    const { w } = this;
    const last = ops[ops.length - 1];
    if (last === undefined) return;
    const isValue = last.op === O.DW_OP_stack_value;
    const body = isValue ? ops.slice(0, -1) : ops;
    const only =
      body.length === 1 && this.f ? placeNumber(this.machine, this.f, body[0]!) : undefined;
    if (only !== undefined) return this.local(only);
    if (last.op === O.DW_OP_implicit_value) {
      if (ops.length > 1) throw NOWHERE;
      w.append(last.bytes);
      return;
    }
    for (const op of body) this.push(op);
    if (isValue) w.u8(O.DW_OP_stack_value);
    else this.toNative();
  }

  /** A local or operand as the location of a variable. */
  private local(local: number): void {
    const { w } = this;
    const place = this.placeOf(local);
    if (place.kind === Rec.AT_FRAME) pushRegister(w, this.machine.framePointer, place.low);
    else if (place.kind === Rec.AT_REGISTER) {
      if (place.low < 32) w.u8(O.DW_OP_reg0 + place.low);
      else {
        w.u8(O.DW_OP_regx);
        w.uleb(place.low);
      }
    } else {
      this.constant(place);
      w.u8(O.DW_OP_stack_value);
    }
  }

  private placeOf(local: number): Place {
    const place = this.places.get(local);
    if (place === undefined) throw NOWHERE;
    return place;
  }

  private constant(place: Place): void {
    this.w.u8(O.DW_OP_const8u);
    this.w.u32(place.low);
    this.w.u32(place.high);
  }

  /** The address on top, an offset in linear memory of 32 bits, as a native one. */
  private toNative(): void {
    const { w } = this;
    this.low32();
    w.u8(O.DW_OP_fbreg);
    w.sleb(0);
    w.u8(O.DW_OP_plus);
  }

  private low32(): void {
    const { w } = this;
    w.u8(O.DW_OP_const4u);
    w.u32(0xffffffff);
    w.u8(O.DW_OP_and);
  }

  private push(op: O.Operation): void {
    const { w } = this;
    switch (op.op) {
      case O.DW_OP_WASM_location:
        if (op.a === O.WASM_LOCAL) this.pushLocal(op.b);
        else if (op.a === O.WASM_GLOBAL || op.a === O.WASM_GLOBAL_U32) this.pushGlobal(op.b);
        else throw NOWHERE;
        return;
      case O.DW_OP_fbreg:
        if (this.frame.length === 0) throw NOWHERE;
        for (const base of this.frame) {
          if (base.op === O.DW_OP_fbreg) throw NOWHERE;
          if (base.op !== O.DW_OP_stack_value) this.push(base);
        }
        w.u8(O.DW_OP_consts);
        w.slebWide(op.a);
        w.u8(O.DW_OP_plus);
        return;
      case O.DW_OP_addr:
        w.u8(O.DW_OP_const4u);
        w.u32(op.a);
        return;
      case O.DW_OP_deref:
      case O.DW_OP_deref_size:
        this.toNative();
        this.load(op.op === O.DW_OP_deref ? 4 : op.a);
        return;
      case O.DW_OP_piece:
      case O.DW_OP_implicit_value:
      case O.DW_OP_stack_value:
        throw NOWHERE;
      default:
        w.append(op.bytes);
    }
  }

  private load(size: number): void {
    const { w } = this;
    if (size < 1 || size > 8) throw new DwarfError(`expression: a load of ${size} bytes`);
    w.u8(O.DW_OP_deref_size);
    w.u8(size);
  }

  private pushLocal(local: number): void {
    if (this.f === undefined) throw NOWHERE;
    const place = this.placeOf(local);
    const size = this.machine.localSize(this.f.index, local);
    if (place.kind === Rec.AT_CONSTANT) return this.constant(place);
    if (place.kind === Rec.AT_FRAME) {
      pushRegister(this.w, this.machine.framePointer, place.low);
      this.load(size);
      return;
    }
    if (place.low >= this.machine.firstVector) throw NOWHERE;
    pushRegister(this.w, place.low, 0);
    if (size === 4) this.low32();
  }

  private pushGlobal(index: number): void {
    const cell = this.machine.global(index);
    const context = this.f?.context;
    if (cell === undefined || context === undefined) throw NOWHERE;
    pushContext(this.w, this.machine, context, cell.offset);
    if (cell.indirect) this.w.u8(O.DW_OP_deref);
    this.load(cell.size);
  }
}
