import { OUTBOUND } from "../base/limits.ts";
import { printable } from "../base/printable.ts";
import type { ServerReply } from "../smtp/reply-decoder.ts";

type Speaker = "C" | "S" | "*";

interface Line {
  readonly at: number;
  readonly who: Speaker;
  readonly text: string;
}

/**
 * What was said in an attempt and when, for people: a line `+MS WHO: TEXT` each, the client's, the server's, and ours about
 * the connection. Bounded: of a long one the beginning and the end are kept (promise P7). Secrets do not get in here.
 */
export class Transcript {
  readonly #start: number;
  readonly #lines: Line[] = [];
  #leftOut = 0;

  /** `now` is by the monotonic clock, as all times here. */
  constructor(now: number) {
    this.#start = now;
  }

  /** Something that happened to the connection. */
  event(text: string, now: number): void {
    this.#add({ at: now, who: "*", text });
  }

  /** One or more whole command lines. */
  sent(commands: string, isSecret: boolean, now: number): void {
    if (isSecret) return this.#add({ at: now, who: "C", text: withoutSecret(commands) });
    for (const text of commands.trimEnd().split("\r\n")) this.#add({ at: now, who: "C", text });
    return undefined;
  }

  /** As the server said it, its lines behind one another; an enhanced code stands in them. */
  heard({ code, lines }: ServerReply, now: number): void {
    this.#add({ at: now, who: "S", text: `${code} ${lines.join(" / ")}` });
  }

  /** Empty where nothing was said. */
  text(): string {
    const shown = this.#lines.map(({ at, who, text }) => {
      return `+${Math.round(at - this.#start)} ${who}: ${text}`;
    });
    if (this.#leftOut > 0) shown.splice(Math.floor(shown.length / 2), 0, `(${this.#leftOut} lines left out)`);
    return shown.join("\n");
  }

  #add(line: Line): void {
    this.#lines.push({ ...line, text: printable(line.text, OUTBOUND.transcriptLineMax) });
    if (this.#lines.length <= OUTBOUND.transcriptLinesMax) return;
    this.#lines.splice(Math.floor(this.#lines.length / 2), 1);
    this.#leftOut++;
  }
}

/** `AUTH PLAIN [redacted]`, and for the lines that follow it `[redacted]`. */
function withoutSecret(command: string): string {
  const [verb = "", mechanism = ""] = command.split(" ");
  return verb === "AUTH" ? `AUTH ${mechanism.trimEnd()} [redacted]` : "[redacted]";
}
