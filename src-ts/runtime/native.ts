import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The native addon as the runtime sees it: typed interface and loading. Addresses are JavaScript numbers (user-space
 * addresses are below 2^47). Nothing here throws but TypeError on misuse by the runtime itself and RangeError
 * where memory or address space is exhausted.
 *
 * Calls (hot path; no Node-API values cross):
 *   JS writes TRANSFER_CALLEE (a VMFuncRef address, two u32) and the argument slots, calls `enter()`, then reads TRANSFER_STATUS:
 *     STATUS_DONE  results are in the slots, the fiber is back in its pool
 *     STATUS_HOST  Wasm called host function TRANSFER_HOST_ID; arguments are in the slots; JS calls it, writes results into the
 *                  slots, writes TRANSFER_FIBER (as it was given) and calls `resume()`; or `abandon()` when the import threw
 *     STATUS_TRAP  TRANSFER_TRAP says which; `fiberFrames()` gives the program counters, then `abandon()` with TRANSFER_FIBER
 *   Before running JavaScript code again, FLAG_MEMORY_GREW in TRANSFER_FLAGS must be looked at and cleared.
 *   Nesting is free: a host function may call enter() again; it runs on another fiber.
 */
export interface NativeCode {
  /** Address of byte 0 of the object's .text. */
  readonly textAddress: number;
  /** The object's bytes outside .text may be read through this; .text may be read too (it is mapped readable). Never write. */
  readonly bytes: Uint8Array;
}

export interface CodeLayout {
  textOffset: number;
  textSize: number;
  /** Zero-terminated .eh_frame; size 0 registers nothing. */
  ehFrameOffset: number;
  ehFrameSize: number;
  /** .elfin.traps as written by object/traps.ts; searched by the signal handler without locks. */
  trapsOffset: number;
  trapsSize: number;
  /** Of objects for Windows, in place of .eh_frame; elsewhere not looked at. */
  pdataOffset?: number;
  pdataSize?: number;
  xdataOffset?: number;
  xdataSize?: number;
  /** 1: .text is mapped so that the CPU enforces marked branch targets, where it can. */
  branchTargets: number;
}

export interface NativeMemory {
  /** Address of its VMMemory. */
  readonly address: number;
  readonly guarded: boolean;
  /** Base address and current size in bytes. */
  base(): number;
  bytes(): number;
  /** Grows by a number of pages; returns the old size in pages, or -1. The base moves only when not guarded. */
  grow(deltaPages: number): number;
  /** An ArrayBuffer over the current contents. The previous one must have been detached by `detach`. */
  buffer(): ArrayBuffer;
}

export interface NativeTable {
  /** Address of its VMTable. */
  readonly address: number;
  length(): number;
  /** VMFuncRef address or externref handle of an entry (0 = null); index must be in range. */
  get(index: number): number;
  set(index: number, ref: number): void;
  /** Sets the entries from `index` on; all must be in range. */
  setAll(index: number, refs: Float64Array): void;
  /** Returns the old length, or -1. */
  grow(delta: number, ref: number): number;
}

export interface NativeInstance {
  /** Address of the context (ctx); `view` covers it. */
  readonly address: number;
  readonly view: DataView;
}

export interface Native {
  /** Sets up this thread (once per environment): signal stack, thread state; returns the transfer area and the address of Thread. */
  initThread(options: { stackBytes: number }): {
    transfer: ArrayBuffer;
    threadAddress: number;
    builtinsAddress: number;
  };
  enter(): void;
  resume(): void;
  abandon(): void;
  /**
   * Program counters of the trapped or suspended fiber in the transfer area, innermost first, at most `max`: where it
   * trapped, and return addresses.
   */
  fiberFrames(max: number): Float64Array;
  /** Conservative scan of this thread's suspended fibers: every 64-bit word whose upper half is EXTERNREF_TAG, lower half given back. */
  scanExternrefs(): Uint32Array;

  /** Maps a file (shared page cache, private) without making anything executable yet; throws on I/O errors. */
  mapFile(path: string): NativeCode;
  /** Copies bytes into fresh pages. */
  mapBytes(bytes: Uint8Array): NativeCode;
  /** Makes .text executable (W^X), registers unwind and trap tables. `audience`: bits of tools.ts, the unwinder when not given; `debugFile`: the object's bytes for a debugger, when they are not those of the mapping. Throws RangeError/Error when the layout is not inside the mapping or not page aligned. */
  activate(code: NativeCode, layout: CodeLayout, audience?: number, debugFile?: Uint8Array): void;
  /** Maps a page of a file executable, for good: how perf finds a jitdump. False when that is not possible. */
  mapForPerf(path: string): boolean;
  /** The 32-bit checksum of object/checksum.ts over bytes[start, end). */
  checksum(bytes: Uint8Array, start: number, end: number): number;
  /** Names of the features this CPU has, as in the settings table (sse4.1, popcnt, lzcnt, bmi1, bmi2, avx …). */
  cpuFeatures(): string[];

  /** A memory of so many pages; guarded reserves GUARD_RESERVATION and fails with null when there is no address space, so that the caller can fall back. */
  createMemory(minPages: number, maxPages: number, guarded: boolean): NativeMemory | null;
  createTable(kind: 'func' | 'ref', length: number, max: number, init: number): NativeTable;
  /** Zeroed context of so many bytes (16-byte aligned), freed when collected. */
  createInstance(bytes: number): NativeInstance;
  /** A zeroed block for VMFuncRef/VMHostFunc/VMSegment records and element arrays, freed when collected. */
  createBlock(bytes: number): { readonly address: number; readonly view: DataView };
  /** Copies bytes into memory at an absolute address inside [base, base + size) of a memory: bounds are the caller's. */
  copyIn(memory: NativeMemory, at: number, bytes: Uint8Array, start: number, length: number): void;
  /** Detaches an ArrayBuffer made by `NativeMemory.buffer`. */
  detach(buffer: ArrayBuffer): void;
}

const ADDON = join('build', 'Release', 'elfin.node');

let loaded: Native | undefined;

/** The addon under the nearest folder above this file that has one: the package's root, from src-ts/runtime and from dist. */
function addonPath(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  for (let folder = here; ; folder = dirname(folder)) {
    const path = join(folder, ADDON);
    if (existsSync(path)) return path;
    if (dirname(folder) === folder) break;
  }
  throw new Error(`elfin: the native addon (${ADDON}) is not built; run "npm rebuild elfin"`);
}

/** Loads the native addon, once per environment. Throws Error when it is not built or not for this platform. */
export function loadNative(): Native {
  loaded ??= createRequire(import.meta.url)(addonPath()) as Native;
  return loaded;
}
