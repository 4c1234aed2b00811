/**
 * Decoding and validation against the whole official suite, without generating code: Elfin judges every module, and
 * what it accepts runs on Node's engine. So each assert_invalid and assert_malformed must be refused here, and no
 * module that the suite uses may be.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { validateFunctions } from '../../src-ts/compiler/validate.ts';
import { type Result, runWast } from '../../src-ts/tools/wast/run.ts';
import type { WasmNamespace } from '../../src-ts/tools/wast/wasm.ts';
import { CompileError } from '../../src-ts/util/errors.ts';
import { decodeModule } from '../../src-ts/wasm/decode.ts';
import { SUPPORTED_FEATURES } from '../../src-ts/wasm/features.ts';
import { suitePath } from '../suite-path.ts';
import { scriptsIn } from './suite.ts';

const node = (globalThis as unknown as { WebAssembly: WasmNamespace }).WebAssembly;

/** Says that Elfin accepted a module that this Node does not know how to run. */
const UNKNOWN_TO_NODE = 'this Node refuses';

class JudgedModule {
  constructor(bytes: Uint8Array) {
    const module = decodeModule(bytes, SUPPORTED_FEATURES);
    validateFunctions(bytes, module);
    try {
      return new node.Module(bytes);
    } catch (error) {
      throw new Error(`${UNKNOWN_TO_NODE}: ${String(error)}`, { cause: error });
    }
  }
}

const { Instance, Global, Memory, Table, LinkError, RuntimeError } = node;
const wasm: WasmNamespace = {
  Module: JudgedModule,
  Instance,
  Global,
  Memory,
  Table,
  CompileError,
  LinkError,
  RuntimeError,
};

const suite = suitePath();

test.skipIf(suite === null)(
  'every module of the official suite is judged rightly',
  { timeout: 120_000 },
  async () => {
    const wrong: string[] = [];
    let refused = 0;
    const judge = (name: string, r: Result): void => {
      if (r.status === 'passed' && /^assert_(invalid|malformed)$/.test(r.command)) refused++;
      if (r.status !== 'failed' || r.message === 'its module failed') return;
      if (!r.message.includes(UNKNOWN_TO_NODE))
        wrong.push(`${name}:${r.line}: ${r.command}: ${r.message}`);
    };
    for (const name of scriptsIn(suite as string)) {
      const text = readFileSync(join(suite as string, name), 'utf8');
      await runWast(text, { wasm, messages: false, onResult: (r) => judge(name, r) });
    }
    expect(wrong).toEqual([]);
    expect(refused).toBeGreaterThan(2500);
  },
);
