/** Objects of a real program as tools see them, and call frame information against the instructions it describes. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compile } from '../../src-ts/compiler/index.ts';

const dir = mkdtempSync(join(tmpdir(), 'elfin-compile-'));
const file = join(dir, 'primes.o');
beforeAll(() => {
  const primes = readFileSync(new URL('../../examples/primes.wasm', import.meta.url));
  writeFileSync(file, compile(primes));
}, 120_000);
afterAll(() => rmSync(dir, { recursive: true }));

/** Output of a tool that must have nothing to complain of. */
function run(tool: string, ...args: string[]): string {
  const r = spawnSync(tool, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (r.error !== undefined) throw r.error;
  expect({ tool, status: r.status, stderr: r.stderr }).toEqual({ tool, status: 0, stderr: '' });
  return r.stdout;
}

test('binutils and gdb take it', () => {
  expect(run('readelf', '-aW', file)).not.toMatch(/warning/i);
  run('ld', '-r', file, '-o', join(dir, 'linked.o'));
  expect(run('gdb', '-batch', '-nx', '-ex', 'info line dlmalloc', file)).toMatch(/dlmalloc/);
  expect(run('objdump', '-d', file)).toMatch(/call .*<dlmalloc>/);
});

interface Row {
  pc: number;
  cfa: string;
  /** Save slots by register, as `c-16`. */
  saved: Record<string, string>;
}

/** Rows of every FDE by the function's first address. */
function frameRows(): Map<number, Row[]> {
  const out = run('readelf', '--debug-dump=frames-interp', file);
  const functions = new Map<number, Row[]>();
  for (const part of out.split('\n\n')) {
    const start = /FDE .*pc=([0-9a-f]+)\.\./.exec(part);
    if (start === null) continue;
    const [head = '', ...lines] = part.slice(part.indexOf('\n') + 1).split('\n');
    const columns = head.trim().split(/\s+/);
    const rows = lines.filter(Boolean).map((line): Row => {
      const cells = line.trim().split(/\s+/);
      const saved: Record<string, string> = {};
      columns.forEach((name, i) => {
        if (i >= 2 && name !== 'ra' && cells[i] !== 'u') saved[name] = cells[i]!;
      });
      return { pc: parseInt(cells[0]!, 16), cfa: cells[1]!, saved };
    });
    functions.set(parseInt(start[1]!, 16), rows);
  }
  return functions;
}

interface Inst {
  pc: number;
  text: string;
}

/** Instructions of every function by its first address. */
function disassembly(): Map<number, Inst[]> {
  const out = run('objdump', '-d', '--no-show-raw-insn', '-M', 'intel', file);
  const functions = new Map<number, Inst[]>();
  for (const part of out.split('\n\n')) {
    const start = /^([0-9a-f]{16}) </m.exec(part);
    if (start === null) continue;
    const insts = [...part.matchAll(/^ *([0-9a-f]+):\t(.*)$/gm)];
    functions.set(
      parseInt(start[1]!, 16),
      insts.map((m) => ({ pc: parseInt(m[1]!, 16), text: m[2]!.replace(/\s+/g, ' ').trim() })),
    );
  }
  return functions;
}

function without(saved: Record<string, string>, gone: string): Record<string, string> {
  return Object.fromEntries(Object.entries(saved).filter(([register]) => register !== gone));
}

/**
 * What the unwinder must know before each instruction of a function with the usual frame, from its instructions. Saves count
 * from the last of them on; but for rbp, saved registers are in their slots until the end, in the red zone behind `leave`.
 */
function expectedRows(insts: Inst[]): Row[] {
  const rows: Row[] = [];
  let cfa = 'rsp+8';
  let saved: Record<string, string> = {};
  let whole: Row | undefined;
  let saving: Record<string, string> = {};
  for (const { pc, text } of insts) {
    const save = /^mov QWORD PTR \[rbp-0x([0-9a-f]+)\],(rbx|r1[2-5])$/.exec(text);
    const isSave = whole === undefined && save !== null && saving[save[2]!] === undefined;
    if (whole === undefined && !isSave) saved = { ...saved, ...saving };
    rows.push({ pc, cfa, saved });
    if (text === 'push rbp') {
      cfa = 'rsp+16';
      saved = { rbp: 'c-16' };
    } else if (text === 'mov rbp,rsp') cfa = 'rbp+16';
    else if (isSave) {
      saving = { ...saving, [save![2]!]: `c-${16 + parseInt(save![1]!, 16)}` };
    } else if (!text.startsWith('sub rsp')) {
      whole ??= { pc, cfa, saved };
      if (text === 'leave') {
        cfa = 'rsp+8';
        saved = without(saved, 'rbp');
      } else if (/^(ret|jmp)/.test(text)) ({ cfa, saved } = whole);
    }
  }
  return rows;
}

/** What the CIE says: of a function without a frame there is nothing to add, and readelf shows no rows. */
const ENTRY = { cfa: 'rsp+8', saved: {} };

test('call frame information is exact at every instruction', () => {
  const frames = frameRows();
  let checked = 0;
  for (const [start, insts] of disassembly()) {
    const rows = frames.get(start);
    // Trampolines and tail calls move the stack in ways of their own.
    const usual = !insts.some(({ text }) =>
      /^(lea rsp|pop|push (?!rbp)|jmp .*<(?!.*\+0x))/.test(text),
    );
    if (rows === undefined || !usual) continue;
    for (const want of expectedRows(insts)) {
      // Data after the code (constants) is no instruction.
      if (want.pc > insts.findLast(({ text }) => /^(ret|ud2|jmp|call)/.test(text))!.pc) break;
      const found = rows.findLast((row) => row.pc <= want.pc) ?? ENTRY;
      // Without the frame all are back in their registers, which may be told as well.
      const back = want.cfa === 'rsp+8' && Object.keys(found.saved).length === 0;
      expect({ pc: want.pc.toString(16), cfa: found.cfa, saved: found.saved }).toEqual({
        pc: want.pc.toString(16),
        cfa: want.cfa,
        saved: back ? {} : want.saved,
      });
      checked++;
    }
  }
  expect(checked).toBeGreaterThan(3000);
});
