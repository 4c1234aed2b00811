/**
 * The line number program of a unit for native code (DWARF 5 § 6.2): the address map of its functions, composed with the
 * rows of the module's own program. A row is written where file or line change, not for columns alone: where a
 * debugger stops is told by it, and it takes a function's second row for the end of its prologue.
 */
import * as C from '../../dwarf/constants.ts';
import {
  LINE_END_SEQUENCE,
  LINE_IS_STMT,
  LINE_PROLOGUE_END,
  type LineTable,
} from '../../dwarf/index.ts';
import type { DebugWriter } from '../../object/debuginfo.ts';
import type { NativeFunction } from './function.ts';

const LINE_BASE = -5;
const LINE_RANGE = 14;
const OPCODE_BASE = 13;
/** Operands of the standard opcodes 1 to 12. */
const OPERANDS = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];

/** Sequences of a table by address: first and last row of each. */
class Sequences {
  private readonly list: [number, number][] = [];
  /**
   * Whether a row belongs to a statement: it or one before it in the same run of rows of one line begins one. (What
   * begins it may have been optimised away, and a later row be the first there is code for.)
   */
  private readonly statements: Uint8Array;

  constructor(private readonly table: LineTable) {
    const { count, flags, files, lines } = table;
    this.statements = new Uint8Array(count);
    let first = 0;
    for (let i = 0; i < count; i++) {
      const goesOn = i > first && files[i] === files[i - 1] && lines[i] === lines[i - 1];
      const begins = (flags[i]! & LINE_IS_STMT) !== 0;
      this.statements[i] = begins || (goesOn && this.statements[i - 1] === 1) ? 1 : 0;
      if ((flags[i]! & LINE_END_SEQUENCE) === 0) continue;
      this.list.push([first, i]);
      first = i + 1;
    }
    this.list.sort((a, b) => table.addresses[a[0]]! - table.addresses[b[0]]!);
  }

  isStatement(row: number): boolean {
    return this.statements[row] === 1;
  }

  /** The last row at or before an address, in the last sequence that begins at or before it; -1 if it is behind that. */
  rowAt(address: number): number {
    const { addresses } = this.table;
    const s = floor(this.list.length, (i) => addresses[this.list[i]![0]]!, address);
    if (s < 0) return -1;
    const [first, last] = this.list[s]!;
    if (address >= addresses[last]!) return -1;
    return first + floor(last - first, (i) => addresses[first + i]!, address);
  }
}

/** Index of the last of `n` ascending values that is not above `x`, -1 if none. */
function floor(n: number, value: (i: number) => number, x: number): number {
  let low = 0;
  let high = n;
  while (low < high) {
    const mid = (low + high) >>> 1;
    if (value(mid) <= x) low = mid + 1;
    else high = mid;
  }
  return low - 1;
}

/** The machine's registers, as the program being written leaves them. */
class Program {
  private address = 0;
  private file = 1;
  private line = 1;
  private column = 0;
  private isStmt = true;

  constructor(private readonly out: DebugWriter) {}

  begin(textOffset: number): void {
    const { out } = this;
    out.u8(0);
    out.uleb(9);
    out.u8(C.DW_LNE_set_address);
    out.address(textOffset);
    this.address = textOffset;
    this.file = 1;
    this.line = 1;
    this.column = 0;
    this.isStmt = true;
  }

  row(address: number, file: number, line: number, column: number, flags: number): void {
    const { out } = this;
    this.set(C.DW_LNS_set_file, this.file, file);
    this.set(C.DW_LNS_set_column, this.column, column);
    this.file = file;
    this.column = column;
    const isStmt = (flags & LINE_IS_STMT) !== 0;
    if (isStmt !== this.isStmt) out.u8(C.DW_LNS_negate_stmt);
    this.isStmt = isStmt;
    if (flags & LINE_PROLOGUE_END) out.u8(C.DW_LNS_set_prologue_end);
    this.advance(address - this.address, line - this.line);
    this.address = address;
    this.line = line;
  }

  end(address: number): void {
    const { out } = this;
    out.u8(C.DW_LNS_advance_pc);
    out.uleb(address - this.address);
    out.u8(0);
    out.uleb(1);
    out.u8(C.DW_LNE_end_sequence);
  }

  private set(opcode: number, old: number, value: number): void {
    if (old === value) return;
    this.out.u8(opcode);
    this.out.uleb(value);
  }

  /** Moves address and line, and makes the row. */
  private advance(bytes: number, lines: number): void {
    const { out } = this;
    let step = lines;
    if (step < LINE_BASE || step >= LINE_BASE + LINE_RANGE) {
      out.u8(C.DW_LNS_advance_line);
      out.slebWide(step);
      step = 0;
    }
    let opcode = step - LINE_BASE + LINE_RANGE * bytes + OPCODE_BASE;
    if (opcode > 255) {
      out.u8(C.DW_LNS_advance_pc);
      out.uleb(bytes);
      opcode = step - LINE_BASE + OPCODE_BASE;
    }
    out.u8(opcode);
  }
}

function writeHeader(out: DebugWriter, table: LineTable, compDir: string): void {
  out.u16(5);
  out.u8(8); // size of addresses
  out.u8(0);
  const length = out.pos;
  out.u32(0);
  out.u8(1); // minimum_instruction_length
  out.u8(1); // maximum_operations_per_instruction
  out.u8(1); // default_is_stmt
  out.u8(LINE_BASE);
  out.u8(LINE_RANGE);
  out.u8(OPCODE_BASE);
  for (const n of OPERANDS) out.u8(n);
  out.u8(1);
  out.uleb(C.DW_LNCT_path);
  out.uleb(C.DW_FORM_string);
  out.uleb(1);
  out.cString(compDir);
  out.u8(2);
  out.uleb(C.DW_LNCT_path);
  out.uleb(C.DW_FORM_string);
  out.uleb(C.DW_LNCT_directory_index);
  out.uleb(C.DW_FORM_udata);
  out.uleb(table.paths.length);
  for (const path of table.paths) {
    out.cString(path ?? '');
    out.uleb(0);
  }
  out.patch32(length, out.pos - length - 4);
}

/**
 * Writes a unit's line number program; its files keep their numbers.
 * @param functions those of the unit, in order of address
 * @returns the program's offset in the section
 */
export function writeLines(
  out: DebugWriter,
  table: LineTable,
  compDir: string,
  functions: readonly NativeFunction[],
): number {
  const start = out.pos;
  out.u32(0);
  writeHeader(out, table, compDir);
  const sequences = new Sequences(table);
  const program = new Program(out);
  for (const f of functions) writeFunction(program, table, sequences, f);
  out.patch32(start, out.pos - start - 4);
  return start;
}

function writeFunction(
  program: Program,
  table: LineTable,
  sequences: Sequences,
  f: NativeFunction,
): void {
  const { files, lines, columns, flags } = table;
  const first = sequences.rowAt(f.bodyStart);
  let file = -1;
  let line = -1;
  let isStmt = false;
  /** A row of the module's program whose flags have been used. */
  let used = -1;
  program.begin(f.textOffset);
  if (first >= 0) {
    program.row(
      f.textOffset,
      (file = files[first]!),
      (line = lines[first]!),
      columns[first]!,
      LINE_IS_STMT,
    );
    isStmt = true;
  }
  for (let e = 0; e < f.entries; e++) {
    const row = sequences.rowAt(f.addressOf(e));
    if (row < 0) continue;
    const prologueEnd = (flags[row]! & LINE_PROLOGUE_END) !== 0 && row !== used;
    const statement = sequences.isStatement(row);
    const same = files[row] === file && lines[row] === line && (isStmt || !statement);
    if (same && !prologueEnd) continue;
    const wanted = (statement ? LINE_IS_STMT : 0) | (prologueEnd ? LINE_PROLOGUE_END : 0);
    program.row(f.textOffset + f.offsetOf(e), files[row]!, lines[row]!, columns[row]!, wanted);
    file = files[row]!;
    line = lines[row]!;
    isStmt = statement;
    if (prologueEnd) used = row;
  }
  program.end(f.textOffset + f.size);
}
