/** What `elfin compile --time-passes` prints. */
import type { Stage } from '../util/stopwatch.ts';

const COLUMNS = [9, 8, 10, 10];

function row(cells: readonly string[], name: string): string {
  return `${cells.map((cell, i) => cell.padStart(COLUMNS[i]!)).join('')}  ${name}`;
}

/**
 * Stages in order: time, share of all, and sizes of what went in and came out where that is a function: bytes into the
 * frontend, IR rows out of it, instructions out of lowering, bytes at the end.
 */
export function passTable(stages: readonly Stage[]): string {
  const all = stages.reduce((sum, stage) => sum + stage.ms, 0);
  const lines = stages.map(({ name, ms, sizeIn, sizeOut }) => {
    const sizes = [sizeIn, sizeOut].map((n) => (n > 0 ? String(n) : ''));
    return row([ms.toFixed(2), `${((100 * ms) / all).toFixed(1)} %`, ...sizes], name);
  });
  const head = row(['ms', 'share', 'in', 'out'], 'pass');
  return [head, ...lines, row([all.toFixed(2), '', '', ''], 'all')].join('\n');
}
