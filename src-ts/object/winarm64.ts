import type { CodeRecord } from './records.ts';
export interface Arm64Region {
  start: number;
  packed: number;
  info?: Uint8Array;
}
export function arm64Regions(_record: CodeRecord): Arm64Region[] {
  return [];
}
