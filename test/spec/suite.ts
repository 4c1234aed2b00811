/** The scripts of the official suite that are in scope. */
import { readdirSync } from 'node:fs';
import { fileOutOfScope } from '../../src-ts/tools/wast/suite.ts';

/** Their names relative to the suite's folder, in order. */
export function scriptsIn(suite: string): string[] {
  const names = readdirSync(suite, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.wast') && fileOutOfScope(name) === null).sort();
}
