const EVERY_MS = 10_000;
const LOOK_MS = 1000;

/** Tells on standard error how far a command is: when each phase begins, and every ten seconds from there. */
export class Progress {
  readonly #say: (line: string) => void;
  readonly #startedAt = performance.now();
  readonly #timer = setInterval(() => this.look(), LOOK_MS).unref();
  #phase = "";
  #detail = (): string => "";
  #toldAt = 0;

  constructor(say = (line: string): void => console.error(line)) {
    this.#say = say;
  }

  /** `detail`: how far it has come, as of when it is asked. */
  begin(phase: string, detail = (): string => ""): void {
    this.#phase = phase;
    this.#detail = detail;
    this.#tell();
  }

  /** For who leaves timers no turn. */
  look(): void {
    if (this.#phase !== "" && performance.now() - this.#toldAt >= EVERY_MS) this.#tell();
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #tell(): void {
    this.#toldAt = performance.now();
    const seconds = Math.round((this.#toldAt - this.#startedAt) / 1000);
    const detail = this.#detail();
    this.#say(`${seconds} s: ${this.#phase}${detail === "" ? "" : ` (${detail})`}`);
  }
}
