/** What compiled code and the object both must know about a module's instance context and signatures. */
import { ctxLayout, type CtxLayout } from '../gen/abi.ts';
import { T_REF } from '../gen/ir.ts';
import type { Signatures } from '../ir/func.ts';
import { isRef, type ModuleInfo } from '../wasm/types.ts';

/** IR type of a value type: the same number, and T_REF for every reference. */
export function irType(type: number): number {
  return isRef(type) ? T_REF : type;
}

/** The module's canonical signatures in IR types (Wasm parameters and results; the context is implied). */
export class ModuleSignatures implements Signatures {
  private readonly paramTypes: Uint8Array[];
  private readonly resultTypes: Uint8Array[];

  constructor(m: ModuleInfo) {
    this.paramTypes = m.signatures.map((s) => Uint8Array.from(s.params, irType));
    this.resultTypes = m.signatures.map((s) => Uint8Array.from(s.results, irType));
  }

  params(sig: number): Uint8Array {
    return this.paramTypes[sig]!;
  }

  results(sig: number): Uint8Array {
    return this.resultTypes[sig]!;
  }
}

/** Instance context of a module. */
export interface ModuleLayout {
  readonly ctx: CtxLayout;
  /** Defined functions that have a VMFuncRef in the context, by function index, ascending. */
  readonly funcRefs: readonly number[];
  /** Function index to its place in {@link funcRefs}, -1 for those without. */
  readonly funcRefSlot: Int32Array;
}

/**
 * Lays out the instance context; every function that can escape, and the start function (the runtime calls it through
 * one), gets a VMFuncRef.
 */
export function moduleLayout(m: ModuleInfo): ModuleLayout {
  const funcRefs: number[] = [];
  const funcRefSlot = new Int32Array(m.funcCount).fill(-1);
  for (let i = m.importedFuncs; i < m.funcCount; i++) {
    if (m.declared[i] === 1 || i === m.start) funcRefSlot[i] = funcRefs.push(i) - 1;
  }
  const ctx = ctxLayout({
    memories: m.memories.length,
    tables: m.tables.length,
    funcImports: m.importedFuncs,
    globalPtrs: m.importedGlobals,
    typeIds: m.signatures.length,
    globals: m.globals.length - m.importedGlobals,
    funcRefs: funcRefs.length,
  });
  return { ctx, funcRefs, funcRefSlot };
}
