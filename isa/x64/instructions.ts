// The x86-64 instruction forms Elfin uses, in the notation of the Intel SDM, Volume 2 (instruction
// set reference, chapters 3-6; the encoding column is explained in section 3.1.1.1, VEX in 3.1.1.2).
//
// One row is one form: [instruction column, opcode column]. In the instruction column every operand
// is a kind (rm64, imm8, xm64 = xmm/m64, cl, rel32, ...) with its access: nothing = read, `:w` =
// written whole, `:wl` = low part written and the rest of the register kept, `:rw` = read and
// written. An immediate marked `:sx` is sign-extended to the operation's width. `Jcc`-like families
// are one row; `+cc` adds the condition number (SDM Vol. 2, appendix B.1.4.7) to the opcode.
//
// A group shares facts: status flags read and written (`w` also covers "undefined after"), the CPUID
// feature, registers used without being named, and whether the operand size is 64 without REX.W.
// Upper halves: a 32-bit register write zero-extends (Vol. 1, 3.4.1.1); isa/gen derives that.

/** Facts shared by the rows of a group. */
export interface Facts {
  /** Status flags: `r` reads, `w` may change. */
  flags?: 'r' | 'w' | 'rw';
  /** CPUID feature; baseline (SSE2) when absent. */
  feature?: Feature;
  /** Registers read or written beyond the operand list. */
  reads?: string;
  writes?: string;
  /** Operand size is 64 bits without REX.W (Vol. 1, 3.6.1). */
  default64?: boolean;
}

/** One form: the instruction column and the opcode column of the manual. */
export type Row = readonly [instruction: string, opcode: string];

/** Rows with the manual section they come from. */
export interface Group extends Facts {
  section: string;
  rows: readonly Row[];
}

/** CPU features a form may need, baseline first; the order numbers the generated constants. */
export const features = [
  'BASELINE',
  'SSE3',
  'SSSE3',
  'SSE4_1',
  'SSE4_2',
  'POPCNT',
  'LZCNT',
  'BMI1',
  'BMI2',
  'AVX',
  'AVX2',
  'FMA',
] as const;

export type Feature = (typeof features)[number];

const hex = (n: number): string => n.toString(16).toUpperCase().padStart(2, '0');

/** The eight classic ALU operations: opcodes 8 * n + 0..3 and 80/81/83 /n. */
function alu(name: string, n: number, access: string, flags: Facts['flags']): Group {
  const at = (low: number): string => hex(8 * n + low);
  return {
    section: `${name}, Vol. 2`,
    flags,
    rows: [
      [`${name} rm8${access}, r8`, `${at(0)} /r`],
      [`${name} rm16${access}, r16`, `66 ${at(1)} /r`],
      [`${name} rm32${access}, r32`, `${at(1)} /r`],
      [`${name} rm64${access}, r64`, `REX.W + ${at(1)} /r`],
      [`${name} r8${access}, rm8`, `${at(2)} /r`],
      [`${name} r16${access}, rm16`, `66 ${at(3)} /r`],
      [`${name} r32${access}, rm32`, `${at(3)} /r`],
      [`${name} r64${access}, rm64`, `REX.W + ${at(3)} /r`],
      [`${name} rm8${access}, imm8:sx`, `80 /${n} ib`],
      [`${name} rm16${access}, imm16:sx`, `66 81 /${n} iw`],
      [`${name} rm32${access}, imm32:sx`, `81 /${n} id`],
      [`${name} rm64${access}, imm32:sx`, `REX.W + 81 /${n} id`],
      [`${name} rm16${access}, imm8:sx`, `66 83 /${n} ib`],
      [`${name} rm32${access}, imm8:sx`, `83 /${n} ib`],
      [`${name} rm64${access}, imm8:sx`, `REX.W + 83 /${n} ib`],
    ],
  };
}

/** NOT and NEG, and the one-operand multiply and divide: F6/F7 /n. */
function unary(name: string, n: number, operand: string, facts: Facts): Group {
  return {
    section: `${name}, Vol. 2`,
    ...facts,
    rows: [
      [`${name} rm32${operand}`, `F7 /${n}`],
      [`${name} rm64${operand}`, `REX.W + F7 /${n}`],
    ],
  };
}

/** Shifts and rotates: C0/C1 by immediate, D0/D1 by one, D2/D3 by cl. */
function shift(name: string, n: number): Group {
  return {
    section: `${name}: SAL/SAR/SHL/SHR, RCL/RCR/ROL/ROR, Vol. 2`,
    flags: 'w',
    rows: [
      [`${name} rm8:rw, imm8`, `C0 /${n} ib`],
      [`${name} rm16:rw, imm8`, `66 C1 /${n} ib`],
      [`${name} rm32:rw, imm8`, `C1 /${n} ib`],
      [`${name} rm64:rw, imm8`, `REX.W + C1 /${n} ib`],
      [`${name} rm32:rw, 1`, `D1 /${n}`],
      [`${name} rm64:rw, 1`, `REX.W + D1 /${n}`],
      [`${name} rm8:rw, cl`, `D2 /${n}`],
      [`${name} rm16:rw, cl`, `66 D3 /${n}`],
      [`${name} rm32:rw, cl`, `D3 /${n}`],
      [`${name} rm64:rw, cl`, `REX.W + D3 /${n}`],
    ],
  };
}

/** BT and its writing relatives. Only register bit offsets within the operand: no memory by reg. */
function bitTest(name: string, opcode: number, n: number, access: string): Group {
  return {
    section: `${name}, Vol. 2`,
    flags: 'w',
    rows: [
      [`${name} r32${access}, r32`, `0F ${hex(opcode)} /r`],
      [`${name} r64${access}, r64`, `REX.W + 0F ${hex(opcode)} /r`],
      [`${name} rm32${access}, imm8`, `0F BA /${n} ib`],
      [`${name} rm64${access}, imm8`, `REX.W + 0F BA /${n} ib`],
    ],
  };
}

/** Scan and count: r, r/m with a mandatory prefix. */
function scan(name: string, prefix: string, opcode: string, feature?: Feature): Group {
  return {
    section: `${name}, Vol. 2`,
    flags: 'w',
    feature,
    rows: [
      [`${name} r32:w, rm32`, `${prefix}0F ${opcode} /r`],
      [`${name} r64:w, rm64`, `${prefix}REX.W + 0F ${opcode} /r`],
    ],
  };
}

/** BLSR, BLSMSK, BLSI: VEX, destination in vvvv. */
function lowestBit(name: string, n: number): Group {
  return {
    section: `${name}, Vol. 2`,
    flags: 'w',
    feature: 'BMI1',
    rows: [
      [`${name} r32:w, rm32`, `VEX.LZ.0F38.W0 F3 /${n}`],
      [`${name} r64:w, rm64`, `VEX.LZ.0F38.W1 F3 /${n}`],
    ],
  };
}

/** SHLX, SARX, SHRX, BZHI, BEXTR: r, r/m, r with the count in vvvv. */
function vexShift(
  name: string,
  pp: string,
  opcode: string,
  feature: Feature,
  flags?: Facts['flags'],
): Group {
  return {
    section: `${name}, Vol. 2`,
    flags,
    feature,
    rows: [
      [`${name} r32:w, rm32, r32`, `VEX.LZ.${pp}0F38.W0 ${opcode} /r`],
      [`${name} r64:w, rm64, r64`, `VEX.LZ.${pp}0F38.W1 ${opcode} /r`],
    ],
  };
}

/** r, vvvv, r/m on general registers. */
function vexGp(
  name: string,
  pp: string,
  opcode: string,
  feature: Feature,
  facts: Facts = {},
): Group {
  return {
    section: `${name}, Vol. 2`,
    feature,
    ...facts,
    rows: [
      [`${name} r32:w, r32, rm32`, `VEX.LZ.${pp}0F38.W0 ${opcode} /r`],
      [`${name} r64:w, r64, rm64`, `VEX.LZ.${pp}0F38.W1 ${opcode} /r`],
    ],
  };
}

/** Float arithmetic in its ss, sd, ps, pd forms and the AVX three-operand scalar and packed forms. */
function floatArith(name: string, opcode: string): Group[] {
  return [
    {
      section: `${name}SS/SD/PS/PD, Vol. 2`,
      rows: [
        [`${name}SS xmm:rw, xm32`, `F3 0F ${opcode} /r`],
        [`${name}SD xmm:rw, xm64`, `F2 0F ${opcode} /r`],
        [`${name}PS xmm:rw, xm128`, `NP 0F ${opcode} /r`],
        [`${name}PD xmm:rw, xm128`, `66 0F ${opcode} /r`],
      ],
    },
    {
      section: `V${name}SS/SD/PS/PD, Vol. 2`,
      feature: 'AVX',
      rows: [
        [`V${name}SS xmm:w, xmm, xm32`, `VEX.LIG.F3.0F.WIG ${opcode} /r`],
        [`V${name}SD xmm:w, xmm, xm64`, `VEX.LIG.F2.0F.WIG ${opcode} /r`],
        [`V${name}PS xmm:w, xmm, xm128`, `VEX.128.0F.WIG ${opcode} /r`],
        [`V${name}PD xmm:w, xmm, xm128`, `VEX.128.66.0F.WIG ${opcode} /r`],
      ],
    },
  ];
}

/** Bitwise float logic: ps and pd, both encodings. */
function floatLogic(name: string, opcode: string): Group[] {
  return [
    {
      section: `${name}PS/PD, Vol. 2`,
      rows: [
        [`${name}PS xmm:rw, xm128`, `NP 0F ${opcode} /r`],
        [`${name}PD xmm:rw, xm128`, `66 0F ${opcode} /r`],
      ],
    },
    {
      section: `V${name}PS/PD, Vol. 2`,
      feature: 'AVX',
      rows: [
        [`V${name}PS xmm:w, xmm, xm128`, `VEX.128.0F.WIG ${opcode} /r`],
        [`V${name}PD xmm:w, xmm, xm128`, `VEX.128.66.0F.WIG ${opcode} /r`],
      ],
    },
  ];
}

/** A 66 0F vector integer operation, both encodings. */
function vectorInt(name: string, opcode: string): Group[] {
  return [
    {
      section: `${name}, Vol. 2`,
      rows: [[`${name} xmm:rw, xm128`, `66 0F ${opcode} /r`]],
    },
    {
      section: `V${name}, Vol. 2`,
      feature: 'AVX',
      rows: [[`V${name} xmm:w, xmm, xm128`, `VEX.128.66.0F.WIG ${opcode} /r`]],
    },
  ];
}

const integer: Group[] = [
  alu('ADD', 0, ':rw', 'w'),
  alu('OR', 1, ':rw', 'w'),
  alu('ADC', 2, ':rw', 'rw'),
  alu('SBB', 3, ':rw', 'rw'),
  alu('AND', 4, ':rw', 'w'),
  alu('SUB', 5, ':rw', 'w'),
  alu('XOR', 6, ':rw', 'w'),
  alu('CMP', 7, '', 'w'),
  {
    section: 'TEST, Vol. 2',
    flags: 'w',
    rows: [
      ['TEST rm8, r8', '84 /r'],
      ['TEST rm16, r16', '66 85 /r'],
      ['TEST rm32, r32', '85 /r'],
      ['TEST rm64, r64', 'REX.W + 85 /r'],
      ['TEST rm8, imm8:sx', 'F6 /0 ib'],
      ['TEST rm16, imm16:sx', '66 F7 /0 iw'],
      ['TEST rm32, imm32:sx', 'F7 /0 id'],
      ['TEST rm64, imm32:sx', 'REX.W + F7 /0 id'],
    ],
  },
  unary('NOT', 2, ':rw', {}),
  unary('NEG', 3, ':rw', { flags: 'w' }),
  unary('MUL', 4, '', { flags: 'w', reads: 'rax', writes: 'rax rdx' }),
  unary('IMUL', 5, '', { flags: 'w', reads: 'rax', writes: 'rax rdx' }),
  unary('DIV', 6, '', { flags: 'w', reads: 'rax rdx', writes: 'rax rdx' }),
  unary('IDIV', 7, '', { flags: 'w', reads: 'rax rdx', writes: 'rax rdx' }),
  {
    section: 'IMUL, Vol. 2',
    flags: 'w',
    rows: [
      ['IMUL r32:rw, rm32', '0F AF /r'],
      ['IMUL r64:rw, rm64', 'REX.W + 0F AF /r'],
      ['IMUL r32:w, rm32, imm8:sx', '6B /r ib'],
      ['IMUL r64:w, rm64, imm8:sx', 'REX.W + 6B /r ib'],
      ['IMUL r32:w, rm32, imm32:sx', '69 /r id'],
      ['IMUL r64:w, rm64, imm32:sx', 'REX.W + 69 /r id'],
    ],
  },
  vexGp('PDEP', 'F2.', 'F5', 'BMI2'),
  vexGp('PEXT', 'F3.', 'F5', 'BMI2'),
  vexGp('ANDN', '', 'F2', 'BMI1', { flags: 'w' }),
  {
    section: 'MULX, Vol. 2 (first operand: high half, second: low half)',
    feature: 'BMI2',
    reads: 'rdx',
    rows: [
      ['MULX r32:w, r32:w, rm32', 'VEX.LZ.F2.0F38.W0 F6 /r'],
      ['MULX r64:w, r64:w, rm64', 'VEX.LZ.F2.0F38.W1 F6 /r'],
    ],
  },
  {
    section: 'CWD/CDQ/CQO, Vol. 2',
    reads: 'rax',
    writes: 'rdx',
    rows: [
      ['CDQ', '99'],
      ['CQO', 'REX.W + 99'],
    ],
  },
  shift('ROL', 0),
  shift('ROR', 1),
  shift('SHL', 4),
  shift('SHR', 5),
  shift('SAR', 7),
  vexShift('SHLX', '66.', 'F7', 'BMI2'),
  vexShift('SARX', 'F3.', 'F7', 'BMI2'),
  vexShift('SHRX', 'F2.', 'F7', 'BMI2'),
  vexShift('BZHI', '', 'F5', 'BMI2', 'w'),
  vexShift('BEXTR', '', 'F7', 'BMI1', 'w'),
  {
    section: 'RORX, Vol. 2',
    feature: 'BMI2',
    rows: [
      ['RORX r32:w, rm32, imm8', 'VEX.LZ.F2.0F3A.W0 F0 /r ib'],
      ['RORX r64:w, rm64, imm8', 'VEX.LZ.F2.0F3A.W1 F0 /r ib'],
    ],
  },
  {
    section: 'SHLD and SHRD, Vol. 2',
    flags: 'w',
    rows: [
      ['SHLD rm32:rw, r32, imm8', '0F A4 /r ib'],
      ['SHLD rm64:rw, r64, imm8', 'REX.W + 0F A4 /r ib'],
      ['SHLD rm32:rw, r32, cl', '0F A5 /r'],
      ['SHLD rm64:rw, r64, cl', 'REX.W + 0F A5 /r'],
      ['SHRD rm32:rw, r32, imm8', '0F AC /r ib'],
      ['SHRD rm64:rw, r64, imm8', 'REX.W + 0F AC /r ib'],
      ['SHRD rm32:rw, r32, cl', '0F AD /r'],
      ['SHRD rm64:rw, r64, cl', 'REX.W + 0F AD /r'],
    ],
  },
  bitTest('BT', 0xa3, 4, ''),
  bitTest('BTS', 0xab, 5, ':rw'),
  bitTest('BTR', 0xb3, 6, ':rw'),
  bitTest('BTC', 0xbb, 7, ':rw'),
  scan('BSF', '', 'BC'),
  scan('BSR', '', 'BD'),
  scan('TZCNT', 'F3 ', 'BC', 'BMI1'),
  scan('LZCNT', 'F3 ', 'BD', 'LZCNT'),
  scan('POPCNT', 'F3 ', 'B8', 'POPCNT'),
  lowestBit('BLSR', 1),
  lowestBit('BLSMSK', 2),
  lowestBit('BLSI', 3),
  {
    section: 'BSWAP, Vol. 2',
    rows: [
      ['BSWAP r32:rw', '0F C8+rd'],
      ['BSWAP r64:rw', 'REX.W + 0F C8+rd'],
    ],
  },
];

const moves: Group[] = [
  {
    section: 'LEA, Vol. 2',
    rows: [
      ['LEA r32:w, m', '8D /r'],
      ['LEA r64:w, m', 'REX.W + 8D /r'],
    ],
  },
  {
    section: 'MOV, Vol. 2',
    rows: [
      ['MOV rm8:wl, r8', '88 /r'],
      ['MOV rm16:wl, r16', '66 89 /r'],
      ['MOV rm32:w, r32', '89 /r'],
      ['MOV rm64:w, r64', 'REX.W + 89 /r'],
      ['MOV r8:wl, rm8', '8A /r'],
      ['MOV r16:wl, rm16', '66 8B /r'],
      ['MOV r32:w, rm32', '8B /r'],
      ['MOV r64:w, rm64', 'REX.W + 8B /r'],
      ['MOV r32:w, imm32', 'B8+rd id'],
      ['MOV r64:w, imm64', 'REX.W + B8+rd io'],
      ['MOV rm8:wl, imm8', 'C6 /0 ib'],
      ['MOV rm16:wl, imm16', '66 C7 /0 iw'],
      ['MOV rm32:w, imm32', 'C7 /0 id'],
      ['MOV rm64:w, imm32:sx', 'REX.W + C7 /0 id'],
    ],
  },
  {
    section: 'MOVZX, MOVSX/MOVSXD, Vol. 2',
    rows: [
      ['MOVZX r32:w, rm8', '0F B6 /r'],
      ['MOVZX r64:w, rm8', 'REX.W + 0F B6 /r'],
      ['MOVZX r32:w, rm16', '0F B7 /r'],
      ['MOVZX r64:w, rm16', 'REX.W + 0F B7 /r'],
      ['MOVSX r32:w, rm8', '0F BE /r'],
      ['MOVSX r64:w, rm8', 'REX.W + 0F BE /r'],
      ['MOVSX r32:w, rm16', '0F BF /r'],
      ['MOVSX r64:w, rm16', 'REX.W + 0F BF /r'],
      ['MOVSXD r64:w, rm32', 'REX.W + 63 /r'],
    ],
  },
  {
    section: 'SETcc, CMOVcc, Vol. 2',
    flags: 'r',
    rows: [
      ['SETCC rm8:wl', '0F 90+cc'],
      ['CMOVCC r32:rw, rm32', '0F 40+cc /r'],
      ['CMOVCC r64:rw, rm64', 'REX.W + 0F 40+cc /r'],
    ],
  },
  {
    section: 'XCHG, Vol. 2 (locked by itself with a memory operand)',
    rows: [
      ['XCHG rm8:rw, r8:rw', '86 /r'],
      ['XCHG rm16:rw, r16:rw', '66 87 /r'],
      ['XCHG rm32:rw, r32:rw', '87 /r'],
      ['XCHG rm64:rw, r64:rw', 'REX.W + 87 /r'],
    ],
  },
  {
    section: 'XADD with LOCK, Vol. 2',
    flags: 'w',
    rows: [
      ['LOCK_XADD m8:rw, r8:rw', 'F0 0F C0 /r'],
      ['LOCK_XADD m16:rw, r16:rw', 'F0 66 0F C1 /r'],
      ['LOCK_XADD m32:rw, r32:rw', 'F0 0F C1 /r'],
      ['LOCK_XADD m64:rw, r64:rw', 'F0 REX.W + 0F C1 /r'],
    ],
  },
  {
    section: 'CMPXCHG with LOCK, Vol. 2',
    flags: 'w',
    reads: 'rax',
    writes: 'rax',
    rows: [
      ['LOCK_CMPXCHG m8:rw, r8', 'F0 0F B0 /r'],
      ['LOCK_CMPXCHG m16:rw, r16', 'F0 66 0F B1 /r'],
      ['LOCK_CMPXCHG m32:rw, r32', 'F0 0F B1 /r'],
      ['LOCK_CMPXCHG m64:rw, r64', 'F0 REX.W + 0F B1 /r'],
    ],
  },
  {
    section: 'PUSH, POP, Vol. 2',
    default64: true,
    reads: 'rsp',
    writes: 'rsp',
    rows: [
      ['PUSH r64', '50+rd'],
      ['PUSH rm64', 'FF /6'],
      ['PUSH imm8:sx', '6A ib'],
      ['PUSH imm32:sx', '68 id'],
      ['POP r64:w', '58+rd'],
      ['POP rm64:w', '8F /0'],
    ],
  },
  {
    section: 'MOVS with REP, Vol. 2',
    reads: 'rcx rsi rdi',
    writes: 'rcx rsi rdi',
    rows: [
      ['REP_MOVSB', 'F3 A4'],
      ['REP_MOVSQ', 'F3 REX.W + A5'],
    ],
  },
  {
    section: 'STOS with REP, Vol. 2',
    reads: 'rax rcx rdi',
    writes: 'rcx rdi',
    rows: [
      ['REP_STOSB', 'F3 AA'],
      ['REP_STOSQ', 'F3 REX.W + AB'],
    ],
  },
];

const control: Group[] = [
  {
    section: 'JMP, Vol. 2',
    default64: true,
    rows: [
      ['JMP rel8', 'EB cb'],
      ['JMP rel32', 'E9 cd'],
      ['JMP rm64', 'FF /4'],
    ],
  },
  {
    section: 'Jcc, Vol. 2',
    flags: 'r',
    rows: [
      ['JCC rel8', '70+cc cb'],
      ['JCC rel32', '0F 80+cc cd'],
    ],
  },
  {
    section: 'CALL, RET, Vol. 2',
    default64: true,
    reads: 'rsp',
    writes: 'rsp',
    rows: [
      ['CALL rel32', 'E8 cd'],
      ['CALL rm64', 'FF /2'],
      ['RET', 'C3'],
      ['RET imm16', 'C2 iw'],
    ],
  },
  { section: 'LEAVE, Vol. 2', reads: 'rbp', writes: 'rbp rsp', rows: [['LEAVE', 'C9']] },
  {
    section: 'UD, INT3, NOP, PAUSE, fences, Vol. 2',
    rows: [
      ['UD2', '0F 0B'],
      ['INT3', 'CC'],
      ['NOP', '90'],
      ['NOP rm32', '0F 1F /0'],
      ['PAUSE', 'F3 90'],
      ['MFENCE', 'NP 0F AE F0'],
    ],
  },
];

const floats: Group[] = [
  ...floatArith('ADD', '58'),
  ...floatArith('MUL', '59'),
  ...floatArith('SUB', '5C'),
  ...floatArith('MIN', '5D'),
  ...floatArith('DIV', '5E'),
  ...floatArith('MAX', '5F'),
  ...floatLogic('AND', '54'),
  ...floatLogic('ANDN', '55'),
  ...floatLogic('OR', '56'),
  ...floatLogic('XOR', '57'),
  ...floatLogic('UNPCKL', '14'),
  ...floatLogic('UNPCKH', '15'),
  {
    section:
      'SQRTSS/SD/PS/PD, CVTSS2SD, CVTSD2SS, CVTSI2SS/SD, Vol. 2 (scalar forms keep the rest)',
    rows: [
      ['SQRTSS xmm:wl, xm32', 'F3 0F 51 /r'],
      ['SQRTSD xmm:wl, xm64', 'F2 0F 51 /r'],
      ['SQRTPS xmm:w, xm128', 'NP 0F 51 /r'],
      ['SQRTPD xmm:w, xm128', '66 0F 51 /r'],
      ['CVTSS2SD xmm:wl, xm32', 'F3 0F 5A /r'],
      ['CVTSD2SS xmm:wl, xm64', 'F2 0F 5A /r'],
      ['CVTSI2SS xmm:wl, rm32', 'F3 0F 2A /r'],
      ['CVTSI2SS xmm:wl, rm64', 'F3 REX.W + 0F 2A /r'],
      ['CVTSI2SD xmm:wl, rm32', 'F2 0F 2A /r'],
      ['CVTSI2SD xmm:wl, rm64', 'F2 REX.W + 0F 2A /r'],
    ],
  },
  {
    section: 'VSQRTSS/SD, VCVTSS2SD, VCVTSD2SS, VCVTSI2SS/SD, Vol. 2',
    feature: 'AVX',
    rows: [
      ['VSQRTSS xmm:w, xmm, xm32', 'VEX.LIG.F3.0F.WIG 51 /r'],
      ['VSQRTSD xmm:w, xmm, xm64', 'VEX.LIG.F2.0F.WIG 51 /r'],
      ['VCVTSS2SD xmm:w, xmm, xm32', 'VEX.LIG.F3.0F.WIG 5A /r'],
      ['VCVTSD2SS xmm:w, xmm, xm64', 'VEX.LIG.F2.0F.WIG 5A /r'],
      ['VCVTSI2SS xmm:w, xmm, rm32', 'VEX.LIG.F3.0F.W0 2A /r'],
      ['VCVTSI2SS xmm:w, xmm, rm64', 'VEX.LIG.F3.0F.W1 2A /r'],
      ['VCVTSI2SD xmm:w, xmm, rm32', 'VEX.LIG.F2.0F.W0 2A /r'],
      ['VCVTSI2SD xmm:w, xmm, rm64', 'VEX.LIG.F2.0F.W1 2A /r'],
    ],
  },
  {
    section: 'CVTTSS2SI, CVTTSD2SI, MOVMSKPS/PD, Vol. 2',
    rows: [
      ['CVTTSS2SI r32:w, xm32', 'F3 0F 2C /r'],
      ['CVTTSS2SI r64:w, xm32', 'F3 REX.W + 0F 2C /r'],
      ['CVTTSD2SI r32:w, xm64', 'F2 0F 2C /r'],
      ['CVTTSD2SI r64:w, xm64', 'F2 REX.W + 0F 2C /r'],
      ['MOVMSKPS r32:w, xmm', 'NP 0F 50 /r'],
      ['MOVMSKPD r32:w, xmm', '66 0F 50 /r'],
    ],
  },
  {
    section: 'VCVTTSS2SI, VCVTTSD2SI, Vol. 2',
    feature: 'AVX',
    rows: [
      ['VCVTTSS2SI r32:w, xm32', 'VEX.LIG.F3.0F.W0 2C /r'],
      ['VCVTTSS2SI r64:w, xm32', 'VEX.LIG.F3.0F.W1 2C /r'],
      ['VCVTTSD2SI r32:w, xm64', 'VEX.LIG.F2.0F.W0 2C /r'],
      ['VCVTTSD2SI r64:w, xm64', 'VEX.LIG.F2.0F.W1 2C /r'],
    ],
  },
  {
    section: 'UCOMISS, UCOMISD, Vol. 2',
    flags: 'w',
    rows: [
      ['UCOMISS xmm, xm32', 'NP 0F 2E /r'],
      ['UCOMISD xmm, xm64', '66 0F 2E /r'],
    ],
  },
  {
    section: 'VUCOMISS, VUCOMISD, Vol. 2',
    flags: 'w',
    feature: 'AVX',
    rows: [
      ['VUCOMISS xmm, xm32', 'VEX.LIG.0F.WIG 2E /r'],
      ['VUCOMISD xmm, xm64', 'VEX.LIG.66.0F.WIG 2E /r'],
    ],
  },
  {
    section: 'LDMXCSR, STMXCSR, Vol. 2',
    rows: [
      ['LDMXCSR m32', 'NP 0F AE /2'],
      ['STMXCSR m32:w', 'NP 0F AE /3'],
    ],
  },
  {
    section: 'ROUNDSS, ROUNDSD, Vol. 2',
    feature: 'SSE4_1',
    rows: [
      ['ROUNDSS xmm:wl, xm32, imm8', '66 0F 3A 0A /r ib'],
      ['ROUNDSD xmm:wl, xm64, imm8', '66 0F 3A 0B /r ib'],
    ],
  },
  {
    section: 'CMPSS, CMPSD, Vol. 2',
    rows: [
      ['CMPSS xmm:rw, xm32, imm8', 'F3 0F C2 /r ib'],
      ['CMPSD xmm:rw, xm64, imm8', 'F2 0F C2 /r ib'],
    ],
  },
  {
    section: 'VROUNDSS/SD, VCMPSS/SD, Vol. 2',
    feature: 'AVX',
    rows: [
      ['VROUNDSS xmm:w, xmm, xm32, imm8', 'VEX.LIG.66.0F3A.WIG 0A /r ib'],
      ['VROUNDSD xmm:w, xmm, xm64, imm8', 'VEX.LIG.66.0F3A.WIG 0B /r ib'],
      ['VCMPSS xmm:w, xmm, xm32, imm8', 'VEX.LIG.F3.0F.WIG C2 /r ib'],
      ['VCMPSD xmm:w, xmm, xm64, imm8', 'VEX.LIG.F2.0F.WIG C2 /r ib'],
    ],
  },
];

const vectors: Group[] = [
  {
    section: 'MOVSS, MOVSD, Vol. 2 (a load zeroes the rest, register to register keeps it)',
    rows: [
      ['MOVSS xmm:w, m32', 'F3 0F 10 /r'],
      ['MOVSS xmm:wl, xmm', 'F3 0F 10 /r'],
      ['MOVSS m32:w, xmm', 'F3 0F 11 /r'],
      ['MOVSD xmm:w, m64', 'F2 0F 10 /r'],
      ['MOVSD xmm:wl, xmm', 'F2 0F 10 /r'],
      ['MOVSD m64:w, xmm', 'F2 0F 11 /r'],
    ],
  },
  {
    section: 'MOVUPS, MOVAPS, MOVAPD, MOVDQA, MOVDQU, Vol. 2',
    rows: [
      ['MOVUPS xmm:w, xm128', 'NP 0F 10 /r'],
      ['MOVUPS xm128:w, xmm', 'NP 0F 11 /r'],
      ['MOVAPS xmm:w, xm128', 'NP 0F 28 /r'],
      ['MOVAPS xm128:w, xmm', 'NP 0F 29 /r'],
      ['MOVAPD xmm:w, xm128', '66 0F 28 /r'],
      ['MOVAPD xm128:w, xmm', '66 0F 29 /r'],
      ['MOVDQA xmm:w, xm128', '66 0F 6F /r'],
      ['MOVDQA xm128:w, xmm', '66 0F 7F /r'],
      ['MOVDQU xmm:w, xm128', 'F3 0F 6F /r'],
      ['MOVDQU xm128:w, xmm', 'F3 0F 7F /r'],
    ],
  },
  {
    section: 'MOVD/MOVQ, Vol. 2',
    rows: [
      ['MOVD xmm:w, rm32', '66 0F 6E /r'],
      ['MOVD rm32:w, xmm', '66 0F 7E /r'],
      ['MOVQ xmm:w, rm64', '66 REX.W + 0F 6E /r'],
      ['MOVQ rm64:w, xmm', '66 REX.W + 0F 7E /r'],
      ['MOVQ xmm:w, xm64', 'F3 0F 7E /r'],
      ['MOVQ xm64:w, xmm', '66 0F D6 /r'],
    ],
  },
  {
    section: 'VMOVSS, VMOVSD, VMOVUPS, VMOVAPS, VMOVD/VMOVQ, Vol. 2',
    feature: 'AVX',
    rows: [
      ['VMOVSS xmm:w, m32', 'VEX.LIG.F3.0F.WIG 10 /r'],
      ['VMOVSS xmm:w, xmm, xmm', 'VEX.LIG.F3.0F.WIG 10 /r'],
      ['VMOVSS m32:w, xmm', 'VEX.LIG.F3.0F.WIG 11 /r'],
      ['VMOVSD xmm:w, m64', 'VEX.LIG.F2.0F.WIG 10 /r'],
      ['VMOVSD xmm:w, xmm, xmm', 'VEX.LIG.F2.0F.WIG 10 /r'],
      ['VMOVSD m64:w, xmm', 'VEX.LIG.F2.0F.WIG 11 /r'],
      ['VMOVUPS xmm:w, xm128', 'VEX.128.0F.WIG 10 /r'],
      ['VMOVUPS xm128:w, xmm', 'VEX.128.0F.WIG 11 /r'],
      ['VMOVAPS xmm:w, xm128', 'VEX.128.0F.WIG 28 /r'],
      ['VMOVAPS xm128:w, xmm', 'VEX.128.0F.WIG 29 /r'],
      ['VMOVD xmm:w, rm32', 'VEX.128.66.0F.W0 6E /r'],
      ['VMOVD rm32:w, xmm', 'VEX.128.66.0F.W0 7E /r'],
      ['VMOVQ xmm:w, rm64', 'VEX.128.66.0F.W1 6E /r'],
      ['VMOVQ rm64:w, xmm', 'VEX.128.66.0F.W1 7E /r'],
    ],
  },
  ...vectorInt('PAND', 'DB'),
  ...vectorInt('PANDN', 'DF'),
  ...vectorInt('POR', 'EB'),
  ...vectorInt('PXOR', 'EF'),
  ...vectorInt('PCMPEQB', '74'),
  ...vectorInt('PCMPEQD', '76'),
  ...vectorInt('PADDD', 'FE'),
  ...vectorInt('PADDQ', 'D4'),
  ...vectorInt('PSUBD', 'FA'),
  ...vectorInt('PSUBQ', 'FB'),
  ...vectorInt('PUNPCKLDQ', '62'),
  ...vectorInt('PUNPCKLQDQ', '6C'),
  {
    section: 'PSRLD/PSRLQ, PSLLD/PSLLQ, PSRAD, PSRLDQ, PSLLDQ, Vol. 2',
    rows: [
      ['PSRLD xmm:rw, imm8', '66 0F 72 /2 ib'],
      ['PSRAD xmm:rw, imm8', '66 0F 72 /4 ib'],
      ['PSLLD xmm:rw, imm8', '66 0F 72 /6 ib'],
      ['PSRLQ xmm:rw, imm8', '66 0F 73 /2 ib'],
      ['PSRLDQ xmm:rw, imm8', '66 0F 73 /3 ib'],
      ['PSLLQ xmm:rw, imm8', '66 0F 73 /6 ib'],
      ['PSLLDQ xmm:rw, imm8', '66 0F 73 /7 ib'],
    ],
  },
  {
    section: 'PSHUFD, SHUFPS, Vol. 2',
    rows: [
      ['PSHUFD xmm:w, xm128, imm8', '66 0F 70 /r ib'],
      ['SHUFPS xmm:rw, xm128, imm8', 'NP 0F C6 /r ib'],
    ],
  },
  {
    section: 'PINSRD/PINSRQ, PEXTRD/PEXTRQ, Vol. 2',
    feature: 'SSE4_1',
    rows: [
      ['PINSRD xmm:rw, rm32, imm8', '66 0F 3A 22 /r ib'],
      ['PINSRQ xmm:rw, rm64, imm8', '66 REX.W + 0F 3A 22 /r ib'],
      ['PEXTRD rm32:w, xmm, imm8', '66 0F 3A 16 /r ib'],
      ['PEXTRQ rm64:w, xmm, imm8', '66 REX.W + 0F 3A 16 /r ib'],
    ],
  },
];

/** Every form, in the order that numbers them. */
export const groups: readonly Group[] = [...integer, ...moves, ...control, ...floats, ...vectors];
