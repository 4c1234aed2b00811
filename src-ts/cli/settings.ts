/** `elfin settings`: the table of settings, a row each. */
import { expected, SETTINGS, type SettingRow } from '../compiler/settings.ts';

/** The table as lines: name, values, default, whether it affects the code, and what it does. */
export function settingsLines(rows: readonly SettingRow[] = SETTINGS): string[] {
  return rows.flatMap((row) => {
    const standard = row.default === undefined ? 'not given' : String(row.default);
    const affects = row.class === 'code' ? 'affects the code' : 'affects compiling only';
    return [row.name, `    ${row.help}`, `    ${expected(row)}; default: ${standard}; ${affects}`];
  });
}

/** Prints the table. */
export function settingsCommand(): void {
  for (const line of settingsLines()) console.log(line);
}
