// Writes every generated file. `--check` (used by the freshness test) compares instead of writing.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { generators } from './generators.ts';

/** Path (from the repository root) to text, for every generated file. */
export function generateAll(): Map<string, string> {
  const files = new Map<string, string>();
  for (const generate of generators) for (const [path, text] of generate()) files.set(path, text);
  return files;
}

if (process.argv[1]?.endsWith('gen.mjs')) {
  for (const [path, text] of generateAll()) {
    let old = '';
    try {
      old = readFileSync(path, 'utf8');
    } catch {
      mkdirSync(dirname(path), { recursive: true });
    }
    if (old === text) continue;
    writeFileSync(path, text);
    process.stdout.write(`wrote ${path}\n`);
  }
}
