/**
 * Filetests of inlining: every `*.wat` file here is compiled and the IR of its functions, as the frontend makes it, compared
 * with the comments at its end. The first line may hold settings: `;; {"optLevel": "s"}`. BLESS=1 rewrites the comments.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compile, type CompileOptions } from '../../src-ts/compiler/index.ts';
import { parseText } from '../../src-ts/tools/wat.ts';

const DIR = import.meta.dirname;
const EXPECTED = ';; expected:\n';

async function irOf(source: string): Promise<string> {
  const bytes = await parseText(source);
  const first = /^;; (\{.*\})$/m.exec(source);
  const settings = first === null ? {} : (JSON.parse(first[1]!) as CompileOptions);
  let text = '';
  compile(bytes, { ...settings, verify: true, dump: ['ir'] }, undefined, (_stage, _index, ir) => {
    text += ir;
  });
  return text;
}

test.each(readdirSync(DIR).filter((n) => n.endsWith('.wat')))('%s', async (name) => {
  const path = join(DIR, name);
  const [source = ''] = readFileSync(path, 'utf8').split(EXPECTED);
  const found = (await irOf(source)).trimEnd().replace(/^/gm, ';; ');
  if (process.env['BLESS'] === '1') writeFileSync(path, `${source}${EXPECTED}${found}\n`);
  else expect(`${source}${EXPECTED}${found}\n`).toBe(readFileSync(path, 'utf8'));
});
