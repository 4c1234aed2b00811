// Checks the AArch64 table (isa/aarch64/instructions.ts) and writes src-ts/gen/aarch64.ts: a number per
// form, the word of its fixed bits, its operand shape, and fact columns for lowering and tests.
//
// Checked: the fields of every row fill 32 bits, registers named among the operands have their field,
// the field list is that of a known shape, names are unique, and no word belongs to two rows.
import { type Facts, features, groups } from '../aarch64/instructions.ts';

/** Operand shapes: which fields a form has, from the high end. The order numbers the constants. */
const SHAPES: readonly [name: string, fields: string][] = [
  ['NONE', ''],
  ['IMM16', 'imm16'],
  ['IMM4', 'imm4'],
  ['RN', 'Rn'],
  ['RD_RN', 'Rn,Rd'],
  ['RN_RM', 'Rm,Rn'],
  ['RRR', 'Rm,Rn,Rd'],
  ['RRRR', 'Rm,Ra,Rn,Rd'],
  ['RRR_SH', 'shift,Rm,amount,Rn,Rd'],
  ['RRR_EXT', 'Rm,option,imm3,Rn,Rd'],
  ['RRR_LSB', 'Rm,imms,Rn,Rd'],
  ['RRI', 'sh,imm12,Rn,Rd'],
  ['LOGICAL', 'mask,Rn,Rd'],
  ['MOVE_WIDE', 'hw,imm16,Rd'],
  ['BITFIELD', 'immr,imms,Rn,Rd'],
  ['SELECT', 'Rm,cond,Rn,Rd'],
  ['CCMP', 'Rm,cond,Rn,nzcv'],
  ['CCMP_IMM', 'imm5,cond,Rn,nzcv'],
  ['ADR', 'immlo,immhi,Rd'],
  ['B', 'imm26'],
  ['B_COND', 'imm19,cond'],
  ['RT_IMM19', 'imm19,Rt'],
  ['TBZ', 'bit1,bit5,imm14,Rt'],
  ['UOFF', 'imm12,Rn,Rt'],
  ['SIMM9', 'imm9,Rn,Rt'],
  ['REG_OFFSET', 'Rm,option,S,Rn,Rt'],
  ['PAIR', 'imm7,Rt2,Rn,Rt'],
  ['BASE', 'Rn,Rt'],
  ['BASE_RS', 'Rs,Rn,Rt'],
  ['FP_IMM', 'imm8,Rd'],
  ['MOVI', 'abc,defgh,Rd'],
];

/** Fields whose name ends in their width, but are named apart from it. */
const NAMED_BY_STEM = ['immlo', 'immhi', 'abc', 'defgh'];
const WIDTHS: Record<string, number> = { shift: 2, option: 3, cond: 4, nzcv: 4 };
const BITS_OF: Record<string, number> = { W: 32, X: 64, B: 8, H: 16, S: 32, D: 64, Q: 128, V: 0 };

/** A register among the operands. */
export interface Register {
  /** W X B H S D Q V. */
  kind: string;
  /** The field it is in: Rd, Rn, ... */
  field: string;
  /** Number 31 is the stack pointer. */
  sp: boolean;
  /** 1 read, 2 written. */
  access: number;
}

/** A field of the encoding: `width` bits from bit `at` up. */
export interface Field {
  name: string;
  at: number;
  width: number;
}

export interface Form extends Facts {
  name: string;
  section: string;
  operands: string;
  encoding: string;
  registers: Register[];
  fields: Field[];
  shape: string;
  /** The fixed bits, and which bits are fixed. */
  bits: number;
  mask: number;
}

function fail(row: string, what: string): never {
  throw new Error(`isa/aarch64: ${row}: ${what}`);
}

function fieldOf(text: string, row: string): [name: string, width: number] {
  const explicit = /^(\w+):(\d+)$/.exec(text);
  if (explicit) return [explicit[1]!, Number(explicit[2])];
  if (/^R([dnmats]|t2)$/.test(text)) return [text, 5];
  if (text in WIDTHS) return [text, WIDTHS[text]!];
  const numbered = /^([a-z]+)(\d+)$/.exec(text);
  if (!numbered) return fail(row, `field ${text}`);
  return [NAMED_BY_STEM.includes(numbered[1]!) ? numbered[1]! : text, Number(numbered[2])];
}

/** The fields and fixed bits of an encoding; throws unless they are 32 bits. */
export function parseEncoding(
  row: string,
  encoding: string,
): Pick<Form, 'fields' | 'bits' | 'mask'> {
  const fields: Field[] = [];
  let bits = 0;
  let mask = 0;
  let at = 32;
  for (const text of encoding.split('|')) {
    const fixed = /^[01]+$/.test(text);
    const [name, width] = fixed ? ['', text.length] : fieldOf(text, row);
    at -= width;
    if (at < 0) fail(row, 'more than 32 bits');
    if (!fixed) {
      if (fields.some((f) => f.name === name)) fail(row, `two fields ${name}`);
      fields.push({ name, at, width });
      continue;
    }
    bits |= parseInt(text, 2) << at;
    mask |= (2 ** width - 1) << at;
  }
  if (at !== 0) fail(row, `${32 - at} bits`);
  return { fields, bits, mask };
}

function parseRegisters(row: string, operands: string): Register[] {
  const registers: Register[] = [];
  const pattern = /\b([WXBHSDQV])(d|n|m|a|t2|t|s)(?:\.\w+)?(\|SP)?(?::(rw|w))?(?![\w.])/g;
  for (const [, kind, field, sp, mark] of operands.matchAll(pattern)) {
    const access = mark === 'w' ? 2 : mark === 'rw' ? 3 : 1;
    registers.push({ kind: kind!, field: `R${field}`, sp: sp !== undefined, access });
  }
  if (/:[a-z]/.test(operands.replace(pattern, ''))) fail(row, 'an access mark without a register');
  return registers;
}

function parseRow(facts: Facts & { section: string }, row: readonly string[]): Form {
  const [name, operands, encoding] = row as [string, string, string];
  const parsed = parseEncoding(name, encoding);
  const registers = parseRegisters(name, operands);
  const named = registers.map((r) => r.field).sort();
  const present = parsed.fields.map((f) => f.name).filter((f) => f.startsWith('R'));
  if (named.join() !== present.sort().join()) fail(name, 'operands and register fields disagree');
  const key = parsed.fields.map((f) => f.name).join();
  const shape = SHAPES.find(([, fields]) => fields === key)?.[0];
  if (shape === undefined) return fail(name, `no shape has the fields ${key}`);
  return { ...facts, name, operands, encoding, registers, shape, ...parsed };
}

/** Throws when some word would be an instance of two rows. */
export function checkDistinct(forms: readonly Pick<Form, 'name' | 'bits' | 'mask'>[]): void {
  forms.forEach((a, i) => {
    for (const b of forms.slice(0, i)) {
      if (((a.bits ^ b.bits) & a.mask & b.mask) === 0) fail(a.name, `overlaps ${b.name}`);
      if (a.name === b.name) fail(a.name, 'named twice');
    }
  });
}

/** Parses and checks the whole table. */
export function readForms(): Form[] {
  const forms = groups.flatMap((group) => group.rows.map((row) => parseRow(group, row)));
  checkDistinct(forms);
  return forms;
}

type Column = [name: string, type: string, doc: string, value: (form: Form) => number];

const columns: Column[] = [
  ['FORM_BITS', 'Int32Array', 'The fixed bits; the fields are zero.', (f) => f.bits],
  [
    'FORM_SHAPE',
    'Uint8Array',
    'Operand shape, SHAPE_*.',
    (f) => SHAPES.findIndex(([name]) => name === f.shape),
  ],
  [
    'FORM_WIDTH',
    'Uint8Array',
    'Bits of the first register operand; 0: none, or a vector.',
    (f) => (f.registers.length > 0 ? BITS_OF[f.registers[0]!.kind]! : 0),
  ],
  ['FORM_FIELD_AT', 'Uint8Array', 'Lowest bit of the first field.', (f) => f.fields[0]?.at ?? 0],
  [
    'FORM_FEATURE',
    'Uint8Array',
    'CPU feature needed, FEATURE_*.',
    (f) => (f.feature ? features.indexOf(f.feature) : 0),
  ],
  [
    'FORM_WRITES_FLAGS',
    'Uint8Array',
    '1 if NZCV is written.',
    (f) => Number(!!f.flags?.includes('w')),
  ],
  ['FORM_READS_FLAGS', 'Uint8Array', '1 if NZCV is read.', (f) => Number(!!f.flags?.includes('r'))],
  [
    'FORM_TIED',
    'Uint8Array',
    '1 if the first register is read and written.',
    (f) => Number(f.registers[0]?.access === 3),
  ],
  [
    'FORM_ACCESS',
    'Uint16Array',
    'Two bits per register operand, first lowest: 1 read, 2 written.',
    (f) => f.registers.reduce((mask, r, i) => mask | (r.access << (2 * i)), 0),
  ],
  [
    'FORM_MEMORY_BYTES',
    'Uint8Array',
    'Bytes of memory accessed per register; 0: none.',
    (f) => f.bytes ?? 0,
  ],
  [
    'FORM_SCALE',
    'Uint8Array',
    'Base-2 logarithm of those bytes: the scale of offsets.',
    (f) => Math.log2(f.bytes ?? 1),
  ],
];

function columnText([name, type, doc, value]: Column, forms: Form[]): string {
  const values = forms.map((f) => String(value(f)));
  const lines: string[] = [];
  for (let i = 0; i < values.length; i += 24)
    lines.push(`  ${values.slice(i, i + 24).join(', ')},`);
  return `/** ${doc} */\nexport const ${name} = /* @__PURE__ */ new ${type}([\n${lines.join('\n')}\n]);\n`;
}

/** Writes src-ts/gen/aarch64.ts. */
export function* generateAarch64(): Iterable<[string, string]> {
  const forms = readForms();
  const out: string[] = [
    '// Generated by isa/gen/aarch64.ts from isa/aarch64/instructions.ts. Do not edit: run `npm run gen`.',
    '',
  ];
  features.forEach((name, i) => out.push(`export const FEATURE_${name} = ${i};`));
  out.push('', '// Operand shapes: the fields of the encoding from the high end.');
  SHAPES.forEach(([name, doc], i) =>
    out.push(`export const SHAPE_${name} = ${i}; // ${doc || 'none'}`),
  );
  let section = '';
  forms.forEach((form, i) => {
    if (form.section !== section) out.push('', `// ${(section = form.section)}`);
    const operands = form.operands.replace(/:\w+/g, '');
    out.push(
      `export const ${form.name} = ${i}; // ${operands ? `${operands}  ` : ''}[${form.encoding}]`,
    );
  });
  out.push('', `export const FORM_COUNT = ${forms.length};`, '');
  for (const column of columns) out.push(columnText(column, forms));
  out.push('/** Names of the forms, for dumps and tests. */', 'export const FORM_NAMES = [');
  for (const form of forms) out.push(`  '${form.name}',`);
  out.push('];', '');
  yield ['src-ts/gen/aarch64.ts', out.join('\n')];
}
