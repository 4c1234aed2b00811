/** A defect of Elfin itself, never of its input. The message names the pass and asks for a report. */
export class InternalError extends Error {
  override name = 'InternalError';
}

/** Stops with an {@link InternalError} naming the pass and what was found wrong there. */
export function bug(pass: string, what: string): never {
  throw new InternalError(
    `elfin: internal error in ${pass}: ${what} (this is a bug in Elfin, please report it)`,
  );
}
