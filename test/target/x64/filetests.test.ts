/**
 * Filetests of instruction selection: IR functions in filetests/*.ir, each followed by the machine code expected of it
 * as comments. First line: `; features: NAME…` (none: baseline). ELFIN_BLESS=1 writes what is produced.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as X from '../../../src-ts/gen/x64.ts';
import { parse } from '../../../src-ts/ir/parse.ts';
import { FunctionCompiler } from '../../../src-ts/target/x64/index.ts';
import { listing } from './disassemble.ts';

const dir = join(import.meta.dirname, 'filetests');
const features: Record<string, number> = {
  sse4_1: X.FEATURE_SSE4_1,
  popcnt: X.FEATURE_POPCNT,
  lzcnt: X.FEATURE_LZCNT,
  bmi1: X.FEATURE_BMI1,
  bmi2: X.FEATURE_BMI2,
  avx: X.FEATURE_AVX,
};

function bits(line: string): number {
  const names = /^; features:(.*)$/.exec(line)?.[1].trim() ?? '';
  return names
    .split(/\s+/)
    .filter((name) => name !== '')
    .reduce((set, name) => set | (1 << features[name]), 0);
}

/** The file with the code of every function behind it. */
function produce(text: string): string {
  const compiler = new FunctionCompiler();
  const settings = { features: bits(text.split('\n')[0]), preservesContext: true, quick: false };
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
