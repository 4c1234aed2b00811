// Every row of isa/x64 through the encoder and back through Capstone: one instruction, all the bytes,
// the expected text, and the register accesses the row declares.
import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readForms } from '../../isa/gen/x64.ts';
import * as X64 from '../../src-ts/gen/x64.ts';
import { CodeBuffer } from '../../src-ts/mach/codebuffer.ts';
import { gpName, xmmName } from '../../src-ts/target/x64/regs.ts';
import { type Case, type Form, casesOf, encode } from './cases.ts';
import { expectedAccess, expectedText, immBits } from './cases.ts';
import { canonical } from './text.ts';

interface Instruction {
  mnemonic: string;
  op_str: string;
  size: number;
}

interface Disassembler {
  option(option: number, value: number): void;
  disasm_iter(
    code: Uint8Array,
    address: number,
    visit: (instruction: Instruction, pointer: number) => boolean,
  ): number;
  regs_access(pointer: number): { regs_read: number[]; regs_write: number[] };
  reg_name(id: number): string;
  close(): void;
}

interface Capstone {
  ARCH_X86: number;
  MODE_64: number;
  OPT_DETAIL: number;
  OPT_ON: number;
  Capstone: new (arch: number, mode: number) => Disassembler;
}

/**
 * Where the row and Capstone's access lists differ, by form name: the registers not compared (`reg`
 * and `rm` stand for the operand's), and the reason.
 */
const ACCESS_EXCEPTIONS: [form: RegExp, ignored: string, reason: string][] = [
  [/^TEST_rm\d+_r/, 'reg', 'Capstone takes the register of TEST m, r for unused'],
  [/^TEST_rm\d+_r/, 'rflags', 'and forgets the flags'],
  [/^(CDQ|CQO)$/, 'rax', 'Capstone says rax is written'],
  [/^CMOVCC/, 'reg', 'Capstone forgets that the destination is read'],
  [/^LOCK_(XADD|CMPXCHG)/, 'rflags', 'Capstone forgets the flags'],
  [/^LOCK_CMPXCHG/, 'rax', 'and, with rax as the source, rax'],
  [/^REP_/, 'rflags', 'Capstone counts the direction flag, which the row leaves out'],
  [/^CALL_rel32$/, 'rip', 'Capstone counts rip'],
  [/^LEAVE$/, 'rsp', 'Capstone says the old rsp is read'],
  [/^NOP_rm32$/, 'rm', 'the operand is named, not read'],
  [/^ROUNDS[SD]|^MOVS[SD]_xmm_xmm$/, 'reg', 'Capstone counts the kept upper part as read'],
];

const BASE = 0x100000;
const forms = readForms();
const registers = new Map<number, string>();
let cs: Disassembler;

beforeAll(async () => {
  const load = createRequire(import.meta.url)('@alexaltea/capstone-js') as () => Promise<Capstone>;
  const capstone = await load();
  cs = new capstone.Capstone(capstone.ARCH_X86, capstone.MODE_64);
  cs.option(capstone.OPT_DETAIL, capstone.OPT_ON);
});

afterAll(() => cs.close());

/** The full register a Capstone name belongs to: eax, ax, al are rax. */
function family(name: string): string {
  if (name.startsWith('xmm') || name === 'rip') return name;
  if (name === 'eflags' || name === 'rflags') return 'rflags';
  const numbered = /^(r\d+)[bwd]?$/.exec(name);
  if (numbered) return numbered[1]!;
  const letter = /^[re]?([abcd])[xl]$/.exec(name);
  if (letter) return `r${letter[1]}x`;
  const pointer = /^[re]?(sp|bp|si|di)l?$/.exec(name);
  if (!pointer) throw new Error(`register ${name}`);
  return `r${pointer[1]}`;
}

function families(ids: number[]): Set<string> {
  for (const id of ids) if (!registers.has(id)) registers.set(id, family(cs.reg_name(id)));
  return new Set(ids.map((id) => registers.get(id)!));
}

/** The registers whose access is not compared for this case. */
function ignoredIn(form: Form, c: Case): Set<string> {
  const ignored = new Set<string>();
  const nameOf = form.name.includes('xmm') ? xmmName : (reg: number) => gpName(reg, 64);
  for (const [pattern, name] of ACCESS_EXCEPTIONS) {
    if (!pattern.test(form.name)) continue;
    ignored.add(name === 'reg' ? nameOf(c.reg) : name === 'rm' ? nameOf(c.rm) : name);
  }
  return ignored;
}

const listed = (set: Set<string>, ignored: Set<string>): string =>
  [...set]
    .filter((name) => !ignored.has(name))
    .sort()
    .join(' ');

function checkForm(form: Form, number: number): void {
  const cb = new CodeBuffer();
  const cases: Case[] = [];
  const ends: number[] = [];
  for (const c of casesOf(form)) {
    encode(cb, form, number, c);
    cases.push(c);
    ends.push(cb.pos);
  }
  const bits = immBits(form);
  const excepted = ACCESS_EXCEPTIONS.some(([pattern]) => pattern.test(form.name));
  const none = new Set<string>();
  let i = 0;
  const wrong: string[] = [];
  const compare = (what: string, actual: string | number, wanted: string | number): void => {
    if (actual !== wanted) wrong.push(`${what}: got ${actual}, wanted ${wanted}`);
  };
  cs.disasm_iter(cb.view(), BASE, (instruction, pointer) => {
    const c = cases[i]!;
    const text = canonical(instruction.mnemonic, instruction.op_str, bits);
    compare('text', text, expectedText(form, c, BASE + ends[i]!));
    compare(`${text} size`, instruction.size, ends[i]! - (i > 0 ? ends[i - 1]! : 0));
    const ignored = excepted ? ignoredIn(form, c) : none;
    const access = cs.regs_access(pointer);
    const reads = listed(families(access.regs_read), ignored);
    compare(`${text} reads`, reads, listed(expectedAccess(form, c, 1), ignored));
    const writes = listed(families(access.regs_write), ignored);
    compare(`${text} writes`, writes, listed(expectedAccess(form, c, 2), ignored));
    i++;
    return wrong.length === 0;
  });
  expect(wrong).toEqual([]);
  expect(i).toBe(cases.length);
}

describe('the x86-64 encoder against Capstone', () => {
  it('numbers the forms as the table does', () => {
    expect(X64.FORM_NAMES).toEqual(forms.map((form) => form.name));
    expect(X64.FORM_COUNT).toBe(forms.length);
    const constants = X64 as unknown as Record<string, number>;
    forms.forEach((form, i) => expect(constants[form.name]).toBe(i));
  });

  const mnemonics = [...new Set(forms.map((form) => form.mnemonic))];
  it.each(mnemonics)('%s', (mnemonic) => {
    forms.forEach((form, i) => {
      if (form.mnemonic === mnemonic) checkForm(form, i);
    });
  });

  it('has no exception that fits no form', () => {
    for (const [pattern] of ACCESS_EXCEPTIONS) {
      expect(forms.some((form) => pattern.test(form.name))).toBe(true);
    }
  });
});
