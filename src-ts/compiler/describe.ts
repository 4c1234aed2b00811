/** From what decoding found (wasm/) to what the runtime must know (object/records.ts). */
import * as Op from '../gen/wasm.ts';
import type * as R from '../object/records.ts';
import { bug } from '../util/bug.ts';
import { readNames } from '../wasm/names.ts';
import * as Wasm from '../wasm/types.ts';

/** Value types as bytes of the binary format, by type number. */
const NUMBER_TYPES = [0, 0x7f, 0x7e, 0x7d, 0x7c, 0x7b];

function valType(type: number): R.ValType {
  if (type === Wasm.FUNCREF) return 0x70;
  if (type === Wasm.EXTERNREF) return 0x6f;
  return NUMBER_TYPES[type] || bug('describe', `value type ${type}`);
}

function funcType(t: Wasm.FuncType): R.FuncType {
  return { params: Array.from(t.params, valType), results: Array.from(t.results, valType) };
}

function limits(l: Wasm.Limits): R.Limits {
  return { min: l.min, max: l.max < 0 ? undefined : l.max };
}

function tableType(t: Wasm.TableType): R.TableType {
  return { elem: valType(t.element), ...limits(t) };
}

function memoryType(m: Wasm.MemoryType): R.MemoryType {
  return { ...limits(m), shared: m.shared, is64: m.is64 };
}

function globalType(g: Wasm.GlobalType): R.GlobalType {
  return { type: valType(g.type), mutable: g.mutable };
}

function int64(lo: number, hi: number): bigint {
  return (BigInt(hi) << 32n) | BigInt(lo >>> 0);
}

function constOp(op: number, lo: number, hi: number): R.ConstOp {
  switch (op) {
    case Op.I32_CONST:
      return { op: 'i32.const', value: lo };
    case Op.I64_CONST:
      return { op: 'i64.const', value: int64(lo, hi) };
    case Op.F32_CONST:
      return { op: 'f32.const', bits: lo >>> 0 };
    case Op.F64_CONST:
      return { op: 'f64.const', bits: BigInt.asUintN(64, int64(lo, hi)) };
    case Op.GLOBAL_GET:
      return { op: 'global.get', index: lo };
    case Op.REF_NULL:
      return { op: 'ref.null' };
    case Op.REF_FUNC:
      return { op: 'ref.func', index: lo };
    case Op.I32_ADD:
      return { op: 'i32.add' };
    case Op.I32_SUB:
      return { op: 'i32.sub' };
    case Op.I32_MUL:
      return { op: 'i32.mul' };
    case Op.I64_ADD:
      return { op: 'i64.add' };
    case Op.I64_SUB:
      return { op: 'i64.sub' };
    case Op.I64_MUL:
      return { op: 'i64.mul' };
    default:
      return bug('describe', `constant operator ${op}`);
  }
}

function constExpr(expr: Wasm.ConstExpr | null): R.ConstExpr {
  const ops: R.ConstOp[] = [];
  const code = expr?.code ?? [];
  for (let i = 0; i < code.length; i += 3) ops.push(constOp(code[i]!, code[i + 1]!, code[i + 2]!));
  return ops;
}

function importDesc(m: Wasm.ModuleInfo, i: Wasm.Import): R.ImportDesc {
  const { module, name, index } = i;
  switch (i.kind) {
    case Wasm.KIND_FUNC:
      return { module, name, kind: 'function', type: m.funcSignature(index) };
    case Wasm.KIND_TABLE:
      return { module, name, kind: 'table', type: tableType(m.tables[index]!) };
    case Wasm.KIND_MEMORY:
      return { module, name, kind: 'memory', type: memoryType(m.memories[index]!) };
    case Wasm.KIND_GLOBAL:
      return { module, name, kind: 'global', type: globalType(m.globals[index]!) };
    default:
      return bug('describe', `import of kind ${i.kind}`);
  }
}

const ELEMENT_MODES = ['passive', 'active', 'declared'] as const;

/** Null references among the elements have no function index: such segments are given as expressions. */
function elementSegment(e: Wasm.ElementSegment): R.ElementSegment {
  const head = {
    mode: ELEMENT_MODES[e.mode]!,
    table: e.table,
    offset: constExpr(e.offset),
    type: valType(e.type),
  };
  if (e.funcs === null) return { ...head, exprs: (e.exprs ?? []).map(constExpr) };
  if (!e.funcs.includes(Wasm.NULL_FUNC)) return { ...head, funcs: e.funcs };
  const reference = (index: number): R.ConstExpr =>
    index === Wasm.NULL_FUNC ? [{ op: 'ref.null' }] : [{ op: 'ref.func', index }];
  return { ...head, exprs: Array.from(e.funcs, reference) };
}

/** Ranges of the module, one after the other. */
function gather(
  bytes: Uint8Array,
  ranges: readonly { start: number; end: number }[],
): { all: Uint8Array; starts: number[] } {
  let size = 0;
  const starts = ranges.map((r) => (size += r.end - r.start) - (r.end - r.start));
  const all = new Uint8Array(size);
  ranges.forEach((r, i) => all.set(bytes.subarray(r.start, r.end), starts[i]));
  return { all, starts };
}

export interface Described {
  module: R.ModuleDescription;
  /** Bytes of the data segments and of the custom sections. */
  data: Uint8Array;
  customBytes: Uint8Array;
}

function isDebugSection(name: string): boolean {
  return name.startsWith('.debug_');
}

/**
 * Describes a module.
 *
 * @param funcRefs the defined functions that have a VMFuncRef, as the frontend laid them out
 */
export function describeModule(
  bytes: Uint8Array,
  m: Wasm.ModuleInfo,
  funcRefs: readonly number[],
  settings: { names: boolean; debugSections: boolean; explicitChecks: boolean },
): Described {
  const data = gather(bytes, m.data);
  const customs = m.customs.filter((c) => settings.debugSections || !isDebugSection(c.name));
  const custom = gather(bytes, customs);
  const names = settings.names ? readNames(bytes, m) : { module: '', functions: [] };
  const module: R.ModuleDescription = {
    types: m.signatures.map(funcType),
    imports: m.imports.map((i) => importDesc(m, i)),
    exports: m.exports.map((e) => ({
      name: e.name,
      kind: Wasm.KIND_NAMES[e.kind] as R.ExternKind,
      index: e.index,
    })),
    funcTypes: m.funcTypes.map((type) => m.canonical[type]!),
    tables: m.tables
      .slice(m.importedTables)
      .map((t) => (t.init ? { ...tableType(t), init: constExpr(t.init) } : tableType(t))),
    memories: m.memories.slice(m.importedMemories).map(memoryType),
    globals: m.globals
      .slice(m.importedGlobals)
      .map((g) => ({ ...globalType(g), init: constExpr(g.init) })),
    start: m.start < 0 ? undefined : m.start,
    elements: m.elements.map(elementSegment),
    data: m.data.map((d, i) => ({
      mode: d.mode === Wasm.SEGMENT_ACTIVE ? 'active' : 'passive',
      memory: d.memory,
      offset: constExpr(d.offset),
      start: data.starts[i]!,
      length: d.end - d.start,
    })),
    custom: customs.map((c, i) => ({
      name: c.name,
      start: custom.starts[i]!,
      length: c.end - c.start,
    })),
    moduleName: names.module,
    funcNames: [...names.functions].filter(([index]) => index < m.funcCount),
    funcRefs,
    codeStart: m.codeStart,
    explicitChecks: settings.explicitChecks,
  };
  return { module, data: data.all, customBytes: custom.all };
}

/** Which types need a trampoline: entry for functions JavaScript can call, exit for imported ones. */
export function trampolineTypes(module: R.ModuleDescription): {
  entry: Set<number>;
  exit: Set<number>;
} {
  const exit = new Set<number>();
  for (const i of module.imports) if (i.kind === 'function') exit.add(i.type as number);
  const entry = new Set(exit);
  for (const f of module.funcRefs) entry.add(module.funcTypes[f]!);
  return { entry, exit };
}
