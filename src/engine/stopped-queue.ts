import type { MessageId } from "../core/mail/message-id.ts";
import { lastWord, readLastWord } from "../core/queue/reason.ts";
import type { QueuedDelivery, QueuedLane, QueuedMessage, QueueRecords } from "../ports/queue-records.ts";
import type { Instant } from "../core/base/time.ts";

/**
 * The queue of a relay that does not run: nobody has anything in hand. What the store has as such a relay had when it ended,
 * and waits for its next start, which will find it so (`QueueStore.recover`).
 */
export class StoppedQueue implements QueueRecords {
  readonly #records: QueueRecords;
  readonly #now: Instant;

  constructor(records: QueueRecords, now: Instant) {
    this.#records = records;
    this.#now = now;
  }

  deliveries(row: number, limit: number): readonly QueuedDelivery[] {
    return this.#records.deliveries(row, limit).map((delivery) => this.#left(delivery));
  }

  standingDeliveries(standing: "held" | "in-hand", row: number, limit: number): readonly QueuedDelivery[] {
    return standing === "in-hand" ? [] : this.#records.standingDeliveries(standing, row, limit);
  }

  deliveriesOf(row: number): readonly QueuedDelivery[] {
    return this.#records.deliveriesOf(row).map((delivery) => this.#left(delivery));
  }

  depth(): ReturnType<QueueRecords["depth"]> {
    const { waiting, inHand, oldest } = this.#records.depth();
    return { waiting: waiting + inHand, inHand: 0, oldest };
  }

  message(row: number): QueuedMessage | undefined {
    return this.#records.message(row);
  }

  messageById(id: MessageId): QueuedMessage | undefined {
    return this.#records.messageById(id);
  }

  ownId(id: MessageId): MessageId {
    return this.#records.ownId(id);
  }

  originOf(row: number): ReturnType<QueueRecords["originOf"]> {
    return this.#records.originOf(row);
  }

  hasLane(lane: string): boolean {
    return this.#records.hasLane(lane);
  }

  laneCount(): number {
    return this.#records.laneCount();
  }

  lanes(now: Instant, limit: number): readonly QueuedLane[] {
    return this.#records.lanes(now, limit);
  }

  pauses(): ReturnType<QueueRecords["pauses"]> {
    return this.#records.pauses();
  }

  heldCount(): number {
    return this.#records.heldCount();
  }

  #left(delivery: QueuedDelivery): QueuedDelivery {
    if (delivery.standing !== "in-hand") return delivery;
    const said = readLastWord(delivery.last)?.text ?? "";
    return { ...delivery, standing: "parked", due: this.#now, last: lastWord("recovered", said, this.#now) };
  }
}
