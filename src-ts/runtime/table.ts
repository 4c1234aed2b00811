/** WebAssembly.Table (JavaScript API § 5.4). */
import type { TableType, ValType } from '../object/records.ts';
import { addRoot, type HandleRoot } from './externref.ts';
import { readLimits } from './memory.ts';
import type { NativeTable } from './native.ts';
import { thread } from './thread.ts';
import {
  defaultValue,
  EXTERNREF,
  FUNCREF,
  fromReference,
  toReference,
  type Keeper,
} from './values.ts';
import { defineInterface, needArguments, toU32 } from './webidl.ts';

/** Implementation limit of the JavaScript API (§ 7.1). */
export const MAX_TABLE = 10_000_000;

const SECRET = Symbol('table');

/**
 * A table behind its JavaScript object: the object may die while an instance lives, so what the entries need is kept here.
 */
export class TableState implements Keeper, HandleRoot {
  readonly native: NativeTable;
  readonly type: ValType;
  readonly maximum: number | undefined;
  private readonly owners = new Set<object>();
  private object: WeakRef<Table> | undefined;

  /** Throws RangeError when the table is larger than the limit or memory runs out. */
  constructor(type: TableType, init: number) {
    if (type.min > MAX_TABLE)
      throw new RangeError(
        `WebAssembly.Table: ${type.min} entries, at most ${MAX_TABLE} are possible`,
      );
    this.type = type.elem;
    this.maximum = type.max;
    const kind = type.elem === FUNCREF ? 'func' : 'ref';
    this.native = thread().native.createTable(
      kind,
      type.min,
      Math.min(type.max ?? MAX_TABLE, MAX_TABLE),
      init,
    );
    if (type.elem === EXTERNREF) addRoot(this);
  }

  keep(owner: object): void {
    this.owners.add(owner);
  }

  markHandles(mark: (index: number) => void): void {
    for (let i = this.native.length() - 1; i >= 0; i--) {
      const ref = this.native.get(i);
      if (ref !== 0) mark(ref % 0x1_0000_0000);
    }
  }

  /** The one Table object of this table. */
  wrapper(): Table {
    let table = this.object?.deref();
    if (!table) this.object = new WeakRef((table = wrap(this)));
    return table;
  }

  adopt(table: Table): void {
    this.object = new WeakRef(table);
  }
}

// Access to private state for the rest of this room, set in the class's static block.
export let stateOf: (table: Table) => TableState;
export let isTable: (value: unknown) => value is Table;
let wrap: (state: TableState) => Table;

export class Table {
  #state!: TableState;

  constructor(descriptor: unknown, ...rest: unknown[]) {
    if (descriptor === SECRET) {
      this.#state = rest[0] as TableState;
      return;
    }
    needArguments(arguments.length, 1, 'WebAssembly.Table()');
    if (
      (typeof descriptor !== 'object' && typeof descriptor !== 'function') ||
      descriptor === null
    ) {
      throw new TypeError('WebAssembly.Table(): the descriptor must be an object');
    }
    const element = String((descriptor as { element?: unknown }).element);
    const elem = element === 'anyfunc' ? FUNCREF : element === 'externref' ? EXTERNREF : 0;
    if (elem === 0)
      throw new TypeError(
        `WebAssembly.Table(): element must be 'anyfunc' or 'externref', not '${element}'`,
      );
    const { min, max } = readLimits(descriptor, 'WebAssembly.Table()');
    if (max !== undefined && max < min)
      throw new RangeError('WebAssembly.Table(): maximum is below initial');
    this.#state = new TableState({ elem, min, max }, 0);
    this.#state.adopt(this);
    const init = rest.length > 0 && rest[0] !== undefined ? rest[0] : defaultValue(elem);
    const ref = toReference(elem, init, this.#state);
    if (ref !== 0) for (let i = 0; i < min; i++) this.#state.native.set(i, ref);
  }

  static {
    stateOf = (table) => table.#state;
    isTable = (value): value is Table =>
      typeof value === 'object' && value !== null && #state in value;
    wrap = (state) => new Table(SECRET, state);
  }

  grow(delta: unknown, ...rest: unknown[]): number {
    const state = this.#state;
    needArguments(arguments.length, 1, 'WebAssembly.Table.grow()');
    const n = toU32(delta, 'WebAssembly.Table.grow(): the number of entries');
    const ref = toReference(
      state.type,
      rest.length > 0 && rest[0] !== undefined ? rest[0] : defaultValue(state.type),
      state,
    );
    const old = state.native.grow(n, ref);
    if (old < 0) throw new RangeError(`WebAssembly.Table.grow(): cannot grow by ${n} entries`);
    return old;
  }

  get(index: unknown): unknown {
    const state = this.#state;
    needArguments(arguments.length, 1, 'WebAssembly.Table.get()');
    const i = toU32(index, 'WebAssembly.Table.get(): the index');
    checkIndex(state, i, 'get');
    return fromReference(state.type, state.native.get(i));
  }

  set(index: unknown, ...rest: unknown[]): void {
    const state = this.#state;
    needArguments(arguments.length, 1, 'WebAssembly.Table.set()');
    const i = toU32(index, 'WebAssembly.Table.set(): the index');
    const ref = toReference(
      state.type,
      rest.length > 0 ? rest[0] : defaultValue(state.type),
      state,
    );
    checkIndex(state, i, 'set');
    state.native.set(i, ref);
  }

  get length(): number {
    return this.#state.native.length();
  }
}

defineInterface(Table, 'WebAssembly.Table');
Object.defineProperty(Table.prototype.set, 'length', { value: 1, configurable: true });
Object.defineProperty(Table.prototype.grow, 'length', { value: 1, configurable: true });

function checkIndex(state: TableState, index: number, operation: string): void {
  const length = state.native.length();
  if (index >= length)
    throw new RangeError(
      `WebAssembly.Table.${operation}(): index ${index} is out of range of ${length} entries`,
    );
}
