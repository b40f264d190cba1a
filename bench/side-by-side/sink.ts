import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { undoAtEnd } from "../../test/support/undo.ts";
import { untilListening } from "../../test/support/listening.ts";

/** smtp-sink: takes everything, and counts transactions. It listens on all of 127.0.0.0/8. */
export class CountingSink {
  readonly #child: ChildProcess;
  readonly #end: () => void;
  #rest = "";
  #taken = 0;

  static async start(port: number, under: readonly string[]): Promise<CountingSink> {
    const sink = new CountingSink(port, under);
    await untilListening(port, () => sink.#child.exitCode);
    return sink;
  }

  private constructor(port: number, under: readonly string[]) {
    const [program, ...args] = [...under, "smtp-sink", "-c", "-u", "nobody", `0.0.0.0:${port}`, "1000"];
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
    child.stdout.setEncoding("latin1").on("data", (text: string) => this.#take(text));
    this.#child = child;
    this.#end = undoAtEnd(() => child.kill("SIGKILL"));
  }

  get taken(): number {
    return this.#taken;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#end();
    await ended;
  }

  /** `sess=1 quit=0 mesg=5` and a carriage return, again and again. */
  #take(text: string): void {
    this.#rest += text;
    const found = [...this.#rest.matchAll(/mesg=(\d+)\s/g)].at(-1);
    if (found !== undefined) this.#taken = Number(found[1]);
    this.#rest = this.#rest.slice(-64);
  }
}
