// The judge of the kill rounds: what was acknowledged against what arrived. Pure; it knows neither relay nor sockets.

/** What the source sent up to the final dot. */
export interface Sent {
  /** The envelope sender. */
  readonly from: string;
  readonly recipients: readonly string[];
  readonly hash: string;
  /** When its transaction began; the relay cannot have received it before. */
  readonly sentAt?: number;
}

/** What the sink made of one recipient of one transaction. Times are those of one clock, in ms. */
export interface Ended {
  readonly recipient: string;
  readonly loggedAt: number;
  /** The process of the relay that opened the connection, from 0. */
  readonly epoch: number;
}

/** It took it. */
export interface Arrived extends Ended {
  readonly from: string;
  readonly hash: string;
  /** It closed the connection instead of an answer. */
  readonly wasClosed: boolean;
}

export interface Books {
  /** Answered with 250. */
  readonly acknowledged: readonly Sent[];
  /** The connection died after the final dot. */
  readonly unknown: readonly Sent[];
  readonly arrived: readonly Arrived[];
  /** Recipients that the sink answered with 5yz, and others that had to fail. */
  readonly refused: ReadonlySet<string>;
  /** Each 5yz: an end like a copy that was taken, and nothing may come after it. */
  readonly refusals?: readonly Ended[];
  readonly lives: Lives;
}

/** The processes of the relay, as the rig saw them. */
export interface Lives {
  /** When that of each epoch was killed; Infinity where it was not. */
  readonly killedAt: readonly number[];
  /** Moments, in order, at which the relay was seen to work: it answered a final dot with 250, or told a next hop something. */
  readonly signs: readonly number[];
}

export interface Duplicates {
  /** The sink answered before the kill, and the relay had not recorded it yet: how fast the relay records. */
  readonly answeredByKill: number;
  /** The sink took it, and its answer found nobody: nothing that a relay could do. */
  readonly unansweredByKill: number;
  /** The sink refused it for good before the kill, and the relay had not recorded it yet, or the refusal found nobody. */
  readonly refusedByKill: number;
  /** The first two as transactions, by the epoch that ended with the kill: recipients that went together are one. */
  readonly transactionsByKill: ReadonlyMap<number, number>;
  readonly byClose: number;
}

export interface Verdict {
  readonly acknowledgedMessages: number;
  readonly acknowledgedRecipients: number;
  readonly unknownMessages: number;
  readonly arrivals: number;
  /** Acknowledged, and neither taken nor refused by the sink. */
  readonly lost: readonly string[];
  /** Copies before the last one of a recipient, by what explains that there was another. */
  readonly duplicates: Duplicates;
  readonly unexplained: readonly string[];
  /** Content, or an envelope sender, that is not what was sent. */
  readonly altered: readonly string[];
  /** Taken by the sink, and never accepted by the relay. */
  readonly uninvited: readonly string[];
  /** How long before the kill the oldest of the explained duplicates had been answered. */
  readonly oldestRepeatMs: number;
  /** The same, of the relay's own work only. */
  readonly oldestRepeatWorkMs: number;
}

/**
 * An answer that a relay does not record within so much of its work was not in flight when the kill came. Some twenty
 * times what recording takes (`RecordTimes` measures it in each run): one turn of a busy mail thread and two commits.
 */
export const RECORDED_WITHIN_MS = 250;

/** A refusal is recorded with the report of it, and recipients of one message that fail one after the other are gathered for so long. */
const GATHERED_FOR_MS = 1000;

/**
 * At most so much of the time between two signs of work counts as work. A relay that is stopped, or that the machine does not let run,
 * records nothing and gives no sign. One that acknowledges can record; and one that goes on with deliveries has to be able to: where
 * the disk is full, or it takes nothing more because it stops, that is all that is seen of it.
 */
const SIGN_GAP_MS = 25;

/** How long the relay worked between these moments, as far as its signs show. */
function workedMs(signs: readonly number[], from: number, to: number): number {
  let sum = 0;
  let last = from;
  for (let at = firstAfter(signs, from); at < signs.length && signs[at]! < to; at++) {
    sum += Math.min(signs[at]! - last, SIGN_GAP_MS);
    last = signs[at]!;
  }
  return sum + Math.min(to - last, SIGN_GAP_MS);
}

function firstAfter(signs: readonly number[], moment: number): number {
  let [low, high] = [0, signs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (signs[middle]! <= moment) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A copy that was taken, or a refusal. */
type End = Ended & Partial<Arrived> & { readonly isRefusal?: true };

/** How a relay came to do again what was done; undefined where it should have known. */
type Excuse =
  | { readonly kind: "closed" }
  | { readonly kind: "killed"; readonly ageMs: number; readonly workMs: number }
  | undefined;

/** Why there could be another attempt after this one. */
function excuseOf(end: End, { killedAt, signs }: Lives): Excuse {
  if (end.wasClosed === true) return { kind: "closed" };
  const killed = killedAt[end.epoch] ?? Number.POSITIVE_INFINITY;
  if (!Number.isFinite(killed)) return undefined;
  const ageMs = killed - end.loggedAt;
  const workMs = ageMs <= 0 ? 0 : workedMs(signs, end.loggedAt, killed);
  const withinMs = RECORDED_WITHIN_MS + (end.isRefusal === true ? GATHERED_FOR_MS : 0);
  return workMs <= withinMs ? { kind: "killed", ageMs, workMs } : undefined;
}

export function judge(books: Books): Verdict {
  const sent = new Map<string, Sent>();
  for (const message of [...books.acknowledged, ...books.unknown])
    for (const recipient of message.recipients) sent.set(recipient, message);
  const byRecipient = Map.groupBy(books.arrived, (arrival) => arrival.recipient);
  const acknowledged = books.acknowledged.flatMap(({ recipients }) => recipients);
  return {
    acknowledgedMessages: books.acknowledged.length,
    acknowledgedRecipients: acknowledged.length,
    unknownMessages: books.unknown.length,
    arrivals: books.arrived.length,
    lost: acknowledged.filter((recipient) => !byRecipient.has(recipient) && !books.refused.has(recipient)),
    ...repeats(books),
    altered: books.arrived
      .filter(({ recipient, hash, from }) => {
        const message = sent.get(recipient);
        return message !== undefined && (message.hash !== hash || message.from !== from);
      })
      .map(({ recipient }) => recipient),
    uninvited: [...byRecipient.keys()].filter((recipient) => !sent.has(recipient)),
  };
}

/**
 * Of those who miss something, the ones who never get it: for them, or for whom else it may go to, nothing waits in the queue. A relay
 * that had no time for all it has loses nothing, and a control that counts what waits would show nothing.
 */
export function goneFor(
  missing: readonly string[],
  waiting: ReadonlySet<string>,
  other: (recipient: string) => string | undefined = () => undefined,
): readonly string[] {
  return missing.filter((recipient) => !waiting.has(recipient) && !waiting.has(other(recipient) ?? recipient));
}

type Repeats = Pick<Verdict, "duplicates" | "unexplained" | "oldestRepeatMs" | "oldestRepeatWorkMs">;

/** Of each recipient every end but the last: there should have been no other. */
function repeats({ arrived, refusals = [], lives }: Books): Repeats {
  const duplicates = { answeredByKill: 0, unansweredByKill: 0, refusedByKill: 0, byClose: 0 };
  const transactions = new Map<number, Set<string>>();
  const unexplained: string[] = [];
  let [oldestRepeatMs, oldestRepeatWorkMs] = [0, 0];
  const ends: readonly End[] = [...arrived, ...refusals.map((refusal) => ({ ...refusal, isRefusal: true as const }))];
  for (const [recipient, all] of Map.groupBy(ends, (end) => end.recipient)) {
    const inOrder = all.toSorted((a, b) => a.loggedAt - b.loggedAt);
    for (const end of inOrder.slice(0, -1)) {
      const excuse = excuseOf(end, lives);
      if (excuse === undefined) unexplained.push(recipient);
      else if (excuse.kind === "closed") duplicates.byClose++;
      else if (end.isRefusal === true) duplicates.refusedByKill++;
      else {
        if (excuse.ageMs > 0) duplicates.answeredByKill++;
        else duplicates.unansweredByKill++;
        const ofEpoch = transactions.get(end.epoch) ?? new Set();
        transactions.set(end.epoch, ofEpoch.add(`${end.hash} ${end.loggedAt}`));
        oldestRepeatMs = Math.max(oldestRepeatMs, excuse.ageMs);
        oldestRepeatWorkMs = Math.max(oldestRepeatWorkMs, excuse.workMs);
      }
    }
  }
  const transactionsByKill = new Map([...transactions].map(([epoch, repeated]) => [epoch, repeated.size]));
  return { duplicates: { ...duplicates, transactionsByKill }, unexplained, oldestRepeatMs, oldestRepeatWorkMs };
}
