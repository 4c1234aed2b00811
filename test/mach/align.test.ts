/**
 * Loops aligned by `mach/align.ts`: the same instructions as without, but for padding and the reach of branches, which
 * still go to the same instructions, and no loop crosses a line that need not.
 */
import { describe, expect, it } from 'vitest';
import { parse } from '../../src-ts/ir/parse.ts';
import { LINE, padding } from '../../src-ts/mach/align.ts';
import { FunctionCompiler as A64Compiler } from '../../src-ts/target/aarch64/index.ts';
import { FunctionCompiler as X64Compiler } from '../../src-ts/target/x64/index.ts';
import { instructions, type Target } from '../target/disassemble.ts';

/** As the targets say. */
const MOST_PADDING = { x64: 32, aarch64: 16 };
const COMPILERS = { x64: X64Compiler, aarch64: A64Compiler };

/** Loops of 1 to 60 rows one after the other; before each a branch that skips it. */
function source(loops: number): string {
  const lines: string[] = [];
  let v = 10;
  for (let k = 0; k < loops; k++) {
    const [skip, body, next] = [3 * k + 1, 3 * k + 2, 3 * k + 3];
    lines.push(`  brif v3, block${skip}, block${next}`, `block${skip}:`, `  jump block${body}(v2)`);
    lines.push(`block${body}(v${++v}: i32):`);
    const start = v;
    for (let row = 0; row <= (k * 7) % 60; row++) {
      lines.push(`  v${v + 1}: i32 = isub v${v}, v3`);
      v++;
    }
    lines.push(`  store memory0 [v1 + ${4 * k}], v${start} notrap`);
    lines.push(`  brif v${v}, block${body}(v${v}), block${next}`, `block${next}:`);
  }
  return `function 0 $loops sig0 (i32 i32 -> i32) {
block0(v1: i64, v2: i32, v3: i32):
${lines.join('\n')}
  ret v2
}
`;
}

interface Line {
  address: number;
  size: number;
  /** Mnemonic and operands, but for the target of a branch. */
  text: string;
  to: number | undefined;
}

function compile(target: Target, alignsLoops: boolean, loops: number) {
  const compiler = new COMPILERS[target]();
  const settings = { features: 0, preservesContext: true, quick: false, alignsLoops };
  const record = compiler.compileFunction(parse(source(loops))[0]!, settings);
  const lines = instructions(target, record.code, compiler.codeBytes).map((x): Line => {
    const branch = /^(j|b\.|b$|cbn?z|tbn?z)/.test(x.mnemonic);
    const to = branch ? Number(/#?(0x[0-9a-f]+|\d+)$/.exec(x.op_str)![1]) : undefined;
    const text = branch ? `${x.mnemonic} ${x.op_str.replace(/#?\w+$/, '')}` : x.op_str;
    return { address: x.address, size: x.size, text: `${x.mnemonic} ${text}`, to };
  });
  return { align: record.align, lines, traps: record.traps };
}

/** Instructions without padding, and which of them every branch goes to (padding before it counts as its beginning). */
function meaning(lines: Line[]) {
  const real = lines.filter((x) => !x.text.startsWith('nop'));
  const number = (to: number) => real.findIndex((x) => x.address >= to);
  return real.map((x) => (x.to === undefined ? x.text : `${x.text} -> ${number(x.to)}`));
}

describe('padding', () => {
  it('keeps a loop that fits a line in one', () => {
    for (let at = 0; at < 4 * LINE; at += 4) {
      for (let size = 4; size <= 3 * LINE; size += 4) {
        const bytes = padding(at, size, LINE);
        const start = at + bytes;
        expect(bytes).toBeLessThan(Math.min(size, LINE));
        expect(padding(at, size, 16)).toBe(bytes <= 16 ? bytes : 0);
        expect(bytes % 4).toBe(0);
        const shared = Math.min(size, size <= LINE ? LINE : 16);
        expect(Math.floor(start / LINE)).toBe(Math.floor((start + shared - 1) / LINE));
      }
    }
  });
});

describe.each(['x64', 'aarch64'] as const)('aligned loops for %s', (target) => {
  it.each([1, 5, 60])('%i loops', (loops) => {
    const plain = compile(target, false, loops);
    const aligned = compile(target, true, loops);
    expect(plain.align).toBeLessThan(LINE);
    expect(aligned.align).toBe(LINE);
    expect(meaning(aligned.lines)).toEqual(meaning(plain.lines));
    let back = 0;
    for (const x of aligned.lines) {
      if (x.to === undefined || x.to > x.address) continue;
      back++;
      expect(padding(x.to, x.address + x.size - x.to, MOST_PADDING[target])).toBe(0);
    }
    expect(back).toBe(loops);
  });
});

it('lengthens branches that padding puts out of reach', () => {
  const long = (aligned: boolean) =>
    compile('x64', aligned, 60).lines.filter((x) => x.to !== undefined && x.size === 6);
  expect(long(true).length).toBeGreaterThan(long(false).length);
});
