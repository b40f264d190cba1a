import { CONTROL } from "../core/base/limits.ts";
import { second } from "../core/base/time.ts";
import { listenText } from "../core/config/config.ts";
import { isMessageId, timeOf } from "../core/mail/message-id.ts";
import { type StoredEnvelope, arrivalOf, readArrival } from "../core/mail/stored.ts";
import { type Pauses, pauseText, pausesOf } from "../core/queue/pause.ts";
import { readLastWord } from "../core/queue/reason.ts";
import { parseFilter } from "../core/queue/selection.ts";
import type { Clock } from "../ports/clock.ts";
import type { HistoryEntry } from "../ports/history.ts";
import type { QueuedDelivery, QueuedMessage, QueueRecords } from "../ports/queue-records.ts";
import { messageRow } from "../ports/store.ts";
import {
  type CountPage,
  type CountQuery,
  type DeliveryReport,
  type MessageReport,
  type Operator,
  type QueuePage,
  type QueueQuery,
  type Refusal,
  reasonText,
  type StatusReport,
} from "./operator.ts";
import { countPage } from "./queue-count.ts";
import { walk } from "./queue-walk.ts";

/** What the operator needs to know of the relay besides its stores. */
export interface RelayFacts {
  readonly version: string;
  readonly startedAt: number;
  readonly isStopping: boolean;
  readonly config: {
    readonly hostname: string;
    readonly listeners: readonly {
      readonly name: string;
      readonly listen: { readonly host: string; readonly port: number };
    }[];
  };
}

export interface StoreOperatorParts {
  facts(): RelayFacts;
  readonly queue: QueueRecords;
  readonly history: { find(id: string, since: number): readonly HistoryEntry[] };
  readonly clock: Pick<Clock, "now">;
  /** Of the disk with the data folder, and what of it the largest message needs. */
  readonly space: () => { readonly freeOctets: number; readonly neededOctets: number };
}

/** The operator's view of the two stores. */
export class StoreOperator implements Operator {
  readonly #parts: StoreOperatorParts;
  readonly #queue: QueueRecords;

  constructor(parts: StoreOperatorParts) {
    this.#parts = parts;
    this.#queue = parts.queue;
  }

  status(): StatusReport {
    const { version, startedAt, isStopping, config } = this.#parts.facts();
    const { waiting, inHand, oldest } = this.#queue.depth();
    const now = this.#parts.clock.now();
    return {
      version,
      startedAt,
      state: isStopping ? "stopping" : "running",
      hostname: config.hostname,
      listeners: config.listeners.map(({ name, listen }) => `${name} ${listenText(listen)}`),
      waiting,
      inHand,
      held: this.#queue.heldCount(),
      paused: this.#queue.pauses().map(({ target, since }) => ({ target: pauseText(target), since })),
      oldest,
      ...this.#parts.space(),
      lanesLeftOut: Math.max(0, this.#queue.laneCount() - CONTROL.lanesShown),
      lanes: this.#queue.lanes(now, CONTROL.lanesShown).map(({ lane, backlog, wakeAt, blockedUntil }) => ({
        lane,
        waiting: backlog,
        wakeAt,
        blockedUntil: blockedUntil > now ? blockedUntil : undefined,
      })),
    };
  }

  list({ limit, after, filter }: QueueQuery): QueuePage | Refusal {
    const selection = parseFilter(filter, this.#parts.clock.now());
    if ("wrong" in selection) return { kind: "wrong", refused: selection.wrong };
    const page = walk(this.#queue, { selection, after: placeOf(after) ?? 0, limit });
    const paused = pausesOf(this.#queue.pauses());
    const messages = new Map<number, QueuedMessage | undefined>();
    const deliveries: DeliveryReport[] = [];
    for (const delivery of page.found) {
      const row = messageRow(delivery.row);
      if (!messages.has(row)) messages.set(row, this.#queue.message(row));
      const message = messages.get(row);
      if (message !== undefined) deliveries.push(queued(message, delivery, paused)); // else it ended between the two reads
    }
    return { deliveries, after: page.after === undefined ? undefined : String(page.after) };
  }

  count({ filter, action, after, counted }: CountQuery): CountPage | Refusal {
    const selection = parseFilter(filter, this.#parts.clock.now());
    if ("wrong" in selection) return { kind: "wrong", refused: selection.wrong };
    return countPage(this.#queue, { selection, action, after: placeOf(after) ?? 0, counted: placeOf(counted) });
  }

  show(given: string): MessageReport | undefined {
    if (!isMessageId(given)) return undefined;
    const id = this.#queue.ownId(given);
    const message = this.#queue.messageById(id);
    const history = endedOf(this.#parts.history.find(id, message?.receivedAt ?? timeOf(id)));
    if (message === undefined) return fromHistory(id, history);
    const envelope = JSON.parse(message.envelope) as StoredEnvelope;
    const paused = pausesOf(this.#queue.pauses());
    const left = this.#queue.deliveriesOf(message.row);
    return {
      id,
      from: envelope.from,
      identity: envelope.identity,
      subject: envelope.subject,
      octets: message.octets,
      receivedAt: message.receivedAt,
      ...arrivalOf(envelope),
      // Those that wait first: they are what is asked about.
      deliveries: [
        ...left.map((delivery) => queued(message, delivery, paused)),
        ...endsOf(history.filter(({ entry }) => left.every(({ row }) => row !== entry.row))),
      ],
      history: history.map(({ report }) => report),
    };
  }
}

function placeOf(text: string | undefined): number | undefined {
  const place = Number(text ?? Number.NaN);
  return Number.isSafeInteger(place) ? place : undefined;
}

const STATES = { parked: "waiting", "in-hand": "in hand", held: "held" } as const;

function queued(message: QueuedMessage, delivery: QueuedDelivery, paused: Pauses): DeliveryReport {
  const last = readLastWord(delivery.last);
  const reason = delivery.standing === "in-hand" ? "in-hand" : last?.because;
  const isPaused = delivery.standing === "parked" && (paused.outbound || paused.lanes.includes(delivery.lane));
  return {
    id: message.id,
    recipient: delivery.recipient,
    from: (JSON.parse(message.envelope) as StoredEnvelope).from,
    lane: delivery.lane,
    state: STATES[delivery.standing],
    attempts: delivery.attempts,
    at: delivery.due,
    receivedAt: message.receivedAt,
    octets: message.octets,
    reason: reasonText(reason),
    text: last?.text ?? "",
    transcript: "",
    ...(delivery.isUnrouted ? { isUnrouted: true } : {}),
    ...(isPaused ? { isPaused } : {}),
  };
}

const ENDS = ["delivered", "failed", "cancelled"] as const;

interface Ended {
  readonly report: DeliveryReport;
  readonly entry: HistoryEntry;
}

/** Entries of one attempt are written within this. */
const ATTEMPT_APART = 1 * second;

function endedOf(entries: readonly HistoryEntry[]): Ended[] {
  const told = entries.filter(({ transcript }) => transcript !== "");
  return entries.map((entry) => {
    const { report } = ended(entry);
    const teller = entry.transcript === "" && entry.host !== "" ? tellerOf(entry, told) : undefined;
    return { entry, report: teller === undefined ? report : { ...report, transcriptOf: teller.recipient } };
  });
}

/**
 * The entry that has the transcript of this one's attempt: of the attempt's first recipient. Where a message with many
 * recipients took several transactions at a time, it is the last one before; undefined where none is surely the one.
 */
function tellerOf({ row, lane, host, at }: HistoryEntry, told: readonly HistoryEntry[]): HistoryEntry | undefined {
  const near = told.filter(
    (other) => other.lane === lane && other.host === host && Math.abs(other.at - at) <= ATTEMPT_APART,
  );
  if (near.length === 1) return near[0];
  return near.filter((other) => other.row < row).toSorted((one, other) => other.row - one.row)[0];
}

function ended(entry: HistoryEntry): Ended {
  const { id, recipient, from, lane, attempts, at, receivedAt, octets, reply, note, outcome, transcript } = entry;
  const state = ENDS.find((end) => end === outcome) ?? "deferred";
  return {
    entry,
    report: {
      id,
      recipient,
      from,
      lane,
      state,
      attempts,
      at,
      receivedAt,
      octets,
      reason: note,
      text: reply,
      transcript,
    },
  };
}

function endsOf(history: readonly Ended[]): DeliveryReport[] {
  return history.flatMap(({ report }) => (report.state === "deferred" ? [] : [report]));
}

function fromHistory(id: string, history: readonly Ended[]): MessageReport | undefined {
  const first = history[0];
  if (first === undefined) return undefined;
  const { from, identity, subject, octets, receivedAt } = first.entry;
  const reports = history.map(({ report }) => report);
  const deliveries = endsOf(history);
  const arrival = history.map(({ entry }) => readArrival(entry.arrival)).find((kept) => kept !== undefined);
  return {
    id,
    from,
    identity,
    ...(arrival ?? { client: "" }),
    subject,
    octets,
    receivedAt,
    deliveries,
    history: reports,
  };
}
