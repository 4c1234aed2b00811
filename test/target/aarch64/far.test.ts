/**
 * Functions in which branches and the pool are out of reach of the short instructions: tbz reaches 32 KiB, b.cond, cbz
 * and literal loads 1 MiB. What every branch goes to is followed through Capstone's text.
 */
import { describe, expect, it } from 'vitest';
import { parse } from '../../../src-ts/ir/parse.ts';
import { FunctionCompiler } from '../../../src-ts/target/aarch64/index.ts';
import { instructions } from '../disassemble.ts';

/** Three branches over `rows` additions of constants that take four instructions each, then a jump table and a constant. */
function source(rows: number): string {
  const lines: string[] = [];
  let last = 'v9';
  for (let k = 0; k < rows; k++) {
    const v = 100 + 2 * k;
    lines.push(`  v${v}: i64 = iconst ${0x1234_5678_9abcn * 65536n + BigInt(k % 50_000) + 7n}`);
    lines.push(`  v${v + 1}: i64 = ixor ${last}, v${v}`);
    last = `v${v + 1}`;
  }
  lines.push(`  store memory0 [v1 + 0], ${last} notrap`);
  return `function 0 $far sig0 (i32 i32 f64 -> f64) {
block0(v1: i64, v2: i32, v3: i32, v4: f64):
  v5: i32 = iconst 8
  v6: i32 = iand v2, v5
  brif v6, block1, block2
block2:
  v9: i64 = zext v2
  brif v3, block3, block1
block3:
  v7: i32 = icmp.slt v2, v3
  brif v7, block1, block4
block4:
${lines.join('\n')}
  jump block1
block1:
  brtable v2, block5, block6, block7
block5:
  ret v4
block6:
  v8: f64 = fconst 0x400921fb54442d18
  v9: f64 = fadd v4, v8
  ret v9
block7:
  trap unreachable
}
`;
}

describe('far branches', () => {
  it.each([
    [10, 'near', ['tbnz', 'cbz', 'b.lt']],
    [2500, 'beyond tbz', ['tbz', 'cbz', 'b.lt']],
    [55_000, 'beyond everything', ['tbz', 'cbnz', 'b.ge']],
  ] as const)('%i rows: %s', (rows, _, mnemonics) => {
    const compiler = new FunctionCompiler();
    const settings = { features: 0, preservesContext: true, quick: false };
    const record = compiler.compileFunction(parse(source(rows))[0]!, settings);
    const code = instructions('aarch64', record.code, compiler.codeBytes);
    expect(code.length * 4).toBe(compiler.codeBytes);
    const byAddress = new Map(code.map((x) => [x.address, x]));
    const table = code.findIndex((x) => x.mnemonic === 'cmp' && x.op_str.endsWith('#2'));
    const branches = code.filter((x) => /^(tbn?z|cbn?z|b\.(lt|ge))$/.test(x.mnemonic));
    expect(branches.map((x) => x.mnemonic)).toEqual(mnemonics);
    const tail = code[table]!.address;
    for (const branch of branches) {
      const to = Number(/#(0x[0-9a-f]+|\d+)$/.exec(branch.op_str)![1]);
      // Its target is the jump table, or what it skips is a jump there.
      const over = byAddress.get(branch.address + 4)!;
      const real = to === branch.address + 8 ? Number(over.op_str.slice(1)) : to;
      expect(real).toBe(tail);
    }
  });
});
