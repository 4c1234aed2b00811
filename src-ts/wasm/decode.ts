/**
 * Binary decoding (core specification, chapter 5.5) and validation (3.5) of everything in a module but the code: one pass
 * over the sections, in order. Function bodies are noted as byte ranges for the frontend.
 */
import { CompileError } from '../util/errors.ts';
import { Reader } from '../util/leb128.ts';
import * as Op from '../gen/wasm.ts';
import { needsFeature } from './features.ts';
import { MAX_BODY_SIZE, MAX_DATA_SEGMENTS, MAX_MODULE_SIZE } from './limits.ts';
import { ModuleInfo } from './types.ts';
import {
  atMost,
  exportSection,
  functionSection,
  globalSection,
  importSection,
  memorySection,
  startSection,
  tableSection,
  typeSection,
} from './sections.ts';
import type { Decoder } from './typebytes.ts';
import { dataSection, elementSection } from './segments.ts';

const SECTION_NAMES = [
  'custom',
  'type',
  'import',
  'function',
  'table',
  'memory',
  'global',
  'export',
  'start',
  'element',
  'code',
  'data',
  'data count',
  'tag',
];
/** Where each section id comes in the prescribed order. */
const SECTION_RANK = [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 11, 6];

const SECTION_CUSTOM = 0;
const SECTION_CODE = 10;
const SECTION_DATA = 11;
const SECTION_DATA_COUNT = 12;
const SECTION_TAG = 13;

/**
 * Decodes and validates a module but for its function bodies.
 *
 * @param bytes the binary; ranges in the result refer to it
 * @param features feature bits (see features.ts)
 * @throws CompileError with the byte offset of what is malformed, invalid or not supported
 */
export function decodeModule(bytes: Uint8Array, features: number): ModuleInfo {
  if (bytes.length > MAX_MODULE_SIZE) throw new CompileError('module is larger than 1 GiB', 0);
  const d: Decoder = { r: new Reader(bytes), m: new ModuleInfo(features), features };
  header(d.r);
  let rank = 0;
  while (d.r.pos < bytes.length) rank = section(d, rank);
  finish(d);
  return d.m;
}

function header(r: Reader): void {
  const magic = [0x00, 0x61, 0x73, 0x6d];
  for (let i = 0; i < 4; i++) {
    if (i >= r.bytes.length) throw new CompileError('unexpected end', i);
    if (r.bytes[i] !== magic[i]) throw new CompileError('magic header not detected', 0);
  }
  r.pos = 4;
  if (r.word() === 1) return;
  if (r.bytes[4] === 0x0d && r.bytes[6] === 1) {
    throw new CompileError('unknown binary version (this is a component, not a module)', 4);
  }
  throw new CompileError('unknown binary version', 4);
}

/** One section; returns its rank in the order, or the given one for custom sections. */
function section(d: Decoder, rank: number): number {
  const r = d.r;
  r.end = r.bytes.length;
  const at = r.pos;
  const id = r.u8();
  if (id >= SECTION_NAMES.length) throw new CompileError('malformed section id', at);
  const sizeAt = r.pos;
  const size = r.u32();
  if (size > r.bytes.length - r.pos) throw new CompileError('length out of bounds', sizeAt);
  const end = r.pos + size;
  if (id !== SECTION_CUSTOM) {
    const own = SECTION_RANK[id]!;
    if (own <= rank) {
      const what = own === rank ? 'repeated' : 'out of order';
      throw new CompileError(
        `unexpected content after last section: ${SECTION_NAMES[id]} section ${what}`,
        at,
      );
    }
    rank = own;
  }
  r.end = end;
  contents(d, id, at);
  if (r.pos !== end)
    throw new CompileError(`section size mismatch: ${SECTION_NAMES[id]} section`, r.pos);
  return rank;
}

function contents(d: Decoder, id: number, at: number): void {
  switch (id) {
    case SECTION_CUSTOM:
      return customSection(d);
    case 1:
      return typeSection(d);
    case 2:
      return importSection(d);
    case 3:
      return functionSection(d);
    case 4:
      return tableSection(d);
    case 5:
      return memorySection(d);
    case 6:
      return globalSection(d);
    case 7:
      return exportSection(d);
    case 8:
      return startSection(d);
    case 9:
      return elementSection(d);
    case SECTION_CODE:
      return codeSection(d);
    case SECTION_DATA:
      return dataSection(d);
    case SECTION_DATA_COUNT:
      return dataCountSection(d);
    case SECTION_TAG:
      return needsFeature('a tag section', Op.FEATURE_EXCEPTIONS, at);
  }
}

function customSection(d: Decoder): void {
  const name = d.r.name();
  d.m.customs.push({ name, start: d.r.pos, end: d.r.end });
  d.r.pos = d.r.end;
}

function dataCountSection(d: Decoder): void {
  const at = d.r.pos;
  d.m.dataCount = d.r.u32();
  atMost(d.m.dataCount, MAX_DATA_SEGMENTS, 'data segments', at);
}

/** Notes the ranges of the bodies. */
function codeSection(d: Decoder): void {
  const { r, m } = d;
  const at = r.pos;
  m.codeStart = at;
  const n = r.length();
  if (n !== m.definedFuncs) inconsistentCode(m, n, at);
  const bodies = new Uint32Array(2 * n);
  for (let i = 0; i < n; i++) {
    const sizeAt = r.pos;
    const size = r.u32();
    if (size > r.end - r.pos)
      throw new CompileError('unexpected end of section or function', r.end);
    if (size > MAX_BODY_SIZE) {
      throw new CompileError(
        `body of function ${m.importedFuncs + i} has ${size} bytes, the limit is ${MAX_BODY_SIZE}`,
        sizeAt,
      );
    }
    bodies[2 * i] = r.pos;
    r.pos += size;
    bodies[2 * i + 1] = r.pos;
    m.codeSize += size;
  }
  m.bodies = bodies;
}

function inconsistentCode(m: ModuleInfo, bodies: number, at: number): never {
  const what = 'function and code section have inconsistent lengths';
  throw new CompileError(`${what}: ${m.definedFuncs} functions, ${bodies} bodies`, at);
}

/** Checks that sections which must agree do. */
function finish(d: Decoder): void {
  const { m, r } = d;
  const end = r.bytes.length;
  if (m.bodies.length === 0 && m.definedFuncs !== 0) inconsistentCode(m, 0, end);
  if (m.dataCount >= 0 && m.dataCount !== m.data.length) {
    const what = 'data count and data section have inconsistent lengths';
    throw new CompileError(`${what}: ${m.dataCount} announced, ${m.data.length} found`, end);
  }
}
