/** The textual form round-trips, and the verifier refuses each kind of damage with a message that names it. */
import { describe, expect, it } from 'vitest';
import { parse } from '../../src-ts/ir/parse.ts';
import { print } from '../../src-ts/ir/print.ts';
import { verify } from '../../src-ts/ir/verify.ts';

const SAMPLE = `function 7 $name sig0 (i32 i64 -> i32) {
  sig3 (i64 -> i32)
  sig4 (-> i32 f64)
block0(v1: i64, v2: i32, v3: i64):
  v4: i32 = iconst -5
  v5: i64 = iconst -9223372036854775808
  v6: f64 = fconst 0x7ff8000000000001
  v7: f32 = fconst 0x80000000
  v8: i32 = load memory0 [v1 + v2 + 16] notrap
  store8 memory0 [v1 + v2 + 18446744073709551615], v8
  store readonly12 [v1], v6
  v9: i32 = icmp.ult v4, v8
  v10: i32 = fcmp.ge v6, v6
  trapif v9, table_oob
  bound v2, v3, 4294967304
  v11: i32 = call fn12 sig3 (v1, v3)
  v12: void = callind v3 sig4 (v1)
  v13: i32 = proj v12, 0
  v14: f64 = proj v12, 1
  v15: i64 = callbuiltin builtin4 (v1, v3, v3)
  brif v9, block2(v11), block1
block1:
  brtable v13, block3, block2(v4), block3
block2(v16: i32):
  jump block4(v16, v5)
block3:
  trap unreachable
block4(v20: i32, v21: i64):
  v22: i32 = select v20, v16, v4
  ret v22
}
`;

describe('text', () => {
  it('prints what it parsed', () => {
    const [f] = parse(SAMPLE);
    expect(print(f)).toBe(SAMPLE);
  });
  it('accepts only what the rules allow', () => {
    const [f] = parse(SAMPLE.replace('store readonly12', 'store memory12'));
    expect(verify(f)).toEqual([]);
    expect(verify(parse(SAMPLE)[0]).join()).toContain('store to a read-only region');
  });
});

/** A function body with blocks, checked for the one complaint expected. */
function complaint(body: string): string {
  const [f] = parse(`function 0 sig0 (i32 -> i32) {\n sig1 (i32 -> i32 i32)\n${body}\n}`);
  return verify(f).join('\n');
}

describe('verifier', () => {
  const cases: [string, string, string][] = [
    [
      'use before definition',
      'block0(v1: i64, v2: i32):\nv3: i32 = iadd v4, v2\nv4: i32 = iadd v2, v2\nret v3',
      'used before it is defined',
    ],
    [
      'dominance',
      'block0(v1: i64, v2: i32):\nbrif v2, block1, block2\nblock1:\nv3: i32 = iadd v2, v2\njump block2\nblock2:\nret v3',
      'does not dominate',
    ],
    [
      'operand type',
      'block0(v1: i64, v2: i32):\nv3: i32 = iadd v1, v2\nret v3',
      'operand 0 is i64',
    ],
    [
      'result type',
      'block0(v1: i64, v2: i32):\nv3: i64 = icmp.eq v2, v2\nret v2',
      'result is not i32',
    ],
    ['return type', 'block0(v1: i64, v2: i32):\nret v1', 'value 0 is not i32'],
    [
      'edge count',
      'block0(v1: i64, v2: i32):\njump block1\nblock1(v3: i32):\nret v3',
      '0 arguments for the 1',
    ],
    [
      'edge type',
      'block0(v1: i64, v2: i32):\njump block1(v1)\nblock1(v3: i32):\nret v3',
      'argument 0 is v1: i64',
    ],
    [
      'terminator',
      'block0(v1: i64, v2: i32):\nv3: i32 = iadd v2, v2',
      'does not end in a terminator',
    ],
    ['two terminators', 'block0(v1: i64, v2: i32):\nret v2\nret v2', 'terminator is not last'],
    ['entry', 'block0(v1: i64, v2: i32):\njump block0(v1, v2)', 'entry has predecessors'],
    [
      'projection',
      'block0(v1: i64, v2: i32):\nv3: void = call fn1 sig1 (v1, v2)\nv4: i32 = proj v3, 1\nret v4',
      'does not follow',
    ],
    ['unplaced', 'block0(v1: i64, v2: i32):\njump block9', 'not placed'],
    ['missing value', 'block0(v1: i64, v2: i32):\nret v7', 'no value'],
    ['bitcast', 'block0(v1: i64, v2: i32):\nv3: i32 = bitcast v1\nret v3', 'different sizes'],
  ];
  it.each(cases)('%s', (_name, body, message) => {
    expect(complaint(body)).toContain(message);
  });
});
