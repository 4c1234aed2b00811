/**
 * Products of 128 bits from those of 32-bit halves: every way of writing them becomes umulh and imul and computes the
 * same; what only looks like one stays, or at least still computes what it did.
 */
import { describe, expect, it } from 'vitest';
import { parse } from '../../src-ts/ir/parse.ts';
import { print } from '../../src-ts/ir/print.ts';
import { verify } from '../../src-ts/ir/verify.ts';
import { runPass } from '../../src-ts/opt/pipeline.ts';
import { interpret } from '../ir/interp.ts';

/** Rows that give x0 x1 y0 y1 and the four products p (low), a, b, h (high) their values. */
const HALVES = `
  v10: i64 = iconst 32
  v11: i32 = wrap v2
  v12: i64 = zext v11
  v13: i64 = ushr v2, v10
  v14: i32 = wrap v3
  v15: i64 = zext v14
  v16: i64 = ushr v3, v10
  v20: i64 = imul v12, v15
  v21: i64 = imul v13, v15
  v22: i64 = imul v16, v12
  v23: i64 = imul v13, v16
  v24: i64 = ushr v20, v10
  v25: i32 = wrap v20
  v26: i64 = zext v25`;

const low = (v: number, of: number): string =>
  `  v${v + 1}: i32 = wrap v${of}\n  v${v}: i64 = zext v${v + 1}`;

/** Sums that give the high half v50 and the low half v51. */
const FORMS: Record<string, string> = {
  'carries into one sum after the other': `
  v30: i64 = iadd v24, v21
${low(31, 30)}
  v33: i64 = iadd v22, v31
  v34: i64 = ushr v30, v10
  v35: i64 = ushr v33, v10
  v36: i64 = iadd v34, v23
  v50: i64 = iadd v36, v35
  v37: i64 = ishl v33, v10
  v51: i64 = ior v37, v26`,
  'low half of one product into the other': `
${low(30, 21)}
  v32: i64 = iadd v24, v30
  v33: i64 = iadd v32, v22
  v34: i64 = ushr v21, v10
  v35: i64 = ushr v33, v10
  v36: i64 = iadd v34, v35
  v50: i64 = iadd v23, v36
  v37: i64 = ishl v33, v10
  v51: i64 = iadd v26, v37`,
  'three low halves': `
${low(30, 21)}
${low(32, 22)}
  v34: i64 = iadd v30, v32
  v35: i64 = iadd v34, v24
  v36: i64 = ushr v21, v10
  v37: i64 = ushr v22, v10
  v38: i64 = ushr v35, v10
  v39: i64 = iadd v23, v36
  v40: i64 = iadd v37, v38
  v50: i64 = iadd v39, v40
  v41: i64 = ishl v35, v10
  v51: i64 = ior v26, v41`,
  'carries by comparison': `
  v30: i64 = iadd v21, v22
  v31: i32 = icmp.ult v30, v22
  v32: i64 = zext v31
  v33: i64 = ishl v32, v10
  v34: i64 = ushr v30, v10
  v35: i64 = ior v33, v34
  v36: i64 = iadd v23, v35
  v37: i64 = ishl v30, v10
  v51: i64 = iadd v37, v20
  v38: i32 = icmp.ugt v20, v51
  v39: i64 = zext v38
  v50: i64 = iadd v36, v39`,
};

/** The same with one thing wrong: no high half. */
const WRONG: Record<string, [string, string, string]> = {
  'a low half left out': [
    'low half of one product into the other',
    'iadd v24, v30',
    'iadd v24, v26',
  ],
  'a product twice': ['three low halves', 'v37: i64 = ushr v22', 'v37: i64 = ushr v21'],
  'a carry of another sum': ['carries by comparison', 'icmp.ult v30, v22', 'icmp.ult v30, v20'],
  'a sum that may overflow': [
    'carries into one sum after the other',
    'iadd v22, v31',
    'iadd v22, v22',
  ],
};

const VALUES = [0n, 1n, 0xffffffffn, 0x100000000n, 0xffffffff00000000n, 0xffffffffffffffffn];
for (let i = 0n, v = 0x9e3779b97f4a7c15n; i < 8n; i++) {
  v = BigInt.asUintN(64, v * 0xbf58476d1ce4e5b9n + i);
  VALUES.push(v);
}

const functionOf = (body: string, more = ''): string =>
  `function 0 sig0 (i64 i64 -> i64 i64) {\nblock0(v1: i64, v2: i64, v3: i64):${HALVES}${body}\n${more}  ret v50, v51\n}\n`;

/** Optimises; returns the text, having compared results. */
function check(text: string): string {
  const before = parse(text)[0]!;
  const f = parse(text)[0]!;
  for (const pass of ['gvn', 'wide-multiply', 'gvn', 'dce']) runPass(f, pass);
  verify(f);
  for (const x of VALUES)
    for (const y of VALUES) expect(interpret(f, [x, y], 1)).toEqual(interpret(before, [x, y], 1));
  return print(f);
}

describe('products of 128 bits', () => {
  for (const [name, body] of Object.entries(FORMS)) {
    it(name, () => {
      const text = check(functionOf(body));
      expect(text.match(/= imul/g)).toHaveLength(1);
      expect(text.match(/= umulh/g)).toHaveLength(1);
      expect(text).not.toContain('iadd');
    });
    it(`${name}, of one number`, () => {
      const square = functionOf(body)
        .replaceAll('v3)', 'v3)')
        .replace(/v(14: i32 = wrap|16: i64 = ushr) v3/g, 'v$1 v2');
      const text = check(square);
      expect(text).toContain('umulh v2, v2');
    });
  }
  it('with more added, and signed', () => {
    const more = `  v60: i64 = iconst 63
  v61: i64 = sshr v2, v60
  v62: i64 = imul v3, v61
  v63: i64 = sshr v3, v60
  v64: i64 = imul v2, v63
  v65: i64 = iadd v62, v64
  v66: i64 = iadd v65, v50
  v67: i64 = iadd v66, v2
`;
    const text = check(functionOf(FORMS['three low halves']!, more).replace('ret v50', 'ret v67'));
    expect(text).toContain('smulh');
    expect(text.match(/= imul/g)).toHaveLength(1);
  });
  for (const [name, [form, from, to]] of Object.entries(WRONG)) {
    it(`not ${name}`, () => {
      const body = FORMS[form]!;
      expect(body).toContain(from);
      expect(check(functionOf(body.replace(from, to)))).not.toContain('umulh');
    });
  }
});
