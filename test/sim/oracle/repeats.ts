import { type Account, type Copy, NO_LEAVE } from "./accounts.ts";
import { type Bench, SLACK_MS } from "./bench.ts";

/** What an operator may do to a delivery. */
export type Action = "hold" | "release" | "retry" | "reroute" | "cancel" | "expire";

/** Who may have a message already, and what happens until that is certain (promise P3). */
export class RepeatJudge {
  readonly #bench: Bench;
  /** The shortest that a recipient waits between two attempts. */
  readonly #firstWaitMs: number;
  /** Which process of the relay there is now. */
  life = 1;
  explained = 0;
  readonly #troubledAt = new Map<string, number>();

  constructor(bench: Bench, firstWaitMs: number) {
    this.#bench = bench;
    this.#firstWaitMs = firstWaitMs;
  }

  /** Something is in the way to a next hop. */
  troubled(hop: string): void {
    this.#troubledAt.set(groupOf(hop), this.#bench.now());
  }

  /** Named to a next hop. */
  tried({ address, copies, leave }: Account, hop: string): void {
    const last = copies.at(-1);
    if (last === undefined || last.isHeard) return;
    const isRecovered = this.life !== last.life;
    const isSentElsewhere = leave.kind === "due" && leave.isElsewhere;
    if (isRecovered && !last.isFollowed && !isSentElsewhere) this.#judgeFirst(address, last, hop);
    last.isFollowed = true;
    const waited = this.#bench.now() - last.at;
    if (!isRecovered && leave.kind !== "due" && waited < 0.8 * this.#firstWaitMs)
      this.#bench.violation("P3", `${address} was tried at ${hop} ${waited} ms after ${last.hop} may have taken it`);
  }

  /** After a crash it goes where it may be already, as long as that next hop is well. */
  #judgeFirst(address: string, last: Copy, hop: string): void {
    const isElsewhere = groupOf(hop) !== groupOf(last.hop);
    const wasWell = (this.#troubledAt.get(groupOf(last.hop)) ?? Number.NEGATIVE_INFINITY) < last.at - SLACK_MS;
    if (isElsewhere && wasWell)
      this.#bench.violation("P3", `${address} went to ${hop} after a crash, and ${last.hop} may have it and is well`);
  }

  /** A next hop has it, perhaps again. */
  took(account: Account, from: Pick<Copy, "hop" | "life" | "isKeptBack">): Copy {
    const last = account.copies.at(-1);
    if (last !== undefined) this.#judgeRepeat(account, last, from.hop);
    const copy: Copy = { ...from, at: this.#bench.now(), isFollowed: false, isHeard: false };
    account.copies.push(copy);
    if (account.leave.kind === "due") account.leave = NO_LEAVE;
    return copy;
  }

  #judgeRepeat({ address, letter, ending }: Account, last: Copy, hop: string): void {
    const wasKeptBack = !last.isHeard && last.isKeptBack();
    if (ending === undefined && (wasKeptBack || this.life !== last.life)) this.explained++;
    else
      this.#bench.violation(
        "P3",
        `${address} of ${letter.key} has a second copy at ${hop}, and nothing died since ${last.hop} took it at ${last.at}${ending === undefined ? "" : " and that was recorded"}`,
      );
  }

  /** The store has what an operator did to it. What is in hand is under way, and only `reroute` goes on from there. */
  acted(account: Account, action: Action, isInHand: boolean): void {
    account.wishes.add(action);
    if (action === "reroute") account.leave = { kind: isInHand ? "noted" : "due", isElsewhere: true };
    else if ((action === "release" || action === "retry") && !isInHand)
      account.leave = { kind: "due", isElsewhere: account.leave.isElsewhere };
  }

  /** It came out of a mail thread's hands, and waits. */
  parked(account: Account): void {
    const { kind, isElsewhere } = account.leave;
    account.leave = kind === "noted" ? { kind: "due", isElsewhere } : NO_LEAVE;
  }
}

/** Servers of one domain stand for each other. */
function groupOf(hop: string): string {
  return hop.startsWith("mx") && hop !== "mxe" ? "mx" : hop;
}
