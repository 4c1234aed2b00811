/**
 * The `elfin` command. Every subcommand is its own file, imported when it is run, so that none loads what another
 * needs (`elfin run` of an object loads no compiler).
 */
import { Command, type Option } from 'commander';
import { explain } from './failure.ts';
import { collect, compileOptions, machineOptions } from './options.ts';
import type { CompileCommandOptions } from './compile.ts';
import type { ExploreOptions } from './explore.ts';
import type { RunOptions } from './run.ts';
import type { WastCommandOptions } from './wast.ts';

declare const ELFIN_VERSION: string | undefined;

function addOptions(command: Command, ...lists: readonly Option[][]): Command {
  for (const option of lists.flat()) command.addOption(option);
  return command;
}

function addRun(program: Command): void {
  const command = program
    .command('run')
    .description('run a WASI program: a module (compiled first) or a compiled object')
    .argument('<file>', '.wasm, .wat, or an object made by elfin compile')
    .argument(
      '[args...]',
      "the program's own arguments, or those of the function named by --invoke",
    )
    .option('--dir <host[::guest]>', 'let the program use a folder (repeatable)', collect)
    .option(
      '--env <name=value>',
      'set a variable, or pass one on by its name (repeatable)',
      collect,
    )
    .option('--invoke <name>', 'call this exported function instead of _start, print its results')
    .passThroughOptions();
  addOptions(command, compileOptions())
    .addHelpText(
      'after',
      `
The exit status is the program's; 134 after a trap; 1 or 2 if it could not be run.

Examples:
  elfin run examples/primes.wasm 1000000
  elfin run --dir . --env LANG=C tool.wasm input.txt
  elfin run --invoke add math.wat 2 3`,
    )
    .action(async (file: string, args: string[], options: RunOptions) => {
      const [{ run }, { parts }] = await Promise.all([import('./run.ts'), import('./backend.ts')]);
      process.exitCode = await run(file, args, options, parts);
    });
}

function addCompile(program: Command): void {
  const command = program
    .command('compile')
    .description('compile a module to an object that loads in no time and links into C programs')
    .argument('<file>', '.wasm or .wat')
    .option('-o, --output <object>', 'where to write (default: the name of the module, .o)')
    .option('--time-passes', 'print the time that each pass took; compiles in one thread');
  addOptions(command, compileOptions(), machineOptions())
    .addHelpText('after', '\nExample:\n  elfin compile tool.wasm -o tool.o && elfin run tool.o')
    .action(async (file: string, options: CompileCommandOptions) => {
      const [{ compileCommand }, { parts }] = await Promise.all([
        import('./compile.ts'),
        import('./backend.ts'),
      ]);
      await compileCommand(file, options, parts);
    });
}

function addTools(program: Command): void {
  program
    .command('objdump')
    .description('disassemble an object, with function names, Wasm offsets and trap sites')
    .argument('<object>', 'made by elfin compile')
    .action(async (file: string) => (await import('./objdump.ts')).objdumpCommand(file));
  const explore = program
    .command('explore')
    .description('write a page that shows Wasm text, IR and machine code side by side')
    .argument('<file>', '.wasm or .wat')
    .option('-o, --output <page>', 'where to write (default: the name of the module, .html)');
  addOptions(explore, compileOptions(), machineOptions()).action(
    async (file: string, options: ExploreOptions) =>
      (await import('./explore.ts')).exploreCommand(file, options),
  );
  program
    .command('settings')
    .description('list the settings of the compiler and the runtime')
    .action(async () => (await import('./settings.ts')).settingsCommand());
}

function addWast(program: Command): void {
  const command = program
    .command('wast')
    .description('run WebAssembly test scripts; status 0 only if every assertion in scope passes')
    .argument('<files...>', '.wast files, or folders to search for them')
    .option('-v, --verbose', 'print every failed assertion');
  addOptions(command, compileOptions()).action(
    async (files: string[], options: WastCommandOptions) => {
      const [{ wastCommand }, { parts }] = await Promise.all([
        import('./wast.ts'),
        import('./backend.ts'),
      ]);
      process.exitCode = await wastCommand(files, options, parts);
    },
  );
}

/** The command's parser; parsing runs the subcommand. */
export function makeProgram(): Command {
  const program = new Command('elfin')
    .description(
      'WebAssembly to native code, ahead of time: ELF objects, and their runtime for Node.js',
    )
    .version(typeof ELFIN_VERSION === 'string' ? ELFIN_VERSION : 'development')
    .enablePositionalOptions()
    .showHelpAfterError('(elfin COMMAND --help tells more)');
  addRun(program);
  addCompile(program);
  addTools(program);
  addWast(program);
  return program;
}

/** A reader that has seen enough (`elfin objdump x.o | head`) is no error. */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
}

/** Runs the command line `argv` (as in process.argv); sets the exit status. */
export async function main(argv: readonly string[]): Promise<void> {
  process.stdout.on('error', endWithReader);
  try {
    await makeProgram().parseAsync(argv);
  } catch (error) {
    const { text, status } = explain(error);
    console.error(text);
    process.exitCode = status;
  }
}

await main(process.argv);
