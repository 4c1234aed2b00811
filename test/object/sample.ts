/** A hand-made object with every kind of content, and byte helpers, for the tests of this folder. */
import * as R from '../../src-ts/object/records.ts';

const RBX = 3;
const R12 = 12;
const RBP = 6;

/**
 * push rbp; mov rbp, rsp; sub rsp, 32; mov [rbp-8], rbx; mov [rbp-16], r12; call; ud2-or-not; epilogue in the middle;
 * then the rest of the function and a second epilogue.
 */
const BODY = [
  [0x55], // 0: push rbp
  [0x48, 0x89, 0xe5], // 1: mov rbp, rsp
  [0x48, 0x83, 0xec, 0x20], // 4: sub rsp, 32
  [0x48, 0x89, 0x5d, 0xf8], // 8: mov [rbp-8], rbx
  [0x4c, 0x89, 0x65, 0xf0], // 12: mov [rbp-16], r12
  [0xe8, 0, 0, 0, 0], // 16: call
  [0x85, 0xc0], // 21: test eax, eax
  [0x74, 0x0a], // 23: je 35
  [0x48, 0x8b, 0x5d, 0xf8], // 25: mov rbx, [rbp-8]
  [0x4c, 0x8b, 0x65, 0xf0], // 29: mov r12, [rbp-16]
  [0xc9], // 33: leave
  [0xc3], // 34: ret
  [0x0f, 0x0b], // 35: ud2
].flat();

const BODY_UNWIND = [
  [1, R.UNWIND_PUSH_FP, RBP, 16],
  [4, R.UNWIND_SET_FP, RBP, 16],
  [8, R.UNWIND_ALLOC, 0, 32],
  [12, R.UNWIND_SAVE, RBX, 24],
  [16, R.UNWIND_SAVE, R12, 32],
  [25, R.UNWIND_REMEMBER, 0, 0],
  [29, R.UNWIND_RESTORE_REG, RBX, 0],
  [33, R.UNWIND_RESTORE_REG, R12, 0],
  [34, R.UNWIND_POP_FRAME, 0, 8],
  [35, R.UNWIND_RESTORE_STATE, 0, 0],
].flat();

/** A function that calls defined function `callee` and traps at the end. */
export function callingFunction(callee: number, wasm: number): R.CodeRecord {
  return {
    code: Uint8Array.from(BODY),
    align: 16,
    relocs: Int32Array.of(17, R.RELOC_CALL, callee),
    traps: Int32Array.of(35, 3, wasm + 9),
    addrmap: Int32Array.of(0, wasm, 21, wasm + 4, 35, wasm + 9),
    unwind: Int32Array.from(BODY_UNWIND),
    locals: new Int32Array(0),
    inlines: new Int32Array(0),
  };
}

/** A function of `size` bytes of nops and a ret, in a frame. */
export function longFunction(size: number): R.CodeRecord {
  const code = new Uint8Array(size).fill(0x90);
  code.set([0x55, 0x48, 0x89, 0xe5]);
  code.set([0x5d, 0xc3], size - 2);
  return {
    code,
    align: 32,
    relocs: new Int32Array(0),
    traps: new Int32Array(0),
    addrmap: new Int32Array(0),
    locals: new Int32Array(0),
    unwind: Int32Array.from(
      [
        [1, R.UNWIND_PUSH_FP, RBP, 16],
        [4, R.UNWIND_SET_FP, RBP, 16],
        [size - 1, R.UNWIND_POP_FRAME, 0, 8],
      ].flat(),
    ),
    inlines: new Int32Array(0),
  };
}

const MODULE: R.ModuleDescription = {
  types: [
    { params: [0x7f], results: [0x7f] },
    { params: [0x7e, 0x7d, 0x7c, 0x70, 0x6f], results: [0x7e, 0x7f] },
  ],
  imports: [
    { module: 'env', name: 'f', kind: 'function', type: 0 },
    { module: 'env', name: 'täble', kind: 'table', type: { elem: 0x70, min: 1, max: 4294967295 } },
    {
      module: 'env',
      name: 'm',
      kind: 'memory',
      type: { min: 1, max: undefined, shared: false, is64: false },
    },
    { module: '', name: '', kind: 'global', type: { type: 0x7e, mutable: true } },
  ],
  exports: [
    { name: 'run', kind: 'function', index: 1 },
    { name: 'also@run there\0', kind: 'function', index: 1 },
    { name: 'again', kind: 'function', index: 0 },
    { name: 'memory', kind: 'memory', index: 0 },
  ],
  funcTypes: [0, 0, 1, 0],
  tables: [{ elem: 0x6f, min: 0, max: undefined, init: [{ op: 'ref.null' }] }],
  memories: [],
  globals: [
    { type: 0x7f, mutable: false, init: [{ op: 'i32.const', value: -1234567 }] },
    { type: 0x7e, mutable: true, init: [{ op: 'i64.const', value: -(1n << 63n) }] },
    { type: 0x7d, mutable: true, init: [{ op: 'f32.const', bits: 0xffc00001 }] },
    { type: 0x7c, mutable: true, init: [{ op: 'f64.const', bits: 0xfff8000000000001n }] },
    {
      type: 0x7f,
      mutable: false,
      init: [{ op: 'global.get', index: 1 }, { op: 'i32.const', value: 7 }, { op: 'i32.mul' }],
    },
  ],
  start: 3,
  elements: [
    {
      mode: 'active',
      table: 0,
      offset: [{ op: 'i32.const', value: 0 }],
      type: 0x70,
      funcs: [0, 1, 3],
    },
    {
      mode: 'passive',
      table: 0,
      offset: [],
      type: 0x70,
      exprs: [[{ op: 'ref.null' }], [{ op: 'ref.func', index: 2 }]],
    },
  ],
  data: [
    { mode: 'active', memory: 0, offset: [{ op: 'i32.const', value: 8 }], start: 0, length: 3 },
    { mode: 'passive', memory: 0, offset: [], start: 3, length: 2 },
  ],
  custom: [
    { name: 'name', start: 0, length: 4 },
    { name: 'x', start: 4, length: 1 },
  ],
  moduleName: 'sample',
  funcNames: [
    [1, 'run'],
    [3, 'std::vec<größe>\n'],
  ],
  funcRefs: [1, 3],
  codeStart: 77,
  explicitChecks: false,
};

/** Three functions, an entry trampoline and an exit trampoline. */
export function sampleInput(): R.ObjectInput {
  return {
    target: 'x86_64-linux',
    cpuFeatures: ['popcnt', 'bmi1'],
    settings: { optLevel: '2', explicitChecks: 'false' },
    module: MODULE,
    functions: [callingFunction(2, 100), longFunction(70_000), callingFunction(0, 2000)],
    entryTrampolines: [longFunction(300), undefined],
    exitTrampolines: [undefined, longFunction(20)],
    data: Uint8Array.of(1, 2, 3, 4, 5),
    customBytes: Uint8Array.of(9, 8, 7, 6, 5),
  };
}

/** A small deterministic source of random numbers (xorshift32): calls give integers in [0, n). */
export function random(seed: number): (n: number) => number {
  let s = seed | 0 || 1;
  return (n) => {
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    return (s >>> 0) % n;
  };
}
