/**
 * The module's direct calls and what its bodies look like from afar: one scan over all bodies, nothing validated. It says
 * the same in every thread, since it depends on the module's bytes alone.
 */
import * as Op from '../gen/wasm.ts';
import { BodyWalk } from './skip.ts';
import type { ModuleInfo } from './types.ts';

/** The body has a tail call of either kind. */
export const BODY_TAIL_CALLS = 1;
/** The body calls its own function. */
export const BODY_SELF_CALLS = 2;

/** Columns by defined function; callees are defined functions too. */
export interface CallGraph {
  /** Roughly the machine instructions a body becomes: operators weighed by {@link WEIGHT}. */
  weight: Int32Array;
  /** What a body weighs at least, by its bytes: even what weighs nothing must be read each time it is inlined. */
  least: Int32Array;
  locals: Int32Array;
  flags: Uint8Array;
  /** Callees of function f, in the order of the calls: callee[first[f]] to callee[first[f + 1] - 1]. */
  first: Int32Array;
  callee: Int32Array;
  /** Calls of a function from anywhere in the module, tail calls included. */
  callers: Int32Array;
  /** The last of them. */
  caller: Int32Array;
  /** By table: 1 if some operator may change it. */
  tableWritten: Uint8Array;
}

/** What a call weighs: itself, and the moves and spills around it. */
export const CALL_WEIGHT = 4;
/** Real bodies have two to four bytes for each unit of weight. */
const BYTES_SHIFT = 3;
const INDIRECT_CALL_WEIGHT = 7;
const TABLE_WEIGHT = 4;
const PREFIXED_WEIGHT = 4;
const DIVISION_WEIGHT = 3;

/** By opcode byte. Constants, locals and structure are mostly free. */
const WEIGHT = new Uint8Array(256).fill(1);
WEIGHT.fill(0, Op.NOP, Op.LOOP + 1);
for (const op of [Op.ELSE, Op.END, Op.RETURN, Op.DROP, Op.LOCAL_GET, Op.LOCAL_SET]) WEIGHT[op] = 0;
for (const op of [Op.LOCAL_TEE, Op.I32_CONST, Op.I64_CONST, Op.REF_NULL]) WEIGHT[op] = 0;
for (const op of [Op.CALL, Op.RETURN_CALL]) WEIGHT[op] = CALL_WEIGHT;
for (const op of [Op.CALL_INDIRECT, Op.RETURN_CALL_INDIRECT]) WEIGHT[op] = INDIRECT_CALL_WEIGHT;
WEIGHT[Op.BR_TABLE] = TABLE_WEIGHT;
WEIGHT[0xfc] = PREFIXED_WEIGHT;
WEIGHT.fill(DIVISION_WEIGHT, Op.I32_DIV_S, Op.I32_REM_U + 1);
WEIGHT.fill(DIVISION_WEIGHT, Op.I64_DIV_S, Op.I64_REM_U + 1);

/** Operators that write to the table of their first index (`table.init`: of the second). */
const TABLE_WRITES: readonly number[] = [
  Op.TABLE_SET,
  Op.TABLE_INIT,
  Op.TABLE_COPY,
  Op.TABLE_GROW,
  Op.TABLE_FILL,
];

function doubled(column: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const bigger = new Int32Array(column.length * 2);
  bigger.set(column);
  return bigger;
}

class Scan {
  private readonly walk: BodyWalk;
  private readonly imported: number;
  private readonly total: number;
  private callee = new Int32Array(1024);
  private calls = 0;
  readonly graph: CallGraph;

  constructor(bytes: Uint8Array, m: ModuleInfo) {
    const n = m.definedFuncs;
    this.walk = new BodyWalk(bytes);
    this.imported = m.importedFuncs;
    this.total = m.funcCount;
    this.graph = {
      weight: new Int32Array(n),
      least: new Int32Array(n),
      locals: new Int32Array(n),
      flags: new Uint8Array(n),
      first: new Int32Array(n + 1),
      callee: this.callee,
      callers: new Int32Array(n),
      caller: new Int32Array(n),
      tableWritten: new Uint8Array(m.tables.length),
    };
    for (let f = 0; f < n; f++) this.body(f, m.bodies[2 * f]!, m.bodies[2 * f + 1]!);
    this.graph.callee = this.callee.slice(0, this.calls);
  }

  private body(f: number, start: number, end: number): void {
    const { walk, graph } = this;
    const { bytes } = walk;
    graph.locals[f] = walk.enter(start, end);
    let weight = 0;
    while (walk.pos < end) {
      const op = bytes[walk.pos++]!;
      weight += WEIGHT[op]!;
      if (op === Op.CALL || op === Op.RETURN_CALL) this.call(f, walk.leb(), op);
      else {
        if (op === Op.RETURN_CALL_INDIRECT) graph.flags[f]! |= BODY_TAIL_CALLS;
        if (op === Op.TABLE_SET || op === 0xfc) this.tableWrite(op);
        walk.skipImmediates(op);
      }
    }
    graph.least[f] = (end - start) >> BYTES_SHIFT;
    graph.weight[f] = Math.max(weight, graph.least[f]!);
    graph.first[f + 1] = this.calls;
  }

  /** Looks at the immediates of an operator that may write to a table, without passing over them. */
  private tableWrite(op: number): void {
    const { walk, graph } = this;
    const at = walk.pos;
    const sub = op === Op.TABLE_SET ? op : Op.BASE_FC + walk.leb();
    if (sub === Op.TABLE_INIT) walk.leb(); // the segment
    if (TABLE_WRITES.includes(sub)) graph.tableWritten[walk.leb()] = 1;
    walk.pos = at;
  }

  private call(f: number, index: number, op: number): void {
    const { graph } = this;
    if (op === Op.RETURN_CALL) graph.flags[f]! |= BODY_TAIL_CALLS;
    if (index < this.imported || index >= this.total) return;
    const callee = index - this.imported;
    if (callee === f) graph.flags[f]! |= BODY_SELF_CALLS;
    graph.callers[callee]!++;
    graph.caller[callee] = f;
    if (this.calls === this.callee.length) this.callee = doubled(this.callee);
    this.callee[this.calls++] = callee;
  }
}

/** Scans the bodies of a module. */
export function callGraph(bytes: Uint8Array, m: ModuleInfo): CallGraph {
  return new Scan(bytes, m).graph;
}
