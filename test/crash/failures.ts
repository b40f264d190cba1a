// Whether a recipient had to fail, by what others than the relay saw. Pure.

export interface Witnesses {
  /** Recipients that a next hop answered with 5yz, and with 4yz. */
  readonly refused: ReadonlySet<string>;
  readonly deferred: ReadonlySet<string>;
  /** A next hop was told of them, and died, or was left, before its answer. */
  readonly unanswered: ReadonlySet<string>;
  /** The DNS says that nobody takes mail of this domain. */
  isNowhere(domain: string): boolean;
  /** The DNS was asked for it, and had no answer. */
  hadNoAnswer(domain: string): boolean;
  /** What is tried for so long may fail. */
  readonly expireMs: number;
  /** When its transaction with the relay began, and when its sender was told of the failure, by one clock; undefined where not. */
  sentAt(recipient: string): number | undefined;
  toldAt(recipient: string): number | undefined;
}

type Cause = "refused" | "nowhere" | "expired";

/** Why it failed, of a recipient that the relay says failed, by age or otherwise; undefined where nobody else knows why. */
export function causeOf(recipient: string, isByAge: boolean, witnesses: Witnesses): Cause | undefined {
  if (witnesses.refused.has(recipient)) return "refused";
  const domain = recipient.slice(recipient.indexOf("@") + 1);
  // Which is certain at once, and nothing to wait for.
  if (witnesses.isNowhere(domain)) return isByAge ? undefined : "nowhere";
  if (!isByAge) return undefined;
  const [sentAt, toldAt] = [witnesses.sentAt(recipient), witnesses.toldAt(recipient)];
  const isOver = sentAt !== undefined && toldAt !== undefined && toldAt - sentAt >= witnesses.expireMs;
  const { deferred, unanswered } = witnesses;
  const wasTried = deferred.has(recipient) || unanswered.has(recipient) || witnesses.hadNoAnswer(domain);
  return isOver && wasTried ? "expired" : undefined;
}
