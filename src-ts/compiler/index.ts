/**
 * Wasm bytes and settings to an object: decode, then every function through the session's pipeline (in this thread or
 * on workers), then trampolines and the object file. Bytes out depend on the module and the 'code' settings alone.
 */
import { BatchWriter, unpackBatch } from '../object/batch.ts';
import { PROPERTY_AARCH64_BTI, PROPERTY_AARCH64_PAC } from '../object/properties.ts';
import type { CodeRecord, ObjectInput } from '../object/records.ts';
import { writeObject } from '../object/write.ts';
import { moduleLayout } from '../frontend/layout.ts';
import { CompileError } from '../util/errors.ts';
import { lap, stopwatch } from '../util/stopwatch.ts';
import { decodeModule } from '../wasm/decode.ts';
import { SUPPORTED_FEATURES } from '../wasm/features.ts';
import type { ModuleInfo } from '../wasm/types.ts';
import { cpuFeatures } from './cpu.ts';
import { debugInfoOf } from './debug/index.ts';
import { describeModule, trampolineTypes } from './describe.ts';
import { compileParallel, workerCount } from './parallel.ts';
import { keepReachable } from './reachable.ts';
import { inlinePlan, Session, type Dump } from './session.ts';
import { codeSettings, resolveSettings, type CompileOptions, type Settings } from './settings.ts';
import { validateFunctions } from './validate.ts';

export { setStopwatch, Stopwatch, type Stage } from '../util/stopwatch.ts';
export { DUMP_STAGES, type Dump } from './session.ts';
export {
  codeSettings,
  resolveSettings,
  SETTINGS,
  type CompileOptions,
  type Settings,
} from './settings.ts';
export { knownFeatures } from './cpu.ts';

/** Called with the number of functions compiled so far and the number of all. */
export type Progress = (done: number, total: number) => void;

/** Resolves what depends on this machine, so that every thread compiles alike. */
function prepare(options: CompileOptions | undefined, call: string): Settings {
  const settings = resolveSettings(options, call);
  return { ...settings, cpu: cpuFeatures(call, settings).names };
}

/** A module with what compiles it in this thread. */
interface Compilation {
  readonly bytes: Uint8Array;
  readonly m: ModuleInfo;
  readonly settings: Settings;
  readonly session: Session;
}

/** What an object holds beside its functions. */
type Surroundings = Omit<ObjectInput, 'functions' | 'debugInfo'>;

/** Describes the module and compiles the trampolines: needs no function's code. */
function surround({ bytes, m, settings, session }: Compilation): Surroundings {
  stopwatch()?.restart();
  const described = describeModule(bytes, m, moduleLayout(m).funcRefs, settings);
  const needed = trampolineTypes(described.module);
  const out = new BatchWriter();
  const trampolines = (types: Set<number>, make: (type: number) => CodeRecord) => {
    for (const type of [...types].sort((a, b) => a - b)) out.add(type, make(type));
    const records: CodeRecord[] = [];
    unpackBatch(out.take(), records);
    return records;
  };
  lap('description');
  const entryTrampolines = trampolines(needed.entry, (type) => session.entryTrampoline(type));
  const exitTrampolines = trampolines(needed.exit, (type) => session.exitTrampoline(type));
  lap('trampolines');
  return {
    target: settings.target,
    cpuFeatures: [...settings.cpu],
    settings: codeSettings(settings),
    properties:
      (settings.branchTargets ? PROPERTY_AARCH64_BTI : 0) |
      (settings.pointerAuth === 'ret' ? PROPERTY_AARCH64_PAC : 0),
    ...described,
    entryTrampolines,
    exitTrampolines,
  };
}

/** Leaves out the functions nobody needs and writes the object. */
function finish(
  { bytes, m, settings, session }: Compilation,
  functions: CodeRecord[],
  surroundings: Surroundings,
): Uint8Array {
  if (session.plan !== null) keepReachable(m, session.plan, session, functions);
  stopwatch()?.restart();
  const input: ObjectInput = { ...surroundings, functions };
  const debugInfo = settings.debugInfo ? debugInfoOf(bytes, m, settings, input) : undefined;
  if (settings.debugInfo) lap('debug information');
  const object = writeObject({ ...input, debugInfo });
  lap('object');
  return object;
}

/** Compiles everything in this thread. */
function compileHere(compilation: Compilation, progress?: Progress): Uint8Array {
  const { m, session } = compilation;
  const out = new BatchWriter();
  const total = m.definedFuncs;
  for (let i = 0; i < total; i++) {
    out.add(i, session.compile(i));
    lap('records');
    progress?.(i + 1, total);
  }
  const functions: CodeRecord[] = [];
  unpackBatch(out.take(), functions);
  return finish(compilation, functions, surround(compilation));
}

/**
 * Compiles a module in this thread.
 *
 * @param bytes the module; must not change meanwhile
 * @param dump gets the text of the stages that the setting `dump` names
 * @returns the bytes of an ELF object
 * @throws CompileError with the byte offset if the module is malformed, invalid or not supported; TypeError for wrong settings
 */
export function compile(
  bytes: Uint8Array,
  options?: CompileOptions,
  progress?: Progress,
  dump?: Dump,
): Uint8Array {
  const settings = prepare(options, 'elfin.compile()');
  stopwatch()?.restart(bytes.length);
  const m = decodeModule(bytes, SUPPORTED_FEATURES);
  lap('decode');
  const plan = inlinePlan(bytes, m, settings);
  lap('inline plan');
  const session = new Session(bytes, m, settings, plan, dump);
  return compileHere({ bytes, m, settings, session }, progress);
}

/**
 * Compiles a module on worker threads, which leaves this thread free; small modules are compiled here.
 * The bytes are copied at once. Same results and errors as {@link compile}.
 */
export async function compileAsync(
  bytes: Uint8Array,
  options?: CompileOptions,
  progress?: Progress,
  dump?: Dump,
): Promise<Uint8Array> {
  const settings = prepare(options, 'elfin.compileAsync()');
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  const m = decodeModule(shared, SUPPORTED_FEATURES);
  const plan = inlinePlan(shared, m, settings);
  const compilation = (): Compilation => ({
    bytes: shared,
    m,
    settings,
    session: new Session(shared, m, settings, plan, dump),
  });
  const workers = workerCount(m, settings);
  if (workers === 0) return compileHere(compilation(), progress);
  const job = { bytes: shared, m, settings, plan };
  const compiled = compileParallel(job, workers, (done) => progress?.(done, m.definedFuncs));
  // While the workers are at it.
  const surrounded = Promise.resolve().then(() => {
    const here = compilation();
    return { here, surroundings: surround(here) };
  });
  // An invalid function is reported first, as by compile().
  surrounded.catch(() => {});
  const functions = await compiled;
  const { here, surroundings } = await surrounded;
  return finish(here, functions, surroundings);
}

/** Whether the bytes are a valid module that Elfin supports. */
export function validate(bytes: Uint8Array): boolean {
  try {
    validateFunctions(bytes, decodeModule(bytes, SUPPORTED_FEATURES));
    return true;
  } catch (e) {
    if (e instanceof CompileError) return false;
    throw e;
  }
}
