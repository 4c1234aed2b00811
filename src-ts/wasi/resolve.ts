/**
 * Guest path resolution: the sandbox.
 *
 * A guest path is walked component by component from a directory the guest holds, on an explicit stack of open
 * directories. Each step opens `/proc/self/fd/<dir>/<name>` with O_NOFOLLOW, so the host never follows a
 * symbolic link for the guest and a directory renamed meanwhile cannot move the walk outside. Links are read and
 * their components put in front of the rest of the path. `..` pops the stack; above its bottom, and for absolute
 * paths and links, the walk stops with ENOTCAPABLE. After LINK_LIMIT links it stops with ELOOP.
 *
 * The result names the last component inside an open directory. It is not followed: callers use calls that do not
 * follow it (O_NOFOLLOW, lstat, …). Where /proc is missing, host paths of the walked directories are used instead;
 * the checks are the same, but another process can then race them.
 */
import * as fs from 'node:fs';
import type { Descriptor } from './descriptors.ts';
import {
  EINVAL,
  ELOOP,
  ENAMETOOLONG,
  ENOENT,
  ENOTCAPABLE,
  ENOTDIR,
  fail,
  nodeCode,
} from './errno.ts';

const LINK_LIMIT = 40;
/** PATH_MAX; it also bounds the components waiting while links are expanded. */
const LENGTH_LIMIT = 4096;
/** Linux's O_PATH, which Node does not name: a handle for walking only, needing no read permission. */
const O_PATH = 0o10000000;
const OPEN_STEP = O_PATH | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW;

const haveProc = process.platform === 'linux' && fs.existsSync('/proc/self/fd');

/** A link in the last place is followed. */
export const FOLLOW = 1;
/** A `/` at the end is dropped rather than taken as "must be a directory" (making, removing, renaming directories). */
export const STRIP_SLASH = 2;

/** The place a guest path leads to: `hostPath` is for calls that do not follow a link in its last component. */
export interface Place {
  readonly hostPath: string;
  /** The same for naming children later: never passed to the host when /proc is there. */
  readonly walkedPath: string;
  /** The guest path ended in `/`. */
  readonly slash: boolean;
}

interface Step {
  readonly fd: number;
  readonly path: string;
}

function at(dir: Step, name: string): string {
  return haveProc ? `/proc/self/fd/${dir.fd}/${name}` : `${dir.path}/${name}`;
}

/** Target of the link `name` in `dir`, or null if it is no link. */
function readLink(dir: Step, name: string): string | null {
  try {
    return fs.readlinkSync(at(dir, name));
  } catch (error) {
    if (nodeCode(error) === 'EINVAL') return null;
    throw error;
  }
}

function split(path: string): string[] {
  if (path.startsWith('/')) fail(ENOTCAPABLE);
  return path.split('/').reverse();
}

class Walk {
  readonly #stack: Step[];
  /** Components still to be walked, the next one last. */
  readonly #rest: string[];
  readonly #follow: boolean;
  #links = 0;
  #length: number;

  constructor(root: Descriptor, path: string, follow: boolean) {
    this.#stack = [{ fd: root.hostFd, path: root.hostPath }];
    this.#rest = split(path);
    this.#length = path.length;
    this.#follow = follow;
  }

  get #top(): Step {
    return this.#stack[this.#stack.length - 1] as Step;
  }

  /** Walks to the last component; returns its name in the top directory ('.' for that directory itself). */
  run(): Step & { name: string } {
    for (;;) {
      const name = this.#rest.pop();
      if (name === undefined) return { ...this.#top, name: '.' };
      if (name === '' || name === '.') continue;
      if (name === '..') this.#pop();
      else if (this.#rest.length > 0) this.#enter(name);
      else if (!this.#follow || !this.#expand(name)) return { ...this.#top, name };
    }
  }

  #pop(): void {
    if (this.#stack.length === 1) fail(ENOTCAPABLE);
    fs.closeSync((this.#stack.pop() as Step).fd);
  }

  #enter(name: string): void {
    const dir = this.#top;
    try {
      const fd = fs.openSync(at(dir, name), OPEN_STEP);
      this.#stack.push({ fd, path: `${dir.path}/${name}` });
    } catch (error) {
      const code = nodeCode(error);
      if (code !== 'ENOTDIR' && code !== 'ELOOP') throw error;
      if (!this.#expand(name)) fail(ENOTDIR);
    }
  }

  /** If `name` is a link, puts its target in front of the rest of the path and returns true. */
  #expand(name: string): boolean {
    let target: string | null;
    try {
      target = readLink(this.#top, name);
    } catch (error) {
      if (nodeCode(error) === 'ENOENT' && this.#rest.length === 0) return false;
      throw error;
    }
    if (target === null) return false;
    if (++this.#links > LINK_LIMIT) fail(ELOOP);
    this.#length += target.length;
    if (this.#length > LENGTH_LIMIT * LINK_LIMIT) fail(ENAMETOOLONG);
    for (const part of split(target)) this.#rest.push(part);
    return true;
  }

  /** Closes the directories opened on the way, never the guest's own. */
  close(): void {
    for (let i = this.#stack.length - 1; i > 0; i--) fs.closeSync((this.#stack[i] as Step).fd);
    this.#stack.length = 1;
  }
}

/**
 * Resolves `path` below `root` and hands the place to `use` while the directories on the way are open.
 * Fails with ENOTCAPABLE, ELOOP, ENOENT, ENOTDIR, ENAMETOOLONG or the host's error.
 */
export function withPath<T>(
  root: Descriptor,
  path: string,
  flags: number,
  use: (place: Place) => T,
): T {
  if (path === '') fail(ENOENT);
  if (path.length > LENGTH_LIMIT) fail(ENAMETOOLONG);
  const slash = path.endsWith('/');
  const walked = slash && (flags & STRIP_SLASH) !== 0 ? path.replace(/\/+$/, '') : path;
  if (walked === '' || walked.includes('\0')) fail(walked === '' ? ENOTCAPABLE : EINVAL);
  const walk = new Walk(root, walked, (flags & FOLLOW) !== 0);
  try {
    const end = walk.run();
    return use({ hostPath: at(end, end.name), walkedPath: `${end.path}/${end.name}`, slash });
  } finally {
    walk.close();
  }
}
