import type { ReadStream, WriteStream } from "node:tty";
import type { Screen } from "../../surfaces/cli/top-page.ts";

const ENTERED = "\u001b[?1049h\u001b[?25l"; // the screen that is not the shell's, without a cursor
const LEFT = "\u001b[?25h\u001b[?1049l";
const [HOME, REST_OF_LINE, REST_OF_SCREEN] = ["\u001b[H", "\u001b[K", "\u001b[J"];
const ENDING_KEYS = ["q", "Q", "\u0003", "\u0004"];
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** Where a terminal does not say how large it is. */
const USUAL: Screen = { columns: 80, rows: 24 };

type Keys = Pick<ReadStream, "setRawMode" | "resume" | "pause" | "on" | "off">;
type Output = Pick<WriteStream, "write" | "columns" | "rows" | "on" | "off">;

/** A terminal that is drawn anew, and given back as it was however it ends: `q`, Ctrl-C, a signal, an error. */
export class LiveScreen {
  readonly #input: Keys;
  readonly #output: Output;
  readonly ended: Promise<void>;
  isEnded = false;
  #end: () => void = () => undefined;
  #resized: () => void = () => undefined;

  constructor(input: Keys, output: Output) {
    this.#input = input;
    this.#output = output;
    this.ended = new Promise((resolve) => {
      this.#end = () => {
        this.isEnded = true;
        resolve();
      };
    });
  }

  open(): void {
    this.#input.setRawMode(true);
    this.#input.resume();
    this.#input.on("data", this.#pressed);
    this.#input.on("end", this.#end);
    for (const signal of SIGNALS) process.on(signal, this.#end);
    this.#output.on("resize", this.#onResize);
    this.#output.write(ENTERED);
  }

  onResize(resized: () => void): void {
    this.#resized = resized;
  }

  show(draw: (size: Screen) => readonly string[]): void {
    if (this.isEnded) return;
    const { columns = USUAL.columns, rows = USUAL.rows } = this.#output as Partial<Screen>;
    const lines = draw({ columns, rows }).slice(0, rows);
    this.#output.write(`${HOME}${lines.join(`${REST_OF_LINE}\r\n`)}${REST_OF_LINE}${REST_OF_SCREEN}`);
  }

  close(): void {
    this.isEnded = true;
    this.#output.write(LEFT);
    this.#output.off("resize", this.#onResize);
    for (const signal of SIGNALS) process.off(signal, this.#end);
    this.#input.off("end", this.#end);
    this.#input.off("data", this.#pressed);
    this.#input.setRawMode(false);
    this.#input.pause();
  }

  readonly #onResize = (): void => this.#resized();

  readonly #pressed = (keys: Uint8Array): void => {
    if (ENDING_KEYS.some((key) => new TextDecoder().decode(keys).includes(key))) this.#end();
  };
}
