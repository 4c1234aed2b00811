/** Once before all tests: gets the official suite if it can be had, and says plainly when its tests are not run. */
import { fetchSuite } from './suite-path.ts';

export default function setup(): void {
  const missing = fetchSuite();
  if (missing === null) return;
  console.warn(
    `NOT RUN: the official WebAssembly test suite (${missing}). Set ELFIN_TESTSUITE to a checkout of ` +
      `WebAssembly/testsuite to run it.`,
  );
}
