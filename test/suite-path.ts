/**
 * Where the official test suite (WebAssembly/testsuite) is: $ELFIN_TESTSUITE, else beside this repository in
 * ../shared/testsuite, else .cache/testsuite, which `fetchSuite` fills by git at a pinned commit.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const REPOSITORY = 'https://github.com/WebAssembly/testsuite';
const COMMIT = 'e999a1051925895022ab06abc25b23ca300ab0d0';
const FETCH_TIMEOUT_MS = 180_000;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cached = join(root, '.cache', 'testsuite');

/** The suite's folder, or null when it is not on this machine. Never touches the network. */
export function suitePath(): string | null {
  const given = process.env['ELFIN_TESTSUITE'];
  const places = given ? [given] : [join(root, '..', 'shared', 'testsuite'), cached];
  return places.find((place) => existsSync(join(place, 'i32.wast'))) ?? null;
}

/** Gets the suite by git when it is nowhere. Answers why it could not be had, or null when it is there. */
export function fetchSuite(): string | null {
  if (suitePath() !== null) return null;
  if (process.env['ELFIN_TESTSUITE']) return `$ELFIN_TESTSUITE has no i32.wast`;
  mkdirSync(dirname(cached), { recursive: true });
  const partial = mkdtempSync(`${cached}-`);
  const git = (...args: string[]): void => {
    const env = { ...process.env, GIT_TERMINAL_PROMPT: '0' };
    const stdio = 'pipe';
    execFileSync('git', ['-C', partial, ...args], { env, stdio, timeout: FETCH_TIMEOUT_MS });
  };
  try {
    git('init', '--quiet');
    git('fetch', '--quiet', '--depth', '1', REPOSITORY, COMMIT);
    git('checkout', '--quiet', 'FETCH_HEAD');
    renameSync(partial, cached);
    return null;
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    const { stderr, message } = error as Error & { stderr?: Buffer };
    return stderr?.toString().trim().split('\n').pop() || message;
  }
}
