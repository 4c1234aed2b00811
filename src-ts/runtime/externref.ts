/**
 * JavaScript values inside Wasm. An externref is a 64-bit handle: EXTERNREF_TAG above, an index into `values` below; 0 is
 * null. Handles are freed by mark and sweep: marks come from tables and globals of externref type and, conservatively,
 * from every word with the tag on the stacks of suspended fibers. A sweep runs only where no handle is in transit: before
 * the arguments of a call are converted.
 */
import { EXTERNREF_TAG } from '../gen/abi.ts';
import { thread } from './thread.ts';

/** Something that holds handles for as long as it lives: calls `mark` with the index of each. */
export interface HandleRoot {
  markHandles(mark: (index: number) => void): void;
}

const FIRST_THRESHOLD = 4096;

const values: unknown[] = [];
const free: number[] = [];
/** One handle per value that is in the table, so that a value passed again and again takes one place. */
const handles = new Map<unknown, number>();
const roots = new Set<WeakRef<HandleRoot>>();
const dead = new FinalizationRegistry<WeakRef<HandleRoot>>((ref) => roots.delete(ref));
let threshold = FIRST_THRESHOLD;

/** Registers a table or global of externref type. */
export function addRoot(root: HandleRoot): void {
  const ref = new WeakRef(root);
  roots.add(ref);
  dead.register(root, ref);
}

/** Index of the handle of a value other than null. */
export function handleOf(value: unknown): number {
  // A Map does not tell -0 from 0.
  const reusable = !(typeof value === 'number' && value === 0);
  const known = reusable ? handles.get(value) : undefined;
  if (known !== undefined) return known;
  const index = free.pop() ?? values.length;
  values[index] = value;
  if (reusable) handles.set(value, index);
  return index;
}

export function valueOf(index: number): unknown {
  return values[index];
}

/** Frees handles nobody holds when many have been made since the last time. */
export function collectHandles(): void {
  if (values.length - free.length < threshold) return;
  const marked = new Uint8Array(values.length);
  const mark = (index: number): void => {
    if (index < marked.length) marked[index] = 1;
  };
  for (const ref of roots) {
    ref.deref()?.markHandles(mark);
  }
  thread().native.scanExternrefs().forEach(mark);
  for (const index of free) marked[index] = 1;
  for (let i = 0; i < values.length; i++) {
    if (marked[i]) continue;
    handles.delete(values[i]);
    values[i] = undefined;
    free.push(i);
  }
  threshold = Math.max(FIRST_THRESHOLD, (values.length - free.length) * 2);
}

/** A reference as tables and globals of externref type hold it: one number, exact below 2^53. */
export function handleNumber(value: unknown): number {
  return value === null ? 0 : EXTERNREF_TAG * 0x1_0000_0000 + handleOf(value);
}

/** The value of such a number. */
export function valueOfNumber(handle: number): unknown {
  return handle === 0 ? null : values[handle % 0x1_0000_0000];
}
