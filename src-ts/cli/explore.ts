/** `elfin explore`: one self-contained page with a module's text, IR and machine code side by side. */
import { compilerSettings } from './backend.ts';
import { defaultOutput, writeWhole } from './compile.ts';
import { readModule } from './input.ts';
import type { CompileFlags } from './options.ts';

export interface ExploreOptions extends CompileFlags {
  readonly output?: string;
}

/** Writes the page for `file`. */
export async function exploreCommand(file: string, options: ExploreOptions): Promise<void> {
  const bytes = await readModule(file);
  const { explore } = await import('../tools/explore.ts');
  const page = await explore(bytes, await compilerSettings(options));
  writeWhole(options.output ?? defaultOutput(file, '.html'), page);
}
