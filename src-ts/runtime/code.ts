/** A compiled object in this process: mapped, checked, made executable, known to traces. */
import { basename } from 'node:path';
import { gatherSections, SourceLookup, type SourceFrame } from '../dwarf/index.ts';
import { FUNC_REF_SIZE } from '../gen/abi.ts';
import { checkHost } from '../object/engine.ts';
import { ObjectError } from '../object/error.ts';
import { readObject, type LoadedObject } from '../object/read.ts';
import type { FuncType, ModuleDescription } from '../object/records.ts';
import type { NativeCode } from './native.ts';
import { writeFuncRef } from './functions.ts';
import { mapImage, tellPerf } from './perf.ts';
import { thread } from './thread.ts';
import { audienceOf, BY_ENVIRONMENT, isOn, perfFiles, type RunSettings } from './tools.ts';
import { registerCode, type CodeMap, type WasmFrame } from './trace.ts';

/** Target of objects that this process can run. Throws ObjectError on other machines. */
export function hostTarget(): string {
  const arch =
    process.arch === 'x64' ? 'x86_64' : process.arch === 'arm64' ? 'aarch64' : process.arch;
  return `${arch}-${process.platform === 'win32' ? 'windows' : process.platform}`;
}

export class Code implements CodeMap {
  readonly object: LoadedObject;
  readonly module: ModuleDescription;
  /** The mapping that runs. */
  private readonly native: NativeCode;
  private funcRefPlaces: Int32Array | undefined;
  private template: Uint32Array | undefined;
  /** Name of the file the Wasm came from, where known. */
  wasmFile: string | undefined;
  private readonly objectFile: string | undefined;
  private readonly settings: RunSettings;
  private sources: SourceLookup | undefined;

  private constructor(native: NativeCode, settings: RunSettings, objectFile?: string) {
    const t = thread();
    this.settings = settings;
    this.objectFile = objectFile;
    this.native = native;
    this.object = readObject(native.bytes, t.native.checksum);
    checkHost(this.object.engine, hostTarget(), t.cpuFeatures);
    this.module = this.object.module;
    const { bytes, layout } = this.object;
    if (layout.textSize === 0) return; // a module without functions
    const files = perfFiles(settings);
    if (files === 'image') this.native = mapImage(t.native, this.object);
    t.native.activate(this.native, layout, audienceOf(settings), bytes);
    registerCode(this.native.textAddress, layout.textSize, this);
    tellPerf(files, t.native, this.object, this.native.textAddress);
  }

  /** Maps a file. Throws ObjectError when it is refused, or the file system's error. */
  static fromFile(path: string): Code {
    return new Code(thread().native.mapFile(path), BY_ENVIRONMENT, basename(path));
  }

  /** Copies an object's bytes into executable memory. Throws ObjectError when it is refused. */
  static fromBytes(bytes: Uint8Array, settings: RunSettings = BY_ENVIRONMENT): Code {
    if (bytes.length === 0) throw new ObjectError('found no bytes, expected an ELF object');
    return new Code(thread().native.mapBytes(bytes), settings);
  }

  /** The object's bytes; not to be written. */
  get bytes(): Uint8Array {
    return this.object.bytes;
  }

  get explicitChecks(): boolean {
    return this.module.explicitChecks;
  }

  /** Address of a defined function, by its index in the module. */
  functionAddress(index: number): number {
    return this.native.textAddress + this.object.textOffsetOf(index);
  }

  /** Addresses of the trampolines of a type. */
  entryAddress(type: number): number {
    return this.native.textAddress + this.object.entryOffset(type);
  }

  exitAddress(type: number): number {
    return this.native.textAddress + this.object.exitOffset(type);
  }

  /** Place in `bytes` of a data segment's contents, and their address. */
  dataOffset(start: number): number {
    return this.object.data.offset + start;
  }

  dataAddress(start: number): number {
    return this.native.textAddress - this.object.layout.textOffset + this.dataOffset(start);
  }

  /** Place of a defined function among the module's funcRefs. */
  funcRefPlace(index: number): number {
    if (!this.funcRefPlaces) {
      this.funcRefPlaces = new Int32Array(this.module.funcTypes.length).fill(-1);
      const { funcRefs } = this.module;
      for (let k = 0; k < funcRefs.length; k++) this.funcRefPlaces[funcRefs[k]!] = k;
    }
    const k = this.funcRefPlaces[index] ?? -1;
    if (k < 0) throw new ObjectError(`object has no reference for function ${index}`);
    return k;
  }

  /** The VMFuncRefs of an instance as words, all but the context: most of the work of wiring one, done once. */
  funcRefTemplate(): Uint32Array {
    if (this.template) return this.template;
    const { funcRefs, funcTypes, types } = this.module;
    const ids = types.map((type) => typeId(signatureKey(type)));
    const view = new DataView(new ArrayBuffer(funcRefs.length * FUNC_REF_SIZE));
    for (let k = 0; k < funcRefs.length; k++) {
      const index = funcRefs[k]!;
      const type = funcTypes[index]!;
      writeFuncRef(view, k * FUNC_REF_SIZE, {
        code: this.functionAddress(index),
        ctx: 0,
        typeId: ids[type]!,
        index,
        entry: this.entryAddress(type),
      });
    }
    return (this.template = new Uint32Array(view.buffer));
  }

  functionName(index: number): string | undefined {
    return this.object.names.get(index);
  }

  /** The Wasm file, else what the name section calls the module, else the object. */
  get fileName(): string | undefined {
    return this.wasmFile ?? (this.module.moduleName || this.objectFile);
  }

  sourceFramesAt(wasmOffset: number): SourceFrame[] {
    if (!isOn(this.settings.backtraceDetails, 'ELFIN_BACKTRACE_DETAILS')) return [];
    this.sources ??= new SourceLookup(gatherSections((name) => this.object.customView(name)));
    return this.sources.framesAt(wasmOffset - this.module.codeStart);
  }

  framesAt(textOffset: number, isCall: boolean): WasmFrame[] {
    const index = this.object.functionAt(isCall ? textOffset - 1 : textOffset);
    if (index < 0) return [];
    const trap = isCall ? undefined : this.object.traps.at(textOffset);
    const wasmOffset = trap ? trap.wasmOffset : this.object.wasmOffset(textOffset, isCall);
    return this.object.inlinedFrames(textOffset, isCall, { index, wasmOffset });
  }
}

/** Canonical text of a signature: equal for equal signatures of any module. */
export function signatureKey(type: FuncType): string {
  return `${String.fromCharCode(...type.params)}>${String.fromCharCode(...type.results)}`;
}

const typeIds = new Map<string, number>();

/** Engine-wide number of a signature, for the checks of indirect calls. */
export function typeId(key: string): number {
  let id = typeIds.get(key);
  if (id === undefined) typeIds.set(key, (id = typeIds.size));
  return id;
}
