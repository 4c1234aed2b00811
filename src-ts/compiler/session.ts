/**
 * One module being compiled in one thread: frontend, optimiser and back end for a function at a time, all state reused.
 * What a function becomes depends on the module and the settings only, never on what was compiled before it (but for
 * `optFuel`, which is what makes that setting compile in one thread).
 */
import { Inliner } from '../frontend/inline.ts';
import { INLINE_ONCE, planInlining, type InlinePlan } from '../frontend/inlineplan.ts';
import { ModuleSignatures } from '../frontend/layout.ts';
import { Translator } from '../frontend/translate.ts';
import { Builder } from '../ir/build.ts';
import { Func } from '../ir/func.ts';
import { print } from '../ir/print.ts';
import { verify } from '../ir/verify.ts';
import { checkAllocation } from '../mach/checker.ts';
import { printVCode } from '../mach/print.ts';
import { SPILL_STORE, type CodeSink } from '../mach/sink.ts';
import type { CodeSettings } from '../mach/target.ts';
import type { CodeRecord } from '../object/records.ts';
import { fold, Gate, ok, optimize, setGate, type Level } from '../opt/pipeline.ts';
import { bug, InternalError } from '../util/bug.ts';
import { CompileError } from '../util/errors.ts';
import { lap, stopwatch } from '../util/stopwatch.ts';
import type { ModuleInfo } from '../wasm/types.ts';
import { backEndOf, type BackEnd, type MakeTrampoline } from './backends.ts';
import { cpuFeatures } from './cpu.ts';
import type { Settings } from './settings.ts';
import { makesForeignTailCalls } from './tailcalls.ts';

/**
 * Stages whose text can be asked for: `ir` as the frontend made it, `passes` after every pass (the hook is told
 * `passes:NAME`), `opt` as the back end gets it, `vcode` the target's instructions with their registers, `spills` where
 * the code accesses spill slots (a line each: `load` or `store`, offset in the function).
 */
export const DUMP_STAGES = ['ir', 'passes', 'opt', 'vcode', 'spills'] as const;

/** Gets the text of a stage of a function (index among the module's functions, imported ones first). */
export type Dump = (stage: string, funcIndex: number, text: string) => void;

/** What may be inlined in a module, for all sessions that compile it; null: nothing. */
export function inlinePlan(bytes: Uint8Array, m: ModuleInfo, s: Settings): InlinePlan | null {
  // A debugger is told of the functions of the source, not of ours: inlined code has no entry of its own.
  return s.inline && !s.debugInfo ? planInlining(bytes, m, String(s.optLevel)) : null;
}

/** What stands for the code of a function that is inlined wherever it is called. */
export const NO_CODE: CodeRecord = {
  code: new Uint8Array(0),
  align: 1,
  relocs: new Int32Array(0),
  traps: new Int32Array(0),
  addrmap: new Int32Array(0),
  unwind: new Int32Array(0),
  inlines: new Int32Array(0),
  locals: new Int32Array(0),
};

/** A record without an address map: trampolines come from no Wasm byte. */
function unmapped(record: CodeRecord): CodeRecord {
  return { ...record, addrmap: new Int32Array(0), locals: new Int32Array(0) };
}

/** The text of the stage `spills`. */
function spillText({ spills }: CodeSink): string {
  const lines: string[] = [];
  for (let i = 0; i < spills.n; i += 2) {
    const kind = spills.a[i + 1] === SPILL_STORE ? 'store' : 'load';
    lines.push(`${kind} 0x${spills.a[i]!.toString(16)}`);
  }
  return lines.join('\n');
}

/** The gate for settings that bisect; null when they are as usual, which is faster. */
function gateOf(s: Settings): Gate | null {
  const functions = s.optFirst > 0 || s.optLast < 0xffffffff;
  if (!functions && s.optFuel < 0 && s.optOff === undefined && s.optOnly === undefined) return null;
  return new Gate({
    ...(functions && { functions: [s.optFirst, s.optLast] }),
    ...(s.optFuel >= 0 && { fuel: s.optFuel }),
    ...(s.optOff !== undefined && { off: s.optOff }),
    ...(s.optOnly !== undefined && { only: s.optOnly }),
  });
}

export class Session {
  private readonly translator: Translator;
  private readonly f = new Func();
  private readonly signatures: ModuleSignatures;
  private readonly code: CodeSettings;
  private readonly level: Level;
  private readonly gate: Gate | null;
  private readonly backEnd: BackEnd;
  private readonly after: ((pass: string) => void) | undefined;

  /**
   * @param bytes the module; must not change
   * @param settings with `cpu` resolved to names
   * @param plan made by {@link inlinePlan} of the same module and settings
   */
  constructor(
    bytes: Uint8Array,
    private readonly m: ModuleInfo,
    private readonly settings: Settings,
    readonly plan: InlinePlan | null,
    private readonly dump?: Dump,
  ) {
    this.checkDump();
    const builder = new Builder(this.f);
    if (settings.optLevel !== 0) builder.fold = fold;
    this.translator = new Translator(bytes, m, settings, builder);
    this.signatures = new ModuleSignatures(m);
    this.level = String(settings.optLevel) as Level;
    this.gate = gateOf(settings);
    if (plan !== null) {
      const ask = this.gate === null ? null : ok;
      this.translator.inlineBy(new Inliner(plan, ask));
    }
    this.backEnd = backEndOf(settings.target);
    this.code = {
      features: cpuFeatures('elfin', settings).bits,
      preservesContext: !makesForeignTailCalls(bytes, m),
      debugInfo: settings.debugInfo,
      quick: settings.optLevel === 0,
      alignsLoops: settings.optLevel === 2,
      // gdb takes a function without a frame to have no prologue, and shows it before its parameters are in their places.
      leafFrames: settings.leafFrames || settings.debugInfo,
      signsReturns: settings.pointerAuth === 'ret',
      marksTargets: settings.branchTargets,
    };
    this.after =
      settings.verify || this.dumps('passes') ? (pass) => this.afterPass(pass) : undefined;
  }

  private checkDump(): void {
    for (const stage of this.settings.dump ?? []) {
      if ((DUMP_STAGES as readonly string[]).includes(stage)) continue;
      throw new TypeError(
        `setting 'dump': no stage '${stage}' (stages: ${DUMP_STAGES.join(', ')})`,
      );
    }
  }

  private dumps(stage: string): boolean {
    return this.dump !== undefined && this.settings.dump?.includes(stage) === true;
  }

  private show(stage: string, text = print(this.f, { pos: true })): void {
    this.dump!(stage, this.m.importedFuncs + this.f.index, text);
  }

  private check(where: string): void {
    const errors = verify(this.f);
    if (errors.length > 0) bug(where, errors.join('; '));
  }

  private afterPass(pass: string): void {
    if (this.dumps('passes')) this.show(`passes:${pass}`);
    if (this.settings.verify) this.check(pass);
    lap('checks and dumps');
  }

  /**
   * Compiles the defined function `index`, if it has code of its own according to the plan: one that goes into its only
   * caller is only validated.
   * @throws CompileError if its body is invalid, InternalError naming the function for a defect of ours
   */
  compile(index: number): CodeRecord {
    if (this.plan === null || this.plan.kind[index] !== INLINE_ONCE)
      return this.compileAlways(index);
    return this.guard(index, () => {
      this.translator.validate(index);
      return NO_CODE;
    });
  }

  /** Compiles the defined function `index`, whatever the plan says. Throws like {@link compile}. */
  compileAlways(index: number): CodeRecord {
    return this.guard(index, () => this.run(index));
  }

  private guard(index: number, work: () => CodeRecord): CodeRecord {
    setGate(this.gate);
    try {
      return work();
    } catch (e) {
      if (e instanceof CompileError) throw e;
      const error = e instanceof Error ? e : new Error(String(e));
      const where = `function ${this.m.importedFuncs + index}`;
      const known = error instanceof InternalError;
      const said = known ? error.message : `elfin: internal error: ${error.message}`;
      throw new InternalError(`${said} [${where}]`, { cause: error });
    } finally {
      setGate(null);
    }
  }

  private run(index: number): CodeRecord {
    const { f } = this;
    const watch = stopwatch();
    watch?.restart(this.m.bodies[2 * index + 1]! - this.m.bodies[2 * index]!);
    this.translator.translate(index);
    watch?.lap('frontend', () => f.linkedRows());
    if (this.dumps('ir')) this.show('ir');
    if (this.settings.verify) this.check('frontend');
    optimize(f, this.level, this.after === undefined ? {} : { after: this.after });
    if (this.dumps('opt')) this.show('opt');
    const { functions } = this.backEnd;
    functions.sink.notesSpills = this.dumps('spills');
    const record = functions.compileFunction(f, this.code);
    this.afterBackEnd();
    return this.settings.addressMap || this.settings.debugInfo ? record : unmapped(record);
  }

  private afterBackEnd(): void {
    const { formNames, functions, registers } = this.backEnd;
    const { lowering, allocation } = functions;
    if (this.dumps('vcode')) {
      const op = (n: number) => formNames[n] ?? `pseudo ${n}`;
      this.show('vcode', printVCode(lowering.code, { op }, allocation));
    }
    if (functions.sink.notesSpills) this.show('spills', spillText(functions.sink));
    if (!this.settings.verify) return;
    const errors = checkAllocation(lowering.code, allocation, registers);
    if (errors.length > 0) bug('register allocation', errors.slice(0, 10).join('; '));
  }

  /** Entry trampoline of a signature: what JavaScript calls. */
  entryTrampoline(sig: number): CodeRecord {
    return this.trampoline(this.backEnd.entryTrampoline, sig);
  }

  /** Exit trampoline of a signature: what an imported JavaScript function looks like to Wasm. */
  exitTrampoline(sig: number): CodeRecord {
    return this.trampoline(this.backEnd.exitTrampoline, sig);
  }

  private trampoline(make: MakeTrampoline, sig: number): CodeRecord {
    const { signatures } = this;
    return unmapped(make(signatures.params(sig), signatures.results(sig), this.code));
  }
}
