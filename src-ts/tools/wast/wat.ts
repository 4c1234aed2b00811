/**
 * Module text to bytes, with wasm-tools (itself WebAssembly, in the npm package jco-transpile). It does not
 * validate, and is loaded only when there is text to parse.
 */

/** Non-ASCII text, which occurs only in strings and comments, as escapes: wasm-tools refuses some of it as confusing. */
function escapeUnicode(text: string): string {
  return text.replace(/[^\0-\x7f]+/gu, (part) => {
    return Array.from(Buffer.from(part), (byte) => `\\${byte.toString(16)}`).join('');
  });
}

/** Line, column and reason out of the debug form that wasm-tools' errors come in. */
function plainError(error: unknown): Error {
  const text = error instanceof Error ? error.message : String(error);
  const custom = /kind: Custom\("((?:[^"\\]|\\.)*)"\)/.exec(text)?.[1];
  const reason = custom ?? /kind: (.*?)[\s})]*$/s.exec(text)?.[1] ?? text;
  const where = /line: (\d+), col: (\d+)/.exec(text);
  if (where === null) return new Error(reason);
  return new Error(`${Number(where[1]) + 1}:${Number(where[2]) + 1}: ${reason}`);
}

interface WasmTools {
  parse(text: string): Promise<Uint8Array>;
}

/** Loads wasm-tools. Throws an Error that says what to install if it is not there. */
async function loadParser(): Promise<WasmTools> {
  try {
    return await import('@bytecodealliance/jco-transpile/wasm-tools');
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Error(
      'reading WebAssembly text needs the package @bytecodealliance/jco-transpile (npm install @bytecodealliance/jco-transpile)',
      { cause: error },
    );
  }
}

/** Parses the text of one module. Throws an Error with line, column and reason. */
export async function parseWat(text: string): Promise<Uint8Array> {
  const { parse } = await loadParser();
  try {
    return await parse(text);
  } catch (error) {
    if (/ConfusingUnicode/.test(String((error as Error).message)))
      return parseWat(escapeUnicode(text));
    throw plainError(error);
  }
}
