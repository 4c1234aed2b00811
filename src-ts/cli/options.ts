/** Options that several commands share: what they look like and how they become compiler settings. */
import { InvalidArgumentError, Option } from 'commander';

/** As commander hands them over. */
export interface CompileFlags {
  readonly O?: string;
  readonly target?: string;
  readonly cpu?: string;
  readonly features?: string;
  readonly explicitChecks?: boolean;
  readonly j?: number;
}

/** Collects a repeatable option. */
export function collect(value: string, list: readonly string[]): string[] {
  return [...list, value];
}

function threadCount(text: string): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1 || n > 256) {
    throw new InvalidArgumentError('must be a whole number from 1 to 256');
  }
  return n;
}

export function optLevel(): Option {
  return new Option('-O <level>', 'optimisation level').choices(['0', '1', '2', 's']);
}

export function explicitChecks(): Option {
  return new Option(
    '--explicit-checks',
    'check every memory access in code instead of by guard pages',
  );
}

export function threads(): Option {
  return new Option('-j <threads>', 'compile with this many threads').argParser(threadCount);
}
