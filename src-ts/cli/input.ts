/** Reads an input file and tells what it is by its first bytes: object, module, or module text. */
import { readFileSync } from 'node:fs';
import { Failure, fileFailure } from './failure.ts';

export type Input =
  | { readonly kind: 'object'; readonly path: string; readonly bytes: Uint8Array }
  | { readonly kind: 'module'; readonly path: string; readonly bytes: Uint8Array };

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}

function isText(bytes: Uint8Array): boolean {
  const start = new TextDecoder().decode(bytes.subarray(0, 4096)).trimStart();
  return start.startsWith('(') || start.startsWith(';;');
}

async function readText(path: string, bytes: Uint8Array): Promise<Uint8Array> {
  const { parseText } = await import('../tools/wat.ts');
  try {
    return await parseText(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new Failure(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Reads `path`. Text becomes a module. Throws {@link Failure} if it can not be read or is none of the three. */
export async function readInput(path: string): Promise<Input> {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw fileFailure(path, error);
  }
  if (startsWith(bytes, [0x7f, 0x45, 0x4c, 0x46])) return { kind: 'object', path, bytes };
  if (startsWith(bytes, [0, 0x61, 0x73, 0x6d])) return { kind: 'module', path, bytes };
  if (isText(bytes)) return { kind: 'module', path, bytes: await readText(path, bytes) };
  throw new Failure(
    `${path}: not a WebAssembly module (.wasm or .wat), nor an object compiled by Elfin`,
  );
}

/** Reads a module. Throws {@link Failure} for an object. */
export async function readModule(path: string): Promise<Uint8Array> {
  const input = await readInput(path);
  if (input.kind === 'module') return input.bytes;
  throw new Failure(`${path}: is a compiled object already; a WebAssembly module is needed here`);
}

/** Reads an object. Throws {@link Failure} for a module. */
export async function readObject(path: string): Promise<Uint8Array> {
  const input = await readInput(path);
  if (input.kind === 'object') return input.bytes;
  throw new Failure(`${path}: is a WebAssembly module; compile it first (elfin compile ${path})`);
}
