import { write } from "node:fs";

export interface LineWriterOptions {
  readonly descriptor: number;
  /** Octets that may wait for the reader; lines beyond it are dropped and counted. */
  readonly pendingOctetsMax: number;
  /** The line that tells how many lines are missing, with its line feed. */
  readonly droppedLine: (lines: number) => string;
}

const BATCH_OCTETS = 64 * 1024; // what a pipe holds on Linux
const RETRY_MS_MIN = 1;
const RETRY_MS_MAX = 50;
const LINE_FEED = 0x0a;

/** Nobody reads any more, and nobody will. */
const GONE: ReadonlySet<string | undefined> = new Set(["EPIPE", "EBADF", "ECONNRESET"]);
/** The reader is behind. */
const FULL: ReadonlySet<string | undefined> = new Set(["EAGAIN", "EWOULDBLOCK"]);

/**
 * Writes lines to a file, pipe or terminal, one write in flight, the rest waiting up to a bound. Never blocks, never
 * throws: a log that cannot be written must not stop the mail. What is lost is counted, and said as soon as writing
 * works again.
 */
export class LineWriter {
  readonly #options: LineWriterOptions;
  #waiting: string[] = [];
  #pendingOctets = 0;
  #dropped = 0;
  /** What is being written: the rest of some whole lines. */
  #batch = Buffer.alloc(0);
  #batchOctets = 0;
  #isWriting = false;
  #isGone = false;
  #endsInsideLine = false;
  #retryMs = RETRY_MS_MIN;
  #idle: (() => void)[] = [];

  constructor(options: LineWriterOptions) {
    this.#options = options;
  }

  /** Lines lost and not yet told. */
  get dropped(): number {
    return this.#dropped;
  }

  /** One line or several that travel together, each with its line feed. */
  write(lines: string): void {
    const octets = Buffer.byteLength(lines);
    if (this.#isGone || this.#pendingOctets + octets > this.#options.pendingOctetsMax) {
      this.#dropped += linesIn(lines);
      return;
    }
    this.#waiting.push(lines);
    this.#pendingOctets += octets;
    this.#next();
  }

  /** Resolves once all is written or lost, at the latest after `deadlineMs`. */
  async flush(deadlineMs: number): Promise<void> {
    if (!this.#isWriting) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, deadlineMs);
    this.#idle.push(resolve);
    await promise;
    clearTimeout(timer);
  }

  #next(): void {
    if (this.#isWriting || this.#waiting.length === 0) return;
    this.#isWriting = true;
    const lines = this.#takeLines();
    this.#batchOctets = Buffer.byteLength(lines);
    // A line that broke off when the disk was full ends here, so that the next one stands alone.
    this.#batch = Buffer.from(this.#endsInsideLine ? `\n${lines}` : lines);
    this.#attempt();
  }

  #takeLines(): string {
    let count = 0;
    for (let octets = 0; count < this.#waiting.length && octets < BATCH_OCTETS; count++) {
      octets += Buffer.byteLength(this.#waiting[count]!);
    }
    return this.#waiting.splice(0, count).join("");
  }

  #attempt(): void {
    write(this.#options.descriptor, this.#batch, 0, this.#batch.length, null, (error, written) => {
      if (error === null) this.#wrote(written);
      else if (FULL.has(error.code)) this.#waitForReader();
      else this.#failed(error);
    });
  }

  #wrote(written: number): void {
    this.#retryMs = RETRY_MS_MIN;
    if (written > 0) this.#endsInsideLine = this.#batch[written - 1] !== LINE_FEED;
    this.#batch = this.#batch.subarray(written);
    if (this.#batch.length > 0) {
      this.#attempt();
      return;
    }
    this.#tellDropped();
    this.#finish();
  }

  #waitForReader(): void {
    setTimeout(() => this.#attempt(), this.#retryMs).unref();
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS_MAX);
  }

  #failed(error: NodeJS.ErrnoException): void {
    this.#dropped += unwrittenLines(this.#batch);
    if (GONE.has(error.code)) {
      this.#isGone = true;
      for (const lines of this.#waiting) this.#dropped += linesIn(lines);
      this.#waiting = [];
    }
    this.#finish();
  }

  /** Behind what waits: the missing lines are newer than those. */
  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const line = this.#options.droppedLine(this.#dropped);
    this.#dropped = 0;
    this.#waiting.push(line);
    this.#pendingOctets += Buffer.byteLength(line);
  }

  #finish(): void {
    this.#pendingOctets = this.#isGone ? 0 : this.#pendingOctets - this.#batchOctets;
    this.#batch = Buffer.alloc(0);
    this.#isWriting = false;
    this.#next();
    if (this.#isWriting) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

function linesIn(text: string): number {
  let lines = 0;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}

/** A line feed at the start ends a line whose text was written before. */
function unwrittenLines(batch: Buffer): number {
  let lines = 0;
  for (let at = batch.indexOf(LINE_FEED, 1); at !== -1; at = batch.indexOf(LINE_FEED, at + 1)) lines++;
  return lines;
}
