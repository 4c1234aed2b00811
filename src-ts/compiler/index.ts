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

/** Compiles the trampolines and writes the object. */
function finish(
  bytes: Uint8Array,
  m: ModuleInfo,
  settings: Settings,
  session: Session,
  functions: CodeRecord[],
): Uint8Array {
  if (session.plan !== null) keepReachable(m, session.plan, session, functions);
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
  const input: ObjectInput = {
    target: settings.target,
    cpuFeatures: [...settings.cpu],
    settings: codeSettings(settings),
    properties:
      (settings.branchTargets ? PROPERTY_AARCH64_BTI : 0) |
      (settings.pointerAuth === 'ret' ? PROPERTY_AARCH64_PAC : 0),
    ...described,
    functions,
    entryTrampolines,
    exitTrampolines,
  };
  const debugInfo = settings.debugInfo ? debugInfoOf(bytes, m, settings, input) : undefined;
  if (settings.debugInfo) lap('debug information');
  const object = writeObject({ ...input, debugInfo });
  lap('object');
  return object;
}

/** Compiles every function in this thread. */
function compileHere(m: ModuleInfo, session: Session, progress?: Progress): CodeRecord[] {
  const out = new BatchWriter();
  const total = m.definedFuncs;
  for (let i = 0; i < total; i++) {
    out.add(i, session.compile(i));
    lap('records');
    progress?.(i + 1, total);
  }
  const records: CodeRecord[] = [];
  unpackBatch(out.take(), records);
  return records;
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
  return finish(bytes, m, settings, session, compileHere(m, session, progress));
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
  const session = new Session(shared, m, settings, plan, dump);
  const workers = workerCount(m, settings);
  if (workers === 0) {
    return finish(shared, m, settings, session, compileHere(m, session, progress));
  }
  const functions = await compileParallel({ bytes: shared, m, settings, plan }, workers, (done) =>
    progress?.(done, m.definedFuncs),
  );
  return finish(shared, m, settings, session, functions);
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
