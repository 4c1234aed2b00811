/**
 * `npm run fuzz:bad -- [--count N] [--seed S] [--kind modules|flips|objects] [--suite DIR] [--bench DIR]`: N damaged modules
 * and objects of each kind, in child processes. Prints each finding with its seed; exit status 1 if there was one.
 */
import { parseArgs } from 'node:util';
import { suitePath } from '../suite-path.ts';
import { KINDS, watch, type Kind } from './watch.ts';

export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      count: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '1' },
      kind: { type: 'string', multiple: true, default: [...KINDS] },
      suite: { type: 'string', default: suitePath() ?? '' },
      bench: { type: 'string', default: '../shared/bench' },
    },
  });
  let found = 0;
  const tty = process.stderr.isTTY;
  for (const kind of values.kind as Kind[]) {
    const report = await watch(kind, Number(values.seed), Number(values.count), {
      suite: values.suite,
      bench: values.bench,
      onProgress: (seed) => {
        if (tty && seed % 100 === 0) process.stderr.write(`\r${kind} ${seed}`);
      },
    });
    if (tty) process.stderr.write('\r');
    for (const text of report.findings) process.stdout.write(`${text}\n`);
    found += report.findings.length;
    const counts = Object.entries(report.tally).map(([what, n]) => `${what} ${n}`);
    process.stdout.write(
      `${kind}: ${counts.join(', ')}; ${report.endless.length} endless, ${report.findings.length} findings\n`,
    );
  }
  return found === 0 ? 0 : 1;
}
