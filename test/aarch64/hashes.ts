/** Objects of random modules by hash, a line each: equal on every machine that compiles them. */
import { readFileSync } from 'node:fs';
import { deserialize } from 'node:v8';
import { compile } from '../../src-ts/compiler/index.ts';
import { hashOf, type FuzzRecord } from './records.ts';

/** The modules of a file left by recordFuzz, for both targets. */
export function hashes(file: string): string[] {
  const lines: string[] = [];
  for (const { seed, bytes } of deserialize(readFileSync(file)) as FuzzRecord[]) {
    for (const target of ['x86_64-linux', 'aarch64-linux'] as const) {
      for (const optLevel of [0, 2] as const) {
        const object = compile(bytes, { target, optLevel, cpu: 'baseline' });
        lines.push(`${seed} ${target} ${optLevel} ${hashOf(object)}`);
      }
    }
  }
  return lines;
}
