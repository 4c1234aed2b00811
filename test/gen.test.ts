// The generated files are checked in; they must be what the tables say.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { generateAll } from '../isa/gen/main.ts';

const root = new URL('../', import.meta.url);

describe('generated files are fresh (run `npm run gen`)', () => {
  it.each([...generateAll()])('%s', (path, text) => {
    // A boolean, so that a stale file does not print a diff of thousands of lines.
    expect(readFileSync(new URL(path, root), 'utf8') === text).toBe(true);
  });
});
