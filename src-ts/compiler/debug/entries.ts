/**
 * The debugging information entries of a unit, copied one after the other with what concerns code made native: address
 * ranges, line numbers, locations. Everything else (names, types, where things are declared) is taken over as it is, in
 * forms that need no other section.
 */
import * as C from '../../dwarf/constants.ts';
import { locationsOf } from '../../dwarf/locations.ts';
import {
  DW_OP_fbreg,
  DW_OP_plus,
  DW_OP_push_object_address,
  readExpression,
} from '../../dwarf/operations.ts';
import { DwarfError, rangesOf, type DieReader, type Unit } from '../../dwarf/index.ts';
import { DebugWriter } from '../../object/debuginfo.ts';
import { memoryBase, translateLocation, type GuestFrame } from './expressions.ts';
import type { NativeFunction } from './function.ts';
import { Lists, writeLocations, writeRanges, type Located } from './lists.ts';
import { AS_ARRAY, NOT_LOCATED, POINTERS, Survey, WRAPPERS } from './pointees.ts';
import type { Translation } from './translate.ts';

/** Size of a pointer in linear memory. */
const POINTER_SIZE = 4;

/** Attributes that are left out: what they refer to is not there, or they are only about how the module is written. */
const DROPPED: ReadonlySet<number> = new Set([
  ...[C.DW_AT_sibling, C.DW_AT_return_addr, C.DW_AT_start_scope, C.DW_AT_macro_info],
  ...[C.DW_AT_segment, C.DW_AT_static_link, C.DW_AT_use_location, C.DW_AT_entry_pc],
  ...[C.DW_AT_str_offsets_base, C.DW_AT_addr_base, C.DW_AT_rnglists_base, C.DW_AT_loclists_base],
  ...[C.DW_AT_dwo_name, C.DW_AT_macros, C.DW_AT_stmt_list, C.DW_AT_frame_base],
  ...[C.DW_AT_low_pc, C.DW_AT_high_pc, C.DW_AT_ranges, C.DW_AT_byte_size],
]);

function isDropped(name: number): boolean {
  return (
    DROPPED.has(name) ||
    (name >= C.DW_AT_call_all_calls && name <= C.DW_AT_call_data_value) ||
    (name >= C.DW_AT_GNU_call_site_value && name <= C.DW_AT_GNU_macros) ||
    (name >= C.DW_AT_GNU_dwo_name && name <= C.DW_AT_GNU_pubnames)
  );
}

/** What is inside a type and its copy does without: what is declared in its scope, not its data. */
const NOT_PARTS: ReadonlySet<number> = new Set([
  ...[C.DW_TAG_subprogram, C.DW_TAG_structure_type, C.DW_TAG_class_type, C.DW_TAG_union_type],
  ...[C.DW_TAG_enumeration_type, C.DW_TAG_typedef],
]);

/** Where data in linear memory are, from their offset. */
const LOCATED = Uint8Array.of(DW_OP_push_object_address, DW_OP_fbreg, 0, DW_OP_plus);

/** What encloses an entry. */
interface Scope {
  function: NativeFunction | undefined;
  frame: GuestFrame;
}

const OUTSIDE: Scope = { function: undefined, frame: [] };

/** A reference to be filled in: its field, its target in the module's .debug_info, whether it is to the located type. */
interface Reference {
  at: number;
  target: number;
  located: boolean;
  across: boolean;
}

export class UnitTranslator {
  /** Functions that the unit has entries for, in order of address. */
  readonly functions: readonly NativeFunction[];
  private readonly out: DebugWriter;
  private readonly survey: Survey;
  private readonly entries: DieReader;
  private readonly copier: DieReader;
  /** The current entry: of `entries`, or of `copier` while a type is copied. */
  private die: DieReader;
  private copying = false;
  private readonly start: number;
  private readonly ranges: Lists<readonly number[]>;
  private readonly locations: Lists<readonly Located[]>;
  private readonly places = new Map<number, number>();
  /** Places of located types, by offset of the original. */
  private readonly located = new Map<number, number>();
  private readonly references: Reference[] = [];

  // The entry being written: attributes as name and form, then what writes their values.
  private attributes: number[] = [];
  private values: DebugWriter;
  /** Its references, by place among the values. */
  private readonly own: Reference[] = [];

  constructor(
    private readonly t: Translation,
    private readonly unit: Unit,
  ) {
    this.out = t.info;
    this.survey = new Survey(unit, (address) => t.functionAt(address));
    this.functions = [...this.survey.functions].sort((a, b) => a.textOffset - b.textOffset);
    this.entries = unit.entries();
    this.copier = unit.entries();
    this.die = this.entries;
    this.start = t.info.pos;
    this.ranges = new Lists(t.rnglists, writeRanges);
    this.locations = new Lists(t.loclists, writeLocations);
    this.values = new DebugWriter(256);
  }

  /** Writes the unit. Throws DwarfError. */
  run(): void {
    this.header();
    const scopes: Scope[] = [OUTSIDE];
    const open = new OpenEntries(this.out, (offset) => this.locate(offset));
    const { die, out } = this;
    let more = die.next();
    while (more) {
      open.closeTo(die.depth);
      if (isCallSite(die.tag)) {
        more = skip(die);
        continue;
      }
      const { depth, children, offset } = die;
      scopes[depth + 1] = this.entry(scopes[depth]!);
      open.add(offset, children);
      more = die.next();
    }
    open.closeTo(0);
    out.patch32(this.start, out.pos - this.start - 4);
    this.finish();
  }

  private header(): void {
    const { out } = this;
    out.u32(0);
    out.u16(5);
    out.u8(C.DW_UT_compile);
    out.u8(8);
    out.sectionOffset('.debug_abbrev', 0);
  }

  /** Writes the type at an offset, which has just been written, once more if it is to be located. */
  private locate(offset: number): void {
    const as = this.survey.locatedAs(offset);
    if (as === NOT_LOCATED || this.t.machine.memory === undefined) return;
    this.located.set(offset, this.out.pos);
    if (as === AS_ARRAY) this.arrayOf(offset);
    else {
      this.die = this.copier;
      this.copying = true;
      this.copier.seek(offset);
      this.copyEntries();
      this.die = this.entries;
      this.copying = false;
    }
  }

  /** Writes a located array of one element of the type at an offset. */
  private arrayOf(offset: number): void {
    const { out } = this;
    this.begin();
    this.refer(C.DW_AT_type, offset, false);
    this.block(C.DW_AT_data_location, LOCATED);
    this.write(C.DW_TAG_array_type, true);
    this.begin();
    this.put(C.DW_AT_count, C.DW_FORM_data1).u8(1);
    this.write(C.DW_TAG_subrange_type, false);
    out.u8(0);
  }

  private copyEntries(): void {
    const { copier, out } = this;
    const open = new OpenEntries(out, () => {});
    let more = true;
    while (more) {
      open.closeTo(copier.depth);
      if (copier.depth > 0 && NOT_PARTS.has(copier.tag)) {
        more = skip(copier);
        continue;
      }
      const { children, offset } = copier;
      this.entry(OUTSIDE);
      open.add(offset, children);
      more = copier.next();
    }
    open.closeTo(0);
  }

  private finish(): void {
    const { out } = this;
    for (const { at, target, located, across } of this.references) {
      if (across) {
        this.t.across.push({ at, target });
        continue;
      }
      const place = (located ? this.located : this.places).get(target);
      if (place === undefined) throw new DwarfError(`.debug_info: no entry ${target}`);
      out.patch32(at, place - this.start);
    }
    for (const [target, place] of this.places) this.t.places.set(target, place);
    this.ranges.finish();
    this.locations.finish();
  }

  // ---- one entry ----

  /** Writes the current entry; returns what it is for those inside it. */
  private entry(scope: Scope): Scope {
    const { die, out } = this;
    if (!this.copying) this.places.set(die.offset, out.pos);
    this.t.budget.spend(1 + die.count);
    this.begin();
    const inner = this.code(scope);
    for (let i = 0; i < die.count; i++) {
      if (!isDropped(die.names[i]!)) this.attribute(i, inner);
    }
    this.size();
    // The copy of a name or a qualifier is located by what it is of.
    if (this.copying && die.depth === 0 && !WRAPPERS.has(die.tag)) {
      this.block(C.DW_AT_data_location, LOCATED);
    }
    this.write(die.tag, die.children);
    return inner;
  }

  /** Begins an entry. */
  private begin(): void {
    this.attributes = [];
    this.values.restart();
    this.own.length = 0;
  }

  /** Writes the entry whose attributes have been put. */
  private write(tag: number, children: boolean): void {
    const { out } = this;
    out.uleb(this.t.abbrevs.code(tag, children, this.attributes));
    for (const r of this.own) this.references.push({ ...r, at: out.pos + r.at });
    out.appendWith(this.values);
  }

  /** Begins an attribute of the entry; its value is to be written to what is returned. */
  private put(name: number, form: number): DebugWriter {
    this.attributes.push(name, form);
    return this.values;
  }

  /** Writes what says which code an entry is. */
  private code(scope: Scope): Scope {
    const { die } = this;
    if (this.copying) return scope;
    if (die.depth === 0) {
      this.root();
      return scope;
    }
    if (die.tag === C.DW_TAG_subprogram) return this.subprogram();
    const f = scope.function;
    if (f === undefined) return scope;
    if (die.tag === C.DW_TAG_label) {
      const low = die.address(C.DW_AT_low_pc);
      const ranges = low < 0 ? [] : f.rangesOf(low, low + 1);
      if (ranges.length > 0)
        this.put(C.DW_AT_low_pc, C.DW_FORM_addr).address(f.textOffset + ranges[0]!);
      return scope;
    }
    const wasm = rangesOf(die);
    if (wasm.length > 0) this.nativeRanges(f, wasm);
    return scope;
  }

  private nativeRanges(f: NativeFunction, wasm: readonly number[]): void {
    const native: number[] = [];
    for (let i = 0; i < wasm.length; i += 2) native.push(...f.rangesOf(wasm[i]!, wasm[i + 1]!));
    const ranges = union(native).map((offset) => f.textOffset + offset);
    if (ranges.length === 0) return;
    if (ranges.length > 2) {
      this.put(C.DW_AT_ranges, C.DW_FORM_rnglistx).uleb(this.ranges.add(ranges));
      return;
    }
    this.put(C.DW_AT_low_pc, C.DW_FORM_addr).address(ranges[0]!);
    this.put(C.DW_AT_high_pc, C.DW_FORM_udata).uleb(ranges[1]! - ranges[0]!);
  }

  private subprogram(): Scope {
    const { die, t } = this;
    const ranges = rangesOf(die);
    const f = ranges.length === 0 ? undefined : t.functionAt(ranges[0]!);
    if (f === undefined) return OUTSIDE;
    this.put(C.DW_AT_low_pc, C.DW_FORM_addr).address(f.textOffset);
    this.put(C.DW_AT_high_pc, C.DW_FORM_udata).uleb(f.size);
    const base = memoryBase(t.machine, f);
    if (base !== undefined) this.block(C.DW_AT_frame_base, base);
    const at = die.find(C.DW_AT_frame_base);
    const own = at < 0 ? undefined : locationsOf(die, at)[0];
    return { function: f, frame: own === undefined ? [] : (readExpression(own.expression) ?? []) };
  }

  private root(): void {
    const { t, unit } = this;
    if (this.functions.length > 0) {
      const all = this.functions.flatMap((f) => [f.textOffset, f.textOffset + f.size]);
      this.put(C.DW_AT_low_pc, C.DW_FORM_addr).address(0);
      this.put(C.DW_AT_ranges, C.DW_FORM_rnglistx).uleb(this.ranges.add(all));
    }
    this.put(C.DW_AT_rnglists_base, C.DW_FORM_sec_offset).sectionOffset(
      '.debug_rnglists',
      this.ranges.base,
    );
    this.put(C.DW_AT_loclists_base, C.DW_FORM_sec_offset).sectionOffset(
      '.debug_loclists',
      this.locations.base,
    );
    if (unit.root().stmtList >= 0) {
      this.put(C.DW_AT_stmt_list, C.DW_FORM_sec_offset).sectionOffset('.debug_line', t.line.pos);
    }
  }

  /** Sizes are taken over; a pointer's is said, since the unit's addresses are larger. */
  private size(): void {
    const { die } = this;
    const i = die.find(C.DW_AT_byte_size);
    if (i >= 0) this.attributeOf(i);
    else if (POINTERS.has(die.tag)) this.put(C.DW_AT_byte_size, C.DW_FORM_udata).uleb(POINTER_SIZE);
  }

  // ---- attributes ----

  private attribute(i: number, scope: Scope): void {
    const { die } = this;
    const name = die.names[i]!;
    if (name === C.DW_AT_location) this.location(i, scope);
    else this.attributeOf(i);
  }

  private block(name: number, bytes: Uint8Array): void {
    const w = this.put(name, C.DW_FORM_exprloc);
    w.uleb(bytes.length);
    w.append(bytes);
  }

  private location(i: number, { function: f, frame }: Scope): void {
    const { die, t } = this;
    const list: Located[] = [];
    const end = f?.size ?? 1;
    for (const { low, high, expression } of locationsOf(die, i)) {
      const native = f === undefined || high === Infinity ? [0, end] : f.rangesOf(low, high);
      for (let k = 0; k < native.length; k += 2) {
        const [from, to] = [native[k]!, native[k + 1]!];
        const parts = translateLocation(t.machine, f, frame, expression, from, to);
        t.budget.spend(1 + parts.length);
        list.push(...parts);
      }
    }
    const [first] = list;
    if (first === undefined) return;
    if (list.length === 1 && first.end - first.start === end)
      this.block(C.DW_AT_location, first.expression);
    else this.put(C.DW_AT_location, C.DW_FORM_loclistx).uleb(this.locations.add(list));
  }

  /** Takes an attribute over, in a form that needs no other section; leaves it out if there is none. */
  private attributeOf(i: number): void {
    const { die } = this;
    const name = die.names[i]!;
    const form = die.forms[i]!;
    const value = die.values[i]!;
    switch (form) {
      case C.DW_FORM_data1:
      case C.DW_FORM_data2:
      case C.DW_FORM_data4:
      case C.DW_FORM_data8:
      case C.DW_FORM_data16:
        this.put(name, form).append(this.raw(i, DATA_SIZES.get(form)!));
        break;
      case C.DW_FORM_udata:
      case C.DW_FORM_sdata:
        this.put(name, form).append(this.rawLeb(i));
        break;
      case C.DW_FORM_implicit_const:
        this.put(name, C.DW_FORM_sdata).slebWide(value);
        break;
      case C.DW_FORM_flag:
        this.put(name, form).u8(value);
        break;
      case C.DW_FORM_flag_present:
        this.put(name, form);
        break;
      case C.DW_FORM_ref1:
      case C.DW_FORM_ref2:
      case C.DW_FORM_ref4:
      case C.DW_FORM_ref8:
      case C.DW_FORM_ref_udata:
      case C.DW_FORM_ref_addr:
        this.reference(name, value);
        break;
      case C.DW_FORM_exprloc:
      case C.DW_FORM_block:
      case C.DW_FORM_block1:
      case C.DW_FORM_block2:
      case C.DW_FORM_block4:
        this.blockOf(i);
        break;
      default: {
        const text = this.unit.string(form, value, die.places[i]!);
        if (text !== undefined) this.put(name, C.DW_FORM_string).cString(text);
      }
    }
  }

  /** Bytes of the value where it stands. */
  private raw(i: number, size: number): Uint8Array {
    const at = this.die.places[i]!;
    return this.unit.dwarf.sections.info.subarray(at, at + size);
  }

  /** As {@link raw}, of a value in LEB128: of 64 bits, which a number does not hold. */
  private rawLeb(i: number): Uint8Array {
    const { info } = this.unit.dwarf.sections;
    const at = this.die.places[i]!;
    let end = at;
    while (info[end]! >= 0x80) end++;
    return info.subarray(at, end + 1);
  }

  /** Constants stay; expressions only if they compute with nothing but numbers. */
  private blockOf(i: number): void {
    const { die } = this;
    const name = die.names[i]!;
    const bytes = die.block(i);
    if (name === C.DW_AT_const_value) {
      const w = this.put(name, C.DW_FORM_block);
      w.uleb(bytes.length);
      w.append(bytes);
      return;
    }
    const ops = readExpression(bytes);
    if (ops?.every(({ op }) => op >= 0x08 && op <= 0x4f) === true) this.block(name, bytes);
  }

  /** A reference as the entry has it; but pointers, and copies of names and qualifiers, are to what is located. */
  private reference(name: number, target: number): void {
    const { die, survey, t } = this;
    const mayBe =
      name === C.DW_AT_type &&
      (POINTERS.has(die.tag) || (this.copying && die.depth === 0 && WRAPPERS.has(die.tag)));
    const located =
      mayBe && t.machine.memory !== undefined && survey.locatedAs(target) !== NOT_LOCATED;
    if (target >= 0) this.refer(name, target, located);
  }

  private refer(name: number, target: number, located: boolean): void {
    const { unit } = this;
    const across = target < unit.offset || target >= unit.end;
    const form = across ? C.DW_FORM_ref_addr : C.DW_FORM_ref4;
    const w = this.put(name, form);
    this.own.push({ at: w.pos, target, located, across });
    w.u32(0);
  }
}

/** Passes over the current entry and what it holds; false at the end of what is visited. */
function skip(die: DieReader): boolean {
  const { depth } = die;
  do if (!die.next()) return false;
  while (die.depth > depth);
  return true;
}

/** Ends lists of children, as the depth of the entry that follows asks for. */
class OpenEntries {
  /** Entries that may get children or brothers: their offsets, and whether they have a list of children. */
  private readonly offsets: number[] = [];
  private readonly lists: boolean[] = [];

  /** @param done is told of each entry when what it holds has been written */
  constructor(
    private readonly out: DebugWriter,
    private readonly done: (offset: number) => void,
  ) {}

  /** An entry at depth `depth` comes next: all at that depth and deeper are done. */
  closeTo(depth: number): void {
    while (this.offsets.length > depth) {
      if (this.lists.pop() === true) this.out.u8(0);
      this.done(this.offsets.pop()!);
    }
  }

  /** An entry has been written. */
  add(offset: number, children: boolean): void {
    this.offsets.push(offset);
    this.lists.push(children);
  }
}

const DATA_SIZES: ReadonlyMap<number, number> = new Map([
  [C.DW_FORM_data1, 1],
  [C.DW_FORM_data2, 2],
  [C.DW_FORM_data4, 4],
  [C.DW_FORM_data8, 8],
  [C.DW_FORM_data16, 16],
]);

function isCallSite(tag: number): boolean {
  return tag === C.DW_TAG_call_site || tag === C.DW_TAG_GNU_call_site;
}

/** Ranges sorted, those that touch or overlap made one. */
function union(ranges: readonly number[]): number[] {
  const pairs: [number, number][] = [];
  for (let i = 0; i < ranges.length; i += 2) pairs.push([ranges[i]!, ranges[i + 1]!]);
  pairs.sort((a, b) => a[0] - b[0]);
  const result: number[] = [];
  for (const [start, end] of pairs) {
    const last = result.length - 1;
    if (last > 0 && start <= result[last]!) result[last] = Math.max(result[last]!, end);
    else result.push(start, end);
  }
  return result;
}
