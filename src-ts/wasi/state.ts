/** What one WASI instance holds; every call takes it as its first argument. */
import { DescriptorTable } from './descriptors.ts';
import type { GuestMemory } from './memory.ts';

export class State {
  readonly fds = new DescriptorTable();
  /** Encoded with their terminating NUL. */
  readonly args: readonly Uint8Array[];
  readonly env: readonly Uint8Array[];
  /** Set by `start`, `initialize` or `finalizeBindings`. */
  memory: GuestMemory | null = null;

  constructor(args: readonly string[], env: readonly string[]) {
    const encoder = new TextEncoder();
    this.args = args.map((s) => encoder.encode(`${s}\0`));
    this.env = env.map((s) => encoder.encode(`${s}\0`));
  }

  /** The guest's memory. Throws if a call arrives before the instance was given to us. */
  get mem(): GuestMemory {
    if (this.memory === null) {
      throw new Error('WASI function called before start(), initialize() or finalizeBindings()');
    }
    return this.memory;
  }
}

/** Unwinds the guest from `proc_exit`; `WASI.start` catches it. */
export class Exit {
  readonly code: number;
  constructor(code: number) {
    this.code = code;
  }
}
