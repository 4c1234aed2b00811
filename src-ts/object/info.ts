/**
 * .elfin.info: the module description.
 *
 *   u32 words                 number of u32 in the word part
 *   u32 [words]               the long lists (function types, function references, element segments), one after the other
 *   stream                    everything else in the order of the functions below: LEB128 numbers, strings (length, UTF-8),
 *                             lists (count, elements); a long list is only its count here
 *
 * Long lists are read as views, so that the cost of loading does not grow with the number of functions. Kinds and
 * constant operators are their position in the tables below. Names of functions have their own section.
 */
import { ByteReader, ByteWriter, u32View } from './bytes.ts';
import type * as R from './records.ts';

const KINDS: readonly R.ExternKind[] = ['function', 'table', 'memory', 'global'];
const MODES: readonly R.ElementSegment['mode'][] = ['active', 'passive', 'declared'];
const CONST_OPS: readonly R.ConstOp['op'][] = [
  ...(['i32.const', 'i64.const', 'f32.const', 'f64.const'] as const),
  ...(['global.get', 'ref.null', 'ref.func'] as const),
  ...(['i32.add', 'i32.sub', 'i32.mul', 'i64.add', 'i64.sub', 'i64.mul'] as const),
];

/** The description without what other sections hold. */
export type InfoPart = Omit<R.ModuleDescription, 'funcNames'>;

class InfoWriter extends ByteWriter {
  readonly words = new ByteWriter();

  list<T>(items: readonly T[], one: (w: InfoWriter, item: T) => void): void {
    this.uleb(items.length);
    for (const item of items) one(this, item);
  }

  longList(items: R.U32List): void {
    this.uleb(items.length);
    for (const n of items) this.words.u32(n);
  }

  /** A number that may be absent. */
  optional(n: number | undefined): void {
    this.uleb(n === undefined ? 0 : n + 1);
  }

  int64(n: bigint): void {
    this.u32(Number(BigInt.asIntN(32, n)));
    this.u32(Number(BigInt.asIntN(32, n >> 32n)));
  }
}

class InfoReader extends ByteReader {
  private wordAt = 0;

  constructor(
    bytes: Uint8Array,
    start: number,
    end: number,
    private readonly words: Uint32Array,
  ) {
    super(bytes, '.elfin.info', start, end);
  }

  list<T>(one: (r: InfoReader) => T): T[] {
    const items: T[] = [];
    for (let n = this.count(); n > 0; n--) items.push(one(this));
    return items;
  }

  longList(): Uint32Array {
    const n = this.uleb();
    if (n > this.words.length - this.wordAt) this.fail(`a list of ${n} words`, 'fewer');
    this.wordAt += n;
    return this.words.subarray(this.wordAt - n, this.wordAt);
  }

  optional(): number | undefined {
    const n = this.uleb();
    return n === 0 ? undefined : n - 1;
  }

  int64(): bigint {
    const lo = BigInt(this.u32());
    return BigInt.asIntN(64, (BigInt(this.u32()) << 32n) | lo);
  }

  flag(): boolean {
    return this.index(2, 'flag') === 1;
  }

  override done(): void {
    super.done();
    if (this.wordAt !== this.words.length) this.fail('words left over', 'none');
  }
}

/** Appends the section's contents. */
export function writeInfo(out: ByteWriter, m: InfoPart): void {
  const w = new InfoWriter();
  w.list(m.types, writeFuncType);
  w.list(m.imports, writeImport);
  w.longList(m.funcTypes);
  w.list(m.tables, (_, t) => {
    writeTable(w, t);
    writeOptionalExpr(w, t.init);
  });
  w.list(m.memories, writeMemory);
  w.list(m.globals, (_, g) => {
    writeGlobal(w, g);
    writeExpr(w, g.init);
  });
  w.list(m.exports, writeExport);
  w.optional(m.start);
  w.list(m.elements, writeElement);
  w.list(m.data, writeData);
  w.list(m.custom, writeCustom);
  w.string(m.moduleName);
  w.longList(m.funcRefs);
  w.uleb(m.codeStart);
  w.u8(m.explicitChecks ? 1 : 0);
  out.u32(w.words.pos / 4);
  out.append(w.words.view());
  out.append(w.view());
}

/** Decodes the section at bytes[start, start + size), which is inside `bytes`. Throws ObjectError. */
export function readInfo(bytes: Uint8Array, start: number, size: number): InfoPart {
  const head = new ByteReader(bytes, '.elfin.info', start, start + size);
  const words = head.u32();
  if (4 * words > size - 4) head.fail(`${words} words`, `at most ${size - 4} bytes`);
  const stream = start + 4 + 4 * words;
  const r = new InfoReader(bytes, stream, start + size, u32View(bytes, start + 4, words));
  const m: InfoPart = {
    types: r.list(readFuncType),
    imports: r.list(readImport),
    funcTypes: r.longList(),
    tables: r.list(readDefinedTable),
    memories: r.list(readMemory),
    globals: r.list(() => ({ ...readGlobal(r), init: readExpr(r) })),
    exports: r.list(readExport),
    start: r.optional(),
    elements: r.list(readElement),
    data: r.list(readData),
    custom: r.list(readCustom),
    moduleName: r.string(),
    funcRefs: r.longList(),
    codeStart: r.uleb(),
    explicitChecks: r.flag(),
  };
  r.done();
  return m;
}

function writeFuncType(w: InfoWriter, t: R.FuncType): void {
  w.list(t.params, (_, type) => w.u8(type));
  w.list(t.results, (_, type) => w.u8(type));
}

function readFuncType(r: InfoReader): R.FuncType {
  return { params: r.list(() => r.u8()), results: r.list(() => r.u8()) };
}

function writeLimits(w: InfoWriter, l: R.Limits): void {
  w.uleb(l.min);
  w.optional(l.max);
}

function writeTable(w: InfoWriter, t: R.TableType): void {
  w.u8(t.elem);
  writeLimits(w, t);
}

function readTable(r: InfoReader): R.TableType {
  return { elem: r.u8(), min: r.uleb(), max: r.optional() };
}

function readDefinedTable(r: InfoReader): R.ModuleDescription['tables'][number] {
  const table = readTable(r);
  const init = readOptionalExpr(r);
  return init === undefined ? table : { ...table, init };
}

function writeMemory(w: InfoWriter, m: R.MemoryType): void {
  w.u8((m.shared ? 1 : 0) | (m.is64 ? 2 : 0));
  writeLimits(w, m);
}

function readMemory(r: InfoReader): R.MemoryType {
  const flags = r.index(4, 'memory flags');
  return {
    shared: (flags & 1) !== 0,
    is64: (flags & 2) !== 0,
    min: r.uleb(),
    max: r.optional(),
  };
}

function writeGlobal(w: InfoWriter, g: R.GlobalType): void {
  w.u8(g.type);
  w.u8(g.mutable ? 1 : 0);
}

function readGlobal(r: InfoReader): R.GlobalType {
  return { type: r.u8(), mutable: r.flag() };
}

function writeImport(w: InfoWriter, i: R.ImportDesc): void {
  w.string(i.module);
  w.string(i.name);
  w.u8(KINDS.indexOf(i.kind));
  if (typeof i.type === 'number') w.uleb(i.type);
  else if ('elem' in i.type) writeTable(w, i.type);
  else if ('shared' in i.type) writeMemory(w, i.type);
  else writeGlobal(w, i.type);
}

function readImport(r: InfoReader): R.ImportDesc {
  const module = r.string();
  const name = r.string();
  const kind = KINDS[r.index(KINDS.length, 'import kind')]!;
  switch (kind) {
    case 'function':
      return { module, name, kind, type: r.uleb() };
    case 'table':
      return { module, name, kind, type: readTable(r) };
    case 'memory':
      return { module, name, kind, type: readMemory(r) };
    case 'global':
      return { module, name, kind, type: readGlobal(r) };
  }
}

function writeExport(w: InfoWriter, e: R.ExportDesc): void {
  w.string(e.name);
  w.u8(KINDS.indexOf(e.kind));
  w.uleb(e.index);
}

function readExport(r: InfoReader): R.ExportDesc {
  const name = r.string();
  return { name, kind: KINDS[r.index(KINDS.length, 'export kind')]!, index: r.uleb() };
}

function writeConstOp(w: InfoWriter, c: R.ConstOp): void {
  w.u8(CONST_OPS.indexOf(c.op));
  if (c.op === 'i32.const') w.sleb(c.value);
  else if (c.op === 'i64.const') w.int64(c.value);
  else if (c.op === 'f32.const') w.u32(c.bits);
  else if (c.op === 'f64.const') w.int64(c.bits);
  else if (c.op === 'global.get' || c.op === 'ref.func') w.uleb(c.index);
}

function readConstOp(r: InfoReader): R.ConstOp {
  const op = CONST_OPS[r.index(CONST_OPS.length, 'constant operator')]!;
  switch (op) {
    case 'i32.const':
      return { op, value: r.sleb() };
    case 'i64.const':
      return { op, value: r.int64() };
    case 'f32.const':
      return { op, bits: r.u32() };
    case 'f64.const':
      return { op, bits: BigInt.asUintN(64, r.int64()) };
    case 'global.get':
    case 'ref.func':
      return { op, index: r.uleb() };
    default:
      return { op };
  }
}

function writeExpr(w: InfoWriter, expr: R.ConstExpr): void {
  w.list(expr, writeConstOp);
}

function readExpr(r: InfoReader): R.ConstExpr {
  return r.list(readConstOp);
}

function writeOptionalExpr(w: InfoWriter, expr: R.ConstExpr | undefined): void {
  w.u8(expr === undefined ? 0 : 1);
  if (expr !== undefined) writeExpr(w, expr);
}

function readOptionalExpr(r: InfoReader): R.ConstExpr | undefined {
  return r.flag() ? readExpr(r) : undefined;
}

function writeElement(w: InfoWriter, e: R.ElementSegment): void {
  w.u8(MODES.indexOf(e.mode));
  w.uleb(e.table);
  writeExpr(w, e.offset);
  w.u8(e.type);
  w.u8(e.funcs !== undefined ? 1 : 0);
  if (e.funcs !== undefined) w.longList(e.funcs);
  else w.list(e.exprs ?? [], writeExpr);
}

function readElement(r: InfoReader): R.ElementSegment {
  const mode = MODES[r.index(MODES.length, 'segment mode')]!;
  const head = { mode, table: r.uleb(), offset: readExpr(r), type: r.u8() };
  return r.flag() ? { ...head, funcs: r.longList() } : { ...head, exprs: r.list(readExpr) };
}

function writeData(w: InfoWriter, d: R.DataSegment): void {
  w.u8(d.mode === 'active' ? 0 : 1);
  w.uleb(d.memory);
  writeExpr(w, d.offset);
  w.uleb(d.start);
  w.uleb(d.length);
}

function readData(r: InfoReader): R.DataSegment {
  const mode = r.flag() ? 'passive' : 'active';
  return { mode, memory: r.uleb(), offset: readExpr(r), start: r.uleb(), length: r.uleb() };
}

function writeCustom(w: InfoWriter, c: R.ModuleDescription['custom'][number]): void {
  w.string(c.name);
  w.uleb(c.start);
  w.uleb(c.length);
}

function readCustom(r: InfoReader): R.ModuleDescription['custom'][number] {
  return { name: r.string(), start: r.uleb(), length: r.uleb() };
}
