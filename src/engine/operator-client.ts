import { invariant } from "../core/base/invariant.ts";
import { CONTROL } from "../core/base/limits.ts";
import { span } from "../core/base/span.ts";
import type { QueueAction } from "../core/queue/action.ts";
import type { PauseTarget } from "../core/queue/pause.ts";
import type { Clock } from "../ports/clock.ts";
import { StorageError } from "../ports/content.ts";
import type { DeliveryRow, ImportedArrival } from "../ports/store.ts";
import type { ControlToStore, Outlet, StoreToControl } from "./messages.ts";
import { Questions } from "./questions.ts";

/** The store did not answer in time: what was asked for may be done, or will be. */
export class NoAnswer extends StorageError {}

type Answer = Exclude<StoreToControl, { kind: "space" }>;
type Done = Exclude<Answer, { kind: "not-done" }>;

/** The control thread's end of what an operator does: the store thread does it, step by step. */
export class OperatorClient {
  readonly #store: Outlet<ControlToStore>;
  readonly #questions: Questions<Answer>;

  constructor(store: Outlet<ControlToStore>, clock: Pick<Clock, "now" | "after">) {
    this.#store = store;
    this.#questions = new Questions(clock, CONTROL.storePatience);
  }

  /**
   * One step, at most `QUEUE.deliveriesPerAction`. Durable when it resolves; rejects with `StorageError`, and nothing is
   * done, or the store did not say so in time.
   */
  async act(
    action: QueueAction,
    rows: readonly DeliveryRow[],
  ): Promise<{ readonly changed: number; readonly inHand: number }> {
    const done = await this.#ask((number) => ({ kind: "act", number, action, rows }));
    invariant(done.kind === "acted", "an action is answered as one");
    return done;
  }

  /** False where it was so already. Durable when it resolves; rejects with `StorageError`, as above. */
  async pause(target: PauseTarget, isPaused: boolean): Promise<boolean> {
    const done = await this.#ask((number) => ({ kind: "pause", number, target, isPaused }));
    invariant(done.kind === "paused", "a pause is answered as one");
    return done.isChange;
  }

  /** Whether each is new here. Durable when it resolves; rejects with `StorageError`, and nothing is done, or with `NoAnswer`. */
  async import(arrivals: readonly ImportedArrival[]): Promise<readonly boolean[]> {
    const done = await this.#ask((number) => ({ kind: "import", number, arrivals }));
    invariant(done.kind === "imported", "an import is answered as one");
    return done.isNew;
  }

  fromStore(message: Answer): void {
    this.#questions.answered(message.number, message);
  }

  async #ask(order: (number: number) => ControlToStore): Promise<Done> {
    const answer = await this.#questions.ask((number) => this.#store.say(order(number)));
    if (answer === undefined)
      throw new NoAnswer(
        "failed",
        `the store did not answer within ${span(CONTROL.storePatience)}, its disk may hang: the last step may be done or not`,
      );
    if (answer.kind === "not-done") throw new StorageError(answer.reason, answer.text);
    return answer;
  }
}
