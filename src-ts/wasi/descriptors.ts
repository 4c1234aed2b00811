/**
 * The guest's file descriptors.
 *
 * Node has no lseek, so the position of a seekable file is kept here and every access names its offset
 * (pread/pwrite). `position` is KERNEL_POSITION where the host's own position must be used: streams, and
 * inherited standard files until the guest first seeks them.
 */
import * as fs from 'node:fs';
import * as C from './constants.ts';
import { EBADF, EMFILE, ENOTCAPABLE, fail } from './errno.ts';

export const KERNEL_POSITION = -1;
const MAX_DESCRIPTORS = 1 << 16;

/** One entry of a directory listing taken by `fd_readdir` at cookie 0. */
export interface ListedEntry {
  readonly name: Uint8Array;
  readonly ino: bigint;
  readonly type: number;
}

export interface Descriptor {
  /** The host's descriptor. */
  hostFd: number;
  /** Host path at opening; used only to name children where /proc is missing. */
  readonly hostPath: string;
  readonly type: number;
  rights: number;
  inheriting: number;
  /** $fdflags */
  flags: number;
  position: number;
  /** Guest name, UTF-8, of a preopened directory; otherwise null. */
  readonly preopen: Uint8Array | null;
  /** Standard streams belong to the process and stay open there. */
  readonly owned: boolean;
  listing: readonly ListedEntry[] | null;
}

/** $filetype of a host file. */
export function fileType(
  stat: fs.StatsBase<number | bigint> | fs.Dirent | fs.Dirent<Buffer>,
): number {
  if (stat.isFile()) return C.FT_REGULAR_FILE;
  if (stat.isDirectory()) return C.FT_DIRECTORY;
  if (stat.isSymbolicLink()) return C.FT_SYMBOLIC_LINK;
  if (stat.isCharacterDevice()) return C.FT_CHARACTER_DEVICE;
  if (stat.isBlockDevice()) return C.FT_BLOCK_DEVICE;
  return stat.isSocket() ? C.FT_SOCKET_STREAM : C.FT_UNKNOWN;
}

/** The most a file of this type can be allowed. */
export function rightsOfType(type: number): number {
  if (type === C.FT_DIRECTORY) return C.RIGHTS_DIRECTORY;
  if (type === C.FT_REGULAR_FILE || type === C.FT_BLOCK_DEVICE) return C.RIGHTS_FILE;
  return C.RIGHTS_STREAM;
}

export class DescriptorTable {
  readonly #slots: (Descriptor | undefined)[] = [];

  /** The descriptor `fd`, which must hold all of `rights`. Fails with EBADF or ENOTCAPABLE. */
  get(fd: number, rights: number): Descriptor {
    const d = this.#slots[fd >>> 0];
    if (d === undefined) fail(EBADF);
    if ((d.rights & rights) !== rights) fail(ENOTCAPABLE);
    return d;
  }

  /** Puts `d` into the lowest free slot and returns its number. */
  add(d: Descriptor): number {
    let fd = this.#slots.indexOf(undefined);
    if (fd < 0) fd = this.#slots.length;
    if (fd >= MAX_DESCRIPTORS) fail(EMFILE);
    this.#slots[fd] = d;
    return fd;
  }

  /** Frees `fd` and closes its host file. */
  close(fd: number): void {
    const d = this.get(fd, 0);
    this.#slots[fd >>> 0] = undefined;
    if (d.owned) fs.closeSync(d.hostFd);
  }

  /** Moves `from` onto the open `to`, which is closed. */
  renumber(from: number, to: number): void {
    const d = this.get(from, 0);
    this.get(to, 0);
    if (from === to) return;
    this.close(to);
    this.#slots[to >>> 0] = d;
    this.#slots[from >>> 0] = undefined;
  }

  /** Closes everything that was opened for the guest; the process's standard streams stay open. */
  closeAll(): void {
    for (let fd = 0; fd < this.#slots.length; fd++) {
      if (this.#slots[fd] !== undefined) this.close(fd);
    }
  }
}

/** A descriptor for a host file that the process already has open (standard input, output, error). */
export function inherited(hostFd: number): Descriptor {
  const type = fileType(fs.fstatSync(hostFd));
  const rights = rightsOfType(type);
  return {
    hostFd,
    hostPath: '',
    type,
    rights,
    inheriting: 0,
    flags: 0,
    position: KERNEL_POSITION,
    preopen: null,
    owned: false,
    listing: null,
  };
}

/** A descriptor for a directory of the host that the guest sees as `guestName`. Throws Node's error if it can not be opened. */
export function preopened(guestName: string, hostPath: string): Descriptor {
  const path = fs.realpathSync(hostPath);
  return {
    hostFd: fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY),
    hostPath: path,
    type: C.FT_DIRECTORY,
    rights: C.RIGHTS_DIRECTORY,
    inheriting: C.RIGHTS_ALL,
    flags: 0,
    position: 0,
    preopen: new TextEncoder().encode(guestName),
    owned: true,
    listing: null,
  };
}
