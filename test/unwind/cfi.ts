/**
 * An interpreter of call frame information, written from the standards and not from our writer: LSB Core 5.0, 10.6
 * (.eh_frame) and DWARF 5, 6.4 (call frame instructions) and 2.5 (expressions).
 */

/** Where a rule says that a register's caller's value is; what has no rule kept its value. */
export type Rule =
  | { kind: 'offset'; offset: number }
  | { kind: 'undefined' }
  | { kind: 'register'; register: number }
  | { kind: 'expression'; code: Uint8Array };

/** The rules at one instruction. */
export interface Row {
  cfa: { register: number; offset: number } | { code: Uint8Array };
  rules: Map<number, Rule>;
  /** The return address is signed (AArch64's pseudo-register RA_SIGN_STATE). */
  signed: boolean;
}

interface Cie {
  codeAlign: number;
  dataAlign: number;
  returnColumn: number;
  encoding: number;
  augmented: boolean;
  program: Uint8Array;
}

export interface Fde {
  start: number;
  end: number;
  cie: Cie;
  program: Uint8Array;
}

const ABSPTR = 0x00;
const UDATA4 = 0x03;
const SDATA4 = 0x0b;
const PCREL = 0x10;

/** Reads numbers of a section; places are offsets in it. */
class Cursor {
  private readonly view: DataView;
  constructor(
    readonly bytes: Uint8Array,
    public at = 0,
    readonly end = bytes.length,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  get done(): boolean {
    return this.at >= this.end;
  }
  u8(): number {
    return this.view.getUint8(this.at++);
  }
  u16(): number {
    this.at += 2;
    return this.view.getUint16(this.at - 2, true);
  }
  u32(): number {
    this.at += 4;
    return this.view.getUint32(this.at - 4, true);
  }
  u64(): number {
    this.at += 8;
    return Number(this.view.getBigUint64(this.at - 8, true));
  }
  uleb(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }
  sleb(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) return byte & 64 ? value - scale * 128 : value;
    }
  }
  block(length: number): Uint8Array {
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}

function pointer(c: Cursor, encoding: number, address: number): number {
  const place = address + c.at;
  const format = encoding & 15;
  const value =
    format === ABSPTR
      ? c.u64()
      : format === UDATA4
        ? c.u32()
        : format === SDATA4
          ? c.u32() | 0
          : unsupported(`pointer encoding ${encoding}`);
  return (encoding & 0x70) === PCREL ? place + value : value;
}

function unsupported(what: string): never {
  throw new Error(`.eh_frame: ${what}`);
}

function readCie(c: Cursor, end: number): Cie {
  if (c.u8() !== 1) unsupported('version');
  let augmentation = '';
  for (let ch = c.u8(); ch !== 0; ch = c.u8()) augmentation += String.fromCharCode(ch);
  const cie = { codeAlign: c.uleb(), dataAlign: c.sleb(), returnColumn: c.uleb() };
  let encoding = ABSPTR;
  const augmented = augmentation.startsWith('z');
  if (augmented) {
    const after = c.uleb() + c.at;
    for (const letter of augmentation.slice(1)) {
      if (letter === 'R') encoding = c.u8();
      else if (letter === 'L') c.u8();
      else if (letter === 'P') pointer(c, c.u8() & 0x0f, 0);
      else if (letter !== 'S') unsupported(`augmentation ${augmentation}`);
    }
    c.at = after;
  }
  return { ...cie, encoding, augmented, program: c.block(end - c.at) };
}

/** The FDEs of a section that lies at `address`. Throws Error for what it does not know. */
export function readEhFrame(section: Uint8Array, address: number): Fde[] {
  const fdes: Fde[] = [];
  const c = new Cursor(section);
  const cies = new Map<number, Cie>();
  while (!c.done) {
    const start = c.at;
    const length = c.u32();
    if (length === 0) break;
    const idAt = c.at;
    const end = idAt + length;
    const id = c.u32();
    if (id === 0) cies.set(start, readCie(c, end));
    else {
      const cie = cies.get(idAt - id) ?? unsupported(`an FDE of no CIE at ${start}`);
      const from = pointer(c, cie.encoding, address);
      const size = pointer(c, cie.encoding & 15, 0);
      if (cie.augmented) c.at += c.uleb();
      fdes.push({ start: from, end: from + size, cie, program: c.block(end - c.at) });
    }
    c.at = end;
  }
  return fdes.sort((a, b) => a.start - b.start);
}

/** The FDE of an address. */
export function findFde(fdes: readonly Fde[], pc: number): Fde | undefined {
  let low = 0;
  let high = fdes.length;
  while (low < high) {
    const mid = (low + high) >>> 1;
    if (fdes[mid]!.start <= pc) low = mid + 1;
    else high = mid;
  }
  const fde = fdes[low - 1];
  return fde !== undefined && pc < fde.end ? fde : undefined;
}

/** Runs instructions until one moves the location beyond `pc`. */
class Machine {
  row: Row = { cfa: { register: -1, offset: 0 }, rules: new Map(), signed: false };
  private initial = new Map<number, Rule>();
  private readonly stack: Row[] = [];
  constructor(
    private readonly fde: Fde,
    private readonly pc: number,
  ) {}

  run(): Row {
    this.execute(this.fde.cie.program, false);
    this.initial = new Map(this.row.rules);
    this.execute(this.fde.program, true);
    return this.row;
  }

  private execute(program: Uint8Array, located: boolean): void {
    const c = new Cursor(program);
    let location = this.fde.start;
    while (!c.done) {
      const op = c.u8();
      const advance = this.advance(op, c);
      if (advance === undefined) this.instruction(op, c);
      else {
        if (!located) unsupported('a CIE that advances');
        location += advance * this.fde.cie.codeAlign;
        if (location > this.pc) return;
      }
    }
  }

  private advance(op: number, c: Cursor): number | undefined {
    if (op >> 6 === 1) return op & 63;
    return op === 2 ? c.u8() : op === 3 ? c.u16() : op === 4 ? c.u32() : undefined;
  }

  private setCfaOffset(offset: number): void {
    if (!('register' in this.row.cfa)) unsupported('an offset to a CFA expression');
    else this.row.cfa = { register: this.row.cfa.register, offset };
  }

  private restore(register: number): void {
    const rule = this.initial.get(register);
    if (rule === undefined) this.row.rules.delete(register);
    else this.row.rules.set(register, rule);
  }

  private instruction(op: number, c: Cursor): void {
    const { rules } = this.row;
    const { dataAlign } = this.fde.cie;
    const save = (register: number, factored: number) =>
      rules.set(register, { kind: 'offset', offset: factored * dataAlign });
    if (op >> 6 === 2) return void save(op & 63, c.uleb());
    if (op >> 6 === 3) return this.restore(op & 63);
    switch (op) {
      case 0x00: // nop
        return;
      case 0x05:
        return void save(c.uleb(), c.uleb());
      case 0x06:
        return this.restore(c.uleb());
      case 0x07:
        return void rules.set(c.uleb(), { kind: 'undefined' });
      case 0x08: // same_value
        return void rules.delete(c.uleb());
      case 0x09:
        return void rules.set(c.uleb(), { kind: 'register', register: c.uleb() });
      case 0x0a:
        return void this.stack.push({ ...this.row, rules: new Map(rules) });
      case 0x0b:
        this.row = this.stack.pop() ?? unsupported('nothing to restore');
        return;
      case 0x0c:
        this.row.cfa = { register: c.uleb(), offset: c.uleb() };
        return;
      case 0x0d: {
        const { cfa } = this.row;
        this.row.cfa = { register: c.uleb(), offset: 'offset' in cfa ? cfa.offset : 0 };
        return;
      }
      case 0x0e:
        return this.setCfaOffset(c.uleb());
      case 0x0f:
        this.row.cfa = { code: c.block(c.uleb()) };
        return;
      case 0x10:
        return void rules.set(c.uleb(), { kind: 'expression', code: c.block(c.uleb()) });
      case 0x11:
        return void save(c.uleb(), c.sleb());
      case 0x12:
        this.row.cfa = { register: c.uleb(), offset: c.sleb() * dataAlign };
        return;
      case 0x13:
        return this.setCfaOffset(c.sleb() * dataAlign);
      case 0x2d: // AARCH64_negate_ra_state
        this.row.signed = !this.row.signed;
        return;
      case 0x2e: // GNU_args_size
        return void c.uleb();
      default:
        unsupported(`instruction ${op.toString(16)}`);
    }
  }
}

const rows = new WeakMap<Fde, Map<number, Row>>();

/** The rules at `pc`, an address in the FDE. */
export function rowAt(fde: Fde, pc: number): Row {
  let known = rows.get(fde);
  if (known === undefined) rows.set(fde, (known = new Map()));
  let row = known.get(pc);
  if (row === undefined) known.set(pc, (row = new Machine(fde, pc).run()));
  return row;
}

/** What a computation may ask for. */
export interface Frame {
  register(n: number): Promise<bigint>;
  memory(address: bigint): Promise<bigint>;
}

/** A DWARF expression, of the operations that frame rules use; `initial` is on the stack at the start. */
export async function evaluate(
  code: Uint8Array,
  frame: Frame,
  initial: bigint[] = [],
): Promise<bigint> {
  const stack = [...initial];
  const c = new Cursor(code);
  while (!c.done) {
    const op = c.u8();
    if (op >= 0x70 && op <= 0x8f) stack.push((await frame.register(op - 0x70)) + BigInt(c.sleb()));
    else if (op >= 0x30 && op <= 0x4f) stack.push(BigInt(op - 0x30));
    else if (op === 0x06) stack.push(await frame.memory(stack.pop()!));
    else if (op === 0x23) stack.push(stack.pop()! + BigInt(c.uleb()));
    else if (op === 0x22) stack.push(stack.pop()! + stack.pop()!);
    else unsupported(`operation ${op.toString(16)} of an expression`);
  }
  return stack.pop() ?? unsupported('an empty expression');
}
