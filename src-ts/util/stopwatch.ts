/**
 * Where compile time goes. A stage that ends calls {@link lap}, which gives all time since the lap before to that stage.
 * Without a stopwatch (the normal case) a lap costs one comparison; there are some thirty in a function's compilation.
 */

/** What a stage has used. */
export interface Stage {
  readonly name: string;
  ms: number;
  laps: number;
  /** Sizes of what went in and came out, added up: IR rows, then instructions, then bytes. */
  sizeIn: number;
  sizeOut: number;
}

export class Stopwatch {
  /** In the order in which they were met. */
  readonly stages: Stage[] = [];
  private readonly byName = new Map<string, Stage>();
  private begun = performance.now();
  private size = 0;

  /** Forgets the time since the last lap: what follows starts with something of this size. */
  restart(size = 0): void {
    this.size = size;
    this.begun = performance.now();
  }

  /** Ends a stage; `size` of what it made is asked for with the clock stopped. */
  lap(name: string, size: (() => number) | undefined): void {
    const ms = performance.now() - this.begun;
    let stage = this.byName.get(name);
    if (stage === undefined) {
      stage = { name, ms: 0, laps: 0, sizeIn: 0, sizeOut: 0 };
      this.byName.set(name, stage);
      this.stages.push(stage);
    }
    stage.ms += ms;
    stage.laps++;
    stage.sizeIn += this.size;
    if (size !== undefined) this.size = size();
    stage.sizeOut += this.size;
    this.begun = performance.now();
  }
}

let watch: Stopwatch | null = null;

/** Installs (or with null removes) the stopwatch of this thread. */
export function setStopwatch(w: Stopwatch | null): void {
  watch = w;
}

/** The stopwatch of this thread. */
export function stopwatch(): Stopwatch | null {
  return watch;
}

/** A stage has ended that leaves the size of what is compiled as it was. */
export function lap(name: string): void {
  if (watch !== null) watch.lap(name, undefined);
}
