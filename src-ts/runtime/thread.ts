/**
 * State of this JavaScript thread: the native addon, the transfer area through which every call passes, and the driver
 * loop that runs host functions between stretches of Wasm (see native.ts for the protocol). Each worker has its own.
 */
import {
  FLAG_MEMORY_GREW,
  STATUS_DONE,
  STATUS_HOST,
  TRANSFER_CALLEE,
  TRANSFER_FIBER,
  TRANSFER_FLAGS,
  TRANSFER_HOST_ID,
  TRANSFER_SIZE,
  TRANSFER_STATUS,
  TRANSFER_TRAP,
} from '../gen/abi.ts';
import { loadNative, type Native } from './native.ts';
import { addWasmFrames, makeTrapError } from './trace.ts';

/** Index of the first slot in the 64-bit views; twice that in the 32-bit ones. */
export const SLOT0 = TRANSFER_SIZE >> 3;

/** Reads its arguments from the slots, calls the JavaScript function, writes its results. */
export type HostStub = () => void;

const DEFAULT_STACK_BYTES = 1 << 20;

/** Wasm frames that a trace shows at most. */
const MAX_FRAMES = 100;

/** How long a host function that was called stays strongly held. */
const HOT_MS = 1000;

export class Thread {
  readonly native: Native;
  readonly address: number;
  readonly builtinsAddress: number;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly i64: BigInt64Array;
  /**
   * Host functions by number. Weak, because a host function commonly refers to the instance that imports it, and that
   * would never die; `hot` spares the cost of looking through the weak reference, and is emptied a while after.
   */
  private readonly hosts: (WeakRef<HostStub> | undefined)[] = [];
  private readonly hot: (HostStub | undefined)[] = [];
  private cooling = false;
  private readonly freeHosts: number[] = [];
  /** The keepers of the calls under way, `depth` many. */
  private readonly active: (object | undefined)[] = [];
  private depth = 0;
  private readonly run: () => void;
  /** Features of this CPU. Asked once: the CPUID instruction takes tens of microseconds in a virtual machine. */
  readonly cpuFeatures: readonly string[];
  /** Called when a memory grew while Wasm ran. */
  onMemoryGrew: () => void = () => {};

  constructor(native: Native, stackBytes: number) {
    this.native = native;
    const { transfer, threadAddress, builtinsAddress } = native.initThread({ stackBytes });
    this.cpuFeatures = native.cpuFeatures();
    this.address = threadAddress;
    this.builtinsAddress = builtinsAddress;
    this.i32 = new Int32Array(transfer);
    this.f32 = new Float32Array(transfer);
    this.f64 = new Float64Array(transfer);
    this.i64 = new BigInt64Array(transfer);
    this.run = makeRun(this, this.hot);
  }

  /** Gives a host function a number for its VMHostFunc. The caller keeps the stub alive. */
  addHost(stub: HostStub): number {
    const id = this.freeHosts.pop() ?? this.hosts.length;
    this.hosts[id] = new WeakRef(stub);
    this.hot[id] = undefined;
    return id;
  }

  removeHost(id: number): void {
    this.hosts[id] = undefined;
    this.hot[id] = undefined;
    this.freeHosts.push(id);
  }

  /** The host function of a number, which is hot from now on. */
  warm(id: number): HostStub {
    const stub = this.hosts[id]!.deref()!;
    this.hot[id] = stub;
    if (!this.cooling) {
      this.cooling = true;
      setTimeout(() => {
        this.hot.fill(undefined);
        this.cooling = false;
      }, HOT_MS).unref();
    }
    return stub;
  }

  /**
   * Calls the function of a VMFuncRef (its address by {@link addressBits}) whose arguments are in the slots; returns when its
   * results are there.
   * Throws RuntimeError on a trap, and whatever a host function throws, unchanged.
   */
  call(callee: number, keeper: object): void {
    const i32 = this.i32;
    // As the bits of one double (a denormal number, which nothing changes on the way): native code reads the address
    // whole, and a read of two halves just written would wait for both stores to leave the core.
    this.f64[TRANSFER_CALLEE >> 3] = callee;
    this.native.enter();
    if ((i32[TRANSFER_STATUS >> 2]! | i32[TRANSFER_FLAGS >> 2]!) === STATUS_DONE) return;
    try {
      this.drive(keeper);
    } catch (e) {
      if (this.f64[TRANSFER_FIBER >> 3] !== 0) this.native.abandon();
      throw e;
    }
  }

  /**
   * Runs host functions and resumes Wasm until the call is done. `keeper` is the instance that was entered: nothing else
   * may refer to it any more, and its memory must outlive the call.
   *
   * When it throws and there still is a fiber in the transfer area, JavaScript's stack ended before the loop had it in
   * hand, and the caller must abandon it (native code that is called needs no room on that stack).
   */
  drive(keeper: object): void {
    const depth = this.depth;
    this.active[depth] = keeper;
    this.depth = depth + 1;
    try {
      this.run();
    } finally {
      // Not by pop(): there may be no room for a call.
      this.active[depth] = undefined;
      this.depth = depth;
    }
  }

  /** Throws the error of a trap just reported. */
  trap(): never {
    const code = this.i32[TRANSFER_TRAP >> 2]!;
    const frames = this.native.fiberFrames(MAX_FRAMES);
    // A call that got no stack at all has no fiber.
    if (this.f64[TRANSFER_FIBER >> 3] !== 0) this.native.abandon();
    throw makeTrapError(code, frames);
  }

  /** Gives up the fiber whose host function threw `error`. */
  unwind(error: unknown): void {
    try {
      addWasmFrames(error, this.native.fiberFrames(MAX_FRAMES), false);
    } catch {
      // No room on JavaScript's stack, or an error whose own accessors throw: it goes on as it is.
    }
    this.native.abandon();
  }

  /** Does what the flags ask for and clears them. */
  handleFlags(): void {
    const flags = this.i32[TRANSFER_FLAGS >> 2]!;
    if (flags & FLAG_MEMORY_GREW) this.onMemoryGrew();
    // Last: at the end of JavaScript's stack the work may have thrown, and is done by the next call then.
    this.i32[TRANSFER_FLAGS >> 2] = 0;
  }
}

/**
 * The loop of {@link Thread.drive}. Closures made once: what they capture are constants to the JavaScript compiler, which
 * then reads and writes the transfer area by its address. (It does not take a loop's own captures for constants when it
 * replaces the loop while it runs; those of a function it inlines it does.) Traces know these functions by their names.
 */
function makeRun(t: Thread, hot: (HostStub | undefined)[]): () => void {
  const { i32, f64 } = t;
  const { resume } = t.native;
  /** Serves one host call; false when the call is done. */
  const elfinStep = (): boolean => {
    if (i32[TRANSFER_FLAGS >> 2] !== 0) t.handleFlags();
    const status = i32[TRANSFER_STATUS >> 2];
    if (status !== STATUS_HOST) {
      if (status === STATUS_DONE) return false;
      t.trap();
    }
    const fiber = f64[TRANSFER_FIBER >> 3]!;
    try {
      const id = i32[TRANSFER_HOST_ID >> 2]!;
      (hot[id] ?? t.warm(id))();
    } catch (e) {
      f64[TRANSFER_FIBER >> 3] = fiber;
      t.unwind(e);
      throw e;
    }
    f64[TRANSFER_FIBER >> 3] = fiber;
    resume();
    return true;
  };
  return () => {
    while (elfinStep());
  };
}

const bits = new DataView(new ArrayBuffer(8));

/** The double whose bits are an address, as the transfer area passes addresses. */
export function addressBits(address: number): number {
  bits.setBigUint64(0, BigInt(address));
  return bits.getFloat64(0);
}

let current: Thread | undefined;

/** This thread's state, made at first use. Throws when the native addon cannot be loaded. */
export function thread(): Thread {
  current ??= new Thread(loadNative(), DEFAULT_STACK_BYTES);
  return current;
}
