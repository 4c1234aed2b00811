/**
 * What passes between the two halves of the AArch64 checks, which run without the hardware: the host half (host.ts) parses and
 * compiles on this machine, which is fast; the guest half (guest.ts) loads and runs the objects under qemu.
 */
import { createHash } from 'node:crypto';

/** An object's bytes (deflated: most of a small one is alignment), or why it was refused. */
export type Compiled = { object: Uint8Array } | { refused: string };

/** A script of the official suite: module texts to bytes or the parser's message, and modules by their hash. */
export interface ScriptRecord {
  name: string;
  path: string;
  texts: Map<string, Uint8Array | string>;
  modules: Map<string, Compiled>;
  passed: number;
}

/** A random module with what Node's engine was seen to do with it. */
export interface FuzzRecord {
  seed: number;
  bytes: Uint8Array;
  compiled: Compiled;
  seen: string[];
}

/** A benchmark, or for counting any program. */
export interface BenchRecord {
  name: string;
  args: string[];
  /** Whether it calls bench.start and bench.end. */
  marks: boolean;
  wasm: string;
  directory: string;
  stdout: string | null;
  stderr: string | null;
  object: string;
}

/** Names a module by its bytes. */
export function hashOf(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('base64');
}
