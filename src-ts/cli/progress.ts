/** A progress bar on standard error, when that is a terminal and the work takes long enough to watch. */
import type { OnProgress } from './parts.ts';

const SHOW_AFTER_MS = 300;
const REDRAW_MS = 50;
const WIDTH = 30;

export interface Progress {
  readonly update: OnProgress;
  /** Wipes the bar. */
  readonly end: () => void;
}

/** Makes a bar labelled `label` on `stream`. */
export function progressBar(label: string, stream: NodeJS.WriteStream = process.stderr): Progress {
  const began = performance.now();
  let drawn = 0;
  const update = (done: number, total: number): void => {
    const now = performance.now();
    if (!stream.isTTY || now - began < SHOW_AFTER_MS || now - drawn < REDRAW_MS) return;
    drawn = now;
    const full = total === 0 ? WIDTH : Math.round((done / total) * WIDTH);
    const bar = '#'.repeat(full).padEnd(WIDTH, '.');
    stream.write(`\r\x1b[K${label} [${bar}] ${done}/${total} functions`);
  };
  const end = (): void => {
    if (drawn > 0) stream.write('\r\x1b[K');
  };
  return { update, end };
}
