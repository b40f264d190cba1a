import { invariant } from "../core/base/invariant.ts";
import type { QueueAction } from "../core/queue/action.ts";
import type { PauseTarget } from "../core/queue/pause.ts";
import { StorageError } from "../ports/content.ts";
import type { DeliveryRow } from "../ports/store.ts";
import type { ControlToStore, Outlet, StoreToControl } from "./messages.ts";

type Done = Exclude<StoreToControl, { kind: "not-done" }>;

interface Waiting {
  readonly resolve: (done: Done) => void;
  readonly reject: (error: StorageError) => void;
}

/** The control thread's end of what an operator does: the store thread does it, step by step. */
export class OperatorClient {
  readonly #store: Outlet<ControlToStore>;
  readonly #waiting = new Map<number, Waiting>();
  #number: number;

  /** Questions are numbered from `first` on: not where an earlier control thread was, whose answers may still come. */
  constructor(store: Outlet<ControlToStore>, first: number) {
    this.#store = store;
    this.#number = first;
  }

  /** One step, at most `QUEUE.deliveriesPerAction`. Durable when it resolves; rejects with `StorageError`, and nothing is done. */
  async act(
    action: QueueAction,
    rows: readonly DeliveryRow[],
  ): Promise<{ readonly changed: number; readonly inHand: number }> {
    const done = await this.#ask((number) => ({ kind: "act", number, action, rows }));
    invariant(done.kind === "acted", "an action is answered as one");
    return done;
  }

  /** False where it was so already. Durable when it resolves; rejects with `StorageError`. */
  async pause(target: PauseTarget, isPaused: boolean): Promise<boolean> {
    const done = await this.#ask((number) => ({ kind: "pause", number, target, isPaused }));
    invariant(done.kind === "paused", "a pause is answered as one");
    return done.isChange;
  }

  fromStore(message: StoreToControl): void {
    const waiting = this.#waiting.get(message.number);
    this.#waiting.delete(message.number);
    if (message.kind === "not-done") waiting?.reject(new StorageError(message.reason, message.text));
    else waiting?.resolve(message);
  }

  #ask(order: (number: number) => ControlToStore): Promise<Done> {
    const number = this.#number++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
      this.#store.say(order(number));
    });
  }
}
