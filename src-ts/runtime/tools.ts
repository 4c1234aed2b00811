/** Who in the process, and which tools, are told of compiled code: settings of class 'run', or the environment. */

/** Told or not; 'environment': what a variable says. */
export type Told = 'environment' | 'on' | 'off';

export type PerfFiles = 'off' | 'map' | 'jitdump' | 'image';
const PERF_FILES: readonly PerfFiles[] = ['off', 'map', 'jitdump', 'image'];

/** Settings that change what modules of an engine do when they run (compiler/settings.ts). */
export interface RunSettings {
  /** Whether traces show source lines; 'environment': unless ELFIN_BACKTRACE_DETAILS is 0. */
  readonly backtraceDetails: Told;
  readonly nativeUnwind: Told;
  readonly gdbJit: Told;
  readonly perf: PerfFiles | 'environment';
}

/** Everything by the environment. */
export const BY_ENVIRONMENT: RunSettings = {
  backtraceDetails: 'environment',
  nativeUnwind: 'environment',
  gdbJit: 'environment',
  perf: 'environment',
};

/** Bits of native `activate`: who is told. */
const AUDIENCE_UNWINDER = 1;
const AUDIENCE_DEBUGGER = 2;

/** A setting that is on unless its variable is 0. */
export function isOn(setting: Told, variable: string): boolean {
  return setting === 'environment' ? process.env[variable] !== '0' : setting === 'on';
}

/** The argument of native `activate`. */
export function audienceOf(settings: RunSettings): number {
  const { nativeUnwind, gdbJit } = settings;
  const debugger_ =
    gdbJit === 'environment' ? process.env['ELFIN_GDB_JIT'] === '1' : gdbJit === 'on';
  return (
    (isOn(nativeUnwind, 'ELFIN_NATIVE_UNWIND') ? AUDIENCE_UNWINDER : 0) |
    (debugger_ ? AUDIENCE_DEBUGGER : 0)
  );
}

/** Which files for perf are written. Throws TypeError for a variable that says something else. */
export function perfFiles({ perf }: RunSettings): PerfFiles {
  if (perf !== 'environment') return perf;
  const text = process.env['ELFIN_PERF'] ?? 'off';
  const files = PERF_FILES.find((name) => name === text);
  if (files !== undefined) return files;
  throw new TypeError(`ELFIN_PERF is '${text}', expected one of ${PERF_FILES.join(', ')}`);
}
