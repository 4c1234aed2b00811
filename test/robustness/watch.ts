/**
 * Runs cases.ts in a child process and watches it: a crash or a hang ends one case, not the run. A case that hangs in
 * Node's own engine ('v8') is an endless loop of the guest and no finding.
 */
import { buildSync } from 'esbuild';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const KINDS = ['modules', 'flips', 'objects'] as const;
export type Kind = (typeof KINDS)[number];

export interface Report {
  kind: Kind;
  tally: Record<string, number>;
  findings: string[];
  /** Seeds of modules that do not end. */
  endless: number[];
}

export interface Options {
  suite?: string;
  bench?: string;
  patienceMs?: number;
  onProgress?: (seed: number) => void;
}

/** The project's root: this file may itself be bundled. */
function rootFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

const root = rootFolder();
const build = join(root, 'build');

/** Bundles a script of this folder into the build folder, from where it finds the addon. */
export function bundle(name: string): { path: string; remove: () => void } {
  mkdirSync(build, { recursive: true });
  const path = join(build, `bad-input-${name}-${process.pid}.mjs`);
  buildSync({
    entryPoints: [join(root, 'test', 'robustness', `${name}.ts`)],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: path,
    external: ['@bytecodealliance/*'],
    define: { ELFIN_VERSION: '"0"' },
    logLevel: 'error',
  });
  return { path, remove: () => rmSync(path, { force: true }) };
}

/** One child over seeds [first, end); answers the first seed that is still to be done. */
function stretch(script: string, report: Report, first: number, end: number, o: Options) {
  const args = [script, report.kind, String(first), String(end - first)];
  const child = spawn(process.execPath, [...args, o.suite ?? '', o.bench ?? ''], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let seed = first;
  let phase = 'loading';
  let errors = '';
  let done = false;
  let hung = false;
  const patience = o.patienceMs ?? 20_000;
  const giveUp = (): void => {
    hung = true;
    child.kill('SIGKILL');
  };
  let timer = setTimeout(giveUp, patience * 3);
  child.stderr.on('data', (text: Buffer) => (errors = (errors + text.toString()).slice(-2000)));
  createInterface(child.stdout).on('line', (line) => {
    clearTimeout(timer);
    timer = setTimeout(giveUp, patience);
    if (line.startsWith('!')) report.findings.push(`${report.kind} ${line.slice(2)}`);
    else if (line.startsWith('@')) {
      const [, s, p] = line.split(' ');
      if (Number(s) !== seed) o.onProgress?.(Number(s));
      seed = Number(s);
      phase = p!;
    } else if (line.startsWith('=')) {
      done = seed === end - 1;
      for (const [k, v] of Object.entries(JSON.parse(line.slice(2)) as Record<string, number>))
        report.tally[k] =
          k === 'slowestMs' ? Math.max(report.tally[k] ?? 0, v) : (report.tally[k] ?? 0) + v;
    }
  });
  return new Promise<number>((resolve) =>
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (done) return resolve(end);
      if (hung && phase === 'v8') report.endless.push(seed);
      else
        report.findings.push(
          `${report.kind} ${seed} ${hung ? 'hangs' : `ended with ${signal ?? code}`} in '${phase}': ${errors}`,
        );
      resolve(seed + 1);
    }),
  );
}

/** Cases first .. first + count - 1 of a kind. */
export async function watch(
  kind: Kind,
  first: number,
  count: number,
  o: Options = {},
): Promise<Report> {
  const report: Report = { kind, tally: {}, findings: [], endless: [] };
  const script = bundle('cases');
  try {
    for (let at = first; at < first + count;)
      at = await stretch(script.path, report, at, first + count, o);
  } finally {
    script.remove();
  }
  return report;
}
