/** Constants of WASI preview 1 (snapshot_preview1 witx). Rights are bits 0..29, so they fit a JavaScript int. */

// $rights
export const R_FD_DATASYNC = 1 << 0;
export const R_FD_READ = 1 << 1;
export const R_FD_SEEK = 1 << 2;
export const R_FD_FDSTAT_SET_FLAGS = 1 << 3;
export const R_FD_SYNC = 1 << 4;
export const R_FD_TELL = 1 << 5;
export const R_FD_WRITE = 1 << 6;
export const R_FD_ADVISE = 1 << 7;
export const R_FD_ALLOCATE = 1 << 8;
export const R_PATH_CREATE_DIRECTORY = 1 << 9;
export const R_PATH_CREATE_FILE = 1 << 10;
export const R_PATH_LINK_SOURCE = 1 << 11;
export const R_PATH_LINK_TARGET = 1 << 12;
export const R_PATH_OPEN = 1 << 13;
export const R_FD_READDIR = 1 << 14;
export const R_PATH_READLINK = 1 << 15;
export const R_PATH_RENAME_SOURCE = 1 << 16;
export const R_PATH_RENAME_TARGET = 1 << 17;
export const R_PATH_FILESTAT_GET = 1 << 18;
export const R_PATH_FILESTAT_SET_SIZE = 1 << 19;
export const R_PATH_FILESTAT_SET_TIMES = 1 << 20;
export const R_FD_FILESTAT_GET = 1 << 21;
export const R_FD_FILESTAT_SET_SIZE = 1 << 22;
export const R_FD_FILESTAT_SET_TIMES = 1 << 23;
export const R_PATH_SYMLINK = 1 << 24;
export const R_PATH_REMOVE_DIRECTORY = 1 << 25;
export const R_PATH_UNLINK_FILE = 1 << 26;
export const R_POLL_FD_READWRITE = 1 << 27;
export const RIGHTS_ALL = (1 << 30) - 1;

/** What a regular file can ever be allowed. */
export const RIGHTS_FILE =
  R_FD_DATASYNC |
  R_FD_READ |
  R_FD_SEEK |
  R_FD_FDSTAT_SET_FLAGS |
  R_FD_SYNC |
  R_FD_TELL |
  R_FD_WRITE |
  R_FD_ADVISE |
  R_FD_ALLOCATE |
  R_FD_FILESTAT_GET |
  R_FD_FILESTAT_SET_SIZE |
  R_FD_FILESTAT_SET_TIMES |
  R_POLL_FD_READWRITE;

/** What a directory can ever be allowed. */
export const RIGHTS_DIRECTORY =
  R_FD_FDSTAT_SET_FLAGS |
  R_FD_SYNC |
  R_FD_ADVISE |
  R_PATH_CREATE_DIRECTORY |
  R_PATH_CREATE_FILE |
  R_PATH_LINK_SOURCE |
  R_PATH_LINK_TARGET |
  R_PATH_OPEN |
  R_FD_READDIR |
  R_PATH_READLINK |
  R_PATH_RENAME_SOURCE |
  R_PATH_RENAME_TARGET |
  R_PATH_FILESTAT_GET |
  R_PATH_FILESTAT_SET_SIZE |
  R_PATH_FILESTAT_SET_TIMES |
  R_FD_FILESTAT_GET |
  R_FD_FILESTAT_SET_TIMES |
  R_PATH_SYMLINK |
  R_PATH_REMOVE_DIRECTORY |
  R_PATH_UNLINK_FILE |
  R_POLL_FD_READWRITE;

/** Terminals, pipes and sockets: no position (wasi-libc's `isatty` looks for the absence of SEEK and TELL). */
export const RIGHTS_STREAM =
  R_FD_READ | R_FD_WRITE | R_FD_FDSTAT_SET_FLAGS | R_FD_FILESTAT_GET | R_POLL_FD_READWRITE;

// $filetype
export const FT_UNKNOWN = 0;
export const FT_BLOCK_DEVICE = 1;
export const FT_CHARACTER_DEVICE = 2;
export const FT_DIRECTORY = 3;
export const FT_REGULAR_FILE = 4;
export const FT_SOCKET_STREAM = 6;
export const FT_SYMBOLIC_LINK = 7;

// $fdflags
export const FDFLAG_APPEND = 1;
export const FDFLAG_DSYNC = 2;
export const FDFLAG_NONBLOCK = 4;
export const FDFLAG_RSYNC = 8;
export const FDFLAG_SYNC = 16;

// $oflags
export const O_CREAT = 1;
export const O_DIRECTORY = 2;
export const O_EXCL = 4;
export const O_TRUNC = 8;

// $lookupflags
export const LOOKUP_SYMLINK_FOLLOW = 1;

// $fstflags
export const FST_ATIM = 1;
export const FST_ATIM_NOW = 2;
export const FST_MTIM = 4;
export const FST_MTIM_NOW = 8;

// $whence
export const SEEK_SET = 0;
export const SEEK_CUR = 1;
export const SEEK_END = 2;

// $clockid
export const CLOCK_REALTIME = 0;
export const CLOCK_MONOTONIC = 1;
export const CLOCK_PROCESS_CPUTIME = 2;
export const CLOCK_THREAD_CPUTIME = 3;

// $eventtype and $subclockflags
export const EVENT_CLOCK = 0;
export const EVENT_FD_READ = 1;
export const EVENT_FD_WRITE = 2;
export const SUBCLOCK_ABSTIME = 1;
