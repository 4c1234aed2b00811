/** Constant expressions of a description are typed: a number in the place of a reference would be followed as a pointer. */
import { expect, test } from 'vitest';
import { checksum, ObjectError, readObject, writeObject } from '../../src-ts/object/index.ts';
import type { ConstExpr, ModuleDescription } from '../../src-ts/object/records.ts';
import { sampleInput } from './sample.ts';

const number: ConstExpr = [{ op: 'i32.const', value: 4096 }];

const WRONG: Record<string, (m: ModuleDescription) => void> = {
  'number in a table': (m) => (m.tables[0]!.init = number),
  'function in an externref table': (m) => (m.tables[0]!.init = [{ op: 'ref.func', index: 0 }]),
  'number in a global': (m) => m.globals.push({ type: 0x70, mutable: false, init: number }),
  'number in a segment': (m) => (m.elements[1]!.exprs![0] = number),
  'segment of another type than its table': (m) => (m.elements[0]!.table = 1),
  'functions in an externref segment': (m) => (m.elements[0]!.type = 0x6f),
  'offset that is null': (m) => (m.data[0]!.offset = [{ op: 'ref.null' }]),
  'global that comes later': (m) => (m.globals[0]!.init = [{ op: 'global.get', index: 2 }]),
  'global of another type': (m) => (m.globals[1]!.init = [{ op: 'global.get', index: 1 }]),
  'operands of another type': (m) => (m.globals[4]!.init[1] = { op: 'i64.const', value: 1n }),
  'unknown value type': (m) => (m.types[0]!.params[0] = 0x40),
  'table of numbers': (m) => (m.tables[0]!.elem = 0x7f),
};

for (const [name, change] of Object.entries(WRONG)) {
  test(name, () => {
    const input = sampleInput();
    input.module = structuredClone(input.module);
    change(input.module);
    expect(() => readObject(writeObject(input), checksum)).toThrow(ObjectError);
  });
}
