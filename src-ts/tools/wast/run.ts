/**
 * Runs `.wast` scripts (spec repository, interpreter/README.md, "Scripts") in this process on any object with the
 * shape of the `WebAssembly` namespace.
 *
 * Every command with an outcome counts once: modules, bare invocations and assertions. A module that uses a
 * feature out of scope is skipped with that feature as the reason, and so is everything that depends on it.
 * Nothing else is skipped, but quoted text that only a validating text parser would refuse.
 */
import { type ExportTypes, exportTypes, F32, F64, type Signature } from './binary.ts';
import { ExactCalls, hasFloats } from './exact.ts';
import { binaryNeeds, textNeeds } from './needs.ts';
import { prune } from './prune.ts';
import { head, parseSExprs, type SExpr } from './sexpr.ts';
import { spectest } from './spectest.ts';
import { floatBits, intBits, isNaNPattern } from './values.ts';
import { parseWat } from './wat.ts';
import type { WasmNamespace } from './wasm.ts';

export type Status = 'passed' | 'failed' | 'skipped';

export interface Result {
  readonly status: Status;
  readonly line: number;
  /** `assert_return`, `module`, … */
  readonly command: string;
  /** Why it failed or was skipped. */
  readonly message: string;
}

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
  /** Reason → how many commands it skipped. */
  readonly reasons: Map<string, number>;
}

export interface WastOptions {
  readonly wasm: WasmNamespace;
  /** Module text to bytes, without validation. Default: wasm-tools, from the package jco-transpile. */
  readonly parseText?: (text: string) => Promise<Uint8Array>;
  /** Compare trap messages with the script's. Default: not for Node's own engine, which has its own words. */
  readonly messages?: boolean;
  readonly onResult?: (result: Result) => void;
}

class Skip {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

class Failure {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

interface Compiled {
  readonly module: object;
  readonly types: ExportTypes;
  /** Exports left out of the module, with the reason. */
  readonly dropped: ReadonlyMap<string, string>;
  /** Set if something was left out. */
  readonly partial: Skip | null;
}

interface Live {
  readonly exports: Readonly<Record<string, unknown>>;
  readonly types: ExportTypes;
  readonly dropped: ReadonlyMap<string, string>;
  /** Set when a skipped module would have imported from this one: its state is not the script's any more. */
  spoilt: Skip | null;
}

/** Something a name stands for; absent for what was skipped or failed, with the reason to give for users of it. */
type Slot<T> = T | Skip | Failure;

const nodeEngine = (globalThis as { WebAssembly?: unknown }).WebAssembly;

const NOTHING: ReadonlyMap<string, string> = new Map();

const MALFORMED_TEXT = 'malformed text that the text parser (not part of Elfin) accepts';

function fromSlot<T extends object>(slot: Slot<T> | undefined): T {
  if (slot === undefined) throw new Failure('no such module');
  if (slot instanceof Skip || slot instanceof Failure) throw slot;
  return slot;
}

function textOf(node: SExpr | undefined): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(node?.bytes ?? new Uint8Array());
}

function concatStrings(items: readonly SExpr[]): Uint8Array {
  return Buffer.concat(items.flatMap((item) => item.bytes ?? []));
}

/** Module text without the words that only scripts know, for a parser of modules. */
function toPlainModule(text: string): string {
  return text.replace(/^\(module\s+definition\b/, '(module');
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

class Script {
  readonly #options: WastOptions;
  readonly #wasm: WasmNamespace;
  readonly #text: string;
  readonly #exact: ExactCalls;
  readonly #messages: boolean;
  readonly #registered = new Map<string, Slot<Live>>();
  readonly #instances = new Map<string, Slot<Live>>();
  readonly #definitions = new Map<string, Slot<Compiled>>();
  readonly #externs = new Map<string, object>();
  readonly #exactFunctions = new WeakMap<object, (...args: unknown[]) => unknown>();
  #current: Slot<Live> | undefined;
  #definition: Slot<Compiled> | undefined;
  readonly counts: Counts = { passed: 0, failed: 0, skipped: 0, reasons: new Map() };

  constructor(text: string, options: WastOptions) {
    this.#options = options;
    this.#wasm = options.wasm;
    this.#text = text;
    this.#exact = new ExactCalls(options.wasm);
    this.#messages = options.messages ?? options.wasm !== nodeEngine;
    this.#registered.set('spectest', {
      exports: spectest(options.wasm),
      types: { functions: new Map(), globals: new Map() },
      dropped: NOTHING,
      spoilt: null,
    });
  }

  async run(): Promise<Counts> {
    const commands = parseSExprs(this.#text);
    const first = head(commands[0]);
    if (
      commands.length > 0 &&
      !/^(module|assert_|register|invoke|get|input|output|script|thread|wait)/.test(first)
    ) {
      // A script that is one module's fields.
      const whole: SExpr = {
        items: commands,
        atom: '',
        bytes: null,
        start: 0,
        end: this.#text.length,
      };
      await this.#count('module', () => this.#defineModule(whole));
      return this.counts;
    }
    let line = 1;
    let at = 0;
    for (const command of commands) {
      for (; at < command.start; at++) if (this.#text.charCodeAt(at) === 10) line++;
      await this.#count(head(command), () => this.#command(command), line);
    }
    return this.counts;
  }

  async #count(command: string, run: () => Promise<void>, line = 1): Promise<void> {
    let status: Status = 'passed';
    let message = '';
    try {
      await run();
      if (command === 'register') return;
    } catch (error) {
      status = error instanceof Skip ? 'skipped' : 'failed';
      if (error instanceof Skip) {
        message = error.reason;
        this.counts.reasons.set(message, (this.counts.reasons.get(message) ?? 0) + 1);
      } else message = error instanceof Failure ? error.message : describe(error);
    }
    this.counts[status]++;
    this.#options.onResult?.({ status, line, command, message });
  }

  async #command(node: SExpr): Promise<void> {
    const items = node.items as SExpr[];
    switch (head(node)) {
      case 'module':
        return this.#moduleCommand(node);
      case 'register':
        this.#registered.set(
          textOf(items[1]),
          this.#instanceNamed(items[2]?.atom) ?? new Failure('no module'),
        );
        return;
      case 'invoke':
      case 'get':
        this.#perform(node);
        return;
      case 'assert_return':
        return this.#assertReturn(items);
      case 'assert_trap':
        return head(items[1]) === 'module'
          ? this.#assertStartTraps(items)
          : this.#assertTrap(() => this.#perform(items[1] as SExpr), textOf(items[2]));
      case 'assert_exhaustion':
        return this.#assertExhaustion(items);
      case 'assert_invalid':
      case 'assert_malformed':
        return this.#assertRefused(items);
      case 'assert_malformed_custom':
      case 'assert_invalid_custom':
        throw new Skip('text form of custom sections (annotations)');
      case 'assert_unlinkable':
        return this.#assertUnlinkable(items);
      case 'assert_exception':
        this.#perform(items[1] as SExpr);
        throw new Failure('expected an exception');
      default:
        throw new Skip(`script command ${head(node)}`);
    }
  }

  // Modules

  async #moduleCommand(node: SExpr): Promise<void> {
    const kind = node.items?.[1]?.atom ?? '';
    if (kind === 'definition') return this.#defineOnly(node);
    if (kind === 'instance') return this.#instantiateNamed(node);
    return this.#defineModule(node);
  }

  #bind(id: string | undefined, slot: Slot<Live>): void {
    this.#current = slot;
    if (id?.startsWith('$')) this.#instances.set(id, slot);
  }

  async #defineModule(node: SExpr): Promise<void> {
    const id = node.items?.[1]?.atom;
    let compiled: Compiled;
    try {
      compiled = await this.#compilePart(node);
      this.#bind(id, this.#instantiate(compiled));
    } catch (error) {
      this.#bind(id, error instanceof Skip ? error : new Failure('its module failed'));
      throw error;
    }
    // What is left of it can be used, but the module as such was not tested.
    if (compiled.partial !== null) throw compiled.partial;
  }

  async #defineOnly(node: SExpr): Promise<void> {
    const id = node.items?.[2]?.atom ?? '';
    let slot: Slot<Compiled>;
    try {
      slot = await this.#compilePart(node);
    } catch (error) {
      slot = error instanceof Skip ? error : new Failure('its module failed');
      throw error;
    } finally {
      this.#definition = slot!;
      if (id.startsWith('$')) this.#definitions.set(id, slot!);
    }
  }

  async #instantiateNamed(node: SExpr): Promise<void> {
    const [id, source] = [node.items?.[2]?.atom, node.items?.[3]?.atom];
    const definition = source === undefined ? this.#definition : this.#definitions.get(source);
    try {
      this.#bind(id, this.#instantiate(fromSlot(definition)));
    } catch (error) {
      this.#bind(id, error instanceof Skip ? error : new Failure('its module failed'));
      throw error;
    }
  }

  /** Bytes of a module in any of its forms. Throws Skip when it is out of scope, the parser's error otherwise. */
  async #bytesOf(node: SExpr): Promise<Uint8Array> {
    const items = node.items as SExpr[];
    const form = items.slice(1, 4).find((item) => item.atom === 'binary' || item.atom === 'quote');
    const parse = this.#options.parseText ?? parseWat;
    if (form?.atom === 'binary') {
      const bytes = concatStrings(items);
      const need = binaryNeeds(bytes);
      if (need !== null) throw new Skip(need);
      return bytes;
    }
    if (form?.atom === 'quote') {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(concatStrings(items));
      const fields = parseSExprs(text);
      for (const field of fields) this.#checkScope(field);
      return parse(text);
    }
    this.#checkScope(node);
    return parse(toPlainModule(this.#text.slice(node.start, node.end)));
  }

  #checkScope(node: SExpr): void {
    const need = node.items === null ? null : textNeeds(node);
    if (need === null) return;
    this.#spoil(node, need);
    throw new Skip(need);
  }

  /** Instances that the skipped module `node` imports from miss what it would have done to them. */
  #spoil(node: SExpr, need: string): void {
    for (const field of node.items as SExpr[]) {
      const inline = field.items?.find((item) => head(item) === 'import');
      const source = head(field) === 'import' ? field : inline;
      if (source === undefined) continue;
      const live = this.#registered.get(textOf(source.items?.[1]));
      if (live !== undefined && 'exports' in live)
        live.spoilt ??= new Skip(`${need} (in a module that shares state)`);
    }
  }

  async #compile(node: SExpr): Promise<Compiled> {
    const bytes = await this.#bytesOf(node);
    return {
      module: this.#newModule(bytes),
      types: exportTypes(bytes),
      dropped: NOTHING,
      partial: null,
    };
  }

  /** Like #compile, but of a module that is out of scope in parts keeps the rest, if that is a valid module. */
  async #compilePart(node: SExpr): Promise<Compiled> {
    try {
      return await this.#compile(node);
    } catch (skip) {
      const pruned = skip instanceof Skip ? prune(node, this.#text) : null;
      if (pruned === null) throw skip;
      const parse = this.#options.parseText ?? parseWat;
      try {
        const bytes = await parse(toPlainModule(pruned.text));
        const module = this.#newModule(bytes);
        return {
          module,
          types: exportTypes(bytes),
          dropped: pruned.dropped,
          partial: skip as Skip,
        };
      } catch {
        throw skip;
      }
    }
  }

  /** Compiles; an engine's "needs the feature" is a reason to skip, not a verdict on the module. */
  #newModule(bytes: Uint8Array): object {
    try {
      return new this.#wasm.Module(bytes);
    } catch (error) {
      const feature = /needs the feature "([^"]+)"/.exec(describe(error))?.[1];
      if (error instanceof this.#wasm.CompileError && feature !== undefined)
        throw new Skip(feature);
      throw error;
    }
  }

  /**
   * Imports by name; modules nobody registered are empty, so that the engine finds the import missing.
   * Whatever was looked up and had been skipped is added to `skips`.
   */
  #imports(skips: Skip[]): object {
    const lookUp = (name: string): object => {
      const slot = this.#registered.get(name);
      if (slot instanceof Skip) skips.push(slot);
      if (slot === undefined || slot instanceof Skip || slot instanceof Failure) return {};
      if (slot.dropped.size === 0) return slot.exports;
      const get = (exports: Live['exports'], name: string | symbol): unknown => {
        const need = slot.dropped.get(String(name));
        if (need !== undefined) skips.push(new Skip(need));
        return exports[String(name)];
      };
      return new Proxy({ ...slot.exports }, { get });
    };
    return new Proxy({}, { get: (_target, name) => lookUp(String(name)), has: () => true });
  }

  #instantiate(compiled: Compiled): Live {
    const skips: Skip[] = [];
    try {
      const instance = new this.#wasm.Instance(compiled.module, this.#imports(skips));
      const { types, dropped } = compiled;
      return { exports: instance.exports, types, dropped, spoilt: null };
    } catch (error) {
      // An import is missing because what exports it was skipped, or the module misses a part of itself.
      throw skips[0] ?? compiled.partial ?? error;
    }
  }

  #instanceNamed(id: string | undefined): Slot<Live> | undefined {
    return id?.startsWith('$') ? this.#instances.get(id) : this.#current;
  }

  // Actions

  /** Results as JavaScript values, floats as their bits. */
  #perform(action: SExpr): readonly unknown[] {
    const items = action.items as SExpr[];
    const named = items[1]?.atom !== '' && items[1]?.bytes === null;
    const live = fromSlot(this.#instanceNamed(named ? items[1]?.atom : undefined));
    if (live.spoilt !== null) throw live.spoilt;
    const name = textOf(items[named ? 2 : 1]);
    const need = live.dropped.get(name);
    if (need !== undefined) throw new Skip(need);
    if (!(name in live.exports)) throw new Failure(`no export "${name}"`);
    if (head(action) === 'get') return [this.#getGlobal(live, name)];
    const sig = live.types.functions.get(name);
    if (sig === undefined) throw new Failure(`type of "${name}" unknown`);
    const args = items.slice(named ? 3 : 2).map((arg) => this.#argument(arg));
    const result = this.#functionOf(live, name, sig)(...args);
    if (sig.results.length === 0) return [];
    return sig.results.length === 1 ? [result] : (result as unknown[]);
  }

  #functionOf(live: Live, name: string, sig: Signature): (...args: unknown[]) => unknown {
    const f = live.exports[name] as (...args: unknown[]) => unknown;
    if (!hasFloats(sig)) return f;
    let exact = this.#exactFunctions.get(f);
    if (exact === undefined) {
      exact = this.#exact.func(f, sig);
      this.#exactFunctions.set(f, exact);
    }
    return exact;
  }

  #getGlobal(live: Live, name: string): unknown {
    const global = live.exports[name] as { value: unknown };
    const [type, mutable] = live.types.globals.get(name) ?? [0, 0];
    return type === F32 || type === F64
      ? this.#exact.global(global, type, mutable)()
      : global.value;
  }

  #argument(node: SExpr): unknown {
    const literal = node.items?.[1]?.atom ?? '';
    switch (head(node)) {
      case 'i32.const':
        return Number(BigInt.asIntN(32, intBits(literal, 32)));
      case 'i64.const':
        return BigInt.asIntN(64, intBits(literal, 64));
      case 'f32.const':
        return Number(BigInt.asIntN(32, floatBits(literal, 32)));
      case 'f64.const':
        return BigInt.asIntN(64, floatBits(literal, 64));
      case 'ref.null':
        return null;
      case 'ref.extern':
        return this.#extern(literal);
      default:
        throw new Skip(textNeeds(node) ?? `value ${head(node)}`);
    }
  }

  #extern(id: string): object {
    let value = this.#externs.get(id);
    if (value === undefined) {
      value = { extern: id };
      this.#externs.set(id, value);
    }
    return value;
  }

  #matches(node: SExpr, value: unknown): boolean {
    const kind = head(node);
    const literal = node.items?.[1]?.atom ?? '';
    if (kind === 'either')
      return (node.items as SExpr[]).slice(1).some((n) => this.#matches(n, value));
    if (literal.startsWith('nan:') && !literal.startsWith('nan:0x')) {
      const bits = kind === 'f32.const' ? 32 : 64;
      return isNaNPattern(literal, BigInt.asUintN(bits, BigInt(value as number | bigint)), bits);
    }
    if (kind === 'ref.func') return typeof value === 'function';
    if (kind === 'ref.extern' && literal === '') return value !== null;
    return Object.is(value, this.#argument(node));
  }

  // Assertions

  #assertReturn(items: readonly SExpr[]): void {
    const values = this.#perform(items[1] as SExpr);
    const expected = items.slice(2);
    const good =
      values.length === expected.length &&
      expected.every((node, i) => this.#matches(node, values[i]));
    if (good) return;
    const wanted = expected.map((node) => this.#text.slice(node.start, node.end)).join(' ');
    const shown = values
      .map((value) => (typeof value === 'bigint' ? `${value}n` : String(value)))
      .join(' ');
    throw new Failure(
      `expected ${wanted || 'no result'}, got ${shown || 'no result'} (floats as bits)`,
    );
  }

  #assertTrap(run: () => void, expected: string): void {
    try {
      run();
    } catch (error) {
      if (error instanceof Skip || error instanceof Failure) throw error;
      this.#checkTrap(error, expected);
      return;
    }
    throw new Failure(`expected trap "${expected}", but it returned`);
  }

  #checkTrap(error: unknown, expected: string): void {
    if (!(error instanceof this.#wasm.RuntimeError)) {
      throw new Failure(`expected trap "${expected}", got ${describe(error)}`);
    }
    const { message } = error;
    // The script may say more ("uninitialized element 2") or less than the engine.
    if (this.#messages && !message.startsWith(expected) && !expected.startsWith(message)) {
      throw new Failure(`expected trap "${expected}", got "${message}"`);
    }
  }

  async #assertStartTraps(items: readonly SExpr[]): Promise<void> {
    const compiled = await this.#compile(items[1] as SExpr);
    this.#assertTrap(() => this.#instantiate(compiled), textOf(items[2]));
  }

  #assertExhaustion(items: readonly SExpr[]): void {
    try {
      this.#perform(items[1] as SExpr);
    } catch (error) {
      if (error instanceof Skip || error instanceof Failure) throw error;
      if (error instanceof RangeError || error instanceof this.#wasm.RuntimeError) {
        if (/stack/.test(error.message)) return;
      }
      throw new Failure(`expected exhaustion of the stack, got ${describe(error)}`);
    }
    throw new Failure('expected exhaustion of the stack, but it returned');
  }

  async #assertRefused(items: readonly SExpr[]): Promise<void> {
    const node = items[1] as SExpr;
    const quoted = (node.items as SExpr[]).slice(1, 4).some((item) => item.atom === 'quote');
    let bytes: Uint8Array;
    try {
      bytes = await this.#bytesOf(node);
    } catch (error) {
      if (error instanceof Skip) throw error;
      return;
    }
    try {
      this.#newModule(bytes);
    } catch (error) {
      if (error instanceof Skip || error instanceof this.#wasm.CompileError) {
        if (error instanceof Skip) throw error;
        return;
      }
      throw new Failure(`expected a CompileError, got ${describe(error)}`);
    }
    if (quoted) throw new Skip(MALFORMED_TEXT);
    throw new Failure(`expected "${textOf(items[2])}", but it compiled`);
  }

  async #assertUnlinkable(items: readonly SExpr[]): Promise<void> {
    const compiled = await this.#compile(items[1] as SExpr);
    try {
      this.#instantiate(compiled);
    } catch (error) {
      if (error instanceof Skip) throw error;
      if (error instanceof this.#wasm.LinkError) return;
      throw new Failure(`expected a LinkError, got ${describe(error)}`);
    }
    throw new Failure(`expected "${textOf(items[2])}", but it linked`);
  }
}

/**
 * Runs the script `text`. Throws only for a script that is no sequence of S-expressions (ScriptError);
 * everything else is in the counts and, command by command, in `onResult`.
 */
export async function runWast(text: string, options: WastOptions): Promise<Counts> {
  return new Script(text, options).run();
}
