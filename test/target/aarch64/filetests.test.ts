/**
 * Filetests of instruction selection: IR functions in filetests/*.ir, each followed by the machine code expected of it
 * as comments. ELFIN_BLESS=1 writes what is produced. A first line `; settings: signed returns, marked targets` switches
 * those on.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from '../../../src-ts/ir/parse.ts';
import { FunctionCompiler } from '../../../src-ts/target/aarch64/index.ts';
import { listing } from './disassemble.ts';

const dir = join(import.meta.dirname, 'filetests');
/** The file with the code of every function behind it. */
function produce(text: string): string {
  const compiler = new FunctionCompiler();
  const settings = {
    features: 0,
    preservesContext: true,
    quick: false,
    signsReturns: /^; settings:.*\bsigned returns\b/.test(text),
    marksTargets: /^; settings:.*\bmarked targets\b/.test(text),
  };
  const source = text
    .split('\n')
    .filter((line) => !line.startsWith(';;'))
    .join('\n');
  const parts = source.split(/(?<=^\}\n)/m);
  return parts
    .map((part) => {
      if (!part.includes('function')) return part;
      const record = compiler.compileFunction(parse(part)[0], settings);
      const code = listing(record, compiler.codeBytes);
      return `${part}${code.replace(/^/gm, ';; ')}\n`;
    })
    .join('');
}

for (const name of readdirSync(dir).filter((file) => file.endsWith('.ir'))) {
  it(name, () => {
    const path = join(dir, name);
    const text = readFileSync(path, 'utf8');
    const made = produce(text);
    if (process.env['ELFIN_BLESS'] === '1') writeFileSync(path, made);
    else expect(made).toBe(text);
  });
}
