import type { Account, Letter } from "./accounts.ts";
import { type Bench, SLACK_MS } from "./bench.ts";
import { isEightBit } from "./carried.ts";
import { octetsEncoded } from "./encodings.ts";

export interface FailureTerms {
  /** The life of a message, and of one from nobody. */
  readonly lifeMs: number;
  readonly nullLifeMs: number;
  /** Octets that the smallest of a domain's servers takes; undefined: none of them has a bound. */
  readonly sizeOf: (domain: string) => number | undefined;
}

/** What the relay may put before a message. */
const PREFIX_OCTETS_MAX = 600;
/** The encoding that people can read may be taken although the other one is shorter, by this much. */
const READABLE_SHARE = 1.15;

/** Who may fail, and why (promise P5). */
export class FailureJudge {
  readonly #bench: Bench;
  readonly #terms: FailureTerms;
  /** When an address, or a message to it, was refused for good; several letters may go to one. */
  readonly #judgedAt = new Map<string, number>();
  /** When the DNS said last for certain that nobody takes a domain's mail. */
  readonly #deadAt = new Map<string, number>();
  /** When the process that there is now began. */
  #startedAt = Number.NEGATIVE_INFINITY;
  /** When the wall clock was set forward, and by how much. */
  readonly #jumps: { readonly at: number; readonly byMs: number }[] = [];

  constructor(bench: Bench, terms: FailureTerms) {
    this.#bench = bench;
    this.#terms = terms;
  }

  judged(address: string): void {
    this.#judgedAt.set(address, this.#bench.now());
  }

  deadDomain(domain: string): void {
    this.#deadAt.set(domain, this.#bench.now());
  }

  jumped(byMs: number): void {
    if (byMs > 0) this.#jumps.push({ at: this.#bench.now(), byMs });
  }

  started(): void {
    this.#startedAt = this.#bench.now();
  }

  isExplained(account: Account): boolean {
    return this.isRefused(account) || account.wishes.has("expire") || this.#isOver(account.letter);
  }

  /** Somebody does not want it, and never will. */
  isRefused({ address, letter }: Account): boolean {
    const { committedAt } = letter;
    const domain = address.slice(address.lastIndexOf("@") + 1);
    const isJudged =
      isSince(this.#judgedAt.get(address), committedAt) || isSince(this.#deadAt.get(domain), committedAt);
    return isJudged || this.#isTooBig(letter, domain);
  }

  #isTooBig({ content }: Letter, domain: string): boolean {
    return PREFIX_OCTETS_MAX + octetsConverted(content) > (this.#terms.sizeOf(domain) ?? Infinity);
  }

  #isOver({ from, committedAt }: Letter): boolean {
    const { lifeMs, nullLifeMs } = this.#terms;
    const older = this.#bench.now() - committedAt + this.#jumpedUnseen(committedAt);
    return older + SLACK_MS >= (from === "" ? nullLifeMs : lifeMs);
  }

  /** By how much older a message seems: a process does not know of the jumps before it began. */
  #jumpedUnseen(committedAt: number): number {
    const unseen = this.#jumps.filter(({ at }) => at >= committedAt - SLACK_MS && at < this.#startedAt);
    return unseen.reduce((sum, { byMs }) => sum + byMs, 0);
  }
}

function isSince(at: number | undefined, committedAt: number): boolean {
  return at !== undefined && at >= committedAt;
}

/** Octets of a message on its way to a server that takes 7 bits. */
function octetsConverted(content: Buffer): number {
  if (!isEightBit(content)) return content.length;
  const end = content.indexOf("\r\n\r\n");
  const { quotedPrintable, base64 } = octetsEncoded(content.subarray(end + 4));
  return end + 4 + Math.min(quotedPrintable, base64) * READABLE_SHARE;
}
