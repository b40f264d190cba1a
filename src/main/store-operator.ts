import type { HistoryReader } from "../adapters/history-sqlite/history-reader.ts";
import type { QueuedDelivery, QueuedMessage, QueueReader } from "../adapters/store-sqlite/queue-reader.ts";
import { SERVED } from "../adapters/store-sqlite/schema.ts";
import { neededToAccept, spaceOf } from "../adapters/system/space.ts";
import { CONTROL } from "../core/base/limits.ts";
import { listenText } from "../core/config/config.ts";
import { isMessageId, timeOf } from "../core/mail/message-id.ts";
import { pauseText } from "../core/queue/pause.ts";
import type { LastWord } from "../core/queue/reason.ts";
import { parseFilter } from "../core/queue/selection.ts";
import type { StoredEnvelope } from "../core/mail/stored.ts";
import {
  type DeliveryReport,
  type MessageReport,
  type Operator,
  type QueuePage,
  type QueueQuery,
  type Refusal,
  reasonText,
  type StatusReport,
} from "../engine/operator.ts";
import type { HistoryEntry } from "../ports/history.ts";
import { messageRow } from "../ports/store.ts";
import { walk } from "./queue-walk.ts";

/** What the operator needs to know of the relay besides its stores. */
export interface RelayFacts {
  readonly version: string;
  readonly startedAt: number;
  readonly config: {
    readonly hostname: string;
    readonly data: string;
    readonly listeners: readonly {
      readonly name: string;
      readonly messageOctetsMax: number;
      readonly listen: { readonly host: string; readonly port: number };
    }[];
  };
}

/** The operator's view of the two stores. */
export class StoreOperator implements Operator {
  readonly #facts: RelayFacts;
  readonly #queue: QueueReader;
  readonly #history: HistoryReader;

  constructor(facts: RelayFacts, queue: QueueReader, history: HistoryReader) {
    this.#facts = facts;
    this.#queue = queue;
    this.#history = history;
  }

  status(): StatusReport {
    const { version, startedAt, config } = this.#facts;
    const { waiting, inHand, oldest } = this.#queue.depth();
    const now = Date.now();
    const { freeOctets, totalOctets } = spaceOf(config.data);
    const messageOctetsMax = Math.max(0, ...config.listeners.map((listener) => listener.messageOctetsMax));
    return {
      version,
      startedAt,
      hostname: config.hostname,
      listeners: config.listeners.map(({ name, listen }) => `${name} ${listenText(listen)}`),
      waiting,
      inHand,
      held: this.#queue.heldCount(),
      paused: this.#queue.pauses().map(({ target, since }) => ({ target: pauseText(target), since })),
      oldest,
      freeOctets,
      neededOctets: Math.ceil(neededToAccept(totalOctets, messageOctetsMax)),
      lanesLeftOut: Math.max(0, this.#queue.laneCount() - CONTROL.lanesShown),
      lanes: this.#queue.lanes(now, CONTROL.lanesShown).map(({ lane, backlog, wakeAt, blockedUntil }) => ({
        lane,
        waiting: backlog,
        wakeAt: wakeAt === SERVED ? undefined : wakeAt,
        blockedUntil: blockedUntil > now ? blockedUntil : undefined,
      })),
    };
  }

  list({ limit, after, isHeld, filter }: QueueQuery): QueuePage | Refusal {
    const selection = parseFilter(filter);
    if ("wrong" in selection) return { kind: "wrong", refused: selection.wrong };
    const from = Number(after ?? 0);
    const page = walk(this.#queue, { selection, after: Number.isSafeInteger(from) ? from : 0, limit, isHeld });
    const messages = new Map<number, QueuedMessage | undefined>();
    const deliveries: DeliveryReport[] = [];
    for (const delivery of page.found) {
      const row = messageRow(delivery.row);
      if (!messages.has(row)) messages.set(row, this.#queue.message(row));
      const message = messages.get(row);
      if (message !== undefined) deliveries.push(queued(message, delivery)); // else it ended between the two reads
    }
    return { deliveries, after: page.after === undefined ? undefined : String(page.after) };
  }

  show(id: string): MessageReport | undefined {
    if (!isMessageId(id)) return undefined;
    const message = this.#queue.messageById(id);
    const history = this.#history.find(id, message?.receivedAt ?? timeOf(id)).map(ended);
    if (message === undefined) return fromHistory(id, history);
    const envelope = JSON.parse(message.envelope) as StoredEnvelope;
    return {
      id,
      from: envelope.from,
      identity: envelope.identity,
      client: envelope.client,
      subject: envelope.subject,
      octets: message.octets,
      receivedAt: message.receivedAt,
      deliveries: this.#queue.deliveriesOf(message.row).map((delivery) => queued(message, delivery)),
      history: history.map(({ report }) => report),
    };
  }
}

const STATES = { parked: "waiting", "in-hand": "in hand", held: "held" } as const;

function queued(message: QueuedMessage, delivery: QueuedDelivery): DeliveryReport {
  const last = delivery.last === "" ? undefined : (JSON.parse(delivery.last) as LastWord);
  const reason = delivery.standing === "in-hand" ? "in-hand" : last?.because;
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
  };
}

const ENDS = ["delivered", "failed", "cancelled"] as const;

interface Ended {
  readonly report: DeliveryReport;
  readonly entry: HistoryEntry;
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

function fromHistory(id: string, history: readonly Ended[]): MessageReport | undefined {
  const first = history[0];
  if (first === undefined) return undefined;
  const { from, identity, subject, octets, receivedAt } = first.entry;
  const reports = history.map(({ report }) => report);
  const deliveries = reports.filter((report) => report.state !== "deferred");
  return { id, from, identity, client: "", subject, octets, receivedAt, deliveries, history: reports };
}
