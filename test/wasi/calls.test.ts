/** Every WASI call over a hand-made memory: results, errors, and pointers that point nowhere. */
import { mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as E from '../../src-ts/wasi/errno.ts';
import { WASI } from '../../src-ts/wasi/index.ts';
import { BUFFER, Guest, PATH, PATH2, RESULT, ROOT_FD, VECTORS, withFolder } from './harness.ts';

const READ = 1n << 1n;
const WRITE = 1n << 6n;
const SEEK = (1n << 2n) | (1n << 5n);

test('arguments and environment', () => {
  const guest = new Guest({ args: ['prog', 'ä'], env: { A: '1', B: undefined, C: 'x=y' } });
  expect(guest.call('args_sizes_get', RESULT, RESULT + 4)).toBe(0);
  expect([guest.result(), guest.view.getUint32(RESULT + 4, true)]).toEqual([2, 8]);
  expect(guest.call('args_get', RESULT, BUFFER)).toBe(0);
  expect(guest.text(BUFFER, 8)).toBe('prog\0ä\0');
  expect(guest.view.getUint32(RESULT + 4, true)).toBe(BUFFER + 5);
  expect(guest.call('environ_sizes_get', RESULT, RESULT + 4)).toBe(0);
  expect(guest.call('environ_get', RESULT, BUFFER)).toBe(0);
  expect(guest.text(BUFFER, 10)).toBe('A=1\0C=x=y\0');
  expect(guest.call('args_get', RESULT, 0xfffe)).toBe(E.EFAULT);
});

test('clocks, random, yield, sockets', () => {
  const guest = new Guest();
  for (const id of [0, 1, 2, 3]) {
    expect(guest.call('clock_time_get', id, 0n, RESULT)).toBe(0);
    expect(guest.view.getBigUint64(RESULT, true)).toBeGreaterThan(0n);
    expect(guest.call('clock_res_get', id, RESULT)).toBe(0);
  }
  expect(guest.call('clock_time_get', 9, 0n, RESULT)).toBe(E.EINVAL);
  expect(guest.call('clock_res_get', -1, RESULT)).toBe(E.EINVAL);
  expect(guest.call('random_get', BUFFER, 64)).toBe(0);
  expect(guest.u8.subarray(BUFFER, BUFFER + 64).some((byte) => byte !== 0)).toBe(true);
  expect(guest.u8[BUFFER + 64]).toBe(0);
  expect(guest.call('random_get', 0xfff0, 64)).toBe(E.EFAULT);
  expect(guest.call('sched_yield')).toBe(0);
  expect(guest.call('sock_shutdown', 1, 0)).toBe(E.ENOTSUP);
  expect(guest.call('sock_recv', 99, 0, 0, 0, 0, 0)).toBe(E.EBADF);
});

test('files: write, seek, read, sizes, append', async () => {
  await withFolder((folder) => {
    const guest = new Guest({ preopens: { '.': folder } });
    expect(guest.open('f', 1 | 8)).toBe(0);
    const fd = guest.result();
    expect(guest.write(fd, 'hello')).toBe(0);
    expect(guest.call('fd_seek', fd, -3n, 1, RESULT)).toBe(0);
    expect(guest.view.getBigInt64(RESULT, true)).toBe(2n);
    expect(guest.write(fd, 'LL')).toBe(0);
    expect(guest.call('fd_tell', fd, RESULT)).toBe(0);
    expect(guest.view.getBigInt64(RESULT, true)).toBe(4n);
    expect(readFileSync(join(folder, 'f'), 'utf8')).toBe('heLLo');
    guest.vector(BUFFER, 2, 0);
    guest.vector(BUFFER + 100, 0, 1);
    guest.vector(BUFFER + 200, 9, 2);
    expect(guest.call('fd_pread', fd, VECTORS, 3, 1n, RESULT)).toBe(0);
    expect(guest.result()).toBe(4);
    expect(guest.text(BUFFER, 2) + guest.text(BUFFER + 200, 2)).toBe('eLLo');
    expect(guest.call('fd_pwrite', fd, VECTORS, 1, 5n, RESULT)).toBe(0);
    expect(guest.call('fd_filestat_set_size', fd, 6n)).toBe(0);
    expect(guest.call('fd_allocate', fd, 4n, 6n)).toBe(0);
    expect(statSync(join(folder, 'f')).size).toBe(10);
    expect(guest.call('fd_fdstat_set_flags', fd, 1)).toBe(0);
    expect(guest.call('fd_seek', fd, 0n, 0, RESULT)).toBe(0);
    expect(guest.write(fd, '!')).toBe(0);
    expect(readFileSync(join(folder, 'f'), 'latin1')).toBe('heLLoe\0\0\0\0!');
    expect(guest.call('fd_seek', fd, -1n, 0, RESULT)).toBe(E.EINVAL);
    expect(guest.call('fd_seek', fd, 0n, 7, RESULT)).toBe(E.EINVAL);
    for (const name of ['fd_sync', 'fd_datasync']) expect(guest.call(name, fd)).toBe(0);
    expect(guest.call('fd_advise', fd, 0n, 0n, 2)).toBe(0);
    expect(guest.call('fd_filestat_get', fd, BUFFER)).toBe(0);
    expect(guest.view.getBigUint64(BUFFER + 32, true)).toBe(11n);
    expect(guest.call('fd_filestat_set_times', fd, 1_000_000_000n, 2_000_000_000n, 5)).toBe(0);
    expect(statSync(join(folder, 'f')).mtimeMs).toBe(2000);
    expect(guest.call('fd_filestat_set_times', fd, 0n, 0n, 3)).toBe(E.EINVAL);
    expect(guest.call('fd_close', fd)).toBe(0);
    expect(guest.call('fd_close', fd)).toBe(E.EBADF);
  });
});

test('many and long vectors', async () => {
  await withFolder((folder) => {
    const guest = new Guest({ preopens: { '.': folder } }, 1 << 20);
    guest.u8.fill(7, 0x10000, 0x60000);
    expect(guest.open('f', 1)).toBe(0);
    const fd = guest.result();
    guest.vector(0x10000, 0x20000, 0);
    guest.vector(0x30000, 0x20001, 1);
    expect(guest.call('fd_write', fd, VECTORS, 2, RESULT)).toBe(0);
    expect(guest.result()).toBe(0x40001);
    guest.u8.fill(0, 0x10000, 0x60000);
    expect(guest.call('fd_pread', fd, VECTORS, 2, 0n, RESULT)).toBe(0);
    expect(guest.result()).toBe(0x40001);
    expect(guest.u8[0x50000]).toBe(7);
    expect(guest.u8[0x50001]).toBe(0);
    expect(guest.call('fd_write', fd, VECTORS, 2000, RESULT)).toBe(E.EINVAL);
  });
});

test('rights', async () => {
  await withFolder((folder) => {
    writeFileSync(join(folder, 'f'), 'text');
    const guest = new Guest({ preopens: { '.': folder } });
    expect(guest.open('f', 0, { rights: READ | SEEK })).toBe(0);
    const fd = guest.result();
    expect(guest.write(fd, 'x')).toBe(E.ENOTCAPABLE);
    expect(guest.call('fd_fdstat_get', fd, BUFFER)).toBe(0);
    expect(guest.view.getUint8(BUFFER)).toBe(4);
    expect(guest.view.getBigUint64(BUFFER + 8, true)).toBe(READ | SEEK);
    expect(guest.call('fd_fdstat_set_rights', fd, READ | WRITE, 0n)).toBe(E.ENOTCAPABLE);
    expect(guest.call('fd_fdstat_set_rights', fd, SEEK, 0n)).toBe(0);
    expect(guest.call('fd_read', fd, VECTORS, 0, RESULT)).toBe(E.ENOTCAPABLE);
    expect(guest.call('fd_fdstat_set_rights', ROOT_FD, 1n << 13n, READ)).toBe(0);
    expect(guest.open('f', 0, { rights: WRITE })).toBe(E.ENOTCAPABLE);
    expect(guest.open('g', 1, { rights: READ })).toBe(E.ENOTCAPABLE);
    expect(guest.path('path_unlink_file', 'f')).toBe(E.ENOTCAPABLE);
    expect(guest.open('f', 0, { rights: READ })).toBe(0);
  });
});

/** Names of a directory, read through a buffer of `size` bytes. */
function readdir(guest: Guest, fd: number, size: number): string[] {
  const names: string[] = [];
  for (let cookie = 0n; ;) {
    expect(guest.call('fd_readdir', fd, BUFFER, size, cookie, RESULT)).toBe(0);
    const used = guest.result();
    let p = 0;
    while (p + 24 <= used) {
      const length = guest.view.getUint32(BUFFER + p + 16, true);
      if (p + 24 + length > used) break;
      cookie = guest.view.getBigUint64(BUFFER + p, true);
      names.push(guest.text(BUFFER + p + 24, length));
      p += 24 + length;
    }
    if (used < size) return names;
  }
}

test('directories', async () => {
  await withFolder((folder) => {
    const guest = new Guest({ preopens: { '.': folder } });
    expect(guest.path('path_create_directory', 'd/')).toBe(0);
    expect(guest.path('path_create_directory', 'd')).toBe(E.EEXIST);
    mkdirSync(join(folder, 'd/sub'));
    for (const name of ['one', 'two', 'a-rather-longer-name'])
      writeFileSync(join(folder, 'd', name), '');
    expect(guest.open('d', 2, { rights: 1n << 14n })).toBe(0);
    const fd = guest.result();
    const all = ['.', '..', 'a-rather-longer-name', 'one', 'sub', 'two'];
    for (const size of [50, 64, 100, 4096]) expect(readdir(guest, fd, size)).toEqual(all);
    expect(guest.path('path_remove_directory', 'd')).toBe(E.ENOTEMPTY);
    expect(guest.path('path_remove_directory', 'd/sub/')).toBe(0);
    expect(guest.path('path_unlink_file', 'd')).toBe(E.EISDIR);
    expect(guest.open('d/one', 2)).toBe(E.ENOTDIR);
    expect(guest.open('d/one', 1 | 4)).toBe(E.EEXIST);
    expect(guest.open('nope')).toBe(E.ENOENT);
    const rename = guest.call(
      'path_rename',
      ROOT_FD,
      ...guest.string('d/one'),
      ROOT_FD,
      ...guest.string('1', PATH2),
    );
    expect(rename).toBe(0);
    expect(guest.path('path_unlink_file', '1')).toBe(0);
    expect(guest.call('path_filestat_get', ROOT_FD, 0, ...guest.string('d/two'), BUFFER)).toBe(0);
    expect(guest.view.getUint8(BUFFER + 16)).toBe(4);
  });
});

test('preopens are announced, renumbered, closed', async () => {
  await withFolder((folder) => {
    const guest = new Guest({ preopens: { '/data': folder, '.': folder } });
    expect(guest.call('fd_prestat_get', 3, RESULT)).toBe(0);
    expect(guest.view.getUint32(RESULT + 4, true)).toBe(5);
    expect(guest.call('fd_prestat_dir_name', 3, BUFFER, 5)).toBe(0);
    expect(guest.text(BUFFER, 5)).toBe('/data');
    expect(guest.call('fd_prestat_dir_name', 3, BUFFER, 4)).toBe(E.ENAMETOOLONG);
    expect(guest.call('fd_prestat_get', 5, RESULT)).toBe(E.EBADF);
    expect(guest.call('fd_prestat_get', 1, RESULT)).toBe(E.EBADF);
    expect(guest.call('fd_renumber', 4, 3)).toBe(0);
    expect(guest.call('fd_prestat_get', 4, RESULT)).toBe(E.EBADF);
    expect(guest.call('fd_renumber', 3, 77)).toBe(E.EBADF);
  });
});

test('standard output goes to the given descriptor and can be told apart', async () => {
  await withFolder((folder) => {
    const out = openSync(join(folder, 'out'), 'w');
    const guest = new Guest({ stdout: out });
    expect(guest.write(1, 'one ')).toBe(0);
    expect(guest.write(1, 'two')).toBe(0);
    expect(readFileSync(join(folder, 'out'), 'utf8')).toBe('one two');
    expect(guest.call('fd_seek', 1, 0n, 1, RESULT)).toBe(0);
    expect(guest.view.getBigUint64(RESULT, true)).toBe(7n);
    expect(guest.call('fd_close', 1)).toBe(0);
    expect(guest.write(1, 'x')).toBe(E.EBADF);
    expect(() => statSync(`/proc/self/fd/${out}`)).not.toThrow();
  });
});

test('poll_oneoff: clocks wait, files are ready at once', () => {
  const guest = new Guest();
  const subscribe = (i: number, type: number, fdOrClock: number, timeout = 0n, flags = 0): void => {
    const p = BUFFER + i * 48;
    guest.u8.fill(0, p, p + 48);
    guest.view.setBigUint64(p, BigInt(i + 1), true);
    guest.view.setUint8(p + 8, type);
    guest.view.setUint32(p + 16, fdOrClock, true);
    guest.view.setBigUint64(p + 24, timeout, true);
    guest.view.setUint16(p + 40, flags, true);
  };
  const events = 0x4000;
  subscribe(0, 0, 1, 2_000_000n);
  subscribe(1, 0, 1, 60_000_000_000n);
  expect(guest.call('poll_oneoff', BUFFER, events, 2, RESULT)).toBe(0);
  expect(guest.result()).toBe(1);
  expect(guest.view.getBigUint64(events, true)).toBe(1n);
  subscribe(0, 0, 0, 5n, 1);
  expect(guest.call('poll_oneoff', BUFFER, events, 1, RESULT)).toBe(0);
  expect(guest.result()).toBe(1);
  subscribe(0, 0, 1, 60_000_000_000n);
  subscribe(1, 2, 1);
  subscribe(2, 1, 55);
  expect(guest.call('poll_oneoff', BUFFER, events, 3, RESULT)).toBe(0);
  expect(guest.result()).toBe(2);
  expect(guest.view.getUint16(events + 8, true)).toBe(0);
  expect(guest.view.getUint16(events + 32 + 8, true)).toBe(E.EBADF);
  expect(guest.call('poll_oneoff', BUFFER, events, 0, RESULT)).toBe(E.EINVAL);
});

test('no pointer or length makes a call throw', async () => {
  await withFolder((folder) => {
    writeFileSync(join(folder, 'f'), 'text');
    const bad = [0, -1, 0xfffd, 0x7fffffff, -0x80000000];
    const wide = [0n, -1n, 1n << 62n];
    for (const name of Object.keys(new Guest().wasi.wasiImport)) {
      // Never returns; and a clock subscription of zeros waits for nothing.
      if (name === 'proc_exit') continue;
      for (const pointer of bad) {
        for (const offset of wide) {
          const guest = new Guest({ preopens: { '.': folder } });
          guest.string('f', PATH);
          for (const fd of [ROOT_FD, -1]) {
            for (const mixed of [false, true]) {
              const args = Array.from({ length: 9 }, (_, i) =>
                i === 0 ? fd : mixed && i % 2 ? PATH : pointer,
              );
              expect(typeof tryCall(guest, name, args, offset)).toBe('number');
            }
          }
          guest.wasi.wasiImport['fd_close']?.(ROOT_FD);
        }
      }
    }
  });
});

/** i64 parameters by position; the engine makes sure of the types. */
const WIDE: Readonly<Record<string, readonly number[]>> = {
  clock_time_get: [1],
  fd_advise: [1, 2],
  fd_allocate: [1, 2],
  fd_fdstat_set_rights: [1, 2],
  fd_filestat_set_size: [1],
  fd_filestat_set_times: [1, 2],
  fd_pread: [3],
  fd_pwrite: [3],
  fd_readdir: [3],
  fd_seek: [1],
  path_filestat_set_times: [4, 5],
  path_open: [5, 6],
};

function tryCall(guest: Guest, name: string, args: readonly number[], wide: bigint): number {
  const positions = WIDE[name] ?? [];
  return guest.call(name, ...args.map((arg, i) => (positions.includes(i) ? wide : arg)));
}

test('memory may grow between calls', () => {
  const guest = new Guest();
  expect(guest.call('random_get', 0x10000, 4)).toBe(E.EFAULT);
  const old = guest.memory.buffer;
  guest.memory.buffer = new ArrayBuffer(1 << 17);
  structuredClone(old, { transfer: [old] });
  expect(guest.call('random_get', 0x10000, 4)).toBe(0);
});

test('the class checks what it is given, as node:wasi does', () => {
  const make = (options: unknown) => () => new WASI(options as never);
  expect(make(undefined)).toThrow(TypeError);
  expect(make({})).toThrow(/version/);
  expect(make({ version: 'preview1', args: 'x' })).toThrow(TypeError);
  expect(make({ version: 'preview1', preopens: { '.': '/no/such/folder' } })).toThrow(/ENOENT/);
  const wasi = new WASI({ version: 'preview1' });
  expect(Object.keys(wasi.getImportObject())).toEqual(['wasi_snapshot_preview1']);
  expect(() => wasi.start({ exports: {} })).toThrow(/_start/);
  expect(() => wasi.start({ exports: { _start() {} } })).toThrow(/memory/);
  expect(() => wasi.initialize({ exports: { _start() {} } })).toThrow(/reactor/);
  expect(() => wasi.wasiImport['sched_yield']?.()).not.toThrow();
  expect(() => wasi.wasiImport['random_get']?.(0, 0)).toThrow(/before start/);
});

test('start returns the exit code, passes traps on, and runs once', () => {
  const memory = { buffer: new ArrayBuffer(64) };
  const start = (body: (wasi: WASI) => void): [WASI, () => number] => {
    const wasi = new WASI({ version: 'preview1' });
    return [wasi, () => wasi.start({ exports: { memory, _start: () => body(wasi) } })];
  };
  const exit = (code: number) => start((wasi) => wasi.wasiImport['proc_exit']?.(code))[1];
  expect(exit(42)()).toBe(42);
  expect(start(() => {})[1]()).toBe(0);
  const trap = new Error('trap');
  expect(
    start(() => {
      throw trap;
    })[1],
  ).toThrow(trap);
  const [, again] = start(() => {});
  again();
  expect(again).toThrow(/already/);
});
