/** The x86-64 back end: IR functions and signatures in, machine code records out. */
import * as Mach from '../../mach/functions.ts';
import { type NativeAbi, SYSTEM_V } from './nativeabi.ts';
import { X64Target } from './target.ts';

/** Compiles functions one after the other; all state is reused. */
export class FunctionCompiler extends Mach.FunctionCompiler {
  /** @param abi of the native code that the functions call */
  constructor(abi: NativeAbi = SYSTEM_V) {
    super(new X64Target(abi));
  }
}
