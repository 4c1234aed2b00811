/** WebAssembly.Global (JavaScript API § 5.7): a 16-byte cell, in a block of its own or in an instance's context. */
import type { GlobalType, ValType } from '../object/records.ts';
import { addRoot, type HandleRoot } from './externref.ts';
import { thread } from './thread.ts';
import {
  defaultValue,
  EXTERNREF,
  readCell,
  typeOfName,
  V128,
  writeCell,
  type Keeper,
} from './values.ts';
import { defineInterface, needArguments } from './webidl.ts';
import { readRefCell } from './pointers.ts';

const CELL_BYTES = 16;
const SECRET = Symbol('global');

/** Where a global's value is, and what it needs to stay alive. */
export class GlobalState implements Keeper, HandleRoot {
  readonly type: ValType;
  readonly mutable: boolean;
  readonly view: DataView;
  readonly at: number;
  readonly address: number;
  private readonly owners = new Set<object>();
  private object: WeakRef<Global> | undefined;

  /** `owner` holds the memory of the cell. */
  constructor(
    type: GlobalType,
    view: DataView,
    at: number,
    address: number,
    owner: object | undefined,
  ) {
    this.type = type.type;
    this.mutable = type.mutable;
    this.view = view;
    this.at = at;
    this.address = address;
    if (owner) this.owners.add(owner);
    if (type.type === EXTERNREF) addRoot(this);
  }

  keep(owner: object): void {
    this.owners.add(owner);
  }

  markHandles(mark: (index: number) => void): void {
    const ref = readRefCell(this.view, this.at);
    if (ref !== 0) mark(ref % 0x1_0000_0000);
  }

  read(): unknown {
    return readCell(this.view, this.at, this.type);
  }

  write(value: unknown): void {
    writeCell(this.view, this.at, this.type, value, this);
  }

  /** The one Global object of this global. */
  wrapper(): Global {
    let global = this.object?.deref();
    if (!global) this.object = new WeakRef((global = wrap(this)));
    return global;
  }

  adopt(global: Global): void {
    this.object = new WeakRef(global);
  }
}

/** A global in a block of its own, zero or null. */
export function allocateGlobal(type: GlobalType): GlobalState {
  const block = thread().native.createBlock(CELL_BYTES);
  return new GlobalState(type, block.view, 0, block.address, block);
}

// Access to private state for the rest of this room, set in the class's static block.
export let stateOf: (global: Global) => GlobalState;
export let isGlobal: (value: unknown) => value is Global;
let wrap: (state: GlobalState) => Global;

export class Global {
  #state!: GlobalState;

  constructor(descriptor: unknown, v?: unknown, ...internal: unknown[]) {
    if (descriptor === SECRET) {
      this.#state = internal[0] as GlobalState;
      return;
    }
    needArguments(arguments.length, 1, 'WebAssembly.Global()');
    if (
      (typeof descriptor !== 'object' && typeof descriptor !== 'function') ||
      descriptor === null
    ) {
      throw new TypeError('WebAssembly.Global(): the descriptor must be an object');
    }
    const dict = descriptor as { mutable?: unknown; value?: unknown };
    const mutable = Boolean(dict.mutable);
    const value = dict.value;
    const name = String(value);
    const type = value === undefined ? undefined : typeOfName(name);
    if (type === undefined)
      throw new TypeError(`WebAssembly.Global(): value must be a value type, not '${name}'`);
    if (type === V128)
      throw new TypeError('WebAssembly.Global(): a v128 value has no JavaScript form');
    const state = allocateGlobal({ type, mutable });
    state.write(v === undefined ? defaultValue(type) : v);
    state.adopt(this);
    this.#state = state;
  }

  static {
    stateOf = (global) => global.#state;
    isGlobal = (value): value is Global =>
      typeof value === 'object' && value !== null && #state in value;
    wrap = (state) => new Global(SECRET, undefined, state);
  }

  valueOf(): unknown {
    return this.#state.read();
  }

  get value(): unknown {
    return this.#state.read();
  }

  set value(v: unknown) {
    const state = this.#state;
    if (!state.mutable)
      throw new TypeError('set WebAssembly.Global.value: the global is immutable');
    state.write(v);
  }
}

defineInterface(Global, 'WebAssembly.Global');
// Web IDL: optional arguments do not count.
Object.defineProperty(Global, 'length', { value: 1, configurable: true });
