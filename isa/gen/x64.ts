// Checks the x86-64 table (isa/x64/instructions.ts) and writes src-ts/gen/x64.ts: a number per form,
// the packed encoding word the encoder reads, and fact columns for lowering and tests.
//
// FORM_BITS word, low bit first:
//   0-7 opcode | 8-9 map (0 none, 1 0F, 2 0F38, 3 0F3A) | 10-11 prefix in VEX.pp order (0 none, 1 66,
//   2 F3, 3 F2) | 12 W | 13-15 opcode extension (/digit) | 16 ModRM.reg is an 8-bit register |
//   17 ModRM.rm is an 8-bit register | 18 VEX | 19 VEX.L | 20-23 bytes of immediate | 24 LOCK |
//   25 register in the opcode (+rd) | 26 a fixed ModRM byte of mod 3, reg = digit, rm 0
import { type Facts, features, groups } from '../x64/instructions.ts';

const MAPS = ['', '0F', '0F38', '0F3A'];
const PREFIXES = ['', '66', 'F3', 'F2'];
const IMM_BYTES: Record<string, number> = { ib: 1, iw: 2, id: 4, io: 8, cb: 1, cd: 4 };
const GP = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'];

/** Operand roles of a form, SDM's Op/En column spelt out. The order numbers the constants. */
const SHAPES = [
  ['ZO', 'no operand'],
  ['D', 'rel'],
  ['I', 'imm'],
  ['O', 'register in the opcode'],
  ['OI', 'register in the opcode, imm'],
  ['M', 'rm'],
  ['MI', 'rm, imm'],
  ['MC', 'rm, cl'],
  ['RM', 'reg, rm'],
  ['MR', 'rm, reg'],
  ['RMI', 'reg, rm, imm'],
  ['MRI', 'rm, reg, imm'],
  ['MRC', 'rm, reg, cl'],
  ['VM', 'vvvv, rm'],
  ['RVM', 'reg, vvvv, rm'],
  ['RMV', 'reg, rm, vvvv'],
  ['RVMI', 'reg, vvvv, rm, imm'],
] as const;

interface Operand {
  kind: string;
  access: number; // 1 read, 2 written
  keepsRest: boolean;
  signExtended: boolean;
}

interface Form extends Facts {
  name: string;
  section: string;
  mnemonic: string;
  text: string;
  operands: Operand[];
  shape: string;
  bits: number;
}

interface Encoding {
  opcode: number;
  map: number;
  prefix: number;
  w: boolean;
  vex: boolean;
  vexL: boolean;
  digit: number; // -1: none
  slashR: boolean;
  lock: boolean;
  plusReg: boolean;
  plusCc: boolean;
  fixedModrm: number; // -1: none
  imm: string;
}

function fail(row: string, what: string): never {
  throw new Error(`isa/x64: ${row}: ${what}`);
}

const bareEncoding = (): Encoding => ({
  opcode: -1,
  map: 0,
  prefix: 0,
  w: false,
  vex: false,
  vexL: false,
  digit: -1,
  slashR: false,
  lock: false,
  plusReg: false,
  plusCc: false,
  fixedModrm: -1,
  imm: '',
});

/** `VEX.128.66.0F.WIG` and friends. */
function parseVex(e: Encoding, token: string, row: string): void {
  e.vex = true;
  for (const part of token.split('.').slice(1)) {
    if (PREFIXES.indexOf(part) > 0) e.prefix = PREFIXES.indexOf(part);
    else if (MAPS.indexOf(part) > 0) e.map = MAPS.indexOf(part);
    else if (part === 'W1') e.w = true;
    else if (part === '256') e.vexL = true;
    else if (!['W0', 'WIG', 'LZ', 'LIG', '128'].includes(part)) fail(row, `VEX part ${part}`);
  }
  if (e.map === 0) fail(row, 'VEX without a map');
}

/** Prefix and map bytes; false when the token is none of them at this place. */
function parsePrefix(e: Encoding, token: string, row: string): boolean {
  if (e.opcode >= 0) return false;
  if (token.startsWith('VEX.')) parseVex(e, token, row);
  else if (token === 'REX.W') e.w = true;
  else if (token === 'F0' && !e.vex) e.lock = true;
  else if (!e.vex && e.map === 0 && PREFIXES.indexOf(token) > 0) {
    if (e.prefix !== 0) fail(row, 'two prefixes');
    e.prefix = PREFIXES.indexOf(token);
  } else if (!e.vex && e.map === 0 && token === '0F') e.map = 1;
  else if (!e.vex && e.map === 1 && (token === '38' || token === '3A')) {
    e.map = token === '38' ? 2 : 3;
  } else return false;
  return true;
}

function parseOpcode(text: string, row: string): Encoding {
  const e = bareEncoding();
  for (const token of text.replace(/ \+ /g, ' ').split(' ')) {
    if (token === 'NP' || parsePrefix(e, token, row)) continue;
    if (token === '/r') e.slashR = true;
    else if (/^\/[0-7]$/.test(token)) e.digit = Number(token[1]);
    else if (token in IMM_BYTES) e.imm = token;
    else if (/^[0-9A-F]{2}(\+rd|\+cc)?$/.test(token)) {
      if (e.opcode >= 0) e.fixedModrm = parseInt(token, 16);
      else e.opcode = parseInt(token.slice(0, 2), 16);
      e.plusReg ||= token.endsWith('+rd');
      e.plusCc ||= token.endsWith('+cc');
    } else fail(row, `opcode token ${token}`);
  }
  if (e.opcode < 0) fail(row, 'no opcode');
  return e;
}

function parseOperand(text: string, row: string): Operand {
  const match = /^([a-z0-9]+)(?::(w|wl|rw|sx))?$/.exec(text);
  if (!match) fail(row, `operand ${text}`);
  const mark = match[2];
  return {
    kind: match[1]!,
    access: mark === 'w' || mark === 'wl' ? 2 : mark === 'rw' ? 3 : 1,
    keepsRest: mark === 'wl',
    signExtended: mark === 'sx',
  };
}

/** Which field an operand kind goes into: M r/m, R plain register, I immediate, D branch, C cl, 1. */
function fieldOf(kind: string, row: string): string {
  if (/^(rm(8|16|32|64)|m(8|16|32|64|128)?|xm(32|64|128))$/.test(kind)) return 'M';
  if (/^(r(8|16|32|64)|xmm)$/.test(kind)) return 'R';
  if (/^imm(8|16|32|64)$/.test(kind)) return 'I';
  if (/^rel(8|32)$/.test(kind)) return 'D';
  if (kind === 'cl') return 'C';
  if (kind === '1') return '';
  return fail(row, `operand kind ${kind}`);
}

function shapeOf(operands: Operand[], e: Encoding, row: string): string {
  const fields = operands.map((o) => fieldOf(o.kind, row));
  if (!fields.includes('M') && fields.includes('R') && !e.plusReg) {
    fields[e.digit >= 0 ? fields.indexOf('R') : fields.lastIndexOf('R')] = 'M';
  }
  // Two plain registers of BT and the like are written rm, reg in the manual; kept RM only if /r
  // reads that way, which the opcode's direction decides (0F A3..BB are MR).
  const bitTest = e.map === 1 && (e.opcode & 0xe7) === 0xa3 && e.slashR;
  if (bitTest && fields.join('') === 'RM') fields.reverse();
  let registers = 0;
  const shape = fields
    .map((f) => {
      if (f !== 'R') return f;
      if (e.plusReg) return 'O';
      return registers++ === 0 && e.slashR ? 'R' : 'V';
    })
    .join('');
  const result = shape === '' ? 'ZO' : shape;
  if (!SHAPES.some(([name]) => name === result)) fail(row, `shape ${result}`);
  if (e.slashR !== result.includes('R')) fail(row, '/r and the operands disagree');
  if (e.vex !== true && result.includes('V')) fail(row, 'vvvv without VEX');
  return result;
}

function checkWidths(operands: Operand[], e: Encoding, facts: Facts, row: string): void {
  const imm = operands.find((o) => o.kind.startsWith('imm') || o.kind.startsWith('rel'));
  const bits = imm ? Number(/\d+$/.exec(imm.kind)![0]) : 0;
  if ((IMM_BYTES[e.imm] ?? 0) * 8 !== bits) fail(row, 'immediate widths disagree');
  if (e.vex && !facts.feature) fail(row, 'VEX without a feature');
  const widths = operands.map((o) => /^(?:r|rm)(\d+)$/.exec(o.kind)?.[1]);
  const narrowSource = /^(MOVZX|MOVSX|MOVSXD) /.test(row);
  if (widths.includes('64') !== (e.w || !!facts.default64) && !/^(CQO|REP_|LEA|LOCK_)/.test(row)) {
    if (!(facts.default64 && !widths.includes('64')))
      fail(row, 'REX.W and a 64-bit operand disagree');
  }
  if (widths.includes('16') && !narrowSource && e.prefix !== 1) fail(row, '16 bits without 66');
}

const kindIs8 = (o: Operand | undefined): boolean => o?.kind === 'r8' || o?.kind === 'rm8';

function packBits(e: Encoding, operands: Operand[], shape: string): number {
  const at = (field: string): Operand | undefined => operands[[...shape].indexOf(field)];
  const named = shape === 'ZO' ? [] : operands;
  const flag = (on: boolean, bit: number): number => (on ? 1 << bit : 0);
  const digit = e.fixedModrm >= 0 ? (e.fixedModrm >> 3) & 7 : Math.max(e.digit, 0);
  return (
    e.opcode |
    (e.map << 8) |
    (e.prefix << 10) |
    flag(e.w, 12) |
    (digit << 13) |
    flag(named.length > 0 && kindIs8(at('R')), 16) |
    flag(named.length > 0 && kindIs8(at('M')), 17) |
    flag(e.vex, 18) |
    flag(e.vexL, 19) |
    ((IMM_BYTES[e.imm] ?? 0) << 20) |
    flag(e.lock, 24) |
    flag(e.plusReg, 25) |
    flag(e.fixedModrm >= 0, 26)
  );
}

function parseRow(facts: Facts & { section: string }, instruction: string, opcode: string): Form {
  const space = instruction.indexOf(' ');
  const mnemonic = space < 0 ? instruction : instruction.slice(0, space);
  const list = space < 0 ? [] : instruction.slice(space + 1).split(', ');
  const operands = list.map((text) => parseOperand(text, instruction));
  const e = parseOpcode(opcode, instruction);
  if (e.plusCc !== mnemonic.endsWith('CC')) fail(instruction, '+cc and the mnemonic disagree');
  if (e.fixedModrm >= 0 && (e.fixedModrm & 0xc7) !== 0xc0) fail(instruction, 'fixed ModRM');
  checkWidths(operands, e, facts, instruction);
  const shape = shapeOf(operands, e, instruction);
  return {
    ...facts,
    name: [mnemonic, ...operands.map((o) => o.kind)].join('_'),
    mnemonic,
    text: `${instruction.replace(/:\w+/g, '')}  [${opcode}]`,
    operands,
    shape,
    bits: packBits(e, operands, shape),
  };
}

/** Parses and checks the whole table. */
export function readForms(): Form[] {
  const forms: Form[] = [];
  const seen = new Set<string>();
  for (const group of groups) {
    for (const [instruction, opcode] of group.rows) {
      const form = parseRow(group, instruction, opcode);
      if (seen.has(form.name)) fail(instruction, 'named twice');
      seen.add(form.name);
      forms.push(form);
    }
  }
  return forms;
}

function registerMask(names: string | undefined): number {
  let mask = 0;
  for (const name of names ? names.split(' ') : []) {
    if (!GP.includes(name)) throw new Error(`isa/x64: implicit register ${name}`);
    mask |= 1 << GP.indexOf(name);
  }
  return mask;
}

/** 0 no r/m operand or register only, 1 register or memory, 2 memory only. */
function memoryOf(form: Form): number {
  for (const { kind } of form.operands) {
    if (/^m\d*$/.test(kind)) return 2;
    if (/^x?r?m\d+$/.test(kind) && kind !== 'xmm') return 1;
  }
  return 0;
}

function memoryBytes(form: Form): number {
  for (const { kind } of form.operands) {
    const match = /^(?:m|rm|xm)(\d+)$/.exec(kind);
    if (match) return Number(match[1]) / 8;
  }
  return 0;
}

function operandAccess(form: Form): number {
  return form.operands.reduce((mask, o, i) => mask | (o.access << (2 * i)), 0);
}

/** A 32-bit general register destination: the write clears bits 32-63. */
function zeroExtends(form: Form): boolean {
  return form.operands.some((o) => (o.access & 2) !== 0 && /^(r|rm)32$/.test(o.kind));
}

type Column = [name: string, type: string, doc: string, value: (form: Form) => number];

const columns: Column[] = [
  ['FORM_BITS', 'Int32Array', 'The packed encoding; layout in isa/gen/x64.ts.', (f) => f.bits],
  [
    'FORM_SHAPE',
    'Uint8Array',
    'Operand roles, SHAPE_*.',
    (f) => SHAPES.findIndex(([name]) => name === f.shape),
  ],
  [
    'FORM_FEATURE',
    'Uint8Array',
    'CPU feature needed, FEATURE_*.',
    (f) => (f.feature ? features.indexOf(f.feature) : 0),
  ],
  [
    'FORM_WRITES_FLAGS',
    'Uint8Array',
    '1 if the status flags may change.',
    (f) => Number(!!f.flags?.includes('w')),
  ],
  [
    'FORM_READS_FLAGS',
    'Uint8Array',
    '1 if the status flags are read.',
    (f) => Number(!!f.flags?.includes('r')),
  ],
  [
    'FORM_TIED',
    'Uint8Array',
    '1 if the first operand is read and written.',
    (f) => Number(f.operands[0]?.access === 3),
  ],
  [
    'FORM_ACCESS',
    'Uint16Array',
    'Two bits per operand, first lowest: 1 read, 2 written.',
    operandAccess,
  ],
  [
    'FORM_KEEPS_REST',
    'Uint8Array',
    '1 if the destination register keeps its upper part (a false dependency on its old value).',
    (f) => Number(f.operands.some((o) => o.keepsRest)),
  ],
  [
    'FORM_ZERO_EXTENDS',
    'Uint8Array',
    '1 if a 32-bit register destination is zero-extended to 64.',
    (f) => Number(zeroExtends(f)),
  ],
  ['FORM_MEMORY', 'Uint8Array', '0 no memory operand, 1 register or memory, 2 memory.', memoryOf],
  ['FORM_MEMORY_BYTES', 'Uint8Array', 'Bytes of the memory form; 0: none (LEA).', memoryBytes],
  [
    'FORM_IMM_SIGNED',
    'Uint8Array',
    '1 if the immediate is sign-extended to the operand size.',
    (f) => Number(f.operands.some((o) => o.signExtended)),
  ],
  [
    'FORM_IMPLICIT_READS',
    'Uint16Array',
    'Mask of general registers read without being named.',
    (f) => registerMask(f.reads),
  ],
  [
    'FORM_IMPLICIT_WRITES',
    'Uint16Array',
    'Mask of general registers written without being named.',
    (f) => registerMask(f.writes),
  ],
];

function columnText([name, type, doc, value]: Column, forms: Form[]): string {
  const values = forms.map((f) => String(value(f)));
  const lines: string[] = [];
  for (let i = 0; i < values.length; i += 24)
    lines.push(`  ${values.slice(i, i + 24).join(', ')},`);
  return `/** ${doc} */\nexport const ${name} = /* @__PURE__ */ new ${type}([\n${lines.join('\n')}\n]);\n`;
}

/** Writes src-ts/gen/x64.ts. */
export function* generateX64(): Iterable<[string, string]> {
  const forms = readForms();
  const out: string[] = [
    '// Generated by isa/gen/x64.ts from isa/x64/instructions.ts. Do not edit: run `npm run gen`.',
    '',
  ];
  features.forEach((name, i) => out.push(`export const FEATURE_${name} = ${i};`));
  out.push('', '// Operand roles in the order of the manual (SDM Op/En column).');
  SHAPES.forEach(([name, doc], i) => out.push(`export const SHAPE_${name} = ${i}; // ${doc}`));
  let section = '';
  forms.forEach((form, i) => {
    if (form.section !== section) out.push('', `// ${(section = form.section)}`);
    out.push(`export const ${form.name} = ${i}; // ${form.text}`);
  });
  out.push('', `export const FORM_COUNT = ${forms.length};`, '');
  for (const column of columns) out.push(columnText(column, forms));
  out.push('/** Names of the forms, for dumps and tests. */', 'export const FORM_NAMES = [');
  for (const form of forms) out.push(`  '${form.name}',`);
  out.push('];', '');
  yield ['src-ts/gen/x64.ts', out.join('\n')];
}
