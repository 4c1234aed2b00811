/** The layer rules hold, and nothing of the compiler is in the bundle of `elfin/runtime`. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { ICruiseResult } from 'dependency-cruiser';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../', import.meta.url));
const COMPILER = /^src-ts\/(wasm|ir|frontend|analysis|opt|mach|target|compiler)\//;

/** Source files that end up in a bundle of `entry`. */
async function bundled(entry: string): Promise<string[]> {
  const { metafile } = await build({
    entryPoints: [join(root, entry)],
    absWorkingDir: root,
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    outdir: 'dist',
    external: ['*.node'],
    logLevel: 'silent',
  });
  return Object.keys(metafile.inputs);
}

function violations(...folders: string[]): string[] {
  const config = join(root, '.dependency-cruiser.cjs');
  const bin = join(root, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruise.mjs');
  const args = [bin, '--config', config, '--output-type', 'json', ...folders];
  let report: string;
  try {
    report = execFileSync(process.execPath, args, {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
  } catch (error) {
    // The exit status is the number of violations.
    report = (error as { stdout: string }).stdout;
  }
  const result = JSON.parse(report) as ICruiseResult;
  expect(result.summary.totalCruised).toBeGreaterThan(50);
  return result.summary.violations.map((v) => `${v.rule.name}: ${v.from} -> ${v.to}`);
}

describe('layers', () => {
  it('every import is one that the layer table allows', () => {
    expect(violations('src-ts', 'isa')).toEqual([]);
  });

  it('the rules refuse what they should', async () => {
    const rules = (await import('../.dependency-cruiser.cjs' as string)) as {
      default: { forbidden: { name: string; from: { path: string }; to: { pathNot: string[] } }[] };
    };
    const rule = rules.default.forbidden.find((r) => r.name === 'layer-runtime')!;
    const allowed = (file: string): boolean =>
      rule.to.pathNot.some((p) => new RegExp(p).test(file));
    expect(new RegExp(rule.from.path).test('src-ts/runtime/module.ts')).toBe(true);
    expect(allowed('src-ts/object/read.ts')).toBe(true);
    expect(allowed('src-ts/compiler/index.ts')).toBe(false);
    expect(allowed('src-ts/wasm/types.ts')).toBe(false);
  });

  it.each(['src-ts/runtime/index.ts', 'src-ts/wasi/index.ts'])(
    'the bundle of %s has no compiler module',
    async (entry) => {
      const files = await bundled(entry);
      expect(files).toContain(entry);
      expect(files.filter((file) => COMPILER.test(file))).toEqual([]);
    },
  );
});
