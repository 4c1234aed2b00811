/** The real parts behind the commands. */
import type { CompileOptions, SettingRow } from '../compiler/settings.ts';
import { Failure } from './failure.ts';
import type { CompileFlags } from './options.ts';
import type { Engine, Parts, Runtime } from './parts.ts';
import { startForOneModule } from './startup.ts';

function numberOr(text: string): string | number {
  return /^-?\d+$/.test(text) ? Number(text) : text;
}

/** The value that a setting given as text stands for; the table's own check comes afterwards. */
function valueOf(row: SettingRow, text: string): unknown {
  switch (row.kind) {
    case 'flag':
      return text === 'true' || text === 'false' ? text === 'true' : text;
    case 'names':
      return text.split(',');
    case 'words or names':
      return row.values.includes(text) ? text : text.split(',');
    default:
      return numberOr(text);
  }
}

/** Settings of the compiler from a command's options. Throws Failure for one that does not exist or does not fit. */
export async function compilerSettings(flags: CompileFlags): Promise<CompileOptions> {
  const { resolveSettings, SETTINGS } = await import('../compiler/settings.ts');
  const rows: readonly SettingRow[] = SETTINGS;
  const texts: [string, string][] = (flags.set ?? []).map((item) => {
    const split = item.indexOf('=');
    if (split < 1) throw new Failure(`--set ${item}: give NAME=VALUE`, 2);
    return [item.slice(0, split), item.slice(split + 1)];
  });
  if (flags.O !== undefined) texts.push(['optLevel', flags.O]);
  if (flags.target !== undefined) texts.push(['target', flags.target]);
  if (flags.cpu !== undefined) texts.push(['cpu', flags.cpu]);
  if (flags.j !== undefined) texts.push(['workers', String(flags.j)]);
  if (flags.g === true) texts.push(['debugInfo', 'true']);
  if (flags.explicitChecks === true) texts.push(['explicitChecks', 'true']);
  const settings: Record<string, unknown> = {};
  for (const [name, text] of texts) {
    const row = rows.find((r) => r.name === name);
    settings[name] = row === undefined ? text : valueOf(row, text);
  }
  try {
    resolveSettings(settings, 'settings');
  } catch (error) {
    throw new Failure((error as Error).message, 2);
  }
  return settings;
}

/** Where the stages go that `--set dump=…` names. */
function printStage(stage: string, index: number, text: string): void {
  console.log(`;; ${stage} of wasm-function[${index}]\n${text}`);
}

export const parts: Parts = {
  async runtime() {
    return (await import('../runtime/index.ts')).default as unknown as Runtime;
  },
  async engine(flags) {
    startForOneModule();
    const settings = await compilerSettings(flags);
    const { Engine } = await import('../index.ts');
    return new Engine(settings).WebAssembly as unknown as Engine;
  },
  async nameModule(module, fileName) {
    const { Module } = await import('../runtime/module.ts');
    Module.setFileName(module, fileName);
  },
  async compile(bytes, flags, onProgress) {
    startForOneModule();
    const settings = await compilerSettings(flags);
    const { compile, compileAsync, setStopwatch, Stopwatch } = await import('../compiler/index.ts');
    const dump = settings.dump === undefined ? undefined : printStage;
    if (flags.timePasses === true) {
      const watch = new Stopwatch();
      setStopwatch(watch);
      const object = compile(bytes, settings, onProgress, dump);
      setStopwatch(null);
      console.error((await import('./passtimes.ts')).passTable(watch.stages));
      return object;
    }
    return compileAsync(bytes, settings, onProgress, dump);
  },
};
