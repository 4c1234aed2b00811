/** CPU features by name: what a setting may list, and what this machine has. */
import { readFileSync } from 'node:fs';
import * as X64 from '../gen/x64.ts';
import { HOST_TARGET, type Settings } from './settings.ts';

interface Feature {
  name: string;
  /** Number of the feature in the target's tables. */
  number: number;
  /** Its name among the flags or features of /proc/cpuinfo. */
  flag: string;
}

const X86_64: readonly Feature[] = [
  { name: 'sse3', number: X64.FEATURE_SSE3, flag: 'pni' },
  { name: 'ssse3', number: X64.FEATURE_SSSE3, flag: 'ssse3' },
  { name: 'sse4.1', number: X64.FEATURE_SSE4_1, flag: 'sse4_1' },
  { name: 'sse4.2', number: X64.FEATURE_SSE4_2, flag: 'sse4_2' },
  { name: 'popcnt', number: X64.FEATURE_POPCNT, flag: 'popcnt' },
  { name: 'lzcnt', number: X64.FEATURE_LZCNT, flag: 'abm' },
  { name: 'bmi1', number: X64.FEATURE_BMI1, flag: 'bmi1' },
  { name: 'bmi2', number: X64.FEATURE_BMI2, flag: 'bmi2' },
  { name: 'avx', number: X64.FEATURE_AVX, flag: 'avx' },
  { name: 'avx2', number: X64.FEATURE_AVX2, flag: 'avx2' },
  { name: 'fma', number: X64.FEATURE_FMA, flag: 'fma' },
];

/**
 * Nothing beyond Armv8.0 is of use to the instructions Wasm has so far: LSE is for atomic ones, DotProd and the like for vectors,
 * FRINTTS and JSCVT for conversions of other languages. Signed return addresses and marked branch targets are settings,
 * not features: their instructions run everywhere.
 */
const AARCH64: readonly Feature[] = [];

const FEATURES: Record<Settings['target'], readonly Feature[]> = {
  'x86_64-linux': X86_64,
  'aarch64-linux': AARCH64,
  'x86_64-windows': X86_64,
  'aarch64-windows': AARCH64,
};

/** Names of the CPU features a target knows. */
export function knownFeatures(target: Settings['target']): string[] {
  return FEATURES[target].map((f) => f.name);
}

let hostFlags: ReadonlySet<string> | undefined;

/** Flags of the first CPU, as Linux tells them; none where it does not. (An emulator may show its own machine's.) */
function cpuFlags(): ReadonlySet<string> {
  if (hostFlags !== undefined) return hostFlags;
  let text = '';
  try {
    text = readFileSync('/proc/cpuinfo', 'latin1');
  } catch {
    // No /proc: baseline code is right everywhere.
  }
  hostFlags = new Set(/^(?:flags|Features)\s*:(.*)$/m.exec(text)?.[1]?.trim().split(/\s+/) ?? []);
  return hostFlags;
}

/** What a setting of `cpu` stands for. */
export interface CpuFeatures {
  /** Names, in the table's order. */
  names: string[];
  /** The same as bits, 1 << number. */
  bits: number;
}

/**
 * Resolves the `cpu` setting.
 * @throws TypeError naming the call for a feature the target does not know
 */
export function cpuFeatures(call: string, settings: Settings): CpuFeatures {
  const rows = FEATURES[settings.target];
  const wanted = wantedFeatures(settings, rows);
  if (settings.cpu !== 'host') {
    const strange = wanted.find((name) => !rows.some((f) => f.name === name));
    if (strange !== undefined) {
      const known = rows.map((f) => f.name).join(', ') || 'none beyond the baseline';
      throw new TypeError(`${call}: setting 'cpu': no feature '${strange}' (features: ${known})`);
    }
  }
  const found = rows.filter((f) => wanted.includes(f.name));
  return { names: found.map((f) => f.name), bits: found.reduce((b, f) => b | (1 << f.number), 0) };
}

function wantedFeatures(settings: Settings, rows: readonly Feature[]): readonly string[] {
  if (settings.cpu === 'baseline') return [];
  if (settings.cpu !== 'host') return settings.cpu;
  if (settings.hostFeatures !== undefined) return settings.hostFeatures;
  if (settings.target !== HOST_TARGET) return [];
  const flags = cpuFlags();
  return rows.filter((f) => flags.has(f.flag)).map((f) => f.name);
}
