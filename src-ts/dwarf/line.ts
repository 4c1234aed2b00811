/** .debug_line (DWARF 5 § 6.2): which source line each instruction comes from. */
import * as C from './constants.ts';
import { Cursor } from './cursor.ts';
import type { Unit } from './unit.ts';

/** Flags of a row. */
export const LINE_IS_STMT = 1;
export const LINE_PROLOGUE_END = 2;
export const LINE_EPILOGUE_BEGIN = 4;
/** The row is the first address behind its sequence, and no instruction. */
export const LINE_END_SEQUENCE = 8;

/** The rows of a unit's line table, in the order of the program: sequences of ascending addresses. */
export class LineTable {
  count = 0;
  /** Columns, `count` long. An address may exceed 32 bits where they are of 8 bytes. */
  addresses = new Float64Array(256);
  files = new Uint32Array(256);
  lines = new Uint32Array(256);
  columns = new Uint32Array(256);
  flags = new Uint8Array(256);
  /** Paths by file number: joined to their directory, absolute where the directory is. */
  paths: (string | undefined)[] = [];

  push(address: number, file: number, line: number, column: number, flags: number): void {
    const n = this.count++;
    if (n === this.lines.length) this.grow();
    this.addresses[n] = address;
    this.files[n] = file;
    this.lines[n] = line;
    this.columns[n] = column;
    this.flags[n] = flags;
  }

  private grow(): void {
    const grown = <T extends Float64Array | Uint32Array | Uint8Array>(old: T): T => {
      const column = new (old.constructor as new (n: number) => T)(2 * old.length);
      column.set(old);
      return column;
    };
    this.addresses = grown(this.addresses);
    this.files = grown(this.files);
    this.lines = grown(this.lines);
    this.columns = grown(this.columns);
    this.flags = grown(this.flags);
  }
}

/** From the root, from a drive's root, or a URL (which wasi-libc's paths are). */
const ABSOLUTE = /^(?:[A-Za-z][\w+.-]*:)?[\\/]/;

/** As absolute as its directory; the separator is the one the directory uses. */
function join(directory: string | undefined, path: string): string {
  if (!directory || ABSOLUTE.test(path)) return path;
  const separator = directory.includes('\\') && !directory.includes('/') ? '\\' : '/';
  return /[\\/]$/.test(directory) ? directory + path : directory + separator + path;
}

/**
 * Runs the line number program of a unit.
 * @returns undefined if the unit has none
 * @throws DwarfError
 */
export function readLines(unit: Unit): LineTable | undefined {
  const { stmtList } = unit.root();
  if (stmtList < 0) return undefined;
  const section = new Cursor(unit.dwarf.sections.line, '.debug_line', stmtList);
  const { end, offsetSize } = section.unitLength();
  const r = new Cursor(section.bytes, section.section, section.pos, end);
  const version = r.u16();
  if (version < 2 || version > 5) r.fail(`version ${version}`);
  // Sizes of addresses and of segment selectors: every address says its own size again.
  if (version >= 5) r.skip(2);
  const headerLength = r.sized(offsetSize);
  const program = r.pos + headerLength;
  if (headerLength > r.left) r.fail(`a header of ${headerLength} bytes`);
  const machine = new LineMachine(r, version);
  if (version >= 5) readPaths(unit, r, offsetSize, machine.table);
  else readOldPaths(unit, r, machine.table);
  r.pos = program;
  while (r.left > 0) {
    unit.dwarf.spend(1);
    machine.step();
  }
  return machine.table;
}

/** § 6.2.4 of version 4: directories and files, numbered from 1; directory 0 is that of the compilation. */
function readOldPaths(unit: Unit, r: Cursor, table: LineTable): void {
  const { compDir, name } = unit.root();
  const directories = [compDir];
  for (let path = r.string(); path !== ''; path = r.string()) directories.push(join(compDir, path));
  table.paths.push(name === undefined ? undefined : join(compDir, name));
  for (let path = r.string(); path !== ''; path = r.string()) {
    table.paths.push(join(directories[r.uleb()], path));
    r.uleb(); // time
    r.uleb(); // size
  }
}

/** § 6.2.4: both lists as entries of formats that the header describes; numbered from 0. */
function readPaths(unit: Unit, r: Cursor, offsetSize: number, table: LineTable): void {
  const { compDir } = unit.root();
  const directories = readEntries(unit, r, offsetSize).map(({ path }) => join(compDir, path));
  for (const { path, directory } of readEntries(unit, r, offsetSize)) {
    table.paths.push(join(directories[directory], path));
  }
}

interface Entry {
  path: string;
  directory: number;
}

function readEntries(unit: Unit, r: Cursor, offsetSize: number): Entry[] {
  const format: number[] = [];
  for (let n = r.u8(); n > 0; n--) format.push(r.uleb(), r.uleb());
  const count = r.uleb();
  if (count > r.left) r.fail(`${count} paths`);
  const entries: Entry[] = [];
  for (let i = 0; i < count; i++) {
    const entry: Entry = { path: '', directory: 0 };
    unit.dwarf.spend(1 + format.length);
    for (let k = 0; k < format.length; k += 2) {
      const form = format[k + 1]!;
      const place = r.pos;
      const value = readEntryForm(r, form, offsetSize);
      if (format[k] === C.DW_LNCT_directory_index) entry.directory = value;
      if (format[k] !== C.DW_LNCT_path) continue;
      if (form === C.DW_FORM_string) entry.path = new Cursor(r.bytes, r.section, place).string();
      else entry.path = unit.string(form, value, place) ?? '';
    }
    entries.push(entry);
  }
  return entries;
}

/** The forms that the entries may have (§ 6.2.4.1) and what clang, gcc and rustc use for their own. */
function readEntryForm(r: Cursor, form: number, offsetSize: number): number {
  switch (form) {
    case C.DW_FORM_string:
      return r.skipString();
    case C.DW_FORM_strp:
    case C.DW_FORM_line_strp:
      return r.sized(offsetSize);
    case C.DW_FORM_data1:
    case C.DW_FORM_strx1:
      return r.u8();
    case C.DW_FORM_data2:
    case C.DW_FORM_strx2:
      return r.u16();
    case C.DW_FORM_strx3:
      return r.u24();
    case C.DW_FORM_data4:
    case C.DW_FORM_strx4:
      return r.u32();
    case C.DW_FORM_data8:
      return r.u64();
    case C.DW_FORM_udata:
    case C.DW_FORM_strx:
      return r.uleb();
    case C.DW_FORM_data16:
      return r.skip(16);
    case C.DW_FORM_block:
      return r.skip(r.uleb());
    default:
      return r.fail(`form ${form} in a list of paths`);
  }
}

/** § 6.2.2: the machine that a program runs on, without the registers no one asks for. */
class LineMachine {
  readonly table = new LineTable();
  private address = 0;
  private file = 1;
  private line = 1;
  private column = 0;
  private flags: number;

  private readonly minInstruction: number;
  private readonly startFlags: number;
  private readonly lineBase: number;
  private readonly lineRange: number;
  private readonly opcodeBase: number;
  /** Number of operands of the standard opcodes, by opcode. */
  private readonly operands = [0];

  /** Reads the fixed part of the header, from minimum_instruction_length on. */
  constructor(
    private readonly r: Cursor,
    version: number,
  ) {
    this.minInstruction = r.u8();
    if (version >= 4 && r.u8() > 1) r.fail('more than one operation per instruction');
    this.startFlags = r.u8() !== 0 ? LINE_IS_STMT : 0;
    this.flags = this.startFlags;
    this.lineBase = r.i8();
    this.lineRange = r.u8();
    if (this.lineRange === 0) r.fail('a line range of 0');
    this.opcodeBase = r.u8();
    for (let i = 1; i < this.opcodeBase; i++) this.operands.push(r.u8());
  }

  private row(): void {
    this.table.push(this.address, this.file, this.line, this.column, this.flags);
    this.flags &= LINE_IS_STMT;
  }

  /** The address part of special opcode `opcode`. */
  private advance(opcode: number): void {
    this.address += Math.floor((opcode - this.opcodeBase) / this.lineRange) * this.minInstruction;
  }

  step(): void {
    const { r } = this;
    const opcode = r.u8();
    if (opcode >= this.opcodeBase) {
      this.advance(opcode);
      this.line += this.lineBase + ((opcode - this.opcodeBase) % this.lineRange);
      this.row();
      return;
    }
    switch (opcode) {
      case 0:
        return this.extended(r.uleb());
      case C.DW_LNS_copy:
        return this.row();
      case C.DW_LNS_advance_pc:
        this.address += r.uleb() * this.minInstruction;
        return;
      case C.DW_LNS_advance_line:
        this.line += r.sleb();
        return;
      case C.DW_LNS_set_file:
        this.file = r.uleb();
        return;
      case C.DW_LNS_set_column:
        this.column = r.uleb();
        return;
      case C.DW_LNS_negate_stmt:
        this.flags ^= LINE_IS_STMT;
        return;
      case C.DW_LNS_const_add_pc:
        return this.advance(255);
      case C.DW_LNS_fixed_advance_pc:
        this.address += r.u16();
        return;
      case C.DW_LNS_set_prologue_end:
        this.flags |= LINE_PROLOGUE_END;
        return;
      case C.DW_LNS_set_epilogue_begin:
        this.flags |= LINE_EPILOGUE_BEGIN;
        return;
      default:
        // set_basic_block, set_isa, and what a later version adds.
        for (let n = this.operands[opcode]!; n > 0; n--) r.uleb();
    }
  }

  /** § 6.2.5.3: an opcode of `length` bytes. */
  private extended(length: number): void {
    const { r } = this;
    const start = r.skip(length);
    if (length === 0) return;
    const operands = new Cursor(r.bytes, r.section, start, r.pos);
    switch (operands.u8()) {
      case C.DW_LNE_end_sequence:
        this.flags |= LINE_END_SEQUENCE;
        this.row();
        this.address = 0;
        this.file = 1;
        this.line = 1;
        this.column = 0;
        this.flags = this.startFlags;
        break;
      case C.DW_LNE_set_address:
        this.address = operands.sized(length - 1);
        break;
      case C.DW_LNE_define_file:
        this.table.paths.push(operands.string());
        break;
      default:
    }
  }
}
