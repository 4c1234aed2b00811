/** The back ends by target name: the one place that knows them all. */
import * as X64 from '../gen/x64.ts';
import type { FunctionCompiler } from '../mach/functions.ts';
import type { CodeSettings } from '../mach/target.ts';
import type { RegisterFile } from '../mach/vcode.ts';
import type { CodeRecord } from '../object/records.ts';
import * as A64Operations from '../target/aarch64/memops.ts';
import * as A64Functions from '../target/aarch64/index.ts';
import * as A64Machine from '../target/aarch64/machine.ts';
import * as A64Trampolines from '../target/aarch64/trampolines.ts';
import * as X64Functions from '../target/x64/index.ts';
import * as X64Machine from '../target/x64/machine.ts';
import { WINDOWS } from '../target/x64/nativeabi.ts';
import * as X64Trampolines from '../target/x64/trampolines.ts';
import type { Settings } from './settings.ts';

type TargetName = Settings['target'];

/** Makes the trampoline of a signature, its types as numbers of isa/ir/ops.ts. */
export type MakeTrampoline = (
  params: Uint8Array,
  results: Uint8Array,
  settings: CodeSettings,
) => CodeRecord;

export interface BackEnd {
  readonly functions: FunctionCompiler;
  readonly registers: RegisterFile;
  /** Names of the target's instruction forms, for dumps. */
  readonly formNames: readonly string[];
  readonly entryTrampoline: MakeTrampoline;
  readonly exitTrampoline: MakeTrampoline;
}

const MAKE: Record<TargetName, () => BackEnd> = {
  'x86_64-linux': () => ({
    functions: new X64Functions.FunctionCompiler(),
    registers: X64Machine.registers,
    formNames: X64.FORM_NAMES,
    entryTrampoline: X64Trampolines.entryTrampoline,
    exitTrampoline: X64Trampolines.exitTrampoline,
  }),
  'aarch64-linux': () => ({
    functions: new A64Functions.FunctionCompiler(),
    registers: A64Machine.registers,
    formNames: A64Operations.OP_NAMES,
    entryTrampoline: A64Trampolines.entryTrampoline,
    exitTrampoline: A64Trampolines.exitTrampoline,
  }),
  'x86_64-windows': () => ({
    functions: new X64Functions.FunctionCompiler(WINDOWS),
    registers: X64Machine.registers,
    formNames: X64.FORM_NAMES,
    entryTrampoline: X64Trampolines.windowsEntryTrampoline,
    exitTrampoline: X64Trampolines.windowsExitTrampoline,
  }),
  'aarch64-windows': () => ({
    functions: new A64Functions.FunctionCompiler(true),
    registers: A64Machine.registers,
    formNames: A64Operations.OP_NAMES,
    entryTrampoline: A64Trampolines.windowsEntryTrampoline,
    exitTrampoline: A64Trampolines.windowsExitTrampoline,
  }),
};

/** Those of this thread. */
const made = new Map<TargetName, BackEnd>();

/** The back end of a target, of which there is one per thread. */
export function backEndOf(target: TargetName): BackEnd {
  let backEnd = made.get(target);
  if (backEnd === undefined) made.set(target, (backEnd = MAKE[target]()));
  return backEnd;
}
