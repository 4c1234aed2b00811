/**
 * The compiler's settings: one row each. A row makes the setting's type, its check, its help text, and through its class
 * what else follows: 'code' settings are recorded in the object and belong to a cache's key, 'compile' settings change
 * how compiling goes but never the bytes, 'run' settings what modules of an engine do when they run.
 */

/** What can be compiled for. */
const TARGETS = ['x86_64-linux', 'aarch64-linux', 'x86_64-windows', 'aarch64-windows'] as const;

/** The target that stands for this machine. */
export const HOST_TARGET: (typeof TARGETS)[number] =
  process.platform === 'win32'
    ? 'x86_64-windows'
    : process.arch === 'arm64'
      ? 'aarch64-linux'
      : 'x86_64-linux';

export type SettingClass = 'code' | 'compile' | 'run';

type Shape =
  | { kind: 'choice'; values: readonly (string | number)[]; default: string | number }
  | { kind: 'flag'; default: boolean }
  /** A whole number from `min` to `max`. */
  | { kind: 'number'; min: number; max: number; default: number }
  /** Names; undefined = not given. */
  | { kind: 'names'; default: readonly string[] | undefined }
  /** One of the words, or names. */
  | { kind: 'words or names'; values: readonly string[]; default: string };

export type SettingRow = Shape & {
  name: string;
  class: SettingClass;
  help: string;
  /** The targets that have it; all when not given. */
  targets?: readonly (typeof TARGETS)[number][];
};

export const SETTINGS = [
  {
    name: 'optLevel',
    kind: 'choice',
    values: [0, 1, 2, 's'],
    default: 2,
    class: 'code',
    help: 'how much to optimise: 0 least, 2 most, s for size',
  },
  {
    name: 'target',
    kind: 'choice',
    values: TARGETS,
    default: HOST_TARGET,
    class: 'code',
    help: 'machine and system to compile for',
  },
  {
    name: 'cpu',
    kind: 'words or names',
    values: ['host', 'baseline'],
    default: 'host',
    class: 'code',
    help: 'CPU features the code may use: those of this machine (for another target none), none beyond the baseline, or a list',
  },
  {
    name: 'hostFeatures',
    kind: 'names',
    default: undefined,
    class: 'compile',
    help: "what cpu 'host' stands for; asked of the operating system when not given",
  },
  {
    name: 'inline',
    kind: 'flag',
    default: true,
    class: 'code',
    help: 'translate small and once-called functions in place of calls of them',
  },
  {
    name: 'explicitChecks',
    kind: 'flag',
    default: false,
    class: 'code',
    help: 'check every memory access in code instead of by guard pages',
  },
  {
    name: 'leafFrames',
    kind: 'flag',
    default: false,
    class: 'code',
    help: 'give functions that call nothing a frame, too: for profilers that go by frame pointers alone',
  },
  {
    name: 'pointerAuth',
    kind: 'choice',
    values: ['off', 'ret'],
    default: 'off',
    class: 'code',
    targets: ['aarch64-linux'],
    help: 'sign return addresses while they are in memory (PAC, key A); does nothing on CPUs without it',
  },
  {
    name: 'branchTargets',
    kind: 'flag',
    default: false,
    class: 'code',
    targets: ['aarch64-linux'],
    help: 'mark where indirect branches may go and let the CPU enforce it (BTI); does nothing on CPUs without it',
  },
  {
    name: 'names',
    kind: 'flag',
    default: true,
    class: 'code',
    help: "keep the name section's function names for traces and debuggers",
  },
  {
    name: 'debugSections',
    kind: 'flag',
    default: true,
    class: 'code',
    help: "keep the module's DWARF (its .debug_ sections) for traces with source lines",
  },
  {
    name: 'addressMap',
    kind: 'flag',
    default: true,
    class: 'code',
    help: 'record which Wasm byte each instruction comes from, for traces',
  },
  {
    name: 'debugInfo',
    kind: 'flag',
    default: false,
    class: 'code',
    help: "DWARF for debuggers, translated from the module's own; keeps the address map; no code is copied: switches off inlining and jump threading; every function has a frame",
  },
  {
    name: 'backtraceDetails',
    kind: 'choice',
    values: ['environment', 'on', 'off'],
    default: 'environment',
    class: 'run',
    help: 'source lines and inlined functions in traces; environment: unless ELFIN_BACKTRACE_DETAILS is 0',
  },
  {
    name: 'nativeUnwind',
    kind: 'choice',
    values: ['environment', 'on', 'off'],
    default: 'environment',
    class: 'run',
    help: "tell the process's unwinder of compiled code, for C++ exceptions and backtrace(3); environment: unless ELFIN_NATIVE_UNWIND is 0",
  },
  {
    name: 'gdbJit',
    kind: 'choice',
    values: ['environment', 'on', 'off'],
    default: 'environment',
    class: 'run',
    help: 'tell gdb of compiled code; environment: if ELFIN_GDB_JIT is 1',
  },
  {
    name: 'perf',
    kind: 'choice',
    values: ['environment', 'off', 'map', 'jitdump', 'image'],
    default: 'environment',
    class: 'run',
    help: 'tell perf of compiled code: by /tmp/perf-PID.map, by jit-PID.dump in the current folder for perf inject --jit, or by running it from elfin-PID-N.so in the current folder, which has what --call-graph dwarf needs; environment: what ELFIN_PERF says, else off',
  },
  {
    name: 'workers',
    kind: 'number',
    min: 0,
    max: 256,
    default: 0,
    class: 'compile',
    help: 'threads of an asynchronous compilation; 0: as many as pay off',
  },
  {
    name: 'verify',
    kind: 'flag',
    default: false,
    class: 'compile',
    help: 'check the IR after every pass, and the register allocation: for tests, slow',
  },
  {
    name: 'dump',
    kind: 'names',
    default: undefined,
    class: 'compile',
    help: 'stages whose text goes to the dump hook; compiles in one thread',
  },
  {
    name: 'optFirst',
    kind: 'number',
    min: 0,
    max: 0xffffffff,
    default: 0,
    class: 'code',
    help: 'bisecting: defined functions before this one are not optimised',
  },
  {
    name: 'optLast',
    kind: 'number',
    min: 0,
    max: 0xffffffff,
    default: 0xffffffff,
    class: 'code',
    help: 'bisecting: defined functions after this one are not optimised',
  },
  {
    name: 'optOff',
    kind: 'names',
    default: undefined,
    class: 'code',
    help: "passes and rules that are switched off; 'name*' stands for all that begin so",
  },
  {
    name: 'optOnly',
    kind: 'names',
    default: undefined,
    class: 'code',
    help: 'the only passes and rules that are on',
  },
  {
    name: 'optFuel',
    kind: 'number',
    min: -1,
    max: 0x7fffffff,
    default: -1,
    class: 'code',
    help: 'bisecting: optimisations stop after this many changes, -1: never; compiles in one thread',
  },
] as const satisfies readonly SettingRow[];

type ValueOf<R extends SettingRow> = R extends { kind: 'flag' }
  ? boolean
  : R extends { kind: 'number' }
    ? number
    : R extends { kind: 'names' }
      ? readonly string[] | undefined
      : R extends { kind: 'choice'; values: readonly (infer V)[] }
        ? V
        : R extends { values: readonly (infer V)[] }
          ? V | readonly string[]
          : never;

/** Every setting with its value. */
export type Settings = {
  readonly [R in (typeof SETTINGS)[number] as R['name']]: ValueOf<R>;
};

/** What callers give: any of the settings. */
export type CompileOptions = { readonly [K in keyof Settings]?: Settings[K] | undefined };

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((v) => typeof v === 'string');
}

/** Whether a value is one of the row's; `expected` says which those are. */
function accepts(row: SettingRow, value: unknown): boolean {
  switch (row.kind) {
    case 'flag':
      return typeof value === 'boolean';
    case 'number':
      return (
        Number.isInteger(value) && (value as number) >= row.min && (value as number) <= row.max
      );
    case 'names':
      return isNames(value);
    case 'choice':
      return row.values.includes(value as string | number);
    case 'words or names':
      return isNames(value) || row.values.includes(value as string);
  }
}

/** The values a row takes, in words. */
export function expected(row: SettingRow): string {
  switch (row.kind) {
    case 'flag':
      return 'true or false';
    case 'number':
      return `a whole number from ${row.min} to ${row.max}`;
    case 'names':
      return 'a list of names';
    case 'choice':
      return `one of ${row.values.join(', ')}`;
    case 'words or names':
      return `${row.values.join(', ')} or a list of names`;
  }
}

/**
 * Checks settings and fills in the defaults. What it returns is accepted again.
 *
 * @param call what the caller called, for messages
 * @throws TypeError for a key that is no setting, a value the setting does not take, or a setting the target does not have
 */
export function resolveSettings(input: CompileOptions = {}, call = 'elfin'): Settings {
  if (typeof input !== 'object' || input === null) {
    throw new TypeError(`${call}: settings must be an object`);
  }
  const rows: readonly SettingRow[] = SETTINGS;
  const given = input as Record<string, unknown>;
  for (const key of Object.keys(given)) {
    if (rows.some((row) => row.name === key)) continue;
    const near = rows.find((row) => row.name.toLowerCase() === key.toLowerCase());
    const hint = near === undefined ? `settings: ${rows.map((r) => r.name).join(', ')}` : near.name;
    throw new TypeError(`${call}: no setting '${key}' (${near ? 'meant ' : ''}${hint})`);
  }
  const settings: Record<string, unknown> = {};
  for (const row of rows) {
    const value = given[row.name];
    if (value !== undefined && !accepts(row, value)) {
      const found = typeof value === 'string' ? `'${value}'` : String(value);
      throw new TypeError(`${call}: setting '${row.name}' is ${found}, expected ${expected(row)}`);
    }
    settings[row.name] = value === undefined ? row.default : value;
  }
  checkTarget(rows, settings as Settings, call);
  return settings as Settings;
}

/** Throws TypeError for a setting, other than by default, that the target does not have. */
function checkTarget(rows: readonly SettingRow[], settings: Settings, call: string): void {
  for (const { name, targets, default: usual } of rows) {
    if (targets === undefined || targets.includes(settings.target)) continue;
    const value = settings[name as keyof Settings];
    if (value === usual) continue;
    const known = targets.join(', ');
    throw new TypeError(
      `${call}: setting '${name}' is ${String(value)}, but target '${settings.target}' has no such thing (only ${known})`,
    );
  }
}

/** The settings that affect code, as the object records them (target and CPU features have their own place there). */
export function codeSettings(settings: Settings): Record<string, string> {
  const text: Record<string, string> = {};
  for (const row of SETTINGS) {
    if (row.class !== 'code' || row.name === 'target' || row.name === 'cpu') continue;
    text[row.name] = String(settings[row.name] ?? '');
  }
  return text;
}
