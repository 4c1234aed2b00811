/**
 * From a code address to the source: the function and those inlined there, each with file, line and column
 * (DWARF 5 § 3.3.8). A unit is read when an address lies in it, and then kept as columns.
 */
import * as C from './constants.ts';
import { DwarfError } from './cursor.ts';
import type { DieReader } from './die.ts';
import { Dwarf, type DwarfSections } from './dwarf.ts';
import { LINE_END_SEQUENCE, readLines, type LineTable } from './line.ts';
import { rangesOf } from './ranges.ts';
import type { Unit } from './unit.ts';

/** A source function that is active at an address. */
export interface SourceFrame {
  /** Its name: mangled where the language mangles. */
  name: string | undefined;
  /** Path as the compiler was given it, absolute where the directory of compilation is known. */
  file: string | undefined;
  /** From 1; 0 = unknown. */
  line: number;
  column: number;
}

/** Hops from an inlined entry over its abstract origin and its specification to a name. Producers need three. */
const MAX_HOPS = 8;

/** Nesting of inlined functions that is followed. */
const MAX_INLINED = 256;

/** The functions of a unit and the places where functions were inlined: an element of each column per address range. */
class FunctionRanges {
  readonly low: number[] = [];
  readonly high: number[] = [];
  /** Range of the entry around it (the first of its ranges), -1 for a function. */
  readonly parent: number[] = [];
  /** How many are around it. */
  readonly depth: number[] = [];
  /** Offset of its entry in .debug_info. */
  readonly entry: number[] = [];
  /** Where it is called; file -1: not inlined. */
  readonly callFile: number[] = [];
  readonly callLine: number[] = [];
  readonly callColumn: number[] = [];

  add(die: DieReader, parent: number, inlined: boolean): void {
    const ranges = rangesOf(die);
    for (let i = 0; i < ranges.length; i += 2) {
      this.low.push(ranges[i]!);
      this.high.push(ranges[i + 1]!);
      this.parent.push(parent);
      this.depth.push(parent < 0 ? 0 : this.depth[parent]! + 1);
      this.entry.push(die.offset);
      this.callFile.push(inlined ? Math.max(0, die.value(C.DW_AT_call_file)) : -1);
      this.callLine.push(Math.max(0, die.value(C.DW_AT_call_line)));
      this.callColumn.push(Math.max(0, die.value(C.DW_AT_call_column)));
    }
  }

  /** The innermost range around an address, -1 if there is none. */
  find(address: number): number {
    let found = -1;
    for (let i = 0; i < this.low.length; i++) {
      if (address < this.low[i]! || address >= this.high[i]!) continue;
      if (found < 0 || this.depth[i]! > this.depth[found]!) found = i;
    }
    return found;
  }
}

function readFunctions(unit: Unit): FunctionRanges {
  const ranges = new FunctionRanges();
  const die = unit.entries();
  /** By depth: the range that an entry there lies in. */
  const around: number[] = [-1];
  while (die.next()) {
    const parent = around[die.depth]!;
    const inlined = die.tag === C.DW_TAG_inlined_subroutine;
    let inner = parent;
    if (inlined || die.tag === C.DW_TAG_subprogram) {
      const first = ranges.low.length;
      // A function's own entry within another's begins anew: it is not inlined there.
      ranges.add(die, inlined ? parent : -1, inlined && parent >= 0);
      if (ranges.low.length > first) inner = first;
    }
    around[die.depth + 1] = inner;
  }
  return ranges;
}

/** Sequences of a line table: first and last row of each, without those of dead code. */
interface Lines {
  table: LineTable;
  sequences: number[];
}

function readSequences(unit: Unit): Lines | undefined {
  const table = readLines(unit);
  if (!table) return undefined;
  const sequences: number[] = [];
  let first = 0;
  for (let i = 0; i < table.count; i++) {
    if (!(table.flags[i]! & LINE_END_SEQUENCE)) continue;
    if (!unit.isDead(table.addresses[first]!)) sequences.push(first, i);
    first = i + 1;
  }
  return { table, sequences };
}

/** The last row of the unit at or before an address, -1 if none covers it. */
function findRow({ table, sequences }: Lines, address: number): number {
  const { addresses } = table;
  for (let s = 0; s < sequences.length; s += 2) {
    let low = sequences[s]!;
    let high = sequences[s + 1]!;
    if (address < addresses[low]! || address >= addresses[high]!) continue;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if (addresses[mid]! <= address) low = mid + 1;
      else high = mid;
    }
    return low - 1;
  }
  return -1;
}

/** What a reader returns, undefined if the sections do not have it or are damaged there. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (e) {
    if (e instanceof DwarfError) return undefined;
    throw e;
  }
}

/** What is known of a unit. */
class UnitLookup {
  /** Address ranges of its code; undefined where it does not say. */
  readonly ranges: number[] | undefined;
  private functions: FunctionRanges | undefined;
  private lines: Lines | undefined;
  private isRead = false;

  constructor(private readonly unit: Unit) {
    this.ranges = attempt(() => {
      unit.root();
      const die = unit.entries();
      die.next();
      const ranges = rangesOf(die);
      return ranges.length > 0 ? ranges : undefined;
    });
  }

  mayHold(address: number): boolean {
    const { ranges } = this;
    if (!ranges) return true;
    for (let i = 0; i < ranges.length; i += 2) {
      if (address >= ranges[i]! && address < ranges[i + 1]!) return true;
    }
    return false;
  }

  framesAt(address: number): SourceFrame[] {
    if (!this.isRead) {
      this.isRead = true;
      this.functions = attempt(() => readFunctions(this.unit));
      this.lines = attempt(() => readSequences(this.unit));
    }
    const { functions, lines } = this;
    const row = lines ? findRow(lines, address) : -1;
    const t = lines?.table;
    let frame =
      t && row >= 0
        ? this.frame(t.files[row]!, t.lines[row]!, t.columns[row]!)
        : this.frame(-1, 0, 0);
    const frames = [frame];
    let range = functions ? functions.find(address) : -1;
    if (!functions || range < 0) return row < 0 ? [] : frames;
    for (;;) {
      const entry = functions.entry[range]!;
      frame.name = attempt(() => nameOf(this.unit, entry));
      const file = functions.callFile[range]!;
      if (file < 0 || frames.length > MAX_INLINED) return frames;
      frame = this.frame(file, functions.callLine[range]!, functions.callColumn[range]!);
      frames.push(frame);
      range = functions.parent[range]!;
    }
  }

  private frame(file: number, line: number, column: number): SourceFrame {
    return { name: undefined, file: this.lines?.table.paths[file], line, column };
  }
}

/** The name of a function's entry, or of what it is an instance of. */
function nameOf(unit: Unit, entry: number): string | undefined {
  let name: string | undefined;
  let at: { unit: Unit | undefined; offset: number } = { unit, offset: entry };
  for (let hop = 0; hop < MAX_HOPS && at.unit; hop++) {
    const die = at.unit.entries();
    die.seek(at.offset);
    const linkage = die.string(C.DW_AT_linkage_name) ?? die.string(C.DW_AT_MIPS_linkage_name);
    if (linkage !== undefined) return linkage;
    name ??= die.string(C.DW_AT_name);
    const origin = die.value(C.DW_AT_abstract_origin);
    const next = origin >= 0 ? origin : die.value(C.DW_AT_specification);
    if (next < 0) break;
    at = { unit: unit.dwarf.unitAt(next), offset: next };
  }
  return name;
}

/** Answers for the addresses of one module. Never throws: where the sections are damaged, less is known. */
export class SourceLookup {
  private readonly dwarf: Dwarf;
  private units: UnitLookup[] | undefined;

  constructor(sections: DwarfSections) {
    this.dwarf = new Dwarf(sections);
  }

  /**
   * The functions active at an address, innermost first: all but the last are inlined.
   * Empty where nothing is known.
   * @param address of an instruction, from the beginning of the Code section's contents
   */
  framesAt(address: number): SourceFrame[] {
    this.units ??= this.dwarf.units().map((unit) => new UnitLookup(unit));
    for (const unit of this.units) {
      if (!unit.mayHold(address)) continue;
      const frames = unit.framesAt(address);
      if (frames.length > 0) return frames;
    }
    return [];
  }
}
