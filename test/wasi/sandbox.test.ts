/** Guest paths stay inside the preopened folder, whatever links and dots they go through. */
import { existsSync, linkSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import * as E from '../../src-ts/wasi/errno.ts';
import { Guest, PATH2, RESULT, ROOT_FD, withFolder } from './harness.ts';

let release: () => void;
let folder: string;
let guest: Guest;

beforeEach(async () => {
  await new Promise<void>((ready) => {
    void withFolder(
      (made) =>
        new Promise<void>((done) => {
          folder = made;
          release = done;
          ready();
        }),
    );
  });
  mkdirSync(join(folder, 'box/a/b'), { recursive: true });
  mkdirSync(join(folder, 'boxed'));
  writeFileSync(join(folder, 'secret'), 'secret');
  writeFileSync(join(folder, 'boxed/secret'), 'secret');
  writeFileSync(join(folder, 'box/file'), 'inside');
  writeFileSync(join(folder, 'box/a/b/deep'), 'deep');
  guest = new Guest({ preopens: { '/': join(folder, 'box') } });
});

afterEach(() => release());

const link = (target: string, name: string): void => symlinkSync(target, join(folder, 'box', name));

test('plain paths, dots and inner links work', () => {
  link('a/b', 'dir');
  link('../file', 'a/up');
  link('dir/deep', 'twice');
  expect(guest.read('file')).toBe('inside');
  expect(guest.read('./a//b/../b/./deep')).toBe('deep');
  expect(guest.read('a/../file')).toBe('inside');
  expect(guest.read('dir/deep')).toBe('deep');
  expect(guest.read('dir/../up')).toBe('inside');
  expect(guest.read('twice')).toBe('deep');
});

test('escapes are refused', () => {
  link('../secret', 'out');
  link('..', 'parent');
  link('a/b/../../../secret', 'long');
  link(join(folder, 'secret'), 'absolute');
  link('/', 'root');
  link('out', 'chain');
  for (const path of [
    '..',
    '../secret',
    'a/../../secret',
    '../box/file',
    '../boxed/secret',
    '/file',
    '//file',
    join(folder, 'box/file'),
    'out',
    'parent/secret',
    'parent/box/file',
    'long',
    'absolute',
    'root/etc/passwd',
    'chain',
    'a/b/../../parent',
    './out/',
  ]) {
    expect([path, guest.read(path)]).toEqual([path, E.ENOTCAPABLE]);
  }
});

test('a descriptor of an inner folder is a root of its own', () => {
  expect(guest.open('a', 2, { rights: (1n << 13n) | 2n })).toBe(0);
  const dir = guest.result();
  expect(guest.open('b/deep', 0, { dir, rights: 2n })).toBe(0);
  expect(guest.open('../file', 0, { dir, rights: 2n })).toBe(E.ENOTCAPABLE);
  expect(guest.open('b', 0, { dir, rights: 4n })).toBe(E.ENOTCAPABLE);
});

test('loops of links end', () => {
  link('loop', 'loop');
  link('pong', 'ping');
  link('ping', 'pong');
  link('spiral/x', 'spiral');
  for (const path of ['loop', 'loop/x', 'ping', 'spiral']) expect(guest.read(path)).toBe(E.ELOOP);
});

test('creating, renaming, linking and removing stay inside', () => {
  link('../new', 'dangling');
  link('..', 'parent');
  expect(guest.open('dangling', 1)).toBe(E.ENOTCAPABLE);
  expect(guest.open('../new', 1)).toBe(E.ENOTCAPABLE);
  expect(guest.path('path_create_directory', 'parent/new')).toBe(E.ENOTCAPABLE);
  expect(guest.path('path_unlink_file', 'parent/secret')).toBe(E.ENOTCAPABLE);
  expect(guest.path('path_unlink_file', '../secret')).toBe(E.ENOTCAPABLE);
  expect(guest.path('path_remove_directory', '../boxed')).toBe(E.ENOTCAPABLE);
  const rename = (from: string, to: string): number =>
    guest.call('path_rename', ROOT_FD, ...guest.string(from), ROOT_FD, ...guest.string(to, PATH2));
  expect(rename('file', '../file')).toBe(E.ENOTCAPABLE);
  expect(rename('../secret', 'mine')).toBe(E.ENOTCAPABLE);
  const hardLink = (from: string, to: string): number =>
    guest.call('path_link', ROOT_FD, 1, ...guest.string(from), ROOT_FD, ...guest.string(to, PATH2));
  expect(hardLink('../secret', 'mine')).toBe(E.ENOTCAPABLE);
  expect(hardLink('dangling', 'mine')).toBe(E.ENOTCAPABLE);
  expect(existsSync(join(folder, 'new'))).toBe(false);
  expect(existsSync(join(folder, 'secret'))).toBe(true);
  expect(readdirSync(join(folder, 'box')).sort()).toEqual(['a', 'dangling', 'file', 'parent']);
});

test('links can be made, seen and removed, but not with an absolute target', () => {
  const make = (target: string, name: string): number =>
    guest.call('path_symlink', ...guest.string(target, PATH2), ROOT_FD, ...guest.string(name));
  expect(make('/etc', 'bad')).toBe(E.ENOTCAPABLE);
  expect(make('../secret', 'good')).toBe(0);
  expect(guest.read('good')).toBe(E.ENOTCAPABLE);
  expect(guest.read('good', 0)).toBe(E.ELOOP);
  expect(guest.path('path_readlink', 'good', 0x8000, 4, RESULT)).toBe(0);
  expect(guest.text(0x8000, guest.result())).toBe('../s');
  expect(guest.path('path_unlink_file', 'good')).toBe(0);
  expect(existsSync(join(folder, 'secret'))).toBe(true);
});

test('bad names', () => {
  expect(guest.read('')).toBe(E.ENOENT);
  expect(guest.read('a\0b')).toBe(E.EINVAL);
  expect(guest.read('file/x')).toBe(E.ENOTDIR);
  expect(guest.read('file/')).toBe(E.ENOTDIR);
  expect(guest.read('nothing/x')).toBe(E.ENOENT);
  expect(guest.read('x'.repeat(300))).toBe(E.ENAMETOOLONG);
  expect(guest.read('a/'.repeat(2500))).toBe(E.ENAMETOOLONG);
  guest.u8.set([0xff, 0xfe], 0x1000);
  expect(guest.call('path_open', ROOT_FD, 1, 0x1000, 2, 0, 2n, 0n, 0, RESULT)).toBe(E.EILSEQ);
});

test('descriptors on the way are closed again', () => {
  linkSync(join(folder, 'box/file'), join(folder, 'box/a/b/same'));
  const before = readdirSync('/proc/self/fd').length;
  for (let i = 0; i < 20; i++) {
    guest.read('a/b/same');
    guest.read('a/b/missing/x');
    guest.read('a/../../x');
  }
  expect(readdirSync('/proc/self/fd').length).toBe(before);
});

/** Makes `swap` by turns a folder and a link that leads outside, until told to stop. */
const SWAPPER = `
  const { workerData: { box, stop } } = require('node:worker_threads');
  const { renameSync } = require('node:fs');
  const { join } = require('node:path');
  const [swap, folder, link] = ['swap', 'folder', 'link'].map((name) => join(box, name));
  while (Atomics.load(stop, 0) === 0) {
    renameSync(folder, swap);
    renameSync(swap, folder);
    renameSync(link, swap);
    renameSync(swap, link);
  }`;

test('a folder swapped for a link meanwhile leads nowhere', async () => {
  const box = join(folder, 'box');
  mkdirSync(join(box, 'folder'));
  writeFileSync(join(box, 'folder/secret'), 'harmless');
  link('..', 'link');
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(SWAPPER, { eval: true, workerData: { box, stop } });
  await new Promise((resolve) => worker.once('online', resolve));
  const seen = new Set<string | number>();
  for (let i = 0; i < 1500; i++) seen.add(guest.read('swap/secret')).add(guest.read('link/secret'));
  Atomics.store(stop, 0, 1);
  await new Promise((resolve) => worker.once('exit', resolve));
  const possible = ['harmless', E.ENOTCAPABLE, E.ENOENT, E.ENOTDIR];
  expect([...seen].filter((result) => !possible.includes(result))).toEqual([]);
});
