/**
 * Filetests of instruction selection: IR functions in TARGET/filetests/*.ir, each followed by the machine code expected
 * of it as comments. A first line `; features: NAME…` (none: baseline) or `; settings: signed returns, marked targets`
 * switches those on. ELFIN_BLESS=1 writes what is produced.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as X from '../../src-ts/gen/x64.ts';
import { parse } from '../../src-ts/ir/parse.ts';
import { FunctionCompiler as A64Compiler } from '../../src-ts/target/aarch64/index.ts';
import { FunctionCompiler as X64Compiler } from '../../src-ts/target/x64/index.ts';
import { listing, type Target } from './disassemble.ts';

const COMPILERS = { x64: X64Compiler, aarch64: A64Compiler };

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
function produce(target: Target, text: string): string {
  const compiler = new COMPILERS[target]();
  const settings = {
    features: bits(text.split('\n')[0]),
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
      const code = listing(target, record, compiler.codeBytes);
      return `${part}${code.replace(/^/gm, ';; ')}\n`;
    })
    .join('');
}

for (const target of Object.keys(COMPILERS) as Target[]) {
  const dir = join(import.meta.dirname, target, 'filetests');
  for (const name of readdirSync(dir).filter((file) => file.endsWith('.ir'))) {
    it(`${target} ${name}`, () => {
      const path = join(dir, name);
      const text = readFileSync(path, 'utf8');
      const made = produce(target, text);
      if (process.env['ELFIN_BLESS'] === '1') writeFileSync(path, made);
      else expect(made).toBe(text);
    });
  }
}
