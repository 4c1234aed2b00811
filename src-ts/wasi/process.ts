/** Arguments, environment, clocks, randomness, polling, exit; and the socket calls, which are not supported. */
import { randomFillSync } from 'node:crypto';
import * as C from './constants.ts';
import { EINVAL, ENOSYS, ENOTSUP, errnoOf, fail } from './errno.ts';
import { sleep } from './io.ts';
import { Exit, type State } from './state.ts';

function sizes(s: State, strings: readonly Uint8Array[], count: number, bytes: number): number {
  s.mem.range(bytes, 4);
  s.mem.setU32(count, strings.length);
  s.mem.setU32(
    bytes,
    strings.reduce((sum, text) => sum + text.length, 0),
  );
  return 0;
}

/** Pointers to `table`, the strings one after another to `buffer`. */
function strings(s: State, list: readonly Uint8Array[], table: number, buffer: number): number {
  let slot = s.mem.range(table, list.length * 4);
  let p = buffer >>> 0;
  for (const text of list) {
    s.mem.u8.set(text, s.mem.range(p, text.length));
    s.mem.view.setUint32(slot, p, true);
    p += text.length;
    slot += 4;
  }
  return 0;
}

export function args_sizes_get(s: State, count: number, bytes: number): number {
  return sizes(s, s.args, count, bytes);
}

export function args_get(s: State, table: number, buffer: number): number {
  return strings(s, s.args, table, buffer);
}

export function environ_sizes_get(s: State, count: number, bytes: number): number {
  return sizes(s, s.env, count, bytes);
}

export function environ_get(s: State, table: number, buffer: number): number {
  return strings(s, s.env, table, buffer);
}

/** Nanoseconds on a $clockid. */
function clock(id: number): bigint {
  switch (id) {
    case C.CLOCK_REALTIME:
      return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));
    case C.CLOCK_MONOTONIC:
      return process.hrtime.bigint();
    case C.CLOCK_PROCESS_CPUTIME:
    case C.CLOCK_THREAD_CPUTIME: {
      const { user, system } = process.cpuUsage();
      return BigInt(user + system) * 1000n;
    }
    default:
      return fail(EINVAL);
  }
}

export function clock_time_get(s: State, id: number, _precision: bigint, result: number): number {
  s.mem.setU64(result, clock(id));
  return 0;
}

export function clock_res_get(s: State, id: number, result: number): number {
  if (id >>> 0 > C.CLOCK_THREAD_CPUTIME) return EINVAL;
  s.mem.setU64(result, id === C.CLOCK_MONOTONIC ? 1n : 1000n);
  return 0;
}

export function random_get(s: State, buffer: number, len: number): number {
  const p = s.mem.range(buffer, len);
  const end = p + (len >>> 0);
  // randomFillSync takes less than 2 GiB.
  for (let at = p; at < end; at += 1 << 30) {
    randomFillSync(s.mem.u8, at, Math.min(end - at, 1 << 30));
  }
  return 0;
}

export function proc_exit(_s: State, code: number): never {
  throw new Exit(code >>> 0);
}

export function proc_raise(_s: State, _signal: number): number {
  return ENOSYS;
}

export function sched_yield(_s: State): number {
  return 0;
}

const SUBSCRIPTION_SIZE = 48;
const EVENT_SIZE = 32;

/** Nanoseconds until the clock subscription at `p` is due; 0 or less: due. */
function remaining(s: State, p: number): bigint {
  const view = s.mem.view;
  const id = view.getUint32(p + 16, true);
  const timeout = view.getBigUint64(p + 24, true);
  const absolute = (view.getUint16(p + 40, true) & C.SUBCLOCK_ABSTIME) !== 0;
  const now = clock(id);
  return absolute ? timeout - now : timeout;
}

/** What becomes ready first among the subscriptions: files at once, clocks after `wait` ns (null: no clock). */
function soonest(s: State, input: number, count: number): { files: boolean; wait: bigint | null } {
  let files = false;
  let wait: bigint | null = null;
  for (let p = input; p < input + count * SUBSCRIPTION_SIZE; p += SUBSCRIPTION_SIZE) {
    const type = s.mem.view.getUint8(p + 8);
    if (type > C.EVENT_FD_WRITE) fail(EINVAL);
    if (type !== C.EVENT_CLOCK) files = true;
    else {
      const due = remaining(s, p);
      if (wait === null || due < wait) wait = due;
    }
  }
  return { files, wait };
}

/** $errno of polling the descriptor of the subscription at `p`. */
function pollable(s: State, p: number): number {
  try {
    s.fds.get(s.mem.view.getUint32(p + 16, true), C.R_POLL_FD_READWRITE);
    return 0;
  } catch (error) {
    return errnoOf(error);
  }
}

/** Input and output may overlap: an event is shorter than a subscription and written only after that was read. */
export function poll_oneoff(
  s: State,
  inPtr: number,
  outPtr: number,
  count: number,
  result: number,
): number {
  const n = count >>> 0;
  if (n === 0 || n > 1 << 16) return EINVAL;
  const input = s.mem.range(inPtr, n * SUBSCRIPTION_SIZE);
  let out = s.mem.range(outPtr, n * EVENT_SIZE);
  const first = out;
  s.mem.range(result, 4);
  const { files, wait } = soonest(s, input, n);
  const slept = files || wait === null ? 0n : wait;
  if (slept > 0n) sleepNs(slept);
  const view = s.mem.view;
  for (let p = input; p < input + n * SUBSCRIPTION_SIZE; p += SUBSCRIPTION_SIZE) {
    const user = view.getBigUint64(p, true);
    const type = view.getUint8(p + 8);
    let errno = 0;
    if (type !== C.EVENT_CLOCK) errno = pollable(s, p);
    else if (!due(s, p, slept)) continue;
    s.mem.u8.fill(0, out, out + EVENT_SIZE);
    view.setBigUint64(out, user, true);
    view.setUint16(out + 8, errno, true);
    view.setUint8(out + 10, type);
    if (type !== C.EVENT_CLOCK && errno === 0) view.setBigUint64(out + 16, 1n, true);
    out += EVENT_SIZE;
  }
  s.mem.setU32(result, (out - first) / EVENT_SIZE);
  return 0;
}

/** Absolute deadlines are compared with the clock again; relative ones with the time slept. */
function due(s: State, p: number, slept: bigint): boolean {
  const absolute = (s.mem.view.getUint16(p + 40, true) & C.SUBCLOCK_ABSTIME) !== 0;
  return absolute ? remaining(s, p) <= 0n : remaining(s, p) <= slept;
}

/** Blocks at least `ns` nanoseconds. */
function sleepNs(ns: bigint): void {
  const end = process.hrtime.bigint() + ns;
  for (let left = ns; left > 0n; left = end - process.hrtime.bigint()) {
    sleep(Math.min(Number(left) / 1e6, 0x7fffffff));
  }
}

export function sock_accept(s: State, fd: number): number {
  s.fds.get(fd, 0);
  return ENOTSUP;
}

export function sock_recv(s: State, fd: number): number {
  s.fds.get(fd, 0);
  return ENOTSUP;
}

export function sock_send(s: State, fd: number): number {
  s.fds.get(fd, 0);
  return ENOTSUP;
}

export function sock_shutdown(s: State, fd: number): number {
  s.fds.get(fd, 0);
  return ENOTSUP;
}
