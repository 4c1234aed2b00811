/** The back half as a whole, for any target: IR functions in, machine code records out. */
import type { Func } from '../ir/func.ts';
import type { CodeRecord } from '../object/records.ts';
import { lap, stopwatch } from '../util/stopwatch.ts';
import { Emitter } from './emit.ts';
import { Lowering } from './lower.ts';
import { allocate } from './regalloc/index.ts';
import { allocateQuickly } from './regalloc/quick.ts';
import type { CodeSink } from './sink.ts';
import type { CodeSettings, Target } from './target.ts';
import { Allocation } from './vcode.ts';

/** Functions start at a multiple of this; 16-byte constants in their pools rely on it. */
const ALIGN = 16;

/** Compiles functions one after the other; all state is reused. */
export class FunctionCompiler {
  readonly lowering: Lowering;
  readonly allocation = new Allocation();
  private readonly emitter: Emitter;

  constructor(private readonly target: Target) {
    this.lowering = new Lowering(target);
    this.emitter = new Emitter(target);
  }

  get sink(): CodeSink {
    return this.emitter.sink;
  }

  /** Bytes of instructions of the last function; constants and jump tables follow. */
  get codeBytes(): number {
    return this.emitter.sink.codeBytes;
  }

  /** Compiles a verified function. Calls to defined functions are left to relocations. */
  compileFunction(f: Func, settings: CodeSettings): CodeRecord {
    const code = this.lowering.run(f, settings);
    stopwatch()?.lap('lowering', () => code.instCount);
    const { registers } = this.target;
    const done = settings.quick && allocateQuickly(code, registers, this.allocation);
    if (settings.quick) lap('regalloc: quick');
    if (!done) allocate(code, registers, this.allocation);
    return this.emitter.run(this.lowering, this.allocation, ALIGN, settings);
  }
}
