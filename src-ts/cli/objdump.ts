/** `elfin objdump`: the disassembly of an object with function names, Wasm offsets and trap sites. */
import { readObject } from './input.ts';

/** Prints the disassembly of `file`. */
export async function objdumpCommand(file: string): Promise<void> {
  const bytes = await readObject(file);
  const { objdump } = await import('../tools/objdump.ts');
  process.stdout.write(await objdump(bytes));
}
