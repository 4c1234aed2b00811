/** WebAssembly.Memory (JavaScript API § 5.3). The ArrayBuffer is made when first asked for: it costs milliseconds at gigabytes. */
import { WASM_PAGE } from '../gen/abi.ts';
import type { MemoryType } from '../object/records.ts';
import type { NativeMemory } from './native.ts';
import { thread } from './thread.ts';
import { defineInterface, needArguments, toDictionary, toU32 } from './webidl.ts';

/** Largest number of pages of a 32-bit memory. */
export const MAX_PAGES = 65536;

const SECRET = Symbol('memory');

/** Memories with an ArrayBuffer that JavaScript may hold, looked at when some memory grew in Wasm. */
const withBuffer = new Set<WeakRef<Memory>>();
const dead = new FinalizationRegistry<WeakRef<Memory>>((ref) => withBuffer.delete(ref));

// Access to private state for the rest of this room, set in the class's static block.
export let nativeOf: (memory: Memory) => NativeMemory;
export let isMemory: (value: unknown) => value is Memory;
export let maximumOf: (memory: Memory) => number | undefined;
/** The Memory object of a native memory that an instance defined. */
export let wrap: (native: NativeMemory, maximum: number | undefined) => Memory;
let refresh: (memory: Memory) => void;

export class Memory {
  #native!: NativeMemory;
  #maximum: number | undefined;
  #buffer: ArrayBuffer | undefined;
  #bufferBytes = -1;
  #registered = false;

  constructor(descriptor: unknown) {
    if (descriptor === SECRET) return;
    needArguments(arguments.length, 1, 'WebAssembly.Memory()');
    if (
      (typeof descriptor !== 'object' && typeof descriptor !== 'function') ||
      descriptor === null
    ) {
      throw new TypeError('WebAssembly.Memory(): the descriptor must be an object');
    }
    const { min, max } = readLimits(descriptor, 'WebAssembly.Memory()');
    const shared = Boolean((descriptor as { shared?: unknown }).shared);
    if (shared)
      throw new TypeError(
        'WebAssembly.Memory(): shared memories need the threads proposal, which is not supported',
      );
    if (min > MAX_PAGES)
      throw new RangeError(
        `WebAssembly.Memory(): initial is ${min} pages, at most ${MAX_PAGES} are possible`,
      );
    if (max !== undefined && max > MAX_PAGES)
      throw new RangeError(
        `WebAssembly.Memory(): maximum is ${max} pages, at most ${MAX_PAGES} are possible`,
      );
    if (max !== undefined && max < min)
      throw new RangeError('WebAssembly.Memory(): maximum is below initial');
    const native = allocateMemory({ min, max, shared: false, is64: false }, true);
    this.#native = native;
    this.#maximum = max;
  }

  static {
    nativeOf = (memory) => memory.#native;
    isMemory = (value): value is Memory =>
      typeof value === 'object' && value !== null && #native in value;
    maximumOf = (memory) => memory.#maximum;
    wrap = (native, maximum) => {
      const memory = new Memory(SECRET);
      memory.#native = native;
      memory.#maximum = maximum;
      return memory;
    };
    refresh = (memory) => {
      if (memory.#buffer !== undefined && memory.#native.bytes() !== memory.#bufferBytes)
        memory.#detach();
    };
  }

  #register(): void {
    this.#registered = true;
    const ref = new WeakRef(this as Memory);
    withBuffer.add(ref);
    dead.register(this, ref);
  }

  #detach(): void {
    const buffer = this.#buffer;
    this.#buffer = undefined;
    if (buffer !== undefined) thread().native.detach(buffer);
  }

  grow(delta: unknown): number {
    const native = this.#native;
    needArguments(arguments.length, 1, 'WebAssembly.Memory.grow()');
    const pages = toU32(delta, 'WebAssembly.Memory.grow(): the number of pages');
    const old = native.grow(pages);
    if (old < 0) throw new RangeError(`WebAssembly.Memory.grow(): cannot grow by ${pages} pages`);
    this.#detach();
    return old;
  }

  get buffer(): ArrayBuffer {
    const native = this.#native;
    // A zero length where there are bytes: JavaScript has transferred the buffer away.
    if (this.#buffer === undefined || (this.#buffer.byteLength === 0 && native.bytes() !== 0)) {
      this.#bufferBytes = native.bytes();
      this.#buffer = native.buffer();
      if (!this.#registered) this.#register();
    }
    return this.#buffer;
  }
}

defineInterface(Memory, 'WebAssembly.Memory');

/** Detaches the ArrayBuffers of memories that have grown. */
export function refreshGrownMemories(): void {
  for (const ref of withBuffer) {
    const memory = ref.deref();
    if (memory) refresh(memory);
  }
}

/**
 * A native memory; guard pages where wanted and possible, explicit checks otherwise.
 * Throws RangeError when there is no memory for it.
 */
export function allocateMemory(type: MemoryType, guarded: boolean): NativeMemory {
  const max = Math.min(type.max ?? MAX_PAGES, MAX_PAGES);
  const { native } = thread();
  const memory =
    (guarded ? native.createMemory(type.min, max, true) : null) ??
    native.createMemory(type.min, max, false);
  if (!memory)
    throw new RangeError(`WebAssembly.Memory: cannot allocate ${type.min * WASM_PAGE} bytes`);
  return memory;
}

/** `initial` and `maximum` of a descriptor, read in Web IDL's (lexicographic) order. Throws TypeError. */
export function readLimits(
  descriptor: unknown,
  what: string,
): { min: number; max: number | undefined } {
  const dict = toDictionary(descriptor, `${what}: the descriptor`);
  const initial = dict['initial'];
  if (initial === undefined) throw new TypeError(`${what}: the descriptor must have 'initial'`);
  const min = toU32(initial, `${what}: initial`);
  const maximum = dict['maximum'];
  const max = maximum === undefined ? undefined : toU32(maximum, `${what}: maximum`);
  return { min, max };
}
