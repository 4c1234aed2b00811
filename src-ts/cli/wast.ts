/** `elfin wast`: official test scripts, a line per file, everything skipped named at the end. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runWast } from '../tools/wast/run.ts';
import { ScriptError } from '../tools/wast/sexpr.ts';
import { fileOutOfScope } from '../tools/wast/suite.ts';
import type { WasmNamespace } from '../tools/wast/wasm.ts';
import { fileFailure } from './failure.ts';
import type { CompileFlags } from './options.ts';
import type { Parts } from './parts.ts';

export interface WastCommandOptions extends CompileFlags {
  /** Print every failed assertion, not only the first few of a file. */
  readonly verbose?: boolean;
}

interface Script {
  readonly path: string;
  /** Path inside the suite. */
  readonly name: string;
}

const SHOWN_FAILURES = 5;

/** Name of a file given by itself: its folder counts where the suite keeps proposals apart. */
function suiteName(path: string): string {
  return /(?:^|\/)((?:proposals|legacy|custom)\/.*)$/.exec(path)?.[1] ?? basename(path);
}

/** The scripts at `path`: itself, or all below it in order of their names. Throws Failure. */
export function findScripts(path: string): Script[] {
  try {
    if (!statSync(path).isDirectory()) return [{ path, name: suiteName(path) }];
    const names = readdirSync(path, { recursive: true, encoding: 'utf8' });
    return names
      .filter((name) => name.endsWith('.wast'))
      .sort()
      .map((name) => ({ path: join(path, name), name }));
  } catch (error) {
    throw fileFailure(path, error);
  }
}

/** Counts over all files: reason → (file → commands); whole files count as 0. */
class Report {
  passed = 0;
  failed = 0;
  skipped = 0;
  readonly #reasons = new Map<string, Map<string, number>>();

  skip(reason: string, file: string, count: number): void {
    let files = this.#reasons.get(reason);
    if (files === undefined) this.#reasons.set(reason, (files = new Map()));
    files.set(file, count);
  }

  lines(): string[] {
    const lines: string[] = [];
    for (const [reason, files] of [...this.#reasons].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const names = [...files].map(([file, count]) => (count === 0 ? file : `${file} (${count})`));
      lines.push(`skipped, ${reason}: ${names.join(', ')}`);
    }
    return lines;
  }
}

async function runScript(
  script: Script,
  wasm: WasmNamespace,
  report: Report,
  verbose: boolean,
): Promise<void> {
  const reason = fileOutOfScope(script.name);
  if (reason !== null) {
    report.skip(reason, script.name, 0);
    console.log(`${script.name}: not in scope (${reason})`);
    return;
  }
  const failures: string[] = [];
  try {
    const counts = await runWast(readFileSync(script.path, 'utf8'), {
      wasm,
      onResult: ({ status, line, command, message }) => {
        if (status === 'failed') failures.push(`  ${script.name}:${line}: ${command}: ${message}`);
      },
    });
    report.passed += counts.passed;
    report.failed += counts.failed;
    report.skipped += counts.skipped;
    for (const [why, count] of counts.reasons) report.skip(why, script.name, count);
    const { passed, failed, skipped } = counts;
    console.log(`${script.name}: ${passed} passed, ${failed} failed, ${skipped} skipped`);
  } catch (error) {
    report.failed++;
    const why =
      error instanceof ScriptError ? `${error.message} at ${error.offset}` : String(error);
    console.log(`${script.name}: ${why}`);
  }
  const shown = verbose ? failures : failures.slice(0, SHOWN_FAILURES);
  for (const line of shown) console.log(line);
  if (shown.length < failures.length) console.log(`  … ${failures.length - shown.length} more`);
}

/** Runs the scripts; resolves to 0 if every assertion that is in scope passed, else 1. */
export async function wastCommand(
  paths: readonly string[],
  options: WastCommandOptions,
  parts: Parts,
): Promise<number> {
  const scripts = paths.flatMap(findScripts);
  const wasm = await parts.engine(options);
  const report = new Report();
  for (const script of scripts) await runScript(script, wasm, report, options.verbose ?? false);
  for (const line of report.lines()) console.log(line);
  console.log(`total: ${report.passed} passed, ${report.failed} failed, ${report.skipped} skipped`);
  return report.failed === 0 ? 0 : 1;
}
