/** `elfin settings`: the table of settings, a row each. */
import { expected, SETTINGS, type SettingClass, type SettingRow } from '../compiler/settings.ts';

const AFFECTS: Record<SettingClass, string> = {
  code: 'affects the code',
  compile: 'affects compiling only',
  run: 'affects running only',
};

/** The table as lines: name, values, default, whether it affects the code, and what it does. */
export function settingsLines(rows: readonly SettingRow[] = SETTINGS): string[] {
  return rows.flatMap((row) => {
    const standard = row.default === undefined ? 'not given' : String(row.default);
    const about = `${expected(row)}; default: ${standard}; ${AFFECTS[row.class]}`;
    return [row.name, `    ${row.help}`, `    ${about}`];
  });
}

/** Prints the table. */
export function settingsCommand(): void {
  for (const line of settingsLines()) console.log(line);
}
