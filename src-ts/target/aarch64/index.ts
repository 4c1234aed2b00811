/** The AArch64 back end: IR functions and signatures in, machine code records out. */
import * as Mach from '../../mach/functions.ts';
import { AArch64Target } from './target.ts';

/** Compiles functions one after the other; all state is reused. */
export class FunctionCompiler extends Mach.FunctionCompiler {
  /** @param windows whether frames are such as Windows' unwinder knows */
  constructor(windows = false) {
    super(new AArch64Target(windows));
  }
}
