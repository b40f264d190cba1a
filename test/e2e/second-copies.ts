// The judge of calls of sendmail among relays that are killed: what came more than once, and whether a kill explains it. Pure.
import type { Copy } from "../support/accounting-sink.ts";

/** A call of sendmail; times are those of the sink's clock, in ms. */
export interface Call {
  readonly recipient: string;
  readonly from: number;
  readonly to: number;
}

/** One copy at the next hop. */
export interface Arrived {
  /** Of the relay's message. */
  readonly id: string;
  /** The relay took it from the spool. */
  readonly isSpooled: boolean;
  readonly loggedAt: number;
  /** The relay that opened the connection, from 0. */
  readonly epoch: number;
}

/**
 * An end of a delivery is recorded this long after its answer at the latest, also where a dozen programs start on each core
 * at the same moment. What the sink read after the kill was in its socket then.
 */
export const RECORDED_WITHIN_MS = 2000;

/** `killedAt`: by epoch; Infinity, or nothing, where it was not. */
export function unexplained(call: Call, arrived: readonly Arrived[], killedAt: readonly number[]): string[] {
  const byId = Map.groupBy(arrived, ({ id }) => id);
  const wrong = [...byId]
    .filter(([, copies]) => !isEachExplained(copies, killedAt))
    .map(([id]) => `${call.recipient}: ${id} came again without a kill`);
  if (byId.size <= 1 || isKept(call, byId, killedAt)) return wrong;
  return [...wrong, `${call.recipient}: ${byId.size} messages of one call`];
}

/** A message comes again where its relay was killed between the next hop's answer and the record of it, and from the next relay. */
function isEachExplained(copies: readonly Arrived[], killedAt: readonly number[]): boolean {
  const inOrder = copies.toSorted((a, b) => a.loggedAt - b.loggedAt);
  return inOrder.slice(1).every(({ epoch }, at) => {
    const before = inOrder[at]!;
    const killed = killedAt[before.epoch] ?? Number.POSITIVE_INFINITY;
    return epoch > before.epoch && killed - before.loggedAt <= RECORDED_WITHIN_MS;
  });
}

/** Sendmail keeps what the relay has committed where that was killed during the call, before its answer. */
function isKept(
  { from, to }: Call,
  byId: ReadonlyMap<string, readonly Arrived[]>,
  killedAt: readonly number[],
): boolean {
  const spooled = [...byId.values()].filter(([copy]) => copy!.isSpooled);
  return byId.size === 2 && spooled.length === 1 && killedAt.some((at) => at >= from && at <= to);
}

/** What the relay put on top of a copy says which message it is and how it came. */
export function arrivedOf({ raw, loggedAt, epoch }: Copy): Arrived {
  const text = raw!.toString("latin1");
  return { id: /\bid (\w{14})\b/.exec(text)![1]!, isSpooled: text.includes("from userid"), loggedAt, epoch };
}
