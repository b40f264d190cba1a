import type { Account, Act } from "./accounts.ts";
import { type Bench, SLACK_MS } from "./bench.ts";
import { BLOCK_MS_MAX } from "./waits.ts";

export interface ReasonTerms {
  readonly isSoftBounce: boolean;
  /** Next hops that may ever get a domain's mail. */
  readonly hopsOf: (domain: string) => readonly string[];
}

/** Why a delivery may be where it is: the closed list, written down here again (promise P9). */
export const KNOWN_REASONS: readonly string[] = [
  "in-hand",
  "next-hop-refused",
  "next-hop-named-a-time",
  "connection-lost",
  "possible-duplicate",
  "soft-bounce",
  "content-unreadable",
  "source-unusable",
  "lane-blocked",
  "next-step",
  "other-step",
  "unresolved",
  "queued",
  "no-connection",
  "no-memory",
  "recovered",
  "rerouted",
  "rerouted-by-operator",
  "held",
  "released",
  "retried",
  "expiring",
  "imported",
  "rerouting",
  "paused",
  "no-route",
];

/**
 * What may be said where a next hop did that, and what may not be said but where it did. That content was wanted need not
 * have been heard: then it may have been named to another one, in vain.
 */
const AFTER: Readonly<Partial<Record<Act, readonly string[]>>> = {
  "put-off": ["next-hop-refused"],
  "time-named": ["next-hop-refused", "next-hop-named-a-time"], // its own wait may be longer
  "content-over": ["possible-duplicate"],
};
const ONLY_AFTER: Readonly<Record<string, readonly (Act | undefined)[]>> = {
  "next-hop-named-a-time": ["time-named"],
  "connection-lost": ["content-wanted", undefined],
  "possible-duplicate": ["content-wanted", "content-over"],
};
/** Of these a next hop is to blame. */
const BY_HOPS = ["next-hop-refused", "next-hop-named-a-time", "connection-lost", "possible-duplicate", "lane-blocked"];
/** No answer is waited for longer. */
const SILENCE_MS_MAX = 11 * 60_000;

/** What a reason may be about that it does not know itself. */
interface Circumstances {
  /** Somebody refused it for good, or it is too big for its next hop. */
  readonly isRefused: boolean;
}

/** Whether a reason is one, and true where others know better than the relay (promise P9). */
export class ReasonJudge {
  readonly #bench: Bench;
  readonly #terms: ReasonTerms;
  readonly #troubledAt = new Map<string, number>();
  #sourceGoneAt = Number.NEGATIVE_INFINITY;
  #unansweredAt = Number.NEGATIVE_INFINITY;
  /** Of the list, what some delivery met. */
  readonly met = new Set<string>();

  constructor(bench: Bench, terms: ReasonTerms) {
    this.#bench = bench;
    this.#terms = terms;
  }

  /** Something is in the way to a next hop. */
  troubled(hop: string): void {
    this.#troubledAt.set(hop, this.#bench.now());
  }

  /** The address to connect from is not this machine's. */
  sourceGone(): void {
    this.#sourceGoneAt = this.#bench.now();
  }

  /** The DNS said nothing. */
  unanswered(): void {
    this.#unansweredAt = this.#bench.now();
  }

  /** An operator reads it. */
  given(reason: string): void {
    if (!KNOWN_REASONS.includes(reason)) this.#bench.violation("P9", `${reason} is no reason`);
    this.met.add(reason);
  }

  /** It waits again, because; `account`: a client's. */
  parked(account: Account, because: string, circumstances: Circumstances): void {
    const { address, letter } = account;
    const fault = this.#actFault(account, because) ?? this.#fault(account, because, circumstances);
    if (fault !== undefined)
      this.#bench.violation("P9", `${address} of ${letter.key} waits for ${because}, and ${fault}`);
    account.act = undefined;
    account.hasMoved = false;
  }

  /** What was put off may have gone on from there to another next hop, which did nothing yet. */
  #actFault({ act, hasMoved }: Account, because: string): string | undefined {
    const isPerhapsOver = hasMoved && (act === "put-off" || act === "time-named");
    if (isAfter(act, because) || (isPerhapsOver && isAfter(undefined, because))) return undefined;
    return `its next hop knows of ${act ?? "nothing"}`;
  }

  #fault({ address, wishes, act }: Account, because: string, { isRefused }: Circumstances): string | undefined {
    const isKnownOf = act !== undefined && AFTER[act] !== undefined;
    if (BY_HOPS.includes(because) && !isKnownOf && !this.#hasTrouble(address))
      return "no next hop of its was in trouble";
    switch (because) {
      case "soft-bounce":
        return this.#terms.isSoftBounce && isRefused ? undefined : "nobody refused it, or that is final";
      case "source-unusable":
        return this.#isRecent(this.#sourceGoneAt) ? undefined : "its source is there";
      case "unresolved":
        return this.#isRecent(this.#unansweredAt) ? undefined : "the DNS answers";
      case "rerouted-by-operator":
        return wishes.has("reroute") ? undefined : "nobody wanted that";
      default:
        return undefined;
    }
  }

  #hasTrouble(address: string): boolean {
    const hops = this.#terms.hopsOf(address.slice(address.lastIndexOf("@") + 1));
    return hops.some((hop) => this.#isRecent(this.#troubledAt.get(hop) ?? Number.NEGATIVE_INFINITY));
  }

  /** What it brought about may be so much later. */
  #isRecent(at: number): boolean {
    return this.#bench.now() - at <= SILENCE_MS_MAX + BLOCK_MS_MAX + SLACK_MS;
  }
}

function isAfter(act: Act | undefined, because: string): boolean {
  const isPermitted = act === undefined || AFTER[act]?.includes(because) !== false;
  return isPermitted && ONLY_AFTER[because]?.includes(act) !== false;
}
