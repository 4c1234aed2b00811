/**
 * The text format for the command line: module text to bytes, by WABT. It resolves names and checks syntax but does not
 * validate. Loaded only when there is text to read. (Scripts of the official suite need all of 3.0's syntax and are parsed by
 * wasm-tools instead: wast/wat.ts.)
 */
/** The part of WABT that is used. */
interface Wabt {
  parseWat(name: string, text: string, features: Record<string, boolean>): WabtModule;
}

interface WabtModule {
  toBinary(options: { write_debug_names: boolean }): { buffer: Uint8Array };
  destroy(): void;
}

/** What Elfin supports, and SIMD, so that the decoder and not the parser is the one to refuse it. */
const FEATURES = {
  mutable_globals: true,
  sat_float_to_int: true,
  sign_extension: true,
  simd: true,
  multi_value: true,
  tail_call: true,
  bulk_memory: true,
  reference_types: true,
  extended_const: true,
};

/** Parses the text of one module; function names are kept. Throws an Error with line, column, reason and the line itself. */
export async function parseText(text: string): Promise<Uint8Array> {
  const { default: load } = (await import('wabt')) as unknown as { default(): Promise<Wabt> };
  const wabt = await load();
  let module;
  try {
    module = wabt.parseWat('', text, FEATURES);
  } catch (error) {
    throw new Error(plain((error as Error).message), { cause: error });
  }
  try {
    return module.toBinary({ write_debug_names: true }).buffer;
  } finally {
    module.destroy();
  }
}

/** WABT's message without its heading and the (empty) file name before each place. */
function plain(message: string): string {
  return message
    .replace(/^parseWat failed:\n/, '')
    .replace(/^:(\d+:\d+): error: /gm, '$1: ')
    .trimEnd();
}
