/**
 * What pointers of a unit point to.
 *
 * A pointer's value is an offset in linear memory. So that a debugger follows it, the type it points to says where its
 * data are (DW_AT_data_location, DWARF 5 § 5.18.1): that far behind the beginning of the memory. Variables themselves
 * have native addresses and types without that. So a type that is pointed to is written a second time, located: a
 * structure, union or array as a copy; anything else as an array of one element, because debuggers (gdb 13 to 15 at
 * least) evaluate the attribute of structures and arrays only.
 */
import * as C from '../../dwarf/constants.ts';
import { rangesOf, type Unit } from '../../dwarf/index.ts';
import type { NativeFunction } from './function.ts';

export const POINTERS: ReadonlySet<number> = new Set([
  ...[C.DW_TAG_pointer_type, C.DW_TAG_reference_type, C.DW_TAG_rvalue_reference_type],
]);

/** Types that are another one with a name or a qualifier: located, they are of a located one. */
export const WRAPPERS: ReadonlySet<number> = new Set([
  ...[C.DW_TAG_typedef, C.DW_TAG_const_type, C.DW_TAG_volatile_type],
  ...[C.DW_TAG_restrict_type, C.DW_TAG_atomic_type],
]);

const AGGREGATES: ReadonlySet<number> = new Set([
  ...[C.DW_TAG_structure_type, C.DW_TAG_class_type, C.DW_TAG_union_type, C.DW_TAG_array_type],
]);

const SCALARS: ReadonlySet<number> = new Set([
  ...[C.DW_TAG_base_type, C.DW_TAG_enumeration_type, ...POINTERS],
]);

/** Names and qualifiers that are looked through. */
const MAX_WRAPPERS = 16;

/** How a type is written a second time. */
export const NOT_LOCATED = 0;
export const AS_COPY = 1;
export const AS_ARRAY = 2;

interface Type {
  tag: number;
  /** Offset of the type it is made of, -1 if none. */
  target: number;
}

/** What a first look at a unit finds: its functions, and which types are to be located. */
export class Survey {
  readonly functions = new Set<NativeFunction>();
  private readonly types = new Map<number, Type>();
  private readonly located = new Map<number, number>();

  /** Throws DwarfError. */
  constructor(unit: Unit, functionAt: (address: number) => NativeFunction | undefined) {
    const die = unit.entries();
    while (die.next()) {
      const { tag } = die;
      if (tag === C.DW_TAG_subprogram) {
        const ranges = rangesOf(die);
        const f = ranges.length === 0 ? undefined : functionAt(ranges[0]!);
        if (f !== undefined) this.functions.add(f);
      } else if (WRAPPERS.has(tag) || AGGREGATES.has(tag) || SCALARS.has(tag)) {
        if (die.find(C.DW_AT_declaration) >= 0) continue;
        this.types.set(die.offset, { tag, target: die.value(C.DW_AT_type) });
      }
    }
    for (const { tag, target } of this.types.values()) if (POINTERS.has(tag)) this.locate(target);
  }

  private locate(offset: number): void {
    const path: number[] = [];
    let at = offset;
    let type = this.types.get(at);
    while (type !== undefined && WRAPPERS.has(type.tag) && path.length < MAX_WRAPPERS) {
      path.push(at);
      at = type.target;
      type = this.types.get(at);
    }
    if (type === undefined) return;
    if (SCALARS.has(type.tag)) this.located.set(offset, AS_ARRAY);
    else if (AGGREGATES.has(type.tag)) for (const o of [...path, at]) this.located.set(o, AS_COPY);
  }

  /** How the type at an offset is located. */
  locatedAs(offset: number): number {
    return this.located.get(offset) ?? NOT_LOCATED;
  }
}
