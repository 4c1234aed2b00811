// Every row of isa/aarch64 through the encoder and back through Capstone: one instruction, the expected
// text, and the register accesses the row declares.
import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readForms } from '../../isa/gen/aarch64.ts';
import * as A64 from '../../src-ts/gen/aarch64.ts';
import { CodeBuffer } from '../../src-ts/mach/codebuffer.ts';
import { type Case, type Form, casesOf, encode, expectedAccess } from './aarch64cases.ts';
import { ALIASES, canonical, expectedText } from './aarch64text.ts';

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
  ARCH_ARM64: number;
  MODE_ARM: number;
  OPT_DETAIL: number;
  OPT_ON: number;
  Capstone: new (arch: number, mode: number) => Disassembler;
}

/**
 * Where the row and Capstone's access lists differ, by canonical text: what is not compared (the
 * registers in some fields, or a name), and the reason.
 */
const ACCESS_EXCEPTIONS: [text: RegExp, ignored: string, reason: string][] = [
  [/^(cmp|cmn|tst) /, 'Rn', 'the first operand of an alias without a result counts as written'],
  [/^adds w\w+,w\w+,#/, 'Rd', 'Capstone says the result is read'],
  [/^([su](bfx|bfiz|xt[bhw]) |(lsl|lsr|asr) \w+,\w+,#)/, 'Rd', 'Capstone says the result is read'],
  [/^cbn?z /, 'nzcv', 'Capstone says the flags are read'],
  [/^ret$/, 'x30', 'the default register is not printed, and not counted'],
  [/^(cas|swp|ld(add|clr|eor|set))al/, 'Rs Rt', 'Capstone counts the address only'],
  [/^fmov [sd]\d+,#/, 'Rd', 'Capstone says the result is read'],
  [/^bic v\d+\.8b/, 'Rm', 'Capstone forgets the operand'],
];

const BASE = 0x40000000;
const forms = readForms();
/** The exceptions that some case needed. */
const met = new Set<RegExp>();
let cs: Disassembler;

beforeAll(async () => {
  const load = createRequire(import.meta.url)('@alexaltea/capstone-js') as () => Promise<Capstone>;
  const capstone = await load();
  cs = new capstone.Capstone(capstone.ARCH_ARM64, capstone.MODE_ARM);
  cs.option(capstone.OPT_DETAIL, capstone.OPT_ON);
});

afterAll(() => cs.close());

const registers = new Map<number, string>();

/** The full register a Capstone name belongs to; empty for the zero register. */
function family(name: string): string {
  if (name === 'xzr' || name === 'wzr') return '';
  if (name === 'wsp') return 'sp';
  if (name === 'fp' || name === 'lr') return name === 'fp' ? 'x29' : 'x30';
  return name.replace(/^w(?=\d)/, 'x').replace(/^[bhsdq](?=\d)/, 'v');
}

function families(ids: number[]): Set<string> {
  for (const id of ids) if (!registers.has(id)) registers.set(id, family(cs.reg_name(id)));
  return new Set(ids.map((id) => registers.get(id)!));
}

/** The registers whose access is not compared for this case. */
function ignoredIn(form: Form, c: Case, text: string): Set<string> {
  const ignored = new Set<string>();
  for (const [pattern, list] of ACCESS_EXCEPTIONS) {
    if (!pattern.test(text)) continue;
    met.add(pattern);
    for (const name of list.split(' ')) {
      const register = form.registers.find((r) => r.field === name);
      const number = c[name]!;
      if (!register) ignored.add(name);
      else if (!/[WX]/.test(register.kind)) ignored.add(`v${number}`);
      else ignored.add(number < 31 ? `x${number}` : 'sp');
    }
  }
  return ignored;
}

const listed = (set: Set<string>, ignored: Set<string>): string =>
  [...set]
    .filter((name) => name !== '' && !ignored.has(name))
    .sort()
    .join(' ');

function checkForm(form: Form, number: number): void {
  const cb = new CodeBuffer();
  const cases: Case[] = [...casesOf(form)];
  for (const c of cases) encode(cb, form, number, c);
  const wrong: string[] = [];
  const compare = (what: string, actual: string, wanted: string): void => {
    if (actual !== wanted) wrong.push(`${what}: got ${actual}, wanted ${wanted}`);
  };
  let i = 0;
  cs.disasm_iter(cb.view(), BASE, (instruction, pointer) => {
    const c = cases[i]!;
    const text = canonical(instruction.mnemonic, instruction.op_str);
    compare('text', text, expectedText(form, c, BASE + 4 * i));
    const ignored = ignoredIn(form, c, text);
    const access = cs.regs_access(pointer);
    const reads = listed(families(access.regs_read), ignored);
    compare(`${text} reads`, reads, listed(expectedAccess(form, c, 1), ignored));
    const writes = listed(families(access.regs_write), ignored);
    compare(`${text} writes`, writes, listed(expectedAccess(form, c, 2), ignored));
    i++;
    return wrong.length < 4;
  });
  expect(wrong.length, wrong.join('\n')).toBe(0);
  expect(i).toBe(cases.length);
}

describe('the AArch64 encoder against Capstone', () => {
  it('numbers the forms as the table does', () => {
    expect(A64.FORM_NAMES).toEqual(forms.map((form) => form.name));
    expect(A64.FORM_COUNT).toBe(forms.length);
    const constants = A64 as unknown as Record<string, number>;
    forms.forEach((form, i) => expect(constants[form.name]).toBe(i));
  });

  it.each(forms.map((form, i) => [form.name, form, i] as const))('%s', (_, form, i) => {
    checkForm(form, i);
  });

  it('has no exception or alias that fits nothing', () => {
    for (const [pattern] of ACCESS_EXCEPTIONS) expect(met.has(pattern), String(pattern)).toBe(true);
    for (const { rows } of ALIASES) {
      expect(forms.some((form) => rows.test(form.name))).toBe(true);
    }
  });
});
