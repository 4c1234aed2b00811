/**
 * The textual form of IR functions; `parse.ts` reads it back.
 *
 *   function 7 $name sig0 (i32 i64 -> i32) {
 *     sig3 (i64 -> i32)                                  ; signatures that calls name
 *   block0(v1: i64, v2: i32):
 *     v5: i32 = iadd v2, v3 @0x1c3                       ; @ = byte offset of the Wasm operator (when asked for)
 *     v9: i32 = imul v5, v5 @0x88@0x1c5                  ; in an inlined body, with those of the calls, innermost first
 *     v6: i32 = load memory0 [v1 + v2 + 16] notrap
 *     store8 memory0 [v1 + v2 + 16], v6
 *     v7: i32 = call fn12 sig3 (v1, v5)
 *     brif v7, block2(v3), block3
 *   }
 *
 * Values are row numbers and blocks block numbers, unless renumbering is asked for (then in order of appearance). Integer
 * constants are signed decimals, floats their bits in hexadecimal. A void call is named only where PROJ rows follow.
 */
import * as Op from '../gen/ir.ts';
import { NONE, type Func } from './func.ts';
import { NO_NODE } from './inlines.ts';

export interface PrintOptions {
  /** Print the Wasm byte offset of each row. */
  pos?: boolean;
  /** Number values and blocks from 0 in order of appearance instead of by row, so that text does not depend on history. */
  renumber?: boolean;
}

class Names {
  readonly values: Int32Array;
  readonly blocks: Int32Array;
  constructor(f: Func, renumber: boolean) {
    this.values = Int32Array.from({ length: f.rowCount }, (_, i) => i);
    this.blocks = Int32Array.from({ length: f.blockCount }, (_, i) => i);
    if (!renumber) return;
    let v = 1;
    let b = 0;
    for (let k = 0; k !== NONE; k = f.blockNext[k]) {
      this.blocks[k] = b++;
      for (let r = f.first[k]; r !== NONE; r = f.next[r]) if (isNamed(f, r)) this.values[r] = v++;
    }
  }
  v(r: number): string {
    return r === NONE ? 'none' : `v${this.values[r] ?? r}`;
  }
}

/** Whether a row is printed with a name: it has a result, or PROJ rows refer to it. */
function isNamed(f: Func, r: number): boolean {
  if (f.ty[r] !== Op.T_VOID) return true;
  const n = f.next[r];
  return n !== NONE && f.op[n] === Op.PROJ;
}

function u64(f: Func, r: number): bigint {
  return (BigInt(f.imm2[r] >>> 0) << 32n) | BigInt(f.imm[r] >>> 0);
}

function list(f: Func, l: number, names: Names): string {
  const out: string[] = [];
  for (let i = 0; i < f.listLength(l); i++) out.push(names.v(f.listGet(l, i)));
  return out.join(', ');
}

function edges(f: Func, r: number, names: Names): string[] {
  const out: string[] = [];
  for (let e = f.imm[r]; e < f.imm[r] + f.imm2[r]; e++) {
    const args = f.edgeArgs[e];
    const block = `block${names.blocks[f.edgeTo[e]] ?? f.edgeTo[e]}`;
    out.push(f.listLength(args) === 0 ? block : `${block}(${list(f, args, names)})`);
  }
  return out;
}

function constant(f: Func, r: number): string {
  if (f.op[r] === Op.ICONST) {
    return f.ty[r] === Op.T_I32 ? String(f.imm[r]) : String(BigInt.asIntN(64, u64(f, r)));
  }
  const wide = f.ty[r] === Op.T_F64;
  return `0x${(wide ? u64(f, r) : BigInt(f.imm[r] >>> 0)).toString(16).padStart(wide ? 16 : 8, '0')}`;
}

function address(f: Func, r: number, names: Names): string {
  const aux = f.aux[r];
  const region = `${Op.REGION_NAMES[aux & 0xff] ?? `region${aux & 0xff}`}${(aux >>> Op.REGION_SHIFT) & 0xffff}`;
  let where = names.v(f.a[r]);
  if (f.b[r] !== NONE) where += ` + ${names.v(f.b[r])}`;
  const offset = u64(f, r);
  if (offset !== 0n) where += ` + ${offset}`;
  return `${region} [${where}]`;
}

/** Everything after the opcode's name. */
function operands(f: Func, r: number, names: Names): string {
  const op = f.op[r];
  const out: string[] = [];
  if (Op.OP_AUX[op] === Op.AUX_MEM) {
    out.push(address(f, r, names));
    if (Op.OP_ARGS[op] === 3) out.push(names.v(f.c[r]));
    return ` ${out.join(', ')}${(f.aux[r] & Op.MEM_NOTRAP) !== 0 ? ' notrap' : ''}`;
  }
  if ((Op.OP_FACTS[op] & Op.F_LIST) !== 0) return callOperands(f, r, names);
  const args = Op.OP_ARGS[op];
  if (args > 0) out.push(names.v(f.a[r]));
  if (args > 1) out.push(names.v(f.b[r]));
  if (args > 2) out.push(names.v(f.c[r]));
  switch (Op.OP_IMM[op]) {
    case Op.IMM_CONST:
      out.push(constant(f, r));
      break;
    case Op.IMM_TRAP:
      out.push(Op.TRAP_NAMES[f.imm[r]] ?? String(f.imm[r]));
      break;
    case Op.IMM_INDEX:
      out.push(String(f.imm[r]));
      break;
    case Op.IMM_SIZE:
      out.push(String(u64(f, r)));
      break;
    case Op.IMM_EDGES:
      out.push(...edges(f, r, names));
      break;
  }
  return out.length === 0 ? '' : ` ${out.join(', ')}`;
}

function callOperands(f: Func, r: number, names: Names): string {
  const op = f.op[r];
  const args = list(f, f.c[r], names);
  if (op === Op.RET) return args === '' ? '' : ` ${args}`;
  let out = '';
  if (Op.OP_IMM[op] === Op.IMM_FUNC) out += ` fn${f.imm[r]}`;
  if (Op.OP_IMM[op] === Op.IMM_BUILTIN) out += ` builtin${f.imm[r]}`;
  if (Op.OP_ARGS[op] === 1) out += ` ${names.v(f.a[r])}`;
  if (Op.OP_AUX[op] === Op.AUX_SIG) out += ` sig${f.aux[r]}`;
  return `${out} (${args})`;
}

/** Where a row stems from. */
function position(f: Func, pos: number): string {
  const { inlines } = f;
  const node = inlines.nodeAt(pos);
  const at = `@0x${(inlines.offset(pos) >>> 0).toString(16)}`;
  return node === NO_NODE ? at : at + position(f, inlines.call[node]);
}

function rowText(f: Func, r: number, names: Names, pos: boolean): string {
  const op = f.op[r];
  let name = Op.OP_NAMES[op] ?? `op${op}`;
  if (Op.OP_IMM[op] === Op.IMM_ICC) name += `.${Op.ICC_NAMES[f.imm[r]]}`;
  if (Op.OP_IMM[op] === Op.IMM_FCC) name += `.${Op.FCC_NAMES[f.imm[r]]}`;
  const head = isNamed(f, r) ? `${names.v(r)}: ${Op.TYPE_NAMES[f.ty[r]]} = ` : '';
  const at = pos ? ` ${position(f, f.pos[r])}` : '';
  return head + name + operands(f, r, names) + at;
}

/** One row as text, for messages. */
export function printRow(f: Func, r: number): string {
  return rowText(f, r, new Names(f, false), false);
}

function signature(f: Func, sig: number): string {
  const sigs = f.sigs;
  if (sigs === null) return '(-> )';
  const types = (t: Uint8Array): string => Array.from(t, (x) => Op.TYPE_NAMES[x]).join(' ');
  return `(${types(sigs.params(sig))} -> ${types(sigs.results(sig))})`.replace('( ', '(');
}

/** Signature numbers that calls of the function name, ascending. */
function usedSignatures(f: Func): number[] {
  const used = new Set<number>();
  for (let b = 0; b !== NONE; b = f.blockNext[b]) {
    for (let r = f.first[b]; r !== NONE; r = f.next[r]) {
      if (Op.OP_AUX[f.op[r]] === Op.AUX_SIG) used.add(f.aux[r]);
    }
  }
  return [...used].sort((x, y) => x - y);
}

/** The whole function as text. */
export function print(f: Func, options: PrintOptions = {}): string {
  const names = new Names(f, options.renumber === true);
  const name = f.name === '' ? '' : ` $${f.name.replace(/[^!-~]/g, '_')}`;
  const lines = [`function ${f.index}${name} sig${f.sig} ${signature(f, f.sig)} {`];
  for (const s of usedSignatures(f)) lines.push(`  sig${s} ${signature(f, s)}`);
  for (let b = f.blockCount === 0 ? NONE : 0; b !== NONE; b = f.blockNext[b]) {
    const params: string[] = [];
    let r = f.first[b];
    for (; r !== NONE && f.op[r] === Op.PARAM; r = f.next[r]) {
      params.push(`${names.v(r)}: ${Op.TYPE_NAMES[f.ty[r]]}`);
    }
    const block = `block${names.blocks[b]}`;
    lines.push(params.length === 0 ? `${block}:` : `${block}(${params.join(', ')}):`);
    for (; r !== NONE; r = f.next[r]) lines.push(`  ${rowText(f, r, names, options.pos === true)}`);
  }
  lines.push('}');
  return `${lines.join('\n')}\n`;
}
