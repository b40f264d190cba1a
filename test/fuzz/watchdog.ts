import { writeSync } from "node:fs";
import { Worker, isMainThread, workerData } from "node:worker_threads";

// What never comes back cannot say so itself: a thread of its own has the input, and ends the process.

const PATIENCE_MS = 30_000;
const INPUT_OCTETS = 256 * 1024;
const EXPECTED = 2;

interface Shared {
  /** How many inputs began, and octets of the last one. */
  readonly numbers: Int32Array;
  readonly input: Uint8Array;
}

function sharedOf(memory: SharedArrayBuffer): Shared {
  return { numbers: new Int32Array(memory, 0, EXPECTED), input: new Uint8Array(memory, 4 * EXPECTED) };
}

export class Watchdog {
  readonly #shared: Shared;
  readonly #text: Buffer;
  readonly #worker: Worker;

  constructor() {
    const memory = new SharedArrayBuffer(4 * EXPECTED + INPUT_OCTETS);
    this.#shared = sharedOf(memory);
    this.#text = Buffer.from(memory, 4 * EXPECTED);
    this.#worker = new Worker(new URL(import.meta.url), { workerData: { memory } });
    this.#worker.unref();
  }

  begins(input: string): void {
    const { numbers } = this.#shared;
    numbers[1] = this.#text.write(input, "utf16le");
    Atomics.add(numbers, 0, 1);
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

function watch({ numbers, input }: Shared): void {
  let [seen, since] = [0, performance.now()];
  setInterval(() => {
    const now = Atomics.load(numbers, 0);
    if (now !== seen) [seen, since] = [now, performance.now()];
    if (seen === 0 || performance.now() - since < PATIENCE_MS) return;
    const text = Buffer.from(input.slice(0, numbers[1])).toString("utf16le");
    writeSync(2, `HANG at input ${seen}: ${JSON.stringify(text)}\n`);
    process.kill(process.pid, "SIGKILL");
  }, 1000);
}

if (!isMainThread) watch(sharedOf((workerData as { readonly memory: SharedArrayBuffer }).memory));
