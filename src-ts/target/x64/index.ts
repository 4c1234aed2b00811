/** The x86-64 back end: IR functions and signatures in, machine code records out. */
import type { Func } from '../../ir/func.ts';
import { Emitter } from '../../mach/emit.ts';
import { Lowering } from '../../mach/lower.ts';
import { allocate } from '../../mach/regalloc/index.ts';
import { allocateQuickly } from '../../mach/regalloc/quick.ts';
import type { CodeSink } from '../../mach/sink.ts';
import type { CodeSettings } from '../../mach/target.ts';
import { Allocation } from '../../mach/vcode.ts';
import type { CodeRecord } from '../../object/records.ts';
import { type NativeAbi, SYSTEM_V } from './nativeabi.ts';
import { lap, stopwatch } from '../../util/stopwatch.ts';
import { X64Target } from './target.ts';

/** Functions start at a multiple of this; 16-byte constants in their pools rely on it. */
const ALIGN = 16;

/** Compiles functions one after the other; all state is reused. */
export class FunctionCompiler {
  private readonly target: X64Target;
  readonly lowering: Lowering;
  readonly allocation = new Allocation();
  private readonly emitter: Emitter;

  /** @param abi of the native code that the functions call */
  constructor(abi: NativeAbi = SYSTEM_V) {
    this.target = new X64Target(abi);
    this.lowering = new Lowering(this.target);
    this.emitter = new Emitter(this.target);
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
