/**
 * Reads the textual form of IR functions that `print.ts` writes. Used by tests and tools, never while compiling.
 *
 * A value `v5` becomes row 5 and `block3` block 3, so that printing gives the same text again; rows without a name (stores,
 * terminators) get numbers above all named ones. `;` starts a comment. Values and blocks may be used before they are
 * defined; whether that makes sense is the verifier's business.
 */
import * as Op from '../gen/ir.ts';
import { EMPTY, Func, NONE, type Signatures } from './func.ts';

/** Text that is not IR: the message holds the line number. */
export class ParseError extends Error {}

/** Signatures as declared in a text. */
export class TextSignatures implements Signatures {
  private readonly all = new Map<number, { params: Uint8Array; results: Uint8Array }>();
  set(sig: number, params: Uint8Array, results: Uint8Array): void {
    this.all.set(sig, { params, results });
  }
  params(sig: number): Uint8Array {
    return this.all.get(sig)?.params ?? new Uint8Array(0);
  }
  results(sig: number): Uint8Array {
    return this.all.get(sig)?.results ?? new Uint8Array(0);
  }
}

const TOKEN =
  /\s+|;[^\n]*|(->|0x[0-9a-fA-F]+|-?[0-9]+|[A-Za-z_][A-Za-z0-9_]*|\$[!-~]*|[(){}[\]:,=+.@])/y;

interface Token {
  text: string;
  line: number;
}

function tokens(text: string): Token[] {
  const out: Token[] = [];
  let line = 1;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const m = TOKEN.exec(text);
    if (m === null) throw new ParseError(`line ${line}: unexpected '${text[at]}'`);
    if (m[1] !== undefined) out.push({ text: m[1], line });
    for (const ch of m[0]) if (ch === '\n') line++;
  }
  return out;
}

class Parser {
  private readonly toks: Token[];
  private at = 0;
  private f = new Func();
  private sigs = new TextSignatures();

  constructor(text: string) {
    this.toks = tokens(text);
  }

  get done(): boolean {
    return this.at >= this.toks.length;
  }

  private fail(what: string): never {
    const t = this.toks[this.at] ?? this.toks.at(-1);
    throw new ParseError(
      `line ${t?.line ?? 1}: ${what}${this.done ? ' at the end' : `, found '${t?.text}'`}`,
    );
  }

  private get peek(): string {
    return this.toks[this.at]?.text ?? '';
  }

  private take(): string {
    if (this.done) this.fail('unexpected end');
    return this.toks[this.at++].text;
  }

  private accept(text: string): boolean {
    if (this.peek !== text) return false;
    this.at++;
    return true;
  }

  private expect(text: string): void {
    if (!this.accept(text)) this.fail(`expected '${text}'`);
  }

  /** A token made of a prefix and a number, such as v5, block3, fn12. */
  private numbered(prefix: string): number {
    const t = this.peek;
    if (!t.startsWith(prefix) || !/^[0-9]+$/.test(t.slice(prefix.length)))
      this.fail(`expected ${prefix}N`);
    this.at++;
    return Number(t.slice(prefix.length));
  }

  private int(): bigint {
    if (!/^(-?[0-9]+|0x[0-9a-fA-F]+)$/.test(this.peek)) this.fail('expected a number');
    return BigInt(this.take());
  }

  private named(names: readonly string[], what: string): number {
    const i = names.indexOf(this.peek);
    if (i < 0) this.fail(`unknown ${what}`);
    this.at++;
    return i;
  }

  private types(end: string): Uint8Array {
    const out: number[] = [];
    while (this.peek !== end) out.push(this.named(Op.TYPE_NAMES, 'type'));
    this.expect(end);
    return Uint8Array.from(out);
  }

  private signature(): number {
    const sig = this.numbered('sig');
    this.expect('(');
    const params = this.types('->');
    this.sigs.set(sig, params, this.types(')'));
    return sig;
  }

  /** Makes all named rows and blocks of the function that starts here, so that they can be referred to before they are met. */
  private reserve(): void {
    let rows = 0;
    let blocks = 0;
    for (let i = this.at; i < this.toks.length && this.toks[i].text !== 'function'; i++) {
      const v = /^v([0-9]{1,7})$/.exec(this.toks[i].text);
      if (v !== null) rows = Math.max(rows, Number(v[1]));
      const b = /^block([0-9]{1,7})$/.exec(this.toks[i].text);
      if (b !== null) blocks = Math.max(blocks, Number(b[1]) + 1);
    }
    for (let r = 1; r <= rows; r++) this.f.newRow(Op.NOP, Op.T_VOID, NONE, NONE, NONE, 0);
    for (let b = 0; b < blocks; b++) this.f.newBlock();
  }

  function(): Func {
    const f = (this.f = new Func());
    this.sigs = new TextSignatures();
    this.expect('function');
    const index = Number(this.int());
    const name = this.peek.startsWith('$') ? this.take().slice(1) : '';
    f.clear(index, 0, this.sigs);
    f.name = name;
    f.sig = this.signature();
    this.expect('{');
    this.reserve();
    while (this.peek.startsWith('sig')) this.signature();
    while (!this.accept('}')) this.block();
    return f;
  }

  private block(): void {
    const f = this.f;
    const b = this.numbered('block');
    f.placeBlock(b);
    if (this.accept('(')) {
      do {
        const r = this.numbered('v');
        this.expect(':');
        f.op[r] = Op.PARAM;
        f.ty[r] = this.named(Op.TYPE_NAMES, 'type');
        f.imm[r] = f.paramCount[b]++;
        f.append(r, b);
      } while (this.accept(','));
      this.expect(')');
    }
    this.expect(':');
    while (this.peek !== '}' && !this.peek.startsWith('block')) this.row(b);
  }

  private value(): number {
    return this.accept('none') ? NONE : this.numbered('v');
  }

  private values(end: string): number {
    let l = EMPTY;
    if (this.accept(end)) return l;
    do l = this.f.listPush(l, this.value());
    while (this.accept(','));
    this.expect(end);
    return l;
  }

  private row(block: number): void {
    const f = this.f;
    let r = NONE;
    let ty = Op.T_VOID;
    if (/^v[0-9]+$/.test(this.peek)) {
      r = this.numbered('v');
      this.expect(':');
      ty = this.named(Op.TYPE_NAMES, 'type');
      this.expect('=');
    } else {
      r = f.newRow(Op.NOP, Op.T_VOID, NONE, NONE, NONE, 0);
    }
    f.op[r] = this.named(Op.OP_NAMES, 'opcode');
    f.ty[r] = ty;
    this.operands(r, block);
    if (this.accept('@')) f.pos[r] = Number(this.int());
    while (this.accept('@')) this.int(); // calls inlined around it
    f.append(r, block);
  }

  private operands(r: number, block: number): void {
    const f = this.f;
    const op = f.op[r];
    f.c[r] = (Op.OP_FACTS[op] & Op.F_LIST) !== 0 ? EMPTY : NONE;
    if (Op.OP_IMM[op] === Op.IMM_ICC || Op.OP_IMM[op] === Op.IMM_FCC) {
      this.expect('.');
      f.imm[r] =
        Op.OP_IMM[op] === Op.IMM_ICC
          ? this.named(Op.ICC_NAMES, 'condition')
          : this.named(Op.FCC_NAMES, 'condition');
    }
    if (Op.OP_AUX[op] === Op.AUX_MEM) return this.memory(r);
    if ((Op.OP_FACTS[op] & Op.F_LIST) !== 0) return this.call(r);
    const args = Op.OP_ARGS[op];
    if (args > 0) f.a[r] = this.value();
    if (args > 1) {
      this.expect(',');
      f.b[r] = this.value();
    }
    if (args > 2) {
      this.expect(',');
      f.c[r] = this.value();
    }
    this.immediate(r, block, args > 0);
  }

  private immediate(r: number, block: number, comma: boolean): void {
    const f = this.f;
    const kind = Op.OP_IMM[f.op[r]];
    if (kind === Op.IMM_NONE || kind === Op.IMM_ICC || kind === Op.IMM_FCC) return;
    if (comma) this.expect(',');
    if (kind === Op.IMM_TRAP) f.imm[r] = this.named(Op.TRAP_NAMES, 'trap');
    else if (kind === Op.IMM_EDGES) this.edges(r, block);
    else this.wide(r);
  }

  private wide(r: number): void {
    const f = this.f;
    const v = this.int();
    f.imm[r] = Number(BigInt.asIntN(32, v));
    const narrow =
      f.ty[r] === Op.T_I32 || f.ty[r] === Op.T_F32 || Op.OP_IMM[f.op[r]] === Op.IMM_INDEX;
    f.imm2[r] = narrow ? 0 : Number(BigInt.asIntN(32, v >> 32n));
  }

  private edges(r: number, block: number): void {
    const f = this.f;
    const targets: [number, number][] = [];
    do {
      const to = this.numbered('block');
      targets.push([to, this.accept('(') ? this.values(')') : EMPTY]);
    } while (this.accept(','));
    f.imm[r] = f.edgeCount;
    f.imm2[r] = targets.length;
    for (const [to, args] of targets) f.newEdge(block, to, args);
  }

  private memory(r: number): void {
    const f = this.f;
    const m = /^([a-z]+?)([0-9]+)$/.exec(this.peek);
    const region = m === null ? -1 : Op.REGION_NAMES.indexOf(m[1]);
    if (m === null || region < 0) this.fail('expected a region');
    this.at++;
    let aux = region | (Number(m[2]) << Op.REGION_SHIFT);
    this.expect('[');
    f.a[r] = this.value();
    while (this.accept('+')) {
      if (this.peek.startsWith('v')) f.b[r] = this.value();
      else this.offset(r);
    }
    this.expect(']');
    if (Op.OP_ARGS[f.op[r]] === 3) {
      this.expect(',');
      f.c[r] = this.value();
    }
    if (this.accept(Op.MEM_NOTRAP_NAME)) aux |= Op.MEM_NOTRAP;
    f.aux[r] = aux;
  }

  private offset(r: number): void {
    const v = this.int();
    this.f.imm[r] = Number(BigInt.asIntN(32, v));
    this.f.imm2[r] = Number(BigInt.asIntN(32, v >> 32n));
  }

  private call(r: number): void {
    const f = this.f;
    const op = f.op[r];
    if (op === Op.RET) {
      if (this.peek.startsWith('v')) {
        let l = EMPTY;
        do l = f.listPush(l, this.value());
        while (this.accept(','));
        f.c[r] = l;
      }
      return;
    }
    if (Op.OP_IMM[op] === Op.IMM_FUNC) f.imm[r] = this.numbered('fn');
    if (Op.OP_IMM[op] === Op.IMM_BUILTIN) f.imm[r] = this.numbered('builtin');
    if (Op.OP_ARGS[op] === 1) f.a[r] = this.value();
    if (Op.OP_AUX[op] === Op.AUX_SIG) f.aux[r] = this.numbered('sig');
    this.expect('(');
    f.c[r] = this.values(')');
  }
}

/** All functions of a text. Throws {@link ParseError}. */
export function parse(text: string): Func[] {
  const p = new Parser(text);
  const out: Func[] = [];
  while (!p.done) out.push(p.function());
  return out;
}
