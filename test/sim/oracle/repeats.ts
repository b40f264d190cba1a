import { type Account, type Copy, NO_LEAVE } from "./accounts.ts";
import { type Bench, SLACK_MS } from "./bench.ts";

/** What an operator may do to a delivery. */
export type Action = "hold" | "release" | "retry" | "reroute" | "cancel" | "expire";

/** How a process ended: when, and when the store had last refused it something. */
interface Death {
  readonly at: number;
  readonly storeRefusedAt: number;
}

/** The relay waits for the answer to content no longer than that. */
const HEARD_WITHIN_MS = 11 * 60_000;
/** What was heard is in the store, and a second later than that where it took nothing when it was asked. */
const RECORDED_WITHIN_MS = 300;
const RETRIED_WITHIN_MS = 1000 + RECORDED_WITHIN_MS;

/** Who may have a message already, and what happens until that is certain (promise P3). */
export class RepeatJudge {
  readonly #bench: Bench;
  /** The shortest that a recipient waits between two attempts. */
  readonly #firstWaitMs: number;
  /** Which process of the relay there is now. */
  life = 1;
  explained = 0;
  readonly #troubledAt = new Map<string, number>();
  readonly #deaths = new Map<number, Death>();
  readonly #jumps: { readonly at: number; readonly byMs: number }[] = [];
  #storeRefusedAt = Number.NEGATIVE_INFINITY;
  /** When it recorded what became of deliveries. */
  readonly #storeTookAt: number[] = [];

  constructor(bench: Bench, firstWaitMs: number) {
    this.#bench = bench;
    this.#firstWaitMs = firstWaitMs;
  }

  /** Something is in the way to a next hop. */
  troubled(hop: string): void {
    this.#troubledAt.set(groupOf(hop), this.#bench.now());
  }

  /** The store took nothing of a transaction. */
  storeRefused(): void {
    this.#storeRefusedAt = this.#bench.now();
  }

  /** The store recorded what became of some delivery. */
  storeTook(): void {
    this.#storeTookAt.push(this.#bench.now());
  }

  /** The clock was set: what is due by it is due earlier, or later. */
  jumped(byMs: number): void {
    this.#jumps.push({ at: this.#bench.now(), byMs });
  }

  /** The process is gone: what it knew and had not recorded is forgotten. */
  died(): void {
    this.#deaths.set(this.life++, { at: this.#bench.now(), storeRefusedAt: this.#storeRefusedAt });
  }

  /** Named to a next hop. */
  tried({ address, copies, leave }: Account, hop: string): void {
    const last = copies.at(-1);
    if (last === undefined || last.heardAt !== undefined) return;
    const isRecovered = this.life !== last.life;
    const isSentElsewhere = leave.kind === "due" && leave.isElsewhere;
    if (isRecovered && !last.isFollowed && !isSentElsewhere) this.#judgeFirst(address, last, hop);
    last.isFollowed = true;
    const waited = this.#waitedSince(last.at);
    if (!isRecovered && leave.kind !== "due" && waited < 0.8 * this.#firstWaitMs)
      this.#bench.violation("P3", `${address} was tried at ${hop} ${waited} ms after ${last.hop} may have taken it`);
  }

  /** In truth, or by the relay's clock at whatever moment it said the latest time: timers do not go by clocks. */
  #waitedSince(since: number): number {
    const jumps = this.#jumps.filter(({ at }) => at >= since);
    const jumpedBy = (upTo: number): number => jumps.slice(0, upTo).reduce((sum, { byMs }) => sum + byMs, 0);
    const waited = jumps.map(({ at }, n) => at - since + jumpedBy(n + 1));
    const passed = this.#bench.now() - since;
    return Math.max(...waited, passed, passed + jumpedBy(jumps.length));
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
    const copy: Copy = { ...from, at: this.#bench.now(), isFollowed: false, heardAt: undefined };
    account.copies.push(copy);
    if (account.leave.kind === "due") account.leave = NO_LEAVE;
    return copy;
  }

  #judgeRepeat({ address, letter, ending }: Account, last: Copy, hop: string): void {
    const wasKeptBack = last.heardAt === undefined && last.isKeptBack();
    if (ending === undefined && (wasKeptBack || this.#diedWith(last))) this.explained++;
    else
      this.#bench.violation(
        "P3",
        `${address} of ${letter.key} has a second copy at ${hop}, and nothing died as ${last.hop} took it at ${last.at}${ending === undefined ? "" : " and that was recorded"}`,
      );
  }

  /** Its process died before it can have recorded that copy. */
  #diedWith({ life, at, heardAt }: Copy): boolean {
    const death = this.#deaths.get(life);
    if (death === undefined) return false;
    if (heardAt === undefined) return death.at - at < HEARD_WITHIN_MS;
    if (death.at - heardAt < RECORDED_WITHIN_MS) return true;
    return death.at - death.storeRefusedAt < RETRIED_WITHIN_MS && !this.#hasTakenBetween(heardAt, death.at);
  }

  /** It took others' ends, when this one was to be recorded too, or again. */
  #hasTakenBetween(heardAt: number, diedAt: number): boolean {
    return this.#storeTookAt.some((at) => at > heardAt + RECORDED_WITHIN_MS && at < diedAt - RETRIED_WITHIN_MS);
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
