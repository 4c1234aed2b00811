// Runs a module's exports in Node's engine and in the IR interpreter, with the same arguments in the same order.
import { decodeModule } from '../../src-ts/wasm/decode.ts';
import { SUPPORTED_FEATURES } from '../../src-ts/wasm/features.ts';
import {
  F32,
  F64,
  I64,
  KIND_FUNC,
  isRef,
  type FuncType,
  type ModuleInfo,
} from '../../src-ts/wasm/types.ts';
import { Interpreter, Trap } from './interpret.ts';

/** Node's own engine, as far as it is used here. */
interface Engine {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: Imports) => PeerInstance;
  Memory: new (type: { initial: number }) => { buffer: ArrayBuffer };
  RuntimeError: typeof Error;
  validate(bytes: Uint8Array): boolean;
}
type Imports = Record<string, Record<string, unknown>>;
interface PeerInstance {
  exports: Record<string, unknown>;
}
export const node = (globalThis as unknown as { WebAssembly: Engine }).WebAssembly;

const I32_ARGS = [0, 1, 2, 5, 10, -1, 0x7fffffff, -0x80000000, 0x12345678, 255];
const I64_ARGS = [0n, 1n, 3n, 7n, -1n, 1n << 63n, (1n << 63n) - 1n, 0x123456789abcdefn];
const FLOAT_ARGS = [0, -0, 1, -1.5, 2.5, 1e10, -1e300, Infinity, 4294967296, 0.3333333];
const view = new DataView(new ArrayBuffer(8));

type Value = number | bigint;

function toBits(x: Value, type: number): bigint {
  if (type === F32) view.setFloat32(0, x as number);
  else if (type === F64) view.setFloat64(0, x as number);
  else if (type === I64) return BigInt.asUintN(64, x as bigint);
  else return BigInt.asUintN(32, BigInt(x as number));
  return type === F32 ? BigInt(view.getUint32(0)) : view.getBigUint64(0);
}

/** A printable result: NaNs are all the same. */
function show(bits: bigint, type: number): string {
  if (type === F32) {
    view.setUint32(0, Number(bits));
    return Number.isNaN(view.getFloat32(0)) ? 'nan' : bits.toString(16);
  }
  view.setBigUint64(0, bits);
  return type === F64 && Number.isNaN(view.getFloat64(0)) ? 'nan' : bits.toString(16);
}

function argument(type: number, k: number): Value {
  if (type === I64) return I64_ARGS[k % I64_ARGS.length]!;
  if (type === F32) return Math.fround(FLOAT_ARGS[k % FLOAT_ARGS.length]!);
  if (type === F64) return FLOAT_ARGS[k % FLOAT_ARGS.length]!;
  return I32_ARGS[k % I32_ARGS.length]!;
}

const hasRef = (t: FuncType): boolean => [...t.params, ...t.results].some(isRef);

/** Why a module can not be compared, or null. */
export function unsuitable(m: ModuleInfo): string | null {
  if (m.imports.some((i) => i.kind !== KIND_FUNC)) return 'imports more than functions';
  if (m.imports.some((i) => hasRef(m.funcType(i.index)))) return 'references to the host';
  if (m.globals.some((g) => g.init!.code.length > 3 || g.init!.code[0] === 0x23))
    return 'constant expression';
  if (m.elements.some((e) => e.funcs === null)) return 'element expressions';
  if ([...m.elements, ...m.data].some((s) => s.offset !== null && s.offset.code.length > 3))
    return 'offset';
  if (m.start >= 0) return 'start function';
  if (m.memories.some((x) => x.min > 100)) return 'large memory';
  return m.tables.some((t) => t.min > 10000) ? 'large table' : null;
}

/** The message of a trap without the words V8 uses differently: only whether it trapped is compared. */
function outcome(run: () => string): string {
  try {
    return run();
  } catch (e) {
    if (e instanceof Trap) return e.message === 'steps' || e.message === 'depth' ? 'limit' : 'trap';
    if (e instanceof node.RuntimeError) return 'trap';
    if (e instanceof RangeError) return 'limit';
    throw e;
  }
}

/** Differences found, as text; empty when both agree. `calls` per export. */
export function compareWithNode(bytes: Uint8Array, explicit: boolean, calls: number): string[] {
  const m = decodeModule(bytes, SUPPORTED_FEATURES);
  const zero = (t: FuncType): bigint[] => Array.from(t.results, () => 0n);
  const host = m.imports.map((i) => (): bigint[] => zero(m.funcType(i.index)));
  const imports: Imports = {};
  for (const i of m.imports) {
    const results = m.funcType(i.index).results;
    const values = Array.from(results, (t): Value => (t === I64 ? 0n : 0));
    (imports[i.module] ??= {})[i.name] = (): unknown => (values.length > 1 ? values : values[0]);
  }
  let theirs: PeerInstance;
  try {
    theirs = new node.Instance(new node.Module(bytes), imports);
  } catch {
    return [];
  }
  const ours = new Interpreter(bytes, m, explicit, host);
  return compareCalls(m, ours, theirs, calls);
}

function compareCalls(
  m: ModuleInfo,
  ours: Interpreter,
  theirs: PeerInstance,
  calls: number,
): string[] {
  const differences: string[] = [];
  for (const e of m.exports) {
    if (e.kind !== KIND_FUNC || hasRef(m.funcType(e.index))) continue;
    const type = m.funcType(e.index);
    const n = type.params.length === 0 ? 1 : calls;
    for (let k = 0; k < n; k++) {
      const args = Array.from(type.params, (t, i) => argument(t, k + i * (k + 1)));
      const call = `${e.name}(${args.join()})`;
      // Ours first: it knows when something runs for too long.
      const a = outcome(() =>
        ours
          .invoke(
            e.name,
            args.map((x, i) => toBits(x, type.params[i]!)),
          )
          .map((b, i) => show(b, type.results[i]!))
          .join(),
      );
      if (a === 'limit') return differences;
      const b = outcome(() =>
        results((theirs.exports[e.name] as (...a: Value[]) => unknown)(...args), type),
      );
      if (b === 'limit') return differences;
      if (a !== b) differences.push(`${call}: ${a}, expected ${b}`);
    }
  }
  return differences.concat(compareMemory(m, ours, theirs));
}

function results(value: unknown, type: FuncType): string {
  const list =
    type.results.length > 1
      ? [...(value as Value[])]
      : type.results.length === 1
        ? [value as Value]
        : [];
  return list.map((x, i) => show(toBits(x, type.results[i]!), type.results[i]!)).join();
}

function compareMemory(m: ModuleInfo, ours: Interpreter, theirs: PeerInstance): string[] {
  const e = m.exports.find((x) => theirs.exports[x.name] instanceof node.Memory);
  if (e === undefined) return [];
  const memory = new Uint8Array((theirs.exports[e.name] as { buffer: ArrayBuffer }).buffer);
  return Buffer.compare(memory, ours.memory()) === 0 ? [] : ['memories differ'];
}
