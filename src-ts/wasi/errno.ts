/**
 * WASI preview 1 `errno` values (snapshot_preview1 witx, `$errno`) and the mapping from Node's error codes.
 *
 * A call that fails below the top level throws a {@link Errno}; the binding turns it into the returned number.
 */
export const SUCCESS = 0;
export const E2BIG = 1;
export const EACCES = 2;
export const EAGAIN = 6;
export const EBADF = 8;
export const EBUSY = 10;
export const EEXIST = 20;
export const EFAULT = 21;
export const EFBIG = 22;
export const EILSEQ = 25;
export const EINVAL = 28;
export const EIO = 29;
export const EISDIR = 31;
export const ELOOP = 32;
export const EMFILE = 33;
export const EMLINK = 34;
export const ENAMETOOLONG = 37;
export const ENFILE = 41;
export const ENODEV = 43;
export const ENOENT = 44;
export const ENOMEM = 48;
export const ENOSPC = 51;
export const ENOSYS = 52;
export const ENOTDIR = 54;
export const ENOTEMPTY = 55;
export const ENOTSUP = 58;
export const ENXIO = 60;
export const EOVERFLOW = 61;
export const EPERM = 63;
export const EPIPE = 64;
export const ERANGE = 68;
export const EROFS = 69;
export const ESPIPE = 70;
export const ETIMEDOUT = 73;
export const ETXTBSY = 74;
export const EXDEV = 75;
export const ENOTCAPABLE = 76;

const byNodeCode: Readonly<Record<string, number>> = {
  E2BIG,
  EACCES,
  EAGAIN,
  EBADF,
  EBUSY,
  EDQUOT: 19,
  EEXIST,
  EFAULT,
  EFBIG,
  EILSEQ,
  EINTR: 27,
  EINVAL,
  EIO,
  EISDIR,
  ELOOP,
  EMFILE,
  EMLINK,
  ENAMETOOLONG,
  ENFILE,
  ENODEV,
  ENOENT,
  ENOMEM,
  ENOSPC,
  ENOSYS,
  ENOTDIR,
  ENOTEMPTY,
  ENOTSUP,
  EOPNOTSUPP: ENOTSUP,
  ENXIO,
  EOVERFLOW,
  EPERM,
  EPIPE,
  ERANGE,
  EROFS,
  ESPIPE,
  ESTALE: 72,
  ETIMEDOUT,
  ETXTBSY,
  EXDEV,
  ERR_INVALID_ARG_VALUE: EINVAL,
  ERR_INVALID_ARG_TYPE: EINVAL,
  ERR_OUT_OF_RANGE: EINVAL,
};

/** A WASI error on its way to the guest. Not an `Error`: it needs no stack trace and never leaves `src-ts/wasi`. */
export class Errno {
  readonly errno: number;
  constructor(errno: number) {
    this.errno = errno;
  }
}

/** Fails the current call with `errno`. */
export function fail(errno: number): never {
  throw new Errno(errno);
}

/** The code of a Node system error (`'ENOENT'`), or '' for anything else. */
export function nodeCode(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : '';
}

/**
 * The number to return to the guest for something caught at the top of a call.
 * What is neither ours nor the system's (an exit, a defect) is thrown on.
 */
export function errnoOf(error: unknown): number {
  if (error instanceof Errno) return error.errno;
  const code = nodeCode(error);
  if (code === '') throw error;
  return byNodeCode[code] ?? EIO;
}
