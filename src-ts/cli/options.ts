/** Options that several commands share: what they look like, and what commander makes of them. */
import { InvalidArgumentError, Option } from 'commander';

/** As commander hands them over. */
export interface CompileFlags {
  /** `-O`; named by commander. */
  readonly O?: string;
  readonly target?: string;
  /** `host`, `baseline`, or features separated by commas. */
  readonly cpu?: string;
  readonly explicitChecks?: boolean;
  /** `-g`: debug information; named by commander. */
  readonly g?: boolean;
  readonly j?: number;
  /** Print what each pass took; compiles in one thread. */
  readonly timePasses?: boolean;
  /** NAME=VALUE, any row of `elfin settings`. */
  readonly set?: readonly string[];
}

/** Collects a repeatable option. */
export function collect(value: string, list: readonly string[] = []): string[] {
  return [...list, value];
}

function threadCount(text: string): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1 || n > 256) {
    throw new InvalidArgumentError('It must be a whole number from 1 to 256.');
  }
  return n;
}

/** The options every command that compiles has. */
export function compileOptions(): Option[] {
  return [
    new Option('-O <level>', 'how much to optimise').choices(['0', '1', '2', 's']),
    new Option('--explicit-checks', 'check every memory access in code instead of by guard pages'),
    new Option('-g', "debug information in the object, translated from the module's DWARF"),
    new Option(
      '--set <name=value>',
      'any other setting, see elfin settings (repeatable)',
    ).argParser(collect),
  ];
}

/** The options that make sense where the code is kept. */
export function machineOptions(): Option[] {
  return [
    new Option('--target <name>', 'machine and system to compile for'),
    new Option('--cpu <features>', "'host', 'baseline', or a list of CPU features: bmi2,popcnt"),
    new Option('-j <threads>', 'compile with this many threads').argParser(threadCount),
  ];
}
