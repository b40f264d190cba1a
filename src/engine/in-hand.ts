import { QUEUE } from "../core/base/limits.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { QueuePort } from "../ports/queue.ts";
import type { MessageInHand } from "./load.ts";

/** Claimed deliveries of a lane done with and not yet told to the queue, and octets of their content. */
interface Consumed {
  deliveries: number;
  octets: number;
}

/** Counts what a mail thread has in hand, and tells the queue where what it claimed is done with. */
export class InHand {
  readonly #queue: Pick<QueuePort, "consumed">;
  readonly #consumed = new Map<Lane, Consumed>();
  #octets = 0;
  #deliveries = 0;

  constructor(queue: Pick<QueuePort, "consumed">) {
    this.#queue = queue;
  }

  hasRoom(octets: number, deliveries: number): boolean {
    return this.#octets + octets <= QUEUE.inHandOctetsMax && this.#deliveries + deliveries <= QUEUE.inHandDeliveriesMax;
  }

  take(message: MessageInHand): void {
    this.#octets += message.content?.length ?? 0;
    this.#deliveries += message.left;
  }

  /** Lets `count` of its deliveries go. */
  drop(message: MessageInHand, count: number): void {
    if (count === 0) return;
    message.left -= count;
    this.#deliveries -= count;
    const octets = message.left === 0 ? (message.content?.length ?? 0) : 0;
    this.#octets -= octets;
    const lane = message.claimedFrom;
    if (lane === undefined) return;
    const consumed = this.#consumed.get(lane);
    if (consumed === undefined) this.#consumed.set(lane, { deliveries: count, octets });
    else {
      consumed.deliveries += count;
      consumed.octets += octets;
    }
  }

  /** Tells the queue where there is room for more: in groups, or at once where there is no work. */
  report(isIdle: boolean): void {
    for (const [lane, { deliveries, octets }] of this.#consumed) {
      if (!isIdle && deliveries < QUEUE.reportEvery) continue;
      this.#queue.consumed(lane, deliveries, octets);
      this.#consumed.delete(lane);
    }
  }
}
