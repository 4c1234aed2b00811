// The text a case of an AArch64 row should disassemble to, and the normaliser that Capstone's text
// passes before the two are compared.
//
// A row's own text is `mnemonic operand,operand` as the manual writes the form. Disassemblers print the
// alias the manual prefers; ALIASES has every one, with the manual's condition (Arm ARM, C6.2, "Alias
// conditions" of each instruction). Canonical text: immediates as unsigned decimal numbers, of 32 bits
// if the first operand is a w register and of 64 otherwise; floating-point ones after an `f`.
import { CC_NAMES, fpName, gpName } from '../../src-ts/target/aarch64/regs.ts';
import { type Case, type Form, maskValue, widthOf } from './aarch64cases.ts';

const SHIFTS = ['lsl', 'lsr', 'asr', 'ror'];
const EXTENDS = ['uxtb', 'uxth', 'uxtw', 'uxtx', 'sxtb', 'sxth', 'sxtw', 'sxtx'];
const BARRIERS: Record<number, string> = {
  9: 'ishld',
  10: 'ishst',
  11: 'ish',
  13: 'ld',
  14: 'st',
  15: 'sy',
};

// ---- the normaliser ----

function canonicalNumber(text: string, bits: number): string {
  if (/^-?\d+\.\d+$/.test(text)) return `f${Number(text)}`;
  const match = /^(-?)(0x[0-9a-f]+|\d+)$/.exec(text);
  if (!match) throw new Error(`number ${text}`);
  const value = BigInt(match[2]!.replace(/^0+(?=\d)/, ''));
  return String(BigInt.asUintN(bits, match[1] ? -value : value));
}

/** Canonical text of a disassembled instruction. */
export function canonical(mnemonic: string, operands: string): string {
  if (operands === '') return mnemonic;
  const bits = operands.startsWith('w') ? 32 : 64;
  const numbers = operands.replace(/#(-?[0-9a-fx.]+)/g, (_, n: string) => {
    return `#${canonicalNumber(n, bits)}`;
  });
  return `${mnemonic} ${numbers.replace(/,\s+/g, ',')}`;
}

// ---- the text of a row ----

function registerText(field: string, kind: string, sp: boolean, c: Case): string {
  const number = c[field]!;
  if (kind === 'W' || kind === 'X') return gpName(number, kind === 'W' ? 32 : 64, sp);
  const bits = { B: 8, H: 16, S: 32, D: 64, Q: 128 }[kind];
  return bits === undefined ? `v${number}` : fpName(number, bits);
}

/** `Xm{extend}`: UXTX (UXTW at 32 bits) is LSL when a register is the stack pointer. */
function extendText(form: Form, c: Case): string {
  const bits = widthOf(form);
  const { option, imm3: amount } = c as { option: number; imm3: number };
  const rm = gpName(c.Rm!, bits === 64 && (option & 3) === 3 ? 64 : 32);
  const stack = form.registers.some((r) => r.sp && c[r.field] === 31);
  if (stack && option === (bits === 64 ? 3 : 2)) return amount === 0 ? rm : `${rm},lsl #${amount}`;
  return `${rm},${EXTENDS[option]}${amount === 0 ? '' : ` #${amount}`}`;
}

/** `Xm{index}` of a register offset. */
function indexText(form: Form, c: Case): string {
  const rm = gpName(c.Rm!, (c.option! & 1) === 1 ? 64 : 32);
  const amount = c.S === 1 ? ` #${Math.log2(form.bytes!)}` : '';
  if (c.option === 3) return amount ? `${rm},lsl${amount}` : rm;
  return `${rm},${EXTENDS[c.option!]}${amount}`;
}

/** VFPExpandImm of the manual. */
function floatText(imm8: number): string {
  const exponent = imm8 & 0x40 ? ((imm8 >> 4) & 3) - 3 : ((imm8 >> 4) & 3) + 1;
  const value = (1 + (imm8 & 15) / 16) * 2 ** exponent;
  return `#f${imm8 & 0x80 ? -value : value}`;
}

function byteMask(imm8: number): bigint {
  let value = 0n;
  for (let i = 0; i < 8; i++) if ((imm8 >> i) & 1) value |= 0xffn << BigInt(8 * i);
  return value;
}

/** What a non-register operand of the row stands for. `offset` and labels by the form's field. */
function plainText(form: Form, token: string, c: Case, at: number): string {
  const bits = widthOf(form) === 32 && form.operands.startsWith('W') ? 32 : 64;
  const number = (n: number | bigint): string => `#${BigInt.asUintN(bits, BigInt(n))}`;
  const disp = c.imm26 ?? c.imm19 ?? c.imm14 ?? c.immlo ?? 0;
  switch (token) {
    case '#imm{sh}':
      return c.sh! < 4096 ? number(c.sh!) : `${number(c.sh! >> 12)},lsl #12`;
    case '#mask':
      return number(maskValue(c.mask!, widthOf(form)));
    case '#imm16{hw}':
      return number(c.imm16!) + (c.hw === 0 ? '' : `,lsl #${16 * c.hw!}`);
    case '#bit':
      return number(c.bit1!);
    case '#offset':
      return number(c.imm12 ?? c.imm9 ?? c.imm7!);
    case '#barrier':
      return BARRIERS[c.imm4!]!;
    case '#fp':
      return floatText(c.imm8!);
    case '#bytes':
      return number(byteMask(c.abc!));
    case '#imm8':
      return number(c.abc!);
    case '#0.0':
      return '#f0';
    case 'lsl #24':
      return token;
    case '{cond}':
      return CC_NAMES[c.cond!]!;
    case '{label}':
      return number(at + disp);
    case '{page}':
      return number(BigInt(at & ~4095) + (BigInt(disp) << 12n));
  }
  return number(c[token.slice(1)]!);
}

function memoryText(form: Form, token: string, c: Case, at: number): string {
  const inner = /^\[(.*)\](!?)$/.exec(token)!;
  const parts = inner[1]!.split(', ').map((part) => operandText(form, part, c, at));
  // A zero offset is not written, except where the address is written back.
  if (parts[1] === '#0' && inner[2] === '') parts.pop();
  return `[${parts.join(',')}]${inner[2]}`;
}

function operandText(form: Form, token: string, c: Case, at: number): string {
  if (token.startsWith('[')) return memoryText(form, token, c, at);
  const register = /^([WXBHSDQV])(d|n|m|a|t2|t|s)(\.\w+)?(\|SP)?(?::r?w)?(\{\w+\})?$/.exec(token);
  if (!register) return plainText(form, token, c, at);
  const [, kind, field, arrangement = '', sp, suffix] = register;
  if (suffix === '{extend}') return extendText(form, c);
  if (suffix === '{index}') return indexText(form, c);
  const name = registerText(`R${field}`, kind!, sp !== undefined, c);
  const shifted = suffix === '{shift}' && (c.shift !== 0 || c.amount !== 0);
  return name + arrangement.toLowerCase() + (shifted ? `,${SHIFTS[c.shift!]} #${c.amount}` : '');
}

function mnemonicOf(form: Form, c: Case): string {
  if (form.name === 'B_cond') return `b.${CC_NAMES[c.cond!]}`;
  return form.name.split('_')[0]!.toLowerCase();
}

// ---- aliases ----

/** A preferred alias: rows, the condition, the name (or a function of it), and operands to print. */
interface Alias {
  rows: RegExp;
  when: (c: Case, width: number) => boolean;
  name: string | ((own: string) => string);
  /** From the row's operand texts and the case. */
  operands: (texts: string[], c: Case, width: number) => string[];
}

const without =
  (...dropped: number[]) =>
  (texts: string[]): string[] =>
    texts.filter((_, i) => !dropped.includes(i));
const opposite = (c: Case): string => CC_NAMES[c.cond! ^ 1]!;
const always = (): boolean => true;
const wrap = (value: bigint, width: number): string => `#${BigInt.asUintN(width, value)}`;
const wideValue = (c: Case): bigint => BigInt(c.imm16!) << BigInt(16 * c.hw!);
/** lsb and width of an insertion (imms < immr) and of an extraction. */
const insert = (t: string[], c: Case, w: number): string[] => [
  t[0]!,
  t[1]!,
  `#${w - c.immr!}`,
  `#${c.imms! + 1}`,
];
const extract = (t: string[], c: Case): string[] => [
  t[0]!,
  t[1]!,
  `#${c.immr!}`,
  `#${c.imms! - c.immr! + 1}`,
];
const narrow = (t: string[], c: Case): string[] => [t[0]!, gpName(c.Rn!, 32)];

/** Whether one MOVZ makes the mask. The manual also means MOVN, which Capstone does not look at. */
function oneMovz(c: Case, width: number): boolean {
  const value = maskValue(c.mask!, width);
  for (let at = 0n; at < width; at += 16n) if ((value & ~(0xffffn << at)) === 0n) return true;
  return false;
}

/** In the order of precedence. */
export const ALIASES: readonly Alias[] = [
  {
    rows: /^ADD_._imm$/,
    when: (c) => c.sh === 0 && (c.Rd === 31 || c.Rn === 31),
    name: 'mov',
    operands: without(2),
  },
  { rows: /^ADDS_/, when: (c) => c.Rd === 31, name: 'cmn', operands: without(0) },
  { rows: /^SUBS_/, when: (c) => c.Rd === 31, name: 'cmp', operands: without(0) },
  { rows: /^SUBS?_._sh$/, when: (c) => c.Rn === 31, name: negated, operands: without(1) },
  { rows: /^ANDS_/, when: (c) => c.Rd === 31, name: 'tst', operands: without(0) },
  {
    rows: /^ORR_._sh$/,
    when: (c) => c.Rn === 31 && c.shift === 0 && c.amount === 0,
    name: 'mov',
    operands: without(1),
  },
  {
    rows: /^ORR_._imm$/,
    when: (c, width) => c.Rn === 31 && (c.Rd === 31 || !oneMovz(c, width)),
    name: 'mov',
    operands: without(1),
  },
  { rows: /^ORN_/, when: (c) => c.Rn === 31, name: 'mvn', operands: without(1) },
  {
    rows: /^MOVZ_/,
    when: (c) => c.imm16 !== 0 || c.hw === 0,
    name: 'mov',
    operands: (t, c, width) => [t[0]!, wrap(wideValue(c), width)],
  },
  {
    rows: /^MOVN_/,
    when: (c, w) => (c.imm16 !== 0 || c.hw === 0) && (w === 64 || c.imm16 !== 0xffff),
    name: 'mov',
    operands: (t, c, width) => [t[0]!, wrap(~wideValue(c), width)],
  },
  {
    rows: /^SBCS?_/,
    when: (c) => c.Rn === 31,
    name: (own) => own.replace('sbc', 'ngc'),
    operands: without(1),
  },
  { rows: /^MADD_/, when: (c) => c.Ra === 31, name: 'mul', operands: without(3) },
  { rows: /^MSUB_/, when: (c) => c.Ra === 31, name: 'mneg', operands: without(3) },
  {
    rows: /^[SU]M(ADD|SUB)L_/,
    when: (c) => c.Ra === 31,
    name: (own) => own.replace('madd', 'mul').replace('msub', 'mneg'),
    operands: without(3),
  },
  {
    rows: /^CSIN[CV]_/,
    when: (c) => c.Rn === 31 && c.Rm === 31,
    name: (own) => (own === 'csinc' ? 'cset' : 'csetm'),
    operands: (t, c) => [t[0]!, opposite(c)],
  },
  {
    rows: /^CS(INC|INV|NEG)_/,
    when: (c) => c.Rn === c.Rm,
    name: (own) => own.replace('cs', 'c'),
    operands: (t, c) => [t[0]!, t[1]!, opposite(c)],
  },
  { rows: /^EXTR_/, when: (c) => c.Rn === c.Rm, name: 'ror', operands: without(2) },
  {
    rows: /^(LSLV|LSRV|ASRV|RORV)_/,
    when: always,
    name: (own) => own.slice(0, 3),
    operands: without(),
  },
  {
    rows: /^(SBFM|UBFM)_/,
    when: (c, w) => c.imms === w - 1,
    name: (own) => (own === 'sbfm' ? 'asr' : 'lsr'),
    operands: without(3),
  },
  {
    rows: /^UBFM_/,
    when: (c) => c.imms! + 1 === c.immr,
    name: 'lsl',
    operands: (t, c, w) => [t[0]!, t[1]!, `#${w - c.immr!}`],
  },
  { rows: /^SBFM_/, when: (c) => c.immr === 0 && c.imms === 7, name: 'sxtb', operands: narrow },
  { rows: /^SBFM_/, when: (c) => c.immr === 0 && c.imms === 15, name: 'sxth', operands: narrow },
  { rows: /^SBFM_x/, when: (c) => c.immr === 0 && c.imms === 31, name: 'sxtw', operands: narrow },
  { rows: /^UBFM_w/, when: (c) => c.immr === 0 && c.imms === 7, name: 'uxtb', operands: narrow },
  { rows: /^UBFM_w/, when: (c) => c.immr === 0 && c.imms === 15, name: 'uxth', operands: narrow },
  {
    rows: /^[SU]BFM_/,
    when: (c) => c.imms! < c.immr!,
    name: (own) => own.replace('bfm', 'bfiz'),
    operands: insert,
  },
  {
    rows: /^[SU]BFM_/,
    when: always,
    name: (own) => own.replace('bfm', 'bfx'),
    operands: extract,
  },
  {
    // With immr 0 the manual prefers BFXIL; Capstone writes this.
    rows: /^BFM_/,
    when: (c) => (c.imms! < c.immr! || c.immr === 0) && c.Rn === 31,
    name: 'bfc',
    operands: (t, c, w) => [t[0]!, `#${c.immr === 0 ? 0 : w - c.immr!}`, `#${c.imms! + 1}`],
  },
  { rows: /^BFM_/, when: (c) => c.imms! < c.immr!, name: 'bfi', operands: insert },
  { rows: /^BFM_/, when: always, name: 'bfxil', operands: extract },
  { rows: /^RET$/, when: (c) => c.Rn === 30, name: 'ret', operands: () => [] },
  { rows: /^ORR_(8b|16b)$/, when: (c) => c.Rn === c.Rm, name: 'mov', operands: without(2) },
  { rows: /^BTI_c/, when: always, name: 'bti', operands: () => ['c'] },
  { rows: /^BTI_j$/, when: always, name: 'bti', operands: () => ['j'] },
  { rows: /^BTI_jc/, when: always, name: 'bti', operands: () => ['jc'] },
  {
    // The manual writes the w register for bits below 32.
    rows: /^TBN?Z$/,
    when: (c) => c.bit1! < 32,
    name: (own) => own,
    operands: (t, c) => [gpName(c.Rt!, 32), t[1]!, t[2]!],
  },
];

function negated(own: string): string {
  return own.replace('sub', 'neg');
}

/** Canonical text of a case at an address. */
export function expectedText(form: Form, c: Case, at: number): string {
  const tokens = form.operands === '' ? [] : form.operands.split(/, (?![^[]*\])/);
  let texts = tokens.map((token) => operandText(form, token, c, at));
  let mnemonic = mnemonicOf(form, c);
  const width = widthOf(form);
  const alias = ALIASES.find((a) => a.rows.test(form.name) && a.when(c, width));
  if (alias) {
    texts = alias.operands(texts, c, width);
    mnemonic = typeof alias.name === 'string' ? alias.name : alias.name(mnemonic);
  }
  return texts.length === 0 ? mnemonic : `${mnemonic} ${texts.join(',')}`;
}
