/**
 * fd_read, fd_write, fd_pread, fd_pwrite: scatter and gather between guest memory and host files.
 *
 * The host reads and writes guest memory directly. Where several short vectors make one call they pass through
 * one scratch buffer, so that they stay one system call (a pipe must not block for a second vector after the
 * first was filled). Nothing is allocated per call in the common case.
 */
import * as fs from 'node:fs';
import * as C from './constants.ts';
import { type Descriptor, KERNEL_POSITION } from './descriptors.ts';
import { EAGAIN, EINVAL, EISDIR, fail, nodeCode } from './errno.ts';
import type { GuestMemory } from './memory.ts';
import type { State } from './state.ts';

/** Linux moves at most this many bytes in one call. */
const MAX_TRANSFER = 0x7ffff000;
/** IOV_MAX */
const MAX_VECTORS = 1024;
const scratch = new Uint8Array(65536);
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Blocks this thread for `ms` milliseconds. */
export function sleep(ms: number): void {
  Atomics.wait(sleeper, 0, 0, ms);
}

/** Reads into or writes from `bytes[start, start + len)`; waits where the host's descriptor is non-blocking but the guest's is not. */
function transfer(
  d: Descriptor,
  write: boolean,
  bytes: Uint8Array,
  start: number,
  len: number,
  position: number,
): number {
  const at = position === KERNEL_POSITION ? null : position;
  const n = Math.min(len, MAX_TRANSFER);
  for (;;) {
    try {
      return write
        ? fs.writeSync(d.hostFd, bytes, start, n, at)
        : fs.readSync(d.hostFd, bytes, start, n, at);
    } catch (error) {
      const code = nodeCode(error);
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN') throw error;
      if ((d.flags & C.FDFLAG_NONBLOCK) !== 0) fail(EAGAIN);
      sleep(1);
    }
  }
}

/** Checks all vectors; returns their total length. */
function checkVectors(mem: GuestMemory, iovs: number, count: number): number {
  if (count >>> 0 > MAX_VECTORS) fail(EINVAL);
  const table = mem.range(iovs, count * 8);
  let total = 0;
  for (let p = table; p < table + count * 8; p += 8) {
    const len = mem.view.getUint32(p + 4, true);
    mem.range(mem.view.getUint32(p, true), len);
    total += len;
  }
  return total;
}

/** A view costs more than it saves for few bytes. */
const VIEW_PAYS_FROM = 64;

function copy(from: Uint8Array, start: number, to: Uint8Array, at: number, len: number): void {
  if (len >= VIEW_PAYS_FROM) to.set(from.subarray(start, start + len), at);
  else for (let i = 0; i < len; i++) to[at + i] = from[start + i] as number;
}

/** Copies between `scratch` and the vectors, up to `total` bytes. */
function shuffle(mem: GuestMemory, iovs: number, write: boolean, total: number): void {
  let done = 0;
  for (let p = iovs >>> 0; done < total; p += 8) {
    const ptr = mem.view.getUint32(p, true);
    const len = Math.min(mem.view.getUint32(p + 4, true), total - done);
    if (write) copy(mem.u8, ptr, scratch, done, len);
    else copy(scratch, done, mem.u8, ptr, len);
    done += len;
  }
}

/** Vector by vector, stopping at the first that is not done whole. */
function each(
  mem: GuestMemory,
  d: Descriptor,
  write: boolean,
  iovs: number,
  count: number,
  position: number,
): number {
  let done = 0;
  const end = (iovs >>> 0) + count * 8;
  for (let p = iovs >>> 0; p < end; p += 8) {
    const len = mem.view.getUint32(p + 4, true);
    if (len === 0) continue;
    const at = position === KERNEL_POSITION ? position : position + done;
    const n = transfer(d, write, mem.u8, mem.view.getUint32(p, true), len, at);
    done += n;
    if (n < len) break;
  }
  return done;
}

function vectors(
  mem: GuestMemory,
  d: Descriptor,
  write: boolean,
  iovs: number,
  count: number,
  position: number,
): number {
  if (d.type === C.FT_DIRECTORY) fail(EISDIR);
  const total = checkVectors(mem, iovs, count);
  if (count < 2 || (total > scratch.length && d.type === C.FT_REGULAR_FILE)) {
    return each(mem, d, write, iovs, count, position);
  }
  const wanted = Math.min(total, scratch.length);
  if (write) shuffle(mem, iovs, true, wanted);
  const n = wanted === 0 ? 0 : transfer(d, write, scratch, 0, wanted, position);
  if (!write) shuffle(mem, iovs, false, n);
  return n;
}

export function fd_read(s: State, fd: number, iovs: number, count: number, result: number): number {
  const mem = s.mem;
  const d = s.fds.get(fd, C.R_FD_READ);
  mem.range(result, 4);
  const n = vectors(mem, d, false, iovs, count, d.position);
  if (d.position !== KERNEL_POSITION) d.position += n;
  mem.setU32(result, n);
  return 0;
}

export function fd_write(
  s: State,
  fd: number,
  iovs: number,
  count: number,
  result: number,
): number {
  const mem = s.mem;
  const d = s.fds.get(fd, C.R_FD_WRITE);
  mem.range(result, 4);
  if (d.position !== KERNEL_POSITION && (d.flags & C.FDFLAG_APPEND) !== 0) {
    d.position = fs.fstatSync(d.hostFd).size;
  }
  const n = vectors(mem, d, true, iovs, count, d.position);
  if (d.position !== KERNEL_POSITION) d.position += n;
  mem.setU32(result, n);
  return 0;
}

/** An offset from the guest as a number; fails with EINVAL beyond 2^53. */
export function offsetOf(value: bigint): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) fail(EINVAL);
  return Number(value);
}

export function fd_pread(
  s: State,
  fd: number,
  iovs: number,
  count: number,
  offset: bigint,
  result: number,
): number {
  const d = s.fds.get(fd, C.R_FD_READ | C.R_FD_SEEK);
  s.mem.range(result, 4);
  s.mem.setU32(result, vectors(s.mem, d, false, iovs, count, offsetOf(offset)));
  return 0;
}

export function fd_pwrite(
  s: State,
  fd: number,
  iovs: number,
  count: number,
  offset: bigint,
  result: number,
): number {
  const d = s.fds.get(fd, C.R_FD_WRITE | C.R_FD_SEEK);
  s.mem.range(result, 4);
  s.mem.setU32(result, vectors(s.mem, d, true, iovs, count, offsetOf(offset)));
  return 0;
}
