/** The path_* calls of WASI preview 1. Every path goes through {@link withPath}, which keeps it in its directory. */
import * as fs from 'node:fs';
import * as C from './constants.ts';
import { type Descriptor, fileType, KERNEL_POSITION, rightsOfType } from './descriptors.ts';
import { EINVAL, EISDIR, ENOTCAPABLE, ENOTDIR, fail } from './errno.ts';
import { newTimes, putFilestat } from './fd.ts';
import { FOLLOW, type Place, STRIP_SLASH, withPath } from './resolve.ts';
import type { State } from './state.ts';

const H = fs.constants;

/** Node names O_DSYNC and O_SYNC; Linux's O_RSYNC is O_SYNC. */
function hostFlags(oflags: number, fdflags: number, read: boolean, write: boolean): number {
  let flags = H.O_NOFOLLOW | (write ? (read ? H.O_RDWR : H.O_WRONLY) : H.O_RDONLY);
  if ((oflags & C.O_CREAT) !== 0) flags |= H.O_CREAT;
  if ((oflags & C.O_DIRECTORY) !== 0) flags |= H.O_DIRECTORY;
  if ((oflags & C.O_EXCL) !== 0) flags |= H.O_EXCL;
  if ((oflags & C.O_TRUNC) !== 0) flags |= H.O_TRUNC;
  if ((fdflags & C.FDFLAG_APPEND) !== 0) flags |= H.O_APPEND;
  if ((fdflags & C.FDFLAG_DSYNC) !== 0) flags |= H.O_DSYNC;
  if ((fdflags & C.FDFLAG_NONBLOCK) !== 0) flags |= H.O_NONBLOCK;
  if ((fdflags & (C.FDFLAG_SYNC | C.FDFLAG_RSYNC)) !== 0) flags |= H.O_SYNC;
  return flags;
}

/** Wraps a freshly opened host file, its rights cut to what its type can have. */
function opened(
  hostFd: number,
  hostPath: string,
  rights: number,
  inherit: number,
  flags: number,
): Descriptor {
  const type = fileType(fs.fstatSync(hostFd));
  const seekable = type === C.FT_REGULAR_FILE || type === C.FT_BLOCK_DEVICE;
  return {
    hostFd,
    hostPath,
    type,
    rights: rights & rightsOfType(type),
    inheriting: type === C.FT_DIRECTORY ? inherit : 0,
    flags,
    position: seekable || type === C.FT_DIRECTORY ? 0 : KERNEL_POSITION,
    preopen: null,
    owned: true,
    listing: null,
  };
}

function neededRights(oflags: number): number {
  let needed = C.R_PATH_OPEN;
  if ((oflags & C.O_CREAT) !== 0) needed |= C.R_PATH_CREATE_FILE;
  if ((oflags & C.O_TRUNC) !== 0) needed |= C.R_PATH_FILESTAT_SET_SIZE;
  return needed;
}

export function path_open(
  s: State,
  dirFd: number,
  dirflags: number,
  pathPtr: number,
  pathLen: number,
  oflags: number,
  base: bigint,
  inheriting: bigint,
  fdflags: number,
  result: number,
): number {
  const dir = s.fds.get(dirFd, neededRights(oflags));
  const rights = Number(base & BigInt(C.RIGHTS_ALL));
  const inherit = Number(inheriting & BigInt(C.RIGHTS_ALL));
  if (((rights | inherit) & ~dir.inheriting) !== 0) return ENOTCAPABLE;
  if ((oflags & ~15) !== 0 || (fdflags & ~31) !== 0) return EINVAL;
  if ((oflags & C.O_CREAT) !== 0 && (oflags & C.O_DIRECTORY) !== 0) return EINVAL;
  s.mem.range(result, 4);
  const path = s.mem.string(pathPtr, pathLen);
  const read = (rights & (C.R_FD_READ | C.R_FD_READDIR)) !== 0;
  const modify = C.R_FD_WRITE | C.R_FD_DATASYNC | C.R_FD_ALLOCATE | C.R_FD_FILESTAT_SET_SIZE;
  const write = (rights & modify) !== 0;
  const exclusive = (oflags & (C.O_CREAT | C.O_EXCL)) === (C.O_CREAT | C.O_EXCL);
  const follow = (dirflags & C.LOOKUP_SYMLINK_FOLLOW) !== 0 && !exclusive ? FOLLOW : 0;
  const d = withPath(dir, path, follow, (place) => {
    if (place.slash && (oflags & C.O_CREAT) !== 0) fail(EISDIR);
    const fd = fs.openSync(place.hostPath, hostFlags(oflags, fdflags, read, write), 0o666);
    return opened(fd, place.walkedPath, rights, inherit, fdflags);
  });
  try {
    s.mem.setU32(result, s.fds.add(d));
  } catch (error) {
    fs.closeSync(d.hostFd);
    throw error;
  }
  return 0;
}

export function path_create_directory(s: State, fd: number, ptr: number, len: number): number {
  const dir = s.fds.get(fd, C.R_PATH_CREATE_DIRECTORY);
  withPath(dir, s.mem.string(ptr, len), STRIP_SLASH, (place) =>
    fs.mkdirSync(place.hostPath, 0o777),
  );
  return 0;
}

export function path_remove_directory(s: State, fd: number, ptr: number, len: number): number {
  const dir = s.fds.get(fd, C.R_PATH_REMOVE_DIRECTORY);
  withPath(dir, s.mem.string(ptr, len), STRIP_SLASH, (place) => fs.rmdirSync(place.hostPath));
  return 0;
}

export function path_unlink_file(s: State, fd: number, ptr: number, len: number): number {
  const dir = s.fds.get(fd, C.R_PATH_UNLINK_FILE);
  withPath(dir, s.mem.string(ptr, len), 0, (place) => {
    // unlink(2) of a directory gives EISDIR on Linux; elsewhere it can be EPERM.
    if (fs.lstatSync(place.hostPath).isDirectory()) fail(EISDIR);
    fs.unlinkSync(place.hostPath);
  });
  return 0;
}

function followFlag(flags: number): number {
  return (flags & C.LOOKUP_SYMLINK_FOLLOW) !== 0 ? FOLLOW : 0;
}

export function path_filestat_get(
  s: State,
  fd: number,
  flags: number,
  ptr: number,
  len: number,
  result: number,
): number {
  const dir = s.fds.get(fd, C.R_PATH_FILESTAT_GET);
  s.mem.range(result, 64);
  withPath(dir, s.mem.string(ptr, len), followFlag(flags), (place) =>
    putFilestat(s, result, fs.lstatSync(place.hostPath, { bigint: true })),
  );
  return 0;
}

export function path_filestat_set_times(
  s: State,
  fd: number,
  flags: number,
  ptr: number,
  len: number,
  atim: bigint,
  mtim: bigint,
  fstflags: number,
): number {
  const dir = s.fds.get(fd, C.R_PATH_FILESTAT_SET_TIMES);
  withPath(dir, s.mem.string(ptr, len), followFlag(flags), (place) => {
    const [a, m] = newTimes(fs.lstatSync(place.hostPath, { bigint: true }), atim, mtim, fstflags);
    fs.lutimesSync(place.hostPath, a, m);
  });
  return 0;
}

/** A path with `/` at its end can only mean a directory. */
function requireDirectory(place: Place): void {
  if (place.slash && !fs.lstatSync(place.hostPath).isDirectory()) fail(ENOTDIR);
}

export function path_rename(
  s: State,
  oldFd: number,
  oldPtr: number,
  oldLen: number,
  newFd: number,
  newPtr: number,
  newLen: number,
): number {
  const oldDir = s.fds.get(oldFd, C.R_PATH_RENAME_SOURCE);
  const newDir = s.fds.get(newFd, C.R_PATH_RENAME_TARGET);
  const oldPath = s.mem.string(oldPtr, oldLen);
  const newPath = s.mem.string(newPtr, newLen);
  withPath(oldDir, oldPath, STRIP_SLASH, (from) =>
    withPath(newDir, newPath, STRIP_SLASH, (to) => {
      requireDirectory(from);
      if (to.slash && !fs.lstatSync(from.hostPath).isDirectory()) fail(ENOTDIR);
      fs.renameSync(from.hostPath, to.hostPath);
    }),
  );
  return 0;
}

export function path_link(
  s: State,
  oldFd: number,
  oldFlags: number,
  oldPtr: number,
  oldLen: number,
  newFd: number,
  newPtr: number,
  newLen: number,
): number {
  const oldDir = s.fds.get(oldFd, C.R_PATH_LINK_SOURCE);
  const newDir = s.fds.get(newFd, C.R_PATH_LINK_TARGET);
  const oldPath = s.mem.string(oldPtr, oldLen);
  const newPath = s.mem.string(newPtr, newLen);
  withPath(oldDir, oldPath, followFlag(oldFlags), (from) =>
    withPath(newDir, newPath, 0, (to) => fs.linkSync(from.hostPath, to.hostPath)),
  );
  return 0;
}

export function path_symlink(
  s: State,
  targetPtr: number,
  targetLen: number,
  fd: number,
  ptr: number,
  len: number,
): number {
  const dir = s.fds.get(fd, C.R_PATH_SYMLINK);
  const target = s.mem.string(targetPtr, targetLen);
  // The guest could never follow it, but a program of the host might.
  if (target.startsWith('/')) return ENOTCAPABLE;
  withPath(dir, s.mem.string(ptr, len), 0, (place) => fs.symlinkSync(target, place.hostPath));
  return 0;
}

export function path_readlink(
  s: State,
  fd: number,
  ptr: number,
  len: number,
  buf: number,
  bufLen: number,
  result: number,
): number {
  const dir = s.fds.get(fd, C.R_PATH_READLINK);
  const p = s.mem.range(buf, bufLen);
  s.mem.range(result, 4);
  const target = withPath(dir, s.mem.string(ptr, len), 0, (place) =>
    fs.readlinkSync(place.hostPath, { encoding: 'buffer' }),
  );
  const n = Math.min(target.length, bufLen >>> 0);
  s.mem.u8.set(target.subarray(0, n), p);
  s.mem.setU32(result, n);
  return 0;
}
