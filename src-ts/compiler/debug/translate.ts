/** Debug information of an object, from that of the module (section by section: entries.ts, lines.ts, lists.ts). */
import * as C from '../../dwarf/constants.ts';
import {
  Dwarf,
  DwarfError,
  gatherSections,
  readLines,
  type DwarfSections,
  type Unit,
} from '../../dwarf/index.ts';
import { DebugWriter } from '../../object/debuginfo.ts';
import type { CodeRecord, DebugInfo } from '../../object/records.ts';
import type { ModuleInfo } from '../../wasm/types.ts';
import { Abbrevs } from './abbrevs.ts';
import { Budget } from './budget.ts';
import { UnitTranslator } from './entries.ts';
import type { Machine } from './expressions.ts';
import { NativeFunction } from './function.ts';
import { writeLines } from './lines.ts';

/** What the units of one object share. */
export class Translation {
  readonly info = new DebugWriter(1 << 16);
  readonly line = new DebugWriter(1 << 16);
  readonly rnglists = new DebugWriter();
  readonly loclists = new DebugWriter();
  private readonly abbrev = new DebugWriter();
  readonly abbrevs = new Abbrevs(this.abbrev);
  /** Whether a unit has an entry for some function. */
  any = false;
  /** Entries of the module's .debug_info to those written, and references between units that wait for them. */
  readonly places = new Map<number, number>();
  readonly across: { at: number; target: number }[] = [];

  constructor(
    readonly machine: Machine,
    private readonly functions: readonly NativeFunction[],
    readonly budget: Budget,
  ) {}

  /** The function whose body an address lies in. */
  functionAt(address: number): NativeFunction | undefined {
    let low = 0;
    let high = this.functions.length;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if (this.functions[mid]!.bodyEnd <= address) low = mid + 1;
      else high = mid;
    }
    const f = this.functions[low];
    return f !== undefined && f.bodyStart <= address ? f : undefined;
  }

  /** Translates a unit. Throws DwarfError. */
  unit(unit: Unit): void {
    const translator = new UnitTranslator(this, unit);
    translator.run();
    if (translator.functions.length > 0) this.any = true;
    const { compDir } = unit.root();
    const table = readLines(unit);
    if (table !== undefined) writeLines(this.line, table, compDir ?? '', translator.functions);
  }

  /** Throws DwarfError. */
  finish(): DebugInfo {
    this.abbrevs.finish();
    for (const { at, target } of this.across) {
      const place = this.places.get(target);
      if (place === undefined) throw new DwarfError(`.debug_info: no entry ${target}`);
      this.info.fillOffset(at, '.debug_info', place);
    }
    return {
      info: this.info.section(),
      abbrev: this.abbrev.section(),
      line: this.line.section(),
      rnglists: this.rnglists.section(),
      loclists: this.loclists.section(),
    };
  }
}

/** The module's sections with debug information. */
export function moduleDwarf(bytes: Uint8Array, m: ModuleInfo): DwarfSections {
  return gatherSections((name) => {
    const custom = m.customs.find((c) => c.name === name);
    return custom === undefined ? undefined : bytes.subarray(custom.start, custom.end);
  });
}

/**
 * Translates the debug information of a module.
 *
 * @param functions records of the defined functions
 * @param offsets where each is in .text
 * @returns undefined if the module has none, or it is damaged
 */
export function translateDebugInfo(
  bytes: Uint8Array,
  m: ModuleInfo,
  machine: Machine,
  functions: readonly CodeRecord[],
  offsets: ArrayLike<number>,
): DebugInfo | undefined {
  const budget = new Budget(bytes.length);
  const native = functions.map((record, i) => {
    const start = m.bodies[2 * i]! - m.codeStart;
    const end = m.bodies[2 * i + 1]! - m.codeStart;
    return new NativeFunction(i, offsets[i]!, record, start, end, m.codeStart, budget);
  });
  try {
    const dwarf = new Dwarf(moduleDwarf(bytes, m));
    const translation = new Translation(machine, native, budget);
    for (const unit of dwarf.units()) {
      if (unit.type === C.DW_UT_compile) translation.unit(unit);
    }
    return translation.any ? translation.finish() : undefined;
  } catch (e) {
    if (e instanceof DwarfError) return undefined;
    throw e;
  }
}
