/** Where the official suite is on this machine: WebAssembly/testsuite, not part of this repository. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileOutOfScope } from '../../src-ts/tools/wast/suite.ts';

const root = join(import.meta.dirname, '../..');

/** The suite's folder, or null: named by ELFIN_TESTSUITE, beside the repository, or fetched into .cache. */
export function findSuite(): string | null {
  const places = [
    process.env['ELFIN_TESTSUITE'],
    join(root, '../shared/testsuite'),
    join(root, '.cache/testsuite'),
  ];
  return places.find((place) => place !== undefined && existsSync(join(place, 'i32.wast'))) ?? null;
}

/** Names of its scripts that are in scope, relative to the folder, in order. */
export function scriptsIn(suite: string): string[] {
  const names = readdirSync(suite, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.wast') && fileOutOfScope(name) === null).sort();
}
