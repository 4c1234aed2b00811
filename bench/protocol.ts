/** What the benchmark asks of an engine's process (one JSON argument) and what that answers (one JSON line). */

/** `elfin-checks` is Elfin with bounds checks in the code, where `elfin` has guard pages. */
export type EngineId = 'elfin' | 'elfin-checks' | 'wasmtime' | 'v8' | 'v8-default';
export type JobKind = 'prepare' | 'compile' | 'compile-all' | 'run' | 'calls';

export interface Job {
  readonly engine: EngineId;
  readonly kind: JobKind;
  /** Name, file and folder of the module; empty for `calls`. */
  readonly module: string;
  readonly wasm: string;
  readonly directory: string;
  /** Where `prepare` leaves the compiled object and `run` finds it (engines that compile ahead). */
  readonly object: string;
  /** Each run's output goes to `<scratch>/<i>.out` and `.err`. */
  readonly scratch: string;
  readonly iterations: number;
  readonly maxSeconds: number;
  /** Folder with Elfin's built library. */
  readonly dist: string;
}

/** All times in milliseconds (calls: nanoseconds), sizes in bytes, memory in kilobytes. */
export interface Answer {
  /** Of compile: fastest, in a warm process where the compiler is itself compiled while it runs. */
  compileMs?: number;
  compileCpuMs?: number;
  /** The first compile in the process. */
  compileColdMs?: number;
  /** High-water mark after the first compile, in a process that did nothing else. */
  peakRssKb?: number;
  objectBytes?: number;
  /** Deserialise from a file and instantiate: median and first. */
  loadMs?: number;
  loadFirstMs?: number;
  /** bench.start to bench.end, one per iteration. */
  runMs?: number[];
  exitCode?: number;
  jsToWasmNs?: number;
  wasmToJsNs?: number;
  /** The engine does not implement something the module needs. */
  unsupported?: string;
}

export interface Result {
  readonly job: Job;
  readonly answer: Answer | null;
  /** Why there is no answer, or which output was wrong. */
  readonly error: string | null;
}
