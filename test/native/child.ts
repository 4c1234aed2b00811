// Run in child processes and workers by addon.test.ts; argv[2] says what to do.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { STATUS_DONE, STATUS_HOST, STATUS_TRAP } from '../../src-ts/gen/abi.ts';
import { buildObject, makeRig } from './asm.ts';

function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

/** Calls, host calls left suspended, traps, buffers: what an environment must clean up after. */
function work(): void {
  const rig = makeRig();
  const memory = rig.native.createMemory(1, 8, true)!;
  new Uint8Array(memory.buffer())[0] = 1;
  for (let i = 0; i < 1000; i++) {
    check(rig.enter(rig.ref('add'), 1n, 2n) === STATUS_DONE, 'add');
    check(rig.enter(rig.ref(i % 10 === 0 ? 'recurse' : 'unreachable')) === STATUS_TRAP, 'trap');
    rig.native.abandon();
    check(rig.enter(rig.ref('load'), BigInt(memory.base() + 65536)) === STATUS_TRAP, 'load');
    rig.native.abandon();
  }
  for (let i = 0; i < 50; i++) check(rig.enter(rig.ref('callHost')) === STATUS_HOST, 'host');
}

function onlyWorker(): void {
  const ended: string[] = [];
  const start = () => {
    const worker = new Worker(fileURLToPath(import.meta.url), { argv: ['work'] });
    worker.on('message', (message: string) => ended.push(message));
    worker.on('exit', () => (ended.length < 2 ? start() : console.log(ended.join(' '))));
  };
  start();
}

/** A timer's signals, handled by libuv, while the stack is run to its end again and again. */
function signals(): void {
  process.on('SIGUSR2', () => {});
  const rig = makeRig();
  const pid = process.pid;
  const sender = new Worker(
    `const n = require('node:worker_threads').workerData;
     for (let i = 0; i < 20000; i++) process.kill(n, 'SIGUSR2');`,
    { eval: true, workerData: pid },
  );
  let running = true;
  sender.on('exit', () => (running = false));
  const recurse = rig.ref('recurse');
  const again = () => {
    for (let i = 0; i < 20; i++) {
      check(rig.enter(recurse) === STATUS_TRAP, 'recurse');
      rig.native.abandon();
    }
    if (running) setImmediate(again);
    else {
      console.log('survived');
      process.exit(0);
    }
  };
  again();
}

/** Takes all the address space, then goes on working. */
function exhaust(): void {
  const rig = makeRig();
  const kept = [];
  let last;
  while (kept.length < 100_000 && (last = rig.native.createMemory(0, 1, true)) !== null)
    kept.push(last);
  check(last === null, 'address space does not end');
  check(rig.native.createMemory(2 ** 31, 2 ** 31, false) === null, 'too large a memory');
  check(rig.enter(rig.ref('add'), 1n, 2n) === STATUS_DONE, 'add');
  console.log('exhausted');
}

async function collect(): Promise<void> {
  const rig = makeRig();
  const { bytes, layout } = buildObject();
  const mappings = () => readFileSync('/proc/self/maps', 'utf8').split('\n').length;
  const round = () => {
    for (let i = 0; i < 200; i++) {
      const memory = rig.native.createMemory(1, 8, i % 2 === 0)!;
      memory.buffer();
      rig.native.createTable('func', 10, 10, 0);
      rig.native.activate(rig.native.mapBytes(bytes), layout);
    }
  };
  const settle = async () => {
    for (let i = 0; i < 5; i++) {
      (globalThis as { gc?: () => void }).gc!();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  round();
  await settle();
  const before = mappings();
  for (let i = 0; i < 3; i++) round();
  await settle();
  check(mappings() < before + 100, `${before} mappings became ${mappings()}`);
  check(rig.enter(rig.ref('add'), 1n, 2n) === STATUS_DONE, 'add');
  console.log('collected');
}

switch (process.argv[2]) {
  case 'crash-code': {
    const rig = makeRig();
    rig.enter(rig.ref('notInTable'));
    break;
  }
  case 'crash-address': {
    const rig = makeRig();
    rig.enter(rig.ref('load'), 4096n);
    break;
  }
  case 'kill':
    makeRig();
    process.kill(process.pid, 'SIGSEGV');
    setTimeout(() => {}, 5000);
    break;
  case 'work':
    work();
    if (!isMainThread) parentPort!.postMessage('worked');
    break;
  case 'only-worker':
    onlyWorker();
    break;
  case 'signals':
    signals();
    break;
  case 'exhaust':
    exhaust();
    break;
  case 'collect':
    await collect();
    break;
}
