// Cases for the encoder test, made from the rows: every form over corner registers, address shapes
// and boundary immediates, each with the text and the register accesses the row promises.
import type { readForms } from '../../isa/gen/x64.ts';
import type { CodeBuffer } from '../../src-ts/mach/codebuffer.ts';
import * as E from '../../src-ts/target/x64/encode.ts';
import { CC_NAMES, NO_REG, RIP, gpName, xmmName } from '../../src-ts/target/x64/regs.ts';
import { canonicalAddress } from './text.ts';

export type Form = ReturnType<typeof readForms>[number];

export interface Address {
  base: number;
  index: number;
  scale: number;
  disp: number;
}

/** Operands of one instruction; `address` stands in for `rm` when present. */
export interface Case {
  reg: number;
  vvvv: number;
  rm: number;
  address: Address | undefined;
  imm: number;
  immHigh: number;
  cc: number;
}

const CORNERS = [0, 4, 5, 7, 8, 12, 13, 15];
const INDEXES = [NO_REG, 0, 5, 12, 13, 15];
const DISPS = [0, 1, -128, 127, 128, -129, 0x7fffffff, -0x80000000];
const SIGNED_8 = [-128, -1, 0, 1, 127];
const IMMS: Record<number, number[]> = {
  8: [0, 1, 7, 8, 31, 127, 128, 255],
  16: [0, 1, 0x7fff, -0x8000, -1, 0x1234],
  32: [0, 1, 127, -128, 128, 0x7fffffff, -0x80000000, 0x12345678],
};

/** An endless walk over a list, so that products stay small and every value is still met. */
class Cycle {
  private at = 0;
  constructor(private readonly list: readonly number[]) {}
  next(): number {
    return this.list[this.at++ % this.list.length]!;
  }
}

function* addresses(): Iterable<Address> {
  let scale = 0;
  for (const base of [...CORNERS, NO_REG]) {
    for (const index of INDEXES) {
      for (const disp of DISPS) {
        yield { base, index, scale: index === NO_REG ? 0 : scale++ & 3, disp };
      }
    }
  }
  for (const disp of DISPS) yield { base: RIP, index: NO_REG, scale: 0, disp };
}

const ADDRESSES = [...addresses()];

function immediatesOf(form: Form): readonly number[] {
  const imm = form.operands.find((o) => /^(imm|rel)/.test(o.kind));
  if (!imm) return [0];
  if (imm.kind === 'rel8' || (imm.kind === 'imm8' && imm.signExtended)) return SIGNED_8;
  return IMMS[Math.min(32, Number(/\d+$/.exec(imm.kind)![0]))]!;
}

const isMemory = (kind: string): boolean => /^(m\d*|(rm|xm)\d+)$/.test(kind);
const isMemoryOnly = (kind: string): boolean => /^m\d*$/.test(kind);

/** All cases of a form. */
export function* casesOf(form: Form): Iterable<Case> {
  const imms = new Cycle(immediatesOf(form));
  const highs = new Cycle([0, -1, 0x7fffffff, -0x80000000, 0x89abcdef | 0]);
  const ccs = new Cycle(CC_NAMES.map((_, i) => i));
  const regs = new Cycle(CORNERS);
  const fill = (reg: number, vvvv: number, rm: number, address?: Address): Case => ({
    reg,
    vvvv,
    rm,
    address,
    imm: imms.next(),
    immHigh: highs.next(),
    cc: ccs.next(),
  });
  if (['ZO', 'I', 'D'].includes(form.shape)) {
    for (let i = 0; i < 16; i++) yield fill(0, 0, 0);
    return;
  }
  if (!form.operands.some((o) => isMemoryOnly(o.kind))) {
    // Registers: all pairs of corners, twice so that immediates and conditions go round.
    for (const rm of [...CORNERS, ...CORNERS]) {
      for (const reg of CORNERS) yield fill(reg, regs.next(), rm);
      regs.next();
    }
  }
  if (!form.operands.some((o) => isMemory(o.kind))) return;
  for (const address of ADDRESSES) yield fill(regs.next(), 15 - regs.next(), 0, address);
}

/** Encodes a case with the function its shape asks for. */
export function encode(cb: CodeBuffer, form: Form, number: number, c: Case): void {
  if (c.address) encodeMemory(cb, form, number, c, c.address);
  else encodeRegister(cb, form, number, c);
}

const hasCc = (form: Form): boolean => form.mnemonic.endsWith('CC');

function encodeMemory(cb: CodeBuffer, form: Form, n: number, c: Case, a: Address): void {
  const { base, index, scale, disp } = a;
  switch (form.shape) {
    case 'M':
    case 'MC':
      if (hasCc(form)) return E.encM_cc(cb, n, c.cc, base, index, scale, disp);
      return E.encM(cb, n, base, index, scale, disp);
    case 'MI':
      return E.encM_imm(cb, n, base, index, scale, disp, c.imm);
    case 'RM':
    case 'MR':
    case 'MRC':
      if (hasCc(form)) return E.encRM_cc(cb, n, c.cc, c.reg, base, index, scale, disp);
      return E.encRM(cb, n, c.reg, base, index, scale, disp);
    case 'RMI':
    case 'MRI':
      return E.encRM_imm(cb, n, c.reg, base, index, scale, disp, c.imm);
    case 'VM':
      return E.encVM(cb, n, c.vvvv, base, index, scale, disp);
    case 'RVM':
    case 'RMV':
      return E.encRVM(cb, n, c.reg, c.vvvv, base, index, scale, disp);
    case 'RVMI':
      return E.encRVM_imm(cb, n, c.reg, c.vvvv, base, index, scale, disp, c.imm);
  }
  throw new Error(`no memory encoder for ${form.name}`);
}

function encodeRegister(cb: CodeBuffer, form: Form, n: number, c: Case): void {
  switch (form.shape) {
    case 'ZO':
      return E.enc0(cb, n);
    case 'I':
      return E.encI(cb, n, c.imm);
    case 'D':
      return encodeBranch(cb, form, n, c);
    case 'M':
    case 'MC':
    case 'O':
      return hasCc(form) ? E.encR_cc(cb, n, c.cc, c.rm) : E.encR(cb, n, c.rm);
    case 'OI':
    case 'MI':
      if (form.name === 'MOV_r64_imm64') return E.encR_imm64(cb, n, c.rm, c.imm, c.immHigh);
      return E.encR_imm(cb, n, c.rm, c.imm);
    case 'RM':
    case 'MR':
    case 'MRC':
      if (hasCc(form)) return E.encRR_cc(cb, n, c.cc, c.reg, c.rm);
      return E.encRR(cb, n, c.reg, c.rm);
    case 'RMI':
    case 'MRI':
      return E.encRR_imm(cb, n, c.reg, c.rm, c.imm);
    case 'VM':
      return E.encVR(cb, n, c.vvvv, c.rm);
    case 'RVM':
    case 'RMV':
      return E.encRVR(cb, n, c.reg, c.vvvv, c.rm);
    case 'RVMI':
      return E.encRVR_imm(cb, n, c.reg, c.vvvv, c.rm, c.imm);
  }
  throw new Error(`no register encoder for ${form.name}`);
}

function encodeBranch(cb: CodeBuffer, form: Form, n: number, c: Case): void {
  const short = form.operands[0]!.kind === 'rel8';
  if (hasCc(form)) (short ? E.encRel8_cc : E.encRel32_cc)(cb, n, c.cc, c.imm);
  else (short ? E.encRel8 : E.encRel32)(cb, n, c.imm);
}

/** Bits of meaning of the form's immediate: its own, or the operation's when sign-extended. */
export function immBits(form: Form): number {
  const imm = form.operands.find((o) => o.kind.startsWith('imm'));
  if (imm && !imm.signExtended) return Number(/\d+$/.exec(imm.kind)![0]);
  const first = /\d+$/.exec(form.operands[0]?.kind ?? '');
  return form.default64 || imm === undefined || imm === form.operands[0] ? 64 : Number(first![0]);
}

const PREDICATES = (
  'eq lt le unord neq nlt nle ord ' +
  'eq_uq nge ngt false neq_oq ge gt true ' +
  'eq_os lt_oq le_oq unord_s neq_us nlt_uq nle_uq ord_s ' +
  'eq_us nge_uq ngt_uq false_os neq_os ge_oq gt_oq true_us'
).split(' ');

/** The predicate of a float compare has a name in the text while it is a defined one. */
function predicateOf(form: Form, c: Case): string | undefined {
  if (!/^V?CMPS[SD]$/.test(form.mnemonic)) return undefined;
  return c.imm < (form.mnemonic.startsWith('V') ? 32 : 8) ? PREDICATES[c.imm] : undefined;
}

function mnemonicOf(form: Form, c: Case): string {
  const name = form.mnemonic.toLowerCase();
  if (hasCc(form)) return name.slice(0, -2) + CC_NAMES[c.cc]!;
  if (form.name === 'MOV_r64_imm64') return 'movabs';
  const predicate = predicateOf(form, c);
  if (predicate) return name.replace('cmp', `cmp${predicate}`);
  return name.replace('_', ' ');
}

function registerText(kind: string, reg: number): string {
  return kind.startsWith('x') ? xmmName(reg) : gpName(reg, Number(/\d+$/.exec(kind)![0]));
}

function addressText(kind: string, a: Address): string {
  const terms: string[] = [];
  if (a.base === RIP) terms.push('rip');
  else if (a.base !== NO_REG) terms.push(gpName(a.base, 64));
  if (a.index !== NO_REG) terms.push(`${gpName(a.index, 64)}*${1 << a.scale}`);
  const disp = a.disp < 0 ? String(a.disp) : `+${a.disp}`;
  return canonicalAddress(kind === 'm' ? '' : `m${/\d+$/.exec(kind)![0]}`, terms.join('+') + disp);
}

function registerOf(role: string, c: Case): number {
  return role === 'R' ? c.reg : role === 'V' ? c.vvvv : c.rm;
}

/** Canonical text of a case that occupies [at, end) of the address space. */
export function expectedText(form: Form, c: Case, end: number): string {
  const operands = form.operands.map(({ kind }, i) => {
    const role = form.shape[i];
    if (kind === 'cl') return 'cl';
    if (kind === '1') return '0x1';
    if (kind.startsWith('rel')) {
      return `0x${BigInt.asUintN(64, BigInt(end) + BigInt(c.imm)).toString(16)}`;
    }
    if (kind === 'imm64') {
      const high = BigInt(c.immHigh) << 32n;
      return `0x${BigInt.asUintN(64, high | BigInt(c.imm >>> 0)).toString(16)}`;
    }
    if (kind.startsWith('imm')) {
      return `0x${BigInt.asUintN(immBits(form), BigInt(c.imm)).toString(16)}`;
    }
    if (role === 'M' && c.address) return addressText(kind, c.address);
    return registerText(kind, registerOf(role!, c));
  });
  if (predicateOf(form, c)) operands.pop();
  const mnemonic = mnemonicOf(form, c);
  return operands.length === 0 ? mnemonic : `${mnemonic} ${operands.join(',')}`;
}

/** Registers (64-bit and xmm names, `rflags`) read (1) or written (2), from the row alone. */
export function expectedAccess(form: Form, c: Case, access: 1 | 2): Set<string> {
  const set = new Set<string>();
  form.operands.forEach((o, i) => {
    const role = form.shape[i];
    if (o.kind === 'cl' && access === 1) set.add('rcx');
    if (!role || !'RVMO'.includes(role)) return;
    if (role === 'M' && c.address) {
      if (access === 2) return;
      if (c.address.base === RIP) set.add('rip');
      else if (c.address.base !== NO_REG) set.add(gpName(c.address.base, 64));
      if (c.address.index !== NO_REG) set.add(gpName(c.address.index, 64));
    } else if ((o.access & access) !== 0) {
      set.add((o.kind.startsWith('x') ? xmmName : fullName)(registerOf(role, c)));
    }
  });
  const implicit = access === 1 ? form.reads : form.writes;
  for (const name of implicit?.split(' ') ?? []) set.add(name);
  if (form.flags?.includes(access === 1 ? 'r' : 'w')) set.add('rflags');
  return set;
}

const fullName = (reg: number): string => gpName(reg, 64);
