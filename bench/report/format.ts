/** Figures for people: three significant digits, units that fit, an en dash for what was not measured. */

export const NONE = '–';

/** Three significant digits, never in exponent form. */
export function digits(value: number): string {
  if (value >= 100 || value === 0) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value >= 0.1 ? value.toFixed(2) : value.toFixed(3);
}

export const ms = (value: number | null | undefined): string =>
  value === null || value === undefined ? NONE : digits(value);

export const times = (value: number | null | undefined): string =>
  value === null || value === undefined ? NONE : `${digits(value)}×`;

export const kilobytes = (value: number | null | undefined): string =>
  value === null || value === undefined ? NONE : digits(value / 1e3);
