/**
 * An instance behind its JavaScript object: the context block, what it refers to, and its functions as JavaScript sees them.
 * Building one is wiring: every field of the context is written here, at the offsets of isa/abi.
 */
import * as Abi from '../gen/abi.ts';
import type { FuncType, GlobalType, U32List, ValType } from '../object/records.ts';
import { CallCode } from './callables.ts';
import { signatureKey, typeId, type Code } from './code.ts';
import { evaluate, type ConstEnv } from './constexpr.ts';
import { addRoot, type HandleRoot } from './externref.ts';
import {
  funcOfRef,
  registerExported,
  registerFuncRefs,
  writeFuncRef,
  type FuncRefOwner,
} from './functions.ts';
import { GlobalState } from './global.ts';
import type { FuncImport, FuncTypeOwner, Imports } from './imports.ts';
import { nativeOf, type Memory } from './memory.ts';
import type { NativeInstance } from './native.ts';
import { TableState } from './table.ts';
import { addressBits, thread, type HostStub, type Thread } from './thread.ts';
import { EXTERNREF, F32, F64, FUNCREF, I32, I64, type Keeper } from './values.ts';
import { readRefCell, writeRefCell } from './pointers.ts';

/** A VMHostFunc and its VMFuncRef, one after the other. */
const HOST_RECORD = Abi.HOST_FUNC_SIZE + Abi.FUNC_REF_SIZE;

let callCode: CallCode | undefined;

const deadHosts = new FinalizationRegistry<number[]>((ids) => {
  for (const id of ids) thread().removeHost(id);
});

export class InstanceState implements Keeper, FuncRefOwner, FuncTypeOwner, ConstEnv, HandleRoot {
  readonly code: Code;
  readonly native: NativeInstance;
  readonly memories: Memory[];
  readonly tables: TableState[];
  readonly globals: GlobalState[] = [];
  private readonly t: Thread;
  private readonly layout: Abi.CtxLayout;
  private readonly view: DataView;
  private readonly owners = new Set<object>();
  private readonly functions: FuncImport[];
  private readonly hostBlock: { readonly address: number; readonly view: DataView } | undefined;
  private readonly stubs: HostStub[] = [];
  /** VMFuncRef of each imported host function, by function index. */
  private readonly hostRefs = new Map<number, number>();
  private readonly exported = new Map<number, (...args: unknown[]) => unknown>();
  private readonly keys: string[];
  /** References of passive externref segments, for marking. */
  private readonly heldRefs: number[] = [];

  /** Allocates and wires, with the memories given (imported ones first); runs nothing of the module. Throws RangeError when memory runs out. */
  constructor(code: Code, imports: Imports, memories: Memory[]) {
    const m = code.module;
    this.t = thread();
    callCode ??= new CallCode(this.t);
    this.code = code;
    this.keys = m.types.map(signatureKey);
    this.functions = imports.functions;
    const importedGlobals = imports.globals.length;
    this.layout = Abi.ctxLayout({
      memories: memories.length,
      tables: imports.tables.length + m.tables.length,
      funcImports: imports.functions.length,
      globalPtrs: importedGlobals,
      typeIds: m.types.length,
      globals: m.globals.length,
      funcRefs: m.funcRefs.length,
    });
    this.memories = memories;
    this.native = this.t.native.createInstance(this.layout.size);
    this.view = this.native.view;
    this.tables = imports.tables.slice();
    this.hostBlock = this.createHostBlock();
    this.writeHeader();
    this.writeMemories();
    this.writeFunctions();
    this.writeTypeIds();
    this.wireGlobals(imports.globals, m.globals);
    m.tables.forEach((type) => {
      const init = type.init ? Number(evaluate(type.init, this)) : 0;
      this.tables.push(new TableState(type, init));
    });
    this.writeTables();
    this.keepImports(imports);
  }

  keep(owner: object): void {
    this.owners.add(owner);
  }

  markHandles(mark: (index: number) => void): void {
    for (const ref of this.heldRefs) mark(ref % 0x1_0000_0000);
  }

  private pointer(at: number, address: number): void {
    writeRefCell(this.view, at, address);
  }

  private writeHeader(): void {
    this.pointer(Abi.CTX_THREAD, this.t.address);
    this.pointer(Abi.CTX_BUILTINS, this.t.builtinsAddress);
    this.pointer(Abi.CTX_INSTANCE, this.native.address);
  }

  private writeMemories(): void {
    this.memories.forEach((memory, i) => {
      const native = nativeOf(memory);
      const at = this.layout.memories + i * Abi.CTX_MEMORIES_STRIDE;
      this.pointer(at, native.address);
      this.pointer(at + 8, native.base());
    });
  }

  private writeTables(): void {
    this.tables.forEach((table, i) => {
      this.pointer(this.layout.tables + i * Abi.CTX_TABLES_STRIDE, table.native.address);
      if (table.type === FUNCREF) table.keep(this);
    });
  }

  private writeTypeIds(): void {
    this.keys.forEach((key, i) => {
      this.view.setUint32(this.layout.typeIds + i * Abi.CTX_TYPE_IDS_STRIDE, typeId(key), true);
    });
  }

  // ---- functions ----

  private createHostBlock(): InstanceState['hostBlock'] {
    const hosts = this.functions.filter((f) => !f.exported).length;
    if (hosts === 0) return undefined;
    const block = this.t.native.createBlock(hosts * HOST_RECORD);
    const ids: number[] = [];
    let at = 0;
    this.functions.forEach((f, i) => {
      if (f.exported) return;
      const type = this.code.module.funcTypes[i]!;
      const stub = callCode!.hostFactory(f.key, f.type)(f.callable, this);
      const id = this.t.addHost(stub);
      this.stubs.push(stub);
      ids.push(id);
      writeRefCell(block.view, at + Abi.HOST_FUNC_THREAD, this.t.address);
      block.view.setUint32(at + Abi.HOST_FUNC_HOST_ID, id, true);
      const code = this.code.exitAddress(type);
      writeRefCell(block.view, at + Abi.HOST_FUNC_HOST_CODE, code);
      writeFuncRef(block.view, at + Abi.HOST_FUNC_SIZE, {
        code,
        ctx: block.address + at,
        typeId: typeId(f.key),
        index: i,
        entry: this.code.entryAddress(type),
      });
      this.hostRefs.set(i, block.address + at + Abi.HOST_FUNC_SIZE);
      at += HOST_RECORD;
    });
    deadHosts.register(this, ids);
    registerFuncRefs(block.address, hosts * HOST_RECORD, this);
    return block;
  }

  private writeFunctions(): void {
    const { code, layout } = this;
    this.functions.forEach((f, i) => {
      const at = layout.funcImports + i * Abi.CTX_FUNC_IMPORTS_STRIDE;
      const ref = this.funcRef(i);
      const target = f.exported
        ? (f.exported.owner as InstanceState).readFuncRef(ref)
        : this.readFuncRef(ref);
      this.pointer(at, target.code);
      this.pointer(at + 8, target.ctx);
      this.pointer(at + 16, ref);
    });
    const template = code.funcRefTemplate();
    const at = this.view.byteOffset + layout.funcRefs;
    const words = new Uint32Array(this.view.buffer, at, template.length);
    words.set(template);
    const low = this.native.address % 0x1_0000_0000;
    const high = Math.floor(this.native.address / 0x1_0000_0000);
    for (let w = Abi.FUNC_REF_CTX >> 2; w < words.length; w += Abi.FUNC_REF_SIZE >> 2) {
      words[w] = low;
      words[w + 1] = high;
    }
    registerFuncRefs(this.native.address + layout.funcRefs, template.length * 4, this);
  }

  /** Fields of a VMFuncRef that this instance owns. */
  private readFuncRef(address: number): { code: number; ctx: number; index: number } {
    const inHost =
      this.hostBlock &&
      address >= this.hostBlock.address &&
      address < this.hostBlock.address + this.hostBlock.view.byteLength;
    const view = inHost ? this.hostBlock!.view : this.view;
    const at = address - (inHost ? this.hostBlock!.address : this.native.address);
    return {
      code: readRefCell(view, at + Abi.FUNC_REF_CODE),
      ctx: readRefCell(view, at + Abi.FUNC_REF_CTX),
      index: view.getUint32(at + Abi.FUNC_REF_INDEX, true),
    };
  }

  /** funcref value of a function by index (it must be imported or among the module's funcRefs). */
  funcRef(index: number): number {
    const imported = this.functions[index];
    if (imported) return imported.exported?.address ?? this.hostRefs.get(index)!;
    const k = this.code.funcRefPlace(index);
    return this.native.address + this.layout.funcRefs + k * Abi.FUNC_REF_SIZE;
  }

  /** funcref values of a list of functions. */
  funcRefList(indices: U32List): Float64Array {
    const refs = new Float64Array(indices.length);
    for (let i = 0; i < refs.length; i++) refs[i] = this.funcRef(indices[i]!);
    return refs;
  }

  signatureOf(address: number): string {
    return this.keys[this.code.module.funcTypes[this.readFuncRef(address).index]!]!;
  }

  functionAt(address: number): (...args: unknown[]) => unknown {
    const index = this.readFuncRef(address).index;
    let f = this.exported.get(index);
    if (!f) this.exported.set(index, (f = this.makeExported(address, index)));
    return f;
  }

  private makeExported(address: number, index: number): (...args: unknown[]) => unknown {
    const type = this.code.module.funcTypes[index]!;
    const factory = callCode!.exportFactory(
      this.keys[type]!,
      this.code.module.types[type] as FuncType,
    );
    const f = factory(addressBits(address), this);
    Object.defineProperty(f, 'name', { value: String(index), configurable: true });
    registerExported(f, address, this);
    return f;
  }

  /** The exported function with this index, whoever defined it. */
  exportedFunction(index: number): object {
    return funcOfRef(this.funcRef(index))!;
  }

  // ---- globals ----

  private wireGlobals(
    imported: GlobalState[],
    defined: (GlobalType & { init: unknown[] })[],
  ): void {
    imported.forEach((g, i) => {
      this.globals.push(g);
      this.pointer(this.layout.globalPtrs + i * Abi.CTX_GLOBAL_PTRS_STRIDE, g.address);
      if (g.type === FUNCREF) g.keep(this);
    });
    defined.forEach((g, i) => {
      const at = this.layout.globals + i * Abi.CTX_GLOBALS_STRIDE;
      const bits = evaluate(this.code.module.globals[i]!.init, this);
      writeBits(this.view, at, g.type, bits);
      this.globals.push(new GlobalState(g, this.view, at, this.native.address + at, this));
    });
  }

  globalBits(index: number): number | bigint {
    const g = this.globals[index]!;
    return readBits(g.view, g.at, g.type);
  }

  // ---- segments ----

  /** Points the context at a block of VMSegment records and gives it back. */
  createSegments(field: number, count: number): DataView | undefined {
    if (count === 0) return undefined;
    const block = this.t.native.createBlock(count * Abi.SEGMENT_SIZE);
    this.owners.add(block);
    this.pointer(field, block.address);
    return block.view;
  }

  /** A block of references for a passive element segment; returns its address. */
  createReferences(refs: Float64Array, type: ValType): number {
    if (refs.length === 0) return 0;
    const block = this.t.native.createBlock(refs.length * 8);
    this.owners.add(block);
    refs.forEach((ref, i) => writeRefCell(block.view, i * 8, ref));
    if (type === EXTERNREF && refs.some((r) => r !== 0)) {
      for (const ref of refs) if (ref !== 0) this.heldRefs.push(ref);
      addRoot(this);
    }
    return block.address;
  }

  private keepImports(imports: Imports): void {
    for (const f of imports.functions) {
      if (!f.exported) continue;
      this.keep(f.exported.owner);
      // Function references can travel both ways through such a call.
      const carriesRefs = f.type.params.includes(FUNCREF) || f.type.results.includes(FUNCREF);
      if (carriesRefs) (f.exported.owner as InstanceState).keep(this);
    }
  }
}

function writeBits(view: DataView, at: number, type: ValType, bits: number | bigint): void {
  if (type === I32 || type === F32) view.setUint32(at, Number(bits), true);
  else if (type === I64 || type === F64)
    view.setBigUint64(at, BigInt.asUintN(64, BigInt(bits)), true);
  else writeRefCell(view, at, Number(bits));
}

function readBits(view: DataView, at: number, type: ValType): number | bigint {
  if (type === I32) return view.getInt32(at, true);
  if (type === F32) return view.getUint32(at, true);
  if (type === I64) return view.getBigInt64(at, true);
  if (type === F64) return view.getBigUint64(at, true);
  return readRefCell(view, at);
}
