/** The builder that passes make rows with: one for all of them, whose rows go through the peephole rules. */
import { Builder } from '../ir/build.ts';
import type { Func } from '../ir/func.ts';
import { fold } from './fold.ts';

let builder: Builder | null = null;

/** A builder for a function, the same one as long as the function object is; it knows nothing of what it made before. */
export function builderOf(f: Func): Builder {
  if (builder === null || builder.f !== f) {
    builder = new Builder(f);
    builder.fold = fold;
  }
  builder.restart();
  return builder;
}
