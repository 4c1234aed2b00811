/**
 * Filetests: every `*.ir` file below this folder holds commands, functions and what is expected of them.
 *
 *   test print | verify | opt PASS… | optimize LEVEL     what is done with every function of the file (first line)
 *   run 1 -2 3                                           arguments (by parameter, context left out) the function is run with, before and after
 *   function … { … }
 *   ; expected:                                          the text that comes out, as comments after the function
 *   ; …
 *
 * Value numbering applies the peephole rules, so `opt gvn dce` tests them. Values are renumbered in what is expected. BLESS=1
 * rewrites the expectations. Functions run before and after must give the same results, traps and memory.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NONE, type Func } from '../../src-ts/ir/func.ts';
import { parse } from '../../src-ts/ir/parse.ts';
import { print } from '../../src-ts/ir/print.ts';
import { verify } from '../../src-ts/ir/verify.ts';
import { optimize, runPass, type Level } from '../../src-ts/opt/pipeline.ts';
import { interpret } from '../ir/interp.ts';

const DIR = import.meta.dirname;
const BLESS = process.env.BLESS === '1';
const EXPECTED = '; expected:\n';

interface Case {
  /** Text of the function as it is in the file, `run` lines before it included. */
  source: string;
  expected: string;
}

/** Splits a file into its command line and its functions with their expectations. */
function split(text: string): { command: string; cases: Case[] } {
  const lines = text.split('\n');
  const first = lines.findIndex((l) => l.startsWith('test '));
  const cases: Case[] = [];
  let source = '';
  for (let i = first + 1; i < lines.length; i++) {
    if (lines[i].startsWith('; expected:')) {
      let expected = '';
      while (lines[i + 1]?.startsWith(';')) expected += `${lines[++i].slice(2)}\n`;
      cases[cases.length - 1].expected = expected;
      continue;
    }
    source += `${lines[i]}\n`;
    if (lines[i] === '}') {
      cases.push({ source: source.replace(/^\n+/, ''), expected: '' });
      source = '';
    }
  }
  return { command: lines[first].slice(5), cases };
}

function perform(f: Func, command: string): string {
  const [verb, ...rest] = command.trim().split(/\s+/);
  if (verb === 'verify') return `${verify(f).join('\n') || 'ok'}\n`;
  if (verb === 'opt') for (const pass of rest) runPass(f, pass);
  else if (verb === 'optimize') optimize(f, rest[0] as Level);
  else if (verb !== 'print') throw new Error(`unknown command ${verb}`);
  expect(verify(f)).toEqual([]);
  return print(f, { renumber: verb !== 'print' });
}

/** Argument bits from decimal or 0x numbers, by the types of the entry's parameters. */
function runArgs(f: Func, line: string): bigint[] {
  const words = line.trim().split(/\s+/).slice(1);
  const out: bigint[] = [];
  let p = f.next[f.first[0]];
  for (const w of words) {
    if (p === NONE) throw new Error('too many arguments');
    out.push(BigInt.asUintN(f.ty[p] === 1 || f.ty[p] === 3 ? 32 : 64, BigInt(w)));
    p = f.next[p];
  }
  return out;
}

function runCase(c: Case, command: string): string {
  const runs = c.source.split('\n').filter((l) => l.startsWith('run'));
  const source = c.source.slice(c.source.indexOf('function'));
  const [f] = parse(source);
  if (!command.startsWith('verify')) expect(verify(f)).toEqual([]);
  const before = runs.map((l) => interpret(f, runArgs(f, l), 1));
  const text = perform(f, command);
  runs.forEach((l, i) => expect(interpret(f, runArgs(f, l), 1), l).toEqual(before[i]));
  return text;
}

describe('filetests', () => {
  const files = readdirSync(DIR, { recursive: true, encoding: 'utf8' }).filter((n) =>
    n.endsWith('.ir'),
  );
  it.each(files.sort())('%s', (name) => {
    const path = join(DIR, name);
    const text = readFileSync(path, 'utf8');
    const { command, cases } = split(text);
    expect(cases.length).toBeGreaterThan(0);
    const results = cases.map((c) => runCase(c, command));
    if (BLESS) {
      const head = text.slice(0, text.indexOf('test '));
      const bodies = cases.map(
        (c, i) => `${c.source}${EXPECTED}${results[i].trimEnd().replace(/^/gm, '; ')}\n`,
      );
      writeFileSync(path, `${head}test ${command}\n\n${bodies.join('\n')}`);
      return;
    }
    results.forEach((r, i) => expect(r).toBe(cases[i].expected));
  });
});
