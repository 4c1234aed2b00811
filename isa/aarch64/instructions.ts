// The A64 instruction forms Elfin uses, in the notation of the Arm Architecture Reference Manual (DDI
// 0487), sections C6.2 (base instructions) and C7.2 (SIMD and floating point).
//
// One row is one form: [name, operands, encoding]. The encoding lists the fields of the 32-bit word
// from bit 31 down, separated by `|`: digits are fixed bits, anything else a field whose width is its
// register's (Rd: 5), the number in its name (imm12: 12), or given after a colon (immr:5). Two fields
// are not the manual's: `amount` is its imm6 of shifted registers, and `mask` its N:immr:imms.
//
// Operands are named as in the manual: W/X/S/D/Q/V is the kind, then the field (Xd is in Rd); `|SP`
// where number 31 is the stack pointer and not zero. A register is read unless marked `:w` (written)
// or `:rw`. What is in brackets after that is memory; what starts with `#` or `{` is how the test
// spells the other fields.
//
// A group shares facts: condition flags read and written, the feature (Armv8.0-A otherwise), registers
// used without being named, and bytes of memory accessed (of each register for a pair).

/** Facts shared by the rows of a group. */
export interface Facts {
  /** NZCV: `r` reads, `w` writes. */
  flags?: 'r' | 'w' | 'rw';
  feature?: Feature;
  /** Registers read or written beyond the operand list. */
  reads?: string;
  writes?: string;
  /** Bytes of memory per register. */
  bytes?: number;
}

/** One form: its constant's name, the operands and the fields of the encoding. */
export type Row = readonly [name: string, operands: string, encoding: string];

/** Rows with the manual section they come from. */
export interface Group extends Facts {
  section: string;
  rows: readonly Row[];
}

/** CPU features a form may need, baseline first; the order numbers the generated constants. */
export const features = ['BASELINE', 'LSE', 'PAUTH', 'BTI'] as const;

export type Feature = (typeof features)[number];

/**
 * The 32- and the 64-bit form of rows: `$` stands for w/x in a name, `R` for the register kind W/X,
 * `sf` for the size bit; `amount`, `immr`, `imms`, `hw` and `mask` are as wide as the size allows.
 */
function both(rows: readonly Row[]): Row[] {
  const narrow: Record<string, string> = {
    sf: '0',
    amount: '0|amount:5',
    immr: '0|immr:5',
    imms: '0|imms:5',
    hw: '0|hw:1',
    mask: '0|mask:12',
  };
  const wide: Record<string, string> = {
    sf: '1',
    amount: 'amount:6',
    immr: 'immr:6',
    imms: 'imms:6',
    hw: 'hw:2',
    mask: 'mask:13',
  };
  const expand = ([name, operands, encoding]: Row, x: boolean): Row => [
    name.replace('$', x ? 'x' : 'w'),
    operands.replace(/R(?=[dnmat])/g, x ? 'X' : 'W'),
    encoding
      .split('|')
      .map((field) => (x ? wide : narrow)[field] ?? field)
      .join('|'),
  ];
  return rows.flatMap((row) => [expand(row, false), expand(row, true)]);
}

/** The single and the double form: `$` is s/d in a name, `F` the kind S/D, `ftype` its bits. */
function floats(rows: readonly Row[]): Row[] {
  const expand = ([name, operands, encoding]: Row, d: boolean): Row => [
    name.replace('$', d ? 'd' : 's'),
    operands.replace(/F(?=[dnma])/g, d ? 'D' : 'S'),
    encoding.replace('ftype', d ? '01' : '00'),
  ];
  return rows.flatMap((row) => [expand(row, false), expand(row, true)]);
}

// ---- arithmetic ----

function addSub(name: string, op: string, s: string): Group {
  const sp = s === '0' ? '|SP' : '';
  return {
    section: `C6.2 ${name}`,
    ...(s === '1' ? { flags: 'w' as const } : {}),
    rows: both([
      [`${name}_$_imm`, `Rd${sp}:w, Rn|SP, #imm{sh}`, `sf|${op}|${s}|100010|sh:1|imm12|Rn|Rd`],
      [`${name}_$_sh`, 'Rd:w, Rn, Rm{shift}', `sf|${op}|${s}|01011|shift|0|Rm|amount|Rn|Rd`],
      [
        `${name}_$_ext`,
        `Rd${sp}:w, Rn|SP, Rm{extend}`,
        `sf|${op}|${s}|01011|00|1|Rm|option|imm3|Rn|Rd`,
      ],
    ]),
  };
}

function logical(name: string, inverted: string, opc: string): Group {
  const s = opc === '11';
  return {
    section: `C6.2 ${name}, ${inverted}`,
    ...(s ? { flags: 'w' as const } : {}),
    rows: both([
      [`${name}_$_imm`, `Rd${s ? '' : '|SP'}:w, Rn, #mask`, `sf|${opc}|100100|mask|Rn|Rd`],
      [`${name}_$_sh`, 'Rd:w, Rn, Rm{shift}', `sf|${opc}|01010|shift|0|Rm|amount|Rn|Rd`],
      [`${inverted}_$_sh`, 'Rd:w, Rn, Rm{shift}', `sf|${opc}|01010|shift|1|Rm|amount|Rn|Rd`],
    ]),
  };
}

const twoSource = (name: string, opcode: string): Row => [
  `${name}_$`,
  'Rd:w, Rn, Rm',
  `sf|0|0|11010110|Rm|${opcode}|Rn|Rd`,
];

const oneSource = (name: string, opcode: string): Row => [
  `${name}_$`,
  'Rd:w, Rn',
  `sf|1|0|11010110|00000|${opcode}|Rn|Rd`,
];

const widening = (name: string, op31: string, o0: string): Row => [
  `${name}_x`,
  'Xd:w, Wn, Wm, Xa',
  `1|00|11011|${op31}|Rm|${o0}|Ra|Rn|Rd`,
];

const select = (name: string, op: string, op2: string): Row => [
  `${name}_$`,
  'Rd:w, Rn, Rm, {cond}',
  `sf|${op}|0|11010100|Rm|cond|${op2}|Rn|Rd`,
];

const arithmetic: Group[] = [
  addSub('ADD', '0', '0'),
  addSub('ADDS', '0', '1'),
  addSub('SUB', '1', '0'),
  addSub('SUBS', '1', '1'),
  logical('AND', 'BIC', '00'),
  logical('ORR', 'ORN', '01'),
  logical('EOR', 'EON', '10'),
  logical('ANDS', 'BICS', '11'),
  {
    section: 'C6.2 MOVN, MOVZ, MOVK',
    rows: both([
      ['MOVN_$', 'Rd:w, #imm16{hw}', 'sf|00|100101|hw|imm16|Rd'],
      ['MOVZ_$', 'Rd:w, #imm16{hw}', 'sf|10|100101|hw|imm16|Rd'],
      ['MOVK_$', 'Rd:rw, #imm16{hw}', 'sf|11|100101|hw|imm16|Rd'],
    ]),
  },
  {
    section: 'C6.2 SBFM, BFM, UBFM, EXTR',
    rows: both([
      ['SBFM_$', 'Rd:w, Rn, #immr, #imms', 'sf|00|100110|sf|immr|imms|Rn|Rd'],
      ['BFM_$', 'Rd:rw, Rn, #immr, #imms', 'sf|01|100110|sf|immr|imms|Rn|Rd'],
      ['UBFM_$', 'Rd:w, Rn, #immr, #imms', 'sf|10|100110|sf|immr|imms|Rn|Rd'],
      ['EXTR_$', 'Rd:w, Rn, Rm, #imms', 'sf|00|100111|sf|0|Rm|imms|Rn|Rd'],
    ]),
  },
  {
    section: 'C6.2 data processing, two sources',
    rows: both([
      twoSource('UDIV', '000010'),
      twoSource('SDIV', '000011'),
      twoSource('LSLV', '001000'),
      twoSource('LSRV', '001001'),
      twoSource('ASRV', '001010'),
      twoSource('RORV', '001011'),
    ]),
  },
  {
    section: 'C6.2 data processing, one source',
    rows: [
      ...both([
        oneSource('RBIT', '000000'),
        oneSource('REV16', '000001'),
        oneSource('CLZ', '000100'),
        oneSource('CLS', '000101'),
      ]),
      ['REV_w', 'Wd:w, Wn', '0|1|0|11010110|00000|000010|Rn|Rd'],
      ['REV32_x', 'Xd:w, Xn', '1|1|0|11010110|00000|000010|Rn|Rd'],
      ['REV_x', 'Xd:w, Xn', '1|1|0|11010110|00000|000011|Rn|Rd'],
    ],
  },
  {
    section: 'C6.2 data processing, three sources',
    rows: [
      ...both([
        ['MADD_$', 'Rd:w, Rn, Rm, Ra', 'sf|00|11011|000|Rm|0|Ra|Rn|Rd'],
        ['MSUB_$', 'Rd:w, Rn, Rm, Ra', 'sf|00|11011|000|Rm|1|Ra|Rn|Rd'],
      ]),
      widening('SMADDL', '001', '0'),
      widening('SMSUBL', '001', '1'),
      widening('UMADDL', '101', '0'),
      widening('UMSUBL', '101', '1'),
      ['SMULH_x', 'Xd:w, Xn, Xm', '1|00|11011|010|Rm|0|11111|Rn|Rd'],
      ['UMULH_x', 'Xd:w, Xn, Xm', '1|00|11011|110|Rm|0|11111|Rn|Rd'],
    ],
  },
  {
    section: 'C6.2 ADC, SBC',
    flags: 'r',
    rows: both([
      ['ADC_$', 'Rd:w, Rn, Rm', 'sf|0|0|11010000|Rm|000000|Rn|Rd'],
      ['SBC_$', 'Rd:w, Rn, Rm', 'sf|1|0|11010000|Rm|000000|Rn|Rd'],
    ]),
  },
  {
    section: 'C6.2 ADCS, SBCS',
    flags: 'rw',
    rows: both([
      ['ADCS_$', 'Rd:w, Rn, Rm', 'sf|0|1|11010000|Rm|000000|Rn|Rd'],
      ['SBCS_$', 'Rd:w, Rn, Rm', 'sf|1|1|11010000|Rm|000000|Rn|Rd'],
    ]),
  },
  {
    section: 'C6.2 conditional select',
    flags: 'r',
    rows: both([
      select('CSEL', '0', '00'),
      select('CSINC', '0', '01'),
      select('CSINV', '1', '00'),
      select('CSNEG', '1', '01'),
    ]),
  },
  {
    section: 'C6.2 conditional compare',
    flags: 'rw',
    rows: both([
      ['CCMN_$', 'Rn, Rm, #nzcv, {cond}', 'sf|0|1|11010010|Rm|cond|0|0|Rn|0|nzcv'],
      ['CCMP_$', 'Rn, Rm, #nzcv, {cond}', 'sf|1|1|11010010|Rm|cond|0|0|Rn|0|nzcv'],
      ['CCMN_$_imm', 'Rn, #imm5, #nzcv, {cond}', 'sf|0|1|11010010|imm5|cond|1|0|Rn|0|nzcv'],
      ['CCMP_$_imm', 'Rn, #imm5, #nzcv, {cond}', 'sf|1|1|11010010|imm5|cond|1|0|Rn|0|nzcv'],
    ]),
  },
];

// ---- control ----

const control: Group[] = [
  {
    section: 'C6.2 ADR, ADRP',
    rows: [
      ['ADR', 'Xd:w, {label}', '0|immlo2|10000|immhi19|Rd'],
      ['ADRP', 'Xd:w, {page}', '1|immlo2|10000|immhi19|Rd'],
    ],
  },
  {
    section: 'C6.2 B',
    rows: [['B', '{label}', '0|00101|imm26']],
  },
  {
    section: 'C6.2 BL',
    writes: 'x30',
    rows: [['BL', '{label}', '1|00101|imm26']],
  },
  {
    section: 'C6.2 B.cond',
    flags: 'r',
    rows: [['B_cond', '{label}', '01010100|imm19|0|cond']],
  },
  {
    section: 'C6.2 CBZ, CBNZ, TBZ, TBNZ',
    rows: [
      ...both([
        ['CBZ_$', 'Rt, {label}', 'sf|011010|0|imm19|Rt'],
        ['CBNZ_$', 'Rt, {label}', 'sf|011010|1|imm19|Rt'],
      ]),
      ['TBZ', 'Xt, #bit, {label}', 'bit1|011011|0|bit5|imm14|Rt'],
      ['TBNZ', 'Xt, #bit, {label}', 'bit1|011011|1|bit5|imm14|Rt'],
    ],
  },
  {
    section: 'C6.2 BR, RET',
    rows: [
      ['BR', 'Xn', '1101011|0000|11111|000000|Rn|00000'],
      ['RET', 'Xn', '1101011|0010|11111|000000|Rn|00000'],
    ],
  },
  {
    section: 'C6.2 BLR',
    writes: 'x30',
    rows: [['BLR', 'Xn', '1101011|0001|11111|000000|Rn|00000']],
  },
  {
    section: 'C6.2 BRK, UDF, hints, barriers',
    rows: [
      ['BRK', '#imm16', '11010100|001|imm16|000|00'],
      ['UDF', '#imm16', '0000000000000000|imm16'],
      ['NOP', '', '11010101000000110010|0000|000|11111'],
      ['YIELD', '', '11010101000000110010|0000|001|11111'],
      ['CSDB', '', '11010101000000110010|0010|100|11111'],
      ['DSB', '#barrier', '1101010100|0|00|011|0011|imm4|1|00|11111'],
      ['DMB', '#barrier', '1101010100|0|00|011|0011|imm4|1|01|11111'],
      ['ISB', '', '1101010100|0|00|011|0011|1111|1|10|11111'],
    ],
  },
  {
    section: 'C6.2 PACIASP, AUTIASP',
    feature: 'PAUTH',
    reads: 'sp x30',
    writes: 'x30',
    rows: [
      ['PACIASP', '', '11010101000000110010|0011|001|11111'],
      ['PACIBSP', '', '11010101000000110010|0011|011|11111'],
      ['AUTIASP', '', '11010101000000110010|0011|101|11111'],
      ['AUTIBSP', '', '11010101000000110010|0011|111|11111'],
    ],
  },
  {
    section: 'C6.2 AUTIA1716',
    feature: 'PAUTH',
    reads: 'x16 x17',
    writes: 'x17',
    rows: [['AUTIA1716', '', '11010101000000110010|0001|100|11111']],
  },
  {
    section: 'C6.2 BTI',
    feature: 'BTI',
    rows: [
      ['BTI', '', '11010101000000110010|0100|000|11111'],
      ['BTI_c', '', '11010101000000110010|0100|010|11111'],
      ['BTI_j', '', '11010101000000110010|0100|100|11111'],
      ['BTI_jc', '', '11010101000000110010|0100|110|11111'],
    ],
  },
];

// ---- memory ----

/**
 * A load or store in all its addressing modes. `kind` is the register's letter, `suffix` what the
 * name says of it; a load writes its register.
 */
function access(
  name: string,
  suffix: string,
  kind: string,
  bytes: number,
  size: string,
  v: string,
  opc: string,
): Group {
  const rt = `${kind}t${name.startsWith('LD') ? ':w' : ''}`;
  const unscaled = `${name.slice(0, 2)}UR${name.slice(3)}${suffix}`;
  return {
    section: `C6.2, C7.2 ${name}${suffix}`,
    bytes,
    rows: [
      [
        `${name}${suffix}_uoff`,
        `${rt}, [Xn|SP, #offset]`,
        `${size}|111|${v}|01|${opc}|imm12|Rn|Rt`,
      ],
      [unscaled, `${rt}, [Xn|SP, #offset]`, `${size}|111|${v}|00|${opc}|0|imm9|00|Rn|Rt`],
      [
        `${name}${suffix}_post`,
        `${rt}, [Xn|SP:rw], #offset`,
        `${size}|111|${v}|00|${opc}|0|imm9|01|Rn|Rt`,
      ],
      [
        `${name}${suffix}_pre`,
        `${rt}, [Xn|SP:rw, #offset]!`,
        `${size}|111|${v}|00|${opc}|0|imm9|11|Rn|Rt`,
      ],
      [
        `${name}${suffix}_reg`,
        `${rt}, [Xn|SP, Xm{index}]`,
        `${size}|111|${v}|00|${opc}|1|Rm|option|S:1|10|Rn|Rt`,
      ],
    ],
  };
}

/** A pair in its addressing modes. */
function pair(name: string, kind: string, bytes: number, opc: string, v: string): Group {
  const load = name.startsWith('LD');
  const mark = load ? ':w' : '';
  const stem = name.endsWith('SW') ? name : `${name}_${kind.toLowerCase()}`;
  const row = (suffix: string, memory: string, mode: string): Row => [
    `${stem}_${suffix}`,
    `${kind}t${mark}, ${kind}t2${mark}, ${memory}`,
    `${opc}|101|${v}|${mode}|${load ? '1' : '0'}|imm7|Rt2|Rn|Rt`,
  ];
  return {
    section: `C6.2, C7.2 ${stem}`,
    bytes,
    rows: [
      row('post', '[Xn|SP:rw], #offset', '001'),
      row('off', '[Xn|SP, #offset]', '010'),
      row('pre', '[Xn|SP:rw, #offset]!', '011'),
    ],
  };
}

const literal = (name: string, kind: string, bytes: number, opc: string, v: string): Group => ({
  section: 'C6.2, C7.2 LDR (literal)',
  bytes,
  rows: [[name, `${kind}t:w, {label}`, `${opc}|011|${v}|00|imm19|Rt`]],
});

const ordered: readonly [suffix: string, kind: string, bytes: number, size: string][] = [
  ['B', 'W', 1, '00'],
  ['H', 'W', 2, '01'],
  ['_w', 'W', 4, '10'],
  ['_x', 'X', 8, '11'],
];

/** Acquire/release and exclusive accesses, and the LSE read-modify-writes, of one size. */
function atomics([suffix, kind, bytes, size]: (typeof ordered)[number]): Group[] {
  const rmw = (name: string, op: string): Row => [
    `${name}${suffix}`,
    `${kind}s, ${kind}t:w, [Xn|SP]`,
    `${size}|111|0|00|1|1|1|Rs|${op}|00|Rn|Rt`,
  ];
  return [
    {
      section: 'C6.2 load-acquire, store-release, exclusives',
      bytes,
      rows: [
        [`LDAR${suffix}`, `${kind}t:w, [Xn|SP]`, `${size}|001000|1|1|0|11111|1|11111|Rn|Rt`],
        [`STLR${suffix}`, `${kind}t, [Xn|SP]`, `${size}|001000|1|0|0|11111|1|11111|Rn|Rt`],
        [`LDAXR${suffix}`, `${kind}t:w, [Xn|SP]`, `${size}|001000|0|1|0|11111|1|11111|Rn|Rt`],
        [`STLXR${suffix}`, `Ws:w, ${kind}t, [Xn|SP]`, `${size}|001000|0|0|0|Rs|1|11111|Rn|Rt`],
      ],
    },
    {
      section: 'C6.2 LSE',
      feature: 'LSE',
      bytes,
      rows: [
        [
          `CASAL${suffix}`,
          `${kind}s:rw, ${kind}t, [Xn|SP]`,
          `${size}|001000|1|1|1|Rs|1|11111|Rn|Rt`,
        ],
        rmw('LDADDAL', '0|000'),
        rmw('LDCLRAL', '0|001'),
        rmw('LDEORAL', '0|010'),
        rmw('LDSETAL', '0|011'),
        rmw('SWPAL', '1|000'),
      ],
    },
  ];
}

const memory: Group[] = [
  access('STRB', '', 'W', 1, '00', '0', '00'),
  access('LDRB', '', 'W', 1, '00', '0', '01'),
  access('LDRSB', '_x', 'X', 1, '00', '0', '10'),
  access('LDRSB', '_w', 'W', 1, '00', '0', '11'),
  access('STRH', '', 'W', 2, '01', '0', '00'),
  access('LDRH', '', 'W', 2, '01', '0', '01'),
  access('LDRSH', '_x', 'X', 2, '01', '0', '10'),
  access('LDRSH', '_w', 'W', 2, '01', '0', '11'),
  access('STR', '_w', 'W', 4, '10', '0', '00'),
  access('LDR', '_w', 'W', 4, '10', '0', '01'),
  access('LDRSW', '', 'X', 4, '10', '0', '10'),
  access('STR', '_x', 'X', 8, '11', '0', '00'),
  access('LDR', '_x', 'X', 8, '11', '0', '01'),
  access('STR', '_s', 'S', 4, '10', '1', '00'),
  access('LDR', '_s', 'S', 4, '10', '1', '01'),
  access('STR', '_d', 'D', 8, '11', '1', '00'),
  access('LDR', '_d', 'D', 8, '11', '1', '01'),
  access('STR', '_q', 'Q', 16, '00', '1', '10'),
  access('LDR', '_q', 'Q', 16, '00', '1', '11'),
  pair('STP', 'W', 4, '00', '0'),
  pair('LDP', 'W', 4, '00', '0'),
  pair('LDPSW', 'X', 4, '01', '0'),
  pair('STP', 'X', 8, '10', '0'),
  pair('LDP', 'X', 8, '10', '0'),
  pair('STP', 'S', 4, '00', '1'),
  pair('LDP', 'S', 4, '00', '1'),
  pair('STP', 'D', 8, '01', '1'),
  pair('LDP', 'D', 8, '01', '1'),
  pair('STP', 'Q', 16, '10', '1'),
  pair('LDP', 'Q', 16, '10', '1'),
  literal('LDR_w_lit', 'W', 4, '00', '0'),
  literal('LDR_x_lit', 'X', 8, '01', '0'),
  literal('LDRSW_lit', 'X', 4, '10', '0'),
  literal('LDR_s_lit', 'S', 4, '00', '1'),
  literal('LDR_d_lit', 'D', 8, '01', '1'),
  literal('LDR_q_lit', 'Q', 16, '10', '1'),
  ...ordered.flatMap(atomics),
];

// ---- floating point ----

const unary = (name: string, opcode: string): Row => [
  `${name}_$`,
  'Fd:w, Fn',
  `00011110|ftype|1|${opcode}|10000|Rn|Rd`,
];

const binary = (name: string, opcode: string): Row => [
  `${name}_$`,
  'Fd:w, Fn, Fm',
  `00011110|ftype|1|Rm|${opcode}|10|Rn|Rd`,
];

const fused = (name: string, o1: string, o0: string): Row => [
  `${name}_$`,
  'Fd:w, Fn, Fm, Fa',
  `00011111|ftype|${o1}|Rm|${o0}|Ra|Rn|Rd`,
];

/** Float to integer (or the reverse), every pair of sizes. */
function conversion(name: string, toFloat: boolean, op: string): Row[] {
  const rows: Row[] = [];
  for (const [g, sf] of ['w0', 'x1'] as const) {
    for (const [f, ftype] of ['s0', 'd1'] as const) {
      const [d, n] = toFloat ? [f, g] : [g, f];
      rows.push([
        `${name}_${d}_${n}`,
        `${d!.toUpperCase()}d:w, ${n!.toUpperCase()}n`,
        `${sf}|0|0|11110|0${ftype}|1|${op}|000000|Rn|Rd`,
      ]);
    }
  }
  return rows;
}

const bits = (name: string, mark: string, u: string, opc: string): Row[] => [
  [`${name}_8b`, `Vd.8B:${mark}, Vn.8B, Vm.8B`, `0|0|${u}|01110|${opc}|1|Rm|00011|1|Rn|Rd`],
  [`${name}_16b`, `Vd.16B:${mark}, Vn.16B, Vm.16B`, `0|1|${u}|01110|${opc}|1|Rm|00011|1|Rn|Rd`],
];

const float: Group[] = [
  {
    section: 'C7.2 floating-point data processing, one source',
    rows: [
      ...floats([
        unary('FMOV', '000000'),
        unary('FABS', '000001'),
        unary('FNEG', '000010'),
        unary('FSQRT', '000011'),
        unary('FRINTN', '001000'),
        unary('FRINTP', '001001'),
        unary('FRINTM', '001010'),
        unary('FRINTZ', '001011'),
      ]),
      ['FCVT_d_s', 'Dd:w, Sn', '00011110|00|1|000101|10000|Rn|Rd'],
      ['FCVT_s_d', 'Sd:w, Dn', '00011110|01|1|000100|10000|Rn|Rd'],
    ],
  },
  {
    section: 'C7.2 floating-point data processing, two and three sources',
    rows: floats([
      binary('FMUL', '0000'),
      binary('FDIV', '0001'),
      binary('FADD', '0010'),
      binary('FSUB', '0011'),
      binary('FMAX', '0100'),
      binary('FMIN', '0101'),
      binary('FNMUL', '1000'),
      fused('FMADD', '0', '0'),
      fused('FMSUB', '0', '1'),
      fused('FNMADD', '1', '0'),
      fused('FNMSUB', '1', '1'),
    ]),
  },
  {
    section: 'C7.2 FCMP',
    flags: 'w',
    rows: floats([
      ['FCMP_$', 'Fn, Fm', '00011110|ftype|1|Rm|00|1000|Rn|00000'],
      ['FCMP_$_zero', 'Fn, #0.0', '00011110|ftype|1|00000|00|1000|Rn|01000'],
    ]),
  },
  {
    section: 'C7.2 FCCMP',
    flags: 'rw',
    rows: floats([['FCCMP_$', 'Fn, Fm, #nzcv, {cond}', '00011110|ftype|1|Rm|cond|01|Rn|0|nzcv']]),
  },
  {
    section: 'C7.2 FCSEL',
    flags: 'r',
    rows: floats([['FCSEL_$', 'Fd:w, Fn, Fm, {cond}', '00011110|ftype|1|Rm|cond|11|Rn|Rd']]),
  },
  {
    section: 'C7.2 FMOV (immediate)',
    rows: floats([['FMOV_$_imm', 'Fd:w, #fp', '00011110|ftype|1|imm8|100|00000|Rd']]),
  },
  {
    section: 'C7.2 conversions between floating point and integer, FMOV (general)',
    rows: [
      ...conversion('FCVTZS', false, '11|000'),
      ...conversion('FCVTZU', false, '11|001'),
      ...conversion('SCVTF', true, '00|010'),
      ...conversion('UCVTF', true, '00|011'),
      ['FMOV_w_s', 'Wd:w, Sn', '0|0|0|11110|00|1|00|110|000000|Rn|Rd'],
      ['FMOV_s_w', 'Sd:w, Wn', '0|0|0|11110|00|1|00|111|000000|Rn|Rd'],
      ['FMOV_x_d', 'Xd:w, Dn', '1|0|0|11110|01|1|00|110|000000|Rn|Rd'],
      ['FMOV_d_x', 'Dd:w, Xn', '1|0|0|11110|01|1|00|111|000000|Rn|Rd'],
    ],
  },
  {
    section: 'C7.2 vector',
    rows: [
      ['CNT_8b', 'Vd.8B:w, Vn.8B', '0|0|0|01110|00|10000|00101|10|Rn|Rd'],
      ['CNT_16b', 'Vd.16B:w, Vn.16B', '0|1|0|01110|00|10000|00101|10|Rn|Rd'],
      ['ADDV_8b', 'Bd:w, Vn.8B', '0|0|0|01110|00|11000|11011|10|Rn|Rd'],
      ['UADDLV_8b', 'Hd:w, Vn.8B', '0|0|1|01110|00|11000|00011|10|Rn|Rd'],
      ...bits('AND', 'w', '0', '00'),
      ...bits('BIC', 'w', '0', '01'),
      ...bits('ORR', 'w', '0', '10'),
      ...bits('EOR', 'w', '1', '00'),
      ...bits('BSL', 'rw', '1', '01'),
      ...bits('BIT', 'rw', '1', '10'),
      ...bits('BIF', 'rw', '1', '11'),
      ['MOVI_d', 'Dd:w, #bytes', '0|0|1|0111100000|abc3|1110|01|defgh5|Rd'],
      ['MOVI_2d', 'Vd.2D:w, #bytes', '0|1|1|0111100000|abc3|1110|01|defgh5|Rd'],
      ['MOVI_2s_lsl24', 'Vd.2S:w, #imm8, lsl #24', '0|0|0|0111100000|abc3|0110|01|defgh5|Rd'],
    ],
  },
];

/** The whole table. */
export const groups: readonly Group[] = [...arithmetic, ...control, ...memory, ...float];
