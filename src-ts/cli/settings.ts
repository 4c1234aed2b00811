/** `elfin settings`: the table of settings, a row each. */
import { SETTINGS } from '../compiler/settings.ts';

/** Prints name, possible values, default and description of every setting. */
export function settingsCommand(): void {
  for (const row of SETTINGS) console.log(row);
}
