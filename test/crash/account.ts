// The judge of the kill rounds: what was acknowledged against what arrived. Pure; it knows neither relay nor sockets.

/** What the source sent up to the final dot. */
export interface Sent {
  /** The envelope sender. */
  readonly from: string;
  readonly recipients: readonly string[];
  readonly hash: string;
}

/** One recipient of one message that the sink took. Times are those of one clock, in ms. */
export interface Arrived {
  readonly from: string;
  readonly recipient: string;
  readonly hash: string;
  readonly loggedAt: number;
  /** The process of the relay that opened the connection, from 0. */
  readonly epoch: number;
  /** The sink closed the connection instead of an answer. */
  readonly wasClosed: boolean;
}

export interface Books {
  /** Answered with 250. */
  readonly acknowledged: readonly Sent[];
  /** The connection died after the final dot. */
  readonly unknown: readonly Sent[];
  readonly arrived: readonly Arrived[];
  /** Recipients that the sink answered with 5yz. */
  readonly refused: ReadonlySet<string>;
  /** When the process of each epoch was killed; Infinity where it was not. */
  readonly killedAt: readonly number[];
}

export interface Duplicates {
  /** The sink answered before the kill, and the relay had not recorded it yet: how fast the relay records. */
  readonly answeredByKill: number;
  /** The sink took it, and its answer found nobody: nothing that a relay could do. */
  readonly unansweredByKill: number;
  /** The two as transactions, by the epoch that ended with the kill: recipients that went together are one. */
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
}

/** An answer that came this long before the kill is recorded, or the relay is too slow in recording. */
export const RECORDED_WITHIN_MS = 1000;

export function judge(books: Books): Verdict {
  const sent = new Map<string, Sent>();
  for (const message of [...books.acknowledged, ...books.unknown])
    for (const recipient of message.recipients) sent.set(recipient, message);
  const byRecipient = Map.groupBy(books.arrived, (arrival) => arrival.recipient);
  const acknowledged = books.acknowledged.flatMap(({ recipients }) => recipients);
  const duplicates = { answeredByKill: 0, unansweredByKill: 0, byClose: 0 };
  const transactions = new Map<number, Set<string>>();
  const unexplained: string[] = [];
  let oldestRepeatMs = 0;
  for (const [recipient, copies] of byRecipient) {
    const inOrder = copies.toSorted((a, b) => a.loggedAt - b.loggedAt);
    for (const copy of inOrder.slice(0, -1)) {
      const ageMs = (books.killedAt[copy.epoch] ?? Number.POSITIVE_INFINITY) - copy.loggedAt;
      if (copy.wasClosed) duplicates.byClose++;
      else if (ageMs <= RECORDED_WITHIN_MS) {
        if (ageMs > 0) duplicates.answeredByKill++;
        else duplicates.unansweredByKill++;
        const ofEpoch = transactions.get(copy.epoch) ?? new Set();
        transactions.set(copy.epoch, ofEpoch.add(`${copy.hash} ${copy.loggedAt}`));
        oldestRepeatMs = Math.max(oldestRepeatMs, ageMs);
      } else unexplained.push(recipient);
    }
  }
  return {
    acknowledgedMessages: books.acknowledged.length,
    acknowledgedRecipients: acknowledged.length,
    unknownMessages: books.unknown.length,
    arrivals: books.arrived.length,
    lost: acknowledged.filter((recipient) => !byRecipient.has(recipient) && !books.refused.has(recipient)),
    duplicates: {
      ...duplicates,
      transactionsByKill: new Map([...transactions].map(([epoch, repeated]) => [epoch, repeated.size])),
    },
    unexplained,
    altered: books.arrived
      .filter(({ recipient, hash, from }) => {
        const message = sent.get(recipient);
        return message !== undefined && (message.hash !== hash || message.from !== from);
      })
      .map(({ recipient }) => recipient),
    uninvited: [...byRecipient.keys()].filter((recipient) => !sent.has(recipient)),
    oldestRepeatMs,
  };
}
