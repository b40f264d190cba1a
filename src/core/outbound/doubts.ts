import { OUTBOUND } from "../base/limits.ts";
import type { Outcome, Phase, Transient } from "./outcome.ts";

/** From here on a server knows something of the message: what it does may be about that, whatever it says. */
const KNOWS_THE_MESSAGE: ReadonlySet<Phase> = new Set(["rcpt", "data", "block", "finalDot"]);

function isAboutTheSite(outcome: Outcome): outcome is Transient {
  return outcome.kind === "transient" && outcome.scope !== "recipient" && outcome.scope !== "message";
}

/**
 * Tells a site that fails from a message that makes it fail. A server that hangs up at a message's content, or refuses it
 * with the words for an account that is closed, may mean that message alone: held against the site at once, one message
 * would keep all others from it. Several in a row, and none delivered between them, say that it is the site.
 */
export class Doubts {
  #inARow = 0;

  /** What one transaction brought; answers with the failure that is held against the site, if one is. */
  judge(outcomes: readonly Outcome[]): Transient | undefined {
    let seen: Outcome | undefined;
    for (const outcome of outcomes) {
      if (outcome === seen) continue; // one answer for all recipients
      seen = outcome;
      if (outcome.kind === "delivered") this.#inARow = 0;
      else if (isAboutTheSite(outcome) && (!KNOWS_THE_MESSAGE.has(outcome.phase) || this.#isCertain())) return outcome;
    }
    return undefined;
  }

  #isCertain(): boolean {
    this.#inARow++;
    return this.#inARow >= OUTBOUND.doubtsMax;
  }
}
