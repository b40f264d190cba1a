/** What somebody says within a transaction, without waiting for an answer: a recipient, or content. */
export type Said = "good recipient" | "no address" | "no route" | "chunk" | "reset";

const CLOSING = 421;

/**
 * What is wrong with answers to what was said in one piece (promise P7): each has one, in the order of what they answer
 * (RFC 2920 section 3.2). `isWhole`: all of them came that will; else the session was cut. Undefined where nothing is.
 */
export function answerFault(
  said: readonly Said[],
  codes: readonly number[],
  recipientsMax: number,
  isWhole: boolean,
): string | undefined {
  const transaction = new Transaction(recipientsMax);
  for (const [at, code] of codes.entries()) {
    const one = said[at];
    const last = at === codes.length - 1;
    if (one === undefined) return `${codes.length} answers came to ${said.length} commands`;
    if (code === CLOSING && last) return undefined;
    if (!transaction.allows(one, code)) return `number ${at + 1}, ${one}, was answered with ${code}`;
  }
  return isWhole && codes.length < said.length ? `${codes.length} answers came to ${said.length} commands` : undefined;
}

class Transaction {
  readonly #recipientsMax: number;
  #named = 0;
  #phase: "naming" | "content" | "over" = "naming";

  constructor(recipientsMax: number) {
    this.#recipientsMax = recipientsMax;
  }

  /** Goes on from there. */
  allows(said: Said, code: number): boolean {
    switch (said) {
      case "reset":
        this.#phase = "over";
        return code === 250;
      case "chunk":
        return this.#allowsForChunk(code);
      default:
        return code === this.#codeForRecipient(said);
    }
  }

  #codeForRecipient(said: Exclude<Said, "chunk" | "reset">): number {
    if (this.#phase !== "naming") return 503;
    if (said === "no address") return 501;
    if (this.#named === this.#recipientsMax) return 452;
    if (said === "no route") return 550;
    this.#named++;
    return 250;
  }

  /** The first may meet what keeps the relay from taking mail. */
  #allowsForChunk(code: number): boolean {
    if (this.#phase === "over") return code === 503;
    const isPutOff = this.#phase === "naming" && (code === 451 || code === 452);
    this.#phase = isPutOff ? "over" : "content";
    return isPutOff || code === 250;
  }
}
