/**
 * .elfin.engine: what must fit before anything of an object is used. Last in the file, so that a truncated file has no
 * checksum.
 *
 *   magic "elfin\0\r\n", u32 format version
 *   target, CPU feature names, settings        strings as length (LEB128) and UTF-8; settings sorted by key
 *   zeros up to a multiple of 4
 *   u32 checksum of the whole file before it
 */
import { ByteReader, type ByteWriter } from './bytes.ts';
import type { Checksum } from './checksum.ts';
import { ObjectError } from './error.ts';

/** Changes with every change of what a section holds or of the ABI between compiled code and runtime. */
export const FORMAT_VERSION = 4;

const MAGIC = [0x65, 0x6c, 0x66, 0x69, 0x6e, 0x00, 0x0d, 0x0a];
const CHECKSUM_BYTES = 4;

export interface EngineInfo {
  target: string;
  cpuFeatures: string[];
  settings: Record<string, string>;
}

/** Appends the section but for the checksum. The section must end at a multiple of 4 with it. */
export function writeEngine(w: ByteWriter, info: EngineInfo): void {
  for (const byte of MAGIC) w.u8(byte);
  w.u32(FORMAT_VERSION);
  w.string(info.target);
  const features = [...info.cpuFeatures].sort();
  w.uleb(features.length);
  for (const name of features) w.string(name);
  const keys = Object.keys(info.settings).sort();
  w.uleb(keys.length);
  for (const key of keys) {
    w.string(key);
    w.string(info.settings[key]!);
  }
  w.align(4);
}

/**
 * Reads and checks the section at bytes[start, end), which is the end of the file.
 * Throws ObjectError for a wrong magic number, format version or checksum.
 */
export function readEngine(
  bytes: Uint8Array,
  start: number,
  end: number,
  checksum: Checksum,
): EngineInfo {
  const r = new ByteReader(bytes, '.elfin.engine', start, end);
  for (const byte of MAGIC) {
    if (r.u8() !== byte) r.fail('a wrong magic number', "'elfin'");
  }
  const version = r.u32();
  if (version !== FORMAT_VERSION) r.fail(`format version ${version}`, `${FORMAT_VERSION}`);
  checkSum(bytes, end, checksum);
  const target = r.string();
  const cpuFeatures: string[] = [];
  for (let n = r.count(); n > 0; n--) cpuFeatures.push(r.string());
  const settings: Record<string, string> = Object.create(null) as Record<string, string>;
  for (let n = r.count(2); n > 0; n--) {
    const key = r.string();
    settings[key] = r.string();
  }
  return { target, cpuFeatures, settings };
}

function checkSum(bytes: Uint8Array, end: number, checksum: Checksum): void {
  const at = end - CHECKSUM_BYTES;
  const stored = new ByteReader(bytes, '.elfin.engine', at, end).u32();
  const actual = checksum(bytes, 0, at);
  if (stored === actual) return;
  const hex = (n: number) => `0x${n.toString(16).padStart(8, '0')}`;
  throw new ObjectError(
    `object is damaged: found checksum ${hex(actual)}, expected ${hex(stored)}`,
  );
}

/**
 * Refuses code that this machine can not run.
 *
 * @param target name of the host's target
 * @param features names of the features the CPU has
 */
export function checkHost(info: EngineInfo, target: string, features: readonly string[]): void {
  if (info.target !== target) {
    throw new ObjectError(`object is for target '${info.target}', this machine is '${target}'`);
  }
  const missing = info.cpuFeatures.filter((name) => !features.includes(name));
  if (missing.length === 0) return;
  const present = features.length === 0 ? 'none beyond the baseline' : features.join(', ');
  throw new ObjectError(
    `object needs CPU features this machine lacks: ${missing.join(', ')} (it has ${present})`,
  );
}
