import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { type Interface, createInterface } from "node:readline";
import { stringify } from "yaml";
import { PATIENCE_MS } from "./patience.ts";
import { temporaryFolder } from "./undo.ts";

/** The tree that these tests belong to. */
export const TREE = path.resolve(import.meta.dirname, "../..");

export interface RelayEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

export interface RelayEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** How much of the end of a log a failure tells. */
const LINES_TOLD = 20;
/** Each kind of thread has 35 s to stop, one after the other. */
const STOPPED_MS = 4 * 35_000 + 10_000;

/** A temporary folder with a relay's configuration and data; it outlives the processes that are started on it. */
export class RelayHome {
  readonly #place = temporaryFolder("test");

  get folder(): string {
    return this.#place.folder;
  }

  get configFile(): string {
    return path.join(this.folder, "waypost.yaml");
  }

  get data(): string {
    return path.join(this.folder, "data");
  }

  get queueFile(): string {
    return path.join(this.data, "queue.db");
  }

  /** Writes the configuration; `hostname` and `data` are there already. */
  configure(config: Readonly<Record<string, unknown>>): void {
    this.write("waypost.yaml", stringify({ hostname: "relay.test", data: "./data", ...config }));
  }

  /** Puts a file into the folder; answers its path. */
  write(name: string, text: string): string {
    const file = path.join(this.folder, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  }

  remove(): void {
    this.#place.remove();
  }
}

export interface SpawnOptions {
  /** The tree whose relay it is. */
  readonly tree?: string;
  /** A program, with its arguments, that runs the relay: `strace ...`. Only without one does the relay end where we are killed. */
  readonly under?: readonly string[];
  /** Variables beside those of this process. */
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * Variables by which a relay that is a child of this process ends soon after it, also where it is killed: it takes us for its launcher
 * (src/main/launcher.ts).
 */
export function endsWithUs(): Readonly<Record<string, string>> {
  return { WAYPOST_LAUNCHER: String(process.pid) };
}

/** One process of the relay, and the events that it wrote to its standard output. */
export class RelayProcess {
  readonly #child: ChildProcess;
  readonly #reader: Interface;
  readonly #lines: string[] = [];
  readonly #waiting = new Set<() => void>();
  #errors = "";
  #end: RelayEnd | undefined;
  readonly exited: Promise<RelayEnd>;

  constructor(home: RelayHome, options: SpawnOptions = {}) {
    const { tree = TREE, under = [], environment = {} } = options;
    const relay = [process.execPath, path.join(tree, "bin/waypost.mjs"), "start", "--config", home.configFile];
    const [program = "", ...args] = [...under, ...relay];
    const end = under.length === 0 ? endsWithUs() : {};
    const env = { ...process.env, ...end, ...environment };
    const child = spawn(program, args, { cwd: home.folder, env, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    this.#reader = createInterface({ input: child.stdout }).on("line", (line) => this.#take(line));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#errors += text));
    this.exited = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        this.#end = { code, signal };
        this.#wake();
        resolve(this.#end);
      });
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** What it wrote to standard error. */
  get errors(): string {
    return this.#errors;
  }

  /** Its log as it stands, line by line. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  get isRunning(): boolean {
    return this.#end === undefined;
  }

  events(name: string): RelayEvent[] {
    return this.#lines.filter((line) => line.includes(`"event":"${name}"`)).map(parse);
  }

  /** The first event of that name for which `holds`, also one that was there before. */
  async event(
    name: string,
    holds: (event: RelayEvent) => boolean = () => true,
    withinMs = PATIENCE_MS,
  ): Promise<RelayEvent> {
    const mark = `"event":"${name}"`;
    let at = 0;
    const deadline = performance.now() + withinMs;
    for (;;) {
      for (; at < this.#lines.length; at++) {
        if (!this.#lines[at]!.includes(mark)) continue;
        const event = parse(this.#lines[at]!);
        if (holds(event)) return event;
      }
      if (this.#end !== undefined) throw new Error(`the relay ended before ${name}: ${this.told()}`);
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`no ${name} within ${withinMs} ms: ${this.told()}`);
      await this.#change(left);
    }
  }

  /** The ports of its listeners, in the order of the configuration, once it is up. */
  async ports(): Promise<number[]> {
    const started = await this.event("relay.started");
    return (started["listeners"] as string[]).map((text) => Number(text.slice(text.lastIndexOf(":") + 1)));
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Leaves its log unread from here on, until it is stopped. */
  stopReading(): void {
    this.#reader.pause();
  }

  /** Stops it in order. Throws where that takes too long: then it was killed here, and did not end by itself. */
  async stop(): Promise<RelayEnd> {
    if (this.#end !== undefined) return this.#end;
    this.#child.kill("SIGTERM");
    this.#reader.resume();
    let isKilled = false;
    const timer = setTimeout(() => (isKilled = this.#child.kill("SIGKILL")), STOPPED_MS);
    const end = await this.exited;
    clearTimeout(timer);
    if (isKilled) throw new Error(`killed, for it did not stop within ${STOPPED_MS} ms: ${this.told()}`);
    return end;
  }

  /** How it stands, and what it said last, for who reads of a failure. */
  told(): string {
    const { code, signal } = this.#end ?? {};
    const standing = this.#end === undefined ? "it runs" : `it ended with code ${code}, signal ${signal}`;
    const log = this.#lines.slice(-LINES_TOLD).join("\n");
    return `${standing}\n--- its standard error\n${this.#errors}\n--- the end of its log\n${log}`;
  }

  #take(line: string): void {
    this.#lines.push(line);
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  #change(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#waiting.add(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

function parse(line: string): RelayEvent {
  return JSON.parse(line) as RelayEvent;
}

/** Runs another command of the program to its end. */
export function runCommand(
  args: readonly string[],
  options: { readonly cwd: string; readonly environment?: Readonly<Record<string, string>> },
): Promise<{ readonly code: number | null; readonly output: string; readonly errors: string }> {
  const child = spawn(process.execPath, [path.join(TREE, "bin/waypost.mjs"), ...args], {
    cwd: options.cwd,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: PATIENCE_MS,
    env: { PATH: process.env["PATH"], ...options.environment },
  });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output, errors }));
  });
}
