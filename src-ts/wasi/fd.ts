/** The fd_* calls of WASI preview 1 that do not move file contents (those are in io.ts). */
import * as fs from 'node:fs';
import * as C from './constants.ts';
import { type Descriptor, fileType, KERNEL_POSITION, type ListedEntry } from './descriptors.ts';
import {
  EBADF,
  EINVAL,
  ENAMETOOLONG,
  ENOTCAPABLE,
  ENOTDIR,
  ENOTSUP,
  ESPIPE,
  fail,
} from './errno.ts';
import { offsetOf } from './io.ts';
import type { State } from './state.ts';

const DIRENT_SIZE = 24;

export function fd_close(s: State, fd: number): number {
  s.fds.close(fd);
  return 0;
}

export function fd_renumber(s: State, from: number, to: number): number {
  s.fds.renumber(from, to);
  return 0;
}

export function fd_advise(
  s: State,
  fd: number,
  offset: bigint,
  len: bigint,
  advice: number,
): number {
  const d = s.fds.get(fd, C.R_FD_ADVISE);
  if (d.type === C.FT_DIRECTORY) return EBADF;
  return offset < 0n || len < 0n || advice >>> 0 > 5 ? EINVAL : 0;
}

export function fd_allocate(s: State, fd: number, offset: bigint, len: bigint): number {
  const d = s.fds.get(fd, C.R_FD_ALLOCATE);
  if (offset < 0n || len <= 0n) return EINVAL;
  const end = offsetOf(offset + len);
  if (fs.fstatSync(d.hostFd).size < end) fs.ftruncateSync(d.hostFd, end);
  return 0;
}

export function fd_datasync(s: State, fd: number): number {
  fs.fdatasyncSync(s.fds.get(fd, C.R_FD_DATASYNC).hostFd);
  return 0;
}

export function fd_sync(s: State, fd: number): number {
  fs.fsyncSync(s.fds.get(fd, C.R_FD_SYNC).hostFd);
  return 0;
}

export function fd_fdstat_get(s: State, fd: number, result: number): number {
  const d = s.fds.get(fd, 0);
  const p = s.mem.range(result, 24);
  const view = s.mem.view;
  view.setUint8(p, d.type);
  view.setUint8(p + 1, 0);
  view.setUint16(p + 2, d.flags, true);
  view.setUint32(p + 4, 0, true);
  view.setBigUint64(p + 8, BigInt(d.rights), true);
  view.setBigUint64(p + 16, BigInt(d.inheriting), true);
  return 0;
}

export function fd_fdstat_set_flags(s: State, fd: number, flags: number): number {
  const d = s.fds.get(fd, C.R_FD_FDSTAT_SET_FLAGS);
  if ((flags & ~(C.FDFLAG_APPEND | C.FDFLAG_NONBLOCK)) !== 0) return ENOTSUP;
  if (((d.flags ^ flags) & C.FDFLAG_APPEND) !== 0 && d.type === C.FT_REGULAR_FILE) {
    if (!d.owned) return ENOTSUP;
    reopen(d, flags);
  }
  d.flags = flags;
  return 0;
}

/** Node has no fcntl: opens the same file again with or without O_APPEND. */
function reopen(d: Descriptor, flags: number): void {
  const { O_APPEND, O_RDONLY, O_RDWR, O_WRONLY } = fs.constants;
  const write = (d.rights & C.R_FD_WRITE) !== 0;
  const access = write ? ((d.rights & C.R_FD_READ) !== 0 ? O_RDWR : O_WRONLY) : O_RDONLY;
  const append = (flags & C.FDFLAG_APPEND) !== 0 ? O_APPEND : 0;
  const fd = fs.openSync(`/proc/self/fd/${d.hostFd}`, access | append);
  fs.closeSync(d.hostFd);
  d.hostFd = fd;
}

export function fd_fdstat_set_rights(
  s: State,
  fd: number,
  base: bigint,
  inheriting: bigint,
): number {
  const d = s.fds.get(fd, 0);
  const b = Number(base & 0xffffffffn) | 0;
  const i = Number(inheriting & 0xffffffffn) | 0;
  if (base >> 30n !== 0n || inheriting >> 30n !== 0n) return ENOTCAPABLE;
  if ((b & ~d.rights) !== 0 || (i & ~d.inheriting) !== 0) return ENOTCAPABLE;
  d.rights = b;
  d.inheriting = i;
  return 0;
}

/** Writes a $filestat. */
export function putFilestat(s: State, result: number, stat: fs.BigIntStats): void {
  const p = s.mem.range(result, 64);
  const view = s.mem.view;
  view.setBigUint64(p, stat.dev, true);
  view.setBigUint64(p + 8, stat.ino, true);
  view.setBigUint64(p + 16, BigInt(fileType(stat)), true);
  view.setBigUint64(p + 24, stat.nlink, true);
  view.setBigUint64(p + 32, stat.size, true);
  view.setBigUint64(p + 40, stat.atimeNs, true);
  view.setBigUint64(p + 48, stat.mtimeNs, true);
  view.setBigUint64(p + 56, stat.ctimeNs, true);
}

export function fd_filestat_get(s: State, fd: number, result: number): number {
  const d = s.fds.get(fd, C.R_FD_FILESTAT_GET);
  putFilestat(s, result, fs.fstatSync(d.hostFd, { bigint: true }));
  return 0;
}

export function fd_filestat_set_size(s: State, fd: number, size: bigint): number {
  const d = s.fds.get(fd, C.R_FD_FILESTAT_SET_SIZE);
  fs.ftruncateSync(d.hostFd, offsetOf(size));
  return 0;
}

/** Access and modification time in seconds, from $fstflags and the times a file has now. */
export function newTimes(
  now: fs.BigIntStats,
  atim: bigint,
  mtim: bigint,
  flags: number,
): [number, number] {
  const bothA = C.FST_ATIM | C.FST_ATIM_NOW;
  const bothM = C.FST_MTIM | C.FST_MTIM_NOW;
  if ((flags & bothA) === bothA || (flags & bothM) === bothM || (flags & ~15) !== 0) fail(EINVAL);
  const pick = (given: number, current: number, time: bigint, old: bigint): number => {
    if ((flags & current) !== 0) return Date.now() / 1000;
    return Number((flags & given) !== 0 ? BigInt.asUintN(64, time) : old) / 1e9;
  };
  return [
    pick(C.FST_ATIM, C.FST_ATIM_NOW, atim, now.atimeNs),
    pick(C.FST_MTIM, C.FST_MTIM_NOW, mtim, now.mtimeNs),
  ];
}

export function fd_filestat_set_times(
  s: State,
  fd: number,
  atim: bigint,
  mtim: bigint,
  flags: number,
): number {
  const d = s.fds.get(fd, C.R_FD_FILESTAT_SET_TIMES);
  const [a, m] = newTimes(fs.fstatSync(d.hostFd, { bigint: true }), atim, mtim, flags);
  fs.futimesSync(d.hostFd, a, m);
  return 0;
}

export function fd_prestat_get(s: State, fd: number, result: number): number {
  const d = s.fds.get(fd, 0);
  if (d.preopen === null) return EBADF;
  const p = s.mem.range(result, 8);
  s.mem.view.setUint32(p, 0, true);
  s.mem.view.setUint32(p + 4, d.preopen.length, true);
  return 0;
}

export function fd_prestat_dir_name(s: State, fd: number, path: number, len: number): number {
  const d = s.fds.get(fd, 0);
  if (d.preopen === null) return EBADF;
  if (len >>> 0 < d.preopen.length) return ENAMETOOLONG;
  s.mem.u8.set(d.preopen, s.mem.range(path, len));
  return 0;
}

/** The host's own position of an inherited file, which Node cannot ask for. */
function kernelPosition(d: Descriptor): number {
  const info = fs.readFileSync(`/proc/self/fdinfo/${d.hostFd}`, 'latin1');
  return Number(/^pos:\s*(\d+)/m.exec(info)?.[1] ?? fail(ESPIPE));
}

/** Fails with ESPIPE for streams; takes over the position of an inherited file. */
function positionOf(d: Descriptor): number {
  if (d.type !== C.FT_REGULAR_FILE && d.type !== C.FT_BLOCK_DEVICE) fail(ESPIPE);
  if (d.position === KERNEL_POSITION) d.position = kernelPosition(d);
  return d.position;
}

export function fd_seek(
  s: State,
  fd: number,
  offset: bigint,
  whence: number,
  result: number,
): number {
  // A position can be asked for with the right to tell it alone.
  const telling = offset === 0n && whence === C.SEEK_CUR;
  const d = s.fds.get(fd, telling ? C.R_FD_TELL : C.R_FD_SEEK | C.R_FD_TELL);
  s.mem.range(result, 8);
  let base = positionOf(d);
  if (whence === C.SEEK_SET) base = 0;
  else if (whence === C.SEEK_END) base = fs.fstatSync(d.hostFd).size;
  else if (whence !== C.SEEK_CUR) return EINVAL;
  d.position = offsetOf(BigInt(base) + offset);
  s.mem.setU64(result, BigInt(d.position));
  return 0;
}

export function fd_tell(s: State, fd: number, result: number): number {
  const d = s.fds.get(fd, C.R_FD_TELL);
  s.mem.setU64(result, BigInt(positionOf(d)));
  return 0;
}

/** The directory's entries, `.` and `..` first, the rest in byte order of their names. */
function list(d: Descriptor): ListedEntry[] {
  const path = fs.existsSync('/proc/self/fd') ? `/proc/self/fd/${d.hostFd}` : d.hostPath;
  const self = fs.fstatSync(d.hostFd, { bigint: true });
  const entries: ListedEntry[] = ['.', '..'].map((name) => ({
    name: Buffer.from(name),
    // The guest learns nothing about the parent of a directory it holds.
    ino: self.ino,
    type: C.FT_DIRECTORY,
  }));
  const found = fs.readdirSync(path, { withFileTypes: true, encoding: 'buffer' });
  found.sort((a, b) => Buffer.compare(a.name, b.name));
  for (const entry of found) {
    const child = Buffer.concat([Buffer.from(`${path}/`), entry.name]);
    const stat = fs.lstatSync(child, { bigint: true, throwIfNoEntry: false });
    entries.push({ name: entry.name, ino: stat?.ino ?? 0n, type: fileType(entry) });
  }
  return entries;
}

export function fd_readdir(
  s: State,
  fd: number,
  buf: number,
  bufLen: number,
  cookie: bigint,
  result: number,
): number {
  const d = s.fds.get(fd, C.R_FD_READDIR);
  if (d.type !== C.FT_DIRECTORY) return ENOTDIR;
  const start = s.mem.range(buf, bufLen);
  const end = start + (bufLen >>> 0);
  s.mem.range(result, 4);
  if (cookie === 0n || d.listing === null) d.listing = list(d);
  let p = start;
  const head = new DataView(new ArrayBuffer(DIRENT_SIZE));
  for (let i = offsetOf(cookie); i < d.listing.length && p < end; i++) {
    const entry = d.listing[i] as ListedEntry;
    head.setBigUint64(0, BigInt(i + 1), true);
    head.setBigUint64(8, entry.ino, true);
    head.setUint32(16, entry.name.length, true);
    head.setUint8(20, entry.type);
    p += copyFitting(s.mem.u8, p, end, new Uint8Array(head.buffer));
    p += copyFitting(s.mem.u8, p, end, entry.name);
  }
  s.mem.setU32(result, p - start);
  return 0;
}

/** Copies as much of `bytes` as fits before `end`; the guest reads a cut entry again with a larger buffer. */
function copyFitting(u8: Uint8Array, p: number, end: number, bytes: Uint8Array): number {
  const n = Math.min(bytes.length, end - p);
  u8.set(bytes.subarray(0, n), p);
  return n;
}
