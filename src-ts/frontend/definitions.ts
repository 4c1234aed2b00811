/**
 * The definitions of variables while SSA form is made: (block, variable) to value, in an open-addressed table with linear
 * probing. A function's blocks get keys above those of the functions before it, so that forgetting a function costs nothing.
 */
import { NONE } from '../ir/func.ts';

/** Largest key before the table is emptied after all. */
const MAX_KEY = 0x7f000000;

export class Definitions {
  /** Keys: block + base, and variable. An entry with a key below `base` is free. */
  private keyBlock = new Int32Array(4096).fill(-1);
  private keyVar = new Int32Array(4096);
  private value = new Int32Array(4096);
  private count = 0;
  private base = 0;

  private slot(key: number, variable: number): number {
    const { keyBlock, keyVar, base } = this;
    const mask = keyBlock.length - 1;
    let i = (Math.imul(key, 0x9e3779b1) ^ Math.imul(variable, 0x85ebca6b)) >>> 0;
    i = (i ^ (i >>> 15)) & mask;
    while (keyBlock[i]! >= base && (keyBlock[i] !== key || keyVar[i] !== variable)) {
      i = (i + 1) & mask;
    }
    return i;
  }

  /** The value of a variable that was set in a block, NONE if none was. */
  get(block: number, variable: number): number {
    const key = block + this.base;
    const i = this.slot(key, variable);
    return this.keyBlock[i] === key ? this.value[i]! : NONE;
  }

  set(block: number, variable: number, value: number): void {
    const key = block + this.base;
    const i = this.slot(key, variable);
    const isNew = this.keyBlock[i] !== key;
    this.keyBlock[i] = key;
    this.keyVar[i] = variable;
    this.value[i] = value;
    if (isNew && ++this.count * 2 > this.keyBlock.length) this.rehash();
  }

  private rehash(): void {
    const { keyBlock, keyVar, value } = this;
    const n = keyBlock.length * 2;
    this.keyBlock = new Int32Array(n).fill(-1);
    this.keyVar = new Int32Array(n);
    this.value = new Int32Array(n);
    for (let i = 0; i < keyBlock.length; i++) {
      if (keyBlock[i]! < this.base) continue;
      const j = this.slot(keyBlock[i]!, keyVar[i]!);
      this.keyBlock[j] = keyBlock[i]!;
      this.keyVar[j] = keyVar[i]!;
      this.value[j] = value[i]!;
    }
  }

  /** Forgets everything set in a function of so many blocks. */
  clear(blocks: number): void {
    this.count = 0;
    this.base += blocks;
    if (this.base <= MAX_KEY) return;
    this.keyBlock.fill(-1);
    this.base = 0;
  }
}
