/**
 * The verifier: everything an IR function must satisfy, all violations reported, nothing trusted. It recomputes
 * reachability and dominators with its own simple algorithm (iterating over sets of blocks in reverse postorder), so that a wrong
 * analysis is found too. Runs after every pass in tests.
 *
 * Rules
 * - Structure: block 0 is first and has no predecessors; blocks and rows are doubly linked consistently; a row is in one
 *   block once; parameters come first and are numbered; a block ends in its only terminator; PROJ rows follow their call in order.
 * - Edges: the edges of a terminator are contiguous, belong to it, lead to placed blocks, carry one argument of the right
 *   type per parameter; predecessor chains hold exactly the edges of placed blocks; no list is shared.
 * - Types: operands and results fit the opcode's row; calls and returns fit their signatures; immediates are in range.
 * - SSA: an operand is defined before its use in the same block or in a dominating block. (In unreachable blocks only the
 *   operand's existence is checked.)
 */
import * as Op from '../gen/ir.ts';
import { EMPTY, NONE, type Func } from './func.ts';
import { printRow } from './print.ts';

const SAME = 255;
const INT = (1 << Op.T_I32) | (1 << Op.T_I64);
const FLOAT = (1 << Op.T_F32) | (1 << Op.T_F64);

class Verifier {
  readonly errors: string[] = [];
  private readonly f: Func;
  /** Place of a row in its block, -1 when in none. */
  private readonly place: Int32Array;
  private readonly placed: Uint8Array;
  private readonly edgeSeen: Uint8Array;
  private readonly lists = new Set<number>();
  private idom: Int32Array;
  private rpo: Int32Array;

  constructor(f: Func) {
    this.f = f;
    this.place = new Int32Array(f.rowCount).fill(-1);
    this.placed = new Uint8Array(f.blockCount);
    this.edgeSeen = new Uint8Array(f.edgeCount);
    this.idom = new Int32Array(f.blockCount).fill(NONE);
    this.rpo = new Int32Array(f.blockCount).fill(NONE);
  }

  private err(where: string, what: string): void {
    if (this.errors.length < 100) this.errors.push(`${where}: ${what}`);
  }

  private row(r: number, what: string): void {
    let text = '';
    try {
      text = printRow(this.f, r);
    } catch {
      text = `row ${r}`;
    }
    this.err(`block${this.f.block[r]}`, `${what} in '${text}'`);
  }

  run(): string[] {
    if (!this.blocks()) return this.errors;
    if (!this.rows()) return this.errors;
    this.edges();
    if (this.errors.length > 0) return this.errors;
    this.dominators();
    this.entry();
    this.eachRow((r) => this.types(r));
    this.eachRow((r) => this.uses(r));
    return this.errors;
  }

  private eachRow(visit: (r: number) => void): void {
    const f = this.f;
    for (let b = 0; b !== NONE; b = f.blockNext[b])
      for (let r = f.first[b]; r !== NONE; r = f.next[r]) visit(r);
  }

  private blocks(): boolean {
    const f = this.f;
    if (f.blockCount === 0) this.err('function', 'no blocks');
    let prev = NONE;
    for (let b = f.blockCount === 0 ? NONE : 0; b !== NONE; b = f.blockNext[b]) {
      if (b < 0 || b >= f.blockCount || this.placed[b] === 1) {
        this.err(`block${b}`, 'block order is not a list');
        return false;
      }
      this.placed[b] = 1;
      if (f.blockPrev[b] !== prev) this.err(`block${b}`, 'blockPrev is wrong');
      prev = b;
    }
    if (prev !== f.lastBlock) this.err('function', 'lastBlock is wrong');
    return this.errors.length === 0;
  }

  private rows(): boolean {
    const f = this.f;
    for (let b = 0; b !== NONE; b = f.blockNext[b]) {
      let prev = NONE;
      let n = 0;
      let params = 0;
      for (let r = f.first[b]; r !== NONE; r = f.next[r]) {
        if (r <= 0 || r >= f.rowCount || this.place[r] !== -1) {
          this.err(`block${b}`, `row list is broken at row ${r}`);
          return false;
        }
        this.place[r] = n++;
        if (f.block[r] !== b) this.row(r, `block column says ${f.block[r]}, not ${b},`);
        if (f.prev[r] !== prev) this.row(r, 'prev column is wrong');
        params = this.structure(r, prev, params);
        prev = r;
      }
      if (f.last[b] !== prev) this.err(`block${b}`, 'last row is wrong');
      if (params !== f.paramCount[b])
        this.err(`block${b}`, `paramCount is ${f.paramCount[b]}, not ${params}`);
      if (prev === NONE) this.err(`block${b}`, 'empty block');
    }
    return this.errors.length === 0;
  }

  private structure(r: number, prev: number, params: number): number {
    const f = this.f;
    const op = f.op[r];
    if (op >= Op.OP_COUNT || op === Op.NOP) this.row(r, 'not an instruction');
    const terminator = (Op.OP_FACTS[op] & Op.F_TERMINATOR) !== 0;
    if (terminator !== (f.next[r] === NONE))
      this.row(r, terminator ? 'terminator is not last' : 'block does not end in a terminator');
    if (op === Op.PARAM) {
      if (this.place[r] !== params) this.row(r, 'parameter after other rows');
      if (f.imm[r] !== params) this.row(r, `parameter number is ${f.imm[r]}, not ${params}`);
      return params + 1;
    }
    if (op === Op.PROJ) {
      const call = f.a[r];
      const k = f.imm[r];
      const before =
        k === 0
          ? prev === call
          : prev !== NONE && f.op[prev] === Op.PROJ && f.a[prev] === call && f.imm[prev] === k - 1;
      if (!before) this.row(r, 'projection does not follow its call in order');
    }
    return params;
  }

  /** The entry's parameters: the context, then those of the signature. */
  private entry(): void {
    const f = this.f;
    if (f.sigs === null) return;
    const want = [Op.T_I64, ...f.sigs.params(f.sig)];
    const is: number[] = [];
    for (let r = f.first[0]; f.op[r] === Op.PARAM; r = f.next[r]) is.push(f.ty[r]);
    if (is.join() !== want.join()) this.err('block0', 'parameters are not those of the signature');
  }

  private validList(l: number): boolean {
    const f = this.f;
    if (l === EMPTY) return true;
    if (l < 2 || l + 2 > f.poolTop) return false;
    return (
      f.pool[l] >= 0 &&
      l + 2 + f.pool[l] <= f.poolTop &&
      f.pool[l + 1] >= 0 &&
      f.pool[l + 1] <= f.pool[l]
    );
  }

  private useList(where: string, l: number): boolean {
    if (!this.validList(l)) {
      this.err(where, `list ${l} is out of bounds`);
      return false;
    }
    if (l !== EMPTY && this.lists.has(l)) this.err(where, `list ${l} is shared`);
    this.lists.add(l);
    return true;
  }

  private edges(): void {
    const f = this.f;
    if (f.predFirst[0] !== NONE) this.err('block0', 'entry has predecessors');
    if (f.listLength(EMPTY) !== 0) this.err('function', 'the empty list is not empty');
    for (let b = 0; b !== NONE; b = f.blockNext[b]) {
      const t = f.last[b];
      if (Op.OP_IMM[f.op[t]] !== Op.IMM_EDGES) continue;
      const n = f.imm2[t];
      const ok = f.op[t] === Op.JUMP ? n === 1 : f.op[t] === Op.BRIF ? n === 2 : n >= 1;
      if (!ok || f.imm[t] < 0 || f.imm[t] + n > f.edgeCount) {
        this.row(t, 'wrong number of edges');
        continue;
      }
      for (let e = f.imm[t]; e < f.imm[t] + n; e++) this.edge(e, b);
    }
    this.preds();
  }

  private edge(e: number, b: number): void {
    const f = this.f;
    const where = `block${b} edge ${e}`;
    if (this.edgeSeen[e] !== 0) this.err(where, 'edge belongs to two terminators');
    this.edgeSeen[e] = 1;
    if (f.edgeFrom[e] !== b) this.err(where, `comes from block${f.edgeFrom[e]}`);
    const to = f.edgeTo[e];
    if (to < 0 || to >= f.blockCount || this.placed[to] === 0) {
      this.err(where, `leads to block${to}, which is not placed`);
      return;
    }
    if (!this.useList(where, f.edgeArgs[e])) return;
    const n = f.listLength(f.edgeArgs[e]);
    if (n !== f.paramCount[to]) {
      this.err(where, `${n} arguments for the ${f.paramCount[to]} parameters of block${to}`);
      return;
    }
    let p = f.first[to];
    for (let i = 0; i < n; i++, p = f.next[p]) {
      const v = f.listGet(f.edgeArgs[e], i);
      if (this.isValue(v) && f.ty[v] !== f.ty[p]) {
        this.err(
          where,
          `argument ${i} is v${v}: ${Op.TYPE_NAMES[f.ty[v]]}, not ${Op.TYPE_NAMES[f.ty[p]]}`,
        );
      }
    }
  }

  private preds(): void {
    const f = this.f;
    for (let b = 0; b !== NONE; b = f.blockNext[b]) {
      let last = NONE;
      for (let e = f.predFirst[b], n = 0; e !== NONE; e = f.edgeNextPred[e]) {
        if (e < 0 || e >= f.edgeCount || ++n > f.edgeCount) {
          this.err(`block${b}`, 'predecessor chain is broken');
          return;
        }
        if (this.edgeSeen[e] === 0)
          this.err(`block${b}`, `predecessor edge ${e} belongs to no terminator`);
        if (this.edgeSeen[e] === 2) this.err(`block${b}`, `edge ${e} is chained twice`);
        if (f.edgeTo[e] !== b)
          this.err(`block${b}`, `predecessor edge ${e} leads to block${f.edgeTo[e]}`);
        this.edgeSeen[e] = 2;
        last = e;
      }
      if (f.predLast[b] !== last) this.err(`block${b}`, 'predLast is wrong');
    }
    for (let e = 0; e < f.edgeCount; e++)
      if (this.edgeSeen[e] === 1) this.err(`edge ${e}`, 'is in no predecessor chain');
  }

  /** Immediate dominators by iteration over reverse postorder (Cooper, Harvey, Kennedy). */
  private dominators(): void {
    const f = this.f;
    const order = this.reversePostorder();
    const { idom, rpo } = this;
    order.forEach((b, i) => (rpo[b] = i));
    idom[0] = 0;
    for (let changed = true; changed;) {
      changed = false;
      for (const b of order) {
        if (b === 0) continue;
        let d = NONE;
        for (let e = f.predFirst[b]; e !== NONE; e = f.edgeNextPred[e]) {
          const p = f.edgeFrom[e];
          if (rpo[p] !== NONE && idom[p] !== NONE) d = d === NONE ? p : this.meet(d, p);
        }
        if (d !== idom[b]) {
          idom[b] = d;
          changed = true;
        }
      }
    }
    this.depths(order);
  }

  private depthOf = new Int32Array(0);

  private depths(order: number[]): void {
    this.depthOf = new Int32Array(this.f.blockCount);
    for (const b of order) if (b !== 0) this.depthOf[b] = this.depthOf[this.idom[b]] + 1;
  }

  private meet(x: number, y: number): number {
    const { idom, rpo } = this;
    while (x !== y) {
      while (rpo[x] > rpo[y]) x = idom[x];
      while (rpo[y] > rpo[x]) y = idom[y];
    }
    return x;
  }

  private reversePostorder(): number[] {
    const f = this.f;
    const seen = new Uint8Array(f.blockCount);
    const cursor = new Int32Array(f.blockCount);
    const stack = [0];
    const post: number[] = [];
    seen[0] = 1;
    while (stack.length > 0) {
      const b = stack[stack.length - 1];
      const t = f.last[b];
      const n = Op.OP_IMM[f.op[t]] === Op.IMM_EDGES ? f.imm2[t] : 0;
      if (cursor[b] < n) {
        const to = f.edgeTo[f.imm[t] + cursor[b]++];
        if (seen[to] === 0) {
          seen[to] = 1;
          stack.push(to);
        }
      } else {
        post.push(b);
        stack.pop();
      }
    }
    return post.reverse();
  }

  private isValue(v: number): boolean {
    return v > 0 && v < this.f.rowCount && this.place[v] !== -1 && this.f.ty[v] !== Op.T_VOID;
  }

  private type(v: number): number {
    return this.isValue(v) ? this.f.ty[v] : -1;
  }

  private types(r: number): void {
    const f = this.f;
    const op = f.op[r];
    const out = Op.OP_OUT[op];
    if (f.ty[r] > Op.T_REF) return this.row(r, 'unknown type');
    if (out !== SAME && f.ty[r] !== out) this.row(r, `result is not ${Op.TYPE_NAMES[out]}`);
    const mem = Op.OP_AUX[op] === Op.AUX_MEM;
    for (let i = 0; i < Op.OP_ARGS[op]; i++) {
      const v = i === 0 ? f.a[r] : i === 1 ? f.b[r] : f.c[r];
      if (mem && i === 1 && v === NONE) continue;
      if (op === Op.PROJ) continue;
      const want = Op.OP_IN[op * 3 + i];
      const is = this.type(v);
      if (is === -1) this.row(r, `operand ${i} (v${v}) is no value`);
      else if (want === SAME ? is !== f.ty[r] : want !== 254 && is !== want) {
        this.row(r, `operand ${i} is ${Op.TYPE_NAMES[is]}`);
      }
    }
    this.special(r);
    if ((Op.OP_FACTS[op] & Op.F_LIST) !== 0) this.call(r);
  }

  private need(r: number, ok: boolean, what: string): void {
    if (!ok) this.row(r, what);
  }

  private among(ty: number, set: number): boolean {
    return ty > 0 && ((set >> ty) & 1) === 1;
  }

  /** Types that the opcode tables leave open, and immediates. */
  private special(r: number): void {
    const f = this.f;
    const op = f.op[r];
    const ty = f.ty[r];
    const a = f.a[r];
    if (op >= Op.IADD && op <= Op.SEXT32) this.need(r, this.among(ty, INT), 'result is no integer');
    if (op >= Op.FADD && op <= Op.FNEAREST)
      this.need(r, this.among(ty, FLOAT), 'result is no float');
    if (Op.OP_AUX[op] === Op.AUX_MEM) return this.memory(r);
    switch (op) {
      case Op.ICONST:
        this.need(r, this.among(ty, INT | (1 << Op.T_REF)), 'result is no integer');
        this.need(r, ty !== Op.T_I32 || f.imm2[r] === 0, 'high half of an i32 is not 0');
        break;
      case Op.FCONST:
        this.need(r, this.among(ty, FLOAT), 'result is no float');
        this.need(r, ty !== Op.T_F32 || f.imm2[r] === 0, 'high half of an f32 is not 0');
        break;
      case Op.SEXT32:
        this.need(r, ty === Op.T_I64, 'result is not i64');
        break;
      case Op.ICMP:
        this.need(
          r,
          this.among(this.type(a), INT | (1 << Op.T_REF)) && this.type(a) === this.type(f.b[r]),
          'operand types differ or are no integers',
        );
        this.need(r, f.imm[r] >= 0 && f.imm[r] < Op.ICC_NAMES.length, 'bad condition');
        break;
      case Op.FCMP:
        this.need(
          r,
          this.among(this.type(a), FLOAT) && this.type(a) === this.type(f.b[r]),
          'operand types differ or are no floats',
        );
        this.need(r, f.imm[r] >= 0 && f.imm[r] < Op.FCC_NAMES.length, 'bad condition');
        break;
      case Op.BITCAST:
        this.need(r, this.sameSize(this.type(a), ty), 'bitcast between different sizes');
        break;
      case Op.FTOI_S:
      case Op.FTOI_U:
      case Op.FTOI_SAT_S:
      case Op.FTOI_SAT_U: // prettier-ignore
        this.need(
          r,
          this.among(ty, INT) && this.among(this.type(a), FLOAT),
          'not float to integer',
        );
        break;
      case Op.ITOF_S:
      case Op.ITOF_U: // prettier-ignore
        this.need(
          r,
          this.among(ty, FLOAT) && this.among(this.type(a), INT),
          'not integer to float',
        );
        break;
      case Op.BOUND:
        this.need(r, this.among(this.type(a), INT), 'index is no integer');
        break;
      case Op.PROJ:
        this.projection(r);
        break;
    }
    if (Op.OP_IMM[op] === Op.IMM_TRAP)
      this.need(r, f.imm[r] >= 0 && f.imm[r] < Op.TRAP_NAMES.length, 'bad trap code');
  }

  private sameSize(x: number, y: number): boolean {
    const four = (1 << Op.T_I32) | (1 << Op.T_F32);
    const eight = (1 << Op.T_I64) | (1 << Op.T_F64) | (1 << Op.T_REF);
    return (
      (this.among(x, four) && this.among(y, four)) || (this.among(x, eight) && this.among(y, eight))
    );
  }

  private memory(r: number): void {
    const f = this.f;
    const op = f.op[r];
    if (f.b[r] !== NONE) this.need(r, this.among(this.type(f.b[r]), INT), 'index is no integer');
    this.need(r, (f.aux[r] & 0xff) < Op.REGION_NAMES.length, 'bad region');
    const value = Op.OP_ARGS[op] === 3 ? this.type(f.c[r]) : f.ty[r];
    if (op === Op.LOAD || op === Op.STORE) this.need(r, value > 0, 'no type');
    else if (op === Op.STORE32) this.need(r, value === Op.T_I64, 'value is not i64');
    else this.need(r, this.among(value, INT), 'value is no integer');
    if (op >= Op.STORE)
      this.need(r, (f.aux[r] & 0xff) !== Op.R_READONLY, 'store to a read-only region');
  }

  private projection(r: number): void {
    const f = this.f;
    const call = f.a[r];
    const isCall = call > 0 && call < f.rowCount && (Op.OP_FACTS[f.op[call]] & Op.F_LIST) !== 0;
    if (!isCall) return this.row(r, 'projection of no call');
    if (f.sigs === null || Op.OP_AUX[f.op[call]] !== Op.AUX_SIG) return;
    const results = f.sigs.results(f.aux[call]);
    this.need(
      r,
      f.imm[r] < results.length && results[f.imm[r]] === f.ty[r],
      'type is not that of the result',
    );
  }

  private call(r: number): void {
    const f = this.f;
    const op = f.op[r];
    if (!this.useList(`block${f.block[r]}`, f.c[r])) return;
    for (let i = 0; i < f.listLength(f.c[r]); i++) {
      if (!this.isValue(f.listGet(f.c[r], i)))
        return this.row(r, `argument ${i} (v${f.listGet(f.c[r], i)}) is no value`);
    }
    if (f.sigs === null) return;
    if (op === Op.RET) return this.matches(r, f.sigs.results(f.sig), 0);
    if (Op.OP_AUX[op] !== Op.AUX_SIG) return;
    this.need(r, this.type(f.listGet(f.c[r], 0)) === Op.T_I64, 'no context');
    this.matches(r, f.sigs.params(f.aux[r]), 1);
    const results = f.sigs.results(f.aux[r]);
    if ((Op.OP_FACTS[op] & Op.F_TERMINATOR) !== 0) {
      const own = f.sigs.results(f.sig);
      this.need(
        r,
        own.length === results.length && own.every((t, i) => t === results[i]),
        'tail call with other results',
      );
    } else {
      this.need(
        r,
        f.ty[r] === (results.length === 1 ? results[0] : Op.T_VOID),
        'type is not that of the result',
      );
    }
  }

  private matches(r: number, want: Uint8Array, skip: number): void {
    const f = this.f;
    const n = f.listLength(f.c[r]) - skip;
    if (n !== want.length) return this.row(r, `${n} values where the signature has ${want.length}`);
    for (let i = 0; i < n; i++) {
      this.need(
        r,
        this.type(f.listGet(f.c[r], i + skip)) === want[i],
        `value ${i} is not ${Op.TYPE_NAMES[want[i]]}`,
      );
    }
  }

  /** Dominance of every use, including the arguments of the row's edges. */
  private uses(r: number): void {
    const f = this.f;
    const op = f.op[r];
    for (let i = 0; i < Op.OP_ARGS[op]; i++) {
      const v = i === 0 ? f.a[r] : i === 1 ? f.b[r] : f.c[r];
      if (v !== NONE) this.use(r, v);
    }
    if ((Op.OP_FACTS[op] & Op.F_LIST) !== 0) {
      for (let i = 0; i < f.listLength(f.c[r]); i++) this.use(r, f.listGet(f.c[r], i));
    }
    if (Op.OP_IMM[op] !== Op.IMM_EDGES) return;
    for (let e = f.imm[r]; e < f.imm[r] + f.imm2[r]; e++) {
      for (let i = 0; i < f.listLength(f.edgeArgs[e]); i++) {
        const v = f.listGet(f.edgeArgs[e], i);
        if (!this.isValue(v)) this.row(r, `edge argument v${v} is no value`);
        else this.use(r, v);
      }
    }
  }

  private use(r: number, v: number): void {
    const f = this.f;
    const b = f.block[r];
    if (this.rpo[b] === NONE) return;
    if (v <= 0 || v >= f.rowCount || this.place[v] === -1)
      return this.row(r, `v${v} is in no block`);
    const d = f.block[v];
    if (d === b) {
      if (this.place[v] >= this.place[r]) this.row(r, `v${v} is used before it is defined`);
      return;
    }
    let x = b;
    while (this.rpo[d] !== NONE && this.depthOf[x] > this.depthOf[d]) x = this.idom[x];
    if (x !== d) this.row(r, `v${v} of block${d} does not dominate its use`);
  }
}

/** All violations of the IR's rules, as text; empty when the function is sound. Never throws on a damaged function. */
export function verify(f: Func): string[] {
  return new Verifier(f).run();
}
