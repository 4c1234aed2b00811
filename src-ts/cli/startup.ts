/**
 * Start-up of a process that compiles one module and ends. V8 keeps the bytecode of what it has compiled between runs where
 * it can (Node 22.1 and later; where NODE_COMPILE_CACHE says, else in the user's own cache folder, which nobody else writes;
 * not when NODE_DISABLE_COMPILE_CACHE is set). And it optimises later than by default: its defaults suit long-lived processes, here
 * more time goes into optimising the compiler than is won. Nothing of this is done to the process of a library's user.
 */
import module from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';

/** By V8's major version, below which a row holds; measured with Node 20 and 24. */
const LATER: readonly (readonly [below: number, flag: string])[] = [
  [12, '--interrupt-budget=540672'],
  [13, ''],
  [Infinity, '--invocation-count-for-turbofan=30000'],
];

/** Prepares this process for compiling a module once. To be called before the compiler is loaded. */
export function startForOneModule(): void {
  const { enableCompileCache } = module as { enableCompileCache?: (folder: string) => unknown };
  const { NODE_COMPILE_CACHE, XDG_CACHE_HOME } = process.env;
  const own = join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'elfin');
  enableCompileCache?.(NODE_COMPILE_CACHE || own);
  const version = Number.parseInt(process.versions.v8, 10);
  const flag = LATER.find(([below]) => version < below)![1];
  if (flag !== '') setFlagsFromString(flag);
}
